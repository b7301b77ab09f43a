/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/gzip.h"

#include <errno.h>
#include <limits.h>

#include <zlib.h>

#include "base/mem.h"

#define CHUNK ((size_t)32 << 10)
#define GZIP_WINDOW (15 + 16) /* zlib's way to say: with gzip's header and trailer */
#define OS_UNKNOWN 255        /* RFC 1952, section 2.3: no platform shows in the bytes */

static int fail_zlib(struct rf_err *err, int code, const z_stream *z)
{
    if (code == Z_MEM_ERROR)
        return rf_fail(err, ENOMEM, "gzip: out of memory");
    return rf_fail(err, RFE_INVALID, "not sound gzip: %s", z->msg != NULL ? z->msg : zError(code));
}

/* zlib counts in unsigned int. */
static unsigned some(size_t n)
{
    return n < UINT_MAX ? (unsigned)n : UINT_MAX;
}

/* zlib does not write to its input, and says so only since 1.2.5. */
static Bytef *input(const void *p)
{
    union {
        const void *in;
        Bytef *out;
    } u = { .in = p };
    return u.out;
}

/* ---- compressing ---- */

struct deflater {
    z_stream z;
    gz_header header;
    bool ready;
};

static int deflater_start(struct deflater *d, struct rf_err *err)
{
    int rc = d->ready ? deflateReset(&d->z)
                      : deflateInit2(&d->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
                                     Z_DEFAULT_STRATEGY);
    if (rc != Z_OK)
        return fail_zlib(err, rc, &d->z);
    d->ready = true;
    d->header = (gz_header){ .os = OS_UNKNOWN };
    rc = deflateSetHeader(&d->z, &d->header);
    return rc == Z_OK ? 0 : fail_zlib(err, rc, &d->z);
}

static void deflater_end(struct deflater *d)
{
    if (d->ready)
        (void)deflateEnd(&d->z);
    d->ready = false;
}

struct gzip_sink {
    struct rf_sink base;
    struct rf_sink *inner;
    bool own;
    struct deflater d;
    Bytef *out;
};

static int gzip_push(struct gzip_sink *g, const void *p, size_t n, int flush, struct rf_err *err)
{
    if (!g->d.ready) {
        int rc = deflater_start(&g->d, err);
        if (rc < 0)
            return rc;
    }
    z_stream *z = &g->d.z;
    z->next_in = input(p);
    for (;;) {
        if (z->avail_in == 0 && n > 0) {
            z->avail_in = some(n);
            n -= z->avail_in;
        }
        z->next_out = g->out;
        z->avail_out = CHUNK;
        int code = deflate(z, n == 0 ? flush : Z_NO_FLUSH);
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
            return fail_zlib(err, code, z);
        size_t got = CHUNK - z->avail_out;
        int rc = got > 0 ? rf_sink_write(g->inner, g->out, got, err) : 0;
        if (rc < 0)
            return rc;
        bool done = flush == Z_FINISH ? code == Z_STREAM_END : z->avail_out > 0;
        if (done && z->avail_in == 0 && n == 0)
            return 0;
    }
}

static int gzip_write(struct rf_sink *s, const void *p, size_t n, struct rf_err *err)
{
    return n > 0 ? gzip_push((struct gzip_sink *)s, p, n, Z_NO_FLUSH, err) : 0;
}

static int gzip_commit(struct rf_sink *s, struct rf_err *err)
{
    struct gzip_sink *g = (struct gzip_sink *)s;
    int rc = gzip_push(g, "", 0, Z_FINISH, err);
    return rc == 0 && g->own ? rf_sink_commit(g->inner, err) : rc;
}

static void gzip_free(struct rf_sink *s)
{
    struct gzip_sink *g = (struct gzip_sink *)s;
    deflater_end(&g->d);
    if (g->own)
        rf_sink_freep(&g->inner);
    free(g->out);
    free(g);
}

struct rf_sink *rf_gzip_sink(struct rf_sink *inner, bool own)
{
    static const struct rf_sink_ops ops = { gzip_write, gzip_commit, gzip_free };
    struct gzip_sink *g = rf_xcalloc(1, sizeof(*g));
    g->base.ops = &ops;
    g->inner = inner;
    g->own = own;
    g->out = rf_xmalloc(CHUNK);
    return &g->base;
}

struct gzip_source {
    struct rf_source base;
    struct rf_source *inner;
    struct deflater d;
    Bytef *in;
    bool started, inner_ended, done;
    uint64_t skip; /* bytes to make and drop before the next one that is given */
};

static ssize_t gzip_pull(struct gzip_source *g, void *p, size_t n, struct rf_err *err)
{
    z_stream *z = &g->d.z;
    z->next_out = p;
    z->avail_out = some(n);
    unsigned room = z->avail_out;
    while (!g->done && z->avail_out == room) {
        if (z->avail_in == 0 && !g->inner_ended) {
            ssize_t got = rf_source_read(g->inner, g->in, CHUNK, err);
            if (got < 0)
                return got;
            g->inner_ended = got == 0;
            z->next_in = g->in;
            z->avail_in = (unsigned)got;
        }
        int code = deflate(z, g->inner_ended ? Z_FINISH : Z_NO_FLUSH);
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
            return fail_zlib(err, code, z);
        g->done = code == Z_STREAM_END;
    }
    return (ssize_t)(room - z->avail_out);
}

