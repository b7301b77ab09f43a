/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/import/helper_import.h"

#include <dirent.h>
#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "layout/oci_dir.h"

/* ---- bundles ---- */

static bool has_word(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = words; (at = strstr(at, word)) != NULL; at += n)
        if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    return false;
}

/* The blob for one more repository; made when it is not there yet. */
static void add_blob(struct made *m, enum rf_blob_kind kind, const struct rf_digest *d,
                     const char *media_type, const char *repository, const char *from)
{
    for (size_t i = 0; i < m->b.n_blobs; i++) {
        struct rf_bundle_blob *b = &m->b.blobs[i];
        if (!rf_digest_eq(&b->digest, d))
            continue;
        /* its list again behind the others, with the new one; sealing drops what stands twice */
        uint32_t first = (uint32_t)m->b.n_lists;
        for (uint32_t k = 0; k < b->n_repos; k++) {
            m->b.lists = rf_grow(m->b.lists, m->b.n_lists, &m->b.cap_lists, sizeof(uint32_t));
            m->b.lists[m->b.n_lists++] = m->b.lists[b->first_repo + k];
        }
        m->b.lists = rf_grow(m->b.lists, m->b.n_lists, &m->b.cap_lists, sizeof(uint32_t));
        m->b.lists[m->b.n_lists++] = made_repository(m, repository);
        b->first_repo = first;
        b->n_repos++;
        return;
    }
    made_blob(m, kind, d, media_type, repository, from);
}

static struct rf_manifest *image_of(const char *config, const char *layers, const char *extra)
{
    const char *words[32];
    char *copy = rf_xstrdup(layers), *rest = copy, *word;
    size_t n = 0;
    while ((word = strsep(&rest, " ")) != NULL && n + 1 < RF_ARRAY_LEN(words))
        if (word[0] != '\0')
            words[n++] = word;
    words[n] = NULL;
    struct rf_manifest *m = make_image(config, words, extra);
    free(copy);
    return m;
}

static void add_content(struct made *m, const struct rf_manifest *image, const char *config,
                        const char *layers, const char *repository, const char *assumed,
                        const char *from)
{
    char *copy = rf_xstrdup(layers), *rest = copy, *word;
    struct rf_digest c = made_content(m, RF_DIGEST_SHA256, config);
    struct rf_digest d = made_content(m, RF_DIGEST_SHA256, image->body.ptr);
    add_blob(m, RF_BLOB_MANIFEST, &d, image->media_type, repository,
             has_word(assumed, "manifest") ? from : NULL);
    add_blob(m, RF_BLOB_CONFIG, &c, RF_MT_OCI_CONFIG, repository,
             has_word(assumed, config) ? from : NULL);
    while ((word = strsep(&rest, " ")) != NULL) {
        if (word[0] == '\0')
            continue;
        struct rf_digest l = made_content(m, RF_DIGEST_SHA256, word);
        add_blob(m, RF_BLOB_LAYER, &l, RF_MT_OCI_LAYER, repository,
                 has_word(assumed, word) ? from : NULL);
    }
    free(copy);
}

struct rf_digest add_image(struct made *m, const char *repository, const char *tag,
                           const char *config, const char *layers, enum rf_image_status status,
                           const char *assumed, const char *from)
{
    struct rf_manifest *image = image_of(config, layers, "");
    add_content(m, image, config, layers, repository, assumed != NULL ? assumed : "", from);
    struct rf_digest d = image->digest;
    made_image(m, repository, tag, &d, image->media_type, status, "r.example/x:1");
    rf_manifest_free(image);
    return d;
}

struct rf_digest add_line(struct made *m, const char *repository, const char *tag,
                          const char *config, const char *layers, enum rf_image_status status)
{
    struct rf_manifest *image = image_of(config, layers, "");
    struct rf_digest d = made_content(m, RF_DIGEST_SHA256, image->body.ptr);
    made_image(m, repository, tag, &d, image->media_type, status, "r.example/x:1");
    rf_manifest_free(image);
    return d;
}

