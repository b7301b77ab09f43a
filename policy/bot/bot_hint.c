/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/bot/bot_hint.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

struct row {
    const char *text, *hint;
};

#define NOT_THERE \
    " is not there for scripts: docs/lua-api.md has what is; --unsafe-libs grants it to scripts that you trust"
#define NO_FILES " reads files, which scripts cannot: require() has modules, see --lua-path"

/* Of a global the name is certain. A field may be one of the script's own tables. */
static const struct row rows[] = {
    { "(global 'io')", "io" NOT_THERE },
    { "(global 'debug')", "debug" NOT_THERE },
    { "(global 'dofile')", "dofile" NO_FILES },
    { "(global 'loadfile')", "loadfile" NO_FILES },
    { "a nil value (field 'execute')", "if os.execute is meant: it" NOT_THERE },
    { "a nil value (field 'exit')", "if os.exit is meant: it" NOT_THERE },
    { "a nil value (field 'remove')", "if os.remove is meant: it" NOT_THERE },
    { "a nil value (field 'rename')", "if os.rename is meant: it" NOT_THERE },
    { "a nil value (field 'tmpname')", "if os.tmpname is meant: it" NOT_THERE },
    { "a nil value (field 'setlocale')", "if os.setlocale is meant: it" NOT_THERE },
    { "a nil value (field 'loadlib')", "if package.loadlib is meant: it" NOT_THERE },
    { "a nil value (field 'dump')", "if string.dump is meant: it" NOT_THERE },
    { "not enough memory: the script may have", "--memory grants more" },
    { "unexpected symbol near '..'",
      "a call without parentheses ends before it: log(\"text \" .. x)" },
    { "there is no folder for modules", "--lua-path DIR names one" },
};

const char *rf_bot_hint(const char *error)
{
    for (size_t i = 0; i < RF_ARRAY_LEN(rows); i++)
        if (strstr(error, rows[i].text) != NULL)
            return rows[i].hint;
    return NULL;
}

void rf_bot_add_hint(struct rf_err *err)
{
    const char *hint = err != NULL ? rf_bot_hint(err->msg) : NULL;
    if (hint == NULL)
        return;
    size_t n = strlen(err->msg);
    /* One that does not fit is left out: half a hint is none. */
    if (n + strlen(hint) + sizeof(" ()") <= sizeof(err->msg))
        (void)snprintf(err->msg + n, sizeof(err->msg) - n, " (%s)", hint);
}
