/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/tar_index.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/idmap.h"
#include "base/mem.h"
#include "base/text.h"

#define BLOCK 512u
#define NAME_LEN_MAX 4096
/* Read at once: headers of small members lie close together, large members are jumped over. */
#define READ_CHUNK ((size_t)32 << 10)
#define SHOWN 200 /* bytes of a foreign name in a message */

struct rf_tar_index {
    struct rf_tar_member *members;
    size_t n, cap;
    struct rf_idmap by_name;
};

/* ---- libarchive's way to the file: pread, so that the descriptor's own position stays where it is ---- */

struct feed {
    int fd;
    uint64_t pos, size;
    char *chunk;
};

static la_ssize_t feed_read(struct archive *a, void *ctx, const void **out)
{
    struct feed *f = ctx;
    ssize_t got;
    do {
        got = pread(f->fd, f->chunk, READ_CHUNK, (off_t)f->pos);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        archive_set_error(a, errno, "read");
        return -1;
    }
    f->pos += (uint64_t)got;
    *out = f->chunk;
    return got;
}

static la_int64_t feed_skip(struct archive *a, void *ctx, la_int64_t want)
{
    struct feed *f = ctx;
    (void)a;
    uint64_t left = f->size > f->pos ? f->size - f->pos : 0;
    uint64_t n = want > 0 ? (uint64_t)want : 0;
    if (n > left)
        n = left;
    f->pos += n;
    return (la_int64_t)n;
}

static void archive_read_freep(struct archive **a)
{
    if (*a != NULL)
        (void)archive_read_free(*a);
    *a = NULL;
}

/* ---- one pass over the headers ---- */

struct scan {
    struct rf_tar_index *t;
    struct feed feed;
    struct archive *archive;
    const char *name; /* of the file, for messages */
    size_t max, seen;
    uint64_t end; /* where the last member's padding ends */
};

static void scan_release(struct scan *s)
{
    archive_read_freep(&s->archive);
    rf_freep(&s->feed.chunk);
    rf_tar_index_freep(&s->t);
}

static int fail_member(struct scan *s, const char *member, struct rf_err *err, const char *why)
{
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(member), SHOWN);
    return rf_fail(err, RFE_INVALID, "%s: member \"%s\" %s", s->name, shown, why);
}

static int fail_archive(struct scan *s, struct rf_err *err)
{
    int code = archive_errno(s->archive);
    const char *text = archive_error_string(s->archive);
    if (code > 0 && code < RFE_BASE && code != EINVAL && code != EILSEQ)
        return rf_fail_errno(err, code, "%s", s->name);
    RF_CLEANUP(rf_freep)
    char *shown = rf_text_safe_dup(rf_slice_str(text != NULL ? text : "unreadable"), SHOWN);
    return rf_fail(err, RFE_INVALID, "%s: not a sound tar file: %s", s->name, shown);
}

/* Why a name is refused, or NULL. A folder's name may end in "/". */
static const char *name_fault(const char *name, size_t len)
{
    if (len > NAME_LEN_MAX)
        return "has too long a name";
    if (!rf_text_is_utf8(rf_slice_of(name, len)))
        return "has a name that is not UTF-8";
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
            return "has control bytes in its name";
    if (name[0] == '/')
        return "has an absolute name";
    for (size_t at = 0; at < len;) {
        size_t n = strcspn(name + at, "/");
        if (n == 0 || (n == 1 && name[at] == '.'))
            return "has an empty or \".\" part in its name";
        if (n == 2 && name[at] == '.' && name[at + 1] == '.')
            return "has \"..\" in its name";
        at += n + 1;
    }
    return NULL;
}

