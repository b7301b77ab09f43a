/* SPDX-License-Identifier: Apache-2.0 */
#include "export/select.h"

#include "base/cancel.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "export/select_private.h"
#include "policy/step_rules.h"

/* All of it but the padding behind. */
static struct rf_slice key_slice(const struct rf_line_key *k)
{
    return rf_slice_of(k, offsetof(struct rf_line_key, digest) + sizeof(k->digest));
}

static struct rf_slice line_key(const void *ctx, uint32_t id)
{
    return key_slice(&((const struct rf_selection *)ctx)->keys[id]);
}

void rf_selection_init(struct rf_selection *s, const struct rf_export_request *req,
                       struct rf_export_state *state)
{
    memset(s, 0, sizeof(*s));
    s->req = req;
    s->state = state;
    rf_locations_init(&s->locations, req->client, state);
    s->referrers_at = rf_xcalloc(req->n_items + 1, sizeof(*s->referrers_at));
    for (size_t i = 0; i < req->n_items; i++)
        s->referrers_at[i] = RF_NO_ID;
    rf_desired_init(&s->wanted);
    rf_idmap_init(&s->by_key, line_key, s);
}

void rf_selection_release(struct rf_selection *s)
{
    rf_locations_release(&s->locations);
    free(s->picks);
    free(s->keys);
    free(s->referrers_at);
    rf_idmap_release(&s->by_key);
    rf_desired_release(&s->wanted);
}

void rf_pick_fail(struct rf_selection *s, size_t i, int code, const char *reason)
{
    struct rf_pick *p = &s->picks[i];
    const char *path = p->where != RF_NO_ID ? s->locations.list[p->where].path
                                            : s->req->items[p->item].source.path;
    RF_CLEANUP(rf_freep)
    char *shown =
        rf_location_reason(rf_desired_str(&s->wanted, s->wanted.images[i].source), path, reason);
    p->error_code = code;
    p->error = rf_strings_add(&s->wanted.strings, rf_slice_str(shown));
}

/* ---- lines ---- */

size_t rf_selection_add(struct rf_selection *s, const struct rf_image *im,
                        const struct rf_pick *pick)
{
    size_t i = rf_desired_add(&s->wanted, &s->wanted, im);
    if (i >= s->cap_picks) {
        s->cap_picks = s->cap_picks > 0 ? s->cap_picks * 2 : 64;
        s->picks = rf_xreallocarray(s->picks, s->cap_picks, sizeof(*s->picks));
    }
    s->picks[i] = *pick;
    return i;
}

uint32_t rf_selection_text(struct rf_selection *s, const char *text)
{
    return rf_strings_add(&s->wanted.strings, rf_slice_str(text != NULL ? text : ""));
}

uint32_t rf_selection_source(struct rf_selection *s, const struct rf_location *l, const char *tag,
                             const struct rf_digest *digest)
{
    char text[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_freep)
    char *full = tag != NULL && tag[0] != '\0'
                     ? rf_xasprintf("%s:%s", l->name, tag)
                     : rf_xasprintf("%s@%s", l->name, rf_digest_text(digest, text));
    return rf_selection_text(s, full);
}

struct rf_pick rf_selection_pick(const struct rf_selection *s, size_t item, uint32_t where)
{
    const struct rf_export_item *it = &s->req->items[item];
    return (struct rf_pick){ .item = (uint32_t)item,
                             .where = where,
                             .root = RF_NO_ID,
                             .of = RF_NO_ID,
                             .verdict = RF_NO_ID,
                             .error = RF_NO_ID,
                             .kept = RF_NO_ID,
                             .referrers = it->referrers,
                             .digest_tags = it->digest_tags,
                             .include_external = it->include_external };
}

/* ---- what is found later ---- */

static struct rf_line_key key_of(const struct rf_selection *s, const struct rf_image *im,
                                 uint32_t item)
{
    struct rf_line_key key = { .repository = im->repository, .tag = im->tag, .item = item };
    if (rf_desired_str(&s->wanted, im->tag)[0] == '\0')
        key.digest = im->digest;
    return key;
}

/* The line that is entered under the key, or RF_NO_ID. */
static uint32_t find_key(const struct rf_selection *s, const struct rf_line_key *key)
{
    uint32_t id = rf_idmap_find(&s->by_key, key_slice(key));
    return id != RF_NO_ID ? s->keys[id].line : RF_NO_ID;
}

/* False when it is entered already. */
static bool enter_key(struct rf_selection *s, struct rf_line_key key, uint32_t line)
{
    if (find_key(s, &key) != RF_NO_ID)
        return false;
    key.line = line;
    s->keys = rf_grow(s->keys, s->n_keys, &s->cap_keys, sizeof(*s->keys));
    s->keys[s->n_keys] = key;
    rf_idmap_add(&s->by_key, (uint32_t)s->n_keys++);
    return true;
}

