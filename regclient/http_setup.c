/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "regclient/http_private.h"

#define CONNECT_MS 10000L
#define CLEANUP_MS 3000L
#define SMALL_BUFFER (16L << 10)
#define BODY_BUFFER (64L << 10)

/* Parks the failure; curl then reports a write or read error, and settle() prefers ours. */
static size_t park(struct rf_http_exchange *x, int rc)
{
    x->rc = rc;
    return 0;
}

/* ---- headers ---- */

static int status_of(struct rf_slice line)
{
    const char *space = memchr(line.ptr, ' ', line.len);
    size_t at = space != NULL ? (size_t)(space - line.ptr) + 1 : line.len;
    uint64_t n = 0;
    if (at + 3 > line.len || rf_parse_u64(rf_slice_of(line.ptr + at, 3), 999, &n, NULL) < 0)
        return 0;
    return (int)n;
}

static void note_status_text(struct rf_http_exchange *x, struct rf_slice line)
{
    const char *space = memchr(line.ptr, ' ', line.len);
    const char *from = space != NULL ? space + 1 : line.ptr + line.len;
    (void)rf_text_safe_fixed(x->status_text, sizeof(x->status_text),
                             rf_slice_of(from, (size_t)(line.ptr + line.len - from)));
}

/* We ask for no encoding; what comes encoded all the same could not be counted or hashed as what it stands for. */
static int check_encoding(const struct rf_http_exchange *x, struct rf_err *err)
{
    const char *value = rf_headers_get(&x->resp->headers, "content-encoding");
    if (value == NULL || value[0] == '\0' || strcmp(value, "identity") == 0)
        return 0;
    if (x->req->method == RF_HEAD || x->resp->status < 200 || x->resp->status > 299)
        return 0;
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(value), 40);
    return rf_fail(err, RFE_PROTOCOL,
                   "the answer is encoded as %s although nothing of the kind was asked for", shown);
}

