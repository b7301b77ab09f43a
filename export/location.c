/* SPDX-License-Identifier: Apache-2.0 */
#include "export/location.h"

#include "base/file.h"
#include "base/mem.h"

void rf_locations_init(struct rf_locations *l, struct rf_client *client,
                       struct rf_export_state *state)
{
    memset(l, 0, sizeof(*l));
    l->client = client;
    l->state = state;
    rf_strings_init(&l->reals);
    rf_strings_init(&l->names);
}

static void drop_tags(struct rf_location *l)
{
    for (size_t i = 0; i < l->n_tags; i++)
        free(l->tags[i]);
    l->n_tags = 0;
}

void rf_locations_release(struct rf_locations *l)
{
    for (size_t i = 0; i < l->n; i++) {
        struct rf_location *one = &l->list[i];
        drop_tags(one);
        free(one->tags);
        free(one->repo);
        free(one->name);
        free(one->real);
        free(one->path);
    }
    free(l->list);
    free(l->name_where);
    rf_strings_release(&l->reals);
    rf_strings_release(&l->names);
}

/* ---- names ---- */

static struct rf_slice last_folder(const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    return rf_slice_of(path + start, end - start);
}

static bool is_plain(const char *path)
{
    for (const char *c = path; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            return false;
    return true;
}

static const char *scheme_text(const struct rf_ref *ref)
{
    return ref->scheme == RF_SCHEME_OCIDIR ? "ocidir" : "ocifile";
}

/* Bundles hold no local path: a layout is named by its folder. "." and ".." are called what they lead to. */
char *rf_location_name(const struct rf_ref *ref)
{
    if (ref->scheme == RF_SCHEME_REGISTRY)
        return rf_ref_location(ref);
    RF_CLEANUP(rf_freep) char *led = NULL;
    struct rf_slice name = last_folder(ref->path);
    if (rf_slice_is(name, ".") || rf_slice_is(name, "..")) {
        led = realpath(ref->path, NULL);
        if (led != NULL && is_plain(led))
            name = last_folder(led);
    }
    if (name.len == 0 || memchr(name.ptr, ':', name.len) || memchr(name.ptr, '@', name.len))
        name = rf_slice_str("layout");
    return rf_xasprintf("%s://%.*s%s%s", scheme_text(ref), (int)name.len, name.ptr,
                        ref->repository != NULL ? ":" : "",
                        ref->repository != NULL ? ref->repository : "");
}

/* Takes the name over. */
static char *unique_name(const struct rf_locations *s, char *first)
{
    if (rf_strings_find(&s->names, rf_slice_str(first)) == RF_NO_ID)
        return first;
    for (unsigned n = 2;; n++) {
        char *next = rf_xasprintf("%s-%u", first, n);
        if (rf_strings_find(&s->names, rf_slice_str(next)) == RF_NO_ID) {
            free(first);
            return next;
        }
        free(next);
    }
}

/* ---- finding ---- */

/* Opens it, or a repository in it when it is a tree; name and real become the location's on success. */
static int add(struct rf_locations *s, const struct rf_ref *ref, const char *in_tree, char **name,
               char **real, uint32_t *where, struct rf_err *err)
{
    struct rf_location l = { .registry = ref->scheme == RF_SCHEME_REGISTRY,
                             .pulls = s->pulls,
                             .pull_source = RF_NO_ID };
    const char *repo;
    int rc =
        rf_client_place(s->client, ref, in_tree != NULL ? RF_CLIENT_TREE : 0, &l.place, &repo, err);
    if (rc < 0)
        return rc;
    l.repo = rf_xstrdup(in_tree != NULL ? in_tree : repo);
    if (s->pulls != NULL)
        l.pull_source = rf_pulls_source(s->pulls, l.place);
    l.path = in_tree != NULL ? rf_path_join(ref->path, in_tree) : rf_xstrdup(ref->path);
    uint32_t id = rf_strings_add(&s->names, rf_slice_str(*name));
    s->name_where = rf_grow(s->name_where, id, &s->cap_names, sizeof(*s->name_where));
    s->name_where[id] = (uint32_t)s->n;
    *where = rf_strings_add(&s->reals, rf_slice_str(*real));
    RF_CHECK(*where == s->n);
    l.name = RF_STEAL(*name);
    l.real = RF_STEAL(*real);
    s->list = rf_grow(s->list, s->n, &s->cap, sizeof(*s->list));
    s->list[s->n++] = l;
    return 0;
}

static char *real_location(const struct rf_ref *ref)
{
    if (ref->scheme == RF_SCHEME_REGISTRY)
        return rf_ref_location(ref);
    /* what is remembered must hold in any working folder; what JSON cannot hold stays as it was typed */
    RF_CLEANUP(rf_freep) char *path = rf_path_absolute(ref->path);
    return rf_xasprintf("%s://%s%s%s", scheme_text(ref), is_plain(path) ? path : ref->path,
                        ref->repository != NULL ? ":" : "",
                        ref->repository != NULL ? ref->repository : "");
}

uint32_t rf_locations_known(const struct rf_locations *s, const struct rf_ref *ref)
{
    RF_CLEANUP(rf_freep) char *real = real_location(ref);
    return rf_strings_find(&s->reals, rf_slice_str(real));
}

/* One repository of a file that holds several. The state remembers the file. */
static int find_in_file(struct rf_locations *s, const struct rf_ref *ref, char **real,
                        uint32_t *where, struct rf_err *err)
{
    struct rf_ref file = *ref; /* borrows */
    uint32_t whole = RF_NO_ID;
    file.repository = NULL;
    int rc = rf_locations_find(s, &file, &whole, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_freep) char *name = rf_xasprintf("%s:%s", s->list[whole].name, ref->repository);
    return add(s, ref, NULL, &name, real, where, err);
}

int rf_locations_find(struct rf_locations *s, const struct rf_ref *ref, uint32_t *where,
                      struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *real = real_location(ref);
    uint32_t known = rf_strings_find(&s->reals, rf_slice_str(real));
    if (known != RF_NO_ID) {
        *where = known;
        return 0;
    }
    bool layout = ref->scheme != RF_SCHEME_REGISTRY;
    if (layout && ref->repository != NULL)
        return find_in_file(s, ref, &real, where, err);
    RF_CLEANUP(rf_freep)
    char *name = layout ? unique_name(s, rf_location_name(ref)) : rf_xstrdup(real);
    RF_CLEANUP(rf_freep) char *told = rf_xstrdup(name);
    RF_CLEANUP(rf_freep) char *lies = rf_xstrdup(real);
    int rc = add(s, ref, NULL, &name, &real, where, err);
    if (rc == 0 && layout)
        rc = rf_export_state_note(s->state, rf_export_state_set_location(s->state, told, lies, err),
                                  err);
    return rc;
}

/* ---- trees ---- */

/* No layout is called so. */
static char *tree_key(const char *name)
{
    return rf_xasprintf("%s/", name);
}

int rf_locations_add_tree(struct rf_locations *l, const char *name, const struct rf_ref *tree,
                          struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *key = tree_key(name);
    RF_CLEANUP(rf_freep) char *real = real_location(tree);
    return rf_export_state_note(l->state, rf_export_state_set_location(l->state, key, real, err),
                                err);
}

int rf_locations_find_in_tree(struct rf_locations *l, const char *name, const struct rf_ref *tree,
                              const char *repository, uint32_t *where, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *root = real_location(tree);
    RF_CLEANUP(rf_freep) char *real = rf_xasprintf("%s/%s", root, repository);
    uint32_t known = rf_strings_find(&l->reals, rf_slice_str(real));
    if (known != RF_NO_ID) {
        *where = known;
        return 0;
    }
    RF_CLEANUP(rf_freep)
    char *own = unique_name(l, rf_xasprintf("%s/%s", name, repository));
    return add(l, tree, repository, &own, &real, where, err);
}

/* ---- sources of bundles ---- */

/* Of a source "NAME:tag" or "NAME@digest" of a layout: NAME, which holds neither ":" nor "@". */
static char *source_layout(const char *source)
{
    const char *path = strstr(source, "://");
    return path == NULL
               ? NULL
               : rf_xstrndup(source, (size_t)(path + 3 - source) + strcspn(path + 3, ":@"));
}

/* What the state says of a layout, or of the tree that it is a repository of: then *repository is where that begins in its name. */
static int remembered(struct rf_locations *l, const char *name, char **real,
                      const char **repository, struct rf_err *err)
{
    int rc = rf_export_state_get_location(l->state, name, real, err);
    const char *path = strstr(name, "://");
    const char *slash = path != NULL ? strchr(path + 3, '/') : NULL;
    *repository = NULL;
    if (rc < 0 || *real != NULL || slash == NULL)
        return rc;
    RF_CLEANUP(rf_freep) char *key = rf_xstrndup(name, (size_t)(slash + 1 - name));
    *repository = slash + 1;
    return rf_export_state_get_location(l->state, key, real, err);
}

static int find_layout(struct rf_locations *l, const char *name, uint32_t *where,
                       struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *lies = NULL;
    const char *repository;
    int rc = remembered(l, name, &lies, &repository, err);
    if (rc == 0 && lies == NULL)
        rc = rf_fail(err, RFE_NOT_FOUND,
                     "where the layout %s lies is no longer known; export it anew", name);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_freep)
    char *real = repository != NULL ? rf_xasprintf("%s/%s", lies, repository) : rf_xstrdup(lies);
    uint32_t known = rf_strings_find(&l->reals, rf_slice_str(real));
    if (known != RF_NO_ID) {
        *where = known;
        return 0;
    }
    const char *path = strstr(lies, "://");
    struct rf_ref ref = { .scheme = strncmp(lies, "ocidir:", 7) == 0 ? RF_SCHEME_OCIDIR
                                                                     : RF_SCHEME_OCIFILE };
    if (path == NULL)
        return rf_fail(err, RFE_INVALID, "%s: not the place of a layout", lies);
    RF_CLEANUP(rf_freep) char *copy = rf_xstrdup(path + 3);
    RF_CLEANUP(rf_freep) char *own = rf_xstrdup(name);
    ref.path = copy;
    return add(l, &ref, repository, &own, &real, where, err);
}

