/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/bundle.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "manifests/media_type.h"
#include "tests/layout/helper_bundle.h"
#include "tests/layout/helper_layout.h"

Suite *rf_bundle_suite(void);

/* ---- names ---- */

START_TEST(site_names)
{
    static const char *const good[] = { "a", "0", "plant-7", "a.b_c-d", "9..--__" };
    static const char *const bad[] = { "",    "-a",  ".a",  "_a",  "A",   "aB",
                                       "a b", "a/b", "a:b", "a\n", "a\\", "\xc3\xbc" };
    for (size_t i = 0; i < RF_ARRAY_LEN(good); i++)
        ck_assert_msg(rf_site_valid(rf_slice_str(good[i])), "%s", good[i]);
    for (size_t i = 0; i < RF_ARRAY_LEN(bad); i++)
        ck_assert_msg(!rf_site_valid(rf_slice_str(bad[i])), "%s", bad[i]);
    char text[66];
    memset(text, 'x', sizeof(text));
    ck_assert(rf_site_valid(rf_slice_of(text, 64)));
    ck_assert(!rf_site_valid(rf_slice_of(text, 65)));
    ck_assert(!rf_site_valid(rf_slice_of("a\0b", 3)));
}
END_TEST

/* printf 'site\nsha256:...' | sha256sum, the first 32 digits */
START_TEST(chains_are_named_by_site_and_first_snapshot)
{
    char chain[RF_CHAIN_HEX + 1];
    struct rf_digest d;
    ck_assert_int_eq(
        rf_digest_parse(
            rf_slice_str("sha256:340d6132c83c70278344d127a37371ea04ba76e36b14c203ace233f97e264951"),
            &d, NULL),
        0);
    rf_chain_name("plant-7", &d, chain);
    ck_assert_str_eq(chain, "db441b040eab9bdc7eecc0d009466316");
    rf_chain_name("plant-8", &d, chain);
    ck_assert_str_eq(chain, "8df2e5238ce6341f04636fe7808d2639");
}
END_TEST

/* ---- writing ---- */

static const struct {
    const char *name;
    void (*make)(struct made *m);
    const char *id;
} samples[] = {
    { "full", made_full, FULL_ID },
    { "next", made_next, NEXT_ID },
};

/* The golden files were written by another program, by the description of the format. */
START_TEST(written_as_described)
{
    struct made m;
    char hex[RF_DIGEST_TEXT];
    size_t len;
    samples[_i].make(&m);
    made_seal(&m);
    char *got = bundle_json_of(&m.b), *want = golden_json(samples[_i].name, &len);
    expect_text(got, want, samples[_i].name);
    ck_assert_uint_eq(m.b.json_size, len);
    ck_assert_str_eq(rf_digest_hex(&m.b.id, hex), samples[_i].id);
    free(got);
    free(want);
    made_release(&m);
}
END_TEST

/* What the description of the format shows is what the golden files are. */
START_TEST(the_description_shows_them)
{
    size_t len;
    char *doc = golden("../../../docs/bundle-format.md", &len);
    char *json = golden_json(samples[_i].name, &len);
    ck_assert(strstr(doc, json) != NULL);
    ck_assert(strstr(doc, FULL_ID) != NULL);
    free(json);
    free(doc);
}
END_TEST

static void shuffle(void *list, size_t n, size_t size, unsigned *seed)
{
    char swap[256];
    ck_assert_uint_le(size, sizeof(swap));
    for (size_t i = n; i > 1; i--) {
        char *a = (char *)list + (i - 1) * size;
        char *b = (char *)list + (size_t)rand_r(seed) % i * size;
        memcpy(swap, a, size);
        memcpy(a, b, size);
        memcpy(b, swap, size);
    }
}

