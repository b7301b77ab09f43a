/* SPDX-License-Identifier: Apache-2.0 */
#include "import/outcome.h"

#include "import/accept.h"
#include "policy/verdict.h"

static int by_destination(const struct rf_import_run *r, struct rf_err *err)
{
    size_t n = rf_run_refused(r) - rf_run_by_policy(r);
    if (n == 0)
        return 0;
    return rf_fail(
        err, RFE_PARTIAL,
        "%s refused %zu images (listed above); all others are in place; their tags stay as they were",
        r->req->to_name, n);
}

static int by_ground(const struct rf_import_run *r, struct rf_err *err)
{
    size_t n = rf_run_lacking(r);
    if (n == 0)
        return 0;
    return rf_fail(
        err, RFE_PARTIAL,
        "%s lacks what %zu images build on (listed above): these are left as they are, and their tags; apply again when it is there",
        r->req->to_name, n);
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
            "the policy here could not judge %zu images and refused %zu (listed above): nothing of them is written for their sake, and their tags stay as they are; mend it, or leave such images out of the bundle, and apply again",
            mistakes, n - mistakes);
    if (before > 0)
        return rf_fail(
            err, RFE_PARTIAL,
            "the policy here refused %zu images, %zu of them earlier (listed above): those are not here, and their tags stay as they are; regexport record of the receipt and create --base confirmed carries them again",
            n, before);
    return rf_fail(
        err, RFE_PARTIAL,
        "the policy here refused %zu images (listed above): nothing of them is written for their sake, and their tags stay as they are",
        n);
}

static int by_holes(const struct rf_import_run *r, struct rf_err *err)
{
    if (r->doc->n_holes == 0 ||
        rf_bundle_is_repair(r->doc)) /* that one brings what it was made for */
        return 0;
    return rf_fail(
        err, RFE_PARTIAL,
        "the connected side could not fetch %zu images (holes, listed above): their tags stay as they are; its next bundle carries what can be fetched then",
        r->doc->n_holes);
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
