/* SPDX-License-Identifier: Apache-2.0 */
#include "import/report_plan.h"

#include "base/mem.h"
#include "base/text.h"
#include "import/ahead.h"
#include "regclient/registry.h"

/* ---- images ---- */

bool rf_import_report_moves_tag(const struct rf_import_run *r, size_t image)
{
    const struct rf_image *im = &r->doc->desired.images[image];
    return r->tag_had != NULL && !rf_bundle_is_repair(r->doc) && rf_image_is_wanted(im) &&
           r->refused[image] == NULL && !r->lacking[image] &&
           rf_desired_str(&r->doc->desired, im->tag)[0] != '\0' &&
           !rf_digest_eq(&r->tag_had[image], &r->tag_gets[image]);
}

/* The rule of the connected side that lets a removed image go, or NULL. */
static const char *rule_of_removal(const struct rf_bundle *b, const struct rf_image *im)
{
    const char *repository = rf_desired_str(&b->desired, im->repository);
    const char *tag = rf_desired_str(&b->desired, im->tag);
    for (size_t i = 0; i < b->retain.n; i++) {
        const struct rf_candidate *c = &b->retain.candidates[i];
        if (rf_digest_eq(&c->digest, &im->digest) &&
            strcmp(rf_desired_str(&b->desired, c->tag), tag) == 0 &&
            strcmp(rf_desired_str(&b->desired, c->repository), repository) == 0)
            return rf_desired_str(&b->desired, c->rule);
    }
    return NULL;
}

void rf_import_report_why(const struct rf_import_run *r, size_t image, struct rf_buf *out)
{
    const struct rf_image *im = &r->doc->desired.images[image];
    const char *rule = rule_of_removal(r->doc, im);
    char text[RF_DIGEST_TEXT];
    if (im->status == RF_IMAGE_REMOVED && rule == NULL)
        rf_buf_add_str(out, ": not selected there any more; it stays here");
    if (im->status == RF_IMAGE_REMOVED && rule != NULL) {
        rf_buf_add_str(out, ": not selected there any more; it stays here until it is pruned, by ");
        rf_text_safe(out, rf_slice_str(rule), 400);
    }
    if (im->status == RF_IMAGE_HELD)
        rf_buf_add_str(out, ": could not be fetched there; what is here stands");
    if (!rf_import_report_moves_tag(r, image))
        return;
    if (rf_digest_is_set(&r->tag_had[image]))
        rf_buf_addf(out, "; its tag has %s", rf_digest_text(&r->tag_had[image], text));
    else if (im->status != RF_IMAGE_NEW)
        rf_buf_add_str(out, "; its tag is not there");
}

struct verdict {
    const char *what;
    const char *side; /* NULL: nothing was decided yet */
    const char *rule; /* NULL: none but that it was selected */
};

static struct verdict removal(const struct rf_import_run *r, const struct rf_image *im)
{
    const char *rule = rule_of_removal(r->doc, im);
    return (struct verdict){ rule != NULL ? "letGo" : "removed", "near",
                             rule != NULL ? rule : "not selected any more" };
}

static struct verdict verdict_of(const struct rf_import_result *res, size_t image, bool lacks)
{
    const struct rf_import_run *r = &res->run;
    const struct rf_image *im = &r->doc->desired.images[image];
    bool asked = rf_verdicts_has(r->req->policy, RF_VERDICT_ACCEPT);
    if (!rf_image_is_wanted(im))
        return removal(r, im);
    if (r->refused[image] != NULL)
        return (struct verdict){ "refused", r->by_policy[image] ? "far" : "destination",
                                 r->refused[image] };
    if (lacks || r->lacking[image])
        return (struct verdict){ "lacking", "destination", "what it builds on is missing" };
    if (res->stage < RF_IMPORT_PLANNED || rf_bundle_is_repair(r->doc))
        return (struct verdict){ NULL, NULL, NULL };
    if (im->status == RF_IMAGE_HELD)
        return (struct verdict){ "held", "near", "it could not be fetched" };
    return (struct verdict){ rf_image_travels(im) ? "taken" : "unchanged", asked ? "far" : "near",
                             asked ? "accept" : "selected" };
}

