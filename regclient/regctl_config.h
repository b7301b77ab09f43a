/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regctl's configuration file, as upstream's regctl reads and writes it: {"version":1,"hosts":{NAME:{...}},"hostDefault":{...},
 * "blobLimit":N,"incDockerCert":BOOL,"incDockerCred":BOOL}. rf_hosts_load_regctl of regclient/hosts.h lives in this module too.
 */
#ifndef RF_REGCLIENT_REGCTL_CONFIG_H
#define RF_REGCLIENT_REGCTL_CONFIG_H

#include "regclient/hosts.h"

/* Where the file is, or where a new one goes (see rf_hosts_load_regctl); NULL when there is no home folder. The caller frees. */
char *rf_regctl_config_path(void);
/* Merges a document's hosts and defaults into `h`. `file` stands in messages: -RFE_CONFIG "FILE: hosts.NAME.tls: ...". */
RF_MUST_USE int rf_regctl_config_parse(struct rf_hosts *h, struct rf_slice bytes, const char *file,
                                       struct rf_err *err);
/* One host object at `path` ("hosts.NAME") of the document into *out, to be released by the caller; *login tells of a secret in it. */
RF_MUST_USE int rf_regctl_config_host(const json_t *obj, const char *path, struct rf_host *out,
                                      bool *login, struct rf_err *err);

#endif
