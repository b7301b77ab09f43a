/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One image kept the same at two places: what a step does for each tag (inventory 2.9). An image that is unchanged costs one request at each side.
 *
 *     rf_sync_image_init(&image, step, source, target);
 *     rf_sync_image_look(env, &image);                       what both sides have; or each side for itself, in any thread
 *     rf_sync_image_run(env, step, mode, &image, &result);   decides, tells, copies
 *     rf_sync_image_release(&image);
 */
#ifndef RF_POLICY_SYNC_IMAGE_H
#define RF_POLICY_SYNC_IMAGE_H

#include <stdatomic.h>

#include "base/cancel.h"
#include "policy/rate_gate.h"
#include "policy/step.h"
#include "policy/throttle.h"
#include "regclient/client.h"
#include "regclient/copy.h"

enum rf_sync_mode {
    RF_SYNC_COPY,
    RF_SYNC_MISSING, /* only what the target lacks */
    RF_SYNC_CHECK,   /* nothing is written */
};

/* X(name, text in reports). Of a check: REFRESH_NEEDED is the same image whose referrers or digest tags are not all there, MAY_DIFFER one of which only a copy would tell. */
#define RF_SYNC_OUTCOMES(X)            \
    X(UNCHANGED, "unchanged")          \
    X(EXISTS, "exists")                \
    X(SKIPPED, "skipped")              \
    X(NEEDED, "needed")                \
    X(REFRESH_NEEDED, "refreshNeeded") \
    X(MAY_DIFFER, "mayDiffer")         \
    X(COPIED, "copied")                \
    X(REFRESHED, "refreshed")          \
    X(FAILED, "failed")

enum rf_sync_outcome {
#define RF_SYNC_ENUM(name, text) RF_SYNC_##name,
    RF_SYNC_OUTCOMES(RF_SYNC_ENUM)
#undef RF_SYNC_ENUM
        RF_SYNC_OUTCOME_COUNT
};
const char *rf_sync_outcome_text(enum rf_sync_outcome o);

struct rf_look_pool;
struct rf_blob_hints;
struct rf_hook_runner;
struct rf_index_cache;
/* What all steps of a program share. */
struct rf_sync_env {
    struct rf_client *client;
    struct rf_throttle *throttle; /* copies at once */
    struct rf_rate_gate *gate;
    struct rf_look_pool *looks;
    struct rf_blob_hints *hints;
    struct rf_blob_turns *turns;
    struct rf_hook_runner *hooks;   /* NULL: they are not run */
    struct rf_index_cache *choices; /* which image of an index a platform means */
    bool abort_on_error;
    atomic_bool stop;    /* after a failure, with abort_on_error */
    atomic_bool retired; /* another file has taken the place: nobody waits for a limit any more */
    int (*sleep)(uint64_t ms, struct rf_err *e); /* NULL: rf_cancel_sleep */
};

/* What came of asking one side. */
struct rf_sync_answer {
    int rc;
    struct rf_err *error; /* with rc */
};

/*
 * The place of a reference that belongs to the step. Layouts of a registry step are repositories of one tree: what they share is linked, and however many
 * there are, few files are open. Flags as rf_client_place; with RF_CLIENT_WRITE of the target, else of the source. *repo points into `ref`.
 */
RF_MUST_USE int rf_sync_place(struct rf_sync_env *env, const struct rf_step *step,
                              const struct rf_ref *ref, unsigned flags, struct rf_place **place,
                              const char **repo, struct rf_err *err);

struct rf_sync_image {
    const struct rf_step *step;
    struct rf_ref src, dst;
    const char *
        failed; /* which of them is none: the message of the log line, src_answer says why; or NULL */
    char *source, *target; /* as put together */
    struct rf_sync_answer src_answer, dst_answer;
    struct rf_descriptor found; /* at the source, and what that said of its limit */
    struct rf_rate rate;
    bool untouched; /* of that limit nothing was pulled when the image passed the gate first */
    bool there;     /* the target has something */
    struct rf_digest has;
    uint64_t looked_ms;
};
struct rf_sync_result {
    enum rf_sync_outcome outcome;
    struct rf_digest digest; /* what the source has (of a platform: that image) */
    struct rf_copy_result copied;
    struct rf_rate rate;
    int rc;
    struct rf_err error; /* with FAILED */
};

/* Takes both texts over. What cannot be read is kept for rf_sync_image_run to tell. */
void rf_sync_image_init(struct rf_sync_image *i, const struct rf_step *step, char *source,
                        char *target);
void rf_sync_image_release(struct rf_sync_image *i);
void rf_sync_image_look(struct rf_sync_env *env, struct rf_sync_image *i);
/* Both may run at the same time. */
void rf_sync_image_look_source(struct rf_sync_env *env, struct rf_sync_image *i);
void rf_sync_image_look_target(struct rf_sync_env *env, struct rf_sync_image *i);
void rf_sync_image_run(struct rf_sync_env *env, const struct rf_step *step, enum rf_sync_mode mode,
                       struct rf_sync_image *i, struct rf_sync_result *out);
/* With -RFE_CANCELLED although nobody has cancelled: it would have had to wait for a limit, and was left instead (rf_sync_stopped, env.retired). */
static inline bool rf_sync_left(const struct rf_sync_result *r)
{
    return r->rc == -RFE_CANCELLED && !rf_cancelled();
}
/* No further image is to be begun: told to stop, or after a failure. */
bool rf_sync_stopped(const struct rf_sync_env *env);

#endif
