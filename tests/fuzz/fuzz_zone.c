/* SPDX-License-Identifier: Apache-2.0 */
/* Time zone files, and rules where the input is no file. */
#include "policy/zone.h"

#include <stdlib.h>

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct rf_zone *z)
{
    static const int64_t times[] = { -4000000000, 0, 1774746000, 1792890000, 253402300799 };
    for (size_t i = 0; i < RF_ARRAY_LEN(times); i++) {
        int64_t moments[2], jump;
        int32_t offset = rf_zone_offset(z, times[i]);
        RF_CHECK(abs(offset) <= 26 * 3600);
        unsigned n = rf_zone_moments(z, times[i] + offset, moments, &jump);
        RF_CHECK(n >= 1 && n <= 2 && (n == 1 || moments[0] < moments[1]));
        for (unsigned k = 0; k < n; k++)
            RF_CHECK(moments[k] + rf_zone_offset(z, moments[k]) == times[i] + offset);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    RF_CLEANUP(rf_zone_freep) struct rf_zone *z = NULL;
    RF_CLEANUP(rf_freep) char *rule = rf_xstrndup((const char *)data, size);
    if (rf_zone_parse(rf_slice_of(data, size), &z, NULL) == 0 ||
        rf_zone_parse_rule(rule, &z, NULL) == 0)
        look(z);
    return 0;
}
