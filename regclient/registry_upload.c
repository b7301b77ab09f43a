/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storing blobs (end-4 to end-6, end-11, end-13, end-14). One PUT with everything is tried first: it costs the fewest requests, and some
 * registries know nothing else. What breaks off is continued where the registry says it stands, or started over; what a registry refuses as
 * too large goes in chunks.
 */
#include "base/cancel.h"
#include "base/mem.h"
#include "base/text.h"
#include "regclient/registry_private.h"

#define REPAIRS_MAX 10u
#define CHUNKED_FROM_TRY 3u

static const char *const body_headers[] = { "Content-Type: application/octet-stream" };

struct upload {
    struct rf_registry *g;
    const char *repo;
    const struct rf_digest *digest;
    uint64_t size;
    struct rf_source *src;
    uint64_t src_pos; /* where the source stands */
    char *scope;
    struct rf_url home;  /* where uploads start; of the registry's own origin */
    struct rf_url where; /* the session, changes with each answer */
    bool open;           /* there is a session that the registry may hold */
    bool again;          /* the failure ends the session, not the upload */
    bool chunked;        /* not in one PUT */
    uint64_t chunk;
    unsigned repairs;
};

static void upload_release(struct upload *u)
{
    free(u->scope);
    rf_url_release(&u->home);
    rf_url_release(&u->where);
}

static struct rf_request call_of(const struct upload *u, enum rf_request_kind kind,
                                 enum rf_http_method method, const struct rf_url *url)
{
    struct rf_request call = {
        .kind = kind, .method = method, .url = url, .scope = u->scope, .any_status = true
    };
    return call;
}

static bool is_success(const struct rf_http_response *resp)
{
    return resp->status >= 200 && resp->status <= 299;
}

/*
 * Where the session goes on. A proxy in front of the registry may have told it the wrong scheme: on the same host it is lifted to ours. Another
 * origin must be https (rule 13 of reliability-security 1a); no login goes there.
 */
static int take_location(struct upload *u, const struct rf_http_response *resp,
                         const struct rf_url *base, struct rf_err *err)
{
    const char *location = rf_headers_get(&resp->headers, "location");
    RF_CLEANUP(rf_url_release) struct rf_url next = RF_URL_INIT;
    if (location == NULL)
        return rf_fail(err, RFE_PROTOCOL, "the registry does not say where to upload to");
    int rc = rf_url_resolve(base, location, &next, err);
    if (rc < 0)
        return rf_wrap(err, rc, "Location of the upload");
    if (!next.https && u->home.https && strcmp(next.host, u->home.host) == 0) {
        next.https = true;
        next.port = u->home.port;
    }
    if (!rf_url_same_origin(&next, &u->home) && !next.https) {
        RF_CLEANUP(rf_freep) char *text = rf_url_safe(&next);
        rc = rf_fail(err, RFE_REFUSED, "the registry wants the upload at %s, which is not https",
                     text);
        return rf_hint(err, rc, "behind a proxy it may lack X-Forwarded-Proto and Host");
    }
    rf_url_release(&u->where);
    u->where = next;
    next = (struct rf_url)RF_URL_INIT;
    return 0;
}

static int move_source(struct upload *u, uint64_t pos, struct rf_err *err)
{
    if (u->src_pos == pos)
        return 0;
    int rc = rf_source_seek(u->src, pos, err);
    if (rc == 0)
        u->src_pos = pos;
    return rc;
}

/* Best effort, and short: a session that stays behind ends by itself some day. */
static void cancel_session(struct upload *u)
{
    if (!u->open)
        return;
    struct rf_request call = call_of(u, RF_REQ_UPLOAD_CANCEL, RF_DELETE, &u->where);
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    rf_http_response_init(&resp);
    call.cleanup = true;
    struct rf_err ignored;
    if (rf_remote_call(u->g->remote, &call, &resp, &ignored) < 0)
        resp.status = 0;
    u->open = false;
}

static bool is_there(struct upload *u)
{
    struct rf_err ignored;
    return rf_registry_probe_blob(&u->g->base, u->repo, u->digest, u->size, RF_PROBE_HEAD,
                                  &ignored) == 0;
}

