/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/object/object_manifest.h"

#include <stdlib.h>

#include "base/columns.h"
#include "base/mem.h"

#define METHOD(name)                                                             \
    static int name(const struct rf_call *call, const struct rf_value *self,     \
                    const struct rf_value *args, size_t n, struct rf_value *out, \
                    struct rf_err *err)
#define GETTER(name)                                                                              \
    static int name(const struct rf_call *call, const struct rf_field *field, const void *object, \
                    struct rf_value *out, struct rf_err *err)

static const struct rf_manifest_object *of(const struct rf_value *self)
{
    return self->object;
}

/* ---- the documents: over their JSON ---- */

static const struct rf_field versioned_fields[] = {
    { "SchemaVersion", "schemaVersion", 0, rf_get_json, 0, &rf_type_int },
};
static const struct rf_type versioned_type = { .name = "oci.Versioned",
                                               .kind = RF_VALUE_OBJECT,
                                               RF_FIELDS(versioned_fields) };

/* An object embedded in the document it is read from. */
GETTER(same_object)
{
    (void)call, (void)err;
    *out = rf_value_object(field->type, object);
    return 0;
}

static const struct rf_field index_fields[] = {
    { "Versioned", NULL, RF_FIELD_EMBEDDED, same_object, 0, &versioned_type },
    { "MediaType", "mediaType", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string },
    { "ArtifactType", "artifactType", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string },
    { "Manifests", "manifests", 0, rf_get_json, 0, &rf_type_descriptor_list },
    { "Subject", "subject", RF_FIELD_OMITEMPTY | RF_FIELD_POINTER, rf_get_json, 0,
      &rf_type_descriptor },
    { "Annotations", "annotations", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string_map },
};
static const struct rf_field image_fields[] = {
    { "Versioned", NULL, RF_FIELD_EMBEDDED, same_object, 0, &versioned_type },
    { "MediaType", "mediaType", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string },
    { "ArtifactType", "artifactType", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string },
    { "Config", "config", 0, rf_get_json, 0, &rf_type_descriptor },
    { "Layers", "layers", 0, rf_get_json, 0, &rf_type_descriptor_list },
    { "Subject", "subject", RF_FIELD_OMITEMPTY | RF_FIELD_POINTER, rf_get_json, 0,
      &rf_type_descriptor },
    { "Annotations", "annotations", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string_map },
};
const struct rf_type rf_type_oci_index = { .name = "v1.Index",
                                           .kind = RF_VALUE_OBJECT,
                                           RF_FIELDS(index_fields) };
static const struct rf_type oci_image_doc = { .name = "v1.Manifest",
                                              .kind = RF_VALUE_OBJECT,
                                              RF_FIELDS(image_fields) };
static const struct rf_type docker_index_doc = { .name = "schema2.ManifestList",
                                                 .kind = RF_VALUE_OBJECT,
                                                 RF_FIELDS(index_fields) };
static const struct rf_type docker_image_doc = { .name = "schema2.Manifest",
                                                 .kind = RF_VALUE_OBJECT,
                                                 RF_FIELDS(image_fields) };

GETTER(document)
{
    (void)call, (void)err;
    *out = rf_value_object(field->type, ((const struct rf_manifest_object *)object)->doc);
    return 0;
}

/* ---- methods ---- */

static int need_document(const struct rf_value *self, struct rf_err *err)
{
    return of(self)->facts.manifest != NULL ? 0 : rf_fail(err, RFE_UNSUPPORTED, "manifest not set");
}

/* Member `key` of the document, when the kind is right. */
static int doc_member(const struct rf_call *call, const struct rf_value *self,
                      enum rf_media_kind kind, const struct rf_field *field, struct rf_value *out,
                      struct rf_err *err)
{
    const struct rf_manifest_object *o = of(self);
    if (kind != RF_KIND_OTHER && rf_media_kind(o->media_type) != kind)
        return rf_fail(err, RFE_UNSUPPORTED, "%s not available for media type %s", field->name,
                       o->media_type);
    int rc = need_document(self, err);
    return rc < 0 ? rc : rf_get_json(call, field, o->doc, out, err);
}

METHOD(get_annotations)
{
    static const struct rf_field f = { "annotations",      "annotations", 0, rf_get_json, 0,
                                       &rf_type_string_map };
    (void)args, (void)n;
    return doc_member(call, self, RF_KIND_OTHER, &f, out, err);
}

