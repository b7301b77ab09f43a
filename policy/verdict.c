/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/verdict.h"

#include <errno.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "policy/lua/lua_box.h"
#include "policy/lua/lua_wire.h"

static const char *const function_names[] = { "carry", "accept", "keep" };

struct rf_verdicts {
    struct rf_lua_box *box; /* NULL: its child is gone */
    struct rf_lua_host host;
    char *chunk; /* what messages call the script */
    struct rf_buf text;
    size_t memory;
    int64_t timeout_ns;
    bool has[RF_VERDICT_FUNCTIONS];
    unsigned timeouts;
    char id[RF_DIGEST_TEXT];
};

const char *rf_verdict_function_name(enum rf_verdict_function f)
{
    return function_names[f];
}

bool rf_verdict_is_mistake(enum rf_verdict_function f, const char *reason)
{
    size_t n = strlen(function_names[f]);
    return strncmp(reason, function_names[f], n) == 0 && strncmp(reason + n, " failed: ", 9) == 0;
}

void rf_verdict_release(struct rf_verdict *v)
{
    free(v->reason);
    *v = (struct rf_verdict){ 0 };
}

void rf_verdict_list_free(struct rf_verdict *list, size_t n)
{
    for (size_t i = 0; list != NULL && i < n; i++)
        rf_verdict_release(&list[i]);
    free(list);
}

void rf_verdicts_free(struct rf_verdicts *v)
{
    if (v == NULL)
        return;
    rf_lua_box_close(v->box);
    rf_buf_release(&v->text);
    free(v->chunk);
    free(v);
}

void rf_verdicts_freep(struct rf_verdicts **v)
{
    rf_verdicts_free(*v);
    *v = NULL;
}

bool rf_verdicts_has(const struct rf_verdicts *v, enum rf_verdict_function f)
{
    return v != NULL && v->has[f];
}

const char *rf_verdicts_id(const struct rf_verdicts *v)
{
    return v->id;
}

/* ---- what the script may say by itself ---- */

static void print(void *user, struct rf_slice text)
{
    RF_CLEANUP(rf_freep) char *message = rf_xstrndup(text.ptr, text.len);
    (void)user;
    rf_log(RF_LOG_INFO, "Policy script message", "message", message, NULL);
}

static void say(void *user, const char *where, struct rf_slice text)
{
    (void)where;
    print(user, text);
}

/* ---- the box ---- */

/*
 * Makes one value of the two that the functions give, and says what is wrong with them. Taken before the script runs, so that nothing of the script stands
 * between it and the functions that it uses.
 */
static const char helper[] =
    "local globals, kind = _G, type\n"
    "function rf_verdict(name, image)\n"
    "  local verdict, reason = globals[name](image)\n"
    "  local v, r = kind(verdict), kind(reason)\n"
    "  if v == 'nil' then return { wrong = 'it returned nothing' } end\n"
    "  if v ~= 'boolean' then return { wrong = 'it returned a ' .. v } end\n"
    "  if verdict and (r == 'nil' or r == 'string') then return { yes = true } end\n"
    "  if verdict then return { wrong = 'it returned true and a ' .. r } end\n"
    "  if r ~= 'string' then return { wrong = 'it returned false without a reason' } end\n"
    "  return { yes = false, reason = reason }\n"
    "end\n";

static int start(struct rf_verdicts *v, struct rf_err *err)
{
    struct rf_lua_box_options o = RF_LUA_BOX_OPTIONS_INIT;
    o.name = v->chunk;
    o.memory = v->memory;
    o.timeout_ns = v->timeout_ns;
    o.cpu_ns = v->timeout_ns;
    o.host = &v->host;
    o.api = "policy";
    int rc = rf_lua_box_open(&o, &v->box, err);
    if (rc == 0)
        rc = rf_lua_box_run(v->box, "policy", rf_slice_str(helper), err);
    if (rc == 0)
        rc = rf_lua_box_run(v->box, v->chunk, rf_buf_slice(&v->text), err);
    if (rc < 0) {
        rf_lua_box_close(v->box);
        v->box = NULL;
    }
    return rc;
}

/* The path of a file that stands in `place` as `file`. The caller frees. */
static char *beside(const char *place, const char *file)
{
    const char *slash = strrchr(place, '/');
    if (file[0] == '/' || slash == NULL)
        return rf_xstrdup(file);
    return rf_xasprintf("%.*s/%s", (int)(slash - place), place, file);
}

static int load_text(struct rf_verdicts *v, const struct rf_policy_section *s, struct rf_err *err)
{
    rf_buf_init(&v->text, RF_LUA_SCRIPT_MAX);
    if (s->file == NULL) {
        v->chunk = rf_text_safe_dup(rf_slice_str(s->place), 200);
        /* the lines above it, so that errors name those of the policy file */
        for (uint32_t i = 0; i < s->lines && strcmp(s->place, "-") != 0; i++)
            rf_buf_add_char(&v->text, '\n');
        rf_buf_add_str(&v->text, s->text);
        return v->text.rc < 0
                   ? rf_fail(err, RFE_CONFIG, "%s: policy.script: it is too long", v->chunk)
                   : 0;
    }
    RF_CLEANUP(rf_freep) char *path = beside(s->place, s->file);
    struct rf_err why = RF_ERR_INIT;
    v->chunk = rf_text_safe_dup(rf_slice_str(path), 200);
    int rc = rf_file_read(path, &v->text, &why);
    return rc < 0 ? rf_fail(err, RFE_CONFIG, "%s: policy.file: %s", s->place, why.msg) : 0;
}

