/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/stream.h"
#include "tests/base/helper_dir.h"

Suite *rf_stream_suite(void);

/* ---- a source that does as it is told ---- */

struct script {
    struct rf_source base;
    const char *text;
    size_t pos, step; /* step: most bytes of one read */
    const char
        *plan; /* one letter per read: 'r' read, 'a' would block, 'f' fails; the end of it: 'r' */
    int reads;
    bool *freed;
};

static ssize_t script_read(struct rf_source *s, void *p, size_t n, struct rf_err *err)
{
    struct script *c = (struct script *)s;
    c->reads++;
    char what = 'r';
    if (*c->plan != '\0')
        what = *c->plan++;
    if (what == 'a')
        return rf_fail(err, RFE_AGAIN, "would block");
    if (what == 'f')
        return rf_fail(err, RFE_UNREACHABLE, "the line is cut");
    size_t left = strlen(c->text) - c->pos;
    size_t take = n < left ? n : left;
    if (take > c->step)
        take = c->step;
    memcpy(p, c->text + c->pos, take);
    c->pos += take;
    return (ssize_t)take;
}

static int script_seek(struct rf_source *s, uint64_t offset, struct rf_err *err)
{
    struct script *c = (struct script *)s;
    (void)err;
    c->pos = (size_t)offset;
    return 0;
}

static void script_free(struct rf_source *s)
{
    struct script *c = (struct script *)s;
    if (c->freed != NULL)
        *c->freed = true;
    free(c);
}

static const struct rf_source_ops script_ops = { script_read, script_seek, script_free };
static const struct rf_source_ops forward_ops = { script_read, NULL, script_free };

static struct script *script_new(const char *text, size_t step, const char *plan)
{
    struct script *c = rf_xcalloc(1, sizeof(*c));
    c->base.ops = &script_ops;
    c->text = text;
    c->step = step;
    c->plan = plan;
    return c;
}

/* Reads to the end in pieces of n; returns the first failure, or the count. Blocking tries again. */
static ssize_t read_all(struct rf_source *s, size_t n, char *out, size_t cap, struct rf_err *err)
{
    size_t len = 0;
    for (;;) {
        ck_assert_uint_le(len + n, cap);
        ssize_t got = rf_source_read(s, out + len, n, err);
        if (got == -RFE_AGAIN)
            continue;
        if (got <= 0) {
            out[len] = '\0';
            return got < 0 ? got : (ssize_t)len;
        }
        len += (size_t)got;
    }
}

/* ---- what every source has ---- */

START_TEST(source_failures_stick_until_a_seek)
{
    struct script *c = script_new("abcdef", 2, "rf");
    char p[8];
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_source_read(&c->base, p, 8, NULL), 2);
    ck_assert_int_eq(rf_source_read(&c->base, p, 8, &err), -RFE_UNREACHABLE);
    ck_assert_str_eq(err.msg, "the line is cut");
    err = (struct rf_err)RF_ERR_INIT;
    ck_assert_int_eq(rf_source_read(&c->base, p, 8, &err), -RFE_UNREACHABLE);
    ck_assert_int_eq(err.code, RFE_UNREACHABLE);
    ck_assert_int_eq(c->reads, 2);
    ck_assert_int_eq(rf_source_seek(&c->base, 4, NULL), 0);
    ck_assert_int_eq(rf_source_read(&c->base, p, 8, NULL), 2);
    ck_assert_mem_eq(p, "ef", 2);
    rf_source_free(&c->base);
}
END_TEST

START_TEST(source_blocking_does_not_stick)
{
    struct script *c = script_new("ab", 2, "a");
    char p[8];
    ck_assert_int_eq(rf_source_read(&c->base, p, 8, NULL), -RFE_AGAIN);
    ck_assert_int_eq(rf_source_read(&c->base, p, 0, NULL), 0);
    ck_assert_int_eq(rf_source_read(&c->base, p, 8, NULL), 2);
    ck_assert_int_eq(rf_source_read(&c->base, p, 8, NULL), 0);
    rf_source_free(&c->base);
    rf_source_free(NULL);
}
END_TEST

