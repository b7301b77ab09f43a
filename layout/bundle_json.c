/* SPDX-License-Identifier: Apache-2.0 */
/* Writing bundle.json and index.json: one array element per line, always the same bytes (docs/bundle-format.md). */
#include "layout/bundle.h"

#include "base/mem.h"
#include "base/text.h"
#include "layout/bundle_retain.h"

static const char *const kind_names[] = { "manifest", "config", "layer" };
static const char *const travel_names[] = { "carried", "assumed" };

/* Collects lines and hands them to the sink in larger pieces. */
struct out {
    const char *name;
    struct rf_sink *sink;
    struct rf_buf buf;
    int rc;
    struct rf_err *err;
};

static void flush(struct out *o)
{
    if (o->rc == 0 && o->buf.len > 0)
        o->rc = rf_sink_write(o->sink, o->buf.ptr, o->buf.len, o->err);
    rf_buf_clear(&o->buf);
}

/* Begins element i of an array behind the comma of the one before. Returns where the line starts. */
static size_t element(struct out *o, size_t i)
{
    if (i > 0)
        rf_buf_add_str(&o->buf, ",\n");
    if (o->buf.len > 65536)
        flush(o);
    return o->buf.len;
}

/* The line that began at `start` must leave room for its comma and LF. */
static void check_line(struct out *o, size_t start)
{
    if (o->rc == 0 && (o->buf.rc < 0 || o->buf.len - start > RF_BUNDLE_LINE_MAX - 2))
        o->rc = rf_fail(o->err, RFE_TOO_LARGE, "a line of %s would pass %u bytes: %.200s...",
                        o->name, RF_BUNDLE_LINE_MAX, o->buf.ptr + start);
}

static void open_array(struct out *o, const char *key)
{
    rf_buf_addf(&o->buf, "\"%s\":[\n", key);
}

static void close_array(struct out *o, size_t n, const char *end)
{
    rf_buf_addf(&o->buf, "%s%s\n", n > 0 ? "\n" : "", end);
    flush(o);
}

static void put_digest(struct out *o, const struct rf_digest *d)
{
    char text[RF_DIGEST_TEXT];
    if (rf_digest_is_set(d))
        rf_buf_addf(&o->buf, "\"%s\"", rf_digest_text(d, text));
    else
        rf_buf_add_str(&o->buf, "null");
}

static void put_header(struct out *o, const struct rf_bundle *b)
{
    rf_buf_addf(
        &o->buf,
        "{\n\"bundleVersion\":%d,\n\"site\":\"%s\",\n\"chain\":\"%s\",\n\"sequence\":%llu,\n",
        RF_BUNDLE_VERSION, b->site, b->chain, (unsigned long long)b->sequence);
    rf_buf_add_str(&o->buf, "\"parent\":");
    put_digest(o, &b->parent);
    rf_buf_add_str(&o->buf, ",\n\"snapshot\":");
    put_digest(o, &b->snapshot);
    rf_buf_addf(&o->buf, ",\n\"features\":[%s],\n", rf_bundle_is_repair(b) ? "\"repair\"" : "");
    if (rf_bundle_is_repair(b)) {
        rf_buf_add_str(&o->buf, "\"repairs\":");
        put_digest(o, &b->repairs);
        rf_buf_add_str(&o->buf, ",\n");
    }
    rf_buf_add_str(&o->buf, "\"tool\":");
    rf_json_add_string(&o->buf, b->tool != NULL ? b->tool : "");
    rf_buf_add_str(&o->buf, ",\n");
    open_array(o, "bases");
    for (size_t i = 0; i < b->n_bases; i++) {
        element(o, i);
        put_digest(o, &b->bases[i]);
    }
    close_array(o, b->n_bases, "],");
}

