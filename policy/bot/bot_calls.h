/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What scripts of regbot may do, on the side of the program: the calls of the API "regbot" (policy/lua/lua_bot.h) over registries and layouts. Dry run,
 * the throttle and the checks of all arguments are here, where no script reaches them.
 *
 *     struct rf_bot_options o = RF_BOT_OPTIONS_INIT;
 *     o.client = client;  o.script = "cleanup";  o.dry_run = true;
 *     struct rf_bot_calls *calls = rf_bot_calls_new(&o);
 *     box_options.host = rf_bot_calls_host(calls);  box_options.api = "regbot";
 *     rc = rf_lua_box_run(box, "<string>", text, &err);
 *     rf_bot_counts_add(&sum, rf_bot_calls_counts(calls));
 *     rf_bot_calls_free(calls);                                        after rf_lua_box_close()
 *
 * Nothing is kept between two calls: what a script holds (manifests, configurations) it holds in its own memory, and it comes back as an argument.
 * One for each script that runs; used by one thread at a time, that of the box. Many may share client and throttle.
 */
#ifndef RF_POLICY_BOT_CALLS_H
#define RF_POLICY_BOT_CALLS_H

#include <stdatomic.h>

#include "policy/lua/lua_box.h"
#include "policy/throttle.h"
#include "regclient/client.h"

struct rf_bot_options {
    struct rf_client *client;
    const char *script; /* its name, for the log; borrowed */
    bool dry_run;       /* what would write is logged and counted, and not done */
    struct rf_throttle
        *throttle; /* taken by image.config, copy, exportTar, importTar; NULL: none */
    const atomic_bool
        *stop; /* once set every call fails with "Context error: context canceled"; NULL: none */
    /* A line of print(), without newline, not escaped; NULL: it goes nowhere. Several scripts may print at the same time. */
    void (*print)(void *ctx, struct rf_slice text);
    void *print_ctx;
    int (*sleep)(uint64_t ms, struct rf_err *err); /* NULL: rf_cancel_sleep; for tests */
};
#define RF_BOT_OPTIONS_INIT \
    {                       \
        .client = NULL      \
    }

struct rf_bot_calls;
/* The options are copied; what they point to is borrowed. */
struct rf_bot_calls *rf_bot_calls_new(const struct rf_bot_options *options);
void rf_bot_calls_free(struct rf_bot_calls *calls); /* NULL is fine */
void rf_bot_calls_freep(struct rf_bot_calls **calls);
/* For struct rf_lua_box_options; lives as long as `calls`. */
const struct rf_lua_host *rf_bot_calls_host(const struct rf_bot_calls *calls);

/* What was done, or in a dry run would have been. Each kind has a row in rf_bot_kinds. */
enum rf_bot_kind {
    RF_BOT_TAG_DELETE,
    RF_BOT_MANIFEST_DELETE,
    RF_BOT_BLOB_DELETE,
    RF_BOT_MANIFEST_PUT,
    RF_BOT_BLOB_PUT,
    RF_BOT_IMAGE_COPY,
    RF_BOT_TAG_COPY,
    RF_BOT_IMAGE_IMPORT,
    RF_BOT_IMAGE_EXPORT,
    RF_BOT_KINDS
};
struct rf_bot_counts {
    uint64_t done[RF_BOT_KINDS]; /* in a dry run: what was left out */
    uint64_t calls, failed;      /* of all functions of the API */
    uint64_t waited_ms;          /* for rate limits */
};
/* The key in JSON, "tagsDeleted". Never NULL. */
const char *rf_bot_kind_key(enum rf_bot_kind kind);
/* So far. Borrowed. */
const struct rf_bot_counts *rf_bot_calls_counts(const struct rf_bot_calls *calls);
void rf_bot_counts_add(struct rf_bot_counts *sum, const struct rf_bot_counts *more);
/* Appends "3 tags deleted, 1 image copied", or "nothing"; in a dry run say so around it. */
void rf_bot_counts_text(const struct rf_bot_counts *counts, struct rf_buf *out);

#endif
