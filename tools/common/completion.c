/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/completion.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "manifests/media_type.h"
#include "manifests/reference.h"

#define CANDIDATES_MAX 2000
#define ANSWER_MAX (1u << 20)

/* ---- where the cursor is ---- */

struct cursor {
    const struct rf_program *program;
    const struct rf_cmd *cmd;
    const struct rf_opt *value_of; /* the word is the value of this option */
    bool lost;                     /* an unknown command or option stands before */
    bool arguments_only;           /* behind "--" */
    int n_args;                    /* arguments of the command before this one */
    const char *first_arg;
};

static const struct rf_opt *row_at(const struct cursor *c, size_t i)
{
    return i < rf_options_count(c->program, c->cmd) ? rf_options_row(c->program, c->cmd, i) : NULL;
}

static const struct rf_opt *row_named(const struct cursor *c, struct rf_slice name)
{
    return row_at(c, rf_options_find(c->program, c->cmd, name, 0));
}

/* The row whose value is the next word; NULL for flags and for values that stand in the word itself. */
static const struct rf_opt *row_that_waits(const struct cursor *c, const char *word)
{
    if (word[1] == '-')
        return strchr(word, '=') != NULL ? NULL : row_named(c, rf_slice_str(word + 2));
    for (const char *at = word + 1; *at != '\0' && *at != '='; at++) {
        const struct rf_opt *o =
            row_at(c, rf_options_find(c->program, c->cmd, rf_slice_str(""), *at));
        if (o == NULL || o->kind != RF_OPT_FLAG)
            return o != NULL && at[1] == '\0' ? o : NULL;
    }
    return NULL;
}

static bool is_group(const struct cursor *c)
{
    return c->cmd == NULL || c->cmd->n_children > 0;
}

static void pass_word(struct cursor *c, const char *word)
{
    if (!is_group(c)) {
        if (c->n_args++ == 0)
            c->first_arg = word;
        return;
    }
    const struct rf_cmd *child = rf_options_child(c->program, c->cmd, word);
    if (child != NULL)
        c->cmd = child;
    else if (c->cmd != NULL || strcmp(word, "help") != 0)
        c->lost = true;
}

/* Who is told of options that have a value; NULL for nobody. */
struct listener {
    void (*fn)(void *ctx, const char *value);
    void *ctx;
    const char *name; /* of the option */
};

static void tell(const struct listener *l, const struct rf_opt *o, const char *value)
{
    if (l != NULL && o != NULL && strcmp(o->name, l->name) == 0)
        l->fn(l->ctx, value);
}

/* The option at words[i], i < n: the position of the last word that belongs to it. */
static size_t pass_option(struct cursor *c, char *const *words, size_t n, size_t i,
                          const struct listener *l)
{
    const char *word = words[i], *equals = word[1] == '-' ? strchr(word, '=') : NULL;
    const struct rf_opt *o = row_that_waits(c, word);
    if (o != NULL && o->kind != RF_OPT_FLAG) {
        if (i + 1 < n)
            tell(l, o, words[i + 1]);
        else
            c->value_of = o;
        return i + 1;
    }
    if (equals != NULL)
        tell(l, row_named(c, rf_slice_of(word + 2, (size_t)(equals - word - 2))), equals + 1);
    if (o != NULL || !rf_options_takes_next(c->program, c->cmd, word))
        return i;
    /* An option of a command that comes later, or of none. */
    c->lost = i + 1 >= n;
    return i + 1;
}

/* Goes over the words before the cursor. */
static void walk(struct cursor *c, char *const *words, size_t n, const struct listener *l)
{
    for (size_t i = 0; i < n && !c->lost; i++) {
        const char *word = words[i];
        if (c->arguments_only || word[0] != '-' || word[1] == '\0')
            pass_word(c, word);
        else if (strcmp(word, "--") == 0)
            c->arguments_only = true;
        else
            i = pass_option(c, words, n, i, l);
    }
}

/* ---- the answer ---- */

