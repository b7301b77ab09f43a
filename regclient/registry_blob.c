/* SPDX-License-Identifier: Apache-2.0 */
/* Asking for blobs and fetching them (end-2). */
#include "base/mem.h"
#include "base/text.h"
#include "regclient/registry_private.h"

#define PROBE_BYTES 4096u /* a blob up to this size is read whole when the registry ignores Range */
#define EMPTY_ANSWERS_MAX 2u

static int wrap_blob(struct rf_registry *g, const char *repo, const struct rf_digest *digest,
                     int rc, struct rf_err *err)
{
    char text[RF_DIGEST_TEXT];
    return rc < 0 ? rf_wrap(err, rc, "%s/%s: blob %s", g->base.name, repo,
                            rf_digest_text(digest, text))
                  : rc;
}

/* UINT64_MAX when it is not said. */
static int content_length(const struct rf_headers *headers, uint64_t *out, struct rf_err *err)
{
    const char *value = rf_headers_get(headers, "content-length");
    *out = UINT64_MAX;
    if (value == NULL || rf_headers_get(headers, "transfer-encoding") != NULL)
        return 0;
    if (rf_parse_u64(rf_slice_str(value), UINT64_MAX - 1, out, NULL) < 0)
        return rf_fail(err, RFE_PROTOCOL, "the Content-Length of the answer is wrong");
    return 0;
}

/* ---- asking ---- */

/* 1: it cannot be told this way. */
static int probe_head(struct rf_registry *g, const struct rf_url *url, const char *scope,
                      uint64_t size, struct rf_err *err)
{
    struct rf_request call = {
        .kind = RF_REQ_BLOB_HEAD, .method = RF_HEAD, .url = url, .scope = scope, .any_status = true
    };
    call.once = g->once;
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    rf_http_response_init(&resp);
    int rc = rf_remote_call(g->remote, &call, &resp, err);
    if (rc < 0)
        return rc;
    if (resp.status == 400 || resp.status == 405 || resp.status == 501)
        return 1;
    if (resp.status < 200 || resp.status > 299)
        return rf_remote_fail(&call, &resp, err);
    uint64_t length = UINT64_MAX;
    rc = content_length(&resp.headers, &length, err);
    /* Proxies that compress tell another length for HEAD than for GET. */
    return rc == 0 && length != UINT64_MAX && length != size ? 1 : rc;
}

static int judge_part(const struct rf_http_response *resp, uint64_t size, struct rf_err *err)
{
    uint64_t first = 0;
    uint64_t last = 0;
    uint64_t total = UINT64_MAX;
    int rc = rf_content_range(rf_headers_get(&resp->headers, "content-range"), &first, &last,
                              &total, err);
    if (rc < 0)
        return rf_fail(err, RFE_PROTOCOL,
                       "the answer is a part without a Content-Range that can be read");
    if (first != 0 || last != 0)
        return rf_fail(err, RFE_PROTOCOL, "the answer is not the part that was asked for");
    if (total != UINT64_MAX && total != size)
        return rf_fail(err, RFE_SIZE_MISMATCH, "want %llu bytes, the registry holds %llu",
                       (unsigned long long)size, (unsigned long long)total);
    return 0;
}

static int judge_probe(const struct rf_request *call, const struct rf_http_response *resp,
                       uint64_t size, struct rf_err *err)
{
    uint64_t length = UINT64_MAX;
    if (resp->status == 206)
        return judge_part(resp, size, err);
    if (resp->status == 416)
        return rf_fail(err, RFE_SIZE_MISMATCH, "want %llu bytes, the registry holds none",
                       (unsigned long long)size);
    if (resp->status != 200)
        return rf_remote_fail(call, resp, err);
    int rc = content_length(&resp->headers, &length, err);
    if (rc == 0 && length != UINT64_MAX && length != size)
        rc = rf_fail(err, RFE_SIZE_MISMATCH, "want %llu bytes, the registry holds %llu",
                     (unsigned long long)size, (unsigned long long)length);
    return rc;
}

/*
 * The first byte. A registry that lost a blob in a garbage collection may still announce it and then send nothing: after the second time,
 * that is "not found" (reliability-security 3.0).
 */
