/* SPDX-License-Identifier: Apache-2.0 */
/* Copying: in which order, and what each option changes. */
#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "regclient/copy.h"
#include "tests/regclient/helper_registry.h"

#define R RF_CLEANUP(test_registry_stopp) struct test_registry *

static struct rf_copy_result res;

/* x:TAG of one to y:TAG of the other. */
static int copy_to(struct test_registry *a, struct test_registry *b, const char *tag,
                   const struct rf_copy_options *o)
{
    struct rf_err err = RF_ERR_INIT;
    res = (struct rf_copy_result){ 0 };
    int rc = rf_copy_image(a->place, "x", tag, NULL, b->place, "y", tag, o, &res, &err);
    if (rc < 0)
        fprintf(stderr, "%d: %s\n", rc, err.msg);
    return rc;
}

static bool is_there(struct test_registry *r, const char *repo, const char *tag,
                     const struct rf_digest *digest)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    return rf_place_resolve(r->place, repo, tag, tag == NULL ? digest : NULL, &d, NULL) == 0 &&
           rf_digest_eq(&d.digest, digest);
}

/* The tag "<algo>-<hex><suffix>" of a digest. */
static const char *tag_of(const struct rf_digest *digest, const char *suffix)
{
    static char tag[2 * RF_DIGEST_TEXT];
    rf_fallback_tag(digest, tag);
    size_t n = strlen(tag);
    memcpy(tag + n, suffix, strlen(suffix) + 1);
    return tag;
}

/* Where in the log the first or last request is whose line has both parts; -1: nowhere. */
static long place_in_log(struct test_registry *r, const char *method, const char *part, bool last)
{
    RF_CLEANUP(rf_freep) char *log = test_registry_log(r);
    RF_CLEANUP(rf_freep) char *what = rf_xasprintf("\"method\": \"%s\"", method);
    long found = -1, n = 0;
    char *save = NULL;
    for (char *line = strtok_r(log, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save), n++)
        if (strstr(line, what) != NULL && strstr(line, part) != NULL && (found < 0 || last))
            found = n;
    return found;
}

static long put_at(struct test_registry *r, const struct rf_digest *digest)
{
    char text[RF_DIGEST_TEXT];
    return place_in_log(r, "PUT", rf_digest_text(digest, text), false);
}

static void child_of(struct test_registry *r, const char *tag, struct rf_digest *out)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    ck_assert_int_eq(rf_place_resolve(r->place, "x", tag, NULL, &d, NULL), 0);
    *out = d.digest;
}

static uint64_t size_of(struct test_registry *r, const struct rf_digest *digest)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    ck_assert_int_eq(rf_place_resolve(r->place, "x", NULL, digest, &d, NULL), 0);
    return d.size;
}

/* An index of one entry of that type; with a subject when `refers`. */
static void push_index_over(struct test_registry *r, const char *tag, const char *type,
                            const struct rf_digest *entry, uint64_t size, bool refers,
                            struct rf_digest *digest)
{
    char text[RF_DIGEST_TEXT];
    rf_digest_text(entry, text);
    RF_CLEANUP(rf_freep)
    char *subject =
        refers ? rf_xasprintf(",\"subject\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%llu}",
                              type, text, (unsigned long long)size)
               : rf_xstrdup("");
    RF_CLEANUP(rf_freep)
    char *body =
        rf_xasprintf("{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX
                     "\",\"manifests\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%llu}]%s}",
                     type, text, (unsigned long long)size, subject);
    test_registry_manifest(r, "x", tag, RF_MT_OCI_INDEX, body, digest);
}

/* ---- order ---- */

