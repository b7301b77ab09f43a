/* SPDX-License-Identifier: Apache-2.0 */
/* regimport prune, and --prune of plan and apply. */
#include "import/prune.h"

#include <sys/stat.h>

#include "base/mem.h"
#include "base/text.h"
#include "import/ahead.h"
#include "layout/bundle_file.h"
#include "tools/regimport/session.h"

static void report(struct session *s, const struct rf_prune_result *result, bool plan)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    session_end_progress(s);
    rf_buf_init(&out, 512u << 20);
    if (rf_net_json(s->env->net))
        rf_prune_report_json(result, plan, &out);
    else
        rf_prune_report_text(result, plan, &out);
    (void)fwrite(out.ptr, 1, out.len, stdout);
}

static int load_in_use(const struct options *o, struct rf_in_use *out, struct rf_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < o->in_use.n; i++)
        rc = rf_in_use_load(out, o->in_use.items[i], err);
    return rc;
}

static int read_confirm(const struct options *o, struct rf_prune_request *req, struct rf_err *err)
{
    req->confirmed = o->confirm_delete != NULL;
    if (req->confirmed &&
        rf_parse_u64(rf_slice_str(o->confirm_delete), 1000000000, &req->confirm, NULL) < 0)
        return rf_fail(err, RFE_USAGE, "--confirm-delete %s: not a number of images",
                       o->confirm_delete);
    return 0;
}

/* Standard input, a pipe that a shell made of a command. */
static bool can_be_read_once(const char *path)
{
    struct stat st;
    return strcmp(path, "-") == 0 ||
           (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode));
}

int check_prune_options(const struct options *o, struct rf_err *err)
{
    RF_CLEANUP(rf_in_use_release) struct rf_in_use in_use;
    struct rf_prune_request req = { .plan = true };
    rf_in_use_init(&in_use);
    int rc = read_confirm(o, &req, err);
    if (rc == 0 && !o->prune && (o->in_use.n > 0 || req.confirmed))
        return rf_fail(err, RFE_USAGE, "--in-use and --confirm-delete go with --prune");
    for (size_t i = 0; rc == 0 && i < o->in_use.n; i++)
        if (!can_be_read_once(o->in_use.items[i])) /* else it is read later */
            rc = rf_in_use_load(&in_use, o->in_use.items[i], err);
    return rc;
}

/* Of a plan, what would be pruned behind the bundle `path`. */
static int prune(struct session *s, const struct options *o, const char *path, bool plan,
                 struct rf_err *err)
{
    RF_CLEANUP(rf_prune_result_release) struct rf_prune_result result;
    RF_CLEANUP(rf_in_use_release) struct rf_in_use in_use;
    RF_CLEANUP(rf_import_state_freep) struct rf_import_state *state = NULL;
    RF_CLEANUP(rf_bundle_file_freep) struct rf_bundle_file *file = NULL;
    RF_CLEANUP(rf_freep) char *dir = NULL;
    struct rf_prune_request req = { .base = &s->req,
                                    .own = s->config != NULL ? &s->config->retain : NULL,
                                    .in_use = &in_use,
                                    .plan = plan,
                                    .now = time(NULL) };
    rf_prune_result_init(&result);
    rf_in_use_init(&in_use);
    int rc = read_confirm(o, &req, err);
    if (rc == 0)
        rc = load_in_use(o, &in_use, err);
    if (rc == 0)
        rc = session_state(s, path, &dir, err);
    if (rc == 0)
        rc = rf_import_state_open(dir, &state, err);
    if (rc == 0 && s->req.ahead != NULL)
        rf_ahead_remember(s->req.ahead, state, dir, s->req.to_name);
    if (rc == 0 && plan && path != NULL)
        rc = rf_bundle_file_open(path, &file, err);
    if (file != NULL)
        req.bundle = rf_bundle_file_doc(file);
    if (rc == 0)
        rc = rf_prune(&req, state, &result, err);
    if (rc == 0 || rc == -RFE_REFUSED || result.started)
        report(s, &result, plan);
    return rc;
}

int prune_behind(struct session *s, const char *path, bool plan, struct rf_err *err)
{
    return prune(s, s->o, path, plan, err);
}

int run_prune_behind(const struct rf_env *env, const struct options *o, const char *path,
                     struct rf_err *err)
{
    RF_CLEANUP(session_release) struct session s = { 0 };
    int rc = session_open(&s, env, o, true, err);
    if (rc == 0)
        rc = prune(&s, o, path, false, err);
    session_end_progress(&s);
    return rc;
}

int run_prune(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    struct options *o = ctx;
    RF_CLEANUP(session_release) struct session s = { 0 };
    o->prune = true;
    (void)argc;
    (void)argv;
    int rc = session_open(&s, env, o, true, err);
    if (rc == 0)
        rc = prune(&s, o, NULL, o->plan, err);
    session_end_progress(&s);
    if (s.client != NULL)
        rf_net_stats(env->net, s.client);
    return rc;
}
