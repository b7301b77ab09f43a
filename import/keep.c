/* SPDX-License-Identifier: Apache-2.0 */
#include "import/keep.h"

#include "base/mem.h"

struct keeping {
    const struct rf_import_request *base;
    struct rf_prune_reader *reader;
    struct rf_desired lines;
    size_t *items; /* per line: in the result */
};

static void keeping_release(struct keeping *k)
{
    rf_desired_release(&k->lines);
    free(k->items);
}

static char *repo_of(const struct keeping *k, size_t line)
{
    const char *name = rf_desired_str(&k->lines, k->lines.images[line].repository);
    return k->base->prefix[0] == '\0' ? rf_xstrdup(name)
                                      : rf_xasprintf("%s/%s", k->base->prefix, name);
}

static int get_manifest(void *ctx, size_t line, const struct rf_descriptor *desc,
                        struct rf_manifest **out, struct rf_err *err)
{
    const struct keeping *k = ctx;
    RF_CLEANUP(rf_freep) char *repo = repo_of(k, line);
    return rf_prune_reader_manifest(k->reader, repo, &desc->digest, out, err);
}

static int get_config(void *ctx, size_t line, const struct rf_descriptor *desc, struct rf_buf *out,
                      struct rf_err *err)
{
    const struct keeping *k = ctx;
    RF_CLEANUP(rf_freep) char *repo = repo_of(k, line);
    return rf_prune_reader_config(k->reader, repo, desc, out, err);
}

static void collect(struct keeping *k, const struct rf_prune_result *r)
{
    k->items = rf_xcalloc(r->n + 1, sizeof(*k->items));
    for (size_t i = 0; i < r->n; i++) {
        const struct rf_prune_item *it = &r->items[i];
        struct rf_image im = { .digest = it->digest, .original = RF_NO_ID };
        if (it->fate != RF_PRUNE_LET_GO)
            continue;
        im.repository = rf_strings_add(&k->lines.strings, rf_slice_str(it->repository));
        im.tag = rf_strings_add(&k->lines.strings, rf_slice_str(it->tag));
        im.source = im.media_type = rf_strings_add(&k->lines.strings, rf_slice_str(""));
        k->items[rf_desired_add(&k->lines, &k->lines, &im)] = i;
    }
}

static void enter(struct rf_prune_item *it, const struct rf_verdict *v)
{
    char *reason = NULL;
    bool keep = v->kind == RF_VERDICT_YES || v->kind == RF_VERDICT_UNREAD;
    if (v->kind == RF_VERDICT_UNREAD && v->code == RFE_NOT_FOUND)
        return; /* it is gone, or its configuration is: the next look at it tells */
    if (v->kind == RF_VERDICT_UNREAD)
        reason = rf_xasprintf("this side: keep could not be asked: %s", v->reason);
    else if (keep)
        reason = rf_xasprintf("this side: %s", v->reason != NULL ? v->reason : "keep");
    else
        reason = rf_xasprintf("%s; this side: %s", it->reason, v->reason);
    free(it->reason);
    it->reason = reason;
    it->fate = keep ? RF_PRUNE_KEPT : RF_PRUNE_LET_GO;
}

int rf_keep_ask(const struct rf_prune_request *req, struct rf_prune_reader *reader,
                struct rf_prune_result *out, struct rf_err *err)
{
    RF_CLEANUP(keeping_release) struct keeping k = { .base = req->base, .reader = reader };
    rf_desired_init(&k.lines);
    if (!rf_verdicts_has(req->base->policy, RF_VERDICT_KEEP))
        return 0;
    collect(&k, out);
    const struct rf_verdict_lines lines = { .desired = &k.lines,
                                            .manifest = get_manifest,
                                            .config = get_config,
                                            .ctx = &k,
                                            .threads = req->base->parallel };
    struct rf_verdict *verdicts = rf_xcalloc(k.lines.n + 1, sizeof(*verdicts));
    int rc = rf_verdicts_judge(req->base->policy, RF_VERDICT_KEEP, &lines, verdicts, err);
    for (size_t i = 0; rc == 0 && i < k.lines.n; i++)
        enter(&out->items[k.items[i]], &verdicts[i]);
    rf_verdict_list_free(verdicts, k.lines.n);
    return rc;
}
