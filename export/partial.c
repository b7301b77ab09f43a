/* SPDX-License-Identifier: Apache-2.0 */
#include "export/partial.h"

#include "base/cancel.h"
#include "base/file.h"
#include "base/lines.h"
#include "base/mem.h"
#include "base/text.h"
#include "layout/tar_index.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (1u << 20)

char *rf_partial_final_path(const char *dir, const struct rf_bundle *bundle)
{
    RF_CLEANUP(rf_freep) char *name = rf_bundle_file_name(bundle);
    return rf_path_join(dir, name);
}

void rf_partial_free(struct rf_partial *p)
{
    if (p == NULL)
        return;
    rf_closep(&p->fd);
    rf_closep(&p->journal);
    rf_bundle_frame_release(&p->frame);
    free(p->claimed);
    free(p->dir);
    free(p->name);
    free(p->path);
    free(p->journal_path);
    free(p);
}

void rf_partial_freep(struct rf_partial **p)
{
    rf_partial_free(*p);
    *p = NULL;
}

/* ---- the journal: "bundle <id>", then "<digest> <bytes>" ---- */

static void claim(struct rf_partial *p, struct rf_slice line)
{
    const char *space = memchr(line.ptr, ' ', line.len);
    struct rf_digest d;
    uint64_t bytes;
    if (space == NULL ||
        rf_digest_parse(rf_slice_of(line.ptr, (size_t)(space - line.ptr)), &d, NULL) < 0)
        return;
    struct rf_slice number = rf_slice_of(space + 1, line.len - (size_t)(space + 1 - line.ptr));
    const struct rf_bundle_blob *blob = rf_bundle_find(p->bundle, &d);
    if (blob != NULL && rf_parse_u64(number, blob->size, &bytes, NULL) == 0)
        p->claimed[blob - p->bundle->blobs] = bytes;
}

/* A journal of another bundle, or one cut off in its first line, claims nothing. */
static int read_journal(struct rf_partial *p, struct rf_err *err)
{
    int fd = -1;
    uint64_t size;
    char text[RF_DIGEST_TEXT], head[RF_DIGEST_TEXT + 8];
    int rc = rf_file_open(p->journal_path, &fd, &size, err);
    if (rc == -RFE_NOT_FOUND)
        return 0;
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_fd_owned(fd, 0, size);
    struct rf_lines lines;
    struct rf_slice line;
    (void)snprintf(head, sizeof(head), "bundle %s", rf_digest_text(&p->bundle->id, text));
    rf_lines_init(&lines, src, 4096);
    rc = rf_lines_next(&lines, &line, err);
    if (rc > 0 && rf_slice_is(line, head)) {
        while ((rc = rf_lines_next(&lines, &line, err)) > 0)
            if (!lines.ended)
                claim(p, line);
    }
    rf_lines_release(&lines);
    return rc < 0 && rc != -RFE_TOO_LARGE
               ? rc
               : 0; /* a power cut may leave anything: that claims nothing */
}

static int start_journal(struct rf_partial *p, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    char digest[RF_DIGEST_TEXT];
    rf_buf_init(&text, 64u << 20);
    rf_buf_addf(&text, "bundle %s\n", rf_digest_text(&p->bundle->id, digest));
    for (size_t i = 0; i < p->bundle->n_blobs; i++)
        if (p->claimed[i] > 0)
            rf_buf_addf(&text, "%s %llu\n", rf_digest_text(&p->bundle->blobs[i].digest, digest),
                        (unsigned long long)p->claimed[i]);
    /* ours alone, by the lock on the partial file; a fixed name, so that a killed run leaves nothing that nobody knows */
    RF_CLEANUP(rf_freep) char *fresh = rf_xasprintf("%s.new", p->journal_path);
    rf_closep(&p->journal);
    p->journal =
        open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (p->journal < 0)
        return rf_fail_errno(err, errno, "%s", fresh);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_fd(p->journal);
    int rc = rf_sink_write(sink, text.ptr, text.len, err);
    if (rc == 0 && rename(fresh, p->journal_path) < 0)
        rc = rf_fail_errno(err, errno, "%s", p->journal_path);
    return rc < 0 ? rf_wrap(err, rc, "%s", fresh) : 0;
}

