/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/url.h"

#include <arpa/inet.h>

#include "base/mem.h"
#include "base/text.h"

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static char lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char)(c - 'A' + 'a') : c;
}

static bool starts_nocase(struct rf_slice s, const char *prefix)
{
    size_t n = strlen(prefix);
    if (s.len < n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (lower(s.ptr[i]) != prefix[i])
            return false;
    return true;
}

/* Printable ASCII without what some reader of URLs takes for something else. */
static int check_bytes(struct rf_slice s, struct rf_err *err)
{
    if (s.len == 0)
        return rf_fail(err, RFE_INVALID, "the URL is empty");
    if (s.len > RF_URL_MAX)
        return rf_fail(err, RFE_INVALID, "the URL is longer than %u bytes", RF_URL_MAX);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= 0x20 || c >= 0x7f || c == '\\' || c == '"' || c == '<' || c == '>')
            return rf_fail(err, RFE_INVALID, "the URL has the byte 0x%02x", c);
    }
    return 0;
}

static int parse_host6(struct rf_slice host, char **out, struct rf_err *err)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr addr;
    if (host.len == 0 || host.len >= sizeof(text))
        return rf_fail(err, RFE_INVALID, "the URL has no valid IPv6 address");
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    if (inet_pton(AF_INET6, text, &addr) != 1 ||
        inet_ntop(AF_INET6, &addr, text, sizeof(text)) == NULL)
        return rf_fail(err, RFE_INVALID, "the URL has no valid IPv6 address");
    *out = rf_xstrdup(text); /* one spelling for each address, so that origins compare */
    return 0;
}

static int parse_host_name(struct rf_slice host, char **out, struct rf_err *err)
{
    if (host.len == 0 || host.len > 253)
        return rf_fail(err, RFE_INVALID, "the URL has no valid host");
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        bool edge = i == 0 || i + 1 == host.len || host.ptr[i - 1] == '.';
        if (!is_alnum(c) && !(c == '-' && i > 0) && c != '_' && !(c == '.' && !edge))
            return rf_fail(err, RFE_INVALID, "the URL has no valid host");
    }
    char *copy = rf_xstrndup(host.ptr, host.len);
    for (size_t i = 0; i < host.len; i++)
        copy[i] = lower(copy[i]);
    *out = copy;
    return 0;
}

static int parse_port(struct rf_slice text, bool https, uint16_t *port, struct rf_err *err)
{
    uint64_t n = https ? 443 : 80;
    if (text.len > 0 && (text.len > 5 || rf_parse_u64(text, 65535, &n, NULL) < 0 || n == 0))
        return rf_fail(err, RFE_INVALID, "the URL has no valid port");
    *port = (uint16_t)n;
    return 0;
}

/* host[:port], [IPv6][:port]; never userinfo. */
static int parse_authority(struct rf_slice a, struct rf_url *url, struct rf_err *err)
{
    struct rf_slice port = rf_slice_of(NULL, 0);
    int rc;
    if (memchr(a.ptr, '@', a.len) != NULL)
        return rf_fail(err, RFE_INVALID, "the URL carries a user name");
    if (a.len > 0 && a.ptr[0] == '[') {
        const char *end = memchr(a.ptr, ']', a.len);
        if (end == NULL)
            return rf_fail(err, RFE_INVALID, "the URL has no valid IPv6 address");
        size_t n = (size_t)(end - a.ptr);
        if (n + 1 < a.len && a.ptr[n + 1] != ':')
            return rf_fail(err, RFE_INVALID, "the URL has no valid host");
        if (n + 1 < a.len)
            port = rf_slice_of(a.ptr + n + 2, a.len - n - 2);
        rc = parse_host6(rf_slice_of(a.ptr + 1, n - 1), &url->host, err);
    } else {
        const char *colon = memchr(a.ptr, ':', a.len);
        size_t n = colon != NULL ? (size_t)(colon - a.ptr) : a.len;
        if (colon != NULL)
            port = rf_slice_of(colon + 1, a.len - n - 1);
        rc = parse_host_name(rf_slice_of(a.ptr, n), &url->host, err);
    }
    return rc < 0 ? rc : parse_port(port, url->https, &url->port, err);
}

