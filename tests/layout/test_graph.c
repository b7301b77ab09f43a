/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <check.h>

#include "base/mem.h"
#include "layout/graph.h"
#include "tests/layout/helper_layout.h"

Suite *rf_graph_suite(void);

/* ---- a store of documents ---- */

struct docs {
    pthread_mutex_t lock;
    struct rf_manifest *list[256];
    size_t n;
    unsigned fetches;
    const struct rf_manifest *missing, *cancels;
    const struct rf_manifest *chosen_of; /* of it, only entry 1 is followed */
    const struct rf_manifest *instead;   /* given for everything */
    size_t levels[8], n_levels, wanted;  /* told ahead; more than `wanted` in one are refused */
};

static const struct rf_manifest *keep(struct docs *d, struct rf_manifest *m)
{
    ck_assert_uint_lt(d->n, RF_ARRAY_LEN(d->list));
    d->list[d->n++] = m;
    return m;
}

static void docs_release(struct docs *d)
{
    for (size_t i = 0; i < d->n; i++)
        rf_manifest_free(d->list[i]);
}

static int fetch(void *ctx, const struct rf_graph *g, uint32_t node, struct rf_manifest **out,
                 size_t **chosen, size_t *n_chosen, struct rf_err *err)
{
    struct docs *d = ctx;
    const struct rf_digest *want = &g->nodes[node].digest;
    const struct rf_manifest *m = NULL;
    (void)pthread_mutex_lock(&d->lock);
    d->fetches++;
    (void)pthread_mutex_unlock(&d->lock);
    for (size_t i = 0; i < d->n; i++)
        if (rf_digest_eq(&d->list[i]->digest, want))
            m = d->list[i];
    if (d->instead != NULL)
        m = d->instead;
    char text[RF_DIGEST_TEXT];
    if (m == NULL || m == d->missing)
        return rf_fail(err, RFE_NOT_FOUND, "no manifest %s", rf_digest_text(want, text));
    if (m == d->cancels)
        return rf_fail(err, RFE_CANCELLED, "interrupted");
    struct rf_manifest_expect expect = { .media_type = rf_graph_media_type(g, node) };
    int rc = rf_manifest_parse(rf_buf_slice(&m->body), &expect, out, err);
    if (rc == 0 && m == d->chosen_of) {
        *chosen = rf_xcalloc(1, sizeof(**chosen));
        **chosen = 1;
        *n_chosen = 1;
    }
    return rc;
}

static uint32_t add_root(struct rf_graph *g, const struct rf_manifest *m)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    uint32_t id = RF_NO_ID;
    rf_manifest_descriptor(m, &d);
    expect_ok(rf_graph_add_root(g, &d, 7, &id, &err), err);
    rf_descriptor_release(&d);
    return id;
}

static void walk(struct rf_graph *g)
{
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_graph_walk(g, 4, &err), err);
}

struct order {
    uint32_t ids[4096];
    size_t n;
    int stop;
};

static int note(void *ctx, uint32_t node, struct rf_err *err)
{
    struct order *o = ctx;
    ck_assert_uint_lt(o->n, RF_ARRAY_LEN(o->ids));
    o->ids[o->n++] = node;
    return o->stop != 0 ? rf_fail(err, o->stop, "stopped") : 0;
}

static struct order closure(const struct rf_graph *g, uint32_t root)
{
    struct order o = { 0 };
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_graph_closure(g, root, note, &o, &err), err);
    return o;
}

static uint32_t find_text(const struct rf_graph *g, const char *text)
{
    struct rf_digest d = digest_of(text);
    return rf_graph_find(g, &d);
}

static const char *const layers_ab[] = { "a", "b", NULL };
static const char *const layers_bc[] = { "b", "c", NULL };

/* ---- walking ---- */

