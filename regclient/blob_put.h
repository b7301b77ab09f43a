/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs made of what is on this machine. Both registries and layouts want the digest first: a file is read twice (once, when its digest is
 * given), what cannot be read twice goes through a spool (base/spool.h).
 */
#ifndef RF_REGCLIENT_BLOB_PUT_H
#define RF_REGCLIENT_BLOB_PUT_H

#include "base/spool.h"
#include "layout/place.h"

struct rf_blob_put {
    struct rf_place *place;
    const char *repo;
    const struct rf_digest *want; /* or NULL. -RFE_DIGEST_MISMATCH when it is another one */
    bool ask;                     /* ask first whether it is there */
    /* what it turned out to be */
    struct rf_digest digest;
    uint64_t size;
};
/* From the descriptor's position to the end of the file. */
RF_MUST_USE int rf_blob_put_fd(struct rf_blob_put *put, int fd, struct rf_err *err);
/* Its sink is committed. */
RF_MUST_USE int rf_blob_put_spool(struct rf_blob_put *put, struct rf_spool *spool,
                                  struct rf_err *err);
RF_MUST_USE int rf_blob_put_bytes(struct rf_blob_put *put, struct rf_slice bytes,
                                  struct rf_err *err);

#endif
