/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every command of regctl needs: the registries as the files and --host describe them, a client, references as places, and results by
 * --format.
 *
 *     RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
 *     RF_CLEANUP(regctl_target_release) struct regctl_target t = REGCTL_TARGET_INIT;
 *     rc = regctl_session_open(&s, env, err);
 *     rc = regctl_target_open(&s, argv[0], 0, &t, err);          t.place, t.repo, t.ref.tag, t.digest
 *     rc = regctl_print(o->format, &value, &raw, err);
 */
#ifndef RF_TOOLS_REGCTL_SESSION_H
#define RF_TOOLS_REGCTL_SESSION_H

#include "base/value.h"
#include "regclient/client.h"
#include "tools/common/options.h"
#include "tools/common/progress.h"

struct regctl_session {
    const struct rf_env *env;
    struct rf_client *client;
    struct rf_progress *progress; /* made by regctl_progress() */
};
#define REGCTL_SESSION_INIT \
    {                       \
        0                   \
    }
/* *s must stay where it is until its release, which also prints the line of --stats. */
RF_MUST_USE int regctl_session_open(struct regctl_session *s, const struct rf_env *env,
                                    struct rf_err *err);
void regctl_session_release(struct regctl_session *s);
/* The display of the bytes moved, for copy and its kin: NULL (fine for rf_progress_bytes) where nothing is to be shown. */
struct rf_progress *regctl_progress(struct regctl_session *s, const char *what);

/* A reference, opened. */
struct regctl_target {
    struct rf_ref ref;      /* as the user named it; a layout gets no default tag here */
    struct rf_place *place; /* the client's */
    const char *repo;       /* of ref */
    const char *
        tag; /* that is meant: of a layout "latest" when neither tag nor digest is named; or NULL */
    const struct rf_digest *digest; /* &ref.digest, or NULL when the reference has none */
    bool written;
};
#define REGCTL_TARGET_INIT \
    {                      \
        0                  \
    }
enum regctl_target_flags {
    REGCTL_WRITE = 1u << 0, /* it is written to: a layout is made when absent */
    REGCTL_REPO = 1u << 1,  /* the tag may be absent: no default tag */
};
/* *t must stay where it is until its release. */
RF_MUST_USE int regctl_target_open(struct regctl_session *s, const char *text, unsigned flags,
                                   struct regctl_target *t, struct rf_err *err);
void regctl_target_release(struct regctl_target *t);
/* After the last write, when all went well: in a layout, what nothing refers to any more is removed. */
RF_MUST_USE int regctl_target_done(const struct regctl_target *t, struct rf_err *err);
/* "linux/arm64" of --platform; NULL or "" leave *out empty and return 0, else 1. *out: rf_platform_release. */
RF_MUST_USE int regctl_platform(const char *text, struct rf_platform *out, struct rf_err *err);

/* What the raw forms of --format print. */
struct regctl_raw {
    const struct rf_headers *headers; /* or NULL: nothing is known of headers */
    struct rf_slice body;
    bool headers_only; /* there is no body: only that form is known */
};
/*
 * Prints by --format: `raw`, `rawBody`/`raw-body`/`body`, `rawHeaders`/`raw-headers`/`headers` when `raw` is given, everything else is a template
 * over `value`. What stood before an error in the template is printed, too.
 */
RF_MUST_USE int regctl_print(const char *format, const struct rf_value *value,
                             const struct regctl_raw *raw, struct rf_err *err);
/* A document of our own that goes to stdout as it is: "" prints nothing. */
void regctl_print_text(const struct rf_buf *text);
/* "Key: value" lines, sorted, as those forms print them. */
void regctl_headers_text(const struct rf_headers *headers, struct rf_buf *out);

#endif
