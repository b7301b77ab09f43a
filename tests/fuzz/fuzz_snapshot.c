/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot of the history. The first byte says whether the rest is the file, or lacks the checksum that it then gets. */
#include "layout/snapshot.h"
#include "tests/fuzz/fuzz_path.h"

static int load(const char *path, struct rf_snapshot *s)
{
    rf_snapshot_init(s);
    int rc = rf_snapshot_load(s, path, NULL);
    RF_CHECK(rc == 0 || rc == -RFE_INVALID);
    return rc;
}

/* Stored and loaded again it is the same. */
static void store_again(const struct rf_snapshot *s)
{
    struct rf_snapshot again;
    char path[48];
    (void)snprintf(path, sizeof(path), "%s-again", fuzz_path_name);
    RF_CHECK(rf_snapshot_store(s, path, NULL) == 0);
    RF_CHECK(load(path, &again) == 0);
    RF_CHECK(rf_digest_eq(&s->id, &again.id) && s->n_blobs == again.n_blobs);
    RF_CHECK(s->desired.n == again.desired.n && s->n_items == again.n_items);
    rf_snapshot_release(&again);
    (void)unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rf_snapshot s;
    struct rf_buf text;
    struct rf_digest sum;
    char hex[RF_DIGEST_TEXT];
    if (size == 0)
        return 0;
    rf_buf_init(&text, 0);
    rf_buf_add(&text, data + 1, size - 1);
    if (data[0] == '+') {
        rf_digest_of(RF_DIGEST_SHA256, rf_buf_slice(&text), &sum);
        rf_buf_addf(&text, "%s\n", rf_digest_text(&sum, hex));
    }
    if (load(fuzz_path(rf_buf_slice(&text)), &s) == 0)
        store_again(&s);
    rf_snapshot_release(&s);
    rf_buf_release(&text);
    return 0;
}
