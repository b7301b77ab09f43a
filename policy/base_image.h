/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an image still stands on the base image that its base's name points to today. */
#ifndef RF_POLICY_BASE_IMAGE_H
#define RF_POLICY_BASE_IMAGE_H

#include "regclient/client.h"

#define RF_ANNOTATION_BASE_NAME "org.opencontainers.image.base.name"
#define RF_ANNOTATION_BASE_DIGEST "org.opencontainers.image.base.digest"

struct rf_base_options {
    const char *base;   /* its reference; NULL: the image's annotations name it, and its digest */
    const char *digest; /* the base's digest when the image was built; NULL: layers are compared */
    bool skip_config;   /* layers are enough, the history in the configurations is not compared */
    const struct rf_platform *platform; /* of indexes only this one; NULL: all of the image's */
};

/*
 * 0: it does. 1: the base has changed, *why says where; the caller frees. With a digest only the base is asked for. -RFE_NOT_FOUND when no base is
 * named, or an image is not there.
 */
RF_MUST_USE int rf_base_image_check(struct rf_client *client, const struct rf_ref *image,
                                    const struct rf_base_options *opts, char **why,
                                    struct rf_err *err);

#endif
