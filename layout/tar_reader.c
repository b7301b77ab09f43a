/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/tar_reader.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/text.h"

/* Read at once: headers of small members lie close together, large members are jumped over. */
#define READ_CHUNK ((size_t)32 << 10)
#define MAGIC_MAX 8 /* bytes that tell a compression */
#define SHOWN 200   /* bytes of a foreign text in a message */

/* ---- compressions ---- */

static const struct {
    enum rf_tar_packing packing;
    const char *magic;
    size_t len;
    const char *what, *undo;
    int filter; /* libarchive's */
} packings[] = {
    { RF_TAR_GZIP, "\x1f\x8b", 2, "gzip", "gunzip", ARCHIVE_FILTER_GZIP },
    { RF_TAR_ZSTD, "\x28\xb5\x2f\xfd", 4, "zstd", "unzstd", ARCHIVE_FILTER_ZSTD },
    { RF_TAR_XZ,
      "\xfd"
      "7zXZ",
      5, "xz", "unxz", ARCHIVE_FILTER_XZ },
    { RF_TAR_BZIP2, "BZh", 3, "bzip2", "bunzip2", ARCHIVE_FILTER_BZIP2 },
};

static enum rf_tar_packing packing_of(const char *start, size_t n)
{
    for (size_t i = 0; i < RF_ARRAY_LEN(packings); i++)
        if (n >= packings[i].len && memcmp(start, packings[i].magic, packings[i].len) == 0)
            return packings[i].packing;
    return RF_TAR_PLAIN;
}

int rf_tar_packing_of(int fd, const char *name, enum rf_tar_packing *out, struct rf_err *err)
{
    char start[MAGIC_MAX] = { 0 };
    ssize_t got = pread(fd, start, sizeof(start), 0);
    if (got < 0)
        return rf_fail_errno(err, errno, "%s", name);
    *out = packing_of(start, (size_t)got);
    return 0;
}

int rf_tar_fail_packing(enum rf_tar_packing packing, const char *name, struct rf_err *err)
{
    for (size_t i = 0; i < RF_ARRAY_LEN(packings); i++)
        if (packings[i].packing == packing)
            return rf_hint(
                err,
                rf_fail(err, RFE_UNSUPPORTED, "%s: compressed with %s", name, packings[i].what),
                "it is read in place, so uncompress it first: %s -k %s", packings[i].undo, name);
    RF_BUG("packing %d", packing);
}

static int filter_of(enum rf_tar_packing packing)
{
    for (size_t i = 0; i < RF_ARRAY_LEN(packings); i++)
        if (packings[i].packing == packing)
            return packings[i].filter;
    return ARCHIVE_FILTER_NONE;
}

/* ---- libarchive's way to the file ---- */

/* From the source; its own failure is kept, so that rf_tar_reader_fail can tell it. */
static la_ssize_t feed_source(struct rf_tar_reader *r, const void **out)
{
    ssize_t got = (ssize_t)r->peeked;
    if (got == 0)
        got = rf_source_read(r->src, r->chunk, READ_CHUNK, &r->why);
    if (got < 0) {
        archive_set_error(r->archive, EIO, "read");
        return -1;
    }
    r->peeked = 0;
    *out = r->chunk;
    return got;
}

static la_ssize_t feed_read(struct archive *a, void *ctx, const void **out)
{
    struct rf_tar_reader *r = ctx;
    ssize_t got;
    /* A compressed member is passed over by reading it: that can take long. */
    if (rf_cancelled()) {
        archive_set_error(a, ECANCELED, "interrupted");
        return -1;
    }
    if (r->src != NULL)
        return feed_source(r, out);
    do {
        got = pread(r->fd, r->chunk, READ_CHUNK, (off_t)r->pos);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        archive_set_error(a, errno, "read");
        return -1;
    }
    r->pos += (uint64_t)got;
    *out = r->chunk;
    return got;
}

static la_int64_t feed_skip(struct archive *a, void *ctx, la_int64_t want)
{
    struct rf_tar_reader *r = ctx;
    (void)a;
    uint64_t left = r->size > r->pos ? r->size - r->pos : 0;
    uint64_t n = want > 0 ? (uint64_t)want : 0;
    if (n > left)
        n = left;
    r->pos += n;
    return (la_int64_t)n;
}

