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
/*
 * For who found nothing at all at the destination: an empty registry answers at /v2/, and a server that merely stands where one should be does not, such as
 * a proxy whose registry is down. -RFE_PROTOCOL then; 0 for layouts and whenever it cannot be told.
 */
RF_MUST_USE int rf_ground_is_registry(const struct rf_import_request *req, struct rf_err *err);
/* Write permission for every repository that is to be written, asked without writing. */
RF_MUST_USE int rf_ground_can_write(struct rf_import_run *r, struct rf_err *err);

#endif
