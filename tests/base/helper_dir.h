/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of its own for each test that needs files, and small things to do in it. */
#ifndef RF_TESTS_BASE_HELPER_DIR_H
#define RF_TESTS_BASE_HELPER_DIR_H

#include <stdbool.h>
#include <stddef.h>

/* For checked fixtures: makes an empty folder and enters it; leaves and removes it with all that is inside. */
void dir_setup(void);
void dir_teardown(void);
void dir_write(const char *name, const char *text);
/* Whether the file holds exactly this text. */
bool dir_has(const char *name, const char *text);
/* How many entries the folder has, hidden ones included. */
size_t dir_count(const char *name);
/* Standard error goes to a file from here on; end gives what came (to be freed). */
void stderr_begin(void);
char *stderr_end(void);

#endif
