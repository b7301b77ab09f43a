/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/exit_table.h"

#define OUT_OF_MEMORY 70 /* base/mem.h */

static void add_status(struct rf_buf *out, int status)
{
    const char *name, *text;
    int exit_status;
    bool retryable, any = false;
    for (size_t i = 0; rf_error_row(i, &name, &exit_status, &retryable, &text); i++) {
        if (exit_status != status)
            continue;
        if (any)
            rf_buf_add_str(out, "; ");
        else
            rf_buf_addf(out, "| %d | ", status);
        rf_buf_add_str(out, text);
        any = true;
    }
    if (any)
        rf_buf_add_str(out, " |\n");
}

void rf_exit_table_markdown(struct rf_buf *out)
{
    rf_buf_add_str(out, "| exit status | when |\n|---|---|\n| 0 | all is done |\n");
    for (int status = 1; status < 256; status++) {
        add_status(out, status);
        if (status == OUT_OF_MEMORY)
            rf_buf_addf(out, "| %d | no memory left |\n", status);
    }
    rf_buf_add_str(out,
                   "\n| error | meaning | exit status | repeating can help |\n|---|---|---|---|\n");
    const char *name, *text;
    int exit_status;
    bool retryable;
    for (size_t i = 0; rf_error_row(i, &name, &exit_status, &retryable, &text); i++)
        rf_buf_addf(out, "| `%s` | %s | %d | %s |\n", name, text, exit_status,
                    retryable ? "yes" : "no");
}
