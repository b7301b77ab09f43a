/* SPDX-License-Identifier: Apache-2.0 */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/text.h"

/* How often the end of the program is looked for while it says nothing. */
#define POLL_MS 20

struct child {
    const char *name;
    pid_t pid;   /* 0 = not running (any more) */
    pid_t group; /* 0 = none of its own */
    const struct rf_process_how *how;
    int to, from;
    struct rf_slice in; /* what is still to be written */
    int wait_status;
    bool lost; /* somebody else took the status */
};

/* Kills what still runs and takes its status, so that no zombie stays. */
static void child_release(struct child *c)
{
    rf_closep(&c->to);
    rf_closep(&c->from);
    if (c->pid > 0) {
        (void)kill(c->group > 0 ? -c->group : c->pid, SIGKILL);
        while (waitpid(c->pid, &c->wait_status, 0) < 0 && errno == EINTR)
            continue;
        c->pid = 0;
    }
    /* What it left behind has the group's number, which nobody else gets before they are all gone. */
    if (c->group > 0)
        (void)kill(-c->group, SIGKILL);
    c->group = 0;
}

/* Both ends close on exec: dup2 in the child gives it copies that stay. */
static int make_pipe(int *reader, int *writer, struct rf_err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return rf_fail_errno(err, errno, "make a pipe");
    *reader = ends[0];
    *writer = ends[1];
    return 0;
}

static int set_up_spawn(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attr, int in,
                        int out, const struct rf_process_how *how)
{
    int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigset_t none, defaults;
    (void)sigemptyset(&none);
    (void)sigemptyset(&defaults);
    (void)sigaddset(&defaults, SIGPIPE);
    (void)sigaddset(&defaults, SIGXFSZ);
    int rc = posix_spawn_file_actions_adddup2(actions, in, STDIN_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
    if (rc == 0 && how->tail)
        rc = posix_spawn_file_actions_adddup2(actions, out, STDERR_FILENO);
    else if (rc == 0)
        rc = posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    /* Our threads block all signals, and we ignore two: the program shall have neither. */
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(attr, &none);
    if (rc == 0)
        rc = posix_spawnattr_setsigdefault(attr, &defaults);
    if (rc == 0)
        rc = posix_spawnattr_setpgroup(attr, 0);
    if (rc == 0)
        rc = posix_spawnattr_setflags(attr,
                                      (short)(how->group ? flags | POSIX_SPAWN_SETPGROUP : flags));
    return rc;
}

static int spawn(struct child *c, const char *const *argv, int in, int out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0)
        return rc;
    rc = posix_spawnattr_init(&attr);
    if (rc == 0) {
        rc = set_up_spawn(&actions, &attr, in, out, c->how);
        if (rc == 0) {
            /* The interface lacks a const that it keeps. */
            union {
                const char *const *in;
                char *const *out;
            } args = { .in = argv }, env = { .in = c->how->env };
            rc = posix_spawnp(&c->pid, argv[0], &actions, &attr, args.out,
                              env.in != NULL ? env.out : environ);
        }
        (void)posix_spawnattr_destroy(&attr);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    if (rc != 0)
        c->pid = 0;
    c->group = c->how->group ? c->pid : 0;
    return rc;
}

static int start(struct child *c, const char *const *argv, struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int in = -1;
    RF_CLEANUP(rf_closep) int out = -1;
    int rc = make_pipe(&in, &c->to, err);
    if (rc == 0)
        rc = make_pipe(&c->from, &out, err);
    if (rc < 0)
        return rc;
    /* Our ends only; the program's own ends are other descriptions and keep blocking. */
    if (fcntl(c->to, F_SETFL, O_NONBLOCK) < 0 || fcntl(c->from, F_SETFL, O_NONBLOCK) < 0)
        return rf_fail_errno(err, errno, "set up a pipe");
    int e = spawn(c, argv, in, out);
    if (e == ENOENT || e == ENOTDIR)
        return rf_fail(err, RFE_NOT_FOUND, "%s: no such program", c->name);
    return e != 0 ? rf_fail_errno(err, e, "start %s", c->name) : 0;
}

/* write() without the SIGPIPE that it may raise, whatever this process does about that signal. */
static ssize_t quiet_write(int fd, const void *p, size_t n)
{
    sigset_t pipe_only, old, pending;
    (void)sigemptyset(&pipe_only);
    (void)sigaddset(&pipe_only, SIGPIPE);
    (void)sigpending(&pending);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_only, &old);
    ssize_t done = write(fd, p, n);
    int e = errno;
    if (done < 0 && e == EPIPE && sigismember(&pending, SIGPIPE) == 0) {
        static const struct timespec now = { 0, 0 };
        (void)sigtimedwait(&pipe_only, NULL, &now);
    }
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = e;
    return done;
}

