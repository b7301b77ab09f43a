/* SPDX-License-Identifier: Apache-2.0 */
/* From items to lines: the tags of repositories, the repositories of registries. */
#include "base/cancel.h"
#include "base/log.h"
#include "base/mem.h"
#include "export/select_private.h"
#include "layout/oci_index.h"
#include "layout/oci_tree.h"
#include "policy/target_path.h"
#include "regclient/listing.h"

/* A repository that an item means: its own, or one of its registry. */
struct spot {
    size_t item;
    uint32_t where;
    const char *far; /* its name on the far side */
};

static size_t add_line(struct rf_selection *s, const struct spot *at, const char *source_tag,
                       const char *far_tag)
{
    const struct rf_export_item *it = &s->req->items[at->item];
    struct rf_image im = { .original = RF_NO_ID, .status = RF_IMAGE_NEW };
    struct rf_pick pick = rf_selection_pick(s, at->item, at->where);
    im.repository = rf_selection_text(s, at->far);
    im.tag = rf_selection_text(s, far_tag);
    im.media_type = rf_selection_text(s, "");
    if (rf_digest_is_set(&it->source.digest)) {
        im.digest = it->source.digest;
        source_tag = NULL;
    }
    pick.source_tag = rf_selection_text(s, source_tag);
    im.source = rf_selection_source(s, &s->locations.list[at->where], source_tag, &im.digest);
    return rf_selection_add(s, &im, &pick);
}

/* Layouts name images by a tag, or by a whole name "repository:tag" whose end is the tag then. */
static void add_listed(struct rf_selection *s, const struct spot *at, const char *name)
{
    size_t repo_len;
    const char *tag = rf_tag_valid(rf_slice_str(name)) ? name : rf_oci_name_tag(name, &repo_len);
    bool valid = rf_tag_valid(rf_slice_str(tag));
    size_t i = add_line(s, at, name, valid ? tag : "");
    if (!valid)
        rf_pick_fail(s, i, RFE_INVALID,
                     "its name is not a tag, so that the far side cannot have it; tag it anew");
}

/* The tags that the item takes, as pointers into the location's list. */
static int take_tags(const struct rf_export_item *it, const struct rf_location *l, char ***out,
                     size_t *n, size_t *available, struct rf_err *err)
{
    char **names = rf_xcalloc(l->n_tags + 1, sizeof(*names));
    size_t all = 0;
    int rc = 0;
    /* How a layout keeps its referrers is no tag of it: they go with their images. One that cannot be looked at is a hole later. */
    for (size_t i = 0; i < l->n_tags; i++)
        if (l->registry || rf_place_is_fallback(l->place, l->repo, l->tags[i], NULL) != 1)
            names[all++] = rf_xstrdup(l->tags[i]);
    *n = *available = all;
    *out = names;
    if (it->step != NULL)
        rc = rf_name_filter_apply(it->step->tag_names, names, n, err);
    return rc;
}