static int end_of_headers(struct rf_http_exchange *x)
{
    const struct rf_http_request *req = x->req;
    int status = x->resp->status;
    if (status < 200) {
        rf_headers_clear(&x->resp->headers); /* 1xx: the answer itself comes later */
        return 0;
    }
    x->headers_over = true;
    int rc = check_encoding(x, &x->err);
    if (rc < 0)
        return rc;
    if (req->on_headers != NULL)
        req->on_headers(req->on_headers_ctx, status, &x->resp->headers);
    x->to_sink = req->sink != NULL && status >= 200 && status <= 299 &&
                 (req->accept == NULL || req->accept(req->accept_ctx, status, &x->resp->headers));
    return 0;
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
    struct rf_http_exchange *x = ctx;
    struct rf_slice line = rf_slice_of(p, size * n);
    if (x->headers_over)
        return line.len; /* trailers: nothing in them is of use */
    x->header_bytes += line.len;
    x->header_lines++;
    if (x->header_bytes > RF_HEADERS_MAX || x->header_lines > RF_HEADER_LINES_MAX)
        return park(x, rf_fail(&x->err, RFE_TOO_LARGE,
                               "the headers of the answer are over %u bytes or %u lines",
                               RF_HEADERS_MAX, (unsigned)RF_HEADER_LINES_MAX));
    struct rf_slice text = line;
    while (text.len > 0 && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
        text.len--;
    int rc = 0;
    if (rf_slice_starts(text, "HTTP/")) {
        rf_headers_clear(&x->resp->headers);
        x->resp->status = status_of(text);
        note_status_text(x, text);
    } else if (text.len == 0) {
        rc = end_of_headers(x);
    } else {
        rc = rf_headers_add(&x->resp->headers, text, &x->err);
    }
    return rc < 0 ? park(x, rc) : line.len;
}

/* ---- bodies ---- */

static size_t to_sink(struct rf_http_exchange *x, const char *p, size_t n)
{
    struct rf_http_response *resp = x->resp;
    if (x->req->sink_max != 0 && (n > x->req->sink_max || resp->sunk > x->req->sink_max - n))
        return park(x, rf_fail(&x->err, RFE_SIZE_MISMATCH, "the answer is longer than %llu bytes",
                               (unsigned long long)x->req->sink_max));
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_sink_write(x->req->sink, p, n, &err);
    if (rc == -RFE_AGAIN) {
        x->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (rc < 0) {
        x->err = err;
        return park(x, rc);
    }
    resp->sunk += n;
    resp->received += n;
    return n;
}

static size_t on_body(char *p, size_t size, size_t nmemb, void *ctx)
{
    struct rf_http_exchange *x = ctx;
    struct rf_http_response *resp = x->resp;
    size_t n = size * nmemb;
    if (n == 0)
        return 0;
    if (x->to_sink)
        return to_sink(x, p, n);
    size_t room = resp->body.max - resp->body.len;
    rf_buf_add(&resp->body, p, n < room ? n : room);
    resp->received += n;
    if (n <= room)
        return n;
    if (resp->status >= 200 && resp->status <= 299 && !x->req->cut_body)
        return park(x, rf_fail(&x->err, RFE_TOO_LARGE, "the answer is longer than %zu bytes",
                               resp->body.max));
    x->stopped = true;
    return 0;
}

static size_t read_source(struct rf_http_exchange *x, char *p, size_t n)
{
    struct rf_err err = RF_ERR_INIT;
    ssize_t got = rf_source_read(x->req->body_source, p, n, &err);
    if (got == -RFE_AGAIN) {
        x->paused = true;
        return CURL_READFUNC_PAUSE;
    }
    if (got > 0)
        return (size_t)got;
    x->err = err;
    if (got == 0)
        got = rf_fail(&x->err, RFE_SIZE_MISMATCH, "the content ends after %llu of %llu bytes",
                      (unsigned long long)x->body_pos, (unsigned long long)x->req->body_size);
    (void)park(x, (int)got);
    return CURL_READFUNC_ABORT;
}

static size_t on_upload(char *p, size_t size, size_t nmemb, void *ctx)
{
    struct rf_http_exchange *x = ctx;
    bool streamed = x->req->body_source != NULL;
    uint64_t all = streamed ? x->req->body_size : x->req->body.len;
    size_t n = size * nmemb;
    if (n > all - x->body_pos)
        n = (size_t)(all - x->body_pos);
    if (n == 0)
        return 0;
    if (streamed)
        n = read_source(x, p, n);
    else
        memcpy(p, x->req->body.ptr + x->body_pos, n);
    if (n == CURL_READFUNC_ABORT || n == CURL_READFUNC_PAUSE)
        return n;
    x->body_pos += n;
    x->resp->sent += n;
    return n;
}

/*
 * The library sends a request again by itself when a kept connection turns out to be dead, however much of the body went out before. Half an
 * upload may have arrived then, and a second one would be put behind it: once bytes were taken, the caller decides.
 */
static int on_rewind(void *ctx, curl_off_t offset, int origin)
{
    struct rf_http_exchange *x = ctx;
    return origin == SEEK_SET && offset == 0 && x->body_pos == 0 ? CURL_SEEKFUNC_OK
                                                                 : CURL_SEEKFUNC_FAIL;
}

/* ---- connections ---- */

static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *addr)
{
    struct rf_http_exchange *x = ctx;
    unsigned class = rf_addr_classify(&addr->addr);
    if (purpose == CURLSOCKTYPE_IPCXN && x->req->foreign && !x->proxied &&
        (class & ~x->req->allow_addr) != 0) {
        x->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(addr->family, addr->socktype | SOCK_CLOEXEC, addr->protocol);
}

static void set_pem(CURL *e, CURLoption option, const char *pem)
{
    /* The library only reads it, whatever the type says. */
    union {
        const char *in;
        char *out;
    } text = { .in = pem };
    struct curl_blob blob = { .data = text.out, .len = strlen(pem), .flags = CURL_BLOB_NOCOPY };
    curl_easy_setopt(e, option, &blob);
}

static void set_tls(CURL *e, const struct rf_http_lane *lane)
{
    const struct rf_http_lane_key *key = &lane->key;
    const struct rf_http_trust *trust = &lane->http->trust;
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, key->insecure ? 0L : 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, key->insecure ? 0L : 2L);
    curl_easy_setopt(e, CURLOPT_CAPATH, key->insecure ? NULL : trust->dir);
    curl_easy_setopt(e, CURLOPT_CAINFO, key->insecure ? NULL : trust->file);
    if (lane->trust_pem != NULL)
        set_pem(e, CURLOPT_CAINFO_BLOB, lane->trust_pem);
    else if (key->ca_pem != NULL)
        set_pem(e, CURLOPT_CAINFO_BLOB, key->ca_pem);
    if (key->cert_pem != NULL) {
        curl_easy_setopt(e, CURLOPT_SSLCERTTYPE, "PEM");
        curl_easy_setopt(e, CURLOPT_SSLKEYTYPE, "PEM");
        set_pem(e, CURLOPT_SSLCERT_BLOB, key->cert_pem);
        set_pem(e, CURLOPT_SSLKEY_BLOB, key->key_pem);
    }
    curl_easy_setopt(e, CURLOPT_SHARE, lane->share);
}

static void set_method(struct rf_http_exchange *x)
{
    const struct rf_http_request *req = x->req;
    CURL *e = x->easy;
    bool body = req->method == RF_PUT || req->method == RF_POST || req->method == RF_PATCH;
    if (req->method == RF_HEAD) {
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    } else if (body) {
        uint64_t size = req->body_source != NULL ? req->body_size : req->body.len;
        curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
        curl_easy_setopt(e, CURLOPT_READFUNCTION, on_upload);
        curl_easy_setopt(e, CURLOPT_READDATA, x);
        curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_rewind);
        curl_easy_setopt(e, CURLOPT_SEEKDATA, x);
        curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE,
                         size > (uint64_t)SMALL_BUFFER ? BODY_BUFFER : SMALL_BUFFER);
    }
    if (req->method != RF_HEAD && req->method != RF_GET && req->method != RF_PUT)
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, rf_http_method_name(req->method));
}