START_TEST(blobs_then_children_then_referrers_then_the_tag)
{
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("plain", NULL);
    const struct rf_copy_options o = { .referrers = true };
    struct rf_digest index, amd, arm, signature;
    test_registry_index(a, "x", "v1", &index);
    child_of(a, "child-v1-amd64", &amd);
    child_of(a, "child-v1-arm64", &arm);
    test_registry_artifact(a, "x", NULL, "application/sig", &index, &signature);
    ck_assert_int_eq(copy_to(a, b, "v1", &o), 0);
    long last_blob = place_in_log(b, "PUT", "/blobs/uploads/", true);
    long last_put = place_in_log(b, "PUT", "", true);
    long tag = place_in_log(b, "PUT", "/manifests/v1\"", false);
    ck_assert_int_ge(last_blob, 0);
    ck_assert_int_lt(last_blob, put_at(b, &amd));
    ck_assert_int_lt(last_blob, put_at(b, &arm));
    ck_assert_int_lt(last_blob, put_at(b, &signature));
    ck_assert_int_eq(tag, last_put);
    ck_assert_uint_eq(test_registry_count(b, NULL, "PUT *manifests*"), 4);
    ck_assert(is_there(b, "y", NULL, &signature) && is_there(b, "y", "v1", &index));
}
END_TEST

/* ---- what is left out, and what not ---- */

START_TEST(external_layers)
{
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("plain", NULL);
    struct rf_copy_options o = { .include_external = false };
    char config[RF_DIGEST_TEXT], layer[RF_DIGEST_TEXT];
    struct rf_digest c, l, image;
    struct rf_err err = RF_ERR_INIT;
    test_registry_blob(a, "x", 1, 60, &c);
    test_registry_blob(a, "x", 2, 70, &l);
    RF_CLEANUP(rf_freep)
    char *body = rf_xasprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_DOCKER_MANIFEST
        "\",\"config\":{\"mediaType\":\"" RF_MT_DOCKER_CONFIG
        "\",\"digest\":\"%s\",\"size\":60},\"layers\":[{\"mediaType\":\"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip\","
        "\"digest\":\"%s\",\"size\":70,\"urls\":[\"http://127.0.0.1:9/layer\"]}]}",
        rf_digest_text(&c, config), rf_digest_text(&l, layer));
    test_registry_manifest(a, "x", "v1", RF_MT_DOCKER_MANIFEST, body, &image);
    ck_assert_int_eq(copy_to(a, b, "v1", &o), 0);
    ck_assert_uint_eq(res.blobs_moved, 1);
    ck_assert_int_eq(rf_place_probe_blob(b->place, "y", &l, 70, RF_PROBE_RANGE, &err),
                     -RFE_NOT_FOUND);
    o.include_external = true;
    o.force = true;
    ck_assert_int_eq(copy_to(a, b, "v1", &o), 0);
    ck_assert_uint_eq(res.blobs_moved, 1);
    ck_assert_uint_eq(res.blobs_there, 1);
    ck_assert_int_eq(rf_place_probe_blob(b->place, "y", &l, 70, RF_PROBE_RANGE, &err), 0);
    ck_assert(is_there(b, "y", "v1", &image));
}
END_TEST

/* Build caches are indexes of blobs. */
START_TEST(indexes_of_blobs)
{
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("plain", NULL);
    static const char *const types[] = { RF_MT_OCI_LAYER_GZIP, RF_MT_OCI_CONFIG,
                                         "application/vnd.buildkit.cacheconfig.v0" };
    struct rf_digest blob, index;
    struct rf_err err = RF_ERR_INIT;
    test_registry_blob(a, "x", 5, 90, &blob);
    push_index_over(a, "cache", types[_i], &blob, 90, false, &index);
    ck_assert_int_eq(copy_to(a, b, "cache", NULL), 0);
    ck_assert_uint_eq(res.blobs_moved, 1);
    ck_assert_int_eq(rf_place_probe_blob(b->place, "y", &blob, 90, RF_PROBE_RANGE, &err), 0);
    ck_assert(is_there(b, "y", "cache", &index));
}
END_TEST

