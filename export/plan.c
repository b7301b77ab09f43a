/* SPDX-License-Identifier: Apache-2.0 */
#include "export/plan.h"

#include "base/log.h"
#include "base/mem.h"
#include "export/bases.h"
#include "export/build.h"
#include "export/closure.h"
#include "export/plan_private.h"
#include "export/repair.h"
#include "export/retain.h"

struct rf_bundle *rf_plan_new_bundle(void)
{
    struct rf_bundle *b = rf_xcalloc(1, sizeof(*b));
    rf_bundle_init(b);
    return b;
}

void rf_plan_free_bundle(struct rf_bundle *b)
{
    if (b != NULL)
        rf_bundle_release(b);
    free(b);
}

struct rf_snapshot *rf_plan_new_snapshot(const char *site)
{
    struct rf_snapshot *s = rf_xcalloc(1, sizeof(*s));
    rf_snapshot_init(s);
    memcpy(s->site, site, strlen(site) + 1);
    return s;
}

void rf_plan_free_snapshot(struct rf_snapshot *s)
{
    if (s != NULL)
        rf_snapshot_release(s);
    free(s);
}

void rf_plan_free(struct rf_plan *p)
{
    if (p == NULL)
        return;
    rf_repair_free(p->repair); /* before the snapshot, which it points into */
    rf_plan_free_bundle(p->bundle);
    rf_plan_free_snapshot(p->snapshot);
    rf_bases_free(p->bases, p->n_bases);
    rf_rules_release(&p->rules);
    rf_pulls_free(p->pulls);
    free(p);
}

void rf_plan_freep(struct rf_plan **p)
{
    rf_plan_free(*p);
    *p = NULL;
}

struct rf_plan *rf_plan_new(const char *site)
{
    struct rf_plan *p = rf_xcalloc(1, sizeof(*p));
    p->bundle = rf_plan_new_bundle();
    p->snapshot = rf_plan_new_snapshot(site);
    rf_rules_init(&p->rules);
    return p;
}

/* What to do about a source that could not be had; "" when the cause says it all. */
static const char *next_step(int code, const char *cause, bool platforms)
{
    if (strstr(cause, "; ") != NULL)
        return "";
    switch (code) {
    case RFE_NOT_FOUND:
        return platforms ? "check the name, the tag and the platforms"
                         : "check the name and the tag";
    case RFE_UNREACHABLE:
        return "check the name and the network";
    case RFE_DENIED:
        return "log in (regctl registry login), or give --host reg=NAME,user=...,pass-file=FILE";
    default:
        return "";
    }
}

/* No bundle comes of it, so the place may be named as it was given: a layout by its path. */
static char *shown_source(const struct rf_selection *s, size_t i)
{
    const struct rf_pick *pick = &s->picks[i];
    const struct rf_ref *ref = &s->req->items[pick->item].source;
    const char *source = rf_desired_str(&s->wanted, s->wanted.images[i].source);
    const char *name = strstr(source, "://");
    if (ref->scheme == RF_SCHEME_REGISTRY || name == NULL)
        return rf_xstrdup(source);
    RF_CLEANUP(rf_freep) char *location = rf_ref_location(ref);
    return rf_xasprintf("%s%s", location, name + 3 + strcspn(name + 3, ":@"));
}

static int fail_with(struct rf_plan *p, const struct rf_selection *s, size_t i, size_t failed,
                     struct rf_err *err)
{
    const char *reason = rf_desired_str(&s->wanted, s->picks[i].error);
    int code = s->picks[i].error_code;
    RF_CLEANUP(rf_freep) char *source = shown_source(s, i);
    RF_CLEANUP(rf_freep) char *where = rf_rules_where(&p->rules, rf_plan_rule_of(p, s, i));
    int rc = failed == 1
                 ? rf_fail(err, code, "%s%s: %s", source, where, reason)
                 : rf_fail(err, code, "none of the %zu images could be had; the first: %s%s: %s",
                           failed, source, where, reason);
    const char *step = next_step(code, reason, s->req->items[s->picks[i].item].n_platforms > 0);
    return step[0] != '\0' ? rf_hint(err, rc, "%s", step) : rc;
}