START_TEST(source_without_seek_says_so)
{
    struct script *c = script_new("ab", 2, "");
    c->base.ops = &forward_ops;
    ck_assert(!rf_source_can_seek(&c->base));
    ck_assert_int_eq(rf_source_seek(&c->base, 0, NULL), -RFE_UNSUPPORTED);
    char p[8];
    ck_assert_int_eq(rf_source_read(&c->base, p, 8, NULL), 2);
    rf_source_free(&c->base);
}
END_TEST

/* ---- memory and descriptors ---- */

START_TEST(memory_source)
{
    RF_CLEANUP(rf_source_freep) struct rf_source *s = rf_source_mem(rf_slice_str("abcdef"));
    char out[16];
    ck_assert_int_eq(read_all(s, 4, out, sizeof(out), NULL), 6);
    ck_assert_str_eq(out, "abcdef");
    ck_assert_int_eq(rf_source_seek(s, 6, NULL), 0);
    ck_assert_int_eq(rf_source_read(s, out, 4, NULL), 0);
    ck_assert_int_eq(rf_source_seek(s, 2, NULL), 0);
    ck_assert_int_eq(rf_source_read(s, out, 2, NULL), 2);
    ck_assert_mem_eq(out, "cd", 2);
    ck_assert_int_eq(rf_source_seek(s, 7, NULL), -RFE_INVALID);
    RF_CLEANUP(rf_source_freep) struct rf_source *none = rf_source_mem(rf_slice_str(NULL));
    ck_assert_int_eq(rf_source_read(none, out, 4, NULL), 0);
}
END_TEST

