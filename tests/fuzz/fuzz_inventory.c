/* SPDX-License-Identifier: Apache-2.0 */
/* An inventory, as it comes from the far side. */
#include "layout/inventory.h"
#include "tests/fuzz/fuzz_reread.h"

static int load(struct rf_slice text, struct rf_buf *out)
{
    struct rf_inventory doc;
    rf_inventory_init(&doc);
    int rc = rf_inventory_load(&doc, fuzz_path(text), NULL);
    RF_CHECK(rc == 0 || rc == -RFE_INVALID || rc == -RFE_UNSUPPORTED);
    if (rc == 0)
        RF_CHECK(rf_inventory_write(&doc, out, NULL) == 0);
    rf_inventory_release(&doc);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_reread(data, size, load);
    return 0;
}
