/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "policy/lua/lua_start.h"
#include "regclient/hosts.h"
#include "tools/common/cli_doc.h"
#include "tools/common/completion.h"
#include "tools/common/exit_table.h"
#include "tools/common/help.h"
#include "tools/common/man.h"
#include "tools/common/result.h"

#define PAGE_MAX (1u << 20) /* of Markdown */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

/* ---- before anything else ---- */

/* The value of an option: behind "=", or the next word. */
static void hide_value(char *rest, char *next)
{
    char *value = rest[0] == '=' ? rest + 1 : rest[0] == '\0' ? next : NULL;
    if (value != NULL)
        memset(value, '*', strlen(value));
}

/* Options whose value is a secret as a whole. */
static void hide_secret(char *word, char *next)
{
    static const char *const names[] = { "--pass", "--client-key" };
    for (size_t k = 0; k < RF_ARRAY_LEN(names); k++)
        if (strncmp(word, names[k], strlen(names[k])) == 0)
            hide_value(word + strlen(names[k]), next);
}

/* -p is the password of `registry login`, and something harmless elsewhere. */
static void hide_letter(char *word, char *next)
{
    if (strncmp(word, "-p", 2) != 0)
        return;
    if (word[2] != '\0')
        memset(word + 2, '*', strlen(word + 2));
    else
        hide_value(word + 2, next);
}

void rf_program_hide(int argc, char **argv)
{
    bool login = false;
    for (int i = 1; i < argc; i++)
        login = login || strcmp(argv[i], "login") == 0;
    for (int i = 1; i < argc; i++) {
        char *next = i + 1 < argc ? argv[i + 1] : NULL;
        hide_secret(argv[i], next);
        if (login)
            hide_letter(argv[i], next);
        if (strncmp(argv[i], "--host=", 7) == 0)
            rf_hosts_hide_flag(argv[i] + 7);
        else if (strcmp(argv[i], "--host") == 0 && next != NULL)
            rf_hosts_hide_flag(argv[++i]);
    }
}

static void free_words(char **words, int n)
{
    for (int i = 0; i < n; i++)
        rf_wipe_freep(&words[i]);
    free(words);
}

static char **copy_words(char **argv, int n)
{
    char **words = rf_xcalloc((size_t)n + 1, sizeof(char *));
    for (int i = 0; i < n; i++)
        words[i] = rf_xstrdup(argv[i]);
    return words;
}

/* A file that we open must not become stdout because the caller had closed it. Writing to a closed stdout still fails. */
static void open_standard_files(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        /* Programs that we start inherit it, as they would the real one. */
        if (open("/dev/null", (fd == 0 ? O_WRONLY : O_RDONLY) | O_CLOEXEC) != fd ||
            fcntl(fd, F_SETFD, 0) < 0)
            _exit(70);
    }
}

