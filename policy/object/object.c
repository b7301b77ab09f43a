/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/object/object.h"

#include <stdlib.h>

#include "base/base64.h"
#include "base/columns.h"
#include "base/mem.h"
#include "base/text.h"

#define METHOD(name)                                                             \
    static int name(const struct rf_call *call, const struct rf_value *self,     \
                    const struct rf_value *args, size_t n, struct rf_value *out, \
                    struct rf_err *err)
#define GETTER(name)                                                                              \
    static int name(const struct rf_call *call, const struct rf_field *field, const void *object, \
                    struct rf_value *out, struct rf_err *err)

/* ---- digests ---- */

struct rf_value rf_object_digest(struct rf_arena *arena, const struct rf_digest *d)
{
    char text[RF_DIGEST_TEXT];
    struct rf_slice s = rf_arena_slice(arena, rf_slice_str(rf_digest_text(d, text)));
    return rf_value_typed(rf_value_string(s), &rf_type_digest);
}

int rf_get_digest(const struct rf_call *call, const struct rf_field *field, const void *object,
                  struct rf_value *out, struct rf_err *err)
{
    (void)err;
    *out = rf_object_digest(
        call->arena,
        (const struct rf_digest *)(const void *)((const char *)object + field->offset));
    return 0;
}

METHOD(digest_algorithm)
{
    (void)call, (void)args, (void)n, (void)err;
    const char *colon = self->text.len > 0 ? memchr(self->text.ptr, ':', self->text.len) : NULL;
    size_t len = colon != NULL ? (size_t)(colon - self->text.ptr) : 0;
    *out = rf_value_string(rf_slice_of(self->text.ptr, len));
    return 0;
}

METHOD(digest_hex)
{
    (void)call, (void)args, (void)n, (void)err;
    const char *colon = self->text.len > 0 ? memchr(self->text.ptr, ':', self->text.len) : NULL;
    size_t skip = colon != NULL ? (size_t)(colon - self->text.ptr) + 1 : self->text.len;
    *out = rf_value_string(
        rf_slice_of(self->text.ptr != NULL ? self->text.ptr + skip : NULL, self->text.len - skip));
    return 0;
}

METHOD(digest_string)
{
    (void)call, (void)args, (void)n, (void)err;
    *out = rf_value_string(self->text);
    return 0;
}

static const struct rf_func digest_methods[] = {
    { "Algorithm", "", digest_algorithm },
    { "Encoded", "", digest_hex },
    { "Hex", "", digest_hex },
    { "String", "", digest_string },
};
const struct rf_type rf_type_digest = { .name = "digest.Digest",
                                        .kind = RF_VALUE_STRING,
                                        RF_METHODS(digest_methods) };
const struct rf_type rf_type_digest_list = { .name = "[]digest.Digest",
                                             .kind = RF_VALUE_LIST,
                                             .elem = &rf_type_digest };

/* ---- platforms ---- */

static int platform_write(const struct rf_call *call, const struct rf_value *self,
                          struct rf_buf *out, struct rf_err *err)
{
    struct rf_platform p = RF_PLATFORM_INIT;
    (void)call;
    int rc = rf_platform_from_json(self->object, "platform", &p, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_freep) char *text = rf_platform_text(&p);
    rf_buf_add_str(out, text);
    rf_platform_release(&p);
    return 0;
}

METHOD(platform_string)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    (void)args, (void)n;
    rf_buf_init(&b, 0);
    int rc = platform_write(call, self, &b, err);
    if (rc == 0)
        *out = rf_value_string(rf_arena_slice(call->arena, rf_buf_slice(&b)));
    return rc;
}

