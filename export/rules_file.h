/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of a plan beside its bundle (pending/rules), so that a run which goes on with it says what decided as well. A hint: what is lost, damaged or of
 * another bundle is not said. Text, lines of JSON: the bundle, the rules in their order, then how many lines of the bundle and then how many of its holes go by
 * which, [NUMBER,COUNT].
 */
#ifndef RF_EXPORT_RULES_FILE_H
#define RF_EXPORT_RULES_FILE_H

#include "export/rules.h"
#include "layout/bundle.h"

/* Replaces the file. */
RF_MUST_USE int rf_rules_store(const struct rf_rules *r, const struct rf_bundle *b,
                               const char *path, struct rf_err *err);
/* Into an empty *r, and the numbers into the lines and holes of b. On failure both are as before. */
RF_MUST_USE int rf_rules_load(struct rf_rules *r, struct rf_bundle *b, const char *path,
                              struct rf_err *err);

#endif
