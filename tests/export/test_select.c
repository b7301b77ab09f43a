/* SPDX-License-Identifier: Apache-2.0 */
/* Selecting: which lines items become. */
#include <stdlib.h>

#include "base/mem.h"
#include "export/select.h"
#include "tests/export/helper_export.h"

Suite *rf_select_suite(void);

struct selected {
    struct asked a;
    struct rf_export_state *state;
    struct rf_selection s;
};

static int start(struct selected *x, const struct run *r, const char *args, struct rf_err *err)
{
    struct rf_err why = RF_ERR_INIT;
    asked_init(&x->a, r, args);
    x->state = NULL;
    expect_ok(rf_export_state_open(x->a.req.state_dir, x->a.req.site, 0, &x->state, &why), why);
    rf_selection_init(&x->s, &x->a.req, x->state);
    return rf_select(&x->s, err);
}

static void end(struct selected *x)
{
    rf_selection_release(&x->s);
    rf_export_state_free(x->state);
    asked_release(&x->a);
}

/* The lines in their order, "repo:tag" or "repo@", with what is special of each. */
static void expect_lines(const struct selected *x, const char *want)
{
    struct rf_buf got;
    const struct rf_desired *d = &x->s.wanted;
    rf_buf_init(&got, 0);
    for (size_t i = 0; i < d->n; i++) {
        const struct rf_pick *p = &x->s.picks[i];
        const char *tag = rf_desired_str(d, d->images[i].tag);
        rf_buf_addf(&got, "%s%s%s%s%s%s%s%s\n", rf_desired_str(d, d->images[i].repository),
                    tag[0] != '\0' ? ":" : "@", tag, p->error_code != 0 ? " failed" : "",
                    p->dropped ? " dropped" : "", p->extra ? " extra" : "",
                    p->referrers ? " referrers" : "", p->digest_tags ? " digest-tags" : "");
    }
    ck_assert_str_eq(got.ptr, want);
    rf_buf_release(&got);
}

static const struct run plain = { 0 };

START_TEST(tags_in_order)
{
    struct selected x;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "2", "cfg2", "two");
    source_image("app", "10", "cfg10", "ten");
    source_image("app", "1", "cfg1", "one");
    expect_ok(start(&x, &plain, "ocidir://app", &err), err);
    expect_lines(&x, "app:1\napp:10\napp:2\n");
    ck_assert_str_eq(rf_desired_str(&x.s.wanted, x.s.wanted.images[1].source), "ocidir://app:10");
    ck_assert_str_eq(rf_desired_str(&x.s.wanted, x.s.wanted.images[1].media_type),
                     RF_MT_OCI_MANIFEST);
    ck_assert_uint_gt(x.s.wanted.images[1].size, 0);
    end(&x);
}
END_TEST

START_TEST(filtered)
{
    struct selected x;
    struct rf_err err = RF_ERR_INIT;
    struct run run = {
        .config = "version: 1\nsync:\n  - {source: 'ocidir://app', target: 'r.plant/x', type: "
                  "repository, tags: {allow: ['1.*'], deny: ['12']}}\n"
    };
    source_image("app", "1", "cfg1", "one");
    source_image("app", "12", "cfg2", "two");
    source_image("app", "13", "cfg3", "three");
    source_image("app", "2", "cfg4", "four");
    expect_ok(start(&x, &run, "", &err), err);
    expect_lines(&x, "x:1\nx:13\n");
    end(&x);
}
END_TEST

