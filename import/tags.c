/* SPDX-License-Identifier: Apache-2.0 */
#include "import/tags.h"

#include "base/cancel.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "import/tag_map.h"

struct tag_jobs {
    struct rf_import_run *r;
    struct rf_old_tag *old; /* per image line with a tag */
    uint32_t *images;
    char **repos;
    bool *ours; /* a list of referrers that this run itself may have made */
    size_t n;
};

static void tag_jobs_release(struct tag_jobs *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->repos[i]);
    free(t->repos);
    free(t->ours);
    free(t->old);
    free(t->images);
}

static void collect_tags(struct rf_import_run *r, struct tag_jobs *t)
{
    const struct rf_desired *d = &r->doc->desired;
    size_t n = rf_bundle_is_repair(r->doc) ? 0 : d->n;
    t->r = r;
    t->old = rf_xcalloc(d->n + 1, sizeof(*t->old));
    t->images = rf_xcalloc(d->n + 1, sizeof(*t->images));
    t->repos = rf_xcalloc(d->n + 1, sizeof(*t->repos));
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

/*
 * Where a registry has no referrers API, each referrer that was put is listed under a tag of its subject. Such a list holds nothing of anybody else
 * when the bundle brought all that it names.
 */
static bool is_list_of_ours(const struct rf_bundle *doc, const struct rf_image *im,
                            const struct rf_manifest *m)
{
    static const char prefix[] = "sha256-";
    const char *tag = rf_desired_str(&doc->desired, im->tag),
               *repository = rf_desired_str(&doc->desired, im->repository);
    if (strncmp(tag, prefix, sizeof(prefix) - 1) != 0 || strlen(tag) != sizeof(prefix) - 1 + 64 ||
        m->kind != RF_KIND_INDEX)
        return false;
    for (size_t i = 0; i < m->n_entries; i++)
        if (rf_bundle_find(doc, &m->entries[i].digest) == NULL &&
            rf_desired_find(&doc->desired, repository, "", &m->entries[i].digest) == NULL)
            return false;
    return true;
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
        t->old[k].was = m->digest;
        t->ours[k] = is_list_of_ours(t->r->doc, &t->r->doc->desired.images[t->images[k]], m);
        return 0;
    }
    /* what is no image to us can be what the tag was all the same */
    if (rc != -RFE_NOT_FOUND && !rf_run_ends(rc))
        rc = rf_place_resolve(to, t->repos[k], t->old[k].tag, NULL, &desc, &why);
    if (rc == 0)
        t->old[k].was = desc.digest;
    /* some registries answer 401 or 403 for a repository that is not there yet; writing will tell */
    return rc == 0 || rc == -RFE_NOT_FOUND || rc == -RFE_DENIED ? 0
                                                                : rf_fail(err, -rc, "%s", why.msg);
}

static int tag_manifest(struct rf_import_run *r, const struct rf_image *im, const char *repo,
                        struct rf_manifest **out, struct rf_err *err)
{
    const struct rf_bundle_blob *b = rf_bundle_find(r->doc, &im->digest);
    if (b != NULL && b->travel == RF_TRAVEL_CARRIED)
        return rf_run_manifest(r, (uint32_t)(b - r->doc->blobs), out, err);
    return rf_place_get_manifest(r->req->to, repo, NULL, &im->digest, NULL, out, err);
}

static int set_tag_job(void *ctx, size_t k, struct rf_err *err)
{
    struct tag_jobs *t = ctx;
    struct rf_import_run *r = t->r;
    const struct rf_image *im = &r->doc->desired.images[t->images[k]];
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_err why = RF_ERR_INIT;
    if (rf_digest_eq(&t->old[k].was, &im->digest)) {
        rf_run_count(r, &r->counts.tags_right, 1);
        return 0;
    }
    int rc = tag_manifest(r, im, t->repos[k], &m, &why);
    if (rc == 0)
        rc = rf_place_put_manifest(r->req->to, t->repos[k], t->old[k].tag, m, RF_PUT_READ_BACK,
                                   &why);
    if (rc == 0) {
        rf_run_count(r, &r->counts.tags_set, 1);
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

/* Marks what a bundle that was applied here brought under the same name. Returns how many are left that none did. */
static size_t explain(const struct tag_jobs *t, bool *known, const struct rf_bundle *b)
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

static void explain_all(const struct tag_jobs *t, bool *known, size_t left,
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
static void find_foreign(const struct tag_jobs *t, const struct rf_import_state *state)
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
    for (size_t k = 0; k < t->n; k++)
        if (!known[k])
            r->foreign[r->n_foreign++] = (struct rf_foreign){ t->images[k], t->old[k].was };
}

static void warn_of_foreign(const struct rf_import_run *r)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf name;
    char text[RF_DIGEST_TEXT], n[24];
    rf_buf_init(&name, 0);
    if (r->n_foreign == 0)
        return;
    const struct rf_foreign *f = &r->foreign[0];
    rf_image_name(&r->doc->desired, &r->doc->desired.images[f->image], &name);
    (void)snprintf(n, sizeof(n), "%zu", r->n_foreign);
    rf_log(
        RF_LOG_WARN,
        "Overwriting tags that point to what no bundle brought here: somebody else set them; regimport rollback can bring them back",
        "tags", n, "first", name.ptr, "digest", rf_digest_text(&f->was, text), NULL);
}

/* ---- the steps ---- */

static int look(struct tag_jobs *t, const struct rf_import_state *state, struct rf_err *err)
{
    struct rf_import_run *r = t->r;
    int rc = rf_parallel(r->req->parallel, t->n, old_tag_job, t, err);
    if (rc < 0)
        return rc;
    free(r->tag_had);
    r->tag_had = rf_xcalloc(r->doc->desired.n + 1, sizeof(*r->tag_had));
    for (size_t k = 0; k < t->n; k++)
        r->tag_had[t->images[k]] = t->old[k].was;
    find_foreign(t, state);
    return 0;
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
    return rc < 0 ? rc : rf_parallel(r->req->parallel, t.n, set_tag_job, &t, err);
}

int rf_apply_forecast_tags(struct rf_import_run *r, const struct rf_import_state *state,
                           struct rf_err *err)
{
    RF_CLEANUP(tag_jobs_release) struct tag_jobs t = { 0 };
    collect_tags(r, &t);
    int rc = look(&t, state, err);
    for (size_t i = 0; rc == 0 && i < t.n; i++) {
        bool right = rf_digest_eq(&t.old[i].was, &t.old[i].becomes);
        r->forecast.counts.tags_right += right;
        r->forecast.counts.tags_set += !right;
    }
    return rc;
}