void rf_import_report_verdict_json(const struct rf_import_result *res, size_t image, bool lacks,
                                   struct rf_buf *out)
{
    struct verdict v = verdict_of(res, image, lacks);
    char text[RF_DIGEST_TEXT];
    if (v.what == NULL || out->len == 0 || out->ptr[out->len - 1] != '}')
        return;
    out->len--;
    rf_buf_addf(out, ",\"verdict\":\"%s\",\"side\":\"%s\",\"rule\":", v.what, v.side);
    rf_json_add_string(out, v.rule);
    if (rf_import_report_moves_tag(&res->run, image)) {
        const struct rf_digest *had = &res->run.tag_had[image];
        rf_buf_addf(out, ",\"tagHad\":\"%s\"",
                    rf_digest_is_set(had) ? rf_digest_text(had, text) : "");
    }
    rf_buf_add_char(out, '}');
}

void rf_import_report_not_carried_json(const struct rf_import_run *r, struct rf_buf *out)
{
    const struct rf_desired *d = &r->doc->desired;
    char text[RF_DIGEST_TEXT];
    rf_buf_add_str(out, ",\"notCarried\":[");
    for (size_t i = 0; i < r->doc->n_refused; i++) {
        const struct rf_bundle_refused *one = &r->doc->refused[i];
        const uint32_t ids[] = { one->repository, one->tag, one->source, one->reason };
        static const char *const keys[] = { "repository", "tag", "source", "rule" };
        rf_buf_addf(out, "%s{\"side\":\"near\",\"digest\":\"%s\"", i > 0 ? ",\n" : "\n",
                    rf_digest_text(&one->digest, text));
        for (size_t k = 0; k < RF_ARRAY_LEN(ids); k++) {
            rf_buf_addf(out, ",\"%s\":", keys[k]);
            rf_json_add_string(out, rf_desired_str(d, ids[k]));
        }
        rf_buf_add_char(out, '}');
    }
    rf_buf_add_char(out, ']');
}

/* ---- what a run takes ---- */

void rf_import_report_means(const struct rf_import_run *r, struct rf_buf *out)
{
    bool registry = rf_registry_remote(rf_ahead_below(r->req->to)) != NULL;
    char a[16];
    if (registry) {
        rf_buf_addf(out, "requests  about %llu, %llu of them %s (pulls)\n",
                    (unsigned long long)r->counts.requests, (unsigned long long)r->forecast.pulls,
                    rf_text_by_count(r->forecast.pulls, "gets a manifest", "get manifests"));
        rf_buf_addf(out, "space     %s needs %s; a registry does not say what it has\n",
                    r->req->to_name, rf_text_size(r->counts.bytes_uploaded, a));
    }
    if (registry && r->counts.blobs_mounted > 0)
        rf_buf_addf(out, "mounts    what %s does not mount is sent too: up to %s more\n",
                    r->req->to_name, rf_text_size(r->counts.bytes_mounted, a));
    if (r->rate.set) {
        rf_buf_addf(out, "limit     %s grants %llu more pull%s", r->req->to_name,
                    (unsigned long long)r->rate.remain, rf_text_s(r->rate.remain));
        if (r->rate.limit > 0)
            rf_buf_addf(out, " of %llu", (unsigned long long)r->rate.limit);
        if (r->forecast.pulls > r->rate.remain)
            rf_buf_addf(out, ": %llu too few",
                        (unsigned long long)(r->forecast.pulls - r->rate.remain));
        rf_buf_add_char(out, '\n');
    }
    rf_rooms_text(&r->forecast.rooms, out);
}

void rf_import_report_means_json(const struct rf_import_result *res, struct rf_buf *out)
{
    const struct rf_import_run *r = &res->run;
    bool registry = rf_registry_remote(rf_ahead_below(r->req->to)) != NULL;
    if (registry)
        rf_buf_addf(out, ",\"requests\":%llu", (unsigned long long)r->counts.requests);
    if (res->stage != RF_IMPORT_PLANNED)
        return;
    if (registry)
        rf_buf_addf(out, ",\"pulls\":%llu", (unsigned long long)r->forecast.pulls);
    if (r->rate.set)
        rf_buf_addf(out, ",\"rateLimit\":{\"remaining\":%llu,\"limit\":%llu}",
                    (unsigned long long)r->rate.remain, (unsigned long long)r->rate.limit);
    rf_buf_add_str(out, ",\"space\":");
    rf_rooms_json(&r->forecast.rooms, out);
}
