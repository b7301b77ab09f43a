/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/object/object_version.h"

#include <check.h>

#include "base/mem.h"
#include "base/template.h"

static char *render(const char *format, const struct rf_version_info *info)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 0);
    const struct rf_value v = rf_value_object(&rf_type_version, info);
    ck_assert_msg(rf_template_render("out", rf_slice_str(format), &v, NULL, &out, &err) == 0,
                  "%s: %s", format, err.msg);
    return rf_buf_take(&out, NULL);
}

static void check(const char *format, const struct rf_version_info *info, const char *want)
{
    RF_CLEANUP(rf_freep) char *out = render(format, info);
    ck_assert_str_eq(out, want);
}

START_TEST(forms)
{
    static const struct rf_version_info info = { .compiler = "c",
                                                 .language = "l",
                                                 .platform = "linux/x",
                                                 .commit = "abc",
                                                 .date = "d",
                                                 .ref = "abc-dirty",
                                                 .state = "dirty",
                                                 .tag = "v1" };
    check(
        "{{printPretty .}}", &info,
        "VCSTag:     v1\nVCSRef:     abc-dirty\nVCSCommit:  abc\nVCSState:   dirty\nVCSDate:    d\n"
        "Platform:   linux/x\nGoVer:      l\nGoCompiler: c\n");
    check(
        "{{json .}}", &info,
        "{\"goVersion\":\"l\",\"goCompiler\":\"c\",\"platform\":\"linux/x\",\"vcsCommit\":\"abc\",\"vcsDate\":\"d\","
        "\"vcsRef\":\"abc-dirty\",\"vcsState\":\"dirty\",\"vcsTag\":\"v1\"}\n");
    check(
        "{{.VCSTag}} {{.VCSRef}} {{.VCSCommit}} {{.VCSState}} {{.VCSDate}} {{.Platform}} {{.GoVer}} {{.GoCompiler}}",
        &info, "v1 abc-dirty abc dirty d linux/x l c");
}
END_TEST

START_TEST(this_build)
{
    const struct rf_version_info *info = rf_version_info();
    check("{{.VCSTag}}", info, "v" RF_VERSION);
    ck_assert_int_eq(strncmp(info->platform, "linux/", 6), 0);
    ck_assert_ptr_nonnull(strpbrk(info->compiler, "123456789"));
    const char *const all[] = { info->compiler, info->language, info->platform, info->commit,
                                info->date,     info->ref,      info->state,    info->tag };
    for (size_t i = 0; i < RF_ARRAY_LEN(all); i++)
        ck_assert_msg(all[i][0] != '\0' && all[i][strlen(all[i]) - 1] != ' ', "field %zu is '%s'",
                      i, all[i]);
}
END_TEST

Suite *rf_object_version_suite(void);
Suite *rf_object_version_suite(void)
{
    Suite *s = suite_create("object_version");
    TCase *t = tcase_create("object_version");
    tcase_add_test(t, forms);
    tcase_add_test(t, this_build);
    suite_add_tcase(s, t);
    return s;
}
