/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/object/object.h"

#include <check.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/template.h"
#include "policy/object/object_config.h"
#include "policy/object/object_list.h"
#include "policy/object/object_manifest.h"
#include "policy/object/object_tar.h"

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D3 "sha256:3333333333333333333333333333333333333333333333333333333333333333"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"

static const char image_text[] =
    "{ \"schemaVersion\":2, \"mediaType\":\"" RF_MT_OCI_MANIFEST "\","
    "\"config\":{\"mediaType\":\"" RF_MT_OCI_CONFIG "\",\"digest\":\"" D1 "\",\"size\":2},"
    "\"layers\":[{\"mediaType\":\"text/plain\",\"digest\":\"sha256:"
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"size\":3,\"data\":\"YWJj\",\"urls\":[\"https://a\",\"https://b\"]},"
    "{\"mediaType\":\"text/plain\",\"digest\":\"" D2
    "\",\"size\":1234567,\"annotations\":{\"z\":\"1\",\"b\":\"<2>\"}}],"
    "\"subject\":{\"mediaType\":\"" RF_MT_OCI_INDEX "\",\"digest\":\"" D3
    "\",\"size\":9,\"artifactType\":\"a/b\"}}";
static const char index_text[] =
    "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_DOCKER_LIST "\",\"manifests\":["
    "{\"mediaType\":\"" RF_MT_DOCKER_MANIFEST "\",\"digest\":\"" D1
    "\",\"size\":7,\"platform\":{\"architecture\":\"arm\",\"os\":\"linux\",\"variant\":\"v7\"}},"
    "{\"mediaType\":\"" RF_MT_DOCKER_MANIFEST "\",\"digest\":\"" D2
    "\",\"size\":7,\"platform\":{\"architecture\":\"amd64\",\"os\":\"windows\",\"os.version\":\"10.0.1\",\"os.features\":[\"win32k\",\"x\"]}},"
    "{\"mediaType\":\"" RF_MT_DOCKER_MANIFEST "\",\"digest\":\"" D2 "\",\"size\":7}]}";
static const char config_text[] =
    "{\"created\":\"2021-01-01T00:00:00Z\",\"author\":\"me\",\"architecture\":\"arm\",\"os\":\"linux\",\"variant\":\"v7\",\"unknown\":1,"
    "\"config\":{\"User\":\"app\",\"ExposedPorts\":{\"80/tcp\":{}},\"Env\":[\"A=1\",\"B=<2>\"],\"Labels\":{\"l\":\"v\"},\"StopTimeout\":3,"
    "\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],\"Interval\":90000000000}},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D1
    "\"]},\"history\":[{\"created\":\"2020-02-03T04:05:06.7Z\",\"created_by\":\"RUN x\",\"empty_layer\":true},{\"comment\":\"c\"}]}";

/* ---- the objects that templates are tried on ---- */

struct world {
    struct rf_manifest *image, *index;
    struct rf_manifest_object image_object, index_object, head_object;
    struct rf_ref ref;
    struct rf_headers headers;
    struct rf_descriptor head;
    json_t *config, *config_descriptor, *tags;
    struct rf_rate_limit rate;
};
static struct world w;

