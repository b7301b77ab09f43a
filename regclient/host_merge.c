/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/host_merge.h"

#include <math.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "manifests/reference.h"
#include "regclient/cred_helper.h"

static bool is_hub(const char *name)
{
    static const char *const aliases[] = { RF_HUB_NAME, "index.docker.io", RF_HUB_HOSTNAME };
    for (size_t i = 0; i < RF_ARRAY_LEN(aliases); i++)
        if (strcasecmp(name, aliases[i]) == 0)
            return true;
    return false;
}

char *rf_host_name_of(const char *text, bool *exact)
{
    if (strncasecmp(text, "https://", 8) == 0)
        text += 8;
    else if (strncasecmp(text, "http://", 7) == 0)
        text += 7;
    size_t len = strcspn(text, "/");
    const char *path = text + len;
    if (!rf_registry_valid(rf_slice_of(text, len)))
        return NULL;
    RF_CLEANUP(rf_freep) char *name = rf_xstrndup(text, len);
    bool hub = is_hub(name);
    if (exact != NULL)
        *exact = path[0] == '\0' || strcmp(path, "/") == 0 ||
                 (hub && (strcmp(path, "/v1/") == 0 || strcmp(path, "/v1") == 0));
    return hub ? rf_xstrdup(RF_HUB_NAME) : RF_STEAL(name);
}

int rf_tls_parse(const char *text, enum rf_tls *out, struct rf_err *err)
{
    static const struct {
        const char *name;
        enum rf_tls value;
    } names[] = {
        { "", RF_TLS_UNSET },
        { "undefined", RF_TLS_UNSET },
        { "enabled", RF_TLS_ENABLED },
        { "insecure", RF_TLS_INSECURE },
        { "disabled", RF_TLS_DISABLED },
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(names); i++) {
        if (strcasecmp(text, names[i].name) != 0)
            continue;
        *out = names[i].value;
        return 0;
    }
    return rf_fail(err, RFE_CONFIG, "\"%.64s\" is none of enabled, insecure, disabled", text);
}

const char *rf_tls_name(enum rf_tls tls)
{
    switch (tls) {
    case RF_TLS_ENABLED:
        return "enabled";
    case RF_TLS_INSECURE:
        return "insecure";
    case RF_TLS_DISABLED:
        return "disabled";
    case RF_TLS_UNSET:
        break;
    }
    return "undefined";
}

/* ---- checks ---- */

static bool said(const char *s)
{
    return s != NULL && s[0] != '\0';
}

static int check_registry(const char *field, const char *value, struct rf_err *err)
{
    if (!said(value) || rf_registry_valid(rf_slice_str(value)))
        return 0;
    return rf_fail(err, RFE_CONFIG, "%s \"%.255s\": not a registry name (host or host:port)", field,
                   value);
}

static int check_pem(const char *field, const char *value, struct rf_err *err)
{
    if (!said(value) || strstr(value, "-----BEGIN ") != NULL)
        return 0;
    return rf_fail(err, RFE_CONFIG, "%s: not in PEM form (no \"-----BEGIN\" line)", field);
}

/* A line break would let a login or a name end one header or line and start another. */
static int check_line(const char *field, const char *value, struct rf_err *err)
{
    if (value == NULL || strpbrk(value, "\r\n") == NULL)
        return 0;
    return rf_fail(err, RFE_CONFIG, "%s: has a line break", field);
}

static int check_login(const struct rf_host *h, struct rf_err *err)
{
    int rc = check_line("user", h->user, err);
    if (rc == 0)
        rc = check_line("pass", h->pass, err);
    if (rc == 0)
        rc = check_line("token", h->token, err);
    if (rc < 0)
        return rc;
    if (said(h->user) && strchr(h->user, ':') != NULL)
        return rf_fail(err, RFE_CONFIG, "user \"%.64s\": must not hold a colon", h->user);
    if (said(h->cred_helper) && !rf_cred_helper_name_valid(h->cred_helper))
        return rf_fail(
            err, RFE_CONFIG,
            "credHelper \"%.64s\": not a program name of letters, digits, '.', '_' and '-'",
            h->cred_helper);
    if (said(h->cred_host) && !rf_cred_helper_server_valid(h->cred_host))
        return rf_fail(err, RFE_CONFIG, "credHost \"%.255s\": not a registry name or its URL",
                       h->cred_host);
    return 0;
}

