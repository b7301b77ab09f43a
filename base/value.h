/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A value of any kind, as templates and scripts see it, and the description of the types behind it.
 *
 * A type is a table: fields with their Go name and their JSON name, methods, and how it is printed. An object is a
 * pointer with its type, so the same C structures show themselves as `{{.Field}}`, in `{{json .}}` and to scripts, and
 * nothing is copied before it is asked for. Values are small and passed by copy; what they point to lives in an arena
 * or belongs to the caller, and stays as it is while the value is in use.
 *
 *     static const struct rf_field tag_list_fields[] = {
 *         { "Name", "name", 0, rf_get_string, offsetof(struct tag_list, name), NULL },
 *         { "Tags", "tags", RF_FIELD_OMITEMPTY, get_tags, 0, NULL },
 *     };
 *     const struct rf_type rf_type_tag_list = { .name = "tag.List", .kind = RF_VALUE_OBJECT, RF_FIELDS(tag_list_fields) };
 *     struct rf_value v = rf_value_pointer(&rf_type_tag_list, &list);
 */
#ifndef RF_BASE_VALUE_H
#define RF_BASE_VALUE_H

#include "base/arena.h"
#include "base/gotime.h"

#include <jansson.h>

enum rf_value_kind {
    RF_VALUE_NIL, /* nothing: no value, or the untyped nil */
    RF_VALUE_BOOL,
    RF_VALUE_INT,
    RF_VALUE_UINT,
    RF_VALUE_FLOAT,
    RF_VALUE_STRING,
    RF_VALUE_BYTES,
    RF_VALUE_LIST,
    RF_VALUE_MAP, /* string keys, sorted */
    RF_VALUE_TIME,
    RF_VALUE_OBJECT,
    RF_VALUE_FUNC,
};

struct rf_type;
struct rf_func;

struct rf_value {
    enum rf_value_kind kind;
    bool pointer;               /* an object reached by a pointer; `object` NULL = a nil pointer */
    const struct rf_type *type; /* NULL: the plain type of the kind, as rf_value_type() gives it */
    union {
        bool boolean;
        int64_t integer;
        uint64_t natural;
        double real;
        struct rf_slice text; /* STRING and BYTES; BYTES with ptr NULL are nil */
        struct {
            const struct rf_value *items; /* NULL: a nil list */
            size_t n;
        } list;
        struct {
            const struct rf_pair *pairs; /* NULL: a nil map */
            size_t n;
        } map;
        struct rf_gotime time;
        const void *object;
        struct {
            const struct rf_func *call;
            const void *self;
        } func;
    };
};

struct rf_pair {
    struct rf_slice key;
    struct rf_value value;
};

/* ---- types ---- */

/* What getters and methods get: where their results may live, and what the caller of the engine passed along. */
struct rf_call {
    struct rf_arena *arena;
    void *user;
};

enum rf_field_flags {
    RF_FIELD_OMITEMPTY = 1, /* not in JSON when false, 0, "", nil or without elements */
    RF_FIELD_EMBEDDED = 2,  /* an object whose fields and methods count as the outer one's */
    RF_FIELD_POINTER = 4, /* for rf_get_json: objects and times that are absent are nil pointers */
};

struct rf_field {
    const char *name; /* Go's */
    const char *json; /* NULL: not in JSON */
    unsigned flags;
    int (*get)(const struct rf_call *call, const struct rf_field *field, const void *object,
               struct rf_value *out, struct rf_err *err);
    size_t offset;              /* for the ready-made getters */
    const struct rf_type *type; /* likewise: of what lies there */
};

/*
 * A method of a type, or a function (self is NULL then). `params` has one letter for each parameter: v any value, also
 * none; a any value; s string; b bool; i int; I int64; f float64; l []string; t time.Time; d time.Duration. A star
 * behind the last letter: any number of those. Arguments arrive checked: args[i].kind is what the letter says.
 */
struct rf_func {
    const char *name, *params;
    int (*call)(const struct rf_call *call, const struct rf_value *self,
                const struct rf_value *args, size_t n, struct rf_value *out, struct rf_err *err);
};

