/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of tags and repositories (end-8). */
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "manifests/reference.h"
#include "regclient/registry_private.h"

#define NAMES_MAX 1000000u
#define PAGE_SIZE 1000u /* more is an error at some registries */

struct name_list {
    struct rf_registry *g;
    const char *key; /* "tags", "repositories" */
    bool (*valid)(struct rf_slice name);
    rf_place_tag_cb cb;
    void *ctx;
    size_t n;
    bool told;                       /* of a name that was passed over */
    struct rf_registry_answer *keep; /* or NULL */
};

static void tell_odd(struct name_list *l, const char *name)
{
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(name), RF_REPOSITORY_MAX);
    if (!l->told)
        rf_log(RF_LOG_WARN, "Registry lists names that are not valid", "registry", l->g->base.name,
               "list", l->key, "name", shown, NULL);
    l->told = true;
}

static void keep_answer(struct rf_registry_answer *keep, const struct rf_http_response *resp)
{
    rf_headers_clear(&keep->headers);
    for (size_t i = 0; i < resp->headers.n; i++) {
        RF_CLEANUP(rf_freep)
        char *line = rf_xasprintf("%s: %s", resp->headers.names[i], resp->headers.values[i]);
        /* The answer's own limit was kept to when it came. */
        if (rf_headers_add(&keep->headers, rf_slice_str(line), NULL) < 0)
            break;
    }
    rf_buf_clear(&keep->body);
    rf_buf_add(&keep->body, resp->body.ptr, resp->body.len);
    keep->pages++;
}

