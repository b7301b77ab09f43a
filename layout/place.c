/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/place.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/idmap.h"
#include "base/mem.h"
#include "base/text.h"
#include "manifests/reference.h"

#define REFERRERS_MAX 10000
/* A layout's tag may be a whole name, "host/repository:tag". */
#define NAME_MAX_LEN (RF_REGISTRY_MAX + 1 + RF_REPOSITORY_MAX + 1 + RF_TAG_MAX)

/* ---- the checks that every operation makes ---- */

static int check_repo(struct rf_place *p, const char *repo, struct rf_err *err)
{
    if (repo == NULL)
        return rf_fail(err, RFE_INVALID, "%s: no repository", p->name);
    if (repo[0] == '\0' || rf_repository_valid(rf_slice_str(repo)))
        return 0;
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(repo), RF_REPOSITORY_MAX);
    return rf_fail(err, RFE_INVALID, "%s: invalid repository \"%s\"", p->name, shown);
}

bool rf_place_name_valid(const char *tag)
{
    size_t n = strlen(tag);
    for (size_t i = 0; i < n; i++)
        if (tag[i] <= ' ' || tag[i] > '~')
            return false;
    return n > 0 && n <= NAME_MAX_LEN;
}

static int check_tag(struct rf_place *p, const char *repo, const char *tag, struct rf_err *err)
{
    if (rf_tag_valid(rf_slice_str(tag)) || (repo[0] == '\0' && rf_place_name_valid(tag)))
        return 0;
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(tag), RF_TAG_MAX);
    return rf_fail(err, RFE_INVALID, "%s: invalid tag \"%s\"", p->name, shown);
}

static int check_digest(struct rf_place *p, const struct rf_digest *digest, struct rf_err *err)
{
    if (digest != NULL && rf_digest_is_set(digest))
        return 0;
    return rf_fail(err, RFE_INVALID, "%s: no digest", p->name);
}

/* What asks for a manifest names a tag, a digest, or both. */
static int check_tag_or_digest(struct rf_place *p, const char *repo, const char *tag,
                               const struct rf_digest *digest, struct rf_err *err)
{
    int rc = check_repo(p, repo, err);
    if (rc < 0)
        return rc;
    if (tag == NULL && digest == NULL)
        return rf_fail(err, RFE_INVALID, "%s: neither tag nor digest", p->name);
    if (digest != NULL) {
        rc = check_digest(p, digest, err);
        if (rc < 0)
            return rc;
    }
    return tag != NULL ? check_tag(p, repo, tag, err) : 0;
}

static int check_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                      struct rf_err *err)
{
    int rc = check_repo(p, repo, err);
    return rc < 0 ? rc : check_digest(p, digest, err);
}

static int check_op(struct rf_place *p, bool there, const char *what, struct rf_err *err)
{
    if (there)
        return 0;
    return rf_fail(err, RFE_UNSUPPORTED, "%s: cannot %s here", p->name, what);
}

static int check_write(struct rf_place *p, bool there, const char *what, struct rf_err *err)
{
    if ((p->flags & RF_PLACE_READ_ONLY) != 0)
        return rf_fail(err, RFE_UNSUPPORTED, "%s: cannot %s, it is read-only", p->name, what);
    return check_op(p, there, what, err);
}

/* ---- streams that stay the caller's ---- */

struct borrowed_sink {
    struct rf_sink base;
    struct rf_sink *inner;
};

static int borrowed_write(struct rf_sink *s, const void *p, size_t n, struct rf_err *err)
{
    return rf_sink_write(((struct borrowed_sink *)s)->inner, p, n, err);
}

static void borrowed_sink_free(struct rf_sink *s)
{
    free(s);
}

/* Passes on everything but the commit, which stays the caller's decision. */
static struct rf_sink *borrow_sink(struct rf_sink *inner)
{
    static const struct rf_sink_ops ops = { borrowed_write, NULL, borrowed_sink_free };
    struct borrowed_sink *b = rf_xcalloc(1, sizeof(*b));
    b->base.ops = &ops;
    b->inner = inner;
    return &b->base;
}

struct borrowed_source {
    struct rf_source base;
    struct rf_source *inner;
};

static ssize_t borrowed_read(struct rf_source *s, void *p, size_t n, struct rf_err *err)
{
    return rf_source_read(((struct borrowed_source *)s)->inner, p, n, err);
}

static int borrowed_seek(struct rf_source *s, uint64_t offset, struct rf_err *err)
{
    return rf_source_seek(((struct borrowed_source *)s)->inner, offset, err);
}

static void borrowed_source_free(struct rf_source *s)
{
    free(s);
}

