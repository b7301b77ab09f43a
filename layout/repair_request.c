/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/repair_request.h"

#include "base/mem.h"
#include "base/text.h"
#include "manifests/reference.h"

#define KNOWN_MAX 64u
#define REASON_MAX 4096u

void rf_repair_request_init(struct rf_repair_request *r)
{
    memset(r, 0, sizeof(*r));
    rf_strings_init(&r->strings);
}

void rf_repair_request_release(struct rf_repair_request *r)
{
    free(r->destination);
    free(r->tool);
    rf_strings_release(&r->strings);
    free(r->known);
    free(r->lacks);
    free(r->found);
    free(r->missing);
    free(r->refused);
    memset(r, 0, sizeof(*r));
}

void rf_repair_request_add(struct rf_repair_request *r, const struct rf_lack *lack)
{
    r->missing = rf_grow(r->missing, r->n_missing, &r->cap_missing, sizeof(*r->missing));
    r->missing[r->n_missing++] = *lack;
}

void rf_repair_request_add_known(struct rf_repair_request *r, const struct rf_digest *snapshot,
                                 const struct rf_digest *lacks, size_t n)
{
    r->known = rf_grow(r->known, r->n_known, &r->cap_known, sizeof(*r->known));
    r->known[r->n_known++] =
        (struct rf_known){ .snapshot = *snapshot, .first = (uint32_t)r->n_lacks, .n = (uint32_t)n };
    for (size_t i = 0; i < n; i++) {
        r->lacks = rf_grow(r->lacks, r->n_lacks, &r->cap_lacks, sizeof(*r->lacks));
        r->lacks[r->n_lacks++] = lacks[i];
    }
}

void rf_repair_request_add_found(struct rf_repair_request *r, const char *repository,
                                 const struct rf_digest *digest)
{
    r->found = rf_grow(r->found, r->n_found, &r->cap_found, sizeof(*r->found));
    r->found[r->n_found++] =
        (struct rf_found){ rf_strings_add(&r->strings, rf_slice_str(repository)), *digest };
}

void rf_repair_request_add_refused(struct rf_repair_request *r, const struct rf_refused *refused)
{
    r->refused = rf_grow(r->refused, r->n_refused, &r->cap_refused, sizeof(*r->refused));
    r->refused[r->n_refused++] = *refused;
}

static int compare_digests(const void *a, const void *b)
{
    return rf_digest_cmp(a, b);
}

size_t rf_repair_request_count(const struct rf_repair_request *r, uint64_t *bytes)
{
    struct digest_size {
        struct rf_digest digest; /* first, so that the order is that of digests */
        uint64_t size;
    } *list = rf_xcalloc(r->n_missing + 1, sizeof(*list));
    size_t n = 0;
    for (size_t i = 0; i < r->n_missing; i++)
        list[i] = (struct digest_size){ r->missing[i].digest, r->missing[i].size };
    if (r->n_missing > 1)
        qsort(list, r->n_missing, sizeof(*list), compare_digests);
    *bytes = 0;
    for (size_t i = 0; i < r->n_missing; i++) {
        if (i > 0 && rf_digest_eq(&list[i - 1].digest, &list[i].digest))
            continue;
        *bytes += list[i].size;
        n++;
    }
    free(list);
    return n;
}

/* ---- order ---- */

static int lack_cmp(const struct rf_repair_request *r, const struct rf_lack *a,
                    const struct rf_lack *b)
{
    int c = rf_companion_image_cmp(&r->strings, &a->image, &b->image);
    return c != 0 ? c : rf_digest_cmp(&a->digest, &b->digest);
}

static int compare_lacks(const void *a, const void *b, void *ctx)
{
    return lack_cmp(ctx, a, b);
}

static int found_cmp(const struct rf_repair_request *r, const struct rf_found *a,
                     const struct rf_found *b)
{
    int c = strcmp(rf_strings_get(&r->strings, a->repository),
                   rf_strings_get(&r->strings, b->repository));
    return c != 0 ? c : rf_digest_cmp(&a->digest, &b->digest);
}

