/* SPDX-License-Identifier: Apache-2.0 */
#include "export/space.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/file.h"
#include "base/mem.h"
#include "export/partial.h"

#define LEAST (RF_BUNDLE_SIG_SIZE + 8192u) /* of a bundle that carries nothing */
#define FAT_MAGIC 0x4d44ul                 /* FAT12 to FAT32, as msdos or vfat */
#define STATE_SPARE 16384u
/* What a snapshot's file takes of each, with room to spare: it is made anew when it is written. */
#define LINE_BYTES 400u
#define BLOB_BYTES 200u
#define ITEM_BYTES 8u

void rf_spaces_release(struct rf_spaces *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->list[i].path);
    s->n = 0;
}

uint64_t rf_space_file_max(unsigned long type)
{
    return type == FAT_MAGIC ? UINT32_MAX : RF_SPACE_UNKNOWN;
}

/* ---- the file system of a folder that need not exist yet ---- */

struct place {
    dev_t device;
    unsigned long type;
};

/* The folder, or the nearest above it that exists. The caller frees. */
static char *existing(const char *path)
{
    struct stat st;
    char *at = rf_path_absolute(path);
    while (stat(at, &st) < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        char *slash = strrchr(at, '/');
        if (slash == NULL || slash == at)
            break;
        *slash = '\0';
    }
    return at;
}

static int find_place(const char *path, struct place *out, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *at = existing(path);
    struct statfs fs;
    struct stat st;
    if (stat(at, &st) < 0 || statfs(at, &fs) < 0)
        return rf_fail_errno(err, errno, "%s", path);
    *out = (struct place){ .device = st.st_dev, .type = (unsigned long)fs.f_type };
    return 0;
}

static void limit_files(struct rf_space *s, const struct place *at)
{
    struct rlimit limit;
    s->file_max = rf_space_file_max(at->type);
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur < s->file_max) {
        s->file_max = limit.rlim_cur;
        s->process_limit = true;
    }
}

/* ---- what is needed ---- */

/* What the run remembers: the plan until its bundle is whole, and the history's copy of it. */
static uint64_t state_bytes(const struct rf_plan *plan)
{
    if (plan == NULL)
        return STATE_SPARE;
    const struct rf_snapshot *s = plan->snapshot;
    uint64_t snapshot = (uint64_t)s->desired.n * LINE_BYTES + (uint64_t)s->n_blobs * BLOB_BYTES +
                        (uint64_t)s->n_items * ITEM_BYTES;
    uint64_t rules = (uint64_t)plan->rules.n * LINE_BYTES;
    return 2 * (plan->bundle->json_size + snapshot) + rules + STATE_SPARE;
}

static int add_output(struct rf_spaces *s, struct rf_export_state *state, const char *output,
                      const struct rf_plan *plan, const struct place *at, struct rf_err *err)
{
    struct rf_bundle_frame frame;
    struct rf_space *out = &s->list[0];
    *out = (struct rf_space){ .path = rf_xstrdup(output), .file = LEAST };
    s->n = 1;
    RF_CLEANUP(rf_freep)
    char *final = plan != NULL ? rf_partial_final_path(output, plan->bundle) : NULL;
    int rc = rf_free_space(output, &out->there, err);
    if (rc == 0 && plan != NULL) {
        rc = rf_bundle_frame_init(&frame, plan->bundle, err);
        out->file = rc == 0 ? frame.total : 0;
        if (rc == 0)
            rf_bundle_frame_release(&frame);
    }
    if (rc < 0)
        return rc;
    limit_files(out, at);
    if (final != NULL && rf_path_exists(final)) /* it is only looked at */
        return 0;
    uint64_t mine = final != NULL ? rf_partial_set_aside(final) : 0;
    out->needed = out->file > mine ? out->file - mine : 0;
    if (out->there != RF_SPACE_UNKNOWN)
        out->there += rf_export_state_pending_bytes(state, at->device, final);
    return 0;
}

int rf_spaces_look(struct rf_spaces *s, struct rf_export_state *state, const char *output,
                   const struct rf_plan *plan, struct rf_err *err)
{
    struct place out = { 0 }, kept = { 0 };
    uint64_t remembered = state_bytes(plan);
    rf_spaces_release(s);
    int rc = find_place(output, &out, err);
    if (rc == 0)
        rc = find_place(state->dir, &kept, err);
    if (rc == 0)
        rc = add_output(s, state, output, plan, &out, err);
    if (rc < 0)
        return rc;
    if (kept.device == out.device) {
        if (plan != NULL)
            s->list[0].needed += remembered;
        return 0;
    }
    struct rf_space *own = &s->list[s->n++];
    *own = (struct rf_space){ .path = rf_xstrdup(state->dir),
                              .state = true,
                              .needed = remembered,
                              .file = remembered / 2,
                              .file_max = RF_SPACE_UNKNOWN };
    return rf_free_space(state->dir, &own->there, err);
}

/* ---- does it fit ---- */

uint64_t rf_space_short(const struct rf_space *s)
{
    return s->there != RF_SPACE_UNKNOWN && s->needed > s->there ? s->needed - s->there : 0;
}

static int check_one(const struct rf_space *s, struct rf_err *err)
{
    if (s->file > s->file_max && s->needed > 0)
        return rf_fail(
            err, RFE_NO_SPACE,
            "%s: the bundle has %llu bytes, but a file there has at most %llu%s; nothing was written; %s",
            s->path, (unsigned long long)s->file, (unsigned long long)s->file_max,
            s->process_limit ? " by the limit of this process (ulimit -f)" : " on this file system",
            s->process_limit
                ? "raise the limit"
                : "give a folder on another file system, such as exFAT or ext4 (-o DIR)");
    if (rf_space_short(s) == 0)
        return 0;
    return rf_fail(
        err, RFE_NO_SPACE,
        "%s: %llu bytes are needed and %llu are free there: %llu bytes short; nothing was written; %s",
        s->path, (unsigned long long)s->needed, (unsigned long long)s->there,
        (unsigned long long)rf_space_short(s),
        s->state ? "make room, or keep the state elsewhere (--state DIR)"
                 : "make room there, or give another folder (-o DIR)");
}

int rf_spaces_check(const struct rf_spaces *s, struct rf_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s->n; i++)
        rc = check_one(&s->list[i], err);
    return rc;
}
