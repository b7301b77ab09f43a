/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/semver.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"

/* ---- versions ---- */

static bool parse_parts(struct rf_slice s, struct rf_semver *v)
{
    const char *p = s.ptr, *end = s.ptr + s.len;
    while (v->n < RF_SEMVER_PARTS_MAX) {
        const char *dot = p < end ? memchr(p, '.', (size_t)(end - p)) : NULL;
        size_t len = (size_t)((dot != NULL ? dot : end) - p);
        if (rf_parse_u64(rf_slice_of(p, len), INT64_MAX, &v->parts[v->n], NULL) < 0)
            return false;
        v->n++;
        if (dot == NULL)
            return true;
        p = dot + 1;
    }
    return false;
}

/* What stands behind the first `sign`, taken off *s. */
static struct rf_slice split_off(struct rf_slice *s, char sign)
{
    const char *at = s->len > 0 ? memchr(s->ptr, sign, s->len) : NULL;
    if (at == NULL)
        return rf_slice_of(s->ptr, 0);
    struct rf_slice rest = rf_slice_of(at + 1, s->len - (size_t)(at - s->ptr) - 1);
    s->len = (size_t)(at - s->ptr);
    return rest;
}

bool rf_semver_parse(struct rf_slice text, struct rf_semver *out)
{
    struct rf_semver v = { .n = 0 };
    if (text.len == 0 || text.len > RF_SEMVER_TEXT_MAX)
        return false;
    size_t skip = text.ptr[0] == 'v';
    struct rf_slice s = rf_slice_of(text.ptr + skip, text.len - skip);
    v.build = split_off(&s, '+');
    v.pre = split_off(&s, '-');
    if (!parse_parts(s, &v))
        return false;
    *out = v;
    return true;
}

static int compare_bytes(struct rf_slice a, struct rf_slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

/* Digits by their number, however many there are. */
static int compare_digits(struct rf_slice a, struct rf_slice b)
{
    for (; a.len > 0 && a.ptr[0] == '0'; a.len--)
        a.ptr++;
    for (; b.len > 0 && b.ptr[0] == '0'; b.len--)
        b.ptr++;
    return a.len != b.len ? (a.len > b.len) - (a.len < b.len) : compare_bytes(a, b);
}

/* The run of digits, or of what is none, at the front of *s, taken off. */
static struct rf_slice take_run(struct rf_slice *s, bool digits)
{
    size_t n = 0;
    while (n < s->len && (s->ptr[n] >= '0' && s->ptr[n] <= '9') == digits)
        n++;
    struct rf_slice run = rf_slice_of(s->ptr, n);
    s->ptr += n;
    s->len -= n;
    return run;
}

static int compare_identifiers(struct rf_slice a, struct rf_slice b)
{
    while (a.len > 0 && b.len > 0) {
        struct rf_slice text_a = take_run(&a, false), text_b = take_run(&b, false);
        int c = compare_bytes(text_a, text_b);
        if (c != 0)
            return c;
        if ((a.len == 0) != (b.len == 0))
            break;
        struct rf_slice number_a = take_run(&a, true), number_b = take_run(&b, true);
        c = compare_digits(number_a, number_b);
        if (c != 0)
            return c;
    }
    return (a.len > 0) - (b.len > 0);
}

static int compare_prereleases(struct rf_slice a, struct rf_slice b)
{
    for (;;) {
        const char *dot_a = memchr(a.ptr, '.', a.len), *dot_b = memchr(b.ptr, '.', b.len);
        struct rf_slice rest_a = split_off(&a, '.'), rest_b = split_off(&b, '.');
        int c = compare_identifiers(a, b);
        if (c != 0 || dot_a == NULL || dot_b == NULL)
            return c != 0 ? c : (dot_a != NULL) - (dot_b != NULL);
        a = rest_a;
        b = rest_b;
    }
}

int rf_semver_compare(const struct rf_semver *a, const struct rf_semver *b)
{
    for (size_t i = 0; i < a->n || i < b->n; i++) {
        uint64_t x = i < a->n ? a->parts[i] : 0, y = i < b->n ? b->parts[i] : 0;
        if (x != y)
            return x < y ? -1 : 1;
    }
    if (a->pre.len == 0 || b->pre.len == 0)
        return (a->pre.len == 0) - (b->pre.len == 0);
    return compare_prereleases(a->pre, b->pre);
}

/* ---- ranges ---- */

enum operator{ OP_EQ, OP_LT, OP_LE, OP_GT, OP_GE };

struct term {
    enum operator op;
    struct rf_semver version;
};

struct range {
    char *text; /* what the versions borrow from */
    struct term *terms;
    size_t n, cap;
};

struct rf_semver_ranges {
    struct range *list;
    size_t n;
};

static void add_term(struct range *r, enum operator op, const struct rf_semver *v)
{
    r->terms = rf_grow(r->terms, r->n, &r->cap, sizeof(*r->terms));
    r->terms[r->n++] = (struct term){ .op = op, .version = *v };
}

static uint64_t part(const struct rf_semver *v, size_t i)
{
    return i < v->n ? v->parts[i] : 0;
}

/* The first version that ^v and ~v leave out. */
static struct rf_semver above(const struct rf_semver *v, char sign)
{
    struct rf_semver u = { .n = 3 };
    size_t at = 1;
    if (sign == '^')
        at = part(v, 0) > 0 ? 0 : part(v, 1) > 0 ? 1 : 2;
    for (size_t i = 0; i < at; i++)
        u.parts[i] = part(v, i);
    u.parts[at] = part(v, at) + 1; /* fits: numbers are at most INT64_MAX */
    return u;
}

static bool parse_term(struct range *r, struct rf_slice s)
{
    static const struct {
        const char *sign;
        enum operator op;
    } signs[] = {
        { ">=", OP_GE }, { "<=", OP_LE }, { ">", OP_GT }, { "<", OP_LT }, { "=", OP_EQ }
    };
    struct rf_semver v;
    if (s.ptr[0] == '^' || s.ptr[0] == '~') {
        if (!rf_semver_parse(rf_slice_of(s.ptr + 1, s.len - 1), &v))
            return false;
        struct rf_semver end = above(&v, s.ptr[0]);
        add_term(r, OP_GE, &v);
        add_term(r, OP_LT, &end);
        return true;
    }
    enum operator op = OP_EQ;
    for (size_t i = 0; i < RF_ARRAY_LEN(signs); i++) {
        size_t n = strlen(signs[i].sign);
        if (s.len < n || memcmp(s.ptr, signs[i].sign, n) != 0)
            continue;
        op = signs[i].op;
        s = rf_slice_of(s.ptr + n, s.len - n);
        break;
    }
    if (!rf_semver_parse(s, &v))
        return false;
    add_term(r, op, &v);
    return true;
}

static int parse_range(struct range *r, const char *text, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(text), 200);
    r->text = rf_xstrdup(text);
    const char *p = r->text;
    for (size_t n = 0;; n++) {
        p += strspn(p, " \t\r\n");
        size_t len = strcspn(p, " \t\r\n");
        if (len == 0)
            break;
        if (n == RF_SEMVER_TERMS_MAX)
            return rf_fail(err, RFE_CONFIG, "range of versions \"%s\": more than %d terms", shown,
                           RF_SEMVER_TERMS_MAX);
        if (!parse_term(r, rf_slice_of(p, len))) {
            RF_CLEANUP(rf_freep) char *term = rf_text_safe_dup(rf_slice_of(p, len), 100);
            return rf_fail(err, RFE_CONFIG,
                           "range of versions \"%s\": \"%s\" is not an operator (>= <= > < = ^ ~, "
                           "or none) with a version",
                           shown, term);
        }
        p += len;
    }
    return r->n > 0 ? 0 : rf_fail(err, RFE_CONFIG, "a range of versions is empty");
}