static void setup(void)
{
    struct rf_err err = RF_ERR_INIT;
    w = (struct world){ 0 };
    ck_assert_msg(rf_manifest_parse(rf_slice_str(image_text), NULL, &w.image, &err) == 0, "%s",
                  err.msg);
    ck_assert_msg(rf_manifest_parse(rf_slice_str(index_text), NULL, &w.index, &err) == 0, "%s",
                  err.msg);
    ck_assert_int_eq(rf_ref_parse("nginx:1", &w.ref, NULL), 0);
    ck_assert_int_eq(rf_headers_add(&w.headers, rf_slice_str("content-type: text/x"), NULL), 0);
    ck_assert_int_eq(rf_headers_add(&w.headers, rf_slice_str("x-two: 1"), NULL), 0);
    ck_assert_int_eq(rf_headers_add(&w.headers, rf_slice_str("x-two: 2"), NULL), 0);
    ck_assert_int_eq(
        rf_headers_add(&w.headers, rf_slice_str("RateLimit-Limit: 100;w=60, 7;w=1"), NULL), 0);
    ck_assert_int_eq(rf_headers_add(&w.headers, rf_slice_str("RateLimit-Remaining: 5;w=60"), NULL),
                     0);
    w.head = (struct rf_descriptor){ .media_type = rf_xstrdup(RF_MT_OCI_MANIFEST), .size = 11 };
    ck_assert_int_eq(rf_digest_parse(rf_slice_str(D1), &w.head.digest, NULL), 0);
    rf_manifest_object_init(
        &w.image_object,
        &(struct rf_manifest_facts){ .manifest = w.image, .ref = &w.ref, .headers = &w.headers });
    rf_manifest_object_init(&w.index_object,
                            &(struct rf_manifest_facts){ .manifest = w.index, .ref = &w.ref });
    rf_manifest_object_init(&w.head_object, &(struct rf_manifest_facts){ .descriptor = &w.head });
    ck_assert_int_eq(rf_json_parse(rf_slice_str(config_text), 1u << 20, &w.config, NULL), 0);
    w.config_descriptor = rf_object_descriptor(&w.head);
    w.tags = json_pack("{s:s,s:[s],s:{s:{s:s,s:s,s:[s]}}}", "name", "a/b", "child", "c", "manifest",
                       D1, "imageSizeBytes", "42", "timeCreatedMs", "1500", "tag", "v1");
    rf_rate_limit_read(&w.headers, &w.rate);
}

static void teardown(void)
{
    rf_manifest_object_release(&w.image_object);
    rf_manifest_object_release(&w.index_object);
    rf_manifest_object_release(&w.head_object);
    rf_manifest_free(w.image);
    rf_manifest_free(w.index);
    rf_ref_release(&w.ref);
    rf_headers_release(&w.headers);
    rf_descriptor_release(&w.head);
    json_decref(w.config);
    json_decref(w.config_descriptor);
    json_decref(w.tags);
    rf_rate_limit_release(&w.rate);
}

static const char *const names[] = { "v2", "v1" };

static struct rf_value object_named(const char *name)
{
    static struct rf_config_object config;
    static struct rf_list_object list;
    static const struct rf_layer_entry entry = { .name = (char *)(uintptr_t) "etc/x",
                                                 .link = (char *)(uintptr_t) "",
                                                 .user = (char *)(uintptr_t) "root",
                                                 .group = (char *)(uintptr_t) "wheel",
                                                 .type = '0',
                                                 .size = 3,
                                                 .mode = 0640,
                                                 .mtime = 1 };
    static const struct rf_tar_file_object file = { &entry, { "abc", 3 } };
    if (strcmp(name, "image") == 0)
        return rf_manifest_object_value(&w.image_object);
    if (strcmp(name, "index") == 0)
        return rf_manifest_object_value(&w.index_object);
    if (strcmp(name, "head") == 0)
        return rf_manifest_object_value(&w.head_object);
    if (strcmp(name, "made") == 0)
        return rf_value_object(&rf_type_manifest_result, &w.image_object);
    if (strcmp(name, "ref") == 0)
        return rf_value_object(&rf_type_ref, &w.ref);
    if (strcmp(name, "rate") == 0)
        return rf_value_object(&rf_type_rate_limit, &w.rate);
    if (strcmp(name, "file") == 0)
        return rf_value_object(&rf_type_tar_file, &file);
    if (strcmp(name, "config") == 0) {
        config = (struct rf_config_object){ .doc = w.config,
                                            .body = rf_slice_str(config_text),
                                            .descriptor = w.config_descriptor };
        return rf_config_object_value(&config);
    }
    list = (struct rf_list_object){ .names = names,
                                    .n = 2,
                                    .doc = w.tags,
                                    .body = { "{\"tags\":[]}", 11 },
                                    .whole = strcmp(name, "whole") == 0 };
    return strcmp(name, "repos") == 0 ? rf_repo_list_value(&list) : rf_tag_list_value(&list);
}

