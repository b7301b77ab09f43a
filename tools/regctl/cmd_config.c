/* SPDX-License-Identifier: Apache-2.0 */
/* regctl config */
#include "base/mem.h"
#include "policy/object/object_host.h"
#include "regclient/regctl_file.h"
#include "tools/regctl/groups.h"
#include "tools/regctl/rows.h"
#include "tools/regctl/session.h"

struct options {
    const char *format, *default_cred_helper;
    int64_t blob_limit;
    bool docker_cert, docker_cred;
};

static int run_get(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    RF_CLEANUP(rf_regctl_file_release) struct rf_regctl_file f = { 0 };
    (void)env, (void)argc, (void)argv;
    int rc = rf_regctl_file_load(&f, err);
    if (rc < 0)
        return rc;
    rf_config_file_object_hide(f.doc);
    const struct rf_config_file_object whole = { .path = f.path, .doc = f.doc };
    const struct rf_value v = rf_value_pointer(&rf_type_config_file, &whole);
    return regctl_print(o->format, &v, NULL, err);
}

static int run_set(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    (void)argc, (void)argv;
    const struct rf_regctl_changes c = {
        .blob_limit = rf_opt_given(env, "blob-limit") ? &o->blob_limit : NULL,
        .default_cred_helper = o->default_cred_helper,
        .docker_cert = rf_opt_given(env, "docker-cert") ? &o->docker_cert : NULL,
        .docker_cred = rf_opt_given(env, "docker-cred") ? &o->docker_cred : NULL,
    };
    return rf_regctl_set(&c, err);
}

#define AT(field) offsetof(struct options, field)
static const struct rf_opt get_opts[] = {
    REGCTL_FORMAT(AT(format), "form of the output", "{{printPretty .}}"),
};
static const struct rf_opt set_opts[] = {
    REGCTL_INT("blob-limit", AT(blob_limit), "BYTES",
               "largest part of an upload that is held in memory", NULL),
    REGCTL_TEXT(
        "default-cred-helper", AT(default_cred_helper), "PROGRAM",
        "credential helper of all registries that have none of their own, by its whole name"),
    REGCTL_FLAG("docker-cert", AT(docker_cert),
                "use the certificates in Docker's folder (=false: do not)"),
    REGCTL_FLAG("docker-cred", AT(docker_cred),
                "use the logins that Docker stored (=false: do not)"),
};

static const struct rf_cmd commands[] = {
    {
        .name = "get",
        .summary = "show the configuration",
        .description =
            "Passwords, tokens and private keys are not shown, nor what Docker's files or --host say.",
        .examples = "regctl config get\n"
                    "regctl config get --format '{{.Filename}}'",
        .opts = get_opts,
        .n_opts = RF_ARRAY_LEN(get_opts),
        .ctx_size = sizeof(struct options),
        .run = run_get,
    },
    {
        .name = "set",
        .summary = "change what holds for all registries",
        .description = "Only what is given changes.",
        .examples = "regctl config set --docker-cred=false\n"
                    "regctl config set --default-cred-helper docker-credential-pass",
        .opts = set_opts,
        .n_opts = RF_ARRAY_LEN(set_opts),
        .ctx_size = sizeof(struct options),
        .run = run_set,
    },
};

const struct rf_cmd *regctl_config_cmd(void)
{
    static const struct rf_cmd group = {
        .name = "config",
        .summary = "read and change the configuration file",
        .description =
            "The file is $REGCTL_CONFIG, else ~/.config/regctl/config.json where that exists, else ~/.regctl/config.json.",
        .children = commands,
        .n_children = RF_ARRAY_LEN(commands),
    };
    return &group;
}
