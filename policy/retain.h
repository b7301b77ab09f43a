/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept of images that the policy file no longer selects (docs/policy.md, "retain"). The rules are judged over a list of facts alone:
 * nothing is asked, so that both sides come to the same answers for the same facts.
 *
 *     rf_retain_needs(retain, repository)                    whether labels and times must be had at all
 *     rf_retain_judge(retain, facts, n, as_of, out, err)     out[i]: kept or let go, and by which rule
 *
 * What cannot be told keeps: an image without a creation time is newer than any age.
 */
#ifndef RF_POLICY_RETAIN_H
#define RF_POLICY_RETAIN_H

#include "base/digest.h"
#include "base/json.h"
#include "policy/tag_filter.h"
#include "policy/yaml.h"

#define RF_RETAIN_RULES_MAX 1000
#define RF_RETAIN_GRACE_S (7 * 24 * 3600u) /* when nothing is said */

struct rf_retain_rule {
    uint32_t line, column;
    char *name;                        /* or NULL */
    struct rf_yaml_list repositories;  /* patterns; none: all */
    unsigned keep_semver, keep_newest; /* 0: unset */
    uint64_t newer_than_ns;            /* 0: unset */
    enum rf_tri keep_none;
    struct rf_yaml_list tags;                /* patterns */
    struct rf_yaml_list labels, annotations; /* name, value, ...; value "": any */
    /* Made of the above. */
    struct rf_tag_filter *repository_filter, *tag_filter; /* tag_filter NULL without `tags` */
};

struct rf_retain {
    struct rf_retain_rule *rules;
    size_t n_rules;
    struct rf_yaml_list protect; /* patterns of repository:tag */
    struct rf_tag_filter *protect_filter;
    uint64_t grace_ns;
    bool has_grace, has_max, max_is_percent;
    uint64_t max_delete;
    bool read; /* the section is there and has something in it */
};
void rf_retain_release(struct rf_retain *r);
rf_yaml_setter rf_retain_set; /* for a field of struct rf_retain */
/* The keys of `retain` ("retain") and of a rule ("retainRule"). */
const struct rf_yaml_table *rf_retain_tables(size_t *n);

static inline uint64_t rf_retain_grace_s(const struct rf_retain *r)
{
    return r->has_grace ? r->grace_ns / 1000000000u : RF_RETAIN_GRACE_S;
}
/*
 * Takes over what `more` says: its rules and protected patterns come behind those of *r, its grace time and cap in their place. `whose`.rules[N] are called those without
 * a name. *more is empty then, also on failure. -RFE_CONFIG: together there are too many.
 */
RF_MUST_USE int rf_retain_join(struct rf_retain *r, struct rf_retain *more, const char *whose,
                               struct rf_err *err);
/* A rule goes by age, so that the moment of judging matters. */
bool rf_retain_uses_age(const struct rf_retain *r);
/* A rule as one line of text, as both sides show it. Appended. */
void rf_retain_rule_text(const struct rf_retain_rule *rule, struct rf_buf *out);

enum rf_retain_need { RF_RETAIN_NEEDS_MANIFEST = 1, RF_RETAIN_NEEDS_CONFIG = 2 };
/* What of the images of this repository the rules go by: RF_RETAIN_NEEDS_*. */
RF_MUST_USE int rf_retain_needs(const struct rf_retain *r, const char *repository,
                                struct rf_err *err);

struct rf_retain_fact {
    const char *repository, *tag; /* tag "": wanted by digest, a referrer, or left by its tag */
    const char
        *former; /* without a tag: those that it had, apart by blanks, or NULL; they protect it */
    struct rf_digest digest;
    struct rf_digest subject; /* set: a referrer, or a digest tag; it stays as long as that image */
    bool wanted;              /* still selected: kept, and it counts among the last N */
    bool has_created;
    int64_t created;                    /* seconds since 1970 */
    bool unread;                        /* what the rules go by could not be read: kept */
    const json_t *labels, *annotations; /* objects of strings, or NULL; borrowed */
    const char *other; /* another judge keeps it, for this reason; NULL: it says nothing */
};
struct rf_retain_verdict {
    bool keep;
    char *rule; /* which rule decided, for people; the caller frees */
};
/* out has n places. A rule that is for none of these repositories is warned of. -RFE_CONFIG: a pattern that cannot be run on a name. */
RF_MUST_USE int rf_retain_judge(const struct rf_retain *r, const struct rf_retain_fact *facts,
                                size_t n, int64_t as_of, struct rf_retain_verdict *out,
                                struct rf_err *err);
void rf_retain_verdicts_free(struct rf_retain_verdict *list, size_t n);

/* Whether `count` of `all` images may be deleted. -RFE_REFUSED says the cap. max: SIZE... as in struct rf_retain. */
RF_MUST_USE int rf_retain_check_max(uint64_t max_delete, bool percent, uint64_t count, uint64_t all,
                                    const char *whose, struct rf_err *err);

#endif
