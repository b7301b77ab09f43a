/* SPDX-License-Identifier: Apache-2.0 */
/* Checking the ground before any write: what the bundle builds on must be readable at the destination. */
#ifndef RF_IMPORT_GROUND_H
#define RF_IMPORT_GROUND_H

#include "import/run.h"

/*
 * Reads a byte of each assumed blob and each assumed manifest, and of the images that did not change their manifests and (req->check) blobs. Everything
 * that is missing is collected in run->missing, by image. Fails with -RFE_GROUND_MISSING when something is, otherwise only when it could not be told. With
 * req->complete_only these images are marked in run->lacking instead, unless none is left.
 */
RF_MUST_USE int rf_ground_check(struct rf_import_run *r, struct rf_err *err);
/* Write permission for every repository that is to be written, asked without writing. */
RF_MUST_USE int rf_ground_can_write(struct rf_import_run *r, struct rf_err *err);

#endif
