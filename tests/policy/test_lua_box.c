/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/lua/lua_box.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "policy/lua/lua_wire.h"
#include "tests/support/data_files.h"

#define MS INT64_C(1000000)
#define LIMIT_MS 200 /* of scripts that never end */

/* What a script did on this side. */
struct seen {
    struct rf_buf printed, logged, told;
    char escaped[200];
    char where[200];
    unsigned calls;
    unsigned sleep_ms;
};

static int host_call(void *user, const char *where, const char *function, const json_t *args,
                     json_t **result, struct rf_err *err)
{
    struct seen *seen = user;
    RF_CLEANUP(rf_buf_release) struct rf_buf room;
    struct rf_slice text = { 0 };
    rf_buf_init(&room, 0);
    seen->calls++;
    (void)snprintf(seen->where, sizeof(seen->where), "%s", where);
    if (strcmp(function, "fail") == 0)
        return rf_fail(err, RFE_NOT_FOUND, "no such thing");
    if (strcmp(function, "sleep") == 0)
        (void)poll(NULL, 0, (int)seen->sleep_ms);
    if (strcmp(function, "escaped") == 0) {
        (void)rf_lua_wire_text(json_array_get(args, 0), &room, &text);
        (void)snprintf(seen->escaped, sizeof(seen->escaped), "%s: %.*s", where, (int)text.len,
                       text.ptr != NULL ? text.ptr : "");
    }
    if (strcmp(function, "nothing") != 0)
        *result = json_incref((json_t *)(uintptr_t)args);
    return 0;
}

static void host_print(void *user, struct rf_slice text)
{
    struct seen *seen = user;
    if (seen->printed.len < 1u << 20) {
        rf_buf_add(&seen->printed, text.ptr, text.len);
        rf_buf_add_char(&seen->printed, '\n');
    }
}

static void host_log(void *user, const char *where, struct rf_slice text)
{
    struct seen *seen = user;
    rf_buf_addf(&seen->logged, "%s|%.*s\n", where, (int)text.len, text.ptr);
}

/* ---- a box and all that belongs to it ---- */

static struct seen seen;
static struct rf_lua_host host;
static struct rf_lua_box_options options;
static struct rf_lua_box *box;
static struct rf_err err;
static char modules[] = "/tmp/rf-test-lua-XXXXXX";

static void set_up(void)
{
    memset(&seen, 0, sizeof(seen));
    rf_buf_init(&seen.printed, 0);
    rf_buf_init(&seen.logged, 0);
    host = (struct rf_lua_host){
        .user = &seen, .call = host_call, .print = host_print, .log = host_log
    };
    options = (struct rf_lua_box_options){
        .name = "sample", .host = &host, .api = "host", .timeout_ns = 20000 * MS
    };
    err = (struct rf_err)RF_ERR_INIT;
    rf_cancel_reset();
}

static void tear_down(void)
{
    rf_lua_box_closep(&box);
    rf_buf_release(&seen.printed);
    rf_buf_release(&seen.logged);
}

static void open_box(void)
{
    ck_assert_msg(rf_lua_box_open(&options, &box, &err) == 0, "%s", err.msg);
}

static int run(const char *text)
{
    return rf_lua_box_run(box, "<string>", rf_slice_str(text), &err);
}

/* Runs the script in a fresh box, which has to succeed. */
static void must(const char *text)
{
    rf_lua_box_closep(&box);
    open_box();
    int rc = run(text);
    ck_assert_msg(rc == 0, "%s: %s", text, err.msg);
}

static void must_fail(const char *text, int code, const char *message)
{
    err = (struct rf_err)RF_ERR_INIT;
    int rc = run(text);
    ck_assert_msg(rc == -code, "%s: %d %s", text, rc, err.msg);
    ck_assert_msg(strstr(err.msg, message) != NULL, "%s: \"%s\" is not in: %s", text, message,
                  err.msg);
}

static void write_module(const char *name, const char *text, size_t len)
{
    RF_CLEANUP(rf_freep) char *path = rf_path_join(modules, name);
    ck_assert_int_eq(rf_file_write(path, rf_slice_of(text, len), 0600, NULL), 0);
}

static const char *const module_list[] = { modules };