struct rf_digest add_index(struct made *m, const char *repository, const char *tag,
                           const char *prefix, unsigned n, unsigned chosen)
{
    struct rf_manifest *children[16] = { NULL };
    struct rf_digest digests[16];
    for (unsigned i = 0; i < n; i++) {
        char *text = rf_xasprintf("%s-%c", prefix, (char)('a' + i));
        children[i] = image_of(text, text, "");
        digests[i] = children[i]->digest;
        if (chosen == 0 || i < chosen)
            add_content(m, children[i], text, text, repository, "", NULL);
        free(text);
    }
    struct rf_manifest *index = make_index((const struct rf_manifest *const *)children, "");
    struct rf_digest d = made_content(m, RF_DIGEST_SHA256, index->body.ptr);
    add_blob(m, RF_BLOB_MANIFEST, &d, index->media_type, repository, NULL);
    struct rf_image *im =
        made_image(m, repository, tag, &d, index->media_type, RF_IMAGE_NEW, "r.example/x:1");
    if (chosen > 0) {
        uint32_t first = rf_desired_add_digests(&m->b.desired, digests, chosen);
        im->first_child = first;
        im->n_children = chosen;
    }
    for (unsigned i = 0; i < n; i++)
        rf_manifest_free(children[i]);
    rf_manifest_free(index);
    return d;
}

struct rf_digest add_referrer(struct made *m, const char *repository,
                              const struct rf_digest *subject, uint64_t subject_size,
                              const char *layer)
{
    char text[RF_DIGEST_TEXT];
    char *extra = rf_xasprintf(
        ",\"artifactType\":\"application/vnd.test.sig\",\"subject\":{\"mediaType\":\"" RF_MT_OCI_MANIFEST
        "\",\"digest\":\"%s\",\"size\":%llu}",
        rf_digest_text(subject, text), (unsigned long long)subject_size);
    struct rf_manifest *image = image_of("{}", layer, extra);
    add_content(m, image, "{}", layer, repository, "", NULL);
    struct rf_digest d = image->digest;
    made_image(m, repository, "", &d, image->media_type, RF_IMAGE_NEW, "r.example/x:1");
    rf_manifest_free(image);
    free(extra);
    return d;
}

void add_base(struct made *m, const char *name)
{
    m->b.bases[m->b.n_bases++] = digest_of(name);
}

char *written(struct made *m, const char *path)
{
    made_seal(m);
    made_write(m, path);
    return rf_xstrdup(path);
}

/* ---- the destination ---- */

static struct watched *watched_of(struct rf_place *p)
{
    return (struct watched *)p;
}

static int note_write(struct watched *w, const char *what, const char *repo, const char *tag,
                      const struct rf_digest *d, struct rf_err *err)
{
    pthread_mutex_lock(&w->lock);
    int rc = w->before_write != NULL ? w->before_write(w, what, repo, tag, d, err) : 0;
    if (rc == 0) {
        w->n_writes++;
        rf_buf_addf(&w->log, "%s %s%s%s\n", what, repo, tag != NULL ? ":" : "",
                    tag != NULL ? tag : "");
    }
    pthread_mutex_unlock(&w->lock);
    return rc;
}

static void note_read(struct watched *w)
{
    pthread_mutex_lock(&w->lock);
    w->n_reads++;
    pthread_mutex_unlock(&w->lock);
}

static int watch_resolve(struct rf_place *p, const char *repo, const char *tag,
                         const struct rf_digest *digest, struct rf_descriptor *out,
                         struct rf_err *err)
{
    note_read(watched_of(p));
    return rf_place_resolve(watched_of(p)->inner, repo, tag, digest, out, err);
}

static int watch_get_manifest(struct rf_place *p, const char *repo, const char *tag,
                              const struct rf_digest *digest,
                              const struct rf_manifest_expect *expect, struct rf_manifest **out,
                              struct rf_err *err)
{
    note_read(watched_of(p));
    return rf_place_get_manifest(watched_of(p)->inner, repo, tag, digest, expect, out, err);
}

static int watch_put_manifest(struct rf_place *p, const char *repo, const char *tag,
                              const struct rf_manifest *m, unsigned flags, struct rf_err *err)
{
    int rc =
        note_write(watched_of(p), tag != NULL ? "tag" : "manifest", repo, tag, &m->digest, err);
    return rc < 0 ? rc : rf_place_put_manifest(watched_of(p)->inner, repo, tag, m, flags, err);
}

static int watch_probe_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                            uint64_t size, enum rf_probe how, struct rf_err *err)
{
    note_read(watched_of(p));
    return rf_place_probe_blob(watched_of(p)->inner, repo, digest, size, how, err);
}

static int watch_get_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                          uint64_t size, uint64_t offset, struct rf_sink *sink, struct rf_err *err)
{
    return rf_place_get_blob(watched_of(p)->inner, repo, digest, size, offset, NULL, sink, err);
}

static int watch_put_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                          uint64_t size, struct rf_source *src, struct rf_err *err)
{
    int rc = note_write(watched_of(p), "blob", repo, NULL, digest, err);
    return rc < 0 ? rc : rf_place_put_blob(watched_of(p)->inner, repo, digest, size, src, err);
}

