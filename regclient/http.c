/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/http.h"

#include <dirent.h>
#include <netinet/in.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/mem.h"
#include "regclient/http_private.h"

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_started;

static void start_curl(void)
{
    curl_started = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool is_hashed_name(const char *name)
{
    return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' && name[9] >= '0' &&
           name[9] <= '9';
}

/* Does the folder hold certificates by hashed names? */
static bool is_trust_dir(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return false;
    bool found = false;
    const struct dirent *entry;
    while (!found && (entry = readdir(dir)) != NULL)
        found = is_hashed_name(entry->d_name);
    closedir(dir);
    return found;
}

/*
 * A folder is better than a file: a file of 140 certificates costs some 10 ms and 3 MB for each new connection, of a folder only the
 * one certificate is read that is needed.
 */
static void find_trust(struct rf_http_trust *t)
{
    const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
    const char *dir = getenv("SSL_CERT_DIR");
    const char *file = getenv("SSL_CERT_FILE");
    if ((dir != NULL && dir[0] != '\0') || (file != NULL && file[0] != '\0')) {
        t->dir = dir != NULL && dir[0] != '\0' ? rf_xstrdup(dir) : NULL;
        t->file = file != NULL && file[0] != '\0' ? rf_xstrdup(file) : NULL;
        return;
    }
    if (v->capath != NULL && is_trust_dir(v->capath))
        t->dir = rf_xstrdup(v->capath);
    else
        t->file = rf_xstrdup(v->cainfo);
}

static void wake_all(void *arg)
{
    rf_http_kick(arg);
}

int rf_http_new(const char *user_agent, struct rf_http **out, struct rf_err *err)
{
    pthread_once(&curl_once, start_curl);
    if (curl_started != CURLE_OK)
        return rf_fail(err, RFE_FAILED, "the HTTP library does not start: %s",
                       curl_easy_strerror(curl_started));
    struct rf_http *h = rf_xcalloc(1, sizeof(*h));
    h->user_agent = rf_xstrdup(user_agent != NULL ? user_agent : "regferry/" RF_VERSION);
    h->proxy = rf_http_proxy_new();
    find_trust(&h->trust);
    pthread_mutex_init(&h->lock, NULL);
    rf_cancel_add_wakeup(wake_all, h);
    *out = h;
    return 0;
}

void rf_http_free(struct rf_http *h)
{
    if (h == NULL)
        return;
    rf_cancel_remove_wakeup(wake_all, h);
    while (h->lanes != NULL) {
        struct rf_http_lane *lane = h->lanes;
        h->lanes = lane->next;
        rf_http_lane_free(lane);
    }
    rf_http_proxy_free(h->proxy);
    pthread_mutex_destroy(&h->lock);
    free(h->trust.dir);
    free(h->trust.file);
    free(h->user_agent);
    free(h);
}

const char *rf_http_method_name(enum rf_http_method m)
{
    static const char *const names[] = { "GET", "HEAD", "PUT", "POST", "PATCH", "DELETE" };
    return names[m];
}

char *rf_http_shown_url(const struct rf_http_request *req)
{
    if (!req->private_path)
        return rf_url_safe(req->url);
    struct rf_url origin = *req->url;
    char path[] = "/...";
    origin.path = path;
    origin.query = NULL;
    return rf_url_safe(&origin);
}

void rf_http_response_init(struct rf_http_response *r)
{
    *r = (struct rf_http_response){ 0 };
    rf_buf_init(&r->body, 0);
}

void rf_http_response_release(struct rf_http_response *r)
{
    rf_headers_release(&r->headers);
    rf_buf_release(&r->body);
    r->status = 0;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_key(const struct rf_http_lane_key *a, const struct rf_http_lane_key *b)
{
    return a->insecure == b->insecure && a->foreign == b->foreign &&
           a->allow_addr == b->allow_addr && same_text(a->ca_pem, b->ca_pem) &&
           same_text(a->cert_pem, b->cert_pem) && same_text(a->key_pem, b->key_pem);
}

static struct rf_http_lane_key key_of(const struct rf_http_request *req)
{
    struct rf_http_lane_key key = { .foreign = req->foreign,
                                    .allow_addr = req->foreign ? req->allow_addr : 0 };
    const struct rf_host *host = req->tls_of;
    if (!req->url->https || host == NULL)
        return key;
    key.insecure = host->tls == RF_TLS_INSECURE;
    key.ca_pem = key.insecure ? NULL : host->ca_pem;
    if (!req->foreign && host->client_cert_pem != NULL && host->client_key_pem != NULL) {
        key.cert_pem = host->client_cert_pem;
        key.key_pem = host->client_key_pem;
    }
    return key;
}

static int find_lane(struct rf_http *h, const struct rf_http_request *req,
                     struct rf_http_lane **out, struct rf_err *err)
{
    struct rf_http_lane_key key = key_of(req);
    int rc = 0;
    pthread_mutex_lock(&h->lock);
    struct rf_http_lane *lane = h->lanes;
    while (lane != NULL && !same_key(&lane->key, &key))
        lane = lane->next;
    if (lane == NULL) {
        rc = rf_http_lane_new(h, &key, &lane, err);
        if (rc == 0) {
            lane->next = h->lanes;
            h->lanes = lane;
        }
    }
    pthread_mutex_unlock(&h->lock);
    if (rc == 0)
        *out = lane;
    return rc;
}

int rf_http_do(struct rf_http *h, const struct rf_http_request *req, struct rf_http_response *resp,
               struct rf_err *err)
{
    struct rf_http_lane *lane = NULL;
    rf_headers_clear(&resp->headers);
    rf_buf_release(&resp->body);
    rf_buf_init(&resp->body, req->body_max != 0 ? req->body_max : 64u << 10);
    resp->status = 0;
    resp->closed_early = false;
    resp->peer = 0;
    resp->sunk = resp->received = resp->sent = 0;
    int rc = req->cleanup ? 0 : rf_cancel_check(err);
    if (rc == 0)
        rc = find_lane(h, req, &lane, err);
    if (rc < 0)
        return rc;
    struct rf_http_exchange *x = rf_xcalloc(1, sizeof(*x));
    x->req = req;
    x->resp = resp;
    x->lane = lane;
    rc = rf_http_lane_run(lane, x);
    rf_http_trace(x);
    if (rc < 0 && err != NULL)
        *err = x->err;
    free(x);
    return rc;
}

void rf_http_kick(struct rf_http *h)
{
    pthread_mutex_lock(&h->lock);
    for (struct rf_http_lane *lane = h->lanes; lane != NULL; lane = lane->next)
        rf_http_lane_wake(lane);
    pthread_mutex_unlock(&h->lock);
}

static unsigned classify4(uint32_t a)
{
    if (a >> 24 == 127)
        return RF_ADDR_LOOPBACK;
    if (a >> 24 == 0)
        return RF_ADDR_UNSPECIFIED;
    if (a >> 16 == 0xa9fe)
        return RF_ADDR_LINK_LOCAL;
    if (a >> 28 >= 14) /* 224/4, and 240/4 with the broadcast address */
        return RF_ADDR_MULTICAST;
    return 0;
}

unsigned rf_addr_classify(const struct sockaddr *addr)
{
    if (addr->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, addr, sizeof(in));
        return classify4(ntohl(in.sin_addr.s_addr));
    }
    if (addr->sa_family != AF_INET6)
        return 0;
    struct sockaddr_in6 in6;
    memcpy(&in6, addr, sizeof(in6));
    const struct in6_addr *a = &in6.sin6_addr;
    if (IN6_IS_ADDR_UNSPECIFIED(a))
        return RF_ADDR_UNSPECIFIED;
    if (IN6_IS_ADDR_LOOPBACK(a))
        return RF_ADDR_LOOPBACK;
    if (IN6_IS_ADDR_LINKLOCAL(a))
        return RF_ADDR_LINK_LOCAL;
    if (IN6_IS_ADDR_MULTICAST(a))
        return RF_ADDR_MULTICAST;
    static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
    bool inner =
        IN6_IS_ADDR_V4MAPPED(a) || IN6_IS_ADDR_V4COMPAT(a) || memcmp(a->s6_addr, nat64, 12) == 0;
    if (!inner)
        return 0;
    uint32_t v4;
    memcpy(&v4, a->s6_addr + 12, 4);
    return classify4(ntohl(v4));
}