/* Nothing could be had: that is no bundle but a failure, with the first cause. */
static int check_any(struct rf_plan *p, const struct rf_selection *s, struct rf_err *err)
{
    size_t failed = 0, first = SIZE_MAX;
    for (size_t i = 0; i < s->wanted.n; i++) {
        if (s->picks[i].dropped)
            continue;
        if (s->picks[i].error_code == 0)
            return 0;
        failed++;
        if (first == SIZE_MAX)
            first = i;
    }
    if (first == SIZE_MAX)
        return rf_fail(
            err, RFE_USAGE,
            "nothing is selected: no image is named and no tag passes the filters; name images or check the policy file");
    return fail_with(p, s, first, failed, err);
}

int rf_plan_lay_out(struct rf_plan *p, const struct rf_build *in, struct rf_err *err)
{
    struct rf_build build = *in;
    build.snapshot = p->snapshot;
    build.bases = p->bases;
    build.n_bases = p->n_bases;
    int rc = rf_build_bundle(&build, p->bundle, err);
    if (rc < 0 || p->req == NULL)
        return rc;
    return rf_export_retain(p->req, p->state, p->snapshot, p->as_of, p->bundle, err);
}

int rf_plan_make(const struct rf_export_request *req, struct rf_export_state *state,
                 struct rf_plan **out, struct rf_err *err)
{
    RF_CLEANUP(rf_plan_freep) struct rf_plan *p = rf_plan_new(req->site);
    RF_CLEANUP(rf_selection_release) struct rf_selection sel;
    RF_CLEANUP(rf_closure_release) struct rf_closure closure;
    RF_CLEANUP(rf_holes_release) struct rf_holes holes = { 0 };
    RF_CLEANUP(rf_refusals_release) struct rf_refusals refused = { 0 };
    p->req = req;
    p->state = state;
    p->as_of = req->as_of;
    p->rules.file = req->policy_file != NULL ? rf_xstrdup(req->policy_file) : NULL;
    p->pulls = rf_pulls_new(req);
    rf_selection_init(&sel, req, state);
    sel.locations.pulls = p->pulls;
    rf_closure_init(&closure, &sel, NULL, 0);
    int rc = rf_bases_load(req, state, &p->bases, &p->n_bases, err);
    if (rc < 0)
        return rc;
    closure.bases = p->bases;
    closure.n_bases = p->n_bases;
    rc = rf_select(&sel, err);
    if (rc == 0)
        rc = rf_closure_build(&closure, err);
    if (rc == 0)
        rc = check_any(p, &sel, err);
    if (rc == 0)
        rc = rf_plan_fill(p, &closure, &holes, &refused, err);
    if (rc < 0)
        return rc;
    p->fetch_bytes = closure.fetch_bytes;
    rf_graph_release(&closure.graph); /* before the bundle takes its memory */
    const struct rf_build in = { .holes = holes.list,
                                 .n_holes = holes.n,
                                 .refused = refused.list,
                                 .n_refused = refused.n,
                                 .site = req->site,
                                 .last = rf_export_state_last(state) };
    rc = rf_plan_lay_out(p, &in, err);
    if (rc < 0)
        return rc;
    rf_plan_rules_removed(p, &sel);
    *out = RF_STEAL(p);
    return 0;
}

size_t rf_plan_mistakes(const struct rf_plan *p)
{
    const struct rf_bundle *b = p->bundle;
    size_t n = 0;
    for (size_t i = 0; i < b->n_refused; i++) {
        const char *reason = rf_desired_str(&b->desired, b->refused[i].reason);
        n += rf_verdict_is_mistake(RF_VERDICT_CARRY, reason);
    }
    return n;
}
