/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each repository is walked in a graph of its own and each of its blobs is asked for there, since a registry answers per repository: an
 * inventory must not claim of one what only another can give.
 */
#include "import/inventory.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/text.h"
#include "import/ground.h"
#include "layout/graph.h"
#include "manifests/reference.h"

#define TAGS_MAX 1000000u

struct line {
    uint32_t tag; /* in the stock's strings; "" = wanted by digest */
    struct rf_digest digest;
    uint64_t size;
    uint32_t media_type;
    uint32_t root;   /* in the group's graph; RF_NO_ID: it cannot be read */
    uint32_t reason; /* why; RF_NO_ID: it is not there at all */
};

/* One repository. */
struct group {
    struct stock *s;
    const char *name; /* as bundles name it */
    char *repo;       /* at the destination */
    struct line *lines;
    size_t n, cap;
    struct rf_graph graph;
    bool *absent; /* per node, a blob that cannot be read */
};

struct job {
    uint32_t group, item;
};

struct stock {
    const struct rf_import_request *req;
    const struct rf_bundle *last; /* empty when none is known */
    struct rf_inventory *out;
    bool named; /* the repositories are the caller's choice */
    struct rf_strings strings;
    pthread_mutex_t lock; /* guards strings */
    struct group *groups;
    size_t n, cap;
    struct job *jobs;
    size_t n_jobs, cap_jobs;
};

static void stock_release(struct stock *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->groups[i].repo);
        free(s->groups[i].lines);
        free(s->groups[i].absent);
        rf_graph_release(&s->groups[i].graph);
    }
    free(s->groups);
    free(s->jobs);
    rf_strings_release(&s->strings);
    pthread_mutex_destroy(&s->lock);
}

static uint32_t intern(struct stock *s, const char *text)
{
    pthread_mutex_lock(&s->lock);
    uint32_t id = rf_strings_add(&s->strings, rf_slice_str(text));
    pthread_mutex_unlock(&s->lock);
    return id;
}

/* The lock keeps the table still while it is read. */
static const char *text_of(struct stock *s, uint32_t id)
{
    pthread_mutex_lock(&s->lock);
    const char *text = rf_strings_get(&s->strings, id);
    pthread_mutex_unlock(&s->lock);
    return text;
}

static int could_not_tell(const struct stock *s, int rc, struct rf_err *err)
{
    return rf_wrap(err, rc, "take stock of %s", s->req->to_name);
}

/* Not there, or there and not what it should be: both say what is. All else does not tell. */
static bool is_told(int code)
{
    switch (code) {
    case RFE_NOT_FOUND:
    case RFE_DIGEST_MISMATCH:
    case RFE_SIZE_MISMATCH:
    case RFE_INVALID:
    case RFE_AMBIGUOUS:
    case RFE_TOO_LARGE:
    case RFE_UNSUPPORTED:
    case RFE_LOOP:
        return true;
    default:
        return false;
    }
}

/* ---- which lines there are ---- */

static struct line *add_line(struct group *g, const char *tag)
{
    g->lines = rf_grow(g->lines, g->n, &g->cap, sizeof(*g->lines));
    g->lines[g->n] =
        (struct line){ .tag = intern(g->s, tag), .root = RF_NO_ID, .reason = RF_NO_ID };
    return &g->lines[g->n++];
}

static int got_tag(void *ctx, const char *tag, struct rf_err *err)
{
    struct group *g = ctx;
    if (g->n == TAGS_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "%s has more than %u tags", g->repo, TAGS_MAX);
    if (rf_tag_valid(rf_slice_str(tag)))
        add_line(g, tag);
    return 0;
}

static int list_group(void *ctx, size_t i, struct rf_err *err)
{
    struct stock *s = ctx;
    struct group *g = &s->groups[i];
    int rc = rf_place_list_tags(s->req->to, g->repo, got_tag, g, err);
    if (rc == -RFE_NOT_FOUND)
        rf_log(s->named ? RF_LOG_WARN : RF_LOG_INFO, "Repository is not at the destination",
               "repository", g->repo, NULL);
    return rc == -RFE_NOT_FOUND ? 0 : rc < 0 ? could_not_tell(s, rc, err) : 0;
}

