/* SPDX-License-Identifier: Apache-2.0 */
#include "import/order.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "layout/bundle_file.h"

struct entry {
    char *path;
    size_t chain, given; /* numbers of the first of its chain, and of itself, as they were given */
    uint64_t sequence;
    bool repair;
    char name[RF_CHAIN_HEX + 1];
};

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->chain != y->chain)
        return x->chain < y->chain ? -1 : 1;
    if (x->sequence != y->sequence)
        return x->sequence < y->sequence ? -1 : 1;
    if (x->repair != y->repair)
        return x->repair ? -1 : 1;
    return x->given < y->given ? -1 : 1;
}

static bool look(struct entry *list, size_t i)
{
    RF_CLEANUP(rf_bundle_file_freep) struct rf_bundle_file *file = NULL;
    if (rf_bundle_file_open(list[i].path, &file, NULL) < 0)
        return false;
    const struct rf_bundle *doc = rf_bundle_file_doc(file);
    memcpy(list[i].name, doc->chain, sizeof(list[i].name));
    list[i].sequence = doc->sequence;
    list[i].repair = rf_bundle_is_repair(doc);
    for (size_t k = 0; k <= i; k++)
        if (strcmp(list[k].name, list[i].name) == 0) {
            list[i].chain = k;
            break;
        }
    return true;
}

void rf_import_order(char **paths, size_t n)
{
    bool all = n > 1, moved = false;
    struct entry *list = rf_xcalloc(n + 1, sizeof(*list));
    for (size_t i = 0; all && i < n; i++) {
        list[i].path = paths[i];
        list[i].given = i;
        all = look(list, i);
    }
    if (all)
        qsort(list, n, sizeof(*list), compare);
    for (size_t i = 0; all && i < n; i++) {
        moved = moved || list[i].given != i;
        paths[i] = list[i].path;
    }
    if (moved)
        rf_log(RF_LOG_INFO, "The bundles are taken in the order of their chain", "first", paths[0],
               NULL);
    free(list);
}
