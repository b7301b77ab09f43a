/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/object/object_step.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "policy/config.h"
#include "policy/render.h"

static const char file[] =
    "defaults: {backup: \"bkup-{{.Ref.Tag}}\", interval: 60m, ratelimit: {min: 100, retry: 15m}}\n"
    "sync:\n"
    "- source: gcr.io/team/app\n"
    "  target: registry:5000/gcr/{{ index (split .Sync.Source \"gcr.io/\") 1 }}\n"
    "  type: repository\n"
    "  tags: {allow: [a, b], semverRange: [\">=1\"]}\n"
    "  tagSets: [{deny: [x]}]\n"
    "  platforms: [linux/amd64]\n"
    "  referrers: true\n"
    "  referrerFilters: [{artifactType: t, annotations: {k: v, a: }}]\n"
    "  referrerTarget: \"{{.Sync.Target}}/refs\"\n"
    "  hooks: {pre: {type: exec, params: [p]}}\n";

static struct rf_policy_config *load(void)
{
    struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_policy_config_parse("p", rf_slice_str(file), RF_POLICY_STRICT, &c, &err) == 0,
                  "%s", err.msg);
    return c;
}

static const struct {
    const char *text, *want;
} rows[] = {
    { "{{.Sync.Source}}", "gcr.io/team/app" },
    { "{{.Sync.Target}}", "registry:5000/gcr/team/app" },
    { "{{.Sync.ReferrerTgt}}", "registry:5000/gcr/team/app/refs" },
    { "{{.Step.Type}} {{.Sync.Backup}}", "repository bkup-{{.Ref.Tag}}" },
    { "{{.Sync.Interval}} {{.Sync.Interval.Minutes}} [{{.Sync.Schedule}}]", "1h0m0s 60 []" },
    { "{{.Sync.RateLimit.Min}} {{.Sync.RateLimit.Retry}}", "100 15m0s" },
    { "{{.Sync.RateLimit}}", "{100 15m0s}" },
    { "{{.Sync.Tags.Allow}} {{.Sync.Tags.Deny}} {{join .Sync.Tags.SemverRange \",\"}}",
      "[a b] [] >=1" },
    { "{{len .Sync.TagSets}} {{(index .Sync.TagSets 0).Deny}}", "1 [x]" },
    { "{{range .Sync.Platforms}}{{.}}{{end}}[{{.Sync.Platform}}]", "linux/amd64[]" },
    { "{{.Sync.Referrers}} {{.Sync.FastCheck}} {{.Sync.DigestTags}}", "true false false" },
    { "{{range .Sync.ReferrerFilters}}{{.ArtifactType}} {{.Annotations}}{{end}}", "t map[a: k:v]" },
    { "{{.Sync.Hooks.Pre.Type}} {{.Sync.Hooks.Pre.Params}} {{.Sync.Hooks.Post}}",
      "exec [p] <nil>" },
    { "{{len .Sync.MediaTypes}} {{.Sync.Repos.Allow}}", "4 []" },
    { "{{.Ref.Registry}} {{.Ref.Repository}} {{.Ref.Tag}} {{.Ref.Scheme}}",
      "registry:5000 gcr/team/app v1 reg" },
    { "{{json .Sync.RateLimit}}", "{\"min\":100,\"retry\":900000000000}\n" },
    { "{{json .Sync.Tags}}",
      "{\"allow\":[\"a\",\"b\"],\"deny\":null,\"semverRange\":[\">=1\"]}\n" },
    { "{{json .Sync.Hooks}}",
      "{\"pre\":{\"type\":\"exec\",\"params\":[\"p\"]},\"post\":null,\"unchanged\":null}\n" },
};

START_TEST(row)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = load();
    RF_CLEANUP(rf_ref_release) struct rf_ref ref = RF_REF_INIT;
    ck_assert_int_eq(rf_ref_parse("registry:5000/gcr/team/app:v1", &ref, NULL), 0);
    const struct rf_step_object o = { .step = &c->steps[0], .ref = &ref };
    const struct rf_value data = rf_step_object_value(&o);
    RF_CLEANUP(rf_freep) char *out = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_render(rows[_i].text, &data, &out, &err) == 0, "%s: %s", rows[_i].text,
                  err.msg);
    ck_assert_msg(strcmp(out, rows[_i].want) == 0, "%s: \"%s\"", rows[_i].text, out);
}
END_TEST

