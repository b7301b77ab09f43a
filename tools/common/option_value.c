/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/option_value.h"

#include <stdlib.h>

#include "base/duration.h"
#include "base/mem.h"
#include "base/text.h"
#include "tools/common/size_text.h"

#define COUNT_MAX 4096

static void list_add(struct rf_list *list, const char *text, size_t len)
{
    list->items = rf_grow(list->items, list->n, &list->cap, sizeof(char *));
    list->items[list->n++] = rf_xstrndup(text, len);
}

static int parse_flag(const char *text, bool *out, struct rf_err *err)
{
    static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
    static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };
    for (size_t i = 0; i < RF_ARRAY_LEN(yes); i++) {
        if (strcmp(text, yes[i]) != 0 && strcmp(text, no[i]) != 0)
            continue;
        *out = strcmp(text, yes[i]) == 0;
        return 0;
    }
    return rf_fail(err, RFE_INVALID, "neither true nor false");
}

static int parse_choice(const char *choices, const char *text, struct rf_err *err)
{
    size_t len = strlen(text);
    for (const char *at = choices;; at++) {
        size_t n = strcspn(at, "|");
        if (n == len && strncmp(at, text, n) == 0)
            return 0;
        at += n;
        if (*at == '\0')
            break;
    }
    RF_CLEANUP(rf_buf_release) struct rf_buf list;
    rf_buf_init(&list, 0);
    for (const char *at = choices; *at != '\0'; at++) {
        if (*at == '|')
            rf_buf_add_str(&list, ", ");
        else
            rf_buf_add_char(&list, *at);
    }
    return rf_fail(err, RFE_INVALID, "choose one of %s", list.ptr);
}

/* The texts of failures are those that upstream's users know. */
static int parse_int(const char *text, int64_t *out, struct rf_err *err)
{
    bool minus = text[0] == '-';
    uint64_t n;
    if (rf_parse_u64(rf_slice_str(minus ? text + 1 : text), INT64_MAX, &n, NULL) < 0)
        return rf_fail(err, RFE_INVALID, "strconv.ParseInt: parsing \"%.200s\": invalid syntax",
                       text);
    *out = minus ? -(int64_t)n : (int64_t)n;
    return 0;
}

/* Digits and at most one point: what a rate needs. */
static int parse_real(const char *text, double *out, struct rf_err *err)
{
    size_t len = strlen(text);
    char *end = NULL;
    bool plain = len > 0 && len <= 30 && strspn(text, "0123456789.") == len;
    double d = plain ? strtod(text, &end) : 0;
    if (!plain || *end != '\0')
        return rf_fail(err, RFE_INVALID, "strconv.ParseFloat: parsing \"%.200s\": invalid syntax",
                       text);
    *out = d;
    return 0;
}

static int parse_count(const char *text, uint64_t *out, struct rf_err *err)
{
    uint64_t n;
    int rc = rf_parse_u64(rf_slice_str(text), COUNT_MAX, &n, err);
    if (rc == 0 && n == 0)
        rc = rf_fail(err, RFE_INVALID, "must be at least 1");
    if (rc == 0)
        *out = n;
    return rc;
}

/* Go's durations, and days. */
static int parse_seconds(const char *text, uint64_t *out, struct rf_err *err)
{
    uint64_t n;
    size_t len = strlen(text);
    if (len > 1 && text[len - 1] == 'd' &&
        rf_parse_u64(rf_slice_of(text, len - 1), 100000, &n, NULL) == 0) {
        *out = n * 24 * 3600;
        return 0;
    }
    int rc = rf_duration_parse(rf_slice_str(text), &n, err);
    if (rc < 0)
        return rf_fail(err, RFE_INVALID, "not a duration such as 90s, 1h30m or 30d");
    *out = n / 1000000000U + (n % 1000000000U != 0 ? 1 : 0);
    return 0;
}

int rf_option_set(const struct rf_opt *o, char *base, const char *text, struct rf_err *err)
{
    void *to = base + o->offset;
    int rc = 0;
    switch (o->kind) {
    case RF_OPT_FLAG:
        return parse_flag(text, to, err);
    case RF_OPT_CHOICE:
        rc = parse_choice(o->value, text, err);
        if (rc == 0)
            *(const char **)to = text;
        return rc;
    case RF_OPT_STRING:
        *(const char **)to = text;
        return 0;
    case RF_OPT_LIST:
        list_add(to, text, strlen(text));
        return 0;
    case RF_OPT_COMMAS:
        for (const char *at = text; *at != '\0';) {
            size_t n = strcspn(at, ",");
            if (n > 0)
                list_add(to, at, n);
            at += at[n] == ',' ? n + 1 : n;
        }
        return 0;
    case RF_OPT_U64:
        return rf_parse_u64(rf_slice_str(text), UINT64_MAX, to, err);
    case RF_OPT_INT:
        return parse_int(text, to, err);
    case RF_OPT_REAL:
        return parse_real(text, to, err);
    case RF_OPT_COUNT:
        return parse_count(text, to, err);
    case RF_OPT_SIZE:
        return rf_size_parse(text, to, err);
    case RF_OPT_SECONDS:
        return parse_seconds(text, to, err);
    }
    RF_BUG("option --%s is of no kind", o->name);
}

void rf_option_release(const struct rf_opt *o, char *base)
{
    struct rf_list *list = (struct rf_list *)(void *)(base + o->offset);
    if (o->kind != RF_OPT_LIST && o->kind != RF_OPT_COMMAS)
        return;
    for (size_t i = 0; i < list->n; i++)
        rf_wipe_freep(&list->items[i]);
    free(list->items);
    *list = (struct rf_list){ 0 };
}
