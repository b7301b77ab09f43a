/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/size_text.h"

#include "base/text.h"

/* Bytes of the unit at the start of `unit`, and the text behind it; 0 when it is too large to count. */
static uint64_t unit_of(const char *unit, const char **behind)
{
    static const char letters[] = "kMGTPE";
    uint64_t scale = 1;
    /* "k" and "K" are both in use for 1000. */
    const char *letter = *unit == '\0' ? NULL : strchr(letters, *unit == 'K' ? 'k' : *unit);
    if (letter != NULL) {
        bool binary = unit[1] == 'i';
        for (const char *i = letters; i <= letter; i++)
            scale *= binary ? 1024 : 1000;
        unit += binary ? 2 : 1;
    }
    *behind = *unit == 'B' ? unit + 1 : unit;
    return scale;
}

int rf_size_parse(const char *text, uint64_t *out, struct rf_err *err)
{
    size_t whole_len = strspn(text, "0123456789");
    const char *fraction = text + whole_len + (text[whole_len] == '.' ? 1 : 0);
    size_t fraction_len = text[whole_len] == '.' ? strspn(fraction, "0123456789") : 0;
    const char *end;
    uint64_t scale = unit_of(fraction + fraction_len, &end), whole = 0;
    bool ok =
        *end == '\0' && rf_parse_u64(rf_slice_of(text, whole_len), UINT64_MAX, &whole, NULL) == 0;
    /* A point needs digits behind it, and no byte has parts. */
    ok = ok && (text[whole_len] != '.' || (fraction_len > 0 && fraction_len <= 9 && scale > 1));
    ok = ok && !__builtin_mul_overflow(whole, scale, &whole);
    double part = 0, place = 1;
    for (size_t i = 0; ok && i < fraction_len; i++) {
        place /= 10;
        part += place * (fraction[i] - '0');
    }
    /* A hair more, so that 0.3k is 300 and not 299. */
    uint64_t rest = (uint64_t)(part * (double)scale + 1e-6);
    if (!ok || __builtin_add_overflow(whole, rest, &whole) || whole > INT64_MAX)
        return rf_fail(err, RFE_INVALID, "not a size such as 700M, 4GiB or 1.5TB");
    *out = whole;
    return 0;
}