/* RFC 3986, 5.2.4, over a path that starts with "/". */
static char *remove_dots(struct rf_slice path)
{
    char *out = rf_xmalloc(path.len + 2);
    size_t n = 0;
    size_t i = 0;
    while (i < path.len) {
        size_t end = i + 1;
        while (end < path.len && path.ptr[end] != '/')
            end++;
        size_t len = end - i - 1; /* of the segment behind the slash */
        const char *seg = path.ptr + i + 1;
        bool one = len == 1 && seg[0] == '.';
        bool two = len == 2 && seg[0] == '.' && seg[1] == '.';
        if (two)
            while (n > 0 && out[--n] != '/')
                ;
        if (!one && !two) {
            memcpy(out + n, path.ptr + i, len + 1);
            n += len + 1;
        } else if (end == path.len) {
            out[n++] = '/';
        }
        i = end;
    }
    if (n == 0)
        out[n++] = '/';
    out[n] = '\0';
    return out;
}

/* Splits what follows the authority: [path][?query]; a fragment is dropped. */
static void set_path(struct rf_slice rest, bool normalise, struct rf_url *url)
{
    const char *hash = rest.len > 0 ? memchr(rest.ptr, '#', rest.len) : NULL;
    if (hash != NULL)
        rest.len = (size_t)(hash - rest.ptr);
    const char *mark = rest.len > 0 ? memchr(rest.ptr, '?', rest.len) : NULL;
    size_t n = mark != NULL ? (size_t)(mark - rest.ptr) : rest.len;
    if (n == 0)
        url->path = rf_xstrdup("/");
    else if (normalise)
        url->path = remove_dots(rf_slice_of(rest.ptr, n));
    else
        url->path = rf_xstrndup(rest.ptr, n);
    if (mark != NULL)
        url->query = rf_xstrndup(mark + 1, rest.len - n - 1);
}

/* `s` starts behind "//". */
static int parse_rest(struct rf_slice s, bool https, bool normalise, struct rf_url *out,
                      struct rf_err *err)
{
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    size_t n = 0;
    while (n < s.len && s.ptr[n] != '/' && s.ptr[n] != '?' && s.ptr[n] != '#')
        n++;
    url.https = https;
    int rc = parse_authority(rf_slice_of(s.ptr, n), &url, err);
    if (rc < 0)
        return rc;
    set_path(rf_slice_of(s.ptr + n, s.len - n), normalise, &url);
    /* "/" for no path and the one spelling of an address may have made it longer. */
    RF_CLEANUP(rf_freep) char *text = s.len > RF_URL_MAX - 64 ? rf_url_text(&url) : NULL;
    if (text != NULL && strlen(text) > RF_URL_MAX)
        return rf_fail(err, RFE_INVALID, "the URL is longer than %u bytes", RF_URL_MAX);
    *out = url;
    url = (struct rf_url)RF_URL_INIT;
    return 0;
}

static int parse_absolute(struct rf_slice s, bool normalise, struct rf_url *out, struct rf_err *err)
{
    if (starts_nocase(s, "https://"))
        return parse_rest(rf_slice_of(s.ptr + 8, s.len - 8), true, normalise, out, err);
    if (starts_nocase(s, "http://"))
        return parse_rest(rf_slice_of(s.ptr + 7, s.len - 7), false, normalise, out, err);
    return rf_fail(err, RFE_INVALID, "the URL is neither http:// nor https://");
}

int rf_url_parse(const char *text, struct rf_url *out, struct rf_err *err)
{
    struct rf_slice s = rf_slice_str(text);
    int rc = check_bytes(s, err);
    if (rc < 0)
        return rc;
    if (memchr(s.ptr, '#', s.len) != NULL)
        return rf_fail(err, RFE_INVALID, "the URL has a fragment");
    return parse_absolute(s, false, out, err);
}

/* "name:" at the start, RFC 3986 3.1. */
static bool has_scheme(struct rf_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == ':')
            return i > 0;
        if (!is_alnum(c) && c != '+' && c != '-' && c != '.')
            return false;
    }
    return false;
}

