/* SPDX-License-Identifier: Apache-2.0 */
/* Reading bundle.json line by line: every byte is hostile until it has passed here. */
#include "layout/bundle.h"

#include "base/lines.h"
#include "base/mem.h"
#include "base/text.h"
#include "layout/bundle_retain.h"
#include "manifests/reference.h"

#include <strings.h>

/* The known top-level keys in the order in which they must stand; unknown ones are passed over. */
enum key {
    KEY_VERSION,
    KEY_SITE,
    KEY_CHAIN,
    KEY_SEQUENCE,
    KEY_PARENT,
    KEY_SNAPSHOT,
    KEY_FEATURES,
    KEY_REPAIRS, /* with the feature of that name alone */
    KEY_TOOL,
    KEY_BASES,
    KEY_REPOSITORIES,
    KEY_IMAGES,
    KEY_HOLES,
    KEY_REFUSED, /* where there is something */
    KEY_AS_OF,   /* these three where there are rules */
    KEY_RETAIN,
    KEY_CANDIDATES,
    KEY_BLOBS,
    KEY_VOLUMES,
    KEY_COUNT
};
static const char *const key_names[] = {
    "bundleVersion", "site",   "chain",      "sequence",     "parent",  "snapshot", "features",
    "repairs",       "tool",   "bases",      "repositories", "images",  "holes",    "refused",
    "asOf",          "retain", "candidates", "blobs",        "volumes",
};

struct reader {
    struct rf_bundle *b;
    struct rf_lines lines;
    int next;                  /* the next known key that may stand */
    bool repair;               /* it has the feature */
    struct rf_strings unknown; /* keys that were passed over */
    uint64_t volume_blobs, volume_bytes;
    size_t n_volumes;
};

static int parse_digest(const json_t *v, struct rf_digest *out, struct rf_err *err)
{
    if (!json_is_string(v))
        return rf_fail(err, RFE_INVALID, "not a string");
    return rf_digest_parse(rf_slice_of(json_string_value(v), json_string_length(v)), out, err);
}

static int read_version(const json_t *v, struct rf_err *err)
{
    if (!json_is_integer(v))
        return rf_fail(err, RFE_INVALID, "not an integer");
    if (json_integer_value(v) != RF_BUNDLE_VERSION)
        return rf_fail(
            err, RFE_NOT_BUNDLE,
            "bundle format %lld is not known to this version, which reads %d; use a newer regimport",
            (long long)json_integer_value(v), RF_BUNDLE_VERSION);
    return 0;
}

/* "repair" is the one that this version has. */
static int read_features(struct reader *r, const json_t *v, struct rf_err *err)
{
    if (!json_is_array(v))
        return rf_fail(err, RFE_INVALID, "not an array");
    for (size_t i = 0; i < json_array_size(v); i++) {
        const char *name = json_string_value(json_array_get(v, i));
        if (name == NULL)
            return rf_fail(err, RFE_INVALID, "not an array of strings");
        if (strcmp(name, "repair") != 0)
            return rf_fail(
                err, RFE_NOT_BUNDLE,
                "it needs the feature %s, which this version does not have; use a newer regimport",
                name);
        if (r->repair)
            return rf_fail(err, RFE_INVALID, "%s: twice", name);
        r->repair = true;
    }
    return 0;
}

/* The members that are names. */
static int read_name(struct rf_bundle *b, enum key key, struct rf_slice text, struct rf_err *err)
{
    uint8_t bytes[RF_CHAIN_HEX / 2];
    if (key == KEY_SITE) {
        if (!rf_site_valid(text))
            return rf_fail(err, RFE_INVALID, "not a site name");
        memcpy(b->site, text.ptr, text.len);
    } else if (key == KEY_CHAIN) {
        if (!rf_hex_decode(text, bytes, sizeof(bytes)))
            return rf_fail(err, RFE_INVALID, "not 32 hexadecimal digits");
        memcpy(b->chain, text.ptr, text.len);
    } else {
        if (text.len > RF_BUNDLE_TOOL_MAX || memchr(text.ptr, '\0', text.len) != NULL)
            return rf_fail(err, RFE_INVALID, "not a short string");
        b->tool = rf_xstrndup(text.ptr, text.len);
    }
    return 0;
}

