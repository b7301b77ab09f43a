/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/docker_config.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/regclient/helper_home.h"

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

static void check_login(const char *name, const char *want)
{
    const struct rf_host *h = rf_hosts_get(hosts, name);
    RF_CLEANUP(rf_freep)
    char *have = rf_xasprintf("%s:%s:%s:%s", h->user != NULL ? h->user : "-",
                              h->pass != NULL ? h->pass : "-", h->token != NULL ? h->token : "-",
                              h->cred_helper != NULL ? h->cred_helper : "-");
    ck_assert_msg(strcmp(have, want) == 0, "%s: %s", name, have);
}

static int parse(const char *text, bool *logins, struct rf_err *err)
{
    return rf_docker_config_parse(hosts, rf_slice_str(text), "FILE", logins, err);
}

/* "user:pass" is dXNlcjpwYXNz, "user:p:w" is dXNlcjpwOnc=, with two NUL bytes behind "u:p" dTpwAAA=. */
START_TEST(logins)
{
    struct rf_err err = RF_ERR_INIT;
    bool found = false;
    ck_assert_msg(parse("{\"HttpHeaders\":{\"x\":\"y\"},\"auths\":{"
                        "\"a.example\":{\"auth\":\"dXNlcjpwYXNz\"},"
                        "\"https://b.example:5000/\":{\"auth\":\"dXNlcjpwOnc=\"},"
                        "\"c.example\":{\"username\":\"u\",\"password\":\"p\"},"
                        "\"d.example\":{\"auth\":\"dXNlcjo=\",\"identitytoken\":\"it\"},"
                        "\"e.example\":{\"auth\":\"dTpwAAA=\"},"
                        "\"f.example\":{},"
                        "\"g.example\":{\"username\":\"u\"},"
                        "\"h.example/team\":{\"auth\":\"dXNlcjpwYXNz\"},"
                        "\"i.example\":{\"auth\":\"\",\"username\":null},"
                        "\"not a name\":{\"auth\":\"dXNlcjpwYXNz\"},"
                        "\"https://index.docker.io/v1/\":{\"auth\":\"dXNlcjpwYXNz\"}}}",
                        &found, &err) == 0,
                  "%s", err.msg);
    ck_assert(found);
    check_login("a.example", "user:pass:-:-");
    check_login("b.example:5000", "user:p:w:-:-");
    check_login("c.example", "u:p:-:-");
    check_login("d.example", "user:-:it:-");
    check_login("e.example", "u:p:-:-");
    check_login("f.example", "-:-:-:-");
    check_login("g.example", "-:-:-:-");
    check_login("h.example", "-:-:-:-");
    check_login("i.example", "-:-:-:-");
    check_login("docker.io", "user:pass:-:-");
}
END_TEST

START_TEST(helpers)
{
    struct rf_err err = RF_ERR_INIT;
    bool found = true;
    ck_assert_msg(
        parse(
            "{\"credHelpers\":{\"a.example\":\"gcr\",\"https://b.example\":\"ecr-login\",\"c.example\":\"\",\"d.example/x\":\"y\"},"
            "\"auths\":{\"a.example\":{}},\"credsStore\":\"desktop\"}",
            &found, &err) == 0,
        "%s", err.msg);
    ck_assert(!found);
    check_login("a.example", "-:-:-:docker-credential-gcr");
    check_login("b.example", "-:-:-:docker-credential-ecr-login");
    check_login("other.example", "-:-:-:docker-credential-desktop");
    check_login("d.example", "-:-:-:docker-credential-desktop");
}
END_TEST

/* As Docker: a helper of the registry, then the login in the file; ours: the store only where there is none. */
START_TEST(helper_outranks_login)
{
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(
        parse(
            "{\"auths\":{\"a.example\":{\"auth\":\"dXNlcjpwYXNz\"},\"b.example\":{\"auth\":\"dXNlcjpwYXNz\"}},"
            "\"credHelpers\":{\"a.example\":\"x\"},\"credsStore\":\"s\"}",
            NULL, &err),
        0);
    check_login("a.example", "user:-:-:docker-credential-x");
    check_login("b.example", "user:pass:-:-");
}
END_TEST

