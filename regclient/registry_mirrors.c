/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pulls from mirrors (inventory 4.4). Each host has its own address, path prefix, login, slots and quiet; the slots are not those that a
 * copy to the same host reserves, since a copy that holds one and waits for another of its own would wait for ever.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "regclient/registry_private.h"

#define AVOID_FIRST_MS 1000u
#define AVOID_MAX_MS 30000u

static struct rf_registry *new_choice(struct rf_remote *remote, bool own_remote)
{
    struct rf_place *p = NULL;
    if (rf_registry_open(remote, &p, NULL) < 0)
        RF_BUG("a registry could not be opened");
    struct rf_registry *g = rf_registry_of(p);
    g->once = true;
    g->own_remote = own_remote;
    return g;
}

void rf_registry_add_mirror(struct rf_place *p, struct rf_remote *mirror)
{
    struct rf_registry *g = rf_registry_of(p);
    const char *hostname = rf_remote_host(g->remote)->hostname;
    if (g->choices == NULL) {
        g->choices = rf_xcalloc(1, sizeof(struct rf_registry *));
        g->choices[g->n_choices++] = new_choice(g->remote, false);
    }
    struct rf_registry *m = new_choice(mirror, true);
    m->ns = rf_xstrdup(hostname);
    g->choices = rf_xreallocarray(g->choices, g->n_choices + 1, sizeof(struct rf_registry *));
    /* The registry itself stays behind: among equals it is the last. */
    g->choices[g->n_choices] = g->choices[g->n_choices - 1];
    g->choices[g->n_choices - 1] = m;
    g->n_choices++;
}

void rf_registry_mirrors_release(struct rf_registry *g)
{
    for (size_t i = 0; i < g->n_choices; i++)
        rf_place_free(&g->choices[i]->base);
    free(g->choices);
    g->choices = NULL;
    g->n_choices = 0;
}

void rf_registry_each_mirror(const struct rf_place *p,
                             void (*cb)(void *ctx, struct rf_remote *mirror), void *ctx)
{
    const struct rf_registry *g = (const struct rf_registry *)p;
    for (size_t i = 0; i < g->n_choices; i++)
        if (g->choices[i]->own_remote)
            cb(ctx, g->choices[i]->remote);
}

/* ---- the order ---- */

static bool is_avoided(struct rf_registry *c, uint64_t now)
{
    return atomic_load(&c->avoid_ms) > now || rf_remote_is_quiet(c->remote);
}

struct rank {
    struct rf_registry *g;
    unsigned priority;
    bool avoided;
    size_t place; /* in the configuration */
};

static int by_rank(const void *a, const void *b)
{
    const struct rank *x = a, *y = b;
    if (x->avoided != y->avoided)
        return x->avoided ? 1 : -1;
    if (x->priority != y->priority)
        return x->priority > y->priority ? 1 : -1;
    return x->place > y->place ? 1 : -1;
}

/* The caller frees. */
static struct rank *in_order(const struct rf_registry *g)
{
    uint64_t now = rf_now_ms();
    struct rank *list = rf_xcalloc(g->n_choices, sizeof(*list));
    for (size_t i = 0; i < g->n_choices; i++)
        list[i] = (struct rank){ .g = g->choices[i],
                                 .priority = rf_remote_host(g->choices[i]->remote)->priority,
                                 .avoided = is_avoided(g->choices[i], now),
                                 .place = i };
    qsort(list, g->n_choices, sizeof(*list), by_rank);
    return list;
}

static void note(struct rf_registry *c, int rc, const struct rf_err *e)
{
    if (rc >= 0) {
        atomic_store(&c->failures, 0);
        atomic_store(&c->avoid_ms, 0);
        return;
    }
    if (rf_error_retryable(rc)) {
        unsigned n = atomic_fetch_add(&c->failures, 1);
        uint64_t ms = (uint64_t)AVOID_FIRST_MS << (n < 8 ? n : 8);
        atomic_store(&c->avoid_ms, rf_now_ms() + (ms < AVOID_MAX_MS ? ms : AVOID_MAX_MS));
    }
    rf_log(RF_LOG_INFO, "Host failed, the next one is asked", "host", c->base.name, "error", e->msg,
           NULL);
}

/* ---- asking ---- */

struct outcome {
    int rc; /* the registry's own failure, 0 while it was not asked */
    struct rf_err err;
};

/* It asked to be left alone, and the registry itself has an answer that stays the same. */
static bool is_left_alone(struct rf_registry *c, const struct outcome *own)
{
    return own->rc < 0 && !rf_error_retryable(own->rc) && rf_remote_is_quiet(c->remote);
}

/* 1: nobody could answer. */
static int ask_all(struct rf_registry *g, rf_registry_pull_fn fn, void *ctx, struct outcome *own,
                   struct rf_err *err)
{
    RF_CLEANUP(rf_freep) struct rank *order = in_order(g);
    for (size_t i = 0; i < g->n_choices; i++) {
        struct rf_registry *c = order[i].g;
        bool self = c->remote == g->remote, stop = false;
        if (!self && is_left_alone(c, own))
            continue;
        struct rf_err e = RF_ERR_INIT;
        int rc = fn(c, ctx, &stop, &e);
        if (rc < 0 && (stop || rc == -RFE_CANCELLED || rc == -RFE_TERMINATED)) {
            if (err != NULL)
                *err = e;
            return rc;
        }
        note(c, rc, &e);
        if (rc >= 0)
            return 0;
        if (self)
            *own = (struct outcome){ rc, e };
    }
    return 1;
}

int rf_registry_pull(struct rf_registry *g, rf_registry_pull_fn fn, void *ctx, struct rf_err *err)
{
    bool stop = false;
    if (g->n_choices == 0)
        return fn(g, ctx, &stop, err);
    struct outcome own = { 0 };
    int rc = ask_all(g, fn, ctx, &own, err);
    if (rc <= 0)
        return rc;
    RF_CHECK(own.rc < 0);
    /* Nobody has it for now: once more, with patience. */
    if (rf_error_retryable(own.rc))
        return fn(g, ctx, &stop, err);
    if (err != NULL)
        *err = own.err;
    return own.rc;
}
