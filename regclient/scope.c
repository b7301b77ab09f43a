/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/scope.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"

#define CLAIMS_MAX (256u << 10)

bool rf_scope_valid(const char *scope)
{
    size_t len = strlen(scope);
    for (size_t i = 0; i < len; i++)
        if (scope[i] < 0x20 || scope[i] > 0x7E || scope[i] == '"' || scope[i] == '\\')
            return false;
    return len <= RF_SCOPE_MAX;
}

bool rf_scope_next(const char *scope, size_t *at, struct rf_slice *part)
{
    if (scope == NULL)
        return false;
    size_t from = *at + strspn(scope + *at, " ");
    size_t len = strcspn(scope + from, " ");
    *part = rf_slice_of(scope + from, len);
    *at = from + len;
    return len > 0;
}

/* Actions stand behind the last colon; names may hold colons of their own. */
static void split(struct rf_slice part, struct rf_slice *what, struct rf_slice *actions)
{
    const char *colon = memrchr(part.ptr, ':', part.len);
    size_t n = colon != NULL ? (size_t)(colon - part.ptr) : part.len;
    *what = rf_slice_of(part.ptr, n);
    *actions = colon != NULL ? rf_slice_of(colon + 1, part.len - n - 1) : rf_slice_of(part.ptr, 0);
}

static bool next_action(struct rf_slice *rest, struct rf_slice *action)
{
    if (rest->len == 0)
        return false;
    const char *comma = memchr(rest->ptr, ',', rest->len);
    size_t n = comma != NULL ? (size_t)(comma - rest->ptr) : rest->len;
    *action = rf_slice_of(rest->ptr, n);
    size_t taken = comma != NULL ? n + 1 : n;
    *rest = rf_slice_of(rest->ptr + taken, rest->len - taken);
    return true;
}

static bool has_action(const char *have, struct rf_slice what, struct rf_slice action)
{
    size_t at = 0;
    struct rf_slice part, name, list, one;
    while (rf_scope_next(have, &at, &part)) {
        split(part, &name, &list);
        if (!rf_slice_eq(name, what))
            continue;
        while (next_action(&list, &one))
            if (rf_slice_eq(one, action) || rf_slice_is(one, "*"))
                return true;
    }
    return false;
}

static bool part_covered(const char *have, struct rf_slice part)
{
    struct rf_slice what, actions, action;
    split(part, &what, &actions);
    while (next_action(&actions, &action))
        if (action.len > 0 && !has_action(have, what, action))
            return false;
    return true;
}

bool rf_scope_covers(const char *have, const char *want)
{
    size_t at = 0;
    struct rf_slice part;
    while (rf_scope_next(want, &at, &part))
        if (!part_covered(have, part))
            return false;
    return true;
}

char *rf_scope_join(const char *first, const char *second)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 0);
    size_t at = 0;
    struct rf_slice part;
    while (rf_scope_next(first, &at, &part))
        rf_buf_addf(&out, "%s%.*s", out.len > 0 ? " " : "", (int)part.len, part.ptr);
    at = 0;
    while (rf_scope_next(second, &at, &part))
        if (!part_covered(first, part))
            rf_buf_addf(&out, "%s%.*s", out.len > 0 ? " " : "", (int)part.len, part.ptr);
    return rf_buf_take(&out, NULL);
}

/* ---- JSON web tokens (RFC 7519, 3: header.claims.signature) ---- */

static bool claims_of(const char *token, json_t **out)
{
    const char *first = strchr(token, '.');
    const char *second = first != NULL ? strchr(first + 1, '.') : NULL;
    if (second == NULL)
        return false;
    RF_CLEANUP(rf_buf_release) struct rf_buf raw;
    rf_buf_init(&raw, CLAIMS_MAX);
    return rf_base64_decode(&raw, rf_slice_of(first + 1, (size_t)(second - first - 1))) &&
           rf_json_parse(rf_buf_slice(&raw), CLAIMS_MAX, out, NULL) == 0;
}

/* {"type":"repository","name":R,"actions":["pull"]} as `type:name:actions`. False when it is of another shape. */
static bool add_access(const json_t *one, struct rf_buf *out)
{
    const char *type = json_string_value(json_object_get(one, "type"));
    const char *name = json_string_value(json_object_get(one, "name"));
    const json_t *actions = json_object_get(one, "actions");
    if (type == NULL || name == NULL || strchr(name, ' ') != NULL)
        return false;
    rf_buf_addf(out, " %s:%s:", type, name);
    for (size_t i = 0; i < json_array_size(actions); i++) {
        const char *action = json_string_value(json_array_get(actions, i));
        rf_buf_addf(out, "%s%s", i > 0 ? "," : "", action != NULL ? action : "");
    }
    return true;
}

enum rf_scope_answer rf_scope_in_token(const char *token, const char *want)
{
    RF_CLEANUP(rf_json_decrefp) json_t *claims = NULL;
    if (!claims_of(token, &claims))
        return RF_SCOPE_UNKNOWN;
    const json_t *access = json_object_get(claims, "access");
    if (!json_is_array(access))
        return RF_SCOPE_UNKNOWN;
    RF_CLEANUP(rf_buf_release) struct rf_buf have;
    rf_buf_init(&have, CLAIMS_MAX);
    for (size_t i = 0; i < json_array_size(access); i++)
        if (!add_access(json_array_get(access, i), &have))
            return RF_SCOPE_UNKNOWN;
    if (have.rc < 0)
        return RF_SCOPE_UNKNOWN;
    return rf_scope_covers(have.ptr, want) ? RF_SCOPE_GRANTED : RF_SCOPE_WITHHELD;
}
