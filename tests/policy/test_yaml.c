/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/yaml.h"

#include <check.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "tests/support/data_files.h"

/* Processor time since then: what others do on this machine does not count. */
static uint64_t cpu_ms(clock_t start)
{
    return (uint64_t)(clock() - start) * 1000 / CLOCKS_PER_SEC;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWER 20
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOWER 20
#endif
#endif
#ifndef SLOWER
#define SLOWER 1
#endif

static struct test_case_list cases;

static void dump(struct rf_buf *out, const struct rf_yaml_node *n)
{
    if (n->kind == RF_YAML_SCALAR && n->plain)
        rf_buf_add_str(out, n->text);
    else if (n->kind == RF_YAML_SCALAR)
        rf_json_add_string(out, n->text);
    else
        rf_buf_add_char(out, n->kind == RF_YAML_LIST ? '[' : '{');
    for (uint32_t i = 0; n->kind != RF_YAML_SCALAR && i < n->n; i++) {
        rf_buf_add_str(out, i > 0 ? ", " : "");
        if (n->kind == RF_YAML_MAP)
            rf_buf_addf(out, "%s: ", rf_yaml_key(n, i)->text);
        dump(out, n->kind == RF_YAML_MAP ? rf_yaml_value(n, i) : n->items[i]);
    }
    if (n->kind != RF_YAML_SCALAR)
        rf_buf_add_char(out, n->kind == RF_YAML_LIST ? ']' : '}');
}

START_TEST(case_file)
{
    const struct test_case_file *c = &cases.list[_i];
    RF_CLEANUP(rf_freep) char *want = test_case_value(c, "dump");
    RF_CLEANUP(rf_freep) char *want_error = test_case_value(c, "error");
    RF_CLEANUP(rf_yaml_freep) struct rf_yaml *y = NULL;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_yaml_parse("f.yml", rf_slice_of(c->body, c->body_len), &y, &err);
    if (want_error != NULL) {
        ck_assert_msg(rc == -RFE_CONFIG, "%s: was accepted", c->name);
        ck_assert_msg(strstr(err.msg, "f.yml:") == err.msg, "%s: %s", c->name, err.msg);
        ck_assert_msg(strstr(err.msg, want_error) != NULL, "%s: \"%s\" lacks \"%s\"", c->name,
                      err.msg, want_error);
        ck_assert_ptr_null(y);
        return;
    }
    ck_assert_msg(rc == 0, "%s: %s", c->name, err.msg);
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 0);
    dump(&out, rf_yaml_root(y));
    ck_assert_msg(strcmp(out.ptr, want != NULL ? want : "") == 0, "%s: \"%s\", not \"%s\"", c->name,
                  out.ptr, want);
}
END_TEST

START_TEST(cases_are_there)
{
    ck_assert_uint_ge(cases.n, 50);
}
END_TEST

static struct rf_yaml *parse(const char *text)
{
    struct rf_yaml *y = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_yaml_parse("f.yml", rf_slice_str(text), &y, &err) == 0, "%s", err.msg);
    return y;
}

START_TEST(positions)
{
    RF_CLEANUP(rf_yaml_freep)
    struct rf_yaml *y =
        parse("a: 1\nbc:\n  - x\n  - {k: \"v\"}\n  - |\n    text\nd: &q z\ne: *q\n");
    const struct rf_yaml_node *root = rf_yaml_root(y);
    const struct rf_yaml_node *list = rf_yaml_get(root, "bc");
    ck_assert_uint_eq(root->line, 1);
    ck_assert_uint_eq(root->column, 1);
    ck_assert_uint_eq(rf_yaml_get(root, "a")->column, 4);
    ck_assert_uint_eq(rf_yaml_key(root, 1)->line, 2);
    ck_assert_uint_eq(list->line, 3);
    ck_assert_uint_eq(list->column, 3);
    ck_assert_uint_eq(list->items[0]->column, 5);
    const struct rf_yaml_node *v = rf_yaml_get(list->items[1], "k");
    ck_assert_uint_eq(v->line, 4);
    ck_assert_uint_eq(v->column, 9);
    ck_assert_uint_eq(list->items[2]->line, 5);
    ck_assert_ptr_eq(rf_yaml_get(root, "d"), rf_yaml_get(root, "e"));
    ck_assert_uint_eq(root->weight, 14);
    ck_assert_ptr_null(rf_yaml_get(root, "none"));
    ck_assert_ptr_null(rf_yaml_get(list, "a"));
    ck_assert_ptr_null(rf_yaml_get(NULL, "a"));
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_yaml_fail(y, v, &err, "%s", "wrong"), -RFE_CONFIG);
    ck_assert_str_eq(err.msg, "f.yml:4:9: wrong");
    (void)rf_fail(&err, RFE_INVALID, "cause");
    ck_assert_int_eq(rf_yaml_wrap(y, v, &err), -RFE_CONFIG);
    ck_assert_str_eq(err.msg, "f.yml:4:9: cause");
    ck_assert_int_eq(err.code, RFE_CONFIG);
    ck_assert_int_eq(rf_yaml_wrap(y, v, NULL), -RFE_CONFIG);
}
END_TEST