static int note(struct rf_partial *p, size_t i, uint64_t bytes, struct rf_err *err)
{
    char digest[RF_DIGEST_TEXT], line[RF_DIGEST_TEXT + 24];
    int n =
        snprintf(line, sizeof(line), "%s %llu\n",
                 rf_digest_text(&p->bundle->blobs[i].digest, digest), (unsigned long long)bytes);
    ssize_t done =
        write(p->journal, line, (size_t)n); /* one write: lines of several threads do not mix */
    if (done == n)
        return 0;
    return rf_fail_errno(err, done < 0 ? errno : ENOSPC, "%s", p->journal_path);
}

/* ---- opening ---- */

uint64_t rf_partial_set_aside(const char *final_path)
{
    RF_CLEANUP(rf_freep) char *path = rf_xasprintf("%s.partial", final_path);
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_blocks * 512u : 0;
}

static int fail_size(struct rf_partial *p, int errnum, struct rf_err *err)
{
    char a[16];
    int rc =
        rf_fail_errno(err, errnum, "%s: set %s aside", p->path, rf_text_size(p->frame.total, a));
    return errnum == EFBIG
               ? rf_hint(err, rc, "this file system cannot hold so large a file; give another -o")
               : rc;
}

static int reserve(struct rf_partial *p, struct rf_err *err)
{
    if (ftruncate(p->fd, (off_t)p->frame.total) < 0)
        return fail_size(p, errno, err);
    /* so that the disk is found to be too small now rather than in the last hour; not every file system can */
    if (fallocate(p->fd, 0, 0, (off_t)p->frame.total) < 0 && (errno == ENOSPC || errno == EDQUOT))
        return fail_size(p, errno, err);
    return 0;
}

