/* SPDX-License-Identifier: Apache-2.0 */
#include "manifests/manifest.h"

#include <check.h>

#include "base/mem.h"
#include "tests/support/data_files.h"

/* Processor time since then: what others do on this machine does not count. */
static uint64_t cpu_ms(clock_t start)
{
    return (uint64_t)(clock() - start) * 1000 / CLOCKS_PER_SEC;
}

static struct test_case_list refused, accepted;

static int parse_case(const struct test_case_file *c, struct rf_manifest **out, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *header = test_case_value(c, "header");
    RF_CLEANUP(rf_freep) char *parent = test_case_value(c, "parent");
    struct rf_manifest_expect expect = { .content_type = header, .media_type = parent };
    return rf_manifest_parse(rf_slice_of(c->body, c->body_len), &expect, out, err);
}

START_TEST(refused_case)
{
    const struct test_case_file *c = &refused.list[_i];
    RF_CLEANUP(rf_freep) char *want = test_case_value(c, "expect");
    struct rf_err err = RF_ERR_INIT;
    struct rf_manifest *m = NULL;
    ck_assert_msg(test_error_code(want) != 0, "%s: no such code %s", c->name, want);
    int rc = parse_case(c, &m, &err);
    ck_assert_msg(rc < 0, "%s was accepted", c->name);
    ck_assert_msg(rc == -test_error_code(want), "%s: %s (%s), not %s", c->name, rf_error_name(rc),
                  err.msg, want);
    ck_assert_msg(err.code == -rc && err.msg[0] != '\0', "%s", c->name);
    ck_assert_ptr_null(m);
    ck_assert_int_eq(parse_case(c, &m, NULL), rc);
}
END_TEST

static void check_value(const struct test_case_file *c, const char *key, const char *have)
{
    RF_CLEANUP(rf_freep) char *want = test_case_value(c, key);
    if (want != NULL)
        ck_assert_msg(have != NULL && strcmp(have, want) == 0, "%s: %s is %s, not %s", c->name, key,
                      have != NULL ? have : "(null)", want);
}

START_TEST(accepted_case)
{
    const struct test_case_file *c = &accepted.list[_i];
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    ck_assert_msg(parse_case(c, &m, &err) == 0, "%s: %s", c->name, err.msg);
    char number[32], digest[RF_DIGEST_TEXT];
    (void)snprintf(number, sizeof(number), "%zu", m->n_entries);
    check_value(c, "expect", m->kind == RF_KIND_IMAGE ? "IMAGE" : "INDEX");
    check_value(c, "type", m->media_type);
    check_value(c, "entries", number);
    check_value(c, "artifact-type", rf_manifest_artifact_type(m));
    check_value(c, "subject", m->has_subject ? rf_digest_text(&m->subject.digest, digest) : NULL);
    /* The original bytes are kept, and the digest is theirs. */
    ck_assert(rf_slice_eq(rf_buf_slice(&m->body), rf_slice_of(c->body, c->body_len)));
    struct rf_digest of_bytes;
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_of(c->body, c->body_len), &of_bytes);
    ck_assert(rf_digest_eq(&m->digest, &of_bytes));
}
END_TEST

START_TEST(cases_are_there)
{
    size_t ambiguous = 0;
    for (size_t i = 0; i < refused.n; i++) {
        RF_CLEANUP(rf_freep) char *want = test_case_value(&refused.list[i], "expect");
        ambiguous += strcmp(want, "AMBIGUOUS") == 0;
    }
    ck_assert_uint_ge(ambiguous, 30);
    ck_assert_uint_ge(refused.n, 120);
    ck_assert_uint_ge(accepted.n, 25);
}
END_TEST

/* ---- digest and size come first ---- */

static const char image[] =
    "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_MANIFEST "\",\"config\":{\"mediaType\":"
    "\"" RF_MT_OCI_CONFIG "\",\"digest\":\"sha256:"
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"size\":5},\"layers\":[]}";

