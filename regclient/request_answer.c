/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer that is no success means, in a code and in words. */
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "regclient/request_private.h"

#define WORDS_MAX 300u
#define ERRORS_SHOWN 3u
#define WARNINGS_MAX 100u
#define WARNING_BYTES_MAX 4096u

static const struct {
    int status;
    int code;
    const char *text;
} answers[] = {
    { 400, RFE_FAILED, "bad request" },
    { 401, RFE_DENIED, "unauthorized" },
    { 403, RFE_DENIED, "unauthorized" },
    { 404, RFE_NOT_FOUND, "not found" },
    { 405, RFE_FAILED, "unexpected http status code: Method Not Allowed" },
    { 406, RFE_FAILED, "unexpected http status code: Not Acceptable" },
    { 408, RFE_SERVER, "request timeout" },
    { 409, RFE_FAILED, "conflict" },
    { 412, RFE_FAILED, "precondition failed" },
    { 413, RFE_FAILED, "request too large" },
    { 416, RFE_FAILED, "range not satisfiable" },
    { 429, RFE_RATE_LIMITED, "rate limit exceeded" },
    { 499, RFE_SERVER, "the registry gave up" },
    { 500, RFE_SERVER, "unexpected http status code: Internal Server Error" },
    { 501, RFE_FAILED, "unexpected http status code: Not Implemented" },
    { 502, RFE_SERVER, "unexpected http status code: Bad Gateway" },
    { 503, RFE_SERVER, "unexpected http status code: Service Unavailable" },
    { 504, RFE_SERVER, "unexpected http status code: Gateway Timeout" },
    { 505, RFE_FAILED, "unexpected http status code: HTTP Version Not Supported" },
};

/* {"errors":[{"code":...,"message":...}]} of the distribution API; NULL when the body is none. The caller drops the reference. */
static json_t *parse_errors(const struct rf_http_response *resp)
{
    json_t *doc = NULL;
    if (resp->body.len == 0 || resp->body.ptr[0] != '{' ||
        rf_json_parse(rf_buf_slice(&resp->body), resp->body.len, &doc, NULL) < 0)
        return NULL;
    if (!json_is_array(json_object_get(doc, "errors"))) {
        json_decref(doc);
        return NULL;
    }
    return doc;
}

bool rf_answer_has_code(const struct rf_http_response *resp, const char *code)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = parse_errors(resp);
    size_t i;
    const json_t *entry;
    if (doc == NULL)
        return false;
    json_array_foreach (json_object_get(doc, "errors"), i, entry) {
        const char *got = json_string_value(json_object_get(entry, "code"));
        if (got != NULL && strcmp(got, code) == 0)
            return true;
    }
    return false;
}

static void add_entry(struct rf_buf *out, const json_t *entry)
{
    const char *code = json_string_value(json_object_get(entry, "code"));
    const char *message = json_string_value(json_object_get(entry, "message"));
    const char *detail = json_string_value(json_object_get(entry, "detail"));
    const char *parts[] = { code, message, detail };
    const char *lead = out->len > 0 ? ", " : "";
    for (size_t i = 0; i < RF_ARRAY_LEN(parts); i++) {
        if (parts[i] == NULL || parts[i][0] == '\0')
            continue;
        rf_buf_addf(out, "%s%s", lead, parts[i]);
        lead = ": ";
    }
}

/* A plain text body as one line; a page for browsers says nothing in one. */
static void add_plain(struct rf_buf *out, const struct rf_buf *body)
{
    const char *p = body->ptr + strspn(body->ptr, " \t\r\n");
    size_t n = strnlen(p, body->len - (size_t)(p - body->ptr));
    if (*p == '<')
        return;
    for (size_t i = 0; i < n && out->len < WORDS_MAX + 1; i++) {
        char c = p[i];
        bool blank = c == ' ' || c == '\n' || c == '\r' || c == '\t';
        if (!blank)
            rf_buf_add_char(out, c);
        else if (out->len > 0 && out->ptr[out->len - 1] != ' ')
            rf_buf_add_char(out, ' ');
    }
}

/* The registry's own words, safe to print; "" when there are none. The caller frees. */
static char *words_of(const struct rf_http_response *resp)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = parse_errors(resp);
    RF_CLEANUP(rf_buf_release) struct rf_buf words;
    size_t i;
    const json_t *entry;
    rf_buf_init(&words, 128u << 10);
    if (doc != NULL) {
        json_array_foreach (json_object_get(doc, "errors"), i, entry) {
            if (i < ERRORS_SHOWN)
                add_entry(&words, entry);
        }
    } else {
        add_plain(&words, &resp->body);
    }
    while (words.len > 0 && words.ptr[words.len - 1] == ' ')
        words.ptr[--words.len] = '\0';
    return rf_text_safe_dup(rf_buf_slice(&words), WORDS_MAX);
}

static int code_of(int status, const char **text)
{
    for (size_t i = 0; i < RF_ARRAY_LEN(answers); i++) {
        if (answers[i].status == status) {
            *text = answers[i].text;
            return answers[i].code;
        }
    }
    *text = "unexpected http status code";
    return status >= 500 ? RFE_SERVER : RFE_FAILED;
}

int rf_remote_fail(const struct rf_request *call, const struct rf_http_response *resp,
                   struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *url = rf_url_safe(call->url);
    RF_CLEANUP(rf_freep) char *words = words_of(resp);
    const char *text;
    int code = code_of(resp->status, &text);
    int rc = rf_fail(err, code, "%s %s: %s [http %d]%s%s", rf_http_method_name(call->method), url,
                     text, resp->status, words[0] != '\0' ? ": " : "", words);
    if (err != NULL) {
        err->http_status = (uint16_t)resp->status;
        if (code == RFE_RATE_LIMITED || code == RFE_SERVER)
            (void)rf_retry_after(rf_headers_get(&resp->headers, "retry-after"), &err->retry_after);
    }
    if (resp->status == 400 && !call->url->https && strstr(words, "HTTPS") != NULL)
        return rf_hint(err, rc, "this registry wants TLS: leave tls=disabled away");
    return rc;
}

/* distribution-spec, "Warnings": Warning: 299 - "text". */
static bool warning_text(const char *value, struct rf_slice *text)
{
    static const char lead[] = "299 - \"";
    size_t n = strlen(value);
    if (n > WARNING_BYTES_MAX || strncmp(value, lead, sizeof(lead) - 1) != 0 || n < sizeof(lead) ||
        value[n - 1] != '"')
        return false;
    *text = rf_slice_of(value + sizeof(lead) - 1, n - sizeof(lead));
    return true;
}

void rf_remote_warnings(struct rf_remote *r, const struct rf_headers *headers)
{
    size_t pos = 0;
    const char *value;
    while ((value = rf_headers_next(headers, "warning", &pos)) != NULL) {
        struct rf_slice text;
        if (!warning_text(value, &text))
            continue;
        pthread_mutex_lock(&r->lock);
        bool fresh =
            r->warnings.len < WARNINGS_MAX && rf_strings_find(&r->warnings, text) == RF_NO_ID;
        if (fresh)
            rf_strings_add(&r->warnings, text);
        pthread_mutex_unlock(&r->lock);
        if (!fresh)
            continue;
        RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(text, WARNING_BYTES_MAX);
        rf_log(RF_LOG_WARN, "Registry warning message", "registry", r->name, "warning", shown,
               NULL);
    }
}