static int compare_found(const void *a, const void *b, void *ctx)
{
    return found_cmp(ctx, a, b);
}

static int compare_refused(const void *a, const void *b, void *ctx)
{
    const struct rf_repair_request *r = ctx;
    const struct rf_refused *x = a, *y = b;
    return rf_companion_image_cmp(&r->strings, &x->image, &y->image);
}

static int compare_known(const void *a, const void *b)
{
    const struct rf_known *x = a, *y = b;
    return rf_digest_cmp(&x->snapshot, &y->snapshot);
}

static void sort_all(struct rf_repair_request *r)
{
    size_t n = 0;
    if (r->n_missing > 1)
        qsort_r(r->missing, r->n_missing, sizeof(*r->missing), compare_lacks, r);
    for (size_t i = 0; i < r->n_missing; i++)
        if (n == 0 || lack_cmp(r, &r->missing[n - 1], &r->missing[i]) != 0)
            r->missing[n++] = r->missing[i];
    r->n_missing = n;
    n = 0;
    if (r->n_found > 1)
        qsort_r(r->found, r->n_found, sizeof(*r->found), compare_found, r);
    for (size_t i = 0; i < r->n_found; i++)
        if (n == 0 || found_cmp(r, &r->found[n - 1], &r->found[i]) != 0)
            r->found[n++] = r->found[i];
    r->n_found = n;
    n = 0;
    if (r->n_refused > 1)
        qsort_r(r->refused, r->n_refused, sizeof(*r->refused), compare_refused, r);
    for (size_t i = 0; i < r->n_refused; i++)
        if (n == 0 || compare_refused(&r->refused[n - 1], &r->refused[i], r) != 0)
            r->refused[n++] = r->refused[i];
    r->n_refused = n;
    n = 0;
    if (r->n_known > 1)
        qsort(r->known, r->n_known, sizeof(*r->known), compare_known);
    for (size_t i = 0; i < r->n_known; i++) {
        struct rf_known *k = &r->known[i];
        if (k->n > 1)
            qsort(r->lacks + k->first, k->n, sizeof(*r->lacks), compare_digests);
        if (n == 0 || compare_known(&r->known[n - 1], k) != 0)
            r->known[n++] = *k;
    }
    r->n_known = n;
}

/* ---- writing ---- */

static void put_header(const struct rf_repair_request *r, struct rf_buf *out)
{
    rf_companion_begin(out, RF_COMPANION_REQUEST);
    rf_companion_key(out, "site");
    rf_json_add_string(out, r->site);
    rf_companion_key(out, "chain");
    rf_json_add_string(out, r->chain);
    rf_buf_add_str(out, ",\n");
    rf_companion_add_digest(out, "bundle", &r->bundle);
    rf_companion_key(out, "sequence");
    rf_buf_addf(out, "%llu,\n", (unsigned long long)r->sequence);
    rf_companion_add_digest(out, "snapshot", &r->snapshot);
    rf_companion_key(out, "destination");
    rf_json_add_string(out, r->destination != NULL ? r->destination : "");
    rf_companion_key(out, "tool");
    rf_json_add_string(out, r->tool != NULL ? r->tool : "");
}

static void put_known(const struct rf_repair_request *r, const struct rf_known *k,
                      struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT];
    size_t n = 0;
    rf_companion_element(out);
    rf_buf_add_char(out, '{');
    rf_companion_add_digest(out, "snapshot", &k->snapshot);
    rf_buf_add_str(out, ",\"lacks\":[");
    for (uint32_t i = 0; i < k->n; i++) {
        const struct rf_digest *d = &r->lacks[k->first + i];
        if (i > 0 && rf_digest_eq(d, d - 1))
            continue;
        rf_buf_addf(out, "%s\"%s\"", n++ > 0 ? "," : "", rf_digest_text(d, text));
    }
    rf_buf_add_str(out, "]}");
}

