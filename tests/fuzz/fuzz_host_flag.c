/* SPDX-License-Identifier: Apache-2.0 */
/* The argument of --host. After hiding, no byte of a password is left. */
#include "base/mem.h"
#include "regclient/hosts.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    /* Names of files stay away: what is on this machine is no part of the input. */
    if (strstr(text, "file") == NULL) {
        struct rf_hosts *h = rf_hosts_new();
        (void)!rf_hosts_add_flag(h, text, NULL);
        rf_hosts_free(h);
        rf_hosts_hide_flag(text);
        const char *p = strstr(text, ",pass=");
        if (p != NULL && strchr(text, '"') == NULL && strchr(text, '\\') == NULL)
            RF_CHECK(strspn(p + 6, "*") == strcspn(p + 6, ","));
    }
    free(text);
    return 0;
}
