/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/registry.h"

#include "base/mem.h"
#include "regclient/registry_private.h"

static int can_write(struct rf_place *p, const char *repo, struct rf_err *err)
{
    struct rf_registry *g = rf_registry_of(p);
    RF_CLEANUP(rf_freep) char *scope = rf_registry_scope(g, repo, RF_RIGHT_PUSH);
    int rc = rf_remote_ask_scope(g->remote, scope, err);
    return rc < 0 ? rf_wrap(err, rc, "%s/%s", p->name, repo) : 0;
}

static void registry_free(struct rf_place *p)
{
    struct rf_registry *g = rf_registry_of(p);
    rf_registry_mirrors_release(g);
    rf_key_lock_release(&g->locks);
    rf_strings_release(&g->layers);
    if (g->own_remote)
        rf_remote_free(g->remote);
    free(g->ns);
    free(p->name);
    free(g);
}

static int blob_size(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                     uint64_t *size, struct rf_err *err)
{
    return rf_registry_head_blob(p, repo, digest, size, NULL, err);
}

static const struct rf_place_ops registry_ops = {
    .resolve = rf_registry_resolve,
    .get_manifest = rf_registry_get_manifest,
    .put_manifest = rf_registry_put_manifest,
    .probe_blob = rf_registry_probe_blob,
    .blob_size = blob_size,
    .get_blob = rf_registry_get_blob,
    .put_blob = rf_registry_put_blob,
    .mount = rf_registry_mount,
    .list_tags = rf_registry_list_tags,
    .list_repos = rf_registry_list_repos,
    .referrers = rf_registry_referrers,
    .delete_tag = rf_registry_delete_tag,
    .delete_manifest = rf_registry_delete_manifest,
    .delete_blob = rf_registry_delete_blob,
    .can_write = can_write,
    .free = registry_free,
};

int rf_registry_open(struct rf_remote *remote, struct rf_place **out, struct rf_err *err)
{
    struct rf_registry *g = rf_xcalloc(1, sizeof(*g));
    (void)err;
    g->base.ops = &registry_ops;
    g->base.name = rf_xstrdup(rf_remote_host(remote)->name);
    g->base.flags = RF_PLACE_CAN_MOUNT | RF_PLACE_REFERRERS;
    g->base.what = remote;
    g->remote = remote;
    rf_key_lock_init(&g->locks);
    rf_strings_init(&g->layers);
    atomic_init(&g->whole_max, UINT64_MAX);
    *out = &g->base;
    return 0;
}

struct rf_remote *rf_registry_remote(const struct rf_place *p)
{
    return p->ops == &registry_ops ? ((const struct rf_registry *)p)->remote : NULL;
}

int rf_registry_ping(struct rf_place *p, struct rf_err *err)
{
    struct rf_registry *g = rf_registry_of(p);
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    int rc = rf_remote_api_url(g->remote, "/", &url, err);
    if (rc < 0)
        return rc;
    struct rf_request call = { .kind = RF_REQ_PING, .method = RF_GET, .url = &url };
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    rf_http_response_init(&resp);
    return rf_remote_call(g->remote, &call, &resp, err);
}

/* ---- URLs and scopes ---- */

int rf_registry_url(struct rf_registry *g, const char *repo, const char *rest, struct rf_url *out,
                    struct rf_err *err)
{
    if (repo[0] == '\0')
        return rf_fail(err, RFE_INVALID, "%s: no repository", g->base.name);
    RF_CLEANUP(rf_freep) char *path = rf_xasprintf("/%s/%s", repo, rest);
    int rc = rf_remote_url(g->remote, path, out, err);
    if (rc == 0 && g->ns != NULL)
        rf_url_add_query(out, "ns", g->ns);
    return rc;
}

int rf_registry_manifest_url(struct rf_registry *g, const char *repo, const char *tag,
                             const struct rf_digest *digest, struct rf_url *out, struct rf_err *err)
{
    char text[RF_DIGEST_TEXT];
    const char *ref = digest != NULL ? rf_digest_text(digest, text) : tag;
    RF_CLEANUP(rf_freep) char *rest = rf_xasprintf("manifests/%s", ref);
    return rf_registry_url(g, repo, rest, out, err);
}

