/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regctl's configuration file as a document that is read, changed and written back: what `registry login`, `logout` and `set` and
 * `config set` do. The file is locked while it changes, appears whole (mode 0600, folder 0700, or the mode it had), and keeps keys
 * that are not ours. Every change is checked as if it had been read from the file.
 *
 *     rf_regctl_file_load(&f, err)  ->  rf_regctl_file_host(&f, "docker.io")  ->  rf_regctl_file_release(&f)
 */
#ifndef RF_REGCLIENT_REGCTL_FILE_H
#define RF_REGCLIENT_REGCTL_FILE_H

#include "base/json.h"
#include "regclient/cred_helper.h"

struct rf_regctl_file {
    char *path;  /* where it is, or will be */
    json_t *doc; /* an object; empty when there is no file */
};

/* -RFE_CONFIG when it is malformed, or no place for it can be found. */
RF_MUST_USE int rf_regctl_file_load(struct rf_regctl_file *f, struct rf_err *err);
void rf_regctl_file_release(struct rf_regctl_file *f); /* wipes; for RF_CLEANUP */
/* The entry of a registry ("docker.io" under any of its names), borrowed; NULL when there is none. */
json_t *rf_regctl_file_host(const struct rf_regctl_file *f, const char *registry);
/* The name that a registry's entry has; -RFE_USAGE "invalid registry name provided: NAME" for anything but host[:port]. The caller frees. */
RF_MUST_USE int rf_regctl_registry_name(const char *text, char **out, struct rf_err *err);

/* What `registry set` changes; NULL = stays as it is. "" and 0 take a setting away. */
struct rf_regctl_host_changes {
    const char *tls, *ca_pem, *client_cert_pem, *client_key_pem, *hostname, *cred_helper;
    const char *path_prefix;
    const char *const *mirrors; /* n_mirrors of them replace the list */
    size_t n_mirrors;
    const char *const *api_opts; /* "key=value"; without value the key is taken away */
    size_t n_api_opts;
    const uint64_t *priority;
    const bool *repo_auth;
    const int64_t *blob_chunk, *blob_max, *req_concurrent;
    const double *req_per_sec;
};
/* A new entry starts with upstream's defaults; one that says nothing is taken out. */
RF_MUST_USE int rf_regctl_set_host(const char *registry, const struct rf_regctl_host_changes *c,
                                   struct rf_err *err);

/*
 * Stores a login: a user "<token>" makes the password an identity token. A registry whose entry names a credential helper gets it
 * stored there instead of in the file. -RFE_DENIED when the helper refuses.
 */
RF_MUST_USE int rf_regctl_login(const char *registry, const char *user, const char *pass,
                                struct rf_err *err);
/* -RFE_NOT_FOUND when the file says nothing of the registry. */
RF_MUST_USE int rf_regctl_logout(const char *registry, struct rf_err *err);

/* What `config set` changes; NULL = stays as it is. */
struct rf_regctl_changes {
    const int64_t *blob_limit;
    const char *default_cred_helper;
    const bool *docker_cert, *docker_cred;
};
RF_MUST_USE int rf_regctl_set(const struct rf_regctl_changes *c, struct rf_err *err);

#endif
