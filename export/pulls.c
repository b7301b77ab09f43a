/* SPDX-License-Identifier: Apache-2.0 */
#include "export/pulls.h"

#include <pthread.h>

#include "base/cancel.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define GLANCE_MS 100 /* a cancelled run is noticed that soon */

struct rf_pulls {
    const struct rf_export_request *req;
    struct rf_pulls_ways ways;
    struct rf_pull_source *list;
    size_t n, cap;
    pthread_mutex_t lock; /* guards what changes in list, once the run goes on */
    pthread_cond_t freed;
};

/* ---- registries ---- */

static struct rf_remote_limit ask_limit(void *ctx, struct rf_place *place)
{
    (void)ctx;
    return rf_remote_limit(rf_registry_remote(place));
}

static int ask_again(void *ctx, struct rf_place *place, const char *repo,
                     const struct rf_digest *digest, struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    (void)ctx;
    return rf_place_resolve(place, repo, NULL, digest, &d, err);
}

static int sleep_ms(void *ctx, uint64_t ms, struct rf_err *err)
{
    (void)ctx;
    return rf_cancel_sleep(ms, err);
}

static bool is_registry(void *ctx, struct rf_place *place)
{
    (void)ctx;
    return rf_registry_remote(place) != NULL;
}

struct rf_pulls *rf_pulls_new(const struct rf_export_request *req)
{
    struct rf_pulls *p = rf_xcalloc(1, sizeof(*p));
    p->req = req;
    p->ways = (struct rf_pulls_ways){ ask_limit, ask_again, sleep_ms, is_registry, NULL };
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->freed, NULL);
    return p;
}

void rf_pulls_set_ways(struct rf_pulls *p, const struct rf_pulls_ways *ways)
{
    p->ways = *ways;
}

void rf_pulls_free(struct rf_pulls *p)
{
    if (p == NULL)
        return;
    free(p->list);
    pthread_cond_destroy(&p->freed);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* What the steps that read from it want left. */
static void take_steps(const struct rf_export_request *req, struct rf_pull_source *s)
{
    for (size_t i = 0; i < req->n_items; i++) {
        const struct rf_export_item *it = &req->items[i];
        const char *registry = it->registry != NULL ? it->registry : it->source.registry;
        if (it->step == NULL || registry == NULL || strcmp(registry, s->place->name) != 0)
            continue;
        if (it->step->s.ratelimit_min > s->min)
            s->min = it->step->s.ratelimit_min;
        if (it->step->s.ratelimit_retry_ns > s->retry_ns)
            s->retry_ns = it->step->s.ratelimit_retry_ns;
    }
    if (s->retry_ns < RF_STEP_RETRY_MIN_NS)
        s->retry_ns = RF_STEP_RETRY_MIN_NS;
}

uint32_t rf_pulls_source(struct rf_pulls *p, struct rf_place *place)
{
    if (!p->ways.counts(p->ways.ctx, place))
        return RF_NO_ID;
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->list[i].place->name, place->name) == 0)
            return (uint32_t)i;
    p->list = rf_grow(p->list, p->n, &p->cap, sizeof(*p->list));
    p->list[p->n] = (struct rf_pull_source){ .place = place };
    take_steps(p->req, &p->list[p->n]);
    return (uint32_t)p->n++;
}

size_t rf_pulls_count(const struct rf_pulls *p)
{
    return p->n;
}

const struct rf_pull_source *rf_pulls_get(const struct rf_pulls *p, size_t number)
{
    return &p->list[number];
}

bool rf_pulls_matter(const struct rf_pulls *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->ways.limit(p->ways.ctx, p->list[i].place).set)
            return true;
    return false;
}

/* ---- what does not fit ---- */

/* Pulls that may be made now. */
static uint64_t granted(const struct rf_remote_limit *l, const struct rf_pull_source *s)
{
    uint64_t min = (uint64_t)s->min;
    return l->remain > min ? l->remain - min : 0;
}

static bool can_wait(const struct rf_pulls *p, const struct rf_pull_source *s)
{
    return p->req->waits && s->min > 0;
}

static int refuse(const struct rf_pulls *p, const struct rf_pull_source *s,
                  const struct rf_remote_limit *l, uint64_t need, struct rf_err *err)
{
    char of[32] = "", leaving[96] = "";
    if (l->limit > 0)
        (void)snprintf(of, sizeof(of), " of %llu", (unsigned long long)l->limit);
    if (s->min > 0)
        (void)snprintf(leaving, sizeof(leaving), ", of which ratelimit.min is to leave %lld",
                       (long long)s->min);
    int rc = rf_fail(
        err, RFE_REFUSED,
        "%s: at least %llu request%s needed (manifests to read) and %llu%s %s left%s: %llu too few; no bundle was written",
        s->place->name, (unsigned long long)need,
        rf_text_by_count(need, " that counts is", "s that count are"),
        (unsigned long long)l->remain, of, rf_text_by_count(l->remain, "is", "are"), leaving,
        (unsigned long long)(need - granted(l, s)));
    if (s->min > 0 && l->limit > 0 && (uint64_t)s->min >= l->limit)
        return rf_hint(err, rc, "ratelimit.min has to be below the limit");
    if (s->min > 0 && !p->req->waits)
        return rf_hint(err, rc, "what was read is kept; regexport create waits for more");
    return rf_hint(
        err, rc,
        "what was read is kept: run again when more are granted, log in for a higher limit, or let create wait (ratelimit.min of the step)");
}

