/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of import: bundles made by hand, and destinations that watch and fail. */
#ifndef RF_TESTS_IMPORT_HELPER_IMPORT_H
#define RF_TESTS_IMPORT_HELPER_IMPORT_H

#include <check.h>
#include <pthread.h>

#include "import/import.h"
#include "tests/layout/helper_bundle.h"
#include "tests/layout/helper_layout.h"

/* ---- bundles ---- */

/*
 * Adds an image (config and layers: texts, layers apart by blanks) as a line with its blobs. What stands in `assumed` (texts apart by blanks,
 * "manifest" for the manifest) is not carried; `from` names the repositories that have it. Returns the manifest's digest.
 */
struct rf_digest add_image(struct made *m, const char *repository, const char *tag,
                           const char *config, const char *layers, enum rf_image_status status,
                           const char *assumed, const char *from);
/* A line alone, of an image as add_image makes it: what did not change. */
struct rf_digest add_line(struct made *m, const char *repository, const char *tag,
                          const char *config, const char *layers, enum rf_image_status status);
/* An index of images PREFIX-a, PREFIX-b, ... (n of them) of which the line chose the first `chosen`; 0 = all. */
struct rf_digest add_index(struct made *m, const char *repository, const char *tag,
                           const char *prefix, unsigned n, unsigned chosen);
/* An artifact that refers to `subject`, untagged. */
struct rf_digest add_referrer(struct made *m, const char *repository,
                              const struct rf_digest *subject, uint64_t subject_size,
                              const char *layer);
/* The blob's other repositories: what add_image said of it goes for these too (names apart by blanks). */
void add_base(struct made *m, const char *name);
/* Seals and writes; the caller frees the path. */
char *written(struct made *m, const char *path);

/* ---- the destination ---- */

/*
 * A tree of layouts in "far" behind a place that writes down what is written: "blob REPO", "manifest REPO", "tag REPO:TAG" in order, and that
 * fails where it is told to.
 */
struct watched {
    struct rf_place base;
    struct rf_place *inner;
    pthread_mutex_t lock; /* guards all below */
    struct rf_buf log;
    unsigned n_writes, n_reads;
    int (*before_write)(struct watched *w, const char *what, const char *repo, const char *tag,
                        const struct rf_digest *d, struct rf_err *err);
    void *ctx;
    bool no_mount;
    unsigned held;
};
void watched_open(struct watched *w);
void watched_close(struct watched *w);
/* Forgets what was written down. */
void watched_clear(struct watched *w);

struct applied {
    struct rf_import_result result;
    struct rf_err err;
    int rc;
};
/* What a request says beyond the usual: unsigned bundles are accepted, the state is "import-state". */
struct how {
    const char *site, *state, *prefix, *receipt;
    bool older, stream, manifests_only, signed_only, complete;
    unsigned parallel;
};
/* One import from end to end. The caller releases a->result. */
void apply(struct applied *a, struct watched *w, const char *path, const struct how *how);
void plan(struct applied *a, struct watched *w, const char *path, const struct how *how);
/* A request for what the bundle lacks; doc is filled. */
void ask(struct applied *a, struct watched *w, const char *path, const struct how *how,
         struct rf_repair_request *doc);
/* The request of such a run, for calling a step by itself. */
void request_of(struct rf_import_request *req, struct watched *w, const struct how *how);
/* Must succeed. */
void applied_well(struct watched *w, const char *path, const struct how *how);

/* The destination's tag, "" when there is none. */
struct rf_digest tag_of(struct watched *w, const char *repo, const char *tag);
bool has_blob(struct watched *w, const char *repo, const char *content);
/* Removes a folder with all that is inside. */
void forget(const char *folder);
/* The text of the one file of the folder; the caller frees. */
char *only_file(const char *folder);
void lose_blob(const char *repo, const char *content);
void lose_manifest(const char *repo, const struct rf_digest *d);

/* ---- the usual scene ---- */

extern struct watched far;
/* For checked fixtures: a work folder with `far` open. */
void far_setup(void);
void far_teardown(void);
void expect_tag(const char *repo, const char *tag, const struct rf_digest *d);
void expect_no_tag(const char *repo, const char *tag);
/* full.tar: app:1 and app:2 share a layer; lib:1 has it too. The digests of the three; the caller frees the path. */
char *full_bundle(struct rf_digest d[3]);
/* next.tar: app:1 moves on, app:2 stays, lib:1 goes; new/app:3 is new and needs what the first brought. */
char *next_bundle(struct rf_digest d[3]);

#endif
