/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <jansson.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "regclient/http.h"
#include "tests/regclient/helper_home.h"
#include "tests/regclient/helper_raw.h"

Suite *rf_http_trace_suite(void);

#define SECRET "canary7f3a9"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"

static const char *const login[] = { "Authorization: Bearer " SECRET,
                                     "Accept: application/vnd.oci.image.index.v1+json",
                                     "Accept: application/json", "cookie: a=" SECRET };

/* One request to a server with this answer, at this level: what the log has. */
static char *ask(const char *level, const char *answer, const char *path, bool private_path)
{
    struct raw_server server;
    struct rf_http *http = NULL;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    rf_http_response_init(&resp);
    raw_server_start(&server, answer, false);
    RF_CLEANUP(rf_freep) char *text = rf_xasprintf("http://127.0.0.1:%u%s", server.port, path);
    ck_assert_int_eq(rf_url_parse(text, &url, NULL), 0);
    ck_assert_int_eq(rf_log_set_level(level, NULL), 0);
    ck_assert_int_eq(rf_http_new("tester/1", &http, NULL), 0);
    const struct rf_http_request req = { .method = RF_GET,
                                         .url = &url,
                                         .private_path = private_path,
                                         .headers = login,
                                         .n_headers = RF_ARRAY_LEN(login) };
    home_log_begin();
    int rc = rf_http_do(http, &req, &resp, &err);
    char *log = home_log_end();
    ck_assert(rc == 0 || err.msg[0] != '\0');
    rf_http_free(http);
    raw_server_stop(&server);
    return log;
}

static void assert_has(const char *log, const char *want)
{
    ck_assert_msg(strstr(log, want) != NULL, "%s is not in: %s", want, log);
}

START_TEST(names_what_was_asked_and_answered)
{
    RF_CLEANUP(rf_freep)
    char *log = ask("trace",
                    "HTTP/1.1 404 Not Found\r\nx-one: 1\r\nX-ONE: 2\r\ndate: now\r\n"
                    "Content-Length: 0\r\n\r\n",
                    "/v2/a/manifests/t?ns=docker.io", false);
    assert_has(log, " level=DEBUG-4 msg=\"reg http request\" req-method=GET"
                    " req-url=\"http://127.0.0.1:");
    assert_has(log, "/v2/a/manifests/t?ns=*\" req-headers=\"map["
                    "Accept:[application/vnd.oci.image.index.v1+json application/json]"
                    " Authorization:[[censored]] Cookie:[[censored]] User-Agent:[tester/1]]\""
                    " resp-status=\"404 Not Found\""
                    " resp-headers=\"map[Content-Length:[0] Date:[now] X-One:[1 2]]\"\n");
    ck_assert_ptr_eq(strchr(log, '\n'), log + strlen(log) - 1);
}
END_TEST

START_TEST(json_has_an_object_of_headers)
{
    rf_log_set_json(true);
    RF_CLEANUP(rf_freep) char *log = ask("trace", OK "X: a\r\n\r\n", "/v2/", false);
    json_t *line = json_loads(log, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(line != NULL, "%s", log);
    ck_assert_str_eq(json_string_value(json_object_get(line, "level")), "DEBUG-4");
    const json_t *sent = json_object_get(line, "req-headers");
    ck_assert_uint_eq(json_array_size(json_object_get(sent, "Accept")), 2);
    const json_t *got = json_object_get(line, "resp-headers");
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(got, "X"), 0)), "a");
    ck_assert_str_eq(json_string_value(json_object_get(line, "resp-status")), "200 OK");
    json_decref(line);
}
END_TEST

/* What a server says, and how it is shown: nothing of it may hold the secret. */
static const struct {
    const char *header, *want;
} answers[] = {
    { "Location: https://cdn.example/b/1?X-Sig=" SECRET "&exp=" SECRET,
      "Location:[https://cdn.example/b/1?X-Sig=*&exp=*]" },
    { "Location: /v2/a/blobs/uploads/u?_state=" SECRET, "[/v2/a/blobs/uploads/u?_state=*]" },
    { "Location: https://me:" SECRET "@cdn.example/b", "[https://[censored]@cdn.example/b]" },
    { "Location: //me@x:" SECRET "@cdn.example", "[//[censored]@cdn.example]" },
    { "Location: /b?" SECRET, "[/b?*]" },
    { "Location: /b?a=&" SECRET "&b=" SECRET "?" SECRET, "[/b?a=*&*&b=*]" },
    { "Location: /b#" SECRET, "[/b#*]" },
    { "Location: /b?a#t=" SECRET, "[/b?*]" },
    { "Link: </v2/t?last=" SECRET "&n=1>; rel=\"next\"", "Link:[</v2/t?last=*&n=*>; rel=" },
    { "WWW-Authenticate: Bearer realm=\"https://a/t?x=" SECRET "\",service=\"s\"",
      "Www-Authenticate:[Bearer realm=\\\"https://a/t?x=*\\\",service=\\\"s\\\"]" },
    { "Set-Cookie: id=" SECRET, "Set-Cookie:[[censored]]" },
    { "X-Registry-Auth-Token: " SECRET, "X-Registry-Auth-Token:[[censored]]" },
    { "Authentication-Info: " SECRET, "Authentication-Info:[[censored]]" },
    { "X-Amz-Credential: " SECRET, "X-Amz-Credential:[[censored]]" },
    { "X-Echo: you sent " SECRET ".", "X-Echo:[[censored]]" },
};

