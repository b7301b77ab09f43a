/* SPDX-License-Identifier: Apache-2.0 */
#include "import/way_back.h"

#include "base/mem.h"

#define HEX_MIN 8u

void rf_way_back_init(struct rf_way_back *w)
{
    memset(w, 0, sizeof(*w));
}

void rf_way_back_release(struct rf_way_back *w)
{
    for (size_t i = 0; i < w->n_bundles; i++)
        rf_tag_map_release(&w->bundles[i].map);
    for (size_t i = 0; i < w->n_tags; i++)
        free(w->tags[i].reason);
    free(w->bundles);
    free(w->tags);
    free(w->gave);
    memset(w, 0, sizeof(*w));
}

/* ---- how far back ---- */

static bool is_at(const struct rf_import_record *r, const char *to)
{
    return strcmp(r->to, to) == 0;
}

static bool matches(const struct rf_import_record *r, const char *id)
{
    char text[RF_DIGEST_TEXT], hex[RF_DIGEST_TEXT];
    if (strcmp(rf_digest_text(&r->id, text), id) == 0)
        return true;
    size_t n = strlen(id);
    return n >= HEX_MIN && strncmp(rf_digest_hex(&r->id, hex), id, n) == 0;
}

static int not_known(const struct rf_import_state *s, const char *to, const char *id,
                     struct rf_err *err)
{
    for (size_t i = s->n; i-- > 0;)
        if (is_at(&s->records[i], to) && matches(&s->records[i], id))
            return rf_fail(err, RFE_USAGE,
                           "%s: that bundle was taken back itself (%s); apply it again", id,
                           s->records[i].taken_back);
    return rf_fail(
        err, RFE_USAGE,
        "%s: no such bundle is known to have been applied to %s; name one by its digest or the first %u digits of it, or \"" RF_WAY_BACK_NONE
        "\" for before the first",
        id, to, HEX_MIN);
}

/* The bundle that is to be the last one. */
static int find_target(const struct rf_import_state *s, const char *to, const char *id,
                       struct rf_way_back *w, struct rf_err *err)
{
    const struct rf_import_record *found = NULL;
    if (strcmp(id, RF_WAY_BACK_NONE) == 0)
        return 0;
    for (size_t i = s->n; i-- > 0;) {
        const struct rf_import_record *r = &s->records[i];
        if (!is_at(r, to) || r->taken_back != NULL || !matches(r, id))
            continue;
        if (found != NULL && !rf_digest_eq(&found->id, &r->id))
            return rf_fail(err, RFE_USAGE, "%s: more than one bundle begins with this; write more",
                           id);
        if (found == NULL)
            found = r;
    }
    w->target = found;
    return found != NULL ? 0 : not_known(s, to, id, err);
}

/* Records behind the last one that stands: those were taken back last. */
static bool has_trailing(const struct rf_import_state *s, const char *to,
                         const struct rf_import_record *top)
{
    for (size_t i = s->n; i-- > 0 && &s->records[i] != top;)
        if (is_at(&s->records[i], to))
            return true;
    return false;
}

static int choose(const struct rf_import_state *s, const char *to, const char *id,
                  const struct rf_tag_map *unfinished, struct rf_way_back *w, struct rf_err *err)
{
    const struct rf_import_record *top = rf_import_state_last(s, to);
    bool trailing = has_trailing(s, to, top), interrupted = unfinished->to != NULL;
    if (top == NULL && !trailing && !interrupted)
        return rf_fail(
            err, RFE_USAGE,
            "no bundle is known to have been applied to %s; write --to as it was written for apply, and check --site and --state",
            to);
    int rc = 0;
    if (id != NULL)
        rc = find_target(s, to, id, w, err);
    else if (trailing || interrupted)
        w->target = top;
    else
        w->target = top != NULL ? rf_import_state_below(s, to, &top->id) : NULL;
    w->from = w->target != NULL ? (size_t)(w->target - s->records) + 1 : 0;
    w->again = (!interrupted || unfinished->taken_back) && w->target == top;
    return rc;
}

/* ---- the maps ---- */

static void take_bundle(struct rf_way_back *w, struct rf_tag_map *map,
                        const struct rf_import_record *record)
{
    w->bundles = rf_grow(w->bundles, w->n_bundles, &w->cap_bundles, sizeof(*w->bundles));
    w->bundles[w->n_bundles++] = (struct rf_back_bundle){ .map = *map, .record = record };
    rf_tag_map_init(map);
}

static bool is_taken(const struct rf_way_back *w, const struct rf_digest *id)
{
    for (size_t i = 0; i < w->n_bundles; i++)
        if (rf_digest_eq(&w->bundles[i].map.bundle, id))
            return true;
    return false;
}

static int lost(const struct rf_import_record *r, int rc, const struct rf_err *why,
                struct rf_err *err)
{
    char text[RF_DIGEST_TEXT];
    return rf_fail(
        err, -rc,
        "bundle %s cannot be taken back: the record of what the tags were before it is lost (%s); apply an earlier bundle with --allow-older instead",
        rf_digest_text(&r->id, text), why->msg);
}