int rf_pulls_ahead(struct rf_pulls *p, const uint64_t *needs, struct rf_err *err)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct rf_pull_source *s = &p->list[i];
        struct rf_remote_limit l = p->ways.limit(p->ways.ctx, s->place);
        bool never = l.limit > 0 && (uint64_t)s->min >= l.limit;
        if (needs[i] == 0 || !l.set || needs[i] <= granted(&l, s) || (can_wait(p, s) && !never))
            continue;
        return refuse(p, s, &l, needs[i], err);
    }
    return 0;
}

/* ---- one at a time ---- */

static void tell_delay(const struct rf_pull_source *s, const struct rf_remote_limit *l)
{
    rf_log_with(RF_LOG_WARN, "Delaying for rate limit", rf_log_text("source", s->place->name),
                rf_log_uint("source-remain", l->remain), rf_log_uint("source-limit", l->limit),
                rf_log_int("step-min", s->min), rf_log_duration("sleep", (int64_t)s->retry_ns));
}

/* Called with the lock held, which is given away meanwhile. */
static int wait_for_others(struct rf_pulls *p, struct rf_err *err)
{
    struct timespec end;
    (void)clock_gettime(CLOCK_REALTIME, &end);
    end.tv_nsec += GLANCE_MS * 1000000L;
    end.tv_sec += end.tv_nsec / 1000000000L;
    end.tv_nsec %= 1000000000L;
    (void)pthread_cond_timedwait(&p->freed, &p->lock, &end);
    return rf_cancel_check(err);
}

/* Likewise. One waits for the registry, the others for that one. */
static int wait_for_more(struct rf_pulls *p, uint32_t number, const struct rf_remote_limit *l,
                         const char *repo, const struct rf_digest *digest, struct rf_err *err)
{
    struct rf_pull_source *s = &p->list[number];
    struct rf_err ignored = RF_ERR_INIT;
    s->sleeping = true;
    tell_delay(s, l);
    pthread_mutex_unlock(&p->lock);
    int rc = p->ways.sleep(p->ways.ctx, s->retry_ns / 1000000u, err);
    /* what cannot be asked about is seen by the request itself */
    if (rc == 0 && p->ways.look(p->ways.ctx, s->place, repo, digest, &ignored) < 0)
        rc = rf_cancel_check(err);
    pthread_mutex_lock(&p->lock);
    s->sleeping = false;
    pthread_cond_broadcast(&p->freed);
    return rc;
}

/* What is said to be left is exact when nothing is under way: an answer may have been counted in it, and still be under way here. */
int rf_pulls_enter(struct rf_pulls *p, uint32_t number, const char *repo,
                   const struct rf_digest *digest, struct rf_err *err)
{
    if (number == RF_NO_ID)
        return 0;
    struct rf_pull_source *s = &p->list[number];
    int rc = 0;
    pthread_mutex_lock(&p->lock);
    while (rc == 0) {
        struct rf_remote_limit l = p->ways.limit(p->ways.ctx, s->place);
        if (!l.set || granted(&l, s) > s->under_way)
            break;
        bool never = l.limit > 0 && (uint64_t)s->min >= l.limit;
        if (s->under_way > 0 || s->sleeping)
            rc = wait_for_others(p, err);
        else if (can_wait(p, s) && !never)
            rc = wait_for_more(p, number, &l, repo, digest, err);
        else
            rc = refuse(p, s, &l, 1, err);
    }
    if (rc == 0)
        s->under_way++;
    pthread_mutex_unlock(&p->lock);
    return rc;
}

void rf_pulls_leave(struct rf_pulls *p, uint32_t number, bool kept)
{
    if (number == RF_NO_ID)
        return;
    pthread_mutex_lock(&p->lock);
    p->list[number].under_way--;
    p->list[number].kept += kept;
    pthread_cond_broadcast(&p->freed);
    pthread_mutex_unlock(&p->lock);
}

void rf_pulls_kept_config(struct rf_pulls *p, uint32_t number)
{
    if (number == RF_NO_ID)
        return;
    pthread_mutex_lock(&p->lock);
    p->list[number].kept_configs++;
    pthread_mutex_unlock(&p->lock);
}