METHOD(get_config)
{
    static const struct rf_field f = { "config digest", "config", 0,
                                       rf_get_json,     0,        &rf_type_descriptor };
    (void)args, (void)n;
    return doc_member(call, self, RF_KIND_IMAGE, &f, out, err);
}

METHOD(get_config_digest)
{
    static const struct rf_field digest = {
        "Digest", "digest", 0, rf_get_json, 0, &rf_type_digest
    };
    struct rf_value config;
    int rc = get_config(call, self, args, n, &config, err);
    return rc < 0 ? rc : rf_get_json(call, &digest, config.object, out, err);
}

METHOD(get_layers)
{
    static const struct rf_field f = { "layers",    "layers", 0,
                                       rf_get_json, 0,        &rf_type_descriptor_list };
    (void)args, (void)n;
    return doc_member(call, self, RF_KIND_IMAGE, &f, out, err);
}

METHOD(get_manifest_list)
{
    static const struct rf_field f = { "platform descriptor list", "manifests", 0, rf_get_json, 0,
                                       &rf_type_descriptor_list };
    (void)args, (void)n;
    return doc_member(call, self, RF_KIND_INDEX, &f, out, err);
}

METHOD(get_subject)
{
    static const struct rf_field f = { "subject",   "subject", RF_FIELD_POINTER,
                                       rf_get_json, 0,         &rf_type_descriptor };
    (void)args, (void)n;
    return doc_member(call, self, RF_KIND_OTHER, &f, out, err);
}

METHOD(get_platform_list)
{
    static const struct rf_type list_type = { .name = "[]*platform.Platform",
                                              .kind = RF_VALUE_LIST,
                                              .elem = &rf_type_platform };
    struct rf_value entries;
    int rc = get_manifest_list(call, self, args, n, &entries, err);
    if (rc < 0)
        return rc;
    struct rf_value *items = rf_arena_alloc(call->arena, (entries.list.n + 1) * sizeof(*items));
    size_t found = 0;
    for (size_t i = 0; i < entries.list.n; i++) {
        const json_t *p = json_object_get(entries.list.items[i].object, "platform");
        if (json_is_object(p))
            items[found++] = rf_value_pointer(&rf_type_platform, p);
    }
    *out = rf_value_list(&list_type, items, found);
    return 0;
}

METHOD(get_size)
{
    (void)call, (void)args, (void)n;
    int64_t sum = 0;
    size_t i;
    const json_t *layer;
    int rc = need_document(self, err);
    if (rc < 0)
        return rc;
    json_array_foreach (json_object_get(of(self)->doc, "layers"), i, layer) {
        sum += json_integer_value(json_object_get(layer, "size"));
    }
    *out = rf_value_int64(sum);
    return 0;
}

METHOD(get_descriptor)
{
    (void)call, (void)args, (void)n, (void)err;
    *out = rf_value_object(&rf_type_descriptor, of(self)->descriptor);
    return 0;
}

METHOD(get_digest)
{
    static const struct rf_field digest = {
        "Digest", "digest", 0, rf_get_json, 0, &rf_type_digest
    };
    (void)args, (void)n;
    return rf_get_json(call, &digest, of(self)->descriptor, out, err);
}

METHOD(get_media_type)
{
    (void)call, (void)args, (void)n, (void)err;
    *out = rf_value_str(of(self)->media_type);
    return 0;
}

METHOD(get_ref)
{
    static const struct rf_ref none = RF_REF_INIT;
    (void)call, (void)args, (void)n, (void)err;
    const struct rf_ref *ref = of(self)->facts.ref;
    *out = rf_value_object(&rf_type_ref, ref != NULL ? ref : &none);
    return 0;
}

METHOD(get_rate_limit)
{
    (void)call, (void)args, (void)n, (void)err;
    *out = rf_value_object(&rf_type_rate_limit, &of(self)->rate);
    return 0;
}

METHOD(has_rate_limit)
{
    (void)call, (void)args, (void)n, (void)err;
    *out = rf_value_bool(of(self)->rate.set);
    return 0;
}

METHOD(is_list)
{
    (void)call, (void)args, (void)n, (void)err;
    *out = rf_value_bool(rf_media_kind(of(self)->media_type) == RF_KIND_INDEX);
    return 0;
}

METHOD(is_set)
{
    (void)call, (void)args, (void)n, (void)err;
    *out = rf_value_bool(of(self)->facts.manifest != NULL);
    return 0;
}

METHOD(raw_body)
{
    (void)call, (void)args, (void)n;
    int rc = need_document(self, err);
    if (rc == 0)
        *out = rf_value_bytes(rf_buf_slice(&of(self)->facts.manifest->body));
    return rc;
}

