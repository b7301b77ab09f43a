/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/tar_write.h"

#include "base/idmap.h"
#include "base/mem.h"
#include "layout/tar_index.h"

struct rf_tar_writer {
    struct rf_sink *out;
    struct rf_strings folders; /* written already, with their "/" */
    struct rf_buf header;
    bool open;     /* a member is being written */
    bool finished; /* the end mark is there */
};

struct rf_tar_writer *rf_tar_writer_new(struct rf_sink *out)
{
    struct rf_tar_writer *w = rf_xcalloc(1, sizeof(*w));
    w->out = out;
    rf_strings_init(&w->folders);
    rf_buf_init(&w->header, 0);
    return w;
}

void rf_tar_writer_free(struct rf_tar_writer *w)
{
    if (w == NULL)
        return;
    rf_strings_release(&w->folders);
    rf_buf_release(&w->header);
    free(w);
}

void rf_tar_writer_freep(struct rf_tar_writer **w)
{
    rf_tar_writer_free(*w);
    *w = NULL;
}

/* A member that was not committed is not whole: nothing may follow it. */
static int check_ready(const struct rf_tar_writer *w, const char *name, struct rf_err *err)
{
    RF_CHECK(!w->finished);
    if (w->open)
        return rf_fail(err, RFE_FAILED, "%s: the member before it is not whole", name);
    return 0;
}

int rf_tar_writer_folder(struct rf_tar_writer *w, const char *name, struct rf_err *err)
{
    int rc = check_ready(w, name, err);
    for (size_t at = 0; rc == 0 && name[at] != '\0';) {
        size_t n = strcspn(name + at, "/");
        at += n;
        RF_CLEANUP(rf_freep) char *folder = rf_xasprintf("%.*s/", (int)at, name);
        at += name[at] == '/';
        if (rf_strings_find(&w->folders, rf_slice_str(folder)) != RF_NO_ID)
            continue;
        rf_buf_clear(&w->header);
        rc = rf_tar_folder_header(folder, &w->header, err);
        if (rc == 0)
            rc = rf_sink_write(w->out, w->header.ptr, w->header.len, err);
        if (rc == 0)
            rf_strings_add(&w->folders, rf_slice_str(folder));
    }
    return rc;
}

/* ---- members ---- */

struct member_sink {
    struct rf_sink base;
    struct rf_tar_writer *writer;
    uint64_t size, done;
};

static int member_write(struct rf_sink *s, const void *p, size_t n, struct rf_err *err)
{
    struct member_sink *m = (struct member_sink *)s;
    if (n > m->size - m->done)
        return rf_fail(err, RFE_SIZE_MISMATCH, "more than the %llu bytes of the member",
                       (unsigned long long)m->size);
    int rc = rf_sink_write(m->writer->out, p, n, err);
    if (rc == 0)
        m->done += n;
    return rc;
}

static int member_commit(struct rf_sink *s, struct rf_err *err)
{
    static const char zero[512];
    struct member_sink *m = (struct member_sink *)s;
    if (m->done != m->size)
        return rf_fail(err, RFE_SIZE_MISMATCH, "want %llu bytes, got %llu",
                       (unsigned long long)m->size, (unsigned long long)m->done);
    size_t padding = (size_t)(rf_tar_padded(m->size) - m->size);
    int rc = padding > 0 ? rf_sink_write(m->writer->out, zero, padding, err) : 0;
    if (rc == 0)
        m->writer->open = false;
    return rc;
}

static void member_free(struct rf_sink *s)
{
    free(s);
}

int rf_tar_writer_member(struct rf_tar_writer *w, const char *name, uint64_t size,
                         struct rf_sink **out, struct rf_err *err)
{
    static const struct rf_sink_ops ops = { member_write, member_commit, member_free };
    int rc = check_ready(w, name, err);
    if (rc < 0)
        return rc;
    rf_buf_clear(&w->header);
    rc = rf_tar_header(name, size, &w->header, err);
    if (rc == 0)
        rc = rf_sink_write(w->out, w->header.ptr, w->header.len, err);
    if (rc < 0)
        return rc;
    struct member_sink *m = rf_xcalloc(1, sizeof(*m));
    m->base.ops = &ops;
    m->writer = w;
    m->size = size;
    w->open = true;
    *out = &m->base;
    return 0;
}

int rf_tar_writer_file(struct rf_tar_writer *w, const char *name, struct rf_slice bytes,
                       struct rf_err *err)
{
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    int rc = rf_tar_writer_member(w, name, bytes.len, &sink, err);
    if (rc == 0 && bytes.len > 0)
        rc = rf_sink_write(sink, bytes.ptr, bytes.len, err);
    return rc < 0 ? rc : rf_sink_commit(sink, err);
}

int rf_tar_writer_finish(struct rf_tar_writer *w, struct rf_err *err)
{
    static const char zero[RF_TAR_END];
    int rc = check_ready(w, "the end", err);
    if (rc == 0)
        rc = rf_sink_write(w->out, zero, sizeof(zero), err);
    if (rc == 0)
        w->finished = true;
    return rc;
}
