/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/host_flag.h"

#include <math.h>

#include "base/mem.h"
#include "base/text.h"
#include "regclient/host_merge.h"
#include "regclient/secret.h"

#define SECRET_MAX (64u << 10)
#define PEM_MAX (1u << 20)

/* ---- the text: key=value,key=value ---- */

struct part {
    char *key, *value;             /* unquoted */
    size_t value_start, value_end; /* of the raw value in the text */
};

static void part_release(struct part *p)
{
    rf_wipe_freep(&p->key);
    rf_wipe_freep(&p->value);
}

/* Reads up to an unquoted byte of `stops` or the end; false when a quote or an escape is left open. */
static bool take_word(const char *text, size_t *at, const char *stops, char *out)
{
    size_t n = 0, i = *at;
    bool quoted = false, escaped = false;
    for (; text[i] != '\0'; i++) {
        if (escaped) {
            out[n++] = text[i];
            escaped = false;
        } else if (text[i] == '\\') {
            escaped = true;
        } else if (text[i] == '"') {
            quoted = !quoted;
        } else if (!quoted && strchr(stops, text[i]) != NULL) {
            break;
        } else {
            out[n++] = text[i];
        }
    }
    out[n] = '\0';
    *at = i;
    return !quoted && !escaped;
}

/* The part at *at, and *at behind it and its comma. False when a quote or an escape is left open: the value then goes to the end. */
static bool next_part(const char *text, size_t *at, struct part *p)
{
    size_t room = strlen(text + *at) + 1;
    p->key = rf_xmalloc(room);
    p->value = rf_xmalloc(room);
    p->value[0] = '\0';
    bool ok = take_word(text, at, "=,", p->key);
    p->value_start = p->value_end = *at;
    if (text[*at] == '=') {
        p->value_start = ++*at;
        ok = take_word(text, at, ",", p->value) && ok;
        p->value_end = *at;
    }
    if (text[*at] == ',')
        ++*at;
    return ok;
}

/* ---- the keys ---- */

struct parsing {
    struct rf_host host;
    unsigned seen; /* bit per row of `keys` */
};

static int set_text(struct rf_host *h, char **to, const char *value, struct rf_err *err)
{
    (void)h;
    (void)err;
    rf_wipe_freep(to);
    *to = rf_xstrdup(value);
    return 0;
}

static int set_number(const char *value, uint64_t max, uint64_t *out, struct rf_err *err)
{
    return rf_parse_u64(rf_slice_str(value), max, out, err);
}

static int read_file(const char *path, size_t max, bool secret, char **to, struct rf_err *err)
{
    char *bytes = NULL;
    size_t len = 0;
    bool exposed = false;
    int rc = rf_secret_file_read(path, max, &bytes, &len, &exposed, err);
    if (rc < 0)
        return rc;
    if (secret && exposed)
        rf_secret_warn_exposed(path);
    size_t end = strlen(bytes);
    /* One line end belongs to the file, not to the password. */
    if (secret && end > 0 && bytes[end - 1] == '\n')
        end--;
    if (secret && end > 0 && bytes[end - 1] == '\r')
        end--;
    if (strlen(bytes) != len)
        rc = rf_fail(err, RFE_INVALID, "%s holds a NUL byte", path);
    else if (end == 0)
        rc = rf_fail(err, RFE_INVALID, "%s is empty", path);
    if (rc == 0) {
        rf_wipe_freep(to);
        *to = rf_xstrndup(bytes, end);
    }
    rf_secret_free(&bytes, len);
    return rc;
}

