/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/size_text.h"

#include <check.h>

#include "base/mem.h"

static const struct {
    const char *text;
    uint64_t want; /* UINT64_MAX: refused */
} rows[] = {
    { "0", 0 },
    { "4096", 4096 },
    { "4096B", 4096 },
    { "64k", 64000 },
    { "64K", 64000 },
    { "64Ki", 65536 },
    { "64KiB", 65536 },
    { "700M", 700000000 },
    { "1.5GB", 1500000000 },
    { "0.3k", 300 },
    { "1.5KiB", 1536 },
    { "0.1Ki", 102 },
    { "2T", 2000000000000 },
    { "4GiB", 4294967296 },
    { "9.2E", 9200000000000000000 },
    { "10E", UINT64_MAX },
    { "9999999999999999999", UINT64_MAX },
    { "99999999999999999999999", UINT64_MAX },
    { "", UINT64_MAX },
    { "k", UINT64_MAX },
    { ".5G", UINT64_MAX },
    { "1.", UINT64_MAX },
    { "1.G", UINT64_MAX },
    { "1.5", UINT64_MAX },
    { "1.5B", UINT64_MAX },
    { "1.1234567891G", UINT64_MAX },
    { "-1", UINT64_MAX },
    { "+1", UINT64_MAX },
    { " 1", UINT64_MAX },
    { "1 G", UINT64_MAX },
    { "1GBs", UINT64_MAX },
    { "1GG", UINT64_MAX },
    { "1m", UINT64_MAX },
    { "0x10", UINT64_MAX },
    { "1e3", UINT64_MAX },
};

START_TEST(row)
{
    uint64_t have = 77;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_size_parse(rows[_i].text, &have, &err);
    if (rows[_i].want == UINT64_MAX) {
        ck_assert_msg(rc == -RFE_INVALID, "\"%s\" was taken for %llu", rows[_i].text,
                      (unsigned long long)have);
        ck_assert_uint_eq(have, 77);
        return;
    }
    ck_assert_msg(rc == 0, "\"%s\": %s", rows[_i].text, err.msg);
    ck_assert_msg(have == rows[_i].want, "\"%s\": %llu", rows[_i].text, (unsigned long long)have);
}
END_TEST

Suite *rf_size_text_suite(void);
Suite *rf_size_text_suite(void)
{
    Suite *s = suite_create("size_text");
    TCase *t = tcase_create("rows");
    tcase_add_loop_test(t, row, 0, (int)RF_ARRAY_LEN(rows));
    suite_add_tcase(s, t);
    return s;
}
