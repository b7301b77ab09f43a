/* SPDX-License-Identifier: Apache-2.0 */
/* What a bundle holds and what was done with it, for people and for scripts. */
#include "import/report_plan.h"

#include "base/mem.h"
#include "base/text.h"
#include "layout/bundle_report.h"

static void put_image(const struct rf_import_run *r, size_t i, struct rf_buf *out)
{
    const struct rf_desired *d = &r->doc->desired;
    const struct rf_image *im = &d->images[i];
    rf_bundle_image_text(d, im, out);
    rf_buf_add_str(out, " from ");
    rf_text_safe(out, rf_slice_str(rf_desired_str(d, im->source)), 400);
    rf_import_report_why(r, i, out);
    rf_buf_add_char(out, '\n');
}

/* What changes, with an unchanged image of which only the tag is set again. */
static bool is_listed(const struct rf_import_result *res, size_t i)
{
    const struct rf_import_run *r = &res->run;
    const struct rf_image *im = &r->doc->desired.images[i];
    if (res->stage == RF_IMPORT_OPENED)
        return r->n_missing == 0;
    if (res->stage != RF_IMPORT_PLANNED || r->refused[i] != NULL || r->lacking[i])
        return false;
    return im->status != RF_IMAGE_UNCHANGED || r->req->list_all || rf_import_report_moves_tag(r, i);
}

static void put_images(const struct rf_import_result *res, struct rf_buf *out)
{
    const struct rf_import_run *r = &res->run;
    size_t n = 0;
    for (size_t i = 0; i < r->doc->desired.n; i++) {
        if (is_listed(res, i))
            put_image(r, i, out);
        else
            n += r->doc->desired.images[i].status == RF_IMAGE_UNCHANGED && r->refused[i] == NULL &&
                 !r->lacking[i];
    }
    if (res->stage == RF_IMPORT_PLANNED && n > 0 && !rf_bundle_is_repair(r->doc))
        rf_buf_addf(out, "unchanged %zu image%s, there with %s (--all lists %s)\n", n, rf_text_s(n),
                    r->req->check == RF_CHECK_MANIFESTS
                        ? rf_text_by_count(n, "its manifests", "their manifests")
                        : rf_text_by_count(n, "all it needs", "all they need"),
                    rf_text_by_count(n, "it", "them"));
}

static void put_holes(const struct rf_import_run *r, struct rf_buf *out)
{
    const struct rf_desired *d = &r->doc->desired;
    for (size_t i = 0; i < r->doc->n_holes; i++) {
        const struct rf_hole *h = &r->doc->holes[i];
        const char *tag = rf_desired_str(d, h->tag);
        rf_buf_add_str(out, "hole      ");
        rf_text_safe(out, rf_slice_str(rf_desired_str(d, h->repository)), 400);
        if (tag[0] != '\0') {
            rf_buf_add_char(out, ':');
            rf_text_safe(out, rf_slice_str(tag), 200);
        }
        rf_buf_add_str(out, ": ");
        rf_text_safe(out, rf_slice_str(rf_desired_str(d, h->reason)), 1024);
        rf_buf_add_char(out, '\n');
    }
}

static void put_missing(const struct rf_import_run *r, struct rf_buf *out)
{
    const struct rf_desired *d = &r->doc->desired;
    char text[RF_DIGEST_TEXT];
    for (size_t i = 0; i < r->n_missing; i++) {
        const struct rf_missing *m = &r->missing[i];
        if (i == 0 || m->image != r->missing[i - 1].image) {
            rf_buf_add_str(out, "missing   for ");
            rf_image_name(d, &d->images[m->image], out);
            rf_buf_add_str(out, ":\n");
        }
        rf_buf_addf(out, "          %s %s, %llu bytes\n", m->manifest ? "manifest" : "blob",
                    rf_digest_text(&m->digest, text), (unsigned long long)m->size);
    }
}

