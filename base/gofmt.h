/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing values as Go's fmt package does: the verbs and flags of Printf, the default text of each kind of value.
 * Errors of the format are part of the text ("%!d(string=x)"), as there. A failure is that of a String() of a type, or
 * an `out` that is full (its sticky rc).
 *
 * One difference: a pointer inside a structure shows what it points to ("&{...}"), not an address.
 */
#ifndef RF_BASE_GOFMT_H
#define RF_BASE_GOFMT_H

#include "base/value.h"

/* Sprintf. */
RF_MUST_USE int rf_gofmt_printf(const struct rf_call *call, struct rf_buf *out,
                                struct rf_slice format, const struct rf_value *args, size_t n,
                                struct rf_err *err);
/* Sprint: a blank between two values neither of which is a string. */
RF_MUST_USE int rf_gofmt_print(const struct rf_call *call, struct rf_buf *out,
                               const struct rf_value *args, size_t n, struct rf_err *err);
/* Sprintln: blanks between all, and a newline. */
RF_MUST_USE int rf_gofmt_println(const struct rf_call *call, struct rf_buf *out,
                                 const struct rf_value *args, size_t n, struct rf_err *err);
/*
 * Appends a number in its shortest form that reads back as the same: "1.5", "1e+06", "NaN", "+Inf"; with an exponent
 * where that is below `low` or not below `high`.
 */
void rf_gofmt_float(struct rf_buf *out, double d, int low, int high);
/* Where %v and %g turn to exponents. */
#define RF_GOFMT_EXPONENT_LOW (-4)
#define RF_GOFMT_EXPONENT_HIGH 6

#endif
