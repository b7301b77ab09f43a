/* SPDX-License-Identifier: Apache-2.0 */
/* Digests: what is accepted is its own text, and nothing else is accepted. */
#include "base/digest.h"

#include "base/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rf_slice s = rf_slice_of(data, size);
    struct rf_digest d = { 0 }, parts = { 0 };
    struct rf_err err = RF_ERR_INIT;
    char text[RF_DIGEST_TEXT];
    if (rf_digest_parse(s, &d, &err) == 0) {
        RF_CHECK(rf_slice_is(s, rf_digest_text(&d, text)));
        RF_CHECK(rf_digest_is_set(&d) && rf_digest_eq(&d, &d) && rf_digest_cmp(&d, &d) == 0);
        const char *name = rf_digest_algo_name(d.algo);
        RF_CHECK(rf_digest_parse_parts(rf_slice_str(name), rf_slice_str(rf_digest_hex(&d, text)),
                                       &parts, &err) == 0);
        RF_CHECK(rf_digest_eq(&d, &parts));
    } else {
        RF_CHECK(!rf_digest_is_set(&d));
    }
    struct rf_buf bytes, back;
    rf_buf_init(&bytes, 0);
    rf_buf_init(&back, 0);
    if (rf_base64_decode(&bytes, s)) {
        rf_base64_encode(&back, rf_buf_slice(&bytes));
        RF_CHECK(back.len >= size);
    }
    rf_buf_release(&bytes);
    rf_buf_release(&back);
    return 0;
}
