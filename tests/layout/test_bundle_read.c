/* SPDX-License-Identifier: Apache-2.0 */
/* Reading bundle.json: what is right comes back, what is wrong is refused, whatever it is. */
#include "layout/bundle.h"

#include <check.h>
#include <malloc.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "layout/bundle_frame.h"
#include "manifests/media_type.h"
#include "tests/layout/helper_bundle.h"
#include "tests/layout/helper_layout.h"
#include "tests/support/data_files.h"

Suite *rf_bundle_read_suite(void);

static const struct {
    const char *name;
    void (*make)(struct made *m);
} samples[] = { { "full", made_full }, { "next", made_next } };

START_TEST(read_gives_back_what_was_written)
{
    struct made m;
    struct rf_bundle b;
    struct rf_err err = RF_ERR_INIT;
    size_t len;
    char *text = golden_json(samples[_i].name, &len);
    samples[_i].make(&m);
    made_seal(&m);
    int rc = bundle_read_text(rf_slice_of(text, len), &b, &err);
    expect_ok(rc, err);
    expect_same_document(&b, &m.b);
    char *again = bundle_json_of(&b);
    expect_text(again, text, "written again");
    free(again);
    /* A document that was read can be sealed and is the same. */
    expect_ok(rf_bundle_seal(&b, &err), err);
    expect_same_document(&b, &m.b);
    free(text);
    rf_bundle_release(&b);
    made_release(&m);
}
END_TEST

START_TEST(every_field_is_read)
{
    struct rf_bundle b;
    struct rf_err err = RF_ERR_INIT;
    size_t len;
    char text[RF_DIGEST_TEXT];
    char *json = golden_json("next", &len);
    expect_ok(bundle_read_text(rf_slice_of(json, len), &b, &err), err);
    ck_assert_str_eq(b.site, "plant-7");
    ck_assert_uint_eq(b.sequence, 2);
    ck_assert_str_eq(rf_digest_hex(&b.parent, text), FULL_ID);
    ck_assert_str_eq(b.tool, "regexport 0.1.0");
    const struct rf_image *im = rf_desired_find(&b.desired, "mirror/multi", "1", NULL);
    ck_assert_uint_eq(im->n_children, 1);
    ck_assert_str_eq(rf_digest_text(&b.desired.digests[im->first_child], text),
                     "sha256:36abdae65ca32e0e8c480622c5a135fd49c8bba1048b4b79ee2b5949073c52d6");
    ck_assert_uint_eq(im->original, RF_NO_ID);
    ck_assert_uint_eq(im->status, RF_IMAGE_NEW);
    ck_assert_uint_eq(im->size, 392);
    im = rf_desired_find(&b.desired, "mirror/pruned", "1", NULL);
    ck_assert_str_eq(rf_digest_text(&b.desired.digests[im->original], text),
                     "sha256:c3716f20e7f413032b3432323856b3cd5643a84e29ee3b93471c0c6492ed80b7");
    ck_assert_uint_eq(rf_desired_find(&b.desired, "lab/held", "1", NULL)->status, RF_IMAGE_HELD);
    ck_assert_str_eq(rf_desired_str(&b.desired, b.holes[0].reason),
                     "no such \"repository\" \u00fc");
    ck_assert_str_eq(rf_desired_str(&b.desired, b.holes[0].tag), "");
    struct rf_digest d;
    rf_digest_of(RF_DIGEST_SHA512, rf_slice_str("layer two\n"), &d);
    const struct rf_bundle_blob *blob = rf_bundle_find(&b, &d);
    ck_assert_uint_eq(blob->kind, RF_BLOB_LAYER);
    ck_assert_uint_eq(blob->travel, RF_TRAVEL_CARRIED);
    ck_assert_uint_eq(blob->n_repos, 3);
    ck_assert_str_eq(rf_bundle_repo(&b, blob->first_repo + 1), "mirror/pruned");
    d = digest_of("layer one\n");
    blob = rf_bundle_find(&b, &d);
    ck_assert_uint_eq(blob->travel, RF_TRAVEL_ASSUMED);
    ck_assert_uint_eq(blob->n_from, 2);
    ck_assert_str_eq(rf_bundle_repo(&b, blob->first_from), "lab/held");
    d = digest_of("nothing of it");
    ck_assert_ptr_null(rf_bundle_find(&b, &d));
    ck_assert_uint_eq(rf_bundle_carried_count(&b), 6);
    ck_assert_uint_eq(rf_bundle_carried_bytes(&b), 2019);
    free(json);
    rf_bundle_release(&b);
}
END_TEST

