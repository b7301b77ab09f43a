/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/regctl_config.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/regclient/helper_home.h"

#define PEM "-----BEGIN CERTIFICATE-----\\nx\\n-----END CERTIFICATE-----\\n"

static struct rf_hosts *hosts;

static void setup(void)
{
    home_setup();
    hosts = rf_hosts_new();
}

static void teardown(void)
{
    rf_hosts_freep(&hosts);
    home_teardown();
}

static int parse(const char *text, struct rf_err *err)
{
    return rf_regctl_config_parse(hosts, rf_slice_str(text), "FILE", err);
}

/* Every key that upstream writes. */
START_TEST(every_key)
{
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(
        parse(
            "{\"version\":1,\"blobLimit\":4096,\"incDockerCert\":true,\"hosts\":{\"r.example\":{"
            "\"tls\":\"insecure\",\"regcert\":\"" PEM "\",\"clientCert\":\"" PEM
            "\",\"clientKey\":\"-----BEGIN PRIVATE KEY-----\","
            "\"hostname\":\"h.example:1\",\"user\":\"u\",\"pass\":\"p\",\"token\":\"t\",\"credExpire\":\"1h30m0s\",\"credHost\":\"https://c.example\","
            "\"pathPrefix\":\"a/b\",\"mirrors\":[\"m.example\",\"n.example:5\"],\"priority\":7,\"repoAuth\":true,\"api\":\"\","
            "\"apiOpts\":{\"disableHead\":\"true\",\"x\":\"y\"},\"blobChunk\":1048576,\"blobMax\":-1,\"reqPerSec\":2.5,\"reqConcurrent\":3,"
            "\"scheme\":\"\",\"unknownKey\":{\"a\":1}}},\"another\":[]}",
            &err) == 0,
        "%s", err.msg);
    const struct rf_host *h = rf_hosts_get(hosts, "r.example");
    ck_assert_int_eq(h->tls, RF_TLS_INSECURE);
    ck_assert_ptr_nonnull(strstr(h->ca_pem, "\nx\n"));
    ck_assert_ptr_nonnull(h->client_cert_pem);
    ck_assert_str_eq(h->client_key_pem, "-----BEGIN PRIVATE KEY-----");
    ck_assert_str_eq(h->hostname, "h.example:1");
    ck_assert_str_eq(h->user, "u");
    ck_assert_str_eq(h->pass, "p");
    ck_assert_str_eq(h->token, "t");
    ck_assert_uint_eq(h->cred_expire_s, 5400);
    ck_assert_str_eq(h->cred_host, "https://c.example");
    ck_assert_str_eq(h->path_prefix, "a/b");
    ck_assert_uint_eq(h->n_mirrors, 2);
    ck_assert_str_eq(h->mirrors[1], "n.example:5");
    ck_assert_uint_eq(h->priority, 7);
    ck_assert(h->repo_auth && h->disable_head);
    ck_assert_int_eq(h->blob_chunk, 1048576);
    ck_assert_int_eq(h->blob_max, -1);
    ck_assert_double_eq(h->req_per_sec, 2.5);
    ck_assert_uint_eq(h->req_concurrent, 3);
}
END_TEST

/* As upstream writes it after `registry set localhost:5000 --tls disabled`. */
START_TEST(small_file)
{
    struct rf_err err = RF_ERR_INIT;
    home_write(
        ".regctl/config.json",
        "{\n  \"hosts\": {\n    \"localhost:5000\": {\n      \"tls\": \"disabled\",\n      \"hostname\": \"localhost:5000\",\n"
        "      \"reqConcurrent\": 3\n    }\n  }\n}\n",
        0600);
    ck_assert_msg(rf_hosts_load_regctl(hosts, &err) == 0, "%s", err.msg);
    const struct rf_host *h = rf_hosts_get(hosts, "localhost:5000");
    ck_assert_int_eq(h->tls, RF_TLS_DISABLED);
    ck_assert_uint_eq(h->req_concurrent, 3);
}
END_TEST

