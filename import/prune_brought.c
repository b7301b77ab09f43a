/* SPDX-License-Identifier: Apache-2.0 */
#include "import/prune_brought.h"

#include "base/mem.h"
#include "base/parallel.h"
#include "import/receipt.h"
#include "import/tag_map.h"
#include "layout/receipt.h"

void rf_prune_brought_init(struct rf_prune_brought *b)
{
    *b = (struct rf_prune_brought){ 0 };
    rf_strings_init(&b->lines);
    rf_strings_init(&b->images);
}

void rf_prune_brought_release(struct rf_prune_brought *b)
{
    for (size_t i = 0; i < b->n; i++)
        rf_buf_release(&b->tags[i]);
    free(b->tags);
    rf_strings_release(&b->lines);
    rf_strings_release(&b->images);
}

static void line_key(const char *repository, const char *tag, const struct rf_digest *d,
                     struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT];
    rf_buf_clear(out);
    rf_buf_addf(out, "%s%s%s@%s", repository, tag[0] != '\0' ? ":" : "", tag,
                rf_digest_text(d, text));
}

static void add_line(struct rf_prune_brought *b, const char *repository, const char *tag,
                     const struct rf_digest *d, struct rf_buf *key)
{
    line_key(repository, tag, d, key);
    if (rf_strings_find(&b->lines, rf_buf_slice(key)) != RF_NO_ID)
        return;
    (void)rf_strings_add(&b->lines, rf_buf_slice(key));
    line_key(repository, "", d, key);
    uint32_t id = rf_strings_add(&b->images, rf_buf_slice(key));
    if (id == b->n) {
        b->tags = rf_grow(b->tags, b->n, &b->cap, sizeof(*b->tags));
        rf_buf_init(&b->tags[b->n++], 0);
    }
    if (tag[0] != '\0')
        rf_buf_addf(&b->tags[id], "%s%s", b->tags[id].len > 0 ? " " : "", tag);
}

bool rf_prune_was_brought(const struct rf_prune_brought *b, const struct rf_prune_item *it,
                          char **former)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf key;
    rf_buf_init(&key, 1024);
    line_key(it->repository, it->tag, &it->digest, &key);
    if (it->tag[0] != '\0')
        return rf_strings_find(&b->lines, rf_buf_slice(&key)) != RF_NO_ID;
    uint32_t id = rf_strings_find(&b->images, rf_buf_slice(&key));
    if (id != RF_NO_ID && b->tags[id].len > 0)
        *former = rf_xstrdup(b->tags[id].ptr);
    return id != RF_NO_ID;
}

/* ---- the memory ---- */

bool rf_prune_is_remembered(const struct rf_pruning *p, const char *repository,
                            const struct rf_digest *digest)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf key;
    RF_CLEANUP(rf_freep) char *repo = rf_prune_repo(p, repository);
    rf_buf_init(&key, 1024);
    line_key(repo, "", digest, &key);
    return rf_strings_find(&p->out->memory.images, rf_buf_slice(&key)) != RF_NO_ID;
}

/* The records of this destination, among the first n, that were taken back. */
static uint64_t taken_back(const struct rf_pruning *p, uint64_t n)
{
    uint64_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += p->state->records[i].taken_back != NULL &&
                 strcmp(p->state->records[i].to, p->req->base->to_name) == 0;
    return count;
}

static void wait_again(struct rf_pruning *p, struct rf_prune_manifest *m)
{
    m->since = p->req->now;
    m->again = true;
}

/*
 * True when what is remembered goes on from here: the records that it knows of are there still. After a rollback all is looked at once more, and the grace time of all that waits
 * begins again, since old images may have had their tags back in between.
 */
static bool goes_on(struct rf_pruning *p)
{
    const struct rf_prune_memory *m = &p->out->memory;
    if (!m->set || m->records == 0 || m->records > p->state->n ||
        !rf_digest_eq(&p->state->records[m->records - 1].id, &m->last))
        return false;
    if (m->taken_back == taken_back(p, m->records))
        return true;
    for (size_t i = 0; i < p->out->n_manifests; i++)
        wait_again(p, &p->out->manifests[i]);
    return false;
}

/* `fresh`: it came since the memory was written. Then what waited under this digest waits anew, should it have to. */
static void remember(struct rf_pruning *p, const char *repo, const struct rf_digest *d, bool fresh,
                     struct rf_buf *key)
{
    struct rf_prune_manifest *m =
        fresh && p->out->n_manifests > 0 ? rf_prune_find_manifest(p->out, repo, d) : NULL;
    if (m != NULL)
        wait_again(p, m);
    line_key(repo, "", d, key);
    (void)rf_strings_add(&p->out->memory.images, rf_buf_slice(key));
}

