/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Libraries that are loaded when they are first needed, since most runs of a program need none of them. A file that does it defines functions
 * of the library's own names and passes every call on, so that nobody else has to know (regclient/curl_lazy.c).
 */
#ifndef RF_BASE_LAZY_H
#define RF_BASE_LAZY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Loads the shared library of that file name, for as long as the process lives, and fills `table`, n pointers to functions, with the functions of
 * these names. False when the library or one of them is not there: then nothing of the table may be called.
 */
bool rf_lazy_load(const char *soname, const char *const names[], size_t n, void *table);

#endif