METHOD(raw_headers)
{
    (void)args, (void)n, (void)err;
    *out = rf_object_headers(call->arena, of(self)->facts.headers);
    return 0;
}

const struct rf_type *rf_manifest_document_type(const char *media_type)
{
    bool docker = rf_media_is_docker(media_type);
    if (rf_media_kind(media_type) == RF_KIND_INDEX)
        return docker ? &docker_index_doc : &rf_type_oci_index;
    return docker ? &docker_image_doc : &oci_image_doc;
}

METHOD(get_orig)
{
    (void)call, (void)args, (void)n, (void)err;
    *out = rf_value_object(rf_manifest_document_type(of(self)->media_type), of(self)->doc);
    return 0;
}

static const struct rf_func methods[] = {
    { "GetAnnotations", "", get_annotations },
    { "GetConfig", "", get_config },
    { "GetConfigDigest", "", get_config_digest },
    { "GetDescriptor", "", get_descriptor },
    { "GetDigest", "", get_digest },
    { "GetLayers", "", get_layers },
    { "GetManifestList", "", get_manifest_list },
    { "GetMediaType", "", get_media_type },
    { "GetOrig", "", get_orig },
    { "GetPlatformList", "", get_platform_list },
    { "GetRateLimit", "", get_rate_limit },
    { "GetRef", "", get_ref },
    { "GetSize", "", get_size },
    { "GetSubject", "", get_subject },
    { "HasRateLimit", "", has_rate_limit },
    { "IsList", "", is_list },
    { "IsSet", "", is_set },
    { "RawBody", "", raw_body },
    { "RawHeaders", "", raw_headers },
};

/* ---- for people ---- */

static void add_pretty_entry(const struct rf_manifest_object *o, const json_t *entry,
                             struct rf_buf *out)
{
    const char *digest = json_string_value(json_object_get(entry, "digest"));
    struct rf_digest d;
    rf_buf_add_str(out, "\t\n");
    if (o->facts.ref != NULL && digest != NULL &&
        rf_digest_parse(rf_slice_str(digest), &d, NULL) == 0) {
        struct rf_ref named = RF_REF_INIT;
        rf_ref_copy(o->facts.ref, &named);
        rf_ref_set_digest(&named, &d);
        RF_CLEANUP(rf_freep) char *name = rf_ref_common_name(&named);
        rf_buf_addf(out, "  Name:\t%s\n", name);
        rf_ref_release(&named);
    }
    rf_object_descriptor_pretty(entry, "  ", out);
}

static void add_pretty_image(const struct rf_manifest_object *o, struct rf_buf *out)
{
    size_t i;
    const json_t *layer;
    uint64_t sum = 0;
    json_array_foreach (json_object_get(o->doc, "layers"), i, layer) {
        sum += (uint64_t)json_integer_value(json_object_get(layer, "size"));
    }
    rf_buf_add_str(out, "Total Size:\t");
    rf_object_size_pretty(sum, out);
    rf_buf_add_str(out, "\n\t\nConfig:\t\n");
    rf_object_descriptor_pretty(json_object_get(o->doc, "config"), "  ", out);
    rf_buf_add_str(out, "\t\nLayers:\t\n");
    json_array_foreach (json_object_get(o->doc, "layers"), i, layer) {
        rf_buf_add_str(out, "\t\n");
        rf_object_descriptor_pretty(layer, "  ", out);
    }
}

static void add_pretty(const struct rf_manifest_object *o, struct rf_buf *out)
{
    const json_t *annotations = json_object_get(o->doc, "annotations");
    const char *artifact_type = json_string_value(json_object_get(o->doc, "artifactType"));
    const char *digest = json_string_value(json_object_get(o->descriptor, "digest"));
    size_t i;
    const json_t *entry;
    if (o->facts.ref != NULL)
        rf_buf_addf(out, "Name:\t%s\n", o->facts.ref->text);
    rf_buf_addf(out, "MediaType:\t%s\n", o->media_type);
    if (artifact_type != NULL && artifact_type[0] != '\0')
        rf_buf_addf(out, "ArtifactType:\t%s\n", artifact_type);
    rf_buf_addf(out, "Digest:\t%s\n", digest != NULL ? digest : "");
    if (json_object_size(annotations) > 0)
        rf_object_annotations_pretty(annotations, "", out);
    if (rf_media_kind(o->media_type) == RF_KIND_INDEX) {
        rf_buf_add_str(out, "\t\nManifests:\t\n");
        json_array_foreach (json_object_get(o->doc, "manifests"), i, entry) {
            add_pretty_entry(o, entry, out);
        }
    } else {
        add_pretty_image(o, out);
    }
    if (json_is_object(json_object_get(o->doc, "subject"))) {
        rf_buf_add_str(out, "\t\nSubject:\t\n");
        rf_object_descriptor_pretty(json_object_get(o->doc, "subject"), "  ", out);
    }
}

