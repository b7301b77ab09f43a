/* SPDX-License-Identifier: Apache-2.0 */
/* One script of the list `scripts`, regbot's part of a configuration file (inventory 3.1). What it leaves open was taken from the defaults. */
#ifndef RF_POLICY_BOT_SCRIPT_H
#define RF_POLICY_BOT_SCRIPT_H

#include "policy/step.h"

struct rf_bot_script {
    uint32_t line,
        column; /* where its text stands in the file; the script itself when it has none */
    char *name; /* never NULL; "scripts[2]" when the file gives none */
    char *text; /* the Lua of it; never NULL */
    uint64_t interval_ns; /* 0: unset */
    char *
        schedule; /* or NULL; in a lenient file only rf_schedule_parse says whether it can be read */
    uint64_t timeout_ns; /* 0: none */
};

/* The keys of a script. */
extern const struct rf_yaml_table rf_bot_script_table;

/* Reads one over the defaults. A strict reader also checks that it has a text and that its schedule can be read. */
RF_MUST_USE int rf_bot_script_read(const struct rf_yaml_reader *r, const struct rf_yaml_node *node,
                                   const char *path, const struct rf_step_defaults *defaults,
                                   struct rf_bot_script *out, struct rf_err *err);
void rf_bot_script_release(struct rf_bot_script *s);

#endif
