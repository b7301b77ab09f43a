/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/layer_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

#define LINKS_MAX 40

/* ---- a file without name ---- */

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
        return rf_fail_errno(err, errno, "%s: a temporary file for a layer", folder);
    *out = fd;
    return 0;
}

int rf_blob_to_file(struct rf_place *p, const char *repo, const struct rf_descriptor *d, int *fd,
                    struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int file = -1;
    int rc = open_temporary(&file, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_fd_at(file, 0, d->size);
    rc = rf_place_get_blob(p, repo, &d->digest, d->size, 0, NULL, sink, err);
    if (rc == 0)
        rc = rf_sink_commit(sink, err);
    if (rc < 0)
        return rc;
    *fd = rf_steal_fd(&file);
    return 0;
}

/* ---- an image's file system ---- */

struct look {
    struct rf_place *place;
    const char *repo;
    const struct rf_manifest *image;
    int *fds; /* by layer, -1: not fetched yet */
    struct rf_sink *sink;
};

static void look_release(struct look *l)
{
    for (size_t i = 0; i < l->image->n_entries; i++)
        rf_closep(&l->fds[i]);
    free(l->fds);
}

static int open_layer(struct look *l, size_t i, struct rf_err *err)
{
    if (l->fds[i] >= 0)
        return 0;
    int rc = rf_blob_to_file(l->place, l->repo, &l->image->entries[i], &l->fds[i], err);
    return rc < 0 ? rf_wrap(err, rc, "failed pulling layer %zu", i) : 0;
}

/* From layer `top` - 1 down. Returns RF_LAYER_FOUND or _LINKED, and the layer. */
static int look_down(struct look *l, size_t top, const char *path, struct rf_layer_entry *out,
                     size_t *layer, struct rf_err *err)
{
    for (size_t i = top; i > 0; i--) {
        int rc = open_layer(l, i - 1, err);
        if (rc < 0)
            return rc;
        rc = rf_layer_tar_find(l->fds[i - 1], "layer", path, out, l->sink, err);
        if (rc == RF_LAYER_DELETED)
            rc = rf_fail(err, RFE_NOT_FOUND, "file deleted");
        if (rc < 0)
            return rf_wrap(err, rc, "failed pulling from layer %zu", i - 1);
        *layer = i - 1;
        if (rc != RF_LAYER_ABSENT)
            return rc;
    }
    return rf_fail(err, RFE_NOT_FOUND, "not found");
}

static int find(struct look *l, const char *path, bool follow, struct rf_layer_entry *out,
                struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *at = rf_layer_path(path);
    size_t top = l->image->n_entries, layer = 0;
    for (unsigned links = 0; links < LINKS_MAX; links++) {
        struct rf_layer_entry entry = { 0 };
        char *next = NULL;
        int rc = look_down(l, top, at, &entry, &layer, err);
        if (rc < 0)
            return rc;
        top = l->image->n_entries;
        if (rc == RF_LAYER_LINKED) {
            next = rf_xstrdup(entry.link);
        } else if (entry.type == '2' && follow) {
            next = rf_layer_follow(at, entry.link);
        } else if (entry.type == '1' && l->sink != NULL) {
            /* A hard link names what its own layer has, or one below. */
            next = rf_layer_path(entry.link);
            top = layer + 1;
        } else {
            *out = entry;
            return 0;
        }
        rf_layer_entry_release(&entry);
        free(at);
        at = next;
    }
    return rf_fail(err, RFE_LOOP, "%s: more than %d links", path, LINKS_MAX);
}

int rf_image_file(struct rf_place *p, const char *repo, const struct rf_manifest *image,
                  const char *path, bool follow, struct rf_layer_entry *out, struct rf_sink *sink,
                  struct rf_err *err)
{
    struct look l = { .place = p, .repo = repo, .image = image, .sink = sink };
    if (image->kind != RF_KIND_IMAGE)
        return rf_fail(err, RFE_UNSUPPORTED, "reference is not a known image media type");
    l.fds = rf_xcalloc(image->n_entries + 1, sizeof(*l.fds));
    for (size_t i = 0; i < image->n_entries; i++)
        l.fds[i] = -1;
    int rc = find(&l, path, follow, out, err);
    look_release(&l);
    return rc;
}
