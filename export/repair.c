/* SPDX-License-Identifier: Apache-2.0 */
#include "export/repair.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "export/plan_private.h"
#include "export/repair_sources.h"
#include "layout/repair_request.h"

/* A line of the snapshot and one of its blobs, which is missing or stands below what is. */
struct need {
    uint32_t blob, line;
};
/* A blob that is not carried, and a far-side repository that has it (in the snapshot's strings). */
struct origin {
    uint32_t blob, repository;
};

/* Numbers of lines and blobs are those of the bundle's snapshot, which is the plan's. */
struct rf_repair {
    struct rf_repair_request ask;
    struct rf_bundle asked;
    struct rf_snapshot *whole; /* the plan's */
    struct rf_snapshot **
        known; /* snapshots that the destination has; parallel to ask.known, NULL: not in the history */
    uint32_t asked_for,
        others;    /* rules of the plan, for lines that something is missing of or not */
    bool *lacking; /* per line: something of it is missing */
    bool *there;   /* per blob: the destination has it */
    char **failed; /* per blob: why it could not be had, or NULL */
    struct need *needs;
    size_t n_needs, cap_needs;
    struct origin *origins;
    size_t n_origins, cap_origins;
};

void rf_repair_free(struct rf_repair *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; r->known != NULL && i < r->ask.n_known; i++)
        rf_plan_free_snapshot(r->known[i]);
    for (size_t i = 0; r->failed != NULL && i < r->whole->n_blobs; i++)
        free(r->failed[i]);
    free(r->known);
    free(r->lacking);
    free(r->there);
    free(r->failed);
    free(r->needs);
    free(r->origins);
    rf_repair_request_release(&r->ask);
    rf_bundle_release(&r->asked);
    free(r);
}

/* ---- what is asked ---- */

static int load_asked(struct rf_repair *r, const struct rf_export_request *req,
                      struct rf_export_state *state, struct rf_err *err)
{
    char text[RF_DIGEST_TEXT];
    const struct rf_export_record *record = NULL;
    int rc = rf_repair_request_load(&r->ask, req->repair, err);
    if (rc < 0)
        return rc;
    if (strcmp(r->ask.site, state->site) != 0)
        return rf_fail(err, RFE_REFUSED, "%s: it comes from site %s, not from %s; check --site",
                       req->repair, r->ask.site, state->site);
    rf_digest_text(&r->ask.bundle, text);
    if (rf_export_state_find(state, text, &record, NULL) < 0 ||
        strcmp(record->chain, r->ask.chain) != 0)
        return rf_hint(
            err,
            rf_fail(
                err, RFE_REFUSED,
                "%s: it asks for what bundle %s builds on, which the history of site %s does not know",
                req->repair, text, state->site),
            "check --site and --state; or export anew with --full, or with an inventory as --base");
    if (r->ask.n_missing == 0)
        return rf_fail(err, RFE_USAGE, "%s: it asks for nothing", req->repair);
    rc = rf_export_state_load_bundle(state, &record->id, &r->asked, err);
    if (rc == 0 && rf_bundle_is_repair(&r->asked))
        rc = rf_fail(err, RFE_REFUSED, "%s: it asks for what a repair bundle builds on",
                     req->repair);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_freep) char *path = rf_export_state_snapshot_path(state, &r->asked.snapshot);
    rc = rf_snapshot_load(r->whole, path, err);
    return rc < 0
               ? rf_hint(
                     err, rc,
                     "the record of the bundle is lost; export anew with --full, or with an inventory as --base")
               : 0;
}

static void load_known(struct rf_repair *r, struct rf_export_state *state)
{
    char text[RF_DIGEST_TEXT];
    r->known = rf_xcalloc(r->ask.n_known + 1, sizeof(struct rf_snapshot *));
    for (size_t i = 0; i < r->ask.n_known; i++) {
        RF_CLEANUP(rf_freep)
        char *path = rf_export_state_snapshot_path(state, &r->ask.known[i].snapshot);
        struct rf_err why = RF_ERR_INIT;
        struct rf_snapshot *s = rf_xcalloc(1, sizeof(*s));
        rf_snapshot_init(s);
        if (rf_snapshot_load(s, path, &why) == 0 &&
            rf_digest_eq(&s->id, &r->ask.known[i].snapshot)) {
            r->known[i] = s;
            continue;
        }
        rf_plan_free_snapshot(s);
        rf_log(
            RF_LOG_WARN,
            "A snapshot that the destination has is not in the history; more may be carried than is missing",
            "snapshot", rf_digest_text(&r->ask.known[i].snapshot, text), NULL);
    }
}

