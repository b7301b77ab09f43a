/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/program.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/support/data_files.h"
#include "tests/tools/helper_program.h"

struct outcome {
    int status; /* exit status; -1: ended by a signal */
    char *out, *err;
};

static char *read_fd(int fd)
{
    struct rf_buf b;
    char chunk[4096];
    rf_buf_init(&b, 0);
    (void)lseek(fd, 0, SEEK_SET);
    for (ssize_t n; (n = read(fd, chunk, sizeof(chunk))) > 0;)
        rf_buf_add(&b, chunk, (size_t)n);
    return keep(rf_buf_take(&b, NULL));
}

static int temp_file(void)
{
    char name[] = "/tmp/rf-test-XXXXXX";
    int fd = mkstemp(name);
    ck_assert_int_ge(fd, 0);
    (void)unlink(name);
    return fd;
}

/* Runs the whole main in a child, its stdout going to `stdout_fd` (-1: kept and given in `out`, -2: closed). */
static struct outcome run(const struct rf_program *program, int stdout_fd, const char *const *argv)
{
    int out = temp_file(), err = temp_file(), status;
    char *copy[32];
    int argc = 0;
    for (; argv[argc] != NULL; argc++)
        copy[argc] = rf_xstrdup(argv[argc]);
    copy[argc] = NULL;
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        (void)dup2(err, 2);
        if (stdout_fd == -2)
            (void)close(1);
        else
            (void)dup2(stdout_fd >= 0 ? stdout_fd : out, 1);
        exit(rf_program_main(program, argc, copy));
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    struct outcome o = { WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_fd(out), read_fd(err) };
    (void)close(out);
    (void)close(err);
    for (int i = 0; i < argc; i++)
        free(copy[i]);
    return o;
}

#define RUN(program, ...) run(program, -1, (const char *const[]){ "sample", __VA_ARGS__, NULL })

START_TEST(results)
{
    struct outcome o = RUN(&sample, "version");
    ck_assert_int_eq(o.status, 0);
    ck_assert_str_eq(o.out, "sample " RF_VERSION "\n");
    ck_assert_str_eq(o.err, "");
    o = RUN(&sample, "version", "--output", "json");
    ck_assert_str_eq(o.out, "{\"name\":\"sample\",\"version\":\"" RF_VERSION "\"}\n");
    o = RUN(&sample, "--help");
    ck_assert_int_eq(o.status, 0);
    ck_assert_ptr_nonnull(strstr(o.out, "version"));
    o = RUN(&sample, "create", "x");
    ck_assert_int_eq(o.status, 0);
    ck_assert_str_eq(o.err, "");
}
END_TEST

START_TEST(cli_doc_lists)
{
    struct outcome o = RUN(&sample_upstream, "cli-doc", "--list");
    ck_assert_int_eq(o.status, 0);
    static const char first[] = "sample\nsample completion\nsample create\n";
    ck_assert_msg(strncmp(o.out, first, strlen(first)) == 0, "%s", o.out);
    /* By name, and those of a group behind it. */
    ck_assert_ptr_nonnull(strstr(
        o.out, "\nsample image\nsample image between\nsample image copy\nsample image list\n"));
    ck_assert_ptr_null(strstr(o.out, "cli-doc"));
    ck_assert_ptr_null(strstr(o.out, "__complete"));
    o = RUN(&sample_upstream, "cli-doc", "--list", "--hidden");
    ck_assert_ptr_nonnull(strstr(o.out, "\nsample cli-doc\n"));
    o = RUN(&sample_upstream, "--help");
    ck_assert_ptr_null(strstr(o.out, "cli-doc"));
}
END_TEST

START_TEST(cli_doc_shows_a_command)
{
    struct outcome o = RUN(&sample_upstream, "cli-doc", "create");
    ck_assert_int_eq(o.status, 0);
    static const char head[] =
        "## sample create\n\nWrite a bundle.\n\n### Synopsis\n\nWrites a bundle of the images named.\n\n"
        "A second paragraph.\n\n```\nsample create [OPTIONS] IMAGE...\n```\n\n### Examples\n\n```\n"
        "# everything\nsample create --full alpine\n```\n\n### Options\n\n```\n  -f, --full ";
    ck_assert_msg(strncmp(o.out, head, strlen(head)) == 0, "%s", o.out);
    ck_assert_ptr_null(strstr(o.out, "secret-knob"));
    const char *inherited = strstr(o.out, "### Options inherited from parent commands\n\n```\n");
    ck_assert_ptr_nonnull(inherited);
    ck_assert_ptr_nonnull(strstr(inherited, "--verbosity"));
    ck_assert_ptr_null(strstr(inherited, "--full"));
    o = RUN(&sample_upstream, "cli-doc");
    ck_assert_int_eq(strncmp(o.out, "## sample\n\n", 11), 0);
    ck_assert_ptr_null(strstr(o.out, "inherited"));
}
END_TEST