int rf_url_resolve(const struct rf_url *base, const char *text, struct rf_url *out,
                   struct rf_err *err)
{
    struct rf_slice s = rf_slice_str(text);
    int rc = check_bytes(s, err);
    if (rc < 0)
        return rc;
    if (has_scheme(s))
        return parse_absolute(s, true, out, err);
    if (s.len >= 2 && s.ptr[0] == '/' && s.ptr[1] == '/')
        return parse_rest(rf_slice_of(s.ptr + 2, s.len - 2), base->https, true, out, err);
    RF_CLEANUP(rf_freep) char *full = NULL;
    if (s.ptr[0] == '/') {
        full = rf_xstrdup(text);
    } else if (s.ptr[0] == '?' || s.ptr[0] == '#') {
        full = rf_xasprintf("%s%s", base->path, text);
    } else {
        size_t dir = (size_t)(strrchr(base->path, '/') - base->path) + 1;
        full = rf_xasprintf("%.*s%s", (int)dir, base->path, text);
    }
    if (strlen(full) > RF_URL_MAX)
        return rf_fail(err, RFE_INVALID, "the URL is longer than %u bytes", RF_URL_MAX);
    struct rf_url url = { .https = base->https,
                          .host = rf_xstrdup(base->host),
                          .port = base->port };
    set_path(rf_slice_str(full), true, &url);
    *out = url;
    return 0;
}

void rf_url_release(struct rf_url *u)
{
    free(u->host);
    free(u->path);
    free(u->query);
    *u = (struct rf_url)RF_URL_INIT;
}

void rf_url_copy(const struct rf_url *from, struct rf_url *to)
{
    *to = (struct rf_url){ .https = from->https,
                           .host = rf_xstrdup(from->host),
                           .port = from->port,
                           .path = rf_xstrdup(from->path),
                           .query = rf_xstrdup(from->query) };
}

static void add_origin(struct rf_buf *b, const struct rf_url *u)
{
    bool v6 = strchr(u->host, ':') != NULL;
    rf_buf_add_str(b, u->https ? "https://" : "http://");
    rf_buf_addf(b, v6 ? "[%s]" : "%s", u->host);
    if (u->port != (u->https ? 443 : 80))
        rf_buf_addf(b, ":%u", (unsigned)u->port);
}

char *rf_url_text(const struct rf_url *u)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    add_origin(&b, u);
    rf_buf_add_str(&b, u->path);
    if (u->query != NULL)
        rf_buf_addf(&b, "?%s", u->query);
    return rf_buf_take(&b, NULL);
}

char *rf_url_safe(const struct rf_url *u)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    add_origin(&b, u);
    rf_buf_add_str(&b, u->path);
    const char *q = u->query;
    char lead = '?';
    while (q != NULL && *q != '\0') {
        size_t all = strcspn(q, "&");
        size_t key = strcspn(q, "=&");
        rf_buf_add_char(&b, lead);
        /* A part without "=" may be all value. */
        if (key < all)
            rf_buf_add(&b, q, key + 1);
        rf_buf_add_char(&b, '*');
        lead = '&';
        q += all;
        if (*q == '&')
            q++;
    }
    return rf_buf_take(&b, NULL);
}

bool rf_url_same_origin(const struct rf_url *a, const struct rf_url *b)
{
    return a->https == b->https && a->port == b->port && strcmp(a->host, b->host) == 0;
}

void rf_url_escape(struct rf_buf *out, struct rf_slice s, bool keep_slash)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~' || (c == '/' && keep_slash))
            rf_buf_add_char(out, c);
        else
            rf_buf_addf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
}

void rf_url_add_query(struct rf_url *u, const char *key, const char *value)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    if (u->query != NULL && u->query[0] != '\0') {
        rf_buf_add_str(&b, u->query);
        if (b.ptr[b.len - 1] != '&')
            rf_buf_add_char(&b, '&');
    }
    rf_url_escape(&b, rf_slice_str(key), false);
    rf_buf_add_char(&b, '=');
    rf_url_escape(&b, rf_slice_str(value), false);
    free(u->query);
    u->query = rf_buf_take(&b, NULL);
}
