/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The maps of old tags, tags/<bundle>-<place>.json in import's state: for each tag that a bundle moved at a destination, what it was and what it became.
 * Written before the first tag moves, read to take the bundle back.
 *
 *     rf_tag_map_init(&m);  rf_tag_map_load(state, &id, to, &m, err);  ...  rf_tag_map_release(&m);
 */
#ifndef RF_IMPORT_TAG_MAP_H
#define RF_IMPORT_TAG_MAP_H

#include "import/state.h"

struct rf_tag_map {
    struct rf_digest bundle;
    struct rf_digest before; /* the bundle that had been applied last; not set: none */
    uint64_t after;          /* so many records there were up to that one's last; 0: none */
    bool taken_back;
    char *to, *time;         /* time: when it was saved last */
    struct rf_old_tag *tags; /* in order of name; their texts belong to the map */
    size_t n, cap;
};
void rf_tag_map_init(struct rf_tag_map *m);
void rf_tag_map_release(struct rf_tag_map *m);
/* The document alone, into an initialised *m, and back. -RFE_INVALID, -RFE_TOO_LARGE. */
RF_MUST_USE int rf_tag_map_parse(struct rf_tag_map *m, struct rf_slice bytes, struct rf_err *err);
void rf_tag_map_write(const struct rf_tag_map *m, struct rf_buf *out);
/* Into an initialised *m. -RFE_NOT_FOUND; -RFE_INVALID when the file is not what was written. */
RF_MUST_USE int rf_tag_map_load(const struct rf_import_state *s, const struct rf_digest *bundle,
                                const char *to, struct rf_tag_map *m, struct rf_err *err);
RF_MUST_USE int rf_tag_map_store(const struct rf_import_state *s, const struct rf_tag_map *m,
                                 struct rf_err *err);
/* Those of this destination that can be read, in no order. */
void rf_tag_map_visit(const struct rf_import_state *s, const char *to,
                      void (*each)(void *ctx, const struct rf_tag_map *m), void *ctx);
/*
 * The map of a bundle whose tags were being moved at this destination on top of what is applied, without the bundle having become the last one: the run
 * was interrupted. Of several the one saved last; those that were taken back come behind the others. -RFE_NOT_FOUND.
 */
RF_MUST_USE int rf_tag_map_find_unfinished(const struct rf_import_state *s, const char *to,
                                           struct rf_tag_map *m, struct rf_err *err);

#endif
