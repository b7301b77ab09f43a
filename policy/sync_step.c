/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/sync_step.h"

#include <stdlib.h>

#include "base/cancel.h"
#include "base/idmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "layout/oci_dir.h"
#include "policy/look_ahead.h"
#include "regclient/listing.h"
#include "regclient/stats.h"

#define WINDOW 64u /* images looked at ahead */

struct run {
    struct rf_sync_env *env;
    const struct rf_step *step;
    enum rf_sync_mode mode;
    struct rf_sync_report_step *report;
};

void rf_sync_report_step_release(struct rf_sync_report_step *r)
{
    for (size_t i = 0; i < r->n_images; i++) {
        free(r->images[i].source);
        free(r->images[i].target);
        free(r->images[i].error);
    }
    for (size_t i = 0; i < r->n_errors; i++)
        free(r->errors[i]);
    free(r->images);
    free(r->errors);
    *r = (struct rf_sync_report_step){ 0 };
}

/* ---- the report ---- */

static void note_error(struct run *r, int rc, const struct rf_err *err)
{
    struct rf_sync_report_step *p = r->report;
    if (rc == -RFE_CANCELLED || rc == -RFE_TERMINATED || rf_cancelled()) {
        p->cancelled = true;
        return;
    }
    if (r->env->abort_on_error)
        atomic_store(&r->env->stop, true);
    if (p->n_errors == RF_SYNC_ERRORS_MAX) {
        p->more_errors++;
        return;
    }
    p->errors = rf_grow(p->errors, p->n_errors, &p->cap_errors, sizeof(*p->errors));
    p->errors[p->n_errors++] = rf_xstrdup(err->msg);
}

static void note_image(struct run *r, const struct rf_sync_image *i,
                       const struct rf_sync_result *result)
{
    struct rf_sync_report_step *p = r->report;
    bool failed = result->outcome == RF_SYNC_FAILED;
    if (failed)
        note_error(r, result->rc, &result->error);
    p->outcomes[result->outcome]++;
    p->bytes += result->copied.bytes_moved;
    if (result->rate.set)
        p->rate = result->rate;
    if (!p->keep_images)
        return;
    p->images = rf_grow(p->images, p->n_images, &p->cap_images, sizeof(*p->images));
    p->images[p->n_images++] =
        (struct rf_sync_report_image){ .source = rf_xstrdup(i->source),
                                       .target = rf_xstrdup(i->target),
                                       .outcome = result->outcome,
                                       .digest = result->digest,
                                       .bytes = result->copied.bytes_moved,
                                       .error = failed ? rf_xstrdup(result->error.msg) : NULL };
}

/* ---- images ---- */

/* In a layout, what nothing refers to any more is removed. Somebody else is writing there: it goes with the next change. */
static void close_target(const struct run *r, const struct rf_ref *dst)
{
    struct rf_place *place = NULL;
    const char *repo = NULL;
    struct rf_gc_result removed;
    struct rf_err e = RF_ERR_INIT;
    if (dst->scheme != RF_SCHEME_OCIDIR)
        return;
    int rc = rf_client_place(r->env->client, dst, RF_CLIENT_WRITE, &place, &repo, &e);
    if (rc == 0)
        rc = rf_oci_dir_gc(place, repo, &removed, &e);
    if (rc < 0 && rc != -RFE_BUSY && rc != -RFE_NOT_FOUND && !rf_cancelled())
        rf_log(RF_LOG_ERROR, "Error closing ref", "ref", dst->text, "error", e.msg, NULL);
}

/* All tags of a repository, or one image. */
struct batch {
    struct run *r;
    const char *src, *dst;
    char **tags; /* NULL: src and dst are the images themselves */
    size_t n;
    struct rf_stats *counted; /* of the step */
    struct rf_sync_image ring[WINDOW];
};

static void ask(void *ctx, size_t k)
{
    struct batch *b = ctx;
    struct rf_sync_image *i = &b->ring[k % WINDOW];
    bool whole = b->tags == NULL;
    struct rf_stats *before = rf_stats_also(b->counted);
    rf_sync_image_init(i, whole ? rf_xstrdup(b->src) : rf_xasprintf("%s:%s", b->src, b->tags[k]),
                       whole ? rf_xstrdup(b->dst) : rf_xasprintf("%s:%s", b->dst, b->tags[k]));
    if (!rf_sync_stopped(b->r->env))
        rf_sync_image_look(b->r->env, i);
    (void)rf_stats_also(before);
}