static void range_release(struct range *r)
{
    free(r->text);
    free(r->terms);
    *r = (struct range){ 0 };
}

int rf_semver_ranges_new(char *const *texts, size_t n, struct rf_semver_ranges **out,
                         struct rf_err *err)
{
    if (n > RF_SEMVER_RANGES_MAX)
        return rf_fail(err, RFE_CONFIG, "more than %d ranges of versions", RF_SEMVER_RANGES_MAX);
    RF_CLEANUP(rf_semver_ranges_freep) struct rf_semver_ranges *r = rf_xcalloc(1, sizeof(*r));
    r->list = rf_xcalloc(n + 1, sizeof(*r->list));
    for (size_t i = 0; i < n; i++) {
        int rc = parse_range(&r->list[r->n++], texts[i], err);
        if (rc < 0)
            return rc;
    }
    *out = RF_STEAL(r);
    return 0;
}

void rf_semver_ranges_free(struct rf_semver_ranges *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->n; i++)
        range_release(&r->list[i]);
    free(r->list);
    free(r);
}

void rf_semver_ranges_freep(struct rf_semver_ranges **r)
{
    rf_semver_ranges_free(*r);
    *r = NULL;
}

static bool holds(const struct term *t, const struct rf_semver *version)
{
    int c = rf_semver_compare(version, &t->version);
    switch (t->op) {
    case OP_EQ:
        return c == 0;
    case OP_LT:
        return c < 0;
    case OP_LE:
        return c <= 0;
    case OP_GT:
        return c > 0;
    case OP_GE:
        return c >= 0;
    }
    return false;
}

bool rf_semver_ranges_match(const struct rf_semver_ranges *r, const struct rf_semver *version)
{
    for (size_t i = 0; i < r->n; i++) {
        size_t k = 0;
        while (k < r->list[i].n && holds(&r->list[i].terms[k], version))
            k++;
        if (k == r->list[i].n)
            return true;
    }
    return false;
}

int rf_semver_range_check(const char *text, struct rf_err *err)
{
    RF_CLEANUP(range_release) struct range r = { 0 };
    return parse_range(&r, text, err);
}
