/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libarchive, loaded when the first tar is opened: it brings libraries for XML and Unicode that we never use, two MiB of a program's memory, and most
 * runs read no tar through it. As regclient/curl_lazy.c, our functions have the names of its own and pass every call on. A function that is
 * used and not listed here does not link.
 */
#include <archive.h>
#include <archive_entry.h>

#ifdef RF_ARCHIVE_SONAME
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "base/lazy.h"
#include "base/mem.h"

#define FUNCTIONS(X)                     \
    X(archive_entry_filetype)            \
    X(archive_entry_free)                \
    X(archive_entry_gid)                 \
    X(archive_entry_gname)               \
    X(archive_entry_gname_utf8)          \
    X(archive_entry_hardlink)            \
    X(archive_entry_hardlink_utf8)       \
    X(archive_entry_mtime)               \
    X(archive_entry_mtime_nsec)          \
    X(archive_entry_new)                 \
    X(archive_entry_pathname)            \
    X(archive_entry_pathname_utf8)       \
    X(archive_entry_perm)                \
    X(archive_entry_set_filetype)        \
    X(archive_entry_set_gid)             \
    X(archive_entry_set_mtime)           \
    X(archive_entry_set_pathname)        \
    X(archive_entry_set_perm)            \
    X(archive_entry_set_size)            \
    X(archive_entry_set_symlink)         \
    X(archive_entry_set_uid)             \
    X(archive_entry_size)                \
    X(archive_entry_size_is_set)         \
    X(archive_entry_sparse_count)        \
    X(archive_entry_symlink)             \
    X(archive_entry_symlink_utf8)        \
    X(archive_entry_uid)                 \
    X(archive_entry_uname)               \
    X(archive_entry_uname_utf8)          \
    X(archive_errno)                     \
    X(archive_error_string)              \
    X(archive_filter_bytes)              \
    X(archive_read_append_filter)        \
    X(archive_read_data)                 \
    X(archive_read_free)                 \
    X(archive_read_new)                  \
    X(archive_read_next_header)          \
    X(archive_read_open1)                \
    X(archive_read_set_callback_data)    \
    X(archive_read_set_read_callback)    \
    X(archive_read_set_skip_callback)    \
    X(archive_read_support_format_tar)   \
    X(archive_set_error)                 \
    X(archive_write_close)               \
    X(archive_write_data)                \
    X(archive_write_free)                \
    X(archive_write_header)              \
    X(archive_write_new)                 \
    X(archive_write_open)                \
    X(archive_write_set_bytes_per_block) \
    X(archive_write_set_format_pax_restricted)

#define MEMBER(name) __typeof__(&name) name;
static struct {
    FUNCTIONS(MEMBER)
} real;
static bool loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
#define NAME(name) #name,
    static const char *const names[] = { FUNCTIONS(NAME) };
    loaded = rf_lazy_load(RF_ARCHIVE_SONAME, names, RF_ARRAY_LEN(names), &real);
}

/* Everything begins with one of these; NULL when the library is not there. */
#define START(type, name)                   \
    type *name(void)                        \
    {                                       \
        (void)pthread_once(&once, load);    \
        return loaded ? real.name() : NULL; \
    }

START(struct archive, archive_read_new)
START(struct archive, archive_write_new)
START(struct archive_entry, archive_entry_new)

/* Freeing nothing is always right. */

void archive_entry_free(struct archive_entry *a)
{
    if (a != NULL)
        real.archive_entry_free(a);
}

int archive_read_free(struct archive *a)
{
    return a != NULL ? real.archive_read_free(a) : ARCHIVE_OK;
}

int archive_write_free(struct archive *a)
{
    return a != NULL ? real.archive_write_free(a) : ARCHIVE_OK;
}

void archive_set_error(struct archive *a, int number, const char *format, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, format);
    (void)vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    real.archive_set_error(a, number, "%s", text);
}

mode_t archive_entry_filetype(struct archive_entry *a)
{
    return real.archive_entry_filetype(a);
}

la_int64_t archive_entry_gid(struct archive_entry *a)
{
    return real.archive_entry_gid(a);
}

const char *archive_entry_gname(struct archive_entry *a)
{
    return real.archive_entry_gname(a);
}

const char *archive_entry_gname_utf8(struct archive_entry *a)
{
    return real.archive_entry_gname_utf8(a);
}

const char *archive_entry_hardlink(struct archive_entry *a)
{
    return real.archive_entry_hardlink(a);
}

const char *archive_entry_hardlink_utf8(struct archive_entry *a)
{
    return real.archive_entry_hardlink_utf8(a);
}

time_t archive_entry_mtime(struct archive_entry *a)
{
    return real.archive_entry_mtime(a);
}

