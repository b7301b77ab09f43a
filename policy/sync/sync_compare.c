/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/sync/sync_compare.h"

#include <stdlib.h>

#include "base/mem.h"
#include "policy/step_rules.h"

#define MANIFESTS_MAX 10000u

struct digests {
    struct rf_digest *list;
    size_t n, cap;
};

struct compare {
    struct rf_sync_env *env;
    const struct rf_step *step;
    const struct rf_sync_pair *pair;
    struct rf_ref refs[2];
    struct rf_copy_side src, dst; /* of referrers */
    struct rf_platform *platforms;
    size_t n_platforms;
    struct digests
        all; /* manifests of the image, and what was found of them: asked about in this order */
    size_t asked;
    bool lacks;
};

static bool has(const struct digests *d, const struct rf_digest *digest)
{
    for (size_t i = 0; i < d->n; i++)
        if (rf_digest_eq(&d->list[i], digest))
            return true;
    return false;
}

static int add(struct digests *d, const struct rf_digest *digest, struct rf_err *err)
{
    if (d->n == MANIFESTS_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "more than %u manifests and referrers", MANIFESTS_MAX);
    d->list = rf_grow(d->list, d->n, &d->cap, sizeof(*d->list));
    d->list[d->n++] = *digest;
    return 0;
}

/* ---- the image's own manifests ---- */

static int add_tree(struct compare *c, const struct rf_copy_side *at,
                    const struct rf_digest *digest, const char *media_type, unsigned depth,
                    struct rf_err *err);

static int add_children(struct compare *c, const struct rf_copy_side *at,
                        const struct rf_manifest *m, unsigned depth, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) size_t *chosen = rf_xcalloc(m->n_entries + 1, sizeof(*chosen));
    int n = rf_manifest_select(m, c->platforms, c->n_platforms, chosen, err);
    int rc = n < 0 ? n : 0;
    for (int k = 0; rc == 0 && k < n; k++) {
        const struct rf_descriptor *d = &m->entries[chosen[k]];
        rc = add_tree(c, at, &d->digest, d->media_type, depth + 1, err);
    }
    return rc;
}

/* `at` is where it can be read without a pull that counts; an index that is not there lacks. */
static int add_tree(struct compare *c, const struct rf_copy_side *at,
                    const struct rf_digest *digest, const char *media_type, unsigned depth,
                    struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    enum rf_media_kind kind = rf_media_kind(media_type);
    if (kind == RF_KIND_OTHER || has(&c->all, digest))
        return 0;
    int rc = add(&c->all, digest, err);
    if (rc < 0 || kind != RF_KIND_INDEX || depth > 8)
        return rc;
    rc = rf_place_get_manifest(at->place, at->repo, NULL, digest, NULL, &m, err);
    if (rc == -RFE_NOT_FOUND)
        c->lacks = true;
    if (rc < 0)
        return rc == -RFE_NOT_FOUND ? 0 : rc;
    return add_children(c, at, m, depth, err);
}

/* ---- referrers ---- */

struct found {
    const struct rf_step *step; /* NULL: all are taken */
    struct rf_descriptor *list;
    size_t n, cap;
};

static void found_release(struct found *f)
{
    for (size_t i = 0; i < f->n; i++)
        rf_descriptor_release(&f->list[i]);
    free(f->list);
}

static int on_found(void *ctx, const struct rf_descriptor *d, struct rf_err *err)
{
    struct found *f = ctx;
    (void)err;
    if (f->step != NULL && !rf_step_takes_referrer(f->step, d))
        return 0;
    f->list = rf_grow(f->list, f->n, &f->cap, sizeof(*f->list));
    rf_descriptor_copy(d, &f->list[f->n++]);
    return 0;
}

static bool is_found(const struct found *f, const struct rf_digest *digest)
{
    for (size_t i = 0; i < f->n; i++)
        if (rf_digest_eq(&f->list[i].digest, digest))
            return true;
    return false;
}

static int compare_referrers(struct compare *c, const struct rf_digest *subject, struct rf_err *err)
{
    RF_CLEANUP(found_release) struct found src = { .step = c->step };
    RF_CLEANUP(found_release) struct found dst = { .step = NULL };
    int rc = rf_place_referrers(c->src.place, c->src.repo, subject, NULL, on_found, &src, err);
    if (rc < 0 || src.n == 0)
        return rc;
    rc = rf_place_referrers(c->dst.place, c->dst.repo, subject, NULL, on_found, &dst, err);
    if (rc == -RFE_NOT_FOUND)
        rc = 0; /* there is no such repository yet */
    for (size_t i = 0; rc == 0 && i < src.n && !c->lacks; i++) {
        c->lacks = !is_found(&dst, &src.list[i].digest);
        if (!c->lacks)
            rc = add_tree(c, &c->dst, &src.list[i].digest, src.list[i].media_type, 0, err);
    }
    return rc;
}

/* ---- digest tags ---- */

struct tags {
    const struct compare *c;
    char **list;
    size_t n, cap;
};

static void tags_release(struct tags *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->list[i]);
    free(t->list);
}

