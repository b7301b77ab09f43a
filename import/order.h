/* SPDX-License-Identifier: Apache-2.0 */
/* Several bundles at once, as a shell lists them, in the order in which they build on each other. */
#ifndef RF_IMPORT_ORDER_H
#define RF_IMPORT_ORDER_H

#include <stddef.h>

/*
 * Sorts the paths of bundles: those of one chain by their sequence, a repair before the bundle that it repairs; chains stay in the order in which they first
 * appear, and so does what is equal. When one of them cannot be opened, all stay as they are: whoever opens it next says why.
 */
void rf_import_order(char **paths, size_t n);

#endif
