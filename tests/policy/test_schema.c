/* SPDX-License-Identifier: Apache-2.0 */
/* docs/policy.schema.json: it has exactly the keys that the reader has, the samples fit it, what is misspelt does not. */
#include <check.h>
#include <ftw.h>
#include <math.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "policy/config.h"
#include "tests/support/data_files.h"

static json_t *schema;

static void load_schema(void)
{
    RF_CLEANUP(rf_freep) char *path = test_data_path("../../docs/policy.schema.json");
    size_t len = 0;
    RF_CLEANUP(rf_freep) char *text = test_read_file(path, &len);
    struct rf_err err = RF_ERR_INIT;
    ck_assert_ptr_nonnull(text);
    ck_assert_msg(rf_json_parse(rf_slice_of(text, len), len, &schema, &err) == 0, "%s", err.msg);
}

/* ---- as much of JSON Schema as that file uses ---- */

static bool matches(const char *pattern, const char *text)
{
    int code;
    PCRE2_SIZE offset;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                   PCRE2_UTF | PCRE2_DOLLAR_ENDONLY, &code, &offset, NULL);
    ck_assert_msg(re != NULL, "pattern %s", pattern);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    int rc = pcre2_match(re, (PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, 0, data, NULL);
    pcre2_match_data_free(data);
    pcre2_code_free(re);
    return rc >= 0;
}

/* What a plain scalar is in YAML's core schema. The caller drops the reference. */
static json_t *scalar(const struct rf_yaml_node *n)
{
    char *end;
    if (!n->plain)
        return json_string(n->text);
    if (rf_yaml_is_null(n))
        return json_null();
    if (matches("^(true|True|TRUE)$", n->text))
        return json_true();
    if (matches("^(false|False|FALSE)$", n->text))
        return json_false();
    if (matches("^[-+]?[0-9]+$", n->text))
        return json_integer(strtoll(n->text, &end, 10));
    if (matches("^[-+]?(\\.[0-9]+|[0-9]+(\\.[0-9]*)?)([eE][-+]?[0-9]+)?$", n->text))
        return json_real(strtod(n->text, &end));
    return json_string(n->text);
}

static json_t *to_json(const struct rf_yaml_node *n)
{
    if (n->kind == RF_YAML_SCALAR)
        return scalar(n);
    json_t *j = n->kind == RF_YAML_LIST ? json_array() : json_object();
    for (uint32_t i = 0; i < n->n; i++) {
        if (n->kind == RF_YAML_LIST)
            json_array_append_new(j, to_json(n->items[i]));
        else
            json_object_set_new(j, rf_yaml_key(n, i)->text, to_json(rf_yaml_value(n, i)));
    }
    return j;
}

static bool is_type(const json_t *v, const char *type)
{
    if (strcmp(type, "object") == 0)
        return json_is_object(v);
    if (strcmp(type, "array") == 0)
        return json_is_array(v);
    if (strcmp(type, "string") == 0)
        return json_is_string(v);
    if (strcmp(type, "number") == 0)
        return json_is_number(v);
    if (strcmp(type, "integer") == 0)
        return json_is_integer(v);
    if (strcmp(type, "boolean") == 0)
        return json_is_boolean(v);
    ck_assert_str_eq(type, "null");
    return json_is_null(v);
}

static bool fits(const json_t *s, const json_t *v);

static bool fits_type(const json_t *type, const json_t *v)
{
    if (json_is_string(type))
        return is_type(v, json_string_value(type));
    bool ok = false;
    size_t i;
    json_t *one;
    json_array_foreach (type, i, one) {
        ok = ok || is_type(v, json_string_value(one));
    }
    return ok;
}

static bool fits_object(const json_t *s, const json_t *v)
{
    const char *key, *pattern;
    json_t *value, *sub;
    size_t i;
    bool ok = true;
    json_array_foreach (json_object_get(s, "required"), i, sub) {
        ok = ok && json_object_get(v, json_string_value(sub)) != NULL;
    }
    json_object_foreach ((json_t *)(uintptr_t)v, key, value) {
        const json_t *own = json_object_get(json_object_get(s, "properties"), key);
        bool known = own != NULL;
        ok = ok && (!known || fits(own, value));
        json_object_foreach (json_object_get(s, "patternProperties"), pattern, sub) {
            if (!matches(pattern, key))
                continue;
            known = true;
            ok = ok && fits(sub, value);
        }
        const json_t *more = json_object_get(s, "additionalProperties");
        if (!known && more != NULL)
            ok = ok && !json_is_false(more) && fits(more, value);
    }
    return ok;
}

static bool fits_any(const json_t *list, const json_t *v)
{
    bool ok = false;
    size_t i;
    json_t *one;
    json_array_foreach (list, i, one) {
        ok = ok || fits(one, v);
    }
    return ok;
}

