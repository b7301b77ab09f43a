/* SPDX-License-Identifier: Apache-2.0 */
/* What pruning did or would do, for people and for scripts. */
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "import/prune.h"

static const char *fate_name(const struct rf_prune_item *it, bool applied)
{
    switch (it->fate) {
    case RF_PRUNE_KEPT:
        return "kept";
    case RF_PRUNE_LET_GO:
        return applied || it->done ? "let go" : "would go";
    case RF_PRUNE_WAITING:
        return "waiting";
    default:
        return "gone";
    }
}

static const char *fate_key(const struct rf_prune_item *it)
{
    return it->fate == RF_PRUNE_LET_GO ? "letGo" : fate_name(it, true);
}

static void put_item(const struct rf_prune_item *it, bool applied, struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT];
    rf_digest_text(&it->digest, text);
    rf_buf_addf(out, "%-9s ", fate_name(it, applied));
    if (it->tag[0] != '\0')
        rf_buf_addf(out, "%s:%s %s: ", it->repository, it->tag, text);
    else
        rf_buf_addf(out, "%s@%s: ", it->repository, text);
    rf_text_safe(out, rf_slice_str(it->reason), 1024);
    rf_buf_add_char(out, '\n');
}

static const char *manifest_word(const struct rf_prune_manifest *m)
{
    if (m->deleted)
        return "deleted";
    if (m->kept != NULL)
        return "stays";
    return m->due ? "would del" : "waits";
}

static void put_manifest(const struct rf_prune_result *r, const struct rf_prune_manifest *m,
                         struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT], since[32], until[32];
    rf_buf_addf(out, "%-9s %s@%s", manifest_word(m), m->repository,
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
        n += !r->manifests[i].deleted && !r->manifests[i].needed;
    return n;
}

static void put_space(const struct rf_prune_result *r, struct rf_buf *out)
{
    char size[16];
    if (r->registry)
        rf_buf_add_str(
            out,
            "space     a registry frees it by its own garbage collection, not before that has run\n");
    else if (r->started)
        rf_buf_addf(out, "space     %s freed, %llu blob%s\n", rf_text_size(r->freed_bytes, size),
                    (unsigned long long)r->freed_blobs, rf_text_s(r->freed_blobs));
    else if (r->deleted > 0)
        rf_buf_add_str(out, "space     freed at once; how much, the run tells\n");
}

static void put_own(const struct rf_prune_result *r, struct rf_buf *out)
{
    if (r->has_own)
        rf_buf_addf(out, "own rules %zu; what they do not let go stays\n", r->own_rules);
    else if (r->has_own_file)
        rf_buf_add_str(out, "own rules none in this side's file, so that it has no say\n");
}

static void put_totals(const struct rf_prune_result *r, bool done, struct rf_buf *out)
{
    char grace[24];
    size_t waiting = count_waiting(r) - (r->started ? 0 : (size_t)r->deleted);
    if (r->in_use_lists > 0)
        rf_buf_addf(
            out, "in use    %zu %s in %zu list%s\n", r->in_use_names,
            rf_text_by_count(r->in_use_names, "digest, name or id", "digests, names and ids"),
            r->in_use_lists, rf_text_s(r->in_use_lists));
    rf_buf_addf(out, "images    %llu %s, %zu kept, %zu waiting, %zu gone already\n",
                (unsigned long long)r->let_go, done ? "let go" : "would be let go",
                count(r, RF_PRUNE_KEPT), count(r, RF_PRUNE_WAITING), count(r, RF_PRUNE_GONE));
    rf_buf_addf(out, "manifests %llu %s, %zu without a tag %s grace time of %s\n",
                (unsigned long long)r->deleted, r->started ? "deleted" : "would be deleted",
                waiting, rf_text_by_count(waiting, "waits for its", "wait for their"),
                rf_text_duration((double)r->grace_s, grace));
    put_space(r, out);
}

void rf_prune_report_text(const struct rf_prune_result *r, bool plan, struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT];
    bool done = r->applied && !plan;
    for (size_t i = 0; i < r->n; i++)
        put_item(&r->items[i], done, out);
    for (size_t i = 0; i < r->n_manifests; i++)
        put_manifest(r, &r->manifests[i], out);
    rf_buf_addf(out, "rules     of bundle %s\n", rf_digest_text(&r->bundle, text));
    if (!r->has_rules) {
        rf_buf_add_str(out, "pruned    nothing: the bundle has no retention rules\n");
        return;
    }
    put_own(r, out);
    put_totals(r, done, out);
    if (r->started && !r->applied)
        rf_buf_add_str(out, "stopped   not all was done; the same command again finishes\n");
    if (r->needs_confirmation && !r->capped)
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
                "\"graceSeconds\":%llu,\"freedBytes\":%llu,\"inUse\":%zu,\"needsConfirmation\":%s",
                rf_digest_text(&r->bundle, text), r->has_rules ? "true" : "false",
                done ? "false" : "true", (unsigned long long)r->let_go,
                (unsigned long long)r->deleted, (unsigned long long)r->grace_s,
                (unsigned long long)r->freed_bytes, r->in_use_names,
                r->needs_confirmation ? "true" : "false");
    if (r->refusal != NULL) {
        rf_buf_add_str(out, ",\"refused\":");
        rf_json_add_string(out, r->refusal);
    }
    rf_buf_add_str(out, ",\"images\":[");
    for (size_t i = 0; i < r->n; i++) {
        const struct rf_prune_item *it = &r->items[i];
        rf_buf_add_str(out, i > 0 ? ",\n{\"repository\":" : "\n{\"repository\":");
        rf_json_add_string(out, it->repository);
        rf_buf_add_str(out, ",\"tag\":");
        rf_json_add_string(out, it->tag);
        rf_buf_addf(out, ",\"digest\":\"%s\",\"fate\":\"%s\",\"reason\":",
                    rf_digest_text(&it->digest, text), fate_key(it));
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
