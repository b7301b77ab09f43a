/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/sync/sync_copy.h"

#include <stdlib.h>

#include "base/cancel.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "policy/blob_hints.h"
#include "policy/object/object.h"
#include "policy/object/object_step.h"
#include "policy/step_rules.h"
#include "policy/sync/sync_crew.h"

/* How often who waits for a limit looks whether that is still wanted. */
#define LOOK_UP_MS 500u

/* ---- places ---- */

const char *rf_sync_tag(const struct rf_ref *r)
{
    if (r->tag != NULL || rf_digest_is_set(&r->digest))
        return r->tag;
    return "latest";
}

int rf_sync_pair_open(struct rf_sync_env *env, const struct rf_sync_image *i,
                      struct rf_sync_pair *out, struct rf_err *err)
{
    out->source = rf_ref_common_name(&i->src);
    out->target = rf_ref_common_name(&i->dst);
    int rc = rf_sync_place(env, i->step, &i->src, 0, &out->src, &out->src_repo, err);
    if (rc == 0)
        rc = rf_sync_place(env, i->step, &i->dst, RF_CLIENT_WRITE, &out->dst, &out->dst_repo, err);
    return rc;
}

void rf_sync_pair_release(struct rf_sync_pair *p)
{
    free(p->source);
    free(p->target);
    *p = (struct rf_sync_pair){ 0 };
}

int rf_sync_head(struct rf_place *p, const char *repo, const char *tag,
                 const struct rf_digest *digest, struct rf_descriptor *out, struct rf_rate *rate,
                 struct rf_err *err)
{
    struct rf_headers headers = { 0 };
    struct rf_rate_limit limit = { 0 };
    *rate = (struct rf_rate){ 0 };
    if (rf_registry_remote(p) == NULL)
        return rf_place_resolve(p, repo, tag, digest, out, err);
    int rc = rf_registry_head_manifest(p, repo, tag, digest, &headers, out, err);
    if (rc == 0) {
        rf_rate_limit_read(&headers, &limit);
        *rate = (struct rf_rate){ limit.set, limit.remain, limit.limit };
    }
    rf_rate_limit_release(&limit);
    rf_headers_release(&headers);
    return rc;
}

/* ---- the rate limit ---- */

static void tell_delay(const struct rf_step *step, const struct rf_sync_image *i,
                       const struct rf_sync_pair *pair)
{
    rf_log_with(RF_LOG_INFO, "Delaying for rate limit", rf_log_text("source", pair->source),
                rf_log_int("source-remain", i->rate.remain),
                rf_log_int("source-limit", i->rate.limit),
                rf_log_int("step-min", step->s.ratelimit_min),
                rf_log_duration("sleep", (int64_t)step->s.ratelimit_retry_ns));
}

static void tell_passed(const struct rf_step *step, const struct rf_sync_image *i,
                        const struct rf_sync_pair *pair)
{
    rf_log_with(RF_LOG_DEBUG, "Rate limit passed", rf_log_text("source", pair->source),
                rf_log_int("source-remain", i->rate.remain),
                rf_log_int("step-min", step->s.ratelimit_min));
}

/* It stays so for as long as the file and the registry say what they say. */
static void tell_hopeless(struct rf_sync_env *env, const struct rf_step *step,
                          const struct rf_sync_image *i, const struct rf_sync_pair *pair)
{
    if (i->rate.limit <= 0 || step->s.ratelimit_min <= i->rate.limit ||
        !rf_rate_gate_first_word(env->gate, step))
        return;
    rf_log_with(RF_LOG_WARN,
                "ratelimit.min is above the whole limit of the source, nothing is copied",
                rf_log_text("source", pair->source), rf_log_int("step-min", step->s.ratelimit_min),
                rf_log_int("source-limit", i->rate.limit), rf_log_text("step", step->where));
}

static bool is_left(const struct rf_sync_env *env)
{
    return atomic_load(&env->stop) || atomic_load(&env->retired);
}