START_TEST(expected_digest_and_size)
{
    struct rf_digest right, wrong, longer;
    struct rf_slice bytes = rf_slice_str(image);
    rf_digest_of(RF_DIGEST_SHA256, bytes, &right);
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str("x"), &wrong);
    rf_digest_of(RF_DIGEST_SHA512, bytes, &longer);
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_manifest_expect e = { .digest = &right, .size = bytes.len };
    ck_assert_int_eq(rf_manifest_parse(bytes, &e, &m, NULL), 0);
    rf_manifest_freep(&m);
    e.digest = &longer;
    ck_assert_int_eq(rf_manifest_parse(bytes, &e, &m, NULL), 0);
    ck_assert(rf_digest_eq(&m->digest, &longer));
    rf_manifest_freep(&m);
    e.digest = &wrong;
    ck_assert_int_eq(rf_manifest_parse(bytes, &e, &m, NULL), -RFE_DIGEST_MISMATCH);
    e.digest = &right;
    e.size++;
    ck_assert_int_eq(rf_manifest_parse(bytes, &e, &m, NULL), -RFE_SIZE_MISMATCH);
    /* Not even looked at: malformed content of the wrong digest is a wrong digest. */
    e = (struct rf_manifest_expect){ .digest = &wrong };
    ck_assert_int_eq(rf_manifest_parse(rf_slice_str("{"), &e, &m, NULL), -RFE_DIGEST_MISMATCH);
    ck_assert_ptr_null(m);
    ck_assert_int_eq(rf_manifest_parse(bytes, NULL, &m, NULL), 0);
}
END_TEST

START_TEST(every_flipped_bit_is_noticed)
{
    struct rf_digest right;
    char bytes[sizeof(image)];
    size_t n = sizeof(image) - 1;
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_of(image, n), &right);
    struct rf_manifest_expect e = { .digest = &right };
    for (size_t bit = 0; bit < n * 8; bit++) {
        struct rf_manifest *m = NULL;
        memcpy(bytes, image, n);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
        ck_assert_int_eq(rf_manifest_parse(rf_slice_of(bytes, n), &e, &m, NULL),
                         -RFE_DIGEST_MISMATCH);
    }
}
END_TEST

START_TEST(every_prefix_is_refused)
{
    for (size_t n = 0; n < sizeof(image) - 1; n++) {
        struct rf_manifest *m = NULL;
        ck_assert_int_lt(rf_manifest_parse(rf_slice_of(image, n), NULL, &m, NULL), 0);
    }
}
END_TEST

/* ---- limits ---- */

static void add_entries(struct rf_buf *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        rf_buf_addf(b, "%s{\"mediaType\":\"a/b\",\"digest\":\"sha256:%064zx\",\"size\":1}",
                    i > 0 ? "," : "", i);
    rf_buf_add_str(b, "]}");
}

START_TEST(limit_of_layers)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    struct rf_manifest *m = NULL;
    rf_buf_add(&b, image, sizeof(image) - 3);
    add_entries(&b, RF_MANIFEST_LAYERS_MAX);
    ck_assert_int_eq(rf_manifest_parse(rf_buf_slice(&b), NULL, &m, NULL), 0);
    ck_assert_uint_eq(m->n_entries, RF_MANIFEST_LAYERS_MAX);
    rf_manifest_freep(&m);
    rf_buf_clear(&b);
    rf_buf_add(&b, image, sizeof(image) - 3);
    add_entries(&b, RF_MANIFEST_LAYERS_MAX + 1);
    ck_assert_int_eq(rf_manifest_parse(rf_buf_slice(&b), NULL, &m, NULL), -RFE_TOO_LARGE);
}
END_TEST

START_TEST(limit_of_index_entries)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    struct rf_manifest *m = NULL;
    rf_buf_add_str(&b, "{\"schemaVersion\":2,\"manifests\":[");
    add_entries(&b, RF_INDEX_ENTRIES_MAX);
    ck_assert_int_eq(rf_manifest_parse(rf_buf_slice(&b), NULL, &m, NULL), 0);
    rf_manifest_freep(&m);
    rf_buf_clear(&b);
    rf_buf_add_str(&b, "{\"schemaVersion\":2,\"manifests\":[");
    add_entries(&b, RF_INDEX_ENTRIES_MAX + 1);
    ck_assert_int_eq(rf_manifest_parse(rf_buf_slice(&b), NULL, &m, NULL), -RFE_TOO_LARGE);
}
END_TEST

