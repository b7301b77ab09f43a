/* SPDX-License-Identifier: Apache-2.0 */
#include "import/state.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "import/run.h"
#include "policy/state_dir.h"

#include <time.h>

#define STATE_MAX (64u << 20)

void rf_import_state_free(struct rf_import_state *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++) {
        free(s->records[i].to);
        free(s->records[i].time);
        free(s->records[i].taken_back);
    }
    free(s->records);
    free(s->planned);
    rf_closep(&s->lock);
    free(s->dir);
    free(s);
}

void rf_import_state_freep(struct rf_import_state **s)
{
    rf_import_state_free(*s);
    *s = NULL;
}

static int get_record(struct rf_import_state *s, const json_t *v, struct rf_err *err)
{
    struct rf_import_record r = { 0 };
    const char *chain = NULL, *to = NULL, *time_text = NULL, *taken_back = NULL;
    int rc = rf_json_digest(v, "id", "", RF_JSON_REQUIRED, &r.id, err);
    if (rc == 0)
        rc = rf_json_digest(v, "snapshot", "", RF_JSON_REQUIRED, &r.snapshot, err);
    if (rc == 0)
        rc = rf_json_u64(v, "sequence", "", RF_JSON_REQUIRED, &r.sequence, err);
    if (rc == 0)
        rc = rf_json_bool(v, "partial", "", false, &r.partial, err);
    if (rc == 0)
        rc = rf_json_string(v, "chain", "", RF_JSON_REQUIRED, &chain, err);
    if (rc == 0)
        rc = rf_json_string(v, "to", "", RF_JSON_REQUIRED, &to, err);
    if (rc == 0)
        rc = rf_json_string(v, "time", "", RF_JSON_REQUIRED, &time_text, err);
    if (rc == 0)
        rc = rf_json_string(v, "takenBack", "", RF_JSON_OPTIONAL, &taken_back, err);
    if (rc != 0)
        return rc;
    if (strlen(chain) != RF_CHAIN_HEX)
        return rf_fail(err, RFE_INVALID, "chain: not 32 hexadecimal digits");
    memcpy(r.chain, chain, RF_CHAIN_HEX + 1);
    r.to = rf_xstrdup(to);
    r.time = rf_xstrdup(time_text);
    r.taken_back = rf_xstrdup(taken_back);
    s->records = rf_grow(s->records, s->n, &s->cap, sizeof(*s->records));
    s->records[s->n++] = r;
    return 0;
}

static int parse_records(struct rf_import_state *s, struct rf_slice bytes, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    const json_t *list;
    uint64_t version;
    int rc = rf_json_parse(bytes, STATE_MAX, &doc, err);
    if (rc == 0)
        rc = rf_json_u64(doc, "appliedVersion", "", RF_JSON_REQUIRED, &version, err);
    if (rc == 0 && version != 1)
        rc = rf_fail(err, RFE_INVALID, "version %llu is not known", (unsigned long long)version);
    if (rc == 0)
        rc = rf_json_array(doc, "bundles", "", RF_JSON_REQUIRED, 1000000, &list, err);
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++)
        rc = get_record(s, json_array_get(list, i), err);
    return rc;
}

static char *applied_path(const struct rf_import_state *s)
{
    return rf_path_join(s->dir, "applied.json");
}

static int load(struct rf_import_state *s, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = applied_path(s);
    RF_CLEANUP(rf_buf_release) struct rf_buf bytes;
    rf_buf_init(&bytes, STATE_MAX);
    int rc = rf_file_read(path, &bytes, err);
    if (rc == -RFE_NOT_FOUND)
        return 0;
    if (rc == 0)
        rc = parse_records(s, rf_buf_slice(&bytes), err);
    if (rc < 0)
        return rf_hint(err, rf_wrap(err, rc, "%s", path),
                       "move the file away to go on without the record of earlier imports");
    return 0;
}

int rf_import_state_open(const char *dir, struct rf_import_state **out, struct rf_err *err)
{
    static const char *const folders[] = { "bundles", "receipts", "tags" };
    RF_CLEANUP(rf_import_state_freep) struct rf_import_state *s = rf_xcalloc(1, sizeof(*s));
    s->dir = rf_xstrdup(dir);
    s->lock = -1;
    int rc = rf_state_dir_open(dir, folders, RF_ARRAY_LEN(folders), 0, &s->lock, err);
    if (rc == -RFE_BUSY)
        return rf_hint(err, rc, "another import of this site is running; wait for it");
    if (rc == 0)
        rc = load(s, err);
    if (rc < 0)
        return rc;
    *out = RF_STEAL(s);
    return 0;
}

static int store(struct rf_import_state *s, struct rf_err *err);

static bool stands_at(const struct rf_import_record *r, const char *to)
{
    return r->taken_back == NULL && strcmp(r->to, to) == 0;
}

const struct rf_import_record *rf_import_state_last(const struct rf_import_state *s, const char *to)
{
    for (size_t i = s->n; i-- > 0;)
        if (stands_at(&s->records[i], to))
            return &s->records[i];
    return NULL;
}

const struct rf_import_record *rf_import_state_below(const struct rf_import_state *s,
                                                     const char *to, const struct rf_digest *id)
{
    for (size_t i = s->n; i-- > 0;)
        if (stands_at(&s->records[i], to) && !rf_digest_eq(&s->records[i].id, id))
            return &s->records[i];
    return NULL;
}

