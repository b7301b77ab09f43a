/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of referrers: the index under the tag <algorithm>-<digest> of an image, which stands in for the referrers API (distribution-spec, "Referrers Tag
 * Schema"). A bundle may carry one as it was on the connected side. Here others may have listed referrers of their own under the same tag, and those must
 * stay listed: the tag then gets a list of both. The carried list is there by its digest all the same.
 */
#ifndef RF_IMPORT_LISTS_H
#define RF_IMPORT_LISTS_H

#include "import/run.h"

/* The line's tag has the form of such a list. */
bool rf_list_is_line(const struct rf_bundle *b, const struct rf_image *im);
/* Everything that `list` names is of this bundle, or is a line of it without a tag: then it holds nothing of anybody else. */
bool rf_list_is_ours(const struct rf_bundle *b, const struct rf_image *im,
                     const struct rf_manifest *list);
/*
 * `now` is what the tag has, `wanted` what the line says. When the former names what the latter does not, *out is the list of both, which the caller frees;
 * *others says how many of those are of others. An entry that the bundle says was removed is not kept. -RFE_TOO_LARGE.
 */
RF_MUST_USE int rf_list_merge(const struct rf_bundle *b, const struct rf_image *im,
                              const struct rf_manifest *now, const struct rf_manifest *wanted,
                              struct rf_manifest **out, size_t *others, struct rf_err *err);
/*
 * Before manifests are written: what the tags of such lines have, in r->list_had, and which of the carried lists are there, in r->list_there. Where registries lack the API,
 * putting a referrer changes its list: a rollback has to know how it was before, and what the run itself made was not there.
 */
RF_MUST_USE int rf_lists_look(struct rf_import_run *r, struct rf_err *err);

#endif
