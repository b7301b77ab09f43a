/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/config.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/support/data_files.h"

static struct test_case_list refused;

START_TEST(refused_case)
{
    const struct test_case_file *c = &refused.list[_i];
    RF_CLEANUP(rf_freep) char *want = test_case_value(c, "error");
    struct rf_policy_config *config = NULL;
    struct rf_err err = RF_ERR_INIT;
    struct rf_slice body = rf_slice_of(c->body, c->body_len);
    ck_assert_msg(rf_policy_config_parse("p.yml", body, RF_POLICY_STRICT, &config, &err) ==
                      -RFE_CONFIG,
                  "%s was accepted", c->name);
    ck_assert_msg(strstr(err.msg, "p.yml:") == err.msg, "%s: %s", c->name, err.msg);
    ck_assert_msg(strstr(err.msg, want) != NULL, "%s: \"%s\" lacks \"%s\"", c->name, err.msg, want);
    ck_assert_ptr_null(config);
}
END_TEST

START_TEST(cases_are_there)
{
    ck_assert_uint_ge(refused.n, 60);
}
END_TEST

static struct rf_policy_config *load_full(unsigned flags)
{
    RF_CLEANUP(rf_freep) char *folder = test_data_path("policy");
    struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(chdir(folder), 0);
    setenv("RF_TEST_HOST", "127.0.0.1:5000", 1);
    setenv("RF_TEST_USER", "u", 1);
    setenv("RF_TEST_PASS", "secret", 1);
    ck_assert_msg(rf_policy_config_load("full.yml", flags, &c, &err) == 0, "%s", err.msg);
    return c;
}

START_TEST(creds_of_the_full_file)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = load_full(RF_POLICY_STRICT);
    ck_assert_uint_eq(c->creds.n, 2);
    const struct rf_host *h = &c->creds.list[0];
    ck_assert_str_eq(h->name, "registry.example:5000");
    /* Templates only where upstream has them. */
    ck_assert_str_eq(h->hostname, "{{env \"RF_TEST_HOST\"}}");
    ck_assert_str_eq(h->user, "u");
    ck_assert_str_eq(h->pass, "p-secret");
    ck_assert_int_eq(h->tls, RF_TLS_DISABLED);
    ck_assert_uint_eq(h->cred_expire_s, 5400);
    ck_assert_str_eq(h->cred_host, "helper.example");
    ck_assert_str_eq(h->path_prefix, "mirror");
    ck_assert_uint_eq(h->n_mirrors, 2);
    ck_assert_str_eq(h->mirrors[1], "m2.example:5000");
    ck_assert_uint_eq(h->priority, 7);
    ck_assert(h->repo_auth_set && !h->repo_auth);
    ck_assert(h->disable_head);
    ck_assert_str_eq(json_string_value(json_object_get(h->api_opts, "other")), "5");
    ck_assert_int_eq(h->blob_chunk, 1048576);
    ck_assert_int_eq(h->blob_max, -1);
    ck_assert_double_eq(h->req_per_sec, 2.5);
    ck_assert_uint_eq(h->req_concurrent, 4);
    h = &c->creds.list[1];
    ck_assert_str_eq(h->name, "docker.io");
    ck_assert_str_eq(h->token, "token-1");
    ck_assert_str_eq(h->cred_helper, "docker-credential-x");
    ck_assert_str_eq(h->ca_pem, "-----BEGIN CERTIFICATE-----\n");
    ck_assert_str_eq(h->client_cert_pem, "c");
    ck_assert_str_eq(h->client_key_pem, "k");
    ck_assert(h->repo_auth_set && h->repo_auth);
    ck_assert_int_eq(h->tls, RF_TLS_DISABLED);
    ck_assert_ptr_null(h->user);
}
END_TEST

