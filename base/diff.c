/* SPDX-License-Identifier: Apache-2.0 */
#include "base/diff.h"

#include <stdlib.h>

#include "base/mem.h"

#define EDITS_MAX 2000u /* of one stretch: its trace takes 4 * EDITS_MAX^2 / 2 bytes */

/* Lines [x1,x2) of a go, [y1,y2) of b come; one of the two is empty. */
struct op {
    size_t x1, x2, y1, y2;
};

struct diff {
    const struct rf_slice *a, *b;
    size_t n_a, n_b;
    struct op *ops;
    size_t n, cap;
};

static void add_op(struct diff *d, size_t x1, size_t x2, size_t y1, size_t y2)
{
    struct op *last = d->n > 0 ? &d->ops[d->n - 1] : NULL;
    bool deletes = x2 > x1;
    if (x1 == x2 && y1 == y2)
        return;
    if (last != NULL && last->x2 == x1 && last->y2 == y1 && (last->x2 > last->x1) == deletes) {
        last->x2 = x2;
        last->y2 = y2;
        return;
    }
    d->ops = rf_grow(d->ops, d->n, &d->cap, sizeof(*d->ops));
    d->ops[d->n++] = (struct op){ x1, x2, y1, y2 };
}

static void replace(struct diff *d, size_t x1, size_t x2, size_t y1, size_t y2)
{
    add_op(d, x1, x2, y1, y1);
    add_op(d, x2, x2, y1, y2);
}

/* ---- a shortest script of one stretch ---- */

struct stretch {
    const struct rf_slice *a, *b;
    int64_t m, n;     /* lines of each */
    int64_t *reached; /* by diagonal k = x - y, from -limit-1: the farthest x */
    int32_t *trace;   /* reached[-d..d] in steps of two, behind each other for every d */
    size_t limit;
};

static size_t trace_at(size_t d)
{
    return d * (d + 1) / 2;
}

static int64_t run_of_equals(const struct stretch *s, int64_t x, int64_t y)
{
    int64_t start = x;
    while (x < s->m && y < s->n && rf_slice_eq(s->a[x], s->b[y])) {
        x++;
        y++;
    }
    return x - start;
}

/* Down (a line of b) rather than right (a line of a goes)? What lies farther wins, at a tie the deletion. */
static bool goes_down(const struct stretch *s, int64_t k, int64_t d)
{
    const int64_t *v = s->reached + s->limit + 1;
    return k == -d || (k != d && v[k - 1] < v[k + 1]);
}

/* The number of edits, or -1 when it is over the limit. */
static int64_t search(struct stretch *s)
{
    int64_t *v = s->reached + s->limit + 1;
    v[1] = 0;
    for (int64_t d = 0; d <= (int64_t)s->limit; d++) {
        for (int64_t k = -d; k <= d; k += 2) {
            int64_t x = goes_down(s, k, d) ? v[k + 1] : v[k - 1] + 1;
            x += run_of_equals(s, x, x - k);
            v[k] = x;
            s->trace[trace_at((size_t)d) + (size_t)((k + d) / 2)] = (int32_t)x;
            if (x == s->m && x - k == s->n)
                return d;
        }
    }
    return -1;
}

/* Where round d had come to on diagonal k. */
static int64_t traced(const struct stretch *s, int64_t d, int64_t k)
{
    return s->trace[trace_at((size_t)d) + (size_t)((k + d) / 2)];
}

/* The path backwards, told forwards. */
static void tell(struct diff *out, const struct stretch *s, int64_t edits, size_t x0, size_t y0)
{
    RF_CLEANUP(rf_freep) struct op *steps = rf_xcalloc((size_t)edits + 1, sizeof(*steps));
    int64_t x = s->m, y = s->n;
    for (int64_t d = edits; d > 0; d--) {
        int64_t k = x - y;
        bool down = k == -d || (k != d && traced(s, d - 1, k - 1) < traced(s, d - 1, k + 1));
        int64_t from = down ? k + 1 : k - 1;
        x = traced(s, d - 1, from);
        y = x - from;
        size_t at_x = x0 + (size_t)x, at_y = y0 + (size_t)y;
        steps[d - 1] = down ? (struct op){ at_x, at_x, at_y, at_y + 1 }
                            : (struct op){ at_x, at_x + 1, at_y, at_y };
    }
    for (int64_t d = 0; d < edits; d++)
        add_op(out, steps[d].x1, steps[d].x2, steps[d].y1, steps[d].y2);
}

