/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front door: turns references into places. Holds the HTTP engine, the hosts and every registry talked to.
 *
 *     rf_client_new(hosts, &opts, &client, err);                     hosts is taken over
 *     rf_client_place(client, &ref, flags, &place, &repo, err);      place is the client's, repo points into ref
 */
#ifndef RF_REGCLIENT_CLIENT_H
#define RF_REGCLIENT_CLIENT_H

#include "manifests/reference.h"
#include "regclient/registry.h"

struct rf_client;
struct rf_client_options {
    const char *user_agent; /* NULL: "regferry/<version>" */
    unsigned parallel;      /* requests at once per registry unless its settings say; 0 = 3 */
};
RF_MUST_USE int rf_client_new(struct rf_hosts *hosts, const struct rf_client_options *opts,
                              struct rf_client **out, struct rf_err *err);
void rf_client_free(struct rf_client *c);
void rf_client_freep(struct rf_client **c);
struct rf_stats *rf_client_stats(struct rf_client *c);
struct rf_hosts *rf_client_hosts(struct rf_client *c);

enum rf_client_place_flags {
    RF_CLIENT_WRITE =
        1u
        << 0, /* layouts are made when absent; ocifile:// is refused; a registry's mirrors are not asked */
    RF_CLIENT_TREE = 1u << 1, /* ocidir:// is a tree of layouts */
};
/* The place of a reference, opened once and kept; *repo ("" for single layouts) points into `ref`. Thread-safe. */
RF_MUST_USE int rf_client_place(struct rf_client *c, const struct rf_ref *ref, unsigned flags,
                                struct rf_place **place, const char **repo, struct rf_err *err);
/* As for writing: without mirrors. */
RF_MUST_USE int rf_client_registry(struct rf_client *c, const char *registry,
                                   struct rf_place **place, struct rf_err *err);
/* Every registry that was opened, its mirrors too, in no order. Not while others open places. */
void rf_client_each_remote(struct rf_client *c, void (*cb)(void *ctx, struct rf_remote *r),
                           void *ctx);

#endif