static void shuffle_all(struct rf_bundle *b, unsigned *seed)
{
    shuffle(b->desired.images, b->desired.n, sizeof(*b->desired.images), seed);
    shuffle(b->blobs, b->n_blobs, sizeof(*b->blobs), seed);
    shuffle(b->holes, b->n_holes, sizeof(*b->holes), seed);
    for (size_t i = 0; i < b->n_blobs; i++) {
        shuffle(b->lists + b->blobs[i].first_repo, b->blobs[i].n_repos, sizeof(uint32_t), seed);
        shuffle(b->lists + b->blobs[i].first_from, b->blobs[i].n_from, sizeof(uint32_t), seed);
    }
    /* The table in another order, and the lists with it. */
    uint32_t swap = b->repositories[0];
    b->repositories[0] = b->repositories[1];
    b->repositories[1] = swap;
    for (size_t i = 0; i < b->n_lists; i++)
        if (b->lists[i] < 2)
            b->lists[i] = 1 - b->lists[i];
}

START_TEST(order_of_the_parts_does_not_matter)
{
    struct made m;
    size_t len;
    unsigned seed = 7;
    char *want = golden_json("next", &len);
    made_next(&m);
    for (int round = 0; round < 100; round++) {
        shuffle_all(&m.b, &seed);
        made_seal(&m);
        char *got = bundle_json_of(&m.b);
        expect_text(got, want, "shuffled");
        free(got);
    }
    free(want);
    made_release(&m);
}
END_TEST

START_TEST(what_stands_twice_is_dropped)
{
    struct made m;
    size_t len;
    char *want = golden_json("next", &len);
    made_next(&m);
    m.b.bases[m.b.n_bases] = m.b.bases[0];
    m.b.n_bases++;
    made_hole(&m, "lab/held", "1", "registry.example/lab/held:1", "the registry answers 503");
    /* every list twice over, and a table that says each name twice and one that nobody needs */
    for (size_t i = 0; i < m.b.n_blobs; i++) {
        struct rf_bundle_blob *blob = &m.b.blobs[i];
        uint32_t first = (uint32_t)m.b.n_lists;
        for (uint32_t k = 0; k < 2 * blob->n_repos; k++) {
            m.b.lists = rf_grow(m.b.lists, m.b.n_lists, &m.b.cap_lists, sizeof(uint32_t));
            m.b.lists[m.b.n_lists] = m.b.lists[blob->first_repo + k % blob->n_repos];
            if (k >= blob->n_repos)
                m.b.lists[m.b.n_lists] += 4;
            m.b.n_lists++;
        }
        blob->first_repo = first;
        blob->n_repos *= 2;
    }
    ck_assert_uint_eq(m.b.n_repositories, 4);
    for (size_t i = 0; i < 4; i++) {
        m.b.repositories =
            rf_grow(m.b.repositories, m.b.n_repositories, &m.b.cap_repositories, sizeof(uint32_t));
        m.b.repositories[m.b.n_repositories++] = m.b.repositories[i];
    }
    (void)made_repository(&m, "nobody/needs/it");
    made_seal(&m);
    char *got = bundle_json_of(&m.b);
    expect_text(got, want, "with duplicates");
    free(got);
    free(want);
    made_release(&m);
}
END_TEST

/* A layer that fails for good while writing: its image becomes a hole and the bundle is sealed again. */
START_TEST(a_changed_bundle_is_sealed_again)
{
    struct made m;
    struct rf_bundle b;
    struct rf_err err = RF_ERR_INIT;
    made_full(&m);
    made_seal(&m);
    struct rf_digest first = m.b.id, extra = made_content(&m, RF_DIGEST_SHA256, "layer three\n");
    made_blob(&m, RF_BLOB_LAYER, &extra, RF_MT_OCI_LAYER, "zoo/new team/app a/first", NULL);
    made_hole(&m, "team/app", "2.0", "registry.example/team/app:2.0", "gone");
    m.b.sequence = 3;
    made_seal(&m);
    ck_assert(!rf_digest_eq(&first, &m.b.id));
    ck_assert_str_eq(rf_desired_str(&m.b.desired, m.b.repositories[0]), "a/first");
    char *text = bundle_json_of(&m.b);
    expect_ok(bundle_read_text(rf_slice_str(text), &b, &err), err);
    expect_same_document(&b, &m.b);
    const struct rf_bundle_blob *blob = rf_bundle_find(&b, &extra);
    ck_assert_uint_eq(blob->n_repos, 3);
    ck_assert_str_eq(rf_bundle_repo(&b, blob->first_repo + 2), "zoo/new");
    struct rf_digest one = digest_of("layer one\n");
    blob = rf_bundle_find(&b, &one);
    ck_assert_uint_eq(blob->n_repos, 2);
    ck_assert_str_eq(rf_bundle_repo(&b, blob->first_repo), "lab/held");
    ck_assert_str_eq(rf_bundle_repo(&b, blob->first_repo + 1), "team/app");
    rf_bundle_release(&b);
    /* and back */
    m.b.sequence = 1;
    m.b.n_holes = 0;
    struct rf_bundle_blob *gone = &m.b.blobs[rf_bundle_find(&m.b, &extra) - m.b.blobs];
    *gone = m.b.blobs[--m.b.n_blobs];
    made_seal(&m);
    ck_assert(rf_digest_eq(&first, &m.b.id));
    free(text);
    made_release(&m);
}
END_TEST

