/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/duration.h"
#include "base/mem.h"
#include "base/text.h"

#define LINE_MAX_BYTES ((size_t)1 << 20)
#define VALUE_MAX_BYTES ((size_t)16 << 10)

static atomic_int threshold = RF_LOG_WARN;
static atomic_bool as_json;

/* Guards the hooks and keeps lines whole; held while hooks run. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void (*before_line)(void *);
static void (*after_line)(void *);
static void *hook_arg;

static const struct {
    const char *name;
    int level;
} names[] = { { "DEBUG", RF_LOG_DEBUG },
              { "INFO", RF_LOG_INFO },
              { "WARN", RF_LOG_WARN },
              { "ERROR", RF_LOG_ERROR } };

/* The offset behind a level name, with its sign. NULL, or what Go's number parser says. */
static const char *parse_offset(struct rf_slice s, int *out)
{
    uint64_t v = 0;
    struct rf_slice digits = rf_slice_of(s.ptr + 1, s.len - 1);
    for (size_t i = 0; i < digits.len; i++)
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return "invalid syntax";
    if (digits.len == 0)
        return "invalid syntax";
    /* Go takes any 64-bit number; beyond a million all levels are alike. */
    if (rf_parse_u64(digits, INT64_MAX, &v, NULL) < 0)
        return "value out of range";
    int n = v < 1000000 ? (int)v : 1000000;
    *out = s.ptr[0] == '-' ? -n : n;
    return NULL;
}

static int fail_level(struct rf_err *err, const char *text, const char *problem)
{
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(text), 100);
    RF_CLEANUP(rf_buf_release) struct rf_buf quoted;
    rf_buf_init(&quoted, 0);
    rf_text_quote(&quoted, rf_slice_of(text, rf_text_boundary(rf_slice_str(text), 100)));
    return rf_fail(err, RFE_USAGE, "unable to parse verbosity %s: slog: level string %s: %s", shown,
                   quoted.ptr, problem);
}

int rf_log_set_level(const char *text, struct rf_err *err)
{
    if (strcmp(text, "trace") == 0) {
        atomic_store(&threshold, RF_LOG_TRACE);
        return 0;
    }
    int offset = 0;
    size_t n = strcspn(text, "+-");
    if (text[n] != '\0') {
        const char *problem = parse_offset(rf_slice_str(text + n), &offset);
        if (problem != NULL) {
            RF_CLEANUP(rf_buf_release) struct rf_buf b;
            rf_buf_init(&b, 0);
            rf_buf_add_str(&b, "strconv.Atoi: parsing ");
            rf_text_quote(&b, rf_slice_of(text + n, rf_text_boundary(rf_slice_str(text + n), 100)));
            rf_buf_addf(&b, ": %s", problem);
            return fail_level(err, text, b.ptr);
        }
    }
    for (size_t i = 0; i < RF_ARRAY_LEN(names); i++) {
        if (strlen(names[i].name) == n && strncasecmp(names[i].name, text, n) == 0) {
            atomic_store(&threshold, names[i].level + offset);
            return 0;
        }
    }
    return fail_level(err, text, "unknown name");
}

void rf_log_set_json(bool json)
{
    atomic_store(&as_json, json);
}

bool rf_log_enabled(int level)
{
    return level >= atomic_load(&threshold);
}

void rf_log_set_hooks(void (*before)(void *), void (*after)(void *), void *arg)
{
    (void)pthread_mutex_lock(&lock);
    before_line = before;
    after_line = after;
    hook_arg = arg;
    (void)pthread_mutex_unlock(&lock);
}

/* "WARN", "DEBUG-4", "ERROR+2": the nearest name at or below, DEBUG at the bottom. */
static void add_level(struct rf_buf *b, int level)
{
    size_t i = RF_ARRAY_LEN(names) - 1;
    while (i > 0 && level < names[i].level)
        i--;
    rf_buf_add_str(b, names[i].name);
    if (level != names[i].level)
        rf_buf_addf(b, "%+d", level - names[i].level);
}