long archive_entry_mtime_nsec(struct archive_entry *a)
{
    return real.archive_entry_mtime_nsec(a);
}

const char *archive_entry_pathname(struct archive_entry *a)
{
    return real.archive_entry_pathname(a);
}

const char *archive_entry_pathname_utf8(struct archive_entry *a)
{
    return real.archive_entry_pathname_utf8(a);
}

mode_t archive_entry_perm(struct archive_entry *a)
{
    return real.archive_entry_perm(a);
}

void archive_entry_set_filetype(struct archive_entry *a, unsigned int b)
{
    real.archive_entry_set_filetype(a, b);
}

void archive_entry_set_gid(struct archive_entry *a, la_int64_t b)
{
    real.archive_entry_set_gid(a, b);
}

void archive_entry_set_mtime(struct archive_entry *a, time_t b, long c)
{
    real.archive_entry_set_mtime(a, b, c);
}

void archive_entry_set_pathname(struct archive_entry *a, const char *b)
{
    real.archive_entry_set_pathname(a, b);
}

void archive_entry_set_perm(struct archive_entry *a, mode_t b)
{
    real.archive_entry_set_perm(a, b);
}

void archive_entry_set_size(struct archive_entry *a, la_int64_t b)
{
    real.archive_entry_set_size(a, b);
}

void archive_entry_set_symlink(struct archive_entry *a, const char *b)
{
    real.archive_entry_set_symlink(a, b);
}

void archive_entry_set_uid(struct archive_entry *a, la_int64_t b)
{
    real.archive_entry_set_uid(a, b);
}

la_int64_t archive_entry_size(struct archive_entry *a)
{
    return real.archive_entry_size(a);
}

int archive_entry_size_is_set(struct archive_entry *a)
{
    return real.archive_entry_size_is_set(a);
}

int archive_entry_sparse_count(struct archive_entry *a)
{
    return real.archive_entry_sparse_count(a);
}

const char *archive_entry_symlink(struct archive_entry *a)
{
    return real.archive_entry_symlink(a);
}

const char *archive_entry_symlink_utf8(struct archive_entry *a)
{
    return real.archive_entry_symlink_utf8(a);
}

la_int64_t archive_entry_uid(struct archive_entry *a)
{
    return real.archive_entry_uid(a);
}

const char *archive_entry_uname(struct archive_entry *a)
{
    return real.archive_entry_uname(a);
}

const char *archive_entry_uname_utf8(struct archive_entry *a)
{
    return real.archive_entry_uname_utf8(a);
}

int archive_errno(struct archive *a)
{
    return real.archive_errno(a);
}

const char *archive_error_string(struct archive *a)
{
    return real.archive_error_string(a);
}

la_int64_t archive_filter_bytes(struct archive *a, int b)
{
    return real.archive_filter_bytes(a, b);
}

int archive_read_append_filter(struct archive *a, int b)
{
    return real.archive_read_append_filter(a, b);
}

la_ssize_t archive_read_data(struct archive *a, void *b, size_t c)
{
    return real.archive_read_data(a, b, c);
}

int archive_read_next_header(struct archive *a, struct archive_entry **b)
{
    return real.archive_read_next_header(a, b);
}

int archive_read_open1(struct archive *a)
{
    return real.archive_read_open1(a);
}

int archive_read_set_callback_data(struct archive *a, void *b)
{
    return real.archive_read_set_callback_data(a, b);
}

int archive_read_set_read_callback(struct archive *a, archive_read_callback *b)
{
    return real.archive_read_set_read_callback(a, b);
}

int archive_read_set_skip_callback(struct archive *a, archive_skip_callback *b)
{
    return real.archive_read_set_skip_callback(a, b);
}

int archive_read_support_format_tar(struct archive *a)
{
    return real.archive_read_support_format_tar(a);
}

int archive_write_close(struct archive *a)
{
    return real.archive_write_close(a);
}

la_ssize_t archive_write_data(struct archive *a, const void *b, size_t c)
{
    return real.archive_write_data(a, b, c);
}

int archive_write_header(struct archive *a, struct archive_entry *b)
{
    return real.archive_write_header(a, b);
}

int archive_write_open(struct archive *a, void *b, archive_open_callback *c,
                       archive_write_callback *d, archive_close_callback *e)
{
    return real.archive_write_open(a, b, c, d, e);
}

int archive_write_set_bytes_per_block(struct archive *a, int b)
{
    return real.archive_write_set_bytes_per_block(a, b);
}

int archive_write_set_format_pax_restricted(struct archive *a)
{
    return real.archive_write_set_format_pax_restricted(a);
}
#endif