static const char *kind_fault(struct archive_entry *e)
{
    if (archive_entry_hardlink(e) != NULL)
        return "is a hard link";
    if (archive_entry_sparse_count(e) > 0)
        return "is a sparse file";
    switch (archive_entry_filetype(e)) {
    case AE_IFREG:
    case AE_IFDIR:
        return NULL;
    case AE_IFLNK:
        return "is a symbolic link";
    case AE_IFIFO:
        return "is a FIFO";
    case AE_IFCHR:
    case AE_IFBLK:
        return "is a device";
    default:
        return "is of a kind that does not belong here";
    }
}

/* Some readers take a folder's size for bytes to pass over, others do not: the field must say nothing. */
static bool size_is_zero(const unsigned char *block)
{
    for (size_t i = 124; i < 136; i++)
        if (block[i] != '0' && block[i] != ' ' && block[i] != '\0')
            return false;
    return true;
}

/*
 * The block before the data must be a tar header of its own right, with its checksum, and of a plain file or folder. That proves
 * the data offset, and refuses sparse members whose map lies between header and data.
 */
static int check_header(struct scan *s, const char *member, bool folder, struct rf_err *err)
{
    unsigned char block[BLOCK];
    if (s->end < BLOCK || s->end % BLOCK != 0)
        return fail_member(s, member, err, "does not start at a block of its own");
    int rc = rf_pread_full(s->feed.fd, block, BLOCK, s->end - BLOCK, err);
    if (rc < 0)
        return rf_wrap(err, rc, "%s", s->name);
    unsigned long sum = 0, stated = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : block[i];
    for (size_t i = 148; i < 156; i++)
        if (block[i] >= '0' && block[i] <= '7')
            stated = stated * 8 + (unsigned long)(block[i] - '0');
    char type = (char)block[156];
    bool plain = type == '0' || type == '\0' || (folder ? type == '5' : type == '7');
    if (sum != stated || !plain)
        return fail_member(s, member, err, "is not stored as a plain file or folder");
    if (folder && !size_is_zero(block))
        return fail_member(s, member, err, "is a folder with content");
    return 0;
}

/* s->end is where the member's data starts. */
static int add_member(struct scan *s, const char *name, uint64_t size, struct rf_err *err)
{
    if (s->end > s->feed.size || size > s->feed.size - s->end) {
        RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(name), SHOWN);
        return rf_fail(err, RFE_INVALID,
                       "%s: cut off: member \"%s\" has %llu bytes from offset %llu on, the file "
                       "ends at %llu",
                       s->name, shown, (unsigned long long)size, (unsigned long long)s->end,
                       (unsigned long long)s->feed.size);
    }
    struct rf_tar_index *t = s->t;
    if (rf_idmap_find(&t->by_name, rf_slice_str(name)) != RF_NO_ID)
        return fail_member(s, name, err, "comes twice");
    t->members = rf_grow(t->members, t->n, &t->cap, sizeof(*t->members));
    t->members[t->n] = (struct rf_tar_member){ rf_xstrdup(name), s->end, size };
    rf_idmap_add(&t->by_name, (uint32_t)t->n++);
    s->end += rf_tar_padded(size);
    return 0;
}

static int scan_entry(struct scan *s, struct archive_entry *e, struct rf_err *err)
{
    const char *name = archive_entry_pathname(e);
    if (name == NULL || name[0] == '\0')
        return rf_fail(err, RFE_INVALID, "%s: a member without a name", s->name);
    const char *fault = kind_fault(e);
    bool folder = archive_entry_filetype(e) == AE_IFDIR;
    const char *plain = strncmp(name, "./", 2) == 0 ? name + 2 : name;
    bool root = folder && (plain[0] == '\0' || strcmp(plain, ".") == 0);
    if (fault == NULL && !root)
        fault = name_fault(plain, strlen(plain));
    if (fault == NULL && !folder && (!archive_entry_size_is_set(e) || archive_entry_size(e) < 0))
        fault = "has no size";
    if (fault != NULL)
        return fail_member(s, name, err, fault);
    s->end = (uint64_t)archive_filter_bytes(s->archive, 0);
    int rc = check_header(s, name, folder, err);
    if (rc < 0 || folder)
        return rc;
    return add_member(s, plain, (uint64_t)archive_entry_size(e), err);
}