/* Only where there is something: bundles without a policy are what they always were. */
static void put_refused(struct out *o, const struct rf_bundle *b)
{
    if (b->n_refused == 0)
        return;
    open_array(o, "refused");
    for (size_t i = 0; i < b->n_refused && o->rc == 0; i++) {
        const struct rf_bundle_refused *r = &b->refused[i];
        size_t start = element(o, i);
        rf_buf_add_str(&o->buf, "{\"repository\":");
        rf_json_add_string(&o->buf, rf_desired_str(&b->desired, r->repository));
        rf_buf_add_str(&o->buf, ",\"tag\":");
        rf_json_add_string(&o->buf, rf_desired_str(&b->desired, r->tag));
        rf_buf_add_str(&o->buf, ",\"digest\":");
        put_digest(o, &r->digest);
        rf_buf_add_str(&o->buf, ",\"source\":");
        rf_json_add_string(&o->buf, rf_desired_str(&b->desired, r->source));
        rf_buf_add_str(&o->buf, ",\"reason\":");
        rf_json_add_string(&o->buf, rf_desired_str(&b->desired, r->reason));
        rf_buf_add_char(&o->buf, '}');
        check_line(o, start);
    }
    close_array(o, b->n_refused, "],");
}

void rf_hole_json(const struct rf_bundle *b, const struct rf_hole *h, struct rf_buf *out)
{
    const uint32_t ids[] = { h->repository, h->tag, h->source, h->reason };
    static const char *const keys[] = { "repository", "tag", "source", "reason" };
    for (size_t k = 0; k < RF_ARRAY_LEN(ids); k++) {
        rf_buf_addf(out, "%s\"%s\":", k > 0 ? "," : "{", keys[k]);
        rf_json_add_string(out, rf_desired_str(&b->desired, ids[k]));
    }
    rf_buf_add_char(out, '}');
}

static void put_images(struct out *o, const struct rf_bundle *b)
{
    open_array(o, "repositories");
    for (size_t i = 0; i < b->n_repositories; i++) {
        element(o, i);
        rf_json_add_string(&o->buf, rf_desired_str(&b->desired, b->repositories[i]));
    }
    close_array(o, b->n_repositories, "],");
    open_array(o, "images");
    for (size_t i = 0; i < b->desired.n && o->rc == 0; i++) {
        size_t start = element(o, i);
        rf_image_json(&b->desired, &b->desired.images[i], true, &o->buf);
        check_line(o, start);
    }
    close_array(o, b->desired.n, "],");
    open_array(o, "holes");
    for (size_t i = 0; i < b->n_holes && o->rc == 0; i++) {
        size_t start = element(o, i);
        rf_hole_json(b, &b->holes[i], &o->buf);
        check_line(o, start);
    }
    close_array(o, b->n_holes, "],");
}

/* Nothing at all without rules: such bundles are the same bytes as ever. */
static void put_retain(struct out *o, const struct rf_bundle *b)
{
    char text[32];
    size_t start;
    if (!b->retain.set)
        return;
    if (b->retain.has_as_of)
        rf_buf_addf(&o->buf, "\"asOf\":\"%s\",\n", rf_text_time(b->retain.as_of, text));
    start = o->buf.len;
    rf_buf_add_str(&o->buf, "\"retain\":");
    rf_bundle_retain_json(b, &o->buf);
    check_line(o, start);
    rf_buf_add_str(&o->buf, ",\n");
    open_array(o, "candidates");
    for (size_t i = 0; i < b->retain.n && o->rc == 0; i++) {
        start = element(o, i);
        rf_candidate_json(b, &b->retain.candidates[i], &o->buf);
        check_line(o, start);
    }
    close_array(o, b->retain.n, "],");
}

static void put_list(struct out *o, const struct rf_bundle *b, const char *key, uint32_t first,
                     uint32_t n)
{
    rf_buf_addf(&o->buf, ",\"%s\":[", key);
    for (uint32_t i = 0; i < n; i++)
        rf_buf_addf(&o->buf, "%s%u", i > 0 ? "," : "", b->lists[first + i]);
    rf_buf_add_char(&o->buf, ']');
}

