/* SPDX-License-Identifier: Apache-2.0 */
/* Text at the edges: strict numbers, safe printing of foreign text, hex, sizes and times for people. */
#ifndef RF_BASE_TEXT_H
#define RF_BASE_TEXT_H

#include <time.h>

#include "base/buf.h"

/* The whole slice as an unsigned decimal number of at most `max`; no sign, no blanks, no trailing text. -RFE_INVALID. */
RF_MUST_USE int rf_parse_u64(struct rf_slice s, uint64_t max, uint64_t *out, struct rf_err *err);

/*
 * Appends `s` so that a terminal can show it: C0, C1, DEL, bidirectional controls, line separators and
 * bytes that are not UTF-8 become \xNN (the byte values). At most `max` bytes of input are shown, then "...".
 */
void rf_text_safe(struct rf_buf *out, struct rf_slice s, size_t max);
/* The same into a fresh string of the caller's. */
char *rf_text_safe_dup(struct rf_slice s, size_t max);
/* The same into `cap` bytes (at least 1) without allocating; what does not fit is cut, marked "...". Returns the length. */
size_t rf_text_safe_fixed(char *out, size_t cap, struct rf_slice s);
bool rf_text_is_utf8(struct rf_slice s);
/* The largest length of at most `n` bytes of `s` that does not cut through a character. */
size_t rf_text_boundary(struct rf_slice s, size_t n);
/*
 * Reads one character: its bytes (1 to 4) are returned and *cp is its number. A byte that is not part of valid UTF-8
 * is read alone, with *cp = UINT32_MAX. `s` must not be empty.
 */
size_t rf_text_next(struct rf_slice s, uint32_t *cp);
/* False for controls, bidirectional and other format controls, separators other than U+0020, and what is no character. */
bool rf_text_is_printable(uint32_t cp);
/* Appends `s` in double quotes with Go's escapes (\n, \", \x1b, \u202e), as in Go's %q. */
void rf_text_quote(struct rf_buf *out, struct rf_slice s);

void rf_hex_encode(const uint8_t *bytes, size_t n, char *out); /* out holds 2n+1 */
/* Lower-case hex of exactly 2n characters; false when it is anything else. */
bool rf_hex_decode(struct rf_slice hex, uint8_t *bytes, size_t n);

/* "12 B", "1.5 MB" (1000-based, one decimal place); out holds 16. Returns out. */
const char *rf_text_size(uint64_t bytes, char out[16]);
/* The ending of a counted noun: "" for 1, else "s", as in "%zu image%s". */
const char *rf_text_s(uint64_t n);
/* `one` for 1, else `many`: "is", "are". */
const char *rf_text_by_count(uint64_t n, const char *one, const char *many);
/* "3 s", "2 min 05 s", "1 h 02 min"; out holds 24. Returns out. */
const char *rf_text_duration(double seconds, char out[24]);
/* RFC 3339 in UTC to the second, "2026-01-02T03:04:05Z"; out holds 32. Returns out. */
const char *rf_text_time(time_t t, char out[32]);
/* RFC 3339, any offset, fraction passed over. -RFE_INVALID. */
RF_MUST_USE int rf_text_time_parse(struct rf_slice s, time_t *out, struct rf_err *err);
/* Milliseconds of a clock that never jumps. */
uint64_t rf_now_ms(void);
/* Glob with * and ? only, for host lists and names. */
bool rf_text_glob(const char *pattern, const char *s);

#endif
