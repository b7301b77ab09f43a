/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/regctl/groups.h"

const struct rf_cmd *regctl_image_cmd(void)
{
    return NULL;
}