START_TEST(limit_of_bytes)
{
    RF_CLEANUP(rf_freep) char *big = rf_xmalloc(RF_MANIFEST_MAX + 1);
    memset(big, ' ', RF_MANIFEST_MAX + 1);
    memcpy(big, image, sizeof(image) - 1);
    struct rf_manifest *m = NULL;
    /* The first bytes would parse; one byte over the cap is an error of its own. */
    ck_assert_int_eq(rf_manifest_parse(rf_slice_of(big, RF_MANIFEST_MAX + 1), NULL, &m, NULL),
                     -RFE_TOO_LARGE);
    ck_assert_int_eq(rf_manifest_parse(rf_slice_of(big, RF_MANIFEST_MAX), NULL, &m, NULL), 0);
    rf_manifest_freep(&m);
}
END_TEST

/* ---- descriptor ---- */

START_TEST(descriptor_of_itself)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    ck_assert_int_eq(rf_manifest_parse(rf_slice_str(image), NULL, &m, NULL), 0);
    rf_manifest_descriptor(m, &d);
    ck_assert_str_eq(d.media_type, RF_MT_OCI_MANIFEST);
    ck_assert_uint_eq(d.size, sizeof(image) - 1);
    ck_assert(rf_digest_eq(&d.digest, &m->digest));
    ck_assert_str_eq(d.artifact_type, RF_MT_OCI_CONFIG);
}
END_TEST

/* ---- parts of an index ---- */

static struct rf_manifest *load_index(const char *name)
{
    size_t len = 0;
    struct rf_err err = RF_ERR_INIT;
    struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_freep) char *path = test_data_path(name);
    RF_CLEANUP(rf_freep) char *text = test_read_file(path, &len);
    ck_assert_msg(text != NULL, "%s", path);
    ck_assert_msg(rf_manifest_parse(rf_slice_of(text, len), NULL, &m, &err) == 0, "%s", err.msg);
    return m;
}

static struct test_table selections;

/* "linux/amd64 windows/amd64" -> the chosen indices as "0 3", or the error. */
START_TEST(select_row)
{
    char *const *f = selections.rows[_i];
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = load_index("manifests/index.json");
    RF_CLEANUP(rf_freep) size_t *chosen = rf_xcalloc(m->n_entries, sizeof(*chosen));
    struct rf_platform platforms[8];
    size_t n = 0;
    char *text = rf_xstrdup(f[0] != NULL ? f[0] : "");
    for (char *save = NULL, *p = strtok_r(text, " ", &save); p != NULL;
         p = strtok_r(NULL, " ", &save))
        ck_assert_int_eq(rf_platform_parse(p, &platforms[n++], NULL), 0);
    struct rf_err err = RF_ERR_INIT;
    int count = rf_manifest_select(m, platforms, n, chosen, &err);
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 0);
    for (int i = 0; i < count; i++)
        rf_buf_addf(&out, "%s%zu", i > 0 ? " " : "", chosen[i]);
    if (count < 0)
        rf_buf_addf(&out, "%s: %s", rf_error_name(count), err.msg);
    ck_assert_msg(strcmp(out.ptr, f[1]) == 0, "%s: \"%s\", not \"%s\"", f[0], out.ptr, f[1]);
    for (size_t i = 0; i < n; i++)
        rf_platform_release(&platforms[i]);
    free(text);
}
END_TEST

static struct test_table picks;

START_TEST(pick_row)
{
    char *const *f = picks.rows[_i];
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = load_index("manifests/index.json");
    RF_CLEANUP(rf_platform_release) struct rf_platform host = RF_PLATFORM_INIT;
    ck_assert_int_eq(rf_platform_parse(f[0], &host, NULL), 0);
    size_t chosen = 999;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_manifest_pick(m, &host, &chosen, &err);
    if (f[1] == NULL) {
        ck_assert_msg(rc == -RFE_NOT_FOUND && chosen == 999, "%s", f[0]);
        ck_assert_msg(strstr(err.msg, "platform not found: ") == err.msg, "%s", err.msg);
    } else {
        char number[32];
        (void)snprintf(number, sizeof(number), "%zu", chosen);
        ck_assert_msg(rc == 0 && strcmp(number, f[1]) == 0, "%s: %zu %s", f[0], chosen, err.msg);
    }
}
END_TEST

