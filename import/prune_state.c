/* SPDX-License-Identifier: Apache-2.0 */
/* What waits for its grace time to pass, and what is not known to be away: prune-<place>.json in import's state. */
#include "import/prune.h"

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "manifests/reference.h"

#define PRUNE_MAX (64u << 20)
#define IMAGES_MAX 1000000u

static char *state_path(const struct rf_import_state *s, const char *to)
{
    struct rf_digest d;
    char hex[RF_DIGEST_TEXT];
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str(to), &d);
    rf_digest_hex(&d, hex);
    return rf_xasprintf("%s/prune-%.12s.json", s->dir, hex);
}

static char *make_key(const char *repository, const struct rf_digest *digest)
{
    char text[RF_DIGEST_TEXT];
    return rf_xasprintf("%s %s", rf_digest_text(digest, text), repository);
}

struct rf_slice rf_prune_manifest_key(const void *ctx, uint32_t id)
{
    return rf_slice_str(((const struct rf_prune_result *)ctx)->manifests[id].key);
}

struct rf_prune_manifest *rf_prune_find_manifest(const struct rf_prune_result *r,
                                                 const char *repository,
                                                 const struct rf_digest *digest)
{
    RF_CLEANUP(rf_freep) char *key = make_key(repository, digest);
    uint32_t id = rf_idmap_find(&r->by_key, rf_slice_str(key));
    return id != RF_NO_ID ? &r->manifests[id] : NULL;
}

struct rf_prune_manifest *rf_prune_add_manifest(struct rf_prune_result *r, const char *repository,
                                                const struct rf_digest *digest, time_t since)
{
    struct rf_prune_manifest *there = rf_prune_find_manifest(r, repository, digest);
    if (there != NULL)
        return there;
    r->manifests = rf_grow(r->manifests, r->n_manifests, &r->cap_manifests, sizeof(*r->manifests));
    r->manifests[r->n_manifests] = (struct rf_prune_manifest){ .repository = rf_xstrdup(repository),
                                                               .digest = *digest,
                                                               .since = since,
                                                               .key = make_key(repository, digest),
                                                               .doc = RF_NO_ID };
    rf_idmap_add(&r->by_key, (uint32_t)r->n_manifests);
    return &r->manifests[r->n_manifests++];
}

static void forget_all(struct rf_prune_result *r)
{
    for (size_t i = 0; i < r->n_manifests; i++) {
        free(r->manifests[i].repository);
        free(r->manifests[i].key);
    }
    r->n_manifests = 0;
    rf_strings_release(&r->memory.images);
    rf_strings_init(&r->memory.images);
    r->memory.set = false;
    rf_idmap_release(&r->by_key);
    rf_idmap_init(&r->by_key, rf_prune_manifest_key, r);
}

static int read_one(struct rf_prune_result *r, const json_t *v, struct rf_err *err)
{
    const char *repository = "", *digest = "", *since = "";
    struct rf_digest d;
    time_t t = 0;
    int rc = rf_json_string(v, "repository", "", RF_JSON_REQUIRED, &repository, err);
    if (rc == 0)
        rc = rf_json_string(v, "digest", "", RF_JSON_REQUIRED, &digest, err);
    if (rc == 0)
        rc = rf_json_string(v, "untagged", "", RF_JSON_REQUIRED, &since, err);
    if (rc == 0)
        rc = rf_digest_parse(rf_slice_str(digest), &d, err);
    if (rc == 0)
        rc = rf_text_time_parse(rf_slice_str(since), &t, err);
    if (rc == 0 && !rf_repository_valid(rf_slice_str(repository)) && repository[0] != '\0')
        rc = rf_fail(err, RFE_INVALID, "repository: not a repository name");
    if (rc == 0)
        (void)rf_prune_add_manifest(r, repository, &d, t);
    return rc;
}

static int read_image(struct rf_prune_memory *m, const json_t *v, struct rf_err *err)
{
    struct rf_slice text = rf_slice_of(json_string_value(v) != NULL ? json_string_value(v) : "",
                                       json_string_length(v));
    const char *at = memrchr(text.ptr, '@', text.len);
    struct rf_digest d;
    struct rf_slice repository = rf_slice_of(text.ptr, at != NULL ? (size_t)(at - text.ptr) : 0);
    if (at == NULL || (repository.len > 0 && !rf_repository_valid(repository)))
        return rf_fail(err, RFE_INVALID, "images: not REPOSITORY@DIGEST");
    int rc = rf_digest_parse(rf_slice_str(at + 1), &d, err);
    if (rc == 0)
        (void)rf_strings_add(&m->images, text);
    return rc;
}

