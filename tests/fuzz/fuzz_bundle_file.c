/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle on its medium: opened, proven, read as a place. An input that begins with "{" is a bundle.json up to the first NUL; the
 * start of the file, its header and a fitting bundle.sig are put around it, and what comes behind the NUL follows.
 */
#include "layout/bundle_file.h"
#include "layout/tar_index.h"
#include "tests/fuzz/fuzz_path.h"

static void pad(struct rf_buf *b)
{
    while (b->len % 512 != 0)
        rf_buf_add_char(b, '\0');
}

static void add_member(struct rf_buf *out, const char *name, struct rf_slice bytes)
{
    RF_CHECK(rf_tar_header(name, bytes.len, out, NULL) == 0);
    rf_buf_add(out, bytes.ptr, bytes.len);
    pad(out);
}

static void wrap(struct rf_slice input, struct rf_buf *out)
{
    const char *nul = memchr(input.ptr, '\0', input.len);
    size_t n = nul != NULL ? (size_t)(nul - input.ptr) : input.len;
    struct rf_slice json = rf_slice_of(input.ptr, n);
    struct rf_digest id;
    struct rf_buf sig;
    rf_buf_init(&sig, 0);
    rf_digest_of(RF_DIGEST_SHA256, json, &id);
    rf_bundle_empty_sig(&id, &sig);
    add_member(out, "oci-layout", rf_slice_str(RF_OCI_LAYOUT_TEXT));
    add_member(out, "bundle.json", json);
    add_member(out, "bundle.sig", rf_buf_slice(&sig));
    if (nul != NULL)
        rf_buf_add(out, nul + 1, input.len - n - 1);
    rf_buf_release(&sig);
}

/* What was proven must be readable as what it is listed as. */
static void read_all(struct rf_bundle_file *f)
{
    const struct rf_bundle *doc = rf_bundle_file_doc(f);
    struct rf_place *p = rf_bundle_file_place(f);
    for (size_t i = 0; i < doc->n_blobs; i++) {
        const struct rf_bundle_blob *b = &doc->blobs[i];
        struct rf_source *src = NULL;
        struct rf_manifest *m = NULL;
        int want = b->travel == RF_TRAVEL_CARRIED ? 0 : -RFE_NOT_FOUND;
        RF_CHECK(rf_place_open_blob(p, "", &b->digest, b->size, &src, NULL) == want);
        rf_source_free(src);
        if (b->kind == RF_BLOB_MANIFEST &&
            rf_place_get_manifest(p, "", NULL, &b->digest, NULL, &m, NULL) == 0)
            rf_manifest_free(m);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rf_bundle_file *f = NULL;
    struct rf_slice input = rf_slice_of(data, size);
    struct rf_buf wrapped;
    rf_buf_init(&wrapped, 0);
    if (size > 0 && data[0] == '{') {
        wrap(input, &wrapped);
        input = rf_buf_slice(&wrapped);
    }
    int rc = rf_bundle_file_open(fuzz_path(input), &f, NULL);
    RF_CHECK(rc == 0 || rc == -RFE_DAMAGED || rc == -RFE_NOT_BUNDLE);
    if (rc == 0) {
        rc = rf_bundle_file_verify(f, NULL, NULL, NULL);
        RF_CHECK(rc == 0 || rc == -RFE_DAMAGED);
        if (rc == 0)
            read_all(f);
    }
    rf_bundle_file_free(f);
    rf_buf_release(&wrapped);
    return 0;
}
