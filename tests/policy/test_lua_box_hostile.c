/* SPDX-License-Identifier: Apache-2.0 */
/* The parent's side alone: what is at the other end of the pair is the test, which sends what no child of ours would send. And boxes where the kernel has no walls. */
#include "policy/lua/lua_box_private.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parallel.h"
#include "base/text.h"
#include "policy/lua/lua_wire.h"
#include "tests/support/data_files.h"

static unsigned calls;

static int host_call(void *user, const char *where, const char *function, const json_t *args,
                     json_t **result, struct rf_err *err)
{
    (void)user;
    (void)function;
    (void)err;
    calls++;
    ck_assert_uint_lt(strlen(where), 200);
    for (size_t i = 0; where[i] != '\0'; i++)
        ck_assert_int_ge((unsigned char)where[i], 0x20);
    *result = json_incref((json_t *)(uintptr_t)args);
    return 0;
}

static const struct rf_lua_host host = { .call = host_call };

/* A box without a process: *peer is the other end. */
static struct rf_lua_box *fake_box(int *peer)
{
    int ends[2];
    struct rf_lua_box *box = rf_xcalloc(1, sizeof(*box));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    box->fd = ends[0];
    *peer = ends[1];
    box->name = rf_xstrdup("fake");
    box->memory_cap = RF_LUA_MEMORY_DEFAULT;
    box->timeout_ns = INT64_C(300000000);
    box->host = &host;
    rf_buf_init(&box->in, (size_t)RF_LUA_FRAME_MAX + (1u << 20));
    rf_buf_init(&box->out, (size_t)2 * RF_LUA_FRAME_MAX);
    return box;
}

static void put_frame(int fd, const char *text)
{
    uint8_t head[RF_LUA_FRAME_HEAD];
    size_t len = strlen(text);
    for (size_t i = 0; i < sizeof(head); i++)
        head[i] = (uint8_t)(len >> (8 * i));
    ck_assert_int_eq(write(fd, head, sizeof(head)), (ssize_t)sizeof(head));
    ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
}

#define CALL "{\"say\":\"call\",\"where\":\"\\u001b[2J\",\"function\":\"f\",\"args\":[]}"
#define DONE "{\"say\":\"done\",\"value\":null}"

static const struct {
    const char *frames[3];
    const char *message;
} rows[] = {
    { { "{}" }, "a message of no kind" },
    { { "{\"say\":1}" }, "a message of no kind" },
    { { "[]" }, "a message that is no object" },
    { { "{\"say\":" }, "a message" },
    { { "{\"say\":\"done\",\"say\":\"done\"}" }, "a message" },
    { { "{\"say\":\"what\"}" }, "a message of an unknown kind" },
    { { "{\"say\":\"done\"}" }, "an answer without a value" },
    { { "{\"say\":\"failed\"}" }, "a failure without its error" },
    { { "{\"say\":\"failed\",\"kind\":\"error\",\"error\":[]}" }, "a failure without its error" },
    { { "{\"say\":\"failed\",\"kind\":\"error\",\"error\":{\"$bytes\":\"@\"}}" },
      "a failure without its error" },
    { { "{\"say\":\"call\"}" }, "a call without function or arguments" },
    { { "{\"say\":\"call\",\"function\":\"f\",\"args\":{}}" },
      "a call without function or arguments" },
    { { "{\"say\":\"call\",\"function\":[],\"args\":[]}" },
      "a call without function or arguments" },
    { { "{\"say\":\"tell\",\"args\":[]}" }, "a notice without function or arguments" },
    { { "{\"say\":\"require\"}" }, "require without a name" },
    { { "{\"say\":\"require\",\"args\":[1]}" }, "require without a name" },
    { { "{\"say\":\"print\",\"args\":[1]}" }, "a line without text" },
    { { "{\"say\":\"log\"}" }, "a line without text" },
    { { CALL, CALL, DONE }, "a call within a call" },
    { { CALL, DONE }, "an answer before its question was done" },
};

START_TEST(hostile)
{
    int peer;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_lua_box_closep) struct rf_lua_box *box = fake_box(&peer);
    for (size_t i = 0; i < RF_ARRAY_LEN(rows[_i].frames) && rows[_i].frames[i] != NULL; i++)
        put_frame(peer, rows[_i].frames[i]);
    int rc = rf_lua_box_run(box, "<string>", rf_slice_str("x = 1"), &err);
    ck_assert_msg(rc == -RFE_FAILED, "%s: %d %s", rows[_i].frames[0], rc, err.msg);
    ck_assert_msg(strstr(err.msg, "broke the protocol") != NULL &&
                      strstr(err.msg, rows[_i].message) != NULL,
                  "%s: %s", rows[_i].frames[0], err.msg);
    /* And it is not talked to again. */
    ck_assert_int_eq(rf_lua_box_run(box, "<string>", rf_slice_str("x = 1"), &err), -RFE_FAILED);
    ck_assert_ptr_nonnull(strstr(err.msg, "has ended"));
    (void)close(peer);
}
END_TEST

