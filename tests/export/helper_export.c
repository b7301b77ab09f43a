/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/export/helper_export.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/mem.h"
#include "layout/oci_dir.h"

/* ---- sources ---- */

struct rf_place *source_open(const char *folder)
{
    struct rf_place *p = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_oci_dir_open(folder, RF_OCI_DIR_CREATE, &p, &err), err);
    return p;
}

#define MAX_WORDS 64

/* Cuts a copy of `text` at blanks; words ends with NULL. */
static char *cut(const char *text, const char *words[MAX_WORDS + 1])
{
    char *copy = rf_xstrdup(text), *rest = copy, *word;
    size_t n = 0;
    while ((word = strsep(&rest, " ")) != NULL) {
        if (word[0] == '\0')
            continue;
        ck_assert_uint_lt(n, MAX_WORDS);
        words[n++] = word;
    }
    words[n] = NULL;
    return copy;
}

struct rf_digest source_image(const char *folder, const char *tag, const char *config,
                              const char *layers)
{
    const char *words[MAX_WORDS + 1];
    char *copy = cut(layers, words);
    struct rf_place *p = source_open(folder);
    struct rf_manifest *m = NULL;
    put_image(p, "", tag, config, words, &m);
    struct rf_digest d = m->digest;
    rf_manifest_free(m);
    rf_place_free(p);
    free(copy);
    return d;
}

void source_untag(const char *folder, const char *tag)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_place *p = source_open(folder);
    expect_ok(rf_place_delete_tag(p, "", tag, &err), err);
    rf_place_free(p);
}

struct rf_digest source_index(const char *folder, const char *tag, const char *prefix,
                              const char *const *archs, size_t n)
{
    struct rf_place *p = source_open(folder);
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_buf_add_str(&b,
                   "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX "\",\"manifests\":[");
    for (size_t i = 0; i < n; i++) {
        char *text = rf_xasprintf("%s-%s", prefix, archs[i]), digest[RF_DIGEST_TEXT];
        const char *layers[] = { text, NULL };
        struct rf_manifest *m = make_image(text, layers, "");
        put_text_blob(p, "", text);
        expect_ok(rf_place_put_manifest(p, "", NULL, m, RF_PUT_CHILD, &err), err);
        rf_buf_addf(&b,
                    "%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu,\"platform\":{"
                    "\"architecture\":\"%s\",\"os\":\"linux\"}}",
                    i > 0 ? "," : "", m->media_type, rf_digest_text(&m->digest, digest),
                    m->body.len, archs[i]);
        rf_manifest_free(m);
        free(text);
    }
    rf_buf_add_str(&b, "]}");
    struct rf_manifest *index = parse_manifest(b.ptr);
    expect_ok(rf_place_put_manifest(p, "", tag, index, 0, &err), err);
    struct rf_digest d = index->digest;
    rf_manifest_free(index);
    rf_buf_release(&b);
    rf_place_free(p);
    return d;
}

struct rf_digest source_referrer(const char *folder, const char *tag,
                                 const struct rf_digest *subject, const char *layer)
{
    struct rf_place *p = source_open(folder);
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *of = NULL;
    const char *layers[] = { layer, NULL };
    expect_ok(rf_place_get_manifest(p, "", NULL, subject, NULL, &of, &err), err);
    char *desc = descriptor_json(of);
    char *extra =
        rf_xasprintf(",\"artifactType\":\"application/vnd.test.sig\",\"subject\":%s", desc);
    struct rf_manifest *m = make_image("{}", layers, extra);
    put_text_blob(p, "", "{}");
    put_text_blob(p, "", layer);
    expect_ok(rf_place_put_manifest(p, "", tag, m, 0, &err), err);
    struct rf_digest d = m->digest;
    rf_manifest_free(m);
    free(extra);
    free(desc);
    rf_place_free(p);
    return d;
}

static char *path_of(const char *folder, const char *content)
{
    struct rf_digest d = digest_of(content);
    return blob_path(folder, &d);
}

void source_lose(const char *folder, const char *content)
{
    char *path = path_of(folder, content);
    ck_assert_msg(unlink(path) == 0, "%s", path);
    free(path);
}