static const struct rf_field platform_fields[] = {
    { "Architecture", "architecture", 0, rf_get_json, 0, &rf_type_string },
    { "OS", "os", 0, rf_get_json, 0, &rf_type_string },
    { "OSVersion", "os.version", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string },
    { "OSFeatures", "os.features", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string_list },
    { "Variant", "variant", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string },
    { "Features", "features", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string_list },
};
static const struct rf_func platform_methods[] = { { "String", "", platform_string } };
const struct rf_type rf_type_platform = { .name = "platform.Platform",
                                          .kind = RF_VALUE_OBJECT,
                                          RF_FIELDS(platform_fields),
                                          RF_METHODS(platform_methods),
                                          .string = platform_write };

/* ---- descriptors ---- */

/* What is no base64 shows as nothing, like every member of another kind. */
GETTER(descriptor_data)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf bytes;
    (void)err;
    const char *text = json_string_value(json_object_get(object, field->json));
    rf_buf_init(&bytes, 0);
    if (text == NULL || !rf_base64_decode(&bytes, rf_slice_str(text)))
        *out = rf_value_bytes(rf_slice_of(NULL, 0));
    else
        *out = rf_value_bytes(rf_arena_slice(call->arena, rf_buf_slice(&bytes)));
    return 0;
}

METHOD(descriptor_get_data)
{
    static const struct rf_field data = { .name = "Data", .json = "data" };
    (void)args, (void)n;
    int rc = descriptor_data(call, &data, self->object, out, err);
    if (rc == 0 && out->text.ptr == NULL)
        return rf_fail(err, RFE_NOT_FOUND, "the descriptor holds no data");
    return rc;
}

METHOD(descriptor_algo)
{
    (void)args, (void)n, (void)err;
    const char *text = json_string_value(json_object_get(self->object, "digest"));
    size_t len = text != NULL ? strcspn(text, ":") : 0;
    *out = len > 0 ? rf_value_string(rf_arena_slice(call->arena, rf_slice_of(text, len)))
                   : rf_value_str("sha256");
    return 0;
}

static const struct rf_field descriptor_fields[] = {
    { "MediaType", "mediaType", 0, rf_get_json, 0, &rf_type_string },
    { "Digest", "digest", 0, rf_get_json, 0, &rf_type_digest },
    { "Size", "size", 0, rf_get_json, 0, &rf_type_int64 },
    { "URLs", "urls", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string_list },
    { "Annotations", "annotations", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string_map },
    { "Data", "data", RF_FIELD_OMITEMPTY, descriptor_data, 0, NULL },
    { "Platform", "platform", RF_FIELD_OMITEMPTY | RF_FIELD_POINTER, rf_get_json, 0,
      &rf_type_platform },
    { "ArtifactType", "artifactType", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string },
};
static const struct rf_func descriptor_methods[] = {
    { "DigestAlgo", "", descriptor_algo },
    { "GetData", "", descriptor_get_data },
};

static int descriptor_pretty(const struct rf_call *call, const struct rf_value *self,
                             struct rf_buf *out, struct rf_err *err);

const struct rf_type rf_type_descriptor = { .name = "descriptor.Descriptor",
                                            .kind = RF_VALUE_OBJECT,
                                            RF_FIELDS(descriptor_fields),
                                            RF_METHODS(descriptor_methods),
                                            .pretty = descriptor_pretty };
const struct rf_type rf_type_descriptor_list = { .name = "[]descriptor.Descriptor",
                                                 .kind = RF_VALUE_LIST,
                                                 .elem = &rf_type_descriptor };

json_t *rf_object_descriptor(const struct rf_descriptor *d)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    struct rf_err ignored = RF_ERR_INIT;
    json_t *j = NULL;
    rf_buf_init(&text, 0);
    rf_descriptor_add_json(&text, d);
    if (rf_json_parse(rf_buf_slice(&text), text.len, &j, &ignored) < 0)
        RF_BUG("a descriptor's own JSON: %s", ignored.msg);
    return j;
}

/* ---- descriptors for people ---- */

void rf_object_size_pretty(uint64_t bytes, struct rf_buf *out)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
    double size = (double)bytes;
    size_t i = 0;
    for (; size >= 1000 && i + 1 < RF_ARRAY_LEN(units); i++)
        size /= 1000;
    rf_buf_addf(out, "%5.3f%s", size, units[i]);
}

