/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of scripts that only read: manifests, images, referrers, blobs, rate limits. */
#include <stdlib.h>

#include "base/duration.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "manifests/config.h"
#include "policy/bot/bot_calls_private.h"
#include "policy/lua/lua_image.h"
#include "policy/lua/lua_wire.h"
#include "policy/object/object.h"
#include "regclient/referrer_list.h"

#define WAIT_MAX_MS 1000 /* of one call: between two of them the script's timeout counts */
#define BLOB_READ_MAX (8u << 20)

/* ---- manifests ---- */

static json_t *rate_of(const struct rf_headers *headers)
{
    struct rf_rate_limit r;
    json_t *out = NULL;
    rf_rate_limit_read(headers, &r);
    if (r.set || r.limit > 0) {
        json_t *policies = json_array();
        for (size_t i = 0; i < r.n_policies; i++)
            (void)json_array_append_new(policies, rf_lua_wire_string(rf_slice_str(r.policies[i])));
        out = json_pack("{s:b, s:i, s:i, s:i, s:o}", "Set", r.set, "Remain", r.remain, "Limit",
                        r.limit, "Reset", r.reset, "Policies", policies);
    }
    rf_rate_limit_release(&r);
    return out;
}

static json_t *fetched_facts(const struct rf_bot_target *t, const struct rf_fetched *f)
{
    const struct rf_manifest *m = f->manifest;
    json_t *facts = m != NULL
                        ? rf_bot_facts_of(t->name, m->media_type, &m->digest, m->body.len, &m->body)
                        : rf_bot_facts_of(t->name, f->descriptor.media_type, &f->descriptor.digest,
                                          f->descriptor.size, NULL);
    json_t *rate = rate_of(&f->headers);
    if (rate != NULL)
        (void)json_object_set_new(facts, "rate", rate);
    return facts;
}

/* The platform asked for, else this machine's; one that cannot be read is passed over, as scripts know it. */
static int choose_platform(const struct rf_bot_call *c, const char *text, struct rf_platform *out)
{
    struct rf_err why = RF_ERR_INIT;
    if (text != NULL && text[0] != '\0') {
        if (rf_platform_parse(text, out, &why) == 0)
            return 0;
        rf_log(RF_LOG_WARN, "Failed to parse platform", "script", c->b->o.script, "where", c->where,
               "platform", text, "error", why.msg, NULL);
    }
    rf_platform_local(out);
    return 0;
}

/* What scripts may look for in the text of the error stands in both places. */
static int pull_failed(const struct rf_bot_target *t, int rc, struct rf_err *err)
{
    if (err != NULL && strncmp(err->msg, "platform not found", 18) != 0)
        rc = rf_wrap(err, rc, "manifest pull failed");
    return rf_wrap(err, rc, "Failed retrieving \"%s\" manifest", t->name);
}

static int manifest_get(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    RF_CLEANUP(rf_fetched_release) struct rf_fetched f = RF_FETCHED_INIT;
    struct rf_platform platform = RF_PLATFORM_INIT;
    const char *text;
    int rc = rf_bot_text(c, 1, true, &text, err);
    if (rc == 0)
        rc = rf_bot_target(c, 0, 0, &t, err);
    if (rc == 0)
        rc = choose_platform(c, text, &platform);
    if (rc < 0)
        return rc;
    rc = rf_fetch_manifest(t.place, t.repo, rf_bot_tag(&t), t.digest, &platform, &f, err);
    rf_platform_release(&platform);
    if (rc < 0)
        return pull_failed(&t, rc, err);
    *result = fetched_facts(&t, &f);
    return 0;
}

static int manifest_list(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    RF_CLEANUP(rf_fetched_release) struct rf_fetched f = RF_FETCHED_INIT;
    int rc = rf_bot_target(c, 0, 0, &t, err);
    if (rc < 0)
        return rc;
    rc = rf_fetch_manifest(t.place, t.repo, rf_bot_tag(&t), t.digest, NULL, &f, err);
    if (rc < 0)
        return pull_failed(&t, rc, err);
    *result = fetched_facts(&t, &f);
    return 0;
}