START_TEST(an_empty_bundle)
{
    struct made m;
    struct rf_bundle b;
    struct rf_err err = RF_ERR_INIT;
    made_init(&m);
    made_seal(&m);
    char *text = bundle_json_of(&m.b);
    expect_ok(bundle_read_text(rf_slice_str(text), &b, &err), err);
    expect_same_document(&b, &m.b);
    struct rf_digest nothing = digest_of("");
    ck_assert(rf_digest_eq(&b.snapshot, &nothing));
    rf_bundle_release(&b);
    free(text);
    made_release(&m);
}
END_TEST

/* ---- what seal refuses: no reader would take it ---- */

static void site_wrong(struct made *m)
{
    m->b.site[0] = 'P';
}
static void chain_wrong(struct made *m)
{
    m->b.chain[31] = '\0';
}
static void sequence_0(struct made *m)
{
    m->b.sequence = 0;
}
static void sequence_large(struct made *m)
{
    m->b.sequence = UINT64_C(1) << 63;
}
static void parent_sha512(struct made *m)
{
    rf_digest_of(RF_DIGEST_SHA512, rf_slice_str("x"), &m->b.parent);
}
static void base_sha512(struct made *m)
{
    rf_digest_of(RF_DIGEST_SHA512, rf_slice_str("x"), &m->b.bases[0]);
}
static void tool_missing(struct made *m)
{
    rf_freep(&m->b.tool);
}
static void tool_long(struct made *m)
{
    free(m->b.tool);
    m->b.tool = rf_xasprintf("%0201d", 1);
}
static void tool_not_utf8(struct made *m)
{
    free(m->b.tool);
    m->b.tool = rf_xstrdup("\xc3\x28");
}
static void no_base(struct made *m)
{
    m->b.n_bases = 0;
}
static void repository_wrong(struct made *m)
{
    m->b.repositories[0] = rf_strings_add(&m->b.desired.strings, rf_slice_str("Upper"));
}
static void list_outside(struct made *m)
{
    m->b.blobs[0].first_repo = (uint32_t)m->b.n_lists;
}
static void list_far_outside(struct made *m)
{
    m->b.blobs[0].n_repos = UINT32_MAX;
}
static void list_names_nobody(struct made *m)
{
    m->b.lists[m->b.blobs[0].first_repo] = (uint32_t)m->b.n_repositories;
}
static void list_empty(struct made *m)
{
    m->b.blobs[0].n_repos = 0;
}
static void from_empty(struct made *m)
{
    for (size_t i = 0; i < m->b.n_blobs; i++)
        m->b.blobs[i].n_from = 0;
}
static void blob_twice(struct made *m)
{
    m->b.blobs[0] = m->b.blobs[1];
}
static void blob_of_two_kinds(struct made *m)
{
    m->b.blobs[0] = m->b.blobs[1];
    m->b.blobs[0].kind = RF_BLOB_LAYER;
}
static void blob_too_large(struct made *m)
{
    m->b.blobs[0].size = RF_BLOB_SIZE_MAX + 1;
}
static void blobs_too_large(struct made *m)
{
    for (unsigned i = 0; i < 16; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%u", i);
        struct rf_digest d = digest_of(text);
        made_blob(m, RF_BLOB_LAYER, &d, "x/y", "team/app", NULL)->size = RF_BLOB_SIZE_MAX;
    }
}
static void manifest_too_large(struct made *m)
{
    m->b.blobs[1].size = 9u << 20;
}
static void manifest_is_none(struct made *m)
{
    m->b.blobs[1].media_type = m->b.blobs[0].media_type;
}
static void image_twice(struct made *m)
{
    m->b.desired.images[0] = m->b.desired.images[2];
}
static void image_without_blob(struct made *m)
{
    m->b.desired.images[1].digest = digest_of("no blob");
}
static void image_of_another_size(struct made *m)
{
    m->b.desired.images[1].size++;
}
static void image_elsewhere(struct made *m)
{
    m->b.desired.images[1].repository =
        rf_strings_add(&m->b.desired.strings, rf_slice_str("else/where"));
}
static void child_without_blob(struct made *m)
{
    m->b.desired.digests[m->b.desired.images[1].first_child] = digest_of("no blob");
}
static void source_not_utf8(struct made *m)
{
    m->b.desired.images[0].source = rf_strings_add(&m->b.desired.strings, rf_slice_str("\xff"));
}
static void hole_wrong(struct made *m)
{
    made_hole(m, "Upper", "", "x", "y");
}
static void hole_tag_wrong(struct made *m)
{
    made_hole(m, "lower", "a b", "x", "y");
}
static void hole_not_utf8(struct made *m)
{
    made_hole(m, "lower", "", "x", "\x80");
}

