/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/expand.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

static const struct rf_expand_var vars[] = { { ".Sync.Source", "src" },
                                             { ".Sync.Target", NULL },
                                             { ".Sync.Type", "{{env \"RF_A\"}}" } };

static const struct {
    const char *text, *want; /* want NULL: refused */
    const char *error;
} rows[] = {
    { "plain", "plain", NULL },
    { "", "", NULL },
    { "{ } }} {", "{ } }} {", NULL },
    { "{{env \"RF_A\"}}", "value", NULL },
    { "{{ env \"RF_A\" }}", "value", NULL },
    { "{{env `RF_A`}}", "value", NULL },
    { "{{env\"RF_A\"}}", "value", NULL },
    { "a{{env \"RF_A\"}}b{{env \"RF_B\"}}c", "avaluebc", NULL },
    { "{{env \"RF_UNSET\"}}", "", NULL },
    { "x \n{{- env \"RF_A\" -}} \t y", "xvaluey", NULL },
    { "x {{- env \"RF_A\" }} y", "xvalue y", NULL },
    { "x {{ env \"RF_A\" -}} y", "x valuey", NULL },
    { "{{ .Sync.Source }}/x", "src/x", NULL },
    { "{{.Sync.Source}}", "src", NULL },
    { "{{.Sync.Source -}} x", "srcx", NULL },
    { "[{{.Sync.Target}}]", "[]", NULL },
    { "{{ \"a}}b\" }}", "a}}b", NULL },
    { "{{ \"q\\\"\\\\\\n\\t\" }}", "q\"\\\n\t", NULL },
    { "{{ `a\\n` }}", "a\\n", NULL },
    { "{{ file \"/nowhere/x\" }}", "", NULL },
    /* What comes out is not looked at again. */
    { "{{.Sync.Type}}", "{{env \"RF_A\"}}", NULL },
    { "{{", NULL, "template {{: " },
    { "{{ }}", NULL, "template {{ }}: only env" },
    { "{{env}}", NULL, "template {{env}}: a string in quotes is wanted" },
    { "{{env RF_A}}", NULL, "a string in quotes is wanted" },
    { "{{env \"RF_A}}", NULL, "a string without its end" },
    { "{{env \"RF\nA\"}}", NULL, "a string without its end" },
    { "{{env \"RF_A\"}", NULL, "one word or function" },
    { "{{env \"RF_A\" \"b\"}}", NULL, "one word or function" },
    { "{{env \"RF_A\" | upper}}", NULL, "one word or function" },
    { "{{env \"RF_A\"-}}", NULL, "one word or function" },
    { "{{-env \"RF_A\"}}", NULL, "only env" },
    { "{{(env \"RF_A\")}}", NULL, "only env" },
    { "{{/* c */}}", NULL, "only env" },
    { "{{if true}}x{{end}}", NULL, "template {{if true}}: only env" },
    { "{{environ \"RF_A\"}}", NULL, "only env" },
    { "{{.}}", NULL, "there is no such value here" },
    { "{{.Sync}}", NULL, "there is no such value here" },
    { "{{.Sync.Source.X}}", NULL, "there is no such value here" },
    { "{{.Ref.Tag}}", NULL, "there is no such value here" },
    { "{{\"\\x41\"}}", NULL, "an escape other than" },
    { "{{\"\\", NULL, "an escape other than" },
    { "{{env \"\x1b[2J\" x}}", NULL, "template {{env \"\\x1b[2J\" x}}: one word" },
};

START_TEST(row)
{
    setenv("RF_A", "value", 1);
    setenv("RF_B", "", 1);
    unsetenv("RF_UNSET");
    char *out = NULL;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_expand(rows[_i].text, vars, RF_ARRAY_LEN(vars), &out, &err);
    if (rows[_i].want == NULL) {
        ck_assert_msg(rc == -RFE_CONFIG && out == NULL, "%s was accepted", rows[_i].text);
        ck_assert_msg(strstr(err.msg, rows[_i].error) != NULL, "%s: %s", rows[_i].text, err.msg);
        ck_assert_int_eq(rf_expand(rows[_i].text, vars, RF_ARRAY_LEN(vars), &out, NULL), rc);
        return;
    }
    ck_assert_msg(rc == 0, "%s: %s", rows[_i].text, err.msg);
    ck_assert_msg(strcmp(out, rows[_i].want) == 0, "%s: \"%s\"", rows[_i].text, out);
    ck_assert(rf_expand_needed(rows[_i].text) == (strstr(rows[_i].text, "{{") != NULL));
    free(out);
}
END_TEST

static char path[] = "/tmp/rf-expand-XXXXXX";

static char *expand_file(const char *content, size_t len, int want)
{
    FILE *f = fopen(path, "wb");
    (void)fwrite(content, 1, len, f);
    (void)fclose(f);
    RF_CLEANUP(rf_freep) char *text = rf_xasprintf("<{{ file \"%s\" }}>", path);
    char *out = NULL;
    ck_assert_int_eq(rf_expand(text, NULL, 0, &out, NULL), want);
    return out;
}

START_TEST(files)
{
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    char *out = expand_file(" \n secret words\n\n", 17, 0);
    ck_assert_str_eq(out, "<secret words>");
    free(out);
    out = expand_file("", 0, 0);
    ck_assert_str_eq(out, "<>");
    free(out);
    out = expand_file(" \n", 2, 0);
    ck_assert_str_eq(out, "<>");
    free(out);
    ck_assert_ptr_null(expand_file("a\0b", 3, -RFE_CONFIG));
    char *big = rf_xmalloc(RF_EXPAND_MAX + 1);
    memset(big, 'a', RF_EXPAND_MAX + 1);
    /* Over the cap for files: as if it could not be read. */
    out = expand_file(big, RF_EXPAND_MAX + 1, 0);
    ck_assert_str_eq(out, "<>");
    free(out);
    /* As large as allowed, but with "<" and ">" over the cap of a result. */
    ck_assert_ptr_null(expand_file(big, RF_EXPAND_MAX, -RFE_CONFIG));
    free(big);
    unlink(path);
}
END_TEST

Suite *rf_expand_suite(void);
Suite *rf_expand_suite(void)
{
    Suite *s = suite_create("expand");
    TCase *t = tcase_create("expand");
    tcase_add_loop_test(t, row, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_test(t, files);
    suite_add_tcase(s, t);
    return s;
}
