/* SPDX-License-Identifier: Apache-2.0 */
/* regbot: scripts over registries. The rows of commands and options are here, the work is done in policy/. */
#include <stdio.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "tools/common/program.h"
#include "tools/common/runner.h"
#include "tools/regbot/session.h"

#define OUTPUT_MAX (64u << 20)

/* ---- once ---- */

static int run_once(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    RF_CLEANUP(regbot_session_release) struct regbot_session s = REGBOT_SESSION_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf failures;
    (void)argc, (void)argv;
    rf_buf_init(&failures, OUTPUT_MAX);
    int rc = regbot_session_open(&s, env, ctx, err);
    if (rc < 0)
        return rc;
    rc = rf_bot_all(s.bot, &failures, err);
    return rf_program_tell(&failures, rc, err);
}

/* ---- check ---- */

static int run_check(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    RF_CLEANUP(regbot_session_release) struct regbot_session s = REGBOT_SESSION_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf problems;
    size_t bad = 0;
    (void)argc, (void)argv;
    rf_buf_init(&problems, OUTPUT_MAX);
    int rc = regbot_session_offline(&s, env, ctx, err);
    if (rc == 0)
        rc = rf_bot_check(s.bot, &problems, &bad, err);
    (void)fwrite(problems.ptr, 1, problems.len, stdout);
    if (rc == 0 && bad > 0)
        return rf_fail(err, RFE_FAILED, "%zu of %zu script%s cannot be run", bad,
                       rf_bot_scripts(s.bot), rf_text_s(rf_bot_scripts(s.bot)));
    if (rc == 0) {
        size_t n = rf_bot_scripts(s.bot);
        rf_log_with(n > 0 ? RF_LOG_INFO : RF_LOG_WARN, "Scripts can be run",
                    rf_log_uint("scripts", n), rf_log_text("file", s.config->name));
    }
    return rc;
}

/* ---- run ---- */

static int read_stdin(struct rf_buf *out, struct rf_err *err)
{
    char part[16384];
    size_t n = 0;
    while (out->rc == 0 && (n = fread(part, 1, sizeof(part), stdin)) > 0)
        rf_buf_add(out, part, n);
    if (ferror(stdin))
        return rf_fail(err, RFE_FAILED, "standard input could not be read");
    return out->rc < 0 ? rf_fail(err, RFE_TOO_LARGE, "standard input: over 4 MiB") : 0;
}

static int read_script(const char *path, struct rf_buf *out, struct rf_err *err)
{
    rf_buf_init(out, RF_LUA_SCRIPT_MAX);
    int rc = strcmp(path, "-") == 0 ? read_stdin(out, err) : rf_file_read(path, out, err);
    if (rc < 0)
        return rc;
    /* "#!" is for the system that starts the file; the line stays a line. */
    if (out->len > 1 && out->ptr[0] == '#')
        memcpy(out->ptr, "--", 2);
    return 0;
}

static int run_file(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    RF_CLEANUP(regbot_session_release) struct regbot_session s = REGBOT_SESSION_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    const struct regbot_options *o = ctx;
    int rc = read_script(argv[0], &text, err);
    if (rc == 0)
        rc = regbot_session_open(&s, env, o, err);
    if (rc < 0)
        return rc;
    if (rf_opt_given(env, "timeout"))
        s.config->defaults.timeout_ns = o->timeout_s * UINT64_C(1000000000);
    const char *name = strcmp(argv[0], "-") == 0 ? "stdin" : argv[0];
    return rf_bot_run_text(s.bot, name, rf_buf_slice(&text), argv + 1, (size_t)argc - 1, err);
}

/* ---- rows ---- */

static const struct rf_opt once_opts[] = { REGBOT_CONFIG_ROW, REGBOT_STRICT_ROW, REGBOT_BOX_ROWS };
static const struct rf_opt check_opts[] = { REGBOT_CONFIG_ROW, REGBOT_STRICT_ROW };
static const struct rf_opt run_opts[] = {
    { "config", 'c', RF_OPT_STRING, REGBOT_AT(config), "FILE",
      "configuration file, of which creds and defaults count", NULL, 0 },
    REGBOT_STRICT_ROW,
    REGBOT_BOX_ROWS,
    { "timeout", 0, RF_OPT_SECONDS, REGBOT_AT(timeout_s), "DURATION",
      "how long the script may run; without it defaults.timeout of the file, or for ever", NULL,
      0 },
};
static const struct rf_cmd once_cmd = {
    .name = "once",
    .summary = "run every script of the file once",
    .description =
        "Schedules are passed over. A script that fails does not keep the others from running; the exit status is 1 then.",
    .examples = "regbot once -c regbot.yml\n"
                "# only tell what would be written\n"
                "regbot once -c regbot.yml --dry-run\n"
                "# with modules of your own for require\n"
                "regbot once -c regbot.yml --lua-path /etc/regbot/lua",
    .opts = once_opts,
    .n_opts = RF_ARRAY_LEN(once_opts),
    .ctx_size = sizeof(struct regbot_options),
    .run = run_once,
};

static const struct rf_cmd check_cmd = {
    .name = "check",
    .summary = "tell whether every script can be run, without running any",
    .description =
        "Scripts are compiled and schedules are read. What is wrong is a line on standard output, with its place in the file and in the script; no registry "
        "is asked.",
    .examples = "regbot check -c regbot.yml",
    .opts = check_opts,
    .n_opts = RF_ARRAY_LEN(check_opts),
    .ctx_size = sizeof(struct regbot_options),
    .run = run_check,
};

static const struct rf_cmd run_cmd = {
    .name = "run",
    .synopsis = "FILE.lua [ARGUMENT...]",
    .arg_kinds = "FILE FILE...",
    .summary = "run one script from a file of its own",
    .description =
        "The script finds its arguments as `...` and in the table `arg`. Arguments that begin with - stand behind --. With -c the script has the logins and defaults "
        "of a configuration file.",
    .examples = "regbot run cleanup.lua registry.example/team/app 30\n"
                "regbot run --dry-run -c regbot.yml --timeout 10m cleanup.lua -- --keep 10\n"
                "# from standard input\n"
                "echo 'print(tag.ls(arg[1])[1])' | regbot run - registry.example/team/app",
    .opts = run_opts,
    .n_opts = RF_ARRAY_LEN(run_opts),
    .ctx_size = sizeof(struct regbot_options),
    .min_args = 1,
    .max_args = RF_ARGS_ANY,
    .run = run_file,
};

int main(int argc, char **argv)
{
    const struct rf_cmd cmds[] = {
        once_cmd,
        *regbot_server_cmd(),
        check_cmd,
        run_cmd,
        rf_runner_version_cmd("regbot version --format '{{.VCSTag}}'"),
    };
    const struct rf_program regbot = {
        .name = "regbot",
        .summary = "run Lua scripts over registries, contained",
        .description =
            "The file is upstream's regbot.yml: creds, defaults, and scripts. A script runs in a process of its own that has no logins, files or network; what it "
            "may do is in docs/lua-api.md. Log lines are on standard error, what scripts print is on standard output.",
        .examples = "regbot once -c regbot.yml --dry-run\n"
                    "regbot once -c regbot.yml\n"
                    "regbot server -c regbot.yml\n"
                    "regbot run cleanup.lua registry.example/team/app",
        .cmds = cmds,
        .n_cmds = RF_ARRAY_LEN(cmds),
        .upstream_habits = true,
        .runner = true,
    };
    return rf_program_main(&regbot, argc, argv);
}
