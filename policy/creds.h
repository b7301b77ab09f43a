/* SPDX-License-Identifier: Apache-2.0 */
/* The list `creds` of a configuration file (inventory 2.4): settings of registries, for rf_hosts_merge. */
#ifndef RF_POLICY_CREDS_H
#define RF_POLICY_CREDS_H

#include "policy/yaml.h"
#include "regclient/hosts.h"

/* What an entry says that its rf_host cannot hold; NULL where it says nothing. */
struct rf_creds_text {
    char *registry;     /* as written, templates expanded */
    char *api, *scheme; /* old, without meaning but for scheme: http */
    bool scheme_tls;    /* it is the scheme that says whether TLS is used */
    char *where;        /* for messages: "FILE:LINE:COLUMN: creds[2]" */
};
struct rf_creds {
    struct rf_host *list;
    struct rf_creds_text *texts; /* one for each of the list */
    size_t n;
};
void rf_creds_release(struct rf_creds *c); /* wipes the secrets */
/* A setter for a field of this type (`creds` of a table). Templates in texts are expanded. */
rf_yaml_setter rf_creds_set;
/* Merges them all, in order. A failure names the place in the file. */
RF_MUST_USE int rf_creds_merge(const struct rf_creds *c, struct rf_hosts *hosts,
                               struct rf_err *err);

/* The same, but an entry that cannot be used is told of and passed over. `why` begins with its place in the file. */
void rf_creds_merge_usable(const struct rf_creds *c, struct rf_hosts *hosts,
                           void (*tell)(void *ctx, const struct rf_host *h,
                                        const struct rf_err *why),
                           void *ctx);

/* The keys of an entry. */
extern const struct rf_yaml_table rf_creds_table;

#endif
