/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/receipt.h"

#include "base/mem.h"
#include "base/text.h"

#define REASON_MAX 4096u

void rf_receipt_init(struct rf_receipt *r)
{
    memset(r, 0, sizeof(*r));
    rf_strings_init(&r->strings);
}

void rf_receipt_release(struct rf_receipt *r)
{
    free(r->destination);
    free(r->time);
    free(r->tool);
    free(r->images);
    rf_strings_release(&r->strings);
    memset(r, 0, sizeof(*r));
}

static void add(struct rf_receipt *r, const struct rf_receipt_image *im)
{
    r->images = rf_grow(r->images, r->n, &r->cap, sizeof(*r->images));
    r->images[r->n++] = *im;
}

void rf_receipt_add(struct rf_receipt *r, const char *repository, const char *tag,
                    const struct rf_digest *digest, const char *by, const char *reason)
{
    struct rf_receipt_image im = { .by = RF_NO_ID, .reason = RF_NO_ID };
    im.image.digest = *digest;
    im.image.repository = rf_strings_add(&r->strings, rf_slice_str(repository));
    im.image.tag = rf_strings_add(&r->strings, rf_slice_str(tag));
    if (by != NULL) {
        size_t len = rf_text_boundary(rf_slice_str(reason), REASON_MAX);
        im.by = rf_strings_add(&r->strings, rf_slice_str(by));
        im.reason = rf_strings_add(&r->strings, rf_slice_of(reason, len));
    }
    add(r, &im);
}

size_t rf_receipt_refused(const struct rf_receipt *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        n += r->images[i].by != RF_NO_ID;
    return n;
}

/* Two entries of one tag are one too many, whatever their digests. */
static int key_cmp(const struct rf_receipt *r, const struct rf_companion_image *a,
                   const char *repository, const char *tag, const struct rf_digest *digest)
{
    int c = strcmp(rf_strings_get(&r->strings, a->repository), repository);
    if (c == 0)
        c = strcmp(rf_strings_get(&r->strings, a->tag), tag);
    return c == 0 && tag[0] == '\0' ? rf_digest_cmp(&a->digest, digest) : c;
}

static int image_cmp(const struct rf_receipt *r, const struct rf_receipt_image *a,
                     const struct rf_receipt_image *b)
{
    return key_cmp(r, &a->image, rf_strings_get(&r->strings, b->image.repository),
                   rf_strings_get(&r->strings, b->image.tag), &b->image.digest);
}

static int compare_images(const void *a, const void *b, void *ctx)
{
    return image_cmp(ctx, a, b);
}