static void free_names(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

static int expand_repository(struct rf_selection *s, const struct spot *at, struct rf_err *err)
{
    const struct rf_export_item *it = &s->req->items[at->item];
    struct rf_location *l = &s->locations.list[at->where];
    char **names = NULL;
    size_t n = 0, all = 0;
    int rc = rf_location_tags(l, err);
    if (rc < 0)
        return rc;
    rc = take_tags(it, l, &names, &n, &all, err);
    if (rc == 0 && n == 0)
        rf_log_with(RF_LOG_WARN, "No matching tags found", rf_log_text("source", l->name),
                    rf_log_uint("available", all));
    for (size_t i = 0; rc == 0 && i < n; i++)
        add_listed(s, at, names[i]);
    free_names(names, n);
    return rc;
}

/* What cannot even be listed is a hole with its repository as name. */
static size_t add_unlisted(struct rf_selection *s, size_t item, const char *source, const char *far,
                           const char *tag, int code, const char *reason)
{
    struct rf_image im = { .original = RF_NO_ID, .digest = s->req->items[item].source.digest };
    struct rf_pick pick = rf_selection_pick(s, item, RF_NO_ID);
    im.repository = rf_selection_text(s, far);
    im.tag = rf_selection_text(s, tag);
    im.media_type = rf_selection_text(s, "");
    im.source = rf_selection_text(s, source);
    size_t i = rf_selection_add(s, &im, &pick);
    rf_pick_fail(s, i, code, reason);
    return i;
}

/* ---- registries ---- */

/* Its name on the far side; where the site's paths make none of it, the name before them. */
static int name_of_registry(const struct rf_export_item *it, const char *name, char **far,
                            struct rf_err *err)
{
    char *mapped = NULL;
    int rc = rf_target_join(it->repository, name, far, err);
    if (rc == 0)
        rc = rf_path_map_apply(it->paths, *far, &mapped, err);
    if (rc < 0)
        return rc;
    free(*far);
    *far = mapped;
    return 0;
}

static int open_of_registry(struct rf_selection *s, size_t item, const char *source, char **far,
                            uint32_t *where, const char *name, struct rf_err *err)
{
    RF_CLEANUP(rf_ref_release) struct rf_ref ref = RF_REF_INIT;
    const struct rf_export_item *it = &s->req->items[item];
    int rc = name_of_registry(it, name, far, err);
    if (rc == 0 && it->source.path != NULL)
        return rf_locations_find_in_tree(&s->locations, it->registry, &it->source, name, where,
                                         err);
    if (rc == 0)
        rc = rf_ref_parse_repo(source, &ref, err);
    return rc < 0 ? rc : rf_locations_find(&s->locations, &ref, where, err);
}

/* One that cannot be read does not keep the others from it. Fails for cancelling only. */
static int expand_of_registry(struct rf_selection *s, size_t item, const char *name,
                              struct rf_err *err)
{
    const struct rf_export_item *it = &s->req->items[item];
    RF_CLEANUP(rf_freep) char *source = rf_xasprintf("%s/%s", it->registry, name);
    RF_CLEANUP(rf_freep) char *far = NULL;
    struct spot at = { .item = item };
    struct rf_err why = RF_ERR_INIT;
    int rc = open_of_registry(s, item, source, &far, &at.where, name, &why);
    at.far = far;
    if (rc == 0)
        rc = expand_repository(s, &at, &why);
    if (rc < 0 && rf_cancelled())
        return rf_cancel_check(err);
    if (rc < 0 && far != NULL)
        (void)add_unlisted(s, item, source, far, "", -rc, why.msg);
    else if (rc < 0) /* no name that the far side could have: there is nothing that could be held */
        rf_log(RF_LOG_WARN, "Repository left out", "source", source, "error", why.msg, NULL);
    return 0;
}

/* One page: 1 when there may be more behind it, and *last is where it ends. */
static int expand_page(struct rf_selection *s, size_t item, struct rf_place *place, char **last,
                       struct rf_err *err)
{
    RF_CLEANUP(rf_listing_release) struct rf_listing repos;
    const struct rf_listing_options opts = { .last = *last };
    rf_listing_init(&repos);
    int rc = rf_listing_repos(place, &opts, &repos, err);
    /* A registry that does not know `last` says the same again. */
    if (rc < 0 || repos.n == 0 || (*last != NULL && strcmp(*last, repos.names[repos.n - 1]) == 0))
        return rc;
    free(*last);
    *last = rf_xstrdup(repos.names[repos.n - 1]);
    rc = rf_name_filter_apply(s->req->items[item].step->repo_names, repos.names, &repos.n, err);
    for (size_t i = 0; rc == 0 && i < repos.n; i++)
        rc = expand_of_registry(s, item, repos.names[i], err);
    return rc < 0 ? rc : 1;
}

static int expand_registry(struct rf_selection *s, size_t item, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *last = NULL;
    struct rf_place *place = NULL;
    int rc = rf_client_registry(s->req->client, s->req->items[item].registry, &place, err);
    if (rc == 0)
        rc = 1;
    while (rc > 0)
        rc = expand_page(s, item, place, &last, err);
    return rc;
}

/* A hole needs a repository's name: without a prefix the registry's, as far as it can be one. */
static void add_listless(struct rf_selection *s, size_t item, const char *source, int code,
                         const char *reason)
{
    const struct rf_export_item *it = &s->req->items[item];
    const char *own = it->source.path != NULL ? strstr(source, "://") + 3 : source;
    RF_CLEANUP(rf_freep)
    char *far = rf_xstrdup(it->repository[0] != '\0' ? it->repository : own);
    for (char *c = far; *c != '\0'; c++)
        *c = *c == ':' ? '-' : *c;
    const char *name = rf_repository_valid(rf_slice_str(far)) ? far : "registry";
    size_t i = add_unlisted(s, item, source, name, "", code, reason);
    s->picks[i].listless = true;
}

/* ---- trees of layouts ---- */

#define UNREAD_MAX 1000 /* folders that are holes of their own */

/* A tree while it is looked through. */
struct tree {
    const struct rf_export_item *it;
    struct rf_oci_names found, sorted;
    struct unread {
        char *folder, *reason;
        int code;
    } * unread;
    size_t n_unread, cap_unread;
};

static void tree_release(struct tree *t)
{
    rf_oci_names_release(&t->found);
    rf_oci_names_release(&t->sorted);
    for (size_t i = 0; i < t->n_unread; i++) {
        free(t->unread[i].folder);
        free(t->unread[i].reason);
    }
    free(t->unread);
}

static void note_unread(void *ctx, const char *folder, const struct rf_err *why)
{
    struct tree *t = ctx;
    /* With too many of them nothing is known. */
    if (t->n_unread > UNREAD_MAX)
        return;
    t->unread = rf_grow(t->unread, t->n_unread, &t->cap_unread, sizeof(*t->unread));
    t->unread[t->n_unread++] =
        (struct unread){ rf_xstrdup(folder), rf_xstrdup(why->msg), why->code };
}

static void tell_left_out(void *ctx, const char *folder, const char *why)
{
    const struct tree *t = ctx;
    RF_CLEANUP(rf_freep) char *name = rf_xasprintf("ocidir://%s/%s", t->it->source.path, folder);
    rf_log(RF_LOG_WARN, "Folder left out", "source", name, "reason", why, NULL);
}

static int keep_name(void *ctx, const char *name, struct rf_err *err)
{
    (void)err;
    rf_oci_names_add(ctx, name);
    return 0;
}

static int list_tree(struct tree *t, struct rf_err *err)
{
    const struct rf_oci_tree_watch watch = { note_unread, tell_left_out, t };
    int rc = rf_oci_tree_walk(t->it->source.path, &watch, &t->found, err);
    /* A disk that is not there looks the same, and would take everything from the far side. */
    if (rc == 0 && t->found.n == 0 && t->n_unread == 0)
        rc = rf_fail(err, RFE_NOT_FOUND, "%s: no folder below it is an image layout",
                     t->it->source.path);
    return rc < 0 ? rc : rf_oci_names_each(&t->found, keep_name, &t->sorted, err);
}

/* What lies in such a folder is held, and nothing else of the tree. */
static void add_unread(struct rf_selection *s, size_t item, const struct tree *t)
{
    bool many = t->n_unread > UNREAD_MAX;
    for (size_t i = 0; i < (many ? 1 : t->n_unread); i++) {
        const struct unread *u = &t->unread[i];
        RF_CLEANUP(rf_freep) char *source = rf_xasprintf("%s/%s", t->it->registry, u->folder);
        add_listless(s, item, many ? t->it->registry : source, u->code, u->reason);
    }
}

static int expand_tree(struct rf_selection *s, size_t item, struct rf_err *err)
{
    const struct rf_export_item *it = &s->req->items[item];
    RF_CLEANUP(tree_release) struct tree t = { .it = it };
    struct rf_oci_names *names = &t.sorted;
    int rc = rf_locations_add_tree(&s->locations, it->registry, &it->source, err);
    if (rc == 0)
        rc = list_tree(&t, err);
    if (rc == 0)
        rc = rf_name_filter_apply(it->step->repo_names, names->list, &names->n, err);
    for (size_t i = 0; rc == 0 && i < names->n; i++)
        rc = expand_of_registry(s, item, names->list[i], err);
    if (rc == 0)
        add_unread(s, item, &t);
    return rc;
}

/* ---- items ---- */

static int expand_item(struct rf_selection *s, size_t item, struct rf_err *err)
{
    const struct rf_export_item *it = &s->req->items[item];
    struct spot at = { .item = item, .far = it->repository };
    int rc = 0;
    if (it->referrers && it->referrers_from.text != NULL)
        rc = rf_locations_find(&s->locations, &it->referrers_from, &s->referrers_at[item], err);
    if (rc < 0)
        return rf_wrap(err, rc, "referrerSource");
    if (it->registry != NULL)
        return it->source.path != NULL ? expand_tree(s, item, err) : expand_registry(s, item, err);
    rc = rf_locations_find(&s->locations, &it->source, &at.where, err);
    if (rc < 0)
        return rc;
    if (it->whole_repository)
        return expand_repository(s, &at, err);
    const char *tag = it->source.tag;
    if (tag == NULL && !rf_digest_is_set(&it->source.digest))
        tag = "latest";
    add_line(s, &at, tag, it->tag != NULL ? it->tag : tag);
    return 0;
}

int rf_selection_expand(struct rf_selection *s, struct rf_err *err)
{
    for (size_t i = 0; i < s->req->n_items; i++) {
        const struct rf_export_item *it = &s->req->items[i];
        struct rf_err why = RF_ERR_INIT;
        int rc = expand_item(s, i, &why);
        if (rc == 0)
            continue;
        if (rf_cancelled())
            return rf_cancel_check(err);
        if (it->registry != NULL) {
            add_listless(s, i, it->registry, -rc, why.msg);
            continue;
        }
        RF_CLEANUP(rf_freep) char *name = rf_location_name(&it->source);
        (void)add_unlisted(s, i, name, it->repository, it->tag != NULL ? it->tag : it->source.tag,
                           -rc, why.msg);
    }
    return 0;
}