START_TEST(secrets_are_left_out)
{
    RF_CLEANUP(rf_freep) char *answer = rf_xasprintf(OK "%s\r\n\r\n", answers[_i].header);
    for (int json = 0; json < 2; json++) {
        rf_log_set_json(json == 1);
        RF_CLEANUP(rf_freep)
        char *log = ask("trace", answer, "/v2/a?sig=" SECRET "&" SECRET, false);
        ck_assert_msg(strstr(log, SECRET) == NULL, "%s", log);
        if (json == 0)
            assert_has(log, answers[_i].want);
    }
}
END_TEST

START_TEST(headers_cannot_steer_a_terminal)
{
    RF_CLEANUP(rf_freep)
    char *log = ask("trace",
                    OK "X: a\xc2\x9b"
                       "31m\xe2\x80\xae"
                       "b\xff\r\n\r\n",
                    "/v2/", false);
    assert_has(log, "X:[a\\u009b31m\\u202eb\\xff]");
    RF_CLEANUP(rf_freep)
    char *status = ask("trace", "HTTP/1.1 404 \x1b[31m\r\nContent-Length: 0\r\n\r\n", "/", false);
    ck_assert_msg(strchr(status, 0x1b) == NULL, "%s", status);
    assert_has(status, "resp-status=");
}
END_TEST

START_TEST(private_paths_are_left_out)
{
    RF_CLEANUP(rf_freep) char *log = ask("trace", OK "\r\n", "/hook/" SECRET "?a=b", true);
    ck_assert_msg(strstr(log, SECRET) == NULL, "%s", log);
    assert_has(log, "/... req-headers=");
    RF_CLEANUP(rf_freep) char *broken = ask("trace", "HTTP/1.1 200", "/hook/" SECRET, true);
    ck_assert_msg(strstr(broken, SECRET) == NULL, "%s", broken);
    assert_has(broken, " err=");
}
END_TEST

START_TEST(levels_decide)
{
    RF_CLEANUP(rf_freep) char *none = ask("debug", OK "\r\n", "/v2/", false);
    ck_assert_str_eq(none, "");
    /* Without an answer there is more need of it. */
    RF_CLEANUP(rf_freep) char *failed = ask("debug", "", "/v2/", false);
    assert_has(failed, " level=DEBUG msg=\"reg http request\" req-method=GET");
    assert_has(failed, " err=\"http://127.0.0.1:");
    ck_assert_ptr_null(strstr(failed, "resp-status"));
    RF_CLEANUP(rf_freep)
    char *cut = ask("debug", "HTTP/1.1 200 Fine\r\nContent-Length: 9\r\n\r\n{}", "/v2/", false);
    assert_has(cut, " resp-status=\"200 Fine\" resp-headers=map[Content-Length:[9]]");
    RF_CLEANUP(rf_freep) char *quiet = ask("info", "", "/v2/", false);
    ck_assert_str_eq(quiet, "");
}
END_TEST

Suite *rf_http_trace_suite(void)
{
    Suite *s = suite_create("http_trace");
    TCase *tc = tcase_create("http_trace");
    tcase_add_checked_fixture(tc, home_setup, home_teardown);
    tcase_add_test(tc, names_what_was_asked_and_answered);
    tcase_add_test(tc, json_has_an_object_of_headers);
    tcase_add_loop_test(tc, secrets_are_left_out, 0, RF_ARRAY_LEN(answers));
    tcase_add_test(tc, headers_cannot_steer_a_terminal);
    tcase_add_test(tc, private_paths_are_left_out);
    tcase_add_test(tc, levels_decide);
    suite_add_tcase(s, tc);
    return s;
}
