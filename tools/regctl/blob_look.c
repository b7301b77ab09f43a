/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "manifests/config.h"
#include "policy/object/object_blob.h"
#include "policy/object/object_config.h"
#include "regclient/fetch.h"
#include "regclient/layer_file.h"
#include "regclient/layer_list.h"
#include "tools/regctl/blob.h"
#include "tools/regctl/output.h"

/* A repository, a digest, and how long the blob is. */
struct blob {
    struct regctl_target at;
    struct rf_digest digest;
    uint64_t size;
};

static void blob_release(struct blob *b)
{
    regctl_target_release(&b->at);
}

static int open_blob(struct regctl_session *s, const char *repo, const char *digest, struct blob *b,
                     struct rf_err *err)
{
    int rc = rf_digest_parse(rf_slice_str(digest), &b->digest, err);
    return rc < 0 ? rc : regctl_target_open(s, repo, REGCTL_REPO, &b->at, err);
}

static int measure_blob(struct blob *b, struct rf_err *err)
{
    return rf_place_blob_size(b->at.place, b->at.repo, &b->digest, &b->size, err);
}

/* ---- differences ---- */

/* Indented, as it is. */
static int config_text(struct blob *b, struct rf_buf *out, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    RF_CLEANUP(rf_arena_release) struct rf_arena arena;
    const struct rf_descriptor d = { .digest = b->digest, .size = b->size };
    rf_arena_init(&arena, 0);
    rf_buf_init(&body, RF_CONFIG_MAX);
    int rc = rf_fetch_blob(b->at.place, b->at.repo, &d, &body, err);
    if (rc == 0)
        rc = rf_json_parse(rf_buf_slice(&body), RF_CONFIG_MAX, &doc, err);
    if (rc < 0) {
        char text[RF_DIGEST_TEXT];
        return rf_wrap(err, rc, "configuration %s", rf_digest_text(&b->digest, text));
    }
    const struct rf_call call = { .arena = &arena };
    const struct rf_config_object object = { .doc = doc, .body = rf_buf_slice(&body) };
    const struct rf_value v = rf_config_object_value(&object);
    return rf_value_json(&call, &v, RF_VALUE_JSON_PRETTY, out, err);
}

typedef int (*blob_text)(struct blob *b, const struct blob_options *o, struct rf_buf *out,
                         struct rf_err *err);

static int of_config(struct blob *b, const struct blob_options *o, struct rf_buf *out,
                     struct rf_err *err)
{
    (void)o;
    return config_text(b, out, err);
}

static int of_layer(struct blob *b, const struct blob_options *o, struct rf_buf *out,
                    struct rf_err *err)
{
    const struct rf_layer_list_options how = { .no_times = o->ignore_times };
    int rc = rf_layer_list(b->at.place, b->at.repo, &b->digest, b->size, &how, out, err);
    /* Lines are what stands between newlines: behind the last one there is none. */
    if (rc == 0 && out->len > 0)
        out->ptr[--out->len] = '\0';
    return rc;
}

static int add_text(struct regctl_session *s, const struct blob_options *o, char **args,
                    blob_text text, struct rf_buf *out, struct rf_err *err)
{
    RF_CLEANUP(blob_release) struct blob b = { .size = 0 };
    int rc = open_blob(s, args[0], args[1], &b, err);
    if (rc == 0)
        rc = measure_blob(&b, err);
    return rc < 0 ? rc : text(&b, o, out, err);
}

static int diff(const struct rf_env *env, const struct blob_options *o, char **argv, blob_text text,
                struct rf_err *err)
{
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf a, b;
    rf_buf_init(&a, RF_LAYER_LIST_MAX);
    rf_buf_init(&b, RF_LAYER_LIST_MAX);
    int rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = add_text(&s, o, argv, text, &a, err);
    if (rc == 0)
        rc = add_text(&s, o, argv + 2, text, &b, err);
    if (rc == 0)
        regctl_print_diff(&a, &b, o->context, o->context_full);
    return rc;
}

int regctl_blob_diff_config(const struct rf_env *env, void *ctx, int argc, char **argv,
                            struct rf_err *err)
{
    (void)argc;
    return diff(env, ctx, argv, of_config, err);
}

int regctl_blob_diff_layer(const struct rf_env *env, void *ctx, int argc, char **argv,
                           struct rf_err *err)
{
    (void)argc;
    return diff(env, ctx, argv, of_layer, err);
}

/* ---- get and head ---- */

