/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/progress.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define REDRAW_MS 250
#define LINE_MS 5000
#define WINDOW_S 10.0 /* the rate forgets what is older, more or less */
#define RATE_AFTER_S 1.0

enum mode { SILENT, REDRAW, LINES };

struct rf_progress {
    enum mode mode;
    char *program;
    atomic_uint_fast64_t bytes, total, items, items_total;
    /* Guards all below and the drawing; taken after the lock of base/log.c, and no log line is written under it. */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool stop;
    char *what;
    uint64_t start_ms, seen_ms, seen_bytes;
    double rate;
    bool drawn;    /* a line of ours is on the terminal */
    bool line_out; /* a plain line was written in this phase */
};

/* ---- the text ---- */

double rf_progress_rate(double before, uint64_t bytes, double seconds)
{
    if (seconds <= 0)
        return before;
    double now = (double)bytes / seconds;
    if (before <= 0)
        return now;
    double weight = seconds / (seconds + WINDOW_S);
    return before * (1 - weight) + now * weight;
}

static void add_left(const struct rf_progress_state *s, struct rf_buf *out)
{
    char text[24];
    if (s->rate < 1 || s->total <= s->bytes || s->seconds < RATE_AFTER_S)
        return;
    double left = (double)(s->total - s->bytes) / s->rate;
    if (left < 100.0 * 3600)
        rf_buf_addf(out, ", %s left", rf_text_duration(left, text));
}

void rf_progress_text(const struct rf_progress_state *s, size_t width, struct rf_buf *out)
{
    char a[16], b[16];
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    rf_buf_addf(&text, "%s: %s", s->program, s->what);
    if (s->items_total > 0)
        rf_buf_addf(&text, " %llu/%llu", (unsigned long long)s->items,
                    (unsigned long long)s->items_total);
    if (s->total > 0) {
        /* More than was expected is not more than everything. */
        uint64_t total = s->total > s->bytes ? s->total : s->bytes;
        unsigned percent = (unsigned)((double)s->bytes * 100 / (double)total);
        rf_buf_addf(&text, " %s of %s (%u %%)", rf_text_size(s->bytes, a), rf_text_size(total, b),
                    percent);
    } else if (s->bytes > 0) {
        rf_buf_addf(&text, " %s", rf_text_size(s->bytes, a));
    }
    if (s->rate >= 1 && s->seconds >= RATE_AFTER_S)
        rf_buf_addf(&text, ", %s/s", rf_text_size((uint64_t)s->rate, a));
    add_left(s, &text);
    size_t n = rf_text_boundary(rf_buf_slice(&text), width);
    rf_buf_add(out, text.ptr, n);
}

/* ---- drawing (p->lock held) ---- */

static void write_all(const char *p, size_t n)
{
    while (n > 0) {
        ssize_t w = write(STDERR_FILENO, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return;
        p += w;
        n -= (size_t)w;
    }
}

static size_t columns(void)
{
    struct winsize ws;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) < 0 || ws.ws_col < 20)
        return 79;
    return (size_t)ws.ws_col - 1;
}

static void look(struct rf_progress *p, struct rf_progress_state *s)
{
    uint64_t now = rf_now_ms(), bytes = atomic_load(&p->bytes);
    /* Looks that follow too closely say nothing about the rate. */
    if (now - p->seen_ms >= REDRAW_MS / 2) {
        p->rate =
            rf_progress_rate(p->rate, bytes - p->seen_bytes, (double)(now - p->seen_ms) / 1000);
        p->seen_ms = now;
        p->seen_bytes = bytes;
    }
    *s = (struct rf_progress_state){ .program = p->program,
                                     .what = p->what,
                                     .bytes = bytes,
                                     .total = atomic_load(&p->total),
                                     .items = atomic_load(&p->items),
                                     .items_total = atomic_load(&p->items_total),
                                     .seconds = (double)(now - p->start_ms) / 1000,
                                     .rate = p->rate };
}

static void draw(struct rf_progress *p)
{
    struct rf_progress_state s;
    RF_CLEANUP(rf_buf_release) struct rf_buf line;
    rf_buf_init(&line, 0);
    look(p, &s);
    rf_buf_add_str(&line, p->mode == REDRAW ? "\r" : "");
    rf_progress_text(&s, p->mode == REDRAW ? columns() : 200, &line);
    /* Erase what an earlier, longer line left behind. */
    rf_buf_add_str(&line, p->mode == REDRAW ? "\033[K" : "\n");
    write_all(line.ptr, line.len);
    p->drawn = p->mode == REDRAW;
    p->line_out = p->line_out || p->mode == LINES;
}

