/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/zone.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/gotime.h"
#include "base/mem.h"
#include "base/text.h"
#include "policy/zone_rule.h"

#define FILE_MAX_BYTES (256u << 10)
#define TRANSITIONS_MAX 20000
#define TYPES_MAX 256
#define NAME_MAX_BYTES 100
#define OFFSET_MAX (INT64_C(26) * 3600)

struct change {
    int64_t at;
    int32_t offset; /* from then on */
};

struct rf_zone {
    int32_t first; /* before the first change */
    struct change *changes;
    size_t n;
    bool has_rule; /* what goes on behind the last change */
    struct rf_zone_rule rule;
};

void rf_zone_free(struct rf_zone *z)
{
    if (z == NULL)
        return;
    free(z->changes);
    free(z);
}

void rf_zone_freep(struct rf_zone **z)
{
    rf_zone_free(*z);
    *z = NULL;
}

/* ---- files: RFC 8536, 3 ---- */

/* Bytes that are left of a file. */
struct cursor {
    const uint8_t *p;
    size_t left;
};

static bool take(struct cursor *c, size_t n, const uint8_t **out)
{
    if (c->left < n)
        return false;
    *out = c->p;
    c->p += n;
    c->left -= n;
    return true;
}

static int64_t read_be(const uint8_t *p, size_t n)
{
    uint64_t v = (p[0] & 0x80) != 0 ? UINT64_MAX : 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[i];
    return (int64_t)v;
}

struct header {
    uint8_t version;
    size_t isut, isstd, leap, time, type, chars;
};

static bool read_header(struct cursor *c, struct header *h)
{
    const uint8_t *p;
    if (!take(c, 44, &p) || memcmp(p, "TZif", 4) != 0)
        return false;
    size_t *const counts[] = { &h->isut, &h->isstd, &h->leap, &h->time, &h->type, &h->chars };
    h->version = p[4];
    for (size_t i = 0; i < RF_ARRAY_LEN(counts); i++) {
        int64_t n = read_be(p + 20 + 4 * i, 4);
        if (n < 0 || n > FILE_MAX_BYTES)
            return false;
        *counts[i] = (size_t)n;
    }
    return h->time <= TRANSITIONS_MAX && h->type >= 1 && h->type <= TYPES_MAX;
}

/* What follows the times and their types. */
static size_t tail_size(const struct header *h, size_t width)
{
    return h->chars + h->leap * (width + 4) + h->isstd + h->isut;
}

static bool read_offset(const uint8_t *types, size_t i, int32_t *out)
{
    int64_t offset = read_be(types + 6 * (size_t)i, 4);
    *out = (int32_t)offset;
    return offset >= -OFFSET_MAX && offset <= OFFSET_MAX;
}

/* `width` bytes for each time. */
static bool read_block(struct cursor *c, const struct header *h, size_t width, struct rf_zone *z)
{
    const uint8_t *times, *index, *types, *rest;
    if (!take(c, h->time * width, &times) || !take(c, h->time, &index) ||
        !take(c, h->type * 6, &types) || !take(c, tail_size(h, width), &rest))
        return false;
    if (h->leap > 0 || !read_offset(types, 0, &z->first)) /* clocks that count leap seconds */
        return false;
    z->changes = rf_xcalloc(h->time + 1, sizeof(*z->changes));
    for (; z->n < h->time; z->n++) {
        struct change *to = &z->changes[z->n];
        to->at = read_be(times + width * z->n, width);
        /* Far from the ends, so that sums of times and offsets fit. */
        if (index[z->n] >= h->type || !read_offset(types, index[z->n], &to->offset) ||
            to->at < -RF_GOTIME_SEC_MAX || to->at > RF_GOTIME_SEC_MAX ||
            (z->n > 0 && to->at <= to[-1].at))
            return false;
    }
    return true;
}

/* The rule between two newlines; it may be empty. */
static bool read_footer(struct cursor *c, struct rf_zone *z)
{
    const uint8_t *p;
    if (!take(c, 1, &p) || *p != '\n')
        return false;
    const uint8_t *end = c->left > 0 ? memchr(c->p, '\n', c->left) : NULL;
    if (end == NULL || end - c->p > RF_ZONE_RULE_MAX)
        return false;
    if (end == c->p)
        return true;
    z->has_rule = true;
    return rf_zone_rule_parse(rf_slice_of(c->p, (size_t)(end - c->p)), &z->rule);
}

static bool read_file(struct cursor *c, struct rf_zone *z)
{
    struct header h = { 0 };
    const uint8_t *skipped;
    if (!read_header(c, &h))
        return false;
    if (h.version == 0)
        return read_block(c, &h, 4, z);
    /* The first block is for readers of old; the second has longer times. */
    return take(c, h.time * 5 + h.type * 6 + tail_size(&h, 4), &skipped) && read_header(c, &h) &&
           read_block(c, &h, 8, z) && read_footer(c, z);
}

int rf_zone_parse(struct rf_slice file, struct rf_zone **out, struct rf_err *err)
{
    RF_CLEANUP(rf_zone_freep) struct rf_zone *z = rf_xcalloc(1, sizeof(*z));
    struct cursor c = { .p = (const uint8_t *)file.ptr, .left = file.len };
    if (!read_file(&c, z))
        return rf_fail(err, RFE_INVALID, "not a time zone file, or one that cannot be used");
    *out = RF_STEAL(z);
    return 0;
}

