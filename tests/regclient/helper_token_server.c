/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/regclient/helper_token_server.h"

#include <arpa/inet.h>
#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

static struct {
    int listeners[2], wake[2];
    unsigned ports[2];
    pthread_t thread;
    server_answer answer;
    void *ctx;
    pthread_mutex_t lock; /* guards the log */
    struct server_request **seen;
    size_t n, cap;
} server;

static int listen_on_loopback(unsigned *port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    ck_assert_int_eq(listen(fd, 64), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    *port = ntohs(in.sin_port);
    return fd;
}

static char *header_value(const char *head, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, n) == 0 && line[2 + n] == ':') {
            const char *v = line + 3 + n + strspn(line + 3 + n, " ");
            return rf_xstrndup(v, strcspn(v, "\r"));
        }
    return NULL;
}

/* Reads one request; NULL when the other side leaves before its end. */
static struct server_request *read_request(int fd, int port)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    char chunk[4096];
    const char *end = NULL;
    size_t want = 0;
    rf_buf_init(&b, 1u << 20);
    while (end == NULL || b.len < want) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n <= 0)
            return NULL;
        rf_buf_add(&b, chunk, (size_t)n);
        end = strstr(b.ptr, "\r\n\r\n");
        if (end == NULL)
            continue;
        RF_CLEANUP(rf_freep) char *head = rf_xstrndup(b.ptr, (size_t)(end - b.ptr) + 2);
        RF_CLEANUP(rf_freep) char *length = header_value(head, "Content-Length");
        want = (size_t)(end - b.ptr) + 4 + (length != NULL ? strtoul(length, NULL, 10) : 0);
    }
    struct server_request *r = rf_xcalloc(1, sizeof(*r));
    size_t head = (size_t)(end - b.ptr) + 2, method = strcspn(b.ptr, " ");
    r->port = port;
    r->head = rf_xstrndup(b.ptr, head);
    r->body = rf_xstrndup(b.ptr + head + 2, b.len - head - 2);
    r->method = rf_xstrndup(b.ptr, method);
    r->target = rf_xstrndup(b.ptr + method + 1, strcspn(b.ptr + method + 1, " "));
    r->authorization = header_value(r->head, "Authorization");
    return r;
}

static void serve(int listener, int port)
{
    RF_CLEANUP(rf_closep) int fd = accept(listener, NULL, NULL);
    struct server_request *r = fd >= 0 ? read_request(fd, port) : NULL;
    if (r == NULL)
        return;
    (void)pthread_mutex_lock(&server.lock);
    server.seen = rf_grow(server.seen, server.n, &server.cap, sizeof(struct server_request *));
    server.seen[server.n++] = r;
    (void)pthread_mutex_unlock(&server.lock);
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 0);
    server.answer(server.ctx, r, &out);
    for (size_t done = 0; done < out.len;) {
        ssize_t n = send(fd, out.ptr + done, out.len - done, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
}

static void *run(void *arg)
{
    (void)arg;
    for (;;) {
        struct pollfd p[3] = { { .fd = server.listeners[0], .events = POLLIN },
                               { .fd = server.listeners[1], .events = POLLIN },
                               { .fd = server.wake[0], .events = POLLIN } };
        if (poll(p, 3, -1) < 0)
            continue;
        if (p[2].revents != 0)
            return NULL;
        for (int i = 0; i < 2; i++)
            if ((p[i].revents & POLLIN) != 0)
                serve(server.listeners[i], i);
    }
}

void server_start(server_answer answer, void *ctx)
{
    server.answer = answer;
    server.ctx = ctx;
    for (int i = 0; i < 2; i++)
        server.listeners[i] = listen_on_loopback(&server.ports[i]);
    ck_assert_int_eq(pipe(server.wake), 0);
    (void)pthread_mutex_init(&server.lock, NULL);
    ck_assert_int_eq(pthread_create(&server.thread, NULL, run, NULL), 0);
}

void server_stop(void)
{
    ck_assert_int_eq(write(server.wake[1], "x", 1), 1);
    (void)pthread_join(server.thread, NULL);
    for (int i = 0; i < 2; i++) {
        (void)close(server.listeners[i]);
        (void)close(server.wake[i]);
    }
    for (size_t i = 0; i < server.n; i++) {
        free(server.seen[i]->method);
        free(server.seen[i]->target);
        free(server.seen[i]->head);
        free(server.seen[i]->body);
        free(server.seen[i]->authorization);
        free(server.seen[i]);
    }
    free(server.seen);
    server.seen = NULL;
    server.n = server.cap = 0;
}

unsigned server_port(int which)
{
    return server.ports[which];
}

const struct server_request *server_seen(int which, size_t i)
{
    const struct server_request *found = NULL;
    (void)pthread_mutex_lock(&server.lock);
    for (size_t k = 0; k < server.n && found == NULL; k++)
        if (server.seen[k]->port == which && i-- == 0)
            found = server.seen[k];
    (void)pthread_mutex_unlock(&server.lock);
    return found;
}

size_t server_count(int which)
{
    size_t n = 0;
    while (server_seen(which, n) != NULL)
        n++;
    return n;
}

void server_reply(struct rf_buf *out, int status, const char *headers, const char *body)
{
    rf_buf_addf(out, "HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n", status,
                strlen(body), headers);
    rf_buf_add_str(out, body);
}
