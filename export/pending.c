/* SPDX-License-Identifier: Apache-2.0 */
/* The pending plan of a state (export/state.h): pending/{request,bundle.json,snapshot}; rules: export/rules_file.h. */
#include "export/state.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "export/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUEST_MAX (1u << 20)

/* ---- request: the key, the bundle's id, then the paths beside which something may be left, a line each ---- */

struct request {
    struct rf_buf text; /* with a NUL instead of each LF */
    const char *key, *id;
    char **files;
    size_t n_files, cap_files;
};

static void request_release(struct request *r)
{
    for (size_t i = 0; i < r->n_files; i++)
        free(r->files[i]);
    free(r->files);
    rf_buf_release(&r->text);
}

static void add_file(struct request *r, const char *path)
{
    if (path[0] == '\0' || strchr(path, '\n') != NULL)
        return; /* cannot be remembered in this form; then it is not */
    for (size_t i = 0; i < r->n_files; i++)
        if (strcmp(r->files[i], path) == 0)
            return;
    r->files = rf_grow(r->files, r->n_files, &r->cap_files, sizeof(*r->files));
    r->files[r->n_files++] = rf_xstrdup(path);
}

/* An absent one, or one cut short, is an empty one: there is no pending plan then. */
static int load_request(struct rf_export_state *s, struct request *r, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_export_state_pending_path(s, "request");
    memset(r, 0, sizeof(*r));
    r->key = r->id = "";
    rf_buf_init(&r->text, REQUEST_MAX);
    int rc = rf_file_read(path, &r->text, err);
    if (rc < 0)
        return rc == -RFE_NOT_FOUND ? 0 : rc;
    char *line = r->text.ptr;
    for (size_t n = 0; *line != '\0'; n++) {
        char *end = strchr(line, '\n');
        if (end == NULL)
            break;
        *end = '\0';
        if (n == 0)
            r->key = line;
        else if (n == 1)
            r->id = line;
        else
            add_file(r, line);
        line = end + 1;
    }
    return 0;
}

static int store_request(struct rf_export_state *s, const char *key, const char *id,
                         const struct request *r, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_export_state_pending_path(s, "request");
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, REQUEST_MAX);
    rf_buf_addf(&text, "%s\n%s\n", key, id);
    for (size_t i = 0; i < r->n_files; i++)
        rf_buf_addf(&text, "%s\n", r->files[i]);
    if (text.rc < 0)
        return rf_fail(err, RFE_TOO_LARGE, "%s would pass %u bytes", path, REQUEST_MAX);
    return rf_file_write(path, rf_buf_slice(&text), 0600, err);
}

