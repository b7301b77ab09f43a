/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "policy/object/object_blob.h"
#include "regclient/blob_put.h"
#include "regclient/copy.h"
#include "tools/regctl/blob.h"
#include "tools/regctl/input.h"

int regctl_blob_copy(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target from = REGCTL_TARGET_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target to = REGCTL_TARGET_INIT;
    struct rf_digest digest = { 0 };
    uint64_t size = 0;
    enum rf_blob_outcome outcome;
    (void)ctx, (void)argc;
    int rc = rf_digest_parse(rf_slice_str(argv[2]), &digest, err);
    if (rc == 0)
        rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = regctl_target_open(&s, argv[0], REGCTL_REPO, &from, err);
    if (rc == 0)
        rc = regctl_target_open(&s, argv[1], REGCTL_REPO | REGCTL_WRITE, &to, err);
    if (rc == 0)
        rc = rf_place_blob_size(from.place, from.repo, &digest, &size, err);
    if (rc < 0)
        return rc;
    const struct rf_copy_blob_options how = { .probe = RF_PROBE_HEAD,
                                              .progress = rf_progress_bytes,
                                              .progress_ctx = regctl_progress(&s, "copying") };
    return rf_copy_blob(from.place, from.repo, to.place, to.repo, &digest, size, &how, &outcome,
                        err);
}

int regctl_blob_delete(const struct rf_env *env, void *ctx, int argc, char **argv,
                       struct rf_err *err)
{
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target t = REGCTL_TARGET_INIT;
    struct rf_digest digest = { 0 };
    (void)ctx, (void)argc;
    int rc = rf_digest_parse(rf_slice_str(argv[1]), &digest, err);
    if (rc == 0)
        rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = regctl_target_open(&s, argv[0], REGCTL_REPO | REGCTL_WRITE, &t, err);
    return rc < 0 ? rc : rf_place_delete_blob(t.place, t.repo, &digest, err);
}

int regctl_blob_put_stdin(struct rf_blob_put *put, struct rf_err *err)
{
    struct stat st;
    RF_CLEANUP(rf_spool_freep) struct rf_spool *spool = NULL;
    if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode))
        return rf_blob_put_fd(put, STDIN_FILENO, err);
    spool = rf_spool_new(put->want != NULL ? put->want->algo : (uint8_t)RF_DIGEST_SHA256);
    int rc = regctl_pour_stdin(rf_spool_sink(spool), err);
    if (rc == 0)
        rc = rf_sink_commit(rf_spool_sink(spool), err);
    return rc < 0 ? rc : rf_blob_put_spool(put, spool, err);
}

int regctl_blob_put(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct blob_options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target t = REGCTL_TARGET_INIT;
    struct rf_digest want = { 0 };
    int rc = 0;
    (void)argc;
    bool given = o->digest != NULL && o->digest[0] != '\0';
    if (o->content_type != NULL && o->content_type[0] != '\0')
        rf_log(RF_LOG_INFO, "Specifying the blob media type is deprecated", "mt", o->content_type,
               NULL);
    if (given)
        rc = rf_digest_parse(rf_slice_str(o->digest), &want, err);
    if (rc == 0)
        rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = regctl_target_open(&s, argv[0], REGCTL_REPO | REGCTL_WRITE, &t, err);
    if (rc < 0)
        return rc;
    struct rf_blob_put put = { .place = t.place, .repo = t.repo, .want = given ? &want : NULL };
    rc = regctl_blob_put_stdin(&put, err);
    if (rc < 0)
        return rc;
    /* Nothing names the blob yet: this is no moment to collect what nothing names. */
    const struct rf_blob_made made = { .digest = put.digest, .size = put.size };
    const struct rf_value v = rf_value_object(&rf_type_blob_made, &made);
    return regctl_print(o->format, &v, NULL, err);
}
