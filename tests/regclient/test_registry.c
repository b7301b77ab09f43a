/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/registry.h"

#include <check.h>
#include <pthread.h>

#include "base/mem.h"
#include "tests/regclient/helper_home.h"
#include "tests/regclient/helper_registry.h"

#define R RF_CLEANUP(test_registry_stopp) struct test_registry *r
#define RULE(match, action) \
    "{\"match\":{\"no_header\":[\"x-test\"]," match "},\"action\":{" action "}}"
#define PROFILE(rules) "{\"rules\":[" rules "]}"
#define GET "\"method\":\"GET\",\"path\":\"/manifests/\""
#define HEAD "\"method\":\"HEAD\",\"path\":\"/manifests/\""
#define PUT "\"method\":\"PUT\",\"path\":\"/manifests/\""
#define EMPTY_INDEX "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX "\",\"manifests\":[]}"

/* ---- asking and getting ---- */

static const struct {
    const char *profile;
    int rc;
    unsigned heads, n_gets;
} resolve_rows[] = {
    { "plain", 0, 1, 0 },
    { PROFILE(RULE(HEAD ",\"count\":0", "\"type\":\"status\",\"status\":405")), 0, 1, 1 },
    { "head-refused", -RFE_NOT_FOUND, 1, 0 }, /* believed here, not by copies */
    { PROFILE(
          RULE(HEAD ",\"count\":0", "\"type\":\"headers\",\"drop\":[\"Docker-Content-Digest\"]")),
      0, 1, 1 },
    { PROFILE(RULE(HEAD ",\"count\":0",
                   "\"type\":\"headers\",\"set\":{\"Docker-Content-Digest\":\"sha256:xyz\"}")),
      0, 1, 1 },
    { PROFILE(RULE(HEAD ",\"count\":0", "\"type\":\"status\",\"status\":404")), -RFE_NOT_FOUND, 1,
      0 },
    { PROFILE(RULE(HEAD ",\"count\":0", "\"type\":\"status\",\"status\":403")), -RFE_DENIED, 1, 0 },
    { PROFILE(RULE(HEAD ",\"count\":0", "\"type\":\"header_flood\",\"lines\":1000")),
      -RFE_TOO_LARGE, 1, 0 },
    { "redirect-manifests", 0, 1, 0 },
};

START_TEST(resolves_tags)
{
    R = test_registry_start(resolve_rows[_i].profile, NULL);
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_digest digest;
    struct rf_err err = RF_ERR_INIT;
    test_registry_image(r, "a/b", "v1", 1, 100, &digest);
    int rc = rf_place_resolve(r->place, "a/b", "v1", NULL, &d, &err);
    ck_assert_msg(rc == resolve_rows[_i].rc, "%s: %d %s", resolve_rows[_i].profile, rc, err.msg);
    if (rc == 0) {
        ck_assert(rf_digest_eq(&d.digest, &digest));
        ck_assert_str_eq(d.media_type, RF_MT_OCI_MANIFEST);
        ck_assert_uint_gt(d.size, 100);
    } else {
        ck_assert_ptr_nonnull(strstr(err.msg, "a/b:v1"));
    }
    ck_assert_uint_eq(test_registry_count(r, "main", "HEAD *"), resolve_rows[_i].heads);
    ck_assert_uint_eq(test_registry_count(r, "main", "GET *"), resolve_rows[_i].n_gets);
}
END_TEST

START_TEST(disabled_head)
{
    R = test_registry_start("plain", NULL);
    struct rf_host settings = { .name = r->name, .disable_head = true, .tls = RF_TLS_DISABLED };
    RF_CLEANUP(rf_hosts_freep) struct rf_hosts *hosts = rf_hosts_new();
    struct rf_remote *remote = NULL;
    struct rf_place *place = NULL;
    struct rf_digest digest;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    test_registry_image(r, "a/b", "v1", 1, 100, &digest);
    ck_assert_int_eq(rf_hosts_merge(hosts, &settings, NULL), 0);
    ck_assert_int_eq(rf_remote_new(r->http, hosts, r->name, NULL, &remote, NULL), 0);
    ck_assert(rf_remote_host(remote)->disable_head);
    ck_assert_int_eq(rf_registry_open(remote, &place, NULL), 0);
    ck_assert_int_eq(rf_place_resolve(place, "a/b", "v1", NULL, &d, NULL), 0);
    ck_assert(rf_digest_eq(&d.digest, &digest));
    ck_assert_uint_eq(test_registry_count(r, NULL, "HEAD *"), 0);
    ck_assert_uint_eq(test_registry_count(r, NULL, "GET *"), 1);
    rf_place_free(place);
    rf_remote_free(remote);
}
END_TEST

