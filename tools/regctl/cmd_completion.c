/* SPDX-License-Identifier: Apache-2.0 */
/* regctl completion, and what its scripts call */
#include "tools/common/completion.h"
#include "tools/regctl/groups.h"

const struct rf_cmd *regctl_completion_cmd(void)
{
    static const struct rf_cmd cmd = RF_COMPLETION_ROW("regctl");
    return &cmd;
}

const struct rf_cmd *regctl_complete_cmd(void)
{
    static const struct rf_cmd cmd = RF_COMPLETE_ROW;
    return &cmd;
}
