/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/hooks.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static char folder[] = "/tmp/rf-hooks-XXXXXX";
static char step_source[] = "a.example/app", step_target[] = "b.example/app",
            step_type[] = "repository";
static struct rf_step step = { .source = step_source,
                               .target = step_target,
                               .type_text = step_type };

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

static void tear_down(void)
{
    static const char *const names[] = { "in", "env", "pid" };
    for (size_t i = 0; i < RF_ARRAY_LEN(names); i++)
        (void)unlink(names[i]);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}

static int run_shell(const char *script, struct rf_err *err)
{
    struct rf_hook hook = { .type = rf_xstrdup("command") };
    const char *const words[] = { "sh", "-c", script };
    const struct rf_hook_facts facts = { .hook = "post",
                                         .step = &step,
                                         .source = "a.example/app:1",
                                         .target = "b.example/app:1",
                                         .outcome = "copied",
                                         .bytes = 12 };
    RF_CLEANUP(rf_hook_runner_freep) struct rf_hook_runner *r = rf_hook_runner_new(NULL);
    hook.params.items = rf_xcalloc(3, sizeof(char *));
    for (hook.params.n = 0; hook.params.n < 3; hook.params.n++)
        hook.params.items[hook.params.n] = rf_xstrdup(words[hook.params.n]);
    int rc = rf_hook_run(r, &hook, &facts, err);
    rf_yaml_list_release(&hook.params);
    free(hook.type);
    return rc;
}

static char *content(const char *name)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    ck_assert_int_eq(rf_file_read(name, &b, NULL), 0);
    char *text = rf_buf_take(&b, NULL);
    rf_buf_release(&b);
    return text;
}

START_TEST(a_command_gets_the_facts_and_no_secret)
{
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(setenv("HUB_PASS", "the-secret", 1), 0);
    int rc = run_shell("cat > in; env > env", &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
    RF_CLEANUP(rf_freep) char *in = content("in");
    RF_CLEANUP(rf_freep) char *env = content("env");
    ck_assert_str_eq(
        in, "{\"hook\":\"post\",\"source\":\"a.example/app:1\",\"target\":\"b.example/app:1\","
            "\"outcome\":\"copied\",\"bytes\":12,\"step\":{\"type\":\"repository\","
            "\"source\":\"a.example/app\",\"target\":\"b.example/app\"}}\n");
    ck_assert_ptr_null(strstr(env, "the-secret"));
    ck_assert_ptr_nonnull(strstr(env, "REGFERRY_TARGET=b.example/app:1\n"));
    ck_assert_ptr_nonnull(strstr(env, "PATH="));
}
END_TEST

START_TEST(what_a_command_leaves_behind_is_ended)
{
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(run_shell("sleep 300 & echo $! > pid", &err), 0);
    RF_CLEANUP(rf_freep) char *text = content("pid");
    pid_t pid = (pid_t)strtol(text, NULL, 10);
    ck_assert_int_gt(pid, 1);
    int gone = 0;
    for (int i = 0; i < 2000 && !gone; i++) {
        /* It may stay as a zombie where nobody takes the status of orphans. */
        RF_CLEANUP(rf_freep) char *path = rf_xasprintf("/proc/%d/stat", (int)pid);
        RF_CLEANUP(rf_buf_release) struct rf_buf stat;
        rf_buf_init(&stat, 0);
        gone = rf_file_read(path, &stat, NULL) < 0 || strstr(stat.ptr, ") Z") != NULL;
        (void)usleep(10000);
    }
    ck_assert_msg(gone, "process %d is still there", (int)pid);
}
END_TEST

START_TEST(failures)
{
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(run_shell("exit 3", &err), -RFE_FAILED);
    ck_assert_str_eq(err.msg, "hook post: sh: exit status 3");
    ck_assert_int_eq(run_shell("echo first; echo 'no \tscanner' >&2; echo; exit 4", &err),
                     -RFE_FAILED);
    ck_assert_str_eq(err.msg, "hook post: sh: exit status 4: no \\x09scanner");
    ck_assert_int_eq(run_shell("echo why; kill -9 $$", &err), -RFE_FAILED);
    ck_assert_str_eq(err.msg, "hook post: sh: exit status 137: why");
    RF_CLEANUP(rf_hook_runner_freep) struct rf_hook_runner *r = rf_hook_runner_new(NULL);
    const struct rf_hook_facts facts = { .hook = "pre", .step = &step };
    char odd[] = "shell", command[] = "command";
    struct rf_hook hook = { .type = odd };
    ck_assert_int_eq(rf_hook_run(r, NULL, &facts, &err), 0);
    ck_assert_int_eq(rf_hook_run(r, &hook, &facts, &err), -RFE_CONFIG);
    hook.type = command;
    ck_assert_int_eq(rf_hook_run(r, &hook, &facts, &err), -RFE_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.msg, "without params"));
}
END_TEST

START_TEST(a_command_may_say_much)
{
    struct rf_err err = RF_ERR_INIT;
    int rc = run_shell("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2", &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
    rc = run_shell("head -c 3000000 /dev/zero; echo; echo at last; exit 1", &err);
    ck_assert_int_eq(rc, -RFE_FAILED);
    ck_assert_str_eq(err.msg, "hook post: sh: exit status 1: at last");
}
END_TEST

Suite *rf_hooks_suite(void);
Suite *rf_hooks_suite(void)
{
    Suite *s = suite_create("hooks");
    TCase *t = tcase_create("hooks");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_command_gets_the_facts_and_no_secret);
    tcase_add_test(t, what_a_command_leaves_behind_is_ended);
    tcase_add_test(t, failures);
    tcase_add_test(t, a_command_may_say_much);
    suite_add_tcase(s, t);
    return s;
}