static const struct {
    const char *profile;
    int by_tag, by_digest;
} get_rows[] = {
    { "plain", 0, 0 },
    { "redirect-manifests", 0, 0 },
    { "lie-manifest-bytes", -RFE_DIGEST_MISMATCH, -RFE_DIGEST_MISMATCH },
    { "lie-digest-header", -RFE_DIGEST_MISMATCH, -RFE_DIGEST_MISMATCH },
    { "lie-html", -RFE_INVALID, -RFE_DIGEST_MISMATCH },
    { "lie-media-type", -RFE_AMBIGUOUS, -RFE_AMBIGUOUS },
    { "endless-manifest", -RFE_TOO_LARGE, -RFE_TOO_LARGE },
    { PROFILE(RULE(GET ",\"count\":0", "\"type\":\"header_flood\",\"lines\":1000")), -RFE_TOO_LARGE,
      -RFE_TOO_LARGE },
    { PROFILE(
          RULE(GET ",\"count\":0", "\"type\":\"headers\",\"set\":{\"Content-Encoding\":\"gzip\"}")),
      -RFE_PROTOCOL, -RFE_PROTOCOL },
    { PROFILE(RULE(GET ",\"count\":0", "\"type\":\"truncate\",\"body_bytes\":10")),
      -RFE_UNREACHABLE, -RFE_UNREACHABLE },
    { PROFILE(RULE(GET ",\"count\":2", "\"type\":\"truncate\",\"body_bytes\":10")), 0, 0 },
    { PROFILE(RULE(GET ",\"count\":0", "\"type\":\"headers\",\"drop\":[\"Content-Type\"]")), 0, 0 },
    { PROFILE(RULE(
          GET ",\"count\":0",
          "\"type\":\"headers\",\"set\":{\"Content-Type\":\"application/vnd.oci.image.manifest.v1+json; charset=utf-8\"}")),
      0, 0 },
    { PROFILE(RULE(GET ",\"count\":0", "\"type\":\"body\",\"body\":\""
                                       "{\\\"schemaVersion\\\":2}"
                                       "\"")),
      -RFE_INVALID, -RFE_DIGEST_MISMATCH },
};

static void check_get(struct test_registry *r, const char *tag, const struct rf_digest *digest,
                      int want)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_err err = RF_ERR_INIT;
    int rc =
        rf_place_get_manifest(r->place, "a/b", tag, tag == NULL ? digest : NULL, NULL, &m, &err);
    /* A tag names no content: that other bytes are no manifest shows first at one place or another. */
    bool other = tag != NULL && want == -RFE_DIGEST_MISMATCH && rc == -RFE_INVALID;
    ck_assert_msg(rc == want || other, "%s: %d, not %d: %s", tag, rc, want, err.msg);
    ck_assert((rc == 0) == (m != NULL));
    if (rc == 0)
        ck_assert(rf_digest_eq(&m->digest, digest));
}

START_TEST(gets_manifests)
{
    R = test_registry_start(get_rows[_i].profile, NULL);
    struct rf_digest digest;
    test_registry_image(r, "a/b", "v1", 1, 100, &digest);
    check_get(r, "v1", &digest, get_rows[_i].by_tag);
    check_get(r, NULL, &digest, get_rows[_i].by_digest);
}
END_TEST

START_TEST(missing_manifests)
{
    R = test_registry_start("plain", NULL);
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_place_get_manifest(r->place, "a/b", "v1", NULL, NULL, &m, &err),
                     -RFE_NOT_FOUND);
    ck_assert_int_eq(err.http_status, 404);
    ck_assert_int_eq(rf_place_get_manifest(r->place, "", "v1", NULL, NULL, &m, &err), -RFE_INVALID);
    ck_assert_int_eq(rf_place_get_manifest(r->place, "a/../b", "v1", NULL, NULL, &m, &err),
                     -RFE_INVALID);
    ck_assert_int_eq(rf_place_get_manifest(r->place, "a/b", "v1/x", NULL, NULL, &m, &err),
                     -RFE_INVALID);
    ck_assert_uint_eq(test_registry_count(r, NULL, "*"), 1);
}
END_TEST

START_TEST(hands_out_headers)
{
    R = test_registry_start(
        PROFILE(RULE(HEAD ",\"count\":0",
                     "\"type\":\"headers\",\"set\":{\"RateLimit-Remaining\":\"99;w=21600\"}")),
        NULL);
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    RF_CLEANUP(rf_headers_release) struct rf_headers h = { 0 };
    test_registry_image(r, "a/b", "v1", 0, 0, NULL);
    ck_assert_int_eq(rf_registry_head_manifest(r->place, "a/b", "v1", NULL, &h, &d, NULL), 0);
    ck_assert_str_eq(rf_headers_get(&h, "ratelimit-remaining"), "99;w=21600");
}
END_TEST

