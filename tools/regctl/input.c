/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/regctl/input.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "policy/object/object_manifest.h"

#define LOOK_MS 300 /* how often a read that waits looks whether it should stop */

/* 0 at the end. */
static ssize_t read_some(char *chunk, size_t n, struct rf_err *err)
{
    struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
    for (;;) {
        int rc = rf_cancel_check(err);
        if (rc < 0)
            return rc;
        /* Also when a signal came: a read would wait for what may never be typed. */
        if (poll(&in, 1, LOOK_MS) <= 0)
            continue;
        ssize_t got = read(STDIN_FILENO, chunk, n);
        if (got >= 0)
            return got;
        if (errno != EINTR && errno != EAGAIN)
            return rf_fail_errno(err, errno, "reading standard input");
    }
}

int regctl_read_stdin(struct rf_buf *out, struct rf_err *err)
{
    char chunk[16384];
    ssize_t n;
    while ((n = read_some(chunk, sizeof(chunk), err)) > 0) {
        rf_buf_add(out, chunk, (size_t)n);
        if (out->rc < 0)
            return rf_fail(err, RFE_TOO_LARGE, "standard input has more than %zu bytes", out->max);
    }
    return (int)n;
}

int regctl_pour_stdin(struct rf_sink *sink, struct rf_err *err)
{
    char chunk[65536];
    ssize_t n;
    while ((n = read_some(chunk, sizeof(chunk), err)) > 0) {
        int rc = rf_sink_write(sink, chunk, (size_t)n, err);
        if (rc < 0)
            return rc;
    }
    return (int)n;
}

json_t *regctl_pairs(const struct rf_list *list)
{
    json_t *pairs = json_object();
    for (size_t i = 0; i < list->n; i++) {
        const char *equals = strchr(list->items[i], '=');
        size_t n = equals != NULL ? (size_t)(equals - list->items[i]) : strlen(list->items[i]);
        RF_CLEANUP(rf_freep) char *key = rf_xstrndup(list->items[i], n);
        json_object_set_new(pairs, key, json_string(equals != NULL ? equals + 1 : ""));
    }
    return pairs;
}

int regctl_print_made(const struct regctl_target *t, const struct rf_manifest *m,
                      const char *format, bool by_digest, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_object_release) struct rf_manifest_object object = { 0 };
    if ((format == NULL || format[0] == '\0') && !by_digest)
        return 0;
    if (format == NULL || format[0] == '\0')
        format = "{{ printf \"%s\\n\" .Manifest.GetDescriptor.Digest }}";
    rf_manifest_object_init(&object, &(struct rf_manifest_facts){ .manifest = m, .ref = &t->ref });
    const struct rf_value v = rf_value_object(&rf_type_manifest_result, &object);
    return regctl_print(format, &v, NULL, err);
}