static ssize_t gzip_read(struct rf_source *s, void *p, size_t n, struct rf_err *err)
{
    struct gzip_source *g = (struct gzip_source *)s;
    char drop[4096];
    if (!g->started) {
        int rc = deflater_start(&g->d, err);
        if (rc < 0)
            return rc;
        g->started = true;
    }
    while (g->skip > 0) {
        ssize_t got =
            gzip_pull(g, drop, g->skip < sizeof(drop) ? (size_t)g->skip : sizeof(drop), err);
        if (got < 0)
            return got;
        if (got == 0)
            return rf_fail(err, RFE_INVALID, "the offset lies behind the end");
        g->skip -= (uint64_t)got;
    }
    return n > 0 ? gzip_pull(g, p, n, err) : 0;
}

static int gzip_seek(struct rf_source *s, uint64_t offset, struct rf_err *err)
{
    struct gzip_source *g = (struct gzip_source *)s;
    int rc = rf_source_seek(g->inner, 0, err);
    if (rc < 0)
        return rc;
    g->d.z.avail_in = 0;
    g->started = g->inner_ended = g->done = false;
    g->skip = offset;
    return 0;
}

static void gzip_source_free(struct rf_source *s)
{
    struct gzip_source *g = (struct gzip_source *)s;
    deflater_end(&g->d);
    rf_source_freep(&g->inner);
    free(g->in);
    free(g);
}

struct rf_source *rf_gzip_source(struct rf_source *inner)
{
    static const struct rf_source_ops seekable = { gzip_read, gzip_seek, gzip_source_free };
    static const struct rf_source_ops forward = { gzip_read, NULL, gzip_source_free };
    struct gzip_source *g = rf_xcalloc(1, sizeof(*g));
    g->base.ops = rf_source_can_seek(inner) ? &seekable : &forward;
    g->inner = inner;
    g->in = rf_xmalloc(CHUNK);
    return &g->base;
}

/* ---- uncompressing ---- */

struct gunzip_sink {
    struct rf_sink base;
    struct rf_sink *inner;
    bool own;
    z_stream z;
    bool ready;  /* z is there */
    bool inside; /* a member has begun and not ended */
    bool any;    /* a member has ended */
    Bytef *out;
};

static int gunzip_begin(struct gunzip_sink *g, struct rf_err *err)
{
    int code = g->ready ? inflateReset(&g->z) : inflateInit2(&g->z, GZIP_WINDOW);
    if (code != Z_OK)
        return fail_zlib(err, code, &g->z);
    g->ready = g->inside = true;
    return 0;
}

/* Takes some of what is in z.next_in, up to the end of a member. */
static int gunzip_some(struct gunzip_sink *g, struct rf_err *err)
{
    for (;;) {
        g->z.next_out = g->out;
        g->z.avail_out = CHUNK;
        int code = inflate(&g->z, Z_NO_FLUSH);
        if (code == Z_BUF_ERROR)
            return 0; /* nothing left to do with this input */
        if (code != Z_OK && code != Z_STREAM_END)
            return fail_zlib(err, code, &g->z);
        size_t got = CHUNK - g->z.avail_out;
        int rc = got > 0 ? rf_sink_write(g->inner, g->out, got, err) : 0;
        if (rc < 0)
            return rc;
        if (code == Z_STREAM_END) {
            g->inside = false;
            g->any = true;
            return 0;
        }
        if (g->z.avail_out > 0)
            return 0;
    }
}

static int gunzip_write(struct rf_sink *s, const void *p, size_t n, struct rf_err *err)
{
    struct gunzip_sink *g = (struct gunzip_sink *)s;
    size_t at = 0;
    while (at < n) {
        int rc = g->inside ? 0 : gunzip_begin(g, err);
        if (rc < 0)
            return rc;
        unsigned part = some(n - at);
        g->z.next_in = input((const char *)p + at);
        g->z.avail_in = part;
        rc = gunzip_some(g, err);
        if (rc < 0)
            return rc;
        at += part - g->z.avail_in;
    }
    return 0;
}

static int gunzip_commit(struct rf_sink *s, struct rf_err *err)
{
    struct gunzip_sink *g = (struct gunzip_sink *)s;
    if (g->inside || !g->any)
        return rf_fail(err, RFE_INVALID, "not sound gzip: cut off");
    return g->own ? rf_sink_commit(g->inner, err) : 0;
}

static void gunzip_free(struct rf_sink *s)
{
    struct gunzip_sink *g = (struct gunzip_sink *)s;
    if (g->ready)
        (void)inflateEnd(&g->z);
    if (g->own)
        rf_sink_freep(&g->inner);
    free(g->out);
    free(g);
}

struct rf_sink *rf_gunzip_sink(struct rf_sink *inner, bool own)
{
    static const struct rf_sink_ops ops = { gunzip_write, gunzip_commit, gunzip_free };
    struct gunzip_sink *g = rf_xcalloc(1, sizeof(*g));
    g->base.ops = &ops;
    g->inner = inner;
    g->own = own;
    g->out = rf_xmalloc(CHUNK);
    return &g->base;
}
