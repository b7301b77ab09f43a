/* SPDX-License-Identifier: Apache-2.0 */
#include "import/rollback.h"

#include <time.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/text.h"
#include "import/ground.h"
#include "import/run.h"
#include "regclient/manifest_delete.h"

void rf_rollback_init(struct rf_rollback *b)
{
    memset(b, 0, sizeof(*b));
    rf_way_back_init(&b->way);
}

void rf_rollback_release(struct rf_rollback *b)
{
    rf_way_back_release(&b->way);
    rf_import_state_freep(&b->state);
    memset(b, 0, sizeof(*b));
}

size_t rf_rollback_count(const struct rf_rollback *b, enum rf_back_fate fate)
{
    size_t n = 0;
    for (size_t i = 0; i < b->way.n_tags; i++)
        n += b->way.tags[i].fate == fate;
    return n;
}

static void tell_phase(const struct rf_rollback *b, const char *what)
{
    if (b->req->phase != NULL)
        b->req->phase(b->req->progress_ctx, what, 0);
}

static int set_reason(struct rf_back_tag *t, enum rf_back_fate fate, const char *reason)
{
    t->fate = fate;
    free(t->reason);
    t->reason = rf_xstrdup(reason);
    return 0;
}

/* ---- looking ---- */

struct jobs {
    struct rf_rollback *b;
    const struct rf_rollback_options *options;
    enum rf_back_fate fate; /* these tags */
};

/* The digest that a tag has; not set when it is not there, or cannot be got. */
static int digest_of_tag(struct rf_place *to, const struct rf_back_tag *t, struct rf_digest *out,
                         struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor desc = RF_DESCRIPTOR_INIT;
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_place_get_manifest(to, t->repository, t->tag, NULL, NULL, &m, &why);
    if (rc == 0) {
        *out = m->digest;
        return 0;
    }
    if (rc != -RFE_NOT_FOUND && !rf_run_ends(rc))
        rc = rf_place_resolve(to, t->repository, t->tag, NULL, &desc, &why);
    if (rc == 0)
        *out = desc.digest;
    return rc == 0 || rc == -RFE_NOT_FOUND ? 0 : rf_fail(err, -rc, "%s", why.msg);
}

static enum rf_back_fate judge(const struct rf_rollback *b, const struct rf_back_tag *t,
                               bool also_moved)
{
    if (rf_digest_eq(&t->now, &t->was))
        return RF_BACK_RIGHT;
    if (!rf_way_back_gave(&b->way, t, &t->now) && !also_moved)
        return RF_BACK_FOREIGN;
    return rf_digest_is_set(&t->was) ? RF_BACK_MOVE : RF_BACK_REMOVE;
}

static int look_job(void *ctx, size_t i, struct rf_err *err)
{
    struct jobs *jobs = ctx;
    struct rf_back_tag *t = &jobs->b->way.tags[i];
    int rc = digest_of_tag(jobs->b->req->to, t, &t->now, err);
    if (rc == 0)
        t->fate = judge(jobs->b, t, jobs->options->also_moved);
    if (rc == 0 && t->fate == RF_BACK_FOREIGN && rf_digest_is_set(&t->now) &&
        !rf_digest_is_set(&t->was) &&
        rf_tag_is_half_deleted(jobs->b->req->to, t->repository, &t->now))
        t->fate = RF_BACK_REMOVE;
    return rc;
}

static int check_ground(struct rf_rollback *b, struct rf_err *err)
{
    tell_phase(b, "checking what tags go back to");
    int rc = rf_rollback_check_ground(b, err);
    size_t lacking = rf_rollback_count(b, RF_BACK_LACKING);
    if (rc < 0 || lacking == 0 || b->req->complete_only)
        return rc;
    return rf_fail(
        err, RFE_GROUND_MISSING,
        "%s lacks what %zu tag%s would go back to (listed above); nothing was written; apply the bundle that brought it with --allow-older, ask for it with "
        "regimport request, or use --complete-only to take back the others",
        b->req->to_name, lacking, rf_text_s(lacking));
}