/* False, and nothing told, when it takes too many edits. */
static bool compare(struct diff *d, size_t x1, size_t x2, size_t y1, size_t y2)
{
    size_t most = (x2 - x1) + (y2 - y1);
    struct stretch s = { .a = d->a + x1,
                         .b = d->b + y1,
                         .m = (int64_t)(x2 - x1),
                         .n = (int64_t)(y2 - y1),
                         .limit = most < EDITS_MAX ? most : EDITS_MAX };
    if (x2 - x1 > INT32_MAX)
        return false;
    RF_CLEANUP(rf_freep) int64_t *reached = rf_xcalloc(2 * s.limit + 3, sizeof(*reached));
    RF_CLEANUP(rf_freep) int32_t *trace = rf_xcalloc(trace_at(s.limit + 1), sizeof(*trace));
    s.reached = reached;
    s.trace = trace;
    int64_t edits = search(&s);
    if (edits >= 0)
        tell(d, &s, edits, x1, y1);
    return edits >= 0;
}

/* ---- anchors: lines that both texts have exactly once ---- */

struct numbered {
    struct rf_slice line;
    size_t at;
};

static int by_line(const void *p, const void *q)
{
    const struct numbered *a = p, *b = q;
    size_t n = a->line.len < b->line.len ? a->line.len : b->line.len;
    int c = n > 0 ? memcmp(a->line.ptr, b->line.ptr, n) : 0;
    if (c == 0)
        c = (a->line.len > b->line.len) - (a->line.len < b->line.len);
    return c != 0 ? c : (a->at > b->at) - (a->at < b->at);
}

static struct numbered *sorted(const struct rf_slice *lines, size_t n)
{
    struct numbered *all = rf_xcalloc(n + 1, sizeof(*all));
    for (size_t i = 0; i < n; i++)
        all[i] = (struct numbered){ lines[i], i };
    qsort(all, n, sizeof(*all), by_line);
    return all;
}

static bool is_single(const struct numbered *all, size_t n, size_t i)
{
    return (i == 0 || !rf_slice_eq(all[i - 1].line, all[i].line)) &&
           (i + 1 == n || !rf_slice_eq(all[i].line, all[i + 1].line));
}

struct pair {
    size_t x, y, before; /* before: number of the pair that comes before it in the longest chain */
};

static int by_x(const void *p, const void *q)
{
    const struct pair *a = p, *b = q;
    return (a->x > b->x) - (a->x < b->x);
}

static size_t find_pairs(const struct diff *d, struct pair *pairs)
{
    RF_CLEANUP(rf_freep) struct numbered *a = sorted(d->a, d->n_a);
    RF_CLEANUP(rf_freep) struct numbered *b = sorted(d->b, d->n_b);
    size_t n = 0;
    for (size_t i = 0, k = 0; i < d->n_a && k < d->n_b;) {
        struct numbered probe = { b[k].line, a[i].at };
        int c = by_line(&a[i], &probe);
        if (c < 0) {
            i++;
        } else if (c > 0) {
            k++;
        } else {
            if (is_single(a, d->n_a, i) && is_single(b, d->n_b, k))
                pairs[n++] = (struct pair){ a[i].at, b[k].at, SIZE_MAX };
            i++;
            k++;
        }
    }
    qsort(pairs, n, sizeof(*pairs), by_x);
    return n;
}

/* The longest chain of pairs that rises in both texts; its length, the chain in `chain`. */
static size_t longest_chain(struct pair *pairs, size_t n, size_t *chain)
{
    size_t length = 0;
    RF_CLEANUP(rf_freep) size_t *ends = rf_xcalloc(n + 1, sizeof(*ends)); /* by length - 1 */
    for (size_t i = 0; i < n; i++) {
        size_t low = 0, high = length;
        while (low < high) {
            size_t mid = low + (high - low) / 2;
            if (pairs[ends[mid]].y < pairs[i].y)
                low = mid + 1;
            else
                high = mid;
        }
        pairs[i].before = low > 0 ? ends[low - 1] : SIZE_MAX;
        ends[low] = i;
        length = low == length ? length + 1 : length;
    }
    size_t at = length > 0 ? ends[length - 1] : SIZE_MAX;
    for (size_t i = length; i > 0; i--) {
        chain[i - 1] = at;
        at = pairs[at].before;
    }
    return length;
}

