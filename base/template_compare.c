/* SPDX-License-Identifier: Apache-2.0 */
/* eq, ne, lt, le, gt, ge: basic kinds only, whole numbers with and without sign together. */
#include "base/gofmt.h"
#include "base/mem.h"
#include "base/template_impl.h"

static bool is_basic(const struct rf_value *v)
{
    switch (v->kind) {
    case RF_VALUE_BOOL:
    case RF_VALUE_INT:
    case RF_VALUE_UINT:
    case RF_VALUE_FLOAT:
    case RF_VALUE_STRING:
        return true;
    default:
        return false;
    }
}

static bool is_whole(const struct rf_value *v)
{
    return v->kind == RF_VALUE_INT || v->kind == RF_VALUE_UINT;
}

/* Two whole numbers by value, whatever their types. */
static int compare_whole(const struct rf_value *a, const struct rf_value *b)
{
    bool a_negative = a->kind == RF_VALUE_INT && a->integer < 0;
    bool b_negative = b->kind == RF_VALUE_INT && b->integer < 0;
    if (a_negative != b_negative)
        return a_negative ? -1 : 1;
    /* Of one sign the bits compare alike. */
    return (a->natural > b->natural) - (a->natural < b->natural);
}

static int compare_text(const struct rf_value *a, const struct rf_value *b)
{
    size_t n = a->text.len < b->text.len ? a->text.len : b->text.len;
    int c = n > 0 ? memcmp(a->text.ptr, b->text.ptr, n) : 0;
    return c != 0 ? c : (a->text.len > b->text.len) - (a->text.len < b->text.len);
}

static int fail_types(const struct rf_call *call, const struct rf_value *a,
                      const struct rf_value *b, struct rf_err *err)
{
    return rf_fail(err, RFE_INVALID, "incompatible types for comparison: %s and %s",
                   rf_value_type_name(call->arena, a), rf_value_type_name(call->arena, b));
}

/* Equality of what is no basic kind: nil against anything that can be nil, pointers, times. */
static int equal_other(const struct rf_call *call, const struct rf_value *a,
                       const struct rf_value *b, bool *out, struct rf_err *err)
{
    if (rf_value_is_nil(a) || rf_value_is_nil(b)) {
        *out = rf_value_is_nil(a) == rf_value_is_nil(b);
        return 0;
    }
    bool pointers =
        a->kind == RF_VALUE_OBJECT && b->kind == RF_VALUE_OBJECT && a->pointer && b->pointer;
    bool times = a->kind == RF_VALUE_TIME && b->kind == RF_VALUE_TIME;
    if (pointers) {
        *out = a->object == b->object && rf_value_type(a) == rf_value_type(b);
        return 0;
    }
    if (times) {
        *out = rf_gotime_compare(a->time, b->time) == 0 && a->time.offset == b->time.offset &&
               strcmp(a->time.zone, b->time.zone) == 0;
        return 0;
    }
    if (a->kind != b->kind)
        return fail_types(call, a, b, err);
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 200);
    int rc = rf_gofmt_print(call, &text, b, 1, err);
    if (rc < 0)
        return rc;
    return rf_fail(err, RFE_INVALID, "non-comparable type %s: %s", text.ptr,
                   rf_value_type_name(call->arena, b));
}

static int equal(const struct rf_call *call, const struct rf_value *a, const struct rf_value *b,
                 bool *out, struct rf_err *err)
{
    *out = false;
    if (is_whole(a) && is_whole(b)) {
        *out = compare_whole(a, b) == 0;
        return 0;
    }
    if (is_basic(a) != is_basic(b) || (is_basic(a) && a->kind != b->kind)) {
        /* Nothing is equal to nil that cannot be nil. */
        if (a->kind == RF_VALUE_NIL || b->kind == RF_VALUE_NIL)
            return 0;
        return fail_types(call, a, b, err);
    }
    switch (a->kind) {
    case RF_VALUE_BOOL:
        *out = a->boolean == b->boolean;
        return 0;
    case RF_VALUE_FLOAT:
        *out = a->real == b->real;
        return 0;
    case RF_VALUE_STRING:
        *out = compare_text(a, b) == 0;
        return 0;
    default:
        return equal_other(call, a, b, out, err);
    }
}

static int less(const struct rf_call *call, const struct rf_value *a, const struct rf_value *b,
                bool *out, struct rf_err *err)
{
    if (!is_basic(a) || !is_basic(b))
        return rf_fail(err, RFE_INVALID, "invalid type for comparison");
    if (is_whole(a) && is_whole(b)) {
        *out = compare_whole(a, b) < 0;
        return 0;
    }
    if (a->kind != b->kind)
        return fail_types(call, a, b, err);
    if (a->kind == RF_VALUE_BOOL)
        return rf_fail(err, RFE_INVALID, "invalid type for comparison");
    *out = a->kind == RF_VALUE_FLOAT ? a->real < b->real : compare_text(a, b) < 0;
    return 0;
}

static int less_or_equal(const struct rf_call *call, const struct rf_value *a,
                         const struct rf_value *b, bool *out, struct rf_err *err)
{
    int rc = less(call, a, b, out, err);
    return rc < 0 || *out ? rc : equal(call, a, b, out, err);
}

RF_TEMPLATE_FUNC(rf_template_eq)
{
    bool same = false;
    int rc = 0;
    (void)self;
    if (n < 2)
        return rf_fail(err, RFE_INVALID, "missing argument for comparison");
    for (size_t i = 1; rc == 0 && !same && i < n; i++)
        rc = equal(call, &args[0], &args[i], &same, err);
    *out = rf_value_bool(same);
    return rc;
}

RF_TEMPLATE_FUNC(rf_template_ne)
{
    bool same = false;
    (void)self, (void)n;
    int rc = equal(call, &args[0], &args[1], &same, err);
    *out = rf_value_bool(!same);
    return rc;
}

RF_TEMPLATE_FUNC(rf_template_lt)
{
    bool v = false;
    (void)self, (void)n;
    int rc = less(call, &args[0], &args[1], &v, err);
    *out = rf_value_bool(v);
    return rc;
}

RF_TEMPLATE_FUNC(rf_template_le)
{
    bool v = false;
    (void)self, (void)n;
    int rc = less_or_equal(call, &args[0], &args[1], &v, err);
    *out = rf_value_bool(v);
    return rc;
}

RF_TEMPLATE_FUNC(rf_template_gt)
{
    bool v = false;
    (void)self, (void)n;
    int rc = less_or_equal(call, &args[0], &args[1], &v, err);
    *out = rf_value_bool(!v);
    return rc;
}

RF_TEMPLATE_FUNC(rf_template_ge)
{
    bool v = false;
    (void)self, (void)n;
    int rc = less(call, &args[0], &args[1], &v, err);
    *out = rf_value_bool(!v);
    return rc;
}
