/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/bot/bot_calls.h"

#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "layout/oci_dir.h"
#include "policy/bot/bot_calls_private.h"
#include "policy/lua/lua_wire.h"

#define LAYOUTS_MAX 1000 /* that a script writes to without closing one */
#define LOGGED_ARGS 300  /* bytes of the arguments in a log line */

/* ---- counts ---- */

static const struct {
    const char *what, *done, *key; /* "tag", "deleted": of one; more have an s */
} kinds[RF_BOT_KINDS] = {
    [RF_BOT_TAG_DELETE] = { "tag", "deleted", "tagsDeleted" },
    [RF_BOT_MANIFEST_DELETE] = { "manifest", "deleted", "manifestsDeleted" },
    [RF_BOT_BLOB_DELETE] = { "blob", "deleted", "blobsDeleted" },
    [RF_BOT_MANIFEST_PUT] = { "manifest", "put", "manifestsPut" },
    [RF_BOT_BLOB_PUT] = { "blob", "put", "blobsPut" },
    [RF_BOT_IMAGE_COPY] = { "image", "copied", "imagesCopied" },
    [RF_BOT_TAG_COPY] = { "tag", "copied", "tagsCopied" },
    [RF_BOT_IMAGE_IMPORT] = { "image", "imported", "imagesImported" },
    [RF_BOT_IMAGE_EXPORT] = { "image", "exported", "imagesExported" },
};

const char *rf_bot_kind_key(enum rf_bot_kind kind)
{
    return kinds[kind].key;
}

void rf_bot_counts_add(struct rf_bot_counts *sum, const struct rf_bot_counts *more)
{
    for (size_t i = 0; i < RF_BOT_KINDS; i++)
        sum->done[i] += more->done[i];
    sum->calls += more->calls;
    sum->failed += more->failed;
    sum->waited_ms += more->waited_ms;
}

void rf_bot_counts_text(const struct rf_bot_counts *counts, struct rf_buf *out)
{
    size_t n = 0;
    for (size_t i = 0; i < RF_BOT_KINDS; i++)
        if (counts->done[i] > 0)
            rf_buf_addf(out, "%s%llu %s%s %s", n++ > 0 ? ", " : "",
                        (unsigned long long)counts->done[i], kinds[i].what,
                        rf_text_s(counts->done[i]), kinds[i].done);
    if (n == 0)
        rf_buf_add_str(out, "nothing");
}

const struct rf_bot_counts *rf_bot_calls_counts(const struct rf_bot_calls *calls)
{
    return &calls->counts;
}

/* ---- arguments ---- */

int rf_bot_text(const struct rf_bot_call *c, size_t i, bool optional, const char **out,
                struct rf_err *err)
{
    const json_t *arg = json_array_get(c->args, i);
    *out = json_string_value(arg);
    if (*out != NULL && strlen(*out) == json_string_length(arg))
        return 0;
    if (*out == NULL && optional && (arg == NULL || json_is_null(arg)))
        return 0;
    return rf_fail(err, RFE_INVALID, "bad argument #%zu (string expected)", i + 1);
}

static bool is_known(const char *key, const char *const *known, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(key, known[i]) == 0)
            return true;
    return false;
}

int rf_bot_table(const struct rf_bot_call *c, size_t i, const char *const *known, size_t n,
                 json_t **out, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *table = NULL;
    const json_t *arg = json_array_get(c->args, i);
    const char *key;
    const json_t *ignored;
    if (!json_is_object(arg)) {
        bool empty = json_is_array(arg) && json_array_size(arg) == 0;
        if (arg != NULL && !json_is_null(arg) && !empty)
            return rf_fail(err, RFE_INVALID, "bad argument #%zu (a table of options expected)",
                           i + 1);
        *out = json_object();
        return 0;
    }
    int rc = rf_lua_wire_from(arg, &table, err);
    if (rc < 0)
        return rf_wrap(err, rc, "bad argument #%zu", i + 1);
    json_object_foreach (table, key, ignored) {
        if (!is_known(key, known, n))
            rf_log(RF_LOG_WARN, "Unknown option", "script", c->b->o.script, "where", c->where,
                   "option", key, NULL);
    }
    *out = RF_STEAL(table);
    return 0;
}

int rf_bot_texts(const json_t *options, const char *key, char ***out, size_t *n, struct rf_err *err)
{
    const json_t *value = json_object_get(options, key);
    size_t count = json_is_string(value) ? 1 : json_array_size(value);
    if (value != NULL && !json_is_null(value) && !json_is_string(value) && !json_is_array(value))
        return rf_fail(err, RFE_INVALID, "%s: a string or a list of strings expected", key);
    RF_CLEANUP(rf_freep) char **list = rf_xcalloc(count + 1, sizeof(*list));
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_is_string(value) ? value : json_array_get(value, i);
        if (!json_is_string(item))
            return rf_fail(err, RFE_INVALID, "%s: a string or a list of strings expected", key);
        /* Nobody writes to them: the lists that take such want char *. */
        list[i] = (char *)(uintptr_t)json_string_value(item);
    }
    *out = RF_STEAL(list);
    *n = count;
    return 0;
}