int rf_zone_parse_rule(const char *rule, struct rf_zone **out, struct rf_err *err)
{
    RF_CLEANUP(rf_zone_freep) struct rf_zone *z = rf_xcalloc(1, sizeof(*z));
    if (!rf_zone_rule_parse(rf_slice_str(rule), &z->rule))
        return rf_fail(err, RFE_INVALID, "not a rule for a time zone");
    z->has_rule = true;
    z->first = z->rule.standard;
    *out = RF_STEAL(z);
    return 0;
}

/* ---- names ---- */

bool rf_zone_name_valid(struct rf_slice name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-./";
    if (name.len == 0 || name.len > NAME_MAX_BYTES || name.ptr[name.len - 1] == '/')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        bool start = i == 0 || name.ptr[i - 1] == '/';
        if (strchr(allowed, name.ptr[i]) == NULL || name.ptr[i] == '\0' ||
            (start && (name.ptr[i] == '/' || name.ptr[i] == '.')))
            return false;
    }
    return true;
}

static int load_file(const char *path, struct rf_zone **out, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf bytes;
    rf_buf_init(&bytes, FILE_MAX_BYTES);
    int rc = rf_file_read(path, &bytes, err);
    if (rc < 0)
        return rc;
    rc = rf_zone_parse(rf_buf_slice(&bytes), out, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", path) : 0;
}

static int load_named(const char *name, struct rf_zone **out, struct rf_err *err)
{
    const char *const folders[] = { getenv("TZDIR"), "/usr/share/zoneinfo", "/etc/zoneinfo" };
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(name), 100);
    if (!rf_zone_name_valid(rf_slice_str(name)))
        return rf_fail(err, RFE_INVALID, "\"%s\" is not the name of a time zone", shown);
    for (size_t i = 0; i < RF_ARRAY_LEN(folders); i++) {
        if (folders[i] == NULL || folders[i][0] != '/')
            continue;
        RF_CLEANUP(rf_freep) char *path = rf_path_join(folders[i], name);
        int rc = load_file(path, out, err);
        if (rc != -RFE_NOT_FOUND)
            return rc;
    }
    return rf_hint(
        err, rf_fail(err, RFE_NOT_FOUND, "time zone \"%s\": this machine has no such file", shown),
        "its zones are in /usr/share/zoneinfo, Debian's package tzdata");
}

static void load_utc(struct rf_zone **out)
{
    *out = rf_xcalloc(1, sizeof(**out));
}

/* What cannot be read is UTC, as for the C library. */
static void load_local(struct rf_zone **out)
{
    struct rf_err ignored = RF_ERR_INIT;
    const char *tz = getenv("TZ");
    int rc;
    if (tz == NULL) {
        rc = load_file("/etc/localtime", out, &ignored);
    } else {
        tz += tz[0] == ':';
        rc = tz[0] == '/' ? load_file(tz, out, &ignored) : load_named(tz, out, &ignored);
        if (rc < 0)
            rc = rf_zone_parse_rule(tz, out, &ignored);
    }
    if (rc < 0)
        load_utc(out);
}

int rf_zone_load(const char *name, struct rf_zone **out, struct rf_err *err)
{
    if (name == NULL || strcmp(name, "Local") == 0)
        load_local(out);
    else if (strcmp(name, "UTC") == 0)
        load_utc(out);
    else
        return load_named(name, out, err);
    return 0;
}

/* ---- looking ---- */

/* How many changes are not behind `at`. */
static size_t changes_until(const struct rf_zone *z, int64_t at)
{
    size_t from = 0, to = z->n;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (z->changes[middle].at <= at)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

int32_t rf_zone_offset(const struct rf_zone *z, int64_t at)
{
    size_t n = changes_until(z, at);
    if (n == z->n && z->has_rule)
        return rf_zone_rule_offset(&z->rule, at);
    return n > 0 ? z->changes[n - 1].offset : z->first;
}

/* The first change behind `at`. */
static bool next_change(const struct rf_zone *z, int64_t at, int64_t *when)
{
    size_t n = changes_until(z, at);
    if (n < z->n) {
        *when = z->changes[n].at;
        return true;
    }
    return z->has_rule && rf_zone_rule_next(&z->rule, at, when);
}

bool rf_zone_is_steady(const struct rf_zone *z, int64_t from, int64_t to)
{
    int64_t when;
    return !next_change(z, from, &when) || when > to;
}

unsigned rf_zone_moments(const struct rf_zone *z, int64_t local, int64_t moments[2], int64_t *jump)
{
    const int64_t span = OFFSET_MAX + 3600;
    unsigned n = 0;
    int64_t from = local - span, end = local + span;
    *jump = local;
    while (from <= end) {
        int32_t offset = rf_zone_offset(z, from);
        int64_t until = end + 1;
        bool more = next_change(z, from, &until) && until <= end;
        if (!more)
            until = end + 1;
        int64_t t = local - offset;
        if (t >= from && t < until && n < 2)
            moments[n++] = t;
        /* Clocks show this only later by what counts until then, but by what counts from then on it is past. */
        if (more && t >= until && local - rf_zone_offset(z, until) < until)
            *jump = until;
        from = until;
    }
    return n;
}
