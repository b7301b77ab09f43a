/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a bundle says of itself: the content of bundle.json (docs/bundle-format.md), in compact form. 100,000 blobs take about 12 MB.
 *
 *     rf_bundle_init(&b);  fill header, desired, blobs, holes ...  rf_bundle_seal(&b, err);   sorted, checked, measured: b.id is set
 *                          changed since?  rf_bundle_seal(&b, err) again
 *     rf_bundle_write(&b, sink, err);                              bundle.json, the same bytes each time
 *     rf_bundle_read(source, &b, err);                             the reverse; every field checked
 */
#ifndef RF_LAYOUT_BUNDLE_H
#define RF_LAYOUT_BUNDLE_H

#include "layout/desired.h"

#include <time.h>

#define RF_BUNDLE_VERSION 1
#define RF_BUNDLE_JSON_MAX (64u << 20)
#define RF_BUNDLE_LINE_MAX (64u << 10) /* with comma and LF */
#define RF_BUNDLE_BASES_MAX 64u
#define RF_BUNDLE_REPOSITORIES_MAX 100000u
#define RF_BUNDLE_TOOL_MAX 200u
#define RF_BUNDLE_UNKNOWN_MAX 64u /* top-level members that a reader does not know */
#define RF_SITE_MAX 64
#define RF_CHAIN_HEX 32
#define RF_BUNDLE_RULE_MAX 8192u                          /* bytes of a rule's text */
#define RF_BUNDLE_GRACE_MAX (UINT64_C(100) * 366 * 86400) /* seconds */
#define RF_BLOB_SIZE_MAX (UINT64_C(1) << 60)

enum rf_blob_kind { RF_BLOB_MANIFEST, RF_BLOB_CONFIG, RF_BLOB_LAYER };
enum rf_travel { RF_TRAVEL_CARRIED, RF_TRAVEL_ASSUMED };

struct rf_bundle_blob {
    struct rf_digest digest;
    uint64_t size;
    uint32_t media_type;          /* in desired.strings */
    uint32_t first_repo, n_repos; /* in lists: far-side repositories that need it, rising */
    uint32_t first_from,
        n_from;     /* in lists: far-side repositories that have it by the base; assumed only */
    uint8_t kind;   /* enum rf_blob_kind */
    uint8_t travel; /* enum rf_travel */
};

struct rf_hole {
    uint32_t source, repository, tag, reason; /* in desired.strings; tag "" = none */
    uint32_t rule; /* the maker's, as of a line (rf_image.rule); in no document */
};

/* What the connected side's policy left out. */
struct rf_bundle_refused {
    struct rf_digest digest;
    uint32_t source, repository, tag, reason; /* in desired.strings; tag "" = none */
};

/* An image that the connected side no longer selects and its rules let go. */
struct rf_candidate {
    struct rf_digest digest;
    uint32_t repository, tag, rule; /* in desired.strings; tag "" = none */
};
struct rf_bundle_retain {
    bool set;       /* the bundle has retention rules */
    bool has_as_of; /* a rule goes by age */
    bool has_max, percent;
    time_t as_of;
    uint64_t grace_s, max_delete;
    uint64_t known;  /* images that were judged, those that are selected too */
    uint32_t *rules; /* as texts, in desired.strings */
    size_t n_rules, cap_rules;
    struct rf_candidate *candidates; /* sealed: by repository, tag, digest */
    size_t n, cap;
};

struct rf_bundle {
    char site[RF_SITE_MAX + 1];
    char chain[RF_CHAIN_HEX + 1];
    uint64_t sequence;
    struct rf_digest parent; /* not set: the first of its chain */
    struct rf_digest snapshot;
    struct rf_digest repairs; /* set: a repair bundle, for the bundle of this id */
    struct rf_digest bases[RF_BUNDLE_BASES_MAX];
    size_t n_bases;
    char *tool; /* "name version" */
    struct rf_desired desired;
    uint32_t *repositories; /* strings; the table that `lists` numbers, in order of name */
    size_t n_repositories, cap_repositories;
    struct rf_bundle_blob *blobs; /* sealed: by kind, then digest */
    size_t n_blobs, cap_blobs;
    uint32_t *lists; /* indices into repositories */
    size_t n_lists, cap_lists;
    struct rf_hole *holes;
    size_t n_holes, cap_holes;
    struct rf_bundle_retain retain;
    struct rf_bundle_refused *refused;
    size_t n_refused, cap_refused;
    /* set by rf_bundle_seal and rf_bundle_read */
    struct rf_digest id; /* SHA-256 of bundle.json */
    uint64_t json_size;
    struct rf_digest index_digest; /* of the member index.json */
    uint64_t index_size;
};