static int find_functions(struct rf_verdicts *v, struct rf_err *err)
{
    bool any = false;
    for (size_t i = 0; i < RF_VERDICT_FUNCTIONS; i++) {
        int rc = rf_lua_box_has(v->box, function_names[i], &v->has[i], err);
        if (rc < 0)
            return rc;
        any = any || v->has[i];
    }
    return any ? 0
               : rf_fail(err, RFE_CONFIG,
                         "%s: the policy script defines none of carry, accept and keep", v->chunk);
}

int rf_verdicts_open(const struct rf_policy_section *s, struct rf_verdicts **out,
                     struct rf_err *err)
{
    RF_CLEANUP(rf_verdicts_freep) struct rf_verdicts *v = rf_xcalloc(1, sizeof(*v));
    struct rf_digest d;
    struct rf_err why = RF_ERR_INIT;
    v->host = (struct rf_lua_host){ .print = print, .log = say };
    v->memory = (size_t)s->memory_mib << 20;
    v->timeout_ns = s->timeout_ns > 0 ? (int64_t)s->timeout_ns : RF_VERDICT_TIMEOUT_NS;
    int rc = load_text(v, s, err);
    if (rc < 0)
        return rc;
    rf_digest_of(RF_DIGEST_SHA256, rf_buf_slice(&v->text), &d);
    (void)rf_digest_text(&d, v->id);
    rc = start(v, &why);
    if (rc < 0 && rf_cancelled())
        return rf_cancel_check(err);
    if (rc < 0)
        return rf_fail(err, RFE_CONFIG, "the policy script cannot be run: %s", why.msg);
    rc = find_functions(v, err);
    if (rc < 0)
        return rc;
    *out = RF_STEAL(v);
    return 0;
}

/* ---- asking ---- */

/* keep keeps what it fails on, the others refuse it. */
static void mistaken(enum rf_verdict_function f, const char *name, const char *why,
                     struct rf_verdict *out)
{
    out->kind = f == RF_VERDICT_KEEP ? RF_VERDICT_YES : RF_VERDICT_NO;
    out->mistaken = true;
    out->reason = rf_xasprintf("%s failed: %s", function_names[f], why);
    rf_log(RF_LOG_WARN, "Policy function failed", "function", function_names[f], "image", name,
           "error", why, NULL);
}

static void take_answer(enum rf_verdict_function f, const char *name, const json_t *answer,
                        struct rf_verdict *out)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf room;
    struct rf_slice text;
    rf_buf_init(&room, RF_LUA_FRAME_MAX);
    if (rf_lua_wire_text(json_object_get(answer, "wrong"), &room, &text)) {
        RF_CLEANUP(rf_freep)
        char *why =
            rf_xasprintf("%.*s; true, or false and a reason, is wanted", (int)text.len, text.ptr);
        mistaken(f, name, why, out);
    } else if (json_is_true(json_object_get(answer, "yes"))) {
        out->kind = RF_VERDICT_YES;
    } else if (rf_lua_wire_text(json_object_get(answer, "reason"), &room, &text)) {
        RF_CLEANUP(rf_freep) char *reason = rf_text_safe_dup(text, RF_VERDICT_REASON_MAX);
        out->kind = RF_VERDICT_NO;
        out->reason = rf_xasprintf("%s: %s", function_names[f], reason);
    } else {
        mistaken(f, name, "it gave no answer that can be read", out);
    }
}

/* A call that ran out of time takes its process with it; a fresh one answers for the next image. */
static int after_failure(struct rf_verdicts *v, int rc, const struct rf_err *why,
                         struct rf_err *err)
{
    if (rf_cancelled())
        return rf_cancel_check(err);
    if (rc == -RFE_FAILED || rc == -RFE_NOT_FOUND)
        return 0;
    rf_lua_box_close(v->box);
    v->box = NULL;
    if (rc == -ETIMEDOUT && ++v->timeouts >= RF_VERDICT_TIMEOUTS_MAX)
        return rf_fail(err, RFE_FAILED,
                       "the policy script ran out of time for %u images; the last: %s", v->timeouts,
                       why->msg);
    return 0;
}

int rf_verdicts_ask(struct rf_verdicts *v, enum rf_verdict_function f, const char *name,
                    const json_t *image, struct rf_verdict *out, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *args = json_array();
    RF_CLEANUP(rf_json_decrefp) json_t *answer = NULL;
    struct rf_err why = RF_ERR_INIT;
    int rc = v->box != NULL ? 0 : start(v, &why);
    if (rc < 0)
        return rf_cancelled() ? rf_cancel_check(err)
                              : rf_fail(err, RFE_FAILED, "the policy script: %s", why.msg);
    json_array_append_new(args, json_string(function_names[f]));
    json_array_append_new(args, json_pack("{s:O}", "rf.image", image));
    rc = rf_lua_box_call(v->box, "rf_verdict", args, &answer, &why);
    if (rc == 0) {
        take_answer(f, name, answer, out);
        return 0;
    }
    rc = after_failure(v, rc, &why, err);
    if (rc == 0)
        mistaken(f, name, why.msg, out);
    return rc;
}
