/* SPDX-License-Identifier: Apache-2.0 */
/* Export from end to end: what the program's commands call. */
#ifndef RF_EXPORT_EXPORT_H
#define RF_EXPORT_EXPORT_H

#include "export/requests.h"
#include "export/space.h"

struct rf_export_result {
    struct rf_plan *plan;
    char *path;    /* of the bundle; "-" when streamed; NULL for a plan alone */
    uint64_t size; /* of the bundle's file */
    bool resumed;
    struct rf_requests requests; /* of a plan: what create will send; of a run: what was sent */
    struct rf_rooms rooms;       /* of a plan: what its bundle takes, and what is free */
    int told;                    /* of an rf_export_create that succeeded: see release */
};
#define RF_EXPORT_RESULT_INIT \
    {                         \
        .told = -1            \
    }
/*
 * Until the result of rf_export_create is released the same request gives the same bundle again: release it when the user has been told, as late as can
 * be. A run killed before that has not told of its bundle, and the same command once more does.
 */
void rf_export_result_release(struct rf_export_result *r);

/* Plans and writes nothing but the cache of manifests and configs. Looks for room in `output`, the folder for the bundle; not when that is NULL or "-". */
RF_MUST_USE int rf_export_plan(const struct rf_export_request *req, const char *output,
                               struct rf_export_result *out, struct rf_err *err);
/* Whether a run can do what was planned: -RFE_NO_SPACE, -RFE_REFUSED. To be told behind the report of a plan. */
RF_MUST_USE int rf_export_check_plan(const struct rf_export_result *r, struct rf_err *err);
/* Plans (or takes up the recorded plan) and writes the bundle into the folder `output`, or to stdout for "-"; then records it. */
RF_MUST_USE int rf_export_create(const struct rf_export_request *req, const char *output,
                                 struct rf_export_result *out, struct rf_err *err);
/* Writes a bundle of the history anew, byte for byte. */
RF_MUST_USE int rf_export_again(const struct rf_export_request *req, const char *id,
                                const char *output, struct rf_export_result *out,
                                struct rf_err *err);

/* The plan or the result for people, and as JSON. Appended. */
void rf_export_report_text(const struct rf_export_result *r, struct rf_buf *out);
void rf_export_report_json(const struct rf_export_result *r, struct rf_buf *out);
void rf_export_history_text(const struct rf_export_state *s, struct rf_buf *out);
void rf_export_history_json(const struct rf_export_state *s, struct rf_buf *out);

#endif
