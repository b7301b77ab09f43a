/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <check.h>

#include "base/mem.h"

/* RFC 4648, 10. */
static const struct {
    const char *plain, *text;
} pairs[] = { { "", "" },
              { "f", "Zg==" },
              { "fo", "Zm8=" },
              { "foo", "Zm9v" },
              { "foob", "Zm9vYg==" },
              { "fooba", "Zm9vYmE=" },
              { "foobar", "Zm9vYmFy" },
              { "\xFB\xFF\xFE", "+//+" } };

START_TEST(pair)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_base64_encode(&b, rf_slice_str(pairs[_i].plain));
    ck_assert_str_eq(b.ptr, pairs[_i].text);
    rf_buf_clear(&b);
    ck_assert(rf_base64_decode(&b, rf_slice_str(pairs[_i].text)));
    ck_assert_str_eq(b.ptr, pairs[_i].plain);
    rf_buf_release(&b);
}
END_TEST

static const struct {
    const char *text, *plain; /* NULL: refused */
} rows[] = {
    { "Zg", "f" },      { "Zm8", "fo" },     { "-__-", "\xFB\xFF\xFE" }, { "Zg=", NULL },
    { "Zg===", NULL },  { "Z", NULL },       { "Zm9vZ", NULL },          { "=", NULL },
    { "==", NULL },     { "Zh==", NULL }, /* unused bits */
    { "Zm9=", NULL },   { "Zm9v=", NULL },   { "Zm9vYg=Q", NULL },       { " Zm9v", NULL },
    { "Zm9v\n", NULL }, { "Zm9\xC3", NULL }, { "+/-_", NULL }, /* two alphabets */
};

START_TEST(row)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_buf_add_str(&b, "kept");
    bool ok = rf_base64_decode(&b, rf_slice_str(rows[_i].text));
    ck_assert_msg(ok == (rows[_i].plain != NULL), "%s", rows[_i].text);
    RF_CLEANUP(rf_freep) char *want = rf_xasprintf("kept%s", ok ? rows[_i].plain : "");
    ck_assert_str_eq(b.ptr, want);
    rf_buf_release(&b);
}
END_TEST

START_TEST(cap)
{
    struct rf_buf b;
    rf_buf_init(&b, 4);
    rf_buf_add_str(&b, "ab");
    ck_assert(!rf_base64_decode(&b, rf_slice_str("Zm9v")));
    ck_assert_str_eq(b.ptr, "ab");
    ck_assert_int_eq(b.rc, -RFE_TOO_LARGE);
    rf_buf_release(&b);
}
END_TEST

/* Every length and every byte there and back. */
START_TEST(there_and_back)
{
    char bytes[300];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 7 + 3);
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        struct rf_buf text, back;
        rf_buf_init(&text, 0);
        rf_buf_init(&back, 0);
        rf_base64_encode(&text, rf_slice_of(bytes, n));
        ck_assert_uint_eq(text.len, (n + 2) / 3 * 4);
        ck_assert(rf_base64_decode(&back, rf_buf_slice(&text)));
        ck_assert(rf_slice_eq(rf_buf_slice(&back), rf_slice_of(bytes, n)));
        rf_buf_release(&text);
        rf_buf_release(&back);
    }
}
END_TEST

Suite *rf_base64_suite(void);
Suite *rf_base64_suite(void)
{
    Suite *s = suite_create("base64");
    TCase *t = tcase_create("base64");
    tcase_add_loop_test(t, pair, 0, (int)RF_ARRAY_LEN(pairs));
    tcase_add_loop_test(t, row, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_test(t, cap);
    tcase_add_test(t, there_and_back);
    suite_add_tcase(s, t);
    return s;
}
