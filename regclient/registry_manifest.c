/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests: asking, getting, putting (end-3, end-7). */
#include "base/mem.h"
#include "base/text.h"
#include "regclient/registry_private.h"

static const char *const accept_headers[] = { "Accept: " RF_MT_OCI_INDEX ", " RF_MT_OCI_MANIFEST
                                              ", " RF_MT_DOCKER_LIST ", " RF_MT_DOCKER_MANIFEST };

static int wrap_ref(struct rf_registry *g, const char *repo, const char *tag,
                    const struct rf_digest *digest, int rc, struct rf_err *err)
{
    char text[RF_DIGEST_TEXT];
    if (rc >= 0)
        return rc;
    if (digest != NULL)
        return rf_wrap(err, rc, "%s/%s@%s", g->base.name, repo, rf_digest_text(digest, text));
    return rf_wrap(err, rc, "%s/%s:%s", g->base.name, repo, tag);
}

/* ---- asking ---- */

/* What headers alone tell: 1 when that is a digest, and no other than the one asked for. */
static int from_headers(const struct rf_headers *h, const struct rf_digest *digest,
                        struct rf_descriptor *out, struct rf_err *err)
{
    const char *value = rf_headers_get(h, "docker-content-digest");
    const char *type = rf_headers_get(h, "content-type");
    const char *length = rf_headers_get(h, "content-length");
    struct rf_digest got;
    bool told = value != NULL && rf_digest_parse(rf_slice_str(value), &got, NULL) == 0;
    if (told && digest != NULL && !rf_digest_eq(&got, digest)) {
        char text[RF_DIGEST_TEXT];
        return rf_fail(err, RFE_DIGEST_MISMATCH, "the registry answers for %s",
                       rf_digest_text(&got, text));
    }
    if (!told && digest == NULL)
        return 0;
    char base[256];
    struct rf_descriptor d = { .digest = told ? got : *digest };
    if (type != NULL && rf_media_valid(rf_slice_str(rf_media_base(type, base))))
        d.media_type = rf_xstrdup(base);
    if (length == NULL || rf_parse_u64(rf_slice_str(length), RF_MANIFEST_MAX, &d.size, NULL) < 0)
        d.size = 0; /* not known */
    *out = d;
    return 1;
}

/* 1: found. 0: the registry cannot tell it this way. */
static int ask_head(struct rf_registry *g, const char *repo, const char *tag,
                    const struct rf_digest *digest, struct rf_headers *headers,
                    struct rf_descriptor *out, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *scope = rf_registry_scope(g, repo, RF_RIGHT_PULL);
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    rf_http_response_init(&resp);
    int rc = rf_registry_manifest_url(g, repo, tag, digest, &url, err);
    if (rc < 0)
        return rc;
    struct rf_request call = { .kind = RF_REQ_MANIFEST_HEAD,
                               .method = RF_HEAD,
                               .url = &url,
                               .scope = scope,
                               .headers = accept_headers,
                               .n_headers = 1,
                               .once = g->once,
                               .any_status = true };
    rc = rf_remote_call(g->remote, &call, &resp, err);
    if (rc < 0)
        return rc;
    if (resp.status == 400 || resp.status == 405 || resp.status == 406 || resp.status == 501)
        return 0;
    if (resp.status < 200 || resp.status > 299)
        return rf_remote_fail(&call, &resp, err);
    rc = from_headers(&resp.headers, digest, out, err);
    if (rc > 0 && headers != NULL) {
        *headers = resp.headers;
        resp.headers = (struct rf_headers){ 0 };
    }
    return rc;
}

static int resolve_by_get(struct rf_registry *g, const char *repo, const char *tag,
                          const struct rf_digest *digest, struct rf_descriptor *out,
                          struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    int rc = rf_registry_get_here(g, repo, tag, digest, NULL, &m, err);
    if (rc == 0)
        rf_manifest_descriptor(m, out);
    return rc;
}

static int head_here(struct rf_registry *g, const char *repo, const char *tag,
                     const struct rf_digest *digest, struct rf_headers *headers,
                     struct rf_descriptor *out, struct rf_err *err)
{
    int rc = 0;
    if (!rf_remote_host(g->remote)->disable_head)
        rc = ask_head(g, repo, tag, digest, headers, out, err);
    if (rc < 0)
        return wrap_ref(g, repo, tag, digest, rc, err);
    return rc > 0 ? 0 : resolve_by_get(g, repo, tag, digest, out, err);
}

