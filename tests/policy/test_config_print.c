/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/config_print.h"

#include <check.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "policy/yaml_write.h"
#include "tests/support/data_files.h"

static const char *const names[] = { "nothing", "talk", "everything" };

static void print(const char *name, struct rf_slice text, struct rf_buf *out)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_policy_config_parse(name, text, 0, &c, &err) == 0, "%s", err.msg);
    rf_policy_config_print(c, out);
}

START_TEST(golden)
{
    const char *name = names[_i];
    RF_CLEANUP(rf_freep) char *in = rf_xasprintf("policy/print/%s.yml", name);
    RF_CLEANUP(rf_freep) char *out = rf_xasprintf("policy/print/%s.out", name);
    RF_CLEANUP(rf_freep) char *in_path = test_data_path(in);
    RF_CLEANUP(rf_freep) char *out_path = test_data_path(out);
    RF_CLEANUP(rf_buf_release) struct rf_buf have;
    RF_CLEANUP(rf_buf_release) struct rf_buf again;
    size_t len = 0, want_len = 0;
    setenv("RF_TEST_USER", "user", 1);
    setenv("RF_TEST_PASS", "0123", 1);
    RF_CLEANUP(rf_freep) char *text = test_read_file(in_path, &len);
    rf_buf_init(&have, 0);
    rf_buf_init(&again, 0);
    print(name, rf_slice_of(text, len), &have);
    if (getenv("RF_UPDATE_GOLDEN") != NULL)
        ck_assert_int_eq(rf_file_write(out_path, rf_buf_slice(&have), 0666, NULL), 0);
    RF_CLEANUP(rf_freep) char *want = test_read_file(out_path, &want_len);
    ck_assert_ptr_nonnull(want);
    ck_assert_msg(strcmp(have.ptr, want) == 0, "%s:\n%s", name, have.ptr);
    /* What is printed reads as the same again. */
    print("again", rf_buf_slice(&have), &again);
    ck_assert_str_eq(again.ptr, have.ptr);
}
END_TEST

START_TEST(quoting)
{
    static const char *const quoted[] = { "",
                                          "-",
                                          "null",
                                          "~",
                                          "True",
                                          "yes",
                                          "off",
                                          "1",
                                          "-1",
                                          "+1",
                                          "1_000",
                                          "1.5",
                                          "3.",
                                          ".5",
                                          "1.5e3",
                                          "0x1F",
                                          "-0x10",
                                          "0o17",
                                          "017",
                                          "0b101",
                                          "12:30",
                                          "1:5",
                                          "2026-01-02",
                                          "2026-01-02 03:04:05",
                                          "2026-01-02T03:04:05Z",
                                          "*a",
                                          "&a",
                                          "[a",
                                          "{{.Ref}}",
                                          "}",
                                          "]",
                                          ",a",
                                          "!a",
                                          "|",
                                          ">a",
                                          "%a",
                                          "'a",
                                          "\"a",
                                          "@a",
                                          " a",
                                          "`a",
                                          "a:",
                                          "a ",
                                          "a: b",
                                          "- a",
                                          "a- b",
                                          "a#b",
                                          "#",
                                          "a\\d",
                                          "99999999999999999999999",
                                          "a\x1b[2J" };
    static const char *const plain[] = { "a",
                                         "1.2.3",
                                         "_1",
                                         "1e5",
                                         "08",
                                         "0x",
                                         "0b12",
                                         "1-2",
                                         "a:b",
                                         "-a",
                                         "a-b",
                                         "15m0s",
                                         "https://x/v1/",
                                         ".inf",
                                         "Y1",
                                         "25:00",
                                         "2026-13-01",
                                         "?a",
                                         "a\"b",
                                         "a'b",
                                         "a{b}",
                                         "<<",
                                         "v1|v2" };
    for (size_t i = 0; i < RF_ARRAY_LEN(quoted); i++)
        ck_assert_msg(rf_yaml_needs_quotes(quoted[i]), "\"%s\"", quoted[i]);
    for (size_t i = 0; i < RF_ARRAY_LEN(plain); i++)
        ck_assert_msg(!rf_yaml_needs_quotes(plain[i]), "\"%s\"", plain[i]);
}
END_TEST

START_TEST(blocks)
{
    static const struct {
        const char *text, *in_map, *in_list;
    } rows[] = {
        { "a\nb", "k: |-\n  a\n  b\n", "k:\n- |-\n  a\n  b\n" },
        { "a\nb\n", "k: |\n  a\n  b\n", "k:\n- |\n  a\n  b\n" },
        { "a\n\nb", "k: |-\n  a\n  \n  b\n", "k:\n- |-\n  a\n\n  b\n" },
        { "a\n\n", "k: |+\n  a\n\n", "k:\n- |+\n  a\n\n" },
        { "a\n\n\n", "k: |+\n  a\n  \n\n", "k:\n- |+\n  a\n\n\n" },
        { "\n", "k: |\n\n", "k:\n- |\n\n" },
        { "a: b\nc", "k: \"a: b\\nc\"\n", "k:\n- \"a: b\\nc\"\n" },
        { "a\r\nb", "k: \"a\\r\\nb\"\n", "k:\n- \"a\\r\\nb\"\n" },
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(rows); i++) {
        RF_CLEANUP(rf_buf_release) struct rf_buf out;
        rf_buf_init(&out, 0);
        struct rf_yaml_writer w = { .out = &out };
        char *list[] = { rf_xstrdup(rows[i].text) };
        rf_yaml_write_text(&w, "k", rows[i].text);
        ck_assert_str_eq(out.ptr, rows[i].in_map);
        rf_buf_clear(&out);
        rf_yaml_write_texts(&w, "k", list, 1);
        ck_assert_str_eq(out.ptr, rows[i].in_list);
        free(list[0]);
    }
}
END_TEST

START_TEST(numbers)
{
    static const struct {
        double value;
        const char *want;
    } rows[] = { { 0, "0.0" },
                 { 2, "2.0" },
                 { 20, "20.0" },
                 { 0.25, "0.25" },
                 { 0.1, "0.1" },
                 { 123456, "123456.0" },
                 { 1000000, "1e+06" },
                 { 1234567, "1.234567e+06" },
                 { 0.0001, "0.0001" },
                 { 0.00001, "1e-05" },
                 { 1.0 / 3, "0.3333333333333333" },
                 { 2.5e100, "2.5e+100" } };
    for (size_t i = 0; i < RF_ARRAY_LEN(rows); i++) {
        RF_CLEANUP(rf_buf_release) struct rf_buf out;
        rf_buf_init(&out, 0);
        struct rf_yaml_writer w = { .out = &out };
        rf_yaml_write_double(&w, "f", rows[i].value);
        RF_CLEANUP(rf_freep) char *want = rf_xasprintf("f: %s\n", rows[i].want);
        ck_assert_str_eq(out.ptr, want);
    }
}
END_TEST

Suite *rf_config_print_suite(void);
Suite *rf_config_print_suite(void)
{
    Suite *s = suite_create("config_print");
    TCase *t = tcase_create("config_print");
    tcase_add_loop_test(t, golden, 0, (int)RF_ARRAY_LEN(names));
    tcase_add_test(t, quoting);
    tcase_add_test(t, blocks);
    tcase_add_test(t, numbers);
    suite_add_tcase(s, t);
    return s;
}