static const struct {
    const char *text, *want;
} bad[] = {
    { "", "FILE: " },
    { "[]", "FILE: not a JSON object" },
    { "{\"auths\":[]}", "FILE: auths: not an object" },
    { "{\"auths\":{\"a.example\":1}}", "FILE: auths.a.example: not an object" },
    { "{\"auths\":{\"a.example\":{\"auth\":1}}}", "FILE: auths.a.example.auth: not a string" },
    { "{\"auths\":{\"a.example\":{\"auth\":\"canary!\"}}}",
      "FILE: auths.a.example.auth: not base64" },
    { "{\"auths\":{\"a.example\":{\"auth\":\"dXNlcg==\"}}}",
      "FILE: auths.a.example.auth: not of the form user:password" },
    { "{\"auths\":{\"a.example\":{\"auth\":\"dQA6cA==\"}}}",
      "FILE: auths.a.example.auth: not of the form user:password" },
    { "{\"auths\":{\"a.example\":{\"username\":\"u\",\"password\":\"canary\\n\"}}}",
      "FILE: auths.a.example: registry a.example: pass: has a line break" },
    { "{\"auths\":{\"a.example\":{\"identitytoken\":\"canary\\r\\nX: y\"}}}",
      "token: has a line break" },
    { "{\"auths\":{\"a.example\":{},\"a.example\":{}}}", "FILE: " },
    { "{\"credHelpers\":{\"a.example\":1}}", "FILE: credHelpers.a.example: not a string" },
    { "{\"credHelpers\":{\"a.example\":\"../../x\"}}",
      "FILE: credHelpers.a.example \"../../x\": only letters" },
    { "{\"credHelpers\":{\"a.example\":\"x y\"}}", "FILE: credHelpers.a.example \"x y\"" },
    { "{\"credsStore\":{}}", "FILE: credsStore: not a string" },
    { "{\"credsStore\":\"a/b\"}", "FILE: credsStore \"a/b\"" },
    { "{\"auths\":{\"a.example\":{\"auth\":\"canary\"", "FILE: " },
    { "{\"auths\":{\"a.example\":{\"auth\":\"canary\" \"canary\"}}}", "FILE: " },
    { "{\"auths\":{\"a.example\":{\"auth\":canary", "FILE: " },
};

START_TEST(bad_row)
{
    struct rf_err err = RF_ERR_INIT;
    int rc = parse(bad[_i].text, NULL, &err);
    ck_assert_msg(rc == -RFE_CONFIG, "%s: %d", bad[_i].text, rc);
    ck_assert_msg(strstr(err.msg, bad[_i].want) != NULL, "%s: %s", bad[_i].text, err.msg);
    ck_assert_msg(strstr(err.msg, "canary") == NULL, "a secret is in the message: %s", err.msg);
}
END_TEST

#define ONE "{\"auths\":{\"%s\":{\"auth\":\"dXNlcjpwYXNz\"}}}"

static void write_one(const char *file, const char *registry, unsigned mode)
{
    RF_CLEANUP(rf_freep) char *text = rf_xasprintf(ONE, registry);
    home_write(file, text, mode);
}

