/* SPDX-License-Identifier: Apache-2.0 */
#include "export/record.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>

/* ---- what is kept ---- */

int rf_export_receipt(const struct rf_export_state *s, const struct rf_digest *bundle,
                      struct rf_receipt *out, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_export_state_receipt_path(s, bundle);
    int rc = rf_receipt_load(out, path, err);
    if (rc == 0 && !rf_digest_eq(&out->bundle, bundle))
        rc = rf_fail(err, RFE_INVALID, "%s: it is not the receipt that its name says", path);
    return rc;
}

int rf_export_confirmed(const struct rf_export_state *s, const struct rf_export_record **record,
                        struct rf_receipt *receipt, struct rf_err *err)
{
    for (size_t i = s->n; i > 0; i--) {
        const struct rf_export_record *r = &s->records[i - 1];
        if (rf_digest_is_set(&r->repairs))
            continue;
        int rc = rf_export_receipt(s, &r->id, receipt, err);
        if (rc == -RFE_NOT_FOUND)
            continue;
        if (rc == 0)
            *record = r;
        return rc;
    }
    return rf_hint(
        err, rf_fail(err, RFE_NOT_FOUND, "no bundle of site %s is confirmed by a receipt", s->site),
        "take receipts in with regexport record, or name another base");
}

static int is_json(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return n == 64 + 5 && strcmp(e->d_name + 64, ".json") == 0;
}

int rf_export_inventories(const struct rf_export_state *s, struct rf_digest **out, size_t *n,
                          struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *dir = rf_path_join(s->dir, "inventories");
    struct dirent **list = NULL;
    int found = scandir(dir, &list, is_json, alphasort);
    if (found < 0 && errno != ENOENT)
        return rf_fail_errno(err, errno, "%s", dir);
    *n = 0;
    *out = rf_xcalloc((size_t)(found > 0 ? found : 0) + 1, sizeof(**out));
    for (int i = 0; i < found; i++) {
        *n += rf_digest_parse_parts(rf_slice_str("sha256"), rf_slice_of(list[i]->d_name, 64),
                                    &(*out)[*n], NULL) == 0;
        free(list[i]);
    }
    free(list);
    return 0;
}

int rf_export_inventory(const struct rf_export_state *s, const struct rf_digest *snapshot,
                        struct rf_inventory *out, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = rf_export_state_inventory_path(s, snapshot);
    int rc = rf_inventory_load(out, path, err);
    if (rc == 0 && !rf_digest_eq(&out->snapshot.id, snapshot))
        rc = rf_fail(err, RFE_INVALID, "%s: it is not the inventory that its name says", path);
    return rc;
}

/* ---- taking in ---- */

static int check_site(const struct rf_export_state *s, const char *path, const char *site,
                      struct rf_err *err)
{
    if (strcmp(site, s->site) == 0)
        return 0;
    return rf_fail(err, RFE_REFUSED, "%s: it comes from site %s, not from %s; check --site", path,
                   site, s->site);
}

/* A receipt names all that its bundle wanted and nothing else. Where the document of the bundle is lost, there is nothing to compare with. */
static int check_images(const struct rf_export_state *s, const char *path,
                        const struct rf_receipt *r, struct rf_err *err)
{
    RF_CLEANUP(rf_bundle_release) struct rf_bundle b;
    RF_CLEANUP(rf_buf_release) struct rf_buf name;
    struct rf_err why = RF_ERR_INIT;
    size_t wanted = 0;
    rf_bundle_init(&b);
    rf_buf_init(&name, 0);
    if (rf_export_state_load_bundle(s, &r->bundle, &b, &why) < 0)
        return 0;
    for (size_t i = 0; i < b.desired.n; i++) {
        const struct rf_image *im = &b.desired.images[i];
        if (!rf_image_is_wanted(im))
            continue;
        wanted++;
        const struct rf_receipt_image *told =
            rf_receipt_find(r, rf_desired_str(&b.desired, im->repository),
                            rf_desired_str(&b.desired, im->tag), &im->digest);
        if (told != NULL && rf_digest_eq(&told->image.digest, &im->digest))
            continue;
        rf_image_name(&b.desired, im, &name);
        return rf_fail(
            err, RFE_REFUSED,
            "%s: it does not say what became of %s, which its bundle has: it was changed on its way; bring the receipt once more",
            path, name.ptr);
    }
    if (r->n == wanted)
        return 0;
    return rf_fail(
        err, RFE_REFUSED,
        "%s: it tells of %zu image%s, its bundle has %zu: it was changed on its way; bring the receipt once more",
        path, r->n, rf_text_s(r->n), wanted);
}

