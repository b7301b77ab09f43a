/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of image export and import: small images in layouts, and tar files by hand, so that they can be wrong in any way. */
#ifndef RF_TESTS_REGCLIENT_HELPER_TAR_H
#define RF_TESTS_REGCLIENT_HELPER_TAR_H

#include "layout/place.h"
#include "regclient/image_import.h"

/* ---- layouts, in the folder that helper_home.h enters ---- */

struct rf_place *tars_layout(const char *name);
struct rf_digest tars_digest(const char *text);
void tars_put_blob(struct rf_place *p, const char *text);
/* A document that must parse, put under the tag (NULL: as a child). The caller frees. */
struct rf_manifest *tars_put_manifest(struct rf_place *p, const char *tag, const char *text);
/*
 * An image of a config and layers (NULL ends), all put. `types`: OCI ("oci") or Docker ("docker"). extra: more members of the manifest, or "".
 * The caller frees.
 */
struct rf_manifest *tars_put_image(struct rf_place *p, const char *tag, const char *types,
                                   const char *config, const char *const *layers,
                                   const char *extra);
/* An index of these (NULL ends), put under the tag. */
struct rf_manifest *tars_put_index(struct rf_place *p, const char *tag,
                                   const struct rf_manifest *const *children);
/* The digest of the tag; not set when there is none. */
struct rf_digest tars_tag(struct rf_place *p, const char *tag);
/* Everything below the digest is there, byte for byte. */
void tars_assert_whole(struct rf_place *p, const struct rf_digest *digest);
/* The layout has no entry at all, or was never made. */
bool tars_is_untagged(const char *layout);

/* ---- files ---- */

void tars_write(const char *path, struct rf_slice bytes);
/* The whole file, to be released. */
void tars_read(const char *path, struct rf_buf *out);
/* The same bytes behind a compression: "gzip", "bzip2", "zstd". */
void tars_pack(const char *from, const char *to, const char *how);

/* ---- tars by hand ---- */

void tars_add(struct rf_buf *tar, const char *name, char type, const char *link,
              struct rf_slice data);
void tars_file(struct rf_buf *tar, const char *name, const char *text);
void tars_link(struct rf_buf *tar, const char *name, const char *to); /* symbolic */
void tars_blob(struct rf_buf *tar, const char *text); /* blobs/sha256/<its digest> */
void tars_end(struct rf_buf *tar);                    /* the end mark */
/* Names of a tar in its order, one per line; the caller frees. */
char *tars_names(const char *path);
/* The content of one member; the caller frees. */
char *tars_member(const char *path, const char *name);

/* ---- importing ---- */

#define TARS_PACKINGS 4
extern const char *const tars_packings[TARS_PACKINGS]; /* NULL: none */
/* The bytes as t.tar, behind a compression when one is named. */
void tars_save(const struct rf_buf *tar, const char *packing);

struct tars_import {
    const char *tag; /* "v" unless set */
    bool no_tag;
    const struct rf_digest *digest;
    struct rf_import_options opts;
    struct rf_import_result result;
};
int tars_import(const char *path, struct rf_place *dst, struct tars_import *i, struct rf_err *err);
/* Succeeds, and all of it is there. */
void tars_must_import(const char *path, struct rf_place *dst, struct tars_import *i);
/* The file is refused with this one message, which names it, and nothing is tagged. */
void tars_refused(const char *path, struct tars_import *i, int code, const char *text);

#endif
