/* SPDX-License-Identifier: Apache-2.0 */
#include "import/tags.h"

#include "base/cancel.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "import/ahead.h"
#include "import/lists.h"
#include "import/tag_map.h"

struct tag_jobs {
    struct rf_import_run *r;
    struct rf_old_tag *old; /* per image line with a tag */
    uint32_t *images;
    char **repos;
    struct rf_digest *
        now; /* what the tag has; for a list of referrers, `was` of the old one is from before this run */
    struct rf_manifest **merged; /* what it gets instead of what the line says, or NULL */
    size_t *others;              /* entries of that list that others made */
    bool *ours;                  /* a list of referrers that this run itself may have made */
    size_t n;
};

static void tag_jobs_release(struct tag_jobs *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free(t->repos[i]);
        rf_manifest_free(t->merged[i]);
    }
    free(t->repos);
    free(t->now);
    free(t->merged);
    free(t->others);
    free(t->ours);
    free(t->old);
    free(t->images);
}

static const struct rf_image *image_of(const struct tag_jobs *t, size_t k)
{
    return &t->r->doc->desired.images[t->images[k]];
}

static void collect_tags(struct rf_import_run *r, struct tag_jobs *t)
{
    const struct rf_desired *d = &r->doc->desired;
    size_t n = rf_bundle_is_repair(r->doc) ? 0 : d->n;
    t->r = r;
    t->old = rf_xcalloc(d->n + 1, sizeof(*t->old));
    t->images = rf_xcalloc(d->n + 1, sizeof(*t->images));
    t->repos = rf_xcalloc(d->n + 1, sizeof(*t->repos));
    t->now = rf_xcalloc(d->n + 1, sizeof(*t->now));
    t->merged = rf_xcalloc(d->n + 1, sizeof(struct rf_manifest *));
    t->others = rf_xcalloc(d->n + 1, sizeof(*t->others));
    t->ours = rf_xcalloc(d->n + 1, sizeof(*t->ours));
    for (size_t i = 0; i < n; i++) {
        const struct rf_image *im = &d->images[i];
        const char *tag = rf_desired_str(d, im->tag);
        if (!rf_image_is_wanted(im) || tag[0] == '\0' || r->refused[i] != NULL || r->lacking[i])
            continue;
        t->repos[t->n] = rf_run_repo(r, rf_desired_str(d, im->repository));
        t->old[t->n] =
            (struct rf_old_tag){ .repository = t->repos[t->n], .tag = tag, .becomes = im->digest };
        t->images[t->n++] = (uint32_t)i;
    }
}

static int tag_manifest(struct rf_import_run *r, const struct rf_image *im, const char *repo,
                        struct rf_manifest **out, struct rf_err *err)
{
    const struct rf_bundle_blob *b = rf_bundle_find(r->doc, &im->digest);
    if (b != NULL && (b->travel == RF_TRAVEL_CARRIED || r->found[b - r->doc->blobs] != RF_NO_ID))
        return rf_run_manifest(r, (uint32_t)(b - r->doc->blobs), out, err);
    return rf_place_get_manifest(r->req->to, repo, NULL, &im->digest, NULL, out, err);
}

/* A list of referrers: those that others listed under the tag stay. What the line says cannot be read: then that is told when the tag is set. */
static int merge_list(struct tag_jobs *t, size_t k, const struct rf_manifest *now,
                      struct rf_err *err)
{
    struct rf_import_run *r = t->r;
    const struct rf_image *im = image_of(t, k);
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *wanted = NULL;
    struct rf_err unused = RF_ERR_INIT;
    if (!rf_list_is_line(r->doc, im) || rf_digest_eq(&now->digest, &im->digest) ||
        tag_manifest(r, im, t->repos[k], &wanted, &unused) < 0)
        return 0;
    int rc = rf_list_merge(r->doc, im, now, wanted, &t->merged[k], &t->others[k], err);
    if (rc == 0 && t->merged[k] != NULL)
        t->old[k].becomes = t->merged[k]->digest;
    return rc;
}

/* The tag is read, not only asked for: a registry may tell of what it cannot give any more, and a tag that cannot be read is set again. */
static int old_tag_job(void *ctx, size_t k, struct rf_err *err)
{
    struct tag_jobs *t = ctx;
    struct rf_place *to = t->r->req->to;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor desc = RF_DESCRIPTOR_INIT;
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_place_get_manifest(to, t->repos[k], t->old[k].tag, NULL, NULL, &m, &why);
    if (rc == 0) {
        t->now[k] = m->digest;
        t->ours[k] = rf_list_is_ours(t->r->doc, image_of(t, k), m);
        return merge_list(t, k, m, err);
    }
    /* what is no image to us can be what the tag was all the same */
    if (rc != -RFE_NOT_FOUND && !rf_run_ends(rc))
        rc = rf_place_resolve(to, t->repos[k], t->old[k].tag, NULL, &desc, &why);
    if (rc == 0)
        t->now[k] = desc.digest;
    /* some registries answer 401 or 403 for a repository that is not there yet; writing will tell */
    return rc == 0 || rc == -RFE_NOT_FOUND || rc == -RFE_DENIED ? 0
                                                                : rf_fail(err, -rc, "%s", why.msg);
}

