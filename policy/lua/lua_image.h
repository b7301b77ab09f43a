/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image as scripts see it: {name, tag, digest, ref, mediaType, manifest, config, annotations, labels, created, platform, platforms, referrers,
 * size}. image.get() gives it to scripts of regbot; functions of policies get it as their argument:
 *
 *     json_t *args = json_pack("[o]", rf_lua_image_argument(&image));
 *     rc = rf_lua_box_call(box, "keep", args, &result, err);            of a box with the api "policy" (or "regbot")
 */
#ifndef RF_POLICY_LUA_IMAGE_H
#define RF_POLICY_LUA_IMAGE_H

#include <time.h>

#include "manifests/manifest.h"

/* All borrowed; what is not known stays empty. */
struct rf_lua_image {
    const char *name; /* without tag and digest: "registry.example.org/team/app" */
    const char *tag;  /* or NULL */
    const struct rf_manifest *manifest; /* of the image or index */
    struct rf_slice
        config; /* the bytes of the configuration: of an index that of one of its images */
    const struct rf_digest *config_digest;
    const struct rf_descriptor *referrers;
    size_t n_referrers;
    uint64_t
        size; /* bytes of all that belongs to it; 0: as its manifest says, which an index does not */
};
/* The facts of the child's object, a new reference. */
json_t *rf_lua_image_facts(const struct rf_lua_image *image);
/* The same as an argument for rf_lua_box_call(). */
json_t *rf_lua_image_argument(const struct rf_lua_image *image);

/* "linux/arm64" of each entry of an index that is an image, or of the configuration (may be NULL): an array of its own. */
struct rf_config;
json_t *rf_bot_platforms(const struct rf_manifest *m, const struct rf_config *config);
/* When it was made, as its annotation or its configuration (may be NULL) says. False: nobody says. */
bool rf_bot_created(const struct rf_manifest *m, const struct rf_config *config, time_t *out);

#endif
