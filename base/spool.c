/* SPDX-License-Identifier: Apache-2.0 */
#include "base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

struct rf_spool {
    struct rf_sink sink;
    struct rf_hasher *hash;
    struct rf_buf memory; /* used until it is too small: all of it moves to the file then */
    int fd;
    uint64_t size;
    struct rf_digest digest;
};

static int open_temporary(int *out, struct rf_err *err)
{
    const char *folder = getenv("TMPDIR");
    if (folder == NULL || folder[0] == '\0')
        folder = "/tmp";
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        RF_CLEANUP(rf_freep) char *name = rf_xasprintf("%s/regferry-XXXXXX", folder);
        /* allowed: it loses its name at once; a sink would give it one */
        fd = mkostemp(name, O_CLOEXEC);
        if (fd >= 0)
            (void)unlink(name);
    }
    if (fd < 0)
        return rf_fail_errno(err, errno, "%s: a temporary file", folder);
    *out = fd;
    return 0;
}

static int move_to_file(struct rf_spool *s, struct rf_err *err)
{
    int rc = open_temporary(&s->fd, err);
    if (rc == 0)
        rc = rf_pwrite_full(s->fd, s->memory.ptr, s->memory.len, 0, err);
    rf_buf_release(&s->memory);
    return rc;
}

static int spool_write(struct rf_sink *sink, const void *p, size_t n, struct rf_err *err)
{
    struct rf_spool *s = (struct rf_spool *)sink; /* its first member */
    int rc = 0;
    if (s->fd < 0 && n > RF_SPOOL_MEMORY - s->memory.len)
        rc = move_to_file(s, err);
    if (rc == 0 && s->fd >= 0)
        rc = rf_pwrite_full(s->fd, p, n, s->size, err);
    if (rc < 0)
        return rc;
    if (s->fd < 0)
        rf_buf_add(&s->memory, p, n);
    rf_hasher_update(s->hash, p, n);
    s->size += n;
    return 0;
}

static int spool_commit(struct rf_sink *sink, struct rf_err *err)
{
    struct rf_spool *s = (struct rf_spool *)sink;
    (void)err;
    rf_hasher_final(s->hash, &s->digest);
    return 0;
}

static void keep(struct rf_sink *sink)
{
    (void)sink;
}

struct rf_spool *rf_spool_new(uint8_t algo)
{
    static const struct rf_sink_ops ops = { spool_write, spool_commit, keep };
    struct rf_spool *s = rf_xcalloc(1, sizeof(*s));
    s->sink.ops = &ops;
    s->hash = rf_hasher_new(algo);
    s->fd = -1;
    rf_buf_init(&s->memory, RF_SPOOL_MEMORY);
    return s;
}

void rf_spool_free(struct rf_spool *s)
{
    if (s == NULL)
        return;
    rf_hasher_free(s->hash);
    rf_buf_release(&s->memory);
    rf_closep(&s->fd);
    free(s);
}

void rf_spool_freep(struct rf_spool **s)
{
    rf_spool_free(*s);
    *s = NULL;
}

struct rf_sink *rf_spool_sink(struct rf_spool *s)
{
    return &s->sink;
}

const struct rf_digest *rf_spool_digest(const struct rf_spool *s)
{
    RF_CHECK(s->sink.committed);
    return &s->digest;
}

uint64_t rf_spool_size(const struct rf_spool *s)
{
    return s->size;
}

struct rf_source *rf_spool_source(struct rf_spool *s)
{
    RF_CHECK(s->sink.committed);
    return s->fd < 0 ? rf_source_mem(rf_buf_slice(&s->memory)) : rf_source_fd(s->fd, 0, s->size);
}
