/* SPDX-License-Identifier: Apache-2.0 */
/* regctl artifact */
#include "base/mem.h"
#include "tools/regctl/artifact.h"
#include "tools/regctl/groups.h"

#define AT(field) offsetof(struct artifact_options, field)
#define FLAG(name, field, text)                              \
    {                                                        \
        name, 0, RF_OPT_FLAG, AT(field), NULL, text, NULL, 0 \
    }
#define TEXT(name, field, value, text)                          \
    {                                                           \
        name, 0, RF_OPT_STRING, AT(field), value, text, NULL, 0 \
    }
#define LIST(name, letter, field, value, text)                     \
    {                                                              \
        name, letter, RF_OPT_LIST, AT(field), value, text, NULL, 0 \
    }
#define PLATFORM_ROW(text)                                                      \
    {                                                                           \
        "platform", 'p', RF_OPT_STRING, AT(platform), "PLATFORM", text, NULL, 0 \
    }
#define PRETTY_ROW(text)                                                                 \
    {                                                                                    \
        "format", 0, RF_OPT_STRING, AT(format), "TEMPLATE", text, "{{printPretty .}}", 0 \
    }
#define REFERS_ROW                                                                      \
    {                                                                                   \
        "refers", 0, RF_OPT_STRING, AT(refers), "IMAGE", "the same as --subject", NULL, \
            RF_OPT_HIDDEN                                                               \
    }
#define EXTERNAL_ROW \
    TEXT("external", external, "REPOSITORY", "look for what refers to it in another repository")
#define FILTER_ROWS                                                  \
    LIST("filter-annotation", 0, filter_annotations, "NAME[=VALUE]", \
         "referrers with this annotation; may be repeated"),         \
        TEXT("filter-artifact-type", filter_type, "TYPE", "referrers of this artifact type")
#define SORT_ROWS                                                                            \
    TEXT("sort-annotation", sort_annotation, "NAME", "sort by the values of an annotation"), \
        FLAG("sort-desc", sort_desc, "sort the other way round")
#define SLOW_ROW FLAG("slow-referrers", slow, "look into every tag for what refers to it, too")

static const struct rf_opt get_opts[] = {
    FLAG("config", config, "the configuration instead of the content"),
    TEXT("config-file", config_file, "FILE", "write the configuration to a file"),
    EXTERNAL_ROW,
    LIST("file", 'f', files, "NAME", "content of this title; may be repeated"),
    LIST("file-media-type", 'm', file_types, "TYPE", "content of this media type; may be repeated"),
    FILTER_ROWS,
    FLAG("latest", latest,
         "of several, the newest by the annotation org.opencontainers.image.created"),
    { "output", 'o', RF_OPT_STRING, AT(output), "DIR",
      "write files, named by their titles, below this folder, which must exist", NULL, 0 },
    PLATFORM_ROW("of an index, the entry for this platform (linux/amd64, local)"),
    REFERS_ROW,
    SLOW_ROW,
    SORT_ROWS,
    FLAG("strip-dirs", strip_dirs, "below --output, leave out the folders of titles"),
    TEXT("subject", subject, "IMAGE", "the artifact that refers to this image"),
};
static const struct rf_opt list_opts[] = {
    FLAG("digest-tags", digest_tags, "tags of the form sha256-<digest>.suffix, too"),
    EXTERNAL_ROW,
    FILTER_ROWS,
    PRETTY_ROW("form of the output; raw-body is the list as an index"),
    FLAG("latest", latest, "sort by the annotation org.opencontainers.image.created, newest first"),
    PLATFORM_ROW("of an index, the image for this platform (linux/amd64, local)"),
    SLOW_ROW,
    SORT_ROWS,
};
static const struct rf_opt put_opts[] = {
    LIST("annotation", 0, annotations, "NAME=VALUE", "annotation of the manifest; may be repeated"),
    TEXT("artifact-type", artifact_type, "TYPE", "what the artifact is (recommended)"),
    FLAG("by-digest", by_digest, "push without tag, and print the digest"),
    TEXT("config-file", config_file, "FILE", "content of the configuration"),
    TEXT("config-type", config_type, "TYPE", "media type of the configuration"),
    TEXT("external", external, "REPOSITORY", "push it to another repository than its subject's"),
    LIST("file", 'f', files, "FILE",
         "content: a file, or a folder, which becomes a tar.gz; may be repeated"),
    LIST("file-media-type", 'm', file_types, "TYPE", "media type of each file; may be repeated"),
    FLAG("file-title", file_title, "say the names of the files in their annotations"),
    { "format", 0, RF_OPT_STRING, AT(format), "TEMPLATE", "form of the output ({{.Manifest}})",
      NULL, 0 },
    FLAG("index", index, "add it to the index under this tag, which is made when absent"),
    { "media-type", 0, RF_OPT_STRING, AT(media_type), "TYPE", "media type of the manifest",
      "application/vnd.oci.image.manifest.v1+json", RF_OPT_HIDDEN },
    PLATFORM_ROW(
        "of an index as subject, the image for this platform; with --index, that of the entry"),
    REFERS_ROW,
    FLAG("strip-dirs", strip_dirs, "leave out the folders of the names"),
    TEXT("subject", subject, "IMAGE", "the image that the artifact refers to"),
};
static const struct rf_opt tree_opts[] = {
    FLAG("digest-tags", digest_tags, "tags of the form sha256-<digest>.suffix, too"),
    EXTERNAL_ROW,
    FILTER_ROWS,
    PRETTY_ROW("form of the output"),
    SLOW_ROW,
};

