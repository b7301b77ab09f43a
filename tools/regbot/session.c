/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/regbot/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define PROBLEMS_MAX (1u << 20)

/* ---- folders of modules ---- */

static void add_folder(struct rf_list *list, struct rf_slice folder)
{
    for (size_t i = 0; i < list->n; i++)
        if (rf_slice_is(folder, list->items[i]))
            return;
    list->items = rf_xreallocarray(list->items, list->n + 1, sizeof(*list->items));
    list->items[list->n++] = rf_xstrndup(folder.ptr, folder.len);
}

/* One template of Lua's path: its folder, where it is one that names a folder. */
static void add_template(struct rf_list *list, struct rf_slice t)
{
    static const char *const ends[] = { "/?.lua", "/?/init.lua", "/?" };
    static const char *const here[] = { "?.lua", "?", "?/init.lua" };
    for (size_t i = 0; i < RF_ARRAY_LEN(here); i++)
        if (rf_slice_is(t, here[i])) {
            add_folder(list, rf_slice_str("."));
            return;
        }
    for (size_t i = 0; i < RF_ARRAY_LEN(ends); i++) {
        size_t n = strlen(ends[i]);
        if (t.len <= n || memcmp(t.ptr + t.len - n, ends[i], n) != 0 ||
            memchr(t.ptr, '?', t.len - n) != NULL)
            continue;
        add_folder(list, rf_slice_of(t.ptr, t.len - n));
        return;
    }
    RF_CLEANUP(rf_freep) char *text = rf_xstrndup(t.ptr, t.len);
    if (t.len > 0)
        rf_log(RF_LOG_DEBUG, "Template of LUA_PATH is passed over", "template", text, NULL);
}

/* LUA_PATH as upstream's image sets it: "?;?.lua;/lua-user/?;/lua-user/?.lua;...". */
static void add_lua_path(struct rf_list *list)
{
    const char *path = getenv("LUA_PATH");
    while (path != NULL && *path != '\0') {
        size_t n = strcspn(path, ";");
        add_template(list, rf_slice_of(path, n));
        path += n + (path[n] == ';');
    }
}

/* ---- what scripts print ---- */

/* What comes from registries must not steer a terminal; lines and tabs stay what they are. */
static void print_to_terminal(void *ctx, struct rf_slice text)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf safe;
    size_t from = 0;
    (void)ctx;
    rf_buf_init(&safe, 0);
    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.ptr[i] != '\n' && text.ptr[i] != '\t')
            continue;
        rf_text_safe(&safe, rf_slice_of(text.ptr + from, i - from), i - from);
        rf_buf_add_char(&safe, i < text.len ? text.ptr[i] : '\n');
        from = i + 1;
    }
    (void)fwrite(safe.ptr, 1, safe.len, stdout);
}

/* A file or a program gets the bytes as they are. One line each, also when several scripts print at the same time. */
static void print_plain(void *ctx, struct rf_slice text)
{
    (void)ctx;
    flockfile(stdout);
    (void)fwrite(text.ptr, 1, text.len, stdout);
    (void)putc('\n', stdout);
    funlockfile(stdout);
}

/* ---- opening ---- */

/* What would be understood only when a script fails, or never. LUA_PATH names folders that an image may or may not have. */
static void warn_of_wishes(const struct regbot_options *o)
{
    struct stat st;
    for (size_t i = 0; i < o->lua_path.n; i++)
        if (stat(o->lua_path.items[i], &st) < 0 || !S_ISDIR(st.st_mode))
            rf_log(RF_LOG_WARN, "Folder for modules is not there", "folder", o->lua_path.items[i],
                   NULL);
    if (o->unsafe_libs && o->dry_run)
        rf_log(
            RF_LOG_WARN,
            "Scripts run without walls (--unsafe-libs), and --dry-run does not hold back what they do by io and os",
            NULL);
    else if (o->unsafe_libs)
        rf_log(RF_LOG_WARN, "Scripts run without walls (--unsafe-libs)", NULL);
}