/* What a kind that is not listed asks for is nothing, and another mention still counts. */
START_TEST(kinds_that_are_not_listed)
{
    struct selected x;
    struct rf_err err = RF_ERR_INIT;
    static const char *const archs[] = { "amd64", "arm64" };
    struct run run = {
        .config = "version: 1\nsync:\n"
                  "  - {source: 'ocidir://app', target: 'r.plant/x', type: repository, "
                  "referrers: true, mediaTypes: [application/vnd.oci.image.index.v1+json]}\n"
                  "  - {source: 'ocidir://app:1', target: 'r.plant/x:1', type: image}\n"
    };
    source_image("app", "1", "cfg1", "one");
    source_image("app", "2", "cfg2", "two");
    source_index("app", "multi", "m", archs, 2);
    expect_ok(start(&x, &run, "", &err), err);
    expect_lines(&x, "x:1 dropped referrers\nx:2 dropped referrers\nx:multi referrers\nx:1\n");
    ck_assert_uint_eq(rf_pick_line(x.s.picks, 0), RF_NO_ID);
    ck_assert_uint_eq(rf_pick_line(x.s.picks, 3), 3);
    end(&x);
}
END_TEST

/* A pattern that runs endlessly: the repository is a hole, as it is an error of regsync. */
START_TEST(a_filter_that_fails)
{
    struct selected x;
    struct rf_err err = RF_ERR_INIT;
    struct run run = {
        .config = "version: 1\nsync:\n  - {source: 'ocidir://app', target: 'r.plant/x', type: "
                  "repository, tags: {allow: ['(a|aa)*']}}\n"
    };
    source_image("app", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", "cfg1",
                 "one");
    expect_ok(start(&x, &run, "", &err), err);
    expect_lines(&x, "x@ failed\n");
    ck_assert_ptr_nonnull(strstr(rf_desired_str(&x.s.wanted, x.s.picks[0].error), "pattern \""));
    end(&x);
}
END_TEST

/* What a mention asks for beside the image is kept with it. */
START_TEST(mentions_are_joined)
{
    struct selected x;
    struct rf_err err = RF_ERR_INIT;
    struct run run = { .config =
                           "version: 1\nsync:\n"
                           "  - {source: 'ocidir://app', target: 'r.plant/app', type: repository}\n"
                           "  - {source: 'ocidir://app:1', target: 'r.plant/app:1', type: image, "
                           "referrers: true}\n"
                           "  - {source: 'ocidir://app:1', target: 'r.plant/app:1', type: image, "
                           "digestTags: true}\n" };
    source_image("app", "1", "cfg1", "one");
    source_image("app", "2", "cfg2", "two");
    expect_ok(start(&x, &run, "", &err), err);
    expect_lines(&x, "app:1\napp:2\napp:1 dropped referrers\napp:1 dropped "
                     "digest-tags\n");
    end(&x);
}
END_TEST

START_TEST(a_mention_that_fails_gives_way)
{
    struct selected x;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg1", "one");
    expect_ok(start(&x, &plain, "ocidir://gone:1=app:1 ocidir://app:1", &err), err);
    expect_lines(&x, "app:1 failed dropped\napp:1\n");
    end(&x);
}
END_TEST

START_TEST(names_that_are_no_tags)
{
    struct selected x;
    struct rf_err err = RF_ERR_INIT;
    struct rf_manifest *m;
    struct rf_place *p = source_open("app");
    const char *layers[] = { "one", NULL };
    put_image(p, "", "1", "cfg1", layers, &m);
    char *d = descriptor_json(m);
    d[strlen(d) - 1] = '\0';
    char *index = rf_xasprintf(
        "{\"schemaVersion\":2,\"manifests\":[%s,\"annotations\":{\"org.opencontainers.image.ref."
        "name\":\"r.example/os/alpine:3.20\"}},%s,\"annotations\":{\"org.opencontainers.image."
        "ref.name\":\"1.0+build\"}}]}",
        d, d);
    write_text("app/index.json", index);
    expect_ok(start(&x, &plain, "ocidir://app=x", &err), err);
    expect_lines(&x, "x@ failed\nx:3.20\n");
    ck_assert_str_eq(rf_desired_str(&x.s.wanted, x.s.wanted.images[0].source),
                     "ocidir://app:1.0+build");
    ck_assert_ptr_nonnull(strstr(rf_desired_str(&x.s.wanted, x.s.picks[0].error), "not a tag"));
    end(&x);
    free(exported(&plain, "ocidir://app=x"));
    free(index);
    free(d);
    rf_manifest_free(m);
    rf_place_free(p);
}
END_TEST

