/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/regclient/helper_raw.h"

#include <arpa/inet.h>
#include <check.h>
#include <sys/socket.h>
#include <unistd.h>

static void serve(struct raw_server *s, int fd)
{
    char request[4096];
    /* Some of the request, so that the answer does not come before it; what is left makes the end a reset. */
    if (read(fd, request, sizeof(request)) > 0)
        while (send(fd, s->answer.ptr, s->answer.len, MSG_NOSIGNAL) > 0 && s->endless && !s->stop)
            ;
    shutdown(fd, SHUT_WR);
    while (read(fd, request, sizeof(request)) > 0)
        ;
    close(fd);
}

static void *run(void *arg)
{
    struct raw_server *s = arg;
    int fd;
    while ((fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        serve(s, fd);
    return NULL;
}

void raw_server_start(struct raw_server *s, const char *answer, bool endless)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof(addr);
    *s = (struct raw_server){ .answer = rf_slice_str(answer), .endless = endless };
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(s->fd, 0);
    ck_assert_int_eq(bind(s->fd, (const struct sockaddr *)&addr, n), 0);
    ck_assert_int_eq(listen(s->fd, 16), 0);
    ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&addr, &n), 0);
    s->port = ntohs(addr.sin_port);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, run, s), 0);
}

void raw_server_stop(struct raw_server *s)
{
    s->stop = true;
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
}
