/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cancel.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/parallel.h"
#include "base/text.h"

#define MAX_WAKEUPS 16

struct wakeup {
    void (*fn)(void *);
    void *arg;
    bool called;
};

/* The code of the first cancelling, 0 while there is none. */
static atomic_int flag;
static atomic_int signals_seen;

/*
 * Two event counters. `sleepers_fd` becomes readable when cancelled and stays so: every poll on it returns.
 * `helper_fd` is emptied by the helper thread, which does what signal handlers may not.
 */
static pthread_once_t fds_once = PTHREAD_ONCE_INIT;
static pthread_once_t helper_once = PTHREAD_ONCE_INIT;
static int sleepers_fd = -1;
static int helper_fd = -1;

/* Guards wakeups; held while they are called. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct wakeup wakeups[MAX_WAKEUPS];
static size_t n_wakeups;

static void make_fds(void)
{
    sleepers_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    helper_fd = eventfd(0, EFD_CLOEXEC);
    if (sleepers_fd < 0 || helper_fd < 0)
        RF_BUG("no descriptors left at the start");
}

/* Safe in signal handlers. */
static void poke(int fd)
{
    static const uint64_t one = 1;
    int saved = errno;
    ssize_t n = write(fd, &one, sizeof(one));
    (void)n;
    errno = saved;
}

static void *helper(void *unused)
{
    (void)unused;
    for (;;) {
        uint64_t count;
        ssize_t n = read(helper_fd, &count, sizeof(count));
        if (n < 0 && errno != EINTR)
            return NULL;
        (void)pthread_mutex_lock(&lock);
        for (size_t i = 0; i < n_wakeups && rf_cancelled(); i++) {
            if (wakeups[i].called)
                continue;
            wakeups[i].called = true;
            wakeups[i].fn(wakeups[i].arg);
        }
        (void)pthread_mutex_unlock(&lock);
    }
}

static void start_helper(void)
{
    pthread_t thread;
    if (rf_thread_start(&thread, helper, NULL) != 0)
        RF_BUG("no thread can be started");
    (void)pthread_detach(thread);
}

static void on_signal(int sig)
{
    if (atomic_fetch_add(&signals_seen, 1) > 0) {
        /* The second: die of it, so that the parent sees a signal. It is blocked until we return. */
        (void)signal(sig, SIG_DFL);
        (void)raise(sig);
        return;
    }
    int none = 0;
    (void)atomic_compare_exchange_strong(&flag, &none,
                                         sig == SIGINT ? RFE_CANCELLED : RFE_TERMINATED);
    poke(sleepers_fd);
    poke(helper_fd);
}

static void handle(int sig)
{
    struct sigaction old, act = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    (void)sigemptyset(&act.sa_mask);
    if (sigaction(sig, NULL, &old) == 0 && old.sa_handler == SIG_IGN && sig != SIGTERM)
        return;
    (void)sigaction(sig, &act, NULL);
}

void rf_cancel_on_signals(void)
{
    (void)pthread_once(&fds_once, make_fds);
    (void)pthread_once(&helper_once, start_helper);
    handle(SIGINT);
    handle(SIGTERM);
    handle(SIGHUP);
    /* Both come back as EPIPE and EFBIG from the call that hit them. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    /* It may come ignored, and then the exit status of helper programs is lost. */
    (void)signal(SIGCHLD, SIG_DFL);
}

void rf_cancel_set(int code)
{
    RF_CHECK(code == RFE_CANCELLED || code == RFE_TERMINATED);
    (void)pthread_once(&fds_once, make_fds);
    int none = 0;
    (void)atomic_compare_exchange_strong(&flag, &none, code);
    poke(sleepers_fd);
    poke(helper_fd);
}

bool rf_cancelled(void)
{
    return atomic_load(&flag) != 0;
}

int rf_cancel_check(struct rf_err *err)
{
    int code = atomic_load(&flag);
    return code == 0 ? 0 : rf_fail(err, code, "interrupted");
}

int rf_cancel_sleep(uint64_t ms, struct rf_err *err)
{
    (void)pthread_once(&fds_once, make_fds);
    uint64_t start = rf_now_ms();
    for (;;) {
        int rc = rf_cancel_check(err);
        if (rc < 0)
            return rc;
        uint64_t gone = rf_now_ms() - start;
        if (gone >= ms)
            return 0;
        uint64_t left = ms - gone;
        struct pollfd pfd = { .fd = sleepers_fd, .events = POLLIN };
        (void)poll(&pfd, 1, left < INT_MAX ? (int)left : INT_MAX);
    }
}

void rf_cancel_add_wakeup(void (*fn)(void *), void *arg)
{
    (void)pthread_once(&fds_once, make_fds);
    (void)pthread_once(&helper_once, start_helper);
    (void)pthread_mutex_lock(&lock);
    RF_CHECK(n_wakeups < MAX_WAKEUPS);
    wakeups[n_wakeups++] = (struct wakeup){ .fn = fn, .arg = arg };
    (void)pthread_mutex_unlock(&lock);
    if (rf_cancelled())
        poke(helper_fd);
}

void rf_cancel_remove_wakeup(void (*fn)(void *), void *arg)
{
    (void)pthread_mutex_lock(&lock);
    for (size_t i = 0; i < n_wakeups; i++) {
        if (wakeups[i].fn == fn && wakeups[i].arg == arg) {
            wakeups[i] = wakeups[--n_wakeups];
            break;
        }
    }
    (void)pthread_mutex_unlock(&lock);
}

void rf_cancel_reset(void)
{
    (void)pthread_once(&fds_once, make_fds);
    atomic_store(&flag, 0);
    atomic_store(&signals_seen, 0);
    uint64_t count;
    ssize_t n = read(sleepers_fd, &count, sizeof(count));
    (void)n;
    (void)pthread_mutex_lock(&lock);
    for (size_t i = 0; i < n_wakeups; i++)
        wakeups[i].called = false;
    (void)pthread_mutex_unlock(&lock);
}