/* Up to the whole time; less when cancelled, or when the step is to end. */
static int sleep_until_retry(const struct rf_sync_env *env, const struct rf_step *step,
                             struct rf_err *err)
{
    uint64_t ms = step->s.ratelimit_retry_ns / 1000000u, began = rf_now_ms();
    int rc = 0;
    if (env->sleep != NULL)
        return env->sleep(ms, err);
    for (uint64_t gone = 0; rc == 0 && gone < ms && !is_left(env); gone = rf_now_ms() - began)
        rc = rf_cancel_sleep(ms - gone < LOOK_UP_MS ? ms - gone : LOOK_UP_MS, err);
    return rc;
}

/* Others go on meanwhile. On failure no place is held. */
static int wait_outside(struct rf_sync_env *env, const struct rf_step *step, bool holds,
                        struct rf_err *err)
{
    if (holds)
        rf_throttle_give(env->throttle);
    rf_sync_crew_pause();
    int rc = sleep_until_retry(env, step, err);
    rf_sync_crew_resume();
    if (rc == 0 && is_left(env))
        rc = rf_fail(err, RFE_CANCELLED, "left while waiting for the rate limit");
    if (rc == 0 && holds)
        rc = rf_throttle_take(env->throttle, err);
    return rc;
}

int rf_sync_rate_wait(struct rf_sync_env *env, const struct rf_step *step, struct rf_sync_image *i,
                      const struct rf_sync_pair *pair, unsigned cost, bool holds, bool *entered,
                      struct rf_err *err)
{
    *entered = false;
    if (step->s.ratelimit_min <= 0 || !i->rate.set)
        return 0;
    for (;;) {
        RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
        int rc = rf_sync_head(pair->src, pair->src_repo, rf_sync_tag(&i->src),
                              rf_digest_is_set(&i->src.digest) ? &i->src.digest : NULL, &d,
                              &i->rate, err);
        if (rc < 0) {
            rf_log(RF_LOG_ERROR, "rate limit check failed", "source", pair->source, "error",
                   err->msg, NULL);
            if (holds)
                rf_throttle_give(env->throttle);
            return rc;
        }
        if (!i->rate.set)
            return 0;
        if (rf_rate_gate_enter(env->gate, pair->src->name, &i->rate, step->s.ratelimit_min, cost,
                               &i->untouched)) {
            tell_passed(step, i, pair);
            *entered = true;
            return 0;
        }
        tell_hopeless(env, step, i, pair);
        tell_delay(step, i, pair);
        rc = wait_outside(env, step, holds, err);
        if (rc < 0)
            return rc;
    }
}

/* ---- backup ---- */

static int save_backup(struct rf_sync_env *env, const struct rf_step *step,
                       const struct rf_sync_image *i, const struct rf_sync_pair *pair,
                       struct rf_err *err)
{
    RF_CLEANUP(rf_ref_release) struct rf_ref ref = RF_REF_INIT;
    struct rf_place *place = NULL;
    const char *repo = NULL;
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_step_backup(step, &i->dst, &ref, err);
    if (rc < 0) {
        rf_log(RF_LOG_ERROR, "Failed to parse backup reference", "original", pair->target,
               "template", step->s.backup, "error", err->msg, NULL);
        return rf_wrap(err, rc, "backup of %s", pair->target);
    }
    RF_CLEANUP(rf_freep) char *name = rf_ref_common_name(&ref);
    rf_log(RF_LOG_INFO, "Saving backup", "original", pair->target, "backup", name, NULL);
    rc = rf_sync_place(env, step, &ref, RF_CLIENT_WRITE, &place, &repo, &why);
    if (rc == 0)
        rc = rf_copy_image(pair->dst, pair->dst_repo, NULL, &i->has, place, repo, rf_sync_tag(&ref),
                           NULL, NULL, &why);
    if (rc == 0)
        return 0;
    if (rf_cancel_check(err) < 0)
        return rc;
    rf_log(RF_LOG_WARN, "Failed to backup existing image", "original", pair->target, "template",
           step->s.backup, "backup", name, "error", why.msg, NULL);
    return 0;
}

