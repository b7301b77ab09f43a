/* SPDX-License-Identifier: Apache-2.0 */
#include "export/bases.h"

#include "base/log.h"
#include "base/mem.h"
#include "export/build.h"
#include "export/record.h"
#include "layout/bundle_file.h"
#include "layout/graph.h"

void rf_bases_free(struct rf_snapshot **bases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        rf_snapshot_release(bases[i]);
        free(bases[i]);
    }
    free(bases);
}

struct bases {
    struct rf_snapshot **list;
    size_t n, cap;
};

static void bases_release(struct bases *b)
{
    rf_bases_free(b->list, b->n);
}

static void keep(struct bases *b, struct rf_snapshot *s)
{
    for (size_t i = 0; i < b->n; i++) {
        if (rf_digest_eq(&b->list[i]->id, &s->id)) {
            rf_snapshot_release(s);
            free(s);
            return;
        }
    }
    b->list = rf_grow(b->list, b->n, &b->cap, sizeof(struct rf_snapshot *));
    b->list[b->n++] = s;
}

static int load_digest(struct rf_export_state *state, const struct rf_digest *id, struct bases *b,
                       struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_export_state_snapshot_path(state, id);
    struct rf_snapshot *s = rf_xcalloc(1, sizeof(*s));
    rf_snapshot_init(s);
    int rc = rf_snapshot_load(s, path, err);
    if (rc == 0 && !rf_digest_eq(&s->id, id))
        rc = rf_fail(err, RFE_INVALID, "%s: it is not the snapshot that its name says", path);
    if (rc < 0) {
        rf_snapshot_release(s);
        free(s);
        return rc;
    }
    keep(b, s);
    return 0;
}

/* ---- a bundle file as a base: what it carries, image by image ---- */

struct from_bundle {
    struct rf_bundle_file *file;
    struct rf_snapshot *to;
    const struct rf_graph *g;
};

static int fetch_member(void *ctx, const struct rf_graph *g, uint32_t node,
                        struct rf_manifest **out, size_t **chosen, size_t *n_chosen,
                        struct rf_err *err)
{
    struct from_bundle *f = ctx;
    (void)chosen;
    (void)n_chosen;
    return rf_place_get_manifest(rf_bundle_file_place(f->file), "", NULL, &g->nodes[node].digest,
                                 NULL, out, err);
}

/* Only what the bundle lists is known to be on the far side: children that were not chosen are not. */
static int keep_node(void *ctx, uint32_t node, struct rf_err *err)
{
    struct from_bundle *f = ctx;
    const struct rf_bundle_blob *blob =
        rf_bundle_find(rf_bundle_file_doc(f->file), &f->g->nodes[node].digest);
    (void)err;
    if (blob == NULL)
        return 0;
    const char *media_type =
        rf_desired_str(&rf_bundle_file_doc(f->file)->desired, blob->media_type);
    rf_snapshot_add_item(
        f->to, rf_snapshot_add_blob(f->to, &blob->digest, blob->size, media_type, blob->kind));
    return 0;
}

static int add_root(struct rf_graph *g, const struct rf_desired *d, const struct rf_image *im,
                    uint32_t *root, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *media_type = rf_xstrdup(rf_desired_str(d, im->media_type));
    struct rf_descriptor desc = { .digest = im->digest,
                                  .size = im->size,
                                  .media_type = media_type };
    return rf_graph_add_root(g, &desc, 0, root, err);
}

static int add_bundle_line(struct from_bundle *f, uint32_t root, const struct rf_image *im,
                           struct rf_err *err)
{
    const struct rf_desired *d = &rf_bundle_file_doc(f->file)->desired;
    if (f->g->nodes[root].error_code != 0)
        return 0; /* assumed, not carried: nothing more is known of it here */
    size_t at = rf_desired_add(&f->to->desired, d, im);
    f->to->desired.images[at].first_blob = (uint32_t)f->to->n_items;
    int rc = rf_graph_closure(f->g, root, keep_node, f, err);
    f->to->desired.images[at].n_blobs =
        (uint32_t)f->to->n_items - f->to->desired.images[at].first_blob;
    return rc;
}

