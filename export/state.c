/* SPDX-License-Identifier: Apache-2.0 */
#include "export/state.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "policy/state_dir.h"

#include <errno.h>
#include <unistd.h>

#define HISTORY_MAX (64u << 20)

static void record_release(struct rf_export_record *r)
{
    free(r->file);
    free(r->time);
}

static void drop_records(struct rf_export_state *s)
{
    for (size_t i = 0; i < s->n; i++)
        record_release(&s->records[i]);
    s->n = 0;
}

void rf_export_state_free(struct rf_export_state *s)
{
    if (s == NULL)
        return;
    drop_records(s);
    free(s->records);
    rf_blob_store_free(s->cache);
    rf_closep(&s->lock);
    pthread_mutex_destroy(&s->mutex);
    free(s->dir);
    free(s->site);
    free(s);
}

void rf_export_state_freep(struct rf_export_state **s)
{
    rf_export_state_free(*s);
    *s = NULL;
}

static char *in_folder(const struct rf_export_state *s, const char *folder, const char *name)
{
    return rf_xasprintf("%s/%s/%s", s->dir, folder, name);
}

char *rf_export_state_bundle_path(const struct rf_export_state *s, const struct rf_digest *id)
{
    char hex[RF_DIGEST_TEXT];
    return rf_xasprintf("%s/bundles/%s.json", s->dir, rf_digest_hex(id, hex));
}

char *rf_export_state_snapshot_path(const struct rf_export_state *s,
                                    const struct rf_digest *snapshot)
{
    char hex[RF_DIGEST_TEXT];
    return in_folder(s, "snapshots", rf_digest_hex(snapshot, hex));
}

char *rf_export_state_receipt_path(const struct rf_export_state *s, const struct rf_digest *bundle)
{
    char hex[RF_DIGEST_TEXT];
    return rf_xasprintf("%s/receipts/%s.json", s->dir, rf_digest_hex(bundle, hex));
}

char *rf_export_state_inventory_path(const struct rf_export_state *s,
                                     const struct rf_digest *snapshot)
{
    char hex[RF_DIGEST_TEXT];
    return rf_xasprintf("%s/inventories/%s.json", s->dir, rf_digest_hex(snapshot, hex));
}

char *rf_export_state_pending_path(const struct rf_export_state *s, const char *name)
{
    return in_folder(s, "pending", name);
}

/* ---- history.json ---- */

static int get_numbers(const json_t *v, struct rf_export_record *r, struct rf_err *err)
{
    const struct {
        const char *key;
        uint64_t *out;
    } fields[] = {
        { "sequence", &r->sequence },
        { "size", &r->size },
        { "carriedBytes", &r->carried_bytes },
        { "images", &r->images },
        { "changed", &r->changed },
        { "removed", &r->removed },
        { "holes", &r->holes },
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(fields); i++) {
        int rc = rf_json_u64(v, fields[i].key, "", RF_JSON_REQUIRED, fields[i].out, err);
        if (rc < 0)
            return rc;
    }
    return rf_json_bool(v, "full", "", false, &r->full, err);
}

static int get_record(struct rf_export_state *s, const json_t *v, struct rf_err *err)
{
    struct rf_export_record r = { 0 };
    const char *chain = NULL, *file = NULL, *time = NULL;
    int rc = rf_json_digest(v, "id", "", RF_JSON_REQUIRED, &r.id, err);
    if (rc == 0)
        rc = rf_json_digest(v, "snapshot", "", RF_JSON_REQUIRED, &r.snapshot, err);
    if (rc == 0)
        rc = rf_json_digest(v, "parent", "", RF_JSON_OPTIONAL, &r.parent, err);
    if (rc == 0)
        rc = rf_json_digest(v, "repairs", "", RF_JSON_OPTIONAL, &r.repairs, err);
    if (rc == 0)
        rc = get_numbers(v, &r, err);
    if (rc == 0)
        rc = rf_json_string(v, "chain", "", RF_JSON_REQUIRED, &chain, err);
    if (rc == 0)
        rc = rf_json_string(v, "file", "", RF_JSON_REQUIRED, &file, err);
    if (rc == 0)
        rc = rf_json_string(v, "time", "", RF_JSON_REQUIRED, &time, err);
    if (rc != 0)
        return rc;
    if (strlen(chain) != RF_CHAIN_HEX)
        return rf_fail(err, RFE_INVALID, "chain: not 32 hexadecimal digits");
    memcpy(r.chain, chain, RF_CHAIN_HEX + 1);
    r.file = rf_xstrdup(file);
    r.time = rf_xstrdup(time);
    s->records = rf_grow(s->records, s->n, &s->cap, sizeof(*s->records));
    s->records[s->n++] = r;
    return 0;
}

