/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/verdict.h"

#include <check.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "policy/config.h"

static struct rf_err err;
static struct rf_policy_config *config;
static struct rf_verdicts *verdicts;

static void teardown(void)
{
    rf_verdicts_freep(&verdicts);
    rf_policy_config_freep(&config);
}

static void setup(void)
{
    err = (struct rf_err)RF_ERR_INIT;
    config = NULL;
    verdicts = NULL;
}

/* ---- the section ---- */

static int parse(const char *text)
{
    rf_policy_config_freep(&config);
    return rf_policy_config_parse("ferry.yml", rf_slice_str(text), RF_POLICY_STRICT, &config, &err);
}

static const struct {
    const char *text, *message;
} wrong_sections[] = {
    { "policy: 1\n", "ferry.yml:1:9: policy: a map is wanted" },
    { "policy: {}\n", "ferry.yml:1:9: policy: neither script nor file" },
    { "policy: {script: a, file: b}\n",
      "ferry.yml:1:9: policy: script and file exclude each other" },
    { "policy: {scripts: a}\n", "ferry.yml:1:10: unknown key \"scripts\" in policy" },
    { "policy: {file: ''}\n", "ferry.yml:1:16: policy.file: empty" },
    { "policy: {script: a, timeout: 0s}\n", "ferry.yml:1:30: policy.timeout: more than 0" },
    { "policy: {script: a, timeout: 2h}\n", "ferry.yml:1:30: policy.timeout: more than 0" },
    { "policy: {script: a, timeout: 5}\n", "ferry.yml:1:30: policy.timeout" },
    { "policy: {script: a, memory: 0}\n", "ferry.yml:1:29: policy.memory" },
    { "policy: {script: a, memory: 64MiB}\n", "ferry.yml:1:29: policy.memory" },
    { "policy: {script: [a]}\n", "ferry.yml:1:18: policy.script: a text is wanted" },
};

START_TEST(test_wrong_section)
{
    int rc = parse(wrong_sections[_i].text);
    ck_assert_int_eq(rc, -RFE_CONFIG);
    ck_assert_msg(
        strncmp(err.msg, wrong_sections[_i].message, strlen(wrong_sections[_i].message)) == 0, "%s",
        err.msg);
}
END_TEST

START_TEST(test_section)
{
    ck_assert_msg(
        parse("sync: []\npolicy:\n  timeout: 7s\n  memory: 8\n  script: |\n    x = 1\n") == 0, "%s",
        err.msg);
    ck_assert_str_eq(config->policy.text, "x = 1\n");
    ck_assert_uint_eq(config->policy.lines, 5);
    ck_assert_uint_eq(config->policy.timeout_ns, 7000000000u);
    ck_assert_int_eq(config->policy.memory_mib, 8);
    ck_assert(rf_policy_section_is_set(&config->policy));
    /* who does not read the section does not look at it */
    rf_policy_config_freep(&config);
    ck_assert_int_eq(rf_policy_config_parse("a", rf_slice_str("policy: 1\n"), 0, &config, &err), 0);
    ck_assert(!rf_policy_section_is_set(&config->policy));
}
END_TEST

/* ---- the script ---- */

static int open_script(const char *script, const char *more)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 1u << 20);
    rf_buf_addf(&text, "policy:\n%s  script: |\n", more);
    for (const char *line = script; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        rf_buf_addf(&text, "    %.*s\n", (int)n, line);
        line += n + (line[n] != '\0');
    }
    rf_verdicts_freep(&verdicts);
    int rc = parse(text.ptr);
    return rc < 0 ? rc : rf_verdicts_open(&config->policy, &verdicts, &err);
}

static void must_open(const char *script)
{
    ck_assert_msg(open_script(script, "") == 0, "%s", err.msg);
}

static struct rf_verdict ask(enum rf_verdict_function f)
{
    struct rf_verdict v = { 0 };
    RF_CLEANUP(rf_json_decrefp) json_t *image = json_pack("{s:s, s:i}", "name", "a:1", "size", 5);
    ck_assert_msg(rf_verdicts_ask(verdicts, f, "a:1", image, &v, &err) == 0, "%s", err.msg);
    return v;
}