struct answer {
    const struct cursor *c;
    const struct rf_complete_source *source;
    const char *word;   /* the part that is completed */
    struct rf_buf head; /* what stands before it in the whole word: "--output=", "linux/amd64," */
    struct rf_buf lines;
    size_t n;
    bool nospace, files, dirs;
};

static void add_text(struct rf_buf *out, const char *text)
{
    for (; *text != '\0'; text++)
        rf_buf_add_char(out, *text == '\n' || *text == '\t' ? ' ' : *text);
}

/* A candidate, when it goes on from what is there. */
static void offer(struct answer *a, const char *candidate, const char *help)
{
    if (strncmp(candidate, a->word, strlen(a->word)) != 0 || a->n >= CANDIDATES_MAX)
        return;
    a->n++;
    rf_buf_add_str(&a->lines, a->head.ptr);
    rf_buf_add_str(&a->lines, candidate);
    if (help != NULL) {
        rf_buf_add_char(&a->lines, '\t');
        add_text(&a->lines, help);
    }
    rf_buf_add_char(&a->lines, '\n');
}

static void free_list(struct rf_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i]);
    free(list->items);
}

static int by_text(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

static void sort(struct rf_list *list)
{
    if (list->n > 0)
        qsort(list->items, list->n, sizeof(char *), by_text);
}

/* ---- images ---- */

static void complete_tags(struct answer *a, const char *colon)
{
    RF_CLEANUP(free_list) struct rf_list names = { 0 };
    RF_CLEANUP(rf_freep) char *repository = rf_xstrndup(a->word, (size_t)(colon - a->word));
    a->source->tags(a->source->ctx, repository, &names);
    sort(&names);
    for (size_t i = 0; i < names.n; i++) {
        RF_CLEANUP(rf_freep) char *whole = rf_xasprintf("%s:%s", repository, names.items[i]);
        if (rf_tag_valid(rf_slice_str(names.items[i])))
            offer(a, whole, NULL);
    }
}

/* What names of files may be made of here: nothing that a shell or a reference reads in its own way. */
static bool is_plain(const char *name)
{
    return name[0] != '-' &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789._-+")] == '\0';
}

/* "<scheme><folder><name>" as a candidate: a folder goes on with "/", a layout or file with ":". */
static void offer_path(struct answer *a, const char *stem, const char *path, const char *name)
{
    RF_CLEANUP(rf_freep) char *full = rf_xasprintf("%s%s", path, name);
    RF_CLEANUP(rf_freep) char *marker = rf_xasprintf("%s/oci-layout", full);
    struct stat st;
    if (stat(full, &st) != 0)
        return;
    bool folder = S_ISDIR(st.st_mode), layout = folder && access(marker, F_OK) == 0;
    if (!folder && (!S_ISREG(st.st_mode) || strncmp(stem, "ocifile", 7) != 0))
        return;
    RF_CLEANUP(rf_freep)
    char *whole = rf_xasprintf("%s%s%s", stem, name, folder && !layout ? "/" : ":");
    offer(a, whole, NULL);
}

static void complete_path(struct answer *a, size_t scheme)
{
    const char *slash = strrchr(a->word, '/');
    RF_CLEANUP(rf_freep) char *stem = rf_xstrndup(a->word, (size_t)(slash + 1 - a->word));
    RF_CLEANUP(free_list) struct rf_list names = { 0 };
    const char *path = stem + scheme;
    DIR *folder = opendir(path[0] != '\0' ? path : ".");
    for (struct dirent *d; folder != NULL && (d = readdir(folder)) != NULL;) {
        bool wanted = d->d_name[0] != '.' || slash[1] == '.';
        if (!wanted || !is_plain(d->d_name) || strcmp(d->d_name, ".") == 0 ||
            strcmp(d->d_name, "..") == 0 || names.n >= CANDIDATES_MAX)
            continue;
        names.items = rf_grow(names.items, names.n, &names.cap, sizeof(char *));
        names.items[names.n++] = rf_xstrdup(d->d_name);
    }
    if (folder != NULL)
        (void)closedir(folder);
    sort(&names);
    a->nospace = true;
    for (size_t i = 0; i < names.n; i++)
        offer_path(a, stem, path, names.items[i]);
}

static void complete_layout(struct answer *a, bool tags)
{
    size_t scheme = (size_t)(strchr(a->word, ':') - a->word) + 3;
    const char *colon = strchr(a->word + scheme, ':');
    if (colon == NULL)
        complete_path(a, scheme);
    else if (tags)
        complete_tags(a, colon);
}

/* What begins a reference is a registry, not a path of Docker Hub. */
static bool is_registry(const char *word)
{
    size_t n = strcspn(word, "/:");
    return memchr(word, '.', n) != NULL || rf_slice_is(rf_slice_of(word, n), "localhost");
}

static void complete_repositories(struct answer *a, const char *slash, bool tags)
{
    RF_CLEANUP(free_list) struct rf_list names = { 0 };
    RF_CLEANUP(rf_freep) char *registry = rf_xstrndup(a->word, (size_t)(slash - a->word));
    /* Docker Hub does not list its repositories. */
    if (!is_registry(registry) && strchr(registry, ':') == NULL)
        return;
    a->source->repositories(a->source->ctx, registry, &names);
    sort(&names);
    a->nospace = tags;
    for (size_t i = 0; i < names.n; i++) {
        RF_CLEANUP(rf_freep)
        char *whole = rf_xasprintf("%s/%s%s", registry, names.items[i], tags ? ":" : "");
        if (rf_repository_valid(rf_slice_str(names.items[i])))
            offer(a, whole, NULL);
    }
}

static void complete_registries(struct answer *a, const char *tail)
{
    RF_CLEANUP(free_list) struct rf_list names = { 0 };
    a->source->registries(a->source->ctx, &names);
    sort(&names);
    for (size_t i = 0; i < names.n; i++) {
        RF_CLEANUP(rf_freep) char *whole = rf_xasprintf("%s%s", names.items[i], tail);
        if (rf_registry_valid(rf_slice_str(names.items[i])))
            offer(a, whole, "registry");
    }
}

static void complete_image(struct answer *a, bool tags)
{
    const char *word = a->word, *slash = strchr(word, '/');
    const char *colon = strchr(slash != NULL ? slash : word, ':');
    if (strncmp(word, "ocidir://", 9) == 0 || strncmp(word, "ocifile://", 10) == 0) {
        complete_layout(a, tags);
    } else if (strchr(word, '@') != NULL) {
        return;
    } else if (slash == NULL) {
        complete_registries(a, "/");
        offer(a, "ocidir://", "layout folder");
        offer(a, "ocifile://", "layout tar or bundle");
        a->nospace = a->n > 0;
        /* "alpine:" of Docker Hub; what looks like a registry is not asked for there. */
        if (a->n == 0 && colon != NULL && tags && !is_registry(word))
            complete_tags(a, colon);
    } else if (colon == NULL) {
        complete_repositories(a, slash, tags);
    } else if (tags) {
        complete_tags(a, colon);
    }
}

/* A tag of the repository that is the command's first argument. */
static void complete_bare_tag(struct answer *a)
{
    RF_CLEANUP(free_list) struct rf_list names = { 0 };
    const char *image = a->c->first_arg;
    if (image == NULL || strchr(image, '@') != NULL)
        return;
    const char *slash = strrchr(image, '/'), *colon = strrchr(image, ':');
    size_t len =
        colon != NULL && (slash == NULL || colon > slash) ? (size_t)(colon - image) : strlen(image);
    RF_CLEANUP(rf_freep) char *repository = rf_xstrndup(image, len);
    a->source->tags(a->source->ctx, repository, &names);
    sort(&names);
    for (size_t i = 0; i < names.n; i++)
        if (rf_tag_valid(rf_slice_str(names.items[i])))
            offer(a, names.items[i], NULL);
}

/* ---- values ---- */

static void offer_all(struct answer *a, const char *const *list)
{
    for (size_t i = 0; list[i] != NULL; i++)
        offer(a, list[i], NULL);
}

static const char *const platforms[] = { "linux/amd64",
                                         "linux/arm64",
                                         "linux/arm/v7",
                                         "linux/arm/v6",
                                         "linux/386",
                                         "linux/ppc64le",
                                         "linux/riscv64",
                                         "linux/s390x",
                                         "windows/amd64",
                                         "windows/arm64",
                                         "darwin/arm64",
                                         "local",
                                         NULL };
static const char *const levels[] = { "trace", "debug", "info", "warn", "error", NULL };
static const char *const types[] = { RF_MT_OCI_INDEX, RF_MT_OCI_MANIFEST, RF_MT_DOCKER_LIST,
                                     RF_MT_DOCKER_MANIFEST, NULL };

static bool is_literal(struct rf_slice word)
{
    return word.len > 0 && word.ptr[0] >= 'a' && word.ptr[0] <= 'z' &&
           strspn(word.ptr, "abcdefghijklmnopqrstuvwxyz0123456789.-") >= word.len;
}

/* One of the words that stand for a value: IMAGE@DIGEST counts as what it begins with. */
static void complete_kind(struct answer *a, struct rf_slice word)
{
    if (is_literal(word)) {
        RF_CLEANUP(rf_freep) char *text = rf_xstrndup(word.ptr, word.len);
        offer(a, text, NULL);
        return;
    }
    size_t n = word.len > 0 ? strspn(word.ptr, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") : 0;
    if (n < word.len && word.ptr[n] == '=')
        return;
    word.len = n < word.len ? n : word.len;
    if (rf_slice_is(word, "IMAGE") || rf_slice_is(word, "SOURCE") || rf_slice_is(word, "TARGET"))
        complete_image(a, true);
    else if (rf_slice_is(word, "REPOSITORY"))
        complete_image(a, false);
    else if (rf_slice_is(word, "REGISTRY"))
        complete_registries(a, "");
    else if (rf_slice_is(word, "TAG"))
        complete_bare_tag(a);
    else if (rf_slice_is(word, "FILE") || rf_slice_is(word, "BUNDLE"))
        a->files = true;
    else if (rf_slice_is(word, "DIR"))
        a->dirs = true;
    else if (rf_slice_is(word, "PLATFORM"))
        offer_all(a, platforms);
    else if (rf_slice_is(word, "LEVEL"))
        offer_all(a, levels);
    else if (rf_slice_is(word, "TYPE"))
        offer_all(a, types);
}

static void complete_kinds(struct answer *a, const char *at, size_t len)
{
    for (const char *end = at + len; at < end;) {
        size_t n = strcspn(at, "|");
        n = n < (size_t)(end - at) ? n : (size_t)(end - at);
        complete_kind(a, rf_slice_of(at, n));
        at += n + 1;
    }
}

static void complete_value(struct answer *a, const struct rf_opt *o)
{
    const char *comma = o->kind == RF_OPT_COMMAS ? strrchr(a->word, ',') : NULL;
    if (comma != NULL) {
        rf_buf_add(&a->head, a->word, (size_t)(comma + 1 - a->word));
        a->word = comma + 1;
    }
    if (o->value != NULL)
        complete_kinds(a, o->value, strlen(o->value));
    else if (o->kind == RF_OPT_FLAG)
        complete_kinds(a, "true|false", strlen("true|false"));
}

/* ---- names ---- */

static bool is_list(const struct rf_opt *o)
{
    return o->kind == RF_OPT_LIST || o->kind == RF_OPT_COMMAS;
}

static bool is_there(char *const *words, size_t n, const char *dashed)
{
    size_t len = strlen(dashed);
    for (size_t i = 0; i < n; i++)
        if (strncmp(words[i], dashed, len) == 0 && (words[i][len] == '\0' || words[i][len] == '='))
            return true;
    return false;
}

static void complete_option_names(struct answer *a, char *const *words, size_t n)
{
    const struct cursor *c = a->c;
    for (size_t i = 0; i < rf_options_count(c->program, c->cmd); i++) {
        const struct rf_opt *o = rf_options_row(c->program, c->cmd, i);
        RF_CLEANUP(rf_freep) char *dashed = rf_xasprintf("--%s", o->name);
        if ((o->flags & RF_OPT_HIDDEN) == 0 && (is_list(o) || !is_there(words, n, dashed)))
            offer(a, dashed, o->help);
    }
    offer(a, "--help", "show the help");
}

static void complete_commands(struct answer *a)
{
    const struct cursor *c = a->c;
    const struct rf_cmd *list = c->cmd != NULL ? c->cmd->children : c->program->cmds;
    size_t n = c->cmd != NULL ? c->cmd->n_children : c->program->n_cmds;
    for (size_t i = 0; i < n; i++)
        if (!list[i].hidden)
            offer(a, list[i].name, list[i].summary);
}

/* The word of the synopsis for this argument: "IMAGE [FILE]"; the last one for all behind "...". */
static void complete_argument(struct answer *a)
{
    const struct rf_cmd *cmd = a->c->cmd;
    const char *at = cmd->arg_kinds != NULL ? cmd->arg_kinds : cmd->synopsis;
    if (at == NULL || (cmd->max_args != RF_ARGS_ANY && a->c->n_args >= cmd->max_args))
        return;
    size_t n = strcspn(at, " ");
    for (int k = 0; k < a->c->n_args && at[n] == ' '; k++) {
        at += n + 1;
        n = strcspn(at, " ");
    }
    while (n > 0 && at[0] == '[') {
        at++;
        n--;
    }
    while (n > 0 && (at[n - 1] == ']' || at[n - 1] == '.'))
        n--;
    complete_kinds(a, at, n);
}

static void answer_word(struct answer *a, char *const *words, size_t n)
{
    const struct cursor *c = a->c;
    const char *word = words[n], *equals = strchr(word, '=');
    if (c->value_of != NULL) {
        complete_value(a, c->value_of);
    } else if (!c->arguments_only && strncmp(word, "--", 2) == 0 && equals != NULL) {
        const struct rf_opt *o = row_named(c, rf_slice_of(word + 2, (size_t)(equals - word - 2)));
        rf_buf_add(&a->head, word, (size_t)(equals + 1 - word));
        a->word = equals + 1;
        if (o != NULL)
            complete_value(a, o);
    } else if (!c->arguments_only && word[0] == '-') {
        complete_option_names(a, words, n);
    } else if (is_group(c)) {
        complete_commands(a);
    } else {
        complete_argument(a);
    }
}

void rf_complete(const struct rf_program *program, char *const *words, size_t n,
                 const struct rf_complete_source *source, struct rf_buf *out)
{
    struct cursor c = { .program = program };
    walk(&c, words, n - 1, NULL);
    struct answer a = { .c = &c, .source = source, .word = words[n - 1] };
    rf_buf_init(&a.head, 0);
    rf_buf_init(&a.lines, ANSWER_MAX);
    if (!c.lost)
        answer_word(&a, words, n - 1);
    rf_buf_addf(out, ":%s%s%s\n", a.nospace ? " nospace" : "", a.files ? " files" : "",
                a.dirs ? " dirs" : "");
    rf_buf_add(out, a.lines.ptr, a.lines.len);
    rf_buf_release(&a.head);
    rf_buf_release(&a.lines);
}

void rf_complete_hosts(const struct rf_program *program, char *const *words, size_t n,
                       void (*add)(void *ctx, const char *value), void *ctx)
{
    struct cursor c = { .program = program };
    const struct listener l = { .fn = add, .ctx = ctx, .name = "host" };
    walk(&c, words, n - 1, &l);
}
