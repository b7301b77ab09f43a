/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lines.h"

#include "base/mem.h"

#define CHUNK 16384u

void rf_lines_init(struct rf_lines *l, struct rf_source *src, size_t max_line)
{
    memset(l, 0, sizeof(*l));
    l->src = src;
    l->chunk = rf_xmalloc(CHUNK);
    rf_buf_init(&l->line, max_line);
}

void rf_lines_release(struct rf_lines *l)
{
    free(l->chunk);
    l->chunk = NULL;
    rf_buf_release(&l->line);
}

/* Moves bytes up to the LF (or all there are) from the chunk to the line; true when the LF was there. */
static bool take_until_lf(struct rf_lines *l)
{
    const char *start = l->chunk + l->pos;
    size_t left = l->len - l->pos;
    const char *lf = memchr(start, '\n', left);
    size_t n = lf != NULL ? (size_t)(lf - start) : left;
    rf_buf_add(&l->line, start, n);
    l->pos += lf != NULL ? n + 1 : n;
    return lf != NULL;
}

int rf_lines_next(struct rf_lines *l, struct rf_slice *line, struct rf_err *err)
{
    rf_buf_clear(&l->line);
    bool any = false;
    l->ended = false;
    for (;;) {
        if (l->pos == l->len) {
            ssize_t n = rf_source_read(l->src, l->chunk, CHUNK, err);
            if (n < 0)
                return (int)n;
            l->pos = 0;
            l->len = (size_t)n;
            if (n == 0) {
                if (!any)
                    return 0;
                l->ended = true;
                break;
            }
        }
        any = true;
        bool whole = take_until_lf(l);
        if (l->line.rc < 0)
            return rf_fail(err, RFE_TOO_LARGE, "line %llu is longer than %zu bytes",
                           (unsigned long long)(l->number + 1), l->line.max);
        if (whole)
            break;
    }
    l->number++;
    *line = rf_buf_slice(&l->line);
    return 1;
}
