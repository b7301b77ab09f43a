/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/oci_edit.h"

#include "base/mem.h"
#include "layout/place.h"

/* ---- the queue ---- */

/* Lives on the stack of the thread that waits for it. */
struct rf_oci_step {
    const char *path;
    rf_oci_change change;
    void *ctx;
    struct rf_oci_index **after; /* NULL: of no interest */
    int rc;
    struct rf_err err;
    bool done;
    struct rf_oci_step *next;
};

void rf_oci_queue_init(struct rf_oci_queue *q)
{
    *q = (struct rf_oci_queue){ 0 };
    (void)pthread_mutex_init(&q->lock, NULL);
    (void)pthread_cond_init(&q->moved, NULL);
}

void rf_oci_queue_release(struct rf_oci_queue *q)
{
    (void)pthread_cond_destroy(&q->moved);
    (void)pthread_mutex_destroy(&q->lock);
}

static void append(struct rf_oci_queue *q, struct rf_oci_step *step)
{
    struct rf_oci_step **end = &q->first;
    while (*end != NULL)
        end = &(*end)->next;
    *end = step;
}

/* The steps of one folder, in their order. */
static struct rf_oci_step *take_steps(struct rf_oci_queue *q, const char *path)
{
    struct rf_oci_step *taken = NULL, **end = &taken, **at = &q->first;
    while (*at != NULL) {
        struct rf_oci_step *step = *at;
        if (strcmp(step->path, path) != 0) {
            at = &step->next;
            continue;
        }
        *at = step->next;
        step->next = NULL;
        *end = step;
        end = &step->next;
    }
    return taken;
}

static void make_change(struct rf_oci_edit *e, struct rf_oci_step *step)
{
    struct rf_oci_index *before = rf_oci_index_ref(e->ix);
    step->rc = step->change(e, step->ctx, &step->err);
    if (step->rc < 0) {
        struct rf_oci_index *half = e->ix;
        e->ix = before;
        before = half;
    }
    rf_oci_index_unref(before);
}

static int make_changes(struct rf_oci_edit *e, struct rf_oci_cache *cache,
                        struct rf_oci_step *steps, struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int fd = -1;
    RF_CLEANUP(rf_oci_index_unrefp) struct rf_oci_index *old = NULL;
    int rc = rf_oci_folder_lock(e->f, &fd, err);
    if (rc == 0)
        rc = rf_oci_folder_index(e->f, cache, &old, err);
    if (rc < 0)
        return rc;
    e->ix = rf_oci_index_ref(old);
    for (struct rf_oci_step *step = steps; step != NULL; step = step->next)
        make_change(e, step);
    return e->ix != old ? rf_oci_folder_store(e->f, cache, e->ix, err) : 0;
}

static bool wants_after(const struct rf_oci_step *step)
{
    return step->after != NULL && step->rc >= 0;
}

/* Nothing that was kept in memory counts. */
static int read_after(struct rf_oci_folder *f, const struct rf_oci_step *steps,
                      struct rf_oci_index **after, struct rf_err *err)
{
    while (steps != NULL && !wants_after(steps))
        steps = steps->next;
    return steps != NULL ? rf_oci_folder_index(f, NULL, after, err) : 0;
}

static void run_steps(struct rf_oci_folder *f, struct rf_oci_cache *cache,
                      struct rf_oci_step *steps)
{
    struct rf_oci_edit e = { .f = f };
    RF_CLEANUP(rf_oci_index_unrefp) struct rf_oci_index *after = NULL;
    struct rf_err failure = RF_ERR_INIT, unread = RF_ERR_INIT;
    int rc = make_changes(&e, cache, steps, &failure);
    rf_oci_index_unref(e.ix);
    int read = rc < 0 ? 0 : read_after(f, steps, &after, &unread);
    for (struct rf_oci_step *step = steps; step != NULL; step = step->next) {
        if (step->rc >= 0 && rc < 0) {
            step->rc = rc;
            step->err = failure;
        } else if (wants_after(step) && read < 0) {
            step->rc = read;
            step->err = unread;
        } else if (wants_after(step)) {
            *step->after = rf_oci_index_ref(after);
        }
    }
}

int rf_oci_edit_run(struct rf_oci_queue *q, struct rf_oci_folder *f, struct rf_oci_cache *cache,
                    rf_oci_change change, void *ctx, struct rf_oci_index **after,
                    struct rf_err *err)
{
    struct rf_oci_step own = { .path = f->path, .change = change, .ctx = ctx, .after = after };
    (void)pthread_mutex_lock(&q->lock);
    append(q, &own);
    while (!own.done) {
        if (q->busy) {
            (void)pthread_cond_wait(&q->moved, &q->lock);
            continue;
        }
        q->busy = true;
        struct rf_oci_step *steps = take_steps(q, f->path);
        (void)pthread_mutex_unlock(&q->lock);
        run_steps(f, cache, steps);
        (void)pthread_mutex_lock(&q->lock);
        while (steps != NULL) {
            struct rf_oci_step *next = steps->next;
            steps->done = true;
            steps = next;
        }
        q->busy = false;
        (void)pthread_cond_broadcast(&q->moved);
    }
    (void)pthread_mutex_unlock(&q->lock);
    if (own.rc < 0 && err != NULL)
        *err = own.err;
    return own.rc;
}

int rf_oci_edit_alone(struct rf_oci_queue *q, struct rf_oci_folder *f,
                      int (*fn)(void *ctx, struct rf_err *err), void *ctx, struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int fd = -1;
    (void)pthread_mutex_lock(&q->lock);
    while (q->busy)
        (void)pthread_cond_wait(&q->moved, &q->lock);
    q->busy = true;
    (void)pthread_mutex_unlock(&q->lock);
    int rc = rf_oci_folder_lock(f, &fd, err);
    if (rc == 0)
        rc = fn(ctx, err);
    rf_closep(&fd);
    (void)pthread_mutex_lock(&q->lock);
    q->busy = false;
    (void)pthread_cond_broadcast(&q->moved);
    (void)pthread_mutex_unlock(&q->lock);
    return rc;
}

