/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <microhttpd.h>

#include "base/mem.h"
#include "base/text.h"

#define CONNECTIONS_MAX 32u
#define SILENCE_S 10u
#define REQUEST_MAX 16384u
#define BODY_MAX (64u << 20)

struct rf_listener {
    struct MHD_Daemon *daemon;
    const struct rf_listener_page *pages;
    size_t n_pages;
    void *ctx;
    char *address;
};

/* ---- addresses ---- */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage room;
};

static int parse_host(const char *host, uint16_t port, union address *out)
{
    *out = (union address){ .room = { 0 } };
    if (inet_pton(AF_INET, host, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        return 0;
    }
    if (inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(port);
        return 0;
    }
    return -1;
}

static int parse_address(const char *text, union address *out, struct rf_err *err)
{
    uint64_t port = 0;
    const char *colon = strrchr(text, ':');
    const char *number = colon != NULL ? colon + 1 : text;
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;
    RF_CLEANUP(rf_freep) char *host = rf_xstrndup(text, len);
    if (len == 0 || strcmp(host, "localhost") == 0) {
        free(host);
        host = rf_xstrdup("127.0.0.1");
    } else if (host[0] == '[' && len > 2 && host[len - 1] == ']') {
        host[len - 1] = '\0';
        memmove(host, host + 1, len - 1);
    } else if (strchr(host, ':') != NULL) {
        host[0] = '\0'; /* IPv6 without brackets */
    }
    if (rf_parse_u64(rf_slice_str(number), UINT16_MAX, &port, NULL) < 0 ||
        parse_host(host, (uint16_t)port, out) < 0)
        return rf_fail(
            err, RFE_USAGE,
            "%s: wanted is an address to listen on: :9090 (loopback), 0.0.0.0:9090, [::]:9090",
            text);
    return 0;
}

static char *address_text(const union address *a)
{
    char host[INET6_ADDRSTRLEN] = "";
    if (a->any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof(host));
        return rf_xasprintf("[%s]:%u", host, (unsigned)ntohs(a->v6.sin6_port));
    }
    (void)inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof(host));
    return rf_xasprintf("%s:%u", host, (unsigned)ntohs(a->v4.sin_port));
}

/* Our own socket, so that the port of port 0 is known and the cause of a failure, too. */
static int open_socket(const char *text, union address *a, struct rf_err *err)
{
    socklen_t len = a->any.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
    const int one = 1;
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, &a->any, len) < 0 || listen(fd, CONNECTIONS_MAX) < 0 ||
        getsockname(fd, &a->any, &len) < 0) {
        int e = errno;
        rf_closep(&fd);
        return rf_fail_errno(err, e, "listen on %s", text);
    }
    return fd;
}

/* ---- answers ---- */

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type,
                              struct rf_buf *body)
{
    size_t len = 0;
    char *bytes = rf_buf_take(body, &len);
    struct MHD_Response *r = MHD_create_response_from_buffer(len, bytes, MHD_RESPMEM_MUST_FREE);
    if (r == NULL) {
        free(bytes);
        return MHD_NO;
    }
    (void)MHD_add_response_header(r, "Content-Type", type);
    (void)MHD_add_response_header(r, "Cache-Control", "no-store");
    (void)MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(r, "Allow", "GET, HEAD");
    enum MHD_Result done = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return done;
}

static enum MHD_Result refuse(struct MHD_Connection *c, unsigned status, const char *text)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    rf_buf_init(&body, 256);
    rf_buf_addf(&body, "%s\n", text);
    return answer(c, status, "text/plain; charset=utf-8", &body);
}

static const struct rf_listener_page *find_page(const struct rf_listener *l, const char *path)
{
    for (size_t i = 0; i < l->n_pages; i++)
        if (strcmp(l->pages[i].path, path) == 0)
            return &l->pages[i];
    return NULL;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **state)
{
    static int seen;
    const struct rf_listener *l = ctx;
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    rf_buf_init(&body, BODY_MAX);
    (void)version, (void)upload;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD");
    /* The first call comes before a body, which is read and passed over. */
    if (*state == NULL || *upload_len > 0) {
        *state = &seen;
        *upload_len = 0;
        return MHD_YES;
    }
    const struct rf_listener_page *page = find_page(l, path);
    if (page == NULL)
        return refuse(c, MHD_HTTP_NOT_FOUND, "no such page");
    if (!page->make(l->ctx, &body) || body.rc < 0)
        return refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE, "not available now");
    return answer(c, MHD_HTTP_OK, page->content_type, &body);
}

/* ---- open and close ---- */

/* Its thread gets no signals: those are for the main thread. */
static struct MHD_Daemon *start(struct rf_listener *l, int fd)
{
    sigset_t all, old;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    struct MHD_Daemon *d =
        MHD_start_daemon(MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request,
                         l, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                         CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_S,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_MAX, MHD_OPTION_END);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return d;
}

int rf_listener_open(const char *address, const struct rf_listener_page *pages, size_t n_pages,
                     void *ctx, struct rf_listener **out, struct rf_err *err)
{
    union address a;
    int rc = parse_address(address, &a, err);
    if (rc < 0)
        return rc;
    int fd = open_socket(address, &a, err);
    if (fd < 0)
        return fd;
    struct rf_listener *l = rf_xcalloc(1, sizeof(*l));
    *l = (struct rf_listener){ .pages = pages, .n_pages = n_pages, .ctx = ctx };
    l->address = address_text(&a);
    l->daemon = start(l, fd);
    if (l->daemon == NULL) {
        rf_closep(&fd);
        rf_listener_close(l);
        return rf_fail(err, RFE_FAILED, "listen on %s: the HTTP server does not start", address);
    }
    *out = l;
    return 0;
}

void rf_listener_close(struct rf_listener *l)
{
    if (l == NULL)
        return;
    if (l->daemon != NULL)
        MHD_stop_daemon(l->daemon);
    free(l->address);
    free(l);
}

void rf_listener_closep(struct rf_listener **l)
{
    rf_listener_close(*l);
    *l = NULL;
}

const char *rf_listener_address(const struct rf_listener *l)
{
    return l->address;
}
