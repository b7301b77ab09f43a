/* SPDX-License-Identifier: Apache-2.0 */
#include "export/retain.h"

#include "base/log.h"
#include "base/mem.h"
#include "layout/bundle_retain.h"
#include "policy/retain_facts.h"

/*
 * All that is judged: the lines that are wanted, then those that earlier snapshots had, the latest of each name, then images that their tags have left since for newer ones and
 * that no other name has.
 */
struct known {
    struct rf_desired lines;
    size_t n_wanted;
    struct rf_strings seen; /* the names of lines */
    struct rf_desired
        left; /* lines whose name has a later one with another digest, each image once */
    struct rf_strings images; /* theirs, as "repository@digest" */
    struct rf_buf *tags;      /* per line of `left`: the tags that left it, apart by blanks */
    size_t n_tags, cap_tags;
    char **former; /* per line of `lines`, or NULL */
};

static void known_init(struct known *k)
{
    *k = (struct known){ 0 };
    rf_desired_init(&k->lines);
    rf_desired_init(&k->left);
    rf_strings_init(&k->seen);
    rf_strings_init(&k->images);
}

static void known_release(struct known *k)
{
    for (size_t i = 0; k->former != NULL && i < k->lines.n; i++)
        free(k->former[i]);
    free(k->former);
    for (size_t i = 0; i < k->n_tags; i++)
        rf_buf_release(&k->tags[i]);
    free(k->tags);
    rf_desired_release(&k->lines);
    rf_desired_release(&k->left);
    rf_strings_release(&k->seen);
    rf_strings_release(&k->images);
}

static void image_key(const char *repository, const struct rf_digest *d, struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT];
    rf_buf_clear(out);
    rf_buf_addf(out, "%s@%s", repository, rf_digest_text(d, text));
}

static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = strstr(list, word); at != NULL; at = strstr(at + 1, word))
        if ((at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    return false;
}

/* The tag has another image now. */
static void add_left(struct known *k, const struct rf_desired *from, const struct rf_image *im,
                     struct rf_buf *key)
{
    const char *tag = rf_desired_str(from, im->tag);
    image_key(rf_desired_str(from, im->repository), &im->digest, key);
    uint32_t id = rf_strings_add(&k->images, rf_buf_slice(key));
    if (id == k->n_tags) {
        (void)rf_desired_add(&k->left, from, im);
        k->tags = rf_grow(k->tags, k->n_tags, &k->cap_tags, sizeof(*k->tags));
        rf_buf_init(&k->tags[k->n_tags++], 0);
    }
    if (!has_word(k->tags[id].ptr, tag))
        rf_buf_addf(&k->tags[id], "%s%s", k->tags[id].len > 0 ? " " : "", tag);
}

static void add_lines(struct known *k, const struct rf_desired *from)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf name;
    rf_buf_init(&name, 1024);
    for (size_t i = 0; i < from->n; i++) {
        const struct rf_image *im = &from->images[i];
        if (!rf_image_is_wanted(im))
            continue;
        rf_buf_clear(&name);
        rf_image_name(from, im, &name);
        uint32_t id = rf_strings_find(&k->seen, rf_buf_slice(&name));
        if (id == RF_NO_ID) {
            (void)rf_strings_add(&k->seen, rf_buf_slice(&name));
            (void)rf_desired_add(&k->lines, from, im);
        } else if (!rf_digest_eq(&k->lines.images[id].digest, &im->digest)) {
            add_left(k, from, im, &name);
        }
    }
}

/* What some name still has is that name's matter. */
static void join_left(struct known *k)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf key;
    RF_CLEANUP(rf_strings_release) struct rf_strings held;
    size_t named = k->lines.n;
    rf_buf_init(&key, 1024);
    rf_strings_init(&held);
    k->former = rf_xcalloc(k->lines.n + k->left.n + 1, sizeof(*k->former));
    for (size_t i = 0; k->left.n > 0 && i < named; i++) {
        const struct rf_image *im = &k->lines.images[i];
        image_key(rf_desired_str(&k->lines, im->repository), &im->digest, &key);
        (void)rf_strings_add(&held, rf_buf_slice(&key));
    }
    for (size_t i = 0; i < k->left.n; i++) {
        struct rf_image im = k->left.images[i];
        image_key(rf_desired_str(&k->left, im.repository), &im.digest, &key);
        if (rf_strings_find(&held, rf_buf_slice(&key)) != RF_NO_ID)
            continue;
        im.tag = rf_strings_add(&k->left.strings, rf_slice_str(""));
        k->former[rf_desired_add(&k->lines, &k->left, &im)] = rf_buf_take(&k->tags[i], NULL);
    }
}

