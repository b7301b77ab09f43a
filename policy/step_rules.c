/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/step_rules.h"

#include "base/log.h"
#include "base/mem.h"

/* ---- kinds of manifests ---- */

bool rf_step_takes_type(const struct rf_step *step, const char *media_type)
{
    const struct rf_yaml_list *list = &step->s.media_types;
    for (size_t k = 0; k < list->n; k++)
        if (media_type != NULL && strcmp(list->items[k], media_type) == 0)
            return true;
    return false;
}

void rf_step_tell_skipped(const struct rf_step *step, const char *ref, const char *media_type)
{
    size_t n = step->s.media_types.n;
    RF_CLEANUP(rf_freep) struct rf_log_entry *allowed = rf_xcalloc(n + 1, sizeof(*allowed));
    for (size_t k = 0; k < n; k++)
        allowed[k].value = step->s.media_types.items[k];
    rf_log_with(RF_LOG_INFO, "Skipping unsupported media type", rf_log_text("ref", ref),
                rf_log_text("mediaType", media_type), rf_log_list("allowed", allowed, n));
}

/* ---- referrers ---- */

static bool passes(const struct rf_referrer_filter *f, const struct rf_descriptor *d)
{
    if (f->artifact_type != NULL && f->artifact_type[0] != '\0' &&
        (d->artifact_type == NULL || strcmp(f->artifact_type, d->artifact_type) != 0))
        return false;
    for (size_t k = 0; k + 1 < f->annotations.n; k += 2) {
        const char *has =
            json_string_value(json_object_get(d->annotations, f->annotations.items[k]));
        const char *want = f->annotations.items[k + 1];
        if (has == NULL || (want[0] != '\0' && strcmp(has, want) != 0))
            return false;
    }
    return true;
}

bool rf_step_takes_referrer(const struct rf_step *step, const struct rf_descriptor *d)
{
    for (size_t k = 0; k < step->s.n_referrer_filters; k++)
        if (passes(&step->s.referrer_filters[k], d))
            return true;
    return step->s.n_referrer_filters == 0;
}

/* With its length, so that no text can look like two. */
static void add_text(struct rf_buf *out, const char *text)
{
    rf_buf_addf(out, " %zu:%s", strlen(text), text);
}

void rf_step_referrers_text(const struct rf_step *step, struct rf_buf *out)
{
    for (size_t i = 0; i < step->s.n_referrer_filters; i++) {
        const struct rf_referrer_filter *f = &step->s.referrer_filters[i];
        rf_buf_add_str(out, "referrers");
        add_text(out, f->artifact_type != NULL ? f->artifact_type : "");
        for (size_t k = 0; k < f->annotations.n; k++)
            add_text(out, f->annotations.items[k]);
        rf_buf_add_char(out, '\n');
    }
}