START_TEST(nulls)
{
    RF_CLEANUP(rf_yaml_freep)
    struct rf_yaml *y = parse("[~, null, Null, NULL, \"\", 'null', nul, [], {}]");
    const struct rf_yaml_node *root = rf_yaml_root(y);
    for (uint32_t i = 0; i < root->n; i++)
        ck_assert_msg(rf_yaml_is_null(root->items[i]) == (i < 4), "%u", i);
    ck_assert(rf_yaml_is_null(NULL));
}
END_TEST

/* ---- bombs and limits ---- */

static void refused_fast(const char *what, const char *text, size_t len)
{
    struct rf_yaml *y = NULL;
    struct rf_err err = RF_ERR_INIT;
    clock_t start = clock();
    ck_assert_msg(rf_yaml_parse(what, rf_slice_of(text, len), &y, &err) == -RFE_CONFIG, "%s", what);
    uint64_t took = cpu_ms(start);
    /* far above what is measured (bench has the figures), far below what a bomb takes that goes off */
    ck_assert_msg(took < 5000ull * SLOWER, "%s took %llu ms: %s", what, (unsigned long long)took,
                  err.msg);
}

START_TEST(bombs_are_refused_fast)
{
    static const struct {
        const char *unit;
        size_t len;
    } bombs[] = { { "[", 200000 },    { "{", 200000 },    { "[", RF_YAML_FILE_MAX },
                  { "[\n", 200000 },  { "- ", 200000 },   { "? ", 200000 },
                  { "{a: ", 200000 }, { "[&a ", 200000 }, { "- - ", 200000 },
                  { "! ", 200000 },   { "&", 200000 },    { "*", 200000 } };
    char *text = rf_xmalloc(RF_YAML_FILE_MAX + 8);
    for (size_t i = 0; i < RF_ARRAY_LEN(bombs); i++) {
        size_t unit = strlen(bombs[i].unit);
        for (size_t at = 0; at < bombs[i].len; at += unit)
            memcpy(text + at, bombs[i].unit, unit);
        refused_fast(bombs[i].unit, text, bombs[i].len);
    }
    free(text);
}
END_TEST

START_TEST(limit_of_bytes)
{
    char *text = rf_xmalloc(RF_YAML_FILE_MAX + 1);
    memset(text, '#', RF_YAML_FILE_MAX + 1);
    struct rf_yaml *y = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_yaml_parse("big", rf_slice_of(text, RF_YAML_FILE_MAX + 1), &y, &err),
                     -RFE_CONFIG);
    ck_assert_str_eq(err.msg, "big: over 4 MiB");
    ck_assert_int_eq(rf_yaml_parse("big", rf_slice_of(text, RF_YAML_FILE_MAX), &y, &err), 0);
    rf_yaml_free(y);
    free(text);
}
END_TEST

/* 1,000,000 nodes are taken, one more is not; an alias counts as all that it stands for. */
START_TEST(limit_of_nodes)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    struct rf_yaml *y = NULL;
    struct rf_err err = RF_ERR_INIT;
    for (int more = 0; more < 2; more++) {
        rf_buf_init(&b, 0);
        /* The list, its first element of 1,000, and 998 aliases of it; then single nodes. */
        rf_buf_add_str(&b, "[&a [");
        for (int i = 0; i < 999; i++)
            rf_buf_add_str(&b, "x,");
        rf_buf_add_str(&b, "]");
        for (int i = 0; i < 998; i++)
            rf_buf_add_str(&b, ", *a");
        for (int i = 0; i < 999 + more; i++)
            rf_buf_add_str(&b, ", y");
        rf_buf_add_str(&b, "]");
        int rc = rf_yaml_parse("n", rf_buf_slice(&b), &y, &err);
        ck_assert_int_eq(rc, more ? -RFE_CONFIG : 0);
        if (!more)
            ck_assert_uint_eq(rf_yaml_root(y)->weight, RF_YAML_NODES_MAX);
        rf_yaml_freep(&y);
        rf_buf_release(&b);
    }
    rf_buf_init(&b, 0);
}
END_TEST

