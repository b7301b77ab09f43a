/* SPDX-License-Identifier: Apache-2.0 */
/* Pulls through mirrors: who is asked, in which order, with what. */
#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "regclient/copy.h"
#include "tests/regclient/helper_registry.h"

#define PROFILE(rules) "{\"rules\":[" rules "]}"
#define RULE(match, action) \
    "{\"match\":{\"no_header\":[\"x-test\"]," match ",\"count\":0},\"action\":{" action "}}"
#define STATUS(path, status) RULE("\"path\":\"" path "\"", "\"type\":\"status\",\"status\":" status)
#define SIZE 200000u

static struct test_registry *upstream, *mirror;
static struct rf_client *client;
static struct rf_place *place;
static const char *repo;
static struct rf_ref ref;

static void start(const char *upstream_profile, const char *mirror_profile)
{
    upstream = test_registry_start(upstream_profile, NULL);
    mirror = test_registry_start(mirror_profile, NULL);
}

static void stop(void)
{
    rf_client_freep(&client);
    rf_ref_release(&ref);
    test_registry_stopp(&upstream);
    test_registry_stopp(&mirror);
}

/* `more` are settings of the two hosts. */
static void connect_hosts(const struct rf_host *of_upstream, const struct rf_host *of_mirror)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_hosts *hosts = rf_hosts_new();
    char *mirrors[] = { mirror->name };
    struct rf_host up = *of_upstream, mi = *of_mirror;
    up.name = upstream->name;
    up.mirrors = mirrors;
    up.n_mirrors = 1;
    mi.name = mirror->name;
    up.tls = mi.tls = RF_TLS_DISABLED;
    ck_assert_msg(rf_hosts_merge(hosts, &up, &err) == 0, "%s", err.msg);
    ck_assert_msg(rf_hosts_merge(hosts, &mi, &err) == 0, "%s", err.msg);
    ck_assert_msg(rf_client_new(hosts, NULL, &client, &err) == 0, "%s", err.msg);
}

static void open_place(unsigned flags)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_freep) char *text = rf_xasprintf("%s/a/b:v1", upstream->name);
    rf_ref_release(&ref);
    ck_assert_msg(rf_ref_parse(text, &ref, &err) == 0, "%s", err.msg);
    ck_assert_msg(rf_client_place(client, &ref, flags, &place, &repo, &err) == 0, "%s", err.msg);
}

static void open_plain(void)
{
    const struct rf_host plain = { .name = NULL };
    connect_hosts(&plain, &plain);
    open_place(0);
}

static int resolve(struct rf_digest *digest, struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    int rc = rf_place_resolve(place, repo, "v1", NULL, &d, err);
    if (rc == 0)
        *digest = d.digest;
    return rc;
}

static void check_log(struct test_registry *r, const char *glob, unsigned want)
{
    unsigned got = test_registry_count(r, NULL, glob);
    RF_CLEANUP(rf_freep) char *log = test_registry_log(r);
    ck_assert_msg(got == want, "%s: %u of %s, wanted %u\n%s", r == mirror ? "mirror" : "upstream",
                  got, glob, want, log);
}

static bool log_has(struct test_registry *r, const char *part)
{
    RF_CLEANUP(rf_freep) char *log = test_registry_log(r);
    return strstr(log, part) != NULL;
}

/* ---- what is asked of mirrors ---- */

static int on_tag(void *ctx, const char *tag, struct rf_err *err)
{
    (void)tag;
    (void)err;
    ++*(unsigned *)ctx;
    return 0;
}

static int on_referrer(void *ctx, const struct rf_descriptor *desc, struct rf_err *err)
{
    return on_tag(ctx, desc->artifact_type, err);
}

