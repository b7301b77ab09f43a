/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of `regctl image`. */
#include "base/mem.h"
#include "manifests/media_type.h"
#include "tools/regctl/groups.h"
#include "tools/regctl/image.h"
#include "tools/regctl/rows.h"

#define AT(field) offsetof(struct image_options, field)

static const struct rf_opt check_base_opts[] = {
    REGCTL_TEXT("base", AT(base), "IMAGE",
                "the base image with its tag, instead of the one that the annotations name"),
    REGCTL_TEXT("digest", AT(digest), "DIGEST",
                "the digest that the base had; it alone decides then"),
    REGCTL_FLAG("no-config", AT(no_config),
                "compare layers only, not the history in the configurations"),
    REGCTL_PLATFORM(AT(platform), "of indexes, only this platform (linux/amd64, local)"),
    REGCTL_FLAG("quiet", AT(quiet), "print nothing, the exit status says it"),
};
static const struct rf_opt copy_opts[] = {
    REGCTL_DIGEST_TAGS(AT(digest_tags)),
    REGCTL_FLAG(
        "fast", AT(fast),
        "the same digest at the target is enough: referrers and digest tags are not looked at then; goes before --force-recursive"),
    REGCTL_FLAG("force-recursive", AT(force),
                "look at every manifest and blob, and repair what is missing"),
    REGCTL_FORMAT(
        AT(format),
        "form of the output, by default the target's name; {{.Result}} is what was done ({{.Result.BytesMoved}})",
        NULL),
    REGCTL_INCLUDE_EXTERNAL(AT(include_external)),
    REGCTL_PLATFORM(AT(platform),
                    "of an index, only the image for this platform (linux/amd64, local)"),
    { "platforms", 0, RF_OPT_LIST, AT(platforms), "PLATFORM",
      "of an index, only the images for these platforms; the index stays as it is, which many registries refuse",
      NULL, RF_OPT_HIDDEN },
    REGCTL_FLAG(
        "prune", AT(prune),
        "with --platforms PLATFORM (may be repeated): push a new index that lists only those; its digest is another one"),
    REGCTL_FLAG("referrers", AT(referrers),
                "take along what refers to the image: signatures, SBOMs, attestations"),
    REGCTL_TEXT("referrers-src", AT(referrers_src), "REPOSITORY",
                "where the referrers are, when not with the image"),
    REGCTL_TEXT("referrers-tgt", AT(referrers_tgt), "REPOSITORY",
                "where the referrers go, when not with the image"),
    REGCTL_VERIFY(AT(verify)),
};
static const struct rf_opt create_opts[] = {
    REGCTL_LIST("annotation", AT(annotations), "NAME=VALUE",
                "annotation of the manifest; may be repeated"),
    REGCTL_BY_DIGEST(AT(by_digest)),
    REGCTL_TEXT("created", AT(created), "now|TIME", "time of creation, now or RFC 3339"),
    REGCTL_FORMAT(AT(format), "form of the output ({{.Manifest}})", NULL),
    REGCTL_LIST("label", AT(labels), "NAME=VALUE", "label of the configuration; may be repeated"),
    { "media-type", 0, RF_OPT_STRING, AT(media_type), "TYPE",
      "of the manifest: OCI's, or application/vnd.docker.distribution.manifest.v2+json",
      RF_MT_OCI_MANIFEST, 0 },
    REGCTL_TEXT("platform", AT(platform), "PLATFORM", "platform of the image"),
};
static const struct rf_opt export_opts[] = {
    REGCTL_FLAG("compress", AT(compress), "gzip around the tar; layers are compressed already"),
    REGCTL_TEXT("name", AT(name), "IMAGE", "name of the image in the tar, as docker load shows it"),
    REGCTL_PLATFORM(AT(platform),
                    "of an index, only the image for this platform (linux/amd64, local)"),
    REGCTL_LIST("with", AT(more), "IMAGE", "a further image in the same tar; may be repeated"),
    REGCTL_INCLUDE_EXTERNAL(AT(include_external)),
};
static const struct rf_opt get_file_opts[] = {
    REGCTL_FORMAT(AT(format), "form of the output ({{.Header}}, and {{.Reader}} for the content)",
                  NULL),
    REGCTL_PLATFORM(AT(platform), "of an index, the image for this platform (default local)"),
};
static const struct rf_opt import_opts[] = {
    REGCTL_TEXT("name", AT(name), "NAME", "which image or tag, when the tar has several"),
    REGCTL_VERIFY(AT(verify)),
};
static const struct rf_opt inspect_opts[] = {
    REGCTL_FORMAT(
        AT(format),
        "form of the output; raw-body is the configuration as it is, raw-headers and raw are known, too",
        "{{printPretty .}}"),
    REGCTL_PLATFORM(AT(platform), "of an index, the image for this platform (default local)"),
};
static const struct rf_opt ratelimit_opts[] = {
    REGCTL_FORMAT(
        AT(format),
        "form of the output ({{.Remain}}, {{.Limit}}, {{.Reset}}, {{.Set}}, {{.Policies}})",
        "{{printPretty .}}"),
};

