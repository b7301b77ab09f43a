/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter is written out by hand: it is forty numbers and three rules, the same on every architecture that we build it for, and a
 * library for it would be one more thing that every program loads at its start.
 */
#include "policy/lua/lua_jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "policy/lua/lua_child_private.h"

/* ---- limits ---- */

void rf_lua_jail_basics(void)
{
    const struct rlimit none = { 0, 0 };
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
#if !RF_LUA_SANITIZED /* the leak checker looks into its own process */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

static bool limit(__rlimit_resource_t what, rlim_t value)
{
    struct rlimit old;
    if (getrlimit(what, &old) < 0)
        return false;
    const struct rlimit new = { value < old.rlim_max ? value : old.rlim_max,
                                value < old.rlim_max ? value : old.rlim_max };
    return setrlimit(what, &new) == 0;
}

/* Bytes of address space in use; 0 when that cannot be known, or says nothing: sanitizers map terabytes that they never touch. */
static size_t mapped(void)
{
#if RF_LUA_SANITIZED
    return 0;
#else
    char text[64];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    return (size_t)strtoull(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
#endif
}

/* `now`: bytes of address space in use, 0 when that is not known. */
static bool set_limits(const struct rf_lua_jail *jail, size_t now)
{
    bool ok = limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_NOFILE, (rlim_t)jail->fd + 1) &&
              limit(RLIMIT_NPROC, 0) && limit(RLIMIT_MEMLOCK, 0) && limit(RLIMIT_MSGQUEUE, 0);
    if (now > 0)
        ok = ok && limit(RLIMIT_AS, now + jail->memory);
    return ok;
}

/* ---- Landlock ---- */

/* What kernels know by now; older headers lack the end of it. */
struct landlock_rules {
    uint64_t fs, net, scope;
};
static const uint64_t fs_by_version[] = { 0, 0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff };

static const char *enter_landlock(void)
{
#ifdef SYS_landlock_create_ruleset
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return errno == EOPNOTSUPP ? "switched off in this kernel"
               : errno == ENOSYS   ? "not in this kernel"
                                   : "refused by this kernel";
    size_t known = RF_ARRAY_LEN(fs_by_version) - 1;
    struct landlock_rules rules = {
        .fs = fs_by_version[(size_t)version < known ? (size_t)version : known],
        .net = version >= 4 ? 3 : 0,
        .scope = version >= 6 ? 3 : 0,
    };
    size_t size = version >= 6 ? sizeof(rules) : version >= 4 ? 16 : 8;
    /* No rule is added: nothing of all this is allowed. */
    int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    if (fd < 0)
        return "refused by this kernel";
    long rc = syscall(SYS_landlock_restrict_self, fd, 0);
    (void)close(fd);
    return rc == 0 ? NULL : "refused by this kernel";
#else
    return "not in the headers of this build";
#endif
}

/* ---- seccomp ---- */

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCH AUDIT_ARCH_AARCH64
#endif

#if defined(ARCH) && !RF_LUA_SANITIZED
/* Harmless, and what the allocator, the clock and the end of a process need. */
static const int allowed[] = {
    SYS_brk,          SYS_munmap,         SYS_madvise,         SYS_futex,  SYS_clock_gettime,
    SYS_clock_getres, SYS_gettimeofday,   SYS_getrandom,       SYS_exit,   SYS_exit_group,
    SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_restart_syscall, SYS_getpid, SYS_gettid,
    SYS_sched_yield,
#ifdef SYS_time
    SYS_time,
#endif
};
/* Only our end of the pair. */
static const int on_fd[] = { SYS_read, SYS_write, SYS_recvfrom, SYS_sendto, SYS_close };
/* Nothing of ours ever asks for these: whoever does is not the interpreter any more. All others just fail. */
static const int deadly[] = {
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_bpf,
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
    SYS_clone,
};

#define FILTER_MAX 256
struct filter {
    struct sock_filter code[FILTER_MAX];
    unsigned short n;
};

static void add(struct filter *f, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
    RF_CHECK(f->n < FILTER_MAX);
    f->code[f->n++] = (struct sock_filter){ .code = code, .jt = jt, .jf = jf, .k = k };
}

static void load(struct filter *f, size_t offset)
{
    add(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void answer(struct filter *f, uint32_t what)
{
    add(f, BPF_RET | BPF_K, 0, 0, what);
}

#define DENY (SECCOMP_RET_ERRNO | EPERM)
#define NUMBER offsetof(struct seccomp_data, nr)
/* The low half of argument i: both architectures have it first. */
#define ARG(i) (offsetof(struct seccomp_data, args) + 8 * (size_t)(i))

static void each(struct filter *f, const int *calls, size_t n, uint32_t what)
{
    for (size_t i = 0; i < n; i++) {
        add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)calls[i]);
        answer(f, what);
    }
}

/* Only new memory, and none that can run. */
static void memory_rule(struct filter *f, int call)
{
    add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, call == SYS_mmap ? 6 : 4, (uint32_t)call);
    load(f, ARG(2)); /* protection */
    add(f, BPF_JMP | BPF_JSET | BPF_K, call == SYS_mmap ? 3 : 1, 0, PROT_EXEC);
    if (call == SYS_mmap) {
        load(f, ARG(3)); /* flags */
        add(f, BPF_JMP | BPF_JSET | BPF_K, 0, 1, MAP_ANONYMOUS);
    }
    answer(f, SECCOMP_RET_ALLOW);
    answer(f, DENY);
}

static void build(struct filter *f, int fd)
{
    f->n = 0;
    load(f, offsetof(struct seccomp_data, arch));
    add(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCH);
    answer(f, SECCOMP_RET_KILL_PROCESS);
    load(f, NUMBER);
#ifdef __x86_64__ /* the third set of numbers, x32 */
    add(f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, 0x40000000);
    answer(f, SECCOMP_RET_KILL_PROCESS);
#endif
    each(f, allowed, RF_ARRAY_LEN(allowed), SECCOMP_RET_ALLOW);
    for (size_t i = 0; i < RF_ARRAY_LEN(on_fd); i++) {
        add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, (uint32_t)on_fd[i]);
        load(f, ARG(0));
        add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)fd);
        answer(f, SECCOMP_RET_ALLOW);
        answer(f, DENY);
    }
    memory_rule(f, SYS_mprotect);
    memory_rule(f, SYS_mmap);
    add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_mremap);
    answer(f, SECCOMP_RET_ALLOW);
    each(f, deadly, RF_ARRAY_LEN(deadly), SECCOMP_RET_KILL_PROCESS);
    answer(f, DENY);
}
#endif

static const char *enter_seccomp(int fd)
{
#if RF_LUA_SANITIZED
    (void)fd;
    return "left out of builds with sanitizers";
#elif !defined(ARCH)
    (void)fd;
    return "not written for this architecture";
#else
    struct filter f;
    build(&f, fd);
    const struct sock_fprog program = { .len = f.n, .filter = f.code };
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0)
        return NULL;
    return errno == EINVAL ? "not in this kernel" : "refused by this kernel";
#endif
}

bool rf_lua_jail_enter(const struct rf_lua_jail *jail, struct rf_lua_jail_gaps *gaps)
{
    size_t now = mapped();
    /* It needs a descriptor for a moment, and the limits leave none. */
    gaps->landlock = enter_landlock();
    if (!set_limits(jail, now))
        return false;
    gaps->seccomp = enter_seccomp(jail->fd);
    return true;
}