/* A run that was interrupted among its tags brought something, too, though its bundle is not recorded. */
struct unfinished {
    struct rf_pruning *p;
    uint64_t from;
};

static void remember_map(void *ctx, const struct rf_tag_map *m)
{
    const struct unfinished *u = ctx;
    RF_CLEANUP(rf_buf_release) struct rf_buf key;
    rf_buf_init(&key, 1024);
    for (size_t i = 0; m->after >= u->from && i < m->n; i++)
        if (rf_digest_is_set(&m->tags[i].becomes))
            remember(u->p, m->tags[i].repository, &m->tags[i].becomes, false, &key);
}

/* ---- the documents ---- */

/* What was refused then, or lacked its ground, is not there by this bundle: somebody else may have put it there since. */
static bool came(const struct rf_receipt *r, const char *repository, const char *tag,
                 const struct rf_digest *d)
{
    const struct rf_receipt_image *im = rf_receipt_find(r, repository, tag, d);
    return im == NULL || im->by == RF_NO_ID;
}

struct loading {
    struct rf_pruning *p;
    struct rf_prune_brought *brought; /* NULL: only for the memory */
    bool memory, fresh;
};

static void add_bundle(const struct loading *l, const struct rf_desired *d,
                       const struct rf_receipt *r)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf key;
    rf_buf_init(&key, 1024);
    for (size_t i = 0; i < d->n; i++) {
        const struct rf_image *im = &d->images[i];
        const char *repository = rf_desired_str(d, im->repository),
                   *tag = rf_desired_str(d, im->tag);
        if (!rf_image_is_wanted(im) || !came(r, repository, tag, &im->digest))
            continue;
        if (l->brought != NULL)
            add_line(l->brought, repository, tag, &im->digest, &key);
        if (!l->memory)
            continue;
        RF_CLEANUP(rf_freep) char *repo = rf_prune_repo(l->p, repository);
        remember(l->p, repo, &im->digest, l->fresh, &key);
    }
}

/* Without a receipt all of it counts as brought. */
static void load_receipt(const struct rf_pruning *p, const struct rf_import_record *record,
                         struct rf_receipt *out)
{
    if (!record->partial ||
        rf_receipt_recall(p->state, &record->id, p->req->base->to_name, out, NULL) == 0)
        return;
    rf_receipt_release(out);
    rf_receipt_init(out);
}

static bool load_one(const struct loading *l, const struct rf_import_record *r)
{
    RF_CLEANUP(rf_receipt_release) struct rf_receipt receipt;
    struct rf_bundle doc;
    rf_receipt_init(&receipt);
    rf_bundle_init(&doc);
    bool read = rf_import_state_load_bundle(l->p->state, &r->id, &doc, NULL) == 0;
    if (read) {
        load_receipt(l->p, r, &receipt);
        add_bundle(l, &doc.desired, &receipt);
    }
    rf_bundle_release(&doc);
    return read;
}

void rf_prune_brought_load(struct rf_pruning *p, struct rf_prune_brought *b)
{
    struct rf_prune_memory *m = &p->out->memory;
    const struct rf_import_state *s = p->state;
    bool on = goes_on(p);
    struct unfinished u = { .p = p, .from = on ? m->standing : 0 };
    if (!on) {
        rf_strings_release(&m->images);
        rf_strings_init(&m->images);
        m->records = 0;
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct rf_import_record *r = &s->records[i];
        bool same = rf_digest_eq(&r->id, &p->bundle->id);
        const struct loading l = {
            .p = p, .brought = same ? NULL : b, .memory = i >= m->records, .fresh = on
        };
        if (strcmp(r->to, p->req->base->to_name) != 0 || (same && !l.memory))
            continue;
        b->any = (load_one(&l, r) && !same) || b->any;
    }
    rf_tag_map_visit(s, p->req->base->to_name, remember_map, &u);
    const struct rf_import_record *last = rf_import_state_last(s, p->req->base->to_name);
    m->set = b->any && s->n > 0;
    m->records = s->n;
    m->taken_back = taken_back(p, s->n);
    m->standing = last != NULL ? (uint64_t)(last - s->records) + 1 : 0;
    if (s->n > 0)
        m->last = s->records[s->n - 1].id;
}

/* ---- what is away ---- */