static const char *member(const json_t *j, const char *key)
{
    const char *s = json_string_value(json_object_get(j, key));
    return s != NULL ? s : "";
}

static void add_list(struct rf_buf *out, const char *indent, const char *name, const json_t *list)
{
    size_t i;
    const json_t *item;
    if (json_array_size(list) == 0)
        return;
    rf_buf_addf(out, "%s%s:\t", indent, name);
    json_array_foreach (list, i, item) {
        const char *s = json_string_value(item);
        rf_buf_addf(out, "%s%s", i > 0 ? ", " : "", s != NULL ? s : "");
    }
    rf_buf_add_char(out, '\n');
}

static void add_platform(const json_t *platform, const char *indent, struct rf_buf *out)
{
    const struct rf_value v = rf_value_object(&rf_type_platform, platform);
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    struct rf_err ignored;
    rf_buf_init(&text, 0);
    if (member(platform, "os")[0] == '\0' || platform_write(NULL, &v, &text, &ignored) < 0)
        return;
    rf_buf_addf(out, "%sPlatform:\t%s\n", indent, text.ptr);
    if (member(platform, "os.version")[0] != '\0')
        rf_buf_addf(out, "%sOSVersion:\t%s\n", indent, member(platform, "os.version"));
    add_list(out, indent, "OSFeatures", json_object_get(platform, "os.features"));
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void rf_object_annotations_pretty(const json_t *annotations, const char *indent, struct rf_buf *out)
{
    size_t n = json_object_size(annotations), i = 0;
    RF_CLEANUP(rf_freep) const char **keys = rf_xcalloc(n + 1, sizeof(*keys));
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)annotations, key, value) {
        keys[i++] = key;
    }
    qsort(keys, n, sizeof(*keys), by_text);
    rf_buf_addf(out, "%sAnnotations:\t\n", indent);
    for (i = 0; i < n; i++)
        rf_buf_addf(out, "%s  %s:\t%s\n", indent, keys[i], member(annotations, keys[i]));
}

void rf_object_descriptor_pretty(const json_t *descriptor, const char *indent, struct rf_buf *out)
{
    const char *type = member(descriptor, "mediaType");
    uint64_t size = (uint64_t)json_integer_value(json_object_get(descriptor, "size"));
    rf_buf_addf(out, "%sDigest:\t%s\n", indent, member(descriptor, "digest"));
    rf_buf_addf(out, "%sMediaType:\t%s\n", indent, type);
    if (member(descriptor, "artifactType")[0] != '\0')
        rf_buf_addf(out, "%sArtifactType:\t%s\n", indent, member(descriptor, "artifactType"));
    bool known = rf_media_is_manifest(type) || strcmp(type, RF_MT_DOCKER_V1) == 0 ||
                 strcmp(type, RF_MT_DOCKER_V1_SIGNED) == 0;
    if (!known) {
        rf_buf_addf(out, "%sSize:\t", indent);
        if (size > 100000)
            rf_object_size_pretty(size, out);
        else
            rf_buf_addf(out, "%lluB", (unsigned long long)size);
        rf_buf_add_char(out, '\n');
    }
    if (json_is_object(json_object_get(descriptor, "platform")))
        add_platform(json_object_get(descriptor, "platform"), indent, out);
    add_list(out, indent, "URLs", json_object_get(descriptor, "urls"));
    if (json_is_object(json_object_get(descriptor, "annotations")))
        rf_object_annotations_pretty(json_object_get(descriptor, "annotations"), indent, out);
}

static int descriptor_pretty(const struct rf_call *call, const struct rf_value *self,
                             struct rf_buf *out, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    (void)call, (void)err;
    rf_buf_init(&text, out->max);
    rf_object_descriptor_pretty(self->object, "", &text);
    rf_columns(rf_buf_slice(&text), out);
    return 0;
}

/* ---- headers ---- */

