/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting (end-9, end-10). */
#include <sys/random.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "regclient/registry_private.h"

/*
 * Any 2xx is done; `resp` holds the last answer. -RFE_NOT_FOUND with resp->repeated says that an earlier try of this call, whose answer was a failure or
 * got lost, may well have deleted it.
 */
static int send_delete(struct rf_registry *g, const char *repo, const struct rf_url *url,
                       enum rf_request_kind kind, struct rf_http_response *resp, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *scope = rf_registry_scope(g, repo, RF_RIGHT_DELETE);
    RF_CLEANUP(rf_freep) char *push = rf_registry_scope(g, repo, RF_RIGHT_PUSH);
    struct rf_request call = {
        .kind = kind, .method = RF_DELETE, .url = url, .scope = scope, .any_status = true
    };
    struct rf_err e = RF_ERR_INIT;
    int rc = rf_remote_call(g->remote, &call, resp, &e);
    /* Some token services give nothing at all when "delete" is asked for, and let pushers delete. */
    if (rc == -RFE_DENIED || (rc == 0 && (resp->status == 401 || resp->status == 403))) {
        call.scope = push;
        rc = rf_remote_call(g->remote, &call, resp, &e);
    }
    if (rc == 0 && (resp->status < 200 || resp->status > 299))
        rc = rf_remote_fail(&call, resp, &e);
    if (rc < 0 && resp->status == 405)
        rc = rf_hint(
            &e, rc,
            "deleting is switched off there (for docker-registry: storage.delete.enabled in its configuration)");
    if (rc < 0 && err != NULL)
        *err = e;
    return rc;
}

/*
 * docker-registry deletes a manifest first and then looks through the repository's tags for those that name it. It fails there with 500 when it meets a tag
 * that somebody is writing: the manifest is gone, its tags still name it, and the next try finds nothing to delete. *half (may be NULL) then
 * becomes true, with 0 returned.
 */
static int delete_manifest(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                           bool *half, struct rf_err *err)
{
    struct rf_registry *g = rf_registry_of(p);
    char text[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    rf_http_response_init(&resp);
    int rc = rf_registry_manifest_url(g, repo, NULL, digest, &url, err);
    if (rc == 0)
        rc = send_delete(g, repo, &url, RF_REQ_MANIFEST_DELETE, &resp, err);
    if (half != NULL)
        *half = rc == -RFE_NOT_FOUND && resp.repeated;
    if (rc == -RFE_NOT_FOUND && resp.repeated)
        return 0;
    return rc < 0 ? rf_wrap(err, rc, "%s/%s@%s", p->name, repo, rf_digest_text(digest, text)) : 0;
}

int rf_registry_delete_manifest(struct rf_place *p, const char *repo,
                                const struct rf_digest *digest, struct rf_err *err)
{
    return delete_manifest(p, repo, digest, NULL, err);
}

int rf_registry_delete_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                            struct rf_err *err)
{
    struct rf_registry *g = rf_registry_of(p);
    char text[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    rf_http_response_init(&resp);
    int rc = rf_registry_blob_url(g, repo, digest, &url, err);
    if (rc == 0)
        rc = send_delete(g, repo, &url, RF_REQ_BLOB_DELETE, &resp, err);
    if (rc == -RFE_NOT_FOUND && resp.repeated)
        return 0;
    return rc < 0 ? rf_wrap(err, rc, "%s/%s: blob %s", p->name, repo, rf_digest_text(digest, text))
                  : 0;
}

/* ---- tags ---- */

/*
 * A registry that deletes by digest only would take the image away from its other tags as well. So the tag is moved to a small image of its
 * own, and that one is deleted (inventory 4.7). Whether the registry deletes at all is found out first, on the digest of the image that is
 * not there yet; and should it refuse later all the same, the tag is put back.
 */
struct dummy {
    struct rf_buf config;
    struct rf_digest config_digest;
    struct rf_manifest *manifest;
};

static void dummy_release(struct dummy *d)
{
    rf_buf_release(&d->config);
    rf_manifest_freep(&d->manifest);
}

static const char layer_bytes[] = "{}";

static int make_dummy(const char *tag, bool docker, struct dummy *d, struct rf_err *err)
{
    char date[32];
    char text[RF_DIGEST_TEXT];
    uint64_t unique = rf_now_ms();
    struct rf_digest layer;
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    struct rf_manifest_expect expect = { .media_type =
                                             docker ? RF_MT_DOCKER_MANIFEST : RF_MT_OCI_MANIFEST };
    rf_buf_init(&body, 0);
    rf_buf_init(&d->config, 0);
    if (getrandom(&unique, sizeof(unique), GRND_NONBLOCK) < 0)
        unique = rf_now_ms();
    rf_buf_add_str(
        &d->config,
        "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Labels\":{\"delete-tag\":");
    rf_json_add_string(&d->config, tag);
    rf_buf_addf(&d->config, ",\"delete-date\":\"%s\",\"delete-id\":\"%016llx\"}},",
                rf_text_time(time(NULL), date), (unsigned long long)unique);
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str(layer_bytes), &layer);
    rf_digest_text(&layer, text);
    rf_buf_addf(&d->config, "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}", text);
    rf_digest_of(RF_DIGEST_SHA256, rf_buf_slice(&d->config), &d->config_digest);
    char config_text[RF_DIGEST_TEXT];
    rf_buf_addf(
        &body,
        "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu},"
        "\"layers\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}]}",
        expect.media_type, docker ? RF_MT_DOCKER_CONFIG : RF_MT_OCI_CONFIG,
        rf_digest_text(&d->config_digest, config_text), d->config.len,
        docker ? RF_MT_DOCKER_LAYER_GZIP : RF_MT_OCI_LAYER_GZIP, text, sizeof(layer_bytes) - 1);
    return rf_manifest_parse(rf_buf_slice(&body), &expect, &d->manifest, err);
}

