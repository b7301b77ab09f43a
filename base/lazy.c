/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lazy.h"

#include <dlfcn.h>
#include <string.h>

bool rf_lazy_load(const char *soname, const char *const names[], size_t n, void *table)
{
    void *library = dlopen(soname, RTLD_LAZY | RTLD_LOCAL);
    if (library == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        void *found = dlsym(library, names[i]);
        if (found == NULL)
            return false;
        /* C has no cast from a pointer to an object to one to a function. */
        memcpy((char *)table + i * sizeof(found), &found, sizeof(found));
    }
    return true;
}
