/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/oci_index.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/text.h"
#include "layout/place.h"
#include "manifests/reference.h"
#include "manifests/strict.h"

#define LAYOUT_VERSION "1.0.0"
#define NAME_SHOWN 255

/* A manifest of the index that has a subject. */
struct subject {
    struct rf_digest of;
    size_t entry;
    struct rf_descriptor desc;
};

struct rf_oci_hidden {
    atomic_uint refs;
    pthread_mutex_t lock; /* guards what is below */
    bool have_subjects;
    struct subject *subjects;
    size_t n_subjects, cap_subjects;
};

/* ---- life ---- */

static void drop_subjects(struct rf_oci_hidden *h)
{
    for (size_t i = 0; i < h->n_subjects; i++)
        rf_descriptor_release(&h->subjects[i].desc);
    rf_freep(&h->subjects);
    h->n_subjects = h->cap_subjects = 0;
}

struct rf_oci_index *rf_oci_index_ref(struct rf_oci_index *ix)
{
    atomic_fetch_add(&ix->hidden->refs, 1);
    return ix;
}

void rf_oci_index_unref(struct rf_oci_index *ix)
{
    if (ix == NULL || atomic_fetch_sub(&ix->hidden->refs, 1) != 1)
        return;
    drop_subjects(ix->hidden);
    (void)pthread_mutex_destroy(&ix->hidden->lock);
    free(ix->hidden);
    free(ix->entries);
    json_decref(ix->doc);
    free(ix);
}

void rf_oci_index_unrefp(struct rf_oci_index **ix)
{
    rf_oci_index_unref(*ix);
    *ix = NULL;
}

/* ---- reading ---- */

int rf_oci_layout_check(struct rf_slice text, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    const char *version = NULL;
    int rc = rf_json_parse(text, 64 << 10, &doc, err);
    if (rc >= 0)
        rc = rf_json_string(doc, "imageLayoutVersion", "", RF_JSON_REQUIRED, &version, err);
    if (rc < 0)
        return rf_wrap(err, rc, "oci-layout");
    if (strcmp(version, LAYOUT_VERSION) == 0)
        return 0;
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(version), 32);
    return rf_fail(err, RFE_UNSUPPORTED, "oci-layout: version \"%s\", only %s is known", shown,
                   LAYOUT_VERSION);
}

static int read_entry(const json_t *item, size_t i, struct rf_oci_entry *e, struct rf_err *err)
{
    char path[48];
    (void)snprintf(path, sizeof(path), "manifests[%zu]", i);
    /* Checked in full here, so that nothing malformed is met later. */
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    int rc = rf_descriptor_from_json(item, path, &d, err);
    if (rc < 0)
        return rc;
    e->digest = d.digest;
    e->size = d.size;
    if (d.media_type != NULL)
        e->media_type = json_string_value(json_object_get(item, "mediaType"));
    e->name = json_string_value(
        json_object_get(json_object_get(item, "annotations"), RF_ANNOTATION_REF_NAME));
    return 0;
}

/* Takes both over. */
static struct rf_oci_index *index_new(json_t *doc, struct rf_oci_entry *entries, size_t n)
{
    struct rf_oci_index *ix = rf_xcalloc(1, sizeof(*ix));
    ix->hidden = rf_xcalloc(1, sizeof(*ix->hidden));
    atomic_init(&ix->hidden->refs, 1);
    (void)pthread_mutex_init(&ix->hidden->lock, NULL);
    ix->doc = doc;
    ix->entries = entries;
    ix->n = n;
    return ix;
}

static int check_top(const json_t *doc, struct rf_err *err)
{
    static const char *const keys[] = { "schemaVersion", "mediaType", "artifactType",
                                        "manifests",     "subject",   "annotations" };
    uint64_t version = 0;
    if (!json_is_object(doc))
        return rf_fail(err, RFE_INVALID, "not an object");
    int rc = rf_strict_keys(doc, "", keys, RF_ARRAY_LEN(keys), err);
    if (rc == 0)
        rc = rf_json_u64(doc, "schemaVersion", "", RF_JSON_REQUIRED, &version, err);
    if (rc == 0 && version != 2)
        rc = rf_fail(err, RFE_UNSUPPORTED, "schemaVersion %llu, only 2 is known",
                     (unsigned long long)version);
    return rc;
}

