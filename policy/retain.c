/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/retain.h"

#include "base/idmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "policy/semver.h"

#include <stdlib.h>

bool rf_retain_uses_age(const struct rf_retain *r)
{
    for (size_t i = 0; i < r->n_rules; i++)
        if (r->rules[i].newer_than_ns > 0)
            return true;
    return false;
}

int rf_retain_needs(const struct rf_retain *r, const char *repository, struct rf_err *err)
{
    int needs = 0;
    for (size_t i = 0; i < r->n_rules; i++) {
        const struct rf_retain_rule *rule = &r->rules[i];
        int rc = rf_tag_filter_match(rule->repository_filter, repository, err);
        if (rc < 0)
            return rc;
        if (rc == 0)
            continue;
        if (rule->keep_newest > 0 || rule->newer_than_ns > 0 || rule->labels.n > 0)
            needs |= RF_RETAIN_NEEDS_CONFIG | RF_RETAIN_NEEDS_MANIFEST;
        if (rule->annotations.n > 0)
            needs |= RF_RETAIN_NEEDS_MANIFEST;
    }
    return needs;
}

/* ---- the last N ---- */

struct ranked {
    uint32_t fact;
    struct rf_semver version;
    int64_t created;
    const char *tag;
};

static int highest_first(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    int c = rf_semver_compare(&y->version, &x->version);
    return c != 0 ? c : strcmp(x->tag, y->tag);
}

static int newest_first(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->created != y->created)
        return x->created > y->created ? -1 : 1;
    int c = strcmp(x->tag, y->tag);
    return c != 0 ? c : (x->fact > y->fact) - (x->fact < y->fact);
}

struct judging {
    const struct rf_retain *r;
    const struct rf_retain_fact *facts;
    size_t n;
    int64_t as_of;
    uint32_t *order;       /* facts by repository */
    struct ranked *ranked; /* room for all of them */
    bool *among;           /* per fact: among the last N of the rule at hand */
    bool *used;            /* per rule: some repository is its matter */
    struct rf_retain_verdict *out;
};

/* Marks those of one repository that have one of the `n` highest versions. Equal versions (v1, 1.0.0) have one place. */
static void mark_semver(struct judging *j, const uint32_t *list, size_t count, unsigned n)
{
    size_t k = 0;
    unsigned places = 0;
    for (size_t i = 0; i < count; i++) {
        const struct rf_retain_fact *f = &j->facts[list[i]];
        if (!rf_digest_is_set(&f->subject) &&
            rf_semver_parse(rf_slice_str(f->tag), &j->ranked[k].version)) {
            j->ranked[k].fact = list[i];
            j->ranked[k++].tag = f->tag;
        }
    }
    qsort(j->ranked, k, sizeof(*j->ranked), highest_first);
    for (size_t i = 0; i < k; i++) {
        if (i == 0 || rf_semver_compare(&j->ranked[i - 1].version, &j->ranked[i].version) != 0)
            places++;
        j->among[j->ranked[i].fact] |= places <= n;
    }
}

static struct rf_slice digest_key(const struct rf_digest *d)
{
    return rf_slice_of(d, offsetof(struct rf_digest, bytes) + d->len);
}

static struct rf_slice fact_key(const void *ctx, uint32_t id)
{
    return digest_key(&((const struct judging *)ctx)->facts[id].digest);
}

/* Enters the digest of a fact; false: another one of it was entered before. */
static bool is_first(struct rf_idmap *seen, const struct judging *j, uint32_t fact)
{
    if (rf_idmap_find(seen, fact_key(j, fact)) != RF_NO_ID)
        return false;
    rf_idmap_add(seen, fact);
    return true;
}

/*
 * The same by creation time. One digest under several tags has one place; without a time an image is kept, and takes no place. What has no tag takes none from what has
 * one: else each image that its tag left for a newer one would push out another.
 */
static void mark_newest(struct judging *j, const uint32_t *list, size_t count, unsigned n)
{
    RF_CLEANUP(rf_idmap_release) struct rf_idmap all;
    RF_CLEANUP(rf_idmap_release) struct rf_idmap tagged;
    size_t k = 0;
    unsigned places = 0, tagged_places = 0;
    rf_idmap_init(&all, fact_key, j);
    rf_idmap_init(&tagged, fact_key, j);
    for (size_t i = 0; i < count; i++) {
        const struct rf_retain_fact *f = &j->facts[list[i]];
        if (!f->has_created || rf_digest_is_set(&f->subject)) {
            j->among[list[i]] = !rf_digest_is_set(&f->subject);
            continue;
        }
        j->ranked[k++] = (struct ranked){ .fact = list[i], .created = f->created, .tag = f->tag };
    }
    qsort(j->ranked, k, sizeof(*j->ranked), newest_first);
    for (size_t i = 0; i < k; i++) {
        bool has_tag = j->ranked[i].tag[0] != '\0';
        places += is_first(&all, j, j->ranked[i].fact);
        tagged_places += has_tag && is_first(&tagged, j, j->ranked[i].fact);
        j->among[j->ranked[i].fact] |= (has_tag ? tagged_places : places) <= n;
    }
}

