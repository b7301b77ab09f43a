/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/render.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

static const struct {
    const char *text, *want; /* want NULL: refused */
    const char *error;
} rows[] = {
    { "plain", "plain", NULL },
    { "", "", NULL },
    { "{ } }} {", "{ } }} {", NULL },
    { "{{env \"RF_A\"}}", "value", NULL },
    { "a{{env `RF_A`}}b{{ env \"RF_B\" }}c", "avaluebc", NULL },
    { "{{env \"RF_UNSET\"}}", "", NULL },
    { "x \n{{- env \"RF_A\" -}} \t y", "xvaluey", NULL },
    { "{{ file \"/nowhere/x\" }}", "", NULL },
    { "{{ env \"RF_A\" | upper }}", "VALUE", NULL },
    { "{{ default \"d\" (env \"RF_UNSET\") }}", "d", NULL },
    { "{{if eq (env \"RF_A\") \"value\"}}yes{{end}}", "yes", NULL },
    { "{{.}}", "<no value>", NULL },
    { "{{", NULL, "template: out:1: unclosed action" },
    { "{{ exec \"id\" }}", NULL, "template: out:1: function \"exec\" not defined" },
    { "{{ index (split \"a\" \"b\") 1 }}", NULL, "index out of range" },
    { "{{ printf \"a\\x00b\" }}", NULL, "the result is not a text" },
    { "{{ range 1000000 }}aaaaaaaa{{end}}", NULL, "" },
};

START_TEST(row)
{
    setenv("RF_A", "value", 1);
    setenv("RF_B", "", 1);
    unsetenv("RF_UNSET");
    RF_CLEANUP(rf_freep) char *out = NULL;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_render(rows[_i].text, NULL, &out, &err);
    if (rows[_i].want == NULL) {
        ck_assert_msg(rc == -RFE_CONFIG && err.code == RFE_CONFIG, "%s", rows[_i].text);
        ck_assert_msg(strstr(err.msg, rows[_i].error) != NULL, "%s: %s", rows[_i].text, err.msg);
        ck_assert_ptr_null(out);
        return;
    }
    ck_assert_msg(rc == 0, "%s: %s", rows[_i].text, err.msg);
    ck_assert_str_eq(out, rows[_i].want);
    ck_assert_int_eq(rf_render_check(rows[_i].text, NULL), 0);
    ck_assert(rf_render_needed(rows[_i].text) == (strstr(rows[_i].text, "{{") != NULL));
}
END_TEST

START_TEST(files)
{
    char path[] = "/tmp/rf-render-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, " \n\tsecret text \r\n", 17), 17);
    close(fd);
    RF_CLEANUP(rf_freep) char *text = rf_xasprintf("[{{ file \"%s\" }}]", path);
    RF_CLEANUP(rf_freep) char *out = NULL;
    ck_assert_int_eq(rf_render(text, NULL, &out, NULL), 0);
    ck_assert_str_eq(out, "[secret text]");
    unlink(path);
}
END_TEST

START_TEST(check_only)
{
    ck_assert_int_eq(rf_render_check("{{ .Ref.Tag | upper }}", NULL), 0);
    ck_assert_int_eq(rf_render_check("{{ .Ref.Tag | nope }}", NULL), -RFE_CONFIG);
    ck_assert_int_eq(rf_render_check("{{ if }}", NULL), -RFE_CONFIG);
}
END_TEST

Suite *rf_render_suite(void);
Suite *rf_render_suite(void)
{
    Suite *s = suite_create("render");
    TCase *t = tcase_create("render");
    tcase_add_loop_test(t, row, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_test(t, files);
    tcase_add_test(t, check_only);
    suite_add_tcase(s, t);
    return s;
}
