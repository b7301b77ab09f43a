/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/text.h"
#include "layout/oci_index.h"
#include "regclient/docker_archive.h"
#include "regclient/image_export_private.h"

#define SHOWN 200 /* bytes of a name in a message */

char *rf_export_blob_name(const struct rf_digest *d)
{
    char hex[RF_DIGEST_TEXT];
    return rf_xasprintf("blobs/%s/%s", rf_digest_algo_name(d->algo), rf_digest_hex(d, hex));
}

/* ---- names ---- */

/* One part of a path: lower case, each run of other characters than letters and digits is one "-". */
static void add_part(struct rf_buf *b, const char *part, size_t n)
{
    bool dash = false;
    rf_buf_add_str(b, b->len > 0 ? "/" : "");
    for (size_t i = 0; i < n; i++) {
        char c = (char)(part[i] >= 'A' && part[i] <= 'Z' ? part[i] - 'A' + 'a' : part[i]);
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (plain || !dash)
            rf_buf_add_char(b, plain ? c : '-');
        dash = !plain;
    }
}

/* A layout's path as part of a repository's name, dots resolved. */
static char *path_name(const char *path)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    for (const char *at = path; *at != '\0';) {
        size_t n = strcspn(at, "/");
        if (n == 2 && strncmp(at, "..", 2) == 0) {
            char *last = strrchr(b.ptr, '/');
            b.len = last != NULL ? (size_t)(last - b.ptr) : 0;
            b.ptr[b.len] = '\0';
        } else if (n > 0 && !(n == 1 && at[0] == '.')) {
            add_part(&b, at, n);
        }
        at += n + (at[n] == '/');
    }
    return rf_buf_take(&b, NULL);
}

/* Takes the "-" from the ends of each part, and parts that are nothing else. */
static void trim_parts(char *name)
{
    char *to = name;
    for (const char *at = name; *at != '\0';) {
        size_t n = strcspn(at, "/"), skip = 0;
        const char *next = at + n + (at[n] == '/');
        while (skip < n && at[skip] == '-')
            skip++;
        while (n > skip && at[n - 1] == '-')
            n--;
        if (n > skip && to > name)
            *to++ = '/';
        memmove(to, at + skip, n - skip);
        to += n - skip;
        at = next;
    }
    *to = '\0';
}

char *rf_export_docker_name(const struct rf_ref *name)
{
    const char *tag = name->tag != NULL ? name->tag : "latest";
    if (name->scheme == RF_SCHEME_REGISTRY)
        return rf_xasprintf("%s/%s:%s", name->registry, name->repository, tag);
    RF_CLEANUP(rf_freep)
    char *path = name->repository != NULL ? rf_xstrdup(name->repository) : path_name(name->path);
    if (!rf_repository_valid(rf_slice_str(path)))
        trim_parts(path);
    if (!rf_repository_valid(rf_slice_str(path)))
        return NULL;
    return rf_xasprintf("localhost/%s:%s", path, tag);
}

/* ---- the documents at the head ---- */

/* Another image with the same tag, but not the same digest: a tag alone would not tell them apart. */
static bool tag_is_shared(const struct rf_exporter *x, size_t i)
{
    for (size_t k = 0; k < x->n_images; k++)
        if (x->images[k].name->tag != NULL &&
            strcmp(x->images[k].name->tag, x->images[i].name->tag) == 0 &&
            !rf_digest_eq(&x->roots[k]->digest, &x->roots[i]->digest))
            return true;
    return false;
}

/* The name for docker. Of several images, those without a tag have none: they cannot all be "latest". The caller frees. */
static char *docker_name(const struct rf_exporter *x, size_t i)
{
    const struct rf_ref *ref = x->images[i].name;
    return ref->tag != NULL || x->n_images == 1 ? rf_export_docker_name(ref) : NULL;
}

struct names {
    struct rf_strings seen;
    size_t *first; /* by string: the image that has it */
};

static void names_release(struct names *n)
{
    rf_strings_release(&n->seen);
    free(n->first);
}

static int check_name(const struct rf_exporter *x, struct names *n, size_t i, const char *name,
                      struct rf_err *err)
{
    uint32_t id = rf_strings_find(&n->seen, rf_slice_str(name));
    if (id == RF_NO_ID) {
        id = rf_strings_add(&n->seen, rf_slice_str(name));
        n->first[id] = i;
    }
    const struct rf_digest *a = &x->roots[n->first[id]]->digest, *b = &x->roots[i]->digest;
    char p[RF_DIGEST_TEXT], q[RF_DIGEST_TEXT];
    if (rf_digest_eq(a, b))
        return 0;
    return rf_hint(err,
                   rf_fail(err, RFE_CONFLICT, "%s: two images of this name, %s and %s", name,
                           rf_digest_text(a, p), rf_digest_text(b, q)),
                   "give one of them another name");
}