static int read_index(struct rf_slice bytes, struct rf_oci_index **out, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    const json_t *list = NULL;
    int rc = rf_json_parse(bytes, RF_OCI_INDEX_MAX, &doc, err);
    if (rc == 0)
        rc = check_top(doc, err);
    if (rc == 0)
        rc = rf_json_array(doc, "manifests", "", RF_JSON_OPTIONAL, RF_OCI_INDEX_ENTRIES_MAX, &list,
                           err);
    if (rc < 0)
        return rc;
    size_t n = list != NULL ? json_array_size(list) : 0;
    RF_CLEANUP(rf_freep) struct rf_oci_entry *entries = rf_xcalloc(n, sizeof(*entries));
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = read_entry(json_array_get(list, i), i, &entries[i], err);
    if (rc == 0)
        *out = index_new(RF_STEAL(doc), RF_STEAL(entries), n);
    return rc;
}

int rf_oci_index_parse(struct rf_slice bytes, struct rf_oci_index **out, struct rf_err *err)
{
    int rc = read_index(bytes, out, err);
    return rc < 0 ? rf_wrap(err, rc, "index.json") : 0;
}

struct rf_oci_index *rf_oci_index_empty(void)
{
    static const char text[] =
        "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX "\",\"manifests\":[]}";
    struct rf_oci_index *ix = NULL;
    if (rf_oci_index_parse(rf_slice_str(text), &ix, NULL) < 0)
        RF_BUG("the empty index does not parse");
    return ix;
}

void rf_oci_index_format(const struct rf_oci_index *ix, struct rf_buf *out)
{
    rf_json_add_value(out, ix->doc, false);
}

int rf_oci_index_descriptor(const struct rf_oci_index *ix, size_t i, struct rf_descriptor *out,
                            struct rf_err *err)
{
    RF_CHECK(i < ix->n);
    return rf_descriptor_from_json(json_array_get(json_object_get(ix->doc, "manifests"), i),
                                   "index.json", out, err);
}

/* ---- searching ---- */

const char *rf_oci_name_tag(const char *name, size_t *repo_len)
{
    const char *colon = strrchr(name, ':');
    if (colon != NULL && colon != name && rf_tag_valid(rf_slice_str(colon + 1))) {
        *repo_len = (size_t)(colon - name);
        return colon + 1;
    }
    *repo_len = 0;
    return name;
}

static int fail_tag(const char *tag, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(tag), NAME_SHOWN);
    return rf_fail(err, RFE_NOT_FOUND, "no tag %s", shown);
}

static size_t find_name(const struct rf_oci_index *ix, const char *name)
{
    for (size_t i = 0; i < ix->n; i++)
        if (ix->entries[i].name != NULL && strcmp(ix->entries[i].name, name) == 0)
            return i;
    return ix->n;
}

/* A name in full that ends in ":tag". */
static bool ends_in_tag(const struct rf_oci_entry *e, const char *tag)
{
    size_t repo_len = 0;
    return e->name != NULL && strcmp(rf_oci_name_tag(e->name, &repo_len), tag) == 0 && repo_len > 0;
}

static int find_suffix(const struct rf_oci_index *ix, const char *tag, size_t *i,
                       struct rf_err *err)
{
    size_t found = ix->n;
    for (size_t k = 0; k < ix->n; k++) {
        if (!ends_in_tag(&ix->entries[k], tag))
            continue;
        if (found == ix->n) {
            found = k;
        } else if (!rf_digest_eq(&ix->entries[k].digest, &ix->entries[found].digest)) {
            RF_CLEANUP(rf_freep)
            char *a = rf_text_safe_dup(rf_slice_str(ix->entries[found].name), NAME_SHOWN);
            RF_CLEANUP(rf_freep)
            char *b = rf_text_safe_dup(rf_slice_str(ix->entries[k].name), NAME_SHOWN);
            return rf_fail(err, RFE_AMBIGUOUS, "tag %s may be %s or %s", tag, a, b);
        }
    }
    if (found == ix->n)
        return fail_tag(tag, err);
    *i = found;
    return 0;
}

int rf_oci_index_find(const struct rf_oci_index *ix, const char *repo, const char *tag, size_t *i,
                      struct rf_err *err)
{
    if (repo[0] != '\0') {
        RF_CLEANUP(rf_freep) char *name = rf_xasprintf("%s:%s", repo, tag);
        size_t at = find_name(ix, name);
        if (at == ix->n)
            return fail_tag(name, err);
        *i = at;
        return 0;
    }
    size_t at = find_name(ix, tag);
    if (at == ix->n)
        return find_suffix(ix, tag, i, err);
    *i = at;
    return 0;
}

