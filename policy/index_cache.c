/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/index_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ENTRIES 512u

struct entry {
    struct rf_digest index, choice;
    char *platform; /* NULL: free */
};

struct rf_index_cache {
    pthread_mutex_t lock; /* guards all below */
    struct entry entries[ENTRIES];
    size_t next; /* the oldest, to be replaced */
};

struct rf_index_cache *rf_index_cache_new(void)
{
    struct rf_index_cache *c = rf_xcalloc(1, sizeof(*c));
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void rf_index_cache_free(struct rf_index_cache *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < ENTRIES; i++)
        free(c->entries[i].platform);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static struct entry *find(struct rf_index_cache *c, const struct rf_digest *index,
                          const char *platform)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        struct entry *e = &c->entries[i];
        if (e->platform != NULL && rf_digest_eq(&e->index, index) &&
            strcmp(e->platform, platform) == 0)
            return e;
    }
    return NULL;
}

bool rf_index_cache_get(struct rf_index_cache *c, const struct rf_digest *index,
                        const char *platform, struct rf_digest *out)
{
    pthread_mutex_lock(&c->lock);
    const struct entry *e = find(c, index, platform);
    if (e != NULL)
        *out = e->choice;
    pthread_mutex_unlock(&c->lock);
    return e != NULL;
}

void rf_index_cache_put(struct rf_index_cache *c, const struct rf_digest *index,
                        const char *platform, const struct rf_digest *choice)
{
    pthread_mutex_lock(&c->lock);
    struct entry *e = find(c, index, platform);
    if (e == NULL) {
        e = &c->entries[c->next];
        c->next = (c->next + 1) % ENTRIES;
        free(e->platform);
        e->platform = rf_xstrdup(platform);
        e->index = *index;
    }
    e->choice = *choice;
    pthread_mutex_unlock(&c->lock);
}
