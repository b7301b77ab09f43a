/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/template_objects.h"

#include <stdlib.h>

#include "base/mem.h"

#define METHOD(name)                                                             \
    static int name(const struct rf_call *call, const struct rf_value *self,     \
                    const struct rf_value *args, size_t n, struct rf_value *out, \
                    struct rf_err *err)
#define GETTER(name)                                                                              \
    static int name(const struct rf_call *call, const struct rf_field *field, const void *object, \
                    struct rf_value *out, struct rf_err *err)
#define UNUSED() (void)call, (void)self, (void)args, (void)n, (void)out, (void)err
#define UNUSED_GETTER() (void)call, (void)field, (void)object, (void)out, (void)err

/* ---- digest.Digest: a string with methods ---- */

static struct rf_value part(const struct rf_value *self, bool behind)
{
    const char *colon = memchr(self->text.ptr, ':', self->text.len);
    size_t at = (size_t)(colon - self->text.ptr);
    return rf_value_string(behind ? rf_slice_of(colon + 1, self->text.len - at - 1)
                                  : rf_slice_of(self->text.ptr, at));
}

METHOD(digest_algorithm)
{
    UNUSED();
    *out = part(self, false);
    return 0;
}

METHOD(digest_hex)
{
    UNUSED();
    *out = part(self, true);
    return 0;
}

METHOD(digest_string)
{
    UNUSED();
    *out = rf_value_string(self->text);
    return 0;
}

static const struct rf_func digest_methods[] = {
    { "Algorithm", "", digest_algorithm },
    { "Encoded", "", digest_hex },
    { "Hex", "", digest_hex },
    { "String", "", digest_string },
};
static const struct rf_type digest_type = { .name = "digest.Digest",
                                            .kind = RF_VALUE_STRING,
                                            RF_METHODS(digest_methods) };

/* ---- platform.Platform: an object with a text of its own ---- */

struct platform {
    const char *os, *architecture, *variant;
};

static int platform_write(const struct rf_call *call, const struct rf_value *self,
                          struct rf_buf *out, struct rf_err *err)
{
    const struct platform *p = self->object;
    (void)call, (void)err;
    rf_buf_addf(out, "%s/%s", p->os, p->architecture);
    if (p->variant != NULL)
        rf_buf_addf(out, "/%s", p->variant);
    return 0;
}

METHOD(platform_string)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    (void)args, (void)n;
    rf_buf_init(&b, 0);
    int rc = platform_write(call, self, &b, err);
    *out = rf_value_string(rf_arena_slice(call->arena, rf_buf_slice(&b)));
    return rc;
}

static const struct rf_field platform_fields[] = {
    { "Architecture", "architecture", 0, rf_get_string, offsetof(struct platform, architecture),
      NULL },
    { "OS", "os", 0, rf_get_string, offsetof(struct platform, os), NULL },
    { "Variant", "variant", RF_FIELD_OMITEMPTY, rf_get_string, offsetof(struct platform, variant),
      NULL },
};
static const struct rf_func platform_methods[] = { { "String", "", platform_string } };
static const struct rf_type platform_type = { .name = "platform.Platform",
                                              .kind = RF_VALUE_OBJECT,
                                              RF_FIELDS(platform_fields),
                                              RF_METHODS(platform_methods),
                                              .string = platform_write };

/* ---- descriptor.Descriptor ---- */

struct descriptor {
    const char *media_type, *digest, *artifact_type;
    int64_t size;
    const struct platform *platform;
    const char *data;
};

GETTER(descriptor_digest)
{
    UNUSED_GETTER();
    const struct descriptor *d = object;
    *out = rf_value_typed(rf_value_str(d->digest), &digest_type);
    return 0;
}

GETTER(descriptor_urls)
{
    UNUSED_GETTER();
    *out = rf_value_list(&rf_type_string_list, NULL, 0);
    return 0;
}

GETTER(descriptor_annotations)
{
    UNUSED_GETTER();
    *out = rf_value_map(&rf_type_string_map, NULL, 0);
    return 0;
}

GETTER(descriptor_data)
{
    UNUSED_GETTER();
    const struct descriptor *d = object;
    *out = rf_value_bytes(rf_slice_str(d->data));
    return 0;
}

