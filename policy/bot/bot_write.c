/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of scripts that write. In a dry run each says and counts what it would do, when it is known that its arguments are right. */
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "policy/bot/bot_calls_private.h"
#include "policy/bot/bot_document.h"
#include "policy/lua/lua_wire.h"
#include "policy/object/object_config.h"
#include "policy/object/object_manifest.h"
#include "regclient/blob_put.h"
#include "regclient/copy.h"
#include "regclient/image_export.h"
#include "regclient/image_import.h"
#include "regclient/manifest_delete.h"

/* One line for what is done, or would be. */
static void log_step(const struct rf_bot_call *c, const char *message, const char *key,
                     const char *value, const char *target)
{
    struct rf_log_field f[4];
    size_t n = 0;
    f[n++] = rf_log_text("script", c->b->o.script);
    f[n++] = rf_log_text(key, value);
    if (target != NULL)
        f[n++] = rf_log_text("target", target);
    f[n++] = rf_log_bool("dry-run", c->b->o.dry_run);
    rf_log_fields(RF_LOG_INFO, message, f, n);
}

static void count(struct rf_bot_call *c, enum rf_bot_kind kind)
{
    c->b->counts.done[kind]++;
}

/* ---- deleting ---- */

static int tag_delete(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    (void)result;
    int rc = rf_bot_target(c, 0, RF_BOT_WRITE, &t, err);
    if (rc < 0)
        return rc;
    if (t.tag == NULL)
        return rf_fail(err, RFE_INVALID, "Failed deleting \"%s\": tag missing from image reference",
                       t.name);
    log_step(c, "Delete tag", "image", t.name, NULL);
    if (!c->b->o.dry_run) {
        rc = rf_bot_hold(c, &t, err);
        if (rc == 0)
            rc = rf_place_delete_tag(t.place, t.repo, t.tag, err);
        if (rc < 0)
            return rf_wrap(err, rc, "Failed deleting \"%s\"", t.name);
    }
    count(c, RF_BOT_TAG_DELETE);
    return 0;
}

/* The digest that a manifest's facts have: a reference's own may be the index that it was found in. */
static int facts_digest(const struct rf_bot_call *c, struct rf_digest *out, struct rf_err *err)
{
    const char *text = json_string_value(json_object_get(json_array_get(c->args, 0), "digest"));
    if (text == NULL || text[0] == '\0')
        return rf_fail(err, RFE_INVALID, "the manifest has no digest: get it first");
    return rf_digest_parse(rf_slice_str(text), out, err);
}

static int manifest_delete(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_digest digest = { 0 };
    (void)result;
    int rc = rf_bot_target(c, 0, RF_BOT_WRITE, &t, err);
    if (rc == 0)
        rc = facts_digest(c, &digest, err);
    if (rc == 0)
        rc = rf_bot_manifest(c, 0, &m, err);
    if (rc < 0)
        return rc;
    rf_ref_set_digest(&t.ref, &digest);
    RF_CLEANUP(rf_freep) char *name = rf_ref_common_name(&t.ref);
    log_step(c, "Delete manifest", "image", name, NULL);
    if (!c->b->o.dry_run) {
        rc = rf_bot_hold(c, &t, err);
        if (rc == 0)
            rc = rf_manifest_delete(t.place, t.repo, &digest, m != NULL && m->has_subject, err);
        if (rc < 0)
            return rf_wrap(err, rc, "Failed deleting \"%s\"", name);
    }
    count(c, RF_BOT_MANIFEST_DELETE);
    return 0;
}