static int on_page(void *ctx, const struct rf_http_response *resp, struct rf_err *err)
{
    struct name_list *l = ctx;
    if (l->keep != NULL)
        keep_answer(l->keep, resp);
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    const json_t *names = NULL;
    int rc = rf_json_parse(rf_buf_slice(&resp->body), RF_PAGE_BYTES_MAX, &doc, err);
    if (rc == 0)
        rc = rf_json_array(doc, l->key, "", RF_JSON_OPTIONAL, NAMES_MAX, &names, err);
    if (rc < 0)
        return rf_wrap(err, rc, "the answer");
    size_t i;
    const json_t *value;
    json_array_foreach (names, i, value) {
        const char *name = json_string_value(value);
        if (name == NULL)
            continue; /* some registries list null */
        if (!l->valid(rf_slice_str(name))) {
            tell_odd(l, name);
            continue;
        }
        if (++l->n > NAMES_MAX)
            return rf_fail(err, RFE_TOO_LARGE, "more than %u %s", NAMES_MAX, l->key);
        rc = l->cb(l->ctx, name, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* 0 or the failure of the first page is what callers look at for a page size that is refused. */
static int run_list(struct name_list *l, const struct rf_url *base, const char *scope,
                    enum rf_request_kind kind, unsigned n, const char *last, bool all,
                    struct rf_err *err)
{
    static const char *const headers[] = { "Accept: application/json" };
    struct rf_request call = {
        .kind = kind, .method = RF_GET, .scope = scope, .headers = headers, .n_headers = 1
    };
    call.once = l->g->once;
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    char number[16];
    rf_url_copy(base, &url);
    (void)snprintf(number, sizeof(number), "%u", n);
    if (n > 0)
        rf_url_add_query(&url, "n", number);
    if (last != NULL)
        rf_url_add_query(&url, "last", last);
    if (all)
        return rf_registry_pages(l->g, &call, &url, on_page, l, err);
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    rf_http_response_init(&resp);
    call.url = &url;
    call.body_max = RF_PAGE_BYTES_MAX;
    int rc = rf_remote_call(l->g->remote, &call, &resp, err);
    return rc < 0 ? rc : on_page(l, &resp, err);
}

static int list_all(struct name_list *l, const struct rf_url *url, const char *scope,
                    enum rf_request_kind kind, const char *last, struct rf_err *err)
{
    struct rf_err e = RF_ERR_INIT;
    int rc = run_list(l, url, scope, kind, PAGE_SIZE, last, true, &e);
    if (rc == -RFE_FAILED && e.http_status == 400 && l->n == 0)
        return run_list(l, url, scope, kind, 0, last, true, err);
    if (rc < 0 && err != NULL)
        *err = e;
    return rc;
}

struct tags_ask {
    struct name_list *list;
    const char *repo, *last;
    unsigned limit;
    bool all; /* page by page to the end */
};

static int pull_tags(struct rf_registry *g, void *ctx, bool *stop, struct rf_err *err)
{
    const struct tags_ask *a = ctx;
    struct name_list *l = a->list;
    RF_CLEANUP(rf_freep) char *scope = rf_registry_scope(g, a->repo, RF_RIGHT_PULL);
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    l->g = g;
    int rc = rf_registry_url(g, a->repo, "tags/list", &url, err);
    if (rc == 0 && a->all)
        rc = list_all(l, &url, scope, RF_REQ_TAGS, a->last, err);
    else if (rc == 0)
        rc = run_list(l, &url, scope, RF_REQ_TAGS, a->limit, a->last, false, err);
    *stop = l->n > 0; /* what was told must not be told again */
    return rc < 0 ? rf_wrap(err, rc, "tags of %s/%s", g->base.name, a->repo) : 0;
}

static int list_tags(struct rf_place *p, const char *repo, struct name_list *l, unsigned limit,
                     const char *last, bool all, struct rf_err *err)
{
    l->key = "tags";
    l->valid = rf_tag_valid;
    struct tags_ask a = { .list = l, .repo = repo, .last = last, .limit = limit, .all = all };
    return rf_registry_pull(rf_registry_of(p), pull_tags, &a, err);
}

static int list_repos(struct rf_place *p, struct name_list *l, unsigned limit, const char *last,
                      bool all, struct rf_err *err)
{
    l->g = rf_registry_of(p);
    l->key = "repositories";
    l->valid = rf_repository_valid;
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    int rc = rf_remote_api_url(l->g->remote, "/_catalog", &url, err);
    if (rc == 0 && all)
        rc = list_all(l, &url, "registry:catalog:*", RF_REQ_CATALOG, last, err);
    else if (rc == 0)
        rc = run_list(l, &url, "registry:catalog:*", RF_REQ_CATALOG, limit, last, false, err);
    return rc < 0 ? rf_wrap(err, rc, "repositories of %s", p->name) : 0;
}

int rf_registry_list_tags(struct rf_place *p, const char *repo, rf_place_tag_cb cb, void *ctx,
                          struct rf_err *err)
{
    struct name_list l = { .cb = cb, .ctx = ctx };
    return list_tags(p, repo, &l, 0, NULL, true, err);
}

int rf_registry_list_repos(struct rf_place *p, rf_place_tag_cb cb, void *ctx, struct rf_err *err)
{
    struct name_list l = { .cb = cb, .ctx = ctx };
    return list_repos(p, &l, 0, NULL, true, err);
}

int rf_registry_tags_page(struct rf_place *p, const char *repo, unsigned n, const char *last,
                          rf_place_tag_cb cb, void *ctx, struct rf_err *err)
{
    struct name_list l = { .cb = cb, .ctx = ctx };
    return list_tags(p, repo, &l, n, last, false, err);
}

int rf_registry_repos_page(struct rf_place *p, unsigned n, const char *last, rf_place_tag_cb cb,
                           void *ctx, struct rf_err *err)
{
    struct name_list l = { .cb = cb, .ctx = ctx };
    return list_repos(p, &l, n, last, false, err);
}

int rf_registry_tags_answer(struct rf_place *p, const char *repo, unsigned limit, const char *last,
                            rf_place_tag_cb cb, void *ctx, struct rf_registry_answer *keep,
                            struct rf_err *err)
{
    struct name_list l = { .cb = cb, .ctx = ctx, .keep = keep };
    return list_tags(p, repo, &l, limit, last, limit == 0, err);
}

int rf_registry_repos_answer(struct rf_place *p, unsigned limit, const char *last,
                             rf_place_tag_cb cb, void *ctx, struct rf_registry_answer *keep,
                             struct rf_err *err)
{
    struct name_list l = { .cb = cb, .ctx = ctx, .keep = keep };
    return list_repos(p, &l, limit, last, false, err);
}
