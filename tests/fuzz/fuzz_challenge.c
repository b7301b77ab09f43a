/* SPDX-License-Identifier: Apache-2.0 */
/* From a challenge to the decision who gets a login, and scopes. The input is the value of WWW-Authenticate. */
#include "base/mem.h"
#include "regclient/http_header.h"
#include "regclient/realm.h"
#include "regclient/scope.h"
#include "regclient/token.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static void try_realm(const char *realm)
{
    static const char *const registries[] = { "https://reg.example.com:5000/v2/",
                                              "http://127.0.0.1:5000/v2/" };
    const struct rf_host host = { 0 };
    for (size_t i = 0; i < RF_ARRAY_LEN(registries); i++) {
        RF_CLEANUP(rf_url_release) struct rf_url base = RF_URL_INIT, url = RF_URL_INIT;
        enum rf_realm_trust trust;
        RF_CHECK(rf_url_parse(registries[i], &base, NULL) == 0);
        if (rf_url_resolve(&base, realm, &url, NULL) < 0 ||
            rf_realm_judge(&base, &url, &host, &trust, NULL) < 0)
            continue;
        /* A login leaves neither the encryption nor the party. */
        RF_CHECK(url.https || !base.https);
        const char *tail = base.https ? ".example.com" : "127.0.0.1";
        size_t n = strlen(url.host), t = strlen(tail);
        bool inside =
            (n >= t && strcmp(url.host + n - t, tail) == 0) || strcmp(url.host, "example.com") == 0;
        RF_CHECK(trust != RF_REALM_LOGIN || inside);
    }
}

static void try_scope(const char *scope)
{
    static const char mine[] = "repository:a/b:pull,push";
    if (!rf_scope_valid(scope))
        return;
    RF_CLEANUP(rf_freep) char *both = rf_scope_join(scope, mine);
    RF_CHECK(rf_scope_covers(both, scope) && rf_scope_covers(both, mine));
    RF_CLEANUP(rf_freep) char *again = rf_scope_join(both, scope);
    RF_CHECK(strcmp(both, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    RF_CLEANUP(rf_freep) char *text = fuzz_text(data, size);
    RF_CLEANUP(rf_freep) char *line = rf_xasprintf("WWW-Authenticate: %s", text);
    RF_CLEANUP(rf_headers_release) struct rf_headers h = { 0 };
    struct rf_challenge *list = NULL;
    size_t n = 0;
    if (rf_headers_add(&h, rf_slice_str(line), NULL) == 0 &&
        rf_challenges_parse(&h, &list, &n, NULL) == 0) {
        for (size_t i = 0; i < n; i++) {
            if (list[i].realm != NULL)
                try_realm(list[i].realm);
            if (list[i].scope != NULL)
                try_scope(list[i].scope);
        }
        rf_challenges_free(list, n);
    }
    try_realm(text);
    try_scope(text);
    (void)rf_scope_in_token(text, "repository:a/b:pull,push");
    RF_CLEANUP(rf_token_release) struct rf_token token = { 0 };
    if (rf_token_parse(rf_slice_str(text), &token, NULL) == 0)
        RF_CHECK(token.value[strcspn(token.value, " \r\n\t")] == '\0' && token.lifetime_s >= 1);
    return 0;
}
