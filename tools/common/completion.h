/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion in shells. `PROGRAM completion bash` prints a script that asks the hidden `PROGRAM __complete` at each TAB: the words behind the
 * program's name, the last one up to the cursor, come on standard input, each with a NUL byte behind it (in no argument list,
 * since a password can be among them). The answer is a line ":" with "nospace" (what is completed goes on), "files" or "dirs" (the shell
 * completes names itself) behind it, and a line for each candidate: the whole word, a tab, what it is. Whatever goes wrong
 * gives an empty answer and no message, after two seconds at most.
 *
 * What a word may be is read from the command table: the choices of an option's value, and what its word, or the word of the
 * synopsis, stands for: IMAGE, REPOSITORY, REGISTRY, TAG, FILE, DIR, PLATFORM, TYPE, LEVEL.
 */
#ifndef RF_TOOLS_COMMON_COMPLETION_H
#define RF_TOOLS_COMMON_COMPLETION_H

#include "tools/common/options.h"

/*
 * The rows of `completion` and of `__complete`, which every program has (tools/common/program.c). *examples is what the first one points to, the
 * caller's.
 */
void rf_completion_rows(const char *program, struct rf_cmd *completion, struct rf_cmd *complete,
                        char **examples);

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
