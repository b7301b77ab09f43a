/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/result.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/stream.h"

static struct {
    struct rf_sink *sink;
    struct rf_err err; /* the first failure; code 0: none */
} result;

static ssize_t put(void *cookie, const char *bytes, size_t n)
{
    struct rf_err err = RF_ERR_INIT;
    (void)cookie;
    if (result.err.code == 0 && rf_sink_write(result.sink, bytes, n, &err) == 0)
        return (ssize_t)n;
    if (result.err.code == 0)
        result.err = err;
    errno = EIO;
    return 0; /* how such a stream is told of a failure */
}

/* What was written may be refused only now, as by a file system of the network. */
static int end(void *cookie)
{
    (void)cookie;
    if (close(STDOUT_FILENO) < 0 && result.err.code == 0)
        (void)rf_fail_errno(&result.err, errno, "the result could not be written to stdout");
    return 0;
}

void rf_result_open(void)
{
    static const cookie_io_functions_t calls = { .write = put, .close = end };
    FILE *out = fopencookie(NULL, "w", calls);
    RF_CHECK(out != NULL);
    result.sink = rf_sink_fd(STDOUT_FILENO);
    if (isatty(STDOUT_FILENO) != 0)
        (void)setvbuf(out, NULL, _IOLBF, 0);
    stdout = out;
}

int rf_result_close(const char *name)
{
    (void)fclose(stdout);
    rf_sink_freep(&result.sink);
    if (result.err.code == 0)
        return 0;
    if (result.err.code != EPIPE)
        (void)fprintf(stderr, "%s: %s\n", name, result.err.msg);
    return rf_error_exit_status(-result.err.code);
}
