/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests and indexes, parsed beside their original bytes, which are what is stored and sent, always.
 * OCI image-spec manifest.md, image-index.md; Docker image manifest schema 2.
 */
#ifndef RF_MANIFESTS_MANIFEST_H
#define RF_MANIFESTS_MANIFEST_H

#include "manifests/descriptor.h"

#define RF_MANIFEST_MAX (8u << 20)      /* bytes read */
#define RF_MANIFEST_PUSH_MAX (4u << 20) /* bytes written */
#define RF_MANIFEST_LAYERS_MAX 4096
#define RF_INDEX_ENTRIES_MAX 10000
#define RF_INDEX_DEPTH_MAX 8

struct rf_manifest {
    enum rf_media_kind kind; /* IMAGE or INDEX */
    char *media_type;
    struct rf_digest digest; /* of body, computed here */
    struct rf_buf body;      /* the original bytes */
    char *artifact_type;     /* or NULL */
    json_t *annotations;     /* or NULL */
    bool has_subject;
    struct rf_descriptor subject;
    struct rf_descriptor config;   /* image: the config */
    struct rf_descriptor *entries; /* image: the layers; index: the manifests */
    size_t n_entries;
};

/* What is already known of a document before it is read; each may be left empty. */
struct rf_manifest_expect {
    const struct rf_digest
        *digest;            /* the one that the user or the parent gave: decides over any header */
    uint64_t size;          /* 0 = unknown */
    const char *media_type; /* of the parent descriptor */
    const char *content_type; /* header of the answer; parameters ignored */
};

/*
 * Checks digest and size first (-RFE_DIGEST_MISMATCH, -RFE_SIZE_MISMATCH), then parses the same bytes. Refuses documents that can be
 * read in two ways (-RFE_AMBIGUOUS): media types of header, body and parent disagree; `manifests` together with `config`, `layers` or
 * `fsLayers`; duplicate keys, also such that differ only in case of the keys that we know. Schema 1 is -RFE_UNSUPPORTED, all else -RFE_INVALID.
 * Without any type given and in the body, the structure decides when only one reading is possible. A header of a general kind
 * (text, application/json, octet-stream) says nothing. Two sizes for one digest are -RFE_AMBIGUOUS; more layers or entries
 * than the limits above are -RFE_TOO_LARGE. expect may be NULL. *out belongs to the caller.
 */
RF_MUST_USE int rf_manifest_parse(struct rf_slice bytes, const struct rf_manifest_expect *expect,
                                  struct rf_manifest **out, struct rf_err *err);
void rf_manifest_free(struct rf_manifest *m);
void rf_manifest_freep(struct rf_manifest **m);
/* Descriptor of the manifest itself (media type, digest, size, artifact type as referrers lists show it). */
void rf_manifest_descriptor(const struct rf_manifest *m, struct rf_descriptor *out);
/* What a referrers list calls its type: artifactType, else the config's media type (distribution-spec, "Listing Referrers"). Borrowed, or NULL. */
const char *rf_manifest_artifact_type(const struct rf_manifest *m);

/*
 * A new index of the chosen entries only (indices into entries, rising), all else kept as it was, with the annotation
 * RF_ANNOTATION_PRUNED_FROM = the old digest. Deterministic. The kind must be INDEX (RF_BUG). *out belongs to the caller.
 */
#define RF_ANNOTATION_PRUNED_FROM "io.regferry.pruned-from"
RF_MUST_USE int rf_manifest_prune(const struct rf_manifest *index, const size_t *chosen, size_t n,
                                  struct rf_manifest **out, struct rf_err *err);
/*
 * Entries of an index for these platforms (each must match at least one entry, else -RFE_NOT_FOUND naming it and what
 * there is); attestation entries (annotation vnd.docker.reference.digest) of a chosen entry come along. chosen holds n_entries. Returns the number.
 * A wanted platform without an OS version takes any version; n = 0 takes every entry. The kind must be INDEX (RF_BUG).
 */
RF_MUST_USE int rf_manifest_select(const struct rf_manifest *index,
                                   const struct rf_platform *platforms, size_t n, size_t *chosen,
                                   struct rf_err *err);
/* The one entry that runs best on this host (rf_platform_better, the first of equals). -RFE_NOT_FOUND. */
RF_MUST_USE int rf_manifest_pick(const struct rf_manifest *index, const struct rf_platform *host,
                                 size_t *chosen, struct rf_err *err);

/* An index built by us (fallback tags, layouts): compact JSON, keys in the specification's order. */
struct rf_index_builder {
    struct rf_buf entries;
    size_t n;
};
void rf_index_builder_init(struct rf_index_builder *b);
void rf_index_builder_add(struct rf_index_builder *b, const struct rf_descriptor *d);
void rf_index_builder_finish(
    struct rf_index_builder *b,
    struct rf_buf *out); /* appends the document and releases the builder */

#endif
