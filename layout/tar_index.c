/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/tar_index.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/idmap.h"
#include "base/mem.h"
#include "base/text.h"
#include "layout/tar_reader.h"

#define BLOCK 512u
#define NAME_LEN_MAX 4096
#define NAME_LEN_MEAN 128 /* all names together: this much per member at most */
#define SHOWN 200         /* bytes of a foreign name in a message */

struct rf_tar_index {
    struct rf_tar_member *members;
    size_t n, cap;
    struct rf_idmap by_name;
    enum rf_tar_packing packing;
};

/* ---- one pass over the headers ---- */

struct scan {
    struct rf_tar_index *t;
    struct rf_tar_reader reader;
    const char *name; /* of the file, for messages */
    unsigned flags;
    size_t max, seen;
    size_t names; /* bytes left for names */
    uint64_t end; /* where the last member's padding ends */
};

static void scan_release(struct scan *s)
{
    rf_tar_reader_release(&s->reader);
    rf_tar_index_freep(&s->t);
}

static int fail_member(struct scan *s, const char *member, struct rf_err *err, const char *why)
{
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(member), SHOWN);
    return rf_fail(err, RFE_INVALID, "%s: member \"%s\" %s", s->name, shown, why);
}

/* Why a name is refused, or NULL. A folder's name may end in "/". */
const char *rf_tar_name_fault(const char *name, size_t len)
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

enum kind { KIND_FILE, KIND_FOLDER, KIND_SYMLINK, KIND_HARDLINK, KIND_ODD };

static enum kind kind_of(struct archive_entry *e)
{
    if (archive_entry_hardlink(e) != NULL)
        return KIND_HARDLINK;
    switch (archive_entry_filetype(e)) {
    case AE_IFREG:
        return KIND_FILE;
    case AE_IFDIR:
        return KIND_FOLDER;
    case AE_IFLNK:
        return KIND_SYMLINK;
    default:
        return KIND_ODD;
    }
}

static const char *kind_fault(const struct scan *s, struct archive_entry *e)
{
    enum kind kind = kind_of(e);
    if (kind == KIND_HARDLINK && (s->flags & RF_TAR_LINKS) == 0)
        return "is a hard link";
    if (archive_entry_sparse_count(e) > 0)
        return "is a sparse file";
    if (kind == KIND_SYMLINK && (s->flags & RF_TAR_LINKS) == 0)
        return "is a symbolic link";
    if (kind != KIND_ODD)
        return NULL;
    switch (archive_entry_filetype(e)) {
    case AE_IFIFO:
        return "is a FIFO";
    case AE_IFCHR:
    case AE_IFBLK:
        return "is a device";
    default:
        return "is of a kind that does not belong here";
    }
}

/*
 * Where a link leads, as the name of a member: a symbolic link's target starts at its own folder, a hard link's at the top. NULL when it
 * leads out of the file, or nowhere.
 */
static char *link_target(const char *name, const char *target, bool symbolic)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, (size_t)2 * NAME_LEN_MAX);
    if (target == NULL || target[0] == '/')
        return NULL;
    const char *slash = symbolic ? strrchr(name, '/') : NULL;
    if (slash != NULL)
        rf_buf_add(&b, name, (size_t)(slash - name));
    for (const char *at = target; *at != '\0';) {
        size_t n = strcspn(at, "/");
        if (n == 2 && at[0] == '.' && at[1] == '.') {
            char *last = strrchr(b.ptr, '/');
            if (b.len == 0)
                return NULL;
            b.len = last != NULL ? (size_t)(last - b.ptr) : 0;
            b.ptr[b.len] = '\0';
        } else if (n > 0 && !(n == 1 && at[0] == '.')) {
            rf_buf_addf(&b, "%s%.*s", b.len > 0 ? "/" : "", (int)n, at);
        }
        at += n + (at[n] == '/');
    }
    if (b.rc < 0 || b.len == 0 || rf_tar_name_fault(b.ptr, b.len) != NULL)
        return NULL;
    return rf_buf_take(&b, NULL);
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
static int check_header(struct scan *s, const char *member, enum kind kind, struct rf_err *err)
{
    static const char types[] = {
        [KIND_FILE] = '7', [KIND_FOLDER] = '5', [KIND_SYMLINK] = '2', [KIND_HARDLINK] = '1'
    };
    unsigned char block[BLOCK];
    if (s->end < BLOCK || s->end % BLOCK != 0)
        return fail_member(s, member, err, "does not start at a block of its own");
    int rc = rf_pread_full(s->reader.fd, block, BLOCK, s->end - BLOCK, err);
    if (rc < 0)
        return rf_wrap(err, rc, "%s", s->name);
    unsigned long sum = 0, stated = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : block[i];
    for (size_t i = 148; i < 156; i++)
        if (block[i] >= '0' && block[i] <= '7')
            stated = stated * 8 + (unsigned long)(block[i] - '0');
    char type = (char)block[156];
    bool linked = kind == KIND_SYMLINK || kind == KIND_HARDLINK;
    bool plain = type == types[kind] || (!linked && (type == '0' || type == '\0'));
    if (sum != stated || !plain)
        return fail_member(s, member, err, "is not stored as a plain file or folder");
    if (kind != KIND_FILE && !size_is_zero(block))
        return fail_member(s, member, err,
                           linked ? "is a link with content" : "is a folder with content");
    return 0;
}