/* Headers and paddings, which nothing else writes. */
static int write_frame(struct rf_partial *p, struct rf_err *err)
{
    static const char zeros[RF_TAR_END];
    RF_CLEANUP(rf_buf_release) struct rf_buf header;
    RF_CLEANUP(rf_sink_freep) struct rf_sink *head = rf_sink_fd_at(p->fd, 0, p->frame.blobs_at);
    rf_buf_init(&header, 65536);
    int rc = rf_bundle_emit_head(p->bundle, head, err);
    if (rc == 0)
        rc = rf_sink_commit(head, err);
    for (size_t i = 0; rc == 0 && i < p->bundle->n_blobs; i++) {
        const struct rf_bundle_blob *blob = &p->bundle->blobs[i];
        uint64_t at = p->frame.blob_at[i];
        if (blob->travel != RF_TRAVEL_CARRIED)
            continue;
        rf_buf_clear(&header);
        rc = rf_bundle_blob_header(blob, &header, err);
        if (rc == 0)
            rc = rf_pwrite_full(p->fd, header.ptr, header.len, at - header.len, err);
        size_t padding = (size_t)(rf_tar_padded(blob->size) - blob->size);
        if (rc == 0 && padding > 0)
            rc = rf_pwrite_full(p->fd, zeros, padding, at + blob->size, err);
    }
    if (rc == 0)
        rc = rf_pwrite_full(p->fd, zeros, RF_TAR_END, p->frame.total - RF_TAR_END, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", p->path) : 0;
}

static void set_names(struct rf_partial *p)
{
    free(p->name);
    free(p->path);
    free(p->journal_path);
    p->name = rf_bundle_file_name(p->bundle);
    p->path = rf_xasprintf("%s/%s.partial", p->dir, p->name);
    p->journal_path = rf_xasprintf("%s/%s.journal", p->dir, p->name);
}

/* One writer at a time: two states may lead to the same bundle in the same folder. */
static int open_locked(struct rf_partial *p, bool *fresh, struct rf_err *err)
{
    struct stat st, there;
    *fresh = !rf_path_exists(p->path);
    p->fd = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (p->fd < 0)
        return rf_fail_errno(err, errno, "%s", p->path);
    bool mine = flock(p->fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    if (fstat(p->fd, &st) < 0)
        return rf_fail_errno(err, errno, "%s", p->path);
    if (!S_ISREG(st.st_mode))
        return rf_fail(err, RFE_INVALID, "%s: not a regular file", p->path);
    if (mine && lstat(p->path, &there) == 0 && st.st_dev == there.st_dev &&
        st.st_ino == there.st_ino)
        return 0;
    *fresh = false;
    return rf_fail(err, RFE_BUSY, "%s: another process is writing it; wait for it", p->path);
}

static int fill(struct rf_partial *p, struct rf_err *err)
{
    int rc = reserve(p, err);
    if (rc == 0)
        rc = write_frame(p, err);
    return rc < 0 ? rc : start_journal(p, err);
}

int rf_partial_open(const char *dir, const struct rf_bundle *bundle, struct rf_partial **out,
                    struct rf_err *err)
{
    RF_CLEANUP(rf_partial_freep) struct rf_partial *p = rf_xcalloc(1, sizeof(*p));
    bool fresh = false;
    p->fd = p->journal = -1;
    p->bundle = bundle;
    p->dir = rf_xstrdup(dir);
    p->claimed = rf_xcalloc(bundle->n_blobs + 1, sizeof(*p->claimed));
    set_names(p);
    int rc = rf_bundle_frame_init(&p->frame, bundle, err);
    if (rc == 0)
        rc = rf_mkdirs(dir, 0777, err);
    if (rc == 0)
        rc = open_locked(p, &fresh, err);
    if (rc == 0 && !fresh)
        rc = read_journal(p, err);
    if (rc == 0)
        rc = fill(p, err);
    if (rc < 0) {
        if (fresh)
            (void)unlink(p->path);
        return rc;
    }
    *out = RF_STEAL(p);
    return 0;
}

static int remove_file(const char *path, struct rf_err *err)
{
    return unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR
               ? rf_fail_errno(err, errno, "remove %s", path)
               : 0;
}

int rf_partial_discard(const char *final_path, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_xasprintf("%s.partial", final_path);
    RF_CLEANUP(rf_freep) char *journal = rf_xasprintf("%s.journal", final_path);
    RF_CLEANUP(rf_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return 0;
    RF_CLEANUP(rf_freep) char *fresh = rf_xasprintf("%s.new", journal);
    int rc = remove_file(path, err);
    if (rc == 0)
        rc = remove_file(journal, err);
    return rc < 0 ? rc : remove_file(fresh, err);
}

int rf_partial_hash(struct rf_partial *p, size_t i, uint64_t n, struct rf_hasher **hasher,
                    struct rf_err *err)
{
    RF_CLEANUP(rf_hasher_freep)
    struct rf_hasher *h = rf_hasher_new(p->bundle->blobs[i].digest.algo);
    RF_CLEANUP(rf_freep) char *chunk = rf_xmalloc(CHUNK);
    for (uint64_t done = 0; done < n;) {
        size_t part = n - done < CHUNK ? (size_t)(n - done) : CHUNK;
        int rc = rf_pread_full(p->fd, chunk, part, p->frame.blob_at[i] + done, err);
        if (rc == 0)
            rc = rf_cancel_check(err);
        if (rc < 0)
            return rf_wrap(err, rc, "%s", p->path);
        rf_hasher_update(h, chunk, part);
        done += part;
    }
    *hasher = RF_STEAL(h);
    return 0;
}

/* ---- a member being written ---- */

struct member_sink {
    struct rf_sink sink;
    struct rf_partial *p;
    size_t blob;
    uint64_t at, noted;
    int *disk;
};

static int member_write(struct rf_sink *s, const void *bytes, size_t n, struct rf_err *err)
{
    struct member_sink *m = (struct member_sink *)s;
    uint64_t size = m->p->bundle->blobs[m->blob].size;
    if (n > size - m->at)
        return rf_fail(err, RFE_SIZE_MISMATCH, "more than the %llu bytes that its descriptor says",
                       (unsigned long long)size);
    int rc = rf_pwrite_full(m->p->fd, bytes, n, m->p->frame.blob_at[m->blob] + m->at, err);
    if (rc < 0)
        *m->disk = rf_wrap(err, rc, "%s", m->p->path);
    else
        m->at += n;
    if (rc == 0 && m->at - m->noted >= RF_JOURNAL_STEP) {
        rc = note(m->p, m->blob, m->at, err);
        m->noted = m->at;
        if (rc < 0)
            *m->disk = rc;
    }
    return rc;
}

static int member_commit(struct rf_sink *s, struct rf_err *err)
{
    struct member_sink *m = (struct member_sink *)s;
    if (m->at != m->p->bundle->blobs[m->blob].size)
        return rf_fail(err, RFE_SIZE_MISMATCH, "fewer bytes than its descriptor says");
    int rc = note(m->p, m->blob, m->at, err);
    if (rc < 0)
        *m->disk = rc;
    return rc;
}

static void member_free(struct rf_sink *s)
{
    free(s);
}

static const struct rf_sink_ops member_ops = { .write = member_write,
                                               .commit = member_commit,
                                               .free = member_free };

struct rf_sink *rf_partial_sink(struct rf_partial *p, size_t i, uint64_t offset, int *disk)
{
    struct member_sink *m = rf_xcalloc(1, sizeof(*m));
    m->sink.ops = &member_ops;
    m->p = p;
    m->blob = i;
    m->at = m->noted = offset;
    m->disk = disk;
    return &m->sink;
}

/* ---- another layout ---- */

/* Moves n bytes within the file; regions may overlap. */
static int move_bytes(struct rf_partial *p, uint64_t from, uint64_t to, uint64_t n,
                      struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *chunk = rf_xmalloc(CHUNK);
    for (uint64_t done = 0; done < n && from != to;) {
        size_t part = n - done < CHUNK ? (size_t)(n - done) : CHUNK;
        uint64_t at = from > to ? done : n - done - part; /* towards the end: from the end */
        int rc = rf_pread_full(p->fd, chunk, part, from + at, err);
        if (rc == 0)
            rc = rf_pwrite_full(p->fd, chunk, part, to + at, err);
        if (rc < 0)
            return rf_wrap(err, rc, "%s", p->path);
        done += part;
    }
    return 0;
}

struct move {
    uint64_t from, to, size;
};

/*
 * Members keep their order in every layout, so those that go towards the start are moved first to last and those that go
 * towards the end last to first; neither overwrites what has not moved yet.
 */
static int move_all(struct rf_partial *p, const struct move *moves, size_t n, struct rf_err *err)
{
    int rc = 0;
    for (size_t i = n; rc == 0 && i-- > 0;)
        if (moves[i].to > moves[i].from)
            rc = move_bytes(p, moves[i].from, moves[i].to, moves[i].size, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (moves[i].to < moves[i].from)
            rc = move_bytes(p, moves[i].from, moves[i].to, moves[i].size, err);
    return rc;
}

int rf_partial_move(struct rf_partial *p, const struct rf_bundle *bundle, const bool *done,
                    struct rf_err *err)
{
    const struct rf_bundle *old = p->bundle;
    struct rf_bundle_frame frame;
    int rc = rf_bundle_frame_init(&frame, bundle, err);
    if (rc < 0)
        return rc;
    struct move *moves = rf_xcalloc(old->n_blobs + 1, sizeof(*moves));
    uint64_t *claimed = rf_xcalloc(bundle->n_blobs + 1, sizeof(*claimed));
    size_t n = 0;
    for (size_t i = 0; i < old->n_blobs; i++) {
        const struct rf_bundle_blob *blob =
            done[i] ? rf_bundle_find(bundle, &old->blobs[i].digest) : NULL;
        if (blob == NULL || blob->travel != RF_TRAVEL_CARRIED)
            continue;
        size_t to = (size_t)(blob - bundle->blobs);
        moves[n++] = (struct move){ .from = p->frame.blob_at[i],
                                    .to = frame.blob_at[to],
                                    .size = blob->size };
        claimed[to] = blob->size;
    }
    uint64_t larger = frame.total > p->frame.total ? frame.total : p->frame.total;
    if (ftruncate(p->fd, (off_t)larger) < 0)
        rc = rf_fail_errno(err, errno, "%s", p->path);
    if (rc == 0)
        rc = move_all(p, moves, n, err);
    free(moves);
    free(p->claimed);
    p->claimed = claimed;
    rf_bundle_frame_release(&p->frame);
    p->frame = frame;
    p->bundle = bundle;
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_freep) char *old_path = rf_xstrdup(p->path);
    RF_CLEANUP(rf_freep) char *old_journal = rf_xstrdup(p->journal_path);
    set_names(p);
    if (rename(old_path, p->path) < 0)
        return rf_fail_errno(err, errno, "%s", p->path);
    rc = fill(p, err);
    return rc < 0 ? rc : remove_file(old_journal, err);
}

int rf_partial_finish(struct rf_partial *p, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *final = rf_path_join(p->dir, p->name);
    int rc = rf_fsync_fd(p->fd, p->path, err);
    if (rc == 0)
        rc = rf_rename_new(p->path, final, err);
    return rc < 0 ? rc : remove_file(p->journal_path, err);
}
