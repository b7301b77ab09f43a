/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/regctl_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "regclient/host_merge.h"
#include "regclient/regctl_config.h"
#include "regclient/regctl_json.h"
#include "regclient/secret.h"

#define LOCK_WAIT_MS 10000u
#define LOCK_POLL_MS 50u
#define CONCURRENT_DEFAULT 3

/* ---- reading ---- */

/* The document must be one that loads: a change to a broken file would only hide what is wrong with it. */
static int check_document(const json_t *doc, const char *path, struct rf_err *err)
{
    RF_CLEANUP(rf_hosts_freep) struct rf_hosts *scratch = rf_hosts_new();
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    rf_json_add_value(&text, doc, false);
    int rc = rf_regctl_config_parse(scratch, rf_buf_slice(&text), path, err);
    rf_wipe(text.ptr, text.len);
    return rc;
}

static int read_document(const char *path, json_t **doc, struct rf_err *err)
{
    char *bytes = NULL;
    size_t len = 0;
    struct rf_err cause = RF_ERR_INIT;
    RF_CLEANUP(rf_secret_json_wipep) json_t *got = NULL;
    int rc = rf_secret_file_read(path, RF_SECRET_FILE_MAX, &bytes, &len, NULL, &cause);
    if (rc == -RFE_NOT_FOUND || (rc == 0 && len == 0)) {
        rf_secret_free(&bytes, len);
        *doc = json_object();
        return 0;
    }
    if (rc == 0)
        rc = rf_secret_json_parse(rf_slice_of(bytes, len), RF_SECRET_FILE_MAX, &got, &cause);
    rf_secret_free(&bytes, len);
    if (rc < 0)
        return rf_fail(err, RFE_CONFIG, "%s: %s", path, cause.msg);
    rc = check_document(got, path, err);
    if (rc == 0)
        *doc = RF_STEAL(got);
    return rc;
}

int rf_regctl_file_load(struct rf_regctl_file *f, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_regctl_config_path();
    json_t *doc = NULL;
    if (path == NULL)
        return rf_hint(err, rf_fail(err, RFE_CONFIG, "failed to define config file"),
                       "set HOME or REGCTL_CONFIG");
    int rc = read_document(path, &doc, err);
    if (rc < 0)
        return rc;
    f->path = RF_STEAL(path);
    f->doc = doc;
    return 0;
}

void rf_regctl_file_release(struct rf_regctl_file *f)
{
    free(f->path);
    f->path = NULL;
    rf_secret_json_wipep(&f->doc);
}

int rf_regctl_registry_name(const char *text, char **out, struct rf_err *err)
{
    bool exact = false;
    RF_CLEANUP(rf_freep) char *name = rf_host_name_of(text, &exact);
    if (name == NULL || !exact)
        return rf_fail(err, RFE_USAGE, "invalid registry name provided: %.255s", text);
    *out = RF_STEAL(name);
    return 0;
}

/* The key under which a registry stands in `hosts`; NULL when it does not. */
static const char *key_of(const json_t *hosts, const char *name)
{
    const char *key, *alias = NULL;
    json_t *value;
    if (json_object_get(hosts, name) != NULL)
        return name;
    json_object_foreach ((json_t *)(uintptr_t)hosts, key, value) {
        RF_CLEANUP(rf_freep) char *normal = rf_host_name_of(key, NULL);
        if (alias == NULL && normal != NULL && strcmp(normal, name) == 0)
            alias = key;
    }
    return alias;
}

json_t *rf_regctl_file_host(const struct rf_regctl_file *f, const char *registry)
{
    const json_t *hosts = json_object_get(f->doc, "hosts");
    RF_CLEANUP(rf_freep) char *name = rf_host_name_of(registry, NULL);
    const char *key = name != NULL ? key_of(hosts, name) : NULL;
    return key != NULL ? json_object_get(hosts, key) : NULL;
}

/* ---- writing ---- */

/* Room for all of it at once: a growing buffer would leave copies of the secrets behind. */
static void reserve(struct rf_buf *out)
{
    static const char zeros[4096];
    rf_buf_init(out, (size_t)2 * RF_SECRET_FILE_MAX);
    for (size_t i = 0; i < 16; i++)
        rf_buf_add(out, zeros, sizeof(zeros));
    rf_buf_clear(out);
}

