/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of templates in two parts: terms and pipelines in template_pipe.c, what is made of them in template_parse.c. */
#ifndef RF_BASE_TEMPLATE_PARSER_H
#define RF_BASE_TEMPLATE_PARSER_H

#include "base/template_impl.h"

/* At one place; both are looked up one by one. */
#define RF_PARSER_VARIABLES_MAX 1000
#define RF_PARSER_DEFINITIONS_MAX 1000

struct rf_parser {
    struct rf_template *t;
    struct rf_err *err;
    struct rf_lexer lexer;
    struct rf_token back[4]; /* given back, the last one first */
    unsigned n_back;
    uint32_t line;        /* of the token read last, where errors are reported */
    uint32_t action_line; /* of the {{ of the action being read, 0 outside */
    struct rf_slice *variables;
    size_t n_variables, cap_variables, n_definitions;
    unsigned loops; /* range around the place */
    unsigned depth;
};

/* "template: out:3: ..." at the line of the token read last. Returns -RFE_INVALID. */
int rf_parser_fail(struct rf_parser *p, const char *fmt, ...) RF_PRINTF(2, 3);
int rf_parser_too_large(struct rf_parser *p, const char *what);
/* before, the node as text, behind */
int rf_parser_fail_node(struct rf_parser *p, const char *before, const struct rf_node *n,
                        const char *behind);
int rf_parser_unexpected(struct rf_parser *p, struct rf_token t, const char *context);
/* In double quotes, for messages; the caller frees. */
char *rf_parser_quoted(struct rf_slice s);

/* The next token; _word: the next but blanks. */
struct rf_token rf_parser_next(struct rf_parser *p);
struct rf_token rf_parser_next_word(struct rf_parser *p);
struct rf_token rf_parser_peek(struct rf_parser *p);
struct rf_token rf_parser_peek_word(struct rf_parser *p);
void rf_parser_give_back(struct rf_parser *p, struct rf_token t);
RF_MUST_USE int rf_parser_expect(struct rf_parser *p, enum rf_tt type, const char *context);

/* One level deeper; pair with p->depth--. */
RF_MUST_USE int rf_parser_enter(struct rf_parser *p);
struct rf_node *rf_parser_node(struct rf_parser *p, enum rf_node_kind kind, uint32_t pos);
void rf_parser_append(struct rf_list *list, struct rf_node *n);
/* A variable is known from here on. */
void rf_parser_declare(struct rf_parser *p, struct rf_slice name);

RF_MUST_USE int rf_parser_string(struct rf_parser *p, struct rf_token t, struct rf_node **out);
/* Up to and with the token `end`. `context` is what messages call it: "if", "range", "command". */
RF_MUST_USE int rf_parser_pipe(struct rf_parser *p, const char *context, enum rf_tt end,
                               struct rf_node **out);

/* As in base/error.h: the static analyzer sees one file at a time and learns here what always fails. */
#if defined(__clang_analyzer__) && !defined(RF_PARSER_DEFINES)
#define rf_parser_fail(p, ...) ((void)(rf_parser_fail)((p), __VA_ARGS__), -1)
#define rf_parser_too_large(p, what) ((void)(rf_parser_too_large)((p), (what)), -1)
#define rf_parser_unexpected(p, t, context) ((void)(rf_parser_unexpected)((p), (t), (context)), -1)
#define rf_parser_fail_node(p, before, n, behind) \
    ((void)(rf_parser_fail_node)((p), (before), (n), (behind)), -1)
#endif

#endif
