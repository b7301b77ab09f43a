/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/artifact_tree.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"

/* A place that says of every manifest that the next one refers to it, and lists it as often as `width`. */
#define CHAIN 100
struct liar {
    struct rf_place base;
    struct rf_manifest *chain[CHAIN];
    size_t n;    /* of the chain; behind the last one comes the first */
    size_t asks; /* for referrers */
};

static size_t place_of(const struct liar *l, const struct rf_digest *d)
{
    for (size_t i = 0; i < CHAIN; i++)
        if (rf_digest_eq(&l->chain[i]->digest, d))
            return i;
    ck_abort_msg("asked for what is not there");
    return 0;
}

static int get_manifest(struct rf_place *p, const char *repo, const char *tag,
                        const struct rf_digest *digest, const struct rf_manifest_expect *expect,
                        struct rf_manifest **out, struct rf_err *err)
{
    struct liar *l = (struct liar *)p;
    (void)repo, (void)tag, (void)expect;
    size_t i = digest != NULL ? place_of(l, digest) : 0;
    return rf_manifest_parse(rf_buf_slice(&l->chain[i]->body), NULL, out, err);
}

static int referrers(struct rf_place *p, const char *repo, const struct rf_digest *subject,
                     const char *type, rf_place_desc_cb cb, void *ctx, struct rf_err *err)
{
    struct liar *l = (struct liar *)p;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    (void)repo, (void)type;
    l->asks++;
    size_t next = place_of(l, subject) + 1;
    rf_manifest_descriptor(l->chain[next < l->n ? next : 0], &d);
    return cb(ctx, &d, err);
}

static void liar_init(struct liar *l, size_t n)
{
    static const struct rf_place_ops ops = { .get_manifest = get_manifest, .referrers = referrers };
    static char name[] = "liar";
    struct rf_err err = RF_ERR_INIT;
    *l = (struct liar){ .base = { .ops = &ops, .name = name }, .n = n };
    for (size_t i = 0; i < CHAIN; i++) {
        RF_CLEANUP(rf_freep)
        char *text = rf_xasprintf("{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX
                                  "\",\"manifests\":[],\"annotations\":{\"n\":\"%zu\"}}",
                                  i);
        ck_assert_int_eq(rf_manifest_parse(rf_slice_str(text), NULL, &l->chain[i], &err), 0);
    }
}

static void liar_release(struct liar *l)
{
    for (size_t i = 0; i < CHAIN; i++)
        rf_manifest_free(l->chain[i]);
}

static int walk(struct liar *l, struct rf_artifact_node **out, struct rf_err *err)
{
    struct rf_ref ref = RF_REF_INIT;
    ck_assert_int_eq(rf_ref_parse("reg.example/a:1", &ref, err), 0);
    const struct rf_artifact_tree_plan plan = { .at = { &l->base, "a", &ref }, .tag = "1" };
    int rc = rf_artifact_tree(&plan, out, err);
    rf_ref_release(&ref);
    return rc;
}

static size_t depth_of(const struct rf_artifact_node *n)
{
    size_t depth = 1;
    for (; n->n_referrers > 0; depth++)
        n = n->referrers[0];
    return depth;
}

static const struct {
    size_t n;
    int code;
    size_t depth;
} rows[] = {
    { 1, RFE_LOOP, 2 },
    { 2, RFE_LOOP, 3 },
    { 20, RFE_LOOP, 21 },
    { CHAIN, RFE_TOO_LARGE, 65 },
};

/* What there was until then is told with the failure. */
START_TEST(circles_end)
{
    RF_CLEANUP(liar_release) struct liar l;
    RF_CLEANUP(rf_artifact_node_freep) struct rf_artifact_node *tree = NULL;
    struct rf_err err = RF_ERR_INIT;
    liar_init(&l, rows[_i].n);
    int rc = walk(&l, &tree, &err);
    ck_assert_msg(rc == -rows[_i].code, "%s: %s", rf_error_name(rc), err.msg);
    ck_assert_ptr_nonnull(tree);
    ck_assert_uint_eq(depth_of(tree), rows[_i].depth);
    ck_assert_uint_eq(l.asks, rows[_i].depth - 1);
    if (rows[_i].code == RFE_LOOP)
        ck_assert_ptr_nonnull(strstr(err.msg, "loop encountered, already processed sha256:"));
}
END_TEST

Suite *rf_artifact_tree_suite(void);
Suite *rf_artifact_tree_suite(void)
{
    Suite *s = suite_create("artifact_tree");
    TCase *t = tcase_create("artifact_tree");
    tcase_add_loop_test(t, circles_end, 0, (int)RF_ARRAY_LEN(rows));
    suite_add_tcase(s, t);
    return s;
}
