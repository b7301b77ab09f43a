/* SPDX-License-Identifier: Apache-2.0 */
/* What a bundle says of retention (docs/bundle-format.md, 3.6): parts of writing, reading and checking bundle.json (layout/bundle.h). */
#ifndef RF_LAYOUT_BUNDLE_RETAIN_H
#define RF_LAYOUT_BUNDLE_RETAIN_H

#include "layout/bundle.h"

/* Adds a rule's text, a candidate. Before sealing. */
void rf_bundle_add_rule(struct rf_bundle *b, const char *text);
void rf_bundle_add_candidate(struct rf_bundle *b, const char *repository, const char *tag,
                             const struct rf_digest *digest, const char *rule);
/* The order of candidates. */
int rf_candidate_cmp(const struct rf_desired *d, const struct rf_candidate *a,
                     const struct rf_candidate *b);
void rf_bundle_sort_candidates(struct rf_bundle *b);
/* -RFE_INVALID. */
RF_MUST_USE int rf_bundle_check_retain(const struct rf_bundle *b, struct rf_err *err);

/* The value of `retain`, one candidate as a line; appended. */
void rf_bundle_retain_json(const struct rf_bundle *b, struct rf_buf *out);
void rf_candidate_json(const struct rf_bundle *b, const struct rf_candidate *c, struct rf_buf *out);
/* The reverse of each. -RFE_INVALID, -RFE_TOO_LARGE. */
RF_MUST_USE int rf_bundle_read_as_of(struct rf_bundle *b, const json_t *v, struct rf_err *err);
RF_MUST_USE int rf_bundle_read_retain(struct rf_bundle *b, const json_t *v, struct rf_err *err);
RF_MUST_USE int rf_bundle_read_candidate(struct rf_bundle *b, const json_t *v, struct rf_err *err);

/* "repository:tag" or "repository@digest". Appended. */
void rf_candidate_name(const struct rf_bundle *b, const struct rf_candidate *c, struct rf_buf *out);

#endif
