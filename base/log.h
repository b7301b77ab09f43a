/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines on stderr, as text or JSON, in the form of Go's slog (regclient-compatible):
 *     time=2026-01-02T03:04:05.678Z level=WARN msg="some text" key=value
 * Any thread; one line is written by one write. Values are escaped (base/text.h); never pass secrets or raw URLs.
 */
#ifndef RF_BASE_LOG_H
#define RF_BASE_LOG_H

#include "base/error.h"

enum rf_log_level {
    RF_LOG_TRACE = -8,
    RF_LOG_DEBUG = -4,
    RF_LOG_INFO = 0,
    RF_LOG_WARN = 4,
    RF_LOG_ERROR = 8
};

/* "debug", "INFO", "warn+2", exact "trace"; the default is WARN. The error text is Go's. -RFE_USAGE. */
RF_MUST_USE int rf_log_set_level(const char *text, struct rf_err *err);
void rf_log_set_json(bool json);
bool rf_log_enabled(int level);
/* Pairs of key, value (strings) end with NULL: rf_log(RF_LOG_WARN, "Registry warning message", "warning", text, NULL) */
void rf_log(int level, const char *msg, ...) __attribute__((sentinel));

/*
 * Values with a type. As text they look as ever; in JSON lines numbers and booleans stand bare and spans are nanoseconds.
 *     rf_log_with(RF_LOG_INFO, "Delaying", rf_log_text("source", name), rf_log_int("remain", 7), rf_log_duration("sleep", ns));
 */
enum rf_log_kind {
    RF_LOG_TEXT,
    RF_LOG_INT,
    RF_LOG_UINT,
    RF_LOG_BOOL,
    RF_LOG_DURATION,
    RF_LOG_LIST,
    RF_LOG_MAP
};
/* One of the values of a list, or of what a map has under a name. */
struct rf_log_entry {
    const char *name, *value; /* a list has no names */
};
struct rf_log_field {
    const char *key;
    enum rf_log_kind kind;
    union {
        const char *text; /* NULL is empty */
        int64_t number;   /* of a span: nanoseconds */
        uint64_t count;
        bool flag;
        const struct rf_log_entry *entries;
    } value;
    size_t n; /* entries */
};
#define rf_log_with(level, msg, ...)                                            \
    rf_log_fields((level), (msg), (const struct rf_log_field[]){ __VA_ARGS__ }, \
                  sizeof((const struct rf_log_field[]){ __VA_ARGS__ }) /        \
                      sizeof(struct rf_log_field))
void rf_log_fields(int level, const char *msg, const struct rf_log_field *fields, size_t n);

static inline struct rf_log_field rf_log_text(const char *key, const char *text)
{
    return (struct rf_log_field){ .key = key, .kind = RF_LOG_TEXT, .value.text = text };
}

static inline struct rf_log_field rf_log_int(const char *key, int64_t number)
{
    return (struct rf_log_field){ .key = key, .kind = RF_LOG_INT, .value.number = number };
}

static inline struct rf_log_field rf_log_uint(const char *key, uint64_t count)
{
    return (struct rf_log_field){ .key = key, .kind = RF_LOG_UINT, .value.count = count };
}

static inline struct rf_log_field rf_log_bool(const char *key, bool flag)
{
    return (struct rf_log_field){ .key = key, .kind = RF_LOG_BOOL, .value.flag = flag };
}

/* Text: as Go prints it, "5m0s". */
static inline struct rf_log_field rf_log_duration(const char *key, int64_t ns)
{
    return (struct rf_log_field){ .key = key, .kind = RF_LOG_DURATION, .value.number = ns };
}

/* Text: "[a b]"; JSON: an array. The entries stay the caller's. */
static inline struct rf_log_field rf_log_list(const char *key, const struct rf_log_entry *list,
                                              size_t n)
{
    struct rf_log_field f = { .key = key, .kind = RF_LOG_LIST, .value.entries = list, .n = n };
    return f;
}

/* Text: "map[A:[x y] B:[z]]"; JSON: an object of arrays. Entries of one name must stand together. */
static inline struct rf_log_field rf_log_map(const char *key, const struct rf_log_entry *list,
                                             size_t n)
{
    struct rf_log_field f = { .key = key, .kind = RF_LOG_MAP, .value.entries = list, .n = n };
    return f;
}

/* Called around every line so that a progress display can clear and redraw itself; NULL to remove. */
void rf_log_set_hooks(void (*before)(void *), void (*after)(void *), void *arg);

#endif