static int read_header(struct reader *r, enum key key, const json_t *v, struct rf_err *err)
{
    struct rf_bundle *b = r->b;
    switch (key) {
    case KEY_VERSION:
        return read_version(v, err);
    case KEY_SITE:
    case KEY_CHAIN:
    case KEY_TOOL:
        if (!json_is_string(v))
            return rf_fail(err, RFE_INVALID, "not a string");
        return read_name(b, key, rf_slice_of(json_string_value(v), json_string_length(v)), err);
    case KEY_SEQUENCE:
        if (!json_is_integer(v) || json_integer_value(v) < 1)
            return rf_fail(err, RFE_INVALID, "not a positive integer");
        b->sequence = (uint64_t)json_integer_value(v);
        return 0;
    case KEY_PARENT:
        return json_is_null(v) ? 0 : parse_digest(v, &b->parent, err);
    case KEY_SNAPSHOT:
        return parse_digest(v, &b->snapshot, err);
    case KEY_FEATURES:
        return read_features(r, v, err);
    case KEY_REPAIRS:
        return parse_digest(v, &b->repairs, err);
    case KEY_AS_OF:
        return rf_bundle_read_as_of(b, v, err);
    case KEY_RETAIN:
        return rf_bundle_read_retain(b, v, err);
    default:
        return rf_fail(err, RFE_INVALID, "must be an array of lines");
    }
}

static int read_repository(struct rf_bundle *b, const json_t *v, struct rf_err *err)
{
    struct rf_slice name = rf_slice_of(json_string_value(v), json_string_length(v));
    if (!json_is_string(v) || !rf_repository_valid(name))
        return rf_fail(err, RFE_INVALID, "not a repository name");
    if (b->n_repositories == RF_BUNDLE_REPOSITORIES_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "more than %u", RF_BUNDLE_REPOSITORIES_MAX);
    uint32_t id = rf_strings_add(&b->desired.strings, name);
    b->repositories =
        rf_grow(b->repositories, b->n_repositories, &b->cap_repositories, sizeof(uint32_t));
    b->repositories[b->n_repositories++] = id;
    return 0;
}

static int read_string(struct rf_bundle *b, const json_t *obj, const char *key, uint32_t *out,
                       struct rf_err *err)
{
    const char *text;
    int rc = rf_json_string(obj, key, "", RF_JSON_REQUIRED, &text, err);
    if (rc == 0)
        *out = rf_strings_add(&b->desired.strings, rf_slice_str(text));
    return rc;
}

static int read_hole(struct rf_bundle *b, const json_t *v, struct rf_err *err)
{
    struct rf_hole h = { 0 };
    int rc = read_string(b, v, "repository", &h.repository, err);
    if (rc == 0)
        rc = read_string(b, v, "tag", &h.tag, err);
    if (rc == 0)
        rc = read_string(b, v, "source", &h.source, err);
    if (rc == 0)
        rc = read_string(b, v, "reason", &h.reason, err);
    if (rc < 0)
        return rc;
    b->holes = rf_grow(b->holes, b->n_holes, &b->cap_holes, sizeof(*b->holes));
    b->holes[b->n_holes++] = h;
    return 0;
}

static int read_refused(struct rf_bundle *b, const json_t *v, struct rf_err *err)
{
    struct rf_bundle_refused r = { 0 };
    int rc = read_string(b, v, "repository", &r.repository, err);
    if (rc == 0)
        rc = read_string(b, v, "tag", &r.tag, err);
    if (rc == 0 && (rc = parse_digest(json_object_get(v, "digest"), &r.digest, err)) < 0)
        rf_wrap(err, rc, "digest");
    if (rc == 0)
        rc = read_string(b, v, "source", &r.source, err);
    if (rc == 0)
        rc = read_string(b, v, "reason", &r.reason, err);
    if (rc < 0)
        return rc;
    b->refused = rf_grow(b->refused, b->n_refused, &b->cap_refused, sizeof(*b->refused));
    b->refused[b->n_refused++] = r;
    return 0;
}

