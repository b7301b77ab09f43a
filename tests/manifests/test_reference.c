/* SPDX-License-Identifier: Apache-2.0 */
#include "manifests/reference.h"

#include <check.h>

#include "base/mem.h"
#include "tests/support/data_files.h"

static struct test_table table;

static void check_str(const char *text, const char *what, const char *have, const char *want)
{
    if (want == NULL)
        ck_assert_msg(have == NULL, "%s: %s is \"%s\"", text, what, have);
    else
        ck_assert_msg(have != NULL && strcmp(have, want) == 0, "%s: %s is \"%s\", not \"%s\"", text,
                      what, have != NULL ? have : "(null)", want);
}

static void check_refused(const char *text, const char *part)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_ref r = { .text = (char *)0x1 };
    ck_assert_msg(rf_ref_parse(text, &r, &err) == -RFE_INVALID, "%s was accepted", text);
    ck_assert_msg(strstr(err.msg, part) != NULL, "%s: \"%s\" lacks \"%s\"", text, err.msg, part);
    ck_assert_msg(strstr(err.msg, "invalid reference \"") == err.msg, "%s", err.msg);
    ck_assert_msg(r.text == (char *)0x1, "%s: the output was touched", text);
}

START_TEST(row)
{
    char *const *f = table.rows[_i];
    if (f[1] != NULL && strcmp(f[1], "!") == 0) {
        check_refused(f[0], f[2]);
        return;
    }
    RF_CLEANUP(rf_ref_release) struct rf_ref r = RF_REF_INIT;
    struct rf_err err = RF_ERR_INIT;
    char digest[RF_DIGEST_TEXT];
    static const char *const schemes[] = { "registry", "ocidir", "ocifile" };
    ck_assert_msg(rf_ref_parse(f[0], &r, &err) == 0, "%s: %s", f[0], err.msg);
    check_str(f[0], "scheme", schemes[r.scheme], f[1]);
    check_str(f[0], "registry", r.registry, f[2]);
    check_str(f[0], "repository", r.repository, f[3]);
    check_str(f[0], "tag", r.tag, f[4]);
    check_str(f[0], "digest", rf_digest_text(&r.digest, digest), f[5] != NULL ? f[5] : "");
    check_str(f[0], "path", r.path, f[6]);
    check_str(f[0], "text", r.text, f[0]);
    RF_CLEANUP(rf_freep) char *name = rf_ref_common_name(&r);
    check_str(f[0], "common name", name, f[7]);
    /* The full form means the same. */
    RF_CLEANUP(rf_ref_release) struct rf_ref again = RF_REF_INIT;
    ck_assert_msg(rf_ref_parse(name, &again, &err) == 0, "%s: %s", name, err.msg);
    RF_CLEANUP(rf_freep) char *name2 = rf_ref_common_name(&again);
    check_str(name, "common name", name2, name);
}
END_TEST

START_TEST(table_is_there)
{
    ck_assert_uint_ge(table.n, 100);
}
END_TEST

START_TEST(no_default_tag)
{
    RF_CLEANUP(rf_ref_release) struct rf_ref r = RF_REF_INIT;
    ck_assert_int_eq(rf_ref_parse_repo("nginx", &r, NULL), 0);
    ck_assert_ptr_null(r.tag);
    RF_CLEANUP(rf_freep) char *name = rf_ref_common_name(&r);
    ck_assert_str_eq(name, "docker.io/library/nginx");
    rf_ref_release(&r);
    ck_assert_int_eq(rf_ref_parse_repo("nginx:1", &r, NULL), 0);
    ck_assert_str_eq(r.tag, "1");
}
END_TEST

START_TEST(text_too_long)
{
    char *text = rf_xmalloc(20001);
    memset(text, 'a', 20000);
    text[20000] = '\0';
    struct rf_ref r;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_ref_parse(text, &r, &err), -RFE_INVALID);
    ck_assert_uint_lt(strlen(err.msg), 400);
    memcpy(text, "ocidir://", 9);
    text[9 + 4096] = '\0';
    ck_assert_int_eq(rf_ref_parse(text, &r, &err), -RFE_INVALID);
    text[9 + 4095] = '\0';
    ck_assert_int_eq(rf_ref_parse(text, &r, &err), 0);
    rf_ref_release(&r);
    free(text);
    ck_assert_int_eq(rf_ref_parse(NULL, &r, &err), -RFE_INVALID);
}
END_TEST

START_TEST(setting_changes_the_text)
{
    RF_CLEANUP(rf_ref_release) struct rf_ref r = RF_REF_INIT, copy = RF_REF_INIT;
    struct rf_digest d;
    ck_assert_int_eq(rf_ref_parse("nginx", &r, NULL), 0);
    ck_assert_str_eq(r.text, "nginx");
    rf_ref_set_tag(&r, "1.27");
    ck_assert_str_eq(r.text, "docker.io/library/nginx:1.27");
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str(""), &d);
    rf_ref_set_digest(&r, &d);
    ck_assert_str_eq(r.text, "docker.io/library/nginx:1.27@sha256:"
                             "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    rf_ref_copy(&r, &copy);
    rf_ref_set_tag(&r, NULL);
    rf_ref_set_digest(&r, NULL);
    ck_assert_str_eq(r.text, "docker.io/library/nginx");
    ck_assert_str_eq(copy.tag, "1.27");
    ck_assert(rf_digest_eq(&copy.digest, &d));
    ck_assert_ptr_null(copy.path);
    /* Its own tag may be given. */
    rf_ref_set_tag(&copy, copy.tag);
    ck_assert_str_eq(copy.tag, "1.27");
}
END_TEST