START_TEST(a_size_beyond_the_limit_is_not_even_read)
{
    struct rf_bundle b;
    struct rf_err err = RF_ERR_INIT;
    rf_bundle_init(&b);
    struct rf_source *src = rf_source_mem(rf_slice_str("{\n"));
    expect_error(rf_bundle_read(src, RF_BUNDLE_JSON_MAX + 1, &b, &err), RFE_NOT_BUNDLE, err,
                 "67108864");
    expect_error(rf_bundle_read(src, 1000, &b, &err), RFE_DAMAGED, err, "ends in the middle");
    rf_source_free(src);
    rf_bundle_release(&b);
}
END_TEST

START_TEST(a_size_other_than_the_document)
{
    size_t len;
    char *text = golden_json("full", &len);
    struct rf_err err = RF_ERR_INIT;
    for (int more = -1; more <= 1; more += 2) {
        struct rf_bundle b;
        rf_bundle_init(&b);
        struct rf_source *src = rf_source_mem(rf_slice_of(text, len));
        expect_error(rf_bundle_read(src, len + (size_t)more, &b, &err), RFE_DAMAGED, err, "size");
        rf_source_free(src);
        rf_bundle_release(&b);
    }
    free(text);
}
END_TEST

/* ---- reading what is wrong, one edit at a time ---- */

static void add_special(struct rf_buf *out, const char *s, size_t line_start)
{
    while (*s != '\0') {
        size_t n = strcspn(s, "@");
        rf_buf_add(out, s, n);
        s += n;
        if (strncmp(s, "@@", 2) == 0) {
            rf_buf_add(out, "\xc3\x28", 2);
            s += 2;
        } else if (strncmp(s, "@NUL@", 5) == 0) {
            rf_buf_add_char(out, '\0');
            s += 5;
        } else if (strncmp(s, "@LONG@", 6) == 0 || strncmp(s, "@FULL@", 6) == 0) {
            /* up to the comma that follows */
            size_t want = s[1] == 'L' ? RF_BUNDLE_LINE_MAX - 1 : RF_BUNDLE_LINE_MAX - 2;
            while (out->len - line_start < want)
                rf_buf_add_char(out, ' ');
            s += 6;
        } else if (*s != '\0') {
            rf_buf_add_char(out, *s++);
        }
    }
}

static void edit(const char *text, const char *find, const char *replace, const char *name,
                 struct rf_buf *out)
{
    const char *at = strstr(text, find);
    ck_assert_msg(at != NULL, "%s: nothing to replace", name);
    rf_buf_add(out, text, (size_t)(at - text));
    const char *lf = memrchr(out->ptr, '\n', out->len);
    add_special(out, replace, lf != NULL ? (size_t)(lf + 1 - out->ptr) : 0);
    rf_buf_add_str(out, at + strlen(find));
}

static struct test_table table; /* lives as long as the process */

START_TEST(edits)
{
    table = test_table_load("bundle/edits.table");
    ck_assert_uint_gt(table.n, 250);
    for (size_t i = 0; i < table.n; i++) {
        char **row = table.rows[i];
        struct rf_err err = RF_ERR_INIT;
        struct rf_buf text;
        size_t len;
        rf_buf_init(&text, 0);
        char *json = golden_json(row[0], &len);
        ck_assert_msg(row[5] != NULL, "%s", row[1]);
        edit(json, row[4], row[5], row[1], &text);
        int rc = bundle_read_text(rf_buf_slice(&text), NULL, &err);
        int want = strcmp(row[2], "OK") == 0 ? 0 : -test_error_code(row[2]);
        ck_assert_msg(rc == want, "%s: %s, wanted %s: %s", row[1], rf_error_name(rc), row[2],
                      err.msg);
        ck_assert_msg(want == 0 || strstr(err.msg, row[3]) != NULL, "%s: no \"%s\" in: %s", row[1],
                      row[3], err.msg);
        for (const char *c = err.msg; *c != '\0'; c++)
            ck_assert_msg((unsigned char)*c >= ' ', "%s", row[1]);
        rf_buf_release(&text);
        free(json);
    }
}
END_TEST

