/* SPDX-License-Identifier: Apache-2.0 */
/* regctl registry */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "policy/object/object_host.h"
#include "regclient/cred_helper.h"
#include "regclient/host_merge.h"
#include "regclient/regctl_file.h"
#include "regclient/registry.h"
#include "tools/common/prompt.h"
#include "tools/regctl/groups.h"
#include "tools/regctl/rows.h"
#include "tools/regctl/session.h"

struct options {
    const char *format, *user, *pass;
    const char *ca, *client_cert, *client_key, *cred_helper, *hostname, *path_prefix, *tls, *scheme;
    struct rf_list api_opts, mirrors, dns;
    int64_t blob_chunk, blob_max, req_concurrent;
    uint64_t priority;
    double req_per_sec;
    bool pass_stdin, skip_check, repo_auth;
};

static const char *registry_of(int argc, char **argv)
{
    return argc > 0 ? argv[0] : RF_HUB_NAME;
}

/* Whether the registry answers with what is configured now. */
static int check(const struct rf_env *env, const char *name, const char *kept, struct rf_err *err)
{
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    struct rf_place *place = NULL;
    int rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = rf_client_registry(s.client, name, &place, err);
    if (rc == 0)
        rc = rf_registry_ping(place, err);
    if (rc < 0) {
        RF_CLEANUP(rf_freep) char *msg = rf_xasprintf("Failed to ping registry, %s", kept);
        rf_log(RF_LOG_WARN, msg, NULL);
    }
    return rc;
}

/* ---- config, whoami ---- */

/* The login that regctl's own file stands for: written there, or known to the credential helper that it names. */
static int stored_login(const char *name, struct rf_login *out, struct rf_err *err)
{
    RF_CLEANUP(rf_hosts_freep) struct rf_hosts *hosts = rf_hosts_new();
    int rc = rf_hosts_load_regctl(hosts, err);
    if (rc < 0)
        return rc;
    return rf_host_login(hosts, rf_hosts_get(hosts, name), &out->user, &out->pass, &out->token,
                         err);
}

/* Who looks for a login here may be using one that lies elsewhere. */
static int hint_elsewhere(const struct rf_env *env, const char *name, int rc, struct rf_err *err)
{
    struct rf_hosts *hosts = NULL;
    if (rf_net_hosts(env->net, NULL, NULL, &hosts, NULL) < 0)
        return rc;
    const struct rf_host *host = rf_hosts_get(hosts, name);
    if (host->cred_helper != NULL)
        rc = rf_hint(err, rc, "%s is asked for one, as Docker's configuration or --host says",
                     host->cred_helper);
    else if (host->pass != NULL || host->token != NULL)
        rc = rf_hint(err, rc, "one of Docker's configuration or --host is in use");
    rf_hosts_free(hosts);
    return rc;
}

static int show_all(const struct rf_regctl_file *f, const char *format, struct rf_err *err)
{
    rf_config_file_object_hide(f->doc);
    const struct rf_config_file_object whole = { .path = f->path, .doc = f->doc };
    const struct rf_value v = rf_value_pointer(&rf_type_config_file, &whole);
    return regctl_print(format, &v, NULL, err);
}

/* The user that a credential helper knows stands in the entry as if it had been written there. */
static void add_helper_user(json_t *entry, const char *name)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_login_release) struct rf_login login = { 0 };
    if (json_string_length(json_object_get(entry, "credHelper")) == 0)
        return;
    if (stored_login(name, &login, &err) < 0)
        rf_log(RF_LOG_WARN, "Credential helper failed", "registry", name, "error", err.msg, NULL);
    else
        (void)json_object_set_new(entry, "user", json_string(login.user != NULL ? login.user : ""));
}

static int run_config(const struct rf_env *env, void *ctx, int argc, char **argv,
                      struct rf_err *err)
{
    const struct options *o = ctx;
    RF_CLEANUP(rf_regctl_file_release) struct rf_regctl_file f = { 0 };
    RF_CLEANUP(rf_freep) char *name = NULL;
    (void)env;
    int rc = argc > 0 ? rf_regctl_registry_name(argv[0], &name, err) : 0;
    if (rc == 0)
        rc = rf_regctl_file_load(&f, err);
    if (rc < 0)
        return rc;
    if (name == NULL)
        return show_all(&f, o->format, err);
    json_t *entry = rf_regctl_file_host(&f, name);
    if (entry == NULL) {
        rf_log(RF_LOG_WARN, "No configuration found for registry", "registry", name, NULL);
        return 0;
    }
    add_helper_user(entry, name);
    rf_host_object_hide(entry);
    const struct rf_host_object object = { .name = name, .doc = entry };
    const struct rf_value v = rf_value_pointer(&rf_type_host, &object);
    return regctl_print(o->format, &v, NULL, err);
}

