/* SPDX-License-Identifier: Apache-2.0 */
/* What tags go back to is checked like images that did not change: every manifest is got, of every blob a byte is read. */
#include "base/mem.h"
#include "import/rollback.h"
#include "import/run.h"
#include "import/standing.h"

/* So many bundles that were applied here are asked which children of an index they brought, the last ones. */
#define BUNDLES_MAX 64u

/* It is to have this image in the end. Where it has it already, it may have lost what it needs. */
static bool ends_at_image(const struct rf_back_tag *t)
{
    return t->fate == RF_BACK_MOVE || (t->fate == RF_BACK_RIGHT && rf_digest_is_set(&t->was));
}

static void lacks(struct rf_back_tag *t, const char *reason)
{
    t->fate = RF_BACK_LACKING;
    if (t->reason == NULL)
        t->reason = rf_xstrdup(reason);
}

static const char *name_in_bundle(const struct rf_rollback *b, const char *repository)
{
    size_t n = strlen(b->req->prefix);
    return n > 0 && strncmp(repository, b->req->prefix, n) == 0 && repository[n] == '/'
               ? repository + n + 1
               : repository;
}

/* The line of a bundle that brought this says of an index which of its children came. */
static bool add_line(const struct rf_rollback *b, const struct rf_back_tag *t,
                     const struct rf_bundle *doc, struct rf_desired *out)
{
    const struct rf_image *line =
        rf_desired_find(&doc->desired, name_in_bundle(b, t->repository), t->tag, NULL);
    if (line == NULL || !rf_digest_eq(&line->digest, &t->was) || !rf_image_is_wanted(line))
        return false;
    size_t at = rf_desired_add(out, &doc->desired, line);
    struct rf_image *im = &out->images[at];
    im->repository = rf_strings_add(&out->strings, rf_slice_str(t->repository));
    im->status = RF_IMAGE_UNCHANGED;
    im->size = 0;
    return true;
}

static void add_lines(const struct rf_rollback *b, bool *known, struct rf_desired *out)
{
    const struct rf_way_back *w = &b->way;
    size_t looked = 0, left = 0;
    for (size_t k = 0; k < w->n_tags; k++)
        left += ends_at_image(&w->tags[k]);
    for (size_t i = b->state->n; i > 0 && left > 0 && looked < BUNDLES_MAX; i--) {
        struct rf_bundle doc;
        if (strcmp(b->state->records[i - 1].to, b->req->to_name) != 0)
            continue;
        rf_bundle_init(&doc);
        if (rf_import_state_load_bundle(b->state, &b->state->records[i - 1].id, &doc, NULL) == 0) {
            for (size_t k = 0; k < w->n_tags; k++) {
                if (known[k] || !ends_at_image(&w->tags[k]))
                    continue;
                known[k] = add_line(b, &w->tags[k], &doc, out);
                left -= known[k];
            }
        }
        rf_bundle_release(&doc);
        looked++;
    }
}

/* Of an index that no bundle brought, those children count that are there. */
static int add_children(const struct rf_rollback *b, const struct rf_back_tag *t,
                        const struct rf_manifest *m, struct rf_desired *out, struct rf_image *im,
                        struct rf_err *err)
{
    RF_CLEANUP(rf_freep) struct rf_digest *list = rf_xcalloc(m->n_entries + 1, sizeof(*list));
    size_t n = 0, manifests = 0;
    for (size_t i = 0; i < m->n_entries; i++) {
        RF_CLEANUP(rf_manifest_freep) struct rf_manifest *child = NULL;
        struct rf_err why = RF_ERR_INIT;
        if (!rf_media_is_manifest(m->entries[i].media_type))
            continue;
        manifests++;
        int rc = rf_place_get_manifest(b->req->to, t->repository, NULL, &m->entries[i].digest, NULL,
                                       &child, &why);
        if (rc == 0)
            list[n++] = m->entries[i].digest;
        else if (rf_run_ends(rc))
            return rf_fail(err, -rc, "%s", why.msg);
    }
    if (n == 0 || n == manifests)
        return 0; /* all of them have to be there, and what is missing is found */
    im->first_child = rf_desired_add_digests(out, list, n);
    im->n_children = (uint32_t)n;
    return 0;
}

static int add_unknown(const struct rf_rollback *b, struct rf_back_tag *t, struct rf_desired *out,
                       struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_err why = RF_ERR_INIT;
    struct rf_image im = { .digest = t->was, .status = RF_IMAGE_UNCHANGED, .original = RF_NO_ID };
    int rc = rf_place_get_manifest(b->req->to, t->repository, NULL, &t->was, NULL, &m, &why);
    if (rc < 0 && rf_run_ends(rc))
        return rf_fail(err, -rc, "%s", why.msg);
    if (rc < 0) {
        lacks(t, why.msg);
        return 0;
    }
    im.repository = rf_strings_add(&out->strings, rf_slice_str(t->repository));
    im.tag = rf_strings_add(&out->strings, rf_slice_str(t->tag));
    im.media_type = rf_strings_add(&out->strings, rf_slice_str(m->media_type));
    im.source = rf_strings_add(&out->strings, rf_slice_str(""));
    if (m->kind == RF_KIND_INDEX)
        rc = add_children(b, t, m, out, &im, err);
    if (rc == 0)
        (void)rf_desired_add(out, out, &im);
    return rc;
}

static void judge(const struct rf_rollback *b, const struct rf_import_run *run)
{
    const struct rf_desired *d = &run->doc->desired;
    for (size_t i = 0; i < run->n_missing; i++) {
        const struct rf_missing *m = &run->missing[i];
        const struct rf_image *im = &d->images[m->image];
        struct rf_back_tag *t =
            rf_way_back_tag(&b->way, rf_desired_str(d, im->repository), rf_desired_str(d, im->tag));
        char text[RF_DIGEST_TEXT];
        RF_CLEANUP(rf_freep)
        char *reason = rf_xasprintf("%s %s is missing", m->manifest ? "manifest" : "blob",
                                    rf_digest_text(&m->digest, text));
        if (t != NULL)
            lacks(t, reason);
    }
}

static int look(struct rf_rollback *b, struct rf_bundle *doc, struct rf_err *err)
{
    struct rf_import_request req = *b->req;
    struct rf_import_run run = { .req = &req, .doc = doc, .lock = PTHREAD_MUTEX_INITIALIZER };
    req.prefix = ""; /* the names in the maps are those of the destination */
    req.check = RF_CHECK_BLOBS;
    int rc = rf_desired_sort(&doc->desired, err);
    if (rc == 0)
        rc = rf_standing_check(&run, err);
    if (rc == 0)
        judge(b, &run);
    free(run.missing);
    pthread_mutex_destroy(&run.lock);
    return rc;
}

int rf_rollback_check_ground(struct rf_rollback *b, struct rf_err *err)
{
    struct rf_way_back *w = &b->way;
    RF_CLEANUP(rf_freep) bool *known = rf_xcalloc(w->n_tags + 1, sizeof(*known));
    struct rf_bundle doc;
    int rc = 0;
    rf_bundle_init(&doc);
    add_lines(b, known, &doc.desired);
    for (size_t i = 0; rc == 0 && i < w->n_tags; i++)
        if (!known[i] && ends_at_image(&w->tags[i]))
            rc = add_unknown(b, &w->tags[i], &doc.desired, err);
    if (rc == 0)
        rc = look(b, &doc, err);
    rf_bundle_release(&doc);
    return rc;
}