START_TEST(many_keys_take_no_long_time)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, RF_YAML_FILE_MAX);
    for (unsigned i = 0; b.len < RF_YAML_FILE_MAX - 16; i++)
        rf_buf_addf(&b, "k%u: v\n", i);
    struct rf_yaml *y = NULL;
    clock_t start = clock();
    ck_assert_int_eq(rf_yaml_parse("k", rf_buf_slice(&b), &y, NULL), 0);
    ck_assert_uint_lt(cpu_ms(start), 30000ull * SLOWER);
    rf_yaml_free(y);
}
END_TEST

/* ---- getters ---- */

static const struct {
    const char *text, *what, *result;
} values[] = {
    { "true", "bool", "true" },
    { "FALSE", "bool", "false" },
    { "\"true\"", "bool", "true" },
    { "on", "bool", "f.yml:1:4: n: \"on\" is neither true nor false" },
    { "tRue", "bool", "f.yml:1:4: n: \"tRue\" is neither true nor false" },
    { "[1]", "bool", "f.yml:1:4: n: a text is wanted, not a list" },
    { "{a: 1}", "text", "f.yml:1:4: n: a text is wanted, not a map" },
    { "1.50", "text", "1.50" },
    { "0", "int", "0" },
    { "+5", "int", "5" },
    { "-5", "int", "-5" },
    { "9223372036854775807", "int", "9223372036854775807" },
    { "9223372036854775808", "int", "f.yml:1:4: n: \"9223372036854775808\" is not an integer" },
    { "1e3", "int", "f.yml:1:4: n: \"1e3\" is not an integer" },
    { "0x10", "int", "f.yml:1:4: n: \"0x10\" is not an integer" },
    { "--5", "int", "f.yml:1:4: n: \"--5\" is not an integer" },
    { "\"\"", "int", "f.yml:1:4: n: \"\" is not an integer" },
    { "\" 5\"", "int", "f.yml:1:4: n: \" 5\" is not an integer" },
    { "1001", "small", "f.yml:1:4: n: 1001 is not between -10 and 1000" },
    { "-11", "small", "f.yml:1:4: n: -11 is not between -10 and 1000" },
    { "1000", "small", "1000" },
    { "2.5", "double", "2.5" },
    { "1e3", "double", "1000" },
    { "-1", "double", "-1" },
    { "1e999", "double", "f.yml:1:4: n: \"1e999\" is not a number" },
    { "nan", "double", "f.yml:1:4: n: \"nan\" is not a number" },
    { "\"\"", "double", "f.yml:1:4: n: \"\" is not a number" },
    { "1.2.3", "double", "f.yml:1:4: n: \"1.2.3\" is not a number" },
    { "1h30m", "duration", "5400000000000" },
    { "15m0s", "duration", "900000000000" },
    { "90", "duration", "f.yml:1:4: n: \"90\" is not a duration such as 1h30m" },
    { "\"\\e[2J\"", "int", "f.yml:1:4: n: \"\\x1b[2J\" is not an integer" },
};

static int get(const struct rf_yaml *y, const struct rf_yaml_node *n, const char *what,
               struct rf_buf *out, struct rf_err *err)
{
    bool b = false;
    int64_t i = 0;
    double d = 0;
    uint64_t u = 0;
    const char *s = NULL;
    int rc = -1;
    if (strcmp(what, "bool") == 0) {
        rc = rf_yaml_bool(y, n, "n", &b, err);
        rf_buf_add_str(out, b ? "true" : "false");
    } else if (strcmp(what, "int") == 0 || strcmp(what, "small") == 0) {
        bool small = what[0] == 's';
        rc = rf_yaml_i64(y, n, "n", small ? -10 : INT64_MIN, small ? 1000 : INT64_MAX, &i, err);
        rf_buf_addf(out, "%lld", (long long)i);
    } else if (strcmp(what, "double") == 0) {
        rc = rf_yaml_double(y, n, "n", &d, err);
        rf_buf_addf(out, "%g", d);
    } else if (strcmp(what, "duration") == 0) {
        rc = rf_yaml_duration(y, n, "n", &u, err);
        rf_buf_addf(out, "%llu", (unsigned long long)u);
    } else {
        rc = rf_yaml_text(y, n, "n", &s, err);
        rf_buf_add_str(out, s != NULL ? s : "");
    }
    return rc;
}

