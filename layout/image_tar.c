/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/image_tar.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "layout/tar_reader.h"

#define LINKS_MAX 40u /* one after another; more than this is a loop */
#define SHOWN 200

struct rf_image_tar {
    char *path;
    int fd;
    struct rf_tar_index *index;
    /* A compressed file: where the one reader stands. */
    struct rf_tar_reader reader;
    bool reading;
    size_t next;   /* number of the member that comes next */
    uint64_t done; /* bytes given of member next - 1 */
};

/* ---- opening ---- */

static int open_file(struct rf_image_tar *t, struct rf_err *err)
{
    struct stat st;
    /* Not a FIFO: opening must not wait for a writer. */
    t->fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (t->fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return rf_fail(err, RFE_NOT_FOUND, "%s: no such file", t->path);
    if (t->fd < 0 || fstat(t->fd, &st) < 0)
        return rf_fail_errno(err, errno, "%s", t->path);
    if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || S_ISCHR(st.st_mode))
        return rf_fail(err, RFE_UNSUPPORTED,
                       "%s: not a file that can be read more than once; save it first", t->path);
    return 0;
}

int rf_image_tar_open(const char *path, struct rf_image_tar **out, struct rf_err *err)
{
    RF_CLEANUP(rf_image_tar_freep) struct rf_image_tar *t = rf_xcalloc(1, sizeof(*t));
    t->path = rf_xstrdup(path);
    t->fd = -1;
    int rc = open_file(t, err);
    if (rc == 0)
        rc = rf_tar_index_open(t->fd, t->path, RF_TAR_LINKS | RF_TAR_PACKED,
                               RF_IMAGE_TAR_MEMBERS_MAX, &t->index, err);
    if (rc < 0)
        return rc;
    *out = RF_STEAL(t);
    return 0;
}

void rf_image_tar_free(struct rf_image_tar *t)
{
    if (t == NULL)
        return;
    rf_tar_reader_release(&t->reader);
    rf_tar_index_free(t->index);
    rf_closep(&t->fd);
    free(t->path);
    free(t);
}

void rf_image_tar_freep(struct rf_image_tar **t)
{
    rf_image_tar_free(*t);
    *t = NULL;
}

bool rf_image_tar_is_packed(const struct rf_image_tar *t)
{
    return rf_tar_index_packing(t->index) != RF_TAR_PLAIN;
}

const char *rf_image_tar_name(const struct rf_image_tar *t)
{
    return t->path;
}

/* ---- names ---- */

static int fail_name(const struct rf_image_tar *t, int code, const char *name, const char *what,
                     struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(name), SHOWN);
    return rf_fail(err, code, "%s: \"%s\" %s", t->path, shown, what);
}

int rf_image_tar_find(const struct rf_image_tar *t, const char *name, size_t *member,
                      uint64_t *size, struct rf_err *err)
{
    const char *plain = rf_tar_plain_name(name);
    const char *fault =
        plain[0] != '\0' ? rf_tar_name_fault(plain, strlen(plain)) : "is an empty name";
    if (fault != NULL)
        return fail_name(t, RFE_INVALID, name, fault, err);
    const struct rf_tar_member *m = rf_tar_index_find(t->index, plain);
    if (m == NULL)
        return fail_name(t, RFE_NOT_FOUND, name, "is not in it", err);
    for (unsigned steps = 0; m->link != NULL; steps++) {
        const char *to = m->link;
        if (steps == LINKS_MAX)
            return fail_name(t, RFE_LOOP, name, "is a link that leads to no end", err);
        m = rf_tar_index_find(t->index, to);
        if (m == NULL)
            return fail_name(t, RFE_NOT_FOUND, name, "is a link to what is not in it", err);
    }
    *member = (size_t)(m - rf_tar_index_at(t->index, 0));
    if (size != NULL)
        *size = m->size;
    return 0;
}

/* ---- contents of a compressed file ---- */