static int watch_open_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                           uint64_t size, struct rf_source **out, struct rf_err *err)
{
    return rf_place_open_blob(watched_of(p)->inner, repo, digest, size, out, err);
}

static int watch_mount(struct rf_place *p, const char *repo, const char *from_repo,
                       const struct rf_digest *digest, uint64_t size, struct rf_err *err)
{
    if (watched_of(p)->no_mount)
        return rf_fail(err, RFE_UNSUPPORTED, "no mounts here");
    int rc = rf_place_mount(watched_of(p)->inner, repo, from_repo, digest, size, err);
    return rc < 0 ? rc : note_write(watched_of(p), "mount", repo, NULL, digest, err);
}

static int watch_list_tags(struct rf_place *p, const char *repo, rf_place_tag_cb cb, void *ctx,
                           struct rf_err *err)
{
    return rf_place_list_tags(watched_of(p)->inner, repo, cb, ctx, err);
}

static int watch_referrers(struct rf_place *p, const char *repo, const struct rf_digest *subject,
                           const char *artifact_type, rf_place_desc_cb cb, void *ctx,
                           struct rf_err *err)
{
    return rf_place_referrers(watched_of(p)->inner, repo, subject, artifact_type, cb, ctx, err);
}

static int watch_delete_tag(struct rf_place *p, const char *repo, const char *tag,
                            struct rf_err *err)
{
    int rc = note_write(watched_of(p), "delete", repo, tag, NULL, err);
    return rc < 0 ? rc : rf_place_delete_tag(watched_of(p)->inner, repo, tag, err);
}

static int watch_hold(struct rf_place *p, const char *repo, struct rf_err *err)
{
    watched_of(p)->held++;
    return rf_place_hold(watched_of(p)->inner, repo, err);
}

static void watch_unhold(struct rf_place *p, const char *repo)
{
    watched_of(p)->held--;
    rf_place_unhold(watched_of(p)->inner, repo);
}

static const struct rf_place_ops watch_ops = {
    .resolve = watch_resolve,
    .get_manifest = watch_get_manifest,
    .put_manifest = watch_put_manifest,
    .probe_blob = watch_probe_blob,
    .get_blob = watch_get_blob,
    .put_blob = watch_put_blob,
    .open_blob = watch_open_blob,
    .mount = watch_mount,
    .list_tags = watch_list_tags,
    .referrers = watch_referrers,
    .delete_tag = watch_delete_tag,
    .hold = watch_hold,
    .unhold = watch_unhold,
};

void watched_open(struct watched *w)
{
    struct rf_err err = RF_ERR_INIT;
    memset(w, 0, sizeof(*w));
    expect_ok(rf_oci_dir_open("far", RF_OCI_DIR_CREATE | RF_OCI_DIR_TREE, &w->inner, &err), err);
    w->base = (struct rf_place){ .ops = &watch_ops, .name = w->inner->name };
    w->base.flags = w->inner->flags;
    rf_buf_init(&w->log, 0);
    pthread_mutex_init(&w->lock, NULL);
}

void watched_close(struct watched *w)
{
    ck_assert_uint_eq(w->held, 0);
    rf_place_free(w->inner);
    rf_buf_release(&w->log);
    pthread_mutex_destroy(&w->lock);
}

void watched_clear(struct watched *w)
{
    rf_buf_clear(&w->log);
    w->n_writes = w->n_reads = 0;
}

void request_of(struct rf_import_request *req, struct watched *w, const struct how *how)
{
    static const struct how usual = { 0 };
    if (how == NULL)
        how = &usual;
    *req =
        (struct rf_import_request){ .to = &w->base,
                                    .to_name = "far",
                                    .prefix = how->prefix != NULL ? how->prefix : "",
                                    .state_dir = how->state != NULL ? how->state : "import-state",
                                    .site = how->site,
                                    .receipt = how->receipt,
                                    .allow_unsigned = !how->signed_only,
                                    .allow_older = how->older,
                                    .stream = how->stream,
                                    .complete_only = how->complete,
                                    .check =
                                        how->manifests_only ? RF_CHECK_MANIFESTS : RF_CHECK_BLOBS,
                                    .parallel = how->parallel > 0 ? how->parallel : 2 };
}

void apply(struct applied *a, struct watched *w, const char *path, const struct how *how)
{
    static struct rf_import_request req;
    memset(a, 0, sizeof(*a));
    request_of(&req, w, how);
    rf_import_result_init(&a->result);
    a->rc = rf_import_apply(&req, path, &a->result, &a->err);
}

void plan(struct applied *a, struct watched *w, const char *path, const struct how *how)
{
    static struct rf_import_request req;
    memset(a, 0, sizeof(*a));
    request_of(&req, w, how);
    rf_import_result_init(&a->result);
    a->rc = rf_import_plan(&req, path, &a->result, &a->err);
}