/* Except beside `but`. */
static int discard_files(const struct request *r, const char *but, struct rf_err *err)
{
    for (size_t i = 0; i < r->n_files; i++) {
        int rc =
            but != NULL && strcmp(r->files[i], but) == 0 ? 0 : rf_partial_discard(r->files[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- the plan ---- */

/*
 * Killed anywhere between these steps, the request names either the old bundle, which is not there any more, or the new one with all that
 * belongs to it; and it names all paths until nothing is left beside them.
 */
int rf_export_state_set_pending(struct rf_export_state *s, const char *key,
                                const struct rf_bundle *b, const struct rf_snapshot *snap,
                                const char *file, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *bundle = rf_export_state_pending_path(s, "bundle.json");
    RF_CLEANUP(rf_freep) char *snapshot = rf_export_state_pending_path(s, "snapshot");
    RF_CLEANUP(rf_freep) char *path = rf_path_absolute(file);
    RF_CLEANUP(request_release) struct request r;
    char id[RF_DIGEST_TEXT];
    int rc = load_request(s, &r, err);
    add_file(&r, path);
    if (rc == 0)
        rc = rf_bundle_store(b, bundle, err);
    if (rc == 0)
        rc = rf_snapshot_store(snap, snapshot, err);
    if (rc == 0)
        rc = store_request(s, key, rf_digest_text(&b->id, id), &r, err);
    return rc < 0 ? rc : discard_files(&r, path, err);
}

int rf_export_state_add_pending_file(struct rf_export_state *s, const char *file,
                                     struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_path_absolute(file);
    RF_CLEANUP(request_release) struct request r;
    int rc = load_request(s, &r, err);
    add_file(&r, path);
    return rc < 0 ? rc : store_request(s, r.key, r.id, &r, err);
}

/* Once recorded, the documents stand in the history alone. */
static int load_plan(struct rf_export_state *s, const char *id, struct rf_bundle *b,
                     struct rf_snapshot *snap, struct rf_err *err)
{
    const struct rf_export_record *last = rf_export_state_last(s);
    char text[RF_DIGEST_TEXT];
    bool recorded = last != NULL && strcmp(rf_digest_text(&last->id, text), id) == 0;
    RF_CLEANUP(rf_freep)
    char *bundle = recorded ? rf_export_state_bundle_path(s, &last->id)
                            : rf_export_state_pending_path(s, "bundle.json");
    RF_CLEANUP(rf_freep)
    char *snapshot = recorded ? rf_export_state_snapshot_path(s, &last->snapshot)
                              : rf_export_state_pending_path(s, "snapshot");
    int rc = rf_bundle_load(b, bundle, err);
    if (rc == 0)
        rc = rf_snapshot_load(snap, snapshot, err);
    if (rc == 0 &&
        (!rf_digest_eq(&snap->id, &b->snapshot) || strcmp(id, rf_digest_text(&b->id, text)) != 0))
        rc = rf_fail(err, RFE_INVALID, "the recorded plan is not whole");
    return rc;
}

int rf_export_state_get_pending(struct rf_export_state *s, const char *key, struct rf_bundle *b,
                                struct rf_snapshot *snap, struct rf_err *err)
{
    RF_CLEANUP(request_release) struct request r;
    struct rf_err why = RF_ERR_INIT;
    int rc = load_request(s, &r, err);
    if (rc < 0 || strcmp(r.key, key) != 0)
        return rc;
    if (load_plan(s, r.id, b, snap, &why) == 0)
        return 1;
    rf_log(RF_LOG_WARN, "The recorded plan of an earlier run cannot be used; planning anew",
           "error", why.msg, NULL);
    return 0;
}

uint64_t rf_export_state_pending_bytes(struct rf_export_state *s, dev_t device, const char *but)
{
    RF_CLEANUP(request_release) struct request r;
    RF_CLEANUP(rf_freep) char *other = but != NULL ? rf_path_absolute(but) : NULL;
    uint64_t sum = 0;
    if (load_request(s, &r, NULL) < 0)
        return 0;
    for (size_t i = 0; i < r.n_files; i++) {
        RF_CLEANUP(rf_freep) char *path = rf_xasprintf("%s.partial", r.files[i]);
        struct stat st;
        if ((other == NULL || strcmp(r.files[i], other) != 0) && lstat(path, &st) == 0 &&
            st.st_dev == device)
            sum += rf_partial_set_aside(r.files[i]);
    }
    return sum;
}

static int remove_pending(struct rf_export_state *s, const char *name, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_export_state_pending_path(s, name);
    return unlink(path) < 0 && errno != ENOENT ? rf_fail_errno(err, errno, "remove %s", path) : 0;
}

int rf_export_state_clear_pending(struct rf_export_state *s, struct rf_err *err)
{
    RF_CLEANUP(request_release) struct request r;
    int rc = load_request(s, &r, err);
    if (rc == 0)
        rc = discard_files(&r, NULL, err);
    if (rc == 0)
        rc = remove_pending(s, "request", err);
    if (rc == 0)
        rc = remove_pending(s, "bundle.json", err);
    if (rc == 0)
        rc = remove_pending(s, "rules", err);
    return rc < 0 ? rc : remove_pending(s, "snapshot", err);
}

int rf_export_state_finish_pending(struct rf_export_state *s, const struct rf_digest *id, int *told,
                                   struct rf_err *err)
{
    RF_CLEANUP(request_release) struct request r;
    char text[RF_DIGEST_TEXT];
    int rc = load_request(s, &r, err);
    if (rc < 0)
        return rc;
    if (strcmp(r.id, rf_digest_text(id, text)) != 0)
        return rf_export_state_clear_pending(s, err);
    rc = discard_files(&r, NULL, err);
    if (rc == 0)
        rc = remove_pending(s, "bundle.json", err);
    if (rc == 0)
        rc = remove_pending(s, "snapshot", err);
    if (rc == 0)
        rc = remove_pending(s, "rules", err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_freep) char *path = rf_export_state_pending_path(s, "request");
    *told = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    return *told < 0 ? rf_fail_errno(err, errno, "open %s", path) : 0;
}

/* The key's first letter becomes one that no key begins with. */
void rf_export_state_told(int fd)
{
    ssize_t n = fd >= 0 ? pwrite(fd, "-", 1, 0) : 0;
    (void)n; /* not written: the same command once more finds the bundle and says so again */
}