static void put_refused(const struct rf_import_run *r, struct rf_buf *out)
{
    const struct rf_desired *d = &r->doc->desired;
    for (size_t i = 0; i < d->n; i++) {
        if (r->refused[i] == NULL)
            continue;
        rf_buf_add_str(out, "refused   ");
        rf_image_name(d, &d->images[i], out);
        rf_buf_addf(out, "%s%s\n", r->by_policy[i] ? " here, by " : ": ", r->refused[i]);
    }
}

/* By the other side's policy; a part of the bundle, so it is shown before anything is asked. */
static void put_not_carried(const struct rf_import_run *r, struct rf_buf *out)
{
    const struct rf_desired *d = &r->doc->desired;
    char text[RF_DIGEST_TEXT];
    for (size_t i = 0; i < r->doc->n_refused; i++) {
        const struct rf_bundle_refused *one = &r->doc->refused[i];
        const char *tag = rf_desired_str(d, one->tag);
        rf_buf_addf(out, "refused   %s%s%s on the connected side, by ",
                    rf_desired_str(d, one->repository), tag[0] != '\0' ? ":" : "@",
                    tag[0] != '\0' ? tag : rf_digest_text(&one->digest, text));
        rf_text_safe(out, rf_slice_str(rf_desired_str(d, one->reason)), 1024);
        rf_buf_add_char(out, '\n');
    }
}

static void put_foreign(const struct rf_import_run *r, bool plan, struct rf_buf *out)
{
    const struct rf_desired *d = &r->doc->desired;
    char text[RF_DIGEST_TEXT];
    for (size_t i = 0; i < r->n_foreign; i++) {
        rf_buf_add_str(out, "foreign   tag ");
        rf_image_name(d, &d->images[r->foreign[i].image], out);
        rf_buf_addf(out, " %s %s, not brought by us: %s\n", plan ? "has" : "had",
                    rf_digest_text(&r->foreign[i].was, text),
                    plan ? "it would be overwritten" : "overwritten; rollback can bring it back");
    }
}

static void put_merged(const struct rf_import_run *r, bool plan, struct rf_buf *out)
{
    const struct rf_desired *d = &r->doc->desired;
    for (size_t i = 0; i < r->n_merged; i++) {
        rf_buf_add_str(out, "merged    tag ");
        rf_image_name(d, &d->images[r->merged[i].image], out);
        rf_buf_addf(out, " %s %zu referrer%s that others listed here, beside those of the bundle\n",
                    plan ? "would keep" : "keeps", r->merged[i].others,
                    rf_text_s(r->merged[i].others));
    }
}

static void put_head(const struct rf_import_result *res, struct rf_buf *out)
{
    const struct rf_import_run *r = &res->run;
    const struct rf_bundle *b = r->doc;
    char text[RF_DIGEST_TEXT], size[16];
    rf_buf_addf(out, "bundle    %s, made by %s\n", rf_digest_text(&b->id, text), b->tool);
    rf_buf_addf(out, "site      %s, bundle %llu of chain %s%s\n", b->site,
                (unsigned long long)b->sequence, b->chain, b->n_bases == 0 ? ", full" : "");
    if (rf_bundle_is_repair(b))
        rf_buf_addf(out, "repairs   bundle %s: apply that one afterwards\n",
                    rf_digest_text(&b->repairs, text));
    rf_bundle_bases_text(b, out);
    rf_buf_addf(out, "snapshot  %s\n", rf_digest_text(&b->snapshot, text));
    rf_bundle_images_text(b, out);
    size_t carried = rf_bundle_carried_count(b), signatures = rf_bundle_file_signatures(r->file);
    rf_buf_addf(out, "\ncarried   %zu blob%s, %s\n", carried, rf_text_s(carried),
                rf_text_size(rf_bundle_carried_bytes(b), size));
    if (signatures == 0)
        rf_buf_add_str(out, "signed    no\n");
    else
        rf_buf_addf(out, "signed    %zu signature%s, not checked by this version\n", signatures,
                    rf_text_s(signatures));
}