static void pull_all(const struct rf_digest *image, const struct rf_digest *blob)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest digest;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_buf_release) struct rf_buf bytes;
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    unsigned tags = 0, referrers = 0;
    rf_buf_init(&bytes, 0);
    ck_assert_msg(resolve(&digest, &err) == 0, "%s", err.msg);
    ck_assert_msg(rf_place_get_manifest(place, repo, NULL, image, NULL, &m, &err) == 0, "%s",
                  err.msg);
    ck_assert_msg(rf_place_probe_blob(place, repo, blob, SIZE, RF_PROBE_HEAD, &err) == 0, "%s",
                  err.msg);
    sink = rf_sink_buf(&bytes);
    ck_assert_msg(rf_place_get_blob(place, repo, blob, SIZE, 0, NULL, sink, &err) == 0, "%s",
                  err.msg);
    ck_assert_uint_eq(bytes.len, SIZE);
    ck_assert_msg(rf_place_list_tags(place, repo, on_tag, &tags, &err) == 0, "%s", err.msg);
    ck_assert_uint_eq(tags, 1);
    ck_assert_msg(rf_place_referrers(place, repo, image, NULL, on_referrer, &referrers, &err) == 0,
                  "%s", err.msg);
}

START_TEST(pulls_go_to_the_mirror)
{
    struct rf_digest image, blob;
    start("plain", "plain");
    test_registry_image(mirror, "a/b", "v1", 1, 100, &image);
    test_registry_blob(mirror, "a/b", 1, SIZE, &blob);
    test_registry_forget(mirror);
    open_plain();
    pull_all(&image, &blob);
    check_log(upstream, "*", 0);
    check_log(mirror, "HEAD /v2/a/b/manifests/v1*", 1);
    RF_CLEANUP(rf_freep) char *ns = rf_xasprintf("ns=%s", upstream->name);
    ck_assert_msg(log_has(mirror, "?ns="), "the log tells no queries");
    RF_CLEANUP(rf_freep)
    char *escaped = rf_xasprintf("ns=127.0.0.1%%3A%s", strchr(upstream->name, ':') + 1);
    ck_assert(log_has(mirror, ns) || log_has(mirror, escaped));
    stop();
}
END_TEST

/* Whatever the mirror does, the registry itself is asked next; without delay. */
static const char *const bad_mirrors[] = {
    PROFILE(STATUS("/v2/", "404")), PROFILE(STATUS("/v2/", "401")), PROFILE(STATUS("/v2/", "500")),
    PROFILE(STATUS("/v2/", "403")), PROFILE(STATUS("/v2/", "400")), "drop-connections",
};

START_TEST(what_fails_there_is_asked_here)
{
    struct rf_digest image, blob;
    start("plain", bad_mirrors[_i]);
    test_registry_image(upstream, "a/b", "v1", 1, 100, &image);
    test_registry_blob(upstream, "a/b", 1, SIZE, &blob);
    open_plain();
    uint64_t before = rf_now_ms();
    pull_all(&image, &blob);
    ck_assert_uint_lt(rf_now_ms() - before, 5000);
    stop();
}
END_TEST

/* A mirror that lies about a manifest. */
START_TEST(wrong_bytes_are_no_answer)
{
    struct rf_digest image, other;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    start("plain", "lie-manifest-bytes");
    test_registry_image(upstream, "a/b", "v1", 1, 100, &image);
    test_registry_image(mirror, "a/b", "v1", 1, 100, &other);
    open_plain();
    ck_assert_msg(rf_place_get_manifest(place, repo, NULL, &image, NULL, &m, &err) == 0, "%s",
                  err.msg);
    ck_assert(rf_digest_eq(&m->digest, &image));
    stop();
}
END_TEST