static int head(const struct rf_bot_target *t, struct rf_fetched *f, struct rf_err *err)
{
    int rc = rf_fetch_head(t->place, t->repo, rf_bot_tag(t), t->digest, NULL, f, err);
    if (rc < 0 || rf_digest_is_set(&f->descriptor.digest))
        return rc;
    /* The answer did not say: the manifest itself does. */
    rf_descriptor_release(&f->descriptor);
    return rf_fetch_whole_descriptor(t->place, t->repo, rf_bot_tag(t), t->digest, &f->descriptor,
                                     err);
}

static int manifest_head(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    RF_CLEANUP(rf_fetched_release) struct rf_fetched f = RF_FETCHED_INIT;
    int rc = rf_bot_target(c, 0, 0, &t, err);
    if (rc < 0)
        return rc;
    rc = head(&t, &f, err);
    if (rc < 0)
        return rf_wrap(err, rc, "Failed retrieving \"%s\" manifest", t.name);
    *result = fetched_facts(&t, &f);
    return 0;
}

static int manifest_descriptor(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    int rc = rf_bot_target(c, 0, 0, &t, err);
    if (rc < 0)
        return rc;
    rc = rf_fetch_whole_descriptor(t.place, t.repo, rf_bot_tag(&t), t.digest, &d, err);
    if (rc < 0)
        return rf_wrap(err, rc, "Failed retrieving \"%s\" manifest", t.name);
    RF_CLEANUP(rf_json_decrefp) json_t *doc = rf_object_descriptor(&d);
    *result = rf_lua_wire_to(doc);
    return 0;
}

/* ---- images ---- */

/* The manifest that argument 0 brings along, else the one that it names. */
static int take_or_fetch(struct rf_bot_call *c, struct rf_bot_target *t, struct rf_manifest **out,
                         struct rf_err *err)
{
    int rc = rf_bot_target(c, 0, 0, t, err);
    if (rc == 0)
        rc = rf_bot_manifest(c, 0, out, err);
    if (rc < 0 || *out != NULL)
        return rc;
    /* One that was only asked for says which digest it had. */
    const char *digest = json_string_value(json_object_get(json_array_get(c->args, 0), "digest"));
    struct rf_digest d;
    if (digest != NULL && rf_digest_parse(rf_slice_str(digest), &d, NULL) == 0) {
        rf_ref_set_digest(&t->ref, &d);
        t->digest = &t->ref.digest;
    }
    rc = rf_place_get_manifest(t->place, t->repo, rf_bot_tag(t), t->digest, NULL, out, err);
    return rc < 0 ? pull_failed(t, rc, err) : 0;
}

static int get_entry(const struct rf_bot_target *t, const struct rf_descriptor *d,
                     struct rf_manifest **out, struct rf_err *err)
{
    const struct rf_manifest_expect expect = { .size = d->size, .media_type = d->media_type };
    return rf_place_get_manifest(t->place, t->repo, NULL, &d->digest, &expect, out, err);
}

/*
 * Makes *m an image: of an index the one for `platform`. NULL: for this machine, and where there is none the first, since a script that looks at
 * labels and dates has no machine in mind.
 */
static int to_image(const struct rf_bot_target *t, const struct rf_platform *platform,
                    struct rf_manifest **m, struct rf_err *err)
{
    for (int depth = 0; (*m)->kind == RF_KIND_INDEX; depth++) {
        struct rf_manifest *child = NULL;
        struct rf_platform local = RF_PLATFORM_INIT;
        struct rf_err e = RF_ERR_INIT;
        size_t chosen = 0;
        if (depth == RF_INDEX_DEPTH_MAX)
            return rf_fail(err, RFE_TOO_LARGE, "%s: too many indexes within each other", t->name);
        if (platform == NULL)
            rf_platform_local(&local);
        int rc = rf_manifest_pick(*m, platform != NULL ? platform : &local, &chosen, &e);
        rf_platform_release(&local);
        if (rc < 0 && (platform != NULL || (*m)->n_entries == 0)) {
            *err = e;
            return rc;
        }
        rc = get_entry(t, &(*m)->entries[rc < 0 ? 0 : chosen], &child, err);
        if (rc < 0)
            return rc;
        rf_manifest_free(*m);
        *m = child;
    }
    return 0;
}

