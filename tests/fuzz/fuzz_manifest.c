/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests and indexes. The first byte chooses what is known beforehand; the rest is the document. What is accepted keeps its bytes,
 * is of one kind, and a part of an accepted index is accepted again.
 */
#include "manifests/manifest.h"

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const types[] = { NULL,
                                     RF_MT_OCI_INDEX,
                                     RF_MT_OCI_MANIFEST,
                                     RF_MT_DOCKER_LIST,
                                     RF_MT_DOCKER_MANIFEST,
                                     RF_MT_DOCKER_V1_SIGNED,
                                     "text/plain; charset=utf-8",
                                     "application/x" };

static void check_index(const struct rf_manifest *m)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_freep) size_t *chosen = rf_xcalloc(m->n_entries + 1, sizeof(*chosen));
    RF_CLEANUP(rf_platform_release) struct rf_platform p = RF_PLATFORM_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *pruned = NULL;
    RF_CHECK(rf_platform_parse("linux/amd64", &p, &err) == 0);
    int n = rf_manifest_select(m, &p, 1, chosen, &err);
    if (n < 0)
        return;
    RF_CHECK(n > 0 && (size_t)n <= m->n_entries);
    /* A document near the cap grows over it by the annotation; nothing else may go wrong. */
    int rc = rf_manifest_prune(m, chosen, (size_t)n, &pruned, &err);
    RF_CHECK(rc == 0 || rc == -RFE_TOO_LARGE);
    if (rc == 0)
        RF_CHECK(pruned->n_entries == (size_t)n && pruned->kind == RF_KIND_INDEX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct rf_manifest_expect e = { .content_type = types[data[0] & 7],
                                    .media_type = types[data[0] >> 3 & 7] };
    if (e.media_type != NULL && rf_media_kind(e.media_type) == RF_KIND_OTHER)
        e.media_type = NULL;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_err err = RF_ERR_INIT;
    struct rf_slice bytes = rf_slice_of(data + 1, size - 1);
    int rc = rf_manifest_parse(bytes, &e, &m, &err);
    if (rc < 0) {
        RF_CHECK(err.code == -rc && err.msg[0] != '\0' && m == NULL);
        return 0;
    }
    RF_CHECK(rf_slice_eq(rf_buf_slice(&m->body), bytes));
    RF_CHECK(rf_media_kind(m->media_type) == m->kind);
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    rf_manifest_descriptor(m, &d);
    RF_CHECK(d.size == bytes.len);
    struct rf_index_builder b;
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 0);
    rf_index_builder_init(&b);
    for (size_t i = 0; i < m->n_entries; i++)
        rf_index_builder_add(&b, &m->entries[i]);
    rf_index_builder_finish(&b, &out);
    RF_CHECK(out.rc == 0);
    if (m->kind == RF_KIND_INDEX)
        check_index(m);
    return 0;
}
