/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/desired.h"

#include "base/mem.h"
#include "manifests/manifest.h"
#include "manifests/reference.h"

static const char *const status_names[] = { "new", "changed", "unchanged", "removed", "held" };

const char *rf_image_status_name(enum rf_image_status s)
{
    return status_names[s];
}

void rf_desired_init(struct rf_desired *d)
{
    memset(d, 0, sizeof(*d));
    rf_strings_init(&d->strings);
}

void rf_desired_release(struct rf_desired *d)
{
    rf_strings_release(&d->strings);
    free(d->images);
    free(d->digests);
    memset(d, 0, sizeof(*d));
}

uint32_t rf_desired_add_digests(struct rf_desired *d, const struct rf_digest *list, size_t n)
{
    uint32_t first = (uint32_t)d->n_digests;
    for (size_t i = 0; i < n; i++) {
        struct rf_digest one = list[i]; /* the list may be d->digests itself, which moves */
        d->digests = rf_grow(d->digests, d->n_digests, &d->cap_digests, sizeof(*d->digests));
        d->digests[d->n_digests++] = one;
    }
    return first;
}

static uint32_t copy_string(struct rf_desired *d, const struct rf_desired *from, uint32_t id)
{
    return d == from ? id : rf_strings_add(&d->strings, rf_slice_str(rf_desired_str(from, id)));
}

size_t rf_desired_add(struct rf_desired *d, const struct rf_desired *from,
                      const struct rf_image *image)
{
    struct rf_image copy = *image;
    copy.source = copy_string(d, from, image->source);
    copy.repository = copy_string(d, from, image->repository);
    copy.tag = copy_string(d, from, image->tag);
    copy.media_type = copy_string(d, from, image->media_type);
    if (d != from && image->n_children > 0)
        copy.first_child =
            rf_desired_add_digests(d, from->digests + image->first_child, image->n_children);
    if (d != from && image->original != RF_NO_ID)
        copy.original = rf_desired_add_digests(d, from->digests + image->original, 1);
    d->images = rf_grow(d->images, d->n, &d->cap, sizeof(*d->images));
    d->images[d->n] = copy;
    return d->n++;
}

static int compare_key(const struct rf_desired *d, const struct rf_image *i, const char *repository,
                       const char *tag, const struct rf_digest *digest)
{
    int c = strcmp(rf_desired_str(d, i->repository), repository);
    if (c == 0)
        c = strcmp(rf_desired_str(d, i->tag), tag);
    if (c == 0 && tag[0] == '\0')
        c = rf_digest_cmp(&i->digest, digest);
    return c;
}

static int compare_images(const void *a, const void *b, void *ctx)
{
    const struct rf_desired *d = ctx;
    const struct rf_image *ib = b;
    return compare_key(d, a, rf_desired_str(d, ib->repository), rf_desired_str(d, ib->tag),
                       &ib->digest);
}

int rf_desired_sort(struct rf_desired *d, struct rf_err *err)
{
    if (d->n > 0)
        qsort_r(d->images, d->n, sizeof(*d->images), compare_images, d);
    return rf_desired_check_sorted(d, err);
}

int rf_desired_check_sorted(const struct rf_desired *d, struct rf_err *err)
{
    for (size_t i = 1; i < d->n; i++) {
        const struct rf_image *above = &d->images[i - 1], *here = &d->images[i];
        int c = compare_key(d, above, rf_desired_str(d, here->repository),
                            rf_desired_str(d, here->tag), &here->digest);
        if (c < 0)
            continue;
        RF_CLEANUP(rf_buf_release) struct rf_buf name;
        rf_buf_init(&name, 1024);
        rf_image_name(d, here, &name);
        return rf_fail(err, RFE_INVALID, "%s %s", name.ptr,
                       c == 0 ? "is listed twice" : "is out of order");
    }
    return 0;
}

