/* SPDX-License-Identifier: Apache-2.0 */
/* A tar as a place: whatever can be listed in it can be asked for, and what is given has its digest. */
#include "layout/oci_file.h"
#include "tests/fuzz/fuzz.h"

struct walk {
    struct rf_place *place;
    const char *repo;
    unsigned left;
};

static int on_referrer(void *ctx, const struct rf_descriptor *d, struct rf_err *err)
{
    (void)ctx;
    (void)err;
    RF_CHECK(rf_digest_is_set(&d->digest));
    return 0;
}

static int on_tag(void *ctx, const char *tag, struct rf_err *err)
{
    struct walk *w = ctx;
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_manifest *m = NULL;
    if (w->left-- == 0)
        return rf_fail(err, RFE_TOO_LARGE, "enough");
    int rc = rf_place_resolve(w->place, w->repo, tag, NULL, &d, NULL);
    if (rc == 0 && rf_place_get_manifest(w->place, w->repo, tag, NULL, NULL, &m, NULL) == 0)
        RF_CHECK(rf_digest_eq(&m->digest, &d.digest));
    if (rc == 0) {
        int ignored =
            rf_place_referrers(w->place, w->repo, &d.digest, NULL, on_referrer, NULL, NULL);
        (void)ignored;
    }
    rf_manifest_free(m);
    rf_descriptor_release(&d);
    return 0;
}

static int on_repo(void *ctx, const char *repo, struct rf_err *err)
{
    struct walk w = *(struct walk *)ctx;
    (void)err;
    w.repo = repo;
    int rc = rf_place_list_tags(w.place, repo, on_tag, &w, NULL);
    RF_CHECK(rc == 0 || rc == -RFE_TOO_LARGE);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = fuzz_file(data, size, path);
    struct rf_place *p = NULL;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_oci_file_open(path, &p, &err);
    if (rc == 0) {
        struct walk w = { .place = p, .left = 20 };
        RF_CHECK(rf_place_list_repos(p, on_repo, &w, NULL) == 0);
        RF_CHECK(on_repo(&w, "", NULL) == 0);
        rf_place_free(p);
    } else {
        RF_CHECK(err.code == -rc && err.msg[0] != '\0' && p == NULL);
    }
    (void)close(fd);
    return 0;
}
