/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before manifests are read: do they fit into what their registries still grant (export/pulls.h), and into the state, which keeps them? What is there
 * already is not read again. Both fail before the first of them is asked for: -RFE_REFUSED, -RFE_NO_SPACE.
 */
#ifndef RF_EXPORT_AHEAD_H
#define RF_EXPORT_AHEAD_H

#include "export/closure.h"

/* The manifests of all lines that the base does not have. What hangs below them is not known yet. */
RF_MUST_USE int rf_ahead_lines(struct rf_closure *c, struct rf_err *err);
/* A level of the walk (rf_graph.ahead). */
RF_MUST_USE int rf_ahead_level(void *closure, const struct rf_graph *g, const uint32_t *nodes,
                               size_t n, struct rf_err *err);

#endif