/* ---- putting ---- */

static struct rf_manifest *parse(const char *type, const char *body)
{
    struct rf_manifest *m = NULL;
    struct rf_err err = RF_ERR_INIT;
    struct rf_manifest_expect expect = { .media_type = type };
    ck_assert_msg(rf_manifest_parse(rf_slice_str(body), &expect, &m, &err) == 0, "%s", err.msg);
    return m;
}

/* Somebody else is writing what the manifest names. */
#define BEING_WRITTEN(count)                                                                                    \
    PROFILE(RULE(                                                                                               \
        PUT ",\"count\":" count,                                                                                \
        "\"type\":\"status\",\"status\":400,\"body\":\"{\\\"errors\\\":[{\\\"code\\\":\\\"DIGEST_INVALID\\\"}," \
        "{\\\"code\\\":\\\"MANIFEST_BLOB_UNKNOWN\\\"}]}\""))

static const struct {
    const char *profile;
    unsigned flags;
    int rc;
    unsigned puts, n_gets;
} put_rows[] = {
    { "plain", 0, 0, 1, 0 },
    { "plain", RF_PUT_READ_BACK, 0, 1, 2 },
    { PROFILE(RULE(PUT ",\"count\":0", "\"type\":\"headers\",\"status\":200")), 0, 0, 1, 1 },
    { PROFILE(RULE(PUT ",\"count\":0", "\"type\":\"status\",\"status\":200")), 0, -RFE_NOT_FOUND, 1,
      1 },
    { PROFILE(RULE(PUT ",\"count\":2", "\"type\":\"status\",\"status\":503")), 0, 0, 3, 0 },
    { PROFILE(RULE(PUT ",\"count\":1", "\"type\":\"drop\",\"reset\":true")), 0, 0, 2, 0 },
    { "manifest-201-not-stored", 0, 0, 1, 0 },
    { "manifest-201-not-stored", RF_PUT_READ_BACK, -RFE_NOT_FOUND, 1, 1 },
    { "manifest-reserialised", RF_PUT_READ_BACK, -RFE_DIGEST_MISMATCH, 1, 1 },
    { PROFILE(RULE(
          PUT ",\"count\":0",
          "\"type\":\"status\",\"status\":400,\"body\":\"{\\\"errors\\\":[{\\\"code\\\":\\\"MANIFEST_BLOB_UNKNOWN\\\"}]}\"")),
      0, -RFE_GROUND_MISSING, 1, 0 },
    { BEING_WRITTEN("3"), RF_PUT_READ_BACK, 0, 4, 2 },
    { BEING_WRITTEN("0"), 0, -RFE_GROUND_MISSING, RF_TRIES_MAX, 0 },
    { PROFILE(RULE(PUT ",\"count\":0", "\"type\":\"status\",\"status\":409")), 0, -RFE_FAILED, 1,
      0 },
    { PROFILE(RULE(PUT ",\"count\":0", "\"type\":\"status\",\"status\":403")), 0, -RFE_DENIED, 1,
      0 },
};

START_TEST(puts_manifests)
{
    R = test_registry_start(put_rows[_i].profile, NULL);
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = parse(RF_MT_OCI_INDEX, EMPTY_INDEX);
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_place_put_manifest(r->place, "a/b", "v1", m, put_rows[_i].flags, &err);
    ck_assert_msg(rc == put_rows[_i].rc, "%s: %d %s", put_rows[_i].profile, rc, err.msg);
    ck_assert_uint_eq(test_registry_count(r, NULL, "PUT *"), put_rows[_i].puts);
    ck_assert_uint_eq(test_registry_count(r, NULL, "GET *"), put_rows[_i].n_gets);
}
END_TEST

START_TEST(puts_by_digest)
{
    R = test_registry_start("plain", NULL);
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = parse(RF_MT_OCI_INDEX, EMPTY_INDEX);
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *back = NULL;
    ck_assert_int_eq(rf_place_put_manifest(r->place, "a/b", NULL, m, RF_PUT_CHILD, NULL), 0);
    ck_assert_int_eq(rf_place_get_manifest(r->place, "a/b", NULL, &m->digest, NULL, &back, NULL),
                     0);
    ck_assert_str_eq(back->body.ptr, EMPTY_INDEX);
}
END_TEST