static void make_modules(void)
{
    static const char plain[] = "local m = ... return { name = m, n = 7 }";
    ck_assert_ptr_nonnull(mkdtemp(modules));
    RF_CLEANUP(rf_freep) char *sub = rf_path_join(modules, "team");
    RF_CLEANUP(rf_freep) char *outside = rf_path_join(modules, "outside.lua");
    ck_assert_int_eq(rf_mkdirs(sub, 0700, NULL), 0);
    write_module("plain.lua", plain, sizeof(plain) - 1);
    write_module("team/tools.lua", plain, sizeof(plain) - 1);
    write_module("team/init.lua", plain, sizeof(plain) - 1);
    write_module("broken.lua", "x = = 1", 7);
    write_module("fails.lua", "\n\nerror('inside')", 17);
    write_module("compiled.lua", "\x1bLua\x54", 5);
    ck_assert_int_eq(symlink("/etc/passwd", outside), 0);
    options.module_dirs = module_list;
    options.n_module_dirs = 1;
}

static void remove_modules(void)
{
    static const char *const files[] = { "plain.lua",  "team/tools.lua", "team/init.lua",
                                         "broken.lua", "fails.lua",      "compiled.lua",
                                         "outside.lua" };
    for (size_t i = 0; i < RF_ARRAY_LEN(files); i++) {
        RF_CLEANUP(rf_freep) char *path = rf_path_join(modules, files[i]);
        (void)unlink(path);
    }
    RF_CLEANUP(rf_freep) char *sub = rf_path_join(modules, "team");
    (void)rmdir(sub);
    (void)rmdir(modules);
}

/* ---- attempts to get out, and bombs ---- */

static struct test_case_list attempts;

static bool outcome_is(const char *want, size_t len, int rc)
{
    if (len == 2 && strncmp(want, "ok", 2) == 0)
        return rc == 0;
    if (len == 7 && strncmp(want, "timeout", 7) == 0)
        return rc == -ETIMEDOUT;
    if (len == 6 && strncmp(want, "memory", 6) == 0)
        return rc == -RFE_TOO_LARGE;
    if (len < 7 || strncmp(want, "error: ", 7) != 0 || rc != -RFE_FAILED)
        return false;
    RF_CLEANUP(rf_freep) char *text = rf_xstrndup(want + 7, len - 7);
    return strstr(err.msg, text) != NULL;
}

/* "error: TEXT", "ok", "timeout", "memory"; several with | between them. */
static bool outcome_is_one_of(const char *list, int rc)
{
    for (;;) {
        size_t n = strcspn(list, "|");
        if (outcome_is(list, n, rc))
            return true;
        if (list[n] == '\0')
            return false;
        list += n + 1;
    }
}

START_TEST(escape)
{
    const struct test_case_file *c = &attempts.list[_i];
    static const char begin[] = "-- expect: ";
    RF_CLEANUP(rf_freep) char *path = rf_xasprintf("lua/escape/%s.lua", c->name);
    RF_CLEANUP(rf_freep) char *where = test_data_path(path);
    size_t len;
    RF_CLEANUP(rf_freep) char *text = test_read_file(where, &len);
    ck_assert_ptr_nonnull(text);
    ck_assert_msg(strncmp(text, begin, strlen(begin)) == 0, "%s: no expectation", c->name);
    RF_CLEANUP(rf_freep)
    char *want = rf_xstrndup(text + strlen(begin), strcspn(text, "\n") - strlen(begin));
    ck_assert_int_eq(setenv("RF_TEST_SECRET", "secret", 1), 0);
    /* The text is enough for those that need no time; the others get little. */
    options.timeout_ns = (strstr(want, "timeout") != NULL ? LIMIT_MS : 20000) * MS;
    make_modules();
    open_box();
    uint64_t start = rf_now_ms();
    int rc = rf_lua_box_run(box, "<string>", rf_slice_of(text, len), &err);
    uint64_t took = rf_now_ms() - start;
    remove_modules();
    ck_assert_msg(seen.escaped[0] == '\0', "%s: got out: %s", c->name, seen.escaped);
    ck_assert_msg(outcome_is_one_of(want, rc), "%s: want %s, got %d %s", c->name, want, rc,
                  err.msg);
    ck_assert_msg(took < (uint64_t)(options.timeout_ns / MS) + 10000, "%s: took %u ms", c->name,
                  (unsigned)took);
}
END_TEST

START_TEST(attempts_are_there)
{
    ck_assert_uint_ge(attempts.n, 100);
}
END_TEST