START_TEST(an_index_reaches_all_below_it)
{
    struct docs d = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct rf_graph g;
    const struct rf_manifest *one = keep(&d, make_image("cfg1", layers_ab, ""));
    const struct rf_manifest *two = keep(&d, make_image("cfg2", layers_bc, ""));
    const struct rf_manifest *children[] = { one, two, NULL };
    const struct rf_manifest *ix = keep(&d, make_index(children, ""));
    rf_graph_init(&g, fetch, &d);
    uint32_t root = add_root(&g, ix);
    walk(&g);
    ck_assert_uint_eq(d.fetches, 3);
    ck_assert_uint_eq(g.n_nodes, 8);
    struct order o = closure(&g, root);
    ck_assert_uint_eq(o.n, 8);
    /* Document order, children first. */
    const uint32_t want[] = { find_text(&g, "cfg1"),
                              find_text(&g, "a"),
                              find_text(&g, "b"),
                              rf_graph_find(&g, &one->digest),
                              find_text(&g, "cfg2"),
                              find_text(&g, "c"),
                              rf_graph_find(&g, &two->digest),
                              root };
    for (size_t i = 0; i < 8; i++)
        ck_assert_uint_eq(o.ids[i], want[i]);
    ck_assert_int_eq(g.nodes[want[0]].kind, RF_NODE_CONFIG);
    ck_assert_int_eq(g.nodes[want[1]].kind, RF_NODE_BLOB);
    ck_assert_int_eq(g.nodes[want[3]].kind, RF_NODE_IMAGE);
    ck_assert_int_eq(g.nodes[root].kind, RF_NODE_INDEX);
    ck_assert_uint_eq(g.nodes[want[1]].size, 1);
    ck_assert_str_eq(rf_graph_media_type(&g, want[1]), RF_MT_OCI_LAYER);
    ck_assert_uint_eq(g.nodes[want[5]].where, 7);
    ck_assert_int_eq(rf_graph_check(&g, root, NULL), 0);
    /* Nothing is fetched twice. */
    walk(&g);
    ck_assert_uint_eq(d.fetches, 3);
    ck_assert_uint_eq(add_root(&g, one), want[3]);
    walk(&g);
    ck_assert_uint_eq(d.fetches, 3);
    rf_graph_release(&g);
    docs_release(&d);
}
END_TEST

START_TEST(a_callback_ends_the_closure)
{
    struct docs d = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct rf_graph g;
    struct rf_err err = RF_ERR_INIT;
    rf_graph_init(&g, fetch, &d);
    uint32_t root = add_root(&g, keep(&d, make_image("cfg", layers_ab, "")));
    walk(&g);
    struct order o = { .stop = RFE_NO_SPACE };
    expect_error(rf_graph_closure(&g, root, note, &o, &err), RFE_NO_SPACE, err, "stopped");
    ck_assert_uint_eq(o.n, 1);
    rf_graph_release(&g);
    docs_release(&d);
}
END_TEST

START_TEST(a_missing_manifest_marks_its_roots_only)
{
    struct docs d = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct rf_graph g;
    struct rf_err err = RF_ERR_INIT;
    const struct rf_manifest *one = keep(&d, make_image("cfg1", layers_ab, ""));
    const struct rf_manifest *two = keep(&d, make_image("cfg2", layers_bc, ""));
    const struct rf_manifest *children[] = { one, two, NULL };
    const struct rf_manifest *ix = keep(&d, make_index(children, ""));
    d.missing = one;
    rf_graph_init(&g, fetch, &d);
    uint32_t bad = add_root(&g, ix), good = add_root(&g, two);
    walk(&g);
    expect_error(rf_graph_check(&g, bad, &err), RFE_NOT_FOUND, err, "no manifest sha256:");
    ck_assert_int_eq(rf_graph_check(&g, good, NULL), 0);
    /* What is known of it is visited all the same. */
    ck_assert_uint_eq(closure(&g, bad).n, 6);
    rf_graph_release(&g);
    docs_release(&d);
}
END_TEST

START_TEST(cancelling_ends_the_walk)
{
    struct docs d = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct rf_graph g;
    struct rf_err err = RF_ERR_INIT;
    d.cancels = keep(&d, make_image("cfg", layers_ab, ""));
    rf_graph_init(&g, fetch, &d);
    uint32_t root = add_root(&g, d.cancels);
    expect_error(rf_graph_walk(&g, 2, &err), RFE_CANCELLED, err, "interrupted");
    /* And may be taken up again. */
    d.cancels = NULL;
    walk(&g);
    ck_assert_uint_eq(closure(&g, root).n, 4);
    rf_graph_release(&g);
    docs_release(&d);
}
END_TEST

static int tell_ahead(void *ctx, const struct rf_graph *g, const uint32_t *nodes, size_t n,
                      struct rf_err *err)
{
    struct docs *d = ctx;
    for (size_t i = 0; i < n; i++)
        ck_assert(rf_node_is_manifest(&g->nodes[nodes[i]]));
    d->levels[d->n_levels++] = n;
    return n > d->wanted ? rf_fail(err, RFE_REFUSED, "too many") : 0;
}