size_t rf_oci_index_find_digest(const struct rf_oci_index *ix, const struct rf_digest *d)
{
    for (size_t i = 0; i < ix->n; i++)
        if (rf_digest_eq(&ix->entries[i].digest, d))
            return i;
    return ix->n;
}

/* ---- editing ---- */

/* The moment that new entries carry: now, or what the environment fixes for reproducible layouts (upstream's spelling works too). */
static void created_text(char out[32])
{
    static const char *const names[] = { "SOURCE_DATE_EPOCH", "SOURCE_DATE_EPOC" };
    for (size_t i = 0; i < RF_ARRAY_LEN(names); i++) {
        const char *text = getenv(names[i]);
        uint64_t seconds = 0;
        /* Up to the end of the year 9999. */
        if (text != NULL && rf_parse_u64(rf_slice_str(text), 253402300799U, &seconds, NULL) == 0) {
            (void)rf_text_time((time_t)seconds, out);
            return;
        }
    }
    (void)rf_text_time(time(NULL), out);
}

static json_t *new_entry(const char *tag, const struct rf_manifest *m)
{
    char digest[RF_DIGEST_TEXT], created[32];
    json_t *e = json_pack("{s:s, s:s, s:I}", "mediaType", m->media_type, "digest",
                          rf_digest_text(&m->digest, digest), "size", (json_int_t)m->body.len);
    if (e == NULL || tag == NULL)
        return e;
    created_text(created);
    json_t *a =
        json_pack("{s:s, s:s}", RF_ANNOTATION_CREATED, created, RF_ANNOTATION_REF_NAME, tag);
    if (json_object_set_new(e, "annotations", a) == 0)
        return e;
    json_decref(e);
    return NULL;
}

/*
 * An index on its way: entries of the old one, which are shared, and new ones. Numbers are those of `list` and `entries` alike.
 */
struct draft {
    const struct rf_oci_index *from;
    json_t *list;
    struct rf_oci_entry *entries;
    size_t n;
    bool failed; /* no memory */
};

static void draft_release(struct draft *d)
{
    json_decref(d->list);
    d->list = NULL;
    rf_freep(&d->entries);
}

/* With room for one more. */
static struct draft draft_of(const struct rf_oci_index *ix)
{
    struct draft d = { .from = ix, .list = json_array() };
    d.entries = rf_xcalloc(ix->n + 1, sizeof(*d.entries));
    d.failed = d.list == NULL;
    return d;
}

static void draft_keep(struct draft *d, size_t i)
{
    const json_t *old = json_object_get(d->from->doc, "manifests");
    d->failed = d->failed || json_array_append(d->list, json_array_get(old, i)) < 0;
    d->entries[d->n++] = d->from->entries[i];
}

static void draft_add(struct draft *d, const char *tag, const struct rf_manifest *m)
{
    json_t *item = new_entry(tag, m);
    d->failed = d->failed || json_array_append_new(d->list, item) < 0;
    if (d->failed)
        return;
    d->entries[d->n++] = (struct rf_oci_entry){
        .digest = m->digest,
        .size = m->body.len,
        .media_type = json_string_value(json_object_get(item, "mediaType")),
        .name = json_string_value(
            json_object_get(json_object_get(item, "annotations"), RF_ANNOTATION_REF_NAME)),
    };
}

static int draft_finish(struct draft *d, struct rf_oci_index **out, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = d->failed ? NULL : json_copy(d->from->doc);
    if (doc == NULL || json_object_set(doc, "manifests", d->list) < 0)
        return rf_fail(err, ENOMEM, "out of memory");
    *out = index_new(RF_STEAL(doc), RF_STEAL(d->entries), d->n);
    return 0;
}

static int check_room(const struct rf_oci_index *ix, struct rf_err *err)
{
    if (ix->n < RF_OCI_INDEX_ENTRIES_MAX)
        return 0;
    return rf_fail(err, RFE_TOO_LARGE, "index.json has %d entries already",
                   RF_OCI_INDEX_ENTRIES_MAX);
}

static bool is_named(const struct rf_oci_entry *e, const char *name)
{
    return e->name != NULL && strcmp(e->name, name) == 0;
}

