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
    pthread_mutex_t lock; /* guards all below */
    struct entry *entries;
    size_t n, cap;
    const void **told;
    size_t n_told, cap_told;
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
    free(g->told);
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
                        int64_t min, unsigned cost, bool *untouched)
{
    pthread_mutex_lock(&g->lock);
    struct entry *e = entry_of(g, registry);
    int64_t left = rate->remain - e->under_way - (int64_t)cost;
    bool fresh = rate->limit > 0 && rate->remain >= rate->limit && e->under_way == 0;
    /* One pull was made by the image itself, when it passed as untouched before. */
    bool never_met = (int64_t)rate->limit - 1 - (int64_t)cost < min;
    bool ok = left >= min || (fresh && rate->remain >= min) ||
              (*untouched && never_met && rate->limit > 0);
    if (ok) {
        e->under_way += cost;
        *untouched = *untouched || (fresh && rate->remain >= min);
    }
    pthread_mutex_unlock(&g->lock);
    return ok;
}

void rf_rate_gate_leave(struct rf_rate_gate *g, const char *registry, unsigned cost)
{
    pthread_mutex_lock(&g->lock);
    entry_of(g, registry)->under_way -= cost;
    pthread_mutex_unlock(&g->lock);
}

bool rf_rate_gate_first_word(struct rf_rate_gate *g, const void *what)
{
    bool first = true;
    pthread_mutex_lock(&g->lock);
    for (size_t i = 0; i < g->n_told; i++)
        first = first && g->told[i] != what;
    if (first) {
        g->told = rf_grow(g->told, g->n_told, &g->cap_told, sizeof(*g->told));
        g->told[g->n_told++] = what;
    }
    pthread_mutex_unlock(&g->lock);
    return first;
}
