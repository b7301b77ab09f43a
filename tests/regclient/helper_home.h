/* SPDX-License-Identifier: Apache-2.0 */
/* A home folder of its own for each test, with the environment that says where configurations and helpers are. */
#ifndef RF_TESTS_REGCLIENT_HELPER_HOME_H
#define RF_TESTS_REGCLIENT_HELPER_HOME_H

#include <stdbool.h>
#include <stddef.h>

/* For checked fixtures. The folder is entered and stands first in PATH; the variables of Docker and regctl are unset. */
void home_setup(void);
void home_teardown(void);
const char *home_dir(void);
/* A file of mode `mode`; folders on its way are made. */
void home_write(const char *name, const char *text, unsigned mode);
/* A shell script `name`, to be found in PATH. */
void home_program(const char *name, const char *script);
/* What the file holds; NULL when there is none. */
char *home_read(const char *name);
/* Log lines go to a file from here on; end gives them (to be freed). */
void home_log_begin(void);
char *home_log_end(void);

#endif
