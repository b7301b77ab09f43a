/* SPDX-License-Identifier: Apache-2.0 */
#include "import/lists.h"

#include <stdlib.h>

#include "base/mem.h"
#include "import/rollback.h"
#include "layout/oci_dir.h"
#include "manifests/media_type.h"
#include "tests/import/helper_import.h"

Suite *rf_lists_suite(void);

/* ---- lists ---- */

/* An index of entries "a", "b", ... of which each is named by one letter; as its text. The caller frees. */
static char *list_text(const char *letters)
{
    struct rf_buf b;
    char text[RF_DIGEST_TEXT];
    rf_buf_init(&b, 0);
    rf_buf_add_str(&b,
                   "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX "\",\"manifests\":[");
    for (const char *c = letters; *c != '\0'; c++) {
        const char one[] = { *c, '\0' };
        struct rf_digest d = digest_of(one);
        rf_buf_addf(&b,
                    "%s{\"mediaType\":\"" RF_MT_OCI_MANIFEST
                    "\",\"digest\":\"%s\",\"size\":1,\"artifactType\":\"application/vnd.test.%c\"}",
                    c > letters ? "," : "", rf_digest_text(&d, text), *c);
    }
    rf_buf_add_str(&b, "]}");
    return rf_buf_take(&b, NULL);
}

static struct rf_manifest *list_of(const char *letters)
{
    struct rf_manifest *m = NULL;
    struct rf_err err = RF_ERR_INIT;
    const struct rf_manifest_expect expect = { .media_type = RF_MT_OCI_INDEX };
    char *text = list_text(letters);
    expect_ok(rf_manifest_parse(rf_slice_str(text), &expect, &m, &err), err);
    free(text);
    return m;
}

static const struct {
    const char *tag;
    bool list;
} names[] = {
    { "sha256-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", true },
    { "sha512-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", true },
    { "sha256-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde", false },
    { "sha256-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.sig", false },
    { "sha256-0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", false },
    { "sha384-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", false },
    { "sha256", false },
    { "latest", false },
};

START_TEST(names_of_lists)
{
    struct made m;
    made_init(&m);
    struct rf_digest d = made_content(&m, RF_DIGEST_SHA256, "x");
    const struct rf_image *im =
        made_image(&m, "app", names[_i].tag, &d, RF_MT_OCI_INDEX, RF_IMAGE_NEW, "r.example/x:1");
    ck_assert_msg(rf_list_is_line(&m.b, im) == names[_i].list, "%s", names[_i].tag);
    made_release(&m);
}
END_TEST

/* r and s are lines of the bundle, x is one that was removed; all else is of others. */
static const struct {
    const char *now, *wanted;
    const char *both; /* NULL: nothing to merge */
    size_t others;
} merges[] = {
    { "rs", "rs", NULL, 0 },   { "r", "rs", NULL, 0 },       { "", "rs", NULL, 0 },
    { "rx", "rs", NULL, 0 },   { "o", "rs", "ors", 1 },      { "ro", "rs", "ros", 1 },
    { "ros", "rs", "ros", 1 }, { "orxsp", "rs", "orsp", 2 }, { "ros", "r", "ros", 1 },
    { "s", "r", "sr", 0 },
};

START_TEST(others_stay_listed)
{
    static const char tag[] =
        "sha256-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    size_t others = 9;
    made_init(&m);
    struct rf_digest r = made_content(&m, RF_DIGEST_SHA256, "r");
    struct rf_digest s = made_content(&m, RF_DIGEST_SHA256, "s");
    struct rf_digest x = made_content(&m, RF_DIGEST_SHA256, "x");
    struct rf_digest l = made_content(&m, RF_DIGEST_SHA256, "list");
    made_blob(&m, RF_BLOB_MANIFEST, &r, RF_MT_OCI_MANIFEST, "app", NULL);
    made_image(&m, "app", "", &r, RF_MT_OCI_MANIFEST, RF_IMAGE_NEW, "r.example/x:1");
    made_image(&m, "app", "", &s, RF_MT_OCI_MANIFEST, RF_IMAGE_UNCHANGED, "r.example/x:1");
    made_image(&m, "app", "", &x, RF_MT_OCI_MANIFEST, RF_IMAGE_REMOVED, "r.example/x:1");
    made_image(&m, "app", tag, &l, RF_MT_OCI_INDEX, RF_IMAGE_UNCHANGED, "r.example/x:1");
    add_base(&m, "first");
    made_seal(&m);
    const struct rf_image *im = rf_desired_find(&m.b.desired, "app", tag, NULL);
    struct rf_manifest *now = list_of(merges[_i].now), *wanted = list_of(merges[_i].wanted),
                       *out = NULL;
    expect_ok(rf_list_merge(&m.b, im, now, wanted, &out, &others, &err), err);
    ck_assert_uint_eq(others, merges[_i].others);
    ck_assert_int_eq(out != NULL, merges[_i].both != NULL);
    if (out != NULL) {
        char *want = list_text(merges[_i].both);
        expect_text(out->body.ptr, want, merges[_i].both);
        free(want);
    }
    rf_manifest_free(now);
    rf_manifest_free(wanted);
    rf_manifest_free(out);
    made_release(&m);
}
END_TEST