static int read_list(struct rf_bundle *b, const json_t *obj, const char *key, uint32_t *first,
                     uint32_t *n, struct rf_err *err)
{
    const json_t *list;
    int rc = rf_json_array(obj, key, "", RF_JSON_REQUIRED, RF_BUNDLE_LINE_MAX, &list, err);
    if (rc < 0)
        return rc;
    *first = (uint32_t)b->n_lists;
    *n = (uint32_t)json_array_size(list);
    if (*n == 0)
        return rf_fail(err, RFE_INVALID, "%s: empty", key);
    json_int_t last = -1;
    for (uint32_t i = 0; i < *n; i++) {
        const json_t *item = json_array_get(list, i);
        json_int_t value = json_is_integer(item) ? json_integer_value(item) : -1;
        if (value <= last || (uint64_t)value >= b->n_repositories)
            return rf_fail(err, RFE_INVALID, "%s[%u]: not a repository's number, or out of order",
                           key, i);
        last = value;
        b->lists = rf_grow(b->lists, b->n_lists, &b->cap_lists, sizeof(uint32_t));
        b->lists[b->n_lists++] = (uint32_t)value;
    }
    return 0;
}

static int read_kind(const json_t *v, struct rf_bundle_blob *blob, struct rf_err *err)
{
    const char *kind = "";
    int rc = rf_json_string(v, "kind", "", RF_JSON_REQUIRED, &kind, err);
    if (rc < 0)
        return rc;
    if (strcmp(kind, "manifest") == 0)
        blob->kind = RF_BLOB_MANIFEST;
    else if (strcmp(kind, "config") == 0)
        blob->kind = RF_BLOB_CONFIG;
    else if (strcmp(kind, "layer") == 0)
        blob->kind = RF_BLOB_LAYER;
    else
        return rf_fail(err, RFE_INVALID, "kind: unknown value %s", kind);
    return 0;
}

static int read_travel(struct rf_bundle *b, const json_t *v, struct rf_bundle_blob *blob,
                       struct rf_err *err)
{
    const char *travel = "";
    uint64_t volume = 0;
    int rc = rf_json_string(v, "travel", "", RF_JSON_REQUIRED, &travel, err);
    if (rc < 0)
        return rc;
    if (strcmp(travel, "assumed") == 0) {
        blob->travel = RF_TRAVEL_ASSUMED;
        return read_list(b, v, "from", &blob->first_from, &blob->n_from, err);
    }
    if (strcmp(travel, "carried") != 0)
        return rf_fail(err, RFE_INVALID, "travel: unknown value %s", travel);
    blob->travel = RF_TRAVEL_CARRIED;
    rc = rf_json_u64(v, "volume", "", RF_JSON_REQUIRED, &volume, err);
    if (rc == 0 && volume != 1)
        rc = rf_fail(err, RFE_INVALID, "volume: there is only one");
    return rc;
}

static int read_blob(struct rf_bundle *b, const json_t *v, struct rf_err *err)
{
    struct rf_bundle_blob blob = { 0 };
    const char *media_type = "";
    int rc = parse_digest(json_object_get(v, "digest"), &blob.digest, err);
    if (rc < 0)
        return rf_wrap(err, rc, "digest");
    rc = rf_json_u64(v, "size", "", RF_JSON_REQUIRED, &blob.size, err);
    if (rc == 0)
        rc = rf_json_string(v, "mediaType", "", RF_JSON_REQUIRED, &media_type, err);
    if (rc == 0)
        rc = read_kind(v, &blob, err);
    if (rc == 0)
        rc = read_list(b, v, "repositories", &blob.first_repo, &blob.n_repos, err);
    if (rc == 0)
        rc = read_travel(b, v, &blob, err);
    if (rc < 0)
        return rc;
    blob.media_type = rf_strings_add(&b->desired.strings, rf_slice_str(media_type));
    b->blobs = rf_grow(b->blobs, b->n_blobs, &b->cap_blobs, sizeof(*b->blobs));
    b->blobs[b->n_blobs++] = blob;
    return 0;
}

