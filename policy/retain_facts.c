/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/retain_facts.h"

#include "base/mem.h"
#include "layout/place.h"
#include "manifests/config.h"

static void read_config(struct rf_retain_fact *f, const struct rf_manifest *m,
                        const struct rf_retain_reader *from)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf bytes;
    RF_CLEANUP(rf_config_freep) struct rf_config *c = NULL;
    rf_buf_init(&bytes, RF_CONFIG_MAX);
    if (from->blob(from->ctx, f->repository, &m->config, &bytes, NULL) < 0) {
        f->unread = true;
        return;
    }
    if (rf_config_parse(rf_buf_slice(&bytes), &c, NULL) < 0 || !c->has_created)
        return; /* of an artifact */
    if (f->has_created && f->created >= c->created)
        return;
    f->has_created = true;
    f->created = c->created;
    json_decref((json_t *)(uintptr_t)f->labels);
    f->labels = json_incref(c->labels);
}

static void read_below(struct rf_retain_fact *f, const struct rf_manifest *m,
                       const struct rf_retain_reader *from, unsigned depth)
{
    if (m->kind == RF_KIND_IMAGE) {
        read_config(f, m, from);
        return;
    }
    for (size_t i = 0; depth < RF_INDEX_DEPTH_MAX && i < m->n_entries; i++) {
        RF_CLEANUP(rf_manifest_freep) struct rf_manifest *child = NULL;
        if (!rf_media_is_manifest(m->entries[i].media_type))
            continue;
        /* of a sparse index not all are there */
        if (from->manifest(from->ctx, f->repository, &m->entries[i].digest, &child, NULL) == 0)
            read_below(f, child, from, depth + 1);
        else
            f->unread = true;
    }
}

void rf_retain_fact_fill(struct rf_retain_fact *f, int needs, const struct rf_retain_reader *from)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    if (f->tag[0] != '\0' && rf_digest_tag_parse(f->tag, &f->subject))
        return;
    /* without a tag it may be a referrer, whatever the rules need */
    if (needs == 0 && f->tag[0] != '\0')
        return;
    if (from->manifest(from->ctx, f->repository, &f->digest, &m, NULL) < 0) {
        f->unread = true;
        return;
    }
    if (f->tag[0] == '\0' && m->has_subject)
        f->subject = m->subject.digest;
    f->annotations = json_incref(m->annotations);
    if ((needs & RF_RETAIN_NEEDS_CONFIG) != 0)
        read_below(f, m, from, 0);
    f->unread = f->unread && !f->has_created; /* of a sparse index not all are there */
}

void rf_retain_fact_release(struct rf_retain_fact *f)
{
    json_decref((json_t *)(uintptr_t)f->labels);
    json_decref((json_t *)(uintptr_t)f->annotations);
    f->labels = f->annotations = NULL;
}