static const struct rf_field descriptor_fields[] = {
    { "MediaType", "mediaType", 0, rf_get_string, offsetof(struct descriptor, media_type), NULL },
    { "Digest", "digest", 0, descriptor_digest, 0, NULL },
    { "Size", "size", 0, rf_get_int64, offsetof(struct descriptor, size), NULL },
    { "URLs", "urls", RF_FIELD_OMITEMPTY, descriptor_urls, 0, NULL },
    { "Annotations", "annotations", RF_FIELD_OMITEMPTY, descriptor_annotations, 0, NULL },
    { "Data", "data", RF_FIELD_OMITEMPTY, descriptor_data, 0, NULL },
    { "Platform", "platform", RF_FIELD_OMITEMPTY, rf_get_pointer,
      offsetof(struct descriptor, platform), &platform_type },
    { "ArtifactType", "artifactType", RF_FIELD_OMITEMPTY, rf_get_string,
      offsetof(struct descriptor, artifact_type), NULL },
};
static const struct rf_type descriptor_type = { .name = "descriptor.Descriptor",
                                                .kind = RF_VALUE_OBJECT,
                                                RF_FIELDS(descriptor_fields) };
static const struct rf_type descriptor_list = { .name = "[]descriptor.Descriptor",
                                                .kind = RF_VALUE_LIST,
                                                .elem = &descriptor_type };

static struct rf_value descriptors(const struct rf_call *call, const struct descriptor *d, size_t n)
{
    struct rf_value *items = rf_arena_alloc(call->arena, (n + 1) * sizeof(*items));
    for (size_t i = 0; i < n; i++)
        items[i] = rf_value_object(&descriptor_type, &d[i]);
    return rf_value_list(&descriptor_list, items, n);
}

/* ---- http.Header: a map with a method ---- */

METHOD(header_get)
{
    UNUSED();
    const struct rf_value *v = rf_value_lookup(self, args[0].text);
    *out = v != NULL && v->list.n > 0 ? v->list.items[0] : rf_value_str("");
    return 0;
}

static const struct rf_func header_methods[] = { { "Get", "s", header_get } };
static const struct rf_type header_type = { .name = "http.Header",
                                            .kind = RF_VALUE_MAP,
                                            .elem = &rf_type_string_list,
                                            RF_METHODS(header_methods) };

static struct rf_value headers(const struct rf_call *call)
{
    static const char *const values[] = { "sha256:0123", "application/json" };
    struct rf_pair *pairs = rf_arena_alloc(call->arena, 2 * sizeof(*pairs));
    pairs[0].key = rf_slice_str("Docker-Content-Digest");
    pairs[0].value = rf_value_strings(call->arena, &values[0], 1);
    pairs[1].key = rf_slice_str("Content-Type");
    pairs[1].value = rf_value_strings(call->arena, &values[1], 1);
    return rf_value_map(&header_type, pairs, 2);
}

/* ---- manifests: an outer object with methods and an embedded inner one with the fields ---- */

struct versioned {
    int schema_version;
};

struct manifest {
    struct versioned versioned;
    const char *media_type, *artifact_type;
    struct descriptor config;
    const struct descriptor *entries;
    size_t n;
    const struct descriptor *subject;
    const char *base_name;
    struct descriptor self;
};

static const struct rf_field versioned_fields[] = {
    { "SchemaVersion", "schemaVersion", 0, rf_get_int, offsetof(struct versioned, schema_version),
      NULL },
};
static const struct rf_type versioned_type = { .name = "specs.Versioned",
                                               .kind = RF_VALUE_OBJECT,
                                               RF_FIELDS(versioned_fields) };

GETTER(manifest_entries)
{
    (void)field, (void)err;
    const struct manifest *m = object;
    *out = descriptors(call, m->entries, m->n);
    return 0;
}

GETTER(manifest_annotations)
{
    UNUSED_GETTER();
    const struct manifest *m = object;
    struct rf_pair *pairs = NULL;
    size_t n = 0;
    if (m->base_name != NULL) {
        pairs = rf_arena_alloc(call->arena, 2 * sizeof(*pairs));
        pairs[0].key = rf_slice_str("version");
        pairs[0].value = rf_value_str("2");
        pairs[1].key = rf_slice_str("org.opencontainers.image.base.name");
        pairs[1].value = rf_value_str(m->base_name);
        n = 2;
    }
    *out = rf_value_map(&rf_type_string_map, pairs, n);
    return 0;
}