START_TEST(fast_goes_before_all_else)
{
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("plain", NULL);
    RF_CLEANUP(rf_platform_release) struct rf_platform arm = RF_PLATFORM_INIT;
    struct rf_copy_options o = {
        .fast = true, .force = true, .referrers = true, .digest_tags = true
    };
    struct rf_digest index, signature;
    ck_assert_int_eq(rf_platform_parse("linux/arm64", &arm, NULL), 0);
    test_registry_index(a, "x", "v1", &index);
    /* Nothing there: fast does not mean less. */
    test_registry_artifact(a, "x", NULL, "application/one", &index, &signature);
    ck_assert_int_eq(copy_to(a, b, "v1", &o), 0);
    ck_assert(is_there(b, "y", NULL, &signature));
    test_registry_artifact(a, "x", NULL, "application/two", &index, &signature);
    test_registry_forget(a);
    test_registry_forget(b);
    ck_assert_int_eq(copy_to(a, b, "v1", &o), 0);
    ck_assert_uint_eq(test_registry_count(a, NULL, "HEAD *"), 1);
    ck_assert_uint_eq(test_registry_count(a, NULL, "*"), 1);
    ck_assert_uint_eq(test_registry_count(b, NULL, "HEAD *"), 1);
    ck_assert_uint_eq(test_registry_count(b, NULL, "*"), 1);
    ck_assert(!is_there(b, "y", NULL, &signature));
    /* The same of an index that is made new of some images. */
    o.platforms = &arm;
    o.n_platforms = 1;
    o.prune = true;
    ck_assert_int_eq(copy_to(a, b, "v1", &o), 0);
    ck_assert_uint_eq(res.manifests_put, 4); /* the image, two signatures, the index */
    test_registry_forget(b);
    ck_assert_int_eq(copy_to(a, b, "v1", &o), 0);
    ck_assert_uint_eq(test_registry_count(b, NULL, "P*"), 0);
    ck_assert_uint_eq(test_registry_count(a, NULL, "GET *referrers*"), 4); /* all the first time */
}
END_TEST

START_TEST(force_puts_again)
{
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("plain", NULL);
    const struct rf_copy_options o = { .force = true };
    struct rf_digest index;
    test_registry_index(a, "x", "v1", &index);
    ck_assert_int_eq(copy_to(a, b, "v1", &o), 0);
    test_registry_forget(a);
    test_registry_forget(b);
    ck_assert_int_eq(copy_to(a, b, "v1", &o), 0);
    ck_assert_uint_eq(res.manifests_put, 3);
    ck_assert_uint_eq(res.blobs_there, 4);
    ck_assert_uint_eq(test_registry_count(a, NULL, "GET *manifests*"), 3);
    ck_assert_uint_eq(test_registry_count(a, NULL, "GET *blobs*"), 0);
    ck_assert_uint_eq(test_registry_count(b, NULL, "POST *"), 0);
}
END_TEST

START_TEST(a_sparse_index_keeps_its_bytes)
{
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("plain", NULL);
    RF_CLEANUP(rf_platform_release) struct rf_platform arm = RF_PLATFORM_INIT;
    struct rf_copy_options o = { .platforms = &arm, .n_platforms = 1 };
    struct rf_digest index, amd, child, signature;
    ck_assert_int_eq(rf_platform_parse("linux/arm64", &arm, NULL), 0);
    test_registry_index(a, "x", "v1", &index);
    child_of(a, "child-v1-amd64", &amd);
    child_of(a, "child-v1-arm64", &child);
    test_registry_artifact(a, "x", NULL, "application/sig", &amd, &signature);
    o.referrers = true;
    ck_assert_int_eq(copy_to(a, b, "v1", &o), 0);
    ck_assert(is_there(b, "y", "v1", &index) && is_there(b, "y", NULL, &child));
    /* What was not chosen is not there, nor what refers to it. */
    ck_assert(!is_there(b, "y", NULL, &amd) && !is_there(b, "y", NULL, &signature));
}
END_TEST

/* ---- digest tags ---- */