static struct rf_source *borrow_source(struct rf_source *inner)
{
    static const struct rf_source_ops seekable = { borrowed_read, borrowed_seek,
                                                   borrowed_source_free };
    static const struct rf_source_ops forward = { borrowed_read, NULL, borrowed_source_free };
    struct borrowed_source *b = rf_xcalloc(1, sizeof(*b));
    b->base.ops = rf_source_can_seek(inner) ? &seekable : &forward;
    b->inner = inner;
    return &b->base;
}

/* ---- manifests ---- */

int rf_place_resolve(struct rf_place *p, const char *repo, const char *tag,
                     const struct rf_digest *digest, struct rf_descriptor *out, struct rf_err *err)
{
    int rc = check_op(p, p->ops->resolve != NULL, "resolve references", err);
    if (rc == 0)
        rc = check_tag_or_digest(p, repo, tag, digest, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor found = RF_DESCRIPTOR_INIT;
    rc = p->ops->resolve(p, repo, tag, digest, &found, err);
    if (rc < 0)
        return rc;
    if (digest != NULL && !rf_digest_eq(&found.digest, digest)) {
        char want[RF_DIGEST_TEXT], got[RF_DIGEST_TEXT];
        return rf_fail(err, RFE_DIGEST_MISMATCH, "%s: asked for %s, was told of %s", p->name,
                       rf_digest_text(digest, want), rf_digest_text(&found.digest, got));
    }
    *out = found;
    found = (struct rf_descriptor)RF_DESCRIPTOR_INIT;
    return 0;
}

int rf_place_get_manifest(struct rf_place *p, const char *repo, const char *tag,
                          const struct rf_digest *digest, const struct rf_manifest_expect *expect,
                          struct rf_manifest **out, struct rf_err *err)
{
    int rc = check_op(p, p->ops->get_manifest != NULL, "get manifests", err);
    if (rc == 0)
        rc = check_tag_or_digest(p, repo, tag, digest, err);
    if (rc < 0)
        return rc;
    /* The digest that the caller gave reaches the parser, which decides over the body. */
    struct rf_manifest_expect want = { 0 };
    if (expect != NULL)
        want = *expect;
    if (digest != NULL)
        want.digest = digest;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    rc = p->ops->get_manifest(p, repo, tag, digest, &want, &m, err);
    if (rc < 0)
        return rc;
    if (want.digest != NULL && !rf_digest_eq(&m->digest, want.digest)) {
        char a[RF_DIGEST_TEXT], b[RF_DIGEST_TEXT];
        return rf_fail(err, RFE_DIGEST_MISMATCH, "%s: asked for manifest %s, got %s", p->name,
                       rf_digest_text(want.digest, a), rf_digest_text(&m->digest, b));
    }
    *out = RF_STEAL(m);
    return 0;
}

int rf_place_put_manifest(struct rf_place *p, const char *repo, const char *tag,
                          const struct rf_manifest *m, unsigned flags, struct rf_err *err)
{
    int rc = check_write(p, p->ops->put_manifest != NULL, "put manifests", err);
    if (rc == 0)
        rc = check_repo(p, repo, err);
    if (rc < 0)
        return rc;
    if (tag != NULL && !rf_tag_valid(rf_slice_str(tag)))
        return check_tag(p, "-", tag, err);
    if (m->body.len > RF_MANIFEST_PUSH_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "%s: a manifest of %zu bytes, at most %u can be put",
                       p->name, m->body.len, RF_MANIFEST_PUSH_MAX);
    return p->ops->put_manifest(p, repo, tag, m, flags, err);
}

/* ---- blobs ---- */

int rf_place_probe_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                        uint64_t size, enum rf_probe how, struct rf_err *err)
{
    int rc = check_op(p, p->ops->probe_blob != NULL, "ask for blobs", err);
    if (rc == 0)
        rc = check_blob(p, repo, digest, err);
    return rc < 0 ? rc : p->ops->probe_blob(p, repo, digest, size, how, err);
}

int rf_place_blob_size(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                       uint64_t *size, struct rf_err *err)
{
    int rc = check_op(p, p->ops->blob_size != NULL, "ask for blobs", err);
    if (rc == 0)
        rc = check_blob(p, repo, digest, err);
    return rc < 0 ? rc : p->ops->blob_size(p, repo, digest, size, err);
}

int rf_place_get_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                      uint64_t size, uint64_t offset, struct rf_hasher *start, struct rf_sink *sink,
                      struct rf_err *err)
{
    RF_CLEANUP(rf_hasher_freep) struct rf_hasher *hash = start;
    int rc = check_op(p, p->ops->get_blob != NULL, "get blobs", err);
    if (rc == 0)
        rc = check_blob(p, repo, digest, err);
    if (rc < 0)
        return rc;
    if (offset > size || (hash != NULL ? rf_hasher_count(hash) : 0) != offset)
        return rf_fail(err, RFE_INVALID, "%s: cannot go on at byte %llu of %llu", p->name,
                       (unsigned long long)offset, (unsigned long long)size);
    RF_CLEANUP(rf_sink_freep)
    struct rf_sink *checked = rf_sink_verify(borrow_sink(sink), true, digest, size, RF_STEAL(hash));
    rc = p->ops->get_blob(p, repo, digest, size, offset, checked, err);
    return rc < 0 ? rc : rf_sink_commit(checked, err);
}