struct manifest_ask {
    const char *repo, *tag;
    const struct rf_digest *digest;
    struct rf_headers *headers;              /* may be NULL */
    struct rf_descriptor *out;               /* HEAD */
    const struct rf_manifest_expect *expect; /* GET */
    struct rf_manifest **manifest;           /* GET */
};

static int pull_head(struct rf_registry *g, void *ctx, bool *stop, struct rf_err *err)
{
    const struct manifest_ask *a = ctx;
    (void)stop;
    return head_here(g, a->repo, a->tag, a->digest, a->headers, a->out, err);
}

int rf_registry_head_manifest(struct rf_place *p, const char *repo, const char *tag,
                              const struct rf_digest *digest, struct rf_headers *headers,
                              struct rf_descriptor *out, struct rf_err *err)
{
    struct manifest_ask a = {
        .repo = repo, .tag = tag, .digest = digest, .headers = headers, .out = out
    };
    if (headers != NULL)
        *headers = (struct rf_headers){ 0 };
    return rf_registry_pull(rf_registry_of(p), pull_head, &a, err);
}

int rf_registry_resolve_here(struct rf_registry *g, const char *repo, const char *tag,
                             const struct rf_digest *digest, struct rf_descriptor *out,
                             struct rf_err *err)
{
    return head_here(g, repo, tag, digest, NULL, out, err);
}

int rf_registry_resolve(struct rf_place *p, const char *repo, const char *tag,
                        const struct rf_digest *digest, struct rf_descriptor *out,
                        struct rf_err *err)
{
    return rf_registry_head_manifest(p, repo, tag, digest, NULL, out, err);
}

/* ---- getting ---- */

/* The header is no proof of anything, but one that contradicts the body shows that something is wrong. */
static int check_header(const struct rf_http_response *resp, const struct rf_manifest *m,
                        struct rf_err *err)
{
    const char *value = rf_headers_get(&resp->headers, "docker-content-digest");
    struct rf_digest told;
    struct rf_digest real;
    char a[RF_DIGEST_TEXT];
    char b[RF_DIGEST_TEXT];
    if (value == NULL || rf_digest_parse(rf_slice_str(value), &told, NULL) < 0 ||
        rf_digest_eq(&told, &m->digest))
        return 0;
    rf_digest_of(told.algo, rf_buf_slice(&m->body), &real);
    if (rf_digest_eq(&told, &real))
        return 0;
    return rf_fail(err, RFE_DIGEST_MISMATCH, "the registry announces %s and sends %s",
                   rf_digest_text(&told, a), rf_digest_text(&m->digest, b));
}

static int get_here(struct rf_registry *g, const char *repo, const char *tag,
                    const struct rf_digest *digest, const struct rf_manifest_expect *expect,
                    struct rf_headers *headers, struct rf_manifest **out, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *scope = rf_registry_scope(g, repo, RF_RIGHT_PULL);
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    rf_http_response_init(&resp);
    int rc = rf_registry_manifest_url(g, repo, tag, digest, &url, err);
    if (rc < 0)
        return rc;
    struct rf_request call = { .kind = RF_REQ_MANIFEST_GET,
                               .method = RF_GET,
                               .url = &url,
                               .scope = scope,
                               .headers = accept_headers,
                               .n_headers = 1,
                               .once = g->once,
                               .body_max = RF_MANIFEST_MAX };
    rc = rf_remote_call(g->remote, &call, &resp, err);
    if (rc < 0)
        return wrap_ref(g, repo, tag, digest, rc, err);
    struct rf_manifest_expect want = { 0 };
    if (expect != NULL)
        want = *expect;
    if (digest != NULL)
        want.digest = digest;
    want.content_type = rf_headers_get(&resp.headers, "content-type");
    rc = rf_manifest_parse(rf_buf_slice(&resp.body), &want, &m, err);
    if (rc == 0)
        rc = check_header(&resp, m, err);
    if (rc < 0)
        return wrap_ref(g, repo, tag, digest, rc, err);
    if (headers != NULL) {
        *headers = resp.headers;
        resp.headers = (struct rf_headers){ 0 };
    }
    *out = RF_STEAL(m);
    return 0;
}

int rf_registry_get_here(struct rf_registry *g, const char *repo, const char *tag,
                         const struct rf_digest *digest, const struct rf_manifest_expect *expect,
                         struct rf_manifest **out, struct rf_err *err)
{
    return get_here(g, repo, tag, digest, expect, NULL, out, err);
}

