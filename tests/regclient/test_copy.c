/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/copy.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "layout/oci_dir.h"
#include "tests/regclient/helper_home.h"
#include "tests/regclient/helper_registry.h"

#define R RF_CLEANUP(test_registry_stopp) struct test_registry *
#define RULE(match, action) \
    "{\"match\":{\"no_header\":[\"x-test\"]," match "},\"action\":{" action "}}"
#define PROFILE(rules) "{\"rules\":[" rules "]}"
#define BLOB_GET "\"method\":\"GET\",\"path\":\"/blobs/sha\""

static int copy_tag(struct rf_place *src, const char *src_repo, const char *tag,
                    struct rf_place *dst, const char *dst_repo, const char *dst_tag,
                    const struct rf_copy_options *o, struct rf_copy_result *out, struct rf_err *err)
{
    *out = (struct rf_copy_result){ 0 };
    *err = (struct rf_err)RF_ERR_INIT;
    return rf_copy_image(src, src_repo, tag, NULL, dst, dst_repo, dst_tag, o, out, err);
}

static bool tag_is(struct rf_place *p, const char *repo, const char *tag,
                   const struct rf_digest *digest)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    return rf_place_resolve(p, repo, tag, NULL, &d, NULL) == 0 && rf_digest_eq(&d.digest, digest);
}

/* Everything below the tag is there, byte for byte. */
static void assert_whole(struct rf_place *p, const char *repo, const char *tag,
                         const struct rf_digest *digest)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_place_get_manifest(p, repo, tag, digest, NULL, &m, &err) == 0, "%s", err.msg);
    ck_assert(digest == NULL || rf_digest_eq(&m->digest, digest));
    for (size_t i = 0; i < m->n_entries + (m->kind == RF_KIND_IMAGE); i++) {
        const struct rf_descriptor *d = i < m->n_entries ? &m->entries[i] : &m->config;
        if (m->kind == RF_KIND_INDEX) {
            assert_whole(p, repo, NULL, &d->digest);
            continue;
        }
        RF_CLEANUP(rf_sink_freep)
        struct rf_sink *sink = rf_sink_measure(RF_DIGEST_SHA256, NULL, NULL);
        ck_assert_msg(rf_place_get_blob(p, repo, &d->digest, d->size, 0, NULL, sink, &err) == 0,
                      "%s", err.msg);
    }
}

static struct rf_place *layout(const char *name)
{
    struct rf_place *p = NULL;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_freep) char *path = rf_xasprintf("%s/%s", home_dir(), name);
    ck_assert_msg(rf_oci_dir_open(path, RF_OCI_DIR_CREATE, &p, &err) == 0, "%s", err.msg);
    return p;
}

/* ---- ways ---- */

START_TEST(all_ways)
{
    home_setup();
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("plain", NULL);
    RF_CLEANUP(rf_place_freep) struct rf_place *one = layout("one");
    RF_CLEANUP(rf_place_freep) struct rf_place *two = layout("two");
    struct rf_digest digest;
    struct rf_copy_result res;
    struct rf_err err;
    test_registry_index(a, "x/y", "v1", &digest);
    ck_assert_msg(copy_tag(a->place, "x/y", "v1", b->place, "p/q", "w1", NULL, &res, &err) == 0,
                  "%s", err.msg);
    ck_assert(rf_digest_eq(&res.digest, &digest));
    ck_assert_uint_eq(res.blobs_moved, 4);
    ck_assert_uint_eq(res.manifests_put, 3);
    assert_whole(b->place, "p/q", "w1", &digest);
    ck_assert_msg(copy_tag(b->place, "p/q", "w1", one, "", "v1", NULL, &res, &err) == 0, "%s",
                  err.msg);
    assert_whole(one, "", "v1", &digest);
    ck_assert_msg(copy_tag(one, "", "v1", two, "", "v2", NULL, &res, &err) == 0, "%s", err.msg);
    assert_whole(two, "", "v2", &digest);
    ck_assert_msg(copy_tag(two, "", "v2", a->place, "back", "v3", NULL, &res, &err) == 0, "%s",
                  err.msg);
    assert_whole(a->place, "back", "v3", &digest);
    /* By digest, under none. */
    ck_assert_msg(rf_copy_image(a->place, "x/y", NULL, &digest, b->place, "by/digest", NULL, NULL,
                                &res, &err) == 0,
                  "%s", err.msg);
    assert_whole(b->place, "by/digest", NULL, &digest);
    home_teardown();
}
END_TEST