START_TEST(extras_are_added_once)
{
    struct selected x;
    struct rf_err err = RF_ERR_INIT;
    struct rf_descriptor desc = { .digest = digest_of("sig"),
                                  .size = 3,
                                  .media_type = (char *)(uintptr_t)RF_MT_OCI_MANIFEST };
    source_image("app", "1", "cfg1", "one");
    source_image("lib", "1", "cfg1", "one");
    expect_ok(start(&x, &plain, "ocidir://app ocidir://lib", &err), err);
    ck_assert_uint_eq(rf_selection_add_extra(&x.s, 0, NULL, &desc), 2);
    ck_assert_uint_eq(rf_selection_add_extra(&x.s, 0, NULL, &desc), RF_NO_ID);
    ck_assert_uint_eq(rf_selection_add_extra(&x.s, 2, NULL, &desc), RF_NO_ID);
    ck_assert_uint_eq(rf_selection_add_extra(&x.s, 1, NULL, &desc), 3); /* another repository */
    ck_assert_uint_eq(rf_selection_add_extra(&x.s, 0, "sig", &desc), 4);
    ck_assert_uint_eq(rf_selection_add_extra(&x.s, 0, "sig", &desc), RF_NO_ID);
    ck_assert_uint_eq(rf_selection_add_extra(&x.s, 0, "1", &desc),
                      RF_NO_ID); /* a line of its own */
    for (unsigned i = 0; i < 5000; i++) {
        desc.digest.bytes[0] = (uint8_t)i;
        desc.digest.bytes[1] = (uint8_t)(i >> 8);
        ck_assert_uint_ne(rf_selection_add_extra(&x.s, 0, NULL, &desc), RF_NO_ID);
    }
    ck_assert_uint_eq(rf_selection_add_extra(&x.s, 0, NULL, &desc), RF_NO_ID);
    end(&x);
}
END_TEST

START_TEST(manifests_come_from_the_cache)
{
    struct selected x;
    struct rf_err err = RF_ERR_INIT;
    struct rf_manifest *m = NULL;
    source_image("app", "1", "cfg1", "one");
    expect_ok(start(&x, &plain, "ocidir://app", &err), err);
    struct rf_digest d = x.s.wanted.images[0].digest;
    const struct rf_location *at = &x.s.locations.list[0];
    expect_ok(rf_export_fetch_manifest(x.state, at, &d, 0, NULL, &m, &err), err);
    rf_manifest_freep(&m);
    char *path = blob_path("app", &d);
    ck_assert_int_eq(remove(path), 0);
    expect_ok(rf_export_fetch_manifest(x.state, at, &d, 0, "", &m, &err), err);
    rf_manifest_freep(&m);
    /* what the cache has is held against what is expected all the same */
    ck_assert_int_eq(rf_export_fetch_manifest(x.state, at, &d, 1, NULL, &m, &err),
                     -RFE_SIZE_MISMATCH);
    ck_assert_ptr_null(m);
    free(path);
    end(&x);
}
END_TEST

Suite *rf_select_suite(void)
{
    Suite *s = suite_create("select");
    TCase *t = tcase_create("select");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_set_timeout(t, 30);
    suite_add_tcase(s, t);
    tcase_add_test(t, tags_in_order);
    tcase_add_test(t, filtered);
    tcase_add_test(t, kinds_that_are_not_listed);
    tcase_add_test(t, a_filter_that_fails);
    tcase_add_test(t, mentions_are_joined);
    tcase_add_test(t, a_mention_that_fails_gives_way);
    tcase_add_test(t, names_that_are_no_tags);
    tcase_add_test(t, extras_are_added_once);
    tcase_add_test(t, manifests_come_from_the_cache);
    return s;
}