/* The bytes that the mirror gave before it broke off are not fetched again. */
START_TEST(a_blob_goes_on_elsewhere)
{
    struct rf_digest blob;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf bytes;
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    RF_CLEANUP(rf_freep) char *want = test_bytes(1, SIZE);
    start("plain", PROFILE(RULE("\"method\":\"GET\",\"path\":\"/blobs/\"",
                                "\"type\":\"reset\",\"body_bytes\":50000")));
    test_registry_blob(upstream, "a/b", 1, SIZE, &blob);
    test_registry_blob(mirror, "a/b", 1, SIZE, &blob);
    test_registry_forget(upstream);
    rf_buf_init(&bytes, 0);
    open_plain();
    sink = rf_sink_buf(&bytes);
    ck_assert_msg(rf_place_get_blob(place, repo, &blob, SIZE, 0, NULL, sink, &err) == 0, "%s",
                  err.msg);
    ck_assert(bytes.len == SIZE && memcmp(bytes.ptr, want, SIZE) == 0);
    check_log(upstream, "GET /v2/a/b/blobs/*", 1);
    check_log(mirror, "GET /v2/a/b/blobs/*", 1);
    stop();
}
END_TEST

START_TEST(the_failure_told_is_the_registrys)
{
    struct rf_digest digest;
    struct rf_err err = RF_ERR_INIT;
    start("plain", PROFILE(STATUS("/v2/", "403")));
    open_plain();
    ck_assert_int_eq(resolve(&digest, &err), -RFE_NOT_FOUND);
    ck_assert_msg(strstr(err.msg, upstream->name) != NULL && strstr(err.msg, mirror->name) == NULL,
                  "%s", err.msg);
    check_log(mirror, "HEAD *", 1);
    check_log(upstream, "HEAD *", 1);
    stop();
}
END_TEST

/* ---- the order ---- */

static const struct {
    unsigned upstream, mirror;
    bool mirror_first;
} orders[] = { { 0, 0, true }, { 0, 1, false }, { 1, 0, true }, { 5, 5, true }, { 4, 5, false } };

START_TEST(lowest_priority_first)
{
    const struct rf_host up = { .priority = orders[_i].upstream };
    const struct rf_host mi = { .priority = orders[_i].mirror };
    struct rf_digest image, digest;
    start("plain", "plain");
    test_registry_image(upstream, "a/b", "v1", 1, 100, &image);
    test_registry_image(mirror, "a/b", "v1", 1, 100, &image);
    connect_hosts(&up, &mi);
    open_place(0);
    ck_assert_int_eq(resolve(&digest, NULL), 0);
    check_log(mirror, "HEAD /v2/a/b/manifests/v1*", orders[_i].mirror_first ? 1 : 0);
    check_log(upstream, "HEAD /v2/a/b/manifests/v1*", orders[_i].mirror_first ? 0 : 1);
    stop();
}
END_TEST

/* After a failure that may pass it is the other's turn; a 404 is no such failure. */
static const struct {
    const char *profile;
    unsigned mirror, upstream;
} failing[] = { { PROFILE(STATUS("/v2/", "500")), 1, 3 }, { "plain", 3, 3 } };

START_TEST(failed_hosts_come_last)
{
    struct rf_digest image, digest;
    start("plain", failing[_i].profile);
    test_registry_image(upstream, "a/b", "v1", 1, 100, &image);
    open_plain();
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(resolve(&digest, NULL), 0);
    check_log(mirror, "HEAD /v2/a/b/manifests/v1*", failing[_i].mirror);
    check_log(upstream, "HEAD /v2/a/b/manifests/v1*", failing[_i].upstream);
    stop();
}
END_TEST

/* A mirror that asks for a minute of quiet holds nobody up, also where the registry does not have it. */
START_TEST(quiet_mirrors_are_left_alone)
{
    struct rf_digest digest;
    start("plain",
          PROFILE(RULE("\"path\":\"/v2/\"",
                       "\"type\":\"status\",\"status\":429,\"headers\":{\"Retry-After\":\"60\"}")));
    open_plain();
    uint64_t before = rf_now_ms();
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(resolve(&digest, NULL), -RFE_NOT_FOUND);
    ck_assert_uint_lt(rf_now_ms() - before, 10000);
    check_log(mirror, "HEAD *", 1);
    check_log(upstream, "HEAD *", 3);
    stop();
}
END_TEST

