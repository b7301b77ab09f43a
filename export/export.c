/* SPDX-License-Identifier: Apache-2.0 */
#include "export/export.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "export/partial.h"
#include "export/repair.h"
#include "export/write.h"

#include <unistd.h>

void rf_export_result_release(struct rf_export_result *r)
{
    rf_plan_free(r->plan);
    free(r->path);
    rf_rooms_release(&r->rooms);
    rf_requests_release(&r->requests);
    rf_export_state_told(r->told);
    rf_closep(&r->told);
    *r = (struct rf_export_result)RF_EXPORT_RESULT_INIT;
}

static void tell_phase(const struct rf_export_request *req, const char *what)
{
    if (req->phase != NULL)
        req->phase(req->progress_ctx, what, 0);
}

static int check_mistakes(const struct rf_plan *p, struct rf_err *err)
{
    const struct rf_bundle *b = p->bundle;
    size_t n = rf_plan_mistakes(p);
    for (size_t i = 0; n > 0 && i < b->n_refused; i++) {
        const char *reason = rf_desired_str(&b->desired, b->refused[i].reason);
        if (rf_verdict_is_mistake(RF_VERDICT_CARRY, reason))
            return rf_fail(
                err, RFE_FAILED,
                "the policy failed for %zu image%s, which --strict does not pass over; nothing was written; the first: %s: %s",
                n, rf_text_s(n), rf_desired_str(&b->desired, b->refused[i].source), reason);
    }
    return 0;
}

/* With `strict`, holes end the run before anything is written. */
static int check_strict(const struct rf_export_request *req, const struct rf_plan *p,
                        struct rf_err *err)
{
    const struct rf_bundle *b = p->bundle;
    const struct rf_desired *d = &b->desired;
    if (!req->strict)
        return 0;
    if (b->n_holes == 0)
        return check_mistakes(p, err);
    RF_CLEANUP(rf_freep) char *where = rf_rules_where(&p->rules, b->holes[0].rule);
    int rc = rf_fail(
        err, RFE_FAILED,
        "%zu image%s could not be had, which --strict does not pass over; nothing was written; the first: %s%s: %s",
        b->n_holes, rf_text_s(b->n_holes), rf_desired_str(d, b->holes[0].source), where,
        rf_desired_str(d, b->holes[0].reason));
    return rf_hint(err, rc, "mend what is wrong, or carry the others without it (--strict=false)");
}

static int make_plan(const struct rf_export_request *req, struct rf_export_state *state,
                     struct rf_export_result *out, struct rf_err *err)
{
    tell_phase(req, "planning");
    int rc = req->repair != NULL ? rf_repair_plan(req, state, &out->plan, err)
                                 : rf_plan_make(req, state, &out->plan, err);
    return rc < 0 ? rc : check_strict(req, out->plan, err);
}

/* Before anything is written to the folder. plan NULL: before anything is known of it. */
static int check_space(struct rf_export_state *state, const char *output,
                       const struct rf_plan *plan, struct rf_err *err)
{
    RF_CLEANUP(rf_rooms_release) struct rf_rooms rooms = { 0 };
    int rc = rf_space_look(&rooms, state, output, plan, err);
    return rc < 0 ? rc : rf_rooms_check(&rooms, err);
}

int rf_export_check_plan(const struct rf_export_result *r, struct rf_err *err)
{
    int rc = rf_rooms_check(&r->rooms, err);
    return rc < 0 ? rc : rf_requests_check(&r->requests, err);
}

int rf_export_plan(const struct rf_export_request *req, const char *output,
                   struct rf_export_result *out, struct rf_err *err)
{
    RF_CLEANUP(rf_export_state_freep) struct rf_export_state *state = NULL;
    int rc = rf_export_state_open(req->state_dir, req->site, 0, &state, err);
    if (rc < 0)
        return rc;
    rc = make_plan(req, state, out, err);
    if (rc == 0)
        rf_requests_planned(&out->requests, out->plan, req->client);
    if (rc < 0 || output == NULL || output[0] == '\0' || strcmp(output, "-") == 0)
        return rc;
    return rf_space_look(&out->rooms, state, output, out->plan, err);
}