const struct rf_image *rf_desired_find(const struct rf_desired *d, const char *repository,
                                       const char *tag, const struct rf_digest *digest)
{
    size_t lo = 0, hi = d->n;
    if (tag[0] == '\0' && digest == NULL)
        return NULL;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = compare_key(d, &d->images[mid], repository, tag, digest);
        if (c == 0)
            return &d->images[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

bool rf_image_same(const struct rf_desired *da, const struct rf_image *a,
                   const struct rf_desired *db, const struct rf_image *b)
{
    if (!rf_digest_eq(&a->digest, &b->digest) || a->n_children != b->n_children ||
        strcmp(rf_desired_str(da, a->repository), rf_desired_str(db, b->repository)) != 0 ||
        strcmp(rf_desired_str(da, a->tag), rf_desired_str(db, b->tag)) != 0 ||
        strcmp(rf_desired_str(da, a->media_type), rf_desired_str(db, b->media_type)) != 0)
        return false;
    for (size_t i = 0; i < a->n_children; i++)
        if (!rf_digest_eq(&da->digests[a->first_child + i], &db->digests[b->first_child + i]))
            return false;
    return true;
}

void rf_image_name(const struct rf_desired *d, const struct rf_image *i, struct rf_buf *out)
{
    const char *tag = rf_desired_str(d, i->tag);
    char text[RF_DIGEST_TEXT];
    if (tag[0] != '\0')
        rf_buf_addf(out, "%s:%s", rf_desired_str(d, i->repository), tag);
    else
        rf_buf_addf(out, "%s@%s", rf_desired_str(d, i->repository),
                    rf_digest_text(&i->digest, text));
}

void rf_desired_snapshot(const struct rf_desired *d, struct rf_digest *out)
{
    RF_CLEANUP(rf_hasher_freep) struct rf_hasher *h = rf_hasher_new(RF_DIGEST_SHA256);
    RF_CLEANUP(rf_buf_release) struct rf_buf line;
    rf_buf_init(&line, 0);
    char text[RF_DIGEST_TEXT];
    for (size_t i = 0; i < d->n; i++) {
        const struct rf_image *im = &d->images[i];
        if (!rf_image_is_wanted(im))
            continue;
        rf_buf_clear(&line);
        rf_buf_addf(&line, "%s\t%s\t%s\t%s\t", rf_desired_str(d, im->repository),
                    rf_desired_str(d, im->tag), rf_digest_text(&im->digest, text),
                    rf_desired_str(d, im->media_type));
        for (size_t c = 0; c < im->n_children; c++)
            rf_buf_addf(&line, "%s%s", c > 0 ? "," : "",
                        rf_digest_text(&d->digests[im->first_child + c], text));
        rf_buf_add_char(&line, '\n');
        rf_hasher_update(h, line.ptr, line.len);
    }
    rf_hasher_final(h, out);
}

static void add_member(struct rf_buf *out, const char *key, const char *value)
{
    rf_buf_addf(out, "\"%s\":", key);
    rf_json_add_string(out, value);
    rf_buf_add_char(out, ',');
}

void rf_image_json(const struct rf_desired *d, const struct rf_image *i, bool with_status,
                   struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT];
    rf_buf_add_char(out, '{');
    add_member(out, "repository", rf_desired_str(d, i->repository));
    add_member(out, "tag", rf_desired_str(d, i->tag));
    add_member(out, "digest", rf_digest_text(&i->digest, text));
    add_member(out, "mediaType", rf_desired_str(d, i->media_type));
    if (i->n_children > 0) {
        rf_buf_add_str(out, "\"children\":[");
        for (size_t c = 0; c < i->n_children; c++)
            rf_buf_addf(out, "%s\"%s\"", c > 0 ? "," : "",
                        rf_digest_text(&d->digests[i->first_child + c], text));
        rf_buf_add_str(out, "],");
    }
    if (i->original != RF_NO_ID)
        add_member(out, "original", rf_digest_text(&d->digests[i->original], text));
    if (with_status)
        add_member(out, "status", rf_image_status_name(i->status));
    add_member(out, "source", rf_desired_str(d, i->source));
    rf_buf_addf(out, "\"size\":%llu}", (unsigned long long)i->size);
}

static int read_children(struct rf_desired *d, const json_t *obj, struct rf_image *im,
                         struct rf_err *err)
{
    const json_t *list;
    int rc = rf_json_array(obj, "children", "", RF_JSON_OPTIONAL, RF_INDEX_ENTRIES_MAX, &list, err);
    if (rc < 0 || list == NULL)
        return rc;
    if (json_array_size(list) == 0)
        return rf_fail(err, RFE_INVALID, "children: empty");
    im->first_child = (uint32_t)d->n_digests;
    im->n_children = (uint32_t)json_array_size(list);
    for (size_t i = 0; i < im->n_children; i++) {
        const json_t *item = json_array_get(list, i);
        struct rf_digest one;
        if (!json_is_string(item))
            return rf_fail(err, RFE_INVALID, "children[%zu]: not a string", i);
        struct rf_slice text = rf_slice_of(json_string_value(item), json_string_length(item));
        if ((rc = rf_digest_parse(text, &one, err)) < 0)
            return rf_wrap(err, rc, "children[%zu]", i);
        rf_desired_add_digests(d, &one, 1);
    }
    return 0;
}

static int read_status(const json_t *obj, struct rf_image *im, struct rf_err *err)
{
    const char *text;
    int rc = rf_json_string(obj, "status", "", RF_JSON_REQUIRED, &text, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < RF_ARRAY_LEN(status_names); i++) {
        if (strcmp(text, status_names[i]) == 0) {
            im->status = (uint8_t)i;
            return 0;
        }
    }
    return rf_fail(err, RFE_INVALID, "status: unknown value %s", text);
}

static int read_names(struct rf_desired *d, const json_t *obj, struct rf_image *im,
                      struct rf_err *err)
{
    const char *repository = "", *tag = "", *media_type = "", *source = "";
    int rc = rf_json_string(obj, "repository", "", RF_JSON_REQUIRED, &repository, err);
    if (rc == 0)
        rc = rf_json_string(obj, "tag", "", RF_JSON_REQUIRED, &tag, err);
    if (rc == 0)
        rc = rf_json_string(obj, "mediaType", "", RF_JSON_REQUIRED, &media_type, err);
    if (rc == 0)
        rc = rf_json_string(obj, "source", "", RF_JSON_REQUIRED, &source, err);
    if (rc < 0)
        return rc;
    if (!rf_repository_valid(rf_slice_str(repository)))
        return rf_fail(err, RFE_INVALID, "repository: not a repository name: %s", repository);
    if (tag[0] != '\0' && !rf_tag_valid(rf_slice_str(tag)))
        return rf_fail(err, RFE_INVALID, "tag: not a tag: %s", tag);
    if (!rf_media_is_manifest(media_type))
        return rf_fail(err, RFE_INVALID, "mediaType: not that of a manifest: %s", media_type);
    im->repository = rf_strings_add(&d->strings, rf_slice_str(repository));
    im->tag = rf_strings_add(&d->strings, rf_slice_str(tag));
    im->media_type = rf_strings_add(&d->strings, rf_slice_str(media_type));
    im->source = rf_strings_add(&d->strings, rf_slice_str(source));
    return 0;
}

/* What only an index can have, and the size of a manifest. */
static int check_fields(const struct rf_desired *d, const struct rf_image *im,
                        const struct rf_digest *original, struct rf_err *err)
{
    bool pruned = rf_digest_is_set(original);
    if ((im->n_children > 0 || pruned) &&
        rf_media_kind(rf_desired_str(d, im->media_type)) != RF_KIND_INDEX)
        return rf_fail(err, RFE_INVALID, "%s: only an index has it",
                       pruned ? "original" : "children");
    if (im->n_children > 0 && pruned)
        return rf_fail(err, RFE_INVALID, "children and original exclude each other");
    if (pruned && rf_digest_eq(original, &im->digest))
        return rf_fail(err, RFE_INVALID, "original: the same as digest");
    if (im->size == 0 || im->size > RF_MANIFEST_MAX)
        return rf_fail(err, RFE_INVALID, "size: a manifest has 1 to %u bytes", RF_MANIFEST_MAX);
    return 0;
}

int rf_image_from_json(struct rf_desired *d, const json_t *obj, bool with_status,
                       struct rf_err *err)
{
    struct rf_image im = { .original = RF_NO_ID };
    struct rf_digest original;
    int rc = read_names(d, obj, &im, err);
    if (rc == 0)
        rc = rf_json_digest(obj, "digest", "", RF_JSON_REQUIRED, &im.digest, err);
    if (rc == 0)
        rc = read_children(d, obj, &im, err);
    if (rc == 0)
        rc = rf_json_digest(obj, "original", "", RF_JSON_OPTIONAL, &original, err);
    if (rc == 0)
        rc = rf_json_u64(obj, "size", "", RF_JSON_REQUIRED, &im.size, err);
    if (rc == 0 && with_status)
        rc = read_status(obj, &im, err);
    if (rc == 0)
        rc = check_fields(d, &im, &original, err);
    if (rc < 0)
        return rc;
    if (rf_digest_is_set(&original))
        im.original = rf_desired_add_digests(d, &original, 1);
    rf_desired_add(d, d, &im);
    return 0;
}