static int run_whoami(const struct rf_env *env, void *ctx, int argc, char **argv,
                      struct rf_err *err)
{
    RF_CLEANUP(rf_login_release) struct rf_login login = { 0 };
    RF_CLEANUP(rf_freep) char *name = NULL;
    RF_CLEANUP(rf_buf_release) struct rf_buf line;
    rf_buf_init(&line, 0);
    (void)ctx;
    int rc = rf_regctl_registry_name(registry_of(argc, argv), &name, err);
    if (rc == 0)
        rc = stored_login(name, &login, err);
    if (rc < 0)
        return rc;
    const char *user = login.user != NULL ? login.user : "";
    if (user[0] == '\0' && login.token != NULL && login.token[0] != '\0')
        user = "<token>";
    if (user[0] == '\0')
        return hint_elsewhere(env, name, rf_fail(err, RFE_NOT_FOUND, "no login found for %s", name),
                              err);
    rf_buf_addf(&line, "%s\n", user);
    regctl_print_text(&line);
    return 0;
}

/* ---- login, logout ---- */

static int ask_user(const struct rf_env *env, const struct options *o, const char *name,
                    char **user, struct rf_err *err)
{
    RF_CLEANUP(rf_regctl_file_release) struct rf_regctl_file f = { 0 };
    if (rf_opt_given(env, "user")) {
        *user = rf_xstrdup(o->user);
        return 0;
    }
    if (o->pass_stdin)
        return rf_fail(err, RFE_USAGE, "user must be provided to read password from stdin");
    int rc = rf_regctl_file_load(&f, err);
    if (rc < 0)
        return rc;
    const char *known = json_string_value(json_object_get(rf_regctl_file_host(&f, name), "user"));
    bool has = known != NULL && known[0] != '\0';
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(known), 200);
    RF_CLEANUP(rf_freep)
    char *question = rf_xasprintf("Enter Username%s%s%s: ", has ? " [" : "", shown, has ? "]" : "");
    rc = rf_prompt_line(question, user, err);
    if (rc == 0 && (*user)[0] == '\0' && has) {
        free(*user);
        *user = rf_xstrdup(known);
    }
    return rc;
}

static int ask_pass(const struct rf_env *env, const struct options *o, char **pass,
                    struct rf_err *err)
{
    if (rf_opt_given(env, "pass")) {
        *pass = rf_xstrdup(o->pass);
        return 0;
    }
    if (o->pass_stdin)
        return rf_prompt_read_secret(pass, err);
    int rc = rf_prompt_secret("Enter Password: ", pass, err);
    if (rc == -RFE_USAGE || rc == -RFE_TOO_LARGE)
        rc = rf_hint(err, rc, "give the password with --user NAME --pass-stdin");
    return rc;
}

static int missing(const char *what, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *msg = rf_xasprintf("%s is required", what);
    rf_log(RF_LOG_ERROR, msg, NULL);
    return rf_fail(err, RFE_USAGE, "required input missing");
}

static int run_login(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    RF_CLEANUP(rf_freep) char *user = NULL;
    RF_CLEANUP(rf_wipe_freep) char *pass = NULL;
    RF_CLEANUP(rf_freep) char *name = NULL;
    int rc = rf_regctl_registry_name(registry_of(argc, argv), &name, err);
    if (rc == 0)
        rc = ask_user(env, o, name, &user, err);
    if (rc == 0 && user[0] == '\0')
        rc = missing("Username", err);
    if (rc == 0)
        rc = ask_pass(env, o, &pass, err);
    if (rc == 0 && pass[0] == '\0')
        rc = missing("Password", err);
    if (rc == 0)
        rc = rf_regctl_login(name, user, pass, err);
    if (rc == 0 && !o->skip_check)
        rc = check(env, name, "credentials were still stored", err);
    if (rc == 0)
        rf_log(RF_LOG_INFO, "Credentials set", "registry", name, NULL);
    return rc;
}

static int run_logout(const struct rf_env *env, void *ctx, int argc, char **argv,
                      struct rf_err *err)
{
    const char *name = registry_of(argc, argv);
    (void)ctx;
    int rc = rf_regctl_logout(name, err);
    if (rc == -RFE_NOT_FOUND)
        return hint_elsewhere(env, name, rc, err);
    if (rc == 0)
        rf_log(RF_LOG_DEBUG, "Credentials unset", "registry", name, NULL);
    return rc;
}

/* ---- set ---- */