/*
 * What stands in for the referrers API: the registry's list, not an image that somebody brought. It is named by a digest and nothing behind it, and an
 * index; a signature of that name is an image.
 */
static bool is_fallback(const char *tag, const struct rf_manifest *m)
{
    struct rf_digest of;
    return m->kind == RF_KIND_INDEX && rf_digest_tag_parse(tag, &of) && strchr(tag, '.') == NULL;
}

/* What a tag leads to that cannot be followed: the destination says it, or what was put there last. */
static void name_broken(struct group *g, struct line *l, const char *tag)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor desc = RF_DESCRIPTOR_INIT;
    const struct rf_image *im = rf_desired_find(&g->s->last->desired, g->name, tag, NULL);
    if (rf_place_resolve(g->s->req->to, g->repo, tag, NULL, &desc, NULL) == 0)
        l->digest = desc.digest;
    else if (im != NULL)
        l->digest = im->digest;
}

static int resolve_job(void *ctx, size_t k, struct rf_err *err)
{
    struct stock *s = ctx;
    struct group *g = &s->groups[s->jobs[k].group];
    struct line *l = &g->lines[s->jobs[k].item];
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_err why = RF_ERR_INIT;
    const char *tag = text_of(s, l->tag);
    bool by_tag = tag[0] != '\0';
    int rc = rf_place_get_manifest(s->req->to, g->repo, by_tag ? tag : NULL,
                                   by_tag ? NULL : &l->digest, NULL, &m, &why);
    if (rc < 0 && !is_told(-rc))
        return could_not_tell(s, rf_fail(err, -rc, "%s", why.msg), err);
    if (rc < 0) {
        if (by_tag)
            name_broken(g, l, tag);
        if (rf_digest_is_set(&l->digest))
            l->reason = intern(s, why.msg);
        return 0;
    }
    if (by_tag && is_fallback(tag, m)) {
        l->digest = (struct rf_digest){ 0 };
        return 0;
    }
    l->digest = m->digest;
    l->size = m->body.len;
    l->media_type = intern(s, m->media_type);
    return 0;
}

/* ---- what is below them ---- */

static int fetch(void *ctx, const struct rf_graph *graph, uint32_t node, struct rf_manifest **out,
                 size_t **chosen, size_t *n_chosen, struct rf_err *err)
{
    const struct group *g = ctx;
    const struct rf_node *n = &graph->nodes[node];
    struct rf_manifest_expect expect = { .size = n->size,
                                         .media_type = rf_graph_media_type(graph, node) };
    (void)chosen;
    (void)n_chosen;
    return rf_place_get_manifest(g->s->req->to, g->repo, NULL, &n->digest, &expect, out, err);
}

static int walk_group(struct group *g, struct rf_err *err)
{
    struct stock *s = g->s;
    for (size_t i = 0; i < g->n; i++) {
        struct line *l = &g->lines[i];
        struct rf_err why = RF_ERR_INIT;
        if (!rf_digest_is_set(&l->digest) || l->reason != RF_NO_ID)
            continue;
        RF_CLEANUP(rf_freep) char *media_type = rf_xstrdup(text_of(s, l->media_type));
        struct rf_descriptor desc = { .digest = l->digest,
                                      .size = l->size,
                                      .media_type = media_type };
        if (rf_graph_add_root(&g->graph, &desc, 0, &l->root, &why) < 0)
            l->reason = intern(s, why.msg);
    }
    int rc = rf_graph_walk(&g->graph, s->req->parallel > 0 ? s->req->parallel : 4, err);
    for (size_t i = 0; rc == 0 && i < g->graph.n_nodes; i++) {
        const struct rf_node *n = &g->graph.nodes[i];
        if (n->error_code != 0 && !is_told(n->error_code))
            rc = could_not_tell(
                s, rf_fail(err, n->error_code, "%s", rf_strings_get(&g->graph.strings, n->error)),
                err);
    }
    return rc;
}

static void add_job(struct stock *s, size_t group, size_t item)
{
    s->jobs = rf_grow(s->jobs, s->n_jobs, &s->cap_jobs, sizeof(*s->jobs));
    s->jobs[s->n_jobs++] = (struct job){ (uint32_t)group, (uint32_t)item };
}

