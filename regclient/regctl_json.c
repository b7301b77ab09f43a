/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/regctl_json.h"

#include <strings.h>

#include "base/arena.h"
#include "base/duration.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/value.h"

enum shape {
    PLAIN,  /* as it is */
    KEPT,   /* false counts as well: absent means true */
    LOWER,  /* one of a few words */
    PERIOD, /* a duration, as text or nanoseconds */
    SORTED, /* a map of texts */
    HOST,   /* an object of host_keys */
    HOSTS,  /* a map of those */
};

struct key {
    const char *name;
    enum shape shape;
};

static const struct key top_keys[] = {
    { "version", PLAIN },   { "hosts", HOSTS },        { "hostDefault", HOST },
    { "blobLimit", PLAIN }, { "incDockerCert", KEPT }, { "incDockerCred", KEPT },
};

static const struct key host_keys[] = {
    { "tls", LOWER },         { "regcert", PLAIN },   { "clientCert", PLAIN },
    { "clientKey", PLAIN },   { "hostname", PLAIN },  { "user", PLAIN },
    { "pass", PLAIN },        { "token", PLAIN },     { "credHelper", PLAIN },
    { "credExpire", PERIOD }, { "credHost", PLAIN },  { "pathPrefix", PLAIN },
    { "mirrors", PLAIN },     { "priority", PLAIN },  { "repoAuth", PLAIN },
    { "api", PLAIN },         { "apiOpts", SORTED },  { "blobChunk", PLAIN },
    { "blobMax", PLAIN },     { "reqPerSec", PLAIN }, { "reqConcurrent", PLAIN },
    { "scheme", PLAIN },
};

struct table {
    const struct key *keys;
    size_t n;
};
static const struct table tops = { top_keys, RF_ARRAY_LEN(top_keys) };
static const struct table hosts = { host_keys, RF_ARRAY_LEN(host_keys) };

/* jansson reads through pointers that are not const. */
static json_t *loose(const json_t *j)
{
    return (json_t *)(uintptr_t)j;
}

/* ---- single values ---- */

static void add_string(struct rf_buf *out, const char *text)
{
    struct rf_slice s = rf_slice_str(text);
    rf_buf_add_char(out, '"');
    for (size_t i = 0; i < s.len;) {
        static const char named[] = "\b\f\n\r\t\"\\", names[] = "bfnrt\"\\";
        uint32_t cp;
        size_t n = rf_text_next(rf_slice_of(s.ptr + i, s.len - i), &cp);
        const char *at = cp < 0x80 && cp != 0 ? strchr(named, (int)cp) : NULL;
        if (at != NULL)
            rf_buf_addf(out, "\\%c", names[at - named]);
        else if (cp < 0x20 || cp == '<' || cp == '>' || cp == '&' || cp == 0x2028 || cp == 0x2029)
            rf_buf_addf(out, "\\u%04x", (unsigned)cp);
        else
            rf_buf_add(out, s.ptr + i, n);
        i += n;
    }
    rf_buf_add_char(out, '"');
}

static void add_real(struct rf_buf *out, double d)
{
    RF_CLEANUP(rf_arena_release) struct rf_arena arena;
    rf_arena_init(&arena, 0);
    const struct rf_call call = { .arena = &arena };
    const struct rf_value v = rf_value_float(d);
    struct rf_err ignored;
    if (rf_value_json(&call, &v, 0, out, &ignored) < 0)
        rf_buf_add_char(out, '0'); /* JSON has no number that is not finite */
}

static void add_period(struct rf_buf *out, const json_t *value)
{
    uint64_t ns = 0;
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    if (json_is_integer(value))
        ns = (uint64_t)json_integer_value(value);
    else if (rf_duration_parse(rf_slice_str(json_string_value(value)), &ns, NULL) < 0)
        ns = 0;
    rf_duration_format(&text, ns > INT64_MAX ? INT64_MAX : (int64_t)ns);
    add_string(out, text.ptr);
}

static bool is_zero(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return json_object_size(value) == 0;
    case JSON_ARRAY:
        return json_array_size(value) == 0;
    case JSON_STRING:
        return json_string_length(value) == 0;
    case JSON_INTEGER:
        return json_integer_value(value) == 0;
    case JSON_REAL:
        return json_real_value(value) == 0;
    case JSON_TRUE:
        return false;
    case JSON_FALSE:
    case JSON_NULL:
        break;
    }
    return true;
}

static bool is_absent(const struct key *key, const json_t *value)
{
    uint64_t ns = 0;
    if (value == NULL || json_is_null(value))
        return true;
    if (key->shape == KEPT || key->shape == HOST)
        return false;
    if (key->shape == PERIOD && json_is_string(value))
        return rf_duration_parse(rf_slice_str(json_string_value(value)), &ns, NULL) < 0 || ns == 0;
    if (key->shape == LOWER && json_is_string(value))
        return json_string_length(value) == 0 ||
               strcasecmp(json_string_value(value), "undefined") == 0;
    return is_zero(value);
}

/* ---- nested ones ---- */

