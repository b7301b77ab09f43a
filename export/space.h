/* SPDX-License-Identifier: Apache-2.0 */
/* Room for a bundle: what the folder that it goes to has to hold, and the state's folder. Looked at before anything is written there. */
#ifndef RF_EXPORT_SPACE_H
#define RF_EXPORT_SPACE_H

#include "base/room.h"
#include "export/plan.h"

/* What writing the plan's bundle into the folder takes, the folder first, and what is free. plan NULL: the least that any bundle does. */
RF_MUST_USE int rf_space_look(struct rf_rooms *rooms, struct rf_export_state *state,
                              const char *output, const struct rf_plan *plan, struct rf_err *err);

#endif
