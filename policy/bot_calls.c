/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/bot_calls.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

struct rf_bot_calls {
    struct rf_bot_options o;
    struct rf_bot_counts counts;
    struct rf_lua_host host;
};

/* ---- counts ---- */

static const struct {
    const char *text, *key;
} kinds[RF_BOT_KINDS] = {
    [RF_BOT_TAG_DELETE] = { "tags deleted", "tagsDeleted" },
    [RF_BOT_MANIFEST_DELETE] = { "manifests deleted", "manifestsDeleted" },
    [RF_BOT_BLOB_DELETE] = { "blobs deleted", "blobsDeleted" },
    [RF_BOT_MANIFEST_PUT] = { "manifests put", "manifestsPut" },
    [RF_BOT_BLOB_PUT] = { "blobs put", "blobsPut" },
    [RF_BOT_IMAGE_COPY] = { "images copied", "imagesCopied" },
    [RF_BOT_TAG_COPY] = { "tags copied", "tagsCopied" },
    [RF_BOT_IMAGE_IMPORT] = { "images imported", "imagesImported" },
    [RF_BOT_IMAGE_EXPORT] = { "images exported", "imagesExported" },
};

const char *rf_bot_kind_text(enum rf_bot_kind kind)
{
    return kinds[kind].text;
}

const char *rf_bot_kind_key(enum rf_bot_kind kind)
{
    return kinds[kind].key;
}

void rf_bot_counts_add(struct rf_bot_counts *sum, const struct rf_bot_counts *more)
{
    for (size_t i = 0; i < RF_BOT_KINDS; i++)
        sum->done[i] += more->done[i];
    sum->calls += more->calls;
    sum->failed += more->failed;
    sum->waited_ms += more->waited_ms;
}

void rf_bot_counts_text(const struct rf_bot_counts *counts, struct rf_buf *out)
{
    size_t n = 0;
    for (size_t i = 0; i < RF_BOT_KINDS; i++)
        if (counts->done[i] > 0)
            rf_buf_addf(out, "%s%llu %s", n++ > 0 ? ", " : "", (unsigned long long)counts->done[i],
                        kinds[i].text);
    if (n == 0)
        rf_buf_add_str(out, "nothing");
}

const struct rf_bot_counts *rf_bot_calls_counts(const struct rf_bot_calls *calls)
{
    return &calls->counts;
}

/* ---- what the box calls ---- */

static int call(void *user, const char *where, const char *function, const json_t *args,
                json_t **result, struct rf_err *err)
{
    struct rf_bot_calls *c = user;
    (void)args;
    (void)result;
    c->counts.calls++;
    rf_log(RF_LOG_DEBUG, "Script call", "script", c->o.script, "where", where, "function", function,
           NULL);
    c->counts.failed++;
    return rf_fail(err, RFE_UNSUPPORTED, "there is no function %s", function);
}

static void print(void *user, struct rf_slice text)
{
    struct rf_bot_calls *c = user;
    if (c->o.print != NULL) {
        c->o.print(c->o.print_ctx, text);
        return;
    }
    /* One line each, also when several scripts print at the same time. */
    flockfile(stdout);
    (void)fwrite(text.ptr, 1, text.len, stdout);
    (void)putc('\n', stdout);
    funlockfile(stdout);
}

static void say(void *user, const char *where, struct rf_slice text)
{
    struct rf_bot_calls *c = user;
    RF_CLEANUP(rf_freep) char *message = rf_xstrndup(text.ptr, text.len);
    (void)where;
    rf_log(RF_LOG_INFO, "User script message", "script", c->o.script, "message", message, NULL);
}

/* ---- life ---- */

struct rf_bot_calls *rf_bot_calls_new(const struct rf_bot_options *options)
{
    struct rf_bot_calls *c = rf_xmalloc(sizeof(*c));
    *c = (struct rf_bot_calls){ .o = *options };
    c->host = (struct rf_lua_host){ .user = c, .call = call, .print = print, .log = say };
    return c;
}

void rf_bot_calls_free(struct rf_bot_calls *calls)
{
    free(calls);
}

void rf_bot_calls_freep(struct rf_bot_calls **calls)
{
    rf_bot_calls_free(*calls);
    *calls = NULL;
}

const struct rf_lua_host *rf_bot_calls_host(const struct rf_bot_calls *calls)
{
    return &calls->host;
}