START_TEST(every_cut_is_noticed)
{
    struct rf_err err = RF_ERR_INIT;
    size_t len;
    char *json = golden_json("next", &len);
    for (size_t n = 0; n < len; n++) {
        int rc = bundle_read_text(rf_slice_of(json, n), NULL, &err);
        ck_assert_msg(rc == -RFE_DAMAGED, "cut to %zu: %s %s", n, rf_error_name(rc), err.msg);
    }
    free(json);
}
END_TEST

/* No edit of one byte crashes; those that are read give another document. */
START_TEST(every_byte_changed)
{
    struct rf_err err = RF_ERR_INIT;
    size_t len;
    char *json = golden_json("next", &len);
    for (size_t i = 0; i < len; i++) {
        char old = json[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            struct rf_bundle b;
            char hex[RF_DIGEST_TEXT];
            json[i] = (char)(old ^ (1 << bit));
            int rc = bundle_read_text(rf_slice_of(json, len), &b, &err);
            if (rc < 0) {
                ck_assert_msg(rc == -RFE_DAMAGED || rc == -RFE_NOT_BUNDLE, "byte %zu: %s", i,
                              rf_error_name(rc));
                continue;
            }
            ck_assert_str_ne(rf_digest_hex(&b.id, hex), NEXT_ID);
            rf_bundle_release(&b);
        }
        json[i] = old;
    }
    free(json);
}
END_TEST

/* A source that hands out one byte at a time gives the same document. */
struct dripping {
    struct rf_source base;
    struct rf_slice left;
};

static ssize_t drip(struct rf_source *s, void *p, size_t n, struct rf_err *err)
{
    struct dripping *d = (struct dripping *)s;
    (void)err;
    if (n == 0 || d->left.len == 0)
        return 0;
    memcpy(p, d->left.ptr, 1);
    d->left = rf_slice_of(d->left.ptr + 1, d->left.len - 1);
    return 1;
}

static ssize_t break_off(struct rf_source *s, void *p, size_t n, struct rf_err *err)
{
    struct dripping *d = (struct dripping *)s;
    return d->left.len > 0 ? drip(s, p, n, err) : rf_fail(err, RFE_CANCELLED, "interrupted");
}

START_TEST(sources_that_drip_or_break_off)
{
    static const struct rf_source_ops drips = { .read = drip }, breaks = { .read = break_off };
    struct rf_err err = RF_ERR_INIT;
    struct rf_bundle b;
    char hex[RF_DIGEST_TEXT];
    size_t len;
    char *json = golden_json("next", &len);
    struct dripping d = { .base.ops = &drips, .left = rf_slice_of(json, len) };
    rf_bundle_init(&b);
    expect_ok(rf_bundle_read(&d.base, len, &b, &err), err);
    ck_assert_str_eq(rf_digest_hex(&b.id, hex), NEXT_ID);
    rf_bundle_release(&b);
    d = (struct dripping){ .base.ops = &breaks, .left = rf_slice_of(json, len / 2) };
    rf_bundle_init(&b);
    expect_error(rf_bundle_read(&d.base, len, &b, &err), RFE_CANCELLED, err, "interrupted");
    rf_bundle_release(&b);
    free(json);
}
END_TEST

/* ---- size ---- */

/* images of 10 blobs each: manifest, config, 8 layers; 100 repositories. */
static void make_large(struct made *m, size_t images)
{
    made_init(m);
    for (size_t i = 0; i < images; i++) {
        char text[64], source[160], tag[32];
        (void)snprintf(text, sizeof(text), "team/app-%zu", i % 100);
        (void)snprintf(tag, sizeof(tag), "%zu", i);
        (void)snprintf(source, sizeof(source), "registry.example/%s:%s", text, tag);
        struct rf_digest d = digest_of(source);
        made_image(m, text, tag, &d, RF_MT_OCI_MANIFEST, RF_IMAGE_NEW, source);
        made_blob(m, RF_BLOB_MANIFEST, &d, RF_MT_OCI_MANIFEST, text, NULL);
        for (size_t k = 0; k < 9; k++) {
            char content[192];
            (void)snprintf(content, sizeof(content), "%s %zu", source, k);
            d = digest_of(content);
            made_blob(m, k == 0 ? RF_BLOB_CONFIG : RF_BLOB_LAYER, &d,
                      k == 0 ? RF_MT_OCI_CONFIG : RF_MT_OCI_LAYER_GZIP, text, NULL);
        }
    }
}

