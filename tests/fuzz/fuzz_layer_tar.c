/* SPDX-License-Identifier: Apache-2.0 */
/* A layer looked into for some paths: what is found has the path that was asked for, and links lead on by clean paths. */
#include "layout/layer_tar.h"
#include "tests/fuzz/fuzz.h"

#include <unistd.h>

static void look(int fd, size_t size, const char *path)
{
    RF_CLEANUP(rf_layer_entry_release) struct rf_layer_entry e = { 0 };
    RF_CLEANUP(rf_buf_release) struct rf_buf content;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&content, 1u << 20);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(&content);
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_fd(fd, 0, size);
    int rc = rf_layer_tar_find(src, "layer", path, &e, sink, &err);
    if (rc < 0)
        RF_CHECK(err.code == -rc && err.msg[0] != '\0' && e.name == NULL);
    if (rc == RF_LAYER_FOUND) {
        RF_CLEANUP(rf_freep) char *name = rf_layer_path(e.name);
        RF_CHECK(strcmp(name, path) == 0);
        RF_CHECK(e.type == '0' || content.len == 0);
    }
    if (rc == RF_LAYER_LINKED) {
        RF_CLEANUP(rf_freep) char *clean = rf_layer_path(e.link);
        RF_CHECK(strcmp(clean, e.link) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = fuzz_file(data, size, path);
    look(fd, size, "etc/passwd");
    look(fd, size, "a");
    look(fd, size, "bin/sh");
    (void)close(fd);
    return 0;
}
