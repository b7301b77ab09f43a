/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648): the standard alphabet with padding, and the URL alphabet as JSON web tokens use it. */
#ifndef RF_BASE_BASE64_H
#define RF_BASE_BASE64_H

#include "base/buf.h"

/* Appends the standard form, padded. */
void rf_base64_encode(struct rf_buf *out, struct rf_slice bytes);
/*
 * Appends the bytes of `text`; false when it is anything but one of: standard or URL alphabet (not mixed), with complete padding or
 * none, unused bits zero. `out` is left as it was then. White space is refused.
 */
bool rf_base64_decode(struct rf_buf *out, struct rf_slice text);

#endif