int rf_repair_request_write(struct rf_repair_request *r, struct rf_buf *out, struct rf_err *err)
{
    sort_all(r);
    put_header(r, out);
    rf_companion_list(out, "known");
    for (size_t i = 0; i < r->n_known; i++)
        put_known(r, &r->known[i], out);
    rf_companion_list_end(out);
    rf_companion_list(out, "found");
    for (size_t i = 0; i < r->n_found; i++) {
        rf_companion_element(out);
        rf_buf_add_char(out, '{');
        rf_companion_add_text(out, "repository",
                              rf_strings_get(&r->strings, r->found[i].repository));
        rf_buf_add_char(out, ',');
        rf_companion_add_digest(out, "digest", &r->found[i].digest);
        rf_buf_add_char(out, '}');
    }
    rf_companion_list_end(out);
    rf_companion_list(out, "missing");
    for (size_t i = 0; i < r->n_missing; i++) {
        const struct rf_lack *m = &r->missing[i];
        rf_companion_element(out);
        rf_companion_add_image(out, &r->strings, &m->image);
        rf_buf_add_char(out, ',');
        rf_companion_add_digest(out, "missing", &m->digest);
        rf_buf_addf(out, ",\"size\":%llu,\"kind\":\"%s\"}", (unsigned long long)m->size,
                    m->manifest ? "manifest" : "blob");
    }
    rf_companion_list_end(out);
    rf_companion_list(out, "refused");
    for (size_t i = 0; i < r->n_refused; i++) {
        rf_companion_element(out);
        rf_companion_add_image(out, &r->strings, &r->refused[i].image);
        rf_buf_add_char(out, ',');
        rf_companion_add_text(out, "reason", rf_strings_get(&r->strings, r->refused[i].reason));
        rf_buf_add_char(out, '}');
    }
    rf_companion_list_end(out);
    return rf_companion_end(out, RF_COMPANION_REQUEST, err);
}

/* ---- reading ---- */

static int read_known(void *ctx, const json_t *v, struct rf_err *err)
{
    struct rf_repair_request *r = ctx;
    struct rf_digest snapshot, one;
    const json_t *list = NULL;
    int rc = rf_companion_digest(json_object_get(v, "snapshot"), &snapshot, err);
    if (rc == 0)
        rc = rf_json_array(v, "lacks", "", RF_JSON_REQUIRED, RF_COMPANION_LINE_MAX, &list, err);
    if (rc < 0)
        return rc;
    if (r->n_known == KNOWN_MAX)
        return rf_fail(err, RFE_INVALID, "more than %u", KNOWN_MAX);
    if (r->n_known > 0 && rf_digest_cmp(&r->known[r->n_known - 1].snapshot, &snapshot) >= 0)
        return rf_fail(err, RFE_INVALID, "twice or out of order");
    rf_repair_request_add_known(r, &snapshot, NULL, 0);
    for (size_t i = 0; i < json_array_size(list); i++) {
        rc = rf_companion_digest(json_array_get(list, i), &one, err);
        if (rc == 0 && i > 0 && rf_digest_cmp(&r->lacks[r->n_lacks - 1], &one) >= 0)
            rc = rf_fail(err, RFE_INVALID, "twice or out of order");
        if (rc < 0)
            return rf_wrap(err, rc, "lacks[%zu]", i);
        r->lacks = rf_grow(r->lacks, r->n_lacks, &r->cap_lacks, sizeof(*r->lacks));
        r->lacks[r->n_lacks++] = one;
        r->known[r->n_known - 1].n++;
    }
    return 0;
}

static int read_found(void *ctx, const json_t *v, struct rf_err *err)
{
    struct rf_repair_request *r = ctx;
    const char *repository = "";
    struct rf_digest digest;
    int rc = rf_json_string(v, "repository", "", RF_JSON_REQUIRED, &repository, err);
    if (rc == 0)
        rc = rf_companion_digest(json_object_get(v, "digest"), &digest, err);
    if (rc < 0)
        return rc;
    if (!rf_repository_valid(rf_slice_str(repository)))
        return rf_fail(err, RFE_INVALID, "repository: not a repository name");
    rf_repair_request_add_found(r, repository, &digest);
    if (r->n_found > 1 && found_cmp(r, &r->found[r->n_found - 2], &r->found[r->n_found - 1]) >= 0)
        return rf_fail(err, RFE_INVALID, "twice or out of order");
    return 0;
}

