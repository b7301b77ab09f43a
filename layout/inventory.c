/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/inventory.h"

#include "base/mem.h"
#include "base/text.h"
#include "manifests/manifest.h"

#define REASON_MAX 4096u

static const char *const kind_names[] = { "manifest", "config", "layer" };

void rf_inventory_init(struct rf_inventory *v)
{
    memset(v, 0, sizeof(*v));
    rf_snapshot_init(&v->snapshot);
    v->snapshot.stock = true;
    rf_strings_init(&v->strings);
}

void rf_inventory_release(struct rf_inventory *v)
{
    rf_snapshot_release(&v->snapshot);
    rf_strings_release(&v->strings);
    free(v->destination);
    free(v->time);
    free(v->tool);
    free(v->unwhole);
    memset(v, 0, sizeof(*v));
}

static void add_unwhole(struct rf_inventory *v, const struct rf_unwhole *u)
{
    v->unwhole = rf_grow(v->unwhole, v->n_unwhole, &v->cap_unwhole, sizeof(*v->unwhole));
    v->unwhole[v->n_unwhole++] = *u;
}

void rf_inventory_add_unwhole(struct rf_inventory *v, const char *repository, const char *tag,
                              const struct rf_digest *digest, const char *reason)
{
    struct rf_unwhole u = { .image.digest = *digest };
    size_t len = rf_text_boundary(rf_slice_str(reason), REASON_MAX);
    u.image.repository = rf_strings_add(&v->strings, rf_slice_str(repository));
    u.image.tag = rf_strings_add(&v->strings, rf_slice_str(tag));
    u.reason = rf_strings_add(&v->strings, rf_slice_of(reason, len));
    add_unwhole(v, &u);
}

static int compare_unwhole(const void *a, const void *b, void *ctx)
{
    const struct rf_inventory *v = ctx;
    const struct rf_unwhole *x = a, *y = b;
    return rf_companion_image_cmp(&v->strings, &x->image, &y->image);
}

/* ---- writing ---- */

static void put_header(const struct rf_inventory *v, struct rf_buf *out)
{
    rf_companion_begin(out, RF_COMPANION_INVENTORY);
    rf_companion_key(out, "site");
    rf_json_add_string(out, v->snapshot.site);
    rf_buf_add_str(out, ",\n");
    rf_companion_add_digest(out, "snapshot", &v->snapshot.id);
    rf_companion_key(out, "destination");
    rf_json_add_string(out, v->destination != NULL ? v->destination : "");
    rf_companion_key(out, "time");
    rf_json_add_string(out, v->time != NULL ? v->time : "");
    rf_companion_key(out, "tool");
    rf_json_add_string(out, v->tool != NULL ? v->tool : "");
}

static void put_blobs(const struct rf_snapshot *s, struct rf_buf *out)
{
    rf_companion_list(out, "blobs");
    for (size_t i = 0; i < s->n_blobs; i++) {
        const struct rf_snapshot_blob *b = &s->blobs[i];
        rf_companion_element(out);
        rf_buf_add_char(out, '{');
        rf_companion_add_digest(out, "digest", &b->digest);
        rf_buf_addf(out, ",\"size\":%llu,\"kind\":\"%s\",", (unsigned long long)b->size,
                    kind_names[b->kind]);
        rf_companion_add_text(out, "mediaType", rf_desired_str(&s->desired, b->media_type));
        rf_buf_add_char(out, '}');
    }
    rf_companion_list_end(out);
}

static void put_images(const struct rf_snapshot *s, struct rf_buf *out)
{
    rf_companion_list(out, "images");
    for (size_t i = 0; i < s->desired.n; i++) {
        const struct rf_image *im = &s->desired.images[i];
        rf_companion_element(out);
        rf_buf_add_str(out, "{\"image\":");
        rf_image_json(&s->desired, im, false, out);
        rf_buf_add_str(out, ",\"blobs\":[");
        for (uint32_t k = 0; k < im->n_blobs; k++)
            rf_buf_addf(out, "%s%u", k > 0 ? "," : "", s->items[im->first_blob + k]);
        rf_buf_add_str(out, "]}");
    }
    rf_companion_list_end(out);
}

int rf_inventory_write(struct rf_inventory *v, struct rf_buf *out, struct rf_err *err)
{
    int rc = rf_snapshot_seal(&v->snapshot, err);
    if (rc < 0)
        return rc;
    if (v->n_unwhole > 1)
        qsort_r(v->unwhole, v->n_unwhole, sizeof(*v->unwhole), compare_unwhole, v);
    put_header(v, out);
    put_blobs(&v->snapshot, out);
    put_images(&v->snapshot, out);
    rf_companion_list(out, "unwhole");
    for (size_t i = 0; i < v->n_unwhole; i++) {
        rf_companion_element(out);
        rf_companion_add_image(out, &v->strings, &v->unwhole[i].image);
        rf_buf_add_char(out, ',');
        rf_companion_add_text(out, "reason", rf_strings_get(&v->strings, v->unwhole[i].reason));
        rf_buf_add_char(out, '}');
    }
    rf_companion_list_end(out);
    return rf_companion_end(out, RF_COMPANION_INVENTORY, err);
}

/* ---- reading ---- */

