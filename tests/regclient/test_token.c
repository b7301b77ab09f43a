/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/token.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"

static const struct {
    const char *body, *value, *refresh; /* value NULL: refused */
    uint64_t lifetime;
} rows[] = {
    { "{\"token\":\"a\"}", "a", NULL, 60 },
    { "{\"access_token\":\"b\"}", "b", NULL, 60 },
    { "{\"token\":\"a\",\"access_token\":\"b\",\"expires_in\":300,\"issued_at\":\"2001-01-01T00:00:00Z\"}",
      "b", NULL, 300 },
    { "{\"token\":\"a\",\"access_token\":\"\"}", "a", NULL, 60 },
    { "{\"token\":\"a\",\"access_token\":null,\"refresh_token\":\"r\",\"expires_in\":5}", "a", "r",
      5 },
    { "{\"token\":\"a\",\"expires_in\":0}", "a", NULL, 60 },
    { "{\"token\":\"a\",\"expires_in\":-5}", "a", NULL, 60 },
    { "{\"token\":\"a\",\"expires_in\":\"3600\"}", "a", NULL, 60 },
    { "{\"token\":\"a\",\"expires_in\":3600.7}", "a", NULL, 3600 },
    { "{\"token\":\"a\",\"expires_in\":null}", "a", NULL, 60 },
    { "{\"token\":\"a\",\"expires_in\":9223372036854775807}", "a", NULL, 2592000 },
    { "{\"token\":\"a\",\"refresh_token\":\"x y\"}", "a", NULL, 60 },
    { "{\"token\":\"eyJ.a-b_c~d+e/f==\"}", "eyJ.a-b_c~d+e/f==", NULL, 60 },
    { "{}", NULL, NULL, 0 },
    { "{\"token\":\"\"}", NULL, NULL, 0 },
    { "{\"token\":1}", NULL, NULL, 0 },
    { "{\"token\":\"canary\\r\\nX: y\"}", NULL, NULL, 0 },
    { "{\"token\":\"canary b\"}", NULL, NULL, 0 },
    { "{\"token\":\"canary\xC3\xA4\"}", NULL, NULL, 0 },
    { "{\"token\":\"canary\"", NULL, NULL, 0 },
    { "{\"token\":\"canary\",\"token\":\"canary\"}", NULL, NULL, 0 },
    { "[]", NULL, NULL, 0 },
    { "<html>canary</html>", NULL, NULL, 0 },
    { "", NULL, NULL, 0 },
};

START_TEST(parse)
{
    RF_CLEANUP(rf_token_release) struct rf_token t = { 0 };
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_token_parse(rf_slice_str(rows[_i].body), &t, &err);
    if (rows[_i].value == NULL) {
        ck_assert_msg(rc == -RFE_PROTOCOL, "%s: %d", rows[_i].body, rc);
        ck_assert_ptr_null(t.value);
        ck_assert_msg(strstr(err.msg, "canary") == NULL, "%s", err.msg);
        return;
    }
    ck_assert_msg(rc == 0, "%s: %s", rows[_i].body, err.msg);
    ck_assert_str_eq(t.value, rows[_i].value);
    ck_assert_pstr_eq(t.refresh, rows[_i].refresh);
    ck_assert_msg(t.lifetime_s == rows[_i].lifetime, "%s: %llu", rows[_i].body,
                  (unsigned long long)t.lifetime_s);
}
END_TEST

START_TEST(basic)
{
    RF_CLEANUP(rf_wipe_freep)
    char *value = rf_basic_value("Aladdin", "open sesame"); /* RFC 7617, 2 */
    ck_assert_str_eq(value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}
END_TEST

Suite *rf_token_suite(void);
Suite *rf_token_suite(void)
{
    Suite *s = suite_create("token");
    TCase *t = tcase_create("token");
    tcase_add_loop_test(t, parse, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_test(t, basic);
    suite_add_tcase(s, t);
    return s;
}
