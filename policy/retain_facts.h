/* SPDX-License-Identifier: Apache-2.0 */
/* What retention rules go by, read from manifests and configurations: of an index, those of its newest image count. */
#ifndef RF_POLICY_RETAIN_FACTS_H
#define RF_POLICY_RETAIN_FACTS_H

#include "manifests/manifest.h"
#include "policy/retain.h"

/* Where the documents come from: a cache, or a destination. Failing means that it cannot be told. */
struct rf_retain_reader {
    int (*manifest)(void *ctx, const char *repository, const struct rf_digest *digest,
                    struct rf_manifest **out, struct rf_err *err);
    int (*blob)(void *ctx, const char *repository, const struct rf_descriptor *desc,
                struct rf_buf *out, struct rf_err *err);
    void *ctx;
};

/*
 * Fills created, labels, annotations and subject of a fact whose repository, tag and digest are set; `needs` as rf_retain_needs gave it. Where that cannot be read the
 * image is unread, and so kept. rf_retain_fact_release afterwards.
 */
void rf_retain_fact_fill(struct rf_retain_fact *f, int needs, const struct rf_retain_reader *from);
void rf_retain_fact_release(struct rf_retain_fact *f);

#endif