static int scan_entries(struct scan *s, struct rf_err *err)
{
    for (;;) {
        int rc = rf_cancel_check(err);
        if (rc < 0)
            return rc;
        struct archive_entry *e = NULL;
        int got = archive_read_next_header(s->archive, &e);
        if (got == ARCHIVE_EOF)
            return 0;
        /* A warning is a failure: what libarchive had to guess, somebody else may guess otherwise. */
        if (got != ARCHIVE_OK)
            return fail_archive(s, err);
        if (s->seen++ >= s->max)
            return rf_fail(err, RFE_TOO_LARGE, "%s: more than %zu members", s->name, s->max);
        rc = scan_entry(s, e, err);
        if (rc < 0)
            return rc;
    }
}

/* The end mark must be there: without it, members may be missing without a trace. */
static int check_end(struct scan *s, struct rf_err *err)
{
    char block[BLOCK];
    static const char zero[BLOCK];
    if (s->end > s->feed.size || s->feed.size - s->end < BLOCK)
        return rf_fail(err, RFE_INVALID, "%s: cut off: the tar has no end mark", s->name);
    int rc = rf_pread_full(s->feed.fd, block, BLOCK, s->end, err);
    if (rc < 0)
        return rf_wrap(err, rc, "%s", s->name);
    if (memcmp(block, zero, BLOCK) != 0)
        return rf_fail(err, RFE_INVALID, "%s: no end mark behind the last member", s->name);
    return 0;
}

static int check_magic(int fd, const char *name, struct rf_err *err)
{
    static const struct {
        const char *magic;
        size_t len;
        const char *what, *next;
    } known[] = {
        { "\x1f\x8b", 2, "gzip", "gunzip" },
        { "\x28\xb5\x2f\xfd", 4, "zstd", "unzstd" },
        { "\xfd"
          "7zXZ",
          5, "xz", "unxz" },
        { "BZh", 3, "bzip2", "bunzip2" },
    };
    char start[8] = { 0 };
    ssize_t got = pread(fd, start, sizeof(start), 0);
    if (got < 0)
        return rf_fail_errno(err, errno, "%s", name);
    for (size_t i = 0; i < RF_ARRAY_LEN(known); i++)
        if ((size_t)got >= known[i].len && memcmp(start, known[i].magic, known[i].len) == 0)
            return rf_hint(
                err, rf_fail(err, RFE_UNSUPPORTED, "%s: compressed with %s", name, known[i].what),
                "it is read in place, so uncompress it first: %s -k %s", known[i].next, name);
    return 0;
}

static int scan_open(struct scan *s, struct rf_err *err)
{
    struct archive *a = archive_read_new();
    if (a == NULL)
        return rf_fail(err, ENOMEM, "%s: out of memory", s->name);
    s->archive = a;
    if (archive_read_support_format_tar(a) != ARCHIVE_OK ||
        archive_read_set_read_callback(a, feed_read) != ARCHIVE_OK ||
        archive_read_set_skip_callback(a, feed_skip) != ARCHIVE_OK ||
        archive_read_set_callback_data(a, &s->feed) != ARCHIVE_OK ||
        archive_read_open1(a) != ARCHIVE_OK)
        return fail_archive(s, err);
    return 0;
}

static struct rf_slice member_key(const void *ctx, uint32_t id)
{
    return rf_slice_str(((const struct rf_tar_index *)ctx)->members[id].name);
}

