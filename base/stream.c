/* SPDX-License-Identifier: Apache-2.0 */
#include "base/stream.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"

#define COPY_CHUNK ((size_t)128 << 10)
#define SKIP_CHUNK ((size_t)16 << 10)
/* What one system call is asked to do; larger requests would be cut by the kernel anyway. */
#define CALL_MAX ((size_t)1 << 30)

/* ---- what every stream has ---- */

static ssize_t stick(int *failed, ssize_t rc)
{
    if (rc < 0 && rc != -RFE_AGAIN && *failed == 0)
        *failed = (int)rc;
    return rc;
}

ssize_t rf_source_read(struct rf_source *s, void *p, size_t n, struct rf_err *err)
{
    if (s->failed != 0)
        return rf_fail(err, -s->failed, "the source has failed before");
    if (n == 0)
        return 0;
    if (n > SSIZE_MAX)
        n = SSIZE_MAX;
    ssize_t got = s->ops->read(s, p, n, err);
    RF_CHECK(got < 0 || (size_t)got <= n);
    return stick(&s->failed, got);
}

int rf_source_seek(struct rf_source *s, uint64_t offset, struct rf_err *err)
{
    if (s->ops->seek == NULL)
        return rf_fail(err, RFE_UNSUPPORTED, "the source cannot be rewound");
    int rc = s->ops->seek(s, offset, err);
    if (rc < 0)
        return (int)stick(&s->failed, rc);
    s->failed = 0;
    return 0;
}

bool rf_source_can_seek(const struct rf_source *s)
{
    return s->ops->seek != NULL;
}

void rf_source_free(struct rf_source *s)
{
    if (s != NULL)
        s->ops->free(s);
}

void rf_source_freep(struct rf_source **s)
{
    rf_source_free(*s);
    *s = NULL;
}

int rf_sink_write(struct rf_sink *s, const void *p, size_t n, struct rf_err *err)
{
    RF_CHECK(!s->committed);
    if (s->failed != 0)
        return rf_fail(err, -s->failed, "the destination has failed before");
    if (n == 0)
        return 0;
    return (int)stick(&s->failed, s->ops->write(s, p, n, err));
}

int rf_sink_commit(struct rf_sink *s, struct rf_err *err)
{
    RF_CHECK(!s->committed);
    if (s->failed != 0)
        return rf_fail(err, -s->failed, "the destination has failed before");
    if (s->ops->commit != NULL) {
        int rc = s->ops->commit(s, err);
        if (rc < 0)
            return (int)stick(&s->failed, rc);
    }
    s->committed = true;
    return 0;
}

void rf_sink_free(struct rf_sink *s)
{
    if (s != NULL)
        s->ops->free(s);
}

void rf_sink_freep(struct rf_sink **s)
{
    rf_sink_free(*s);
    *s = NULL;
}

/* ---- source: memory ---- */

struct mem_source {
    struct rf_source base;
    struct rf_slice bytes;
    size_t pos;
};

static ssize_t mem_read(struct rf_source *s, void *p, size_t n, struct rf_err *err)
{
    struct mem_source *m = (struct mem_source *)s;
    (void)err;
    size_t left = m->bytes.len - m->pos;
    if (n > left)
        n = left;
    if (n > 0)
        memcpy(p, m->bytes.ptr + m->pos, n);
    m->pos += n;
    return (ssize_t)n;
}

static int mem_seek(struct rf_source *s, uint64_t offset, struct rf_err *err)
{
    struct mem_source *m = (struct mem_source *)s;
    if (offset > m->bytes.len)
        return rf_fail(err, RFE_INVALID, "offset %llu lies behind the end %zu",
                       (unsigned long long)offset, m->bytes.len);
    m->pos = (size_t)offset;
    return 0;
}

static void mem_free(struct rf_source *s)
{
    free(s);
}