START_TEST(defaults_and_docker)
{
    struct rf_err err = RF_ERR_INIT;
    const struct rf_host docker = { .name = (char *)(uintptr_t) "r.example",
                                    .user = (char *)(uintptr_t) "d",
                                    .pass = (char *)(uintptr_t) "p" };
    home_program("docker-credential-all", "echo '{\"Username\":\"u\",\"Secret\":\"s\"}'");
    ck_assert_int_eq(rf_hosts_merge_docker(hosts, &docker, &err), 0);
    ck_assert_msg(
        parse(
            "{\"incDockerCred\":false,\"hostDefault\":{\"credHelper\":\"docker-credential-all\",\"reqConcurrent\":6}}",
            &err) == 0,
        "%s", err.msg);
    const struct rf_host *h = rf_hosts_get(hosts, "r.example");
    ck_assert_ptr_null(h->user);
    ck_assert_str_eq(h->cred_helper, "docker-credential-all");
    ck_assert_uint_eq(h->req_concurrent, 6);
}
END_TEST

static const struct {
    const char *expire;
    uint64_t want;
} expires[] = { { "\"1h\"", 3600 },  { "\"90s\"", 90 }, { "\"100ms\"", 1 },
                { "5000000000", 5 }, { "\"\"", 3600 },  { "null", 3600 } };

START_TEST(expire)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_freep)
    char *text = rf_xasprintf("{\"hosts\":{\"r\":{\"credExpire\":%s}}}", expires[_i].expire);
    ck_assert_msg(parse(text, &err) == 0, "%s", err.msg);
    ck_assert_uint_eq(rf_hosts_get(hosts, "r")->cred_expire_s, expires[_i].want);
}
END_TEST

static const struct {
    const char *text, *want;
} bad[] = {
    { "x", "FILE: " },
    { "[]", "FILE: not a JSON object" },
    { "{\"version\":2}", "FILE: version: 2 is newer" },
    { "{\"version\":\"1\"}", "version: not a whole number" },
    { "{\"hosts\":[]}", "FILE: hosts: not an object" },
    { "{\"hosts\":{\"r\":[]}}", "FILE: hosts.r: not an object" },
    { "{\"hosts\":{\"r\":{\"tls\":\"maybe\"}}}",
      "FILE: hosts.r.tls: \"maybe\" is none of enabled, insecure, disabled" },
    { "{\"hosts\":{\"r\":{\"tls\":1}}}", "FILE: hosts.r.tls: not a string" },
    { "{\"hosts\":{\"r\":{\"user\":{}}}}", "FILE: hosts.r.user: not a string" },
    { "{\"hosts\":{\"r\":{\"pass\":\"canary\\n\"}}}",
      "FILE: hosts.r: registry r: pass: has a line break" },
    { "{\"hosts\":{\"r\":{\"mirrors\":\"m\"}}}", "FILE: hosts.r.mirrors: not an array" },
    { "{\"hosts\":{\"r\":{\"mirrors\":[1]}}}", "FILE: hosts.r.mirrors[0]: not a string" },
    { "{\"hosts\":{\"r\":{\"mirrors\":[\"a/b\"]}}}", "mirrors \"a/b\"" },
    { "{\"hosts\":{\"r\":{\"apiOpts\":{\"x\":1}}}}", "FILE: hosts.r.apiOpts.x: not a string" },
    { "{\"hosts\":{\"r\":{\"blobChunk\":1.5}}}",
      "FILE: hosts.r.blobChunk: not a whole number of at least 0" },
    { "{\"hosts\":{\"r\":{\"blobMax\":-2}}}",
      "FILE: hosts.r.blobMax: not a whole number of at least -1" },
    { "{\"hosts\":{\"r\":{\"priority\":-1}}}", "hosts.r.priority" },
    { "{\"hosts\":{\"r\":{\"priority\":4294967296}}}", "hosts.r.priority: too large" },
    { "{\"hosts\":{\"r\":{\"reqConcurrent\":\"3\"}}}", "hosts.r.reqConcurrent" },
    { "{\"hosts\":{\"r\":{\"reqPerSec\":\"3\"}}}", "hosts.r.reqPerSec: not a number" },
    { "{\"hosts\":{\"r\":{\"reqPerSec\":-3}}}", "reqPerSec" },
    { "{\"hosts\":{\"r\":{\"repoAuth\":\"true\"}}}", "hosts.r.repoAuth" },
    { "{\"hosts\":{\"r\":{\"credExpire\":\"soon\"}}}", "FILE: hosts.r.credExpire: not a duration" },
    { "{\"hosts\":{\"r\":{\"credExpire\":-1}}}", "FILE: hosts.r.credExpire: not a duration" },
    { "{\"hosts\":{\"r\":{\"credHelper\":\"/bin/x\"}}}", "credHelper \"/bin/x\"" },
    { "{\"hosts\":{\"a b\":{}}}", "FILE: hosts.a b: registry \"a b\"" },
    { "{\"hostDefault\":[]}", "FILE: hostDefault: not an object" },
    { "{\"hostDefault\":{\"tls\":\"x\"}}", "FILE: hostDefault.tls" },
    { "{\"incDockerCred\":\"no\"}", "incDockerCred" },
    { "{\"hosts\":{\"r\":{\"pass\":\"canary\"", "FILE: " },
    { "{\"hosts\":{\"r\":{},\"r\":{}}}", "FILE: " },
};