START_TEST(tables_are_there)
{
    ck_assert_uint_ge(selections.n, 10);
    ck_assert_uint_ge(picks.n, 10);
}
END_TEST

START_TEST(pruned_index)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = load_index("manifests/index.json");
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *pruned = NULL, *again = NULL;
    static const size_t chosen[] = { 0, 5 };
    ck_assert_int_eq(rf_manifest_prune(m, chosen, 2, &pruned, NULL), 0);
    size_t len = 0;
    RF_CLEANUP(rf_freep) char *path = test_data_path("manifests/index-pruned.json");
    if (getenv("RF_UPDATE_GOLDEN") != NULL) {
        FILE *f = fopen(path, "wb");
        (void)fwrite(pruned->body.ptr, 1, pruned->body.len, f);
        (void)fclose(f);
    }
    RF_CLEANUP(rf_freep) char *want = test_read_file(path, &len);
    ck_assert_msg(want != NULL, "%s", path);
    ck_assert_str_eq(pruned->body.ptr, want);
    ck_assert_uint_eq(pruned->body.len, len);
    ck_assert_uint_eq(pruned->n_entries, 2);
    ck_assert(rf_digest_eq(&pruned->entries[1].digest, &m->entries[5].digest));
    ck_assert_str_eq(pruned->media_type, m->media_type);
    ck_assert(!rf_digest_eq(&pruned->digest, &m->digest));
    char from[RF_DIGEST_TEXT];
    ck_assert_str_eq(
        json_string_value(json_object_get(pruned->annotations, RF_ANNOTATION_PRUNED_FROM)),
        rf_digest_text(&m->digest, from));
    ck_assert_int_eq(rf_manifest_prune(m, chosen, 2, &again, NULL), 0);
    ck_assert(rf_digest_eq(&pruned->digest, &again->digest));
}
END_TEST

START_TEST(pruned_list_without_annotations)
{
    static const char list[] =
        "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_DOCKER_LIST "\",\"x-kept\":[1,2.5,null],"
        "\"manifests\":[{\"mediaType\":\"" RF_MT_DOCKER_MANIFEST "\",\"digest\":\"sha256:"
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"size\":1}]}";
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL, *none = NULL;
    ck_assert_int_eq(rf_manifest_parse(rf_slice_str(list), NULL, &m, NULL), 0);
    ck_assert_int_eq(rf_manifest_prune(m, NULL, 0, &none, NULL), 0);
    ck_assert_uint_eq(none->n_entries, 0);
    ck_assert_ptr_nonnull(strstr(none->body.ptr, "\"x-kept\":[1,2.5,null],\"manifests\":[],"
                                                 "\"annotations\":{\"" RF_ANNOTATION_PRUNED_FROM));
    ck_assert_str_eq(none->media_type, RF_MT_DOCKER_LIST);
}
END_TEST

START_TEST(prune_order_is_a_bug)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = load_index("manifests/index.json");
    struct rf_manifest *out = NULL;
    static const size_t chosen[] = { 3, 1 };
    ck_assert_int_eq(rf_manifest_prune(m, chosen, 2, &out, NULL), 0);
}
END_TEST

START_TEST(prune_of_an_image_is_a_bug)
{
    struct rf_manifest *m = NULL, *out = NULL;
    ck_assert_int_eq(rf_manifest_parse(rf_slice_str(image), NULL, &m, NULL), 0);
    ck_assert_int_eq(rf_manifest_prune(m, NULL, 0, &out, NULL), 0);
}
END_TEST

