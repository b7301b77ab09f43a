/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tar of any usual compression unpacked below a folder, whatever its maker had in mind: names are cleaned, links never followed, a symbolic
 * link that could lead outside and a hard link to anything but a file in there are refused, devices are left out, owners and times are ours.
 */
#ifndef RF_LAYOUT_TAR_UNPACK_H
#define RF_LAYOUT_TAR_UNPACK_H

#include "base/stream.h"

#define RF_TAR_UNPACK_MEMBERS 1000000u
/* Bytes that any tar may unpack to; more only up to this many times the packed bytes: a small file that grows without end is an attack. */
#define RF_TAR_UNPACK_FREE ((uint64_t)1 << 30)
#define RF_TAR_UNPACK_GROWTH 200u

struct rf_tar_unpack {
    uint64_t packed; /* bytes that the source will give */
    uint64_t max;    /* bytes that it may unpack to; 0: as above */
    size_t left_out; /* members that were neither file, folder nor link */
};
/*
 * Unpacks what `src` gives below the folder `root`, which may hold things already. -RFE_INVALID, -RFE_TOO_LARGE, -RFE_NO_SPACE: what was unpacked
 * until then stays.
 */
RF_MUST_USE int rf_tar_unpack(struct rf_source *src, const char *name, int root,
                              struct rf_tar_unpack *u, struct rf_err *err);
/* A symbolic link of this text, lying `depth` folders below a root, cannot lead out of it. */
bool rf_tar_link_stays(const char *link, unsigned depth);

#endif
