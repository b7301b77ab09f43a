/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cancel.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "regclient/bridge.h"
#include "regclient/copy.h"
#include "regclient/registry.h"

#define BRIDGE_TRIES 3u

struct blob_copy {
    struct rf_place *src, *dst;
    const char *src_repo, *dst_repo;
    const struct rf_digest *digest;
    uint64_t size;
    const struct rf_copy_blob_options *opts;
    uint64_t told; /* bytes reported so far: what is sent again is no progress */
};

static void tell(struct blob_copy *c, uint64_t pos)
{
    if (pos <= c->told)
        return;
    if (c->opts->progress != NULL)
        c->opts->progress(c->opts->progress_ctx, pos - c->told);
    c->told = pos;
}

/* ---- streams that count ---- */

struct counted_source {
    struct rf_source base;
    struct rf_source *inner;
    struct blob_copy *copy;
    uint64_t pos;
};

static ssize_t counted_read(struct rf_source *s, void *p, size_t n, struct rf_err *err)
{
    struct counted_source *c = (struct counted_source *)s;
    ssize_t got = rf_source_read(c->inner, p, n, err);
    if (got > 0) {
        c->pos += (uint64_t)got;
        tell(c->copy, c->pos);
    }
    return got;
}

static int counted_seek(struct rf_source *s, uint64_t offset, struct rf_err *err)
{
    struct counted_source *c = (struct counted_source *)s;
    int rc = rf_source_seek(c->inner, offset, err);
    if (rc == 0)
        c->pos = offset;
    return rc;
}

static void counted_source_free(struct rf_source *s)
{
    (void)s;
}

static void counted_source_init(struct counted_source *c, struct rf_source *inner,
                                struct blob_copy *copy)
{
    static const struct rf_source_ops seekable = { counted_read, counted_seek,
                                                   counted_source_free };
    static const struct rf_source_ops forward = { counted_read, NULL, counted_source_free };
    *c = (struct counted_source){ .base.ops = rf_source_can_seek(inner) ? &seekable : &forward,
                                  .inner = inner,
                                  .copy = copy };
}

struct counted_sink {
    struct rf_sink base;
    struct rf_sink *inner;
    struct blob_copy *copy;
    uint64_t pos;
};

static int counted_write(struct rf_sink *s, const void *p, size_t n, struct rf_err *err)
{
    struct counted_sink *c = (struct counted_sink *)s;
    int rc = rf_sink_write(c->inner, p, n, err);
    if (rc == 0) {
        c->pos += n;
        tell(c->copy, c->pos);
    }
    return rc;
}

static void counted_sink_free(struct rf_sink *s)
{
    (void)s;
}

static void counted_sink_init(struct counted_sink *c, struct rf_sink *inner, struct blob_copy *copy)
{
    static const struct rf_sink_ops ops = { counted_write, NULL, counted_sink_free };
    *c = (struct counted_sink){ .base.ops = &ops, .inner = inner, .copy = copy };
}

/* ---- moving the bytes ---- */

static int from_local(struct blob_copy *c, struct rf_err *err)
{
    RF_CLEANUP(rf_source_freep) struct rf_source *src = NULL;
    struct counted_source counted;
    int rc = rf_place_open_blob(c->src, c->src_repo, c->digest, c->size, &src, err);
    if (rc < 0)
        return rc;
    counted_source_init(&counted, src, c);
    return rf_place_put_blob(c->dst, c->dst_repo, c->digest, c->size, &counted.base, err);
}

/* The local sink checks digest and size; the operation itself is called, so that they are not computed twice. */
static int to_local(struct blob_copy *c, struct rf_err *err)
{
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    struct counted_sink counted;
    int rc = rf_place_blob_sink(c->dst, c->dst_repo, c->digest, c->size, &sink, err);
    if (rc < 0)
        return rc;
    counted_sink_init(&counted, sink, c);
    rc = c->src->ops->get_blob(c->src, c->src_repo, c->digest, c->size, 0, &counted.base, err);
    return rc < 0 ? rc : rf_sink_commit(sink, err);
}

struct sender {
    struct blob_copy *copy;
    struct rf_bridge *bridge;
    struct rf_remote *remote;
    int rc;
    struct rf_err err;
};

static void *run_sender(void *arg)
{
    struct sender *s = arg;
    const struct blob_copy *c = s->copy;
    rf_remote_enter(s->remote);
    s->rc = rf_place_put_blob(c->dst, c->dst_repo, c->digest, c->size, rf_bridge_source(s->bridge),
                              &s->err);
    rf_remote_leave();
    rf_bridge_close_source(s->bridge, s->rc, &s->err);
    return NULL;
}

