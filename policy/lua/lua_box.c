/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/lua/lua_box.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "policy/lua/lua_box_private.h"
#include "policy/lua/lua_child_private.h"
#include "policy/lua/lua_wire.h"

/* The child stops itself at the deadline, with a better message; this much later it is killed. */
#define GRACE_NS (INT64_C(250) * 1000000)
#define START_NS (INT64_C(30) * 1000000000)
#define POLL_MS 50
#define READ_CHUNK 65536
#define TRACE_MAX 65536

/* One exchange: what was asked for, until its answer. */
struct exchange {
    int64_t deadline_ns, kill_ns; /* 0: none */
    int64_t cpu_end_ns;
    json_t *answer; /* "done", "failed" or "ready" */
};

static int64_t now_ns(void)
{
    struct timespec t = { 0, 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t child_cpu_ns(const struct rf_lua_box *box)
{
    clockid_t clock;
    struct timespec t = { 0, 0 };
    if (clock_getcpuclockid(box->pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
        return 0;
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- the end of the child ---- */

static void end_child(struct rf_lua_box *box)
{
    rf_closep(&box->fd);
    if (box->pid > 0) {
        /* It leads a group of its own: with all libraries it may have started programs. */
        (void)kill(-box->pid, SIGKILL);
        (void)kill(box->pid, SIGKILL);
        while (waitpid(box->pid, &box->wait_status, 0) < 0 && errno == EINTR)
            continue;
        box->pid = 0;
    }
}

/* It closed its end by itself: why? */
static int child_ended(struct rf_lua_box *box, struct rf_err *err)
{
    int status = 0;
    rf_closep(&box->fd);
    /* It is a zombie already, or a moment away from it. */
    for (int i = 0; i < 100 && box->pid > 0; i++) {
        pid_t got = waitpid(box->pid, &status, WNOHANG);
        if (got == box->pid || (got < 0 && errno == ECHILD))
            box->pid = 0;
        else
            (void)poll(NULL, 0, 10);
    }
    end_child(box);
    if (WIFEXITED(status) && (WEXITSTATUS(status) == 72 || WEXITSTATUS(status) == 70))
        return rf_fail(err, RFE_TOO_LARGE, "%s: the script's process ran out of memory", box->name);
    if (WIFSIGNALED(status))
        return rf_fail(err, RFE_FAILED, "%s: the script's process was ended by signal %d (%s)",
                       box->name, WTERMSIG(status),
                       sigabbrev_np(WTERMSIG(status)) != NULL ? sigabbrev_np(WTERMSIG(status))
                                                              : "unknown");
    return rf_fail(err, RFE_FAILED, "%s: the script's process ended with status %d", box->name,
                   WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

/* What comes is not what our own child sends: whatever it is, it is not talked to any longer. */
static int broken(struct rf_lua_box *box, const char *what, struct rf_err *err)
{
    end_child(box);
    return rf_fail(err, RFE_FAILED, "%s: the script's process broke the protocol: %s", box->name,
                   what);
}

/* ---- bytes ---- */

static int send_object(struct rf_lua_box *box, json_t *object, struct rf_err *err)
{
    int rc = object != NULL ? rf_lua_frame_add(&box->out, object, err)
                            : rf_fail(err, RFE_INVALID, "a value that cannot be passed on");
    json_decref(object);
    return rc;
}

static int flush(struct rf_lua_box *box, struct rf_err *err)
{
    ssize_t n = send(box->fd, box->out.ptr + box->sent, box->out.len - box->sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n < 0)
        return child_ended(box, err);
    box->sent += (size_t)n;
    if (box->sent == box->out.len) {
        box->sent = 0;
        if (box->out.cap > (1u << 20))
            rf_buf_release(&box->out);
        rf_buf_clear(&box->out);
    }
    return 0;
}

static int fill(struct rf_lua_box *box, struct rf_err *err)
{
    char chunk[READ_CHUNK];
    ssize_t n = recv(box->fd, chunk, sizeof(chunk), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0)
        return child_ended(box, err);
    rf_buf_add(&box->in, chunk, (size_t)n);
    return box->in.rc < 0 ? broken(box, "too much at once", err) : 0;
}

/* Takes a frame out of what came: 1, or 0 when there is none yet. */
static int take_frame(struct rf_lua_box *box, json_t **out, struct rf_err *err)
{
    size_t used = 0;
    struct rf_err why = RF_ERR_INIT;
    struct rf_slice rest = rf_slice_of(box->in.ptr + box->taken, box->in.len - box->taken);
    int rc = rf_lua_frame_take(rest, &used, out, &why);
    if (rc < 0)
        return broken(box, why.msg, err);
    box->taken += used;
    /* What is taken is moved out of the way once that is worth it. */
    if (box->taken == box->in.len) {
        box->taken = 0;
        if (box->in.cap > (1u << 20))
            rf_buf_release(&box->in);
        rf_buf_clear(&box->in);
    } else if (rc == 0 && box->taken > 0) {
        memmove(box->in.ptr, box->in.ptr + box->taken, box->in.len - box->taken);
        box->in.len -= box->taken;
        box->taken = 0;
    }
    return rc;
}

/* ---- what scripts ask for ---- */

static int reply_value(struct rf_lua_box *box, json_t *value, struct rf_err *err)
{
    struct rf_err why = RF_ERR_INIT;
    int rc = send_object(
        box, json_pack("{s:s, s:o}", "do", "reply", "value", value != NULL ? value : json_null()),
        &why);
    if (rc == -RFE_TOO_LARGE || rc == -RFE_INVALID)
        rc = send_object(box,
                         json_pack("{s:s, s:o}", "do", "reply", "error",
                                   rf_lua_wire_string(rf_slice_str(why.msg))),
                         err);
    return rc;
}

static int reply_error(struct rf_lua_box *box, const char *text, struct rf_err *err)
{
    return send_object(
        box,
        json_pack("{s:s, s:o}", "do", "reply", "error", rf_lua_wire_string(rf_slice_str(text))),
        err);
}

static int answer_call(struct rf_lua_box *box, struct exchange *x, const char *where,
                       const json_t *message, struct rf_err *err)
{
    const char *function = json_string_value(json_object_get(message, "function"));
    const json_t *args = json_object_get(message, "args");
    struct rf_err why = RF_ERR_INIT;
    json_t *result = NULL;
    if (function == NULL || !json_is_array(args))
        return broken(box, "a call without function or arguments", err);
    if (x->deadline_ns > 0 && now_ns() >= x->deadline_ns)
        return reply_error(box, "Context error: context deadline exceeded", err);
    if (box->host == NULL)
        return reply_error(box, "there are no functions outside of the script", err);
    int rc = box->host->call(box->host->user, where, function, args, &result, &why);
    /* The clock went on, but what the host does is not the script's delay in stopping. */
    if (x->kill_ns > 0 && now_ns() + GRACE_NS > x->kill_ns)
        x->kill_ns = now_ns() + GRACE_NS;
    if (rc < 0) {
        int stop = rf_cancel_check(err);
        return stop < 0 ? stop : reply_error(box, why.msg, err);
    }
    return reply_value(box, result, err);
}

static int answer_require(struct rf_lua_box *box, const json_t *message, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf room;
    struct rf_slice bytes;
    struct rf_err why = RF_ERR_INIT;
    json_t *result = NULL;
    rf_buf_init(&room, RF_LUA_FRAME_MAX);
    const json_t *first = json_array_get(json_object_get(message, "args"), 0);
    if (!rf_lua_wire_text(first, &room, &bytes))
        return broken(box, "require without a name", err);
    /* Of bytes that are no text JSON has another spelling; no module has such a name. */
    const char *name = json_is_string(first) ? bytes.ptr : NULL;
    if (name == NULL)
        return reply_error(box, "not the name of a module: it is no UTF-8", err);
    int rc = rf_lua_box_module(box, name, &result, &why);
    return rc < 0 ? reply_error(box, why.msg, err) : reply_value(box, result, err);
}

static int take_text(struct rf_lua_box *box, const char *say, const char *where,
                     const json_t *message, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf room;
    struct rf_slice text;
    rf_buf_init(&room, RF_LUA_FRAME_MAX);
    const json_t *first = json_array_get(json_object_get(message, "args"), 0);
    if (!rf_lua_wire_text(first, &room, &text))
        return broken(box, "a line without text", err);
    if (box->host == NULL)
        return 0;
    if (strcmp(say, "print") == 0 && box->host->print != NULL)
        box->host->print(box->host->user, text);
    if (strcmp(say, "log") == 0 && box->host->log != NULL)
        box->host->log(box->host->user, where, text);
    return 0;
}

static int take_tell(struct rf_lua_box *box, const json_t *message, struct rf_err *err)
{
    const char *function = json_string_value(json_object_get(message, "function"));
    const json_t *args = json_object_get(message, "args");
    if (function == NULL || !json_is_array(args))
        return broken(box, "a notice without function or arguments", err);
    if (box->host != NULL && box->host->tell != NULL)
        box->host->tell(box->host->user, function, args);
    return 0;
}

/* Takes over the message. */
static int dispatch(struct rf_lua_box *box, struct exchange *x, json_t *owned, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *message = owned;
    char where[200];
    const char *say = json_string_value(json_object_get(message, "say"));
    const char *place = json_string_value(json_object_get(message, "where"));
    if (say == NULL)
        return broken(box, "a message of no kind", err);
    (void)rf_text_safe_fixed(where, sizeof(where), rf_slice_str(place));
    if (strcmp(say, "done") == 0 || strcmp(say, "failed") == 0 || strcmp(say, "ready") == 0) {
        x->answer = RF_STEAL(message);
        return 0;
    }
    if (strcmp(say, "print") == 0 || strcmp(say, "log") == 0)
        return take_text(box, say, where, message, err);
    if (strcmp(say, "tell") == 0)
        return take_tell(box, message, err);
    /* Who has not taken the last reply has nothing to ask. */
    if (box->out.len > 0)
        return broken(box, "a call within a call", err);
    if (strcmp(say, "call") == 0)
        return answer_call(box, x, where, message, err);
    if (strcmp(say, "require") == 0)
        return answer_require(box, message, err);
    return broken(box, "a message of an unknown kind", err);
}

/* ---- exchanges ---- */

static int out_of_time(struct rf_lua_box *box, const char *what, struct rf_err *err)
{
    end_child(box);
    return rf_fail(err, ETIMEDOUT, "%s: script %s; it did not stop by itself and was ended",
                   box->name, what);
}

static int check_clocks(struct rf_lua_box *box, const struct exchange *x, struct rf_err *err)
{
    int rc = rf_cancel_check(err);
    if (rc < 0)
        return rc;
    if (x->kill_ns > 0 && now_ns() >= x->kill_ns)
        return out_of_time(box, "ran longer than its timeout", err);
    if (x->cpu_end_ns > 0 && child_cpu_ns(box) >= x->cpu_end_ns)
        return out_of_time(box, "used more CPU time than it may", err);
    return 0;
}

/* Waits for the descriptor: as long as nothing else has to be looked at. */
static int wait_ready(struct rf_lua_box *box, const struct exchange *x, struct rf_err *err)
{
    struct pollfd p = { .fd = box->fd, .events = POLLIN };
    int wait_ms = POLL_MS;
    if (box->out.len > 0)
        p.events |= POLLOUT;
    if (x->kill_ns > 0) {
        int64_t left = (x->kill_ns - now_ns()) / 1000000 + 1;
        wait_ms = left < 0 ? 0 : left < POLL_MS ? (int)left : POLL_MS;
    }
    if (poll(&p, 1, wait_ms) < 0 && errno != EINTR)
        return rf_fail_errno(err, errno, "wait for the script");
    int rc = 0;
    if ((p.revents & POLLOUT) != 0)
        rc = flush(box, err);
    if (rc == 0 && (p.revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        rc = fill(box, err);
    return rc;
}

static int converse(struct rf_lua_box *box, struct exchange *x, struct rf_err *err)
{
    int rc = box->out.len > 0 ? flush(box, err) : 0;
    while (rc == 0 && x->answer == NULL) {
        json_t *message = NULL;
        rc = check_clocks(box, x, err);
        if (rc == 0)
            rc = take_frame(box, &message, err);
        if (rc == 1)
            rc = dispatch(box, x, message, err);
        else if (rc == 0)
            rc = wait_ready(box, x, err);
    }
    /* What stands behind the answer (an object that was dropped just then) is for the next exchange; but a reply has to be taken. */
    if (rc < 0)
        end_child(box);
    else if (box->out.len > 0)
        rc = broken(box, "an answer before its question was done", err);
    return rc;
}

static int usable(const struct rf_lua_box *box, struct rf_err *err)
{
    return box->fd >= 0 ? 0
                        : rf_fail(err, RFE_FAILED, "%s: the script's process has ended", box->name);
}

static void set_trace(struct rf_lua_box *box, const json_t *answer)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf room;
    struct rf_slice text;
    rf_buf_init(&room, RF_LUA_FRAME_MAX);
    rf_freep(&box->trace);
    if (rf_lua_wire_text(json_object_get(answer, "traceback"), &room, &text))
        box->trace = rf_xstrndup(text.ptr, text.len < TRACE_MAX ? text.len : TRACE_MAX);
}

/* Of a long message the end tells the cause, and the beginning the place. The caller frees. */
static char *shorten(struct rf_slice text)
{
    enum { HEAD = 200, TAIL = 600 };
    RF_CLEANUP(rf_buf_release) struct rf_buf safe;
    rf_buf_init(&safe, 0);
    if (text.len > HEAD + TAIL) {
        rf_text_safe(&safe, rf_slice_of(text.ptr, HEAD), HEAD);
        rf_buf_add_str(&safe, " ... ");
        text = rf_slice_of(text.ptr + text.len - TAIL, TAIL);
    }
    rf_text_safe(&safe, text, text.len);
    return rf_buf_take(&safe, NULL);
}

static int failed(struct rf_lua_box *box, const json_t *answer, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf room;
    struct rf_slice text = { 0 };
    const char *kind = json_string_value(json_object_get(answer, "kind"));
    rf_buf_init(&room, RF_LUA_FRAME_MAX);
    if (kind == NULL || !rf_lua_wire_text(json_object_get(answer, "error"), &room, &text))
        return broken(box, "a failure without its error", err);
    set_trace(box, answer);
    if (strcmp(kind, "memory") == 0)
        return rf_fail(err, RFE_TOO_LARGE, "not enough memory: the script may have %zu MiB",
                       box->memory_cap >> 20);
    RF_CLEANUP(rf_freep) char *shown = shorten(text);
    if (strcmp(kind, "timeout") == 0) {
        end_child(box);
        return rf_fail(err, ETIMEDOUT, "%s", shown);
    }
    return rf_fail(err, strcmp(kind, "missing") == 0 ? RFE_NOT_FOUND : RFE_FAILED, "%s", shown);
}

/* Sends the request (taken over) and gives the value of its answer. */
static int ask(struct rf_lua_box *box, struct exchange *x, json_t *request, json_t **value,
               struct rf_err *err)
{
    rf_freep(&box->trace);
    int rc = usable(box, err);
    if (rc == 0)
        rc = send_object(box, json_incref(request), err);
    json_decref(request);
    if (rc == 0)
        rc = converse(box, x, err);
    RF_CLEANUP(rf_json_decrefp) json_t *answer = x->answer;
    if (rc < 0)
        return rc;
    const char *say = json_string_value(json_object_get(answer, "say"));
    json_int_t memory = json_integer_value(json_object_get(answer, "memory"));
    if (memory > 0)
        box->memory_used = (size_t)memory;
    if (strcmp(say, "failed") == 0)
        return failed(box, answer, err);
    *value = json_incref(strcmp(say, "ready") == 0 ? answer : json_object_get(answer, "value"));
    return *value != NULL ? 0 : broken(box, "an answer without a value", err);
}

/* With the limits of a run or call. */
static int perform(struct rf_lua_box *box, json_t *request, json_t **value, struct rf_err *err)
{
    struct exchange x = { 0 };
    if (box->timeout_ns > 0 && box->timeout_ns < INT64_MAX / 4) {
        x.deadline_ns = now_ns() + box->timeout_ns;
        x.kill_ns = x.deadline_ns + GRACE_NS;
        (void)json_object_set_new(request, "deadline", json_integer(x.deadline_ns));
    }
    if (box->cpu_ns > 0 && box->cpu_ns < INT64_MAX / 4 && box->pid > 0) {
        x.cpu_end_ns = child_cpu_ns(box) + box->cpu_ns + GRACE_NS;
        (void)json_object_set_new(request, "cpu", json_integer(box->cpu_ns));
    }
    return ask(box, &x, request, value, err);
}

int rf_lua_box_run(struct rf_lua_box *box, const char *chunk, struct rf_slice text,
                   struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *value = NULL;
    RF_CLEANUP(rf_freep) char *name = rf_xasprintf("=%s", chunk);
    if (text.len > RF_LUA_SCRIPT_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "%s: a script of more than %u MiB", box->name,
                       RF_LUA_SCRIPT_MAX >> 20);
    return perform(box,
                   json_pack("{s:s, s:o, s:o}", "do", "run", "chunk",
                             rf_lua_wire_string(rf_slice_str(name)), "text",
                             rf_lua_wire_string(text)),
                   &value, err);
}

int rf_lua_box_call(struct rf_lua_box *box, const char *function, const json_t *args,
                    json_t **result, struct rf_err *err)
{
    json_t *list = args != NULL ? json_incref((json_t *)(uintptr_t)args) : json_array();
    return perform(box,
                   json_pack("{s:s, s:s, s:I, s:o}", "do", "call", "function", function, "n",
                             (json_int_t)json_array_size(list), "args", list),
                   result, err);
}

int rf_lua_box_has(struct rf_lua_box *box, const char *function, bool *has, struct rf_err *err)
{
    struct exchange x = { .kill_ns = now_ns() + START_NS };
    json_t *value = NULL;
    int rc = ask(box, &x, json_pack("{s:s, s:s}", "do", "has", "function", function), &value, err);
    if (rc == 0)
        *has = json_is_true(value);
    json_decref(value);
    return rc;
}

/* ---- opening and closing ---- */

static void log_gaps(const json_t *ready)
{
    static bool logged;
    const char *landlock = json_string_value(json_object_get(ready, "landlock"));
    const char *seccomp = json_string_value(json_object_get(ready, "seccomp"));
    if ((landlock == NULL && seccomp == NULL) ||
        __atomic_exchange_n(&logged, true, __ATOMIC_RELAXED))
        return;
    /* A build with sanitizers is no news to who runs it. */
    int level = RF_LUA_SANITIZED && landlock == NULL ? RF_LOG_DEBUG : RF_LOG_WARN;
    rf_log(level, "Scripts run without all walls around them", "landlock",
           landlock != NULL ? landlock : "in force", "seccomp",
           seccomp != NULL ? seccomp : "in force", NULL);
}

int rf_lua_box_hello(struct rf_lua_box *box, json_t *wish, struct rf_err *err)
{
    struct exchange x = { .kill_ns = now_ns() + START_NS };
    RF_CLEANUP(rf_json_decrefp) json_t *ready = NULL;
    int rc = ask(box, &x, wish, &ready, err);
    if (rc < 0)
        return rf_wrap(err, rc, "start the process of a script");
    const char *error = json_string_value(json_object_get(ready, "error"));
    if (error != NULL)
        return rf_fail(err, RFE_FAILED, "%s: %s", box->name, error);
    log_gaps(ready);
    return 0;
}

void rf_lua_box_close(struct rf_lua_box *box)
{
    if (box == NULL)
        return;
    end_child(box);
    rf_buf_release(&box->in);
    rf_buf_release(&box->out);
    free(box->name);
    free(box->trace);
    for (size_t i = 0; i < box->n_module_dirs; i++)
        free(box->module_dirs[i]);
    free(box->module_dirs);
    free(box);
}

void rf_lua_box_closep(struct rf_lua_box **box)
{
    rf_lua_box_close(*box);
    *box = NULL;
}

const char *rf_lua_box_traceback(const struct rf_lua_box *box)
{
    return box->trace != NULL ? box->trace : "";
}

size_t rf_lua_box_memory(const struct rf_lua_box *box)
{
    return box->memory_used;
}