static void add_probes(struct stock *s, size_t group)
{
    struct group *g = &s->groups[group];
    g->absent = rf_xcalloc(g->graph.n_nodes + 1, sizeof(*g->absent));
    for (size_t i = 0; i < g->graph.n_nodes; i++)
        if (!rf_node_is_manifest(&g->graph.nodes[i]) && !g->graph.nodes[i].external)
            add_job(s, group, i);
}

static int probe_job(void *ctx, size_t k, struct rf_err *err)
{
    struct stock *s = ctx;
    struct group *g = &s->groups[s->jobs[k].group];
    const struct rf_node *n = &g->graph.nodes[s->jobs[k].item];
    int rc = rf_place_probe_blob(s->req->to, g->repo, &n->digest, n->size, RF_PROBE_RANGE, err);
    if (rc < 0 && !is_told(-rc))
        return could_not_tell(s, rc, err);
    g->absent[s->jobs[k].item] = rc < 0;
    return 0;
}

/* ---- what is whole ---- */

struct taking {
    struct group *g;
    struct rf_snapshot *to; /* NULL: only look whether it is whole */
    uint8_t *seen;          /* nodes that the line has already */
};

/* Told in the words of whoever reads the inventory on the other side. */
static int take_node(void *ctx, uint32_t node, struct rf_err *err)
{
    static const uint8_t kinds[] = {
        [RF_NODE_BLOB] = RF_BLOB_LAYER,
        [RF_NODE_CONFIG] = RF_BLOB_CONFIG,
        [RF_NODE_IMAGE] = RF_BLOB_MANIFEST,
        [RF_NODE_INDEX] = RF_BLOB_MANIFEST,
    };
    struct taking *t = ctx;
    const struct rf_node *n = &t->g->graph.nodes[node];
    const char *media_type = rf_graph_media_type(&t->g->graph, node);
    char text[RF_DIGEST_TEXT];
    bool manifest = rf_node_is_manifest(n);
    if (manifest && n->error_code != 0)
        return rf_fail(err, RFE_NOT_FOUND, "manifest %s: %s", rf_digest_text(&n->digest, text),
                       rf_strings_get(&t->g->graph.strings, n->error));
    if (!manifest && t->g->absent[node])
        return rf_fail(err, RFE_NOT_FOUND, "blob %s cannot be read",
                       rf_digest_text(&n->digest, text));
    if (t->to == NULL || n->external || t->seen[node])
        return 0;
    t->seen[node] = 1;
    if (!manifest && rf_media_is_manifest(media_type))
        media_type = "application/octet-stream"; /* as in bundles: a manifest's type means one */
    rf_snapshot_add_item(
        t->to, rf_snapshot_add_blob(t->to, &n->digest, n->size, media_type, kinds[n->kind]));
    return 0;
}

/* The children of an index that are whole, if any; `root` itself is. */
static size_t whole_children(struct group *g, uint32_t root, uint32_t *out)
{
    const struct rf_node *n = &g->graph.nodes[root];
    struct taking look = { .g = g };
    size_t count = 0;
    for (uint32_t e = 0; n->kind == RF_NODE_INDEX && n->error_code == 0 && e < n->n_edges; e++) {
        uint32_t child = g->graph.edges[n->first_edge + e];
        if (rf_graph_closure(&g->graph, child, take_node, &look, NULL) == 0)
            out[count++] = child;
    }
    return count;
}