struct rf_source *rf_source_mem(struct rf_slice bytes)
{
    static const struct rf_source_ops ops = { mem_read, mem_seek, mem_free };
    struct mem_source *m = rf_xcalloc(1, sizeof(*m));
    m->base.ops = &ops;
    m->bytes = bytes;
    return &m->base;
}

/* ---- source: part of a file ---- */

struct fd_source {
    struct rf_source base;
    int fd;
    bool own;
    uint64_t offset, size, pos;
};

static ssize_t fd_read(struct rf_source *s, void *p, size_t n, struct rf_err *err)
{
    struct fd_source *f = (struct fd_source *)s;
    uint64_t left = f->size - f->pos;
    if (left == 0)
        return 0;
    if (n > left)
        n = (size_t)left;
    if (n > CALL_MAX)
        n = CALL_MAX;
    if (f->offset > (uint64_t)INT64_MAX - f->pos)
        return rf_fail(err, RFE_INVALID, "an offset beyond what files can have");
    ssize_t got;
    do {
        got = pread(f->fd, p, n, (off_t)(f->offset + f->pos));
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return rf_fail_errno(err, errno, "read");
    if (got == 0) {
        unsigned long long end = f->offset + f->pos, more = left;
        return rf_fail(err, RFE_SIZE_MISMATCH, "the file ends at %llu, want %llu more bytes", end,
                       more);
    }
    f->pos += (uint64_t)got;
    return got;
}

static int fd_seek(struct rf_source *s, uint64_t offset, struct rf_err *err)
{
    struct fd_source *f = (struct fd_source *)s;
    if (offset > f->size)
        return rf_fail(err, RFE_INVALID, "offset %llu lies behind the end %llu",
                       (unsigned long long)offset, (unsigned long long)f->size);
    f->pos = offset;
    return 0;
}

static void fd_free(struct rf_source *s)
{
    struct fd_source *f = (struct fd_source *)s;
    if (f->own)
        rf_closep(&f->fd);
    free(f);
}

static struct rf_source *fd_source_new(int fd, uint64_t offset, uint64_t size, bool own)
{
    static const struct rf_source_ops ops = { fd_read, fd_seek, fd_free };
    struct fd_source *f = rf_xcalloc(1, sizeof(*f));
    *f = (struct fd_source){
        .base.ops = &ops, .fd = fd, .own = own, .offset = offset, .size = size
    };
    return &f->base;
}

struct rf_source *rf_source_fd(int fd, uint64_t offset, uint64_t size)
{
    return fd_source_new(fd, offset, size, false);
}

struct rf_source *rf_source_fd_owned(int fd, uint64_t offset, uint64_t size)
{
    return fd_source_new(fd, offset, size, true);
}

/* ---- what both checking streams say ---- */

static int fail_size(struct rf_err *err, const struct rf_digest *want, uint64_t size, uint64_t got,
                     bool more)
{
    char text[RF_DIGEST_TEXT];
    return rf_fail(err, RFE_SIZE_MISMATCH, "%s: want %llu bytes, got %s%llu",
                   rf_digest_text(want, text), (unsigned long long)size, more ? "more than " : "",
                   (unsigned long long)got);
}

static int check_digest(struct rf_hasher *h, const struct rf_digest *want, struct rf_err *err)
{
    struct rf_digest got;
    char a[RF_DIGEST_TEXT], b[RF_DIGEST_TEXT];
    rf_hasher_final(h, &got);
    if (rf_digest_eq(&got, want))
        return 0;
    return rf_fail(err, RFE_DIGEST_MISMATCH, "%s: the content has the digest %s",
                   rf_digest_text(want, a), rf_digest_text(&got, b));
}

/* ---- source: checked ---- */

struct verify_source {
    struct rf_source base;
    struct rf_source *inner;
    struct rf_hasher *hasher;
    struct rf_digest want;
    uint64_t size, pos; /* pos: bytes of inner hashed so far */
    uint64_t skip;      /* bytes before this are read for the hash only */
    char held;          /* the last byte, while the end of inner is not known yet */
    bool holding, done;
};

/* Takes up to n bytes of inner and hashes them; never past `size`. */
static ssize_t verify_pull(struct verify_source *v, void *p, size_t n, struct rf_err *err)
{
    ssize_t got = rf_source_read(v->inner, p, n, err);
    if (got < 0)
        return got;
    if (got == 0)
        return fail_size(err, &v->want, v->size, v->pos, false);
    rf_hasher_update(v->hasher, p, (size_t)got);
    v->pos += (uint64_t)got;
    return got;
}

/* All bytes are hashed: inner must end here, and the digest be right. */
static int verify_end(struct verify_source *v, struct rf_err *err)
{
    char extra;
    ssize_t got = rf_source_read(v->inner, &extra, 1, err);
    if (got < 0)
        return (int)got;
    if (got > 0)
        return fail_size(err, &v->want, v->size, v->size, true);
    int rc = check_digest(v->hasher, &v->want, err);
    v->done = rc == 0;
    return rc;
}

static int verify_skip(struct verify_source *v, struct rf_err *err)
{
    char chunk[SKIP_CHUNK];
    while (v->pos < v->skip) {
        uint64_t left = v->skip - v->pos;
        ssize_t got =
            verify_pull(v, chunk, left < sizeof(chunk) ? (size_t)left : sizeof(chunk), err);
        if (got < 0)
            return (int)got;
    }
    return 0;
}

static ssize_t verify_read(struct rf_source *s, void *p, size_t n, struct rf_err *err)
{
    struct verify_source *v = (struct verify_source *)s;
    ssize_t got = 0;
    if (v->done)
        return 0;
    int rc = verify_skip(v, err);
    if (rc < 0)
        return rc;
    if (v->holding) {
        rc = verify_end(v, err);
        if (rc < 0)
            return rc;
        *(char *)p = v->held;
        v->holding = false;
        return 1;
    }
    uint64_t left = v->size - v->pos;
    if (left > 0) {
        got = verify_pull(v, p, n < left ? n : (size_t)left, err);
        if (got < 0 || v->pos < v->size)
            return got;
    }
    rc = verify_end(v, err);
    if (rc == -RFE_AGAIN && got > 0) {
        /* The end is not in sight yet: all but the last byte may go out. */
        v->held = ((char *)p)[got - 1];
        v->holding = true;
        return got > 1 ? got - 1 : rc;
    }
    return rc < 0 ? rc : got;
}

static int verify_seek(struct rf_source *s, uint64_t offset, struct rf_err *err)
{
    struct verify_source *v = (struct verify_source *)s;
    if (offset > v->size)
        return rf_fail(err, RFE_INVALID, "offset %llu lies behind the end %llu",
                       (unsigned long long)offset, (unsigned long long)v->size);
    int rc = rf_source_seek(v->inner, 0, err);
    if (rc < 0)
        return rc;
    rf_hasher_freep(&v->hasher);
    v->hasher = rf_hasher_new(v->want.algo);
    v->pos = 0;
    v->skip = offset;
    v->holding = false;
    v->done = false;
    return 0;
}

static void verify_free(struct rf_source *s)
{
    struct verify_source *v = (struct verify_source *)s;
    rf_source_freep(&v->inner);
    rf_hasher_freep(&v->hasher);
    free(v);
}

struct rf_source *rf_source_verify(struct rf_source *inner, const struct rf_digest *want,
                                   uint64_t size)
{
    static const struct rf_source_ops seekable = { verify_read, verify_seek, verify_free };
    static const struct rf_source_ops forward = { verify_read, NULL, verify_free };
    struct verify_source *v = rf_xcalloc(1, sizeof(*v));
    v->base.ops = rf_source_can_seek(inner) ? &seekable : &forward;
    v->inner = inner;
    v->want = *want;
    v->size = size;
    v->hasher = rf_hasher_new(want->algo);
    return &v->base;
}

/* ---- sink: buffer ---- */

struct buf_sink {
    struct rf_sink base;
    struct rf_buf *buf;
};

static int buf_write(struct rf_sink *s, const void *p, size_t n, struct rf_err *err)
{
    struct buf_sink *b = (struct buf_sink *)s;
    rf_buf_add(b->buf, p, n);
    if (b->buf->rc < 0)
        return rf_fail(err, -b->buf->rc, "more than %zu bytes", b->buf->max);
    return 0;
}

static void plain_free(struct rf_sink *s)
{
    free(s);
}

struct rf_sink *rf_sink_buf(struct rf_buf *buf)
{
    static const struct rf_sink_ops ops = { buf_write, NULL, plain_free };
    struct buf_sink *b = rf_xcalloc(1, sizeof(*b));
    b->base.ops = &ops;
    b->buf = buf;
    return &b->base;
}

/* ---- sink: measure ---- */

struct measure_sink {
    struct rf_sink base;
    struct rf_hasher *hasher;
    struct rf_digest *digest;
    uint64_t *size;
};

static int measure_write(struct rf_sink *s, const void *p, size_t n, struct rf_err *err)
{
    struct measure_sink *m = (struct measure_sink *)s;
    (void)err;
    rf_hasher_update(m->hasher, p, n);
    return 0;
}

static int measure_commit(struct rf_sink *s, struct rf_err *err)
{
    struct measure_sink *m = (struct measure_sink *)s;
    (void)err;
    if (m->size != NULL)
        *m->size = rf_hasher_count(m->hasher);
    if (m->digest != NULL)
        rf_hasher_final(m->hasher, m->digest);
    return 0;
}

static void measure_free(struct rf_sink *s)
{
    struct measure_sink *m = (struct measure_sink *)s;
    rf_hasher_freep(&m->hasher);
    free(m);
}

struct rf_sink *rf_sink_measure(uint8_t algo, struct rf_digest *digest, uint64_t *size)
{
    static const struct rf_sink_ops ops = { measure_write, measure_commit, measure_free };
    struct measure_sink *m = rf_xcalloc(1, sizeof(*m));
    m->base.ops = &ops;
    m->hasher = rf_hasher_new(algo);
    m->digest = digest;
    m->size = size;
    return &m->base;
}

/* ---- sinks: descriptors ---- */

struct fd_sink {
    struct rf_sink base;
    int fd;
    uint64_t offset, size, pos;
};

static int fd_write(struct rf_sink *s, const void *p, size_t n, struct rf_err *err)
{
    struct fd_sink *f = (struct fd_sink *)s;
    const char *at = p;
    while (n > 0) {
        ssize_t done = write(f->fd, at, n < CALL_MAX ? n : CALL_MAX);
        if (done < 0 && errno == EAGAIN) {
            struct pollfd pfd = { .fd = f->fd, .events = POLLOUT };
            (void)poll(&pfd, 1, -1);
        } else if (done < 0 && errno != EINTR) {
            return rf_fail_errno(
                err, errno,
                f->fd == STDOUT_FILENO ? "the result could not be written to stdout" : "write");
        } else if (done > 0) {
            at += done;
            n -= (size_t)done;
        }
    }
    return 0;
}

struct rf_sink *rf_sink_fd(int fd)
{
    static const struct rf_sink_ops ops = { fd_write, NULL, plain_free };
    struct fd_sink *f = rf_xcalloc(1, sizeof(*f));
    f->base.ops = &ops;
    f->fd = fd;
    return &f->base;
}

static int fd_at_write(struct rf_sink *s, const void *p, size_t n, struct rf_err *err)
{
    struct fd_sink *f = (struct fd_sink *)s;
    if (n > f->size - f->pos)
        return rf_fail(err, RFE_SIZE_MISMATCH, "more than the %llu bytes that belong here",
                       (unsigned long long)f->size);
    if (f->offset > (uint64_t)INT64_MAX - f->size)
        return rf_fail(err, RFE_INVALID, "an offset beyond what files can have");
    const char *at = p;
    while (n > 0) {
        ssize_t done = pwrite(f->fd, at, n < CALL_MAX ? n : CALL_MAX, (off_t)(f->offset + f->pos));
        if (done < 0 && errno != EINTR)
            return rf_fail_errno(err, errno, "write");
        if (done > 0) {
            at += done;
            n -= (size_t)done;
            f->pos += (uint64_t)done;
        }
    }
    return 0;
}

static int fd_at_commit(struct rf_sink *s, struct rf_err *err)
{
    struct fd_sink *f = (struct fd_sink *)s;
    if (f->pos != f->size)
        return rf_fail(err, RFE_SIZE_MISMATCH, "want %llu bytes, got %llu",
                       (unsigned long long)f->size, (unsigned long long)f->pos);
    return 0;
}

struct rf_sink *rf_sink_fd_at(int fd, uint64_t offset, uint64_t size)
{
    static const struct rf_sink_ops ops = { fd_at_write, fd_at_commit, plain_free };
    struct fd_sink *f = rf_xcalloc(1, sizeof(*f));
    f->base.ops = &ops;
    f->fd = fd;
    f->offset = offset;
    f->size = size;
    return &f->base;
}

/* ---- sink: checked ---- */

struct verify_sink {
    struct rf_sink base;
    struct rf_sink *inner;
    struct rf_hasher *hasher;
    struct rf_digest want;
    uint64_t size;
    bool own, checked;
};

static int verify_write(struct rf_sink *s, const void *p, size_t n, struct rf_err *err)
{
    struct verify_sink *v = (struct verify_sink *)s;
    uint64_t done = rf_hasher_count(v->hasher);
    if (done > v->size || n > v->size - done)
        return fail_size(err, &v->want, v->size, v->size, true);
    int rc = rf_sink_write(v->inner, p, n, err);
    /* Hashed only when taken: a caller that is told -RFE_AGAIN brings the bytes once more. */
    if (rc >= 0)
        rf_hasher_update(v->hasher, p, n);
    return rc;
}

static int verify_commit(struct rf_sink *s, struct rf_err *err)
{
    struct verify_sink *v = (struct verify_sink *)s;
    uint64_t done = rf_hasher_count(v->hasher);
    if (done != v->size)
        return fail_size(err, &v->want, v->size, done, false);
    if (!v->checked) {
        int rc = check_digest(v->hasher, &v->want, err);
        if (rc < 0)
            return rc;
        v->checked = true;
    }
    return rf_sink_commit(v->inner, err);
}

static void verify_sink_free(struct rf_sink *s)
{
    struct verify_sink *v = (struct verify_sink *)s;
    if (v->own)
        rf_sink_freep(&v->inner);
    rf_hasher_freep(&v->hasher);
    free(v);
}

struct rf_sink *rf_sink_verify(struct rf_sink *inner, bool own, const struct rf_digest *want,
                               uint64_t size, struct rf_hasher *start)
{
    static const struct rf_sink_ops ops = { verify_write, verify_commit, verify_sink_free };
    struct verify_sink *v = rf_xcalloc(1, sizeof(*v));
    v->base.ops = &ops;
    v->inner = inner;
    v->own = own;
    v->want = *want;
    v->size = size;
    v->hasher = start != NULL ? start : rf_hasher_new(want->algo);
    return &v->base;
}

/* ---- pump ---- */

int rf_stream_copy(struct rf_source *src, struct rf_sink *sink, uint64_t *n, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *chunk = rf_xmalloc(COPY_CHUNK);
    uint64_t total = 0;
    for (;;) {
        int rc = rf_cancel_check(err);
        if (rc < 0)
            return rc;
        ssize_t got = rf_source_read(src, chunk, COPY_CHUNK, err);
        if (got < 0)
            return (int)got;
        if (got == 0)
            break;
        rc = rf_sink_write(sink, chunk, (size_t)got, err);
        if (rc < 0)
            return rc;
        total += (uint64_t)got;
    }
    if (n != NULL)
        *n = total;
    return 0;
}
