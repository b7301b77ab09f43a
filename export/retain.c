/* SPDX-License-Identifier: Apache-2.0 */
#include "export/retain.h"

#include "base/log.h"
#include "base/mem.h"
#include "layout/bundle_retain.h"
#include "policy/retain_facts.h"

/* All that is judged: the lines that are wanted, then those that earlier snapshots had, the latest of each name. */
struct known {
    struct rf_desired lines;
    size_t n_wanted;
    struct rf_strings seen; /* their names */
};

static void known_release(struct known *k)
{
    rf_desired_release(&k->lines);
    rf_strings_release(&k->seen);
}

static void add_lines(struct known *k, const struct rf_desired *from)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf name;
    rf_buf_init(&name, 1024);
    for (size_t i = 0; i < from->n; i++) {
        rf_buf_clear(&name);
        rf_image_name(from, &from->images[i], &name);
        if (!rf_image_is_wanted(&from->images[i]) ||
            rf_strings_find(&k->seen, rf_buf_slice(&name)) != RF_NO_ID)
            continue;
        (void)rf_strings_add(&k->seen, rf_buf_slice(&name));
        (void)rf_desired_add(&k->lines, from, &from->images[i]);
    }
}

/* From the last bundle to the first. A snapshot that is lost takes its candidates along: that only keeps images. */
static void add_history(struct known *k, const struct rf_export_state *state)
{
    for (size_t i = state->n; i-- > 0;) {
        const struct rf_export_record *r = &state->records[i];
        RF_CLEANUP(rf_freep) char *path = rf_export_state_snapshot_path(state, &r->snapshot);
        RF_CLEANUP(rf_snapshot_release) struct rf_snapshot s;
        struct rf_err why = RF_ERR_INIT;
        rf_snapshot_init(&s);
        if (rf_digest_is_set(&r->repairs))
            continue;
        if (rf_snapshot_load(&s, path, &why) < 0)
            rf_log(RF_LOG_WARN, "An earlier snapshot cannot be read; what only it had is kept",
                   "error", why.msg, NULL);
        else
            add_lines(k, &s.desired);
    }
}

/* ---- facts, out of the cache ---- */

static int cached_blob(struct rf_export_state *state, const struct rf_digest *d, struct rf_buf *out,
                       struct rf_err *err)
{
    return rf_blob_store_load(state->cache, d, out, err);
}

static int read_blob(void *ctx, const char *repository, const struct rf_descriptor *desc,
                     struct rf_buf *out, struct rf_err *err)
{
    (void)repository;
    return cached_blob(ctx, &desc->digest, out, err);
}

static int read_manifest(void *ctx, const char *repository, const struct rf_digest *digest,
                         struct rf_manifest **out, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf bytes;
    struct rf_manifest_expect expect = { .digest = digest };
    (void)repository;
    rf_buf_init(&bytes, RF_MANIFEST_MAX);
    int rc = cached_blob(ctx, digest, &bytes, err);
    return rc < 0 ? rc : rf_manifest_parse(rf_buf_slice(&bytes), &expect, out, err);
}

static void facts_free(struct rf_retain_fact *facts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        rf_retain_fact_release(&facts[i]);
    free(facts);
}

static int make_facts(const struct rf_retain *rules, struct rf_export_state *state,
                      const struct known *k, struct rf_retain_fact *facts, struct rf_err *err)
{
    const struct rf_retain_reader from = { .manifest = read_manifest,
                                           .blob = read_blob,
                                           .ctx = state };
    for (size_t i = 0; i < k->lines.n; i++) {
        const struct rf_image *im = &k->lines.images[i];
        struct rf_retain_fact *f = &facts[i];
        f->repository = rf_desired_str(&k->lines, im->repository);
        f->tag = rf_desired_str(&k->lines, im->tag);
        f->digest = im->digest;
        f->wanted = i < k->n_wanted;
        int needs = rf_retain_needs(rules, f->repository, err);
        if (needs < 0)
            return needs;
        rf_retain_fact_fill(f, needs, &from);
    }
    return 0;
}

/* ---- the policy's keep() ---- */

struct keeping {
    struct rf_export_state *state;
    const struct known *k;
    const struct rf_retain_verdict *rules;
};

static bool is_let_go(void *ctx, size_t line)
{
    const struct keeping *keeping = ctx;
    return !keeping->rules[line].keep;
}

static int get_manifest(void *ctx, size_t line, const struct rf_descriptor *desc,
                        struct rf_manifest **out, struct rf_err *err)
{
    const struct keeping *keeping = ctx;
    (void)line;
    return read_manifest(keeping->state, "", &desc->digest, out, err);
}

static int get_config(void *ctx, size_t line, const struct rf_descriptor *desc, struct rf_buf *out,
                      struct rf_err *err)
{
    const struct keeping *keeping = ctx;
    (void)line;
    return cached_blob(keeping->state, &desc->digest, out, err);
}

