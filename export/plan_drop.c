/* SPDX-License-Identifier: Apache-2.0 */
/* Images whose blobs failed while writing leave the plan (export/plan.h). */
#include "export/plan_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "export/repair.h"

/* Per blob of the snapshot: why it failed, or NULL. */
static const char **reasons_by_blob(const struct rf_plan *p, const struct rf_plan_failure *failures,
                                    size_t n)
{
    const char **reasons = rf_xcalloc(p->snapshot->n_blobs + 1, sizeof(*reasons));
    for (size_t i = 0; i < n; i++) {
        uint32_t item =
            rf_snapshot_find_blob(p->snapshot, &p->bundle->blobs[failures[i].blob].digest);
        if (item != RF_NO_ID)
            reasons[item] = failures[i].reason;
    }
    return reasons;
}

static const char *line_failure(const struct rf_snapshot *s, const struct rf_image *im,
                                const char *const *reasons)
{
    for (uint32_t i = 0; rf_image_travels(im) && i < im->n_blobs; i++)
        if (reasons[s->items[im->first_blob + i]] != NULL)
            return reasons[s->items[im->first_blob + i]];
    return NULL;
}

static void keep_old_holes(const struct rf_bundle *b, struct rf_holes *holes)
{
    const struct rf_desired *d = &b->desired;
    for (size_t i = 0; i < b->n_holes; i++) {
        const struct rf_hole *h = &b->holes[i];
        rf_holes_add(holes, &(struct rf_build_hole){ .source = rf_desired_str(d, h->source),
                                                     .repository = rf_desired_str(d, h->repository),
                                                     .tag = rf_desired_str(d, h->tag),
                                                     .reason = rf_desired_str(d, h->reason),
                                                     .rule = h->rule });
    }
}

static void keep_old_refusals(const struct rf_bundle *b, struct rf_refusals *refused)
{
    const struct rf_desired *d = &b->desired;
    for (size_t i = 0; i < b->n_refused; i++) {
        const struct rf_bundle_refused *r = &b->refused[i];
        rf_refusals_add(refused,
                        &(struct rf_build_refused){ .source = rf_desired_str(d, r->source),
                                                    .repository = rf_desired_str(d, r->repository),
                                                    .tag = rf_desired_str(d, r->tag),
                                                    .reason = rf_desired_str(d, r->reason),
                                                    .digest = r->digest });
    }
}

/* What stands because the line became a hole. */
static uint32_t rule_of_hole(struct rf_plan *p, const struct rf_desired *d,
                             const struct rf_image *im)
{
    struct rf_rule rule = { 0 };
    char digest[RF_DIGEST_TEXT];
    const char *tag = rf_desired_str(d, im->tag);
    if (!rf_rules_get(&p->rules, im->rule, &rule))
        return 0;
    rule.how = "stays for the hole";
    rule.of_repository = rf_desired_str(d, im->repository);
    rule.of_name = tag[0] != '\0' ? tag : rf_digest_text(&im->digest, digest);
    rule.verdict = NULL;
    return rf_rules_add(&p->rules, &rule);
}

/* Why lines were removed does not change when others fail. */
static void keep_removed_rules(const struct rf_bundle *was, struct rf_bundle *now)
{
    const struct rf_desired *d = &was->desired;
    for (size_t i = 0; i < now->desired.n; i++) {
        struct rf_image *im = &now->desired.images[i];
        const struct rf_image *before =
            im->status == RF_IMAGE_REMOVED
                ? rf_desired_find(d, rf_desired_str(&now->desired, im->repository),
                                  rf_desired_str(&now->desired, im->tag), &im->digest)
                : NULL;
        if (before != NULL)
            im->rule = before->rule;
    }
}

/* Copies what stands from `from` to the plan's fresh snapshot; what failed is held or gone. *left counts what could be had. */
static int split_lines(struct rf_plan *p, const struct rf_snapshot *from,
                       const char *const *reasons, struct rf_holes *holes, size_t *left,
                       struct rf_err *err)
{
    const struct rf_desired *d = &from->desired;
    RF_CLEANUP(rf_holding_release) struct rf_holding h;
    for (size_t i = 0; i < d->n; i++) {
        const struct rf_image *im = &d->images[i];
        if (line_failure(from, im, reasons) != NULL)
            continue;
        rf_snapshot_copy_line(p->snapshot, from, im, im->status);
        *left += im->status != RF_IMAGE_HELD;
    }
    int rc = rf_desired_sort(&p->snapshot->desired, err);
    rf_holding_init(&h, p);
    for (size_t i = 0; rc == 0 && i < d->n; i++) {
        const struct rf_image *im = &d->images[i];
        const char *reason = line_failure(from, im, reasons);
        if (reason == NULL)
            continue;
        const char *source = rf_desired_str(d, im->source);
        struct rf_build_hole hole = { .source = source,
                                      .repository = rf_desired_str(d, im->repository),
                                      .tag = rf_desired_str(d, im->tag),
                                      .reason = reason,
                                      .rule = im->rule };
        rf_holes_add(holes, &hole);
        rf_log(RF_LOG_WARN, "Image left out", "source", source, "error", reason, NULL);
        h.rule = rule_of_hole(p, d, im);
        rf_hold_line(&h, hole.repository, hole.tag, &im->digest);
        rf_hold_repository(&h, hole.repository, false);
    }
    return rc;
}

int rf_plan_drop(struct rf_plan *p, const struct rf_plan_failure *failures, size_t n,
                 struct rf_bundle **old, struct rf_err *err)
{
    if (p->repair != NULL)
        return rf_repair_drop(p, failures, n, old, err);
    RF_CLEANUP(rf_holes_release) struct rf_holes holes = { 0 };
    RF_CLEANUP(rf_refusals_release) struct rf_refusals refused = { 0 };
    struct rf_snapshot *from = p->snapshot;
    struct rf_bundle *was = p->bundle;
    struct rf_export_record last = { .sequence = was->sequence - 1, .id = was->parent };
    memcpy(last.chain, was->chain, sizeof(last.chain));
    const char **reasons = reasons_by_blob(p, failures, n);
    p->snapshot = rf_plan_new_snapshot(was->site);
    p->bundle = rf_plan_new_bundle();
    keep_old_holes(was, &holes);
    keep_old_refusals(was, &refused);
    size_t left = 0;
    int rc = split_lines(p, from, reasons, &holes, &left, err);
    free(reasons);
    if (rc == 0 && left == 0)
        rc = rf_fail(err, RFE_FAILED, "nothing that was to be carried could be had; the first: %s",
                     failures[0].reason);
    if (rc == 0)
        rc = rf_snapshot_seal(p->snapshot, err);
    const struct rf_build in = { .holes = holes.list,
                                 .n_holes = holes.n,
                                 .refused = refused.list,
                                 .n_refused = refused.n,
                                 .site = was->site,
                                 .last = rf_digest_is_set(&was->parent) ? &last : NULL };
    if (rc == 0)
        rc = rf_plan_lay_out(p, &in, err);
    if (rc == 0) {
        keep_removed_rules(was, p->bundle);
        rf_plan_free_snapshot(from);
        *old = was;
        return 0;
    }
    rf_plan_free_snapshot(p->snapshot); /* as it was: a later run may find it better */
    rf_plan_free_bundle(p->bundle);
    p->snapshot = from;
    p->bundle = was;
    return rc;
}