/* Some registries store what was sent as sha512 under its sha256 and say so; nobody would find it. */
static int check_stored(const struct upload *u, const struct rf_http_response *resp,
                        struct rf_err *err)
{
    const char *value = rf_headers_get(&resp->headers, "docker-content-digest");
    struct rf_digest got;
    if (value == NULL || rf_digest_parse(rf_slice_str(value), &got, NULL) < 0 ||
        rf_digest_eq(&got, u->digest))
        return 0;
    char text[RF_DIGEST_TEXT];
    return rf_fail(err, RFE_PROTOCOL, "the registry stored it as %s", rf_digest_text(&got, text));
}

static int start_session(struct upload *u, struct rf_err *err)
{
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    rf_http_response_init(&resp);
    rf_url_copy(&u->home, &url);
    if (u->digest->algo != RF_DIGEST_SHA256)
        rf_url_add_query(&url, "digest-algorithm", rf_digest_algo_name(u->digest->algo));
    struct rf_request call = call_of(u, RF_REQ_UPLOAD_POST, RF_POST, &url);
    call.any_status = false; /* the failure then says as well what became of the login */
    struct rf_err e = RF_ERR_INIT;
    int rc = rf_remote_call(u->g->remote, &call, &resp, &e);
    if (rc < 0 && rf_answer_has_code(&resp, "NAME_UNKNOWN"))
        (void)rf_hint(&e, rc, "the repository may have to be created first");
    /* All logins were tried, and nothing of the body was sent: no token that ended while it was. */
    if (rc == -RFE_DENIED)
        e.http_status = 0;
    if (rc < 0) {
        if (err != NULL)
            *err = e;
        return rc;
    }
    rc = take_location(u, &resp, &url, err);
    if (rc < 0)
        return rc;
    u->open = true;
    const char *least = rf_headers_get(&resp.headers, "oci-chunk-min-length");
    uint64_t n = 0;
    if (least != NULL && rf_parse_u64(rf_slice_str(least), RF_CHUNK_MAX, &n, NULL) == 0 &&
        n > u->chunk)
        u->chunk = n;
    return 0;
}

/* 1: *received is what the registry holds of the session. 0: it does not know. */
static int ask_status(struct upload *u, uint64_t *received, struct rf_err *err)
{
    struct rf_request call = call_of(u, RF_REQ_UPLOAD_STATUS, RF_GET, &u->where);
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    RF_CLEANUP(rf_url_release) struct rf_url base = RF_URL_INIT;
    rf_http_response_init(&resp);
    int rc = rf_remote_call(u->g->remote, &call, &resp, err);
    if (rc < 0)
        return rc;
    if (resp.status == 404)
        u->open = false;
    if (!is_success(&resp) ||
        rf_upload_range(rf_headers_get(&resp.headers, "range"), received, NULL) < 0 ||
        *received > u->size)
        return 0;
    rf_url_copy(&u->where, &base);
    if (rf_headers_get(&resp.headers, "location") != NULL) {
        rc = take_location(u, &resp, &base, err);
        if (rc < 0)
            return rc;
    }
    return 1;
}

