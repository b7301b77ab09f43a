/* SPDX-License-Identifier: Apache-2.0 */
/* The candidates of the bundle, and this side's word on them: did a bundle bring it, do our own rules and our keep() let it go. */
#include "import/prune_run.h"

#include "base/cancel.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "import/keep.h"
#include "import/prune_brought.h"
#include "policy/retain_facts.h"

/* ---- the candidates ---- */

static void judge_candidate(const struct rf_pruning *p, const struct rf_prune_brought *brought,
                            const char *rule, struct rf_prune_item *it, char **former)
{
    bool ours = rf_prune_was_brought(brought, it, former);
    if (!ours && brought->any) {
        rf_prune_set_fate(it, RF_PRUNE_KEPT,
                          rf_xstrdup("no bundle that was applied here brought it"));
        return;
    }
    bool away = ours && !rf_prune_is_remembered(p, it->repository, &it->digest);
    rf_prune_set_fate(it, away ? RF_PRUNE_GONE : RF_PRUNE_LET_GO,
                      rf_xasprintf("connected side: %s", rule));
}

static void add_candidates(struct rf_pruning *p, const struct rf_prune_brought *brought)
{
    const struct rf_desired *d = &p->bundle->desired;
    struct rf_prune_result *out = p->out;
    p->former = rf_xcalloc(p->bundle->retain.n + 1, sizeof(*p->former));
    for (size_t i = 0; i < p->bundle->retain.n; i++) {
        const struct rf_candidate *c = &p->bundle->retain.candidates[i];
        struct rf_prune_item it = { .digest = c->digest, .doc = RF_NO_ID };
        it.repository = rf_xstrdup(rf_desired_str(d, c->repository));
        it.tag = rf_xstrdup(rf_desired_str(d, c->tag));
        judge_candidate(p, brought, rf_desired_str(d, c->rule), &it, &p->former[out->n]);
        out->items = rf_grow(out->items, out->n, &out->cap, sizeof(*out->items));
        out->items[out->n++] = it;
    }
}

/* ---- this side's own rules ---- */

struct facts {
    struct rf_pruning *p;
    struct rf_retain_fact *list;
    size_t n, first; /* first: the items begin here, behind what is wanted */
    uint32_t *items; /* of the facts from there on */
    struct rf_prune_other *others;
    size_t n_others;
};

static void facts_release(struct facts *f)
{
    for (size_t i = 0; i < f->n; i++)
        rf_retain_fact_release(&f->list[i]);
    free(f->list);
    free(f->items);
    rf_prune_others_free(f->others, f->n_others);
}

static int read_manifest(void *ctx, const char *repository, const struct rf_digest *digest,
                         struct rf_manifest **out, struct rf_err *err)
{
    struct rf_pruning *p = ctx;
    RF_CLEANUP(rf_freep) char *repo = rf_prune_repo(p, repository);
    return rf_prune_reader_manifest(&p->reader, repo, digest, out, err);
}

static int read_config(void *ctx, const char *repository, const struct rf_descriptor *desc,
                       struct rf_buf *out, struct rf_err *err)
{
    struct rf_pruning *p = ctx;
    RF_CLEANUP(rf_freep) char *repo = rf_prune_repo(p, repository);
    return rf_prune_reader_config(&p->reader, repo, desc, out, err);
}

static int fact_job(void *ctx, size_t i, struct rf_err *err)
{
    struct facts *f = ctx;
    const struct rf_retain_reader from = { .manifest = read_manifest,
                                           .blob = read_config,
                                           .ctx = f->p };
    int needs = rf_retain_needs(f->p->req->own, f->list[i].repository, err);
    if (needs < 0)
        return needs;
    rf_retain_fact_fill(&f->list[i], needs, &from);
    return rf_cancel_check(err);
}

static void add_fact(struct facts *f, struct rf_retain_fact fact)
{
    f->list[f->n++] = fact;
}

