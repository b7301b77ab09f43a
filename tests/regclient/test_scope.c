/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/scope.h"

#include <check.h>

#include "base/base64.h"
#include "base/mem.h"

static const struct {
    const char *have, *want;
    bool covers;
} rows[] = {
    { NULL, NULL, true },
    { "", "", true },
    { "", "repository:a:pull", false },
    { NULL, "repository:a:pull", false },
    { "repository:a:pull", NULL, true },
    { "repository:a:pull", "repository:a:pull", true },
    { "repository:a:pull,push", "repository:a:pull", true },
    { "repository:a:pull,push", "repository:a:push,pull", true },
    { "repository:a:pull", "repository:a:pull,push", false },
    { "repository:a:*", "repository:a:delete,pull", true },
    { "repository:a:pull", "repository:a:*", false },
    { "repository:a:pull", "repository:ab:pull", false },
    { "repository:ab:pull", "repository:a:pull", false },
    { "registry:catalog:*", "registry:catalog:*", true },
    { "repository:catalog:*", "registry:catalog:*", false },
    { "repository:a:pull repository:b:pull", "repository:b:pull", true },
    { "repository:a:pull repository:b:pull", "repository:b:pull  repository:a:pull", true },
    { "repository:a:pull repository:a:push", "repository:a:pull,push", true },
    { "repository:a:pull", "repository:a:pull repository:b:pull", false },
    { "repository:h:5000/a:pull", "repository:h:5000/a:pull", true },
    { "repository:h:5000/a:pull", "repository:h:pull", false },
    { "repository:a:pullx", "repository:a:pull", false },
};

START_TEST(covers)
{
    ck_assert_msg(rf_scope_covers(rows[_i].have, rows[_i].want) == rows[_i].covers, "%s / %s",
                  rows[_i].have, rows[_i].want);
}
END_TEST

START_TEST(join)
{
    static const struct {
        const char *a, *b, *want;
    } list[] = {
        { NULL, NULL, "" },
        { "repository:a:pull", NULL, "repository:a:pull" },
        { NULL, " repository:a:pull ", "repository:a:pull" },
        { "repository:a:pull,push", "repository:a:pull repository:b:pull",
          "repository:a:pull,push repository:b:pull" },
        { "repository:a:pull", "repository:a:push", "repository:a:pull repository:a:push" },
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(list); i++) {
        RF_CLEANUP(rf_freep) char *have = rf_scope_join(list[i].a, list[i].b);
        ck_assert_str_eq(have, list[i].want);
    }
}
END_TEST

START_TEST(valid)
{
    ck_assert(rf_scope_valid(""));
    ck_assert(rf_scope_valid("repository:a/b:pull,push repository:c:pull"));
    ck_assert(!rf_scope_valid("a\nb"));
    ck_assert(!rf_scope_valid("a\x7F"));
    ck_assert(!rf_scope_valid("a\"b"));
    ck_assert(!rf_scope_valid("\xC3\xA4"));
    char text[RF_SCOPE_MAX + 2];
    memset(text, 'a', sizeof(text));
    text[RF_SCOPE_MAX + 1] = '\0';
    ck_assert(!rf_scope_valid(text));
    text[RF_SCOPE_MAX] = '\0';
    ck_assert(rf_scope_valid(text));
}
END_TEST

static const struct {
    const char *claims, *want;
    enum rf_scope_answer answer;
} claims[] = {
    { "{\"access\":[{\"type\":\"repository\",\"name\":\"a\",\"actions\":[\"pull\",\"push\"]}]}",
      "repository:a:pull,push", RF_SCOPE_GRANTED },
    { "{\"access\":[{\"type\":\"repository\",\"name\":\"a\",\"actions\":[\"*\"]}]}",
      "repository:a:pull,push", RF_SCOPE_GRANTED },
    { "{\"access\":[{\"type\":\"repository\",\"name\":\"a\",\"actions\":[\"pull\"]}]}",
      "repository:a:pull,push", RF_SCOPE_WITHHELD },
    { "{\"access\":[{\"type\":\"repository\",\"name\":\"b\",\"actions\":[\"push\"]}]}",
      "repository:a:push", RF_SCOPE_WITHHELD },
    { "{\"access\":[]}", "repository:a:pull", RF_SCOPE_WITHHELD },
    { "{\"access\":[{\"type\":\"repository\",\"name\":\"a\",\"actions\":null}]}",
      "repository:a:pull", RF_SCOPE_WITHHELD },
    { "{\"access\":null}", "repository:a:pull", RF_SCOPE_UNKNOWN },
    { "{}", "repository:a:pull", RF_SCOPE_UNKNOWN },
    { "[]", "repository:a:pull", RF_SCOPE_UNKNOWN },
    { "{\"access\":[1]}", "repository:a:pull", RF_SCOPE_UNKNOWN },
    { "{\"access\":[{\"type\":\"repository\",\"name\":\"x repository:a:pull\",\"actions\":[]}]}",
      "repository:a:pull", RF_SCOPE_UNKNOWN },
    { "{\"access\":", "repository:a:pull", RF_SCOPE_UNKNOWN },
};

START_TEST(in_token)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_buf_add_str(&b, "aGVhZA.");
    rf_base64_encode(&b, rf_slice_str(claims[_i].claims));
    while (b.ptr[b.len - 1] == '=')
        b.len--;
    RF_CLEANUP(rf_freep) char *token = rf_xasprintf("%.*s.sig", (int)b.len, b.ptr);
    ck_assert_msg(rf_scope_in_token(token, claims[_i].want) == claims[_i].answer, "%s",
                  claims[_i].claims);
}
END_TEST

START_TEST(opaque_tokens)
{
    static const char *const tokens[] = {
        "", "opaque", "a.b", "a.b.c", "a.!.c", "..", "ghp_x.y.z"
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(tokens); i++)
        ck_assert_int_eq(rf_scope_in_token(tokens[i], "repository:a:pull"), RF_SCOPE_UNKNOWN);
}
END_TEST

Suite *rf_scope_suite(void);
Suite *rf_scope_suite(void)
{
    Suite *s = suite_create("scope");
    TCase *t = tcase_create("scope");
    tcase_add_loop_test(t, covers, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_test(t, join);
    tcase_add_test(t, valid);
    tcase_add_loop_test(t, in_token, 0, (int)RF_ARRAY_LEN(claims));
    tcase_add_test(t, opaque_tokens);
    suite_add_tcase(s, t);
    return s;
}
