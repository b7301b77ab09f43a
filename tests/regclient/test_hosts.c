/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/hosts.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "regclient/host_merge.h"
#include "tests/regclient/helper_home.h"

#define PEM(name) "-----BEGIN CERTIFICATE-----\n" name "\n-----END CERTIFICATE-----\n"

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

/* Texts of the tests are literals; the merged struct only reads them. */
#define T(text) ((char *)(uintptr_t)(text))

static void merge(struct rf_host h)
{
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_hosts_merge(hosts, &h, &err) == 0, "%s", err.msg);
}

static void merge_docker(struct rf_host h)
{
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_hosts_merge_docker(hosts, &h, &err) == 0, "%s", err.msg);
}

static char *login_of(const char *name)
{
    char *user = NULL, *pass = NULL, *token = NULL;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_host_login(hosts, rf_hosts_get(hosts, name), &user, &pass, &token, &err);
    char *text = rc < 0 ? rf_xasprintf("! %s", err.msg)
                        : rf_xasprintf("%s:%s:%s", user != NULL ? user : "-",
                                       pass != NULL ? pass : "-", token != NULL ? token : "-");
    rf_wipe_freep(&user);
    rf_wipe_freep(&pass);
    rf_wipe_freep(&token);
    return text;
}

static void check_login(const char *name, const char *want)
{
    RF_CLEANUP(rf_freep) char *have = login_of(name);
    ck_assert_str_eq(have, want);
}

START_TEST(unknown_registry_has_defaults)
{
    const struct rf_host *h = rf_hosts_get(hosts, "reg.example:5000");
    ck_assert_str_eq(h->name, "reg.example:5000");
    ck_assert_str_eq(h->hostname, "reg.example:5000");
    ck_assert_str_eq(h->cred_host, "reg.example:5000");
    ck_assert_int_eq(h->tls, RF_TLS_ENABLED);
    ck_assert_uint_eq(h->cred_expire_s, 3600);
    ck_assert_uint_eq(h->req_concurrent, 0);
    ck_assert_int_eq(h->blob_chunk, 0);
    ck_assert_int_eq(h->blob_max, 0);
    ck_assert(!h->repo_auth && !h->disable_head);
    check_login("reg.example:5000", "-:-:-");
    ck_assert_ptr_eq(h, rf_hosts_get(hosts, "REG.example:5000"));
    ck_assert_ptr_ne(h, rf_hosts_get(hosts, "reg.example"));
    /* What is no registry name is not found out here, and does no harm. */
    ck_assert_str_eq(rf_hosts_get(hosts, "a b")->hostname, "a b");
}
END_TEST

START_TEST(hub_is_one_registry)
{
    static const char *const aliases[] = { "docker.io", "index.docker.io", "registry-1.docker.io",
                                           "Docker.IO", "https://index.docker.io/v1/" };
    merge((struct rf_host){ .name = T("index.docker.io"), .user = T("u") });
    merge((struct rf_host){ .name = T("https://index.docker.io/v1/"), .pass = T("p") });
    const struct rf_host *h = rf_hosts_get(hosts, "docker.io");
    for (size_t i = 0; i < RF_ARRAY_LEN(aliases); i++)
        ck_assert_ptr_eq(h, rf_hosts_get(hosts, aliases[i]));
    ck_assert_str_eq(h->name, "docker.io");
    ck_assert_str_eq(h->hostname, "registry-1.docker.io");
    ck_assert_str_eq(h->cred_host, "https://index.docker.io/v1/");
    check_login("docker.io", "u:p:-");
    ck_assert_ptr_ne(h, rf_hosts_get(hosts, "xdocker.io"));
    ck_assert_str_eq(rf_hosts_get(hosts, "docker.io.example")->hostname, "docker.io.example");
}
END_TEST