/* ---- what the destination has ---- */

static int compare_digests(const void *a, const void *b)
{
    return rf_digest_cmp(a, b);
}

static bool lacks(const struct rf_repair *r, const struct rf_known *known,
                  const struct rf_digest *d)
{
    return known->n > 0 && bsearch(d, r->ask.lacks + known->first, known->n,
                                   sizeof(struct rf_digest), compare_digests) != NULL;
}

/* Called twice for each blob and repository: first to learn what is there, then (origins) where, of what the repair needs and does not carry. */
static void have(struct rf_repair *r, uint32_t blob, const char *repository, const bool *origins)
{
    if (origins == NULL)
        r->there[blob] = true;
    if (origins == NULL || !origins[blob] || !r->there[blob])
        return;
    r->origins = rf_grow(r->origins, r->n_origins, &r->cap_origins, sizeof(*r->origins));
    r->origins[r->n_origins++] = (struct origin){ blob, rf_strings_add(&r->whole->desired.strings,
                                                                       rf_slice_str(repository)) };
}

/* The same repository's name stands in the same string. */
static const struct rf_image *asked_line(const struct rf_repair *r, const struct rf_image *im)
{
    const struct rf_desired *d = &r->whole->desired;
    return rf_desired_find(&r->asked.desired, rf_desired_str(d, im->repository),
                           rf_desired_str(d, im->tag), &im->digest);
}

/* Images that the bundle takes for unchanged and that the destination was found to have whole. */
static void standing(struct rf_repair *r, const bool *origins)
{
    const struct rf_desired *d = &r->whole->desired;
    for (size_t i = 0; i < d->n; i++) {
        const struct rf_image *im = &d->images[i], *line = asked_line(r, im);
        if (line == NULL || r->lacking[i] ||
            (line->status != RF_IMAGE_UNCHANGED && line->status != RF_IMAGE_HELD))
            continue;
        for (uint32_t k = 0; k < im->n_blobs; k++)
            have(r, r->whole->items[im->first_blob + k], rf_desired_str(d, im->repository),
                 origins);
    }
}

/*
 * What the bundle assumes and was found: where the base has it, or where it is needed and came by other ways. The request does not say which of them.
 */
static void assumed(struct rf_repair *r, const bool *origins)
{
    for (size_t i = 0; i < r->asked.n_blobs; i++) {
        const struct rf_bundle_blob *b = &r->asked.blobs[i];
        uint32_t blob = rf_snapshot_find_blob(r->whole, &b->digest);
        if (blob == RF_NO_ID || b->travel != RF_TRAVEL_ASSUMED)
            continue;
        for (uint32_t k = 0; k < b->n_from; k++)
            have(r, blob, rf_bundle_repo(&r->asked, b->first_from + k), origins);
        for (uint32_t k = 0; k < b->n_repos; k++)
            have(r, blob, rf_bundle_repo(&r->asked, b->first_repo + k), origins);
    }
}

/* lacking: per blob of the known snapshot. */
static bool lacks_manifest(const struct rf_snapshot *s, const struct rf_image *im,
                           const bool *lacking)
{
    for (uint32_t c = 0; c < im->n_blobs; c++) {
        uint32_t item = s->items[im->first_blob + c];
        if (s->blobs[item].kind == RF_BLOB_MANIFEST && lacking[item])
            return true;
    }
    return false;
}

static void known(struct rf_repair *r, const struct rf_known *k, const struct rf_snapshot *s,
                  const bool *origins)
{
    const struct rf_desired *d = &s->desired;
    RF_CLEANUP(rf_freep) uint32_t *number = rf_xcalloc(s->n_blobs + 1, sizeof(*number));
    RF_CLEANUP(rf_freep) bool *lacking = rf_xcalloc(s->n_blobs + 1, sizeof(*lacking));
    for (size_t i = 0; i < s->n_blobs; i++) {
        lacking[i] = lacks(r, k, &s->blobs[i].digest);
        number[i] = lacking[i] ? RF_NO_ID : rf_snapshot_find_blob(r->whole, &s->blobs[i].digest);
    }
    for (size_t i = 0; i < d->n; i++) {
        const struct rf_image *im = &d->images[i];
        /* of what stands below a manifest that could not be read nothing is known */
        if (lacks_manifest(s, im, lacking))
            continue;
        for (uint32_t c = 0; c < im->n_blobs; c++)
            if (number[s->items[im->first_blob + c]] != RF_NO_ID)
                have(r, number[s->items[im->first_blob + c]], rf_desired_str(d, im->repository),
                     origins);
    }
}

