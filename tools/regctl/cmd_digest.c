/* SPDX-License-Identifier: Apache-2.0 */
/* regctl digest */
#include "base/mem.h"
#include "policy/object/object.h"
#include "tools/regctl/groups.h"
#include "tools/regctl/input.h"
#include "tools/regctl/rows.h"

struct options {
    const char *algorithm, *format;
};

static int run(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    struct rf_digest digest;
    RF_CLEANUP(rf_arena_release) struct rf_arena arena;
    rf_arena_init(&arena, 0);
    (void)env, (void)argc, (void)argv;
    bool wide = strcmp(o->algorithm, "sha512") == 0;
    if (!wide && strcmp(o->algorithm, "sha256") != 0)
        return rf_fail(err, RFE_USAGE, "digest algorithm %.64s is not available", o->algorithm);
    RF_CLEANUP(rf_sink_freep)
    struct rf_sink *sink =
        rf_sink_measure(wide ? RF_DIGEST_SHA512 : RF_DIGEST_SHA256, &digest, NULL);
    int rc = regctl_pour_stdin(sink, err);
    if (rc == 0)
        rc = rf_sink_commit(sink, err);
    if (rc < 0)
        return rc;
    const struct rf_value v = rf_object_digest(&arena, &digest);
    return regctl_print(o->format, &v, NULL, err);
}

static const struct rf_opt opts[] = {
    { "algorithm", 0, RF_OPT_STRING, offsetof(struct options, algorithm), "sha256|sha512",
      "which digest", "sha256", 0 },
    REGCTL_FORMAT(offsetof(struct options, format), "form of the output", "{{.String}}"),
};

const struct rf_cmd *regctl_digest_cmd(void)
{
    static const struct rf_cmd cmd = {
        .name = "digest",
        .summary = "compute the digest of standard input",
        .examples = "regctl digest <layer.tar",
        .opts = opts,
        .n_opts = RF_ARRAY_LEN(opts),
        .ctx_size = sizeof(struct options),
        .hidden = true,
        .run = run,
    };
    return &cmd;
}