START_TEST(later_wins_per_field)
{
    char *mirrors[] = { T("m1.example"), T("m2.example") }, *other[] = { T("m3.example:5000") };
    merge((struct rf_host){ .name = T("r"),
                            .user = T("a"),
                            .pass = T("p"),
                            .hostname = T("h:1"),
                            .tls = RF_TLS_DISABLED,
                            .mirrors = mirrors,
                            .n_mirrors = 2,
                            .blob_max = -1,
                            .blob_chunk = 5,
                            .repo_auth = true,
                            .priority = 3,
                            .path_prefix = T("x/y") });
    merge((struct rf_host){ .name = T("r"),
                            .user = T("b"),
                            .req_concurrent = 9,
                            .ca_pem = T(PEM("ca")),
                            .hostname = T("") });
    merge((struct rf_host){ .name = T("r"),
                            .mirrors = other,
                            .n_mirrors = 1,
                            .repo_auth_set = true,
                            .req_per_sec = 2.5,
                            .cred_expire_s = 7 });
    const struct rf_host *h = rf_hosts_get(hosts, "r");
    ck_assert_str_eq(h->user, "b");
    ck_assert_str_eq(h->pass, "p");
    ck_assert_str_eq(h->hostname, "h:1");
    ck_assert_str_eq(h->path_prefix, "x/y");
    ck_assert_str_eq(h->ca_pem, PEM("ca"));
    ck_assert_int_eq(h->tls, RF_TLS_DISABLED);
    ck_assert_uint_eq(h->n_mirrors, 1);
    ck_assert_str_eq(h->mirrors[0], "m3.example:5000");
    ck_assert_int_eq(h->blob_max, -1);
    ck_assert_int_eq(h->blob_chunk, 5);
    ck_assert_uint_eq(h->priority, 3);
    ck_assert_uint_eq(h->req_concurrent, 9);
    ck_assert_double_eq(h->req_per_sec, 2.5);
    ck_assert_uint_eq(h->cred_expire_s, 7);
    ck_assert(h->repo_auth_set && !h->repo_auth);
}
END_TEST

/* The last word on how to log in is the whole of it. */
START_TEST(ways_to_log_in_replace_each_other)
{
    merge((struct rf_host){ .name = T("a"), .user = T("u"), .pass = T("p") });
    merge((struct rf_host){ .name = T("a"), .token = T("t") });
    check_login("a", "u:-:t");
    merge((struct rf_host){ .name = T("b"), .cred_helper = T("docker-credential-absent") });
    merge((struct rf_host){ .name = T("b"), .user = T("u"), .pass = T("p") });
    check_login("b", "u:p:-");
    home_program("docker-credential-here", "echo '{\"Username\":\"h\",\"Secret\":\"s\"}'");
    merge((struct rf_host){ .name = T("c"), .user = T("u"), .token = T("t") });
    merge((struct rf_host){ .name = T("c"), .cred_helper = T("docker-credential-here") });
    check_login("c", "h:s:-");
    merge((struct rf_host){ .name = T("e"), .token = T("t") });
    merge((struct rf_host){ .name = T("e"), .user = T("u"), .pass = T("p") });
    check_login("e", "u:p:-");
    /* Without a word on logging in it stays. */
    merge((struct rf_host){ .name = T("d"), .user = T("u"), .pass = T("p") });
    merge((struct rf_host){ .name = T("d"), .tls = RF_TLS_INSECURE });
    check_login("d", "u:p:-");
}
END_TEST

START_TEST(docker_lies_below)
{
    merge((struct rf_host){ .name = T("r"), .user = T("said") });
    merge_docker((struct rf_host){ .name = T("r"), .user = T("docker"), .pass = T("p") });
    check_login("r", "said:p:-");
    rf_hosts_use_docker(hosts, false, true);
    merge_docker((struct rf_host){ .name = T("s"), .user = T("docker"), .pass = T("p") });
    check_login("s", "-:-:-");
}
END_TEST