static int fill_from_bundle(struct from_bundle *f, struct rf_graph *g, struct rf_err *err)
{
    const struct rf_desired *d = &rf_bundle_file_doc(f->file)->desired;
    RF_CLEANUP(rf_freep) uint32_t *roots = rf_xcalloc(d->n + 1, sizeof(*roots));
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < d->n; i++)
        if (rf_image_travels(&d->images[i]))
            rc = add_root(g, d, &d->images[i], &roots[i], err);
    if (rc == 0)
        rc = rf_graph_walk(g, 1, err);
    for (size_t i = 0; rc == 0 && i < d->n; i++)
        if (rf_image_travels(&d->images[i]))
            rc = add_bundle_line(f, roots[i], &d->images[i], err);
    return rc;
}

static int snapshot_of_bundle(struct rf_bundle_file *file, struct rf_snapshot *to,
                              struct rf_err *err)
{
    const struct rf_bundle *doc = rf_bundle_file_doc(file);
    struct rf_graph g;
    struct from_bundle f = { .file = file, .to = to, .g = &g };
    memcpy(to->site, doc->site, sizeof(to->site));
    rf_graph_init(&g, fetch_member, &f);
    int rc = fill_from_bundle(&f, &g, err);
    rf_graph_release(&g);
    if (rc == 0)
        rc = rf_snapshot_seal(to, err);
    if (rc == 0)
        to->id = doc->snapshot;
    return rc;
}

/* ---- what came back from the site ---- */

static void free_snapshot(struct rf_snapshot *s)
{
    rf_snapshot_release(s);
    free(s);
}

/* The whole images of an inventory become a snapshot of their own. */
static void keep_inventory(struct bases *b, const struct rf_inventory *v)
{
    struct rf_snapshot *s = rf_xcalloc(1, sizeof(*s));
    rf_snapshot_init(s);
    s->stock = true;
    memcpy(s->site, v->snapshot.site, sizeof(s->site));
    for (size_t i = 0; i < v->snapshot.desired.n; i++)
        rf_snapshot_copy_line(s, &v->snapshot, &v->snapshot.desired.images[i], RF_IMAGE_UNCHANGED);
    s->id = v->snapshot.id;
    keep(b, s);
}

static int load_inventory(const struct rf_export_state *state, const char *path, struct bases *b,
                          struct rf_err *err)
{
    RF_CLEANUP(rf_inventory_release) struct rf_inventory v;
    rf_inventory_init(&v);
    int rc = rf_inventory_load(&v, path, err);
    if (rc < 0)
        return rf_wrap(err, rc, "base");
    if (strcmp(v.snapshot.site, state->site) != 0)
        return rf_fail(err, RFE_REFUSED,
                       "base %s: it is an inventory of site %s, not of %s; check --site", path,
                       v.snapshot.site, state->site);
    keep_inventory(b, &v);
    return 0;
}

/* The snapshot of the last bundle that a receipt confirms, less what the destination refused. */
static int load_confirmed(struct rf_export_state *state, struct bases *b, struct rf_err *err)
{
    RF_CLEANUP(rf_receipt_release) struct rf_receipt receipt;
    const struct rf_export_record *record = NULL;
    struct rf_snapshot *whole = rf_xcalloc(1, sizeof(*whole)), *s = rf_xcalloc(1, sizeof(*s));
    rf_snapshot_init(whole);
    rf_snapshot_init(s);
    rf_receipt_init(&receipt);
    int rc = rf_export_confirmed(state, &record, &receipt, err);
    if (rc == 0) {
        RF_CLEANUP(rf_freep) char *path = rf_export_state_snapshot_path(state, &record->snapshot);
        rc = rf_snapshot_load(whole, path, err);
    }
    const struct rf_desired *d = &whole->desired;
    for (size_t i = 0; rc == 0 && i < d->n; i++) {
        const struct rf_image *im = &d->images[i];
        const struct rf_receipt_image *got = rf_receipt_find(
            &receipt, rf_desired_str(d, im->repository), rf_desired_str(d, im->tag), &im->digest);
        if (got != NULL && got->by == RF_NO_ID && rf_digest_eq(&got->image.digest, &im->digest))
            rf_snapshot_copy_line(s, whole, im, im->status);
    }
    memcpy(s->site, whole->site, sizeof(s->site));
    if (rc == 0)
        rc = rf_snapshot_seal(s, err);
    free_snapshot(whole);
    if (rc < 0) {
        free_snapshot(s);
        return rf_wrap(err, rc, "base confirmed");
    }
    keep(b, s);
    return 0;
}

