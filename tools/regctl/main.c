/* SPDX-License-Identifier: Apache-2.0 */
/* regctl: one registry operation at a time. The rows of commands and options are in cmd_*.c, the work is done in the libraries. */
#include "tools/common/program.h"
#include "tools/regctl/groups.h"

typedef const struct rf_cmd *(*group_fn)(void);

#define GROUP_FN(group) regctl_##group##_cmd,
static const group_fn groups[] = { REGCTL_GROUPS(GROUP_FN) };
#define GROUPS (sizeof(groups) / sizeof(groups[0]))

int main(int argc, char **argv)
{
    struct rf_cmd cmds[GROUPS];
    struct rf_program regctl = {
        .name = "regctl",
        .summary = "work with container registries, images and artifacts, one operation at a time",
        .description =
            "An image is [REGISTRY/]REPOSITORY[:TAG][@DIGEST], a layout folder ocidir://PATH[:TAG][@DIGEST], or (to read) a layout tar or bundle "
            "ocifile://FILE[:TAG]. Results are on standard output, everything else on standard error.",
        .examples = "regctl tag ls registry.example.org/team/app\n"
                    "regctl image copy alpine:3.20 registry.example.org/mirror/alpine:3.20\n"
                    "regctl image inspect alpine --format '{{json .Config.Labels}}'",
        .cmds = cmds,
        .upstream_habits = true,
    };
    for (size_t i = 0; i < GROUPS; i++) {
        const struct rf_cmd *cmd = groups[i]();
        if (cmd != NULL)
            cmds[regctl.n_cmds++] = *cmd;
    }
    return rf_program_main(&regctl, argc, argv);
}
