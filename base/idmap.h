/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compact tables. rf_idmap finds the index of an element of the caller's array by its key, at 5 to 9 bytes per
 * entry. rf_strings keeps each distinct string once and numbers them from 0.
 */
#ifndef RF_BASE_IDMAP_H
#define RF_BASE_IDMAP_H

#include "base/buf.h"

#define RF_NO_ID UINT32_MAX

/* A hash keyed with a random number of this process, so that nobody can choose keys that collide. For tables in memory only. */
uint64_t rf_hash_bytes(struct rf_slice s);

struct rf_idmap {
    uint32_t *slots; /* id + 1; 0 = free */
    size_t cap, len;
    struct rf_slice (*key)(const void *ctx,
                           uint32_t id); /* key of element id; equal ids have equal keys */
    const void *ctx;
};
void rf_idmap_init(struct rf_idmap *m, struct rf_slice (*key)(const void *ctx, uint32_t id),
                   const void *ctx);
void rf_idmap_release(struct rf_idmap *m);
uint32_t rf_idmap_find(const struct rf_idmap *m, struct rf_slice key); /* RF_NO_ID when absent */
/* The element id must be readable through key() already; RF_BUG when its key is in the table. */
void rf_idmap_add(struct rf_idmap *m, uint32_t id);

struct rf_strings {
    char **list;
    size_t len, cap;
    struct rf_idmap map;
};
void rf_strings_init(struct rf_strings *s);
void rf_strings_release(struct rf_strings *s);
/* The number of the equal string, new or old. RF_BUG when it has a NUL inside: names are checked before they come here. */
uint32_t rf_strings_add(struct rf_strings *s, struct rf_slice text);
uint32_t rf_strings_find(const struct rf_strings *s, struct rf_slice text);
const char *rf_strings_get(const struct rf_strings *s,
                           uint32_t id); /* borrowed, valid until release */

#endif
