/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/regctl_file.h"

#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/regclient/helper_home.h"
#include "tests/support/data_files.h"

#define FILE_NAME ".regctl/config.json"
#define N_CASES 24
#define WORDS_MAX 24

static struct test_case_list cases;

/* ---- golden cases: `before` is the file, `do` what is done, the body the file afterwards ---- */

struct words {
    char *list[WORDS_MAX];
    size_t n;
};

static struct words split(char *text)
{
    struct words w = { .n = 0 };
    char *save = NULL;
    for (char *p = strtok_r(text, " ", &save); p != NULL && w.n < WORDS_MAX;
         p = strtok_r(NULL, " ", &save))
        w.list[w.n++] = p;
    for (size_t i = 0; i < w.n; i++) /* a plus sign stands for a blank inside a word */
        for (char *p = w.list[i]; *p != '\0'; p++)
            *p = *p == '+' ? ' ' : *p;
    return w;
}

struct numbers {
    uint64_t priority;
    int64_t chunk, max, concurrent, limit;
    double rate;
    bool repo_auth, cert, cred;
};

static bool take(const char *word, const char *key, const char **value)
{
    size_t n = strlen(key);
    if (strncmp(word, key, n) != 0 || word[n] != '=')
        return false;
    *value = word + n + 1;
    return true;
}

static void take_host(struct rf_regctl_host_changes *c, struct numbers *n, const char **mirrors,
                      const char **opts, const char *word)
{
    const char *v = NULL;
    if (take(word, "tls", &c->tls) || take(word, "cacert", &c->ca_pem) ||
        take(word, "hostname", &c->hostname) || take(word, "cred-helper", &c->cred_helper) ||
        take(word, "path-prefix", &c->path_prefix) ||
        take(word, "client-cert", &c->client_cert_pem) ||
        take(word, "client-key", &c->client_key_pem))
        return;
    if (take(word, "mirror", &mirrors[c->n_mirrors])) {
        c->n_mirrors++;
        c->mirrors = mirrors;
    } else if (take(word, "api-opts", &opts[c->n_api_opts])) {
        c->n_api_opts++;
        c->api_opts = opts;
    } else if (take(word, "priority", &v)) {
        n->priority = strtoull(v, NULL, 10);
        c->priority = &n->priority;
    } else if (take(word, "repo-auth", &v)) {
        n->repo_auth = strcmp(v, "true") == 0;
        c->repo_auth = &n->repo_auth;
    } else if (take(word, "blob-chunk", &v)) {
        n->chunk = strtoll(v, NULL, 10);
        c->blob_chunk = &n->chunk;
    } else if (take(word, "blob-max", &v)) {
        n->max = strtoll(v, NULL, 10);
        c->blob_max = &n->max;
    } else if (take(word, "req-concurrent", &v)) {
        n->concurrent = strtoll(v, NULL, 10);
        c->req_concurrent = &n->concurrent;
    } else if (take(word, "req-per-sec", &v)) {
        n->rate = strtod(v, NULL);
        c->req_per_sec = &n->rate;
    } else {
        ck_abort_msg("what is %s?", word);
    }
}

static int run_set(const struct words *w, struct rf_err *err)
{
    struct rf_regctl_host_changes c = { .tls = NULL };
    struct numbers n = { .priority = 0 };
    const char *mirrors[WORDS_MAX], *opts[WORDS_MAX];
    for (size_t i = 2; i < w->n; i++)
        take_host(&c, &n, mirrors, opts, w->list[i]);
    return rf_regctl_set_host(w->list[1], &c, err);
}

static int run_config(const struct words *w, struct rf_err *err)
{
    struct rf_regctl_changes c = { .blob_limit = NULL };
    struct numbers n = { .priority = 0 };
    for (size_t i = 1; i < w->n; i++) {
        const char *v = NULL;
        if (take(w->list[i], "blob-limit", &v)) {
            n.limit = strtoll(v, NULL, 10);
            c.blob_limit = &n.limit;
        } else if (take(w->list[i], "docker-cert", &v)) {
            n.cert = strcmp(v, "true") == 0;
            c.docker_cert = &n.cert;
        } else if (take(w->list[i], "docker-cred", &v)) {
            n.cred = strcmp(v, "true") == 0;
            c.docker_cred = &n.cred;
        } else {
            ck_assert(take(w->list[i], "default-cred-helper", &c.default_cred_helper));
        }
    }
    return rf_regctl_set(&c, err);
}

static int run_words(const struct words *w, struct rf_err *err)
{
    if (strcmp(w->list[0], "set") == 0)
        return run_set(w, err);
    if (strcmp(w->list[0], "config") == 0)
        return run_config(w, err);
    if (strcmp(w->list[0], "logout") == 0)
        return rf_regctl_logout(w->list[1], err);
    ck_assert_str_eq(w->list[0], "login");
    return rf_regctl_login(w->list[1], w->list[2], w->list[3], err);
}