static int check_tls(const struct rf_host *h, struct rf_err *err)
{
    int rc = check_pem("regcert", h->ca_pem, err);
    if (rc == 0)
        rc = check_pem("clientCert", h->client_cert_pem, err);
    if (rc == 0)
        rc = check_pem("clientKey", h->client_key_pem, err);
    return rc;
}

int rf_host_check(const struct rf_host *h, struct rf_err *err)
{
    int rc = check_registry("hostname", h->hostname, err);
    for (size_t i = 0; rc == 0 && i < h->n_mirrors; i++)
        rc = check_registry("mirrors", h->mirrors[i], err);
    if (rc == 0)
        rc = check_login(h, err);
    if (rc == 0)
        rc = check_tls(h, err);
    if (rc < 0)
        return rc;
    if (said(h->path_prefix) && !rf_repository_valid(rf_slice_str(h->path_prefix)))
        return rf_fail(err, RFE_CONFIG, "pathPrefix \"%.255s\": not the start of a repository name",
                       h->path_prefix);
    if (h->blob_chunk < 0)
        return rf_fail(err, RFE_CONFIG, "blobChunk: must not be negative");
    if (h->blob_max < -1)
        return rf_fail(err, RFE_CONFIG, "blobMax: must be -1 (no limit) or a number of bytes");
    if (!isfinite(h->req_per_sec) || h->req_per_sec < 0)
        return rf_fail(err, RFE_CONFIG, "reqPerSec: must be a number that is not negative");
    return 0;
}

/* ---- merging ---- */

/* The log lines are upstream's; scripts look for them. */
#define CHANGING "Changing %s for registry"

static void log_change(const char *what, const char *name, const char *from, const char *to)
{
    RF_CLEANUP(rf_freep) char *msg = rf_xasprintf(CHANGING, what);
    if (from != NULL)
        rf_log(RF_LOG_WARN, msg, "orig", from, "new", to, "host", name, NULL);
    else
        rf_log(RF_LOG_WARN, msg, "host", name, NULL);
}

struct merging {
    const char *name;
    bool loud;
};

static void put_text(char **to, const char *from)
{
    char *copy = rf_xstrdup(from);
    rf_wipe_freep(to);
    *to = copy;
}

enum showing { SHOW, SECRET };

static void merge_text(const struct merging *m, const char *what, enum showing showing, char **to,
                       const char *from)
{
    if (!said(from))
        return;
    if (m->loud && said(*to) && strcmp(*to, from) != 0)
        log_change(what, m->name, showing == SHOW ? *to : NULL, from);
    put_text(to, from);
}

static void merge_login(const struct merging *m, struct rf_host *to, const struct rf_host *from)
{
    merge_text(m, "login user", SHOW, &to->user, from->user);
    merge_text(m, "login password", SECRET, &to->pass, from->pass);
    merge_text(m, "login token", SECRET, &to->token, from->token);
    merge_text(m, "credential helper", SHOW, &to->cred_helper, from->cred_helper);
    merge_text(m, "credential host", SHOW, &to->cred_host, from->cred_host);
    if (from->cred_expire_s != 0)
        to->cred_expire_s = from->cred_expire_s;
    if (!said(from->pass) && !said(from->token) && !said(from->cred_helper))
        return;
    if (!said(from->pass))
        rf_wipe_freep(&to->pass);
    if (!said(from->token))
        rf_wipe_freep(&to->token);
    if (!said(from->cred_helper))
        rf_wipe_freep(&to->cred_helper);
}

static void merge_tls(const struct merging *m, struct rf_host *to, const struct rf_host *from)
{
    if (from->tls != RF_TLS_UNSET) {
        if (m->loud && to->tls != RF_TLS_UNSET && to->tls != from->tls)
            log_change("TLS settings", m->name, rf_tls_name(to->tls), rf_tls_name(from->tls));
        to->tls = from->tls;
    }
    merge_text(m, "certificate settings", SHOW, &to->ca_pem, from->ca_pem);
    merge_text(m, "client certificate settings", SHOW, &to->client_cert_pem, from->client_cert_pem);
    merge_text(m, "client certificate key settings", SECRET, &to->client_key_pem,
               from->client_key_pem);
}