int rf_tar_index_new(int fd, const char *name, size_t max_members, struct rf_tar_index **out,
                     struct rf_err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return rf_fail_errno(err, errno, "%s", name);
    if (!S_ISREG(st.st_mode))
        return rf_fail(err, RFE_INVALID, "%s: not a regular file", name);
    int rc = check_magic(fd, name, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(scan_release)
    struct scan s = { .feed = { .fd = fd, .size = (uint64_t)st.st_size },
                      .name = name,
                      .max = max_members < RF_NO_ID ? max_members : RF_NO_ID - 1 };
    s.feed.chunk = rf_xmalloc(READ_CHUNK);
    s.t = rf_xcalloc(1, sizeof(*s.t));
    rf_idmap_init(&s.t->by_name, member_key, s.t);
    rc = scan_open(&s, err);
    if (rc == 0)
        rc = scan_entries(&s, err);
    if (rc == 0)
        rc = check_end(&s, err);
    if (rc < 0)
        return rc;
    *out = RF_STEAL(s.t);
    return 0;
}

void rf_tar_index_free(struct rf_tar_index *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->n; i++)
        free(t->members[i].name);
    free(t->members);
    rf_idmap_release(&t->by_name);
    free(t);
}

void rf_tar_index_freep(struct rf_tar_index **t)
{
    rf_tar_index_free(*t);
    *t = NULL;
}

size_t rf_tar_index_count(const struct rf_tar_index *t)
{
    return t->n;
}

const struct rf_tar_member *rf_tar_index_at(const struct rf_tar_index *t, size_t i)
{
    RF_CHECK(i < t->n);
    return &t->members[i];
}

const struct rf_tar_member *rf_tar_index_find(const struct rf_tar_index *t, const char *name)
{
    uint32_t id = rf_idmap_find(&t->by_name, rf_slice_str(name));
    return id != RF_NO_ID ? &t->members[id] : NULL;
}

/* ---- writing headers ---- */

struct header {
    struct rf_buf *out;
    bool done; /* the header is there: what comes after it is not wanted */
    struct archive *archive;
    struct archive_entry *entry;
};

static la_ssize_t header_write(struct archive *a, void *ctx, const void *p, size_t n)
{
    struct header *h = ctx;
    (void)a;
    if (h->done)
        return -1;
    rf_buf_add(h->out, p, n);
    return (la_ssize_t)n;
}

static void header_release(struct header *h)
{
    /* The member is open and has no data: closing would write all its bytes as zeros, the first of which fails. */
    h->done = true;
    if (h->archive != NULL)
        (void)archive_write_free(h->archive);
    if (h->entry != NULL)
        archive_entry_free(h->entry);
}

int rf_tar_header(const char *name, uint64_t size, struct rf_buf *out, struct rf_err *err)
{
    if (size > INT64_MAX - RF_TAR_END - BLOCK)
        return rf_fail(err, RFE_TOO_LARGE, "%s: %llu bytes do not fit a tar member", name,
                       (unsigned long long)size);
    RF_CLEANUP(header_release)
    struct header h = { .out = out, .archive = archive_write_new(), .entry = archive_entry_new() };
    if (h.archive == NULL || h.entry == NULL)
        return rf_fail(err, ENOMEM, "%s: out of memory", name);
    archive_entry_set_pathname(h.entry, name);
    archive_entry_set_filetype(h.entry, AE_IFREG);
    archive_entry_set_perm(h.entry, 0644);
    archive_entry_set_uid(h.entry, 0);
    archive_entry_set_gid(h.entry, 0);
    archive_entry_set_mtime(h.entry, 0, 0);
    archive_entry_set_size(h.entry, (la_int64_t)size);
    if (archive_write_set_format_pax_restricted(h.archive) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(h.archive, 0) != ARCHIVE_OK ||
        archive_write_open(h.archive, &h, NULL, header_write, NULL) != ARCHIVE_OK ||
        archive_write_header(h.archive, h.entry) != ARCHIVE_OK)
        return rf_fail(err, RFE_FAILED, "%s: cannot write a tar header: %s", name,
                       archive_error_string(h.archive));
    if (out->rc < 0)
        return rf_fail(err, -out->rc, "%s: no room for its tar header", name);
    return 0;
}
