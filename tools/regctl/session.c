/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/regctl/session.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/template.h"
#include "base/text.h"
#include "layout/oci_dir.h"

#define OUTPUT_MAX (256u << 20) /* of one result by a template */

int regctl_session_open(struct regctl_session *s, const struct rf_env *env, struct rf_err *err)
{
    s->env = env;
    return rf_net_client(env->net, NULL, NULL, &s->client, err);
}

void regctl_session_release(struct regctl_session *s)
{
    rf_progress_freep(&s->progress);
    if (s->client != NULL)
        rf_net_stats(s->env->net, s->client);
    rf_client_freep(&s->client);
}

struct rf_progress *regctl_progress(struct regctl_session *s, const char *what)
{
    const struct rf_net_options *net = s->env->net;
    bool asked = rf_opt_given(s->env, "progress");
    /* Upstream shows a display only to a person who has not asked for log lines; scripts see nothing new on stderr. */
    if (!asked && (isatty(STDERR_FILENO) == 0 || rf_opt_given(s->env, "verbosity")))
        return NULL;
    if (s->progress == NULL)
        s->progress = rf_progress_new(net, "regctl", what, 0);
    return s->progress;
}

int regctl_target_open(struct regctl_session *s, const char *text, unsigned flags,
                       struct regctl_target *t, struct rf_err *err)
{
    int rc = (flags & REGCTL_REPO) != 0 ? rf_ref_parse_repo(text, &t->ref, err)
                                        : rf_ref_parse(text, &t->ref, err);
    if (rc < 0)
        return rc;
    t->digest = rf_digest_is_set(&t->ref.digest) ? &t->ref.digest : NULL;
    t->tag = t->ref.tag;
    if (t->tag == NULL && t->digest == NULL && (flags & REGCTL_REPO) == 0)
        t->tag = "latest";
    t->written = (flags & REGCTL_WRITE) != 0;
    return rf_client_place(s->client, &t->ref, t->written ? RF_CLIENT_WRITE : 0, &t->place,
                           &t->repo, err);
}

int regctl_target_done(const struct regctl_target *t, struct rf_err *err)
{
    struct rf_gc_result removed;
    struct rf_err e = RF_ERR_INIT;
    if (!t->written || t->ref.scheme != RF_SCHEME_OCIDIR)
        return 0;
    int rc = rf_oci_dir_gc(t->place, t->repo, &removed, &e);
    /* Somebody else is writing there: what is left over goes with the next change. */
    if (rc == -RFE_BUSY || rc == -RFE_NOT_FOUND)
        return 0;
    if (rc < 0 && err != NULL)
        *err = e;
    return rc;
}

int regctl_platform(const char *text, struct rf_platform *out, struct rf_err *err)
{
    if (text == NULL || text[0] == '\0')
        return 0;
    int rc = rf_platform_parse(text, out, err);
    return rc < 0 ? rc : 1;
}

void regctl_target_release(struct regctl_target *t)
{
    rf_ref_release(&t->ref);
    *t = (struct regctl_target)REGCTL_TARGET_INIT;
}

/* ---- printing ---- */

struct line {
    const char *name, *value;
};

static int by_name(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* The usual spelling: Content-Type. */
static void add_name(struct rf_buf *out, const char *name)
{
    bool start = true;
    for (; *name != '\0'; name++) {
        rf_buf_add_char(out, start && *name >= 'a' && *name <= 'z' ? (char)(*name - 32) : *name);
        start = *name == '-';
    }
}

void regctl_headers_text(const struct rf_headers *headers, struct rf_buf *out)
{
    size_t n = headers != NULL ? headers->n : 0;
    RF_CLEANUP(rf_freep) struct line *lines = rf_xcalloc(n + 1, sizeof(*lines));
    for (size_t i = 0; i < n; i++)
        lines[i] = (struct line){ headers->names[i], headers->values[i] };
    qsort(lines, n, sizeof(*lines), by_name);
    for (size_t i = 0; i < n; i++) {
        add_name(out, lines[i].name);
        rf_buf_addf(out, ": %s\n", lines[i].value);
    }
}

static bool is_one_of(const char *format, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(format, words[i]) == 0)
            return true;
    return false;
}

/* True when the format is one of the raw forms. */
static bool add_raw(const char *format, const struct regctl_raw *raw, struct rf_buf *out)
{
    static const char *const bodies[] = { "rawBody", "raw-body", "body" };
    static const char *const heads[] = { "rawHeaders", "raw-headers", "headers" };
    bool whole = !raw->headers_only && strcmp(format, "raw") == 0;
    bool body = !raw->headers_only && is_one_of(format, bodies, RF_ARRAY_LEN(bodies));
    bool head = is_one_of(format, heads, RF_ARRAY_LEN(heads));
    if (whole || head)
        regctl_headers_text(raw->headers, out);
    if (whole)
        rf_buf_add_char(out, '\n');
    if (whole || body)
        rf_buf_add(out, raw->body.ptr, raw->body.len);
    return whole || body || head;
}

/* Results hold text of strangers: on a terminal its control bytes are shown, not obeyed. Lines and tabs stay. */
static void print_safe(const struct rf_buf *text)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf safe;
    rf_buf_init(&safe, SIZE_MAX);
    for (size_t i = 0; i < text->len;) {
        size_t end = i;
        while (end < text->len && text->ptr[end] != '\n' && text->ptr[end] != '\t')
            end++;
        rf_text_safe(&safe, rf_slice_of(text->ptr + i, end - i), end - i);
        if (end < text->len)
            rf_buf_add_char(&safe, text->ptr[end++]);
        i = end;
    }
    (void)fwrite(safe.ptr, 1, safe.len, stdout);
}

void regctl_print_text(const struct rf_buf *text)
{
    if (isatty(STDOUT_FILENO) != 0)
        print_safe(text);
    else
        (void)fwrite(text->ptr, 1, text->len, stdout);
}

int regctl_print(const char *format, const struct rf_value *value, const struct regctl_raw *raw,
                 struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, OUTPUT_MAX);
    int rc = 0;
    bool is_raw = raw != NULL && add_raw(format, raw, &out);
    if (!is_raw)
        rc = rf_template_render("out", rf_slice_str(format), value, NULL, &out, err);
    regctl_print_text(&out);
    if (rc == 0 && out.rc < 0)
        rc = rf_fail(err, RFE_TOO_LARGE, "the result has more than %u bytes", OUTPUT_MAX);
    return rc;
}