START_TEST(descriptor_source_reads_its_part)
{
    dir_write("f", "0123456789");
    int fd = open("f", O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    char out[32];
    struct rf_source *s = rf_source_fd(fd, 2, 5);
    ck_assert_int_eq(read_all(s, 3, out, sizeof(out), NULL), 5);
    ck_assert_str_eq(out, "23456");
    ck_assert_int_eq(rf_source_seek(s, 4, NULL), 0);
    ck_assert_int_eq(rf_source_read(s, out, 3, NULL), 1);
    ck_assert_int_eq(out[0], '6');
    ck_assert_int_eq(rf_source_seek(s, 6, NULL), -RFE_INVALID);
    rf_source_free(s);
    /* The file is shorter than it was said to be. */
    struct rf_err err = RF_ERR_INIT;
    s = rf_source_fd(fd, 8, 5);
    ck_assert_int_eq(read_all(s, 3, out, sizeof(out), &err), -RFE_SIZE_MISMATCH);
    ck_assert_str_eq(out, "89");
    rf_source_free(s);
    s = rf_source_fd(fd, UINT64_MAX - 1, 5);
    ck_assert_int_eq(rf_source_read(s, out, 3, NULL), -RFE_INVALID);
    rf_source_free(s);
    ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
    s = rf_source_fd_owned(fd, 0, 1);
    rf_source_free(s);
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

/* ---- checked source ---- */

static struct rf_source *checked(const char *text, const char *of, uint64_t size, size_t step,
                                 const char *plan)
{
    struct rf_digest want;
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str(of), &want);
    return rf_source_verify(&script_new(text, step, plan)->base, &want, size);
}

static const struct {
    const char *name, *text, *of;
    uint64_t size;
    ssize_t want;
    const char *passed; /* the bytes that may come through */
} sources[] = {
    { "right", "abcdef", "abcdef", 6, 6, "abcdef" },
    { "empty", "", "", 0, 0, "" },
    { "short", "abcde", "abcdef", 6, -RFE_SIZE_MISMATCH, "abcde" },
    { "empty-for-more", "", "abcdef", 6, -RFE_SIZE_MISMATCH, "" },
    { "long", "abcdefg", "abcdef", 6, -RFE_SIZE_MISMATCH, "abcdef" },
    { "more-for-empty", "a", "", 0, -RFE_SIZE_MISMATCH, "" },
    { "wrong-byte", "abcdeX", "abcdef", 6, -RFE_DIGEST_MISMATCH, "abcdeX" },
    { "wrong-digest-of-empty", "", "x", 0, -RFE_DIGEST_MISMATCH, "" },
    { "declared-long", "abcdef", "abcdef", 7, -RFE_SIZE_MISMATCH, "abcdef" },
    { "declared-short", "abcdef", "abcdef", 5, -RFE_SIZE_MISMATCH, "abcde" },
};
static const char *const plans[] = { "",        "a",          "ra",
                                     "rra",     "rrra",       "aaa",
                                     "rrrrrra", "rrrrrrraaa", "rarararararararara" };

START_TEST(checked_source_in_all_paces)
{
    /* Every pace of reading, every pace of giving, blocking at every place. */
    for (size_t n = 1; n <= 8; n++) {
        for (size_t step = 1; step <= 8; step++) {
            for (size_t k = 0; k < RF_ARRAY_LEN(plans); k++) {
                RF_CLEANUP(rf_source_freep)
                struct rf_source *s =
                    checked(sources[_i].text, sources[_i].of, sources[_i].size, step, plans[k]);
                char out[32];
                struct rf_err err = RF_ERR_INIT;
                ssize_t got = read_all(s, n, out, sizeof(out), &err);
                ck_assert_msg(got == sources[_i].want, "%s, %zu by %zu, %s: %zd", sources[_i].name,
                              n, step, plans[k], got);
                if (got >= 0) {
                    ck_assert_str_eq(out, sources[_i].passed);
                    ck_assert_int_eq(rf_source_read(s, out, 1, NULL), 0);
                } else {
                    /* Never as many bytes as would complete the transfer. */
                    ck_assert_msg(sources[_i].size == 0 || strlen(out) < sources[_i].size,
                                  "%s, %zu by %zu, %s", sources[_i].name, n, step, plans[k]);
                    ck_assert_int_eq(strncmp(out, sources[_i].passed, strlen(out)), 0);
                    ck_assert_int_eq(rf_source_read(s, out, 1, NULL), got);
                }
            }
        }
    }
}
END_TEST

START_TEST(checked_source_rewinds)
{
    const char *text = "abcdef";
    RF_CLEANUP(rf_source_freep) struct rf_source *s = checked(text, text, 6, 2, "");
    char out[32];
    for (uint64_t at = 0; at <= 6; at++) {
        ck_assert_int_eq(rf_source_seek(s, at, NULL), 0);
        ck_assert_int_eq(read_all(s, 4, out, sizeof(out), NULL), (ssize_t)(6 - at));
        ck_assert_str_eq(out, text + at);
        /* In the middle of something, too. */
        ck_assert_int_eq(rf_source_seek(s, at, NULL), 0);
        (void)!rf_source_read(s, out, 1, NULL);
    }
    ck_assert_int_eq(rf_source_seek(s, 7, NULL), -RFE_INVALID);
}
END_TEST

START_TEST(checked_source_checks_after_rewinding)
{
    RF_CLEANUP(rf_source_freep) struct rf_source *s = checked("abcdeX", "abcdef", 6, 2, "");
    char out[32];
    for (uint64_t at = 0; at <= 6; at++) {
        ck_assert_int_eq(rf_source_seek(s, at, NULL), 0);
        ck_assert_int_eq(read_all(s, 4, out, sizeof(out), NULL), -RFE_DIGEST_MISMATCH);
    }
    struct rf_digest d;
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str("a"), &d);
    struct script *c = script_new("a", 1, "");
    c->base.ops = &forward_ops;
    bool freed = false;
    c->freed = &freed;
    struct rf_source *forward = rf_source_verify(&c->base, &d, 1);
    ck_assert(!rf_source_can_seek(forward));
    rf_source_free(forward);
    ck_assert(freed);
}
END_TEST

