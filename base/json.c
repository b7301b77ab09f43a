/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void seed(void)
{
    json_object_seed(0);
}

struct shape {
    unsigned depth;
    bool is_object[RF_JSON_DEPTH + 1];
    uint32_t keys[RF_JSON_DEPTH + 1];
};

/* Behind the closing quote of the string that starts at `at`, or the end of the text. */
static size_t pass_string(struct rf_slice s, size_t at)
{
    for (at++; at < s.len && s.ptr[at] != '"'; at++)
        if (s.ptr[at] == '\\')
            at++;
    return at + 1;
}

/*
 * Depth and keys of what looks like JSON, without memory and before the parser, which would go down to 2048 and make
 * objects of any size. Whatever is malformed besides is left to the parser.
 */
static int check_shape(struct rf_slice s, struct rf_err *err)
{
    struct shape shape = { 0 };
    for (size_t i = 0; i < s.len;) {
        char c = s.ptr[i];
        if (c == '"') {
            i = pass_string(s, i);
            continue;
        }
        i++;
        if (c == '{' || c == '[') {
            if (++shape.depth > RF_JSON_DEPTH)
                return rf_fail(err, RFE_INVALID, "JSON nested deeper than %d", RF_JSON_DEPTH);
            shape.keys[shape.depth] = 0;
        } else if ((c == '}' || c == ']') && shape.depth > 0) {
            shape.depth--;
        } else if (c == ':' && ++shape.keys[shape.depth] > RF_JSON_KEYS) {
            return rf_fail(err, RFE_INVALID, "JSON object with more than %d keys", RF_JSON_KEYS);
        }
    }
    return 0;
}

int rf_json_parse(struct rf_slice bytes, size_t max, json_t **out, struct rf_err *err)
{
    if (bytes.len > max)
        return rf_fail(err, RFE_TOO_LARGE, "JSON of %zu bytes, at most %zu are read", bytes.len,
                       max);
    int rc = check_shape(bytes, err);
    if (rc < 0)
        return rc;
    (void)pthread_once(&seed_once, seed);
    json_error_t problem;
    json_t *value = json_loadb(bytes.len > 0 ? bytes.ptr : "", bytes.len,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &problem);
    if (value == NULL)
        return rf_fail(err, RFE_INVALID, "JSON line %d, column %d: %s", problem.line,
                       problem.column, problem.text);
    *out = value;
    return 0;
}