/* A tag that may not be changed is right already. */
START_TEST(a_held_tag_that_is_right)
{
    R = test_registry_start(PROFILE(RULE(PUT ",\"count\":0", "\"type\":\"status\",\"status\":409")),
                            NULL);
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = parse(RF_MT_OCI_INDEX, EMPTY_INDEX);
    RF_CLEANUP(rf_manifest_freep)
    struct rf_manifest *other =
        parse(RF_MT_OCI_INDEX,
              "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX "\",\"manifests\":[ ]}");
    test_registry_manifest(r, "a/b", "v1", RF_MT_OCI_INDEX, EMPTY_INDEX, NULL);
    ck_assert_int_eq(rf_place_put_manifest(r->place, "a/b", "v1", m, 0, NULL), 0);
    ck_assert_int_eq(rf_place_put_manifest(r->place, "a/b", "v1", other, 0, NULL), -RFE_FAILED);
}
END_TEST

START_TEST(somebody_else_moves_the_tag)
{
    R = test_registry_start(
        PROFILE(
            RULE("\"method\":\"GET\",\"path\":\"/manifests/v1\",\"count\":0",
                 "\"type\":\"body\",\"body\":\"{\\\"schemaVersion\\\":2,\\\"manifests\\\":[]}\"")),
        NULL);
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = parse(RF_MT_OCI_INDEX, EMPTY_INDEX);
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_place_put_manifest(r->place, "a/b", "v1", m, RF_PUT_READ_BACK, &err),
                     -RFE_DIGEST_MISMATCH);
}
END_TEST

/* ---- lists ---- */

struct names {
    char *list[64];
    size_t n;
    size_t stop; /* after so many */
};

static int add_name(void *ctx, const char *name, struct rf_err *err)
{
    struct names *l = ctx;
    if (l->stop != 0 && l->n == l->stop)
        return rf_fail(err, RFE_EXISTS, "enough");
    ck_assert_uint_lt(l->n, RF_ARRAY_LEN(l->list));
    l->list[l->n++] = rf_xstrdup(name);
    return 0;
}

static void names_release(struct names *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->list[i]);
}

static char *join(const struct names *l)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    for (size_t i = 0; i < l->n; i++)
        rf_buf_addf(&b, "%s%s", i > 0 ? " " : "", l->list[i]);
    return rf_buf_take(&b, NULL);
}

#define LIST_RULE(body, link)                                          \
    PROFILE(RULE("\"path\":\"/tags/list\",\"count\":0",                \
                 "\"type\":\"status\",\"status\":200,\"body\":\"" body \
                 "\",\"headers\":{\"Link\":\"" link "\"}"))

static const struct {
    const char *profile, *names;
    int rc;
    unsigned requests;
} list_rows[] = {
    { "plain", "v0 v1 v2 v3 v4", 0, 1 },
    { "paged-2", "v0 v1 v2 v3 v4", 0, 3 },
    { PROFILE(RULE("\"path\":\"n=1000\",\"count\":0", "\"type\":\"status\",\"status\":400")),
      "v0 v1 v2 v3 v4", 0, 2 },
    { LIST_RULE("{\\\"tags\\\":[\\\"a\\\",null,\\\"b c\\\",\\\"sha256:00\\\",7,\\\"d\\\"]}", ""),
      "a d", 0, 1 },
    { LIST_RULE("{\\\"tags\\\":null}", ""), "", 0, 1 },
    { LIST_RULE("{}", ""), "", 0, 1 },
    { LIST_RULE("{\\\"tags\\\":[\\\"a\\\"]}", "</v2/a/b/tags/list?n=1000>; rel=next"), "a",
      -RFE_PROTOCOL, 1 },
    { LIST_RULE("{\\\"tags\\\":[\\\"a\\\"]}", "</v2/a/b/tags/list?x>; rel=next"), "a a",
      -RFE_PROTOCOL, 2 },
    { LIST_RULE("{\\\"tags\\\":[\\\"a\\\"]}", "<http://169.254.169.254/x>; rel=next"), "a",
      -RFE_PROTOCOL, 1 },
    { LIST_RULE("{\\\"tags\\\":[\\\"a\\\"]}", "<https://registry.example/x>; rel=next"), "a",
      -RFE_PROTOCOL, 1 },
    { LIST_RULE("{\\\"tags\\\":[\\\"a\\\"]}", "<ftp://h/x>; rel=next"), "a", -RFE_INVALID, 1 },
    { LIST_RULE("{\\\"tags\\\":[\\\"a\\\"]}", "</x; rel=next"), "a", -RFE_INVALID, 1 },
    { LIST_RULE("{\\\"tags\\\":\\\"a\\\"}", ""), "", -RFE_INVALID, 1 },
    { LIST_RULE("[]", ""), "", -RFE_INVALID, 1 },
    { LIST_RULE("<html>", ""), "", -RFE_INVALID, 1 },
    { PROFILE(RULE("\"count\":0", "\"type\":\"endless\"")), "", -RFE_TOO_LARGE, 1 },
    { PROFILE(RULE("\"count\":0", "\"type\":\"status\",\"status\":404")), "", -RFE_NOT_FOUND, 1 },
};

