/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/prompt.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"

#define LOOK_MS 200       /* how often a wait looks whether it should stop */
#define TTY_LINE_MAX 4095 /* a terminal throws away what is more in one line */

static void release_wiped(struct rf_buf *b)
{
    rf_wipe(b->ptr, b->len);
    rf_buf_release(b);
}

/* Room for all of it at once: a growing buffer would leave copies behind. */
static void reserve(struct rf_buf *b)
{
    static const char zeros[1024];
    rf_buf_init(b, RF_PROMPT_MAX);
    while (b->len < RF_PROMPT_MAX)
        rf_buf_add(b, zeros, sizeof(zeros));
    rf_buf_clear(b);
}

/* One byte: more than the line must not be taken from a pipe that another reads on. 0 at the end. */
static int read_byte(char *c, struct rf_err *err)
{
    struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
    for (;;) {
        int rc = rf_cancel_check(err);
        if (rc < 0)
            return rc;
        if (poll(&in, 1, LOOK_MS) <= 0)
            continue;
        ssize_t n = read(STDIN_FILENO, c, 1);
        if (n >= 0)
            return (int)n;
        if (errno != EINTR && errno != EAGAIN)
            return rf_fail_errno(err, errno, "reading standard input");
    }
}

/* `end` -1: to the end of the input. */
static int read_until(int end, struct rf_buf *line, struct rf_err *err)
{
    char c = '\0';
    int rc;
    while ((rc = read_byte(&c, err)) > 0 && c != end) {
        rf_buf_add_char(line, c);
        if (line->rc < 0)
            return rf_fail(err, RFE_TOO_LARGE, "standard input has more than %u bytes",
                           RF_PROMPT_MAX);
    }
    return rc < 0 ? rc : 0;
}

static int finish(struct rf_buf *line, char **out, struct rf_err *err)
{
    if (memchr(line->ptr, '\0', line->len) != NULL)
        return rf_fail(err, RFE_INVALID, "standard input holds a NUL byte");
    *out = rf_xstrndup(line->ptr, line->len);
    return 0;
}

/* Takes bytes of `set` off the end. */
static void trim(struct rf_buf *line, const char *set)
{
    while (line->len > 0 && line->ptr[line->len - 1] != '\0' &&
           strchr(set, line->ptr[line->len - 1]) != NULL)
        line->ptr[--line->len] = '\0';
}

static void ask(const char *question)
{
    (void)fputs(question, stdout);
    (void)fflush(stdout);
}

int rf_prompt_line(const char *question, char **out, struct rf_err *err)
{
    RF_CLEANUP(release_wiped) struct rf_buf line;
    reserve(&line);
    ask(question);
    int rc = read_until('\n', &line, err);
    if (rc < 0)
        return rc;
    trim(&line, " \t\r");
    return finish(&line, out, err);
}

/* One line with echo off; the terminal is as it was afterwards, whatever happened. */
static int read_hidden(const char *question, const struct termios *before, struct rf_buf *line,
                       struct rf_err *err)
{
    struct termios quiet = *before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    quiet.c_lflag |= ICANON | ISIG;
    /* Before the question: who answers at once must not be shown. What was typed ahead counts. */
    if (tcsetattr(STDIN_FILENO, TCSANOW, &quiet) < 0)
        return rf_fail_errno(err, errno, "switching the terminal's echo off");
    ask(question);
    int rc = read_until('\n', line, err);
    /* Half a secret is not for the shell that reads next. */
    if (rc < 0)
        (void)tcflush(STDIN_FILENO, TCIFLUSH);
    (void)tcsetattr(STDIN_FILENO, TCSANOW, before);
    ask("\n");
    return rc;
}

int rf_prompt_secret(const char *question, char **out, struct rf_err *err)
{
    struct termios before;
    RF_CLEANUP(release_wiped) struct rf_buf line;
    reserve(&line);
    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return rf_fail(err, RFE_USAGE, "standard input is no terminal, nothing can be asked for");
    int rc = read_hidden(question, &before, &line, err);
    if (rc < 0)
        return rc;
    if (line.len >= TTY_LINE_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "a terminal takes no more than %d bytes in a line",
                       TTY_LINE_MAX);
    trim(&line, "\r");
    return finish(&line, out, err);
}

int rf_prompt_read_secret(char **out, struct rf_err *err)
{
    RF_CLEANUP(release_wiped) struct rf_buf text;
    reserve(&text);
    int rc = read_until(-1, &text, err);
    if (rc < 0)
        return rc;
    trim(&text, "\r\n");
    return finish(&text, out, err);
}
