/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/parallel.h"

Suite *rf_digest_suite(void);

/* FIPS 180-4 examples: "abc", and the empty message. */
#define ABC_256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define EMPTY_256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC_512                                                        \
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" \
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

START_TEST(known_values)
{
    struct rf_digest d;
    char text[RF_DIGEST_TEXT];
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str("abc"), &d);
    ck_assert_str_eq(rf_digest_text(&d, text), "sha256:" ABC_256);
    ck_assert_str_eq(rf_digest_hex(&d, text), ABC_256);
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str(NULL), &d);
    ck_assert_str_eq(rf_digest_text(&d, text), "sha256:" EMPTY_256);
    rf_digest_of(RF_DIGEST_SHA512, rf_slice_str("abc"), &d);
    ck_assert_str_eq(rf_digest_text(&d, text), "sha512:" ABC_512);
    ck_assert_uint_eq(strlen(text), RF_DIGEST_TEXT - 1);
}
END_TEST

START_TEST(text_goes_both_ways)
{
    struct rf_digest d, e;
    char text[RF_DIGEST_TEXT];
    ck_assert_int_eq(rf_digest_parse(rf_slice_str("sha256:" ABC_256), &d, NULL), 0);
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str("abc"), &e);
    ck_assert(rf_digest_eq(&d, &e));
    ck_assert_mem_eq(&d, &e, sizeof(d));
    ck_assert_str_eq(rf_digest_text(&d, text), "sha256:" ABC_256);
    ck_assert_int_eq(rf_digest_parse_parts(rf_slice_str("sha512"), rf_slice_str(ABC_512), &d, NULL),
                     0);
    ck_assert_str_eq(rf_digest_text(&d, text), "sha512:" ABC_512);
    ck_assert_int_eq(d.len, 64);
}
END_TEST

#define LIT(s)             \
    {                      \
        (s), sizeof(s) - 1 \
    }

static const struct rf_slice malformed[] = {
    LIT(""),
    LIT(":"),
    LIT("sha256"),
    LIT("sha256:"),
    LIT(ABC_256),
    LIT("sha256:" ABC_256 "0"),
    LIT("sha256:" ABC_256 "\0"),
    LIT("sha256:" ABC_256 "\n"),
    LIT("sha256: " ABC_256),
    LIT(" sha256:" ABC_256),
    LIT("SHA256:" ABC_256),
    LIT("sha256:BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    LIT("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a"),
    LIT("sha256:../../etc/passwd"),
    LIT("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f2001/ad"),
    LIT("sha256:" ABC_512),
    LIT("sha512:" ABC_256),
    LIT("sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    LIT("sha384:" ABC_256),
    LIT("sha256+b64:" ABC_256),
    LIT("sha256:sha256:" ABC_256),
    LIT("sha25\0:" ABC_256),
    LIT("\033[31m:" ABC_256),
};

START_TEST(malformed_texts_are_refused)
{
    struct rf_digest d;
    memset(&d, 0x55, sizeof(d));
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_digest_parse(malformed[_i], &d, &err), -RFE_INVALID);
    ck_assert_int_eq(err.code, RFE_INVALID);
    ck_assert_ptr_null(strchr(err.msg, '\033'));
    ck_assert_int_eq(d.algo, 0x55);
}
END_TEST

START_TEST(order_is_that_of_the_texts)
{
    struct rf_digest list[6] = { { 0 } };
    for (size_t i = 1; i < 6; i++) {
        char c = (char)('a' + i);
        rf_digest_of(i % 2 != 0 ? RF_DIGEST_SHA256 : RF_DIGEST_SHA512, rf_slice_of(&c, 1),
                     &list[i]);
    }
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < 6; j++) {
            char a[RF_DIGEST_TEXT], b[RF_DIGEST_TEXT];
            int want = strcmp(rf_digest_text(&list[i], a), rf_digest_text(&list[j], b));
            int got = rf_digest_cmp(&list[i], &list[j]);
            ck_assert_int_eq((got > 0) - (got < 0), (want > 0) - (want < 0));
            ck_assert_int_eq(rf_digest_eq(&list[i], &list[j]), i == j);
            ck_assert_int_eq(rf_digest_hash(&list[i]) == rf_digest_hash(&list[j]), i == j);
        }
    }
}
END_TEST

