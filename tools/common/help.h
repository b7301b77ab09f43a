/* SPDX-License-Identifier: Apache-2.0 */
/* What the rows of the command line look like: --help on each level, and the option lists of docs/. */
#ifndef RF_TOOLS_COMMON_HELP_H
#define RF_TOOLS_COMMON_HELP_H

#include "tools/common/options.h"

#define RF_HELP_COLUMNS 80

/* The help of a command, or of the program when cmd is NULL; `path` is how it is called ("regexport create"). */
void rf_help(const struct rf_program *program, const struct rf_cmd *cmd, const char *path,
             struct rf_buf *out);
/* The reference part of the program's page in docs/: every command with its options, then those of all commands, as Markdown. */
void rf_program_dump_markdown(const struct rf_program *program, struct rf_buf *out);
/* The page of one command (NULL: of the program) with the headings of upstream's `cli-doc`. */
void rf_help_page_markdown(const struct rf_program *program, const struct rf_cmd *cmd,
                           const char *path, struct rf_buf *out);
/*
 * A table that contradicts itself (a name twice, a command without example, a help text with a full stop) as a text for the tests; NULL
 * when all is well. The caller frees.
 */
char *rf_program_problem(const struct rf_program *program);

#endif
