/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/bundle_frame.h"

#include "base/mem.h"
#include "layout/tar_index.h"

#define USTAR_LIMIT (UINT64_C(1) << 33) /* from here on a size needs a pax record */
#define BLOCK 512u
#define FILE_MAX (UINT64_C(1) << 62)

const char *rf_bundle_blob_name(const struct rf_digest *d, char out[RF_DIGEST_TEXT + 8])
{
    char hex[RF_DIGEST_TEXT];
    (void)snprintf(out, RF_DIGEST_TEXT + 8, "blobs/%s/%s", rf_digest_algo_name(d->algo),
                   rf_digest_hex(d, hex));
    return out;
}

int rf_bundle_blob_header(const struct rf_bundle_blob *blob, struct rf_buf *out, struct rf_err *err)
{
    char name[RF_DIGEST_TEXT + 8];
    return rf_tar_header(rf_bundle_blob_name(&blob->digest, name), blob->size, out, err);
}

static int header_size(const struct rf_bundle_blob *blob, uint64_t *size, struct rf_err *err)
{
    *size = BLOCK;
    if (blob->size < USTAR_LIMIT && blob->digest.algo == RF_DIGEST_SHA256)
        return 0;
    RF_CLEANUP(rf_buf_release) struct rf_buf header;
    rf_buf_init(&header, 65536);
    int rc = rf_bundle_blob_header(blob, &header, err);
    *size = header.len;
    return rc;
}

/* Moves *at past the member and returns where its content stands. */
static uint64_t member(uint64_t *at, uint64_t size)
{
    uint64_t content = *at + BLOCK;
    *at = content + rf_tar_padded(size);
    return content;
}

int rf_bundle_frame_init(struct rf_bundle_frame *f, const struct rf_bundle *b, struct rf_err *err)
{
    memset(f, 0, sizeof(*f));
    uint64_t at = 0;
    member(&at, strlen(RF_OCI_LAYOUT_TEXT));
    f->json_at = member(&at, b->json_size);
    f->sig_at = member(&at, RF_BUNDLE_SIG_SIZE);
    f->index_at = member(&at, b->index_size);
    f->blobs_at = at;
    f->blob_at = rf_xcalloc(b->n_blobs + 1, sizeof(*f->blob_at));
    for (size_t i = 0; i < b->n_blobs; i++) {
        const struct rf_bundle_blob *blob = &b->blobs[i];
        uint64_t header;
        if (blob->travel != RF_TRAVEL_CARRIED)
            continue;
        int rc = header_size(blob, &header, err);
        if (rc == 0) {
            f->blob_at[i] = at + header;
            /* no overflow: at and the size are each at most a quarter of it */
            at = f->blob_at[i] + rf_tar_padded(blob->size);
            if (at > FILE_MAX)
                rc = rf_fail(err, RFE_TOO_LARGE, "the bundle would be larger than a file can be");
        }
        if (rc < 0) {
            rf_bundle_frame_release(f);
            return rc;
        }
    }
    f->total = at + RF_TAR_END;
    return 0;
}

void rf_bundle_frame_release(struct rf_bundle_frame *f)
{
    free(f->blob_at);
    memset(f, 0, sizeof(*f));
}

void rf_bundle_empty_sig(const struct rf_digest *id, struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT], sig[RF_BUNDLE_SIG_SIZE + 1];
    int n = snprintf(sig, sizeof(sig), "{\"digest\":\"%s\",\"signatures\":[]}",
                     rf_digest_text(id, text));
    memset(sig + n, ' ', sizeof(sig) - (size_t)n);
    rf_buf_add(out, sig, RF_BUNDLE_SIG_SIZE);
}

static int emit_header(const char *name, uint64_t size, struct rf_sink *sink, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf header;
    rf_buf_init(&header, 65536);
    int rc = rf_tar_header(name, size, &header, err);
    if (rc == 0 && header.len != BLOCK)
        rc = rf_fail(err, RFE_TOO_LARGE, "%s does not fit a plain tar header", name);
    return rc < 0 ? rc : rf_sink_write(sink, header.ptr, header.len, err);
}

static int emit_padding(uint64_t size, struct rf_sink *sink, struct rf_err *err)
{
    static const char zeros[BLOCK];
    uint64_t n = rf_tar_padded(size) - size;
    return n > 0 ? rf_sink_write(sink, zeros, (size_t)n, err) : 0;
}

static int emit_bytes(const char *name, struct rf_slice bytes, struct rf_sink *sink,
                      struct rf_err *err)
{
    int rc = emit_header(name, bytes.len, sink, err);
    if (rc == 0)
        rc = rf_sink_write(sink, bytes.ptr, bytes.len, err);
    return rc < 0 ? rc : emit_padding(bytes.len, sink, err);
}

int rf_bundle_emit_head(const struct rf_bundle *b, struct rf_sink *sink, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf sig;
    rf_buf_init(&sig, RF_BUNDLE_SIG_SIZE);
    int rc = emit_bytes("oci-layout", rf_slice_str(RF_OCI_LAYOUT_TEXT), sink, err);
    if (rc == 0)
        rc = emit_header("bundle.json", b->json_size, sink, err);
    if (rc == 0)
        rc = rf_bundle_write(b, sink, err);
    if (rc == 0)
        rc = emit_padding(b->json_size, sink, err);
    rf_bundle_empty_sig(&b->id, &sig);
    if (rc == 0)
        rc = emit_bytes("bundle.sig", rf_buf_slice(&sig), sink, err);
    if (rc == 0)
        rc = emit_header("index.json", b->index_size, sink, err);
    if (rc == 0)
        rc = rf_bundle_write_index(b, sink, err);
    return rc < 0 ? rc : emit_padding(b->index_size, sink, err);
}

char *rf_bundle_file_name(const struct rf_bundle *b)
{
    char hex[RF_DIGEST_TEXT];
    rf_digest_hex(&b->id, hex);
    return rf_xasprintf("%s-%06llu-%.12s-1of1.tar", b->site, (unsigned long long)b->sequence, hex);
}