START_TEST(big_blobs_cross)
{
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("plain", NULL);
    struct rf_digest digest;
    struct rf_copy_result res;
    struct rf_err err;
    test_registry_image(a, "x", "v1", 6, 2000000, &digest);
    ck_assert_msg(copy_tag(a->place, "x", "v1", b->place, "y", "v1", NULL, &res, &err) == 0, "%s",
                  err.msg);
    ck_assert_uint_ge(res.bytes_moved, 6 * 2000000);
    assert_whole(b->place, "y", "v1", &digest);
    /* Within one registry that mounts nothing, and even where it takes one request at a time. */
    R c = test_registry_start("{\"options\":{\"mount\":\"ignore\"}}",
                              _i == 0 ? NULL : ",req-concurrent=1");
    test_registry_image(c, "x", "v1", 6, 2000000, &digest);
    ck_assert_msg(copy_tag(c->place, "x", "v1", c->place, "y", "v1", NULL, &res, &err) == 0, "%s",
                  err.msg);
    ck_assert_uint_eq(res.blobs_moved, 7);
    assert_whole(c->place, "y", "v1", &digest);
}
END_TEST

struct crossing {
    struct rf_place *src, *dst;
    const char *src_repo, *dst_repo;
    pthread_t thread;
    int rc;
    struct rf_err err;
};

static void *run_crossing(void *arg)
{
    struct crossing *c = arg;
    struct rf_copy_result res;
    c->rc = copy_tag(c->src, c->src_repo, "v1", c->dst, c->dst_repo, "v1", NULL, &res, &c->err);
    return NULL;
}

START_TEST(copies_that_cross_do_not_wait_for_each_other)
{
    R a = test_registry_start("plain", ",req-concurrent=2");
    R b = test_registry_start("plain", ",req-concurrent=2");
    struct rf_digest da, db;
    struct crossing c[4];
    test_registry_image(a, "x", "v1", 6, 500000, &da);
    test_registry_image(b, "x", "v1", 6, 600000, &db);
    for (size_t i = 0; i < RF_ARRAY_LEN(c); i++) {
        static const char *const to[] = { "y0", "y1", "y2", "y3" };
        c[i] = (struct crossing){ .src = i % 2 == 0 ? a->place : b->place,
                                  .dst = i % 2 == 0 ? b->place : a->place,
                                  .src_repo = "x",
                                  .dst_repo = to[i] };
        ck_assert_int_eq(pthread_create(&c[i].thread, NULL, run_crossing, &c[i]), 0);
    }
    for (size_t i = 0; i < RF_ARRAY_LEN(c); i++) {
        pthread_join(c[i].thread, NULL);
        ck_assert_msg(c[i].rc == 0, "%s", c[i].err.msg);
    }
    assert_whole(b->place, "y0", "v1", &da);
    assert_whole(a->place, "y3", "v1", &db);
}
END_TEST

/* ---- economy ---- */

