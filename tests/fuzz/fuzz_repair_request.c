/* SPDX-License-Identifier: Apache-2.0 */
/* A request, as it comes from the far side. What is read and written again is the same text from then on. */
#include "layout/repair_request.h"
#include "tests/fuzz/fuzz_path.h"

static int load(struct rf_slice text, struct rf_buf *out)
{
    struct rf_repair_request doc;
    rf_repair_request_init(&doc);
    int rc = rf_repair_request_load(&doc, fuzz_path(text), NULL);
    RF_CHECK(rc == 0 || rc == -RFE_INVALID || rc == -RFE_UNSUPPORTED);
    if (rc == 0)
        RF_CHECK(rf_repair_request_write(&doc, out, NULL) == 0);
    rf_repair_request_release(&doc);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rf_buf once, twice;
    rf_buf_init(&once, 0);
    rf_buf_init(&twice, 0);
    if (load(rf_slice_of(data, size), &once) == 0) {
        RF_CHECK(load(rf_buf_slice(&once), &twice) == 0);
        RF_CHECK(once.len == twice.len && memcmp(once.ptr, twice.ptr, once.len) == 0);
    }
    rf_buf_release(&once);
    rf_buf_release(&twice);
    return 0;
}