static void rewrite(const char *folder, const char *content, const char *bytes)
{
    char *path = path_of(folder, content);
    (void)unlink(path);
    write_text(path, bytes);
    free(path);
}

void source_spoil(const char *folder, const char *content)
{
    char *other = rf_xstrdup(content);
    other[0] = (char)(other[0] ^ 1);
    rewrite(folder, content, other);
    free(other);
}

void source_restore(const char *folder, const char *content)
{
    rewrite(folder, content, content);
}

/* ---- runs ---- */

static void count_bytes(void *ctx, uint64_t bytes)
{
    struct asked *a = ctx;
    uint64_t now = __atomic_add_fetch(&a->bytes, bytes, __ATOMIC_SEQ_CST);
    if (a->stop_at > 0 && now >= a->stop_at)
        rf_cancel_set(RFE_CANCELLED);
}

static void add_items(struct asked *a, const struct run *r, const char *args)
{
    struct rf_item_options opts = { .platforms = r->platforms,
                                    .n_platforms = r->n_platforms,
                                    .prune = r->prune,
                                    .referrers = r->referrers,
                                    .digest_tags = r->digest_tags };
    struct rf_err err = RF_ERR_INIT;
    if (r->config != NULL) {
        expect_ok(rf_policy_config_parse("ferry.yml", rf_slice_str(r->config), RF_POLICY_STRICT,
                                         &a->config, &err),
                  err);
        expect_ok(rf_items_add_config(&a->items, a->config, &opts, &err), err);
    }
    const char *words[MAX_WORDS + 1];
    char *copy = cut(args, words);
    for (size_t i = 0; words[i] != NULL; i++)
        expect_ok(rf_items_add_arg(&a->items, words[i], &opts, &err), err);
    free(copy);
}

void asked_init(struct asked *a, const struct run *r, const char *args)
{
    struct rf_err err = RF_ERR_INIT;
    memset(a, 0, sizeof(*a));
    expect_ok(rf_client_new(rf_hosts_new(), NULL, &a->client, &err), err);
    add_items(a, r, args);
    a->stop_at = r->stop_at;
    a->req = (struct rf_export_request){ .site = r->site != NULL ? r->site : "site",
                                         .state_dir = r->state != NULL ? r->state : "state",
                                         .items = a->items.list,
                                         .n_items = a->items.n,
                                         .full = r->full,
                                         .bases = r->bases,
                                         .n_bases = r->n_bases,
                                         .parallel = r->parallel > 0 ? r->parallel : 2,
                                         .replan = r->replan,
                                         .repair = r->repair,
                                         .strict = r->strict,
                                         .policy_file = r->config != NULL ? "ferry.yml" : NULL,
                                         .client = a->client,
                                         .progress = count_bytes,
                                         .progress_ctx = a };
}

void asked_release(struct asked *a)
{
    rf_items_release(&a->items);
    rf_policy_config_free(a->config);
    rf_client_free(a->client);
    rf_cancel_reset();
}

int run_create(const struct run *r, const char *args, struct rf_export_result *out,
               struct rf_err *err)
{
    struct asked a;
    asked_init(&a, r, args);
    a.req.waits = true;
    *out = (struct rf_export_result)RF_EXPORT_RESULT_INIT;
    int rc = rf_export_create(&a.req, r->out != NULL ? r->out : "out", out, err);
    asked_release(&a);
    return rc;
}

int run_plan(const struct run *r, const char *args, struct rf_export_result *out,
             struct rf_err *err)
{
    struct asked a;
    asked_init(&a, r, args);
    *out = (struct rf_export_result)RF_EXPORT_RESULT_INIT;
    int rc = rf_export_plan(&a.req, r->out != NULL ? r->out : "out", out, err);
    asked_release(&a);
    return rc;
}

int run_again(const struct run *r, const char *id, const char *output, struct rf_export_result *out,
              struct rf_err *err)
{
    struct asked a;
    asked_init(&a, r, "");
    *out = (struct rf_export_result)RF_EXPORT_RESULT_INIT;
    int rc = rf_export_again(&a.req, id, output, out, err);
    asked_release(&a);
    return rc;
}

char *exported(const struct run *r, const char *args)
{
    struct rf_export_result result;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(run_create(r, args, &result, &err), err);
    char *path = rf_xstrdup(result.path);
    rf_export_result_release(&result);
    expect_whole(path);
    return path;
}

