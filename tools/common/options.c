/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/options.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "tools/common/option_value.h"

/* ---- the rows a command knows ---- */

const struct rf_opt *rf_options_global(const struct rf_program *program, size_t *n)
{
    if (program->runner) {
        *n = rf_runner_opts_n;
        return rf_runner_opts;
    }
    *n = program->upstream_habits ? rf_habit_opts_n : rf_net_opts_n;
    return program->upstream_habits ? rf_habit_opts : rf_net_opts;
}

size_t rf_options_count(const struct rf_program *program, const struct rf_cmd *cmd)
{
    size_t all;
    (void)rf_options_global(program, &all);
    return (cmd != NULL ? cmd->n_opts : 0) + program->n_opts + all;
}

const struct rf_opt *rf_options_row(const struct rf_program *program, const struct rf_cmd *cmd,
                                    size_t i)
{
    size_t own = cmd != NULL ? cmd->n_opts : 0, all;
    if (i < own)
        return &cmd->opts[i];
    i -= own;
    const struct rf_opt *global = rf_options_global(program, &all);
    return i < program->n_opts ? &program->opts[i] : &global[i - program->n_opts];
}

/* The struct that holds the value of row i. */
static char *base_of(struct rf_parsed *p, size_t i)
{
    size_t own = p->cmd != NULL ? p->cmd->n_opts : 0;
    if (i < own)
        return p->ctx;
    return i - own < p->program->n_opts ? p->own : (char *)&p->net;
}

static size_t find_name(const struct rf_program *program, const struct rf_cmd *cmd,
                        struct rf_slice name)
{
    size_t n = rf_options_count(program, cmd), i = 0;
    while (i < n && !rf_slice_is(name, rf_options_row(program, cmd, i)->name))
        i++;
    return i;
}

static size_t find_letter(const struct rf_program *program, const struct rf_cmd *cmd, char letter)
{
    size_t n = rf_options_count(program, cmd), i = 0;
    while (i < n && rf_options_row(program, cmd, i)->letter != letter)
        i++;
    return i;
}

size_t rf_options_find(const struct rf_program *program, const struct rf_cmd *cmd,
                       struct rf_slice name, char letter)
{
    return letter != 0 ? find_letter(program, cmd, letter) : find_name(program, cmd, name);
}

bool rf_opt_given(const struct rf_env *env, const char *name)
{
    size_t i = find_name(env->program, env->cmd, rf_slice_str(name));
    RF_CHECK(i < rf_options_count(env->program, env->cmd));
    return env->given[i];
}

/* ---- messages ---- */

/* Number of single-letter changes from a to b, to offer what was probably meant. At most 32 letters count. */
static size_t distance(struct rf_slice a, const char *b)
{
    size_t row[33], m = strlen(b);
    if (a.len > 32 || m > 32)
        return 99;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a.ptr[i - 1] == b[j - 1] ? 0 : 1);
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[m];
}

static bool is_near(struct rf_slice typed, const char *name, size_t *best)
{
    size_t d = distance(typed, name);
    /* Half of the letters wrong is another word. */
    if (d > 2 || d * 2 > strlen(name) || d >= *best)
        return false;
    *best = d;
    return true;
}

static int see_help(const struct rf_parsed *p, int rc, struct rf_err *err)
{
    return p->program->upstream_habits ? rc : rf_hint(err, rc, "see %s --help", p->path);
}

/* The same behind a name that nearly was one. */
static int meant(const struct rf_parsed *p, const char *dashes, const char *name, int rc,
                 struct rf_err *err)
{
    if (name == NULL || p->program->upstream_habits)
        return see_help(p, rc, err);
    return rf_hint(err, rc, "did you mean \"%s%s\"? see %s --help", dashes, name, p->path);
}

static int unknown_flag(const struct rf_parsed *p, struct rf_slice name, struct rf_err *err)
{
    size_t best = 99;
    const char *near = NULL;
    for (size_t i = 0; i < rf_options_count(p->program, p->cmd); i++) {
        const struct rf_opt *o = rf_options_row(p->program, p->cmd, i);
        if ((o->flags & RF_OPT_HIDDEN) == 0 && is_near(name, o->name, &best))
            near = o->name;
    }
    int rc = rf_fail(err, RFE_USAGE, "unknown flag: --%.*s", (int)name.len, name.ptr);
    return meant(p, "--", near, rc, err);
}

static void flag_text(const struct rf_opt *o, struct rf_buf *out)
{
    if (o->letter != 0)
        rf_buf_addf(out, "-%c, ", o->letter);
    rf_buf_addf(out, "--%s", o->name);
}