static int pull_manifest(struct rf_registry *g, void *ctx, bool *stop, struct rf_err *err)
{
    const struct manifest_ask *a = ctx;
    (void)stop;
    return get_here(g, a->repo, a->tag, a->digest, a->expect, a->headers, a->manifest, err);
}

int rf_registry_get_manifest(struct rf_place *p, const char *repo, const char *tag,
                             const struct rf_digest *digest,
                             const struct rf_manifest_expect *expect, struct rf_manifest **out,
                             struct rf_err *err)
{
    struct manifest_ask a = {
        .repo = repo, .tag = tag, .digest = digest, .expect = expect, .manifest = out
    };
    return rf_registry_pull(rf_registry_of(p), pull_manifest, &a, err);
}

int rf_registry_fetch_manifest(struct rf_place *p, const char *repo, const char *tag,
                               const struct rf_digest *digest,
                               const struct rf_manifest_expect *expect, struct rf_headers *headers,
                               struct rf_manifest **out, struct rf_err *err)
{
    struct manifest_ask a = { .repo = repo,
                              .tag = tag,
                              .digest = digest,
                              .headers = headers,
                              .expect = expect,
                              .manifest = out };
    *headers = (struct rf_headers){ 0 };
    return rf_registry_pull(rf_registry_of(p), pull_manifest, &a, err);
}

/* ---- putting ---- */

static int same_bytes(struct rf_registry *g, const char *repo, const char *tag,
                      const struct rf_manifest *m, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *got = NULL;
    struct rf_manifest_expect expect = { .media_type = m->media_type };
    int rc =
        rf_registry_get_here(g, repo, tag, tag == NULL ? &m->digest : NULL, &expect, &got, err);
    if (rc < 0)
        return rf_wrap(err, rc, "reading back what was put");
    RF_CHECK(got != NULL);
    if (rf_slice_eq(rf_buf_slice(&got->body), rf_buf_slice(&m->body)))
        return 0;
    char text[RF_DIGEST_TEXT];
    rc = rf_fail(err, RFE_DIGEST_MISMATCH, "reading back what was put gives %s",
                 rf_digest_text(&got->digest, text));
    return tag != NULL
               ? rf_hint(err, rc,
                         "the tag was changed by somebody else, or the registry rewrites manifests")
               : rc;
}

static int read_back(struct rf_registry *g, const char *repo, const char *tag,
                     const struct rf_manifest *m, unsigned flags, struct rf_err *err)
{
    int rc = same_bytes(g, repo, NULL, m, err);
    if (rc == 0 && tag != NULL && (flags & RF_PUT_READ_BACK) != 0)
        rc = same_bytes(g, repo, tag, m, err);
    return rc;
}

/*
 * Registries that hold tags fast refuse also what changes nothing, with one of these. Then what the tag points to decides.
 */
static bool tag_is_right(struct rf_registry *g, const char *repo, const char *tag,
                         const struct rf_manifest *m, int status)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_err ignored;
    if (tag == NULL || (status != 400 && status != 403 && status != 409 && status != 412))
        return false;
    return rf_registry_resolve_here(g, repo, tag, NULL, &d, &ignored) == 0 &&
           rf_digest_eq(&d.digest, &m->digest);
}

static int refused(struct rf_registry *g, const char *repo, const struct rf_request *call,
                   const struct rf_http_response *resp, const char *tag,
                   const struct rf_manifest *m, struct rf_err *err)
{
    int rc = rf_remote_fail(call, resp, err);
    /* The last of them is said of an index without all of its children. */
    if (rf_answer_has_code(resp, "MANIFEST_BLOB_UNKNOWN") ||
        rf_answer_has_code(resp, "BLOB_UNKNOWN") || rf_answer_has_code(resp, "MANIFEST_UNKNOWN")) {
        struct rf_err why = *err;
        rc = rf_fail(err, RFE_GROUND_MISSING, "%s", why.msg);
        err->http_status = why.http_status;
        return rc;
    }
    if (tag_is_right(g, repo, tag, m, resp->status))
        return 0;
    if (rf_answer_has_code(resp, "NAME_UNKNOWN"))
        return rf_hint(err, rc, "the repository may have to be created first");
    return rc;
}

