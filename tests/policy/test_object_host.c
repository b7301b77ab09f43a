/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/object/object_host.h"

#include <check.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/template.h"

/* Members are not in the order in which they are shown. */
static const char host_text[] =
    "{\"user\":\"app\",\"pass\":\"s3cret\",\"token\":\"t0ken\",\"clientKey\":\"PRIVATE\",\"clientCert\":\"CERT\",\"regcert\":\"CA\","
    "\"tls\":\"Insecure\",\"hostname\":\"h:5000\",\"credHelper\":\"docker-credential-x\",\"credExpire\":\"90m\",\"credHost\":\"https://h/v1/\","
    "\"pathPrefix\":\"mirror\",\"mirrors\":[\"m1\",\"m2\"],\"priority\":7,\"repoAuth\":true,\"api\":\"old\",\"apiOpts\":{\"b\":\"<2>\",\"a\":\"1\"},"
    "\"blobChunk\":1048576,\"blobMax\":-1,\"reqPerSec\":1.5,\"reqConcurrent\":3,\"scheme\":\"http\",\"strange\":1}";
static const char file_text[] =
    "{\"incDockerCred\":false,\"blobLimit\":420000000,\"hosts\":{\"z.example\":{\"pass\":\"s3cret\"},\"a.example\":{\"tls\":\"disabled\","
    "\"token\":\"t0ken\",\"clientKey\":\"PRIVATE\"}},\"hostDefault\":{\"credHelper\":\"docker-credential-x\",\"pass\":\"s3cret\"},\"version\":1}";

static json_t *document(const char *text)
{
    json_t *doc = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_json_parse(rf_slice_str(text), 1u << 20, &doc, &err) == 0, "%s", err.msg);
    return doc;
}

static void check_render(const struct rf_value *v, const char *format, const char *want)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 0);
    int rc = rf_template_render("out", rf_slice_str(format), v, NULL, &out, &err);
    ck_assert_msg(rc == 0, "%s: %s", format, err.msg);
    ck_assert_msg(strcmp(out.ptr, want) == 0, "%s\n gave   %s\n wanted %s", format, out.ptr, want);
}

static void check_host(const char *doc_text, const char *format, const char *want)
{
    json_t *doc = document(doc_text);
    const struct rf_host_object host = { .name = "reg.example", .doc = doc };
    const struct rf_value v = rf_value_pointer(&rf_type_host, &host);
    check_render(&v, format, want);
    json_decref(doc);
}

static const struct {
    const char *format, *want;
} host_rows[] = {
    { "{{.Name}} {{.Hostname}} {{.User}} {{.CredHelper}} {{.CredHost}} {{.PathPrefix}}",
      "reg.example h:5000 app docker-credential-x https://h/v1/ mirror" },
    { "{{.TLS}} {{json .TLS}}", "2 \"insecure\"\n" },
    { "{{.CredExpire}} {{json .CredExpire}}", "5400000000000 \"1h30m0s\"\n" },
    { "{{.Mirrors}} {{range .Mirrors}}<{{.}}>{{end}}", "[m1 m2] <m1><m2>" },
    { "{{.Priority}} {{.RepoAuth}} {{.BlobChunk}} {{.BlobMax}} {{.ReqPerSec}} {{.ReqConcurrent}}",
      "7 true 1048576 -1 1.5 3" },
    { "{{.APIOpts}} {{.APIOpts.a}} {{index .APIOpts \"b\"}} {{index .APIOpts \"c\"}}|",
      "map[a:1 b:<2>] 1 <2> |" },
    { "{{.RegCert}} {{.ClientCert}} {{.API}} {{.Scheme}}", "CA CERT old http" },
    { "{{json .}}",
      "{\"tls\":\"insecure\",\"regcert\":\"CA\",\"clientCert\":\"CERT\",\"clientKey\":\"PRIVATE\",\"hostname\":\"h:5000\",\"user\":\"app\","
      "\"pass\":\"s3cret\",\"token\":\"t0ken\",\"credHelper\":\"docker-credential-x\",\"credExpire\":\"1h30m0s\",\"credHost\":\"https://h/v1/\","
      "\"pathPrefix\":\"mirror\",\"mirrors\":[\"m1\",\"m2\"],\"priority\":7,\"repoAuth\":true,\"api\":\"old\",\"apiOpts\":{\"a\":\"1\",\"b\":\"<2>\"},"
      "\"blobChunk\":1048576,\"blobMax\":-1,\"reqPerSec\":1.5,\"reqConcurrent\":3,\"scheme\":\"http\"}\n" },
};

START_TEST(a_host_shows_its_fields)
{
    check_host(host_text, host_rows[_i].format, host_rows[_i].want);
}
END_TEST

