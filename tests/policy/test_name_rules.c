/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/name_rules.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/support/data_files.h"

static struct test_table table;

#define SETS_MAX 4

/* "semver >=1;allow a.*;deny b|c, allow x": sets apart by ", ", rules by ";". The first is `tags`. */
static size_t read_sets(const char *text, struct rf_name_rules sets[SETS_MAX])
{
    size_t n = 0;
    for (const char *p = text; n < SETS_MAX; n++) {
        const char *end = strstr(p, ", ");
        const char *stop = end != NULL ? end : p + strlen(p);
        while (p < stop) {
            size_t len = strcspn(p, ";");
            if (p + len > stop)
                len = (size_t)(stop - p);
            struct rf_yaml_list *list = *p == 's'   ? &sets[n].semver
                                        : *p == 'a' ? &sets[n].allow
                                                    : &sets[n].deny;
            size_t skip = strcspn(p, " ") + 1;
            list->items = rf_xreallocarray(list->items, list->n + 1, sizeof(*list->items));
            list->items[list->n++] = rf_xstrndup(p + skip, len - skip);
            p += len + (p + len < stop);
        }
        if (end == NULL)
            return n + 1;
        p = end + 2;
    }
    return n;
}

static struct rf_name_filter *make(const char *text)
{
    struct rf_name_rules sets[SETS_MAX] = { 0 };
    struct rf_name_filter *f = NULL;
    struct rf_err err = RF_ERR_INIT;
    size_t n = read_sets(text, sets);
    ck_assert_msg(rf_name_filter_new(&sets[0], sets + 1, n - 1, &f, &err) == 0, "%s", err.msg);
    for (size_t i = 0; i < n; i++)
        rf_name_rules_release(&sets[i]);
    return f;
}

static size_t read_names(const char *text, char **names)
{
    size_t n = 0;
    for (const char *p = text; *p != '\0'; n++) {
        size_t len = strcspn(p, " ");
        names[n] = rf_xstrndup(p, len);
        p += len + (p[len] == ' ');
    }
    return n;
}

START_TEST(row)
{
    char **cells = table.rows[_i], *names[64];
    RF_CLEANUP(rf_name_filter_freep) struct rf_name_filter *f = make(cells[0]);
    RF_CLEANUP(rf_buf_release) struct rf_buf have;
    struct rf_err err = RF_ERR_INIT;
    size_t n = read_names(cells[1], names);
    rf_buf_init(&have, 0);
    ck_assert_msg(rf_name_filter_apply(f, names, &n, &err) == 0, "%s: %s", cells[0], err.msg);
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(rf_name_filter_match(f, names[i], NULL) == 1, "%s: %s", cells[0], names[i]);
        rf_buf_addf(&have, "%s%s", i > 0 ? " " : "", names[i]);
        free(names[i]);
    }
    ck_assert_msg(strcmp(have.ptr, cells[2]) == 0, "%s of %s: \"%s\" instead of \"%s\"", cells[0],
                  cells[1], have.ptr, cells[2]);
    ck_assert_str_eq(rf_name_filter_text(f), cells[3] != NULL ? cells[3] : "");
    ck_assert(rf_name_filter_is_empty(f) == (cells[3] == NULL));
}
END_TEST

START_TEST(which_set_takes_a_name)
{
    static const struct {
        const char *rules, *name;
        int want;
    } cases[] = {
        { "", "anything", 0 },
        { "allow a.*", "ab", 0 },
        { "allow a.*", "b", -RFE_NOT_FOUND },
        { "semver >=2, allow a.*, deny x", "2.0", 0 },
        { "semver >=2, allow a.*, deny x", "ab", 1 },
        { "semver >=2, allow a.*, deny x", "b", 2 },
        { "semver >=2, allow a.*, deny x", "x", -RFE_NOT_FOUND },
        { ", allow a.*, allow b.*", "b", 1 }, /* without `tags` the sets alone count */
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(cases); i++) {
        RF_CLEANUP(rf_name_filter_freep) struct rf_name_filter *f = make(cases[i].rules);
        int got = rf_name_filter_which(f, cases[i].name, NULL);
        ck_assert_msg(got == cases[i].want, "%s of %s: %d", cases[i].name, cases[i].rules, got);
        ck_assert_int_eq(rf_name_filter_match(f, cases[i].name, NULL), cases[i].want >= 0);
    }
}
END_TEST

START_TEST(failure_keeps_all_names)
{
    RF_CLEANUP(rf_name_filter_freep) struct rf_name_filter *f = make("allow b, allow (a+)+$");
    char *names[3] = { rf_xstrdup("a"), NULL, rf_xstrdup("b") };
    char endless[64];
    size_t n = 3;
    memset(endless, 'a', sizeof(endless));
    endless[62] = '!';
    endless[63] = '\0';
    names[1] = rf_xstrdup(endless);
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_name_filter_apply(f, names, &n, &err), -RFE_CONFIG);
    ck_assert_uint_eq(n, 3);
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        total += strlen(names[i]);
        free(names[i]);
    }
    ck_assert_uint_eq(total, 65);
    ck_assert_int_eq(rf_name_filter_match(f, endless, NULL), -RFE_CONFIG);
    ck_assert_int_eq(rf_name_filter_match(f, "b", NULL), 1);
}
END_TEST

START_TEST(wrong_rules)
{
    struct rf_name_rules bad[SETS_MAX] = { 0 };
    struct rf_name_filter *f = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_uint_eq(read_sets("semver x", bad), 1);
    ck_assert_int_eq(rf_name_filter_new(&bad[0], NULL, 0, &f, &err), -RFE_CONFIG);
    ck_assert_int_eq(rf_name_filter_new(NULL, bad, 2, &f, &err), -RFE_CONFIG);
    rf_name_rules_release(&bad[0]);
    ck_assert_uint_eq(read_sets("deny (", bad), 1);
    ck_assert_int_eq(rf_name_filter_new(NULL, bad, 2, &f, &err), -RFE_CONFIG);
    ck_assert_ptr_null(f);
    rf_name_rules_release(&bad[0]);
    ck_assert_int_eq(rf_name_filter_new(NULL, NULL, 0, &f, &err), 0);
    ck_assert(rf_name_filter_is_empty(f));
    rf_name_filter_free(f);
}
END_TEST

START_TEST(table_is_there)
{
    ck_assert_uint_ge(table.n, 15);
}
END_TEST

Suite *rf_name_rules_suite(void);
Suite *rf_name_rules_suite(void)
{
    Suite *s = suite_create("name_rules");
    TCase *t = tcase_create("name_rules");
    table = test_table_load("policy/name_rules.table");
    tcase_add_test(t, table_is_there);
    tcase_add_loop_test(t, row, 0, (int)table.n);
    tcase_add_test(t, which_set_takes_a_name);
    tcase_add_test(t, failure_keeps_all_names);
    tcase_add_test(t, wrong_rules);
    suite_add_tcase(s, t);
    return s;
}