/* Of processor time: what others do on this machine does not count. */
static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

START_TEST(a_hundred_thousand_blobs)
{
    struct made m;
    struct rf_bundle b;
    struct rf_err err = RF_ERR_INIT;
    struct rf_bundle_frame f;
    make_large(&m, 10000);
    made_seal(&m);
    ck_assert_uint_eq(m.b.n_blobs, 100000);
    char *text = bundle_json_of(&m.b);
    size_t len = strlen(text);
    ck_assert_uint_lt(len, RF_BUNDLE_JSON_MAX);
    struct rf_digest id = m.b.id;
    made_release(&m);
    (void)malloc_trim(0);
    struct mallinfo2 before = mallinfo2();
    double start = seconds();
    expect_ok(bundle_read_text(rf_slice_of(text, len), &b, &err), err);
    double took = seconds() - start;
    struct mallinfo2 after = mallinfo2();
    size_t used = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
    ck_assert_msg(SANITIZED || used < (40u << 20), "%zu bytes", used);
    ck_assert_msg(SANITIZED || used > (5u << 20), "%zu bytes: not measured", used);
    ck_assert_msg(took < (SANITIZED ? 60.0 : 10.0), "%f seconds", took);
    ck_assert(rf_digest_eq(&id, &b.id));
    expect_ok(rf_bundle_frame_init(&f, &b, &err), err);
    ck_assert_uint_eq(f.total % 512, 0);
    rf_bundle_frame_release(&f);
    rf_bundle_release(&b);
    free(text);
}
END_TEST

/* A hundred thousand lines, each of which is looked for in lists of ten thousand repositories. */
START_TEST(hostile_shapes_take_no_time)
{
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    made_full(&m);
    struct rf_bundle_blob wide = m.b.blobs[0];
    wide.first_repo = (uint32_t)m.b.n_lists;
    wide.n_repos = 10000;
    for (unsigned i = 0; i < 10000; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "many/%04u", i);
        uint32_t id = rf_strings_add(&m.b.desired.strings, rf_slice_str(name));
        m.b.repositories =
            rf_grow(m.b.repositories, m.b.n_repositories, &m.b.cap_repositories, sizeof(uint32_t));
        m.b.repositories[m.b.n_repositories] = id;
        m.b.lists = rf_grow(m.b.lists, m.b.n_lists, &m.b.cap_lists, sizeof(uint32_t));
        m.b.lists[m.b.n_lists++] = (uint32_t)m.b.n_repositories++;
    }
    /* one manifest for all repositories, and a hundred thousand lines that name it */
    m.b.blobs[1].first_repo = wide.first_repo;
    m.b.blobs[1].n_repos = wide.n_repos;
    struct rf_digest a = m.b.blobs[1].digest;
    m.b.desired.n = 0;
    for (unsigned i = 0; i < 100000; i++) {
        char name[32], tag[16];
        (void)snprintf(name, sizeof(name), "many/%04u", i % 10000);
        (void)snprintf(tag, sizeof(tag), "%u", i / 10000);
        made_image(&m, name, tag, &a, RF_MT_OCI_MANIFEST, RF_IMAGE_NEW, "x");
    }
    double start = seconds();
    made_seal(&m);
    char *text = bundle_json_of(&m.b);
    expect_ok(bundle_read_text(rf_slice_str(text), NULL, &err), err);
    ck_assert_msg(seconds() - start < (SANITIZED ? 60.0 : 10.0), "%f seconds", seconds() - start);
    free(text);
    made_release(&m);
}
END_TEST

Suite *rf_bundle_read_suite(void)
{
    Suite *s = suite_create("bundle_read");
    TCase *t = tcase_create("read");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, read_gives_back_what_was_written, 0, (int)RF_ARRAY_LEN(samples));
    tcase_add_test(t, every_field_is_read);
    tcase_add_test(t, edits);
    tcase_add_test(t, every_cut_is_noticed);
    tcase_add_test(t, every_byte_changed);
    tcase_add_test(t, sources_that_drip_or_break_off);
    tcase_add_test(t, a_size_beyond_the_limit_is_not_even_read);
    tcase_add_test(t, a_size_other_than_the_document);
    tcase_add_test(t, a_hundred_thousand_blobs);
    tcase_add_test(t, hostile_shapes_take_no_time);
    suite_add_tcase(s, t);
    return s;
}
