/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/stats.h"

#include <stdatomic.h>

#include "base/mem.h"
#include "base/parallel.h"
#include "base/text.h"

struct rf_stats {
    atomic_uint_fast64_t counts[RF_REQ_COUNT];
    atomic_uint_fast64_t received, sent;
};

static const char *const texts[RF_REQ_COUNT] = {
#define RF_REQUEST_TEXT(name, text) text,
    RF_REQUEST_TABLE(RF_REQUEST_TEXT)
#undef RF_REQUEST_TEXT
};

struct rf_stats *rf_stats_new(void)
{
    return rf_xcalloc(1, sizeof(struct rf_stats));
}

void rf_stats_free(struct rf_stats *s)
{
    free(s);
}

struct rf_stats *rf_stats_also(struct rf_stats *s)
{
    struct rf_stats *before = rf_thread_note();
    rf_thread_set_note(s);
    return before;
}

static void count(struct rf_stats *s, enum rf_request_kind kind)
{
    if (s != NULL)
        atomic_fetch_add_explicit(&s->counts[kind], 1, memory_order_relaxed);
}

static void add_bytes(struct rf_stats *s, uint64_t received, uint64_t sent)
{
    if (s == NULL)
        return;
    atomic_fetch_add_explicit(&s->received, received, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->sent, sent, memory_order_relaxed);
}

void rf_stats_count(struct rf_stats *s, enum rf_request_kind kind)
{
    count(s, kind);
    count(rf_thread_note(), kind);
}

void rf_stats_bytes(struct rf_stats *s, uint64_t received, uint64_t sent)
{
    add_bytes(s, received, sent);
    add_bytes(rf_thread_note(), received, sent);
}

uint64_t rf_stats_get(const struct rf_stats *s, enum rf_request_kind kind)
{
    return atomic_load_explicit(&s->counts[kind], memory_order_relaxed);
}

uint64_t rf_stats_received(const struct rf_stats *s)
{
    return atomic_load_explicit(&s->received, memory_order_relaxed);
}

uint64_t rf_stats_sent(const struct rf_stats *s)
{
    return atomic_load_explicit(&s->sent, memory_order_relaxed);
}

uint64_t rf_stats_requests(const struct rf_stats *s)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < RF_REQ_COUNT; i++)
        if (i != RF_REQ_RETRY)
            sum += rf_stats_get(s, (enum rf_request_kind)i);
    return sum;
}

void rf_stats_text(const struct rf_stats *s, struct rf_buf *out)
{
    char received[16];
    char sent[16];
    const char *lead = " (";
    rf_buf_addf(out, "requests: %llu", (unsigned long long)rf_stats_requests(s));
    for (unsigned i = 0; i < RF_REQ_COUNT; i++) {
        uint64_t n = rf_stats_get(s, (enum rf_request_kind)i);
        if (n == 0)
            continue;
        rf_buf_addf(out, "%s%s %llu", lead, texts[i], (unsigned long long)n);
        lead = ", ";
    }
    rf_buf_addf(out, "%s, received %s, sent %s", lead[0] == ',' ? ")" : "",
                rf_text_size(rf_stats_received(s), received), rf_text_size(rf_stats_sent(s), sent));
}

const char *rf_request_text(enum rf_request_kind kind)
{
    return texts[kind];
}

void rf_request_key(enum rf_request_kind kind, struct rf_buf *out)
{
    rf_buf_add_char(out, '"');
    for (const char *p = texts[kind]; *p != '\0'; p++) {
        if (*p == ' ' && p[1] != '\0')
            rf_buf_add_char(out, (char)(*++p - 'a' + 'A'));
        else
            rf_buf_add_char(out, *p);
    }
    rf_buf_add_char(out, '"');
}

void rf_stats_json(const struct rf_stats *s, struct rf_buf *out)
{
    const char *lead = "";
    rf_buf_addf(out, "{\"requests\":%llu,\"byKind\":{", (unsigned long long)rf_stats_requests(s));
    for (unsigned i = 0; i < RF_REQ_COUNT; i++) {
        uint64_t n = rf_stats_get(s, (enum rf_request_kind)i);
        if (n == 0)
            continue;
        rf_buf_add_str(out, lead);
        rf_request_key((enum rf_request_kind)i, out);
        rf_buf_addf(out, ":%llu", (unsigned long long)n);
        lead = ",";
    }
    rf_buf_addf(out, "},\"received\":%llu,\"sent\":%llu}", (unsigned long long)rf_stats_received(s),
                (unsigned long long)rf_stats_sent(s));
}
