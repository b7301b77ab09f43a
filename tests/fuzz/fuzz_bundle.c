/* SPDX-License-Identifier: Apache-2.0 */
/* The bundle reader over a whole file. The first byte says whether the rest is a file or a bundle.json alone. */
#include "base/stream.h"
#include "layout/bundle_file.h"
#include "layout/oci_file.h"
#include "tests/fuzz/fuzz.h"

#include <unistd.h>

static void read_document(const uint8_t *data, size_t size)
{
    struct rf_bundle b;
    rf_bundle_init(&b);
    struct rf_source *src = rf_source_mem(rf_slice_of(data, size));
    (void)!rf_bundle_read(src, size, &b, NULL);
    rf_source_free(src);
    rf_bundle_release(&b);
}

static void read_file(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = fuzz_file(data, size, path);
    struct rf_bundle_file *f = NULL;
    if (rf_bundle_file_open(path, &f, NULL) == 0) {
        (void)!rf_bundle_file_verify(f, NULL, NULL, NULL);
        rf_bundle_file_free(f);
    }
    struct rf_place *p = NULL;
    if (rf_oci_file_open(path, &p, NULL) == 0)
        rf_place_free(p);
    (void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == '{')
        read_document(data, size);
    else
        read_file(data, size);
    return 0;
}