START_TEST(levels_are_told_ahead)
{
    struct docs d = { .lock = PTHREAD_MUTEX_INITIALIZER, .wanted = 1 };
    struct rf_graph g;
    struct rf_err err = RF_ERR_INIT;
    const struct rf_manifest *children[] = { keep(&d, make_image("cfg1", layers_ab, "")),
                                             keep(&d, make_image("cfg2", layers_ab, "")), NULL };
    const struct rf_manifest *ix = keep(&d, make_index(children, ""));
    rf_graph_init(&g, fetch, &d);
    g.ahead = tell_ahead;
    uint32_t root = add_root(&g, ix);
    expect_error(rf_graph_walk(&g, 2, &err), RFE_REFUSED, err, "too many");
    ck_assert_uint_eq(d.fetches, 1); /* the index; nothing of the level that was refused */
    d.wanted = 2;
    d.n_levels = 0;
    walk(&g); /* goes on where it stood */
    ck_assert_uint_eq(d.fetches, 3);
    ck_assert_uint_eq(d.n_levels, 1);
    ck_assert_uint_eq(d.levels[0], 2);
    ck_assert_uint_eq(closure(&g, root).n, 7);
    rf_graph_release(&g);
    docs_release(&d);
}
END_TEST

START_TEST(only_chosen_entries_are_followed)
{
    struct docs d = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct rf_graph g;
    const struct rf_manifest *children[] = { keep(&d, make_image("cfg1", layers_ab, "")),
                                             keep(&d, make_image("cfg2", layers_bc, "")), NULL };
    d.chosen_of = keep(&d, make_index(children, ""));
    rf_graph_init(&g, fetch, &d);
    uint32_t root = add_root(&g, d.chosen_of);
    walk(&g);
    ck_assert_uint_eq(closure(&g, root).n, 5);
    ck_assert_uint_eq(find_text(&g, "a"), RF_NO_ID);
    rf_graph_release(&g);
    docs_release(&d);
}
END_TEST

/* The same digest as config here and layer there (the empty JSON of artifacts), as layer with and without urls. */
START_TEST(the_strongest_name_of_a_node_counts)
{
    struct docs d = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct rf_graph g;
    static const char *const layers[] = { "{}", "foreign", NULL };
    struct rf_digest foreign = digest_of("foreign"), other = digest_of("other");
    const struct rf_manifest *one = keep(&d, make_image("{}", layers, ""));
    char a[RF_DIGEST_TEXT], b[RF_DIGEST_TEXT];
    char *with_urls = rf_xasprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_MANIFEST
        "\",\"config\":{\"mediaType\":\"" RF_MT_OCI_CONFIG
        "\",\"digest\":\"%s\",\"size\":5},\"layers\":[{\"mediaType\":\"" RF_MT_OCI_LAYER
        "\",\"digest\":\"%s\",\"size\":7,\"urls\":[\"http://x/\"]}]}",
        rf_digest_text(&other, a), rf_digest_text(&foreign, b));
    const struct rf_manifest *two = keep(&d, parse_manifest(with_urls));
    free(with_urls);
    rf_graph_init(&g, fetch, &d);
    (void)add_root(&g, two);
    walk(&g);
    ck_assert(g.nodes[find_text(&g, "foreign")].external);
    (void)add_root(&g, one);
    walk(&g);
    ck_assert(!g.nodes[find_text(&g, "foreign")].external);
    ck_assert_int_eq(g.nodes[find_text(&g, "{}")].kind, RF_NODE_CONFIG);
    rf_graph_release(&g);
    rf_graph_init(&g, fetch, &d);
    g.keep_external = true;
    (void)add_root(&g, two);
    walk(&g);
    ck_assert(!g.nodes[find_text(&g, "foreign")].external);
    rf_graph_release(&g);
    docs_release(&d);
}
END_TEST

/* ---- contradictions ---- */

static struct rf_manifest *image_with_layer(const struct rf_digest *layer, unsigned size,
                                            const char *type)
{
    char text[RF_DIGEST_TEXT], config[RF_DIGEST_TEXT];
    struct rf_digest c = digest_of("cfg");
    char *doc = rf_xasprintf("{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_MANIFEST
                             "\",\"config\":{\"mediaType\":\"" RF_MT_OCI_CONFIG
                             "\",\"digest\":\"%s\",\"size\":3},\"layers\":[{\"mediaType\":\"%s\","
                             "\"digest\":\"%s\",\"size\":%u}]}",
                             rf_digest_text(&c, config), type, rf_digest_text(layer, text), size);
    struct rf_manifest *m = parse_manifest(doc);
    free(doc);
    return m;
}

