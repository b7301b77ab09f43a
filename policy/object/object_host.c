/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/object/object_host.h"

#include "base/duration.h"
#include "base/mem.h"
#include "regclient/host_merge.h"

#define GETTER(name)                                                                              \
    static int name(const struct rf_call *call, const struct rf_field *field, const void *object, \
                    struct rf_value *out, struct rf_err *err)
#define WRITER(name)                                                                             \
    static int name(const struct rf_call *call, const struct rf_value *self, struct rf_buf *out, \
                    struct rf_err *err)

/* ---- TLS modes: a number in templates, a word in JSON ---- */

WRITER(tls_json)
{
    (void)call, (void)err;
    enum rf_tls tls = (enum rf_tls)self->integer;
    rf_buf_addf(out, "\"%s\"", tls == RF_TLS_UNSET ? "" : rf_tls_name(tls));
    return 0;
}
static const struct rf_type type_tls = { .name = "config.TLSConf",
                                         .kind = RF_VALUE_INT,
                                         .json = tls_json };

GETTER(get_tls)
{
    const struct rf_host_object *h = object;
    const char *text = json_string_value(json_object_get(h->doc, field->json));
    enum rf_tls tls = RF_TLS_UNSET;
    (void)call, (void)err;
    if (text != NULL && rf_tls_parse(text, &tls, NULL) < 0)
        tls = RF_TLS_UNSET;
    *out = rf_value_typed(rf_value_int(tls), &type_tls);
    return 0;
}

/* ---- durations: nanoseconds in templates, a text in JSON ---- */

WRITER(expire_json)
{
    (void)call, (void)err;
    rf_buf_add_char(out, '"');
    rf_duration_format(out, self->integer);
    rf_buf_add_char(out, '"');
    return 0;
}
static const struct rf_type type_expire = { .name = "timejson.Duration",
                                            .kind = RF_VALUE_INT,
                                            .json = expire_json };

GETTER(get_expire)
{
    const struct rf_host_object *h = object;
    const json_t *j = json_object_get(h->doc, field->json);
    uint64_t ns = 0;
    (void)call, (void)err;
    if (json_is_integer(j))
        ns = (uint64_t)json_integer_value(j);
    else if (json_is_string(j) &&
             rf_duration_parse(rf_slice_str(json_string_value(j)), &ns, NULL) < 0)
        ns = 0;
    *out = rf_value_typed(rf_value_int64(ns > INT64_MAX ? INT64_MAX : (int64_t)ns), &type_expire);
    return 0;
}

/* ---- one entry ---- */

GETTER(host_json)
{
    return rf_get_json(call, field, ((const struct rf_host_object *)object)->doc, out, err);
}

#define TEXT(go, json)                                              \
    {                                                               \
        go, json, RF_FIELD_OMITEMPTY, host_json, 0, &rf_type_string \
    }
#define NUMBER(go, json)                                           \
    {                                                              \
        go, json, RF_FIELD_OMITEMPTY, host_json, 0, &rf_type_int64 \
    }
static const struct rf_field host_fields[] = {
    { "Name", NULL, 0, rf_get_string, offsetof(struct rf_host_object, name), NULL },
    { "TLS", "tls", RF_FIELD_OMITEMPTY, get_tls, 0, NULL },
    TEXT("RegCert", "regcert"),
    TEXT("ClientCert", "clientCert"),
    TEXT("ClientKey", "clientKey"),
    TEXT("Hostname", "hostname"),
    TEXT("User", "user"),
    TEXT("Pass", "pass"),
    TEXT("Token", "token"),
    TEXT("CredHelper", "credHelper"),
    { "CredExpire", "credExpire", RF_FIELD_OMITEMPTY, get_expire, 0, NULL },
    TEXT("CredHost", "credHost"),
    TEXT("PathPrefix", "pathPrefix"),
    { "Mirrors", "mirrors", RF_FIELD_OMITEMPTY, host_json, 0, &rf_type_string_list },
    { "Priority", "priority", RF_FIELD_OMITEMPTY, host_json, 0, &rf_type_uint },
    { "RepoAuth", "repoAuth", RF_FIELD_OMITEMPTY, host_json, 0, &rf_type_bool },
    TEXT("API", "api"),
    { "APIOpts", "apiOpts", RF_FIELD_OMITEMPTY, host_json, 0, &rf_type_string_map },
    NUMBER("BlobChunk", "blobChunk"),
    NUMBER("BlobMax", "blobMax"),
    { "ReqPerSec", "reqPerSec", RF_FIELD_OMITEMPTY, host_json, 0, &rf_type_float64 },
    NUMBER("ReqConcurrent", "reqConcurrent"),
    TEXT("Scheme", "scheme"),
};
const struct rf_type rf_type_host = { .name = "config.Host",
                                      .kind = RF_VALUE_OBJECT,
                                      RF_FIELDS(host_fields) };