START_TEST(value_row)
{
    RF_CLEANUP(rf_freep) char *text = rf_xasprintf("n: %s\n", values[_i].text);
    RF_CLEANUP(rf_yaml_freep) struct rf_yaml *y = parse(text);
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&out, 0);
    const struct rf_yaml_node *n = rf_yaml_value(rf_yaml_root(y), 0);
    int rc = get(y, n, values[_i].what, &out, &err);
    ck_assert_int_eq(rc, err.code == 0 ? 0 : -RFE_CONFIG);
    const char *have = rc < 0 ? err.msg : out.ptr;
    ck_assert_msg(strstr(have, values[_i].result) == have &&
                      (rc < 0 || strcmp(have, values[_i].result) == 0),
                  "%s as %s: %s", values[_i].text, values[_i].what, have);
}
END_TEST

/* ---- tables ---- */

struct thing {
    char *name;
    enum rf_tri on, off, unset;
    int64_t number;
    unsigned count;
    double rate;
    uint64_t time;
    struct rf_yaml_list list;
};

static const struct rf_yaml_field fields[] = {
    { "name", rf_yaml_set_string, offsetof(struct thing, name), NULL },
    { "on", rf_yaml_set_tri, offsetof(struct thing, on), NULL },
    { "off", rf_yaml_set_tri, offsetof(struct thing, off), NULL },
    { "unset", rf_yaml_set_tri, offsetof(struct thing, unset), NULL },
    { "number", rf_yaml_set_i64, offsetof(struct thing, number), NULL },
    { "count", rf_yaml_set_count, offsetof(struct thing, count), NULL },
    { "rate", rf_yaml_set_double, offsetof(struct thing, rate), NULL },
    { "time", rf_yaml_set_duration, offsetof(struct thing, time), NULL },
    { "list", rf_yaml_set_list, offsetof(struct thing, list), NULL },
    { "foreign", NULL, 0, NULL },
    { "nome", NULL, 0, "name" },
    { "elsewhere", NULL, 0, "other." },
};

static int read_thing(const char *text, bool strict, struct thing *t, struct rf_err *err)
{
    RF_CLEANUP(rf_yaml_freep) struct rf_yaml *y = parse(text);
    struct rf_yaml_reader r = { .doc = y, .strict = strict };
    return rf_yaml_read_map(&r, rf_yaml_root(y), "thing", fields, RF_ARRAY_LEN(fields), t, err);
}

START_TEST(map_by_table)
{
    struct thing t = { .name = rf_xstrdup("old"), .number = 9 };
    ck_assert_int_eq(
        read_thing("name: x\non: true\noff: false\nunset: ~\nnumber:\ncount: 3\n"
                   "rate: 0.5\ntime: 1s\nlist: [~, a, null, 1.0, '~']\nforeign: {any: thing}\n"
                   "x-any: [1]\n",
                   true, &t, NULL),
        0);
    ck_assert_str_eq(t.name, "x");
    ck_assert_int_eq(t.on, RF_TRI_YES);
    ck_assert_int_eq(t.off, RF_TRI_NO);
    ck_assert_int_eq(t.unset, RF_TRI_UNSET);
    ck_assert_int_eq(t.number, 9);
    ck_assert_uint_eq(t.count, 3);
    ck_assert_double_eq(t.rate, 0.5);
    ck_assert_uint_eq(t.time, 1000000000);
    ck_assert_uint_eq(t.list.n, 3);
    ck_assert_str_eq(t.list.items[1], "1.0");
    struct rf_yaml_list copy;
    ck_assert_str_eq(t.list.items[0], "a");
    ck_assert_str_eq(t.list.items[2], "~");
    rf_yaml_list_copy(&t.list, &copy);
    ck_assert_uint_eq(copy.n, 3);
    rf_yaml_list_release(&copy);
    rf_yaml_list_release(&t.list);
    free(t.name);
}
END_TEST

START_TEST(unknown_keys)
{
    struct thing t = { 0 };
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(read_thing("other: 1\nname: x\nelsewhere: 1\n", false, &t, &err), 0);
    ck_assert_str_eq(t.name, "x");
    free(t.name);
}
END_TEST

