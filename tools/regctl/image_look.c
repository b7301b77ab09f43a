/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "base/mem.h"
#include "policy/base_image.h"
#include "policy/object/object_config.h"
#include "regclient/fetch.h"
#include "regclient/layer_file.h"
#include "tools/regctl/image.h"
#include "tools/regctl/output.h"

/* ---- check-base ---- */

static int check_base(struct regctl_session *s, const struct image_options *o,
                      const struct rf_ref *image, char **why, struct rf_err *err)
{
    struct rf_platform platform = RF_PLATFORM_INIT;
    int wanted = regctl_platform(o->platform, &platform, err);
    if (wanted < 0)
        return wanted;
    const struct rf_base_options how = { .base = o->base,
                                         .digest = o->digest,
                                         .skip_config = o->no_config,
                                         .platform = wanted > 0 ? &platform : NULL };
    int rc = rf_base_image_check(s->client, image, &how, why, err);
    rf_platform_release(&platform);
    return rc;
}

int regctl_image_check_base(const struct rf_env *env, void *ctx, int argc, char **argv,
                            struct rf_err *err)
{
    const struct image_options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(rf_ref_release) struct rf_ref image = RF_REF_INIT;
    RF_CLEANUP(rf_freep) char *why = NULL;
    (void)argc;
    int rc = rf_ref_parse(argv[0], &image, err);
    if (rc == 0)
        rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = check_base(&s, o, &image, &why, err);
    if (rc < 0)
        return rc;
    if (rc == 0)
        rf_log(RF_LOG_INFO, "base image matches", NULL);
    else
        rf_log(RF_LOG_INFO, "base image mismatch", "err", why, NULL);
    if (!o->quiet)
        (void)printf("%s\n", rc == 0 ? "base image matches" : "base image has changed");
    /* The status says it to scripts, without a message. */
    return rc == 0 ? 0 : -(err->code = RFE_FAILED);
}

/* ---- get-file ---- */

struct file_in_image {
    struct regctl_target *at;
    const struct rf_manifest *image;
    const char *path;
    bool follow;
};

static int find_in_image(void *ctx, struct rf_layer_entry *entry, struct rf_sink *sink,
                         struct rf_err *err)
{
    const struct file_in_image *f = ctx;
    return rf_image_file(f->at->place, f->at->repo, f->image, f->path, f->follow, entry, sink, err);
}

/* The image for --platform, or for this machine. */
static int fetch_image(struct regctl_session *s, const char *reference, const char *platform,
                       struct regctl_target *t, struct rf_fetched *f, struct rf_err *err)
{
    struct rf_platform p = RF_PLATFORM_INIT;
    int rc = regctl_target_open(s, reference, 0, t, err);
    if (rc == 0)
        rc = regctl_platform(platform != NULL && platform[0] != '\0' ? platform : "local", &p, err);
    if (rc < 0)
        return rc;
    rc = rf_fetch_manifest(t->place, t->repo, t->digest != NULL ? NULL : t->tag, t->digest, &p, f,
                           err);
    rf_platform_release(&p);
    return rc;
}

int regctl_image_get_file(const struct rf_env *env, void *ctx, int argc, char **argv,
                          struct rf_err *err)
{
    const struct image_options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target t = REGCTL_TARGET_INIT;
    RF_CLEANUP(rf_fetched_release) struct rf_fetched f = RF_FETCHED_INIT;
    int rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = fetch_image(&s, argv[0], o->platform, &t, &f, err);
    if (rc < 0)
        return rc;
    const struct regctl_file_output how = { .name = argv[1],
                                            .format = o->format,
                                            .output = argc > 2 ? argv[2] : NULL };
    struct file_in_image file = { .at = &t, .image = f.manifest, .path = argv[1] };
    file.follow = how.format == NULL || how.format[0] == '\0';
    return regctl_print_file(&how, find_in_image, &file, err);
}

/* ---- inspect ---- */

static int show_config(const char *format, const struct rf_descriptor *d,
                       const struct rf_config *config, const struct rf_buf *body,
                       const struct rf_headers *headers, struct rf_err *err)
{
    RF_CHECK(config != NULL);
    RF_CLEANUP(rf_json_decrefp) json_t *descriptor = rf_object_descriptor(d);
    const struct rf_config_object object = {
        .doc = config->doc, .body = rf_buf_slice(body), .descriptor = descriptor, .headers = headers
    };
    const struct regctl_raw raw = { .headers = headers, .body = rf_buf_slice(body) };
    const struct rf_value v = rf_config_object_value(&object);
    return regctl_print(format, &v, &raw, err);
}

/* The headers of a blob are asked for only where they are to be shown. */
static int config_headers(const char *format, struct regctl_target *t,
                          const struct rf_descriptor *d, struct rf_headers *out, struct rf_err *err)
{
    uint64_t size;
    bool shown = strcmp(format, "raw") == 0 || strcmp(format, "headers") == 0 ||
                 strstr(format, "rawHeaders") != NULL || strstr(format, "raw-headers") != NULL ||
                 strstr(format, "RawHeaders") != NULL;
    if (!shown || rf_registry_remote(t->place) == NULL)
        return 0;
    return rf_registry_blob_headers(t->place, t->repo, &d->digest, &size, out, err);
}

int regctl_image_inspect(const struct rf_env *env, void *ctx, int argc, char **argv,
                         struct rf_err *err)
{
    const struct image_options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target t = REGCTL_TARGET_INIT;
    RF_CLEANUP(rf_fetched_release) struct rf_fetched f = RF_FETCHED_INIT;
    RF_CLEANUP(rf_config_freep) struct rf_config *config = NULL;
    RF_CLEANUP(rf_headers_release) struct rf_headers headers = { 0 };
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    (void)argc;
    rf_buf_init(&body, RF_CONFIG_MAX);
    int rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = fetch_image(&s, argv[0], o->platform, &t, &f, err);
    if (rc == 0)
        rc = rf_fetch_config(t.place, t.repo, f.manifest, &config, &body, err);
    if (rc == -RFE_UNSUPPORTED)
        return rf_wrap(
            err, rc,
            "artifacts are not supported with \"regctl image inspect\", use \"regctl artifact get --config\" instead");
    if (rc == 0)
        rc = config_headers(o->format, &t, &f.manifest->config, &headers, err);
    return rc < 0 ? rc : show_config(o->format, &f.manifest->config, config, &body, &headers, err);
}

/* ---- ratelimit ---- */

int regctl_image_ratelimit(const struct rf_env *env, void *ctx, int argc, char **argv,
                           struct rf_err *err)
{
    const struct image_options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target t = REGCTL_TARGET_INIT;
    RF_CLEANUP(rf_fetched_release) struct rf_fetched f = RF_FETCHED_INIT;
    RF_CLEANUP(rf_rate_limit_release) struct rf_rate_limit limit = { 0 };
    (void)argc;
    int rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = regctl_target_open(&s, argv[0], 0, &t, err);
    if (rc == 0)
        rc = rf_fetch_head(t.place, t.repo, t.digest != NULL ? NULL : t.tag, t.digest, NULL, &f,
                           err);
    if (rc < 0)
        return rc;
    rf_rate_limit_read(&f.headers, &limit);
    const struct rf_value v = rf_value_object(&rf_type_rate_limit, &limit);
    return regctl_print(o->format, &v, NULL, err);
}
