/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/retain.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "policy/config.h"
#include "tests/support/data_files.h"

#define FACTS_MAX 16
#define AS_OF 1800000000

static struct test_case_list cases;

struct lines {
    struct rf_retain_fact facts[FACTS_MAX];
    char *texts[FACTS_MAX]; /* cut into fields; the facts borrow from them */
    const char *want[FACTS_MAX];
    size_t n;
};

static void digest_of_letter(char letter, struct rf_digest *out)
{
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_of(&letter, 1), out);
}

static void add_pair(const json_t **to, char *text)
{
    char *value = strchr(text, '=');
    json_t *object = *to != NULL ? (json_t *)(uintptr_t)*to : json_object();
    *value = '\0';
    json_object_set_new(object, text, json_string(value + 1));
    *to = object;
}

static const char *with_blanks(char *text)
{
    for (char *p = text; *p != '\0'; p++)
        if (*p == '+')
            *p = ' ';
    return text;
}

/* w; U; L:name=value; A:name=value; S:letter; F:tag+tag; O:text. Commas between them. */
static void add_marks(struct rf_retain_fact *f, char *text)
{
    char *save = NULL;
    for (char *m = strtok_r(text, ",", &save); m != NULL; m = strtok_r(NULL, ",", &save)) {
        if (*m == 'w')
            f->wanted = true;
        else if (*m == 'U')
            f->unread = true;
        else if (*m == 'L')
            add_pair(&f->labels, m + 2);
        else if (*m == 'A')
            add_pair(&f->annotations, m + 2);
        else if (*m == 'S')
            digest_of_letter(m[2], &f->subject);
        else if (*m == 'F')
            f->former = with_blanks(m + 2);
        else
            f->other = m + 2;
    }
}

/* REPOSITORY TAG LETTER DAYS|- [MARKS] -> VERDICT */
static void add_line(struct lines *l, char *text)
{
    struct rf_retain_fact *f = &l->facts[l->n];
    char *save = NULL, *arrow = strstr(text, " -> ");
    ck_assert_ptr_nonnull(arrow);
    *arrow = '\0';
    l->texts[l->n] = text;
    l->want[l->n++] = arrow + 4;
    f->repository = strtok_r(text, " ", &save);
    f->tag = strtok_r(NULL, " ", &save);
    if (strcmp(f->tag, "-") == 0)
        f->tag = "";
    digest_of_letter(strtok_r(NULL, " ", &save)[0], &f->digest);
    const char *days = strtok_r(NULL, " ", &save);
    f->has_created = strcmp(days, "-") != 0;
    f->created = AS_OF - strtol(days, NULL, 10) * 86400;
    char *marks = strtok_r(NULL, " ", &save);
    if (marks != NULL)
        add_marks(f, marks);
}

static void read_lines(const char *head, struct lines *l)
{
    for (const char *p = head; *p != '\0';) {
        size_t n = strcspn(p, "\n");
        if (n > 0)
            add_line(l, rf_xstrndup(p, n));
        p += n + (p[n] == '\n');
    }
}

START_TEST(golden)
{
    const struct test_case_file *c = &cases.list[_i];
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *config = NULL;
    struct rf_retain_verdict out[FACTS_MAX];
    struct lines l = { .n = 0 };
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_policy_config_parse("p.yml", rf_slice_of(c->body, c->body_len),
                                         RF_POLICY_STRICT, &config, &err) == 0,
                  "%s: %s", c->name, err.msg);
    ck_assert(config->retain.read);
    read_lines(c->head, &l);
    ck_assert_uint_gt(l.n, 0);
    ck_assert_int_eq(rf_retain_judge(&config->retain, l.facts, l.n, AS_OF, out, &err), 0);
    for (size_t i = 0; i < l.n; i++) {
        RF_CLEANUP(rf_freep)
        char *have = rf_xasprintf("%s %s", out[i].keep ? "keep" : "go", out[i].rule);
        ck_assert_msg(strcmp(have, l.want[i]) == 0, "%s: %s:%s: \"%s\" instead of \"%s\"", c->name,
                      l.facts[i].repository, l.facts[i].tag, have, l.want[i]);
        json_decref((json_t *)(uintptr_t)l.facts[i].labels);
        json_decref((json_t *)(uintptr_t)l.facts[i].annotations);
    }
    rf_retain_verdicts_free(out, l.n);
    for (size_t i = 0; i < l.n; i++)
        free(l.texts[i]);
}
END_TEST

START_TEST(cases_are_there)
{
    ck_assert_uint_ge(cases.n, 12);
}
END_TEST

static struct rf_policy_config *parse(const char *text, unsigned flags)
{
    struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_policy_config_parse("p.yml", rf_slice_str(text), flags, &c, &err) == 0, "%s",
                  err.msg);
    return c;
}

