/* SPDX-License-Identifier: Apache-2.0 */
#include "export/carry.h"

#include "base/log.h"
#include "base/mem.h"
#include "manifests/config.h"

static bool is_usable(void *ctx, size_t line)
{
    const struct rf_closure *c = ctx;
    return rf_pick_usable(&c->sel->picks[line]);
}

static int get_manifest(void *ctx, size_t line, const struct rf_descriptor *desc,
                        struct rf_manifest **out, struct rf_err *err)
{
    const struct rf_closure *c = ctx;
    const struct rf_selection *s = c->sel;
    return rf_export_fetch_manifest(s->state, &s->locations.list[s->picks[line].where],
                                    &desc->digest, desc->size, desc->media_type, out, err);
}

static int get_config(void *ctx, size_t line, const struct rf_descriptor *desc, struct rf_buf *out,
                      struct rf_err *err)
{
    const struct rf_closure *c = ctx;
    const struct rf_selection *s = c->sel;
    if (desc->size > RF_CONFIG_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "it has more than %u bytes", RF_CONFIG_MAX);
    int rc = rf_export_fetch_config(s->state, &s->locations.list[s->picks[line].where],
                                    &desc->digest, desc->size, err);
    return rc < 0 ? rc : rf_blob_store_load(s->state->cache, &desc->digest, out, err);
}

static void enter(struct rf_selection *s, size_t i, const struct rf_verdict *v)
{
    struct rf_pick *p = &s->picks[i];
    const char *reason = v->reason != NULL ? v->reason : "";
    if (v->kind == RF_VERDICT_YES)
        p->verdict = rf_strings_add(&s->wanted.strings,
                                    rf_slice_str(reason[0] != '\0' ? reason : "carry: yes"));
    if (v->kind == RF_VERDICT_UNREAD) {
        rf_pick_fail(s, i, v->code, reason);
    } else if (v->kind == RF_VERDICT_NO) {
        p->refused = true;
        p->error = rf_strings_add(&s->wanted.strings, rf_slice_str(reason));
        rf_log(RF_LOG_INFO, "Not carried", "source",
               rf_desired_str(&s->wanted, s->wanted.images[i].source), "reason", reason, NULL);
    }
}

int rf_carry_ask(struct rf_closure *c, struct rf_err *err)
{
    struct rf_selection *s = c->sel;
    size_t n = s->wanted.n;
    if (!rf_verdicts_has(s->req->policy, RF_VERDICT_CARRY))
        return 0;
    const struct rf_verdict_lines lines = { .desired = &s->wanted,
                                            .wanted = is_usable,
                                            .manifest = get_manifest,
                                            .config = get_config,
                                            .ctx = c,
                                            .threads = s->req->parallel };
    struct rf_verdict *verdicts = rf_xcalloc(n + 1, sizeof(*verdicts));
    int rc = rf_verdicts_judge(s->req->policy, RF_VERDICT_CARRY, &lines, verdicts, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        enter(s, i, &verdicts[i]);
    rf_verdict_list_free(verdicts, n);
    return rc < 0 ? rc : rf_export_state_check(s->state, err);
}
