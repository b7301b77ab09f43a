/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of completion, and the registries that they ask. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "manifests/reference.h"
#include "regclient/listing.h"
#include "tools/common/completion.h"

#define WORDS_MAX (256u << 10)
#define PAGE 1000
#define PAGES_MAX 20
#define GIVE_UP_MS 1600 /* then transfers are cancelled */
#define END_MS 1900     /* then the program ends, whatever it does */

static const struct rf_opt rows[] = {
    { "no-descriptions", 0, RF_OPT_FLAG, 0, NULL, "candidates alone, without what they are", NULL,
      0 },
};

static int run_completion(const struct rf_env *env, void *ctx, int argc, char **argv,
                          struct rf_err *err)
{
    const bool *bare = ctx;
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    (void)argc;
    int rc = rf_completion_script(env->program->name, argv[0], !*bare, &text, err);
    if (rc == 0)
        (void)fwrite(text.ptr, 1, text.len, stdout);
    return rc;
}

/* ---- who is asked ---- */

struct net {
    const struct rf_program *program;
    char **words;
    size_t n;
    struct rf_client *client;
};

static void add_name(struct rf_list *list, const char *name)
{
    list->items = rf_grow(list->items, list->n, &list->cap, sizeof(char *));
    list->items[list->n++] = rf_xstrdup(name);
}

static void add_host(void *ctx, const char *value)
{
    struct rf_err ignored;
    (void)!rf_hosts_add_flag(ctx, value, &ignored);
}

/* A file that cannot be read is no reason to complete nothing. */
static struct rf_hosts *hosts_of(const struct net *net)
{
    struct rf_hosts *hosts = rf_hosts_new();
    struct rf_err ignored;
    (void)!rf_hosts_load_docker(hosts, &ignored);
    (void)!rf_hosts_load_regctl(hosts, &ignored);
    rf_complete_hosts(net->program, net->words, net->n, add_host, hosts);
    return hosts;
}

static struct rf_client *client_of(struct net *net)
{
    const struct rf_client_options opts = { 0 };
    struct rf_err ignored;
    if (net->client == NULL && rf_client_new(hosts_of(net), &opts, &net->client, &ignored) < 0)
        net->client = NULL;
    return net->client;
}

static void registries(void *ctx, struct rf_list *names)
{
    struct rf_hosts *hosts = hosts_of(ctx);
    const char *name;
    for (size_t i = 0; (name = rf_hosts_name(hosts, i)) != NULL; i++)
        add_name(names, name);
    rf_hosts_free(hosts);
}

/* Page by page, as far as there are any. */
static void list_repositories(struct rf_place *place, struct rf_list *names)
{
    struct rf_listing_options how = { .limit = PAGE };
    RF_CLEANUP(rf_freep) char *last = NULL;
    bool more = true;
    for (unsigned page = 0; more && page < PAGES_MAX; page++) {
        RF_CLEANUP(rf_listing_release) struct rf_listing l;
        struct rf_err ignored;
        rf_listing_init(&l);
        how.last = last;
        if (rf_listing_repos(place, &how, &l, &ignored) < 0)
            return;
        for (size_t i = 0; i < l.n; i++)
            add_name(names, l.names[i]);
        more = l.n > 0 && rf_headers_get(&l.headers, "link") != NULL;
        free(last);
        last = more ? rf_xstrdup(l.names[l.n - 1]) : NULL;
    }
}

static void repositories(void *ctx, const char *registry, struct rf_list *names)
{
    struct rf_client *client = client_of(ctx);
    RF_CLEANUP(rf_freep) char *normal = NULL;
    struct rf_place *place;
    struct rf_err ignored;
    if (client != NULL && rf_ref_parse_registry(registry, &normal, &ignored) == 0 &&
        rf_client_registry(client, normal, &place, &ignored) == 0)
        list_repositories(place, names);
}

static void tags(void *ctx, const char *repository, struct rf_list *names)
{
    struct rf_client *client = client_of(ctx);
    RF_CLEANUP(rf_ref_release) struct rf_ref ref = RF_REF_INIT;
    RF_CLEANUP(rf_listing_release) struct rf_listing l;
    struct rf_place *place;
    const char *repo;
    struct rf_err ignored;
    rf_listing_init(&l);
    if (client == NULL || rf_ref_parse_repo(repository, &ref, &ignored) < 0 ||
        rf_client_place(client, &ref, 0, &place, &repo, &ignored) < 0 ||
        rf_listing_tags(place, repo, NULL, &l, &ignored) < 0)
        return;
    for (size_t i = 0; i < l.n; i++)
        add_name(names, l.names[i]);
}

