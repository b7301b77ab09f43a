/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of scripts that list repositories and tags, whole or page by page. */
#include <stdlib.h>

#include "base/mem.h"
#include "policy/bot/bot_calls_private.h"
#include "policy/lua/lua_wire.h"
#include "policy/tag_filter.h"
#include "regclient/listing.h"

#define NAMES_MAX 200000 /* of one answer: more do not fit into a message */
#define PAGE_DEFAULT 1000
#define PAGE_MAX 50000

/* ---- whole lists ---- */

static unsigned number_option(const json_t *options, const char *key, unsigned dflt, unsigned max)
{
    json_int_t n = json_integer_value(json_object_get(options, key));
    return n <= 0 ? dflt : n > (json_int_t)max ? max : (unsigned)n;
}

static int keep_wanted(const json_t *options, struct rf_listing *l, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char **include = NULL;
    RF_CLEANUP(rf_freep) char **exclude = NULL;
    RF_CLEANUP(rf_tag_filter_freep) struct rf_tag_filter *filter = NULL;
    size_t n_include = 0, n_exclude = 0;
    int rc = rf_bot_texts(options, "include", &include, &n_include, err);
    if (rc == 0)
        rc = rf_bot_texts(options, "exclude", &exclude, &n_exclude, err);
    if (rc == 0)
        rc = rf_tag_filter_new(include, n_include, exclude, n_exclude, &filter, err);
    if (rc < 0 || rf_tag_filter_is_empty(filter))
        return rc;
    return rf_tag_filter_apply(filter, l->names, &l->n, err);
}

static json_t *names_of(const struct rf_listing *l, size_t n)
{
    json_t *names = json_array();
    for (size_t i = 0; i < n && i < l->n; i++)
        (void)json_array_append_new(names, rf_lua_wire_string(rf_slice_str(l->names[i])));
    return names;
}

static int give_names(const json_t *options, struct rf_listing *l, unsigned limit, json_t **result,
                      struct rf_err *err)
{
    int rc = keep_wanted(options, l, err);
    if (rc < 0)
        return rc;
    if (l->n > NAMES_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "%zu names are too many for one list: use each()", l->n);
    *result = names_of(l, limit > 0 ? limit : l->n);
    return 0;
}

static const char *const list_options[] = { "limit", "last", "include", "exclude" };

static int tag_ls(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    RF_CLEANUP(rf_json_decrefp) json_t *options = NULL;
    RF_CLEANUP(rf_listing_release) struct rf_listing l;
    rf_listing_init(&l);
    int rc = rf_bot_table(c, 1, list_options, RF_ARRAY_LEN(list_options), &options, err);
    if (rc == 0)
        rc = rf_bot_target(c, 0, RF_BOT_REPO, &t, err);
    if (rc < 0)
        return rc;
    const struct rf_listing_options how = { .limit = number_option(options, "limit", 0, UINT32_MAX),
                                            .last = json_string_value(
                                                json_object_get(options, "last")) };
    rc = rf_listing_tags(t.place, t.repo, &how, &l, err);
    if (rc == 0)
        rc = give_names(options, &l, how.limit, result, err);
    return rc < 0 ? rf_wrap(err, rc, "Failed retrieving tag list") : 0;
}

static int open_registry(struct rf_bot_call *c, struct rf_place **place, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *registry = NULL;
    const char *text;
    int rc = rf_bot_text(c, 0, false, &text, err);
    if (rc == 0)
        rc = rf_ref_parse_registry(text, &registry, err);
    return rc < 0 ? rc : rf_client_registry(c->b->o.client, registry, place, err);
}

static int repo_ls(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *options = NULL;
    RF_CLEANUP(rf_listing_release) struct rf_listing l;
    struct rf_place *place = NULL;
    rf_listing_init(&l);
    int rc = rf_bot_table(c, 1, list_options, RF_ARRAY_LEN(list_options), &options, err);
    if (rc == 0)
        rc = open_registry(c, &place, err);
    if (rc < 0)
        return rf_wrap(err, rc, "Failed retrieving repo list");
    const struct rf_listing_options how = { .limit = number_option(options, "limit", 0, UINT32_MAX),
                                            .last = json_string_value(
                                                json_object_get(options, "last")) };
    rc = rf_listing_repos(place, &how, &l, err);
    if (rc == 0)
        rc = give_names(options, &l, how.limit, result, err);
    return rc < 0 ? rf_wrap(err, rc, "Failed retrieving repo list") : 0;
}

