/* SPDX-License-Identifier: Apache-2.0 */
/* When a request may start: slots, rate, and the quiet that a registry asked for. */
#include <sys/random.h>

#include "base/cancel.h"
#include "base/log.h"
#include "base/text.h"
#include "regclient/request_private.h"

#define PAUSE_MAX_MS 60000u
#define FIRST_PAUSE_MS \
    100u /* a kept connection that the server closed just then: no reason to wait long */
#define TELL_SECONDS 5u

static _Thread_local struct rf_remote *entered; /* this thread uses a slot of it that is reserved */

void rf_remote_enter(struct rf_remote *r)
{
    RF_CHECK(entered == NULL);
    entered = r;
}

void rf_remote_leave(void)
{
    entered = NULL;
}

/*
 * Slots are given back by whoever is under way, and all of those end at once when cancelled: the wait needs no wake-up of its own.
 * Called with the lock held.
 */
static int wait_for(struct rf_remote *r, unsigned n, struct rf_err *err)
{
    int rc = rf_cancel_check(err);
    while (rc == 0 && r->in_use + n > r->limit) {
        pthread_cond_wait(&r->freed, &r->lock);
        rc = rf_cancel_check(err);
    }
    if (rc == 0)
        r->in_use += n;
    return rc;
}

static int take(struct rf_remote *r, unsigned n, struct rf_err *err)
{
    pthread_mutex_lock(&r->lock);
    int rc = wait_for(r, n, err);
    /* Whoever gives up may have swallowed the signal that another needs. */
    if (rc < 0)
        pthread_cond_broadcast(&r->freed);
    pthread_mutex_unlock(&r->lock);
    return rc;
}

static void give(struct rf_remote *r, unsigned n)
{
    pthread_mutex_lock(&r->lock);
    r->in_use -= n;
    /* Some wait for two: waking one of the others only could leave everybody asleep. */
    pthread_cond_broadcast(&r->freed);
    pthread_mutex_unlock(&r->lock);
}

int rf_remote_take_slot(struct rf_remote *r, struct rf_err *err)
{
    return entered == r ? 0 : take(r, 1, err);
}

void rf_remote_give_slot(struct rf_remote *r)
{
    if (entered != r)
        give(r, 1);
}

/* For both ends of a copy inside one registry; with a single slot they share it. */
static unsigned both_slots(const struct rf_remote *r)
{
    return r->limit >= 2 ? 2 : 1;
}

int rf_remote_reserve(struct rf_remote *a, struct rf_remote *b, struct rf_err *err)
{
    if (a == b)
        return take(a, both_slots(a), err);
    struct rf_remote *first = (uintptr_t)a < (uintptr_t)b ? a : b;
    struct rf_remote *second = first == a ? b : a;
    int rc = take(first, 1, err);
    if (rc < 0)
        return rc;
    rc = take(second, 1, err);
    if (rc < 0)
        give(first, 1);
    return rc;
}

void rf_remote_unreserve(struct rf_remote *a, struct rf_remote *b)
{
    give(a, a == b ? both_slots(a) : 1);
    if (a != b)
        give(b, 1);
}

/* ---- time ---- */

void rf_remote_hold_off(struct rf_remote *r, uint32_t seconds)
{
    uint64_t until = rf_now_ms() + (uint64_t)seconds * 1000;
    bool later = false;
    pthread_mutex_lock(&r->lock);
    if (until > r->not_before_ms) {
        later = until > r->not_before_ms + 1000;
        r->not_before_ms = until;
    }
    pthread_mutex_unlock(&r->lock);
    if (later && seconds >= TELL_SECONDS) {
        char text[24];
        rf_log(RF_LOG_WARN, "Registry asks to wait", "registry", r->name, "for",
               rf_text_duration(seconds, text), NULL);
    }
}

bool rf_remote_is_quiet(struct rf_remote *r)
{
    pthread_mutex_lock(&r->lock);
    uint64_t until = r->not_before_ms;
    pthread_mutex_unlock(&r->lock);
    return until > rf_now_ms();
}

int rf_remote_admit(struct rf_remote *r, struct rf_err *err)
{
    uint64_t start = 0;
    pthread_mutex_lock(&r->lock);
    if (r->interval_ms > 0) {
        uint64_t now = rf_now_ms();
        start = r->next_start_ms > now ? r->next_start_ms : now;
        r->next_start_ms = start + r->interval_ms;
    }
    pthread_mutex_unlock(&r->lock);
    for (;;) {
        pthread_mutex_lock(&r->lock);
        uint64_t until = r->not_before_ms > start ? r->not_before_ms : start;
        pthread_mutex_unlock(&r->lock);
        uint64_t now = rf_now_ms();
        if (until <= now)
            return 0;
        int rc = rf_cancel_sleep(until - now, err);
        if (rc < 0)
            return rc;
    }
}

/* A quarter more or less, so that many clients that failed together do not come back together. */
static uint64_t jitter(uint64_t ms)
{
    uint16_t random = 0;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
        random = UINT16_MAX / 2;
    return ms - ms / 4 + ms / 2 * random / UINT16_MAX;
}

int rf_remote_pause(struct rf_remote *r, unsigned tries, const struct rf_err *cause,
                    struct rf_err *err)
{
    unsigned doublings = tries > 0 ? tries - 1 : 0;
    uint64_t ms = r->backoff_ms;
    rf_stats_count(r->stats, RF_REQ_RETRY);
    if (cause->code == RFE_UNREACHABLE) {
        if (doublings == 0)
            ms = r->backoff_ms < FIRST_PAUSE_MS ? r->backoff_ms : FIRST_PAUSE_MS;
        else
            doublings--;
    }
    if (cause->retry_after > 0)
        return rf_cancel_check(err); /* the registry named the time: rf_remote_admit waits for it */
    ms <<= doublings < 16 ? doublings : 16;
    return rf_cancel_sleep(jitter(ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS), err);
}