static int invalid_value(const struct rf_parsed *p, const struct rf_opt *o, const char *value,
                         const char *cause, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf flag;
    rf_buf_init(&flag, 0);
    flag_text(o, &flag);
    int rc = rf_fail(err, RFE_USAGE, "invalid argument \"%.200s\" for \"%s\" flag: %s", value,
                     flag.ptr, cause);
    return see_help(p, rc, err);
}

/* ---- finding the command ---- */

static bool has_name(const struct rf_cmd *c, const char *word)
{
    if (strcmp(c->name, word) == 0)
        return true;
    size_t len = strlen(word);
    for (const char *at = c->aliases; at != NULL && *at != '\0';) {
        size_t n = strcspn(at, ",");
        if (n == len && strncmp(at, word, n) == 0)
            return true;
        at += at[n] == ',' ? n + 1 : n;
    }
    return false;
}

const struct rf_cmd *rf_options_child(const struct rf_program *program, const struct rf_cmd *parent,
                                      const char *word)
{
    const struct rf_cmd *list = parent != NULL ? parent->children : program->cmds;
    size_t n = parent != NULL ? parent->n_children : program->n_cmds;
    for (size_t i = 0; i < n; i++)
        if (has_name(&list[i], word))
            return &list[i];
    return NULL;
}

/* Whether some command below takes --name (or -letter) without a value; options may stand before the command that has them. */
static bool is_flag_below(const struct rf_cmd *list, size_t n, struct rf_slice name, char letter)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < list[i].n_opts; k++) {
            const struct rf_opt *o = &list[i].opts[k];
            bool match = letter != 0 ? o->letter == letter : rf_slice_is(name, o->name);
            if (match && o->kind == RF_OPT_FLAG)
                return true;
        }
        if (is_flag_below(list[i].children, list[i].n_children, name, letter))
            return true;
    }
    return false;
}

bool rf_options_takes_next(const struct rf_program *program, const struct rf_cmd *cmd,
                           const char *arg)
{
    bool is_long = arg[1] == '-';
    struct rf_slice name = rf_slice_str(is_long ? arg + 2 : arg + 1);
    if (strchr(arg, '=') != NULL || (!is_long && name.len != 1))
        return false;
    if (rf_slice_is(name, "help") || rf_slice_is(name, "h"))
        return false;
    size_t i = rf_options_find(program, cmd, name, is_long ? 0 : arg[1]);
    if (i < rf_options_count(program, cmd))
        return rf_options_row(program, cmd, i)->kind != RF_OPT_FLAG;
    const struct rf_cmd *below = cmd != NULL ? cmd->children : program->cmds;
    return !is_flag_below(below, cmd != NULL ? cmd->n_children : program->n_cmds, name,
                          is_long ? 0 : arg[1]);
}

static void enter(struct rf_parsed *p, const struct rf_cmd *cmd)
{
    char *path = rf_xasprintf("%s %s", p->path, cmd->name);
    free(p->path);
    p->path = path;
    p->cmd = cmd;
}

static int unknown_command(const struct rf_parsed *p, const char *word, struct rf_err *err)
{
    const struct rf_cmd *list = p->cmd != NULL ? p->cmd->children : p->program->cmds;
    size_t n = p->cmd != NULL ? p->cmd->n_children : p->program->n_cmds, best = 99;
    const char *near = NULL;
    for (size_t i = 0; i < n; i++)
        if (!list[i].hidden && is_near(rf_slice_str(word), list[i].name, &best))
            near = list[i].name;
    int rc = rf_fail(err, RFE_USAGE, "unknown command \"%.100s\" for \"%s\"", word, p->path);
    return meant(p, "", near, rc, err);
}

static bool is_leaf(const struct rf_parsed *p)
{
    return p->cmd != NULL && p->cmd->n_children == 0;
}

/* Goes down from the program to the command; the words that name it become NULL in argv. `help` in first place asks for help. */
static int find_command(struct rf_parsed *p, int argc, char **argv, struct rf_err *err)
{
    for (int i = 0; i < argc && !is_leaf(p); i++) {
        const char *arg = argv[i];
        if (strcmp(arg, "--") == 0)
            break;
        if (arg[0] == '-' && arg[1] != '\0') {
            i += rf_options_takes_next(p->program, p->cmd, arg) ? 1 : 0;
            continue;
        }
        const struct rf_cmd *child = rf_options_child(p->program, p->cmd, arg);
        if (child != NULL) {
            enter(p, child);
        } else if (p->cmd == NULL && p->kind == RF_PARSED_RUN && strcmp(arg, "help") == 0) {
            p->kind = RF_PARSED_HELP;
        } else if (p->cmd != NULL && p->program->upstream_habits) {
            /* Upstream answers an unknown word in a group with the group's help. */
            p->kind = RF_PARSED_HELP;
            break;
        } else {
            return unknown_command(p, arg, err);
        }
        argv[i] = NULL;
    }
    return 0;
}