/* The last step of every upload: closes the session with the digest, with all bytes or none. */
static int send_put(struct upload *u, bool with_body, struct rf_http_response *resp,
                    struct rf_err *err)
{
    char text[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    rf_url_copy(&u->where, &url);
    rf_url_add_query(&url, "digest", rf_digest_text(u->digest, text));
    struct rf_request call = call_of(u, RF_REQ_UPLOAD_PUT, RF_PUT, &url);
    call.headers = body_headers;
    call.n_headers = 1;
    call.once = true;
    if (with_body && u->size > 0) {
        call.body_source = u->src;
        call.body_size = u->size;
    }
    int rc = rf_remote_call(u->g->remote, &call, resp, err);
    if (with_body && resp->sent > 0)
        u->src_pos = UINT64_MAX; /* somewhere: must be rewound before it is read again */
    if (rc < 0)
        return rc;
    if (!is_success(resp))
        return rf_remote_fail(&call, resp, err);
    u->open = false;
    return check_stored(u, resp, err);
}

/* Statuses with which registries and proxies say that a body is too large for them. */
static bool too_large(const struct rf_http_response *resp)
{
    return resp->status == 413 || resp->status == 416 || rf_answer_has_code(resp, "SIZE_INVALID");
}

/* ---- chunks ---- */

/* 1: *next is where to go on. */
static int judge_chunk(struct upload *u, const struct rf_url *base,
                       const struct rf_http_response *resp, uint64_t pos, uint64_t n,
                       uint64_t *next, struct rf_err *err)
{
    const char *range = rf_headers_get(&resp->headers, "range");
    uint64_t received = pos + n;
    if (rf_headers_get(&resp->headers, "location") != NULL) {
        int rc = take_location(u, resp, base, err);
        if (rc < 0)
            return rc;
    }
    if (range != NULL) {
        int rc = rf_upload_range(range, &received, err);
        if (rc < 0)
            return rc;
        if (received == 0 && pos + n == 1)
            received = 1; /* "0-0" after one byte */
    }
    if (received > pos + n)
        return rf_fail(err, RFE_PROTOCOL, "the registry claims %llu bytes of %llu sent",
                       (unsigned long long)received, (unsigned long long)(pos + n));
    *next = received;
    return 1;
}

/* After a chunk that went wrong: 1 and where to go on, 0 when the registry does not know, or the failure `rc` when it is final. */
static int repair(struct upload *u, const struct rf_url *base, const struct rf_http_response *resp,
                  int rc, uint64_t *next, struct rf_err *err)
{
    if (rc != 0 && !rf_error_retryable(rc) && rc != -RFE_FAILED && rc != -RFE_NOT_FOUND)
        return rc;
    if (++u->repairs > REPAIRS_MAX)
        return rc;
    uint64_t held = 0;
    if (resp->status == 416 && rf_headers_get(&resp->headers, "location") != NULL &&
        rf_upload_range(rf_headers_get(&resp->headers, "range"), &held, NULL) == 0 &&
        held <= u->size) {
        *next = held;
        return take_location(u, resp, base, err) < 0 ? -err->code : 1;
    }
    if (resp->status == 0 || rf_error_retryable(rc)) {
        struct rf_err cause = *err;
        int paused = rf_remote_pause(u->g->remote, u->repairs, &cause, err);
        if (paused < 0)
            return paused;
    }
    return ask_status(u, next, err);
}

/* One chunk from *pos on; *pos moves to where the registry stands then. */
static int send_chunk(struct upload *u, uint64_t *pos, bool *created, struct rf_err *err)
{
    uint64_t n = u->size - *pos < u->chunk ? u->size - *pos : u->chunk;
    RF_CLEANUP(rf_freep)
    char *range = rf_xasprintf("Content-Range: %llu-%llu", (unsigned long long)*pos,
                               (unsigned long long)(*pos + n - 1));
    const char *headers[] = { body_headers[0], range };
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    rf_http_response_init(&resp);
    int rc = move_source(u, *pos, err);
    if (rc < 0)
        return rc;
    rf_url_copy(&u->where, &url);
    struct rf_request call = call_of(u, RF_REQ_UPLOAD_PATCH, RF_PATCH, &url);
    call.headers = headers;
    call.n_headers = 2;
    call.body_source = u->src;
    call.body_size = n;
    call.body_offset = *pos;
    call.once = true;
    rc = rf_remote_call(u->g->remote, &call, &resp, err);
    u->src_pos = rc == 0 && is_success(&resp) ? *pos + n : UINT64_MAX;
    if (rc == 0 && is_success(&resp)) {
        *created = resp.status == 201;
        rc = judge_chunk(u, &url, &resp, *pos, n, pos, err);
        return rc < 0 ? rc : 0;
    }
    if (rc == 0)
        rc = rf_remote_fail(&call, &resp, err);
    struct rf_err cause = *err;
    uint64_t next = 0;
    int fixed = repair(u, &url, &resp, rc, &next, err);
    if (fixed == 1) {
        *pos = next;
        return 0;
    }
    u->again = rf_error_retryable(rc) || rc == -RFE_NOT_FOUND || resp.status == 416;
    /* Registries with a least size of chunks do not all say what it is. */
    if (resp.status == 400 && u->chunk < RF_CHUNK_ECR && u->size > u->chunk) {
        u->chunk = RF_CHUNK_ECR;
        u->again = true;
    }
    if (fixed == 0)
        *err = cause;
    return fixed == 0 ? rc : fixed;
}

static int send_chunks(struct upload *u, uint64_t from, struct rf_err *err)
{
    uint64_t pos = from;
    bool created = false;
    while (pos < u->size) {
        int rc = send_chunk(u, &pos, &created, err);
        if (rc < 0)
            return rc;
    }
    /* A registry that answered 201 may have closed the session itself, and refuse to do it again. */
    if (created && is_there(u)) {
        u->open = false;
        return 0;
    }
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    rf_http_response_init(&resp);
    int rc = send_put(u, false, &resp, err);
    if (rc == 0 || rc == -RFE_PROTOCOL)
        return rc;
    struct rf_err cause = *err;
    /* Also a plain refusal may mean that it is there already. */
    if (rc != -RFE_CANCELLED && rc != -RFE_TERMINATED && is_there(u)) {
        u->open = false;
        return 0;
    }
    u->again = rf_error_retryable(rc) || resp.status == 404 || resp.status == 416;
    *err = cause;
    return rc;
}

/* ---- in one ---- */

/* The connection broke: all may have arrived, a part, or nothing. */
static int after_break(struct upload *u, const struct rf_http_response *resp, int rc,
                       struct rf_err *err)
{
    struct rf_err cause = *err;
    u->again = true;
    if (resp->sent == u->size && is_there(u)) {
        u->open = false;
        return 0;
    }
    uint64_t received = 0;
    if (rf_source_can_seek(u->src) && u->size > 0 && ask_status(u, &received, err) == 1 &&
        received > 0)
        return send_chunks(u, received, err);
    *err = cause;
    return rc;
}

/* Some registries answer so for what they have kept, or what came in by another way meanwhile. */
static bool may_be_there(const struct rf_http_response *resp)
{
    return resp->status == 400 || resp->status == 409 || resp->status == 412 || resp->status >= 500;
}

static int send_whole(struct upload *u, struct rf_err *err)
{
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    rf_http_response_init(&resp);
    int rc = move_source(u, 0, err);
    if (rc < 0)
        return rc;
    rc = send_put(u, true, &resp, err);
    if (rc == 0 || rc == -RFE_PROTOCOL || rc == -RFE_CANCELLED || rc == -RFE_TERMINATED)
        return rc;
    if (rc == -RFE_UNREACHABLE)
        return after_break(u, &resp, rc, err);
    if (resp.status != 0 && too_large(&resp) && u->size > 0) {
        u->chunked = true;
        u->again = true;
        if (u->size < atomic_load(&u->g->whole_max))
            atomic_store(&u->g->whole_max, u->size);
        return rc;
    }
    if (may_be_there(&resp)) {
        struct rf_err cause = *err;
        if (is_there(u)) {
            u->open = false;
            return 0;
        }
        *err = cause;
    }
    u->again = rf_error_retryable(rc) || resp.status == 404;
    return rc;
}

static int run_session(struct upload *u, struct rf_err *err)
{
    u->again = false;
    u->repairs = 0;
    int rc = start_session(u, err);
    if (rc < 0)
        return rc; /* the request was repeated already */
    rc = u->chunked ? send_chunks(u, 0, err) : send_whole(u, err);
    if (rc < 0)
        cancel_session(u);
    return rc;
}

static int run_upload(struct upload *u, struct rf_err *err)
{
    for (unsigned tries = 1;; tries++) {
        struct rf_err e = RF_ERR_INIT;
        bool chunked = u->chunked;
        uint64_t chunk = u->chunk;
        int rc = run_session(u, &e);
        if (rc == 0)
            return 0;
        bool again = u->again && tries < RF_TRIES_MAX &&
                     (u->src_pos == 0 || rf_source_can_seek(u->src)) && !rf_cancelled();
        if (again && u->chunked == chunked && u->chunk == chunk) {
            struct rf_err cause = e;
            rc = rf_remote_pause(u->g->remote, tries, &cause, &e);
            again = rc == 0;
        }
        if (!again) {
            if (err != NULL)
                *err = e;
            return rc;
        }
        if (tries + 1 >= CHUNKED_FROM_TRY && u->size > 0)
            u->chunked = true;
    }
}

/* That an empty blob is right cannot show while it is sent, since nothing is. */
static int check_empty(struct upload *u, struct rf_err *err)
{
    char extra;
    ssize_t got = rf_source_read(u->src, &extra, 1, err);
    if (got > 0)
        return rf_fail(err, RFE_SIZE_MISMATCH, "want 0 bytes, got more");
    return (int)got;
}

static void choose_way(struct upload *u)
{
    const struct rf_host *host = rf_remote_host(u->g->remote);
    uint64_t least = atomic_load(&u->g->chunk_min);
    u->chunk = host->blob_chunk > 0 ? (uint64_t)host->blob_chunk : RF_CHUNK_DEFAULT;
    if (u->chunk > RF_CHUNK_MAX)
        u->chunk = RF_CHUNK_MAX;
    if (u->chunk < least)
        u->chunk = least;
    u->chunked = u->size > 0 && ((host->blob_max > 0 && u->size > (uint64_t)host->blob_max) ||
                                 u->size >= atomic_load(&u->g->whole_max));
}

int rf_registry_put_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                         uint64_t size, struct rf_source *src, struct rf_err *err)
{
    struct rf_registry *g = rf_registry_of(p);
    char text[RF_DIGEST_TEXT];
    RF_CLEANUP(upload_release)
    struct upload u = { .g = g, .repo = repo, .digest = digest, .size = size, .src = src };
    u.scope = rf_registry_scope(g, repo, RF_RIGHT_PUSH);
    choose_way(&u);
    int rc = rf_registry_url(g, repo, "blobs/uploads/", &u.home, err);
    if (rc == 0 && size == 0)
        rc = check_empty(&u, err);
    if (rc < 0)
        return rc;
    /* Two uploads of one blob into one repository disturb each other at some registries. */
    RF_CLEANUP(rf_freep)
    char *key = rf_xasprintf("upload %s %s", repo, rf_digest_text(digest, text));
    uint64_t chunk = u.chunk;
    rf_key_lock_take(&g->locks, key);
    rc = run_upload(&u, err);
    rf_key_lock_give(&g->locks, key);
    if (rc == 0 && u.chunk > chunk)
        atomic_store(&g->chunk_min, u.chunk);
    return rc < 0 ? rf_wrap(err, rc, "%s/%s: blob %s", p->name, repo, text) : 0;
}

