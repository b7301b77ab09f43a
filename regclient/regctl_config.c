/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/regctl_config.h"

#include "base/duration.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "regclient/host_merge.h"
#include "regclient/secret.h"

#define NS_PER_S 1000000000u
#define MIRRORS_MAX 1000

char *rf_regctl_config_path(void)
{
    const char *env = getenv("REGCTL_CONFIG");
    if (env != NULL && env[0] != '\0')
        return rf_xstrdup(env);
    RF_CLEANUP(rf_freep) char *home = rf_secret_home();
    const char *xdg = getenv("XDG_CONFIG_HOME");
    RF_CLEANUP(rf_freep) char *path = NULL;
    if (xdg != NULL && xdg[0] != '\0')
        path = rf_path_join(xdg, "regctl/config.json");
    else if (home != NULL)
        path = rf_path_join(home, ".config/regctl/config.json");
    if (path != NULL && (rf_path_exists(path) || home == NULL))
        return RF_STEAL(path);
    return home != NULL ? rf_path_join(home, ".regctl/config.json") : NULL;
}

/* ---- one host ---- */

static int bad(const char *path, const char *key, const struct rf_err *cause, struct rf_err *err)
{
    return rf_fail(err, RFE_CONFIG, "%s.%s: %s", path, key, cause->msg);
}

static int read_texts(const json_t *obj, const char *path, struct rf_host *h, struct rf_err *err)
{
    const struct {
        const char *key;
        char **to;
    } rows[] = {
        { "regcert", &h->ca_pem },
        { "clientCert", &h->client_cert_pem },
        { "clientKey", &h->client_key_pem },
        { "hostname", &h->hostname },
        { "user", &h->user },
        { "pass", &h->pass },
        { "token", &h->token },
        { "credHelper", &h->cred_helper },
        { "credHost", &h->cred_host },
        { "pathPrefix", &h->path_prefix },
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(rows); i++) {
        const char *value;
        int rc = rf_json_string(obj, rows[i].key, path, RF_JSON_OPTIONAL, &value, err);
        if (rc < 0)
            return rc;
        *rows[i].to = rf_xstrdup(value);
    }
    return 0;
}

static int read_tls(const json_t *obj, const char *path, struct rf_host *h, struct rf_err *err)
{
    const char *text, *scheme;
    struct rf_err cause = RF_ERR_INIT;
    int rc = rf_json_string(obj, "tls", path, RF_JSON_OPTIONAL, &text, err);
    if (rc == 0)
        rc = rf_json_string(obj, "scheme", path, RF_JSON_OPTIONAL, &scheme, err);
    if (rc != 0)
        return rc;
    if (text != NULL && rf_tls_parse(text, &h->tls, &cause) < 0)
        return bad(path, "tls", &cause, err);
    if (scheme != NULL && strcmp(scheme, "http") == 0)
        rf_log(RF_LOG_WARN, "Scheme is deprecated, for http set TLS to disabled", "name", path,
               NULL);
    return 0;
}

/* "1h30m", or a number of nanoseconds. */
static int read_expire(const json_t *obj, const char *path, struct rf_host *h, struct rf_err *err)
{
    const json_t *j = json_object_get(obj, "credExpire");
    uint64_t ns = 0;
    struct rf_err cause = RF_ERR_INIT;
    if (j == NULL || json_is_null(j))
        return 0;
    if (json_is_integer(j) && json_integer_value(j) >= 0)
        ns = (uint64_t)json_integer_value(j);
    else if (!json_is_string(j))
        return rf_fail(err, RFE_CONFIG, "%s.credExpire: not a duration such as \"1h30m\"", path);
    else if (json_string_length(j) > 0 &&
             rf_duration_parse(rf_slice_of(json_string_value(j), json_string_length(j)), &ns,
                               &cause) < 0)
        return bad(path, "credExpire", &cause, err);
    /* Less than a second is still said. */
    h->cred_expire_s = ns / NS_PER_S + (ns % NS_PER_S != 0 ? 1 : 0);
    return 0;
}

