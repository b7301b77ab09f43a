/* SPDX-License-Identifier: Apache-2.0 */
/* regctl version */
#include "base/mem.h"
#include "policy/object/object_version.h"
#include "tools/regctl/groups.h"
#include "tools/regctl/rows.h"
#include "tools/regctl/session.h"

struct options {
    const char *format;
};

static int run(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    (void)env, (void)argc, (void)argv;
    const struct rf_value v = rf_value_object(&rf_type_version, rf_version_info());
    return regctl_print(o->format, &v, NULL, err);
}

static const struct rf_opt opts[] = {
    REGCTL_FORMAT(offsetof(struct options, format), "form of the output", "{{printPretty .}}"),
};

const struct rf_cmd *regctl_version_cmd(void)
{
    static const struct rf_cmd cmd = {
        .name = "version",
        .summary = "print the version",
        .description =
            "The names are those of upstream's program, so that scripts find them; GoVer and GoCompiler tell language and compiler.",
        .examples = "regctl version --format '{{.VCSTag}}'",
        .opts = opts,
        .n_opts = RF_ARRAY_LEN(opts),
        .ctx_size = sizeof(struct options),
        .run = run,
    };
    return &cmd;
}