/* Half of 10,000 entries are attestations of the last: must not take long. */
START_TEST(many_attestations)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_buf_add_str(&b, "{\"schemaVersion\":2,\"manifests\":[");
    for (size_t i = 0; i < RF_INDEX_ENTRIES_MAX; i++) {
        rf_buf_addf(&b, "%s{\"mediaType\":\"a/b\",\"digest\":\"sha256:%064zx\",\"size\":1,",
                    i > 0 ? "," : "", i);
        if (i < RF_INDEX_ENTRIES_MAX / 2)
            rf_buf_addf(&b, "\"annotations\":{\"vnd.docker.reference.digest\":\"sha256:%064x\"}}",
                        RF_INDEX_ENTRIES_MAX - 1);
        else
            rf_buf_addf(&b, "\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"}}",
                        i == RF_INDEX_ENTRIES_MAX - 1 ? "amd64" : "arm64");
    }
    rf_buf_add_str(&b, "]}");
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    ck_assert_int_eq(rf_manifest_parse(rf_buf_slice(&b), NULL, &m, NULL), 0);
    RF_CLEANUP(rf_freep) size_t *chosen = rf_xcalloc(m->n_entries, sizeof(*chosen));
    RF_CLEANUP(rf_platform_release) struct rf_platform p = RF_PLATFORM_INIT;
    ck_assert_int_eq(rf_platform_parse("linux/amd64", &p, NULL), 0);
    clock_t start = clock();
    ck_assert_int_eq(rf_manifest_select(m, &p, 1, chosen, NULL), RF_INDEX_ENTRIES_MAX / 2 + 1);
    ck_assert_uint_lt(cpu_ms(start), 1000);
}
END_TEST

START_TEST(built_index)
{
    struct rf_index_builder b;
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL, *made = NULL;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    rf_buf_init(&out, 0);
    rf_index_builder_init(&b);
    rf_index_builder_finish(&b, &out);
    ck_assert_str_eq(out.ptr, "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX
                              "\",\"manifests\":[]}");
    rf_buf_clear(&out);
    ck_assert_int_eq(rf_manifest_parse(rf_slice_str(image), NULL, &m, NULL), 0);
    rf_manifest_descriptor(m, &d);
    rf_index_builder_init(&b);
    rf_index_builder_add(&b, &d);
    rf_index_builder_add(&b, &d);
    rf_index_builder_finish(&b, &out);
    ck_assert_int_eq(rf_manifest_parse(rf_buf_slice(&out), NULL, &made, NULL), 0);
    ck_assert_uint_eq(made->n_entries, 2);
    ck_assert(rf_digest_eq(&made->entries[1].digest, &m->digest));
    ck_assert_str_eq(made->entries[0].artifact_type, RF_MT_OCI_CONFIG);
}
END_TEST

static void add_parts(TCase *t)
{
    selections = test_table_load("manifests/select.tsv");
    picks = test_table_load("manifests/pick.tsv");
    tcase_add_test(t, tables_are_there);
    tcase_add_loop_test(t, select_row, 0, (int)selections.n);
    tcase_add_loop_test(t, pick_row, 0, (int)picks.n);
    tcase_add_test(t, pruned_index);
    tcase_add_test(t, pruned_list_without_annotations);
    tcase_add_test_raise_signal(t, prune_order_is_a_bug, 6);
    tcase_add_test_raise_signal(t, prune_of_an_image_is_a_bug, 6);
    tcase_add_test(t, many_attestations);
    tcase_add_test(t, built_index);
}

Suite *rf_manifest_suite(void);
Suite *rf_manifest_suite(void)
{
    Suite *s = suite_create("manifest");
    TCase *t = tcase_create("manifest");
    refused = test_cases_load("manifests/refused", ".case");
    accepted = test_cases_load("manifests/accepted", ".case");
    tcase_add_test(t, cases_are_there);
    tcase_add_loop_test(t, refused_case, 0, (int)refused.n);
    tcase_add_loop_test(t, accepted_case, 0, (int)accepted.n);
    tcase_add_test(t, expected_digest_and_size);
    tcase_add_test(t, every_flipped_bit_is_noticed);
    tcase_add_test(t, every_prefix_is_refused);
    tcase_add_test(t, limit_of_layers);
    tcase_add_test(t, limit_of_index_entries);
    tcase_add_test(t, limit_of_bytes);
    tcase_add_test(t, descriptor_of_itself);
    add_parts(t);
    suite_add_tcase(s, t);
    return s;
}