static const struct {
    const char *script, *message;
} wrong_scripts[] = {
    { "function carry(image\n  return true\nend", "ferry.yml:4: " },
    { "x = 1\nlocal t = nil\nt.x = 1", "ferry.yml:5: attempt to index a nil value (local 't')" },
    { "x = 1", "ferry.yml: the policy script defines none of carry, accept and keep" },
    { "carry = true", "ferry.yml: the policy script defines none" },
    { "io.open('/etc/passwd')", "ferry.yml:3: attempt to index a nil value (global 'io')" },
};

START_TEST(test_wrong_script)
{
    ck_assert_int_eq(open_script(wrong_scripts[_i].script, ""), -RFE_CONFIG);
    ck_assert_msg(strstr(err.msg, wrong_scripts[_i].message) != NULL, "%s", err.msg);
}
END_TEST

START_TEST(test_script_that_does_not_end)
{
    ck_assert_int_eq(open_script("while true do end", "  timeout: 100ms\n"), -RFE_CONFIG);
    ck_assert_msg(strstr(err.msg, "timeout") != NULL, "%s", err.msg);
}
END_TEST

START_TEST(test_file)
{
    char dir[] = "/tmp/rf-test-verdict-XXXXXX", path[80], policy[80];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/rules.lua", dir);
    (void)snprintf(policy, sizeof(policy), "%s/ferry.yml", dir);
    const char *text = "policy: {file: rules.lua}\n";
    ck_assert_int_eq(
        rf_policy_config_parse(policy, rf_slice_str(text), RF_POLICY_STRICT, &config, &err), 0);
    ck_assert_int_eq(rf_verdicts_open(&config->policy, &verdicts, &err), -RFE_CONFIG);
    ck_assert_msg(strstr(err.msg, "policy.file") != NULL && strstr(err.msg, path) != NULL, "%s",
                  err.msg);
    ck_assert_int_eq(
        rf_file_write(path, rf_slice_str("function accept(i) error('no') end"), 0600, &err), 0);
    ck_assert_msg(rf_verdicts_open(&config->policy, &verdicts, &err) == 0, "%s", err.msg);
    ck_assert(rf_verdicts_has(verdicts, RF_VERDICT_ACCEPT));
    ck_assert(!rf_verdicts_has(verdicts, RF_VERDICT_CARRY));
    ck_assert(!rf_verdicts_has(NULL, RF_VERDICT_CARRY));
    struct rf_verdict v = ask(RF_VERDICT_ACCEPT);
    ck_assert_int_eq(v.kind, RF_VERDICT_NO);
    ck_assert_msg(strstr(v.reason, "rules.lua:1: no") != NULL, "%s", v.reason);
    rf_verdict_release(&v);
    (void)remove(path);
    (void)remove(dir);
}
END_TEST

/* ---- verdicts ---- */

static const struct {
    const char *body;
    int kind;
    bool mistaken;
    const char *reason;
} answers[] = {
    { "return true", RF_VERDICT_YES, false, NULL },
    { "return true, 'fine'", RF_VERDICT_YES, false, NULL },
    { "return image.size == 5", RF_VERDICT_YES, false, NULL },
    { "return false, 'too ' .. image.name", RF_VERDICT_NO, false, "too a:1" },
    { "return false, 'a\\nb\\27[1m'", RF_VERDICT_NO, false, "a\\x0ab\\x1b[1m" },
    { "return false, '\\0x'", RF_VERDICT_NO, false, "\\x00x" },
    { "return false", RF_VERDICT_NO, true, "it returned false without a reason" },
    { "return false, 7", RF_VERDICT_NO, true, "it returned false without a reason" },
    { "return", RF_VERDICT_NO, true, "it returned nothing" },
    { "return nil, 'x'", RF_VERDICT_NO, true, "it returned nothing" },
    { "return 1", RF_VERDICT_NO, true, "it returned a number" },
    { "return 'true'", RF_VERDICT_NO, true, "it returned a string" },
    { "return true, {}", RF_VERDICT_NO, true, "it returned true and a table" },
    { "return image.referrers[1].x", RF_VERDICT_NO, true, "ferry.yml:4: attempt to index" },
    { "error({})", RF_VERDICT_NO, true, "" },
    { "return rf_verdict('carry', image)", RF_VERDICT_NO, true, "" },
    { "_G.carry = nil\nreturn true", RF_VERDICT_YES, false, NULL },
};