START_TEST(unchecked_tag_is_a_bug)
{
    RF_CLEANUP(rf_ref_release) struct rf_ref r = RF_REF_INIT;
    ck_assert_int_eq(rf_ref_parse("nginx", &r, NULL), 0);
    rf_ref_set_tag(&r, "../x");
}
END_TEST

START_TEST(locations)
{
    static const char *const pairs[][2] = {
        { "nginx:1", "docker.io/library/nginx" },
        { "reg.example:5000/a/b@sha256:"
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
          "reg.example:5000/a/b" },
        { "ocidir:///srv/x:1", "ocidir:///srv/x" },
        { "ocifile://x.tar", "ocifile://x.tar" },
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(pairs); i++) {
        RF_CLEANUP(rf_ref_release) struct rf_ref r = RF_REF_INIT;
        ck_assert_int_eq(rf_ref_parse(pairs[i][0], &r, NULL), 0);
        RF_CLEANUP(rf_freep) char *location = rf_ref_location(&r);
        ck_assert_str_eq(location, pairs[i][1]);
    }
}
END_TEST

START_TEST(registries)
{
    static const char *const good[][2] = {
        { "docker.io", "docker.io" },
        { "index.docker.io", "docker.io" },
        { "registry-1.docker.io", "docker.io" },
        { "localhost", "localhost" },
        { "reg.example:5000", "reg.example:5000" },
        { "[::1]:5000", "[::1]:5000" },
        { "myregistry", "myregistry" },
    };
    static const char *const bad[] = { "",           "reg.example/x",     "https://reg.example",
                                       "a b",        "u@reg.example",     "reg.example:",
                                       "docker.io/", "reg.example:99999", "a_b" };
    for (size_t i = 0; i < RF_ARRAY_LEN(good); i++) {
        RF_CLEANUP(rf_freep) char *out = NULL;
        ck_assert_msg(rf_ref_parse_registry(good[i][0], &out, NULL) == 0, "%s", good[i][0]);
        ck_assert_str_eq(out, good[i][1]);
    }
    for (size_t i = 0; i < RF_ARRAY_LEN(bad); i++) {
        char *out = NULL;
        struct rf_err err = RF_ERR_INIT;
        ck_assert_msg(rf_ref_parse_registry(bad[i], &out, &err) == -RFE_INVALID, "%s", bad[i]);
        ck_assert_ptr_null(out);
        ck_assert_msg(strstr(err.msg, "invalid registry \"") == err.msg, "%s", err.msg);
    }
    char *out = NULL;
    ck_assert_int_eq(rf_ref_parse_registry(NULL, &out, NULL), -RFE_INVALID);
}
END_TEST

START_TEST(registry_length)
{
    /* Labels of 63 and a dot: 3 * 64 + 61 = 253. */
    char host[300];
    memset(host, 'a', sizeof(host));
    host[63] = host[127] = host[191] = '.';
    ck_assert(rf_registry_valid(rf_slice_of(host, 253)));
    ck_assert(!rf_registry_valid(rf_slice_of(host, 254)));
    ck_assert(!rf_registry_valid(rf_slice_of(host, 256)));
    ck_assert(!rf_registry_valid(rf_slice_of("a\0b", 3)));
    ck_assert(!rf_registry_valid(rf_slice_of("[::1\0]", 6)));
    ck_assert(!rf_registry_valid(rf_slice_of(NULL, 0)));
}
END_TEST

START_TEST(parts_with_nul)
{
    ck_assert(!rf_tag_valid(rf_slice_of("a\0b", 3)));
    ck_assert(!rf_tag_valid(rf_slice_of(NULL, 0)));
    ck_assert(!rf_repository_valid(rf_slice_of("a\0b", 3)));
    ck_assert(!rf_repository_valid(rf_slice_of(NULL, 0)));
    ck_assert(rf_repository_valid(rf_slice_str("a/b")));
    ck_assert(!rf_repository_valid(rf_slice_str("/a")));
    ck_assert(!rf_repository_valid(rf_slice_str("a/..")));
}
END_TEST

Suite *rf_reference_suite(void);
Suite *rf_reference_suite(void)
{
    Suite *s = suite_create("reference");
    TCase *t = tcase_create("reference");
    table = test_table_load("manifests/references.tsv");
    tcase_add_test(t, table_is_there);
    tcase_add_loop_test(t, row, 0, (int)table.n);
    tcase_add_test(t, no_default_tag);
    tcase_add_test(t, text_too_long);
    tcase_add_test(t, setting_changes_the_text);
    tcase_add_test_raise_signal(t, unchecked_tag_is_a_bug, 6);
    tcase_add_test(t, locations);
    tcase_add_test(t, registries);
    tcase_add_test(t, registry_length);
    tcase_add_test(t, parts_with_nul);
    suite_add_tcase(s, t);
    return s;
}
