/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

#include "base/cancel.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/template.h"
#include "tests/support/data_files.h"
#include "tests/support/template_objects.h"

Suite *rf_template_suite(void);

/*
 * One case of tests/data/template/FILE.cases:
 *     === name
 *     data: JSON, or @name of a mocked object (absent: nil); steps:, memory:, output: limits; code: of the error;
 *     funcs: yes, for functions of the caller
 *     --- template / --- output / --- error: each without the newline at its end; no output section: nothing
 */
struct golden {
    char *name, *head;
    struct rf_slice template, output, error;
};

static struct golden *cases;
static size_t n_cases;

/* The text between two marks at starts of lines, or NULL. */
static struct rf_slice section(char *text, const char *mark)
{
    char *at = strstr(text, mark);
    if (at == NULL)
        return rf_slice_of(NULL, 0);
    at += strlen(mark);
    char *end = strstr(at, "\n--- ");
    size_t n = end != NULL ? (size_t)(end - at) : strlen(at);
    if (end == NULL && n > 0 && at[n - 1] == '\n')
        n--;
    return rf_slice_of(at, n);
}

static void add_case(const char *file, char *text, size_t *cap)
{
    cases = rf_grow(cases, n_cases, cap, sizeof(*cases));
    struct golden *g = &cases[n_cases++];
    size_t line = strcspn(text, "\n");
    char *head_end = strstr(text, "--- template");
    g->name = rf_xasprintf("%s: %.*s", file, (int)line, text);
    g->head = rf_xstrndup(text + line, head_end != NULL ? (size_t)(head_end - text) - line : 0);
    g->template = section(text, "--- template\n");
    g->output = section(text, "--- output\n");
    g->error = section(text, "--- error\n");
}

/* Everything stays until the process ends. */
static void load(void)
{
    size_t cap = 0;
    static struct test_case_list files;
    files = test_cases_load("template", ".cases");
    for (size_t i = 0; i < files.n; i++) {
        char *at = strstr(files.list[i].body, "=== ");
        at = at != NULL ? at + 4 : NULL;
        while (at != NULL) {
            char *next = strstr(at, "\n=== ");
            if (next != NULL)
                next[1] = '\0';
            add_case(files.list[i].name, at, &cap);
            at = next != NULL ? next + 5 : NULL;
        }
    }
}

static char *head_value(const struct golden *g, const char *key)
{
    struct test_case_file c = { .head = g->head };
    return test_case_value(&c, key);
}

static uint64_t head_number(const struct golden *g, const char *key)
{
    RF_CLEANUP(rf_freep) char *v = head_value(g, key);
    return v != NULL ? strtoull(v, NULL, 10) : 0;
}

static struct rf_value case_data(const struct golden *g, struct rf_arena *arena, json_t **j)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_value v = rf_value_nil();
    char *data = head_value(g, "data");
    if (data != NULL && data[0] == '@') {
        ck_assert_msg(test_template_object(data + 1, &v), "%s: no object %s", g->name, data);
    } else if (data != NULL) {
        ck_assert_msg(rf_json_parse(rf_slice_str(data), 1 << 20, j, &err) == 0, "%s: %s", g->name,
                      err.msg);
        ck_assert_int_eq(rf_value_from_json(arena, *j, &v, &err), 0);
    }
    free(data);
    return v;
}

static void check_case(const struct golden *g, int rc, const struct rf_err *err,
                       const struct rf_buf *out)
{
    ck_assert_msg(rf_slice_eq(rf_buf_slice(out), g->output), "%s\nwant: %.*s\ngot:  %s\n(%s)",
                  g->name, (int)g->output.len, g->output.ptr != NULL ? g->output.ptr : "", out->ptr,
                  err->msg);
    if (g->error.ptr == NULL) {
        ck_assert_msg(rc == 0, "%s: %s", g->name, err->msg);
        return;
    }
    RF_CLEANUP(rf_freep) char *code = head_value(g, "code");
    int want = test_error_code(code != NULL ? code : "INVALID");
    ck_assert_msg(rf_slice_is(g->error, err->msg), "%s\nwant: %.*s\ngot:  %s", g->name,
                  (int)g->error.len, g->error.ptr, err->msg);
    ck_assert_msg(rc == -want && err->code == want, "%s: code %s", g->name, rf_error_name(rc));
}

