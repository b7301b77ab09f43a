/* SPDX-License-Identifier: Apache-2.0 */
/* For targets that open a path and follow no links: one file of this process, written over and over. */
#ifndef RF_TESTS_FUZZ_FUZZ_PATH_H
#define RF_TESTS_FUZZ_FUZZ_PATH_H

#include <stdlib.h>

#include "base/buf.h"
#include "tests/fuzz/fuzz.h"

static char fuzz_path_name[32];

static inline void fuzz_path_remove(void)
{
    (void)unlink(fuzz_path_name);
}

/* The path of a file that holds exactly these bytes, until the next call. */
static inline const char *fuzz_path(struct rf_slice bytes)
{
    static int fd = -1;
    if (fd < 0) {
        (void)snprintf(fuzz_path_name, sizeof(fuzz_path_name), "%s/rf-fuzz-XXXXXX",
                       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        fd = mkstemp(fuzz_path_name);
        RF_CHECK(fd >= 0 && atexit(fuzz_path_remove) == 0);
    }
    RF_CHECK(ftruncate(fd, 0) == 0);
    for (size_t done = 0; done < bytes.len;) {
        ssize_t n = pwrite(fd, bytes.ptr + done, bytes.len - done, (off_t)done);
        RF_CHECK(n > 0);
        done += (size_t)n;
    }
    return fuzz_path_name;
}

#endif