int rf_locations_find_source(struct rf_locations *l, const char *source, uint32_t *where,
                             struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *layout = source_layout(source);
    RF_CLEANUP(rf_ref_release) struct rf_ref ref = RF_REF_INIT;
    if (layout == NULL) {
        int rc = rf_ref_parse(source, &ref, err);
        return rc < 0 ? rc : rf_locations_find(l, &ref, where, err);
    }
    uint32_t known = rf_strings_find(&l->names, rf_slice_str(layout));
    if (known == RF_NO_ID)
        return find_layout(l, layout, where, err);
    *where = l->name_where[known];
    return 0;
}

/* ---- tags ---- */

static int keep_tag(void *ctx, const char *tag, struct rf_err *err)
{
    struct rf_location *l = ctx;
    (void)err;
    l->tags = rf_grow(l->tags, l->n_tags, &l->cap_tags, sizeof(*l->tags));
    l->tags[l->n_tags++] = rf_xstrdup(tag);
    return 0;
}

static int compare_tags(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int rf_location_tags(struct rf_location *l, struct rf_err *err)
{
    if (l->listed)
        return 0;
    int rc = rf_place_list_tags(l->place, l->repo, keep_tag, l, err);
    if (rc < 0) {
        drop_tags(l); /* half a list would be taken for a whole one */
        return rc;
    }
    /* registries list in any order, and what is made of it shall not depend on that */
    if (l->n_tags > 1)
        qsort(l->tags, l->n_tags, sizeof(*l->tags), compare_tags);
    l->listed = true;
    return 0;
}

/* ---- reasons ---- */

/* Replaces every `from` by `to`. */
static char *replaced(const char *text, const char *from, struct rf_slice to)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    size_t n = strlen(from);
    rf_buf_init(&out, 0);
    for (const char *hit; n > 0 && (hit = strstr(text, from)) != NULL; text = hit + n) {
        rf_buf_add(&out, text, (size_t)(hit - text));
        rf_buf_add(&out, to.ptr, to.len);
    }
    rf_buf_add_str(&out, text);
    return rf_buf_take(&out, NULL);
}