/*
 * The upload checks digest and size and withholds the last byte until they are right, so the download need not. *source_failed tells whose
 * failure is returned.
 */
static int cross(struct blob_copy *c, struct rf_remote *from, struct rf_remote *to,
                 bool *source_failed, struct rf_err *err)
{
    struct rf_bridge *bridge = rf_bridge_new(rf_remote_http(from), rf_remote_http(to));
    struct sender sender = { .copy = c, .bridge = bridge, .remote = to };
    struct counted_sink counted;
    struct rf_err got_err = RF_ERR_INIT;
    pthread_t thread;
    int failed = rf_thread_start(&thread, run_sender, &sender);
    if (failed != 0) {
        rf_bridge_free(bridge);
        return rf_fail_errno(err, failed, "no thread for a copy");
    }
    counted_sink_init(&counted, rf_bridge_sink(bridge), c);
    rf_remote_enter(from);
    int got =
        c->src->ops->get_blob(c->src, c->src_repo, c->digest, c->size, 0, &counted.base, &got_err);
    rf_remote_leave();
    *source_failed = rf_bridge_close_sink(bridge, got, &got_err);
    pthread_join(thread, NULL);
    rf_bridge_free(bridge);
    if (sender.rc == 0)
        return 0; /* it had all bytes, and they were right */
    *err = *source_failed ? got_err : sender.err;
    return *source_failed ? got : sender.rc;
}

/* A stream cannot be rewound: what the two ends could not mend by themselves is done again from the start. */
static int between_registries(struct blob_copy *c, struct rf_remote *from, struct rf_remote *to,
                              struct rf_err *err)
{
    for (unsigned tries = 1;; tries++) {
        struct rf_err e = RF_ERR_INIT;
        bool source_failed = false;
        int rc = rf_remote_reserve(from, to, err);
        if (rc < 0)
            return rc;
        rc = cross(c, from, to, &source_failed, &e);
        rf_remote_unreserve(from, to);
        if (rc == 0)
            return 0;
        /* A token that ended or a session that was lost just then could not be met by a second sending. */
        bool again = rf_error_retryable(rc) ||
                     (!source_failed && (e.http_status == 401 || e.http_status == 404));
        if (!again || tries >= BRIDGE_TRIES) {
            if (err != NULL)
                *err = e;
            return rc;
        }
        rc = rf_remote_pause(to, tries, &e, err);
        if (rc < 0)
            return rc;
    }
}

static int move_blob(struct blob_copy *c, struct rf_err *err)
{
    struct rf_remote *from = rf_registry_remote(c->src);
    struct rf_remote *to = rf_registry_remote(c->dst);
    if ((c->src->flags & RF_PLACE_LOCAL) != 0)
        return from_local(c, err);
    if ((c->dst->flags & RF_PLACE_LOCAL) != 0)
        return to_local(c, err);
    if (from == NULL || to == NULL)
        return rf_fail(err, RFE_UNSUPPORTED, "no way from %s to %s", c->src->name, c->dst->name);
    return between_registries(c, from, to, err);
}

/* ---- what saves moving them ---- */

static int probe(struct blob_copy *c, struct rf_err *err)
{
    return rf_place_probe_blob(c->dst, c->dst_repo, c->digest, c->size, c->opts->probe, err);
}

static int mount_one(struct blob_copy *c, const char *from_repo, struct rf_err *err)
{
    if (strcmp(from_repo, c->dst_repo) == 0)
        return -RFE_UNSUPPORTED;
    int rc = rf_place_mount(c->dst, c->dst_repo, from_repo, c->digest, c->size, err);
    /* A registry with a stale memory of the blob mounts what it cannot read. */
    if (rc == 0 && c->opts->probe == RF_PROBE_RANGE)
        rc = probe(c, err);
    return rc;
}

static bool ends_it(int rc)
{
    return rc == -RFE_CANCELLED || rc == -RFE_TERMINATED;
}

/* What another copy has put there. A place that does not mount it is remembered. */
static int mount_hinted(struct blob_copy *c, struct rf_err *err)
{
    const struct rf_copy_blob_options *o = c->opts;
    RF_CLEANUP(rf_freep)
    char *from = o->mount_hint != NULL ? o->mount_hint(o->hint_ctx, c->digest) : NULL;
    if (from == NULL || strcmp(from, c->dst_repo) == 0 ||
        (c->src == c->dst && strcmp(from, c->src_repo) == 0))
        return -RFE_UNSUPPORTED;
    int rc = mount_one(c, from, err);
    if (o->turns != NULL && !ends_it(rc))
        rf_blob_turns_mounts(o->turns, c->dst->name, rc == 0);
    return rc;
}

