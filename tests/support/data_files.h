/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden cases in tests/data (RF_TEST_DATA gives the folder). Everything lives until the process ends.
 *
 * A table: one row per line, fields apart by tabs, "#" lines passed over; in a field \t \n \\ \xNN and \e (nothing) are
 * escapes, "-" alone is NULL.
 * A case file: "key: value" lines, one empty line, then the body as it is.
 */
#ifndef RF_TESTS_DATA_FILES_H
#define RF_TESTS_DATA_FILES_H

#include "base/buf.h"

struct test_table {
    char ***rows; /* each ends with enough NULL fields */
    size_t n;
};
/* An absent file gives no rows: tests assert the number. */
struct test_table test_table_load(const char *name);

struct test_case_file {
    char *name; /* without folder and extension */
    char *head;
    char *body;
    size_t body_len;
};
struct test_case_list {
    struct test_case_file *list;
    size_t n;
};
/* All files of the folder that end so, in order of name. */
struct test_case_list test_cases_load(const char *folder, const char *extension);
/* Value of a head line, NULL when absent. */
char *test_case_value(const struct test_case_file *c, const char *key);

/* Path under tests/data. */
char *test_data_path(const char *name);
/* The whole file (NULL when absent), NUL behind it. */
char *test_read_file(const char *path, size_t *len);
/* Number of an error name ("AMBIGUOUS"), 0 when there is none such. */
int test_error_code(const char *name);

#endif
