/* SPDX-License-Identifier: Apache-2.0 */
/* Starting the child of a box, and finding the modules that its scripts require. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "policy/lua/lua_box_private.h"
#include "policy/lua/lua_child.h"
#include "policy/lua/lua_child_private.h"
#include "policy/lua/lua_wire.h"

/* ---- the process ---- */

/* The child has fd 3, and nothing on 0 to 2; a plain process (unsafe_libs) talks where we do. */
static int set_up_files(posix_spawn_file_actions_t *actions, int fd, bool unsafe)
{
    int rc = posix_spawn_file_actions_adddup2(actions, fd, RF_LUA_CHILD_FD);
    if (rc == 0)
        rc = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (rc == 0 && !unsafe)
        rc = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (rc == 0 && !unsafe)
        rc = posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (rc == 0)
        rc = posix_spawn_file_actions_addclosefrom_np(actions, RF_LUA_CHILD_FD + 1);
    return rc;
}

/* A session of its own: the keys of a terminal reach us, and we end the child. */
static int set_up_attributes(posix_spawnattr_t *attr)
{
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int rc = posix_spawnattr_setsigmask(attr, &none);
    if (rc == 0)
        rc = posix_spawnattr_setsigdefault(attr, &all);
    if (rc == 0)
        rc = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                POSIX_SPAWN_SETSID);
    return rc;
}

static int spawn(struct rf_lua_box *box, int fd, bool unsafe)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    char name[] = "regferry-script";
    char word[32];
    char *const argv[] = { name, word, NULL };
    char *const envp[] = { NULL };
    (void)snprintf(word, sizeof(word), "%s", rf_lua_child_word);
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0)
        return rc;
    rc = posix_spawnattr_init(&attr);
    if (rc == 0) {
        rc = set_up_files(&actions, fd, unsafe);
        if (rc == 0)
            rc = set_up_attributes(&attr);
        if (rc == 0)
            rc = posix_spawn(&box->pid, "/proc/self/exe", &actions, &attr, argv, envp);
        (void)posix_spawnattr_destroy(&attr);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    if (rc != 0)
        box->pid = 0;
    return rc;
}

static int start(struct rf_lua_box *box, bool unsafe, struct rf_err *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return rf_fail_errno(err, errno, "make a pair of sockets");
    RF_CLEANUP(rf_closep) int theirs = ends[1];
    box->fd = ends[0];
    if (fcntl(box->fd, F_SETFL, O_NONBLOCK) < 0)
        return rf_fail_errno(err, errno, "set up a socket");
    int rc = spawn(box, theirs, unsafe);
    return rc != 0 ? rf_fail_errno(err, rc, "start this program anew (/proc/self/exe)") : 0;
}

/* ---- the first message ---- */

static json_t *environment(const struct rf_lua_box_options *options)
{
    json_t *env = json_object();
    for (size_t i = 0; i < options->n_env; i++) {
        const char *value = getenv(options->env[i]);
        if (value != NULL && json_object_set_new(env, options->env[i], json_string(value)) < 0)
            rf_log(RF_LOG_WARN, "Environment variable is no UTF-8, scripts do not see it", "name",
                   options->env[i], NULL);
    }
    return env;
}

static json_t *make_wish(const struct rf_lua_box *box, const struct rf_lua_box_options *options)
{
    uint64_t seed = 0;
    const char *zone = getenv("TZ");
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
        seed = (uint64_t)time(NULL); /* only for math.random() */
    return json_pack("{s:s, s:I, s:b, s:I, s:o, s:s*, s:s*}", "do", "open", "memory",
                     (json_int_t)box->memory_cap, "unsafe", options->unsafe_libs, "seed",
                     (json_int_t)(seed >> 1), "env", environment(options), "zone",
                     zone != NULL && rf_text_is_utf8(rf_slice_str(zone)) ? zone : NULL, "api",
                     options->api);
}

static size_t memory_of(size_t wish)
{
    if (wish == 0)
        return RF_LUA_MEMORY_DEFAULT;
    if (wish < RF_LUA_MEMORY_MIN)
        return RF_LUA_MEMORY_MIN;
    return wish < RF_LUA_MEMORY_MAX ? wish : RF_LUA_MEMORY_MAX;
}

