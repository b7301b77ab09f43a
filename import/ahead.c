/* SPDX-License-Identifier: Apache-2.0 */
#include "import/ahead.h"

#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/text.h"
#include "import/apply.h"

/* A blob or manifest in a repository: in a bundle, or made by a plan, or at the destination in another repository. */
struct held {
    const struct rf_import_run *run; /* the bundle carries it */
    struct rf_manifest *list;
    char *elsewhere;
};
struct planned {
    struct rf_import_result *result;
    char *state_dir;
};
struct rf_ahead {
    struct rf_place place; /* first */
    struct rf_place *below;
    struct rf_strings names; /* "repository@digest", of held */
    struct held *held;
    size_t n_held, cap_held;
    struct rf_strings tags; /* "repository:tag", of becomes */
    struct rf_digest *becomes;
    size_t n_tags, cap_tags;
    struct planned *plans;
    size_t n_plans, cap_plans;
    struct rf_rooms rooms;
    uint64_t pulls_planned;
    pthread_mutex_t lock; /* guards the two below */
    uint64_t requests, pulls;
};

static struct rf_ahead *ahead_of(struct rf_place *p)
{
    return (struct rf_ahead *)p;
}

static void count(struct rf_ahead *a, bool pull)
{
    pthread_mutex_lock(&a->lock);
    a->requests++;
    a->pulls += pull;
    pthread_mutex_unlock(&a->lock);
}

static char *held_name(const char *repo, const struct rf_digest *d)
{
    char text[RF_DIGEST_TEXT];
    return rf_xasprintf("%s@%s", repo, rf_digest_text(d, text));
}

static const struct held *find_held(const struct rf_ahead *a, const char *repo,
                                    const struct rf_digest *d)
{
    RF_CLEANUP(rf_freep) char *name = held_name(repo, d);
    uint32_t id = rf_strings_find(&a->names, rf_slice_str(name));
    return id != RF_NO_ID ? &a->held[id] : NULL;
}

static const struct rf_digest *find_tag(const struct rf_ahead *a, const char *repo, const char *tag)
{
    RF_CLEANUP(rf_freep) char *name = rf_xasprintf("%s:%s", repo, tag);
    uint32_t id = rf_strings_find(&a->tags, rf_slice_str(name));
    return id != RF_NO_ID ? &a->becomes[id] : NULL;
}

/* ---- what it answers ---- */

static int get_manifest(struct rf_place *p, const char *repo, const char *tag,
                        const struct rf_digest *digest, const struct rf_manifest_expect *expect,
                        struct rf_manifest **out, struct rf_err *err)
{
    struct rf_ahead *a = ahead_of(p);
    const struct rf_digest *d = digest != NULL ? digest : find_tag(a, repo, tag);
    const struct held *h = d != NULL ? find_held(a, repo, d) : NULL;
    if (h == NULL)
        return rf_place_get_manifest(a->below, repo, d != NULL ? NULL : tag, d, expect, out, err);
    if (h->elsewhere != NULL)
        return rf_place_get_manifest(a->below, h->elsewhere, NULL, d, expect, out, err);
    count(a, true);
    if (h->list != NULL)
        return rf_manifest_parse(rf_buf_slice(&h->list->body), expect, out, err);
    return rf_place_get_manifest(rf_bundle_file_place(h->run->file), "", NULL, d, expect, out, err);
}

static int resolve(struct rf_place *p, const char *repo, const char *tag,
                   const struct rf_digest *digest, struct rf_descriptor *out, struct rf_err *err)
{
    struct rf_ahead *a = ahead_of(p);
    const struct rf_digest *d = digest != NULL ? digest : find_tag(a, repo, tag);
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    const struct held *h = d != NULL ? find_held(a, repo, d) : NULL;
    if (h == NULL)
        return rf_place_resolve(a->below, repo, d != NULL ? NULL : tag, d, out, err);
    if (h->elsewhere != NULL)
        return rf_place_resolve(a->below, h->elsewhere, NULL, d, out, err);
    count(a, false);
    int rc = h->list != NULL ? rf_manifest_parse(rf_buf_slice(&h->list->body), NULL, &m, err)
                             : rf_place_get_manifest(rf_bundle_file_place(h->run->file), "", NULL,
                                                     d, NULL, &m, err);
    if (rc == 0)
        rf_manifest_descriptor(m, out);
    return rc;
}

static int probe_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                      uint64_t size, enum rf_probe how, struct rf_err *err)
{
    struct rf_ahead *a = ahead_of(p);
    if (find_held(a, repo, digest) == NULL)
        return rf_place_probe_blob(a->below, repo, digest, size, how, err);
    count(a, false);
    return 0;
}

