/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of an artifact: which of its layers are wanted, how they are named, and written below a folder. Names come from strangers: they are
 * cleaned, and neither they nor what an archive among them holds leads out of the folder. Nothing appears before its digest was right.
 */
#ifndef RF_REGCLIENT_ARTIFACT_SAVE_H
#define RF_REGCLIENT_ARTIFACT_SAVE_H

#include "layout/place.h"

#define RF_ANNOTATION_TITLE "org.opencontainers.image.title"
#define RF_ANNOTATION_UNPACK "io.deis.oras.content.unpack"

/* All borrowed; an empty list says nothing. */
struct rf_artifact_wanted {
    const char *const *titles; /* one of these */
    size_t n_titles;
    const char *const *media_types; /* and one of these */
    size_t n_media_types;
};
/* Layers of an image manifest that are wanted, in their order; `chosen` holds n_entries. Returns their number. */
size_t rf_artifact_layers(const struct rf_manifest *m, const struct rf_artifact_wanted *wanted,
                          size_t *chosen);
/*
 * The clean path that a layer is written to: its title, else its digest in hex. *unpack: it is an archive for that folder (a title that ends in "/",
 * or the annotation RF_ANNOTATION_UNPACK). strip: the last part alone, of an archive nothing. *out belongs to the caller. -RFE_INVALID.
 */
RF_MUST_USE int rf_artifact_path(const struct rf_descriptor *layer, bool strip, char **out,
                                 bool *unpack, struct rf_err *err);
/* Writes the layer below the open folder `root`. *left_out counts members of archives that were neither file, folder nor link. */
RF_MUST_USE int rf_artifact_save(struct rf_place *p, const char *repo,
                                 const struct rf_descriptor *layer, int root, bool strip,
                                 size_t *left_out, struct rf_err *err);

#endif