/* ---- settings of each host ---- */

START_TEST(each_has_its_own_prefix)
{
    char proxy[] = "proxy/hub", own[] = "own";
    const struct rf_host up = { .path_prefix = own }, mi = { .path_prefix = proxy };
    struct rf_digest image, digest;
    struct rf_err err = RF_ERR_INIT;
    start("plain", "plain");
    test_registry_image(mirror, "proxy/hub/a/b", "v1", 1, 100, &image);
    connect_hosts(&up, &mi);
    open_place(0);
    ck_assert_msg(resolve(&digest, &err) == 0, "%s", err.msg);
    check_log(mirror, "HEAD /v2/proxy/hub/a/b/manifests/v1*", 1);
    test_registry_image(upstream, "own/a/b", "v2", 1, 100, &image);
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    ck_assert_msg(rf_place_resolve(place, repo, "v2", NULL, &d, &err) == 0, "%s", err.msg);
    check_log(upstream, "HEAD /v2/own/a/b/manifests/v2*", 1);
    stop();
}
END_TEST

/* The mirror wants a login: the registry's own is not sent there, its own is. */
START_TEST(logins_stay_where_they_belong)
{
    char user[] = "carrier", pass[] = "canary-secret-1", canary[] = "canary";
    const struct rf_host up = { .user = canary, .pass = canary };
    const struct rf_host none = { .name = NULL }, with = { .user = user, .pass = pass };
    struct rf_digest image, digest;
    start("plain", "basic");
    test_registry_image(upstream, "a/b", "v1", 1, 100, &image);
    connect_hosts(&up, _i == 0 ? &none : &with);
    open_place(0);
    ck_assert_int_eq(resolve(&digest, NULL), 0);
    ck_assert_uint_eq(test_registry_logins(mirror, NULL, "*"), _i == 0 ? 0 : 1);
    check_log(upstream, "HEAD /v2/a/b/manifests/v1*", 1);
    stop();
}
END_TEST

START_TEST(head_is_disabled_per_host)
{
    const struct rf_host plain = { .name = NULL }, without = { .disable_head = true };
    struct rf_digest image, digest;
    start("plain", "plain");
    test_registry_image(mirror, "a/b", "v1", 1, 100, &image);
    test_registry_forget(mirror);
    connect_hosts(&plain, &without);
    open_place(0);
    ck_assert_int_eq(resolve(&digest, NULL), 0);
    check_log(mirror, "HEAD *", 0);
    check_log(mirror, "GET /v2/a/b/manifests/v1*", 1);
    check_log(upstream, "*", 0);
    stop();
}
END_TEST

/* ---- what is not asked of mirrors ---- */

START_TEST(writing_passes_mirrors_by)
{
    struct rf_digest image, digest;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    unsigned repos = 0;
    start("plain", "plain");
    test_registry_image(upstream, "a/b", "v1", 1, 100, &image);
    open_plain();
    open_place(RF_CLIENT_WRITE);
    ck_assert_int_eq(resolve(&digest, NULL), 0);
    ck_assert_int_eq(rf_place_get_manifest(place, repo, "v1", NULL, NULL, &m, &err), 0);
    ck_assert_msg(rf_place_put_manifest(place, repo, "v2", m, RF_PUT_READ_BACK, &err) == 0, "%s",
                  err.msg);
    ck_assert_msg(rf_place_list_repos(place, on_tag, &repos, &err) == 0, "%s", err.msg);
    ck_assert_msg(rf_place_delete_tag(place, repo, "v2", &err) == 0, "%s", err.msg);
    ck_assert_int_eq(rf_registry_ping(place, &err), 0);
    /* Through the other door likewise. */
    open_place(0);
    ck_assert_msg(rf_place_put_manifest(place, repo, "v3", m, RF_PUT_READ_BACK, &err) == 0, "%s",
                  err.msg);
    check_log(mirror, "*", 0);
    stop();
}
END_TEST

