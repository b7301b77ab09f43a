/* SPDX-License-Identifier: Apache-2.0 */
#include "import/prune_read.h"

#include "base/mem.h"
#include "manifests/config.h"

struct rf_prune_document {
    char *key; /* "<digest> <repository>" */
    char *media_type;
    char *bytes;
    size_t len;
};

static struct rf_slice key_of(const void *ctx, uint32_t id)
{
    return rf_slice_str(((const struct rf_prune_reader *)ctx)->list[id].key);
}

static char *make_key(const char *repo, const struct rf_digest *d)
{
    char text[RF_DIGEST_TEXT];
    return rf_xasprintf("%s %s", rf_digest_text(d, text), repo);
}

void rf_prune_reader_init(struct rf_prune_reader *r, struct rf_place *to)
{
    *r = (struct rf_prune_reader){ .to = to };
    (void)pthread_mutex_init(&r->lock, NULL);
    rf_idmap_init(&r->by_key, key_of, r);
}

void rf_prune_reader_release(struct rf_prune_reader *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->list[i].key);
        free(r->list[i].media_type);
        free(r->list[i].bytes);
    }
    rf_freep(&r->list);
    r->n = r->cap = 0;
    rf_idmap_release(&r->by_key);
    (void)pthread_mutex_destroy(&r->lock);
}

/* Documents stay until release, so that a copy of the entry is good without the lock. */
static bool find(struct rf_prune_reader *r, const char *repo, const struct rf_digest *d,
                 struct rf_prune_document *out)
{
    RF_CLEANUP(rf_freep) char *key = make_key(repo, d);
    (void)pthread_mutex_lock(&r->lock);
    uint32_t id = rf_idmap_find(&r->by_key, rf_slice_str(key));
    if (id != RF_NO_ID)
        *out = r->list[id];
    (void)pthread_mutex_unlock(&r->lock);
    return id != RF_NO_ID;
}

static void keep(struct rf_prune_reader *r, const char *repo, const struct rf_digest *d,
                 const char *media_type, struct rf_slice bytes)
{
    RF_CLEANUP(rf_freep) char *key = make_key(repo, d);
    (void)pthread_mutex_lock(&r->lock);
    if (bytes.len <= RF_PRUNE_READ_MAX - r->bytes &&
        rf_idmap_find(&r->by_key, rf_slice_str(key)) == RF_NO_ID) {
        r->list = rf_grow(r->list, r->n, &r->cap, sizeof(*r->list));
        r->list[r->n] = (struct rf_prune_document){ .key = RF_STEAL(key),
                                                    .media_type = rf_xstrdup(media_type),
                                                    .bytes = rf_xmalloc(bytes.len + 1),
                                                    .len = bytes.len };
        memcpy(r->list[r->n].bytes, bytes.ptr, bytes.len);
        r->bytes += bytes.len;
        rf_idmap_add(&r->by_key, (uint32_t)r->n++);
    }
    (void)pthread_mutex_unlock(&r->lock);
}

int rf_prune_reader_manifest(struct rf_prune_reader *r, const char *repo,
                             const struct rf_digest *digest, struct rf_manifest **out,
                             struct rf_err *err)
{
    struct rf_prune_document d;
    if (find(r, repo, digest, &d)) {
        struct rf_manifest_expect expect = { .digest = digest, .media_type = d.media_type };
        return rf_manifest_parse(rf_slice_of(d.bytes, d.len), &expect, out, err);
    }
    int rc = rf_place_get_manifest(r->to, repo, NULL, digest, NULL, out, err);
    if (rc == 0)
        keep(r, repo, digest, (*out)->media_type, rf_buf_slice(&(*out)->body));
    return rc;
}

int rf_prune_reader_tag(struct rf_prune_reader *r, const char *repo, const char *tag,
                        struct rf_manifest **out, struct rf_err *err)
{
    int rc = rf_place_get_manifest(r->to, repo, tag, NULL, NULL, out, err);
    if (rc == 0)
        keep(r, repo, &(*out)->digest, (*out)->media_type, rf_buf_slice(&(*out)->body));
    return rc;
}

int rf_prune_reader_config(struct rf_prune_reader *r, const char *repo,
                           const struct rf_descriptor *desc, struct rf_buf *out, struct rf_err *err)
{
    struct rf_prune_document d;
    if (desc->size > RF_CONFIG_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "the configuration has more than %u bytes",
                       RF_CONFIG_MAX);
    if (find(r, repo, &desc->digest, &d)) {
        rf_buf_add(out, d.bytes, d.len);
        return 0;
    }
    size_t start = out->len;
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(out);
    int rc = rf_place_get_blob(r->to, repo, &desc->digest, desc->size, 0, NULL, sink, err);
    if (rc == 0)
        keep(r, repo, &desc->digest, NULL, rf_slice_of(out->ptr + start, out->len - start));
    return rc;
}
