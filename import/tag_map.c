/* SPDX-License-Identifier: Apache-2.0 */
#include "import/tag_map.h"

#include <dirent.h>
#include <errno.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#define TAG_MAP_MAX (64u << 20)
#define TAGS_MAX 1000000u

void rf_tag_map_init(struct rf_tag_map *m)
{
    memset(m, 0, sizeof(*m));
}

void rf_tag_map_release(struct rf_tag_map *m)
{
    for (size_t i = 0; i < m->n; i++)
        free((char *)(uintptr_t)m->tags[i].repository);
    free(m->tags);
    free(m->to);
    free(m->time);
    memset(m, 0, sizeof(*m));
}

/* "repository:tag"; both texts are one piece of memory, which belongs to `repository`. */
static bool split_name(char *name, struct rf_old_tag *out)
{
    char *colon = strrchr(name, ':');
    if (colon == NULL || colon == name || colon[1] == '\0')
        return false;
    *colon = '\0';
    out->repository = name;
    out->tag = colon + 1;
    return true;
}

static void add_tag(struct rf_tag_map *m, const struct rf_old_tag *t)
{
    m->tags = rf_grow(m->tags, m->n, &m->cap, sizeof(*m->tags));
    m->tags[m->n++] = *t;
}

/* ---- reading ---- */

/* A digest, or nothing where null or "" stands. */
static int get_digest(const json_t *obj, const char *key, struct rf_digest *out, struct rf_err *err)
{
    const json_t *v = json_object_get(obj, key);
    if (json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0))
        return 0;
    if (!json_is_string(v))
        return rf_fail(err, RFE_INVALID, "%s: not a digest", key);
    return rf_digest_parse(rf_slice_of(json_string_value(v), json_string_length(v)), out, err);
}

static int get_tag(struct rf_tag_map *m, const char *key, const json_t *v, struct rf_err *err)
{
    struct rf_old_tag t = { 0 };
    int rc = get_digest(v, "was", &t.was, err);
    if (rc == 0)
        rc = get_digest(v, "becomes", &t.becomes, err);
    if (rc < 0)
        return rf_wrap(err, rc, "%s", key);
    char *name = rf_xstrdup(key);
    if (!split_name(name, &t)) {
        free(name);
        return rf_fail(err, RFE_INVALID, "%s: not REPOSITORY:TAG", key);
    }
    add_tag(m, &t);
    return 0;
}

static int compare_tags(const void *a, const void *b)
{
    const struct rf_old_tag *x = a, *y = b;
    int c = strcmp(x->repository, y->repository);
    return c != 0 ? c : strcmp(x->tag, y->tag);
}

int rf_tag_map_parse(struct rf_tag_map *m, struct rf_slice bytes, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    const json_t *tags = NULL;
    const char *to = NULL, *saved = NULL;
    uint64_t version = 0;
    int rc = rf_json_parse(bytes, TAG_MAP_MAX, &doc, err);
    if (rc == 0)
        rc = rf_json_u64(doc, "tagsVersion", "", RF_JSON_REQUIRED, &version, err);
    if (rc == 0 && version != 1)
        rc = rf_fail(err, RFE_INVALID, "version %llu is not known", (unsigned long long)version);
    if (rc == 0)
        rc = get_digest(doc, "bundle", &m->bundle, err);
    if (rc == 0)
        rc = get_digest(doc, "before", &m->before, err);
    if (rc == 0)
        rc = rf_json_u64(doc, "after", "", RF_JSON_OPTIONAL, &m->after, err);
    if (rc == 0)
        rc = rf_json_bool(doc, "takenBack", "", false, &m->taken_back, err);
    if (rc == 0)
        rc = rf_json_string(doc, "to", "", RF_JSON_REQUIRED, &to, err);
    if (rc == 0)
        rc = rf_json_string(doc, "time", "", RF_JSON_REQUIRED, &saved, err);
    if (rc == 0)
        rc = rf_json_object(doc, "tags", "", RF_JSON_REQUIRED, &tags, err);
    if (rc == 0 && json_object_size(tags) > TAGS_MAX)
        rc = rf_fail(err, RFE_TOO_LARGE, "it has more than %u tags", TAGS_MAX);
    if (rc < 0)
        return rc;
    m->to = rf_xstrdup(to);
    m->time = rf_xstrdup(saved);
    for (void *at = json_object_iter((json_t *)(uintptr_t)tags); rc == 0 && at != NULL;
         at = json_object_iter_next((json_t *)(uintptr_t)tags, at))
        rc = get_tag(m, json_object_iter_key(at), json_object_iter_value(at), err);
    if (rc == 0 && m->n > 1)
        qsort(m->tags, m->n, sizeof(*m->tags), compare_tags);
    return rc;
}

