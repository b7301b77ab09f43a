/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/oci_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define CACHE_SLOTS 16
#define LOCK_WAIT_MS 60000
#define FOLDER_MODE 0755
#define FILE_MODE 0644
#define LAYOUT_FILE_MAX (64u << 10)

/* ---- cache ---- */

/*
 * A file is taken for unchanged when number, size and times are the same. The descriptor is kept so that the number
 * cannot be given to another file meanwhile.
 */
struct cached {
    char *path;
    int fd;
    struct stat st;
    struct rf_oci_index *ix;
    uint64_t used;
};

struct rf_oci_cache {
    pthread_mutex_t lock; /* guards all below; held for lookups only, never while reading files */
    struct cached slots[CACHE_SLOTS];
    uint64_t clock;
};

struct rf_oci_cache *rf_oci_cache_new(void)
{
    struct rf_oci_cache *c = rf_xcalloc(1, sizeof(*c));
    (void)pthread_mutex_init(&c->lock, NULL);
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        c->slots[i].fd = -1;
    return c;
}

static void slot_clear(struct cached *s)
{
    rf_freep(&s->path);
    rf_closep(&s->fd);
    rf_oci_index_unrefp(&s->ix);
    s->used = 0;
}

void rf_oci_cache_free(struct rf_oci_cache *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        slot_clear(&c->slots[i]);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static struct rf_oci_index *cache_get(struct rf_oci_cache *c, const char *path)
{
    struct stat st;
    struct rf_oci_index *found = NULL;
    if (stat(path, &st) < 0)
        return NULL;
    (void)pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < CACHE_SLOTS && found == NULL; i++) {
        struct cached *s = &c->slots[i];
        if (s->path == NULL || strcmp(s->path, path) != 0 || !same_file(&s->st, &st))
            continue;
        s->used = ++c->clock;
        found = rf_oci_index_ref(s->ix);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return found;
}

/* Takes fd over; st is of before the file was read. */
static void cache_put(struct rf_oci_cache *c, const char *path, int fd, const struct stat *st,
                      struct rf_oci_index *ix)
{
    (void)pthread_mutex_lock(&c->lock);
    struct cached *oldest = &c->slots[0];
    for (size_t i = 0; i < CACHE_SLOTS; i++) {
        struct cached *s = &c->slots[i];
        if (s->path != NULL && strcmp(s->path, path) == 0) {
            oldest = s;
            break;
        }
        if (s->used < oldest->used)
            oldest = s;
    }
    slot_clear(oldest);
    *oldest = (struct cached){ rf_xstrdup(path), fd, *st, rf_oci_index_ref(ix), ++c->clock };
    (void)pthread_mutex_unlock(&c->lock);
}

/* ---- folders ---- */

void rf_oci_folder_free(struct rf_oci_folder *f)
{
    if (f == NULL)
        return;
    rf_blob_store_free(f->store);
    free(f->path);
    free(f);
}

void rf_oci_folder_freep(struct rf_oci_folder **f)
{
    rf_oci_folder_free(*f);
    *f = NULL;
}

static int open_folder(const char *path, bool create, struct rf_oci_folder **out,
                       struct rf_err *err)
{
    struct rf_blob_store *store = NULL;
    int rc = rf_blob_store_open(path, create, &store, err);
    if (rc < 0)
        return rc;
    struct rf_oci_folder *f = rf_xcalloc(1, sizeof(*f));
    f->path = rf_xstrdup(path);
    f->store = store;
    *out = f;
    return 0;
}

int rf_oci_folder_open(const char *path, struct rf_oci_folder **out, struct rf_err *err)
{
    return open_folder(path, false, out, err);
}

static int write_if_absent(const char *folder, const char *name, struct rf_slice text,
                           struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_path_join(folder, name);
    if (rf_path_exists(path))
        return 0;
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    int rc = rf_file_sink(path, FILE_MODE, false, &sink, err);
    if (rc == 0)
        rc = rf_sink_write(sink, text.ptr, text.len, err);
    return rc < 0 ? rc : rf_sink_commit(sink, err);
}

int rf_oci_folder_make(const char *path, struct rf_oci_folder **out, struct rf_err *err)
{
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *f = NULL;
    int rc = open_folder(path, true, &f, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    RF_CLEANUP(rf_oci_index_unrefp) struct rf_oci_index *empty = rf_oci_index_empty();
    rf_buf_init(&text, 0);
    rf_oci_index_format(empty, &text);
    rc = write_if_absent(path, "index.json", rf_buf_slice(&text), err);
    /* Last: it is what makes the folder a layout. */
    if (rc == 0)
        rc = write_if_absent(path, "oci-layout", rf_slice_str(RF_OCI_LAYOUT_TEXT), err);
    if (rc < 0)
        return rc;
    *out = RF_STEAL(f);
    return 0;
}

/* A regular file of the layout, not through a link. */
struct file {
    int fd;
    struct stat st; /* before reading */
    struct rf_buf text;
};

static void file_init(struct file *f, size_t max)
{
    *f = (struct file){ .fd = -1 };
    rf_buf_init(&f->text, max);
}

static void file_release(struct file *f)
{
    rf_closep(&f->fd);
    rf_buf_release(&f->text);
}

static int read_file(const char *folder, const char *name, struct file *out, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_path_join(folder, name);
    uint64_t size = 0;
    int rc = rf_file_open(path, &out->fd, &size, err);
    if (rc == -RFE_NOT_FOUND)
        return rf_fail(err, RFE_NOT_FOUND, "no image layout in %s: there is no file %s", folder,
                       name);
    if (rc < 0)
        return rc;
    if (size > out->text.max)
        return rf_fail(err, RFE_TOO_LARGE, "%s: %llu bytes, at most %zu are read", path,
                       (unsigned long long)size, out->text.max);
    if (fstat(out->fd, &out->st) < 0)
        return rf_fail_errno(err, errno, "%s", path);
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_fd(out->fd, 0, size);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(&out->text);
    rc = rf_stream_copy(src, sink, NULL, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", path) : 0;
}

static int check_layout(const char *folder, struct rf_err *err)
{
    RF_CLEANUP(file_release) struct file file;
    file_init(&file, LAYOUT_FILE_MAX);
    int rc = read_file(folder, "oci-layout", &file, err);
    if (rc < 0)
        return rc;
    rc = rf_oci_layout_check(rf_buf_slice(&file.text), err);
    return rc < 0 ? rf_wrap(err, rc, "%s", folder) : 0;
}

int rf_oci_folder_index(struct rf_oci_folder *f, struct rf_oci_cache *cache,
                        struct rf_oci_index **out, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_path_join(f->path, "index.json");
    struct rf_oci_index *found = cache != NULL ? cache_get(cache, path) : NULL;
    if (found != NULL) {
        *out = found;
        return 0;
    }
    int rc = check_layout(f->path, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(file_release) struct file file;
    RF_CLEANUP(rf_oci_index_unrefp) struct rf_oci_index *ix = NULL;
    file_init(&file, RF_OCI_INDEX_MAX);
    rc = read_file(f->path, "index.json", &file, err);
    if (rc < 0)
        return rc;
    rc = rf_oci_index_parse(rf_buf_slice(&file.text), &ix, err);
    if (rc < 0)
        return rf_wrap(err, rc, "%s", f->path);
    if (cache != NULL)
        cache_put(cache, path, rf_steal_fd(&file.fd), &file.st, ix);
    *out = RF_STEAL(ix);
    return 0;
}

int rf_oci_folder_lock(struct rf_oci_folder *f, int *fd, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_path_join(f->path, ".lock");
    int rc = rf_lock_file(path, true, LOCK_WAIT_MS, fd, err);
    if (rc < 0)
        return rf_wrap(err, rc, "%s", f->path);
    /* A writer that was killed may have left its half of an index.json; that it stays is no reason to stop. */
    (void)(rf_file_sweep(f->path, NULL) < 0);
    return 0;
}

int rf_oci_folder_store(struct rf_oci_folder *f, struct rf_oci_cache *cache,
                        struct rf_oci_index *ix, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_path_join(f->path, "index.json");
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, RF_OCI_INDEX_MAX);
    rf_oci_index_format(ix, &text);
    if (text.rc < 0)
        return rf_fail(err, RFE_TOO_LARGE, "%s: it would have more than %u bytes", path,
                       RF_OCI_INDEX_MAX);
    int rc = rf_blob_store_sync(f->store, err);
    if (rc == 0)
        rc = rf_file_write(path, rf_buf_slice(&text), FILE_MODE, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_closep) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    /* Tools that know no lock may have replaced it at once. */
    if (fd >= 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size == text.len)
        cache_put(cache, path, rf_steal_fd(&fd), &st, ix);
    return 0;
}

int rf_oci_folder_load(void *folder, const struct rf_digest *d,
                       const struct rf_manifest_expect *expect, struct rf_manifest **out,
                       struct rf_err *err)
{
    struct rf_oci_folder *f = folder;
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    rf_buf_init(&body, RF_MANIFEST_MAX);
    int rc = rf_blob_store_load(f->store, d, &body, err);
    if (rc == 0)
        rc = rf_manifest_parse(rf_buf_slice(&body), expect, out, err);
    if (rc < 0 && rc != -RFE_NOT_FOUND)
        return rf_wrap(err, rc, "%s", f->path);
    return rc;
}