static void found(struct rf_repair *r, const bool *origins)
{
    for (size_t i = 0; i < r->ask.n_found; i++) {
        const struct rf_found *f = &r->ask.found[i];
        uint32_t blob = rf_snapshot_find_blob(r->whole, &f->digest);
        if (blob != RF_NO_ID)
            have(r, blob, rf_strings_get(&r->ask.strings, f->repository), origins);
    }
}

static void spread(struct rf_repair *r, const bool *origins)
{
    standing(r, origins);
    assumed(r, origins);
    found(r, origins);
    for (size_t i = 0; i < r->ask.n_known; i++)
        if (r->known[i] != NULL)
            known(r, &r->ask.known[i], r->known[i], origins);
}

/* ---- what is needed ---- */

static void add_need(struct rf_repair *r, uint32_t line, uint32_t blob)
{
    r->needs = rf_grow(r->needs, r->n_needs, &r->cap_needs, sizeof(*r->needs));
    r->needs[r->n_needs++] = (struct need){ blob, line };
}

static bool line_has(const struct rf_snapshot *s, const struct rf_image *im, uint32_t blob)
{
    for (uint32_t k = 0; k < im->n_blobs; k++)
        if (s->items[im->first_blob + k] == blob)
            return true;
    return false;
}

/* The line and the blob of a request's entry: it can name only what the bundle's images have. */
static int find_entry(const struct rf_repair *r, const struct rf_lack *m, struct need *out,
                      struct rf_err *err)
{
    const struct rf_strings *names = &r->ask.strings;
    const char *repository = rf_strings_get(names, m->image.repository),
               *tag = rf_strings_get(names, m->image.tag);
    char text[RF_DIGEST_TEXT];
    const struct rf_image *im =
        rf_desired_find(&r->whole->desired, repository, tag, &m->image.digest);
    uint32_t blob = rf_snapshot_find_blob(r->whole, &m->digest);
    if (im == NULL || !rf_digest_eq(&im->digest, &m->image.digest) || blob == RF_NO_ID ||
        !line_has(r->whole, im, blob))
        return rf_fail(
            err, RFE_REFUSED, "the request names %s for %s%s%s, which the bundle does not have so",
            rf_digest_text(&m->digest, text), repository, tag[0] != '\0' ? ":" : "", tag);
    *out = (struct need){ blob, (uint32_t)(im - r->whole->desired.images) };
    return 0;
}

static int enter_missing(struct rf_repair *r, struct rf_err *err)
{
    struct need *found = rf_xcalloc(r->ask.n_missing + 1, sizeof(*found));
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->ask.n_missing; i++) {
        rc = find_entry(r, &r->ask.missing[i], &found[i], err);
        if (rc < 0)
            break;
        r->lacking[found[i].line] = true;
        add_need(r, found[i].line, found[i].blob);
    }
    if (rc == 0)
        spread(r, NULL);
    for (size_t i = 0; rc == 0 && i < r->ask.n_missing; i++)
        r->there[found[i].blob] = false;
    free(found);
    return rc;
}

/* All below the manifests that could not be read at the destination, for the lines that need them. */
static int enter_below(struct rf_repair *r, struct rf_repair_sources *src, struct rf_err *err)
{
    size_t n = r->n_needs;
    for (size_t i = 0; i < n; i++)
        if (r->whole->blobs[r->needs[i].blob].kind == RF_BLOB_MANIFEST)
            rf_repair_sources_add(src, r->needs[i].blob);
    int rc = rf_repair_sources_walk(src, err);
    RF_CLEANUP(rf_freep) uint32_t *seen = rf_xcalloc(r->whole->n_blobs + 1, sizeof(*seen));
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct need need = r->needs[i];
        const struct rf_image *im = &r->whole->desired.images[need.line];
        uint32_t *below = NULL;
        size_t n_below = 0;
        if (r->whole->blobs[need.blob].kind != RF_BLOB_MANIFEST)
            continue;
        for (uint32_t k = 0; k < im->n_blobs; k++)
            seen[r->whole->items[im->first_blob + k]] = need.line + 1;
        rc = rf_repair_sources_below(src, need.blob, &below, &n_below, err);
        for (size_t k = 0; k < n_below; k++)
            if (seen[below[k]] == need.line + 1)
                add_need(r, need.line, below[k]);
        free(below);
    }
    return rc;
}