START_TEST(checked_source_passes_failures_on)
{
    RF_CLEANUP(rf_source_freep) struct rf_source *s = checked("abcdef", "abcdef", 6, 2, "rf");
    char out[32];
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(read_all(s, 4, out, sizeof(out), &err), -RFE_UNREACHABLE);
    ck_assert_str_eq(err.msg, "the line is cut");
    /* Also when it comes instead of the end. */
    RF_CLEANUP(rf_source_freep) struct rf_source *t = checked("abcdef", "abcdef", 6, 6, "rf");
    ck_assert_int_eq(read_all(t, 8, out, sizeof(out), NULL), -RFE_UNREACHABLE);
    ck_assert_str_eq(out, "");
}
END_TEST

/* ---- sinks ---- */

struct spy {
    struct rf_sink base;
    char got[64];
    size_t len;
    int commits, rc;
    bool *freed;
};

static int spy_write(struct rf_sink *s, const void *p, size_t n, struct rf_err *err)
{
    struct spy *y = (struct spy *)s;
    if (y->rc != 0)
        return rf_fail(err, -y->rc, "spy");
    ck_assert_uint_le(y->len + n, sizeof(y->got));
    memcpy(y->got + y->len, p, n);
    y->len += n;
    return 0;
}

static int spy_commit(struct rf_sink *s, struct rf_err *err)
{
    struct spy *y = (struct spy *)s;
    if (y->rc != 0)
        return rf_fail(err, -y->rc, "spy");
    y->commits++;
    return 0;
}

static void spy_free(struct rf_sink *s)
{
    struct spy *y = (struct spy *)s;
    *y->freed = true;
}

static const struct rf_sink_ops spy_ops = { spy_write, spy_commit, spy_free };

START_TEST(sink_failures_stick)
{
    bool freed = false;
    struct spy y = { .base.ops = &spy_ops, .rc = -RFE_NO_SPACE, .freed = &freed };
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_sink_write(&y.base, "", 0, NULL), 0);
    ck_assert_int_eq(rf_sink_write(&y.base, "a", 1, NULL), -RFE_NO_SPACE);
    y.rc = 0;
    ck_assert_int_eq(rf_sink_write(&y.base, "a", 1, &err), -RFE_NO_SPACE);
    ck_assert_int_eq(err.code, RFE_NO_SPACE);
    ck_assert_int_eq(rf_sink_commit(&y.base, &err), -RFE_NO_SPACE);
    ck_assert_uint_eq(y.len, 0);
    ck_assert_int_eq(y.commits, 0);
    rf_sink_free(&y.base);
    ck_assert(freed);
    rf_sink_free(NULL);
}
END_TEST

START_TEST(write_after_commit_is_a_bug)
{
    bool freed = false;
    struct spy y = { .base.ops = &spy_ops, .freed = &freed };
    ck_assert_int_eq(rf_sink_commit(&y.base, NULL), 0);
    (void)!rf_sink_write(&y.base, "a", 1, NULL);
}
END_TEST

START_TEST(second_commit_is_a_bug)
{
    bool freed = false;
    struct spy y = { .base.ops = &spy_ops, .freed = &freed };
    ck_assert_int_eq(rf_sink_commit(&y.base, NULL), 0);
    (void)!rf_sink_commit(&y.base, NULL);
}
END_TEST

static const struct {
    const char *prefix, *text, *of;
    uint64_t size;
    int write, commit;
} sinks[] = {
    { NULL, "abcdef", "abcdef", 6, 0, 0 },
    { NULL, "", "", 0, 0, 0 },
    { NULL, "abcde", "abcdef", 6, 0, -RFE_SIZE_MISMATCH },
    { NULL, "abcdefg", "abcdef", 6, -RFE_SIZE_MISMATCH, -RFE_SIZE_MISMATCH },
    { NULL, "abcdeX", "abcdef", 6, 0, -RFE_DIGEST_MISMATCH },
    { "abc", "def", "abcdef", 6, 0, 0 },
    { "abX", "def", "abcdef", 6, 0, -RFE_DIGEST_MISMATCH },
    { "abcdef", "", "abcdef", 6, 0, 0 },
    { "abcdef", "g", "abcdef", 6, -RFE_SIZE_MISMATCH, -RFE_SIZE_MISMATCH },
    { "abcdefg", "", "abcdef", 6, 0, -RFE_SIZE_MISMATCH },
    { "abcdefg", "h", "abcdef", 6, -RFE_SIZE_MISMATCH, -RFE_SIZE_MISMATCH },
};

