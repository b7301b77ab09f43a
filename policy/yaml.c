/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/yaml.h"

#include <errno.h>
#include <unistd.h>
#include <yaml.h>

#include "base/file.h"
#include "base/idmap.h"
#include "base/mem.h"
#include "base/text.h"

#define CHUNK_MIN 65536

struct chunk {
    struct chunk *next;
    size_t used, cap;
    max_align_t data[];
};

struct rf_yaml {
    char *name;
    struct chunk *chunks;
    const struct rf_yaml_node *root;
};

/* ---- memory: nodes and their texts live and go together ---- */

static void *take(struct rf_yaml *y, size_t size)
{
    size = (size + 7) & ~(size_t)7;
    struct chunk *c = y->chunks;
    if (c == NULL || c->cap - c->used < size) {
        size_t cap = size > CHUNK_MIN ? size : CHUNK_MIN;
        c = rf_xcalloc(1, sizeof(*c) + cap);
        c->cap = cap;
        c->next = y->chunks;
        y->chunks = c;
    }
    void *p = (char *)c->data + c->used;
    c->used += size;
    return p;
}

void rf_yaml_free(struct rf_yaml *y)
{
    if (y == NULL)
        return;
    for (struct chunk *c = y->chunks, *next; c != NULL; c = next) {
        next = c->next;
        rf_wipe(c->data, c->used);
        free(c);
    }
    free(y->name);
    free(y);
}

void rf_yaml_freep(struct rf_yaml **y)
{
    rf_yaml_free(*y);
    *y = NULL;
}

const struct rf_yaml_node *rf_yaml_root(const struct rf_yaml *y)
{
    return y->root;
}

const char *rf_yaml_name(const struct rf_yaml *y)
{
    return y->name;
}

/* ---- building ---- */

/* A list or map whose end has not come yet. */
struct open {
    struct rf_yaml_node *node;
    size_t first; /* of its items on the stack */
    char *anchor; /* its name, known only once it is whole; or NULL */
    uint64_t weight;
};

struct builder {
    struct rf_yaml *y;
    yaml_parser_t parser;
    const struct rf_yaml_node **stack; /* items of all open nodes */
    size_t n_stack, cap_stack;
    struct open open[RF_YAML_DEPTH_MAX];
    size_t depth;
    struct rf_strings names;             /* of anchors */
    const struct rf_yaml_node **anchors; /* by number of the name; the last one of a name counts */
    size_t n_anchors, cap_anchors;
    uint64_t nodes; /* with aliases and merges written out */
    bool done;
};

static void builder_release(struct builder *b)
{
    yaml_parser_delete(&b->parser);
    free(b->stack);
    for (size_t i = 0; i < b->depth; i++)
        free(b->open[i].anchor);
    rf_strings_release(&b->names);
    free(b->anchors);
}

static int fail_at(const struct builder *b, yaml_mark_t mark, struct rf_err *err, const char *msg)
{
    return rf_fail(err, RFE_CONFIG, "%s:%zu:%zu: %s", b->y->name, mark.line + 1, mark.column + 1,
                   msg);
}

static int count(struct builder *b, uint64_t weight, yaml_mark_t mark, struct rf_err *err)
{
    b->nodes += weight;
    if (b->nodes > RF_YAML_NODES_MAX)
        return fail_at(b, mark, err, "more than 1,000,000 nodes, aliases written out");
    return 0;
}

static struct rf_yaml_node *new_node(struct builder *b, enum rf_yaml_kind kind, yaml_mark_t mark)
{
    struct rf_yaml_node *node = take(b->y, sizeof(*node));
    node->kind = kind;
    node->line = (uint32_t)mark.line + 1;
    node->column = (uint32_t)mark.column + 1;
    node->weight = 1;
    return node;
}

static void set_anchor(struct builder *b, const char *name, const struct rf_yaml_node *node)
{
    uint32_t id = rf_strings_add(&b->names, rf_slice_str(name));
    while (b->n_anchors <= id) {
        b->anchors = rf_grow(b->anchors, b->n_anchors, &b->cap_anchors, sizeof(void *));
        b->anchors[b->n_anchors++] = NULL;
    }
    b->anchors[id] = node;
}