/* ---- one rule and one image ---- */

static bool has_pairs(const struct rf_yaml_list *want, const json_t *have)
{
    for (size_t i = 0; i < want->n; i += 2) {
        const char *value = json_string_value(json_object_get(have, want->items[i]));
        if (value == NULL ||
            (want->items[i + 1][0] != '\0' && strcmp(value, want->items[i + 1]) != 0))
            return false;
    }
    return want->n > 0;
}

static bool is_newer(const struct judging *j, const struct rf_retain_fact *f, uint64_t ns)
{
    int64_t oldest;
    return !f->has_created ||
           __builtin_sub_overflow(j->as_of, (int64_t)(ns / 1000000000u), &oldest) ||
           f->created > oldest;
}

static void decide(struct rf_retain_verdict *v, bool keep, char *rule)
{
    free(v->rule);
    v->keep = keep;
    v->rule = rule;
}

static char *rule_name(const struct judging *j, size_t rule, const char *key)
{
    if (j->r->rules[rule].name != NULL)
        return rf_xasprintf("retain rule %s%s%s", j->r->rules[rule].name,
                            key[0] != '\0' ? ": " : "", key);
    return rf_xasprintf("retain.rules[%zu]%s%s", rule, key[0] != '\0' ? "." : "", key);
}

/* By which of its keys the rule keeps the image; NULL: by none. */
static int kept_by(const struct judging *j, const struct rf_retain_rule *rule, uint32_t i,
                   const char **key, struct rf_err *err)
{
    const struct rf_retain_fact *f = &j->facts[i];
    int rc = 0;
    *key = NULL;
    if (rule->tag_filter != NULL && f->tag[0] != '\0')
        rc = rf_tag_filter_match(rule->tag_filter, f->tag, err);
    if (rc < 0)
        return rc;
    if (rc > 0)
        *key = "tags";
    else if (has_pairs(&rule->labels, f->labels))
        *key = "labels";
    else if (has_pairs(&rule->annotations, f->annotations))
        *key = "annotations";
    else if (rule->newer_than_ns > 0 && !rf_digest_is_set(&f->subject) &&
             is_newer(j, f, rule->newer_than_ns))
        *key = f->has_created ? "newerThan" : "newerThan (its age is not known)";
    return 0;
}

static int judge_rule(struct judging *j, size_t rule_no, const uint32_t *list, size_t count,
                      struct rf_err *err)
{
    const struct rf_retain_rule *rule = &j->r->rules[rule_no];
    const char *last = rule->keep_semver > 0 ? "keepSemver" : "keepNewest";
    for (size_t i = 0; i < count; i++)
        j->among[list[i]] = false;
    if (rule->keep_semver > 0)
        mark_semver(j, list, count, rule->keep_semver);
    if (rule->keep_newest > 0)
        mark_newest(j, list, count, rule->keep_newest);
    if (rule->keep_semver > 0 && rule->keep_newest > 0)
        last = "keepSemver or keepNewest";
    for (size_t i = 0; i < count; i++) {
        struct rf_retain_verdict *v = &j->out[list[i]];
        const char *key = NULL;
        if (v->rule != NULL && v->keep)
            continue;
        int rc = kept_by(j, rule, list[i], &key, err);
        if (rc < 0)
            return rc;
        if (key == NULL && j->among[list[i]])
            key = last;
        if (key != NULL)
            decide(v, true, rule_name(j, rule_no, key));
        else if (j->facts[list[i]].unread)
            decide(v, true, rf_xstrdup("it cannot be read, so that it cannot be judged"));
        else if (v->rule == NULL)
            decide(v, false, rule_name(j, rule_no, ""));
    }
    return 0;
}

/* ---- all of them ---- */

static int by_repository(const void *a, const void *b, void *ctx)
{
    const struct judging *j = ctx;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int c = strcmp(j->facts[x].repository, j->facts[y].repository);
    return c != 0 ? c : (x > y) - (x < y);
}

/* 1: the pattern of some protected name matches. What has no tag is protected by the names that it had as well. */
static int is_protected(const struct judging *j, const struct rf_retain_fact *f, struct rf_err *err)
{
    char text[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_freep)
    char *name = f->tag[0] != '\0'
                     ? rf_xasprintf("%s:%s", f->repository, f->tag)
                     : rf_xasprintf("%s@%s", f->repository, rf_digest_text(&f->digest, text));
    int rc = rf_tag_filter_match(j->r->protect_filter, name, err);
    for (const char *at = f->former; rc == 0 && at != NULL && *at != '\0';) {
        size_t n = strcspn(at, " ");
        RF_CLEANUP(rf_freep) char *had = rf_xasprintf("%s:%.*s", f->repository, (int)n, at);
        rc = rf_tag_filter_match(j->r->protect_filter, had, err);
        at += n + (at[n] == ' ');
    }
    return rc;
}

