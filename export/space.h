/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room for a bundle: what is needed and what is free in the folder that it goes to, and in the state's when that is another file system. Asked before
 * anything is written there.
 *
 *     rf_spaces_look(&s, state, output, plan, err);  rf_spaces_check(&s, err);  rf_spaces_release(&s);
 */
#ifndef RF_EXPORT_SPACE_H
#define RF_EXPORT_SPACE_H

#include "export/plan.h"

#define RF_SPACE_UNKNOWN UINT64_MAX

struct rf_space {
    char *path;
    bool state;         /* the state's folder */
    uint64_t needed;    /* beside what an interrupted run has set aside for the same file */
    uint64_t there;     /* free, or taken by what is removed before; RF_SPACE_UNKNOWN */
    uint64_t file;      /* the largest file that is to be there */
    uint64_t file_max;  /* the largest that can be; RF_SPACE_UNKNOWN: any */
    bool process_limit; /* that is a limit of the process, not of the file system */
};
struct rf_spaces {
    struct rf_space list[2];
    size_t n;
};
void rf_spaces_release(struct rf_spaces *s);
/* What writing the plan's bundle into the folder takes. plan NULL: the least that any bundle does. */
RF_MUST_USE int rf_spaces_look(struct rf_spaces *s, struct rf_export_state *state,
                               const char *output, const struct rf_plan *plan, struct rf_err *err);
/* -RFE_NO_SPACE names the folder, the shortfall in bytes and the next step. */
RF_MUST_USE int rf_spaces_check(const struct rf_spaces *s, struct rf_err *err);
/* The bytes that one has too few; 0: it is enough. */
uint64_t rf_space_short(const struct rf_space *s);
/* The largest file on a file system of this type (statfs, f_type); RF_SPACE_UNKNOWN: no limit that matters. */
uint64_t rf_space_file_max(unsigned long type);

#endif