static int get_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                    uint64_t size, uint64_t offset, struct rf_sink *sink, struct rf_err *err)
{
    struct rf_ahead *a = ahead_of(p);
    const struct held *h = find_held(a, repo, digest);
    if (h == NULL || h->run == NULL)
        return a->below->ops->get_blob(a->below, h != NULL ? h->elsewhere : repo, digest, size,
                                       offset, sink, err);
    struct rf_place *from = rf_bundle_file_place(h->run->file);
    count(a, false);
    return from->ops->get_blob(from, "", digest, size, offset, sink, err);
}

struct tag_list {
    rf_place_tag_cb cb;
    void *ctx;
    struct rf_strings seen;
};

static int pass_tag(void *ctx, const char *tag, struct rf_err *err)
{
    struct tag_list *l = ctx;
    (void)rf_strings_add(&l->seen, rf_slice_str(tag));
    return l->cb(l->ctx, tag, err);
}

static int list_tags(struct rf_place *p, const char *repo, rf_place_tag_cb cb, void *ctx,
                     struct rf_err *err)
{
    struct rf_ahead *a = ahead_of(p);
    struct tag_list l = { .cb = cb, .ctx = ctx };
    size_t n = strlen(repo);
    bool any = false;
    rf_strings_init(&l.seen);
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_place_list_tags(a->below, repo, pass_tag, &l, &why);
    for (size_t i = 0; (rc == 0 || rc == -RFE_NOT_FOUND) && i < a->n_tags; i++) {
        const char *name = rf_strings_get(&a->tags, (uint32_t)i);
        if (strncmp(name, repo, n) != 0 || name[n] != ':')
            continue;
        any = true;
        if (rf_strings_find(&l.seen, rf_slice_str(name + n + 1)) == RF_NO_ID)
            rc = cb(ctx, name + n + 1, &why);
    }
    rf_strings_release(&l.seen);
    if (rc == -RFE_NOT_FOUND && any)
        rc = 0;
    return rc < 0 ? rf_fail(err, -rc, "%s", why.msg) : 0;
}

static int can_write(struct rf_place *p, const char *repo, struct rf_err *err)
{
    return rf_place_can_write(ahead_of(p)->below, repo, err);
}

static const struct rf_place_ops ops = {
    .resolve = resolve,
    .get_manifest = get_manifest,
    .probe_blob = probe_blob,
    .get_blob = get_blob,
    .list_tags = list_tags,
    .can_write = can_write,
};

/* ---- its making ---- */

struct rf_ahead *rf_ahead_new(struct rf_place *below)
{
    struct rf_ahead *a = rf_xcalloc(1, sizeof(*a));
    a->place = (struct rf_place){
        .ops = &ops, .name = below->name, .flags = below->flags, .what = below->what
    };
    a->below = below;
    rf_strings_init(&a->names);
    rf_strings_init(&a->tags);
    pthread_mutex_init(&a->lock, NULL);
    return a;
}

void rf_ahead_free(struct rf_ahead *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < a->n_held; i++) {
        rf_manifest_free(a->held[i].list);
        free(a->held[i].elsewhere);
    }
    for (size_t i = 0; i < a->n_plans; i++) {
        rf_import_result_release(a->plans[i].result);
        free(a->plans[i].result);
        free(a->plans[i].state_dir);
    }
    free(a->held);
    free(a->becomes);
    free(a->plans);
    rf_strings_release(&a->names);
    rf_strings_release(&a->tags);
    rf_rooms_release(&a->rooms);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

void rf_ahead_freep(struct rf_ahead **a)
{
    rf_ahead_free(*a);
    *a = NULL;
}

struct rf_place *rf_ahead_place(struct rf_ahead *a)
{
    return &a->place;
}

struct rf_place *rf_ahead_below(struct rf_place *p)
{
    return p->ops == &ops ? ahead_of(p)->below : p;
}

/* ---- what a planned bundle brings ---- */

/* NULL: it is known already. */
static struct held *hold(struct rf_ahead *a, const char *repo, const struct rf_digest *d)
{
    RF_CLEANUP(rf_freep) char *name = held_name(repo, d);
    if (rf_strings_add(&a->names, rf_slice_str(name)) < a->n_held)
        return NULL;
    a->held = rf_grow(a->held, a->n_held, &a->cap_held, sizeof(*a->held));
    a->held[a->n_held] = (struct held){ 0 };
    return &a->held[a->n_held++];
}

void rf_ahead_add_list(struct rf_ahead *a, const char *repo, const struct rf_manifest *list)
{
    struct held *h = hold(a, repo, &list->digest);
    if (h == NULL)
        return;
    struct rf_manifest_expect expect = { .media_type = list->media_type };
    int rc = rf_manifest_parse(rf_buf_slice(&list->body), &expect, &h->list, NULL);
    RF_CHECK(rc == 0); /* it was parsed before */
}