START_TEST(asks_no_more_than_needed)
{
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("plain", NULL);
    struct rf_digest digest;
    struct rf_copy_result res;
    struct rf_err err;
    test_registry_image(a, "x", "v1", 2, 1000, &digest);
    test_registry_forget(a);
    ck_assert_int_eq(copy_tag(a->place, "x", "v1", b->place, "y", "v1", NULL, &res, &err), 0);
    ck_assert_uint_eq(test_registry_count(a, NULL, "*"), 1 + 3); /* manifest, three blobs */
    ck_assert_uint_eq(test_registry_count(b, NULL, "*"),
                      1 + 9 + 1); /* tag, HEAD POST PUT of each, manifest */
    /* Nothing new: one HEAD each. */
    test_registry_forget(a);
    test_registry_forget(b);
    ck_assert_int_eq(copy_tag(a->place, "x", "v1", b->place, "y", "v1", NULL, &res, &err), 0);
    ck_assert_uint_eq(res.manifests_put, 0);
    ck_assert(rf_digest_eq(&res.digest, &digest));
    ck_assert_uint_eq(test_registry_count(a, NULL, "HEAD *"), 1);
    ck_assert_uint_eq(test_registry_count(b, NULL, "HEAD *"), 1);
    ck_assert_uint_eq(test_registry_count(a, NULL, "*") + test_registry_count(b, NULL, "*"), 2);
    /* With the digest known, one HEAD at all. */
    test_registry_forget(a);
    test_registry_forget(b);
    ck_assert_int_eq(
        rf_copy_image(a->place, "x", "v1", &digest, b->place, "y", "v1", NULL, &res, &err), 0);
    ck_assert_uint_eq(test_registry_count(a, NULL, "*"), 0);
    ck_assert_uint_eq(test_registry_count(b, NULL, "*"), 1);
    /* A new tag in the same repository: HEAD, GET, PUT. */
    test_registry_forget(b);
    ck_assert_int_eq(copy_tag(b->place, "y", "v1", b->place, "y", "v2", NULL, &res, &err), 0);
    ck_assert_uint_eq(test_registry_count(b, NULL, "*"), 3);
    ck_assert(tag_is(b->place, "y", "v2", &digest));
    /* Another repository of the registry: mounted. */
    ck_assert_int_eq(copy_tag(b->place, "y", "v1", b->place, "z", "v1", NULL, &res, &err), 0);
    ck_assert_uint_eq(res.blobs_mounted, 3);
    ck_assert_uint_eq(res.bytes_moved, 0);
    assert_whole(b->place, "z", "v1", &digest);
}
END_TEST

START_TEST(children_that_are_there_are_not_fetched)
{
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("plain", NULL);
    struct rf_digest digest;
    struct rf_copy_result res;
    struct rf_err err;
    test_registry_index(a, "x", "v1", &digest);
    ck_assert_int_eq(
        copy_tag(a->place, "x", "child-v1-amd64", b->place, "y", "part", NULL, &res, &err), 0);
    test_registry_forget(a);
    ck_assert_int_eq(copy_tag(a->place, "x", "v1", b->place, "y", "v1", NULL, &res, &err), 0);
    ck_assert_uint_eq(test_registry_count(a, NULL, "GET *manifests*"),
                      2); /* the index and the other child */
    ck_assert_uint_eq(res.manifests_put, 2);
    assert_whole(b->place, "y", "v1", &digest);
}
END_TEST

START_TEST(head_that_lies_at_the_source)
{
    R a = test_registry_start("head-refused", NULL);
    R b = test_registry_start("plain", NULL);
    struct rf_digest digest;
    struct rf_copy_result res;
    struct rf_err err;
    test_registry_image(a, "x", "v1", 1, 1000, &digest);
    ck_assert_msg(copy_tag(a->place, "x", "v1", b->place, "y", "v1", NULL, &res, &err) == 0, "%s",
                  err.msg);
    ck_assert_msg(copy_tag(a->place, "x", "v1", b->place, "y", "v1", NULL, &res, &err) == 0, "%s",
                  err.msg);
    ck_assert(tag_is(b->place, "y", "v1", &digest));
}
END_TEST

/* ---- choices ---- */

