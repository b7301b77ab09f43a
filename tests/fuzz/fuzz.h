/* SPDX-License-Identifier: Apache-2.0 */
/* Small helpers that several fuzz targets share. */
#ifndef RF_TESTS_FUZZ_FUZZ_H
#define RF_TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a string of its own: cut at the first NUL. The caller frees. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    size_t len = strnlen((const char *)data, size);
    char *text = rf_xmalloc(len + 1);
    memcpy(text, data, len);
    text[len] = '\0';
    return text;
}

/* The input as a file without a name: a descriptor to close, and in *path where it can be opened. */
static inline int fuzz_file(const uint8_t *data, size_t size, char path[64])
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    RF_CHECK(fd >= 0);
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, data + done, size - done);
        RF_CHECK(n > 0);
        done += (size_t)n;
    }
    RF_CHECK(lseek(fd, 0, SEEK_SET) == 0);
    (void)snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

#endif
