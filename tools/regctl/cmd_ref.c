/* SPDX-License-Identifier: Apache-2.0 */
/* regctl ref */
#include "base/mem.h"
#include "policy/object/object.h"
#include "tools/regctl/groups.h"
#include "tools/regctl/rows.h"
#include "tools/regctl/session.h"

struct options {
    const char *format;
};

static int run(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    RF_CLEANUP(rf_ref_release) struct rf_ref ref = RF_REF_INIT;
    (void)env, (void)argc;
    int rc = rf_ref_parse(argv[0], &ref, err);
    if (rc < 0)
        return rf_wrap(err, rc, "failed to parse %s", argv[0]);
    const struct rf_value v = rf_value_object(&rf_type_ref, &ref);
    return regctl_print(o->format, &v, NULL, err);
}

static const struct rf_opt opts[] = {
    REGCTL_FORMAT(offsetof(struct options, format), "form of the output", "{{.CommonName}}"),
};

const struct rf_cmd *regctl_ref_cmd(void)
{
    static const struct rf_cmd cmd = {
        .name = "ref",
        .synopsis = "IMAGE",
        .summary = "take a reference apart",
        .examples = "regctl ref nginx --format '{{.Registry}}'",
        .opts = opts,
        .n_opts = RF_ARRAY_LEN(opts),
        .ctx_size = sizeof(struct options),
        .min_args = 1,
        .max_args = 1,
        .hidden = true,
        .run = run,
    };
    return &cmd;
}