START_TEST(platforms)
{
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("plain", NULL);
    R strict = test_registry_start("sparse-refused", NULL);
    RF_CLEANUP(rf_platform_release) struct rf_platform arm = RF_PLATFORM_INIT;
    RF_CLEANUP(rf_platform_release) struct rf_platform mips = RF_PLATFORM_INIT;
    struct rf_copy_options o = { .platforms = &arm, .n_platforms = 1 };
    struct rf_digest digest;
    struct rf_copy_result res;
    struct rf_err err;
    ck_assert_int_eq(rf_platform_parse("linux/arm64", &arm, NULL), 0);
    ck_assert_int_eq(rf_platform_parse("linux/mips", &mips, NULL), 0);
    test_registry_index(a, "x", "v1", &digest);
    ck_assert_msg(copy_tag(a->place, "x", "v1", b->place, "y", "v1", &o, &res, &err) == 0, "%s",
                  err.msg);
    ck_assert_uint_eq(res.blobs_moved, 2);
    ck_assert_uint_eq(res.manifests_put, 2);
    ck_assert(tag_is(b->place, "y", "v1", &digest)); /* the index keeps its bytes */
    int rc = copy_tag(a->place, "x", "v1", strict->place, "y", "v1", &o, &res, &err);
    ck_assert_msg(rc == -RFE_GROUND_MISSING && strstr(err.msg, "prune") != NULL, "%d: %s", rc,
                  err.msg);
    ck_assert(!tag_is(strict->place, "y", "v1", &digest));
    o.prune = true;
    ck_assert_msg(copy_tag(a->place, "x", "v1", strict->place, "y", "v1", &o, &res, &err) == 0,
                  "%s", err.msg);
    ck_assert(!rf_digest_eq(&res.digest, &digest));
    assert_whole(strict->place, "y", "v1", &res.digest);
    /* The same again puts nothing. */
    test_registry_forget(strict);
    ck_assert_msg(copy_tag(a->place, "x", "v1", strict->place, "y", "v1", &o, &res, &err) == 0,
                  "%s", err.msg);
    ck_assert_uint_eq(test_registry_count(strict, NULL, "P*"), 0);
    o.platforms = &mips;
    ck_assert_int_eq(copy_tag(a->place, "x", "v1", b->place, "y", "v2", &o, &res, &err),
                     -RFE_NOT_FOUND);
}
END_TEST

static void push_signature(struct test_registry *r, const char *repo, const char *tag,
                           const struct rf_digest *subject, struct rf_digest *digest)
{
    char text[RF_DIGEST_TEXT];
    char blob[RF_DIGEST_TEXT];
    struct rf_digest d;
    test_registry_blob(r, repo, 77, 50, &d);
    RF_CLEANUP(rf_freep)
    char *body = rf_xasprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_MANIFEST
        "\",\"artifactType\":\"application/x-sig\",\"config\":{\"mediaType\":\"application/x-sig\",\"digest\":\"%s\",\"size\":50},"
        "\"layers\":[]%s%s%s}",
        rf_digest_text(&d, blob),
        tag == NULL ? ",\"subject\":{\"mediaType\":\"" RF_MT_OCI_MANIFEST
                      "\",\"size\":1,\"digest\":\""
                    : "",
        tag == NULL ? rf_digest_text(subject, text) : "", tag == NULL ? "\"}" : "");
    test_registry_manifest(r, repo, tag, RF_MT_OCI_MANIFEST, body, digest);
}