static void check_result(const struct test_case_file *c, const char *before)
{
    RF_CLEANUP(rf_freep) char *after = home_read(FILE_NAME);
    RF_CLEANUP(rf_freep) char *error = test_case_value(c, "error");
    if (error != NULL) {
        ck_assert_msg(after == NULL ? before == NULL : strcmp(after, before) == 0,
                      "%s: the file was changed", c->name);
        return;
    }
    if (getenv("RF_UPDATE_GOLDEN") != NULL) {
        RF_CLEANUP(rf_freep)
        char *path = rf_xasprintf("%s/%s.case", test_data_path("regclient/regctl_config"), c->name);
        FILE *f = fopen(path, "w");
        ck_assert_ptr_nonnull(f);
        fprintf(f, "%s\n%s", c->head, after);
        ck_assert_int_eq(fclose(f), 0);
        return;
    }
    ck_assert_msg(after != NULL && strlen(after) == c->body_len &&
                      memcmp(after, c->body, c->body_len) == 0,
                  "%s: got\n%s\nwanted\n%.*s", c->name, after, (int)c->body_len, c->body);
}

START_TEST(all_cases)
{
    ck_assert_uint_eq(cases.n, N_CASES);
}
END_TEST

START_TEST(golden)
{
    const struct test_case_file *c = &cases.list[_i];
    RF_CLEANUP(rf_freep) char *before = test_case_value(c, "before");
    RF_CLEANUP(rf_freep) char *todo = test_case_value(c, "do");
    RF_CLEANUP(rf_freep) char *error = test_case_value(c, "error");
    struct rf_err err = RF_ERR_INIT;
    struct words w = split(todo);
    if (before != NULL)
        home_write(FILE_NAME, before, 0600);
    int rc = run_words(&w, &err);
    if (error == NULL)
        ck_assert_msg(rc == 0, "%s: %s", c->name, err.msg);
    else
        ck_assert_msg(rc < 0 && strstr(err.msg, error) != NULL, "%s: %d %s", c->name, rc, err.msg);
    check_result(c, before);
}
END_TEST

/* What was written is read, and writing it again changes nothing. */
START_TEST(round_trip)
{
    const struct test_case_file *c = &cases.list[_i];
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_freep) char *error = test_case_value(c, "error");
    if (error != NULL)
        return;
    home_write(FILE_NAME, c->body, 0600);
    const struct rf_regctl_changes none = { .blob_limit = NULL };
    ck_assert_msg(rf_regctl_set(&none, &err) == 0, "%s: %s", c->name, err.msg);
    RF_CLEANUP(rf_freep) char *after = home_read(FILE_NAME);
    ck_assert_msg(strcmp(after, c->body) == 0, "%s: %s", c->name, after);
}
END_TEST

/* ---- the file itself ---- */

static unsigned mode_of(const char *path)
{
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    return st.st_mode & 0777;
}

START_TEST(modes)
{
    const bool off = false;
    const struct rf_regctl_changes c = { .docker_cred = &off };
    (void)umask(0);
    ck_assert_int_eq(rf_regctl_set(&c, NULL), 0);
    ck_assert_uint_eq(mode_of(FILE_NAME), 0600);
    ck_assert_uint_eq(mode_of(".regctl"), 0700);
    ck_assert_int_eq(chmod(FILE_NAME, 0640), 0);
    home_log_begin();
    ck_assert_int_eq(rf_regctl_set(&c, NULL), 0);
    RF_CLEANUP(rf_freep) char *quiet = home_log_end();
    ck_assert_str_eq(quiet, "");
    ck_assert_uint_eq(mode_of(FILE_NAME), 0640);
    home_log_begin();
    ck_assert_int_eq(rf_regctl_login("r.example", "u", "canary", NULL), 0);
    RF_CLEANUP(rf_freep) char *log = home_log_end();
    ck_assert_ptr_nonnull(strstr(log, "may be read by other users"));
    ck_assert_ptr_null(strstr(log, "canary"));
}
END_TEST

START_TEST(where_it_goes)
{
    (void)setenv("REGCTL_CONFIG", "deep/er/mine.json", 1);
    ck_assert_int_eq(rf_regctl_login("r.example", "u", "p", NULL), 0);
    RF_CLEANUP(rf_freep) char *text = home_read("deep/er/mine.json");
    ck_assert_ptr_nonnull(strstr(text, "\"r.example\""));
    RF_CLEANUP(rf_regctl_file_release) struct rf_regctl_file f = { NULL, NULL };
    ck_assert_int_eq(rf_regctl_file_load(&f, NULL), 0);
    ck_assert_str_eq(f.path, "deep/er/mine.json");
    ck_assert_ptr_nonnull(rf_regctl_file_host(&f, "r.example"));
    ck_assert_ptr_null(rf_regctl_file_host(&f, "other.example"));
    ck_assert_ptr_null(rf_regctl_file_host(&f, "not a name"));
}
END_TEST

