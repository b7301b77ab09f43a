/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/fetch.h"

#include <stdlib.h>

#include "base/mem.h"
#include "regclient/registry.h"

void rf_fetched_release(struct rf_fetched *f)
{
    rf_manifest_free(f->manifest);
    rf_descriptor_release(&f->descriptor);
    rf_headers_release(&f->headers);
    *f = (struct rf_fetched)RF_FETCHED_INIT;
}

/* ---- one answer ---- */

static int get(struct rf_place *p, const char *repo, const char *tag,
               const struct rf_digest *digest, const struct rf_manifest_expect *expect,
               struct rf_fetched *out, struct rf_err *err)
{
    struct rf_manifest *m = NULL;
    struct rf_headers headers = { 0 };
    int rc = rf_registry_remote(p) != NULL
                 ? rf_registry_fetch_manifest(p, repo, tag, digest, expect, &headers, &m, err)
                 : rf_place_get_manifest(p, repo, tag, digest, expect, &m, err);
    if (rc < 0)
        return rc;
    bool chosen = out->chosen;
    rf_fetched_release(out);
    out->manifest = m;
    out->headers = headers;
    out->chosen = chosen;
    rf_manifest_descriptor(m, &out->descriptor);
    return 0;
}

static int head(struct rf_place *p, const char *repo, const char *tag,
                const struct rf_digest *digest, struct rf_fetched *out, struct rf_err *err)
{
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_headers headers = { 0 };
    int rc = rf_registry_remote(p) != NULL
                 ? rf_registry_head_manifest(p, repo, tag, digest, &headers, &d, err)
                 : rf_place_resolve(p, repo, tag, digest, &d, err);
    if (rc < 0)
        return rc;
    bool chosen = out->chosen;
    rf_fetched_release(out);
    out->descriptor = d;
    out->headers = headers;
    out->chosen = chosen;
    return 0;
}

/* ---- down to a platform ---- */

/* The entry of the index in `out` for the platform. It points into the manifest. */
static int choose(const struct rf_fetched *out, const struct rf_platform *platform,
                  const struct rf_descriptor **entry, struct rf_err *err)
{
    size_t i = 0;
    int rc = rf_manifest_pick(out->manifest, platform, &i, err);
    if (rc == 0)
        *entry = &out->manifest->entries[i];
    return rc;
}

int rf_fetch_manifest(struct rf_place *p, const char *repo, const char *tag,
                      const struct rf_digest *digest, const struct rf_platform *platform,
                      struct rf_fetched *out, struct rf_err *err)
{
    RF_CLEANUP(rf_fetched_release) struct rf_fetched f = RF_FETCHED_INIT;
    int rc = get(p, repo, tag, digest, NULL, &f, err);
    for (unsigned depth = 0; rc == 0 && platform != NULL && f.manifest->kind == RF_KIND_INDEX;
         depth++) {
        const struct rf_descriptor *entry = NULL;
        if (depth == RF_INDEX_DEPTH_MAX)
            return rf_fail(err, RFE_TOO_LARGE, "indexes more than %d deep", RF_INDEX_DEPTH_MAX);
        rc = choose(&f, platform, &entry, err);
        if (rc < 0 || entry == NULL)
            return rc;
        struct rf_digest next = entry->digest;
        struct rf_manifest_expect expect = { .size = entry->size, .media_type = entry->media_type };
        RF_CLEANUP(rf_freep) char *type = rf_xstrdup(entry->media_type);
        expect.media_type = type;
        f.chosen = true;
        rc = get(p, repo, NULL, &next, &expect, &f, err);
    }
    if (rc < 0)
        return rc;
    *out = f;
    f = (struct rf_fetched)RF_FETCHED_INIT;
    return 0;
}

/* From the index that f describes to the entry for the platform. */
static int step_down(struct rf_place *p, const char *repo, const struct rf_platform *platform,
                     struct rf_fetched *f, struct rf_descriptor *out, struct rf_err *err)
{
    const struct rf_descriptor *entry = NULL;
    struct rf_digest at = f->descriptor.digest;
    int rc = get(p, repo, NULL, &at, NULL, f, err);
    if (rc == 0)
        rc = choose(f, platform, &entry, err);
    if (rc == 0)
        rf_descriptor_copy(entry, out);
    return rc;
}

/* What HEAD does not tell, or only in general terms (text/plain), the manifest says itself. */
static int settle_kind(struct rf_place *p, const char *repo, struct rf_fetched *f,
                       struct rf_err *err)
{
    if (rf_media_kind(f->descriptor.media_type) != RF_KIND_OTHER)
        return 0;
    struct rf_digest at = f->descriptor.digest;
    int rc = get(p, repo, NULL, &at, NULL, f, err);
    if (rc == 0)
        rf_manifest_freep(&f->manifest);
    return rc;
}

static bool is_index(const struct rf_fetched *f)
{
    return rf_media_kind(f->descriptor.media_type) == RF_KIND_INDEX;
}

