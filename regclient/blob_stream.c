/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/blob_stream.h"

#include "base/mem.h"
#include "base/parallel.h"
#include "regclient/bridge.h"
#include "regclient/registry.h"

struct stream {
    struct rf_source base;
    struct rf_place *place;
    char *repo;
    struct rf_digest digest;
    uint64_t size;
    struct rf_bridge *bridge;
    pthread_t thread;
};

/* The reader checks size and digest, so the operation itself is called: they are not computed twice. */
static void *fetch(void *arg)
{
    struct stream *s = arg;
    struct rf_err err = RF_ERR_INIT;
    int rc = s->place->ops->get_blob(s->place, s->repo, &s->digest, s->size, 0,
                                     rf_bridge_sink(s->bridge), &err);
    (void)rf_bridge_close_sink(s->bridge, rc, &err);
    return NULL;
}

static ssize_t stream_read(struct rf_source *src, void *p, size_t n, struct rf_err *err)
{
    struct stream *s = (struct stream *)src; /* its first member */
    return rf_source_read(rf_bridge_source(s->bridge), p, n, err);
}

/* What is still on its way is not wanted any more. */
static void stream_free(struct rf_source *src)
{
    struct stream *s = (struct stream *)src;
    rf_bridge_close_source(s->bridge, 0, NULL);
    pthread_join(s->thread, NULL);
    rf_bridge_free(s->bridge);
    free(s->repo);
    free(s);
}

static int start(struct rf_place *p, struct rf_remote *remote, const char *repo,
                 const struct rf_digest *digest, uint64_t size, struct rf_source **out,
                 struct rf_err *err)
{
    static const struct rf_source_ops ops = { stream_read, NULL, stream_free };
    struct stream *s = rf_xcalloc(1, sizeof(*s));
    s->base.ops = &ops;
    s->place = p;
    s->repo = rf_xstrdup(repo);
    s->digest = *digest;
    s->size = size;
    s->bridge = rf_bridge_new(rf_remote_http(remote), NULL);
    int failed = rf_thread_start(&s->thread, fetch, s);
    if (failed == 0) {
        *out = &s->base;
        return 0;
    }
    rf_bridge_free(s->bridge);
    free(s->repo);
    free(s);
    return rf_fail_errno(err, failed, "no thread to read a blob");
}

int rf_blob_stream_open(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                        uint64_t size, struct rf_source **out, struct rf_err *err)
{
    struct rf_source *src = NULL;
    struct rf_remote *remote = rf_registry_remote(p);
    int rc = remote != NULL ? start(p, remote, repo, digest, size, &src, err)
                            : rf_place_open_blob(p, repo, digest, size, &src, err);
    if (rc == 0)
        *out = rf_source_verify(src, digest, size);
    return rc;
}

int rf_blob_stream_prove(struct rf_source *src, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *rest = rf_xmalloc(32u << 10);
    for (;;) {
        ssize_t n = rf_source_read(src, rest, 32u << 10, err);
        if (n <= 0)
            return (int)n;
    }
}
