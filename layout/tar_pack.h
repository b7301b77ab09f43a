/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder as a tar, the same bytes wherever its files are the same: names in byte order below the folder's own, owner 0, time 0, modes 0644 and
 * 0755 (0755 for files that anybody may run), symbolic links as they are. Devices, sockets and pipes are refused.
 */
#ifndef RF_LAYOUT_TAR_PACK_H
#define RF_LAYOUT_TAR_PACK_H

#include "base/stream.h"

/* Writes the tar into `out`, which stays the caller's, who commits it. -RFE_INVALID for what cannot be packed or changed meanwhile. */
RF_MUST_USE int rf_tar_pack(const char *folder, struct rf_sink *out, struct rf_err *err);

#endif
