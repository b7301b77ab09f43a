/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References: where an image is (inventory: registry, repository, tag, digest; ocidir://PATH[:TAG] and
 * ocifile://FILE[:REPOSITORY][:TAG], since a file holds images of several repositories).
 * Every part is checked against an allow-list with a length cap when it is parsed; only a parsed reference reaches
 * a URL or a path. OCI distribution-spec, "Pulling manifests": name and reference grammar.
 */
#ifndef RF_MANIFESTS_REFERENCE_H
#define RF_MANIFESTS_REFERENCE_H

#include "base/digest.h"

#define RF_TAG_MAX 128
#define RF_REPOSITORY_MAX 255
#define RF_REGISTRY_MAX 253

enum rf_scheme { RF_SCHEME_REGISTRY, RF_SCHEME_OCIDIR, RF_SCHEME_OCIFILE };

struct rf_ref {
    enum rf_scheme scheme;
    char *text;              /* as typed */
    char *registry;          /* registry: "docker.io", "host:5000", "[::1]:5000"; else NULL */
    char *repository;        /* registry: "library/alpine"; ocifile: the one named, else NULL */
    char *path;              /* ocidir, ocifile: the path; else NULL */
    char *tag;               /* NULL when none */
    struct rf_digest digest; /* not set when none */
};
#define RF_REF_INIT \
    {               \
        0           \
    }

/*
 * Parses and normalises: Docker Hub names get docker.io and library/, a registry reference with neither tag nor digest
 * gets the tag "latest". Fills *out, to be released with rf_ref_release. -RFE_INVALID `invalid reference "X"`.
 */
RF_MUST_USE int rf_ref_parse(const char *text, struct rf_ref *out, struct rf_err *err);
/* As rf_ref_parse, but without a default tag: a tag may be absent (repositories, whole layouts). */
RF_MUST_USE int rf_ref_parse_repo(const char *text, struct rf_ref *out, struct rf_err *err);
/* host[:port] alone, normalised (docker.io for its aliases). A path is refused. The caller frees *out. */
RF_MUST_USE int rf_ref_parse_registry(const char *text, char **out, struct rf_err *err);
void rf_ref_release(struct rf_ref *r); /* also for RF_CLEANUP */
void rf_ref_copy(const struct rf_ref *from, struct rf_ref *to);
/* Changes tag (NULL = none) or digest (NULL = none); the text becomes the full form. */
void rf_ref_set_tag(struct rf_ref *r, const char *tag);
void rf_ref_set_digest(struct rf_ref *r, const struct rf_digest *digest);
/* The full form, "docker.io/library/nginx:latest"; with both: "...:tag@digest". The caller frees. */
char *rf_ref_common_name(const struct rf_ref *r);
/* The full form without tag and digest: "docker.io/library/nginx", "ocidir://PATH". The caller frees. */
char *rf_ref_location(const struct rf_ref *r);

bool rf_tag_valid(struct rf_slice tag);
bool rf_repository_valid(
    struct rf_slice
        repository); /* lower-case components, at most 255 bytes, no "..", no leading "/" */
bool rf_registry_valid(
    struct rf_slice registry); /* host[:port], [IPv6][:port]; no userinfo, no control bytes */

#endif