/* ---- in two seconds, without a word ---- */

static void pause_ms(long ms)
{
    const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    (void)nanosleep(&t, NULL);
}

static void *watch(void *nothing)
{
    pause_ms(GIVE_UP_MS);
    rf_cancel_set(RFE_CANCELLED);
    pause_ms(END_MS - GIVE_UP_MS);
    _exit(0);
    return nothing;
}

static void start_watch(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, watch, NULL) == 0)
        (void)pthread_detach(thread);
}

/* Helpers that we start inherit it. */
static void be_silent(void)
{
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)dup3(fd, STDERR_FILENO, 0);
    (void)close(fd);
}

/* All of standard input as words with a NUL byte behind each; the array and its texts are in *text. */
static char **read_words(struct rf_buf *text, size_t *n)
{
    char chunk[4096];
    ssize_t got;
    while ((got = read(STDIN_FILENO, chunk, sizeof(chunk))) > 0 || (got < 0 && errno == EINTR))
        if (got > 0)
            rf_buf_add(text, chunk, (size_t)got);
    char **words = rf_xcalloc(text->len + 1, sizeof(char *));
    *n = 0;
    for (size_t at = 0; text->rc == 0 && at < text->len; at += strlen(text->ptr + at) + 1)
        words[(*n)++] = text->ptr + at;
    return words;
}

static void print(const struct rf_buf *answer, bool bare)
{
    for (const char *at = answer->ptr; *at != '\0';) {
        size_t line = strcspn(at, "\n"), n = bare ? strcspn(at, "\t\n") : line;
        (void)fwrite(at, 1, n, stdout);
        (void)fputc('\n', stdout);
        at += line + 1;
    }
}

static int run_complete(const struct rf_env *env, void *ctx, int argc, char **argv,
                        struct rf_err *err)
{
    const bool *bare = ctx;
    RF_CLEANUP(rf_buf_release) struct rf_buf text, answer;
    (void)argc, (void)argv, (void)err;
    rf_buf_init(&text, WORDS_MAX);
    rf_buf_init(&answer, 0);
    be_silent();
    start_watch();
    struct net net = { .program = env->program };
    RF_CLEANUP(rf_freep) char **words = read_words(&text, &net.n);
    net.words = words;
    const struct rf_complete_source source = {
        .registries = registries, .repositories = repositories, .tags = tags, .ctx = &net
    };
    if (net.n > 0)
        rf_complete(env->program, words, net.n, &source, &answer);
    print(&answer, *bare);
    rf_client_freep(&net.client);
    rf_wipe(text.ptr, text.len);
    return 0;
}

/* ---- the rows ---- */

void rf_completion_rows(const char *program, struct rf_cmd *completion, struct rf_cmd *complete,
                        char **examples)
{
    *examples = rf_xasprintf(
        "# bash, now\nsource <(%s completion bash)\n"
        "# bash, from now on\n%s completion bash > ~/.local/share/bash-completion/completions/%s\n"
        "# zsh, into a folder of $fpath\n%s completion zsh > ~/.zfunc/_%s\n"
        "# fish\n%s completion fish > ~/.config/fish/completions/%s.fish",
        program, program, program, program, program, program, program);
    *completion = (struct rf_cmd){
        .name = "completion",
        .synopsis = "bash|zsh|fish",
        .summary = "print a script that completes command lines in a shell",
        .description =
            "The script asks the program at each TAB: for commands, options and values, and for repositories and tags of registries that answer "
            "within two seconds.",
        .examples = *examples,
        .opts = rows,
        .n_opts = RF_ARRAY_LEN(rows),
        .ctx_size = sizeof(bool),
        .min_args = 1,
        .max_args = 1,
        .run = run_completion,
    };
    *complete = (struct rf_cmd){
        .name = "__complete",
        .summary = "answer the script of completion",
        .hidden = true,
        .opts = rows,
        .n_opts = RF_ARRAY_LEN(rows),
        .ctx_size = sizeof(bool),
        .run = run_complete,
    };
}