static const struct rf_field index_inner_fields[] = {
    { "Versioned", NULL, RF_FIELD_EMBEDDED, rf_get_object, offsetof(struct manifest, versioned),
      &versioned_type },
    { "MediaType", "mediaType", RF_FIELD_OMITEMPTY, rf_get_string,
      offsetof(struct manifest, media_type), NULL },
    { "ArtifactType", "artifactType", RF_FIELD_OMITEMPTY, rf_get_string,
      offsetof(struct manifest, artifact_type), NULL },
    { "Manifests", "manifests", 0, manifest_entries, 0, NULL },
    { "Subject", "subject", RF_FIELD_OMITEMPTY, rf_get_pointer, offsetof(struct manifest, subject),
      &descriptor_type },
    { "Annotations", "annotations", RF_FIELD_OMITEMPTY, manifest_annotations, 0, NULL },
};
static const struct rf_type index_inner = { .name = "v1.Index",
                                            .kind = RF_VALUE_OBJECT,
                                            RF_FIELDS(index_inner_fields) };
static const struct rf_field image_inner_fields[] = {
    { "Versioned", NULL, RF_FIELD_EMBEDDED, rf_get_object, offsetof(struct manifest, versioned),
      &versioned_type },
    { "MediaType", "mediaType", RF_FIELD_OMITEMPTY, rf_get_string,
      offsetof(struct manifest, media_type), NULL },
    { "ArtifactType", "artifactType", RF_FIELD_OMITEMPTY, rf_get_string,
      offsetof(struct manifest, artifact_type), NULL },
    { "Config", "config", 0, rf_get_object, offsetof(struct manifest, config), &descriptor_type },
    { "Layers", "layers", 0, manifest_entries, 0, NULL },
    { "Subject", "subject", RF_FIELD_OMITEMPTY, rf_get_pointer, offsetof(struct manifest, subject),
      &descriptor_type },
    { "Annotations", "annotations", RF_FIELD_OMITEMPTY, manifest_annotations, 0, NULL },
};
static const struct rf_type image_inner = { .name = "v1.Manifest",
                                            .kind = RF_VALUE_OBJECT,
                                            RF_FIELDS(image_inner_fields) };

METHOD(manifest_descriptor)
{
    UNUSED();
    const struct manifest *m = self->object;
    *out = rf_value_object(&descriptor_type, &m->self);
    return 0;
}

METHOD(manifest_headers)
{
    (void)self, (void)args, (void)n, (void)err;
    *out = headers(call);
    return 0;
}

METHOD(manifest_raw_body)
{
    UNUSED();
    *out = rf_value_bytes(rf_slice_str("{\"raw\":1}"));
    return 0;
}

METHOD(manifest_config)
{
    UNUSED();
    const struct manifest *m = self->object;
    if (m->config.digest == NULL)
        return rf_fail(err, RFE_UNSUPPORTED, "config unavailable");
    *out = rf_value_object(&descriptor_type, &m->config);
    return 0;
}

static int index_pretty(const struct rf_call *call, const struct rf_value *self, struct rf_buf *out,
                        struct rf_err *err)
{
    const struct manifest *m = self->object;
    (void)call, (void)err;
    rf_buf_addf(out, "MediaType: %s\nManifests: %zu\n", m->media_type, m->n);
    return 0;
}

static const struct rf_func manifest_methods[] = {
    { "GetDescriptor", "", manifest_descriptor },
    { "RawHeaders", "", manifest_headers },
    { "RawBody", "", manifest_raw_body },
    { "GetConfig", "", manifest_config },
};
static const struct rf_field index_fields[] = {
    { "Index", NULL, RF_FIELD_EMBEDDED, rf_get_object, 0, &index_inner },
};
static const struct rf_type index_type = { .name = "manifest.oci1Index",
                                           .kind = RF_VALUE_OBJECT,
                                           RF_FIELDS(index_fields),
                                           RF_METHODS(manifest_methods),
                                           .pretty = index_pretty };
