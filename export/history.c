/* SPDX-License-Identifier: Apache-2.0 */
/* The history of a site for people and for scripts: bundles, and what came back. */
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "export/export.h"
#include "export/record.h"

static const char *kind_of(const struct rf_export_record *r)
{
    if (rf_digest_is_set(&r->repairs))
        return "repair";
    return r->full ? "full" : "incremental";
}

/* 0 when there is one. What is damaged is told and passed over: it is a hint. */
static int receipt_of(const struct rf_export_state *s, const struct rf_export_record *r,
                      struct rf_receipt *out)
{
    struct rf_err why = RF_ERR_INIT;
    rf_receipt_init(out);
    int rc =
        rf_digest_is_set(&r->repairs) ? -RFE_NOT_FOUND : rf_export_receipt(s, &r->id, out, &why);
    if (rc < 0 && rc != -RFE_NOT_FOUND)
        rf_log(RF_LOG_WARN, "A receipt cannot be read; record it anew", "error", why.msg, NULL);
    if (rc < 0)
        rf_receipt_release(out);
    return rc;
}

static void put_record(const struct rf_export_state *s, const struct rf_export_record *r,
                       struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT], size[16];
    struct rf_receipt receipt;
    rf_buf_addf(out, "%6llu  %s  %s  %-11s %8s  ", (unsigned long long)r->sequence, r->time,
                rf_digest_text(&r->id, text), kind_of(r), rf_text_size(r->size, size));
    if (rf_digest_is_set(&r->repairs))
        rf_buf_addf(out, "for bundle %s, %llu hole%s\n", rf_digest_text(&r->repairs, text),
                    (unsigned long long)r->holes, rf_text_s(r->holes));
    else
        rf_buf_addf(out, "%llu image%s, %llu new or changed, %llu removed, %llu hole%s\n",
                    (unsigned long long)r->images, rf_text_s(r->images),
                    (unsigned long long)r->changed, (unsigned long long)r->removed,
                    (unsigned long long)r->holes, rf_text_s(r->holes));
    rf_buf_addf(out, "        snapshot %s  ", rf_digest_text(&r->snapshot, text));
    rf_text_safe(out, rf_slice_str(r->file), 4096);
    rf_buf_add_char(out, '\n');
    if (receipt_of(s, r, &receipt) < 0)
        return;
    size_t refused = rf_receipt_refused(&receipt);
    rf_buf_addf(out, "        confirmed %s, %zu image%s refused, at ", receipt.time, refused,
                rf_text_s(refused));
    rf_text_safe(out, rf_slice_str(receipt.destination), RF_COMPANION_NAME_MAX);
    rf_buf_add_char(out, '\n');
    rf_receipt_release(&receipt);
}

/* Calls back with each inventory that can be read. */
static void each_inventory(const struct rf_export_state *s, struct rf_buf *out,
                           void (*put)(const struct rf_inventory *v, size_t i, struct rf_buf *out))
{
    RF_CLEANUP(rf_freep) struct rf_digest *list = NULL;
    struct rf_err why = RF_ERR_INIT;
    size_t n = 0, shown = 0;
    int rc = rf_export_inventories(s, &list, &n, &why);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct rf_inventory v;
        rf_inventory_init(&v);
        if (rf_export_inventory(s, &list[i], &v, &why) == 0)
            put(&v, shown++, out);
        else
            rf_log(RF_LOG_WARN, "An inventory cannot be read; record it anew", "error", why.msg,
                   NULL);
        rf_inventory_release(&v);
    }
}

static void put_inventory_text(const struct rf_inventory *v, size_t i, struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT];
    (void)i;
    rf_buf_addf(out, "inventory %s  %s  %zu image%s, %zu not whole, at ", v->time,
                rf_digest_text(&v->snapshot.id, text), v->snapshot.desired.n,
                rf_text_s(v->snapshot.desired.n), v->n_unwhole);
    rf_text_safe(out, rf_slice_str(v->destination), RF_COMPANION_NAME_MAX);
    rf_buf_add_char(out, '\n');
}

void rf_export_history_text(const struct rf_export_state *s, struct rf_buf *out)
{
    if (s->n == 0)
        rf_buf_addf(out, "site %s: nothing exported yet\n", s->site);
    for (size_t i = 0; i < s->n; i++)
        put_record(s, &s->records[i], out);
    each_inventory(s, out, put_inventory_text);
}

static void put_confirmed(const struct rf_export_state *s, const struct rf_export_record *r,
                          struct rf_buf *out)
{
    struct rf_receipt receipt;
    rf_buf_add_str(out, ",\"confirmed\":");
    if (receipt_of(s, r, &receipt) < 0) {
        rf_buf_add_str(out, "null}");
        return;
    }
    rf_buf_addf(out, "{\"time\":\"%s\",\"refused\":%zu,\"destination\":", receipt.time,
                rf_receipt_refused(&receipt));
    rf_json_add_string(out, receipt.destination);
    rf_buf_add_str(out, "}}");
    rf_receipt_release(&receipt);
}

static void put_inventory_json(const struct rf_inventory *v, size_t i, struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT];
    rf_buf_addf(
        out,
        "%s\n{\"snapshot\":\"%s\",\"time\":\"%s\",\"images\":%zu,\"unwhole\":%zu,\"destination\":",
        i > 0 ? "," : "", rf_digest_text(&v->snapshot.id, text), v->time, v->snapshot.desired.n,
        v->n_unwhole);
    rf_json_add_string(out, v->destination);
    rf_buf_add_char(out, '}');
}

void rf_export_history_json(const struct rf_export_state *s, struct rf_buf *out)
{
    char id[RF_DIGEST_TEXT], snapshot[RF_DIGEST_TEXT];
    rf_buf_addf(out, "{\"site\":\"%s\",\"bundles\":[", s->site);
    for (size_t i = 0; i < s->n; i++) {
        const struct rf_export_record *r = &s->records[i];
        rf_buf_addf(
            out,
            "%s\n{\"sequence\":%llu,\"id\":\"%s\",\"snapshot\":\"%s\",\"chain\":\"%s\",\"full\":%s,\"time\":",
            i > 0 ? "," : "", (unsigned long long)r->sequence, rf_digest_text(&r->id, id),
            rf_digest_text(&r->snapshot, snapshot), r->chain, r->full ? "true" : "false");
        rf_json_add_string(out, r->time);
        rf_buf_add_str(out, ",\"file\":");
        rf_json_add_string(out, r->file);
        if (rf_digest_is_set(&r->repairs))
            rf_buf_addf(out, ",\"repairs\":\"%s\"", rf_digest_text(&r->repairs, id));
        rf_buf_addf(
            out,
            ",\"size\":%llu,\"carriedBytes\":%llu,\"images\":%llu,\"changed\":%llu,\"removed\":%llu,\"holes\":%llu",
            (unsigned long long)r->size, (unsigned long long)r->carried_bytes,
            (unsigned long long)r->images, (unsigned long long)r->changed,
            (unsigned long long)r->removed, (unsigned long long)r->holes);
        put_confirmed(s, r, out);
    }
    rf_buf_add_str(out, "],\"inventories\":[");
    each_inventory(s, out, put_inventory_json);
    rf_buf_add_str(out, "]}\n");
}
