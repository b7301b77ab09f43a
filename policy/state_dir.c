/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/state_dir.h"

#include "base/file.h"
#include "base/mem.h"

int rf_state_dir_default(const char *side, const char *site, char **out, struct rf_err *err)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (state != NULL && state[0] == '/') {
        *out = rf_xasprintf("%s/regferry/%s/%s", state, side, site);
        return 0;
    }
    if (home == NULL || home[0] != '/')
        return rf_fail(
            err, RFE_CONFIG,
            "neither XDG_STATE_HOME nor HOME says where the state belongs; give --state DIR");
    *out = rf_xasprintf("%s/.local/state/regferry/%s/%s", home, side, site);
    return 0;
}

/* Each folder in `dir`. */
static int for_folders(const char *dir, const char *const *folders, size_t n,
                       int (*act)(const char *path, struct rf_err *err), struct rf_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        RF_CLEANUP(rf_freep) char *path = rf_path_join(dir, folders[i]);
        rc = act(path, err);
    }
    return rc;
}

static int make_private(const char *path, struct rf_err *err)
{
    return rf_mkdirs(path, 0700, err);
}

int rf_state_dir_open(const char *dir, const char *const *folders, size_t n, unsigned wait_ms,
                      int *lock, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_path_join(dir, "lock");
    int rc = for_folders(dir, folders, n, make_private, err);
    if (rc == 0)
        rc = rf_lock_file(path, true, wait_ms, lock, err);
    if (rc == 0)
        rc = rf_file_sweep(dir, err);
    return rc < 0 ? rc : for_folders(dir, folders, n, rf_file_sweep, err);
}

int rf_state_dir_claim(const char *dir, const char *site, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_path_join(dir, "site");
    RF_CLEANUP(rf_freep) char *line = rf_xasprintf("%s\n", site);
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 256);
    int rc = rf_file_read(path, &text, err);
    if (rc == -RFE_NOT_FOUND)
        return rf_file_write(path, rf_slice_str(line), 0600, err);
    if (rc < 0)
        return rc;
    if (strcmp(text.ptr, line) == 0)
        return 0;
    while (text.len > 0 && text.ptr[text.len - 1] == '\n')
        text.ptr[--text.len] = '\0';
    return rf_fail(
        err, RFE_USAGE,
        "--state %s is the state of site %s, not of %s; give each site a folder of its own", dir,
        text.ptr, site);
}
