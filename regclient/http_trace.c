/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log's record of an exchange, with the names that users know from upstream. Nothing in it may let anybody in: logins, cookies
 * and tokens are left out, and of every URL the values of its query, where signatures and states of uploads stand.
 */
#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "regclient/http_private.h"

#define CENSORED "[censored]"
#define URL_END " \t\"<>"

struct trace {
    struct rf_arena arena;
    const char *sent; /* the credentials of the request: a server might send them back; or NULL */
};

struct table {
    struct rf_log_entry *rows;
    size_t n;
};

static void trace_release(struct trace *t)
{
    rf_arena_release(&t->arena);
}

/* Parts of names: a header that says so of itself holds a secret. Those that ask for a login hold none. */
static bool is_secret(const char *lower)
{
    static const char *const parts[] = {
        "authorization", "authentication-info", "cookie",     "token",  "secret", "passw", "x-auth",
        "-key",          "signature",           "credential", "session"
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(parts); i++)
        if (strstr(lower, parts[i]) != NULL)
            return true;
    return false;
}

/* `p` is behind "//": who logs in there is left out. Returns what follows. */
static const char *skip_user(struct rf_buf *out, const char *p)
{
    rf_buf_add_char(out, '/');
    size_t n = strcspn(p, "/?#" URL_END);
    const char *at = memrchr(p, '@', n);
    if (at == NULL)
        return p;
    rf_buf_add_str(out, CENSORED);
    return at;
}

/* `p` is a query without "?": keys stay, values go, as in rf_url_safe(). Returns what follows. */
static const char *skip_values(struct rf_buf *out, const char *p)
{
    size_t left = strcspn(p, URL_END);
    while (left > 0) {
        size_t part = strcspn(p, "&" URL_END);
        size_t key = strcspn(p, "=&#" URL_END);
        if (key < part && p[key] == '=')
            rf_buf_add(out, p, key + 1);
        if (part > 0)
            rf_buf_add_char(out, '*');
        if (part < left)
            rf_buf_add_char(out, p[part++]);
        p += part;
        left -= part;
    }
    return p;
}

static const char *censor_urls(struct trace *t, const char *value)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 0);
    for (const char *p = value; *p != '\0';) {
        char c = *p++;
        rf_buf_add_char(&out, c);
        if (c == '?' || c == '#')
            p = skip_values(&out, p);
        else if (c == '/' && p[0] == '/' && p[1] != '\0')
            p = skip_user(&out, p + 1);
    }
    return rf_arena_dup(&t->arena, rf_buf_slice(&out));
}

/* Rows are sorted by name, those of one name as they came. */
static void insert(struct table *to, const char *name, const char *value)
{
    size_t i = to->n++;
    for (; i > 0 && strcmp(to->rows[i - 1].name, name) > 0; i--)
        to->rows[i] = to->rows[i - 1];
    to->rows[i] = (struct rf_log_entry){ .name = name, .value = value };
}

/* "Www-Authenticate", however it came. */
static const char *canonical(struct trace *t, struct rf_slice name, bool *secret)
{
    char *text = rf_arena_dup(&t->arena, name);
    for (char *p = text; *p != '\0'; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    *secret = is_secret(text);
    for (char *p = text; *p != '\0'; p++)
        if ((p == text || p[-1] == '-') && *p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
    return text;
}

static void add(struct trace *t, struct table *to, struct rf_slice name, const char *value)
{
    bool secret = false;
    const char *shown = canonical(t, name, &secret);
    const char *safe = secret ? CENSORED : censor_urls(t, value);
    if (t->sent != NULL && strstr(safe, t->sent) != NULL)
        safe = CENSORED;
    insert(to, shown, safe);
}

static const char *after_blanks(const char *p)
{
    return p + strspn(p, " \t");
}

static void note_sent(struct trace *t, struct rf_slice name, const char *value)
{
    if (name.len != 13 || strncasecmp(name.ptr, "authorization", 13) != 0)
        return;
    const char *credentials = after_blanks(value + strcspn(value, " "));
    t->sent = credentials[0] != '\0' ? credentials : NULL;
}

static struct table request_headers(struct trace *t, const struct rf_http_exchange *x)
{
    const struct rf_http_request *req = x->req;
    struct table to = { rf_arena_alloc(&t->arena, (req->n_headers + 1) * sizeof(*to.rows)), 0 };
    add(t, &to, rf_slice_str("user-agent"), x->lane->http->user_agent);
    for (size_t i = 0; i < req->n_headers; i++) {
        size_t n = strcspn(req->headers[i], ":");
        struct rf_slice name = rf_slice_of(req->headers[i], n);
        const char *value =
            after_blanks(req->headers[i][n] == ':' ? req->headers[i] + n + 1 : req->headers[i] + n);
        add(t, &to, name, value);
        note_sent(t, name, value);
    }
    return to;
}

static struct table answer_headers(struct trace *t, const struct rf_headers *h)
{
    struct table to = { rf_arena_alloc(&t->arena, (h->n + 1) * sizeof(*to.rows)), 0 };
    for (size_t i = 0; i < h->n; i++)
        add(t, &to, rf_slice_str(h->names[i]), h->values[i]);
    return to;
}

void rf_http_trace(const struct rf_http_exchange *x)
{
    int level = x->rc < 0 ? RF_LOG_DEBUG : RF_LOG_TRACE;
    if (!rf_log_enabled(level))
        return;
    RF_CLEANUP(trace_release) struct trace t = { .sent = NULL };
    rf_arena_init(&t.arena, 0);
    RF_CLEANUP(rf_freep) char *url = rf_http_shown_url(x->req);
    struct table sent = request_headers(&t, x);
    struct table got = answer_headers(&t, &x->resp->headers);
    struct rf_log_field f[6];
    size_t n = 0;
    f[n++] = rf_log_text("req-method", rf_http_method_name(x->req->method));
    f[n++] = rf_log_text("req-url", url);
    f[n++] = rf_log_map("req-headers", sent.rows, sent.n);
    if (x->rc < 0)
        f[n++] = rf_log_text("err", x->err.msg);
    if (x->resp->status != 0) {
        f[n++] = rf_log_text("resp-status", x->status_text);
        f[n++] = rf_log_map("resp-headers", got.rows, got.n);
    }
    rf_log_fields(level, "reg http request", f, n);
}
