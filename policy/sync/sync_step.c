/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/sync/sync_step.h"

#include <stdlib.h>

#include "base/cancel.h"
#include "base/idmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "layout/oci_dir.h"
#include "layout/oci_tree.h"
#include "policy/hooks.h"
#include "policy/look_ahead.h"
#include "regclient/listing.h"
#include "regclient/stats.h"

#define WINDOW 64u /* images looked at ahead */
#define REPOSITORIES_AHEAD 8u

struct run {
    struct rf_sync_env *env;
    const struct rf_step *step;
    enum rf_sync_mode mode;
    struct rf_sync_report_step *report;
    size_t available, matching; /* repositories of a registry, by the step's filter */
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
    if (r->env->abort_on_error) {
        atomic_store(&r->env->stop, true);
        rf_throttle_shut(r->env->throttle);
    }
    if (p->n_errors == RF_SYNC_ERRORS_MAX) {
        p->more_errors++;
        return;
    }
    p->errors = rf_grow(p->errors, p->n_errors, &p->cap_errors, sizeof(*p->errors));
    const char *where = r->step->refused == NULL ? r->step->where : ""; /* else it says so itself */
    p->errors[p->n_errors++] =
        rf_xasprintf("%s%s%s", where, where[0] != '\0' ? ": " : "", err->msg);
}