static const struct {
    void (*spoil)(struct made *m);
    const char *why;
} spoilt[] = {
    { site_wrong, "site" },
    { chain_wrong, "chain" },
    { sequence_0, "sequence" },
    { sequence_large, "sequence" },
    { parent_sha512, "parent" },
    { base_sha512, "bases" },
    { tool_missing, "tool" },
    { tool_long, "tool" },
    { tool_not_utf8, "tool" },
    { no_base, "base" },
    { repository_wrong, "repositories" },
    { list_outside, "outside" },
    { list_far_outside, "outside" },
    { list_names_nobody, "names repository" },
    { list_empty, "repositories" },
    { from_empty, "from" },
    { blob_twice, "twice" },
    { blob_of_two_kinds, "two kinds" },
    { blob_too_large, "size" },
    { blobs_too_large, "add up" },
    { manifest_too_large, "size" },
    { manifest_is_none, "media type" },
    { image_twice, "twice" },
    { image_without_blob, "mirror/multi:1" },
    { image_of_another_size, "mirror/multi:1" },
    { image_elsewhere, "else/where:1" },
    { child_without_blob, "child" },
    { source_not_utf8, "UTF-8" },
    { hole_wrong, "holes" },
    { hole_tag_wrong, "holes" },
    { hole_not_utf8, "UTF-8" },
};

START_TEST(what_cannot_be_read_is_not_sealed)
{
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    made_next(&m);
    spoilt[_i].spoil(&m);
    expect_error(rf_bundle_seal(&m.b, &err), RFE_INVALID, err, spoilt[_i].why);
    made_release(&m);
}
END_TEST

/* ---- limits ---- */

/* An index of n chosen children in one repository. */
static void make_wide(struct made *m, size_t n)
{
    made_init(m);
    struct rf_digest index = made_content(m, RF_DIGEST_SHA256, "an index");
    struct rf_image *im = made_image(m, "wide/one", "1", &index, RF_MT_OCI_INDEX, RF_IMAGE_NEW,
                                     "registry.example/wide/one:1");
    uint32_t first = 0;
    made_blob(m, RF_BLOB_MANIFEST, &index, RF_MT_OCI_INDEX, "wide/one", NULL);
    for (size_t i = 0; i < n; i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "child %zu", i);
        struct rf_digest d = digest_of(text);
        made_blob(m, RF_BLOB_MANIFEST, &d, RF_MT_OCI_MANIFEST, "wide/one", NULL);
        uint32_t at = rf_desired_add_digests(&m->b.desired, &d, 1);
        first = i == 0 ? at : first;
    }
    im = &m->b.desired.images[0];
    im->first_child = first;
    im->n_children = (uint32_t)n;
}

