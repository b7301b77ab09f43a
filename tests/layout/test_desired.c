/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/desired.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "manifests/media_type.h"
#include "tests/layout/helper_layout.h"

Suite *rf_desired_suite(void);

#define TEN "aaaaaaaaaa"
#define HEX_A TEN TEN TEN TEN TEN TEN "aaaa"

/* Digests of one digit: 'a' gives sha256:aaaa..., upper case the sha512. */
static struct rf_digest digest(char c)
{
    bool large = c >= 'A' && c <= 'Z';
    char text[RF_DIGEST_TEXT] = { 0 };
    memcpy(text, large ? "sha512:" : "sha256:", 7);
    memset(text + 7, large ? c - 'A' + 'a' : c, large ? 128 : 64);
    struct rf_digest d;
    ck_assert_int_eq(rf_digest_parse(rf_slice_str(text), &d, NULL), 0);
    return d;
}

struct row {
    const char *repository, *tag;
    char digest;
    const char *media_type, *children; /* digits */
    enum rf_image_status status;
};

static void add(struct rf_desired *d, const struct row *r)
{
    struct rf_image im = {
        .digest = digest(r->digest), .size = 100, .original = RF_NO_ID, .status = (uint8_t)r->status
    };
    im.repository = rf_strings_add(&d->strings, rf_slice_str(r->repository));
    im.tag = rf_strings_add(&d->strings, rf_slice_str(r->tag));
    im.media_type = rf_strings_add(&d->strings, rf_slice_str(r->media_type));
    im.source = rf_strings_add(&d->strings, rf_slice_str("source"));
    for (const char *c = r->children; c != NULL && *c != '\0'; c++) {
        struct rf_digest child = digest(*c);
        uint32_t at = rf_desired_add_digests(d, &child, 1);
        im.first_child = im.n_children++ == 0 ? at : im.first_child;
    }
    rf_desired_add(d, d, &im);
}

/* In order. "-" comes before "/", an untagged line before a tagged one. */
static const struct row sorted[] = {
    { "app", "", 'b', RF_MT_OCI_MANIFEST, NULL, RF_IMAGE_NEW },
    { "app", "", 'd', RF_MT_OCI_MANIFEST, NULL, RF_IMAGE_REMOVED },
    { "app", "1.0", 'a', RF_MT_OCI_MANIFEST, NULL, RF_IMAGE_UNCHANGED },
    { "app", "2.0", 'C', RF_MT_OCI_INDEX, "12", RF_IMAGE_CHANGED },
    { "app", "V", 'a', RF_MT_OCI_MANIFEST, NULL, RF_IMAGE_REMOVED },
    { "app-b", "1.0", 'a', RF_MT_OCI_MANIFEST, NULL, RF_IMAGE_HELD },
    { "app/c", "1.0", 'a', RF_MT_OCI_MANIFEST, NULL, RF_IMAGE_NEW },
};
#define N_SORTED RF_ARRAY_LEN(sorted)
/* sha256sum of the five wanted lines written by hand. */
#define SNAPSHOT "8bb03a38c1ba3cd4bedeb1ae9288b15a2a1b1804e0ba464080a1ec842f586792"
#define SNAPSHOT_CHILDREN_SWAPPED "1763b2c44ef16f4d4a04b031fa2824a142059a1e4be1cf27ec0eab3eee3d5f28"

static void fill(struct rf_desired *d, size_t step)
{
    rf_desired_init(d);
    for (size_t i = 0; i < N_SORTED; i++)
        add(d, &sorted[i * step % N_SORTED]);
}

static void expect_order(const struct rf_desired *d)
{
    ck_assert_uint_eq(d->n, N_SORTED);
    for (size_t i = 0; i < N_SORTED; i++) {
        struct rf_digest want = digest(sorted[i].digest);
        ck_assert_str_eq(rf_desired_str(d, d->images[i].repository), sorted[i].repository);
        ck_assert_str_eq(rf_desired_str(d, d->images[i].tag), sorted[i].tag);
        ck_assert(rf_digest_eq(&d->images[i].digest, &want));
    }
}

static void expect_snapshot(const struct rf_desired *d, const char *want)
{
    struct rf_digest got;
    char hex[RF_DIGEST_TEXT];
    rf_desired_snapshot(d, &got);
    ck_assert_str_eq(rf_digest_hex(&got, hex), want);
}

START_TEST(sorted_from_any_order)
{
    struct rf_desired d;
    struct rf_err err = RF_ERR_INIT;
    for (size_t step = 1; step < N_SORTED; step++) { /* 7 is prime: every step gives an order */
        fill(&d, step);
        ck_assert_int_eq(rf_desired_check_sorted(&d, &err), step == 1 ? 0 : -RFE_INVALID);
        expect_ok(rf_desired_sort(&d, &err), err);
        expect_ok(rf_desired_check_sorted(&d, &err), err);
        expect_order(&d);
        expect_snapshot(&d, SNAPSHOT);
        rf_desired_release(&d);
    }
}
END_TEST

