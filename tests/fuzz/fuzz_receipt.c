/* SPDX-License-Identifier: Apache-2.0 */
/* A receipt, as it comes from the far side. */
#include "layout/receipt.h"
#include "tests/fuzz/fuzz_reread.h"

static int load(struct rf_slice text, struct rf_buf *out)
{
    struct rf_receipt doc;
    rf_receipt_init(&doc);
    int rc = rf_receipt_load(&doc, fuzz_path(text), NULL);
    RF_CHECK(rc == 0 || rc == -RFE_INVALID || rc == -RFE_UNSUPPORTED);
    if (rc == 0)
        RF_CHECK(rf_receipt_write(&doc, out, NULL) == 0);
    rf_receipt_release(&doc);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_reread(data, size, load);
    return 0;
}