START_TEST(cli_doc_of_odd_words)
{
    /* A group does not run; a word that it does not know is passed over. */
    struct outcome o = RUN(&sample_upstream, "cli-doc", "image", "nosuch");
    ck_assert_int_eq(o.status, 0);
    ck_assert_int_eq(strncmp(o.out, "## sample image\n\n", 17), 0);
    ck_assert_ptr_null(strstr(o.out, "[OPTIONS]"));
    o = RUN(&sample_upstream, "cli-doc", "nosuch");
    ck_assert_int_eq(o.status, 1);
    ck_assert_str_eq(o.err, "unknown command \"nosuch\" for \"sample\"\n");
    ck_assert_str_eq(o.out, "");
}
END_TEST

START_TEST(cli_doc_takes_a_template)
{
    static const char format[] = "{{.Name}}|{{.Use}}|{{.UseLine}}|{{.CommandPath}}|{{.Short}}|"
                                 "{{.Aliases}}|{{.Hidden}}|{{.Runnable}}|{{.Long}}|{{.Example}}";
    struct outcome o = RUN(&sample_upstream, "cli-doc", "image", "cp", "--format", format);
    ck_assert_int_eq(o.status, 0);
    ck_assert_str_eq(o.out, "copy|copy SOURCE TARGET|sample image copy [OPTIONS] SOURCE TARGET|"
                            "sample image copy|copy an image|cp,mirror|false|true||"
                            "sample image copy a b\n");
    o = RUN(&sample_upstream, "cli-doc", "image", "--format", "{{.Commands}} {{.Runnable}}");
    ck_assert_str_eq(o.out, "[between copy list] false");
    o = RUN(&sample_upstream, "cli-doc", "--format", "{{.Name");
    ck_assert_int_eq(o.status, 1);
    ck_assert_str_ne(o.err, "");
}
END_TEST

START_TEST(errors)
{
    struct outcome o = RUN(&sample, "nosuch");
    ck_assert_int_eq(o.status, 2);
    ck_assert_str_eq(o.out, "");
    ck_assert_str_eq(o.err,
                     "sample: unknown command \"nosuch\" for \"sample\"; see sample --help\n");
    o = RUN(&sample_upstream, "nosuch");
    ck_assert_int_eq(o.status, 1);
    ck_assert_str_eq(o.err, "unknown command \"nosuch\" for \"sample\"\n");
    o = RUN(&sample, "create", "-v", "loud");
    ck_assert_int_eq(o.status, 2);
    ck_assert_ptr_nonnull(strstr(o.err, "loud"));
    /* One line, whatever is in it. */
    o = RUN(&sample, "no\nsuch\033[31m");
    ck_assert_str_eq(
        o.err,
        "sample: unknown command \"no\\x0asuch\\x1b[31m\" for \"sample\"; see sample --help\n");
}
END_TEST

static const struct {
    int code, status;
} statuses[] = { { RFE_FAILED, 1 },       { RFE_USAGE, 2 },   { RFE_CONFIG, 2 },
                 { RFE_PARTIAL, 3 },      { RFE_DAMAGED, 4 }, { RFE_REFUSED, 6 },
                 { RFE_NO_SPACE, 7 },     { RFE_BUSY, 8 },    { RFE_CANCELLED, 130 },
                 { RFE_TERMINATED, 143 }, { ENOENT, 1 },      { ENOSPC, 7 } };

START_TEST(exit_statuses)
{
    sample_returns = statuses[_i].code;
    struct outcome o = RUN(&sample, "create");
    ck_assert_int_eq(o.status, statuses[_i].status);
    ck_assert_str_eq(o.err, "sample: it did not\\x0awork\n");
    o = RUN(&sample_upstream, "create");
    ck_assert_int_eq(o.status, 1);
}
END_TEST

