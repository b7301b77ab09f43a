/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/http_header.h"

#include <strings.h>

#include <curl/curl.h>

#include "base/mem.h"
#include "base/text.h"

#define CHALLENGES_MAX 32
#define RETRY_AFTER_MAX 3600u

void rf_headers_clear(struct rf_headers *h)
{
    for (size_t i = 0; i < h->n; i++) {
        free(h->names[i]);
        free(h->values[i]);
    }
    h->n = 0;
    h->bytes = 0;
}

void rf_headers_release(struct rf_headers *h)
{
    rf_headers_clear(h);
    free(h->names);
    free(h->values);
    *h = (struct rf_headers){ 0 };
}

/* RFC 9110, 5.6.2. */
static bool is_token_char(char c)
{
    return c > 0x20 && c < 0x7f && strchr("()<>@,;:\\\"/[]?={}", c) == NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct rf_slice trim(struct rf_slice s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

static int check_value(struct rf_slice v, struct rf_err *err)
{
    for (size_t i = 0; i < v.len; i++) {
        unsigned char c = (unsigned char)v.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return rf_fail(err, RFE_INVALID, "a header of the answer has the byte 0x%02x", c);
    }
    return 0;
}

/* A folded line (RFC 9112, 5.2) goes on with the value before it. */
static int add_folded(struct rf_headers *h, struct rf_slice line, struct rf_err *err)
{
    struct rf_slice v = trim(line);
    if (h->n == 0)
        return rf_fail(err, RFE_INVALID, "the headers of the answer start with a folded line");
    int rc = check_value(v, err);
    if (rc < 0)
        return rc;
    char *old = h->values[h->n - 1];
    h->values[h->n - 1] = rf_xasprintf("%s %.*s", old, (int)v.len, v.ptr);
    free(old);
    return 0;
}

int rf_headers_add(struct rf_headers *h, struct rf_slice line, struct rf_err *err)
{
    while (line.len > 0 && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r'))
        line.len--;
    if (line.len == 0)
        return rf_fail(err, RFE_INVALID, "an empty header line");
    if (h->bytes + line.len > RF_HEADERS_MAX || h->n >= RF_HEADER_LINES_MAX)
        return rf_fail(err, RFE_TOO_LARGE,
                       "the headers of the answer are over %u bytes or %u lines", RF_HEADERS_MAX,
                       (unsigned)RF_HEADER_LINES_MAX);
    h->bytes += line.len;
    if (is_blank(line.ptr[0]))
        return add_folded(h, line, err);
    size_t n = 0;
    while (n < line.len && is_token_char(line.ptr[n]))
        n++;
    if (n == 0 || n >= line.len || line.ptr[n] != ':')
        return rf_fail(err, RFE_INVALID, "a header line of the answer has no name");
    struct rf_slice v = trim(rf_slice_of(line.ptr + n + 1, line.len - n - 1));
    int rc = check_value(v, err);
    if (rc < 0)
        return rc;
    if (h->n == h->cap) {
        size_t cap = h->cap == 0 ? 16 : h->cap * 2;
        h->names = rf_xreallocarray(h->names, cap, sizeof(*h->names));
        h->values = rf_xreallocarray(h->values, cap, sizeof(*h->values));
        h->cap = cap;
    }
    char *name = rf_xstrndup(line.ptr, n);
    for (size_t i = 0; i < n; i++)
        if (name[i] >= 'A' && name[i] <= 'Z')
            name[i] = (char)(name[i] - 'A' + 'a');
    h->names[h->n] = name;
    h->values[h->n] = rf_xstrndup(v.len > 0 ? v.ptr : "", v.len);
    h->n++;
    return 0;
}

const char *rf_headers_next(const struct rf_headers *h, const char *name, size_t *pos)
{
    while (*pos < h->n) {
        size_t i = (*pos)++;
        if (strcasecmp(h->names[i], name) == 0)
            return h->values[i];
    }
    return NULL;
}

const char *rf_headers_get(const struct rf_headers *h, const char *name)
{
    size_t pos = 0;
    return rf_headers_next(h, name, &pos);
}

static const char *skip_blanks(const char *p)
{
    while (is_blank(*p))
        p++;
    return p;
}

/* A quoted string; *p is at the quote. Appends its text; false without an end. */
static bool read_quoted(const char **p, struct rf_buf *out)
{
    const char *q = *p + 1;
    while (*q != '"') {
        if (*q == '\\' && q[1] != '\0')
            q++;
        if (*q == '\0')
            return false;
        rf_buf_add_char(out, *q++);
    }
    *p = q + 1;
    return true;
}

/* A token or a quoted string; a bare value may hold all but blanks and separators, since servers forget the quotes. */
static bool read_value(const char **p, const char *stop, struct rf_buf *out)
{
    if (**p == '"')
        return read_quoted(p, out);
    size_t n = strcspn(*p, stop);
    rf_buf_add(out, *p, n);
    *p += n;
    return true;
}

static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; *p != '\0';) {
        size_t len = strcspn(p, " \t");
        if (len == n && strncasecmp(p, word, n) == 0)
            return true;
        p += len;
        p += strspn(p, " \t");
    }
    return false;
}

/* The parameters of one link; *p is behind ">". *next when one of them is rel=next. */
static bool link_params(const char **p, bool *next)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf value;
    rf_buf_init(&value, RF_HEADERS_MAX);
    bool seen_rel = false;
    for (;;) {
        *p = skip_blanks(*p);
        if (**p != ';')
            return **p == ',' || **p == '\0';
        *p = skip_blanks(*p + 1);
        const char *name = *p;
        while (is_token_char(**p))
            (*p)++;
        size_t len = (size_t)(*p - name);
        *p = skip_blanks(*p);
        if (**p != '=')
            continue;
        *p = skip_blanks(*p + 1);
        rf_buf_clear(&value);
        if (!read_value(p, " \t;,", &value))
            return false;
        /* RFC 8288, 3.3: later rel parameters are ignored. */
        if (len == 3 && strncasecmp(name, "rel", 3) == 0 && !seen_rel) {
            seen_rel = true;
            *next = has_word(value.ptr, "next");
        }
    }
}