static void collect(const struct rf_env *env, const struct options *o,
                    struct rf_regctl_host_changes *c)
{
    *c = (struct rf_regctl_host_changes){
        .tls = o->tls,
        .ca_pem = o->ca,
        .client_cert_pem = o->client_cert,
        .client_key_pem = o->client_key,
        .hostname = o->hostname,
        .cred_helper = o->cred_helper,
        .path_prefix = o->path_prefix,
        .mirrors = (const char *const *)o->mirrors.items,
        .n_mirrors = o->mirrors.n,
        .api_opts = (const char *const *)o->api_opts.items,
        .n_api_opts = o->api_opts.n,
        .priority = rf_opt_given(env, "priority") ? &o->priority : NULL,
        .repo_auth = rf_opt_given(env, "repo-auth") ? &o->repo_auth : NULL,
        .blob_chunk = rf_opt_given(env, "blob-chunk") ? &o->blob_chunk : NULL,
        .blob_max = rf_opt_given(env, "blob-max") ? &o->blob_max : NULL,
        .req_concurrent = rf_opt_given(env, "req-concurrent") ? &o->req_concurrent : NULL,
        .req_per_sec = rf_opt_given(env, "req-per-sec") ? &o->req_per_sec : NULL,
    };
}

/* A file's name in its place is what everybody tries first. */
static int check_pem(const char *option, const char *text, struct rf_err *err)
{
    if (text == NULL || text[0] == '\0' || strstr(text, "-----BEGIN ") != NULL)
        return 0;
    return rf_fail(err, RFE_USAGE, "--%s is no PEM text; of a file it is --%s \"$(cat FILE)\"",
                   option, option);
}

static int check_pems(const struct options *o, struct rf_err *err)
{
    int rc = check_pem("cacert", o->ca, err);
    if (rc == 0)
        rc = check_pem("client-cert", o->client_cert, err);
    return rc < 0 ? rc : check_pem("client-key", o->client_key, err);
}

static void tell_deprecated(const struct options *o, const char *name)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf dns;
    rf_buf_init(&dns, 0);
    if (o->scheme != NULL)
        rf_log(RF_LOG_WARN, "Scheme flag is deprecated, for http set tls to disabled", "name", name,
               "scheme", o->scheme, NULL);
    for (size_t i = 0; i < o->dns.n; i++)
        rf_buf_addf(&dns, "%s%s", i > 0 ? " " : "[", o->dns.items[i]);
    rf_buf_add_char(&dns, ']');
    if (o->dns.n > 0)
        rf_log(RF_LOG_WARN, "DNS flag is deprecated, use hostname and mirrors instead", "name",
               name, "dns", dns.ptr, NULL);
}

static int run_set(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    struct rf_regctl_host_changes c;
    RF_CLEANUP(rf_freep) char *name = NULL;
    int rc = rf_regctl_registry_name(registry_of(argc, argv), &name, err);
    if (rc == 0)
        rc = check_pems(o, err);
    if (rc < 0)
        return rc;
    collect(env, o, &c);
    tell_deprecated(o, name);
    rc = rf_regctl_set_host(name, &c, err);
    if (rc == 0 && !o->skip_check)
        rc = check(env, name, "configuration still updated", err);
    if (rc == 0)
        rf_log(RF_LOG_INFO, "Registry configuration updated/set", "name", name, NULL);
    return rc;
}

/* ---- the rows ---- */

#define AT(field) offsetof(struct options, field)
#define SKIP_ROW REGCTL_FLAG("skip-check", AT(skip_check), "do not try whether it works")

static const struct rf_opt config_opts[] = {
    REGCTL_FORMAT(AT(format), "form of the output", "{{jsonPretty .}}"),
};
static const struct rf_opt login_opts[] = {
    { "pass", 'p', RF_OPT_STRING, AT(pass), "PASSWORD",
      "the password; other users see it until the program has hidden it, so prefer --pass-stdin",
      NULL, 0 },
    REGCTL_FLAG("pass-stdin", AT(pass_stdin), "read the password from standard input"),
    SKIP_ROW,
    { "user", 'u', RF_OPT_STRING, AT(user), "NAME",
      "the user; \"<token>\" says that the password is an identity token", NULL, 0 },
};
static const struct rf_opt set_opts[] = {
    REGCTL_LIST(
        "api-opts", AT(api_opts), "KEY=VALUE",
        "option of the registry's API, disableHead=true is known; an empty value removes it; may be repeated"),
    REGCTL_INT("blob-chunk", AT(blob_chunk), "BYTES", "size of each part of an upload in parts",
               NULL),
    REGCTL_INT("blob-max", AT(blob_max), "BYTES",
               "larger blobs are uploaded in parts; -1 for no limit", NULL),
    REGCTL_TEXT("cacert", AT(ca), "PEM",
                "certificate that signs the registry's, as text: \"$(cat ca.pem)\""),
    REGCTL_TEXT("client-cert", AT(client_cert), "PEM", "certificate of the client, as text"),
    REGCTL_TEXT("client-key", AT(client_key), "PEM", "its key, as text"),
    REGCTL_TEXT("cred-helper", AT(cred_helper), "PROGRAM",
                "credential helper, by its whole name, as in docker-credential-pass"),
    { "dns", 0, RF_OPT_LIST, AT(dns), "HOST", "without effect, use --hostname and --mirror", NULL,
      RF_OPT_HIDDEN },
    REGCTL_TEXT("hostname", AT(hostname), "HOST[:PORT]", "where the registry really is"),
    REGCTL_LIST(
        "mirror", AT(mirrors), "REGISTRY",
        "registry that is asked first when something is pulled; may be repeated; an empty one removes all"),
    REGCTL_TEXT("path-prefix", AT(path_prefix), "PATH", "stands before all repositories there"),
    { "priority", 0, RF_OPT_U64, AT(priority), "N",
      "order among mirrors: the lowest number is asked first", NULL, 0 },
    REGCTL_FLAG("repo-auth", AT(repo_auth),
                "ask for a token for each repository instead of one for all"),
    REGCTL_INT("req-concurrent", AT(req_concurrent), "N", "requests at once", NULL),
    { "req-per-sec", 0, RF_OPT_REAL, AT(req_per_sec), "N", "requests per second", NULL, 0 },
    { "scheme", 0, RF_OPT_STRING, AT(scheme), "SCHEME", "without effect, use --tls", NULL,
      RF_OPT_HIDDEN },
    SKIP_ROW,
    REGCTL_TEXT("tls", AT(tls), "enabled|insecure|disabled",
                "https, https with any certificate, or plain http"),
};