int rf_registry_mount(struct rf_place *p, const char *repo, const char *from_repo,
                      const struct rf_digest *digest, uint64_t size, struct rf_err *err)
{
    struct rf_registry *g = rf_registry_of(p);
    char text[RF_DIGEST_TEXT];
    RF_CLEANUP(upload_release)
    struct upload u = { .g = g, .repo = repo, .digest = digest, .size = size };
    RF_CLEANUP(rf_freep) char *to = rf_registry_scope(g, repo, RF_RIGHT_PUSH);
    RF_CLEANUP(rf_freep) char *from = rf_registry_scope(g, from_repo, RF_RIGHT_PULL);
    RF_CLEANUP(rf_freep) char *from_name = rf_registry_full_name(g, from_repo);
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    rf_http_response_init(&resp);
    u.scope = rf_xasprintf("%s %s", to, from);
    int rc = rf_registry_url(g, repo, "blobs/uploads/", &u.home, err);
    if (rc < 0)
        return rc;
    rf_url_copy(&u.home, &url);
    rf_url_add_query(&url, "mount", rf_digest_text(digest, text));
    rf_url_add_query(&url, "from", from_name);
    struct rf_request call = call_of(&u, RF_REQ_BLOB_MOUNT, RF_POST, &url);
    rc = rf_remote_call(g->remote, &call, &resp, err);
    if (rc == 0 && resp.status == 201)
        return check_stored(&u, &resp, err);
    /* 202 opened an upload that nobody wants. */
    if (rc == 0 && is_success(&resp) && take_location(&u, &resp, &url, err) == 0) {
        u.open = true;
        cancel_session(&u);
    }
    if (rc == 0 && !is_success(&resp))
        rc = rf_remote_fail(&call, &resp, err);
    if (rc == 0 || (!rf_error_retryable(rc) && rc != -RFE_CANCELLED && rc != -RFE_TERMINATED))
        rc = rf_fail(err, RFE_UNSUPPORTED, "the registry does not mount from %s [http %d]",
                     from_repo, resp.status);
    return rf_wrap(err, rc, "%s/%s: blob %s", p->name, repo, text);
}