/* ---- references ---- */

void rf_bot_target_release(struct rf_bot_target *t)
{
    rf_ref_release(&t->ref);
    free(t->name);
    *t = (struct rf_bot_target)RF_BOT_TARGET_INIT;
}

int rf_bot_target_text(struct rf_bot_calls *b, const char *text, unsigned flags,
                       struct rf_bot_target *t, struct rf_err *err)
{
    int rc = (flags & RF_BOT_REPO) != 0 ? rf_ref_parse_repo(text, &t->ref, err)
                                        : rf_ref_parse(text, &t->ref, err);
    if (rc < 0)
        return rc;
    t->name = rf_ref_common_name(&t->ref);
    t->digest = rf_digest_is_set(&t->ref.digest) ? &t->ref.digest : NULL;
    t->tag = t->ref.tag;
    if (t->tag == NULL && t->digest == NULL && (flags & RF_BOT_REPO) == 0)
        t->tag = "latest";
    unsigned how = (flags & RF_BOT_WRITE) != 0 && !b->o.dry_run ? RF_CLIENT_WRITE : 0;
    return rf_client_place(b->o.client, &t->ref, how, &t->place, &t->repo, err);
}

int rf_bot_target(struct rf_bot_call *c, size_t i, unsigned flags, struct rf_bot_target *t,
                  struct rf_err *err)
{
    const json_t *arg = json_array_get(c->args, i);
    if (json_is_object(arg))
        arg = json_object_get(arg, "ref");
    const char *text = json_string_value(arg);
    if (text == NULL || strlen(text) != json_string_length(arg))
        return rf_fail(err, RFE_INVALID, "bad argument #%zu (reference expected)", i + 1);
    return rf_bot_target_text(c->b, text, flags, t, err);
}

/* ---- layouts that are written to ---- */

static int settle(struct rf_bot_layout *l, struct rf_err *err)
{
    struct rf_gc_result removed;
    struct rf_err e = RF_ERR_INIT;
    rf_place_unhold(l->place, l->repo);
    int rc = rf_oci_dir_gc(l->place, l->repo, &removed, &e);
    free(l->repo);
    l->repo = NULL;
    /* Somebody else is writing there: what is left over goes with the next change. */
    if (rc == -RFE_BUSY || rc == -RFE_NOT_FOUND)
        return 0;
    if (rc < 0 && err != NULL)
        *err = e;
    return rc;
}

int rf_bot_settle(struct rf_bot_calls *b, const struct rf_place *place, const char *repo,
                  struct rf_err *err)
{
    int rc = 0;
    size_t kept = 0;
    for (size_t i = 0; i < b->n_layouts; i++) {
        struct rf_bot_layout *l = &b->layouts[i];
        if (place != NULL && (!rf_place_same(l->place, place) || strcmp(l->repo, repo) != 0)) {
            b->layouts[kept++] = *l;
            continue;
        }
        int settled = settle(l, rc == 0 ? err : NULL);
        rc = rc < 0 ? rc : settled;
    }
    b->n_layouts = kept;
    return rc;
}

int rf_bot_hold(struct rf_bot_call *c, const struct rf_bot_target *t, struct rf_err *err)
{
    struct rf_bot_calls *b = c->b;
    if (t->ref.scheme != RF_SCHEME_OCIDIR)
        return 0;
    for (size_t i = 0; i < b->n_layouts; i++)
        if (b->layouts[i].place == t->place && strcmp(b->layouts[i].repo, t->repo) == 0)
            return 0;
    int rc = b->n_layouts >= LAYOUTS_MAX ? rf_bot_settle(b, NULL, NULL, err) : 0;
    if (rc == 0)
        rc = rf_place_hold(t->place, t->repo, err);
    if (rc < 0)
        return rc;
    b->layouts = rf_grow(b->layouts, b->n_layouts, &b->cap_layouts, sizeof(*b->layouts));
    b->layouts[b->n_layouts++] =
        (struct rf_bot_layout){ .place = t->place, .repo = rf_xstrdup(t->repo) };
    return 0;
}

/* ---- what the box calls ---- */

static const struct rf_bot_function_row *find_in(const struct rf_bot_function_row *rows,
                                                 const char *name)
{
    for (; rows->name != NULL; rows++)
        if (strcmp(rows->name, name) == 0)
            return rows;
    return NULL;
}

static const struct rf_bot_function_row *find(const char *name)
{
    const struct rf_bot_function_row *const sets[] = { rf_bot_read_functions,
                                                       rf_bot_write_functions,
                                                       rf_bot_list_functions };
    const struct rf_bot_function_row *row = NULL;
    for (size_t i = 0; row == NULL && i < RF_ARRAY_LEN(sets); i++)
        row = find_in(sets[i], name);
    return row;
}

static void log_call(const struct rf_bot_call *c, const char *function)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf args;
    rf_buf_init(&args, 0);
    if (!rf_log_enabled(RF_LOG_DEBUG))
        return;
    rf_json_add_value(&args, c->args, false);
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_buf_slice(&args), LOGGED_ARGS);
    rf_log(RF_LOG_DEBUG, "Script call", "script", c->b->o.script, "where", c->where, "function",
           function, "args", shown, NULL);
}