/* Within one registry nothing is moved, although it is read through a mirror. */
START_TEST(both_doors_lead_to_one_place)
{
    struct rf_digest image;
    struct rf_err err = RF_ERR_INIT;
    struct rf_copy_options opts = { .threads = 2 };
    struct rf_copy_result result;
    start("plain", "plain");
    test_registry_image(upstream, "a/b", "v1", 1, SIZE, &image);
    test_registry_image(mirror, "a/b", "v1", 1, SIZE, &image);
    test_registry_forget(upstream);
    open_plain();
    struct rf_place *from = place;
    open_place(RF_CLIENT_WRITE);
    ck_assert(from != place && rf_place_same(from, place));
    ck_assert_msg(rf_copy_image(from, repo, "v1", NULL, place, repo, "v2", &opts, &result, &err) ==
                      0,
                  "%s", err.msg);
    ck_assert_uint_eq(result.blobs_moved, 0);
    check_log(upstream, "POST *", 0);
    check_log(upstream, "PUT /v2/a/b/manifests/v2*", 1);
    stop();
}
END_TEST

/* From a registry through its mirror to that very mirror, one request at a time. */
START_TEST(copies_to_the_mirror_itself)
{
    const struct rf_host one = { .req_concurrent = 1 };
    struct rf_digest image, blob;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_ref_release) struct rf_ref target = { 0 };
    RF_CLEANUP(rf_freep) char *text = rf_xasprintf("%s/c/d:v1", mirror->name);
    struct rf_place *to = NULL;
    const char *to_repo = NULL;
    enum rf_blob_outcome outcome;
    struct rf_copy_blob_options opts = { .probe = RF_PROBE_HEAD };
    (void)image;
    test_registry_blob(mirror, "a/b", 1, SIZE, &blob);
    connect_hosts(&one, &one);
    open_place(0);
    ck_assert_int_eq(rf_ref_parse(text, &target, &err), 0);
    ck_assert_int_eq(rf_client_place(client, &target, RF_CLIENT_WRITE, &to, &to_repo, &err), 0);
    ck_assert_msg(rf_copy_blob(place, repo, to, to_repo, &blob, SIZE, &opts, &outcome, &err) == 0,
                  "%s", err.msg);
    stop();
}
END_TEST

static void start_plain(void)
{
    start("plain", "plain");
}

Suite *rf_registry_mirrors_suite(void);
Suite *rf_registry_mirrors_suite(void)
{
    Suite *s = suite_create("registry_mirrors");
    TCase *t = tcase_create("registry_mirrors");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, pulls_go_to_the_mirror);
    tcase_add_loop_test(t, what_fails_there_is_asked_here, 0, (int)RF_ARRAY_LEN(bad_mirrors));
    tcase_add_test(t, wrong_bytes_are_no_answer);
    tcase_add_test(t, a_blob_goes_on_elsewhere);
    tcase_add_test(t, the_failure_told_is_the_registrys);
    tcase_add_loop_test(t, lowest_priority_first, 0, (int)RF_ARRAY_LEN(orders));
    tcase_add_loop_test(t, failed_hosts_come_last, 0, (int)RF_ARRAY_LEN(failing));
    tcase_add_test(t, quiet_mirrors_are_left_alone);
    tcase_add_test(t, each_has_its_own_prefix);
    tcase_add_loop_test(t, logins_stay_where_they_belong, 0, 2);
    tcase_add_test(t, head_is_disabled_per_host);
    tcase_add_test(t, writing_passes_mirrors_by);
    tcase_add_test(t, both_doors_lead_to_one_place);
    suite_add_tcase(s, t);
    t = tcase_create("to_the_mirror");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, start_plain, NULL);
    tcase_add_test(t, copies_to_the_mirror_itself);
    suite_add_tcase(s, t);
    return s;
}