static bool holds_login(const json_t *doc)
{
    const char *key;
    json_t *host;
    json_object_foreach (json_object_get(doc, "hosts"), key, host)
        if (json_string_length(json_object_get(host, "pass")) > 0 ||
            json_string_length(json_object_get(host, "token")) > 0 ||
            json_string_length(json_object_get(host, "clientKey")) > 0)
            return true;
    return false;
}

static int write_document(const char *path, const json_t *doc, struct rf_err *err)
{
    struct stat st;
    unsigned mode = 0600;
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    /* As upstream: a file that is there keeps its mode. */
    bool there = stat(path, &st) == 0 && S_ISREG(st.st_mode);
    if (there)
        mode = st.st_mode & 0777;
    reserve(&text);
    rf_regctl_json(&text, doc);
    int rc = text.rc < 0
                 ? rf_fail(err, RFE_TOO_LARGE, "%s: over %u bytes", path, RF_SECRET_FILE_MAX)
                 : rf_file_write(path, rf_buf_slice(&text), mode, err);
    rf_wipe(text.ptr, text.len);
    if (rc == 0 && (mode & 077) != 0 && holds_login(doc))
        rf_secret_warn_exposed(path);
    return rc;
}

/* Two programs that change it at once must not undo each other: whoever does holds the folder. */
static int lock_folder(const char *path, int *fd, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *copy = rf_xstrdup(path);
    const char *folder = dirname(copy);
    uint64_t until = rf_now_ms() + LOCK_WAIT_MS;
    int rc = rf_mkdirs(folder, 0700, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_closep) int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return rf_fail_errno(err, errno, "open %s", folder);
    while (flock(dir, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return rf_fail_errno(err, errno, "lock %s", folder);
        if (rf_now_ms() >= until)
            return rf_fail(err, RFE_BUSY, "%s: another process is changing the configuration",
                           folder);
        rc = rf_cancel_sleep(LOCK_POLL_MS, err);
        if (rc < 0)
            return rc;
    }
    *fd = rf_steal_fd(&dir);
    return 0;
}

typedef int (*change_fn)(json_t *doc, const void *ctx, struct rf_err *err);

static int edit(change_fn change, const void *ctx, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_regctl_config_path();
    RF_CLEANUP(rf_closep) int lock = -1;
    RF_CLEANUP(rf_regctl_file_release) struct rf_regctl_file f = { 0 };
    if (path == NULL)
        return rf_hint(err, rf_fail(err, RFE_CONFIG, "failed to define config file"),
                       "set HOME or REGCTL_CONFIG");
    int rc = lock_folder(path, &lock, err);
    if (rc == 0)
        rc = rf_regctl_file_load(&f, err);
    if (rc == 0)
        rc = change(f.doc, ctx, err);
    if (rc == 0)
        /* The file is fine: what was to be put in it is not. */
        rc = check_document(f.doc, "not stored", err);
    return rc < 0 ? rc : write_document(path, f.doc, err);
}

/* ---- entries ---- */

static int put(json_t *obj, const char *key, json_t *value, struct rf_err *err)
{
    if (value == NULL || json_object_set_new(obj, key, value) < 0)
        return rf_fail(err, RFE_INVALID, "%s: not UTF-8", key);
    return 0;
}

static int put_text(json_t *obj, const char *key, const char *text, struct rf_err *err)
{
    return text == NULL ? 0 : put(obj, key, json_string(text), err);
}

static int put_int(json_t *obj, const char *key, const int64_t *n, struct rf_err *err)
{
    return n == NULL ? 0 : put(obj, key, json_integer(*n), err);
}

static json_t *hosts_of(json_t *doc)
{
    json_t *hosts = json_object_get(doc, "hosts");
    if (json_is_object(hosts))
        return hosts;
    (void)json_object_set_new(doc, "hosts", json_object());
    return json_object_get(doc, "hosts");
}

/* A registry under another of its names gets the one that upstream stores. */
static json_t *find_entry(json_t *doc, const char *name)
{
    json_t *hosts = json_object_get(doc, "hosts");
    const char *key = key_of(hosts, name);
    if (key == NULL || strcmp(key, name) == 0)
        return key != NULL ? json_object_get(hosts, name) : NULL;
    RF_CLEANUP(rf_freep) char *old = rf_xstrdup(key);
    (void)json_object_set(hosts, name, json_object_get(hosts, old));
    (void)json_object_del(hosts, old);
    return json_object_get(hosts, name);
}

static const char *text_of(const json_t *host, const char *key)
{
    const char *s = json_string_value(json_object_get(host, key));
    return s != NULL ? s : "";
}

static bool is_number(const json_t *host, const char *key, double dflt)
{
    const json_t *n = json_object_get(host, key);
    double d = json_number_value(n);
    return d == 0 || d == dflt;
}

/* Says nothing that is not so anyway: upstream's rule. Keys that are not upstream's do say something. */
static bool is_plain(const json_t *host, const char *name)
{
    static const char *const texts[] = { "regcert", "clientCert", "clientKey", "user",      "pass",
                                         "token",   "credHelper", "credHost",  "pathPrefix" };
    static const char *const others[] = { "tls",          "hostname",  "mirrors", "apiOpts",
                                          "repoAuth",     "api",       "scheme",  "credExpire",
                                          "priority",     "blobChunk", "blobMax", "reqPerSec",
                                          "reqConcurrent" };
    size_t known = 0;
    for (size_t i = 0; i < RF_ARRAY_LEN(texts); i++) {
        known += json_object_get(host, texts[i]) != NULL;
        if (text_of(host, texts[i])[0] != '\0')
            return false;
    }
    for (size_t i = 0; i < RF_ARRAY_LEN(others); i++)
        known += json_object_get(host, others[i]) != NULL;
    const char *tls = text_of(host, "tls"), *hostname = text_of(host, "hostname");
    return known == json_object_size(host) && (tls[0] == '\0' || strcmp(tls, "enabled") == 0) &&
           (hostname[0] == '\0' || strcmp(hostname, name) == 0) &&
           json_array_size(json_object_get(host, "mirrors")) == 0 &&
           json_object_size(json_object_get(host, "apiOpts")) == 0 &&
           !json_is_true(json_object_get(host, "repoAuth")) &&
           text_of(host, "credExpire")[0] == '\0' && is_number(host, "credExpire", 0) &&
           is_number(host, "priority", 0) && is_number(host, "blobChunk", 0) &&
           is_number(host, "blobMax", 0) && is_number(host, "reqPerSec", 0) &&
           is_number(host, "reqConcurrent", CONCURRENT_DEFAULT);
}

static void drop_when_plain(json_t *doc, const char *name)
{
    json_t *hosts = json_object_get(doc, "hosts");
    const json_t *host = json_object_get(hosts, name);
    if (host != NULL && is_plain(host, name))
        (void)json_object_del(hosts, name);
}

/* ---- registry set ---- */

struct host_job {
    const char *name;
    const struct rf_regctl_host_changes *c;
};

static json_t *new_entry(json_t *doc, const char *name)
{
    json_t *host = json_object();
    bool hub = strcmp(name, RF_HUB_NAME) == 0;
    (void)json_object_set_new(host, "tls", json_string("enabled"));
    (void)json_object_set_new(host, "hostname", json_string(hub ? RF_HUB_HOSTNAME : name));
    if (hub)
        (void)json_object_set_new(host, "credHost", json_string(RF_HUB_CRED_HOST));
    (void)json_object_set_new(host, "reqConcurrent", json_integer(CONCURRENT_DEFAULT));
    (void)json_object_set_new(hosts_of(doc), name, host);
    return host;
}

static int put_texts(json_t *host, const struct rf_regctl_host_changes *c, struct rf_err *err)
{
    const struct {
        const char *key, *text;
    } rows[] = {
        { "credHelper", c->cred_helper },   { "tls", c->tls },
        { "regcert", c->ca_pem },           { "clientCert", c->client_cert_pem },
        { "clientKey", c->client_key_pem }, { "hostname", c->hostname },
        { "pathPrefix", c->path_prefix },
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < RF_ARRAY_LEN(rows); i++)
        rc = put_text(host, rows[i].key, rows[i].text, err);
    return rc;
}

static int put_mirrors(json_t *host, const struct rf_regctl_host_changes *c, struct rf_err *err)
{
    if (c->mirrors == NULL)
        return 0;
    json_t *list = json_array();
    for (size_t i = 0; i < c->n_mirrors; i++) {
        /* `--mirror ""` empties the list. */
        if (c->mirrors[i][0] != '\0' &&
            json_array_append_new(list, json_string(c->mirrors[i])) < 0) {
            json_decref(list);
            return rf_fail(err, RFE_INVALID, "mirror: not UTF-8");
        }
    }
    return put(host, "mirrors", list, err);
}

static int put_api_opts(json_t *host, const struct rf_regctl_host_changes *c, struct rf_err *err)
{
    if (c->n_api_opts == 0)
        return 0;
    json_t *opts = json_object_get(host, "apiOpts");
    if (!json_is_object(opts)) {
        (void)json_object_set_new(host, "apiOpts", json_object());
        opts = json_object_get(host, "apiOpts");
    }
    for (size_t i = 0; i < c->n_api_opts; i++) {
        size_t n = strcspn(c->api_opts[i], "=");
        RF_CLEANUP(rf_freep) char *key = rf_xstrndup(c->api_opts[i], n);
        const char *value = c->api_opts[i][n] == '=' ? c->api_opts[i] + n + 1 : "";
        int rc = 0;
        if (value[0] == '\0')
            (void)json_object_del(opts, key);
        else
            rc = put_text(opts, key, value, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int put_numbers(json_t *host, const struct rf_regctl_host_changes *c, struct rf_err *err)
{
    int64_t priority = c->priority != NULL && *c->priority <= INT64_MAX ? (int64_t)*c->priority : 0;
    int rc = put_int(host, "priority", c->priority != NULL ? &priority : NULL, err);
    if (rc == 0 && c->repo_auth != NULL)
        rc = put(host, "repoAuth", json_boolean(*c->repo_auth), err);
    if (rc == 0)
        rc = put_int(host, "blobChunk", c->blob_chunk, err);
    if (rc == 0)
        rc = put_int(host, "blobMax", c->blob_max, err);
    if (rc == 0)
        rc = put_int(host, "reqConcurrent", c->req_concurrent, err);
    if (rc == 0 && c->req_per_sec != NULL)
        rc = put(host, "reqPerSec",
                 *c->req_per_sec == (double)(int64_t)*c->req_per_sec
                     ? json_integer((int64_t)*c->req_per_sec)
                     : json_real(*c->req_per_sec),
                 err);
    return rc;
}

static int change_host(json_t *doc, const void *ctx, struct rf_err *err)
{
    const struct host_job *j = ctx;
    enum rf_tls tls;
    json_t *host = find_entry(doc, j->name);
    if (j->c->tls != NULL && rf_tls_parse(j->c->tls, &tls, NULL) < 0)
        return rf_fail(err, RFE_USAGE, "unknown TLS value \"%.64s\"", j->c->tls);
    if (j->c->priority != NULL && *j->c->priority > UINT32_MAX)
        return rf_fail(err, RFE_USAGE, "priority: too large");
    if (host == NULL)
        host = new_entry(doc, j->name);
    int rc = put_texts(host, j->c, err);
    if (rc == 0)
        rc = put_mirrors(host, j->c, err);
    if (rc == 0)
        rc = put_api_opts(host, j->c, err);
    if (rc == 0)
        rc = put_numbers(host, j->c, err);
    if (rc == 0)
        drop_when_plain(doc, j->name);
    return rc;
}

int rf_regctl_set_host(const char *registry, const struct rf_regctl_host_changes *c,
                       struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *name = NULL;
    int rc = rf_regctl_registry_name(registry, &name, err);
    if (rc < 0)
        return rc;
    const struct host_job job = { .name = name, .c = c };
    return edit(change_host, &job, err);
}

/* ---- registry login, logout ---- */

struct login_job {
    const char *name, *user, *pass;
};

/* The name by which a helper knows the registry; the caller frees. */
static char *helper_server(const json_t *host, const char *name)
{
    const char *said = text_of(host, "credHost");
    if (said[0] != '\0')
        return rf_xstrdup(said);
    if (strcmp(name, RF_HUB_NAME) == 0)
        return rf_xstrdup(RF_HUB_CRED_HOST);
    const char *hostname = text_of(host, "hostname");
    return rf_xstrdup(hostname[0] != '\0' ? hostname : name);
}

static int change_login(json_t *doc, const void *ctx, struct rf_err *err)
{
    const struct login_job *j = ctx;
    json_t *host = find_entry(doc, j->name);
    bool token = strcmp(j->user, "<token>") == 0;
    const char *helper = text_of(host, "credHelper");
    if (helper[0] != '\0') {
        RF_CLEANUP(rf_freep) char *server = helper_server(host, j->name);
        return rf_cred_helper_store(helper, server, j->user, j->pass, err);
    }
    if (host == NULL) {
        host = json_object();
        (void)json_object_set_new(hosts_of(doc), j->name, host);
    }
    int rc = put_text(host, "user", token ? "" : j->user, err);
    if (rc == 0)
        rc = put_text(host, "pass", token ? "" : j->pass, err);
    return rc < 0 ? rc : put_text(host, "token", token ? j->pass : "", err);
}

int rf_regctl_login(const char *registry, const char *user, const char *pass, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *name = NULL;
    int rc = rf_regctl_registry_name(registry, &name, err);
    if (rc < 0)
        return rc;
    const struct login_job job = { .name = name, .user = user, .pass = pass };
    return edit(change_login, &job, err);
}

static int change_logout(json_t *doc, const void *ctx, struct rf_err *err)
{
    const char *name = ctx;
    json_t *host = find_entry(doc, name);
    if (host == NULL)
        return rf_fail(err, RFE_NOT_FOUND, "no configuration or credentials found for %s", name);
    const char *helper = text_of(host, "credHelper");
    if (helper[0] != '\0') {
        RF_CLEANUP(rf_freep) char *server = helper_server(host, name);
        int rc = rf_cred_helper_erase(helper, server, err);
        if (rc < 0)
            return rc;
    }
    (void)json_object_del(host, "user");
    (void)json_object_del(host, "pass");
    (void)json_object_del(host, "token");
    drop_when_plain(doc, name);
    return 0;
}

int rf_regctl_logout(const char *registry, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *name = NULL;
    int rc = rf_regctl_registry_name(registry, &name, err);
    return rc < 0 ? rc : edit(change_logout, name, err);
}

/* ---- config set ---- */

/* True is what holds anyway, so it is not written. */
static int put_include(json_t *doc, const char *key, const bool *value, struct rf_err *err)
{
    if (value == NULL)
        return 0;
    if (!*value)
        return put(doc, key, json_false(), err);
    (void)json_object_del(doc, key);
    return 0;
}

static int change_general(json_t *doc, const void *ctx, struct rf_err *err)
{
    const struct rf_regctl_changes *c = ctx;
    int rc = put_int(doc, "blobLimit", c->blob_limit, err);
    json_t *general = json_object_get(doc, "hostDefault");
    if (rc == 0 && c->default_cred_helper != NULL) {
        if (!json_is_object(general) && c->default_cred_helper[0] != '\0') {
            general = json_object();
            (void)json_object_set_new(doc, "hostDefault", general);
        }
        if (json_is_object(general))
            rc = put_text(general, "credHelper", c->default_cred_helper, err);
    }
    if (rc == 0)
        rc = put_include(doc, "incDockerCert", c->docker_cert, err);
    if (rc == 0)
        rc = put_include(doc, "incDockerCred", c->docker_cred, err);
    if (rc == 0 && general != NULL && is_plain(general, ""))
        (void)json_object_del(doc, "hostDefault");
    return rc;
}

int rf_regctl_set(const struct rf_regctl_changes *c, struct rf_err *err)
{
    return edit(change_general, c, err);
}
