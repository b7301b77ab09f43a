/* SPDX-License-Identifier: Apache-2.0 */
/* An archive of a stranger unpacked: whatever it holds, nothing beside the folder changes, and no link in it leads out. */
#include "base/file.h"
#include "layout/out_folder.h"
#include "layout/tar_unpack.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNPACKED_MAX (1u << 20)

static char inside[PATH_MAX]; /* the folder, without links in its path */

static int look(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    char to[PATH_MAX];
    (void)kind, (void)at;
    RF_CHECK(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) || S_ISLNK(st->st_mode));
    if (!S_ISLNK(st->st_mode) || realpath(path, to) == NULL)
        return 0;
    size_t n = strlen(inside);
    RF_CHECK(strncmp(to, inside, n) == 0 && (to[n] == '\0' || to[n] == '/'));
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char above[] = "/tmp/rf-fuzz-XXXXXX";
    struct rf_err err = RF_ERR_INIT;
    struct rf_tar_unpack u = { .packed = size, .max = UNPACKED_MAX };
    RF_CHECK(mkdtemp(above) != NULL);
    RF_CLEANUP(rf_freep) char *folder = rf_xasprintf("%s/in", above);
    RF_CLEANUP(rf_closep) int outer = -1;
    RF_CLEANUP(rf_closep) int root = -1;
    RF_CHECK(mkdir(folder, 0700) == 0 && realpath(folder, inside) != NULL);
    RF_CHECK(rf_out_folder_open(above, &outer, NULL) == 0 &&
             rf_out_folder_open(folder, &root, NULL) == 0);
    RF_CLEANUP(rf_source_freep)
    struct rf_source *src = rf_source_mem(rf_slice_of(data, size));
    int rc = rf_tar_unpack(src, "input", root, &u, &err);
    if (rc < 0)
        RF_CHECK(err.code == -rc && err.msg[0] != '\0');
    RF_CHECK(nftw(folder, look, 16, FTW_PHYS) == 0);
    RF_CHECK(rf_out_folder_remove(outer, "in", NULL) == 0);
    /* It was alone in there. */
    RF_CHECK(rmdir(above) == 0);
    return 0;
}