static void enter_lines(struct rf_selection *s)
{
    for (size_t i = 0; i < s->wanted.n; i++) {
        const struct rf_image *im = &s->wanted.images[i];
        const struct rf_pick *p = &s->picks[i];
        uint32_t line = rf_pick_line(s->picks, (uint32_t)i);
        if (line == RF_NO_ID)
            continue;
        (void)enter_key(s, key_of(s, im, p->dropped ? p->item + 1 : 0), line);
    }
}

uint32_t rf_selection_referrers_at(const struct rf_selection *s, size_t i)
{
    uint32_t at = s->referrers_at[s->picks[i].item];
    return at != RF_NO_ID ? at : s->picks[i].where;
}

/* Of what the mention `of` has found. */
static struct rf_pick extra_pick(struct rf_selection *s, uint32_t of, const char *tag)
{
    struct rf_pick pick = s->picks[of];
    pick.root = RF_NO_ID;
    pick.of = of;
    pick.verdict = RF_NO_ID;
    pick.source_tag = rf_selection_text(s, tag);
    pick.kept = RF_NO_ID;
    pick.unchanged = pick.dropped = false;
    pick.extra = true;
    pick.include_external = s->req->items[pick.item].include_external;
    pick.outside = tag == NULL && rf_export_item_outside(&s->req->items[pick.item]);
    if (pick.outside) {
        pick.where = rf_selection_referrers_at(s, of);
        pick.digest_tags = false;
    }
    return pick;
}

uint32_t rf_selection_add_extra(struct rf_selection *s, uint32_t of, const char *tag,
                                const struct rf_descriptor *desc)
{
    struct rf_pick pick = extra_pick(s, of, tag);
    const char *elsewhere = pick.outside ? s->req->items[pick.item].referrers_to : NULL;
    struct rf_image im = { .digest = desc->digest, .size = desc->size, .original = RF_NO_ID };
    im.repository =
        elsewhere != NULL ? rf_selection_text(s, elsewhere) : s->wanted.images[of].repository;
    im.tag = rf_selection_text(s, tag);
    if (s->n_keys == 0)
        enter_lines(s);
    const struct rf_line_key key = key_of(s, &im, 0);
    uint32_t line = find_key(s, &key);
    bool first = line == RF_NO_ID;
    if (first)
        (void)enter_key(s, key, line = (uint32_t)s->wanted.n);
    else if (s->picks[line].item == pick.item || !enter_key(s, key_of(s, &im, pick.item + 1), line))
        return RF_NO_ID;
    pick.dropped = !first;
    pick.kept = first ? RF_NO_ID : line;
    im.media_type = rf_selection_text(s, desc->media_type);
    im.source = rf_selection_source(s, &s->locations.list[pick.where], tag, &im.digest);
    if (!first && pick.include_external)
        s->picks[line].include_external = true;
    (void)rf_selection_add(s, &im, &pick);
    return first ? line : RF_NO_ID;
}

/* ---- resolving ---- */

int rf_export_fetch_manifest(struct rf_export_state *state, const struct rf_location *at,
                             const struct rf_digest *digest, uint64_t size, const char *media_type,
                             struct rf_manifest **out, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    struct rf_manifest_expect expect = { .digest = digest, .size = size };
    struct rf_err ignored = RF_ERR_INIT;
    if (media_type != NULL && media_type[0] != '\0')
        expect.media_type = media_type;
    rf_buf_init(&body, RF_MANIFEST_MAX);
    if (rf_blob_store_load(state->cache, digest, &body, &ignored) == 0)
        return rf_manifest_parse(rf_buf_slice(&body), &expect, out, err);
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    int rc = rf_pulls_enter(at->pulls, at->pull_source, at->repo, digest, &ignored);
    if (rc < 0) {
        if (err != NULL)
            *err = ignored;
        return rc == -RFE_REFUSED ? rf_export_state_note(state, rc, &ignored) : rc;
    }
    rc = rf_place_get_manifest(at->place, at->repo, NULL, digest, &expect, &m, err);
    if (rc == 0)
        rc = rf_export_state_keep(state, digest, rf_buf_slice(&m->body), err);
    rf_pulls_leave(at->pulls, at->pull_source, rc == 0);
    if (rc == 0)
        *out = RF_STEAL(m);
    return rc;
}

