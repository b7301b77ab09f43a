/* SPDX-License-Identifier: Apache-2.0 */
#include "base/idmap.h"
#include "base/mem.h"
#include "base/text.h"
#include "regclient/image_import_private.h"

#define ANNOTATION_IMAGE_NAME "io.containerd.image.name"
#define NODES_MAX 1000000u
#define NAMES_SHOWN 10u /* in a message */

/* ---- which image ---- */

static int fail_choice(const struct rf_importer *x, const struct rf_oci_index *index,
                       const char *want, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf all;
    rf_buf_init(&all, 0);
    size_t shown = 0;
    for (size_t i = 0; i < index->n && shown < NAMES_SHOWN; i++) {
        if (index->entries[i].name == NULL)
            continue;
        rf_buf_add_str(&all, shown++ > 0 ? ", " : "");
        rf_text_safe(&all, rf_slice_str(index->entries[i].name), RF_IMPORT_SHOWN);
    }
    RF_CLEANUP(rf_freep) char *safe = rf_text_safe_dup(rf_slice_str(want), RF_IMPORT_SHOWN);
    int rc = rf_fail(err, RFE_NOT_FOUND, "%s: could not find requested tag in index.json, %s",
                     x->file, safe);
    if (shown == 0)
        return rf_hint(err, rc, "its images have no names; ask for one by its digest");
    return rf_hint(err, rc, "it has %s%s", all.ptr, shown == NAMES_SHOWN ? ", ..." : "");
}

/* The one digest whose entry fits; -RFE_AMBIGUOUS when several do, -RFE_NOT_FOUND without a message when none does. */
static int only_match(const struct rf_importer *x, const struct rf_oci_index *index,
                      const char *want,
                      bool (*fits)(const struct rf_oci_index *, size_t, const char *), size_t *out,
                      struct rf_err *err)
{
    size_t found = index->n;
    for (size_t i = 0; i < index->n; i++) {
        if (!fits(index, i, want))
            continue;
        if (found == index->n)
            found = i;
        else if (!rf_digest_eq(&index->entries[found].digest, &index->entries[i].digest)) {
            RF_CLEANUP(rf_freep)
            char *safe = rf_text_safe_dup(rf_slice_str(want), RF_IMPORT_SHOWN);
            return rf_hint(err,
                           rf_fail(err, RFE_AMBIGUOUS, "%s: several images of index.json fit %s",
                                   x->file, safe),
                           "say which one by its whole name, or by its digest");
        }
    }
    if (found == index->n)
        return -RFE_NOT_FOUND;
    *out = found;
    return 0;
}

static bool fits_ref_name(const struct rf_oci_index *index, size_t i, const char *want)
{
    return index->entries[i].name != NULL && strcmp(index->entries[i].name, want) == 0;
}

/* "repository:tag" as a name, and only the tag is wanted. */
static bool fits_tag_of_name(const struct rf_oci_index *index, size_t i, const char *want)
{
    const char *name = index->entries[i].name;
    size_t repo_len = 0;
    return name != NULL && strcmp(rf_oci_name_tag(name, &repo_len), want) == 0;
}

static bool fits_image_name(const struct rf_oci_index *index, size_t i, const char *want)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    if (rf_oci_index_descriptor(index, i, &d, NULL) < 0)
        return false;
    const char *name = rf_descriptor_annotation(&d, ANNOTATION_IMAGE_NAME);
    return (name != NULL && rf_image_name_eq(name, want)) ||
           (index->entries[i].name != NULL && rf_image_name_eq(index->entries[i].name, want));
}

/* *chosen = index->n: by the target's digest, which index.json does not list. */
static int choose(const struct rf_importer *x, const struct rf_oci_index *index, size_t *chosen,
                  struct rf_err *err)
{
    const struct rf_import_target *t = x->target;
    bool (*const ways[])(const struct rf_oci_index *, size_t, const char *) = {
        fits_ref_name, x->opts->name != NULL ? fits_image_name : fits_tag_of_name
    };
    const char *want = x->opts->name != NULL ? x->opts->name : t->tag;
    if (index->n == 1 &&
        (t->digest == NULL || rf_digest_eq(t->digest, &index->entries[0].digest))) {
        *chosen = 0;
        return 0;
    }
    if (t->digest != NULL) {
        *chosen = rf_oci_index_find_digest(index, t->digest);
        return 0;
    }
    if (index->n == 0)
        return rf_fail(err, RFE_NOT_FOUND, "%s: index.json lists no image", x->file);
    if (want == NULL)
        want = "latest";
    for (size_t i = 0; i < RF_ARRAY_LEN(ways); i++) {
        int rc = only_match(x, index, want, ways[i], chosen, err);
        if (rc != -RFE_NOT_FOUND)
            return rc;
    }
    return fail_choice(x, index, want, err);
}