static const struct rf_field image_fields[] = {
    { "Manifest", NULL, RF_FIELD_EMBEDDED, rf_get_object, 0, &image_inner },
};
static const struct rf_type image_type = { .name = "manifest.oci1Manifest",
                                           .kind = RF_VALUE_OBJECT,
                                           RF_FIELDS(image_fields),
                                           RF_METHODS(manifest_methods) };

#define MT_IMAGE "application/vnd.oci.image.manifest.v1+json"
#define MT_INDEX "application/vnd.oci.image.index.v1+json"
#define MT_CONFIG "application/vnd.oci.image.config.v1+json"
#define MT_LAYER "application/vnd.oci.image.layer.v1.tar+gzip"

static const struct platform amd64 = { "linux", "amd64", NULL }, arm64 = { "linux", "arm64", NULL },
                             arm7 = { "linux", "arm", "v7" };
static const struct descriptor index_entries[] = {
    { .media_type = MT_IMAGE, .digest = "sha256:ee378b79", .size = 1017, .platform = &amd64 },
    { .media_type = MT_IMAGE, .digest = "sha256:5c1d1f4c", .size = 1018, .platform = &arm64 },
    { .media_type = MT_IMAGE, .digest = "sha256:77aa0c34", .size = 1019, .platform = &arm7 },
};
static const struct descriptor image_layers[] = {
    { .media_type = MT_LAYER, .digest = "sha256:ac4ae171", .size = 104 },
    { .media_type = MT_LAYER, .digest = "sha256:0d62c4f6", .size = 105 },
    { .media_type = MT_LAYER, .digest = "sha256:73b5cd19", .size = 106 },
};
static const struct descriptor artifact_layers[] = {
    { .media_type = "application/example", .digest = "sha256:1f1f1f1f", .size = 9, .data = "hi\n" },
};
static const struct manifest an_index = {
    .versioned = { 2 },
    .media_type = MT_INDEX,
    .entries = index_entries,
    .n = 3,
    .base_name = "registry.example.org/testrepo:b2",
    .self = { .media_type = MT_INDEX, .digest = "sha256:dfae8f42", .size = 1362 },
};
static const struct manifest an_image = {
    .versioned = { 2 },
    .media_type = MT_IMAGE,
    .config = { .media_type = MT_CONFIG, .digest = "sha256:fe0f1c2a", .size = 580 },
    .entries = image_layers,
    .n = 3,
    .self = { .media_type = MT_IMAGE, .digest = "sha256:ee378b79", .size = 1017 },
};
static const struct manifest an_artifact = {
    .versioned = { 2 },
    .media_type = MT_IMAGE,
    .artifact_type = "application/example",
    .config = { .media_type = "application/vnd.oci.empty.v1+json",
                .digest = "sha256:44136fa3",
                .size = 2 },
    .entries = artifact_layers,
    .n = 1,
    .subject = &index_entries[0],
    .self = { .media_type = MT_IMAGE, .digest = "sha256:a0a0a0a0", .size = 700 },
};

/* ---- an image's configuration, over its JSON ---- */

static const struct rf_type empty_struct = { .name = "struct {}", .kind = RF_VALUE_OBJECT };
static const struct rf_type set_type = { .name = "map[string]struct {}",
                                         .kind = RF_VALUE_MAP,
                                         .elem = &empty_struct };
static const struct rf_field config_fields[] = {
    { "User", "User", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string },
    { "ExposedPorts", "ExposedPorts", RF_FIELD_OMITEMPTY, rf_get_json, 0, &set_type },
    { "Env", "Env", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string_list },
    { "Cmd", "Cmd", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string_list },
    { "Labels", "Labels", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string_map },
    { "ArgsEscaped", "ArgsEscaped", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_bool },
};
static const struct rf_type config_type = { .name = "v1.ImageConfig",
                                            .kind = RF_VALUE_OBJECT,
                                            RF_FIELDS(config_fields) };
static const struct rf_field history_fields[] = {
    { "Created", "created", RF_FIELD_OMITEMPTY | RF_FIELD_POINTER, rf_get_json, 0, &rf_type_time },
    { "CreatedBy", "created_by", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string },
    { "EmptyLayer", "empty_layer", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_bool },
};
static const struct rf_type history_type = { .name = "v1.History",
                                             .kind = RF_VALUE_OBJECT,
                                             RF_FIELDS(history_fields) };
