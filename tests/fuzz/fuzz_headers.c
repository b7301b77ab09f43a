/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of answers that steer us: challenges, Link, ranges, Retry-After. The input is header lines. */
#include "base/mem.h"
#include "regclient/http_header.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static void try_value(const char *value)
{
    uint64_t a, b, c;
    uint32_t seconds;
    if (rf_content_range(value, &a, &b, &c, NULL) == 0)
        RF_CHECK(a <= b && b < c);
    (void)!rf_upload_range(value, &a, NULL);
    if (rf_retry_after(value, &seconds))
        RF_CHECK(seconds <= 3600);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rf_headers h = { 0 };
    const char *p = (const char *)data, *end = p + size;
    while (p < end) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        const char *stop = lf != NULL ? lf : end;
        if (rf_headers_add(&h, rf_slice_of(p, (size_t)(stop - p)), NULL) < 0)
            break;
        p = stop + 1;
    }
    for (size_t i = 0; i < h.n; i++)
        try_value(h.values[i]);
    char *next = NULL;
    if (rf_link_next(&h, &next, NULL) == 0)
        free(next);
    struct rf_challenge *list = NULL;
    size_t n = 0;
    if (rf_challenges_parse(&h, &list, &n, NULL) == 0)
        rf_challenges_free(list, n);
    rf_headers_release(&h);
    return 0;
}