START_TEST(limits)
{
    RF_CLEANUP(rf_policy_config_freep)
    struct rf_policy_config *c = parse(
        "retain: {maxDelete: 10%, graceTime: 90s, rules: [{newerThan: 1h, name: r, tags: [a], "
        "labels: {x: y, z: }}]}",
        RF_POLICY_STRICT);
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    ck_assert_uint_eq(c->retain.max_delete, 10);
    ck_assert(c->retain.max_is_percent && c->retain.has_max);
    ck_assert_uint_eq(rf_retain_grace_s(&c->retain), 90);
    ck_assert(rf_retain_uses_age(&c->retain));
    ck_assert_int_eq(rf_retain_needs(&c->retain, "any", NULL),
                     RF_RETAIN_NEEDS_CONFIG | RF_RETAIN_NEEDS_MANIFEST);
    rf_buf_init(&text, 0);
    rf_retain_rule_text(&c->retain.rules[0], &text);
    ck_assert_str_eq(text.ptr,
                     "name \"r\" newerThan 3600s tags [\"a\"] labels [\"x\"=\"y\", \"z\"]");
}
END_TEST

START_TEST(caps)
{
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_retain_check_max(10, true, 10, 100, "the file", &err), 0);
    ck_assert_int_eq(rf_retain_check_max(10, true, 11, 100, "the file", &err), -RFE_REFUSED);
    ck_assert_int_eq(rf_retain_check_max(10, true, 1, 9, "the file", &err), -RFE_REFUSED);
    ck_assert_int_eq(rf_retain_check_max(3, false, 3, 3, "the file", &err), 0);
    ck_assert_int_eq(
        rf_retain_check_max(10, true, UINT64_MAX / 10 - 1, UINT64_MAX, "the file", &err), 0);
    ck_assert_int_eq(
        rf_retain_check_max(10, true, UINT64_MAX / 10 + 1, UINT64_MAX, "the file", &err),
        -RFE_REFUSED);
    ck_assert_int_eq(rf_retain_check_max(0, false, 1, 3, "the file", &err), -RFE_REFUSED);
    ck_assert_ptr_nonnull(strstr(err.msg, "1 of 3 images"));
}
END_TEST

/* As many as a site may have, all created at the same time, each with a referrer, and one reached only by way of the other. */
START_TEST(many)
{
    enum { N = 20000 };
    RF_CLEANUP(rf_policy_config_freep)
    struct rf_policy_config *c =
        parse("retain: {rules: [{keepNewest: 5, tags: [t7]}]}", RF_POLICY_STRICT);
    RF_CLEANUP(rf_freep) struct rf_retain_fact *facts = rf_xcalloc(2 * N, sizeof(*facts));
    RF_CLEANUP(rf_freep) struct rf_retain_verdict *out = rf_xcalloc(2 * N, sizeof(*out));
    char(*tags)[16] = rf_xcalloc(N, sizeof(*tags));
    struct rf_err err = RF_ERR_INIT;
    for (uint32_t i = 0; i < N; i++) {
        (void)snprintf(tags[i], sizeof(tags[i]), "t%u", i);
        facts[i] = (struct rf_retain_fact){ .repository = "app", .tag = tags[i] };
        facts[i].has_created = true;
        rf_digest_of(RF_DIGEST_SHA256, rf_slice_of(&i, sizeof(i)), &facts[i].digest);
        facts[N + i] =
            (struct rf_retain_fact){ .repository = "app", .tag = "", .subject = facts[i].digest };
        rf_digest_of(RF_DIGEST_SHA256, rf_slice_str(tags[i]), &facts[N + i].digest);
    }
    ck_assert_int_eq(rf_retain_judge(&c->retain, facts, 2 * N, AS_OF, out, &err), 0);
    size_t kept = 0;
    for (size_t i = 0; i < N; i++) {
        kept += out[i].keep;
        ck_assert_int_eq(out[N + i].keep, out[i].keep);
    }
    ck_assert_uint_eq(kept, 6); /* t0, t1, t10, t100, t1000; t7 */
    ck_assert(out[7].keep && out[1000].keep);
    rf_retain_verdicts_free(out, 2 * N);
    free(tags);
}
END_TEST

/* A section that is empty is none; regsync and regbot pass over what they do not heed. */
START_TEST(absent)
{
    static const char *const texts[] = { "retain:\n", "retain: ~\n", "version: 1\n" };
    for (size_t i = 0; i < RF_ARRAY_LEN(texts); i++) {
        RF_CLEANUP(rf_policy_config_freep)
        struct rf_policy_config *c = parse(texts[i], RF_POLICY_STRICT);
        ck_assert(!c->retain.read);
    }
    RF_CLEANUP(rf_policy_config_freep)
    struct rf_policy_config *lenient = parse("retain: {nonsense: [1]}\n", 0);
    ck_assert(!lenient->retain.read);
}
END_TEST

Suite *rf_retain_suite(void);
Suite *rf_retain_suite(void)
{
    Suite *s = suite_create("retain");
    TCase *t = tcase_create("all");
    cases = test_cases_load("policy/retain", ".case");
    tcase_add_test(t, cases_are_there);
    tcase_add_loop_test(t, golden, 0, (int)cases.n);
    tcase_add_test(t, limits);
    tcase_add_test(t, caps);
    tcase_add_test(t, many);
    tcase_add_test(t, absent);
    suite_add_tcase(s, t);
    return s;
}