/* ---- what runs and calls give ---- */

START_TEST(values_go_both_ways)
{
    must(
        "local b = host.echo(1, 2.5, 10.0, -3, 'text', 'a\\0b', '\\xff', true, nil, { 1, 2 }, { a = 1 }, {}, 1 / 0)\n"
        "assert(math.type(b[1]) == 'integer' and b[2] == 2.5 and math.type(b[3]) == 'float' and b[4] == -3)\n"
        "assert(b[5] == 'text' and b[6] == 'a\\0b' and b[7] == '\\xff' and b[8] == true and b[9] == nil)\n"
        "assert(#b[10] == 2 and b[11].a == 1 and next(b[12]) == nil and b[13] == math.huge)\n"
        "assert(host.nothing() == nil and select('#', host.nothing()) == 1)\n"
        "assert(host.echo(math.maxinteger)[1] == math.maxinteger and host.echo(math.mininteger)[1] == math.mininteger)\n"
        "assert(host.echo(host.echo())[1] and true)");
    ck_assert_uint_eq(seen.calls, 7);
}
END_TEST

START_TEST(calls_of_functions)
{
    must(
        "keep = function(t) return t.tag ~= 'x', 2 end policy = { carry = function(a, b, c) return { a, c } end } count = 0\n"
        "function next_one() count = count + 1 return count end function none() end function bad() return print end\n"
        "function deep() local t = {} t.t = t return t end");
    RF_CLEANUP(rf_json_decrefp) json_t *args = json_pack("[{s:s}]", "tag", "x");
    RF_CLEANUP(rf_json_decrefp) json_t *three = json_pack("[i, n, i]", 1, 3);
    json_t *result = NULL;
    ck_assert_int_eq(rf_lua_box_call(box, "keep", args, &result, &err), 0);
    ck_assert(json_is_false(result));
    json_decref(result);
    ck_assert_int_eq(rf_lua_box_call(box, "policy.carry", three, &result, &err), 0);
    ck_assert_uint_eq(json_array_size(result), 2);
    ck_assert_int_eq(json_integer_value(json_array_get(result, 1)), 3);
    json_decref(result);
    for (int i = 1; i <= 500; i++) {
        ck_assert_int_eq(rf_lua_box_call(box, "next_one", NULL, &result, &err), 0);
        ck_assert_int_eq(json_integer_value(result), i);
        json_decref(result);
    }
    ck_assert_uint_gt(rf_lua_box_memory(box), 1000);
    ck_assert_int_eq(rf_lua_box_call(box, "none", NULL, &result, &err), 0);
    ck_assert(json_is_null(result));
    json_decref(result);
    result = NULL;
    ck_assert_int_eq(rf_lua_box_call(box, "absent", NULL, &result, &err), -RFE_NOT_FOUND);
    ck_assert_int_eq(rf_lua_box_call(box, "count.x", NULL, &result, &err), -RFE_NOT_FOUND);
    ck_assert_int_eq(rf_lua_box_call(box, "bad", NULL, &result, &err), -RFE_FAILED);
    ck_assert_ptr_nonnull(strstr(err.msg, "a function cannot be passed on"));
    ck_assert_int_eq(rf_lua_box_call(box, "deep", NULL, &result, &err), -RFE_FAILED);
    ck_assert_ptr_null(result);
    bool has = false;
    ck_assert_int_eq(rf_lua_box_has(box, "policy.carry", &has, &err), 0);
    ck_assert(has);
    ck_assert_int_eq(rf_lua_box_has(box, "policy.keep", &has, &err), 0);
    ck_assert(!has);
}
END_TEST