METHOD(header_get)
{
    (void)n, (void)err;
    /* As Go does it: the name in any case. */
    char *name = rf_arena_dup(call->arena, args[0].text);
    rf_object_header_name(name);
    const struct rf_value *found = rf_value_lookup(self, rf_slice_str(name));
    *out = found != NULL && found->list.n > 0 ? found->list.items[0] : rf_value_str("");
    return 0;
}

METHOD(header_values)
{
    (void)n, (void)err;
    char *name = rf_arena_dup(call->arena, args[0].text);
    rf_object_header_name(name);
    const struct rf_value *found = rf_value_lookup(self, rf_slice_str(name));
    *out = found != NULL ? *found : rf_value_list(&rf_type_string_list, NULL, 0);
    return 0;
}

static const struct rf_func header_methods[] = { { "Get", "s", header_get },
                                                 { "Values", "s", header_values } };
const struct rf_type rf_type_header = { .name = "http.Header",
                                        .kind = RF_VALUE_MAP,
                                        .elem = &rf_type_string_list,
                                        RF_METHODS(header_methods) };

void rf_object_header_name(char *name)
{
    bool start = true;
    for (; *name != '\0'; name++) {
        if (start && *name >= 'a' && *name <= 'z')
            *name = (char)(*name - 'a' + 'A');
        else if (!start && *name >= 'A' && *name <= 'Z')
            *name = (char)(*name - 'A' + 'a');
        start = *name == '-';
    }
}

struct rf_value rf_object_headers(struct rf_arena *arena, const struct rf_headers *headers)
{
    if (headers == NULL)
        return rf_value_map(&rf_type_header, NULL, 0);
    struct rf_pair *pairs = rf_arena_alloc(arena, (headers->n + 1) * sizeof(*pairs));
    size_t n = 0;
    for (size_t i = 0; i < headers->n; i++) {
        size_t count = 0, pos = 0;
        const char *const name = headers->names[i], *value;
        bool seen = false;
        for (size_t k = 0; k < i; k++)
            seen = seen || strcmp(headers->names[k], name) == 0;
        if (seen)
            continue;
        const char **values = rf_arena_alloc(arena, headers->n * sizeof(*values));
        while ((value = rf_headers_next(headers, name, &pos)) != NULL)
            values[count++] = value;
        char *shown = rf_arena_dup(arena, rf_slice_str(name));
        rf_object_header_name(shown);
        pairs[n++] =
            (struct rf_pair){ rf_slice_str(shown), rf_value_strings(arena, values, count) };
    }
    return rf_value_map(&rf_type_header, pairs, n);
}

/* ---- references ---- */

GETTER(ref_scheme)
{
    static const char *const names[] = {
        [RF_SCHEME_REGISTRY] = "reg", [RF_SCHEME_OCIDIR] = "ocidir", [RF_SCHEME_OCIFILE] = "ocifile"
    };
    (void)call, (void)field, (void)err;
    *out = rf_value_str(names[((const struct rf_ref *)object)->scheme]);
    return 0;
}

GETTER(ref_digest)
{
    (void)field, (void)err;
    char text[RF_DIGEST_TEXT];
    const struct rf_ref *r = object;
    /* A plain string here, unlike a descriptor's. */
    *out = rf_value_string(
        rf_arena_slice(call->arena, rf_slice_str(rf_digest_text(&r->digest, text))));
    return 0;
}

METHOD(ref_common_name)
{
    (void)args, (void)n, (void)err;
    RF_CLEANUP(rf_freep) char *name = rf_ref_common_name(self->object);
    *out = rf_value_string(rf_arena_slice(call->arena, rf_slice_str(name)));
    return 0;
}

METHOD(ref_is_zero)
{
    (void)call, (void)args, (void)n, (void)err;
    *out = rf_value_bool(((const struct rf_ref *)self->object)->text == NULL);
    return 0;
}