static int blob_delete(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    struct rf_digest digest = { 0 };
    const char *text;
    (void)result;
    int rc = rf_bot_text(c, 1, true, &text, err);
    if (rc == 0)
        rc = rf_bot_target(c, 0, RF_BOT_REPO | RF_BOT_WRITE, &t, err);
    if (rc < 0)
        return rc;
    if (text != NULL)
        rc = rf_digest_parse(rf_slice_str(text), &digest, err);
    else if (t.digest != NULL)
        digest = *t.digest;
    else
        rc = rf_fail(err, RFE_INVALID, "%s: no digest given", t.name);
    if (rc < 0)
        return rc;
    char shown[RF_DIGEST_TEXT];
    log_step(c, "Delete blob", "image", t.name, rf_digest_text(&digest, shown));
    if (!c->b->o.dry_run) {
        rc = rf_place_delete_blob(t.place, t.repo, &digest, err);
        if (rc < 0)
            return rf_wrap(err, rc, "Failed deleting blob of \"%s\"", t.name);
    }
    count(c, RF_BOT_BLOB_DELETE);
    return 0;
}

/* ---- putting ---- */

static int manifest_put(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    char digest[RF_DIGEST_TEXT];
    (void)result;
    int rc = rf_bot_manifest(c, 0, &m, err);
    if (rc == 0 && m == NULL)
        rc = rf_fail(err, RFE_INVALID, "the manifest was only asked for: get it first");
    if (rc == 0)
        rc = rf_bot_target(c, 1, RF_BOT_WRITE, &t, err);
    if (rc < 0)
        return rc;
    if (t.digest != NULL && !rf_digest_eq(t.digest, &m->digest))
        return rf_fail(err, RFE_DIGEST_MISMATCH, "Failed putting \"%s\": the manifest has %s",
                       t.name, rf_digest_text(&m->digest, digest));
    log_step(c, "Put manifest", "image", t.name, rf_digest_text(&m->digest, digest));
    if (!c->b->o.dry_run) {
        rc = rf_bot_hold(c, &t, err);
        if (rc == 0)
            rc = rf_place_put_manifest(t.place, t.repo, t.tag, m, 0, err);
        if (rc < 0)
            return rf_wrap(err, rc, "Failed putting \"%s\"", t.name);
    }
    count(c, RF_BOT_MANIFEST_PUT);
    return 0;
}

static json_t *digest_and_size(const struct rf_digest *digest, uint64_t size)
{
    char text[RF_DIGEST_TEXT];
    return json_pack("[s, I]", rf_digest_text(digest, text), (json_int_t)size);
}

static int put_bytes(struct rf_bot_call *c, const struct rf_bot_target *t, struct rf_slice bytes,
                     json_t **result, struct rf_err *err)
{
    struct rf_blob_put put = { .place = t->place, .repo = t->repo, .ask = true, .size = bytes.len };
    rf_digest_of(RF_DIGEST_SHA256, bytes, &put.digest);
    char shown[RF_DIGEST_TEXT];
    log_step(c, "Put blob", "image", t->name, rf_digest_text(&put.digest, shown));
    if (!c->b->o.dry_run) {
        int rc = rf_bot_hold(c, t, err);
        if (rc == 0)
            rc = rf_blob_put_bytes(&put, bytes, err);
        if (rc < 0)
            return rf_wrap(err, rc, "Failed putting blob to \"%s\"", t->name);
    }
    count(c, RF_BOT_BLOB_PUT);
    *result = digest_and_size(&put.digest, put.size);
    return 0;
}

/* A blob that is somewhere else moves from there, without the script. */
static int put_blob(struct rf_bot_call *c, const struct rf_bot_target *t, const json_t *from,
                    json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target src = RF_BOT_TARGET_INIT;
    const char *ref = json_string_value(json_object_get(from, "ref"));
    const char *text = json_string_value(json_object_get(from, "digest"));
    struct rf_digest digest = { 0 };
    uint64_t size = 0;
    enum rf_blob_outcome outcome;
    if (ref == NULL || text == NULL)
        return rf_fail(err, RFE_INVALID, "bad argument #2 (string, blob or config expected)");
    int rc = rf_digest_parse(rf_slice_str(text), &digest, err);
    if (rc == 0)
        rc = rf_bot_target_text(c->b, ref, RF_BOT_REPO, &src, err);
    if (rc == 0)
        rc = rf_place_blob_size(src.place, src.repo, &digest, &size, err);
    if (rc < 0)
        return rc;
    log_step(c, "Put blob", "image", t->name, text);
    if (!c->b->o.dry_run) {
        const struct rf_copy_blob_options how = { .probe = RF_PROBE_HEAD };
        rc = rf_bot_hold(c, t, err);
        if (rc == 0)
            rc = rf_copy_blob(src.place, src.repo, t->place, t->repo, &digest, size, &how, &outcome,
                              err);
        if (rc < 0)
            return rf_wrap(err, rc, "Failed putting blob to \"%s\"", t->name);
    }
    count(c, RF_BOT_BLOB_PUT);
    *result = digest_and_size(&digest, size);
    return 0;
}