/* A finished node finds its place: the root, or behind the items of the innermost open node. */
static int place(struct builder *b, const struct rf_yaml_node *node, yaml_mark_t mark,
                 struct rf_err *err)
{
    if (b->depth == 0) {
        b->y->root = node;
        return 0;
    }
    if (b->depth + node->height > RF_YAML_DEPTH_MAX)
        return fail_at(b, mark, err, "nested deeper than 64");
    struct open *top = &b->open[b->depth - 1];
    bool is_key = top->node->kind == RF_YAML_MAP && (b->n_stack - top->first) % 2 == 0;
    if (is_key && node->kind != RF_YAML_SCALAR)
        return fail_at(b, mark, err, "a key must be a scalar");
    top->weight += node->weight;
    b->stack = rf_grow(b->stack, b->n_stack, &b->cap_stack, sizeof(void *));
    b->stack[b->n_stack++] = node;
    return 0;
}

/* Tags of YAML's core types change nothing, except that !!str and ! make text of what would be null. */
static int check_tag(struct builder *b, const yaml_char_t *tag, yaml_mark_t mark, bool *text,
                     struct rf_err *err)
{
    static const char *const core[] = { "str", "int", "bool", "null", "float", "map", "seq" };
    static const char prefix[] = "tag:yaml.org,2002:";
    const char *s = (const char *)tag;
    if (s == NULL)
        return 0;
    if (strcmp(s, "!") == 0) {
        *text = true;
        return 0;
    }
    if (strncmp(s, prefix, sizeof(prefix) - 1) == 0) {
        for (size_t i = 0; i < RF_ARRAY_LEN(core); i++) {
            if (strcmp(s + sizeof(prefix) - 1, core[i]) != 0)
                continue;
            *text = *text || i == 0;
            return 0;
        }
    }
    return fail_at(b, mark, err, "an unknown tag");
}

static int on_scalar(struct builder *b, const yaml_event_t *e, struct rf_err *err)
{
    int rc = count(b, 1, e->start_mark, err);
    if (rc < 0)
        return rc;
    bool text = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    rc = check_tag(b, e->data.scalar.tag, e->start_mark, &text, err);
    if (rc < 0)
        return rc;
    size_t len = e->data.scalar.length;
    if (memchr(e->data.scalar.value, '\0', len) != NULL)
        return fail_at(b, e->start_mark, err, "a NUL byte in the text");
    struct rf_yaml_node *node = new_node(b, RF_YAML_SCALAR, e->start_mark);
    char *copy = take(b->y, len + 1);
    memcpy(copy, e->data.scalar.value, len);
    copy[len] = '\0';
    node->text = copy;
    node->plain = !text;
    if (e->data.scalar.anchor != NULL)
        set_anchor(b, (const char *)e->data.scalar.anchor, node);
    return place(b, node, e->start_mark, err);
}

static int on_alias(struct builder *b, const yaml_event_t *e, struct rf_err *err)
{
    uint32_t id = rf_strings_find(&b->names, rf_slice_str((const char *)e->data.alias.anchor));
    if (id == RF_NO_ID || b->anchors[id] == NULL)
        return fail_at(b, e->start_mark, err, "an alias of an anchor that is not there (yet)");
    const struct rf_yaml_node *node = b->anchors[id];
    int rc = count(b, node->weight, e->start_mark, err);
    return rc < 0 ? rc : place(b, node, e->start_mark, err);
}

static int on_start(struct builder *b, const yaml_event_t *e, enum rf_yaml_kind kind,
                    struct rf_err *err)
{
    bool list = kind == RF_YAML_LIST, ignored = false;
    int rc = count(b, 1, e->start_mark, err);
    if (rc < 0)
        return rc;
    rc = check_tag(b, list ? e->data.sequence_start.tag : e->data.mapping_start.tag, e->start_mark,
                   &ignored, err);
    if (rc < 0)
        return rc;
    if (b->depth == RF_YAML_DEPTH_MAX)
        return fail_at(b, e->start_mark, err, "nested deeper than 64");
    const yaml_char_t *anchor = list ? e->data.sequence_start.anchor : e->data.mapping_start.anchor;
    b->open[b->depth++] = (struct open){ .node = new_node(b, kind, e->start_mark),
                                         .first = b->n_stack,
                                         .anchor = rf_xstrdup((const char *)anchor),
                                         .weight = 1 };
    return 0;
}

/* ---- the end of a map: merges, then the last of duplicate keys ---- */

static struct rf_slice key_of(const void *ctx, uint32_t id)
{
    const struct rf_yaml_node *const *pairs = *(const struct rf_yaml_node *const *const *)ctx;
    return rf_slice_str(pairs[2 * (size_t)id]->text);
}

/* Pairs of the map that is being closed, without duplicates. */
struct pairs {
    const struct rf_yaml_node **list;
    size_t n, cap; /* of nodes: two per pair */
    struct rf_idmap map;
};

