/* SPDX-License-Identifier: Apache-2.0 */
/* The Markdown of docs/ in man(7) macros: as much of it as those pages use. */
#include <ctype.h>

#include "base/mem.h"
#include "tools/common/man.h"

/* ---- inside a paragraph ---- */

/* The distance to `mark` within the text, or its whole length. */
static size_t until(struct rf_slice s, const char *mark)
{
    const char *at = s.len > 0 ? memmem(s.ptr, s.len, mark, strlen(mark)) : NULL;
    return at != NULL ? (size_t)(at - s.ptr) : s.len;
}

static void skip(struct rf_slice *s, size_t n)
{
    n = n < s->len ? n : s->len;
    s->ptr += n;
    s->len -= n;
}

/* What stands between `open` and `close`, in a font of its own; false when it is not closed. */
static bool take_span(struct rf_slice *s, const char *mark, const char *font, unsigned style,
                      struct rf_buf *out)
{
    size_t n = strlen(mark);
    if (!rf_slice_starts(*s, mark))
        return false;
    struct rf_slice rest = rf_slice_of(s->ptr + n, s->len - n);
    size_t len = until(rest, mark);
    if (len == rest.len || len == 0)
        return false;
    rf_buf_add_str(out, font);
    rf_man_text(rf_slice_of(rest.ptr, len), style, out);
    rf_buf_add_str(out, "\\fR");
    skip(s, len + 2 * n);
    return true;
}

/* [text](target): a page of docs/ has no address here, others are printed. */
static bool take_link(struct rf_slice *s, struct rf_buf *out)
{
    size_t middle = until(*s, "]("), n;
    if (s->len == 0 || s->ptr[0] != '[' || middle == s->len)
        return false;
    struct rf_slice target = rf_slice_of(s->ptr + middle + 2, s->len - middle - 2);
    n = until(target, ")");
    if (n == target.len || memchr(s->ptr, '\n', middle) != NULL)
        return false;
    target.len = n;
    rf_man_text(rf_slice_of(s->ptr + 1, middle - 1), RF_MAN_TEXT, out);
    if (rf_slice_starts(target, "http")) {
        rf_buf_add_str(out, " <");
        rf_man_text(target, RF_MAN_CODE, out);
        rf_buf_add_char(out, '>');
    }
    skip(s, middle + 2 + n + 1);
    return true;
}

static bool take_character(struct rf_slice *s, struct rf_buf *out)
{
    static const struct {
        const char *written, *meant;
    } known[] = { { "&lt;", "<" }, { "&gt;", ">" }, { "&amp;", "&" }, { "\\|", "|" } };
    for (size_t i = 0; i < RF_ARRAY_LEN(known); i++) {
        if (!rf_slice_starts(*s, known[i].written))
            continue;
        rf_buf_add_str(out, known[i].meant);
        skip(s, strlen(known[i].written));
        return true;
    }
    return false;
}

void rf_man_inline(struct rf_slice text, struct rf_buf *out)
{
    while (text.len > 0) {
        if (take_span(&text, "`", "\\fB", RF_MAN_CODE, out) ||
            take_span(&text, "**", "\\fB", RF_MAN_TEXT, out) ||
            (text.len > 1 && text.ptr[1] != ' ' &&
             take_span(&text, "*", "\\fI", RF_MAN_TEXT, out)) ||
            take_link(&text, out) || take_character(&text, out))
            continue;
        size_t n = 1;
        while (n < text.len && strchr("`*[&\\\n", text.ptr[n]) == NULL)
            n++;
        /* Lines begin with a word; one that a macro would be is escaped by rf_man_text. */
        if (text.ptr[0] == '\n') {
            rf_buf_add_char(out, '\n');
            n = 1;
            while (n < text.len && text.ptr[n] == ' ')
                n++;
        } else {
            rf_man_text(rf_slice_of(text.ptr, n), RF_MAN_TEXT, out);
        }
        skip(&text, n);
    }
    rf_buf_add_char(out, '\n');
}

/* ---- blocks ---- */

struct reader {
    struct rf_slice rest;
    struct rf_buf *out;
};

static struct rf_slice peek(const struct reader *r)
{
    return rf_slice_of(r->rest.ptr, until(r->rest, "\n"));
}

static void next_line(struct reader *r)
{
    skip(&r->rest, until(r->rest, "\n") + 1);
}

static bool is_item(struct rf_slice line)
{
    return rf_slice_starts(line, "* ") || rf_slice_starts(line, "- ");
}

static bool is_number(struct rf_slice line)
{
    size_t n = 0;
    while (n < line.len && isdigit((unsigned char)line.ptr[n]))
        n++;
    return n > 0 && n + 1 < line.len && line.ptr[n] == '.' && line.ptr[n + 1] == ' ';
}