/* Secrets are in this process: no core file, no debugger of the same user, nothing gained by what it starts. */
static void harden(void)
{
    const struct rlimit none = { 0, 0 };
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#ifndef SANITIZED /* the leak checker looks into its own process */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/* ---- running ---- */

static int exit_status(const struct rf_program *program, int rc)
{
    if (rc >= 0)
        return 0;
    bool own = !program->upstream_habits || (program->runner && rc == -RFE_SYNC_NEEDED);
    return own ? rf_error_exit_status(rc) : 1;
}

/* One line, whatever the message holds; none when the reader of the result has gone away, as head does. */
static void print_error(const struct rf_program *program, const struct rf_err *err)
{
    char safe[2 * sizeof(err->msg)];
    (void)rf_text_safe_fixed(safe, sizeof(safe), rf_slice_str(err->msg));
    if (safe[0] == '\0' || err->code == EPIPE)
        return;
    if (program->upstream_habits)
        (void)fprintf(stderr, "%s\n", safe);
    else
        (void)fprintf(stderr, "%s: %s\n", program->name, safe);
}

static void print(const struct rf_buf *text)
{
    (void)fwrite(text->ptr, 1, text->len, stdout);
}

static int run_version(const struct rf_env *env, void *ctx, int argc, char **argv,
                       struct rf_err *err)
{
    (void)ctx;
    (void)argc;
    (void)argv;
    (void)err;
    if (rf_net_json(env->net))
        (void)printf("{\"name\":\"%s\",\"version\":\"%s\"}\n", env->program->name, RF_VERSION);
    else
        (void)printf("%s %s\n", env->program->name, RF_VERSION);
    return 0;
}

#define COMMON 4
struct common {
    struct rf_cmd rows[COMMON];
    char *completion, *version; /* examples that the rows point to */
};

static void common_release(struct common *c)
{
    free(c->completion);
    free(c->version);
}

static void common_init(struct common *c, const char *name)
{
    rf_completion_rows(name, &c->rows[0], &c->rows[1], &c->completion);
    c->version = rf_xasprintf("%s version --output json\n", name);
    c->rows[2] = (struct rf_cmd){ .name = "version",
                                  .summary = "print the version",
                                  .examples = c->version,
                                  .run = run_version };
    c->rows[3] = rf_cli_doc_row();
}

static const struct rf_cmd *row_of(const struct rf_cmd *rows, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

/* The program's own commands, then those that all programs have, unless it brings its own. The common rows live as long as the list. */
static struct rf_cmd *with_common(const struct rf_program *program, const struct common *common,
                                  size_t *n)
{
    struct rf_cmd *all = rf_xcalloc(program->n_cmds + COMMON, sizeof(*all));
    size_t len = 0;
    for (size_t i = 0; i < program->n_cmds; i++)
        if (row_of(common->rows, COMMON, program->cmds[i].name) == NULL)
            all[len++] = program->cmds[i];
    for (size_t i = 0; i < COMMON; i++) {
        const struct rf_cmd *own = row_of(program->cmds, program->n_cmds, common->rows[i].name);
        all[len++] = own != NULL ? *own : common->rows[i];
    }
    *n = len;
    return all;
}

static int print_help(const struct rf_parsed *p)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    rf_help(p->program, p->cmd, p->path, &text);
    print(&text);
    return 0;
}

static int run_parsed(const struct rf_parsed *p, struct rf_err *err)
{
    if (p->kind == RF_PARSED_HELP)
        return print_help(p);
    int rc = rf_net_options_apply(&p->net, err);
    if (rc < 0)
        return rc;
    struct rf_env env;
    rf_parsed_env(p, &env);
    return p->cmd->run(&env, p->ctx, p->n_args, p->args, err);
}

int rf_program_tell(const struct rf_buf *failures, int rc, struct rf_err *err)
{
    if (rc != -RFE_FAILED || failures->len == 0)
        return rc;
    (void)fflush(stdout);
    (void)fwrite(failures->ptr, 1, failures->len, stderr);
    err->msg[0] = '\0';
    return rc;
}

/* --help-man DATE PAGE: the manual page, with the prose of docs/PROGRAM.md. */
static int add_man_page(const struct rf_program *program, const char *date, const char *page,
                        struct rf_buf *out)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf prose;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&prose, PAGE_MAX);
    int rc = rf_file_read(page, &prose, &err);
    if (rc < 0)
        (void)fprintf(stderr, "%s: %s\n", program->name, err.msg);
    else
        rf_man_page(program, rf_buf_slice(&prose), date, out);
    return rc;
}

/* The hidden options for the build of docs stand alone: 1 when they were not asked for, else the exit status as -status or 0. */
static int print_docs(const struct rf_program *program, int argc, char **argv)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    if (argc == 2 && strcmp(argv[1], "--help-markdown") == 0) {
        RF_CLEANUP(rf_freep) char *problem = rf_program_problem(program);
        if (problem != NULL) {
            (void)fprintf(stderr, "%s: %s\n", program->name, problem);
            return -1;
        }
        rf_program_dump_markdown(program, &text);
    } else if (argc == 2 && strcmp(argv[1], "--exit-statuses") == 0) {
        rf_exit_table_markdown(&text);
    } else if (argc == 4 && strcmp(argv[1], "--help-man") == 0) {
        if (add_man_page(program, argv[2], argv[3], &text) < 0)
            return -1;
    } else {
        return 1;
    }
    print(&text);
    return 0;
}

int rf_program_run(const struct rf_program *program, int argc, char **argv)
{
    struct rf_program whole = *program;
    RF_CLEANUP(common_release) struct common common;
    common_init(&common, program->name);
    RF_CLEANUP(rf_freep) struct rf_cmd *cmds = with_common(program, &common, &whole.n_cmds);
    whole.cmds = cmds;
    int docs = print_docs(&whole, argc, argv);
    if (docs <= 0)
        return -docs;
    RF_CLEANUP(rf_parsed_release) struct rf_parsed parsed = RF_PARSED_INIT;
    struct rf_err err = RF_ERR_INIT;
    int first = argc > 0 ? 1 : 0;
    int rc = rf_options_parse(&whole, argc - first, argv + first, &parsed, &err);
    if (rc == 0)
        rc = run_parsed(&parsed, &err);
    if (rc < 0)
        print_error(program, &err);
    return exit_status(program, rc);
}

int rf_program_main(const struct rf_program *program, int argc, char **argv)
{
    rf_lua_start(argc, argv);
    char **words = copy_words(argv, argc);
    rf_program_hide(argc, argv);
    open_standard_files();
    harden();
    rf_cancel_on_signals();
    rf_result_open();
    json_object_seed(0); /* before any thread can race for it */
    int status = rf_program_run(program, argc, words);
    free_words(words, argc);
    int at_end = rf_result_close(program->name);
    if (status == 0 && at_end != 0)
        status = program->upstream_habits ? 1 : at_end;
    return status;
}
