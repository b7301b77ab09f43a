/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <check.h>

#include "base/mem.h"
#include "layout/place.h"
#include "tests/layout/helper_layout.h"

Suite *rf_place_suite(void);

/* ---- a place that tells lies when it is told to ---- */

struct fake {
    struct rf_place base;
    unsigned calls;
    const char *bytes; /* of every blob */
    const struct rf_manifest *manifest;
    unsigned referrers;
    size_t taken; /* bytes that put_blob was given before the source ended or failed */
};

static int fake_resolve(struct rf_place *p, const char *repo, const char *tag,
                        const struct rf_digest *digest, struct rf_descriptor *out,
                        struct rf_err *err)
{
    struct fake *f = (struct fake *)p;
    (void)repo;
    (void)tag;
    (void)digest;
    (void)err;
    f->calls++;
    rf_manifest_descriptor(f->manifest, out);
    return 0;
}

/* Does not check anything, as a careless place might. */
static int fake_get_manifest(struct rf_place *p, const char *repo, const char *tag,
                             const struct rf_digest *digest,
                             const struct rf_manifest_expect *expect, struct rf_manifest **out,
                             struct rf_err *err)
{
    struct fake *f = (struct fake *)p;
    (void)repo;
    (void)tag;
    ck_assert_ptr_nonnull(expect);
    ck_assert(digest == NULL || expect->digest == digest);
    f->calls++;
    struct rf_manifest_expect none = { 0 };
    return rf_manifest_parse(rf_buf_slice(&f->manifest->body), &none, out, err);
}

static int fake_put_manifest(struct rf_place *p, const char *repo, const char *tag,
                             const struct rf_manifest *m, unsigned flags, struct rf_err *err)
{
    (void)repo;
    (void)tag;
    (void)m;
    (void)flags;
    (void)err;
    ((struct fake *)p)->calls++;
    return 0;
}

static int fake_get_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                         uint64_t size, uint64_t offset, struct rf_sink *sink, struct rf_err *err)
{
    struct fake *f = (struct fake *)p;
    (void)repo;
    (void)digest;
    (void)size;
    f->calls++;
    return rf_sink_write(sink, f->bytes + offset, strlen(f->bytes) - offset, err);
}

static int fake_put_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                         uint64_t size, struct rf_source *src, struct rf_err *err)
{
    struct fake *f = (struct fake *)p;
    char chunk[3];
    (void)repo;
    (void)digest;
    (void)size;
    f->calls++;
    f->taken = 0;
    for (;;) {
        ssize_t n = rf_source_read(src, chunk, sizeof(chunk), err);
        if (n <= 0)
            return (int)n;
        f->taken += (size_t)n;
    }
}

