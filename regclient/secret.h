/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files and documents that hold logins (reliability-security 5.6). A file that others may write is refused, because what it says
 * decides which programs run and where logins go; one that others may read is a warning.
 */
#ifndef RF_REGCLIENT_SECRET_H
#define RF_REGCLIENT_SECRET_H

#include "base/json.h"

#define RF_SECRET_FILE_MAX (4u << 20)

/*
 * Reads a regular file, or a pipe such as /dev/stdin, of at most `max` bytes. *out is NUL-terminated and the caller's (rf_secret_free).
 * *exposed (may be NULL) tells that group or others may read it. -RFE_NOT_FOUND, -RFE_TOO_LARGE, -RFE_REFUSED.
 */
RF_MUST_USE int rf_secret_file_read(const char *path, size_t max, char **out, size_t *len,
                                    bool *exposed, struct rf_err *err);
/*
 * Hands what the file holds to `parse`, which says whether there was a login, and warns when others can read that. A file that is missing or
 * empty is no file. -RFE_CONFIG, naming `what` it is, when it cannot be read; else what `parse` says.
 */
RF_MUST_USE int rf_secret_file_parse(const char *path, const char *what,
                                     int (*parse)(void *ctx, struct rf_slice bytes,
                                                  const char *path, bool *logins,
                                                  struct rf_err *err),
                                     void *ctx, struct rf_err *err);
/* Logs the warning for a file that was found exposed and does hold a login. */
void rf_secret_warn_exposed(const char *path);
/* Wipes `len` bytes of *p and frees it. */
void rf_secret_free(char **p, size_t len);
/* Wipes every string value of the document, then drops it; the caller must hold the only reference. For RF_CLEANUP. */
void rf_secret_json_wipep(json_t **j);
/* As rf_json_parse, with a message that quotes nothing of the document. */
RF_MUST_USE int rf_secret_json_parse(struct rf_slice bytes, size_t max, json_t **out,
                                     struct rf_err *err);
/* $HOME, else the home folder of the user in the user database; NULL when there is none. The caller frees. */
char *rf_secret_home(void);

#endif
