/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From lines of a desired state to verdicts. What may refer to images is read first; then the images, some at a time: their documents by several
 * threads, the calls of the function one after another, in the order of the lines. What refers to them follows them in the end.
 */
#include "policy/verdict_image.h"

#include "base/cancel.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "layout/place.h"

#define BATCH 64u /* images that are in memory at the same time */

/* A line that speaks of a manifest in its repository. */
struct extra {
    uint32_t line, repository;
    struct rf_digest of;
    json_t *doc; /* as `referrers` list it; NULL: it speaks of nothing */
    struct rf_verdict unread;
};

/* A manifest, and the line that it belongs to. */
struct owner {
    uint32_t repository, line;
    struct rf_digest digest;
};

struct judging {
    struct rf_verdicts *v;
    enum rf_verdict_function f;
    const struct rf_verdict_lines *lines;
    struct rf_verdict *out;
    struct extra
        *extras; /* those that may be; then, in order of repository and subject, those that are */
    size_t n_extras;
    struct owner *owners;
    size_t n_owners, cap_owners;
    uint32_t batch[BATCH];
    struct rf_verdict_image images[BATCH];
    size_t n_batch;
};

static bool wanted(const struct judging *j, size_t line)
{
    return j->lines->wanted == NULL || j->lines->wanted(j->lines->ctx, line);
}

static bool speaks(const struct rf_desired *d, const struct rf_image *im, struct rf_digest *of)
{
    const char *tag = rf_desired_str(d, im->tag);
    *of = (struct rf_digest){ 0 };
    return tag[0] == '\0' || rf_digest_tag_parse(tag, of);
}

/* ---- what refers to something ---- */

static int unread(struct rf_verdict *out, const struct rf_err *why, struct rf_err *err)
{
    if (rf_cancelled())
        return rf_cancel_check(err);
    rf_verdict_release(out);
    out->kind = RF_VERDICT_UNREAD;
    out->code = why->code;
    out->reason = rf_xstrdup(why->msg);
    return 0;
}

static int extra_job(void *ctx, size_t i, struct rf_err *err)
{
    struct judging *j = ctx;
    struct extra *x = &j->extras[i];
    const struct rf_desired *d = j->lines->desired;
    const struct rf_image *im = &d->images[x->line];
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_freep) char *media_type = rf_xstrdup(rf_desired_str(d, im->media_type));
    const struct rf_descriptor desc = { .digest = im->digest,
                                        .size = im->size,
                                        .media_type = media_type };
    struct rf_err why = RF_ERR_INIT;
    int rc = j->lines->manifest(j->lines->ctx, x->line, &desc, &m, &why);
    if (rc < 0)
        return unread(&x->unread, &why, err);
    if (!rf_digest_is_set(&x->of) && m->has_subject)
        x->of = m->subject.digest;
    if (rf_digest_is_set(&x->of) && !rf_digest_eq(&x->of, &im->digest))
        x->doc = rf_verdict_referrer(d, x->line, m);
    return 0;
}

static int compare_extras(const void *a, const void *b)
{
    const struct extra *x = a, *y = b;
    if (x->repository != y->repository)
        return x->repository < y->repository ? -1 : 1;
    int c = rf_digest_cmp(&x->of, &y->of);
    return c != 0 ? c : (x->line > y->line) - (x->line < y->line);
}

/* What cannot be read gets its verdict here. What speaks of nothing is an image like others. */
static int find_extras(struct judging *j, struct rf_err *err)
{
    const struct rf_desired *d = j->lines->desired;
    size_t n = 0;
    j->extras = rf_xcalloc(d->n + 1, sizeof(*j->extras));
    for (size_t i = 0; i < d->n; i++) {
        struct extra x = { .line = (uint32_t)i, .repository = d->images[i].repository };
        if (wanted(j, i) && speaks(d, &d->images[i], &x.of))
            j->extras[j->n_extras++] = x;
    }
    int rc =
        rf_parallel(j->lines->threads > 0 ? j->lines->threads : 4, j->n_extras, extra_job, j, err);
    for (size_t i = 0; i < j->n_extras; i++) {
        if (j->extras[i].unread.kind != RF_VERDICT_NONE)
            j->out[j->extras[i].line] = j->extras[i].unread;
        else if (j->extras[i].doc != NULL)
            j->extras[n++] = j->extras[i];
    }
    j->n_extras = n;
    if (n > 1)
        qsort(j->extras, n, sizeof(*j->extras), compare_extras);
    return rc;
}

