/* SPDX-License-Identifier: Apache-2.0 */
/* The partial file: frame, claims, another layout of the same members. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "export/partial.h"
#include "tests/export/helper_export.h"
#include "tests/layout/helper_bundle.h"

Suite *rf_partial_suite(void);

#define LAYERS 9

/* Content of layer i: lengths that need padding, some larger than a piece that is moved at once. */
static char *layer_text(size_t i)
{
    size_t n = 1 + i * 300007;
    char *text = rf_xmalloc(n + 1);
    for (size_t k = 0; k < n; k++)
        text[k] = (char)('a' + (k * 31 + i * 7) % 26);
    text[n] = '\0';
    return text;
}

/* One image per layer that `has` says; its manifest is a text that only has to be there. extra: a hole more makes the head larger. */
static void make(struct made *m, const bool has[LAYERS], unsigned holes)
{
    made_init(m);
    for (size_t i = 0; i < LAYERS; i++) {
        char tag[16], manifest[32], *text = layer_text(i);
        if (has[i]) {
            (void)snprintf(tag, sizeof(tag), "v%zu", i);
            (void)snprintf(manifest, sizeof(manifest), "manifest %zu", i);
            struct rf_digest d = made_content(m, RF_DIGEST_SHA256, manifest),
                             l = made_content(m, RF_DIGEST_SHA256, text);
            made_image(m, "app", tag, &d, RF_MT_OCI_MANIFEST, RF_IMAGE_NEW, "r.example/app:1");
            made_blob(m, RF_BLOB_MANIFEST, &d, RF_MT_OCI_MANIFEST, "app", NULL);
            made_blob(m, RF_BLOB_LAYER, &l, RF_MT_OCI_LAYER, "app", NULL);
        }
        free(text);
    }
    for (unsigned i = 0; i < holes; i++) {
        char tag[16];
        (void)snprintf(tag, sizeof(tag), "h%u", i);
        made_hole(
            m, "app", tag, "r.example/app:1",
            "a long reason, so that what stands before the members grows by more than one block");
    }
    made_seal(m);
}

static const char *content_of(const struct made *m, size_t blob, size_t *len)
{
    for (size_t i = 0; i < m->n_contents; i++)
        if (rf_digest_eq(&m->contents[i].digest, &m->b.blobs[blob].digest)) {
            *len = m->contents[i].len;
            return m->contents[i].bytes;
        }
    ck_abort_msg("no content");
}

static struct rf_partial *opened(const struct made *m)
{
    struct rf_partial *p = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_partial_open("out", &m->b, &p, &err), err);
    return p;
}

static void write_blob(struct rf_partial *p, const struct made *m, size_t i, size_t upto)
{
    struct rf_err err = RF_ERR_INIT;
    size_t len = 0;
    int disk = 0;
    const char *bytes = content_of(m, i, &len);
    struct rf_sink *sink = rf_partial_sink(p, i, 0, &disk);
    expect_ok(rf_sink_write(sink, bytes, upto < len ? upto : len, &err), err);
    if (upto >= len)
        expect_ok(rf_sink_commit(sink, &err), err);
    ck_assert_int_eq(disk, 0);
    rf_sink_free(sink);
}

static void expect_file(const struct made *m, const char *path)
{
    struct rf_buf want;
    rf_buf_init(&want, 0);
    made_tar(m, &want);
    write_file("want.tar", rf_buf_slice(&want));
    rf_buf_release(&want);
    expect_same_files(path, "want.tar");
}

static const bool all[LAYERS] = { true, true, true, true, true, true, true, true, true };

START_TEST(written_in_any_order)
{
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    make(&m, all, 0);
    struct rf_partial *p = opened(&m);
    ck_assert(is_there(p->path));
    ck_assert(is_there(p->journal_path));
    for (size_t i = m.b.n_blobs; i-- > 0;)
        write_blob(p, &m, i, SIZE_MAX);
    char *final = rf_partial_final_path("out", &m.b);
    ck_assert(!is_there(final));
    expect_ok(rf_partial_finish(p, &err), err);
    rf_partial_free(p);
    char *names = names_in("out");
    ck_assert_ptr_null(strstr(names, ".partial"));
    ck_assert_ptr_null(strstr(names, ".journal"));
    expect_file(&m, final);
    free(names);
    free(final);
    made_release(&m);
}
END_TEST

START_TEST(claims_come_back)
{
    struct made m;
    make(&m, all, 0);
    struct rf_partial *p = opened(&m);
    size_t large = 0, len = 0;
    for (size_t i = 0; i < m.b.n_blobs; i++) {
        ck_assert_uint_eq(p->claimed[i], 0);
        if (m.b.blobs[i].size > m.b.blobs[large].size)
            large = i;
    }
    (void)content_of(&m, large, &len);
    write_blob(p, &m, 0, SIZE_MAX);
    write_blob(p, &m, large, len - 1); /* no step of the journal lies within */
    rf_partial_freep(&p);
    p = opened(&m);
    ck_assert_uint_eq(p->claimed[0], m.b.blobs[0].size);
    ck_assert_uint_eq(p->claimed[large], 0);
    rf_partial_freep(&p);
    /* twice: the journal was written anew */
    p = opened(&m);
    ck_assert_uint_eq(p->claimed[0], m.b.blobs[0].size);
    rf_partial_free(p);
    made_release(&m);
}
END_TEST