START_TEST(creds_reach_the_hosts)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = NULL;
    RF_CLEANUP(rf_hosts_freep) struct rf_hosts *hosts = rf_hosts_new();
    struct rf_err err = RF_ERR_INIT;
    static const char text[] = "creds:\n- {registry: r.example, user: a, pass: b, tls: disabled}\n"
                               "- {registry: r.example, hostname: other.example}\n";
    ck_assert_int_eq(rf_policy_config_parse("p", rf_slice_str(text), 0, &c, NULL), 0);
    ck_assert_msg(rf_creds_merge(&c->creds, hosts, &err) == 0, "%s", err.msg);
    const struct rf_host *h = rf_hosts_get(hosts, "r.example");
    ck_assert_str_eq(h->hostname, "other.example");
    ck_assert_str_eq(h->user, "a");
    ck_assert_int_eq(h->tls, RF_TLS_DISABLED);
}
END_TEST

START_TEST(creds_that_cannot_be_used_are_told_with_their_place)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = NULL;
    RF_CLEANUP(rf_hosts_freep) struct rf_hosts *hosts = rf_hosts_new();
    struct rf_err err = RF_ERR_INIT;
    static const char text[] =
        "creds:\n- registry: a.example\n- {registry: r.example, regcert: no}\n";
    ck_assert_int_eq(rf_policy_config_parse("p.yml", rf_slice_str(text), 0, &c, NULL), 0);
    ck_assert_int_eq(rf_creds_merge(&c->creds, hosts, &err), -RFE_CONFIG);
    ck_assert_msg(strstr(err.msg, "p.yml:3:3: creds[1]: ") == err.msg, "%s", err.msg);
    ck_assert_ptr_nonnull(strstr(err.msg, "regcert: not in PEM form"));
}
END_TEST

START_TEST(defaults_of_the_full_file)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = load_full(RF_POLICY_STRICT);
    const struct rf_step_defaults *d = &c->defaults;
    ck_assert_str_eq(c->name, "full.yml");
    ck_assert_int_eq(c->version, 1);
    ck_assert_uint_eq(d->parallel, 3);
    ck_assert_uint_eq(d->s.interval_ns, 5400000000000u);
    ck_assert_str_eq(d->s.schedule, "15 3 * * *");
    ck_assert_int_eq(d->s.digest_tags, RF_TRI_YES);
    ck_assert_int_eq(d->s.force_recursive, RF_TRI_UNSET);
    ck_assert_int_eq(d->blob_limit, 1000);
    ck_assert_uint_eq(d->cache_count, 10);
    ck_assert_uint_eq(d->cache_time_ns, 300000000000u);
    ck_assert_int_eq(d->skip_docker_config, RF_TRI_YES);
    ck_assert_str_eq(d->user_agent, "ferry");
}
END_TEST

START_TEST(first_step_of_the_full_file)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = load_full(RF_POLICY_STRICT);
    ck_assert_uint_eq(c->n_steps, 3);
    const struct rf_step *s = &c->steps[0];
    ck_assert_int_eq(s->type, RF_STEP_IMAGE);
    ck_assert_str_eq(s->source_ref.tag, "3.20");
    ck_assert_str_eq(s->target, "reg.example/mirror/alpine:3.20");
    ck_assert_str_eq(s->platform, "linux/arm64");
    ck_assert_uint_eq(s->platforms.n, 2);
    /* An explicit no wins over a default yes; what is unset everywhere is no. */
    ck_assert_int_eq(s->s.digest_tags, RF_TRI_NO);
    ck_assert_int_eq(s->s.referrers, RF_TRI_YES);
    ck_assert_int_eq(s->s.fast_check, RF_TRI_YES);
    ck_assert_int_eq(s->s.force_recursive, RF_TRI_NO);
    /* A step with its own time does not take the default schedule. */
    ck_assert_uint_eq(s->s.interval_ns, 300000000000u);
    ck_assert_ptr_null(s->s.schedule);
    /* Waiting for a rate limit is never shorter than 5 min. */
    ck_assert_int_eq(s->s.ratelimit_min, 5);
    ck_assert_uint_eq(s->s.ratelimit_retry_ns, 300000000000u);
    ck_assert_str_eq(s->s.backup, "old-{{.Ref.Tag}}");
    ck_assert_uint_eq(s->s.n_referrer_filters, 1);
    ck_assert_str_eq(s->s.referrer_filters[0].artifact_type, "application/vnd.example.sbom");
    ck_assert_uint_eq(s->s.referrer_filters[0].annotations.n, 4);
    ck_assert_str_eq(s->s.referrer_filters[0].annotations.items[3], "");
    ck_assert_uint_eq(s->s.media_types.n, 1);
    ck_assert_str_eq(s->s.hooks.pre->type, "exec");
    ck_assert_ptr_null(s->s.hooks.post);
    ck_assert(rf_name_filter_is_empty(s->tag_names));
    ck_assert_uint_gt(s->line, 60);
    ck_assert_uint_eq(s->column, 5);
}
END_TEST