/* 1 when the inventories that were taken in have one that begins so. */
static int load_recorded(const struct rf_export_state *state, const char *hex, struct bases *b,
                         struct rf_err *err)
{
    RF_CLEANUP(rf_inventory_release) struct rf_inventory v;
    RF_CLEANUP(rf_freep) struct rf_digest *list = NULL;
    size_t n = 0, hits = 0, hit = 0;
    char text[RF_DIGEST_TEXT];
    rf_inventory_init(&v);
    int rc = rf_export_inventories(state, &list, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (strncmp(rf_digest_hex(&list[i], text), hex, strlen(hex)) != 0)
            continue;
        hit = i;
        hits++;
    }
    if (rc == 0 && hits > 1)
        rc = rf_fail(err, RFE_AMBIGUOUS, "base %s: several inventories begin so; give more of it",
                     hex);
    if (rc == 0 && hits == 1)
        rc = rf_export_inventory(state, &list[hit], &v, err);
    if (rc < 0 || hits == 0)
        return rc;
    keep_inventory(b, &v);
    return 1;
}

static int load_file(struct rf_export_state *state, const char *path, struct bases *b,
                     struct rf_err *err)
{
    enum rf_companion_kind kind;
    if (rf_companion_detect(path, &kind, NULL) == 0 && kind == RF_COMPANION_INVENTORY)
        return load_inventory(state, path, b, err);
    RF_CLEANUP(rf_bundle_file_freep) struct rf_bundle_file *file = NULL;
    struct rf_err unused = RF_ERR_INIT;
    int rc = rf_bundle_file_open(path, &file, err);
    if (rc < 0)
        return rf_hint(
            err, rf_wrap(err, rc, "base"),
            "--base takes a snapshot, bundle or inventory of the history (8 hexadecimal digits or more of it), the file of a bundle or inventory, or confirmed");
    const struct rf_bundle *doc = rf_bundle_file_doc(file);
    if (load_digest(state, &doc->snapshot, b, &unused) == 0)
        return 0; /* the history knows more than the file */
    struct rf_snapshot *s = rf_xcalloc(1, sizeof(*s));
    rf_snapshot_init(s);
    rc = snapshot_of_bundle(file, s, err);
    if (rc < 0) {
        rf_snapshot_release(s);
        free(s);
        return rf_wrap(err, rc, "base %s", path);
    }
    if (doc->n_bases > 0)
        rf_log(
            RF_LOG_WARN,
            "The base is an incremental bundle that this history does not know; only what it carries itself counts as there",
            "base", path, NULL);
    keep(b, s);
    return 0;
}

static bool is_hex(const char *s)
{
    return s[0] != '\0' && s[strspn(s, "0123456789abcdef")] == '\0';
}

