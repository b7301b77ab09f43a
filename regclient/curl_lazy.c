/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl, loaded when it is first called: with the libraries that it needs it takes longer to load than everything else that a program does at
 * start, and `regctl version`, --help or a layout on disk need none of it. The functions that we use are defined here under their own
 * names and pass every call on. A function that is used and not listed here does not link.
 */
#include <curl/curl.h>

#ifdef RF_CURL_SONAME
#include <pthread.h>
#include <stdarg.h>

#include "base/error.h"
#include "base/lazy.h"
#include "base/mem.h"

/* libcurl takes one argument of a variable type: a long, a curl_off_t or a pointer, each one register of 64 bits. */
_Static_assert(sizeof(long) == sizeof(void *) && sizeof(curl_off_t) == sizeof(void *),
               "build with -DRF_LAZY_LIBRARIES=OFF");

#define FUNCTIONS(X)            \
    X(curl_easy_cleanup)        \
    X(curl_easy_getinfo)        \
    X(curl_easy_init)           \
    X(curl_easy_pause)          \
    X(curl_easy_reset)          \
    X(curl_easy_setopt)         \
    X(curl_easy_strerror)       \
    X(curl_getdate)             \
    X(curl_global_init)         \
    X(curl_multi_add_handle)    \
    X(curl_multi_cleanup)       \
    X(curl_multi_info_read)     \
    X(curl_multi_init)          \
    X(curl_multi_perform)       \
    X(curl_multi_poll)          \
    X(curl_multi_remove_handle) \
    X(curl_multi_setopt)        \
    X(curl_multi_wakeup)        \
    X(curl_share_cleanup)       \
    X(curl_share_init)          \
    X(curl_share_setopt)        \
    X(curl_slist_append)        \
    X(curl_slist_free_all)      \
    X(curl_version_info)

/* Macros of these names would check types, or cut arguments to one. */
#undef curl_easy_getinfo
#undef curl_easy_setopt
#undef curl_multi_setopt
#undef curl_share_setopt

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
    loaded = rf_lazy_load(RF_CURL_SONAME, names, RF_ARRAY_LEN(names), &real);
}

static bool is_loaded(void)
{
    (void)pthread_once(&once, load);
    return loaded;
}

/* ---- may be called first, and may fail ---- */

CURLcode curl_global_init(long flags)
{
    return is_loaded() ? real.curl_global_init(flags) : CURLE_FAILED_INIT;
}

const char *curl_easy_strerror(CURLcode code)
{
    return is_loaded() ? real.curl_easy_strerror(code)
                       : RF_CURL_SONAME " is not installed, or is another version";
}

CURL *curl_easy_init(void)
{
    return is_loaded() ? real.curl_easy_init() : NULL;
}

CURLM *curl_multi_init(void)
{
    return is_loaded() ? real.curl_multi_init() : NULL;
}

CURLSH *curl_share_init(void)
{
    return is_loaded() ? real.curl_share_init() : NULL;
}

struct curl_slist *curl_slist_append(struct curl_slist *list, const char *text)
{
    return is_loaded() ? real.curl_slist_append(list, text) : NULL;
}

time_t curl_getdate(const char *text, const time_t *unused)
{
    return is_loaded() ? real.curl_getdate(text, unused) : -1;
}

/* ---- need a handle, or what succeeded before ---- */

curl_version_info_data *curl_version_info(CURLversion version)
{
    RF_CHECK(is_loaded());
    return real.curl_version_info(version);
}

void curl_slist_free_all(struct curl_slist *list)
{
    if (list != NULL)
        real.curl_slist_free_all(list);
}

void curl_easy_cleanup(CURL *easy)
{
    if (easy != NULL)
        real.curl_easy_cleanup(easy);
}

void curl_easy_reset(CURL *easy)
{
    real.curl_easy_reset(easy);
}

CURLcode curl_easy_pause(CURL *easy, int what)
{
    return real.curl_easy_pause(easy, what);
}

CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
    va_list ap;
    va_start(ap, option);
    void *value = va_arg(ap, void *);
    va_end(ap);
    return real.curl_easy_setopt(easy, option, value);
}

CURLcode curl_easy_getinfo(CURL *easy, CURLINFO info, ...)
{
    va_list ap;
    va_start(ap, info);
    void *where = va_arg(ap, void *);
    va_end(ap);
    return real.curl_easy_getinfo(easy, info, where);
}

CURLMcode curl_multi_cleanup(CURLM *multi)
{
    return multi != NULL ? real.curl_multi_cleanup(multi) : CURLM_OK;
}

CURLMcode curl_multi_add_handle(CURLM *multi, CURL *easy)
{
    return real.curl_multi_add_handle(multi, easy);
}

CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *easy)
{
    return real.curl_multi_remove_handle(multi, easy);
}

CURLMcode curl_multi_perform(CURLM *multi, int *running)
{
    return real.curl_multi_perform(multi, running);
}

CURLMcode curl_multi_poll(CURLM *multi, struct curl_waitfd fds[], unsigned n, int timeout_ms,
                          int *ready)
{
    return real.curl_multi_poll(multi, fds, n, timeout_ms, ready);
}

CURLMcode curl_multi_wakeup(CURLM *multi)
{
    return real.curl_multi_wakeup(multi);
}

CURLMsg *curl_multi_info_read(CURLM *multi, int *left)
{
    return real.curl_multi_info_read(multi, left);
}

CURLMcode curl_multi_setopt(CURLM *multi, CURLMoption option, ...)
{
    va_list ap;
    va_start(ap, option);
    void *value = va_arg(ap, void *);
    va_end(ap);
    return real.curl_multi_setopt(multi, option, value);
}

CURLSHcode curl_share_cleanup(CURLSH *share)
{
    return share != NULL ? real.curl_share_cleanup(share) : CURLSHE_OK;
}

CURLSHcode curl_share_setopt(CURLSH *share, CURLSHoption option, ...)
{
    va_list ap;
    va_start(ap, option);
    void *value = va_arg(ap, void *);
    va_end(ap);
    return real.curl_share_setopt(share, option, value);
}
#endif
