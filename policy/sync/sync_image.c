/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/sync/sync_image.h"

#include <stdlib.h>

#include "base/cancel.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "policy/hooks.h"
#include "policy/index_cache.h"
#include "policy/step_rules.h"
#include "policy/sync/sync_compare.h"
#include "policy/sync/sync_copy.h"
#include "regclient/fetch.h"

/* What was seen before others were copied is looked at once more when it is older. */
#define STALE_MS 60000u

const char *rf_sync_outcome_text(enum rf_sync_outcome o)
{
    static const char *const texts[] = {
#define TEXT(name, text) text,
        RF_SYNC_OUTCOMES(TEXT)
#undef TEXT
    };
    return texts[o];
}

bool rf_sync_stopped(const struct rf_sync_env *env)
{
    return rf_cancelled() || atomic_load(&env->stop);
}

static void answer(struct rf_sync_answer *a, int rc, const struct rf_err *err)
{
    free(a->error);
    *a = (struct rf_sync_answer){ .rc = rc };
    if (rc < 0) {
        a->error = rf_xmalloc(sizeof(*a->error));
        *a->error = *err;
    }
}

/* ---- places ---- */

#define TREE "ocidir://"

/* Where the repository's name begins in the path of a layout below `root`; NULL: it is none of it. */
static const char *below(const char *root, const char *path, size_t *root_len)
{
    if (root == NULL || !rf_slice_starts(rf_slice_str(root), TREE))
        return NULL;
    root += strlen(TREE);
    size_t n = strlen(root);
    while (n > 1 && root[n - 1] == '/')
        n--;
    *root_len = n;
    return strncmp(path, root, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

int rf_sync_place(struct rf_sync_env *env, const struct rf_step *step, const struct rf_ref *ref,
                  unsigned flags, struct rf_place **place, const char **repo, struct rf_err *err)
{
    size_t n = 0;
    const char *root = (flags & RF_CLIENT_WRITE) != 0 ? step->target : step->source;
    const char *name = step->type == RF_STEP_REGISTRY && ref->scheme == RF_SCHEME_OCIDIR
                           ? below(root, ref->path, &n)
                           : NULL;
    if (name == NULL)
        return rf_client_place(env->client, ref, flags, place, repo, err);
    RF_CLEANUP(rf_freep) char *path = rf_xstrndup(ref->path, n);
    const struct rf_ref tree = { .scheme = RF_SCHEME_OCIDIR, .path = path };
    int rc = rf_client_place(env->client, &tree, flags | RF_CLIENT_TREE, place, repo, err);
    if (rc == 0)
        *repo = name;
    return rc;
}

/* ---- images ---- */

void rf_sync_image_init(struct rf_sync_image *i, const struct rf_step *step, char *source,
                        char *target)
{
    struct rf_err e = RF_ERR_INIT;
    *i = (struct rf_sync_image){ .step = step, .source = source, .target = target };
    int rc = rf_ref_parse(source, &i->src, &e);
    if (rc < 0) {
        i->failed = "Failed parsing source";
    } else {
        rc = rf_ref_parse(target, &i->dst, &e);
        if (rc < 0)
            i->failed = "Failed parsing target";
    }
    answer(&i->src_answer, rc, &e);
}

void rf_sync_image_release(struct rf_sync_image *i)
{
    rf_ref_release(&i->src);
    rf_ref_release(&i->dst);
    free(i->source);
    free(i->target);
    free(i->src_answer.error);
    free(i->dst_answer.error);
    rf_descriptor_release(&i->found);
    *i = (struct rf_sync_image){ 0 };
}

/* ---- looking ---- */

static const struct rf_digest *digest_of(const struct rf_ref *r)
{
    return rf_digest_is_set(&r->digest) ? &r->digest : NULL;
}

static int look_source(struct rf_sync_env *env, struct rf_sync_image *i, struct rf_err *err)
{
    struct rf_place *place = NULL;
    const char *repo = NULL;
    const struct rf_digest *digest = digest_of(&i->src);
    const char *tag = digest == NULL ? rf_sync_tag(&i->src) : NULL;
    int rc = rf_sync_place(env, i->step, &i->src, 0, &place, &repo, err);
    if (rc == 0)
        rc = rf_sync_head(place, repo, tag, digest, &i->found, &i->rate, err);
    if (rc < 0 || i->found.media_type != NULL)
        return rc;
    rf_descriptor_release(&i->found);
    return rf_fetch_whole_descriptor(place, repo, tag, digest, &i->found, err);
}

/* Whatever an answer says against it, the target then has no such image; only without an answer nothing is known. */
static int look_target(struct rf_sync_env *env, struct rf_sync_image *i, struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_place *place = NULL;
    const char *repo = NULL;
    struct rf_err e = RF_ERR_INIT;
    const struct rf_digest *digest = digest_of(&i->dst);
    int rc = rf_sync_place(env, i->step, &i->dst, RF_CLIENT_WRITE, &place, &repo, &e);
    if (rc == 0) {
        rc = rf_place_resolve(place, repo, digest == NULL ? rf_sync_tag(&i->dst) : NULL, digest, &d,
                              &e);
        i->there = rc == 0;
        i->has = d.digest;
        bool silent = e.http_status == 0 && (rc == -RFE_UNREACHABLE || rc == -RFE_TLS);
        if (!silent && !rf_cancelled())
            rc = 0;
    }
    if (rc < 0) {
        *err = e;
        return rf_wrap(err, rc, "failed to access target registry");
    }
    return 0;
}

void rf_sync_image_look_source(struct rf_sync_env *env, struct rf_sync_image *i)
{
    struct rf_err e = RF_ERR_INIT;
    if (i->failed != NULL)
        return;
    rf_descriptor_release(&i->found);
    int rc = look_source(env, i, &e);
    answer(&i->src_answer, rc, &e);
    i->looked_ms = rf_now_ms();
}

void rf_sync_image_look_target(struct rf_sync_env *env, struct rf_sync_image *i)
{
    struct rf_err e = RF_ERR_INIT;
    if (i->failed != NULL)
        return;
    i->there = false;
    int rc = look_target(env, i, &e);
    answer(&i->dst_answer, rc, &e);
}

void rf_sync_image_look(struct rf_sync_env *env, struct rf_sync_image *i)
{
    rf_sync_image_look_source(env, i);
    rf_sync_image_look_target(env, i);
}

/* ---- deciding ---- */

/* One image on its way through the steps of the algorithm. */
struct work {
    struct rf_sync_env *env;
    const struct rf_step *step;
    enum rf_sync_mode mode;
    struct rf_sync_image *i;
    struct rf_sync_pair pair;
    struct rf_sync_result *out;
    bool same; /* the target has what the source has */
};

static bool wants_more(const struct rf_step_settings *s)
{
    return s->force_recursive == RF_TRI_YES || s->referrers == RF_TRI_YES ||
           s->digest_tags == RF_TRI_YES;
}

static int pick_entry(struct work *w, const struct rf_platform *platform, struct rf_digest *out,
                      struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    size_t at = 0;
    int rc = rf_place_get_manifest(w->pair.src, w->pair.src_repo, NULL, &w->i->found.digest, NULL,
                                   &m, err);
    if (rc == 0 && m->kind != RF_KIND_INDEX) {
        *out = m->digest;
        return 0;
    }
    if (rc == 0)
        rc = rf_manifest_pick(m, platform, &at, err);
    if (rc < 0)
        return rc;
    *out = m->entries[at].digest;
    if (rf_media_kind(m->entries[at].media_type) != RF_KIND_INDEX)
        return 0;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    rc = rf_fetch_choice(w->pair.src, w->pair.src_repo, NULL, out, platform, &d, err);
    if (rc == 0)
        *out = d.digest;
    return rc;
}

/* Reading the index is a pull, too. */
static int choose_platform(struct work *w, struct rf_err *err)
{
    RF_CLEANUP(rf_platform_release) struct rf_platform platform = RF_PLATFORM_INIT;
    const char *text = w->step->platform;
    struct rf_digest *choice = &w->out->digest;
    bool entered = false;
    if (rf_index_cache_get(w->env->choices, &w->i->found.digest, text, choice))
        return 0;
    int rc = rf_platform_parse(text, &platform, err);
    if (rc == 0)
        rc = rf_sync_rate_wait(w->env, w->step, w->i, &w->pair, 1, false, &entered, err);
    if (rc == 0)
        rc = pick_entry(w, &platform, choice, err);
    if (entered)
        rf_rate_gate_leave(w->env->gate, w->pair.src->name, 1);
    if (rc == 0)
        rf_index_cache_put(w->env->choices, &w->i->found.digest, text, choice);
    else if (rc != -RFE_CANCELLED && !rf_cancelled())
        rf_log(RF_LOG_WARN, "Platform could not be found in source manifest list", "platform", text,
               "source", w->pair.source, "error", err->msg, NULL);
    return rc;
}

/* Steps 3 to 6: 1 when there is nothing to do, and the outcome says why. */
static int is_done(struct work *w, struct rf_err *err)
{
    const struct rf_step_settings *s = &w->step->s;
    struct rf_sync_image *i = w->i;
    w->out->digest = i->found.digest;
    w->same = i->there && rf_digest_eq(&i->found.digest, &i->has);
    if (w->same && (s->fast_check == RF_TRI_YES || !wants_more(s))) {
        rf_log(RF_LOG_DEBUG, "Image matches", "source", w->pair.source, "target", w->pair.target,
               NULL);
        w->out->outcome = RF_SYNC_UNCHANGED;
        return 1;
    }
    if (w->mode == RF_SYNC_MISSING && i->there) {
        rf_log(RF_LOG_DEBUG, "target exists", "source", w->pair.source, "target", w->pair.target,
               NULL);
        w->out->outcome = RF_SYNC_EXISTS;
        return 1;
    }
    if (!rf_step_takes_type(w->step, i->found.media_type)) {
        rf_step_tell_skipped(w->step, w->pair.source, i->found.media_type);
        w->out->outcome = RF_SYNC_SKIPPED;
        return 1;
    }
    if (w->step->platform == NULL || rf_media_kind(i->found.media_type) != RF_KIND_INDEX)
        return 0;
    int rc = choose_platform(w, err);
    if (rc < 0)
        return rc;
    w->same = w->same || (i->there && rf_digest_eq(&w->out->digest, &i->has));
    if (!w->same || s->force_recursive == RF_TRI_YES)
        return 0;
    rf_log(RF_LOG_DEBUG, "Image matches for platform", "source", w->pair.source, "platform",
           w->step->platform, "target", w->pair.target, NULL);
    w->out->outcome = RF_SYNC_UNCHANGED;
    return 1;
}

static void tell_needed(const struct work *w)
{
    const struct rf_step_settings *s = &w->step->s;
    if (w->same)
        rf_log_with(RF_LOG_INFO, "Image refreshing", rf_log_text("source", w->pair.source),
                    rf_log_text("target", w->pair.target),
                    rf_log_bool("forced", s->force_recursive == RF_TRI_YES),
                    rf_log_bool("digestTags", s->digest_tags == RF_TRI_YES),
                    rf_log_bool("referrers", s->referrers == RF_TRI_YES));
    else
        rf_log(RF_LOG_INFO, "Image sync needed", "source", w->pair.source, "target", w->pair.target,
               NULL);
}

/* Before a copy a hook's failure keeps the image from being copied; afterwards there is nothing to be kept from. */
static int run_hook(struct work *w, const char *name, const struct rf_hook *hook,
                    struct rf_err *err)
{
    struct rf_err e = RF_ERR_INIT;
    if (w->env->hooks == NULL || hook == NULL || w->mode == RF_SYNC_CHECK)
        return 0;
    bool before = strcmp(name, "pre") == 0;
    const struct rf_hook_facts facts = {
        .hook = name,
        .step = w->step,
        .source = w->pair.source,
        .target = w->pair.target,
        .outcome = before ? NULL : rf_sync_outcome_text(w->out->outcome),
        .digest = &w->out->digest,
        .bytes = w->out->copied.bytes_moved,
    };
    int rc = rf_hook_run(w->env->hooks, hook, &facts, &e);
    if (rc == 0)
        return 0;
    if (!rf_cancelled())
        rf_log(before ? RF_LOG_ERROR : RF_LOG_WARN, "Hook failed", "hook", name, "source",
               w->pair.source, "target", w->pair.target, "error", e.msg, NULL);
    if (!before && !rf_cancelled())
        return 0;
    *err = e;
    return rc;
}

static int copy(struct work *w, struct rf_err *err)
{
    struct rf_digest digest = w->out->digest;
    int rc = run_hook(w, "pre", w->step->s.hooks.pre, err);
    if (rc == 0)
        rc = rf_sync_copy(w->env, w->step, w->i, &w->pair, &digest, w->i->there && !w->same,
                          &w->out->copied, err);
    if (rc < 0)
        return rc;
    w->out->outcome = w->same ? RF_SYNC_REFRESHED : RF_SYNC_COPIED;
    return run_hook(w, "post", w->step->s.hooks.post, err);
}

/* The line is in the log also when it turns out that nothing is lacking: a copy would go through it. */
static int check(struct work *w, struct rf_err *err)
{
    static const enum rf_sync_outcome outcomes[] = {
        [RF_SYNC_ALONG_THERE] = RF_SYNC_UNCHANGED,
        [RF_SYNC_ALONG_LACKS] = RF_SYNC_REFRESH_NEEDED,
        [RF_SYNC_ALONG_UNKNOWN] = RF_SYNC_MAY_DIFFER,
    };
    enum rf_sync_along along = RF_SYNC_ALONG_UNKNOWN;
    w->out->outcome = RF_SYNC_NEEDED;
    if (!w->same)
        return 0;
    int rc = rf_digest_eq(&w->i->found.digest, &w->out->digest)
                 ? rf_sync_compare_along(w->env, w->i, &w->pair, &along, err)
                 : 0; /* one image of an index, to be copied again by force */
    w->out->outcome = outcomes[along];
    return rc;
}

static int act(struct work *w, struct rf_err *err)
{
    int rc = is_done(w, err);
    if (rc < 0)
        return rc;
    if (rc == 1 && w->out->outcome == RF_SYNC_UNCHANGED)
        return run_hook(w, "unchanged", w->step->s.hooks.unchanged, err);
    if (rc == 1)
        return 0;
    tell_needed(w);
    return w->mode == RF_SYNC_CHECK ? check(w, err) : copy(w, err);
}

static int look_again(struct work *w, struct rf_err *err)
{
    struct rf_sync_image *i = w->i;
    bool same = i->src_answer.rc == 0 && i->there && rf_digest_eq(&i->found.digest, &i->has);
    if (!same && rf_now_ms() - i->looked_ms > STALE_MS)
        rf_sync_image_look(w->env, i);
    bool source = i->src_answer.rc < 0;
    const struct rf_sync_answer *a = source ? &i->src_answer : &i->dst_answer;
    if (a->rc == 0)
        return 0;
    RF_CHECK(a->error != NULL); /* it comes with the code */
    *err = *a->error;
    if (!rf_cancelled())
        rf_log(RF_LOG_ERROR,
               source ? "Failed to lookup source manifest" : "Failed to lookup target manifest",
               source ? "source" : "target", source ? w->pair.source : w->pair.target, "error",
               err->msg, NULL);
    return a->rc;
}

void rf_sync_image_run(struct rf_sync_env *env, const struct rf_step *step, enum rf_sync_mode mode,
                       struct rf_sync_image *i, struct rf_sync_result *out)
{
    *out = (struct rf_sync_result){ .outcome = RF_SYNC_FAILED };
    struct work w = { .env = env, .step = step, .mode = mode, .i = i, .out = out };
    int rc = 0;
    if (i->failed != NULL) {
        bool source = strcmp(i->failed, "Failed parsing source") == 0;
        out->error = *i->src_answer.error;
        out->rc = i->src_answer.rc;
        rf_log(RF_LOG_ERROR, i->failed, source ? "source" : "target",
               source ? i->source : i->target, "error", out->error.msg, "step", step->where, NULL);
        return;
    }
    rc = rf_sync_pair_open(env, i, &w.pair, &out->error);
    if (rc == 0)
        rc = look_again(&w, &out->error);
    if (rc == 0)
        rc = act(&w, &out->error);
    out->rc = rc;
    out->rate = i->rate;
    if (rc < 0) {
        out->outcome = RF_SYNC_FAILED;
        /* Every line of error says which image it is about. */
        if (w.pair.source != NULL && strstr(out->error.msg, w.pair.source) == NULL)
            (void)(rf_wrap)(&out->error, rc, "%s", w.pair.source);
        if (!rf_cancelled() && !rf_sync_left(out))
            rf_log(RF_LOG_ERROR, "Failed to sync", "target", w.pair.target, "source", w.pair.source,
                   "error", out->error.msg, "step", step->where, NULL);
    }
    rf_sync_pair_release(&w.pair);
}
