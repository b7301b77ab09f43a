/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of selecting share (export/select.h). */
#ifndef RF_EXPORT_SELECT_PRIVATE_H
#define RF_EXPORT_SELECT_PRIVATE_H

#include "export/select.h"

/* Lines of all items. One that cannot be listed is a hole. Fails for cancelling only. */
RF_MUST_USE int rf_selection_expand(struct rf_selection *s, struct rf_err *err);

/* Adds a line with its pick. Returns its index. */
size_t rf_selection_add(struct rf_selection *s, const struct rf_image *im,
                        const struct rf_pick *pick);
/* A pick as the item asks for it. */
struct rf_pick rf_selection_pick(const struct rf_selection *s, size_t item, uint32_t where);
/* In wanted.strings; NULL is "". */
uint32_t rf_selection_text(struct rf_selection *s, const char *text);
/* What bundles call the source: by its tag, or by the digest. */
uint32_t rf_selection_source(struct rf_selection *s, const struct rf_location *l, const char *tag,
                             const struct rf_digest *digest);

#endif