START_TEST(defaults_hold_for_all)
{
    struct rf_err err = RF_ERR_INIT;
    const struct rf_host general = { .name = T("x"),
                                     .hostname = T("evil.example"),
                                     .user = T("u"),
                                     .pass = T("p"),
                                     .token = T("t"),
                                     .cred_host = T("c"),
                                     .req_concurrent = 4,
                                     .tls = RF_TLS_INSECURE,
                                     .blob_max = 100 };
    home_log_begin();
    ck_assert_int_eq(rf_hosts_merge_default(hosts, &general, &err), 0);
    RF_CLEANUP(rf_freep) char *log = home_log_end();
    ck_assert_ptr_nonnull(strstr(log, "level=WARN"));
    merge((struct rf_host){ .name = T("r"), .tls = RF_TLS_ENABLED });
    const struct rf_host *h = rf_hosts_get(hosts, "r");
    ck_assert_int_eq(h->tls, RF_TLS_ENABLED);
    ck_assert_uint_eq(h->req_concurrent, 4);
    ck_assert_str_eq(h->hostname, "r");
    check_login("r", "-:-:-");
    h = rf_hosts_get(hosts, "unknown");
    ck_assert_int_eq(h->tls, RF_TLS_INSECURE);
    ck_assert_int_eq(h->blob_max, 100);
    check_login("unknown", "-:-:-");
    ck_assert_str_eq(rf_hosts_get(hosts, "docker.io")->hostname, "registry-1.docker.io");
}
END_TEST

START_TEST(changes_are_logged_without_secrets)
{
    home_log_begin();
    merge((struct rf_host){ .name = T("r"),
                            .user = T("a"),
                            .pass = T("canary1"),
                            .token = T("canary2"),
                            .tls = RF_TLS_DISABLED });
    merge((struct rf_host){ .name = T("r"), .user = T("a"), .pass = T("canary1") });
    merge((struct rf_host){ .name = T("r"),
                            .user = T("b"),
                            .pass = T("canary3"),
                            .tls = RF_TLS_INSECURE,
                            .client_key_pem = T("-----BEGIN canary4") });
    merge((struct rf_host){ .name = T("r"), .client_key_pem = T("-----BEGIN canary5") });
    RF_CLEANUP(rf_freep) char *log = home_log_end();
    ck_assert_msg(strstr(log, "msg=\"Changing login user for registry\" orig=a new=b host=r\n") !=
                      NULL,
                  "%s", log);
    ck_assert_msg(strstr(log, "msg=\"Changing login password for registry\" host=r\n") != NULL,
                  "%s", log);
    ck_assert_msg(
        strstr(log,
               "msg=\"Changing TLS settings for registry\" orig=disabled new=insecure host=r\n") !=
            NULL,
        "%s", log);
    ck_assert_msg(
        strstr(log, "msg=\"Changing client certificate key settings for registry\" host=r\n") !=
            NULL,
        "%s", log);
    ck_assert_ptr_null(strstr(log, "canary"));
    size_t lines = 0;
    for (const char *at = log; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    ck_assert_uint_eq(lines, 4);
}
END_TEST

static const struct {
    struct rf_host h;
    const char *part;
} bad[] = {
    { { .name = T("") }, "registry \"\"" },
    { { .name = NULL }, "registry \"\"" },
    { { .name = T("a b") }, "registry \"a b\"" },
    { { .name = T("a\n") }, "not a registry name" },
    { { .name = T("user@host") }, "not a registry name" },
    { { .name = T("-x") }, "not a registry name" },
    { { .name = T("r"), .hostname = T("h/p") }, "registry r: hostname \"h/p\"" },
    { { .name = T("r"), .hostname = T("http://h") }, "hostname" },
    { { .name = T("r"), .hostname = T("h:99999") }, "hostname" },
    { { .name = T("r"), .user = T("a:b") }, "user" },
    { { .name = T("r"), .user = T("a\r\nb") }, "user: has a line break" },
    { { .name = T("r"), .pass = T("canary\n") }, "pass: has a line break" },
    { { .name = T("r"), .token = T("canary\r") }, "token: has a line break" },
    { { .name = T("r"), .cred_helper = T("../x") }, "credHelper" },
    { { .name = T("r"), .cred_helper = T("/bin/sh") }, "credHelper" },
    { { .name = T("r"), .cred_helper = T("a;b") }, "credHelper" },
    { { .name = T("r"), .cred_helper = T("-x") }, "credHelper" },
    { { .name = T("r"), .cred_host = T("h\nhost=other") }, "credHost" },
    { { .name = T("r"), .cred_host = T("https://u@h/") }, "credHost" },
    { { .name = T("r"), .ca_pem = T("/etc/ca.pem") }, "regcert: not in PEM form" },
    { { .name = T("r"), .client_cert_pem = T("x") }, "clientCert" },
    { { .name = T("r"), .client_key_pem = T("x") }, "clientKey" },
    { { .name = T("r"), .path_prefix = T("../x") }, "pathPrefix" },
    { { .name = T("r"), .path_prefix = T("/x") }, "pathPrefix" },
    { { .name = T("r"), .blob_chunk = -1 }, "blobChunk" },
    { { .name = T("r"), .blob_max = -2 }, "blobMax" },
    { { .name = T("r"), .req_per_sec = -1 }, "reqPerSec" },
};

START_TEST(bad_settings)
{
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_hosts_merge(hosts, &bad[_i].h, &err);
    ck_assert_msg(rc == -RFE_CONFIG, "row %d: %d", _i, rc);
    ck_assert_msg(strstr(err.msg, bad[_i].part) != NULL, "%s", err.msg);
    ck_assert_ptr_null(strstr(err.msg, "canary"));
    ck_assert_int_eq(rf_hosts_merge_docker(hosts, &bad[_i].h, &err), -RFE_CONFIG);
}
END_TEST

START_TEST(bad_mirror)
{
    struct rf_err err = RF_ERR_INIT;
    char *mirrors[] = { T("ok.example"), T("bad/one") };
    const struct rf_host h = { .name = T("r"), .mirrors = mirrors, .n_mirrors = 2 };
    ck_assert_int_eq(rf_hosts_merge(hosts, &h, &err), -RFE_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.msg, "mirrors \"bad/one\""));
}
END_TEST

