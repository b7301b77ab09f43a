/* SPDX-License-Identifier: Apache-2.0 */
/* regctl artifact */
#include "base/mem.h"
#include "tools/regctl/artifact.h"
#include "tools/regctl/groups.h"
#include "tools/regctl/rows.h"

#define AT(field) offsetof(struct artifact_options, field)
#define REFERS_ROW                                                                      \
    {                                                                                   \
        "refers", 0, RF_OPT_STRING, AT(refers), "IMAGE", "the same as --subject", NULL, \
            RF_OPT_HIDDEN                                                               \
    }
#define EXTERNAL_ROW                                    \
    REGCTL_TEXT("external", AT(external), "REPOSITORY", \
                "look for what refers to it in another repository")
#define FILTER_ROWS                                                          \
    REGCTL_LIST("filter-annotation", AT(filter_annotations), "NAME[=VALUE]", \
                "referrers with this annotation; may be repeated"),          \
        REGCTL_TEXT("filter-artifact-type", AT(filter_type), "TYPE",         \
                    "referrers of this artifact type")
#define SORT_ROWS                                               \
    REGCTL_TEXT("sort-annotation", AT(sort_annotation), "NAME", \
                "sort by the values of an annotation"),         \
        REGCTL_FLAG("sort-desc", AT(sort_desc), "sort the other way round")
#define SLOW_ROW \
    REGCTL_FLAG("slow-referrers", AT(slow), "look into every tag for what refers to it, too")

static const struct rf_opt get_opts[] = {
    REGCTL_FLAG("config", AT(config), "the configuration instead of the content"),
    REGCTL_TEXT("config-file", AT(config_file), "FILE", "write the configuration to a file"),
    EXTERNAL_ROW,
    { "file", 'f', RF_OPT_LIST, AT(files), "NAME", "content of this title; may be repeated", NULL,
      0 },
    { "file-media-type", 'm', RF_OPT_LIST, AT(file_types), "TYPE",
      "content of this media type; may be repeated", NULL, 0 },
    FILTER_ROWS,
    REGCTL_FLAG("latest", AT(latest),
                "of several, the newest by the annotation org.opencontainers.image.created"),
    { "output", 'o', RF_OPT_STRING, AT(output), "DIR",
      "write files, named by their titles, below this folder, which must exist", NULL, 0 },
    REGCTL_PLATFORM(AT(platform), "of an index, the entry for this platform (linux/amd64, local)"),
    REFERS_ROW,
    SLOW_ROW,
    SORT_ROWS,
    REGCTL_FLAG("strip-dirs", AT(strip_dirs), "below --output, leave out the folders of titles"),
    REGCTL_TEXT("subject", AT(subject), "IMAGE", "the artifact that refers to this image"),
};
static const struct rf_opt list_opts[] = {
    REGCTL_FLAG("digest-tags", AT(digest_tags), "tags of the form sha256-<digest>.suffix, too"),
    EXTERNAL_ROW,
    FILTER_ROWS,
    REGCTL_FORMAT(AT(format), "form of the output; raw-body is the list as an index",
                  "{{printPretty .}}"),
    REGCTL_FLAG("latest", AT(latest),
                "sort by the annotation org.opencontainers.image.created, newest first"),
    REGCTL_PLATFORM(AT(platform), "of an index, the image for this platform (linux/amd64, local)"),
    SLOW_ROW,
    SORT_ROWS,
};
static const struct rf_opt put_opts[] = {
    REGCTL_LIST("annotation", AT(annotations), "NAME=VALUE",
                "annotation of the manifest; may be repeated"),
    REGCTL_TEXT("artifact-type", AT(artifact_type), "TYPE", "what the artifact is (recommended)"),
    REGCTL_BY_DIGEST(AT(by_digest)),
    REGCTL_TEXT("config-file", AT(config_file), "FILE", "content of the configuration"),
    REGCTL_TEXT("config-type", AT(config_type), "TYPE", "media type of the configuration"),
    REGCTL_TEXT("external", AT(external), "REPOSITORY",
                "push it to another repository than its subject's"),
    { "file", 'f', RF_OPT_LIST, AT(files), "FILE",
      "content: a file, or a folder, which becomes a tar.gz; may be repeated", NULL, 0 },
    { "file-media-type", 'm', RF_OPT_LIST, AT(file_types), "TYPE",
      "media type of each file; may be repeated", NULL, 0 },
    REGCTL_FLAG("file-title", AT(file_title), "say the names of the files in their annotations"),
    REGCTL_FORMAT(AT(format), "form of the output ({{.Manifest}})", NULL),
    REGCTL_FLAG("index", AT(index),
                "add it to the index under this tag, which is made when absent"),
    { "media-type", 0, RF_OPT_STRING, AT(media_type), "TYPE", "media type of the manifest",
      "application/vnd.oci.image.manifest.v1+json", RF_OPT_HIDDEN },
    REGCTL_PLATFORM(
        AT(platform),
        "of an index as subject, the image for this platform; with --index, that of the entry"),
    REFERS_ROW,
    REGCTL_FLAG("strip-dirs", AT(strip_dirs), "leave out the folders of the names"),
    REGCTL_TEXT("subject", AT(subject), "IMAGE", "the image that the artifact refers to"),
};
static const struct rf_opt tree_opts[] = {
    REGCTL_FLAG("digest-tags", AT(digest_tags), "tags of the form sha256-<digest>.suffix, too"),
    EXTERNAL_ROW,
    FILTER_ROWS,
    REGCTL_FORMAT(AT(format), "form of the output", "{{printPretty .}}"),
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