static int check_receipt(const struct rf_export_state *s, const char *path,
                         const struct rf_receipt *r, struct rf_err *err)
{
    char text[RF_DIGEST_TEXT];
    const struct rf_export_record *record = NULL;
    int rc = check_site(s, path, r->site, err);
    if (rc < 0)
        return rc;
    rf_digest_text(&r->bundle, text);
    if (rf_export_state_find(s, text, &record, NULL) < 0)
        return rf_fail(
            err, RFE_REFUSED,
            "%s: it is for bundle %s, which the history of site %s does not know; check --site and --state",
            path, text, s->site);
    if (strcmp(record->chain, r->chain) != 0 || record->sequence != r->sequence ||
        !rf_digest_eq(&record->snapshot, &r->snapshot) || rf_digest_is_set(&record->repairs))
        return rf_fail(
            err, RFE_REFUSED,
            "%s: what it says of bundle %s is not what the history says: it was changed on its way, or made elsewhere; bring the receipt once more",
            path, text);
    return check_images(s, path, r, err);
}

/* A receipt that is damaged where it is kept is replaced. */
static int take_receipt(struct rf_export_state *s, const char *path, struct rf_buf *said,
                        struct rf_err *err)
{
    RF_CLEANUP(rf_receipt_release) struct rf_receipt fresh, kept;
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    char id[RF_DIGEST_TEXT];
    rf_receipt_init(&fresh);
    rf_receipt_init(&kept);
    rf_buf_init(&text, RF_COMPANION_MAX);
    int rc = rf_receipt_load(&fresh, path, err);
    if (rc == 0)
        rc = check_receipt(s, path, &fresh, err);
    if (rc < 0)
        return rc;
    rf_digest_text(&fresh.bundle, id);
    if (rf_export_receipt(s, &fresh.bundle, &kept, NULL) == 0 &&
        strcmp(kept.time, fresh.time) > 0) {
        rf_buf_addf(said, "receipt   of bundle %s: one of a later time is known already\n", id);
        return 0;
    }
    RF_CLEANUP(rf_freep) char *to = rf_export_state_receipt_path(s, &fresh.bundle);
    size_t refused = rf_receipt_refused(&fresh);
    rc = rf_receipt_write(&fresh, &text, err);
    if (rc == 0)
        rc = rf_file_write(to, rf_buf_slice(&text), 0600, err);
    if (rc == 0)
        rf_buf_addf(said, "receipt   of bundle %s (%llu): %zu image%s at %s, %zu refused\n", id,
                    (unsigned long long)fresh.sequence, fresh.n - refused,
                    rf_text_s(fresh.n - refused), fresh.destination, refused);
    return rc;
}

static int take_inventory(struct rf_export_state *s, const char *path, struct rf_buf *said,
                          struct rf_err *err)
{
    RF_CLEANUP(rf_inventory_release) struct rf_inventory v;
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    char id[RF_DIGEST_TEXT];
    rf_inventory_init(&v);
    rf_buf_init(&text, RF_COMPANION_MAX);
    int rc = rf_inventory_load(&v, path, err);
    if (rc == 0)
        rc = check_site(s, path, v.snapshot.site, err);
    if (rc == 0)
        rc = rf_inventory_write(&v, &text, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_freep) char *to = rf_export_state_inventory_path(s, &v.snapshot.id);
    rc = rf_file_write(to, rf_buf_slice(&text), 0600, err);
    if (rc == 0)
        rf_buf_addf(said, "inventory %s: %zu image%s at %s; name it with --base\n",
                    rf_digest_text(&v.snapshot.id, id), v.snapshot.desired.n,
                    rf_text_s(v.snapshot.desired.n), v.destination);
    return rc;
}

int rf_export_record_file(struct rf_export_state *s, const char *path, struct rf_buf *said,
                          struct rf_err *err)
{
    enum rf_companion_kind kind;
    int rc = rf_companion_detect(path, &kind, err);
    if (rc < 0)
        return rc;
    switch (kind) {
    case RF_COMPANION_RECEIPT:
        return take_receipt(s, path, said, err);
    case RF_COMPANION_INVENTORY:
        return take_inventory(s, path, said, err);
    default:
        return rf_fail(err, RFE_USAGE,
                       "%s: a request is not recorded but answered: regexport create --request %s",
                       path, path);
    }
}