/* The first extra that speaks of this manifest, or where it would stand. */
static size_t first_of(const struct judging *j, uint32_t repository, const struct rf_digest *d)
{
    const struct extra want = { .repository = repository, .of = *d };
    size_t lo = 0, hi = j->n_extras;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (compare_extras(&j->extras[mid], &want) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* ---- images ---- */

static int image_job(void *ctx, size_t i, struct rf_err *err)
{
    struct judging *j = ctx;
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_verdict_image_read(j->lines, j->batch[i], &j->images[i], &why);
    return rc < 0 ? unread(&j->out[j->batch[i]], &why, err) : 0;
}

/* Puts what refers to the image into its document. */
static void add_referrers(struct judging *j, struct rf_verdict_image *im, uint32_t line)
{
    uint32_t repository = j->lines->desired->images[line].repository;
    json_t *list = json_array();
    for (size_t i = 0; i < im->n; i++) {
        for (size_t k = first_of(j, repository, &im->manifests[i]);
             k < j->n_extras && j->extras[k].repository == repository &&
             rf_digest_eq(&j->extras[k].of, &im->manifests[i]);
             k++)
            json_array_append(list, j->extras[k].doc);
        j->owners = rf_grow(j->owners, j->n_owners, &j->cap_owners, sizeof(*j->owners));
        j->owners[j->n_owners++] =
            (struct owner){ .repository = repository, .line = line, .digest = im->manifests[i] };
    }
    json_object_set_new(im->doc, "referrers", list);
}

static int ask(struct judging *j, struct rf_verdict_image *im, uint32_t line, struct rf_err *err)
{
    const char *name = json_string_value(json_object_get(im->doc, "ref"));
    add_referrers(j, im, line);
    return rf_verdicts_ask(j->v, j->f, name, im->doc, &j->out[line], err);
}

static int judge_batch(struct judging *j, struct rf_err *err)
{
    int rc =
        rf_parallel(j->lines->threads > 0 ? j->lines->threads : 4, j->n_batch, image_job, j, err);
    for (size_t i = 0; i < j->n_batch; i++) {
        if (rc == 0 && j->out[j->batch[i]].kind == RF_VERDICT_NONE)
            rc = ask(j, &j->images[i], j->batch[i], err);
        rf_verdict_image_release(&j->images[i]);
    }
    j->n_batch = 0;
    return rc;
}

/* All lines that have no verdict yet, but those that `passed` marks. */
static int judge_images(struct judging *j, const bool *passed, struct rf_err *err)
{
    const struct rf_desired *d = j->lines->desired;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < d->n; i++) {
        if (passed[i] || j->out[i].kind != RF_VERDICT_NONE || !wanted(j, i))
            continue;
        j->batch[j->n_batch++] = (uint32_t)i;
        if (j->n_batch == BATCH)
            rc = judge_batch(j, err);
    }
    return rc == 0 ? judge_batch(j, err) : rc;
}

/* ---- what follows its image ---- */

static int compare_owners(const void *a, const void *b)
{
    const struct owner *x = a, *y = b;
    if (x->repository != y->repository)
        return x->repository < y->repository ? -1 : 1;
    int c = rf_digest_cmp(&x->digest, &y->digest);
    return c != 0 ? c : (x->line > y->line) - (x->line < y->line);
}

static void follow(struct rf_verdict *to, const struct rf_verdict *of, const char *name)
{
    if (of->kind == RF_VERDICT_NONE || to->kind == RF_VERDICT_YES)
        return;
    if (of->kind == RF_VERDICT_YES) {
        rf_verdict_release(to);
        to->kind = RF_VERDICT_YES;
    } else if (to->kind == RF_VERDICT_NONE) {
        to->kind = of->kind;
        to->code = of->code;
        to->reason =
            rf_xasprintf("it refers to %s: %s", name, of->reason != NULL ? of->reason : "");
    }
}

/* Takes over the verdicts of the lines that have what the extra speaks of. */
static void follow_owners(struct judging *j, struct extra *x)
{
    const struct rf_desired *d = j->lines->desired;
    const struct owner want = { .repository = x->repository, .digest = x->of };
    size_t lo = 0, hi = j->n_owners;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (compare_owners(&j->owners[mid], &want) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < j->n_owners && j->owners[lo].repository == x->repository &&
           rf_digest_eq(&j->owners[lo].digest, &x->of);
         lo++) {
        RF_CLEANUP(rf_buf_release) struct rf_buf name;
        rf_buf_init(&name, 1024);
        rf_image_name(d, &d->images[j->owners[lo].line], &name);
        follow(&j->out[x->line], &j->out[j->owners[lo].line], name.ptr);
    }
}

/* An extra may hang on another one: rounds, until nothing moves any more. */
static void follow_all(struct judging *j)
{
    bool moved = true;
    if (j->n_owners > 1)
        qsort(j->owners, j->n_owners, sizeof(*j->owners), compare_owners);
    while (moved) {
        moved = false;
        for (size_t i = 0; i < j->n_extras; i++) {
            const struct rf_verdict *v = &j->out[j->extras[i].line];
            if (v->kind != RF_VERDICT_NONE)
                continue;
            follow_owners(j, &j->extras[i]);
            moved = moved || v->kind != RF_VERDICT_NONE;
        }
    }
}

static void judging_release(struct judging *j)
{
    for (size_t i = 0; i < j->n_extras; i++)
        json_decref(j->extras[i].doc);
    free(j->extras);
    free(j->owners);
}

static void own_extras(struct judging *j, bool *is_extra)
{
    for (size_t i = 0; i < j->n_extras; i++) {
        const struct extra *x = &j->extras[i];
        is_extra[x->line] = true;
        j->owners = rf_grow(j->owners, j->n_owners, &j->cap_owners, sizeof(*j->owners));
        j->owners[j->n_owners++] =
            (struct owner){ .repository = x->repository,
                            .line = x->line,
                            .digest = j->lines->desired->images[x->line].digest };
    }
}

int rf_verdicts_judge(struct rf_verdicts *v, enum rf_verdict_function f,
                      const struct rf_verdict_lines *lines, struct rf_verdict *out,
                      struct rf_err *err)
{
    RF_CLEANUP(judging_release)
    struct judging j = { .v = v, .f = f, .lines = lines, .out = out };
    RF_CLEANUP(rf_freep) bool *passed = rf_xcalloc(lines->desired->n + 1, sizeof(*passed));
    int rc = find_extras(&j, err);
    own_extras(&j, passed);
    if (rc == 0)
        rc = judge_images(&j, passed, err);
    if (rc < 0)
        return rc;
    follow_all(&j);
    /* what is left speaks of something that is not among these lines */
    memset(passed, 0, lines->desired->n * sizeof(*passed));
    rc = judge_images(&j, passed, err);
    follow_all(&j);
    return rc;
}