START_TEST(other_steps_of_the_full_file)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = load_full(RF_POLICY_STRICT);
    const struct rf_step *s = &c->steps[1];
    ck_assert_int_eq(s->type, RF_STEP_REPOSITORY);
    ck_assert_str_eq(s->target, "ocidir:///srv/repository/app");
    ck_assert_str_eq(s->source_ref.repository, "team/app");
    ck_assert_ptr_null(s->source_ref.tag);
    /* Its own tags replace the merged ones whole. */
    ck_assert_int_eq(rf_name_filter_match(s->tag_names, "v1.2", NULL), 1);
    ck_assert_int_eq(rf_name_filter_match(s->tag_names, "v1.2-rc1", NULL), 0);
    ck_assert_int_eq(rf_name_filter_match(s->tag_names, "v2", NULL), 0);
    ck_assert_int_eq(s->s.digest_tags, RF_TRI_YES);
    /* Of the defaults' two times the schedule counts. */
    ck_assert_uint_eq(s->s.interval_ns, 0);
    ck_assert_str_eq(s->s.schedule, "15 3 * * *");
    ck_assert_uint_eq(s->s.ratelimit_retry_ns, 600000000000u);
    ck_assert_str_eq(s->s.backup, "b");
    ck_assert_uint_eq(s->s.media_types.n, 2);
    s = &c->steps[2];
    ck_assert_int_eq(s->type, RF_STEP_REGISTRY);
    ck_assert_ptr_null(s->target);
    ck_assert_int_eq(rf_name_filter_match(s->repo_names, "team/a", NULL), 1);
    ck_assert_int_eq(rf_name_filter_match(s->repo_names, "team/old", NULL), 0);
    ck_assert_str_eq(s->s.referrer_source, "refs.example/x");
    ck_assert_str_eq(s->s.referrer_target, "registry.example:5000/refs");
    ck_assert_int_eq(s->s.referrer_slow, RF_TRI_YES);
    ck_assert_int_eq(s->s.include_external, RF_TRI_YES);
}
END_TEST

START_TEST(least_file)
{
    static const char *const texts[] = {
        "", "{}", "sync:\n", "sync: []\n", "version: 0\n", "x-only: 1\n", "defaults:\ncreds: []\n"
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(texts); i++) {
        RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = NULL;
        struct rf_err err = RF_ERR_INIT;
        ck_assert_msg(
            rf_policy_config_parse("p", rf_slice_str(texts[i]), RF_POLICY_STRICT, &c, &err) == 0,
            "%s: %s", texts[i], err.msg);
        ck_assert_uint_eq(c->n_steps, 0);
        ck_assert_int_eq(c->version, 1);
    }
}
END_TEST