static int read_missing(void *ctx, const json_t *v, struct rf_err *err)
{
    struct rf_repair_request *r = ctx;
    struct rf_lack m = { 0 };
    const char *kind = "";
    int rc = rf_companion_image_read(v, &r->strings, &m.image, err);
    if (rc == 0 && (rc = rf_companion_digest(json_object_get(v, "missing"), &m.digest, err)) < 0)
        return rf_wrap(err, rc, "missing");
    if (rc == 0)
        rc = rf_json_u64(v, "size", "", RF_JSON_REQUIRED, &m.size, err);
    if (rc == 0)
        rc = rf_json_string(v, "kind", "", RF_JSON_REQUIRED, &kind, err);
    if (rc < 0)
        return rc;
    m.manifest = strcmp(kind, "manifest") == 0;
    if (!m.manifest && strcmp(kind, "blob") != 0)
        return rf_fail(err, RFE_INVALID, "kind: neither manifest nor blob");
    if (m.size > RF_BLOB_SIZE_MAX)
        return rf_fail(err, RFE_INVALID, "size: beyond reason");
    if (r->n_missing > 0 && lack_cmp(r, &r->missing[r->n_missing - 1], &m) >= 0)
        return rf_fail(err, RFE_INVALID, "twice or out of order");
    rf_repair_request_add(r, &m);
    return 0;
}

static int read_refused(void *ctx, const json_t *v, struct rf_err *err)
{
    struct rf_repair_request *r = ctx;
    struct rf_refused one = { 0 };
    const char *reason = "";
    int rc = rf_companion_image_read(v, &r->strings, &one.image, err);
    if (rc == 0)
        rc = rf_json_string(v, "reason", "", RF_JSON_REQUIRED, &reason, err);
    if (rc < 0)
        return rc;
    if (strlen(reason) > REASON_MAX)
        return rf_fail(err, RFE_INVALID, "reason: more than %u bytes", REASON_MAX);
    one.reason = rf_strings_add(&r->strings, rf_slice_str(reason));
    if (r->n_refused > 0 && compare_refused(&r->refused[r->n_refused - 1], &one, r) >= 0)
        return rf_fail(err, RFE_INVALID, "twice or out of order");
    rf_repair_request_add_refused(r, &one);
    return 0;
}

static const struct rf_companion_member members[] = {
    { .key = "requestVersion" },
    RF_COMPANION_FIELD("site", RF_COMPANION_SITE, struct rf_repair_request, site),
    RF_COMPANION_FIELD("chain", RF_COMPANION_CHAIN, struct rf_repair_request, chain),
    RF_COMPANION_FIELD("bundle", RF_COMPANION_DIGEST, struct rf_repair_request, bundle),
    RF_COMPANION_FIELD("sequence", RF_COMPANION_NUMBER, struct rf_repair_request, sequence),
    RF_COMPANION_FIELD("snapshot", RF_COMPANION_DIGEST, struct rf_repair_request, snapshot),
    RF_COMPANION_FIELD("destination", RF_COMPANION_NAME, struct rf_repair_request, destination),
    RF_COMPANION_FIELD("tool", RF_COMPANION_TOOL, struct rf_repair_request, tool),
    { .key = "known", .list = true, .read = read_known },
    { .key = "found", .list = true, .read = read_found },
    { .key = "missing", .list = true, .read = read_missing },
    { .key = "refused", .list = true, .read = read_refused },
};

int rf_repair_request_load(struct rf_repair_request *r, const char *path, struct rf_err *err)
{
    return rf_companion_load(path, RF_COMPANION_REQUEST, members, RF_ARRAY_LEN(members), r, err);
}