int rf_place_put_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                      uint64_t size, struct rf_source *src, struct rf_err *err)
{
    int rc = check_write(p, p->ops->put_blob != NULL, "put blobs", err);
    if (rc == 0)
        rc = check_blob(p, repo, digest, err);
    if (rc == 0 && rf_source_can_seek(src))
        rc = rf_source_seek(src, 0, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_source_freep)
    struct rf_source *checked = rf_source_verify(borrow_source(src), digest, size);
    return p->ops->put_blob(p, repo, digest, size, checked, err);
}

int rf_place_open_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                       uint64_t size, struct rf_source **out, struct rf_err *err)
{
    int rc = check_op(p, p->ops->open_blob != NULL, "open blobs", err);
    if (rc == 0)
        rc = check_blob(p, repo, digest, err);
    return rc < 0 ? rc : p->ops->open_blob(p, repo, digest, size, out, err);
}

int rf_place_blob_sink(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                       uint64_t size, struct rf_sink **out, struct rf_err *err)
{
    int rc = check_write(p, p->ops->blob_sink != NULL, "write blobs", err);
    if (rc == 0)
        rc = check_blob(p, repo, digest, err);
    return rc < 0 ? rc : p->ops->blob_sink(p, repo, digest, size, out, err);
}

int rf_place_mount(struct rf_place *p, const char *repo, const char *from_repo,
                   const struct rf_digest *digest, uint64_t size, struct rf_err *err)
{
    int rc = check_write(p, p->ops->mount != NULL, "mount blobs", err);
    if (rc == 0)
        rc = check_blob(p, repo, digest, err);
    if (rc == 0)
        rc = check_repo(p, from_repo, err);
    return rc < 0 ? rc : p->ops->mount(p, repo, from_repo, digest, size, err);
}

/* ---- lists ---- */

int rf_place_list_tags(struct rf_place *p, const char *repo, rf_place_tag_cb cb, void *ctx,
                       struct rf_err *err)
{
    int rc = check_op(p, p->ops->list_tags != NULL, "list tags", err);
    if (rc == 0)
        rc = check_repo(p, repo, err);
    return rc < 0 ? rc : p->ops->list_tags(p, repo, cb, ctx, err);
}

int rf_place_list_repos(struct rf_place *p, rf_place_tag_cb cb, void *ctx, struct rf_err *err)
{
    int rc = check_op(p, p->ops->list_repos != NULL, "list repositories", err);
    return rc < 0 ? rc : p->ops->list_repos(p, cb, ctx, err);
}

/* One gate for all places: each referrer once, of the wanted type, and not without end. */
struct referrers {
    struct rf_digest *seen;
    size_t n, cap;
    struct rf_idmap by_digest;
    const char *artifact_type;
    const char *name;
    rf_place_desc_cb cb;
    void *ctx;
};

static struct rf_slice digest_key(const struct rf_digest *d)
{
    return rf_slice_of(d, offsetof(struct rf_digest, bytes) + d->len);
}

static struct rf_slice referrers_key(const void *ctx, uint32_t id)
{
    return digest_key(&((const struct referrers *)ctx)->seen[id]);
}

static void referrers_release(struct referrers *r)
{
    rf_idmap_release(&r->by_digest);
    rf_freep(&r->seen);
}

static int on_referrer(void *ctx, const struct rf_descriptor *desc, struct rf_err *err)
{
    struct referrers *r = ctx;
    if (r->artifact_type != NULL &&
        (desc->artifact_type == NULL || strcmp(desc->artifact_type, r->artifact_type) != 0))
        return 0;
    if (rf_idmap_find(&r->by_digest, digest_key(&desc->digest)) != RF_NO_ID)
        return 0;
    if (r->n == REFERRERS_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "%s: more than %d referrers", r->name, REFERRERS_MAX);
    r->seen = rf_grow(r->seen, r->n, &r->cap, sizeof(*r->seen));
    r->seen[r->n] = desc->digest;
    rf_idmap_add(&r->by_digest, (uint32_t)r->n++);
    return r->cb(r->ctx, desc, err);
}

