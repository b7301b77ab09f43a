/* SPDX-License-Identifier: Apache-2.0 */
/* Docker's config.json: logins and the helpers that keep them. rf_hosts_load_docker of regclient/hosts.h lives in this module too. */
#ifndef RF_REGCLIENT_DOCKER_CONFIG_H
#define RF_REGCLIENT_DOCKER_CONFIG_H

#include "regclient/hosts.h"

#define RF_DOCKER_CERTS_DIR "/etc/docker/certs.d"

/*
 * Merges the `auths`, `credHelpers` and `credsStore` of a document into `h`. Entries for a repository instead of a registry and entries without a
 * login are passed over; `file` stands in messages: -RFE_CONFIG "FILE: auths.NAME.auth: not base64". *logins (may be NULL): it holds a secret.
 */
RF_MUST_USE int rf_docker_config_parse(struct rf_hosts *h, struct rf_slice bytes, const char *file,
                                       bool *logins, struct rf_err *err);

#endif