enum {
    CHECK_BASE,
    COPY,
    CREATE,
    DELETE,
    DIGEST,
    EXPORT,
    GET_FILE,
    IMPORT,
    INSPECT,
    MANIFEST,
    RATELIMIT,
    COUNT
};

static struct rf_cmd commands[COUNT] = {
    [CHECK_BASE] = {
        .name = "check-base",
        .synopsis = "IMAGE",
        .summary = "find out whether the base image has changed",
        .description =
            "The base is named by the image's annotations org.opencontainers.image.base.name and .digest, or by --base and --digest. With a digest "
            "it is compared with what the base's tag has now; else the base's layers, and its history, have to be those that the image begins "
            "with. The exit status is 1 when the base has changed, and when it could not be found out (with a message then).",
        .examples = "regctl image check-base registry.example.org/team/app:1\n"
                    "# in a pipeline\n"
                    "regctl image check-base --quiet registry.example.org/team/app:1 || make image",
        .opts = check_base_opts,
        .n_opts = RF_ARRAY_LEN(check_base_opts),
        .min_args = 1,
        .max_args = 1,
        .run = regctl_image_check_base,
    },
    [COPY] = {
        .name = "copy",
        .aliases = "cp",
        .synopsis = "SOURCE TARGET",
        .summary = "copy or retag an image",
        .description =
            "Only what the target lacks is moved, without a copy on this machine; inside one registry layers are mounted, and inside one repository "
            "only the manifest is pushed under the new tag. The tag comes last, when all else is there.",
        .examples = "regctl image copy alpine:3.20 registry.example.org/mirror/alpine:3.20\n"
                    "# a new tag for the same image\n"
                    "regctl image copy registry.example.org/repo:v1.2.3 registry.example.org/repo:v1\n"
                    "# into a layout folder, with signatures and SBOMs\n"
                    "regctl image copy --referrers registry.example.org/repo:v1 ocidir://repo:v1\n"
                    "# two platforms, with an index that lists no others\n"
                    "regctl image copy --platforms linux/amd64 --platforms linux/arm64 --prune alpine registry.example.org/alpine",
        .opts = copy_opts,
        .n_opts = RF_ARRAY_LEN(copy_opts),
        .min_args = 2,
        .max_args = 2,
        .run = regctl_image_copy,
    },
    [CREATE] = {
        .name = "create",
        .aliases = "init,new",
        .synopsis = "IMAGE",
        .summary = "push an empty image",
        .examples = "regctl image create ocidir://new-image:scratch\n"
                    "regctl image create --platform linux/arm64 --label version=1 registry.example.org/repo:scratch",
        .opts = create_opts,
        .n_opts = RF_ARRAY_LEN(create_opts),
        .min_args = 1,
        .max_args = 1,
        .run = regctl_image_create,
    },
    [EXPORT] = {
        .name = "export",
        .synopsis = "IMAGE [FILE]",
        .summary = "write an image to a tar file, for docker load and image layouts",
        .description =
            "The tar goes to standard output without FILE. It is an image layout that docker load reads, too; the same image gives the same bytes.",
        .examples = "regctl image export registry.example.org/repo:v1 image-v1.tar\n"
                    "regctl image export --platform local alpine | docker load\n"
                    "# two images in one tar\n"
                    "regctl image export alpine:3.20 images.tar --with nginx:1.27",
        .opts = export_opts,
        .n_opts = RF_ARRAY_LEN(export_opts),
        .min_args = 1,
        .max_args = 2,
        .run = regctl_image_export,
    },
    [GET_FILE] = {
        .name = "get-file",
        .aliases = "cat",
        .synopsis = "IMAGE PATH [FILE]",
        .summary = "get a file out of an image",
        .description =
            "Layers are looked through from the top; links are followed. Without FILE the content goes to standard output.",
        .examples = "regctl image get-file --platform local alpine /etc/alpine-release",
        .opts = get_file_opts,
        .n_opts = RF_ARRAY_LEN(get_file_opts),
        .min_args = 2,
        .max_args = 3,
        .run = regctl_image_get_file,
    },
    [IMPORT] = {
        .name = "import",
        .synopsis = "IMAGE FILE",
        .summary = "push an image from a tar file",
        .description =
            "FILE is what docker save, podman save or \"regctl image export\" writes, plain or compressed; it is read more than once, so it cannot "
            "be a pipe.",
        .examples = "regctl image import registry.example.org/repo:v1 image-v1.tar\n"
                    "regctl image import registry.example.org/nginx:1.27 images.tar --name nginx:1.27",
        .opts = import_opts,
        .n_opts = RF_ARRAY_LEN(import_opts),
        .min_args = 2,
        .max_args = 2,
        .run = regctl_image_import,
    },
    [INSPECT] = {
        .name = "inspect",
        .aliases = "config",
        .synopsis = "IMAGE",
        .summary = "show an image's configuration",
        .examples = "regctl image inspect nginx\n"
                    "regctl image inspect --platform linux/arm64 nginx --format '{{jsonPretty .Config.Labels}}'",
        .opts = inspect_opts,
        .n_opts = RF_ARRAY_LEN(inspect_opts),
        .min_args = 1,
        .max_args = 1,
        .run = regctl_image_inspect,
    },
    [RATELIMIT] = {
        .name = "ratelimit",
        .aliases = "rate-limit",
        .synopsis = "IMAGE",
        .summary = "show how many pulls the registry still allows",
        .description =
            "Asked for by HEAD, which does not count as a pull. Set is false when the registry does not say what remains; the others are 0 where it "
            "does not say them.",
        .examples = "regctl image ratelimit alpine\n"
                    "regctl image ratelimit alpine --format '{{.Remain}}'",
        .opts = ratelimit_opts,
        .n_opts = RF_ARRAY_LEN(ratelimit_opts),
        .min_args = 1,
        .max_args = 1,
        .run = regctl_image_ratelimit,
    },
};