START_TEST(a_length_that_cannot_be)
{
    int peer;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_lua_box_closep) struct rf_lua_box *box = fake_box(&peer);
    ck_assert_int_eq(write(peer, "\xff\xff\xff\xff{}", 6), 6);
    ck_assert_int_eq(rf_lua_box_run(box, "<string>", rf_slice_str(""), &err), -RFE_FAILED);
    ck_assert_ptr_nonnull(strstr(err.msg, "a message of 4294967295 bytes"));
    (void)close(peer);
}
END_TEST

START_TEST(silence)
{
    int peer;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_lua_box_closep) struct rf_lua_box *box = fake_box(&peer);
    ck_assert_int_eq(write(peer, "\x10\0\0\0{", 5), 5);
    uint64_t start = rf_now_ms();
    ck_assert_int_eq(rf_lua_box_run(box, "<string>", rf_slice_str(""), &err), -ETIMEDOUT);
    ck_assert_uint_lt(rf_now_ms() - start, 20000);
    (void)close(peer);
}
END_TEST

START_TEST(an_end_that_is_closed)
{
    int peer;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_lua_box_closep) struct rf_lua_box *box = fake_box(&peer);
    put_frame(peer, "{\"say\":\"print\",\"args\":[\"x\"]}");
    (void)close(peer);
    ck_assert_int_eq(rf_lua_box_run(box, "<string>", rf_slice_str(""), &err), -RFE_FAILED);
    ck_assert_ptr_nonnull(strstr(err.msg, "fake: the script's process ended"));
}
END_TEST

START_TEST(after_the_time_nothing_is_called)
{
    int peer;
    char answer[4096];
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_lua_box_closep) struct rf_lua_box *box = fake_box(&peer);
    box->timeout_ns = 1;
    put_frame(peer, CALL);
    ck_assert_int_eq(rf_lua_box_run(box, "<string>", rf_slice_str(""), &err), -ETIMEDOUT);
    ck_assert_uint_eq(calls, 0);
    ssize_t n = read(peer, answer, sizeof(answer) - 1);
    ck_assert_int_gt(n, 0);
    ck_assert_ptr_nonnull(memmem(answer, (size_t)n, "context deadline exceeded", 25));
    (void)close(peer);
}
END_TEST

START_TEST(long_texts_keep_their_cause)
{
    int peer;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_lua_box_closep) struct rf_lua_box *box = fake_box(&peer);
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    rf_buf_add_str(&text, "{\"say\":\"failed\",\"kind\":\"error\",\"error\":\"begin ");
    for (int i = 0; i < 1000; i++)
        rf_buf_add_str(&text, "<string>:1: ");
    rf_buf_add_str(&text, "\\u001b the cause\"}");
    put_frame(peer, text.ptr);
    ck_assert_int_eq(rf_lua_box_run(box, "<string>", rf_slice_str(""), &err), -RFE_FAILED);
    ck_assert(strncmp(err.msg, "begin <string>:1: ", 18) == 0);
    ck_assert_ptr_nonnull(strstr(err.msg, " ... "));
    ck_assert_ptr_nonnull(strstr(err.msg, "\\x1b the cause"));
    (void)close(peer);
}
END_TEST

/* ---- processes and threads ---- */

static bool is_running(pid_t pid)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    RF_CLEANUP(rf_freep) char *text = test_read_file(path, NULL);
    const char *state = text != NULL ? strrchr(text, ')') : NULL;
    return state != NULL && state[1] == ' ' && state[2] != 'Z' && state[2] != 'X';
}