static int link_value(const char *p, char **out, struct rf_err *err)
{
    while (*(p = p + strspn(p, " \t,")) != '\0') {
        const char *end = *p == '<' ? strchr(p, '>') : NULL;
        if (end == NULL)
            return rf_fail(err, RFE_INVALID, "a Link header without <target>");
        const char *target = p + 1;
        bool next = false;
        p = end + 1;
        if (!link_params(&p, &next))
            return rf_fail(err, RFE_INVALID, "a Link header that cannot be read");
        if (next) {
            *out = rf_xstrndup(target, (size_t)(end - target));
            return 0;
        }
    }
    return 0;
}

int rf_link_next(const struct rf_headers *h, char **out, struct rf_err *err)
{
    size_t pos = 0;
    const char *value;
    char *target = NULL;
    while (target == NULL && (value = rf_headers_next(h, "link", &pos)) != NULL) {
        int rc = link_value(value, &target, err);
        if (rc < 0)
            return rc;
    }
    *out = target;
    return 0;
}

/* Digits up to one of `stop`; *p is moved behind that byte (or to the end of the text). */
static bool read_number(const char **p, char stop, uint64_t *out)
{
    const char *end = stop != '\0' ? strchr(*p, stop) : *p + strlen(*p);
    if (end == NULL ||
        rf_parse_u64(rf_slice_of(*p, (size_t)(end - *p)), UINT64_MAX - 1, out, NULL) < 0)
        return false;
    *p = stop != '\0' ? end + 1 : end;
    return true;
}

int rf_content_range(const char *value, uint64_t *first, uint64_t *last, uint64_t *total,
                     struct rf_err *err)
{
    uint64_t a = 0;
    uint64_t b = 0;
    uint64_t t = UINT64_MAX;
    const char *p = value != NULL ? value : "";
    bool good = strncasecmp(p, "bytes", 5) == 0 && is_blank(p[5]);
    if (good) {
        p = skip_blanks(p + 5);
        good = read_number(&p, '-', &a) && read_number(&p, '/', &b) && a <= b;
    }
    if (good && strcmp(p, "*") != 0)
        good = read_number(&p, '\0', &t) && b < t;
    if (!good)
        return rf_fail(err, RFE_INVALID, "the Content-Range of the answer is wrong");
    *first = a;
    *last = b;
    *total = t;
    return 0;
}

/*
 * OCI distribution-spec, "Pushing a blob in chunks": Range: 0-N means that N+1 bytes are held. docker-registry says 0-0 for a session
 * that holds nothing, and would say the same for one byte; it is read as nothing, and a caller who sent one single byte knows better.
 */
int rf_upload_range(const char *value, uint64_t *received, struct rf_err *err)
{
    uint64_t a = 0;
    uint64_t b = 0;
    const char *p = value != NULL ? value : "";
    if (strncasecmp(p, "bytes=", 6) == 0)
        p += 6;
    if (!read_number(&p, '-', &a) || !read_number(&p, '\0', &b) || a != 0)
        return rf_fail(err, RFE_INVALID, "the Range of the upload is wrong");
    *received = b == 0 ? 0 : b + 1;
    return 0;
}

