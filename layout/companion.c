/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/companion.h"

#include "base/file.h"
#include "base/lines.h"
#include "base/mem.h"
#include "base/text.h"
#include "manifests/reference.h"

#include <strings.h>
#include <unistd.h>

#define VERSION 1

static const char *const kind_names[] = { "request", "inventory", "receipt" };
static const char *const version_keys[] = { "requestVersion", "inventoryVersion",
                                            "receiptVersion" };

const char *rf_companion_kind_name(enum rf_companion_kind kind)
{
    return kind_names[kind];
}

/* ---- values ---- */

int rf_companion_text(const json_t *v, size_t max, char **out, struct rf_err *err)
{
    const char *text = json_string_value(v);
    size_t len = json_string_length(v);
    if (text == NULL)
        return rf_fail(err, RFE_INVALID, "not a string");
    if (len > max || memchr(text, '\0', len) != NULL)
        return rf_fail(err, RFE_INVALID, "not a string of at most %zu bytes", max);
    free(*out);
    *out = rf_xstrdup(text);
    return 0;
}

int rf_companion_digest(const json_t *v, struct rf_digest *out, struct rf_err *err)
{
    if (!json_is_string(v))
        return rf_fail(err, RFE_INVALID, "not a string");
    return rf_digest_parse(rf_slice_of(json_string_value(v), json_string_length(v)), out, err);
}

static int site_value(const json_t *v, char out[RF_SITE_MAX + 1], struct rf_err *err)
{
    struct rf_slice text = rf_slice_of(json_string_value(v), json_string_length(v));
    if (!json_is_string(v) || !rf_site_valid(text))
        return rf_fail(err, RFE_INVALID, "not a site name");
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return 0;
}

static int chain_value(const json_t *v, char out[RF_CHAIN_HEX + 1], struct rf_err *err)
{
    uint8_t bytes[RF_CHAIN_HEX / 2];
    struct rf_slice text = rf_slice_of(json_string_value(v), json_string_length(v));
    if (!json_is_string(v) || !rf_hex_decode(text, bytes, sizeof(bytes)))
        return rf_fail(err, RFE_INVALID, "not %d hexadecimal digits", RF_CHAIN_HEX);
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return 0;
}

static int time_value(const json_t *v, char **out, struct rf_err *err)
{
    time_t t;
    char text[32];
    if (!json_is_string(v))
        return rf_fail(err, RFE_INVALID, "not a string");
    int rc = rf_text_time_parse(rf_slice_of(json_string_value(v), json_string_length(v)), &t, err);
    if (rc < 0)
        return rc;
    free(*out);
    *out = rf_xstrdup(rf_text_time(t, text)); /* so that times can be compared as texts */
    return 0;
}

static int number_value(const json_t *v, uint64_t *out, struct rf_err *err)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return rf_fail(err, RFE_INVALID, "not a whole number");
    *out = (uint64_t)json_integer_value(v);
    return 0;
}

int rf_companion_image_read(const json_t *obj, struct rf_strings *strings,
                            struct rf_companion_image *out, struct rf_err *err)
{
    const char *repository = "", *tag = "";
    int rc = rf_json_string(obj, "repository", "", RF_JSON_REQUIRED, &repository, err);
    if (rc == 0)
        rc = rf_json_string(obj, "tag", "", RF_JSON_REQUIRED, &tag, err);
    if (rc == 0 &&
        (rc = rf_companion_digest(json_object_get(obj, "digest"), &out->digest, err)) < 0)
        return rf_wrap(err, rc, "digest");
    if (rc < 0)
        return rc;
    if (!rf_repository_valid(rf_slice_str(repository)))
        return rf_fail(err, RFE_INVALID, "repository: not a repository name");
    if (tag[0] != '\0' && !rf_tag_valid(rf_slice_str(tag)))
        return rf_fail(err, RFE_INVALID, "tag: not a tag");
    out->repository = rf_strings_add(strings, rf_slice_str(repository));
    out->tag = rf_strings_add(strings, rf_slice_str(tag));
    return 0;
}