/* ---- what hangs below it ---- */

struct node {
    struct rf_digest digest;
    uint64_t size;    /* UINT64_MAX: not known */
    char *media_type; /* or NULL */
    size_t member;
    bool is_manifest; /* somebody names it as one */
    bool external;    /* everybody names it as a layer with urls */
    bool listed;      /* in the importer's list already */
    unsigned depth;
    struct rf_manifest *manifest; /* once read */
};

struct closure {
    struct rf_importer *x;
    struct node *nodes; /* the image itself first */
    size_t n, cap;
    struct rf_idmap by_digest;
    uint64_t manifest_bytes;
};

static struct rf_slice digest_key(const struct rf_digest *d)
{
    return rf_slice_of(d, offsetof(struct rf_digest, bytes) + d->len);
}

static struct rf_slice node_key(const void *ctx, uint32_t id)
{
    return digest_key(&((const struct closure *)ctx)->nodes[id].digest);
}

static void closure_release(struct closure *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->nodes[i].media_type);
        rf_manifest_free(c->nodes[i].manifest);
    }
    free(c->nodes);
    rf_idmap_release(&c->by_digest);
}

static int fail_sizes(const struct closure *c, const struct rf_digest *d, uint64_t a, uint64_t b,
                      struct rf_err *err)
{
    char text[RF_DIGEST_TEXT];
    return rf_fail(err, RFE_AMBIGUOUS, "%s: %s has two sizes, %llu and %llu", c->x->file,
                   rf_digest_text(d, text), (unsigned long long)a, (unsigned long long)b);
}

static int add_node(struct closure *c, const struct rf_descriptor *d, bool is_manifest,
                    bool external, unsigned depth, struct rf_err *err)
{
    uint32_t id = rf_idmap_find(&c->by_digest, digest_key(&d->digest));
    if (id != RF_NO_ID) {
        struct node *n = &c->nodes[id];
        if (n->size != UINT64_MAX && n->size != d->size)
            return fail_sizes(c, &d->digest, n->size, d->size, err);
        n->is_manifest |= is_manifest;
        n->external &= external;
        if (is_manifest && n->media_type == NULL)
            n->media_type = rf_xstrdup(d->media_type);
        return 0;
    }
    if (c->n == NODES_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "%s: more than %u manifests and blobs", c->x->file,
                       NODES_MAX);
    c->nodes = rf_grow(c->nodes, c->n, &c->cap, sizeof(*c->nodes));
    c->nodes[c->n] = (struct node){ .digest = d->digest,
                                    .size = d->size,
                                    .media_type = is_manifest ? rf_xstrdup(d->media_type) : NULL,
                                    .is_manifest = is_manifest,
                                    .external = external,
                                    .depth = depth };
    rf_idmap_add(&c->by_digest, (uint32_t)c->n++);
    return 0;
}

static int add_children(struct closure *c, const struct rf_manifest *m, unsigned depth,
                        struct rf_err *err)
{
    bool index = m->kind == RF_KIND_INDEX;
    int rc = index ? 0 : add_node(c, &m->config, false, false, depth, err);
    for (size_t i = 0; rc == 0 && i < m->n_entries; i++) {
        const struct rf_descriptor *d = &m->entries[i];
        rc = add_node(c, d, index && rf_media_is_manifest(d->media_type), !index && d->n_urls > 0,
                      depth, err);
    }
    return rc;
}

/* ---- reading it ---- */

static int find_member(struct closure *c, struct node *n, struct rf_err *err)
{
    char hex[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_freep)
    char *name = rf_xasprintf("blobs/%s/%s", rf_digest_algo_name(n->digest.algo),
                              rf_digest_hex(&n->digest, hex));
    uint64_t size = 0;
    int rc = rf_image_tar_find(c->x->tar, name, &n->member, &size, err);
    if (rc < 0)
        return rc;
    if (n->size == UINT64_MAX)
        n->size = size;
    if (n->size != size)
        return rf_fail(err, RFE_SIZE_MISMATCH, "%s: %s: want %llu bytes, the member has %llu",
                       c->x->file, name, (unsigned long long)n->size, (unsigned long long)size);
    return 0;
}

static int fail_depth(const struct closure *c, const struct node *n, struct rf_err *err)
{
    char text[RF_DIGEST_TEXT];
    return rf_fail(err, RFE_TOO_LARGE, "%s: %s: more than %d indexes inside each other", c->x->file,
                   rf_digest_text(&n->digest, text), RF_INDEX_DEPTH_MAX);
}

