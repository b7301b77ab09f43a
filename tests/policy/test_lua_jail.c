/* SPDX-License-Identifier: Apache-2.0 */
/* Each attempt is made in a process of its own, in jail; what the kernel (or a build with sanitizers) cannot forbid is not tested there. */
#include "policy/lua/lua_jail.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

#define FD 3
enum { DENIED = 0, ALLOWED = 1, NOT_TESTED = 2 };

enum needs { LIMITS = 0, LANDLOCK = 1, SECCOMP = 2 };

/* 1 when it worked. */
static int open_a_file(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
}
static int list_a_folder(void)
{
    return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0;
}
static int make_a_file(void)
{
    return open("/tmp/rf-test-jail", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0;
}
static int make_a_folder(void)
{
    return mkdir("/tmp/rf-test-jail-d", 0700) == 0;
}
static int remove_a_file(void)
{
    return unlink("/tmp/rf-test-jail-victim") == 0;
}
static int make_a_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}
static int make_a_process(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid > 0;
}
static int run_a_program(void)
{
    char *const argv[] = { NULL };
    (void)execve("/bin/true", argv, argv);
    return 0;
}
static int signal_the_parent(void)
{
    return kill(getppid(), 0) == 0;
}
static int memory_that_runs(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) != MAP_FAILED;
}
static int memory_made_to_run(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p != MAP_FAILED && mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;
}
static int read_elsewhere(void)
{
    char c;
    return read(0, &c, 1) >= 0;
}
static int more_memory_than_given(void)
{
    return mmap(NULL, (size_t)1 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) != MAP_FAILED;
}
static int one_more_descriptor(void)
{
    return fcntl(FD, F_DUPFD, FD + 1) >= 0;
}
static int raised_limit(void)
{
    const struct rlimit r = { 64, 64 };
    return setrlimit(RLIMIT_NOFILE, &r) == 0;
}
/* What has to work. */
static int talk(void)
{
    char c = 'x';
    return write(FD, &c, 1) == 1 && read(FD, &c, 1) == 1 && c == 'y';
}
static int allocate(void)
{
    char *list[64];
    for (size_t i = 0; i < RF_ARRAY_LEN(list); i++) {
        list[i] = malloc((i + 1) * 9000);
        if (list[i] == NULL)
            return 0;
        memset(list[i], 1, (i + 1) * 9000);
    }
    for (size_t i = 0; i < RF_ARRAY_LEN(list); i++)
        free(list[i]);
    return 1;
}
static int look_at_clocks(void)
{
    struct timespec t;
    return clock_gettime(CLOCK_MONOTONIC, &t) == 0 &&
           clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0 && time(NULL) > 0;
}

static const struct {
    const char *name;
    int (*attempt)(void);
    enum needs needs;
    bool allowed;
    bool as_root_too; /* limits on processes do not hold for root */
} rows[] = {
    { "open a file", open_a_file, LANDLOCK, false, true },
    { "list a folder", list_a_folder, LANDLOCK, false, true },
    { "make a file", make_a_file, LANDLOCK, false, true },
    { "make a folder", make_a_folder, LANDLOCK, false, true },
    { "remove a file", remove_a_file, LANDLOCK, false, true },
    { "make a socket", make_a_socket, SECCOMP, false, true },
    { "make a process", make_a_process, SECCOMP, false, true },
    { "run a program", run_a_program, SECCOMP, false, true },
    { "signal the parent", signal_the_parent, SECCOMP, false, true },
    { "memory that runs", memory_that_runs, SECCOMP, false, true },
    { "memory made to run", memory_made_to_run, SECCOMP, false, true },
    { "read elsewhere", read_elsewhere, SECCOMP, false, true },
    { "more memory than given", more_memory_than_given, SECCOMP, false, true },
    { "one more descriptor", one_more_descriptor, LIMITS, false, true },
    { "raised limit", raised_limit, LIMITS, false, false },
    { "talk", talk, LIMITS, true, true },
    { "allocate", allocate, LIMITS, true, true },
    { "look at clocks", look_at_clocks, LIMITS, true, true },
};

_Noreturn static void in_jail(int row, int end)
{
    struct rf_lua_jail_gaps gaps = { NULL, NULL };
    const struct rf_lua_jail jail = { .fd = FD, .memory = 32u << 20 };
    if (end != FD)
        (void)dup2(end, FD);
    (void)syscall(SYS_close_range, FD + 1, ~0U, 0);
    rf_lua_jail_basics();
    if (!rf_lua_jail_enter(&jail, &gaps))
        _exit(99);
    /* Files are out of reach by either. */
    if ((rows[row].needs == LANDLOCK && gaps.landlock != NULL && gaps.seccomp != NULL) ||
        (rows[row].needs == SECCOMP && gaps.seccomp != NULL))
        _exit(NOT_TESTED);
    _exit(rows[row].attempt() == 1 ? ALLOWED : DENIED);
}

START_TEST(attempt)
{
    int ends[2], status;
    char c;
    if (!rows[_i].as_root_too && geteuid() == 0)
        return;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    FILE *victim = fopen("/tmp/rf-test-jail-victim", "we");
    ck_assert_ptr_nonnull(victim);
    (void)fclose(victim);
    ck_assert_int_eq(write(ends[0], "y", 1), 1);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        in_jail(_i, ends[1]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    (void)recv(ends[0], &c, 1, MSG_DONTWAIT);
    (void)unlink("/tmp/rf-test-jail-victim");
    /* The worst ones are answered by the end of the process. */
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
    ck_assert_msg(killed || WIFEXITED(status), "%s: signal %d", rows[_i].name, WTERMSIG(status));
    int outcome = killed ? DENIED : WEXITSTATUS(status);
    if (outcome != NOT_TESTED)
        ck_assert_msg(outcome == (rows[_i].allowed ? ALLOWED : DENIED), "%s: %d", rows[_i].name,
                      outcome);
    (void)close(ends[0]);
    (void)close(ends[1]);
}
END_TEST

START_TEST(basics)
{
    int status;
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int signal = 0;
        struct rlimit core;
        rf_lua_jail_basics();
        bool ok = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
                  prctl(PR_GET_PDEATHSIG, &signal, 0, 0, 0) == 0 && signal == SIGKILL &&
                  getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0;
        _exit(ok ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

Suite *rf_lua_jail_suite(void);
Suite *rf_lua_jail_suite(void)
{
    Suite *s = suite_create("lua_jail");
    TCase *t = tcase_create("jail");
    tcase_add_test(t, basics);
    tcase_add_loop_test(t, attempt, 0, (int)RF_ARRAY_LEN(rows));
    suite_add_tcase(s, t);
    return s;
}