static const struct {
    const char *object, *format, *want; /* want: the output, or behind "!" a part of the error */
} rows[] = {
    { "image", "{{.SchemaVersion}} {{.MediaType}} {{len .Layers}}", "2 " RF_MT_OCI_MANIFEST " 2" },
    { "image", "{{.Manifest.Config.Digest.Hex | len}} {{.Config.Digest.Algorithm}}", "64 sha256" },
    { "image", "{{printf \"%s\" (index .Layers 0).Data}} {{(index .Layers 0).URLs}}",
      "abc [https://a https://b]" },
    { "image", "{{(index .Layers 0).Platform}} {{(index .Layers 1).Annotations}}",
      "<nil> map[b:<2> z:1]" },
    { "image", "{{.Subject.ArtifactType}} {{.GetSubject.Digest}}", "a/b " D3 },
    { "image", "{{json (index .Layers 1)}}",
      "{\"mediaType\":\"text/plain\",\"digest\":\"" D2
      "\",\"size\":1234567,\"annotations\":{\"b\":\"<2>\",\"z\":\"1\"}}\n" },
    { "image", "{{.GetSize}} {{.IsList}} {{.IsSet}} {{.HasRateLimit}} {{.GetRateLimit.Remain}}",
      "1234570 false true true 5" },
    { "image", "{{.RawHeaders.Get \"content-TYPE\"}} {{index .RawHeaders \"X-Two\"}}",
      "text/x [1 2]" },
    { "image", "{{.GetManifestList}}", "!not available for media type " RF_MT_OCI_MANIFEST },
    { "image", "{{.GetRef.CommonName}} {{.GetRef.Reference}}",
      "docker.io/library/nginx:1 nginx:1" },
    { "image", "{{.Nope}}", "!can't evaluate field Nope in type *manifest.oci1Manifest" },
    { "image", "{{.ArtifactType}}|{{.Annotations}}", "|map[]" },
    { "index", "{{range .Manifests}}{{println .Platform}}{{end}}",
      "linux/arm/v7\nwindows/amd64\n<nil>\n" },
    { "index", "{{range .GetPlatformList}}{{.OS}}-{{.OSVersion}} {{end}}",
      "linux- windows-10.0.1 " },
    { "index", "{{(index .Manifests 1).Platform.OSFeatures}} {{.IsList}}", "[win32k x] true" },
    { "index", "{{.GetLayers}}", "!not available for media type" },
    { "index", "{{.Layers}}",
      "!can't evaluate field Layers in type *manifest.docker2ManifestList" },
    { "head", "{{.GetDescriptor.Size}} {{.GetDigest}} {{.IsSet}} {{len .Layers}}",
      "11 " D1 " false 0" },
    { "head", "{{json .}}", "!manifest not set" },
    { "head", "{{.RawBody}}", "!manifest not set" },
    { "head", "{{.GetRef.Registry}}|{{.RawHeaders}}", "|map[]" },
    { "made", "{{.Manifest.GetDescriptor.MediaType}}", RF_MT_OCI_MANIFEST },
    { "ref", "{{.Scheme}} {{.Registry}} {{.Repository}} {{.Tag}} {{.Digest}}|{{.Path}}",
      "reg docker.io library/nginx 1 |" },
    { "rate", "{{json .}}",
      "{\"Remain\":5,\"Limit\":100,\"Reset\":0,\"Set\":true,\"Policies\":[\"100;w=60\",\" 7;w=1\"]}\n" },
    { "config", "{{.Created}} {{.Author}} {{.OS}}/{{.Architecture}}/{{.Variant}} {{.Platform}}",
      "2021-01-01 00:00:00 +0000 UTC me linux/arm/v7 linux/arm/v7" },
    { "config",
      "{{.Config.User}} {{range $p, $_ := .Config.ExposedPorts}}{{$p}}{{end}} {{.Config.StopTimeout}}",
      "app 80/tcp 3" },
    { "config", "{{.Config.Healthcheck.Interval}} {{.Config.Healthcheck.Test}}", "1m30s [CMD x]" },
    { "config", "{{json .Config}}",
      "{\"User\":\"app\",\"ExposedPorts\":{\"80/tcp\":{}},\"Env\":[\"A=1\",\"B=<2>\"],\"Labels\":{\"l\":\"v\"},\"StopTimeout\":3,"
      "\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],\"Interval\":90000000000}}\n" },
    { "config", "{{range .History}}{{.CreatedBy}},{{.EmptyLayer}},{{.Created}};{{end}}",
      "RUN x,true,2020-02-03 04:05:06.7 +0000 UTC;,false,<nil>;" },
    { "config", "{{index .RootFS.DiffIDs 0}} {{.GetConfig.Variant}} {{.GetDescriptor.Size}}",
      D1 " v7 11" },
    { "config", "{{.Config.Volumes}}{{.Config.Shell}}", "map[][]" },
    { "tags", "{{.Name}} {{.Tags}} {{.GetTags}} {{.Children}}", "a/b [v2 v1] [v2 v1] [c]" },
    { "tags", "{{range .Manifests}}{{.Size}} {{.Tags}} {{.Created.Unix}}{{end}}", "42 [v1] 1" },
    { "tags", "{{json .}}{{printPretty .}}",
      "{\"name\":\"a/b\",\"tags\":[\"v2\",\"v1\"]}\nv1\nv2\n" },
    { "whole", "{{json .}}{{printf \"%s\" .RawBody}}", "{\"tags\":[]}\n{\"tags\":[]}" },
    { "repos", "{{json .}}{{.GetRepos}}", "{\"repositories\":[\"v2\",\"v1\"]}\n[v2 v1]" },
    { "file",
      "{{.Header.Name}} {{.Header.Size}} {{printf \"%o\" .Header.Mode}} {{.Reader}} {{.Header.ModTime.Unix}}",
      "etc/x 3 640 abc 1" },
};

