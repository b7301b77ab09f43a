/* SPDX-License-Identifier: Apache-2.0 */
/* A child asks, on a terminal of its own or on a pipe; the test answers, and looks at what the terminal shows. */
#include "tools/common/prompt.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "tests/tools/helper_program.h"

#define WAIT_MS 10000

enum what { LINE, SECRET, ALL };

struct child {
    pid_t pid;
    int tty;   /* the master's end, -1 without a terminal */
    int in;    /* the writing end of its standard input, where that is a pipe */
    int slave; /* kept open, so that the terminal outlives the child */
    struct termios before;
    int got; /* what it read comes here */
    struct rf_buf shown;
};

static _Noreturn void be_child(enum what what, const char *slave, int in, int got)
{
    char *text = NULL;
    struct rf_err err = RF_ERR_INIT;
    if (slave != NULL) {
        (void)setsid();
        in = open(slave, O_RDWR);
        (void)ioctl(in, TIOCSCTTY, 0);
        (void)dup2(in, 1);
    } else {
        (void)dup2(open("/dev/null", O_WRONLY), 1);
    }
    (void)dup2(in, 0);
    rf_cancel_on_signals();
    int rc = what == LINE     ? rf_prompt_line("Name: ", &text, &err)
             : what == SECRET ? rf_prompt_secret("Secret: ", &text, &err)
                              : rf_prompt_read_secret(&text, &err);
    RF_CLEANUP(rf_freep) char *said = rf_xasprintf("%d|%s", rc, rc == 0 ? text : err.msg);
    ssize_t n = write(got, said, strlen(said));
    rf_wipe_freep(&text);
    _exit(n > 0 ? 0 : 1);
}

static void start(struct child *c, enum what what, bool terminal)
{
    int got[2], in[2] = { -1, -1 };
    *c = (struct child){ .tty = -1, .in = -1, .slave = -1 };
    rf_buf_init(&c->shown, 0);
    ck_assert_int_eq(pipe2(got, O_CLOEXEC), 0);
    if (terminal) {
        c->tty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        ck_assert_int_ge(c->tty, 0);
        ck_assert_int_eq(grantpt(c->tty), 0);
        ck_assert_int_eq(unlockpt(c->tty), 0);
        c->slave = open(ptsname(c->tty), O_RDWR | O_NOCTTY | O_CLOEXEC);
        ck_assert_int_ge(c->slave, 0);
        ck_assert_int_eq(tcgetattr(c->slave, &c->before), 0);
    } else {
        ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
    }
    c->pid = fork();
    ck_assert_int_ge(c->pid, 0);
    if (c->pid == 0) {
        if (in[1] >= 0)
            (void)close(in[1]);
        be_child(what, terminal ? ptsname(c->tty) : NULL, in[0], got[1]);
    }
    (void)close(got[1]);
    if (in[0] >= 0)
        (void)close(in[0]);
    c->got = got[0];
    c->in = in[1];
}

/* Takes what comes from `fd`, at most until `text` is in it (NULL: to the end). */
static void take(int fd, struct rf_buf *out, const char *text)
{
    char chunk[4096];
    while (text == NULL || strstr(out->ptr, text) == NULL) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        ck_assert_msg(poll(&p, 1, WAIT_MS) == 1, "nothing comes; so far: %s", out->ptr);
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n <= 0)
            return;
        rf_buf_add(out, chunk, (size_t)n);
    }
}

