/* SPDX-License-Identifier: Apache-2.0 */
/* bundle.json: whatever is accepted can be written, is then read as the same, and has a place for each of its blobs. */
#include "layout/bundle_frame.h"
#include "tests/fuzz/fuzz.h"

static int read_it(struct rf_slice text, struct rf_bundle *b)
{
    struct rf_source *src = rf_source_mem(text);
    rf_bundle_init(b);
    int rc = rf_bundle_read(src, text.len, b, NULL);
    rf_source_free(src);
    RF_CHECK(rc == 0 || rc == -RFE_DAMAGED || rc == -RFE_NOT_BUNDLE);
    return rc;
}

static void write_it(const struct rf_bundle *b, struct rf_buf *out)
{
    struct rf_sink *sink = rf_sink_buf(out);
    RF_CHECK(rf_bundle_write(b, sink, NULL) == 0 && out->rc == 0);
    rf_sink_free(sink);
}

static void check_frame(const struct rf_bundle *b)
{
    struct rf_bundle_frame f;
    if (rf_bundle_frame_init(&f, b, NULL) < 0)
        return;
    uint64_t last = f.index_at;
    for (size_t i = 0; i < b->n_blobs; i++) {
        RF_CHECK(rf_bundle_find(b, &b->blobs[i].digest) == &b->blobs[i]);
        if (b->blobs[i].travel != RF_TRAVEL_CARRIED)
            continue;
        RF_CHECK(f.blob_at[i] > last && f.blob_at[i] + b->blobs[i].size < f.total);
        last = f.blob_at[i];
    }
    rf_bundle_frame_release(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rf_bundle b, again;
    struct rf_buf text, twice;
    if (read_it(rf_slice_of(data, size), &b) == 0) {
        rf_buf_init(&text, 0);
        rf_buf_init(&twice, 0);
        check_frame(&b);
        /* Our form of it may be longer, so that a line passes its limit: then sealing says so. */
        if (rf_bundle_seal(&b, NULL) == 0) {
            write_it(&b, &text);
            RF_CHECK(read_it(rf_buf_slice(&text), &again) == 0);
            RF_CHECK(rf_digest_eq(&again.id, &b.id) && rf_digest_eq(&again.snapshot, &b.snapshot));
            write_it(&again, &twice);
            RF_CHECK(rf_slice_eq(rf_buf_slice(&text), rf_buf_slice(&twice)));
            rf_bundle_release(&again);
        }
        rf_buf_release(&text);
        rf_buf_release(&twice);
    }
    rf_bundle_release(&b);
    return 0;
}
