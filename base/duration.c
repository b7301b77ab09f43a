/* SPDX-License-Identifier: Apache-2.0 */
#include "base/duration.h"

#include <inttypes.h>

#include "base/mem.h"

static const struct {
    const char *name;
    uint64_t ns;
} units[] = {
    /* Longer names first where one is the start of another. */
    { "ns", 1 },
    { "us", 1000 },
    { "\xC2\xB5s", 1000 },
    { "\xCE\xBCs", 1000 },
    { "ms", 1000000 },
    { "s", 1000000000 },
    { "m", 60 * 1000000000ULL },
    { "h", 3600 * 1000000000ULL },
};

static bool digit(struct rf_slice s, size_t at)
{
    return at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9';
}

/* The unit at the start of `s`: its nanoseconds and the length of its name, or false. */
static bool unit_of(struct rf_slice s, uint64_t *ns, size_t *len)
{
    for (size_t i = 0; i < RF_ARRAY_LEN(units); i++) {
        if (!rf_slice_starts(s, units[i].name))
            continue;
        *ns = units[i].ns;
        *len = strlen(units[i].name);
        return true;
    }
    return false;
}

/* One number with its unit at *at; false when there is none or it is too large. */
static bool take_part(struct rf_slice s, size_t *at, uint64_t *total)
{
    uint64_t whole = 0, fraction = 0, scale = 1, ns, sum;
    size_t i = *at, len;
    bool any = digit(s, i);
    for (; digit(s, i); i++)
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, (uint64_t)(s.ptr[i] - '0'), &whole))
            return false;
    if (i < s.len && s.ptr[i] == '.') {
        i++;
        any = any || digit(s, i);
        for (; digit(s, i); i++) {
            /* Digits beyond what an hour in nanoseconds can show change nothing. */
            if (scale >= 1000000)
                continue;
            fraction = fraction * 10 + (uint64_t)(s.ptr[i] - '0');
            scale *= 10;
        }
    }
    if (!any || !unit_of(rf_slice_of(s.ptr + i, s.len - i), &ns, &len))
        return false;
    if (__builtin_mul_overflow(whole, ns, &whole) ||
        __builtin_add_overflow(whole, fraction * ns / scale, &whole) ||
        __builtin_add_overflow(*total, whole, &sum) || sum > INT64_MAX)
        return false;
    *total = sum;
    *at = i + len;
    return true;
}

int rf_duration_parse(struct rf_slice text, uint64_t *nanoseconds, struct rf_err *err)
{
    uint64_t total = 0;
    size_t at = 0;
    bool ok = text.len > 0;
    if (rf_slice_is(text, "0"))
        at = text.len;
    while (ok && at < text.len)
        ok = take_part(text, &at, &total);
    if (!ok)
        return rf_fail(err, RFE_INVALID, "not a duration such as \"1h30m\": \"%.*s\"",
                       text.len < 64 ? (int)text.len : 64, text.len > 0 ? text.ptr : "");
    *nanoseconds = total;
    return 0;
}

/* value/unit with the fraction that is there, then the name of the unit. */
static void add_decimal(struct rf_buf *out, uint64_t value, uint64_t unit, const char *name)
{
    char digits[16];
    int n = 0;
    for (uint64_t rest = value % unit, u = unit; u > 1; rest %= u) {
        u /= 10;
        digits[n++] = (char)('0' + rest / u);
    }
    while (n > 0 && digits[n - 1] == '0')
        n--;
    rf_buf_addf(out, "%" PRIu64, value / unit);
    if (n > 0)
        rf_buf_addf(out, ".%.*s", n, digits);
    rf_buf_add_str(out, name);
}

void rf_duration_format(struct rf_buf *out, int64_t nanoseconds)
{
    uint64_t ns = nanoseconds < 0 ? -(uint64_t)nanoseconds : (uint64_t)nanoseconds;
    if (nanoseconds < 0)
        rf_buf_add_char(out, '-');
    if (ns == 0)
        rf_buf_add_str(out, "0s");
    else if (ns < 1000)
        add_decimal(out, ns, 1, "ns");
    else if (ns < 1000000)
        add_decimal(out, ns, 1000, "\xC2\xB5s");
    else if (ns < 1000000000)
        add_decimal(out, ns, 1000000, "ms");
    else {
        const uint64_t minute = 60 * 1000000000ULL;
        if (ns >= 60 * minute)
            rf_buf_addf(out, "%" PRIu64 "h", ns / (60 * minute));
        if (ns >= minute)
            rf_buf_addf(out, "%" PRIu64 "m", ns / minute % 60);
        add_decimal(out, ns % minute, 1000000000, "s");
    }
}