int rf_place_referrers(struct rf_place *p, const char *repo, const struct rf_digest *subject,
                       const char *artifact_type, rf_place_desc_cb cb, void *ctx,
                       struct rf_err *err)
{
    int rc = check_op(p, p->ops->referrers != NULL, "list referrers", err);
    if (rc == 0)
        rc = check_blob(p, repo, subject, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(referrers_release)
    struct referrers r = { .artifact_type = artifact_type, .name = p->name, .cb = cb, .ctx = ctx };
    rf_idmap_init(&r.by_digest, referrers_key, &r);
    return p->ops->referrers(p, repo, subject, artifact_type, on_referrer, &r, err);
}

/* ---- deleting ---- */

int rf_place_delete_tag(struct rf_place *p, const char *repo, const char *tag, struct rf_err *err)
{
    int rc = check_write(p, p->ops->delete_tag != NULL, "delete tags", err);
    if (rc == 0)
        rc = check_repo(p, repo, err);
    if (rc < 0)
        return rc;
    if (tag == NULL)
        return rf_fail(err, RFE_INVALID, "%s: no tag", p->name);
    rc = check_tag(p, repo, tag, err);
    return rc < 0 ? rc : p->ops->delete_tag(p, repo, tag, err);
}

int rf_place_delete_manifest(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                             struct rf_err *err)
{
    int rc = check_write(p, p->ops->delete_manifest != NULL, "delete manifests", err);
    if (rc == 0)
        rc = check_blob(p, repo, digest, err);
    return rc < 0 ? rc : p->ops->delete_manifest(p, repo, digest, err);
}

int rf_place_delete_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                         struct rf_err *err)
{
    int rc = check_write(p, p->ops->delete_blob != NULL, "delete blobs", err);
    if (rc == 0)
        rc = check_blob(p, repo, digest, err);
    return rc < 0 ? rc : p->ops->delete_blob(p, repo, digest, err);
}

int rf_place_can_write(struct rf_place *p, const char *repo, struct rf_err *err)
{
    int rc = check_repo(p, repo, err);
    if (rc < 0)
        return rc;
    if ((p->flags & RF_PLACE_READ_ONLY) != 0)
        return rf_fail(err, RFE_DENIED, "%s: it is read-only", p->name);
    /* A place without this operation cannot tell. */
    return p->ops->can_write != NULL ? p->ops->can_write(p, repo, err) : 0;
}

int rf_place_hold(struct rf_place *p, const char *repo, struct rf_err *err)
{
    int rc = check_repo(p, repo, err);
    return rc == 0 && p->ops->hold != NULL ? p->ops->hold(p, repo, err) : rc;
}

void rf_place_unhold(struct rf_place *p, const char *repo)
{
    if (p->ops->unhold != NULL)
        p->ops->unhold(p, repo);
}

void rf_place_free(struct rf_place *p)
{
    if (p != NULL)
        p->ops->free(p);
}

void rf_place_freep(struct rf_place **p)
{
    rf_place_free(*p);
    *p = NULL;
}

/* ---- tags that speak of a digest ---- */

#define FALLBACK_HEX 64

void rf_fallback_tag(const struct rf_digest *subject, char out[RF_DIGEST_TEXT])
{
    char hex[RF_DIGEST_TEXT];
    rf_digest_hex(subject, hex);
    /* The specification cuts the digest so that it fits a tag. */
    (void)snprintf(out, RF_DIGEST_TEXT, "%s-%.*s", rf_digest_algo_name(subject->algo), FALLBACK_HEX,
                   hex);
}

bool rf_fallback_tag_is(const char *tag)
{
    static const char *const starts[] = { "sha256-", "sha512-" };
    for (size_t i = 0; i < RF_ARRAY_LEN(starts); i++) {
        const char *hex = tag + strlen(starts[i]);
        if (strncmp(tag, starts[i], strlen(starts[i])) == 0 &&
            strspn(hex, "0123456789abcdef") == FALLBACK_HEX && hex[FALLBACK_HEX] == '\0')
            return true;
    }
    return false;
}

int rf_place_is_fallback(struct rf_place *p, const char *repo, const char *tag, struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    if (!rf_fallback_tag_is(tag))
        return 0;
    int rc = rf_place_resolve(p, repo, tag, NULL, &d, err);
    return rc < 0 ? rc : rf_media_kind(d.media_type) == RF_KIND_INDEX;
}

bool rf_digest_tag_parse(const char *tag, struct rf_digest *out)
{
    const char *dash = strchr(tag, '-');
    if (dash == NULL)
        return false;
    const char *hex = dash + 1;
    size_t n = strcspn(hex, ".");
    if (hex[n] == '.' && hex[n + 1] == '\0')
        return false;
    return rf_digest_parse_parts(rf_slice_of(tag, (size_t)(dash - tag)), rf_slice_of(hex, n), out,
                                 NULL) == 0;
}