/* ---- options and arguments ---- */

struct scan {
    struct rf_parsed *p;
    char **argv;
    int argc, at;
};

/* The word behind argv[at], which becomes used up; NULL when there is none. Words that named the command are passed over. */
static const char *take_next(struct scan *s)
{
    while (s->at + 1 < s->argc) {
        s->at++;
        if (s->argv[s->at] != NULL)
            return s->argv[s->at];
    }
    return NULL;
}

static int set_row(struct scan *s, size_t i, const char *value, struct rf_err *err)
{
    struct rf_parsed *p = s->p;
    const struct rf_opt *o = rf_options_row(p->program, p->cmd, i);
    struct rf_err cause = RF_ERR_INIT;
    if (rf_option_set(o, base_of(p, i), value, &cause) < 0)
        return invalid_value(p, o, value, cause.msg, err);
    p->given[i] = true;
    return 0;
}

static int on_long(struct scan *s, const char *arg, struct rf_err *err)
{
    struct rf_parsed *p = s->p;
    const char *equals = strchr(arg, '=');
    struct rf_slice name =
        equals != NULL ? rf_slice_of(arg, (size_t)(equals - arg)) : rf_slice_str(arg);
    if (rf_slice_is(name, "help")) {
        p->kind = RF_PARSED_HELP;
        return 0;
    }
    size_t i = find_name(p->program, p->cmd, name);
    if (i == rf_options_count(p->program, p->cmd))
        return unknown_flag(p, name, err);
    if (equals != NULL)
        return set_row(s, i, equals + 1, err);
    if (rf_options_row(p->program, p->cmd, i)->kind == RF_OPT_FLAG)
        return set_row(s, i, "true", err);
    const char *value = take_next(s);
    if (value == NULL) {
        int rc = rf_fail(err, RFE_USAGE, "flag needs an argument: --%.*s", (int)name.len, name.ptr);
        return see_help(p, rc, err);
    }
    return set_row(s, i, value, err);
}

static int on_letters(struct scan *s, const char *letters, struct rf_err *err)
{
    struct rf_parsed *p = s->p;
    for (const char *at = letters; *at != '\0'; at++) {
        size_t i = find_letter(p->program, p->cmd, *at);
        if (i == rf_options_count(p->program, p->cmd)) {
            if (*at == 'h') {
                p->kind = RF_PARSED_HELP;
                return 0;
            }
            int rc = rf_fail(err, RFE_USAGE, "unknown shorthand flag: '%c' in -%s", *at, letters);
            return see_help(p, rc, err);
        }
        if (at[1] == '=')
            return set_row(s, i, at + 2, err);
        if (rf_options_row(p->program, p->cmd, i)->kind == RF_OPT_FLAG) {
            int rc = set_row(s, i, "true", err);
            if (rc < 0)
                return rc;
            continue;
        }
        const char *value = at[1] != '\0' ? at + 1 : take_next(s);
        if (value == NULL) {
            int rc = rf_fail(err, RFE_USAGE, "flag needs an argument: '%c' in -%s", *at, letters);
            return see_help(p, rc, err);
        }
        return set_row(s, i, value, err);
    }
    return 0;
}

