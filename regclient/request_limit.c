/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of a registry's answers: how many there were, and what the last one said of the limit on pulls. */
#include "base/text.h"
#include "regclient/request_private.h"

const char *rf_remote_name(const struct rf_remote *r)
{
    return r->name;
}

uint64_t rf_remote_calls(const struct rf_remote *r, enum rf_request_kind kind)
{
    return atomic_load_explicit(&r->calls[kind], memory_order_relaxed);
}

void rf_remote_count_call(struct rf_remote *r, enum rf_request_kind kind)
{
    atomic_fetch_add_explicit(&r->calls[kind], 1, memory_order_relaxed);
}

struct rf_remote_limit rf_remote_limit(struct rf_remote *r)
{
    pthread_mutex_lock(&r->lock);
    struct rf_remote_limit said = r->said;
    pthread_mutex_unlock(&r->lock);
    return said;
}

uint64_t rf_remote_turn(struct rf_remote *r)
{
    pthread_mutex_lock(&r->lock);
    uint64_t turn = ++r->turn;
    pthread_mutex_unlock(&r->lock);
    return turn;
}

/* The number at the start of "100;w=21600". */
static bool number_of(const char *text, uint64_t *out)
{
    return text != NULL &&
           rf_parse_u64(rf_slice_of(text, strcspn(text, ";, ")), INT64_MAX, out, NULL) == 0;
}

/*
 * Answers to requests that were under way together come in any order; the least of what they say is the latest then. More than before is believed only of
 * a request that was begun behind that.
 */
void rf_remote_note_limit(struct rf_remote *r, uint64_t turn, const struct rf_headers *headers)
{
    struct rf_remote_limit now = { 0 };
    now.set = number_of(rf_headers_get(headers, "ratelimit-remaining"), &now.remain);
    if (!now.set)
        return;
    if (!number_of(rf_headers_get(headers, "ratelimit-limit"), &now.limit))
        now.limit = 0;
    pthread_mutex_lock(&r->lock);
    if (!r->said.set || turn > r->said_turn || now.remain < r->said.remain) {
        r->said = now;
        r->said_turn = r->turn;
    }
    pthread_mutex_unlock(&r->lock);
}
