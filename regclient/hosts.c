/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/hosts.h"

#include <dirent.h>
#include <pthread.h>
#include <strings.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "regclient/cred_helper.h"
#include "regclient/host_merge.h"

#define CRED_EXPIRE_S 3600
#define HELPER_PAUSE_MS 5000 /* a helper that failed is not started again before */
#define HELPER_FRESH_MS 10000
#define CA_FILE_MAX (1u << 20)

/* What a helper said last. `lock` (rank 2) is held while it runs, so that it runs once for all threads. */
struct helper_answer {
    pthread_mutex_t lock;
    struct rf_login login;
    uint64_t at_ms; /* 0: nothing is known */
    struct rf_err failure;
};

struct entry {
    struct rf_host docker, said; /* the layers, as merged */
    struct rf_host full;         /* what rf_hosts_get gives; fixed once built */
    bool built;
    struct helper_answer answer;
};

struct rf_hosts {
    pthread_mutex_t lock; /* rank 1: entries and their building */
    struct entry **entries;
    size_t len, cap;
    struct rf_host defaults;
    char *store;
    char *certs_dir;
    bool no_docker_logins, no_docker_certs;
};

struct rf_hosts *rf_hosts_new(void)
{
    struct rf_hosts *h = rf_xcalloc(1, sizeof(*h));
    (void)pthread_mutex_init(&h->lock, NULL);
    return h;
}

static void entry_free(struct entry *e)
{
    rf_host_release(&e->docker);
    rf_host_release(&e->said);
    rf_host_release(&e->full);
    rf_login_release(&e->answer.login);
    (void)pthread_mutex_destroy(&e->answer.lock);
    free(e);
}

void rf_hosts_free(struct rf_hosts *h)
{
    if (h == NULL)
        return;
    for (size_t i = 0; i < h->len; i++)
        entry_free(h->entries[i]);
    free(h->entries);
    rf_host_release(&h->defaults);
    free(h->store);
    free(h->certs_dir);
    (void)pthread_mutex_destroy(&h->lock);
    free(h);
}

void rf_hosts_freep(struct rf_hosts **h)
{
    rf_hosts_free(*h);
    *h = NULL;
}

/* The entry of a normalised name, made when absent. Host names do not care about case. */
static struct entry *entry_of(struct rf_hosts *h, const char *name)
{
    for (size_t i = 0; i < h->len; i++)
        if (strcasecmp(h->entries[i]->said.name, name) == 0)
            return h->entries[i];
    struct entry *e = rf_xcalloc(1, sizeof(*e));
    (void)pthread_mutex_init(&e->answer.lock, NULL);
    e->said.name = rf_xstrdup(name);
    e->docker.name = rf_xstrdup(name);
    h->entries = rf_grow(h->entries, h->len, &h->cap, sizeof(struct entry *));
    h->entries[h->len++] = e;
    return e;
}

static int check_named(const struct rf_host *settings, char **name, struct rf_err *err)
{
    const char *given = settings->name != NULL ? settings->name : "";
    bool exact = false;
    RF_CLEANUP(rf_freep) char *normal = rf_host_name_of(given, &exact);
    if (normal == NULL || !exact)
        return rf_fail(err, RFE_CONFIG,
                       "registry \"%.255s\": not a registry name (host or host:port)", given);
    int rc = rf_host_check(settings, err);
    if (rc < 0)
        return rf_wrap(err, rc, "registry %s", normal);
    *name = RF_STEAL(normal);
    return 0;
}

int rf_hosts_merge(struct rf_hosts *h, const struct rf_host *settings, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *name = NULL;
    int rc = check_named(settings, &name, err);
    if (rc < 0)
        return rc;
    struct entry *e = entry_of(h, name);
    RF_CHECK(!e->built); /* frozen from the first rf_hosts_get of this registry on */
    rf_host_merge(&e->said, settings, true);
    return 0;
}

int rf_hosts_merge_docker(struct rf_hosts *h, const struct rf_host *settings, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *name = NULL;
    int rc = check_named(settings, &name, err);
    if (rc < 0)
        return rc;
    struct entry *e = entry_of(h, name);
    RF_CHECK(!e->built);
    rf_host_merge(&e->docker, settings, false);
    return 0;
}

int rf_hosts_merge_default(struct rf_hosts *h, const struct rf_host *settings, struct rf_err *err)
{
    int rc = rf_host_check(settings, err);
    if (rc < 0)
        return rc;
    struct rf_host general = *settings;
    if (settings->user != NULL || settings->pass != NULL || settings->token != NULL)
        rf_log(RF_LOG_WARN, "A login for every registry is passed over, give it for one registry",
               NULL);
    general.user = general.pass = general.token = NULL;
    general.name = general.hostname = general.cred_host = NULL;
    rf_host_merge(&h->defaults, &general, true);
    return 0;
}