START_TEST(two_lines_of_one_key)
{
    static const struct row twice[] = {
        { "app", "1.0", 'a', RF_MT_OCI_MANIFEST, NULL, RF_IMAGE_NEW },
        { "app", "1.0", 'e', RF_MT_OCI_MANIFEST, NULL, RF_IMAGE_NEW },
        { "app", "1.0", 'a', RF_MT_OCI_MANIFEST, NULL, RF_IMAGE_REMOVED },
        { "app", "", 'b', RF_MT_OCI_INDEX, NULL, RF_IMAGE_NEW },
    };
    struct rf_desired d;
    struct rf_err err = RF_ERR_INIT;
    fill(&d, 3);
    add(&d, &twice[_i]);
    expect_error(rf_desired_sort(&d, &err), RFE_INVALID, err, "is listed twice");
    ck_assert_ptr_nonnull(strstr(err.msg, twice[_i].tag[0] != '\0' ? "app:1.0" : "app@sha256:bbb"));
    expect_error(rf_desired_check_sorted(&d, &err), RFE_INVALID, err, "is listed twice");
    rf_desired_release(&d);
}
END_TEST

START_TEST(found_by_key)
{
    struct rf_desired d;
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest b = digest('b'), x = digest('e'), first = digest('0'), last = digest('f');
    fill(&d, 4);
    expect_ok(rf_desired_sort(&d, &err), err);
    for (size_t i = 0; i < N_SORTED; i++) {
        struct rf_digest key = digest(sorted[i].digest);
        ck_assert_ptr_eq(rf_desired_find(&d, sorted[i].repository, sorted[i].tag, &key),
                         &d.images[i]);
        /* a tag alone is enough */
        if (sorted[i].tag[0] != '\0')
            ck_assert_ptr_eq(rf_desired_find(&d, sorted[i].repository, sorted[i].tag, NULL),
                             &d.images[i]);
    }
    ck_assert_ptr_null(rf_desired_find(&d, "app", "", NULL));
    ck_assert_ptr_null(rf_desired_find(&d, "app", "", &x));
    ck_assert_ptr_null(rf_desired_find(&d, "app", "", &first));
    ck_assert_ptr_null(rf_desired_find(&d, "app", "", &last));
    ck_assert_ptr_null(rf_desired_find(&d, "app/c", "", &b));
    ck_assert_ptr_null(rf_desired_find(&d, "app", "1", NULL));
    ck_assert_ptr_null(rf_desired_find(&d, "app", "v", NULL));
    ck_assert_ptr_null(rf_desired_find(&d, "ap", "1.0", NULL));
    ck_assert_ptr_null(rf_desired_find(&d, "zoo", "1.0", NULL));
    ck_assert_ptr_null(rf_desired_find(&d, "", "", &b));
    rf_desired_release(&d);
    rf_desired_init(&d);
    ck_assert_ptr_null(rf_desired_find(&d, "app", "1.0", NULL));
    rf_desired_release(&d);
}
END_TEST

/* The snapshot covers repository, tag, digest, media type and children of wanted lines, and nothing else. */
START_TEST(what_the_snapshot_covers)
{
    static const struct {
        struct row row;
        bool covered;
    } changes[] = {
        { { "app", "1.0", 'a', RF_MT_OCI_MANIFEST, NULL, RF_IMAGE_NEW }, false },
        { { "app", "1.0", 'a', RF_MT_OCI_MANIFEST, NULL, RF_IMAGE_HELD }, false },
        { { "app", "1.0", 'a', RF_MT_OCI_MANIFEST, NULL, RF_IMAGE_REMOVED }, true },
        { { "apq", "1.0", 'a', RF_MT_OCI_MANIFEST, NULL, RF_IMAGE_UNCHANGED }, true },
        { { "app", "1.1", 'a', RF_MT_OCI_MANIFEST, NULL, RF_IMAGE_UNCHANGED }, true },
        { { "app", "1.0", 'b', RF_MT_OCI_MANIFEST, NULL, RF_IMAGE_UNCHANGED }, true },
        { { "app", "1.0", 'A', RF_MT_OCI_MANIFEST, NULL, RF_IMAGE_UNCHANGED }, true },
        { { "app", "1.0", 'a', RF_MT_DOCKER_MANIFEST, NULL, RF_IMAGE_UNCHANGED }, true },
        { { "app", "1.0", 'a', RF_MT_OCI_MANIFEST, "1", RF_IMAGE_UNCHANGED }, true },
    };
    struct rf_desired d;
    struct rf_digest got;
    struct rf_err err = RF_ERR_INIT;
    char hex[RF_DIGEST_TEXT];
    rf_desired_init(&d);
    for (size_t i = 0; i < N_SORTED; i++)
        add(&d, i == 2 ? &changes[_i].row : &sorted[i]);
    d.images[3].source = rf_strings_add(&d.strings, rf_slice_str("elsewhere"));
    d.images[3].size = 7;
    d.images[3].original = 0;
    expect_ok(rf_desired_sort(&d, &err), err);
    rf_desired_snapshot(&d, &got);
    ck_assert_int_eq(strcmp(rf_digest_hex(&got, hex), SNAPSHOT) != 0, changes[_i].covered);
    rf_desired_release(&d);
}
END_TEST

