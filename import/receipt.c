/* SPDX-License-Identifier: Apache-2.0 */
#include "import/receipt.h"

#include <errno.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "layout/receipt.h"

static void fill_header(struct rf_receipt *out, const struct rf_import_run *r)
{
    const struct rf_bundle *b = r->doc;
    const struct rf_import_counts *c = &r->counts;
    char now[32];
    memcpy(out->site, b->site, sizeof(out->site));
    memcpy(out->chain, b->chain, sizeof(out->chain));
    out->bundle = b->id;
    out->snapshot = b->snapshot;
    out->sequence = b->sequence;
    out->destination = rf_text_safe_dup(rf_slice_str(r->req->to_name), RF_COMPANION_NAME_MAX / 4);
    out->time = rf_xstrdup(rf_text_time(time(NULL), now));
    out->tool = rf_xstrdup("regimport " RF_VERSION);
    out->blobs_sent = c->blobs_uploaded;
    out->bytes_sent = c->bytes_uploaded;
    out->blobs_mounted = c->blobs_mounted;
    out->blobs_there = c->blobs_there;
    out->manifests_put = c->manifests_put;
    out->manifests_there = c->manifests_there;
    out->tags_set = c->tags_set;
    out->tags_right = c->tags_right;
}

static void fill(struct rf_receipt *out, const struct rf_import_run *r)
{
    const struct rf_desired *d = &r->doc->desired;
    fill_header(out, r);
    for (size_t i = 0; i < d->n; i++) {
        const struct rf_image *im = &d->images[i];
        const char *by = r->refused[i] == NULL ? NULL : r->by_policy[i] ? "policy" : "destination";
        const char *reason = r->refused[i];
        if (r->lacking[i]) {
            by = "ground";
            reason = "what it builds on was missing";
        }
        if (rf_image_is_wanted(im))
            rf_receipt_add(out, rf_desired_str(d, im->repository), rf_desired_str(d, im->tag),
                           &im->digest, by, reason);
    }
}

static char *place_of(const struct rf_import_run *r)
{
    char hex[RF_DIGEST_TEXT];
    if (!rf_path_is_dir(r->req->receipt))
        return rf_xstrdup(r->req->receipt);
    return rf_xasprintf("%s/%s-%06llu-%.12s.receipt.json", r->req->receipt, r->doc->site,
                        (unsigned long long)r->doc->sequence, rf_digest_hex(&r->doc->id, hex));
}

int rf_receipt_check_path(const char *path, struct rf_err *err)
{
    if (path == NULL || strcmp(path, "-") == 0 || rf_path_is_dir(path))
        return 0;
    const char *slash = strrchr(path, '/');
    RF_CLEANUP(rf_freep)
    char *folder = slash == NULL ? rf_xstrdup(".") : rf_xstrndup(path, (size_t)(slash - path) + 1);
    if (!rf_path_is_dir(folder))
        return rf_fail(err, RFE_USAGE, "--receipt %s: there is no folder %s; make it first", path,
                       folder);
    return access(folder, W_OK) == 0 ? 0
                                     : rf_fail_errno(err, errno, "--receipt %s: write there", path);
}

int rf_receipt_give(const struct rf_import_run *r, const struct rf_import_state *state,
                    struct rf_err *err)
{
    struct rf_receipt receipt;
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_receipt_init(&receipt);
    rf_buf_init(&text, RF_COMPANION_MAX);
    fill(&receipt, r);
    int rc = rf_receipt_write(&receipt, &text, err);
    rf_receipt_release(&receipt);
    if (rc == 0 && state != NULL) {
        RF_CLEANUP(rf_freep)
        char *path = rf_import_state_receipt_path(state, &r->doc->id, r->req->to_name);
        rc = rf_file_write(path, rf_buf_slice(&text), 0600, err);
    }
    if (rc == 0 && r->req->receipt != NULL) {
        RF_CLEANUP(rf_freep) char *path = place_of(r);
        rc = rf_companion_save(path, rf_buf_slice(&text), err);
        if (rc < 0)
            rf_hint(err, rf_wrap(err, rc, "the bundle is applied, but its receipt"),
                    "the same command with another --receipt writes it; nothing is sent again");
    }
    return rc;
}

int rf_receipt_recall(const struct rf_import_state *s, const struct rf_digest *id, const char *to,
                      struct rf_receipt *out, struct rf_err *err)
{
    const struct rf_import_run *planned = rf_import_state_find_planned(s, id);
    RF_CLEANUP(rf_freep) char *path = rf_import_state_receipt_path(s, id, to);
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, RF_COMPANION_MAX);
    if (planned == NULL)
        return rf_receipt_load(out, path, err);
    fill(out, planned);
    return rf_receipt_write(out, &text, err); /* which sorts it */
}
