/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/artifact_save.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "layout/layer_tar.h"
#include "layout/out_folder.h"
#include "layout/tar_unpack.h"
#include "regclient/blob_stream.h"

/* ---- which ---- */

static bool is_among(const char *text, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text != NULL && strcmp(text, list[i]) == 0)
            return true;
    return n == 0;
}

size_t rf_artifact_layers(const struct rf_manifest *m, const struct rf_artifact_wanted *wanted,
                          size_t *chosen)
{
    size_t found = 0;
    for (size_t i = 0; i < m->n_entries; i++) {
        const struct rf_descriptor *d = &m->entries[i];
        if (is_among(d->media_type, wanted->media_types, wanted->n_media_types) &&
            is_among(rf_descriptor_annotation(d, RF_ANNOTATION_TITLE), wanted->titles,
                     wanted->n_titles))
            chosen[found++] = i;
    }
    return found;
}

/* ---- where to ---- */

int rf_artifact_path(const struct rf_descriptor *layer, bool strip, char **out, bool *unpack,
                     struct rf_err *err)
{
    const char *title = rf_descriptor_annotation(layer, RF_ANNOTATION_TITLE);
    const char *mark = rf_descriptor_annotation(layer, RF_ANNOTATION_UNPACK);
    char hex[RF_DIGEST_TEXT];
    if (title == NULL || title[0] == '\0')
        title = rf_digest_hex(&layer->digest, hex);
    int rc = rf_out_folder_check(title, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_freep) char *path = rf_layer_path(title);
    bool archive = title[strlen(title) - 1] == '/' || (mark != NULL && strcmp(mark, "true") == 0);
    if (path[0] == '\0' && !archive)
        return rf_fail(err, RFE_INVALID, "\"%s\" is not the name of a file", title);
    const char *slash = strrchr(path, '/');
    const char *last = slash != NULL ? slash + 1 : path;
    *out = rf_xstrdup(!strip ? path : archive ? "" : last);
    *unpack = archive;
    return 0;
}

/* ---- one file ---- */

static int save_file(struct rf_place *p, const char *repo, const struct rf_descriptor *layer,
                     int root, const char *path, struct rf_err *err)
{
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    int rc = rf_out_folder_file(root, path, &sink, err);
    if (rc == 0)
        rc = rf_place_get_blob(p, repo, &layer->digest, layer->size, 0, NULL, sink, err);
    return rc < 0 ? rc : rf_sink_commit(sink, err);
}

/* ---- an archive ---- */

/* A new folder in `dirfd`, of a name that nobody else uses. */
static int make_temporary(int dirfd, char **out, struct rf_err *err)
{
    for (unsigned tries = 0; tries < 100; tries++) {
        char *name = rf_xasprintf(RF_FILE_TEMP_PREFIX "%ld-%llu-%u", (long)getpid(),
                                  (unsigned long long)rf_now_ms(), tries);
        if (mkdirat(dirfd, name, 0777) == 0) {
            *out = name;
            return 0;
        }
        int e = errno;
        free(name);
        if (e != EEXIST)
            return rf_fail_errno(err, e, "a folder to unpack into");
    }
    return rf_fail_errno(err, EEXIST, "a folder to unpack into");
}

static int unpack_into(struct rf_place *p, const char *repo, const struct rf_descriptor *layer,
                       int folder, size_t *left_out, struct rf_err *err)
{
    RF_CLEANUP(rf_source_freep) struct rf_source *src = NULL;
    struct rf_tar_unpack how = { .packed = layer->size };
    int rc = rf_blob_stream_open(p, repo, &layer->digest, layer->size, &src, err);
    if (rc == 0)
        rc = rf_tar_unpack(src, "layer", folder, &how, err);
    if (rc == 0)
        rc = rf_blob_stream_prove(src, err);
    *left_out += how.left_out;
    return rc;
}

/* Beside what is there, and moved into it once the digest is known to be right. */
static int save_archive(struct rf_place *p, const char *repo, const struct rf_descriptor *layer,
                        int root, const char *path, size_t *left_out, struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int target = -1;
    RF_CLEANUP(rf_closep) int fresh = -1;
    int rc = rf_out_folder_below(root, path, true, &target, err);
    RF_CLEANUP(rf_freep) char *temporary = NULL;
    if (rc == 0)
        rc = make_temporary(target, &temporary, err);
    if (rc < 0)
        return rc;
    rc = rf_out_folder_below(target, temporary, false, &fresh, err);
    if (rc == 0)
        rc = unpack_into(p, repo, layer, fresh, left_out, err);
    if (rc == 0)
        rc = rf_out_folder_move(fresh, target, err);
    struct rf_err e = RF_ERR_INIT;
    int removed = rf_out_folder_remove(target, temporary, &e);
    if (rc == 0 && removed < 0) {
        if (err != NULL)
            *err = e;
        rc = removed;
    }
    return rc;
}

int rf_artifact_save(struct rf_place *p, const char *repo, const struct rf_descriptor *layer,
                     int root, bool strip, size_t *left_out, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = NULL;
    bool unpack = false;
    char text[RF_DIGEST_TEXT];
    int rc = rf_artifact_path(layer, strip, &path, &unpack, err);
    if (rc == 0)
        rc = unpack ? save_archive(p, repo, layer, root, path, left_out, err)
                    : save_file(p, repo, layer, root, path, err);
    return rc < 0 ? rf_wrap(err, rc, "layer %s", rf_digest_text(&layer->digest, text)) : 0;
}