static void put_blobs(struct out *o, const struct rf_bundle *b)
{
    open_array(o, "blobs");
    for (size_t i = 0; i < b->n_blobs && o->rc == 0; i++) {
        const struct rf_bundle_blob *blob = &b->blobs[i];
        size_t start = element(o, i);
        rf_buf_add_str(&o->buf, "{\"digest\":");
        put_digest(o, &blob->digest);
        rf_buf_addf(&o->buf, ",\"size\":%llu,\"mediaType\":", (unsigned long long)blob->size);
        rf_json_add_string(&o->buf, rf_desired_str(&b->desired, blob->media_type));
        rf_buf_addf(&o->buf, ",\"kind\":\"%s\"", kind_names[blob->kind]);
        put_list(o, b, "repositories", blob->first_repo, blob->n_repos);
        rf_buf_addf(&o->buf, ",\"travel\":\"%s\"", travel_names[blob->travel]);
        if (blob->travel == RF_TRAVEL_CARRIED)
            rf_buf_add_str(&o->buf, ",\"volume\":1");
        else
            put_list(o, b, "from", blob->first_from, blob->n_from);
        rf_buf_add_char(&o->buf, '}');
        check_line(o, start);
    }
    close_array(o, b->n_blobs, "],");
}

static void put_volumes(struct out *o, const struct rf_bundle *b)
{
    open_array(o, "volumes");
    rf_buf_addf(
        &o->buf,
        "{\"volume\":1,\"blobs\":%zu,\"bytes\":%llu,\"members\":[{\"name\":\"index.json\",\"size\":%llu,\"digest\":",
        rf_bundle_carried_count(b), (unsigned long long)rf_bundle_carried_bytes(b),
        (unsigned long long)b->index_size);
    put_digest(o, &b->index_digest);
    rf_buf_add_str(&o->buf, "}]}");
    close_array(o, 1, "]");
    rf_buf_add_str(&o->buf, "}\n");
}

int rf_bundle_write(const struct rf_bundle *b, struct rf_sink *sink, struct rf_err *err)
{
    struct out o = { .name = "bundle.json", .sink = sink, .err = err };
    rf_buf_init(&o.buf, 4u << 20);
    put_header(&o, b);
    put_images(&o, b);
    put_refused(&o, b);
    put_retain(&o, b);
    put_blobs(&o, b);
    put_volumes(&o, b);
    flush(&o);
    rf_buf_release(&o.buf);
    return o.rc;
}

int rf_bundle_write_index(const struct rf_bundle *b, struct rf_sink *sink, struct rf_err *err)
{
    struct out o = { .name = "index.json", .sink = sink, .err = err };
    rf_buf_init(&o.buf, 4u << 20);
    const struct rf_desired *d = &b->desired;
    rf_buf_add_str(
        &o.buf,
        "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[\n");
    size_t n = 0;
    for (size_t i = 0; i < d->n && o.rc == 0; i++) {
        const struct rf_image *im = &d->images[i];
        const char *tag = rf_desired_str(d, im->tag);
        if (!rf_image_travels(im) || tag[0] == '\0')
            continue;
        size_t start = element(&o, n++);
        rf_buf_add_str(&o.buf, "{\"mediaType\":");
        rf_json_add_string(&o.buf, rf_desired_str(d, im->media_type));
        rf_buf_add_str(&o.buf, ",\"digest\":");
        put_digest(&o, &im->digest);
        rf_buf_addf(&o.buf, ",\"size\":%llu,\"annotations\":{\"io.containerd.image.name\":",
                    (unsigned long long)im->size);
        rf_json_add_string(&o.buf, rf_desired_str(d, im->source));
        rf_buf_addf(&o.buf, ",\"org.opencontainers.image.ref.name\":\"%s:%s\"}}",
                    rf_desired_str(d, im->repository), tag);
        check_line(&o, start);
    }
    close_array(&o, n, "]}");
    rf_buf_release(&o.buf);
    return o.rc;
}
