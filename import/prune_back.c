/* SPDX-License-Identifier: Apache-2.0 */
/* A rollback sets tags to what they were before a bundle. For the bundle that was applied last that stays possible: it is kept whatever the rules say. */
#include "import/prune_run.h"

#include "base/log.h"
#include "base/mem.h"
#include "import/tag_map.h"

static void protect(struct rf_pruning *p, const struct rf_tag_map *m)
{
    for (size_t i = 0; i < m->n; i++) {
        struct rf_prune_view *v = rf_prune_views_find(&p->views, m->tags[i].repository);
        if (v != NULL && v->open && rf_digest_is_set(&m->tags[i].was))
            rf_prune_view_need(v, rf_prune_view_doc(v, &m->tags[i].was), true);
    }
}

/*
 * The map of the bundle that stands, and that of one whose run was interrupted. Without a map there is no way back that pruning could close. A plan for a bundle that is not
 * applied yet needs none: the tags that it will move still point to what its map will hold.
 */
int rf_prune_protect_back(struct rf_pruning *p, struct rf_err *err)
{
    RF_CLEANUP(rf_tag_map_release) struct rf_tag_map unfinished;
    RF_CLEANUP(rf_tag_map_release) struct rf_tag_map last;
    const char *to = p->req->base->to_name;
    const struct rf_import_record *top = rf_import_state_last(p->state, to);
    struct rf_err why = RF_ERR_INIT;
    rf_tag_map_init(&unfinished);
    rf_tag_map_init(&last);
    if (!p->is_last)
        return 0;
    int rc = rf_tag_map_find_unfinished(p->state, to, &unfinished, &why);
    if (rc < 0 && rc != -RFE_NOT_FOUND)
        return rf_fail(err, -rc, "%s", why.msg);
    protect(p, &unfinished);
    if (top == NULL)
        return 0;
    rc = rf_tag_map_load(p->state, &top->id, to, &last, &why);
    if (rc < 0)
        rf_log(
            RF_LOG_WARN,
            "What tags were before the last bundle is not known, so nothing is kept for regimport rollback",
            "error", why.msg, NULL);
    else
        protect(p, &last);
    return 0;
}
