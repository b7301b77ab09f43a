/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/artifact_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "layout/tar_pack.h"
#include "regclient/artifact_save.h"
#include "regclient/blob_put.h"
#include "regclient/gzip.h"

#define CHUNK ((size_t)64 << 10)

char *rf_artifact_file_title(const char *path, bool folder, bool strip_dirs)
{
    size_t n = strlen(path);
    if (!folder || !strip_dirs)
        return rf_xasprintf(
            "%s%s", strip_dirs && strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path,
            folder && n > 0 && path[n - 1] != '/' ? "/" : "");
    while (n > 1 && path[n - 1] == '/')
        n--;
    size_t start = n;
    while (start > 0 && path[start - 1] != '/')
        start--;
    return rf_xasprintf("%.*s/", (int)(n - start), path + start);
}

/* ---- what is not read twice ---- */

static int put_spool(struct rf_blob_put *put, struct rf_spool *spool, struct rf_err *err)
{
    int rc = rf_sink_commit(rf_spool_sink(spool), err);
    return rc < 0 ? rc : rf_blob_put_spool(put, spool, err);
}

static int put_folder(struct rf_blob_put *put, const char *path, struct rf_err *err)
{
    RF_CLEANUP(rf_spool_freep) struct rf_spool *spool = rf_spool_new(RF_DIGEST_SHA256);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *packed = rf_gzip_sink(rf_spool_sink(spool), false);
    int rc = rf_tar_pack(path, packed, err);
    if (rc == 0)
        rc = rf_sink_commit(packed, err);
    return rc < 0 ? rc : put_spool(put, spool, err);
}

static int put_pipe(struct rf_blob_put *put, int fd, struct rf_err *err)
{
    RF_CLEANUP(rf_spool_freep) struct rf_spool *spool = rf_spool_new(RF_DIGEST_SHA256);
    RF_CLEANUP(rf_freep) char *chunk = rf_xmalloc(CHUNK);
    for (;;) {
        int rc = rf_cancel_check(err);
        if (rc < 0)
            return rc;
        ssize_t n = read(fd, chunk, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rf_fail_errno(err, errno, "read");
        if (n == 0)
            return put_spool(put, spool, err);
        rc = rf_sink_write(rf_spool_sink(spool), chunk, (size_t)n, err);
        if (rc < 0)
            return rc;
    }
}

static int put_path(struct rf_blob_put *put, const char *path, bool *folder, struct rf_err *err)
{
    struct stat st;
    RF_CLEANUP(rf_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return rf_fail_errno(err, errno, "%s", path);
    *folder = S_ISDIR(st.st_mode);
    if (*folder)
        return put_folder(put, path, err);
    return S_ISREG(st.st_mode) ? rf_blob_put_fd(put, fd, err) : put_pipe(put, fd, err);
}

int rf_artifact_file_put(struct rf_place *p, const char *repo, const struct rf_artifact_file *file,
                         struct rf_descriptor *out, struct rf_err *err)
{
    struct rf_blob_put put = { .place = p, .repo = repo, .ask = true };
    bool folder = false;
    int rc = put_path(&put, file->path, &folder, err);
    if (rc < 0)
        return rc;
    *out = (struct rf_descriptor){ .media_type = rf_xstrdup(file->media_type),
                                   .digest = put.digest,
                                   .size = put.size };
    if (file->title) {
        RF_CLEANUP(rf_freep)
        char *title = rf_artifact_file_title(file->path, folder, file->strip_dirs);
        json_t *text = json_string(title);
        if (text == NULL) {
            rf_descriptor_release(out);
            return rf_fail(err, RFE_INVALID, "%s: a title must be UTF-8", file->path);
        }
        out->annotations = json_object();
        json_object_set_new(out->annotations, RF_ANNOTATION_TITLE, text);
    }
    return 0;
}