/* The recorded plan of the same command, or a new one. */
static int get_plan(const struct rf_export_request *req, struct rf_export_state *state,
                    const char *key, const char *output, struct rf_export_result *out,
                    struct rf_err *err)
{
    if (!req->replan) {
        int rc = rf_plan_resume(req, state, key, &out->plan, err);
        if (rc > 0) {
            out->resumed = true;
            rf_log(
                RF_LOG_WARN,
                "Going on with the plan of an earlier run, tags as resolved then; --replan starts over",
                NULL);
        }
        if (rc != 0)
            return rc < 0 ? rc : check_space(state, output, out->plan, err);
    }
    int rc = make_plan(req, state, out, err);
    if (rc == 0)
        rc = check_space(state, output, out->plan, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_freep) char *path = rf_partial_final_path(output, out->plan->bundle);
    return rf_plan_set_pending(out->plan, state, key, path, err);
}

static int create_stream(const struct rf_export_request *req, struct rf_export_state *state,
                         struct rf_export_result *out, struct rf_err *err)
{
    int rc = make_plan(req, state, out, err);
    if (rc == 0)
        rc = rf_write_stream(req, state, out->plan, STDOUT_FILENO, &out->size, err);
    if (rc < 0)
        return rc;
    out->path = rf_xstrdup("-");
    rc = rf_export_state_record(state, out->plan->bundle, out->plan->snapshot, out->size, "-", err);
    return rc < 0 || req->repair != NULL ? rc : rf_export_state_clear_pending(state, err);
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* The same request gives the same plan, and little of it has to be fetched again: so nothing is pending, and what is stays. */
static int create_repair(const struct rf_export_request *req, struct rf_export_state *state,
                         const char *output, struct rf_export_result *out, struct rf_err *err)
{
    int rc = make_plan(req, state, out, err);
    if (rc == 0)
        rc = check_space(state, output, out->plan, err);
    if (rc == 0)
        rc = rf_write_file(req, state, out->plan, NULL, output, &out->path, &out->size, err);
    return rc < 0 ? rc
                  : rf_export_state_record(state, out->plan->bundle, out->plan->snapshot, out->size,
                                           file_name(out->path), err);
}

static int create(const struct rf_export_request *req, const char *output,
                  struct rf_export_result *out, struct rf_err *err)
{
    RF_CLEANUP(rf_export_state_freep) struct rf_export_state *state = NULL;
    int rc = rf_export_state_open(req->state_dir, req->site, 0, &state, err);
    if (rc < 0)
        return rc;
    if (strcmp(output, "-") == 0)
        return create_stream(req, state, out, err);
    rc = check_space(state, output, NULL, err);
    if (rc < 0)
        return rc;
    if (req->repair != NULL)
        return create_repair(req, state, output, out, err);
    RF_CLEANUP(rf_freep) char *key = rf_plan_key(req, output);
    rc = get_plan(req, state, key, output, out, err);
    if (rc == 0)
        rc = rf_write_file(req, state, out->plan, key, output, &out->path, &out->size, err);
    if (rc < 0)
        return rc;
    rc = rf_export_state_record(state, out->plan->bundle, out->plan->snapshot, out->size,
                                file_name(out->path), err);
    return rc < 0 ? rc
                  : rf_export_state_finish_pending(state, &out->plan->bundle->id, &out->told, err);
}

int rf_export_create(const struct rf_export_request *req, const char *output,
                     struct rf_export_result *out, struct rf_err *err)
{
    int rc = create(req, output, out, err);
    if (rc == 0)
        rf_requests_sent(&out->requests, req->client);
    return rc;
}

static int again(const struct rf_export_request *req, const char *id, const char *output,
                 struct rf_export_result *out, struct rf_err *err)
{
    RF_CLEANUP(rf_export_state_freep) struct rf_export_state *state = NULL;
    const struct rf_export_record *record;
    int rc = rf_export_state_open(req->state_dir, req->site, 0, &state, err);
    if (rc == 0)
        rc = rf_export_state_find(state, id, &record, err);
    if (rc == 0)
        rc = rf_plan_again(state, &record->id, &out->plan, err);
    if (rc < 0)
        return rc;
    if (strcmp(output, "-") == 0) {
        out->path = rf_xstrdup("-");
        return rf_write_stream(req, state, out->plan, STDOUT_FILENO, &out->size, err);
    }
    rc = check_space(state, output, out->plan, err);
    return rc < 0 ? rc
                  : rf_write_file(req, state, out->plan, NULL, output, &out->path, &out->size, err);
}

int rf_export_again(const struct rf_export_request *req, const char *id, const char *output,
                    struct rf_export_result *out, struct rf_err *err)
{
    int rc = again(req, id, output, out, err);
    if (rc == 0)
        rf_requests_sent(&out->requests, req->client);
    return rc;
}