/* s->end is where the member's data starts. *link is taken over. */
static int add_member(struct scan *s, const char *name, uint64_t size, char **link,
                      struct rf_err *err)
{
    bool in_place = s->t->packing == RF_TAR_PLAIN;
    if (in_place && (s->end > s->reader.size || size > s->reader.size - s->end)) {
        RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(name), SHOWN);
        return rf_fail(err, RFE_INVALID,
                       "%s: cut off: member \"%s\" has %llu bytes from offset %llu on, the file "
                       "ends at %llu",
                       s->name, shown, (unsigned long long)size, (unsigned long long)s->end,
                       (unsigned long long)s->reader.size);
    }
    struct rf_tar_index *t = s->t;
    size_t length = strlen(name) + (*link != NULL ? strlen(*link) : 0);
    if (rf_idmap_find(&t->by_name, rf_slice_str(name)) != RF_NO_ID)
        return fail_member(s, name, err, "comes twice");
    if (length > s->names)
        return rf_fail(err, RFE_TOO_LARGE, "%s: too many long names", s->name);
    s->names -= length;
    t->members = rf_grow(t->members, t->n, &t->cap, sizeof(*t->members));
    t->members[t->n] = (struct rf_tar_member){ .name = rf_xstrdup(name),
                                               .offset = in_place ? s->end : 0,
                                               .size = size,
                                               .link = RF_STEAL(*link) };
    rf_idmap_add(&t->by_name, (uint32_t)t->n++);
    s->end += rf_tar_padded(size);
    return 0;
}

static int add_link(struct scan *s, const char *plain, struct archive_entry *e, enum kind kind,
                    struct rf_err *err)
{
    bool symbolic = kind == KIND_SYMLINK;
    const char *target = symbolic ? archive_entry_symlink(e) : archive_entry_hardlink(e);
    RF_CLEANUP(rf_freep) char *link = link_target(plain, target, symbolic);
    if (link == NULL)
        return fail_member(s, plain, err, "is a link that leads out of the file");
    if (archive_entry_size(e) > 0)
        return fail_member(s, plain, err, "is a link with content");
    return add_member(s, plain, 0, &link, err);
}

static int scan_entry(struct scan *s, struct archive_entry *e, struct rf_err *err)
{
    const char *name = archive_entry_pathname(e);
    if (name == NULL || name[0] == '\0')
        return rf_fail(err, RFE_INVALID, "%s: a member without a name", s->name);
    const char *fault = kind_fault(s, e);
    enum kind kind = kind_of(e);
    const char *plain = rf_tar_plain_name(name);
    bool root = kind == KIND_FOLDER && (plain[0] == '\0' || strcmp(plain, ".") == 0);
    if (fault == NULL && !root)
        fault = rf_tar_name_fault(plain, strlen(plain));
    if (fault == NULL && kind == KIND_FILE &&
        (!archive_entry_size_is_set(e) || archive_entry_size(e) < 0))
        fault = "has no size";
    if (fault != NULL)
        return fail_member(s, name, err, fault);
    s->end = (uint64_t)archive_filter_bytes(s->reader.archive, 0);
    int rc = s->t->packing == RF_TAR_PLAIN ? check_header(s, name, kind, err) : 0;
    if (rc < 0 || kind == KIND_FOLDER)
        return rc;
    if (kind != KIND_FILE)
        return add_link(s, plain, e, kind, err);
    char *no_link = NULL;
    return add_member(s, plain, (uint64_t)archive_entry_size(e), &no_link, err);
}