START_TEST(referrers_and_digest_tags)
{
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start(_i == 0 ? "plain" : "no-referrers-api", NULL);
    struct rf_copy_options o = { .referrers = true, .digest_tags = true };
    struct rf_digest image, signature, of_signature, tagged;
    struct rf_copy_result res;
    struct rf_err err;
    char tag[RF_DIGEST_TEXT + 8];
    test_registry_image(a, "x", "v1", 1, 1000, &image);
    push_signature(a, "x", NULL, &image, &signature);
    push_signature(a, "x", NULL, &signature, &of_signature);
    rf_fallback_tag(&image, tag);
    size_t n = strlen(tag);
    memcpy(tag + n, ".sig", 5);
    push_signature(a, "x", tag, &image, &tagged);
    ck_assert_msg(copy_tag(a->place, "x", "v1", b->place, "y", "v1", &o, &res, &err) == 0, "%s",
                  err.msg);
    assert_whole(b->place, "y", NULL, &signature);
    assert_whole(b->place, "y", NULL, &of_signature);
    ck_assert(tag_is(b->place, "y", tag, &tagged));
    /* They came before the tag. */
    RF_CLEANUP(rf_freep) char *log = test_registry_log(b);
    const char *last = NULL;
    for (const char *p = log; (p = strstr(p, "\"method\": \"PUT\"")) != NULL; p++)
        last = p;
    ck_assert_ptr_nonnull(last);
    ck_assert_msg(strstr(last, "/v2/y/manifests/v1\"") != NULL, "%s", last);
    /* Again: nothing is put. */
    test_registry_forget(b);
    ck_assert_msg(copy_tag(a->place, "x", "v1", b->place, "y", "v1", &o, &res, &err) == 0, "%s",
                  err.msg);
    ck_assert_uint_eq(test_registry_count(b, NULL, "POST *"), 0);
    ck_assert_uint_le(test_registry_count(b, NULL, "PUT *"), 1); /* the digest tag, at most */
}
END_TEST

START_TEST(referrers_that_run_in_circles)
{
    /* A refers to the image; the registry says that the image refers to A. */
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("plain", NULL);
    R odd = NULL;
    struct rf_copy_options o = { .referrers = true };
    struct rf_digest image, signature;
    struct rf_copy_result res;
    struct rf_err err;
    char text[RF_DIGEST_TEXT];
    test_registry_image(a, "x", "v1", 1, 1000, &image);
    push_signature(a, "x", NULL, &image, &signature);
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    ck_assert_int_eq(rf_place_resolve(a->place, "x", "v1", NULL, &d, NULL), 0);
    RF_CLEANUP(rf_freep)
    char *profile = rf_xasprintf(
        PROFILE(RULE(
            "\"path\":\"/referrers/\",\"count\":0",
            "\"type\":\"status\",\"status\":200,\"body\":\"{\\\"manifests\\\":[{\\\"mediaType\\\":\\\"" RF_MT_OCI_MANIFEST
            "\\\",\\\"digest\\\":\\\"%s\\\",\\\"size\\\":%llu}]}\"")),
        rf_digest_text(&image, text), (unsigned long long)d.size);
    odd = test_registry_start(profile, NULL);
    test_registry_image(odd, "x", "v1", 1, 1000, &image);
    ck_assert_msg(copy_tag(odd->place, "x", "v1", b->place, "y", "v1", &o, &res, &err) == 0, "%s",
                  err.msg);
    ck_assert_uint_le(test_registry_count(odd, NULL, "GET *referrers*"), 2);
}
END_TEST

/* ---- what goes wrong ---- */