static const struct rf_type history_list = { .name = "[]v1.History",
                                             .kind = RF_VALUE_LIST,
                                             .elem = &history_type };
static const struct rf_field rootfs_fields[] = {
    { "Type", "type", 0, rf_get_json, 0, &rf_type_string },
    { "DiffIDs", "diff_ids", 0, rf_get_json, 0, &rf_type_string_list },
};
static const struct rf_type rootfs_type = { .name = "v1.RootFS",
                                            .kind = RF_VALUE_OBJECT,
                                            RF_FIELDS(rootfs_fields) };
static const struct rf_field inspect_fields[] = {
    { "Created", "created", RF_FIELD_OMITEMPTY | RF_FIELD_POINTER, rf_get_json, 0, &rf_type_time },
    { "Author", "author", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string },
    { "Architecture", "architecture", 0, rf_get_json, 0, &rf_type_string },
    { "OS", "os", 0, rf_get_json, 0, &rf_type_string },
    { "Config", "config", RF_FIELD_OMITEMPTY, rf_get_json, 0, &config_type },
    { "RootFS", "rootfs", 0, rf_get_json, 0, &rootfs_type },
    { "History", "history", RF_FIELD_OMITEMPTY, rf_get_json, 0, &history_list },
};
static const struct rf_type inspect_type = { .name = "v1.Image",
                                             .kind = RF_VALUE_OBJECT,
                                             RF_FIELDS(inspect_fields) };

static const char inspect_text[] =
    "{\"created\":\"2021-01-01T00:00:00Z\",\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"Env\":[\"PATH="
    "/usr/bin\",\"A=<b>\"],\"Labels\":{\"version\":\"3\",\"arg_label\":\"arg_for_label\"},\"ExposedPorts\":{\"80/tcp\":{}}},"
    "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:aa\"]},\"history\":[{\"created\":\"2021-01-01T01:02:03.5+02:00\","
    "\"created_by\":\"COPY layer1\"},{\"created_by\":\"LABEL version=3\",\"empty_layer\":true}]}";

/* The tree lives as long as the process; tests of one process use it from one thread. */
static const json_t *inspect_json(void)
{
    static json_t *j;
    if (j == NULL)
        j = json_loads(inspect_text, 0, NULL);
    return j;
}

/* ---- simple records: fields that are all strings, by name ---- */

struct record {
    const char *a, *b, *c, *d, *e;
};

static const struct rf_field ref_fields[] = {
    { "Scheme", "scheme", 0, rf_get_string, offsetof(struct record, a), NULL },
    { "Reference", "reference", 0, rf_get_string, offsetof(struct record, b), NULL },
    { "Registry", "registry", 0, rf_get_string, offsetof(struct record, c), NULL },
    { "Repository", "repository", 0, rf_get_string, offsetof(struct record, d), NULL },
    { "Tag", "tag", 0, rf_get_string, offsetof(struct record, e), NULL },
};
static const struct rf_type ref_type = { .name = "ref.Ref",
                                         .kind = RF_VALUE_OBJECT,
                                         RF_FIELDS(ref_fields) };
static const struct record a_ref = { "reg", "nginx", "docker.io", "library/nginx", "latest" };

static const struct rf_field backup_fields[] = {
    { "Ref", "ref", 0, rf_get_object, 0, &ref_type },
};
static const struct rf_type backup_type = { .name = "struct { Ref ref.Ref }",
                                            .kind = RF_VALUE_OBJECT,
                                            RF_FIELDS(backup_fields) };

static const struct rf_field step_fields[] = {
    { "Source", "source", 0, rf_get_string, offsetof(struct record, a), NULL },
    { "Target", "target", 0, rf_get_string, offsetof(struct record, b), NULL },
};
static const struct rf_type step_type = { .name = "main.ConfigSync",
                                          .kind = RF_VALUE_OBJECT,
                                          RF_FIELDS(step_fields) };
