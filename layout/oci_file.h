/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image-layout tar, or a bundle, as a read-only place. Repositories: of a tar whose index.json names `repository:tag`
 * (bundles), each repository; and "" which sees all entries, its tags being the whole ref.names. blobs are read in place.
 * With repository "", a tag is the whole ref.name, or what stands behind its last ":" when only one digest has that. list_repos tells ""
 * only when some entry belongs to no repository. Sources of open_blob must be freed before the place.
 */
#ifndef RF_LAYOUT_OCI_FILE_H
#define RF_LAYOUT_OCI_FILE_H

#include "layout/place.h"

RF_MUST_USE int rf_oci_file_open(const char *path, struct rf_place **out, struct rf_err *err);

#endif