/* 0: mounted. Any other failure than being told to stop: the bytes have to move. */
static int try_mounts(struct blob_copy *c, struct rf_err *err)
{
    int rc = -RFE_UNSUPPORTED;
    if ((c->dst->flags & RF_PLACE_CAN_MOUNT) == 0)
        return rc;
    if (rf_place_same(c->src, c->dst))
        rc = mount_one(c, c->src_repo, err);
    for (size_t i = 0; rc < 0 && !ends_it(rc) && i < c->opts->n_mount_from; i++)
        if (c->src != c->dst || strcmp(c->opts->mount_from[i], c->src_repo) != 0)
            rc = mount_one(c, c->opts->mount_from[i], err);
    return rc == 0 || ends_it(rc) ? rc : mount_hinted(c, err);
}

/* 1: the bytes have to move. 0: they need not, and *outcome says why. */
static int spare(struct blob_copy *c, bool look, enum rf_blob_outcome *outcome, struct rf_err *err)
{
    struct rf_err e = RF_ERR_INIT;
    bool same = rf_place_same(c->src, c->dst) && strcmp(c->src_repo, c->dst_repo) == 0;
    int rc = rf_cancel_check(err);
    if (rc < 0)
        return rc;
    /* What could not be told is found out by the upload. */
    rc = same || look ? probe(c, &e) : -RFE_NOT_FOUND;
    if (rc == 0)
        *outcome = RF_BLOB_THERE;
    if (rc < 0 && !same && !ends_it(rc)) {
        rc = try_mounts(c, &e);
        if (rc == 0)
            *outcome = RF_BLOB_MOUNTED;
    }
    if (rc < 0 && (same || ends_it(rc))) {
        if (err != NULL)
            *err = e;
        return rc;
    }
    return rc < 0 ? 1 : 0;
}

static void tell_there(const struct blob_copy *c)
{
    if (c->opts->blob_there != NULL)
        c->opts->blob_there(c->opts->hint_ctx, c->digest);
}

static int move_and_tell(struct blob_copy *c, enum rf_blob_outcome *outcome, struct rf_err *err)
{
    int rc = move_blob(c, err);
    if (rc < 0)
        return rc;
    *outcome = RF_BLOB_MOVED;
    tell_there(c);
    return 0;
}

/* No slot of a host is held while it waits for its turn, and no other turn. Whoever waits next knows where the blob is before the turn is given back. */
static int move_in_turn(struct blob_copy *c, uint64_t mark, enum rf_blob_outcome *outcome,
                        struct rf_err *err)
{
    const struct rf_copy_blob_options *o = c->opts;
    const struct rf_blob_turn what = {
        .place = c->dst->name,
        .repo = c->dst_repo,
        .digest = c->digest,
        .mountable = (c->dst->flags & RF_PLACE_CAN_MOUNT) != 0 && o->mount_hint != NULL,
    };
    bool stale = false;
    int rc = rf_blob_turns_take(o->turns, &what, mark, !o->defer, &stale, err);
    if (rc < 0)
        return rc;
    if (rc == 0) {
        *outcome = RF_BLOB_UNDER_WAY;
        return 0;
    }
    rc = stale ? spare(c, true, outcome, err) : 1;
    if (rc == 0)
        tell_there(c);
    if (rc == 1)
        rc = move_and_tell(c, outcome, err);
    rf_blob_turns_give(o->turns, &what, rc == 0);
    return rc;
}

int rf_copy_blob(struct rf_place *src, const char *src_repo, struct rf_place *dst,
                 const char *dst_repo, const struct rf_digest *digest, uint64_t size,
                 const struct rf_copy_blob_options *opts, enum rf_blob_outcome *outcome,
                 struct rf_err *err)
{
    static const struct rf_copy_blob_options plain = { .probe = RF_PROBE_HEAD };
    struct blob_copy c = { .src = src,
                           .dst = dst,
                           .src_repo = src_repo,
                           .dst_repo = dst_repo,
                           .digest = digest,
                           .size = size,
                           .opts = opts != NULL ? opts : &plain };
    uint64_t mark = c.opts->turns != NULL && !c.opts->skip_probe ? rf_blob_turns_mark(c.opts->turns)
                                                                 : 0; /* what was asked long ago */
    int rc = spare(&c, !c.opts->skip_probe, outcome, err);
    if (rc == 0)
        tell_there(&c);
    if (rc <= 0)
        return rc;
    return c.opts->turns != NULL ? move_in_turn(&c, mark, outcome, err)
                                 : move_and_tell(&c, outcome, err);
}