static const struct rf_field sync_fields[] = {
    { "Sync", "sync", 0, rf_get_object, 0, &step_type },
};
static const struct rf_type sync_type = { .name = "struct { Sync main.ConfigSync }",
                                          .kind = RF_VALUE_OBJECT,
                                          RF_FIELDS(sync_fields) };
static const struct record a_step = { .a = "gcr.io/distroless/static" };

static const struct rf_field host_fields[] = {
    { "Name", NULL, RF_FIELD_OMITEMPTY, rf_get_string, offsetof(struct record, a), NULL },
    { "User", "user", RF_FIELD_OMITEMPTY, rf_get_string, offsetof(struct record, b), NULL },
    { "CredHelper", "credHelper", RF_FIELD_OMITEMPTY, rf_get_string, offsetof(struct record, c),
      NULL },
};
static const struct rf_type host_type = { .name = "config.Host",
                                          .kind = RF_VALUE_OBJECT,
                                          RF_FIELDS(host_fields) };
static const struct record a_host = { .a = "registry.example.org",
                                      .b = "ci",
                                      .c = "docker-credential-test" };

struct config {
    const char *filename;
    const struct record *host_default;
};
static const struct rf_field conffile_fields[] = {
    { "Filename", NULL, 0, rf_get_string, offsetof(struct config, filename), NULL },
    { "HostDefault", "hostDefault", RF_FIELD_OMITEMPTY, rf_get_pointer,
      offsetof(struct config, host_default), &host_type },
};
static const struct rf_type conffile_type = { .name = "main.Config",
                                              .kind = RF_VALUE_OBJECT,
                                              RF_FIELDS(conffile_fields) };
static const struct config a_config = { "/home/ci/.regctl/config.json", &a_host };

static const struct rf_field version_fields[] = {
    { "VCSTag", "vcsTag", 0, rf_get_string, offsetof(struct record, a), NULL },
    { "Platform", "platform", 0, rf_get_string, offsetof(struct record, b), NULL },
};
static const struct rf_type version_type = { .name = "version.Info",
                                             .kind = RF_VALUE_OBJECT,
                                             RF_FIELDS(version_fields) };
static const struct record a_version = { .a = "v0.11.1", .b = "linux/amd64" };

struct ratelimit {
    int remain, limit;
    bool set;
};
static const struct rf_field ratelimit_fields[] = {
    { "Remain", "remain", RF_FIELD_OMITEMPTY, rf_get_int, offsetof(struct ratelimit, remain),
      NULL },
    { "Limit", "limit", RF_FIELD_OMITEMPTY, rf_get_int, offsetof(struct ratelimit, limit), NULL },
    { "Set", "set", 0, rf_get_bool, offsetof(struct ratelimit, set), NULL },
};
static const struct rf_type ratelimit_type = { .name = "types.RateLimit",
                                               .kind = RF_VALUE_OBJECT,
                                               RF_FIELDS(ratelimit_fields) };
static const struct ratelimit a_ratelimit = { 98, 100, true };

/* ---- tag.List ---- */

GETTER(tags_get)
{
    static const char *const names[] = { "v1", "v2", "v3" };
    UNUSED_GETTER();
    *out = rf_value_strings(call->arena, names, 3);
    return 0;
}

METHOD(tags_method)
{
    (void)self, (void)args, (void)n;
    return tags_get(call, NULL, NULL, out, err);
}

static int tags_pretty(const struct rf_call *call, const struct rf_value *self, struct rf_buf *out,
                       struct rf_err *err)
{
    (void)call, (void)self, (void)err;
    rf_buf_add_str(out, "v1\nv2\nv3\n");
    return 0;
}

static const struct rf_field tags_fields[] = {
    { "Name", "name", 0, rf_get_string, offsetof(struct record, a), NULL },
    { "Tags", "tags", 0, tags_get, 0, NULL },
};
static const struct rf_func tags_methods[] = { { "GetTags", "", tags_method } };
static const struct rf_type tags_type = { .name = "tag.List",
                                          .kind = RF_VALUE_OBJECT,
                                          RF_FIELDS(tags_fields),
                                          RF_METHODS(tags_methods),
                                          .pretty = tags_pretty };
static const struct record a_tag_list = { .a = "testrepo" };

/* ---- artifact list and tree ---- */