START_TEST(the_longest_line_of_an_image)
{
    struct made m;
    struct rf_bundle b;
    struct rf_err err = RF_ERR_INIT;
    /* A child takes 74 bytes of the 65,536, which include comma and LF. */
    make_wide(&m, 880);
    made_seal(&m);
    char *text = bundle_json_of(&m.b);
    char *line = strstr(text, "{\"repository\":");
    size_t len = strcspn(line, "\n");
    size_t more = RF_BUNDLE_LINE_MAX - 2 - len; /* it has no comma here */
    ck_assert_uint_lt(more, 1000);
    char *source = rf_xasprintf("registry.example/wide/one:1%0*d", (int)more, 1);
    m.b.desired.images[0].source = rf_strings_add(&m.b.desired.strings, rf_slice_str(source));
    made_seal(&m);
    free(text);
    text = bundle_json_of(&m.b);
    ck_assert_uint_eq(strcspn(strstr(text, "{\"repository\":"), "\n"), RF_BUNDLE_LINE_MAX - 2);
    expect_ok(bundle_read_text(rf_slice_str(text), &b, &err), err);
    expect_same_document(&b, &m.b);
    rf_bundle_release(&b);
    char *longer = rf_xasprintf("%s0", source);
    m.b.desired.images[0].source = rf_strings_add(&m.b.desired.strings, rf_slice_str(longer));
    expect_error(rf_bundle_seal(&m.b, &err), RFE_TOO_LARGE, err, "65536");
    free(longer);
    free(source);
    free(text);
    made_release(&m);
}
END_TEST

START_TEST(a_line_of_index_json_has_the_same_limit)
{
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    made_full(&m);
    /* fits images, but not index.json, whose keys are longer */
    struct rf_buf line;
    struct rf_image *im = &m.b.desired.images[0];
    rf_buf_init(&line, 0);
    im->source = rf_strings_add(&m.b.desired.strings, rf_slice_str(""));
    rf_image_json(&m.b.desired, im, true, &line);
    char *source = rf_xasprintf("%0*d", (int)(RF_BUNDLE_LINE_MAX - 2 - line.len), 1);
    im->source = rf_strings_add(&m.b.desired.strings, rf_slice_str(source));
    rf_buf_release(&line);
    expect_error(rf_bundle_seal(&m.b, &err), RFE_TOO_LARGE, err, "index.json");
    free(source);
    made_release(&m);
}
END_TEST

START_TEST(a_blob_of_too_many_repositories)
{
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    made_full(&m);
    struct rf_bundle_blob *blob = &m.b.blobs[0];
    blob->first_repo = (uint32_t)m.b.n_lists;
    blob->n_repos = 0;
    for (unsigned i = 0; i < 13000; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "many/%u", i);
        uint32_t id = rf_strings_add(&m.b.desired.strings, rf_slice_str(name));
        m.b.repositories =
            rf_grow(m.b.repositories, m.b.n_repositories, &m.b.cap_repositories, sizeof(uint32_t));
        m.b.repositories[m.b.n_repositories] = id;
        m.b.lists = rf_grow(m.b.lists, m.b.n_lists, &m.b.cap_lists, sizeof(uint32_t));
        m.b.lists[m.b.n_lists++] = (uint32_t)m.b.n_repositories++;
        blob->n_repos++;
    }
    expect_error(rf_bundle_seal(&m.b, &err), RFE_TOO_LARGE, err, "line of bundle.json");
    struct rf_digest one = digest_of("layer one\n");
    m.b.blobs[rf_bundle_find(&m.b, &one) - m.b.blobs].n_repos = 10000;
    made_seal(&m);
    made_release(&m);
}
END_TEST

START_TEST(too_many_repositories)
{
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    made_full(&m);
    for (unsigned i = 0; i <= RF_BUNDLE_REPOSITORIES_MAX; i += 1000) {
        char text[32];
        (void)snprintf(text, sizeof(text), "layer %u", i);
        struct rf_digest d = digest_of(text);
        struct rf_bundle_blob *blob =
            made_blob(&m, RF_BLOB_LAYER, &d, RF_MT_OCI_LAYER, "team/app", NULL);
        blob->first_repo = (uint32_t)m.b.n_lists;
        blob->n_repos = 1000;
        for (unsigned k = 0; k < 1000; k++) {
            (void)snprintf(text, sizeof(text), "many/%u", i + k);
            uint32_t id = rf_strings_add(&m.b.desired.strings, rf_slice_str(text));
            m.b.repositories = rf_grow(m.b.repositories, m.b.n_repositories, &m.b.cap_repositories,
                                       sizeof(uint32_t));
            m.b.repositories[m.b.n_repositories] = id;
            m.b.lists = rf_grow(m.b.lists, m.b.n_lists, &m.b.cap_lists, sizeof(uint32_t));
            m.b.lists[m.b.n_lists++] = (uint32_t)m.b.n_repositories++;
        }
    }
    expect_error(rf_bundle_seal(&m.b, &err), RFE_TOO_LARGE, err, "repositories");
    made_release(&m);
}
END_TEST