#define DEFAULT_TEXT "Without a registry, Docker Hub (docker.io) is meant. "
static const struct rf_cmd commands[] = {
    {
        .name = "config",
        .synopsis = "[REGISTRY]",
        .summary = "show what is configured for a registry, or for all",
        .description =
            "Passwords, tokens and private keys are not shown, nor what Docker's files or --host say.",
        .examples = "regctl registry config\n"
                    "regctl registry config docker.io --format '{{.User}}'",
        .opts = config_opts,
        .n_opts = RF_ARRAY_LEN(config_opts),
        .ctx_size = sizeof(struct options),
        .max_args = 1,
        .run = run_config,
    },
    {
        .name = "login",
        .synopsis = "[REGISTRY]",
        .summary = "store a login",
        .description = DEFAULT_TEXT
        "The login is stored in the configuration file, or by the credential helper that \"regctl registry set --cred-helper\" "
        "named. Then it is tried; one that does not work stays stored. A login that Docker stored is found without this.",
        .examples = "regctl registry login registry.example.org\n"
                    "echo \"$TOKEN\" | regctl registry login ghcr.io -u \"$NAME\" --pass-stdin",
        .opts = login_opts,
        .n_opts = RF_ARRAY_LEN(login_opts),
        .ctx_size = sizeof(struct options),
        .max_args = 1,
        .run = run_login,
    },
    {
        .name = "logout",
        .synopsis = "[REGISTRY]",
        .summary = "remove a login",
        .description = DEFAULT_TEXT "Other settings of the registry stay.",
        .examples = "regctl registry logout registry.example.org",
        .ctx_size = sizeof(struct options),
        .max_args = 1,
        .run = run_logout,
    },
    {
        .name = "set",
        .synopsis = "[REGISTRY]",
        .summary = "configure a registry",
        .description = DEFAULT_TEXT
        "Only what is given changes. An entry that says nothing but defaults is removed. Then the registry is tried; settings that "
        "do not work stay stored. Mirrors are asked for manifests, blobs, tags and referrers when something is pulled, the lowest priority first "
        "and the registry itself last among equals; whatever fails at one is asked of the next.",
        .examples = "regctl registry set localhost:5000 --tls disabled\n"
                    "regctl registry set registry.example.org --cacert \"$(cat ca.pem)\"\n"
                    "regctl registry set docker.io --mirror hub-mirror.example.org\n"
                    "regctl registry set quay.io --req-per-sec 10",
        .opts = set_opts,
        .n_opts = RF_ARRAY_LEN(set_opts),
        .ctx_size = sizeof(struct options),
        .max_args = 1,
        .run = run_set,
    },
    {
        .name = "whoami",
        .synopsis = "[REGISTRY]",
        .summary = "show the user of a login",
        .description = DEFAULT_TEXT "Of an identity token, \"<token>\" is shown.",
        .examples = "regctl registry whoami registry.example.org",
        .ctx_size = sizeof(struct options),
        .max_args = 1,
        .run = run_whoami,
    },
};

const struct rf_cmd *regctl_registry_cmd(void)
{
    static const struct rf_cmd group = {
        .name = "registry",
        .summary = "configure registries and logins",
        .children = commands,
        .n_children = RF_ARRAY_LEN(commands),
    };
    return &group;
}
