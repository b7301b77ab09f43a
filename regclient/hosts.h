/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of each registry: address, TLS, login, limits. Merged from (later wins per field) the built-in entry of Docker Hub,
 * Docker's logins and helpers, regctl's configuration file, the YAML file's `creds`, and --host. Frozen before threads start.
 */
#ifndef RF_REGCLIENT_HOSTS_H
#define RF_REGCLIENT_HOSTS_H

#include "base/json.h"

enum rf_tls { RF_TLS_UNSET = 0, RF_TLS_ENABLED = 1, RF_TLS_INSECURE = 2, RF_TLS_DISABLED = 3 };

/* One registry's settings; NULL, 0 or UNSET = not said. The keys are those of inventory 2.4 and 4.2. Secrets are wiped on release. */
struct rf_host {
    char *name;     /* as written in references: "docker.io", "registry.example:5000" */
    char *hostname; /* host[:port] really contacted */
    enum rf_tls tls;
    char *user, *pass, *token; /* token: identity (refresh) token */
    char *cred_helper, *cred_host;
    uint64_t cred_expire_s;
    char *ca_pem, *client_cert_pem, *client_key_pem;
    char *path_prefix;
    char **mirrors;
    size_t n_mirrors;
    unsigned priority;
    bool repo_auth, repo_auth_set;
    bool disable_head;
    json_t *api_opts;
    int64_t blob_chunk; /* bytes; 0 = not said */
    int64_t blob_max;   /* bytes; 0 = not said, -1 = no limit */
    double req_per_sec;
    unsigned req_concurrent;
};
void rf_host_init(struct rf_host *h);
void rf_host_release(struct rf_host *h);

struct rf_hosts;
struct rf_hosts *rf_hosts_new(void);
void rf_hosts_free(struct rf_hosts *h);
void rf_hosts_freep(struct rf_hosts **h);
/*
 * Merges one entry over what is there under its name (aliases of Docker Hub are one). Takes nothing over. "" is "not said". A password,
 * a token and a helper replace each other: the later word on how to log in is the whole of it. -RFE_CONFIG names the field.
 */
RF_MUST_USE int rf_hosts_merge(struct rf_hosts *h, const struct rf_host *settings,
                               struct rf_err *err);
/* The same for what Docker's files say: it always lies below rf_hosts_merge, whatever the order of the calls. */
RF_MUST_USE int rf_hosts_merge_docker(struct rf_hosts *h, const struct rf_host *settings,
                                      struct rf_err *err);
/* Settings of every registry that does not say otherwise. Its name, address and login are passed over: a login belongs to one registry. */
RF_MUST_USE int rf_hosts_merge_default(struct rf_hosts *h, const struct rf_host *settings,
                                       struct rf_err *err);
/* The helper asked for registries that have no login otherwise (Docker's credsStore); full program name. */
RF_MUST_USE int rf_hosts_set_store(struct rf_hosts *h, const char *helper, struct rf_err *err);
/* Whether Docker's logins and its CA folder (set by rf_hosts_load_docker, NULL for none) count. Both do until said otherwise. */
void rf_hosts_use_docker(struct rf_hosts *h, bool logins, bool certs);
void rf_hosts_set_certs_dir(struct rf_hosts *h, const char *folder);
/*
 * --host reg=NAME,user=…,pass=…,tls=…  (also pass-file=PATH, pass-env=NAME, ca-file=PATH, cert-file=PATH, key-file=PATH,
 * hostname=, token=, token-host=, cred-helper=, blob-chunk=, blob-max=, req-concurrent=, req-per-sec=, path-prefix=). Values may be quoted
 * with " or use \.
 * -RFE_USAGE names the part.
 */
RF_MUST_USE int rf_hosts_add_flag(struct rf_hosts *h, const char *text, struct rf_err *err);
/* Overwrites the value of pass= and token= inside the argument itself (argv) with '*'. */
void rf_hosts_hide_flag(char *text);
/* $REGCTL_CONFIG, else $XDG_CONFIG_HOME|~/.config + /regctl/config.json if it exists, else ~/.regctl/config.json. Absent is success. */
RF_MUST_USE int rf_hosts_load_regctl(struct rf_hosts *h, struct rf_err *err);
/* $DOCKER_CONFIG/config.json or ~/.docker/config.json, and $DOCKER_AUTH_CONFIG: logins and helpers; certs.d CAs. Absent is success. */
RF_MUST_USE int rf_hosts_load_docker(struct rf_hosts *h, struct rf_err *err);
/*
 * The settings of a registry with name, hostname, tls, cred_host and cred_expire_s filled in and Docker's CAs appended to ca_pem; limits that nobody
 * set stay 0 ("not said"). Borrowed, valid until rf_hosts_free. Unknown names get defaults. Thread-safe.
 */
const struct rf_host *rf_hosts_get(struct rf_hosts *h, const char *name);

/* The names that something is known of, in no order; NULL behind the last. Not while others merge or get. Borrowed. */
const char *rf_hosts_name(const struct rf_hosts *h, size_t i);

/*
 * The login for a host: asks the credential helper when one is configured (bounded, cached for cred_expire). Outputs belong to the caller
 * (rf_wipe_freep), NULL when there is none; *token is an identity token. Thread-safe.
 */
RF_MUST_USE int rf_host_login(struct rf_hosts *h, const struct rf_host *host, char **user,
                              char **pass, char **token, struct rf_err *err);
/*
 * The registry refused that login: forgets what the helper said when that was more than 10 s ago. True when asking again can bring
 * something new. Thread-safe.
 */
bool rf_host_login_forget(struct rf_hosts *h, const struct rf_host *host);

#endif
