/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the template engine among themselves: tokens, nodes, state of an execution. */
#ifndef RF_BASE_TEMPLATE_IMPL_H
#define RF_BASE_TEMPLATE_IMPL_H

#include "base/template.h"

/* ---- tokens ---- */

enum rf_tt {
    RF_TT_ERROR, /* text holds what is wrong */
    RF_TT_EOF,
    RF_TT_TEXT,
    RF_TT_LEFT,  /* {{ */
    RF_TT_RIGHT, /* }} */
    RF_TT_SPACE,
    RF_TT_PIPE,
    RF_TT_LPAREN,
    RF_TT_RPAREN,
    RF_TT_DECLARE, /* := */
    RF_TT_ASSIGN,  /* = */
    RF_TT_CHAR,    /* any other printable one, such as a comma */
    RF_TT_RUNE,    /* 'x' */
    RF_TT_STRING,
    RF_TT_RAW_STRING,
    RF_TT_NUMBER,
    RF_TT_BOOL,
    RF_TT_FIELD, /* .Name */
    RF_TT_VARIABLE,
    RF_TT_IDENTIFIER,
    RF_TT_KEYWORDS, /* the ones behind are words of the language */
    RF_TT_DOT,
    RF_TT_NIL,
    RF_TT_BLOCK,
    RF_TT_BREAK,
    RF_TT_CONTINUE,
    RF_TT_DEFINE,
    RF_TT_ELSE,
    RF_TT_END,
    RF_TT_IF,
    RF_TT_RANGE,
    RF_TT_TEMPLATE,
    RF_TT_WITH,
};

struct rf_token {
    enum rf_tt type;
    uint32_t pos, line;
    struct rf_slice text;
};

struct rf_lexer {
    struct rf_slice input;
    uint32_t pos, line; /* of what comes next; lines from 1 */
    bool inside;        /* of an action */
    bool dead;          /* an error or the end was given */
    int parens;
    bool break_is_name, continue_is_name; /* functions of these names exist */
    char message[96];                     /* of an error */
};

void rf_lexer_init(struct rf_lexer *l, struct rf_slice input);
struct rf_token rf_lexer_next(struct rf_lexer *l);
/* As messages show it: a word of the language in <>, others quoted and cut. */
void rf_token_show(struct rf_buf *out, const struct rf_token *t);

/* ---- literals ---- */

/* The text of a literal with its quotes, in the arena; false when it is malformed. */
bool rf_literal_string(struct rf_arena *arena, struct rf_slice quoted, struct rf_slice *out);
bool rf_literal_rune(struct rf_slice quoted, uint32_t *out);

struct rf_number {
    bool is_int, is_uint, is_float; /* it can stand for one of these */
    bool looks_float;               /* written with a point or an exponent */
    int64_t i;
    uint64_t u;
    double f;
};
/* NULL, or what is wrong: "integer overflow", "illegal number syntax". */
const char *rf_literal_number(struct rf_slice text, struct rf_number *out);

/* ---- nodes ---- */

enum rf_node_kind {
    /* What a list of nodes holds. */
    RF_NODE_TEXT,
    RF_NODE_ACTION,
    RF_NODE_IF,
    RF_NODE_RANGE,
    RF_NODE_WITH,
    RF_NODE_TEMPLATE,
    RF_NODE_BREAK,
    RF_NODE_CONTINUE,
    /* Only between parser and parser. */
    RF_NODE_ELSE,
    RF_NODE_END,
    /* What actions are made of. */
    RF_NODE_PIPE,
    RF_NODE_COMMAND,
    RF_NODE_IDENTIFIER,
    RF_NODE_FIELD,
    RF_NODE_VARIABLE,
    RF_NODE_CHAIN, /* a pipe in parentheses with fields behind it */
    RF_NODE_DOT,
    RF_NODE_NIL,
    RF_NODE_BOOL,
    RF_NODE_NUMBER,
    RF_NODE_STRING,
};

struct rf_name {
    struct rf_slice text;
    struct rf_name *next;
};

struct rf_list {
    struct rf_node *first, *last;
};

struct rf_node {
    enum rf_node_kind kind;
    uint32_t pos;         /* in the text of the template */
    struct rf_node *next; /* in a list, a pipe or a command */
    struct rf_slice text; /* plain text; a literal as written; a name with $ */
    union {
        struct {
            struct rf_node *pipe; /* TEMPLATE: may be NULL */
            struct rf_node *body, *otherwise;
        } control; /* ACTION, IF, RANGE, WITH, TEMPLATE */
        struct {
            struct rf_node *variables; /* VARIABLE nodes */
            struct rf_node *commands;
            bool assigns; /* = instead of := */
        } pipe;
        struct {
            struct rf_node *words;
        } command;
        struct {
            struct rf_node *base; /* CHAIN only */
            struct rf_name *names;
        } fields;                   /* FIELD, VARIABLE, CHAIN */
        const struct rf_func *func; /* IDENTIFIER */
        struct rf_number number;    /* NUMBER */
        struct rf_slice string;     /* STRING, and the name of a TEMPLATE in `text` */
        bool boolean;               /* BOOL */
    };
};

