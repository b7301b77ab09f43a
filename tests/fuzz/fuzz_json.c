/* SPDX-License-Identifier: Apache-2.0 */
/* Strict JSON: what parses can be written and parses again. */
#include "base/json.h"
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *doc = NULL, *again = NULL;
    if (rf_json_parse(rf_slice_of(data, size), 1 << 20, &doc, NULL) == 0) {
        struct rf_buf out;
        rf_buf_init(&out, 64 << 20);
        rf_json_add_value(&out, doc, false);
        RF_CHECK(out.rc == 0);
        RF_CHECK(rf_json_parse(rf_slice_of(out.ptr, out.len), 64 << 20, &again, NULL) == 0);
        RF_CHECK(json_equal(doc, again));
        json_decref(again);
        rf_buf_release(&out);
        json_decref(doc);
    }
    return 0;
}
