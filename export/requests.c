/* SPDX-License-Identifier: Apache-2.0 */
#include "export/requests.h"

#include "base/mem.h"
#include "base/text.h"

void rf_requests_release(struct rf_requests *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->list[i].registry);
    free(r->list);
    memset(r, 0, sizeof(*r));
}

uint64_t rf_registry_requests_sum(const struct rf_registry_requests *r)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < RF_REQ_COUNT; i++)
        sum += r->calls[i];
    return sum;
}

/* ---- what was sent ---- */

static struct rf_registry_requests *entry_of(struct rf_requests *r, struct rf_slice name)
{
    for (size_t i = 0; i < r->n; i++)
        if (rf_slice_is(name, r->list[i].registry))
            return &r->list[i];
    r->list = rf_grow(r->list, r->n, &r->cap, sizeof(*r->list));
    r->list[r->n] = (struct rf_registry_requests){ .registry = rf_xstrndup(name.ptr, name.len) };
    return &r->list[r->n++];
}

static void add_remote(void *ctx, struct rf_remote *remote)
{
    struct rf_requests *r = ctx;
    struct rf_registry_requests *e = entry_of(r, rf_slice_str(rf_remote_host(remote)->name));
    for (unsigned i = 0; i < RF_REQ_COUNT; i++)
        e->calls[i] += rf_remote_calls(remote, (enum rf_request_kind)i);
    e->limit = rf_remote_limit(remote);
    e->spent = e->calls[RF_REQ_MANIFEST_GET];
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct rf_registry_requests *)a)->registry,
                  ((const struct rf_registry_requests *)b)->registry);
}

static void sort(struct rf_requests *r)
{
    if (r->n > 1)
        qsort(r->list, r->n, sizeof(*r->list), compare_names);
}

void rf_requests_sent(struct rf_requests *r, struct rf_client *client)
{
    rf_requests_release(r);
    rf_client_each_remote(client, add_remote, r);
    sort(r);
}

/* ---- what will be ---- */

static void subtract(uint64_t *from, uint64_t n)
{
    *from -= n < *from ? n : *from;
}

/* What planning has put into the state is not asked for again. */
static void take_kept(struct rf_requests *r, const struct rf_pulls *pulls)
{
    for (size_t i = 0; pulls != NULL && i < rf_pulls_count(pulls); i++) {
        const struct rf_pull_source *s = rf_pulls_get(pulls, i);
        struct rf_registry_requests *e = entry_of(r, rf_slice_str(s->place->name));
        subtract(&e->calls[RF_REQ_MANIFEST_GET], s->kept);
        subtract(&e->calls[RF_REQ_BLOB_GET], s->kept_configs);
        e->min = s->min;
    }
}

/* "docker.io/library/alpine:3": docker.io; of a layout nothing. */
static struct rf_slice registry_of(const char *source)
{
    size_t n = strcspn(source, "/");
    return strstr(source, "://") != NULL ? rf_slice_str("") : rf_slice_of(source, n);
}

/* Each blob that is carried and not in the state is read once, where the first line that has it comes from (export/write.c). */
static void add_blobs(struct rf_requests *r, const struct rf_plan *plan)
{
    const struct rf_snapshot *s = plan->snapshot;
    struct rf_blob_store *cache = plan->state != NULL ? plan->state->cache : NULL;
    RF_CLEANUP(rf_freep) uint8_t *seen = rf_xcalloc(s->n_blobs + 1, 1);
    for (size_t i = 0; i < s->desired.n; i++) {
        const struct rf_image *im = &s->desired.images[i];
        struct rf_slice registry = registry_of(rf_desired_str(&s->desired, im->source));
        for (uint32_t k = 0; rf_image_travels(im) && k < im->n_blobs; k++) {
            uint32_t item = s->items[im->first_blob + k];
            const struct rf_snapshot_blob *b = &s->blobs[item];
            const struct rf_bundle_blob *blob =
                seen[item] ? NULL : rf_bundle_find(plan->bundle, &b->digest);
            seen[item] = 1;
            if (blob == NULL || blob->travel != RF_TRAVEL_CARRIED || registry.len == 0 ||
                (b->kind != RF_BLOB_LAYER && cache != NULL &&
                 rf_blob_store_stat(cache, &b->digest, NULL, NULL) == 0))
                continue;
            bool manifest = b->kind == RF_BLOB_MANIFEST;
            entry_of(r, registry)->calls[manifest ? RF_REQ_MANIFEST_GET : RF_REQ_BLOB_GET]++;
        }
    }
}

