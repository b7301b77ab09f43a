/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/tag_filter.h"

#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

/* Steps of the matcher for one name; a name of 128 bytes needs some thousands with honest patterns. */
#define MATCH_LIMIT 200000
#define DEPTH_LIMIT 10000
#define HEAP_LIMIT_KIB 8192

struct pattern {
    char *text;
    pcre2_code *code;
    pcre2_code *loose; /* as upstream's tools read it, where that makes a difference; or NULL */
};

struct rf_tag_filter {
    pcre2_match_context *limits;
    struct pattern *list; /* allow, then deny */
    size_t n_allow, n;
};

static int compile(const char *text, pcre2_code **out, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(text), 200);
    if (strlen(text) > RF_TAG_FILTER_PATTERN_MAX)
        return rf_fail(err, RFE_CONFIG, "pattern \"%s\": longer than %d bytes", shown,
                       RF_TAG_FILTER_PATTERN_MAX);
    int code = 0;
    PCRE2_SIZE offset = 0;
    /* Anchored by options, not by text around it: no pattern can end a group that it did not open. */
    uint32_t options = PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF |
                       PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C;
    *out = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, options, &code, &offset, NULL);
    if (*out != NULL)
        return 0;
    PCRE2_UCHAR why[128] = { 0 };
    (void)pcre2_get_error_message(code, why, sizeof(why));
    return rf_fail(err, RFE_CONFIG, "pattern \"%s\": %s at character %zu", shown, (char *)why,
                   (size_t)offset + 1);
}

/* NULL where both readings are the same, or upstream's cannot be had. */
static pcre2_code *compile_loose(const char *text)
{
    int code = 0;
    PCRE2_SIZE offset = 0;
    if (strchr(text, '|') == NULL)
        return NULL;
    RF_CLEANUP(rf_freep) char *bound = rf_xasprintf("^%s$", text);
    uint32_t options =
        PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C;
    return pcre2_compile((PCRE2_SPTR)bound, PCRE2_ZERO_TERMINATED, options, &code, &offset, NULL);
}

static int add_list(struct rf_tag_filter *f, char *const *list, size_t n, struct rf_err *err)
{
    for (size_t i = 0; i < n; i++) {
        int rc = compile(list[i], &f->list[f->n].code, err);
        if (rc < 0)
            return rc;
        f->list[f->n].loose = compile_loose(list[i]);
        f->list[f->n++].text = rf_xstrdup(list[i]);
    }
    return 0;
}

int rf_tag_filter_new(char *const *allow, size_t n_allow, char *const *deny, size_t n_deny,
                      struct rf_tag_filter **out, struct rf_err *err)
{
    if (n_allow > RF_TAG_FILTER_PATTERNS_MAX || n_deny > RF_TAG_FILTER_PATTERNS_MAX)
        return rf_fail(err, RFE_CONFIG, "more than %d patterns", RF_TAG_FILTER_PATTERNS_MAX);
    RF_CLEANUP(rf_tag_filter_freep) struct rf_tag_filter *f = rf_xcalloc(1, sizeof(*f));
    f->list = rf_xcalloc(n_allow + n_deny + 1, sizeof(*f->list));
    f->n_allow = n_allow;
    f->limits = pcre2_match_context_create(NULL);
    if (f->limits == NULL)
        return rf_fail(err, RFE_CONFIG, "no memory for patterns");
    pcre2_set_match_limit(f->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(f->limits, DEPTH_LIMIT);
    pcre2_set_heap_limit(f->limits, HEAP_LIMIT_KIB);
    int rc = add_list(f, allow, n_allow, err);
    if (rc == 0)
        rc = add_list(f, deny, n_deny, err);
    if (rc < 0)
        return rc;
    *out = RF_STEAL(f);
    return 0;
}

void rf_tag_filter_free(struct rf_tag_filter *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->n; i++) {
        free(f->list[i].text);
        pcre2_code_free(f->list[i].code);
        pcre2_code_free(f->list[i].loose);
    }
    free(f->list);
    pcre2_match_context_free(f->limits);
    free(f);
}

void rf_tag_filter_freep(struct rf_tag_filter **f)
{
    rf_tag_filter_free(*f);
    *f = NULL;
}

