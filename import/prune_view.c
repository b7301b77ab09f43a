/* SPDX-License-Identifier: Apache-2.0 */
#include "import/prune_view.h"

#include "base/mem.h"
#include "base/parallel.h"

static struct rf_slice digest_key(const struct rf_digest *d)
{
    return rf_slice_of(d, offsetof(struct rf_digest, bytes) + d->len);
}

static struct rf_slice doc_key(const void *ctx, uint32_t id)
{
    return digest_key(&((const struct rf_prune_view *)ctx)->docs[id].digest);
}

static struct rf_slice tag_key(const void *ctx, uint32_t id)
{
    return rf_slice_str(((const struct rf_prune_view *)ctx)->tags[id].name);
}

void rf_prune_views_init(struct rf_prune_views *v)
{
    *v = (struct rf_prune_views){ 0 };
    rf_strings_init(&v->repos);
}

static void view_free(struct rf_prune_view *v)
{
    for (size_t i = 0; i < v->n; i++)
        free(v->docs[i].below);
    for (size_t i = 0; i < v->n_tags; i++)
        free(v->tags[i].name);
    rf_idmap_release(&v->by_digest);
    rf_idmap_release(&v->by_name);
    free(v->docs);
    free(v->tags);
    free(v->repo);
    free(v);
}

void rf_prune_views_release(struct rf_prune_views *v)
{
    for (size_t i = 0; i < v->n; i++)
        view_free(v->list[i]);
    rf_freep(&v->list);
    v->n = v->cap = 0;
    rf_strings_release(&v->repos);
}

struct rf_prune_view *rf_prune_views_at(struct rf_prune_views *v, const char *repo)
{
    uint32_t id = rf_strings_add(&v->repos, rf_slice_str(repo));
    if (id < v->n)
        return v->list[id];
    struct rf_prune_view *view = rf_xcalloc(1, sizeof(*view));
    view->repo = rf_xstrdup(repo);
    rf_idmap_init(&view->by_digest, doc_key, view);
    rf_idmap_init(&view->by_name, tag_key, view);
    v->list = rf_grow(v->list, v->n, &v->cap, sizeof(*v->list));
    v->list[v->n++] = view;
    return view;
}

struct rf_prune_view *rf_prune_views_find(const struct rf_prune_views *v, const char *repo)
{
    uint32_t id = rf_strings_find(&v->repos, rf_slice_str(repo));
    return id != RF_NO_ID ? v->list[id] : NULL;
}

uint32_t rf_prune_view_doc(struct rf_prune_view *v, const struct rf_digest *d)
{
    uint32_t id = rf_idmap_find(&v->by_digest, digest_key(d));
    if (id != RF_NO_ID)
        return id;
    v->docs = rf_grow(v->docs, v->n, &v->cap, sizeof(*v->docs));
    v->docs[v->n] = (struct rf_prune_doc){ .digest = *d, .subject_doc = RF_NO_ID };
    rf_idmap_add(&v->by_digest, (uint32_t)v->n);
    return (uint32_t)v->n++;
}

struct rf_prune_doc *rf_prune_view_find(const struct rf_prune_view *v, const struct rf_digest *d)
{
    uint32_t id = rf_idmap_find(&v->by_digest, digest_key(d));
    return id != RF_NO_ID ? &v->docs[id] : NULL;
}

struct rf_prune_tag *rf_prune_view_tag(struct rf_prune_view *v, const char *name)
{
    uint32_t id = rf_idmap_find(&v->by_name, rf_slice_str(name));
    if (id != RF_NO_ID)
        return &v->tags[id];
    v->tags = rf_grow(v->tags, v->n_tags, &v->cap_tags, sizeof(*v->tags));
    struct rf_prune_tag *t = &v->tags[v->n_tags];
    *t = (struct rf_prune_tag){ .name = rf_xstrdup(name), .doc = RF_NO_ID, .item = RF_NO_ID };
    if (!rf_digest_tag_parse(name, &t->subject))
        t->subject = (struct rf_digest){ 0 };
    rf_idmap_add(&v->by_name, (uint32_t)v->n_tags++);
    return t;
}

/* ---- tags ---- */

struct listing {
    struct rf_prune_views *views;
    const struct rf_prune_reader *reader;
};

static int add_tag(void *ctx, const char *tag, struct rf_err *err)
{
    (void)err;
    (void)rf_prune_view_tag(ctx, tag);
    return 0;
}

static int list_job(void *ctx, size_t i, struct rf_err *err)
{
    struct listing *l = ctx;
    struct rf_prune_view *v = l->views->list[i];
    if (!v->open)
        return 0;
    int rc = rf_place_list_tags(l->reader->to, v->repo, add_tag, v, err);
    return rc == -RFE_NOT_FOUND ? 0 : rc;
}

int rf_prune_views_tags(struct rf_prune_views *v, const struct rf_prune_reader *r, unsigned threads,
                        struct rf_err *err)
{
    struct listing l = { v, r };
    return rf_parallel(threads, v->n, list_job, &l, err);
}

struct question {
    struct rf_prune_view *view;
    uint32_t id; /* of a tag, or of a document */
    /* the answer */
    bool absent;
    uint64_t size;
    struct rf_digest digest, config, subject;
    struct rf_digest *below;
    size_t n_below;
};
struct questions {
    struct rf_prune_reader *reader;
    struct question *list;
    size_t n, cap;
};

static void questions_release(struct questions *q)
{
    for (size_t i = 0; i < q->n; i++)
        free(q->list[i].below);
    rf_freep(&q->list);
    q->n = q->cap = 0;
}

static void add_question(struct questions *q, struct rf_prune_view *view, uint32_t id)
{
    q->list = rf_grow(q->list, q->n, &q->cap, sizeof(*q->list));
    q->list[q->n++] = (struct question){ .view = view, .id = id };
}

