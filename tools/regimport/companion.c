/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that write companion files: request and inventory. */
#include "base/mem.h"
#include "base/text.h"
#include "import/inventory.h"
#include "tools/regimport/session.h"

static bool to_stdout(const struct options *o)
{
    return strcmp(o->out, "-") == 0;
}

/* The document goes where -o says, what is said of it to the other place. */
static void say(const struct options *o, struct rf_buf *text)
{
    (void)fwrite(text->ptr, 1, text->len, to_stdout(o) ? stderr : stdout);
}

static void put_asked(struct session *s, const struct rf_repair_request *doc, struct rf_buf *out)
{
    uint64_t bytes;
    char size[16], text[RF_DIGEST_TEXT];
    size_t n = rf_repair_request_count(doc, &bytes);
    if (rf_net_json(s->env->net)) {
        rf_buf_addf(out, "{\"bundle\":\"%s\",\"missing\":%zu,\"bytes\":%llu,\"file\":",
                    rf_digest_text(&doc->bundle, text), n, (unsigned long long)bytes);
        rf_json_add_string(out, n > 0 ? s->o->out : "");
        rf_buf_add_str(out, "}\n");
    } else if (n == 0) {
        rf_buf_addf(out,
                    "nothing is missing at %s: the bundle can be applied; no request was written\n",
                    s->req.to_name);
    } else {
        bool below = false;
        for (size_t i = 0; i < doc->n_missing; i++)
            below = below || doc->missing[i].manifest;
        rf_buf_addf(out, "asked for %zu %s, %s%s\n", n,
                    rf_text_by_count(n, "manifest or blob", "manifests and blobs"),
                    rf_text_size(bytes, size),
                    below ? rf_text_by_count(n, ", and what stands below that manifest",
                                             ", and what stands below those manifests")
                          : "");
        for (size_t i = 0; i < doc->n_known; i++) {
            rf_buf_addf(out, "known     snapshot %s is there",
                        rf_digest_text(&doc->known[i].snapshot, text));
            if (doc->known[i].n > 0)
                rf_buf_addf(out, ", but for %u of its manifests and blobs", doc->known[i].n);
            rf_buf_add_char(out, '\n');
        }
        rf_buf_addf(out, "request   %s; on the connected side: regexport create --request FILE\n",
                    to_stdout(s->o) ? "(standard output)" : s->o->out);
    }
}

static int write_request(struct session *s, const struct rf_import_result *result,
                         struct rf_repair_request *doc, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text, said;
    rf_buf_init(&text, RF_COMPANION_MAX);
    rf_buf_init(&said, 512u << 20);
    int rc = 0;
    if (doc->n_missing > 0)
        rc = rf_repair_request_write(doc, &text, err);
    if (rc == 0 && doc->n_missing > 0)
        rc = rf_companion_save(s->o->out, rf_buf_slice(&text), err);
    if (rc < 0)
        return rc;
    if (!rf_net_json(s->env->net))
        rf_import_report_text(result, &said);
    put_asked(s, doc, &said);
    say(s->o, &said);
    return 0;
}

int run_request(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    RF_CLEANUP(session_release) struct session s = { 0 };
    RF_CLEANUP(rf_import_result_release) struct rf_import_result result;
    RF_CLEANUP(rf_repair_request_release) struct rf_repair_request doc;
    RF_CLEANUP(rf_freep) char *dir = NULL;
    (void)argc;
    rf_import_result_init(&result);
    rf_repair_request_init(&doc);
    int rc = session_open(&s, env, ctx, true, err);
    if (rc == 0)
        rc = session_state(&s, argv[0], &dir, err);
    s.req.state_dir = dir;
    s.req.check = RF_CHECK_BLOBS; /* what is not looked at cannot be asked for */
    if (rc == 0)
        rc = rf_import_ask(&s.req, argv[0], &result, &doc, err);
    session_end_progress(&s);
    if (rc == 0)
        rc = write_request(&s, &result, &doc, err);
    if (s.client != NULL)
        rf_net_stats(env->net, s.client);
    return rc;
}

static void put_stock(struct session *s, const struct rf_inventory *v, struct rf_buf *out)
{
    const struct rf_snapshot *snap = &v->snapshot;
    uint64_t bytes = 0;
    char size[16], text[RF_DIGEST_TEXT];
    for (size_t i = 0; i < snap->n_blobs; i++)
        bytes += snap->blobs[i].size;
    if (rf_net_json(s->env->net)) {
        rf_buf_addf(
            out,
            "{\"snapshot\":\"%s\",\"images\":%zu,\"blobs\":%zu,\"bytes\":%llu,\"unwhole\":%zu,\"file\":",
            rf_digest_text(&snap->id, text), snap->desired.n, snap->n_blobs,
            (unsigned long long)bytes, v->n_unwhole);
        rf_json_add_string(out, s->o->out);
        rf_buf_add_str(out, "}\n");
        return;
    }
    for (size_t i = 0; i < v->n_unwhole; i++) {
        const struct rf_unwhole *u = &v->unwhole[i];
        const char *tag = rf_strings_get(&v->strings, u->image.tag);
        rf_buf_addf(out, "not whole %s%s%s: %s\n", rf_strings_get(&v->strings, u->image.repository),
                    tag[0] != '\0' ? ":" : "@",
                    tag[0] != '\0' ? tag : rf_digest_text(&u->image.digest, text),
                    rf_strings_get(&v->strings, u->reason));
    }
    rf_buf_addf(out, "inventory of %s, site %s\n", v->destination, snap->site);
    rf_buf_addf(out, "snapshot  %s\n", rf_digest_text(&snap->id, text));
    rf_buf_addf(out, "images    %zu whole, with %zu blob%s, %s; %zu not whole\n", snap->desired.n,
                snap->n_blobs, rf_text_s(snap->n_blobs), rf_text_size(bytes, size), v->n_unwhole);
    rf_buf_addf(out, "file      %s\n", to_stdout(s->o) ? "(standard output)" : s->o->out);
}

int run_inventory(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    RF_CLEANUP(session_release) struct session s = { 0 };
    RF_CLEANUP(rf_inventory_release) struct rf_inventory v;
    RF_CLEANUP(rf_freep) char *dir = NULL;
    RF_CLEANUP(rf_buf_release) struct rf_buf text, said;
    struct rf_inventory_scope scope = { .site = o->site,
                                        .repositories = (const char *const *)o->repositories.items,
                                        .n = o->repositories.n };
    (void)argc;
    (void)argv;
    rf_inventory_init(&v);
    rf_buf_init(&text, RF_COMPANION_MAX);
    rf_buf_init(&said, 512u << 20);
    int rc = session_open(&s, env, o, true, err);
    if (rc == 0)
        rc = session_state(&s, NULL, &dir, err);
    s.req.state_dir = dir;
    if (rc == 0)
        rc = rf_inventory_take(&s.req, &scope, &v, err);
    session_end_progress(&s);
    if (rc == 0)
        rc = rf_inventory_write(&v, &text, err);
    if (rc == 0)
        rc = rf_companion_save(o->out, rf_buf_slice(&text), err);
    if (rc == 0) {
        put_stock(&s, &v, &said);
        say(o, &said);
    }
    if (s.client != NULL)
        rf_net_stats(env->net, s.client);
    return rc;
}