START_TEST(lists_tags)
{
    R = test_registry_start(list_rows[_i].profile, NULL);
    RF_CLEANUP(names_release) struct names l = { .n = 0 };
    struct rf_err err = RF_ERR_INIT;
    static const char *const tags[] = { "v3", "v1", "v0", "v4", "v2" };
    for (size_t i = 0; i < RF_ARRAY_LEN(tags); i++)
        test_registry_manifest(r, "a/b", tags[i], RF_MT_OCI_INDEX, EMPTY_INDEX, NULL);
    test_registry_forget(r);
    int rc = rf_place_list_tags(r->place, "a/b", add_name, &l, &err);
    RF_CLEANUP(rf_freep) char *got = join(&l);
    ck_assert_msg(rc == list_rows[_i].rc, "%s: %d %s", list_rows[_i].profile, rc, err.msg);
    ck_assert_msg(strcmp(got, list_rows[_i].names) == 0, "%s: %s", list_rows[_i].profile, got);
    ck_assert_uint_eq(test_registry_count(r, NULL, "*"), list_rows[_i].requests);
    /* A Link with another scheme or port on the same host is followed at ours, never elsewhere. */
    ck_assert_uint_eq(test_registry_count(r, "other", "*"), 0);
}
END_TEST

START_TEST(lists_end_when_told)
{
    R = test_registry_start("paged-2", NULL);
    RF_CLEANUP(names_release) struct names l = { .stop = 1 };
    struct rf_err err = RF_ERR_INIT;
    for (char tag[] = "v0"; tag[1] < '5'; tag[1]++)
        test_registry_manifest(r, "a/b", tag, RF_MT_OCI_INDEX, EMPTY_INDEX, NULL);
    test_registry_forget(r);
    ck_assert_int_eq(rf_place_list_tags(r->place, "a/b", add_name, &l, &err), -RFE_EXISTS);
    ck_assert_uint_eq(l.n, 1);
    ck_assert_uint_eq(test_registry_count(r, NULL, "*"), 1);
}
END_TEST

START_TEST(lists_repositories)
{
    R = test_registry_start("paged-2", NULL);
    RF_CLEANUP(names_release) struct names l = { .n = 0 };
    RF_CLEANUP(names_release) struct names page = { .n = 0 };
    RF_CLEANUP(names_release) struct names tags = { .n = 0 };
    static const char *const repos[] = { "a", "b/c", "d", "e", "f" };
    for (size_t i = 0; i < RF_ARRAY_LEN(repos); i++)
        test_registry_manifest(r, repos[i], "t", RF_MT_OCI_INDEX, EMPTY_INDEX, NULL);
    ck_assert_int_eq(rf_place_list_repos(r->place, add_name, &l, NULL), 0);
    RF_CLEANUP(rf_freep) char *all = join(&l);
    ck_assert_str_eq(all, "a b/c d e f");
    ck_assert_int_eq(rf_registry_repos_page(r->place, 1, "b/c", add_name, &page, NULL), 0);
    RF_CLEANUP(rf_freep) char *one = join(&page);
    ck_assert_str_eq(one, "d");
    ck_assert_int_eq(rf_registry_tags_page(r->place, "a", 0, NULL, add_name, &tags, NULL), 0);
    ck_assert_uint_eq(tags.n, 1);
    ck_assert_uint_eq(test_registry_count(r, NULL, "GET /v2/a/tags/list"), 1);
}
END_TEST

/* ---- referrers ---- */

static void push_referrer(struct test_registry *r, const struct rf_digest *subject, unsigned i,
                          bool by_us, struct rf_digest *digest)
{
    char text[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_freep)
    char *body =
        rf_xasprintf("{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX
                     "\",\"artifactType\":\"application/x-%s\",\"manifests\":[],\"subject\":"
                     "{\"mediaType\":\"" RF_MT_OCI_MANIFEST
                     "\",\"digest\":\"%s\",\"size\":1},\"annotations\":{\"n\":\"%u\"}}",
                     i % 2 == 0 ? "even" : "odd", rf_digest_text(subject, text), i);
    if (!by_us) {
        test_registry_manifest(r, "a/b", NULL, RF_MT_OCI_INDEX, body, digest);
        return;
    }
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = parse(RF_MT_OCI_INDEX, body);
    ck_assert_msg(rf_place_put_manifest(r->place, "a/b", NULL, m, RF_PUT_CHILD, &err) == 0, "%s",
                  err.msg);
    *digest = m->digest;
}