static int put_untagged(const struct rf_oci_index *ix, const struct rf_manifest *m,
                        struct rf_oci_index **out, struct rf_err *err)
{
    *out = NULL;
    if (rf_oci_index_find_digest(ix, &m->digest) < ix->n)
        return 0;
    int rc = check_room(ix, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(draft_release) struct draft d = draft_of(ix);
    for (size_t i = 0; i < ix->n; i++)
        draft_keep(&d, i);
    draft_add(&d, NULL, m);
    return draft_finish(&d, out, err);
}

int rf_oci_index_put(const struct rf_oci_index *ix, const char *tag, const struct rf_manifest *m,
                     struct rf_oci_index **out, struct rf_err *err)
{
    if (tag == NULL)
        return put_untagged(ix, m, out, err);
    size_t at = find_name(ix, tag), more = 0;
    for (size_t i = at + 1; i < ix->n; i++)
        more += is_named(&ix->entries[i], tag);
    *out = NULL;
    if (at < ix->n && more == 0 && rf_digest_eq(&ix->entries[at].digest, &m->digest))
        return 0;
    int rc = at == ix->n ? check_room(ix, err) : 0;
    if (rc < 0)
        return rc;
    RF_CLEANUP(draft_release) struct draft d = draft_of(ix);
    for (size_t i = 0; i < ix->n; i++) {
        if (i == at && !rf_digest_eq(&ix->entries[i].digest, &m->digest))
            draft_add(&d, tag, m);
        else if (i == at || !is_named(&ix->entries[i], tag))
            draft_keep(&d, i);
    }
    if (at == ix->n)
        draft_add(&d, tag, m);
    return draft_finish(&d, out, err);
}

int rf_oci_index_remove_tag(const struct rf_oci_index *ix, const char *tag,
                            struct rf_oci_index **out, struct rf_err *err)
{
    bool exact = find_name(ix, tag) < ix->n;
    RF_CLEANUP(draft_release) struct draft d = draft_of(ix);
    for (size_t i = 0; i < ix->n; i++) {
        const struct rf_oci_entry *e = &ix->entries[i];
        if (exact ? !is_named(e, tag) : !ends_in_tag(e, tag))
            draft_keep(&d, i);
    }
    return d.n == ix->n ? fail_tag(tag, err) : draft_finish(&d, out, err);
}

int rf_oci_index_remove_digest(const struct rf_oci_index *ix, const struct rf_digest *digest,
                               struct rf_oci_index **out, struct rf_err *err)
{
    *out = NULL;
    if (rf_oci_index_find_digest(ix, digest) == ix->n)
        return 0;
    RF_CLEANUP(draft_release) struct draft d = draft_of(ix);
    for (size_t i = 0; i < ix->n; i++)
        if (!rf_digest_eq(&ix->entries[i].digest, digest))
            draft_keep(&d, i);
    return draft_finish(&d, out, err);
}

static void draft_unname(struct draft *d, size_t i)
{
    const json_t *old = json_array_get(json_object_get(d->from->doc, "manifests"), i);
    RF_CLEANUP(rf_json_decrefp) json_t *item = json_copy((json_t *)(uintptr_t)old);
    RF_CLEANUP(rf_json_decrefp)
    json_t *notes = json_copy(json_object_get(item, "annotations"));
    d->failed = d->failed || notes == NULL;
    if (d->failed)
        return;
    (void)json_object_del(notes, RF_ANNOTATION_REF_NAME);
    if (json_object_size(notes) == 0)
        (void)json_object_del(item, "annotations");
    else
        d->failed = json_object_set(item, "annotations", notes) < 0;
    d->failed = d->failed || json_array_append(d->list, item) < 0;
    d->entries[d->n] = d->from->entries[i];
    d->entries[d->n++].name = NULL;
}

int rf_oci_index_sift(const struct rf_oci_index *ix, rf_oci_judge judge, void *ctx,
                      struct rf_oci_index **out, struct rf_err *err)
{
    RF_CLEANUP(draft_release) struct draft d = draft_of(ix);
    bool changed = false;
    *out = NULL;
    for (size_t i = 0; i < ix->n && !d.failed; i++) {
        enum rf_oci_fate fate = judge(ctx, &ix->entries[i]);
        if (fate == RF_OCI_UNNAME && ix->entries[i].name == NULL)
            fate = RF_OCI_KEEP;
        if (fate == RF_OCI_UNNAME)
            draft_unname(&d, i);
        else if (fate != RF_OCI_DROP)
            draft_keep(&d, i);
        changed = changed || fate != RF_OCI_KEEP;
    }
    return changed ? draft_finish(&d, out, err) : 0;
}

/* ---- referrers ---- */

void rf_oci_referrer_descriptor(const struct rf_manifest *m, struct rf_descriptor *out)
{
    rf_manifest_descriptor(m, out);
    if (out->annotations == NULL)
        out->annotations = json_incref(m->annotations);
}

/* The manifest of an entry; *out stays NULL, and all is well, when it is not here or no manifest. */
static int load_entry(const struct rf_oci_entry *e, rf_oci_load load, void *ctx,
                      struct rf_manifest **out, struct rf_err *err)
{
    struct rf_manifest_expect expect = { .digest = &e->digest,
                                         .size = e->size,
                                         .media_type = e->media_type };
    struct rf_err failure = RF_ERR_INIT;
    int rc = load(ctx, &e->digest, &expect, out, &failure);
    /* Layouts may leave blobs to other stores; what says nothing of its kind may be anything. */
    if (rc == -RFE_NOT_FOUND || (rc == -RFE_INVALID && e->media_type == NULL))
        return 0;
    if (rc < 0 && err != NULL)
        *err = failure;
    return rc;
}

static int load_subject(struct rf_oci_index *ix, size_t i, rf_oci_load load, void *ctx,
                        struct rf_err *err)
{
    struct rf_oci_hidden *h = ix->hidden;
    const struct rf_oci_entry *e = &ix->entries[i];
    if (e->media_type != NULL && !rf_media_is_manifest(e->media_type))
        return 0;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    int rc = load_entry(e, load, ctx, &m, err);
    if (rc < 0 || m == NULL)
        return rc;
    if (!m->has_subject)
        return 0;
    h->subjects = rf_grow(h->subjects, h->n_subjects, &h->cap_subjects, sizeof(*h->subjects));
    struct subject *s = &h->subjects[h->n_subjects++];
    *s = (struct subject){ .of = m->subject.digest, .entry = i };
    rf_oci_referrer_descriptor(m, &s->desc);
    return 0;
}

static int load_subjects(struct rf_oci_index *ix, rf_oci_load load, void *ctx, struct rf_err *err)
{
    struct rf_oci_hidden *h = ix->hidden;
    int rc = 0;
    (void)pthread_mutex_lock(&h->lock);
    if (!h->have_subjects) {
        for (size_t i = 0; i < ix->n && rc == 0; i++)
            rc = load_subject(ix, i, load, ctx, err);
        if (rc < 0)
            drop_subjects(h);
        else
            h->have_subjects = true;
    }
    (void)pthread_mutex_unlock(&h->lock);
    return rc;
}

static bool in_repo(const struct rf_oci_entry *e, const char *repo)
{
    if (repo[0] == '\0')
        return true;
    size_t repo_len = 0;
    if (e->name == NULL)
        return false;
    (void)rf_oci_name_tag(e->name, &repo_len);
    return strlen(repo) == repo_len && strncmp(repo, e->name, repo_len) == 0;
}

static int list_fallback(struct rf_oci_index *ix, size_t i, rf_oci_load load, void *load_ctx,
                         int (*cb)(void *ctx, const struct rf_descriptor *d, struct rf_err *err),
                         void *ctx, struct rf_err *err)
{
    const struct rf_oci_entry *e = &ix->entries[i];
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    int rc = load_entry(e, load, load_ctx, &m, err);
    if (rc < 0 || m == NULL)
        return rc;
    if (m->kind != RF_KIND_INDEX)
        return 0;
    for (size_t k = 0; k < m->n_entries; k++) {
        rc = cb(ctx, &m->entries[k], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int rf_oci_index_referrers(struct rf_oci_index *ix, const char *repo,
                           const struct rf_digest *subject, rf_oci_load load, void *load_ctx,
                           int (*cb)(void *ctx, const struct rf_descriptor *d, struct rf_err *err),
                           void *ctx, struct rf_err *err)
{
    char tag[RF_DIGEST_TEXT];
    rf_fallback_tag(subject, tag);
    for (size_t i = 0; i < ix->n; i++) {
        const struct rf_oci_entry *e = &ix->entries[i];
        size_t repo_len = 0;
        if (e->name == NULL || !in_repo(e, repo) ||
            strcmp(rf_oci_name_tag(e->name, &repo_len), tag) != 0)
            continue;
        int rc = list_fallback(ix, i, load, load_ctx, cb, ctx, err);
        if (rc < 0)
            return rc;
    }
    int rc = load_subjects(ix, load, load_ctx, err);
    /* From here on the list does not change any more, so the calls need no lock. */
    for (size_t i = 0; i < ix->hidden->n_subjects && rc == 0; i++) {
        const struct subject *s = &ix->hidden->subjects[i];
        if (rf_digest_eq(&s->of, subject) && in_repo(&ix->entries[s->entry], repo))
            rc = cb(ctx, &s->desc, err);
    }
    return rc < 0 ? rc : 0;
}
