/* SPDX-License-Identifier: Apache-2.0 */
#include "base/idmap.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/mem.h"

static pthread_once_t seed_once = PTHREAD_ONCE_INIT;
static uint64_t seed[2];

static void make_seed(void)
{
    if (getrandom(seed, sizeof(seed), 0) == (ssize_t)sizeof(seed))
        return;
    /* No random numbers this early at boot: the address space layout has to do. */
    seed[0] = (uint64_t)(uintptr_t)&seed * 0x9E3779B97F4A7C15U;
    seed[1] = (uint64_t)(uintptr_t)&getrandom ^ 0xD1B54A32D192ED03U;
}

static inline uint64_t rotl(uint64_t v, unsigned by)
{
    return v << by | v >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

/* SipHash with one round per word and three at the end (Aumasson and Bernstein). */
uint64_t rf_hash_bytes(struct rf_slice s)
{
    (void)pthread_once(&seed_once, make_seed);
    uint64_t v[4] = { seed[0] ^ 0x736f6d6570736575U, seed[1] ^ 0x646f72616e646f6dU,
                      seed[0] ^ 0x6c7967656e657261U, seed[1] ^ 0x7465646279746573U };
    size_t i = 0;
    uint64_t w;
    for (; s.len - i >= 8; i += 8) {
        memcpy(&w, s.ptr + i, 8);
        v[3] ^= w;
        sip_round(v);
        v[0] ^= w;
    }
    w = (uint64_t)s.len << 56;
    for (unsigned k = 0; i + k < s.len; k++)
        w |= (uint64_t)(unsigned char)s.ptr[i + k] << (8 * k);
    v[3] ^= w;
    sip_round(v);
    v[0] ^= w;
    v[2] ^= 0xFF;
    for (int k = 0; k < 3; k++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void rf_idmap_init(struct rf_idmap *m, struct rf_slice (*key)(const void *ctx, uint32_t id),
                   const void *ctx)
{
    *m = (struct rf_idmap){ .key = key, .ctx = ctx };
}

void rf_idmap_release(struct rf_idmap *m)
{
    free(m->slots);
    m->slots = NULL;
    m->cap = 0;
    m->len = 0;
}

/* The slot of `key`, or the free one where it belongs. The table has a free slot. */
static size_t find_slot(const struct rf_idmap *m, struct rf_slice key)
{
    size_t mask = m->cap - 1;
    size_t at = (size_t)rf_hash_bytes(key) & mask;
    while (m->slots[at] != 0 && !rf_slice_eq(m->key(m->ctx, m->slots[at] - 1), key))
        at = (at + 1) & mask;
    return at;
}

static void enlarge(struct rf_idmap *m)
{
    uint32_t *old = m->slots;
    size_t old_cap = m->cap;
    m->cap = old_cap > 0 ? old_cap * 2 : 16;
    m->slots = rf_xcalloc(m->cap, sizeof(*m->slots));
    for (size_t i = 0; i < old_cap; i++)
        if (old[i] != 0)
            m->slots[find_slot(m, m->key(m->ctx, old[i] - 1))] = old[i];
    free(old);
}

uint32_t rf_idmap_find(const struct rf_idmap *m, struct rf_slice key)
{
    if (m->len == 0)
        return RF_NO_ID;
    uint32_t found = m->slots[find_slot(m, key)];
    return found != 0 ? found - 1 : RF_NO_ID;
}

void rf_idmap_add(struct rf_idmap *m, uint32_t id)
{
    RF_CHECK(id != RF_NO_ID);
    /* At most 7 of 8 slots are taken: 4.6 to 9.2 bytes per entry. */
    if (m->len + 1 > m->cap / 8 * 7)
        enlarge(m);
    size_t at = find_slot(m, m->key(m->ctx, id));
    RF_CHECK(m->slots[at] == 0);
    m->slots[at] = id + 1;
    m->len++;
}

static struct rf_slice strings_key(const void *ctx, uint32_t id)
{
    const struct rf_strings *s = ctx;
    return rf_slice_str(s->list[id]);
}

void rf_strings_init(struct rf_strings *s)
{
    *s = (struct rf_strings){ 0 };
    rf_idmap_init(&s->map, strings_key, s);
}

void rf_strings_release(struct rf_strings *s)
{
    for (size_t i = 0; i < s->len; i++)
        free(s->list[i]);
    free(s->list);
    rf_idmap_release(&s->map);
    rf_strings_init(s);
}

uint32_t rf_strings_add(struct rf_strings *s, struct rf_slice text)
{
    uint32_t id = rf_strings_find(s, text);
    if (id != RF_NO_ID)
        return id;
    RF_CHECK(s->len < RF_NO_ID);
    /* A string with a NUL inside would be found under another name than it was added. */
    RF_CHECK(text.len == 0 || memchr(text.ptr, '\0', text.len) == NULL);
    s->list = rf_grow(s->list, s->len, &s->cap, sizeof(*s->list));
    s->list[s->len] = rf_xstrndup(text.ptr, text.len);
    id = (uint32_t)s->len++;
    s->map.ctx = s;
    rf_idmap_add(&s->map, id);
    return id;
}

uint32_t rf_strings_find(const struct rf_strings *s, struct rf_slice text)
{
    /* The struct may have been moved since init: its own address is not kept. */
    struct rf_idmap map = s->map;
    map.ctx = s;
    return rf_idmap_find(&map, text);
}

const char *rf_strings_get(const struct rf_strings *s, uint32_t id)
{
    RF_CHECK(id < s->len);
    return s->list[id];
}