static int scan_all(struct scan *s, struct rf_err *err)
{
    struct rf_parsed *p = s->p;
    bool options = true;
    for (s->at = 0; s->at < s->argc; s->at++) {
        char *arg = s->argv[s->at];
        int rc = 0;
        if (arg == NULL)
            continue;
        if (options && strcmp(arg, "--") == 0)
            options = false;
        else if (options && strncmp(arg, "--", 2) == 0)
            rc = on_long(s, arg + 2, err);
        else if (options && arg[0] == '-' && arg[1] != '\0')
            rc = on_letters(s, arg + 1, err);
        else
            p->args[p->n_args++] = arg;
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int set_defaults(struct rf_parsed *p, struct rf_err *err)
{
    for (size_t i = 0; i < rf_options_count(p->program, p->cmd); i++) {
        const struct rf_opt *o = rf_options_row(p->program, p->cmd, i);
        /* Lists have no default: their uses add up. */
        if (o->dflt == NULL || p->given[i])
            continue;
        int rc = rf_option_set(o, base_of(p, i), o->dflt, err);
        if (rc < 0)
            return rf_wrap(err, rc, "default of --%s", o->name);
    }
    return 0;
}

static int check_required(const struct rf_parsed *p, struct rf_err *err)
{
    for (size_t i = 0; i < rf_options_count(p->program, p->cmd); i++) {
        const struct rf_opt *o = rf_options_row(p->program, p->cmd, i);
        if ((o->flags & RF_OPT_REQUIRED) == 0 || p->given[i])
            continue;
        int rc = rf_fail(err, RFE_USAGE, "required flag(s) \"%s\" not set", o->name);
        if (!p->program->upstream_habits)
            (void)rf_hint(err, rc, "add --%s %s", o->name, o->value != NULL ? o->value : "");
        return see_help(p, rc, err);
    }
    return 0;
}

static int check_args(const struct rf_parsed *p, struct rf_err *err)
{
    int n = p->n_args, min = p->cmd->min_args, max = p->cmd->max_args, rc = 0;
    if (n >= min && (max == RF_ARGS_ANY || n <= max))
        return 0;
    if (max == RF_ARGS_ANY)
        rc = rf_fail(err, RFE_USAGE, "requires at least %d arg(s), only received %d", min, n);
    else if (min == max)
        rc = rf_fail(err, RFE_USAGE, "accepts %d arg(s), received %d", min, n);
    else if (min == 0)
        rc = rf_fail(err, RFE_USAGE, "accepts at most %d arg(s), received %d", max, n);
    else
        rc = rf_fail(err, RFE_USAGE, "accepts between %d and %d arg(s), received %d", min, max, n);
    if (n < min && p->cmd->synopsis != NULL && !p->program->upstream_habits)
        (void)rf_hint(err, rc, "usage: %s %s", p->path, p->cmd->synopsis);
    return see_help(p, rc, err);
}

static int no_command(struct rf_parsed *p, struct rf_err *err)
{
    if (p->program->upstream_habits) {
        p->kind = RF_PARSED_HELP;
        return 0;
    }
    int rc = rf_fail(err, RFE_USAGE, "no command is given");
    return see_help(p, rc, err);
}

static int parse(struct rf_parsed *p, int argc, char **argv, struct rf_err *err)
{
    int rc = find_command(p, argc, argv, err);
    if (rc < 0)
        return rc;
    p->net.output = "text"; /* for programs without that option */
    if (p->cmd != NULL)
        p->ctx = rf_xcalloc(1, p->cmd->ctx_size + 1);
    p->own = rf_xcalloc(1, p->program->opts_size + 1);
    p->given = rf_xcalloc(rf_options_count(p->program, p->cmd) + 1, sizeof(bool));
    p->args = rf_xcalloc((size_t)argc + 1, sizeof(char *));
    struct scan s = { .p = p, .argv = argv, .argc = argc };
    rc = scan_all(&s, err);
    if (rc == 0)
        rc = set_defaults(p, err);
    if (rc < 0 || p->kind == RF_PARSED_HELP)
        return rc;
    if (p->cmd == NULL || p->cmd->run == NULL)
        return no_command(p, err);
    rc = check_args(p, err);
    return rc < 0 ? rc : check_required(p, err);
}

int rf_options_parse(const struct rf_program *program, int argc, char **argv, struct rf_parsed *out,
                     struct rf_err *err)
{
    RF_CLEANUP(rf_parsed_release)
    struct rf_parsed p = { .program = program, .path = rf_xstrdup(program->name) };
    /* The pointers are changed on the way, the caller's stay. */
    RF_CLEANUP(rf_freep) char **words = rf_xcalloc((size_t)argc + 1, sizeof(char *));
    for (int i = 0; i < argc; i++)
        words[i] = argv[i];
    int rc = parse(&p, argc, words, err);
    if (rc < 0)
        return rc;
    *out = p;
    p = (struct rf_parsed)RF_PARSED_INIT;
    return 0;
}

void rf_parsed_release(struct rf_parsed *p)
{
    size_t n = p->given != NULL ? rf_options_count(p->program, p->cmd) : 0;
    for (size_t i = 0; i < n; i++)
        rf_option_release(rf_options_row(p->program, p->cmd, i), base_of(p, i));
    free(p->path);
    free(p->own);
    free(p->ctx);
    free(p->given);
    free(p->args);
    *p = (struct rf_parsed)RF_PARSED_INIT;
}

void rf_parsed_env(const struct rf_parsed *p, struct rf_env *env)
{
    *env = (struct rf_env){ .program = p->program,
                            .cmd = p->cmd,
                            .path = p->path,
                            .net = &p->net,
                            .own = p->own,
                            .given = p->given };
}