static int add_header(struct rf_http_exchange *x, const char *line, struct rf_err *err)
{
    struct curl_slist *grown = curl_slist_append(x->header_list, line);
    if (grown == NULL)
        return rf_fail(err, ENOMEM, "no memory for the headers of a request");
    x->header_list = grown;
    return 0;
}

static int set_headers(struct rf_http_exchange *x, struct rf_err *err)
{
    bool accept = false;
    /* No "Expect: 100-continue": it costs a round trip for every upload. */
    int rc = x->req->method == RF_PUT || x->req->method == RF_POST || x->req->method == RF_PATCH
                 ? add_header(x, "Expect:", err)
                 : 0;
    for (size_t i = 0; rc == 0 && i < x->req->n_headers; i++) {
        const char *line = x->req->headers[i];
        if (strpbrk(line, "\r\n") != NULL)
            return rf_fail(err, RFE_INVALID, "a header of the request has a line end");
        accept = accept || strncmp(line, "Accept:", 7) == 0;
        rc = add_header(x, line, err);
    }
    if (rc == 0 && !accept)
        rc = add_header(x, "Accept:", err); /* not the one of the library */
    if (rc == 0)
        curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->header_list);
    return rc;
}

static void set_limits(struct rf_http_exchange *x)
{
    CURL *e = x->easy;
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    if (x->req->cleanup)
        curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, CLEANUP_MS);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, x->req->sink != NULL ? BODY_BUFFER : SMALL_BUFFER);
}

int rf_http_prepare(struct rf_http_exchange *x, struct rf_err *err)
{
    CURL *e = x->easy;
    const struct rf_http *http = x->lane->http;
    RF_CLEANUP(rf_freep) char *url = rf_url_text(x->req->url);
    const char *proxy = rf_http_proxy_for(http->proxy, x->req->url);
    x->proxied = proxy != NULL;
    curl_easy_setopt(e, CURLOPT_PRIVATE, x);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, x->curl_text);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_URL, url);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    /* One version for all: what pauses, cuts and resumes behaves the same everywhere, and it costs the least CPU. */
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_USERAGENT, http->user_agent);
    curl_easy_setopt(e, CURLOPT_PROXY, proxy != NULL ? proxy : "");
    curl_easy_setopt(e, CURLOPT_NOPROXY, "");
    curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, x);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
    set_limits(x);
    if (x->req->url->https)
        set_tls(e, x->lane);
    set_method(x);
    return set_headers(x, err);
}
