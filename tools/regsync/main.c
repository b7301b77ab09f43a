/* SPDX-License-Identifier: Apache-2.0 */
/* regsync: registries kept the same by a file. The rows of commands and options are here, the work is done in policy/. */
#include "base/mem.h"
#include "policy/config_print.h"
#include "tools/common/program.h"
#include "tools/common/runner.h"
#include "tools/regsync/session.h"

#include <malloc.h>
#include <stdio.h>

#define OUTPUT_MAX (512u << 20)

/* ---- once and check ---- */

/* Every failure is a line of its own; what is returned has no text any more. */
static int print_failures(const struct rf_sync_report *report, int rc, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, OUTPUT_MAX);
    if (rc != -RFE_FAILED)
        return rc;
    rf_sync_report_errors(report, &text);
    return rf_program_tell(&text, rc, err);
}

static void print_json(const struct rf_sync_report *report)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, OUTPUT_MAX);
    rf_sync_report_json(report, &text);
    (void)fwrite(text.ptr, 1, text.len, stdout);
}

static int run_mode(const struct rf_env *env, const struct regsync_options *o,
                    enum rf_sync_mode mode, struct rf_err *err)
{
    RF_CLEANUP(regsync_session_release) struct regsync_session s = REGSYNC_SESSION_INIT;
    struct rf_sync_report report = { 0 };
    s.setup.checks = mode == RF_SYNC_CHECK;
    int rc = regsync_session_open(&s, env, o, err);
    if (rc < 0)
        return rc;
    rc = rf_sync_all(s.sync, mode, &report, err);
    if (strcmp(o->output, "json") == 0)
        print_json(&report);
    rc = print_failures(&report, rc, err);
    if (rc == 0 && o->exit_code && rf_sync_report_needed(&report) > 0) {
        rc = rf_fail(err, RFE_SYNC_NEEDED, "syncs are needed");
        err->msg[0] = '\0'; /* the log says which */
    }
    rf_sync_report_release(&report);
    return rc;
}

static int run_once(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct regsync_options *o = ctx;
    (void)argc, (void)argv;
    return run_mode(env, o, o->missing ? RF_SYNC_MISSING : RF_SYNC_COPY, err);
}

static int run_check(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    (void)argc, (void)argv;
    return run_mode(env, ctx, RF_SYNC_CHECK, err);
}

/* ---- config ---- */

/* One a line; 0 when there are none. */
static int tell_refused(const struct rf_policy_config *config, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, OUTPUT_MAX);
    for (size_t i = 0; i < config->n_steps; i++)
        if (config->steps[i].unread)
            rf_buf_addf(&text, "%s\n", config->steps[i].refused);
    return text.len == 0
               ? 0
               : rf_program_tell(&text, rf_fail(err, RFE_FAILED, "steps that cannot be read"), err);
}

static int run_config(const struct rf_env *env, void *ctx, int argc, char **argv,
                      struct rf_err *err)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *config = NULL;
    struct rf_buf text;
    (void)env, (void)argc, (void)argv;
    int rc = regsync_config_load(ctx, &config, err);
    if (rc == 0)
        rc = tell_refused(config, err);
    if (rc < 0)
        return rc;
    rf_buf_init(&text, OUTPUT_MAX);
    rf_policy_config_print(config, &text);
    (void)fwrite(text.ptr, 1, text.len, stdout);
    rf_wipe(text.ptr, text.len); /* logins are in it */
    rf_buf_release(&text);
    return 0;
}

/* ---- rows ---- */

#define OUTPUT_ROW                                                   \
    {                                                                \
        "output", 0, RF_OPT_CHOICE, REGSYNC_AT(output), "text|json", \
            "json: what became of every image, on stdout", "text", 0 \
    }

static const struct rf_opt once_opts[] = {
    REGSYNC_RUN_ROWS,
    { "missing", 0, RF_OPT_FLAG, REGSYNC_AT(missing), NULL,
      "copy only tags that the target does not have", NULL, 0 },
    REGSYNC_HOOKS_ROW,
    OUTPUT_ROW,
};
static const struct rf_opt check_opts[] = {
    REGSYNC_RUN_ROWS,
    { "exit-code", 0, RF_OPT_FLAG, REGSYNC_AT(exit_code), NULL,
      "exit with status 2 when syncs are needed", NULL, 0 },
    OUTPUT_ROW,
};
static const struct rf_opt config_opts[] = { REGSYNC_CONFIG_ROW, REGSYNC_STRICT_ROW };
static const struct rf_cmd once_cmd = {
    .name = "once",
    .summary = "run every step of the file once",
    .description =
        "Schedules are passed over. An image that is the same on both sides costs one request on each. A failure is told of and the rest is done; the "
        "exit status is 1 then.",
    .examples = "regsync once -c regsync.yml\n"
                "# only tags that the target does not have yet\n"
                "regsync once -c regsync.yml --missing\n"
                "# what became of each image, for a program\n"
                "regsync once -c regsync.yml --output json",
    .opts = once_opts,
    .n_opts = RF_ARRAY_LEN(once_opts),
    .ctx_size = sizeof(struct regsync_options),
    .run = run_once,
};

static const struct rf_cmd check_cmd = {
    .name = "check",
    .summary = "tell what `once` would copy, without copying",
    .description =
        "Each image that is out of date is a log line; referrers and digest tags are compared, too, where a step takes them along. The exit status is 0 also then, unless --exit-code is given.",
    .examples =
        "regsync check -c regsync.yml\n"
        "# for a pipeline: 0 all is the same, 2 something is to be done, 1 something failed\n"
        "regsync check -c regsync.yml --exit-code",
    .opts = check_opts,
    .n_opts = RF_ARRAY_LEN(check_opts),
    .ctx_size = sizeof(struct regsync_options),
    .run = run_check,
};

static const struct rf_cmd config_cmd = {
    .name = "config",
    .summary = "print the file with all defaults filled in",
    .description = "Templates are expanded, secrets are not hidden: the output is for you alone.",
    .examples = "regsync config -c regsync.yml",
    .opts = config_opts,
    .n_opts = RF_ARRAY_LEN(config_opts),
    .ctx_size = sizeof(struct regsync_options),
    .run = run_config,
};

int main(int argc, char **argv)
{
    const struct rf_cmd cmds[] = {
        once_cmd,
        *regsync_server_cmd(),
        check_cmd,
        config_cmd,
        rf_runner_version_cmd("regsync version --format '{{.VCSTag}}'"),
    };
    const struct rf_program regsync = {
        .name = "regsync",
        .summary = "keep registries, repositories and images the same by a file",
        .description =
            "The file is upstream's regsync.yml: creds, defaults, and sync steps with source, target and type. Log lines are on standard error.",
        .examples = "regsync once -c regsync.yml\n"
                    "regsync check -c regsync.yml\n"
                    "regsync server -c regsync.yml",
        .cmds = cmds,
        .n_cmds = RF_ARRAY_LEN(cmds),
        .upstream_habits = true,
        .runner = true,
    };
#ifdef __GLIBC__
    /* An arena for each of some thirty threads that mostly wait for answers is memory for nothing. */
    (void)mallopt(M_ARENA_MAX, 1);
#endif
    return rf_program_main(&regsync, argc, argv);
}