/* ---- the file ---- */

/* A *bool: what counts is whether it is there. */
WRITER(flag_text)
{
    (void)call, (void)err;
    rf_buf_add_str(out, json_is_true((const json_t *)self->object) ? "true" : "false");
    return 0;
}
static const struct rf_type type_flag = {
    .name = "bool", .kind = RF_VALUE_OBJECT, .string = flag_text, .json = flag_text
};

GETTER(get_flag)
{
    const struct rf_config_file_object *f = object;
    const json_t *flag = json_object_get(f->doc, field->json);
    (void)call, (void)err;
    *out = rf_value_pointer(&type_flag, json_is_boolean(flag) ? flag : NULL);
    return 0;
}

GETTER(file_json)
{
    return rf_get_json(call, field, ((const struct rf_config_file_object *)object)->doc, out, err);
}

static struct rf_value host_value(struct rf_arena *arena, const char *name, const json_t *doc)
{
    struct rf_host_object *h = rf_arena_alloc(arena, sizeof(*h));
    *h = (struct rf_host_object){ .name = name, .doc = doc };
    return rf_value_pointer(&rf_type_host, h);
}

GETTER(get_default)
{
    const struct rf_config_file_object *f = object;
    const json_t *doc = json_object_get(f->doc, field->json);
    (void)err;
    *out = json_is_object(doc) ? host_value(call->arena, "", doc)
                               : rf_value_pointer(&rf_type_host, NULL);
    return 0;
}

static const struct rf_type type_hosts = { .name = "map[string]*config.Host",
                                           .kind = RF_VALUE_MAP,
                                           .elem = &rf_type_host };

GETTER(get_hosts)
{
    const struct rf_config_file_object *f = object;
    json_t *hosts = json_object_get(f->doc, field->json);
    const char *key;
    json_t *doc;
    size_t n = 0;
    (void)err;
    struct rf_pair *pairs =
        rf_arena_alloc(call->arena, (json_object_size(hosts) + 1) * sizeof(*pairs));
    json_object_foreach (hosts, key, doc) {
        pairs[n++] = (struct rf_pair){ rf_slice_str(key), host_value(call->arena, key, doc) };
    }
    *out = rf_value_map(&type_hosts, pairs, n);
    return 0;
}

static const struct rf_field file_fields[] = {
    { "Filename", NULL, 0, rf_get_string, offsetof(struct rf_config_file_object, path), NULL },
    { "Version", "version", RF_FIELD_OMITEMPTY, file_json, 0, &rf_type_int },
    { "Hosts", "hosts", RF_FIELD_OMITEMPTY, get_hosts, 0, NULL },
    { "HostDefault", "hostDefault", RF_FIELD_OMITEMPTY, get_default, 0, NULL },
    { "BlobLimit", "blobLimit", RF_FIELD_OMITEMPTY, file_json, 0, &rf_type_int64 },
    { "IncDockerCert", "incDockerCert", RF_FIELD_OMITEMPTY, get_flag, 0, NULL },
    { "IncDockerCred", "incDockerCred", RF_FIELD_OMITEMPTY, get_flag, 0, NULL },
};
const struct rf_type rf_type_config_file = { .name = "main.Config",
                                             .kind = RF_VALUE_OBJECT,
                                             RF_FIELDS(file_fields) };

/* ---- secrets ---- */

void rf_host_object_hide(json_t *entry)
{
    static const char *const keys[] = { "pass", "token", "clientKey" };
    for (size_t i = 0; i < RF_ARRAY_LEN(keys); i++) {
        const json_t *value = json_object_get(entry, keys[i]);
        /* jansson hands its own bytes out as const. */
        if (json_is_string(value))
            rf_wipe((void *)(uintptr_t)json_string_value(value), json_string_length(value));
        (void)json_object_del(entry, keys[i]);
    }
}

void rf_config_file_object_hide(json_t *doc)
{
    const char *key;
    json_t *entry;
    rf_host_object_hide(json_object_get(doc, "hostDefault"));
    json_object_foreach (json_object_get(doc, "hosts"), key, entry) {
        rf_host_object_hide(entry);
    }
}