/* From the last bundle to the first. A snapshot that is lost takes its candidates along: that only keeps images. */
static void add_history(struct known *k, const struct rf_export_state *state)
{
    const struct rf_digest *before = NULL;
    for (size_t i = state->n; i-- > 0;) {
        const struct rf_export_record *r = &state->records[i];
        RF_CLEANUP(rf_freep) char *path = rf_export_state_snapshot_path(state, &r->snapshot);
        RF_CLEANUP(rf_snapshot_release) struct rf_snapshot s;
        struct rf_err why = RF_ERR_INIT;
        rf_snapshot_init(&s);
        if (rf_digest_is_set(&r->repairs) || (before != NULL && rf_digest_eq(before, &r->snapshot)))
            continue;
        before = &r->snapshot;
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
        f->former = k->former[i];
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

/* What is no candidate whatever the rules say: holes, by "repository" and "repository:tag", and what was refused, by "repository@digest". */
static void add_excepted(const struct rf_bundle *b, struct rf_strings *out)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf key;
    const struct rf_desired *d = &b->desired;
    rf_buf_init(&key, 1024);
    for (size_t i = 0; i < b->n_holes; i++) {
        const char *tag = rf_desired_str(d, b->holes[i].tag);
        rf_buf_clear(&key);
        rf_buf_addf(&key, "%s%s%s", rf_desired_str(d, b->holes[i].repository),
                    tag[0] != '\0' ? ":" : "", tag);
        (void)rf_strings_add(out, rf_buf_slice(&key));
    }
    for (size_t i = 0; i < b->n_refused; i++) {
        image_key(rf_desired_str(d, b->refused[i].repository), &b->refused[i].digest, &key);
        (void)rf_strings_add(out, rf_buf_slice(&key));
    }
}

static bool is_excepted(const struct rf_strings *excepted, const struct rf_bundle *b,
                        const struct rf_retain_fact *f)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf key;
    rf_buf_init(&key, 1024);
    if (rf_strings_find(excepted, rf_slice_str(f->repository)) != RF_NO_ID ||
        rf_bundle_find_refused(b, f->repository, f->tag, &f->digest) != NULL)
        return true;
    if (f->tag[0] != '\0')
        rf_buf_addf(&key, "%s:%s", f->repository, f->tag);
    else
        image_key(f->repository, &f->digest, &key);
    return rf_strings_find(excepted, rf_buf_slice(&key)) != RF_NO_ID;
}

static void add_candidate(struct rf_bundle *out, const struct rf_retain_fact *f, const char *rule,
                          const struct rf_verdict *policy)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    rf_buf_add_str(&text, rule);
    if (policy->kind == RF_VERDICT_NO)
        rf_buf_addf(&text, "; %s", policy->reason);
    if (f->former != NULL)
        rf_buf_addf(&text, "; left by its tag (%.200s)", f->former);
    rf_bundle_add_candidate(out, f->repository, f->tag, &f->digest, text.ptr);
}

static int judge(const struct rf_export_request *req, const struct rf_retain_fact *facts,
                 struct keeping *keeping, time_t as_of, struct rf_bundle *out, struct rf_err *err)
{
    size_t n = keeping->k->lines.n;
    struct rf_retain_verdict *verdicts = rf_xcalloc(n + 1, sizeof(*verdicts));
    struct rf_verdict *policy = rf_xcalloc(n + 1, sizeof(*policy));
    RF_CLEANUP(rf_strings_release) struct rf_strings excepted;
    rf_strings_init(&excepted);
    add_excepted(out, &excepted);
    keeping->rules = verdicts;
    int rc = rf_retain_judge(req->retain, facts, n, as_of, verdicts, err);
    bool judged = rc == 0;
    if (rc == 0)
        rc = ask_keep(req, keeping, policy, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (!verdicts[i].keep && !is_kept(&policy[i]) && !is_excepted(&excepted, out, &facts[i]))
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
    known_init(&k);
    if (rules == NULL || !rules->read)
        return 0;
    add_lines(&k, &snapshot->desired);
    k.n_wanted = k.lines.n;
    add_history(&k, state);
    join_left(&k);
    put_rules(rules, k.lines.n, as_of, out);
    struct keeping keeping = { .state = state, .k = &k };
    struct rf_retain_fact *facts = rf_xcalloc(k.lines.n + 1, sizeof(*facts));
    int rc = make_facts(rules, state, &k, facts, err);
    if (rc == 0)
        rc = judge(req, facts, &keeping, as_of, out, err);
    facts_free(facts, k.lines.n);
    return rc < 0 ? rc : rf_bundle_seal(out, err);
}
