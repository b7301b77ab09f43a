/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/yaml_write.h"

#include <stdlib.h>

#include "base/duration.h"
#include "base/gotime.h"
#include "base/mem.h"
#include "base/text.h"

/* ---- which texts are quoted ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool all_of(const char *text, const char *any)
{
    return text[0] != '\0' && text[strspn(text, any)] == '\0';
}

/* Digits with one dot among them, perhaps an exponent. */
static bool is_float(const char *p)
{
    size_t before = strspn(p, "0123456789");
    p += before;
    if (*p != '.')
        return false;
    size_t after = strspn(++p, "0123456789");
    p += after;
    if (before + after == 0)
        return false;
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '+' || *p == '-';
        return all_of(p, "0123456789");
    }
    return *p == '\0';
}

static size_t count_of(const char *text, char c)
{
    size_t n = 0;
    for (; *text != '\0'; text++)
        n += *text == c;
    return n;
}

/* A number to that library: decimal, hexadecimal, octal, binary, or with a dot; "_" between digits. */
static bool is_number(const char *text)
{
    size_t dots = count_of(text, '.');
    RF_CLEANUP(rf_freep) char *plain = rf_xstrdup(text);
    char *to = plain;
    if (text[0] == '_' || dots > 1)
        return false;
    text += text[0] == '+';
    text += text[0] == '-';
    for (; *text != '\0'; text++) {
        if (*text != '_')
            *to++ = *text;
    }
    *to = '\0';
    if (strncmp(plain, "0x", 2) == 0)
        return all_of(plain + 2, "0123456789abcdefABCDEF");
    if (strncmp(plain, "0o", 2) == 0)
        return all_of(plain + 2, "01234567");
    if (strncmp(plain, "0b", 2) == 0)
        return all_of(plain + 2, "01");
    if (plain[0] == '0' && plain[1] != '\0' && dots == 0)
        return all_of(plain, "01234567");
    return dots == 1 ? is_float(plain) : all_of(plain, "0123456789");
}

static bool is_word(const char *text)
{
    static const char *const words[] = { "null",  "Null",  "NULL",  "~",   "true", "True", "TRUE",
                                         "false", "False", "FALSE", "y",   "Y",    "yes",  "Yes",
                                         "YES",   "n",     "N",     "no",  "No",   "NO",   "on",
                                         "On",    "ON",    "off",   "Off", "OFF" };
    for (size_t i = 0; i < RF_ARRAY_LEN(words); i++) {
        if (strcmp(text, words[i]) == 0)
            return true;
    }
    return false;
}

static bool is_time(const char *text)
{
    static const char *const layouts[] = { "2006-01-02T15:04:05.999999999Z07:00",
                                           "2006-01-02t15:04:05.999999999Z07:00",
                                           "2006-01-02 15:04:05", "2006-01-02", "15:4" };
    struct rf_gotime ignored;
    for (size_t i = 0; is_digit(text[0]) && i < RF_ARRAY_LEN(layouts); i++) {
        if (rf_gotime_parse(rf_slice_str(layouts[i]), rf_slice_str(text), &ignored, NULL) == 0)
            return true;
    }
    return false;
}

/* Signs that mean something to a reader of YAML wherever they stand; and what no terminal should see as it is. */
static bool has_signs(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '#' || c == '\\' || ((c == ':' || c == '-') && p[1] == ' '))
            return true;
        if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

bool rf_yaml_needs_quotes(const char *text)
{
    size_t n = strlen(text);
    if (n == 0 || strcmp(text, "-") == 0 || is_word(text) || is_number(text) || is_time(text))
        return true;
    return strchr("*&[{}],!|>%'\"@ `", text[0]) != NULL || text[n - 1] == ':' ||
           text[n - 1] == ' ' || has_signs(text);
}

/* ---- lines ---- */

static void add_blanks(struct rf_yaml_writer *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        rf_buf_add_char(w->out, ' ');
}

static void add_key(struct rf_yaml_writer *w, const char *key)
{
    add_blanks(w, w->item ? w->indent - 2 : w->indent);
    if (w->item)
        rf_buf_add_str(w->out, "- ");
    w->item = false;
    if (rf_yaml_needs_quotes(key))
        rf_text_quote(w->out, rf_slice_str(key));
    else
        rf_buf_add_str(w->out, key);
    rf_buf_add_char(w->out, ':');
}

