/* SPDX-License-Identifier: Apache-2.0 */
#include "import/outcome.h"

#include "base/text.h"
#include "import/accept.h"
#include "policy/verdict.h"

static int by_destination(const struct rf_import_run *r, struct rf_err *err)
{
    size_t n = rf_run_refused(r) - rf_run_by_policy(r);
    if (n == 0)
        return 0;
    return rf_fail(
        err, RFE_PARTIAL,
        "%s refused %zu image%s (listed above); all others are in place; %s tags stay as they were",
        r->req->to_name, n, rf_text_s(n), rf_text_by_count(n, "its", "their"));
}

static int by_ground(const struct rf_import_run *r, struct rf_err *err)
{
    size_t n = rf_run_lacking(r);
    if (n == 0)
        return 0;
    return rf_fail(err, RFE_PARTIAL,
                   "%s lacks what %zu image%s on (listed above): %s; apply again when it is there",
                   r->req->to_name, n, rf_text_by_count(n, " builds", "s build"),
                   rf_text_by_count(n, "it is left as it is, and its tags",
                                    "these are left as they are, and their tags"));
}

/* What becomes of images that are refused here. */
static const char *stays(size_t n)
{
    return rf_text_by_count(
        n, "nothing of it is written for its sake, and its tags stay as they are",
        "nothing of them is written for their sake, and their tags stay as they are");
}

/* The policy said no now, could not say, or had said no before. */
static int by_policy(const struct rf_import_run *r, struct rf_err *err)
{
    size_t n = rf_run_by_policy(r), mistakes = 0, before = 0;
    for (size_t i = 0; i < r->doc->desired.n; i++) {
        if (!r->by_policy[i])
            continue;
        mistakes += rf_verdict_is_mistake(RF_VERDICT_ACCEPT, r->refused[i]);
        before += rf_accept_is_memory(r->refused[i]);
    }
    if (n == 0)
        return 0;
    if (mistakes > 0)
        return rf_fail(
            err, RFE_PARTIAL,
            "the policy here could not judge %zu image%s and refused %zu (listed above): %s; mend it, or leave such images out of the bundle, and apply again",
            mistakes, rf_text_s(mistakes), n - mistakes, stays(n));
    if (before > 0)
        return rf_fail(
            err, RFE_PARTIAL,
            "the policy here refused %zu image%s, %zu earlier already (listed above): %s; regexport record of the receipt and create --base confirmed carries %s again",
            n, rf_text_s(n), before,
            rf_text_by_count(n, "it is not here, and its tags stay as they are",
                             "those are not here, and their tags stay as they are"),
            rf_text_by_count(n, "it", "them"));
    return rf_fail(err, RFE_PARTIAL, "the policy here refused %zu image%s (listed above): %s", n,
                   rf_text_s(n), stays(n));
}

static int by_holes(const struct rf_import_run *r, struct rf_err *err)
{
    size_t n = r->doc->n_holes;
    if (n == 0 || rf_bundle_is_repair(r->doc)) /* that one brings what it was made for */
        return 0;
    return rf_fail(
        err, RFE_PARTIAL,
        "the connected side could not fetch %zu image%s (%s, listed above): %s tags stay as they are; its next bundle carries what can be fetched then",
        n, rf_text_s(n), rf_text_by_count(n, "a hole", "holes"),
        rf_text_by_count(n, "its", "their"));
}

int rf_import_outcome(const struct rf_import_run *r, struct rf_err *err)
{
    int rc = by_destination(r, err);
    if (rc == 0)
        rc = by_ground(r, err);
    if (rc == 0)
        rc = by_policy(r, err);
    return rc < 0 ? rc : by_holes(r, err);
}