static int image_config(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_config_freep) struct rf_config *config = NULL;
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    struct rf_platform local = RF_PLATFORM_INIT;
    rf_buf_init(&body, RF_CONFIG_MAX);
    int rc = take_or_fetch(c, &t, &m, err);
    if (rc < 0)
        return rc;
    rf_platform_local(&local);
    rc = to_image(&t, &local, &m, err);
    rf_platform_release(&local);
    if (rc == 0)
        rc = rf_fetch_config(t.place, t.repo, m, &config, &body, err);
    if (rc < 0)
        return rf_wrap(err, rc, "Failed retrieving \"%s\" config", t.name);
    *result = rf_bot_facts_of(t.name, m->config.media_type, &m->config.digest, body.len, &body);
    return 0;
}

/* The configuration of the image, or of the one of an index that stands for it; *config NULL when it has none that can be read as one. */
static int config_for(const struct rf_bot_target *t, const struct rf_manifest *m,
                      struct rf_config **config, struct rf_buf *body, struct rf_digest *digest,
                      struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *image = NULL;
    const struct rf_manifest *of = m;
    RF_CHECK(m != NULL);
    if (m->kind == RF_KIND_INDEX) {
        if (m->n_entries == 0)
            return 0;
        int rc = rf_manifest_parse(rf_buf_slice(&m->body), NULL, &image, err);
        if (rc == 0)
            rc = to_image(t, NULL, &image, err);
        if (rc < 0)
            return rc;
        of = image;
    }
    if (!rf_media_is_config(of->config.media_type))
        return 0;
    *digest = of->config.digest;
    return rf_fetch_config(t->place, t->repo, of, config, body, err);
}

static int image_created(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_config_freep) struct rf_config *config = NULL;
    struct rf_digest digest;
    time_t created = 0;
    int rc = take_or_fetch(c, &t, &m, err);
    if (rc < 0)
        return rc;
    bool known = rf_bot_created(m, NULL, &created);
    if (!known) {
        rc = config_for(&t, m, &config, NULL, &digest, err);
        if (rc < 0)
            return rf_wrap(err, rc, "Failed retrieving \"%s\" config", t.name);
        known = rf_bot_created(m, config, &created);
    }
    *result = known ? json_integer((json_int_t)created) : NULL;
    return 0;
}

static int image_platforms(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_config_freep) struct rf_config *config = NULL;
    struct rf_digest digest;
    int rc = take_or_fetch(c, &t, &m, err);
    if (rc < 0)
        return rc;
    if (m->kind == RF_KIND_IMAGE)
        rc = config_for(&t, m, &config, NULL, &digest, err);
    if (rc < 0)
        return rf_wrap(err, rc, "Failed retrieving \"%s\" config", t.name);
    *result = rf_bot_platforms(m, config);
    return 0;
}

static int list_referrers(const struct rf_bot_target *t, const struct rf_digest *subject,
                          const struct rf_descriptor_match *match, struct rf_referrer_list *l,
                          struct rf_err *err)
{
    const struct rf_referrer_query query = {
        .place = t->place, .repo = t->repo, .subject = subject, .match = match
    };
    int rc = rf_referrer_list_get(&query, l, err);
    return rc < 0 ? rf_wrap(err, rc, "Failed retrieving \"%s\" referrers", t->name) : 0;
}

static int image_get(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    static const char *const known[] = { "referrers" };
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_config_freep) struct rf_config *config = NULL;
    RF_CLEANUP(rf_json_decrefp) json_t *options = NULL;
    RF_CLEANUP(rf_referrer_list_release) struct rf_referrer_list l = RF_REFERRER_LIST_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    struct rf_digest digest = { 0 };
    rf_buf_init(&body, RF_CONFIG_MAX);
    int rc = rf_bot_table(c, 1, known, RF_ARRAY_LEN(known), &options, err);
    if (rc == 0)
        rc = take_or_fetch(c, &t, &m, err);
    if (rc < 0)
        return rc;
    rc = config_for(&t, m, &config, &body, &digest, err);
    if (rc < 0)
        return rf_wrap(err, rc, "Failed retrieving \"%s\" config", t.name);
    if (json_is_true(json_object_get(options, "referrers")))
        rc = list_referrers(&t, &m->digest, NULL, &l, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_freep) char *name = rf_ref_location(&t.ref);
    const struct rf_lua_image image = {
        .name = name,
        .tag = t.tag,
        .manifest = m,
        .config = config != NULL ? rf_buf_slice(&body) : rf_slice_of(NULL, 0),
        .config_digest = &digest,
        .referrers = l.items,
        .n_referrers = l.n,
    };
    *result = rf_lua_image_facts(&image);
    return 0;
}

