/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmicrohttpd, loaded when a listener is opened: it brings a TLS library of its own, which costs two MiB and a third of the start, and most runs open
 * none. As regclient/curl_lazy.c, our functions have the names of its own and pass every call on.
 */
#include <microhttpd.h>

#ifdef RF_MHD_SONAME
#include <pthread.h>
#include <stdarg.h>
#include <string.h>

#include "base/error.h"
#include "base/lazy.h"
#include "base/mem.h"

#define FUNCTIONS(X)                   \
    X(MHD_add_response_header)         \
    X(MHD_create_response_from_buffer) \
    X(MHD_destroy_response)            \
    X(MHD_queue_response)              \
    X(MHD_start_daemon_va)             \
    X(MHD_stop_daemon)

#define MEMBER(name) __typeof__(&name) name;
static struct {
    FUNCTIONS(MEMBER)
} real;
static bool loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
#define NAME(name) #name,
    static const char *const names[] = { FUNCTIONS(NAME) };
    loaded = rf_lazy_load(RF_MHD_SONAME, names, RF_ARRAY_LEN(names), &real);
}

/* NULL when it is not there. All others need what this gave. */
struct MHD_Daemon *MHD_start_daemon(unsigned int flags, uint16_t port, MHD_AcceptPolicyCallback apc,
                                    void *apc_ctx, MHD_AccessHandlerCallback dh, void *dh_ctx, ...)
{
    va_list ap;
    (void)pthread_once(&once, load);
    if (!loaded)
        return NULL;
    va_start(ap, dh_ctx);
    struct MHD_Daemon *d = real.MHD_start_daemon_va(flags, port, apc, apc_ctx, dh, dh_ctx, ap);
    va_end(ap);
    return d;
}

void MHD_stop_daemon(struct MHD_Daemon *d)
{
    real.MHD_stop_daemon(d);
}

struct MHD_Response *MHD_create_response_from_buffer(size_t size, void *buffer,
                                                     enum MHD_ResponseMemoryMode mode)
{
    return real.MHD_create_response_from_buffer(size, buffer, mode);
}

enum MHD_Result MHD_add_response_header(struct MHD_Response *r, const char *header,
                                        const char *content)
{
    return real.MHD_add_response_header(r, header, content);
}

enum MHD_Result MHD_queue_response(struct MHD_Connection *c, unsigned int status,
                                   struct MHD_Response *r)
{
    return real.MHD_queue_response(c, status, r);
}

void MHD_destroy_response(struct MHD_Response *r)
{
    real.MHD_destroy_response(r);
}
#endif