static bool fits_keyword(const json_t *s, const char *word, const json_t *arg, const json_t *v)
{
    size_t i;
    json_t *one;
    bool ok = true;
    if (strcmp(word, "type") == 0)
        return fits_type(arg, v);
    if (strcmp(word, "enum") == 0) {
        ok = false;
        json_array_foreach (arg, i, one) {
            ok = ok || json_equal(one, v);
        }
    } else if (strcmp(word, "anyOf") == 0) {
        return fits_any(arg, v);
    } else if (strcmp(word, "$ref") == 0) {
        const char *name = json_string_value(arg);
        ck_assert_msg(strncmp(name, "#/$defs/", 8) == 0, "%s", name);
        const json_t *def = json_object_get(json_object_get(schema, "$defs"), name + 8);
        ck_assert_msg(def != NULL, "%s", name);
        return fits(def, v);
    } else if (strcmp(word, "pattern") == 0) {
        return !json_is_string(v) || matches(json_string_value(arg), json_string_value(v));
    } else if (strcmp(word, "minimum") == 0) {
        return !json_is_number(v) || json_number_value(v) >= json_number_value(arg);
    } else if (strcmp(word, "maximum") == 0) {
        return !json_is_number(v) || json_number_value(v) <= json_number_value(arg);
    } else if (strcmp(word, "items") == 0 && json_is_array(v)) {
        json_array_foreach ((json_t *)(uintptr_t)v, i, one) {
            ok = ok && fits(arg, one);
        }
    } else if (strcmp(word, "properties") == 0 && json_is_object(v)) {
        return fits_object(s, v);
    } else {
        static const char *const others[] = { "items",
                                              "properties",
                                              "required",
                                              "$schema",
                                              "patternProperties",
                                              "additionalProperties",
                                              "$defs",
                                              "title",
                                              "description",
                                              "examples",
                                              "default",
                                              "deprecated" };
        bool known = false;
        for (i = 0; i < RF_ARRAY_LEN(others); i++)
            known = known || strcmp(word, others[i]) == 0;
        ck_assert_msg(known, "this test does not know the keyword %s", word);
        if (strcmp(word, "additionalProperties") == 0 && json_is_object(v) &&
            json_object_get(s, "properties") == NULL)
            return fits_object(s, v);
    }
    return ok;
}

static bool fits(const json_t *s, const json_t *v)
{
    const char *word;
    json_t *arg;
    bool ok = true;
    json_object_foreach ((json_t *)(uintptr_t)s, word, arg) {
        ok = ok && fits_keyword(s, word, arg, v);
    }
    return ok;
}

/* Whether a file fits; false also when it is no YAML. */
static bool file_fits(const char *name, struct rf_slice text)
{
    RF_CLEANUP(rf_yaml_freep) struct rf_yaml *y = NULL;
    if (rf_yaml_parse(name, text, &y, NULL) < 0)
        return false;

    json_t *v = to_json(rf_yaml_root(y));
    bool ok = fits(schema, v);
    json_decref(v);
    return ok;
}

/* ---- the tests ---- */

static void check_table(const struct rf_yaml_table *t, const json_t *properties)
{
    const char *key;
    json_t *value;
    ck_assert_msg(json_is_object(properties), "%s", t->name);
    for (size_t i = 0; i < t->n; i++) {
        bool there = json_object_get(properties, t->fields[i].key) != NULL;
        ck_assert_msg(there == (t->fields[i].instead == NULL), "%s.%s", t->name, t->fields[i].key);
    }
    json_object_foreach ((json_t *)(uintptr_t)properties, key, value) {
        bool there = false;
        for (size_t i = 0; i < t->n; i++)
            there = there || strcmp(t->fields[i].key, key) == 0;
        ck_assert_msg(there, "%s.%s is in the schema only", t->name, key);
    }
}

static const json_t *properties_of(const char *def)
{
    return json_object_get(json_object_get(json_object_get(schema, "$defs"), def), "properties");
}

START_TEST(same_keys)
{
    size_t n = 0;
    const struct rf_yaml_table *tables = rf_step_tables(&n);
    load_schema();
    for (size_t i = 0; i < n; i++)
        check_table(&tables[i], properties_of(tables[i].name));
    check_table(&rf_creds_table, properties_of(rf_creds_table.name));
    check_table(&rf_bot_script_table, properties_of(rf_bot_script_table.name));
    check_table(&rf_sites_table, properties_of(rf_sites_table.name));
    check_table(&rf_path_rule_table, properties_of(rf_path_rule_table.name));
    size_t n_retain = 0;
    const struct rf_yaml_table *retain = rf_retain_tables(&n_retain);
    for (size_t i = 0; i < n_retain; i++)
        check_table(&retain[i], properties_of(retain[i].name));
    check_table(&rf_bundle_options_table, properties_of(rf_bundle_options_table.name));
    check_table(&rf_policy_section_table, properties_of(rf_policy_section_table.name));
    check_table(&rf_policy_config_table, json_object_get(schema, "properties"));
    ck_assert_uint_eq(n, 8);
}
END_TEST