/* Another name of a command of `regctl manifest`. */
static struct rf_cmd same_as(enum regctl_manifest_command which, const char *name,
                             const char *aliases, const char *summary, const char *examples)
{
    struct rf_cmd cmd = *regctl_manifest_command(which);
    cmd.name = name;
    cmd.aliases = aliases;
    cmd.summary = summary;
    cmd.examples = examples;
    return cmd;
}

const struct rf_cmd *regctl_image_cmd(void)
{
    static const struct rf_cmd group = {
        .name = "image",
        .summary = "work with images",
        .children = commands,
        .n_children = COUNT,
    };
    commands[DELETE] =
        same_as(REGCTL_MANIFEST_DELETE, "delete", "del,rm,remove",
                "delete an image, same as \"manifest delete\"",
                "regctl image delete registry.example.org/repo@sha256:fab3...\n"
                "# what a tag points to, with all of its tags\n"
                "regctl image delete registry.example.org/repo:v1.2.3 --force-tag-dereference");
    commands[DIGEST] = same_as(REGCTL_MANIFEST_HEAD, "digest", NULL,
                               "show an image's digest, same as \"manifest head\"",
                               "regctl image digest alpine\n"
                               "regctl image digest alpine --platform linux/arm64");
    commands[MANIFEST] = same_as(REGCTL_MANIFEST_GET, "manifest", NULL,
                                 "show an image's manifest or index, same as \"manifest get\"",
                                 "regctl image manifest alpine\n"
                                 "regctl image manifest alpine --format raw-body");
    for (size_t i = 0; i < COUNT; i++)
        if (i != DELETE && i != DIGEST && i != MANIFEST)
            commands[i].ctx_size = sizeof(struct image_options);
    return &group;
}