struct found {
    size_t n, with_annotation, with_type;
};

static int count_found(void *ctx, const struct rf_descriptor *d, struct rf_err *err)
{
    struct found *f = ctx;
    (void)err;
    f->n++;
    f->with_annotation += rf_descriptor_annotation(d, "n") != NULL;
    f->with_type += d->artifact_type != NULL;
    return 0;
}

static int ask(struct test_registry *r, const struct rf_digest *subject, const char *type,
               struct found *f, struct rf_err *err)
{
    *f = (struct found){ 0 };
    return rf_place_referrers(r->place, "a/b", subject, type, count_found, f, err);
}

static const struct {
    const char *profile;
    int rc;
    unsigned first, second; /* requests */
} referrer_rows[] = {
    { "plain", 0, 1, 1 },
    { "paged-2", 0, 3, 3 },
    { "no-referrers-api", 0, 2, 1 },
    { PROFILE(RULE("\"path\":\"/referrers/\",\"count\":0",
                   "\"type\":\"status\",\"status\":200,\"body\":\"<html>\"")),
      0, 2, 1 },
    { PROFILE(RULE("\"path\":\"/referrers/\",\"count\":0", "\"type\":\"status\",\"status\":405")),
      0, 2, 1 },
    { "{\"options\":{\"referrers_filter\":false}}", 0, 1, 1 },
    { PROFILE(RULE("\"path\":\"/referrers/\",\"count\":0", "\"type\":\"status\",\"status\":503")),
      -RFE_SERVER, RF_TRIES_MAX, RF_TRIES_MAX },
    { PROFILE(RULE("\"path\":\"/referrers/\",\"count\":0", "\"type\":\"status\",\"status\":403")),
      -RFE_DENIED, 1, 1 },
    { PROFILE(RULE("\"path\":\"/referrers/\",\"count\":0", "\"type\":\"endless\"")), -RFE_TOO_LARGE,
      1, 1 },
    { PROFILE(RULE("\"path\":\"/referrers/\",\"count\":0",
                   "\"type\":\"headers\",\"set\":{\"Link\":\"<?>; rel=next\"}")),
      -RFE_PROTOCOL, 2, 2 },
};

START_TEST(finds_referrers)
{
    R = test_registry_start(referrer_rows[_i].profile, NULL);
    struct rf_digest subject, digest;
    struct found f;
    struct rf_err err = RF_ERR_INIT;
    int want = referrer_rows[_i].rc;
    test_registry_image(r, "a/b", "v1", 0, 0, &subject);
    /* By us, so that the registries without the API get their tag. */
    bool fallback = referrer_rows[_i].second < referrer_rows[_i].first;
    for (unsigned i = 0; i < 5; i++)
        push_referrer(r, &subject, i, fallback, &digest);
    test_registry_forget(r);
    int rc = ask(r, &subject, NULL, &f, &err);
    ck_assert_msg(rc == want, "%s: %d %s", referrer_rows[_i].profile, rc, err.msg);
    ck_assert_uint_eq(test_registry_count(r, NULL, "*"), referrer_rows[_i].first);
    if (want == 0 && strcmp(referrer_rows[_i].profile, "no-referrers-api") != 0 && fallback)
        return; /* this registry keeps the list itself and only hides it */
    if (want == 0) {
        ck_assert_msg(f.n == 5, "%s: %zu", referrer_rows[_i].profile, f.n);
        ck_assert_uint_eq(f.with_annotation, 5);
        ck_assert_uint_eq(f.with_type, 5);
    }
    test_registry_forget(r);
    rc = ask(r, &subject, NULL, &f, &err);
    ck_assert_int_eq(rc, want);
    ck_assert_uint_eq(test_registry_count(r, NULL, "*"), referrer_rows[_i].second);
    if (want == 0) {
        ck_assert_int_eq(ask(r, &subject, "application/x-even", &f, &err), 0);
        ck_assert_uint_eq(f.n, 3);
    }
}
END_TEST

START_TEST(nothing_refers)
{
    R = test_registry_start(_i == 0 ? "plain" : "no-referrers-api", NULL);
    struct rf_digest subject;
    struct found f;
    struct rf_err err = RF_ERR_INIT;
    test_registry_image(r, "a/b", "v1", 0, 0, &subject);
    ck_assert_msg(ask(r, &subject, NULL, &f, &err) == 0, "%s", err.msg);
    ck_assert_uint_eq(f.n, 0);
}
END_TEST

struct pusher {
    struct test_registry *r;
    const struct rf_digest *subject;
    unsigned i;
    pthread_t thread;
};