/* What goes before the rules. */
static int judge_first(struct judging *j, uint32_t i, struct rf_err *err)
{
    const struct rf_retain_fact *f = &j->facts[i];
    if (f->wanted)
        decide(&j->out[i], true, rf_xstrdup("selected"));
    else if (f->other != NULL)
        decide(&j->out[i], true, rf_xstrdup(f->other));
    else if (j->r->protect_filter != NULL) {
        int rc = is_protected(j, f, err);
        if (rc < 0)
            return rc;
        if (rc > 0)
            decide(&j->out[i], true, rf_xstrdup("retain.protect"));
    }
    return 0;
}

/* A referrer stays as long as its image, which is itself judged by now: also a referrer of a referrer, in as many rounds as it takes. */
static void judge_referrers(struct judging *j, const uint32_t *list, size_t count)
{
    RF_CLEANUP(rf_idmap_release) struct rf_idmap kept;
    rf_idmap_init(&kept, fact_key, j);
    for (size_t i = 0; i < count; i++)
        if (j->out[list[i]].keep)
            (void)is_first(&kept, j, list[i]);
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < count; i++) {
            const struct rf_retain_fact *f = &j->facts[list[i]];
            if (!rf_digest_is_set(&f->subject) || j->out[list[i]].keep ||
                rf_idmap_find(&kept, digest_key(&f->subject)) == RF_NO_ID)
                continue;
            decide(&j->out[list[i]], true, rf_xstrdup("it belongs to an image that is kept"));
            (void)is_first(&kept, j, list[i]);
            changed = true;
        }
    }
}

static int judge_repository(struct judging *j, const uint32_t *list, size_t count,
                            struct rf_err *err)
{
    int rc = 0;
    bool any = false;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = judge_first(j, list[i], err);
    for (size_t k = 0; rc >= 0 && k < j->r->n_rules; k++) {
        rc = rf_tag_filter_match(j->r->rules[k].repository_filter, j->facts[list[0]].repository,
                                 err);
        if (rc > 0) {
            any = j->used[k] = true;
            rc = judge_rule(j, k, list, count, err);
        }
    }
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < count; i++)
        if (!any && j->out[list[i]].rule == NULL)
            decide(&j->out[list[i]], true, rf_xstrdup("no retain rule for its repository"));
    judge_referrers(j, list, count);
    return 0;
}

/* A pattern that was written for other names (the connected side's, say) would keep everything without a word. */
static void warn_of_unused(const struct judging *j)
{
    for (size_t k = 0; j->n > 0 && k < j->r->n_rules; k++) {
        RF_CLEANUP(rf_buf_release) struct rf_buf rule;
        rf_buf_init(&rule, 0);
        if (j->used[k])
            continue;
        rf_retain_rule_text(&j->r->rules[k], &rule);
        rf_log(
            RF_LOG_WARN,
            "A retain rule is for no repository of the site, they have the names of the far side",
            "rule", rule.ptr, "for-example", j->facts[0].repository, NULL);
    }
}

int rf_retain_judge(const struct rf_retain *r, const struct rf_retain_fact *facts, size_t n,
                    int64_t as_of, struct rf_retain_verdict *out, struct rf_err *err)
{
    struct judging j = { .r = r, .facts = facts, .n = n, .as_of = as_of, .out = out };
    RF_CLEANUP(rf_freep) uint32_t *order = rf_xcalloc(n + 1, sizeof(*order));
    RF_CLEANUP(rf_freep) struct ranked *ranked = rf_xcalloc(n + 1, sizeof(*ranked));
    RF_CLEANUP(rf_freep) bool *among = rf_xcalloc(n + 1, sizeof(*among));
    RF_CLEANUP(rf_freep) bool *used = rf_xcalloc(r->n_rules + 1, sizeof(*used));
    int rc = 0;
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint32_t)i;
        out[i] = (struct rf_retain_verdict){ 0 };
    }
    j.order = order;
    j.ranked = ranked;
    j.among = among;
    j.used = used;
    qsort_r(order, n, sizeof(*order), by_repository, &j);
    for (size_t i = 0, end; rc == 0 && i < n; i = end) {
        for (end = i + 1;
             end < n && strcmp(facts[order[i]].repository, facts[order[end]].repository) == 0;)
            end++;
        rc = judge_repository(&j, order + i, end - i, err);
    }
    if (rc < 0)
        rf_retain_verdicts_free(out, n);
    else
        warn_of_unused(&j);
    return rc;
}

void rf_retain_verdicts_free(struct rf_retain_verdict *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        rf_freep(&list[i].rule);
}

int rf_retain_check_max(uint64_t max_delete, bool percent, uint64_t count, uint64_t all,
                        const char *whose, struct rf_err *err)
{
    uint64_t most = max_delete;
    if (percent)
        most = all / 100 * max_delete + all % 100 * max_delete / 100;
    if (count <= most)
        return 0;
    return rf_fail(
        err, RFE_REFUSED,
        "%llu of %llu image%s would be let go, %s allows %llu%s (maxDelete); nothing was deleted; look at the plan, then raise maxDelete or narrow the rules",
        (unsigned long long)count, (unsigned long long)all, rf_text_s(all), whose,
        (unsigned long long)max_delete, percent ? " percent" : "");
}
