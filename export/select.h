/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selecting: from the request's items to one line per tag or manifest, each with its digest now, or with the reason why it could
 * not be had. First step of planning (export/plan.h).
 */
#ifndef RF_EXPORT_SELECT_H
#define RF_EXPORT_SELECT_H

#include "export/location.h"
#include "export/request.h"
#include "export/state.h"

/* Beside each line of `wanted`, the same index. */
struct rf_pick {
    uint32_t item;  /* of the request */
    uint32_t where; /* in locations */
    uint32_t root;  /* node in the closure's graph, RF_NO_ID before or when the base knows it */
    uint32_t source_tag; /* in wanted.strings; "" = by digest */
    uint32_t of;         /* of an extra: the mention that it was found for; else RF_NO_ID */
    uint32_t verdict; /* in wanted.strings: what carry() said of it beside yes; RF_NO_ID: nothing */
    uint32_t error;   /* in wanted.strings: why it is a hole, or was refused; RF_NO_ID = fine */
    int error_code;
    bool unchanged; /* the base has exactly this line */
    bool dropped;   /* a second mention of the same, or of a kind that is not wanted */
    uint32_t kept;  /* of a second mention: the line that it is one of; else RF_NO_ID */
    bool refused;   /* by the policy's carry() */
    bool extra;     /* a referrer or digest tag: platforms do not apply to it */
    bool outside;   /* a referrer that is not kept beside its image */
    bool listless;  /* a hole for all repositories of a registry, which could not be listed */
    bool referrers, digest_tags; /* asked for by this mention */
    bool include_external;       /* by any of its mentions */
};

static inline bool rf_pick_usable(const struct rf_pick *p)
{
    return p->error_code == 0 && !p->dropped && !p->refused;
}

/* The line that mention i is one of: mostly itself. RF_NO_ID: of none, for its kind. */
static inline uint32_t rf_pick_line(const struct rf_pick *picks, uint32_t i)
{
    return picks[i].dropped ? picks[i].kept : i;
}

/* What tells lines apart: repository and tag, or without tag the digest. */
struct rf_line_key {
    uint32_t repository, tag;
    uint32_t item;           /* 0: the line itself; else a mention of it by the item before */
    struct rf_digest digest; /* all zero with a tag */
    uint32_t line;           /* which it is; no part of the key */
};

struct rf_selection {
    const struct rf_export_request *req;
    struct rf_export_state *state;
    struct rf_desired wanted; /* unsorted: indices stay */
    struct rf_pick *picks;
    size_t cap_picks;
    struct rf_locations locations;
    uint32_t
        *referrers_at; /* per item: the location of its referrers; RF_NO_ID: where the image is */
    struct rf_line_key
        *keys; /* of the lines by which extras are told to be new; made when the first comes */
    size_t n_keys, cap_keys;
    struct rf_idmap by_key;
};
/* The address of *s must not change until release. */
void rf_selection_init(struct rf_selection *s, const struct rf_export_request *req,
                       struct rf_export_state *state);
void rf_selection_release(struct rf_selection *s);

/* Expands the items, asks for each tag's digest, drops second mentions. -RFE_CONFLICT. What cannot be had is marked, not a failure. */
RF_MUST_USE int rf_select(struct rf_selection *s, struct rf_err *err);
/*
 * Adds a line found later (a referrer: tag NULL; a digest tag), for the mention `of`. Returns its index, or RF_NO_ID when it is there already. When another item
 * has brought it, this is a further mention of it.
 */
uint32_t rf_selection_add_extra(struct rf_selection *s, uint32_t of, const char *tag,
                                const struct rf_descriptor *desc);
/* A manifest, from the cache or else the location, and into the cache. Thread-safe. size 0, media type NULL or "": not known. */
RF_MUST_USE int rf_export_fetch_manifest(struct rf_export_state *state,
                                         const struct rf_location *at,
                                         const struct rf_digest *digest, uint64_t size,
                                         const char *media_type, struct rf_manifest **out,
                                         struct rf_err *err);
/* A configuration into the cache, unless it is there. Thread-safe. */
RF_MUST_USE int rf_export_fetch_config(struct rf_export_state *state, const struct rf_location *at,
                                       const struct rf_digest *digest, uint64_t size,
                                       struct rf_err *err);
/* Descriptor of a tag, or of a digest when it is given. HEAD says it all on most registries; where it does not, the manifest itself does. Thread-safe. */
RF_MUST_USE int rf_resolve_at(struct rf_export_state *state, const struct rf_location *at,
                              const char *tag, const struct rf_digest *digest,
                              struct rf_descriptor *out, struct rf_err *err);
/* Where the referrers are that mention i asks for. */
uint32_t rf_selection_referrers_at(const struct rf_selection *s, size_t i);
/* Makes line i a hole. The reason is what bundles show: without a local path, without naming the source again. */
void rf_pick_fail(struct rf_selection *s, size_t i, int code, const char *reason);

#endif