static int read_mirrors(const json_t *obj, const char *path, struct rf_host *h, struct rf_err *err)
{
    const json_t *list;
    int rc = rf_json_array(obj, "mirrors", path, RF_JSON_OPTIONAL, MIRRORS_MAX, &list, err);
    if (rc < 0 || list == NULL || json_array_size(list) == 0)
        return rc;
    h->mirrors = rf_xcalloc(json_array_size(list), sizeof(h->mirrors[0]));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name == NULL)
            return rf_fail(err, RFE_CONFIG, "%s.mirrors[%zu]: not a string", path, i);
        h->mirrors[h->n_mirrors++] = rf_xstrdup(name);
    }
    return 0;
}

static int read_api_opts(const json_t *obj, const char *path, struct rf_host *h, struct rf_err *err)
{
    const json_t *opts;
    int rc = rf_json_object(obj, "apiOpts", path, RF_JSON_OPTIONAL, &opts, err);
    if (rc < 0 || opts == NULL)
        return rc;
    h->api_opts = json_object();
    void *it = json_object_iter((json_t *)(uintptr_t)opts);
    for (; it != NULL; it = json_object_iter_next((json_t *)(uintptr_t)opts, it)) {
        const char *key = json_object_iter_key(it);
        const json_t *value = json_object_iter_value(it);
        const char *text = json_string_value(value);
        if (json_is_boolean(value))
            text = json_is_true(value) ? "true" : "false";
        if (text == NULL)
            return rf_fail(err, RFE_CONFIG, "%s.apiOpts.%.64s: not a string", path, key);
        if (json_object_set_new(h->api_opts, key, json_string(text)) < 0)
            return rf_fail(err, RFE_CONFIG, "%s.apiOpts.%.64s: not UTF-8", path, key);
    }
    return 0;
}

/* A whole number of at least `min`; absent is 0. */
static int read_int(const json_t *obj, const char *path, const char *key, int64_t min, int64_t *out,
                    struct rf_err *err)
{
    const json_t *j = json_object_get(obj, key);
    *out = 0;
    if (j == NULL || json_is_null(j))
        return 0;
    if (!json_is_integer(j) || json_integer_value(j) < min)
        return rf_fail(err, RFE_CONFIG, "%s.%s: not a whole number of at least %lld", path, key,
                       (long long)min);
    *out = json_integer_value(j);
    return 0;
}

static int read_limits(const json_t *obj, const char *path, struct rf_host *h, struct rf_err *err)
{
    int64_t priority = 0, concurrent = 0;
    int rc = read_int(obj, path, "blobChunk", 0, &h->blob_chunk, err);
    if (rc == 0)
        rc = read_int(obj, path, "blobMax", -1, &h->blob_max, err);
    if (rc == 0)
        rc = read_int(obj, path, "priority", 0, &priority, err);
    if (rc == 0)
        rc = read_int(obj, path, "reqConcurrent", 0, &concurrent, err);
    if (rc < 0)
        return rc;
    if (priority > UINT32_MAX || concurrent > UINT32_MAX)
        return rf_fail(err, RFE_CONFIG, "%s.%s: too large", path,
                       priority > UINT32_MAX ? "priority" : "reqConcurrent");
    h->priority = (unsigned)priority;
    h->req_concurrent = (unsigned)concurrent;
    const json_t *rate = json_object_get(obj, "reqPerSec");
    if (rate != NULL && !json_is_null(rate) && !json_is_number(rate))
        return rf_fail(err, RFE_CONFIG, "%s.reqPerSec: not a number", path);
    h->req_per_sec = json_number_value(rate);
    h->repo_auth_set = json_object_get(obj, "repoAuth") != NULL;
    return rf_json_bool(obj, "repoAuth", path, false, &h->repo_auth, err);
}