static void clear(struct rf_progress *p)
{
    if (p->drawn)
        write_all("\r\033[K", 4);
    p->drawn = false;
}

/* Around a log line; the lock is held from the first to the second. */
static void before_log(void *arg)
{
    struct rf_progress *p = arg;
    (void)pthread_mutex_lock(&p->lock);
    clear(p);
}

static void after_log(void *arg)
{
    struct rf_progress *p = arg;
    (void)pthread_mutex_unlock(&p->lock);
}

static void *run(void *arg)
{
    struct rf_progress *p = arg;
    unsigned step = p->mode == REDRAW ? REDRAW_MS : LINE_MS;
    (void)pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += (time_t)((until.tv_nsec / 1000000 + step) / 1000);
        until.tv_nsec = (until.tv_nsec / 1000000 + step) % 1000 * 1000000;
        int rc = pthread_cond_timedwait(&p->wake, &p->lock, &until);
        if (rc == ETIMEDOUT && !p->stop)
            draw(p);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* ---- the object ---- */

static enum mode mode_of(const struct rf_net_options *o)
{
    const char *term = getenv("TERM");
    if (strcmp(o->progress, "none") == 0)
        return SILENT;
    if (strcmp(o->progress, "auto") == 0 && isatty(STDERR_FILENO) && term != NULL &&
        strcmp(term, "dumb") != 0 && !rf_net_log_json(o))
        return REDRAW;
    return rf_net_log_json(o) ? SILENT : LINES;
}

static void start_phase(struct rf_progress *p, const char *what, uint64_t total)
{
    free(p->what);
    p->what = rf_text_safe_dup(rf_slice_str(what), 300);
    atomic_store(&p->bytes, 0);
    atomic_store(&p->total, total);
    atomic_store(&p->items, 0);
    atomic_store(&p->items_total, 0);
    p->start_ms = p->seen_ms = rf_now_ms();
    p->seen_bytes = 0;
    p->rate = 0;
}

/* A phase that showed at least one line ends with its sum; the terminal's line just goes. */
static void end_phase(struct rf_progress *p)
{
    clear(p);
    if (p->line_out)
        draw(p);
    p->line_out = false;
}

struct rf_progress *rf_progress_new(const struct rf_net_options *o, const char *program,
                                    const char *what, uint64_t total)
{
    struct rf_progress *p = rf_xcalloc(1, sizeof(*p));
    p->mode = mode_of(o);
    p->program = rf_xstrdup(program);
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&p->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&p->lock, NULL);
    start_phase(p, what, total);
    if (p->mode == SILENT)
        return p;
    if (pthread_create(&p->thread, NULL, run, p) != 0) {
        p->mode = SILENT;
        return p;
    }
    if (p->mode == REDRAW)
        rf_log_set_hooks(before_log, after_log, p);
    return p;
}

void rf_progress_free(struct rf_progress *p)
{
    if (p == NULL)
        return;
    if (p->mode != SILENT) {
        if (p->mode == REDRAW)
            rf_log_set_hooks(NULL, NULL, NULL);
        (void)pthread_mutex_lock(&p->lock);
        p->stop = true;
        (void)pthread_cond_signal(&p->wake);
        (void)pthread_mutex_unlock(&p->lock);
        (void)pthread_join(p->thread, NULL);
        end_phase(p);
    }
    (void)pthread_cond_destroy(&p->wake);
    (void)pthread_mutex_destroy(&p->lock);
    free(p->what);
    free(p->program);
    free(p);
}

void rf_progress_freep(struct rf_progress **p)
{
    rf_progress_free(*p);
    *p = NULL;
}

void rf_progress_bytes(void *progress, uint64_t bytes)
{
    struct rf_progress *p = progress;
    if (p != NULL)
        atomic_fetch_add_explicit(&p->bytes, bytes, memory_order_relaxed);
}

void rf_progress_add_total(struct rf_progress *p, uint64_t bytes)
{
    atomic_fetch_add_explicit(&p->total, bytes, memory_order_relaxed);
}

void rf_progress_items(struct rf_progress *p, uint64_t done, uint64_t total)
{
    atomic_store_explicit(&p->items, done, memory_order_relaxed);
    atomic_store_explicit(&p->items_total, total, memory_order_relaxed);
}

void rf_progress_phase(struct rf_progress *p, const char *what, uint64_t total)
{
    (void)pthread_mutex_lock(&p->lock);
    if (p->mode != SILENT)
        end_phase(p);
    start_phase(p, what, total);
    (void)pthread_mutex_unlock(&p->lock);
}
