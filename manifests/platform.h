/* SPDX-License-Identifier: Apache-2.0 */
/* Platforms and how one is chosen from an index (inventory 4.10; OCI image-index "platform"). */
#ifndef RF_MANIFESTS_PLATFORM_H
#define RF_MANIFESTS_PLATFORM_H

#include "base/json.h"

struct rf_platform {
    char *os, *architecture, *variant, *os_version; /* "" where unset, never NULL after init */
    char **os_features;
    size_t n_os_features;
};
#define RF_PLATFORM_INIT \
    {                    \
        0                \
    }

/* "os/arch[/variant][,osver=X]", one word, "local"; normalised. -RFE_INVALID. */
RF_MUST_USE int rf_platform_parse(const char *text, struct rf_platform *out, struct rf_err *err);
RF_MUST_USE int rf_platform_from_json(const json_t *obj, const char *path, struct rf_platform *out,
                                      struct rf_err *err);
void rf_platform_local(struct rf_platform *out);
void rf_platform_release(struct rf_platform *p);
void rf_platform_copy(const struct rf_platform *from, struct rf_platform *to);
/* "linux/arm/v7"; "unknown" without an OS. The caller frees. */
char *rf_platform_text(const struct rf_platform *p);
/* The same platform after normalising. */
bool rf_platform_match(const struct rf_platform *a, const struct rf_platform *b);
/* An image of `image` runs on `host`. */
bool rf_platform_compatible(const struct rf_platform *host, const struct rf_platform *image);
/* Of two compatible ones: a is the better choice for the host. */
bool rf_platform_better(const struct rf_platform *host, const struct rf_platform *a,
                        const struct rf_platform *b);

#endif