START_TEST(golden_cases)
{
    const struct golden *g = &cases[_i];
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_arena_release) struct rf_arena arena;
    RF_CLEANUP(rf_json_decrefp) json_t *j = NULL;
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    RF_CLEANUP(rf_template_freep) struct rf_template *t = NULL;
    RF_CLEANUP(rf_freep) char *folder = test_data_path("template");
    RF_CLEANUP(rf_freep) char *funcs = head_value(g, "funcs");
    struct rf_template_options o = { .max_steps = head_number(g, "steps"),
                                     .max_memory = head_number(g, "memory") };
    if (funcs != NULL) {
        o.funcs = test_template_funcs;
        o.n_funcs = test_template_n_funcs;
    }
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(setenv("RF_TEMPLATE_TEST", "from the environment", 1), 0);
    ck_assert_int_eq(setenv("TZ", "UTC", 1), 0);
    tzset();
    ck_assert_ptr_nonnull(g->template.ptr);
    rf_arena_init(&arena, 0);
    rf_buf_init(&out, head_number(g, "output"));
    struct rf_value data = case_data(g, &arena, &j);
    int rc = rf_template_parse("out", g->template, &o, &t, &err);
    if (rc == 0) {
        static char user[] = "the user";
        rc = rf_template_execute(t, &data, user, &out, &err);
    }
    check_case(g, rc, &err, &out);
}
END_TEST

START_TEST(there_are_cases)
{
    ck_assert_uint_ge(n_cases, 300);
}
END_TEST

/* ---- what golden cases cannot say ---- */

static struct rf_template *parsed(const char *text, const struct rf_template_options *o)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_template *t = NULL;
    ck_assert_msg(rf_template_parse("out", rf_slice_str(text), o, &t, &err) == 0, "%s", err.msg);
    return t;
}

START_TEST(one_template_many_executions)
{
    RF_CLEANUP(rf_template_freep)
    struct rf_template *t = parsed(
        "<{{.}}{{user}}>", &(struct rf_template_options){ .funcs = test_template_funcs,
                                                          .n_funcs = test_template_n_funcs });
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    struct rf_err err = RF_ERR_INIT;
    static char a[] = "A", b[] = "B";
    struct rf_value one = rf_value_int(1), two = rf_value_str("two");
    rf_buf_init(&out, 0);
    rf_buf_add_str(&out, "before ");
    ck_assert_int_eq(rf_template_execute(t, &one, a, &out, &err), 0);
    ck_assert_int_eq(rf_template_execute(t, &two, b, &out, NULL), 0);
    ck_assert_str_eq(out.ptr, "before <1A><twoB>");
}
END_TEST

START_TEST(render_parses_and_executes)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    struct rf_err err = RF_ERR_INIT;
    struct rf_value v = rf_value_str("x");
    rf_buf_init(&out, 0);
    ck_assert_int_eq(rf_template_render("t", rf_slice_str("{{.}}!"), &v, NULL, &out, &err), 0);
    ck_assert_str_eq(out.ptr, "x!");
    ck_assert_int_eq(rf_template_render("t", rf_slice_str("{{"), &v, NULL, &out, &err),
                     -RFE_INVALID);
    ck_assert_str_eq(err.msg, "template: t:1: unclosed action");
    ck_assert_int_eq(rf_template_render("t", rf_slice_str("{{.x}}"), &v, NULL, &out, NULL),
                     -RFE_INVALID);
    ck_assert_str_eq(out.ptr, "x!");
}
END_TEST

START_TEST(strangers_get_nothing_of_the_host)
{
    static const struct rf_template_options o = { .flags = RF_TEMPLATE_NO_HOST };
    struct rf_err err = RF_ERR_INIT;
    struct rf_template *t = NULL;
    ck_assert_int_eq(rf_template_parse("out", rf_slice_str("{{env \"HOME\"}}"), &o, &t, &err),
                     -RFE_INVALID);
    ck_assert_str_eq(err.msg, "template: out:1: function \"env\" not defined");
    ck_assert_int_eq(rf_template_parse("out", rf_slice_str("{{file \"x\"}}"), &o, &t, NULL),
                     -RFE_INVALID);
    ck_assert_ptr_null(t);
    t = parsed("{{lower \"X\"}}", &o);
    rf_template_free(t);
}
END_TEST

START_TEST(too_long_a_text)
{
    size_t n = RF_TEMPLATE_TEXT_MAX + 1;
    RF_CLEANUP(rf_freep) char *text = rf_xmalloc(n);
    struct rf_err err = RF_ERR_INIT;
    struct rf_template *t = NULL;
    memset(text, 'x', n);
    ck_assert_int_eq(rf_template_parse("out", rf_slice_of(text, n), NULL, &t, &err),
                     -RFE_TOO_LARGE);
    ck_assert_ptr_null(t);
    ck_assert_int_eq(rf_template_parse("out", rf_slice_of(text, n - 1), NULL, &t, &err), 0);
    rf_template_free(t);
}
END_TEST