void rf_json_decrefp(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

/* "layers[3].size: not an integer" */
static int fail_member(struct rf_err *err, const char *path, const char *key, const char *problem)
{
    return rf_fail(err, RFE_INVALID, "%s%s%s: %s", path, *path != '\0' ? "." : "", key, problem);
}

/* *value is NULL when absent, or null, and that is fine. */
static int find_member(const json_t *obj, const char *key, const char *path, enum rf_json_need need,
                       const json_t **value, struct rf_err *err)
{
    if (!json_is_object(obj))
        return rf_fail(err, RFE_INVALID, "%s: not an object",
                       *path != '\0' ? path : "the document");
    const json_t *v = json_object_get(obj, key);
    if (v == NULL || json_is_null(v)) {
        if (need == RF_JSON_REQUIRED)
            return fail_member(err, path, key, v == NULL ? "missing" : "null");
        v = NULL;
    }
    *value = v;
    return 0;
}

int rf_json_string(const json_t *obj, const char *key, const char *path, enum rf_json_need need,
                   const char **out, struct rf_err *err)
{
    const json_t *v = NULL;
    int rc = find_member(obj, key, path, need, &v, err);
    if (rc < 0)
        return rc;
    if (v == NULL) {
        *out = NULL;
        return 0;
    }
    if (!json_is_string(v))
        return fail_member(err, path, key, "not a string");
    const char *s = json_string_value(v);
    if (strlen(s) != json_string_length(v))
        return fail_member(err, path, key, "a NUL byte inside");
    *out = s;
    return 0;
}

int rf_json_digest(const json_t *obj, const char *key, const char *path, enum rf_json_need need,
                   struct rf_digest *out, struct rf_err *err)
{
    const char *text;
    memset(out, 0, sizeof(*out));
    int rc = rf_json_string(obj, key, path, need, &text, err);
    if (rc < 0 || text == NULL)
        return rc;
    rc = rf_digest_parse(rf_slice_str(text), out, err);
    return rc < 0 ? rf_wrap(err, rc, "%s%s%s", path, *path != '\0' ? "." : "", key) : 0;
}

int rf_json_u64(const json_t *obj, const char *key, const char *path, enum rf_json_need need,
                uint64_t *out, struct rf_err *err)
{
    const json_t *v = NULL;
    int rc = find_member(obj, key, path, need, &v, err);
    if (rc < 0)
        return rc;
    if (v == NULL) {
        *out = 0;
        return 0;
    }
    if (!json_is_integer(v))
        return fail_member(err, path, key, "not an integer");
    if (json_integer_value(v) < 0)
        return fail_member(err, path, key, "negative");
    *out = (uint64_t)json_integer_value(v);
    return 0;
}

int rf_json_bool(const json_t *obj, const char *key, const char *path, bool dflt, bool *out,
                 struct rf_err *err)
{
    const json_t *v = NULL;
    int rc = find_member(obj, key, path, RF_JSON_OPTIONAL, &v, err);
    if (rc < 0)
        return rc;
    if (v != NULL && !json_is_boolean(v))
        return fail_member(err, path, key, "neither true nor false");
    *out = v != NULL ? json_is_true(v) : dflt;
    return 0;
}

int rf_json_object(const json_t *obj, const char *key, const char *path, enum rf_json_need need,
                   const json_t **out, struct rf_err *err)
{
    const json_t *v = NULL;
    int rc = find_member(obj, key, path, need, &v, err);
    if (rc < 0)
        return rc;
    if (v != NULL && !json_is_object(v))
        return fail_member(err, path, key, "not an object");
    *out = v;
    return 0;
}

/* NOLINTNEXTLINE(readability-function-size): a cap belongs to every array that is read */
int rf_json_array(const json_t *obj, const char *key, const char *path, enum rf_json_need need,
                  size_t max_len, const json_t **out, struct rf_err *err)
{
    const json_t *v = NULL;
    int rc = find_member(obj, key, path, need, &v, err);
    if (rc < 0)
        return rc;
    if (v != NULL && !json_is_array(v))
        return fail_member(err, path, key, "not an array");
    if (v != NULL && json_array_size(v) > max_len)
        return rf_fail(err, RFE_TOO_LARGE, "%s%s%s: more than %zu elements", path,
                       *path != '\0' ? "." : "", key, max_len);
    *out = v;
    return 0;
}

void rf_json_add_string(struct rf_buf *out, const char *s)
{
    rf_buf_add_char(out, '"');
    while (*s != '\0') {
        size_t plain = 0;
        while ((unsigned char)s[plain] >= 0x20 && s[plain] != '"' && s[plain] != '\\')
            plain++;
        rf_buf_add(out, s, plain);
        s += plain;
        if (*s == '\0')
            break;
        static const char letters[] = "btn\0fr";
        char c = *s++;
        if (c == '"' || c == '\\')
            rf_buf_addf(out, "\\%c", c);
        else if (c >= 8 && c <= 13 && letters[c - 8] != '\0')
            rf_buf_addf(out, "\\%c", letters[c - 8]);
        else
            rf_buf_addf(out, "\\u%04x", (unsigned)c);
    }
    rf_buf_add_char(out, '"');
}

static int add_chunk(const char *p, size_t n, void *arg)
{
    struct rf_buf *out = arg;
    rf_buf_add(out, p, n);
    return out->rc < 0 ? -1 : 0;
}

void rf_json_add_value(struct rf_buf *out, const json_t *value, bool sort)
{
    size_t flags = JSON_COMPACT | JSON_ENCODE_ANY | (sort ? JSON_SORT_KEYS : 0);
    size_t len = out->len;
    /* All is in it or nothing: with a full buffer, and with text that is not UTF-8 (only from our own code). */
    if (json_dump_callback(value, add_chunk, out, flags) != 0) {
        RF_CHECK(out->rc < 0);
        out->len = len;
        out->ptr[len] = '\0';
    }
}