START_TEST(templates)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    struct rf_err err = RF_ERR_INIT;
    const struct rf_value v = object_named(rows[_i].object);
    rf_buf_init(&out, 0);
    int rc = rf_template_render("out", rf_slice_str(rows[_i].format), &v, NULL, &out, &err);
    if (rows[_i].want[0] == '!') {
        ck_assert_msg(rc < 0 && strstr(err.msg, rows[_i].want + 1) != NULL, "%s: %s",
                      rows[_i].format, err.msg);
        return;
    }
    ck_assert_msg(rc == 0, "%s: %s", rows[_i].format, err.msg);
    ck_assert_msg(strcmp(out.ptr, rows[_i].want) == 0, "%s\ngives %s\nnot   %s", rows[_i].format,
                  out.ptr, rows[_i].want);
}
END_TEST

START_TEST(pretty_image)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    const struct rf_value v = object_named("image");
    rf_buf_init(&out, 0);
    ck_assert_int_eq(
        rf_template_render("out", rf_slice_str("{{printPretty .}}"), &v, NULL, &out, NULL), 0);
    ck_assert_ptr_nonnull(strstr(out.ptr, "Name:           nginx:1\n"));
    ck_assert_ptr_nonnull(strstr(out.ptr, "Total Size:     1.235MB\n"));
    ck_assert_ptr_nonnull(
        strstr(out.ptr, "  Size:         3B\n  URLs:         https://a, https://b\n"));
    ck_assert_ptr_nonnull(strstr(
        out.ptr,
        "  Size:         1.235MB\n  Annotations:  \n    b:          <2>\n    z:          1\n"));
    /* Of a manifest the size is not shown. */
    ck_assert_ptr_nonnull(strstr(out.ptr,
                                 "Subject:        \n  Digest:       " D3
                                 "\n  MediaType:    " RF_MT_OCI_INDEX "\n  ArtifactType: a/b\n"));
    ck_assert_ptr_null(strstr(out.ptr, "Size:         9B"));
}
END_TEST