int rf_hosts_set_store(struct rf_hosts *h, const char *helper, struct rf_err *err)
{
    if (!rf_cred_helper_name_valid(helper))
        return rf_fail(
            err, RFE_CONFIG,
            "credential helper \"%.64s\": not a program name of letters, digits, '.', '_' and '-'",
            helper);
    free(h->store);
    h->store = rf_xstrdup(helper);
    return 0;
}

void rf_hosts_use_docker(struct rf_hosts *h, bool logins, bool certs)
{
    h->no_docker_logins = !logins;
    h->no_docker_certs = !certs;
}

void rf_hosts_set_certs_dir(struct rf_hosts *h, const char *folder)
{
    free(h->certs_dir);
    h->certs_dir = rf_xstrdup(folder);
}

/* ---- building what rf_hosts_get gives ---- */

static int is_crt(const struct dirent *d)
{
    size_t len = strlen(d->d_name);
    return len > 4 && d->d_name[0] != '.' && strcmp(d->d_name + len - 4, ".crt") == 0;
}

static void add_ca_file(const char *path, struct rf_buf *pem)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf one;
    rf_buf_init(&one, CA_FILE_MAX);
    int rc = rf_file_read(path, &one, &err);
    if (rc == 0 && strstr(one.ptr, "-----BEGIN CERTIFICATE-----") == NULL)
        rc = rf_fail(&err, RFE_INVALID, "%s: no certificate in PEM form", path);
    if (rc < 0) {
        rf_log(RF_LOG_WARN, "A CA file of Docker is passed over", "error", err.msg, NULL);
        return;
    }
    rf_buf_add(pem, one.ptr, one.len);
    rf_buf_add_char(pem, '\n');
}

/* <folder>/<registry>/<any>.crt, in the order of their names. */
static void add_docker_cas(const char *folder, struct rf_host *host)
{
    RF_CLEANUP(rf_freep) char *dir = rf_path_join(folder, host->name);
    struct dirent **list = NULL;
    int n = scandir(dir, &list, is_crt, alphasort);
    if (n < 0)
        return;
    RF_CLEANUP(rf_buf_release) struct rf_buf pem;
    rf_buf_init(&pem, 0);
    if (host->ca_pem != NULL) {
        rf_buf_add_str(&pem, host->ca_pem);
        rf_buf_add_char(&pem, '\n');
    }
    size_t before = pem.len;
    for (int i = 0; i < n; i++) {
        RF_CLEANUP(rf_freep) char *path = rf_path_join(dir, list[i]->d_name);
        add_ca_file(path, &pem);
        free(list[i]);
    }
    free(list);
    if (pem.rc < 0 || pem.len == before)
        return;
    rf_wipe_freep(&host->ca_pem);
    host->ca_pem = rf_buf_take(&pem, NULL);
}

static bool has_login(const struct rf_host *host)
{
    return host->pass != NULL || host->token != NULL || host->cred_helper != NULL;
}

/* What is said over Docker's files is worth a line; over the defaults it is what they are for. */
static void log_changes(const struct entry *e)
{
    RF_CLEANUP(rf_host_release) struct rf_host scratch = { .name = rf_xstrdup(e->said.name) };
    rf_host_merge(&scratch, &e->docker, false);
    rf_host_merge(&scratch, &e->said, true);
}

static void build(struct rf_hosts *h, struct entry *e)
{
    struct rf_host *f = &e->full;
    f->name = rf_xstrdup(e->said.name);
    bool hub = strcmp(f->name, RF_HUB_NAME) == 0;
    f->hostname = hub ? rf_xstrdup(RF_HUB_HOSTNAME) : NULL;
    rf_host_merge(f, &h->defaults, false);
    if (!h->no_docker_logins) {
        log_changes(e);
        rf_host_merge(f, &e->docker, false);
    }
    rf_host_merge(f, &e->said, false);
    if (f->hostname == NULL)
        f->hostname = rf_xstrdup(f->name);
    if (!has_login(f) && h->store != NULL && !h->no_docker_logins)
        f->cred_helper = rf_xstrdup(h->store);
    if (f->cred_host == NULL)
        f->cred_host = rf_xstrdup(hub ? RF_HUB_CRED_HOST : f->hostname);
    if (f->tls == RF_TLS_UNSET)
        f->tls = RF_TLS_ENABLED;
    if (f->cred_expire_s == 0)
        f->cred_expire_s = CRED_EXPIRE_S;
    if (h->certs_dir != NULL && !h->no_docker_certs)
        add_docker_cas(h->certs_dir, f);
    e->built = true;
}

