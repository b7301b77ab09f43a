/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/progress.h"

#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "tests/tools/helper_program.h"

static const struct {
    struct rf_progress_state s;
    size_t width;
    const char *want;
} rows[] = {
    { { .program = "p", .what = "fetching" }, 80, "p: fetching" },
    { { .program = "p", .what = "fetching", .bytes = 1500000, .seconds = 0.5, .rate = 3e6 },
      80,
      "p: fetching 1.5 MB" },
    { { .program = "p", .what = "fetching", .bytes = 1500000, .seconds = 2, .rate = 3e6 },
      80,
      "p: fetching 1.5 MB, 3.0 MB/s" },
    { { .program = "p", .what = "x", .bytes = 250, .total = 1000, .seconds = 5, .rate = 50 },
      80,
      "p: x 250 B of 1.0 kB (25 %), 50 B/s, 15 s left" },
    { { .program = "p", .what = "x", .bytes = 0, .total = 1000, .seconds = 5 },
      80,
      "p: x 0 B of 1.0 kB (0 %)" },
    { { .program = "p", .what = "x", .bytes = 999, .total = 1000, .seconds = 5 },
      80,
      "p: x 999 B of 1.0 kB (99 %)" },
    { { .program = "p", .what = "x", .bytes = 1000, .total = 1000, .seconds = 5, .rate = 10 },
      80,
      "p: x 1.0 kB of 1.0 kB (100 %), 10 B/s" },
    { { .program = "p", .what = "x", .bytes = 2000, .total = 1000, .seconds = 5, .rate = 10 },
      80,
      "p: x 2.0 kB of 2.0 kB (100 %), 10 B/s" },
    { { .program = "p", .what = "x", .items = 3, .items_total = 40, .bytes = 5, .seconds = 5 },
      80,
      "p: x 3/40 5 B" },
    { { .program = "p", .what = "fetching", .bytes = 1500000 }, 8, "p: fetch" },
    { { .program = "p", .what = "f\xC3\xA9tch" }, 5, "p: f" },
    /* Longer than anybody waits is not said. */
    { { .program = "p", .what = "x", .bytes = 1, .total = UINT64_MAX, .seconds = 5, .rate = 10 },
      80,
      "p: x 1 B of 18.4 EB (0 %), 10 B/s" },
};

START_TEST(text)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_progress_text(&rows[_i].s, rows[_i].width, &b);
    ck_assert_str_eq(b.ptr, rows[_i].want);
}
END_TEST

START_TEST(rate)
{
    double r = rf_progress_rate(0, 1000, 1);
    ck_assert_double_eq_tol(r, 1000, 1);
    /* A pause pulls it down slowly, a minute of it forgets nearly all. */
    double after = rf_progress_rate(r, 0, 0.25);
    ck_assert(after < r && after > 0.9 * r);
    for (int i = 0; i < 240; i++)
        after = rf_progress_rate(after, 0, 0.25);
    ck_assert(after < 0.05 * r);
    ck_assert_double_eq_tol(rf_progress_rate(5, 1000, 0), 5, 0.001);
    /* It finds a new level. */
    for (int i = 0; i < 400; i++)
        after = rf_progress_rate(after, 500, 0.25);
    ck_assert_double_eq_tol(after, 2000, 20);
}
END_TEST

static const struct rf_net_options automatic = { .progress = "auto",
                                                 .output = "text",
                                                 .verbosity = "WARN" };

/* Sends stderr to `fd`. */
static int redirect(int fd)
{
    int saved = dup(2);
    ck_assert_int_ge(dup2(fd, 2), 0);
    return saved;
}

static void restore(int saved)
{
    ck_assert_int_ge(dup2(saved, 2), 0);
    (void)close(saved);
}

/* Takes what can be read from `fd` now. */
static void take(int fd, struct rf_buf *b)
{
    char chunk[4096];
    for (ssize_t n; (n = read(fd, chunk, sizeof(chunk))) > 0;)
        rf_buf_add(b, chunk, (size_t)n);
}

/* The same until `words` are in it, or for a long time in vain. */
static void take_until(int fd, struct rf_buf *b, const char *words)
{
    for (int i = 0; i < 2000; i++) {
        take(fd, b);
        if (b->len > 0 && strstr(b->ptr, words) != NULL)
            return;
        (void)usleep(10000);
    }
}

static char *contents(int fd)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    take(fd, &b);
    return keep(rf_buf_take(&b, NULL));
}

static void *add_many(void *p)
{
    for (int i = 0; i < 10000; i++)
        rf_progress_bytes(p, 1);
    return NULL;
}

