/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/host_flag.h"

#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "tests/regclient/helper_home.h"

#define PEM "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"

/* The settings that are said, as text. */
static char *show(const struct rf_host *h)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    const struct {
        const char *name, *value;
    } texts[] = { { "name", h->name },         { "hostname", h->hostname },
                  { "user", h->user },         { "pass", h->pass },
                  { "token", h->token },       { "helper", h->cred_helper },
                  { "prefix", h->path_prefix } };
    for (size_t i = 0; i < RF_ARRAY_LEN(texts); i++)
        if (texts[i].value != NULL)
            rf_buf_addf(&b, "%s=%s;", texts[i].name, texts[i].value);
    if (h->tls != RF_TLS_UNSET)
        rf_buf_addf(&b, "tls=%d;", (int)h->tls);
    if (h->blob_chunk != 0)
        rf_buf_addf(&b, "chunk=%lld;", (long long)h->blob_chunk);
    if (h->blob_max != 0)
        rf_buf_addf(&b, "max=%lld;", (long long)h->blob_max);
    if (h->req_concurrent != 0)
        rf_buf_addf(&b, "concurrent=%u;", h->req_concurrent);
    if (h->req_per_sec > 0)
        rf_buf_addf(&b, "rate=%.2f;", h->req_per_sec);
    if (h->api_opts != NULL)
        rf_buf_addf(&b, "tokenHost=%s;",
                    json_string_value(json_object_get(h->api_opts, "tokenHost")));
    return rf_buf_take(&b, NULL);
}

static const struct {
    const char *text, *want;
} good[] = {
    { "reg=r", "name=r;" },
    { "reg=r,user=u,pass=p,tls=disabled", "name=r;user=u;pass=p;tls=3;" },
    { "reg=r,pass=\"a,b\"", "name=r;pass=a,b;" },
    { "reg=r,pass=a\\,b\\\\c\\\"", "name=r;pass=a,b\\c\";" },
    { "reg=r,pass=\"a\\\"b\\\\\"c", "name=r;pass=a\"b\\c;" },
    { "reg=r,pass=a=b=c", "name=r;pass=a=b=c;" },
    { "\"reg\"=r,p\\ass=x", "name=r;pass=x;" },
    { "reg=r,pass=", "name=r;" },
    { "reg=r,pass", "name=r;" },
    { ",reg=r,,user=u,", "name=r;user=u;" },
    { "reg=r,pass=\xC3\xA4 b", "name=r;pass=\xC3\xA4 b;" },
    { "reg=r:5000,hostname=h:1,path-prefix=a/b", "name=r:5000;hostname=h:1;prefix=a/b;" },
    { "reg=r,token=t,tls=INSECURE", "name=r;token=t;tls=2;" },
    { "reg=r,cred-helper=docker-credential-x", "name=r;helper=docker-credential-x;" },
    { "reg=r,blob-chunk=5,blob-max=-1,req-concurrent=9,req-per-sec=0.5",
      "name=r;chunk=5;max=-1;concurrent=9;rate=0.50;" },
    { "reg=r,token-host=\"a.example,b.example:1\"", "name=r;tokenHost=a.example,b.example:1;" },
    { "reg=r,pass-file=one-line", "name=r;pass=secret;" },
    { "reg=r,pass-file=with-cr", "name=r;pass=secret;" },
    { "reg=r,pass-file=two-ends", "name=r;pass=secret\n;" },
    { "reg=r,pass-env=RF_TEST_PASS", "name=r;pass=from env;" },
};

static void setup(void)
{
    home_setup();
    home_write("one-line", "secret\n", 0600);
    home_write("with-cr", "secret\r\n", 0600);
    home_write("two-ends", "secret\n\n", 0600);
    home_write("empty", "\n", 0600);
    home_write("writable", "secret\n", 0620);
    home_write("ca.pem", PEM, 0644);
    (void)setenv("RF_TEST_PASS", "from env", 1);
    (void)setenv("RF_TEST_EMPTY", "", 1);
    (void)unsetenv("RF_TEST_NONE");
}

START_TEST(good_row)
{
    RF_CLEANUP(rf_host_release) struct rf_host h = { 0 };
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_host_flag_parse(good[_i].text, &h, &err) == 0, "%s: %s", good[_i].text,
                  err.msg);
    RF_CLEANUP(rf_freep) char *have = show(&h);
    ck_assert_msg(strcmp(have, good[_i].want) == 0, "%s: %s", good[_i].text, have);
}
END_TEST

static const struct {
    const char *text, *part;
} bad[] = {
    { "", "no registry is named; write --host reg=NAME" },
    { "user=u", "no registry is named" },
    { "reg=", "no registry is named" },
    { "reg.example", "unknown key \"reg.example\"; the keys are reg, " },
    { "reg=r,nosuch=1", "unknown key \"nosuch\"" },
    { "reg=r,PASS=canary", "unknown key \"PASS\"" },
    { "reg=r,user=a,user=b", "user= is given twice" },
    { "reg=r,pass=\"canary", "pass=: a quote or an escape is not closed" },
    { "reg=r,pass=canary\\", "not closed" },
    { "reg=r,=canary", "a value without a key" },
    { "reg=r,tls=maybe", "tls: \"maybe\" is none of" },
    { "reg=r,blob-chunk=-1", "blob-chunk: " },
    { "reg=r,blob-max=-2", "blob-max: " },
    { "reg=r,blob-max=1k", "blob-max: " },
    { "reg=r,req-concurrent=1001", "req-concurrent: " },
    { "reg=r,req-per-sec=nan", "req-per-sec: " },
    { "reg=r,req-per-sec=1x", "req-per-sec: " },
    { "reg=r,pass-file=absent", "pass-file: no file absent" },
    { "reg=r,pass-file=.", "pass-file: . is a folder" },
    { "reg=r,pass-file=empty", "pass-file: empty is empty" },
    { "reg=r,pass-file=writable",
      "pass-file: writable may be written by other users; run: chmod go-w writable" },
    { "reg=r,pass-env=RF_TEST_NONE", "pass-env: the environment has no RF_TEST_NONE" },
    { "reg=r,pass-env=RF_TEST_EMPTY", "pass-env: the environment has no" },
    { "reg=r,ca-file=absent", "ca-file: no file absent" },
};