static bool has_any_tag(const struct rf_rollback *b)
{
    bool any = b->way.n_tags == 0;
    for (size_t i = 0; i < b->way.n_tags && !any; i++)
        any = rf_digest_is_set(&b->way.tags[i].now);
    return any;
}

static int look(struct rf_rollback *b, const struct rf_rollback_options *options,
                struct rf_err *err)
{
    struct jobs jobs = { .b = b, .options = options };
    tell_phase(b, "looking at tags");
    int rc = rf_parallel(b->req->parallel, b->way.n_tags, look_job, &jobs, err);
    if (rc == 0 && !has_any_tag(b))
        rc = rf_ground_is_registry(b->req, err);
    b->looked = rc == 0;
    return rc < 0 ? rc : check_ground(b, err);
}

/* ---- writing ---- */

static int fail_one(struct rf_back_tag *t, int rc, const struct rf_err *why, struct rf_err *err)
{
    if (rf_cancelled())
        return rf_cancel_check(err);
    if (rf_run_ends(rc))
        return rf_fail(err, -rc, "%s:%s: %s", t->repository, t->tag, why->msg);
    return set_reason(t, RF_BACK_FAILED, why->msg);
}

static int move_tag(struct rf_place *to, struct rf_back_tag *t, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    int rc = rf_place_get_manifest(to, t->repository, NULL, &t->was, NULL, &m, err);
    if (rc == 0)
        rc = rf_place_put_manifest(to, t->repository, t->tag, m, RF_PUT_READ_BACK, err);
    return rc;
}

/* Gone is what can no longer be got. */
static int remove_tag(struct rf_place *to, struct rf_back_tag *t, struct rf_err *err)
{
    struct rf_digest now = { 0 };
    int rc = rf_place_delete_tag(to, t->repository, t->tag, err);
    if (rc == 0)
        rc = digest_of_tag(to, t, &now, err);
    if (rc == 0 && rf_digest_is_set(&now))
        rc = rf_fail(err, RFE_FAILED, "it is still there after it was deleted");
    return rc;
}

static int write_job(void *ctx, size_t i, struct rf_err *err)
{
    struct jobs *jobs = ctx;
    struct rf_back_tag *t = &jobs->b->way.tags[i];
    struct rf_place *to = jobs->b->req->to;
    struct rf_err why = RF_ERR_INIT;
    if (t->fate != jobs->fate)
        return 0;
    int rc = t->fate == RF_BACK_MOVE ? move_tag(to, t, &why) : remove_tag(to, t, &why);
    t->done = rc == 0;
    /* that a destination deletes nothing is about this tag alone, whatever it calls it */
    if (rc == -RFE_DENIED && t->fate == RF_BACK_REMOVE)
        return set_reason(t, RF_BACK_FAILED, why.msg);
    return rc < 0 ? fail_one(t, rc, &why, err) : 0;
}

static int may_write(struct rf_place *to, const char *repo, struct rf_err *err)
{
    int rc = rf_place_can_write(to, repo, err);
    if (rc == -RFE_UNSUPPORTED)
        return 0;
    return rc < 0 ? rf_wrap(err, rc, "write to %s", repo) : 0;
}

/* The repositories whose tags are to change. Tags stand in order of repository. The caller frees the list. */
static const char **repositories(const struct rf_rollback *b, size_t *n)
{
    const char **list = rf_xcalloc(b->way.n_tags + 1, sizeof(*list));
    *n = 0;
    for (size_t i = 0; i < b->way.n_tags; i++) {
        const struct rf_back_tag *t = &b->way.tags[i];
        if ((t->fate == RF_BACK_MOVE || t->fate == RF_BACK_REMOVE) &&
            (*n == 0 || strcmp(list[*n - 1], t->repository) != 0))
            list[(*n)++] = t->repository;
    }
    return list;
}

