/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index.json of an image layout (OCI image-spec, image-layout.md "index.json File"): read, searched, edited.
 * A parsed index never changes, so threads share it by counting; an edit gives a new one. What we do not know in it is kept.
 */
#ifndef RF_LAYOUT_OCI_INDEX_H
#define RF_LAYOUT_OCI_INDEX_H

#include "base/json.h"
#include "manifests/manifest.h"

#define RF_OCI_INDEX_MAX (64u << 20)
#define RF_OCI_INDEX_ENTRIES_MAX 100000
#define RF_ANNOTATION_REF_NAME "org.opencontainers.image.ref.name"
#define RF_ANNOTATION_CREATED "org.opencontainers.image.created"
#define RF_OCI_LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"

struct rf_oci_entry {
    struct rf_digest digest;
    uint64_t size;
    const char *media_type; /* or NULL */
    const char *name;       /* the annotation ref.name, or NULL */
};
struct rf_oci_index {
    struct rf_oci_entry *entries;
    size_t n;
    json_t *doc;
    struct rf_oci_hidden *hidden; /* of oci_index.c */
};

/* The text of the file `oci-layout`. -RFE_INVALID, -RFE_UNSUPPORTED for another version. */
RF_MUST_USE int rf_oci_layout_check(struct rf_slice text, struct rf_err *err);

/* *out: rf_oci_index_unref. */
RF_MUST_USE int rf_oci_index_parse(struct rf_slice bytes, struct rf_oci_index **out,
                                   struct rf_err *err);
struct rf_oci_index *rf_oci_index_empty(void);
struct rf_oci_index *rf_oci_index_ref(struct rf_oci_index *ix);
void rf_oci_index_unref(struct rf_oci_index *ix);
void rf_oci_index_unrefp(struct rf_oci_index **ix);
/* Appends the document, compact, as upstream writes it. */
void rf_oci_index_format(const struct rf_oci_index *ix, struct rf_buf *out);
/* Entry i in full. *out: the caller releases. */
RF_MUST_USE int rf_oci_index_descriptor(const struct rf_oci_index *ix, size_t i,
                                        struct rf_descriptor *out, struct rf_err *err);

/*
 * The entry of a tag. repo "": the whole name, else a name that ends in ":tag" (-RFE_AMBIGUOUS when several do, with different digests).
 * Otherwise the name `repo:tag`. -RFE_NOT_FOUND.
 */
RF_MUST_USE int rf_oci_index_find(const struct rf_oci_index *ix, const char *repo, const char *tag,
                                  size_t *i, struct rf_err *err);
/* The first entry with this digest, or ix->n. */
size_t rf_oci_index_find_digest(const struct rf_oci_index *ix, const struct rf_digest *d);
/* The tag in a name: behind its last ":" when that is a valid tag, else the name as it is. *repo_len: bytes before the ":" (0 = none). Borrowed. */
const char *rf_oci_name_tag(const char *name, size_t *repo_len);

/*
 * Edits. Each gives a new index in *out, or NULL there when nothing has to change.
 * put: with a tag, the entry of that exact name gets the digest in its place, or is added at the end; later ones of the name go; one that has
 * the digest already stays as it is. Without a tag an unnamed entry is added, unless some entry has the digest.
 */
RF_MUST_USE int rf_oci_index_put(const struct rf_oci_index *ix, const char *tag,
                                 const struct rf_manifest *m, struct rf_oci_index **out,
                                 struct rf_err *err);
/* Removes all entries of the tag that rf_oci_index_find would find. -RFE_NOT_FOUND. */
RF_MUST_USE int rf_oci_index_remove_tag(const struct rf_oci_index *ix, const char *tag,
                                        struct rf_oci_index **out, struct rf_err *err);
RF_MUST_USE int rf_oci_index_remove_digest(const struct rf_oci_index *ix, const struct rf_digest *d,
                                           struct rf_oci_index **out, struct rf_err *err);

enum rf_oci_fate { RF_OCI_KEEP, RF_OCI_UNNAME, RF_OCI_DROP };
/* Whether an entry stays as it is, loses its tag and stays listed, or goes. Asked once for each, in their order. */
typedef enum rf_oci_fate (*rf_oci_judge)(void *ctx, const struct rf_oci_entry *e);
/* Many entries at once. */
RF_MUST_USE int rf_oci_index_sift(const struct rf_oci_index *ix, rf_oci_judge judge, void *ctx,
                                  struct rf_oci_index **out, struct rf_err *err);

/* How a list of referrers shows m: with artifact type and annotations (distribution-spec, "Listing Referrers"). *out: the caller releases. */
void rf_oci_referrer_descriptor(const struct rf_manifest *m, struct rf_descriptor *out);
/* Reads a manifest of the layout that an entry names. Branch on -RFE_NOT_FOUND. */
typedef int (*rf_oci_load)(void *ctx, const struct rf_digest *d,
                           const struct rf_manifest_expect *expect, struct rf_manifest **out,
                           struct rf_err *err);
/*
 * Manifests with the subject: what the fallback tag lists, then entries of the index (in repo, unless that is ""). May call cb twice for one
 * digest. The entries are read once in the life of `ix`.
 */
RF_MUST_USE int
rf_oci_index_referrers(struct rf_oci_index *ix, const char *repo, const struct rf_digest *subject,
                       rf_oci_load load, void *load_ctx,
                       int (*cb)(void *ctx, const struct rf_descriptor *d, struct rf_err *err),
                       void *ctx, struct rf_err *err);

#endif