static const struct {
    const char *doc, *format, *want;
} empty_rows[] = {
    { "{}", "{{json .}}", "{}\n" },
    { "{}",
      "{{.TLS}} {{json .TLS}} {{.User}}|{{.Mirrors}} {{.APIOpts}} {{.Priority}} {{.RepoAuth}}",
      "0 \"\"\n |[] map[] 0 false" },
    { "{\"tls\":\"undefined\",\"credExpire\":0,\"priority\":0,\"mirrors\":[]}", "{{json .}}",
      "{}\n" },
    /* A number of nanoseconds; what is no duration or no mode is none. */
    { "{\"credExpire\":1500000000}", "{{json .}}", "{\"credExpire\":\"1.5s\"}\n" },
    { "{\"credExpire\":\"soon\",\"tls\":\"maybe\",\"priority\":\"x\",\"mirrors\":{},\"user\":1}",
      "{{json .}}", "{}\n" },
};

START_TEST(an_empty_host_has_zeros)
{
    check_host(empty_rows[_i].doc, empty_rows[_i].format, empty_rows[_i].want);
}
END_TEST

static const struct {
    const char *format, *want;
} file_rows[] = {
    { "{{.Filename}} {{.Version}} {{.BlobLimit}}", "/c.json 1 420000000" },
    /* Flags are pointers: not said is nil. */
    { "{{.IncDockerCred}} {{.IncDockerCert}}", "false <nil>" },
    { "{{json .IncDockerCred}}{{json .IncDockerCert}}", "false\nnull\n" },
    { "{{.HostDefault.CredHelper}}", "docker-credential-x" },
    { "{{range $k, $v := .Hosts}}{{$k}}={{$v.Name}},{{$v.TLS}} {{end}}",
      "a.example=a.example,3 z.example=z.example,0 " },
    { "{{(index .Hosts \"a.example\").TLS}}", "3" },
    { "{{json .}}",
      "{\"version\":1,\"hosts\":{\"a.example\":{\"tls\":\"disabled\",\"clientKey\":\"PRIVATE\",\"token\":\"t0ken\"},"
      "\"z.example\":{\"pass\":\"s3cret\"}},\"hostDefault\":{\"pass\":\"s3cret\",\"credHelper\":\"docker-credential-x\"},"
      "\"blobLimit\":420000000,\"incDockerCred\":false}\n" },
};

START_TEST(the_file_shows_its_fields)
{
    json_t *doc = document(file_text);
    const struct rf_config_file_object file = { .path = "/c.json", .doc = doc };
    const struct rf_value v = rf_value_pointer(&rf_type_config_file, &file);
    check_render(&v, file_rows[_i].format, file_rows[_i].want);
    json_decref(doc);
}
END_TEST

START_TEST(an_empty_file_is_empty)
{
    json_t *doc = json_object();
    const struct rf_config_file_object file = { .path = "/c.json", .doc = doc };
    const struct rf_value v = rf_value_pointer(&rf_type_config_file, &file);
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 0);
    check_render(&v, "{{json .}}{{printPretty .}}", "{}\n{}\n");
    check_render(&v, "{{.Version}} {{.Hosts}} {{.HostDefault}} {{.IncDockerCred}}",
                 "0 map[] <nil> <nil>");
    ck_assert_int_lt(rf_template_render("out", rf_slice_str("{{.HostDefault.CredHelper}}"), &v,
                                        NULL, &out, &err),
                     0);
    ck_assert_ptr_nonnull(strstr(err.msg, "nil pointer evaluating *config.Host.CredHelper"));
    json_decref(doc);
}
END_TEST

START_TEST(secrets_are_hidden)
{
    json_t *doc = document(file_text), *entry = document(host_text);
    const struct rf_config_file_object file = { .path = "/c.json", .doc = doc };
    const struct rf_host_object host = { .name = "reg.example", .doc = entry };
    const struct rf_value v = rf_value_pointer(&rf_type_config_file, &file);
    const struct rf_value h = rf_value_pointer(&rf_type_host, &host);
    rf_config_file_object_hide(doc);
    check_render(
        &v, "{{json .}}",
        "{\"version\":1,\"hosts\":{\"a.example\":{\"tls\":\"disabled\"},\"z.example\":{}},\"hostDefault\":"
        "{\"credHelper\":\"docker-credential-x\"},\"blobLimit\":420000000,\"incDockerCred\":false}\n");
    rf_host_object_hide(entry);
    check_render(&h, "{{.User}} [{{.Pass}}{{.Token}}{{.ClientKey}}] {{.ClientCert}}",
                 "app [] CERT");
    /* Nothing to hide, of the wrong kind, not there. */
    rf_config_file_object_hide(json_null());
    rf_host_object_hide(NULL);
    json_decref(doc);
    json_decref(entry);
}
END_TEST

Suite *rf_object_host_suite(void);
Suite *rf_object_host_suite(void)
{
    Suite *s = suite_create("object_host");
    TCase *t = tcase_create("object_host");
    tcase_add_loop_test(t, a_host_shows_its_fields, 0, (int)RF_ARRAY_LEN(host_rows));
    tcase_add_loop_test(t, an_empty_host_has_zeros, 0, (int)RF_ARRAY_LEN(empty_rows));
    tcase_add_loop_test(t, the_file_shows_its_fields, 0, (int)RF_ARRAY_LEN(file_rows));
    tcase_add_test(t, an_empty_file_is_empty);
    tcase_add_test(t, secrets_are_hidden);
    suite_add_tcase(s, t);
    return s;
}
