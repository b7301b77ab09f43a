/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan or a bundle holds, for people. */
#include "export/report_private.h"

#include "base/mem.h"
#include "base/text.h"
#include "layout/bundle_frame.h"
#include "layout/bundle_report.h"
#include "layout/bundle_retain.h"

#define SHOWN_SOURCE 400

struct rf_export_totals rf_export_totals(const struct rf_bundle *b)
{
    struct rf_export_totals t = { 0 };
    for (size_t i = 0; i < b->n_blobs; i++) {
        bool carried = b->blobs[i].travel == RF_TRAVEL_CARRIED;
        *(carried ? &t.carried : &t.assumed) += 1;
        *(carried ? &t.carried_bytes : &t.assumed_bytes) += b->blobs[i].size;
    }
    return t;
}

uint64_t rf_export_file_size(const struct rf_export_result *r)
{
    struct rf_bundle_frame frame;
    if (r->path != NULL)
        return r->size;
    uint64_t size = rf_bundle_frame_init(&frame, r->plan->bundle, NULL) == 0 ? frame.total : 0;
    rf_bundle_frame_release(&frame);
    return size;
}

static void put_rule(struct rf_buf *out, const struct rf_plan *p, uint32_t number)
{
    struct rf_rule rule;
    if (!rf_rules_get(&p->rules, number, &rule))
        return;
    rf_buf_add_str(out, rule.by != NULL ? " by " : ": ");
    rf_rule_text(&rule, p->rules.file, out);
}

static void put_line(struct rf_buf *out, const struct rf_plan *p, const struct rf_image *im)
{
    const struct rf_desired *d = &p->bundle->desired;
    char text[RF_DIGEST_TEXT];
    rf_bundle_image_text(d, im, out);
    if (im->original != RF_NO_ID)
        rf_buf_addf(out, " (pruned from %s)", rf_digest_text(&d->digests[im->original], text));
    rf_buf_add_str(out, " from ");
    rf_text_safe(out, rf_slice_str(rf_desired_str(d, im->source)), SHOWN_SOURCE);
    put_rule(out, p, im->rule);
    rf_buf_add_char(out, '\n');
}

static void put_holes(struct rf_buf *out, const struct rf_plan *p)
{
    const struct rf_bundle *b = p->bundle;
    const struct rf_desired *d = &b->desired;
    for (size_t i = 0; i < b->n_holes; i++) {
        const char *tag = rf_desired_str(d, b->holes[i].tag);
        rf_buf_addf(out, "%-9s %s%s%s from ", "hole", rf_desired_str(d, b->holes[i].repository),
                    tag[0] != '\0' ? ":" : "", tag);
        rf_text_safe(out, rf_slice_str(rf_desired_str(d, b->holes[i].source)), SHOWN_SOURCE);
        put_rule(out, p, b->holes[i].rule);
        rf_buf_add_str(out, ": ");
        rf_text_safe(out, rf_slice_str(rf_desired_str(d, b->holes[i].reason)), 1024);
        rf_buf_add_char(out, '\n');
    }
}

static void put_refused(struct rf_buf *out, const struct rf_bundle *b)
{
    const struct rf_desired *d = &b->desired;
    char text[RF_DIGEST_TEXT];
    for (size_t i = 0; i < b->n_refused; i++) {
        const struct rf_bundle_refused *r = &b->refused[i];
        const char *tag = rf_desired_str(d, r->tag);
        rf_buf_addf(out, "%-9s %s", "refused", rf_desired_str(d, r->repository));
        if (tag[0] != '\0')
            rf_buf_addf(out, ":%s %s from ", tag, rf_digest_text(&r->digest, text));
        else
            rf_buf_addf(out, "@%s from ", rf_digest_text(&r->digest, text));
        rf_text_safe(out, rf_slice_str(rf_desired_str(d, r->source)), SHOWN_SOURCE);
        rf_buf_add_str(out, " by ");
        rf_text_safe(out, rf_slice_str(rf_desired_str(d, r->reason)), 1024);
        rf_buf_add_char(out, '\n');
    }
}