static bool cut_start(char *text, const char *start)
{
    size_t n = strlen(start);
    if (n == 0 || strncmp(text, start, n) != 0 || strncmp(text + n, ": ", 2) != 0)
        return false;
    memmove(text, text + n + 2, strlen(text + n + 2) + 1);
    return true;
}

char *rf_location_reason(const char *source, const char *path, const char *cause)
{
    struct rf_slice name = path != NULL ? last_folder(path) : rf_slice_str("");
    bool leads = name.len > 0 && name.ptr[0] != '/' && name.len < strlen(path);
    char *reason = leads ? replaced(cause, path, name) : rf_xstrdup(cause);
    RF_CLEANUP(rf_freep) char *folder = rf_xstrndup(name.ptr, name.len);
    RF_CLEANUP(rf_freep) char *layout = source_layout(source);
    while (cut_start(reason, source) || cut_start(reason, folder) ||
           (layout != NULL && cut_start(reason, layout)))
        ;
    return reason;
}

char *rf_location_blob_reason(const struct rf_digest *blob, const char *cause)
{
    char text[RF_DIGEST_TEXT];
    rf_digest_text(blob, text);
    return strstr(cause, text) != NULL ? rf_xstrdup(cause)
                                       : rf_xasprintf("blob %s: %s", text, cause);
}
