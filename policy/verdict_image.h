/* SPDX-License-Identifier: Apache-2.0 */
/* An image as the functions of a policy see it: that of regbot (policy/lua/lua_image.h), made of its manifests and configurations, and more (docs/lua-api.md). Part of policy/verdict.h. */
#ifndef RF_POLICY_VERDICT_IMAGE_H
#define RF_POLICY_VERDICT_IMAGE_H

#include "policy/verdict.h"

struct rf_verdict_image {
    json_t *doc; /* as rf_verdicts_ask takes it; `referrers` is the caller's to fill */
    struct rf_digest *manifests; /* its own and all below it */
    size_t n, cap;
};
void rf_verdict_image_release(struct rf_verdict_image *im);
/* Reads all of it, into an empty *out. Fails when something of it cannot be read. */
RF_MUST_USE int rf_verdict_image_read(const struct rf_verdict_lines *lines, size_t line,
                                      struct rf_verdict_image *out, struct rf_err *err);
/* What refers to an image, as its `referrers` list it. A new reference. */
json_t *rf_verdict_referrer(const struct rf_desired *d, size_t line, const struct rf_manifest *m);

#endif