static void type(const struct child *c, const char *text)
{
    int fd = c->tty >= 0 ? c->tty : c->in;
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Waits for the child: what it read, as "RC|TEXT". */
static char *finish(struct child *c)
{
    int status;
    struct rf_buf said;
    rf_buf_init(&said, 0);
    if (c->in >= 0)
        (void)close(c->in);
    take(c->got, &said, NULL);
    ck_assert_int_eq(waitpid(c->pid, &status, 0), c->pid);
    ck_assert_int_eq(status, 0);
    (void)close(c->got);
    return keep(rf_buf_take(&said, NULL));
}

static bool echoes(const struct child *c)
{
    struct termios t;
    ck_assert_int_eq(tcgetattr(c->slave, &t), 0);
    return (t.c_lflag & ECHO) != 0;
}

static void leave(struct child *c)
{
    rf_buf_release(&c->shown);
    (void)close(c->tty);
    (void)close(c->slave);
}

START_TEST(a_secret_is_not_shown)
{
    struct child c;
    start(&c, SECRET, true);
    struct termios after;
    take(c.tty, &c.shown, "Secret: ");
    ck_assert(!echoes(&c)); /* from the question on, not some time after it */
    type(&c, " s3cret! \n");
    const char *got = finish(&c);
    ck_assert_str_eq(got, "0| s3cret! "); /* blanks may belong to it */
    take(c.tty, &c.shown, "\n");
    ck_assert_str_eq(c.shown.ptr, "Secret: \r\n");
    ck_assert_int_eq(tcgetattr(c.slave, &after), 0);
    ck_assert(echoes(&c) && after.c_lflag == c.before.c_lflag);
    leave(&c);
}
END_TEST

START_TEST(a_line_is_shown)
{
    struct child c;
    start(&c, LINE, true);
    take(c.tty, &c.shown, "Name: ");
    type(&c, "me \t\n");
    ck_assert_str_eq(finish(&c), "0|me");
    take(c.tty, &c.shown, "\n");
    ck_assert_ptr_nonnull(strstr(c.shown.ptr, "Name: me"));
    leave(&c);
}
END_TEST

/* Ctrl-C and a signal from elsewhere: the terminal echoes again. */
static const int signals[] = { SIGINT, SIGTERM, 0 };

START_TEST(interrupted)
{
    struct child c;
    start(&c, SECRET, true);
    take(c.tty, &c.shown, "Secret: ");
    if (signals[_i] != 0)
        ck_assert_int_eq(kill(c.pid, signals[_i]), 0);
    else
        type(&c, "half\003");
    const char *got = finish(&c);
    RF_CLEANUP(rf_freep)
    char *want =
        rf_xasprintf("%d|interrupted", signals[_i] == SIGTERM ? -RFE_TERMINATED : -RFE_CANCELLED);
    ck_assert_str_eq(got, want);
    ck_assert(echoes(&c));
    take(c.tty, &c.shown, "\n");
    ck_assert_ptr_null(strstr(c.shown.ptr, "half"));
    leave(&c);
}
END_TEST

START_TEST(typed_ahead)
{
    struct child c;
    start(&c, SECRET, true);
    /* Before or after the question, as it happens: it counts. */
    type(&c, "early\n");
    ck_assert_str_eq(finish(&c), "0|early");
    leave(&c);
}
END_TEST

START_TEST(the_end_of_a_terminal)
{
    struct child c;
    start(&c, SECRET, true);
    take(c.tty, &c.shown, "Secret: ");
    type(&c, "\004");
    ck_assert_str_eq(finish(&c), "0|");
    ck_assert(echoes(&c));
    leave(&c);
}
END_TEST

START_TEST(a_line_that_a_terminal_cuts)
{
    struct child c;
    char part[1001];
    memset(part, 'x', sizeof(part) - 1);
    part[sizeof(part) - 1] = '\0';
    start(&c, SECRET, true);
    take(c.tty, &c.shown, "Secret: ");
    for (int i = 0; i < 5; i++)
        type(&c, part);
    type(&c, "\n");
    RF_CLEANUP(rf_freep)
    char *want =
        rf_xasprintf("%d|a terminal takes no more than 4095 bytes in a line", -RFE_TOO_LARGE);
    ck_assert_str_eq(finish(&c), want);
    leave(&c);
}
END_TEST

START_TEST(no_terminal)
{
    struct child c;
    start(&c, SECRET, false);
    RF_CLEANUP(rf_freep)
    char *want =
        rf_xasprintf("%d|standard input is no terminal, nothing can be asked for", -RFE_USAGE);
    ck_assert_str_eq(finish(&c), want);
    leave(&c);
}
END_TEST

static const struct {
    enum what what;
    const char *typed, *want;
} pipes[] = {
    { LINE, "me\r\nmore\n", "0|me" },
    { LINE, "", "0|" },
    { LINE, "me", "0|me" },
    { ALL, "secret\n", "0|secret" },
    { ALL, "secret\r\n\n", "0|secret" },
    { ALL, "two\nlines", "0|two\nlines" },
    { ALL, " blanks \n", "0| blanks " },
    { ALL, "", "0|" },
    { ALL, "\n", "0|" },
};

START_TEST(from_a_pipe)
{
    struct child c;
    start(&c, pipes[_i].what, false);
    type(&c, pipes[_i].typed);
    ck_assert_str_eq(finish(&c), pipes[_i].want);
    leave(&c);
}
END_TEST

START_TEST(hostile_input)
{
    struct child c;
    char *much = rf_xmalloc(RF_PROMPT_MAX + 2);
    memset(much, 'x', RF_PROMPT_MAX + 1);
    much[RF_PROMPT_MAX + 1] = '\0';
    RF_CLEANUP(rf_freep)
    char *large = rf_xasprintf("%d|standard input has more than 65536 bytes", -RFE_TOO_LARGE),
         *nul = rf_xasprintf("%d|standard input holds a NUL byte", -RFE_INVALID);
    (void)signal(SIGPIPE, SIG_IGN);
    start(&c, ALL, false);
    (void)!write(c.in, much, RF_PROMPT_MAX + 1);
    ck_assert_str_eq(finish(&c), large);
    leave(&c);
    start(&c, ALL, false);
    ck_assert_int_eq(write(c.in, "a\0b\n", 4), 4);
    ck_assert_str_eq(finish(&c), nul);
    leave(&c);
    start(&c, LINE, false);
    ck_assert_int_eq(write(c.in, "a\0b\n", 4), 4);
    ck_assert_str_eq(finish(&c), nul);
    leave(&c);
    free(much);
}
END_TEST

/* What stands behind the line is for whoever reads next. */
START_TEST(no_more_than_the_line)
{
    int in[2];
    char rest[16] = "";
    char *text = NULL;
    ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
    ck_assert_int_eq(write(in[1], "one\ntwo\n", 8), 8);
    ck_assert_int_eq(dup2(in[0], 0), 0);
    ck_assert_int_eq(rf_prompt_line("", &text, NULL), 0);
    ck_assert_str_eq(text, "one");
    ck_assert_int_eq(read(0, rest, sizeof(rest) - 1), 4);
    ck_assert_str_eq(rest, "two\n");
    free(text);
    (void)close(in[0]);
    (void)close(in[1]);
}
END_TEST

Suite *rf_prompt_suite(void);
Suite *rf_prompt_suite(void)
{
    Suite *s = suite_create("prompt");
    TCase *t = tcase_create("prompt");
    tcase_add_test(t, a_secret_is_not_shown);
    tcase_add_test(t, a_line_is_shown);
    tcase_add_loop_test(t, interrupted, 0, (int)RF_ARRAY_LEN(signals));
    tcase_add_test(t, typed_ahead);
    tcase_add_test(t, the_end_of_a_terminal);
    tcase_add_test(t, a_line_that_a_terminal_cuts);
    tcase_add_test(t, no_terminal);
    tcase_add_loop_test(t, from_a_pipe, 0, (int)RF_ARRAY_LEN(pipes));
    tcase_add_test(t, hostile_input);
    tcase_add_test(t, no_more_than_the_line);
    suite_add_tcase(s, t);
    return s;
}