/* ---- looking at bundles ---- */

char *story(const struct rf_bundle *b)
{
    struct rf_buf out;
    const struct rf_desired *d = &b->desired;
    rf_buf_init(&out, 0);
    for (size_t i = 0; i < d->n; i++) {
        rf_buf_addf(&out, "%s ", rf_image_status_name(d->images[i].status));
        if (rf_desired_str(d, d->images[i].tag)[0] == '\0')
            rf_buf_addf(&out, "%s@", rf_desired_str(d, d->images[i].repository));
        else
            rf_image_name(d, &d->images[i], &out);
        rf_buf_add_char(&out, '\n');
    }
    for (size_t i = 0; i < b->n_holes; i++)
        rf_buf_addf(&out, "hole %s:%s\n", rf_desired_str(d, b->holes[i].repository),
                    rf_desired_str(d, b->holes[i].tag));
    return rf_buf_take(&out, NULL);
}

static void put_rule(struct rf_buf *out, const struct rf_plan *p, const char *what,
                     const uint32_t name[2], uint32_t number)
{
    const struct rf_desired *d = &p->bundle->desired;
    const char *tag = rf_desired_str(d, name[1]);
    struct rf_rule rule = { 0 };
    rf_buf_addf(out, "%s %s%s%s: ", what, rf_desired_str(d, name[0]), tag[0] != '\0' ? ":" : "",
                tag);
    if (rf_rules_get(&p->rules, number, &rule))
        rf_rule_text(&rule, "ferry.yml", out);
    rf_buf_add_char(out, '\n');
}

char *rules_of(const struct rf_plan *p)
{
    struct rf_buf out;
    const struct rf_bundle *b = p->bundle;
    rf_buf_init(&out, 0);
    for (size_t i = 0; i < b->desired.n; i++) {
        const struct rf_image *im = &b->desired.images[i];
        put_rule(&out, p, rf_image_status_name(im->status),
                 (const uint32_t[]){ im->repository, im->tag }, im->rule);
    }
    for (size_t i = 0; i < b->n_holes; i++)
        put_rule(&out, p, "hole", (const uint32_t[]){ b->holes[i].repository, b->holes[i].tag },
                 b->holes[i].rule);
    return rf_buf_take(&out, NULL);
}

char *story_of_file(const char *path)
{
    struct rf_bundle_file *f = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_bundle_file_open(path, &f, &err), err);
    char *text = story(rf_bundle_file_doc(f));
    rf_bundle_file_free(f);
    return text;
}

const char *travel_of(const struct rf_bundle *b, const char *content)
{
    struct rf_digest d = digest_of(content);
    const struct rf_bundle_blob *blob = rf_bundle_find(b, &d);
    if (blob == NULL)
        return "absent";
    return blob->travel == RF_TRAVEL_CARRIED ? "carried" : "assumed";
}

void expect_whole(const char *path)
{
    struct rf_bundle_file *f = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_bundle_file_open(path, &f, &err), err);
    expect_ok(rf_bundle_file_verify(f, NULL, NULL, &err), err);
    rf_bundle_file_free(f);
}

void expect_same_files(const char *a, const char *b)
{
    struct rf_buf x, y;
    rf_buf_init(&x, 0);
    rf_buf_init(&y, 0);
    ck_assert_msg(rf_file_read(a, &x, NULL) == 0, "%s", a);
    ck_assert_msg(rf_file_read(b, &y, NULL) == 0, "%s", b);
    ck_assert_uint_eq(x.len, y.len);
    ck_assert_mem_eq(x.ptr, y.ptr, x.len);
    rf_buf_release(&x);
    rf_buf_release(&y);
}

static int plain_name(const struct dirent *e)
{
    return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

char *names_in(const char *folder)
{
    struct dirent **list = NULL;
    struct rf_buf out;
    rf_buf_init(&out, 0);
    int n = scandir(folder, &list, plain_name, alphasort);
    for (int i = 0; i < n; i++) {
        rf_buf_addf(&out, "%s ", list[i]->d_name);
        free(list[i]);
    }
    free(list);
    return rf_buf_take(&out, NULL);
}
