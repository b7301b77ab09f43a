/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/repo_copy.h"

#include "base/mem.h"
#include "base/parallel.h"

struct repo_copy {
    struct rf_place *src, *dst;
    const char *src_repo, *dst_repo;
    char *const *tags;
    const struct rf_copy_options *opts;
    pthread_mutex_t lock; /* guards sum */
    struct rf_copy_result sum;
};

static int copy_tag(void *ctx, size_t i, struct rf_err *err)
{
    struct repo_copy *c = ctx;
    struct rf_copy_result r = { 0 };
    int rc = rf_copy_image(c->src, c->src_repo, c->tags[i], NULL, c->dst, c->dst_repo, c->tags[i],
                           c->opts, &r, err);
    if (rc < 0)
        return rf_wrap(err, rc, "copying tag %s", c->tags[i]);
    pthread_mutex_lock(&c->lock);
    c->sum.blobs_moved += r.blobs_moved;
    c->sum.blobs_mounted += r.blobs_mounted;
    c->sum.blobs_there += r.blobs_there;
    c->sum.bytes_moved += r.bytes_moved;
    c->sum.manifests_put += r.manifests_put;
    pthread_mutex_unlock(&c->lock);
    return 0;
}

int rf_repo_copy(struct rf_place *src, const char *src_repo, struct rf_place *dst,
                 const char *dst_repo, char *const *tags, size_t n, unsigned at_once,
                 const struct rf_copy_options *opts, struct rf_copy_result *out, struct rf_err *err)
{
    /* Tags of one repository share layers, "latest" all of them. */
    RF_CLEANUP(rf_blob_turns_freep) struct rf_blob_turns *turns = rf_blob_turns_new();
    struct rf_copy_options with_turns = opts != NULL ? *opts : (struct rf_copy_options){ 0 };
    struct repo_copy c = { .src = src,
                           .dst = dst,
                           .src_repo = src_repo,
                           .dst_repo = dst_repo,
                           .tags = tags,
                           .opts = &with_turns };
    with_turns.turns = turns;
    pthread_mutex_init(&c.lock, NULL);
    int rc = rf_parallel(at_once > 0 ? at_once : 1, n, copy_tag, &c, err);
    pthread_mutex_destroy(&c.lock);
    if (out != NULL)
        *out = c.sum;
    return rc;
}