static int fake_referrers(struct rf_place *p, const char *repo, const struct rf_digest *subject,
                          const char *artifact_type, rf_place_desc_cb cb, void *ctx,
                          struct rf_err *err)
{
    struct fake *f = (struct fake *)p;
    (void)repo;
    (void)subject;
    (void)artifact_type;
    f->calls++;
    for (unsigned i = 0; i < f->referrers; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%u", i);
        struct rf_descriptor d = { .digest = digest_of(text), .size = 1 };
        d.artifact_type = rf_xstrdup(i % 2 == 0 ? "application/even" : "application/odd");
        /* Each twice, as lists that were put together badly have it. */
        int rc = cb(ctx, &d, err);
        if (rc == 0)
            rc = cb(ctx, &d, err);
        rf_descriptor_release(&d);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void fake_free(struct rf_place *p)
{
    ((struct fake *)p)->calls = 1000;
}

static const struct rf_place_ops fake_ops = {
    .resolve = fake_resolve,
    .get_manifest = fake_get_manifest,
    .put_manifest = fake_put_manifest,
    .get_blob = fake_get_blob,
    .put_blob = fake_put_blob,
    .referrers = fake_referrers,
    .free = fake_free,
};
static char fake_name[] = "fake://here";

static struct fake new_fake(void)
{
    return (struct fake){ .base = { .ops = &fake_ops, .name = fake_name } };
}

static const char *const layers_a[] = { "a", NULL };

/* ---- arguments ---- */

static const struct {
    const char *repo, *tag;
    bool digest;
    const char *text;
} bad[] = {
    { NULL, "v1", false, "no repository" },
    { "a/../b", "v1", false, "invalid repository" },
    { "/etc", "v1", false, "invalid repository" },
    { "A", "v1", false, "invalid repository" },
    { "a\n", "v1", false, "invalid repository" },
    { "a", NULL, false, "neither tag nor digest" },
    { "a", "", false, "invalid tag" },
    { "a", "../x", false, "invalid tag" },
    { "a", "x:y", false, "invalid tag" },
    { "a", "v1\r\nHost: evil", false, "invalid tag" },
    { "", "a b", false, "invalid tag" },
    { "", "\x1b[2J", false, "invalid tag" },
    { "", "", false, "invalid tag" },
    { "a", "v1", true, "no digest" }, /* one that is not set */
};

START_TEST(bad_arguments_reach_no_place)
{
    struct fake f = new_fake();
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest unset = { 0 };
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_manifest *m = NULL;
    const struct rf_digest *digest = bad[_i].digest ? &unset : NULL;
    expect_error(rf_place_resolve(&f.base, bad[_i].repo, bad[_i].tag, digest, &d, &err),
                 RFE_INVALID, err, bad[_i].text);
    expect_error(rf_place_get_manifest(&f.base, bad[_i].repo, bad[_i].tag, digest, NULL, &m, &err),
                 RFE_INVALID, err, bad[_i].text);
    ck_assert(strstr(err.msg, "fake://here") != NULL);
    for (const char *c = err.msg; *c != '\0'; c++)
        ck_assert_int_ge((unsigned char)*c, ' ');
    ck_assert_uint_eq(f.calls, 0);
}
END_TEST

START_TEST(a_layout_may_have_whole_names_as_tags)
{
    struct fake f = new_fake();
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_err err = RF_ERR_INIT;
    struct rf_manifest *m = make_image("cfg", layers_a, "");
    f.manifest = m;
    expect_ok(rf_place_resolve(&f.base, "", "localhost:5000/x/y:v1", NULL, &d, &err), err);
    rf_descriptor_release(&d);
    /* But nobody writes one. */
    expect_error(rf_place_put_manifest(&f.base, "", "x/y:v1", m, 0, &err), RFE_INVALID, err,
                 "invalid tag");
    expect_ok(rf_place_put_manifest(&f.base, "", "v1", m, 0, &err), err);
    rf_manifest_free(m);
}
END_TEST

START_TEST(what_a_place_cannot_do_it_says)
{
    struct fake f = new_fake();
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest d = digest_of("x");
    struct rf_source *src = NULL;
    struct rf_sink *sink = NULL;
    expect_error(rf_place_probe_blob(&f.base, "a", &d, 1, RF_PROBE_HEAD, &err), RFE_UNSUPPORTED,
                 err, "fake://here");
    expect_error(rf_place_open_blob(&f.base, "a", &d, 1, &src, &err), RFE_UNSUPPORTED, err, "open");
    expect_error(rf_place_blob_sink(&f.base, "a", &d, 1, &sink, &err), RFE_UNSUPPORTED, err,
                 "write");
    expect_error(rf_place_mount(&f.base, "a", "b", &d, 1, &err), RFE_UNSUPPORTED, err, "mount");
    expect_error(rf_place_list_tags(&f.base, "a", NULL, NULL, &err), RFE_UNSUPPORTED, err, "tags");
    expect_error(rf_place_list_repos(&f.base, NULL, NULL, &err), RFE_UNSUPPORTED, err,
                 "repositories");
    expect_error(rf_place_delete_tag(&f.base, "a", "b", &err), RFE_UNSUPPORTED, err, "delete");
    expect_error(rf_place_delete_manifest(&f.base, "a", &d, &err), RFE_UNSUPPORTED, err, "delete");
    expect_error(rf_place_delete_blob(&f.base, "a", &d, &err), RFE_UNSUPPORTED, err, "delete");
    /* Without the operation, nothing can be told, and nothing needs holding. */
    expect_ok(rf_place_can_write(&f.base, "a", &err), err);
    expect_ok(rf_place_hold(&f.base, "a", &err), err);
    rf_place_unhold(&f.base, "a");
    ck_assert_uint_eq(f.calls, 0);
}
END_TEST

START_TEST(read_only_places_are_not_written_to)
{
    struct fake f = new_fake();
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest d = digest_of("x");
    struct rf_manifest *m = make_image("cfg", layers_a, "");
    struct rf_source *src = rf_source_mem(rf_slice_str("x"));
    f.base.flags = RF_PLACE_READ_ONLY;
    expect_error(rf_place_put_manifest(&f.base, "a", "b", m, 0, &err), RFE_UNSUPPORTED, err,
                 "read-only");
    expect_error(rf_place_put_blob(&f.base, "a", &d, 1, src, &err), RFE_UNSUPPORTED, err,
                 "read-only");
    expect_error(rf_place_can_write(&f.base, "a", &err), RFE_DENIED, err, "read-only");
    ck_assert_uint_eq(f.calls, 0);
    rf_source_free(src);
    rf_manifest_free(m);
}
END_TEST

/* ---- a lie is found, whoever tells it ---- */

START_TEST(another_manifest_than_asked_for_is_refused)
{
    struct fake f = new_fake();
    struct rf_err err = RF_ERR_INIT;
    struct rf_manifest *right = make_image("cfg", layers_a, ""), *got = NULL;
    struct rf_manifest *wrong = make_image("other", layers_a, "");
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    f.manifest = wrong;
    expect_error(rf_place_resolve(&f.base, "a", NULL, &right->digest, &d, &err),
                 RFE_DIGEST_MISMATCH, err, "asked for");
    expect_error(rf_place_get_manifest(&f.base, "a", NULL, &right->digest, NULL, &got, &err),
                 RFE_DIGEST_MISMATCH, err, "asked for");
    expect_error(rf_place_get_manifest(&f.base, "a", "tag", &right->digest, NULL, &got, &err),
                 RFE_DIGEST_MISMATCH, err, "asked for");
    /* What is expected of a tag counts the same. */
    struct rf_manifest_expect expect = { .digest = &right->digest };
    expect_error(rf_place_get_manifest(&f.base, "a", "tag", NULL, &expect, &got, &err),
                 RFE_DIGEST_MISMATCH, err, "asked for");
    ck_assert_ptr_null(got);
    f.manifest = right;
    expect_ok(rf_place_get_manifest(&f.base, "a", "tag", NULL, &expect, &got, &err), err);
    ck_assert(rf_digest_eq(&got->digest, &right->digest));
    rf_manifest_free(got);
    rf_manifest_free(right);
    rf_manifest_free(wrong);
}
END_TEST

START_TEST(blobs_are_checked_as_they_arrive)
{
    static const struct {
        const char *bytes;
        int code;
    } rows[] = { { "hello", 0 },
                 { "hellO", RFE_DIGEST_MISMATCH },
                 { "hell", RFE_SIZE_MISMATCH },
                 { "hello!", RFE_SIZE_MISMATCH } };
    struct rf_digest d = digest_of("hello");
    for (size_t i = 0; i < RF_ARRAY_LEN(rows); i++) {
        struct fake f = new_fake();
        struct rf_err err = RF_ERR_INIT;
        struct rf_buf b;
        rf_buf_init(&b, 0);
        struct rf_sink *sink = rf_sink_buf(&b);
        f.bytes = rows[i].bytes;
        int rc = rf_place_get_blob(&f.base, "a", &d, 5, 0, NULL, sink, &err);
        ck_assert_msg(rc == -rows[i].code, "row %zu: %s", i, err.msg);
        /* It is still the caller's to commit. */
        ck_assert_int_eq(rf_sink_commit(sink, NULL), 0);
        rf_sink_free(sink);
        rf_buf_release(&b);
    }
}
END_TEST

START_TEST(a_resumed_blob_is_checked_as_a_whole)
{
    struct rf_digest d = digest_of("hello");
    for (int lie = 0; lie < 2; lie++) {
        struct fake f = new_fake();
        struct rf_err err = RF_ERR_INIT;
        struct rf_buf b;
        rf_buf_init(&b, 0);
        struct rf_sink *sink = rf_sink_buf(&b);
        struct rf_hasher *start = rf_hasher_new(RF_DIGEST_SHA256);
        rf_hasher_update(start, lie ? "HE" : "he", 2);
        f.bytes = "hello";
        int rc = rf_place_get_blob(&f.base, "a", &d, 5, 2, start, sink, &err);
        ck_assert_msg(rc == (lie ? -RFE_DIGEST_MISMATCH : 0), "%s", err.msg);
        ck_assert(rf_slice_is(rf_buf_slice(&b), "llo"));
        /* An offset that does not fit the hash. */
        start = rf_hasher_new(RF_DIGEST_SHA256);
        rf_hasher_update(start, "h", 1);
        expect_error(rf_place_get_blob(&f.base, "a", &d, 5, 2, start, sink, &err), RFE_INVALID, err,
                     "byte 2 of 5");
        expect_error(rf_place_get_blob(&f.base, "a", &d, 5, 6, NULL, sink, &err), RFE_INVALID, err,
                     "byte 6 of 5");
        ck_assert_uint_eq(f.calls, 1);
        rf_sink_free(sink);
        rf_buf_release(&b);
    }
}
END_TEST

START_TEST(wrong_bytes_are_never_put_to_the_end)
{
    struct rf_digest d = digest_of("hello");
    struct fake f = new_fake();
    struct rf_err err = RF_ERR_INIT;
    char used[3];
    struct rf_source *src = rf_source_mem(rf_slice_str("hello"));
    ck_assert_int_eq(rf_source_read(src, used, 3, NULL), 3);
    /* From the start, wherever the source stood. */
    expect_ok(rf_place_put_blob(&f.base, "a", &d, 5, src, &err), err);
    ck_assert_uint_eq(f.taken, 5);
    rf_source_free(src);
    src = rf_source_mem(rf_slice_str("hellO"));
    expect_error(rf_place_put_blob(&f.base, "a", &d, 5, src, &err), RFE_DIGEST_MISMATCH, err,
                 "sha256:2cf24d");
    ck_assert_uint_lt(f.taken, 5);
    rf_source_free(src);
    src = rf_source_mem(rf_slice_str("hello, too long"));
    expect_error(rf_place_put_blob(&f.base, "a", &d, 5, src, &err), RFE_SIZE_MISMATCH, err, "5");
    ck_assert_uint_lt(f.taken, 5);
    rf_source_free(src);
}
END_TEST

START_TEST(manifests_over_the_limit_are_not_put)
{
    struct fake f = new_fake();
    struct rf_err err = RF_ERR_INIT;
    struct rf_manifest *m = make_image("cfg", layers_a, "");
    m->body.len = RF_MANIFEST_PUSH_MAX + 1;
    expect_error(rf_place_put_manifest(&f.base, "a", "b", m, 0, &err), RFE_TOO_LARGE, err,
                 "4194305");
    ck_assert_uint_eq(f.calls, 0);
    m->body.len = 0;
    rf_manifest_free(m);
}
END_TEST

/* ---- referrers ---- */

static int count(void *ctx, const struct rf_descriptor *d, struct rf_err *err)
{
    (void)d;
    (void)err;
    ++*(unsigned *)ctx;
    return 0;
}

static int stop(void *ctx, const struct rf_descriptor *d, struct rf_err *err)
{
    (void)d;
    ++*(unsigned *)ctx;
    return rf_fail(err, RFE_EXISTS, "found");
}

START_TEST(referrers_come_once_of_the_wanted_type_and_not_without_end)
{
    struct fake f = new_fake();
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest d = digest_of("x");
    unsigned n = 0;
    f.referrers = 10;
    expect_ok(rf_place_referrers(&f.base, "a", &d, NULL, count, &n, &err), err);
    ck_assert_uint_eq(n, 10);
    n = 0;
    expect_ok(rf_place_referrers(&f.base, "a", &d, "application/odd", count, &n, &err), err);
    ck_assert_uint_eq(n, 5);
    n = 0;
    expect_ok(rf_place_referrers(&f.base, "a", &d, "application/none", count, &n, &err), err);
    ck_assert_uint_eq(n, 0);
    expect_error(rf_place_referrers(&f.base, "a", &d, NULL, stop, &n, &err), RFE_EXISTS, err,
                 "found");
    ck_assert_uint_eq(n, 1);
    n = 0;
    f.referrers = 10000;
    expect_ok(rf_place_referrers(&f.base, "a", &d, NULL, count, &n, &err), err);
    ck_assert_uint_eq(n, 10000);
    f.referrers = 10001;
    expect_error(rf_place_referrers(&f.base, "a", &d, NULL, count, &n, &err), RFE_TOO_LARGE, err,
                 "10000 referrers");
}
END_TEST

/* ---- tags that speak of digests ---- */

START_TEST(fallback_tags)
{
    struct rf_digest d = digest_of("x"), d512, back;
    char tag[RF_DIGEST_TEXT];
    rf_fallback_tag(&d, tag);
    ck_assert_str_eq(tag,
                     "sha256-2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881");
    ck_assert(rf_digest_tag_parse(tag, &back) && rf_digest_eq(&d, &back));
    /* The specification cuts what is longer, so that it is a tag. */
    rf_digest_of(RF_DIGEST_SHA512, rf_slice_str("x"), &d512);
    rf_fallback_tag(&d512, tag);
    ck_assert_uint_eq(strlen(tag), 7 + 64);
    ck_assert_int_eq(strncmp(tag, "sha512-", 7), 0);
    ck_assert(!rf_digest_tag_parse(tag, &back));
}
END_TEST

static const struct {
    const char *suffix;
    bool good;
} digest_tags[] = { { "", true },   { ".sig", true },  { ".att", true }, { ".sha256.x", true },
                    { ".", false }, { "-sig", false }, { "0", false },   { "\n", false } };

START_TEST(digest_tags_have_a_suffix_or_none)
{
    struct rf_digest d = digest_of("x"), got = { 0 };
    char tag[RF_DIGEST_TEXT];
    rf_fallback_tag(&d, tag);
    char *text = rf_xasprintf("%s%s", tag, digest_tags[_i].suffix);
    ck_assert_msg(rf_digest_tag_parse(text, &got) == digest_tags[_i].good, "%s", text);
    ck_assert(rf_digest_eq(&d, &got) == digest_tags[_i].good);
    free(text);
    ck_assert(!rf_digest_tag_parse("latest", &got));
    ck_assert(!rf_digest_tag_parse("sha256-abc", &got));
    ck_assert(!rf_digest_tag_parse("", &got));
}
END_TEST

START_TEST(freeing)
{
    struct fake f = new_fake();
    struct rf_place *p = &f.base;
    rf_place_free(NULL);
    rf_place_freep(&p);
    ck_assert_ptr_null(p);
    ck_assert_uint_eq(f.calls, 1000);
}
END_TEST

Suite *rf_place_suite(void)
{
    Suite *s = suite_create("place");
    TCase *c = tcase_create("place");
    tcase_add_loop_test(c, bad_arguments_reach_no_place, 0, (int)RF_ARRAY_LEN(bad));
    tcase_add_test(c, a_layout_may_have_whole_names_as_tags);
    tcase_add_test(c, what_a_place_cannot_do_it_says);
    tcase_add_test(c, read_only_places_are_not_written_to);
    tcase_add_test(c, another_manifest_than_asked_for_is_refused);
    tcase_add_test(c, blobs_are_checked_as_they_arrive);
    tcase_add_test(c, a_resumed_blob_is_checked_as_a_whole);
    tcase_add_test(c, wrong_bytes_are_never_put_to_the_end);
    tcase_add_test(c, manifests_over_the_limit_are_not_put);
    tcase_add_test(c, referrers_come_once_of_the_wanted_type_and_not_without_end);
    tcase_add_test(c, fallback_tags);
    tcase_add_loop_test(c, digest_tags_have_a_suffix_or_none, 0, (int)RF_ARRAY_LEN(digest_tags));
    tcase_add_test(c, freeing);
    suite_add_tcase(s, c);
    return s;
}