int rf_lua_box_open(const struct rf_lua_box_options *options, struct rf_lua_box **out,
                    struct rf_err *err)
{
    RF_CLEANUP(rf_lua_box_closep) struct rf_lua_box *box = rf_xcalloc(1, sizeof(*box));
    box->fd = -1;
    box->name = rf_xstrdup(options->name != NULL ? options->name : "script");
    box->memory_cap = memory_of(options->memory);
    box->timeout_ns = options->timeout_ns;
    box->cpu_ns = options->cpu_ns;
    box->host = options->host;
    box->module_dirs = rf_xcalloc(options->n_module_dirs + 1, sizeof(char *));
    for (size_t i = 0; i < options->n_module_dirs; i++)
        box->module_dirs[box->n_module_dirs++] = rf_xstrdup(options->module_dirs[i]);
    rf_buf_init(&box->in, (size_t)RF_LUA_FRAME_MAX + (1u << 20));
    rf_buf_init(&box->out, (size_t)2 * RF_LUA_FRAME_MAX);
    int rc = start(box, options->unsafe_libs, err);
    if (rc == 0)
        rc = rf_lua_box_hello(box, make_wish(box, options), err);
    if (rc < 0)
        return rc;
    *out = RF_STEAL(box);
    return 0;
}

/* ---- modules ---- */

#define MODULE_NAME_MAX 128

/* "a.b" as "a/b". The name is a script's: letters, digits, _ and - with single points between them. */
static bool module_path(const char *name, char out[MODULE_NAME_MAX + 1])
{
    size_t n = strlen(name);
    if (n == 0 || n > MODULE_NAME_MAX)
        return false;
    for (size_t i = 0; i <= n; i++) {
        char c = name[i];
        bool point = c == '.' && i > 0 && i + 1 < n && name[i - 1] != '.';
        bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '_' || (c == '-' && i > 0);
        if (c != '\0' && !point && !letter)
            return false;
        out[i] = point ? '/' : c;
    }
    return true;
}

static int read_module(int dirfd, const char *file, struct rf_buf *text, struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int fd = -1;
    uint64_t size = 0;
    int rc = rf_file_open_at(dirfd, file, &fd, &size, err);
    if (rc < 0)
        return rc;
    if (size > RF_LUA_MODULE_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "%s: a module of more than %u MiB", file,
                       RF_LUA_MODULE_MAX >> 20);
    RF_CLEANUP(rf_freep) char *bytes = rf_xmalloc((size_t)size + 1);
    rc = rf_pread_full(fd, bytes, (size_t)size, 0, err);
    if (rc == 0)
        rf_buf_add(text, bytes, (size_t)size);
    return rc;
}

/* One file of one folder: 1 and *out, 0 when it is not there, which is noted. */
static int try_file(const char *dir, const char *file, struct rf_buf *tried, json_t **out,
                    struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, RF_LUA_MODULE_MAX + 1);
    RF_CLEANUP(rf_closep) int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = dirfd >= 0 ? read_module(dirfd, file, &text, err) : -RFE_NOT_FOUND;
    if (rc == -RFE_NOT_FOUND) {
        rf_buf_addf(tried, "\n\tno file '%s' in the folder for modules", file);
        return 0;
    }
    if (rc < 0)
        return rc;
    *out = json_pack("{s:o, s:s}", "text", rf_lua_wire_string(rf_buf_slice(&text)), "file", file);
    return 1;
}

int rf_lua_box_module(const struct rf_lua_box *box, const char *name, json_t **out,
                      struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf tried;
    char path[MODULE_NAME_MAX + 1];
    rf_buf_init(&tried, 65536);
    if (!module_path(name, path))
        return rf_fail(err, RFE_INVALID, "%.200s: not the name of a module", name);
    if (box->n_module_dirs == 0)
        rf_buf_add_str(&tried, " there is no folder for modules");
    for (size_t i = 0; i < box->n_module_dirs; i++) {
        RF_CLEANUP(rf_freep) char *plain = rf_xasprintf("%s.lua", path);
        RF_CLEANUP(rf_freep) char *folder = rf_xasprintf("%s/init.lua", path);
        int rc = try_file(box->module_dirs[i], plain, &tried, out, err);
        if (rc == 0)
            rc = try_file(box->module_dirs[i], folder, &tried, out, err);
        if (rc != 0)
            return rc < 0 ? rc : 0;
    }
    *out = json_pack("{s:s}", "file", tried.ptr);
    return 0;
}
