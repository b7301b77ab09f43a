/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/gzip.h"

#include <check.h>
#include <zlib.h>

#include "base/mem.h"

Suite *rf_gzip_suite(void);

#define BUF(name)                                  \
    RF_CLEANUP(rf_buf_release) struct rf_buf name; \
    rf_buf_init(&name, 0)

/* Text that compresses a little, of several chunks. */
static void fill(struct rf_buf *b, size_t n)
{
    uint32_t x = 7;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        rf_buf_add_char(b, (char)('a' + (x >> 24) % 17));
    }
}

static void compress_into(struct rf_slice in, size_t step, struct rf_buf *out)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_gzip_sink(rf_sink_buf(out), true);
    for (size_t at = 0; at < in.len; at += step) {
        size_t n = in.len - at < step ? in.len - at : step;
        ck_assert_msg(rf_sink_write(sink, in.ptr + at, n, &err) == 0, "%s", err.msg);
    }
    ck_assert_msg(rf_sink_commit(sink, &err) == 0, "%s", err.msg);
}

/* zlib's own reading, for the whole. */
static void expect_inflated(const struct rf_buf *packed, struct rf_slice want)
{
    z_stream z = { 0 };
    RF_CLEANUP(rf_freep) char *out = rf_xmalloc(want.len + 1);
    ck_assert_int_eq(inflateInit2(&z, 31), Z_OK);
    z.next_in = (Bytef *)packed->ptr;
    z.avail_in = (unsigned)packed->len;
    z.next_out = (Bytef *)out;
    z.avail_out = (unsigned)want.len + 1;
    ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
    ck_assert_uint_eq(z.avail_in, 0);
    ck_assert_uint_eq(z.total_out, want.len);
    ck_assert_int_eq(memcmp(out, want.ptr, want.len), 0);
    (void)inflateEnd(&z);
}

static const size_t sizes[] = { 0, 1, 10, 32767, 32768, 32769, 300000 };

START_TEST(what_is_compressed_comes_back)
{
    BUF(plain);
    BUF(packed);
    BUF(back);
    struct rf_err err = RF_ERR_INIT;
    fill(&plain, sizes[_i]);
    compress_into(rf_buf_slice(&plain), 1000, &packed);
    expect_inflated(&packed, rf_buf_slice(&plain));
    /* RFC 1952: magic, deflate, no flags, no time, no extra flags, unknown system */
    ck_assert_int_eq(memcmp(packed.ptr, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10), 0);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_gunzip_sink(rf_sink_buf(&back), true);
    for (size_t i = 0; i < packed.len; i += 777)
        ck_assert_msg(rf_sink_write(sink, packed.ptr + i,
                                    packed.len - i < 777 ? packed.len - i : 777, &err) == 0,
                      "%s", err.msg);
    ck_assert_msg(rf_sink_commit(sink, &err) == 0, "%s", err.msg);
    ck_assert(rf_slice_eq(rf_buf_slice(&back), rf_buf_slice(&plain)));
}
END_TEST

START_TEST(the_same_bytes_however_they_come)
{
    BUF(plain);
    BUF(a);
    BUF(b);
    BUF(c);
    struct rf_err err = RF_ERR_INIT;
    fill(&plain, sizes[_i]);
    compress_into(rf_buf_slice(&plain), 1, &a);
    compress_into(rf_buf_slice(&plain), SIZE_MAX / 2, &b);
    ck_assert(rf_slice_eq(rf_buf_slice(&a), rf_buf_slice(&b)));
    RF_CLEANUP(rf_source_freep)
    struct rf_source *src = rf_gzip_source(rf_source_mem(rf_buf_slice(&plain)));
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(&c);
    ck_assert_msg(rf_stream_copy(src, sink, NULL, &err) == 0, "%s", err.msg);
    ck_assert(rf_slice_eq(rf_buf_slice(&a), rf_buf_slice(&c)));
}
END_TEST

START_TEST(a_source_starts_over)
{
    BUF(plain);
    BUF(want);
    struct rf_err err = RF_ERR_INIT;
    fill(&plain, 100000);
    compress_into(rf_buf_slice(&plain), 5000, &want);
    RF_CLEANUP(rf_source_freep)
    struct rf_source *src = rf_gzip_source(rf_source_mem(rf_buf_slice(&plain)));
    ck_assert(rf_source_can_seek(src));
    const size_t from[] = { 0, 40000, 10, want.len - 1, want.len, 0 };
    for (size_t i = 0; i < RF_ARRAY_LEN(from); i++) {
        BUF(got);
        RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(&got);
        ck_assert_msg(rf_source_seek(src, from[i], &err) == 0, "%s", err.msg);
        ck_assert_msg(rf_stream_copy(src, sink, NULL, &err) == 0, "%s", err.msg);
        ck_assert(
            rf_slice_eq(rf_buf_slice(&got), rf_slice_of(want.ptr + from[i], want.len - from[i])));
    }
    char byte;
    ck_assert_int_eq(rf_source_seek(src, want.len + 1, &err), 0);
    ck_assert_int_eq(rf_source_read(src, &byte, 1, &err), -RFE_INVALID);
}
END_TEST