START_TEST(two_sizes_for_one_digest_are_refused)
{
    struct docs d = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct rf_graph g;
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest layer = digest_of("layer");
    const struct rf_manifest *right = keep(&d, image_with_layer(&layer, 5, RF_MT_OCI_LAYER));
    const struct rf_manifest *wrong = keep(&d, image_with_layer(&layer, 6, RF_MT_OCI_LAYER));
    rf_graph_init(&g, fetch, &d);
    uint32_t a = add_root(&g, right), b = add_root(&g, wrong);
    walk(&g);
    ck_assert_int_eq(rf_graph_check(&g, a, NULL), 0);
    expect_error(rf_graph_check(&g, b, &err), RFE_AMBIGUOUS, err, "two sizes, 5 and 6");
    /* Nothing of the refused document hangs below it. */
    ck_assert_uint_eq(closure(&g, b).n, 1);
    struct rf_descriptor desc = RF_DESCRIPTOR_INIT;
    uint32_t id;
    rf_manifest_descriptor(right, &desc);
    desc.size++;
    expect_error(rf_graph_add_root(&g, &desc, 0, &id, &err), RFE_AMBIGUOUS, err, "two sizes");
    desc.size = 0; /* unknown: no contradiction */
    expect_ok(rf_graph_add_root(&g, &desc, 0, &id, &err), err);
    ck_assert_uint_eq(id, a);
    free(desc.media_type);
    desc.media_type = rf_xstrdup(RF_MT_OCI_INDEX);
    expect_error(rf_graph_add_root(&g, &desc, 0, &id, &err), RFE_AMBIGUOUS, err, "an index");
    free(desc.media_type);
    desc.media_type = rf_xstrdup(RF_MT_OCI_LAYER);
    expect_error(rf_graph_add_root(&g, &desc, 0, &id, &err), RFE_UNSUPPORTED, err, "media type");
    rf_descriptor_release(&desc);
    rf_graph_release(&g);
    docs_release(&d);
}
END_TEST

/* A layer that turns out to be named as a manifest elsewhere is one, and is fetched. */
START_TEST(a_blob_becomes_a_manifest)
{
    struct docs d = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct rf_graph g;
    const struct rf_manifest *image = keep(&d, make_image("cfg1", layers_ab, ""));
    const struct rf_manifest *odd =
        keep(&d, image_with_layer(&image->digest, (unsigned)image->body.len, RF_MT_OCI_LAYER));
    const struct rf_manifest *children[] = { odd, image, NULL };
    const struct rf_manifest *ix = keep(&d, make_index(children, ""));
    rf_graph_init(&g, fetch, &d);
    uint32_t first = add_root(&g, odd);
    walk(&g);
    uint32_t id = rf_graph_find(&g, &image->digest);
    ck_assert_int_eq(g.nodes[id].kind, RF_NODE_BLOB);
    ck_assert_uint_eq(closure(&g, first).n, 3);
    (void)add_root(&g, ix);
    walk(&g);
    ck_assert_int_eq(g.nodes[id].kind, RF_NODE_IMAGE);
    ck_assert_uint_eq(closure(&g, first).n, 6);
    rf_graph_release(&g);
    docs_release(&d);
}
END_TEST

START_TEST(what_was_not_asked_for_is_refused)
{
    struct docs d = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct rf_graph g;
    struct rf_err err = RF_ERR_INIT;
    const struct rf_manifest *asked = keep(&d, make_image("cfg1", layers_ab, ""));
    d.instead = keep(&d, make_image("cfg2", layers_bc, ""));
    rf_graph_init(&g, fetch, &d);
    uint32_t root = add_root(&g, asked);
    walk(&g);
    expect_error(rf_graph_check(&g, root, &err), RFE_DIGEST_MISMATCH, err, "asked for");
    ck_assert_uint_eq(g.n_nodes, 1);
    rf_graph_release(&g);
    docs_release(&d);
}
END_TEST

