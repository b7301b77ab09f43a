/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/cred_helper.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/regclient/helper_home.h"

#define PROGRAM "docker-credential-test"

static void check_get(const char *server, const char *user, const char *pass, const char *token)
{
    RF_CLEANUP(rf_login_release) struct rf_login l = { 0 };
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_cred_helper_get(PROGRAM, server, &l, &err) == 0, "%s", err.msg);
    ck_assert_pstr_eq(l.user, user);
    ck_assert_pstr_eq(l.pass, pass);
    ck_assert_pstr_eq(l.token, token);
}

static void check_fails(const char *program, const char *server, int code, const char *part)
{
    struct rf_login l = { 0 };
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_cred_helper_get(program, server, &l, &err);
    ck_assert_msg(rc == -code, "%d: %s", rc, err.msg);
    ck_assert_msg(strstr(err.msg, part) != NULL, "%s", err.msg);
    ck_assert_ptr_null(strstr(err.msg, "canary"));
    ck_assert(l.user == NULL && l.pass == NULL && l.token == NULL);
}

START_TEST(protocol)
{
    home_program(
        PROGRAM,
        "echo \"$# $1\" > args; cat > asked; echo '{\"ServerURL\":\"https://r.example/\",\"Username\":\"u\",\"Secret\":\"s\"}'");
    check_get("r.example", "u", "s", NULL);
    RF_CLEANUP(rf_freep) char *args = home_read("args"), *asked = home_read("asked");
    ck_assert_str_eq(args, "1 get\n");
    ck_assert_str_eq(asked, "r.example");
    home_program(PROGRAM, "echo '{\"Username\":\"<token>\",\"Secret\":\"it\"}'");
    check_get("r.example", NULL, NULL, "it");
    home_program(PROGRAM, "echo '{\"ServerURL\":\"\",\"Username\":\"\",\"Secret\":\"\"}'");
    check_get("r.example", NULL, NULL, NULL);
    home_program(PROGRAM, "echo 'credentials not found in native keychain'; exit 1");
    check_get("r.example", NULL, NULL, NULL);
    home_program(PROGRAM,
                 "echo '{\"ServerURL\":\"index.docker.io\",\"Username\":\"u\",\"Secret\":\"s\"}'");
    check_get("https://index.docker.io/v1/", "u", "s", NULL);
}
END_TEST

START_TEST(failures)
{
    check_fails("docker-credential-absent", "r.example", RFE_NOT_FOUND, "docker-credential-absent");
    home_program(PROGRAM, "echo boom; exit 3");
    check_fails(PROGRAM, "r.example", RFE_DENIED, "exit status 3: boom");
    home_program(PROGRAM, "printf '\\033[31mred\\n'; exit 1");
    check_fails(PROGRAM, "r.example", RFE_DENIED, "\\x1b[31mred");
    /* The answer of a helper that fails late is nobody's business. */
    home_program(PROGRAM, "echo '{\"Username\":\"u\",\"Secret\":\"canary\"}'; exit 1");
    check_fails(PROGRAM, "r.example", RFE_DENIED, "exit status 1");
    home_program(PROGRAM, "echo '{\"Secret\":\"canary'");
    check_fails(PROGRAM, "r.example", RFE_INVALID, PROGRAM);
    home_program(PROGRAM, "echo '[]'");
    check_fails(PROGRAM, "r.example", RFE_INVALID, "not a JSON object");
    home_program(PROGRAM, "echo '{\"Username\":1,\"Secret\":\"canary\"}'");
    check_fails(PROGRAM, "r.example", RFE_INVALID, "Username: not a string");
    home_program(
        PROGRAM,
        "echo '{\"ServerURL\":\"https://other.example\",\"Username\":\"u\",\"Secret\":\"canary\"}'");
    check_fails(PROGRAM, "r.example", RFE_REFUSED,
                "asked for r.example, it answered for \"https://other.example\"");
    home_program(PROGRAM, "printf %s '{\"Username\":\"u\",\"Secret\":\"canary\\nX: y\"}'");
    check_fails(PROGRAM, "r.example", RFE_INVALID, "line break");
    home_program(PROGRAM, "head -c 70000 /dev/zero | tr '\\0' 'x'");
    check_fails(PROGRAM, "r.example", RFE_TOO_LARGE, PROGRAM);
}
END_TEST

/* What is no registry name reaches no helper. */
START_TEST(servers)
{
    static const char *const good[] = { "r",
                                        "r.example:5000",
                                        "[::1]:5000",
                                        "https://r.example",
                                        "http://r.example/v1/",
                                        "https://index.docker.io/v1/" };
    static const char *const bad[] = { "",
                                       "r example",
                                       "r\nhost=x",
                                       "r\r",
                                       "u@r",
                                       "r%0a",
                                       ("r\xE3\x80\x82"
                                        "example"),
                                       "https://",
                                       "https://u:p@r/",
                                       "ftp://r",
                                       "r/../x",
                                       "r/a?b",
                                       "r/a#b",
                                       "r/\x01",
                                       "-r",
                                       "https://https://r" };
    home_program(PROGRAM, "echo x >> asked; echo '{\"Username\":\"u\",\"Secret\":\"s\"}'");
    for (size_t i = 0; i < RF_ARRAY_LEN(good); i++)
        ck_assert_msg(rf_cred_helper_server_valid(good[i]), "%s", good[i]);
    for (size_t i = 0; i < RF_ARRAY_LEN(bad); i++) {
        ck_assert_msg(!rf_cred_helper_server_valid(bad[i]), "%s", bad[i]);
        check_fails(PROGRAM, bad[i], RFE_CONFIG, "is not a registry name");
    }
    ck_assert_ptr_null(home_read("asked"));
    for (int c = 1; c < 256; c++) {
        char text[] = { 'r', (char)c, 'x', '\0' };
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr(".-_/", c) != NULL;
        ck_assert_msg(plain || !rf_cred_helper_server_valid(text), "byte %d", c);
    }
}
END_TEST

START_TEST(names)
{
    static const char *const good[] = { "docker-credential-x", "a", "A_b.c-1" };
    static const char *const bad[] = { "",       ".",   "..",  "-x",  ".x",  "a/b",
                                       "/bin/x", "a b", "a;b", "a$b", "a\n", "\xC3\xA4" };
    for (size_t i = 0; i < RF_ARRAY_LEN(good); i++)
        ck_assert_msg(rf_cred_helper_name_valid(good[i]), "%s", good[i]);
    for (size_t i = 0; i < RF_ARRAY_LEN(bad); i++) {
        ck_assert_msg(!rf_cred_helper_name_valid(bad[i]), "%s", bad[i]);
        check_fails(bad[i], "r.example", RFE_CONFIG, "not a program name");
    }
    char text[130];
    memset(text, 'a', sizeof(text) - 1);
    text[129] = '\0';
    ck_assert(!rf_cred_helper_name_valid(text));
    text[128] = '\0';
    ck_assert(rf_cred_helper_name_valid(text));
}
END_TEST

Suite *rf_cred_helper_suite(void);
Suite *rf_cred_helper_suite(void)
{
    Suite *s = suite_create("cred_helper");
    TCase *t = tcase_create("cred_helper");
    tcase_add_checked_fixture(t, home_setup, home_teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, protocol);
    tcase_add_test(t, failures);
    tcase_add_test(t, servers);
    tcase_add_test(t, names);
    suite_add_tcase(s, t);
    return s;
}
