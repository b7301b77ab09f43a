/* SPDX-License-Identifier: Apache-2.0 */
/* The scripted registry (tests/support/scripted_registry.py) for tests in C: one process per test, on loopback. */
#ifndef RF_TESTS_REGCLIENT_HELPER_REGISTRY_H
#define RF_TESTS_REGCLIENT_HELPER_REGISTRY_H

#include "regclient/client.h"

struct test_registry {
    char *name;   /* "127.0.0.1:PORT" */
    char *other;  /* its second origin */
    char *folder; /* of its own, removed at the end */
    char *log;    /* a file in it */
    bool tls;
    int pid;
    struct rf_hosts *hosts;
    struct rf_http *http;
    struct rf_stats *stats;
    struct rf_remote *remote;
    struct rf_place *place;
};
/*
 * `profile` is a name of tests/data/registry, or a profile itself ("{...}"); `host` is more of a --host option (",user=x,pass=y"), or NULL.
 * Never fails: a registry that does not come up ends the test.
 */
struct test_registry *test_registry_start(const char *profile, const char *host);
/* Over TLS, with the certificate `cert` of tests/data/regclient/tls; client certificates of its CA are asked for. `host` says how to trust it. */
struct test_registry *test_registry_start_tls(const char *profile, const char *cert,
                                              const char *host);
void test_registry_stop(struct test_registry *r);
void test_registry_stopp(struct test_registry **r);

/* Requests logged so far whose "METHOD path" fits the glob ("GET /v2/a/blobs/"), of origin "main", "other" or both (NULL). */
unsigned test_registry_count(struct test_registry *r, const char *origin, const char *glob);
/* How many of those came with a client certificate. */
unsigned test_registry_certs(struct test_registry *r, const char *origin, const char *glob);
/* How many of those carried an Authorization header. */
unsigned test_registry_logins(struct test_registry *r, const char *origin, const char *glob);
/* All of them as text, for messages. The caller frees. */
char *test_registry_log(struct test_registry *r);
unsigned test_registry_sessions(struct test_registry *r); /* uploads that are open */
void test_registry_forget(struct test_registry *r);       /* the log so far */
/* Requests that came, answered or not, whose "METHOD path" fits the glob: a line each, in order. The caller frees. */
char *test_registry_begun(struct test_registry *r, const char *glob);
/* Waits until so many of them came; false after a long time. */
bool test_registry_waits_for(struct test_registry *r, const char *glob, unsigned n);
/* The most requests that it had in hand at the same time since test_registry_forget. */
unsigned test_registry_most(struct test_registry *r);

/* A blob of `size` bytes that depend on `seed`, pushed to `repo` with no help of ours. */
void test_registry_blob(struct test_registry *r, const char *repo, unsigned seed, size_t size,
                        struct rf_digest *digest);
/* An image of one config and `layers` layers of `size` bytes each, pushed under `tag`. */
void test_registry_image(struct test_registry *r, const char *repo, const char *tag,
                         unsigned layers, size_t size, struct rf_digest *digest);
/* The same for linux/<architecture>; test_registry_image makes it for amd64. */
void test_registry_image_for(struct test_registry *r, const char *repo, const char *tag,
                             const char *architecture, unsigned layers, size_t size,
                             struct rf_digest *digest);
/* An index of two images for linux/amd64 and linux/arm64, which are tagged child-<tag>-<architecture>. */
void test_registry_index(struct test_registry *r, const char *repo, const char *tag,
                         struct rf_digest *digest);
/* An artifact of that type, referring to `subject` (NULL: to nothing), with one config blob of 50 bytes. */
void test_registry_artifact(struct test_registry *r, const char *repo, const char *tag,
                            const char *type, const struct rf_digest *subject,
                            struct rf_digest *digest);
/* Any manifest; tag may be NULL. */
void test_registry_manifest(struct test_registry *r, const char *repo, const char *tag,
                            const char *type, const char *body, struct rf_digest *digest);
char *test_bytes(unsigned seed, size_t size); /* what test_registry_blob makes */

#endif
