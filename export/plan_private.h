/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of planning share (export/plan.h). */
#ifndef RF_EXPORT_PLAN_PRIVATE_H
#define RF_EXPORT_PLAN_PRIVATE_H

#include "export/build.h"
#include "export/closure.h"
#include "export/plan.h"

struct rf_bundle *rf_plan_new_bundle(void);
void rf_plan_free_bundle(struct rf_bundle *b); /* accepts NULL */
struct rf_snapshot *rf_plan_new_snapshot(const char *site);
void rf_plan_free_snapshot(struct rf_snapshot *s); /* accepts NULL */

struct rf_holes {
    struct rf_build_hole *list;
    size_t n, cap;
};
void rf_holes_release(struct rf_holes *h);
void rf_holes_add(struct rf_holes *h, const struct rf_build_hole *hole);

struct rf_refusals {
    struct rf_build_refused *list;
    size_t n, cap;
};
void rf_refusals_release(struct rf_refusals *r);
void rf_refusals_add(struct rf_refusals *r, const struct rf_build_refused *one);

/* Adds lines of the base behind the `had` first ones of the plan's snapshot, which are sorted; each once, and none that is among those. */
struct rf_holding {
    struct rf_plan *p;
    size_t had;
    struct rf_strings seen;
    uint32_t rule; /* of the lines that are added */
};
void rf_holding_init(struct rf_holding *h, struct rf_plan *p);
void rf_holding_release(struct rf_holding *h);
/* False: the bases have nothing under this name. */
bool rf_hold_line(struct rf_holding *h, const char *repository, const char *tag,
                  const struct rf_digest *digest);
/*
 * What the bases have from this source under whatever names: while names change and the new one cannot be had, the old one must not count as removed.
 * extras: what may refer to it, too.
 */
void rf_hold_moved(struct rf_holding *h, const char *source, bool extras);
/*
 * What the bases have of a repository: all of it when it could not be listed. Else what may refer to an image that is a hole and so was not asked for:
 * untagged lines and digest tags. Without this they would count as removed.
 */
void rf_hold_repository(struct rf_holding *h, const char *repository, bool all);
/* What refers to a line that is a hole, as this mention of it would have asked. */
void rf_hold_extras(struct rf_holding *h, const struct rf_selection *s, size_t mention);
/* What the bases have of a registry that could not be listed: each of its repositories is a hole. */
void rf_hold_registry(struct rf_holding *h, const struct rf_export_item *it,
                      const struct rf_build_hole *hole, struct rf_holes *holes);

/* The number of the rule that decided on line i of the selection; of what stands because line i could not be had, or was refused. */
uint32_t rf_plan_rule_of(struct rf_plan *p, const struct rf_selection *s, size_t i);
uint32_t rf_plan_rule_held(struct rf_plan *p, const struct rf_selection *s, size_t i);
/* What decided on a line of a repair bundle, or on one of its holes: the request's file. asked: something of it is to be carried. */
uint32_t rf_plan_rule_request(struct rf_plan *p, const char *file, bool asked);
/* Says of all lines and holes of a recorded bundle that they are written anew as they were. The statuses of the snapshot are set. */
void rf_plan_rules_again(struct rf_plan *p);
/* Says of the removed lines of the bundle why they are. The bundle is laid out. */
void rf_plan_rules_removed(struct rf_plan *p, const struct rf_selection *s);
/* Fills the plan's snapshot from what was selected and walked, and seals it. */
RF_MUST_USE int rf_plan_fill(struct rf_plan *p, struct rf_closure *c, struct rf_holes *holes,
                             struct rf_refusals *refused, struct rf_err *err);
/* The bundle of the plan's snapshot over its bases, with retention judged. */
RF_MUST_USE int rf_plan_lay_out(struct rf_plan *p, const struct rf_build *in, struct rf_err *err);

#endif