START_TEST(every_byte_counts)
{
    struct rf_digest a = { .algo = RF_DIGEST_SHA512, .len = 64 };
    for (size_t i = 0; i < 64; i++) {
        struct rf_digest b = a;
        b.bytes[i] = 1;
        ck_assert(!rf_digest_eq(&a, &b));
        ck_assert_int_lt(rf_digest_cmp(&a, &b), 0);
        ck_assert(rf_digest_hash(&a) != rf_digest_hash(&b));
    }
}
END_TEST

START_TEST(unset_has_no_text)
{
    struct rf_digest d = { 0 };
    char text[RF_DIGEST_TEXT] = "x";
    ck_assert(!rf_digest_is_set(&d));
    ck_assert_str_eq(rf_digest_text(&d, text), "");
    ck_assert_str_eq(rf_digest_hex(&d, text), "");
    ck_assert_str_eq(rf_digest_algo_name(RF_DIGEST_SHA512), "sha512");
}
END_TEST

START_TEST(hashing_in_pieces)
{
    struct rf_digest d, want;
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str("abc"), &want);
    RF_CLEANUP(rf_hasher_freep) struct rf_hasher *h = rf_hasher_new(RF_DIGEST_SHA256);
    rf_hasher_update(h, "a", 1);
    rf_hasher_update(h, NULL, 0);
    RF_CLEANUP(rf_hasher_freep) struct rf_hasher *copy = rf_hasher_copy(h);
    rf_hasher_update(h, "bc", 2);
    ck_assert_uint_eq(rf_hasher_count(h), 3);
    rf_hasher_final(h, &d);
    ck_assert(rf_digest_eq(&d, &want));
    /* The copy goes on from where it was taken. */
    ck_assert_uint_eq(rf_hasher_count(copy), 1);
    rf_hasher_update(copy, "bd", 2);
    rf_hasher_final(copy, &d);
    ck_assert(!rf_digest_eq(&d, &want));
    rf_hasher_free(NULL);
}
END_TEST

static int hash_one(void *ctx, size_t i, struct rf_err *err)
{
    const struct rf_digest *want = ctx;
    struct rf_digest d;
    (void)i;
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str("abc"), &d);
    return rf_digest_eq(&d, want) ? 0 : rf_fail(err, RFE_DIGEST_MISMATCH, "differs");
}

START_TEST(many_threads_hash_at_once)
{
    /* Also the first use of all, where the algorithms are looked up. */
    struct rf_digest want;
    ck_assert_int_eq(rf_digest_parse(rf_slice_str("sha256:" ABC_256), &want, NULL), 0);
    ck_assert_int_eq(rf_parallel(8, 400, hash_one, &want, NULL), 0);
}
END_TEST

START_TEST(unknown_algorithm_is_a_bug)
{
    (void)rf_hasher_new(7);
}
END_TEST

Suite *rf_digest_suite(void)
{
    Suite *s = suite_create("digest");
    TCase *tc = tcase_create("digest");
    tcase_add_test(tc, known_values);
    tcase_add_test(tc, text_goes_both_ways);
    tcase_add_loop_test(tc, malformed_texts_are_refused, 0, RF_ARRAY_LEN(malformed));
    tcase_add_test(tc, order_is_that_of_the_texts);
    tcase_add_test(tc, every_byte_counts);
    tcase_add_test(tc, unset_has_no_text);
    tcase_add_test(tc, hashing_in_pieces);
    tcase_add_test(tc, many_threads_hash_at_once);
    tcase_add_test_raise_signal(tc, unknown_algorithm_is_a_bug, SIGABRT);
    suite_add_tcase(s, tc);
    return s;
}