static void *push_one(void *arg)
{
    struct pusher *p = arg;
    struct rf_digest digest;
    push_referrer(p->r, p->subject, p->i, true, &digest);
    return NULL;
}

START_TEST(the_fallback_tag_loses_nobody)
{
    R = test_registry_start("no-referrers-api", NULL);
    struct rf_digest subject;
    struct pusher p[8];
    struct found f;
    test_registry_image(r, "a/b", "v1", 0, 0, &subject);
    for (unsigned i = 0; i < RF_ARRAY_LEN(p); i++) {
        p[i] = (struct pusher){ .r = r, .subject = &subject, .i = i };
        ck_assert_int_eq(pthread_create(&p[i].thread, NULL, push_one, &p[i]), 0);
    }
    for (unsigned i = 0; i < RF_ARRAY_LEN(p); i++)
        pthread_join(p[i].thread, NULL);
    ck_assert_int_eq(ask(r, &subject, NULL, &f, NULL), 0);
    ck_assert_uint_eq(f.n, RF_ARRAY_LEN(p));
    /* Putting one again changes nothing. */
    push_one(&p[0]);
    ck_assert_int_eq(ask(r, &subject, NULL, &f, NULL), 0);
    ck_assert_uint_eq(f.n, RF_ARRAY_LEN(p));
}
END_TEST

/* ---- deleting ---- */

static bool has_tag(struct test_registry *r, const char *tag)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    return rf_place_resolve(r->place, "a/b", tag, NULL, &d, NULL) == 0;
}

START_TEST(deletes_tags)
{
    static const char *const profiles[] = { "plain", "{\"options\":{\"tag_deletes\":false}}" };
    R = test_registry_start(profiles[_i], NULL);
    struct rf_digest digest;
    struct rf_err err = RF_ERR_INIT;
    test_registry_image(r, "a/b", "v1", 1, 100, &digest);
    test_registry_image(r, "a/b", "v2", 1, 100, NULL);
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    ck_assert_int_eq(rf_place_get_manifest(r->place, "a/b", "v1", NULL, NULL, &m, NULL), 0);
    ck_assert_int_eq(rf_place_put_manifest(r->place, "a/b", "same", m, 0, NULL), 0);
    ck_assert_msg(rf_place_delete_tag(r->place, "a/b", "v1", &err) == 0, "%s", err.msg);
    ck_assert(!has_tag(r, "v1"));
    /* The image's other tag stays, whatever way it took. */
    ck_assert(has_tag(r, "same"));
    ck_assert(has_tag(r, "v2"));
    ck_assert_int_eq(rf_place_delete_tag(r->place, "a/b", "v1", &err), -RFE_NOT_FOUND);
}
END_TEST

static const char *const no_deletes[] = {
    "{\"options\":{\"deletes\":false}}",
    /* It first looks as if it could. */
    "{\"options\":{\"tag_deletes\":false},\"rules\":[{\"match\":{\"method\":\"DELETE\",\"path\":\"sha256:\",\"nth\":2,\"count\":0},\"action\":{\"type\":\"status\",\"status\":405}}]}",
};

START_TEST(a_tag_that_cannot_be_deleted_stays)
{
    R = test_registry_start(no_deletes[_i], NULL);
    struct rf_digest digest;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    test_registry_image(r, "a/b", "v1", 1, 100, &digest);
    ck_assert_int_eq(rf_place_delete_tag(r->place, "a/b", "v1", &err), -RFE_FAILED);
    ck_assert_int_eq(rf_place_resolve(r->place, "a/b", "v1", NULL, &d, NULL), 0);
    ck_assert(rf_digest_eq(&d.digest, &digest));
}
END_TEST

#define HALF(nth, count)                                                                                                   \
    "{\"options\":{\"tag_deletes\":false},\"rules\":[{\"match\":{\"method\":\"DELETE\",\"path\":\"sha256:\",\"nth\":" #nth \
    ",\"count\":" #count "},\"action\":{\"type\":\"half_delete\"}}]}"

/* The registry deletes the image and fails before it took away the tag (docker-registry, while another tag is being written). */
START_TEST(a_tag_that_was_half_deleted_goes)
{
    R = test_registry_start(HALF(2, 1), NULL);
    RF_CLEANUP(names_release) struct names l = { .n = 0 };
    struct rf_err err = RF_ERR_INIT;
    test_registry_image(r, "a/b", "v1", 1, 100, NULL);
    test_registry_image(r, "a/b", "v2", 1, 100, NULL);
    ck_assert_msg(rf_place_delete_tag(r->place, "a/b", "v1", &err) == 0, "%s", err.msg);
    ck_assert_int_eq(rf_place_list_tags(r->place, "a/b", add_name, &l, NULL), 0);
    RF_CLEANUP(rf_freep) char *left = join(&l);
    ck_assert_str_eq(left, "v2");
    ck_assert(has_tag(r, "v2"));
}
END_TEST

