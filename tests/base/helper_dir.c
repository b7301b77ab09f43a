/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/base/helper_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "base/file.h"

static char dir[] = "/tmp/rf-test-XXXXXX";
static int saved_stderr = -1;
static FILE *captured;

void dir_setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chdir(dir), 0);
    (void)umask(022);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void dir_teardown(void)
{
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void dir_write(const char *name, const char *text)
{
    FILE *f = fopen(name, "we");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

bool dir_has(const char *name, const char *text)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    int rc = rf_file_read(name, &b, NULL);
    bool same = rc == 0 && rf_slice_is(rf_buf_slice(&b), text);
    rf_buf_release(&b);
    return same;
}

size_t dir_count(const char *name)
{
    DIR *d = opendir(name);
    ck_assert_ptr_nonnull(d);
    size_t n = 0;
    const struct dirent *e;
    while ((e = readdir(d)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            n++;
    (void)closedir(d);
    return n;
}

void stderr_begin(void)
{
    captured = tmpfile();
    ck_assert_ptr_nonnull(captured);
    (void)fflush(stderr);
    saved_stderr = dup(STDERR_FILENO);
    ck_assert_int_ge(saved_stderr, 0);
    ck_assert_int_eq(dup2(fileno(captured), STDERR_FILENO), STDERR_FILENO);
}

char *stderr_end(void)
{
    (void)fflush(stderr);
    ck_assert_int_eq(dup2(saved_stderr, STDERR_FILENO), STDERR_FILENO);
    (void)close(saved_stderr);
    long n = lseek(fileno(captured), 0, SEEK_END);
    ck_assert_int_ge(n, 0);
    char *text = calloc(1, (size_t)n + 1);
    ck_assert_ptr_nonnull(text);
    ck_assert_int_eq(pread(fileno(captured), text, (size_t)n, 0), n);
    (void)fclose(captured);
    return text;
}