START_TEST(errors_as_users_know_them)
{
    open_box();
    must_fail("x = 1\ny = = 2", RFE_FAILED, "<string>:2: unexpected symbol near '='");
    must_fail("local function f()\n  local y = nil\n  return y.z\nend\nf()", RFE_FAILED,
              "<string>:3: attempt to index a nil value (local 'y')");
    ck_assert_ptr_nonnull(strstr(rf_lua_box_traceback(box), "<string>:5: in main chunk"));
    must_fail("error('plain', 0)", RFE_FAILED, "plain");
    must_fail("error({})", RFE_FAILED, "(error object is a table value)");
    must_fail("error(setmetatable({}, { __tostring = function() return 'told' end }))", RFE_FAILED,
              "told");
    must_fail("\nhost.fail()", RFE_FAILED, "<string>:2: no such thing");
    must_fail("host.echo(1, print)", RFE_FAILED, "<string>:1: a function cannot be passed on");
    /* The box is still good, and what the script can catch it can go on from. */
    ck_assert_int_eq(
        run("local ok, why = pcall(host.fail) assert(not ok and why == 'no such thing', why)\n"
            "ok, why = pcall(function() host.fail() end) assert(why == '<string>:2: no such thing', why)"),
        0);
    ck_assert_str_eq(rf_lua_box_traceback(box), "");
    ck_assert_int_eq(run("\n\nhost.echo()"), 0);
    ck_assert_str_eq(seen.where, "<string>:3");
}
END_TEST

START_TEST(lines_of_scripts)
{
    must(
        "print('a', 1, nil, true, 2.0) print() log('text') log(7) print('\\0\\xff')\nlog('second')");
    ck_assert_uint_eq(seen.printed.len, strlen("a\t1\tnil\ttrue\t2.0\n\n") + 3);
    ck_assert(memcmp(seen.printed.ptr, "a\t1\tnil\ttrue\t2.0\n\n\0\xff\n", seen.printed.len) == 0);
    ck_assert_str_eq(seen.logged.ptr, "<string>:1|text\n<string>:1|7\n<string>:2|second\n");
}
END_TEST

START_TEST(states_are_apart)
{
    struct rf_lua_box *other = NULL;
    open_box();
    ck_assert_int_eq(rf_lua_box_open(&options, &other, &err), 0);
    ck_assert_int_eq(run("shared = 1"), 0);
    ck_assert_int_eq(rf_lua_box_run(other, "<string>", rf_slice_str("assert(shared == nil)"), &err),
                     0);
    rf_lua_box_close(other);
    ck_assert_int_eq(run("assert(shared == 1)"), 0);
}
END_TEST

START_TEST(modules_of_the_folder)
{
    make_modules();
    must(
        "local p = require('plain') assert(p.name == 'plain' and p.n == 7 and require('plain') == p)\n"
        "assert(require('team').n == 7 and require('team.tools').name == 'team.tools')\n"
        "local ok, why = pcall(require, 'broken') assert(why:find('broken.lua:1:', 1, true), why)\n"
        "ok, why = pcall(require, 'fails') assert(why:find('fails.lua:3: inside', 1, true), why)\n"
        "ok, why = pcall(require, 'none') assert(why:find(\"module 'none' not found\", 1, true), why)\n"
        "package.preload.own = function(name) return name .. '!' end assert(require('own') == 'own!')\n"
        "assert(require('json') and require('lunajson') and require('semver') and require('string') == string)");
    options.n_module_dirs = 0;
    rf_lua_box_closep(&box);
    open_box();
    must_fail("require('plain')", RFE_FAILED, "there is no folder for modules");
    remove_modules();
}
END_TEST

START_TEST(environment_by_name)
{
    static const char *const names[] = { "RF_TEST_SEEN", "RF_TEST_ABSENT" };
    ck_assert_int_eq(setenv("RF_TEST_SEEN", "value", 1), 0);
    ck_assert_int_eq(setenv("RF_TEST_HIDDEN", "secret", 1), 0);
    options.env = names;
    options.n_env = 2;
    must(
        "assert(os.getenv('RF_TEST_SEEN') == 'value' and os.getenv('RF_TEST_ABSENT') == nil and os.getenv('RF_TEST_HIDDEN') == nil)");
}
END_TEST

START_TEST(time_zone_of_the_parent)
{
    ck_assert_int_eq(setenv("TZ", "XYZ-3", 1), 0);
    must(
        "assert(os.date('%H %Z', 0) == '03 XYZ', os.date('%H %Z', 0)) assert(os.date('!%H', 0) == '00')\n"
        "assert(os.time({ year = 1970, month = 1, day = 1, hour = 3 }) == 0)");
}
END_TEST

/* ---- limits ---- */

