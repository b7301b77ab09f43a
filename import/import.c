/* SPDX-License-Identifier: Apache-2.0 */
#include "import/import.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "import/accept.h"
#include "import/ahead.h"
#include "import/apply.h"
#include "import/ask.h"
#include "import/forecast.h"
#include "import/ground.h"
#include "import/lists.h"
#include "import/outcome.h"
#include "import/receipt.h"
#include "import/tags.h"
#include "regclient/registry.h"
#include "regclient/stats.h"

void rf_import_result_init(struct rf_import_result *r)
{
    memset(r, 0, sizeof(*r));
}

void rf_import_result_release(struct rf_import_result *r)
{
    if (r->run.doc != NULL)
        rf_run_release(&r->run);
    free(r->path);
    memset(r, 0, sizeof(*r));
}

static void tell_phase(const struct rf_import_request *req, const char *what, uint64_t bytes)
{
    if (req->phase != NULL)
        req->phase(req->progress_ctx, what, bytes);
}

int rf_import_inspect(const struct rf_import_request *req, const char *path,
                      struct rf_import_result *out, struct rf_err *err)
{
    struct rf_bundle_file *file = NULL;
    int rc = rf_bundle_file_open(path, &file, err);
    if (rc < 0)
        return rc;
    out->path = rf_text_safe_dup(rf_slice_str(path), 4096);
    rf_run_init(&out->run, req, file);
    return 0;
}