static void merge_int(const struct merging *m, const char *what, int64_t *to, int64_t from)
{
    if (from == 0)
        return;
    if (m->loud && *to != 0 && *to != from) {
        RF_CLEANUP(rf_freep) char *msg = rf_xasprintf(CHANGING, what);
        rf_log_with(RF_LOG_WARN, msg, rf_log_int("orig", *to), rf_log_int("new", from),
                    rf_log_text("host", m->name));
    }
    *to = from;
}

static void merge_limits(const struct merging *m, struct rf_host *to, const struct rf_host *from)
{
    int64_t priority = to->priority, concurrent = to->req_concurrent;
    merge_int(m, "priority settings", &priority, from->priority);
    merge_int(m, "reqConcurrent settings", &concurrent, from->req_concurrent);
    to->priority = (unsigned)priority;
    to->req_concurrent = (unsigned)concurrent;
    merge_int(m, "blobChunk settings", &to->blob_chunk, from->blob_chunk);
    merge_int(m, "blobMax settings", &to->blob_max, from->blob_max);
    if (from->req_per_sec > 0)
        to->req_per_sec = from->req_per_sec;
    if (from->repo_auth_set || from->repo_auth) {
        to->repo_auth = from->repo_auth;
        to->repo_auth_set = true;
    }
}

static void merge_mirrors(struct rf_host *to, const struct rf_host *from)
{
    if (from->n_mirrors == 0)
        return;
    for (size_t i = 0; i < to->n_mirrors; i++)
        free(to->mirrors[i]);
    free(to->mirrors);
    to->mirrors = rf_xcalloc(from->n_mirrors, sizeof(to->mirrors[0]));
    to->n_mirrors = from->n_mirrors;
    for (size_t i = 0; i < from->n_mirrors; i++)
        to->mirrors[i] = rf_xstrdup(from->mirrors[i]);
}

/* Go's strconv.ParseBool, which decides upstream. */
static bool means_true(const char *s)
{
    static const char *const words[] = { "1", "t", "T", "true", "TRUE", "True" };
    for (size_t i = 0; s != NULL && i < RF_ARRAY_LEN(words); i++)
        if (strcmp(s, words[i]) == 0)
            return true;
    return false;
}

static void merge_api_opts(const struct merging *m, struct rf_host *to, const struct rf_host *from)
{
    const char *key;
    json_t *value;
    if (from->disable_head)
        to->disable_head = true;
    if (from->api_opts == NULL)
        return;
    if (to->api_opts == NULL)
        to->api_opts = json_object();
    json_object_foreach (from->api_opts, key, value) {
        const char *old = json_string_value(json_object_get(to->api_opts, key));
        const char *now = json_string_value(value);
        if (now == NULL)
            continue;
        if (m->loud && old != NULL && strcmp(old, now) != 0)
            rf_log(RF_LOG_WARN, "Changing APIOpts setting for registry", "orig", old, "new", now,
                   "opt", key, "host", m->name, NULL);
        if (json_object_set_new(to->api_opts, key, json_string(now)) < 0)
            RF_BUG("a text of a JSON document is not UTF-8");
        if (strcmp(key, "disableHead") == 0)
            to->disable_head = means_true(now);
    }
}

void rf_host_merge(struct rf_host *to, const struct rf_host *from, bool loud)
{
    const struct merging m = { .name = to->name != NULL ? to->name : "", .loud = loud };
    merge_login(&m, to, from);
    merge_tls(&m, to, from);
    merge_text(&m, "hostname settings", SHOW, &to->hostname, from->hostname);
    merge_text(&m, "path prefix settings", SHOW, &to->path_prefix, from->path_prefix);
    merge_mirrors(to, from);
    merge_limits(&m, to, from);
    merge_api_opts(&m, to, from);
}

/* ---- struct rf_host ---- */

void rf_host_init(struct rf_host *h)
{
    *h = (struct rf_host){ 0 };
}

void rf_host_release(struct rf_host *h)
{
    char **const texts[] = { &h->name,           &h->hostname,   &h->user,
                             &h->pass,           &h->token,      &h->cred_helper,
                             &h->cred_host,      &h->ca_pem,     &h->client_cert_pem,
                             &h->client_key_pem, &h->path_prefix };
    for (size_t i = 0; i < RF_ARRAY_LEN(texts); i++)
        rf_wipe_freep(texts[i]);
    for (size_t i = 0; i < h->n_mirrors; i++)
        free(h->mirrors[i]);
    free(h->mirrors);
    json_decref(h->api_opts);
    rf_host_init(h);
}
