/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

int rf_secret_file_parse(const char *path, const char *what,
                         int (*parse)(void *ctx, struct rf_slice bytes, const char *path,
                                      bool *logins, struct rf_err *err),
                         void *ctx, struct rf_err *err)
{
    char *bytes = NULL;
    size_t len = 0;
    bool exposed = false, logins = false;
    struct rf_err cause = RF_ERR_INIT;
    int rc = rf_secret_file_read(path, RF_SECRET_FILE_MAX, &bytes, &len, &exposed, &cause);
    if (rc == -RFE_NOT_FOUND)
        return 0;
    if (rc < 0)
        return rf_fail(err, RFE_CONFIG, "%s: %s", what, cause.msg);
    if (len > 0)
        rc = parse(ctx, rf_slice_of(bytes, len), path, &logins, err);
    rf_secret_free(&bytes, len);
    if (rc == 0 && exposed && logins)
        rf_secret_warn_exposed(path);
    return rc;
}

void rf_secret_free(char **p, size_t len)
{
    if (*p != NULL)
        rf_wipe(*p, len);
    free(*p);
    *p = NULL;
}

static int check_mode(const char *path, const struct stat *st, bool *exposed, struct rf_err *err)
{
    if (S_ISDIR(st->st_mode))
        return rf_fail(err, RFE_CONFIG, "%s is a folder, not a file", path);
    /* Pipes and terminals belong to the two processes that hold them. */
    if (!S_ISREG(st->st_mode))
        return 0;
    if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        int rc = rf_fail(err, RFE_REFUSED, "%s may be written by other users", path);
        return rf_hint(err, rc, "run: chmod go-w %s", path);
    }
    *exposed = (st->st_mode & (S_IRGRP | S_IROTH)) != 0;
    return 0;
}

/* Reads to the end. The buffer is never enlarged by realloc, which would leave an unwiped copy behind. */
static int read_all(int fd, const char *path, size_t max, char **out, size_t *len,
                    struct rf_err *err)
{
    size_t cap = 0, n = 0;
    char *buf = NULL;
    for (;;) {
        if (n == cap) {
            size_t more = cap == 0 ? 4096 : cap * 2;
            char *larger = rf_xmalloc(more + 1);
            if (n > 0)
                memcpy(larger, buf, n);
            rf_secret_free(&buf, n);
            buf = larger;
            cap = more;
        }
        ssize_t got = read(fd, buf + n, cap - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int errnum = errno;
            rf_secret_free(&buf, n);
            return rf_fail_errno(err, errnum, "read %s", path);
        }
        if (got == 0)
            break;
        n += (size_t)got;
        if (n > max) {
            rf_secret_free(&buf, n);
            return rf_fail(err, RFE_TOO_LARGE, "%s is larger than %zu bytes", path, max);
        }
    }
    buf[n] = '\0';
    *out = buf;
    *len = n;
    return 0;
}

int rf_secret_file_read(const char *path, size_t max, char **out, size_t *len, bool *exposed,
                        struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return rf_fail(err, RFE_NOT_FOUND, "no file %s", path);
    if (fd < 0)
        return rf_fail_errno(err, errno, "open %s", path);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return rf_fail_errno(err, errno, "read %s", path);
    bool open_to_others = false;
    int rc = check_mode(path, &st, &open_to_others, err);
    if (rc < 0)
        return rc;
    rc = read_all(fd, path, max, out, len, err);
    if (rc == 0 && exposed != NULL)
        *exposed = open_to_others;
    return rc;
}

void rf_secret_warn_exposed(const char *path)
{
    rf_log(RF_LOG_WARN, "A file with logins may be read by other users", "file", path, "next",
           "chmod go-r", NULL);
}

static void wipe_values(json_t *j, unsigned depth)
{
    if (json_is_string(j)) {
        /* jansson hands its own bytes out as const; they are ours as the only holder of the document. */
        rf_wipe((void *)(uintptr_t)json_string_value(j), json_string_length(j));
        return;
    }
    if (depth > RF_JSON_DEPTH)
        return;
    const char *key;
    json_t *value;
    json_object_foreach (j, key, value)
        wipe_values(value, depth + 1);
    for (size_t i = 0; i < json_array_size(j); i++)
        wipe_values(json_array_get(j, i), depth + 1);
}

void rf_secret_json_wipep(json_t **j)
{
    if (*j == NULL)
        return;
    wipe_values(*j, 0);
    json_decref(*j);
    *j = NULL;
}

int rf_secret_json_parse(struct rf_slice bytes, size_t max, json_t **out, struct rf_err *err)
{
    struct rf_err cause = RF_ERR_INIT;
    int rc = rf_json_parse(bytes, max, out, &cause);
    if (rc == 0)
        return 0;
    /* The parser's messages end with the text that it stumbled over. */
    char *quote = strstr(cause.msg, " near ");
    if (quote != NULL)
        *quote = '\0';
    if (err != NULL)
        *err = cause;
    return rc;
}

char *rf_secret_home(void)
{
    const char *home = getenv("HOME");
    if (home != NULL && home[0] != '\0')
        return rf_xstrdup(home);
    struct passwd pw, *found = NULL;
    char buf[4096];
    if (getpwuid_r(getuid(), &pw, buf, sizeof(buf), &found) != 0 || found == NULL)
        return NULL;
    return rf_xstrdup(found->pw_dir);
}
