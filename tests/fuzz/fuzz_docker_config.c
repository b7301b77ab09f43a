/* SPDX-License-Identifier: Apache-2.0 */
/* Docker's and regctl's configuration files and what a credential helper prints. The first byte chooses, the rest is the document. */
#include "base/log.h"
#include "base/mem.h"
#include "regclient/cred_helper.h"
#include "regclient/docker_config.h"
#include "regclient/regctl_config.h"
#include "tests/fuzz/fuzz.h"

static void check_host(struct rf_hosts *h, const char *name)
{
    const struct rf_host *host = rf_hosts_get(h, name);
    RF_CHECK(host->hostname != NULL && host->tls != RF_TLS_UNSET);
    RF_CHECK(host->cred_helper == NULL || rf_cred_helper_name_valid(host->cred_helper));
    RF_CHECK(host->pass == NULL || strpbrk(host->pass, "\r\n") == NULL);
    RF_CHECK(host->user == NULL || strpbrk(host->user, ":\r\n") == NULL);
    RF_CHECK(host->cred_host != NULL && strpbrk(host->cred_host, " \r\n") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct rf_slice rest = rf_slice_of(data + 1, size - 1);
    RF_CHECK(rf_log_set_level("ERROR+100", NULL) == 0);
    RF_CLEANUP(rf_hosts_freep) struct rf_hosts *h = rf_hosts_new();
    RF_CLEANUP(rf_login_release) struct rf_login login = { 0 };
    struct rf_err err = RF_ERR_INIT;
    int rc;
    switch (data[0]) {
    case 'r':
        rc = rf_regctl_config_parse(h, rest, "FILE", &err);
        break;
    case 'h':
        rc = rf_cred_helper_parse(rest, "r.example", &login, &err);
        RF_CHECK(rc == 0 || (login.pass == NULL && login.token == NULL));
        return 0;
    default:
        rc = rf_docker_config_parse(h, rest, "FILE", NULL, &err);
    }
    RF_CHECK(rc == 0 || rc == -RFE_CONFIG);
    check_host(h, "docker.io");
    check_host(h, "r.example");
    return 0;
}
