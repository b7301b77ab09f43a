/* SPDX-License-Identifier: Apache-2.0 */
/* regctl blob, which is `regctl layer` as well */
#include "base/mem.h"
#include "tools/regctl/blob.h"
#include "tools/regctl/groups.h"
#include "tools/regctl/rows.h"

#define AT(field) offsetof(struct blob_options, field)

static const struct rf_opt diff_config_opts[] = { REGCTL_CONTEXT(AT(context)),
                                                  REGCTL_CONTEXT_FULL(AT(context_full)) };
static const struct rf_opt diff_layer_opts[] = {
    REGCTL_CONTEXT(AT(context)),
    REGCTL_CONTEXT_FULL(AT(context_full)),
    REGCTL_FLAG("ignore-timestamp", AT(ignore_times), "leave times out"),
};
static const struct rf_opt get_opts[] = {
    REGCTL_FORMAT(
        AT(format),
        "form of the output; by default, and as body, the bytes; headers and raw are known, too",
        "{{printPretty .}}"),
    { "media-type", 0, RF_OPT_STRING, AT(media_type), "TYPE", "without effect", NULL,
      RF_OPT_HIDDEN },
};
static const struct rf_opt get_file_opts[] = {
    REGCTL_FORMAT(AT(format),
                  "form of the output ({{.Header.Size}}, {{.Reader}}) instead of the bytes", NULL),
};
static const struct rf_opt head_opts[] = {
    REGCTL_FORMAT(AT(format), "form of the output, by default the headers of the answer", NULL),
};
static const struct rf_opt put_opts[] = {
    { "content-type", 0, RF_OPT_STRING, AT(content_type), "TYPE", "without effect", NULL,
      RF_OPT_HIDDEN },
    REGCTL_TEXT("digest", AT(digest), "DIGEST", "the digest that the blob must have"),
    REGCTL_FORMAT(AT(format), "form of the output ({{.Digest}}, {{.Size}})", "{{println .Digest}}"),
};

#define CTX .ctx_size = sizeof(struct blob_options)
#define OPTS(rows) .opts = rows, .n_opts = RF_ARRAY_LEN(rows)

static const struct rf_cmd commands[] = {
    {
        .name = "copy",
        .aliases = "cp",
        .synopsis = "REPOSITORY REPOSITORY DIGEST",
        .summary = "copy a blob from one repository to another",
        .description =
            "Within a registry it is mounted, when the registry does that; else its bytes are moved, without being kept anywhere.",
        .examples = "regctl blob copy alpine registry.example.org/library/alpine sha256:9123...",
        CTX,
        .min_args = 3,
        .max_args = 3,
        .run = regctl_blob_copy,
    },
    {
        .name = "delete",
        .aliases = "del,rm",
        .synopsis = "REPOSITORY DIGEST",
        .summary = "delete a blob",
        .description =
            "Seldom needed: registries remove what no manifest names when they collect their garbage. Many do not delete blobs on demand.",
        .examples = "regctl blob delete registry.example.org/repo sha256:a58e...",
        CTX,
        .min_args = 2,
        .max_args = 2,
        .run = regctl_blob_delete,
    },
    {
        .name = "diff-config",
        .synopsis = "REPOSITORY DIGEST REPOSITORY DIGEST",
        .summary = "compare two image configurations line by line",
        .examples = "regctl blob diff-config busybox sha256:0c00... busybox sha256:3f57...",
        OPTS(diff_config_opts),
        CTX,
        .min_args = 4,
        .max_args = 4,
        .run = regctl_blob_diff_config,
    },
    {
        .name = "diff-layer",
        .synopsis = "REPOSITORY DIGEST REPOSITORY DIGEST",
        .summary = "compare two layers file by file",
        .description =
            "Each member of the layers' tars is a line: mode, owner and group, size, time, name, and of a file the digest of its content.",
        .examples =
            "# ignoring times\n"
            "regctl blob diff-layer busybox sha256:2354... busybox sha256:9ad6... --ignore-timestamp",
        OPTS(diff_layer_opts),
        CTX,
        .min_args = 4,
        .max_args = 4,
        .run = regctl_blob_diff_layer,
    },
    {
        .name = "get",
        .aliases = "pull",
        .synopsis = "REPOSITORY DIGEST",
        .summary = "write a blob to standard output",
        .description =
            "The bytes come as they arrive; that they were not the right ones is known at the end, and told by the exit status.",
        .examples = "regctl layer pull busybox sha256:a58e... | tar -tvzf -",
        OPTS(get_opts),
        CTX,
        .min_args = 2,
        .max_args = 2,
        .run = regctl_blob_get,
    },
    {
        .name = "get-file",
        .aliases = "cat",
        .synopsis = "REPOSITORY DIGEST FILE [OUTPUT]",
        .summary = "get a file out of a layer",
        .examples = "regctl blob get-file alpine sha256:9123... /etc/alpine-release",
        OPTS(get_file_opts),
        CTX,
        .min_args = 3,
        .max_args = 4,
        .run = regctl_blob_get_file,
    },
    {
        .name = "head",
        .aliases = "digest",
        .synopsis = "REPOSITORY DIGEST",
        .summary = "ask whether a blob is there, and show the headers of the answer",
        .examples = "regctl blob head alpine sha256:9123...",
        OPTS(head_opts),
        CTX,
        .min_args = 2,
        .max_args = 2,
        .run = regctl_blob_head,
    },
    {
        .name = "put",
        .aliases = "push",
        .synopsis = "REPOSITORY",
        .summary = "store standard input as a blob",
        .description =
            "Prints its digest. Registries want the digest before they take the blob: a file is read twice, and what comes through a pipe is kept "
            "in a temporary file (in $TMPDIR) when it is more than a megabyte.",
        .examples = "regctl blob put registry.example.org/repo <layer.tgz",
        OPTS(put_opts),
        CTX,
        .min_args = 1,
        .max_args = 1,
        .run = regctl_blob_put,
    },
};

const struct rf_cmd *regctl_blob_cmd(void)
{
    static const struct rf_cmd group = {
        .name = "blob",
        .aliases = "layer",
        .summary = "work with blobs: layers, configurations, files of artifacts",
        .children = commands,
        .n_children = RF_ARRAY_LEN(commands),
    };
    return &group;
}