static int load_file(const char *path, struct rf_tag_map *m, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf bytes;
    rf_buf_init(&bytes, TAG_MAP_MAX);
    int rc = rf_file_read(path, &bytes, err);
    if (rc < 0)
        return rc;
    rc = rf_tag_map_parse(m, rf_buf_slice(&bytes), err);
    return rc < 0 ? rf_wrap(err, rc, "%s", path) : 0;
}

int rf_tag_map_load(const struct rf_import_state *s, const struct rf_digest *bundle, const char *to,
                    struct rf_tag_map *m, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_import_state_tags_path(s, bundle, to);
    int rc = load_file(path, m, err);
    if (rc == 0 && (!rf_digest_eq(&m->bundle, bundle) || strcmp(m->to, to) != 0))
        return rf_fail(err, RFE_INVALID, "%s: it is of another bundle or destination", path);
    return rc;
}

/* ---- writing ---- */

static void put_digest(struct rf_buf *out, const struct rf_digest *d)
{
    char text[RF_DIGEST_TEXT];
    if (rf_digest_is_set(d))
        rf_buf_addf(out, "\"%s\"", rf_digest_text(d, text));
    else
        rf_buf_add_str(out, "null");
}

void rf_tag_map_write(const struct rf_tag_map *m, struct rf_buf *out)
{
    rf_buf_add_str(out, "{\"tagsVersion\":1,\"bundle\":");
    put_digest(out, &m->bundle);
    rf_buf_add_str(out, ",\"before\":");
    put_digest(out, &m->before);
    rf_buf_addf(out, ",\"after\":%llu,\"takenBack\":%s,\"to\":", (unsigned long long)m->after,
                m->taken_back ? "true" : "false");
    rf_json_add_string(out, m->to);
    rf_buf_add_str(out, ",\"time\":");
    rf_json_add_string(out, m->time);
    rf_buf_add_str(out, ",\"tags\":{");
    for (size_t i = 0; i < m->n; i++) {
        RF_CLEANUP(rf_freep)
        char *name = rf_xasprintf("%s:%s", m->tags[i].repository, m->tags[i].tag);
        rf_buf_add_str(out, i > 0 ? ",\n" : "\n");
        rf_json_add_string(out, name);
        rf_buf_add_str(out, ":{\"was\":");
        put_digest(out, &m->tags[i].was);
        rf_buf_add_str(out, ",\"becomes\":");
        put_digest(out, &m->tags[i].becomes);
        rf_buf_add_char(out, '}');
    }
    rf_buf_add_str(out, "\n}}\n");
}

int rf_tag_map_store(const struct rf_import_state *s, const struct rf_tag_map *m,
                     struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_import_state_tags_path(s, &m->bundle, m->to);
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, TAG_MAP_MAX);
    rf_tag_map_write(m, &out);
    if (out.rc < 0)
        return rf_fail(err, RFE_TOO_LARGE, "%s would pass %u bytes", path, TAG_MAP_MAX);
    return rf_file_write(path, rf_buf_slice(&out), 0600, err);
}

/* ---- before tags move ---- */

/*
 * Entries that are there already keep what was. Only where somebody else moved the tag since, that is what goes back: this run overwrites it, and nothing
 * else remembers it. What a tag becomes is the same for one bundle, but for a list of referrers to which others have added since.
 */
static void add_new(struct rf_tag_map *m, const struct rf_old_tag *list, size_t n)
{
    size_t had = m->n;
    for (size_t i = 0; i < n; i++) {
        struct rf_old_tag t = list[i];
        struct rf_old_tag *there =
            had > 0 ? bsearch(&t, m->tags, had, sizeof(*m->tags), compare_tags) : NULL;
        if (there != NULL && t.foreign)
            there->was = t.was;
        if (there != NULL) {
            there->becomes = t.becomes;
            continue;
        }
        bool split = split_name(rf_xasprintf("%s:%s", list[i].repository, list[i].tag), &t);
        RF_CHECK(split);
        add_tag(m, &t);
    }
    if (m->n > 1)
        qsort(m->tags, m->n, sizeof(*m->tags), compare_tags);
}

