/* SPDX-License-Identifier: Apache-2.0 */
/* What a rollback would do, or did, for people and for scripts. */
#include "base/mem.h"
#include "base/text.h"
#include "import/rollback.h"

static const char *const fate_names[] = {
    "right", "move", "remove", "foreign", "lacking", "refused"
};

static const char *digest_or(const struct rf_digest *d, const char *none, char text[RF_DIGEST_TEXT])
{
    return rf_digest_is_set(d) ? rf_digest_text(d, text) : none;
}

static void put_tag(const struct rf_back_tag *t, struct rf_buf *out)
{
    char now[RF_DIGEST_TEXT], was[RF_DIGEST_TEXT];
    if (t->fate == RF_BACK_RIGHT)
        return;
    rf_buf_addf(out, "%-9s %s:%s: ", fate_names[t->fate], t->repository, t->tag);
    rf_buf_addf(out, "has %s, ", digest_or(&t->now, "nothing", now));
    rf_buf_addf(out, "had %s", digest_or(&t->was, "nothing", was));
    if (t->fate == RF_BACK_FOREIGN)
        rf_buf_addf(out, "; %s since: left (--also-moved takes it back too)",
                    rf_digest_is_set(&t->now) ? "somebody else moved it" : "it was deleted");
    if (t->reason != NULL) {
        rf_buf_add_str(out, ": ");
        rf_text_safe(out, rf_slice_str(t->reason), 1024);
    }
    rf_buf_add_char(out, '\n');
}

static void put_record(const struct rf_import_record *r, const char *what, struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT];
    rf_buf_addf(out, "%-9s bundle %s, sequence %llu, applied %s\n", what,
                rf_digest_text(&r->id, text), (unsigned long long)r->sequence, r->time);
}

static size_t count_done(const struct rf_rollback *b, enum rf_back_fate fate)
{
    size_t n = 0;
    for (size_t i = 0; i < b->way.n_tags; i++)
        n += b->way.tags[i].fate == fate && b->way.tags[i].done;
    return n;
}

static void put_bundles(const struct rf_rollback *b, struct rf_buf *out)
{
    const struct rf_way_back *w = &b->way;
    char text[RF_DIGEST_TEXT];
    for (size_t i = w->n_bundles; i-- > 0;) {
        const struct rf_back_bundle *one = &w->bundles[i];
        if (one->record != NULL)
            put_record(one->record, "back", out);
        else
            rf_buf_addf(out, "back      bundle %s, whose run was interrupted among the tags, %s\n",
                        rf_digest_text(&one->map.bundle, text), one->map.time);
    }
    if (w->again)
        rf_buf_add_str(
            out,
            "again     nothing was applied since bundles were taken back; to go further back, name the bundle to go back to\n");
    if (w->target != NULL)
        put_record(w->target, "to", out);
    else
        rf_buf_add_str(out, "to        before the first bundle\n");
}

/* The bundles that stand: what can be gone back to. */
static void put_stack(const struct rf_rollback *b, struct rf_buf *out)
{
    const struct rf_import_state *s = b->state;
    const struct rf_import_record *last = NULL;
    for (size_t i = s->n; i-- > 0;) {
        const struct rf_import_record *r = &s->records[i];
        if (strcmp(r->to, b->req->to_name) != 0 || r->taken_back != NULL ||
            (last != NULL && rf_digest_eq(&last->id, &r->id)))
            continue;
        put_record(r, "stands", out);
        last = r;
    }
}

void rf_rollback_text(const struct rf_rollback *b, struct rf_buf *out)
{
    for (size_t i = 0; b->looked && i < b->way.n_tags; i++)
        put_tag(&b->way.tags[i], out);
    put_bundles(b, out);
    put_stack(b, out);
    if (!b->looked)
        return;
    size_t moved = b->done ? count_done(b, RF_BACK_MOVE) : rf_rollback_count(b, RF_BACK_MOVE);
    size_t removed = b->done ? count_done(b, RF_BACK_REMOVE) : rf_rollback_count(b, RF_BACK_REMOVE);
    rf_buf_addf(out, "tags      %zu %s, %zu %s, %zu right already, %zu left\n", moved,
                b->done ? "moved back and read back" : "to move back", removed,
                b->done ? "removed" : "to remove", rf_rollback_count(b, RF_BACK_RIGHT),
                rf_rollback_count(b, RF_BACK_FOREIGN) + rf_rollback_count(b, RF_BACK_LACKING) +
                    rf_rollback_count(b, RF_BACK_FAILED));
}

/* ---- JSON ---- */

static void put_json_digest(struct rf_buf *out, const char *key, const struct rf_digest *d)
{
    char text[RF_DIGEST_TEXT];
    if (rf_digest_is_set(d))
        rf_buf_addf(out, "\"%s\":\"%s\"", key, rf_digest_text(d, text));
    else
        rf_buf_addf(out, "\"%s\":null", key);
}

static void put_json_tags(const struct rf_rollback *b, struct rf_buf *out)
{
    for (size_t i = 0; b->looked && i < b->way.n_tags; i++) {
        const struct rf_back_tag *t = &b->way.tags[i];
        rf_buf_add_str(out, i > 0 ? ",\n{\"repository\":" : "\n{\"repository\":");
        rf_json_add_string(out, t->repository);
        rf_buf_add_str(out, ",\"tag\":");
        rf_json_add_string(out, t->tag);
        rf_buf_add_char(out, ',');
        put_json_digest(out, "now", &t->now);
        rf_buf_add_char(out, ',');
        put_json_digest(out, "was", &t->was);
        rf_buf_addf(out, ",\"action\":\"%s\",\"done\":%s", fate_names[t->fate],
                    t->done ? "true" : "false");
        if (t->reason != NULL) {
            rf_buf_add_str(out, ",\"reason\":");
            rf_json_add_string(out, t->reason);
        }
        rf_buf_add_char(out, '}');
    }
}

void rf_rollback_json(const struct rf_rollback *b, struct rf_buf *out)
{
    const struct rf_way_back *w = &b->way;
    static const struct rf_digest none = { 0 };
    rf_buf_addf(out, "{\"done\":%s,\"again\":%s,", b->done ? "true" : "false",
                w->again ? "true" : "false");
    put_json_digest(out, "to", w->target != NULL ? &w->target->id : &none);
    rf_buf_add_str(out, ",\"bundles\":[");
    for (size_t i = w->n_bundles; i-- > 0;) {
        rf_buf_add_str(out, i + 1 < w->n_bundles ? ",{" : "{");
        put_json_digest(out, "id", &w->bundles[i].map.bundle);
        rf_buf_addf(out, ",\"interrupted\":%s}", w->bundles[i].record == NULL ? "true" : "false");
    }
    rf_buf_add_str(out, "],\"tags\":[");
    put_json_tags(b, out);
    rf_buf_add_str(out, "]}\n");
}
