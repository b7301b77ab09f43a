/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/layer_list.h"

#include "base/gotime.h"
#include "base/mem.h"
#include "base/text.h"
#include "layout/layer_tar.h"
#include "regclient/blob_stream.h"

#define CHUNK ((size_t)64 << 10)
#define NAME_WIDTH 40

struct lister {
    const struct rf_layer_list_options *opts;
    struct rf_buf *out;
    char *chunk;
};

static void add_mode(struct rf_buf *out, uint32_t mode)
{
    static const char bits[] = "rwxrwxrwx";
    rf_buf_add_char(out, '-');
    for (unsigned i = 0; i < 9; i++)
        rf_buf_add_char(out, (mode & (0400u >> i)) != 0 ? bits[i] : '-');
}

/* At least so many characters; a name is foreign, and must stay on its line. */
static void add_name(struct rf_buf *out, const char *name)
{
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(name), strlen(name));
    struct rf_slice rest = rf_slice_str(shown);
    size_t width = 0;
    rf_buf_add_str(out, shown);
    for (uint32_t cp; rest.len > 0; width++) {
        size_t n = rf_text_next(rest, &cp);
        rest = rf_slice_of(rest.ptr + n, rest.len - n);
    }
    for (; width < NAME_WIDTH; width++)
        rf_buf_add_char(out, ' ');
}

static int add_digest(struct lister *l, struct rf_source *content, uint64_t size,
                      struct rf_err *err)
{
    RF_CLEANUP(rf_hasher_freep) struct rf_hasher *hash = rf_hasher_new(RF_DIGEST_SHA256);
    struct rf_digest digest;
    char text[RF_DIGEST_TEXT];
    ssize_t n;
    while ((n = rf_source_read(content, l->chunk, CHUNK, err)) > 0)
        rf_hasher_update(hash, l->chunk, (size_t)n);
    if (n < 0)
        return (int)n;
    if (rf_hasher_count(hash) != size)
        return rf_fail(err, RFE_INVALID, "size mismatch, expected %llu, read %llu",
                       (unsigned long long)size, (unsigned long long)rf_hasher_count(hash));
    rf_hasher_final(hash, &digest);
    rf_buf_addf(l->out, " %s", rf_digest_text(&digest, text));
    return 0;
}

static int add_member(void *ctx, const struct rf_layer_entry *e, struct rf_source *content,
                      struct rf_err *err)
{
    struct lister *l = ctx;
    struct rf_buf *out = l->out;
    add_mode(out, e->mode);
    rf_buf_addf(out, " %lld/%lld %8llu", (long long)e->uid, (long long)e->gid,
                (unsigned long long)e->size);
    if (!l->opts->no_times) {
        rf_buf_add_char(out, ' ');
        rf_gotime_format(out, rf_gotime_local(rf_gotime_unix(e->mtime, 0)),
                         rf_slice_str(rf_gotime_rfc3339));
    }
    rf_buf_add_char(out, ' ');
    add_name(out, e->name);
    int rc = e->size > 0 ? add_digest(l, content, e->size, err) : 0;
    rf_buf_add_char(out, '\n');
    if (rc == 0 && out->rc < 0)
        rc = rf_fail(err, RFE_TOO_LARGE, "the list of its members has more than %zu bytes",
                     out->max);
    return rc;
}

int rf_layer_list(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                  uint64_t size, const struct rf_layer_list_options *opts, struct rf_buf *out,
                  struct rf_err *err)
{
    RF_CLEANUP(rf_source_freep) struct rf_source *src = NULL;
    struct lister l = { .opts = opts, .out = out };
    char text[RF_DIGEST_TEXT];
    int rc = rf_blob_stream_open(p, repo, digest, size, &src, err);
    if (rc < 0)
        return rc;
    l.chunk = rf_xmalloc(CHUNK);
    rc = rf_layer_tar_each(src, "layer", add_member, &l, err);
    rf_freep(&l.chunk);
    if (rc == 0)
        rc = rf_blob_stream_prove(src, err);
    return rc < 0 ? rf_wrap(err, rc, "layer %s", rf_digest_text(digest, text)) : 0;
}
