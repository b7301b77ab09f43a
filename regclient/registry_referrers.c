/* SPDX-License-Identifier: Apache-2.0 */
/* Referrers (end-12), and the tag that stands in for them where the registry has no such list. */
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "regclient/registry_private.h"

#define ENTRIES_MAX 100000u /* before filtering; rf_place_referrers counts what is left */
#define FALLBACK_ROUNDS 3u

struct referrer_list {
    rf_place_desc_cb cb;
    void *ctx;
    size_t n;
    bool no_index; /* the answer was something else: this registry has no such list */
    int result;    /* what the caller's function returned */
};

static int on_entries(struct referrer_list *l, const json_t *entries, struct rf_err *err)
{
    size_t i;
    const json_t *entry;
    json_array_foreach (entries, i, entry) {
        RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
        char path[40];
        (void)snprintf(path, sizeof(path), "manifests[%zu]", i);
        if (++l->n > ENTRIES_MAX)
            return rf_fail(err, RFE_TOO_LARGE, "more than %u entries", ENTRIES_MAX);
        int rc = rf_descriptor_from_json(entry, path, &d, err);
        if (rc == 0)
            rc = l->result = l->cb(l->ctx, &d, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int on_page(void *ctx, const struct rf_http_response *resp, struct rf_err *err)
{
    struct referrer_list *l = ctx;
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    int rc = rf_json_parse(rf_buf_slice(&resp->body), RF_PAGE_BYTES_MAX, &doc, err);
    const json_t *entries = rc == 0 ? json_object_get(doc, "manifests") : NULL;
    if (rc == 0 && json_is_null(entries))
        return 0;
    if (!json_is_array(entries)) {
        l->no_index = true;
        return rf_fail(err, RFE_PROTOCOL, "the answer is no index");
    }
    return on_entries(l, entries, err);
}

static int ask_api(struct rf_registry *g, const char *repo, const struct rf_digest *subject,
                   const char *artifact_type, struct referrer_list *l, struct rf_err *err)
{
    static const char *const headers[] = { "Accept: " RF_MT_OCI_INDEX };
    char text[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_freep) char *scope = rf_registry_scope(g, repo, RF_RIGHT_PULL);
    RF_CLEANUP(rf_freep) char *rest = rf_xasprintf("referrers/%s", rf_digest_text(subject, text));
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    int rc = rf_registry_url(g, repo, rest, &url, err);
    if (rc < 0)
        return rc;
    if (artifact_type != NULL)
        rf_url_add_query(&url, "artifactType", artifact_type);
    struct rf_request call = { .kind = RF_REQ_REFERRERS,
                               .method = RF_GET,
                               .scope = scope,
                               .headers = headers,
                               .n_headers = 1,
                               .once = g->once };
    return rf_registry_pages(g, &call, &url, on_page, l, err);
}

/* The index under the fallback tag; NULL in *out when there is none. */
static int get_fallback(struct rf_registry *g, const char *repo, const char *tag,
                        struct rf_manifest **out, struct rf_err *err)
{
    struct rf_err e = RF_ERR_INIT;
    int rc = rf_registry_get_here(g, repo, tag, NULL, NULL, out, &e);
    if (rc == -RFE_NOT_FOUND) {
        *out = NULL;
        return 0;
    }
    if (rc < 0) {
        if (err != NULL)
            *err = e;
        return rc;
    }
    if ((*out)->kind != RF_KIND_INDEX) {
        rf_manifest_freep(out);
        rf_log(RF_LOG_WARN, "Tag for referrers is no index", "registry", g->base.name, "repository",
               repo, "tag", tag, NULL);
    }
    return 0;
}

static int ask_fallback(struct rf_registry *g, const char *repo, const struct rf_digest *subject,
                        struct referrer_list *l, struct rf_err *err)
{
    char tag[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    rf_fallback_tag(subject, tag);
    int rc = get_fallback(g, repo, tag, &m, err);
    for (size_t i = 0; rc >= 0 && m != NULL && i < m->n_entries; i++)
        rc = l->cb(l->ctx, &m->entries[i], err);
    return rc < 0 ? rc : 0;
}

/* 404, or anything that says that there is no such route; a login that fails or a registry that is down says nothing of the kind. */
static bool lacks_api(const struct referrer_list *l, int rc, const struct rf_err *err)
{
    return l->result >= 0 && l->n == 0 &&
           (l->no_index || rc == -RFE_NOT_FOUND ||
            (rc == -RFE_FAILED && err->http_status >= 400 && err->http_status <= 501));
}

struct referrers_ask {
    const char *repo, *artifact_type;
    const struct rf_digest *subject;
    rf_place_desc_cb cb;
    void *ctx;
};

/* That some have been told already does no harm: rf_place_referrers tells each once. */
static int pull_referrers(struct rf_registry *g, void *ctx, bool *stop, struct rf_err *err)
{
    const struct referrers_ask *a = ctx;
    const char *repo = a->repo;
    const struct rf_digest *subject = a->subject;
    struct referrer_list l = { .cb = a->cb, .ctx = a->ctx };
    struct rf_err e = RF_ERR_INIT;
    char text[RF_DIGEST_TEXT];
    int rc;
    if (!atomic_load(&g->no_referrers_api)) {
        rc = ask_api(g, repo, subject, a->artifact_type, &l, &e);
        if (rc == 0)
            return 0;
        *stop = l.result < 0;
        if (!lacks_api(&l, rc, &e)) {
            if (err != NULL)
                *err = e;
            return rf_wrap(err, rc, "%s/%s: referrers of %s", g->base.name, repo,
                           rf_digest_text(subject, text));
        }
        /* An API that has the route answers 200 with an empty list: it will not be different for the next image. */
        atomic_store(&g->no_referrers_api, true);
    }
    rc = ask_fallback(g, repo, subject, &l, err);
    return rc < 0 ? rf_wrap(err, rc, "%s/%s: referrers of %s", g->base.name, repo,
                            rf_digest_text(subject, text))
                  : 0;
}

int rf_registry_referrers(struct rf_place *p, const char *repo, const struct rf_digest *subject,
                          const char *artifact_type, rf_place_desc_cb cb, void *ctx,
                          struct rf_err *err)
{
    struct referrers_ask a = { repo, artifact_type, subject, cb, ctx };
    return rf_registry_pull(rf_registry_of(p), pull_referrers, &a, err);
}

/* ---- keeping the tag ---- */

static bool lists(const struct rf_manifest *index, const struct rf_digest *digest)
{
    for (size_t i = 0; index != NULL && i < index->n_entries; i++)
        if (rf_digest_eq(&index->entries[i].digest, digest))
            return true;
    return false;
}

static int put_fallback(struct rf_registry *g, const char *repo, const char *tag,
                        const struct rf_manifest *old, const struct rf_descriptor *add,
                        struct rf_err *err)
{
    struct rf_index_builder b;
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_manifest_expect expect = { .media_type = RF_MT_OCI_INDEX };
    rf_buf_init(&body, RF_MANIFEST_PUSH_MAX);
    rf_index_builder_init(&b);
    for (size_t i = 0; old != NULL && i < old->n_entries; i++)
        rf_index_builder_add(&b, &old->entries[i]);
    rf_index_builder_add(&b, add);
    rf_index_builder_finish(&b, &body);
    if (body.rc < 0)
        return rf_fail(err, RFE_TOO_LARGE, "the list of referrers is over %u bytes",
                       RF_MANIFEST_PUSH_MAX);
    int rc = rf_manifest_parse(rf_buf_slice(&body), &expect, &m, err);
    return rc < 0 ? rc : rf_place_put_manifest(&g->base, repo, tag, m, 0, err);
}

/* Read, change, write, look again: another program may do the same at that moment, and nothing in the API locks it out. */
static int add_entry(struct rf_registry *g, const char *repo, const char *tag,
                     const struct rf_descriptor *add, struct rf_err *err)
{
    for (unsigned round = 0; round < FALLBACK_ROUNDS; round++) {
        RF_CLEANUP(rf_manifest_freep) struct rf_manifest *old = NULL;
        int rc = get_fallback(g, repo, tag, &old, err);
        if (rc < 0)
            return rc;
        if (lists(old, &add->digest))
            return 0;
        rc = put_fallback(g, repo, tag, old, add, err);
        if (rc < 0)
            return rc;
    }
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *last = NULL;
    int rc = get_fallback(g, repo, tag, &last, err);
    if (rc == 0 && !lists(last, &add->digest))
        rc = rf_fail(err, RFE_CONFLICT, "others keep changing tag %s", tag);
    return rc;
}

int rf_registry_add_fallback(struct rf_registry *g, const char *repo, const struct rf_manifest *m,
                             struct rf_err *err)
{
    char tag[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    rf_manifest_descriptor(m, &d);
    if (d.annotations == NULL && m->annotations != NULL)
        d.annotations = json_deep_copy(m->annotations);
    const char *type = rf_manifest_artifact_type(m);
    if (d.artifact_type == NULL && type != NULL)
        d.artifact_type = rf_xstrdup(type);
    rf_fallback_tag(&m->subject.digest, tag);
    RF_CLEANUP(rf_freep) char *key = rf_xasprintf("referrers %s %s", repo, tag);
    rf_key_lock_take(&g->locks, key);
    int rc = add_entry(g, repo, tag, &d, err);
    rf_key_lock_give(&g->locks, key);
    return rc < 0 ? rf_wrap(err, rc, "list of referrers") : 0;
}
