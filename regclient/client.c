/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/client.h"

#include <pthread.h>

#include "base/mem.h"
#include "layout/oci_dir.h"
#include "layout/oci_file.h"

#define MIRRORED (1u << 15) /* beside enum rf_client_place_flags */

struct entry {
    char *key;                /* scheme, flags and name */
    struct rf_remote *remote; /* or NULL; another entry's when `lent` */
    bool lent;
    struct rf_place *place;
    struct entry *next;
};

struct rf_client {
    struct rf_http *http;
    struct rf_hosts *hosts;
    struct rf_stats *stats;
    unsigned parallel;
    pthread_mutex_t lock; /* guards `entries` */
    struct entry *entries;
};

int rf_client_new(struct rf_hosts *hosts, const struct rf_client_options *opts,
                  struct rf_client **out, struct rf_err *err)
{
    struct rf_http *http = NULL;
    int rc = rf_http_new(opts != NULL ? opts->user_agent : NULL, &http, err);
    if (rc < 0) {
        rf_hosts_free(hosts);
        return rc;
    }
    struct rf_client *c = rf_xcalloc(1, sizeof(*c));
    c->http = http;
    c->hosts = hosts;
    c->stats = rf_stats_new();
    c->parallel = opts != NULL ? opts->parallel : 0;
    pthread_mutex_init(&c->lock, NULL);
    *out = c;
    return 0;
}

static void entry_free(struct entry *e)
{
    rf_place_free(e->place);
    if (!e->lent)
        rf_remote_free(e->remote);
    free(e->key);
    free(e);
}

void rf_client_free(struct rf_client *c)
{
    if (c == NULL)
        return;
    while (c->entries != NULL) {
        struct entry *e = c->entries;
        c->entries = e->next;
        entry_free(e);
    }
    rf_http_free(c->http);
    rf_hosts_free(c->hosts);
    rf_stats_free(c->stats);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void rf_client_freep(struct rf_client **c)
{
    rf_client_free(*c);
    *c = NULL;
}

struct rf_stats *rf_client_stats(struct rf_client *c)
{
    return c->stats;
}

struct rf_hosts *rf_client_hosts(struct rf_client *c)
{
    return c->hosts;
}

/* Two places over one registry, with mirrors and without, share what is known of it. */
static struct rf_remote *remote_of(const struct rf_client *c, const struct rf_host *host)
{
    for (const struct entry *e = c->entries; e != NULL; e = e->next)
        if (e->remote != NULL && rf_remote_host(e->remote) == host)
            return e->remote;
    return NULL;
}

static int open_registry(struct rf_client *c, const char *name, bool mirrors, struct entry *e,
                         struct rf_err *err)
{
    struct rf_remote_options opts = { .parallel = c->parallel, .stats = c->stats };
    const struct rf_host *host = rf_hosts_get(c->hosts, name);
    e->remote = remote_of(c, host);
    e->lent = e->remote != NULL;
    int rc = e->lent ? 0 : rf_remote_new(c->http, c->hosts, name, &opts, &e->remote, err);
    if (rc == 0)
        rc = rf_registry_open(e->remote, &e->place, err);
    for (size_t i = 0; rc == 0 && mirrors && i < host->n_mirrors; i++) {
        struct rf_remote *m = NULL;
        if (rf_hosts_get(c->hosts, host->mirrors[i]) == host)
            continue;
        rc = rf_remote_new(c->http, c->hosts, host->mirrors[i], &opts, &m, err);
        if (rc == 0)
            rf_registry_add_mirror(e->place, m);
    }
    return rc;
}

static int open_place(struct rf_client *c, enum rf_scheme scheme, const char *name, unsigned flags,
                      struct entry *e, struct rf_err *err)
{
    unsigned dir = (flags & RF_CLIENT_WRITE) != 0 ? RF_OCI_DIR_CREATE : RF_OCI_DIR_READ_ONLY;
    if ((flags & RF_CLIENT_TREE) != 0)
        dir |= RF_OCI_DIR_TREE;
    switch (scheme) {
    case RF_SCHEME_OCIDIR:
        return rf_oci_dir_open(name, dir, &e->place, err);
    case RF_SCHEME_OCIFILE:
        return rf_oci_file_open(name, &e->place, err);
    case RF_SCHEME_REGISTRY:
        break;
    }
    return open_registry(c, name, (flags & MIRRORED) != 0, e, err);
}

/* Opening is short, it asks nobody: the lock is held meanwhile. */
static int get_place(struct rf_client *c, enum rf_scheme scheme, const char *name, unsigned flags,
                     struct rf_place **place, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *key = rf_xasprintf("%d %u %s", (int)scheme, flags, name);
    int rc = 0;
    pthread_mutex_lock(&c->lock);
    struct entry *e = c->entries;
    while (e != NULL && strcmp(e->key, key) != 0)
        e = e->next;
    if (e == NULL) {
        e = rf_xcalloc(1, sizeof(*e));
        rc = open_place(c, scheme, name, flags, e, err);
        if (rc < 0) {
            entry_free(e);
        } else {
            e->key = RF_STEAL(key);
            e->next = c->entries;
            c->entries = e;
        }
    }
    pthread_mutex_unlock(&c->lock);
    if (rc == 0)
        *place = e->place;
    return rc;
}

int rf_client_place(struct rf_client *c, const struct rf_ref *ref, unsigned flags,
                    struct rf_place **place, const char **repo, struct rf_err *err)
{
    if (ref->scheme == RF_SCHEME_OCIFILE && (flags & RF_CLIENT_WRITE) != 0)
        return rf_fail(err, RFE_UNSUPPORTED, "ocifile://%s: only read here", ref->path);
    /* What a reference may be used for makes no difference to a registry, but that mirrors know nothing of what is written. */
    bool registry = ref->scheme == RF_SCHEME_REGISTRY;
    if (registry)
        flags =
            (flags & RF_CLIENT_WRITE) == 0 && rf_hosts_get(c->hosts, ref->registry)->n_mirrors > 0
                ? MIRRORED
                : 0;
    int rc = get_place(c, ref->scheme, registry ? ref->registry : ref->path, flags, place, err);
    if (rc == 0)
        *repo = ref->repository != NULL ? ref->repository : "";
    return rc;
}

int rf_client_registry(struct rf_client *c, const char *registry, struct rf_place **place,
                       struct rf_err *err)
{
    return get_place(c, RF_SCHEME_REGISTRY, registry, 0, place, err);
}

void rf_client_each_remote(struct rf_client *c, void (*cb)(void *ctx, struct rf_remote *r),
                           void *ctx)
{
    for (const struct entry *e = c->entries; e != NULL; e = e->next) {
        if (e->remote == NULL)
            continue;
        if (!e->lent)
            cb(ctx, e->remote);
        rf_registry_each_mirror(e->place, cb, ctx);
    }
}
