/* SPDX-License-Identifier: Apache-2.0 */
#include "manifests/strict.h"

#include "manifests/media_type.h"

#include "base/mem.h"
#include "base/text.h"

static char ascii_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* One folded character of a key; moves *p behind it. */
static char folded(const char **p)
{
    const char *s = *p;
    if (strncmp(s, "\xc5\xbf", 2) == 0) { /* U+017F */
        *p = s + 2;
        return 's';
    }
    if (strncmp(s, "\xe2\x84\xaa", 3) == 0) { /* U+212A */
        *p = s + 3;
        return 'k';
    }
    *p = s + 1;
    return ascii_lower(*s);
}

static bool equal_folded(const char *key, const char *known)
{
    while (*key != '\0' && *known != '\0') {
        if (folded(&key) != ascii_lower(*known))
            return false;
        known++;
    }
    return *key == '\0' && *known == '\0';
}

int rf_strict_keys(const json_t *obj, const char *path, const char *const *known, size_t n,
                   struct rf_err *err)
{
    /* The iterator of jansson wants a writable object but does not write to it. */
    for (void *it = json_object_iter((json_t *)(uintptr_t)obj); it != NULL;
         it = json_object_iter_next((json_t *)(uintptr_t)obj, it)) {
        const char *key = json_object_iter_key(it);
        for (size_t i = 0; i < n; i++) {
            if (!equal_folded(key, known[i]) || strcmp(key, known[i]) == 0)
                continue;
            RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(key), 64);
            return rf_fail(err, RFE_AMBIGUOUS, "%s%s\"%s\" differs only in case from \"%s\"", path,
                           path[0] != '\0' ? ": " : "", shown, known[i]);
        }
    }
    return 0;
}

int rf_strict_media_type(const json_t *obj, const char *key, const char *path, char **out,
                         struct rf_err *err)
{
    const char *s = NULL;
    int rc = rf_json_string(obj, key, path, RF_JSON_OPTIONAL, &s, err);
    if (rc < 0)
        return rc;
    if (s != NULL && s[0] != '\0' && !rf_media_valid(rf_slice_str(s))) {
        RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(s), 64);
        return rf_fail(err, RFE_INVALID, "%s%s%s: not a media type: \"%s\"", path,
                       path[0] != '\0' ? "." : "", key, shown);
    }
    *out = s != NULL && s[0] != '\0' ? rf_xstrdup(s) : NULL;
    return 0;
}

int rf_strict_artifact_type(const json_t *obj, const char *path, char **out, struct rf_err *err)
{
    const char *s = NULL;
    int rc = rf_json_string(obj, "artifactType", path, RF_JSON_OPTIONAL, &s, err);
    if (rc < 0)
        return rc;
    bool wrong = s != NULL && strlen(s) > 255;
    for (const char *c = s; !wrong && c != NULL && *c != '\0'; c++)
        wrong = (unsigned char)*c < 0x20 || *c == 0x7f;
    if (wrong)
        return rf_fail(err, RFE_INVALID, "%s%sartifactType: longer than 255 bytes or not printable",
                       path, path[0] != '\0' ? "." : "");
    *out = s != NULL && s[0] != '\0' ? rf_xstrdup(s) : NULL;
    return 0;
}

int rf_strict_strings(const json_t *obj, const char *key, const char *path, json_t **out,
                      struct rf_err *err)
{
    const json_t *found = NULL;
    int rc = rf_json_object(obj, key, path, RF_JSON_OPTIONAL, &found, err);
    if (rc < 0)
        return rc;
    if (found == NULL) {
        *out = NULL;
        return 0;
    }
    json_t *strings = json_object_get(obj, key);
    for (void *it = json_object_iter(strings); it != NULL;
         it = json_object_iter_next(strings, it)) {
        const json_t *value = json_object_iter_value(it);
        if (!json_is_string(value) ||
            strlen(json_string_value(value)) != json_string_length(value)) {
            RF_CLEANUP(rf_freep)
            char *shown = rf_text_safe_dup(rf_slice_str(json_object_iter_key(it)), 64);
            return rf_fail(err, RFE_INVALID, "%s%s%s[\"%s\"]: not a string", path,
                           path[0] != '\0' ? "." : "", key, shown);
        }
    }
    *out = json_incref(strings);
    return 0;
}
