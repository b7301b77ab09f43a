/* SPDX-License-Identifier: Apache-2.0 */
/* What came of a run, for people and for programs. */
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "policy/sync/sync_run.h"

void rf_sync_report_release(struct rf_sync_report *r)
{
    for (size_t i = 0; i < r->n_steps; i++)
        rf_sync_report_step_release(&r->steps[i]);
    free(r->steps);
    *r = (struct rf_sync_report){ 0 };
}

static uint64_t sum(const struct rf_sync_report *r, enum rf_sync_outcome o)
{
    uint64_t n = 0;
    for (size_t i = 0; i < r->n_steps; i++)
        n += r->steps[i].outcomes[o];
    return n;
}

uint64_t rf_sync_report_needed(const struct rf_sync_report *r)
{
    return sum(r, RF_SYNC_NEEDED) + sum(r, RF_SYNC_REFRESH_NEEDED);
}

void rf_sync_report_errors(const struct rf_sync_report *r, struct rf_buf *out)
{
    for (size_t i = 0; i < r->n_steps; i++) {
        const struct rf_sync_report_step *s = &r->steps[i];
        for (size_t k = 0; k < s->n_errors; k++)
            rf_buf_addf(out, "%s\n", s->errors[k]);
        if (s->more_errors > 0)
            rf_buf_addf(out, "... and %llu failure%s more\n", (unsigned long long)s->more_errors,
                        rf_text_s(s->more_errors));
    }
}

static void add_image(struct rf_buf *out, const struct rf_sync_report_image *i)
{
    char digest[RF_DIGEST_TEXT];
    rf_buf_add_str(out, "{\"source\":");
    rf_json_add_string(out, i->source);
    rf_buf_add_str(out, ",\"target\":");
    rf_json_add_string(out, i->target);
    rf_buf_addf(out, ",\"outcome\":\"%s\"", rf_sync_outcome_text(i->outcome));
    if (rf_digest_is_set(&i->digest))
        rf_buf_addf(out, ",\"digest\":\"%s\"", rf_digest_text(&i->digest, digest));
    if (i->bytes > 0)
        rf_buf_addf(out, ",\"bytes\":%llu", (unsigned long long)i->bytes);
    if (i->error != NULL) {
        rf_buf_add_str(out, ",\"error\":");
        rf_json_add_string(out, i->error);
    }
    rf_buf_add_char(out, '}');
}

static void add_text(struct rf_buf *out, const char *key, const char *value)
{
    rf_buf_addf(out, "\"%s\":", key);
    rf_json_add_string(out, value != NULL ? value : "");
    rf_buf_add_char(out, ',');
}

static void add_step(struct rf_buf *out, const struct rf_sync_report_step *s)
{
    rf_buf_add_char(out, '{');
    add_text(out, "source", s->step->source);
    add_text(out, "target", s->step->target);
    add_text(out, "type", s->step->type_text);
    rf_buf_add_str(out, "\"images\":[");
    for (size_t i = 0; i < s->n_images; i++) {
        if (i > 0)
            rf_buf_add_char(out, ',');
        add_image(out, &s->images[i]);
    }
    rf_buf_add_char(out, ']');
    for (int o = 0; o < RF_SYNC_OUTCOME_COUNT; o++)
        rf_buf_addf(out, ",\"%s\":%llu", rf_sync_outcome_text((enum rf_sync_outcome)o),
                    (unsigned long long)s->outcomes[o]);
    rf_buf_addf(out, ",\"bytes\":%llu,\"errors\":[", (unsigned long long)s->bytes);
    for (size_t i = 0; i < s->n_errors; i++) {
        if (i > 0)
            rf_buf_add_char(out, ',');
        rf_json_add_string(out, s->errors[i]);
    }
    rf_buf_add_str(out, "]}");
}

void rf_sync_report_json(const struct rf_sync_report *r, struct rf_buf *out)
{
    rf_buf_add_str(out, "{\"steps\":[");
    for (size_t i = 0; i < r->n_steps; i++) {
        if (i > 0)
            rf_buf_add_char(out, ',');
        add_step(out, &r->steps[i]);
    }
    rf_buf_addf(out, "],\"needed\":%llu,\"copied\":%llu,\"failed\":%llu}\n",
                (unsigned long long)rf_sync_report_needed(r),
                (unsigned long long)(sum(r, RF_SYNC_COPIED) + sum(r, RF_SYNC_REFRESHED)),
                (unsigned long long)sum(r, RF_SYNC_FAILED));
}
