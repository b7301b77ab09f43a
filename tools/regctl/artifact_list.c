/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "policy/object/object_referrers.h"
#include "regclient/fetch.h"
#include "tools/regctl/artifact.h"
#include "tools/regctl/input.h"

#define ANNOTATION_CREATED "org.opencontainers.image.created"

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* ---- what the options ask for ---- */

int regctl_artifact_match(const struct artifact_options *o, struct artifact_match *m,
                          struct rf_err *err)
{
    if (o->latest && is_given(o->sort_annotation))
        return rf_fail(err, RFE_USAGE, "--latest cannot be used with --sort-annotation");
    m->annotations = regctl_pairs(&o->filter_annotations);
    m->match = (struct rf_descriptor_match){ .annotations = m->annotations,
                                             .descending = o->sort_desc || o->latest };
    if (is_given(o->filter_type))
        m->match.artifact_type = o->filter_type;
    if (is_given(o->sort_annotation))
        m->match.sort_annotation = o->sort_annotation;
    if (o->latest)
        m->match.sort_annotation = ANNOTATION_CREATED;
    return 0;
}

void regctl_artifact_match_release(struct artifact_match *m)
{
    json_decref(m->annotations);
    *m = (struct artifact_match){ .annotations = NULL };
}

/* ---- referrers of a subject ---- */

void regctl_artifact_subject_release(struct artifact_subject *s)
{
    regctl_target_release(&s->at);
    regctl_target_release(&s->external);
    rf_referrer_list_release(&s->list);
}

const struct regctl_target *regctl_artifact_source(const struct artifact_subject *s)
{
    return s->has_external ? &s->external : &s->at;
}

static int open_both(struct regctl_session *session, const struct artifact_options *o,
                     const char *subject, struct artifact_subject *s, struct rf_err *err)
{
    int rc = regctl_target_open(session, subject, 0, &s->at, err);
    if (rc < 0 || !is_given(o->external))
        return rc;
    s->has_external = true;
    rc = regctl_target_open(session, o->external, 0, &s->external, err);
    return rc < 0 ? rf_wrap(err, rc, "failed to parse external ref") : 0;
}

static int find_digest(const struct artifact_options *o, struct artifact_subject *s,
                       struct rf_err *err)
{
    RF_CLEANUP(rf_fetched_release) struct rf_fetched f = RF_FETCHED_INIT;
    struct rf_platform platform = RF_PLATFORM_INIT;
    int wanted = regctl_platform(o->platform, &platform, err);
    if (wanted < 0)
        return rf_wrap(err, wanted, "failed to lookup referrer platform");
    if (wanted == 0 && s->at.digest != NULL) {
        s->digest = *s->at.digest;
        return 0;
    }
    int rc = rf_fetch_head(s->at.place, s->at.repo, s->at.digest != NULL ? NULL : s->at.tag,
                           s->at.digest, wanted > 0 ? &platform : NULL, &f, err);
    rf_platform_release(&platform);
    if (rc < 0)
        return rf_wrap(err, rc, "failed to get digest for subject");
    s->digest = f.descriptor.digest;
    rf_ref_set_tag(&s->at.ref, NULL);
    rf_ref_set_digest(&s->at.ref, &s->digest);
    return 0;
}

int regctl_artifact_referrers(struct regctl_session *session, const struct artifact_options *o,
                              const char *subject, const struct artifact_match *m,
                              struct artifact_subject *s, struct rf_err *err)
{
    int rc = open_both(session, o, subject, s, err);
    if (rc == 0)
        rc = find_digest(o, s, err);
    if (rc < 0)
        return rc;
    const struct regctl_target *from = regctl_artifact_source(s);
    const struct rf_referrer_query query = { .place = from->place,
                                             .repo = from->repo,
                                             .subject = &s->digest,
                                             .match = &m->match,
                                             .slow = o->slow };
    return rf_referrer_list_get(&query, &s->list, err);
}

/* ---- list ---- */

int regctl_artifact_list(const struct rf_env *env, void *ctx, int argc, char **argv,
                         struct rf_err *err)
{
    const struct artifact_options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session session = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_artifact_match_release) struct artifact_match m = { .annotations = NULL };
    RF_CLEANUP(regctl_artifact_subject_release)
    struct artifact_subject s = { .has_external = false };
    (void)argc;
    int rc = regctl_artifact_match(o, &m, err);
    if (rc == 0)
        rc = regctl_session_open(&session, env, err);
    if (rc == 0)
        rc = regctl_artifact_referrers(&session, o, argv[0], &m, &s, err);
    if (rc == 0 && o->digest_tags)
        rc = rf_referrer_list_add_tags(s.at.place, s.at.repo, &s.digest, &s.list, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_referrers_object_release) struct rf_referrers_object object = { .list = NULL };
    RF_CHECK(s.list.index != NULL); /* which it has when all went well */
    rf_referrers_object_init(&object, &s.list, &s.at.ref, s.has_external ? &s.external.ref : NULL);
    const struct regctl_raw raw = { .body = rf_buf_slice(&s.list.index->body) };
    const struct rf_value v = rf_referrers_object_value(&object);
    return regctl_print(o->format, &v, &raw, err);
}

/* ---- tree ---- */

static struct rf_artifact_side side_of(const struct regctl_target *t)
{
    return (struct rf_artifact_side){ .place = t->place, .repo = t->repo, .ref = &t->ref };
}

int regctl_artifact_tree(const struct rf_env *env, void *ctx, int argc, char **argv,
                         struct rf_err *err)
{
    const struct artifact_options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session session = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_artifact_match_release) struct artifact_match m = { .annotations = NULL };
    RF_CLEANUP(regctl_artifact_subject_release)
    struct artifact_subject s = { .has_external = false };
    RF_CLEANUP(rf_artifact_node_freep) struct rf_artifact_node *tree = NULL;
    (void)argc;
    int rc = regctl_artifact_match(o, &m, err);
    if (rc == 0)
        rc = regctl_session_open(&session, env, err);
    if (rc == 0)
        rc = open_both(&session, o, argv[0], &s, err);
    if (rc < 0)
        return rc;
    struct rf_artifact_tree_plan plan = { .at = side_of(&s.at),
                                          .tag = s.at.tag,
                                          .digest = s.at.digest,
                                          .match = &m.match,
                                          .slow = o->slow,
                                          .digest_tags = o->digest_tags };
    if (s.has_external)
        plan.referrers = side_of(&s.external);
    struct rf_err why = RF_ERR_INIT;
    rc = rf_artifact_tree(&plan, &tree, &why);
    /* What there is of it is shown, also when it could not be finished. */
    if (tree != NULL) {
        const struct rf_value v = rf_value_pointer(&rf_type_artifact_node, tree);
        int printed = regctl_print(o->format, &v, NULL, err);
        if (rc == 0)
            return printed;
    }
    if (err != NULL)
        *err = why;
    return rc;
}
