/* SPDX-License-Identifier: Apache-2.0 */
/* What has to hold across the lines of a bundle.json, for those that we read as for those that we write. */
#include "layout/bundle.h"

#include "base/mem.h"
#include "base/text.h"
#include "layout/bundle_retain.h"
#include "manifests/manifest.h"
#include "manifests/reference.h"

static bool is_sha256(const struct rf_digest *d)
{
    return d->algo == RF_DIGEST_SHA256;
}

static int check_header(const struct rf_bundle *b, struct rf_err *err)
{
    uint8_t chain[RF_CHAIN_HEX / 2];
    if (!rf_site_valid(rf_slice_str(b->site)))
        return rf_fail(err, RFE_INVALID, "site: not a site name");
    if (!rf_hex_decode(rf_slice_str(b->chain), chain, sizeof(chain)))
        return rf_fail(err, RFE_INVALID, "chain: not %d hexadecimal digits", RF_CHAIN_HEX);
    if (b->sequence == 0 || b->sequence > INT64_MAX)
        return rf_fail(err, RFE_INVALID, "sequence: not a positive integer");
    if (rf_digest_is_set(&b->parent) && !is_sha256(&b->parent))
        return rf_fail(err, RFE_INVALID, "parent: not a SHA-256 digest");
    if (rf_bundle_is_repair(b) && !is_sha256(&b->repairs))
        return rf_fail(err, RFE_INVALID, "repairs: not a SHA-256 digest");
    if (rf_bundle_is_repair(b) && b->n_bases == 0)
        return rf_fail(err, RFE_INVALID, "bases: a repair bundle has at least one");
    if (b->tool == NULL || strlen(b->tool) > RF_BUNDLE_TOOL_MAX ||
        !rf_text_is_utf8(rf_slice_str(b->tool)))
        return rf_fail(err, RFE_INVALID, "tool: not a short string");
    for (size_t i = 0; i < b->n_bases; i++) {
        if (!is_sha256(&b->bases[i]))
            return rf_fail(err, RFE_INVALID, "bases[%zu]: not a SHA-256 digest", i);
        if (i > 0 && rf_digest_cmp(&b->bases[i - 1], &b->bases[i]) >= 0)
            return rf_fail(err, RFE_INVALID, "bases[%zu]: twice or out of order", i);
    }
    return 0;
}

static int check_repositories(const struct rf_bundle *b, struct rf_err *err)
{
    if (b->n_repositories > RF_BUNDLE_REPOSITORIES_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "repositories: more than %u",
                       RF_BUNDLE_REPOSITORIES_MAX);
    const char *last = "";
    for (size_t i = 0; i < b->n_repositories; i++) {
        const char *name = rf_desired_str(&b->desired, b->repositories[i]);
        if (!rf_repository_valid(rf_slice_str(name)))
            return rf_fail(err, RFE_INVALID, "repositories[%zu]: not a repository name", i);
        if (strcmp(last, name) >= 0)
            return rf_fail(err, RFE_INVALID, "repositories[%zu]: twice or out of order", i);
        last = name;
    }
    return 0;
}

int rf_hole_cmp(const struct rf_desired *d, const struct rf_hole *a, const struct rf_hole *b)
{
    int c = strcmp(rf_desired_str(d, a->repository), rf_desired_str(d, b->repository));
    if (c == 0)
        c = strcmp(rf_desired_str(d, a->tag), rf_desired_str(d, b->tag));
    if (c == 0)
        c = strcmp(rf_desired_str(d, a->source), rf_desired_str(d, b->source));
    return c != 0 ? c : strcmp(rf_desired_str(d, a->reason), rf_desired_str(d, b->reason));
}

static bool is_utf8(const struct rf_desired *d, uint32_t string)
{
    return rf_text_is_utf8(rf_slice_str(rf_desired_str(d, string)));
}

static int check_holes(const struct rf_bundle *b, struct rf_err *err)
{
    const struct rf_desired *d = &b->desired;
    for (size_t i = 0; i < b->n_holes; i++) {
        const struct rf_hole *h = &b->holes[i];
        const char *tag = rf_desired_str(d, h->tag);
        if (!rf_repository_valid(rf_slice_str(rf_desired_str(d, h->repository))))
            return rf_fail(err, RFE_INVALID, "holes[%zu].repository: not a repository name", i);
        if (tag[0] != '\0' && !rf_tag_valid(rf_slice_str(tag)))
            return rf_fail(err, RFE_INVALID, "holes[%zu].tag: not a tag", i);
        if (!is_utf8(d, h->source) || !is_utf8(d, h->reason))
            return rf_fail(err, RFE_INVALID, "holes[%zu]: not UTF-8", i);
        if (i > 0 && rf_hole_cmp(d, &b->holes[i - 1], h) >= 0)
            return rf_fail(err, RFE_INVALID, "holes[%zu]: twice or out of order", i);
    }
    return 0;
}

