/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tar of images, in any form, into a place that keeps nothing: what is put has its digest and is closed under references, and what fails says why
 * and puts no tag. The input is also read as a manifest.json alone: what is accepted comes back the same through our own writing.
 */
#include "base/idmap.h"
#include "layout/place.h"
#include "regclient/docker_archive.h"
#include "regclient/image_import.h"
#include "tests/fuzz/fuzz.h"

struct sink_place {
    struct rf_place base;
    struct rf_strings there; /* digests of what was put */
    bool tagged;
};

static bool has(struct sink_place *s, const struct rf_digest *d)
{
    char text[RF_DIGEST_TEXT];
    return rf_strings_find(&s->there, rf_slice_str(rf_digest_text(d, text))) != RF_NO_ID;
}

static void add(struct sink_place *s, const struct rf_digest *d)
{
    char text[RF_DIGEST_TEXT];
    rf_strings_add(&s->there, rf_slice_str(rf_digest_text(d, text)));
}

static int probe(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                 uint64_t size, enum rf_probe how, struct rf_err *err)
{
    (void)repo;
    (void)size;
    (void)how;
    return has((struct sink_place *)p, digest) ? 0 : rf_fail(err, RFE_NOT_FOUND, "not there");
}

static int put_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                    uint64_t size, struct rf_source *src, struct rf_err *err)
{
    struct rf_digest got;
    uint64_t n = 0;
    (void)repo;
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_measure(digest->algo, &got, &n);
    int rc = rf_stream_copy(src, sink, NULL, err);
    if (rc == 0)
        rc = rf_sink_commit(sink, err);
    if (rc < 0)
        return rc;
    RF_CHECK(n == size && rf_digest_eq(&got, digest));
    add((struct sink_place *)p, digest);
    return 0;
}

static int put_manifest(struct rf_place *p, const char *repo, const char *tag,
                        const struct rf_manifest *m, unsigned flags, struct rf_err *err)
{
    struct sink_place *s = (struct sink_place *)p;
    (void)repo;
    (void)err;
    RF_CHECK(!s->tagged && (tag != NULL || (flags & RF_PUT_CHILD) != 0));
    for (size_t i = 0; i < m->n_entries; i++)
        RF_CHECK(has(s, &m->entries[i].digest) ||
                 (m->kind == RF_KIND_IMAGE && m->entries[i].n_urls > 0));
    RF_CHECK(m->kind != RF_KIND_IMAGE || has(s, &m->config.digest));
    add(s, &m->digest);
    s->tagged = tag != NULL;
    return 0;
}

static void import_tar(const uint8_t *data, size_t size, const char *name)
{
    static const struct rf_place_ops ops = { .probe_blob = probe,
                                             .put_blob = put_blob,
                                             .put_manifest = put_manifest };
    static char place_name[] = "nowhere";
    char path[64];
    struct sink_place s = { .base = { .ops = &ops, .name = place_name } };
    struct rf_import_target to = { .place = &s.base, .repo = "", .tag = "v" };
    struct rf_import_options opts = { .name = name, .threads = 1 };
    struct rf_import_result result = { 0 };
    struct rf_err err = RF_ERR_INIT;
    int fd = fuzz_file(data, size, path);
    rf_strings_init(&s.there);
    int rc = rf_image_import(path, &to, &opts, &result, &err);
    if (rc == 0)
        RF_CHECK(s.tagged && has(&s, &result.digest));
    else
        RF_CHECK(!s.tagged && err.code == -rc && err.msg[0] != '\0');
    rf_strings_release(&s.there);
    (void)close(fd);
}

static void read_document(const uint8_t *data, size_t size)
{
    struct rf_docker_archive a = { 0 }, b = { 0 };
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf text, again;
    size_t i = 0;
    int rc = rf_docker_archive_parse(rf_slice_of(data, size), &a, &err);
    if (rc < 0) {
        RF_CHECK(err.code == -rc && err.msg[0] != '\0' && a.n == 0);
        return;
    }
    rf_buf_init(&text, 0);
    rf_buf_init(&again, 0);
    rf_docker_archive_format(&a, &text);
    RF_CHECK(rf_docker_archive_parse(rf_buf_slice(&text), &b, NULL) == 0 || text.rc < 0 ||
             text.len > RF_DOCKER_ARCHIVE_MAX);
    if (b.n > 0) {
        rf_docker_archive_format(&b, &again);
        RF_CHECK(rf_slice_eq(rf_buf_slice(&text), rf_buf_slice(&again)));
    }
    if (a.images[0].n_tags > 0)
        RF_CHECK(rf_docker_archive_find(&a, a.images[0].tags[0], &i, NULL) == 0 && i == 0);
    rf_buf_release(&text);
    rf_buf_release(&again);
    rf_docker_archive_release(&a);
    rf_docker_archive_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_document(data, size);
    import_tar(data, size, NULL);
    import_tar(data, size, "x.example/b:1");
    return 0;
}