bool rf_retry_after(const char *value, uint32_t *seconds)
{
    uint64_t n = 0;
    if (value == NULL || value[0] == '\0' || strlen(value) > 64)
        return false;
    if (strspn(value, "0123456789") == strlen(value)) {
        if (rf_parse_u64(rf_slice_str(value), UINT64_MAX, &n, NULL) < 0)
            n = RETRY_AFTER_MAX;
    } else {
        /* Every HTTP date starts with the name of a day; the library's reader alone would take much more for a date. */
        if ((value[0] < 'A' || value[0] > 'Z') || strchr(value, ':') == NULL)
            return false;
        time_t when = curl_getdate(value, NULL);
        time_t now = time(NULL);
        if (when < 0)
            return false;
        n = when > now ? (uint64_t)(when - now) : 0;
    }
    *seconds = n > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : (uint32_t)n;
    return true;
}

/* ---- WWW-Authenticate ---- */

struct challenge_list {
    struct rf_challenge *list;
    size_t n, cap;
};

static bool set_param(struct rf_challenge *c, struct rf_slice name, const char *value)
{
    char **slot = NULL;
    static const char *const names[] = { "realm", "service", "scope", "error" };
    char **slots[] = { &c->realm, &c->service, &c->scope, &c->error };
    for (size_t i = 0; i < RF_ARRAY_LEN(names); i++)
        if (name.len == strlen(names[i]) && strncasecmp(name.ptr, names[i], name.len) == 0)
            slot = slots[i];
    if (slot == NULL)
        return true;
    if (*slot != NULL)
        return false; /* said twice: no way to tell which one is meant */
    *slot = rf_xstrdup(value);
    return true;
}

/* At "name = value"? Then *name and *value (where it starts) are set. */
static bool at_param(const char *p, struct rf_slice *name, const char **value)
{
    const char *q = p;
    while (is_token_char(*q))
        q++;
    *name = rf_slice_of(p, (size_t)(q - p));
    q = skip_blanks(q);
    if (name->len == 0 || *q != '=')
        return false;
    q = skip_blanks(q + 1);
    if (*q == '=' || *q == ',' || *q == '\0')
        return false; /* padding of a token68 */
    *value = q;
    return true;
}

static struct rf_challenge *new_challenge(struct challenge_list *l, struct rf_slice scheme)
{
    l->list = rf_grow(l->list, l->n, &l->cap, sizeof(*l->list));
    struct rf_challenge *c = &l->list[l->n++];
    *c = (struct rf_challenge){ .scheme = rf_xstrndup(scheme.ptr, scheme.len) };
    for (char *s = c->scheme; *s != '\0'; s++)
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s - 'A' + 'a');
    return c;
}

/* The start of a challenge: its scheme, and a token68 which nobody here needs. */
static bool read_scheme(const char **p, struct challenge_list *l)
{
    const char *q = *p;
    struct rf_slice name;
    const char *value;
    while (is_token_char(*q))
        q++;
    if (q == *p || l->n >= CHALLENGES_MAX)
        return false;
    new_challenge(l, rf_slice_of(*p, (size_t)(q - *p)));
    if (*q != '\0' && *q != ',' && !is_blank(*q))
        return false;
    q = skip_blanks(q);
    if (*q != ',' && *q != '\0' && !at_param(q, &name, &value)) {
        q += strcspn(q, ", \t");
        q = skip_blanks(q);
        if (*q != ',' && *q != '\0')
            return false;
    }
    *p = q;
    return true;
}

static bool parse_challenges(const char *p, struct challenge_list *l)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, RF_HEADERS_MAX);
    size_t before = l->n;
    while (*(p = p + strspn(p, " \t,")) != '\0') {
        struct rf_slice name;
        const char *value;
        if (l->n == before || !at_param(p, &name, &value)) {
            if (!read_scheme(&p, l))
                return false;
            continue;
        }
        rf_buf_clear(&text);
        p = value;
        if (!read_value(&p, " \t,", &text) || !set_param(&l->list[l->n - 1], name, text.ptr))
            return false;
    }
    return true;
}

int rf_challenges_parse(const struct rf_headers *h, struct rf_challenge **out, size_t *n,
                        struct rf_err *err)
{
    struct challenge_list l = { 0 };
    size_t pos = 0;
    const char *value;
    while ((value = rf_headers_next(h, "www-authenticate", &pos)) != NULL) {
        if (!parse_challenges(value, &l)) {
            rf_challenges_free(l.list, l.n);
            return rf_fail(err, RFE_INVALID, "the WWW-Authenticate header cannot be read");
        }
    }
    *out = l.list;
    *n = l.n;
    return 0;
}

void rf_challenges_free(struct rf_challenge *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].scheme);
        free(list[i].realm);
        free(list[i].service);
        free(list[i].scope);
        free(list[i].error);
    }
    free(list);
}
