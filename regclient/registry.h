/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A registry as a place: the distribution API (OCI distribution-spec 1.1, end-1 to end-14).
 *
 * What its operations fail with, beyond layout/place.h: a manifest that the registry refuses since it lacks a blob or child of it is
 * -RFE_GROUND_MISSING (put_manifest): probe what it names by range, store again what is gone, put it again. -RFE_DENIED and other codes
 * carry err->http_status.
 */
#ifndef RF_REGCLIENT_REGISTRY_H
#define RF_REGCLIENT_REGISTRY_H

#include "layout/place.h"
#include "regclient/request.h"

/* `remote` stays the caller's and must outlive it. */
RF_MUST_USE int rf_registry_open(struct rf_remote *remote, struct rf_place **out,
                                 struct rf_err *err);
/*
 * What is pulled (manifests, blobs, lists of tags and referrers) is asked of `mirror` as well, in the order of the hosts' priorities (the
 * lowest first, the registry itself behind mirrors of the same number), those that failed just now last; whatever fails at one is asked of the
 * next, and the failure told is the registry's own. Takes the mirror over; not to be called once the place is in use.
 */
void rf_registry_add_mirror(struct rf_place *p, struct rf_remote *mirror);
/* Each of the mirrors that were added. */
void rf_registry_each_mirror(const struct rf_place *p,
                             void (*cb)(void *ctx, struct rf_remote *mirror), void *ctx);
/* The registry behind a place, NULL when the place is something else. */
struct rf_remote *rf_registry_remote(const struct rf_place *p);
/* GET /v2/: 0 when it speaks the API and lets us in. */
RF_MUST_USE int rf_registry_ping(struct rf_place *p, struct rf_err *err);

/* As rf_place_resolve of a tag or digest, always by asking the registry, and hands out the answer's headers (rate limits). */
RF_MUST_USE int rf_registry_head_manifest(struct rf_place *p, const char *repo, const char *tag,
                                          const struct rf_digest *digest,
                                          struct rf_headers *headers, struct rf_descriptor *out,
                                          struct rf_err *err);
/* As rf_place_get_manifest, and hands out the answer's headers (the caller releases them). */
RF_MUST_USE int rf_registry_fetch_manifest(struct rf_place *p, const char *repo, const char *tag,
                                           const struct rf_digest *digest,
                                           const struct rf_manifest_expect *expect,
                                           struct rf_headers *headers, struct rf_manifest **out,
                                           struct rf_err *err);
/* Size and media type of a blob by HEAD. *media_type (may be NULL, caller frees) is NULL when not said. */
RF_MUST_USE int rf_registry_head_blob(struct rf_place *p, const char *repo,
                                      const struct rf_digest *digest, uint64_t *size,
                                      char **media_type, struct rf_err *err);
/* Size and all headers of the answer, by HEAD. *headers: the caller releases them. */
RF_MUST_USE int rf_registry_blob_headers(struct rf_place *p, const char *repo,
                                         const struct rf_digest *digest, uint64_t *size,
                                         struct rf_headers *headers, struct rf_err *err);
/* One page as the user asked for it: `n` items at most (0 = as many as the registry likes) behind `last` (NULL = from the start). */
RF_MUST_USE int rf_registry_tags_page(struct rf_place *p, const char *repo, unsigned n,
                                      const char *last, rf_place_tag_cb cb, void *ctx,
                                      struct rf_err *err);
RF_MUST_USE int rf_registry_repos_page(struct rf_place *p, unsigned n, const char *last,
                                       rf_place_tag_cb cb, void *ctx, struct rf_err *err);

#endif