START_TEST(api_options)
{
    json_t *a = json_pack("{s:s, s:s}", "disableHead", "true", "x", "1"),
           *b = json_pack("{s:s}", "x", "2");
    merge((struct rf_host){ .name = T("r"), .api_opts = a });
    merge((struct rf_host){ .name = T("r"), .api_opts = b });
    const struct rf_host *h = rf_hosts_get(hosts, "r");
    ck_assert(h->disable_head);
    ck_assert_str_eq(json_string_value(json_object_get(h->api_opts, "x")), "2");
    /* Nothing of the caller's is kept. */
    ck_assert_uint_eq(a->refcount, 1);
    json_decref(a);
    json_decref(b);
}
END_TEST

START_TEST(docker_ca_folder)
{
    home_write("certs.d/r:5000/b.crt", PEM("second"), 0644);
    home_write("certs.d/r:5000/a.crt", PEM("first"), 0644);
    home_write("certs.d/r:5000/c.crt", "not a certificate", 0644);
    home_write("certs.d/r:5000/client.cert", PEM("client"), 0644);
    home_write("certs.d/r:5000/client.key", PEM("key"), 0644);
    rf_hosts_set_certs_dir(hosts, "certs.d");
    merge((struct rf_host){ .name = T("r:5000"), .ca_pem = T(PEM("own")) });
    home_log_begin();
    const struct rf_host *h = rf_hosts_get(hosts, "r:5000");
    RF_CLEANUP(rf_freep) char *log = home_log_end();
    ck_assert_str_eq(h->ca_pem, PEM("own") "\n" PEM("first") "\n" PEM("second") "\n");
    ck_assert_ptr_nonnull(strstr(log, "c.crt"));
    ck_assert_ptr_null(h->client_cert_pem);
    ck_assert_ptr_null(rf_hosts_get(hosts, "r")->ca_pem);
    ck_assert_ptr_null(rf_hosts_get(hosts, "docker.io")->ca_pem);
    RF_CLEANUP(rf_hosts_freep) struct rf_hosts *without = rf_hosts_new();
    rf_hosts_set_certs_dir(without, "certs.d");
    rf_hosts_use_docker(without, true, false);
    ck_assert_ptr_null(rf_hosts_get(without, "r:5000")->ca_pem);
}
END_TEST

