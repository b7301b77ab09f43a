/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/realm.h"

#include <check.h>

#include "base/mem.h"
#include "regclient/http.h"

enum want { LOGIN, ANONYMOUS, REFUSED };

static const struct {
    const char *registry, *realm;
    enum want want;
} rows[] = {
    /* one host */
    { "https://reg.example.com", "https://reg.example.com/token", LOGIN },
    { "https://reg.example.com:5000", "https://reg.example.com/token", LOGIN },
    { "https://REG.example.com", "https://reg.EXAMPLE.com:8443/token", LOGIN },
    { "http://127.0.0.1:5000", "http://127.0.0.1:5001/token", LOGIN },
    { "http://reg.local", "https://reg.local/token", LOGIN },
    { "https://[::1]:5000", "https://[0:0::1]:5001/token", LOGIN },
    /* never down */
    { "https://reg.example.com", "http://reg.example.com/token", REFUSED },
    { "https://registry-1.docker.io", "http://auth.docker.io/token", REFUSED },
    { "https://reg.example.com", "http://127.0.0.1/token", REFUSED },
    /* one domain */
    { "https://registry-1.docker.io", "https://auth.docker.io/token", LOGIN },
    { "https://registry.gitlab.com", "https://gitlab.com/jwt/auth", LOGIN },
    { "https://gitlab.com", "https://auth.gitlab.com/jwt/auth", LOGIN },
    { "https://reg.corp.example.com", "https://auth.corp.example.com/", LOGIN },
    { "https://reg.corp.example.co.uk", "https://auth.corp.example.co.uk/", LOGIN },
    { "https://reg.example.co.uk", "https://auth.example.co.uk/", LOGIN },
    /* neighbours by chance */
    { "https://example.com", "https://evil.com/token", ANONYMOUS },
    { "https://example.co.uk", "https://evil.co.uk/token", ANONYMOUS },
    { "https://reg.co.uk", "https://co.uk/token", ANONYMOUS },
    { "https://a.azurecr.io", "https://b.azurecr.io/token", ANONYMOUS },
    { "https://a.eu.amazonaws.com", "https://b.eu.amazonaws.com/token", ANONYMOUS },
    { "https://a.jfrog.io", "https://b.jfrog.io/token", ANONYMOUS },
    { "https://reg.local", "https://auth.local/token", ANONYMOUS },
    { "https://reg", "https://auth/token", ANONYMOUS },
    /* strangers */
    { "https://reg.example.com", "https://reg.example.com.evil.org/token", ANONYMOUS },
    { "https://reg.example.com", "https://evilreg.example.org/token", ANONYMOUS },
    { "https://reg.example.com", "https://xreg.example.com.org/token", ANONYMOUS },
    { "https://example.com", "https://notexample.com/token", ANONYMOUS },
    { "https://a.b.example.com", "https://c.example.com/token", ANONYMOUS },
    { "https://reg.example.com", "https://auth.docker.io/token", ANONYMOUS },
    /* addresses have no domain */
    { "http://10.0.0.1", "http://10.0.0.2/token", ANONYMOUS },
    { "http://10.0.0.1", "http://0.0.1/token", ANONYMOUS },
    { "http://127.0.0.1", "http://2130706433/token", ANONYMOUS },
    { "http://127.0.0.1", "http://localhost/token", ANONYMOUS },
    { "http://reg.example.com", "http://169.254.169.254/latest", ANONYMOUS },
    { "http://[fd00::1]", "http://[fd00::2]/token", ANONYMOUS },
};

static int judge(const char *registry, const char *realm, const struct rf_host *host,
                 enum rf_realm_trust *out, struct rf_err *err)
{
    RF_CLEANUP(rf_url_release) struct rf_url a = RF_URL_INIT, b = RF_URL_INIT;
    ck_assert_msg(rf_url_parse(registry, &a, err) == 0, "%s: %s", registry, err->msg);
    ck_assert_msg(rf_url_parse(realm, &b, err) == 0, "%s: %s", realm, err->msg);
    return rf_realm_judge(&a, &b, host, out, err);
}

START_TEST(row)
{
    const struct rf_host host = { 0 };
    struct rf_err err = RF_ERR_INIT;
    enum rf_realm_trust trust = RF_REALM_ANONYMOUS;
    int rc = judge(rows[_i].registry, rows[_i].realm, &host, &trust, &err);
    enum want have = rc < 0 ? REFUSED : trust == RF_REALM_LOGIN ? LOGIN : ANONYMOUS;
    ck_assert_msg(have == rows[_i].want, "%s asks at %s: %d", rows[_i].registry, rows[_i].realm,
                  (int)have);
    if (rc < 0)
        ck_assert_int_eq(rc, -RFE_DENIED);
}
END_TEST

START_TEST(named)
{
    static const struct {
        const char *list;
        bool ok;
    } lists[] = {
        { "auth.other.org", true },
        { "AUTH.other.org", true },
        { "x.example, auth.other.org", true },
        { "auth.other.org:8443", true },
        { "auth.other.org:443", false },
        { "other.org", false },
        { "", false },
        { ",,", false },
        { "xauth.other.org", false },
        { "auth.other.org.evil", false },
        { "*", false },
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(lists); i++) {
        struct rf_host host = { .api_opts = json_pack("{s:s}", "tokenHost", lists[i].list) };
        enum rf_realm_trust trust = RF_REALM_ANONYMOUS;
        struct rf_err err = RF_ERR_INIT;
        ck_assert_int_eq(judge("https://reg.example.com", "https://auth.other.org:8443/token",
                               &host, &trust, &err),
                         0);
        ck_assert_msg((trust == RF_REALM_LOGIN) == lists[i].ok, "%s", lists[i].list);
        json_decref(host.api_opts);
    }
    /* Naming it does not take the encryption away. */
    struct rf_host host = { .api_opts = json_pack("{s:s}", "tokenHost", "auth.other.org") };
    enum rf_realm_trust trust;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(
        judge("https://reg.example.com", "http://auth.other.org/token", &host, &trust, &err),
        -RFE_DENIED);
    json_decref(host.api_opts);
}
END_TEST

START_TEST(neighbourhood)
{
    static const struct {
        const char *url;
        unsigned classes;
    } urls[] = {
        { "http://127.0.0.1:5000", RF_ADDR_LOOPBACK },
        { "http://[::1]", RF_ADDR_LOOPBACK },
        { "http://10.1.2.3", 0 },
        { "http://169.254.1.1", RF_ADDR_LINK_LOCAL },
        { "http://192.0.2.1", 0 },
        { "http://2130706433", RF_ADDR_LOOPBACK },
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(urls); i++) {
        RF_CLEANUP(rf_url_release) struct rf_url u = RF_URL_INIT;
        ck_assert_int_eq(rf_url_parse(urls[i].url, &u, NULL), 0);
        ck_assert_msg(rf_realm_neighbourhood(&u) == urls[i].classes, "%s: %u", urls[i].url,
                      rf_realm_neighbourhood(&u));
    }
}
END_TEST

Suite *rf_realm_suite(void);
Suite *rf_realm_suite(void)
{
    Suite *s = suite_create("realm");
    TCase *t = tcase_create("realm");
    tcase_add_loop_test(t, row, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_test(t, named);
    tcase_add_test(t, neighbourhood);
    suite_add_tcase(s, t);
    return s;
}
