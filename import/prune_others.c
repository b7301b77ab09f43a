/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this side's rules count besides the selection and the candidates: images that bundles brought, that nobody selects any more and that the connected side's rules
 * keep. They are in no list of the bundle; without them "the last three" would be three more than there.
 */
#include "import/prune_run.h"

#include "base/mem.h"
#include "import/prune_brought.h"

struct search {
    struct rf_pruning *p;
    struct rf_strings repositories; /* that something may go from */
    struct rf_strings names;        /* "repository:tag" of what is selected */
    struct rf_strings candidates;   /* "repository:tag@digest" */
    struct rf_prune_other *list;
    size_t n, cap;
};

static void search_release(struct search *s)
{
    rf_strings_release(&s->repositories);
    rf_strings_release(&s->names);
    rf_strings_release(&s->candidates);
}

void rf_prune_others_free(struct rf_prune_other *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].repository);
        free(list[i].tag);
    }
    free(list);
}

static void add_key(struct rf_strings *to, const char *repository, const char *tag,
                    const struct rf_digest *d)
{
    char text[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_freep)
    char *key = rf_xasprintf("%s:%s%s%s", repository, tag, d != NULL ? "@" : "",
                             d != NULL ? rf_digest_text(d, text) : "");
    (void)rf_strings_add(to, rf_slice_str(key));
}

static void start(struct search *s, struct rf_pruning *p)
{
    const struct rf_desired *d = &p->bundle->desired;
    *s = (struct search){ .p = p };
    rf_strings_init(&s->repositories);
    rf_strings_init(&s->names);
    rf_strings_init(&s->candidates);
    for (size_t i = 0; i < d->n; i++)
        if (rf_image_is_wanted(&d->images[i]))
            add_key(&s->names, rf_desired_str(d, d->images[i].repository),
                    rf_desired_str(d, d->images[i].tag), NULL);
    for (size_t i = 0; i < p->out->n; i++) {
        const struct rf_prune_item *it = &p->out->items[i];
        add_key(&s->candidates, it->repository, it->tag, &it->digest);
        if (it->fate == RF_PRUNE_LET_GO)
            (void)rf_strings_add(&s->repositories, rf_slice_str(it->repository));
    }
}

/* "repository:tag@digest"; those without tag are left out, no rule counts them. */
static void take(struct search *s, const char *line)
{
    const char *at = strrchr(line, '@'), *colon = strchr(line, ':');
    struct rf_prune_other other = { 0 };
    if (at == NULL || colon == NULL || colon > at ||
        rf_digest_parse(rf_slice_str(at + 1), &other.digest, NULL) < 0)
        return;
    struct rf_slice repository = rf_slice_of(line, (size_t)(colon - line)),
                    name = rf_slice_of(line, (size_t)(at - line));
    if (rf_strings_find(&s->repositories, repository) == RF_NO_ID ||
        rf_strings_find(&s->names, name) != RF_NO_ID ||
        rf_strings_find(&s->candidates, rf_slice_str(line)) != RF_NO_ID)
        return;
    other.repository = rf_xstrndup(repository.ptr, repository.len);
    if (!rf_prune_is_remembered(s->p, other.repository, &other.digest)) {
        free(other.repository); /* it is away */
        return;
    }
    other.tag = rf_xstrndup(colon + 1, (size_t)(at - colon) - 1);
    s->list = rf_grow(s->list, s->n, &s->cap, sizeof(*s->list));
    s->list[s->n++] = other;
}

static struct rf_prune_view *view_of(struct search *s, const struct rf_prune_other *o)
{
    RF_CLEANUP(rf_freep) char *repo = rf_prune_repo(s->p, o->repository);
    return rf_prune_views_at(&s->p->views, repo);
}

/* Each tag is asked for once, whoever wants to know it later. */
static int ask(struct search *s, struct rf_err *err)
{
    size_t asked;
    for (size_t i = 0; i < s->n; i++) {
        struct rf_prune_view *v = view_of(s, &s->list[i]);
        rf_prune_view_tag(v, s->list[i].tag)->wanted = true;
        v->open = true;
    }
    int rc = rf_prune_views_ask(&s->p->views, &s->p->reader, s->p->threads, &asked, err);
    for (size_t i = 0; i < s->n; i++)
        view_of(s, &s->list[i])->open = false; /* nothing goes from it yet */
    return rc;
}

static bool is_there(struct search *s, const struct rf_prune_other *o)
{
    struct rf_prune_view *v = view_of(s, o);
    const struct rf_prune_tag *t = rf_prune_view_tag(v, o->tag);
    return !t->gone && t->doc != RF_NO_ID && rf_digest_eq(&v->docs[t->doc].digest, &o->digest);
}

static void drop_absent(struct search *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (is_there(s, &s->list[i])) {
            s->list[kept++] = s->list[i];
            continue;
        }
        free(s->list[i].repository);
        free(s->list[i].tag);
    }
    s->n = kept;
}

static bool any_counts(const struct rf_retain *own)
{
    for (size_t i = 0; i < own->n_rules; i++)
        if (own->rules[i].keep_semver > 0 || own->rules[i].keep_newest > 0)
            return true;
    return false;
}

int rf_prune_others(struct rf_pruning *p, const struct rf_strings *lines,
                    struct rf_prune_other **out, size_t *n, struct rf_err *err)
{
    RF_CLEANUP(search_release) struct search s = { 0 };
    *out = NULL;
    *n = 0;
    if (!any_counts(p->req->own))
        return 0;
    start(&s, p);
    for (size_t i = 0; i < lines->len; i++)
        take(&s, rf_strings_get(lines, (uint32_t)i));
    int rc = ask(&s, err);
    if (rc == 0)
        drop_absent(&s);
    *out = s.list;
    *n = s.n;
    return rc;
}