START_TEST(defaults_may_stand_last)
{
    static const char text[] = "sync:\n- {source: a, type: image}\ndefaults: {referrers: true}\n";
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = NULL;
    ck_assert_int_eq(rf_policy_config_parse("p", rf_slice_str(text), 0, &c, NULL), 0);
    ck_assert_int_eq(c->steps[0].s.referrers, RF_TRI_YES);
    ck_assert_uint_eq(c->steps[0].s.media_types.n, 4);
    ck_assert_uint_eq(c->steps[0].s.ratelimit_retry_ns, 300000000000u);
}
END_TEST

/* As regsync reads it: what it does not know is passed over, what is wrong is told when the step runs. */
START_TEST(lenient_reader)
{
    static const char text[] =
        "unknown: 1\ndefaults:\n  fastCopy: true\n  nope: 1\nsync:\n"
        "- source: \"not a ref\"\n  target: X\n  type: nothing\n  whatever: 1\n"
        "- source: a\n  type: repository\n  tags: {semverRange: [\">=1\"]}\n"
        "  tagSets:\n  - allow: [a]\n    deny: [b]\n  - semverRange: [\"^2\"]\n";
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_policy_config_parse("p", rf_slice_str(text), 0, &c, &err) == 0, "%s", err.msg);
    ck_assert_int_eq(c->steps[0].type, RF_STEP_UNKNOWN);
    ck_assert_int_eq(c->steps[0].s.fast_check, RF_TRI_YES);
    ck_assert_str_eq(c->steps[1].tags.semver.items[0], ">=1");
    ck_assert_uint_eq(c->steps[1].n_tag_sets, 2);
    ck_assert_str_eq(c->steps[1].tag_sets[0].deny.items[0], "b");
    ck_assert_str_eq(c->steps[1].tag_sets[1].semver.items[0], "^2");
    ck_assert_str_eq(c->steps[1].source_ref.repository, "library/a");
}
END_TEST

START_TEST(secrets_are_not_quoted)
{
    static const char *const texts[] = {
        "creds:\n- registry: r.example\n  pass: hunter2\n  user: [\"hunter2\"]\n",
        "creds:\n- registry: r.example\n  pass: [hunter2]\n",
        "creds:\n- registry: r.example\n  pass: 'hunter2{{ nope }}'\n",
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(texts); i++) {
        struct rf_policy_config *c = NULL;
        struct rf_err err = RF_ERR_INIT;
        ck_assert_int_eq(rf_policy_config_parse("p", rf_slice_str(texts[i]), 0, &c, &err),
                         -RFE_CONFIG);
        ck_assert_msg(strstr(err.msg, "hunter2") == NULL, "%s", err.msg);
    }
}
END_TEST

START_TEST(file_that_is_not_there)
{
    struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_policy_config_load("/nowhere.yml", 0, &c, &err), -RFE_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.msg, "/nowhere.yml"));
    ck_assert_int_eq(rf_error_exit_status(err.code), 2);
}
END_TEST

Suite *rf_config_suite(void);
Suite *rf_config_suite(void)
{
    Suite *s = suite_create("config");
    TCase *t = tcase_create("config");
    refused = test_cases_load("policy/refused", ".case");
    tcase_add_test(t, cases_are_there);
    tcase_add_loop_test(t, refused_case, 0, (int)refused.n);
    tcase_add_test(t, creds_of_the_full_file);
    tcase_add_test(t, creds_reach_the_hosts);
    tcase_add_test(t, creds_that_cannot_be_used_are_told_with_their_place);
    tcase_add_test(t, defaults_of_the_full_file);
    tcase_add_test(t, first_step_of_the_full_file);
    tcase_add_test(t, other_steps_of_the_full_file);
    tcase_add_test(t, least_file);
    tcase_add_test(t, defaults_may_stand_last);
    tcase_add_test(t, lenient_reader);
    tcase_add_test(t, secrets_are_not_quoted);
    tcase_add_test(t, file_that_is_not_there);
    suite_add_tcase(s, t);
    return s;
}
