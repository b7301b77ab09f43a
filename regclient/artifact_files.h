/* SPDX-License-Identifier: Apache-2.0 */
/* Files and folders of this machine stored as the blobs of an artifact. */
#ifndef RF_REGCLIENT_ARTIFACT_FILES_H
#define RF_REGCLIENT_ARTIFACT_FILES_H

#include "layout/place.h"

struct rf_artifact_file {
    const char *
        path; /* of a file, or of a folder, which becomes a tar.gz that is the same everywhere (layout/tar_pack.h) */
    const char *media_type;
    bool title;      /* say its name in the title annotation; a folder's ends in "/" */
    bool strip_dirs; /* of the name, only the last part */
};
/* Stores it unless it is there, and describes it. *out: rf_descriptor_release. -RFE_NOT_FOUND. */
RF_MUST_USE int rf_artifact_file_put(struct rf_place *p, const char *repo,
                                     const struct rf_artifact_file *file, struct rf_descriptor *out,
                                     struct rf_err *err);
/* The title of such a file. The caller frees. */
char *rf_artifact_file_title(const char *path, bool folder, bool strip_dirs);

#endif