int rf_export_fetch_config(struct rf_export_state *state, const struct rf_location *at,
                           const struct rf_digest *digest, uint64_t size, struct rf_err *err)
{
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    struct rf_err absent = RF_ERR_INIT;
    if (rf_blob_store_stat(state->cache, digest, NULL, &absent) == 0)
        return 0;
    int rc =
        rf_export_state_note(state, rf_blob_store_put(state->cache, digest, size, &sink, err), err);
    if (rc < 0)
        return rc;
    rc = rf_place_get_blob(at->place, at->repo, digest, size, 0, NULL, sink, err);
    if (rc == 0)
        rc = rf_sink_commit(sink, err);
    if (rc == 0)
        rf_pulls_kept_config(at->pulls, at->pull_source);
    /* the sink fails for the disk, or because it got other bytes than it was to get */
    bool bytes = rc == -RFE_DIGEST_MISMATCH || rc == -RFE_SIZE_MISMATCH;
    return rc < 0 && sink->failed != 0 && !bytes ? rf_export_state_note(state, rc, err) : rc;
}

struct answer {
    struct rf_descriptor desc;
    int code;
    char *reason;
};

struct resolving {
    struct rf_selection *s;
    struct answer *answers;
};

int rf_resolve_at(struct rf_export_state *state, const struct rf_location *at, const char *tag,
                  const struct rf_digest *digest, struct rf_descriptor *out, struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    const char *by_tag = digest == NULL ? tag : NULL;
    int rc = rf_place_resolve(at->place, at->repo, by_tag, digest, &d, err);
    if (rc == -RFE_NOT_FOUND) {
        /* Some registries say so to HEAD of what they have: a source is asked once more, by GET. */
        rc = rf_place_get_manifest(at->place, at->repo, by_tag, digest, NULL, &m, err);
        if (rc == 0)
            rf_manifest_descriptor(m, &d);
    }
    if (rc < 0)
        return rc;
    if (rf_media_kind(d.media_type) == RF_KIND_OTHER || d.size == 0) {
        struct rf_digest have = d.digest;
        rf_manifest_freep(&m);
        rc = rf_export_fetch_manifest(state, at, &have, 0, NULL, &m, err);
        if (rc < 0)
            return rc;
        rf_descriptor_release(&d);
        rf_manifest_descriptor(m, &d);
    }
    *out = d;
    d = (struct rf_descriptor)RF_DESCRIPTOR_INIT;
    return 0;
}

static int resolve_one(struct resolving *r, size_t i, struct rf_descriptor *out, struct rf_err *err)
{
    const struct rf_selection *s = r->s;
    const struct rf_pick *pick = &s->picks[i];
    const char *tag = rf_desired_str(&s->wanted, pick->source_tag);
    return rf_resolve_at(s->state, &s->locations.list[pick->where], tag,
                         tag[0] == '\0' ? &s->wanted.images[i].digest : NULL, out, err);
}

static int resolve_job(void *ctx, size_t i, struct rf_err *err)
{
    struct resolving *r = ctx;
    struct answer *a = &r->answers[i];
    struct rf_err why = RF_ERR_INIT;
    if (r->s->picks[i].error_code != 0)
        return 0;
    int rc = resolve_one(r, i, &a->desc, &why);
    const struct rf_step *step = r->s->req->items[r->s->picks[i].item].step;
    bool wanted = step == NULL || rf_step_takes_type(step, a->desc.media_type);
    if (rc == 0 && wanted && rf_media_kind(a->desc.media_type) == RF_KIND_LEGACY)
        rc = rf_fail(
            &why, RFE_UNSUPPORTED,
            "the retired type %s cannot be carried; rebuild or convert the image at its source",
            a->desc.media_type);
    if (rc < 0 && rf_cancelled())
        return rf_cancel_check(err);
    if (rc < 0) {
        a->code = -rc;
        a->reason = rf_xstrdup(why.msg);
    }
    return 0;
}

/* An image of a kind that its step does not take is as good as absent. */
static void leave_kind(struct rf_selection *s, size_t i)
{
    const struct rf_step *step = s->req->items[s->picks[i].item].step;
    const struct rf_image *im = &s->wanted.images[i];
    const char *type = rf_desired_str(&s->wanted, im->media_type);
    if (step == NULL || rf_step_takes_type(step, type))
        return;
    rf_step_tell_skipped(step, rf_desired_str(&s->wanted, im->source), type);
    s->picks[i].dropped = true;
}

static int resolve(struct rf_selection *s, struct rf_err *err)
{
    size_t n = s->wanted.n;
    struct resolving r = { .s = s, .answers = rf_xcalloc(n + 1, sizeof(*r.answers)) };
    int rc = rf_parallel(s->req->parallel, n, resolve_job, &r, err);
    for (size_t i = 0; i < n; i++) {
        struct answer *a = &r.answers[i];
        struct rf_image *im = &s->wanted.images[i];
        if (a->code != 0) {
            rf_pick_fail(s, i, a->code, a->reason);
        } else if (s->picks[i].error_code == 0 && rc == 0) {
            im->digest = a->desc.digest;
            im->size = a->desc.size;
            im->media_type = rf_selection_text(s, a->desc.media_type);
            leave_kind(s, i);
        }
        rf_descriptor_release(&a->desc);
        free(a->reason);
    }
    free(r.answers);
    return rc < 0 ? rc : rf_export_state_check(s->state, err);
}