static const struct {
    const char *src, *dst;
    int rc;
} fault_rows[] = {
    { "plain",
      PROFILE(RULE("\"method\":\"PUT\",\"path\":\"/blobs/uploads/\",\"count\":1",
                   "\"type\":\"drop\",\"reset\":true,\"after_request_bytes\":100000")),
      0 },
    { "plain",
      PROFILE(RULE("\"method\":\"PUT\",\"path\":\"/blobs/uploads/\",\"count\":1",
                   "\"type\":\"status\",\"status\":404")),
      0 },
    { "plain",
      PROFILE(RULE("\"method\":\"PUT\",\"path\":\"/blobs/uploads/\",\"count\":1",
                   "\"type\":\"status\",\"status\":503")),
      0 },
    { "reset-mid-blob", "plain", 0 },
    { "truncated-blob", "plain", 0 },
    { "reset-mid-blob-ignore-range", "plain", 0 },
    { PROFILE(RULE(BLOB_GET ",\"count\":2", "\"type\":\"status\",\"status\":503")), "plain", 0 },
    { "redirect-blobs", "plain", 0 },
    { "lie-blob-bytes", "plain", -RFE_DIGEST_MISMATCH },
    { "lie-blob-short", "plain", -RFE_SIZE_MISMATCH },
    { "lie-blob-long", "plain", -RFE_SIZE_MISMATCH },
    { "blob-missing", "plain", -RFE_NOT_FOUND },
    { PROFILE(RULE(BLOB_GET ",\"count\":0", "\"type\":\"reset\",\"body_bytes\":0")), "plain",
      -RFE_UNREACHABLE },
    { "plain",
      PROFILE(RULE("\"method\":\"PUT\",\"path\":\"/blobs/uploads/\",\"count\":0",
                   "\"type\":\"status\",\"status\":403")),
      -RFE_DENIED },
    { "plain",
      PROFILE(RULE("\"method\":\"PUT\",\"path\":\"/manifests/\",\"count\":0",
                   "\"type\":\"status\",\"status\":403")),
      -RFE_DENIED },
    { "plain",
      PROFILE(RULE("\"method\":\"POST\",\"count\":0", "\"type\":\"status\",\"status\":403")),
      -RFE_DENIED },
};

START_TEST(faults_on_the_way)
{
    R a = test_registry_start(fault_rows[_i].src, NULL);
    R b = test_registry_start(fault_rows[_i].dst, NULL);
    struct rf_digest digest;
    struct rf_copy_result res;
    struct rf_err err;
    test_registry_image(a, "x", "v1", 2, 900000, &digest);
    int rc = copy_tag(a->place, "x", "v1", b->place, "y", "v1", NULL, &res, &err);
    ck_assert_msg(rc == fault_rows[_i].rc, "%s -> %s: %d %s", fault_rows[_i].src,
                  fault_rows[_i].dst, rc, err.msg);
    ck_assert(tag_is(b->place, "y", "v1", &digest) == (rc == 0));
    if (rc == 0)
        assert_whole(b->place, "y", "v1", &digest);
    else
        ck_assert_msg(strstr(err.msg, "127.0.0.1") != NULL || rc == -RFE_DIGEST_MISMATCH, "%s",
                      err.msg);
}
END_TEST

/* A login that does not suffice is told of as such, and nothing is asked or fetched again because of it. */
START_TEST(refused_logins_end_it)
{
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("basic", ",user=carrier,pass=wrong");
    struct rf_digest digest;
    struct rf_copy_result res;
    struct rf_err err;
    test_registry_image(a, "x", "v1", 1, 1000, &digest);
    int rc = copy_tag(a->place, "x", "v1", b->place, "y", "v1", NULL, &res, &err);
    ck_assert_msg(rc == -RFE_DENIED, "%d %s", rc, err.msg);
    ck_assert_msg(strstr(err.msg, "the login of carrier does not suffice") != NULL, "%s", err.msg);
    ck_assert_uint_le(test_registry_count(a, NULL, "GET *blobs*"), 2); /* config and layer */
    ck_assert_uint_le(test_registry_count(b, NULL, "POST *"), 4);
}
END_TEST

/* A registry that does not keep what it confirmed, and then refuses the manifest. */
START_TEST(lost_blobs_are_put_again)
{
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start(
        PROFILE(RULE("\"method\":\"PUT\",\"path\":\"/blobs/uploads/\",\"count\":2",
                     "\"type\":\"pretend\"")),
        NULL);
    struct rf_digest digest;
    struct rf_copy_result res;
    struct rf_err err;
    test_registry_image(a, "x", "v1", 2, 1000, &digest);
    ck_assert_msg(copy_tag(a->place, "x", "v1", b->place, "y", "v1", NULL, &res, &err) == 0, "%s",
                  err.msg);
    assert_whole(b->place, "y", "v1", &digest);
    ck_assert_uint_eq(test_registry_count(b, NULL, "PUT *manifests*"), 2);
    ck_assert_uint_eq(test_registry_count(b, NULL, "PUT *uploads*"), 5);
}
END_TEST