static int put_bytes(struct rf_place *p, const char *repo, struct rf_slice bytes,
                     struct rf_err *err)
{
    struct rf_digest digest;
    rf_digest_of(RF_DIGEST_SHA256, bytes, &digest);
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_mem(bytes);
    return rf_place_put_blob(p, repo, &digest, bytes.len, src, err);
}

/*
 * All these images share their layer. It is written once: docker-registry writes its note of a blob anew at each upload, and does not find the blob while it does,
 * so that the images of other tags that are deleted at the same time would be refused.
 */
static int put_layer(struct rf_place *p, const char *repo, bool again, struct rf_err *err)
{
    struct rf_registry *g = rf_registry_of(p);
    int rc = 0;
    rf_key_lock_take(&g->locks, "tags");
    if (again || rf_strings_find(&g->layers, rf_slice_str(repo)) == RF_NO_ID)
        rc = put_bytes(p, repo, rf_slice_str(layer_bytes), err);
    if (rc == 0)
        (void)rf_strings_add(&g->layers, rf_slice_str(repo));
    rf_key_lock_give(&g->locks, "tags");
    return rc;
}

/* A layer that was written may be gone again, after a garbage collection. */
static int put_dummy(struct rf_place *p, const char *repo, const char *tag, struct dummy *d,
                     struct rf_err *err)
{
    int rc = put_bytes(p, repo, rf_buf_slice(&d->config), err);
    if (rc == 0)
        rc = put_layer(p, repo, false, err);
    if (rc < 0 || rf_place_put_manifest(p, repo, tag, d->manifest, 0, NULL) == 0)
        return rc;
    rc = put_layer(p, repo, true, err);
    return rc < 0 ? rc : rf_place_put_manifest(p, repo, tag, d->manifest, 0, err);
}

/* 1: the tag names the small image, which is gone; or nothing. */
static int put_and_delete(struct rf_place *p, const char *repo, const char *tag, struct dummy *d,
                          bool *moved, struct rf_err *err)
{
    bool half = false;
    int rc = put_dummy(p, repo, tag, d, err);
    if (rc < 0)
        return rc;
    *moved = true;
    rc = delete_manifest(p, repo, &d->manifest->digest, &half, err);
    return half || rc == -RFE_NOT_FOUND ? 1 : rc;
}