START_TEST(bad_row)
{
    struct rf_err err = RF_ERR_INIT;
    int rc = parse(bad[_i].text, &err);
    ck_assert_msg(rc == -RFE_CONFIG, "%s: %d", bad[_i].text, rc);
    ck_assert_msg(strstr(err.msg, bad[_i].want) != NULL, "%s: %s", bad[_i].text, err.msg);
    ck_assert_ptr_null(strstr(err.msg, "canary"));
}
END_TEST

static void check_path(const char *want)
{
    RF_CLEANUP(rf_freep) char *have = rf_regctl_config_path();
    RF_CLEANUP(rf_freep)
    char *full = want[0] == '~' ? rf_xasprintf("%s%s", home_dir(), want + 1) : rf_xstrdup(want);
    ck_assert_str_eq(have, full);
}

START_TEST(where_it_is)
{
    check_path("~/.regctl/config.json");
    home_write(".config/regctl/config.json", "{}", 0600);
    check_path("~/.config/regctl/config.json");
    (void)setenv("XDG_CONFIG_HOME", "xdg", 1);
    check_path("~/.regctl/config.json");
    home_write("xdg/regctl/config.json", "{}", 0600);
    check_path("xdg/regctl/config.json");
    (void)setenv("REGCTL_CONFIG", "mine.json", 1);
    check_path("mine.json");
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_hosts_load_regctl(hosts, &err), 0);
    home_write("mine.json", "", 0600);
    ck_assert_int_eq(rf_hosts_load_regctl(hosts, &err), 0);
    home_write("mine.json", "{\"hosts\":{\"r\":{\"user\":\"u\"}}}", 0644);
    home_log_begin();
    ck_assert_int_eq(rf_hosts_load_regctl(hosts, &err), 0);
    RF_CLEANUP(rf_freep) char *quiet = home_log_end();
    ck_assert_str_eq(quiet, "");
    home_write("mine.json", "{\"hosts\":{\"r\":{\"user\":\"u\",\"pass\":\"canary\"}}}", 0644);
    home_log_begin();
    ck_assert_int_eq(rf_hosts_load_regctl(hosts, &err), 0);
    RF_CLEANUP(rf_freep) char *log = home_log_end();
    ck_assert_ptr_nonnull(strstr(log, "file=mine.json"));
    ck_assert_ptr_null(strstr(log, "canary"));
    home_write("mine.json", "{}", 0622);
    ck_assert_int_eq(rf_hosts_load_regctl(hosts, &err), -RFE_CONFIG);
    home_write("mine.json", "{", 0600);
    ck_assert_int_eq(rf_hosts_load_regctl(hosts, &err), -RFE_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.msg, "mine.json: "));
}
END_TEST

Suite *rf_regctl_config_suite(void);
Suite *rf_regctl_config_suite(void)
{
    Suite *s = suite_create("regctl_config");
    TCase *t = tcase_create("regctl_config");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, every_key);
    tcase_add_test(t, small_file);
    tcase_add_test(t, defaults_and_docker);
    tcase_add_loop_test(t, expire, 0, (int)RF_ARRAY_LEN(expires));
    tcase_add_loop_test(t, bad_row, 0, (int)RF_ARRAY_LEN(bad));
    tcase_add_test(t, where_it_is);
    suite_add_tcase(s, t);
    return s;
}
