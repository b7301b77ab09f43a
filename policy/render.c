/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/render.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/template.h"

bool rf_render_needed(const char *text)
{
    return strstr(text, "{{") != NULL;
}

static void release_secret(struct rf_buf *b)
{
    rf_wipe(b->ptr, b->len);
    rf_buf_release(b);
}

/* The engine's `file`, but in a configuration a file that is not there is rather a mistake than a wish. */
static int do_file(const struct rf_call *call, const struct rf_value *self,
                   const struct rf_value *args, size_t n, struct rf_value *out, struct rf_err *err)
{
    RF_CLEANUP(release_secret) struct rf_buf text;
    struct rf_err cause = RF_ERR_INIT;
    (void)self, (void)n;
    rf_buf_init(&text, RF_TEMPLATE_FILE_MAX);
    const char *path = rf_arena_dup(call->arena, args[0].text);
    if (rf_file_read(path, &text, &cause) < 0) {
        rf_log(RF_LOG_WARN, "File of a template cannot be read, taken as empty", "file", path,
               "error", cause.msg, NULL);
        rf_buf_clear(&text);
    }
    struct rf_slice s = rf_buf_slice(&text);
    while (s.len > 0 && strchr(" \t\r\n\v\f", s.ptr[0]) != NULL && s.ptr[0] != '\0') {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && strchr(" \t\r\n\v\f", s.ptr[s.len - 1]) != NULL && s.ptr[s.len - 1] != '\0')
        s.len--;
    if (s.len > rf_arena_room(call->arena))
        return rf_fail(err, RFE_TOO_LARGE, "the text is too long");
    *out = rf_value_string(rf_arena_slice(call->arena, s));
    return 0;
}

static const struct rf_func funcs[] = { { "file", "s", do_file } };
/* A file may hold thousands of them, so each gets less than the engine would give. */
static const struct rf_template_options options = {
    .funcs = funcs, .n_funcs = RF_ARRAY_LEN(funcs), .max_steps = 100000, .max_memory = 8u << 20
};

static int as_config(int rc, struct rf_err *err)
{
    if (rc < 0 && err != NULL)
        err->code = RFE_CONFIG;
    return rc < 0 ? -RFE_CONFIG : 0;
}

int rf_render(const char *text, const struct rf_value *data, char **out, struct rf_err *err)
{
    RF_CLEANUP(rf_template_freep) struct rf_template *t = NULL;
    RF_CLEANUP(release_secret) struct rf_buf result;
    const struct rf_value nothing = rf_value_nil();
    rf_buf_init(&result, RF_RENDER_MAX);
    int rc = rf_template_parse("out", rf_slice_str(text), &options, &t, err);
    if (rc == 0)
        rc = rf_template_execute(t, data != NULL ? data : &nothing, NULL, &result, err);
    if (rc < 0)
        return as_config(rc, err);
    if (memchr(result.ptr, '\0', result.len) != NULL)
        return rf_fail(err, RFE_CONFIG, "template: the result is not a text");
    *out = rf_buf_take(&result, NULL);
    return 0;
}

int rf_render_check(const char *text, struct rf_err *err)
{
    RF_CLEANUP(rf_template_freep) struct rf_template *t = NULL;
    return as_config(rf_template_parse("out", rf_slice_str(text), &options, &t, err), err);
}