static void put_totals(struct rf_buf *out, const struct rf_export_result *r)
{
    const struct rf_bundle *b = r->plan->bundle;
    struct rf_export_totals t = rf_export_totals(b);
    char a[16], c[16], e[16];
    rf_bundle_images_text(b, out);
    if (b->n_refused > 0)
        rf_buf_addf(out, ", %zu refused", b->n_refused);
    rf_buf_add_char(out, '\n');
    rf_buf_addf(out, "carried   %llu blob%s, %s; assumed on the far side: %llu blob%s, %s\n",
                (unsigned long long)t.carried, rf_text_s(t.carried),
                rf_text_size(t.carried_bytes, a), (unsigned long long)t.assumed,
                rf_text_s(t.assumed), rf_text_size(t.assumed_bytes, c));
    if (r->path == NULL)
        rf_buf_addf(out, "to fetch  %s\n", rf_text_size(r->plan->fetch_bytes, e));
    if (r->path == NULL)
        rf_requests_text(&r->requests, out);
    rf_rooms_text(&r->rooms, out);
}

static void put_heading(struct rf_buf *out, const struct rf_export_result *r)
{
    const struct rf_bundle *b = r->plan->bundle;
    char text[RF_DIGEST_TEXT], size[16];
    if (rf_bundle_is_repair(b))
        rf_buf_addf(out, "site      %s, repair of bundle %llu of its chain, %s\n", b->site,
                    (unsigned long long)b->sequence, rf_digest_text(&b->repairs, text));
    else
        rf_buf_addf(out, "site      %s, bundle %llu of its chain%s\n", b->site,
                    (unsigned long long)b->sequence, b->n_bases == 0 ? ", full" : "");
    rf_bundle_bases_text(b, out);
    rf_buf_addf(out, "snapshot  %s\n", rf_digest_text(&b->snapshot, text));
    rf_buf_addf(out, "bundle    %s, %s%s", rf_digest_text(&b->id, text),
                rf_text_size(rf_export_file_size(r), size), r->path != NULL ? "" : " to write");
    rf_buf_add_char(out, '\n');
    if (r->path != NULL)
        rf_buf_addf(out, "file      %s\n",
                    strcmp(r->path, "-") == 0 ? "(standard output)" : r->path);
}

static void put_candidates(struct rf_buf *out, const struct rf_bundle *b)
{
    const struct rf_bundle_retain *r = &b->retain;
    char text[RF_DIGEST_TEXT];
    for (size_t i = 0; i < r->n; i++) {
        const struct rf_candidate *c = &r->candidates[i];
        rf_buf_addf(out, "%-9s ", "let go");
        rf_candidate_name(b, c, out);
        if (rf_desired_str(&b->desired, c->tag)[0] != '\0')
            rf_buf_addf(out, " %s", rf_digest_text(&c->digest, text));
        rf_buf_add_str(out, " by ");
        rf_text_safe(out, rf_slice_str(rf_desired_str(&b->desired, c->rule)), SHOWN_SOURCE);
        rf_buf_add_char(out, '\n');
    }
}

static void put_retain(struct rf_buf *out, const struct rf_bundle *b)
{
    const struct rf_bundle_retain *r = &b->retain;
    char text[32];
    if (!r->set)
        return;
    rf_buf_addf(out, "retain    %zu of %llu image%s let go", r->n, (unsigned long long)r->known,
                rf_text_s(r->known));
    if (r->has_as_of)
        rf_buf_addf(out, ", ages as of %s", rf_text_time(r->as_of, text));
    rf_buf_add_str(out, "; deleted only by regimport prune\n");
}

/* What a run left as it was is not worth a line; a repair changes no image, and tells those that it is for. */
static bool is_told(const struct rf_export_result *r, const struct rf_image *im)
{
    return r->path == NULL || im->status != RF_IMAGE_UNCHANGED ||
           (r->plan->asked != 0 && im->rule == r->plan->asked);
}

void rf_export_report_text(const struct rf_export_result *r, struct rf_buf *out)
{
    const struct rf_desired *d = &r->plan->bundle->desired;
    for (size_t i = 0; i < d->n; i++)
        if (is_told(r, &d->images[i]))
            put_line(out, r->plan, &d->images[i]);
    put_holes(out, r->plan);
    put_candidates(out, r->plan->bundle);
    put_refused(out, r->plan->bundle);
    put_heading(out, r);
    put_totals(out, r);
    put_retain(out, r->plan->bundle);
}