static int ask_job(void *ctx, size_t i, struct rf_err *err)
{
    struct questions *qs = ctx;
    struct question *q = &qs->list[i];
    const char *tag = q->view->tags[q->id].name;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_prune_reader_tag(qs->reader, q->view->repo, tag, &m, &why);
    if (rc == -RFE_NOT_FOUND) {
        q->absent = true; /* gone since */
        return 0;
    }
    if (rc < 0)
        return rf_fail(err, -rc, "%s:%s: what it needs cannot be told: %s", q->view->repo, tag,
                       why.msg);
    q->digest = m->digest;
    return 0;
}

int rf_prune_views_ask(struct rf_prune_views *v, struct rf_prune_reader *r, unsigned threads,
                       size_t *asked, struct rf_err *err)
{
    RF_CLEANUP(questions_release) struct questions qs = { .reader = r };
    for (size_t i = 0; i < v->n; i++)
        for (size_t k = 0; v->list[i]->open && k < v->list[i]->n_tags; k++) {
            const struct rf_prune_tag *t = &v->list[i]->tags[k];
            if (t->wanted && t->doc == RF_NO_ID && !t->gone)
                add_question(&qs, v->list[i], (uint32_t)k);
        }
    *asked = qs.n;
    int rc = rf_parallel(threads, qs.n, ask_job, &qs, err);
    for (size_t i = 0; rc == 0 && i < qs.n; i++) {
        const struct question *q = &qs.list[i];
        struct rf_prune_tag *t = &q->view->tags[q->id];
        t->gone = q->absent;
        if (!q->absent)
            t->doc = rf_prune_view_doc(q->view, &q->digest);
    }
    return rc;
}

/* ---- documents ---- */

static int read_job(void *ctx, size_t i, struct rf_err *err)
{
    struct questions *qs = ctx;
    struct question *q = &qs->list[i];
    struct rf_digest d = q->view->docs[q->id].digest;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_prune_reader_manifest(qs->reader, q->view->repo, &d, &m, &why);
    if (rc == -RFE_NOT_FOUND) {
        q->absent = true; /* of a sparse index not all are there */
        return 0;
    }
    if (rc < 0)
        return rf_fail(err, -rc, "%s: what it needs cannot be told: %s", q->view->repo, why.msg);
    q->size = m->body.len;
    if (m->has_subject)
        q->subject = m->subject.digest;
    if (m->kind == RF_KIND_IMAGE) {
        q->config = m->config.digest;
        return 0;
    }
    q->below = rf_xcalloc(m->n_entries + 1, sizeof(*q->below));
    for (size_t k = 0; k < m->n_entries; k++)
        if (rf_media_is_manifest(m->entries[k].media_type))
            q->below[q->n_below++] = m->entries[k].digest;
    return 0;
}

static void enter(const struct question *q)
{
    struct rf_prune_view *v = q->view;
    uint32_t *below = q->n_below > 0 ? rf_xcalloc(q->n_below, sizeof(*below)) : NULL;
    for (size_t i = 0; below != NULL && i < q->n_below; i++)
        below[i] = rf_prune_view_doc(v, &q->below[i]);
    uint32_t subject = rf_digest_is_set(&q->subject) ? rf_prune_view_doc(v, &q->subject) : RF_NO_ID;
    struct rf_prune_doc *d = &v->docs[q->id];
    d->read = true;
    d->absent = q->absent;
    d->size = q->size;
    d->config = q->config;
    d->subject = q->subject;
    d->subject_doc = subject;
    d->below = below;
    d->n_below = (uint32_t)q->n_below;
    bool back = d->back;
    if (!d->needed)
        return;
    d->needed = false; /* what it names is to be marked too */
    rf_prune_view_need(v, q->id, back);
}

int rf_prune_views_read(struct rf_prune_views *v, struct rf_prune_reader *r, unsigned threads,
                        struct rf_err *err)
{
    for (;;) {
        RF_CLEANUP(questions_release) struct questions qs = { .reader = r };
        for (size_t i = 0; i < v->n; i++) {
            struct rf_prune_view *view = v->list[i];
            if (!view->open) /* its tags were of interest, what they point to is not */
                continue;
            for (size_t k = view->n_read; k < view->n; k++)
                add_question(&qs, view, (uint32_t)k);
            view->n_read = view->n;
        }
        if (qs.n == 0)
            return 0;
        int rc = rf_parallel(threads, qs.n, read_job, &qs, err);
        for (size_t i = 0; rc == 0 && i < qs.n; i++)
            enter(&qs.list[i]);
        if (rc < 0)
            return rc;
    }
}

/* ---- what is needed ---- */

struct stack {
    uint32_t *list;
    size_t n, cap;
};

static void push(struct rf_prune_view *v, struct stack *s, uint32_t id, bool back)
{
    struct rf_prune_doc *d = &v->docs[id];
    if (d->needed && (back || !d->back))
        return;
    d->needed = true;
    d->back = back;
    s->list = rf_grow(s->list, s->n, &s->cap, sizeof(*s->list));
    s->list[s->n++] = id;
}

void rf_prune_view_need(struct rf_prune_view *v, uint32_t doc, bool back)
{
    struct stack s = { 0 };
    push(v, &s, doc, back);
    while (s.n > 0) {
        const struct rf_prune_doc *d = &v->docs[s.list[--s.n]];
        for (uint32_t i = 0; d->below != NULL && i < d->n_below; i++)
            push(v, &s, d->below[i], back);
        if (d->subject_doc != RF_NO_ID)
            push(v, &s, d->subject_doc, back);
    }
    free(s.list);
}
