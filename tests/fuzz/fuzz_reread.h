/* SPDX-License-Identifier: Apache-2.0 */
/* For documents that are written in one way only: what is read and written again is the same text from then on. */
#ifndef RF_TESTS_FUZZ_FUZZ_REREAD_H
#define RF_TESTS_FUZZ_FUZZ_REREAD_H

#include "tests/fuzz/fuzz_path.h"

/* `load` reads the text and, when it takes it, writes the document to `out`. */
static inline void fuzz_reread(const uint8_t *data, size_t size,
                               int (*load)(struct rf_slice text, struct rf_buf *out))
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
}

#endif