/* Writes the text of a value into `out`. */
typedef int (*rf_type_write)(const struct rf_call *call, const struct rf_value *self,
                             struct rf_buf *out, struct rf_err *err);

struct rf_type {
    const char *name; /* as Go spells it, without the star of a pointer: "tag.List", "[]string" */
    enum rf_value_kind kind;
    const struct rf_type *elem; /* of lists and maps; NULL: anything */
    const struct rf_field *fields;
    size_t n_fields;
    const struct rf_func *methods;
    size_t n_methods;
    rf_type_write string; /* String(): how %v and %s show it; NULL: by kind */
    rf_type_write json;   /* its own JSON; NULL: by kind and fields */
    rf_type_write pretty; /* for printPretty; NULL: JSON */
};
#define RF_FIELDS(array) .fields = (array), .n_fields = sizeof(array) / sizeof((array)[0])
#define RF_METHODS(array) .methods = (array), .n_methods = sizeof(array) / sizeof((array)[0])

extern const struct rf_type rf_type_nil, rf_type_bool, rf_type_int, rf_type_int64, rf_type_uint,
    rf_type_uint64, rf_type_byte, rf_type_float64, rf_type_string, rf_type_bytes, rf_type_list,
    rf_type_map, rf_type_func;
extern const struct rf_type rf_type_string_list; /* []string */
extern const struct rf_type rf_type_string_map;  /* map[string]string */
extern const struct rf_type rf_type_time, rf_type_duration, rf_type_month, rf_type_weekday;

/* Never NULL. */
const struct rf_type *rf_value_type(const struct rf_value *v);
/* "*tag.List", "int", "<nil>"; into the arena's memory where it must be put together. */
const char *rf_value_type_name(struct rf_arena *arena, const struct rf_value *v);
/* Both look into embedded fields too, whose `type` must be set. NULL when there is none. */
const struct rf_field *rf_type_field(const struct rf_type *type, struct rf_slice name);
const struct rf_func *rf_type_method(const struct rf_type *type, struct rf_slice name);
/* What a missing element of a list or map of this type is: "", 0, false, nil. */
struct rf_value rf_type_zero(const struct rf_type *type);

/*
 * Member `name` of an object or its embedded objects: 1 and *out, or 0 when there is no such field. The object must
 * not be a nil pointer.
 */
RF_MUST_USE int rf_value_field(const struct rf_call *call, const struct rf_value *object,
                               struct rf_slice name, struct rf_value *out, struct rf_err *err);
/*
 * The method `name` in *out and the value to call it with (v, or an object embedded in it) in *self: 1; 0 when there is
 * none. v must not be a nil pointer.
 */
RF_MUST_USE int rf_value_method(const struct rf_call *call, const struct rf_value *v,
                                struct rf_slice name, const struct rf_func **out,
                                struct rf_value *self, struct rf_err *err);

/* ---- making values ---- */

struct rf_value rf_value_nil(void);
struct rf_value rf_value_bool(bool b);
struct rf_value rf_value_int(int64_t i);
struct rf_value rf_value_int64(int64_t i); /* the same number, of Go's type int64 */
struct rf_value rf_value_uint(uint64_t u);
struct rf_value rf_value_float(double d);
struct rf_value rf_value_string(struct rf_slice s); /* borrows */
struct rf_value rf_value_str(const char *s);        /* borrows; NULL is "" */
struct rf_value rf_value_bytes(struct rf_slice s);  /* borrows */
struct rf_value rf_value_time(struct rf_gotime t);
struct rf_value rf_value_duration(int64_t nanoseconds);
/* A string or number of a type of its own, such as digest.Digest: a plain value with another type. */
struct rf_value rf_value_typed(struct rf_value v, const struct rf_type *type);
/* Borrows the items; type NULL: []interface {}. With items NULL it is nil. */
struct rf_value rf_value_list(const struct rf_type *type, const struct rf_value *items, size_t n);
struct rf_value rf_value_strings(struct rf_arena *arena, const char *const *strings, size_t n);
/* Sorts the pairs, which must lie in writable memory that lasts; of equal keys the last one counts. */
struct rf_value rf_value_map(const struct rf_type *type, struct rf_pair *pairs, size_t n);
struct rf_value rf_value_object(const struct rf_type *type, const void *object);
struct rf_value rf_value_pointer(const struct rf_type *type, const void *object); /* NULL: nil */
struct rf_value rf_value_func(const struct rf_func *call, const void *self);
/* Objects become maps (sorted), arrays lists, whole numbers int; at most RF_JSON_DEPTH deep. Strings are borrowed from j. */
RF_MUST_USE int rf_value_from_json(struct rf_arena *arena, const json_t *j, struct rf_value *out,
                                   struct rf_err *err);

