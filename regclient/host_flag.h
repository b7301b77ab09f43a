/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The option --host: reg=NAME,key=value,... (upstream's rules of quoting). rf_hosts_add_flag and rf_hosts_hide_flag of regclient/hosts.h
 * live in this module too.
 */
#ifndef RF_REGCLIENT_HOST_FLAG_H
#define RF_REGCLIENT_HOST_FLAG_H

#include "regclient/hosts.h"

/* Hosts (host or host:port, separated by commas) of token services that may get the login although they are of another domain. */
#define RF_API_OPT_TOKEN_HOST "tokenHost"

/* Reads the text and the files it names into *out, to be released by the caller. -RFE_USAGE. */
RF_MUST_USE int rf_host_flag_parse(const char *text, struct rf_host *out, struct rf_err *err);

#endif