/* What is known of it without its bytes: of a registry by HEAD. */
static int ask(struct blob *b, struct rf_descriptor *d, struct rf_headers *headers,
               struct rf_err *err)
{
    int rc =
        rf_registry_remote(b->at.place) != NULL
            ? rf_registry_blob_headers(b->at.place, b->at.repo, &b->digest, &b->size, headers, err)
            : measure_blob(b, err);
    if (rc < 0)
        return rc;
    d->digest = b->digest;
    d->size = b->size;
    d->media_type = rf_xstrdup(rf_headers_get(headers, "content-type"));
    return 0;
}

static int read_body(void *ctx, struct rf_buf *out, struct rf_err *err)
{
    struct blob *b = ctx;
    const struct rf_descriptor d = { .digest = b->digest, .size = b->size };
    return rf_fetch_blob(b->at.place, b->at.repo, &d, out, err);
}

static bool is_bytes(const char *format)
{
    static const char *const words[] = { "", "body", "rawBody", "raw-body", "{{printPretty .}}" };
    for (size_t i = 0; i < RF_ARRAY_LEN(words); i++)
        if (strcmp(format, words[i]) == 0)
            return true;
    return false;
}

static int show(struct blob *b, const char *format, bool body, struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    RF_CLEANUP(rf_headers_release) struct rf_headers headers = { 0 };
    RF_CLEANUP(rf_buf_release) struct rf_buf bytes;
    rf_buf_init(&bytes, RF_BLOB_BODY_MAX);
    int rc = ask(b, &d, &headers, err);
    if (rc < 0)
        return rc;
    bool registry = rf_registry_remote(b->at.place) != NULL;
    const struct rf_blob_object object = { .descriptor = &d,
                                           .headers = registry ? &headers : NULL,
                                           .read = body ? read_body : NULL,
                                           .ctx = b,
                                           .body = &bytes };
    const struct regctl_raw raw = { .headers = &headers, .headers_only = true };
    const struct rf_value v = rf_blob_object_value(&object);
    if (!body || strcmp(format, "raw") != 0)
        return regctl_print(format, &v, &raw, err);
    RF_CLEANUP(rf_buf_release) struct rf_buf head;
    rf_buf_init(&head, 0);
    regctl_headers_text(&headers, &head);
    rf_buf_add_char(&head, '\n');
    regctl_print_text(&head);
    return regctl_pour_blob(b->at.place, b->at.repo, &b->digest, b->size, err);
}

int regctl_blob_get(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct blob_options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(blob_release) struct blob b = { .size = 0 };
    (void)argc;
    if (o->media_type != NULL && o->media_type[0] != '\0')
        rf_log(RF_LOG_INFO, "Specifying the blob media type is deprecated", "mt", o->media_type,
               NULL);
    int rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = open_blob(&s, argv[0], argv[1], &b, err);
    if (rc == 0 && !is_bytes(o->format))
        return show(&b, o->format, true, err);
    if (rc == 0)
        rc = measure_blob(&b, err);
    return rc < 0 ? rc : regctl_pour_blob(b.at.place, b.at.repo, &b.digest, b.size, err);
}

int regctl_blob_head(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct blob_options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(blob_release) struct blob b = { .size = 0 };
    bool plain = o->format == NULL || o->format[0] == '\0';
    (void)argc;
    int rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = open_blob(&s, argv[0], argv[1], &b, err);
    return rc < 0 ? rc : show(&b, plain ? "headers" : o->format, false, err);
}

/* ---- get-file ---- */

struct file_in_layer {
    struct blob *blob;
    const char *path;
};

static int find_in_layer(void *ctx, struct rf_layer_entry *entry, struct rf_sink *sink,
                         struct rf_err *err)
{
    const struct file_in_layer *f = ctx;
    struct blob *b = f->blob;
    return rf_layer_file(b->at.place, b->at.repo, &b->digest, b->size, f->path, entry, sink, err);
}

int regctl_blob_get_file(const struct rf_env *env, void *ctx, int argc, char **argv,
                         struct rf_err *err)
{
    const struct blob_options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(blob_release) struct blob b = { .size = 0 };
    const struct regctl_file_output how = { .name = argv[2],
                                            .format = o->format,
                                            .output = argc > 3 ? argv[3] : NULL };
    struct file_in_layer f = { .blob = &b, .path = argv[2] };
    int rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = open_blob(&s, argv[0], argv[1], &b, err);
    if (rc == 0)
        rc = measure_blob(&b, err);
    return rc < 0 ? rc : regctl_print_file(&how, find_in_layer, &f, err);
}