const struct rf_host *rf_hosts_get(struct rf_hosts *h, const char *name)
{
    RF_CLEANUP(rf_freep) char *normal = rf_host_name_of(name, NULL);
    /* Names come out of parsed references; anything else fails when its URL is formed. */
    if (normal == NULL)
        normal = rf_xstrdup(name);
    (void)pthread_mutex_lock(&h->lock);
    struct entry *e = entry_of(h, normal);
    if (!e->built)
        build(h, e);
    (void)pthread_mutex_unlock(&h->lock);
    return &e->full;
}

const char *rf_hosts_name(const struct rf_hosts *h, size_t i)
{
    return i < h->len ? h->entries[i]->said.name : NULL;
}

/* ---- logging in ---- */

static struct entry *entry_with(struct rf_hosts *h, const struct rf_host *host)
{
    struct entry *found = NULL;
    (void)pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < h->len && found == NULL; i++)
        if (&h->entries[i]->full == host)
            found = h->entries[i];
    (void)pthread_mutex_unlock(&h->lock);
    return found;
}

static void hand_out(const struct rf_login *l, char **user, char **pass, char **token)
{
    *user = rf_xstrdup(l->user);
    *pass = rf_xstrdup(l->pass);
    *token = rf_xstrdup(l->token);
}

static bool still_good(const struct helper_answer *a, const struct rf_host *host, uint64_t now)
{
    if (a->at_ms == 0)
        return false;
    if (a->failure.code != 0)
        return now - a->at_ms < HELPER_PAUSE_MS;
    return (now - a->at_ms) / 1000 < host->cred_expire_s;
}

/* Old stores file a login under the URL instead of the name. */
static int ask_helper(const struct rf_host *host, struct rf_login *out, struct rf_err *err)
{
    int rc = rf_cred_helper_get(host->cred_helper, host->cred_host, out, err);
    if (rc < 0 || out->pass != NULL || out->token != NULL || strstr(host->cred_host, "://") != NULL)
        return rc;
    RF_CLEANUP(rf_freep) char *url = rf_xasprintf("https://%s", host->cred_host);
    return rf_cred_helper_get(host->cred_helper, url, out, err);
}

static int login_by_helper(struct entry *e, char **user, char **pass, char **token,
                           struct rf_err *err)
{
    struct helper_answer *a = &e->answer;
    int rc = 0;
    (void)pthread_mutex_lock(&a->lock);
    if (!still_good(a, &e->full, rf_now_ms())) {
        rf_login_release(&a->login);
        a->failure = (struct rf_err)RF_ERR_INIT;
        rc = ask_helper(&e->full, &a->login, &a->failure);
        a->at_ms = rf_now_ms();
    }
    if (a->failure.code != 0) {
        rc = -a->failure.code;
        if (err != NULL)
            *err = a->failure;
    } else {
        hand_out(&a->login, user, pass, token);
    }
    (void)pthread_mutex_unlock(&a->lock);
    return rc;
}

int rf_host_login(struct rf_hosts *h, const struct rf_host *host, char **user, char **pass,
                  char **token, struct rf_err *err)
{
    struct entry *e = host->cred_helper != NULL ? entry_with(h, host) : NULL;
    if (e != NULL)
        return login_by_helper(e, user, pass, token, err);
    RF_CLEANUP(rf_login_release) struct rf_login login = { 0 };
    if (host->cred_helper != NULL) {
        int rc = ask_helper(host, &login, err);
        if (rc < 0)
            return rc;
    } else {
        login = (struct rf_login){ rf_xstrdup(host->user), rf_xstrdup(host->pass),
                                   rf_xstrdup(host->token) };
    }
    hand_out(&login, user, pass, token);
    return 0;
}

bool rf_host_login_forget(struct rf_hosts *h, const struct rf_host *host)
{
    struct entry *e = host->cred_helper != NULL ? entry_with(h, host) : NULL;
    if (e == NULL)
        return false;
    struct helper_answer *a = &e->answer;
    /* Being asked right now: there will be something new, and nobody waits for it here. */
    if (pthread_mutex_trylock(&a->lock) != 0)
        return true;
    bool old = a->at_ms != 0 && rf_now_ms() - a->at_ms >= HELPER_FRESH_MS;
    if (old) {
        rf_login_release(&a->login);
        a->at_ms = 0;
    }
    (void)pthread_mutex_unlock(&a->lock);
    return old;
}