static int referrer_ls(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    static const char *const known[] = { "artifactType", "annotations" };
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    RF_CLEANUP(rf_fetched_release) struct rf_fetched f = RF_FETCHED_INIT;
    RF_CLEANUP(rf_json_decrefp) json_t *options = NULL;
    RF_CLEANUP(rf_referrer_list_release) struct rf_referrer_list l = RF_REFERRER_LIST_INIT;
    int rc = rf_bot_table(c, 1, known, RF_ARRAY_LEN(known), &options, err);
    if (rc == 0)
        rc = rf_bot_target(c, 0, 0, &t, err);
    if (rc < 0)
        return rc;
    const json_t *annotations = json_object_get(options, "annotations");
    const struct rf_descriptor_match match = {
        .artifact_type = json_string_value(json_object_get(options, "artifactType")),
        .annotations = json_object_size(annotations) > 0 ? annotations : NULL
    };
    rc = t.digest != NULL ? 0 : head(&t, &f, err);
    if (rc < 0)
        return rf_wrap(err, rc, "Failed retrieving \"%s\" manifest", t.name);
    rc = list_referrers(&t, t.digest != NULL ? t.digest : &f.descriptor.digest, &match, &l, err);
    if (rc < 0)
        return rc;
    json_t *list = json_array();
    for (size_t i = 0; i < l.n; i++) {
        RF_CLEANUP(rf_json_decrefp) json_t *d = rf_object_descriptor(&l.items[i]);
        (void)json_array_append_new(list, rf_lua_wire_to(d));
    }
    *result = list;
    return 0;
}

/* ---- rate limits ---- */

static int span_ms(const struct rf_bot_call *c, size_t i, const char *dflt, uint64_t *ms,
                   struct rf_err *err)
{
    const char *text;
    uint64_t ns = 0;
    int rc = rf_bot_text(c, i, true, &text, err);
    if (rc == 0)
        rc = rf_duration_parse(rf_slice_str(text != NULL && text[0] != '\0' ? text : dflt), &ns,
                               err);
    *ms = ns / 1000000u;
    return rc < 0 ? rf_wrap(err, rc, "bad argument #%zu", i + 1) : 0;
}

static void log_delay(const struct rf_bot_call *c, const struct rf_bot_target *t,
                      const struct rf_rate_limit *r, json_int_t want, uint64_t ms)
{
    rf_log_with(RF_LOG_INFO, "Delaying for ratelimit", rf_log_text("script", c->b->o.script),
                rf_log_text("image", t->name), rf_log_int("remain", r->remain),
                rf_log_int("target", want), rf_log_duration("sleep", (int64_t)(ms * 1000000u)));
}

/* Asks once: true and *enough, or false when it is to be asked again. */
static int look_at_rate(struct rf_bot_call *c, struct rf_bot_target *t, json_int_t want,
                        uint64_t poll_ms, bool *enough, struct rf_err *err)
{
    RF_CLEANUP(rf_fetched_release) struct rf_fetched f = RF_FETCHED_INIT;
    struct rf_rate_limit r;
    int rc = rf_fetch_head(t->place, t->repo, rf_bot_tag(t), t->digest, NULL, &f, err);
    if (rc < 0)
        return rf_wrap(err, rc, "Failed retrieving \"%s\" manifest", t->name);
    rf_rate_limit_read(&f.headers, &r);
    *enough = !r.set || r.remain >= want;
    if (!*enough)
        log_delay(c, t, &r, want, poll_ms);
    rf_rate_limit_release(&r);
    return 0;
}

/*
 * (ref, limit, poll, timeout, state): true, false, or a state {began, next} to come back with. The times are of this side's clock, in milliseconds;
 * what a script makes of them moves nothing but its own waiting.
 */