static void put_done(const struct rf_import_result *res, struct rf_buf *out)
{
    const struct rf_import_counts *c = &res->run.counts;
    char size[16];
    bool plan = res->stage == RF_IMPORT_PLANNED;
    if (res->run.repeated)
        rf_buf_addf(
            out,
            "again     this bundle was applied to %s before; everything was checked once more\n",
            res->run.req->to_name);
    rf_buf_addf(out, "%s   %llu blob%s, %s; %llu mounted, %llu already there\n",
                plan ? "to send" : "sent   ", (unsigned long long)c->blobs_uploaded,
                rf_text_s(c->blobs_uploaded), rf_text_size(c->bytes_uploaded, size),
                (unsigned long long)c->blobs_mounted, (unsigned long long)c->blobs_there);
    rf_buf_addf(out, "manifests %llu %s, %llu already there\n",
                (unsigned long long)c->manifests_put, plan ? "to write" : "written and read back",
                (unsigned long long)c->manifests_there);
    if (!rf_bundle_is_repair(res->run.doc))
        rf_buf_addf(out, "tags      %llu %s, %llu right already\n", (unsigned long long)c->tags_set,
                    plan ? "to set" : "set and read back", (unsigned long long)c->tags_right);
    if (plan)
        rf_import_report_means(&res->run, out);
}

void rf_import_report_text(const struct rf_import_result *res, struct rf_buf *out)
{
    const struct rf_import_run *r = &res->run;
    put_images(res, out);
    put_holes(r, out);
    put_missing(r, out);
    put_not_carried(r, out);
    put_refused(r, out);
    put_foreign(r, res->stage == RF_IMPORT_PLANNED, out);
    put_merged(r, res->stage == RF_IMPORT_PLANNED, out);
    put_head(res, out);
    if (res->stage == RF_IMPORT_VERIFIED && r->n_missing == 0)
        rf_buf_add_str(out, "verified  every byte\n");
    if (res->stage >= RF_IMPORT_PLANNED)
        put_done(res, out);
}

static const char *const stage_names[] = { "opened", "verified", "groundChecked", "planned",
                                           "applied" };

static void put_json_lists(const struct rf_import_result *res, struct rf_buf *out)
{
    const struct rf_import_run *r = &res->run;
    const struct rf_desired *d = &r->doc->desired;
    char text[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_freep) bool *lacks = rf_xcalloc(d->n + 1, sizeof(*lacks));
    for (size_t i = 0; i < r->n_missing; i++)
        lacks[r->missing[i].image] = true;
    rf_buf_add_str(out, ",\"images\":[");
    for (size_t i = 0; i < d->n; i++) {
        rf_buf_add_str(out, i > 0 ? ",\n" : "\n");
        rf_image_json(d, &d->images[i], true, out);
        rf_import_report_verdict_json(res, i, lacks[i], out);
    }
    rf_buf_add_str(out, "],\"missing\":[");
    for (size_t i = 0; i < r->n_missing; i++) {
        rf_buf_add_str(out, i > 0 ? ",\n{\"image\":\"" : "\n{\"image\":\"");
        rf_image_name(d, &d->images[r->missing[i].image], out);
        rf_buf_addf(out, "\",\"digest\":\"%s\",\"size\":%llu,\"kind\":\"%s\"}",
                    rf_digest_text(&r->missing[i].digest, text),
                    (unsigned long long)r->missing[i].size,
                    r->missing[i].manifest ? "manifest" : "blob");
    }
    rf_buf_add_str(out, "],\"foreign\":[");
    for (size_t i = 0; i < r->n_foreign; i++) {
        rf_buf_add_str(out, i > 0 ? ",\n{\"image\":\"" : "\n{\"image\":\"");
        rf_image_name(d, &d->images[r->foreign[i].image], out);
        rf_buf_addf(out, "\",\"digest\":\"%s\"}", rf_digest_text(&r->foreign[i].was, text));
    }
    rf_buf_add_str(out, "],\"merged\":[");
    for (size_t i = 0; i < r->n_merged; i++) {
        rf_buf_add_str(out, i > 0 ? ",\n{\"image\":\"" : "\n{\"image\":\"");
        rf_image_name(d, &d->images[r->merged[i].image], out);
        rf_buf_addf(out, "\",\"others\":%zu}", r->merged[i].others);
    }
    rf_buf_add_str(out, "],\"refused\":[");
    for (size_t i = 0, n = 0; i < d->n; i++) {
        if (r->refused[i] == NULL)
            continue;
        rf_buf_add_str(out, n++ > 0 ? ",\n{\"image\":\"" : "\n{\"image\":\"");
        rf_image_name(d, &d->images[i], out);
        rf_buf_addf(out,
                    "\",\"by\":\"%s\",\"reason\":", r->by_policy[i] ? "policy" : "destination");
        rf_json_add_string(out, r->refused[i]);
        rf_buf_add_char(out, '}');
    }
    rf_buf_add_char(out, ']');
    rf_import_report_not_carried_json(r, out);
}