/* One run for many questions, and the program's answer for the names that are asked. */
START_TEST(helper_is_asked_once)
{
    home_program("docker-credential-x",
                 "cat >> asked; echo >> asked; echo '{\"Username\":\"u\",\"Secret\":\"s\"}'");
    merge((struct rf_host){
        .name = T("r"), .cred_helper = T("docker-credential-x"), .hostname = T("h.example:1") });
    for (int i = 0; i < 5; i++)
        check_login("r", "u:s:-");
    RF_CLEANUP(rf_freep) char *asked = home_read("asked");
    ck_assert_str_eq(asked, "h.example:1\n");
    /* A fresh answer that was refused is not asked for again. */
    ck_assert(!rf_host_login_forget(hosts, rf_hosts_get(hosts, "r")));
    ck_assert(!rf_host_login_forget(hosts, rf_hosts_get(hosts, "other")));
}
END_TEST

START_TEST(helper_answer_runs_out)
{
    home_program("docker-credential-x",
                 "echo x >> asked; echo '{\"Username\":\"<token>\",\"Secret\":\"s\"}'");
    merge((struct rf_host){
        .name = T("r"), .cred_helper = T("docker-credential-x"), .cred_expire_s = 1 });
    check_login("r", "-:-:s");
    struct timespec pause = { 1, 100000000 };
    (void)nanosleep(&pause, NULL);
    check_login("r", "-:-:s");
    RF_CLEANUP(rf_freep) char *asked = home_read("asked");
    ck_assert_str_eq(asked, "x\nx\n");
}
END_TEST

START_TEST(helper_failure_is_kept)
{
    home_program("docker-credential-x", "echo x >> asked; echo 'no luck'; exit 1");
    merge((struct rf_host){ .name = T("r"), .cred_helper = T("docker-credential-x") });
    RF_CLEANUP(rf_freep) char *first = login_of("r"), *second = login_of("r");
    ck_assert_str_eq(first,
                     "! credential helper docker-credential-x for r: exit status 1: no luck");
    ck_assert_str_eq(second, first);
    RF_CLEANUP(rf_freep) char *asked = home_read("asked");
    ck_assert_str_eq(asked, "x\n");
}
END_TEST

/* Docker's store is asked for registries that have no login otherwise, under both spellings. */
START_TEST(store)
{
    struct rf_err err = RF_ERR_INIT;
    home_program(
        "docker-credential-s",
        "read s; echo \"$s\" >> asked; case $s in https://old.example) echo '{\"Username\":\"u\",\"Secret\":\"old\"}';; "
        "https://index.docker.io/v1/) echo '{\"ServerURL\":\"https://index.docker.io/v1/\",\"Username\":\"u\",\"Secret\":\"hub\"}';; "
        "*) echo credentials not found in native keychain; exit 1;; esac");
    ck_assert_int_eq(rf_hosts_set_store(hosts, "docker-credential-s", &err), 0);
    ck_assert_int_eq(rf_hosts_set_store(hosts, "../s", &err), -RFE_CONFIG);
    merge((struct rf_host){ .name = T("own.example"), .user = T("u"), .pass = T("p") });
    check_login("own.example", "u:p:-");
    check_login("old.example", "u:old:-");
    check_login("docker.io", "u:hub:-");
    check_login("none.example", "-:-:-");
    RF_CLEANUP(rf_freep) char *asked = home_read("asked");
    ck_assert_str_eq(
        asked,
        "old.example\nhttps://old.example\nhttps://index.docker.io/v1/\nnone.example\nhttps://none.example\n");
}
END_TEST