START_TEST(retired_and_unknown_entries)
{
    struct docs d = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct rf_graph g;
    struct rf_err err = RF_ERR_INIT;
    char text[RF_DIGEST_TEXT];
    struct rf_digest old = digest_of("old");
    static const char *const types[] = { RF_MT_DOCKER_V1_SIGNED, "application/x.anything" };
    const struct rf_manifest *ix[2];
    for (size_t i = 0; i < 2; i++) {
        char *doc = rf_xasprintf("{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX
                                 "\",\"manifests\":[{\"mediaType\":\"%s\",\"digest\":\"%s\","
                                 "\"size\":3}]}",
                                 types[i], rf_digest_text(&old, text));
        ix[i] = keep(&d, parse_manifest(doc));
        free(doc);
    }
    rf_graph_init(&g, fetch, &d);
    uint32_t retired = add_root(&g, ix[0]), unknown = add_root(&g, ix[1]);
    walk(&g);
    expect_error(rf_graph_check(&g, retired, &err), RFE_UNSUPPORTED, err, "retired");
    ck_assert_int_eq(rf_graph_check(&g, unknown, NULL), 0);
    ck_assert_uint_eq(closure(&g, unknown).n, 2);
    rf_graph_release(&g);
    docs_release(&d);
}
END_TEST

/* ---- depth, loops, size ---- */

START_TEST(depth_is_bounded)
{
    struct docs d = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct rf_graph g;
    struct rf_err err = RF_ERR_INIT;
    const struct rf_manifest *chain[12];
    chain[0] = keep(&d, make_image("cfg", layers_ab, ""));
    for (size_t i = 1; i < 12; i++) {
        const struct rf_manifest *below[] = { chain[i - 1], NULL };
        chain[i] = keep(&d, make_index(below, ""));
    }
    rf_graph_init(&g, fetch, &d);
    uint32_t fine = add_root(&g, chain[8]);
    walk(&g);
    ck_assert_int_eq(rf_graph_check(&g, fine, NULL), 0);
    rf_graph_release(&g);
    rf_graph_init(&g, fetch, &d);
    uint32_t deep = add_root(&g, chain[11]);
    walk(&g);
    expect_error(rf_graph_check(&g, deep, &err), RFE_TOO_LARGE, err, "within each other");
    /* On top, the same document is in order. */
    uint32_t top = add_root(&g, chain[2]);
    walk(&g);
    ck_assert_int_eq(rf_graph_check(&g, top, NULL), 0);
    rf_graph_release(&g);
    docs_release(&d);
}
END_TEST

/* 16^7 ways lead through a hundred documents. */
START_TEST(shared_parts_are_visited_once)
{
    struct docs d = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct rf_graph g;
    const struct rf_manifest *below[17] = { keep(&d, make_image("cfg", layers_ab, "")) };
    for (size_t level = 0; level < 7; level++) {
        const struct rf_manifest *next[17] = { 0 };
        for (size_t i = 0; i < 16; i++) {
            char *extra = rf_xasprintf(",\"annotations\":{\"n\":\"%zu\"}", i);
            next[i] = keep(&d, make_index(below, extra));
            free(extra);
        }
        memcpy(below, next, sizeof(below));
    }
    rf_graph_init(&g, fetch, &d);
    uint32_t root = add_root(&g, below[0]);
    walk(&g);
    ck_assert_uint_eq(closure(&g, root).n, 1 + 6 * 16 + 4);
    ck_assert_uint_eq(d.fetches, 1 + 6 * 16 + 1);
    rf_graph_release(&g);
    docs_release(&d);
}
END_TEST

/* A document cannot hold its own digest; a graph that says so all the same must not hang anybody. */
START_TEST(loops_end)
{
    struct docs d = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct rf_graph g;
    struct rf_err err = RF_ERR_INIT;
    const struct rf_manifest *inner[] = { keep(&d, make_image("cfg", layers_ab, "")), NULL };
    const struct rf_manifest *outer[] = { keep(&d, make_index(inner, "")), NULL };
    rf_graph_init(&g, fetch, &d);
    uint32_t root = add_root(&g, keep(&d, make_index(outer, "")));
    walk(&g);
    struct rf_node *below = &g.nodes[rf_graph_find(&g, &outer[0]->digest)];
    g.edges[below->first_edge] = root;
    struct order o = { 0 };
    expect_error(rf_graph_closure(&g, root, note, &o, &err), RFE_LOOP, err, "holds itself");
    expect_error(rf_graph_check(&g, root, &err), RFE_LOOP, err, "holds itself");
    rf_graph_release(&g);
    docs_release(&d);
}
END_TEST