static const struct descriptor referrers[] = {
    { .media_type = MT_IMAGE,
      .digest = "sha256:e5e5e5e5",
      .artifact_type = "application/example.sbom",
      .size = 700 },
    { .media_type = MT_IMAGE,
      .digest = "sha256:f6f6f6f6",
      .artifact_type = "application/example.sig",
      .size = 701 },
};

GETTER(list_descriptors)
{
    (void)field, (void)object, (void)err;
    *out = descriptors(call, referrers, 2);
    return 0;
}

static const struct rf_field list_fields[] = {
    { "Descriptors", "descriptors", 0, list_descriptors, 0, NULL },
};
static const struct rf_type list_type = { .name = "referrer.ReferrerList",
                                          .kind = RF_VALUE_OBJECT,
                                          RF_FIELDS(list_fields) };

struct tree {
    const char *name, *artifact_type;
    const struct tree *const *referrers; /* ends with NULL */
};
static const struct rf_type tree_type;
static const struct rf_type tree_list = { .name = "[]*main.treeResult",
                                          .kind = RF_VALUE_LIST,
                                          .elem = &tree_type };

GETTER(tree_referrers)
{
    UNUSED_GETTER();
    const struct tree *t = object;
    size_t n = 0;
    while (t->referrers != NULL && t->referrers[n] != NULL)
        n++;
    struct rf_value *items = n > 0 ? rf_arena_alloc(call->arena, n * sizeof(*items)) : NULL;
    for (size_t i = 0; i < n; i++)
        items[i] = rf_value_pointer(&tree_type, t->referrers[i]);
    *out = rf_value_list(&tree_list, items, n);
    return 0;
}

static const struct rf_field tree_fields[] = {
    { "Name", "name", 0, rf_get_string, offsetof(struct tree, name), NULL },
    { "ArtifactType", "artifactType", RF_FIELD_OMITEMPTY, rf_get_string,
      offsetof(struct tree, artifact_type), NULL },
    { "Referrer", "referrer", RF_FIELD_OMITEMPTY, tree_referrers, 0, NULL },
};
static const struct rf_type tree_type = { .name = "main.treeResult",
                                          .kind = RF_VALUE_OBJECT,
                                          RF_FIELDS(tree_fields) };
static const struct tree leaf_sig = { "sig", "application/example.sig", NULL };
static const struct tree *const leaves[] = { &leaf_sig, NULL };
static const struct tree branch = { "sbom", "application/example.sbom", leaves };
static const struct tree *const branches[] = { &branch, &leaf_sig, NULL };
static const struct tree a_tree = { "v2", NULL, branches };

/* ---- a mixture of everything else ---- */

METHOD(mix_add)
{
    UNUSED();
    *out = rf_value_int(args[0].integer + args[1].integer);
    return 0;
}

METHOD(mix_fail)
{
    UNUSED();
    return rf_fail(err, RFE_NOT_FOUND, "no such thing");
}

METHOD(mix_sum)
{
    UNUSED();
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += args[i].integer;
    *out = rf_value_int(sum);
    return 0;
}

static const struct rf_func add_func = { "add", "ii", mix_add };

GETTER(mix_func)
{
    UNUSED_GETTER();
    *out = rf_value_func(&add_func, NULL);
    return 0;
}

GETTER(mix_broken)
{
    UNUSED_GETTER();
    return rf_fail(err, RFE_FAILED, "cannot be read");
}

GETTER(mix_uint)
{
    UNUSED_GETTER();
    *out = rf_value_typed(rf_value_uint(UINT64_MAX), &rf_type_uint64);
    return 0;
}

GETTER(mix_float)
{
    UNUSED_GETTER();
    *out = rf_value_float(2.5);
    return 0;
}

GETTER(mix_bytes)
{
    UNUSED_GETTER();
    *out = rf_value_bytes(rf_slice_str("abc"));
    return 0;
}

GETTER(mix_time)
{
    UNUSED_GETTER();
    struct rf_gotime t = rf_gotime_unix(1136239445, 123456789);
    t.offset = -7 * 3600;
    rf_gotime_set_zone(&t, rf_slice_str("MST"));
    *out = rf_value_time(t);
    return 0;
}

GETTER(mix_duration)
{
    UNUSED_GETTER();
    *out = rf_value_duration(5400500000000);
    return 0;
}

