/* SPDX-License-Identifier: Apache-2.0 */
/* The command that takes bundles back. */
#include "import/rollback.h"
#include "base/mem.h"
#include "tools/regimport/session.h"

static void report(const struct session *s, const struct rf_rollback *b)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 512u << 20);
    if (rf_net_json(s->env->net))
        rf_rollback_json(b, &out);
    else
        rf_rollback_text(b, &out);
    (void)fwrite(out.ptr, 1, out.len, stdout);
}

int run_rollback(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    RF_CLEANUP(session_release) struct session s = { 0 };
    RF_CLEANUP(rf_rollback_release) struct rf_rollback back;
    RF_CLEANUP(rf_freep) char *dir = NULL;
    struct rf_rollback_options how = { .id = argc > 0 ? argv[0] : NULL,
                                       .plan = o->plan,
                                       .also_moved = o->also_moved };
    rf_rollback_init(&back);
    int rc = session_open(&s, env, o, true, err);
    if (rc == 0)
        rc = session_state(&s, NULL, &dir, err);
    s.req.state_dir = dir;
    if (rc == 0)
        rc = rf_rollback(&s.req, &how, &back, err);
    session_end_progress(&s);
    if (back.looked && (rc == 0 || rc == -RFE_PARTIAL || rc == -RFE_GROUND_MISSING))
        report(&s, &back);
    if (s.client != NULL)
        rf_net_stats(env->net, s.client);
    return rc;
}
