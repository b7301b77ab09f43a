/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/docker_config.h"

#include "base/base64.h"
#include "base/file.h"
#include "base/mem.h"
#include "regclient/cred_helper.h"
#include "regclient/host_merge.h"
#include "regclient/secret.h"

#define AUTH_MAX (64u << 10)

static void release_wiped(struct rf_buf *b)
{
    rf_wipe(b->ptr, b->len);
    rf_buf_release(b);
}

/* base64("user:pass"); Docker pads old entries with NUL bytes. */
static int decode_auth(const char *text, struct rf_host *out, struct rf_err *err)
{
    RF_CLEANUP(release_wiped) struct rf_buf raw;
    rf_buf_init(&raw, AUTH_MAX);
    if (!rf_base64_decode(&raw, rf_slice_str(text)))
        return rf_fail(err, RFE_CONFIG, "not base64");
    while (raw.len > 0 && raw.ptr[raw.len - 1] == '\0')
        raw.len--;
    const char *colon = memchr(raw.ptr, ':', raw.len);
    if (colon == NULL || memchr(raw.ptr, '\0', raw.len) != NULL)
        return rf_fail(err, RFE_CONFIG, "not of the form user:password");
    size_t user = (size_t)(colon - raw.ptr);
    rf_wipe_freep(&out->user);
    rf_wipe_freep(&out->pass);
    out->user = rf_xstrndup(raw.ptr, user);
    out->pass = rf_xstrndup(colon + 1, raw.len - user - 1);
    return 0;
}

static int read_auth(const json_t *obj, const char *path, struct rf_host *out, struct rf_err *err)
{
    const char *user, *pass, *token, *auth;
    int rc = json_is_object(obj) ? 0 : rf_fail(err, RFE_CONFIG, "%s: not an object", path);
    if (rc == 0)
        rc = rf_json_string(obj, "username", path, RF_JSON_OPTIONAL, &user, err);
    if (rc == 0)
        rc = rf_json_string(obj, "password", path, RF_JSON_OPTIONAL, &pass, err);
    if (rc == 0)
        rc = rf_json_string(obj, "identitytoken", path, RF_JSON_OPTIONAL, &token, err);
    if (rc == 0)
        rc = rf_json_string(obj, "auth", path, RF_JSON_OPTIONAL, &auth, err);
    if (rc != 0)
        return rc;
    out->user = rf_xstrdup(user);
    out->pass = rf_xstrdup(pass);
    out->token = rf_xstrdup(token);
    if (auth == NULL || auth[0] == '\0')
        return 0;
    rc = decode_auth(auth, out, err);
    return rc < 0 ? rf_wrap(err, rc, "%s.auth", path) : 0;
}

static bool said(const char *s)
{
    return s != NULL && s[0] != '\0';
}

/* A password without a user (or the other way round) is no login; with an identity token it is beside the point. */
static bool settle(struct rf_host *h)
{
    if (said(h->token) || !said(h->user) || !said(h->pass))
        rf_wipe_freep(&h->pass);
    if (!said(h->token))
        rf_wipe_freep(&h->token);
    return h->pass != NULL || h->token != NULL;
}