static int on_reg(struct rf_host *h, const char *v, struct rf_err *err)
{
    return set_text(h, &h->name, v, err);
}
static int on_hostname(struct rf_host *h, const char *v, struct rf_err *err)
{
    return set_text(h, &h->hostname, v, err);
}
static int on_user(struct rf_host *h, const char *v, struct rf_err *err)
{
    return set_text(h, &h->user, v, err);
}
static int on_pass(struct rf_host *h, const char *v, struct rf_err *err)
{
    return set_text(h, &h->pass, v, err);
}
static int on_pass_file(struct rf_host *h, const char *v, struct rf_err *err)
{
    return read_file(v, SECRET_MAX, true, &h->pass, err);
}
static int on_pass_env(struct rf_host *h, const char *v, struct rf_err *err)
{
    const char *value = getenv(v);
    if (value == NULL || value[0] == '\0')
        return rf_fail(err, RFE_INVALID, "the environment has no %.64s", v);
    return set_text(h, &h->pass, value, err);
}
static int on_token(struct rf_host *h, const char *v, struct rf_err *err)
{
    return set_text(h, &h->token, v, err);
}
static int on_token_host(struct rf_host *h, const char *v, struct rf_err *err)
{
    if (!rf_text_is_utf8(rf_slice_str(v)))
        return rf_fail(err, RFE_INVALID, "not UTF-8");
    if (h->api_opts == NULL)
        h->api_opts = json_object();
    if (json_object_set_new(h->api_opts, RF_API_OPT_TOKEN_HOST, json_string(v)) < 0)
        RF_BUG("cannot store a text");
    return 0;
}
static int on_cred_helper(struct rf_host *h, const char *v, struct rf_err *err)
{
    return set_text(h, &h->cred_helper, v, err);
}
static int on_tls(struct rf_host *h, const char *v, struct rf_err *err)
{
    return rf_tls_parse(v, &h->tls, err);
}
static int on_ca_file(struct rf_host *h, const char *v, struct rf_err *err)
{
    return read_file(v, PEM_MAX, false, &h->ca_pem, err);
}
static int on_cert_file(struct rf_host *h, const char *v, struct rf_err *err)
{
    return read_file(v, PEM_MAX, false, &h->client_cert_pem, err);
}
static int on_key_file(struct rf_host *h, const char *v, struct rf_err *err)
{
    return read_file(v, PEM_MAX, true, &h->client_key_pem, err);
}
static int on_path_prefix(struct rf_host *h, const char *v, struct rf_err *err)
{
    return set_text(h, &h->path_prefix, v, err);
}
static int on_blob_chunk(struct rf_host *h, const char *v, struct rf_err *err)
{
    uint64_t n = 0;
    int rc = set_number(v, INT64_MAX, &n, err);
    h->blob_chunk = (int64_t)n;
    return rc;
}
static int on_blob_max(struct rf_host *h, const char *v, struct rf_err *err)
{
    uint64_t n = 0;
    h->blob_max = -1;
    if (strcmp(v, "-1") == 0)
        return 0;
    int rc = set_number(v, INT64_MAX, &n, err);
    h->blob_max = (int64_t)n;
    return rc;
}
static int on_req_concurrent(struct rf_host *h, const char *v, struct rf_err *err)
{
    uint64_t n = 0;
    int rc = set_number(v, 1000, &n, err);
    h->req_concurrent = (unsigned)n;
    return rc;
}
static int on_req_per_sec(struct rf_host *h, const char *v, struct rf_err *err)
{
    char *end = NULL;
    double n = strtod(v, &end);
    if (end == v || *end != '\0' || !isfinite(n) || n < 0)
        return rf_fail(err, RFE_INVALID, "not a rate: \"%.32s\"", v);
    h->req_per_sec = n;
    return 0;
}

static const struct {
    const char *key;
    int (*set)(struct rf_host *h, const char *value, struct rf_err *err);
} keys[] = {
    { "reg", on_reg },
    { "hostname", on_hostname },
    { "user", on_user },
    { "pass", on_pass },
    { "pass-file", on_pass_file },
    { "pass-env", on_pass_env },
    { "token", on_token },
    { "token-host", on_token_host },
    { "cred-helper", on_cred_helper },
    { "tls", on_tls },
    { "ca-file", on_ca_file },
    { "cert-file", on_cert_file },
    { "key-file", on_key_file },
    { "path-prefix", on_path_prefix },
    { "blob-chunk", on_blob_chunk },
    { "blob-max", on_blob_max },
    { "req-concurrent", on_req_concurrent },
    { "req-per-sec", on_req_per_sec },
};

