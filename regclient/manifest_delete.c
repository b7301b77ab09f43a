/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/manifest_delete.h"

#include "base/mem.h"
#include "manifests/index_edit.h"

/* The index under the fallback tag of a subject, as it was before the entry was taken out. */
struct list {
    char tag[RF_DIGEST_TEXT];
    struct rf_manifest *before; /* NULL: nothing was taken out */
};

static int take_out(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                    struct list *list, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *index = NULL;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *rest = NULL;
    RF_CLEANUP(rf_index_edit_freep) struct rf_index_edit *edit = NULL;
    int rc = rf_place_get_manifest(p, repo, list->tag, NULL, NULL, &index, err);
    if (rc == -RFE_NOT_FOUND || (rc == 0 && index->kind != RF_KIND_INDEX))
        return 0; /* no list, or somebody's image of that name */
    if (rc == 0)
        rc = rf_index_edit_open(index, &edit, err);
    if (rc == 0 && rf_index_edit_remove_digest(edit, digest) == 0)
        return 0;
    if (rc == 0)
        rc = rf_index_edit_finish(edit, &rest, err);
    if (rc == 0 && rest->n_entries == 0)
        rc = rf_place_delete_tag(p, repo, list->tag, err);
    else if (rc == 0)
        rc = rf_place_put_manifest(p, repo, list->tag, rest, 0, err);
    if (rc == 0)
        list->before = RF_STEAL(index);
    return rc;
}

static int leave_fallback(struct rf_place *p, const char *repo, const struct rf_digest *subject,
                          const struct rf_digest *digest, struct list *list, struct rf_err *err)
{
    struct rf_err e = RF_ERR_INIT;
    rf_fallback_tag(subject, list->tag);
    int rc = take_out(p, repo, digest, list, &e);
    if (rc == 0)
        return 0;
    if (err != NULL)
        *err = e;
    return rf_wrap(err, rc, "the list of referrers under the tag %s", list->tag);
}

int rf_manifest_delete(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                       bool referrers, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct list list = { .before = NULL };
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *before = NULL;
    struct rf_err e = RF_ERR_INIT;
    int rc = 0;
    if (referrers)
        rc = rf_place_get_manifest(p, repo, NULL, digest, NULL, &m, err);
    /* First the list: what is listed and gone is worse than what is there and not listed. */
    if (rc == 0 && m != NULL && m->has_subject)
        rc = leave_fallback(p, repo, &m->subject.digest, digest, &list, err);
    before = list.before;
    if (rc < 0)
        return rc;
    rc = rf_place_delete_manifest(p, repo, digest, &e);
    if (rc == 0)
        return 0;
    if (err != NULL)
        *err = e;
    /* It stays, and so is to be found as before. */
    if (before != NULL && rc != -RFE_NOT_FOUND &&
        rf_place_put_manifest(p, repo, list.tag, before, 0, &e) < 0)
        return rf_hint(err, rc, "the list of referrers under the tag %s could not be put back: %s",
                       list.tag, e.msg);
    return rc;
}

bool rf_manifest_may_be_half_deleted(const struct rf_manifest *m)
{
    return m->kind == RF_KIND_IMAGE && m->n_entries == 1 && m->entries[0].size == 2 &&
           m->config.size <= 4096;
}

bool rf_tag_is_half_deleted(struct rf_place *p, const char *repo, const struct rf_digest *digest)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_buf_release) struct rf_buf config;
    rf_buf_init(&config, 4096);
    if (rf_place_get_manifest(p, repo, NULL, digest, NULL, &m, NULL) < 0 ||
        !rf_manifest_may_be_half_deleted(m))
        return false;
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(&config);
    return rf_place_get_blob(p, repo, &m->config.digest, m->config.size, 0, NULL, sink, NULL) ==
               0 &&
           strstr(config.ptr, "\"Labels\":{\"delete-tag\":") != NULL;
}