static void run_batch(struct run *r, const char *src, const char *dst, char **tags, size_t n)
{
    struct batch *b = rf_xcalloc(1, sizeof(*b));
    bool wrote = false;
    *b = (struct batch){ .r = r, .src = src, .dst = dst, .tags = tags, .n = n };
    b->counted = rf_stats_also(NULL);
    (void)rf_stats_also(b->counted);
    struct rf_look *look = rf_look_start(r->env->looks, n, WINDOW, ask, b);
    for (size_t k = 0; k < n && !rf_sync_stopped(r->env); k++) {
        struct rf_sync_result result;
        struct rf_sync_image *i = &b->ring[k % WINDOW];
        rf_look_wait(look, k);
        if (rf_sync_stopped(r->env))
            break; /* it may not have been looked at */
        rf_sync_image_run(r->env, r->step, r->mode, i, &result);
        note_image(r, i, &result);
        wrote = wrote || result.copied.manifests_put > 0;
        if (wrote && (k + 1 == n || rf_sync_stopped(r->env)))
            close_target(r, &i->dst);
        rf_sync_image_release(i);
    }
    rf_look_end(look);
    for (size_t k = 0; k < WINDOW; k++)
        rf_sync_image_release(&b->ring[k]);
    free(b);
}

/* ---- repositories ---- */

static void fail(struct run *r, const char *msg, const char *key, const char *value, int rc,
                 const struct rf_err *err)
{
    if (!rf_cancelled())
        rf_log(RF_LOG_ERROR, msg, key, value, "error", err->msg, NULL);
    r->report->outcomes[RF_SYNC_FAILED]++;
    note_error(r, rc, err);
}

static void join(struct rf_buf *out, const struct rf_yaml_list *list)
{
    rf_buf_add_char(out, '[');
    for (size_t i = 0; i < list->n; i++)
        rf_buf_addf(out, "%s%s", i > 0 ? " " : "", list->items[i]);
    rf_buf_add_char(out, ']');
}

static void add_rules(struct rf_buf *out, const struct rf_name_rules *rules)
{
    rf_buf_add_str(out, "{allow:");
    join(out, &rules->allow);
    rf_buf_add_str(out, " deny:");
    join(out, &rules->deny);
    rf_buf_add_str(out, " semverRange:");
    join(out, &rules->semver);
    rf_buf_add_char(out, '}');
}

static void tell_no_tags(const struct run *r, const char *src, size_t available)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf tags;
    RF_CLEANUP(rf_buf_release) struct rf_buf sets;
    char number[24];
    rf_buf_init(&tags, 4096);
    rf_buf_init(&sets, 4096);
    add_rules(&tags, &r->step->tags);
    rf_buf_add_char(&sets, '[');
    for (size_t i = 0; i < r->step->n_tag_sets; i++)
        add_rules(&sets, &r->step->tag_sets[i]);
    rf_buf_add_char(&sets, ']');
    (void)snprintf(number, sizeof(number), "%zu", available);
    rf_log(RF_LOG_WARN, "No matching tags found", "source", src, "tags", tags.ptr, "tagSets",
           sets.ptr, "available", number, NULL);
}

static int list_tags(struct rf_sync_env *env, const char *text, unsigned flags,
                     struct rf_listing *out, struct rf_err *err)
{
    RF_CLEANUP(rf_ref_release) struct rf_ref ref = RF_REF_INIT;
    struct rf_place *place = NULL;
    const char *repo = NULL;
    int rc = rf_ref_parse_repo(text, &ref, err);
    if (rc == 0)
        rc = rf_client_place(env->client, &ref, flags, &place, &repo, err);
    if (rc == 0)
        rc = rf_listing_tags(place, repo, NULL, out, err);
    return rc;
}

/* One list tells what the target has; without it each tag is asked for. */
static void leave_out_present(const struct run *r, const char *dst, char **tags, size_t *n)
{
    RF_CLEANUP(rf_listing_release) struct rf_listing there;
    RF_CLEANUP(rf_strings_release) struct rf_strings known;
    struct rf_err e = RF_ERR_INIT;
    rf_listing_init(&there);
    rf_strings_init(&known);
    if (list_tags(r->env, dst, RF_CLIENT_WRITE, &there, &e) < 0) {
        rf_log(RF_LOG_DEBUG, "Failed getting target tags", "target", dst, "error", e.msg, NULL);
        return;
    }
    for (size_t i = 0; i < there.n; i++)
        (void)rf_strings_add(&known, rf_slice_str(there.names[i]));
    size_t left = 0;
    for (size_t i = 0; i < *n; i++) {
        if (rf_strings_find(&known, rf_slice_str(tags[i])) == RF_NO_ID) {
            tags[left++] = tags[i];
            continue;
        }
        r->report->outcomes[RF_SYNC_EXISTS]++;
        free(tags[i]);
    }
    *n = left;
}

