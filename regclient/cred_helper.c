/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/cred_helper.h"

#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/process.h"
#include "base/text.h"
#include "manifests/reference.h"
#include "regclient/host_merge.h"
#include "regclient/secret.h"

#define NAME_MAX_BYTES 128
#define SERVER_MAX_BYTES 1024

void rf_login_release(struct rf_login *l)
{
    rf_wipe_freep(&l->user);
    rf_wipe_freep(&l->pass);
    rf_wipe_freep(&l->token);
}

static bool all_of(const char *s, const char *extra)
{
    for (; *s != '\0'; s++) {
        bool alnum =
            (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9');
        if (!alnum && strchr(extra, *s) == NULL)
            return false;
    }
    return true;
}

bool rf_cred_helper_name_valid(const char *program)
{
    size_t len = strlen(program);
    return len > 0 && len <= NAME_MAX_BYTES && program[0] != '.' && program[0] != '-' &&
           all_of(program, "._-");
}

bool rf_cred_helper_server_valid(const char *server)
{
    if (strlen(server) > SERVER_MAX_BYTES)
        return false;
    if (strncmp(server, "https://", 8) == 0)
        server += 8;
    else if (strncmp(server, "http://", 7) == 0)
        server += 7;
    size_t host = strcspn(server, "/");
    return rf_registry_valid(rf_slice_of(server, host)) && all_of(server + host, "/._-") &&
           strstr(server + host, "..") == NULL;
}

/* Helpers file one registry under several spellings; what counts is that it is the same registry. */
static bool same_server(const char *a, const char *b)
{
    RF_CLEANUP(rf_freep) char *x = rf_host_name_of(a, NULL);
    RF_CLEANUP(rf_freep) char *y = rf_host_name_of(b, NULL);
    return x != NULL && y != NULL && strcasecmp(x, y) == 0;
}

static int login_from(const json_t *doc, const char *server, struct rf_login *out,
                      struct rf_err *err)
{
    const char *url, *user, *secret;
    int rc = rf_json_string(doc, "ServerURL", "", RF_JSON_OPTIONAL, &url, err);
    if (rc == 0)
        rc = rf_json_string(doc, "Username", "", RF_JSON_OPTIONAL, &user, err);
    if (rc == 0)
        rc = rf_json_string(doc, "Secret", "", RF_JSON_OPTIONAL, &secret, err);
    if (rc != 0)
        return rc;
    if (url != NULL && url[0] != '\0' && !same_server(url, server))
        return rf_fail(err, RFE_REFUSED, "asked for %s, it answered for \"%.200s\"", server, url);
    if (secret == NULL || secret[0] == '\0')
        return 0;
    if (strpbrk(secret, "\r\n") != NULL || (user != NULL && strpbrk(user, "\r\n") != NULL))
        return rf_fail(err, RFE_INVALID, "the login has a line break");
    if (user != NULL && strcmp(user, "<token>") == 0) {
        out->token = rf_xstrdup(secret);
        return 0;
    }
    out->user = rf_xstrdup(user != NULL ? user : "");
    out->pass = rf_xstrdup(secret);
    return 0;
}

int rf_cred_helper_parse(struct rf_slice output, const char *server, struct rf_login *out,
                         struct rf_err *err)
{
    RF_CLEANUP(rf_secret_json_wipep) json_t *doc = NULL;
    int rc = rf_secret_json_parse(output, RF_CRED_HELPER_OUTPUT_MAX, &doc, err);
    if (rc < 0)
        return rc;
    if (!json_is_object(doc))
        return rf_fail(err, RFE_INVALID, "its answer is not a JSON object");
    return login_from(doc, server, out, err);
}

/* "credentials not found in native keychain" is how helpers say that they have none. */
static bool says_not_found(const struct rf_buf *out)
{
    return strcasestr(out->ptr, "credentials not found") != NULL;
}

/* Room for all output at once, so that no unwiped copy is left behind by a growing buffer. */
static void reserve(struct rf_buf *out)
{
    static const char zeros[1024];
    rf_buf_init(out, RF_CRED_HELPER_OUTPUT_MAX);
    while (out->len < RF_CRED_HELPER_OUTPUT_MAX)
        rf_buf_add(out, zeros, sizeof(zeros));
    rf_buf_clear(out);
}

static void release_wiped(struct rf_buf *out)
{
    rf_wipe(out->ptr, out->len);
    rf_buf_release(out);
}

/* One run of a helper, its output in `out`: its exit status, or a failure. */
static int run_helper(const char *program, const char *verb, const char *server, struct rf_slice in,
                      struct rf_buf *out, struct rf_err *err)
{
    if (!rf_cred_helper_name_valid(program))
        return rf_fail(err, RFE_CONFIG, "credential helper \"%.64s\": not a program name", program);
    if (!rf_cred_helper_server_valid(server))
        return rf_fail(err, RFE_CONFIG, "credential helper %s: \"%.255s\" is not a registry name",
                       program, server);
    const char *const argv[] = { program, verb, NULL };
    int status = 0;
    int rc = rf_process_run(argv, in, out, RF_CRED_HELPER_MS, &status, err);
    if (rc == -RFE_NOT_FOUND) {
        rc = rf_wrap(err, rc, "credential helper %s", program);
        return rf_hint(
            err, rc,
            "install it in PATH, or give a login with --host reg=...,user=...,pass-file=...");
    }
    return rc < 0 ? rf_wrap(err, rc, "credential helper %s for %s", program, server) : status;
}

static int helper_refused(const char *program, const char *server, int status, struct rf_buf *buf,
                          struct rf_err *err)
{
    while (buf->len > 0 && strchr(" \r\n", buf->ptr[buf->len - 1]) != NULL)
        buf->len--;
    /* What looks like the answer itself is kept out of messages. */
    bool words_only = memchr(buf->ptr, '{', buf->len) == NULL;
    RF_CLEANUP(rf_freep)
    char *words = rf_text_safe_dup(rf_slice_of(buf->ptr, words_only ? buf->len : 0), 200);
    return rf_fail(err, RFE_DENIED, "credential helper %s for %s: exit status %d: %s", program,
                   server, status, words);
}

int rf_cred_helper_get(const char *program, const char *server, struct rf_login *out,
                       struct rf_err *err)
{
    RF_CLEANUP(release_wiped) struct rf_buf buf;
    reserve(&buf);
    int status = run_helper(program, "get", server, rf_slice_str(server), &buf, err);
    if (status < 0)
        return status;
    if (status != 0 && says_not_found(&buf))
        return 0;
    if (status != 0)
        return helper_refused(program, server, status, &buf, err);
    int rc = rf_cred_helper_parse(rf_buf_slice(&buf), server, out, err);
    return rc < 0 ? rf_wrap(err, rc, "credential helper %s for %s", program, server) : 0;
}

int rf_cred_helper_store(const char *program, const char *server, const char *user,
                         const char *pass, struct rf_err *err)
{
    RF_CLEANUP(release_wiped) struct rf_buf in;
    RF_CLEANUP(release_wiped) struct rf_buf out;
    reserve(&in);
    if (!rf_text_is_utf8(rf_slice_str(user)) || !rf_text_is_utf8(rf_slice_str(pass))) {
        rf_buf_init(&out, 1);
        return rf_fail(err, RFE_INVALID, "credential helper %s: the login is not UTF-8", program);
    }
    reserve(&out);
    rf_buf_add_str(&in, "{\"ServerURL\":");
    rf_json_add_string(&in, server);
    rf_buf_add_str(&in, ",\"Username\":");
    rf_json_add_string(&in, user);
    rf_buf_add_str(&in, ",\"Secret\":");
    rf_json_add_string(&in, pass);
    rf_buf_add_char(&in, '}');
    if (in.rc < 0)
        return rf_fail(err, RFE_TOO_LARGE, "credential helper %s: the login is too long", program);
    int status = run_helper(program, "store", server, rf_buf_slice(&in), &out, err);
    return status > 0 ? helper_refused(program, server, status, &out, err) : status;
}

int rf_cred_helper_erase(const char *program, const char *server, struct rf_err *err)
{
    RF_CLEANUP(release_wiped) struct rf_buf out;
    reserve(&out);
    int status = run_helper(program, "erase", server, rf_slice_str(server), &out, err);
    if (status > 0 && !says_not_found(&out))
        return helper_refused(program, server, status, &out, err);
    return status < 0 ? status : 0;
}