int rf_bundle_refused_cmp(const struct rf_desired *d, const struct rf_bundle_refused *a,
                          const struct rf_bundle_refused *b)
{
    int c = strcmp(rf_desired_str(d, a->repository), rf_desired_str(d, b->repository));
    if (c == 0)
        c = strcmp(rf_desired_str(d, a->tag), rf_desired_str(d, b->tag));
    return c != 0 ? c : rf_digest_cmp(&a->digest, &b->digest);
}

/* What was refused does not travel under the same name. */
static int check_refused(const struct rf_bundle *b, struct rf_err *err)
{
    const struct rf_desired *d = &b->desired;
    for (size_t i = 0; i < b->n_refused; i++) {
        const struct rf_bundle_refused *r = &b->refused[i];
        const char *repository = rf_desired_str(d, r->repository), *tag = rf_desired_str(d, r->tag);
        if (!rf_repository_valid(rf_slice_str(repository)))
            return rf_fail(err, RFE_INVALID, "refused[%zu].repository: not a repository name", i);
        if (tag[0] != '\0' && !rf_tag_valid(rf_slice_str(tag)))
            return rf_fail(err, RFE_INVALID, "refused[%zu].tag: not a tag", i);
        if (!is_utf8(d, r->source) || !is_utf8(d, r->reason))
            return rf_fail(err, RFE_INVALID, "refused[%zu]: not UTF-8", i);
        if (i > 0 && rf_bundle_refused_cmp(d, r - 1, r) >= 0)
            return rf_fail(err, RFE_INVALID, "refused[%zu]: twice or out of order", i);
        const struct rf_image *line = rf_desired_find(d, repository, tag, &r->digest);
        if (line != NULL && rf_image_travels(line))
            return rf_fail(err, RFE_INVALID, "refused[%zu]: it travels nevertheless", i);
    }
    return 0;
}