START_TEST(checked_sink)
{
    for (int own = 0; own < 2; own++) {
        bool freed = false;
        struct spy y = { .base.ops = &spy_ops, .freed = &freed };
        struct rf_digest want;
        rf_digest_of(RF_DIGEST_SHA512, rf_slice_str(sinks[_i].of), &want);
        struct rf_hasher *start = NULL;
        if (sinks[_i].prefix != NULL) {
            start = rf_hasher_new(RF_DIGEST_SHA512);
            rf_hasher_update(start, sinks[_i].prefix, strlen(sinks[_i].prefix));
        }
        struct rf_sink *s = rf_sink_verify(&y.base, own != 0, &want, sinks[_i].size, start);
        int rc = 0;
        for (const char *p = sinks[_i].text; rc == 0 && *p != '\0'; p++)
            rc = rf_sink_write(s, p, 1, NULL);
        ck_assert_int_eq(rc, sinks[_i].write);
        ck_assert_int_eq(rf_sink_commit(s, NULL), sinks[_i].commit);
        ck_assert_int_eq(y.commits, sinks[_i].commit == 0 ? 1 : 0);
        /* What is too much never gets through. */
        ck_assert_uint_le(y.len, sinks[_i].size);
        rf_sink_free(s);
        ck_assert_int_eq(freed, own != 0);
    }
}
END_TEST

START_TEST(checked_sink_refuses_one_large_write)
{
    bool freed = false;
    struct spy y = { .base.ops = &spy_ops, .freed = &freed };
    struct rf_digest want;
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str("ab"), &want);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *s = rf_sink_verify(&y.base, false, &want, 2, NULL);
    ck_assert_int_eq(rf_sink_write(s, "abc", 3, NULL), -RFE_SIZE_MISMATCH);
    ck_assert_uint_eq(y.len, 0);
}
END_TEST

START_TEST(checked_sink_hashes_a_blocked_write_once)
{
    bool freed = false;
    struct spy y = { .base.ops = &spy_ops, .freed = &freed, .rc = -RFE_AGAIN };
    struct rf_digest want;
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str("ab"), &want);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *s = rf_sink_verify(&y.base, false, &want, 2, NULL);
    ck_assert_int_eq(rf_sink_write(s, "ab", 2, NULL), -RFE_AGAIN);
    y.rc = 0;
    ck_assert_int_eq(rf_sink_write(s, "ab", 2, NULL), 0);
    y.rc = -RFE_AGAIN;
    ck_assert_int_eq(rf_sink_commit(s, NULL), -RFE_AGAIN);
    y.rc = 0;
    ck_assert_int_eq(rf_sink_commit(s, NULL), 0);
    ck_assert_int_eq(y.commits, 1);
}
END_TEST

START_TEST(buffer_sink_is_bounded)
{
    struct rf_buf b;
    rf_buf_init(&b, 4);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *s = rf_sink_buf(&b);
    ck_assert_int_eq(rf_sink_write(s, "abc", 3, NULL), 0);
    ck_assert_int_eq(rf_sink_write(s, "de", 2, NULL), -RFE_TOO_LARGE);
    ck_assert_str_eq(b.ptr, "abc");
    rf_buf_release(&b);
}
END_TEST

