/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/oci_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/text.h"

#define WAIT_MS 60000
#define POLL_MS 50

struct use {
    char *repo;
    unsigned holds;
    bool collecting;
    int fd; /* of its own folder in a tree, with the shared kernel lock, while it is held; or -1 */
};

struct rf_oci_guard {
    char *path;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t collected;
    struct use *uses; /* of repositories that are held or collected in */
    size_t n, cap;
    int fd; /* of path, with the shared kernel lock; -1 before the first write */
};

struct rf_oci_guard *rf_oci_guard_new(const char *path)
{
    struct rf_oci_guard *g = rf_xcalloc(1, sizeof(*g));
    g->path = rf_xstrdup(path);
    g->fd = -1;
    (void)pthread_mutex_init(&g->lock, NULL);
    (void)pthread_cond_init(&g->collected, NULL);
    return g;
}

void rf_oci_guard_free(struct rf_oci_guard *g)
{
    if (g == NULL)
        return;
    rf_closep(&g->fd);
    for (size_t i = 0; i < g->n; i++) {
        rf_closep(&g->uses[i].fd);
        free(g->uses[i].repo);
    }
    free(g->uses);
    (void)pthread_cond_destroy(&g->collected);
    (void)pthread_mutex_destroy(&g->lock);
    free(g->path);
    free(g);
}

/* ---- kernel locks ---- */

/* Some network file systems have none on folders: then the counts have to do. */
static bool no_such_lock(int errnum)
{
    return errnum == EOPNOTSUPP || errnum == ENOLCK || errnum == EBADF || errnum == EINVAL;
}

static int open_folder(const char *path, struct rf_err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? rf_fail_errno(err, errno, "%s", path) : fd;
}

/* g->lock is held. */
static int share(const char *path, int *shared, struct rf_err *err)
{
    if (*shared >= 0)
        return 0;
    int opened = open_folder(path, err);
    if (opened < 0)
        return opened;
    RF_CLEANUP(rf_closep) int fd = opened;
    uint64_t until = rf_now_ms() + WAIT_MS;
    while (flock(fd, LOCK_SH | LOCK_NB) < 0 && !no_such_lock(errno)) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return rf_fail_errno(err, errno, "lock %s", path);
        if (rf_now_ms() >= until)
            return rf_fail(err, RFE_BUSY, "%s: another process collects garbage", path);
        int rc = rf_cancel_sleep(POLL_MS, err);
        if (rc < 0)
            return rc;
    }
    *shared = rf_steal_fd(&fd);
    return 0;
}

static int lock_alone(int fd, const char *path, struct rf_err *err)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 || no_such_lock(errno))
        return 0;
    if (errno == EWOULDBLOCK)
        return rf_fail(err, RFE_BUSY, "%s: another process writes there", path);
    return rf_fail_errno(err, errno, "lock %s", path);
}

/* ---- counts ---- */

/* g->lock is held; the pointer is good until it is released. */
static struct use *use_of(struct rf_oci_guard *g, const char *repo)
{
    for (size_t i = 0; i < g->n; i++)
        if (strcmp(g->uses[i].repo, repo) == 0)
            return &g->uses[i];
    g->uses = rf_grow(g->uses, g->n, &g->cap, sizeof(*g->uses));
    struct use *u = &g->uses[g->n++];
    *u = (struct use){ .repo = rf_xstrdup(repo), .fd = -1 };
    return u;
}

static void drop_idle(struct rf_oci_guard *g, struct use *u)
{
    if (u->holds > 0)
        return;
    rf_closep(&u->fd);
    if (u->collecting)
        return;
    free(u->repo);
    *u = g->uses[--g->n];
}

/* g->lock is held. */
static struct use *held(const struct rf_oci_guard *g, const char *repo)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->uses[i].holds > 0 && strcmp(g->uses[i].repo, repo) == 0)
            return &g->uses[i];
    return NULL;
}

int rf_oci_guard_write(struct rf_oci_guard *g, const char *repo, const char *folder,
                       struct rf_err *err)
{
    (void)pthread_mutex_lock(&g->lock);
    int rc = share(g->path, &g->fd, err);
    struct use *u = rc == 0 && folder != NULL ? held(g, repo) : NULL;
    if (u != NULL)
        rc = share(folder, &u->fd, err);
    (void)pthread_mutex_unlock(&g->lock);
    return rc;
}

void rf_oci_guard_hold(struct rf_oci_guard *g, const char *repo)
{
    (void)pthread_mutex_lock(&g->lock);
    while (use_of(g, repo)->collecting)
        (void)pthread_cond_wait(&g->collected, &g->lock);
    use_of(g, repo)->holds++;
    (void)pthread_mutex_unlock(&g->lock);
}

void rf_oci_guard_unhold(struct rf_oci_guard *g, const char *repo)
{
    (void)pthread_mutex_lock(&g->lock);
    struct use *u = use_of(g, repo);
    RF_CHECK(u->holds > 0);
    u->holds--;
    drop_idle(g, u);
    (void)pthread_mutex_unlock(&g->lock);
}

/* ---- collecting ---- */

/* g->lock is held, and let go of while fn runs. */
static int collect(struct rf_oci_guard *g, const char *folder,
                   int (*fn)(void *ctx, struct rf_err *err), void *ctx, struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int own = -1;
    int rc = share(g->path, &g->fd, err);
    if (rc < 0)
        return rc;
    rc = lock_alone(g->fd, g->path, err);
    if (rc == 0 && folder != NULL) {
        own = open_folder(folder, err);
        rc = own < 0 ? own : lock_alone(own, folder, err);
    }
    (void)pthread_mutex_unlock(&g->lock);
    if (rc == 0)
        rc = fn(ctx, err);
    (void)pthread_mutex_lock(&g->lock);
    /* Also after a failure: a change of a lock that fails may have lost the old one. */
    (void)flock(g->fd, LOCK_SH);
    return rc;
}

int rf_oci_guard_collect(struct rf_oci_guard *g, const char *repo, const char *folder,
                         int (*fn)(void *ctx, struct rf_err *err), void *ctx, struct rf_err *err)
{
    (void)pthread_mutex_lock(&g->lock);
    struct use *u = use_of(g, repo);
    int rc;
    if (u->holds > 0 || u->collecting) {
        rc = rf_fail(err, RFE_BUSY, "%s: in use", folder != NULL ? folder : g->path);
    } else {
        u->collecting = true;
        rc = collect(g, folder, fn, ctx, err);
        u = use_of(g, repo);
        u->collecting = false;
        (void)pthread_cond_broadcast(&g->collected);
    }
    drop_idle(g, u);
    (void)pthread_mutex_unlock(&g->lock);
    return rc;
}
