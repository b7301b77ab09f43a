/* SPDX-License-Identifier: Apache-2.0 */
/* A request, as it comes from the far side. */
#include "layout/repair_request.h"
#include "tests/fuzz/fuzz_reread.h"

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
    fuzz_reread(data, size, load);
    return 0;
}