struct rf_definition {
    struct rf_slice name;
    struct rf_node *body;
    struct rf_definition *next;
};

struct rf_template {
    struct rf_arena arena; /* of all below */
    const char *name;
    struct rf_slice text;
    struct rf_template_options options;
    struct rf_definition *definitions;
};

/* As it would be written, without the bodies of control structures; for messages. */
void rf_node_show(struct rf_buf *out, const struct rf_node *n);
const struct rf_definition *rf_template_find(const struct rf_template *t, struct rf_slice name);
/* Fills t->definitions from t->text. */
RF_MUST_USE int rf_template_parse_text(struct rf_template *t, struct rf_err *err);

/* ---- functions ---- */

/* Those the engine treats itself, by the address of their row. */
extern const struct rf_func rf_template_and, rf_template_or, rf_template_call;
/* The function of this name: the caller's, else ours; NULL when there is none. */
const struct rf_func *rf_template_func(const struct rf_template_options *options,
                                       struct rf_slice name);
/* Beyond Go's own: json, join, env... NULL when there is none. */
const struct rf_func *rf_template_extra(struct rf_slice name, bool host);

#define RF_TEMPLATE_FUNC(name)                                                                     \
    int name(const struct rf_call *call, const struct rf_value *self, const struct rf_value *args, \
             size_t n, struct rf_value *out, struct rf_err *err)
RF_TEMPLATE_FUNC(rf_template_eq);
RF_TEMPLATE_FUNC(rf_template_ne);
RF_TEMPLATE_FUNC(rf_template_lt);
RF_TEMPLATE_FUNC(rf_template_le);
RF_TEMPLATE_FUNC(rf_template_gt);
RF_TEMPLATE_FUNC(rf_template_ge);
RF_TEMPLATE_FUNC(rf_template_html);
RF_TEMPLATE_FUNC(rf_template_js);
RF_TEMPLATE_FUNC(rf_template_urlquery);

/* What a parameter letter stands for. */
struct rf_parameter {
    const char *name; /* Go's name of the type */
    enum rf_value_kind kind;
    const struct rf_type *type; /* NULL for a and v */
    bool takes_nil;
};
const struct rf_parameter *rf_parameter_of(char letter);
/* Number of fixed parameters, and whether more of the last letter may follow. */
size_t rf_parameter_count(const char *params, bool *variadic);
/* The letter of argument i. */
char rf_parameter_letter(const char *params, size_t i);
/* "func(string, ...interface {})", for messages. */
struct rf_slice rf_func_signature(struct rf_arena *arena, const struct rf_func *f);

/* ---- execution ---- */

struct rf_exec_variable {
    struct rf_slice name;
    struct rf_value value;
};

enum rf_exec_jump { RF_JUMP_NONE, RF_JUMP_BREAK, RF_JUMP_CONTINUE };

struct rf_exec {
    const struct rf_template *t;
    struct rf_call call;
    struct rf_arena arena;
    struct rf_buf *out;
    struct rf_err *err;
    const struct rf_node *node; /* what an error is reported at */
    struct rf_slice running;    /* the name of the template that runs */
    struct rf_exec_variable *variables;
    size_t n_variables, cap_variables;
    size_t frame; /* where the running template's variables begin */
    uint64_t steps_left;
    unsigned depth;
    enum rf_exec_jump jump;
};

/* The error at s->node. Returns -code. */
int rf_exec_fail(struct rf_exec *s, int code, const char *fmt, ...) RF_PRINTF(3, 4);
/* Puts the place before what *s->err says already. Returns rc. */
int rf_exec_pass(struct rf_exec *s, int rc);
/* Counts one step; fails when steps, memory, output or patience is used up. */
RF_MUST_USE int rf_exec_step(struct rf_exec *s);
RF_MUST_USE int rf_exec_enter(struct rf_exec *s); /* one level deeper; pair with s->depth-- */
void rf_exec_push(struct rf_exec *s, struct rf_slice name, const struct rf_value *v);
/* The newest variable of this name in the running template. */
void rf_exec_set(struct rf_exec *s, struct rf_slice name, const struct rf_value *v);
/* The value of a pipe, whose variables are set. A NULL pipe is nil. */
RF_MUST_USE int rf_exec_pipe(struct rf_exec *s, const struct rf_value *dot,
                             const struct rf_node *pipe, struct rf_value *out);

#endif
