/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/target_path.h"

#include <check.h>

#include "base/mem.h"

#define D "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct {
    const char *kind, *text, *repository, *tag; /* repository NULL: refused */
} rows[] = {
    { "text", "reg.example/mirror/app:v1", "mirror/app", "v1" },
    { "text", "reg.example:5000/mirror/app", "mirror/app", NULL },
    { "text", "alpine", "library/alpine", NULL },
    { "text", "docker.io/team/app:1", "team/app", "1" },
    { "text", "ocidir:///srv/layouts/app", "app", NULL },
    { "text", "ocidir:///srv/layouts/app:v2", "app", "v2" },
    { "text", "ocidir://app/", "app", NULL },
    { "text", "ocidir://a/b//", "b", NULL },
    { "text", "ocidir:///", NULL, NULL },
    { "text", "ocidir://.", NULL, NULL },
    { "text", "ocidir://a/..", NULL, NULL },
    { "text", "ocidir:///srv/My App", NULL, NULL },
    { "text", "ocifile://x.tar", NULL, NULL },
    { "text", "reg.example/app@" D, NULL, NULL },
    { "text", "reg.example/App", NULL, NULL },
    { "text", "", NULL, NULL },
    { "registry", "reg.example", "", NULL },
    { "registry", "reg.example:5000", "", NULL },
    { "registry", "reg.example/mirror", "mirror", NULL },
    { "registry", "reg.example/mirror/hub", "mirror/hub", NULL },
    { "registry", "docker.io", "", NULL },
    { "registry", "reg.example/", "", NULL },
    { "registry", "ocidir:///srv/layouts", "", NULL },
    { "registry", "reg.example/mirror:v1", NULL, NULL },
    { "registry", "reg.example/Mirror", NULL, NULL },
    { "registry", "reg example", NULL, NULL },
    { "registry", "", NULL, NULL },
    { "registry", "ocidir://", NULL, NULL },
    { "source", "alpine:3.20", "library/alpine", "3.20" },
    { "source", "quay.io/team/app", "team/app", "latest" },
    { "source", "quay.io/team/app@" D, "team/app", NULL },
    { "source", "ocidir://x/busybox:1", "busybox", "1" },
    { "source", "ocidir://x/busybox", "busybox", NULL },
    { "source", "ocifile:///media/app.tar:1", "app", "1" },
    { "source", "ocifile:///media/app", "app", NULL },
    { "source", "ocifile://.tar", NULL, NULL },
    { "source", "ocidir://..", NULL, NULL },
    { "arg", "alpine:3.20", "library/alpine", "3.20" },
    { "arg", "alpine", "library/alpine", "latest" },
    { "arg", "alpine:3.20=base/alpine", "base/alpine", "3.20" },
    { "arg", "alpine:3.20=base/alpine:stable", "base/alpine", "stable" },
    { "arg", "alpine@" D "=base/alpine:pinned", "base/alpine", "pinned" },
    { "arg", "alpine@" D "=base/alpine", "base/alpine", NULL },
    { "arg", "ocidir://My Dir=app:1", "app", "1" },
    /* No registry stands there: a first part with a dot is a part of the path. */
    { "arg", "alpine=my.mirror/alpine", "my.mirror/alpine", "latest" },
    { "arg", "alpine=host:5000/x", NULL, NULL },
    { "arg", "alpine=", NULL, NULL },
    { "arg", "=x", NULL, NULL },
    { "arg", "alpine=x:", NULL, NULL },
    { "arg", "alpine=x:-", NULL, NULL },
    { "arg", "alpine=X", NULL, NULL },
    { "arg", "alpine=a/../b", NULL, NULL },
    { "arg", "alpine=x=y", NULL, NULL },
    { "arg", "alpine=x@" D, NULL, NULL },
    { "arg", "ocidir://My Dir", NULL, NULL },
    { "arg", "Alpine", NULL, NULL },
};

static int call(const char *kind, const char *text, struct rf_target *t, struct rf_err *err)
{
    RF_CLEANUP(rf_ref_release) struct rf_ref r = RF_REF_INIT;
    if (strcmp(kind, "text") == 0)
        return rf_target_of_text(text, t, err);
    if (strcmp(kind, "registry") == 0)
        return rf_target_of_registry(text, t, err);
    if (strcmp(kind, "arg") == 0)
        return rf_target_parse_arg(text, &r, t, err);
    ck_assert_int_eq(rf_ref_parse(text, &r, NULL), 0);
    return rf_target_of_source(&r, t, err);
}

