/* SPDX-License-Identifier: Apache-2.0 */
#include "import/prune.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "import/prune_run.h"

void rf_prune_result_init(struct rf_prune_result *r)
{
    memset(r, 0, sizeof(*r));
    rf_idmap_init(&r->by_key, rf_prune_manifest_key, r);
    rf_strings_init(&r->memory.images);
}

void rf_prune_result_release(struct rf_prune_result *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->items[i].repository);
        free(r->items[i].tag);
        free(r->items[i].reason);
    }
    free(r->items);
    for (size_t i = 0; i < r->n_manifests; i++) {
        free(r->manifests[i].repository);
        free(r->manifests[i].key);
    }
    free(r->manifests);
    rf_idmap_release(&r->by_key);
    rf_strings_release(&r->memory.images);
    free(r->empties);
    free(r->refusal);
    memset(r, 0, sizeof(*r));
}

char *rf_prune_repo(const struct rf_pruning *p, const char *name)
{
    const char *prefix = p->req->base->prefix;
    return prefix[0] == '\0' ? rf_xstrdup(name) : rf_xasprintf("%s/%s", prefix, name);
}

void rf_prune_set_fate(struct rf_prune_item *it, enum rf_prune_fate fate, char *reason)
{
    free(it->reason);
    it->fate = fate;
    it->reason = reason;
}

void rf_prune_phase(const struct rf_pruning *p, const char *what)
{
    if (p->req->base->phase != NULL)
        p->req->base->phase(p->req->base->progress_ctx, what, 0);
}

/* ---- the bundle ---- */

static int load_last(struct rf_pruning *p, const struct rf_import_record *last, struct rf_err *err)
{
    if (last == NULL)
        return rf_fail(
            err, RFE_USAGE,
            "no bundle is remembered as applied to %s; apply the last one (again) first, what is there costs nothing",
            p->req->base->to_name);
    int rc = rf_import_state_load_bundle(p->state, &last->id, &p->last, err);
    if (rc < 0)
        return rf_hint(err, rc, "apply the last bundle again");
    p->bundle = &p->last;
    return rf_import_state_check_site(p->req->base->state_dir, p->last.site, p->req->base->site,
                                      err);
}

#define DAY_S 86400

/* One of the two sides' clocks is wrong, or --as-of was a slip; either way more may go than was meant. */
static void tell_of_time(const struct rf_pruning *p)
{
    const struct rf_bundle_retain *r = &p->bundle->retain;
    char as_of[32], now[32];
    if (r->has_as_of && r->as_of > p->req->now + DAY_S)
        rf_log(RF_LOG_WARN,
               "Ages are measured against a time of the bundle that this clock has yet to reach",
               "asOf", rf_text_time(r->as_of, as_of), "now", rf_text_time(p->req->now, now), NULL);
}

static int load_bundle(struct rf_pruning *p, struct rf_err *err)
{
    struct rf_prune_result *out = p->out;
    const struct rf_retain *own = p->req->own;
    const struct rf_import_record *last = rf_import_state_last(p->state, p->req->base->to_name);
    p->bundle = p->req->bundle;
    int rc = p->bundle == NULL ? load_last(p, last, err) : 0;
    if (rc < 0)
        return rc;
    tell_of_time(p);
    p->is_last = last != NULL && rf_digest_eq(&last->id, &p->bundle->id);
    out->bundle = p->bundle->id;
    out->has_rules = p->bundle->retain.set;
    if (p->req->in_use != NULL) {
        out->in_use_lists = p->req->in_use->lists;
        out->in_use_names = rf_in_use_count(p->req->in_use);
    }
    out->registry = !rf_prune_is_local(p);
    out->has_own_file = own != NULL;
    out->own_rules = own != NULL && own->read ? own->n_rules : 0;
    out->has_own = own != NULL && own->read;
    out->known = p->bundle->retain.known;
    out->grace_s = p->bundle->retain.grace_s;
    if (own != NULL && own->read && own->has_grace && rf_retain_grace_s(own) > out->grace_s)
        out->grace_s = rf_retain_grace_s(own);
    return rf_prune_state_load(p->state, p->req->base->to_name, out, err);
}

