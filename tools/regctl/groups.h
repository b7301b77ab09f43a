/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of regctl: each group of them is one file, cmd_<group>.c, with its rows and what runs them. A new group is named here once;
 * main.c takes the list over.
 */
#ifndef RF_TOOLS_REGCTL_GROUPS_H
#define RF_TOOLS_REGCTL_GROUPS_H

#include "tools/common/options.h"

/* X(group), in the order of the help. */
#define REGCTL_GROUPS(X) \
    X(artifact)          \
    X(blob)              \
    X(config)            \
    X(digest)            \
    X(image)             \
    X(index)             \
    X(manifest)          \
    X(ref)               \
    X(registry)          \
    X(repo)              \
    X(tag)               \
    X(version)

/* The row of the group, static; NULL: not in this build. */
#define REGCTL_DECLARE(group) const struct rf_cmd *regctl_##group##_cmd(void);
REGCTL_GROUPS(REGCTL_DECLARE)
#undef REGCTL_DECLARE

/* Commands that `regctl image` has under names of its own. */
enum regctl_manifest_command {
    REGCTL_MANIFEST_DELETE,
    REGCTL_MANIFEST_DIFF,
    REGCTL_MANIFEST_GET,
    REGCTL_MANIFEST_HEAD,
    REGCTL_MANIFEST_PUT
};
const struct rf_cmd *regctl_manifest_command(enum regctl_manifest_command which);

#endif