static int parse_history(struct rf_export_state *s, struct rf_slice bytes, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    const json_t *list;
    uint64_t version;
    int rc = rf_json_parse(bytes, HISTORY_MAX, &doc, err);
    if (rc == 0)
        rc = rf_json_u64(doc, "historyVersion", "", RF_JSON_REQUIRED, &version, err);
    if (rc == 0 && version != 1)
        rc = rf_fail(
            err, RFE_UNSUPPORTED,
            "history format %llu is not known to this version, which reads 1; use the regexport that wrote it",
            (unsigned long long)version);
    if (rc == 0)
        rc = rf_json_array(doc, "bundles", "", RF_JSON_REQUIRED, 1000000, &list, err);
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
        rc = get_record(s, json_array_get(list, i), err);
        if (rc < 0)
            rf_wrap(err, rc, "bundles[%zu]", i);
    }
    return rc;
}

/* A history that cannot be read is set aside: the next bundle is a full one of a new chain, nothing worse. */
static int load_history(struct rf_export_state *s, bool may_write, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_path_join(s->dir, "history.json");
    RF_CLEANUP(rf_buf_release) struct rf_buf bytes;
    struct rf_err why = RF_ERR_INIT;
    rf_buf_init(&bytes, HISTORY_MAX);
    int rc = rf_file_read(path, &bytes, &why);
    if (rc == -RFE_NOT_FOUND)
        return 0;
    if (rc == 0)
        rc = parse_history(s, rf_buf_slice(&bytes), &why);
    if (rc == 0)
        return 0;
    if (rc == -RFE_UNSUPPORTED)
        return rf_fail(err, -rc, "%s: %s", path, why.msg);
    if (rc != -RFE_INVALID && rc != -RFE_TOO_LARGE)
        return rf_fail(err, -rc, "%s", why.msg);
    drop_records(s);
    rf_log(RF_LOG_WARN,
           "The export history is damaged; what follows starts a new chain with a full bundle",
           "file", path, "error", why.msg, NULL);
    if (!may_write)
        return 0;
    RF_CLEANUP(rf_freep)
    char *aside = rf_xasprintf("%s.damaged-%llx", path, (unsigned long long)rf_now_ms());
    if (rename(path, aside) < 0)
        return rf_fail_errno(err, errno, "set %s aside", path);
    return 0;
}

static void put_text(struct rf_buf *out, const char *key, const char *value)
{
    rf_buf_addf(out, "\"%s\":", key);
    rf_json_add_string(out, value);
    rf_buf_add_char(out, ',');
}

static void put_record(struct rf_buf *out, const struct rf_export_record *r)
{
    char text[RF_DIGEST_TEXT];
    rf_buf_add_char(out, '{');
    put_text(out, "id", rf_digest_text(&r->id, text));
    put_text(out, "snapshot", rf_digest_text(&r->snapshot, text));
    if (rf_digest_is_set(&r->parent))
        put_text(out, "parent", rf_digest_text(&r->parent, text));
    if (rf_digest_is_set(&r->repairs))
        put_text(out, "repairs", rf_digest_text(&r->repairs, text));
    put_text(out, "chain", r->chain);
    put_text(out, "file", r->file);
    put_text(out, "time", r->time);
    rf_buf_addf(out, "\"sequence\":%llu,\"size\":%llu,\"carriedBytes\":%llu,",
                (unsigned long long)r->sequence, (unsigned long long)r->size,
                (unsigned long long)r->carried_bytes);
    rf_buf_addf(
        out, "\"images\":%llu,\"changed\":%llu,\"removed\":%llu,\"holes\":%llu,\"full\":%s}",
        (unsigned long long)r->images, (unsigned long long)r->changed,
        (unsigned long long)r->removed, (unsigned long long)r->holes, r->full ? "true" : "false");
}

static int store_history(struct rf_export_state *s, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_path_join(s->dir, "history.json");
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, HISTORY_MAX);
    rf_buf_add_str(&out, "{\"historyVersion\":1,\"bundles\":[\n");
    for (size_t i = 0; i < s->n; i++) {
        put_record(&out, &s->records[i]);
        rf_buf_add_str(&out, i + 1 < s->n ? ",\n" : "\n");
    }
    rf_buf_add_str(&out, "]}\n");
    if (out.rc < 0)
        return rf_fail(err, RFE_TOO_LARGE, "%s would pass %u bytes", path, HISTORY_MAX);
    return rf_file_write(path, rf_buf_slice(&out), 0600, err);
}