/* Of what the rules let go; out[i].kind is RF_VERDICT_NONE for all without a keep(). */
static int ask_keep(const struct rf_export_request *req, struct keeping *keeping,
                    struct rf_verdict *out, struct rf_err *err)
{
    const struct rf_verdict_lines lines = { .desired = &keeping->k->lines,
                                            .wanted = is_let_go,
                                            .manifest = get_manifest,
                                            .config = get_config,
                                            .ctx = keeping,
                                            .threads = req->parallel };
    if (!rf_verdicts_has(req->policy, RF_VERDICT_KEEP))
        return 0;
    return rf_verdicts_judge(req->policy, RF_VERDICT_KEEP, &lines, out, err);
}

/* What it keeps, and what it could not be asked about, stays. */
static bool is_kept(const struct rf_verdict *v)
{
    return v->kind == RF_VERDICT_YES || v->kind == RF_VERDICT_UNREAD;
}

/* ---- into the bundle ---- */

static bool is_hole(const struct rf_bundle *b, const struct rf_retain_fact *f)
{
    const struct rf_desired *d = &b->desired;
    for (size_t i = 0; i < b->n_holes; i++) {
        const char *tag = rf_desired_str(d, b->holes[i].tag);
        if (strcmp(rf_desired_str(d, b->holes[i].repository), f->repository) == 0 &&
            (tag[0] == '\0' || strcmp(tag, f->tag) == 0))
            return true;
    }
    return false;
}

static void add_candidate(struct rf_bundle *out, const struct rf_retain_fact *f, const char *rule,
                          const struct rf_verdict *policy)
{
    RF_CLEANUP(rf_freep)
    char *both = policy->kind == RF_VERDICT_NO ? rf_xasprintf("%s; %s", rule, policy->reason)
                                               : rf_xstrdup(rule);
    if (!is_hole(out, f) && rf_bundle_find_refused(out, f->repository, f->tag, &f->digest) == NULL)
        rf_bundle_add_candidate(out, f->repository, f->tag, &f->digest, both);
}

static int judge(const struct rf_export_request *req, const struct rf_retain_fact *facts,
                 struct keeping *keeping, time_t as_of, struct rf_bundle *out, struct rf_err *err)
{
    size_t n = keeping->k->lines.n;
    struct rf_retain_verdict *verdicts = rf_xcalloc(n + 1, sizeof(*verdicts));
    struct rf_verdict *policy = rf_xcalloc(n + 1, sizeof(*policy));
    keeping->rules = verdicts;
    int rc = rf_retain_judge(req->retain, facts, n, as_of, verdicts, err);
    bool judged = rc == 0;
    if (rc == 0)
        rc = ask_keep(req, keeping, policy, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (!verdicts[i].keep && !is_kept(&policy[i]))
            add_candidate(out, &facts[i], verdicts[i].rule, &policy[i]);
    if (judged)
        rf_retain_verdicts_free(verdicts, n);
    rf_verdict_list_free(policy, n);
    free(verdicts);
    return rc;
}

static void put_rules(const struct rf_retain *rules, size_t known, time_t as_of,
                      struct rf_bundle *out)
{
    struct rf_bundle_retain *r = &out->retain;
    *r = (struct rf_bundle_retain){ .set = true,
                                    .has_as_of = rf_retain_uses_age(rules),
                                    .as_of = as_of,
                                    .has_max = rules->has_max,
                                    .percent = rules->max_is_percent,
                                    .max_delete = rules->max_delete,
                                    .grace_s = rf_retain_grace_s(rules),
                                    .known = known };
    for (size_t i = 0; i < rules->n_rules; i++) {
        RF_CLEANUP(rf_buf_release) struct rf_buf text;
        rf_buf_init(&text, 0);
        rf_retain_rule_text(&rules->rules[i], &text);
        rf_bundle_add_rule(out, text.ptr);
    }
}

int rf_export_retain(const struct rf_export_request *req, struct rf_export_state *state,
                     const struct rf_snapshot *snapshot, time_t as_of, struct rf_bundle *out,
                     struct rf_err *err)
{
    RF_CLEANUP(known_release) struct known k;
    const struct rf_retain *rules = req->retain;
    rf_desired_init(&k.lines);
    rf_strings_init(&k.seen);
    if (rules == NULL || !rules->read)
        return 0;
    add_lines(&k, &snapshot->desired);
    k.n_wanted = k.lines.n;
    add_history(&k, state);
    put_rules(rules, k.lines.n, as_of, out);
    struct keeping keeping = { .state = state, .k = &k };
    struct rf_retain_fact *facts = rf_xcalloc(k.lines.n + 1, sizeof(*facts));
    int rc = make_facts(rules, state, &k, facts, err);
    if (rc == 0)
        rc = judge(req, facts, &keeping, as_of, out, err);
    facts_free(facts, k.lines.n);
    return rc < 0 ? rc : rf_bundle_seal(out, err);
}
