/* SPDX-License-Identifier: Apache-2.0 */
/* What several groups of regctl read, and what they print of a manifest that they made. */
#ifndef RF_TOOLS_REGCTL_INPUT_H
#define RF_TOOLS_REGCTL_INPUT_H

#include "manifests/manifest.h"
#include "tools/regctl/session.h"

/* Appends all of standard input. -RFE_TOO_LARGE over the buffer's cap. */
RF_MUST_USE int regctl_read_stdin(struct rf_buf *out, struct rf_err *err);
/* Writes all of it to the sink, without commit. */
RF_MUST_USE int regctl_pour_stdin(struct rf_sink *sink, struct rf_err *err);
/* "key=value" of an option that may be repeated, as an object of strings; without "=" the value is "". The caller drops the reference. */
json_t *regctl_pairs(const struct rf_list *list);
/*
 * By --format over {{.Manifest}}; without a format the digest and a newline when it was pushed without tag, else nothing. The reference becomes
 * that of what was made.
 */
RF_MUST_USE int regctl_print_made(const struct regctl_target *t, const struct rf_manifest *m,
                                  const char *format, bool by_digest, struct rf_err *err);

#endif