START_TEST(measuring_sink)
{
    struct rf_digest d = { 0 }, want;
    uint64_t size = 0;
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str("abc"), &want);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *s = rf_sink_measure(RF_DIGEST_SHA256, &d, &size);
    ck_assert_int_eq(rf_sink_write(s, "ab", 2, NULL), 0);
    ck_assert_int_eq(rf_sink_write(s, "c", 1, NULL), 0);
    ck_assert_uint_eq(size, 0);
    ck_assert_int_eq(rf_sink_commit(s, NULL), 0);
    ck_assert_uint_eq(size, 3);
    ck_assert(rf_digest_eq(&d, &want));
    RF_CLEANUP(rf_sink_freep) struct rf_sink *t = rf_sink_measure(RF_DIGEST_SHA256, NULL, NULL);
    ck_assert_int_eq(rf_sink_commit(t, NULL), 0);
}
END_TEST

START_TEST(positioned_sink_keeps_to_its_place)
{
    dir_write("f", "0123456789");
    int fd = open("f", O_RDWR | O_CLOEXEC);
    struct rf_sink *s = rf_sink_fd_at(fd, 2, 4);
    ck_assert_int_eq(rf_sink_write(s, "ab", 2, NULL), 0);
    ck_assert_int_eq(rf_sink_write(s, "cd", 2, NULL), 0);
    ck_assert_int_eq(rf_sink_commit(s, NULL), 0);
    rf_sink_free(s);
    ck_assert(dir_has("f", "01abcd6789"));
    s = rf_sink_fd_at(fd, 2, 4);
    ck_assert_int_eq(rf_sink_write(s, "ABCDE", 5, NULL), -RFE_SIZE_MISMATCH);
    rf_sink_free(s);
    s = rf_sink_fd_at(fd, 2, 4);
    ck_assert_int_eq(rf_sink_write(s, "ABC", 3, NULL), 0);
    ck_assert_int_eq(rf_sink_commit(s, NULL), -RFE_SIZE_MISMATCH);
    rf_sink_free(s);
    s = rf_sink_fd_at(fd, INT64_MAX, 4);
    ck_assert_int_eq(rf_sink_write(s, "A", 1, NULL), -RFE_INVALID);
    rf_sink_free(s);
    ck_assert(dir_has("f", "01ABCd6789"));
    (void)close(fd);
}
END_TEST

START_TEST(full_device_has_its_code)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_sink_freep) struct rf_sink *s = rf_sink_fd(fd);
    ck_assert_int_eq(rf_sink_write(s, "x", 1, &err), -RFE_NO_SPACE);
    ck_assert_int_eq(err.code, RFE_NO_SPACE);
    (void)close(fd);
}
END_TEST

START_TEST(pipe_sink_waits_for_a_slow_reader)
{
    enum { N = 300000 };
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        (void)close(ends[1]);
        (void)fcntl(ends[0], F_SETFL, 0);
        (void)usleep(50000);
        size_t total = 0;
        char chunk[4096];
        ssize_t n;
        while ((n = read(ends[0], chunk, sizeof(chunk))) > 0)
            total += (size_t)n;
        _exit(total == N ? 0 : 1);
    }
    (void)close(ends[0]);
    RF_CLEANUP(rf_freep) char *bytes = rf_xcalloc(1, N);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *s = rf_sink_fd(ends[1]);
    ck_assert_int_eq(rf_sink_write(s, bytes, N, NULL), 0);
    ck_assert_int_eq(rf_sink_commit(s, NULL), 0);
    (void)close(ends[1]);
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(broken_pipe_is_an_error)
{
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    (void)close(ends[0]);
    (void)signal(SIGPIPE, SIG_IGN);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *s = rf_sink_fd(ends[1]);
    ck_assert_int_eq(rf_sink_write(s, "x", 1, NULL), -EPIPE);
    (void)close(ends[1]);
}
END_TEST

/* ---- pump ---- */

START_TEST(copy_pumps_everything)
{
    enum { N = 1000003 };
    RF_CLEANUP(rf_freep) char *bytes = rf_xmalloc(N);
    for (size_t i = 0; i < N; i++)
        bytes[i] = (char)(i * 7);
    struct rf_digest want, got = { 0 };
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_of(bytes, N), &want);
    RF_CLEANUP(rf_source_freep)
    struct rf_source *src = rf_source_verify(rf_source_mem(rf_slice_of(bytes, N)), &want, N);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_measure(RF_DIGEST_SHA256, &got, NULL);
    uint64_t n = 0;
    ck_assert_int_eq(rf_stream_copy(src, sink, &n, NULL), 0);
    ck_assert_uint_eq(n, N);
    ck_assert(!rf_digest_is_set(&got));
    ck_assert_int_eq(rf_sink_commit(sink, NULL), 0);
    ck_assert(rf_digest_eq(&got, &want));
}
END_TEST