static void pairs_release(struct pairs *p)
{
    rf_idmap_release(&p->map);
    free(p->list);
}

static void put(struct pairs *p, const struct rf_yaml_node *key, const struct rf_yaml_node *value,
                bool replace)
{
    uint32_t id = rf_idmap_find(&p->map, rf_slice_str(key->text));
    if (id != RF_NO_ID) {
        if (replace) {
            p->list[2 * (size_t)id] = key;
            p->list[2 * (size_t)id + 1] = value;
        }
        return;
    }
    for (int i = 0; i < 2; i++) {
        p->list = rf_grow(p->list, p->n, &p->cap, sizeof(struct rf_yaml_node *));
        p->list[p->n++] = i == 0 ? key : value;
    }
    rf_idmap_add(&p->map, (uint32_t)(p->n / 2 - 1));
}

static bool is_merge(const struct rf_yaml_node *key)
{
    return key->plain && strcmp(key->text, "<<") == 0;
}

/* The keys of `from` that are not there yet; each copy counts as nodes of its own. */
static int merge_one(struct builder *b, struct pairs *p, struct open *o,
                     const struct rf_yaml_node *from, yaml_mark_t mark, struct rf_err *err)
{
    if (rf_yaml_is_null(from))
        return 0;
    if (from->kind != RF_YAML_MAP)
        return fail_at(b, mark, err, "<< needs a map or a list of maps");
    int rc = count(b, from->weight, mark, err);
    if (rc < 0)
        return rc;
    /* Its values come to stand where its own keys stand now: on the level of the open map. */
    if (b->depth - 1 + from->height > RF_YAML_DEPTH_MAX)
        return fail_at(b, mark, err, "nested deeper than 64");
    o->weight += from->weight;
    for (uint32_t i = 0; i < from->n; i++)
        put(p, rf_yaml_key(from, i), rf_yaml_value(from, i), false);
    return 0;
}