/* A snapshot, or the bundle that led to it, by at least 8 hex digits. */
static int load_named(struct rf_export_state *state, const char *name, struct bases *b,
                      struct rf_err *err)
{
    const char *hex = strncmp(name, "sha256:", 7) == 0 ? name + 7 : name;
    const struct rf_digest *hit = NULL;
    char text[RF_DIGEST_TEXT];
    if (strcmp(name, "confirmed") == 0)
        return load_confirmed(state, b, err);
    if (!is_hex(hex) || strlen(hex) < 8)
        return load_file(state, name, b, err);
    for (size_t i = 0; i < state->n; i++) {
        const struct rf_export_record *r = &state->records[i];
        if (strncmp(rf_digest_hex(&r->snapshot, text), hex, strlen(hex)) != 0 &&
            strncmp(rf_digest_hex(&r->id, text), hex, strlen(hex)) != 0)
            continue;
        if (hit != NULL && !rf_digest_eq(hit, &r->snapshot))
            return rf_fail(err, RFE_AMBIGUOUS,
                           "base %s: several snapshots or bundles begin so; give more of it", name);
        hit = &r->snapshot;
    }
    if (hit == NULL) {
        int found = load_recorded(state, hex, b, err);
        if (found != 0)
            return found < 0 ? found : 0;
    }
    if (hit == NULL)
        return rf_fail(
            err, RFE_NOT_FOUND,
            "base %s: no such snapshot or bundle in the history of site %s; see regexport history",
            name, state->site);
    int rc = load_digest(state, hit, b, err);
    return rc < 0 ? rf_hint(err, rf_wrap(err, rc, "base %s", name),
                            "name another base, or the bundle's file, or use --full")
                  : 0;
}

/* ---- all of a request ---- */

/* One more than the number of the last record of this snapshot; 0 = the history does not know it. */
static size_t recency(const struct rf_export_state *state, const struct rf_snapshot *s)
{
    for (size_t i = state->n; i > 0; i--)
        if (rf_digest_eq(&state->records[i - 1].snapshot, &s->id))
            return i;
    return 0;
}

/* The newest first, whatever the order of the arguments: where bases differ, the newest is what the site has. */
static int compare_bases(const void *a, const void *b, void *ctx)
{
    const struct rf_snapshot *x = *(struct rf_snapshot *const *)a,
                             *y = *(struct rf_snapshot *const *)b;
    size_t m = recency(ctx, x), n = recency(ctx, y);
    if (m != n)
        return m > n ? -1 : 1;
    return rf_digest_cmp(&x->id, &y->id);
}

static void hand_over(struct bases *b, struct rf_export_state *state, struct rf_snapshot ***out,
                      size_t *n)
{
    if (b->n > 1)
        qsort_r(b->list, b->n, sizeof(struct rf_snapshot *), compare_bases, state);
    *n = b->n;
    b->n = 0;
    *out = RF_STEAL(b->list);
}

int rf_bases_load(const struct rf_export_request *req, struct rf_export_state *state,
                  struct rf_snapshot ***out, size_t *n, struct rf_err *err)
{
    RF_CLEANUP(bases_release) struct bases b = { 0 };
    if (req->n_bases > RF_BUNDLE_BASES_MAX)
        return rf_fail(err, RFE_USAGE, "--base is given %zu times, at most %u are possible",
                       req->n_bases, RF_BUNDLE_BASES_MAX);
    for (size_t i = 0; i < req->n_bases; i++) {
        int rc = load_named(state, req->bases[i], &b, err);
        if (rc < 0)
            return rc;
    }
    const struct rf_export_record *last = rf_export_state_last(state);
    if (!req->full && req->n_bases == 0 && last != NULL) {
        struct rf_err why = RF_ERR_INIT;
        if (load_digest(state, &last->snapshot, &b, &why) < 0)
            rf_log(RF_LOG_WARN,
                   "The snapshot last exported cannot be read; this bundle will be a full one",
                   "error", why.msg, NULL);
    }
    hand_over(&b, state, out, n);
    return 0;
}

int rf_bases_load_for(const struct rf_bundle *bundle, struct rf_export_state *state,
                      struct rf_snapshot ***out, size_t *n, struct rf_err *err)
{
    RF_CLEANUP(bases_release) struct bases b = { 0 };
    for (size_t i = 0; i < bundle->n_bases; i++) {
        int rc = load_digest(state, &bundle->bases[i], &b, err);
        if (rc < 0)
            return rc;
    }
    hand_over(&b, state, out, n);
    return 0;
}
