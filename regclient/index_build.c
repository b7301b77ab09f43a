/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/index_build.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "regclient/fetch.h"

struct builder {
    const struct rf_index_plan *plan;
    struct rf_digest *digests;
    size_t n, cap;
    bool *seen; /* by platform */
};

static void add_digest(struct builder *b, const struct rf_digest *d)
{
    b->digests = rf_grow(b->digests, b->n, &b->cap, sizeof(*b->digests));
    b->digests[b->n++] = *d;
}

/* ---- bringing the images ---- */

static int bring(struct builder *b, const struct rf_index_source *s, const struct rf_digest *digest,
                 struct rf_err *err)
{
    const struct rf_index_plan *p = b->plan;
    const struct rf_copy_options how = { .referrers = p->referrers,
                                         .digest_tags = p->digest_tags,
                                         .child = true,
                                         .progress = p->progress,
                                         .progress_ctx = p->progress_ctx };
    int rc =
        rf_copy_image(s->place, s->repo, NULL, digest, p->place, p->repo, NULL, &how, NULL, err);
    if (rc == 0)
        add_digest(b, digest);
    return rc;
}

static bool is_wanted(struct builder *b, const struct rf_platform *have)
{
    bool wanted = false;
    for (size_t i = 0; i < b->plan->n_platforms; i++) {
        if (!rf_platform_match(&b->plan->platforms[i], have))
            continue;
        b->seen[i] = true;
        wanted = true;
    }
    return wanted;
}

static int bring_platforms(struct builder *b, const struct rf_index_source *s,
                           const struct rf_digest *digest, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *index = NULL;
    int rc = rf_place_get_manifest(s->place, s->repo, NULL, digest, NULL, &index, err);
    for (size_t i = 0; rc == 0 && i < index->n_entries; i++) {
        const struct rf_descriptor *d = &index->entries[i];
        if (d->platform != NULL && is_wanted(b, d->platform))
            rc = bring(b, s, &d->digest, err);
    }
    return rc;
}

static int bring_source(struct builder *b, const struct rf_index_source *s, struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    const char *tag = s->digest != NULL ? NULL : s->tag;
    /* Whether it is an index matters only when platforms are chosen from it. */
    int rc = b->plan->n_platforms > 0
                 ? rf_fetch_whole_descriptor(s->place, s->repo, tag, s->digest, &d, err)
                 : rf_place_resolve(s->place, s->repo, tag, s->digest, &d, err);
    if (rc < 0)
        return rc;
    if (b->plan->n_platforms > 0 && rf_media_kind(d.media_type) == RF_KIND_INDEX)
        return bring_platforms(b, s, &d.digest, err);
    return bring(b, s, &d.digest, err);
}

static void tell_unseen(const struct builder *b)
{
    for (size_t i = 0; b->plan->n_sources > 0 && i < b->plan->n_platforms; i++) {
        if (b->seen[i])
            continue;
        RF_CLEANUP(rf_freep) char *name = rf_platform_text(&b->plan->platforms[i]);
        rf_log(RF_LOG_WARN, "Platform not found in any reference", "platform", name, NULL);
    }
}

/* ---- their descriptors ---- */

/* The platform of an image; none in an artifact or where the configuration does not say an OS. */
static int read_platform(const struct rf_index_plan *p, const struct rf_manifest *m,
                         struct rf_descriptor *d, struct rf_err *err)
{
    RF_CLEANUP(rf_config_freep) struct rf_config *config = NULL;
    struct rf_err e = RF_ERR_INIT;
    if (m->kind != RF_KIND_IMAGE || !rf_media_is_config(m->config.media_type))
        return 0;
    int rc = rf_fetch_config(p->place, p->repo, m, &config, NULL, &e);
    if (rc == -RFE_INVALID)
        return 0;
    if (rc < 0) {
        if (err != NULL)
            *err = e;
        return rc;
    }
    if (config->platform.os[0] == '\0')
        return 0;
    d->platform = rf_xcalloc(1, sizeof(*d->platform));
    rf_platform_copy(&config->platform, d->platform);
    return 0;
}

static int describe(const struct rf_index_plan *p, const struct rf_digest *digest,
                    struct rf_descriptor *out, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    int rc = rf_place_get_manifest(p->place, p->repo, NULL, digest, NULL, &m, err);
    if (rc < 0)
        return rc;
    d.media_type = rf_xstrdup(m->media_type);
    d.digest = m->digest;
    d.size = m->body.len;
    if (p->entry_platform != NULL) {
        d.platform = rf_xcalloc(1, sizeof(*d.platform));
        rf_platform_copy(p->entry_platform, d.platform);
    } else {
        rc = read_platform(p, m, &d, err);
    }
    if (rc < 0)
        return rc;
    if (json_object_size(p->entry_annotations) > 0)
        d.annotations = json_deep_copy(p->entry_annotations);
    *out = d;
    d = (struct rf_descriptor)RF_DESCRIPTOR_INIT;
    return 0;
}

static int run(struct builder *b, struct rf_index_edit *edit, struct rf_err *err)
{
    int rc = 0;
    for (size_t i = 0; i < b->plan->n_digests; i++)
        add_digest(b, &b->plan->digests[i]);
    for (size_t i = 0; rc == 0 && i < b->plan->n_sources; i++)
        rc = bring_source(b, &b->plan->sources[i], err);
    if (rc == 0)
        tell_unseen(b);
    for (size_t i = 0; rc == 0 && i < b->n; i++) {
        RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
        rc = describe(b->plan, &b->digests[i], &d, err);
        if (rc == 0)
            rf_index_edit_add(edit, &d);
    }
    return rc;
}

int rf_index_plan_add(const struct rf_index_plan *plan, struct rf_index_edit *edit,
                      struct rf_err *err)
{
    struct builder b = { .plan = plan };
    b.seen = rf_xcalloc(plan->n_platforms + 1, sizeof(*b.seen));
    int rc = run(&b, edit, err);
    free(b.seen);
    free(b.digests);
    return rc;
}