static int read_volume(struct reader *r, const json_t *v, struct rf_err *err)
{
    const json_t *members = NULL;
    uint64_t volume = 0;
    const char *name = "";
    if (r->n_volumes++ > 0)
        return rf_fail(err, RFE_NOT_BUNDLE,
                       "bundles of several volumes are not known to this version");
    int rc = rf_json_u64(v, "volume", "", RF_JSON_REQUIRED, &volume, err);
    if (rc == 0 && volume != 1)
        rc = rf_fail(err, RFE_INVALID, "volume: the first is not 1");
    if (rc == 0)
        rc = rf_json_u64(v, "blobs", "", RF_JSON_REQUIRED, &r->volume_blobs, err);
    if (rc == 0)
        rc = rf_json_u64(v, "bytes", "", RF_JSON_REQUIRED, &r->volume_bytes, err);
    if (rc == 0)
        rc = rf_json_array(v, "members", "", RF_JSON_REQUIRED, 1, &members, err);
    if (rc < 0)
        return rc;
    const json_t *index = json_array_get(members, 0);
    rc = rf_json_string(index, "name", "members[0]", RF_JSON_REQUIRED, &name, err);
    if (rc == 0 && strcmp(name, "index.json") != 0)
        rc = rf_fail(err, RFE_INVALID, "members[0]: unknown member %s", name);
    if (rc == 0)
        rc = rf_json_u64(index, "size", "members[0]", RF_JSON_REQUIRED, &r->b->index_size, err);
    if (rc < 0)
        return rc;
    rc = parse_digest(json_object_get(index, "digest"), &r->b->index_digest, err);
    return rc < 0 ? rf_wrap(err, rc, "members[0].digest") : 0;
}

static int read_base(struct rf_bundle *b, const json_t *v, struct rf_err *err)
{
    if (b->n_bases == RF_BUNDLE_BASES_MAX)
        return rf_fail(err, RFE_INVALID, "more than %u", RF_BUNDLE_BASES_MAX);
    int rc = parse_digest(v, &b->bases[b->n_bases], err);
    if (rc == 0)
        b->n_bases++;
    return rc;
}

static int read_element(struct reader *r, int key, const json_t *v, struct rf_err *err)
{
    switch (key) {
    case KEY_BASES:
        return read_base(r->b, v, err);
    case KEY_REPOSITORIES:
        return read_repository(r->b, v, err);
    case KEY_IMAGES:
        return rf_image_from_json(&r->b->desired, v, true, err);
    case KEY_HOLES:
        return read_hole(r->b, v, err);
    case KEY_REFUSED:
        return read_refused(r->b, v, err);
    case KEY_CANDIDATES:
        return rf_bundle_read_candidate(r->b, v, err);
    case KEY_BLOBS:
        return read_blob(r->b, v, err);
    case KEY_VOLUMES:
        return read_volume(r, v, err);
    case KEY_COUNT:
        return 0; /* an array that we do not know */
    default:
        return rf_fail(err, RFE_INVALID, "must not be an array of lines");
    }
}

/* Takes the comma off the end of a line; false when there was none. */
static bool take_comma(struct rf_slice *line)
{
    if (line->len == 0 || line->ptr[line->len - 1] != ',')
        return false;
    line->len--;
    return true;
}

static int next_line(struct reader *r, struct rf_slice *line, struct rf_err *err)
{
    int rc = rf_lines_next(&r->lines, line, err);
    if (rc == 0 || (rc > 0 && r->lines.ended))
        return rf_fail(err, RFE_DAMAGED, "it ends in the middle");
    return rc < 0 ? rc : 0;
}

static int read_array(struct reader *r, int key, bool *comma, struct rf_err *err)
{
    bool more = true;
    for (size_t n = 0;; n++) {
        struct rf_slice line;
        int rc = next_line(r, &line, err);
        if (rc < 0)
            return rc;
        if (rf_slice_is(line, "]") || rf_slice_is(line, "],")) {
            if (n > 0 && more)
                return rf_fail(err, RFE_INVALID, "a comma behind the last element");
            *comma = line.len == 2;
            return 0;
        }
        if (!more)
            return rf_fail(err, RFE_INVALID, "no comma before element %zu", n);
        more = take_comma(&line);
        RF_CLEANUP(rf_json_decrefp) json_t *v = NULL;
        rc = rf_json_parse(line, RF_BUNDLE_LINE_MAX, &v, err);
        if (rc == 0)
            rc = read_element(r, key, v, err);
        if (rc < 0)
            return rf_wrap(err, rc, "[%zu]", n);
    }
}

/* The number of the key that stands at the start of the line as "key":, KEY_COUNT when unknown, -1 when there is none. */
static int line_key(struct rf_slice line, struct rf_slice *name, size_t *value_at)
{
    const char *end = line.len > 1 ? memchr(line.ptr + 1, '"', line.len - 1) : NULL;
    if (end == NULL || line.ptr[0] != '"' || end + 1 >= line.ptr + line.len || end[1] != ':')
        return -1;
    *name = rf_slice_of(line.ptr + 1, (size_t)(end - line.ptr - 1));
    *value_at = (size_t)(end + 2 - line.ptr);
    for (int i = 0; i < KEY_COUNT; i++)
        if (rf_slice_is(*name, key_names[i]))
            return i;
    return KEY_COUNT;
}

