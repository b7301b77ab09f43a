/* SPDX-License-Identifier: Apache-2.0 */
/* What pruning did or would do, for people and for scripts. */
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "import/prune.h"

static const char *fate_name(const struct rf_prune_item *it, bool plan, bool json)
{
    switch (it->fate) {
    case RF_PRUNE_KEPT:
        return "kept";
    case RF_PRUNE_LET_GO:
        if (json)
            return "letGo";
        return plan ? "would go" : "let go";
    case RF_PRUNE_WAITING:
        return "waiting";
    default:
        return "gone";
    }
}

static void put_item(const struct rf_prune_item *it, bool plan, struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT];
    rf_digest_text(&it->digest, text);
    rf_buf_addf(out, "%-9s ", fate_name(it, plan, false));
    if (it->tag[0] != '\0')
        rf_buf_addf(out, "%s:%s %s: ", it->repository, it->tag, text);
    else
        rf_buf_addf(out, "%s@%s: ", it->repository, text);
    rf_text_safe(out, rf_slice_str(it->reason), 1024);
    rf_buf_add_char(out, '\n');
}

static const char *manifest_word(const struct rf_prune_manifest *m, bool plan)
{
    if (m->deleted)
        return "deleted";
    if (m->kept != NULL)
        return "stays";
    return m->due && plan ? "would del" : "waits";
}

static void put_manifest(const struct rf_prune_result *r, const struct rf_prune_manifest *m,
                         bool plan, struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT], since[32], until[32];
    rf_buf_addf(out, "%-9s %s@%s", manifest_word(m, plan), m->repository,
                rf_digest_text(&m->digest, text));
    if (m->kept != NULL)
        rf_buf_addf(out, ": %s", m->kept);
    else if (!m->due)
        rf_buf_addf(out, ": since %s, until %s", rf_text_time(m->since, since),
                    rf_text_time(m->since + (time_t)r->grace_s, until));
    rf_buf_add_char(out, '\n');
}

static size_t count(const struct rf_prune_result *r, enum rf_prune_fate fate)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        n += r->items[i].fate == fate;
    return n;
}

static size_t count_waiting(const struct rf_prune_result *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_manifests; i++)
        n += !r->manifests[i].deleted;
    return n;
}

void rf_prune_report_text(const struct rf_prune_result *r, bool plan, struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT], grace[24], size[16];
    bool done = r->applied && !plan;
    for (size_t i = 0; i < r->n; i++)
        put_item(&r->items[i], !done, out);
    for (size_t i = 0; i < r->n_manifests; i++)
        put_manifest(r, &r->manifests[i], !done, out);
    rf_buf_addf(out, "rules     of bundle %s\n", rf_digest_text(&r->bundle, text));
    if (!r->has_rules) {
        rf_buf_add_str(out, "pruned    nothing: the bundle applied last has no retention rules\n");
        return;
    }
    rf_buf_addf(out, "images    %llu %s, %zu kept, %zu waiting, %zu gone already\n",
                (unsigned long long)r->let_go, done ? "let go" : "would be let go",
                count(r, RF_PRUNE_KEPT), count(r, RF_PRUNE_WAITING), count(r, RF_PRUNE_GONE));
    rf_buf_addf(out, "manifests %llu %s, %zu without a tag wait for their grace time of %s\n",
                (unsigned long long)r->deleted, done ? "deleted" : "would be deleted",
                done ? count_waiting(r) : count_waiting(r) - (size_t)r->deleted,
                rf_text_duration((double)r->grace_s, grace));
    if (r->registry)
        rf_buf_add_str(
            out,
            "space     a registry frees it by its own garbage collection, not before that has run\n");
    else if (done)
        rf_buf_addf(out, "space     %s freed, %llu blobs\n", rf_text_size(r->freed_bytes, size),
                    (unsigned long long)r->freed_blobs);
    if (r->empties != NULL)
        rf_buf_addf(
            out,
            "confirm   %s has no selected image any more, as when a section was emptied or misspelt; if it is meant, --confirm-delete %llu\n",
            r->empties, (unsigned long long)r->let_go);
}

void rf_prune_report_json(const struct rf_prune_result *r, bool plan, struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT], since[32];
    bool done = r->applied && !plan;
    rf_buf_addf(out,
                "{\"bundle\":\"%s\",\"rules\":%s,\"plan\":%s,\"letGo\":%llu,\"deleted\":%llu,"
                "\"graceSeconds\":%llu,\"freedBytes\":%llu,\"needsConfirmation\":%s,\"images\":[",
                rf_digest_text(&r->bundle, text), r->has_rules ? "true" : "false",
                done ? "false" : "true", (unsigned long long)r->let_go,
                (unsigned long long)r->deleted, (unsigned long long)r->grace_s,
                (unsigned long long)r->freed_bytes, r->needs_confirmation ? "true" : "false");
    for (size_t i = 0; i < r->n; i++) {
        const struct rf_prune_item *it = &r->items[i];
        rf_buf_add_str(out, i > 0 ? ",\n{\"repository\":" : "\n{\"repository\":");
        rf_json_add_string(out, it->repository);
        rf_buf_add_str(out, ",\"tag\":");
        rf_json_add_string(out, it->tag);
        rf_buf_addf(out, ",\"digest\":\"%s\",\"fate\":\"%s\",\"reason\":",
                    rf_digest_text(&it->digest, text), fate_name(it, plan, true));
        rf_json_add_string(out, it->reason);
        rf_buf_add_char(out, '}');
    }
    rf_buf_add_str(out, "],\"manifests\":[");
    for (size_t i = 0; i < r->n_manifests; i++) {
        const struct rf_prune_manifest *m = &r->manifests[i];
        rf_buf_add_str(out, i > 0 ? ",\n{\"repository\":" : "\n{\"repository\":");
        rf_json_add_string(out, m->repository);
        rf_buf_addf(out, ",\"digest\":\"%s\",\"untagged\":\"%s\",\"due\":%s,\"deleted\":%s",
                    rf_digest_text(&m->digest, text), rf_text_time(m->since, since),
                    m->due ? "true" : "false", m->deleted ? "true" : "false");
        if (m->kept != NULL) {
            rf_buf_add_str(out, ",\"kept\":");
            rf_json_add_string(out, m->kept);
        }
        rf_buf_add_char(out, '}');
    }
    rf_buf_add_str(out, "]}\n");
}
