/* SPDX-License-Identifier: Apache-2.0 */
/* Plans that were made before: what tells one request from another, the pending one, those of the history (export/plan.h). */
#include "export/plan.h"

#include "base/log.h"
#include "base/mem.h"
#include "export/bases.h"
#include "export/plan_private.h"
#include "export/repair.h"
#include "export/rules_file.h"

static void key_item(struct rf_buf *out, const struct rf_export_item *it)
{
    RF_CLEANUP(rf_freep)
    char *name = it->registry != NULL ? rf_xstrdup(it->registry) : rf_ref_common_name(&it->source);
    rf_buf_addf(out, "item %s %s %s %d %d %d %d", name, it->repository,
                it->tag != NULL ? it->tag : "-", it->whole_repository, it->prune, it->referrers,
                it->digest_tags);
    if (it->single)
        rf_buf_add_str(out, " single");
    for (size_t i = 0; i < it->n_platforms; i++) {
        RF_CLEANUP(rf_freep) char *platform = rf_platform_text(&it->platforms[i]);
        rf_buf_addf(out, " %s", platform);
    }
    if (it->registry != NULL)
        rf_buf_add_str(out, " registry");
    if (it->slow_referrers || it->include_external)
        rf_buf_addf(out, " slow %d external %d", it->slow_referrers, it->include_external);
    if (it->referrers_from.text != NULL)
        rf_buf_addf(out, "\nreferrers from %s", it->referrers_from.text);
    if (it->referrers_to != NULL)
        rf_buf_addf(out, "\nreferrers to %s", it->referrers_to);
    if (it->rules != NULL)
        rf_buf_addf(out, "\nrules %zu %s", strlen(it->rules), it->rules);
    rf_buf_add_char(out, '\n');
}

static void key_retain(struct rf_buf *out, const struct rf_export_request *req)
{
    const struct rf_retain *r = req->retain;
    if (r == NULL || !r->read)
        return;
    rf_buf_addf(out, "retain %llu %d %d %llu", (unsigned long long)rf_retain_grace_s(r), r->has_max,
                r->max_is_percent, (unsigned long long)r->max_delete);
    if (req->as_of_given)
        rf_buf_addf(out, " %lld", (long long)req->as_of);
    for (size_t i = 0; i < r->protect.n; i++)
        rf_buf_addf(out, "\nprotect %s", r->protect.items[i]);
    for (size_t i = 0; i < r->n_rules; i++) {
        rf_buf_add_str(out, "\nrule ");
        rf_retain_rule_text(&r->rules[i], out);
    }
    rf_buf_add_char(out, '\n');
}

char *rf_plan_key(const struct rf_export_request *req, const char *output)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    RF_CLEANUP(rf_hasher_freep) struct rf_hasher *h = rf_hasher_new(RF_DIGEST_SHA256);
    struct rf_digest d;
    char hex[RF_DIGEST_TEXT];
    rf_buf_init(&text, 64u << 20);
    rf_buf_addf(&text, "3 %s %s %d %d\n", req->site, output, req->full, req->strict);
    for (size_t i = 0; i < req->n_bases; i++)
        rf_buf_addf(&text, "base %s\n", req->bases[i]);
    if (rf_verdicts_has(req->policy, RF_VERDICT_CARRY) ||
        rf_verdicts_has(req->policy, RF_VERDICT_KEEP))
        rf_buf_addf(&text, "policy %s\n", rf_verdicts_id(req->policy));
    for (size_t i = 0; i < req->n_items; i++)
        key_item(&text, &req->items[i]);
    key_retain(&text, req);
    rf_hasher_update(h, text.ptr, text.len);
    rf_hasher_final(h, &d);
    return rf_xstrdup(rf_digest_text(&d, hex));
}

/* The snapshot file knows no status: the bundle does. */
static void take_statuses(struct rf_plan *p)
{
    const struct rf_desired *from = &p->bundle->desired;
    struct rf_desired *to = &p->snapshot->desired;
    for (size_t i = 0; i < to->n; i++) {
        struct rf_image *im = &to->images[i];
        const struct rf_image *line = rf_desired_find(from, rf_desired_str(to, im->repository),
                                                      rf_desired_str(to, im->tag), &im->digest);
        if (line != NULL) {
            im->status = line->status;
            im->rule = line->rule;
        }
    }
}