static int too_deep(struct rf_err *err)
{
    return rf_fail(err, RFE_TOO_LARGE, "indexes more than %d deep", RF_INDEX_DEPTH_MAX);
}

int rf_fetch_choice(struct rf_place *p, const char *repo, const char *tag,
                    const struct rf_digest *digest, const struct rf_platform *platform,
                    struct rf_descriptor *out, struct rf_err *err)
{
    RF_CLEANUP(rf_fetched_release) struct rf_fetched f = RF_FETCHED_INIT;
    int rc = head(p, repo, tag, digest, &f, err);
    if (rc == 0)
        rc = settle_kind(p, repo, &f, err);
    for (unsigned depth = 0; rc == 0 && is_index(&f); depth++) {
        struct rf_descriptor entry = RF_DESCRIPTOR_INIT;
        rc = depth == RF_INDEX_DEPTH_MAX ? too_deep(err)
                                         : step_down(p, repo, platform, &f, &entry, err);
        if (rc < 0)
            return rc;
        rf_fetched_release(&f);
        f.descriptor = entry;
    }
    if (rc < 0)
        return rc;
    *out = f.descriptor;
    f.descriptor = (struct rf_descriptor)RF_DESCRIPTOR_INIT;
    return 0;
}

int rf_fetch_head(struct rf_place *p, const char *repo, const char *tag,
                  const struct rf_digest *digest, const struct rf_platform *platform,
                  struct rf_fetched *out, struct rf_err *err)
{
    RF_CLEANUP(rf_fetched_release) struct rf_fetched f = RF_FETCHED_INIT;
    int rc = head(p, repo, tag, digest, &f, err);
    if (rc == 0 && platform != NULL)
        rc = settle_kind(p, repo, &f, err);
    for (unsigned depth = 0; rc == 0 && platform != NULL && is_index(&f); depth++) {
        RF_CLEANUP(rf_descriptor_release) struct rf_descriptor entry = RF_DESCRIPTOR_INIT;
        rc = depth == RF_INDEX_DEPTH_MAX ? too_deep(err)
                                         : step_down(p, repo, platform, &f, &entry, err);
        if (rc < 0)
            return rc;
        f.chosen = true;
        rc = head(p, repo, NULL, &entry.digest, &f, err);
        if (rc == 0 && rf_media_kind(f.descriptor.media_type) == RF_KIND_OTHER) {
            free(f.descriptor.media_type);
            f.descriptor.media_type = RF_STEAL(entry.media_type);
        }
    }
    if (rc < 0)
        return rc;
    *out = f;
    f = (struct rf_fetched)RF_FETCHED_INIT;
    return 0;
}

int rf_fetch_whole_descriptor(struct rf_place *p, const char *repo, const char *tag,
                              const struct rf_digest *digest, struct rf_descriptor *out,
                              struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    int rc = rf_place_resolve(p, repo, tag, digest, &d, err);
    if (rc == 0 && (rf_media_kind(d.media_type) == RF_KIND_OTHER || d.size == 0)) {
        struct rf_digest at = d.digest;
        rc = rf_place_get_manifest(p, repo, NULL, &at, NULL, &m, err);
        if (rc == 0) {
            rf_descriptor_release(&d);
            d.media_type = rf_xstrdup(m->media_type);
            d.digest = m->digest;
            d.size = m->body.len;
        }
    }
    if (rc < 0)
        return rc;
    *out = d;
    d = (struct rf_descriptor)RF_DESCRIPTOR_INIT;
    return 0;
}

/* ---- small blobs ---- */

int rf_fetch_blob(struct rf_place *p, const char *repo, const struct rf_descriptor *d,
                  struct rf_buf *out, struct rf_err *err)
{
    if (d->size > out->max - out->len)
        return rf_fail(err, RFE_TOO_LARGE, "a blob of %llu bytes, at most %zu are read",
                       (unsigned long long)d->size, out->max);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(out);
    int rc = rf_place_get_blob(p, repo, &d->digest, d->size, 0, NULL, sink, err);
    return rc < 0 ? rc : rf_sink_commit(sink, err);
}

int rf_fetch_config(struct rf_place *p, const char *repo, const struct rf_manifest *image,
                    struct rf_config **out, struct rf_buf *body, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf own;
    rf_buf_init(&own, RF_CONFIG_MAX);
    if (image->kind != RF_KIND_IMAGE || !rf_media_is_config(image->config.media_type))
        return rf_fail(err, RFE_UNSUPPORTED, "unsupported media type: %s is no image configuration",
                       image->kind == RF_KIND_IMAGE && image->config.media_type != NULL
                           ? image->config.media_type
                           : image->media_type);
    int rc = rf_fetch_blob(p, repo, &image->config, &own, err);
    if (rc == 0)
        rc = rf_config_parse(rf_buf_slice(&own), out, err);
    if (rc == 0 && body != NULL)
        rf_buf_add(body, own.ptr, own.len);
    return rc;
}