static void run_repository(struct run *r, const char *src, const char *dst)
{
    RF_CLEANUP(rf_listing_release) struct rf_listing tags;
    struct rf_err e = RF_ERR_INIT;
    rf_listing_init(&tags);
    RF_CLEANUP(rf_ref_release) struct rf_ref ref = RF_REF_INIT;
    int rc = rf_ref_parse_repo(src, &ref, &e);
    if (rc < 0) {
        fail(r, "Failed parsing source", "source", src, rc, &e);
        return;
    }
    rc = list_tags(r->env, src, 0, &tags, &e);
    if (rc < 0) {
        fail(r, "Failed getting source tags", "source", src, rc, &e);
        return;
    }
    size_t available = tags.n;
    rc = rf_name_filter_apply(r->step->tag_names, tags.names, &tags.n, &e);
    if (rc < 0) {
        fail(r, "Failed processing tag filters", "source", src, rc, &e);
        return;
    }
    if (tags.n == 0) {
        tell_no_tags(r, src, available);
        return;
    }
    if (r->mode == RF_SYNC_MISSING)
        leave_out_present(r, dst, tags.names, &tags.n);
    if (tags.n > 0)
        run_batch(r, src, dst, tags.names, tags.n);
}

/* ---- registries ---- */

static int list_repos(const struct run *r, const char *last, struct rf_listing *out,
                      struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *name = NULL;
    struct rf_place *place = NULL;
    const struct rf_listing_options opts = { .last = last };
    int rc = rf_ref_parse_registry(r->step->source, &name, err);
    if (rc == 0)
        rc = rf_client_registry(r->env->client, name, &place, err);
    if (rc == 0)
        rc = rf_listing_repos(place, &opts, out, err);
    return rc;
}

/* One page: 1 when there may be more behind it, and *last is where it ends. */
static int run_page(struct run *r, char **last)
{
    RF_CLEANUP(rf_listing_release) struct rf_listing repos;
    struct rf_err e = RF_ERR_INIT;
    rf_listing_init(&repos);
    int rc = list_repos(r, *last, &repos, &e);
    if (rc < 0) {
        fail(r, "Failed to list source repositories", "source", r->step->source, rc, &e);
        return 0;
    }
    /* A registry that does not know `last` says the same again. */
    if (repos.n == 0 || (*last != NULL && strcmp(*last, repos.names[repos.n - 1]) == 0))
        return 0;
    free(*last);
    *last = rf_xstrdup(repos.names[repos.n - 1]);
    rc = rf_name_filter_apply(r->step->repo_names, repos.names, &repos.n, &e);
    if (rc < 0) {
        fail(r, "Failed processing repo filters", "source", r->step->source, rc, &e);
        return 0;
    }
    for (size_t i = 0; i < repos.n && !rf_sync_stopped(r->env); i++) {
        RF_CLEANUP(rf_freep) char *src = rf_xasprintf("%s/%s", r->step->source, repos.names[i]);
        RF_CLEANUP(rf_freep) char *dst = rf_xasprintf("%s/%s", r->step->target, repos.names[i]);
        run_repository(r, src, dst);
    }
    return rf_sync_stopped(r->env) ? 0 : 1;
}

static void run_registry(struct run *r)
{
    RF_CLEANUP(rf_freep) char *last = NULL;
    while (run_page(r, &last) > 0)
        continue;
}

/* ---- the step ---- */

static bool is_complete(struct run *r)
{
    struct rf_err e = RF_ERR_INIT;
    const struct rf_step *s = r->step;
    int rc = 0;
    if (s->source == NULL) {
        rc = rf_fail(&e, RFE_CONFIG, "sync step without source");
        fail(r, "Failed parsing source", "source", "", rc, &e);
    } else if (s->target == NULL) {
        rc = rf_fail(&e, RFE_CONFIG, "%s: sync step without target", s->source);
        fail(r, "Failed parsing target", "target", "", rc, &e);
    } else if (s->type == RF_STEP_UNKNOWN) {
        const char *type = s->type_text != NULL ? s->type_text : "";
        rc = rf_fail(&e, RFE_CONFIG, "%s: type \"%s\": not one of registry, repository, image",
                     s->source, type);
        fail(r, "Type not recognized, must be one of: registry, repository, or image", "type", type,
             rc, &e);
    }
    return rc == 0;
}

void rf_sync_step_run(struct rf_sync_env *env, const struct rf_step *step, enum rf_sync_mode mode,
                      struct rf_sync_report_step *report)
{
    struct run r = { .env = env, .step = step, .mode = mode, .report = report };
    report->step = step;
    if (rf_sync_stopped(env) || !is_complete(&r)) {
        report->cancelled = report->cancelled || rf_cancelled();
        return;
    }
    if (step->type == RF_STEP_REGISTRY)
        run_registry(&r);
    else if (step->type == RF_STEP_REPOSITORY)
        run_repository(&r, step->source, step->target);
    else
        run_batch(&r, step->source, step->target, NULL, 1);
    report->cancelled = report->cancelled || rf_cancelled();
}