static void add_time(struct rf_buf *b, bool nanoseconds)
{
    struct timespec ts;
    struct tm tm = { 0 };
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    (void)localtime_r(&ts.tv_sec, &tm);
    rf_buf_addf(b, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                tm.tm_hour, tm.tm_min, tm.tm_sec);
    if (nanoseconds) {
        /* Go drops zeros at the end, and the point with them. */
        char digits[32];
        (void)snprintf(digits, sizeof(digits), ".%09ld", ts.tv_nsec);
        size_t n = strlen(digits);
        while (n > 1 && digits[n - 1] == '0')
            n--;
        rf_buf_add(b, digits, n > 1 ? n : 0);
    } else {
        rf_buf_addf(b, ".%03ld", ts.tv_nsec / 1000000);
    }
    long off = tm.tm_gmtoff / 60;
    if (off == 0)
        rf_buf_add_char(b, 'Z');
    else
        rf_buf_addf(b, "%c%02ld:%02ld", off < 0 ? '-' : '+', labs(off) / 60, labs(off) % 60);
}

static struct rf_slice capped(const char *s)
{
    struct rf_slice all = rf_slice_str(s != NULL ? s : "");
    return rf_slice_of(all.ptr, rf_text_boundary(all, VALUE_MAX_BYTES));
}

static void add_text(struct rf_buf *b, const char *value)
{
    struct rf_slice s = capped(value);
    bool quote = s.len == 0;
    for (size_t i = 0; i < s.len && !quote;) {
        uint32_t cp;
        i += rf_text_next(rf_slice_of(s.ptr + i, s.len - i), &cp);
        /* U+FFFD is what Go takes invalid bytes for. */
        quote = cp == ' ' || cp == '=' || cp == '"' || cp == 0xFFFD || !rf_text_is_printable(cp);
    }
    if (quote)
        rf_text_quote(b, s);
    else
        rf_buf_add(b, s.ptr, s.len);
}

static void add_json(struct rf_buf *b, const char *value)
{
    struct rf_slice s = capped(value);
    rf_buf_add_char(b, '"');
    for (size_t i = 0; i < s.len;) {
        uint32_t cp;
        size_t n = rf_text_next(rf_slice_of(s.ptr + i, s.len - i), &cp);
        if (cp == '"' || cp == '\\')
            rf_buf_addf(b, "\\%c", (char)cp);
        else if (cp == '\n' || cp == '\r' || cp == '\t')
            rf_buf_addf(b, "\\%c", cp == '\n' ? 'n' : cp == '\r' ? 'r' : 't');
        else if (cp == UINT32_MAX)
            rf_buf_add_str(b, "\\ufffd");
        else if (rf_text_is_printable(cp))
            rf_buf_add(b, s.ptr + i, n);
        else if (cp < 0x10000)
            rf_buf_addf(b, "\\u%04x", (unsigned)cp);
        else
            rf_buf_addf(b, "\\u%04x\\u%04x", 0xD800U + ((unsigned)(cp - 0x10000) >> 10),
                        0xDC00U + ((unsigned)(cp - 0x10000) & 0x3FFU));
        i += n;
    }
    rf_buf_add_char(b, '"');
}

static void write_line(const struct rf_buf *line)
{
    size_t at = 0;
    while (at < line->len) {
        ssize_t n = write(STDERR_FILENO, line->ptr + at, line->len - at);
        if (n > 0) {
            at += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            /* Somebody made our stderr non-blocking; a reader that does not read costs the rest of the line. */
            struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };
            if (poll(&pfd, 1, 1000) == 0)
                return;
        } else if (n < 0 && errno != EINTR) {
            return;
        }
    }
}

/* A list of values, or, with names, a map of lists. */
static void add_entries_text(struct rf_buf *b, const struct rf_log_field *f)
{
    bool map = f->kind == RF_LOG_MAP;
    rf_buf_add_str(b, map ? "map[" : "[");
    for (size_t i = 0; i < f->n; i++) {
        const struct rf_log_entry *e = &f->value.entries[i];
        bool same = i > 0 && (!map || strcmp(e[-1].name, e->name) == 0);
        if (map && !same)
            rf_buf_addf(b, "%s%s:[", i > 0 ? "] " : "", e->name);
        else if (same)
            rf_buf_add_char(b, ' ');
        rf_buf_add_str(b, e->value);
    }
    rf_buf_add_str(b, map && f->n > 0 ? "]]" : "]");
}