/* What is wanted counts among the last N here as there, and so does what the other side keeps. What is not there any more takes nobody's place. */
static void collect_facts(struct facts *f)
{
    const struct rf_pruning *p = f->p;
    const struct rf_desired *d = &p->bundle->desired;
    f->list = rf_xcalloc(d->n + f->n_others + p->out->n + 1, sizeof(*f->list));
    f->items = rf_xcalloc(p->out->n + 1, sizeof(*f->items));
    for (size_t i = 0; i < d->n; i++)
        if (rf_image_is_wanted(&d->images[i]))
            add_fact(f, (struct rf_retain_fact){ .repository =
                                                     rf_desired_str(d, d->images[i].repository),
                                                 .tag = rf_desired_str(d, d->images[i].tag),
                                                 .digest = d->images[i].digest,
                                                 .wanted = true });
    for (size_t i = 0; i < f->n_others; i++)
        add_fact(f, (struct rf_retain_fact){ .repository = f->others[i].repository,
                                             .tag = f->others[i].tag,
                                             .digest = f->others[i].digest });
    f->first = f->n;
    for (size_t i = 0; i < p->out->n; i++) {
        const struct rf_prune_item *it = &p->out->items[i];
        if (it->fate != RF_PRUNE_LET_GO)
            continue;
        f->items[f->n - f->first] = (uint32_t)i;
        add_fact(f, (struct rf_retain_fact){ .repository = it->repository,
                                             .tag = it->tag,
                                             .digest = it->digest,
                                             .former = p->former[i] });
    }
}

static void take_verdict(struct rf_prune_item *it, const struct rf_retain_verdict *v)
{
    if (it->fate != RF_PRUNE_LET_GO)
        return;
    if (v->keep)
        rf_prune_set_fate(it, RF_PRUNE_KEPT, rf_xasprintf("this side: %s", v->rule));
    else
        rf_prune_set_fate(it, RF_PRUNE_LET_GO,
                          rf_xasprintf("%s; this side: %s", it->reason, v->rule));
}

static bool any_goes(const struct rf_prune_result *out)
{
    for (size_t i = 0; i < out->n; i++)
        if (out->items[i].fate == RF_PRUNE_LET_GO)
            return true;
    return false;
}

static int judge_own(struct rf_pruning *p, const struct rf_prune_brought *brought,
                     struct rf_err *err)
{
    RF_CLEANUP(facts_release) struct facts f = { .p = p };
    const struct rf_bundle_retain *r = &p->bundle->retain;
    if (p->req->own == NULL || !p->req->own->read || !any_goes(p->out))
        return 0;
    rf_prune_phase(p, "reading images for this side's rules");
    int rc = rf_prune_others(p, &brought->lines, &f.others, &f.n_others, err);
    if (rc < 0)
        return rc;
    collect_facts(&f);
    rc = rf_parallel(p->threads, f.n, fact_job, &f, err);
    if (rc < 0)
        return rc;
    struct rf_retain_verdict *verdicts = rf_xcalloc(f.n + 1, sizeof(*verdicts));
    rc = rf_retain_judge(p->req->own, f.list, f.n, r->has_as_of ? r->as_of : p->req->now, verdicts,
                         err);
    for (size_t i = f.first; rc == 0 && i < f.n; i++)
        take_verdict(&p->out->items[f.items[i - f.first]], &verdicts[i]);
    if (rc == 0)
        rf_retain_verdicts_free(verdicts, f.n);
    free(verdicts);
    return rc;
}

int rf_prune_judge(struct rf_pruning *p, struct rf_err *err)
{
    RF_CLEANUP(rf_prune_brought_release) struct rf_prune_brought brought;
    rf_prune_brought_init(&brought);
    rf_prune_brought_load(p, &brought);
    add_candidates(p, &brought);
    int rc = rf_prune_look(p, err);
    if (rc == 0)
        rc = judge_own(p, &brought, err);
    return rc < 0 ? rc : rf_keep_ask(p->req, &p->reader, p->out, err);
}
