/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy file: YAML, then the whole reader, strict and lenient, with all patterns, ranges of versions, schedules and templates in it; and the
 * configuration printed, which must read as the same again.
 */
#include "policy/config_print.h"
#include "policy/config_site.h"
#include "policy/object/object_step.h"
#include "policy/schedule.h"
#include "policy/sections_print.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "manifests/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Counts nodes as the budget does, and looks at every position. */
static uint64_t walk(const struct rf_yaml_node *n, unsigned depth)
{
    uint64_t nodes = 1;
    RF_CHECK(depth <= RF_YAML_DEPTH_MAX && n->line > 0 && n->column > 0);
    for (uint32_t i = 0; n->kind != RF_YAML_SCALAR && i < n->n; i++) {
        if (n->kind == RF_YAML_MAP)
            RF_CHECK(rf_yaml_key(n, i)->kind == RF_YAML_SCALAR);
        nodes += n->kind == RF_YAML_LIST ? walk(n->items[i], depth + 1)
                                         : 1 + walk(rf_yaml_value(n, i), depth + 1);
    }
    return nodes;
}

static void use_names(const struct rf_step *s)
{
    static const char *const texts[] = { "v1.2.3-rc1-alpine", "1.2", "latest", "1.2" };
    char *names[RF_ARRAY_LEN(texts)];
    size_t n = RF_ARRAY_LEN(texts);
    for (size_t i = 0; i < n; i++)
        names[i] = rf_xstrdup(texts[i]);
    int rc = rf_name_filter_apply(s->tag_names, names, &n, NULL);
    RF_CHECK((rc == 0 || rc == -RFE_CONFIG) && n <= RF_ARRAY_LEN(texts));
    for (size_t i = 0; i < n; i++) {
        RF_CHECK(rc < 0 || rf_name_filter_match(s->tag_names, names[i], NULL) == 1);
        free(names[i]);
    }
    rc = rf_name_filter_match(s->repo_names, "team/app", NULL);
    RF_CHECK(rc == 0 || rc == 1 || rc == -RFE_CONFIG);
}

static void use_time(const struct rf_step *s)
{
    RF_CLEANUP(rf_schedule_freep) struct rf_schedule *schedule = NULL;
    time_t next = 0;
    if (rf_schedule_parse(s->s.schedule, s->s.interval_ns, &schedule, NULL) == 0 &&
        rf_schedule_next(schedule, 1790000000, &next))
        RF_CHECK(next > 1790000000);
}

static void use_backup(const struct rf_step *s)
{
    RF_CLEANUP(rf_ref_release) struct rf_ref target = RF_REF_INIT;
    RF_CLEANUP(rf_ref_release) struct rf_ref backup = RF_REF_INIT;
    RF_CHECK(rf_ref_parse("r.example/a/b:v1", &target, NULL) == 0);
    if (s->s.backup != NULL && rf_step_backup(s, &target, &backup, NULL) == 0)
        RF_CHECK(backup.tag != NULL || rf_digest_is_set(&backup.digest) ||
                 backup.scheme != RF_SCHEME_REGISTRY);
}

/* Templates are gone from what is printed, but for those in backup; a text that came out of one may look like one again. */
static void print_config(const struct rf_policy_config *c)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf first;
    RF_CLEANUP(rf_buf_release) struct rf_buf second;
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *again = NULL;
    rf_buf_init(&first, 0);
    rf_buf_init(&second, 0);
    rf_policy_config_print(c, &first);
    if (rf_policy_config_parse("f", rf_buf_slice(&first), 0, &again, NULL) < 0)
        return;
    rf_policy_config_print(again, &second);
    RF_CHECK(strstr(first.ptr, "{{") != NULL || strcmp(first.ptr, second.ptr) == 0);
}

static void use_paths(const struct rf_path_map *m)
{
    static const char *const names[] = { "library/alpine", "team/web/front/end", "x" };
    for (size_t i = 0; i < RF_ARRAY_LEN(names); i++) {
        RF_CLEANUP(rf_freep) char *far = NULL;
        int rc = rf_path_map_apply(m, names[i], &far, NULL);
        RF_CHECK(rc == 0 ? rf_repository_valid(rf_slice_str(far))
                         : far == NULL && (rc == -RFE_INVALID || rc == -RFE_CONFIG));
    }
}

static char *print_sections(const struct rf_policy_config *c)
{
    struct rf_buf out;
    rf_buf_init(&out, 0);
    rf_policy_sections_print(c, &out);
    return rf_buf_take(&out, NULL);
}

/* Our own sections read again as the same, for the whole file and for its first site; what is printed of that needs no site any more. */
static void use_sections(struct rf_policy_config *c)
{
    for (int taken = 0; taken < 2; taken++) {
        RF_CLEANUP(rf_freep) char *first = print_sections(c);
        RF_CLEANUP(rf_freep) char *second = NULL;
        RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *again = NULL;
        RF_CHECK(rf_policy_config_parse("f", rf_slice_str(first), RF_POLICY_STRICT, &again, NULL) ==
                 0);
        RF_CHECK(taken == 0 || c->sites.n == 0 ||
                 rf_policy_config_take_site(again, c->sites.list[0].name, NULL, NULL) == 0);
        second = print_sections(again);
        RF_CHECK(strcmp(first, second) == 0);
        if (taken == 0 && c->sites.n > 0) {
            use_paths(&c->sites.list[0].paths);
            if (rf_policy_config_take_site(c, c->sites.list[0].name, NULL, NULL) < 0)
                return; /* too many rules together */
        }
    }
}

static void read_config(struct rf_slice text, unsigned flags)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = NULL;
    int rc = rf_policy_config_parse("f", text, flags, &c, &err);
    RF_CHECK(rc == 0 || (rc == -RFE_CONFIG && strncmp(err.msg, "f:", 2) == 0));
    for (size_t i = 0; rc == 0 && i < c->n_steps && i < 4; i++) {
        struct rf_step *s = &c->steps[i];
        use_names(s);
        use_time(s);
        use_backup(s);
        RF_CHECK(!(flags & RF_POLICY_STRICT) || (s->source != NULL && s->type != RF_STEP_UNKNOWN));
    }
    if (rc == 0 && c->n_steps < 100)
        print_config(c);
    if (rc == 0 && (flags & RF_POLICY_STRICT) != 0 && c->sites.n < 100)
        use_sections(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rf_slice text = rf_slice_of(data, size);
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_yaml_freep) struct rf_yaml *y = NULL;
    (void)(rf_log_set_level("error", &err) < 0); /* misspelt keys and files are warned of */
    if (rf_yaml_parse("f", text, &y, &err) < 0) {
        RF_CHECK(err.code == RFE_CONFIG && strncmp(err.msg, "f:", 2) == 0);
        return 0;
    }
    RF_CHECK(walk(rf_yaml_root(y), 0) <= RF_YAML_NODES_MAX);
    read_config(text, RF_POLICY_STRICT);
    read_config(text, 0);
    return 0;
}
