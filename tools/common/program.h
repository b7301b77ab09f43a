/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every program's main does: hide secrets of the command line, harden the process, read the options, run the command, print one
 * line of error, close stdout, end with the status of RF_ERROR_TABLE.
 *
 *     int main(int argc, char **argv) { return rf_program_main(&regexport, argc, argv); }
 *
 * All programs have `version`, `completion`, `help`, --help, and hidden for the build of docs: `cli-doc`, --help-markdown, --help-man and --exit-statuses.
 */
#ifndef RF_TOOLS_COMMON_PROGRAM_H
#define RF_TOOLS_COMMON_PROGRAM_H

#include "tools/common/options.h"

int rf_program_main(const struct rf_program *program, int argc, char **argv);

/*
 * For runners, whose failures are a line each: when rc is -RFE_FAILED they go to stderr, behind what is on stdout, and err has no text any more, since
 * these lines are all that there is to say. Returns rc.
 */
#define RF_PROGRAM_FAILURES_MAX \
    (64u << 10) /* bytes that a server keeps of them; the log has them all */
int rf_program_tell(const struct rf_buf *failures, int rc, struct rf_err *err);

/* ---- for tests ---- */

/* All but hardening, signals and the end of stdout: the exit status. */
int rf_program_run(const struct rf_program *program, int argc, char **argv);
/* Overwrites the secrets in argv: of --host, --pass, --client-key, and of -p where the command is `login`. */
void rf_program_hide(int argc, char **argv);

#endif
