/* SPDX-License-Identifier: Apache-2.0 */
#include "export/rules_file.h"

#include "base/file.h"
#include "base/lines.h"
#include "base/mem.h"

#define LINE_MAX_BYTES (64u << 10)
#define PIECE (64u << 10)

static const char *const keys[] = { "by", "how", "repository", "name", "verdict" };

/* ---- writing ---- */

static void put_rule(struct rf_buf *out, const struct rf_rule *rule)
{
    const char *const values[RF_ARRAY_LEN(keys)] = { rule->by, rule->how, rule->of_repository,
                                                     rule->of_name, rule->verdict };
    rf_buf_addf(out, "{\"line\":%u", rule->line);
    for (size_t i = 0; i < RF_ARRAY_LEN(keys); i++) {
        if (values[i] == NULL)
            continue;
        rf_buf_addf(out, ",\"%s\":", keys[i]);
        rf_json_add_string(out, values[i]);
    }
    rf_buf_add_str(out, "}\n");
}

/* The rule of line i of the bundle; its holes come behind its images. */
static uint32_t rule_at(const struct rf_bundle *b, size_t i)
{
    size_t n = b->desired.n;
    return i < n ? b->desired.images[i].rule : b->holes[i - n].rule;
}

/* What has gathered goes to the file, all of it or when it is much. */
static int drain(struct rf_buf *text, bool all, struct rf_sink *sink, struct rf_err *err)
{
    if (!all && text->len < PIECE)
        return 0;
    int rc = rf_sink_write(sink, text->ptr, text->len, err);
    rf_buf_clear(text);
    return rc;
}

static int write_all(const struct rf_rules *r, const struct rf_bundle *b, struct rf_sink *sink,
                     struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    char id[RF_DIGEST_TEXT];
    const size_t n = b->desired.n, all = n + b->n_holes;
    int rc = 0;
    rf_buf_init(&text, 0);
    rf_buf_addf(&text, "{\"bundle\":\"%s\",\"rules\":%zu", rf_digest_text(&b->id, id), r->n);
    if (r->file != NULL) {
        rf_buf_add_str(&text, ",\"file\":");
        rf_json_add_string(&text, r->file);
    }
    rf_buf_add_str(&text, "}\n");
    for (uint32_t i = 1; rc == 0 && i <= r->n; i++) {
        struct rf_rule rule = { 0 };
        (void)rf_rules_get(r, i, &rule);
        put_rule(&text, &rule);
        rc = drain(&text, false, sink, err);
    }
    for (size_t i = 0; rc == 0 && i < all;) {
        size_t first = i, end = i < n ? n : all;
        while (i < end && rule_at(b, i) == rule_at(b, first))
            i++;
        rf_buf_addf(&text, "[%u,%zu]\n", rule_at(b, first), i - first);
        rc = drain(&text, false, sink, err);
    }
    return rc < 0 ? rc : drain(&text, true, sink, err);
}

