/* SPDX-License-Identifier: Apache-2.0 */
#include "import/accept.h"

#include "base/cancel.h"
#include "base/mem.h"
#include "import/receipt.h"
#include "layout/receipt.h"
#include "manifests/config.h"

/* ---- documents ---- */

struct asking {
    struct rf_import_run *r;
};

static bool is_wanted(void *ctx, size_t line)
{
    const struct asking *a = ctx;
    return rf_image_is_wanted(&a->r->doc->desired.images[line]);
}

/* Where at the destination an image's document may be: its own repository, then where the bundle says that the base has it. */
static const char *place_to_read(const struct rf_bundle *doc, const struct rf_image *im,
                                 const struct rf_bundle_blob *b, uint32_t i)
{
    if (i == 0)
        return rf_desired_str(&doc->desired, im->repository);
    if (b == NULL || b->travel != RF_TRAVEL_ASSUMED || i > b->n_from)
        return NULL;
    return rf_bundle_repo(doc, b->first_from + i - 1);
}

static bool may_be_elsewhere(int rc)
{
    return rc == -RFE_NOT_FOUND || rc == -RFE_DENIED || rc == -RFE_DIGEST_MISMATCH ||
           rc == -RFE_SIZE_MISMATCH;
}

/* Reads a manifest (*out) or a configuration (into `bytes`, out NULL). */
static int read_document(const struct asking *a, size_t line, const struct rf_descriptor *desc,
                         struct rf_manifest **out, struct rf_buf *bytes, struct rf_err *err)
{
    const struct rf_bundle *doc = a->r->doc;
    const struct rf_bundle_blob *b = rf_bundle_find(doc, &desc->digest);
    const struct rf_manifest_expect expect = { .size = desc->size, .media_type = desc->media_type };
    bool carried = b != NULL && b->travel == RF_TRAVEL_CARRIED;
    struct rf_place *from = carried ? rf_bundle_file_place(a->r->file) : a->r->req->to;
    const char *name;
    int rc = rf_fail(err, RFE_NOT_FOUND, "it is nowhere");
    for (uint32_t i = 0; may_be_elsewhere(rc) &&
                         (name = place_to_read(doc, &doc->desired.images[line], b, i)) != NULL;
         i++) {
        RF_CLEANUP(rf_freep) char *repo = carried ? rf_xstrdup("") : rf_run_repo(a->r, name);
        if (out != NULL) {
            rc = rf_place_get_manifest(from, repo, NULL, &desc->digest, &expect, out, err);
        } else {
            RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(bytes);
            rc = rf_place_get_blob(from, repo, &desc->digest, desc->size, 0, NULL, sink, err);
        }
        if (carried)
            break;
    }
    return rc;
}

static int get_manifest(void *ctx, size_t line, const struct rf_descriptor *desc,
                        struct rf_manifest **out, struct rf_err *err)
{
    return read_document(ctx, line, desc, out, NULL, err);
}

static int get_config(void *ctx, size_t line, const struct rf_descriptor *desc, struct rf_buf *out,
                      struct rf_err *err)
{
    if (desc->size > RF_CONFIG_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "it has more than %u bytes", RF_CONFIG_MAX);
    return read_document(ctx, line, desc, NULL, out, err);
}

/* ---- what was refused before ---- */

static void load_refused(const struct rf_import_run *r, const struct rf_import_state *state,
                         struct rf_receipt *out)
{
    const struct rf_import_record *last =
        state != NULL ? rf_import_state_last(state, r->req->to_name) : NULL;
    struct rf_err why = RF_ERR_INIT;
    if (last == NULL)
        return;
    if (rf_receipt_recall(state, &last->id, r->req->to_name, out, &why) <
        0) { /* a memory that is lost: then it is missing ground */
        rf_receipt_release(out);
        rf_receipt_init(out);
    }
}