/* ---- second mentions and conflicts ---- */

static int compare_lines(const void *a, const void *b, void *ctx)
{
    const struct rf_selection *s = ctx;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    const struct rf_image *i = &s->wanted.images[x], *j = &s->wanted.images[y];
    if (i->repository != j->repository)
        return i->repository < j->repository ? -1 : 1;
    if (i->tag != j->tag)
        return i->tag < j->tag ? -1 : 1;
    int c =
        rf_desired_str(&s->wanted, i->tag)[0] == '\0' ? rf_digest_cmp(&i->digest, &j->digest) : 0;
    if (c == 0) /* those that could be had come first */
        c = (s->picks[x].error_code != 0) - (s->picks[y].error_code != 0);
    return c != 0 ? c : (x > y) - (x < y);
}

static bool same_line(const struct rf_selection *s, uint32_t x, uint32_t y)
{
    const struct rf_image *i = &s->wanted.images[x], *j = &s->wanted.images[y];
    return i->repository == j->repository && i->tag == j->tag &&
           (rf_desired_str(&s->wanted, i->tag)[0] != '\0' || rf_digest_eq(&i->digest, &j->digest));
}

static bool same_platforms(const struct rf_export_item *a, const struct rf_export_item *b)
{
    if (a->n_platforms != b->n_platforms || a->single != b->single ||
        (a->n_platforms > 0 && a->prune != b->prune))
        return false;
    for (size_t i = 0; i < a->n_platforms; i++)
        if (!rf_platform_match(&a->platforms[i], &b->platforms[i]))
            return false;
    return true;
}

static int conflict(const struct rf_selection *s, uint32_t x, uint32_t y, const char *differ,
                    struct rf_err *err)
{
    const struct rf_image *a = &s->wanted.images[x], *b = &s->wanted.images[y];
    RF_CLEANUP(rf_buf_release) struct rf_buf name;
    rf_buf_init(&name, 1024);
    rf_image_name(&s->wanted, a, &name);
    return rf_fail(
        err, RFE_CONFLICT,
        "%s and %s %s, but both are to become %s; give one of them another path (SOURCE=PATH[:TAG]; in a policy file `target`, or the `paths` of the site)",
        rf_desired_str(&s->wanted, a->source), rf_desired_str(&s->wanted, b->source), differ,
        name.ptr);
}

/* y is x once more: it has to want the same. */
static int join(struct rf_selection *s, uint32_t x, uint32_t y, struct rf_err *err)
{
    struct rf_pick *a = &s->picks[x], *b = &s->picks[y];
    const struct rf_image *i = &s->wanted.images[x], *j = &s->wanted.images[y];
    if (b->error_code == 0 && !rf_digest_eq(&i->digest, &j->digest))
        return conflict(s, x, y, "differ", err);
    if (a->error_code == 0 && b->error_code == 0 &&
        rf_media_kind(rf_desired_str(&s->wanted, i->media_type)) == RF_KIND_INDEX &&
        !same_platforms(&s->req->items[a->item], &s->req->items[b->item]))
        return conflict(s, x, y, "are wanted for different platforms", err);
    if (b->error_code != 0) {
        a->referrers = a->referrers || b->referrers;
        a->digest_tags = a->digest_tags || b->digest_tags;
    } else {
        b->kept = x; /* what it asks for beside the image is asked for as it says */
    }
    a->include_external = a->include_external || b->include_external;
    b->dropped = true;
    return 0;
}

static int drop_doubles(struct rf_selection *s, struct rf_err *err)
{
    size_t n = s->wanted.n;
    RF_CLEANUP(rf_freep) uint32_t *order = rf_xcalloc(n + 1, sizeof(*order));
    size_t left = 0;
    for (size_t i = 0; i < n; i++)
        if (!s->picks[i].dropped)
            order[left++] = (uint32_t)i;
    n = left;
    if (n > 0)
        qsort_r(order, n, sizeof(*order), compare_lines, s);
    for (size_t i = 1, first = 0; i < n; i++) {
        if (!same_line(s, order[first], order[i])) {
            first = i;
            continue;
        }
        int rc = join(s, order[first], order[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int rf_select(struct rf_selection *s, struct rf_err *err)
{
    int rc = rf_selection_expand(s, err);
    if (rc == 0)
        rc = resolve(s, err);
    return rc < 0 ? rc : drop_doubles(s, err);
}
