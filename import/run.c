/* SPDX-License-Identifier: Apache-2.0 */
#include "import/run.h"

#include "base/mem.h"

void rf_run_init(struct rf_import_run *r, const struct rf_import_request *req,
                 struct rf_bundle_file *file)
{
    memset(r, 0, sizeof(*r));
    r->req = req;
    r->file = file;
    r->doc = rf_bundle_file_doc(file);
    rf_content_init(&r->content, file);
    pthread_mutex_init(&r->lock, NULL);
    r->found = rf_xcalloc(r->doc->n_blobs + 1, sizeof(*r->found));
    for (size_t i = 0; i < r->doc->n_blobs; i++)
        r->found[i] = RF_NO_ID;
    r->failed = rf_xcalloc(r->doc->n_lists + 1, sizeof(*r->failed));
    r->lacking = rf_xcalloc(r->doc->desired.n + 1, sizeof(*r->lacking));
    r->by_policy = rf_xcalloc(r->doc->desired.n + 1, sizeof(*r->by_policy));
    r->unasked = rf_xcalloc(r->doc->desired.n + 1, sizeof(*r->unasked));
    r->refused = rf_xcalloc(r->doc->desired.n + 1, sizeof(*r->refused));
}

void rf_run_release(struct rf_import_run *r)
{
    if (r->doc != NULL) {
        for (size_t i = 0; i < r->doc->n_lists; i++)
            free(r->failed[i]);
        for (size_t i = 0; i < r->doc->desired.n; i++)
            free(r->refused[i]);
    }
    free(r->failed);
    free(r->refused);
    free(r->found);
    free(r->missing);
    free(r->lacking);
    free(r->by_policy);
    free(r->unasked);
    free(r->needless);
    free(r->idle);
    free(r->foreign);
    free(r->tag_had);
    free(r->tag_gets);
    free(r->list_had);
    free(r->list_there);
    free(r->merged);
    rf_rooms_release(&r->forecast.rooms);
    rf_content_release(&r->content);
    rf_bundle_file_free(r->file);
    pthread_mutex_destroy(&r->lock);
}

char *rf_run_repo(const struct rf_import_run *r, const char *repository)
{
    if (r->req->prefix[0] == '\0')
        return rf_xstrdup(repository);
    return rf_xasprintf("%s/%s", r->req->prefix, repository);
}

int rf_run_manifest(struct rf_import_run *r, uint32_t blob, struct rf_manifest **out,
                    struct rf_err *err)
{
    const struct rf_bundle_blob *b = &r->doc->blobs[blob];
    struct rf_err why = RF_ERR_INIT;
    if (b->travel == RF_TRAVEL_CARRIED) {
        struct rf_place *bundle = rf_bundle_file_place(r->file);
        int rc = rf_place_get_manifest(bundle, "", NULL, &b->digest, NULL, out, &why);
        return rc < 0 ? rf_fail(err, RFE_DAMAGED, "%s: it was changed after it was verified: %s",
                                bundle->name, why.msg)
                      : 0;
    }
    RF_CHECK(r->found[blob] != RF_NO_ID);
    RF_CLEANUP(rf_freep)
    char *repo =
        rf_run_repo(r, rf_desired_str(&r->doc->desired, r->doc->repositories[r->found[blob]]));
    struct rf_manifest_expect expect = { .size = b->size,
                                         .media_type =
                                             rf_desired_str(&r->doc->desired, b->media_type) };
    return rf_place_get_manifest(r->req->to, repo, NULL, &b->digest, &expect, out, err);
}

void rf_run_add_missing(struct rf_import_run *r, size_t image, const struct rf_digest *d,
                        uint64_t size, bool manifest)
{
    r->missing = rf_grow(r->missing, r->n_missing, &r->cap_missing, sizeof(*r->missing));
    r->missing[r->n_missing++] = (struct rf_missing){
        .image = (uint32_t)image, .digest = *d, .size = size, .manifest = manifest
    };
}

void rf_run_count(struct rf_import_run *r, uint64_t *counter, uint64_t n)
{
    pthread_mutex_lock(&r->lock);
    *counter += n;
    pthread_mutex_unlock(&r->lock);
}

bool rf_run_ends(int rc)
{
    switch (-rc) {
    case RFE_INVALID:
    case RFE_AMBIGUOUS:
    case RFE_UNSUPPORTED:
    case RFE_NOT_FOUND:
    case RFE_FAILED:
    case RFE_EXISTS:
    case RFE_TOO_LARGE:
    case RFE_REFUSED:
    case RFE_GROUND_MISSING: /* of one manifest: the registry says that it lacks what it names */
    case RFE_PROTOCOL:
    case RFE_DIGEST_MISMATCH: /* reading back gives something else */
    case RFE_SIZE_MISMATCH:
        return false;
    default:
        return true;
    }
}

size_t rf_run_refused(const struct rf_import_run *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->doc->desired.n; i++)
        n += r->refused[i] != NULL;
    return n;
}

size_t rf_run_by_policy(const struct rf_import_run *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->doc->desired.n; i++)
        n += r->by_policy[i];
    return n;
}

size_t rf_run_lacking(const struct rf_import_run *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->doc->desired.n; i++)
        n += r->lacking[i];
    return n;
}