static int check_names(const struct rf_exporter *x, struct rf_err *err)
{
    RF_CLEANUP(names_release) struct names n;
    rf_strings_init(&n.seen);
    n.first = rf_xcalloc(2 * x->n_images, sizeof(*n.first));
    for (size_t i = 0; i < x->n_images; i++) {
        RF_CLEANUP(rf_freep) char *name = rf_ref_common_name(x->images[i].name);
        RF_CLEANUP(rf_freep) char *docker = docker_name(x, i);
        int rc = check_name(x, &n, i, name, err);
        if (rc == 0 && docker != NULL)
            rc = check_name(x, &n, i, docker, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int annotate(json_t *annotations, const char *key, const char *value, struct rf_err *err)
{
    if (json_object_set_new(annotations, key, json_string(value)) == 0)
        return 0;
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(value), SHOWN);
    return rf_fail(err, RFE_INVALID, "%s: a name that is not UTF-8", shown);
}

/* The index entry of image i; its annotations in the order of their names. */
static int entry_of(const struct rf_exporter *x, size_t i, struct rf_descriptor *out,
                    struct rf_err *err)
{
    const struct rf_ref *ref = x->images[i].name;
    const struct rf_manifest *m = x->roots[i];
    RF_CLEANUP(rf_freep) char *name = rf_ref_common_name(ref);
    *out = (struct rf_descriptor){ .media_type = rf_xstrdup(m->media_type),
                                   .digest = m->digest,
                                   .size = m->body.len };
    out->annotations = json_object();
    int rc = annotate(out->annotations, RF_ANNOTATION_IMAGE_NAME, name, err);
    if (rc < 0 || ref->tag == NULL)
        return rc;
    RF_CLEANUP(rf_freep) char *full = tag_is_shared(x, i) ? docker_name(x, i) : NULL;
    return annotate(out->annotations, RF_ANNOTATION_REF_NAME, full != NULL ? full : ref->tag, err);
}

static int make_index(const struct rf_exporter *x, struct rf_buf *out, struct rf_err *err)
{
    RF_CLEANUP(rf_strings_release) struct rf_strings seen;
    rf_strings_init(&seen);
    rf_buf_add_str(out, "{\"schemaVersion\":2,\"manifests\":[");
    for (size_t i = 0; i < x->n_images; i++) {
        RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
        RF_CLEANUP(rf_buf_release) struct rf_buf entry;
        rf_buf_init(&entry, 0);
        int rc = entry_of(x, i, &d, err);
        if (rc < 0)
            return rc;
        rf_descriptor_add_json(&entry, &d);
        /* An image that was named twice is listed once. */
        if (rf_strings_find(&seen, rf_buf_slice(&entry)) != RF_NO_ID)
            continue;
        rf_strings_add(&seen, rf_buf_slice(&entry));
        rf_buf_addf(out, "%s%s", i > 0 ? "," : "", entry.ptr);
    }
    rf_buf_add_str(out, "]}");
    if (out->rc < 0)
        return rf_fail(err, -out->rc, "index.json: more than %zu bytes", out->max);
    return 0;
}

/* Annotations in the order of their names, as they stand in documents of this kind elsewhere. */
static json_t *sorted(const json_t *annotations)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    json_t *out = NULL;
    rf_json_add_value(&text, annotations, true);
    return rf_json_parse(rf_buf_slice(&text), text.max, &out, NULL) == 0 ? out : NULL;
}

static void add_layer(struct rf_docker_image *image, const struct rf_descriptor *layer)
{
    RF_CLEANUP(rf_freep) char *name = rf_export_blob_name(&layer->digest);
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    rf_descriptor_copy(layer, &d);
    if (d.annotations != NULL) {
        json_decref(d.annotations);
        d.annotations =
            json_object_size(layer->annotations) > 0 ? sorted(layer->annotations) : NULL;
    }
    rf_docker_image_add_layer(image, name);
    rf_docker_image_add_source(image, &layer->digest, &d);
}

/* Docker can load it only when all its layers are in the tar. */
static bool is_loadable(const struct rf_exporter *x, const struct rf_manifest *m)
{
    if (m->kind != RF_KIND_IMAGE)
        return false;
    for (size_t i = 0; i < m->n_entries; i++)
        if (m->entries[i].n_urls > 0 && !x->opts->include_external)
            return false;
    return true;
}

/* One element for each image, with all its names. */
static void list_docker(const struct rf_exporter *x, struct rf_docker_archive *docker)
{
    RF_CLEANUP(rf_strings_release) struct rf_strings seen;
    rf_strings_init(&seen);
    for (size_t i = 0; i < x->n_images; i++) {
        const struct rf_manifest *m = x->roots[i];
        char digest[RF_DIGEST_TEXT];
        if (!is_loadable(x, m))
            continue;
        uint32_t id = rf_strings_add(&seen, rf_slice_str(rf_digest_text(&m->digest, digest)));
        if (id == docker->n) {
            RF_CLEANUP(rf_freep) char *config = rf_export_blob_name(&m->config.digest);
            struct rf_docker_image *image = rf_docker_archive_add(docker, config);
            for (size_t k = 0; k < m->n_entries; k++)
                add_layer(image, &m->entries[k]);
        }
        RF_CLEANUP(rf_freep) char *name = docker_name(x, i);
        if (name != NULL)
            rf_docker_image_add_tag(&docker->images[id], name);
    }
}

int rf_export_make_head(const struct rf_exporter *x, struct rf_buf *index, struct rf_buf *manifest,
                        struct rf_err *err)
{
    RF_CLEANUP(rf_docker_archive_release) struct rf_docker_archive docker = { 0 };
    int rc = check_names(x, err);
    if (rc == 0)
        rc = make_index(x, index, err);
    if (rc < 0)
        return rc;
    list_docker(x, &docker);
    if (docker.n > 0)
        rf_docker_archive_format(&docker, manifest);
    if (manifest->rc < 0)
        return rf_fail(err, -manifest->rc, RF_DOCKER_ARCHIVE_NAME ": more than %zu bytes",
                       manifest->max);
    return 0;
}
