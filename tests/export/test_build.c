/* SPDX-License-Identifier: Apache-2.0 */
/* From a snapshot and its bases to a bundle. */
#include <stdlib.h>

#include "base/mem.h"
#include "export/build.h"
#include "tests/export/helper_export.h"

Suite *rf_build_suite(void);

static struct rf_snapshot *snapshot_new(void)
{
    struct rf_snapshot *s = rf_xcalloc(1, sizeof(*s));
    rf_snapshot_init(s);
    memcpy(s->site, "site", 5);
    return s;
}

static void snapshot_free(struct rf_snapshot *s)
{
    rf_snapshot_release(s);
    free(s);
}

/* A line whose manifest is "manifest TAG" and whose blobs are the layers (texts apart by blanks). */
static void add_line(struct rf_snapshot *s, const char *repository, const char *tag,
                     const char *layers, enum rf_image_status status)
{
    char *manifest = rf_xasprintf("manifest %s %s", tag, layers), *copy = rf_xstrdup(layers);
    struct rf_strings *strings = &s->desired.strings;
    struct rf_image im = { .digest = digest_of(manifest),
                           .size = strlen(manifest),
                           .repository = rf_strings_add(strings, rf_slice_str(repository)),
                           .tag = rf_strings_add(strings, rf_slice_str(tag)),
                           .media_type = rf_strings_add(strings, rf_slice_str(RF_MT_OCI_MANIFEST)),
                           .source = rf_strings_add(strings, rf_slice_str("r.example/x:1")),
                           .original = RF_NO_ID,
                           .first_blob = (uint32_t)s->n_items,
                           .status = (uint8_t)status };
    rf_snapshot_add_item(
        s, rf_snapshot_add_blob(s, &im.digest, im.size, RF_MT_OCI_MANIFEST, RF_BLOB_MANIFEST));
    for (char *rest = copy, *word; (word = strsep(&rest, " ")) != NULL;) {
        struct rf_digest d = digest_of(word);
        rf_snapshot_add_item(
            s, rf_snapshot_add_blob(s, &d, strlen(word), RF_MT_OCI_LAYER, RF_BLOB_LAYER));
    }
    im.n_blobs = (uint32_t)s->n_items - im.first_blob;
    rf_desired_add(&s->desired, &s->desired, &im);
    free(copy);
    free(manifest);
}

static void seal(struct rf_snapshot *s)
{
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_snapshot_seal(s, &err), err);
}

static void build(const struct rf_build *in, struct rf_bundle *out)
{
    struct rf_err err = RF_ERR_INIT;
    rf_bundle_init(out);
    expect_ok(rf_build_bundle(in, out, &err), err);
}

/* The repositories that the base has an assumed blob in, apart by blanks. */
static void expect_from(const struct rf_bundle *b, const char *content, const char *want)
{
    struct rf_digest d = digest_of(content);
    const struct rf_bundle_blob *blob = rf_bundle_find(b, &d);
    struct rf_buf got;
    rf_buf_init(&got, 0);
    ck_assert_ptr_nonnull(blob);
    for (uint32_t i = 0; i < blob->n_from; i++)
        rf_buf_addf(&got, "%s%s", i > 0 ? " " : "", rf_bundle_repo(b, blob->first_from + i));
    ck_assert_str_eq(got.ptr, want);
    rf_buf_release(&got);
}

START_TEST(the_first_of_a_chain)
{
    struct rf_bundle b;
    char chain[RF_CHAIN_HEX + 1];
    struct rf_snapshot *s = snapshot_new();
    add_line(s, "app", "1", "base one", RF_IMAGE_NEW);
    seal(s);
    const struct rf_build_hole hole = {
        .source = "r.example/y:1", .repository = "y", .tag = "1", .reason = "gone"
    };
    build(&(struct rf_build){ .snapshot = s, .site = "site", .holes = &hole, .n_holes = 1 }, &b);
    rf_chain_name("site", &s->id, chain);
    ck_assert_str_eq(b.chain, chain);
    ck_assert_uint_eq(b.sequence, 1);
    ck_assert(!rf_digest_is_set(&b.parent));
    ck_assert(rf_digest_eq(&b.snapshot, &s->id));
    ck_assert_uint_eq(b.n_blobs, 3);
    char *told = story(&b);
    ck_assert_str_eq(told, "new app:1\nhole y:1\n");
    free(told);
    rf_bundle_release(&b);
    snapshot_free(s);
}
END_TEST