START_TEST(stdout_that_fails)
{
    int full = open("/dev/full", O_WRONLY);
    ck_assert_int_ge(full, 0);
    struct outcome o = run(&sample, full, (const char *const[]){ "sample", "--help", NULL });
    ck_assert_int_eq(o.status, 7);
    ck_assert_ptr_nonnull(strstr(o.err, "could not be written to stdout: No space left on device"));
    o = run(&sample_upstream, full, (const char *const[]){ "sample", "--help", NULL });
    ck_assert_int_eq(o.status, 1);
    /* Nothing to say, nothing lost. */
    o = run(&sample, full, (const char *const[]){ "sample", "create", NULL });
    ck_assert_int_eq(o.status, 0);
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    (void)close(ends[0]);
    o = run(&sample, ends[1], (const char *const[]){ "sample", "--help", NULL });
    ck_assert_int_eq(o.status, 1);
    ck_assert_str_eq(o.err, "");
    o = run(&sample, -2, (const char *const[]){ "sample", "create", NULL });
    ck_assert_int_eq(o.status, 0);
    o = run(&sample, -2, (const char *const[]){ "sample", "--help", NULL });
    ck_assert_int_ne(o.status, 0);
}
END_TEST

/* More than a buffer holds: the failure comes while it is written, and its cause is not forgotten until the end. */
START_TEST(stdout_that_fails_early)
{
    static char much[100000];
    int full = open("/dev/full", O_WRONLY), ends[2];
    memset(much, 'x', sizeof(much) - 1);
    sample_prints = much;
    struct outcome o = RUN(&sample, "create");
    ck_assert_int_eq(o.status, 0);
    ck_assert_str_eq(o.out, much);
    o = run(&sample, full, (const char *const[]){ "sample", "create", NULL });
    ck_assert_int_eq(o.status, 7);
    ck_assert_str_eq(
        o.err, "sample: the result could not be written to stdout: No space left on device\n");
    ck_assert_int_eq(pipe(ends), 0);
    (void)close(ends[0]);
    o = run(&sample, ends[1], (const char *const[]){ "sample", "create", NULL });
    ck_assert_int_eq(o.status, 1);
    ck_assert_str_eq(o.err, "");
    o = run(&sample, -2, (const char *const[]){ "sample", "create", NULL });
    ck_assert_int_eq(o.status, 1);
    ck_assert_str_eq(o.err,
                     "sample: the result could not be written to stdout: Bad file descriptor\n");
}
END_TEST

START_TEST(secrets_leave_argv)
{
    char a[] = "sample", b[] = "--host", c[] = "reg=x,user=u,pass=secret",
         d[] = "--host=reg=y,token=\"t,k\",tls=disabled", e[] = "pass=open", f[] = "--host";
    char *argv[] = { a, b, c, d, e, f, NULL };
    rf_program_hide(6, argv);
    ck_assert_str_eq(c, "reg=x,user=u,pass=******");
    ck_assert_str_eq(d, "--host=reg=y,token=*****,tls=disabled");
    ck_assert_str_eq(e, "pass=open");
    ck_assert_str_eq(f, "--host");
}
END_TEST

/* `words` are separated by blanks, as is what must be left of them. */
static const struct {
    const char *words, *want;
} hidden_words[] = {
    { "x registry login r --pass secret", "x registry login r --pass ******" },
    { "x registry login r --pass=secret -u me", "x registry login r --pass=****** -u me" },
    { "x registry login r -p secret", "x registry login r -p ******" },
    { "x registry login r -psecret", "x registry login r -p******" },
    { "x registry -p secret login", "x registry -p ****** login" },
    { "x registry login r --pass-stdin me", "x registry login r --pass-stdin me" },
    { "x registry set r --client-key KEY --client-cert CERT",
      "x registry set r --client-key *** --client-cert CERT" },
    { "x registry set r --client-key=KEY", "x registry set r --client-key=***" },
    { "x image copy -p linux/amd64 a b", "x image copy -p linux/amd64 a b" },
    { "x registry login --host reg=a,pass=b,user=c --pass d",
      "x registry login --host reg=a,pass=*,user=c --pass *" },
    { "x login --pass", "x login --pass" },
    { "x login -p", "x login -p" },
    { "x login -u --pass --pass= -p", "x login -u --pass ******* -p" },
};

START_TEST(words_that_are_secrets_leave_argv)
{
    RF_CLEANUP(rf_freep) char *copy = rf_xstrdup(hidden_words[_i].words);
    RF_CLEANUP(rf_buf_release) struct rf_buf seen;
    char *argv[16], *save = NULL;
    int argc = 0;
    rf_buf_init(&seen, 0);
    for (char *p = strtok_r(copy, " ", &save); p != NULL; p = strtok_r(NULL, " ", &save))
        argv[argc++] = p;
    argv[argc] = NULL;
    rf_program_hide(argc, argv);
    for (int i = 0; i < argc; i++)
        rf_buf_addf(&seen, "%s%s", i > 0 ? " " : "", argv[i]);
    ck_assert_str_eq(seen.ptr, hidden_words[_i].want);
}
END_TEST