/* A text of the largest size made of one piece again and again. */
static int parse_repeated(const char *piece, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    RF_CLEANUP(rf_template_freep) struct rf_template *t = NULL;
    rf_buf_init(&b, 0);
    while (b.len + strlen(piece) <= RF_TEMPLATE_TEXT_MAX)
        rf_buf_add_str(&b, piece);
    return rf_template_parse("out", rf_buf_slice(&b), NULL, &t, err);
}

static const struct {
    const char *piece;
    int rc;
} floods[] = {
    { "{{((.))}}", 0 },
    { "{{.a.a.a.a}}", 0 },
    { "{{$x:=1}}", -RFE_TOO_LARGE },
    { "{{define `a`}}{{end}}", 0 },
    { "{{if 1}}", -RFE_TOO_LARGE },
    { "{{/**/}}", 0 },
    { "{{-", -RFE_INVALID },
    { "(", 0 },
    { "{{print 1 2 3 4 5 6 7 8 9 | print 1}}", 0 },
    { "\n", 0 },
};

/* Each ends soon, one way or another: the limit of time is Check's. */
START_TEST(floods_of_one_piece)
{
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(parse_repeated(floods[_i].piece, &err), floods[_i].rc);
}
END_TEST

START_TEST(long_chains_of_fields)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text, out;
    RF_CLEANUP(rf_template_freep) struct rf_template *t = NULL;
    struct rf_err err = RF_ERR_INIT;
    struct rf_value nil = rf_value_nil();
    rf_buf_init(&text, 0);
    rf_buf_init(&out, 0);
    rf_buf_add_str(&text, "{{");
    for (int i = 0; i < 200000; i++)
        rf_buf_add_str(&text, ".a");
    rf_buf_add_str(&text, "}}");
    ck_assert_msg(rf_template_parse("out", rf_buf_slice(&text), NULL, &t, &err) == 0, "%s",
                  err.msg);
    ck_assert_msg(rf_template_execute(t, &nil, NULL, &out, &err) == 0, "%s", err.msg);
    ck_assert_str_eq(out.ptr, "<no value>");
}
END_TEST

/* A message keeps its cause when the place is long. */
START_TEST(long_places_are_cut)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text, out;
    struct rf_err err = RF_ERR_INIT;
    struct rf_value nil = rf_value_nil();
    rf_buf_init(&text, 0);
    rf_buf_init(&out, 0);
    rf_buf_add_str(&text, "{{len 1 \"");
    for (int i = 0; i < 3000; i++)
        rf_buf_add_str(&text, "x");
    rf_buf_add_str(&text, "\" | index}}");
    ck_assert_int_eq(rf_template_render("out", rf_buf_slice(&text), &nil, NULL, &out, &err),
                     -RFE_INVALID);
    ck_assert_ptr_nonnull(strstr(err.msg, "wrong number of args for len: want 1 got 2"));
    rf_buf_clear(&text);
    rf_buf_add_str(&text, "{{index 1 \"");
    for (int i = 0; i < 3000; i++)
        rf_buf_add_str(&text, "\u00fc");
    rf_buf_add_str(&text, "\"}}");
    ck_assert_int_eq(rf_template_render("out", rf_buf_slice(&text), &nil, NULL, &out, &err),
                     -RFE_INVALID);
    ck_assert_ptr_nonnull(
        strstr(err.msg, "...>: error calling index: can't index item of type int"));
}
END_TEST

START_TEST(interruption_ends_an_execution)
{
    RF_CLEANUP(rf_template_freep) struct rf_template *t = parsed("{{range 1000000}}{{end}}", NULL);
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    struct rf_err err = RF_ERR_INIT;
    struct rf_value nil = rf_value_nil();
    rf_buf_init(&out, 0);
    rf_cancel_set(RFE_CANCELLED);
    int rc = rf_template_execute(t, &nil, NULL, &out, &err);
    rf_cancel_reset();
    ck_assert_int_eq(rc, -RFE_CANCELLED);
}
END_TEST

Suite *rf_template_suite(void)
{
    load();
    Suite *s = suite_create("template");
    TCase *tc = tcase_create("golden");
    tcase_add_loop_test(tc, golden_cases, 0, (int)n_cases);
    tcase_add_test(tc, there_are_cases);
    suite_add_tcase(s, tc);
    tc = tcase_create("engine");
    tcase_add_test(tc, one_template_many_executions);
    tcase_add_test(tc, render_parses_and_executes);
    tcase_add_test(tc, strangers_get_nothing_of_the_host);
    tcase_add_test(tc, too_long_a_text);
    tcase_add_loop_test(tc, floods_of_one_piece, 0, (int)RF_ARRAY_LEN(floods));
    tcase_add_test(tc, long_chains_of_fields);
    tcase_add_test(tc, long_places_are_cut);
    tcase_add_test(tc, interruption_ends_an_execution);
    suite_add_tcase(s, tc);
    return s;
}