static int rate_wait(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    const json_t *state = json_array_get(c->args, 4);
    json_int_t want = json_integer_value(json_array_get(c->args, 1));
    uint64_t poll_ms = 0, timeout_ms = 0, now = rf_now_ms();
    bool enough = false, first = !json_is_object(state);
    int rc = span_ms(c, 2, "5m", &poll_ms, err);
    if (rc == 0)
        rc = span_ms(c, 3, "6h", &timeout_ms, err);
    if (rc == 0)
        rc = rf_bot_target(c, 0, 0, &t, err);
    if (rc < 0)
        return rc;
    if (poll_ms == 0)
        poll_ms = 1;
    json_int_t began =
        first ? (json_int_t)now : json_integer_value(json_object_get(state, "began"));
    json_int_t next = first ? (json_int_t)now : json_integer_value(json_object_get(state, "next"));
    if ((json_int_t)now < next) {
        uint64_t left = (uint64_t)next - now;
        left = left < WAIT_MAX_MS ? left : WAIT_MAX_MS;
        c->b->counts.waited_ms += left;
        rc = c->b->o.sleep(left, err);
    } else if (!first && now - (uint64_t)began >= timeout_ms) {
        *result = json_false();
        return 0;
    } else {
        uint64_t used = now - (uint64_t)began;
        uint64_t ms =
            used < timeout_ms && timeout_ms - used < poll_ms ? timeout_ms - used : poll_ms;
        rc = look_at_rate(c, &t, want, ms, &enough, err);
        next = (json_int_t)(now + ms);
    }
    if (rc < 0)
        return rc;
    *result = enough ? json_true() : json_pack("{s:I, s:I}", "began", began, "next", next);
    return 0;
}

/* ---- blobs ---- */

static int blob_digest(const struct rf_bot_call *c, size_t i, const struct rf_bot_target *t,
                       struct rf_digest *out, struct rf_err *err)
{
    const char *text;
    int rc = rf_bot_text(c, i, true, &text, err);
    if (rc < 0)
        return rc;
    if (text != NULL && text[0] != '\0')
        return rf_digest_parse(rf_slice_str(text), out, err);
    if (t->digest == NULL)
        return rf_fail(err, RFE_INVALID, "%s: no digest given", t->name);
    *out = *t->digest;
    return 0;
}

static int blob_head(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    struct rf_digest digest = { 0 };
    uint64_t size = 0;
    int rc = rf_bot_target(c, 0, RF_BOT_REPO, &t, err);
    if (rc == 0)
        rc = blob_digest(c, 1, &t, &digest, err);
    if (rc < 0)
        return rc;
    rc = rf_place_blob_size(t.place, t.repo, &digest, &size, err);
    if (rc < 0)
        return rf_wrap(err, rc, "Failed retrieving \"%s\" blob", t.name);
    *result = rf_bot_facts_of(t.name, "application/octet-stream", &digest, size, NULL);
    return 0;
}

static int blob_read(struct rf_bot_call *c, json_t **result, struct rf_err *err)
{
    RF_CLEANUP(rf_bot_target_release) struct rf_bot_target t = RF_BOT_TARGET_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    rf_buf_init(&body, BLOB_READ_MAX);
    int rc = rf_bot_target(c, 0, RF_BOT_REPO, &t, err);
    if (rc == 0)
        rc = blob_digest(c, 1, &t, &d.digest, err);
    if (rc == 0)
        rc = rf_place_blob_size(t.place, t.repo, &d.digest, &d.size, err);
    if (rc == 0 && d.size > BLOB_READ_MAX)
        rc = rf_fail(err, RFE_TOO_LARGE, "a blob of %llu bytes; scripts read %u MiB at most",
                     (unsigned long long)d.size, BLOB_READ_MAX >> 20);
    if (rc == 0)
        rc = rf_fetch_blob(t.place, t.repo, &d, &body, err);
    if (rc < 0)
        return rf_wrap(err, rc, "Failed retrieving \"%s\" blob", t.name);
    *result = rf_lua_wire_string(rf_buf_slice(&body));
    return 0;
}

const struct rf_bot_function_row rf_bot_read_functions[] = {
    { "blob.get", blob_head, false },
    { "blob.head", blob_head, false },
    { "blob.read", blob_read, false },
    { "image.config", image_config, true },
    { "image.created", image_created, false },
    { "image.get", image_get, false },
    { "image.platforms", image_platforms, false },
    { "image.ratelimitWait", rate_wait, false },
    { "manifest.descriptor", manifest_descriptor, false },
    { "manifest.get", manifest_get, false },
    { "manifest.getList", manifest_list, false },
    { "manifest.head", manifest_head, false },
    { "referrer.ls", referrer_ls, false },
    { NULL, NULL, false },
};