START_TEST(children_count_in_their_order)
{
    struct rf_desired d;
    rf_desired_init(&d);
    for (size_t i = 0; i < N_SORTED; i++) {
        struct row r = sorted[i];
        r.children = i == 3 ? "21" : r.children;
        add(&d, &r);
    }
    expect_snapshot(&d, SNAPSHOT_CHILDREN_SWAPPED);
    rf_desired_release(&d);
}
END_TEST

START_TEST(nothing_is_a_snapshot_too)
{
    struct rf_desired d;
    rf_desired_init(&d);
    expect_snapshot(&d, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    rf_desired_release(&d);
}
END_TEST

START_TEST(same_in_what_the_snapshot_covers)
{
    static const struct row base = { "app", "1.0", 'a', RF_MT_OCI_INDEX, "12", RF_IMAGE_NEW };
    static const struct {
        struct row row;
        bool same;
    } others[] = {
        { { "app", "1.0", 'a', RF_MT_OCI_INDEX, "12", RF_IMAGE_HELD }, true },
        { { "apq", "1.0", 'a', RF_MT_OCI_INDEX, "12", RF_IMAGE_NEW }, false },
        { { "app", "1.1", 'a', RF_MT_OCI_INDEX, "12", RF_IMAGE_NEW }, false },
        { { "app", "1.0", 'b', RF_MT_OCI_INDEX, "12", RF_IMAGE_NEW }, false },
        { { "app", "1.0", 'a', RF_MT_DOCKER_LIST, "12", RF_IMAGE_NEW }, false },
        { { "app", "1.0", 'a', RF_MT_OCI_INDEX, "1", RF_IMAGE_NEW }, false },
        { { "app", "1.0", 'a', RF_MT_OCI_INDEX, "13", RF_IMAGE_NEW }, false },
        { { "app", "1.0", 'a', RF_MT_OCI_INDEX, "21", RF_IMAGE_NEW }, false },
        { { "app", "1.0", 'a', RF_MT_OCI_INDEX, NULL, RF_IMAGE_NEW }, false },
    };
    struct rf_desired a, b;
    rf_desired_init(&a);
    rf_desired_init(&b);
    add(&a, &base);
    for (size_t i = 0; i < RF_ARRAY_LEN(others); i++) {
        add(&b, &others[i].row);
        b.images[i].source = b.images[i].repository;
        ck_assert_msg(rf_image_same(&a, &a.images[0], &b, &b.images[i]) == others[i].same,
                      "row %zu", i);
        ck_assert_msg(rf_image_same(&b, &b.images[i], &a, &a.images[0]) == others[i].same,
                      "row %zu", i);
    }
    rf_desired_release(&a);
    rf_desired_release(&b);
}
END_TEST

START_TEST(lines_are_copied_with_all_they_name)
{
    struct rf_desired a, b;
    struct rf_digest original = digest('e');
    char text[RF_DIGEST_TEXT];
    fill(&a, 1);
    a.images[3].original = rf_desired_add_digests(&a, &original, 1);
    rf_desired_init(&b);
    (void)rf_strings_add(&b.strings, rf_slice_str("so that the numbers differ"));
    rf_desired_add_digests(&b, &original, 1);
    for (size_t i = a.n; i-- > 0;)
        ck_assert_uint_eq(rf_desired_add(&b, &a, &a.images[i]), a.n - 1 - i);
    const struct rf_image *copy = &b.images[a.n - 1 - 3];
    ck_assert(rf_image_same(&a, &a.images[3], &b, copy));
    ck_assert_str_eq(rf_desired_str(&b, copy->source), "source");
    ck_assert_uint_eq(copy->size, 100);
    ck_assert_uint_eq(copy->status, RF_IMAGE_CHANGED);
    ck_assert(rf_digest_eq(&b.digests[copy->original], &original));
    ck_assert_uint_eq(b.images[0].original, RF_NO_ID);
    /* Within itself, often enough that all arrays move. */
    for (size_t i = 0; i < 1000; i++)
        rf_desired_add(&a, &a, &a.images[3]);
    ck_assert(rf_image_same(&a, &a.images[3], &a, &a.images[a.n - 1]));
    uint32_t first = rf_desired_add_digests(&a, a.digests, a.n_digests);
    ck_assert_str_eq(rf_digest_text(&a.digests[first + 2], text),
                     rf_digest_text(&original, (char[RF_DIGEST_TEXT]){ 0 }));
    rf_desired_release(&a);
    rf_desired_release(&b);
}
END_TEST

START_TEST(names_and_statuses)
{
    struct rf_desired d;
    struct rf_buf name;
    fill(&d, 1);
    rf_buf_init(&name, 0);
    rf_image_name(&d, &d.images[2], &name);
    ck_assert_str_eq(name.ptr, "app:1.0");
    rf_buf_clear(&name);
    rf_buf_add_str(&name, "image ");
    rf_image_name(&d, &d.images[0], &name);
    ck_assert_uint_eq(name.len, strlen("image app@sha256:") + 64);
    static const char *const names[] = { "new", "changed", "unchanged", "removed", "held" };
    for (size_t i = 0; i < RF_ARRAY_LEN(names); i++) {
        struct rf_image im = { .status = (uint8_t)i };
        ck_assert_str_eq(rf_image_status_name((enum rf_image_status)i), names[i]);
        ck_assert_int_eq(rf_image_is_wanted(&im), strcmp(names[i], "removed") != 0);
        ck_assert_int_eq(rf_image_travels(&im), i < 2);
    }
    rf_buf_release(&name);
    rf_desired_release(&d);
}
END_TEST

static const char json_plain[] =
    "{\"repository\":\"team/app\",\"tag\":\"1.0\",\"digest\":\"sha256:" HEX_A
    "\",\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"status\":\"held\","
    "\"source\":\"a \\\"quoted\\\" \\\\ \\n\\u0001 \u00fc source\",\"size\":394}";
static const char json_children[] =
    "{\"repository\":\"a\",\"tag\":\"\",\"digest\":\"sha256:" HEX_A
    "\",\"mediaType\":\"application/vnd.docker.distribution.manifest.list.v2+json\",\"children\":["
    "\"sha512:" HEX_A HEX_A "\",\"sha256:" HEX_A "\"],\"source\":\"\",\"size\":8388608}";

/* Written, read, and written again. */
START_TEST(lines_as_json)
{
    static const char *const texts[] = { json_plain, json_children };
    bool with_status = _i == 0;
    struct rf_desired d;
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf out;
    json_t *v = NULL;
    rf_desired_init(&d);
    rf_buf_init(&out, 0);
    expect_ok(rf_json_parse(rf_slice_str(texts[_i]), 10000, &v, &err), err);
    for (size_t i = 0; i < 2; i++) {
        expect_ok(rf_image_from_json(&d, v, with_status, &err), err);
        ck_assert_uint_eq(d.n, i + 1);
        rf_buf_clear(&out);
        rf_image_json(&d, &d.images[i], with_status, &out);
        ck_assert_str_eq(out.ptr, texts[_i]);
    }
    json_decref(v);
    rf_buf_release(&out);
    rf_desired_release(&d);
}
END_TEST

/* Without its status a line can be read only where none is wanted. What else is wrong: tests/data/bundle/edits.table. */
START_TEST(a_status_is_wanted_or_not)
{
    struct rf_desired d;
    struct rf_err err = RF_ERR_INIT;
    json_t *v = NULL;
    rf_desired_init(&d);
    expect_ok(rf_json_parse(rf_slice_str(json_children), 10000, &v, &err), err);
    expect_error(rf_image_from_json(&d, v, true, &err), RFE_INVALID, err, "status: missing");
    ck_assert_uint_eq(d.n, 0);
    json_decref(v);
    v = json_array();
    expect_error(rf_image_from_json(&d, v, false, &err), RFE_INVALID, err, "not an object");
    json_decref(v);
    rf_desired_release(&d);
}
END_TEST

Suite *rf_desired_suite(void)
{
    Suite *s = suite_create("desired");
    TCase *t = tcase_create("desired");
    tcase_add_test(t, sorted_from_any_order);
    tcase_add_loop_test(t, two_lines_of_one_key, 0, 4);
    tcase_add_test(t, found_by_key);
    tcase_add_loop_test(t, what_the_snapshot_covers, 0, 9);
    tcase_add_test(t, children_count_in_their_order);
    tcase_add_test(t, nothing_is_a_snapshot_too);
    tcase_add_test(t, same_in_what_the_snapshot_covers);
    tcase_add_test(t, lines_are_copied_with_all_they_name);
    tcase_add_test(t, names_and_statuses);
    tcase_add_loop_test(t, lines_as_json, 0, 2);
    tcase_add_test(t, a_status_is_wanted_or_not);
    suite_add_tcase(s, t);
    return s;
}