START_TEST(a_registry_that_keeps_nothing)
{
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("blob-201-not-stored", NULL);
    struct rf_digest digest;
    struct rf_copy_result res;
    struct rf_err err;
    test_registry_image(a, "x", "v1", 1, 1000, &digest);
    ck_assert_int_eq(copy_tag(a->place, "x", "v1", b->place, "y", "v1", NULL, &res, &err),
                     -RFE_GROUND_MISSING);
    ck_assert_uint_eq(test_registry_count(b, NULL, "PUT *manifests*"), 4);
}
END_TEST

START_TEST(no_target_at_all)
{
    R a = test_registry_start("plain", NULL);
    struct rf_digest digest;
    struct rf_copy_result res;
    struct rf_err err = RF_ERR_INIT;
    struct rf_remote *remote = NULL;
    struct rf_place *place = NULL;
    RF_CLEANUP(rf_hosts_freep) struct rf_hosts *hosts = rf_hosts_new();
    struct rf_remote_options opts = { .backoff_ms = 1 };
    test_registry_image(a, "x", "v1", 1, 1000, &digest);
    ck_assert_int_eq(rf_hosts_add_flag(hosts, "reg=127.0.0.1:9,tls=disabled", NULL), 0);
    ck_assert_int_eq(rf_remote_new(a->http, hosts, "127.0.0.1:9", &opts, &remote, NULL), 0);
    ck_assert_int_eq(rf_registry_open(remote, &place, NULL), 0);
    ck_assert_int_eq(copy_tag(a->place, "x", "v1", place, "y", "v1", NULL, &res, &err),
                     -RFE_UNREACHABLE);
    ck_assert_ptr_nonnull(strstr(err.msg, "failed to access target registry"));
    rf_place_free(place);
    rf_remote_free(remote);
}
END_TEST

/* When both layers and the configuration are on their way. */
static void *cancel_in_the_middle(void *arg)
{
    bool came = test_registry_waits_for(arg, "PUT *blobs*", 3);
    rf_cancel_set(RFE_CANCELLED);
    return came ? arg : NULL;
}

START_TEST(stops_when_told)
{
    R a = test_registry_start(
        PROFILE(RULE(BLOB_GET ",\"count\":0", "\"type\":\"drip\",\"bytes\":1000,\"ms\":50")), NULL);
    R b = test_registry_start("plain", NULL);
    struct rf_digest digest;
    struct rf_copy_result res;
    struct rf_err err;
    pthread_t thread;
    void *came = NULL;
    test_registry_image(a, "x", "v1", 2, 500000, &digest);
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_in_the_middle, b), 0);
    int rc = copy_tag(a->place, "x", "v1", b->place, "y", "v1", NULL, &res, &err);
    pthread_join(thread, &came);
    rf_cancel_reset();
    ck_assert_ptr_eq(came, b);
    ck_assert_msg(rc == -RFE_CANCELLED, "%d: %s", rc, err.msg);
    ck_assert(!tag_is(b->place, "y", "v1", &digest));
    ck_assert_uint_eq(test_registry_sessions(b), 0); /* those that were begun are ended */
}
END_TEST

/* ---- one blob ---- */

static void add_progress(void *ctx, uint64_t n)
{
    atomic_fetch_add((atomic_uint_fast64_t *)ctx, n);
}