/* One that others wrote in their own way, and that has all of ours, is not written anew. */
START_TEST(a_list_that_is_right_keeps_its_bytes)
{
    static const char tag[] =
        "sha256-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct made m;
    struct rf_manifest *now = NULL, *wanted = list_of("r"), *out = NULL;
    struct rf_err err = RF_ERR_INIT;
    const struct rf_manifest_expect expect = { .media_type = RF_MT_OCI_INDEX };
    size_t others = 0;
    char *text = list_text("ro"), *spaced = rf_xasprintf("\n%s\n", text);
    made_init(&m);
    struct rf_digest l = made_content(&m, RF_DIGEST_SHA256, "list");
    made_image(&m, "app", tag, &l, RF_MT_OCI_INDEX, RF_IMAGE_UNCHANGED, "r.example/x:1");
    add_base(&m, "first");
    made_seal(&m);
    expect_ok(rf_manifest_parse(rf_slice_str(spaced), &expect, &now, &err), err);
    expect_ok(rf_list_merge(&m.b, &m.b.desired.images[0], now, wanted, &out, &others, &err), err);
    ck_assert_ptr_nonnull(out);
    ck_assert(rf_digest_eq(&out->digest, &now->digest));
    ck_assert_str_eq(out->body.ptr, spaced);
    rf_manifest_free(now);
    rf_manifest_free(wanted);
    rf_manifest_free(out);
    made_release(&m);
    free(text);
    free(spaced);
}
END_TEST

/* ---- imports into layouts ---- */

/* An image, what refers to it from the connected side, the list of that, and what refers to it here. */
static struct rf_manifest *app, *signature, *list, *theirs;
static char list_tag[RF_DIGEST_TEXT];

static struct rf_manifest *referrer_of(const struct rf_manifest *subject, const char *layer)
{
    const char *layers[] = { layer, NULL };
    char *d = descriptor_json(subject);
    char *extra = rf_xasprintf(",\"artifactType\":\"application/vnd.test.sig\",\"subject\":%s", d);
    struct rf_manifest *m = make_image("{}", layers, extra);
    free(extra);
    free(d);
    return m;
}

static void scene_setup(void)
{
    static const char *const layers[] = { "base", NULL };
    far_setup();
    app = make_image("cfg", layers, "");
    signature = referrer_of(app, "signature");
    theirs = referrer_of(app, "their-signature");
    const struct rf_manifest *entries[] = { signature, NULL };
    list = make_index(entries, "");
    rf_fallback_tag(&app->digest, list_tag);
}

static void scene_teardown(void)
{
    rf_manifest_free(app);
    rf_manifest_free(signature);
    rf_manifest_free(list);
    rf_manifest_free(theirs);
    far_teardown();
}

static void add_manifest(struct made *m, const struct rf_manifest *one, const char *tag,
                         enum rf_image_status status)
{
    struct rf_digest d = made_content(m, RF_DIGEST_SHA256, one->body.ptr);
    if (status == RF_IMAGE_NEW)
        made_blob(m, RF_BLOB_MANIFEST, &d, one->media_type, "app", NULL);
    made_image(m, "app", tag, &d, one->media_type, status, "r.example/x:1");
}

static void add_text(struct made *m, enum rf_blob_kind kind, const char *text,
                     const char *media_type)
{
    struct rf_digest d = made_content(m, RF_DIGEST_SHA256, text);
    made_blob(m, kind, &d, media_type, "app", NULL);
}

