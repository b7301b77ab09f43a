/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tags (or repositories) a step takes: allow and deny lists of regular expressions that must match the whole name, as if each
 * were written ^(?:...)$. Empty allow = all; then deny takes away. RE2's syntax as users write it, run by PCRE2 within limits.
 */
#ifndef RF_POLICY_TAG_FILTER_H
#define RF_POLICY_TAG_FILTER_H

#include "base/buf.h"

#define RF_TAG_FILTER_PATTERN_MAX 4096 /* bytes */
#define RF_TAG_FILTER_PATTERNS_MAX 1000

struct rf_tag_filter;
/* -RFE_CONFIG names the pattern and where in it. *out belongs to the caller. */
RF_MUST_USE int rf_tag_filter_new(char *const *allow, size_t n_allow, char *const *deny,
                                  size_t n_deny, struct rf_tag_filter **out, struct rf_err *err);
void rf_tag_filter_free(struct rf_tag_filter *f);
void rf_tag_filter_freep(struct rf_tag_filter **f);
/* 1 = taken, 0 = not. A pattern that would run too long on this name is -RFE_CONFIG and names both. Any thread. */
RF_MUST_USE int rf_tag_filter_match(const struct rf_tag_filter *f, const char *name,
                                    struct rf_err *err);
/*
 * Keeps the names that are taken, in their order, at the front of `names`; frees the others. Upstream's tools read a pattern with "|" as
 * ^PATTERN$ without a group, so that its first part need only stand at the start and its last part only at the end: a WARN line tells of a pattern
 * that would have let through more names there.
 */
RF_MUST_USE int rf_tag_filter_apply(const struct rf_tag_filter *f, char **names, size_t *n,
                                    struct rf_err *err);
/* The same without touching the names: taken[i] says whether names[i] is. Tells of patterns likewise. */
RF_MUST_USE int rf_tag_filter_pick(const struct rf_tag_filter *f, const char *const *names,
                                   size_t n, bool *taken, struct rf_err *err);
/* Takes everything, so that nobody needs to ask. */
bool rf_tag_filter_is_empty(const struct rf_tag_filter *f);
/* Only whether one pattern can be compiled. */
RF_MUST_USE int rf_tag_filter_check(const char *pattern, struct rf_err *err);

#endif