static int scan_entries(struct scan *s, struct rf_err *err)
{
    for (;;) {
        struct archive_entry *e = NULL;
        int rc = rf_tar_reader_next(&s->reader, &e, err);
        if (rc <= 0)
            return rc;
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
    if (s->end > s->reader.size || s->reader.size - s->end < BLOCK)
        return rf_fail(err, RFE_INVALID, "%s: cut off: the tar has no end mark", s->name);
    int rc = rf_pread_full(s->reader.fd, block, BLOCK, s->end, err);
    if (rc < 0)
        return rf_wrap(err, rc, "%s", s->name);
    if (memcmp(block, zero, BLOCK) != 0)
        return rf_fail(err, RFE_INVALID, "%s: no end mark behind the last member", s->name);
    return 0;
}

static struct rf_slice member_key(const void *ctx, uint32_t id)
{
    return rf_slice_str(((const struct rf_tar_index *)ctx)->members[id].name);
}

int rf_tar_index_open(int fd, const char *name, unsigned flags, size_t max_members,
                      struct rf_tar_index **out, struct rf_err *err)
{
    struct stat st;
    enum rf_tar_packing packing = RF_TAR_PLAIN;
    if (fstat(fd, &st) < 0)
        return rf_fail_errno(err, errno, "%s", name);
    if (!S_ISREG(st.st_mode))
        return rf_fail(err, RFE_INVALID, "%s: not a regular file", name);
    int rc = rf_tar_packing_of(fd, name, &packing, err);
    if (rc < 0)
        return rc;
    if (packing == RF_TAR_XZ || (packing != RF_TAR_PLAIN && (flags & RF_TAR_PACKED) == 0))
        return rf_tar_fail_packing(packing, name, err);
    RF_CLEANUP(scan_release)
    struct scan s = { .name = name,
                      .flags = flags,
                      .max = max_members < RF_NO_ID ? max_members : RF_NO_ID - 1 };
    s.names = (s.max < SIZE_MAX / NAME_LEN_MEAN - NAME_LEN_MAX ? s.max : 0) * NAME_LEN_MEAN +
              (size_t)16 * NAME_LEN_MAX;
    s.t = rf_xcalloc(1, sizeof(*s.t));
    s.t->packing = packing;
    rf_idmap_init(&s.t->by_name, member_key, s.t);
    rc = rf_tar_reader_open(&s.reader, fd, name, packing, err);
    if (rc == 0)
        rc = scan_entries(&s, err);
    if (rc == 0 && packing == RF_TAR_PLAIN)
        rc = check_end(&s, err);
    if (rc < 0)
        return rc;
    *out = RF_STEAL(s.t);
    return 0;
}

int rf_tar_index_new(int fd, const char *name, size_t max_members, struct rf_tar_index **out,
                     struct rf_err *err)
{
    return rf_tar_index_open(fd, name, 0, max_members, out, err);
}

void rf_tar_index_free(struct rf_tar_index *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->n; i++) {
        free(t->members[i].name);
        free(t->members[i].link);
    }
    free(t->members);
    rf_idmap_release(&t->by_name);
    free(t);
}

void rf_tar_index_freep(struct rf_tar_index **t)
{
    rf_tar_index_free(*t);
    *t = NULL;
}

enum rf_tar_packing rf_tar_index_packing(const struct rf_tar_index *t)
{
    return t->packing;
}

const char *rf_tar_plain_name(const char *name)
{
    return strncmp(name, "./", 2) == 0 ? name + 2 : name;
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

static int write_header(const char *name, bool folder, uint64_t size, struct rf_buf *out,
                        struct rf_err *err)
{
    if (size > INT64_MAX - RF_TAR_END - BLOCK)
        return rf_fail(err, RFE_TOO_LARGE, "%s: %llu bytes do not fit a tar member", name,
                       (unsigned long long)size);
    RF_CLEANUP(header_release)
    struct header h = { .out = out, .archive = archive_write_new(), .entry = archive_entry_new() };
    if (h.archive == NULL || h.entry == NULL)
        return rf_tar_fail_start(name, err);
    archive_entry_set_pathname(h.entry, name);
    archive_entry_set_filetype(h.entry, folder ? AE_IFDIR : AE_IFREG);
    archive_entry_set_perm(h.entry, folder ? 0755 : 0644);
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

int rf_tar_header(const char *name, uint64_t size, struct rf_buf *out, struct rf_err *err)
{
    return write_header(name, false, size, out, err);
}

int rf_tar_folder_header(const char *name, struct rf_buf *out, struct rf_err *err)
{
    return write_header(name, true, 0, out, err);
}
