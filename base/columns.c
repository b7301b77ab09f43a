/* SPDX-License-Identifier: Apache-2.0 */
#include "base/columns.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"

#define PADDING 1u

struct cell {
    struct rf_slice text;
    size_t width; /* characters; of the whole column once that is known */
};

struct line {
    struct cell *cells;
    size_t n; /* the last one is outside of all columns */
};

struct page {
    struct line *lines;
    size_t n, cap;
};

static size_t characters(struct rf_slice s)
{
    size_t n = 0;
    uint32_t cp;
    for (size_t i = 0; i < s.len; n++)
        i += rf_text_next(rf_slice_of(s.ptr + i, s.len - i), &cp);
    return n;
}

static void add_line(struct page *p, struct rf_slice text)
{
    size_t cap = 0;
    p->lines = rf_grow(p->lines, p->n, &p->cap, sizeof(*p->lines));
    struct line *l = &p->lines[p->n++];
    *l = (struct line){ 0 };
    for (;;) {
        const char *tab = text.len > 0 ? memchr(text.ptr, '\t', text.len) : NULL;
        size_t n = tab != NULL ? (size_t)(tab - text.ptr) : text.len;
        struct rf_slice piece = rf_slice_of(text.ptr, n);
        l->cells = rf_grow(l->cells, l->n, &cap, sizeof(*l->cells));
        l->cells[l->n++] = (struct cell){ piece, characters(piece) };
        if (tab == NULL)
            return;
        text = rf_slice_of(tab + 1, text.len - n - 1);
    }
}

/* Line i has a cell in column c. */
static bool has_cell(const struct page *p, size_t i, size_t c)
{
    return i < p->n && p->lines[i].n > c + 1;
}

/* The width of each run of lines in a column becomes that of the run's cells. False when no line reaches so far. */
static bool set_column(struct page *p, size_t c)
{
    bool any = false;
    for (size_t i = 0; i < p->n; i++) {
        size_t end = i, width = 0;
        for (; has_cell(p, end, c); end++)
            if (p->lines[end].cells[c].width > width)
                width = p->lines[end].cells[c].width;
        for (size_t k = i; k < end; k++)
            p->lines[k].cells[c].width = width;
        any = any || end > i;
        i = end > i ? end - 1 : i;
    }
    return any;
}

static void write_line(const struct line *l, struct rf_buf *out)
{
    for (size_t c = 0; c < l->n; c++) {
        const struct cell *cell = &l->cells[c];
        rf_buf_add(out, cell->text.ptr, cell->text.len);
        if (c + 1 == l->n)
            break;
        for (size_t w = characters(cell->text); w < cell->width + PADDING && out->rc == 0; w++)
            rf_buf_add_char(out, ' ');
    }
}

void rf_columns(struct rf_slice text, struct rf_buf *out)
{
    struct page p = { 0 };
    bool ended = text.len > 0 && text.ptr[text.len - 1] == '\n';
    while (text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t n = end != NULL ? (size_t)(end - text.ptr) : text.len;
        add_line(&p, rf_slice_of(text.ptr, n));
        size_t used = end != NULL ? n + 1 : n;
        text = rf_slice_of(text.ptr + used, text.len - used);
    }
    for (size_t c = 0; set_column(&p, c); c++)
        continue;
    for (size_t i = 0; i < p.n; i++) {
        write_line(&p.lines[i], out);
        if (i + 1 < p.n || ended)
            rf_buf_add_char(out, '\n');
        free(p.lines[i].cells);
    }
    free(p.lines);
}