#define SIGNS_MAX 8u /* so many selected images are looked for */

static bool is_away(struct rf_place *to, const char *repo, const char *tag,
                    const struct rf_digest *d)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_err unused = RF_ERR_INIT;
    return rf_place_get_manifest(to, repo, tag, d, NULL, &m, &unused) == -RFE_NOT_FOUND;
}

/* What cannot be told is asked by the next run. */
static int look_job(void *ctx, size_t i, struct rf_err *err)
{
    struct rf_pruning *p = ctx;
    struct rf_prune_item *it = &p->out->items[i];
    struct rf_place *to = p->req->base->to;
    const struct rf_prune_manifest *m =
        it->fate == RF_PRUNE_LET_GO || it->fate == RF_PRUNE_WAITING
            ? rf_prune_find_manifest(p->out, it->view->repo, &it->digest)
            : NULL;
    (void)err;
    if (m != NULL && m->deleted)
        it->away = is_away(to, it->view->repo, NULL, &it->digest) &&
                   (it->tag[0] == '\0' || is_away(to, it->view->repo, it->tag, NULL));
    return 0;
}

static void add_key(struct rf_strings *to, const char *repo, const struct rf_digest *d)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf key;
    rf_buf_init(&key, 1024);
    line_key(repo, "", d, &key);
    (void)rf_strings_add(to, rf_buf_slice(&key));
}

/* What the bundle wants is never given up, nor what another tag is still to leave. */
static void find_stays(const struct rf_pruning *p, struct rf_strings *stays)
{
    const struct rf_desired *d = &p->bundle->desired;
    for (size_t i = 0; i < d->n; i++) {
        RF_CLEANUP(rf_freep)
        char *repo = rf_prune_repo(p, rf_desired_str(d, d->images[i].repository));
        if (rf_image_is_wanted(&d->images[i]))
            add_key(stays, repo, &d->images[i].digest);
    }
    for (size_t i = 0; i < p->out->n; i++) {
        const struct rf_prune_item *it = &p->out->items[i];
        if (!it->away && (it->fate == RF_PRUNE_LET_GO || it->fate == RF_PRUNE_WAITING))
            add_key(stays, it->view->repo, &it->digest);
    }
}

/* An image that is selected stands there: a disk that is not mounted, or something else in its place, has none of what is looked for, and that says nothing. */
static bool has_what_it_should(struct rf_pruning *p)
{
    const struct rf_desired *d = &p->bundle->desired;
    unsigned asked = 0;
    for (size_t i = 0; i < d->n && asked < SIGNS_MAX; i++) {
        RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
        RF_CLEANUP(rf_freep)
        char *repo = rf_prune_repo(p, rf_desired_str(d, d->images[i].repository));
        if (!rf_image_is_wanted(&d->images[i]))
            continue;
        if (rf_prune_reader_manifest(&p->reader, repo, &d->images[i].digest, &m, NULL) == 0)
            return true;
        asked++;
    }
    return false;
}

static bool any_away(const struct rf_prune_result *out)
{
    for (size_t i = 0; i < out->n; i++)
        if (out->items[i].away)
            return true;
    return false;
}

void rf_prune_forget_gone(struct rf_pruning *p)
{
    struct rf_prune_memory *m = &p->out->memory;
    RF_CLEANUP(rf_strings_release) struct rf_strings stays, away, kept;
    struct rf_err unused = RF_ERR_INIT;
    rf_strings_init(&stays);
    rf_strings_init(&away);
    rf_strings_init(&kept);
    if (!m->set || rf_parallel(p->threads, p->out->n, look_job, p, &unused) < 0)
        return;
    if (!any_away(p->out) || !has_what_it_should(p))
        return;
    find_stays(p, &stays);
    for (size_t i = 0; i < p->out->n; i++)
        if (p->out->items[i].away)
            add_key(&away, p->out->items[i].view->repo, &p->out->items[i].digest);
    for (size_t i = 0; i < m->images.len; i++) {
        struct rf_slice image = rf_slice_str(rf_strings_get(&m->images, (uint32_t)i));
        if (rf_strings_find(&away, image) == RF_NO_ID || rf_strings_find(&stays, image) != RF_NO_ID)
            (void)rf_strings_add(&kept, image);
    }
    rf_strings_release(&m->images);
    rf_strings_init(&m->images);
    for (size_t i = 0; i < kept.len; i++)
        (void)rf_strings_add(&m->images, rf_slice_str(rf_strings_get(&kept, (uint32_t)i)));
}
