/* SPDX-License-Identifier: Apache-2.0 */
#include "import/lists.h"

#include "base/mem.h"
#include "base/parallel.h"
#include "import/apply.h"
#include "manifests/index_edit.h"

#define FALLBACK_HEX 64u

bool rf_list_is_line(const struct rf_bundle *b, const struct rf_image *im)
{
    const char *tag = rf_desired_str(&b->desired, im->tag);
    size_t algorithm = strcspn(tag, "-");
    return ((algorithm == 6 && strncmp(tag, "sha256", 6) == 0) ||
            (algorithm == 6 && strncmp(tag, "sha512", 6) == 0)) &&
           tag[algorithm] == '-' && strlen(tag) == algorithm + 1 + FALLBACK_HEX &&
           strspn(tag + algorithm + 1, "0123456789abcdef") == FALLBACK_HEX;
}

static const struct rf_image *line_of(const struct rf_bundle *b, const struct rf_image *im,
                                      const struct rf_digest *d)
{
    return rf_desired_find(&b->desired, rf_desired_str(&b->desired, im->repository), "", d);
}

/* Brought by the bundle, or by one before it: then it is a line of it, perhaps one that was removed. */
static bool is_ours(const struct rf_bundle *b, const struct rf_image *im, const struct rf_digest *d)
{
    return rf_bundle_find(b, d) != NULL || line_of(b, im, d) != NULL;
}

static bool is_removed(const struct rf_bundle *b, const struct rf_image *im,
                       const struct rf_digest *d)
{
    const struct rf_image *line = line_of(b, im, d);
    return line != NULL && !rf_image_is_wanted(line) && rf_bundle_find(b, d) == NULL;
}

bool rf_list_is_ours(const struct rf_bundle *b, const struct rf_image *im,
                     const struct rf_manifest *list)
{
    if (!rf_list_is_line(b, im) || list->kind != RF_KIND_INDEX)
        return false;
    for (size_t i = 0; i < list->n_entries; i++)
        if (!is_ours(b, im, &list->entries[i].digest))
            return false;
    return true;
}

static bool lists(const struct rf_manifest *index, const struct rf_digest *d)
{
    for (size_t i = 0; i < index->n_entries; i++)
        if (rf_digest_eq(&index->entries[i].digest, d))
            return true;
    return false;
}

/* What was made of `now`: entries kept that `wanted` has not, entries left out, entries added. */
struct merge {
    struct rf_index_builder builder;
    size_t kept, left, added;
};

/* Those of `now` in its order, so that merging once more changes nothing. */
static void merge(struct merge *m, const struct rf_bundle *b, const struct rf_image *im,
                  const struct rf_manifest *now, const struct rf_manifest *wanted, size_t *others)
{
    rf_index_builder_init(&m->builder);
    for (size_t i = 0; i < now->n_entries; i++) {
        const struct rf_descriptor *e = &now->entries[i];
        bool both = lists(wanted, &e->digest);
        if (!both && is_removed(b, im, &e->digest)) {
            m->left++;
            continue;
        }
        rf_index_builder_add(&m->builder, e);
        m->kept += !both;
        *others += !both && !is_ours(b, im, &e->digest);
    }
    for (size_t i = 0; i < wanted->n_entries; i++) {
        if (lists(now, &wanted->entries[i].digest))
            continue;
        rf_index_builder_add(&m->builder, &wanted->entries[i]);
        m->added++;
    }
}

int rf_list_merge(const struct rf_bundle *b, const struct rf_image *im,
                  const struct rf_manifest *now, const struct rf_manifest *wanted,
                  struct rf_manifest **out, size_t *others, struct rf_err *err)
{
    struct merge m = { 0 };
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    struct rf_manifest_expect expect = { .media_type = RF_MT_OCI_INDEX };
    *others = 0;
    if (!rf_list_is_line(b, im) || now->kind != RF_KIND_INDEX || wanted->kind != RF_KIND_INDEX)
        return 0;
    rf_buf_init(&body, RF_MANIFEST_PUSH_MAX);
    merge(&m, b, im, now, wanted, others);
    rf_index_builder_finish(&m.builder, &body);
    if (m.kept == 0)
        return 0;
    if (m.left == 0 && m.added == 0) { /* as it is, whoever wrote it */
        expect.media_type = now->media_type;
        return rf_manifest_parse(rf_buf_slice(&now->body), &expect, out, err);
    }
    if (body.rc < 0)
        return rf_fail(err, RFE_TOO_LARGE, "the list of referrers of both sides is over %u bytes",
                       RF_MANIFEST_PUSH_MAX);
    return rf_manifest_parse(rf_buf_slice(&body), &expect, out, err);
}

/* Is the carried list there? By that it is put or not, whatever putting referrers makes of it. */
static void look_at_carried(struct rf_import_run *r, const struct rf_image *im, const char *repo)
{
    const struct rf_bundle_blob *b = rf_bundle_find(r->doc, &im->digest);
    for (uint32_t k = 0; b != NULL && k < b->n_repos; k++) {
        uint32_t item = b->first_repo + k, number = r->doc->lists[item];
        if (r->doc->repositories[number] != im->repository || r->failed[item] != NULL ||
            rf_run_is_needless(r, item))
            continue;
        bool there = rf_apply_manifest_there(r, (uint32_t)(b - r->doc->blobs), number, repo);
        r->list_there[item] = there ? RF_LIST_THERE : RF_LIST_ABSENT;
    }
}

static int look_job(void *ctx, size_t i, struct rf_err *err)
{
    struct rf_import_run *r = ctx;
    const struct rf_desired *d = &r->doc->desired;
    const struct rf_image *im = &d->images[i];
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor desc = RF_DESCRIPTOR_INIT;
    struct rf_err why = RF_ERR_INIT;
    if (!rf_image_is_wanted(im) || !rf_list_is_line(r->doc, im) || r->refused[i] != NULL ||
        r->lacking[i])
        return 0;
    RF_CLEANUP(rf_freep) char *repo = rf_run_repo(r, rf_desired_str(d, im->repository));
    int rc = rf_place_resolve(r->req->to, repo, rf_desired_str(d, im->tag), NULL, &desc, &why);
    if (rc == 0)
        r->list_had[i] = desc.digest;
    look_at_carried(r, im, repo);
    return rc == 0 || rc == -RFE_NOT_FOUND || rc == -RFE_DENIED ? 0
                                                                : rf_fail(err, -rc, "%s", why.msg);
}

int rf_lists_look(struct rf_import_run *r, struct rf_err *err)
{
    bool any = false;
    for (size_t i = 0; i < r->doc->desired.n && !any; i++)
        any = rf_list_is_line(r->doc, &r->doc->desired.images[i]);
    if (!any || rf_bundle_is_repair(r->doc))
        return 0;
    r->list_had = rf_xcalloc(r->doc->desired.n + 1, sizeof(*r->list_had));
    r->list_there = rf_xcalloc(r->doc->n_lists + 1, sizeof(*r->list_there));
    return rf_parallel(r->req->parallel, r->doc->desired.n, look_job, r, err);
}