GETTER(mix_nil_list)
{
    UNUSED_GETTER();
    *out = rf_value_list(&rf_type_string_list, NULL, 0);
    return 0;
}

GETTER(mix_nil_map)
{
    UNUSED_GETTER();
    *out = rf_value_map(&rf_type_string_map, NULL, 0);
    return 0;
}

GETTER(mix_nil_pointer)
{
    UNUSED_GETTER();
    *out = rf_value_pointer(&descriptor_type, NULL);
    return 0;
}

static const struct rf_field mix_fields[] = {
    { "Broken", NULL, 0, mix_broken, 0, NULL },
    { "Func", NULL, 0, mix_func, 0, NULL },
    { "Uint", "uint", 0, mix_uint, 0, NULL },
    { "Float", "float", 0, mix_float, 0, NULL },
    { "Bytes", "bytes", 0, mix_bytes, 0, NULL },
    { "Time", "time", 0, mix_time, 0, NULL },
    { "Duration", "duration", 0, mix_duration, 0, NULL },
    { "NilList", "nilList", 0, mix_nil_list, 0, NULL },
    { "NilMap", "nilMap", 0, mix_nil_map, 0, NULL },
    { "NilPointer", "nilPointer", 0, mix_nil_pointer, 0, NULL },
};
static const struct rf_func mix_methods[] = {
    { "Add", "ii", mix_add },
    { "Fail", "", mix_fail },
    { "Sum", "i*", mix_sum },
};
static const struct rf_type mix_type = {
    .name = "test.Mix", .kind = RF_VALUE_OBJECT, RF_FIELDS(mix_fields), RF_METHODS(mix_methods)
};

/* ---- by name ---- */

bool test_template_object(const char *name, struct rf_value *out)
{
    const struct {
        const char *name;
        const struct rf_type *type;
        const void *object;
    } all[] = {
        { "index", &index_type, &an_index },
        { "image", &image_type, &an_image },
        { "artifact", &image_type, &an_artifact },
        { "inspect", &inspect_type, inspect_json() },
        { "tags", &tags_type, &a_tag_list },
        { "list", &list_type, &list_type },
        { "tree", &tree_type, &a_tree },
        { "ratelimit", &ratelimit_type, &a_ratelimit },
        { "ref", &ref_type, &a_ref },
        { "host", &host_type, &a_host },
        { "config", &conffile_type, &a_config },
        { "version", &version_type, &a_version },
        { "backup", &backup_type, &a_ref },
        { "sync", &sync_type, &a_step },
        { "mix", &mix_type, &mix_type },
        { "nil", &tags_type, NULL },
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(all); i++) {
        if (strcmp(all[i].name, name) != 0)
            continue;
        *out = rf_value_pointer(all[i].type, all[i].object);
        return true;
    }
    return false;
}

/* ---- functions of the caller's own ---- */

METHOD(func_greet)
{
    UNUSED();
    *out = rf_value_string(
        rf_arena_printf(call->arena, "hello %.*s", (int)args[0].text.len, args[0].text.ptr));
    return 0;
}

METHOD(func_fail)
{
    UNUSED();
    return rf_fail(err, RFE_REFUSED, "%.*s", (int)args[0].text.len, args[0].text.ptr);
}

METHOD(func_user)
{
    UNUSED();
    *out = rf_value_str(call->user);
    return 0;
}

METHOD(func_lower)
{
    UNUSED();
    *out = rf_value_str("another lower");
    return 0;
}

/* A list in a list in a list. */
METHOD(func_deep)
{
    UNUSED();
    struct rf_value v = rf_value_int(1);
    for (int64_t i = 0; i < args[0].integer; i++) {
        struct rf_value *item = rf_arena_alloc(call->arena, sizeof(*item));
        *item = v;
        v = rf_value_list(NULL, item, 1);
    }
    *out = v;
    return 0;
}

const struct rf_func test_template_funcs[] = {
    { "greet", "s", func_greet }, { "fail", "s", func_fail }, { "user", "", func_user },
    { "lower", "s", func_lower }, { "deep", "i", func_deep },
};
const size_t test_template_n_funcs = RF_ARRAY_LEN(test_template_funcs);