static void *get_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 200; i++) {
        RF_CLEANUP(rf_freep) char *name = rf_xasprintf("r%d.example", i);
        RF_CLEANUP(rf_freep) char *login = login_of(name);
        if (strcmp(rf_hosts_get(hosts, name)->name, name) != 0 || strcmp(login, "u:s:-") != 0)
            return hosts;
    }
    return NULL;
}

START_TEST(threads)
{
    struct rf_err err = RF_ERR_INIT;
    home_program("docker-credential-s", "echo '{\"Username\":\"u\",\"Secret\":\"s\"}'");
    ck_assert_int_eq(rf_hosts_set_store(hosts, "docker-credential-s", &err), 0);
    pthread_t t[4];
    void *wrong = NULL;
    for (size_t i = 0; i < RF_ARRAY_LEN(t); i++)
        ck_assert_int_eq(pthread_create(&t[i], NULL, get_many, NULL), 0);
    for (size_t i = 0; i < RF_ARRAY_LEN(t); i++) {
        ck_assert_int_eq(pthread_join(t[i], &wrong), 0);
        ck_assert_ptr_null(wrong);
    }
}
END_TEST

static const struct {
    const char *text, *name;
    bool exact;
} names[] = {
    { "reg.example", "reg.example", true },
    { "https://reg.example", "reg.example", true },
    { "http://reg.example:5000/", "reg.example:5000", true },
    { "https://reg.example/v1/", "reg.example", false },
    { "reg.example/team/app", "reg.example", false },
    { "https://index.docker.io/v1/", "docker.io", true },
    { "index.docker.io/v1", "docker.io", true },
    { "registry-1.docker.io", "docker.io", true },
    { "docker.io/library/x", "docker.io", false },
    { "[::1]:5000", "[::1]:5000", true },
    { "https://", NULL, false },
    { "", NULL, false },
    { "ftp://x", NULL, false },
    { "a b", NULL, false },
    { "u@h", NULL, false },
    { "h\nx", NULL, false },
};

START_TEST(name_of)
{
    bool exact = false;
    RF_CLEANUP(rf_freep) char *name = rf_host_name_of(names[_i].text, &exact);
    if (names[_i].name == NULL) {
        ck_assert_msg(name == NULL, "%s", names[_i].text);
        return;
    }
    ck_assert_msg(name != NULL && strcmp(name, names[_i].name) == 0, "%s: %s", names[_i].text,
                  name);
    ck_assert_msg(exact == names[_i].exact, "%s", names[_i].text);
}
END_TEST

Suite *rf_hosts_suite(void);
Suite *rf_hosts_suite(void)
{
    Suite *s = suite_create("hosts");
    TCase *t = tcase_create("hosts");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, unknown_registry_has_defaults);
    tcase_add_test(t, hub_is_one_registry);
    tcase_add_test(t, later_wins_per_field);
    tcase_add_test(t, ways_to_log_in_replace_each_other);
    tcase_add_test(t, docker_lies_below);
    tcase_add_test(t, defaults_hold_for_all);
    tcase_add_test(t, changes_are_logged_without_secrets);
    tcase_add_loop_test(t, bad_settings, 0, (int)RF_ARRAY_LEN(bad));
    tcase_add_test(t, bad_mirror);
    tcase_add_test(t, api_options);
    tcase_add_test(t, docker_ca_folder);
    tcase_add_test(t, helper_is_asked_once);
    tcase_add_test(t, helper_answer_runs_out);
    tcase_add_test(t, helper_failure_is_kept);
    tcase_add_test(t, store);
    tcase_add_test(t, threads);
    tcase_add_loop_test(t, name_of, 0, (int)RF_ARRAY_LEN(names));
    suite_add_tcase(s, t);
    return s;
}