/* One bundle more, which has to stand on the last one taken, or on the target. What was taken back before may be passed over. */
static int add_record(struct rf_way_back *w, const char *to, const struct rf_import_record *r,
                      struct rf_err *err)
{
    RF_CLEANUP(rf_tag_map_release) struct rf_tag_map map;
    struct rf_err why = RF_ERR_INIT;
    struct rf_digest below = { 0 };
    const struct rf_back_bundle *last = w->n_bundles > 0 ? &w->bundles[w->n_bundles - 1] : NULL;
    if (last != NULL && rf_digest_eq(&last->map.bundle, &r->id))
        return 0; /* applied once more */
    if (last != NULL)
        below = last->map.bundle;
    else if (w->target != NULL)
        below = w->target->id;
    rf_tag_map_init(&map);
    int rc = rf_tag_map_load(w->state, &r->id, to, &map, &why);
    if (rc == 0 && !rf_digest_eq(&map.before, &below))
        rc = rf_fail(&why, RFE_NOT_FOUND, "it was written over");
    if (rc == 0)
        take_bundle(w, &map, r);
    return rc < 0 && r->taken_back == NULL ? lost(r, rc, &why, err) : 0;
}

static int collect(struct rf_way_back *w, const char *to, struct rf_tag_map *unfinished,
                   struct rf_err *err)
{
    const struct rf_import_state *s = w->state;
    const struct rf_import_record *top = rf_import_state_last(s, to);
    for (size_t i = w->from; i < s->n; i++) {
        const struct rf_import_record *r = &s->records[i];
        /* what was taken back before something else was applied has no part in this any more */
        if (!is_at(r, to) || (r->taken_back != NULL && top != NULL && r < top))
            continue;
        int rc = add_record(w, to, r, err);
        if (rc < 0)
            return rc;
    }
    if (unfinished->to != NULL && !is_taken(w, &unfinished->bundle))
        take_bundle(w, unfinished, NULL);
    return 0;
}

/* ---- the tags ---- */

struct step {
    const struct rf_old_tag *tag;
    size_t bundle;
};

static int compare_names(const char *ra, const char *ta, const char *rb, const char *tb)
{
    int c = strcmp(ra, rb);
    return c != 0 ? c : strcmp(ta, tb);
}

static int compare_steps(const void *a, const void *b)
{
    const struct step *x = a, *y = b;
    int c = compare_names(x->tag->repository, x->tag->tag, y->tag->repository, y->tag->tag);
    return c != 0 ? c : (x->bundle > y->bundle) - (x->bundle < y->bundle);
}

/* The oldest bundle's map says what a tag was before all of them. */
static void compose(struct rf_way_back *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_bundles; i++)
        n += w->bundles[i].map.n;
    RF_CLEANUP(rf_freep) struct step *steps = rf_xcalloc(n + 1, sizeof(*steps));
    n = 0;
    for (size_t i = 0; i < w->n_bundles; i++)
        for (size_t k = 0; k < w->bundles[i].map.n; k++)
            steps[n++] = (struct step){ &w->bundles[i].map.tags[k], i };
    if (n > 1)
        qsort(steps, n, sizeof(*steps), compare_steps);
    w->tags = rf_xcalloc(n + 1, sizeof(*w->tags));
    w->gave = rf_xcalloc(n + 1, sizeof(*w->gave));
    RF_CHECK(w->tags != NULL && w->gave != NULL);
    for (size_t i = 0; i < n; i++) {
        const struct rf_old_tag *t = steps[i].tag;
        struct rf_back_tag *last = w->n_tags > 0 ? &w->tags[w->n_tags - 1] : NULL;
        w->gave[i] = t->becomes;
        if (last != NULL &&
            compare_names(last->repository, last->tag, t->repository, t->tag) == 0) {
            last->n++;
            continue;
        }
        w->tags[w->n_tags++] = (struct rf_back_tag){
            .repository = t->repository, .tag = t->tag, .was = t->was, .first = i, .n = 1
        };
    }
}

int rf_way_back_find(const struct rf_import_state *s, const char *to, const char *id,
                     struct rf_way_back *w, struct rf_err *err)
{
    RF_CLEANUP(rf_tag_map_release) struct rf_tag_map unfinished;
    struct rf_err why = RF_ERR_INIT;
    rf_tag_map_init(&unfinished);
    w->state = s;
    int rc = rf_tag_map_find_unfinished(s, to, &unfinished, &why);
    if (rc < 0 && rc != -RFE_NOT_FOUND)
        return rf_fail(err, -rc, "%s", why.msg);
    rc = choose(s, to, id, &unfinished, w, err);
    if (rc == 0)
        rc = collect(w, to, &unfinished, err);
    if (rc == 0)
        compose(w);
    return rc;
}

bool rf_way_back_gave(const struct rf_way_back *w, const struct rf_back_tag *t,
                      const struct rf_digest *d)
{
    for (size_t i = t->first; i < t->first + t->n; i++)
        if (rf_digest_eq(&w->gave[i], d))
            return true;
    return false;
}

struct rf_back_tag *rf_way_back_tag(const struct rf_way_back *w, const char *repository,
                                    const char *tag)
{
    size_t lo = 0, hi = w->n_tags;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = compare_names(w->tags[mid].repository, w->tags[mid].tag, repository, tag);
        if (c == 0)
            return &w->tags[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}
