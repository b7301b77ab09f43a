/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/manifest_delete.h"

#include "base/mem.h"
#include "manifests/index_edit.h"

/* Takes the entry out of the index under the fallback tag of its subject. */
static int leave_fallback(struct rf_place *p, const char *repo, const struct rf_digest *subject,
                          const struct rf_digest *digest, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *index = NULL;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *rest = NULL;
    RF_CLEANUP(rf_index_edit_freep) struct rf_index_edit *edit = NULL;
    struct rf_err e = RF_ERR_INIT;
    char tag[RF_DIGEST_TEXT];
    rf_fallback_tag(subject, tag);
    int rc = rf_place_get_manifest(p, repo, tag, NULL, NULL, &index, &e);
    if (rc == -RFE_NOT_FOUND)
        return 0;
    if (rc == 0 && index->kind != RF_KIND_INDEX)
        return 0; /* somebody's image of that name */
    if (rc == 0)
        rc = rf_index_edit_open(index, &edit, &e);
    if (rc == 0 && rf_index_edit_remove_digest(edit, digest) == 0)
        return 0;
    if (rc == 0)
        rc = rf_index_edit_finish(edit, &rest, &e);
    if (rc == 0 && rest->n_entries == 0)
        rc = rf_place_delete_tag(p, repo, tag, &e);
    else if (rc == 0)
        rc = rf_place_put_manifest(p, repo, tag, rest, 0, &e);
    if (rc == 0)
        return 0;
    if (err != NULL)
        *err = e;
    return rf_wrap(err, rc, "the list of referrers under the tag %s", tag);
}

int rf_manifest_delete(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                       bool referrers, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    int rc = 0;
    if (referrers)
        rc = rf_place_get_manifest(p, repo, NULL, digest, NULL, &m, err);
    /* First the list: what is listed and gone is worse than what is there and not listed. */
    if (rc == 0 && m != NULL && m->has_subject)
        rc = leave_fallback(p, repo, &m->subject.digest, digest, err);
    return rc < 0 ? rc : rf_place_delete_manifest(p, repo, digest, err);
}
