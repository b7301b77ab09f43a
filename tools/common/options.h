/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: one row per command, one row per option. The parser, --help, the option lists in docs/ and shell completion read these rows; there is
 * no second list. Options may stand anywhere, `--name=value` and `--name value`, `-nvalue`, `-n value`, `--` ends them, a flag takes `=false`,
 * names are not abbreviated (as upstream's tools).
 *
 *     static const struct rf_opt create_opts[] = {
 *         { "out", 'o', RF_OPT_STRING, offsetof(struct create, out), "DIR", "where the bundle goes", .flags = RF_OPT_REQUIRED },
 *         { "full", 0, RF_OPT_FLAG, offsetof(struct create, full), NULL, "carry everything, whatever the base" },
 *     };
 *
 * Values land in a zeroed struct per run (ctx_size), at the row's offset; texts belong to the parser and live until the run is over.
 */
#ifndef RF_TOOLS_COMMON_OPTIONS_H
#define RF_TOOLS_COMMON_OPTIONS_H

#include "tools/common/net_options.h"

enum rf_opt_kind {
    RF_OPT_FLAG,    /* bool */
    RF_OPT_STRING,  /* const char *; NULL when not given and without default */
    RF_OPT_CHOICE,  /* const char *, one of those in `value`: "text|json" */
    RF_OPT_LIST,    /* struct rf_list: each use adds one */
    RF_OPT_COMMAS,  /* struct rf_list: each use adds its comma-separated parts */
    RF_OPT_U64,     /* uint64_t */
    RF_OPT_INT,     /* int64_t */
    RF_OPT_REAL,    /* double */
    RF_OPT_COUNT,   /* uint64_t, at least 1 and at most 4096 when given */
    RF_OPT_SIZE,    /* uint64_t bytes: 1000, 64k, 64KiB, 1.5GB, 2T; k = 1000, Ki = 1024 */
    RF_OPT_SECONDS, /* uint64_t; the text is a duration: 90s, 15m, 720h, 30d */
};
enum rf_opt_flags {
    RF_OPT_HIDDEN = 1u << 0,   /* in no list */
    RF_OPT_REQUIRED = 1u << 1, /* `required flag(s) "x" not set` */
};
struct rf_opt {
    const char *name; /* without "--" */
    char letter;      /* 0: none */
    enum rf_opt_kind kind;
    size_t offset;
    const char *
        value; /* what stands for the value in help: "DIR"; the choices of a CHOICE; NULL for flags */
    const char *help; /* starts in lower case, ends without a full stop */
    const char *dflt; /* default, as one would type it; NULL: zero */
    unsigned flags;
};

/* Those of all programs; the values are a struct rf_net_options. */
extern const struct rf_opt rf_net_opts[];
extern const size_t rf_net_opts_n;
/* The same for programs of upstream's habits: --format of each command decides the form of results, and 3 requests run at once. */
extern const struct rf_opt rf_habit_opts[];
extern const size_t rf_habit_opts_n;
/* Those of regsync and regbot, whose talk is their log. */
extern const struct rf_opt rf_runner_opts[];
extern const size_t rf_runner_opts_n;

#define RF_ARGS_ANY (-1)

struct rf_cmd;
struct rf_program;
/* What a command runs in. */
struct rf_env {
    const struct rf_program *program;
    const struct rf_cmd *cmd;
    const char *path;                 /* "regexport create" */
    const struct rf_net_options *net; /* the options that all programs have */
    const void *own;   /* the program's own global options (program->opts), or NULL */
    const bool *given; /* private to rf_opt_given */
};

struct rf_cmd {
    const char *name;
    const char *aliases;  /* "layer,blobs" or NULL */
    const char *synopsis; /* the arguments: "IMAGE..." or NULL */
    const char *summary;  /* one line: starts in lower case, ends without a full stop */
    const char
        *description; /* paragraphs separated by an empty line, wrapped for the terminal; or NULL */
    const char
        *examples; /* lines as they are, "# ..." explains; needed for every command that runs */
    const struct rf_opt *opts;
    size_t n_opts;
    size_t ctx_size;
    int min_args, max_args; /* RF_ARGS_ANY: no upper limit */
    bool hidden;
    const struct rf_cmd *children; /* a group, when it has some */
    size_t n_children;
    const char *
        arg_kinds; /* for completion, where the words of the synopsis do not tell: "REPOSITORY REPOSITORY" */
    /* argc and argv are the arguments alone. Returns 0, or -code: the exit status comes from RF_ERROR_TABLE. */
    int (*run)(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err);
};

struct rf_program {
    const char *name, *summary, *description, *examples;
    const struct rf_cmd *cmds;
    size_t n_cmds;
    const struct rf_opt *opts; /* global options of its own, beside rf_net_opts */
    size_t n_opts;
    size_t opts_size;
    bool
        upstream_habits; /* regctl, regsync, regbot: exit status 0 or 1 only, no program name before errors, help for a group without command */
    bool
        runner; /* regsync, regbot, with upstream_habits: log lines from INFO up, no display of progress; SYNC_NEEDED is exit status 2 */
};

/* Whether the option was on the command line (a default does not count). RF_BUG for a name that the command does not know. */
bool rf_opt_given(const struct rf_env *env, const char *name);

/* ---- for tools/common itself and its tests ---- */

enum rf_parsed_kind { RF_PARSED_RUN, RF_PARSED_HELP };
struct rf_parsed {
    enum rf_parsed_kind kind;
    const struct rf_program *program;
    const struct rf_cmd *cmd; /* NULL: the program itself */
    char *path;
    struct rf_net_options net;
    void *own, *ctx;
    char **args;
    int n_args;
    bool *given; /* by position in the lists of rows: own of the command, of the program, of all */
};
#define RF_PARSED_INIT \
    {                  \
        0              \
    }
/* argv without the program's name; its strings must outlive *out. -RFE_USAGE with the next step in the message. */
RF_MUST_USE int rf_options_parse(const struct rf_program *program, int argc, char **argv,
                                 struct rf_parsed *out, struct rf_err *err);
void rf_parsed_release(struct rf_parsed *p); /* wipes the texts of lists */
void rf_parsed_env(const struct rf_parsed *p, struct rf_env *env);

/* The command of this name below `parent` (NULL: the program), or NULL. */
const struct rf_cmd *rf_options_child(const struct rf_program *program, const struct rf_cmd *parent,
                                      const char *word);
/* Position of the row, for rf_options_row: by letter, or by name when it is 0. The number of rows when there is none. */
size_t rf_options_find(const struct rf_program *program, const struct rf_cmd *cmd,
                       struct rf_slice name, char letter);
/* Whether the word behind this option ("--name", "-n") is its value, as far as one can tell before the command is known. */
bool rf_options_takes_next(const struct rf_program *program, const struct rf_cmd *cmd,
                           const char *arg);

/* The rows that all programs of this kind have. */
const struct rf_opt *rf_options_global(const struct rf_program *program, size_t *n);
/* All rows that a command (NULL: the program) knows, in order: its own, the program's, those of all programs. */
size_t rf_options_count(const struct rf_program *program, const struct rf_cmd *cmd);
const struct rf_opt *rf_options_row(const struct rf_program *program, const struct rf_cmd *cmd,
                                    size_t i);

#endif