void rf_requests_planned(struct rf_requests *r, const struct rf_plan *plan,
                         struct rf_client *client)
{
    rf_requests_sent(r, client);
    take_kept(r, plan->pulls);
    add_blobs(r, plan);
    sort(r);
}

int rf_requests_check(const struct rf_requests *r, struct rf_err *err)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct rf_registry_requests *e = &r->list[i];
        uint64_t need = e->calls[RF_REQ_MANIFEST_GET], min = (uint64_t)e->min;
        uint64_t there = e->limit.remain > min ? e->limit.remain - min : 0;
        if (!e->limit.set || need <= there)
            continue;
        return rf_fail(
            err, RFE_REFUSED,
            "%s: create sends %llu request%s, and %llu %s left, %lld of them to be left (ratelimit.min): %llu too few; run it when more are granted, or log in for a higher limit",
            e->registry, (unsigned long long)need,
            rf_text_by_count(need, " that counts", "s that count"),
            (unsigned long long)e->limit.remain, rf_text_by_count(e->limit.remain, "is", "are"),
            (long long)e->min, (unsigned long long)(need - there));
    }
    return 0;
}

/* ---- as texts ---- */

void rf_requests_text(const struct rf_requests *r, struct rf_buf *out)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct rf_registry_requests *e = &r->list[i];
        const char *between = " (";
        rf_buf_addf(out, "requests  %s: %llu", e->registry,
                    (unsigned long long)rf_registry_requests_sum(e));
        for (unsigned k = 0; k < RF_REQ_COUNT; k++) {
            if (e->calls[k] == 0)
                continue;
            rf_buf_addf(out, "%s%s %llu", between, rf_request_text((enum rf_request_kind)k),
                        (unsigned long long)e->calls[k]);
            between = ", ";
        }
        rf_buf_add_str(out, between[0] == ',' ? ")\n" : "\n");
        if (!e->limit.set)
            continue;
        rf_buf_addf(out, "limit     %llu request%s, %llu",
                    (unsigned long long)e->calls[RF_REQ_MANIFEST_GET],
                    rf_text_by_count(e->calls[RF_REQ_MANIFEST_GET], " that counts", "s that count"),
                    (unsigned long long)e->limit.remain);
        if (e->limit.limit > 0)
            rf_buf_addf(out, " of %llu", (unsigned long long)e->limit.limit);
        rf_buf_addf(out, " left at %s", e->registry);
        if (e->min > 0)
            rf_buf_addf(out, ", %lld to be left", (long long)e->min);
        rf_buf_addf(out, "; planning took %llu\n", (unsigned long long)e->spent);
    }
}

static void put_json(const struct rf_registry_requests *e, bool planned, struct rf_buf *out)
{
    const char *between = "";
    rf_buf_add_str(out, "{\"registry\":");
    rf_json_add_string(out, e->registry);
    rf_buf_addf(out, ",\"requests\":%llu,\"counted\":%llu,\"byKind\":{",
                (unsigned long long)rf_registry_requests_sum(e),
                (unsigned long long)e->calls[RF_REQ_MANIFEST_GET]);
    for (unsigned k = 0; k < RF_REQ_COUNT; k++) {
        if (e->calls[k] == 0)
            continue;
        rf_buf_add_str(out, between);
        rf_request_key((enum rf_request_kind)k, out);
        rf_buf_addf(out, ":%llu", (unsigned long long)e->calls[k]);
        between = ",";
    }
    rf_buf_add_char(out, '}');
    if (planned)
        rf_buf_addf(out, ",\"countedByPlan\":%llu", (unsigned long long)e->spent);
    if (e->limit.set)
        rf_buf_addf(out, ",\"left\":%llu", (unsigned long long)e->limit.remain);
    if (e->limit.set && e->limit.limit > 0)
        rf_buf_addf(out, ",\"limit\":%llu", (unsigned long long)e->limit.limit);
    if (planned && e->min > 0)
        rf_buf_addf(out, ",\"min\":%lld", (long long)e->min);
    rf_buf_add_char(out, '}');
}

void rf_requests_json(const struct rf_requests *r, bool planned, struct rf_buf *out)
{
    rf_buf_add_char(out, '[');
    for (size_t i = 0; i < r->n; i++) {
        rf_buf_add_str(out, i > 0 ? ",\n" : "\n");
        put_json(&r->list[i], planned, out);
    }
    rf_buf_add_char(out, ']');
}