int rf_companion_image_cmp(const struct rf_strings *strings, const struct rf_companion_image *a,
                           const struct rf_companion_image *b)
{
    int c = strcmp(rf_strings_get(strings, a->repository), rf_strings_get(strings, b->repository));
    if (c == 0)
        c = strcmp(rf_strings_get(strings, a->tag), rf_strings_get(strings, b->tag));
    return c != 0 ? c : rf_digest_cmp(&a->digest, &b->digest);
}

/* ---- reading ---- */

struct reader {
    enum rf_companion_kind kind;
    const struct rf_companion_member *members;
    size_t n, next; /* next: the member that has to stand next */
    void *ctx;
    struct rf_lines lines;
    struct rf_strings unknown;
};

static int next_line(struct reader *r, struct rf_slice *line, struct rf_err *err)
{
    int rc = rf_lines_next(&r->lines, line, err);
    if (rc == 0 || (rc > 0 && r->lines.ended))
        return rf_fail(err, RFE_INVALID,
                       "it ends in the middle: it was cut off on its way; bring it once more");
    return rc < 0 ? rc : 0;
}

/* Takes the comma off the end of a line; false when there was none. */
static bool take_comma(struct rf_slice *line)
{
    if (line->len == 0 || line->ptr[line->len - 1] != ',')
        return false;
    line->len--;
    return true;
}

/* A bare value is no document for every parser, so it is read inside of brackets. */
static int parse_value(struct rf_slice value, json_t **out, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf wrapped;
    RF_CLEANUP(rf_json_decrefp) json_t *v = NULL;
    rf_buf_init(&wrapped, RF_COMPANION_LINE_MAX + 2);
    rf_buf_add_char(&wrapped, '[');
    rf_buf_add(&wrapped, value.ptr, value.len);
    rf_buf_add_char(&wrapped, ']');
    int rc = rf_json_parse(rf_buf_slice(&wrapped), RF_COMPANION_LINE_MAX + 2, &v, err);
    if (rc < 0)
        return rc;
    if (json_array_size(v) != 1)
        return rf_fail(err, RFE_INVALID, "not one value");
    *out = json_incref(json_array_get(v, 0));
    return 0;
}

static int read_one(const struct reader *r, const struct rf_companion_member *m, const json_t *v,
                    struct rf_err *err)
{
    void *field = (char *)r->ctx + m->offset;
    switch (m->value) {
    case RF_COMPANION_READ:
        return m->read(r->ctx, v, err);
    case RF_COMPANION_SITE:
        return site_value(v, field, err);
    case RF_COMPANION_CHAIN:
        return chain_value(v, field, err);
    case RF_COMPANION_DIGEST:
        return rf_companion_digest(v, field, err);
    case RF_COMPANION_NUMBER:
        return number_value(v, field, err);
    case RF_COMPANION_TIME:
        return time_value(v, field, err);
    case RF_COMPANION_NAME:
        return rf_companion_text(v, RF_COMPANION_NAME_MAX, field, err);
    case RF_COMPANION_TOOL:
        return rf_companion_text(v, RF_BUNDLE_TOOL_MAX, field, err);
    }
    return rf_fail(err, RFE_FAILED, "%s: no such kind of value", m->key);
}

static int read_elements(struct reader *r, const struct rf_companion_member *m, bool *comma,
                         struct rf_err *err)
{
    bool more = true;
    for (size_t n = 0;; n++) {
        struct rf_slice line;
        RF_CLEANUP(rf_json_decrefp) json_t *v = NULL;
        int rc = next_line(r, &line, err);
        if (rc < 0)
            return rc;
        if (rf_slice_is(line, "]") || rf_slice_is(line, "],")) {
            *comma = line.len == 2;
            return n > 0 && more ? rf_fail(err, RFE_INVALID, "a comma behind the last element") : 0;
        }
        if (!more)
            return rf_fail(err, RFE_INVALID, "no comma before element %zu", n);
        more = take_comma(&line);
        rc = parse_value(line, &v, err);
        if (rc == 0 && m != NULL)
            rc = read_one(r, m, v, err);
        if (rc < 0)
            return rf_wrap(err, rc, "[%zu]", n);
    }
}