static void hold_blob(struct rf_ahead *a, const struct rf_import_run *r, uint32_t blob)
{
    const struct rf_bundle *doc = r->doc;
    const struct rf_bundle_blob *b = &doc->blobs[blob];
    bool carried = b->travel == RF_TRAVEL_CARRIED;
    if (!carried && r->found[blob] == RF_NO_ID)
        return;
    for (uint32_t k = 0; k < b->n_repos; k++) {
        uint32_t item = b->first_repo + k;
        if (rf_run_is_needless(r, item) || (b->kind == RF_BLOB_MANIFEST && r->failed[item] != NULL))
            continue;
        RF_CLEANUP(rf_freep) char *repo = rf_run_repo(r, rf_bundle_repo(doc, item));
        RF_CLEANUP(rf_freep)
        char *from =
            carried
                ? NULL
                : rf_run_repo(r, rf_desired_str(&doc->desired, doc->repositories[r->found[blob]]));
        const struct held *there = carried ? NULL : find_held(a, from, &b->digest);
        if (!carried && there == NULL && strcmp(from, repo) == 0)
            continue; /* the destination itself has it there */
        struct held source = there != NULL ? *there : (struct held){ .run = carried ? r : NULL };
        struct held *h = hold(a, repo, &b->digest);
        if (h == NULL)
            continue;
        h->run = source.run;
        if (source.elsewhere != NULL)
            h->elsewhere = rf_xstrdup(source.elsewhere);
        else if (source.run == NULL)
            h->elsewhere = RF_STEAL(from);
    }
}

static void set_tag(struct rf_ahead *a, const struct rf_import_run *r, size_t image)
{
    const struct rf_desired *d = &r->doc->desired;
    const char *tag = rf_desired_str(d, d->images[image].tag);
    if (r->tag_gets == NULL || !rf_digest_is_set(&r->tag_gets[image]) || tag[0] == '\0')
        return;
    RF_CLEANUP(rf_freep)
    char *repo = rf_run_repo(r, rf_desired_str(d, d->images[image].repository));
    RF_CLEANUP(rf_freep) char *name = rf_xasprintf("%s:%s", repo, tag);
    uint32_t id = rf_strings_add(&a->tags, rf_slice_str(name));
    if (id == a->n_tags) {
        a->becomes = rf_grow(a->becomes, a->n_tags, &a->cap_tags, sizeof(*a->becomes));
        a->n_tags++;
    }
    a->becomes[id] = r->tag_gets[image];
}

static void add_rooms(struct rf_ahead *a, const struct rf_rooms *rooms)
{
    for (size_t i = 0; i < rooms->n; i++) {
        size_t k = 0;
        while (k < a->rooms.n && a->rooms.list[k].device != rooms->list[i].device)
            k++;
        if (k == a->rooms.n) {
            a->rooms.list =
                rf_grow(a->rooms.list, a->rooms.n, &a->rooms.cap, sizeof(*a->rooms.list));
            a->rooms.list[a->rooms.n++] = (struct rf_room){ .device = rooms->list[i].device };
        }
        a->rooms.list[k].needed += rooms->list[i].needed;
    }
}

void rf_ahead_enter(struct rf_ahead *a, struct rf_import_result *planned, const char *state_dir)
{
    const struct rf_import_run *r = &planned->run;
    for (size_t i = 0; i < r->doc->n_blobs; i++)
        hold_blob(a, r, (uint32_t)i);
    for (size_t i = 0; i < r->doc->desired.n; i++)
        set_tag(a, r, i);
    add_rooms(a, &r->forecast.rooms);
    a->pulls_planned += r->forecast.pulls;
    a->plans = rf_grow(a->plans, a->n_plans, &a->cap_plans, sizeof(*a->plans));
    a->plans[a->n_plans++] =
        (struct planned){ .result = planned, .state_dir = rf_xstrdup(state_dir) };
}

void rf_ahead_remember(const struct rf_ahead *a, struct rf_import_state *s, const char *dir,
                       const char *to)
{
    for (size_t i = 0; i < a->n_plans; i++) {
        const struct rf_import_run *r = &a->plans[i].result->run;
        if (a->plans[i].state_dir != NULL && strcmp(a->plans[i].state_dir, dir) == 0 &&
            !rf_bundle_is_repair(r->doc))
            rf_import_state_add_planned(s, r, to, rf_run_refused(r) + rf_run_lacking(r) > 0);
    }
}

/* ---- numbers ---- */

uint64_t rf_ahead_requests(const struct rf_ahead *a)
{
    return a != NULL ? a->requests : 0;
}

uint64_t rf_ahead_pulls(const struct rf_ahead *a)
{
    return a != NULL ? a->pulls : 0;
}

uint64_t rf_ahead_pulls_planned(const struct rf_ahead *a)
{
    return a != NULL ? a->pulls_planned : 0;
}

uint64_t rf_ahead_room_planned(const struct rf_ahead *a, dev_t device)
{
    for (size_t i = 0; a != NULL && i < a->rooms.n; i++)
        if (a->rooms.list[i].device == device)
            return a->rooms.list[i].needed;
    return 0;
}
