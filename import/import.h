/* SPDX-License-Identifier: Apache-2.0 */
/* Import from end to end: what the program's commands call. One call is one bundle. */
#ifndef RF_IMPORT_IMPORT_H
#define RF_IMPORT_IMPORT_H

#include "import/run.h"
#include "layout/repair_request.h"

/* How far a run got; decides what the report says. */
enum rf_import_stage {
    RF_IMPORT_OPENED,
    RF_IMPORT_VERIFIED,
    RF_IMPORT_GROUND,
    RF_IMPORT_PLANNED,
    RF_IMPORT_APPLIED
};

struct rf_import_result {
    struct rf_import_run run;
    enum rf_import_stage stage;
    char *path;
};
void rf_import_result_init(struct rf_import_result *r);
void rf_import_result_release(struct rf_import_result *r);

/* Structure alone: what the bundle says of itself. */
RF_MUST_USE int rf_import_inspect(const struct rf_import_request *req, const char *path,
                                  struct rf_import_result *out, struct rf_err *err);
/* The whole bundle: every byte, every manifest. */
RF_MUST_USE int rf_import_verify(const struct rf_import_request *req, const char *path,
                                 struct rf_import_result *out, struct rf_err *err);
/* Verified, the ground checked, what would be written counted. Writes nothing. */
RF_MUST_USE int rf_import_plan(const struct rf_import_request *req, const char *path,
                               struct rf_import_result *out, struct rf_err *err);
/* Verified and the ground checked; what is missing goes into the initialised *doc, which has none when all is there. Writes nothing. */
RF_MUST_USE int rf_import_ask(const struct rf_import_request *req, const char *path,
                              struct rf_import_result *out, struct rf_repair_request *doc,
                              struct rf_err *err);
/*
 * Brings the destination to what the bundle describes. -RFE_DAMAGED, -RFE_NOT_BUNDLE, -RFE_REFUSED, -RFE_GROUND_MISSING: nothing was written (with
 * req->stream, damage may have left blobs that nothing refers to). -RFE_PARTIAL: done, except for the images in run.refused.
 */
RF_MUST_USE int rf_import_apply(const struct rf_import_request *req, const char *path,
                                struct rf_import_result *out, struct rf_err *err);

/* For people, and as one JSON object. Appended. */
void rf_import_report_text(const struct rf_import_result *r, struct rf_buf *out);
void rf_import_report_json(const struct rf_import_result *r, struct rf_buf *out);

#endif