static int probe_range(struct rf_registry *g, const struct rf_url *url, const char *scope,
                       uint64_t size, struct rf_err *err)
{
    static const char *const headers[] = { "Range: bytes=0-0" };
    struct rf_request call = {
        .kind = RF_REQ_BLOB_PROBE, .method = RF_GET, .url = url, .scope = scope, .headers = headers
    };
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    rf_http_response_init(&resp);
    call.n_headers = 1;
    call.any_status = true;
    call.once = true;
    call.cut_body = true;
    call.body_max = PROBE_BYTES;
    unsigned empty = 0;
    for (unsigned tries = 1;; tries++) {
        struct rf_err e = RF_ERR_INIT;
        int rc = rf_remote_call(g->remote, &call, &resp, &e);
        bool announced = resp.status == 200 || resp.status == 206;
        if (rc == 0 && resp.status == 401 && e.http_status == 401)
            rc = -e.code;
        else if (rc == 0)
            rc = judge_probe(&call, &resp, size, &e);
        if (rc == 0 && announced && resp.body.len == 0)
            rc = rf_fail(&e, RFE_UNREACHABLE, "the registry announces it and sends nothing");
        if (rc == -RFE_UNREACHABLE && announced && resp.body.len == 0 &&
            ++empty >= EMPTY_ANSWERS_MAX)
            return rf_fail(err, RFE_NOT_FOUND, "the registry announces it and cannot read it");
        if (rc == 0)
            return 0;
        if (rc == -RFE_CANCELLED || !rf_error_retryable(rc) || tries >= rf_registry_tries(g)) {
            if (err != NULL)
                *err = e;
            return rc;
        }
        rc = rf_remote_pause(g->remote, tries, &e, err);
        if (rc < 0)
            return rc;
    }
}

struct blob_ask {
    const char *repo;
    const struct rf_digest *digest;
    uint64_t size;
    enum rf_probe how;   /* probing */
    struct pour *pour;   /* fetching */
    uint64_t *head_size; /* HEAD */
    char **media_type;
    struct rf_headers *headers; /* HEAD, may be NULL */
};

static int probe_here(struct rf_registry *g, const struct blob_ask *a, struct rf_err *err)
{
    const char *repo = a->repo;
    const struct rf_digest *digest = a->digest;
    uint64_t size = a->size;
    enum rf_probe how = a->how;
    RF_CLEANUP(rf_freep) char *scope = rf_registry_scope(g, repo, RF_RIGHT_PULL);
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    int rc = rf_registry_blob_url(g, repo, digest, &url, err);
    if (rc < 0)
        return rc;
    /* No byte of an empty blob can be asked for. */
    if (size == 0 || (how == RF_PROBE_HEAD && !rf_remote_host(g->remote)->disable_head)) {
        rc = probe_head(g, &url, scope, size, err);
        if (rc <= 0)
            return wrap_blob(g, repo, digest, rc, err);
    }
    if (size == 0)
        rc = rf_fail(err, RFE_UNSUPPORTED,
                     "the registry does not tell whether it has the empty blob");
    else
        rc = probe_range(g, &url, scope, size, err);
    return wrap_blob(g, repo, digest, rc, err);
}

static int pull_probe(struct rf_registry *g, void *ctx, bool *stop, struct rf_err *err)
{
    (void)stop;
    return probe_here(g, ctx, err);
}

int rf_registry_probe_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                           uint64_t size, enum rf_probe how, struct rf_err *err)
{
    struct blob_ask a = { .repo = repo, .digest = digest, .size = size, .how = how };
    return rf_registry_pull(rf_registry_of(p), pull_probe, &a, err);
}

static int pull_head(struct rf_registry *g, void *ctx, bool *stop, struct rf_err *err)
{
    const struct blob_ask *a = ctx;
    const char *repo = a->repo;
    const struct rf_digest *digest = a->digest;
    (void)stop;
    RF_CLEANUP(rf_freep) char *scope = rf_registry_scope(g, repo, RF_RIGHT_PULL);
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    rf_http_response_init(&resp);
    int rc = rf_registry_blob_url(g, repo, digest, &url, err);
    if (rc < 0)
        return rc;
    struct rf_request call = {
        .kind = RF_REQ_BLOB_HEAD, .method = RF_HEAD, .url = &url, .scope = scope, .once = g->once
    };
    uint64_t length = UINT64_MAX;
    rc = rf_remote_call(g->remote, &call, &resp, err);
    if (rc == 0)
        rc = content_length(&resp.headers, &length, err);
    if (rc == 0 && length == UINT64_MAX)
        rc = rf_fail(err, RFE_PROTOCOL, "the registry does not tell its size");
    if (rc < 0)
        return wrap_blob(g, repo, digest, rc, err);
    *a->head_size = length;
    if (a->media_type != NULL)
        *a->media_type = rf_xstrdup(rf_headers_get(&resp.headers, "content-type"));
    if (a->headers != NULL) {
        *a->headers = resp.headers;
        resp.headers = (struct rf_headers){ 0 };
    }
    return 0;
}

