/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rate_gate.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct entry {
    char *registry;
    int64_t under_way;
};

struct rf_rate_gate {
    pthread_mutex_t lock; /* guards the entries */
    struct entry *entries;
    size_t n, cap;
};

struct rf_rate_gate *rf_rate_gate_new(void)
{
    struct rf_rate_gate *g = rf_xcalloc(1, sizeof(*g));
    pthread_mutex_init(&g->lock, NULL);
    return g;
}

void rf_rate_gate_free(struct rf_rate_gate *g)
{
    if (g == NULL)
        return;
    for (size_t i = 0; i < g->n; i++)
        free(g->entries[i].registry);
    free(g->entries);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

void rf_rate_gate_freep(struct rf_rate_gate **g)
{
    rf_rate_gate_free(*g);
    *g = NULL;
}

static struct entry *entry_of(struct rf_rate_gate *g, const char *registry)
{
    for (size_t i = 0; i < g->n; i++)
        if (strcmp(g->entries[i].registry, registry) == 0)
            return &g->entries[i];
    g->entries = rf_grow(g->entries, g->n, &g->cap, sizeof(*g->entries));
    g->entries[g->n] = (struct entry){ .registry = rf_xstrdup(registry) };
    return &g->entries[g->n++];
}

bool rf_rate_gate_enter(struct rf_rate_gate *g, const char *registry, const struct rf_rate *rate,
                        int64_t min, unsigned cost)
{
    pthread_mutex_lock(&g->lock);
    struct entry *e = entry_of(g, registry);
    int64_t left = rate->remain - e->under_way - (int64_t)cost;
    bool untouched = rate->limit > 0 && rate->remain >= rate->limit && e->under_way == 0;
    bool ok = left >= min || (untouched && rate->remain >= min);
    if (ok)
        e->under_way += cost;
    pthread_mutex_unlock(&g->lock);
    return ok;
}

void rf_rate_gate_leave(struct rf_rate_gate *g, const char *registry, unsigned cost)
{
    pthread_mutex_lock(&g->lock);
    entry_of(g, registry)->under_way -= cost;
    pthread_mutex_unlock(&g->lock);
}