/* Whoever kills the program need not look for what it left behind. */
START_TEST(the_child_ends_with_its_parent)
{
    int ends[2];
    pid_t child = 0;
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t parent = fork();
    ck_assert_int_ge(parent, 0);
    if (parent == 0) {
        struct rf_lua_box_options options = RF_LUA_BOX_OPTIONS_INIT;
        struct rf_lua_box *box = NULL;
        if (rf_lua_box_open(&options, &box, NULL) < 0 ||
            write(ends[1], &box->pid, sizeof(box->pid)) != (ssize_t)sizeof(box->pid))
            _exit(1);
        _exit(rf_lua_box_run(box, "<string>", rf_slice_str("while true do end"), NULL) < 0 ? 2 : 3);
    }
    ck_assert_int_eq(read(ends[0], &child, sizeof(child)), (ssize_t)sizeof(child));
    ck_assert(is_running(child));
    ck_assert_int_eq(kill(parent, SIGKILL), 0);
    ck_assert_int_eq(waitpid(parent, NULL, 0), parent);
    for (int i = 0; i < 2000 && is_running(child); i++)
        (void)poll(NULL, 0, 10);
    ck_assert(!is_running(child));
    (void)close(ends[0]);
    (void)close(ends[1]);
}
END_TEST

static int one_of_many(void *ctx, size_t i, struct rf_err *err)
{
    (void)ctx;
    struct rf_lua_box_options options = RF_LUA_BOX_OPTIONS_INIT;
    RF_CLEANUP(rf_lua_box_closep) struct rf_lua_box *box = NULL;
    json_t *result = NULL;
    RF_CLEANUP(rf_freep)
    char *text = rf_xasprintf("function f() for _ = 1, 1000 do end return %zu end", i);
    int rc = rf_lua_box_open(&options, &box, err);
    if (rc == 0)
        rc = rf_lua_box_run(box, "<string>", rf_slice_str(text), err);
    for (int k = 0; rc == 0 && k < 20; k++) {
        rc = rf_lua_box_call(box, "f", NULL, &result, err);
        if (rc == 0 && json_integer_value(result) != (json_int_t)i)
            rc = rf_fail(err, RFE_FAILED, "an answer for somebody else");
        json_decref(result);
        result = NULL;
    }
    return rc;
}

START_TEST(boxes_on_many_threads)
{
    struct rf_err err = RF_ERR_INIT;
    json_object_seed(0);
    ck_assert_msg(rf_parallel(4, 24, one_of_many, NULL, &err) == 0, "%s", err.msg);
}
END_TEST

/* ---- old kernels: a filter of the test's own answers for them ---- */

static void be_an_old_kernel(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_SECCOMP, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = { .len = RF_ARRAY_LEN(code), .filter = code };
    ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0), 0);
}

static size_t count(const char *text, const char *word)
{
    size_t n = 0;
    for (; (text = strstr(text, word)) != NULL; text++)
        n++;
    return n;
}

START_TEST(without_walls)
{
    struct rf_lua_box_options options = RF_LUA_BOX_OPTIONS_INIT;
    struct rf_err err = RF_ERR_INIT;
    char name[] = "/tmp/rf-test-log-XXXXXX";
    int log = mkstemp(name);
    ck_assert_int_ge(log, 0);
    be_an_old_kernel();
    ck_assert_int_ge(dup2(log, STDERR_FILENO), 0);
    for (int i = 0; i < 2; i++) {
        RF_CLEANUP(rf_lua_box_closep) struct rf_lua_box *box = NULL;
        ck_assert_msg(rf_lua_box_open(&options, &box, &err) == 0, "%s", err.msg);
        ck_assert_int_eq(
            rf_lua_box_run(box, "<string>", rf_slice_str("assert(io == nil and 1 + 1 == 2)"), &err),
            0);
        ck_assert_int_eq(
            rf_lua_box_run(box, "<string>", rf_slice_str("local s = ('x'):rep(1 << 30)"), &err),
            -RFE_TOO_LARGE);
    }
    RF_CLEANUP(rf_freep) char *text = test_read_file(name, NULL);
    (void)unlink(name);
    ck_assert_msg(count(text, "Scripts run without all walls around them") == 1, "%s", text);
    ck_assert_msg(strstr(text, "landlock=\"not in this kernel\"") != NULL, "%s", text);
    (void)close(log);
}
END_TEST

Suite *rf_lua_box_hostile_suite(void);
Suite *rf_lua_box_hostile_suite(void)
{
    Suite *s = suite_create("lua_box_hostile");
    TCase *t = tcase_create("hostile");
    tcase_add_loop_test(t, hostile, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_test(t, a_length_that_cannot_be);
    tcase_add_test(t, silence);
    tcase_add_test(t, an_end_that_is_closed);
    tcase_add_test(t, after_the_time_nothing_is_called);
    tcase_add_test(t, long_texts_keep_their_cause);
    tcase_add_test(t, the_child_ends_with_its_parent);
    tcase_add_test(t, boxes_on_many_threads);
    tcase_add_test(t, without_walls);
    suite_add_tcase(s, t);
    return s;
}