void rf_bundle_init(struct rf_bundle *b);
void rf_bundle_release(struct rf_bundle *b);
bool rf_site_valid(struct rf_slice s); /* [a-z0-9][a-z0-9._-]{0,63} */
/* The chain's name: first 128 bits of SHA-256 over the site's name, a LF and the first snapshot's digest. */
void rf_chain_name(const char *site, const struct rf_digest *first_snapshot,
                   char out[RF_CHAIN_HEX + 1]);

/*
 * Sorts all lists, drops what stands twice in bases, holes, refused, repositories and lists, and repositories that no list names; checks
 * (rf_bundle_check); sets snapshot, index and id. -RFE_TOO_LARGE when bundle.json would pass a limit, -RFE_INVALID when no reader would take it.
 */
RF_MUST_USE int rf_bundle_seal(struct rf_bundle *b, struct rf_err *err);
/*
 * What has to hold across the lines: order, no duplicates, every reference leads to what it should, kinds and travels that go together.
 * Part of seal and read. -RFE_INVALID, -RFE_TOO_LARGE.
 */
RF_MUST_USE int rf_bundle_check(const struct rf_bundle *b, struct rf_err *err);
/* The orders of blobs, of holes and of what was refused. */
int rf_bundle_blob_cmp(const struct rf_bundle_blob *a, const struct rf_bundle_blob *b);
int rf_hole_cmp(const struct rf_desired *d, const struct rf_hole *a, const struct rf_hole *b);
int rf_bundle_refused_cmp(const struct rf_desired *d, const struct rf_bundle_refused *a,
                          const struct rf_bundle_refused *b);
/* A hole as a line of bundle.json and of reports; appended. */
void rf_hole_json(const struct rf_bundle *b, const struct rf_hole *h, struct rf_buf *out);
/* Writes bundle.json. The bundle is sealed. */
RF_MUST_USE int rf_bundle_write(const struct rf_bundle *b, struct rf_sink *sink,
                                struct rf_err *err);
/* The same as a file, durably; and the reverse, into an initialised *b. -RFE_NOT_FOUND, else what rf_bundle_read says. */
RF_MUST_USE int rf_bundle_store(const struct rf_bundle *b, const char *path, struct rf_err *err);
RF_MUST_USE int rf_bundle_load(struct rf_bundle *b, const char *path, struct rf_err *err);
/* Writes index.json: the tagged images that travel. */
RF_MUST_USE int rf_bundle_write_index(const struct rf_bundle *b, struct rf_sink *sink,
                                      struct rf_err *err);
/*
 * Reads bundle.json of `size` bytes into an initialised *b and checks all of it: forms, order, duplicates, features, sums, that index.json would be
 * what it says. -RFE_NOT_BUNDLE for another version or an unknown feature, else -RFE_DAMAGED.
 */
RF_MUST_USE int rf_bundle_read(struct rf_source *src, uint64_t size, struct rf_bundle *b,
                               struct rf_err *err);

/* It carries what a destination lacks for another bundle, and changes no image. */
static inline bool rf_bundle_is_repair(const struct rf_bundle *b)
{
    return rf_digest_is_set(&b->repairs);
}
/* What was refused of this repository and tag, without a tag of this digest; NULL when nothing was. The bundle is sealed or read. */
const struct rf_bundle_refused *rf_bundle_find_refused(const struct rf_bundle *b,
                                                       const char *repository, const char *tag,
                                                       const struct rf_digest *digest);
/* The blob of this digest, or NULL. The bundle is sealed or read. */
const struct rf_bundle_blob *rf_bundle_find(const struct rf_bundle *b, const struct rf_digest *d);
static inline const char *rf_bundle_repo(const struct rf_bundle *b, uint32_t list_item)
{
    return rf_desired_str(&b->desired, b->repositories[b->lists[list_item]]);
}
uint64_t rf_bundle_carried_bytes(const struct rf_bundle *b);
size_t rf_bundle_carried_count(const struct rf_bundle *b);

#endif