START_TEST(a_journal_of_another_bundle_claims_nothing)
{
    static const bool some[LAYERS] = { true, true };
    struct made m, other;
    make(&m, all, 0);
    make(&other, some, 0);
    struct rf_partial *p = opened(&m);
    for (size_t i = 0; i < m.b.n_blobs; i++)
        write_blob(p, &m, i, SIZE_MAX);
    char *from = rf_xstrdup(p->journal_path);
    rf_partial_freep(&p);
    p = opened(&other);
    char *to = rf_xstrdup(p->journal_path);
    rf_partial_freep(&p);
    ck_assert_int_eq(rename(from, to), 0);
    p = opened(&other);
    for (size_t i = 0; i < other.b.n_blobs; i++)
        ck_assert_uint_eq(p->claimed[i], 0);
    rf_partial_free(p);
    free(from);
    free(to);
    made_release(&m);
    made_release(&other);
}
END_TEST

START_TEST(members_bound_what_is_written)
{
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    make(&m, all, 0);
    struct rf_partial *p = opened(&m);
    size_t len = 0;
    int disk = 0;
    const char *bytes = content_of(&m, 0, &len);
    struct rf_sink *sink = rf_partial_sink(p, 0, 0, &disk);
    expect_ok(rf_sink_write(sink, bytes, len, &err), err);
    ck_assert_int_eq(rf_sink_write(sink, "x", 1, &err), -RFE_SIZE_MISMATCH);
    ck_assert_int_eq(disk, 0); /* the source's fault */
    rf_sink_free(sink);
    sink = rf_partial_sink(p, 0, 0, &disk);
    expect_ok(rf_sink_write(sink, bytes, len - 1, &err), err);
    ck_assert_int_eq(rf_sink_commit(sink, &err), -RFE_SIZE_MISMATCH);
    rf_sink_free(sink);
    rf_partial_free(p);
    made_release(&m);
}
END_TEST

static const struct {
    const char *leaves; /* the images that go, by number */
    unsigned holes;     /* a larger head */
} moves[] = {
    { "0", 0 },
    { "8", 0 },
    { "4", 0 },
    { "0 1 2 3", 0 },
    { "1 3 5 7", 0 },
    { "0", 1 },
    { "8", 1 },
    { "4", 9 },
    { "0 8", 40 },
    { "7", 200 },
    { "2", 60 },
    { "", 1 },
    { "0 1 2 3 4 5 6 7", 3 },
};

/* Members go towards the start, towards the end, or stay: in each case the file is the one that would have been written at once. */
START_TEST(another_layout)
{
    struct made m, then;
    struct rf_err err = RF_ERR_INIT;
    bool stay[LAYERS], done[64] = { false };
    for (size_t i = 0; i < LAYERS; i++)
        stay[i] = strchr(moves[_i].leaves, (int)('0' + i)) == NULL;
    make(&m, all, 0);
    make(&then, stay, moves[_i].holes);
    struct rf_partial *p = opened(&m);
    for (size_t i = 0; i < m.b.n_blobs; i++) {
        /* what leaves is what failed: half of it stands there */
        bool leaves = rf_bundle_find(&then.b, &m.b.blobs[i].digest) == NULL;
        write_blob(p, &m, i, leaves ? m.b.blobs[i].size / 2 : SIZE_MAX);
        done[i] = !leaves;
    }
    char *old = rf_xstrdup(p->path);
    expect_ok(rf_partial_move(p, &then.b, done, &err), err);
    ck_assert(!is_there(old));
    for (size_t i = 0; i < then.b.n_blobs; i++)
        ck_assert_uint_eq(p->claimed[i], then.b.blobs[i].size);
    expect_file(&then, p->path);
    rf_partial_freep(&p);
    p = opened(&then); /* the claims are on disk too */
    for (size_t i = 0; i < then.b.n_blobs; i++)
        ck_assert_uint_eq(p->claimed[i], then.b.blobs[i].size);
    expect_ok(rf_partial_finish(p, &err), err);
    rf_partial_free(p);
    char *names = names_in("out");
    ck_assert_msg(strchr(names, ' ') == names + strlen(names) - 1, "%s", names);
    free(names);
    free(old);
    made_release(&m);
    made_release(&then);
}
END_TEST

Suite *rf_partial_suite(void)
{
    Suite *s = suite_create("partial");
    TCase *t = tcase_create("partial");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    tcase_add_test(t, written_in_any_order);
    tcase_add_test(t, claims_come_back);
    tcase_add_test(t, a_journal_of_another_bundle_claims_nothing);
    tcase_add_test(t, members_bound_what_is_written);
    tcase_add_loop_test(t, another_layout, 0, RF_ARRAY_LEN(moves));
    return s;
}
