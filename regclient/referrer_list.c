/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/referrer_list.h"

#include <stdlib.h>

#include "base/mem.h"
#include "regclient/listing.h"

#define REF_NAME "org.opencontainers.image.ref.name"

void rf_referrer_list_release(struct rf_referrer_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        rf_descriptor_release(&l->items[i]);
    for (size_t i = 0; i < l->n_tags; i++)
        free(l->tags[i]);
    free(l->items);
    free(l->tags);
    rf_manifest_free(l->index);
    *l = (struct rf_referrer_list)RF_REFERRER_LIST_INIT;
}

/* Takes the descriptor over. */
static void add(struct rf_referrer_list *l, struct rf_descriptor *d)
{
    l->items = rf_grow(l->items, l->n, &l->cap, sizeof(*l->items));
    l->items[l->n++] = *d;
    *d = (struct rf_descriptor)RF_DESCRIPTOR_INIT;
}

static int on_referrer(void *ctx, const struct rf_descriptor *d, struct rf_err *err)
{
    struct rf_descriptor copy = RF_DESCRIPTOR_INIT;
    (void)err;
    rf_descriptor_copy(d, &copy);
    add(ctx, &copy);
    return 0;
}

/* ---- the slow way ---- */

static bool has(const struct rf_referrer_list *l, const struct rf_digest *digest)
{
    for (size_t i = 0; i < l->n; i++)
        if (rf_digest_eq(&l->items[i].digest, digest))
            return true;
    return false;
}

/* A tag that cannot be read says nothing. */
static void look_at_tag(const struct rf_referrer_query *q, const char *tag,
                        struct rf_referrer_list *l)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_err ignored;
    if (rf_place_get_manifest(q->place, q->repo, tag, NULL, NULL, &m, &ignored) < 0 ||
        !m->has_subject || !rf_digest_eq(&m->subject.digest, q->subject) || has(l, &m->digest))
        return;
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    rf_manifest_descriptor(m, &d);
    if (d.annotations == NULL && m->annotations != NULL)
        d.annotations = json_deep_copy(m->annotations);
    add(l, &d);
}

static int look_at_tags(const struct rf_referrer_query *q, struct rf_referrer_list *l,
                        struct rf_err *err)
{
    struct rf_listing tags;
    rf_listing_init(&tags);
    int rc = rf_listing_tags(q->place, q->repo, NULL, &tags, err);
    for (size_t i = 0; rc == 0 && i < tags.n; i++)
        look_at_tag(q, tags.names[i], l);
    rf_listing_release(&tags);
    return rc;
}

/* ---- the list ---- */

static int make_index(struct rf_referrer_list *l, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    struct rf_index_builder b;
    rf_buf_init(&body, RF_MANIFEST_MAX);
    rf_index_builder_init(&b);
    for (size_t i = 0; i < l->n; i++)
        rf_index_builder_add(&b, &l->items[i]);
    rf_index_builder_finish(&b, &body);
    if (body.rc < 0)
        return rf_fail(err, -body.rc, "the list of referrers is over %u bytes", RF_MANIFEST_MAX);
    const struct rf_manifest_expect expect = { .media_type = RF_MT_OCI_INDEX };
    return rf_manifest_parse(rf_buf_slice(&body), &expect, &l->index, err);
}

int rf_referrer_list_get(const struct rf_referrer_query *query, struct rf_referrer_list *l,
                         struct rf_err *err)
{
    static const struct rf_descriptor_match all = { .artifact_type = NULL };
    const struct rf_descriptor_match *match = query->match != NULL ? query->match : &all;
    int rc = rf_place_referrers(query->place, query->repo, query->subject, match->artifact_type,
                                on_referrer, l, err);
    if (rc == 0 && query->slow)
        rc = look_at_tags(query, l, err);
    if (rc == 0)
        rc = make_index(l, err);
    if (rc == 0)
        l->n = rf_descriptor_filter(match, l->items, l->n);
    return rc;
}

/* ---- digest tags ---- */

bool rf_is_digest_tag_of(const char *tag, const struct rf_digest *subject)
{
    char prefix[RF_DIGEST_TEXT];
    rf_fallback_tag(subject, prefix);
    size_t n = strlen(prefix);
    return strncmp(tag, prefix, n) == 0 && tag[n] != '\0';
}

static int add_tag(struct rf_place *p, const char *repo, const char *tag,
                   struct rf_referrer_list *l, struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    int rc = rf_place_resolve(p, repo, tag, NULL, &d, err);
    if (rc < 0)
        return rf_wrap(err, rc, "failed to query digest tag");
    json_t *annotations = d.annotations != NULL ? json_deep_copy(d.annotations) : json_object();
    json_object_set_new(annotations, REF_NAME, json_string(tag));
    json_decref(d.annotations);
    d.annotations = annotations;
    add(l, &d);
    l->tags = rf_grow(l->tags, l->n_tags, &l->cap_tags, sizeof(*l->tags));
    l->tags[l->n_tags++] = rf_xstrdup(tag);
    return 0;
}

int rf_referrer_list_add_tags(struct rf_place *p, const char *repo, const struct rf_digest *subject,
                              struct rf_referrer_list *l, struct rf_err *err)
{
    struct rf_listing tags;
    rf_listing_init(&tags);
    int rc = rf_listing_tags(p, repo, NULL, &tags, err);
    if (rc < 0)
        rc = rf_wrap(err, rc, "failed to list tags");
    for (size_t i = 0; rc == 0 && i < tags.n; i++)
        if (rf_is_digest_tag_of(tags.names[i], subject))
            rc = add_tag(p, repo, tags.names[i], l, err);
    rf_listing_release(&tags);
    return rc;
}
