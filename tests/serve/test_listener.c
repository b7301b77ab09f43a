/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/listener.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"

static bool hello(void *ctx, struct rf_buf *out)
{
    rf_buf_addf(out, "hello %s\n", (const char *)ctx);
    return true;
}

static bool closed(void *ctx, struct rf_buf *out)
{
    (void)ctx, (void)out;
    return false;
}

static const struct rf_listener_page pages[] = {
    { "/hello", "text/plain; charset=utf-8", hello },
    { "/closed", "text/plain", closed },
};

static struct rf_listener *open_here(void)
{
    static char who[] = "you";
    struct rf_listener *l = NULL;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_listener_open(":0", pages, RF_ARRAY_LEN(pages), who, &l, &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
    ck_assert_int_eq(strncmp(rf_listener_address(l), "127.0.0.1:", 10), 0);
    return l;
}

static int dial(const struct rf_listener *l)
{
    const struct timeval limit = { .tv_sec = 20 };
    struct sockaddr_in a = { .sin_family = AF_INET };
    a.sin_port = htons((uint16_t)strtoul(strrchr(rf_listener_address(l), ':') + 1, NULL, 10));
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

/* What is answered until the other end closes. The caller frees. */
static char *exchange(const struct rf_listener *l, const char *request)
{
    struct rf_buf answer;
    char chunk[4096];
    rf_buf_init(&answer, 1 << 20);
    int fd = dial(l);
    ck_assert_int_eq(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    ssize_t n;
    while ((n = recv(fd, chunk, sizeof(chunk), 0)) > 0)
        rf_buf_add(&answer, chunk, (size_t)n);
    (void)close(fd);
    return rf_buf_take(&answer, NULL);
}

static const struct {
    const char *request;
    int status;
    const char *has, *has_not;
} rows[] = {
    { "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, "\r\n\r\nhello you\n",
      NULL },
    { "GET /hello?x=1 HTTP/1.0\r\n\r\n", 200, "hello you\n", NULL },
    { "HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, "Content-Length: 10\r\n",
      "hello you" },
    { "GET /other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404, "no such page", NULL },
    { "GET /hello/../hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404, NULL,
      "hello you" },
    { "GET /closed HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 503, NULL, NULL },
    { "POST /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc", 405,
      "Allow: GET, HEAD\r\n", "hello you" },
    { "DELETE /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405, NULL, "hello you" },
    { "nonsense\r\n\r\n", 0, NULL, "hello" },
};

START_TEST(requests)
{
    RF_CLEANUP(rf_listener_closep) struct rf_listener *l = open_here();
    RF_CLEANUP(rf_freep) char *answer = exchange(l, rows[_i].request);
    if (rows[_i].status != 0) {
        ck_assert_msg(strncmp(answer, "HTTP/1.", 7) == 0, "%s", answer);
        ck_assert_msg(strtol(answer + 9, NULL, 10) == rows[_i].status, "%s", answer);
    }
    if (rows[_i].has != NULL)
        ck_assert_msg(strstr(answer, rows[_i].has) != NULL, "%s", answer);
    if (rows[_i].has_not != NULL)
        ck_assert_msg(strstr(answer, rows[_i].has_not) == NULL, "%s", answer);
}
END_TEST

START_TEST(an_endless_request_is_cut_off)
{
    RF_CLEANUP(rf_listener_closep) struct rf_listener *l = open_here();
    int fd = dial(l);
    char line[1024];
    memset(line, 'a', sizeof(line));
    (void)send(fd, "GET /hello HTTP/1.1\r\nX: ", 24, MSG_NOSIGNAL);
    size_t sent = 0;
    while (sent < (1u << 20) && send(fd, line, sizeof(line), MSG_NOSIGNAL) == sizeof(line))
        sent += sizeof(line);
    char answer[64] = "";
    ssize_t n = recv(fd, answer, sizeof(answer) - 1, 0);
    if (n > 0) /* it may also just hang up */
        ck_assert_msg(answer[9] == '4', "%s", answer);
    (void)close(fd);
}
END_TEST

START_TEST(idle_connections_do_not_shut_others_out_for_ever)
{
    RF_CLEANUP(rf_listener_closep) struct rf_listener *l = open_here();
    int idle[40];
    for (size_t i = 0; i < RF_ARRAY_LEN(idle); i++)
        idle[i] = dial(l);
    /* They are hung up on after ten seconds of silence. */
    RF_CLEANUP(rf_freep)
    char *answer = exchange(l, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    bool soon = strstr(answer, "hello you") != NULL;
    for (size_t i = 0; i < RF_ARRAY_LEN(idle); i++)
        (void)close(idle[i]);
    ck_assert_msg(soon, "%s", answer);
}
END_TEST

static const char *const wrong[] = { "",        "x",           "localhost", "127.0.0.1",
                                     ":70000",  "host.name:1", "::1:80",    "[::1:80",
                                     "1.2.3:1", ":1x",         "[]:1",      "127.0.0.1:-1" };

START_TEST(addresses)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_listener *l = NULL;
    for (size_t i = 0; i < RF_ARRAY_LEN(wrong); i++)
        ck_assert_msg(rf_listener_open(wrong[i], pages, 1, NULL, &l, &err) == -RFE_USAGE, "%s",
                      wrong[i]);
    ck_assert_int_eq(rf_listener_open("0", pages, 1, NULL, &l, &err), 0);
    /* The same once more is taken. */
    struct rf_listener *second = NULL;
    ck_assert_int_lt(rf_listener_open(rf_listener_address(l), pages, 1, NULL, &second, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.msg, "listen on 127.0.0.1:"));
    rf_listener_close(l);
    ck_assert_int_eq(rf_listener_open("localhost:0", pages, 1, NULL, &l, &err), 0);
    rf_listener_close(l);
    ck_assert_int_eq(rf_listener_open("0.0.0.0:0", pages, 1, NULL, &l, &err), 0);
    ck_assert_int_eq(strncmp(rf_listener_address(l), "0.0.0.0:", 8), 0);
    rf_listener_close(l);
    rf_listener_close(NULL);
}
END_TEST

Suite *rf_listener_suite(void);
Suite *rf_listener_suite(void)
{
    Suite *s = suite_create("listener");
    TCase *t = tcase_create("listener");
    tcase_add_loop_test(t, requests, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_test(t, an_endless_request_is_cut_off);
    tcase_add_test(t, idle_connections_do_not_shut_others_out_for_ever);
    tcase_add_test(t, addresses);
    suite_add_tcase(s, t);
    return s;
}