static void put_json_holes(const struct rf_bundle *b, struct rf_buf *out)
{
    rf_buf_add_str(out, ",\"holes\":[");
    for (size_t i = 0; i < b->n_holes; i++) {
        rf_buf_add_str(out, i > 0 ? ",\n" : "\n");
        rf_hole_json(b, &b->holes[i], out);
    }
    rf_buf_add_char(out, ']');
}

void rf_import_report_json(const struct rf_import_result *res, struct rf_buf *out)
{
    const struct rf_import_run *r = &res->run;
    const struct rf_bundle *b = r->doc;
    const struct rf_import_counts *c = &r->counts;
    char id[RF_DIGEST_TEXT], snapshot[RF_DIGEST_TEXT];
    rf_buf_add_str(out, "{\"file\":");
    rf_json_add_string(out, res->path);
    rf_buf_addf(
        out,
        ",\"stage\":\"%s\",\"id\":\"%s\",\"site\":\"%s\",\"chain\":\"%s\",\"sequence\":%llu,\"snapshot\":\"%s\",\"full\":%s",
        stage_names[res->stage], rf_digest_text(&b->id, id), b->site, b->chain,
        (unsigned long long)b->sequence, rf_digest_text(&b->snapshot, snapshot),
        b->n_bases == 0 ? "true" : "false");
    rf_bundle_bases_json(b, out);
    rf_buf_addf(out, ",\"signatures\":%zu,\"carriedBlobs\":%zu,\"carriedBytes\":%llu",
                rf_bundle_file_signatures(r->file), rf_bundle_carried_count(b),
                (unsigned long long)rf_bundle_carried_bytes(b));
    rf_buf_addf(
        out,
        ",\"repeated\":%s,\"blobsSent\":%llu,\"bytesSent\":%llu,\"blobsMounted\":%llu,\"bytesMounted\":%llu,\"blobsThere\":%llu",
        r->repeated ? "true" : "false", (unsigned long long)c->blobs_uploaded,
        (unsigned long long)c->bytes_uploaded, (unsigned long long)c->blobs_mounted,
        (unsigned long long)c->bytes_mounted, (unsigned long long)c->blobs_there);
    rf_buf_addf(
        out, ",\"manifestsPut\":%llu,\"manifestsThere\":%llu,\"tagsSet\":%llu,\"tagsRight\":%llu",
        (unsigned long long)c->manifests_put, (unsigned long long)c->manifests_there,
        (unsigned long long)c->tags_set, (unsigned long long)c->tags_right);
    if (res->stage >= RF_IMPORT_PLANNED)
        rf_import_report_means_json(res, out);
    put_json_holes(b, out);
    put_json_lists(res, out);
    rf_buf_add_str(out, "}\n");
}