/* Lines as long as they may be, until bundle.json is larger than 64 MiB. */
START_TEST(a_document_too_large)
{
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    made_full(&m);
    for (unsigned i = 0; i < 1100; i++) {
        char *reason = rf_xasprintf("%061000u", i);
        made_hole(&m, "lab/gone", "", "registry.example/lab/gone", reason);
        free(reason);
    }
    expect_error(rf_bundle_seal(&m.b, &err), RFE_TOO_LARGE, err, "67108864");
    m.b.n_holes = 1000;
    made_seal(&m);
    made_release(&m);
}
END_TEST

/* ---- index.json ---- */

START_TEST(index_json_lists_tagged_images_that_travel)
{
    struct made m;
    struct rf_buf text;
    struct rf_err err = RF_ERR_INIT;
    made_next(&m);
    made_seal(&m);
    rf_buf_init(&text, 0);
    struct rf_sink *sink = rf_sink_buf(&text);
    expect_ok(rf_bundle_write_index(&m.b, sink, &err), err);
    rf_sink_free(sink);
    struct rf_digest d;
    rf_digest_of(RF_DIGEST_SHA256, rf_buf_slice(&text), &d);
    ck_assert(rf_digest_eq(&d, &m.b.index_digest));
    ck_assert_uint_eq(text.len, m.b.index_size);
    json_t *doc = NULL;
    expect_ok(rf_json_parse(rf_buf_slice(&text), text.len, &doc, &err), err);
    json_t *list = json_object_get(doc, "manifests");
    static const char *const names[] = { "mirror/multi:1", "mirror/pruned:1", "team/app:edge" };
    ck_assert_uint_eq(json_array_size(list), RF_ARRAY_LEN(names));
    for (size_t i = 0; i < RF_ARRAY_LEN(names); i++) {
        json_t *notes = json_object_get(json_array_get(list, i), "annotations");
        ck_assert_str_eq(
            json_string_value(json_object_get(notes, "org.opencontainers.image.ref.name")),
            names[i]);
    }
    json_decref(doc);
    rf_buf_release(&text);
    made_release(&m);
}
END_TEST

static void add_limit_cases(Suite *s)
{
    TCase *t = tcase_create("limits");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, the_longest_line_of_an_image);
    tcase_add_test(t, a_line_of_index_json_has_the_same_limit);
    tcase_add_test(t, a_blob_of_too_many_repositories);
    tcase_add_test(t, too_many_repositories);
    tcase_add_test(t, a_document_too_large);
    suite_add_tcase(s, t);
}

Suite *rf_bundle_suite(void)
{
    Suite *s = suite_create("bundle");
    TCase *t = tcase_create("write");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, site_names);
    tcase_add_test(t, chains_are_named_by_site_and_first_snapshot);
    tcase_add_loop_test(t, written_as_described, 0, (int)RF_ARRAY_LEN(samples));
    tcase_add_loop_test(t, the_description_shows_them, 0, (int)RF_ARRAY_LEN(samples));
    tcase_add_test(t, order_of_the_parts_does_not_matter);
    tcase_add_test(t, what_stands_twice_is_dropped);
    tcase_add_test(t, a_changed_bundle_is_sealed_again);
    tcase_add_test(t, an_empty_bundle);
    tcase_add_loop_test(t, what_cannot_be_read_is_not_sealed, 0, (int)RF_ARRAY_LEN(spoilt));
    tcase_add_test(t, index_json_lists_tagged_images_that_travel);
    suite_add_tcase(s, t);
    add_limit_cases(s);
    return s;
}