/* ---- opening ---- */

static struct rf_export_state *new_state(const char *dir, const char *site)
{
    struct rf_export_state *s = rf_xcalloc(1, sizeof(*s));
    s->dir = rf_xstrdup(dir);
    s->site = rf_xstrdup(site);
    s->lock = -1;
    pthread_mutex_init(&s->mutex, NULL);
    return s;
}

int rf_export_state_note(struct rf_export_state *s, int rc, const struct rf_err *err)
{
    if (rc >= 0)
        return rc;
    pthread_mutex_lock(&s->mutex);
    if (s->broken.code == 0) {
        if (err != NULL)
            s->broken = *err;
        s->broken.code = -rc;
    }
    pthread_mutex_unlock(&s->mutex);
    return rc;
}

int rf_export_state_check(struct rf_export_state *s, struct rf_err *err)
{
    pthread_mutex_lock(&s->mutex);
    struct rf_err broken = s->broken;
    pthread_mutex_unlock(&s->mutex);
    if (broken.code == 0)
        return 0;
    if (broken.code == RFE_REFUSED) /* by a registry's limit: our side is fine */
        return rf_fail(err, RFE_REFUSED, "%s", broken.msg);
    return rf_hint(err, rf_fail(err, broken.code, "state of site %s: %s", s->site, broken.msg),
                   "make room there, or give another --state");
}

int rf_export_state_keep(struct rf_export_state *s, const struct rf_digest *d,
                         struct rf_slice bytes, struct rf_err *err)
{
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_blob_store_put_bytes(s->cache, d, bytes, &why);
    if (rc < 0)
        return rf_fail(err, -rf_export_state_note(s, rc, &why), "%s", why.msg);
    return 0;
}

int rf_export_state_open(const char *dir, const char *site, unsigned wait_ms,
                         struct rf_export_state **out, struct rf_err *err)
{
    static const char *const folders[] = { "bundles", "snapshots", "cache",
                                           "pending", "receipts",  "inventories" };
    RF_CLEANUP(rf_export_state_freep) struct rf_export_state *s = new_state(dir, site);
    RF_CLEANUP(rf_freep) char *cache = rf_path_join(dir, "cache");
    int rc = rf_state_dir_open(dir, folders, RF_ARRAY_LEN(folders), wait_ms, &s->lock, err);
    if (rc == -RFE_BUSY)
        return rf_hint(
            err, rc,
            "another export of site %s is running; wait for it, or use another --site or --state",
            site);
    if (rc < 0)
        return rf_wrap(err, rc, "state of site %s", site);
    rc = rf_state_dir_claim(dir, site, err);
    if (rc == 0)
        rc = rf_blob_store_open(cache, true, &s->cache, err);
    if (rc == 0)
        rc = rf_blob_store_sweep(s->cache, err);
    if (rc == 0)
        rc = load_history(s, true, err);
    if (rc < 0)
        return rc;
    *out = RF_STEAL(s);
    return 0;
}

int rf_export_state_peek(const char *dir, const char *site, struct rf_export_state **out,
                         struct rf_err *err)
{
    RF_CLEANUP(rf_export_state_freep) struct rf_export_state *s = new_state(dir, site);
    int rc = load_history(s, false, err);
    if (rc < 0)
        return rc;
    *out = RF_STEAL(s);
    return 0;
}

const struct rf_export_record *rf_export_state_last(const struct rf_export_state *s)
{
    for (size_t i = s->n; i > 0; i--)
        if (!rf_digest_is_set(&s->records[i - 1].repairs))
            return &s->records[i - 1];
    return NULL;
}

int rf_export_state_find(const struct rf_export_state *s, const char *id,
                         const struct rf_export_record **out, struct rf_err *err)
{
    const char *hex = strncmp(id, "sha256:", 7) == 0 ? id + 7 : id;
    const struct rf_export_record *hit = NULL;
    char text[RF_DIGEST_TEXT];
    if (strlen(hex) < 8)
        return rf_fail(
            err, RFE_USAGE,
            "bundle id %s: give at least 8 hexadecimal digits of it; see regexport history", id);
    for (size_t i = 0; i < s->n; i++) {
        if (strncmp(rf_digest_hex(&s->records[i].id, text), hex, strlen(hex)) != 0)
            continue;
        if (hit != NULL && !rf_digest_eq(&hit->id, &s->records[i].id))
            return rf_fail(err, RFE_AMBIGUOUS,
                           "bundle id %s: several bundles begin so; give more of it", id);
        hit = &s->records[i];
    }
    if (hit == NULL)
        return rf_fail(err, RFE_NOT_FOUND,
                       "bundle id %s: not in the history of site %s; see regexport history", id,
                       s->site);
    *out = hit;
    return 0;
}