static int read_blob(void *ctx, const json_t *v, struct rf_err *err)
{
    struct rf_snapshot *s = &((struct rf_inventory *)ctx)->snapshot;
    const char *kind = "", *media_type = "";
    struct rf_digest d;
    uint64_t size = 0;
    uint8_t k = 0;
    int rc = rf_companion_digest(json_object_get(v, "digest"), &d, err);
    if (rc == 0)
        rc = rf_json_u64(v, "size", "", RF_JSON_REQUIRED, &size, err);
    if (rc == 0)
        rc = rf_json_string(v, "kind", "", RF_JSON_REQUIRED, &kind, err);
    if (rc == 0)
        rc = rf_json_string(v, "mediaType", "", RF_JSON_REQUIRED, &media_type, err);
    if (rc < 0)
        return rc;
    while (k < RF_ARRAY_LEN(kind_names) && strcmp(kind, kind_names[k]) != 0)
        k++;
    if (k == RF_ARRAY_LEN(kind_names))
        return rf_fail(err, RFE_INVALID, "kind: unknown value");
    bool manifest = k == RF_BLOB_MANIFEST;
    if (size > RF_BLOB_SIZE_MAX || manifest != rf_media_is_manifest(media_type) ||
        (manifest && (size == 0 || size > RF_MANIFEST_MAX)))
        return rf_fail(err, RFE_INVALID, "its size, kind and media type do not go together");
    if (s->n_blobs >= RF_NO_ID - 1)
        return rf_fail(err, RFE_INVALID, "too many blobs");
    size_t before = s->n_blobs;
    if (rf_snapshot_add_blob(s, &d, size, media_type, k) != before)
        return rf_fail(err, RFE_INVALID, "it stands twice");
    return 0;
}

/* The image's manifest is among its blobs, as its line says. */
static bool has_itself(const struct rf_snapshot *s, const struct rf_image *im)
{
    for (uint32_t i = 0; i < im->n_blobs; i++) {
        const struct rf_snapshot_blob *b = &s->blobs[s->items[im->first_blob + i]];
        if (rf_digest_eq(&b->digest, &im->digest))
            return b->kind == RF_BLOB_MANIFEST && b->size == im->size &&
                   b->media_type == im->media_type;
    }
    return false;
}

static int read_image(void *ctx, const json_t *v, struct rf_err *err)
{
    struct rf_snapshot *s = &((struct rf_inventory *)ctx)->snapshot;
    const json_t *image = NULL, *blobs = NULL;
    int rc = rf_json_object(v, "image", "", RF_JSON_REQUIRED, &image, err);
    if (rc == 0)
        rc = rf_json_array(v, "blobs", "", RF_JSON_REQUIRED, RF_SNAPSHOT_CLOSURE_MAX, &blobs, err);
    if (rc == 0)
        rc = rf_image_from_json(&s->desired, image, false, err);
    if (rc < 0)
        return rc;
    struct rf_image *im = &s->desired.images[s->desired.n - 1];
    im->first_blob = (uint32_t)s->n_items;
    im->n_blobs = (uint32_t)json_array_size(blobs);
    for (size_t i = 0; i < json_array_size(blobs); i++) {
        const json_t *item = json_array_get(blobs, i);
        json_int_t id = json_is_integer(item) ? json_integer_value(item) : -1;
        if (id < 0 || (uint64_t)id >= s->n_blobs) {
            im->n_blobs = 0;
            return rf_fail(err, RFE_INVALID, "blobs[%zu]: not a blob's number", i);
        }
        rf_snapshot_add_item(s, (uint32_t)id);
    }
    return has_itself(s, im) ? 0 : rf_fail(err, RFE_INVALID, "its manifest is not among its blobs");
}

static int read_unwhole(void *ctx, const json_t *obj, struct rf_err *err)
{
    struct rf_inventory *v = ctx;
    struct rf_unwhole u = { 0 };
    const char *reason = "";
    int rc = rf_companion_image_read(obj, &v->strings, &u.image, err);
    if (rc == 0)
        rc = rf_json_string(obj, "reason", "", RF_JSON_REQUIRED, &reason, err);
    if (rc < 0)
        return rc;
    if (strlen(reason) > REASON_MAX)
        return rf_fail(err, RFE_INVALID, "reason: more than %u bytes", REASON_MAX);
    u.reason = rf_strings_add(&v->strings, rf_slice_str(reason));
    if (v->n_unwhole > 0 && compare_unwhole(&v->unwhole[v->n_unwhole - 1], &u, v) >= 0)
        return rf_fail(err, RFE_INVALID, "twice or out of order");
    add_unwhole(v, &u);
    return 0;
}

static const struct rf_companion_member members[] = {
    { .key = "inventoryVersion" },
    RF_COMPANION_FIELD("site", RF_COMPANION_SITE, struct rf_inventory, snapshot.site),
    RF_COMPANION_FIELD("snapshot", RF_COMPANION_DIGEST, struct rf_inventory, snapshot.id),
    RF_COMPANION_FIELD("destination", RF_COMPANION_NAME, struct rf_inventory, destination),
    RF_COMPANION_FIELD("time", RF_COMPANION_TIME, struct rf_inventory, time),
    RF_COMPANION_FIELD("tool", RF_COMPANION_TOOL, struct rf_inventory, tool),
    { .key = "blobs", .list = true, .read = read_blob },
    { .key = "images", .list = true, .read = read_image },
    { .key = "unwhole", .list = true, .read = read_unwhole },
};

int rf_inventory_load(struct rf_inventory *v, const char *path, struct rf_err *err)
{
    struct rf_digest told;
    int rc =
        rf_companion_load(path, RF_COMPANION_INVENTORY, members, RF_ARRAY_LEN(members), v, err);
    if (rc == 0) {
        rc = rf_desired_check_sorted(&v->snapshot.desired, err);
        if (rc < 0)
            return rf_wrap(err, rc, "inventory %s: images", path);
    }
    if (rc < 0)
        return rc;
    rf_desired_snapshot(&v->snapshot.desired, &told);
    if (!rf_digest_eq(&told, &v->snapshot.id))
        return rf_fail(err, RFE_INVALID, "inventory %s: its images are not those of its snapshot",
                       path);
    return 0;
}