static int read_memory(struct rf_prune_memory *m, const json_t *doc, struct rf_err *err)
{
    const json_t *brought = NULL, *images = NULL;
    const char *last = "";
    int rc = rf_json_object(doc, "brought", "", RF_JSON_OPTIONAL, &brought, err);
    if (rc < 0 || brought == NULL)
        return rc;
    rc = rf_json_u64(brought, "records", "", RF_JSON_REQUIRED, &m->records, err);
    if (rc == 0)
        rc = rf_json_u64(brought, "takenBack", "", RF_JSON_REQUIRED, &m->taken_back, err);
    if (rc == 0)
        rc = rf_json_u64(brought, "standing", "", RF_JSON_REQUIRED, &m->standing, err);
    if (rc == 0)
        rc = rf_json_string(brought, "last", "", RF_JSON_REQUIRED, &last, err);
    if (rc == 0)
        rc = rf_digest_parse(rf_slice_str(last), &m->last, err);
    if (rc == 0)
        rc = rf_json_array(brought, "images", "", RF_JSON_REQUIRED, IMAGES_MAX, &images, err);
    for (size_t i = 0; rc == 0 && i < json_array_size(images); i++)
        rc = read_image(m, json_array_get(images, i), err);
    m->set = rc == 0;
    return rc;
}

static int read_all(struct rf_prune_result *r, struct rf_slice bytes, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    const json_t *list = NULL;
    uint64_t version = 0;
    int rc = rf_json_parse(bytes, PRUNE_MAX, &doc, err);
    if (rc == 0)
        rc = rf_json_u64(doc, "pruneVersion", "", RF_JSON_REQUIRED, &version, err);
    if (rc == 0 && version != 1)
        rc = rf_fail(err, RFE_INVALID, "version %llu is not known", (unsigned long long)version);
    if (rc == 0)
        rc = rf_json_array(doc, "waiting", "", RF_JSON_REQUIRED, 1000000, &list, err);
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++)
        rc = read_one(r, json_array_get(list, i), err);
    return rc < 0 ? rc : read_memory(&r->memory, doc, err);
}

int rf_prune_state_load(const struct rf_import_state *s, const char *to, struct rf_prune_result *r,
                        struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = state_path(s, to);
    RF_CLEANUP(rf_buf_release) struct rf_buf bytes;
    struct rf_err why = RF_ERR_INIT;
    rf_buf_init(&bytes, PRUNE_MAX);
    int rc = rf_file_read(path, &bytes, err);
    if (rc < 0)
        return rc == -RFE_NOT_FOUND ? 0 : rc;
    if (read_all(r, rf_buf_slice(&bytes), &why) == 0)
        return 0;
    rf_log(RF_LOG_WARN, "What waits to be deleted cannot be read; the grace time begins again",
           "file", path, "error", why.msg, NULL);
    forget_all(r);
    return 0;
}

static void put_memory(const struct rf_prune_memory *m, struct rf_buf *out)
{
    char last[RF_DIGEST_TEXT];
    rf_buf_addf(
        out,
        ",\n\"brought\":{\"records\":%llu,\"takenBack\":%llu,\"standing\":%llu,\"last\":\"%s\",\"images\":[",
        (unsigned long long)m->records, (unsigned long long)m->taken_back,
        (unsigned long long)m->standing, rf_digest_text(&m->last, last));
    for (size_t i = 0; i < m->images.len; i++) {
        rf_buf_add_str(out, i > 0 ? ",\n" : "\n");
        rf_json_add_string(out, rf_strings_get(&m->images, (uint32_t)i));
    }
    rf_buf_add_str(out, "\n]}");
}

/* More than this is not remembered: then all is asked for again. */
static bool fits(const struct rf_prune_memory *m)
{
    size_t bytes = 0;
    for (size_t i = 0; m->set && i < m->images.len; i++)
        bytes += strlen(rf_strings_get(&m->images, (uint32_t)i)) + 4;
    return m->set && m->images.len <= IMAGES_MAX && bytes <= PRUNE_MAX / 2;
}

int rf_prune_state_store(const struct rf_import_state *s, const char *to,
                         const struct rf_prune_result *r, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = state_path(s, to);
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    char digest[RF_DIGEST_TEXT], since[32];
    size_t n = 0;
    rf_buf_init(&out, PRUNE_MAX);
    rf_buf_add_str(&out, "{\"pruneVersion\":1,\"to\":");
    rf_json_add_string(&out, to);
    rf_buf_add_str(&out, ",\"waiting\":[");
    for (size_t i = 0; i < r->n_manifests; i++) {
        const struct rf_prune_manifest *m = &r->manifests[i];
        if (m->deleted || m->needed)
            continue;
        rf_buf_add_str(&out, n++ > 0 ? ",\n{\"repository\":" : "\n{\"repository\":");
        rf_json_add_string(&out, m->repository);
        rf_buf_addf(&out, ",\"digest\":\"%s\",\"untagged\":\"%s\"}",
                    rf_digest_text(&m->digest, digest), rf_text_time(m->since, since));
    }
    rf_buf_add_str(&out, "\n]");
    if (fits(&r->memory))
        put_memory(&r->memory, &out);
    rf_buf_add_str(&out, "}\n");
    if (out.rc < 0)
        return rf_fail(err, RFE_TOO_LARGE, "%s would pass %u bytes", path, PRUNE_MAX);
    return rf_file_write(path, rf_buf_slice(&out), 0600, err);
}