START_TEST(on_a_base)
{
    struct rf_bundle b;
    struct rf_export_record last = { .sequence = 7, .chain = "db441b040eab9bdc7eecc0d009466316" };
    struct rf_snapshot *base = snapshot_new(), *s = snapshot_new();
    last.id = digest_of("parent");
    add_line(base, "app", "1", "base one", RF_IMAGE_NEW);
    add_line(base, "lib", "1", "base two", RF_IMAGE_NEW);
    add_line(base, "old", "1", "three", RF_IMAGE_NEW);
    seal(base);
    add_line(s, "app", "1", "base one", RF_IMAGE_UNCHANGED);
    add_line(s, "app", "2", "base two new", RF_IMAGE_NEW);
    add_line(s, "lib", "1", "base two", RF_IMAGE_HELD);
    seal(s);
    build(
        &(struct rf_build){
            .snapshot = s, .bases = &base, .n_bases = 1, .site = "site", .last = &last },
        &b);
    ck_assert_uint_eq(b.sequence, 8);
    ck_assert(rf_digest_eq(&b.parent, &last.id));
    ck_assert_str_eq(b.chain, last.chain);
    ck_assert_uint_eq(b.n_bases, 1);
    ck_assert(rf_digest_eq(&b.bases[0], &base->id));
    char *told = story(&b);
    ck_assert_str_eq(told, "unchanged app:1\nnew app:2\nheld lib:1\nremoved old:1\n");
    free(told);
    ck_assert_str_eq(travel_of(&b, "base"), "assumed");
    ck_assert_str_eq(travel_of(&b, "new"), "carried");
    ck_assert_str_eq(travel_of(&b, "one"), "absent");
    expect_from(&b, "base", "app lib");
    expect_from(&b, "two", "lib");
    rf_bundle_release(&b);
    snapshot_free(base);
    snapshot_free(s);
}
END_TEST

START_TEST(several_bases)
{
    struct rf_bundle b;
    struct rf_snapshot *bases[] = { snapshot_new(), snapshot_new() }, *s = snapshot_new();
    add_line(bases[0], "app", "1", "base one", RF_IMAGE_NEW);
    add_line(bases[0], "gone", "1", "x", RF_IMAGE_NEW);
    add_line(bases[1], "lib", "1", "base two", RF_IMAGE_NEW);
    add_line(bases[1], "gone", "1", "y", RF_IMAGE_NEW);
    seal(bases[0]);
    seal(bases[1]);
    add_line(s, "app", "2", "base one two three", RF_IMAGE_NEW);
    seal(s);
    build(&(struct rf_build){ .snapshot = s, .bases = bases, .n_bases = 2, .site = "site" }, &b);
    ck_assert_uint_eq(b.n_bases, 2);
    ck_assert_int_lt(rf_digest_cmp(&b.bases[0], &b.bases[1]), 0);
    ck_assert_str_eq(travel_of(&b, "one"), "assumed");
    ck_assert_str_eq(travel_of(&b, "two"), "assumed");
    ck_assert_str_eq(travel_of(&b, "three"), "carried");
    expect_from(&b, "base", "app lib");
    expect_from(&b, "two", "lib");
    char *told = story(&b); /* removed once, although two bases have it */
    ck_assert_str_eq(told, "removed app:1\nnew app:2\nremoved gone:1\nremoved lib:1\n");
    free(told);
    rf_bundle_release(&b);
    snapshot_free(bases[0]);
    snapshot_free(bases[1]);
    snapshot_free(s);
}
END_TEST

START_TEST(origins_are_bounded)
{
    struct rf_bundle b;
    struct rf_snapshot *base = snapshot_new(), *s = snapshot_new();
    for (int i = 0; i < 40; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "repo%02d", i);
        add_line(base, name, "1", "base", RF_IMAGE_NEW);
    }
    seal(base);
    add_line(s, "app", "1", "base", RF_IMAGE_NEW);
    seal(s);
    build(&(struct rf_build){ .snapshot = s, .bases = &base, .n_bases = 1, .site = "site" }, &b);
    struct rf_digest d = digest_of("base");
    ck_assert_uint_eq(rf_bundle_find(&b, &d)->n_from, RF_FROM_MAX);
    rf_bundle_release(&b);
    snapshot_free(base);
    snapshot_free(s);
}
END_TEST

START_TEST(a_blob_of_many_repositories_stands_once)
{
    struct rf_bundle b;
    struct rf_snapshot *s = snapshot_new();
    add_line(s, "b", "1", "base one", RF_IMAGE_NEW);
    add_line(s, "a", "1", "base two", RF_IMAGE_NEW);
    add_line(s, "a", "2", "base three", RF_IMAGE_NEW);
    seal(s);
    build(&(struct rf_build){ .snapshot = s, .site = "site" }, &b);
    struct rf_digest d = digest_of("base");
    const struct rf_bundle_blob *blob = rf_bundle_find(&b, &d);
    ck_assert_uint_eq(blob->n_repos, 2);
    ck_assert_str_eq(rf_bundle_repo(&b, blob->first_repo), "a");
    ck_assert_str_eq(rf_bundle_repo(&b, blob->first_repo + 1), "b");
    ck_assert_uint_eq(b.n_blobs, 7);
    rf_bundle_release(&b);
    snapshot_free(s);
}
END_TEST

Suite *rf_build_suite(void)
{
    Suite *s = suite_create("build");
    TCase *t = tcase_create("build");
    suite_add_tcase(s, t);
    tcase_add_test(t, the_first_of_a_chain);
    tcase_add_test(t, on_a_base);
    tcase_add_test(t, several_bases);
    tcase_add_test(t, origins_are_bounded);
    tcase_add_test(t, a_blob_of_many_repositories_stands_once);
    return s;
}
