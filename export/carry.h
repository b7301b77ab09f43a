/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the policy's carry() which of the selected lines travel. Part of the walk (export/closure.h). */
#ifndef RF_EXPORT_CARRY_H
#define RF_EXPORT_CARRY_H

#include "export/closure.h"

/*
 * Marks the usable lines that carry() refuses. A line whose documents cannot be read becomes a hole. Without a policy, or a carry() in it, nothing happens.
 * Fails when the run has to end.
 */
RF_MUST_USE int rf_carry_ask(struct rf_closure *c, struct rf_err *err);

#endif
