/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/bundle_retain.h"

#include "base/mem.h"
#include "base/text.h"
#include "manifests/reference.h"

#include <stdlib.h>

static const char *str(const struct rf_bundle *b, uint32_t id)
{
    return rf_desired_str(&b->desired, id);
}

static uint32_t add(struct rf_bundle *b, const char *text)
{
    return rf_strings_add(&b->desired.strings, rf_slice_str(text));
}

void rf_bundle_add_rule(struct rf_bundle *b, const char *text)
{
    struct rf_bundle_retain *r = &b->retain;
    r->rules = rf_grow(r->rules, r->n_rules, &r->cap_rules, sizeof(*r->rules));
    r->rules[r->n_rules++] = add(b, text);
}

void rf_bundle_add_candidate(struct rf_bundle *b, const char *repository, const char *tag,
                             const struct rf_digest *digest, const char *rule)
{
    struct rf_bundle_retain *r = &b->retain;
    struct rf_candidate c = { .digest = *digest };
    c.repository = add(b, repository);
    c.tag = add(b, tag);
    c.rule = add(b, rule);
    r->candidates = rf_grow(r->candidates, r->n, &r->cap, sizeof(*r->candidates));
    r->candidates[r->n++] = c;
}

int rf_candidate_cmp(const struct rf_desired *d, const struct rf_candidate *a,
                     const struct rf_candidate *b)
{
    int c = strcmp(rf_desired_str(d, a->repository), rf_desired_str(d, b->repository));
    if (c == 0)
        c = strcmp(rf_desired_str(d, a->tag), rf_desired_str(d, b->tag));
    return c != 0 ? c : rf_digest_cmp(&a->digest, &b->digest);
}

static int compare(const void *a, const void *b, void *ctx)
{
    return rf_candidate_cmp(ctx, a, b);
}

void rf_bundle_sort_candidates(struct rf_bundle *b)
{
    struct rf_bundle_retain *r = &b->retain;
    size_t n = 0;
    if (r->n > 1)
        qsort_r(r->candidates, r->n, sizeof(*r->candidates), compare, &b->desired);
    for (size_t i = 0; i < r->n; i++)
        if (n == 0 || compare(&r->candidates[n - 1], &r->candidates[i], &b->desired) != 0)
            r->candidates[n++] = r->candidates[i];
    r->n = n;
}

/* ---- checking ---- */

static bool is_text(const struct rf_bundle *b, uint32_t id)
{
    struct rf_slice s = rf_slice_str(str(b, id));
    return s.len <= RF_BUNDLE_RULE_MAX && rf_text_is_utf8(s);
}

/* What could not be fetched this time is not given up. */
static bool is_hole(const struct rf_bundle *b, const struct rf_candidate *c)
{
    for (size_t i = 0; i < b->n_holes; i++)
        if (strcmp(str(b, b->holes[i].repository), str(b, c->repository)) == 0 &&
            (str(b, b->holes[i].tag)[0] == '\0' ||
             strcmp(str(b, b->holes[i].tag), str(b, c->tag)) == 0))
            return true;
    return false;
}

static int check_candidate(const struct rf_bundle *b, const struct rf_candidate *c,
                           struct rf_err *err)
{
    const char *tag = str(b, c->tag);
    if (!rf_repository_valid(rf_slice_str(str(b, c->repository))))
        return rf_fail(err, RFE_INVALID, "repository: not a repository name");
    if (tag[0] != '\0' && !rf_tag_valid(rf_slice_str(tag)))
        return rf_fail(err, RFE_INVALID, "tag: not a tag");
    if (!is_text(b, c->rule))
        return rf_fail(err, RFE_INVALID, "rule: not a short text");
    const struct rf_image *im =
        rf_desired_find(&b->desired, str(b, c->repository), tag, &c->digest);
    if (im != NULL && rf_image_is_wanted(im))
        return rf_fail(err, RFE_INVALID, "the image is wanted");
    if (rf_bundle_find_refused(b, str(b, c->repository), tag, &c->digest) != NULL)
        return rf_fail(err, RFE_INVALID, "the image was refused, not given up");
    if (is_hole(b, c))
        return rf_fail(err, RFE_INVALID, "the image is a hole");
    return 0;
}

int rf_bundle_check_retain(const struct rf_bundle *b, struct rf_err *err)
{
    const struct rf_bundle_retain *r = &b->retain;
    if (!r->set)
        return r->n > 0 || r->has_as_of
                   ? rf_fail(err, RFE_INVALID, "asOf or candidates without retain")
                   : 0;
    if (rf_bundle_is_repair(b))
        return rf_fail(err, RFE_INVALID, "retain: a repair bundle lets nothing go");
    for (size_t i = 0; i < r->n_rules; i++)
        if (!is_text(b, r->rules[i]))
            return rf_fail(err, RFE_INVALID, "retain.rules[%zu]: not a short text", i);
    for (size_t i = 0; i < r->n; i++) {
        int rc = check_candidate(b, &r->candidates[i], err);
        if (rc == 0 && i > 0 &&
            rf_candidate_cmp(&b->desired, &r->candidates[i - 1], &r->candidates[i]) >= 0)
            rc = rf_fail(err, RFE_INVALID, "twice or out of order");
        if (rc < 0)
            return rf_wrap(err, rc, "candidates[%zu]", i);
    }
    return 0;
}

