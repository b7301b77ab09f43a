/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of option tables in short, and those that several groups have with the same words. `at` is where the value lands: AT(field), as each file
 * with rows defines it for its own structure. Rows of another form (letters, defaults, hidden ones) are written out.
 */
#ifndef RF_TOOLS_REGCTL_ROWS_H
#define RF_TOOLS_REGCTL_ROWS_H

#include "tools/common/options.h"

#define REGCTL_FLAG(name, at, help)                   \
    {                                                 \
        name, 0, RF_OPT_FLAG, at, NULL, help, NULL, 0 \
    }
#define REGCTL_TEXT(name, at, value, help)               \
    {                                                    \
        name, 0, RF_OPT_STRING, at, value, help, NULL, 0 \
    }
#define REGCTL_LIST(name, at, value, help)             \
    {                                                  \
        name, 0, RF_OPT_LIST, at, value, help, NULL, 0 \
    }
#define REGCTL_INT(name, at, value, help, dflt)       \
    {                                                 \
        name, 0, RF_OPT_INT, at, value, help, dflt, 0 \
    }

#define REGCTL_FORMAT(at, help, dflt)                             \
    {                                                             \
        "format", 0, RF_OPT_STRING, at, "TEMPLATE", help, dflt, 0 \
    }
#define REGCTL_PLATFORM(at, help)                                     \
    {                                                                 \
        "platform", 'p', RF_OPT_STRING, at, "PLATFORM", help, NULL, 0 \
    }

/* ---- the same everywhere ---- */

#define REGCTL_LIST_FORMAT(at)                                                            \
    REGCTL_FORMAT(at, "form of the output; raw-body, raw-headers and raw are known, too", \
                  "{{printPretty .}}")
#define REGCTL_EXCLUDE(at) \
    REGCTL_LIST("exclude", at, "REGEXP", "leave out tags that match as a whole; may be repeated")
#define REGCTL_INCLUDE(at)               \
    REGCTL_LIST("include", at, "REGEXP", \
                "only tags that match one of these as a whole; may be repeated")
#define REGCTL_BY_DIGEST(at) REGCTL_FLAG("by-digest", at, "push without tag, and print the digest")
#define REGCTL_DIGEST_TAGS(at) \
    REGCTL_FLAG("digest-tags", at, "take along tags of the form sha256-<digest>.suffix")
#define REGCTL_CONTEXT(at) REGCTL_INT("context", at, "LINES", "lines shown around a change", "3")
#define REGCTL_CONTEXT_FULL(at) REGCTL_FLAG("context-full", at, "show all lines")
#define REGCTL_VERIFY(at) \
    REGCTL_FLAG("verify", at, "read every manifest back from the target and compare")
#define REGCTL_INCLUDE_EXTERNAL(at) \
    REGCTL_FLAG("include-external", at, "take along layers that have URLs of their own")

#endif
