/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/realm.h"

#include <ctype.h>
#include <netdb.h>
#include <strings.h>

#include "base/mem.h"
#include "regclient/host_flag.h"
#include "regclient/http.h"

/* A host name without the dot that may end it. */
static struct rf_slice bare(const char *host)
{
    size_t n = strlen(host);
    return rf_slice_of(host, n > 0 && host[n - 1] == '.' ? n - 1 : n);
}

static bool same(struct rf_slice a, struct rf_slice b)
{
    return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

/* Addresses have no parent domain. Numbers in last place ("2130706433", "127.1") are addresses to the resolver as well. */
static bool is_address(struct rf_slice host)
{
    if (host.len == 0 || memchr(host.ptr, ':', host.len) != NULL)
        return true;
    const char *dot = memrchr(host.ptr, '.', host.len);
    size_t last = dot != NULL ? (size_t)(dot - host.ptr) + 1 : 0;
    return last >= host.len || isdigit((unsigned char)host.ptr[last]) != 0;
}

static struct rf_slice parent_of(struct rf_slice host)
{
    const char *dot = memchr(host.ptr, '.', host.len);
    size_t n = dot != NULL ? (size_t)(dot - host.ptr) + 1 : host.len;
    return rf_slice_of(host.ptr + n, host.len - n);
}

static bool ends_with(struct rf_slice s, const char *tail)
{
    size_t n = strlen(tail);
    return s.len >= n && strncasecmp(s.ptr + s.len - n, tail, n) == 0 &&
           (s.len == n || s.ptr[s.len - n - 1] == '.');
}

/*
 * Domains under which strangers are neighbours: top-level domains, the second level of country domains, and where clouds give names to their
 * customers. A miss here makes a sibling trusted that is not; so only hosts with the same parent ever depend on it.
 */
static bool is_shared(struct rf_slice domain)
{
    static const char *const clouds[] = {
        "azurecr.io",
        "azurewebsites.net",
        "cloudapp.net",
        "cloudapp.azure.com",
        "windows.net",
        "azurecontainer.io",
        "amazonaws.com",
        "awsapprunner.com",
        "cloudfront.net",
        "github.io",
        "githubpreview.dev",
        "gitlab.io",
        "herokuapp.com",
        "appspot.com",
        "run.app",
        "web.app",
        "googleapis.com",
        "pkg.dev",
        "pages.dev",
        "workers.dev",
        "vercel.app",
        "netlify.app",
        "fly.dev",
        "onrender.com",
        "ngrok.io",
        "ngrok.app",
        "ngrok-free.app",
        "trycloudflare.com",
        "nip.io",
        "sslip.io",
        "digitaloceanspaces.com",
        "ondigitalocean.app",
        "cr.aws",
        "jfrog.io",
        "appdomain.cloud",
        "duckdns.org",
        "dyndns.org",
        "no-ip.org",
        "ddns.net",
    };
    static const char *const second[] = { "co", "com", "org", "net", "gov", "edu", "ac",
                                          "go", "ne",  "or",  "gob", "mil", "ltd", "plc" };
    const char *dot = memchr(domain.ptr, '.', domain.len);
    if (dot == NULL)
        return true;
    for (size_t i = 0; i < RF_ARRAY_LEN(clouds); i++)
        if (ends_with(domain, clouds[i]))
            return true;
    size_t first = (size_t)(dot - domain.ptr);
    if (domain.len - first - 1 != 2)
        return false;
    for (size_t i = 0; i < RF_ARRAY_LEN(second); i++)
        if (same(rf_slice_of(domain.ptr, first), rf_slice_str(second[i])))
            return true;
    return false;
}

static bool is_under(struct rf_slice host, struct rf_slice domain)
{
    return host.len > domain.len + 1 && host.ptr[host.len - domain.len - 1] == '.' &&
           same(rf_slice_of(host.ptr + host.len - domain.len, domain.len), domain);
}

static bool same_party(struct rf_slice registry, struct rf_slice realm)
{
    if (same(registry, realm))
        return true;
    if (is_address(registry) || is_address(realm))
        return false;
    if (is_under(realm, registry))
        return !is_shared(registry);
    if (is_under(registry, realm))
        return !is_shared(realm);
    struct rf_slice parent = parent_of(registry);
    return parent.len > 0 && same(parent, parent_of(realm)) && !is_shared(parent);
}

static bool is_known_pair(struct rf_slice registry, struct rf_slice realm)
{
    static const struct {
        const char *registry, *realm;
    } pairs[] = {
        { "registry-1.docker.io", "auth.docker.io" },
        { "docker.io", "auth.docker.io" },
        { "index.docker.io", "auth.docker.io" },
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(pairs); i++)
        if (same(registry, rf_slice_str(pairs[i].registry)) &&
            same(realm, rf_slice_str(pairs[i].realm)))
            return true;
    return false;
}

/* Is `realm` among the hosts of "auth.example.org, auth2.example.org:8443"? Without a port, any port is meant. */
static bool is_named(const struct rf_host *host, const struct rf_url *realm)
{
    const char *list = json_string_value(json_object_get(host->api_opts, RF_API_OPT_TOKEN_HOST));
    if (list == NULL)
        return false;
    bool ipv6 = strchr(realm->host, ':') != NULL;
    RF_CLEANUP(rf_freep) char *name = rf_xasprintf(ipv6 ? "[%s]" : "%s", realm->host);
    RF_CLEANUP(rf_freep) char *with_port = rf_xasprintf("%s:%u", name, (unsigned)realm->port);
    while (*list != '\0') {
        list += strspn(list, ", ");
        size_t n = strcspn(list, ", ");
        struct rf_slice one = rf_slice_of(list, n);
        if (n > 0 && (same(one, rf_slice_str(name)) || same(one, rf_slice_str(with_port))))
            return true;
        list += n;
    }
    return false;
}

int rf_realm_judge(const struct rf_url *registry, const struct rf_url *realm,
                   const struct rf_host *host, enum rf_realm_trust *out, struct rf_err *err)
{
    if (registry->https && !realm->https) {
        RF_CLEANUP(rf_freep) char *text = rf_url_safe(realm);
        return rf_fail(
            err, RFE_DENIED,
            "the registry names the token service %s, which is not asked because its connection is not encrypted",
            text);
    }
    struct rf_slice a = bare(registry->host), b = bare(realm->host);
    bool ok = same_party(a, b) || is_known_pair(a, b) || is_named(host, realm);
    *out = ok ? RF_REALM_LOGIN : RF_REALM_ANONYMOUS;
    return 0;
}

unsigned rf_realm_neighbourhood(const struct rf_url *registry)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct addrinfo *list = NULL;
    if (getaddrinfo(registry->host, NULL, &hints, &list) != 0)
        return 0;
    unsigned all = 0;
    bool ordinary = false;
    for (const struct addrinfo *i = list; i != NULL; i = i->ai_next) {
        unsigned one = rf_addr_classify(i->ai_addr);
        ordinary = ordinary || one == 0;
        all |= one;
    }
    freeaddrinfo(list);
    return ordinary ? 0 : all;
}