/* Why the policy refused exactly this image; NULL when it did not. */
static const char *refused_before(const struct rf_receipt *receipt, const struct rf_desired *d,
                                  const struct rf_image *im)
{
    const struct rf_receipt_image *was = rf_receipt_find(receipt, rf_desired_str(d, im->repository),
                                                         rf_desired_str(d, im->tag), &im->digest);
    if (was == NULL || was->by == RF_NO_ID || !rf_digest_eq(&was->image.digest, &im->digest) ||
        strcmp(rf_strings_get(&receipt->strings, was->by), "policy") != 0)
        return NULL;
    return rf_strings_get(&receipt->strings, was->reason);
}

static void refuse(struct rf_import_run *r, size_t i, const char *reason)
{
    r->refused[i] = rf_xstrdup(reason);
    r->by_policy[i] = true;
}

/* Nothing of it is here to be judged anew; said once, however often it is remembered. */
#define MEMORY " (earlier; the image is not here)"

bool rf_accept_is_memory(const char *reason)
{
    size_t n = strlen(reason), m = strlen(MEMORY);
    return n > m && strcmp(reason + n - m, MEMORY) == 0;
}

static void refuse_again(struct rf_import_run *r, size_t i, const char *earlier)
{
    RF_CLEANUP(rf_freep)
    char *reason = rf_xasprintf("%s%s", earlier, rf_accept_is_memory(earlier) ? "" : MEMORY);
    refuse(r, i, reason);
}

/* ---- verdicts ---- */

/* The document cannot be what a policy could judge, wherever it is read. */
static bool is_unfit(int code)
{
    return code == RFE_INVALID || code == RFE_AMBIGUOUS || code == RFE_TOO_LARGE ||
           code == RFE_UNSUPPORTED;
}

static int enter(struct rf_import_run *r, size_t i, const struct rf_verdict *v,
                 const struct rf_receipt *before, struct rf_err *err)
{
    const struct rf_desired *d = &r->doc->desired;
    if (v->kind == RF_VERDICT_NO)
        refuse(r, i, v->reason != NULL ? v->reason : "");
    if (v->kind != RF_VERDICT_UNREAD)
        return 0;
    const char *earlier = refused_before(before, d, &d->images[i]);
    if (earlier != NULL && may_be_elsewhere(-v->code)) {
        refuse_again(r, i, earlier);
    } else if (may_be_elsewhere(-v->code)) {
        r->unasked[i] = true; /* the check of the ground has to say so, too */
    } else if (is_unfit(v->code)) {
        RF_CLEANUP(rf_freep) char *reason = rf_xasprintf("accept failed: %s", v->reason);
        refuse(r, i, reason);
    } else {
        RF_CLEANUP(rf_buf_release) struct rf_buf name;
        rf_buf_init(&name, 1024);
        rf_image_name(d, &d->images[i], &name);
        return rf_fail(err, v->code, "read %s for the policy: %s", name.ptr, v->reason);
    }
    return 0;
}

/* Without accept(), what an earlier one refused is still no missing ground. */
static int recall(struct asking *a, const struct rf_receipt *before, struct rf_err *err)
{
    struct rf_import_run *r = a->r;
    const struct rf_desired *d = &r->doc->desired;
    for (size_t i = 0; i < d->n; i++) {
        const struct rf_image *im = &d->images[i];
        const char *earlier =
            rf_image_is_wanted(im) && !rf_image_travels(im) ? refused_before(before, d, im) : NULL;
        if (earlier == NULL)
            continue;
        RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
        RF_CLEANUP(rf_freep) char *media_type = rf_xstrdup(rf_desired_str(d, im->media_type));
        const struct rf_descriptor desc = { .digest = im->digest,
                                            .size = im->size,
                                            .media_type = media_type };
        struct rf_err why = RF_ERR_INIT;
        int rc = read_document(a, i, &desc, &m, NULL, &why);
        if (rc < 0 && rf_cancelled())
            return rf_cancel_check(err);
        if (may_be_elsewhere(rc))
            refuse_again(r, i, earlier);
    }
    return 0;
}