/* A registry that knows no other algorithm than sha256 may keep the bytes under another digest, and says so in its answer. */
static int check_kept_name(const struct rf_http_response *resp, const struct rf_manifest *m,
                           struct rf_err *err)
{
    const char *value = rf_headers_get(&resp->headers, "docker-content-digest");
    struct rf_digest told;
    char a[RF_DIGEST_TEXT], b[RF_DIGEST_TEXT];
    if (value == NULL || rf_digest_parse(rf_slice_str(value), &told, NULL) < 0 ||
        rf_digest_eq(&told, &m->digest))
        return 0;
    return rf_fail(err, RFE_DIGEST_MISMATCH, "the registry keeps %s as %s: it knows no such digest",
                   rf_digest_text(&m->digest, a), rf_digest_text(&told, b));
}

/*
 * docker-registry's notes of what a repository has are empty for a moment while somebody else writes the same there. What is put then and names it is
 * refused, and not only for its absence, as what is really not there: an empty note is no digest either.
 */
static bool is_being_written(const struct rf_http_response *resp)
{
    return resp->status == 400 && rf_answer_has_code(resp, "DIGEST_INVALID") &&
           rf_answer_has_code(resp, "MANIFEST_BLOB_UNKNOWN");
}

static int put_until_settled(struct rf_registry *g, const struct rf_request *call,
                             struct rf_http_response *resp, struct rf_err *err)
{
    int rc = rf_remote_call(g->remote, call, resp, err);
    for (unsigned tries = 1; rc == 0 && is_being_written(resp) && tries < RF_TRIES_MAX; tries++) {
        struct rf_err why = RF_ERR_INIT;
        (void)rf_remote_fail(call, resp, &why);
        rc = rf_remote_pause(g->remote, tries, &why, err);
        if (rc == 0)
            rc = rf_remote_call(g->remote, call, resp, err);
    }
    return rc;
}

static int send_manifest(struct rf_registry *g, const char *repo, const char *tag,
                         const struct rf_manifest *m, unsigned flags, bool *subject_known,
                         struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *scope = rf_registry_scope(g, repo, RF_RIGHT_PUSH);
    RF_CLEANUP(rf_freep) char *type = rf_xasprintf("Content-Type: %s", m->media_type);
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    const char *headers[] = { type };
    rf_http_response_init(&resp);
    int rc = rf_registry_manifest_url(g, repo, tag, tag == NULL ? &m->digest : NULL, &url, err);
    if (rc < 0)
        return rc;
    /* A registry takes what it gets under a tag for sha256. */
    if (tag != NULL && m->digest.algo != RF_DIGEST_SHA256) {
        char text[RF_DIGEST_TEXT];
        rf_url_add_query(&url, "digest", rf_digest_text(&m->digest, text));
    }
    struct rf_request call = { .kind = RF_REQ_MANIFEST_PUT,
                               .method = RF_PUT,
                               .url = &url,
                               .scope = scope,
                               .headers = headers,
                               .n_headers = 1,
                               .body = rf_buf_slice(&m->body),
                               .any_status = true };
    rc = put_until_settled(g, &call, &resp, err);
    if (rc < 0)
        return rc;
    *subject_known = rf_headers_get(&resp.headers, "oci-subject") != NULL;
    if (resp.status < 200 || resp.status > 299)
        return refused(g, repo, &call, &resp, tag, m, err);
    if (m->digest.algo != RF_DIGEST_SHA256) {
        rc = check_kept_name(&resp, m, err);
        if (rc < 0)
            return rc;
    }
    if (resp.status != 201 || (flags & RF_PUT_READ_BACK) != 0)
        return read_back(g, repo, tag, m, flags, err);
    return 0;
}

int rf_registry_put_manifest(struct rf_place *p, const char *repo, const char *tag,
                             const struct rf_manifest *m, unsigned flags, struct rf_err *err)
{
    struct rf_registry *g = rf_registry_of(p);
    struct rf_err e = RF_ERR_INIT;
    bool subject_known = false;
    int rc = 0;
    /* Whether the registry takes such a digest shows before a tag points to anything. */
    if (tag != NULL && m->digest.algo != RF_DIGEST_SHA256)
        rc = send_manifest(g, repo, NULL, m, flags, &subject_known, &e);
    if (rc == 0)
        rc = send_manifest(g, repo, tag, m, flags, &subject_known, &e);
    /* distribution-spec, "Pushing Manifests with Subject": without OCI-Subject the list is the client's to keep. */
    if (rc == 0 && m->has_subject && !subject_known)
        rc = rf_registry_add_fallback(g, repo, m, &e);
    if (rc == 0)
        return 0;
    if (err != NULL)
        *err = e;
    return wrap_ref(g, repo, tag, tag == NULL ? &m->digest : NULL, rc, err);
}
