/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_proxy, https_proxy and no_proxy, in lower or upper case, read once. Decided here and not by the HTTP library, because the check of
 * addresses must know whether an address is the server's or a proxy's.
 */
#include <arpa/inet.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "regclient/http_private.h"

struct rf_http_proxy {
    char *http, *https, *except;
};

static char *read_env(const char *lower, const char *upper)
{
    const char *v = getenv(lower);
    if (v == NULL || v[0] == '\0')
        v = getenv(upper);
    return v != NULL && v[0] != '\0' ? rf_xstrdup(v) : NULL;
}

struct rf_http_proxy *rf_http_proxy_new(void)
{
    struct rf_http_proxy *p = rf_xcalloc(1, sizeof(*p));
    /* A CGI program finds the caller's "Proxy:" header in HTTP_PROXY. */
    p->http =
        read_env("http_proxy", getenv("REQUEST_METHOD") == NULL ? "HTTP_PROXY" : "http_proxy");
    p->https = read_env("https_proxy", "HTTPS_PROXY");
    p->except = read_env("no_proxy", "NO_PROXY");
    return p;
}

void rf_http_proxy_free(struct rf_http_proxy *p)
{
    if (p == NULL)
        return;
    free(p->http);
    free(p->https);
    free(p->except);
    free(p);
}

static bool parse_ip(const char *text, int family, uint8_t out[16], unsigned *bits)
{
    *bits = family == AF_INET ? 32 : 128;
    return inet_pton(family, text, out) == 1;
}

/* "10.0.0.0/8" against the text of an address. */
static bool in_network(const char *item, const char *host)
{
    char net[INET6_ADDRSTRLEN];
    const char *slash = strchr(item, '/');
    int family = strchr(host, ':') != NULL ? AF_INET6 : AF_INET;
    uint8_t a[16];
    uint8_t b[16];
    unsigned bits;
    uint64_t prefix;
    if (slash == NULL || (size_t)(slash - item) >= sizeof(net))
        return false;
    memcpy(net, item, (size_t)(slash - item));
    net[slash - item] = '\0';
    if (!parse_ip(host, family, a, &bits) || !parse_ip(net, family, b, &bits) ||
        rf_parse_u64(rf_slice_str(slash + 1), bits, &prefix, NULL) < 0)
        return false;
    for (unsigned i = 0; i < prefix; i++)
        if (((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1) != 0)
            return false;
    return true;
}

/* One item of no_proxy: "*", host, .suffix, host:port, address, network. A name also stands for what is below it. */
static bool item_matches(char *item, const struct rf_url *url)
{
    if (strcmp(item, "*") == 0)
        return true;
    if (in_network(item, url->host))
        return true;
    char *colon = strrchr(item, ':');
    if (colon != NULL && strchr(item, ':') == colon) {
        uint64_t port = 0;
        if (rf_parse_u64(rf_slice_str(colon + 1), 65535, &port, NULL) < 0 || port != url->port)
            return false;
        *colon = '\0';
    }
    const char *name = item[0] == '*' && item[1] == '.' ? item + 1 : item;
    bool below_only = name[0] == '.';
    if (below_only)
        name++;
    size_t n = strlen(name);
    size_t host_n = strlen(url->host);
    if (n == 0 || n > host_n || strcasecmp(url->host + host_n - n, name) != 0)
        return false;
    return n == host_n ? !below_only : url->host[host_n - n - 1] == '.';
}

static bool excepted(const char *list, const struct rf_url *url)
{
    RF_CLEANUP(rf_freep) char *copy = rf_xstrdup(list != NULL ? list : "");
    char *save = NULL;
    for (char *item = strtok_r(copy, ", \t", &save); item != NULL;
         item = strtok_r(NULL, ", \t", &save))
        if (item_matches(item, url))
            return true;
    return false;
}

const char *rf_http_proxy_for(const struct rf_http_proxy *p, const struct rf_url *url)
{
    const char *proxy = url->https ? p->https : p->http;
    if (proxy == NULL || strcmp(url->host, "localhost") == 0 ||
        strncmp(url->host, "127.", 4) == 0 || strcmp(url->host, "::1") == 0)
        return NULL;
    return excepted(p->except, url) ? NULL : proxy;
}
