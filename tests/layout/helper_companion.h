/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of companion files: one of each, and edits of their texts. */
#ifndef RF_TESTS_LAYOUT_HELPER_COMPANION_H
#define RF_TESTS_LAYOUT_HELPER_COMPANION_H

#include <check.h>

#include "layout/inventory.h"
#include "layout/receipt.h"
#include "layout/repair_request.h"
#include "tests/layout/helper_bundle.h"
#include "tests/layout/helper_layout.h"

/* Filled, not written. The caller releases. */
void request_fill(struct rf_repair_request *r);
void receipt_fill(struct rf_receipt *r);
void inventory_fill(struct rf_inventory *v);
/* Their texts; the caller frees. */
char *request_text(void);
char *receipt_text(void);
char *inventory_text(void);

/* `find` is replaced once by `replace`; the file that comes of it has to be refused with the code and a message that has `why`. */
struct companion_edit {
    const char *name, *find, *replace, *why;
    int code; /* 0 = RFE_INVALID */
};
/* Writes the edited text to "edited". */
void companion_edit(const char *text, const struct companion_edit *e);
void expect_refused(int rc, const struct rf_err *err, const struct companion_edit *e);
/* The bundle, sealed and then edited so, is refused. Releases it. */
void made_expect_refused(struct made *m, const struct companion_edit *e);
/* Every beginning of the text that is not all of it is refused by `load`. */
void expect_no_cut(const char *text, int (*load)(const char *path, struct rf_err *err));

#endif