static int set_tag_job(void *ctx, size_t k, struct rf_err *err)
{
    struct tag_jobs *t = ctx;
    struct rf_import_run *r = t->r;
    const struct rf_image *im = image_of(t, k);
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_err why = RF_ERR_INIT;
    bool set = !rf_digest_eq(&t->old[k].was, &t->old[k].becomes);
    bool put = !rf_digest_eq(&t->now[k], &t->old[k].becomes);
    /* with a list of both sides under the tag, the carried one has none: a layout keeps it if index.json lists it */
    bool list =
        t->merged[k] != NULL && rf_image_travels(im) && (r->req->to->flags & RF_PLACE_LOCAL) != 0;
    int rc = put || list ? tag_manifest(r, im, t->repos[k], &m, &why) : 0;
    if (rc == 0 && list)
        rc = rf_place_put_manifest(r->req->to, t->repos[k], NULL, m, RF_PUT_READ_BACK, &why);
    if (rc == 0 && put)
        rc = rf_place_put_manifest(r->req->to, t->repos[k], t->old[k].tag,
                                   t->merged[k] != NULL ? t->merged[k] : m, RF_PUT_READ_BACK, &why);
    if (rc == 0) {
        rf_run_count(r, set ? &r->counts.tags_set : &r->counts.tags_right, 1);
        return 0;
    }
    rf_wrap(&why, rc, "%s:%s", t->repos[k], t->old[k].tag);
    if (rf_cancelled())
        return rf_cancel_check(err);
    if (rf_run_ends(rc))
        return rf_fail(err, -rc, "%s", why.msg);
    pthread_mutex_lock(&r->lock);
    r->refused[t->images[k]] = rf_xstrdup(why.msg);
    pthread_mutex_unlock(&r->lock);
    return 0;
}

static int save_old_tags(const struct tag_jobs *t, struct rf_import_state *state,
                         struct rf_err *err)
{
    RF_CLEANUP(rf_freep) struct rf_old_tag *moving = rf_xcalloc(t->n + 1, sizeof(*moving));
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        if (!rf_digest_eq(&t->old[i].was, &t->old[i].becomes))
            moving[n++] = t->old[i];
    if (state == NULL || rf_bundle_is_repair(t->r->doc))
        return 0;
    return rf_import_state_save_tags(state, t->r->doc, t->r->req->to_name, moving, n, err);
}

/* ---- tags that somebody else moved ---- */

/* So many bundles that were applied here are looked through, the last ones. */
#define BUNDLES_MAX 64u

/* The list was as a bundle brought it: what it has beside the new one is what the connected side took out. */
static void unmerge(struct tag_jobs *t, size_t k)
{
    rf_manifest_freep(&t->merged[k]);
    t->others[k] = 0;
    t->old[k].becomes = t->r->doc->desired.images[t->images[k]].digest;
}

/* Marks what a bundle that was applied here brought under the same name. Returns how many are left that none did. */
static size_t explain(struct tag_jobs *t, bool *known, const struct rf_bundle *b)
{
    const struct rf_desired *d = &t->r->doc->desired;
    size_t left = 0;
    for (size_t k = 0; k < t->n; k++) {
        const struct rf_image *im = &d->images[t->images[k]];
        if (known[k])
            continue;
        const struct rf_image *then =
            rf_desired_find(&b->desired, rf_desired_str(d, im->repository), t->old[k].tag, NULL);
        known[k] = then != NULL && rf_digest_eq(&then->digest, &t->old[k].was);
        if (known[k] && t->merged[k] != NULL && rf_digest_eq(&t->now[k], &t->old[k].was))
            unmerge(t, k);
        left += !known[k];
    }
    return left;
}

static void explain_unfinished(const struct tag_jobs *t, bool *known,
                               const struct rf_import_state *state)
{
    RF_CLEANUP(rf_tag_map_release) struct rf_tag_map m;
    rf_tag_map_init(&m);
    if (rf_tag_map_find_unfinished(state, t->r->req->to_name, &m, NULL) < 0)
        return;
    for (size_t k = 0; k < t->n; k++)
        for (size_t i = 0; i < m.n && !known[k]; i++)
            known[k] = strcmp(m.tags[i].tag, t->old[k].tag) == 0 &&
                       strcmp(m.tags[i].repository, t->repos[k]) == 0 &&
                       rf_digest_eq(&m.tags[i].becomes, &t->old[k].was);
}

static void explain_all(struct tag_jobs *t, bool *known, size_t left,
                        const struct rf_import_state *state)
{
    size_t looked = 0;
    for (size_t i = state->n; i > 0 && left > 0 && looked < BUNDLES_MAX; i--) {
        struct rf_bundle b;
        if (strcmp(state->records[i - 1].to, t->r->req->to_name) != 0)
            continue;
        rf_bundle_init(&b);
        if (rf_import_state_load_bundle(state, &state->records[i - 1].id, &b, NULL) == 0)
            left = explain(t, known, &b);
        rf_bundle_release(&b);
        looked++;
    }
    if (left > 0)
        explain_unfinished(t, known, state);
}

