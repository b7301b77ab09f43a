/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into a program under test (LD_PRELOAD): ends it by SIGKILL before its call number RF_KILL_AT among those that change files. When that number is
 * not reached, the program ends as it does.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long made;
static long kill_at;

__attribute__((constructor)) static void start(void)
{
    const char *at = getenv("RF_KILL_AT");
    kill_at = at != NULL ? strtol(at, NULL, 10) : 0;
}

static void step(void)
{
    if (kill_at > 0 && atomic_fetch_add(&made, 1) + 1 == kill_at)
        (void)kill(getpid(), SIGKILL);
}

/* The C library's own function of this name, into the function pointer *out. */
static void next(const char *name, void *out)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(out, &found, sizeof(found));
}

#define EXPORTED __attribute__((visibility("default")))
#define PASS_ON(type, name, params, args)  \
    EXPORTED type name params;             \
    EXPORTED type name params              \
    {                                      \
        static type(*_Atomic real) params; \
        type(*call) params = real;         \
        if (call == NULL) {                \
            next(#name, &call);            \
            real = call;                   \
        }                                  \
        step();                            \
        return call args;                  \
    }

PASS_ON(int, linkat, (int from, const char *a, int to, const char *b, int flags),
        (from, a, to, b, flags))
PASS_ON(int, mkdir, (const char *path, mode_t mode), (path, mode))
PASS_ON(int, mkdirat, (int at, const char *path, mode_t mode), (at, path, mode))
PASS_ON(int, renameat, (int from, const char *a, int to, const char *b), (from, a, to, b))
PASS_ON(int, renameat2, (int from, const char *a, int to, const char *b, unsigned flags),
        (from, a, to, b, flags))
PASS_ON(int, unlinkat, (int at, const char *path, int flags), (at, path, flags))
PASS_ON(int, fsync, (int fd), (fd))
PASS_ON(ssize_t, pwrite64, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))

/* Files alone: what is written to a pipe or terminal changes none. */
EXPORTED ssize_t write(int fd, const void *p, size_t n)
{
    static ssize_t (*_Atomic real)(int, const void *, size_t);
    ssize_t (*call)(int, const void *, size_t) = real;
    struct stat st;
    if (call == NULL) {
        next("write", &call);
        real = call;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        step();
    return call(fd, p, n);
}

EXPORTED int openat64(int at, const char *path, int flags, ...)
{
    static int (*_Atomic real)(int, const char *, int, ...);
    int (*call)(int, const char *, int, ...) = real;
    unsigned mode = 0;
    if (call == NULL) {
        next("openat64", &call);
        real = call;
    }
    if ((flags & (O_CREAT | O_TMPFILE)) == 0)
        return call(at, path, flags);
    va_list list;
    va_start(list, flags);
    mode = va_arg(list, unsigned);
    va_end(list);
    if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE)
        step();
    return call(at, path, flags, mode);
}