START_TEST(unknown_keys_of_a_strict_reader)
{
    static const char *const rows[][2] = {
        { "cuont: 1\n", "f.yml:1:1: unknown key \"cuont\" in thing; did you mean \"count\"?" },
        { "a: 1\n", "f.yml:1:1: unknown key \"a\" in thing" },
        { "\"na\\nme\": 1\n", "f.yml:1:1: unknown key \"na\\x0ame\" in thing; did you mean" },
        { "nome: 1\n", "f.yml:1:1: unknown key \"nome\" in thing; did you mean \"name\"?" },
        { "elsewhere: 1\n",
          "f.yml:1:1: unknown key \"elsewhere\" in thing; it belongs to \"other\"" },
        { "NAME: 1\n", "f.yml:1:1: unknown key \"NAME\" in thing; did you mean \"name\"?" },
        { "[a]\n", "f.yml:1:1: thing: a map is wanted" },
        { "count: x\n", "f.yml:1:8: thing.count: \"x\" is not an integer" },
        { "list: [a, [b]]\n", "f.yml:1:11: thing.list[1]: a text is wanted, not a list" },
        { "rate: -1\n", "f.yml:1:7: thing.rate: less than 0" },
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(rows); i++) {
        struct thing t = { 0 };
        struct rf_err err = RF_ERR_INIT;
        ck_assert_int_eq(read_thing(rows[i][0], true, &t, &err), -RFE_CONFIG);
        ck_assert_msg(strstr(err.msg, rows[i][1]) == err.msg, "%s", err.msg);
        ck_assert_int_eq(read_thing(rows[i][0], true, &t, NULL), -RFE_CONFIG);
    }
}
END_TEST

START_TEST(elements_that_are_not_null)
{
    RF_CLEANUP(rf_yaml_freep) struct rf_yaml *y = parse("[~, a, null, b]\n");
    const struct rf_yaml_node *list = rf_yaml_root(y);
    ck_assert_str_eq(rf_yaml_list_node(list, 0)->text, "a");
    ck_assert_str_eq(rf_yaml_list_node(list, 1)->text, "b");
    ck_assert_ptr_eq(rf_yaml_list_node(list, 2), list);
}
END_TEST

START_TEST(slips_of_a_lenient_reader)
{
    struct thing t = { 0 };
    ck_assert_int_eq(read_thing("nome: x\n", false, &t, NULL), 0);
    ck_assert_str_eq(t.name, "x");
    free(t.name);
}
END_TEST

START_TEST(files)
{
    RF_CLEANUP(rf_yaml_freep) struct rf_yaml *y = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_yaml_load("/nowhere/at/all.yml", &y, &err), -RFE_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.msg, "/nowhere/at/all.yml"));
    RF_CLEANUP(rf_freep) char *path = test_data_path("policy/full.yml");
    ck_assert_msg(rf_yaml_load(path, &y, &err) == 0, "%s", err.msg);
    ck_assert_str_eq(rf_yaml_name(y), path);
    rf_yaml_freep(&y);
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(write(fds[1], "a: [\n", 5), 5);
    close(fds[1]);
    dup2(fds[0], 0);
    ck_assert_int_eq(rf_yaml_load("-", &y, &err), -RFE_CONFIG);
    ck_assert_msg(strstr(err.msg, "stdin:2:1: ") == err.msg, "%s", err.msg);
}
END_TEST

Suite *rf_yaml_suite(void);
Suite *rf_yaml_suite(void)
{
    Suite *s = suite_create("yaml");
    TCase *t = tcase_create("yaml");
    tcase_set_timeout(t, 60);
    cases = test_cases_load("policy/yaml", ".case");
    tcase_add_test(t, cases_are_there);
    tcase_add_loop_test(t, case_file, 0, (int)cases.n);
    tcase_add_test(t, positions);
    tcase_add_test(t, nulls);
    tcase_add_test(t, bombs_are_refused_fast);
    tcase_add_test(t, limit_of_bytes);
    tcase_add_test(t, limit_of_nodes);
    tcase_add_test(t, many_keys_take_no_long_time);
    tcase_add_loop_test(t, value_row, 0, (int)RF_ARRAY_LEN(values));
    tcase_add_test(t, map_by_table);
    tcase_add_test(t, unknown_keys);
    tcase_add_test(t, elements_that_are_not_null);
    tcase_add_test(t, unknown_keys_of_a_strict_reader);
    tcase_add_test(t, slips_of_a_lenient_reader);
    tcase_add_test(t, files);
    suite_add_tcase(s, t);
    return s;
}