static int check_stop(const struct rf_bot_calls *b, struct rf_err *err)
{
    if (rf_cancelled() ||
        (b->o.stop != NULL && atomic_load_explicit(b->o.stop, memory_order_relaxed)))
        return rf_fail(err, RFE_CANCELLED, "Context error: context canceled");
    return 0;
}

static int run_throttled(const struct rf_bot_function_row *row, struct rf_bot_call *c,
                         json_t **result, struct rf_err *err)
{
    struct rf_throttle *throttle = row->throttled ? c->b->o.throttle : NULL;
    int rc = throttle != NULL ? rf_throttle_take(throttle, err) : 0;
    if (rc < 0)
        return rf_wrap(err, rc, "Context error");
    rc = row->run(c, result, err);
    if (throttle != NULL)
        rf_throttle_give(throttle);
    return rc;
}

static int call(void *user, const char *where, const char *function, const json_t *args,
                json_t **result, struct rf_err *err)
{
    struct rf_bot_calls *b = user;
    struct rf_bot_call c = { .b = b, .where = where, .args = args };
    const struct rf_bot_function_row *row = find(function);
    struct rf_err why = RF_ERR_INIT;
    b->counts.calls++;
    log_call(&c, function);
    int rc = row == NULL ? rf_fail(&why, RFE_UNSUPPORTED, "there is no function %s", function)
                         : check_stop(b, &why);
    if (rc == 0)
        rc = run_throttled(row, &c, result, &why);
    if (rc < 0) {
        b->counts.failed++;
        rf_log(RF_LOG_DEBUG, "Script call failed", "script", b->o.script, "where", where,
               "function", function, "error", why.msg, NULL);
        if (err != NULL)
            *err = why;
    }
    return rc;
}

static void print(void *user, struct rf_slice text)
{
    struct rf_bot_calls *b = user;
    if (b->o.print != NULL)
        b->o.print(b->o.print_ctx, text);
}

static void say(void *user, const char *where, struct rf_slice text)
{
    struct rf_bot_calls *b = user;
    RF_CLEANUP(rf_freep) char *message = rf_xstrndup(text.ptr, text.len);
    (void)where;
    rf_log(RF_LOG_INFO, "User script message", "script", b->o.script, "message", message, NULL);
}

/* ---- life ---- */

struct rf_bot_calls *rf_bot_calls_new(const struct rf_bot_options *options)
{
    struct rf_bot_calls *b = rf_xcalloc(1, sizeof(*b));
    b->o = *options;
    if (b->o.script == NULL)
        b->o.script = "";
    if (b->o.sleep == NULL)
        b->o.sleep = rf_cancel_sleep;
    b->host = (struct rf_lua_host){ .user = b, .call = call, .print = print, .log = say };
    return b;
}

void rf_bot_calls_free(struct rf_bot_calls *calls)
{
    struct rf_err err = RF_ERR_INIT;
    if (calls == NULL)
        return;
    if (rf_bot_settle(calls, NULL, NULL, &err) < 0)
        rf_log(RF_LOG_WARN, "Failed to remove what nothing refers to", "script", calls->o.script,
               "error", err.msg, NULL);
    free(calls->layouts);
    free(calls);
}

void rf_bot_calls_freep(struct rf_bot_calls **calls)
{
    rf_bot_calls_free(*calls);
    *calls = NULL;
}

const struct rf_lua_host *rf_bot_calls_host(const struct rf_bot_calls *calls)
{
    return &calls->host;
}

/* ---- documents ---- */

int rf_bot_manifest(const struct rf_bot_call *c, size_t i, struct rf_manifest **out,
                    struct rf_err *err)
{
    const json_t *arg = json_array_get(c->args, i);
    const json_t *body = json_object_get(arg, "body");
    const char *type = json_string_value(json_object_get(arg, "mediaType"));
    *out = NULL;
    if (!json_is_string(body))
        return 0;
    const struct rf_manifest_expect expect = { .media_type =
                                                   type != NULL && type[0] != '\0' ? type : NULL };
    int rc = rf_manifest_parse(rf_slice_of(json_string_value(body), json_string_length(body)),
                               &expect, out, err);
    return rc < 0 ? rf_wrap(err, rc, "bad argument #%zu (manifest expected)", i + 1) : 0;
}

json_t *rf_bot_facts_of(const char *ref, const char *media_type, const struct rf_digest *digest,
                        uint64_t size, const struct rf_buf *body)
{
    char text[RF_DIGEST_TEXT];
    json_t *facts = json_object();
    (void)json_object_set_new(facts, "ref", rf_lua_wire_string(rf_slice_str(ref)));
    (void)json_object_set_new(facts, "mediaType", rf_lua_wire_string(rf_slice_str(media_type)));
    (void)json_object_set_new(facts, "digest", json_string(rf_digest_text(digest, text)));
    (void)json_object_set_new(facts, "size", json_integer((json_int_t)size));
    if (body != NULL)
        (void)json_object_set_new(facts, "body", rf_lua_wire_string(rf_buf_slice(body)));
    return facts;
}