/* Every key of the reader is a field of the object under the same JSON name. */
START_TEST(all_keys_are_fields)
{
    size_t n = 0, found = 0;
    const struct rf_yaml_table *step = rf_step_tables(&n);
    const struct rf_yaml_field *fields = step->fields;
    for (size_t i = 0; i < step->n; i++) {
        bool there = fields[i].set == NULL;
        for (size_t k = 0; k < rf_type_step.n_fields; k++)
            there = there || strcmp(rf_type_step.fields[k].json, fields[i].key) == 0;
        ck_assert_msg(there, "%s", fields[i].key);
        found += fields[i].set != NULL;
    }
    ck_assert_uint_eq(found, rf_type_step.n_fields);
}
END_TEST

START_TEST(only_sync_at_load)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = load();
    const struct rf_step_object o = { .step = &c->steps[0], .ref = NULL };
    const struct rf_value data = rf_step_object_value(&o);
    char *out = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_render("{{.Ref.Tag}}", &data, &out, &err), -RFE_CONFIG);
    ck_assert_msg(
        strstr(err.msg, "can't evaluate field Ref in type struct { Sync main.ConfigSync }") != NULL,
        "%s", err.msg);
}
END_TEST

static const struct {
    const char *backup, *target, *want; /* want NULL: refused */
    int code;
} backups[] = {
    { "bkup-{{.Ref.Tag}}", "r.example/a/b:v1", "r.example/a/b:bkup-v1", 0 },
    { " \n old\n", "r.example/a/b:v1", "r.example/a/b:old", 0 },
    { "old",
      "r.example/a/b@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "r.example/a/b:old", 0 },
    { "old-{{.Ref.Tag}}", "ocidir:///srv/x:v1", "ocidir:///srv/x:old-v1", 0 },
    { "{{.Ref.Registry}}/backups/{{.Ref.Repository}}:{{.Ref.Tag}}-1", "r.example/a/b:v1",
      "r.example/backups/a/b:v1-1", 0 },
    { "{{$t := time.Parse \"2006-01-02\" \"2026-03-04\"}}{{printf \"%s/backups/%s:%s-%d%d%d\" .Ref.Registry .Ref.Repository .Ref.Tag $t.Year $t.Month $t.Day}}",
      "r.example/a:v1", "r.example/backups/a:v1-202634", 0 },
    { "{{.Step.Type}}-{{.Sync.Type}}", "r.example/a:v1", "r.example/a:repository-repository", 0 },
    { "", "r.example/a:v1", NULL, RFE_INVALID },
    { "  ", "r.example/a:v1", NULL, RFE_INVALID },
    { "a b", "r.example/a:v1", NULL, RFE_INVALID },
    { "r.example/A:1", "r.example/a:v1", NULL, RFE_INVALID },
    { "{{.Nope}}", "r.example/a:v1", NULL, RFE_CONFIG },
};

START_TEST(backup)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = load();
    RF_CLEANUP(rf_ref_release) struct rf_ref target = RF_REF_INIT;
    RF_CLEANUP(rf_ref_release) struct rf_ref have = RF_REF_INIT;
    struct rf_step *s = &c->steps[0];
    struct rf_err err = RF_ERR_INIT;
    free(s->s.backup);
    s->s.backup = rf_xstrdup(backups[_i].backup);
    ck_assert_int_eq(rf_ref_parse(backups[_i].target, &target, NULL), 0);
    int rc = rf_step_backup(s, &target, &have, &err);
    ck_assert_msg(rc == -backups[_i].code, "%s: %d %s", backups[_i].backup, rc, err.msg);
    if (rc < 0)
        return;
    RF_CLEANUP(rf_freep) char *name = rf_ref_common_name(&have);
    ck_assert_str_eq(name, backups[_i].want);
}
END_TEST

Suite *rf_object_step_suite(void);
Suite *rf_object_step_suite(void)
{
    Suite *s = suite_create("object_step");
    TCase *t = tcase_create("object_step");
    tcase_add_loop_test(t, row, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_test(t, all_keys_are_fields);
    tcase_add_test(t, only_sync_at_load);
    tcase_add_loop_test(t, backup, 0, (int)RF_ARRAY_LEN(backups));
    suite_add_tcase(s, t);
    return s;
}