int rf_rules_store(const struct rf_rules *r, const struct rf_bundle *b, const char *path,
                   struct rf_err *err)
{
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    int rc = rf_file_sink(path, 0600, true, &sink, err);
    if (rc == 0)
        rc = write_all(r, b, sink, err);
    if (rc == 0)
        rc = rf_sink_commit(sink, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", path) : 0;
}

/* ---- reading ---- */

/* The next line as JSON. *out: the caller drops it. */
static int next(struct rf_lines *lines, json_t **out, struct rf_err *err)
{
    struct rf_slice line;
    int rc = rf_lines_next(lines, &line, err);
    if (rc == 0)
        rc = rf_fail(err, RFE_INVALID, "it ends too early");
    return rc < 0 ? rc : rf_json_parse(line, LINE_MAX_BYTES, out, err);
}

static int read_head(struct rf_lines *lines, const struct rf_bundle *b, struct rf_rules *r,
                     uint64_t *n, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *head = NULL;
    const char *id = NULL, *file = NULL;
    char text[RF_DIGEST_TEXT];
    int rc = next(lines, &head, err);
    if (rc == 0)
        rc = rf_json_string(head, "bundle", "", RF_JSON_REQUIRED, &id, err);
    if (rc == 0)
        rc = rf_json_u64(head, "rules", "", RF_JSON_REQUIRED, n, err);
    if (rc == 0)
        rc = rf_json_string(head, "file", "", RF_JSON_OPTIONAL, &file, err);
    if (rc == 0 && strcmp(id, rf_digest_text(&b->id, text)) != 0)
        rc = rf_fail(err, RFE_INVALID, "it is of another bundle");
    if (rc == 0 && file != NULL)
        r->file = rf_xstrdup(file);
    return rc;
}

static int read_rule(struct rf_lines *lines, struct rf_rules *r, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    const char *values[RF_ARRAY_LEN(keys)] = { NULL };
    uint64_t line = 0;
    int rc = next(lines, &doc, err);
    if (rc == 0)
        rc = rf_json_u64(doc, "line", "", RF_JSON_REQUIRED, &line, err);
    for (size_t i = 0; rc == 0 && i < RF_ARRAY_LEN(keys); i++)
        rc = rf_json_string(doc, keys[i], "", RF_JSON_OPTIONAL, &values[i], err);
    if (rc == 0 && line > UINT32_MAX)
        rc = rf_fail(err, RFE_INVALID, "line: out of range");
    if (rc < 0)
        return rc;
    const struct rf_rule rule = { values[0], (uint32_t)line, values[1],
                                  values[2], values[3],      values[4] };
    size_t before = r->n;
    (void)rf_rules_add(r, &rule);
    return r->n > before ? 0 : rf_fail(err, RFE_INVALID, "the same rule twice");
}

/* [NUMBER,COUNT] of so many that are left. Returns COUNT. */
static int64_t read_run(struct rf_lines *lines, const struct rf_rules *r, size_t left,
                        uint32_t *number, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *run = NULL;
    int rc = next(lines, &run, err);
    if (rc < 0)
        return rc;
    json_int_t rule = json_integer_value(json_array_get(run, 0));
    json_int_t count = json_integer_value(json_array_get(run, 1));
    if (rule < 0 || (uint64_t)rule > r->n || count <= 0 || (uint64_t)count > left)
        return rf_fail(err, RFE_INVALID, "a run of lines that cannot be");
    *number = (uint32_t)rule;
    return count;
}

static int read_runs(struct rf_lines *lines, const struct rf_rules *r, uint32_t *numbers, size_t n,
                     struct rf_err *err)
{
    for (size_t i = 0; i < n;) {
        uint32_t number = 0;
        int64_t count = read_run(lines, r, n - i, &number, err);
        if (count < 0)
            return (int)count;
        for (; count > 0; count--)
            numbers[i++] = number;
    }
    return 0;
}

static int read_all(struct rf_lines *lines, struct rf_rules *r, const struct rf_bundle *b,
                    uint32_t *numbers, struct rf_err *err)
{
    uint64_t n = 0;
    int rc = read_head(lines, b, r, &n, err);
    for (uint64_t i = 0; rc == 0 && i < n; i++)
        rc = read_rule(lines, r, err);
    if (rc == 0)
        rc = read_runs(lines, r, numbers, b->desired.n, err);
    return rc < 0 ? rc : read_runs(lines, r, numbers + b->desired.n, b->n_holes, err);
}

int rf_rules_load(struct rf_rules *r, struct rf_bundle *b, const char *path, struct rf_err *err)
{
    struct rf_desired *d = &b->desired;
    RF_CLEANUP(rf_source_freep) struct rf_source *src = NULL;
    RF_CLEANUP(rf_lines_release) struct rf_lines lines;
    RF_CLEANUP(rf_freep) uint32_t *numbers = rf_xcalloc(d->n + b->n_holes + 1, sizeof(*numbers));
    uint64_t size = 0;
    int fd = -1;
    rf_lines_init(&lines, NULL, LINE_MAX_BYTES);
    int rc = rf_file_open(path, &fd, &size, err);
    if (rc < 0)
        return rc;
    lines.src = src = rf_source_fd_owned(fd, 0, size);
    rc = read_all(&lines, r, b, numbers, err);
    if (rc < 0) {
        rf_rules_release(r);
        rf_rules_init(r);
        return rf_wrap(err, rc, "%s", path);
    }
    for (size_t i = 0; i < d->n; i++)
        d->images[i].rule = numbers[i];
    for (size_t i = 0; i < b->n_holes; i++)
        b->holes[i].rule = numbers[d->n + i];
    return 0;
}
