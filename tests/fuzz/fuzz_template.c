/* SPDX-License-Identifier: Apache-2.0 */
/* A template of a stranger: read and executed over every mocked object, within tight bounds. */
#include "base/template.h"

#include "base/log.h"
#include "base/mem.h"
#include "tests/support/template_objects.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const objects[] = { "mix", "index", "artifact", "inspect", "tags", "nil" };

static void execute(const struct rf_template *t, const struct rf_value *data)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    static char user[] = "user";
    rf_buf_init(&out, 1 << 16);
    int rc = rf_template_execute(t, data, user, &out, &err);
    RF_CHECK(rc <= 0 && out.len <= out.max && out.ptr[out.len] == '\0');
    RF_CHECK(rc == 0 || (err.code == -rc && strncmp(err.msg, "template: ", 10) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct rf_template_options o = {
        .funcs = NULL, .flags = RF_TEMPLATE_NO_HOST, .max_steps = 2000, .max_memory = 1 << 18
    };
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_template_freep) struct rf_template *t = NULL;
    int rc = rf_template_parse("out", rf_slice_of(data, size), &o, &t, &err);
    if (rc < 0) {
        RF_CHECK(err.code == -rc && strncmp(err.msg, "template: out", 13) == 0);
        return 0;
    }
    for (size_t i = 0; i < RF_ARRAY_LEN(objects); i++) {
        struct rf_value v = rf_value_nil();
        RF_CHECK(test_template_object(objects[i], &v));
        execute(t, &v);
    }
    return 0;
}