START_TEST(digest_tags_of_what_digest_tags_bring)
{
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("plain", NULL);
    const struct rf_copy_options o = { .digest_tags = true, .referrers = _i == 1 };
    struct rf_digest image, first, second, third, referrer, unrelated;
    test_registry_image(a, "x", "v1", 1, 1000, &image);
    test_registry_artifact(a, "x", tag_of(&image, ".sig"), "application/1", NULL, &first);
    test_registry_artifact(a, "x", tag_of(&first, ".sig"), "application/2", NULL, &second);
    test_registry_artifact(a, "x", NULL, "application/r", &second, &referrer);
    test_registry_artifact(a, "x", tag_of(&referrer, ".att"), "application/3", NULL, &third);
    test_registry_image(a, "x", "other", 1, 900, &unrelated);
    test_registry_artifact(a, "x", tag_of(&unrelated, ".sig"), "application/4", NULL, &unrelated);
    ck_assert_int_eq(copy_to(a, b, "v1", &o), 0);
    ck_assert(is_there(b, "y", tag_of(&image, ".sig"), &first));
    ck_assert(is_there(b, "y", tag_of(&first, ".sig"), &second));
    ck_assert(is_there(b, "y", NULL, &referrer) == o.referrers);
    ck_assert(is_there(b, "y", tag_of(&referrer, ".att"), &third) == o.referrers);
    ck_assert(!is_there(b, "y", NULL, &unrelated));
    ck_assert_uint_eq(test_registry_count(a, NULL, "GET *tags/list*"), 1);
    /* All of it is there: nothing is put. */
    test_registry_forget(b);
    ck_assert_int_eq(copy_to(a, b, "v1", &o), 0);
    ck_assert_uint_eq(test_registry_count(b, NULL, "P*"), 0);
    /* A tag that moved follows. */
    test_registry_artifact(a, "x", tag_of(&image, ".sig"), "application/5", NULL, &first);
    ck_assert_int_eq(copy_to(a, b, "v1", &o), 0);
    ck_assert(is_there(b, "y", tag_of(&image, ".sig"), &first));
}
END_TEST

/* ---- what runs in circles ---- */

START_TEST(an_index_refers_to_the_image_in_it)
{
    /* The image is under its tag last, and yet before the index: some registries take no index without its images. */
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("sparse-refused", NULL);
    const struct rf_copy_options o = { .referrers = true };
    struct rf_digest image, index;
    test_registry_image(a, "x", "v1", 1, 1000, &image);
    push_index_over(a, "i1", RF_MT_OCI_MANIFEST, &image, size_of(a, &image), true, &index);
    ck_assert_int_eq(copy_to(a, b, "v1", &o), 0);
    ck_assert(is_there(b, "y", "v1", &image) && is_there(b, "y", NULL, &index));
    ck_assert_int_eq(place_in_log(b, "PUT", "/manifests/v1\"", true),
                     place_in_log(b, "PUT", "", true));
    /* From the other end. */
    R c = test_registry_start("sparse-refused", NULL);
    ck_assert_int_eq(copy_to(a, c, "i1", &o), 0);
    ck_assert(is_there(c, "y", "i1", &index) && is_there(c, "y", NULL, &image));
}
END_TEST

START_TEST(a_digest_tag_leads_back_to_the_image)
{
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("sparse-refused", NULL);
    const struct rf_copy_options o = { .digest_tags = true };
    struct rf_digest image, index, again;
    test_registry_image(a, "x", "v1", 1, 1000, &image);
    push_index_over(a, tag_of(&image, ".all"), RF_MT_OCI_MANIFEST, &image, size_of(a, &image),
                    false, &index);
    /* And a tag of the index that is the image once more. */
    test_registry_image(a, "x", "v1", 1, 1000, &again);
    ck_assert(rf_digest_eq(&again, &image));
    ck_assert_int_eq(copy_to(a, b, "v1", &o), 0);
    ck_assert(is_there(b, "y", tag_of(&image, ".all"), &index) && is_there(b, "y", "v1", &image));
}
END_TEST

/* ---- referrers elsewhere ---- */

