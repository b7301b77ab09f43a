/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of import's report (import/report.c): what a plan says of each image, and what a run takes. All append. */
#ifndef RF_IMPORT_REPORT_PLAN_H
#define RF_IMPORT_REPORT_PLAN_H

#include "import/import.h"

/* The image's tag is there with something else than what it gets, or not there. Known once the destination was asked for tags. */
bool rf_import_report_moves_tag(const struct rf_import_run *r, size_t image);
/* Behind a line of text: why it is removed or held, what its tag has now. */
void rf_import_report_why(const struct rf_import_run *r, size_t image, struct rf_buf *out);
/* Into the object that ends `out`: verdict, the side that it fell on, the rule. `lacks`: ground of it is missing. */
void rf_import_report_verdict_json(const struct rf_import_result *res, size_t image, bool lacks,
                                   struct rf_buf *out);
/* What the connected side refused: ,"notCarried":[...] */
void rf_import_report_not_carried_json(const struct rf_import_run *r, struct rf_buf *out);
/* Requests, what the destination grants, and room. */
void rf_import_report_means(const struct rf_import_run *r, struct rf_buf *out);
void rf_import_report_means_json(const struct rf_import_result *res, struct rf_buf *out);

#endif