/* Several gzip members behind each other are one content (RFC 1952, section 2.2). */
START_TEST(members_follow_each_other)
{
    BUF(packed);
    BUF(back);
    struct rf_err err = RF_ERR_INIT;
    compress_into(rf_slice_str("one "), 2, &packed);
    compress_into(rf_slice_str(""), 1, &packed);
    compress_into(rf_slice_str("two"), 2, &packed);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_gunzip_sink(rf_sink_buf(&back), true);
    ck_assert_int_eq(rf_sink_write(sink, packed.ptr, packed.len, &err), 0);
    ck_assert_int_eq(rf_sink_commit(sink, &err), 0);
    ck_assert_str_eq(back.ptr, "one two");
}
END_TEST

static int gunzip(struct rf_slice bytes, struct rf_err *err)
{
    BUF(back);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_gunzip_sink(rf_sink_buf(&back), true);
    int rc = rf_sink_write(sink, bytes.ptr, bytes.len, err);
    return rc < 0 ? rc : rf_sink_commit(sink, err);
}

START_TEST(damage_is_noticed)
{
    BUF(plain);
    BUF(packed);
    struct rf_err err = RF_ERR_INIT;
    fill(&plain, 5000);
    compress_into(rf_buf_slice(&plain), 5000, &packed);
    ck_assert_int_eq(gunzip(rf_buf_slice(&packed), &err), 0);
    for (size_t n = 0; n < packed.len; n += n < 30 || n + 30 > packed.len ? 1 : 97)
        ck_assert_msg(gunzip(rf_slice_of(packed.ptr, n), &err) == -RFE_INVALID, "cut at %zu", n);
    /* checksum, length, and what stands behind */
    for (size_t back = 1; back <= 8; back++) {
        packed.ptr[packed.len - back] ^= 1;
        ck_assert_msg(gunzip(rf_buf_slice(&packed), &err) == -RFE_INVALID, "byte -%zu", back);
        packed.ptr[packed.len - back] ^= 1;
    }
    rf_buf_add_char(&packed, 'x');
    ck_assert_int_eq(gunzip(rf_buf_slice(&packed), &err), -RFE_INVALID);
    ck_assert_int_eq(gunzip(rf_slice_str("no gzip at all"), &err), -RFE_INVALID);
}
END_TEST

static ssize_t broken_read(struct rf_source *s, void *p, size_t n, struct rf_err *err)
{
    (void)s;
    (void)p;
    (void)n;
    return rf_fail(err, RFE_DENIED, "broken");
}

static void broken_free(struct rf_source *s)
{
    (void)s;
}

START_TEST(failures_of_the_other_side_pass_through)
{
    static const struct rf_source_ops ops = { broken_read, NULL, broken_free };
    struct rf_source broken = { .ops = &ops };
    struct rf_err err = RF_ERR_INIT;
    char byte;
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_gzip_source(&broken);
    ck_assert(!rf_source_can_seek(src));
    ck_assert_int_eq(rf_source_read(src, &byte, 1, &err), -RFE_DENIED);

    BUF(plain);
    RF_CLEANUP(rf_buf_release) struct rf_buf small;
    rf_buf_init(&small, 100);
    fill(&plain, 300000);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_gzip_sink(rf_sink_buf(&small), true);
    ck_assert_int_eq(rf_sink_write(sink, plain.ptr, plain.len, &err), -RFE_TOO_LARGE);
}
END_TEST

Suite *rf_gzip_suite(void)
{
    Suite *s = suite_create("gzip");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, what_is_compressed_comes_back, 0, (int)RF_ARRAY_LEN(sizes));
    tcase_add_loop_test(all, the_same_bytes_however_they_come, 0, (int)RF_ARRAY_LEN(sizes));
    tcase_add_test(all, a_source_starts_over);
    tcase_add_test(all, members_follow_each_other);
    tcase_add_test(all, damage_is_noticed);
    tcase_add_test(all, failures_of_the_other_side_pass_through);
    suite_add_tcase(s, all);
    return s;
}