int rf_regctl_config_host(const json_t *obj, const char *path, struct rf_host *out, bool *login,
                          struct rf_err *err)
{
    RF_CLEANUP(rf_host_release) struct rf_host h = { 0 };
    int rc = json_is_object(obj) ? 0 : rf_fail(err, RFE_CONFIG, "%s: not an object", path);
    if (rc == 0)
        rc = read_texts(obj, path, &h, err);
    if (rc == 0)
        rc = read_tls(obj, path, &h, err);
    if (rc == 0)
        rc = read_expire(obj, path, &h, err);
    if (rc == 0)
        rc = read_mirrors(obj, path, &h, err);
    if (rc == 0)
        rc = read_api_opts(obj, path, &h, err);
    if (rc == 0)
        rc = read_limits(obj, path, &h, err);
    if (rc < 0)
        return rc;
    *login = h.pass != NULL || h.token != NULL || h.client_key_pem != NULL;
    *out = h;
    rf_host_init(&h);
    return 0;
}

/* ---- the document ---- */

static int merge_host(struct rf_hosts *h, const char *name, const json_t *obj, bool *logins,
                      struct rf_err *err)
{
    RF_CLEANUP(rf_host_release) struct rf_host host = { 0 };
    bool login = false;
    RF_CLEANUP(rf_freep)
    char *path = name != NULL ? rf_xasprintf("hosts.%.255s", name) : rf_xstrdup("hostDefault");
    int rc = rf_regctl_config_host(obj, path, &host, &login, err);
    if (rc < 0)
        return rc;
    *logins = *logins || login;
    if (name == NULL) {
        rc = rf_hosts_merge_default(h, &host, err);
        return rc < 0 ? rf_wrap(err, rc, "%s", path) : 0;
    }
    host.name = rf_xstrdup(name);
    rc = rf_hosts_merge(h, &host, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", path) : 0;
}

static int merge_document(struct rf_hosts *h, const json_t *doc, bool *logins, struct rf_err *err)
{
    int64_t version;
    bool certs, creds;
    const json_t *hosts, *general;
    int rc = json_is_object(doc) ? 0 : rf_fail(err, RFE_CONFIG, "not a JSON object");
    if (rc == 0)
        rc = read_int(doc, "", "version", 0, &version, err);
    if (rc == 0)
        rc = rf_json_bool(doc, "incDockerCert", "", true, &certs, err);
    if (rc == 0)
        rc = rf_json_bool(doc, "incDockerCred", "", true, &creds, err);
    if (rc == 0)
        rc = rf_json_object(doc, "hostDefault", "", RF_JSON_OPTIONAL, &general, err);
    if (rc == 0)
        rc = rf_json_object(doc, "hosts", "", RF_JSON_OPTIONAL, &hosts, err);
    if (rc != 0)
        return rc;
    if (version > 1)
        return rf_fail(err, RFE_CONFIG, "version: %lld is newer than this program knows",
                       (long long)version);
    rf_hosts_use_docker(h, creds, certs);
    if (general != NULL)
        rc = merge_host(h, NULL, general, logins, err);
    void *it = json_object_iter((json_t *)(uintptr_t)hosts);
    for (; rc == 0 && it != NULL; it = json_object_iter_next((json_t *)(uintptr_t)hosts, it))
        rc = merge_host(h, json_object_iter_key(it), json_object_iter_value(it), logins, err);
    return rc;
}

/* Whatever is wrong with it, to the user it is a wrong configuration file. */
static int as_config_error(const char *file, const struct rf_err *cause, struct rf_err *err)
{
    return rf_fail(err, RFE_CONFIG, "%s: %s", file, cause->msg);
}

static int parse(void *ctx, struct rf_slice bytes, const char *file, bool *logins,
                 struct rf_err *err)
{
    struct rf_err cause = RF_ERR_INIT;
    RF_CLEANUP(rf_secret_json_wipep) json_t *doc = NULL;
    int rc = rf_secret_json_parse(bytes, RF_SECRET_FILE_MAX, &doc, &cause);
    if (rc == 0)
        rc = merge_document(ctx, doc, logins, &cause);
    return rc < 0 ? as_config_error(file, &cause, err) : 0;
}

int rf_regctl_config_parse(struct rf_hosts *h, struct rf_slice bytes, const char *file,
                           struct rf_err *err)
{
    bool logins = false;
    return parse(h, bytes, file, &logins, err);
}

int rf_hosts_load_regctl(struct rf_hosts *h, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_regctl_config_path();
    if (path == NULL)
        return 0;
    return rf_secret_file_parse(path, "configuration of regctl", parse, h, err);
}