#define CTX .ctx_size = sizeof(struct artifact_options)
#define OPTS(rows) .opts = rows, .n_opts = RF_ARRAY_LEN(rows)

static const struct rf_cmd commands[] = {
    {
        .name = "get",
        .aliases = "pull",
        .synopsis = "[ARTIFACT]",
        .summary = "get the content of an artifact",
        .description =
            "One file comes to standard output; several go below a folder, under the names in their titles, never outside of it. A title that ends "
            "in \"/\" means an archive, which is unpacked.",
        .examples =
            "regctl artifact get registry.example.org/charts/shop:0.1.0 >shop.tgz\n"
            "# the SBOM of an image, for this platform\n"
            "regctl artifact get --subject registry.example.org/app:v1 --filter-artifact-type application/spdx+json --platform local\n"
            "regctl artifact get registry.example.org/files:v1 -o folder",
        OPTS(get_opts),
        CTX,
        .min_args = 0,
        .max_args = 1,
        .run = regctl_artifact_get,
    },
    {
        .name = "list",
        .aliases = "ls",
        .synopsis = "IMAGE",
        .summary = "list what refers to an image: signatures, SBOMs, attestations",
        .examples = "regctl artifact list registry.example.org/app:v1 --platform local\n"
                    "# the list itself\n"
                    "regctl artifact list registry.example.org/app:v1 --format body",
        OPTS(list_opts),
        CTX,
        .min_args = 1,
        .max_args = 1,
        .run = regctl_artifact_list,
    },
    {
        .name = "put",
        .aliases = "create,push",
        .synopsis = "[ARTIFACT]",
        .summary = "store files, or standard input, as an artifact",
        .examples =
            "regctl artifact put --artifact-type application/example registry.example.org/repo:artifact <text.txt\n"
            "# with a configuration\n"
            "regctl artifact put --config-type application/vnd.example.config.v1+json --config-file config.json "
            "--file-media-type application/vnd.example.data.v1.tar+gzip --file data.tgz registry.example.org/repo:artifact\n"
            "# an SBOM for an image\n"
            "regctl artifact put --artifact-type application/spdx+json --subject registry.example.org/app:v1 <spdx.json",
        OPTS(put_opts),
        CTX,
        .min_args = 0,
        .max_args = 1,
        .run = regctl_artifact_put,
    },
    {
        .name = "tree",
        .synopsis = "IMAGE",
        .summary = "draw an image, its parts, and all that refers to them",
        .description =
            "Every part is asked for what refers to it; for one image \"regctl artifact list\" takes fewer requests.",
        .examples = "regctl artifact tree registry.example.org/app:v1\n"
                    "regctl artifact tree --digest-tags registry.example.org/app:v1",
        OPTS(tree_opts),
        CTX,
        .min_args = 1,
        .max_args = 1,
        .run = regctl_artifact_tree,
    },
};

const struct rf_cmd *regctl_artifact_cmd(void)
{
    static const struct rf_cmd group = {
        .name = "artifact",
        .summary = "work with artifacts, and with what refers to images",
        .children = commands,
        .n_children = RF_ARRAY_LEN(commands),
    };
    return &group;
}