START_TEST(row)
{
    RF_CLEANUP(rf_target_release) struct rf_target t = { 0 };
    struct rf_err err = RF_ERR_INIT;
    int rc = call(rows[_i].kind, rows[_i].text, &t, &err);
    if (rows[_i].repository == NULL) {
        int code = strcmp(rows[_i].kind, "arg") == 0 ? RFE_USAGE : RFE_INVALID;
        ck_assert_msg(rc == -code, "%s %s: %d %s", rows[_i].kind, rows[_i].text, rc,
                      t.repository != NULL ? t.repository : "");
        ck_assert_ptr_null(t.repository);
        ck_assert_str_ne(err.msg, "");
        ck_assert_int_eq(call(rows[_i].kind, rows[_i].text, &t, NULL), rc);
        return;
    }
    ck_assert_msg(rc == 0, "%s %s: %s", rows[_i].kind, rows[_i].text, err.msg);
    ck_assert_msg(strcmp(t.repository, rows[_i].repository) == 0, "%s %s: %s", rows[_i].kind,
                  rows[_i].text, t.repository);
    if (rows[_i].tag == NULL)
        ck_assert_msg(t.tag == NULL, "%s: %s", rows[_i].text, t.tag);
    else
        ck_assert_msg(t.tag != NULL && strcmp(t.tag, rows[_i].tag) == 0, "%s", rows[_i].text);
}
END_TEST

START_TEST(next_step_is_named)
{
    struct rf_target t = { 0 };
    struct rf_ref r = RF_REF_INIT;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_target_parse_arg("ocidir://My Dir", &r, &t, &err), -RFE_USAGE);
    ck_assert_str_eq(err.msg, "ocidir://My Dir: \"My Dir\" cannot be the name of a repository; "
                              "name it yourself: SOURCE=PATH[:TAG], or `target` in a step");
    ck_assert_int_eq(rf_target_parse_arg("alpine=host:5000/x", &r, &t, &err), -RFE_USAGE);
    ck_assert_str_eq(err.msg, "alpine=host:5000/x: invalid tag in \"host:5000/x\"");
    ck_assert_int_eq(rf_target_parse_arg("alpine=", &r, &t, &err), -RFE_USAGE);
    ck_assert_ptr_eq(strstr(err.msg, "alpine=: invalid path \"\""), err.msg);
    ck_assert_int_eq(rf_target_parse_arg("=x", &r, &t, &err), -RFE_USAGE);
    ck_assert_ptr_eq(strstr(err.msg, "=x: invalid reference \"\""), err.msg);
}
END_TEST

START_TEST(source_of_argument)
{
    RF_CLEANUP(rf_target_release) struct rf_target t = { 0 };
    RF_CLEANUP(rf_ref_release) struct rf_ref r = RF_REF_INIT;
    ck_assert_int_eq(rf_target_parse_arg("alpine:3=x", &r, &t, NULL), 0);
    ck_assert_str_eq(r.registry, "docker.io");
    ck_assert_str_eq(r.text, "alpine:3");
}
END_TEST

START_TEST(joining)
{
    RF_CLEANUP(rf_freep) char *out = NULL;
    ck_assert_int_eq(rf_target_join("", "team/app", &out, NULL), 0);
    ck_assert_str_eq(out, "team/app");
    rf_freep(&out);
    ck_assert_int_eq(rf_target_join("mirror", "team/app", &out, NULL), 0);
    ck_assert_str_eq(out, "mirror/team/app");
    rf_freep(&out);
    char name[251];
    memset(name, 'a', 250);
    name[250] = '\0';
    ck_assert_int_eq(rf_target_join("mirr", name, &out, NULL), 0);
    rf_freep(&out);
    ck_assert_int_eq(rf_target_join("mirro", name, &out, NULL), -RFE_INVALID);
    ck_assert_int_eq(rf_target_join("mirror", "../x", &out, NULL), -RFE_INVALID);
    ck_assert_ptr_null(out);
}
END_TEST

Suite *rf_target_path_suite(void);
Suite *rf_target_path_suite(void)
{
    Suite *s = suite_create("target_path");
    TCase *t = tcase_create("target_path");
    tcase_add_loop_test(t, row, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_test(t, next_step_is_named);
    tcase_add_test(t, source_of_argument);
    tcase_add_test(t, joining);
    suite_add_tcase(s, t);
    return s;
}