static int load(struct closure *c, size_t id, struct rf_err *err)
{
    struct node *n = &c->nodes[id];
    char text[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    rf_buf_init(&body, RF_MANIFEST_MAX);
    if (n->depth > RF_INDEX_DEPTH_MAX)
        return fail_depth(c, n, err);
    int rc = rf_image_tar_read(c->x->tar, n->member, RF_MANIFEST_MAX, &body, err);
    if (rc < 0)
        return rc;
    c->manifest_bytes += body.len;
    if (c->manifest_bytes > RF_IMPORT_MANIFESTS_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "%s: manifests of more than %u bytes together",
                       c->x->file, RF_IMPORT_MANIFESTS_MAX);
    struct rf_manifest_expect expect = { .digest = &n->digest, .media_type = n->media_type };
    struct rf_manifest *m = NULL;
    rc = rf_manifest_parse(rf_buf_slice(&body), &expect, &m, err);
    if (rc < 0)
        return rf_wrap(err, rc, "%s: manifest %s", c->x->file, rf_digest_text(&n->digest, text));
    n->manifest = m;
    return add_children(c, m, n->depth + 1, err);
}

struct place_in_tar {
    size_t node, member;
};

static int by_member(const void *a, const void *b)
{
    const struct place_in_tar *x = a, *y = b;
    return x->member < y->member ? -1 : x->member > y->member;
}

/* One level: all manifests that are known and not read, in file order. Returns how many there were. */
static int load_level(struct closure *c, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) struct place_in_tar *todo = rf_xcalloc(c->n, sizeof(*todo));
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        struct node *node = &c->nodes[i];
        if (!node->is_manifest || node->manifest != NULL)
            continue;
        int rc = find_member(c, node, err);
        if (rc == -RFE_NOT_FOUND && i > 0)
            return rf_hint(err, rc,
                           "the file holds only a part of this index; a platform that is "
                           "in it can be imported by its digest");
        if (rc < 0)
            return rc;
        todo[n++] = (struct place_in_tar){ i, node->member };
    }
    qsort(todo, n, sizeof(*todo), by_member);
    for (size_t i = 0; i < n; i++) {
        int rc = load(c, todo[i].node, err);
        if (rc < 0)
            return rc;
    }
    return (int)n;
}

static int list_blobs(struct closure *c, struct rf_err *err)
{
    for (size_t i = 0; i < c->n; i++) {
        struct node *n = &c->nodes[i];
        if (n->is_manifest)
            continue;
        int rc = find_member(c, n, err);
        if (rc == -RFE_NOT_FOUND && n->external)
            continue;
        if (rc < 0)
            return rc;
        struct rf_import_blob b = { .digest = n->digest, .size = n->size, .member = n->member };
        rf_import_add_blob(c->x, &b);
    }
    return 0;
}

/* Children before parents. A digest cannot be below itself, but a chain of many that the image names as well would be deep. */
static int list_manifests(struct closure *c, size_t id, unsigned depth, struct rf_err *err)
{
    struct node *n = &c->nodes[id];
    int rc = 0;
    if (n->listed)
        return 0;
    if (depth > RF_INDEX_DEPTH_MAX)
        return fail_depth(c, n, err);
    n->listed = true;
    for (size_t i = 0; n->manifest->kind == RF_KIND_INDEX && i < n->manifest->n_entries; i++) {
        uint32_t child = rf_idmap_find(&c->by_digest, digest_key(&n->manifest->entries[i].digest));
        if (rc == 0 && c->nodes[child].is_manifest)
            rc = list_manifests(c, child, depth + 1, err);
    }
    if (rc == 0)
        rf_import_add_manifest(c->x, RF_STEAL(n->manifest));
    return rc;
}

int rf_import_oci(struct rf_importer *x, const struct rf_oci_index *index, struct rf_err *err)
{
    RF_CLEANUP(closure_release) struct closure c = { .x = x };
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor root = RF_DESCRIPTOR_INIT;
    size_t chosen = 0;
    rf_idmap_init(&c.by_digest, node_key, &c);
    int rc = choose(x, index, &chosen, err);
    if (rc == 0 && chosen < index->n)
        rc = rf_oci_index_descriptor(index, chosen, &root, err);
    if (rc < 0)
        return rc;
    if (chosen == index->n)
        root = (struct rf_descriptor){ .digest = *x->target->digest, .size = UINT64_MAX };
    rc = add_node(&c, &root, true, false, 0, err);
    while (rc >= 0) {
        rc = load_level(&c, err);
        if (rc == 0)
            break;
    }
    if (rc == 0)
        rc = list_blobs(&c, err);
    return rc < 0 ? rc : list_manifests(&c, 0, 0, err);
}