START_TEST(copy_stops_at_failures_of_both_ends)
{
    uint64_t n = 42;
    bool freed = false;
    struct spy y = { .base.ops = &spy_ops, .freed = &freed };
    RF_CLEANUP(rf_source_freep) struct rf_source *src = &script_new("abcdef", 2, "rf")->base;
    ck_assert_int_eq(rf_stream_copy(src, &y.base, &n, NULL), -RFE_UNREACHABLE);
    ck_assert_uint_eq(n, 42);
    RF_CLEANUP(rf_source_freep) struct rf_source *ok = &script_new("abcdef", 2, "")->base;
    struct spy bad = { .base.ops = &spy_ops, .rc = -RFE_DENIED, .freed = &freed };
    ck_assert_int_eq(rf_stream_copy(ok, &bad.base, &n, NULL), -RFE_DENIED);
    ck_assert_uint_eq(n, 42);
}
END_TEST

START_TEST(copy_stops_when_cancelled)
{
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_mem(rf_slice_str("abc"));
    struct rf_buf b;
    rf_buf_init(&b, 0);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(&b);
    rf_cancel_set(RFE_CANCELLED);
    ck_assert_int_eq(rf_stream_copy(src, sink, NULL, NULL), -RFE_CANCELLED);
    ck_assert_uint_eq(b.len, 0);
}
END_TEST

Suite *rf_stream_suite(void)
{
    Suite *s = suite_create("stream");
    TCase *tc = tcase_create("source");
    tcase_add_checked_fixture(tc, dir_setup, dir_teardown);
    tcase_add_test(tc, source_failures_stick_until_a_seek);
    tcase_add_test(tc, source_blocking_does_not_stick);
    tcase_add_test(tc, source_without_seek_says_so);
    tcase_add_test(tc, memory_source);
    tcase_add_test(tc, descriptor_source_reads_its_part);
    tcase_add_loop_test(tc, checked_source_in_all_paces, 0, RF_ARRAY_LEN(sources));
    tcase_add_test(tc, checked_source_rewinds);
    tcase_add_test(tc, checked_source_checks_after_rewinding);
    tcase_add_test(tc, checked_source_passes_failures_on);
    suite_add_tcase(s, tc);
    tc = tcase_create("sink");
    tcase_add_checked_fixture(tc, dir_setup, dir_teardown);
    tcase_add_test(tc, sink_failures_stick);
    tcase_add_loop_test(tc, checked_sink, 0, RF_ARRAY_LEN(sinks));
    tcase_add_test(tc, checked_sink_refuses_one_large_write);
    tcase_add_test(tc, checked_sink_hashes_a_blocked_write_once);
    tcase_add_test(tc, buffer_sink_is_bounded);
    tcase_add_test(tc, measuring_sink);
    tcase_add_test(tc, positioned_sink_keeps_to_its_place);
    tcase_add_test(tc, full_device_has_its_code);
    tcase_add_test(tc, pipe_sink_waits_for_a_slow_reader);
    tcase_add_test(tc, broken_pipe_is_an_error);
    tcase_add_test(tc, copy_pumps_everything);
    tcase_add_test(tc, copy_stops_at_failures_of_both_ends);
    tcase_add_test(tc, copy_stops_when_cancelled);
    suite_add_tcase(s, tc);
    tc = tcase_create("misuse");
    tcase_add_test_raise_signal(tc, write_after_commit_is_a_bug, SIGABRT);
    tcase_add_test_raise_signal(tc, second_commit_is_a_bug, SIGABRT);
    suite_add_tcase(s, tc);
    return s;
}