static const struct rf_field ref_fields[] = {
    { "Scheme", "Scheme", 0, ref_scheme, 0, NULL },
    { "Reference", "Reference", 0, rf_get_string, offsetof(struct rf_ref, text), NULL },
    { "Registry", "Registry", 0, rf_get_string, offsetof(struct rf_ref, registry), NULL },
    { "Repository", "Repository", 0, rf_get_string, offsetof(struct rf_ref, repository), NULL },
    { "Tag", "Tag", 0, rf_get_string, offsetof(struct rf_ref, tag), NULL },
    { "Digest", "Digest", 0, ref_digest, 0, NULL },
    { "Path", "Path", 0, rf_get_string, offsetof(struct rf_ref, path), NULL },
};
static const struct rf_func ref_methods[] = {
    { "CommonName", "", ref_common_name },
    { "IsZero", "", ref_is_zero },
};
const struct rf_type rf_type_ref = {
    .name = "ref.Ref", .kind = RF_VALUE_OBJECT, RF_FIELDS(ref_fields), RF_METHODS(ref_methods)
};

/* ---- rate limits ---- */

GETTER(rate_policies)
{
    (void)field, (void)err;
    const struct rf_rate_limit *r = object;
    *out = rf_value_strings(call->arena, (const char *const *)r->policies, r->n_policies);
    if (r->n_policies == 0)
        out->list.items = NULL;
    return 0;
}

static const struct rf_field rate_fields[] = {
    { "Remain", "Remain", 0, rf_get_int, offsetof(struct rf_rate_limit, remain), NULL },
    { "Limit", "Limit", 0, rf_get_int, offsetof(struct rf_rate_limit, limit), NULL },
    { "Reset", "Reset", 0, rf_get_int, offsetof(struct rf_rate_limit, reset), NULL },
    { "Set", "Set", 0, rf_get_bool, offsetof(struct rf_rate_limit, set), NULL },
    { "Policies", "Policies", 0, rate_policies, 0, NULL },
};
const struct rf_type rf_type_rate_limit = { .name = "types.RateLimit",
                                            .kind = RF_VALUE_OBJECT,
                                            RF_FIELDS(rate_fields) };

/* The number at the start of "100;w=21600", 0 when there is none. */
static int number_of(const char *text, bool *is_number)
{
    uint64_t n = 0;
    size_t len = strcspn(text, ";, ");
    *is_number = rf_parse_u64(rf_slice_of(text, len), INT32_MAX, &n, NULL) == 0;
    return *is_number ? (int)n : 0;
}

static void add_policies(struct rf_rate_limit *r, const char *text)
{
    size_t cap = 0;
    for (;;) {
        size_t len = strcspn(text, ",");
        r->policies = rf_grow(r->policies, r->n_policies, &cap, sizeof(char *));
        r->policies[r->n_policies++] = rf_xstrndup(text, len);
        if (text[len] == '\0')
            return;
        text += len + 1;
    }
}

void rf_rate_limit_read(const struct rf_headers *headers, struct rf_rate_limit *out)
{
    const char *limit = rf_headers_get(headers, "ratelimit-limit");
    const char *remain = rf_headers_get(headers, "ratelimit-remaining");
    const char *reset = rf_headers_get(headers, "ratelimit-reset");
    bool is_number;
    *out = (struct rf_rate_limit){ 0 };
    if (limit != NULL) {
        out->limit = number_of(limit, &is_number);
        size_t first = strcspn(limit, ",");
        /* "100;w=21600" is a policy itself, "100, 100;w=21600" has them behind the number. */
        if (memchr(limit, ';', first) != NULL)
            add_policies(out, limit);
        else if (limit[first] == ',')
            add_policies(out, limit + first + 1);
    }
    if (remain != NULL)
        out->remain = number_of(remain, &out->set);
    if (reset != NULL)
        out->reset = number_of(reset, &is_number);
}

void rf_rate_limit_release(struct rf_rate_limit *r)
{
    for (size_t i = 0; i < r->n_policies; i++)
        free(r->policies[i]);
    free(r->policies);
    *r = (struct rf_rate_limit){ 0 };
}