/* Another version may mean anything, so it is told before all else. */
static int check_version(const struct reader *r, const json_t *v, struct rf_err *err)
{
    if (!json_is_integer(v))
        return rf_fail(err, RFE_INVALID, "not an integer");
    if (json_integer_value(v) != VERSION)
        return rf_fail(err, RFE_UNSUPPORTED,
                       "%s format %lld is not known to this version, which reads %d",
                       kind_names[r->kind], (long long)json_integer_value(v), VERSION);
    return 0;
}

static bool is_plain(struct rf_slice name)
{
    bool plain = name.len > 0 && name.len <= 64;
    for (size_t i = 0; i < name.len && plain; i++) {
        char c = name.ptr[i];
        plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    }
    return plain;
}

/* A member that is passed over must be one that no other reader takes for a known one. */
static int pass_over(struct reader *r, struct rf_slice name, struct rf_err *err)
{
    if (!is_plain(name))
        return rf_fail(err, RFE_INVALID, "not a member of the document");
    for (size_t i = 0; i < r->n; i++)
        if (strlen(r->members[i].key) == name.len &&
            strncasecmp(r->members[i].key, name.ptr, name.len) == 0)
            return rf_fail(err, RFE_INVALID, "%s: twice, out of order, or in other letters",
                           r->members[i].key);
    if (rf_strings_find(&r->unknown, name) != RF_NO_ID)
        return rf_fail(err, RFE_INVALID, "an unknown member twice");
    if (r->unknown.len == RF_COMPANION_UNKNOWN_MAX)
        return rf_fail(err, RFE_INVALID, "more than %u unknown members", RF_COMPANION_UNKNOWN_MAX);
    (void)rf_strings_add(&r->unknown, name);
    return 0;
}

static int read_value(struct reader *r, const struct rf_companion_member *m, struct rf_slice value,
                      bool *comma, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *v = NULL;
    if (rf_slice_is(value, "[")) {
        if (m != NULL && !m->list)
            return rf_fail(err, RFE_INVALID, "not a value in one line");
        return read_elements(r, m, comma, err);
    }
    *comma = take_comma(&value);
    if (m != NULL && m->list)
        return rf_fail(err, RFE_INVALID, "not an array of lines");
    int rc = parse_value(value, &v, err);
    if (rc < 0 || m == NULL)
        return rc;
    return m == r->members ? check_version(r, v, err) : read_one(r, m, v, err);
}

/* The first member says what a document is. */
static int not_this(const struct reader *r, struct rf_slice name, struct rf_err *err)
{
    static const char *const uses[] = { "regexport create --request takes it",
                                        "regexport create --base takes it",
                                        "regexport record takes it" };
    for (unsigned i = 0; i < RF_ARRAY_LEN(version_keys); i++)
        if (rf_slice_is(name, version_keys[i]))
            return rf_fail(err, RFE_INVALID, "it does not begin with %s: it is a%s %s; %s",
                           r->members[0].key, i == RF_COMPANION_INVENTORY ? "n" : "", kind_names[i],
                           uses[i]);
    return rf_fail(err, RFE_INVALID, "it does not begin with %s", r->members[0].key);
}