void ask(struct applied *a, struct watched *w, const char *path, const struct how *how,
         struct rf_repair_request *doc)
{
    static struct rf_import_request req;
    memset(a, 0, sizeof(*a));
    request_of(&req, w, how);
    rf_import_result_init(&a->result);
    rf_repair_request_init(doc);
    a->rc = rf_import_ask(&req, path, &a->result, doc, &a->err);
}

void applied_well(struct watched *w, const char *path, const struct how *how)
{
    struct applied a;
    apply(&a, w, path, how);
    expect_ok(a.rc, a.err);
    rf_import_result_release(&a.result);
}

struct rf_digest tag_of(struct watched *w, const char *repo, const char *tag)
{
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_digest none = { 0 }, found;
    if (rf_place_resolve(w->inner, repo, tag, NULL, &d, NULL) < 0)
        return none;
    found = d.digest;
    rf_descriptor_release(&d);
    return found;
}

bool has_blob(struct watched *w, const char *repo, const char *content)
{
    struct rf_digest d = digest_of(content);
    return rf_place_probe_blob(w->inner, repo, &d, strlen(content), RF_PROBE_HEAD, NULL) == 0;
}

void lose_manifest(const char *repo, const struct rf_digest *d)
{
    char *folder = rf_xasprintf("far/%s", repo), *path = blob_path(folder, d);
    ck_assert_msg(unlink(path) == 0, "%s", path);
    free(path);
    free(folder);
}

void lose_blob(const char *repo, const char *content)
{
    struct rf_digest d = digest_of(content);
    lose_manifest(repo, &d);
}

static int forget_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void forget(const char *folder)
{
    ck_assert_int_eq(nftw(folder, forget_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static int no_dot(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

char *only_file(const char *folder)
{
    struct dirent **list = NULL;
    int n = scandir(folder, &list, no_dot, alphasort);
    ck_assert_msg(n == 1, "%d files in %s", n, folder);
    char *path = rf_xasprintf("%s/%s", folder, list[0]->d_name), *text = file_text(path);
    free(path);
    free(list[0]);
    free(list);
    return text;
}

/* ---- the usual scene ---- */

struct watched far;

void far_setup(void)
{
    work_setup();
    watched_open(&far);
}

void far_teardown(void)
{
    watched_close(&far);
    work_teardown();
}

void expect_tag(const char *repo, const char *tag, const struct rf_digest *d)
{
    struct rf_digest got = tag_of(&far, repo, tag);
    char a[RF_DIGEST_TEXT], b[RF_DIGEST_TEXT];
    ck_assert_msg(rf_digest_eq(&got, d), "%s:%s is %s, not %s", repo, tag, rf_digest_text(&got, a),
                  rf_digest_text(d, b));
}

void expect_no_tag(const char *repo, const char *tag)
{
    struct rf_digest got = tag_of(&far, repo, tag);
    ck_assert_msg(!rf_digest_is_set(&got), "%s:%s is there", repo, tag);
}

char *full_bundle(struct rf_digest d[3])
{
    struct made m;
    made_init(&m);
    d[0] = add_image(&m, "app", "1", "cfg1", "base one", RF_IMAGE_NEW, NULL, NULL);
    d[1] = add_image(&m, "app", "2", "cfg2", "base two", RF_IMAGE_NEW, NULL, NULL);
    d[2] = add_image(&m, "lib", "1", "cfg3", "base three", RF_IMAGE_NEW, NULL, NULL);
    char *path = written(&m, "full.tar");
    made_release(&m);
    return path;
}

char *next_bundle(struct rf_digest d[3])
{
    struct made m;
    made_init(&m);
    m.b.sequence = 2;
    add_base(&m, "first");
    d[0] = add_image(&m, "app", "1", "cfg4", "base four", RF_IMAGE_CHANGED, "base", "app lib");
    d[1] = add_line(&m, "app", "2", "cfg2", "base two", RF_IMAGE_UNCHANGED);
    d[2] =
        add_image(&m, "new/app", "3", "cfg5", "base three five", RF_IMAGE_NEW, "base three", "lib");
    add_line(&m, "lib", "1", "cfg3", "base three", RF_IMAGE_REMOVED);
    /* the next of its chain */
    struct rf_bundle_file *f = NULL;
    if (rf_bundle_file_open("full.tar", &f, NULL) == 0)
        m.b.parent = rf_bundle_file_doc(f)->id;
    rf_bundle_file_free(f);
    char *path = written(&m, "next.tar");
    made_release(&m);
    return path;
}
