/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One manifest or configuration, as commands and scripts ask for it: with the headers of the answer, and of an index the image for one platform.
 */
#ifndef RF_REGCLIENT_FETCH_H
#define RF_REGCLIENT_FETCH_H

#include "layout/place.h"
#include "manifests/config.h"
#include "regclient/http_header.h"

struct rf_fetched {
    struct rf_manifest *manifest;    /* NULL when it was only asked for */
    struct rf_descriptor descriptor; /* media type, digest and size as far as they are known */
    struct rf_headers headers;       /* of the last answer; empty when the place is no registry */
    bool chosen; /* an index was in between: the digest is not the one that the reference led to */
};
#define RF_FETCHED_INIT \
    {                   \
        0               \
    }
void rf_fetched_release(struct rf_fetched *f);

/*
 * GET of the manifest; with a platform, of the entry that runs on it, through indexes in each other (-RFE_NOT_FOUND "platform not found: ...").
 * platform may be NULL. An image is taken as it is, whatever its platform. *out is empty before, and the caller's to release after success.
 */
RF_MUST_USE int rf_fetch_manifest(struct rf_place *p, const char *repo, const char *tag,
                                  const struct rf_digest *digest,
                                  const struct rf_platform *platform, struct rf_fetched *out,
                                  struct rf_err *err);
/* The same by HEAD: indexes on the way to a platform are fetched, the manifest itself is asked for. */
RF_MUST_USE int rf_fetch_head(struct rf_place *p, const char *repo, const char *tag,
                              const struct rf_digest *digest, const struct rf_platform *platform,
                              struct rf_fetched *out, struct rf_err *err);
/* Which image of an index the platform means: as rf_fetch_head, but the image itself is not asked for. *out: rf_descriptor_release. */
RF_MUST_USE int rf_fetch_choice(struct rf_place *p, const char *repo, const char *tag,
                                const struct rf_digest *digest, const struct rf_platform *platform,
                                struct rf_descriptor *out, struct rf_err *err);
/* Media type, digest and size, all of them: by HEAD, and by GET where that does not tell. *out: rf_descriptor_release. */
RF_MUST_USE int rf_fetch_whole_descriptor(struct rf_place *p, const char *repo, const char *tag,
                                          const struct rf_digest *digest, struct rf_descriptor *out,
                                          struct rf_err *err);
/* Appends a small blob, checked. -RFE_TOO_LARGE over the cap of `out`. */
RF_MUST_USE int rf_fetch_blob(struct rf_place *p, const char *repo, const struct rf_descriptor *d,
                              struct rf_buf *out, struct rf_err *err);
/* The configuration of an image manifest; its bytes are appended to `body` (may be NULL). -RFE_UNSUPPORTED for an artifact. */
RF_MUST_USE int rf_fetch_config(struct rf_place *p, const char *repo,
                                const struct rf_manifest *image, struct rf_config **out,
                                struct rf_buf *body, struct rf_err *err);

#endif
