/* SPDX-License-Identifier: Apache-2.0 */
/* regimport config. */
#include "base/mem.h"
#include "policy/config_print.h"
#include "policy/config_site.h"
#include "policy/sections_print.h"
#include "tools/regimport/session.h"

int run_config(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *config = NULL;
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    const struct options *o = ctx;
    (void)env;
    (void)argc;
    (void)argv;
    rf_buf_init(&out, 512u << 20);
    if (o->config == NULL)
        return rf_fail(err, RFE_USAGE, "-c is missing: the policy file to print");
    int rc = rf_policy_config_load(o->config, RF_POLICY_STRICT, &config, err);
    if (rc == 0 && o->site != NULL)
        rc = rf_policy_config_take_site(config, o->site, NULL, err);
    if (rc < 0)
        return rc;
    rf_policy_config_print(config, &out);
    rf_policy_sections_print(config, &out);
    (void)fwrite(out.ptr, 1, out.len, stdout);
    return 0;
}