/* What a tag went back to is there before one goes away, so that no repository stands empty in between. */
static int write_all(struct rf_rollback *b, struct rf_err *err)
{
    struct jobs jobs = { .b = b, .fate = RF_BACK_MOVE };
    tell_phase(b, "setting tags");
    int rc = rf_parallel(b->req->parallel, b->way.n_tags, write_job, &jobs, err);
    jobs.fate = RF_BACK_REMOVE;
    return rc < 0 ? rc : rf_parallel(b->req->parallel, b->way.n_tags, write_job, &jobs, err);
}

/* The maps first: a bundle whose map is marked and that still stands is taken back by a rerun, which finds nothing more to move. */
static int record(struct rf_rollback *b, struct rf_err *err)
{
    struct rf_way_back *w = &b->way;
    char now[32];
    int rc = 0;
    for (size_t i = w->n_bundles; rc == 0 && i-- > 0;) {
        struct rf_tag_map *m = &w->bundles[i].map;
        if (m->taken_back)
            continue;
        m->taken_back = true;
        free(m->time);
        m->time = rf_xstrdup(rf_text_time(time(NULL), now));
        rc = rf_tag_map_store(b->state, m, err);
    }
    return rc < 0 ? rc : rf_import_state_take_back(b->state, b->req->to_name, w->from, err);
}

static int finish(const struct rf_rollback *b, struct rf_err *err)
{
    size_t foreign = rf_rollback_count(b, RF_BACK_FOREIGN),
           lacking = rf_rollback_count(b, RF_BACK_LACKING),
           failed = rf_rollback_count(b, RF_BACK_FAILED);
    size_t all = foreign + lacking + failed;
    if (all == 0)
        return 0;
    return rf_fail(
        err, RFE_PARTIAL,
        "%zu tag%s left as %s (listed above): %zu that somebody else moved, %zu whose old image is not whole, %zu that %s refused to change",
        all, rf_text_by_count(all, " is", "s are"), rf_text_by_count(all, "it is", "they are"),
        foreign, lacking, failed, b->req->to_name);
}

/* Of layouts, garbage may have been collected between the look and the hold. */
static int write_held(struct rf_rollback *b, struct rf_err *err)
{
    int rc = (b->req->to->flags & RF_PLACE_LOCAL) != 0 ? check_ground(b, err) : 0;
    if (rc == 0)
        rc = write_all(b, err);
    if (rc == 0)
        rc = record(b, err);
    b->done = rc == 0;
    return rc < 0 ? rc : finish(b, err);
}

static int write_back(struct rf_rollback *b, struct rf_err *err)
{
    size_t n, held = 0;
    RF_CLEANUP(rf_freep) const char **repos = repositories(b, &n);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = may_write(b->req->to, repos[i], err);
    while (rc == 0 && held < n) {
        rc = rf_place_hold(b->req->to, repos[held], err);
        held += rc == 0;
    }
    if (rc == 0)
        rc = write_held(b, err);
    while (held > 0)
        rf_place_unhold(b->req->to, repos[--held]);
    return rc;
}

/* A site that is named has to be the one that the bundles were for. Without their documents nobody can tell. */
static int check_site(const struct rf_rollback *b, struct rf_err *err)
{
    for (size_t i = b->way.n_bundles; b->req->site != NULL && i-- > 0;) {
        RF_CLEANUP(rf_bundle_release) struct rf_bundle doc;
        rf_bundle_init(&doc);
        if (rf_import_state_load_bundle(b->state, &b->way.bundles[i].map.bundle, &doc, NULL) < 0)
            continue;
        return rf_import_state_check_site(b->req->state_dir, doc.site, b->req->site, err);
    }
    return 0;
}

int rf_rollback(const struct rf_import_request *req, const struct rf_rollback_options *options,
                struct rf_rollback *b, struct rf_err *err)
{
    b->req = req;
    int rc = rf_import_state_open(req->state_dir, &b->state, err);
    if (rc == 0)
        rc = rf_way_back_find(b->state, req->to_name, options->id, &b->way, err);
    if (rc == 0)
        rc = check_site(b, err);
    if (rc == 0)
        rc = look(b, options, err);
    if (rc < 0)
        return rc;
    return options->plan ? finish(b, err) : write_back(b, err);
}