static int read_member(struct reader *r, struct rf_slice line, bool *comma, struct rf_err *err)
{
    const char *end = line.len > 1 ? memchr(line.ptr + 1, '"', line.len - 1) : NULL;
    if (end == NULL || line.ptr[0] != '"' || end + 1 >= line.ptr + line.len || end[1] != ':')
        return rf_fail(err, RFE_INVALID, "not a member of the document");
    struct rf_slice name = rf_slice_of(line.ptr + 1, (size_t)(end - line.ptr - 1));
    struct rf_slice value = rf_slice_of(end + 2, (size_t)(line.ptr + line.len - end - 2));
    const struct rf_companion_member *m = NULL;
    int rc = 0;
    if (r->next < r->n && rf_slice_is(name, r->members[r->next].key))
        m = &r->members[r->next++];
    else if (r->next == 0)
        return not_this(r, name, err);
    else
        rc = pass_over(r, name, err);
    if (rc == 0)
        rc = read_value(r, m, value, comma, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", m != NULL ? m->key : "an unknown member") : 0;
}

static int read_document(struct reader *r, struct rf_err *err)
{
    struct rf_slice line;
    int rc = next_line(r, &line, err);
    if (rc == 0 && rf_slice_is(line, "{\r"))
        rc = rf_fail(
            err, RFE_INVALID,
            "its lines end in CR and LF: it was changed on its way; carry it as a file, byte for byte");
    else if (rc == 0 && !rf_slice_is(line, "{"))
        rc = rf_fail(err, RFE_INVALID, "it does not begin as one: that is another kind of file");
    for (bool comma = true; rc == 0;) {
        rc = next_line(r, &line, err);
        if (rc == 0 && rf_slice_is(line, "}")) {
            if (comma || r->next < r->n)
                return rf_fail(err, RFE_INVALID, "it ends without %s",
                               r->next < r->n ? r->members[r->next].key : "its last member");
            break;
        }
        if (rc == 0 && !comma)
            rc = rf_fail(err, RFE_INVALID, "no comma behind a member");
        if (rc == 0)
            rc = read_member(r, line, &comma, err);
    }
    if (rc == 0)
        rc = rf_lines_next(&r->lines, &line, err);
    return rc > 0 ? rf_fail(err, RFE_INVALID, "something stands behind its end") : rc;
}

int rf_companion_load(const char *path, enum rf_companion_kind kind,
                      const struct rf_companion_member *members, size_t n, void *ctx,
                      struct rf_err *err)
{
    int fd = -1;
    uint64_t size;
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_file_open(path, &fd, &size, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_fd_owned(fd, 0, size);
    struct reader r = { .kind = kind, .members = members, .n = n, .ctx = ctx };
    rf_lines_init(&r.lines, src, RF_COMPANION_LINE_MAX);
    rf_strings_init(&r.unknown);
    if (size > RF_COMPANION_MAX)
        rc = rf_fail(&why, RFE_INVALID, "it has more than %u bytes", RF_COMPANION_MAX);
    else if (size == 0)
        rc = rf_fail(&why, RFE_INVALID, "it is empty");
    else
        rc = read_document(&r, &why);
    unsigned long long line = r.lines.number;
    rf_lines_release(&r.lines);
    rf_strings_release(&r.unknown);
    if (rc == 0)
        return 0;
    /* a line over a limit, or a file that shrinks, is damage like any other */
    if (rc == -RFE_TOO_LARGE || rc == -RFE_SIZE_MISMATCH)
        rc = -RFE_INVALID;
    if (line == 0)
        return rf_fail(err, -rc, "%s %s: %s", kind_names[kind], path, why.msg);
    return rf_fail(err, -rc, "%s %s line %llu: %s", kind_names[kind], path, line, why.msg);
}

int rf_companion_detect(const char *path, enum rf_companion_kind *out, struct rf_err *err)
{
    int fd = -1;
    uint64_t size;
    char head[64] = "";
    int rc = rf_file_open(path, &fd, &size, err);
    if (rc < 0)
        return rc;
    rc = rf_pread_full(fd, head, size < sizeof(head) - 1 ? (size_t)size : sizeof(head) - 1, 0, err);
    rf_closep(&fd);
    if (rc < 0)
        return rf_wrap(err, rc, "%s", path);
    for (unsigned i = 0; i < RF_ARRAY_LEN(version_keys); i++) {
        size_t n = strlen(version_keys[i]);
        if (strncmp(head, "{\n\"", 3) == 0 && strncmp(head + 3, version_keys[i], n) == 0 &&
            head[3 + n] == '"') {
            *out = (enum rf_companion_kind)i;
            return 0;
        }
    }
    if (size == 0)
        return rf_fail(err, RFE_INVALID,
                       "%s: it is empty: neither a request nor an inventory nor a receipt", path);
    if (head[0] == '{' && head[1] == '\r')
        return rf_fail(
            err, RFE_INVALID,
            "%s: its lines end in CR and LF: it was changed on its way; carry it as a file, byte for byte",
            path);
    return rf_fail(err, RFE_INVALID, "%s: neither a request nor an inventory nor a receipt", path);
}

/* ---- writing ---- */

void rf_companion_begin(struct rf_buf *out, enum rf_companion_kind kind)
{
    rf_buf_addf(out, "{\n\"%s\":%d", version_keys[kind], VERSION);
}

void rf_companion_key(struct rf_buf *out, const char *key)
{
    rf_buf_addf(out, ",\n\"%s\":", key);
}

void rf_companion_list(struct rf_buf *out, const char *key)
{
    rf_buf_addf(out, ",\n\"%s\":[", key);
}

void rf_companion_element(struct rf_buf *out)
{
    bool first = out->len > 0 && out->ptr[out->len - 1] == '[';
    rf_buf_add_str(out, first ? "\n" : ",\n");
}

void rf_companion_list_end(struct rf_buf *out)
{
    rf_buf_add_str(out, "\n]");
}

int rf_companion_end(struct rf_buf *out, enum rf_companion_kind kind, struct rf_err *err)
{
    rf_buf_add_str(out, "\n}\n");
    if (out->rc < 0 || out->len > RF_COMPANION_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "the %s would pass %u bytes", kind_names[kind],
                       RF_COMPANION_MAX);
    for (const char *at = out->ptr, *end; (end = strchr(at, '\n')) != NULL; at = end + 1)
        if ((size_t)(end - at) > RF_COMPANION_LINE_MAX)
            return rf_fail(err, RFE_TOO_LARGE, "a line of the %s would pass %u bytes",
                           kind_names[kind], RF_COMPANION_LINE_MAX);
    return 0;
}

void rf_companion_add_text(struct rf_buf *out, const char *key, const char *text)
{
    rf_buf_addf(out, "\"%s\":", key);
    rf_json_add_string(out, text);
}

void rf_companion_add_digest(struct rf_buf *out, const char *key, const struct rf_digest *d)
{
    char text[RF_DIGEST_TEXT];
    rf_buf_addf(out, "\"%s\":\"%s\"", key, rf_digest_text(d, text));
}

void rf_companion_add_image(struct rf_buf *out, const struct rf_strings *strings,
                            const struct rf_companion_image *im)
{
    rf_buf_add_char(out, '{');
    rf_companion_add_text(out, "repository", rf_strings_get(strings, im->repository));
    rf_buf_add_char(out, ',');
    rf_companion_add_text(out, "tag", rf_strings_get(strings, im->tag));
    rf_buf_add_char(out, ',');
    rf_companion_add_digest(out, "digest", &im->digest);
}

int rf_companion_save(const char *path, struct rf_slice text, struct rf_err *err)
{
    if (strcmp(path, "-") != 0)
        return rf_file_write(path, text, 0666, err);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_fd(STDOUT_FILENO);
    int rc = rf_sink_write(sink, text.ptr, text.len, err);
    return rc < 0 ? rc : rf_sink_commit(sink, err);
}
