/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a registry: what its parts share. */
#ifndef RF_REGCLIENT_REGISTRY_PRIVATE_H
#define RF_REGCLIENT_REGISTRY_PRIVATE_H

#include <stdatomic.h>

#include "base/idmap.h"
#include "regclient/key_lock.h"
#include "regclient/registry.h"

#define RF_PAGE_BYTES_MAX (8u << 20)
#define RF_PAGES_MAX 10000u
#define RF_CHUNK_DEFAULT (1u << 20)
#define RF_CHUNK_ECR (5u << 20) /* the least that some registries take, without saying so */
#define RF_CHUNK_MAX (1u << 30)

struct rf_registry {
    struct rf_place base;
    struct rf_remote *remote;
    struct rf_key_lock
        locks; /* "upload REPO DIGEST", "referrers REPO DIGEST", "tags", "untag REPO" */
    atomic_bool no_referrers_api; /* there is no such route */
    atomic_bool no_tag_deletes;   /* a tag could only be deleted by way of another image */
    atomic_bool deletes_collide;  /* and two of them in one repository came in each other's way */
    struct rf_strings
        layers; /* repositories that have the layer of such images; guarded by "tags" */
    atomic_uint_fast64_t chunk_min; /* learned */
    atomic_uint_fast64_t
        whole_max; /* bodies of this size were refused as too large; UINT64_MAX = none */
    /* Mirrors, see registry_mirrors.c. */
    struct rf_registry **choices; /* whom pulls are asked of; NULL: only this one */
    size_t n_choices;
    bool once;                     /* one of several choices: a failure is not repeated */
    bool own_remote;               /* a mirror's, freed with it */
    char *ns;                      /* sent along as "ns": the registry that it is a mirror of */
    atomic_uint failures;          /* in a row */
    atomic_uint_fast64_t avoid_ms; /* until then it is asked last */
};
/* How often a failure that may pass is met before it is told. */
static inline unsigned rf_registry_tries(const struct rf_registry *g)
{
    return g->once ? 1 : RF_TRIES_MAX;
}
static inline struct rf_registry *rf_registry_of(struct rf_place *p)
{
    return (struct rf_registry *)p;
}

/* The URL "/v2/<prefix>/<repo>/<rest>"; `rest` holds only what was validated. */
RF_MUST_USE int rf_registry_url(struct rf_registry *g, const char *repo, const char *rest,
                                struct rf_url *out, struct rf_err *err);
/* .../manifests/<digest or tag>, .../blobs/<digest> */
RF_MUST_USE int rf_registry_manifest_url(struct rf_registry *g, const char *repo, const char *tag,
                                         const struct rf_digest *digest, struct rf_url *out,
                                         struct rf_err *err);
RF_MUST_USE int rf_registry_blob_url(struct rf_registry *g, const char *repo,
                                     const struct rf_digest *digest, struct rf_url *out,
                                     struct rf_err *err);
enum rf_registry_right { RF_RIGHT_PULL, RF_RIGHT_PUSH, RF_RIGHT_DELETE };
/* The repository as it stands in URLs, behind the prefix of the host's settings: what the registry and its token service call it. The caller frees. */
char *rf_registry_full_name(const struct rf_registry *g, const char *repo);
char *rf_registry_scope(const struct rf_registry *g, const char *repo,
                        enum rf_registry_right right); /* the caller frees */

/* Goes through a list page by page (RFC 8288 Link), `call` being the first request without its URL. */
typedef int (*rf_registry_page_cb)(void *ctx, const struct rf_http_response *resp,
                                   struct rf_err *err);
RF_MUST_USE int rf_registry_pages(struct rf_registry *g, const struct rf_request *call,
                                  const struct rf_url *first, rf_registry_page_cb cb, void *ctx,
                                  struct rf_err *err);

/* registry_mirrors.c */
/*
 * Asks the choices in turn until one succeeds. `fn` asks one of them; it sets *stop when another must not be asked after its failure.
 */