/* The bases of the recorded bundle: from the history, or once more from what the request names. */
static int find_bases_again(struct rf_plan *p, const struct rf_export_request *req,
                            struct rf_export_state *state, struct rf_err *err)
{
    int rc = rf_bases_load_for(p->bundle, state, &p->bases, &p->n_bases, err);
    if (rc == 0 || req->n_bases == 0)
        return rc;
    rc = rf_bases_load(req, state, &p->bases, &p->n_bases, err);
    if (rc < 0)
        return rc;
    size_t same = 0;
    for (size_t i = 0; i < p->n_bases; i++)
        for (size_t k = 0; k < p->bundle->n_bases; k++)
            same += rf_digest_eq(&p->bases[i]->id, &p->bundle->bases[k]);
    return same == p->n_bases && same == p->bundle->n_bases
               ? 0
               : rf_fail(err, RFE_INVALID, "the bases are others now");
}

int rf_plan_set_pending(const struct rf_plan *p, struct rf_export_state *state, const char *key,
                        const char *path, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *rules = rf_export_state_pending_path(state, "rules");
    int rc = rf_export_state_set_pending(state, key, p->bundle, p->snapshot, path, err);
    return rc < 0 ? rc : rf_rules_store(&p->rules, p->bundle, rules, err);
}

/* A run that was killed before they were written goes on without them. */
static void load_rules(struct rf_plan *p, const struct rf_export_state *state)
{
    RF_CLEANUP(rf_freep) char *path = rf_export_state_pending_path(state, "rules");
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_rules_load(&p->rules, p->bundle, path, &why);
    if (rc < 0 && rc != -RFE_NOT_FOUND)
        rf_log(RF_LOG_INFO, "What decided on the images of the recorded plan is not known", "error",
               why.msg, NULL);
}

int rf_plan_resume(const struct rf_export_request *req, struct rf_export_state *state,
                   const char *key, struct rf_plan **out, struct rf_err *err)
{
    RF_CLEANUP(rf_plan_freep) struct rf_plan *p = rf_plan_new(req->site);
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_export_state_get_pending(state, key, p->bundle, p->snapshot, err);
    if (rc <= 0)
        return rc;
    const struct rf_export_record *last = rf_export_state_last(state);
    /* recorded already: a run that was stopped right behind its last step */
    bool finished = last != NULL && rf_digest_eq(&last->id, &p->bundle->id);
    bool next = last == NULL ? !rf_digest_is_set(&p->bundle->parent)
                             : rf_digest_eq(&last->id, &p->bundle->parent);
    if (!finished && !next)
        return 0; /* the history went on without it */
    if (strcmp(p->bundle->site, req->site) != 0 || find_bases_again(p, req, state, &why) < 0)
        return 0;
    load_rules(p, state);
    take_statuses(p);
    p->resumed = true;
    p->req = req;
    p->state = state;
    p->as_of = p->bundle->retain.has_as_of ? p->bundle->retain.as_of : req->as_of;
    *out = RF_STEAL(p);
    return 1;
}

int rf_plan_again(struct rf_export_state *state, const struct rf_digest *id, struct rf_plan **out,
                  struct rf_err *err)
{
    RF_CLEANUP(rf_plan_freep) struct rf_plan *p = rf_plan_new(state->site);
    int rc = rf_export_state_load_bundle(state, id, p->bundle, err);
    if (rc == 0) {
        RF_CLEANUP(rf_freep)
        char *path = rf_export_state_snapshot_path(state, &p->bundle->snapshot);
        rc = rf_snapshot_load(p->snapshot, path, err);
    }
    if (rc < 0)
        return rf_hint(
            err, rc,
            "the record of this bundle is lost; write a new one with `regexport create --full`");
    if (rf_bundle_is_repair(p->bundle))
        rf_repair_statuses(p->bundle, p->snapshot);
    else
        take_statuses(p);
    rf_plan_rules_again(p);
    p->resumed = true;
    *out = RF_STEAL(p);
    return 0;
}