static int merge_creds(void *ctx, struct rf_hosts *hosts, struct rf_err *err)
{
    const struct rf_policy_config *config = ctx;
    if (config->defaults.skip_docker_config == RF_TRI_YES)
        rf_hosts_use_docker(hosts, false, false);
    return rf_creds_merge(&config->creds, hosts, err);
}

static int load_config(struct regbot_session *s, const struct regbot_options *o, struct rf_err *err)
{
    if (o->config == NULL)
        return rf_policy_config_parse("none", rf_slice_str(""), 0, &s->config, err);
    return rf_policy_config_load(o->config, o->strict ? RF_POLICY_STRICT : 0, &s->config, err);
}

/* Every script that cannot be run is a line of the log, the first one the error. */
static int refuse_broken(struct regbot_session *s, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf problems;
    size_t bad = 0;
    rf_buf_init(&problems, PROBLEMS_MAX);
    int rc = rf_bot_check(s->bot, &problems, &bad, err);
    if (rc < 0 || bad == 0)
        return rc;
    rf_buf_add_char(&problems, '\0');
    RF_CLEANUP(rf_freep) char *text = rf_buf_take(&problems, NULL);
    char *first = NULL, *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        rf_log(RF_LOG_ERROR, "Script cannot be run", "error", line, NULL);
        first = first != NULL ? first : line;
    }
    return rf_fail(err, RFE_CONFIG, "%zu of %zu script%s cannot be run: %s", bad,
                   rf_bot_scripts(s->bot), rf_text_s(rf_bot_scripts(s->bot)),
                   first != NULL ? first : "?");
}

static int open_session(struct regbot_session *s, const struct rf_env *env,
                        const struct regbot_options *o, bool online, struct rf_err *err)
{
    s->env = env;
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* a server's lines are read while it runs */
    if (o->memory != 0 && (o->memory < RF_LUA_MEMORY_MIN || o->memory > RF_LUA_MEMORY_MAX))
        return rf_fail(err, RFE_USAGE, "--memory: wanted is a size from 1MiB to 64GiB");
    int rc = load_config(s, o, err);
    if (rc == 0 && online)
        rc = rf_runner_client(env, s->config, merge_creds, s->config, &s->client, err);
    if (rc < 0)
        return rc;
    warn_of_wishes(o);
    if (o->lua_path.n == 0)
        add_lua_path(&s->folders);
    const struct rf_list *folders = o->lua_path.n > 0 ? &o->lua_path : &s->folders;
    const struct rf_bot_setup setup = { .dry_run = o->dry_run,
                                        .unsafe_libs = o->unsafe_libs,
                                        .memory = (size_t)o->memory,
                                        .module_dirs = (const char *const *)folders->items,
                                        .n_module_dirs = folders->n,
                                        .env = (const char *const *)o->env.items,
                                        .n_env = o->env.n,
                                        .print = isatty(STDOUT_FILENO) != 0 ? print_to_terminal
                                                                            : print_plain };
    s->bot = rf_bot_new(s->config, s->client, &setup);
    return o->strict && online ? refuse_broken(s, err) : 0;
}

int regbot_session_open(struct regbot_session *s, const struct rf_env *env,
                        const struct regbot_options *o, struct rf_err *err)
{
    return open_session(s, env, o, true, err);
}

int regbot_session_offline(struct regbot_session *s, const struct rf_env *env,
                           const struct regbot_options *o, struct rf_err *err)
{
    return open_session(s, env, o, false, err);
}

void regbot_session_release(struct regbot_session *s)
{
    if (s->client != NULL)
        rf_net_stats(s->env->net, s->client);
    rf_bot_freep(&s->bot);
    rf_client_freep(&s->client);
    rf_policy_config_freep(&s->config);
    for (size_t i = 0; i < s->folders.n; i++)
        free(s->folders.items[i]);
    free(RF_STEAL(s->folders.items));
    free(RF_STEAL(s->scheduled));
    s->folders.n = 0;
}