/* Documents made up on the way: image i has layers of its own and shared ones. */
static int fetch_made(void *ctx, const struct rf_graph *g, uint32_t node, struct rf_manifest **out,
                      size_t **chosen, size_t *n_chosen, struct rf_err *err)
{
    struct rf_manifest **all = ctx;
    (void)chosen;
    (void)n_chosen;
    struct rf_manifest_expect expect = { .media_type = rf_graph_media_type(g, node) };
    return rf_manifest_parse(rf_buf_slice(&all[g->nodes[node].where]->body), &expect, out, err);
}

#define IMAGES 1000

static struct rf_manifest **make_many(void)
{
    static char texts[101][24];
    struct rf_manifest **all = rf_xcalloc(IMAGES, sizeof(*all));
    for (unsigned i = 0; i < IMAGES; i++) {
        const char *layers[101] = { 0 };
        char config[24];
        (void)snprintf(config, sizeof(config), "config %u", i);
        for (unsigned k = 0; k < 100; k++) {
            (void)snprintf(texts[k], sizeof(texts[k]), "%u/%u", k < 2 ? 0 : i, k);
            layers[k] = texts[k];
        }
        all[i] = make_image(config, layers, "");
    }
    return all;
}

static size_t resident(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    unsigned long total = 0, here = 0;
    ck_assert_int_eq(fscanf(f, "%lu %lu", &total, &here), 2);
    (void)fclose(f);
    return here * (size_t)sysconf(_SC_PAGESIZE);
}

/* 100,000 blobs below 1,000 images: small, quick, and numbered the same whatever the number of threads. */
START_TEST(large_graphs_are_compact_and_the_same_always)
{
    struct rf_manifest **all = make_many();
    struct rf_graph g[2];
    static const unsigned threads[] = { 1, 7 };
    size_t before = resident();
    for (size_t k = 0; k < 2; k++) {
        struct rf_err err = RF_ERR_INIT;
        rf_graph_init(&g[k], fetch_made, all);
        for (uint32_t i = 0; i < IMAGES; i++) {
            struct rf_descriptor d = RF_DESCRIPTOR_INIT;
            uint32_t id;
            rf_manifest_descriptor(all[i], &d);
            expect_ok(rf_graph_add_root(&g[k], &d, i, &id, &err), err);
            rf_descriptor_release(&d);
        }
        expect_ok(rf_graph_walk(&g[k], threads[k], &err), err);
        ck_assert_uint_eq(g[k].n_nodes, IMAGES * (1 + 1 + 98) + 2);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        if (k == 0)
            ck_assert_msg(resident() - before < 30U << 20, "%zu KiB", (resident() - before) >> 10);
#endif
    }
    for (size_t i = 0; i < g[0].n_nodes; i++)
        ck_assert(rf_digest_eq(&g[0].nodes[i].digest, &g[1].nodes[i].digest) &&
                  g[0].nodes[i].where == g[1].nodes[i].where &&
                  g[0].nodes[i].first_edge == g[1].nodes[i].first_edge);
    ck_assert_uint_eq(closure(&g[0], 999).n, 102);
    rf_graph_release(&g[0]);
    rf_graph_release(&g[1]);
    for (size_t i = 0; i < IMAGES; i++)
        rf_manifest_free(all[i]);
    free(all);
    (void)before;
}
END_TEST

Suite *rf_graph_suite(void)
{
    Suite *s = suite_create("graph");
    TCase *c = tcase_create("graph");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, an_index_reaches_all_below_it);
    tcase_add_test(c, a_callback_ends_the_closure);
    tcase_add_test(c, a_missing_manifest_marks_its_roots_only);
    tcase_add_test(c, cancelling_ends_the_walk);
    tcase_add_test(c, levels_are_told_ahead);
    tcase_add_test(c, only_chosen_entries_are_followed);
    tcase_add_test(c, the_strongest_name_of_a_node_counts);
    tcase_add_test(c, two_sizes_for_one_digest_are_refused);
    tcase_add_test(c, a_blob_becomes_a_manifest);
    tcase_add_test(c, what_was_not_asked_for_is_refused);
    tcase_add_test(c, retired_and_unknown_entries);
    tcase_add_test(c, depth_is_bounded);
    tcase_add_test(c, shared_parts_are_visited_once);
    tcase_add_test(c, loops_end);
    tcase_add_test(c, large_graphs_are_compact_and_the_same_always);
    suite_add_tcase(s, c);
    return s;
}
