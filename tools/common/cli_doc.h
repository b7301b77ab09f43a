/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hidden `PROGRAM cli-doc`, from which pages for web sites are made: `--list` names the commands, `cli-doc COMMAND...` documents one in
 * Markdown, `--format` by a template over its Name, Use, UseLine, CommandPath, Short, Long, Example, Aliases, Hidden, Runnable and Commands.
 */
#ifndef RF_TOOLS_COMMON_CLI_DOC_H
#define RF_TOOLS_COMMON_CLI_DOC_H

#include "tools/common/options.h"

struct rf_cmd rf_cli_doc_row(void);

#endif