int rf_import_state_take_back(struct rf_import_state *s, const char *to, size_t from,
                              struct rf_err *err)
{
    char now[32];
    size_t n = 0;
    for (size_t i = from; i < s->n; i++) {
        if (!stands_at(&s->records[i], to))
            continue;
        s->records[i].taken_back = rf_xstrdup(rf_text_time(time(NULL), now));
        n++;
    }
    return n > 0 ? store(s, err) : 0;
}

static int store(struct rf_import_state *s, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = applied_path(s);
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    char id[RF_DIGEST_TEXT], snapshot[RF_DIGEST_TEXT];
    rf_buf_init(&out, STATE_MAX);
    rf_buf_add_str(&out, "{\"appliedVersion\":1,\"bundles\":[");
    for (size_t i = 0; i < s->n; i++) {
        const struct rf_import_record *r = &s->records[i];
        rf_buf_addf(
            &out,
            "%s\n{\"id\":\"%s\",\"snapshot\":\"%s\",\"chain\":\"%s\",\"sequence\":%llu,\"partial\":%s,\"to\":",
            i > 0 ? "," : "", rf_digest_text(&r->id, id), rf_digest_text(&r->snapshot, snapshot),
            r->chain, (unsigned long long)r->sequence, r->partial ? "true" : "false");
        rf_json_add_string(&out, r->to);
        rf_buf_addf(&out, ",\"time\":\"%s\"", r->time);
        if (r->taken_back != NULL)
            rf_buf_addf(&out, ",\"takenBack\":\"%s\"", r->taken_back);
        rf_buf_add_char(&out, '}');
    }
    rf_buf_add_str(&out, "\n]}\n");
    if (out.rc < 0)
        return rf_fail(err, RFE_TOO_LARGE, "%s would pass %u bytes", path, STATE_MAX);
    return rf_file_write(path, rf_buf_slice(&out), 0600, err);
}

/* ---- bundles/<id>.json ---- */

static char *bundle_path(const struct rf_import_state *s, const struct rf_digest *id)
{
    char hex[RF_DIGEST_TEXT];
    return rf_xasprintf("%s/bundles/%s.json", s->dir, rf_digest_hex(id, hex));
}

static int copy_bundle(const struct rf_bundle *from, struct rf_bundle *to, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, SIZE_MAX);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(&text);
    int rc = rf_bundle_write(from, sink, err);
    if (rc == 0)
        rc = rf_sink_commit(sink, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_mem(rf_buf_slice(&text));
    return rf_bundle_read(src, text.len, to, err);
}

int rf_import_state_load_bundle(const struct rf_import_state *s, const struct rf_digest *id,
                                struct rf_bundle *b, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = bundle_path(s, id);
    const struct rf_import_run *planned = rf_import_state_find_planned(s, id);
    return planned != NULL ? copy_bundle(planned->doc, b, err) : rf_bundle_load(b, path, err);
}

/* Twelve digits tell one destination from another in names of files. */
static const char *place_digits(const char *to, char out[RF_DIGEST_TEXT])
{
    struct rf_digest d;
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str(to), &d);
    rf_digest_hex(&d, out);
    out[12] = '\0';
    return out;
}

char *rf_import_state_receipt_path(const struct rf_import_state *s, const struct rf_digest *id,
                                   const char *to)
{
    char hex[RF_DIGEST_TEXT], place[RF_DIGEST_TEXT];
    return rf_xasprintf("%s/receipts/%s-%s.json", s->dir, rf_digest_hex(id, hex),
                        place_digits(to, place));
}

char *rf_import_state_tags_path(const struct rf_import_state *s, const struct rf_digest *id,
                                const char *to)
{
    char hex[RF_DIGEST_TEXT], place[RF_DIGEST_TEXT];
    return rf_xasprintf("%s/tags/%s-%s.json", s->dir, rf_digest_hex(id, hex),
                        place_digits(to, place));
}

static void add_record(struct rf_import_state *s, const struct rf_bundle *b, const char *to,
                       bool partial)
{
    char now[32];
    struct rf_import_record r = {
        .id = b->id, .snapshot = b->snapshot, .sequence = b->sequence, .partial = partial
    };
    memcpy(r.chain, b->chain, sizeof(r.chain));
    r.to = rf_xstrdup(to);
    r.time = rf_xstrdup(rf_text_time(time(NULL), now));
    s->records = rf_grow(s->records, s->n, &s->cap, sizeof(*s->records));
    s->records[s->n++] = r;
}

int rf_import_state_record(struct rf_import_state *s, const struct rf_bundle *b, const char *to,
                           bool partial, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = bundle_path(s, &b->id);
    int rc = rf_bundle_store(b, path, err);
    if (rc < 0)
        return rc;
    add_record(s, b, to, partial);
    return store(s, err);
}

void rf_import_state_add_planned(struct rf_import_state *s, const struct rf_import_run *r,
                                 const char *to, bool partial)
{
    add_record(s, r->doc, to, partial);
    s->planned = rf_grow(s->planned, s->n_planned, &s->cap_planned, sizeof(*s->planned));
    s->planned[s->n_planned++] = r;
}

const struct rf_import_run *rf_import_state_find_planned(const struct rf_import_state *s,
                                                         const struct rf_digest *id)
{
    for (size_t i = s->n_planned; i-- > 0;)
        if (rf_digest_eq(&s->planned[i]->doc->id, id))
            return s->planned[i];
    return NULL;
}

int rf_import_state_check_site(const char *dir, const char *remembered, const char *site,
                               struct rf_err *err)
{
    if (site == NULL || strcmp(remembered, site) == 0)
        return 0;
    return rf_fail(
        err, RFE_USAGE,
        "%s: what is remembered there is of site %s, not of %s; check --site and --state", dir,
        remembered, site);
}