int rf_registry_head_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                          uint64_t *size, char **media_type, struct rf_err *err)
{
    struct blob_ask a = {
        .repo = repo, .digest = digest, .head_size = size, .media_type = media_type
    };
    return rf_registry_pull(rf_registry_of(p), pull_head, &a, err);
}

int rf_registry_blob_headers(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                             uint64_t *size, struct rf_headers *headers, struct rf_err *err)
{
    struct blob_ask a = { .repo = repo, .digest = digest, .head_size = size, .headers = headers };
    *headers = (struct rf_headers){ 0 };
    return rf_registry_pull(rf_registry_of(p), pull_head, &a, err);
}

/* ---- fetching ---- */

/* Passes bytes on to the caller's sink and knows where the blob stands, across answers. */
struct pour {
    struct rf_sink base;
    struct rf_sink *to;
    uint64_t pos, size;
    uint64_t skip;     /* of this answer: bytes that the sink has already */
    bool ranged;       /* this request asked for a part */
    bool whole;        /* no more parts are asked for: the registry answers with others */
    bool framed;       /* the answer says where it ends, so that a short one is no accident */
    bool empty;        /* the answer announced the blob and was over without a byte of it */
    int odd, failed;   /* what is wrong with the answer; what the sink failed with */
    struct rf_err why; /* of either */
};

static int pour_write(struct rf_sink *s, const void *data, size_t n, struct rf_err *err)
{
    struct pour *p = (struct pour *)s;
    size_t skip = p->skip < n ? (size_t)p->skip : n;
    size_t rest = n - skip;
    if (rest > p->size - p->pos) {
        p->odd = rf_fail(&p->why, RFE_SIZE_MISMATCH, "want %llu bytes, the registry sends more",
                         (unsigned long long)p->size);
        return rf_fail(err, RFE_SIZE_MISMATCH, "%s", p->why.msg);
    }
    if (rest > 0) {
        int rc = rf_sink_write(p->to, (const char *)data + skip, rest, err);
        if (rc == -RFE_AGAIN)
            return rc; /* nothing of it is taken */
        if (rc < 0) {
            p->failed = rc;
            p->why = *err;
            return rc;
        }
    }
    p->skip -= skip;
    p->pos += rest;
    return 0;
}

static void pour_free(struct rf_sink *s)
{
    (void)s;
}

static const struct rf_sink_ops pour_ops = { .write = pour_write, .free = pour_free };

static bool accept_part(struct pour *p, const struct rf_headers *headers)
{
    uint64_t first = 0;
    uint64_t last = 0;
    uint64_t total = UINT64_MAX;
    if (!p->ranged ||
        rf_content_range(rf_headers_get(headers, "content-range"), &first, &last, &total, NULL) <
            0 ||
        first != p->pos || last >= p->size || (total != UINT64_MAX && total != p->size)) {
        p->whole = true;
        p->odd = rf_fail(&p->why, RFE_PROTOCOL,
                         "the answer is not the part from byte %llu of %llu that was asked for",
                         (unsigned long long)p->pos, (unsigned long long)p->size);
        return false;
    }
    p->skip = 0;
    return true;
}

/* In the I/O thread, before the first byte of the body. */
static bool accept_answer(void *ctx, int status, const struct rf_headers *headers)
{
    struct pour *p = ctx;
    uint64_t length = UINT64_MAX;
    p->odd = content_length(headers, &length, &p->why);
    p->framed = length != UINT64_MAX || rf_headers_get(headers, "transfer-encoding") != NULL;
    if (p->odd < 0)
        return false;
    if (status == 206)
        return accept_part(p, headers);
    if (status != 200) {
        p->odd = rf_fail(&p->why, RFE_PROTOCOL, "unexpected http status code [http %d]", status);
        return false;
    }
    if (length != UINT64_MAX && length != p->size) {
        p->odd = rf_fail(&p->why, RFE_SIZE_MISMATCH, "want %llu bytes, the registry sends %llu",
                         (unsigned long long)p->size, (unsigned long long)length);
        return false;
    }
    p->skip = p->pos; /* Range was not heeded: pass over what is there */
    return true;
}