START_TEST(referrers_from_and_to_elsewhere)
{
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("plain", NULL);
    R c = test_registry_start("plain", NULL);
    struct rf_copy_options o = { .referrers = true, .referrers_src = { a->place, "refs" } };
    struct rf_digest image, here, there, of_there;
    test_registry_image(a, "x", "v1", 1, 1000, &image);
    test_registry_artifact(a, "x", NULL, "application/here", &image, &here);
    test_registry_artifact(a, "refs", NULL, "application/there", &image, &there);
    test_registry_artifact(a, "refs", NULL, "application/of-there", &there, &of_there);
    ck_assert_int_eq(copy_to(a, b, "v1", &o), 0);
    ck_assert(is_there(b, "y", "v1", &image));
    ck_assert(is_there(b, "y", NULL, &there) && is_there(b, "y", NULL, &of_there));
    ck_assert(!is_there(b, "y", NULL, &here));
    o.referrers_src = (struct rf_copy_side){ NULL, NULL };
    o.referrers_dst = (struct rf_copy_side){ c->place, "signatures" };
    ck_assert_int_eq(copy_to(a, c, "v1", &o), 0);
    ck_assert(is_there(c, "signatures", NULL, &here) && !is_there(c, "y", NULL, &here));
    ck_assert(!is_there(c, "signatures", NULL, &there));
    /* They are looked for although the image itself is there. */
    test_registry_artifact(a, "x", NULL, "application/late", &image, &here);
    ck_assert_int_eq(copy_to(a, c, "v1", &o), 0);
    ck_assert(is_there(c, "signatures", NULL, &here));
    ck_assert_uint_eq(res.manifests_put, 1);
}
END_TEST

/* ---- between the repositories of one registry ---- */

START_TEST(blobs_are_mounted)
{
    static const char *const profiles[] = { "plain", "mount-refused",
                                            "{\"options\":{\"mount\":\"ignore\"}}" };
    R a = test_registry_start(profiles[_i], NULL);
    struct rf_digest index;
    test_registry_index(a, "x", "v1", &index);
    test_registry_forget(a);
    ck_assert_int_eq(copy_to(a, a, "v1", NULL), 0);
    ck_assert(is_there(a, "y", "v1", &index));
    ck_assert_uint_eq(res.blobs_mounted, _i == 0 ? 4 : 0);
    ck_assert_uint_eq(res.blobs_moved, _i == 0 ? 0 : 4);
    ck_assert_uint_eq(test_registry_count(a, NULL, "GET *blobs*"), _i == 0 ? 0 : 4);
    ck_assert_uint_eq(test_registry_count(a, NULL, "POST *mount=*from=x*"), 4);
    ck_assert_uint_eq(test_registry_sessions(a), 0);
}
END_TEST

START_TEST(within_a_repository_only_the_manifest_moves)
{
    R a = test_registry_start("plain", NULL);
    struct rf_digest index;
    struct rf_err err = RF_ERR_INIT;
    test_registry_index(a, "x", "v1", &index);
    test_registry_forget(a);
    ck_assert_int_eq(
        rf_copy_image(a->place, "x", "v1", NULL, a->place, "x", "v2", NULL, &res, &err), 0);
    ck_assert_uint_eq(test_registry_count(a, NULL, "HEAD *manifests/v2"), 1);
    ck_assert_uint_eq(test_registry_count(a, NULL, "GET *manifests/*"), 1);
    ck_assert_uint_eq(test_registry_count(a, NULL, "PUT *manifests/v2"), 1);
    ck_assert_uint_eq(test_registry_count(a, NULL, "*"), 3);
    ck_assert(is_there(a, "x", "v2", &index));
}
END_TEST

Suite *rf_copy_options_suite(void);
Suite *rf_copy_options_suite(void)
{
    Suite *s = suite_create("copy_options");
    TCase *t = tcase_create("copy_options");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, blobs_then_children_then_referrers_then_the_tag);
    tcase_add_test(t, external_layers);
    tcase_add_loop_test(t, indexes_of_blobs, 0, 3);
    tcase_add_test(t, fast_goes_before_all_else);
    tcase_add_test(t, force_puts_again);
    tcase_add_test(t, a_sparse_index_keeps_its_bytes);
    tcase_add_loop_test(t, digest_tags_of_what_digest_tags_bring, 0, 2);
    tcase_add_test(t, an_index_refers_to_the_image_in_it);
    tcase_add_test(t, a_digest_tag_leads_back_to_the_image);
    tcase_add_test(t, referrers_from_and_to_elsewhere);
    tcase_add_loop_test(t, blobs_are_mounted, 0, 3);
    tcase_add_test(t, within_a_repository_only_the_manifest_moves);
    suite_add_tcase(s, t);
    return s;
}
