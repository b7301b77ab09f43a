/* SPDX-License-Identifier: Apache-2.0 */
/* Content that several groups of regctl write: blobs as they come, files of layers once they are known to be right, differences. */
#ifndef RF_TOOLS_REGCTL_OUTPUT_H
#define RF_TOOLS_REGCTL_OUTPUT_H

#include "base/diff.h"
#include "layout/layer_tar.h"
#include "tools/regctl/session.h"

/* Writes a blob to standard output as it comes; -RFE_DIGEST_MISMATCH may follow then. */
RF_MUST_USE int regctl_pour_blob(struct rf_place *p, const char *repo,
                                 const struct rf_digest *digest, uint64_t size, struct rf_err *err);
/* The same into the file `path` ("-" or NULL: standard output), which appears when all of it was right. */
RF_MUST_USE int regctl_save_blob(struct rf_place *p, const char *repo,
                                 const struct rf_digest *digest, uint64_t size, const char *path,
                                 struct rf_err *err);

/* Looks for a file somewhere and writes its content to `sink` (may be NULL), uncommitted. */
typedef int (*regctl_find_file)(void *ctx, struct rf_layer_entry *entry, struct rf_sink *sink,
                                struct rf_err *err);
struct regctl_file_output {
    const char *name;   /* of the file, for messages */
    const char *format; /* a template over header and content; NULL or "": the bytes */
    const char *output; /* a file; NULL or "-": standard output */
};
/* Prints what is found, nothing before all of it is known to be right. */
RF_MUST_USE int regctl_print_file(const struct regctl_file_output *how, regctl_find_file find,
                                  void *ctx, struct rf_err *err);

/* The differences, and an empty line when there are none. */
void regctl_print_diff(const struct rf_buf *a, const struct rf_buf *b, int64_t context, bool full);

#endif