int rf_accept_ask(struct rf_import_run *r, const struct rf_import_state *state, struct rf_err *err)
{
    struct asking a = { .r = r };
    size_t n = r->doc->desired.n;
    const struct rf_verdict_lines lines = { .desired = &r->doc->desired,
                                            .wanted = is_wanted,
                                            .manifest = get_manifest,
                                            .config = get_config,
                                            .ctx = &a,
                                            .threads = r->req->parallel };
    RF_CLEANUP(rf_receipt_release) struct rf_receipt before;
    rf_receipt_init(&before);
    if (rf_bundle_is_repair(r->doc))
        return 0;
    load_refused(r, state, &before);
    if (!rf_verdicts_has(r->req->policy, RF_VERDICT_ACCEPT))
        return recall(&a, &before, err);
    struct rf_verdict *verdicts = rf_xcalloc(n + 1, sizeof(*verdicts));
    int rc = rf_verdicts_judge(r->req->policy, RF_VERDICT_ACCEPT, &lines, verdicts, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = enter(r, i, &verdicts[i], &before, err);
    rf_verdict_list_free(verdicts, n);
    return rc;
}

/* ---- what need not be written ---- */

struct needing {
    struct rf_import_run *r;
    uint32_t *stack; /* manifests, by their number among the blobs */
    size_t n, cap;
};

/* Marks the blob as needed in the repository; a manifest that was not marked before is to be looked at. */
static void need(struct needing *w, const struct rf_digest *d, uint32_t repository)
{
    const struct rf_bundle *doc = w->r->doc;
    const struct rf_bundle_blob *b = rf_bundle_find(doc, d);
    for (uint32_t k = 0; b != NULL && k < b->n_repos; k++) {
        uint32_t item = b->first_repo + k;
        if (doc->repositories[doc->lists[item]] != repository || !w->r->needless[item])
            continue;
        w->r->needless[item] = false;
        if (b->kind != RF_BLOB_MANIFEST)
            continue;
        w->stack = rf_grow(w->stack, w->n, &w->cap, sizeof(*w->stack));
        w->stack[w->n++] = (uint32_t)(b - doc->blobs);
    }
}

static int need_all(struct needing *w, uint32_t repository, struct rf_err *err)
{
    while (w->n > 0) {
        RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
        int rc = rf_run_manifest(w->r, w->stack[--w->n], &m, err);
        if (rc < 0)
            return rc;
        if (m->kind == RF_KIND_IMAGE)
            need(w, &m->config.digest, repository);
        for (size_t i = 0; i < m->n_entries; i++)
            need(w, &m->entries[i].digest, repository);
    }
    return 0;
}

static int find_needless(struct rf_import_run *r, struct rf_err *err)
{
    const struct rf_desired *d = &r->doc->desired;
    struct needing w = { .r = r };
    int rc = 0;
    r->needless = rf_xcalloc(r->doc->n_lists + 1, sizeof(*r->needless));
    memset(r->needless, true, r->doc->n_lists * sizeof(*r->needless));
    for (size_t i = 0; rc == 0 && i < d->n; i++) {
        if (!rf_image_travels(&d->images[i]) || r->refused[i] != NULL || r->lacking[i])
            continue;
        need(&w, &d->images[i].digest, d->images[i].repository);
        rc = need_all(&w, d->images[i].repository, err);
    }
    free(w.stack);
    return rc;
}

static void find_idle(struct rf_import_run *r)
{
    r->idle = rf_xcalloc(r->doc->n_repositories + 1, sizeof(*r->idle));
    memset(r->idle, true, r->doc->n_repositories * sizeof(*r->idle));
    for (size_t i = 0; i < r->doc->n_blobs; i++) {
        const struct rf_bundle_blob *b = &r->doc->blobs[i];
        for (uint32_t k = 0; k < b->n_repos; k++)
            if (!r->needless[b->first_repo + k])
                r->idle[r->doc->lists[b->first_repo + k]] = false;
    }
}

int rf_accept_settle(struct rf_import_run *r, struct rf_err *err)
{
    bool any = false;
    for (size_t i = 0; i < r->doc->desired.n; i++) {
        /* it could not be read, and a moment later its ground was there: the next run asks again */
        if (r->unasked[i] && !r->lacking[i] && r->refused[i] == NULL)
            refuse(r, i, "accept failed: it could not be read at the destination");
        any = any || r->by_policy[i];
    }
    int rc = any ? find_needless(r, err) : 0;
    if (rc == 0 && any)
        find_idle(r);
    return rc;
}