static int match_any(const struct rf_tag_filter *f, size_t from, size_t to, const char *name,
                     pcre2_match_data *data, struct rf_err *err)
{
    for (size_t i = from; i < to; i++) {
        int rc =
            pcre2_match(f->list[i].code, (PCRE2_SPTR)name, strlen(name), 0, 0, data, f->limits);
        if (rc >= 0)
            return 1;
        if (rc == PCRE2_ERROR_NOMATCH)
            continue;
        PCRE2_UCHAR why[128] = { 0 };
        (void)pcre2_get_error_message(rc, why, sizeof(why));
        RF_CLEANUP(rf_freep) char *p = rf_text_safe_dup(rf_slice_str(f->list[i].text), 200);
        RF_CLEANUP(rf_freep) char *s = rf_text_safe_dup(rf_slice_str(name), 128);
        return rf_fail(err, RFE_CONFIG, "pattern \"%s\" on \"%s\": %s", p, s, (char *)why);
    }
    return 0;
}

int rf_tag_filter_match(const struct rf_tag_filter *f, const char *name, struct rf_err *err)
{
    if (f->n == 0)
        return 1;
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    if (data == NULL)
        return rf_fail(err, RFE_CONFIG, "no memory for patterns");
    int rc = f->n_allow == 0 ? 1 : match_any(f, 0, f->n_allow, name, data, err);
    if (rc == 1) {
        rc = match_any(f, f->n_allow, f->n, name, data, err);
        rc = rc < 0 ? rc : !rc;
    }
    pcre2_match_data_free(data);
    return rc;
}

/* ---- whole lists ---- */

static bool matches(const struct rf_tag_filter *f, const pcre2_code *code, const char *name)
{
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    bool yes = data != NULL &&
               pcre2_match(code, (PCRE2_SPTR)name, strlen(name), 0, 0, data, f->limits) >= 0;
    pcre2_match_data_free(data);
    return yes;
}

/* Whether upstream's reading of pattern i would have taken, or left out, this name, and ours does not. */
static bool differs(const struct rf_tag_filter *f, size_t i, const char *name, bool taken)
{
    const struct pattern *p = &f->list[i];
    if (taken != (i >= f->n_allow) || !matches(f, p->loose, name) || matches(f, p->code, name))
        return false;
    for (size_t k = f->n_allow; i < f->n_allow && k < f->n; k++)
        if (matches(f, f->list[k].code, name))
            return false; /* it would not have come through */
    return true;
}

/* Counts the names for which only upstream's reading of pattern i makes a difference, and tells of them. */
static void tell_loose(const struct rf_tag_filter *f, size_t i, const char *const *names, size_t n,
                       const bool *taken)
{
    const struct pattern *p = &f->list[i];
    size_t more = 0;
    const char *example = NULL;
    for (size_t k = 0; p->loose != NULL && k < n; k++) {
        if (!differs(f, i, names[k], taken[k]))
            continue;
        example = example != NULL ? example : names[k];
        more++;
    }
    if (more == 0)
        return;
    rf_log_with(RF_LOG_WARN, "Filter matches whole names only", rf_log_text("pattern", p->text),
                rf_log_uint("not-matched", more), rf_log_text("example", example));
}

int rf_tag_filter_pick(const struct rf_tag_filter *f, const char *const *names, size_t n,
                       bool *taken, struct rf_err *err)
{
    for (size_t i = 0; i < n; i++) {
        int rc = rf_tag_filter_match(f, names[i], err);
        if (rc < 0)
            return rc;
        taken[i] = rc > 0;
    }
    for (size_t i = 0; i < f->n; i++)
        tell_loose(f, i, names, n, taken);
    return 0;
}

int rf_tag_filter_apply(const struct rf_tag_filter *f, char **names, size_t *n, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) bool *taken = rf_xcalloc(*n + 1, sizeof(*taken));
    int rc = rf_tag_filter_pick(f, (const char *const *)names, *n, taken, err);
    size_t kept = 0;
    for (size_t i = 0; rc == 0 && i < *n; i++) {
        if (taken[i])
            names[kept++] = names[i];
        else
            free(names[i]);
    }
    if (rc == 0)
        *n = kept;
    return rc;
}

bool rf_tag_filter_is_empty(const struct rf_tag_filter *f)
{
    return f->n == 0;
}

int rf_tag_filter_check(const char *pattern, struct rf_err *err)
{
    pcre2_code *code = NULL;
    int rc = compile(pattern, &code, err);
    pcre2_code_free(code);
    return rc;
}
