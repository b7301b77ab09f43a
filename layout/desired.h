/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A desired state: one line for each tag, manifest wanted by digest, referrer and digest tag. It is what a bundle brings about
 * (`images` of bundle.json) and what a snapshot remembers. Compact: strings are kept once, digests in one array.
 */
#ifndef RF_LAYOUT_DESIRED_H
#define RF_LAYOUT_DESIRED_H

#include "base/idmap.h"
#include "base/json.h"
#include "base/stream.h"

enum rf_image_status {
    RF_IMAGE_NEW,       /* no base has a line for this repository and tag */
    RF_IMAGE_CHANGED,   /* the base has it with another digest */
    RF_IMAGE_UNCHANGED, /* the base has exactly this line */
    RF_IMAGE_REMOVED,   /* the base has it, the desired state does not: not part of the snapshot */
    RF_IMAGE_HELD,      /* could not be fetched; the base's line stands */
};
const char *rf_image_status_name(enum rf_image_status s);

struct rf_image {
    struct rf_digest digest;
    uint64_t size;                                /* of the manifest */
    uint32_t source, repository, tag, media_type; /* in strings; tag "" = none */
    uint32_t first_child, n_children; /* chosen children, in digests; none = all of them */
    uint32_t
        original; /* in digests: the index that this one was pruned from; RF_NO_ID = not pruned */
    uint32_t first_blob, n_blobs; /* snapshots: the closure, in the snapshot's items; else 0 */
    uint32_t rule;  /* the maker's: which of its rules decided, 0 = not said; in no document */
    uint8_t status; /* enum rf_image_status */
};

struct rf_desired {
    struct rf_strings strings;
    struct rf_image *images;
    size_t n, cap;
    struct rf_digest *digests;
    size_t n_digests, cap_digests;
};
void rf_desired_init(struct rf_desired *d);
void rf_desired_release(struct rf_desired *d);
/* Appends a copy of `image`, whose strings and digests are numbered in `from` (may be d itself). Returns its index. */
size_t rf_desired_add(struct rf_desired *d, const struct rf_desired *from,
                      const struct rf_image *image);
/* Numbers digests into d->digests, returns the first's index. */
uint32_t rf_desired_add_digests(struct rf_desired *d, const struct rf_digest *list, size_t n);
static inline const char *rf_desired_str(const struct rf_desired *d, uint32_t id)
{
    return rf_strings_get(&d->strings, id);
}
static inline bool rf_image_is_wanted(const struct rf_image *i)
{
    return i->status != RF_IMAGE_REMOVED;
}
static inline bool rf_image_travels(const struct rf_image *i)
{
    return i->status == RF_IMAGE_NEW || i->status == RF_IMAGE_CHANGED;
}
/* Orders by repository, tag, digest. Afterwards rf_desired_find works. Two lines of one key are -RFE_INVALID. */
RF_MUST_USE int rf_desired_sort(struct rf_desired *d, struct rf_err *err);
/* -RFE_INVALID unless the lines stand as rf_desired_sort would put them. */
RF_MUST_USE int rf_desired_check_sorted(const struct rf_desired *d, struct rf_err *err);
/* The line of (repository, tag), or with an empty tag of (repository, digest); NULL when absent. d is sorted. */
const struct rf_image *rf_desired_find(const struct rf_desired *d, const char *repository,
                                       const char *tag, const struct rf_digest *digest);
/* Equal in all that the snapshot covers: repository, tag, digest, media type, chosen children. */
bool rf_image_same(const struct rf_desired *da, const struct rf_image *a,
                   const struct rf_desired *db, const struct rf_image *b);
/* "repository:tag" or "repository@digest". Appended. */
void rf_image_name(const struct rf_desired *d, const struct rf_image *i, struct rf_buf *out);

/* SHA-256 over the wanted lines, sorted (docs/bundle-format.md, "snapshot"). */
void rf_desired_snapshot(const struct rf_desired *d, struct rf_digest *out);

/* One line as a JSON object, without LF; `status` is left out when !with_status. Appended. */
void rf_image_json(const struct rf_desired *d, const struct rf_image *i, bool with_status,
                   struct rf_buf *out);
/* The reverse, every field checked; appended to d. -RFE_INVALID, -RFE_TOO_LARGE. */
RF_MUST_USE int rf_image_from_json(struct rf_desired *d, const json_t *obj, bool with_status,
                                   struct rf_err *err);

#endif