/* ---- looking at values ---- */

bool rf_value_is_true(const struct rf_value *v); /* as `if` sees it */
bool rf_value_is_nil(const struct rf_value *v);  /* nil, a nil pointer, list, map or bytes */
/* What omitempty leaves out. */
bool rf_value_is_empty(const struct rf_value *v);
/* NULL when the map has no such key. */
const struct rf_value *rf_value_lookup(const struct rf_value *map, struct rf_slice key);

/* ---- ready-made getters for fields; `offset` is where it lies in the structure ---- */

int rf_get_string(const struct rf_call *call, const struct rf_field *field, const void *object,
                  struct rf_value *out, struct rf_err *err); /* char *, NULL is "" */
int rf_get_bool(const struct rf_call *call, const struct rf_field *field, const void *object,
                struct rf_value *out, struct rf_err *err);
int rf_get_int(const struct rf_call *call, const struct rf_field *field, const void *object,
               struct rf_value *out, struct rf_err *err); /* int */
int rf_get_int64(const struct rf_call *call, const struct rf_field *field, const void *object,
                 struct rf_value *out, struct rf_err *err); /* int64_t */
int rf_get_size(const struct rf_call *call, const struct rf_field *field, const void *object,
                struct rf_value *out, struct rf_err *err); /* uint64_t, shown as int64 */
int rf_get_float(const struct rf_call *call, const struct rf_field *field, const void *object,
                 struct rf_value *out, struct rf_err *err); /* double */
int rf_get_time(const struct rf_call *call, const struct rf_field *field, const void *object,
                struct rf_value *out, struct rf_err *err); /* struct rf_gotime */
int rf_get_object(const struct rf_call *call, const struct rf_field *field, const void *object,
                  struct rf_value *out, struct rf_err *err); /* a structure of field->type inside */
int rf_get_pointer(const struct rf_call *call, const struct rf_field *field, const void *object,
                   struct rf_value *out, struct rf_err *err); /* a pointer to one, or NULL */
/* A json_t * (or NULL) as what it is: maps of strings become map[string]string. */
int rf_get_json_pointer(const struct rf_call *call, const struct rf_field *field,
                        const void *object, struct rf_value *out, struct rf_err *err);
/*
 * For types whose object is a json_t object itself: member field->json, as field->type wants it (string, int, int64,
 * bool, float64, time.Time, []string, map[string]string, an object of such a type, a list or a map of those). Absent,
 * null or of another kind: the type's zero.
 */
int rf_get_json(const struct rf_call *call, const struct rf_field *field, const void *object,
                struct rf_value *out, struct rf_err *err);

/* ---- printing, see also base/gofmt.h ---- */

enum rf_value_json_flags { RF_VALUE_JSON_PRETTY = 1 }; /* two blanks for each level */
/* Appends JSON as Go's encoder writes it with HTML escaping off, without the newline. -RFE_TOO_LARGE when too deep. */
RF_MUST_USE int rf_value_json(const struct rf_call *call, const struct rf_value *v, unsigned flags,
                              struct rf_buf *out, struct rf_err *err);
#define RF_VALUE_DEPTH_MAX 100 /* of what is printed */

#endif