int rf_registry_blob_url(struct rf_registry *g, const char *repo, const struct rf_digest *digest,
                         struct rf_url *out, struct rf_err *err)
{
    char text[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_freep) char *rest = rf_xasprintf("blobs/%s", rf_digest_text(digest, text));
    return rf_registry_url(g, repo, rest, out, err);
}

char *rf_registry_full_name(const struct rf_registry *g, const char *repo)
{
    const char *prefix = rf_remote_host(g->remote)->path_prefix;
    const char *lead = prefix != NULL ? prefix + strspn(prefix, "/") : "";
    size_t n = strlen(lead);
    while (n > 0 && lead[n - 1] == '/')
        n--;
    return rf_xasprintf("%.*s%s%s", (int)n, lead, n > 0 ? "/" : "", repo);
}

char *rf_registry_scope(const struct rf_registry *g, const char *repo, enum rf_registry_right right)
{
    static const char *const rights[] = { "pull", "pull,push", "pull,push,delete" };
    RF_CLEANUP(rf_freep) char *name = rf_registry_full_name(g, repo);
    return rf_xasprintf("repository:%s:%s", name, rights[right]);
}

/* ---- lists in pages ---- */

struct pages {
    uint64_t *seen; /* hashes of the URLs asked for: the same one twice would never end */
    size_t n, cap;
};

static bool first_time(struct pages *s, const struct rf_url *url)
{
    struct rf_digest d;
    RF_CLEANUP(rf_freep) char *text = rf_url_text(url);
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str(text), &d);
    uint64_t hash = rf_digest_hash(&d);
    for (size_t i = 0; i < s->n; i++)
        if (s->seen[i] == hash)
            return false;
    s->seen = rf_grow(s->seen, s->n, &s->cap, sizeof(*s->seen));
    s->seen[s->n++] = hash;
    return true;
}

/* 1 and the next page's URL, 0 at the end. */
static int next_page(const struct rf_http_response *resp, struct rf_url *url, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *target = NULL;
    RF_CLEANUP(rf_url_release) struct rf_url next = RF_URL_INIT;
    int rc = rf_link_next(&resp->headers, &target, err);
    if (rc < 0 || target == NULL)
        return rc;
    rc = rf_url_resolve(url, target, &next, err);
    if (rc < 0)
        return rf_wrap(err, rc, "Link to the next page");
    /* A Link must not lead elsewhere: only its path and query are used. That a proxy in front changed scheme or port is common. */
    if (strcmp(next.host, url->host) != 0)
        return rf_fail(err, RFE_PROTOCOL, "the Link to the next page leads to another host, %s",
                       next.host);
    next.https = url->https;
    next.port = url->port;
    rf_url_release(url);
    *url = next;
    next = (struct rf_url)RF_URL_INIT;
    return 1;
}

static int page_loop(struct rf_registry *g, struct rf_request *call, struct rf_url *url,
                     struct pages *seen, rf_registry_page_cb cb, void *ctx, struct rf_err *err)
{
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    rf_http_response_init(&resp);
    int rc = 1;
    while (rc > 0) {
        if (!first_time(seen, url))
            return rf_fail(err, RFE_PROTOCOL,
                           "the Link to the next page leads to a page that came before");
        if (seen->n > RF_PAGES_MAX)
            return rf_fail(err, RFE_TOO_LARGE, "more than %u pages", RF_PAGES_MAX);
        call->url = url;
        rc = rf_remote_call(g->remote, call, &resp, err);
        if (rc == 0)
            rc = cb(ctx, &resp, err);
        if (rc == 0)
            rc = next_page(&resp, url, err);
        if (rc > 0 && g->ns != NULL && (url->query == NULL || strstr(url->query, "ns=") == NULL))
            rf_url_add_query(url, "ns", g->ns);
    }
    return rc;
}

int rf_registry_pages(struct rf_registry *g, const struct rf_request *call,
                      const struct rf_url *first, rf_registry_page_cb cb, void *ctx,
                      struct rf_err *err)
{
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    struct pages seen = { 0 };
    struct rf_request c = *call;
    rf_url_copy(first, &url);
    c.body_max = RF_PAGE_BYTES_MAX;
    int rc = page_loop(g, &c, &url, &seen, cb, ctx, err);
    free(seen.seen);
    return rc;
}
