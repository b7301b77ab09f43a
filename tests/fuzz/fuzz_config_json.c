/* SPDX-License-Identifier: Apache-2.0 */
/* Image configurations, and the strict JSON reader beneath. */
#include "manifests/config.h"

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_config_freep) struct rf_config *c = NULL;
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL, *again = NULL;
    struct rf_slice bytes = rf_slice_of(data, size);
    if (rf_config_parse(bytes, &c, &err) == 0) {
        RF_CLEANUP(rf_freep) char *platform = rf_platform_text(&c->platform);
        RF_CHECK(platform[0] != '\0');
    }
    if (rf_json_parse(bytes, RF_CONFIG_MAX, &doc, &err) < 0)
        return 0;
    /* What was read and written again means the same. */
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 0);
    rf_json_add_value(&out, doc, true);
    RF_CHECK(out.rc == 0 && rf_json_parse(rf_buf_slice(&out), 64u << 20, &again, &err) == 0);
    RF_CHECK(json_equal(doc, again));
    return 0;
}