static size_t row_of(const char *key)
{
    size_t i = 0;
    while (i < RF_ARRAY_LEN(keys) && strcmp(key, keys[i].key) != 0)
        i++;
    return i;
}

/* Whether a value may be seen in a list of processes. A misspelt key might be a password's. */
static bool may_show(const char *key)
{
    return row_of(key) < RF_ARRAY_LEN(keys) && strcmp(key, "pass") != 0 &&
           strcmp(key, "token") != 0;
}

void rf_hosts_hide_flag(char *text)
{
    size_t at = 0;
    while (text[at] != '\0') {
        RF_CLEANUP(part_release) struct part p = { 0 };
        bool ok = next_part(text, &at, &p);
        if (ok && may_show(p.key))
            continue;
        /* An open quote may have swallowed the "=". */
        size_t from = ok || p.value_start != p.value_end ? p.value_start : 0;
        memset(text + from, '*', p.value_end - from);
    }
}

static int unknown_key(const char *key, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf all;
    rf_buf_init(&all, 0);
    for (size_t i = 0; i < RF_ARRAY_LEN(keys); i++)
        rf_buf_addf(&all, "%s%s", i > 0 ? ", " : "", keys[i].key);
    int rc = rf_fail(err, RFE_USAGE, "--host: unknown key \"%.64s\"", key);
    return rf_hint(err, rc, "the keys are %s", all.ptr);
}

static int apply(struct parsing *p, const struct part *part, struct rf_err *err)
{
    if (part->key[0] == '\0')
        return part->value[0] == '\0' ? 0
                                      : rf_fail(err, RFE_USAGE, "--host: a value without a key");
    size_t i = row_of(part->key);
    if (i == RF_ARRAY_LEN(keys))
        return unknown_key(part->key, err);
    if ((p->seen & 1u << i) != 0)
        return rf_fail(err, RFE_USAGE, "--host: %s= is given twice", part->key);
    p->seen |= 1u << i;
    /* An empty value says nothing, as upstream. */
    if (part->value[0] == '\0')
        return 0;
    struct rf_err cause = RF_ERR_INIT;
    int rc = keys[i].set(&p->host, part->value, &cause);
    return rc < 0 ? rf_fail(err, RFE_USAGE, "--host: %s: %s", part->key, cause.msg) : 0;
}

static void parsing_release(struct parsing *p)
{
    rf_host_release(&p->host);
}

int rf_host_flag_parse(const char *text, struct rf_host *out, struct rf_err *err)
{
    RF_CLEANUP(parsing_release) struct parsing p = { 0 };
    size_t at = 0;
    while (text[at] != '\0') {
        RF_CLEANUP(part_release) struct part part = { 0 };
        bool ok = next_part(text, &at, &part);
        if (!ok)
            return rf_fail(err, RFE_USAGE, "--host: %.64s=: a quote or an escape is not closed",
                           part.key);
        int rc = apply(&p, &part, err);
        if (rc < 0)
            return rc;
    }
    if (p.host.name == NULL) {
        int rc = rf_fail(err, RFE_USAGE, "--host: no registry is named");
        return rf_hint(err, rc, "write --host reg=NAME,...");
    }
    *out = p.host;
    rf_host_init(&p.host);
    return 0;
}

int rf_hosts_add_flag(struct rf_hosts *h, const char *text, struct rf_err *err)
{
    RF_CLEANUP(rf_host_release) struct rf_host host = { 0 };
    int rc = rf_host_flag_parse(text, &host, err);
    if (rc < 0)
        return rc;
    struct rf_err cause = RF_ERR_INIT;
    rc = rf_hosts_merge(h, &host, &cause);
    return rc < 0 ? rf_fail(err, RFE_USAGE, "--host: %s", cause.msg) : 0;
}