/* A tag that is to move away from what no bundle brought: somebody else set it, and wants to know. */
static void find_foreign(struct tag_jobs *t, const struct rf_import_state *state)
{
    struct rf_import_run *r = t->r;
    RF_CLEANUP(rf_freep) bool *known = rf_xcalloc(t->n + 1, sizeof(*known));
    size_t left = 0;
    for (size_t k = 0; k < t->n; k++) {
        known[k] = t->ours[k] || !rf_digest_is_set(&t->old[k].was) ||
                   rf_digest_eq(&t->old[k].was, &t->old[k].becomes);
        left += !known[k];
    }
    if (left > 0 && state != NULL)
        explain_all(t, known, left, state);
    free(r->foreign);
    r->n_foreign = 0;
    r->foreign = rf_xcalloc(t->n + 1, sizeof(*r->foreign));
    for (size_t k = 0; k < t->n; k++) {
        t->old[k].foreign = !known[k];
        if (!known[k] && t->merged[k] == NULL)
            r->foreign[r->n_foreign++] = (struct rf_foreign){ t->images[k], t->old[k].was };
    }
}

static void warn_of_foreign(const struct rf_import_run *r)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf name;
    char text[RF_DIGEST_TEXT];
    rf_buf_init(&name, 0);
    if (r->n_foreign == 0)
        return;
    const struct rf_foreign *f = &r->foreign[0];
    rf_image_name(&r->doc->desired, &r->doc->desired.images[f->image], &name);
    rf_log_with(
        RF_LOG_WARN,
        "Overwriting tags that point to what no bundle brought here: somebody else set them; regimport rollback can bring them back",
        rf_log_uint("tags", r->n_foreign), rf_log_text("first", name.ptr),
        rf_log_text("digest", rf_digest_text(&f->was, text)));
}

/* ---- the steps ---- */

static int look(struct tag_jobs *t, const struct rf_import_state *state, struct rf_err *err)
{
    struct rf_import_run *r = t->r;
    int rc = rf_parallel(r->req->parallel, t->n, old_tag_job, t, err);
    if (rc < 0)
        return rc;
    for (size_t k = 0; k < t->n; k++) {
        bool list = r->list_had != NULL && rf_list_is_line(r->doc, image_of(t, k));
        t->old[k].was = list ? r->list_had[t->images[k]] : t->now[k];
    }
    find_foreign(t, state);
    free(r->tag_had);
    free(r->tag_gets);
    free(r->merged);
    r->tag_had = rf_xcalloc(r->doc->desired.n + 1, sizeof(*r->tag_had));
    r->tag_gets = rf_xcalloc(r->doc->desired.n + 1, sizeof(*r->tag_gets));
    r->merged = rf_xcalloc(t->n + 1, sizeof(*r->merged));
    r->n_merged = 0;
    for (size_t k = 0; k < t->n; k++) {
        r->tag_had[t->images[k]] = t->old[k].was;
        r->tag_gets[t->images[k]] = t->old[k].becomes;
        if (t->others[k] > 0)
            r->merged[r->n_merged++] = (struct rf_merged){ t->images[k], t->others[k] };
    }
    return 0;
}

/* Those who change one index.json at the same time share its writing, and the reading back: the more, the less often a long list is gone through. One at a time stays one at a time. */
#define LAYOUT_SETTERS 32u

static unsigned setters(const struct rf_import_request *req)
{
    bool local = (req->to->flags & RF_PLACE_LOCAL) != 0;
    return local && req->parallel > 1 && req->parallel < LAYOUT_SETTERS ? LAYOUT_SETTERS
                                                                        : req->parallel;
}

int rf_apply_tags(struct rf_import_run *r, struct rf_import_state *state, struct rf_err *err)
{
    RF_CLEANUP(tag_jobs_release) struct tag_jobs t = { 0 };
    collect_tags(r, &t);
    int rc = look(&t, state, err);
    if (rc == 0)
        warn_of_foreign(r);
    if (rc == 0)
        rc = save_old_tags(&t, state, err);
    return rc < 0 ? rc : rf_parallel(setters(r->req), t.n, set_tag_job, &t, err);
}

int rf_apply_forecast_tags(struct rf_import_run *r, const struct rf_import_state *state,
                           struct rf_err *err)
{
    RF_CLEANUP(tag_jobs_release) struct tag_jobs t = { 0 };
    collect_tags(r, &t);
    int rc = look(&t, state, err);
    for (size_t i = 0; rc == 0 && r->req->ahead != NULL && i < t.n; i++)
        if (t.merged[i] != NULL)
            rf_ahead_add_list(r->req->ahead, t.repos[i], t.merged[i]);
    for (size_t i = 0; rc == 0 && i < t.n; i++) {
        bool right = rf_digest_eq(&t.old[i].was, &t.old[i].becomes);
        r->forecast.counts.tags_right += right;
        r->forecast.counts.tags_set += !right;
    }
    return rc;
}