static int blob_put(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf room;
    struct rf_slice bytes;
    const json_t *content = json_array_get(c->args, 1);
    rf_buf_init(&room, RF_LUA_FRAME_MAX);
    int rc = rf_bot_target(c, 0, RF_BOT_REPO | RF_BOT_WRITE, &t, err);
    if (rc < 0)
        return rc;
    if (rf_lua_wire_text(content, &room, &bytes))
        return put_bytes(c, &t, bytes, result, err);
    return put_blob(c, &t, content, result, err);
}

/* ---- copying ---- */

static int parse_platforms(const json_t *options, struct rf_platform **out, size_t *n,
                           struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char **texts = NULL;
    size_t count_of = 0;
    int rc = rf_bot_texts(options, "platforms", &texts, &count_of, err);
    if (rc < 0)
        return rc;
    *out = rf_xcalloc(count_of + 1, sizeof(**out));
    for (*n = 0; *n < count_of; (*n)++) {
        rc = rf_platform_parse(texts[*n], &(*out)[*n], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* A target that names a digest gets exactly that image. */
static int check_digest(const struct rf_bot_target *src, const struct rf_bot_target *dst,
                        struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    char have[RF_DIGEST_TEXT];
    if (dst->digest == NULL)
        return 0;
    int rc = rf_place_resolve(src->place, src->repo, rf_bot_tag(src), src->digest, &d, err);
    if (rc < 0 || rf_digest_eq(&d.digest, dst->digest))
        return rc;
    return rf_fail(err, RFE_DIGEST_MISMATCH, "%s has %s", src->name,
                   rf_digest_text(&d.digest, have));
}

static int copy(struct rf_bot_call *c, const struct rf_bot_target *src,
                const struct rf_bot_target *dst, const struct rf_copy_options *how,
                struct rf_err *err)
{
    struct rf_copy_result result;
    int rc = check_digest(src, dst, err);
    if (rc == 0)
        rc = rf_bot_hold(c, dst, err);
    if (rc == 0)
        rc = rf_copy_image(src->place, src->repo, rf_bot_tag(src), src->digest, dst->place,
                           dst->repo, dst->tag, how, &result, err);
    return rc < 0 ? rf_wrap(err, rc, "Failed copying \"%s\" to \"%s\"", src->name, dst->name) : 0;
}

static bool is_set(const json_t *options, const char *key)
{
    return json_is_true(json_object_get(options, key));
}

static int image_copy(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    static const char *const known[] = { "digestTags", "forceRecursive", "includeExternal",
                                         "platforms",  "referrers",      "fastCheck",
                                         "fast" };
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target src = RF_BOT_TARGET_INIT;
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target dst = RF_BOT_TARGET_INIT;
    RF_CLEANUP(rf_json_decrefp) json_t *options = NULL;
    struct rf_platform *platforms = NULL;
    size_t n = 0;
    (void)result;
    int rc = rf_bot_table(c, 2, known, RF_ARRAY_LEN(known), &options, err);
    if (rc == 0)
        rc = rf_bot_target(c, 0, 0, &src, err);
    if (rc == 0)
        rc = rf_bot_target(c, 1, RF_BOT_WRITE, &dst, err);
    if (rc == 0)
        rc = parse_platforms(options, &platforms, &n, err);
    const struct rf_copy_options how = { .platforms = platforms,
                                         .n_platforms = n,
                                         .referrers = is_set(options, "referrers"),
                                         .digest_tags = is_set(options, "digestTags"),
                                         .include_external = is_set(options, "includeExternal"),
                                         .force = is_set(options, "forceRecursive"),
                                         .fast = is_set(options, "fastCheck") ||
                                                 is_set(options, "fast") };
    if (rc == 0)
        log_step(c, "Copy image", "source", src.name, dst.name);
    if (rc == 0 && !c->b->o.dry_run)
        rc = copy(c, &src, &dst, &how, err);
    if (rc == 0)
        count(c, RF_BOT_IMAGE_COPY);
    for (size_t i = 0; i < n; i++)
        rf_platform_release(&platforms[i]);
    free(platforms);
    return rc;
}

/* The new tag: a tag alone, or a whole reference of the same repository. */
static int open_tag(struct rf_bot_call *c, const struct rf_bot_target *src,
                    struct rf_bot_target *dst, struct rf_err *err)
{
    const char *text;
    int rc = rf_bot_text(c, 1, false, &text, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_freep) char *here = rf_ref_location(&src->ref);
    if (rf_tag_valid(rf_slice_str(text))) {
        RF_CLEANUP(rf_freep) char *whole = rf_xasprintf("%s:%s", here, text);
        return rf_bot_target_text(c->b, whole, RF_BOT_WRITE, dst, err);
    }
    rc = rf_bot_target_text(c->b, text, RF_BOT_WRITE, dst, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_freep) char *there = rf_ref_location(&dst->ref);
    if (strcmp(here, there) != 0)
        return rf_fail(err, RFE_INVALID,
                       "%s is in another repository than %s: image.copy() copies to there",
                       dst->name, src->name);
    return 0;
}

static int tag_copy(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target src = RF_BOT_TARGET_INIT;
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target dst = RF_BOT_TARGET_INIT;
    const struct rf_copy_options how = { .fast = true };
    (void)result;
    int rc = rf_bot_target(c, 0, RF_BOT_WRITE, &src, err);
    if (rc == 0)
        rc = open_tag(c, &src, &dst, err);
    if (rc < 0)
        return rc;
    log_step(c, "Copy tag", "source", src.name, dst.name);
    if (!c->b->o.dry_run)
        rc = copy(c, &src, &dst, &how, err);
    if (rc == 0)
        count(c, RF_BOT_TAG_COPY);
    return rc;
}

/* ---- tars ---- */

static int export_tar(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    const char *path;
    (void)result;
    int rc = rf_bot_text(c, 1, false, &path, err);
    if (rc == 0)
        rc = rf_bot_target(c, 0, 0, &t, err);
    if (rc < 0)
        return rc;
    log_step(c, "Export image", "source", t.name, path);
    if (!c->b->o.dry_run) {
        const struct rf_export_image image = {
            .place = t.place, .repo = t.repo, .tag = t.tag, .digest = t.digest, .name = &t.ref
        };
        rc = rf_file_sink(path, 0666, true, &sink, err);
        if (rc == 0)
            rc = rf_image_export(&image, 1, NULL, sink, NULL, err);
        if (rc == 0)
            rc = rf_sink_commit(sink, err);
        if (rc < 0)
            return rf_wrap(err, rc, "Failed exporting image \"%s\"", t.name);
    }
    count(c, RF_BOT_IMAGE_EXPORT);
    return 0;
}

static int import_tar(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    const char *path;
    (void)result;
    int rc = rf_bot_text(c, 1, false, &path, err);
    if (rc == 0)
        rc = rf_bot_target(c, 0, RF_BOT_WRITE, &t, err);
    if (rc < 0)
        return rc;
    log_step(c, "Import image", "source", path, t.name);
    if (!c->b->o.dry_run) {
        const struct rf_import_target to = {
            .place = t.place, .repo = t.repo, .tag = t.tag, .digest = t.digest
        };
        rc = rf_bot_hold(c, &t, err);
        if (rc == 0)
            rc = rf_image_import(path, &to, NULL, NULL, err);
        if (rc < 0)
            return rf_wrap(err, rc, "Failed importing image \"%s\"", t.name);
    }
    count(c, RF_BOT_IMAGE_IMPORT);
    return 0;
}

/* ---- documents that a script changed: nothing is written yet ---- */

static int changed(struct rf_bot_call *c, const struct rf_type *type, struct rf_buf *out,
                   struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *table = NULL;
    const json_t *facts = json_array_get(c->args, 0), *arg = json_array_get(c->args, 1);
    const json_t *before = json_object_get(facts, "body");
    struct rf_slice old = rf_slice_of(json_string_value(before), json_string_length(before));
    /* Nobody has looked into it, so that nothing can have changed. */
    if (arg == NULL || json_is_null(arg)) {
        rf_buf_add(out, old.ptr, old.len);
        return old.len > 0 ? 0 : rf_fail(err, RFE_INVALID, "there is no document: get it first");
    }
    int rc = rf_lua_wire_from(arg, &table, err);
    return rc < 0 ? rc : rf_bot_document(type, table, old, out, err);
}

static int manifest_export(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    const json_t *facts = json_array_get(c->args, 0);
    const char *type = json_string_value(json_object_get(facts, "mediaType"));
    const char *ref = json_string_value(json_object_get(facts, "ref"));
    rf_buf_init(&body, RF_MANIFEST_PUSH_MAX);
    int rc = changed(c, rf_manifest_document_type(type), &body, err);
    if (rc == 0)
        rc = rf_manifest_parse(rf_buf_slice(&body), NULL, &m, err);
    if (rc == -RFE_INVALID && type != NULL) {
        /* A document need not name its type, which was known from the registry's answer. */
        const struct rf_manifest_expect expect = { .content_type = type };
        rc = rf_manifest_parse(rf_buf_slice(&body), &expect, &m, err);
    }
    if (rc < 0)
        return rf_wrap(err, rc, "Failed exporting the manifest");
    RF_CHECK(m != NULL);
    *result =
        rf_bot_facts_of(ref != NULL ? ref : "", m->media_type, &m->digest, m->body.len, &m->body);
    return 0;
}

static int config_export(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_config_freep) struct rf_config *config = NULL;
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    const json_t *facts = json_array_get(c->args, 0);
    const char *type = json_string_value(json_object_get(facts, "mediaType"));
    const char *ref = json_string_value(json_object_get(facts, "ref"));
    struct rf_digest digest;
    rf_buf_init(&body, RF_CONFIG_MAX);
    int rc = changed(c, &rf_type_image_config, &body, err);
    if (rc == 0)
        rc = rf_config_parse(rf_buf_slice(&body), &config, err);
    if (rc < 0)
        return rf_wrap(err, rc, "Failed exporting the config");
    rf_digest_of(RF_DIGEST_SHA256, rf_buf_slice(&body), &digest);
    *result = rf_bot_facts_of(ref != NULL ? ref : "", type != NULL ? type : RF_MT_OCI_CONFIG,
                              &digest, body.len, &body);
    return 0;
}

/* ---- closing ---- */

static int reference_close(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    (void)result;
    if (c->b->n_layouts == 0)
        return 0;
    int rc = rf_bot_target(c, 0, RF_BOT_REPO | RF_BOT_WRITE, &t, err);
    if (rc == 0 && t.ref.scheme == RF_SCHEME_OCIDIR)
        rc = rf_bot_settle(c->b, t.place, t.repo, err);
    return rc;
}

const struct rf_bot_function_row rf_bot_write_functions[] = {
    { "blob.delete", blob_delete, false },
    { "blob.put", blob_put, false },
    { "config.export", config_export, false },
    { "image.copy", image_copy, true },
    { "image.exportTar", export_tar, true },
    { "image.importTar", import_tar, true },
    { "manifest.delete", manifest_delete, false },
    { "manifest.export", manifest_export, false },
    { "manifest.put", manifest_put, false },
    { "reference.close", reference_close, false },
    { "tag.copy", tag_copy, false },
    { "tag.delete", tag_delete, false },
    { NULL, NULL, false },
};
