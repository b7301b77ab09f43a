/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/listing.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "regclient/registry_private.h"

#define LAYOUT_PREFIX "ocidir://"
#define INDEX_MAX (64u << 20)

void rf_listing_init(struct rf_listing *l)
{
    *l = (struct rf_listing){ 0 };
    rf_buf_init(&l->body, INDEX_MAX);
}

void rf_listing_release(struct rf_listing *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->names[i]);
    free(l->names);
    rf_headers_release(&l->headers);
    rf_buf_release(&l->body);
    rf_listing_init(l);
}

static int add_name(void *ctx, const char *name, struct rf_err *err)
{
    struct rf_listing *l = ctx;
    (void)err;
    l->names = rf_grow(l->names, l->n, &l->cap, sizeof(*l->names));
    l->names[l->n++] = rf_xstrdup(name);
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Takes those up to and with `last` away; the names are sorted. */
static void cut_start(struct rf_listing *l, const char *last)
{
    size_t left = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (last != NULL && strcmp(l->names[i], last) <= 0)
            free(l->names[i]);
        else
            l->names[left++] = l->names[i];
    }
    l->n = left;
}

/* index.json as it is on disk; what cannot be read is not shown. */
static void read_index(const struct rf_place *p, const char *repo, struct rf_buf *out)
{
    struct rf_err ignored = RF_ERR_INIT;
    if (strncmp(p->name, LAYOUT_PREFIX, strlen(LAYOUT_PREFIX)) != 0)
        return;
    RF_CLEANUP(rf_freep)
    char *path = rf_xasprintf("%s/%s%sindex.json", p->name + strlen(LAYOUT_PREFIX), repo,
                              repo[0] != '\0' ? "/" : "");
    if (rf_file_read(path, out, &ignored) < 0)
        rf_buf_clear(out);
}

static int local_tags(struct rf_place *p, const char *repo, const struct rf_listing_options *opts,
                      struct rf_listing *l, struct rf_err *err)
{
    int rc = rf_place_list_tags(p, repo, add_name, l, err);
    if (rc < 0)
        return rc;
    if (l->n > 1)
        qsort(l->names, l->n, sizeof(*l->names), by_text);
    cut_start(l, opts->last);
    read_index(p, repo, &l->body);
    l->pages = 1;
    return 0;
}

static void take_answer(struct rf_listing *l, struct rf_registry_answer *keep)
{
    l->headers = keep->headers;
    rf_buf_release(&l->body);
    l->body = keep->body;
    l->pages = keep->pages;
}

int rf_listing_tags(struct rf_place *p, const char *repo, const struct rf_listing_options *opts,
                    struct rf_listing *l, struct rf_err *err)
{
    static const struct rf_listing_options all = { 0 };
    opts = opts != NULL ? opts : &all;
    if (rf_registry_remote(p) == NULL)
        return local_tags(p, repo, opts, l, err);
    struct rf_registry_answer keep = { 0 };
    rf_buf_init(&keep.body, RF_PAGE_BYTES_MAX);
    int rc = rf_registry_tags_answer(p, repo, opts->limit, opts->last, add_name, l, &keep, err);
    take_answer(l, &keep);
    return rc;
}

int rf_listing_repos(struct rf_place *p, const struct rf_listing_options *opts,
                     struct rf_listing *l, struct rf_err *err)
{
    static const struct rf_listing_options all = { 0 };
    opts = opts != NULL ? opts : &all;
    if (rf_registry_remote(p) == NULL)
        return rf_fail(err, RFE_UNSUPPORTED, "%s: only registries list repositories", p->name);
    struct rf_registry_answer keep = { 0 };
    rf_buf_init(&keep.body, RF_PAGE_BYTES_MAX);
    int rc = rf_registry_repos_answer(p, opts->limit, opts->last, add_name, l, &keep, err);
    take_answer(l, &keep);
    return rc;
}