typedef int (*rf_registry_pull_fn)(struct rf_registry *g, void *ctx, bool *stop,
                                   struct rf_err *err);
RF_MUST_USE int rf_registry_pull(struct rf_registry *g, rf_registry_pull_fn fn, void *ctx,
                                 struct rf_err *err);
void rf_registry_mirrors_release(struct rf_registry *g);
/* registry_manifest.c: as the operations below, never of a mirror. */
RF_MUST_USE int rf_registry_resolve_here(struct rf_registry *g, const char *repo, const char *tag,
                                         const struct rf_digest *digest, struct rf_descriptor *out,
                                         struct rf_err *err);
RF_MUST_USE int rf_registry_get_here(struct rf_registry *g, const char *repo, const char *tag,
                                     const struct rf_digest *digest,
                                     const struct rf_manifest_expect *expect,
                                     struct rf_manifest **out, struct rf_err *err);

/* The place operations, by file. */
/* registry_manifest.c */
int rf_registry_resolve(struct rf_place *p, const char *repo, const char *tag,
                        const struct rf_digest *digest, struct rf_descriptor *out,
                        struct rf_err *err);
int rf_registry_get_manifest(struct rf_place *p, const char *repo, const char *tag,
                             const struct rf_digest *digest,
                             const struct rf_manifest_expect *expect, struct rf_manifest **out,
                             struct rf_err *err);
int rf_registry_put_manifest(struct rf_place *p, const char *repo, const char *tag,
                             const struct rf_manifest *m, unsigned flags, struct rf_err *err);
/* registry_blob.c */
int rf_registry_probe_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                           uint64_t size, enum rf_probe how, struct rf_err *err);
int rf_registry_get_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                         uint64_t size, uint64_t offset, struct rf_sink *sink, struct rf_err *err);
/* registry_upload.c */
int rf_registry_put_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                         uint64_t size, struct rf_source *src, struct rf_err *err);
int rf_registry_mount(struct rf_place *p, const char *repo, const char *from_repo,
                      const struct rf_digest *digest, uint64_t size, struct rf_err *err);
/* registry_list.c */
int rf_registry_list_tags(struct rf_place *p, const char *repo, rf_place_tag_cb cb, void *ctx,
                          struct rf_err *err);
int rf_registry_list_repos(struct rf_place *p, rf_place_tag_cb cb, void *ctx, struct rf_err *err);
/* Both with the last answer kept; tags come page by page when limit is 0. */
struct rf_registry_answer {
    struct rf_headers headers;
    struct rf_buf body;
    unsigned pages;
};
RF_MUST_USE int rf_registry_tags_answer(struct rf_place *p, const char *repo, unsigned limit,
                                        const char *last, rf_place_tag_cb cb, void *ctx,
                                        struct rf_registry_answer *keep, struct rf_err *err);
RF_MUST_USE int rf_registry_repos_answer(struct rf_place *p, unsigned limit, const char *last,
                                         rf_place_tag_cb cb, void *ctx,
                                         struct rf_registry_answer *keep, struct rf_err *err);
/* registry_referrers.c */
int rf_registry_referrers(struct rf_place *p, const char *repo, const struct rf_digest *subject,
                          const char *artifact_type, rf_place_desc_cb cb, void *ctx,
                          struct rf_err *err);
/* Puts the manifest into the index of its subject's fallback tag, for registries without a referrers API. */
RF_MUST_USE int rf_registry_add_fallback(struct rf_registry *g, const char *repo,
                                         const struct rf_manifest *m, struct rf_err *err);
/* registry_delete.c */
int rf_registry_delete_tag(struct rf_place *p, const char *repo, const char *tag,
                           struct rf_err *err);
int rf_registry_delete_manifest(struct rf_place *p, const char *repo,
                                const struct rf_digest *digest, struct rf_err *err);
int rf_registry_delete_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                            struct rf_err *err);

#endif
