/* SPDX-License-Identifier: Apache-2.0 */
#include "manifests/descriptor_match.h"

#include <stdlib.h>

#include "base/mem.h"

bool rf_descriptor_matches(const struct rf_descriptor_match *match, const struct rf_descriptor *d)
{
    const char *key;
    json_t *value;
    if (match->artifact_type != NULL &&
        (d->artifact_type == NULL || strcmp(d->artifact_type, match->artifact_type) != 0))
        return false;
    json_object_foreach ((json_t *)(uintptr_t)match->annotations, key, value) {
        const char *have = rf_descriptor_annotation(d, key);
        const char *want = json_string_value(value);
        if (have == NULL || (want != NULL && want[0] != '\0' && strcmp(have, want) != 0))
            return false;
    }
    return true;
}

/* ---- order ---- */

struct ranked {
    const char *value; /* NULL: without the annotation */
    size_t place;
    bool descending;
};

static int by_rank(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if ((x->value == NULL) != (y->value == NULL))
        return x->value == NULL ? 1 : -1;
    int order = x->value != NULL ? strcmp(x->value, y->value) : 0;
    if (order != 0)
        return x->descending ? -order : order;
    return x->place < y->place ? -1 : 1;
}

/* Places of the wanted ones, in order. The caller frees. */
static struct ranked *rank(const struct rf_descriptor_match *match,
                           const struct rf_descriptor *list, size_t n, size_t *found)
{
    struct ranked *r = rf_xcalloc(n + 1, sizeof(*r));
    *found = 0;
    for (size_t i = 0; i < n; i++) {
        if (!rf_descriptor_matches(match, &list[i]))
            continue;
        const char *value = match->sort_annotation != NULL
                                ? rf_descriptor_annotation(&list[i], match->sort_annotation)
                                : NULL;
        r[(*found)++] =
            (struct ranked){ .value = value, .place = i, .descending = match->descending };
    }
    if (*found > 1)
        qsort(r, *found, sizeof(*r), by_rank);
    return r;
}

size_t rf_descriptor_filter(const struct rf_descriptor_match *match, struct rf_descriptor *list,
                            size_t n)
{
    size_t found = 0;
    RF_CLEANUP(rf_freep) struct ranked *order = rank(match, list, n, &found);
    RF_CLEANUP(rf_freep) struct rf_descriptor *kept = rf_xcalloc(n + 1, sizeof(*kept));
    for (size_t i = 0; i < found; i++) {
        kept[i] = list[order[i].place];
        list[order[i].place] = (struct rf_descriptor)RF_DESCRIPTOR_INIT;
    }
    for (size_t i = 0; i < n; i++)
        rf_descriptor_release(&list[i]);
    if (found > 0)
        memcpy(list, kept, found * sizeof(*kept));
    return found;
}

int rf_descriptor_choose(const struct rf_descriptor_match *match,
                         const struct rf_platform *platform, const struct rf_descriptor *list,
                         size_t n, size_t *chosen, struct rf_err *err)
{
    size_t found = 0;
    const struct rf_platform *best = NULL;
    RF_CLEANUP(rf_freep) struct ranked *order = rank(match, list, n, &found);
    if (found > 0 && platform == NULL) {
        *chosen = order[0].place;
        return 0;
    }
    for (size_t i = 0; i < found; i++) {
        const struct rf_platform *p = list[order[i].place].platform;
        if (p == NULL || !rf_platform_compatible(platform, p) ||
            (best != NULL && !rf_platform_better(platform, p, best)))
            continue;
        best = p;
        *chosen = order[i].place;
    }
    return best != NULL ? 0 : rf_fail(err, RFE_NOT_FOUND, "not found");
}
