/* SPDX-License-Identifier: Apache-2.0 */
/* What an import is asked to do. Made by the program; only read here. */
#ifndef RF_IMPORT_REQUEST_H
#define RF_IMPORT_REQUEST_H

#include "layout/bundle_file.h"
#include "policy/verdict.h"
#include "regclient/client.h"

enum rf_import_check { RF_CHECK_BLOBS, RF_CHECK_MANIFESTS };

struct rf_ahead;
struct rf_import_request {
    struct rf_place *to;    /* the destination; NULL for looking at the bundle alone */
    struct rf_ahead *ahead; /* `to` is this one's place (import/ahead.h); NULL: the real one */
    const char *to_name;    /* as given: "registry.example/mirror", for messages and the record */
    const char *to_dir;     /* the folder that it is; NULL: a registry, or it is not known */
    const char *prefix;     /* before every repository, without "/" at the ends; "" = none */
    const char *state_dir;  /* of the site; NULL: no state is kept */
    const char *site;       /* the bundle must be of this one; NULL: any */
    const char *receipt; /* the receipt also goes to this file, or folder; NULL: the state alone */
    bool allow_unsigned, allow_older, stream;
    struct rf_verdicts *policy; /* its accept() decides what is taken; NULL: everything is */
    bool complete_only;         /* take the images whose ground is whole, leave the others */
    enum rf_import_check check; /* how far images that did not change are checked */
    unsigned parallel;          /* 0 = 4 */
    bool list_all;              /* reports: also what does not change, line by line */
    /* Bytes that are free where `path` is or would be; NULL: rf_free_space (base/room.h). */
    int (*free_space)(const char *path, uint64_t *bytes, struct rf_err *err);
    void (*phase)(void *ctx, const char *what, uint64_t total_bytes);
    void (*progress)(void *ctx, uint64_t bytes);
    void *progress_ctx;
};

#endif
