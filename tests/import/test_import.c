/* SPDX-License-Identifier: Apache-2.0 */
/* The file and the rules: damage is found before any write, and what is refused. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/import/helper_import.h"

Suite *rf_import_suite(void);

/* ---- damage ---- */

static void flip(const char *path, off_t at)
{
    char c;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pread(fd, &c, 1, at), 1);
    c ^= 4;
    ck_assert_int_eq(pwrite(fd, &c, 1, at), 1);
    close(fd);
}

/* Every 61st byte, so that headers, contents, paddings and ends are met. */
START_TEST(any_damage_is_found_before_any_write)
{
    struct rf_digest d[3];
    struct applied a;
    struct stat st;
    char *path = full_bundle(d);
    ck_assert_int_eq(stat(path, &st), 0);
    for (off_t at = 7; at < st.st_size; at += 61) {
        flip(path, at);
        apply(&a, &far, path, NULL);
        ck_assert_msg(a.rc == -RFE_DAMAGED || a.rc == -RFE_NOT_BUNDLE, "byte %lld: %d %s",
                      (long long)at, a.rc, a.err.msg);
        ck_assert_msg(far.n_writes == 0, "byte %lld: %s", (long long)at, far.log.ptr);
        rf_import_result_release(&a.result);
        flip(path, at);
    }
    applied_well(&far, path, NULL);
    free(path);
}
END_TEST

START_TEST(a_stream_with_damage_moves_no_tag)
{
    struct rf_digest d[3];
    struct applied a;
    struct stat st;
    struct how how = { .stream = true };
    char *path = full_bundle(d);
    ck_assert_int_eq(stat(path, &st), 0);
    for (off_t at = 7; at < st.st_size; at += 211) {
        flip(path, at);
        apply(&a, &far, path, &how);
        ck_assert_msg(a.rc == -RFE_DAMAGED || a.rc == -RFE_NOT_BUNDLE, "byte %lld: %d %s",
                      (long long)at, a.rc, a.err.msg);
        ck_assert_msg(strstr(far.log.ptr, "tag") == NULL && strstr(far.log.ptr, "manifest") == NULL,
                      "byte %lld: %s", (long long)at, far.log.ptr);
        rf_import_result_release(&a.result);
        flip(path, at);
    }
    applied_well(&far, path, &how);
    free(path);
}
END_TEST

/* Whole in every byte, but its manifest needs what is not listed. */
START_TEST(a_bundle_that_lacks_something)
{
    struct made m;
    struct applied a;
    struct how how = { .stream = _i == 1 };
    made_init(&m);
    add_image(&m, "app", "1", "cfg1", "base one", RF_IMAGE_NEW, NULL, NULL);
    m.b.n_blobs--; /* the layer that came last */
    char *path = written(&m, "b.tar");
    made_release(&m);
    apply(&a, &far, path, &how);
    expect_error(a.rc, RFE_DAMAGED, a.err, "which the bundle does not list");
    ck_assert_uint_eq(far.n_writes, 0);
    rf_import_result_release(&a.result);
    free(path);
}
END_TEST

START_TEST(a_truncated_bundle)
{
    struct rf_digest d[3];
    struct applied a;
    struct stat st;
    char *path = full_bundle(d);
    ck_assert_int_eq(stat(path, &st), 0);
    for (off_t size = st.st_size - 512; size >= 0; size -= 1536) {
        ck_assert_int_eq(truncate(path, size), 0);
        apply(&a, &far, path, NULL);
        ck_assert_msg(a.rc == -RFE_DAMAGED || a.rc == -RFE_NOT_BUNDLE, "%lld bytes: %d %s",
                      (long long)size, a.rc, a.err.msg);
        ck_assert_uint_eq(far.n_writes, 0);
        rf_import_result_release(&a.result);
    }
    free(path);
}
END_TEST

/* ---- rules ---- */

START_TEST(unsigned_bundles_are_refused)
{
    struct rf_digest d[3];
    struct applied a;
    struct how how = { .signed_only = true };
    char *path = full_bundle(d);
    apply(&a, &far, path, &how);
    expect_error(a.rc, RFE_REFUSED, a.err, "--allow-unsigned");
    ck_assert_uint_eq(far.n_writes, 0);
    rf_import_result_release(&a.result);
    free(path);
}
END_TEST

START_TEST(bundles_of_other_sites_are_refused)
{
    struct rf_digest d[3];
    struct applied a;
    struct how how = { .site = "plant-8" };
    char *path = full_bundle(d);
    apply(&a, &far, path, &how);
    expect_error(a.rc, RFE_REFUSED, a.err, "site plant-7, not for plant-8");
    ck_assert_uint_eq(far.n_writes, 0);
    rf_import_result_release(&a.result);
    how.site = "plant-7";
    applied_well(&far, path, &how);
    free(path);
}
END_TEST