static int add_image(struct group *g, const struct line *l, const uint32_t *children, size_t n,
                     struct rf_err *err)
{
    struct rf_snapshot *to = &g->s->out->snapshot;
    struct rf_strings *strings = &to->desired.strings;
    struct rf_image im = { .digest = l->digest, .size = l->size, .original = RF_NO_ID };
    RF_CLEANUP(rf_freep) uint8_t *seen = rf_xcalloc(g->graph.n_nodes + 1, 1);
    struct taking take = { .g = g, .to = to, .seen = seen };
    im.repository = rf_strings_add(strings, rf_slice_str(g->name));
    im.tag = rf_strings_add(strings, rf_slice_str(text_of(g->s, l->tag)));
    im.media_type = rf_strings_add(strings, rf_slice_str(text_of(g->s, l->media_type)));
    im.source = rf_strings_add(strings, rf_slice_str(""));
    im.status = RF_IMAGE_UNCHANGED;
    im.first_blob = (uint32_t)to->n_items;
    im.n_children = (uint32_t)n;
    im.first_child = (uint32_t)to->desired.n_digests;
    for (size_t i = 0; i < n; i++)
        (void)rf_desired_add_digests(&to->desired, &g->graph.nodes[children[i]].digest, 1);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = rf_graph_closure(&g->graph, children[i], take_node, &take, err);
    if (rc == 0)
        rc = n > 0 ? take_node(&take, l->root, err)
                   : rf_graph_closure(&g->graph, l->root, take_node, &take, err);
    im.n_blobs = (uint32_t)to->n_items - im.first_blob;
    if (rc == 0)
        rf_desired_add(&to->desired, &to->desired, &im);
    return rc;
}

static int enter_line(struct group *g, const struct line *l, struct rf_err *err)
{
    struct stock *s = g->s;
    const char *tag = text_of(s, l->tag);
    struct taking look = { .g = g };
    struct rf_err why = RF_ERR_INIT;
    if (!rf_digest_is_set(&l->digest))
        return 0;
    if (l->root == RF_NO_ID) {
        rf_inventory_add_unwhole(s->out, g->name, tag, &l->digest, text_of(s, l->reason));
        return 0;
    }
    int rc = rf_graph_closure(&g->graph, l->root, take_node, &look, &why);
    if (rc == 0)
        return add_image(g, l, NULL, 0, err);
    if (!is_told(-rc))
        return could_not_tell(s, rf_fail(err, -rc, "%s", why.msg), err);
    RF_CLEANUP(rf_freep)
    uint32_t *children = rf_xcalloc(g->graph.nodes[l->root].n_edges + 1, sizeof(*children));
    size_t n = whole_children(g, l->root, children);
    if (n > 0)
        return add_image(g, l, children, n, err);
    rf_inventory_add_unwhole(s->out, g->name, tag, &l->digest, why.msg);
    return 0;
}

/* ---- all of it ---- */

static void add_group(struct stock *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->groups[i].name, name) == 0)
            return;
    s->groups = rf_grow(s->groups, s->n, &s->cap, sizeof(*s->groups));
    s->groups[s->n++] = (struct group){
        .s = s,
        .name = name,
        .repo = s->req->prefix[0] == '\0' ? rf_xstrdup(name)
                                          : rf_xasprintf("%s/%s", s->req->prefix, name),
    };
}

/* Lines of the bundle stand in order of repository. */
static void add_groups(struct stock *s, const struct rf_inventory_scope *scope,
                       const struct rf_bundle *last)
{
    const struct rf_desired *d = &last->desired;
    for (size_t i = 0; i < scope->n; i++)
        add_group(s, scope->repositories[i]);
    for (size_t i = 0; scope->n == 0 && i < d->n; i++)
        if (i == 0 || d->images[i].repository != d->images[i - 1].repository)
            add_group(s, rf_desired_str(d, d->images[i].repository));
    for (size_t i = 0; i < s->n; i++)
        rf_graph_init(&s->groups[i].graph, fetch, &s->groups[i]);
}

static void add_untagged(struct stock *s, const struct rf_bundle *last)
{
    const struct rf_desired *d = &last->desired;
    for (size_t i = 0; i < d->n; i++) {
        const struct rf_image *im = &d->images[i];
        if (rf_desired_str(d, im->tag)[0] != '\0' || !rf_image_is_wanted(im))
            continue;
        for (size_t k = 0; k < s->n; k++)
            if (strcmp(s->groups[k].name, rf_desired_str(d, im->repository)) == 0)
                add_line(&s->groups[k], "")->digest = im->digest;
    }
}

static void tell_phase(const struct stock *s, const char *what)
{
    if (s->req->phase != NULL)
        s->req->phase(s->req->progress_ctx, what, 0);
}