/* Bundle n: app:1, the signature, and the list; all new, or all unchanged. The caller frees. */
static char *make_bundle(unsigned n, enum rf_image_status status)
{
    struct made m;
    char name[16];
    made_init(&m);
    m.b.sequence = n;
    if (status != RF_IMAGE_NEW)
        add_base(&m, "first");
    add_manifest(&m, app, "1", status);
    add_manifest(&m, signature, "", status);
    add_manifest(&m, list, list_tag, status);
    if (status == RF_IMAGE_NEW) {
        add_text(&m, RF_BLOB_CONFIG, "cfg", RF_MT_OCI_CONFIG);
        add_text(&m, RF_BLOB_CONFIG, "{}", RF_MT_OCI_CONFIG);
        add_text(&m, RF_BLOB_LAYER, "base", RF_MT_OCI_LAYER);
        add_text(&m, RF_BLOB_LAYER, "signature", RF_MT_OCI_LAYER);
    }
    (void)snprintf(name, sizeof(name), "%u.tar", n);
    char *path = written(&m, name);
    made_release(&m);
    return path;
}

/* Applied, which must succeed. */
static void apply_lists(unsigned n, enum rf_image_status status, struct applied *a)
{
    const struct how how = { .older = true };
    char *path = make_bundle(n, status);
    apply(a, &far, path, &how);
    expect_ok(a->rc, a->err);
    free(path);
}

/* Somebody here signs the image as well. */
static void sign_here(void)
{
    struct rf_err err = RF_ERR_INIT;
    put_text_blob(far.inner, "app", "{}");
    put_text_blob(far.inner, "app", "their-signature");
    expect_ok(rf_place_put_manifest(far.inner, "app", NULL, theirs, 0, &err), err);
}

static bool is_listed(const struct rf_digest *d)
{
    struct rf_manifest *m = NULL;
    struct rf_err err = RF_ERR_INIT;
    bool found = false;
    expect_ok(rf_place_get_manifest(far.inner, "app", list_tag, NULL, NULL, &m, &err), err);
    for (size_t i = 0; i < m->n_entries; i++)
        found = found || rf_digest_eq(&m->entries[i].digest, d);
    rf_manifest_free(m);
    return found;
}

START_TEST(without_others_it_is_as_carried)
{
    struct applied a;
    apply_lists(1, RF_IMAGE_NEW, &a);
    expect_tag("app", list_tag, &list->digest);
    ck_assert_uint_eq(a.result.run.n_merged, 0);
    ck_assert_uint_eq(a.result.run.counts.tags_set, 2);
    rf_import_result_release(&a.result);
}
END_TEST

START_TEST(what_others_listed_stays)
{
    struct applied a;
    sign_here();
    apply_lists(1, RF_IMAGE_NEW, &a);
    ck_assert(is_listed(&signature->digest) && is_listed(&theirs->digest));
    ck_assert_uint_eq(a.result.run.n_merged, 1);
    ck_assert_uint_eq(a.result.run.merged[0].others, 1);
    ck_assert_uint_eq(a.result.run.n_foreign, 0);
    ck_assert_uint_eq(a.result.run.counts.tags_set, 2);
    rf_import_result_release(&a.result);
    /* and once more, also those that came in between */
    struct rf_digest merged = tag_of(&far, "app", list_tag);
    apply_lists(1, RF_IMAGE_NEW, &a);
    expect_tag("app", list_tag, &merged);
    ck_assert_uint_eq(a.result.run.counts.tags_right, 2);
    rf_import_result_release(&a.result);
}
END_TEST

START_TEST(signed_here_afterwards)
{
    struct applied a;
    apply_lists(1, RF_IMAGE_NEW, &a);
    rf_import_result_release(&a.result);
    sign_here();
    struct rf_digest both = tag_of(&far, "app", list_tag);
    apply_lists(2, RF_IMAGE_UNCHANGED, &a);
    expect_tag("app", list_tag, &both);
    ck_assert_uint_eq(a.result.run.n_merged, 1);
    ck_assert_uint_eq(a.result.run.counts.tags_right, 2);
    rf_import_result_release(&a.result);
}
END_TEST

