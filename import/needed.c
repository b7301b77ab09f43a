/* SPDX-License-Identifier: Apache-2.0 */
#include "import/needed.h"

#include "base/mem.h"

static struct rf_slice key(const void *ctx, uint32_t id)
{
    const struct rf_digest *d = &((const struct rf_needed *)ctx)->list[id];
    return rf_slice_of(d, offsetof(struct rf_digest, bytes) + d->len);
}

void rf_needed_init(struct rf_needed *n)
{
    memset(n, 0, sizeof(*n));
    rf_idmap_init(&n->by_digest, key, n);
}

void rf_needed_release(struct rf_needed *n)
{
    rf_idmap_release(&n->by_digest);
    free(n->list);
    n->list = NULL;
    n->n = n->cap = 0;
}

bool rf_needed_has(const struct rf_needed *n, const struct rf_digest *d)
{
    return rf_idmap_find(&n->by_digest,
                         rf_slice_of(d, offsetof(struct rf_digest, bytes) + d->len)) != RF_NO_ID;
}

static void push(struct rf_needed *n, const struct rf_digest *d)
{
    if (rf_needed_has(n, d))
        return;
    n->list = rf_grow(n->list, n->n, &n->cap, sizeof(*n->list));
    n->list[n->n] = *d;
    rf_idmap_add(&n->by_digest, (uint32_t)n->n++);
}

static void push_below(struct rf_needed *n, const struct rf_manifest *m)
{
    for (size_t i = 0; m->kind == RF_KIND_INDEX && i < m->n_entries; i++)
        if (rf_media_is_manifest(m->entries[i].media_type))
            push(n, &m->entries[i].digest);
    if (m->has_subject)
        push(n, &m->subject.digest);
}

int rf_needed_add(struct rf_needed *n, struct rf_place *place, const char *repo,
                  const struct rf_digest *digest, struct rf_err *err)
{
    size_t from = n->n;
    push(n, digest);
    for (size_t i = from; i < n->n; i++) {
        RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
        struct rf_digest d = n->list[i];
        struct rf_err why = RF_ERR_INIT;
        int rc = rf_place_get_manifest(place, repo, NULL, &d, NULL, &m, &why);
        if (rc < 0 && rc != -RFE_NOT_FOUND)
            return rf_fail(err, -rc, "%s: what it needs cannot be told: %s", repo, why.msg);
        if (rc == 0)
            push_below(n, m);
    }
    return 0;
}

/* ---- tags ---- */

struct tags {
    char **list;
    size_t n, cap;
};

static void tags_release(struct tags *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->list[i]);
    free(t->list);
}

static int add_tag(void *ctx, const char *tag, struct rf_err *err)
{
    struct tags *t = ctx;
    (void)err;
    t->list = rf_grow(t->list, t->n, &t->cap, sizeof(char *));
    t->list[t->n++] = rf_xstrdup(tag);
    return 0;
}

static int add_tagged(struct rf_needed *n, struct rf_place *place, const char *repo,
                      const char *tag, struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor desc = { 0 };
    int rc = rf_place_resolve(place, repo, tag, NULL, &desc, err);
    if (rc == -RFE_NOT_FOUND)
        return 0; /* gone since */
    return rc < 0 ? rf_wrap(err, rc, "%s:%s", repo, tag)
                  : rf_needed_add(n, place, repo, &desc.digest, err);
}

int rf_needed_add_tags(struct rf_needed *n, struct rf_place *place, const char *repo,
                       bool (*goes)(void *ctx, const char *tag), void *ctx, struct rf_err *err)
{
    RF_CLEANUP(tags_release) struct tags tags = { 0 };
    struct rf_digest subject;
    int rc = rf_place_list_tags(place, repo, add_tag, &tags, err);
    if (rc == -RFE_NOT_FOUND)
        return 0;
    for (size_t i = 0; rc == 0 && i < tags.n; i++)
        if (!rf_digest_tag_parse(tags.list[i], &subject) && !goes(ctx, tags.list[i]))
            rc = add_tagged(n, place, repo, tags.list[i], err);
    /* signatures of signatures: until a round adds nothing */
    for (size_t before = SIZE_MAX; rc == 0 && before != n->n;) {
        before = n->n;
        for (size_t i = 0; rc == 0 && i < tags.n; i++)
            if (rf_digest_tag_parse(tags.list[i], &subject) && !goes(ctx, tags.list[i]) &&
                rf_needed_has(n, &subject))
                rc = add_tagged(n, place, repo, tags.list[i], err);
    }
    return rc;
}