static int take(struct stock *s, const struct rf_bundle *last, struct rf_err *err)
{
    unsigned threads = s->req->parallel > 0 ? s->req->parallel : 4;
    tell_phase(s, "listing tags");
    int rc = rf_parallel(threads, s->n, list_group, s, err);
    add_untagged(s, last);
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < s->groups[i].n; k++)
            add_job(s, i, k);
    if (rc == 0 && s->n_jobs == 0)
        rc = rf_ground_is_registry(s->req, err);
    tell_phase(s, "reading manifests");
    if (rc == 0)
        rc = rf_parallel(threads, s->n_jobs, resolve_job, s, err);
    s->n_jobs = 0;
    for (size_t i = 0; rc == 0 && i < s->n; i++) {
        rc = walk_group(&s->groups[i], err);
        add_probes(s, i);
    }
    tell_phase(s, "reading blobs");
    if (rc == 0)
        rc = rf_parallel(threads, s->n_jobs, probe_job, s, err);
    for (size_t i = 0; rc == 0 && i < s->n; i++)
        for (size_t k = 0; rc == 0 && k < s->groups[i].n; k++)
            rc = enter_line(&s->groups[i], &s->groups[i].lines[k], err);
    return rc;
}

/* A memory that is lost is told only when the scope depends on it. */
static int load_last(const struct rf_import_request *req, struct rf_bundle *last, bool *lost,
                     struct rf_err *err)
{
    RF_CLEANUP(rf_import_state_freep) struct rf_import_state *state = NULL;
    int rc = req->state_dir != NULL ? rf_import_state_open(req->state_dir, &state, err) : 0;
    if (rc < 0 || state == NULL)
        return rc;
    const struct rf_import_record *record = rf_import_state_last(state, req->to_name);
    struct rf_err why = RF_ERR_INIT;
    if (record == NULL)
        return 0;
    rc = rf_import_state_load_bundle(state, &record->id, last, &why);
    if (rc < 0) {
        rf_bundle_release(last);
        rf_bundle_init(last);
        *lost = true;
        rf_log(RF_LOG_WARN, "What the bundle applied last said cannot be read", "error", why.msg,
               NULL);
    }
    return 0;
}

static int check_scope(const struct rf_inventory_scope *scope, const struct rf_import_request *req,
                       const struct rf_bundle *last, bool lost, struct rf_err *err)
{
    for (size_t i = 0; i < scope->n; i++)
        if (!rf_repository_valid(rf_slice_str(scope->repositories[i])))
            return rf_fail(err, RFE_USAGE, "--repository %s: not a repository name",
                           scope->repositories[i]);
    if (last->site[0] != '\0' &&
        rf_import_state_check_site(req->state_dir, last->site, scope->site, err) < 0)
        return -RFE_USAGE;
    if (scope->n == 0 && last->desired.n == 0)
        return rf_fail(
            err, RFE_USAGE,
            lost
                ? "what the bundle applied to %s last brought cannot be read (see above), so its repositories are not known; name them with --repository, or apply that bundle again"
                : "no bundle is known to have been applied to %s, so its repositories are not known; name them with --repository, or check --site and --state",
            req->to_name);
    return 0;
}

int rf_inventory_take(const struct rf_import_request *req, const struct rf_inventory_scope *scope,
                      struct rf_inventory *out, struct rf_err *err)
{
    struct rf_bundle last;
    rf_bundle_init(&last);
    bool lost = false;
    int rc = load_last(req, &last, &lost, err);
    if (rc == 0)
        rc = check_scope(scope, req, &last, lost, err);
    if (rc == 0) {
        RF_CLEANUP(stock_release)
        struct stock s = { .req = req,
                           .last = &last,
                           .out = out,
                           .named = scope->n > 0,
                           .lock = PTHREAD_MUTEX_INITIALIZER };
        const char *site = scope->site != NULL    ? scope->site
                           : last.site[0] != '\0' ? last.site
                                                  : "site";
        char now[32];
        rf_strings_init(&s.strings);
        memcpy(out->snapshot.site, site, strlen(site) + 1);
        out->destination = rf_text_safe_dup(rf_slice_str(req->to_name), RF_COMPANION_NAME_MAX / 4);
        out->time = rf_xstrdup(rf_text_time(time(NULL), now));
        out->tool = rf_xstrdup("regimport " RF_VERSION);
        add_groups(&s, scope, &last);
        rc = take(&s, &last, err);
    }
    rf_bundle_release(&last);
    return rc;
}
