/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/sync/sync_ledger.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/log.h"
#include "base/mem.h"
#include "policy/sync/sync_crew.h"
#include "regclient/stats.h"

struct rf_sync_record {
    struct rf_sync_ledger *ledger;
    struct rf_sync_record *next;
    char *name;
    unsigned holders;
    bool owed; /* a run that copies what has changed was left */
    struct rf_sync_status status;
    struct rf_stats *requests;
};

struct rf_sync_ledger {
    pthread_mutex_t lock; /* guards all below, and the records */
    pthread_cond_t changed;
    struct rf_sync_record *records;
};

static void stir(void *ledger)
{
    rf_sync_ledger_stir(ledger);
}

struct rf_sync_ledger *rf_sync_ledger_new(void)
{
    struct rf_sync_ledger *l = rf_xcalloc(1, sizeof(*l));
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->changed, NULL);
    rf_cancel_add_wakeup(stir, l);
    return l;
}

void rf_sync_ledger_free(struct rf_sync_ledger *l)
{
    if (l == NULL)
        return;
    RF_CHECK(l->records == NULL);
    rf_cancel_remove_wakeup(stir, l);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* ---- records ---- */

static struct rf_sync_record *new_record(struct rf_sync_ledger *l, const char *name)
{
    struct rf_sync_record *r = rf_xcalloc(1, sizeof(*r));
    *r = (struct rf_sync_record){
        .ledger = l, .next = l->records, .name = rf_xstrdup(name), .requests = rf_stats_new()
    };
    l->records = r;
    return r;
}

struct rf_sync_record *rf_sync_ledger_hold(struct rf_sync_ledger *l, const char *name)
{
    pthread_mutex_lock(&l->lock);
    struct rf_sync_record *r = l->records;
    while (r != NULL && strcmp(r->name, name) != 0)
        r = r->next;
    if (r == NULL)
        r = new_record(l, name);
    r->holders++;
    pthread_mutex_unlock(&l->lock);
    return r;
}

void rf_sync_ledger_drop(struct rf_sync_record *r)
{
    struct rf_sync_ledger *l = r->ledger;
    pthread_mutex_lock(&l->lock);
    bool last = --r->holders == 0;
    struct rf_sync_record **at = &l->records;
    while (last && *at != r)
        at = &(*at)->next;
    if (last)
        *at = r->next;
    pthread_mutex_unlock(&l->lock);
    if (!last)
        return;
    rf_stats_free(r->requests);
    free(r->name);
    free(r);
}

const char *rf_sync_ledger_name(const struct rf_sync_record *r)
{
    return r->name;
}

struct rf_stats *rf_sync_ledger_requests(struct rf_sync_record *r)
{
    return r->requests;
}

/* ---- runs ---- */

/* The lock is held, and was given away meanwhile. Whoever has the turn of a crew may need the ledger: it is asked for without. */
static void wait_for(struct rf_sync_record *r, bool (*over)(void *ctx), void *ctx)
{
    struct rf_sync_ledger *l = r->ledger;
    pthread_mutex_unlock(&l->lock);
    rf_log(RF_LOG_INFO, "Step is still running by the file before, its turn comes after that",
           "task", r->name, NULL);
    rf_sync_crew_pause();
    pthread_mutex_lock(&l->lock);
    while (r->status.running && !over(ctx))
        pthread_cond_wait(&l->changed, &l->lock);
    pthread_mutex_unlock(&l->lock);
    rf_sync_crew_resume();
    pthread_mutex_lock(&l->lock);
}

bool rf_sync_ledger_begin(struct rf_sync_record *r, bool waits, bool (*over)(void *ctx), void *ctx,
                          enum rf_sync_mode *mode)
{
    struct rf_sync_ledger *l = r->ledger;
    pthread_mutex_lock(&l->lock);
    while (waits && r->status.running && !over(ctx))
        wait_for(r, over, ctx);
    bool begun = !r->status.running && (!waits || !over(ctx));
    if (begun) {
        r->status.running = true;
        r->status.last_start = time(NULL);
        *mode = r->owed ? RF_SYNC_COPY : *mode;
        r->owed = false;
    }
    pthread_mutex_unlock(&l->lock);
    if (!begun && !waits)
        rf_log(RF_LOG_DEBUG, "Task still running, this time is passed over", "task", r->name, NULL);
    return begun;
}

void rf_sync_ledger_end(struct rf_sync_record *r, const struct rf_sync_report_step *report,
                        bool left)
{
    struct rf_sync_ledger *l = r->ledger;
    pthread_mutex_lock(&l->lock);
    struct rf_sync_status *t = &r->status;
    t->running = false;
    t->last_end = time(NULL);
    t->runs += !report->cancelled || rf_sync_step_failed(report);
    if (rf_sync_step_failed(report))
        t->failed_runs++;
    else if (!report->cancelled)
        t->last_success = t->last_end;
    t->copies += report->outcomes[RF_SYNC_COPIED] + report->outcomes[RF_SYNC_REFRESHED];
    t->unchanged += report->outcomes[RF_SYNC_UNCHANGED] + report->outcomes[RF_SYNC_EXISTS];
    t->errors += report->outcomes[RF_SYNC_FAILED];
    t->bytes += report->bytes;
    if (report->rate.set)
        t->rate = report->rate;
    r->owed = r->owed || left;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

void rf_sync_ledger_stir(struct rf_sync_ledger *l)
{
    pthread_mutex_lock(&l->lock);
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

void rf_sync_ledger_status(struct rf_sync_record *r, struct rf_sync_status *out)
{
    pthread_mutex_lock(&r->ledger->lock);
    *out = r->status;
    pthread_mutex_unlock(&r->ledger->lock);
    out->requests = rf_stats_requests(r->requests);
}
