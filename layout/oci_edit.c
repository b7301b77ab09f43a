/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/oci_edit.h"

#include "base/mem.h"
#include "layout/place.h"

int rf_oci_edit_begin(struct rf_oci_edit *e, struct rf_err *err)
{
    (void)pthread_mutex_lock(e->mutex);
    e->locked = true;
    int rc = rf_oci_folder_lock(e->f, &e->fd, err);
    return rc < 0 ? rc : rf_oci_folder_index(e->f, e->cache, &e->ix, err);
}

void rf_oci_edit_release(struct rf_oci_edit *e)
{
    rf_oci_index_unrefp(&e->ix);
    rf_closep(&e->fd);
    if (e->locked)
        (void)pthread_mutex_unlock(e->mutex);
    e->locked = false;
}

int rf_oci_edit_store(struct rf_oci_edit *e, struct rf_err *err)
{
    return e->changed ? rf_oci_folder_store(e->f, e->cache, e->ix, err) : 0;
}

/* Takes the outcome of one step over; NULL = nothing had to change. */
static void take(struct rf_oci_edit *e, struct rf_oci_index *ix)
{
    if (ix == NULL)
        return;
    rf_oci_index_unref(e->ix);
    e->ix = ix;
    e->changed = true;
}

int rf_oci_edit_put(struct rf_oci_edit *e, const char *tag, const struct rf_manifest *m,
                    struct rf_err *err)
{
    struct rf_oci_index *ix = NULL;
    int rc = rf_oci_index_put(e->ix, tag, m, &ix, err);
    if (rc == 0)
        take(e, ix);
    return rc;
}

int rf_oci_edit_remove_tag(struct rf_oci_edit *e, const char *tag, struct rf_err *err)
{
    struct rf_oci_index *ix = NULL;
    int rc = rf_oci_index_remove_tag(e->ix, tag, &ix, err);
    if (rc == 0)
        take(e, ix);
    return rc;
}

int rf_oci_edit_remove_digest(struct rf_oci_edit *e, const struct rf_digest *d, bool *had,
                              struct rf_err *err)
{
    struct rf_oci_index *ix = NULL;
    int rc = rf_oci_index_remove_digest(e->ix, d, &ix, err);
    if (rc < 0)
        return rc;
    *had = ix != NULL;
    take(e, ix);
    return 0;
}

/* ---- the fallback list of a subject ---- */

/* Fills b with the list as it is, less `without`. *has: it holds `without`. */
static int read_fallback(struct rf_oci_edit *e, const char *tag, const struct rf_digest *without,
                         struct rf_index_builder *b, bool *has, struct rf_err *err)
{
    size_t i = 0;
    if (rf_oci_index_find(e->ix, "", tag, &i, NULL) < 0)
        return 0;
    const struct rf_oci_entry *entry = &e->ix->entries[i];
    struct rf_manifest_expect expect = { .digest = &entry->digest,
                                         .size = entry->size,
                                         .media_type = entry->media_type };
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *old = NULL;
    struct rf_err failure = RF_ERR_INIT;
    int rc = rf_oci_folder_load(e->f, &entry->digest, &expect, &old, &failure);
    if (rc == -RFE_NOT_FOUND)
        return 0;
    if (rc < 0) {
        if (err != NULL)
            *err = failure;
        return rf_wrap(err, rc, "referrers list %s", tag);
    }
    for (size_t k = 0; k < old->n_entries && old->kind == RF_KIND_INDEX; k++) {
        if (rf_digest_eq(&old->entries[k].digest, without))
            *has = true;
        else
            rf_index_builder_add(b, &old->entries[k]);
    }
    return 0;
}

/* Stores the list that b holds, which is released, under the fallback tag. */
static int write_fallback(struct rf_oci_edit *e, const char *tag, struct rf_index_builder *b,
                          struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *list = NULL;
    rf_buf_init(&body, RF_MANIFEST_PUSH_MAX);
    rf_index_builder_finish(b, &body);
    struct rf_manifest_expect expect = { .media_type = RF_MT_OCI_INDEX };
    int rc = body.rc < 0 ? rf_fail(err, -body.rc, "too many referrers")
                         : rf_manifest_parse(rf_buf_slice(&body), &expect, &list, err);
    if (rc == 0)
        rc = rf_blob_store_put_bytes(e->f->store, &list->digest, rf_buf_slice(&body), err);
    if (rc == 0)
        rc = rf_oci_edit_put(e, tag, list, err);
    return rc < 0 ? rf_wrap(err, rc, "referrers list %s", tag) : 0;
}

static void drop_builder(struct rf_index_builder *b)
{
    rf_buf_release(&b->entries);
}

int rf_oci_edit_add_referrer(struct rf_oci_edit *e, const struct rf_manifest *m, struct rf_err *err)
{
    char tag[RF_DIGEST_TEXT];
    bool has = false;
    RF_CLEANUP(drop_builder) struct rf_index_builder b;
    rf_index_builder_init(&b);
    rf_fallback_tag(&m->subject.digest, tag);
    int rc = read_fallback(e, tag, &m->digest, &b, &has, err);
    if (rc < 0 || has)
        return rc;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    rf_oci_referrer_descriptor(m, &d);
    rf_index_builder_add(&b, &d);
    return write_fallback(e, tag, &b, err);
}

int rf_oci_edit_remove_referrer(struct rf_oci_edit *e, const struct rf_digest *subject,
                                const struct rf_digest *digest, struct rf_err *err)
{
    char tag[RF_DIGEST_TEXT];
    bool has = false;
    RF_CLEANUP(drop_builder) struct rf_index_builder b;
    rf_index_builder_init(&b);
    rf_fallback_tag(subject, tag);
    int rc = read_fallback(e, tag, digest, &b, &has, err);
    if (rc < 0 || !has)
        return rc;
    if (b.n > 0)
        return write_fallback(e, tag, &b, err);
    return rf_oci_edit_remove_tag(e, tag, err);
}
