/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan or a bundle holds, for scripts. */
#include "export/report_private.h"

#include "base/mem.h"
#include "base/text.h"
#include "layout/bundle_report.h"
#include "layout/bundle_retain.h"

static void put_json_retain(const struct rf_bundle *b, struct rf_buf *out)
{
    const struct rf_bundle_retain *r = &b->retain;
    char text[32];
    if (!r->set)
        return;
    if (r->has_as_of)
        rf_buf_addf(out, ",\"asOf\":\"%s\"", rf_text_time(r->as_of, text));
    rf_buf_add_str(out, ",\"retain\":");
    rf_bundle_retain_json(b, out);
    rf_buf_add_str(out, ",\"candidates\":[");
    for (size_t i = 0; i < r->n; i++) {
        rf_buf_add_str(out, i > 0 ? ",\n" : "\n");
        rf_candidate_json(b, &r->candidates[i], out);
    }
    rf_buf_add_char(out, ']');
}

/* What decided, behind the last key of an object: no bundle says it. */
static void put_json_rule(const struct rf_plan *p, uint32_t number, struct rf_buf *out)
{
    struct rf_rule rule;
    if (!rf_rules_get(&p->rules, number, &rule))
        return;
    rf_buf_add_str(out, ",\"rule\":");
    rf_rule_json(&rule, out);
}

/* The line of bundle.json with its rule. */
static void put_json_line(const struct rf_plan *p, const struct rf_image *im, struct rf_buf *out)
{
    rf_image_json(&p->bundle->desired, im, true, out);
    if (out->len == 0)
        return;
    out->len--; /* the brace */
    put_json_rule(p, im->rule, out);
    rf_buf_add_char(out, '}');
}

static void put_json_hole(const struct rf_plan *p, const struct rf_hole *h, struct rf_buf *out)
{
    rf_hole_json(p->bundle, h, out);
    if (out->len == 0)
        return;
    out->len--; /* the brace */
    put_json_rule(p, h->rule, out);
    rf_buf_add_char(out, '}');
}

static void put_json_lines(const struct rf_plan *p, struct rf_buf *out)
{
    const struct rf_bundle *b = p->bundle;
    const struct rf_desired *d = &b->desired;
    rf_buf_add_str(out, ",\"images\":[");
    for (size_t i = 0; i < d->n; i++) {
        rf_buf_add_str(out, i > 0 ? ",\n" : "\n");
        put_json_line(p, &d->images[i], out);
    }
    rf_buf_add_str(out, "],\"holes\":[");
    for (size_t i = 0; i < b->n_holes; i++) {
        rf_buf_add_str(out, i > 0 ? ",\n" : "\n");
        put_json_hole(p, &b->holes[i], out);
    }
    rf_buf_add_char(out, ']');
}

static void put_json_refused(const struct rf_bundle *b, struct rf_buf *out)
{
    const struct rf_desired *d = &b->desired;
    char text[RF_DIGEST_TEXT];
    rf_buf_add_str(out, ",\"refused\":[");
    for (size_t i = 0; i < b->n_refused; i++) {
        const struct rf_bundle_refused *r = &b->refused[i];
        rf_buf_add_str(out, i > 0 ? ",\n{\"repository\":" : "\n{\"repository\":");
        rf_json_add_string(out, rf_desired_str(d, r->repository));
        rf_buf_add_str(out, ",\"tag\":");
        rf_json_add_string(out, rf_desired_str(d, r->tag));
        rf_buf_addf(out, ",\"digest\":\"%s\",\"source\":", rf_digest_text(&r->digest, text));
        rf_json_add_string(out, rf_desired_str(d, r->source));
        rf_buf_add_str(out, ",\"by\":\"policy\",\"reason\":");
        rf_json_add_string(out, rf_desired_str(d, r->reason));
        rf_buf_add_char(out, '}');
    }
    rf_buf_add_char(out, ']');
}

void rf_export_report_json(const struct rf_export_result *r, struct rf_buf *out)
{
    const struct rf_bundle *b = r->plan->bundle;
    struct rf_export_totals t = rf_export_totals(b);
    char id[RF_DIGEST_TEXT], snapshot[RF_DIGEST_TEXT];
    uint64_t by_status[RF_IMAGE_HELD + 1];
    rf_bundle_count_images(b, by_status);
    rf_buf_addf(
        out,
        "{\"site\":\"%s\",\"sequence\":%llu,\"chain\":\"%s\",\"id\":\"%s\",\"snapshot\":\"%s\"",
        b->site, (unsigned long long)b->sequence, b->chain, rf_digest_text(&b->id, id),
        rf_digest_text(&b->snapshot, snapshot));
    rf_bundle_bases_json(b, out);
    rf_buf_addf(out, ",\"full\":%s,\"resumed\":%s,\"size\":%llu",
                b->n_bases == 0 ? "true" : "false", r->resumed ? "true" : "false",
                (unsigned long long)rf_export_file_size(r));
    if (r->path != NULL) {
        rf_buf_add_str(out, ",\"file\":");
        rf_json_add_string(out, r->path);
    } else {
        rf_buf_addf(out,
                    ",\"fetchBytes\":%llu,\"space\":", (unsigned long long)r->plan->fetch_bytes);
        rf_rooms_json(&r->rooms, out);
    }
    rf_buf_addf(
        out,
        ",\"carriedBlobs\":%llu,\"carriedBytes\":%llu,\"assumedBlobs\":%llu,\"assumedBytes\":%llu",
        (unsigned long long)t.carried, (unsigned long long)t.carried_bytes,
        (unsigned long long)t.assumed, (unsigned long long)t.assumed_bytes);
    rf_buf_add_str(out, ",\"requests\":");
    rf_requests_json(&r->requests, r->path == NULL, out);
    rf_buf_add_str(out, ",\"counts\":{");
    for (int s = RF_IMAGE_NEW; s <= RF_IMAGE_HELD; s++)
        rf_buf_addf(out, "%s\"%s\":%llu", s > 0 ? "," : "",
                    rf_image_status_name((enum rf_image_status)s),
                    (unsigned long long)by_status[s]);
    rf_buf_addf(out, ",\"holes\":%zu,\"refused\":%zu}", b->n_holes, b->n_refused);
    if (r->plan->rules.file != NULL) {
        rf_buf_add_str(out, ",\"policyFile\":");
        rf_json_add_string(out, r->plan->rules.file);
    }
    put_json_lines(r->plan, out);
    put_json_refused(b, out);
    put_json_retain(b, out);
    rf_buf_add_str(out, "}\n");
}