/* ---- JSON ---- */

void rf_bundle_retain_json(const struct rf_bundle *b, struct rf_buf *out)
{
    const struct rf_bundle_retain *r = &b->retain;
    rf_buf_addf(out, "{\"graceSeconds\":%llu", (unsigned long long)r->grace_s);
    if (r->has_max)
        rf_buf_addf(out, ",\"%s\":%llu", r->percent ? "maxPercent" : "maxDelete",
                    (unsigned long long)r->max_delete);
    rf_buf_addf(out, ",\"known\":%llu,\"rules\":[", (unsigned long long)r->known);
    for (size_t i = 0; i < r->n_rules; i++) {
        rf_buf_add_str(out, i > 0 ? "," : "");
        rf_json_add_string(out, str(b, r->rules[i]));
    }
    rf_buf_add_str(out, "]}");
}

void rf_candidate_json(const struct rf_bundle *b, const struct rf_candidate *c, struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT];
    rf_buf_add_str(out, "{\"repository\":");
    rf_json_add_string(out, str(b, c->repository));
    rf_buf_add_str(out, ",\"tag\":");
    rf_json_add_string(out, str(b, c->tag));
    rf_buf_addf(out, ",\"digest\":\"%s\",\"rule\":", rf_digest_text(&c->digest, text));
    rf_json_add_string(out, str(b, c->rule));
    rf_buf_add_char(out, '}');
}

int rf_bundle_read_as_of(struct rf_bundle *b, const json_t *v, struct rf_err *err)
{
    char again[32];
    const char *text = json_string_value(v);
    if (text == NULL)
        return rf_fail(err, RFE_INVALID, "not a string");
    int rc = rf_text_time_parse(rf_slice_str(text), &b->retain.as_of, err);
    if (rc == 0 && strcmp(rf_text_time(b->retain.as_of, again), text) != 0)
        rc = rf_fail(err, RFE_INVALID, "not a time in UTC to the second");
    b->retain.has_as_of = rc == 0;
    return rc;
}

int rf_bundle_read_retain(struct rf_bundle *b, const json_t *v, struct rf_err *err)
{
    struct rf_bundle_retain *r = &b->retain;
    const json_t *rules = NULL;
    uint64_t percent = UINT64_MAX;
    if (!json_is_object(v))
        return rf_fail(err, RFE_INVALID, "not an object");
    r->max_delete = UINT64_MAX;
    int rc = rf_json_u64(v, "graceSeconds", "", RF_JSON_REQUIRED, &r->grace_s, err);
    if (rc == 0 && json_object_get(v, "maxDelete") != NULL)
        rc = rf_json_u64(v, "maxDelete", "", RF_JSON_REQUIRED, &r->max_delete, err);
    if (rc == 0 && json_object_get(v, "maxPercent") != NULL)
        rc = rf_json_u64(v, "maxPercent", "", RF_JSON_REQUIRED, &percent, err);
    if (rc == 0)
        rc = rf_json_u64(v, "known", "", RF_JSON_REQUIRED, &r->known, err);
    if (rc == 0)
        rc = rf_json_array(v, "rules", "", RF_JSON_REQUIRED, RF_BUNDLE_LINE_MAX, &rules, err);
    if (rc < 0)
        return rc;
    if (r->grace_s > RF_BUNDLE_GRACE_MAX || (percent != UINT64_MAX && percent > 100) ||
        (percent != UINT64_MAX && r->max_delete != UINT64_MAX))
        return rf_fail(err, RFE_INVALID, "a number beyond reason, or two caps");
    r->percent = percent != UINT64_MAX;
    r->has_max = r->percent || r->max_delete != UINT64_MAX;
    if (!r->has_max)
        r->max_delete = 0;
    else if (r->percent)
        r->max_delete = percent;
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);
        if (!json_is_string(rule) || strlen(json_string_value(rule)) != json_string_length(rule))
            return rf_fail(err, RFE_INVALID, "rules[%zu]: not a text", i);
        rf_bundle_add_rule(b, json_string_value(rule));
    }
    r->set = true;
    return 0;
}

int rf_bundle_read_candidate(struct rf_bundle *b, const json_t *v, struct rf_err *err)
{
    const char *repository = "", *tag = "", *rule = "";
    struct rf_digest d;
    int rc = rf_json_string(v, "repository", "", RF_JSON_REQUIRED, &repository, err);
    if (rc == 0)
        rc = rf_json_string(v, "tag", "", RF_JSON_REQUIRED, &tag, err);
    if (rc == 0)
        rc = rf_json_digest(v, "digest", "", RF_JSON_REQUIRED, &d, err);
    if (rc == 0)
        rc = rf_json_string(v, "rule", "", RF_JSON_REQUIRED, &rule, err);
    if (rc < 0)
        return rc;
    rf_bundle_add_candidate(b, repository, tag, &d, rule);
    return 0;
}

void rf_candidate_name(const struct rf_bundle *b, const struct rf_candidate *c, struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT];
    const char *tag = str(b, c->tag);
    rf_buf_addf(out, "%s%s%s", str(b, c->repository), tag[0] != '\0' ? ":" : "@",
                tag[0] != '\0' ? tag : rf_digest_text(&c->digest, text));
}
