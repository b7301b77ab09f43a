/* SPDX-License-Identifier: Apache-2.0 */
/* What a bundle says of itself, in the reports of both sides: for people, and as JSON. All of it appended. */
#ifndef RF_LAYOUT_BUNDLE_REPORT_H
#define RF_LAYOUT_BUNDLE_REPORT_H

#include "layout/bundle.h"

/* Lines of each status. */
void rf_bundle_count_images(const struct rf_bundle *b, uint64_t by_status[RF_IMAGE_HELD + 1]);

/* "new       app:1 sha256:... (2 platforms chosen)" */
void rf_bundle_image_text(const struct rf_desired *d, const struct rf_image *im,
                          struct rf_buf *out);
/* The snapshots that it builds on, a line each. */
void rf_bundle_bases_text(const struct rf_bundle *b, struct rf_buf *out);
/* "images    1 new, ... 0 holes", without the line's end. */
void rf_bundle_images_text(const struct rf_bundle *b, struct rf_buf *out);

/* ,"repairs":...,"bases":[...] */
void rf_bundle_bases_json(const struct rf_bundle *b, struct rf_buf *out);

#endif