static void add_value(struct rf_buf *out, const json_t *value, unsigned level);
static void add_table(struct rf_buf *out, const struct table *t, const json_t *obj, unsigned level);

static void new_line(struct rf_buf *out, unsigned level)
{
    rf_buf_addf(out, "\n%*s", (int)(2 * level), "");
}

/* What stands before the next member; *any: one came before it. */
static void begin_member(struct rf_buf *out, const char *key, unsigned level, bool *any)
{
    if (*any)
        rf_buf_add_char(out, ',');
    *any = true;
    new_line(out, level + 1);
    add_string(out, key);
    rf_buf_add_str(out, ": ");
}

static void end_object(struct rf_buf *out, unsigned level, bool any)
{
    if (any)
        new_line(out, level);
    rf_buf_add_char(out, '}');
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The keys of a map in order; the caller frees the array. */
static const char **sorted_keys(const json_t *map)
{
    const char **keys = rf_xcalloc(json_object_size(map) + 1, sizeof(*keys));
    size_t n = 0;
    const char *key;
    json_t *value;
    json_object_foreach (loose(map), key, value)
        keys[n++] = key;
    qsort(keys, n, sizeof(*keys), by_name);
    return keys;
}

static void add_sorted(struct rf_buf *out, const json_t *map, bool of_hosts, unsigned level)
{
    RF_CLEANUP(rf_freep) const char **keys = sorted_keys(map);
    bool any = false;
    rf_buf_add_char(out, '{');
    for (size_t i = 0; i < json_object_size(map); i++) {
        const json_t *value = json_object_get(map, keys[i]);
        begin_member(out, keys[i], level, &any);
        if (of_hosts && json_is_object(value))
            add_table(out, &hosts, value, level + 1);
        else if (json_is_boolean(value) && !of_hosts)
            rf_buf_add_str(out, json_is_true(value) ? "\"true\"" : "\"false\"");
        else
            add_value(out, value, level + 1);
    }
    end_object(out, level, any);
}

static void add_shaped(struct rf_buf *out, const struct key *key, const json_t *value,
                       unsigned level)
{
    if (key->shape == HOST && json_is_object(value)) {
        add_table(out, &hosts, value, level);
    } else if ((key->shape == HOSTS || key->shape == SORTED) && json_is_object(value)) {
        add_sorted(out, value, key->shape == HOSTS, level);
    } else if (key->shape == PERIOD) {
        add_period(out, value);
    } else if (key->shape == LOWER && json_is_string(value)) {
        RF_CLEANUP(rf_freep) char *lower = rf_xstrdup(json_string_value(value));
        for (char *p = lower; *p != '\0'; p++)
            *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + ('a' - 'A') : *p);
        add_string(out, lower);
    } else {
        add_value(out, value, level);
    }
}

static bool is_known(const struct table *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->keys[i].name, name) == 0)
            return true;
    return false;
}

static void add_table(struct rf_buf *out, const struct table *t, const json_t *obj, unsigned level)
{
    bool any = false;
    const char *name;
    json_t *value;
    rf_buf_add_char(out, '{');
    for (size_t i = 0; i < t->n; i++) {
        const json_t *known = json_object_get(obj, t->keys[i].name);
        if (is_absent(&t->keys[i], known))
            continue;
        begin_member(out, t->keys[i].name, level, &any);
        add_shaped(out, &t->keys[i], known, level + 1);
    }
    json_object_foreach (loose(obj), name, value) {
        if (is_known(t, name))
            continue;
        begin_member(out, name, level, &any);
        add_value(out, value, level + 1);
    }
    end_object(out, level, any);
}

static void add_array(struct rf_buf *out, const json_t *array, unsigned level)
{
    rf_buf_add_char(out, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            rf_buf_add_char(out, ',');
        new_line(out, level + 1);
        add_value(out, json_array_get(array, i), level + 1);
    }
    if (json_array_size(array) > 0)
        new_line(out, level);
    rf_buf_add_char(out, ']');
}

static void add_object(struct rf_buf *out, const json_t *obj, unsigned level)
{
    bool any = false;
    const char *name;
    json_t *value;
    rf_buf_add_char(out, '{');
    json_object_foreach (loose(obj), name, value) {
        begin_member(out, name, level, &any);
        add_value(out, value, level + 1);
    }
    end_object(out, level, any);
}

static void add_value(struct rf_buf *out, const json_t *value, unsigned level)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        add_object(out, value, level);
        break;
    case JSON_ARRAY:
        add_array(out, value, level);
        break;
    case JSON_STRING:
        add_string(out, json_string_value(value));
        break;
    case JSON_INTEGER:
        rf_buf_addf(out, "%lld", (long long)json_integer_value(value));
        break;
    case JSON_REAL:
        add_real(out, json_real_value(value));
        break;
    case JSON_TRUE:
        rf_buf_add_str(out, "true");
        break;
    case JSON_FALSE:
        rf_buf_add_str(out, "false");
        break;
    case JSON_NULL:
        rf_buf_add_str(out, "null");
        break;
    }
}

void rf_regctl_json(struct rf_buf *out, const json_t *doc)
{
    add_table(out, &tops, doc, 0);
}