/*
 * A key that is passed over must be one that no other reader takes for a known one: plain letters and digits (no escapes), not a known
 * name in other case, and not twice.
 */
static int pass_over(struct reader *r, struct rf_slice name, struct rf_err *err)
{
    bool plain = name.len > 0 && name.len <= 64;
    for (size_t i = 0; i < name.len && plain; i++) {
        char c = name.ptr[i];
        plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    }
    if (!plain)
        return rf_fail(err, RFE_INVALID, "not a member of the document");
    for (int i = 0; i < KEY_COUNT; i++)
        if (strlen(key_names[i]) == name.len && strncasecmp(key_names[i], name.ptr, name.len) == 0)
            return rf_fail(err, RFE_INVALID, "%s in other letters", key_names[i]);
    if (rf_strings_find(&r->unknown, name) != RF_NO_ID)
        return rf_fail(err, RFE_INVALID, "an unknown member twice");
    if (r->unknown.len == RF_BUNDLE_UNKNOWN_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "more than %u unknown members", RF_BUNDLE_UNKNOWN_MAX);
    (void)rf_strings_add(&r->unknown, name);
    return 0;
}

static int read_scalar(struct reader *r, int key, struct rf_slice value, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release)
    struct rf_buf wrapped; /* a bare value is no document for every parser */
    RF_CLEANUP(rf_json_decrefp) json_t *v = NULL;
    rf_buf_init(&wrapped, RF_BUNDLE_LINE_MAX + 2);
    rf_buf_add_char(&wrapped, '[');
    rf_buf_add(&wrapped, value.ptr, value.len);
    rf_buf_add_char(&wrapped, ']');
    int rc = rf_json_parse(rf_buf_slice(&wrapped), RF_BUNDLE_LINE_MAX + 2, &v, err);
    if (rc < 0)
        return rc;
    if (json_array_size(v) != 1)
        return rf_fail(err, RFE_INVALID, "not one value");
    return key == KEY_COUNT ? 0 : read_header(r, (enum key)key, json_array_get(v, 0), err);
}

/* The key that is next need not stand. */
static bool may_be_absent(const struct reader *r)
{
    return r->next == KEY_REFUSED || r->next == KEY_AS_OF || r->next == KEY_RETAIN ||
           (r->next == KEY_CANDIDATES && !r->b->retain.set);
}

static int read_member(struct reader *r, struct rf_slice line, bool *comma, struct rf_err *err)
{
    size_t at = 0;
    int rc = 0;
    struct rf_slice name;
    int key = line_key(line, &name, &at);
    if (key != KEY_VERSION && r->next == KEY_VERSION)
        return rf_fail(err, RFE_NOT_BUNDLE, "it does not begin with %s", key_names[KEY_VERSION]);
    if (key < 0)
        return rf_fail(err, RFE_INVALID, "not a member of the document");
    if (key == KEY_COUNT && (rc = pass_over(r, name, err)) < 0)
        return rc;
    if (r->next == KEY_REPAIRS && !r->repair)
        r->next++;
    while (key > r->next && key < KEY_COUNT && may_be_absent(r))
        r->next++;
    if (key < KEY_COUNT) {
        if (key != r->next)
            return rf_fail(err, RFE_INVALID, "%s: twice, out of order, or %s is missing",
                           key_names[key], r->next < KEY_COUNT ? key_names[r->next] : "nothing");
        r->next++;
    }
    struct rf_slice value = rf_slice_of(line.ptr + at, line.len - at);
    if (rf_slice_is(value, "[")) {
        rc = read_array(r, key, comma, err);
    } else {
        *comma = take_comma(&value);
        rc = read_scalar(r, key, value, err);
    }
    return rc < 0 ? rf_wrap(err, rc, "%s", key < KEY_COUNT ? key_names[key] : "an unknown member")
                  : 0;
}