/* ---- caps ---- */

static void count(struct rf_pruning *p)
{
    struct rf_prune_result *out = p->out;
    const struct rf_desired *d = &p->bundle->desired;
    RF_CLEANUP(rf_strings_release) struct rf_strings wanted;
    rf_strings_init(&wanted);
    for (size_t i = 0; i < d->n; i++)
        if (rf_image_is_wanted(&d->images[i]))
            (void)rf_strings_add(&wanted, rf_slice_str(rf_desired_str(d, d->images[i].repository)));
    for (size_t i = 0; i < out->n; i++) {
        const struct rf_prune_item *it = &out->items[i];
        if (it->fate != RF_PRUNE_LET_GO)
            continue;
        out->let_go++;
        if (out->empties == NULL &&
            rf_strings_find(&wanted, rf_slice_str(it->repository)) == RF_NO_ID)
            out->empties = rf_xstrdup(it->repository);
    }
    out->needs_confirmation =
        out->empties != NULL && !(p->req->confirmed && p->req->confirm == out->let_go);
}

static int check_caps(struct rf_pruning *p, struct rf_err *err)
{
    const struct rf_bundle_retain *r = &p->bundle->retain;
    const struct rf_retain *own = p->req->own;
    struct rf_prune_result *out = p->out;
    int rc = 0;
    if (r->has_max)
        rc = rf_retain_check_max(r->max_delete, r->percent, out->let_go, r->known, "the bundle",
                                 err);
    if (rc == 0 && own != NULL && own->read && own->has_max)
        rc = rf_retain_check_max(own->max_delete, own->max_is_percent, out->let_go, r->known,
                                 "this side's file", err);
    out->capped = rc < 0;
    if (rc == 0 && p->req->confirmed && p->req->confirm != out->let_go)
        rc = rf_fail(
            err, RFE_REFUSED,
            "--confirm-delete %llu: the plan has %llu; nothing was deleted; look at it first (--plan)",
            (unsigned long long)p->req->confirm, (unsigned long long)out->let_go);
    if (rc == 0 && out->needs_confirmation && !p->req->plan)
        rc = rf_fail(
            err, RFE_REFUSED,
            "%s has no selected image any more, as when a section was emptied or misspelt; nothing was deleted; if it is meant, --confirm-delete %llu",
            out->empties, (unsigned long long)out->let_go);
    return rc;
}

/* ---- all of it ---- */

static void pruning_release(struct rf_pruning *p)
{
    for (size_t i = 0; p->former != NULL && i < p->bundle->retain.n; i++)
        free(p->former[i]);
    free(p->former);
    rf_prune_views_release(&p->views);
    rf_prune_reader_release(&p->reader);
    rf_bundle_release(&p->last);
}

static int prune(struct rf_pruning *p, struct rf_err *err)
{
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_prune_judge(p, err);
    if (rc == 0)
        rc = rf_prune_find(p, err);
    if (rc < 0)
        return rc;
    count(p);
    rc = check_caps(p, &why);
    if (rc < 0) {
        p->out->refusal = rf_xstrdup(why.msg);
        return rf_fail(err, -rc, "%s", why.msg);
    }
    return p->req->plan ? 0 : rf_prune_carry_out(p, err);
}

int rf_prune(const struct rf_prune_request *req, struct rf_import_state *state,
             struct rf_prune_result *out, struct rf_err *err)
{
    RF_CLEANUP(pruning_release)
    struct rf_pruning p = { .req = req, .state = state, .out = out };
    p.threads = req->base->parallel > 0 ? req->base->parallel : 4;
    rf_bundle_init(&p.last);
    rf_prune_reader_init(&p.reader, req->base->to);
    rf_prune_views_init(&p.views);
    int rc = load_bundle(&p, err);
    return rc < 0 || !out->has_rules ? rc : prune(&p, err);
}
