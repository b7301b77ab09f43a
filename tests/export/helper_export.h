/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of export: sources as layouts in the test's folder, and exports of them from end to end, without network. */
#ifndef RF_TESTS_EXPORT_HELPER_EXPORT_H
#define RF_TESTS_EXPORT_HELPER_EXPORT_H

#include <check.h>

#include "export/export.h"
#include "export/items.h"
#include "layout/bundle_file.h"
#include "tests/layout/helper_layout.h"

/* ---- sources ---- */

/* The layout folder as a place, made when absent. The caller frees. */
struct rf_place *source_open(const char *folder);
/* An image of a config and layers (texts apart by blanks) under the tag in the layout. Returns its digest. */
struct rf_digest source_image(const char *folder, const char *tag, const char *config,
                              const char *layers);
void source_untag(const char *folder, const char *tag);
/* An index of linux/amd64, linux/arm64, ... images whose configs and layers are PREFIX-ARCH. Returns its digest. */
struct rf_digest source_index(const char *folder, const char *tag, const char *prefix,
                              const char *const *archs, size_t n);
/* An artifact that refers to `subject`, untagged, or under a tag. Returns its digest. */
struct rf_digest source_referrer(const char *folder, const char *tag,
                                 const struct rf_digest *subject, const char *layer);
/* What is done to the file of a blob of the layout. */
void source_lose(const char *folder, const char *content);    /* gone */
void source_spoil(const char *folder, const char *content);   /* other bytes of the same number */
void source_restore(const char *folder, const char *content); /* whole again */

/* ---- runs ---- */

struct run {
    const char *state, *out; /* NULL: "state", "out" */
    const char *site;        /* NULL: "site" */
    const char *const *bases;
    size_t n_bases;
    const char *const *platforms;
    size_t n_platforms;
    bool full, replan, prune, referrers, digest_tags, strict;
    const char *repair; /* the file of a request */
    unsigned parallel;  /* 0 = 2 */
    uint64_t stop_at;   /* cancelled when so many bytes were written; 0 = never */
    const char *config; /* a policy file's text instead of arguments */
};
/* The request of a run, for calling a step by itself. */
struct asked {
    struct rf_client *client;
    struct rf_policy_config *config;
    struct rf_items items;
    struct rf_export_request req;
    uint64_t stop_at, bytes;
};
/* args: sources apart by blanks. *a must not move until asked_release. */
void asked_init(struct asked *a, const struct run *r, const char *args);
void asked_release(struct asked *a);

/* Releases nothing on success: the caller has rf_export_result_release. */
int run_create(const struct run *r, const char *args, struct rf_export_result *out,
               struct rf_err *err);
int run_plan(const struct run *r, const char *args, struct rf_export_result *out,
             struct rf_err *err);
int run_again(const struct run *r, const char *id, const char *output, struct rf_export_result *out,
              struct rf_err *err);
/* As run_create, must succeed, and has told its end. Returns the path of the bundle; the caller frees. */
char *exported(const struct run *r, const char *args);

/* "new repo:tag", "hole repo:tag", ... in order, one per line: what the bundle says. The caller frees. */
char *story(const struct rf_bundle *b);
char *story_of_file(const char *path);
/* "STATUS repository[:tag]: RULE", then "hole repository[:tag]: RULE", a line for each. The caller frees. */
char *rules_of(const struct rf_plan *p);
/* The bundle's blob of this content is "carried", "assumed" or "absent". */
const char *travel_of(const struct rf_bundle *b, const char *content);
/* Every byte of the bundle file is as it has to be. */
void expect_whole(const char *path);
void expect_same_files(const char *a, const char *b);
/* Names in a folder, in order, each with a blank behind; "" when it is absent. The caller frees. */
char *names_in(const char *folder);

#endif