const struct rf_receipt_image *rf_receipt_find(const struct rf_receipt *r, const char *repository,
                                               const char *tag, const struct rf_digest *digest)
{
    size_t lo = 0, hi = r->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = key_cmp(r, &r->images[mid].image, repository, tag, digest);
        if (c == 0)
            return &r->images[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

/* ---- the counts, in their order ---- */

struct count {
    const char *key;
    size_t at;
};
static const struct count counts[] = {
    { "blobsSent", offsetof(struct rf_receipt, blobs_sent) },
    { "bytesSent", offsetof(struct rf_receipt, bytes_sent) },
    { "blobsMounted", offsetof(struct rf_receipt, blobs_mounted) },
    { "blobsThere", offsetof(struct rf_receipt, blobs_there) },
    { "manifestsPut", offsetof(struct rf_receipt, manifests_put) },
    { "manifestsThere", offsetof(struct rf_receipt, manifests_there) },
    { "tagsSet", offsetof(struct rf_receipt, tags_set) },
    { "tagsRight", offsetof(struct rf_receipt, tags_right) },
};

static uint64_t *count_of(struct rf_receipt *r, size_t i)
{
    return (uint64_t *)(void *)((char *)r + counts[i].at);
}

/* ---- writing ---- */

static void put_header(struct rf_receipt *r, struct rf_buf *out)
{
    rf_companion_begin(out, RF_COMPANION_RECEIPT);
    rf_companion_key(out, "site");
    rf_json_add_string(out, r->site);
    rf_companion_key(out, "chain");
    rf_json_add_string(out, r->chain);
    rf_buf_add_str(out, ",\n");
    rf_companion_add_digest(out, "bundle", &r->bundle);
    rf_companion_key(out, "sequence");
    rf_buf_addf(out, "%llu,\n", (unsigned long long)r->sequence);
    rf_companion_add_digest(out, "snapshot", &r->snapshot);
    rf_companion_key(out, "destination");
    rf_json_add_string(out, r->destination != NULL ? r->destination : "");
    rf_companion_key(out, "time");
    rf_json_add_string(out, r->time != NULL ? r->time : "");
    rf_companion_key(out, "tool");
    rf_json_add_string(out, r->tool != NULL ? r->tool : "");
    rf_companion_key(out, "counts");
    for (size_t i = 0; i < RF_ARRAY_LEN(counts); i++)
        rf_buf_addf(out, "%s\"%s\":%llu", i > 0 ? "," : "{", counts[i].key,
                    (unsigned long long)*count_of(r, i));
    rf_buf_add_char(out, '}');
}

int rf_receipt_write(struct rf_receipt *r, struct rf_buf *out, struct rf_err *err)
{
    if (r->n > 1)
        qsort_r(r->images, r->n, sizeof(*r->images), compare_images, r);
    put_header(r, out);
    rf_companion_list(out, "images");
    for (size_t i = 0; i < r->n; i++) {
        const struct rf_receipt_image *im = &r->images[i];
        if (i > 0 && image_cmp(r, im - 1, im) == 0)
            return rf_fail(err, RFE_INVALID, "an image is in the receipt twice");
        rf_companion_element(out);
        rf_companion_add_image(out, &r->strings, &im->image);
        rf_buf_addf(out, ",\"result\":\"%s\"", im->by == RF_NO_ID ? "present" : "refused");
        if (im->by != RF_NO_ID) {
            rf_buf_add_char(out, ',');
            rf_companion_add_text(out, "by", rf_strings_get(&r->strings, im->by));
            rf_buf_add_char(out, ',');
            rf_companion_add_text(out, "reason", rf_strings_get(&r->strings, im->reason));
        }
        rf_buf_add_char(out, '}');
    }
    rf_companion_list_end(out);
    return rf_companion_end(out, RF_COMPANION_RECEIPT, err);
}

/* ---- reading ---- */

static int read_counts(void *ctx, const json_t *v, struct rf_err *err)
{
    if (!json_is_object(v))
        return rf_fail(err, RFE_INVALID, "not an object");
    for (size_t i = 0; i < RF_ARRAY_LEN(counts); i++) {
        int rc = rf_json_u64(v, counts[i].key, "", RF_JSON_REQUIRED, count_of(ctx, i), err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int read_refusal(struct rf_receipt *r, const json_t *v, struct rf_receipt_image *im,
                        struct rf_err *err)
{
    const char *by = "", *reason = "";
    int rc = rf_json_string(v, "by", "", RF_JSON_REQUIRED, &by, err);
    if (rc == 0)
        rc = rf_json_string(v, "reason", "", RF_JSON_REQUIRED, &reason, err);
    if (rc == 0 && (strlen(by) > 64 || strlen(reason) > REASON_MAX))
        rc = rf_fail(err, RFE_INVALID, "by or reason: too long");
    if (rc < 0)
        return rc;
    im->by = rf_strings_add(&r->strings, rf_slice_str(by));
    im->reason = rf_strings_add(&r->strings, rf_slice_str(reason));
    return 0;
}

static int read_image(void *ctx, const json_t *v, struct rf_err *err)
{
    struct rf_receipt *r = ctx;
    struct rf_receipt_image im = { .by = RF_NO_ID, .reason = RF_NO_ID };
    const char *result = "";
    int rc = rf_companion_image_read(v, &r->strings, &im.image, err);
    if (rc == 0)
        rc = rf_json_string(v, "result", "", RF_JSON_REQUIRED, &result, err);
    if (rc < 0)
        return rc;
    if (strcmp(result, "refused") == 0)
        rc = read_refusal(r, v, &im, err);
    else if (strcmp(result, "present") != 0)
        rc = rf_fail(err, RFE_INVALID, "result: neither present nor refused");
    if (rc == 0 && r->n > 0 && image_cmp(r, &r->images[r->n - 1], &im) >= 0)
        rc = rf_fail(err, RFE_INVALID, "twice or out of order");
    if (rc == 0)
        add(r, &im);
    return rc;
}

static const struct rf_companion_member members[] = {
    { .key = "receiptVersion" },
    RF_COMPANION_FIELD("site", RF_COMPANION_SITE, struct rf_receipt, site),
    RF_COMPANION_FIELD("chain", RF_COMPANION_CHAIN, struct rf_receipt, chain),
    RF_COMPANION_FIELD("bundle", RF_COMPANION_DIGEST, struct rf_receipt, bundle),
    RF_COMPANION_FIELD("sequence", RF_COMPANION_NUMBER, struct rf_receipt, sequence),
    RF_COMPANION_FIELD("snapshot", RF_COMPANION_DIGEST, struct rf_receipt, snapshot),
    RF_COMPANION_FIELD("destination", RF_COMPANION_NAME, struct rf_receipt, destination),
    RF_COMPANION_FIELD("time", RF_COMPANION_TIME, struct rf_receipt, time),
    RF_COMPANION_FIELD("tool", RF_COMPANION_TOOL, struct rf_receipt, tool),
    { .key = "counts", .read = read_counts },
    { .key = "images", .list = true, .read = read_image },
};

int rf_receipt_load(struct rf_receipt *r, const char *path, struct rf_err *err)
{
    return rf_companion_load(path, RF_COMPANION_RECEIPT, members, RF_ARRAY_LEN(members), r, err);
}
