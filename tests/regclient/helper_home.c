/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/regclient/helper_home.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

static char dir[] = "/tmp/rf-test-XXXXXX";
static int saved_stderr = -1;

const char *home_dir(void)
{
    return dir;
}

void home_setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chdir(dir), 0);
    (void)umask(022);
    (void)setenv("HOME", dir, 1);
    RF_CLEANUP(rf_freep) char *path = rf_xasprintf("%s:/usr/bin:/bin", dir);
    (void)setenv("PATH", path, 1);
    static const char *const gone[] = { "DOCKER_CONFIG", "DOCKER_AUTH_CONFIG", "REGCTL_CONFIG",
                                        "XDG_CONFIG_HOME" };
    for (size_t i = 0; i < RF_ARRAY_LEN(gone); i++)
        (void)unsetenv(gone[i]);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void home_teardown(void)
{
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void home_write(const char *name, const char *text, unsigned mode)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_freep) char *folder = rf_xstrdup(name);
    char *slash = strrchr(folder, '/');
    if (slash != NULL) {
        *slash = '\0';
        ck_assert_msg(rf_mkdirs(folder, 0700, &err) == 0, "%s", err.msg);
    }
    ck_assert_msg(rf_file_write(name, rf_slice_str(text), 0600, &err) == 0, "%s", err.msg);
    ck_assert_int_eq(chmod(name, mode), 0);
}

void home_program(const char *name, const char *script)
{
    RF_CLEANUP(rf_freep) char *text = rf_xasprintf("#!/bin/sh\n%s\n", script);
    home_write(name, text, 0755);
}

char *home_read(const char *name)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    if (rf_file_read(name, &b, NULL) < 0) {
        rf_buf_release(&b);
        return NULL;
    }
    return rf_buf_take(&b, NULL);
}

void home_log_begin(void)
{
    int fd = open("log", O_CREAT | O_TRUNC | O_WRONLY | O_APPEND, 0600);
    ck_assert_int_ge(fd, 0);
    saved_stderr = dup(2);
    ck_assert_int_ge(dup2(fd, 2), 0);
    (void)close(fd);
}

char *home_log_end(void)
{
    ck_assert_int_ge(dup2(saved_stderr, 2), 0);
    (void)close(saved_stderr);
    char *text = home_read("log");
    ck_assert_ptr_nonnull(text);
    return text;
}
