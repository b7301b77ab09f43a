/* SPDX-License-Identifier: Apache-2.0 */
/* Every key of a step and of the defaults, with a wrong type and a wrong value: who refuses what, and in which words. */
#include "policy/step.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "policy/config.h"
#include "tests/support/data_files.h"

/* kind, lines of the step or the defaults, message behind the file's name */
static struct test_table wrong;

/* The second step is always right. */
#define GOOD "- {source: s.example/c, type: image, target: t.example/c}\n"

static char *file_of(const char *kind, const char *lines)
{
    if (strncmp(kind, "defaults", 8) == 0)
        return rf_xasprintf("defaults:\n  %s\nsync:\n" GOOD GOOD, lines);
    /* Of two equal keys the last one counts. */
    return rf_xasprintf("sync:\n- source: s.example/a\n  type: repository\n  target: t.example/b\n"
                        "  %s\n" GOOD,
                        lines);
}

static int read_file(const char *text, unsigned flags, struct rf_policy_config **out,
                     struct rf_err *err)
{
    return rf_policy_config_parse("p.yml", rf_slice_str(text), flags, out, err);
}

START_TEST(a_strict_reader_refuses_the_file)
{
    char **row = wrong.rows[_i];
    RF_CLEANUP(rf_freep) char *text = file_of(row[0], row[1]);
    RF_CLEANUP(rf_freep) char *want = rf_xasprintf("p.yml:%s", row[2]);
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    int rc = read_file(text, RF_POLICY_STRICT, &c, &err);
    if (strcmp(row[0], "run") == 0) { /* others may be glad of it */
        ck_assert_msg(rc == 0, "%s: %s", row[1], err.msg);
        return;
    }
    ck_assert_msg(rc == -RFE_CONFIG, "%s: accepted", row[1]);
    ck_assert_str_eq(err.msg, want);
}
END_TEST

/* What it says of the first step, or of the defaults. */
static const char *noted(const struct rf_policy_config *c, const char *kind)
{
    const struct rf_step *s = &c->steps[0];
    if (strcmp(kind, "step") == 0 || strcmp(kind, "run") == 0)
        return s->refused;
    return s->s.schedule_wrong != NULL ? s->s.schedule_wrong : s->s.backup_wrong;
}

START_TEST(a_lenient_reader_keeps_the_other_steps)
{
    char **row = wrong.rows[_i];
    RF_CLEANUP(rf_freep) char *text = file_of(row[0], row[1]);
    RF_CLEANUP(rf_freep) char *want = rf_xasprintf("p.yml:%s", row[2]);
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    int rc = read_file(text, 0, &c, &err);
    if (strcmp(row[0], "defaults") == 0) { /* they are of all steps */
        ck_assert_msg(rc == -RFE_CONFIG, "%s: accepted", row[1]);
        ck_assert_str_eq(err.msg, want);
        return;
    }
    ck_assert_msg(rc == 0, "%s: %s", row[1], err.msg);
    ck_assert_uint_eq(c->n_steps, 2);
    const char *line = noted(c, row[0]);
    ck_assert_msg(line != NULL, "%s: not told of", row[1]);
    ck_assert_str_eq(line, want);
    ck_assert_ptr_null(c->steps[1].refused);
    ck_assert_ptr_nonnull(c->steps[0].tag_names);
    ck_assert_ptr_nonnull(c->steps[0].repo_names);
    bool later = strcmp(row[0], "later") == 0 || strcmp(row[0], "defaults-later") == 0;
    ck_assert(later == (c->steps[0].refused == NULL));
}
END_TEST

static bool has_row(const char *kind, const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; i < wrong.n; i++) {
        const char *line = wrong.rows[i][1];
        if (strcmp(wrong.rows[i][0], kind) == 0 && strncmp(line, key, n) == 0 && line[n] == ':')
            return true;
    }
    return false;
}

/* A key that is added gets its rows. */
START_TEST(every_key_has_a_row)
{
    size_t n = 0;
    const struct rf_yaml_table *tables = rf_step_tables(&n);
    for (size_t t = 0; t < 2; t++) {
        const char *kind = t == 0 ? "step" : "defaults";
        ck_assert_str_eq(tables[t].name, kind);
        for (size_t i = 0; i < tables[t].n; i++) {
            const struct rf_yaml_field *f = &tables[t].fields[i];
            ck_assert_msg(f->instead != NULL || has_row(kind, f->key), "%s: %s", kind, f->key);
        }
    }
}
END_TEST

/* A value that a step has itself takes the place of the wrong one. */
START_TEST(wrong_defaults_that_no_step_takes)
{
    static const char text[] =
        "defaults: {schedule: daily, backup: '{{'}\nsync:\n"
        "- {source: a, type: image, target: b, schedule: '@daily', backup: x}\n"
        "- {source: a, type: image, target: b, interval: 1h}\n";
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(read_file(text, 0, &c, &err) == 0, "%s", err.msg);
    ck_assert_ptr_nonnull(strstr(c->defaults.s.schedule_wrong, "p.yml:1:22: defaults.schedule: "));
    ck_assert_ptr_nonnull(strstr(c->defaults.s.backup_wrong, "p.yml:1:37: defaults.backup: "));
    ck_assert_ptr_null(c->steps[0].s.schedule_wrong);
    ck_assert_ptr_null(c->steps[0].s.backup_wrong);
    ck_assert_ptr_null(c->steps[1].s.schedule_wrong);
    ck_assert_str_eq(c->steps[1].s.backup_wrong, c->defaults.s.backup_wrong);
}
END_TEST

static const struct {
    const char *source;
    const char *cause; /* NULL: it is right */
} trees[] = {
    { "ocidir:///srv/all", NULL },
    { "ocidir://all/of/them/", NULL },
    { "ocidir://all:1", "a tag or digest has no place in a step of type registry" },
    { "ocidir://", "invalid reference" },
    { "ocifile://all.tar", "invalid registry" },
};

START_TEST(trees_as_sources)
{
    RF_CLEANUP(rf_freep)
    char *text =
        rf_xasprintf("sync: [{source: '%s', type: registry, target: t.example}]", trees[_i].source);
    for (unsigned flags = 0; flags <= RF_POLICY_STRICT; flags++) {
        RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = NULL;
        struct rf_err err = RF_ERR_INIT;
        int rc = read_file(text, flags, &c, &err);
        const char *said = rc < 0 ? err.msg : c->steps[0].refused;
        if (trees[_i].cause == NULL) {
            ck_assert_msg(said == NULL, "%s", said);
            ck_assert(rf_step_is_tree(&c->steps[0]));
            continue;
        }
        ck_assert_ptr_nonnull(said);
        ck_assert_msg(strstr(said, trees[_i].cause) != NULL, "%s", said);
        ck_assert(strncmp(said, "p.yml:1:17: sync[0].source: ", 28) == 0);
    }
}
END_TEST

Suite *rf_step_suite(void);
Suite *rf_step_suite(void)
{
    Suite *s = suite_create("step");
    TCase *t = tcase_create("step");
    wrong = test_table_load("policy/wrong_keys.table");
    tcase_add_loop_test(t, a_strict_reader_refuses_the_file, 0, (int)wrong.n);
    tcase_add_loop_test(t, a_lenient_reader_keeps_the_other_steps, 0, (int)wrong.n);
    tcase_add_test(t, every_key_has_a_row);
    tcase_add_test(t, wrong_defaults_that_no_step_takes);
    tcase_add_loop_test(t, trees_as_sources, 0, (int)RF_ARRAY_LEN(trees));
    suite_add_tcase(s, t);
    return s;
}