static uint64_t number_of(const struct rf_import_state *s, const struct rf_import_record *r)
{
    return r != NULL ? (uint64_t)(r - s->records) + 1 : 0;
}

/*
 * What an interrupted run of the same bundle saved, or an earlier run of the bundle that was applied last, says how the tags were before any of them, and
 * goes on. A map from before other bundles came in between, or of a bundle that was taken back since, says nothing any more.
 */
int rf_import_state_save_tags(struct rf_import_state *s, const struct rf_bundle *b, const char *to,
                              const struct rf_old_tag *tags, size_t n, struct rf_err *err)
{
    RF_CLEANUP(rf_tag_map_release) struct rf_tag_map m;
    const struct rf_import_record *last = rf_import_state_last(s, to);
    const struct rf_import_record *below = rf_import_state_below(s, to, &b->id);
    struct rf_digest before = { 0 };
    uint64_t after = number_of(s, below);
    char now[32];
    if (below != NULL)
        before = below->id;
    rf_tag_map_init(&m);
    int rc = rf_tag_map_load(s, &b->id, to, &m, NULL);
    if (rc < 0 || m.taken_back || m.after != after || !rf_digest_eq(&m.before, &before)) {
        rf_tag_map_release(&m);
        m.bundle = b->id;
        m.before = before;
        m.after = after;
        m.to = rf_xstrdup(to);
        /* the map of the bundle that stands is lost: what moves now is not all that it moved, and must not be taken for it */
        if (rc < 0 && last != NULL && rf_digest_eq(&last->id, &b->id))
            m.before = b->id;
    }
    free(m.time);
    m.time = rf_xstrdup(rf_text_time(time(NULL), now));
    add_new(&m, tags, n);
    return rf_tag_map_store(s, &m, err);
}

/* ---- all of them ---- */

void rf_tag_map_visit(const struct rf_import_state *s, const char *to,
                      void (*each)(void *ctx, const struct rf_tag_map *m), void *ctx)
{
    RF_CLEANUP(rf_freep) char *folder = rf_path_join(s->dir, "tags");
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        RF_CLEANUP(rf_freep) char *path = rf_path_join(folder, e->d_name);
        RF_CLEANUP(rf_tag_map_release) struct rf_tag_map one;
        rf_tag_map_init(&one);
        if (e->d_name[0] != '.' && load_file(path, &one, NULL) == 0 && strcmp(one.to, to) == 0)
            each(ctx, &one);
    }
    closedir(dir);
}

/* ---- what was interrupted ---- */

static bool is_better(const struct rf_tag_map *a, const struct rf_tag_map *than)
{
    if (than->to == NULL || a->taken_back != than->taken_back)
        return than->to == NULL || than->taken_back;
    int c = strcmp(a->time, than->time);
    return c != 0 ? c > 0 : rf_digest_cmp(&a->bundle, &than->bundle) > 0;
}

static bool is_open(const struct rf_import_state *s, const char *to, const struct rf_tag_map *m)
{
    const struct rf_import_record *top = rf_import_state_last(s, to);
    if (m->to == NULL || strcmp(m->to, to) != 0 || m->after != number_of(s, top))
        return false;
    return top == NULL ||
           (rf_digest_eq(&m->before, &top->id) && !rf_digest_eq(&m->bundle, &top->id));
}

int rf_tag_map_find_unfinished(const struct rf_import_state *s, const char *to,
                               struct rf_tag_map *m, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *folder = rf_path_join(s->dir, "tags");
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return rf_fail(err, errno == ENOENT ? RFE_NOT_FOUND : errno, "%s: %s", folder,
                       strerror(errno));
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        RF_CLEANUP(rf_freep) char *path = rf_path_join(folder, e->d_name);
        struct rf_tag_map one;
        rf_tag_map_init(&one);
        if (e->d_name[0] != '.' && load_file(path, &one, NULL) == 0 && is_open(s, to, &one) &&
            is_better(&one, m)) {
            rf_tag_map_release(m);
            *m = one;
        } else {
            rf_tag_map_release(&one);
        }
    }
    closedir(dir);
    return m->to != NULL ? 0 : rf_fail(err, RFE_NOT_FOUND, "%s: nothing was interrupted", folder);
}