static int feed(struct child *c, struct rf_err *err)
{
    if (c->in.len > 0) {
        ssize_t n = quiet_write(c->to, c->in.ptr, c->in.len);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        /* A program that does not want its input is free not to read it. */
        if (n < 0 && errno != EPIPE)
            return rf_fail_errno(err, errno, "write to %s", c->name);
        size_t done = n < 0 ? c->in.len : (size_t)n;
        c->in = rf_slice_of(c->in.ptr + done, c->in.len - done);
    }
    if (c->in.len == 0)
        rf_closep(&c->to);
    return 0;
}

/* Of what would be too much the first half goes. */
static void make_room(struct rf_buf *out, size_t n)
{
    if (out->len + n <= out->max)
        return;
    size_t gone = out->len < out->max / 2 + n ? out->len : out->max / 2 + n;
    memmove(out->ptr, out->ptr + gone, out->len - gone);
    out->len -= gone;
}

/* Takes what is there; *dry when nothing is for now. */
static int drain(struct child *c, struct rf_buf *out, bool *dry, struct rf_err *err)
{
    char chunk[4096];
    *dry = false;
    ssize_t n = read(c->from, chunk, sizeof(chunk));
    if (n < 0 && errno == EINTR)
        return 0;
    if (n < 0 && errno == EAGAIN) {
        *dry = true;
        return 0;
    }
    if (n < 0)
        return rf_fail_errno(err, errno, "read from %s", c->name);
    if (n == 0)
        rf_closep(&c->from);
    if (c->how->tail)
        make_room(out, (size_t)n);
    rf_buf_add(out, chunk, (size_t)n);
    /* The answer may be a password. */
    rf_wipe(chunk, (size_t)n);
    if (out->rc < 0)
        return rf_fail(err, RFE_TOO_LARGE, "%s: an answer of more than %zu bytes", c->name,
                       out->max);
    return 0;
}

static int move_bytes(struct child *c, struct rf_buf *out, int wait_ms, bool *dry,
                      struct rf_err *err)
{
    /* poll passes over descriptors of -1. */
    struct pollfd fds[2] = { { .fd = c->from, .events = POLLIN },
                             { .fd = c->to, .events = POLLOUT } };
    if (poll(fds, 2, wait_ms) < 0 && errno != EINTR)
        return rf_fail_errno(err, errno, "wait for %s", c->name);
    int rc = 0;
    *dry = true;
    if (fds[1].revents != 0)
        rc = feed(c, err);
    if (rc == 0 && fds[0].revents != 0)
        rc = drain(c, out, dry, err);
    return rc;
}

static void look_for_end(struct child *c)
{
    if (c->pid <= 0)
        return;
    pid_t got = waitpid(c->pid, &c->wait_status, WNOHANG);
    /* Where SIGCHLD is ignored the kernel forgets the status: that is no success. */
    if (got < 0 && errno == ECHILD)
        c->lost = true;
    if (got == c->pid || c->lost)
        c->pid = 0;
}

/* Until the program has ended and its output is read; a grandchild that keeps the pipe is not waited for. */
static int run(struct child *c, struct rf_buf *out, unsigned timeout_ms, struct rf_err *err)
{
    uint64_t start_ms = rf_now_ms();
    for (;;) {
        bool dry = true;
        look_for_end(c);
        bool ended = c->pid == 0;
        int rc = move_bytes(c, out, ended ? 0 : POLL_MS, &dry, err);
        if (rc < 0)
            return rc;
        if (ended && (dry || c->from < 0))
            return c->lost ? rf_fail(err, RFE_FAILED, "%s: its exit status is lost", c->name) : 0;
        rc = rf_cancel_check(err);
        if (rc < 0)
            return rc;
        if (rf_now_ms() - start_ms >= timeout_ms)
            return rf_fail_errno(err, ETIMEDOUT, "%s: killed after %u ms", c->name, timeout_ms);
    }
}

int rf_process_run_with(const char *const *argv, const struct rf_process_how *how,
                        struct rf_slice in, struct rf_buf *out, int *status, struct rf_err *err)
{
    RF_CLEANUP(child_release)
    struct child c = { .name = argv[0], .how = how, .to = -1, .from = -1, .in = in };
    size_t before = out->len;
    int before_rc = out->rc;
    int rc = start(&c, argv, err);
    if (rc == 0)
        rc = run(&c, out, how->timeout_ms, err);
    if (rc < 0) {
        rf_wipe(out->ptr + before, out->len - before);
        out->len = before;
        out->rc = before_rc;
        return rc;
    }
    *status = WIFEXITED(c.wait_status) ? WEXITSTATUS(c.wait_status) : 128 + WTERMSIG(c.wait_status);
    return 0;
}

int rf_process_run(const char *const *argv, struct rf_slice in, struct rf_buf *out,
                   unsigned timeout_ms, int *status, struct rf_err *err)
{
    const struct rf_process_how how = { .timeout_ms = timeout_ms };
    return rf_process_run_with(argv, &how, in, out, status, err);
}