/* The manifests stand first in the file: with --stream they are proven before anything is written, the rest on its way. */
static int verify_manifests(struct rf_import_run *r, struct rf_err *err)
{
    for (size_t i = 0; i < r->doc->n_blobs && r->doc->blobs[i].kind == RF_BLOB_MANIFEST; i++) {
        if (r->doc->blobs[i].travel != RF_TRAVEL_CARRIED)
            continue;
        int rc =
            rf_bundle_file_verify_blob(r->file, i, r->req->progress, r->req->progress_ctx, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int prove(const struct rf_import_request *req, struct rf_import_result *out, bool stream,
                 struct rf_err *err)
{
    struct rf_import_run *r = &out->run;
    int rc;
    tell_phase(req, stream ? "verifying manifests" : "verifying",
               stream ? 0 : rf_bundle_carried_bytes(r->doc));
    if (stream)
        rc = verify_manifests(r, err);
    else
        rc = rf_bundle_file_verify(r->file, req->progress, req->progress_ctx, err);
    if (rc == 0)
        rc = rf_content_check(&r->content, err);
    if (rc == 0)
        out->stage = RF_IMPORT_VERIFIED;
    return rc;
}

int rf_import_verify(const struct rf_import_request *req, const char *path,
                     struct rf_import_result *out, struct rf_err *err)
{
    int rc = rf_import_inspect(req, path, out, err);
    return rc < 0 ? rc : prove(req, out, false, err);
}

/* ---- rules ---- */

static int check_trust(const struct rf_import_request *req, const struct rf_import_result *out,
                       struct rf_err *err)
{
    if (!req->allow_unsigned)
        return rf_fail(err, RFE_REFUSED, "%s: %s; use --allow-unsigned to accept it nevertheless",
                       out->path,
                       rf_bundle_file_signatures(out->run.file) > 0
                           ? "its signatures cannot be checked by this version"
                           : "it is not signed");
    rf_log(
        RF_LOG_WARN,
        "Accepting a bundle without a checked signature: its bytes are whole, but who made it is not proven",
        "bundle", out->path, NULL);
    return 0;
}

static int check_site(const struct rf_import_request *req, const struct rf_import_result *out,
                      struct rf_err *err)
{
    if (req->site != NULL && strcmp(req->site, out->run.doc->site) != 0)
        return rf_fail(err, RFE_REFUSED, "%s: it was made for site %s, not for %s; check --site",
                       out->path, out->run.doc->site, req->site);
    return 0;
}

static int older(const struct rf_import_request *req, struct rf_err *err, const char *what)
{
    if (req->allow_older) {
        rf_log(RF_LOG_WARN, "Accepted by --allow-older", "reason", what, NULL);
        return 0;
    }
    return rf_fail(err, RFE_REFUSED, "%s; use --allow-older to take it nevertheless", what);
}

/* Content decides whether a bundle can be applied; the chain only guards against going back or aside unnoticed. */
static int check_chain(const struct rf_import_request *req, const struct rf_import_state *state,
                       struct rf_import_result *out, struct rf_err *err)
{
    const struct rf_bundle *b = out->run.doc;
    const struct rf_import_record *last = rf_import_state_last(state, req->to_name);
    char id[RF_DIGEST_TEXT], other[RF_DIGEST_TEXT];
    /* a repair bundle changes no tag and no record, so that it cannot take anything back */
    bool checked = !rf_bundle_is_repair(b) || (last != NULL && strcmp(last->chain, b->chain) != 0);
    if (last == NULL || !checked)
        return 0;
    if (rf_digest_eq(&last->id, &b->id)) {
        out->run.repeated = true;
        return 0;
    }
    RF_CLEANUP(rf_freep) char *what = NULL;
    rf_digest_text(&b->id, id);
    rf_digest_text(&last->id, other);
    if (strcmp(last->chain, b->chain) != 0)
        what = rf_xasprintf("%s: it is of another chain (%s) than the bundle applied last (%s, %s)",
                            out->path, b->chain, last->chain, other);
    else if (b->sequence < last->sequence)
        what = rf_xasprintf(
            "%s: it is older (sequence %llu) than the bundle applied last (sequence %llu, %s)",
            out->path, (unsigned long long)b->sequence, (unsigned long long)last->sequence, other);
    else if (b->sequence == last->sequence)
        what = rf_xasprintf(
            "%s: sequence %llu was already applied as another bundle: this is %s, that was %s; the chain has forked",
            out->path, (unsigned long long)b->sequence, id, other);
    else if (b->sequence == last->sequence + 1 && !rf_digest_eq(&b->parent, &last->id))
        what = rf_xasprintf(
            "%s: it follows another bundle (%s) than the one applied last (sequence %llu, %s); the chain has forked",
            out->path, rf_digest_is_set(&b->parent) ? rf_digest_text(&b->parent, id) : "none",
            (unsigned long long)last->sequence, other);
    if (what != NULL)
        return older(req, err, what);
    if (b->sequence > last->sequence + 1)
        rf_log(
            RF_LOG_WARN,
            "Bundles between the last one applied and this one were not applied; what it builds on is checked at the destination",
            "bundle", out->path, NULL);
    return 0;
}

static int check_names(const struct rf_import_run *r, struct rf_err *err)
{
    for (size_t i = 0; i < r->doc->n_repositories; i++) {
        RF_CLEANUP(rf_freep)
        char *repo = rf_run_repo(r, rf_desired_str(&r->doc->desired, r->doc->repositories[i]));
        if (strlen(repo) > 255)
            return rf_fail(
                err, RFE_USAGE,
                "--to %s: the repository name %s would pass 255 bytes; use a shorter prefix",
                r->req->to_name, repo);
    }
    return 0;
}

/*
 * All that comes before the first write, in the order of cost: the file's head, its rules, its bytes, then the destination. The state is
 * opened (and its folder made) only for a bundle that may be applied.
 */
static int prepare(const struct rf_import_request *req, const char *path,
                   struct rf_import_state **state, struct rf_import_result *out, struct rf_err *err)
{
    int rc = rf_import_inspect(req, path, out, err);
    if (rc == 0)
        rc = check_trust(req, out, err);
    if (rc == 0)
        rc = check_site(req, out, err);
    if (rc == 0 && req->state_dir != NULL)
        rc = rf_import_state_open(req->state_dir, state, err);
    if (rc == 0 && *state != NULL && req->ahead != NULL)
        rf_ahead_remember(req->ahead, *state, req->state_dir, req->to_name);
    if (rc == 0 && *state != NULL)
        rc = check_chain(req, *state, out, err);
    if (rc == 0)
        rc = check_names(&out->run, err);
    if (rc == 0)
        rc = rf_receipt_check_path(req->receipt, err);
    if (rc == 0)
        rc = prove(req, out, req->stream, err);
    if (rc < 0)
        return rc;
    tell_phase(req, "checking the destination", 0);
    rc = rf_accept_ask(&out->run, *state, err);
    if (rc == 0)
        rc = rf_ground_check(&out->run, err);
    if (rc == 0)
        rc = rf_accept_settle(&out->run, err);
    if (rc == 0)
        out->stage = RF_IMPORT_GROUND;
    return rc;
}

/* And whether it may be written there. */
static int prepare_to_write(const struct rf_import_request *req, const char *path,
                            struct rf_import_state **state, struct rf_import_result *out,
                            struct rf_err *err)
{
    int rc = prepare(req, path, state, out, err);
    return rc < 0 ? rc : rf_ground_can_write(&out->run, err);
}

int rf_import_ask(const struct rf_import_request *req, const char *path,
                  struct rf_import_result *out, struct rf_repair_request *doc, struct rf_err *err)
{
    RF_CLEANUP(rf_import_state_freep) struct rf_import_state *state = NULL;
    struct rf_err why = RF_ERR_INIT;
    int rc = prepare(req, path, &state, out, &why);
    if (rc < 0 && (rc != -RFE_GROUND_MISSING || out->run.n_missing == 0))
        return rf_fail(err, -rc, "%s", why.msg);
    if (rf_bundle_is_repair(out->run.doc))
        return rf_fail(err, RFE_USAGE,
                       "%s: it is a repair bundle; ask for the bundle that it repairs", out->path);
    return rf_ask_fill(&out->run, state, doc, err);
}

/* ---- a look ahead ---- */

/* What this thread asks of a registry from here on. */
struct counting {
    struct rf_stats *stats, *before;
    uint64_t ahead_requests, ahead_pulls; /* of plans before this one */
};

static void counting_start(struct counting *c)
{
    c->stats = rf_stats_new();
    c->before = rf_stats_also(c->stats);
}

static void counting_end(struct counting *c)
{
    (void)rf_stats_also(c->before);
    rf_stats_free(c->stats);
}

static uint64_t pulls_of(const struct rf_import_request *req, const struct counting *c)
{
    return rf_stats_get(c->stats, RF_REQ_MANIFEST_GET) + rf_ahead_pulls(req->ahead) -
           c->ahead_pulls;
}

static uint64_t requests_of(const struct rf_import_request *req, const struct counting *c)
{
    return rf_stats_requests(c->stats) + rf_ahead_requests(req->ahead) - c->ahead_requests;
}

static int plan(const struct rf_import_request *req, const char *path, const struct counting *c,
                struct rf_import_result *out, struct rf_err *err)
{
    RF_CLEANUP(rf_import_state_freep) struct rf_import_state *state = NULL;
    struct rf_import_run *r = &out->run;
    int rc = prepare_to_write(req, path, &state, out, err);
    if (rc == 0)
        rc = rf_forecast_rate(r, err);
    uint64_t earlier = pulls_of(req, c), checked = requests_of(req, c);
    if (rc == 0)
        rc = rf_forecast_make(r, state, err);
    uint64_t looked = requests_of(req, c);
    if (rc == 0)
        rc = rf_forecast_rate(r, err); /* what is left now */
    if (rc < 0)
        return rc;
    uint64_t probes = r->counts.probes;
    /* an apply checks the same, and looks ahead itself only where it has to */
    bool again = rf_forecast_is_near(r, earlier);
    r->forecast.pulls += earlier + (again ? r->forecast.asked : 0);
    r->forecast.counts.requests += checked + (again ? looked - checked : 0);
    r->counts = r->forecast.counts;
    r->counts.probes = probes;
    out->stage = RF_IMPORT_PLANNED;
    return rf_forecast_judge(r, err);
}

int rf_import_plan(const struct rf_import_request *req, const char *path,
                   struct rf_import_result *out, struct rf_err *err)
{
    RF_CLEANUP(counting_end)
    struct counting c = { .ahead_requests = rf_ahead_requests(req->ahead),
                          .ahead_pulls = rf_ahead_pulls(req->ahead) };
    counting_start(&c);
    int rc = plan(req, path, &c, out, err);
    return rc < 0 ? rc : rf_import_outcome(&out->run, err);
}

/* The part of it that may end an apply before it begins. Nothing more is asked of a registry than what it grants, unless that is little. */
static int look_ahead(struct rf_import_run *r, const struct rf_import_state *state,
                      struct rf_err *err)
{
    int rc = rf_forecast_rate(r, err);
    bool all = r->req->to_dir != NULL || rf_forecast_is_near(r, 0);
    if (rc == 0)
        rc = all ? rf_forecast_make(r, state, err) : rf_forecast_memory(r, state, err);
    if (rc == 0 && all)
        r->forecast.pulls += r->forecast.asked;
    return rc < 0 ? rc : rf_forecast_judge(r, err);
}

static int finish(struct rf_import_state *state, struct rf_import_result *out, struct rf_err *err)
{
    struct rf_import_run *r = &out->run;
    size_t refused = rf_run_refused(r);
    int rc = 0;
    if (!rf_bundle_is_repair(r->doc)) {
        rc = rf_receipt_give(r, state, err);
        if (rc == 0 && state != NULL)
            rc = rf_import_state_record(state, r->doc, r->req->to_name,
                                        refused > 0 || rf_run_lacking(r) > 0, err);
    }
    if (rc < 0)
        return rc;
    out->stage = RF_IMPORT_APPLIED;
    return rf_import_outcome(r, err);
}

static int write_all(struct rf_import_result *out, struct rf_import_state *state,
                     struct rf_err *err)
{
    const struct rf_import_request *req = out->run.req;
    int rc = rf_lists_look(&out->run, err);
    if (rc == 0)
        rc = rf_apply_hold(&out->run, err);
    if (rc == 0) {
        tell_phase(req, "writing blobs", rf_bundle_carried_bytes(out->run.doc));
        rc = rf_apply_blobs(&out->run, err);
    }
    if (rc == 0) {
        tell_phase(req, "writing manifests", 0);
        rc = rf_apply_manifests(&out->run, err);
    }
    if (rc == 0) {
        tell_phase(req, "setting tags", 0);
        rc = rf_apply_tags(&out->run, state, err);
    }
    rf_apply_unhold(&out->run);
    return rc;
}

int rf_import_apply(const struct rf_import_request *req, const char *path,
                    struct rf_import_result *out, struct rf_err *err)
{
    RF_CLEANUP(rf_import_state_freep) struct rf_import_state *state = NULL;
    RF_CLEANUP(counting_end) struct counting c;
    counting_start(&c);
    int rc = prepare_to_write(req, path, &state, out, err);
    if (rc == 0)
        rc = look_ahead(&out->run, state, err);
    if (rc == 0)
        rc = write_all(out, state, err);
    if (rc < 0)
        return rc;
    out->run.counts.requests = rf_stats_requests(c.stats);
    return finish(state, out, err);
}
