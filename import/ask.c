/* SPDX-License-Identifier: Apache-2.0 */
#include "import/ask.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/text.h"
#include "import/standing.h"
#include "layout/receipt.h"

static struct rf_companion_image image_of(struct rf_repair_request *doc, const struct rf_desired *d,
                                          const struct rf_image *im)
{
    struct rf_companion_image out = { .digest = im->digest };
    out.repository = rf_strings_add(&doc->strings, rf_slice_str(rf_desired_str(d, im->repository)));
    out.tag = rf_strings_add(&doc->strings, rf_slice_str(rf_desired_str(d, im->tag)));
    return out;
}

static void fill_missing(const struct rf_import_run *r, struct rf_repair_request *doc)
{
    const struct rf_desired *d = &r->doc->desired;
    for (size_t i = 0; i < r->n_missing; i++) {
        const struct rf_missing *m = &r->missing[i];
        struct rf_lack lack = { .digest = m->digest, .size = m->size, .manifest = m->manifest };
        lack.image = image_of(doc, d, &d->images[m->image]);
        rf_repair_request_add(doc, &lack);
    }
}

/* Every wanted line of a bundle that was applied before is looked at as one that has to stand. */
static void let_stand(struct rf_bundle *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->desired.n; i++) {
        if (!rf_image_is_wanted(&b->desired.images[i]))
            continue;
        b->desired.images[n] = b->desired.images[i];
        b->desired.images[n++].status = RF_IMAGE_UNCHANGED;
    }
    b->desired.n = n;
}

static int check_known(const struct rf_import_run *r, struct rf_bundle *b,
                       struct rf_repair_request *doc, struct rf_err *err)
{
    struct rf_import_request req = *r->req;
    struct rf_import_run known = { .req = &req, .doc = b, .lock = PTHREAD_MUTEX_INITIALIZER };
    req.check = RF_CHECK_BLOBS;
    let_stand(b);
    int rc = rf_standing_check(&known, err);
    RF_CLEANUP(rf_freep)
    struct rf_digest *lacks = rf_xcalloc(known.n_missing + 1, sizeof(*lacks));
    for (size_t i = 0; i < known.n_missing; i++)
        lacks[i] = known.missing[i].digest;
    if (rc == 0)
        rf_repair_request_add_known(doc, &b->snapshot, lacks, known.n_missing);
    free(known.missing);
    pthread_mutex_destroy(&known.lock);
    return rc;
}

/* A memory that is lost costs bytes on the way back, nothing else. */
static int fill_known(const struct rf_import_run *r, const struct rf_import_state *state,
                      const struct rf_import_record *last, struct rf_repair_request *doc,
                      struct rf_err *err)
{
    struct rf_err why = RF_ERR_INIT;
    struct rf_bundle b;
    rf_bundle_init(&b);
    int rc = rf_import_state_load_bundle(state, &last->id, &b, &why);
    if (rc < 0)
        rf_log(RF_LOG_WARN,
               "What the bundle applied last said is lost; more may be asked for than is missing",
               "error", why.msg, NULL);
    rc = rc < 0 ? 0 : check_known(r, &b, doc, err);
    rf_bundle_release(&b);
    return rc;
}

/* ---- below manifests that are not there ---- */

/* Bundles that are looked through for what stands below them, the last ones. */
#define BUNDLES_MAX 64u

struct candidate {
    struct rf_digest digest;
    uint64_t size;
    uint32_t repository, media_type; /* in strings */
    bool manifest, found;
};

/*
 * A manifest that is absent does not say what it names, but bundles that were applied here said what they brought into its repository: whatever of that is
 * still there need not be sent again.
 */
struct search {
    const struct rf_import_run *r;
    struct rf_strings strings, repositories, seen;
    struct candidate *list;
    size_t n, cap;
};

static void search_release(struct search *s)
{
    rf_strings_release(&s->strings);
    rf_strings_release(&s->repositories);
    rf_strings_release(&s->seen);
    free(s->list);
}

static void add_candidate(struct search *s, const struct rf_bundle *b,
                          const struct rf_bundle_blob *blob, const char *repository)
{
    char text[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_freep)
    char *key = rf_xasprintf("%s %s", repository, rf_digest_text(&blob->digest, text));
    size_t before = s->seen.len;
    if (rf_strings_find(&s->repositories, rf_slice_str(repository)) == RF_NO_ID ||
        rf_strings_add(&s->seen, rf_slice_str(key)) < before)
        return;
    struct candidate c = { .digest = blob->digest,
                           .size = blob->size,
                           .manifest = blob->kind == RF_BLOB_MANIFEST };
    c.repository = rf_strings_add(&s->strings, rf_slice_str(repository));
    c.media_type =
        rf_strings_add(&s->strings, rf_slice_str(rf_desired_str(&b->desired, blob->media_type)));
    s->list = rf_grow(s->list, s->n, &s->cap, sizeof(*s->list));
    s->list[s->n++] = c;
}

static void look_through(struct search *s, const struct rf_bundle *b)
{
    for (size_t i = 0; i < b->n_blobs; i++)
        for (uint32_t k = 0; k < b->blobs[i].n_repos; k++)
            add_candidate(s, b, &b->blobs[i], rf_bundle_repo(b, b->blobs[i].first_repo + k));
}