static void note_image(struct run *r, const struct rf_sync_image *i,
                       const struct rf_sync_result *result)
{
    struct rf_sync_report_step *p = r->report;
    bool failed = result->outcome == RF_SYNC_FAILED;
    if (rf_sync_left(result)) {
        p->cancelled = true;
        return;
    }
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

/* Nothing more is to be begun in this step. When another file is there, what is left to do is for that one. */
static bool is_over(const struct run *r)
{
    return rf_sync_stopped(r->env) || r->report->cancelled || atomic_load(&r->env->retired);
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
    int rc = rf_sync_place(r->env, r->step, dst, RF_CLIENT_WRITE, &place, &repo, &e);
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

/* Question 2k is what the source has of image k, 2k + 1 what the target has. */
static void ask(void *ctx, size_t q)
{
    struct batch *b = ctx;
    struct rf_sync_image *i = &b->ring[q / 2 % WINDOW];
    struct rf_stats *before = rf_stats_also(b->counted);
    if (!rf_sync_stopped(b->r->env)) {
        if (q % 2 == 0)
            rf_sync_image_look_source(b->r->env, i);
        else
            rf_sync_image_look_target(b->r->env, i);
    }
    (void)rf_stats_also(before);
}

static void fill_place(struct batch *b, size_t k)
{
    bool whole = b->tags == NULL;
    if (k >= b->n)
        return;
    rf_sync_image_init(&b->ring[k % WINDOW], b->r->step,
                       whole ? rf_xstrdup(b->src) : rf_xasprintf("%s:%s", b->src, b->tags[k]),
                       whole ? rf_xstrdup(b->dst) : rf_xasprintf("%s:%s", b->dst, b->tags[k]));
}

static void run_batch(struct run *r, const char *src, const char *dst, char **tags, size_t n)
{
    struct batch *b = rf_xcalloc(1, sizeof(*b));
    bool wrote = false;
    *b = (struct batch){ .r = r, .src = src, .dst = dst, .tags = tags, .n = n };
    b->counted = rf_stats_also(NULL);
    (void)rf_stats_also(b->counted);
    for (size_t k = 0; k < WINDOW; k++)
        fill_place(b, k);
    struct rf_look *look = rf_look_start(r->env->looks, 2 * n, 2 * WINDOW - 1, ask, b);
    size_t k = 0;
    for (; k < n && !is_over(r); k++) {
        struct rf_sync_result result;
        struct rf_sync_image *i = &b->ring[k % WINDOW];
        rf_look_wait(look, 2 * k);
        rf_look_wait(look, 2 * k + 1);
        if (is_over(r))
            break; /* it may not have been looked at */
        rf_sync_image_run(r->env, r->step, r->mode, i, &result);
        note_image(r, i, &result);
        wrote = wrote || result.copied.manifests_put > 0;
        if (wrote && (k + 1 == n || is_over(r)))
            close_target(r, &i->dst);
        rf_sync_image_release(i);
        fill_place(b, k + WINDOW);
    }
    r->report->cancelled = r->report->cancelled || k < n;
    rf_look_end(look);
    for (k = 0; k < WINDOW; k++)
        rf_sync_image_release(&b->ring[k]);
    free(b);
}

/* ---- repositories ---- */

static void fail(struct run *r, const char *msg, const char *key, const char *value, int rc,
                 const struct rf_err *err)
{
    if (!rf_cancelled())
        rf_log(RF_LOG_ERROR, msg, key, value != NULL ? value : "", "error", err->msg, "step",
               r->step->where, NULL);
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
    rf_buf_init(&tags, 4096);
    rf_buf_init(&sets, 4096);
    add_rules(&tags, &r->step->tags);
    rf_buf_add_char(&sets, '[');
    for (size_t i = 0; i < r->step->n_tag_sets; i++)
        add_rules(&sets, &r->step->tag_sets[i]);
    rf_buf_add_char(&sets, ']');
    rf_log_with(RF_LOG_WARN, "No matching tags found", rf_log_text("source", src),
                rf_log_text("tags", tags.ptr), rf_log_text("tagSets", sets.ptr),
                rf_log_uint("available", available));
}

/* How a layout keeps its referrers is no tag of it: they go with their images. One that cannot be looked at fails where it is copied. */
static void leave_out_lists(struct rf_place *place, const char *repo, struct rf_listing *l)
{
    size_t left = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (rf_place_is_fallback(place, repo, l->names[i], NULL) == 1)
            free(l->names[i]);
        else
            l->names[left++] = l->names[i];
    }
    l->n = left;
}

static int list_tags(const struct run *r, const char *text, unsigned flags, struct rf_listing *out,
                     struct rf_err *err)
{
    RF_CLEANUP(rf_ref_release) struct rf_ref ref = RF_REF_INIT;
    struct rf_place *place = NULL;
    const char *repo = NULL;
    int rc = rf_ref_parse_repo(text, &ref, err);
    if (rc == 0)
        rc = rf_sync_place(r->env, r->step, &ref, flags, &place, &repo, err);
    if (rc == 0)
        rc = rf_listing_tags(place, repo, NULL, out, err);
    if (rc == 0 && rf_registry_remote(place) == NULL)
        leave_out_lists(place, repo, out);
    return rc;
}

/* A repository and what both sides said of its tags. */
struct repository {
    char *src, *dst;
    const char *failed; /* the message of the log line; or NULL */
    int rc;
    struct rf_err error;
    struct rf_listing tags, there;
    bool knows_there; /* what the target has is known: asked for in missing mode only */
};

static void repository_init(struct repository *p, char *src, char *dst)
{
    *p = (struct repository){ .src = src, .dst = dst };
    rf_listing_init(&p->tags);
    rf_listing_init(&p->there);
}

static void repository_release(struct repository *p)
{
    if (p->src == NULL)
        return;
    free(p->src);
    free(p->dst);
    rf_listing_release(&p->tags);
    rf_listing_release(&p->there);
    *p = (struct repository){ .src = NULL };
}

/* One list tells what the target has; without it each tag is asked for. */
static void look_repository(const struct run *r, struct repository *p)
{
    struct rf_err e = RF_ERR_INIT;
    p->rc = list_tags(r, p->src, 0, &p->tags, &p->error);
    if (p->rc < 0)
        p->failed = "Failed getting source tags";
    if (p->rc < 0 || r->mode != RF_SYNC_MISSING)
        return;
    p->knows_there = list_tags(r, p->dst, RF_CLIENT_WRITE, &p->there, &e) == 0;
    if (!p->knows_there)
        rf_log(RF_LOG_DEBUG, "Failed getting target tags", "target", p->dst, "error", e.msg, NULL);
}

static void leave_out_present(const struct run *r, const struct rf_listing *there, char **tags,
                              size_t *n)
{
    RF_CLEANUP(rf_strings_release) struct rf_strings known;
    rf_strings_init(&known);
    for (size_t i = 0; i < there->n; i++)
        (void)rf_strings_add(&known, rf_slice_str(there->names[i]));
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

/* It was looked at. */
static void act_on_repository(struct run *r, struct repository *p)
{
    struct rf_err e = RF_ERR_INIT;
    struct rf_listing *tags = &p->tags;
    if (p->failed != NULL) {
        fail(r, p->failed, "source", p->src, p->rc, &p->error);
        return;
    }
    size_t available = tags->n;
    int rc = rf_name_filter_apply(r->step->tag_names, tags->names, &tags->n, &e);
    if (rc < 0) {
        fail(r, "Failed processing tag filters", "source", p->src, rc, &e);
        return;
    }
    if (tags->n == 0) {
        tell_no_tags(r, p->src, available);
        return;
    }
    if (p->knows_there)
        leave_out_present(r, &p->there, tags->names, &tags->n);
    if (tags->n > 0)
        run_batch(r, p->src, p->dst, tags->names, tags->n);
}

static void run_repository(struct run *r)
{
    RF_CLEANUP(repository_release) struct repository p = { .src = NULL };
    repository_init(&p, rf_xstrdup(r->step->source), rf_xstrdup(r->step->target));
    look_repository(r, &p);
    act_on_repository(r, &p);
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

/* A slash at the end of what is above makes no difference, but where it is all of the path. */
static char *below(const char *above, const char *name)
{
    static const char root[] = "ocidir:///";
    bool tree = strncmp(above, root, strlen(root)) == 0;
    size_t n = strlen(above), least = tree ? strlen(root) : 1;
    while (n > least && above[n - 1] == '/')
        n--;
    return rf_xasprintf("%.*s/%s", (int)n, above, name);
}

/* The repositories of a page, a few of them looked at ahead. */
struct page {
    struct run *r;
    struct rf_stats *counted;
    char **names;
    struct repository ring[REPOSITORIES_AHEAD];
};

static void ask_repository(void *ctx, size_t i)
{
    struct page *p = ctx;
    struct repository *it = &p->ring[i % REPOSITORIES_AHEAD];
    const struct rf_step *step = p->r->step;
    struct rf_stats *before = rf_stats_also(p->counted);
    repository_release(it); /* the one before in this place is done with */
    repository_init(it, below(step->source, p->names[i]), below(step->target, p->names[i]));
    if (!rf_sync_stopped(p->r->env))
        look_repository(p->r, it);
    (void)rf_stats_also(before);
}

static void run_repositories(struct run *r, char **names, size_t n)
{
    struct page p = { .r = r, .names = names, .counted = rf_stats_also(NULL) };
    (void)rf_stats_also(p.counted);
    struct rf_look *look = rf_look_start(r->env->looks, n, REPOSITORIES_AHEAD, ask_repository, &p);
    size_t i = 0;
    for (; i < n && !is_over(r); i++) {
        struct repository *it = &p.ring[i % REPOSITORIES_AHEAD];
        rf_look_wait(look, i);
        if (is_over(r))
            break; /* it may not have been looked at */
        act_on_repository(r, it);
    }
    r->report->cancelled = r->report->cancelled || i < n;
    rf_look_end(look);
    for (i = 0; i < REPOSITORIES_AHEAD; i++)
        repository_release(&p.ring[i]);
}

/* -code when the filter cannot be applied, and it was told. */
static int filter_repos(struct run *r, char **names, size_t *n)
{
    struct rf_err e = RF_ERR_INIT;
    r->available += *n;
    int rc = rf_name_filter_apply(r->step->repo_names, names, n, &e);
    if (rc < 0)
        fail(r, "Failed processing repo filters", "source", r->step->source, rc, &e);
    else
        r->matching += *n;
    return rc;
}

/* No failure, but hardly what was meant. */
static void tell_no_repos(const struct run *r)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf repos;
    if (r->available == 0 || r->matching > 0 || rf_sync_step_failed(r->report) || is_over(r))
        return;
    rf_buf_init(&repos, 4096);
    rf_buf_add_str(&repos, "{allow:");
    join(&repos, &r->step->repos.allow);
    rf_buf_add_str(&repos, " deny:");
    join(&repos, &r->step->repos.deny);
    rf_buf_add_char(&repos, '}');
    rf_log_with(RF_LOG_WARN, "No matching repositories found",
                rf_log_text("source", r->step->source), rf_log_text("repos", repos.ptr),
                rf_log_uint("available", r->available));
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
    if (filter_repos(r, repos.names, &repos.n) < 0)
        return 0;
    run_repositories(r, repos.names, repos.n);
    r->report->cancelled = r->report->cancelled || is_over(r); /* there may be more */
    return r->report->cancelled ? 0 : 1;
}

static void run_registry(struct run *r)
{
    RF_CLEANUP(rf_freep) char *last = NULL;
    while (run_page(r, &last) > 0)
        continue;
    tell_no_repos(r);
}

/* ---- trees of layouts ---- */

/* Its repositories are not known; the others are done. */
static void tell_unread(void *ctx, const char *folder, const struct rf_err *why)
{
    struct run *r = ctx;
    RF_CLEANUP(rf_freep) char *name = below(r->step->source, folder);
    fail(r, "Failed to list source repositories", "source", name, -why->code, why);
}

static void tell_left_out(void *ctx, const char *folder, const char *why)
{
    const struct run *r = ctx;
    RF_CLEANUP(rf_freep) char *name = below(r->step->source, folder);
    rf_log(RF_LOG_WARN, "Folder left out", "source", name, "reason", why, NULL);
}

static int keep_name(void *ctx, const char *name, struct rf_err *err)
{
    (void)err;
    rf_oci_names_add(ctx, name);
    return 0;
}

/* In order, and each once. */
static int list_tree(struct run *r, struct rf_oci_names *out, struct rf_err *err)
{
    RF_CLEANUP(rf_oci_names_release) struct rf_oci_names found = { 0 };
    const struct rf_oci_tree_watch watch = { tell_unread, tell_left_out, r };
    int rc = rf_oci_tree_walk(r->step->source_ref.path, &watch, &found, err);
    /* A disk that is not there looks the same. */
    if (rc == 0 && found.n == 0 && !rf_sync_step_failed(r->report))
        rc = rf_fail(err, RFE_NOT_FOUND, "%s: no folder below it is an image layout",
                     r->step->source);
    return rc < 0 ? rc : rf_oci_names_each(&found, keep_name, out, err);
}

static void run_tree(struct run *r)
{
    RF_CLEANUP(rf_oci_names_release) struct rf_oci_names names = { 0 };
    struct rf_err e = RF_ERR_INIT;
    int rc = list_tree(r, &names, &e);
    if (rc < 0) {
        fail(r, "Failed to list source repositories", "source", r->step->source, rc, &e);
        return;
    }
    if (filter_repos(r, names.list, &names.n) == 0)
        run_repositories(r, names.list, names.n);
    tell_no_repos(r);
}

/* ---- the step ---- */

/* Before each image tells of it. */
static int check_hooks(const struct run *r, struct rf_err *err)
{
    const struct rf_hooks *h = &r->step->s.hooks;
    const struct {
        const char *name;
        const struct rf_hook *hook;
    } all[] = { { "pre", h->pre }, { "post", h->post }, { "unchanged", h->unchanged } };
    for (size_t i = 0; r->env->hooks != NULL && i < RF_ARRAY_LEN(all); i++) {
        int rc = all[i].hook != NULL ? rf_hook_check(all[i].hook, err) : 0;
        if (rc < 0)
            return rf_wrap(err, rc, "hooks.%s", all[i].name);
    }
    return 0;
}

static bool can_run(struct run *r)
{
    struct rf_err e = RF_ERR_INIT;
    const struct rf_step *s = r->step;
    int rc = s->refused != NULL ? rf_fail(&e, RFE_CONFIG, "%s", s->refused) : check_hooks(r, &e);
    if (rc == 0)
        return true;
    bool target = s->refused_as != NULL && strcmp(s->refused_as, "Failed parsing target") == 0;
    fail(r, s->refused != NULL ? s->refused_as : "Failed reading step",
         target ? "target" : "source", target ? s->target : s->source, rc, &e);
    return false;
}

void rf_sync_step_run(struct rf_sync_env *env, const struct rf_step *step, enum rf_sync_mode mode,
                      struct rf_sync_report_step *report)
{
    struct run r = { .env = env, .step = step, .mode = mode, .report = report };
    report->step = step;
    if (rf_sync_stopped(env) || !can_run(&r)) {
        report->cancelled = report->cancelled || rf_cancelled();
        return;
    }
    if (rf_step_is_tree(step))
        run_tree(&r);
    else if (step->type == RF_STEP_REGISTRY)
        run_registry(&r);
    else if (step->type == RF_STEP_REPOSITORY)
        run_repository(&r);
    else
        run_batch(&r, step->source, step->target, NULL, 1);
    report->cancelled = report->cancelled || rf_cancelled();
}