/* A bundle of one image, with this place in this chain. */
static char *numbered(const char *path, uint64_t sequence, const char *parent, char chain)
{
    struct made m;
    made_init(&m);
    m.b.sequence = sequence;
    m.b.chain[0] = chain;
    if (parent != NULL) {
        struct rf_bundle_file *f = NULL;
        struct rf_err err = RF_ERR_INIT;
        expect_ok(rf_bundle_file_open(parent, &f, &err), err);
        m.b.parent = rf_bundle_file_doc(f)->id;
        rf_bundle_file_free(f);
    }
    add_image(&m, "app", "1", path, "base", RF_IMAGE_NEW, NULL, NULL);
    char *out = written(&m, path);
    made_release(&m);
    return out;
}

START_TEST(older_forked_and_foreign_chains)
{
    static const char *const texts[] = { "it is older", "was already applied as another bundle",
                                         "another chain", "it follows another bundle" };
    struct how older = { .older = true };
    struct applied a;
    char *one = numbered("1.tar", 1, NULL, 'd'), *two = numbered("2.tar", 2, one, 'd'),
         *fork = numbered("2b.tar", 2, one, 'd'), *other = numbered("other.tar", 3, two, 'e'),
         *three = numbered("3b.tar", 3, fork, 'd');
    const char *wrong[] = { one, fork, other, three };
    applied_well(&far, one, NULL);
    applied_well(&far, two, NULL);
    struct rf_digest before = tag_of(&far, "app", "1");
    watched_clear(&far);
    for (size_t i = 0; i < RF_ARRAY_LEN(wrong); i++) {
        apply(&a, &far, wrong[i], NULL);
        expect_error(a.rc, RFE_REFUSED, a.err, texts[i]);
        expect_error(a.rc, RFE_REFUSED, a.err, "--allow-older");
        rf_import_result_release(&a.result);
    }
    ck_assert_uint_eq(far.n_writes, 0);
    expect_tag("app", "1", &before);
    applied_well(&far, one, &older);
    applied_well(&far, two, NULL); /* forward again */
    free(one);
    free(two);
    free(fork);
    free(other);
    free(three);
}
END_TEST

START_TEST(a_gap_is_no_fork)
{
    char *one = numbered("1.tar", 1, NULL, 'd'), *two = numbered("2.tar", 2, one, 'd'),
         *three = numbered("3.tar", 3, two, 'd');
    applied_well(&far, one, NULL);
    applied_well(&far, three, NULL);
    free(one);
    free(two);
    free(three);
}
END_TEST

START_TEST(names_that_get_too_long)
{
    struct rf_digest d[3];
    struct applied a;
    char prefix[254];
    memset(prefix, 'p', sizeof(prefix) - 1);
    prefix[sizeof(prefix) - 1] = '\0';
    struct how how = { .prefix = prefix };
    char *path = full_bundle(d);
    apply(&a, &far, path, &how);
    expect_error(a.rc, RFE_USAGE, a.err, "255 bytes");
    ck_assert_uint_eq(far.n_writes, 0);
    rf_import_result_release(&a.result);
    free(path);
}
END_TEST

/* ---- looking at the file alone ---- */

START_TEST(inspect_and_verify)
{
    struct rf_digest d[3];
    struct rf_err err = RF_ERR_INIT;
    struct rf_import_request req = { .prefix = "" };
    struct rf_import_result r;
    char *path = full_bundle(d);
    rf_import_result_init(&r);
    expect_ok(rf_import_inspect(&req, path, &r, &err), err);
    ck_assert_int_eq(r.stage, RF_IMPORT_OPENED);
    rf_import_result_release(&r);
    expect_ok(rf_import_verify(&req, path, &r, &err), err);
    ck_assert_int_eq(r.stage, RF_IMPORT_VERIFIED);
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    rf_import_report_json(&r, &text);
    json_t *doc = NULL;
    expect_ok(rf_json_parse(rf_buf_slice(&text), 1u << 20, &doc, &err), err);
    ck_assert_str_eq(json_string_value(json_object_get(doc, "stage")), "verified");
    ck_assert_uint_eq(json_array_size(json_object_get(doc, "images")), 3);
    json_decref(doc);
    rf_import_result_release(&r);
    ck_assert_int_eq(rf_import_inspect(&req, "absent.tar", &r, &err), -RFE_NOT_FOUND);
    rf_import_result_release(&r);
    free(path);
}
END_TEST

Suite *rf_import_suite(void)
{
    Suite *s = suite_create("import");
    TCase *t = tcase_create("import");
    tcase_add_checked_fixture(t, far_setup, far_teardown);
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    tcase_add_test(t, inspect_and_verify);
    tcase_add_test(t, any_damage_is_found_before_any_write);
    tcase_add_test(t, a_stream_with_damage_moves_no_tag);
    tcase_add_loop_test(t, a_bundle_that_lacks_something, 0, 2);
    tcase_add_test(t, a_truncated_bundle);
    tcase_add_test(t, unsigned_bundles_are_refused);
    tcase_add_test(t, bundles_of_other_sites_are_refused);
    tcase_add_test(t, older_forked_and_foreign_chains);
    tcase_add_test(t, a_gap_is_no_fork);
    tcase_add_test(t, names_that_get_too_long);
    return s;
}