START_TEST(test_answers)
{
    RF_CLEANUP(rf_freep)
    char *script = rf_xasprintf("function carry(image)\n%s\nend\nfunction keep(image)\n%s\nend",
                                answers[_i].body, answers[_i].body);
    must_open(script);
    struct rf_verdict v = ask(RF_VERDICT_CARRY);
    ck_assert_msg(v.kind == answers[_i].kind && v.mistaken == answers[_i].mistaken, "%s: %d %s",
                  answers[_i].body, v.kind, v.reason);
    ck_assert_int_eq(v.reason == NULL, answers[_i].reason == NULL);
    if (v.reason != NULL) {
        ck_assert_msg(strncmp(v.reason, v.mistaken ? "carry failed: " : "carry: ",
                              v.mistaken ? 14 : 7) == 0 &&
                          strstr(v.reason, answers[_i].reason) != NULL,
                      "%s", v.reason);
    }
    rf_verdict_release(&v);
    if (!answers[_i].mistaken)
        return;
    v = ask(RF_VERDICT_KEEP); /* what keep fails on is kept */
    ck_assert_int_eq(v.kind, RF_VERDICT_YES);
    ck_assert(v.mistaken && v.reason != NULL);
    rf_verdict_release(&v);
}
END_TEST

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A function that does not end is no verdict; the next image has a fresh box; in the end the run fails. */
START_TEST(test_endless)
{
    int64_t start = now_ms();
    struct rf_verdict v = { 0 };
    RF_CLEANUP(rf_json_decrefp) json_t *image = json_object();
    ck_assert_int_eq(open_script("n = 0\nfunction carry(i) while true do pcall(carry, i) end end\n"
                                 "function keep() n = n + 1 return false, tostring(n) end",
                                 "  timeout: 300ms\n"),
                     0);
    for (unsigned i = 1; i < RF_VERDICT_TIMEOUTS_MAX; i++) {
        v = ask(RF_VERDICT_CARRY);
        ck_assert_int_eq(v.kind, RF_VERDICT_NO);
        ck_assert(v.mistaken);
        rf_verdict_release(&v);
    }
    v = ask(RF_VERDICT_KEEP);
    ck_assert_str_eq(v.reason, "keep: 1");
    rf_verdict_release(&v);
    ck_assert_int_eq(rf_verdicts_ask(verdicts, RF_VERDICT_CARRY, "x", image, &v, &err),
                     -RFE_FAILED);
    ck_assert_msg(strstr(err.msg, "10 images") != NULL, "%s", err.msg);
    ck_assert_int_lt(now_ms() - start, 50000);
}
END_TEST

START_TEST(test_memory)
{
    ck_assert_int_eq(open_script("function carry() local s = 'x'\n"
                                 "while true do s = s .. s end end\n"
                                 "function keep() return true end",
                                 "  memory: 4\n"),
                     0);
    struct rf_verdict v = ask(RF_VERDICT_CARRY);
    ck_assert_int_eq(v.kind, RF_VERDICT_NO);
    ck_assert_msg(strstr(v.reason, "memory") != NULL, "%s", v.reason);
    rf_verdict_release(&v);
    v = ask(RF_VERDICT_KEEP);
    ck_assert(v.kind == RF_VERDICT_YES && !v.mistaken);
    rf_verdict_release(&v);
}
END_TEST

START_TEST(test_long_reason)
{
    must_open("function carry() return false, ('x'):rep(100000) end");
    struct rf_verdict v = ask(RF_VERDICT_CARRY);
    ck_assert_int_eq(v.kind, RF_VERDICT_NO);
    ck_assert_uint_lt(strlen(v.reason), RF_VERDICT_REASON_MAX + 20);
    rf_verdict_release(&v);
}
END_TEST

Suite *rf_verdict_suite(void);
Suite *rf_verdict_suite(void)
{
    Suite *s = suite_create("verdict");
    TCase *t = tcase_create("verdict");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, test_wrong_section, 0, (int)RF_ARRAY_LEN(wrong_sections));
    tcase_add_test(t, test_section);
    tcase_add_loop_test(t, test_wrong_script, 0, (int)RF_ARRAY_LEN(wrong_scripts));
    tcase_add_test(t, test_script_that_does_not_end);
    tcase_add_test(t, test_file);
    tcase_add_loop_test(t, test_answers, 0, (int)RF_ARRAY_LEN(answers));
    tcase_add_test(t, test_endless);
    tcase_add_test(t, test_memory);
    tcase_add_test(t, test_long_reason);
    suite_add_tcase(s, t);
    return s;
}
