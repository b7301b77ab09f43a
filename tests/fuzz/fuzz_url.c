/* SPDX-License-Identifier: Apache-2.0 */
/* URLs that servers hand us: what parses prints to a URL of the same origin; a relative one never leaves it. */
#include "base/mem.h"
#include "regclient/url.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct rf_url base = RF_URL_INIT, url = RF_URL_INIT, again = RF_URL_INIT;
    RF_CHECK(rf_url_parse("https://registry.example/v2/a/b?c=d", &base, NULL) == 0);
    if (rf_url_parse(text, &url, NULL) == 0) {
        char *printed = rf_url_text(&url);
        RF_CHECK(rf_url_parse(printed, &again, NULL) == 0);
        RF_CHECK(rf_url_same_origin(&url, &again));
        RF_CHECK(strcmp(url.path, again.path) == 0);
        free(printed);
        char *safe = rf_url_safe(&url);
        free(safe);
    }
    rf_url_release(&url);
    rf_url_release(&again);
    if (rf_url_resolve(&base, text, &url, NULL) == 0)
        RF_CHECK(strstr(text, "//") != NULL || rf_url_same_origin(&base, &url));
    rf_url_release(&url);
    rf_url_release(&base);
    free(text);
    return 0;
}