static int merge_auth(struct rf_hosts *h, const char *name, const json_t *obj, bool *logins,
                      struct rf_err *err)
{
    bool exact;
    RF_CLEANUP(rf_host_release) struct rf_host host = { 0 };
    host.name = rf_host_name_of(name, &exact);
    if (host.name == NULL || !exact)
        return 0;
    RF_CLEANUP(rf_freep) char *path = rf_xasprintf("auths.%.255s", name);
    int rc = read_auth(obj, path, &host, err);
    if (rc < 0)
        return rc;
    if (!settle(&host))
        return 0;
    *logins = true;
    rc = rf_hosts_merge_docker(h, &host, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", path) : 0;
}

static int helper_program(const json_t *value, const char *path, char **out, struct rf_err *err)
{
    const char *suffix = json_string_value(value);
    if (suffix == NULL)
        return rf_fail(err, RFE_CONFIG, "%s: not a string", path);
    RF_CLEANUP(rf_freep) char *program = rf_xasprintf(RF_CRED_HELPER_PREFIX "%s", suffix);
    if (!rf_cred_helper_name_valid(program))
        return rf_fail(err, RFE_CONFIG,
                       "%s \"%.64s\": only letters, digits, '.', '_' and '-' may be in it", path,
                       suffix);
    *out = RF_STEAL(program);
    return 0;
}

static int merge_helper(struct rf_hosts *h, const char *name, const json_t *value,
                        struct rf_err *err)
{
    bool exact;
    RF_CLEANUP(rf_host_release) struct rf_host host = { 0 };
    host.name = rf_host_name_of(name, &exact);
    if (host.name == NULL || !exact)
        return 0;
    RF_CLEANUP(rf_freep) char *path = rf_xasprintf("credHelpers.%.255s", name);
    /* An empty suffix switches the store off for this registry. */
    if (json_is_string(value) && json_string_length(value) == 0)
        return 0;
    int rc = helper_program(value, path, &host.cred_helper, err);
    if (rc < 0)
        return rc;
    rc = rf_hosts_merge_docker(h, &host, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", path) : 0;
}

static int merge_store(struct rf_hosts *h, const json_t *value, struct rf_err *err)
{
    if (value == NULL || json_is_null(value) ||
        (json_is_string(value) && json_string_length(value) == 0))
        return 0;
    RF_CLEANUP(rf_freep) char *program = NULL;
    int rc = helper_program(value, "credsStore", &program, err);
    return rc < 0 ? rc : rf_hosts_set_store(h, program, err);
}

static int merge_document(struct rf_hosts *h, const json_t *doc, bool *logins, struct rf_err *err)
{
    const json_t *auths, *helpers;
    int rc = json_is_object(doc) ? 0 : rf_fail(err, RFE_CONFIG, "not a JSON object");
    if (rc == 0)
        rc = rf_json_object(doc, "auths", "", RF_JSON_OPTIONAL, &auths, err);
    if (rc == 0)
        rc = rf_json_object(doc, "credHelpers", "", RF_JSON_OPTIONAL, &helpers, err);
    if (rc != 0)
        return rc;
    void *it = json_object_iter((json_t *)(uintptr_t)auths);
    for (; rc == 0 && it != NULL; it = json_object_iter_next((json_t *)(uintptr_t)auths, it))
        rc = merge_auth(h, json_object_iter_key(it), json_object_iter_value(it), logins, err);
    /* A helper named for a registry outranks a login in the file, as in Docker: it is merged later. */
    it = json_object_iter((json_t *)(uintptr_t)helpers);
    for (; rc == 0 && it != NULL; it = json_object_iter_next((json_t *)(uintptr_t)helpers, it))
        rc = merge_helper(h, json_object_iter_key(it), json_object_iter_value(it), err);
    return rc < 0 ? rc : merge_store(h, json_object_get(doc, "credsStore"), err);
}

int rf_docker_config_parse(struct rf_hosts *h, struct rf_slice bytes, const char *file,
                           bool *logins, struct rf_err *err)
{
    struct rf_err cause = RF_ERR_INIT;
    bool found = false;
    RF_CLEANUP(rf_secret_json_wipep) json_t *doc = NULL;
    int rc = rf_secret_json_parse(bytes, RF_SECRET_FILE_MAX, &doc, &cause);
    if (rc == 0)
        rc = merge_document(h, doc, &found, &cause);
    if (rc < 0)
        return rf_fail(err, RFE_CONFIG, "%s: %s", file, cause.msg);
    if (logins != NULL)
        *logins = found;
    return 0;
}

static char *config_path(void)
{
    const char *dir = getenv("DOCKER_CONFIG");
    if (dir != NULL && dir[0] != '\0')
        return rf_path_join(dir, "config.json");
    RF_CLEANUP(rf_freep) char *home = rf_secret_home();
    return home != NULL ? rf_path_join(home, ".docker/config.json") : NULL;
}

static int parse(void *ctx, struct rf_slice bytes, const char *path, bool *logins,
                 struct rf_err *err)
{
    return rf_docker_config_parse(ctx, bytes, path, logins, err);
}

int rf_hosts_load_docker(struct rf_hosts *h, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = config_path();
    int rc = path != NULL ? rf_secret_file_parse(path, "Docker's configuration", parse, h, err) : 0;
    const char *env = getenv("DOCKER_AUTH_CONFIG");
    if (rc == 0 && env != NULL && env[0] != '\0')
        rc = rf_docker_config_parse(h, rf_slice_str(env), "DOCKER_AUTH_CONFIG", NULL, err);
    if (rc == 0)
        rf_hosts_set_certs_dir(h, RF_DOCKER_CERTS_DIR);
    return rc;
}