START_TEST(bad_row)
{
    RF_CLEANUP(rf_host_release) struct rf_host h = { 0 };
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_host_flag_parse(bad[_i].text, &h, &err) == -RFE_USAGE, "%s", bad[_i].text);
    ck_assert_msg(strncmp(err.msg, "--host: ", 8) == 0 && strstr(err.msg, bad[_i].part) != NULL,
                  "%s: %s", bad[_i].text, err.msg);
    ck_assert_ptr_null(strstr(err.msg, "canary"));
    ck_assert_ptr_null(h.name);
}
END_TEST

/* What the merge refuses is the command line's fault too. */
START_TEST(added)
{
    RF_CLEANUP(rf_hosts_freep) struct rf_hosts *hosts = rf_hosts_new();
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_hosts_add_flag(hosts, "reg=docker.io,user=u,ca-file=ca.pem", &err), 0);
    ck_assert_str_eq(rf_hosts_get(hosts, "index.docker.io")->user, "u");
    ck_assert_str_eq(rf_hosts_get(hosts, "index.docker.io")->ca_pem, PEM);
    ck_assert_int_eq(rf_hosts_add_flag(hosts, "reg=a/b", &err), -RFE_USAGE);
    ck_assert_ptr_nonnull(strstr(err.msg, "--host: registry \"a/b\""));
    ck_assert_int_eq(rf_hosts_add_flag(hosts, "reg=r,ca-file=one-line", &err), -RFE_USAGE);
    ck_assert_ptr_nonnull(strstr(err.msg, "not in PEM form"));
    ck_assert_int_eq(rf_hosts_add_flag(hosts, "reg=r,user=a:b", &err), -RFE_USAGE);
}
END_TEST

START_TEST(readable_file_is_a_warning)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_hosts_freep) struct rf_hosts *hosts = rf_hosts_new();
    home_write("open", "secret", 0644);
    home_log_begin();
    ck_assert_int_eq(rf_hosts_add_flag(hosts, "reg=r,pass-file=open", &err), 0);
    ck_assert_int_eq(rf_hosts_add_flag(hosts, "reg=s,pass-file=one-line,ca-file=ca.pem", &err), 0);
    RF_CLEANUP(rf_freep) char *log = home_log_end();
    ck_assert_msg(strstr(log, "level=WARN") != NULL && strstr(log, "file=open") != NULL, "%s", log);
    ck_assert_msg(strstr(log, "one-line") == NULL && strstr(log, "ca.pem") == NULL, "%s", log);
    ck_assert_ptr_null(strstr(log, "secret"));
}
END_TEST

static const struct {
    const char *text, *want;
} hidden[] = {
    { "reg=r,user=u,pass=secret,tls=disabled", "reg=r,user=u,pass=******,tls=disabled" },
    { "pass=\"a,b\",reg=r", "pass=*****,reg=r" },
    { "reg=r,pass=a\\,b,user=u", "reg=r,pass=****,user=u" },
    { "reg=r,token=t", "reg=r,token=*" },
    { "reg=r,\"pass\"=t,user=u", "reg=r,\"pass\"=*,user=u" },
    { "reg=r,p\\ass=t", "reg=r,p\\ass=*" },
    { "reg=r,passwd=oops,user=u", "reg=r,passwd=****,user=u" },
    { "reg=r,pass-file=/x,pass-env=Y", "reg=r,pass-file=/x,pass-env=Y" },
    { "reg=r,pass=", "reg=r,pass=" },
    { "reg=r,pass=\"open,user=u", "reg=r,pass=************" },
    { "reg=r,user=\"pass=x", "reg=r,user=*******" },
    { "reg=r,pass=a\\", "reg=r,pass=**" },
    { "reg=r,\"pass=secret", "******************" },
    { "", "" },
    { ",,=,", ",,=," },
};

START_TEST(hide)
{
    RF_CLEANUP(rf_freep) char *text = rf_xstrdup(hidden[_i].text);
    rf_hosts_hide_flag(text);
    ck_assert_msg(strcmp(text, hidden[_i].want) == 0, "%s: %s", hidden[_i].text, text);
}
END_TEST

Suite *rf_host_flag_suite(void);
Suite *rf_host_flag_suite(void)
{
    Suite *s = suite_create("host_flag");
    TCase *t = tcase_create("host_flag");
    tcase_add_checked_fixture(t, setup, home_teardown);
    tcase_add_loop_test(t, good_row, 0, (int)RF_ARRAY_LEN(good));
    tcase_add_loop_test(t, bad_row, 0, (int)RF_ARRAY_LEN(bad));
    tcase_add_test(t, added);
    tcase_add_test(t, readable_file_is_a_warning);
    tcase_add_loop_test(t, hide, 0, (int)RF_ARRAY_LEN(hidden));
    suite_add_tcase(s, t);
    return s;
}