/* ---- steps ---- */

/* Takes the outcome of one step over; NULL = nothing had to change. */
static void take(struct rf_oci_edit *e, struct rf_oci_index *ix)
{
    if (ix == NULL)
        return;
    rf_oci_index_unref(e->ix);
    e->ix = ix;
}

int rf_oci_edit_put(struct rf_oci_edit *e, const char *tag, const struct rf_manifest *m,
                    struct rf_err *err)
{
    struct rf_oci_index *ix = NULL;
    int rc = rf_oci_index_put(e->ix, tag, m, &ix, err);
    if (rc == 0)
        take(e, ix);
    return rc;
}

int rf_oci_edit_remove_tag(struct rf_oci_edit *e, const char *tag, struct rf_err *err)
{
    struct rf_oci_index *ix = NULL;
    int rc = rf_oci_index_remove_tag(e->ix, tag, &ix, err);
    if (rc == 0)
        take(e, ix);
    return rc;
}

int rf_oci_edit_remove_digest(struct rf_oci_edit *e, const struct rf_digest *d, bool *had,
                              struct rf_err *err)
{
    struct rf_oci_index *ix = NULL;
    int rc = rf_oci_index_remove_digest(e->ix, d, &ix, err);
    if (rc < 0)
        return rc;
    *had = ix != NULL;
    take(e, ix);
    return 0;
}

int rf_oci_edit_sift(struct rf_oci_edit *e, void *ctx, struct rf_err *err)
{
    const struct rf_oci_sift *s = ctx;
    struct rf_oci_index *ix = NULL;
    int rc = rf_oci_index_sift(e->ix, s->judge, s->ctx, &ix, err);
    if (rc == 0)
        take(e, ix);
    return rc;
}

/* ---- the fallback list of a subject ---- */

/* Fills b with the list as it is, less `without`. *has: it holds `without`. */
static int read_fallback(struct rf_oci_edit *e, const char *tag, const struct rf_digest *without,
                         struct rf_index_builder *b, bool *has, struct rf_err *err)
{
    size_t i = 0;
    if (rf_oci_index_find(e->ix, "", tag, &i, NULL) < 0)
        return 0;
    const struct rf_oci_entry *entry = &e->ix->entries[i];
    struct rf_manifest_expect expect = { .digest = &entry->digest,
                                         .size = entry->size,
                                         .media_type = entry->media_type };
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *old = NULL;
    struct rf_err failure = RF_ERR_INIT;
    int rc = rf_oci_folder_load(e->f, &entry->digest, &expect, &old, &failure);
    if (rc == -RFE_NOT_FOUND)
        return 0;
    if (rc < 0) {
        if (err != NULL)
            *err = failure;
        return rf_wrap(err, rc, "referrers list %s", tag);
    }
    for (size_t k = 0; k < old->n_entries && old->kind == RF_KIND_INDEX; k++) {
        if (rf_digest_eq(&old->entries[k].digest, without))
            *has = true;
        else
            rf_index_builder_add(b, &old->entries[k]);
    }
    return 0;
}

/* Stores the list that b holds, which is released, under the fallback tag. */
static int write_fallback(struct rf_oci_edit *e, const char *tag, struct rf_index_builder *b,
                          struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *list = NULL;
    rf_buf_init(&body, RF_MANIFEST_PUSH_MAX);
    rf_index_builder_finish(b, &body);
    struct rf_manifest_expect expect = { .media_type = RF_MT_OCI_INDEX };
    int rc = body.rc < 0 ? rf_fail(err, -body.rc, "too many referrers")
                         : rf_manifest_parse(rf_buf_slice(&body), &expect, &list, err);
    if (rc == 0)
        rc = rf_blob_store_put_bytes(e->f->store, &list->digest, rf_buf_slice(&body), err);
    if (rc == 0)
        rc = rf_oci_edit_put(e, tag, list, err);
    return rc < 0 ? rf_wrap(err, rc, "referrers list %s", tag) : 0;
}

static void drop_builder(struct rf_index_builder *b)
{
    rf_buf_release(&b->entries);
}

int rf_oci_edit_add_referrer(struct rf_oci_edit *e, const struct rf_manifest *m, struct rf_err *err)
{
    char tag[RF_DIGEST_TEXT];
    bool has = false;
    RF_CLEANUP(drop_builder) struct rf_index_builder b;
    rf_index_builder_init(&b);
    rf_fallback_tag(&m->subject.digest, tag);
    int rc = read_fallback(e, tag, &m->digest, &b, &has, err);
    if (rc < 0 || has)
        return rc;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    rf_oci_referrer_descriptor(m, &d);
    rf_index_builder_add(&b, &d);
    return write_fallback(e, tag, &b, err);
}

int rf_oci_edit_remove_referrer(struct rf_oci_edit *e, const struct rf_digest *subject,
                                const struct rf_digest *digest, struct rf_err *err)
{
    char tag[RF_DIGEST_TEXT];
    bool has = false;
    RF_CLEANUP(drop_builder) struct rf_index_builder b;
    rf_index_builder_init(&b);
    rf_fallback_tag(subject, tag);
    int rc = read_fallback(e, tag, digest, &b, &has, err);
    if (rc < 0 || !has)
        return rc;
    if (b.n > 0)
        return write_fallback(e, tag, &b, err);
    return rf_oci_edit_remove_tag(e, tag, err);
}