/* Lines below a block's head, `indent` blanks in front of each; without blanks on empty lines in lists. */
static void add_block(struct rf_yaml_writer *w, const char *text, unsigned indent, bool in_list)
{
    size_t n = strlen(text);
    bool ends = text[n - 1] == '\n', twice = ends && n > 1 && text[n - 2] == '\n';
    rf_buf_add_str(w->out, twice ? "|+\n" : ends ? "|\n" : "|-\n");
    for (const char *p = text; *p != '\0';) {
        size_t len = strcspn(p, "\n");
        bool last = p[len] == '\0' || p[len + 1] == '\0';
        /* The line behind the last newline is not written, nor are the blanks of an empty line in front of it. */
        if (len > 0 || !(in_list || last))
            add_blanks(w, indent);
        rf_buf_add(w->out, p, len);
        p += len + (p[len] == '\n');
        if (!last)
            rf_buf_add_char(w->out, '\n');
    }
}

static void add_text(struct rf_yaml_writer *w, const char *text, unsigned indent, bool in_list)
{
    if (rf_yaml_needs_quotes(text))
        rf_text_quote(w->out, rf_slice_str(text));
    else if (strchr(text, '\n') != NULL)
        add_block(w, text, indent, in_list);
    else
        rf_buf_add_str(w->out, text);
    rf_buf_add_char(w->out, '\n');
}

void rf_yaml_write_text(struct rf_yaml_writer *w, const char *key, const char *text)
{
    add_key(w, key);
    rf_buf_add_char(w->out, ' ');
    add_text(w, text != NULL ? text : "", w->indent + 2, false);
}

void rf_yaml_write_int(struct rf_yaml_writer *w, const char *key, int64_t value)
{
    add_key(w, key);
    rf_buf_addf(w->out, " %lld\n", (long long)value);
}

void rf_yaml_write_bool(struct rf_yaml_writer *w, const char *key, bool value)
{
    add_key(w, key);
    rf_buf_add_str(w->out, value ? " true\n" : " false\n");
}

void rf_yaml_write_null(struct rf_yaml_writer *w, const char *key)
{
    add_key(w, key);
    rf_buf_add_str(w->out, " null\n");
}

/* The shortest digits that give the number back, with an exponent from a million on, as Go's 'g'. */
static void add_shortest(struct rf_buf *out, double value)
{
    char text[40];
    int digits = 1;
    for (; digits < 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*e", digits - 1, value);
        if (strtod(text, NULL) == value)
            break;
    }
    (void)snprintf(text, sizeof(text), "%.*e", digits - 1, value);
    const char *e = strchr(text, 'e');
    long exponent = e != NULL ? strtol(e + 1, NULL, 10) : 0;
    if (exponent >= -4 && exponent < 6) {
        int decimals = digits - 1 - (int)exponent;
        (void)snprintf(text, sizeof(text), "%.*f", decimals > 0 ? decimals : 0, value);
    }
    rf_buf_add_str(out, text);
    if (strpbrk(text, ".e") == NULL)
        rf_buf_add_str(out, ".0");
}

void rf_yaml_write_double(struct rf_yaml_writer *w, const char *key, double value)
{
    add_key(w, key);
    rf_buf_add_char(w->out, ' ');
    add_shortest(w->out, value);
    rf_buf_add_char(w->out, '\n');
}

void rf_yaml_write_duration(struct rf_yaml_writer *w, const char *key, uint64_t nanoseconds)
{
    add_key(w, key);
    rf_buf_add_char(w->out, ' ');
    rf_duration_format(w->out, (int64_t)nanoseconds);
    rf_buf_add_char(w->out, '\n');
}

void rf_yaml_write_texts(struct rf_yaml_writer *w, const char *key, char *const *texts, size_t n)
{
    add_key(w, key);
    rf_buf_add_str(w->out, n == 0 ? " []\n" : "\n");
    for (size_t i = 0; i < n; i++) {
        add_blanks(w, w->indent);
        rf_buf_add_str(w->out, "- ");
        add_text(w, texts[i], w->indent + 2, true);
    }
}

/* ---- maps and lists ---- */

void rf_yaml_write_open(struct rf_yaml_writer *w, const char *key)
{
    add_key(w, key);
    rf_buf_add_char(w->out, '\n');
    w->indent += 2;
}

void rf_yaml_write_empty_map(struct rf_yaml_writer *w, const char *key)
{
    add_key(w, key);
    rf_buf_add_str(w->out, " {}\n");
}

bool rf_yaml_write_list(struct rf_yaml_writer *w, const char *key, size_t n)
{
    add_key(w, key);
    rf_buf_add_str(w->out, n == 0 ? " []\n" : "\n");
    return n > 0;
}

void rf_yaml_write_item(struct rf_yaml_writer *w)
{
    w->indent += 2;
    w->item = true;
}

void rf_yaml_write_close(struct rf_yaml_writer *w)
{
    w->indent -= 2;
    w->item = false;
}