static void add_entries_json(struct rf_buf *b, const struct rf_log_field *f)
{
    bool map = f->kind == RF_LOG_MAP;
    rf_buf_add_char(b, map ? '{' : '[');
    for (size_t i = 0; i < f->n; i++) {
        const struct rf_log_entry *e = &f->value.entries[i];
        bool same = i > 0 && (!map || strcmp(e[-1].name, e->name) == 0);
        if (map && !same) {
            rf_buf_add_str(b, i > 0 ? "]," : "");
            add_json(b, e->name);
            rf_buf_add_str(b, ":[");
        } else if (same) {
            rf_buf_add_char(b, ',');
        }
        add_json(b, e->value);
    }
    rf_buf_add_str(b, !map ? "]" : f->n > 0 ? "]}" : "}");
}

/* What is the same in both forms: false, when it is not. */
static bool add_bare(struct rf_buf *b, const struct rf_log_field *f)
{
    if (f->kind == RF_LOG_INT)
        rf_buf_addf(b, "%lld", (long long)f->value.number);
    else if (f->kind == RF_LOG_UINT)
        rf_buf_addf(b, "%llu", (unsigned long long)f->value.count);
    else if (f->kind == RF_LOG_BOOL)
        rf_buf_add_str(b, f->value.flag ? "true" : "false");
    else
        return false;
    return true;
}

static void add_value_text(struct rf_buf *b, const struct rf_log_field *f)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    if (f->kind == RF_LOG_TEXT) {
        add_text(b, f->value.text);
    } else if (f->kind == RF_LOG_DURATION) {
        rf_duration_format(b, f->value.number);
    } else if (!add_bare(b, f)) {
        add_entries_text(&text, f);
        add_text(b, text.ptr);
    }
}

static void add_value_json(struct rf_buf *b, const struct rf_log_field *f)
{
    if (f->kind == RF_LOG_TEXT)
        add_json(b, f->value.text);
    else if (f->kind == RF_LOG_DURATION)
        rf_buf_addf(b, "%lld", (long long)f->value.number);
    else if (!add_bare(b, f))
        add_entries_json(b, f);
}

static void add_field(struct rf_buf *b, bool json, const struct rf_log_field *f)
{
    if (json) {
        rf_buf_add_char(b, ',');
        add_json(b, f->key);
        rf_buf_add_char(b, ':');
        add_value_json(b, f);
    } else {
        rf_buf_add_char(b, ' ');
        add_text(b, f->key);
        rf_buf_add_char(b, '=');
        add_value_text(b, f);
    }
}

static bool begin_line(struct rf_buf *b, int level, const char *msg)
{
    bool json = atomic_load(&as_json);
    rf_buf_init(b, LINE_MAX_BYTES);
    rf_buf_add_str(b, json ? "{\"time\":\"" : "time=");
    add_time(b, json);
    rf_buf_add_str(b, json ? "\",\"level\":\"" : " level=");
    add_level(b, level);
    if (json)
        rf_buf_add_char(b, '"');
    struct rf_log_field f = rf_log_text("msg", msg);
    add_field(b, json, &f);
    return json;
}

static void end_line(struct rf_buf *b, bool json)
{
    rf_buf_add_str(b, json ? "}\n" : "\n");
    (void)pthread_mutex_lock(&lock);
    if (before_line != NULL)
        before_line(hook_arg);
    write_line(b);
    if (after_line != NULL)
        after_line(hook_arg);
    (void)pthread_mutex_unlock(&lock);
}

void rf_log(int level, const char *msg, ...)
{
    if (!rf_log_enabled(level))
        return;
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    bool json = begin_line(&b, level, msg);
    va_list ap;
    va_start(ap, msg);
    const char *key;
    while ((key = va_arg(ap, const char *)) != NULL) {
        struct rf_log_field f = rf_log_text(key, va_arg(ap, const char *));
        add_field(&b, json, &f);
    }
    va_end(ap);
    end_line(&b, json);
}

void rf_log_fields(int level, const char *msg, const struct rf_log_field *fields, size_t n)
{
    if (!rf_log_enabled(level))
        return;
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    bool json = begin_line(&b, level, msg);
    for (size_t i = 0; i < n; i++)
        add_field(&b, json, &fields[i]);
    end_line(&b, json);
}
