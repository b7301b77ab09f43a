/* SPDX-License-Identifier: Apache-2.0 */
#include "export/location.h"

#include "base/mem.h"

void rf_locations_init(struct rf_locations *l, struct rf_client *client,
                       struct rf_export_state *state)
{
    memset(l, 0, sizeof(*l));
    l->client = client;
    l->state = state;
}

void rf_locations_release(struct rf_locations *l)
{
    for (size_t i = 0; i < l->n; i++) {
        struct rf_location *one = &l->list[i];
        for (size_t t = 0; t < one->n_tags; t++)
            free(one->tags[t]);
        free(one->tags);
        free(one->repo);
        free(one->name);
        free(one->real);
    }
    free(l->list);
}

static const char *last_folder(const char *path, size_t *len)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    *len = end - start;
    return path + start;
}

/* Bundles hold no local path: a layout is named by its folder. */
static char *location_name(const struct rf_ref *ref, const char *real)
{
    if (ref->scheme == RF_SCHEME_REGISTRY)
        return rf_xstrdup(real);
    size_t len;
    const char *name = last_folder(ref->path, &len);
    return rf_xasprintf("%s://%.*s", ref->scheme == RF_SCHEME_OCIDIR ? "ocidir" : "ocifile",
                        (int)len, name);
}

int rf_locations_find(struct rf_locations *s, const struct rf_ref *ref, uint32_t *where,
                      struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *real = rf_ref_location(ref);
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->list[i].real, real) == 0) {
            *where = (uint32_t)i;
            return 0;
        }
    }
    struct rf_location l = { .registry = ref->scheme == RF_SCHEME_REGISTRY };
    const char *repo;
    int rc = rf_client_place(s->client, ref, 0, &l.place, &repo, err);
    if (rc < 0)
        return rc;
    l.name = location_name(ref, real);
    if (!l.registry) {
        rc = rf_export_state_set_location(s->state, l.name, real, err);
        if (rc < 0) {
            free(l.name);
            return rc;
        }
    }
    l.repo = rf_xstrdup(repo);
    l.real = RF_STEAL(real);
    s->list = rf_grow(s->list, s->n, &s->cap, sizeof(*s->list));
    *where = (uint32_t)s->n;
    s->list[s->n++] = l;
    return 0;
}

static int keep_tag(void *ctx, const char *tag, struct rf_err *err)
{
    struct rf_location *l = ctx;
    (void)err;
    l->tags = rf_xreallocarray(l->tags, l->n_tags + 1, sizeof(*l->tags));
    l->tags[l->n_tags++] = rf_xstrdup(tag);
    return 0;
}

int rf_location_tags(struct rf_location *l, struct rf_err *err)
{
    if (l->listed)
        return 0;
    int rc = rf_place_list_tags(l->place, l->repo, keep_tag, l, err);
    if (rc == 0)
        l->listed = true;
    return rc;
}

int rf_locations_find_source(struct rf_locations *l, const char *source, uint32_t *where,
                             struct rf_err *err)
{
    RF_CLEANUP(rf_ref_release) struct rf_ref ref = RF_REF_INIT;
    RF_CLEANUP(rf_ref_release) struct rf_ref real = RF_REF_INIT;
    RF_CLEANUP(rf_freep) char *location = NULL;
    int rc = rf_ref_parse(source, &ref, err);
    if (rc < 0 || ref.scheme == RF_SCHEME_REGISTRY)
        return rc < 0 ? rc : rf_locations_find(l, &ref, where, err);
    RF_CLEANUP(rf_freep) char *name = rf_ref_location(&ref);
    rc = rf_export_state_get_location(l->state, name, &location, err);
    if (rc == 0 && location == NULL)
        rc = rf_fail(err, RFE_NOT_FOUND,
                     "where the layout %s lies is no longer known; export it anew", name);
    if (rc == 0)
        rc = rf_ref_parse_repo(location, &real, err);
    return rc < 0 ? rc : rf_locations_find(l, &real, where, err);
}
