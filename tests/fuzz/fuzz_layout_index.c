/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.json of layouts. What is accepted is written and read again as the same; every entry is found by its name and digest;
 * after each edit the outcome is what it promises, and can be read.
 */
#include "base/digest.h"
#include "layout/oci_index.h"
#include "tests/fuzz/fuzz.h"

static struct rf_manifest *new_manifest(void)
{
    static const char text[] =
        "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX "\",\"manifests\":[]}";
    struct rf_manifest *m = NULL;
    struct rf_manifest_expect expect = { 0 };
    RF_CHECK(rf_manifest_parse(rf_slice_str(text), &expect, &m, NULL) == 0);
    return m;
}

/* Takes ix over. */
static void check_again(struct rf_oci_index *ix)
{
    struct rf_oci_index *again = NULL;
    struct rf_buf text;
    if (ix == NULL)
        return;
    rf_buf_init(&text, 0);
    rf_oci_index_format(ix, &text);
    RF_CHECK(text.rc == 0);
    RF_CHECK(rf_oci_index_parse(rf_buf_slice(&text), &again, NULL) == 0);
    RF_CHECK(again->n == ix->n);
    for (size_t i = 0; i < ix->n; i++) {
        const struct rf_oci_entry *a = &ix->entries[i], *b = &again->entries[i];
        RF_CHECK(rf_digest_eq(&a->digest, &b->digest) && a->size == b->size);
        RF_CHECK((a->name == NULL) == (b->name == NULL));
        RF_CHECK(a->name == NULL || strcmp(a->name, b->name) == 0);
    }
    rf_buf_release(&text);
    rf_oci_index_unref(again);
    rf_oci_index_unref(ix);
}

static void check_entry(const struct rf_oci_index *ix, size_t i)
{
    const struct rf_oci_entry *e = &ix->entries[i];
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    size_t at = 0, repo_len = 0;
    RF_CHECK(rf_oci_index_descriptor(ix, i, &d, NULL) == 0);
    RF_CHECK(rf_digest_eq(&d.digest, &e->digest) && d.size == e->size);
    rf_descriptor_release(&d);
    RF_CHECK(rf_oci_index_find_digest(ix, &e->digest) <= i);
    if (e->name == NULL)
        return;
    RF_CHECK(rf_oci_index_find(ix, "", e->name, &at, NULL) == 0 && at <= i);
    const char *tag = rf_oci_name_tag(e->name, &repo_len);
    RF_CHECK(repo_len == 0 || e->name + repo_len + 1 == tag);
    struct rf_oci_index *without = NULL;
    RF_CHECK(rf_oci_index_remove_tag(ix, e->name, &without, NULL) == 0);
    RF_CHECK(without->n < ix->n);
    check_again(without);
}

static void check_put(const struct rf_oci_index *ix, const struct rf_manifest *m, const char *tag)
{
    struct rf_oci_index *out = NULL, *same = NULL;
    size_t at = 0;
    RF_CHECK(rf_oci_index_put(ix, tag, m, &out, NULL) == 0);
    const struct rf_oci_index *now = out != NULL ? out : ix;
    if (tag != NULL) {
        RF_CHECK(rf_oci_index_find(now, "", tag, &at, NULL) == 0);
        RF_CHECK(rf_digest_eq(&now->entries[at].digest, &m->digest));
    }
    RF_CHECK(rf_oci_index_find_digest(now, &m->digest) < now->n);
    /* Once is enough. */
    RF_CHECK(rf_oci_index_put(now, tag, m, &same, NULL) == 0 && same == NULL);
    check_again(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rf_oci_index *ix = NULL;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_oci_index_parse(rf_slice_of(data, size), &ix, &err);
    if (rc < 0) {
        RF_CHECK(err.code == -rc && err.msg[0] != '\0' && ix == NULL);
        return 0;
    }
    struct rf_manifest *m = new_manifest();
    for (size_t i = 0; i < ix->n && i < 8; i++)
        check_entry(ix, i);
    check_put(ix, m, NULL);
    check_put(ix, m, "v1");
    if (ix->n > 0 && ix->entries[0].name != NULL)
        check_put(ix, m, ix->entries[0].name);
    if (ix->n > 0) {
        struct rf_oci_index *out = NULL;
        RF_CHECK(rf_oci_index_remove_digest(ix, &ix->entries[0].digest, &out, NULL) == 0);
        RF_CHECK(out != NULL && out->n < ix->n);
        check_again(out);
    }
    rf_manifest_free(m);
    check_again(ix);
    return 0;
}
