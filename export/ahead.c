/* SPDX-License-Identifier: Apache-2.0 */
#include "export/ahead.h"

#include "base/mem.h"
#include "base/room.h"

#define FILE_UNIT 4096u /* a file takes a multiple of this */

struct counting {
    const struct rf_selection *s;
    uint64_t *needs; /* per registry */
    uint64_t bytes;
};

static void counting_init(struct counting *n, const struct rf_selection *s)
{
    size_t registries = s->locations.pulls != NULL ? rf_pulls_count(s->locations.pulls) : 0;
    *n = (struct counting){ .s = s, .needs = rf_xcalloc(registries + 1, sizeof(*n->needs)) };
}

static void counting_release(struct counting *n)
{
    free(n->needs);
}

static void count(struct counting *n, uint32_t where, const struct rf_digest *d, uint64_t size)
{
    const struct rf_location *at = &n->s->locations.list[where];
    if (rf_blob_store_stat(n->s->state->cache, d, NULL, NULL) == 0)
        return;
    if (at->pull_source != RF_NO_ID)
        n->needs[at->pull_source]++;
    n->bytes += (size / FILE_UNIT + 1) * FILE_UNIT;
}

static int check(const struct counting *n, struct rf_err *err)
{
    uint64_t there = 0;
    if (n->bytes == 0)
        return 0;
    int rc = rf_free_space(n->s->state->dir, &there, err);
    if (rc == 0 && n->bytes > there)
        rc = rf_fail(
            err, RFE_NO_SPACE,
            "%s: %llu bytes are needed for manifests and %llu are free there: %llu bytes short; nothing was written; make room, or keep the state elsewhere (--state DIR)",
            n->s->state->dir, (unsigned long long)n->bytes, (unsigned long long)there,
            (unsigned long long)(n->bytes - there));
    if (rc == 0 && n->s->locations.pulls != NULL)
        rc = rf_pulls_ahead(n->s->locations.pulls, n->needs, err);
    return rc;
}

/* Of indexes from which platforms are chosen the base does not have the digest that the tag has. */
static bool is_read(const struct rf_closure *c, size_t i)
{
    const struct rf_selection *s = c->sel;
    const struct rf_image *im = &s->wanted.images[i];
    const struct rf_snapshot *base;
    bool chosen = s->req->items[s->picks[i].item].n_platforms > 0 &&
                  rf_media_kind(rf_desired_str(&s->wanted, im->media_type)) == RF_KIND_INDEX;
    return rf_pick_usable(&s->picks[i]) && (chosen || rf_closure_base_line(c, im, &base) == NULL);
}

static int compare_digests(const void *a, const void *b, void *ctx)
{
    const struct rf_desired *d = ctx;
    return rf_digest_cmp(&d->images[*(const uint32_t *)a].digest,
                         &d->images[*(const uint32_t *)b].digest);
}

int rf_ahead_lines(struct rf_closure *c, struct rf_err *err)
{
    struct rf_desired *d = &c->sel->wanted;
    RF_CLEANUP(counting_release) struct counting n;
    RF_CLEANUP(rf_freep) uint32_t *lines = rf_xcalloc(d->n + 1, sizeof(*lines));
    size_t n_lines = 0;
    counting_init(&n, c->sel);
    for (size_t i = 0; i < d->n; i++)
        if (is_read(c, i))
            lines[n_lines++] = (uint32_t)i;
    if (n_lines > 0)
        qsort_r(lines, n_lines, sizeof(*lines), compare_digests, d);
    for (size_t i = 0; i < n_lines; i++) {
        const struct rf_image *im = &d->images[lines[i]];
        if (i == 0 || !rf_digest_eq(&d->images[lines[i - 1]].digest, &im->digest))
            count(&n, c->sel->picks[lines[i]].where, &im->digest, im->size);
    }
    return check(&n, err);
}

int rf_ahead_level(void *closure, const struct rf_graph *g, const uint32_t *nodes, size_t n_nodes,
                   struct rf_err *err)
{
    const struct rf_closure *c = closure;
    RF_CLEANUP(counting_release) struct counting n;
    counting_init(&n, c->sel);
    for (size_t i = 0; i < n_nodes; i++) {
        const struct rf_node *node = &g->nodes[nodes[i]];
        count(&n, node->where, &node->digest, node->size);
    }
    return check(&n, err);
}