const struct rf_bundle_refused *rf_bundle_find_refused(const struct rf_bundle *b,
                                                       const char *repository, const char *tag,
                                                       const struct rf_digest *digest)
{
    const struct rf_desired *d = &b->desired;
    size_t lo = 0, hi = b->n_refused;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const struct rf_bundle_refused *r = &b->refused[mid];
        int c = strcmp(rf_desired_str(d, r->repository), repository);
        if (c == 0)
            c = strcmp(rf_desired_str(d, r->tag), tag);
        if (c == 0 && tag[0] == '\0')
            c = rf_digest_cmp(&r->digest, digest);
        if (c == 0)
            return r;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

/* ---- blobs ---- */

static int check_list(const struct rf_bundle *b, uint32_t first, uint32_t n, const char *key,
                      struct rf_err *err)
{
    if (n == 0 || n > b->n_lists || first > b->n_lists - n)
        return rf_fail(err, RFE_INVALID, "%s: empty", key);
    for (uint32_t i = 0; i < n; i++) {
        if (b->lists[first + i] >= b->n_repositories)
            return rf_fail(err, RFE_INVALID, "%s[%u]: not a repository's number", key, i);
        if (i > 0 && b->lists[first + i - 1] >= b->lists[first + i])
            return rf_fail(err, RFE_INVALID, "%s[%u]: twice or out of order", key, i);
    }
    return 0;
}

static int check_blob(const struct rf_bundle *b, const struct rf_bundle_blob *blob,
                      struct rf_err *err)
{
    const char *media_type = rf_desired_str(&b->desired, blob->media_type);
    /* the reverse may be: an artifact can have a document of that type as a layer */
    if (blob->kind == RF_BLOB_MANIFEST && !rf_media_is_manifest(media_type))
        return rf_fail(err, RFE_INVALID, "its kind does not go with media type %s", media_type);
    if (blob->kind == RF_BLOB_MANIFEST && (blob->size == 0 || blob->size > RF_MANIFEST_MAX))
        return rf_fail(err, RFE_INVALID, "size: a manifest has 1 to %u bytes", RF_MANIFEST_MAX);
    if (blob->size > RF_BLOB_SIZE_MAX)
        return rf_fail(err, RFE_INVALID, "size: beyond reason");
    int rc = check_list(b, blob->first_repo, blob->n_repos, "repositories", err);
    if (rc < 0 || blob->travel == RF_TRAVEL_CARRIED)
        return rc;
    if (b->n_bases == 0)
        return rf_fail(err, RFE_INVALID, "travel: assumed, but the bundle has no base");
    return check_list(b, blob->first_from, blob->n_from, "from", err);
}

/* Order, duplicates and each line. The same digest under two kinds is not neighbours, so it is looked for. */
static int check_blobs(const struct rf_bundle *b, struct rf_err *err)
{
    uint64_t sum = 0;
    char text[RF_DIGEST_TEXT];
    for (size_t i = 0; i < b->n_blobs; i++) {
        const struct rf_bundle_blob *blob = &b->blobs[i];
        if (i > 0 && rf_bundle_blob_cmp(blob - 1, blob) >= 0)
            return rf_fail(err, RFE_INVALID, "blob %s: twice or out of order",
                           rf_digest_text(&blob->digest, text));
        int rc = check_blob(b, blob, err);
        if (rc < 0)
            return rf_wrap(err, rc, "blob %s", rf_digest_text(&blob->digest, text));
        if (blob->travel == RF_TRAVEL_CARRIED && __builtin_add_overflow(sum, blob->size, &sum))
            return rf_fail(err, RFE_INVALID, "blobs: the sizes add up beyond reason");
    }
    for (size_t i = 0; i < b->n_blobs; i++)
        if (rf_bundle_find(b, &b->blobs[i].digest) != &b->blobs[i])
            return rf_fail(err, RFE_INVALID, "blob %s: listed under two kinds",
                           rf_digest_text(&b->blobs[i].digest, text));
    return 0;
}

/* ---- images ---- */

/* number[string] is 1 + the string's place in the table of repositories. */
static bool is_listed_for(const struct rf_bundle *b, const struct rf_bundle_blob *blob,
                          const uint32_t *number, uint32_t repository)
{
    const uint32_t *list = b->lists + blob->first_repo;
    uint32_t lo = 0, hi = blob->n_repos, want = number[repository];
    while (want > 0 && lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (list[mid] == want - 1)
            return true;
        if (list[mid] < want - 1)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

static int check_travelling(const struct rf_bundle *b, const struct rf_image *im,
                            const uint32_t *number, struct rf_err *err)
{
    const struct rf_desired *d = &b->desired;
    const struct rf_bundle_blob *blob = rf_bundle_find(b, &im->digest);
    if (blob == NULL || blob->kind != RF_BLOB_MANIFEST || blob->size != im->size ||
        blob->media_type != im->media_type || !is_listed_for(b, blob, number, im->repository))
        return rf_fail(err, RFE_INVALID, "it is not among the blobs as it should be");
    for (uint32_t i = 0; i < im->n_children; i++) {
        char text[RF_DIGEST_TEXT];
        const struct rf_digest *child = &d->digests[im->first_child + i];
        blob = rf_bundle_find(b, child);
        if (blob == NULL || !is_listed_for(b, blob, number, im->repository))
            return rf_fail(err, RFE_INVALID, "its child %s is not among the blobs as it should be",
                           rf_digest_text(child, text));
    }
    return 0;
}

static int check_image(const struct rf_bundle *b, const struct rf_image *im, const uint32_t *number,
                       struct rf_err *err)
{
    if (!is_utf8(&b->desired, im->source))
        return rf_fail(err, RFE_INVALID, "source: not UTF-8");
    if (b->n_bases == 0 && im->status != RF_IMAGE_NEW)
        return rf_fail(err, RFE_INVALID, "status: %s, but the bundle has no base",
                       rf_image_status_name(im->status));
    if (rf_bundle_is_repair(b) && im->status != RF_IMAGE_UNCHANGED)
        return rf_fail(err, RFE_INVALID, "status: %s, but a repair bundle changes no image",
                       rf_image_status_name(im->status));
    return rf_image_travels(im) ? check_travelling(b, im, number, err) : 0;
}

static int check_images(const struct rf_bundle *b, struct rf_err *err)
{
    const struct rf_desired *d = &b->desired;
    int rc = rf_desired_check_sorted(d, err);
    if (rc < 0)
        return rf_wrap(err, rc, "images");
    RF_CLEANUP(rf_freep) uint32_t *number = rf_xcalloc(d->strings.len + 1, sizeof(*number));
    for (size_t i = 0; i < b->n_repositories; i++)
        number[b->repositories[i]] = (uint32_t)i + 1;
    for (size_t i = 0; i < d->n; i++) {
        rc = check_image(b, &d->images[i], number, err);
        if (rc == 0)
            continue;
        RF_CLEANUP(rf_buf_release) struct rf_buf name;
        rf_buf_init(&name, 1024);
        rf_image_name(d, &d->images[i], &name);
        return rf_wrap(err, rc, "image %s", name.ptr);
    }
    return 0;
}

int rf_bundle_check(const struct rf_bundle *b, struct rf_err *err)
{
    int rc = check_header(b, err);
    if (rc == 0)
        rc = check_repositories(b, err);
    if (rc == 0)
        rc = check_holes(b, err);
    if (rc == 0)
        rc = check_blobs(b, err);
    if (rc == 0)
        rc = check_images(b, err);
    if (rc == 0)
        rc = check_refused(b, err);
    return rc < 0 ? rc : rf_bundle_check_retain(b, err);
}