/* ---- pages ---- */

static const char *const page_options[] = { "page", "include", "exclude" };

/*
 * {names, last}: `last` is where the next page begins, absent behind the last one. A registry that says rel=next has more; one that gave as many as
 * were asked for may have more, unless it does not move on.
 */
static int give_page(const json_t *options, struct rf_listing *l, unsigned limit, const char *last,
                     json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *next = NULL;
    struct rf_err ignored;
    bool linked = rf_link_next(&l->headers, &next, &ignored) == 0 && next != NULL;
    if (l->n > NAMES_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "the registry gives %zu names at once", l->n);
    RF_CLEANUP(rf_freep) char *end = l->n > 0 ? rf_xstrdup(l->names[l->n - 1]) : NULL;
    bool more =
        end != NULL && (last == NULL || strcmp(end, last) != 0) && (linked || l->n == limit);
    int rc = keep_wanted(options, l, err);
    if (rc < 0)
        return rc;
    json_t *page = json_pack("{s:o}", "names", names_of(l, l->n));
    if (more)
        (void)json_object_set_new(page, "last", rf_lua_wire_string(rf_slice_str(end)));
    *result = page;
    return 0;
}

static int page_start(struct rf_bot_call *c, json_t **options, struct rf_listing_options *how,
                      struct rf_err *err)
{
    int rc = rf_bot_table(c, 1, page_options, RF_ARRAY_LEN(page_options), options, err);
    if (rc == 0)
        rc = rf_bot_text(c, 2, true, &how->last, err);
    if (rc < 0)
        return rc;
    if (how->last != NULL && how->last[0] == '\0')
        how->last = NULL;
    how->limit = number_option(*options, "page", PAGE_DEFAULT, PAGE_MAX);
    return 0;
}

/* A layout gives all at once. */
static void cut(struct rf_listing *l, unsigned limit)
{
    for (size_t i = limit; i < l->n; i++)
        free(l->names[i]);
    l->n = l->n > limit ? limit : l->n;
}

static int tag_page(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    RF_CLEANUP(rf_json_decrefp) json_t *options = NULL;
    RF_CLEANUP(rf_listing_release) struct rf_listing l;
    struct rf_listing_options how = { 0 };
    rf_listing_init(&l);
    int rc = page_start(c, &options, &how, err);
    if (rc == 0)
        rc = rf_bot_target(c, 0, RF_BOT_REPO, &t, err);
    if (rc < 0)
        return rc;
    rc = rf_listing_tags(t.place, t.repo, &how, &l, err);
    if (rc == 0 && rf_registry_remote(t.place) == NULL)
        cut(&l, how.limit);
    if (rc == 0)
        rc = give_page(options, &l, how.limit, how.last, result, err);
    return rc < 0 ? rf_wrap(err, rc, "Failed retrieving tag list") : 0;
}

static int repo_page(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *options = NULL;
    RF_CLEANUP(rf_listing_release) struct rf_listing l;
    struct rf_listing_options how = { 0 };
    struct rf_place *place = NULL;
    rf_listing_init(&l);
    int rc = page_start(c, &options, &how, err);
    if (rc == 0)
        rc = open_registry(c, &place, err);
    if (rc == 0)
        rc = rf_listing_repos(place, &how, &l, err);
    if (rc == 0)
        rc = give_page(options, &l, how.limit, how.last, result, err);
    return rc < 0 ? rf_wrap(err, rc, "Failed retrieving repo list") : 0;
}

static int repo_exists(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    RF_CLEANUP(rf_listing_release) struct rf_listing l;
    const struct rf_listing_options how = { .limit = 1 };
    struct rf_err e = RF_ERR_INIT;
    rf_listing_init(&l);
    int rc = rf_bot_target(c, 0, RF_BOT_REPO, &t, err);
    if (rc < 0)
        return rc;
    rc = rf_listing_tags(t.place, t.repo, &how, &l, &e);
    if (rc < 0 && rc != -RFE_NOT_FOUND) {
        *err = e;
        return rf_wrap(err, rc, "Failed looking for %s", t.name);
    }
    *result = json_boolean(rc == 0);
    return 0;
}

const struct rf_bot_function_row rf_bot_list_functions[] = {
    { "repo.exists", repo_exists, false }, { "repo.ls", repo_ls, false },
    { "repo.page", repo_page, false },     { "tag.ls", tag_ls, false },
    { "tag.page", tag_page, false },       { NULL, NULL, false },
};