/* Starts member `want` anew. */
static int go_to(struct rf_image_tar *t, size_t want, struct rf_err *err)
{
    if (t->reading && t->next > want) {
        rf_tar_reader_release(&t->reader);
        t->reading = false;
    }
    if (!t->reading) {
        int rc =
            rf_tar_reader_open(&t->reader, t->fd, t->path, rf_tar_index_packing(t->index), err);
        if (rc < 0)
            return rc;
        t->reading = true;
        t->next = 0;
    }
    t->done = 0;
    while (t->next <= want) {
        struct archive_entry *e = NULL;
        int rc = rf_tar_reader_next(&t->reader, &e, err);
        if (rc < 0)
            return rc;
        if (rc == 1 && archive_entry_filetype(e) == AE_IFDIR)
            continue;
        const struct rf_tar_member *m = rf_tar_index_at(t->index, t->next);
        const char *name = rc == 1 ? archive_entry_pathname(e) : NULL;
        if (name == NULL || strcmp(rf_tar_plain_name(name), m->name) != 0 ||
            (m->link == NULL && (uint64_t)archive_entry_size(e) != m->size))
            return fail_name(t, RFE_INVALID, m->name, "was changed while it was read", err);
        t->next++;
    }
    return 0;
}

struct packed_source {
    struct rf_source base;
    struct rf_image_tar *tar;
    size_t member;
    uint64_t pos, size;
};

/* Moves the one reader to this source's place, if another one has moved it. */
static int take_over(struct packed_source *p, struct rf_err *err)
{
    struct rf_image_tar *t = p->tar;
    char chunk[4096];
    if (!t->reading || t->next != p->member + 1 || t->done > p->pos) {
        int rc = go_to(t, p->member, err);
        if (rc < 0)
            return rc;
    }
    while (t->done < p->pos) {
        uint64_t left = p->pos - t->done;
        ssize_t got = rf_tar_reader_data(&t->reader, chunk,
                                         left < sizeof(chunk) ? (size_t)left : sizeof(chunk), err);
        if (got <= 0)
            return got < 0 ? (int)got : rf_fail(err, RFE_SIZE_MISMATCH, "%s: cut off", t->path);
        t->done += (uint64_t)got;
    }
    return 0;
}

static ssize_t packed_read(struct rf_source *s, void *p, size_t n, struct rf_err *err)
{
    struct packed_source *k = (struct packed_source *)s;
    uint64_t left = k->size - k->pos;
    if (left == 0)
        return 0;
    int rc = take_over(k, err);
    if (rc < 0)
        return rc;
    ssize_t got = rf_tar_reader_data(&k->tar->reader, p, n < left ? n : (size_t)left, err);
    if (got == 0)
        return rf_fail(err, RFE_SIZE_MISMATCH, "%s: cut off", k->tar->path);
    if (got > 0) {
        k->pos += (uint64_t)got;
        k->tar->done += (uint64_t)got;
    }
    return got;
}

static int packed_seek(struct rf_source *s, uint64_t offset, struct rf_err *err)
{
    struct packed_source *k = (struct packed_source *)s;
    if (offset > k->size)
        return rf_fail(err, RFE_INVALID, "offset %llu lies behind the end %llu",
                       (unsigned long long)offset, (unsigned long long)k->size);
    k->pos = offset;
    return 0;
}

static void packed_free(struct rf_source *s)
{
    free(s);
}

struct rf_source *rf_image_tar_source(struct rf_image_tar *t, size_t member)
{
    static const struct rf_source_ops ops = { packed_read, packed_seek, packed_free };
    const struct rf_tar_member *m = rf_tar_index_at(t->index, member);
    RF_CHECK(m->link == NULL);
    if (!rf_image_tar_is_packed(t))
        return rf_source_fd(t->fd, m->offset, m->size);
    struct packed_source *k = rf_xcalloc(1, sizeof(*k));
    k->base.ops = &ops;
    k->tar = t;
    k->member = member;
    k->size = m->size;
    return &k->base;
}

int rf_image_tar_read(struct rf_image_tar *t, size_t member, size_t max, struct rf_buf *out,
                      struct rf_err *err)
{
    const struct rf_tar_member *m = rf_tar_index_at(t->index, member);
    if (m->size > max)
        return rf_fail(err, RFE_TOO_LARGE, "%s: %s has %llu bytes, at most %zu are read", t->path,
                       m->name, (unsigned long long)m->size, max);
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_image_tar_source(t, member);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(out);
    int rc = rf_stream_copy(src, sink, NULL, err);
    return rc < 0 ? rf_wrap(err, rc, "%s: %s", t->path, m->name) : 0;
}