int rf_tar_reader_fail(struct rf_tar_reader *r, struct rf_err *err)
{
    int rc = rf_cancel_check(err);
    if (rc < 0)
        return rc;
    if (r->why.code != 0) {
        if (err != NULL)
            *err = r->why;
        return -r->why.code;
    }
    int code = archive_errno(r->archive);
    const char *text = archive_error_string(r->archive);
    if (code > 0 && code < RFE_BASE && code != EINVAL && code != EILSEQ)
        return rf_fail_errno(err, code, "%s", r->name);
    RF_CLEANUP(rf_freep)
    char *shown = rf_text_safe_dup(rf_slice_str(text != NULL ? text : "unreadable"), SHOWN);
    return rf_fail(err, RFE_INVALID, "%s: not a sound tar file: %s", r->name, shown);
}

int rf_tar_fail_start(const char *name, struct rf_err *err)
{
    return rf_fail(err, ENOMEM, "%s: libarchive is not installed here, or memory is out", name);
}

static int open_archive(struct rf_tar_reader *r, enum rf_tar_packing packing, struct rf_err *err)
{
    r->archive = archive_read_new();
    if (r->archive == NULL)
        return rf_tar_fail_start(r->name, err);
    if (archive_read_support_format_tar(r->archive) != ARCHIVE_OK ||
        archive_read_set_read_callback(r->archive, feed_read) != ARCHIVE_OK ||
        (r->src == NULL && archive_read_set_skip_callback(r->archive, feed_skip) != ARCHIVE_OK) ||
        archive_read_set_callback_data(r->archive, r) != ARCHIVE_OK)
        return rf_tar_reader_fail(r, err);
    /* Exactly this one: nobody may wrap compressions into each other without end. */
    if (packing != RF_TAR_PLAIN &&
        archive_read_append_filter(r->archive, filter_of(packing)) != ARCHIVE_OK)
        return rf_tar_fail_packing(packing, r->name, err);
    if (archive_read_open1(r->archive) != ARCHIVE_OK)
        return rf_tar_reader_fail(r, err);
    return 0;
}

int rf_tar_reader_open(struct rf_tar_reader *r, int fd, const char *name,
                       enum rf_tar_packing packing, struct rf_err *err)
{
    struct stat st;
    *r = (struct rf_tar_reader){ .fd = fd, .name = name };
    if (fstat(fd, &st) < 0)
        return rf_fail_errno(err, errno, "%s", name);
    r->size = (uint64_t)st.st_size;
    r->chunk = rf_xmalloc(READ_CHUNK);
    return open_archive(r, packing, err);
}

int rf_tar_reader_open_source(struct rf_tar_reader *r, struct rf_source *src, const char *name,
                              struct rf_err *err)
{
    *r = (struct rf_tar_reader){ .fd = -1, .src = src, .name = name };
    r->chunk = rf_xmalloc(READ_CHUNK);
    while (r->peeked < MAGIC_MAX) {
        ssize_t got = rf_source_read(src, r->chunk + r->peeked, READ_CHUNK - r->peeked, err);
        if (got < 0)
            return (int)got;
        if (got == 0)
            break;
        r->peeked += (size_t)got;
    }
    return open_archive(r, packing_of(r->chunk, r->peeked), err);
}

void rf_tar_reader_release(struct rf_tar_reader *r)
{
    if (r->archive != NULL)
        (void)archive_read_free(r->archive);
    r->archive = NULL;
    rf_freep(&r->chunk);
}

int rf_tar_reader_next(struct rf_tar_reader *r, struct archive_entry **entry, struct rf_err *err)
{
    int rc = rf_cancel_check(err);
    if (rc < 0)
        return rc;
    int got = archive_read_next_header(r->archive, entry);
    if (got == ARCHIVE_EOF)
        return 0;
    /* A warning is a failure: what libarchive had to guess, somebody else may guess otherwise. */
    return got == ARCHIVE_OK ? 1 : rf_tar_reader_fail(r, err);
}

ssize_t rf_tar_reader_data(struct rf_tar_reader *r, void *p, size_t n, struct rf_err *err)
{
    la_ssize_t got = archive_read_data(r->archive, p, n);
    return got >= 0 ? (ssize_t)got : rf_tar_reader_fail(r, err);
}