START_TEST(where_it_is_looked_for)
{
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_hosts_load_docker(hosts, &err), 0);
    check_login("home.example", "-:-:-:-");
    rf_hosts_freep(&hosts);
    hosts = rf_hosts_new();
    write_one(".docker/config.json", "home.example", 0600);
    write_one("other/config.json", "other.example", 0600);
    ck_assert_msg(rf_hosts_load_docker(hosts, &err) == 0, "%s", err.msg);
    check_login("home.example", "user:pass:-:-");
    rf_hosts_freep(&hosts);
    hosts = rf_hosts_new();
    (void)setenv("DOCKER_CONFIG", "other", 1);
    (void)setenv(
        "DOCKER_AUTH_CONFIG",
        "{\"auths\":{\"env.example\":{\"auth\":\"dXNlcjpwYXNz\"},\"other.example\":{\"auth\":\"dTpw\"}}}",
        1);
    ck_assert_msg(rf_hosts_load_docker(hosts, &err) == 0, "%s", err.msg);
    check_login("home.example", "-:-:-:-");
    check_login("env.example", "user:pass:-:-");
    check_login("other.example", "u:p:-:-");
    rf_hosts_freep(&hosts);
    hosts = rf_hosts_new();
    (void)setenv("DOCKER_AUTH_CONFIG", "{", 1);
    ck_assert_int_eq(rf_hosts_load_docker(hosts, &err), -RFE_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.msg, "DOCKER_AUTH_CONFIG: "));
}
END_TEST

START_TEST(modes)
{
    struct rf_err err = RF_ERR_INIT;
    write_one(".docker/config.json", "a.example", 0644);
    home_log_begin();
    ck_assert_int_eq(rf_hosts_load_docker(hosts, &err), 0);
    RF_CLEANUP(rf_freep) char *log = home_log_end();
    ck_assert_msg(strstr(log, "level=WARN") != NULL && strstr(log, ".docker/config.json") != NULL,
                  "%s", log);
    /* Without a login in it, anybody may read it. */
    home_write(".docker/config.json", "{\"credsStore\":\"x\"}", 0644);
    home_log_begin();
    ck_assert_int_eq(rf_hosts_load_docker(hosts, &err), 0);
    RF_CLEANUP(rf_freep) char *quiet = home_log_end();
    ck_assert_str_eq(quiet, "");
    static const unsigned writable[] = { 0620, 0602, 0666 };
    for (size_t i = 0; i < RF_ARRAY_LEN(writable); i++) {
        home_write(".docker/config.json", "{\"credsStore\":\"x\"}", writable[i]);
        ck_assert_int_eq(rf_hosts_load_docker(hosts, &err), -RFE_CONFIG);
        ck_assert_ptr_nonnull(strstr(err.msg, "may be written by other users"));
        ck_assert_ptr_nonnull(strstr(err.msg, "chmod go-w"));
    }
}
END_TEST

START_TEST(odd_files)
{
    struct rf_err err = RF_ERR_INIT;
    home_write(".docker/config.json", "", 0600);
    ck_assert_int_eq(rf_hosts_load_docker(hosts, &err), 0);
    (void)setenv("DOCKER_CONFIG", "large", 1);
    size_t n = 5u << 20;
    char *large = rf_xmalloc(n + 1);
    memset(large, ' ', n);
    large[n] = '\0';
    home_write("large/config.json", large, 0600);
    free(large);
    ck_assert_int_eq(rf_hosts_load_docker(hosts, &err), -RFE_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.msg, "larger than"));
    home_write("folder/config.json/x", "", 0600);
    (void)setenv("DOCKER_CONFIG", "folder", 1);
    ck_assert_int_eq(rf_hosts_load_docker(hosts, &err), -RFE_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.msg, "is a folder"));
}
END_TEST

Suite *rf_docker_config_suite(void);
Suite *rf_docker_config_suite(void)
{
    Suite *s = suite_create("docker_config");
    TCase *t = tcase_create("docker_config");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, logins);
    tcase_add_test(t, helpers);
    tcase_add_test(t, helper_outranks_login);
    tcase_add_loop_test(t, bad_row, 0, (int)RF_ARRAY_LEN(bad));
    tcase_add_test(t, where_it_is_looked_for);
    tcase_add_test(t, modes);
    tcase_add_test(t, odd_files);
    suite_add_tcase(s, t);
    return s;
}