static int compare_needs(const void *a, const void *b)
{
    const struct need *x = a, *y = b;
    if (x->blob != y->blob)
        return x->blob < y->blob ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

static void sort_needs(struct rf_repair *r)
{
    size_t n = 0;
    qsort(r->needs, r->n_needs, sizeof(*r->needs), compare_needs);
    for (size_t i = 0; i < r->n_needs; i++)
        if (n == 0 || compare_needs(&r->needs[n - 1], &r->needs[i]) != 0)
            r->needs[n++] = r->needs[i];
    r->n_needs = n;
}

static int compare_origins(const void *a, const void *b, void *ctx)
{
    const struct rf_desired *d = ctx;
    const struct origin *x = a, *y = b;
    if (x->blob != y->blob)
        return x->blob < y->blob ? -1 : 1;
    return strcmp(rf_desired_str(d, x->repository), rf_desired_str(d, y->repository));
}

/* Where what is not carried is. What is nowhere by name has to travel. */
static void find_origins(struct rf_repair *r)
{
    size_t n = 0;
    RF_CLEANUP(rf_freep) bool *wanted = rf_xcalloc(r->whole->n_blobs + 1, sizeof(*wanted));
    for (size_t i = 0; i < r->n_needs; i++)
        wanted[r->needs[i].blob] = r->there[r->needs[i].blob];
    spread(r, wanted);
    if (r->n_origins > 1)
        qsort_r(r->origins, r->n_origins, sizeof(*r->origins), compare_origins, &r->whole->desired);
    for (size_t i = 0; i < r->n_origins; i++)
        if (n == 0 || compare_origins(&r->origins[n - 1], &r->origins[i], &r->whole->desired) != 0)
            r->origins[n++] = r->origins[i];
    r->n_origins = n;
}

/* ---- the bundle ---- */

struct builder {
    struct rf_repair *r;
    struct rf_bundle *out;
    struct rf_strings repos; /* numbers of the table */
    const char **holes;      /* per line: why it is one, or NULL */
    size_t origin;           /* the next one */
};

static void add_to_list(struct builder *b, uint32_t repository)
{
    struct rf_bundle *out = b->out;
    const char *name = rf_desired_str(&b->r->whole->desired, repository);
    uint32_t number = rf_strings_add(&b->repos, rf_slice_str(name));
    out->lists = rf_grow(out->lists, out->n_lists, &out->cap_lists, sizeof(*out->lists));
    out->lists[out->n_lists++] = number;
}

/* The blob of needs [first, end), for the lines that are no holes. */
static void add_blob(struct builder *b, size_t first, size_t end)
{
    struct rf_repair *r = b->r;
    struct rf_bundle *out = b->out;
    uint32_t number = r->needs[first].blob;
    const struct rf_snapshot_blob *from = &r->whole->blobs[number];
    struct rf_bundle_blob blob = { .digest = from->digest, .size = from->size, .kind = from->kind };
    blob.first_repo = (uint32_t)out->n_lists;
    for (size_t i = first; i < end; i++)
        if (b->holes[r->needs[i].line] == NULL)
            add_to_list(b, r->whole->desired.images[r->needs[i].line].repository);
    blob.n_repos = (uint32_t)out->n_lists - blob.first_repo;
    if (blob.n_repos == 0)
        return;
    blob.first_from = (uint32_t)out->n_lists;
    while (b->origin < r->n_origins && r->origins[b->origin].blob < number)
        b->origin++;
    for (size_t i = b->origin; i < r->n_origins && r->origins[i].blob == number; i++)
        if (out->n_lists - blob.first_from < RF_FROM_MAX)
            add_to_list(b, r->origins[i].repository);
    blob.n_from = (uint32_t)out->n_lists - blob.first_from;
    blob.travel = blob.n_from > 0 ? RF_TRAVEL_ASSUMED : RF_TRAVEL_CARRIED;
    blob.media_type = rf_strings_add(
        &out->desired.strings, rf_slice_str(rf_desired_str(&r->whole->desired, from->media_type)));
    out->blobs = rf_grow(out->blobs, out->n_blobs, &out->cap_blobs, sizeof(*out->blobs));
    out->blobs[out->n_blobs++] = blob;
}

static void add_holes(struct builder *b)
{
    const struct rf_desired *d = &b->r->whole->desired;
    struct rf_bundle *out = b->out;
    for (size_t i = 0; i < b->r->n_needs; i++) {
        const struct need *need = &b->r->needs[i];
        if (b->r->failed[need->blob] != NULL && b->holes[need->line] == NULL)
            b->holes[need->line] = b->r->failed[need->blob];
    }
    for (size_t i = 0; i < d->n; i++) {
        const struct rf_image *im = &d->images[i];
        const char *const texts[] = { rf_desired_str(d, im->source),
                                      rf_desired_str(d, im->repository), rf_desired_str(d, im->tag),
                                      b->holes[i] };
        struct rf_hole hole = { .rule = b->r->asked_for };
        uint32_t *const ids[] = { &hole.source, &hole.repository, &hole.tag, &hole.reason };
        if (b->holes[i] == NULL)
            continue;
        for (size_t k = 0; k < RF_ARRAY_LEN(ids); k++)
            *ids[k] = rf_strings_add(&out->desired.strings, rf_slice_str(texts[k]));
        out->holes = rf_grow(out->holes, out->n_holes, &out->cap_holes, sizeof(*out->holes));
        out->holes[out->n_holes++] = hole;
        rf_log(RF_LOG_WARN, "Image left out", "source", texts[0], "error", texts[3], NULL);
    }
}

static void add_bases(const struct rf_repair *r, struct rf_bundle *out)
{
    memcpy(out->bases, r->asked.bases, sizeof(out->bases));
    out->n_bases = r->asked.n_bases;
    for (size_t i = 0; i < r->ask.n_known; i++) {
        bool there = r->known[i] == NULL || out->n_bases == RF_BUNDLE_BASES_MAX;
        for (size_t k = 0; k < out->n_bases && !there; k++)
            there = rf_digest_eq(&out->bases[k], &r->known[i]->id);
        if (!there)
            out->bases[out->n_bases++] = r->known[i]->id;
    }
}

/* Of the bundle that is repaired: its place in the chain, and all its images, none of which this one changes. */
static void put_header(const struct rf_repair *r, struct rf_bundle *out)
{
    const struct rf_bundle *asked = &r->asked;
    const struct rf_desired *lines = &r->whole->desired;
    memcpy(out->site, asked->site, sizeof(out->site));
    memcpy(out->chain, asked->chain, sizeof(out->chain));
    out->sequence = asked->sequence;
    out->parent = asked->parent;
    out->repairs = asked->id;
    out->tool = rf_xstrdup("regexport " RF_VERSION);
    add_bases(r, out);
    for (size_t i = 0; i < asked->desired.n; i++) {
        const struct rf_image *im = &asked->desired.images[i];
        if (!rf_image_is_wanted(im))
            continue;
        size_t at = rf_desired_add(&out->desired, &asked->desired, im);
        const struct rf_image *line =
            rf_desired_find(lines, rf_desired_str(&asked->desired, im->repository),
                            rf_desired_str(&asked->desired, im->tag), &im->digest);
        bool lacking = line != NULL && r->lacking[line - lines->images];
        out->desired.images[at].status = RF_IMAGE_UNCHANGED;
        out->desired.images[at].rule = lacking ? r->asked_for : r->others;
    }
}

static int build(struct rf_repair *r, struct rf_bundle *out, struct rf_err *err)
{
    struct builder b = { .r = r, .out = out };
    b.holes = rf_xcalloc(r->whole->desired.n + 1, sizeof(*b.holes));
    rf_strings_init(&b.repos);
    put_header(r, out);
    add_holes(&b);
    for (size_t first = 0, end = 0; first < r->n_needs; first = end) {
        while (end < r->n_needs && r->needs[end].blob == r->needs[first].blob)
            end++;
        add_blob(&b, first, end);
    }
    for (uint32_t i = 0; i < b.repos.len; i++) {
        out->repositories = rf_grow(out->repositories, out->n_repositories, &out->cap_repositories,
                                    sizeof(uint32_t));
        out->repositories[out->n_repositories++] =
            rf_strings_add(&out->desired.strings, rf_slice_str(rf_strings_get(&b.repos, i)));
    }
    rf_strings_release(&b.repos);
    free(b.holes);
    if (rf_bundle_carried_count(out) == 0)
        return out->n_holes > 0
                   ? rf_fail(err, RFE_FAILED,
                             "nothing that was asked for could be had; the first: %s: %s",
                             rf_desired_str(&out->desired, out->holes[0].source),
                             rf_desired_str(&out->desired, out->holes[0].reason))
                   : rf_fail(err, RFE_FAILED, "nothing that was asked for is to be carried");
    return rf_bundle_seal(out, err);
}

void rf_repair_statuses(const struct rf_bundle *b, struct rf_snapshot *s)
{
    RF_CLEANUP(rf_freep) bool *carried = rf_xcalloc(s->n_blobs + 1, sizeof(*carried));
    for (size_t i = 0; i < s->n_blobs; i++) {
        const struct rf_bundle_blob *blob = rf_bundle_find(b, &s->blobs[i].digest);
        carried[i] = blob != NULL && blob->travel == RF_TRAVEL_CARRIED;
    }
    for (size_t i = 0; i < s->desired.n; i++) {
        struct rf_image *im = &s->desired.images[i];
        im->status = RF_IMAGE_UNCHANGED;
        for (uint32_t k = 0; k < im->n_blobs; k++)
            if (carried[s->items[im->first_blob + k]])
                im->status = RF_IMAGE_CHANGED;
    }
}

/* ---- planning ---- */

static int ask_sources(struct rf_repair *r, struct rf_repair_sources *src, uint64_t *fetch_bytes,
                       struct rf_err *err)
{
    RF_CLEANUP(rf_freep) uint32_t *list = rf_xcalloc(r->n_needs + 1, sizeof(*list));
    size_t n = 0;
    for (size_t i = 0; i < r->n_needs; i++)
        if (!r->there[r->needs[i].blob] && (n == 0 || list[n - 1] != r->needs[i].blob))
            list[n++] = r->needs[i].blob;
    return rf_repair_sources_ask(src, list, n, r->failed, fetch_bytes, err);
}

static int plan(struct rf_plan *p, const struct rf_export_request *req,
                struct rf_export_state *state, struct rf_err *err)
{
    struct rf_repair *r = p->repair;
    RF_CLEANUP(rf_repair_sources_release) struct rf_repair_sources src;
    size_t n = r->whole->n_blobs;
    r->lacking = rf_xcalloc(r->whole->desired.n + 1, sizeof(*r->lacking));
    r->there = rf_xcalloc(n + 1, sizeof(*r->there));
    r->failed = rf_xcalloc(n + 1, sizeof(char *));
    load_known(r, state);
    rf_repair_sources_init(&src, req, state, r->whole);
    int rc = enter_missing(r, err);
    if (rc == 0)
        rc = enter_below(r, &src, err);
    if (rc < 0)
        return rc;
    sort_needs(r);
    find_origins(r);
    rc = ask_sources(r, &src, &p->fetch_bytes, err);
    if (rc == 0)
        rc = build(r, p->bundle, err);
    if (rc == 0) {
        rf_repair_statuses(p->bundle, p->snapshot);
        rf_repair_sources_exclude(&src, p->snapshot);
    }
    return rc;
}

int rf_repair_plan(const struct rf_export_request *req, struct rf_export_state *state,
                   struct rf_plan **out, struct rf_err *err)
{
    RF_CLEANUP(rf_plan_freep) struct rf_plan *p = rf_plan_new(state->site);
    struct rf_repair *r = rf_xcalloc(1, sizeof(*r));
    rf_repair_request_init(&r->ask);
    rf_bundle_init(&r->asked);
    r->whole = p->snapshot;
    r->others = rf_plan_rule_request(p, req->repair, false);
    r->asked_for = p->asked = rf_plan_rule_request(p, req->repair, true);
    p->repair = r;
    int rc = load_asked(r, req, state, err);
    if (rc == 0)
        rc = plan(p, req, state, err);
    if (rc == 0)
        *out = RF_STEAL(p);
    return rc;
}

int rf_repair_drop(struct rf_plan *p, const struct rf_plan_failure *failures, size_t n,
                   struct rf_bundle **old, struct rf_err *err)
{
    struct rf_repair *r = p->repair;
    struct rf_bundle *was = p->bundle;
    struct rf_bundle *now = rf_plan_new_bundle();
    for (size_t i = 0; i < n; i++) {
        uint32_t blob = rf_snapshot_find_blob(r->whole, &was->blobs[failures[i].blob].digest);
        if (blob != RF_NO_ID && r->failed[blob] == NULL)
            r->failed[blob] = rf_xstrdup(failures[i].reason);
    }
    int rc = build(r, now, err);
    if (rc < 0) {
        rf_plan_free_bundle(now);
        return rc;
    }
    p->bundle = now;
    *old = was;
    return 0;
}