static int read_document(struct reader *r, struct rf_err *err)
{
    struct rf_slice line;
    int rc = next_line(r, &line, err);
    if (rc < 0)
        return rc;
    if (!rf_slice_is(line, "{"))
        return rf_fail(err, RFE_NOT_BUNDLE, "it does not begin as one");
    for (bool comma = true;;) {
        if ((rc = next_line(r, &line, err)) < 0)
            return rc;
        if (rf_slice_is(line, "}")) {
            if (comma || r->next != KEY_COUNT)
                return rf_fail(err, RFE_INVALID, "it ends without %s",
                               r->next < KEY_COUNT ? key_names[r->next] : "its last member");
            break;
        }
        if (!comma)
            return rf_fail(err, RFE_INVALID, "no comma behind a member");
        if ((rc = read_member(r, line, &comma, err)) < 0)
            return rc;
    }
    rc = rf_lines_next(&r->lines, &line, err);
    return rc > 0 ? rf_fail(err, RFE_INVALID, "something stands behind its end") : rc;
}

static int check_sums(const struct reader *r, struct rf_err *err)
{
    struct rf_bundle *b = r->b;
    struct rf_digest d;
    uint64_t size = 0;
    rf_desired_snapshot(&b->desired, &d);
    if (!rf_digest_eq(&d, &b->snapshot))
        return rf_fail(err, RFE_DAMAGED, "the snapshot is not that of its images");
    if (r->n_volumes != 1 || r->volume_blobs != rf_bundle_carried_count(b) ||
        r->volume_bytes != rf_bundle_carried_bytes(b))
        return rf_fail(err, RFE_DAMAGED, "the volume's sums are not those of its blobs");
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_measure(RF_DIGEST_SHA256, &d, &size);
    int rc = rf_bundle_write_index(b, sink, err);
    if (rc == 0)
        rc = rf_sink_commit(sink, err);
    if (rc == 0 && (size != b->index_size || !rf_digest_eq(&d, &b->index_digest)))
        rc = rf_fail(err, RFE_DAMAGED, "its index.json is not that of its images");
    return rc;
}

/* Passes everything through and hashes it. */
struct hashing {
    struct rf_source source;
    struct rf_source *inner;
    struct rf_hasher *hasher;
};

static ssize_t hashing_read(struct rf_source *s, void *p, size_t n, struct rf_err *err)
{
    struct hashing *h = (struct hashing *)s;
    ssize_t got = rf_source_read(h->inner, p, n, err);
    if (got > 0)
        rf_hasher_update(h->hasher, p, (size_t)got);
    return got;
}

static const struct rf_source_ops hashing_ops = { .read = hashing_read };

int rf_bundle_read(struct rf_source *src, uint64_t size, struct rf_bundle *b, struct rf_err *err)
{
    RF_CLEANUP(rf_hasher_freep) struct rf_hasher *hasher = rf_hasher_new(RF_DIGEST_SHA256);
    struct hashing hashing = { .source.ops = &hashing_ops, .inner = src, .hasher = hasher };
    struct reader r = { .b = b };
    if (size > RF_BUNDLE_JSON_MAX)
        return rf_fail(err, RFE_NOT_BUNDLE, "bundle.json has %llu bytes, the limit is %u",
                       (unsigned long long)size, RF_BUNDLE_JSON_MAX);
    struct rf_err why = RF_ERR_INIT;
    rf_lines_init(&r.lines, &hashing.source, RF_BUNDLE_LINE_MAX - 1); /* and its LF */
    rf_strings_init(&r.unknown);
    int rc = read_document(&r, &why);
    if (rc < 0)
        rf_wrap(&why, rc, "bundle.json line %llu", (unsigned long long)r.lines.number);
    rf_lines_release(&r.lines);
    rf_strings_release(&r.unknown);
    if (rc == 0)
        rc = rf_bundle_check(b, &why);
    if (rc == 0)
        rc = check_sums(&r, &why);
    if (rc == 0 && rf_hasher_count(hasher) != size)
        rc = rf_fail(&why, RFE_DAMAGED, "bundle.json has not its size");
    if (rc < 0) {
        bool own = rc == -RFE_NOT_BUNDLE || rc == -RFE_CANCELLED || rc == -RFE_TERMINATED;
        return rf_fail(err, own ? -rc : RFE_DAMAGED, "%s", why.msg);
    }
    rf_hasher_final(hasher, &b->id);
    b->json_size = size;
    return 0;
}