static int look_for(void *ctx, size_t i, struct rf_err *err)
{
    struct search *s = ctx;
    struct candidate *c = &s->list[i];
    RF_CLEANUP(rf_freep)
    char *repo = rf_run_repo(s->r, rf_strings_get(&s->strings, c->repository));
    struct rf_manifest_expect expect = { .size = c->size,
                                         .media_type = rf_strings_get(&s->strings, c->media_type) };
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_place *to = s->r->req->to;
    struct rf_err why = RF_ERR_INIT;
    int rc = c->manifest ? rf_place_get_manifest(to, repo, NULL, &c->digest, &expect, &m, &why)
                         : rf_place_probe_blob(to, repo, &c->digest, c->size, RF_PROBE_RANGE, &why);
    c->found = rc == 0;
    return rc < 0 && rf_run_ends(rc) && rc != -RFE_DENIED ? rf_fail(err, -rc, "%s", why.msg) : 0;
}

static int fill_found(const struct rf_import_run *r, const struct rf_import_state *state,
                      struct rf_repair_request *doc, struct rf_err *err)
{
    RF_CLEANUP(search_release) struct search s = { .r = r };
    const struct rf_desired *d = &r->doc->desired;
    size_t bundles = 0;
    rf_strings_init(&s.strings);
    rf_strings_init(&s.repositories);
    rf_strings_init(&s.seen);
    for (size_t i = 0; i < r->n_missing; i++)
        if (r->missing[i].manifest)
            (void)rf_strings_add(
                &s.repositories,
                rf_slice_str(rf_desired_str(d, d->images[r->missing[i].image].repository)));
    for (size_t i = state->n; i > 0 && s.repositories.len > 0 && bundles < BUNDLES_MAX; i--) {
        struct rf_bundle b;
        if (strcmp(state->records[i - 1].to, r->req->to_name) != 0)
            continue;
        rf_bundle_init(&b);
        if (rf_import_state_load_bundle(state, &state->records[i - 1].id, &b, NULL) == 0)
            look_through(&s, &b);
        rf_bundle_release(&b);
        bundles++;
    }
    int rc = rf_parallel(r->req->parallel, s.n, look_for, &s, err);
    for (size_t i = 0; rc == 0 && i < s.n; i++)
        if (s.list[i].found)
            rf_repair_request_add_found(doc, rf_strings_get(&s.strings, s.list[i].repository),
                                        &s.list[i].digest);
    return rc;
}

/* ---- what was refused ---- */

/* It is refused in this run, too: the reason of now counts. */
static bool refused_now(const struct rf_import_run *r, const struct rf_receipt *receipt,
                        const struct rf_receipt_image *im)
{
    const struct rf_desired *d = &r->doc->desired;
    const struct rf_image *line =
        rf_desired_find(d, rf_strings_get(&receipt->strings, im->image.repository),
                        rf_strings_get(&receipt->strings, im->image.tag), &im->image.digest);
    return line != NULL && rf_digest_eq(&line->digest, &im->image.digest) &&
           r->refused[line - d->images] != NULL;
}

static void fill_refused_now(const struct rf_import_run *r, struct rf_repair_request *doc)
{
    const struct rf_desired *d = &r->doc->desired;
    for (size_t i = 0; i < d->n; i++) {
        if (r->refused[i] == NULL)
            continue;
        const struct rf_refused one = {
            .image = image_of(doc, d, &d->images[i]),
            .reason = rf_strings_add(&doc->strings, rf_slice_str(r->refused[i])),
        };
        rf_repair_request_add_refused(doc, &one);
    }
}

static void fill_refused(const struct rf_import_run *r, const struct rf_import_state *state,
                         const struct rf_import_record *last, struct rf_repair_request *doc)
{
    RF_CLEANUP(rf_freep)
    char *path = rf_import_state_receipt_path(state, &last->id, r->req->to_name);
    struct rf_receipt receipt;
    rf_receipt_init(&receipt);
    int rc = rf_receipt_load(&receipt, path, NULL);
    for (size_t i = 0; rc == 0 && i < receipt.n; i++) {
        const struct rf_receipt_image *im = &receipt.images[i];
        if (im->by == RF_NO_ID || refused_now(r, &receipt, im) ||
            strcmp(rf_strings_get(&receipt.strings, im->by), "ground") == 0)
            continue; /* what lacked its ground is what is asked for */
        struct rf_refused refused = { .image.digest = im->image.digest };
        const uint32_t from[] = { im->image.repository, im->image.tag, im->reason };
        uint32_t *const to[] = { &refused.image.repository, &refused.image.tag, &refused.reason };
        for (size_t k = 0; k < RF_ARRAY_LEN(to); k++)
            *to[k] = rf_strings_add(&doc->strings,
                                    rf_slice_str(rf_strings_get(&receipt.strings, from[k])));
        rf_repair_request_add_refused(doc, &refused);
    }
    rf_receipt_release(&receipt);
}

int rf_ask_fill(struct rf_import_run *r, const struct rf_import_state *state,
                struct rf_repair_request *doc, struct rf_err *err)
{
    const struct rf_bundle *b = r->doc;
    memcpy(doc->site, b->site, sizeof(doc->site));
    memcpy(doc->chain, b->chain, sizeof(doc->chain));
    doc->bundle = b->id;
    doc->snapshot = b->snapshot;
    doc->sequence = b->sequence;
    doc->destination = rf_text_safe_dup(rf_slice_str(r->req->to_name), RF_COMPANION_NAME_MAX / 4);
    doc->tool = rf_xstrdup("regimport " RF_VERSION);
    fill_missing(r, doc);
    if (r->n_missing > 0)
        fill_refused_now(r, doc);
    const struct rf_import_record *last =
        state != NULL ? rf_import_state_last(state, r->req->to_name) : NULL;
    if (last == NULL || r->n_missing == 0)
        return 0;
    fill_refused(r, state, last, doc);
    int rc = fill_found(r, state, doc, err);
    return rc < 0 ? rc : fill_known(r, state, last, doc, err);
}
