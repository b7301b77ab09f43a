/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/expand.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *skip_blanks(const char *p)
{
    while (is_blank(*p))
        p++;
    return p;
}

static size_t name_length(const char *p)
{
    return strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");
}

/* An action while it is read: {{ ... }}. */
struct action {
    const char *start; /* of "{{", for messages */
    const char *p;
    const struct rf_expand_var *vars;
    size_t n_vars;
    bool trim_after;
};

static int refuse(const struct action *a, const char *why, struct rf_err *err)
{
    const char *end = strstr(a->start, "}}");
    size_t len = end != NULL ? (size_t)(end - a->start) + 2 : strlen(a->start);
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_of(a->start, len), 80);
    return rf_fail(err, RFE_CONFIG, "template %s: %s", shown, why);
}

/* A string of Go's: "..." with the plain escapes, or `...`. Moves a->p behind it. */
static int read_string(struct action *a, struct rf_buf *out, struct rf_err *err)
{
    char quote = *a->p;
    if (quote != '"' && quote != '`')
        return refuse(a, "a string in quotes is wanted", err);
    for (const char *p = a->p + 1; *p != '\0' && *p != '\n'; p++) {
        if (*p == quote) {
            a->p = p + 1;
            return out->rc < 0 ? refuse(a, "a string is too long", err) : 0;
        }
        if (*p == '\\' && quote == '"') {
            p++;
            if (*p != '"' && *p != '\\' && *p != 'n' && *p != 't')
                return refuse(a, "an escape other than \\\" \\\\ \\n \\t", err);
            rf_buf_add_char(out, (char)(*p == 'n' ? '\n' : *p == 't' ? '\t' : *p));
            continue;
        }
        rf_buf_add_char(out, *p);
    }
    return refuse(a, "a string without its end", err);
}

static void release_secret(struct rf_buf *b)
{
    rf_wipe(b->ptr, b->len);
    rf_buf_release(b);
}

static int add_file(const struct action *a, const char *path, struct rf_buf *out,
                    struct rf_err *err)
{
    RF_CLEANUP(release_secret) struct rf_buf text;
    struct rf_err cause = RF_ERR_INIT;
    rf_buf_init(&text, RF_EXPAND_MAX);
    if (rf_file_read(path, &text, &cause) < 0) {
        rf_log(RF_LOG_WARN, "File of a template cannot be read, taken as empty", "file", path,
               "error", cause.msg, NULL);
        return 0;
    }
    if (memchr(text.ptr, '\0', text.len) != NULL)
        return refuse(a, "the file is not a text", err);
    const char *start = skip_blanks(text.ptr);
    size_t len = strlen(start);
    while (len > 0 && is_blank(start[len - 1]))
        len--;
    rf_buf_add(out, start, len);
    return 0;
}

/* env "X", file "X", "text", .A.B */
static int read_term(struct action *a, struct rf_buf *out, struct rf_err *err)
{
    if (*a->p == '"' || *a->p == '`')
        return read_string(a, out, err);
    size_t n = name_length(a->p);
    struct rf_slice name = rf_slice_of(a->p, n);
    a->p += n;
    if (n > 0 && name.ptr[0] == '.') {
        for (size_t i = 0; i < a->n_vars; i++) {
            if (!rf_slice_is(name, a->vars[i].name))
                continue;
            rf_buf_add_str(out, a->vars[i].value != NULL ? a->vars[i].value : "");
            return 0;
        }
        return refuse(a, "there is no such value here", err);
    }
    bool env = rf_slice_is(name, "env");
    if (!env && !rf_slice_is(name, "file"))
        return refuse(
            a, "only env \"NAME\", file \"PATH\" and values such as .Sync.Source work here", err);
    a->p = skip_blanks(a->p);
    RF_CLEANUP(rf_buf_release) struct rf_buf argument;
    rf_buf_init(&argument, 4096);
    int rc = read_string(a, &argument, err);
    if (rc < 0)
        return rc;
    if (!env)
        return add_file(a, argument.ptr, out, err);
    const char *value = getenv(argument.ptr);
    rf_buf_add_str(out, value != NULL ? value : "");
    return 0;
}

static void trim_end(struct rf_buf *out)
{
    while (out->len > 0 && is_blank(out->ptr[out->len - 1]))
        out->ptr[--out->len] = '\0';
}

static int read_action(struct action *a, struct rf_buf *out, struct rf_err *err)
{
    a->p = a->start + 2;
    if (a->p[0] == '-' && is_blank(a->p[1])) {
        trim_end(out);
        a->p++;
    }
    a->p = skip_blanks(a->p);
    int rc = read_term(a, out, err);
    if (rc < 0)
        return rc;
    const char *behind = a->p;
    a->p = skip_blanks(a->p);
    a->trim_after = a->p > behind && strncmp(a->p, "-}}", 3) == 0;
    if (a->trim_after)
        a->p++;
    if (strncmp(a->p, "}}", 2) != 0)
        return refuse(a, "one word or function with its argument is all that works here", err);
    a->p += 2;
    return 0;
}

bool rf_expand_needed(const char *text)
{
    return strstr(text, "{{") != NULL;
}

int rf_expand(const char *text, const struct rf_expand_var *vars, size_t n, char **out,
              struct rf_err *err)
{
    RF_CLEANUP(release_secret) struct rf_buf result;
    rf_buf_init(&result, RF_EXPAND_MAX);
    while (*text != '\0') {
        const char *start = strstr(text, "{{");
        rf_buf_add(&result, text, start != NULL ? (size_t)(start - text) : strlen(text));
        if (start == NULL)
            break;
        struct action a = { .start = start, .vars = vars, .n_vars = n };
        int rc = read_action(&a, &result, err);
        if (rc < 0)
            return rc;
        text = a.trim_after ? skip_blanks(a.p) : a.p;
    }
    if (result.rc < 0)
        return rf_fail(err, RFE_CONFIG, "template: the result is over %u bytes", RF_EXPAND_MAX);
    *out = rf_buf_take(&result, NULL);
    return 0;
}