/* docs/policy.md names every key, in `code`. */
START_TEST(manual_has_all_keys)
{
    RF_CLEANUP(rf_freep) char *path = test_data_path("../../docs/policy.md");
    size_t len = 0, n = 0;
    RF_CLEANUP(rf_freep) char *text = test_read_file(path, &len);
    const struct rf_yaml_table *tables = rf_step_tables(&n);
    size_t n_retain = 0;
    const struct rf_yaml_table *retain = rf_retain_tables(&n_retain);
    const struct rf_yaml_table *const others[] = { &rf_creds_table,
                                                   &rf_bot_script_table,
                                                   &rf_policy_section_table,
                                                   &rf_bundle_options_table,
                                                   &rf_policy_config_table,
                                                   &rf_sites_table,
                                                   &rf_path_rule_table,
                                                   &retain[0],
                                                   &retain[1] };
    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < n + RF_ARRAY_LEN(others); i++) {
        const struct rf_yaml_table *t = i < n ? &tables[i] : others[i - n];
        for (size_t k = 0; k < t->n; k++) {
            RF_CLEANUP(rf_freep) char *alone = rf_xasprintf("`%s`", t->fields[k].key);
            RF_CLEANUP(rf_freep) char *below = rf_xasprintf(".%s`", t->fields[k].key);
            ck_assert_msg(strstr(text, alone) != NULL || strstr(text, below) != NULL, "%s.%s",
                          t->name, t->fields[k].key);
        }
    }
}
END_TEST

static size_t n_samples;

static int look_at(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    size_t n = strlen(path);
    (void)st, (void)at;
    if (kind != FTW_F || n < 4 || strcmp(path + n - 4, ".yml") != 0)
        return 0;
    size_t len = 0;
    RF_CLEANUP(rf_freep) char *text = test_read_file(path, &len);
    if (strstr(text, "\nsync:") == NULL && strstr(text, "\nscripts:") == NULL)
        return 0; /* a file of another program */
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(file_fits(path, rf_slice_of(text, len)), "%s does not fit the schema", path);
    ck_assert_msg(rf_policy_config_load(path, RF_POLICY_STRICT, &c, &err) == 0, "%s", err.msg);
    n_samples++;
    return 0;
}

START_TEST(samples)
{
    RF_CLEANUP(rf_freep) char *folder = test_data_path("../../samples");
    load_schema();
    setenv("DEMO_SOURCE", "127.0.0.1:5000", 1);
    ck_assert_int_eq(nftw(folder, look_at, 8, FTW_PHYS), 0);
    ck_assert_uint_ge(n_samples, 3);
}
END_TEST

START_TEST(files_of_other_tests)
{
    static const char *const names[] = {
        "full.yml",          "print/talk.yml",       "print/talk.out",
        "print/nothing.yml", "print/everything.yml", "print/everything.out"
    };
    load_schema();
    for (size_t i = 0; i < RF_ARRAY_LEN(names); i++) {
        RF_CLEANUP(rf_freep) char *name = rf_xasprintf("policy/%s", names[i]);
        RF_CLEANUP(rf_freep) char *path = test_data_path(name);
        size_t len = 0;
        RF_CLEANUP(rf_freep) char *text = test_read_file(path, &len);
        ck_assert_ptr_nonnull(text);
        ck_assert_msg(file_fits(name, rf_slice_of(text, len)), "%s", name);
    }
}
END_TEST

/* What the reader refuses for its form the schema refuses too. */
START_TEST(refused)
{
    static const char *const forms[] = {
        "unknown-key-", "slip-",      "step-is-",   "sync-is-",   "version-", "hook",
        "document-",    "duration-",  "parallel-",  "step-type-", "creds-a-", "step-without-",
        "mistake-",     "creds-tls-", "semver-in-", "scripts-",   "script-",  "defaults-timeout-"
    };
    static struct test_case_list cases; /* lives as long as the process */
    size_t n = 0;
    cases = test_cases_load("policy/refused", ".case");
    load_schema();
    for (size_t i = 0; i < cases.n; i++) {
        const struct test_case_file *c = &cases.list[i];
        for (size_t k = 0; k < RF_ARRAY_LEN(forms); k++) {
            if (strncmp(c->name, forms[k], strlen(forms[k])) != 0)
                continue;
            n++;
            ck_assert_msg(!file_fits(c->name, rf_slice_of(c->body, c->body_len)), "%s", c->name);
        }
    }
    ck_assert_uint_ge(n, 30);
}
END_TEST

Suite *rf_schema_suite(void);
Suite *rf_schema_suite(void)
{
    Suite *s = suite_create("schema");
    TCase *t = tcase_create("schema");
    tcase_add_test(t, same_keys);
    tcase_add_test(t, manual_has_all_keys);
    tcase_add_test(t, samples);
    tcase_add_test(t, files_of_other_tests);
    tcase_add_test(t, refused);
    suite_add_tcase(s, t);
    return s;
}
