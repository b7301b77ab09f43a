/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of policy/bot/bot_calls.h share: the call under way, its arguments, references as places. */
#ifndef RF_POLICY_BOT_CALLS_PRIVATE_H
#define RF_POLICY_BOT_CALLS_PRIVATE_H

#include "base/json.h"
#include "manifests/manifest.h"
#include "manifests/reference.h"
#include "policy/bot/bot_calls.h"
#include "regclient/fetch.h"

/* A layout that the script wrote to: held until its reference is closed or the script is over, then what nothing names is removed. */
struct rf_bot_layout {
    struct rf_place *place;
    char *repo;
};

struct rf_bot_calls {
    struct rf_bot_options o;
    struct rf_bot_counts counts;
    struct rf_lua_host host;
    struct rf_bot_layout *layouts;
    size_t n_layouts, cap_layouts;
};

/* One call. Arguments come from a stranger: their kinds are checked here again. */
struct rf_bot_call {
    struct rf_bot_calls *b;
    const char *where;
    const json_t *args;
};
typedef int (*rf_bot_function)(struct rf_bot_call *c, json_t **result, struct rf_err *err);
struct rf_bot_function_row {
    const char *name;
    rf_bot_function run;
    bool throttled;
};
extern const struct rf_bot_function_row rf_bot_list_functions[], rf_bot_read_functions[],
    rf_bot_write_functions[];

/* ---- arguments; numbers begin at 0 ---- */

/* A text without NUL; borrowed. *out NULL when it is absent or nil and optional. */
RF_MUST_USE int rf_bot_text(const struct rf_bot_call *c, size_t i, bool optional, const char **out,
                            struct rf_err *err);
/* The table of options as JSON, never NULL: empty when it is not given. A new reference. Of a key that is not in `known`, a warning. */
RF_MUST_USE int rf_bot_table(const struct rf_bot_call *c, size_t i, const char *const *known,
                             size_t n, json_t **out, struct rf_err *err);
/* A member of options that is text or a list of texts: an array of its own (free it, not the texts) of borrowed texts. */
RF_MUST_USE int rf_bot_texts(const json_t *options, const char *key, char ***out, size_t *n,
                             struct rf_err *err);

/* ---- references ---- */

struct rf_bot_target {
    struct rf_ref ref;
    char *name;             /* in full, for messages */
    struct rf_place *place; /* the client's */
    const char *repo;
    const char *tag; /* that is meant ("latest" of a layout); NULL when there is a digest alone */
    const struct rf_digest *digest; /* &ref.digest, or NULL */
};
#define RF_BOT_TARGET_INIT \
    {                      \
        .name = NULL       \
    }
void rf_bot_target_release(struct rf_bot_target *t); /* also for RF_CLEANUP */
enum rf_bot_target_flags {
    RF_BOT_WRITE = 1u << 0,
    RF_BOT_REPO = 1u << 1, /* no default tag */
};
/* Argument i, a text or an object with `ref`. *t must stay where it is. In a dry run nothing is opened for writing. */
RF_MUST_USE int rf_bot_target(struct rf_bot_call *c, size_t i, unsigned flags,
                              struct rf_bot_target *t, struct rf_err *err);
/* Any text. */
RF_MUST_USE int rf_bot_target_text(struct rf_bot_calls *b, const char *text, unsigned flags,
                                   struct rf_bot_target *t, struct rf_err *err);
/* What to ask the place with: the digest alone when there is one. */
static inline const char *rf_bot_tag(const struct rf_bot_target *t)
{
    return t->digest != NULL ? NULL : t->tag;
}
/* From the first write to a layout on. */
RF_MUST_USE int rf_bot_hold(struct rf_bot_call *c, const struct rf_bot_target *t,
                            struct rf_err *err);
/* The script is done with it (NULL: with all of them). */
RF_MUST_USE int rf_bot_settle(struct rf_bot_calls *b, const struct rf_place *place,
                              const char *repo, struct rf_err *err);

/* ---- documents ---- */

/* The manifest that argument i carries; *out NULL when it carries none. */
RF_MUST_USE int rf_bot_manifest(const struct rf_bot_call *c, size_t i, struct rf_manifest **out,
                                struct rf_err *err);
/* {ref, mediaType, digest, size, body}: what the child makes an object of. `body` may be empty. */
json_t *rf_bot_facts_of(const char *ref, const char *media_type, const struct rf_digest *digest,
                        uint64_t size, const struct rf_buf *body);

#endif
