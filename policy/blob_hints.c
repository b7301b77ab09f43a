/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/blob_hints.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define PLACES 4096u /* a power of two */

struct entry {
    const void *place;
    struct rf_digest digest;
    char *repo; /* NULL: free */
};

struct rf_blob_hints {
    pthread_mutex_t lock; /* guards the entries */
    struct entry entries[PLACES];
};

struct rf_blob_hints *rf_blob_hints_new(void)
{
    struct rf_blob_hints *h = rf_xcalloc(1, sizeof(*h));
    pthread_mutex_init(&h->lock, NULL);
    return h;
}

void rf_blob_hints_free(struct rf_blob_hints *h)
{
    if (h == NULL)
        return;
    for (size_t i = 0; i < PLACES; i++)
        free(h->entries[i].repo);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

/* Digests are as good as random numbers, and whoever chooses them gains no more than that hints are forgotten. */
static struct entry *entry_of(struct rf_blob_hints *h, const struct rf_digest *digest)
{
    size_t n = 0;
    memcpy(&n, digest->bytes, sizeof(n));
    return &h->entries[n % PLACES];
}

void rf_blob_hints_note(struct rf_blob_hints *h, const void *place, const char *repo,
                        const struct rf_digest *digest)
{
    pthread_mutex_lock(&h->lock);
    struct entry *e = entry_of(h, digest);
    if (e->repo == NULL || strcmp(e->repo, repo) != 0) {
        free(e->repo);
        e->repo = rf_xstrdup(repo);
    }
    e->place = place;
    e->digest = *digest;
    pthread_mutex_unlock(&h->lock);
}

char *rf_blob_hints_find(struct rf_blob_hints *h, const void *place, const struct rf_digest *digest)
{
    char *repo = NULL;
    pthread_mutex_lock(&h->lock);
    const struct entry *e = entry_of(h, digest);
    if (e->repo != NULL && e->place == place && rf_digest_eq(&e->digest, digest))
        repo = rf_xstrdup(e->repo);
    pthread_mutex_unlock(&h->lock);
    return repo;
}