START_TEST(pretty_index)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    const struct rf_value v = object_named("index");
    rf_buf_init(&out, 0);
    ck_assert_int_eq(
        rf_template_render("out", rf_slice_str("{{printPretty .}}"), &v, NULL, &out, NULL), 0);
    ck_assert_ptr_nonnull(strstr(out.ptr, "  Name:       docker.io/library/nginx:1@" D1 "\n"));
    ck_assert_ptr_nonnull(strstr(
        out.ptr, "  Platform:   windows/amd64\n  OSVersion:  10.0.1\n  OSFeatures: win32k, x\n"));
}
END_TEST

static const struct {
    const char *limit, *remaining, *reset;
    int want_limit, want_remain, want_reset;
    bool set;
    size_t policies;
} limits[] = {
    { "100", "99", "3600", 100, 99, 3600, true, 0 },
    { "100;w=21600", "76;w=21600", NULL, 100, 76, 0, true, 1 },
    { "100, 100;w=60, 1000;w=3600", "5", NULL, 100, 5, 0, true, 2 },
    { "many", "none", "-1", 0, 0, 0, false, 0 },
    { NULL, "0", NULL, 0, 0, 0, true, 0 },
    { "", "", "", 0, 0, 0, false, 0 },
    { "99999999999999999999", "1", NULL, 0, 1, 0, true, 0 },
};

static void add_header(struct rf_headers *h, const char *name, const char *value)
{
    RF_CLEANUP(rf_freep) char *line = rf_xasprintf("%s: %s", name, value != NULL ? value : "");
    if (value != NULL)
        ck_assert_int_eq(rf_headers_add(h, rf_slice_str(line), NULL), 0);
}

START_TEST(rate_limits)
{
    RF_CLEANUP(rf_headers_release) struct rf_headers h = { 0 };
    RF_CLEANUP(rf_rate_limit_release) struct rf_rate_limit r = { 0 };
    add_header(&h, "RateLimit-Limit", limits[_i].limit);
    add_header(&h, "RateLimit-Remaining", limits[_i].remaining);
    add_header(&h, "RateLimit-Reset", limits[_i].reset);
    rf_rate_limit_read(&h, &r);
    ck_assert_int_eq(r.limit, limits[_i].want_limit);
    ck_assert_int_eq(r.remain, limits[_i].want_remain);
    ck_assert_int_eq(r.reset, limits[_i].want_reset);
    ck_assert_int_eq(r.set, limits[_i].set);
    ck_assert_uint_eq(r.n_policies, limits[_i].policies);
}
END_TEST

static const struct {
    uint64_t bytes;
    const char *want;
} sizes[] = {
    { 0, "0.000B" },
    { 312, "312.000B" },
    { 999, "999.000B" },
    { 1000, "1.000kB" },
    { 1234567, "1.235MB" },
    { 5000000000, "5.000GB" },
    { UINT64_MAX, "18.447EB" },
};

START_TEST(sizes_for_people)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 0);
    rf_object_size_pretty(sizes[_i].bytes, &out);
    ck_assert_str_eq(out.ptr, sizes[_i].want);
}
END_TEST

Suite *rf_object_suite(void);
Suite *rf_object_suite(void)
{
    Suite *s = suite_create("object");
    TCase *t = tcase_create("object");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, templates, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_test(t, pretty_image);
    tcase_add_test(t, pretty_index);
    tcase_add_loop_test(t, rate_limits, 0, (int)RF_ARRAY_LEN(limits));
    tcase_add_loop_test(t, sizes_for_people, 0, (int)RF_ARRAY_LEN(sizes));
    suite_add_tcase(s, t);
    return s;
}
