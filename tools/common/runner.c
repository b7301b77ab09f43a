/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/runner.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/template.h"
#include "policy/object/object_version.h"

struct version_options {
    const char *format;
};

static int run_version(const struct rf_env *env, void *ctx, int argc, char **argv,
                       struct rf_err *err)
{
    const struct version_options *o = ctx;
    const struct rf_value v = rf_value_object(&rf_type_version, rf_version_info());
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    (void)env, (void)argc, (void)argv;
    rf_buf_init(&out, 64u << 20);
    int rc = rf_template_render("out", rf_slice_str(o->format), &v, NULL, &out, err);
    (void)fwrite(out.ptr, 1, out.len, stdout);
    return rc;
}

struct rf_cmd rf_runner_version_cmd(const char *examples)
{
    static const struct rf_opt opts[] = {
        { "format", 0, RF_OPT_STRING, offsetof(struct version_options, format), "TEMPLATE",
          "form of the output", "{{printPretty .}}", 0 },
    };
    return (struct rf_cmd){ .name = "version",
                            .summary = "print the version",
                            .examples = examples,
                            .opts = opts,
                            .n_opts = RF_ARRAY_LEN(opts),
                            .ctx_size = sizeof(struct version_options),
                            .run = run_version };
}

int rf_runner_client(const struct rf_env *env, const struct rf_policy_config *config,
                     int (*creds)(void *ctx, struct rf_hosts *hosts, struct rf_err *err), void *ctx,
                     struct rf_client **out, struct rf_err *err)
{
    struct rf_net_options net = *env->net;
    if (net.user_agent == NULL)
        net.user_agent = config->defaults.user_agent;
    return rf_net_client(&net, creds, ctx, out, err);
}
