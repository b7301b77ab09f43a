/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/hooks.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/process.h"
#include "base/text.h"
#include "regclient/http.h"

#define TIMEOUT_MS (300u * 1000u)
#define OUTPUT_MAX (1u << 20)
#define TOLD_MAX (16u << 10) /* what is kept of what a program says */
#define LINE_MAX_SHOWN 200u
#define ENV_MAX 24u

struct rf_hook_runner {
    char *user_agent;
    pthread_mutex_t lock; /* guards `http` until it is there */
    struct rf_http *http;
};

struct rf_hook_runner *rf_hook_runner_new(const char *user_agent)
{
    struct rf_hook_runner *r = rf_xcalloc(1, sizeof(*r));
    r->user_agent = rf_xstrdup(user_agent);
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

void rf_hook_runner_free(struct rf_hook_runner *r)
{
    if (r == NULL)
        return;
    if (r->http != NULL)
        rf_http_free(r->http);
    pthread_mutex_destroy(&r->lock);
    free(r->user_agent);
    free(r);
}

void rf_hook_runner_freep(struct rf_hook_runner **r)
{
    rf_hook_runner_free(*r);
    *r = NULL;
}

/* ---- facts ---- */

static void add(struct rf_buf *out, const char *key, const char *value)
{
    if (value == NULL)
        return;
    rf_buf_addf(out, ",\"%s\":", key);
    rf_json_add_string(out, value);
}

void rf_hook_facts_json(const struct rf_hook_facts *facts, struct rf_buf *out)
{
    char digest[RF_DIGEST_TEXT];
    rf_buf_add_str(out, "{\"hook\":");
    rf_json_add_string(out, facts->hook);
    add(out, "source", facts->source);
    add(out, "target", facts->target);
    add(out, "outcome", facts->outcome);
    if (facts->digest != NULL && rf_digest_is_set(facts->digest))
        add(out, "digest", rf_digest_text(facts->digest, digest));
    rf_buf_addf(out, ",\"bytes\":%llu,\"step\":{\"type\":", (unsigned long long)facts->bytes);
    rf_json_add_string(out, facts->step->type_text != NULL ? facts->step->type_text : "");
    add(out, "source", facts->step->source);
    add(out, "target", facts->step->target);
    rf_buf_add_str(out, "}}");
}

/* ---- programs ---- */

/* Our environment may hold logins, which are no matter of the hook. */
static void make_env(const struct rf_hook_facts *f, char *env[ENV_MAX])
{
    static const char *const kept[] = { "PATH", "HOME",   "USER",   "LOGNAME",  "LANG", "TZ",
                                        "TERM", "TMPDIR", "LC_ALL", "LC_CTYPE", "SHELL" };
    size_t n = 0;
    for (size_t i = 0; i < RF_ARRAY_LEN(kept); i++) {
        const char *value = getenv(kept[i]);
        if (value != NULL)
            env[n++] = rf_xasprintf("%s=%s", kept[i], value);
    }
    env[n++] = rf_xasprintf("REGFERRY_HOOK=%s", f->hook);
    env[n++] = rf_xasprintf("REGFERRY_SOURCE=%s", f->source != NULL ? f->source : "");
    env[n++] = rf_xasprintf("REGFERRY_TARGET=%s", f->target != NULL ? f->target : "");
    env[n] = NULL;
}

/* A program that fails tells why at the end. */
static int tell_failed(const char *name, int status, const struct rf_buf *told, struct rf_err *err)
{
    size_t end = told->len;
    while (end > 0 && (unsigned char)told->ptr[end - 1] <= ' ')
        end--;
    size_t start = end;
    while (start > 0 && told->ptr[start - 1] != '\n')
        start--;
    if (start == end)
        return rf_fail(err, RFE_FAILED, "%s: exit status %d", name, status);
    RF_CLEANUP(rf_freep)
    char *line = rf_text_safe_dup(rf_slice_of(told->ptr + start, end - start), LINE_MAX_SHOWN);
    return rf_fail(err, RFE_FAILED, "%s: exit status %d: %s", name, status, line);
}

static int run_command(const struct rf_hook *hook, const struct rf_hook_facts *facts,
                       struct rf_slice json, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    char *env[ENV_MAX] = { NULL };
    int status = 0;
    rf_buf_init(&out, TOLD_MAX);
    RF_CLEANUP(rf_freep)
    const char **argv = rf_xcalloc(hook->params.n + 1, sizeof(*argv));
    for (size_t i = 0; i < hook->params.n; i++)
        argv[i] = hook->params.items[i];
    make_env(facts, env);
    const struct rf_process_how how = {
        .timeout_ms = TIMEOUT_MS, .env = (const char *const *)env, .group = true, .tail = true
    };
    int rc = rf_process_run_with(argv, &how, json, &out, &status, err);
    for (size_t i = 0; i < ENV_MAX; i++)
        free(env[i]);
    return rc == 0 && status != 0 ? tell_failed(argv[0], status, &out, err) : rc;
}

/* ---- calls ---- */

static int get_http(struct rf_hook_runner *r, struct rf_http **out, struct rf_err *err)
{
    pthread_mutex_lock(&r->lock);
    int rc = r->http == NULL ? rf_http_new(r->user_agent, &r->http, err) : 0;
    *out = r->http;
    pthread_mutex_unlock(&r->lock);
    return rc;
}

static int run_webhook(struct rf_hook_runner *r, const struct rf_hook *hook, struct rf_slice json,
                       struct rf_err *err)
{
    static const char *const headers[] = { "Content-Type: application/json" };
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    struct rf_http *http = NULL;
    rf_http_response_init(&resp);
    int rc = rf_url_parse(hook->params.items[0], &url, err);
    if (rc == 0)
        rc = get_http(r, &http, err);
    if (rc < 0)
        return rc;
    const struct rf_http_request req = { .method = RF_POST,
                                         .url = &url,
                                         .private_path = true,
                                         .headers = headers,
                                         .n_headers = 1,
                                         .body = json,
                                         .body_max = OUTPUT_MAX,
                                         .cut_body = true };
    RF_CLEANUP(rf_freep) char *shown = rf_http_shown_url(&req);
    rc = rf_http_do(http, &req, &resp, err);
    if (rc == 0 && (resp.status < 200 || resp.status > 299))
        rc = rf_fail(err, RFE_FAILED, "status %d", resp.status);
    return rc < 0 ? rf_wrap(err, rc, "POST %s", shown) : 0;
}

int rf_hook_check(const struct rf_hook *hook, struct rf_err *err)
{
    const char *type = hook->type != NULL ? hook->type : "";
    if (strcmp(type, "command") != 0 && strcmp(type, "webhook") != 0)
        return rf_fail(err, RFE_CONFIG, "type \"%s\": not one of command, webhook", type);
    return hook->params.n == 0 ? rf_fail(err, RFE_CONFIG, "type %s without params", type) : 0;
}

int rf_hook_run(struct rf_hook_runner *r, const struct rf_hook *hook,
                const struct rf_hook_facts *facts, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf json;
    rf_buf_init(&json, OUTPUT_MAX);
    if (hook == NULL)
        return 0;
    int rc = rf_hook_check(hook, err);
    rf_hook_facts_json(facts, &json);
    if (rc == 0 && strcmp(hook->type, "command") == 0) {
        rf_buf_add_char(&json, '\n');
        rc = run_command(hook, facts, rf_buf_slice(&json), err);
    } else if (rc == 0) {
        rc = run_webhook(r, hook, rf_buf_slice(&json), err);
    }
    return rc < 0 ? rf_wrap(err, rc, "hook %s", facts->hook) : 0;
}
