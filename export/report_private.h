/* SPDX-License-Identifier: Apache-2.0 */
/* What both reports of a plan or a bundle count (export/export.h). */
#ifndef RF_EXPORT_REPORT_PRIVATE_H
#define RF_EXPORT_REPORT_PRIVATE_H

#include "export/export.h"

struct rf_export_totals {
    uint64_t carried, carried_bytes, assumed, assumed_bytes;
};
struct rf_export_totals rf_export_totals(const struct rf_bundle *b);
/* Of the bundle's file, made or to be made. */
uint64_t rf_export_file_size(const struct rf_export_result *r);

#endif
