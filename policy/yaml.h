/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML as a tree of nodes that know their line and column (libyaml's events beneath). Anchors, aliases and `<<` merges are resolved,
 * the last of duplicate keys wins, and every message reads FILE:LINE:COL: text. All failures are -RFE_CONFIG.
 *
 *     RF_CLEANUP(rf_yaml_freep) struct rf_yaml *y = NULL;
 *     rc = rf_yaml_load("sync.yml", &y, err);
 *     static const struct rf_yaml_field fields[] = {
 *         { "name", rf_yaml_set_string, offsetof(struct thing, name), NULL }, ...
 *     };
 *     struct rf_yaml_reader r = { .doc = y, .strict = true };
 *     rc = rf_yaml_read_map(&r, rf_yaml_root(y), "", fields, RF_ARRAY_LEN(fields), &thing, err);
 *
 * Bounds: a file of 4 MiB, 64 levels (looked at while events arrive, also through aliases), 1,000,000 nodes counted as if every alias
 * and merge had been written out. Nodes are shared, so that counting costs nothing. Text is wiped on release: it may hold logins.
 */
#ifndef RF_POLICY_YAML_H
#define RF_POLICY_YAML_H

#include "base/buf.h"

#define RF_YAML_FILE_MAX (4u << 20)
#define RF_YAML_DEPTH_MAX 64
#define RF_YAML_NODES_MAX 1000000

enum rf_yaml_kind { RF_YAML_SCALAR, RF_YAML_LIST, RF_YAML_MAP };

struct rf_yaml_node {
    enum rf_yaml_kind kind;
    bool plain;            /* scalar: written without quotes, so that null means nothing */
    uint8_t height;        /* levels below it */
    uint32_t line, column; /* from 1 */
    uint32_t weight;       /* nodes in it, aliases written out */
    uint32_t n;            /* list, map: number of items */
    union {
        const char *text;                  /* scalar: UTF-8 without NUL */
        const struct rf_yaml_node **items; /* list: elements; map: key, value, key, value, ... */
    };
};
static inline const struct rf_yaml_node *rf_yaml_key(const struct rf_yaml_node *map, size_t i)
{
    return map->items[2 * i];
}
static inline const struct rf_yaml_node *rf_yaml_value(const struct rf_yaml_node *map, size_t i)
{
    return map->items[2 * i + 1];
}

struct rf_yaml;
/* One document; `name` stands in messages. *out belongs to the caller. An empty document has a null root. */
RF_MUST_USE int rf_yaml_parse(const char *name, struct rf_slice text, struct rf_yaml **out,
                              struct rf_err *err);
/* A file, or "-" for stdin. */
RF_MUST_USE int rf_yaml_load(const char *path, struct rf_yaml **out, struct rf_err *err);
void rf_yaml_free(struct rf_yaml *y);
void rf_yaml_freep(struct rf_yaml **y);
const struct rf_yaml_node *rf_yaml_root(const struct rf_yaml *y); /* never NULL */
const char *rf_yaml_name(const struct rf_yaml *y);

/* Fails with FILE:LINE:COL before the text. */
int rf_yaml_fail(const struct rf_yaml *y, const struct rf_yaml_node *at, struct rf_err *err,
                 const char *fmt, ...) RF_PRINTF(4, 5);
/* Puts FILE:LINE:COL: before a message of another module; the code becomes RFE_CONFIG. */
int rf_yaml_wrap(const struct rf_yaml *y, const struct rf_yaml_node *at, struct rf_err *err);

/* The static analyzer sees one file at a time: here it learns that what fails gives a negative number. */
#if defined(__clang_analyzer__)
#define rf_yaml_fail(y, at, err, ...) \
    ((void)(rf_yaml_fail)((y), (at), (err), __VA_ARGS__), -RFE_CONFIG)
#endif

/* Value of a key, NULL when absent or null. Linear. */
const struct rf_yaml_node *rf_yaml_get(const struct rf_yaml_node *map, const char *key);
bool rf_yaml_is_null(
    const struct rf_yaml_node *node); /* ~, null, or nothing, without quotes; NULL too */

/* ---- typed getters; `name` is what the message calls the value ---- */

/* Any scalar, as it was written. Borrowed. */
RF_MUST_USE int rf_yaml_text(const struct rf_yaml *y, const struct rf_yaml_node *node,
                             const char *name, const char **out, struct rf_err *err);
RF_MUST_USE int rf_yaml_bool(const struct rf_yaml *y, const struct rf_yaml_node *node,
                             const char *name, bool *out, struct rf_err *err);
RF_MUST_USE int rf_yaml_i64(const struct rf_yaml *y, const struct rf_yaml_node *node,
                            const char *name, int64_t min, int64_t max, int64_t *out,
                            struct rf_err *err);
RF_MUST_USE int rf_yaml_double(const struct rf_yaml *y, const struct rf_yaml_node *node,
                               const char *name, double *out, struct rf_err *err);
/* "1h30m"; a bare number is refused, as upstream does. Nanoseconds. */
RF_MUST_USE int rf_yaml_duration(const struct rf_yaml *y, const struct rf_yaml_node *node,
                                 const char *name, uint64_t *out, struct rf_err *err);

/* ---- maps by table ---- */

enum rf_tri { RF_TRI_UNSET = 0, RF_TRI_NO, RF_TRI_YES };

struct rf_yaml_list {
    char **items;
    size_t n;
};
void rf_yaml_list_release(struct rf_yaml_list *l);
/* Into *to, whose old content goes; *from is empty then. */
void rf_yaml_list_move(struct rf_yaml_list *from, struct rf_yaml_list *to);
void rf_yaml_list_copy(const struct rf_yaml_list *from, struct rf_yaml_list *to);

/* Unknown keys that were warned of. A map that is merged in many places is told of once, and a file full of them only so far. */
#define RF_YAML_TOLD_MAX 50
struct rf_yaml_told {
    const struct rf_yaml_node *keys[RF_YAML_TOLD_MAX];
    size_t n;
    bool more;
};

struct rf_yaml_reader {
    const struct rf_yaml *doc;
    bool
        strict; /* unknown keys are refused, else warned of; keys that begin with x- are always passed over */
    struct rf_yaml_told *told; /* NULL: no warnings */
    const char *key;           /* set for setters: the dotted name of the value for messages */
    void *ctx;                 /* the caller's, for its own setters */
};

/* Sets one member of the target; `field` points into it. Never called with a null value: that leaves the member unset. */
typedef int rf_yaml_setter(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                           void *field, struct rf_err *err);

struct rf_yaml_field {
    const char *key;
    rf_yaml_setter *set; /* NULL: known, passed over */
    size_t offset;
    const char *
        instead; /* not NULL: a slip in writing; the key that is meant. Strict: refused, else warned of and taken for it. With a dot at its end, "defaults.": unknown here, it belongs to that map */
};

/* A table by name, for those who want to know all keys there are: the schema's test. */
struct rf_yaml_table {
    const char *name;
    const struct rf_yaml_field *fields;
    size_t n;
};

/*
 * Reads a map by its table of fields; `path` is where it stands ("sync[2]", "" at the top). A null node is an empty map. An unknown key is refused,
 * or warned of, with its line and column and the known key that is nearest.
 */
RF_MUST_USE int rf_yaml_read_map(const struct rf_yaml_reader *r, const struct rf_yaml_node *map,
                                 const char *path, const struct rf_yaml_field *fields, size_t n,
                                 void *target, struct rf_err *err);

/* Setters for the usual types; strings and lists replace (and free) what the member held. */
rf_yaml_setter rf_yaml_set_string;   /* char * */
rf_yaml_setter rf_yaml_set_tri;      /* enum rf_tri */
rf_yaml_setter rf_yaml_set_i64;      /* int64_t, any value */
rf_yaml_setter rf_yaml_set_count;    /* unsigned, 0..1,000,000 */
rf_yaml_setter rf_yaml_set_double;   /* double, >= 0 and finite */
rf_yaml_setter rf_yaml_set_duration; /* uint64_t nanoseconds */
rf_yaml_setter
    rf_yaml_set_list; /* struct rf_yaml_list of scalars; nulls are passed over with a warning */
/* The node of element i of such a list, nulls not counted; the list itself when there is none. */
const struct rf_yaml_node *rf_yaml_list_node(const struct rf_yaml_node *list, size_t i);
rf_yaml_setter
    rf_yaml_set_pairs; /* struct rf_yaml_list: name, value, name, value, ... of a map; null is "" */

#endif