static void compare_between(struct diff *d, size_t x1, size_t x2, size_t y1, size_t y2)
{
    if (!compare(d, x1, x2, y1, y2))
        replace(d, x1, x2, y1, y2);
}

static void compare_by_anchors(struct diff *d)
{
    size_t most = d->n_a < d->n_b ? d->n_a : d->n_b;
    RF_CLEANUP(rf_freep) struct pair *pairs = rf_xcalloc(most + 1, sizeof(*pairs));
    RF_CLEANUP(rf_freep) size_t *chain = rf_xcalloc(most + 1, sizeof(*chain));
    size_t n = longest_chain(pairs, find_pairs(d, pairs), chain), x = 0, y = 0;
    for (size_t i = 0; i < n; i++) {
        const struct pair *p = &pairs[chain[i]];
        compare_between(d, x, p->x, y, p->y);
        x = p->x + 1;
        y = p->y + 1;
    }
    compare_between(d, x, d->n_a, y, d->n_b);
}

/* ---- hunks ---- */

static void add_lines(struct rf_buf *out, const char *lead, const struct rf_slice *lines,
                      size_t from, size_t to)
{
    for (size_t i = from; i < to && out->rc == 0; i++) {
        rf_buf_add_str(out, lead);
        rf_buf_add(out, lines[i].ptr, lines[i].len);
        rf_buf_add_char(out, '\n');
    }
}

/* Operations [from,to) with what lies between and around them. */
static void add_hunk(const struct diff *d, size_t from, size_t to,
                     const struct rf_diff_options *opts, struct rf_buf *out)
{
    const struct op *first = &d->ops[from], *last = &d->ops[to - 1];
    size_t before = first->x1, after = d->n_a - last->x2;
    if (!opts->full && before > opts->context)
        before = opts->context;
    if (!opts->full && after > opts->context)
        after = opts->context;
    size_t start = first->x1 - before;
    rf_buf_addf(out, "@@ -%zu,%zu +%zu,%zu @@\n", start + 1, last->x2 + after - start,
                first->y1 - before + 1, last->y2 + after - (first->y1 - before));
    add_lines(out, "  ", d->a, start, first->x1);
    for (size_t i = from; i < to; i++) {
        const struct op *op = &d->ops[i];
        if (i > from)
            add_lines(out, "  ", d->a, d->ops[i - 1].x2, op->x1);
        add_lines(out, "- ", d->a, op->x1, op->x2);
        add_lines(out, "+ ", d->b, op->y1, op->y2);
    }
    add_lines(out, "  ", d->a, last->x2, last->x2 + after);
}

void rf_diff_lines(const struct rf_slice *a, size_t n_a, const struct rf_slice *b, size_t n_b,
                   const struct rf_diff_options *opts, struct rf_buf *out)
{
    struct diff d = { .a = a, .b = b, .n_a = n_a, .n_b = n_b };
    if (!compare(&d, 0, n_a, 0, n_b))
        compare_by_anchors(&d);
    for (size_t from = 0, to; from < d.n; from = to) {
        for (to = from + 1; to < d.n; to++)
            if (!opts->full && d.ops[to].x1 - d.ops[to - 1].x2 > opts->context)
                break;
        add_hunk(&d, from, to, opts, out);
    }
    free(d.ops);
}

static struct rf_slice *lines_of(struct rf_slice text, size_t *n)
{
    struct rf_slice *lines = NULL;
    size_t cap = 0;
    *n = 0;
    for (;;) {
        const char *end = text.len > 0 ? memchr(text.ptr, '\n', text.len) : NULL;
        size_t len = end != NULL ? (size_t)(end - text.ptr) : text.len;
        lines = rf_grow(lines, *n, &cap, sizeof(*lines));
        lines[(*n)++] = rf_slice_of(text.ptr, len);
        if (end == NULL)
            return lines;
        text = rf_slice_of(end + 1, text.len - len - 1);
    }
}

void rf_diff_text(struct rf_slice a, struct rf_slice b, const struct rf_diff_options *opts,
                  struct rf_buf *out)
{
    size_t n_a = 0, n_b = 0;
    RF_CLEANUP(rf_freep) struct rf_slice *x = lines_of(a, &n_a);
    RF_CLEANUP(rf_freep) struct rf_slice *y = lines_of(b, &n_b);
    rf_diff_lines(x, n_a, y, n_b, opts, out);
}
