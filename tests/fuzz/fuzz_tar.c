/* SPDX-License-Identifier: Apache-2.0 */
/* The tar index: every member that it lists lies inside the file under a harmless name. */
#include "layout/tar_index.h"
#include "tests/fuzz/fuzz.h"

#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = fuzz_file(data, size, path);
    struct rf_tar_index *t = NULL;
    if (rf_tar_index_new(fd, "input", 1000, &t, NULL) == 0) {
        for (size_t i = 0; i < rf_tar_index_count(t); i++) {
            const struct rf_tar_member *m = rf_tar_index_at(t, i);
            RF_CHECK(m->offset <= size && m->size <= size - m->offset);
            RF_CHECK(m->name[0] != '/' && strstr(m->name, "/../") == NULL);
            RF_CHECK(rf_tar_index_find(t, m->name) == m);
        }
        rf_tar_index_free(t);
    }
    (void)close(fd);
    return 0;
}
