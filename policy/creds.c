/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/creds.h"

#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "manifests/reference.h"
#include "policy/render.h"

#define CREDS_MAX 10000

/* One entry while it is read. */
struct entry {
    struct rf_host host;
    struct rf_creds_text text;
};
#define HOST(member) offsetof(struct entry, host.member)
#define TEXT(member) offsetof(struct entry, text.member)

/* A text in which templates are expanded; never shown in a message, it may be a password. */
static int set_template(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                        void *field, struct rf_err *err)
{
    const char *text = NULL;
    char **out = field, *expanded = NULL;
    struct rf_err cause = RF_ERR_INIT;
    int rc = rf_yaml_text(r->doc, value, r->key, &text, err);
    if (rc < 0)
        return rc;
    if (rf_render(text, NULL, &expanded, &cause) < 0)
        return rf_yaml_fail(r->doc, value, err, "%s: %s", r->key, cause.msg);
    rf_wipe_freep(out);
    *out = expanded;
    return 0;
}

static int set_tls(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                   struct rf_err *err)
{
    static const char *const names[] = { "", "enabled", "insecure", "disabled" };
    const char *text = NULL;
    int rc = rf_yaml_text(r->doc, value, r->key, &text, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < RF_ARRAY_LEN(names); i++) {
        if (strcasecmp(text, names[i]) != 0)
            continue;
        *(enum rf_tls *)field = (enum rf_tls)i;
        return 0;
    }
    return rf_yaml_fail(r->doc, value, err, "%s: not enabled, insecure or disabled", r->key);
}

static int set_seconds(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                       void *field, struct rf_err *err)
{
    uint64_t ns = 0;
    /* Upstream's files can only say it as a number of nanoseconds. */
    if (value->kind != RF_YAML_SCALAR ||
        rf_parse_u64(rf_slice_str(value->text), INT64_MAX, &ns, NULL) < 0) {
        int rc = rf_yaml_duration(r->doc, value, r->key, &ns, err);
        if (rc < 0)
            return rc;
    }
    *(uint64_t *)field = ns / 1000000000u;
    return 0;
}

/* The setters below take the whole host. */

static int set_mirrors(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                       void *field, struct rf_err *err)
{
    struct rf_host *h = field;
    struct rf_yaml_list list = { 0 };
    int rc = rf_yaml_set_list(r, value, &list, err);
    if (rc < 0)
        return rc;
    struct rf_yaml_list old = { .items = h->mirrors, .n = h->n_mirrors };
    rf_yaml_list_release(&old);
    h->mirrors = list.items;
    h->n_mirrors = list.n;
    return 0;
}

static int set_repo_auth(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                         void *field, struct rf_err *err)
{
    struct rf_host *h = field;
    int rc = rf_yaml_bool(r->doc, value, r->key, &h->repo_auth, err);
    if (rc == 0)
        h->repo_auth_set = true;
    return rc;
}

static int set_api_opts(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                        void *field, struct rf_err *err)
{
    struct rf_host *h = field;
    if (value->kind != RF_YAML_MAP)
        return rf_yaml_fail(r->doc, value, err, "%s: a map is wanted", r->key);
    RF_CLEANUP(rf_json_decrefp) json_t *opts = json_object();
    for (uint32_t i = 0; i < value->n; i++) {
        const char *text = NULL, *key = rf_yaml_key(value, i)->text;
        int rc = rf_yaml_text(r->doc, rf_yaml_value(value, i), r->key, &text, err);
        if (rc < 0)
            return rc;
        if (json_object_set_new(opts, key, json_string(text)) < 0)
            return rf_yaml_fail(r->doc, rf_yaml_value(value, i), err, "%s: not UTF-8", r->key);
        if (strcmp(key, "disableHead") == 0)
            h->disable_head = strcmp(text, "true") == 0;
    }
    json_decref(h->api_opts);
    h->api_opts = RF_STEAL(opts);
    return 0;
}

static const struct rf_yaml_field fields[] = {
    { "registry", set_template, TEXT(registry), NULL },
    { "hostname", rf_yaml_set_string, HOST(hostname), NULL },
    { "user", set_template, HOST(user), NULL },
    { "pass", set_template, HOST(pass), NULL },
    { "token", set_template, HOST(token), NULL },
    { "credHelper", rf_yaml_set_string, HOST(cred_helper), NULL },
    { "credExpire", set_seconds, HOST(cred_expire_s), NULL },
    { "credHost", rf_yaml_set_string, HOST(cred_host), NULL },
    { "tls", set_tls, HOST(tls), NULL },
    { "regcert", set_template, HOST(ca_pem), NULL },
    { "clientCert", set_template, HOST(client_cert_pem), NULL },
    { "clientKey", set_template, HOST(client_key_pem), NULL },
    { "pathPrefix", rf_yaml_set_string, HOST(path_prefix), NULL },
    { "mirrors", set_mirrors, offsetof(struct entry, host), NULL },
    { "priority", rf_yaml_set_count, HOST(priority), NULL },
    { "repoAuth", set_repo_auth, offsetof(struct entry, host), NULL },
    { "api", rf_yaml_set_string, TEXT(api), NULL },
    { "apiOpts", set_api_opts, offsetof(struct entry, host), NULL },
    { "blobChunk", rf_yaml_set_i64, HOST(blob_chunk), NULL },
    { "blobMax", rf_yaml_set_i64, HOST(blob_max), NULL },
    { "reqPerSec", rf_yaml_set_double, HOST(req_per_sec), NULL },
    { "reqConcurrent", rf_yaml_set_count, HOST(req_concurrent), NULL },
    { "scheme", rf_yaml_set_string, TEXT(scheme), NULL },
};