static int on_tag(void *ctx, const char *tag, struct rf_err *err)
{
    struct tags *t = ctx;
    struct rf_digest digest;
    char fallback[RF_DIGEST_TEXT];
    (void)err;
    if (!rf_digest_tag_parse(tag, &digest))
        return 0;
    rf_fallback_tag(&digest, fallback);
    if (t->c->step->s.referrers == RF_TRI_YES && strcmp(tag, fallback) == 0)
        return 0; /* each side keeps such lists itself */
    t->list = rf_grow(t->list, t->n, &t->cap, sizeof(*t->list));
    t->list[t->n++] = rf_xstrdup(tag);
    return 0;
}

static int compare_tag(struct compare *c, const char *tag, struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor src = RF_DESCRIPTOR_INIT;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor dst = RF_DESCRIPTOR_INIT;
    const struct rf_sync_pair *p = c->pair;
    const struct rf_copy_side at = { p->dst, p->dst_repo };
    int rc = rf_place_resolve(p->src, p->src_repo, tag, NULL, &src, err);
    if (rc == -RFE_NOT_FOUND)
        return 0; /* gone since it was listed */
    if (rc == 0)
        rc = rf_place_resolve(p->dst, p->dst_repo, tag, NULL, &dst, err);
    c->lacks =
        c->lacks || rc == -RFE_NOT_FOUND || (rc == 0 && !rf_digest_eq(&src.digest, &dst.digest));
    if (c->lacks)
        return 0;
    return rc < 0 ? rc : add_tree(c, &at, &dst.digest, dst.media_type, 0, err);
}

/* Of those that speak of something known; each once. Gives the number. */
static int compare_tags(struct compare *c, struct tags *t, struct rf_err *err)
{
    int done = 0;
    for (size_t i = 0; i < t->n && !c->lacks; i++) {
        struct rf_digest digest;
        if (t->list[i] == NULL || !rf_digest_tag_parse(t->list[i], &digest) ||
            !has(&c->all, &digest))
            continue;
        int rc = compare_tag(c, t->list[i], err);
        if (rc < 0)
            return rc;
        free(t->list[i]);
        t->list[i] = NULL;
        done++;
    }
    return done;
}

/* ---- all of it ---- */

static int compare_known(struct compare *c, struct rf_err *err)
{
    int rc = 0;
    for (; c->step->s.referrers == RF_TRI_YES && rc == 0 && !c->lacks && c->asked < c->all.n;
         c->asked++) {
        const struct rf_digest subject = c->all.list[c->asked];
        rc = compare_referrers(c, &subject, err);
    }
    return rc;
}

static int compare_all(struct compare *c, struct rf_err *err)
{
    RF_CLEANUP(tags_release) struct tags t = { .c = c };
    int rc = compare_known(c, err);
    if (rc < 0 || c->lacks || c->step->s.digest_tags != RF_TRI_YES)
        return rc;
    rc = rf_place_list_tags(c->pair->src, c->pair->src_repo, on_tag, &t, err);
    while (rc >= 0 && !c->lacks && (rc = compare_tags(c, &t, err)) > 0)
        rc = compare_known(c, err);
    return rc < 0 ? rc : 0;
}

static int open_sides(struct compare *c, struct rf_err *err)
{
    const struct rf_step_settings *s = &c->step->s;
    c->src = (struct rf_copy_side){ c->pair->src, c->pair->src_repo };
    c->dst = (struct rf_copy_side){ c->pair->dst, c->pair->dst_repo };
    if (s->referrers != RF_TRI_YES)
        return 0;
    int rc = rf_sync_open_side(c->env, s->referrer_source, 0, "referrerSource", &c->refs[0],
                               &c->src, err);
    if (rc == 0)
        rc = rf_sync_open_side(c->env, s->referrer_target, RF_CLIENT_WRITE, "referrerTarget",
                               &c->refs[1], &c->dst, err);
    return rc;
}

static void compare_release(struct compare *c)
{
    for (size_t k = 0; k < c->n_platforms; k++)
        rf_platform_release(&c->platforms[k]);
    free(c->platforms);
    free(c->all.list);
    rf_ref_release(&c->refs[0]);
    rf_ref_release(&c->refs[1]);
}

int rf_sync_compare_along(struct rf_sync_env *env, const struct rf_sync_image *i,
                          const struct rf_sync_pair *pair, enum rf_sync_along *out,
                          struct rf_err *err)
{
    RF_CLEANUP(compare_release)
    struct compare c = {
        .env = env, .step = i->step, .pair = pair, .refs = { RF_REF_INIT, RF_REF_INIT }
    };
    const struct rf_copy_side at = { pair->dst, pair->dst_repo };
    int rc = open_sides(&c, err);
    c.platforms = rf_xcalloc(i->step->platforms.n + 1, sizeof(*c.platforms));
    for (size_t k = 0; rc == 0 && k < i->step->platforms.n; k++) {
        rc = rf_platform_parse(i->step->platforms.items[k], &c.platforms[k], err);
        c.n_platforms += rc == 0;
    }
    if (rc == 0)
        rc = add_tree(&c, &at, &i->found.digest, i->found.media_type, 0, err);
    if (rc == 0 && !c.lacks)
        rc = compare_all(&c, err);
    bool only_a_copy_tells =
        i->step->s.force_recursive == RF_TRI_YES ||
        (i->step->s.referrers == RF_TRI_YES && i->step->s.referrer_slow == RF_TRI_YES);
    *out = c.lacks             ? RF_SYNC_ALONG_LACKS
           : only_a_copy_tells ? RF_SYNC_ALONG_UNKNOWN
                               : RF_SYNC_ALONG_THERE;
    return rc;
}