START_TEST(time_in_the_host_counts)
{
    /* Long enough that the first call is begun on any machine. */
    options.timeout_ns = 10 * LIMIT_MS * MS;
    seen.sleep_ms = 12 * LIMIT_MS;
    open_box();
    /* The call under way is not cut; the next one is not begun. */
    must_fail("host.sleep()\nhost.echo()", ETIMEDOUT, "");
    ck_assert_uint_eq(seen.calls, 1);
    ck_assert_ptr_nonnull(strstr(err.msg, "Context error: context deadline exceeded"));
    must_fail("x = 1", RFE_FAILED, "sample: the script's process has ended");
}
END_TEST

START_TEST(each_call_has_its_own_time)
{
    /* All together take longer than one may, each needs far less. */
    options.timeout_ns = 10 * LIMIT_MS * MS;
    options.cpu_ns = 10000 * MS;
    must("function short() local t = os.clock() while os.clock() - t < 0.025 do end return 1 end");
    json_t *result = NULL;
    for (int i = 0; i < 90; i++) {
        ck_assert_msg(rf_lua_box_call(box, "short", NULL, &result, &err) == 0, "%s", err.msg);
        json_decref(result);
    }
}
END_TEST

START_TEST(cpu_time_is_bounded)
{
    options.cpu_ns = LIMIT_MS * MS;
    open_box();
    must_fail("while true do end", ETIMEDOUT, "<string>:1: script used more CPU time than it may");
    rf_lua_box_closep(&box);
    open_box();
    must_fail("pcall(string.find, ('a'):rep(60), ('a-'):rep(40) .. 'b')", ETIMEDOUT,
              "sample: script used more CPU time than it may");
    rf_lua_box_closep(&box);
    /* Waiting costs none. */
    seen.sleep_ms = 2 * LIMIT_MS;
    open_box();
    ck_assert_int_eq(run("host.sleep() host.echo()"), 0);
}
END_TEST

START_TEST(memory_is_what_was_given)
{
    options.memory = 4u << 20;
    open_box();
    must_fail("kept = {} while true do kept[#kept + 1] = ('x'):rep(1000) .. #kept end",
              RFE_TOO_LARGE, "not enough memory: the script may have 4 MiB");
    /* The next script finds the state as it is, and can make room. */
    ck_assert_msg(run("kept = nil collectgarbage() local s = ('x'):rep(1 << 20)") == 0, "%s",
                  err.msg);
    ck_assert_uint_lt(rf_lua_box_memory(box), 4u << 20);
    options.memory = 128u << 20;
    must("local s = ('x'):rep(30 << 20) assert(#s == 30 << 20)");
}
END_TEST

START_TEST(scripts_have_a_size)
{
    open_box();
    RF_CLEANUP(rf_freep) char *text = rf_xmalloc(RF_LUA_SCRIPT_MAX + 2);
    memset(text, ' ', RF_LUA_SCRIPT_MAX + 1);
    text[RF_LUA_SCRIPT_MAX + 1] = '\0';
    must_fail(text, RFE_TOO_LARGE, "a script of more than 4 MiB");
    text[RF_LUA_SCRIPT_MAX] = '\0';
    ck_assert_int_eq(run(text), 0);
}
END_TEST

static void *cancel_soon(void *arg)
{
    (void)poll(NULL, 0, 100);
    rf_cancel_set(RFE_CANCELLED);
    return arg;
}

START_TEST(the_program_can_be_stopped)
{
    pthread_t thread;
    open_box();
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, NULL), 0);
    uint64_t start = rf_now_ms();
    must_fail("while true do end", RFE_CANCELLED, "interrupted");
    ck_assert_uint_lt(rf_now_ms() - start, 15000); /* of the 20 s that it has */
    (void)pthread_join(thread, NULL);
    rf_cancel_reset();
}
END_TEST

/* ---- the child as a process ---- */

static pid_t only_child(void)
{
    char path[64], text[256] = "";
    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    FILE *f = fopen(path, "re");
    if (f == NULL || fgets(text, sizeof(text), f) == NULL)
        text[0] = '\0';
    if (f != NULL)
        (void)fclose(f);
    return (pid_t)strtol(text, NULL, 10);
}

START_TEST(the_child_has_nothing)
{
    char path[64];
    ck_assert_int_eq(setenv("RF_TEST_SECRET", "secret", 1), 0);
    open_box();
    pid_t child = only_child();
    if (child <= 0)
        return; /* this kernel does not tell */
    /* Not even our own user may look into it: only root sees more than the denial. */
    (void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)child);
    FILE *f = fopen(path, "re");
    if (f != NULL) {
        char text[64];
        ck_assert_uint_eq(fread(text, 1, sizeof(text), f), 0);
        (void)fclose(f);
    }
    for (int fd = 4; fd < 64; fd++) {
        struct stat st;
        (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)child, fd);
        ck_assert_msg(lstat(path, &st) < 0, "the child has descriptor %d", fd);
    }
}
END_TEST