static int merge(struct builder *b, struct pairs *p, struct open *o,
                 const struct rf_yaml_node *value, struct rf_err *err)
{
    yaml_mark_t mark = { .line = value->line - 1, .column = value->column - 1 };
    if (value->kind != RF_YAML_LIST)
        return merge_one(b, p, o, value, mark, err);
    for (uint32_t i = 0; i < value->n; i++) {
        int rc = merge_one(b, p, o, value->items[i], mark, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int close_map(struct builder *b, struct open *o, struct rf_err *err)
{
    RF_CLEANUP(pairs_release) struct pairs p = { 0 };
    rf_idmap_init(&p.map, key_of, &p.list);
    size_t n = b->n_stack - o->first;
    const struct rf_yaml_node **items = n > 0 ? b->stack + o->first : NULL;
    for (size_t i = 0; i < n; i += 2) {
        if (!is_merge(items[i]))
            put(&p, items[i], items[i + 1], true);
    }
    /* What the map says itself goes before what is merged, wherever the << stands. */
    for (size_t i = 0; i < n; i += 2) {
        int rc = is_merge(items[i]) ? merge(b, &p, o, items[i + 1], err) : 0;
        if (rc < 0)
            return rc;
    }
    if (p.n > 0)
        o->node->items = memcpy(take(b->y, p.n * sizeof(struct rf_yaml_node *)), p.list,
                                p.n * sizeof(struct rf_yaml_node *));
    o->node->n = (uint32_t)(p.n / 2);
    return 0;
}

static int on_end(struct builder *b, const yaml_event_t *e, struct rf_err *err)
{
    struct open *o = &b->open[b->depth - 1];
    struct rf_yaml_node *node = o->node;
    size_t n = b->n_stack - o->first;
    if (node->kind == RF_YAML_MAP) {
        int rc = close_map(b, o, err);
        if (rc < 0)
            return rc;
        n = 2 * (size_t)node->n;
    } else if (n > 0) {
        node->items = memcpy(take(b->y, n * sizeof(struct rf_yaml_node *)), b->stack + o->first,
                             n * sizeof(struct rf_yaml_node *));
        node->n = (uint32_t)n;
    }
    node->height = 1;
    for (size_t i = 0; i < n; i++) {
        if (node->items[i]->height >= node->height)
            node->height = (uint8_t)(node->items[i]->height + 1);
    }
    node->weight = (uint32_t)o->weight;
    b->n_stack = o->first;
    RF_CLEANUP(rf_freep) char *anchor = RF_STEAL(o->anchor);
    b->depth--;
    if (anchor != NULL)
        set_anchor(b, anchor, node);
    yaml_mark_t mark = { .line = node->line - 1, .column = node->column - 1 };
    (void)e;
    return place(b, node, mark, err);
}

/* ---- events ---- */

static int on_event(struct builder *b, const yaml_event_t *e, struct rf_err *err)
{
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (b->y->root != NULL)
            return fail_at(b, e->start_mark, err, "more than one document");
        return 0;
    case YAML_SCALAR_EVENT:
        return on_scalar(b, e, err);
    case YAML_ALIAS_EVENT:
        return on_alias(b, e, err);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(b, e, RF_YAML_LIST, err);
    case YAML_MAPPING_START_EVENT:
        return on_start(b, e, RF_YAML_MAP, err);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_end(b, e, err);
    case YAML_STREAM_END_EVENT:
        b->done = true;
        return 0;
    default:
        return 0;
    }
}

static int parser_error(const struct builder *b, struct rf_err *err)
{
    const yaml_parser_t *p = &b->parser;
    if (p->error == YAML_READER_ERROR)
        return rf_fail(err, RFE_CONFIG, "%s: byte %zu: %s", b->y->name, p->problem_offset,
                       p->problem != NULL ? p->problem : "not readable");
    return fail_at(b, p->problem_mark, err, p->problem != NULL ? p->problem : "not YAML");
}

static int build(struct builder *b, struct rf_err *err)
{
    while (!b->done) {
        yaml_event_t event;
        if (yaml_parser_parse(&b->parser, &event) == 0)
            return parser_error(b, err);
        int rc = on_event(b, &event, err);
        yaml_event_delete(&event);
        if (rc < 0)
            return rc;
    }
    if (b->y->root == NULL) {
        struct rf_yaml_node *node = new_node(b, RF_YAML_SCALAR, (yaml_mark_t){ 0 });
        node->text = "";
        node->plain = true;
        b->y->root = node;
    }
    return 0;
}

int rf_yaml_parse(const char *name, struct rf_slice text, struct rf_yaml **out, struct rf_err *err)
{
    if (text.len > RF_YAML_FILE_MAX)
        return rf_fail(err, RFE_CONFIG, "%s: over 4 MiB", name);
    RF_CLEANUP(rf_yaml_freep) struct rf_yaml *y = rf_xcalloc(1, sizeof(*y));
    y->name = rf_xstrdup(name);
    struct builder b = { .y = y };
    rf_strings_init(&b.names);
    if (yaml_parser_initialize(&b.parser) == 0) {
        rf_strings_release(&b.names);
        return rf_fail(err, RFE_CONFIG, "%s: no memory for the YAML reader", name);
    }
    /* Said, not guessed: a file in another encoding is refused instead of read as something else. */
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    /* With a byte order mark libyaml would take the first line for indented. */
    size_t mark = rf_slice_starts(text, "\xef\xbb\xbf") ? 3 : 0;
    yaml_parser_set_input_string(
        &b.parser, (const unsigned char *)(text.len > 0 ? text.ptr + mark : ""), text.len - mark);
    int rc = build(&b, err);
    builder_release(&b);
    if (rc < 0)
        return rc;
    *out = RF_STEAL(y);
    return 0;
}

static int read_stdin(struct rf_buf *out, struct rf_err *err)
{
    char chunk[16384];
    ssize_t n;
    while ((n = read(STDIN_FILENO, chunk, sizeof(chunk))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rf_fail_errno(err, errno, "stdin");
        rf_buf_add(out, chunk, (size_t)n);
        if (out->rc < 0)
            return rf_fail(err, RFE_CONFIG, "stdin: over 4 MiB");
    }
    rf_wipe(chunk, sizeof(chunk));
    return 0;
}

static void release_secret(struct rf_buf *b)
{
    rf_wipe(b->ptr, b->len);
    rf_buf_release(b);
}

int rf_yaml_load(const char *path, struct rf_yaml **out, struct rf_err *err)
{
    RF_CLEANUP(release_secret) struct rf_buf text;
    rf_buf_init(&text, RF_YAML_FILE_MAX);
    bool is_stdin = strcmp(path, "-") == 0;
    struct rf_err cause = RF_ERR_INIT;
    int rc = is_stdin ? read_stdin(&text, &cause) : rf_file_read(path, &text, &cause);
    if (rc < 0)
        return rf_fail(err, RFE_CONFIG, "%s", cause.msg);
    return rf_yaml_parse(is_stdin ? "stdin" : path, rf_buf_slice(&text), out, err);
}