/*
 * Once deletes of a registry were seen to come in each other's way (see delete_manifest), those of one repository go one by one. Others may write there as
 * well, so that it is tried again all the same.
 */
static int put_and_delete_until(struct rf_place *p, const char *repo, const char *tag,
                                struct dummy *d, bool *moved, struct rf_err *err)
{
    struct rf_registry *g = rf_registry_of(p);
    RF_CLEANUP(rf_freep) char *key = rf_xasprintf("untag %s", repo);
    int rc = 1;
    for (unsigned tries = 0; rc > 0 && tries < RF_TRIES_MAX; tries++) {
        bool alone = atomic_load(&g->deletes_collide);
        if (alone)
            rf_key_lock_take(&g->locks, key);
        rc = put_and_delete(p, repo, tag, d, moved, err);
        if (alone)
            rf_key_lock_give(&g->locks, key);
        if (rc > 0)
            atomic_store(&g->deletes_collide, true);
    }
    return rc > 0 ? rf_fail(err, RFE_SERVER,
                            "%s/%s: the registry loses images that were just written, %u times",
                            p->name, repo, RF_TRIES_MAX)
                  : rc;
}

static int move_and_delete(struct rf_place *p, const char *repo, const char *tag,
                           const struct rf_manifest *old, struct dummy *d, struct rf_err *err)
{
    bool moved = false;
    struct rf_err e = RF_ERR_INIT;
    int rc = rf_registry_delete_manifest(p, repo, &d->manifest->digest, err);
    if (rc < 0 && rc != -RFE_NOT_FOUND)
        return rc; /* no deleting here: nothing was changed */
    rc = put_and_delete_until(p, repo, tag, d, &moved, err);
    if (rc == 0 || !moved)
        return rc;
    if (rf_place_put_manifest(p, repo, tag, old, 0, &e) < 0)
        return rf_hint(err, rc,
                       "the tag now points to an empty image, putting it back failed as well: %s",
                       e.msg);
    return rf_hint(err, rc, "the tag was put back");
}

/* 1: it is only possible by digest, as far as the answer tells. */
static int delete_directly(struct rf_registry *g, const char *repo, const char *tag, bool *repeated,
                           struct rf_err *err)
{
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    rf_http_response_init(&resp);
    if (atomic_load(&g->no_tag_deletes))
        return 1;
    int rc = rf_registry_manifest_url(g, repo, tag, NULL, &url, err);
    if (rc < 0)
        return rc;
    rc = send_delete(g, repo, &url, RF_REQ_MANIFEST_DELETE, &resp, err);
    *repeated = resp.repeated;
    return rc == -RFE_FAILED || rc == -RFE_NOT_FOUND ? 1 : rc;
}

int rf_registry_delete_tag(struct rf_place *p, const char *repo, const char *tag,
                           struct rf_err *err)
{
    struct rf_registry *g = rf_registry_of(p);
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *old = NULL;
    RF_CLEANUP(dummy_release) struct dummy dummy = { 0 };
    struct rf_err e = RF_ERR_INIT;
    rf_buf_init(&dummy.config, 0);
    bool repeated = false;
    int rc = delete_directly(g, repo, tag, &repeated, &e);
    bool by_digest_only = rc == 1;
    if (by_digest_only)
        rc = rf_registry_get_here(g, repo, tag, NULL, NULL, &old, &e);
    if (rc == -RFE_NOT_FOUND && repeated)
        return 0; /* the try that failed deleted it */
    if (old != NULL && rc == 0)
        rc = make_dummy(tag, rf_media_is_docker(old->media_type), &dummy, &e);
    if (by_digest_only && rc == 0)
        rc = move_and_delete(p, repo, tag, old, &dummy, &e);
    if (rc == 0 && by_digest_only)
        atomic_store(&g->no_tag_deletes, true);
    if (rc == 0)
        return 0;
    if (err != NULL)
        *err = e;
    /* What the image itself could not be got for names it already. */
    return by_digest_only && old == NULL ? rc : rf_wrap(err, rc, "%s/%s:%s", p->name, repo, tag);
}
