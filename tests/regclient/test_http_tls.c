/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/regclient/helper_registry.h"
#include "tests/support/data_files.h"

#define R RF_CLEANUP(test_registry_stopp) struct test_registry *r
#define RULE(match, action) \
    "{\"match\":{\"no_header\":[\"x-test\"]," match "},\"action\":{" action "}}"
#define PROFILE(rules) "{\"rules\":[" rules "]}"

/* Copies that nobody else may write, whatever the mask was when the tests were checked out. */
static char folder[32];
static const char *const names[] = { "ca.pem", "client.pem", "client.key" };

static void set_up(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/rf-test-tls-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (size_t i = 0; i < RF_ARRAY_LEN(names); i++) {
        RF_CLEANUP(rf_freep) char *name = rf_xasprintf("regclient/tls/%s", names[i]);
        RF_CLEANUP(rf_freep) char *from = test_data_path(name);
        RF_CLEANUP(rf_freep) char *to = rf_path_join(folder, names[i]);
        size_t len;
        RF_CLEANUP(rf_freep) char *text = test_read_file(from, &len);
        ck_assert_ptr_nonnull(text);
        ck_assert_int_eq(rf_file_write(to, rf_slice_of(text, len), 0600, NULL), 0);
    }
}

static void tear_down(void)
{
    for (size_t i = 0; i < RF_ARRAY_LEN(names); i++) {
        RF_CLEANUP(rf_freep) char *path = rf_path_join(folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

static char *option(const char *name, const char *file)
{
    return rf_xasprintf(",%s=%s/%s", name, folder, file);
}

static int ping(struct test_registry *r, struct rf_err *err)
{
    *err = (struct rf_err)RF_ERR_INIT;
    return rf_registry_ping(r->place, err);
}

static const struct {
    const char *cert;
    bool ca;
    const char *more; /* of the --host option */
    int rc;
    const char *words; /* of the message */
} rows[] = {
    { "server", true, "", 0, NULL },
    { "server", false, "", -RFE_TLS, "ca-file=" },
    { "server", false, ",tls=insecure", 0, NULL },
    { "other-name", true, "", -RFE_TLS, "for another name" },
    { "other-name", true, ",tls=insecure", 0, NULL },
    { "expired", true, "", -RFE_TLS, "the clock of this machine" },
};

START_TEST(trusts_what_it_is_told_to)
{
    RF_CLEANUP(rf_freep) char *ca = rows[_i].ca ? option("ca-file", "ca.pem") : rf_xstrdup("");
    RF_CLEANUP(rf_freep) char *host = rf_xasprintf("%s%s", ca, rows[_i].more);
    R = test_registry_start_tls("plain", rows[_i].cert, host);
    struct rf_err err;
    int rc = ping(r, &err);
    ck_assert_msg(rc == rows[_i].rc, "%s: %d %s", rows[_i].cert, rc, err.msg);
    if (rc < 0)
        ck_assert_msg(strstr(err.msg, rows[_i].words) != NULL, "%s", err.msg);
    /* What is not trusted is not asked again, and never by plain HTTP. */
    ck_assert_uint_eq(test_registry_count(r, NULL, "*"), rc == 0);
    ck_assert_uint_eq(rf_stats_get(r->stats, RF_REQ_RETRY), 0);
}
END_TEST

/* Where certificates come as one file, those of a registry stand beside them. */
START_TEST(one_file_of_certificates)
{
    RF_CLEANUP(rf_freep) char *ca = option("ca-file", "ca.pem");
    RF_CLEANUP(rf_freep) char *path = rf_path_join(folder, _i == 0 ? "client.pem" : "ca.pem");
    struct rf_err err;
    setenv("SSL_CERT_FILE", path, 1);
    R = test_registry_start_tls("plain", "server", _i == 0 ? ca : NULL);
    int rc = ping(r, &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
}
END_TEST

/* A connection that was made without looking is no way in for who looks. */
START_TEST(connections_are_not_shared_between_settings)
{
    R = test_registry_start_tls("plain", "server", ",tls=insecure");
    struct rf_hosts *strict = rf_hosts_new();
    struct rf_remote *remote = NULL;
    struct rf_place *place = NULL;
    struct rf_err err;
    ck_assert_int_eq(ping(r, &err), 0);
    ck_assert_int_eq(rf_remote_new(r->http, strict, r->name, NULL, &remote, NULL), 0);
    ck_assert_int_eq(rf_registry_open(remote, &place, NULL), 0);
    ck_assert_int_eq(rf_registry_ping(place, &err), -RFE_TLS);
    ck_assert_int_eq(ping(r, &err), 0);
    rf_place_free(place);
    rf_remote_free(remote);
    rf_hosts_free(strict);
}
END_TEST

static char *client_options(void)
{
    RF_CLEANUP(rf_freep) char *ca = option("ca-file", "ca.pem");
    RF_CLEANUP(rf_freep) char *cert = option("cert-file", "client.pem");
    RF_CLEANUP(rf_freep) char *key = option("key-file", "client.key");
    return rf_xasprintf("%s%s%s", ca, cert, key);
}

START_TEST(the_client_certificate_stays_at_home)
{
    RF_CLEANUP(rf_freep) char *host = client_options();
    R = test_registry_start_tls(
        PROFILE(RULE("\"method\":\"GET\",\"path\":\"/blobs/sha\",\"count\":0",
                     "\"type\":\"redirect\",\"to\":\"other\"")),
        "server", host);
    RF_CLEANUP(rf_buf_release) struct rf_buf bytes;
    struct rf_digest digest;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&bytes, 0);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(&bytes);
    test_registry_blob(r, "a", 1, 1000, &digest);
    test_registry_forget(r);
    ck_assert_msg(rf_place_get_blob(r->place, "a", &digest, 1000, 0, NULL, sink, &err) == 0, "%s",
                  err.msg);
    ck_assert_uint_eq(test_registry_certs(r, "main", "*"), 1);
    ck_assert_uint_eq(test_registry_count(r, "other", "*"), 1);
    ck_assert_uint_eq(test_registry_certs(r, "other", "*"), 0);
}
END_TEST

START_TEST(never_from_https_to_http)
{
    RF_CLEANUP(rf_freep) char *ca = option("ca-file", "ca.pem");
    RF_CLEANUP(test_registry_stopp)
    struct test_registry *plain = test_registry_start("plain", NULL);
    RF_CLEANUP(rf_freep)
    char *profile = rf_xasprintf(
        PROFILE(RULE("\"count\":0", "\"type\":\"redirect\",\"location\":\"http://%s/v2/\"")),
        plain->name);
    RF_CLEANUP(test_registry_stopp)
    struct test_registry *tls = test_registry_start_tls(profile, "server", ca);
    struct rf_err err;
    ck_assert_int_eq(ping(tls, &err), -RFE_REFUSED);
    ck_assert_ptr_nonnull(strstr(err.msg, "from https to http"));
    ck_assert_uint_eq(test_registry_count(plain, NULL, "*"), 0);
}
END_TEST

static int put(struct test_registry *r, struct rf_digest *digest, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *bytes = test_bytes(1, 1000);
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_of(bytes, 1000), digest);
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_mem(rf_slice_of(bytes, 1000));
    return rf_place_put_blob(r->place, "a", digest, 1000, src, err);
}

/* Behind a proxy that ends TLS, a registry may believe that it speaks plain HTTP. */
START_TEST(lifts_the_location_of_uploads)
{
    RF_CLEANUP(rf_freep) char *ca = option("ca-file", "ca.pem");
    R = test_registry_start_tls(
        "{\"options\":{\"upload_location\":\"http://127.0.0.1/v2/{name}/blobs/uploads/{upload}\"}}",
        "server", ca);
    struct rf_digest digest;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(put(r, &digest, &err) == 0, "%s", err.msg);
    ck_assert_int_eq(rf_place_probe_blob(r->place, "a", &digest, 1000, RF_PROBE_RANGE, NULL), 0);
}
END_TEST

/* Another origin over TLS may take the bytes, and gets nothing else. */
START_TEST(uploads_elsewhere_carry_no_login)
{
    RF_CLEANUP(rf_freep) char *options = client_options();
    RF_CLEANUP(rf_freep) char *host = rf_xasprintf("%s,user=carrier,pass=canary-secret-1", options);
    R = test_registry_start_tls(
        "{\"options\":{\"upload_location\":\"{other}/v2/{name}/blobs/uploads/{upload}\",\"auth\":{\"type\":\"basic\",\"user\":\"carrier\","
        "\"pass\":\"canary-secret-1\"}},\"rules\":["
        "{\"match\":{\"origin\":\"other\",\"count\":0},\"action\":{\"type\":\"status\",\"status\":401,\"headers\":{\"WWW-Authenticate\":\"Basic realm=x\"}}}]}",
        "server", host);
    struct rf_digest digest;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(put(r, &digest, &err), -RFE_DENIED);
    ck_assert_uint_ge(test_registry_count(r, "other", "PUT *"), 1);
    ck_assert_uint_eq(test_registry_logins(r, "other", "*"), 0);
    ck_assert_uint_eq(test_registry_certs(r, "other", "*"), 0);
    ck_assert_uint_ge(test_registry_logins(r, "main", "POST *"), 1);
    ck_assert_uint_ge(test_registry_certs(r, "main", "POST *"), 1);
}
END_TEST

Suite *rf_http_tls_suite(void);
Suite *rf_http_tls_suite(void)
{
    Suite *s = suite_create("http_tls");
    TCase *t = tcase_create("tls");
    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, trusts_what_it_is_told_to, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_loop_test(t, one_file_of_certificates, 0, 2);
    tcase_add_test(t, connections_are_not_shared_between_settings);
    tcase_add_test(t, the_client_certificate_stays_at_home);
    tcase_add_test(t, never_from_https_to_http);
    tcase_add_test(t, lifts_the_location_of_uploads);
    tcase_add_test(t, uploads_elsewhere_carry_no_login);
    suite_add_tcase(s, t);
    return s;
}