/* Ten processes, one login each: none undoes another's. */
START_TEST(at_once)
{
    pid_t pids[10];
    for (int i = 0; i < 10; i++) {
        pids[i] = fork();
        ck_assert_int_ge(pids[i], 0);
        if (pids[i] == 0) {
            char name[32];
            (void)snprintf(name, sizeof(name), "r%d.example", i);
            _exit(rf_regctl_login(name, "u", "p", NULL) == 0 ? 0 : 1);
        }
    }
    for (int i = 0; i < 10; i++) {
        int status = 1;
        ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
        ck_assert_int_eq(status, 0);
    }
    RF_CLEANUP(rf_regctl_file_release) struct rf_regctl_file f = { NULL, NULL };
    ck_assert_int_eq(rf_regctl_file_load(&f, NULL), 0);
    ck_assert_uint_eq(json_object_size(json_object_get(f.doc, "hosts")), 10);
}
END_TEST

START_TEST(kept_by_a_helper)
{
    struct rf_err err = RF_ERR_INIT;
    const char *before = "{\"hosts\":{\"r.example\":{\"credHelper\":\"docker-credential-test\"}}}";
    home_program("docker-credential-test", "echo \"$1\" >> args; cat >> asked; echo >> asked");
    home_write(FILE_NAME, before, 0600);
    ck_assert_msg(rf_regctl_login("r.example", "u", "p\"q", &err) == 0, "%s", err.msg);
    ck_assert_msg(rf_regctl_logout("r.example", &err) == 0, "%s", err.msg);
    RF_CLEANUP(rf_freep) char *args = home_read("args"), *asked = home_read("asked");
    RF_CLEANUP(rf_freep) char *file = home_read(FILE_NAME);
    ck_assert_str_eq(args, "store\nerase\n");
    ck_assert_str_eq(
        asked,
        "{\"ServerURL\":\"r.example\",\"Username\":\"u\",\"Secret\":\"p\\\"q\"}\nr.example\n");
    ck_assert_ptr_null(strstr(file, "p\\\"q"));
    home_program("docker-credential-test", "echo 'store not implemented'; exit 1");
    ck_assert_int_eq(rf_regctl_login("r.example", "u", "canary", &err), -RFE_DENIED);
    ck_assert_ptr_nonnull(strstr(err.msg, "store not implemented"));
    ck_assert_ptr_null(strstr(err.msg, "canary"));
    home_program("docker-credential-test", "echo 'credentials not found'; exit 1");
    ck_assert_int_eq(rf_regctl_logout("r.example", &err), 0);
    ck_assert_int_eq(rf_regctl_login("r.example", "u", "\xff", &err), -RFE_INVALID);
}
END_TEST

START_TEST(broken_file_stays)
{
    struct rf_err err = RF_ERR_INIT;
    const char *const texts[] = { "{", "[]", "{\"version\":2}", "{\"hosts\":{\"a b\":{}}}",
                                  "{\"hosts\":{\"r\":{\"tls\":\"x\"}}}" };
    for (size_t i = 0; i < RF_ARRAY_LEN(texts); i++) {
        home_write(FILE_NAME, texts[i], 0600);
        ck_assert_int_eq(rf_regctl_login("r.example", "u", "p", &err), -RFE_CONFIG);
        ck_assert_ptr_nonnull(strstr(err.msg, "config.json: "));
        RF_CLEANUP(rf_freep) char *after = home_read(FILE_NAME);
        ck_assert_str_eq(after, texts[i]);
    }
}
END_TEST

START_TEST(absent_file)
{
    RF_CLEANUP(rf_regctl_file_release) struct rf_regctl_file f = { NULL, NULL };
    ck_assert_int_eq(rf_regctl_file_load(&f, NULL), 0);
    ck_assert_uint_eq(json_object_size(f.doc), 0);
    ck_assert_ptr_nonnull(strstr(f.path, "/.regctl/config.json"));
    ck_assert_ptr_null(home_read(FILE_NAME));
}
END_TEST

Suite *rf_regctl_file_suite(void);
Suite *rf_regctl_file_suite(void)
{
    Suite *s = suite_create("regctl_file");
    TCase *t = tcase_create("regctl_file");
    cases = test_cases_load("regclient/regctl_config", ".case");
    tcase_add_checked_fixture(t, home_setup, home_teardown);
    tcase_add_test(t, all_cases);
    tcase_add_loop_test(t, golden, 0, (int)cases.n);
    tcase_add_loop_test(t, round_trip, 0, (int)cases.n);
    tcase_add_test(t, modes);
    tcase_add_test(t, where_it_goes);
    tcase_add_test(t, at_once);
    tcase_add_test(t, kept_by_a_helper);
    tcase_add_test(t, broken_file_stays);
    tcase_add_test(t, absent_file);
    suite_add_tcase(s, t);
    return s;
}