/* ---- options of the copy ---- */

/* What the options of a copy point to. */
struct how {
    struct rf_sync_env *env;
    const struct rf_sync_pair *pair;
    struct rf_digest has; /* the target; not set: nothing */
    struct rf_copy_options opts;
    struct rf_platform *platforms;
    struct rf_ref referrers_src, referrers_dst;
    const struct rf_step *step;
    struct rf_manifest *root;
};

static bool want_referrer(void *ctx, const struct rf_descriptor *d)
{
    return rf_step_takes_referrer(((const struct how *)ctx)->step, d);
}

static void how_release(struct how *h)
{
    for (size_t k = 0; k < h->opts.n_platforms; k++)
        rf_platform_release(&h->platforms[k]);
    free(h->platforms);
    rf_ref_release(&h->referrers_src);
    rf_ref_release(&h->referrers_dst);
    rf_manifest_free(h->root);
}

int rf_sync_open_side(struct rf_sync_env *env, const char *text, unsigned flags, const char *what,
                      struct rf_ref *ref, struct rf_copy_side *side, struct rf_err *err)
{
    if (text == NULL)
        return 0;
    int rc = rf_ref_parse_repo(text, ref, err);
    if (rc == 0)
        rc = rf_client_place(env->client, ref, flags, &side->place, &side->repo, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", what) : 0;
}

static int fill(struct rf_sync_env *env, const struct rf_step *step, struct how *h,
                struct rf_err *err)
{
    h->step = step;
    h->opts = (struct rf_copy_options){
        .referrers = step->s.referrers == RF_TRI_YES,
        .digest_tags = step->s.digest_tags == RF_TRI_YES,
        .include_external = step->s.include_external == RF_TRI_YES,
        .force = step->s.force_recursive == RF_TRI_YES,
        .fast = step->s.fast_check == RF_TRI_YES,
        .slow_referrers = step->s.referrer_slow == RF_TRI_YES,
        .sparse_hint = "leave `platforms` out, or copy to a registry that takes such an index",
        .want_referrer = want_referrer,
        .want_referrer_ctx = h,
    };
    h->platforms = rf_xcalloc(step->platforms.n + 1, sizeof(*h->platforms));
    for (size_t k = 0; k < step->platforms.n; k++) {
        int rc = rf_platform_parse(step->platforms.items[k], &h->platforms[k], err);
        if (rc < 0)
            return rc;
        h->opts.n_platforms++;
    }
    h->opts.platforms = h->platforms;
    if (!h->opts.referrers)
        return 0;
    int rc = rf_sync_open_side(env, step->s.referrer_source, 0, "referrerSource", &h->referrers_src,
                               &h->opts.referrers_src, err);
    if (rc == 0)
        rc = rf_sync_open_side(env, step->s.referrer_target, RF_CLIENT_WRITE, "referrerTarget",
                               &h->referrers_dst, &h->opts.referrers_dst, err);
    return rc;
}

static char *mount_hint(void *ctx, const struct rf_digest *digest)
{
    const struct how *h = ctx;
    return rf_blob_hints_find(h->env->hints, h->pair->dst, digest);
}

static void blob_there(void *ctx, const struct rf_digest *digest)
{
    const struct how *h = ctx;
    rf_blob_hints_note(h->env->hints, h->pair->dst, h->pair->dst_repo, digest);
}

/* What the look has found, and where other images have put their blobs. */
static void add_knowledge(struct rf_sync_env *env, const struct rf_sync_image *i,
                          const struct rf_sync_pair *pair, struct how *h)
{
    h->env = env;
    h->pair = pair;
    if (i->there)
        h->has = i->has;
    h->opts.target_has = &h->has;
    h->opts.hint_ctx = h;
    h->opts.turns = env->turns;
    if ((pair->dst->flags & RF_PLACE_CAN_MOUNT) == 0)
        return;
    h->opts.mount_hint = mount_hint;
    h->opts.blob_there = blob_there;
}

/* ---- the copy ---- */

/* How many manifests the copy will fetch beside the index: each counts as a pull. */
static int count_children(const struct how *h, unsigned *out, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) size_t *chosen = rf_xcalloc(h->root->n_entries + 1, sizeof(*chosen));
    int n = rf_manifest_select(h->root, h->opts.platforms, h->opts.n_platforms, chosen, err);
    if (n >= 0)
        *out = (unsigned)n;
    return n < 0 ? n : 0;
}