START_TEST(a_child_that_dies_is_noticed)
{
    open_box();
    pid_t child = only_child();
    if (child <= 0)
        return;
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    must_fail("x = 1", RFE_FAILED, "sample: the script's process was ended by signal 9 (KILL)");
    must_fail("x = 1", RFE_FAILED, "sample: the script's process has ended");
}
END_TEST

START_TEST(close_leaves_no_process)
{
    open_box();
    rf_lua_box_closep(&box);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
    rf_lua_box_close(NULL);
}
END_TEST

START_TEST(unknown_api)
{
    options.api = "nothing";
    ck_assert_int_eq(rf_lua_box_open(&options, &box, &err), -RFE_FAILED);
    ck_assert_ptr_nonnull(strstr(err.msg, "there is no API nothing"));
}
END_TEST

START_TEST(without_host_and_api)
{
    options.api = NULL;
    options.host = NULL;
    must("print('x') log('y') assert(host == nil)");
}
END_TEST

START_TEST(unsafe_libraries)
{
    make_modules();
    options.unsafe_libs = true;
    must(
        "assert(io.open('/dev/null')) assert(debug.getinfo(1).source == '=<string>') assert(os.execute('true'))\n"
        "assert(package.loadlib and string.dump(function() end) and dofile and os.exit)\n"
        "assert(require('plain').n == 7 and require('json') and require('io') == io)\n"
        "assert(os.getenv('HOME') == nil and host.echo(1)[1] == 1)");
    remove_modules();
}
END_TEST

/* Gone, or dead and not yet waited for by whoever waits for orphans. */
static bool has_ended(long pid)
{
    RF_CLEANUP(rf_freep) char *path = rf_xasprintf("/proc/%ld/stat", pid);
    char state = 'Z';
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return true;
    if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
        state = 'Z';
    (void)fclose(f);
    return state == 'Z' || state == 'X';
}

START_TEST(programs_of_scripts_end_with_them)
{
    options.unsafe_libs = true;
    options.timeout_ns = 10 * LIMIT_MS * MS; /* enough to begin the program and to tell of it */
    open_box();
    static const char text[] =
        "host.escaped(io.popen('echo $$; exec sleep 100'):read()) while true do end";
    ck_assert_int_eq(rf_lua_box_run(box, "<string>", rf_slice_str(text), &err), -ETIMEDOUT);
    const char *told = strrchr(seen.escaped, ' '); /* behind the place */
    long pid = told != NULL ? strtol(told, NULL, 10) : 0;
    ck_assert_int_gt(pid, 1);
    for (int i = 0; i < 2000 && !has_ended(pid); i++)
        (void)poll(NULL, 0, 10);
    ck_assert(has_ended(pid));
}
END_TEST

Suite *rf_lua_box_suite(void);
Suite *rf_lua_box_suite(void)
{
    const TTest *const tests[] = {
        attempts_are_there,
        values_go_both_ways,
        calls_of_functions,
        errors_as_users_know_them,
        lines_of_scripts,
        states_are_apart,
        modules_of_the_folder,
        environment_by_name,
        time_zone_of_the_parent,
        time_in_the_host_counts,
        each_call_has_its_own_time,
        cpu_time_is_bounded,
        memory_is_what_was_given,
        scripts_have_a_size,
        the_program_can_be_stopped,
        the_child_has_nothing,
        a_child_that_dies_is_noticed,
        close_leaves_no_process,
        unknown_api,
        without_host_and_api,
        unsafe_libraries,
        programs_of_scripts_end_with_them,
    };
    attempts = test_cases_load("lua/escape", ".lua");
    Suite *s = suite_create("lua_box");
    TCase *t = tcase_create("box");
    tcase_add_checked_fixture(t, set_up, tear_down);
    for (size_t i = 0; i < RF_ARRAY_LEN(tests); i++)
        tcase_add_test(t, tests[i]);
    tcase_add_loop_test(t, escape, 0, (int)attempts.n);
    suite_add_tcase(s, t);
    return s;
}
