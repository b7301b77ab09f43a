/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions and ranges of versions as upstream's `semverRange` reads them (docs/policy.md): looser than semver.org, because tags are.
 *
 * A version is an optional "v", numbers with dots between them, then perhaps "-" and a prerelease, then perhaps "+" and what counts for nothing.
 * Missing numbers are 0, so that several tags can be equal (v1, 1.0.0). What is none of this is no version.
 */
#ifndef RF_POLICY_SEMVER_H
#define RF_POLICY_SEMVER_H

#include "base/buf.h"

#define RF_SEMVER_TEXT_MAX 256  /* bytes of a version; of a range: each of its terms */
#define RF_SEMVER_PARTS_MAX 16  /* numbers of a version */
#define RF_SEMVER_TERMS_MAX 100 /* of one range */
#define RF_SEMVER_RANGES_MAX 1000

/* Borrows the text it was parsed from. */
struct rf_semver {
    uint64_t parts[RF_SEMVER_PARTS_MAX];
    size_t n;                   /* at least 1 */
    struct rf_slice pre, build; /* behind "-" and "+", may be empty */
};
/* False when it is no version. */
bool rf_semver_parse(struct rf_slice text, struct rf_semver *out);
/*
 * <0, 0, >0. A prerelease is lower than its release. Two prereleases are compared identifier by identifier, each as text, number, text, number:
 * rc9 is lower than rc10, and of two of which one begins with the other the longer is higher.
 */
int rf_semver_compare(const struct rf_semver *a, const struct rf_semver *b);

/* Any of several ranges. */
struct rf_semver_ranges;
/*
 * Each text is a range: terms with blanks between them that must all hold. A term is >=V, <=V, >V, <V, =V, V, ^V (below the next number that may break
 * things: ^1.2.3 <2.0.0, ^0.2.3 <0.3.0, ^0.0.3 <0.0.4) or ~V (~1.2.3 <1.3.0, ~1 <1.1.0). -RFE_CONFIG names the range and the term.
 * *out belongs to the caller.
 */
RF_MUST_USE int rf_semver_ranges_new(char *const *texts, size_t n, struct rf_semver_ranges **out,
                                     struct rf_err *err);
void rf_semver_ranges_free(struct rf_semver_ranges *r);
void rf_semver_ranges_freep(struct rf_semver_ranges **r);
/* Whether one of the ranges takes it. Without any range: no. Any thread. */
bool rf_semver_ranges_match(const struct rf_semver_ranges *r, const struct rf_semver *version);
/* Only whether one range can be read. */
RF_MUST_USE int rf_semver_range_check(const char *text, struct rf_err *err);

#endif