static int pretty(const struct rf_call *call, const struct rf_value *self, struct rf_buf *out,
                  struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    (void)call, (void)err;
    rf_buf_init(&text, out->max);
    add_pretty(of(self), &text);
    if (text.rc < 0)
        out->rc = text.rc;
    rf_columns(rf_buf_slice(&text), out);
    return 0;
}

/* The bytes as they came: the JSON writer takes the blanks out. */
static int own_json(const struct rf_call *call, const struct rf_value *self, struct rf_buf *out,
                    struct rf_err *err)
{
    (void)call;
    int rc = need_document(self, err);
    if (rc < 0)
        return rc;
    const struct rf_buf *body = &of(self)->facts.manifest->body;
    rf_buf_add(out, body->ptr, body->len);
    return 0;
}

/* ---- the four kinds ---- */

#define OUTER(variable, go_name, embedded_name, doc)                       \
    static const struct rf_field variable##_fields[] = {                   \
        { embedded_name, NULL, RF_FIELD_EMBEDDED, document, 0, &doc },     \
    };                                                                     \
    static const struct rf_type variable = { .name = go_name,              \
                                             .kind = RF_VALUE_OBJECT,      \
                                             RF_FIELDS(variable##_fields), \
                                             RF_METHODS(methods),          \
                                             .json = own_json,             \
                                             .pretty = pretty }
OUTER(oci_index, "manifest.oci1Index", "Index", rf_type_oci_index);
OUTER(oci_image, "manifest.oci1Manifest", "Manifest", oci_image_doc);
OUTER(docker_index, "manifest.docker2ManifestList", "ManifestList", docker_index_doc);
OUTER(docker_image, "manifest.docker2Manifest", "Manifest", docker_image_doc);

struct rf_value rf_manifest_object_value(const struct rf_manifest_object *o)
{
    bool docker = rf_media_is_docker(o->media_type);
    const struct rf_type *type = rf_media_kind(o->media_type) == RF_KIND_INDEX
                                     ? (docker ? &docker_index : &oci_index)
                                     : (docker ? &docker_image : &oci_image);
    return rf_value_pointer(type, o);
}

GETTER(result_manifest)
{
    (void)call, (void)field, (void)err;
    *out = rf_manifest_object_value(object);
    return 0;
}

static const struct rf_field result_fields[] = {
    { "Manifest", "Manifest", 0, result_manifest, 0, NULL },
};
const struct rf_type rf_type_manifest_result = { .name = "struct { Manifest manifest.Manifest }",
                                                 .kind = RF_VALUE_OBJECT,
                                                 RF_FIELDS(result_fields) };

/* ---- making one ---- */

void rf_manifest_object_init(struct rf_manifest_object *o, const struct rf_manifest_facts *facts)
{
    const struct rf_manifest *m = facts->manifest;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor own = RF_DESCRIPTOR_INIT;
    const struct rf_descriptor *d = facts->descriptor;
    struct rf_err ignored = RF_ERR_INIT;
    *o = (struct rf_manifest_object){ .facts = *facts };
    if (m != NULL) {
        own.media_type = rf_xstrdup(m->media_type);
        own.digest = m->digest;
        own.size = m->body.len;
        d = &own;
        /* It was parsed before, when the manifest was made. */
        if (rf_json_parse(rf_buf_slice(&m->body), RF_MANIFEST_MAX, &o->doc, &ignored) < 0)
            o->doc = NULL;
    }
    if (o->doc == NULL)
        o->doc = json_object();
    o->media_type = rf_xstrdup(d != NULL && d->media_type != NULL ? d->media_type : "");
    o->descriptor = d != NULL ? rf_object_descriptor(d) : json_object();
    if (facts->headers != NULL)
        rf_rate_limit_read(facts->headers, &o->rate);
}

void rf_manifest_object_release(struct rf_manifest_object *o)
{
    json_decref(o->doc);
    json_decref(o->descriptor);
    free(o->media_type);
    rf_rate_limit_release(&o->rate);
    *o = (struct rf_manifest_object){ 0 };
}