START_TEST(one_blob)
{
    home_setup();
    R a = test_registry_start("reset-mid-blob", NULL);
    R b = test_registry_start("plain", NULL);
    RF_CLEANUP(rf_place_freep) struct rf_place *dir = layout("dir");
    atomic_uint_fast64_t moved = 0;
    static const char *const from[] = { "nowhere", "first" };
    struct rf_copy_blob_options o = { .probe = RF_PROBE_RANGE,
                                      .progress = add_progress,
                                      .progress_ctx = &moved };
    enum rf_blob_outcome outcome;
    struct rf_digest digest;
    struct rf_err err = RF_ERR_INIT;
    test_registry_blob(a, "x", 1, 700000, &digest);
    ck_assert_msg(
        rf_copy_blob(a->place, "x", b->place, "first", &digest, 700000, &o, &outcome, &err) == 0,
        "%s", err.msg);
    ck_assert_int_eq(outcome, RF_BLOB_MOVED);
    ck_assert_uint_eq(moved, 700000); /* what was sent twice counts once */
    ck_assert_int_eq(
        rf_copy_blob(a->place, "x", b->place, "first", &digest, 700000, &o, &outcome, &err), 0);
    ck_assert_int_eq(outcome, RF_BLOB_THERE);
    o.mount_from = from;
    o.n_mount_from = 2;
    ck_assert_int_eq(
        rf_copy_blob(a->place, "x", b->place, "second", &digest, 700000, &o, &outcome, &err), 0);
    ck_assert_int_eq(outcome, RF_BLOB_MOUNTED);
    ck_assert_int_eq(rf_copy_blob(b->place, "second", dir, "", &digest, 700000, &o, &outcome, &err),
                     0);
    ck_assert_int_eq(outcome, RF_BLOB_MOVED);
    o.n_mount_from = 0;
    o.skip_probe = true;
    ck_assert_int_eq(rf_copy_blob(dir, "", b->place, "third", &digest, 700000, &o, &outcome, &err),
                     0);
    ck_assert_int_eq(outcome, RF_BLOB_MOVED);
    ck_assert_uint_eq(moved, 3 * 700000);
    ck_assert_int_eq(
        rf_copy_blob(b->place, "third", b->place, "third", &digest, 700000, NULL, &outcome, &err),
        0);
    ck_assert_int_eq(outcome, RF_BLOB_THERE);
    digest.bytes[0] ^= 1;
    ck_assert_int_eq(
        rf_copy_blob(b->place, "third", b->place, "third", &digest, 700000, NULL, &outcome, &err),
        -RFE_NOT_FOUND);
    ck_assert_int_eq(
        rf_copy_blob(dir, "", b->place, "third", &digest, 700000, NULL, &outcome, &err),
        -RFE_NOT_FOUND);
    home_teardown();
}
END_TEST

Suite *rf_copy_suite(void);
Suite *rf_copy_suite(void)
{
    Suite *s = suite_create("copy");
    TCase *t = tcase_create("ways");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, all_ways);
    tcase_add_loop_test(t, big_blobs_cross, 0, 2);
    tcase_add_test(t, copies_that_cross_do_not_wait_for_each_other);
    tcase_add_test(t, asks_no_more_than_needed);
    tcase_add_test(t, children_that_are_there_are_not_fetched);
    tcase_add_test(t, head_that_lies_at_the_source);
    tcase_add_test(t, platforms);
    tcase_add_loop_test(t, referrers_and_digest_tags, 0, 2);
    tcase_add_test(t, referrers_that_run_in_circles);
    tcase_add_test(t, one_blob);
    suite_add_tcase(s, t);
    t = tcase_create("faults");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, faults_on_the_way, 0, (int)RF_ARRAY_LEN(fault_rows));
    tcase_add_test(t, refused_logins_end_it);
    tcase_add_test(t, lost_blobs_are_put_again);
    tcase_add_test(t, a_registry_that_keeps_nothing);
    tcase_add_test(t, no_target_at_all);
    tcase_add_test(t, stops_when_told);
    suite_add_tcase(s, t);
    return s;
}
