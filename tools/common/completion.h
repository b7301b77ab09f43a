/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion in shells. `PROGRAM completion bash` prints a script that asks the hidden `PROGRAM __complete` at each TAB: the words behind the
 * program's name, the last one up to the cursor, come on standard input, each with a NUL byte behind it (in no argument list,
 * since a password can be among them). The answer is a line ":" with "nospace" (what is completed goes on), "files" or "dirs" (the shell
 * completes names itself) behind it, and a line for each candidate: the whole word, a tab, what it is. Whatever goes wrong
 * gives an empty answer and no message, after two seconds at most.
 *
 *     static const struct rf_cmd cmds[] = { ..., RF_COMPLETION_ROW("regexport"), RF_COMPLETE_ROW };
 *
 * What a word may be is read from the command table: the choices of an option's value, and what its word, or the word of the
 * synopsis, stands for: IMAGE, REPOSITORY, REGISTRY, TAG, FILE, DIR, PLATFORM, TYPE, LEVEL.
 */
#ifndef RF_TOOLS_COMMON_COMPLETION_H
#define RF_TOOLS_COMMON_COMPLETION_H

#include "tools/common/options.h"

extern const struct rf_opt rf_completion_opts[];
extern const size_t rf_completion_opts_n;
int rf_completion_run(const struct rf_env *env, void *ctx, int argc, char **argv,
                      struct rf_err *err);
int rf_complete_run(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err);

#define RF_COMPLETION_CTX sizeof(bool)
#define RF_COMPLETION_ROW(program)                                                                                                          \
    {                                                                                                                                       \
        .name = "completion", .synopsis = "bash|zsh|fish",                                                                                  \
        .summary = "print a script that completes command lines in a shell",                                                                \
        .description =                                                                                                                      \
            "The script asks the program at each TAB: commands, options, values, and of registries that can be reached within two seconds " \
            "also repositories and tags.",                                                                                                  \
        .examples =                                                                                                                         \
            "# bash, now\nsource <(" program " completion bash)\n"                                                                          \
            "# bash, for good\n" program                                                                                                    \
            " completion bash > ~/.local/share/bash-completion/completions/" program "\n"                                                   \
            "# zsh, into a folder of $fpath\n" program " completion zsh > ~/.zfunc/_" program "\n"                                          \
            "# fish\n" program " completion fish > ~/.config/fish/completions/" program ".fish",                                            \
        .opts = rf_completion_opts, .n_opts = 1, .ctx_size = RF_COMPLETION_CTX, .min_args = 1,                                              \
        .max_args = 1, .run = rf_completion_run                                                                                             \
    }
#define RF_COMPLETE_ROW                                                                       \
    {                                                                                         \
        .name = "__complete", .summary = "answer the script of `completion`", .hidden = true, \
        .opts = rf_completion_opts, .n_opts = 1, .ctx_size = RF_COMPLETION_CTX,               \
        .run = rf_complete_run                                                                \
    }

/* ---- for tools/common itself and its tests ---- */

/* Who knows names that are in no table; what cannot be found out is left out. The names are checked by the caller. */
struct rf_complete_source {
    void (*registries)(void *ctx, struct rf_list *names);
    void (*repositories)(void *ctx, const char *registry, struct rf_list *names);
    void (*tags)(void *ctx, const char *repository,
                 struct rf_list *names); /* also "ocidir://..." */
    void *ctx;
};
/* The answer for these words (at least one; without the program's name). */
void rf_complete(const struct rf_program *program, char *const *words, size_t n,
                 const struct rf_complete_source *source, struct rf_buf *out);
/* The values of --host among the words, borrowed. */
void rf_complete_hosts(const struct rf_program *program, char *const *words, size_t n,
                       void (*add)(void *ctx, const char *value), void *ctx);
/* The script for "bash", "zsh" or "fish". -RFE_USAGE. */
RF_MUST_USE int rf_completion_script(const char *program, const char *shell, bool descriptions,
                                     struct rf_buf *out, struct rf_err *err);

#endif