/* The carried list has no tag then, and must survive a collection: the next bundle takes it for unchanged. */
START_TEST(the_carried_list_survives_a_collection)
{
    struct applied a;
    struct rf_gc_result gc;
    struct rf_err err = RF_ERR_INIT;
    sign_here();
    apply_lists(1, RF_IMAGE_NEW, &a);
    rf_import_result_release(&a.result);
    expect_ok(rf_oci_dir_gc(far.inner, "app", &gc, &err), err);
    apply_lists(2, RF_IMAGE_UNCHANGED, &a);
    ck_assert_uint_eq(a.result.run.counts.tags_right, 2);
    ck_assert(is_listed(&signature->digest) && is_listed(&theirs->digest));
    rf_import_result_release(&a.result);
}
END_TEST

static int no_tags(struct watched *w, const char *what, const char *repo, const char *tag,
                   const struct rf_digest *d, struct rf_err *err)
{
    (void)w;
    (void)repo;
    (void)tag;
    (void)d;
    return strcmp(what, "tag") == 0 ? rf_fail(err, RFE_UNREACHABLE, "the cable") : 0;
}

/* A run that ended among the tags, somebody who signed then, and the run that goes on: taking it back loses nothing of theirs. */
START_TEST(signed_between_two_runs)
{
    struct applied a;
    far.before_write = no_tags;
    struct how how = { .older = true };
    char *path = make_bundle(1, RF_IMAGE_NEW);
    apply(&a, &far, path, &how);
    ck_assert_int_eq(a.rc, -RFE_UNREACHABLE);
    rf_import_result_release(&a.result);
    far.before_write = NULL;
    sign_here();
    apply(&a, &far, path, &how);
    expect_ok(a.rc, a.err);
    ck_assert(is_listed(&signature->digest) && is_listed(&theirs->digest));
    rf_import_result_release(&a.result);
    struct rf_import_request req;
    struct rf_rollback b;
    struct rf_err err = RF_ERR_INIT;
    const struct rf_rollback_options options = { 0 };
    request_of(&req, &far, NULL);
    rf_rollback_init(&b);
    int rc = rf_rollback(&req, &options, &b, &err);
    ck_assert_msg(rc == 0 || rc == -RFE_PARTIAL, "%s", err.msg);
    rf_rollback_release(&b);
    expect_no_tag("app", "1");
    ck_assert(is_listed(&theirs->digest));
    free(path);
}
END_TEST

/* Tags go back to what they were before the run, although putting a referrer has changed the list within it. */
START_TEST(rollback_knows_the_list_before)
{
    struct applied a;
    sign_here();
    struct rf_digest before = tag_of(&far, "app", list_tag);
    apply_lists(1, RF_IMAGE_NEW, &a);
    struct rf_digest after = tag_of(&far, "app", list_tag), *had = a.result.run.list_had;
    ck_assert_ptr_nonnull(had);
    ck_assert(!rf_digest_eq(&before, &after));
    char text[RF_DIGEST_TEXT];
    char *map = only_file("import-state/tags"),
         *want =
             rf_xasprintf("\"app:%s\":{\"was\":\"%s\"", list_tag, rf_digest_text(&before, text));
    ck_assert_msg(strstr(map, want) != NULL, "%s", map);
    free(want);
    want = rf_xasprintf("\"becomes\":\"%s\"", rf_digest_text(&after, text));
    ck_assert_msg(strstr(map, want) != NULL, "%s", map);
    free(want);
    free(map);
    rf_import_result_release(&a.result);
}
END_TEST

Suite *rf_lists_suite(void)
{
    Suite *s = suite_create("lists");
    TCase *t = tcase_create("lists");
    tcase_add_checked_fixture(t, far_setup, far_teardown);
    tcase_add_loop_test(t, names_of_lists, 0, (int)RF_ARRAY_LEN(names));
    tcase_add_loop_test(t, others_stay_listed, 0, (int)RF_ARRAY_LEN(merges));
    tcase_add_test(t, a_list_that_is_right_keeps_its_bytes);
    suite_add_tcase(s, t);
    t = tcase_create("imports");
    tcase_add_checked_fixture(t, scene_setup, scene_teardown);
    tcase_add_test(t, without_others_it_is_as_carried);
    tcase_add_test(t, what_others_listed_stays);
    tcase_add_test(t, signed_here_afterwards);
    tcase_add_test(t, the_carried_list_survives_a_collection);
    tcase_add_test(t, signed_between_two_runs);
    tcase_add_test(t, rollback_knows_the_list_before);
    suite_add_tcase(s, t);
    return s;
}
