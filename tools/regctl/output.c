/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/regctl/output.h"

#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/spool.h"
#include "policy/object/object_tar.h"

static bool is_stdout(const char *path)
{
    return path == NULL || path[0] == '\0' || strcmp(path, "-") == 0;
}

int regctl_pour_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                     uint64_t size, struct rf_err *err)
{
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_fd(STDOUT_FILENO);
    (void)fflush(stdout);
    int rc = rf_place_get_blob(p, repo, digest, size, 0, NULL, sink, err);
    return rc < 0 ? rc : rf_sink_commit(sink, err);
}

int regctl_save_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                     uint64_t size, const char *path, struct rf_err *err)
{
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    if (is_stdout(path))
        return regctl_pour_blob(p, repo, digest, size, err);
    int rc = rf_file_sink(path, 0666, true, &sink, err);
    if (rc == 0)
        rc = rf_place_get_blob(p, repo, digest, size, 0, NULL, sink, err);
    return rc < 0 ? rc : rf_sink_commit(sink, err);
}

/* ---- files of layers ---- */

static int check_type(const struct regctl_file_output *how, const struct rf_layer_entry *entry,
                      struct rf_err *err)
{
    return entry->type == '0' ? 0 : rf_fail(err, RFE_UNSUPPORTED, "%s is not a file", how->name);
}

static int print_by_format(const struct regctl_file_output *how, regctl_find_file find, void *ctx,
                           struct rf_err *err)
{
    RF_CLEANUP(rf_layer_entry_release) struct rf_layer_entry entry = { 0 };
    RF_CLEANUP(rf_buf_release) struct rf_buf content;
    rf_buf_init(&content, RF_TAR_FILE_CONTENT_MAX);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(&content);
    int rc = find(ctx, &entry, sink, err);
    if (rc < 0)
        return rc;
    const struct rf_tar_file_object object = { .entry = &entry, .content = rf_buf_slice(&content) };
    const struct rf_value v = rf_value_object(&rf_type_tar_file, &object);
    return regctl_print(how->format, &v, NULL, err);
}

/* Held back until it is known to be right. */
static int print_bytes(const struct regctl_file_output *how, regctl_find_file find, void *ctx,
                       struct rf_err *err)
{
    RF_CLEANUP(rf_layer_entry_release) struct rf_layer_entry entry = { 0 };
    RF_CLEANUP(rf_spool_freep) struct rf_spool *spool = rf_spool_new(RF_DIGEST_SHA256);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *out = rf_sink_fd(STDOUT_FILENO);
    RF_CLEANUP(rf_source_freep) struct rf_source *src = NULL;
    int rc = find(ctx, &entry, rf_spool_sink(spool), err);
    if (rc == 0)
        rc = check_type(how, &entry, err);
    if (rc == 0)
        rc = rf_sink_commit(rf_spool_sink(spool), err);
    if (rc < 0)
        return rc;
    src = rf_spool_source(spool);
    rc = rf_stream_copy(src, out, NULL, err);
    return rc < 0 ? rc : rf_sink_commit(out, err);
}

static int save_bytes(const struct regctl_file_output *how, regctl_find_file find, void *ctx,
                      struct rf_err *err)
{
    RF_CLEANUP(rf_layer_entry_release) struct rf_layer_entry entry = { 0 };
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    int rc = rf_file_sink(how->output, 0666, true, &sink, err);
    if (rc == 0)
        rc = find(ctx, &entry, sink, err);
    if (rc == 0)
        rc = check_type(how, &entry, err);
    return rc < 0 ? rc : rf_sink_commit(sink, err);
}

int regctl_print_file(const struct regctl_file_output *how, regctl_find_file find, void *ctx,
                      struct rf_err *err)
{
    if (how->format != NULL && how->format[0] != '\0')
        return print_by_format(how, find, ctx, err);
    return is_stdout(how->output) ? print_bytes(how, find, ctx, err)
                                  : save_bytes(how, find, ctx, err);
}

/* ---- differences ---- */

void regctl_print_diff(const struct rf_buf *a, const struct rf_buf *b, int64_t context, bool full)
{
    const struct rf_diff_options how = { .context = context > 0 ? (size_t)context : 0,
                                         .full = full };
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, SIZE_MAX);
    rf_diff_text(rf_buf_slice(a), rf_buf_slice(b), &how, &out);
    if (out.len == 0)
        rf_buf_add_char(&out, '\n');
    regctl_print_text(&out);
}