struct passage {
    struct rf_sync_env *env;
    const struct rf_sync_pair *pair;
    bool held;    /* a place of the throttle */
    bool entered; /* the gate, with */
    unsigned cost;
};

/* What was counted in advance has been pulled: blobs are not counted, and may take long. */
static void leave_gate(void *ctx)
{
    struct passage *p = ctx;
    if (p->entered)
        rf_rate_gate_leave(p->env->gate, p->pair->src->name, p->cost);
    p->entered = false;
}

static void leave(struct passage *p)
{
    leave_gate(p);
    if (p->held)
        rf_throttle_give(p->env->throttle);
    p->held = false;
}

static int enter_gate(struct rf_sync_env *env, const struct rf_step *step, struct rf_sync_image *i,
                      const struct rf_sync_pair *pair, unsigned cost, struct passage *p,
                      struct rf_err *err)
{
    p->cost = cost;
    int rc = rf_sync_rate_wait(env, step, i, pair, cost, true, &p->entered, err);
    if (rc < 0)
        p->held = false;
    return rc;
}

/* With a limit to be kept, an index is read first: it says how many pulls follow. */
static int pass_limit(struct rf_sync_env *env, const struct rf_step *step, struct rf_sync_image *i,
                      const struct rf_sync_pair *pair, const struct rf_digest *digest,
                      struct how *h, struct passage *p, struct rf_err *err)
{
    unsigned children = 0;
    int rc = enter_gate(env, step, i, pair, 1, p, err);
    bool index = rf_media_kind(i->found.media_type) == RF_KIND_INDEX &&
                 rf_digest_eq(digest, &i->found.digest);
    if (rc < 0 || !p->entered || !index)
        return rc;
    rc = rf_place_get_manifest(pair->src, pair->src_repo, NULL, digest, NULL, &h->root, err);
    leave_gate(p);
    if (rc == 0)
        rc = count_children(h, &children, err);
    if (rc < 0)
        return rc;
    h->opts.root = h->root;
    return enter_gate(env, step, i, pair, children, p, err);
}

int rf_sync_copy(struct rf_sync_env *env, const struct rf_step *step, struct rf_sync_image *i,
                 const struct rf_sync_pair *pair, const struct rf_digest *digest, bool replaces,
                 struct rf_copy_result *out, struct rf_err *err)
{
    RF_CLEANUP(how_release) struct how h = { .root = NULL };
    struct passage p = { .env = env, .pair = pair };
    int rc = fill(env, step, &h, err);
    add_knowledge(env, i, pair, &h);
    h.opts.read = leave_gate;
    h.opts.read_ctx = &p;
    if (rc == 0)
        rc = rf_throttle_take(env->throttle, err);
    p.held = rc == 0;
    if (rc == 0 && is_left(env))
        rc = rf_fail(err, RFE_CANCELLED, "left before it was begun");
    if (rc == 0)
        rc = pass_limit(env, step, i, pair, digest, &h, &p, err);
    if (rc == 0 && replaces && step->s.backup != NULL)
        rc = save_backup(env, step, i, pair, err);
    if (rc == 0) {
        rf_log(RF_LOG_DEBUG, "Image sync running", "source", pair->source, "target", pair->target,
               NULL);
        rc = rf_copy_image(pair->src, pair->src_repo, NULL, digest, pair->dst, pair->dst_repo,
                           rf_sync_tag(&i->dst), &h.opts, out, err);
        if (rc < 0 && !rf_cancelled())
            rf_log(RF_LOG_ERROR, "Failed to copy image", "source", pair->source, "target",
                   pair->target, "error", err->msg, NULL);
    }
    leave(&p);
    return rc;
}
