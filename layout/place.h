/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place: somewhere images are. A registry, image-layout folders (ocidir://), an image-layout tar or a bundle (ocifile://).
 * Copying, syncing, scripts, export and import are written against this one table; what a place cannot do, it says
 * (-RFE_UNSUPPORTED). The table is declared here, the registry implements it above (regclient/registry.h).
 *
 *     rf_place_resolve(place, repo, tag, NULL, &desc, err)        which digest has the tag
 *     rf_place_get_manifest(place, repo, NULL, &desc.digest, 0, &m, err)
 *     rf_place_get_blob(place, repo, &digest, size, 0, NULL, sink, err)
 *
 * `repo` is a repository of the place: a registry's "library/alpine"; "" for a place that is one single layout.
 * All operations may be called from any thread, several at once, unless said otherwise.
 */
#ifndef RF_LAYOUT_PLACE_H
#define RF_LAYOUT_PLACE_H

#include "base/stream.h"
#include "manifests/manifest.h"

enum rf_place_flags {
    RF_PLACE_READ_ONLY = 1u << 0,
    RF_PLACE_LOCAL = 1u << 1,     /* open_blob and blob_sink exist; bytes are on this machine */
    RF_PLACE_CAN_MOUNT = 1u << 2, /* mount is worth trying */
    RF_PLACE_REFERRERS = 1u << 3, /* referrers can be asked for */
};

enum rf_probe {
    RF_PROBE_HEAD,  /* cheap; some registries lie after a garbage collection */
    RF_PROBE_RANGE, /* reads the first byte: the blob can really be read (size 0: as HEAD) */
};

enum rf_put_flags {
    RF_PUT_CHILD =
        1u
        << 0, /* without tag, as part of another manifest: a layout does not list it in index.json */
    RF_PUT_READ_BACK =
        1u << 1, /* get it back by digest (and tag) and compare, whatever the answer was */
};

/* Receives one item of a list; a negative return ends the listing with that code. `item` is borrowed. */
typedef int (*rf_place_tag_cb)(void *ctx, const char *tag, struct rf_err *err);
typedef int (*rf_place_desc_cb)(void *ctx, const struct rf_descriptor *desc, struct rf_err *err);

struct rf_place;
struct rf_place_ops {
    int (*resolve)(struct rf_place *, const char *repo, const char *tag,
                   const struct rf_digest *digest, struct rf_descriptor *out, struct rf_err *err);
    int (*get_manifest)(struct rf_place *, const char *repo, const char *tag,
                        const struct rf_digest *digest, const struct rf_manifest_expect *expect,
                        struct rf_manifest **out, struct rf_err *err);
    int (*put_manifest)(struct rf_place *, const char *repo, const char *tag,
                        const struct rf_manifest *m, unsigned flags, struct rf_err *err);
    int (*probe_blob)(struct rf_place *, const char *repo, const struct rf_digest *digest,
                      uint64_t size, enum rf_probe how, struct rf_err *err);
    int (*blob_size)(struct rf_place *, const char *repo, const struct rf_digest *digest,
                     uint64_t *size, struct rf_err *err);
    int (*get_blob)(struct rf_place *, const char *repo, const struct rf_digest *digest,
                    uint64_t size, uint64_t offset, struct rf_sink *sink, struct rf_err *err);
    int (*put_blob)(struct rf_place *, const char *repo, const struct rf_digest *digest,
                    uint64_t size, struct rf_source *src, struct rf_err *err);
    int (*open_blob)(struct rf_place *, const char *repo, const struct rf_digest *digest,
                     uint64_t size, struct rf_source **out, struct rf_err *err);
    int (*blob_sink)(struct rf_place *, const char *repo, const struct rf_digest *digest,
                     uint64_t size, struct rf_sink **out, struct rf_err *err);
    int (*mount)(struct rf_place *, const char *repo, const char *from_repo,
                 const struct rf_digest *digest, uint64_t size, struct rf_err *err);
    int (*list_tags)(struct rf_place *, const char *repo, rf_place_tag_cb cb, void *ctx,
                     struct rf_err *err);
    int (*list_repos)(struct rf_place *, rf_place_tag_cb cb, void *ctx, struct rf_err *err);
    int (*referrers)(struct rf_place *, const char *repo, const struct rf_digest *subject,
                     const char *artifact_type, rf_place_desc_cb cb, void *ctx, struct rf_err *err);
    int (*delete_tag)(struct rf_place *, const char *repo, const char *tag, struct rf_err *err);
    int (*delete_manifest)(struct rf_place *, const char *repo, const struct rf_digest *digest,
                           struct rf_err *err);
    int (*delete_blob)(struct rf_place *, const char *repo, const struct rf_digest *digest,
                       struct rf_err *err);
    int (*can_write)(struct rf_place *, const char *repo, struct rf_err *err);
    int (*hold)(struct rf_place *, const char *repo, struct rf_err *err);
    void (*unhold)(struct rf_place *, const char *repo);
    void (*free)(struct rf_place *); /* everything, the name too */
};

struct rf_place {
    const struct rf_place_ops *ops;
    char *name;     /* for messages: "registry.example:5000", "ocidir://PATH" */
    unsigned flags; /* enum rf_place_flags */
    const void *
        what; /* two places with the same one are two ways to one and the same; NULL: there is no other way */
};

/* Whether a blob or manifest of one is there in the other as well. */
static inline bool rf_place_same(const struct rf_place *a, const struct rf_place *b)
{
    return a == b || (a->what != NULL && a->what == b->what);
}

/* ---- what callers use; each checks its arguments and that the operation exists ---- */

/* Descriptor (media type, digest, size) of a tag, or of a digest. Branch on: -RFE_NOT_FOUND, -RFE_DENIED. *out: caller releases. */
RF_MUST_USE int rf_place_resolve(struct rf_place *p, const char *repo, const char *tag,
                                 const struct rf_digest *digest, struct rf_descriptor *out,
                                 struct rf_err *err);
/* By digest when given (checked against the body), else by tag. `expect` may be NULL. *out: caller frees. -RFE_NOT_FOUND. */
RF_MUST_USE int rf_place_get_manifest(struct rf_place *p, const char *repo, const char *tag,
                                      const struct rf_digest *digest,
                                      const struct rf_manifest_expect *expect,
                                      struct rf_manifest **out, struct rf_err *err);
/* Writes the original bytes, under the tag too when one is given. A subject's referrers list is kept right (fallback tag) where the place needs it. */
RF_MUST_USE int rf_place_put_manifest(struct rf_place *p, const char *repo, const char *tag,
                                      const struct rf_manifest *m, unsigned flags,
                                      struct rf_err *err);
/* 0 when it is there. -RFE_NOT_FOUND; anything else means that it could not be told. */
RF_MUST_USE int rf_place_probe_blob(struct rf_place *p, const char *repo,
                                    const struct rf_digest *digest, uint64_t size,
                                    enum rf_probe how, struct rf_err *err);
/* How long a blob is of which only the digest is known. -RFE_NOT_FOUND. */
RF_MUST_USE int rf_place_blob_size(struct rf_place *p, const char *repo,
                                   const struct rf_digest *digest, uint64_t *size,
                                   struct rf_err *err);
/*
 * Pours the blob from `offset` on into `sink` and checks the whole blob's digest and size; does not commit. `start` is the hash of the
 * first `offset` bytes (taken over; NULL when offset is 0). Interrupted transfers are resumed inside. -RFE_NOT_FOUND, -RFE_DIGEST_MISMATCH.
 */
RF_MUST_USE int rf_place_get_blob(struct rf_place *p, const char *repo,
                                  const struct rf_digest *digest, uint64_t size, uint64_t offset,
                                  struct rf_hasher *start, struct rf_sink *sink,
                                  struct rf_err *err);
/* Stores a blob. `src` (the caller's) is read from 0 and hashed on the way; wrong bytes are never completed. Seekable sources survive retries. */
RF_MUST_USE int rf_place_put_blob(struct rf_place *p, const char *repo,
                                  const struct rf_digest *digest, uint64_t size,
                                  struct rf_source *src, struct rf_err *err);
/* Local places: the blob as a seekable source (unchecked bytes: wrap or hash them); size is checked. */
RF_MUST_USE int rf_place_open_blob(struct rf_place *p, const char *repo,
                                   const struct rf_digest *digest, uint64_t size,
                                   struct rf_source **out, struct rf_err *err);
/* Local places: a sink that verifies and appears whole at commit. */
RF_MUST_USE int rf_place_blob_sink(struct rf_place *p, const char *repo,
                                   const struct rf_digest *digest, uint64_t size,
                                   struct rf_sink **out, struct rf_err *err);
/* Makes a blob of from_repo one of repo, without moving bytes. -RFE_UNSUPPORTED: not done here, move the bytes. */
RF_MUST_USE int rf_place_mount(struct rf_place *p, const char *repo, const char *from_repo,
                               const struct rf_digest *digest, uint64_t size, struct rf_err *err);
RF_MUST_USE int rf_place_list_tags(struct rf_place *p, const char *repo, rf_place_tag_cb cb,
                                   void *ctx, struct rf_err *err);
RF_MUST_USE int rf_place_list_repos(struct rf_place *p, rf_place_tag_cb cb, void *ctx,
                                    struct rf_err *err);
/* Descriptors of manifests whose subject is `subject`, each once, at most 10,000 (-RFE_TOO_LARGE; counted, filtered and made unique here
 * for all places). artifact_type may be NULL (all). An empty list is success. */
RF_MUST_USE int rf_place_referrers(struct rf_place *p, const char *repo,
                                   const struct rf_digest *subject, const char *artifact_type,
                                   rf_place_desc_cb cb, void *ctx, struct rf_err *err);
RF_MUST_USE int rf_place_delete_tag(struct rf_place *p, const char *repo, const char *tag,
                                    struct rf_err *err);
RF_MUST_USE int rf_place_delete_manifest(struct rf_place *p, const char *repo,
                                         const struct rf_digest *digest, struct rf_err *err);
RF_MUST_USE int rf_place_delete_blob(struct rf_place *p, const char *repo,
                                     const struct rf_digest *digest, struct rf_err *err);
/* Whether the login may write there, asked without leaving anything behind; "cannot tell" is success. -RFE_DENIED. */
RF_MUST_USE int rf_place_can_write(struct rf_place *p, const char *repo, struct rf_err *err);
/*
 * Around the writing of a whole image (blobs, manifests, tag): until rf_place_unhold, no garbage collection of that repository takes away what
 * was written or found there. Nests, any thread; places that need nothing of the kind do nothing.
 */
RF_MUST_USE int rf_place_hold(struct rf_place *p, const char *repo, struct rf_err *err);
void rf_place_unhold(struct rf_place *p, const char *repo);
void rf_place_free(struct rf_place *p); /* accepts NULL */
void rf_place_freep(struct rf_place **p);

/* The name of the tag that stands in for the referrers API: "<algo>-<first 64 of hex>" (distribution-spec, "Referrers Tag Schema"). */
void rf_fallback_tag(const struct rf_digest *subject, char out[RF_DIGEST_TEXT]);
/* Has the form of such a name. What it leads to may still be an image that somebody called so: those lists are indexes. */
bool rf_fallback_tag_is(const char *tag);
/* Such a list, in a layout or tar: what it says travels with the images, and the tag is nobody's. -code when it cannot be looked at; 0 or 1. */
RF_MUST_USE int rf_place_is_fallback(struct rf_place *p, const char *repo, const char *tag,
                                     struct rf_err *err);
/* A tag that a single layout (repository "") may have: also a whole name, printable ASCII without blanks, as other tools write it. */
bool rf_place_name_valid(const char *tag);
/* "sha256-<hex>[.suffix]": the digest it speaks of. False when the tag is no digest tag. */
bool rf_digest_tag_parse(const char *tag, struct rf_digest *out);

#endif
