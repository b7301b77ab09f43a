/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "policy/server.h"

#define LONGEST_WAIT_MS 60000 /* clocks jump: the time is looked at again now and then */

static time_t real_now(void *ctx)
{
    struct timespec now; /* time() may be some milliseconds behind what is waited by */
    (void)ctx;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

/* A second signal is to be obeyed at once: handlers get it again. */
static enum rf_server_event read_signal(struct rf_server_signals *s)
{
    struct signalfd_siginfo info;
    if (read(s->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return RF_SERVER_TIME;
    if (info.ssi_signo == SIGHUP)
        return RF_SERVER_RELOAD;
    rf_cancel_set(info.ssi_signo == SIGINT ? RFE_CANCELLED : RFE_TERMINATED);
    (void)pthread_sigmask(SIG_SETMASK, &s->before, NULL);
    return RF_SERVER_STOP;
}

static int wait_ms(time_t until, bool forever)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (forever || until - now.tv_sec > LONGEST_WAIT_MS / 1000)
        return LONGEST_WAIT_MS;
    int64_t ms = (int64_t)(until - now.tv_sec) * 1000 - now.tv_nsec / 1000000;
    return ms < 0 ? 0 : (int)ms + 1;
}

static enum rf_server_event real_wait(void *ctx, time_t until, bool forever)
{
    struct rf_server_signals *s = ctx;
    struct pollfd fds[2] = { { .fd = s->signals, .events = POLLIN },
                             { .fd = s->wakeups, .events = POLLIN } };
    if (rf_cancelled())
        return RF_SERVER_STOP;
    if (poll(fds, 2, wait_ms(until, forever)) <= 0)
        return RF_SERVER_TIME;
    if (fds[1].revents != 0) {
        uint64_t count;
        ssize_t n = read(s->wakeups, &count, sizeof(count));
        (void)n;
    }
    return fds[0].revents != 0 ? read_signal(s) : RF_SERVER_TIME;
}

static void real_wake(void *ctx)
{
    static const uint64_t one = 1;
    const struct rf_server_signals *s = ctx;
    ssize_t n = write(s->wakeups, &one, sizeof(one));
    (void)n;
}

int rf_server_signals_open(struct rf_server_signals *s, struct rf_err *err)
{
    sigset_t mine;
    *s = (struct rf_server_signals){ .signals = -1, .wakeups = -1 };
    s->clock =
        (struct rf_server_clock){ .ctx = s, .now = real_now, .wait = real_wait, .wake = real_wake };
    (void)sigemptyset(&mine);
    (void)sigaddset(&mine, SIGHUP);
    (void)sigaddset(&mine, SIGINT);
    (void)sigaddset(&mine, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &mine, &s->before);
    s->signals = signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK);
    s->wakeups = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->signals >= 0 && s->wakeups >= 0)
        return 0;
    int e = errno;
    rf_server_signals_release(s);
    return rf_fail_errno(err, e, "wait for signals");
}

void rf_server_signals_release(struct rf_server_signals *s)
{
    rf_closep(&s->signals);
    rf_closep(&s->wakeups);
    (void)pthread_sigmask(SIG_SETMASK, &s->before, NULL);
}