const struct rf_yaml_table rf_creds_table = { "host", fields, RF_ARRAY_LEN(fields) };

/* One name for the registry, checked: an entry that no reference can mean is a mistake. */
static int check_name(const struct rf_yaml_reader *r, const struct rf_yaml_node *node,
                      const char *path, struct entry *e, struct rf_err *err)
{
    const char *text = e->text.registry;
    if (text == NULL || text[0] == '\0')
        return rf_yaml_fail(r->doc, node, err, "%s.registry: missing", path);
    struct rf_err cause = RF_ERR_INIT;
    if (rf_ref_parse_registry(text, &e->host.name, &cause) < 0)
        return rf_yaml_fail(r->doc, rf_yaml_get(node, "registry"), err, "%s.registry: %s", path,
                            cause.msg);
    return 0;
}

static void check_scheme(struct entry *e)
{
    if (e->text.scheme == NULL || e->text.scheme[0] == '\0')
        return;
    rf_log(RF_LOG_WARN, "Scheme is deprecated, for http set TLS to disabled", "name", e->host.name,
           NULL);
    if (strcmp(e->text.scheme, "http") == 0 && e->host.tls == RF_TLS_UNSET) {
        e->host.tls = RF_TLS_DISABLED;
        e->text.scheme_tls = true;
    }
}

static void text_release(struct rf_creds_text *t)
{
    free(t->registry);
    free(t->api);
    free(t->scheme);
    free(t->where);
}

static void entry_release(struct entry *e)
{
    rf_host_release(&e->host);
    text_release(&e->text);
}

/* Onto the end of the list, which has room. */
static int read_entry(const struct rf_yaml_reader *r, const struct rf_yaml_node *node,
                      const char *path, struct rf_creds *c, struct rf_err *err)
{
    RF_CLEANUP(entry_release) struct entry e = { .text = { 0 } };
    rf_host_init(&e.host);
    int rc = rf_yaml_read_map(r, node, path, fields, RF_ARRAY_LEN(fields), &e, err);
    if (rc == 0)
        rc = check_name(r, node, path, &e, err);
    if (rc < 0)
        return rc;
    check_scheme(&e);
    e.text.where =
        rf_xasprintf("%s:%u:%u: %s", rf_yaml_name(r->doc), node->line, node->column, path);
    c->list[c->n] = e.host;
    c->texts[c->n++] = e.text;
    rf_host_init(&e.host);
    e.text = (struct rf_creds_text){ 0 };
    return 0;
}

static void creds_move(struct rf_creds *from, struct rf_creds *to)
{
    rf_creds_release(to);
    *to = *from;
    *from = (struct rf_creds){ 0 };
}

int rf_creds_set(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                 struct rf_err *err)
{
    if (value->kind != RF_YAML_LIST)
        return rf_yaml_fail(r->doc, value, err, "%s: a list is wanted", r->key);
    if (value->n > CREDS_MAX)
        return rf_yaml_fail(r->doc, value, err, "%s: more than %d entries", r->key, CREDS_MAX);
    RF_CLEANUP(rf_creds_release) struct rf_creds c = { 0 };
    c.list = rf_xcalloc((size_t)value->n + 1, sizeof(*c.list));
    c.texts = rf_xcalloc((size_t)value->n + 1, sizeof(*c.texts));
    for (uint32_t i = 0; i < value->n; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "%s[%u]", r->key, i);
        int rc = read_entry(r, value->items[i], path, &c, err);
        if (rc < 0)
            return rc;
    }
    creds_move(&c, field);
    return 0;
}

void rf_creds_release(struct rf_creds *c)
{
    for (size_t i = 0; i < c->n; i++) {
        rf_host_release(&c->list[i]);
        text_release(&c->texts[i]);
    }
    free(c->list);
    free(c->texts);
    *c = (struct rf_creds){ 0 };
}

int rf_creds_merge(const struct rf_creds *c, struct rf_hosts *hosts, struct rf_err *err)
{
    for (size_t i = 0; i < c->n; i++) {
        int rc = rf_hosts_merge(hosts, &c->list[i], err);
        if (rc < 0)
            return rf_wrap(err, rc, "%s", c->texts[i].where);
    }
    return 0;
}

void rf_creds_merge_usable(const struct rf_creds *c, struct rf_hosts *hosts,
                           void (*tell)(void *ctx, const struct rf_host *h,
                                        const struct rf_err *why),
                           void *ctx)
{
    for (size_t i = 0; i < c->n; i++) {
        struct rf_err why = RF_ERR_INIT;
        int rc = rf_hosts_merge(hosts, &c->list[i], &why);
        if (rc == 0)
            continue;
        (void)(rf_wrap)(&why, rc, "%s", c->texts[i].where);
        tell(ctx, &c->list[i], &why);
    }
}