START_TEST(a_tag_that_is_always_half_deleted_is_put_back)
{
    R = test_registry_start(HALF(2, 0), NULL);
    struct rf_err err = RF_ERR_INIT;
    test_registry_image(r, "a/b", "v1", 1, 100, NULL);
    ck_assert_int_eq(rf_place_delete_tag(r->place, "a/b", "v1", &err), -RFE_SERVER);
    ck_assert_msg(strstr(err.msg, "the tag was put back") != NULL, "%s", err.msg);
    ck_assert(has_tag(r, "v1"));
}
END_TEST

START_TEST(a_manifest_that_was_half_deleted_is_deleted)
{
    R = test_registry_start(HALF(1, 1), NULL);
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest image;
    test_registry_image(r, "a/b", "v1", 1, 100, &image);
    ck_assert_msg(rf_place_delete_manifest(r->place, "a/b", &image, &err) == 0, "%s", err.msg);
    ck_assert_int_eq(rf_place_delete_manifest(r->place, "a/b", &image, NULL), -RFE_NOT_FOUND);
}
END_TEST

START_TEST(deletes_manifests_and_blobs)
{
    R = test_registry_start("plain", NULL);
    struct rf_digest image, blob;
    test_registry_image(r, "a/b", "v1", 1, 100, &image);
    test_registry_blob(r, "a/b", 7, 100, &blob);
    ck_assert_int_eq(rf_place_delete_manifest(r->place, "a/b", &image, NULL), 0);
    ck_assert(!has_tag(r, "v1"));
    ck_assert_int_eq(rf_place_delete_manifest(r->place, "a/b", &image, NULL), -RFE_NOT_FOUND);
    ck_assert_int_eq(rf_place_delete_blob(r->place, "a/b", &blob, NULL), 0);
    ck_assert_int_eq(rf_place_delete_blob(r->place, "a/b", &blob, NULL), -RFE_NOT_FOUND);
}
END_TEST

START_TEST(pings)
{
    R = test_registry_start("plain", NULL);
    ck_assert_int_eq(rf_registry_ping(r->place, NULL), 0);
    ck_assert_ptr_eq(rf_registry_remote(r->place), r->remote);
    ck_assert_int_eq(rf_place_can_write(r->place, "a/b", NULL), 0);
    ck_assert_uint_eq(test_registry_count(r, NULL, "P*"), 0);
}
END_TEST

static void add_manifests(Suite *s)
{
    TCase *t = tcase_create("manifests");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, resolves_tags, 0, (int)RF_ARRAY_LEN(resolve_rows));
    tcase_add_test(t, disabled_head);
    tcase_add_loop_test(t, gets_manifests, 0, (int)RF_ARRAY_LEN(get_rows));
    tcase_add_test(t, missing_manifests);
    tcase_add_test(t, hands_out_headers);
    tcase_add_loop_test(t, puts_manifests, 0, (int)RF_ARRAY_LEN(put_rows));
    tcase_add_test(t, puts_by_digest);
    tcase_add_test(t, a_held_tag_that_is_right);
    tcase_add_test(t, somebody_else_moves_the_tag);
    suite_add_tcase(s, t);
}

Suite *rf_registry_suite(void);
Suite *rf_registry_suite(void)
{
    Suite *s = suite_create("registry");
    add_manifests(s);
    TCase *t = tcase_create("lists");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, lists_tags, 0, (int)RF_ARRAY_LEN(list_rows));
    tcase_add_test(t, lists_end_when_told);
    tcase_add_test(t, lists_repositories);
    tcase_add_loop_test(t, finds_referrers, 0, (int)RF_ARRAY_LEN(referrer_rows));
    tcase_add_loop_test(t, nothing_refers, 0, 2);
    tcase_add_test(t, the_fallback_tag_loses_nobody);
    suite_add_tcase(s, t);
    t = tcase_create("deletes");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, deletes_tags, 0, 2);
    tcase_add_loop_test(t, a_tag_that_cannot_be_deleted_stays, 0, (int)RF_ARRAY_LEN(no_deletes));
    tcase_add_test(t, a_tag_that_was_half_deleted_goes);
    tcase_add_test(t, a_tag_that_is_always_half_deleted_is_put_back);
    tcase_add_test(t, a_manifest_that_was_half_deleted_is_deleted);
    tcase_add_test(t, deletes_manifests_and_blobs);
    tcase_add_test(t, pings);
    suite_add_tcase(s, t);
    return s;
}