/* A pseudo terminal: `outer` reads what `inner` shows. */
static void open_terminal(int *outer, int *inner)
{
    *outer = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    ck_assert_int_ge(*outer, 0);
    ck_assert_int_eq(grantpt(*outer), 0);
    ck_assert_int_eq(unlockpt(*outer), 0);
    char name[64];
    ck_assert_int_eq(ptsname_r(*outer, name, sizeof(name)), 0);
    *inner = open(name, O_RDWR | O_NOCTTY);
    ck_assert_int_ge(*inner, 0);
}

START_TEST(on_a_terminal)
{
    int outer, inner;
    (void)setenv("TERM", "xterm", 1);
    open_terminal(&outer, &inner);
    int saved = redirect(inner);
    static const char all[] = "\rsample: fetching 40.0 kB of 40.0 kB (100 %)";
    struct rf_buf b;
    rf_buf_init(&b, 0);
    uint64_t start = rf_now_ms();
    struct rf_progress *p = rf_progress_new(&automatic, "sample", "fetching", 40000);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, add_many, p), 0);
    for (int i = 0; i < 4; i++)
        (void)pthread_join(threads[i], NULL);
    take_until(outer, &b, all);
    rf_log(RF_LOG_WARN, "something", NULL);
    rf_progress_free(p);
    uint64_t took = rf_now_ms() - start;
    restore(saved);
    take(outer, &b);
    char *seen = keep(rf_buf_take(&b, NULL));
    ck_assert_msg(strstr(seen, all) != NULL, "%s", seen);
    /* The log line starts in a cleared line, and nothing is left at the end. */
    char *line = strstr(seen, "\r\033[Ktime=");
    ck_assert_msg(line != NULL, "%s", seen);
    size_t len = strlen(seen);
    ck_assert(len > 4 && (strcmp(seen + len - 4, "\r\033[K") == 0 || seen[len - 1] == '\n'));
    /* At most four redrawings a second. */
    size_t n = 0;
    for (const char *at = seen; (at = strstr(at, "\rsample:")) != NULL; at++)
        n++;
    ck_assert_msg(n >= 1 && n <= took / 250 + 2, "%zu in %llu ms", n, (unsigned long long)took);
}
END_TEST

START_TEST(without_a_terminal)
{
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    int saved = redirect(ends[1]);
    struct rf_progress *p = rf_progress_new(&automatic, "sample", "fetching", 100);
    struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_progress_bytes(p, 50);
    take_until(ends[0], &b, "\n"); /* every five seconds */
    rf_progress_bytes(p, 50);
    rf_progress_phase(p, "tag\n\033[1mging", 0);
    rf_progress_free(p);
    restore(saved);
    take(ends[0], &b);
    char *seen = keep(rf_buf_take(&b, NULL));
    ck_assert_msg(strncmp(seen, "sample: fetching 50 B of 100 B (50 %)", 37) == 0, "%s", seen);
    ck_assert_msg(strstr(seen, "\nsample: fetching 100 B of 100 B (100 %)") != NULL, "%s", seen);
    ck_assert_ptr_null(strchr(seen, '\033'));
    ck_assert_ptr_null(strchr(seen, '\r'));
    /* A phase too short for a line leaves none. */
    ck_assert_ptr_null(strstr(seen, "tag"));
}
END_TEST

START_TEST(silent)
{
    int ends[2];
    char json[] = "json", *list[] = { json };
    struct rf_net_options none = automatic, lines = automatic;
    none.progress = "none";
    lines.logopt = (struct rf_list){ .items = list, .n = 1 };
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    int saved = redirect(ends[1]);
    struct rf_progress *p = rf_progress_new(&none, "sample", "fetching", 100);
    rf_progress_bytes(p, 50);
    rf_progress_phase(p, "more", 7);
    rf_progress_free(p);
    p = rf_progress_new(&lines, "sample", "fetching", 100);
    rf_progress_free(p);
    rf_progress_bytes(NULL, 5);
    rf_progress_free(NULL);
    restore(saved);
    ck_assert_str_eq(contents(ends[0]), "");
}
END_TEST

Suite *rf_progress_suite(void);
Suite *rf_progress_suite(void)
{
    Suite *s = suite_create("progress");
    TCase *t = tcase_create("progress");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, text, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_test(t, rate);
    tcase_add_test(t, on_a_terminal);
    tcase_add_test(t, without_a_terminal);
    tcase_add_test(t, silent);
    suite_add_tcase(s, t);
    return s;
}
