/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of gofmt among themselves. */
#ifndef RF_BASE_GOFMT_IMPL_H
#define RF_BASE_GOFMT_IMPL_H

#include "base/gofmt.h"

/* Widths and precisions beyond this are errors of the format. */
#define RF_GOFMT_WIDTH_MAX 1000000

struct rf_gofmt {
    const struct rf_call *call;
    struct rf_buf *out;
    struct rf_err *err;
    int rc; /* of a String() that failed; nothing is printed after it */
    bool has_width, has_precision, minus, plus, sharp, space, zero;
    bool plus_v, sharp_v; /* %+v and %#v, which are not flags of numbers */
    bool complaining;     /* inside %!d(...): no String() is called */
    unsigned depth;
    int width, precision;
};

/* One value by one verb. */
void rf_gofmt_value(struct rf_gofmt *g, const struct rf_value *v, uint32_t verb);
/* The same for the plain kinds, by kind and without looking at String(). */
void rf_gofmt_bad_verb(struct rf_gofmt *g, const struct rf_value *v, uint32_t verb);
void rf_gofmt_clear(struct rf_gofmt *g); /* all flags */

/* Text with the width's padding. */
void rf_gofmt_pad(struct rf_gofmt *g, struct rf_slice text);
/* Each is false when the verb does not fit the kind. */
bool rf_gofmt_integer(struct rf_gofmt *g, uint64_t u, bool is_signed, uint32_t verb);
bool rf_gofmt_real(struct rf_gofmt *g, double d, uint32_t verb);
bool rf_gofmt_text(struct rf_gofmt *g, struct rf_slice s, uint32_t verb);

/* Appends the UTF-8 form; what is no character becomes U+FFFD. */
void rf_gofmt_add_rune(struct rf_buf *out, uint32_t cp);

#endif