/* ---- bundles ---- */

int rf_export_state_load_bundle(const struct rf_export_state *s, const struct rf_digest *id,
                                struct rf_bundle *b, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_export_state_bundle_path(s, id);
    int rc = rf_bundle_load(b, path, err);
    if (rc == 0 && !rf_digest_eq(&b->id, id))
        rc = rf_fail(err, RFE_INVALID, "%s: it is not the bundle that its name says", path);
    return rc;
}

static void count_lines(const struct rf_bundle *b, struct rf_export_record *r)
{
    for (size_t i = 0; i < b->desired.n; i++) {
        const struct rf_image *im = &b->desired.images[i];
        r->images += rf_image_is_wanted(im);
        r->changed += rf_image_travels(im);
        r->removed += im->status == RF_IMAGE_REMOVED;
    }
    r->holes = b->n_holes;
}

int rf_export_state_record(struct rf_export_state *s, const struct rf_bundle *b,
                           const struct rf_snapshot *snap, uint64_t size, const char *file,
                           struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *bundle = rf_export_state_bundle_path(s, &b->id);
    RF_CLEANUP(rf_freep) char *snapshot = rf_export_state_snapshot_path(s, &b->snapshot);
    char now[32];
    /* that of a repair bundle is the one of the bundle that it repairs, and there already */
    int rc = rf_bundle_is_repair(b) ? 0 : rf_snapshot_store(snap, snapshot, err);
    if (rc == 0)
        rc = rf_bundle_store(b, bundle, err);
    if (rc < 0)
        return rc;
    const struct rf_export_record *last = s->n > 0 ? &s->records[s->n - 1] : NULL;
    if (last == NULL || !rf_digest_eq(&last->id, &b->id)) {
        struct rf_export_record r = { .id = b->id,
                                      .snapshot = b->snapshot,
                                      .parent = b->parent,
                                      .repairs = b->repairs,
                                      .sequence = b->sequence,
                                      .size = size,
                                      .full = b->n_bases == 0 };
        memcpy(r.chain, b->chain, sizeof(r.chain));
        r.carried_bytes = rf_bundle_carried_bytes(b);
        count_lines(b, &r);
        r.file = rf_xstrdup(file);
        r.time = rf_xstrdup(rf_text_time(time(NULL), now));
        s->records = rf_grow(s->records, s->n, &s->cap, sizeof(*s->records));
        s->records[s->n++] = r;
        rc = store_history(s, err);
    }
    return rc;
}

/* ---- where layouts are: locations.json, {"ocidir://NAME":"ocidir:///path", ...} ---- */

static int load_locations(struct rf_export_state *s, json_t **out, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_path_join(s->dir, "locations.json");
    RF_CLEANUP(rf_buf_release) struct rf_buf bytes;
    rf_buf_init(&bytes, HISTORY_MAX);
    int rc = rf_file_read(path, &bytes, err);
    if (rc == -RFE_NOT_FOUND) {
        *out = json_object();
        return 0;
    }
    if (rc == 0)
        rc = rf_json_parse(rf_buf_slice(&bytes), HISTORY_MAX, out, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", path) : 0;
}

int rf_export_state_set_location(struct rf_export_state *s, const char *name, const char *location,
                                 struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    RF_CLEANUP(rf_freep) char *path = rf_path_join(s->dir, "locations.json");
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, HISTORY_MAX);
    int rc = load_locations(s, &doc, err);
    if (rc < 0)
        return rc;
    const char *old = json_string_value(json_object_get(doc, name));
    if (old != NULL && strcmp(old, location) == 0)
        return 0;
    if (json_object_set_new(doc, name, json_string(location)) < 0)
        return rf_fail(err, RFE_INVALID, "%s: not UTF-8", location);
    rf_json_add_value(&out, doc, true);
    rf_buf_add_char(&out, '\n');
    return rf_file_write(path, rf_buf_slice(&out), 0600, err);
}

int rf_export_state_get_location(struct rf_export_state *s, const char *name, char **out,
                                 struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    int rc = load_locations(s, &doc, err);
    if (rc == 0)
        *out = rf_xstrdup(json_string_value(json_object_get(doc, name)));
    return rc;
}
