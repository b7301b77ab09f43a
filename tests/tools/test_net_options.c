/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/net_options.h"

#include <check.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static char dir[] = "/tmp/rf-test-XXXXXX";

static void write_file(const char *name, const char *text)
{
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_file_write(name, rf_slice_str(text), 0600, &err) == 0, "%s", err.msg);
}

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chdir(dir), 0);
    (void)setenv("HOME", dir, 1);
    (void)setenv("DOCKER_CONFIG", dir, 1);
    (void)setenv("REGCTL_CONFIG", "regctl.json", 1);
    (void)unsetenv("DOCKER_AUTH_CONFIG");
    (void)unsetenv("XDG_CONFIG_HOME");
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static void teardown(void)
{
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static int add_creds(void *ctx, struct rf_hosts *hosts, struct rf_err *err)
{
    const struct rf_host *h = ctx;
    return rf_hosts_merge(hosts, h, err);
}

/* Docker's file, regctl's file, the YAML file, --host: each overrides the one before, field by field. */
START_TEST(order)
{
    write_file("config.json",
               "{\"auths\":{\"reg.example\":{\"username\":\"docker\",\"password\":\"d\"}}}");
    write_file(
        "regctl.json",
        "{\"hosts\":{\"reg.example\":{\"user\":\"regctl\",\"tls\":\"insecure\",\"hostname\":\"a.example\",\"reqConcurrent\":5}}}");
    char name[] = "reg.example", host_name[] = "b.example", prefix[] = "cache",
         flag[] = "reg=reg.example,path-prefix=flag";
    char *flags[] = { flag };
    struct rf_host yaml = { .name = name, .hostname = host_name, .path_prefix = prefix };
    const struct rf_net_options o = { .hosts = { .items = flags, .n = 1 },
                                      .verbosity = "ERROR",
                                      .output = "text",
                                      .progress = "none" };
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_net_options_apply(&o, &err), 0);
    RF_CLEANUP(rf_hosts_freep) struct rf_hosts *hosts = NULL;
    ck_assert_msg(rf_net_hosts(&o, add_creds, &yaml, &hosts, &err) == 0, "%s", err.msg);
    const struct rf_host *h = rf_hosts_get(hosts, "reg.example");
    ck_assert_str_eq(h->pass, "d");
    ck_assert_str_eq(h->user, "regctl");
    ck_assert_str_eq(h->hostname, "b.example");
    ck_assert_str_eq(h->path_prefix, "flag");
    ck_assert_int_eq(h->tls, RF_TLS_INSECURE);
    ck_assert_uint_eq(h->req_concurrent, 5);
    struct rf_client *client = NULL;
    ck_assert_msg(rf_net_client(&o, NULL, NULL, &client, &err) == 0, "%s", err.msg);
    rf_client_free(client);
}
END_TEST

START_TEST(failures)
{
    char flag[] = "reg=x,unknown=1", *flags[] = { flag };
    struct rf_net_options o = { .hosts = { .items = flags, .n = 1 },
                                .verbosity = "WARN",
                                .output = "text",
                                .progress = "none" };
    struct rf_err err = RF_ERR_INIT;
    struct rf_hosts *hosts = NULL;
    struct rf_client *client = NULL;
    ck_assert_int_eq(rf_net_hosts(&o, NULL, NULL, &hosts, &err), -RFE_USAGE);
    ck_assert_ptr_null(hosts);
    ck_assert_int_eq(rf_net_client(&o, NULL, NULL, &client, &err), -RFE_USAGE);
    o.hosts.n = 0;
    write_file("regctl.json", "{");
    ck_assert_int_eq(rf_net_hosts(&o, NULL, NULL, &hosts, &err), -RFE_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.msg, "regctl.json"));
    o.verbosity = "loud";
    ck_assert_int_eq(rf_net_options_apply(&o, &err), -RFE_USAGE);
}
END_TEST

Suite *rf_net_options_suite(void);
Suite *rf_net_options_suite(void)
{
    Suite *s = suite_create("net_options");
    TCase *t = tcase_create("net_options");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, order);
    tcase_add_test(t, failures);
    suite_add_tcase(s, t);
    return s;
}