static int fetch_once(struct rf_registry *g, const struct rf_url *url, const char *scope,
                      struct pour *p, struct rf_err *err)
{
    RF_CLEANUP(rf_freep)
    char *range = rf_xasprintf("Range: bytes=%llu-", (unsigned long long)p->pos);
    const char *headers[] = { range };
    struct rf_request call = {
        .kind = RF_REQ_BLOB_GET, .method = RF_GET, .url = url, .scope = scope, .headers = headers
    };
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    rf_http_response_init(&resp);
    p->ranged = p->pos > 0 && !p->whole;
    p->odd = 0;
    p->empty = false;
    call.n_headers = p->ranged ? 1 : 0;
    call.sink = &p->base;
    call.accept = accept_answer;
    call.accept_ctx = p;
    call.cut_body = true;
    call.once = true;
    int rc = rf_remote_call(g->remote, &call, &resp, err);
    p->empty = rc == -RFE_UNREACHABLE && resp.closed_early && p->odd == 0 && p->pos == 0;
    if (p->failed < 0 || p->odd < 0) {
        if (err != NULL)
            *err = p->why;
        return p->failed < 0 ? p->failed : p->odd;
    }
    if (rc == 0 && p->pos < p->size)
        rc = rf_fail(err, p->framed ? RFE_SIZE_MISMATCH : RFE_UNREACHABLE,
                     "want %llu bytes, the registry sends %llu", (unsigned long long)p->size,
                     (unsigned long long)p->pos);
    return rc;
}

/*
 * A part shorter than asked for is allowed (RFC 9110, 15.3.7): go on behind it as long as there is progress. A registry that announces the blob and
 * ends its answer before the first byte, twice, has lost it (reliability-security 3.0): as for a probe, that is "not found".
 */
static int fetch_all(struct rf_registry *g, const struct rf_url *url, const char *scope,
                     struct pour *p, struct rf_err *err)
{
    unsigned tries = 0, empty = 0;
    for (;;) {
        struct rf_err e = RF_ERR_INIT;
        uint64_t before = p->pos;
        /* The sink remembers a failure for ever, ours must not outlive the answer that it is about. */
        p->base.failed = 0;
        int rc = fetch_once(g, url, scope, p, &e);
        if (rc == 0)
            return 0;
        bool moved = p->pos > before;
        if (p->whole &&
            p->ranged) /* the wrong part: once more, from the start, passing over what is there */
            continue;
        bool short_part =
            rc == -RFE_SIZE_MISMATCH && p->odd == 0 && p->failed == 0 && p->ranged && moved;
        tries = moved ? 1 : tries + 1;
        empty = p->empty ? empty + 1 : 0;
        if (empty >= EMPTY_ANSWERS_MAX)
            return rf_fail(err, RFE_NOT_FOUND, "the registry announces it and cannot read it");
        if (p->failed < 0 || tries >= rf_registry_tries(g) ||
            (!rf_error_retryable(rc) && !short_part)) {
            if (err != NULL)
                *err = e;
            return rc;
        }
        rc = short_part ? 0 : rf_remote_pause(g->remote, tries, &e, err);
        if (rc < 0)
            return rc;
    }
}

/* The empty blob: that it is there is all there is to fetch. */
static int fetch_empty(struct rf_registry *g, const struct rf_url *url, const char *scope,
                       struct rf_err *err)
{
    struct rf_request call = {
        .kind = RF_REQ_BLOB_GET, .method = RF_GET, .url = url, .scope = scope
    };
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    rf_http_response_init(&resp);
    call.body_max = 1;
    call.cut_body = true;
    call.once = g->once;
    int rc = rf_remote_call(g->remote, &call, &resp, err);
    if (rc == 0 && resp.body.len > 0)
        rc = rf_fail(err, RFE_SIZE_MISMATCH, "want 0 bytes, the registry sends more");
    return rc;
}

/* The next one goes on where this one ended. */
static int pull_blob(struct rf_registry *g, void *ctx, bool *stop, struct rf_err *err)
{
    const struct blob_ask *a = ctx;
    RF_CLEANUP(rf_freep) char *scope = rf_registry_scope(g, a->repo, RF_RIGHT_PULL);
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    int rc = rf_registry_blob_url(g, a->repo, a->digest, &url, err);
    if (rc < 0)
        return rc;
    a->pour->whole = false;
    if (a->size == 0)
        rc = fetch_empty(g, &url, scope, err);
    else if (a->pour->pos < a->size) /* behind the last byte there is nothing to ask for */
        rc = fetch_all(g, &url, scope, a->pour, err);
    *stop = a->pour->failed < 0;
    return wrap_blob(g, a->repo, a->digest, rc, err);
}

int rf_registry_get_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                         uint64_t size, uint64_t offset, struct rf_sink *sink, struct rf_err *err)
{
    struct pour pour = { .base.ops = &pour_ops, .to = sink, .pos = offset, .size = size };
    struct blob_ask a = { .repo = repo, .digest = digest, .size = size, .pour = &pour };
    return rf_registry_pull(rf_registry_of(p), pull_blob, &a, err);
}