/* The program still sees what it was given. */
START_TEST(secrets_reach_the_command)
{
    char a[] = "sample", b[] = "create", c[] = "--host", d[] = "reg=x,pass=secret";
    char *argv[] = { a, b, c, d, NULL };
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int rc = rf_program_main(&sample, 4, argv);
        bool ok = rc == 0 && strstr(sample_seen, "hosts=[reg=x,pass=secret]") != NULL &&
                  strcmp(d, "reg=x,pass=******") == 0;
        struct rlimit core;
        ok = ok && getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 &&
             prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
        _exit(ok ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* What is between the two comments of a page in docs/. */
static char *docs_part(const char *name, const char *title)
{
    RF_CLEANUP(rf_freep) char *file = rf_xasprintf("../../docs/%s", name);
    RF_CLEANUP(rf_freep) char *path = test_data_path(file);
    RF_CLEANUP(rf_freep)
    char *begin = rf_xasprintf("<!-- %s: begin -->\n", title),
         *end = rf_xasprintf("<!-- %s: end -->", title);
    size_t len;
    RF_CLEANUP(rf_freep) char *text = test_read_file(path, &len);
    char *from = text != NULL ? strstr(text, begin) : NULL;
    if (from == NULL)
        return NULL;
    from += strlen(begin);
    const char *to = strstr(from, end);
    return to != NULL ? keep(rf_xstrndup(from, (size_t)(to - from))) : NULL;
}

START_TEST(docs_list_the_exit_statuses)
{
    struct outcome o = RUN(&sample, "--exit-statuses");
    ck_assert_int_eq(o.status, 0);
    const char *page = docs_part("exit-statuses.md", "exit statuses");
    ck_assert_msg(page != NULL, "docs/exit-statuses.md has no such part");
    ck_assert_msg(strcmp(page, o.out) == 0,
                  "docs/exit-statuses.md is not what --exit-statuses prints; it should hold:\n%s",
                  o.out);
}
END_TEST

static const char *const programs[] = { "regexport", "regimport", "regctl", "regsync", "regbot" };

/* The page of a program that is built has the option lists of its tables. */
START_TEST(docs_list_the_options)
{
    const char *bin = getenv("RF_BIN");
    RF_CLEANUP(rf_freep) char *path = rf_xasprintf("%s/%s", bin != NULL ? bin : ".", programs[_i]);
    RF_CLEANUP(rf_freep) char *name = rf_xasprintf("%s.md", programs[_i]);
    const char *page = docs_part(name, "commands");
    if (access(path, X_OK) != 0)
        return;
    int out = temp_file(), status;
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        (void)dup2(out, 1);
        execl(path, path, "--help-markdown", (char *)NULL);
        _exit(127);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(status == 0, "%s: its tables are not right, see %s --help-markdown", name, path);
    const char *have = read_fd(out);
    ck_assert_msg(page != NULL, "docs/%s has no part for the commands", name);
    ck_assert_msg(strcmp(page, have) == 0,
                  "docs/%s is not what the program prints: run scripts/update-docs", name);
}
END_TEST

Suite *rf_program_suite(void);
Suite *rf_program_suite(void)
{
    Suite *s = suite_create("program");
    TCase *t = tcase_create("program");
    tcase_add_test(t, results);
    tcase_add_test(t, cli_doc_lists);
    tcase_add_test(t, cli_doc_shows_a_command);
    tcase_add_test(t, cli_doc_of_odd_words);
    tcase_add_test(t, cli_doc_takes_a_template);
    tcase_add_test(t, errors);
    tcase_add_loop_test(t, exit_statuses, 0, (int)RF_ARRAY_LEN(statuses));
    tcase_add_test(t, stdout_that_fails);
    tcase_add_test(t, stdout_that_fails_early);
    tcase_add_test(t, secrets_leave_argv);
    tcase_add_loop_test(t, words_that_are_secrets_leave_argv, 0, (int)RF_ARRAY_LEN(hidden_words));
    tcase_add_test(t, secrets_reach_the_command);
    tcase_add_test(t, docs_list_the_exit_statuses);
    tcase_add_loop_test(t, docs_list_the_options, 0, (int)RF_ARRAY_LEN(programs));
    suite_add_tcase(s, t);
    return s;
}
