/* SPDX-License-Identifier: Apache-2.0 */
/* Images that the bundle takes for unchanged: the destination has to have them still. Part of checking the ground (import/ground.h). */
#ifndef RF_IMPORT_STANDING_H
#define RF_IMPORT_STANDING_H

#include "import/run.h"

/*
 * Gets every manifest of these images from the repository of the image, by digest, and (req->check) reads a byte of each blob they name there. What is
 * missing, or is not what its digest says, goes to run->missing, by image. Fails only when it could not be told.
 */
RF_MUST_USE int rf_standing_check(struct rf_import_run *r, struct rf_err *err);

#endif
