/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the script of the section `policy` says of images: carry(image) on the connected side, accept(image) and keep(image) on the other.
 *
 *     rf_verdicts_open(&config->policy, &v, err)                  runs the script: one that is broken fails here, before anything is read or written
 *     if (rf_verdicts_has(v, RF_VERDICT_CARRY))
 *         rf_verdicts_judge(v, RF_VERDICT_CARRY, &lines, verdicts, err)      one verdict per line
 *     rf_verdict_list_free(verdicts, n);  rf_verdicts_free(v)
 *
 * What a function says: true; or false and a reason. Anything else, an error in it and a function that does not end are no verdict: then an image is not
 * carried, not accepted, and kept, and the reason says what went wrong.
 * One box (policy/lua/lua_box.h) for a run; used by the thread that opened it.
 */
#ifndef RF_POLICY_VERDICT_H
#define RF_POLICY_VERDICT_H

#include "layout/desired.h"
#include "manifests/manifest.h"
#include "policy/policy_section.h"

#define RF_VERDICT_TIMEOUT_NS (5 * INT64_C(1000000000)) /* of one call, when nothing is said */
#define RF_VERDICT_REASON_MAX 1000                      /* bytes of a reason; longer ones are cut */
#define RF_VERDICT_TIMEOUTS_MAX 10 /* calls that may run out of time before the run fails */

enum rf_verdict_function {
    RF_VERDICT_CARRY,
    RF_VERDICT_ACCEPT,
    RF_VERDICT_KEEP,
    RF_VERDICT_FUNCTIONS
};
const char *rf_verdict_function_name(enum rf_verdict_function f); /* "carry" */

enum rf_verdict_kind {
    RF_VERDICT_NONE, /* not asked */
    RF_VERDICT_YES,
    RF_VERDICT_NO,
    RF_VERDICT_UNREAD, /* could not be asked: its documents could not be read; code and reason say why */
};
struct rf_verdict {
    uint8_t kind;  /* enum rf_verdict_kind */
    bool mistaken; /* the function failed, and this is what follows from that */
    int code;      /* of UNREAD */
    char *reason;  /* "carry: too old"; NULL when there is none */
};
/* A reason that speaks of this function having failed. */
bool rf_verdict_is_mistake(enum rf_verdict_function f, const char *reason);
void rf_verdict_release(struct rf_verdict *v);
void rf_verdict_list_free(struct rf_verdict *list, size_t n);

struct rf_verdicts;
/* The section has a script (rf_policy_section_is_set). -RFE_CONFIG: it cannot be read, or not be run, or defines none of the functions. */
RF_MUST_USE int rf_verdicts_open(const struct rf_policy_section *s, struct rf_verdicts **out,
                                 struct rf_err *err);
void rf_verdicts_free(struct rf_verdicts *v); /* NULL is fine */
void rf_verdicts_freep(struct rf_verdicts **v);
/* The script defines it. v may be NULL: there is no policy. */
bool rf_verdicts_has(const struct rf_verdicts *v, enum rf_verdict_function f);
/* What the script is, as a digest's text: another one is another plan. */
const char *rf_verdicts_id(const struct rf_verdicts *v);

/*
 * Asks about one image, facts as rf_lua_image_facts() gives them (policy/lua/lua_image.h), perhaps with more fields; `name` stands in messages. Fails only when the run has to end: cancelled, the box
 * cannot be started any more, too many calls ran out of time.
 */
RF_MUST_USE int rf_verdicts_ask(struct rf_verdicts *v, enum rf_verdict_function f, const char *name,
                                const json_t *image, struct rf_verdict *out, struct rf_err *err);

/* Lines of a desired state, and where their documents can be had. The callbacks are called from several threads. */
struct rf_verdict_lines {
    const struct rf_desired *desired;
    bool (*wanted)(void *ctx, size_t line); /* NULL: all of them */
    int (*manifest)(void *ctx, size_t line, const struct rf_descriptor *desc,
                    struct rf_manifest **out, struct rf_err *err);
    /* Appends a configuration. */
    int (*config)(void *ctx, size_t line, const struct rf_descriptor *desc, struct rf_buf *out,
                  struct rf_err *err);
    void *ctx;
    unsigned threads; /* 0 = 4 */
};
/*
 * One verdict for each line that is wanted, in out[]: one per line of desired, all zero before. What refers to an image (a manifest without a tag that has
 * it as its subject, a digest tag that speaks of it) is not asked about: it is in the image's `referrers`, and gets YES as soon as one such image has.
 */
RF_MUST_USE int rf_verdicts_judge(struct rf_verdicts *v, enum rf_verdict_function f,
                                  const struct rf_verdict_lines *lines, struct rf_verdict *out,
                                  struct rf_err *err);

#endif