static bool starts_block(struct rf_slice line)
{
    return line.len == 0 || is_item(line) || is_number(line) || line.ptr[0] == '#' ||
           line.ptr[0] == '|' || rf_slice_starts(line, "```") || rf_slice_starts(line, "<!--") ||
           rf_slice_starts(line, "    ");
}

/* Lines up to the next block, the first one without `drop` bytes. */
static void take_paragraph(struct reader *r, size_t drop)
{
    const char *begin = r->rest.ptr + drop;
    next_line(r);
    while (r->rest.len > 0 && !starts_block(peek(r)))
        next_line(r);
    size_t n = (size_t)(r->rest.ptr - begin);
    rf_man_inline(rf_slice_of(begin, n > 0 && begin[n - 1] == '\n' ? n - 1 : n), r->out);
}

static void take_heading(struct reader *r)
{
    struct rf_slice line = peek(r);
    size_t level = 0;
    while (level < line.len && line.ptr[level] == '#')
        level++;
    bool section = level <= 2;
    rf_buf_add_str(r->out, section ? ".SH \"" : ".SS \"");
    for (size_t i = level + 1; i < line.len; i++) {
        char c = section ? (char)toupper((unsigned char)line.ptr[i]) : line.ptr[i];
        if (c != '`')
            rf_man_text(rf_slice_of(&c, 1), RF_MAN_TEXT, r->out);
    }
    rf_buf_add_str(r->out, "\"\n");
    next_line(r);
}

/* ```, or lines that are indented by four. */
static void take_code(struct reader *r)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf lines;
    bool fenced = rf_slice_starts(peek(r), "```");
    rf_buf_init(&lines, 0);
    if (fenced)
        next_line(r);
    while (r->rest.len > 0) {
        struct rf_slice line = peek(r);
        if (fenced ? rf_slice_starts(line, "```") : !rf_slice_starts(line, "    "))
            break;
        skip(&line, fenced ? 0 : 4);
        rf_buf_add(&lines, line.ptr, line.len);
        rf_buf_add_char(&lines, '\n');
        next_line(r);
    }
    if (fenced)
        next_line(r);
    rf_man_paragraph(r->out);
    rf_man_block(rf_slice_of(lines.ptr, lines.len > 0 ? lines.len - 1 : 0), r->out);
}

/* The end of a cell: "|", but not "\|". */
static size_t cell_end(struct rf_slice row)
{
    size_t n = 0;
    while (n < row.len && (row.ptr[n] != '|' || (n > 0 && row.ptr[n - 1] == '\\')))
        n++;
    return n;
}

static void take_row(struct reader *r)
{
    struct rf_slice row = peek(r);
    rf_buf_add_str(r->out, ".TP\n");
    skip(&row, 1);
    for (bool first = true; row.len > 0 || first; first = false) {
        struct rf_slice cell = rf_slice_of(row.ptr, cell_end(row));
        skip(&row, cell.len + 1);
        while (cell.len > 0 && cell.ptr[0] == ' ')
            skip(&cell, 1);
        while (cell.len > 0 && cell.ptr[cell.len - 1] == ' ')
            cell.len--;
        if (cell.len > 0)
            rf_man_inline(cell, r->out);
        else if (first)
            rf_buf_add_str(r->out, "\\&\n");
    }
    next_line(r);
}

/* Each row a term and what is said of it; the header goes. */
static void take_table(struct reader *r)
{
    struct rf_slice header = r->rest;
    skip(&header, until(header, "\n") + 1);
    if (rf_slice_starts(header, "|---") || rf_slice_starts(header, "| ---")) {
        next_line(r);
        next_line(r);
    }
    while (r->rest.len > 0 && peek(r).ptr[0] == '|')
        take_row(r);
}

static void take_item(struct reader *r, struct rf_slice line)
{
    size_t n = is_item(line) ? 2 : until(line, " ") + 1;
    if (is_item(line))
        rf_buf_add_str(r->out, ".IP \\(bu 2\n");
    else
        rf_buf_addf(r->out, ".IP %.*s 4\n", (int)(n - 1), line.ptr);
    take_paragraph(r, n);
}

void rf_man_prose(struct rf_slice markdown, struct rf_buf *out)
{
    struct reader r = { .rest = markdown, .out = out };
    while (r.rest.len > 0) {
        struct rf_slice line = peek(&r);
        if (line.len == 0 || rf_slice_starts(line, "<!--")) {
            next_line(&r);
        } else if (line.ptr[0] == '#') {
            take_heading(&r);
        } else if (rf_slice_starts(line, "```") || rf_slice_starts(line, "    ")) {
            take_code(&r);
        } else if (line.ptr[0] == '|') {
            take_table(&r);
        } else if (is_item(line) || is_number(line)) {
            take_item(&r, line);
        } else {
            rf_man_paragraph(out);
            take_paragraph(&r, 0);
        }
    }
}
