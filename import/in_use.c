/* SPDX-License-Identifier: Apache-2.0 */
#include "import/in_use.h"

#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "manifests/reference.h"

#define WORD_MAX 1024u
#define ID_DIGITS 12u /* so many of an id are compared; tools show at least these */

void rf_in_use_init(struct rf_in_use *u)
{
    *u = (struct rf_in_use){ 0 };
    rf_strings_init(&u->digests);
    rf_strings_init(&u->names);
    rf_strings_init(&u->ids);
}

void rf_in_use_release(struct rf_in_use *u)
{
    rf_strings_release(&u->digests);
    rf_strings_release(&u->names);
    rf_strings_release(&u->ids);
}

size_t rf_in_use_count(const struct rf_in_use *u)
{
    return u->digests.len + u->names.len + u->ids.len;
}

bool rf_in_use_is_empty(const struct rf_in_use *u)
{
    return rf_in_use_count(u) == 0;
}

static void add(struct rf_in_use *u, struct rf_strings *to, struct rf_slice text)
{
    if (rf_in_use_count(u) < RF_IN_USE_NAMES_MAX)
        (void)rf_strings_add(to, text);
}

/* ---- one word ---- */

/* Behind the last "sha256:" or "sha512:" of the word. */
static bool find_digest(struct rf_slice word, struct rf_digest *out)
{
    for (size_t i = word.len; i-- > 0;) {
        struct rf_slice rest = rf_slice_of(word.ptr + i, word.len - i);
        if (word.ptr[i] == 's' && rest.len > 7 && rf_digest_parse(rest, out, NULL) == 0)
            return true;
    }
    return false;
}

/* The first part of a name is a registry when it has a dot or a port, or is localhost. */
static struct rf_slice without_registry(struct rf_slice name)
{
    const char *slash = memchr(name.ptr, '/', name.len);
    if (slash == NULL)
        return name;
    size_t n = (size_t)(slash - name.ptr);
    bool registry = memchr(name.ptr, '.', n) != NULL || memchr(name.ptr, ':', n) != NULL ||
                    (n == 9 && memcmp(name.ptr, "localhost", 9) == 0);
    return registry ? rf_slice_of(slash + 1, name.len - n - 1) : name;
}

static struct rf_slice without_scheme(struct rf_slice word)
{
    for (size_t i = 0; i + 3 <= word.len; i++)
        if (memcmp(word.ptr + i, "://", 3) == 0)
            return rf_slice_of(word.ptr + i + 3, word.len - i - 3);
    return word;
}

static size_t hex_digits(struct rf_slice s)
{
    size_t n = 0;
    while (n < s.len &&
           ((s.ptr[n] >= '0' && s.ptr[n] <= '9') || (s.ptr[n] >= 'a' && s.ptr[n] <= 'f')))
        n++;
    return n;
}

/* An id without algorithm, whole or cut, or a digest that was cut. A number is taken for one as well, but is no sign of a list. */
static bool add_id(struct rf_in_use *u, struct rf_slice word)
{
    const char *colon = memrchr(word.ptr, ':', word.len);
    struct rf_slice hex = word;
    bool letters = false;
    if (colon != NULL)
        hex = rf_slice_of(colon + 1, word.len - (size_t)(colon - word.ptr) - 1);
    if (colon != NULL && (word.len < hex.len + 7 || memcmp(colon - 6, "sha", 3) != 0))
        return false;
    if (hex.len < ID_DIGITS || hex.len > 128 || hex_digits(hex) != hex.len)
        return false;
    for (size_t i = 0; i < hex.len; i++)
        letters = letters || hex.ptr[i] > '9';
    add(u, &u->ids, rf_slice_of(hex.ptr, ID_DIGITS));
    return letters;
}

/* "localhost:8080" and "10.0.0.1:6443" stand in messages of tools that could not reach something; they are no sign of a list. */
static bool is_address(struct rf_slice repository)
{
    return memchr(repository.ptr, '/', repository.len) == NULL &&
           (memchr(repository.ptr, '.', repository.len) != NULL ||
            rf_slice_is(repository, "localhost"));
}

/* True: it shows that the text is a list of images. */
static bool add_name(struct rf_in_use *u, struct rf_slice word)
{
    struct rf_slice whole = without_scheme(word);
    word = without_registry(whole);
    bool registry = word.len < whole.len;
    const char *at = memchr(word.ptr, '@', word.len);
    if (at != NULL)
        word.len = (size_t)(at - word.ptr);
    const char *colon = memrchr(word.ptr, ':', word.len);
    struct rf_slice repository =
        rf_slice_of(word.ptr, colon != NULL ? (size_t)(colon - word.ptr) : word.len);
    struct rf_slice tag = colon != NULL ? rf_slice_of(colon + 1, word.len - repository.len - 1)
                                        : rf_slice_str("latest");
    if (!rf_repository_valid(repository) || !rf_tag_valid(tag))
        return false;
    RF_CLEANUP(rf_freep)
    char *name =
        rf_xasprintf("%.*s:%.*s", (int)repository.len, repository.ptr, (int)tag.len, tag.ptr);
    add(u, &u->names, rf_slice_str(name));
    /* a single word without tag, as in a sentence, is no sign of a list */
    return (colon != NULL || memchr(word.ptr, '/', word.len) != NULL) &&
           (registry || !is_address(repository));
}

static bool add_word(struct rf_in_use *u, struct rf_slice word)
{
    struct rf_digest d;
    char text[RF_DIGEST_TEXT];
    bool digest = find_digest(word, &d);
    if (digest)
        add(u, &u->digests, rf_slice_str(rf_digest_text(&d, text)));
    bool id = !digest && add_id(u, word);
    bool name = add_name(u, word);
    return digest || id || name;
}

/* ---- the text ---- */

struct scan {
    struct rf_in_use *u;
    char word[WORD_MAX + 1];
    size_t len; /* WORD_MAX + 1: too long to be a name */
    size_t in_line;
    bool image_head, table, comment;
    char first[WORD_MAX + 1]; /* of the line, in a table */
    size_t found;
};

/* "IMAGE TAG ..." or "REPOSITORY TAG ..." above: the first two columns are one name. */
static void end_word(struct scan *s)
{
    struct rf_slice word = rf_slice_of(s->word, s->len);
    if (s->len == 0)
        return;
    bool fits = s->len <= WORD_MAX;
    s->len = 0;
    s->in_line++;
    if (!fits)
        return;
    if (s->in_line == 1) {
        s->image_head = rf_slice_is(word, "IMAGE") || rf_slice_is(word, "REPOSITORY");
        memcpy(s->first, word.ptr, word.len);
        s->first[word.len] = '\0';
        if (s->table)
            return;
    } else if (s->in_line == 2 && s->image_head && rf_slice_is(word, "TAG")) {
        s->table = true;
    } else if (s->in_line == 2 && s->table) {
        RF_CLEANUP(rf_freep)
        char *name = rf_xasprintf("%s:%.*s", s->first, (int)word.len, word.ptr);
        s->found += add_word(s->u, rf_slice_str(name));
    }
    s->found += add_word(s->u, word);
}

static void end_line(struct scan *s)
{
    end_word(s);
    if (s->table && s->in_line == 1)
        s->found += add_word(s->u, rf_slice_str(s->first));
    s->in_line = 0;
    s->comment = false;
}

static bool is_apart(unsigned char c)
{
    return c <= ' ' || c >= 0x7f || strchr("\"'`,;()[]{}<>|=\\", c) != NULL;
}

static void take_char(struct scan *s, char c)
{
    if (c == '\n') {
        end_line(s);
    } else if (s->comment) {
        return;
    } else if (c == '#' && s->len == 0 && s->in_line == 0) {
        s->comment = true;
    } else if (is_apart((unsigned char)c)) {
        end_word(s);
    } else if (s->len <= WORD_MAX) {
        s->word[s->len < WORD_MAX ? s->len : WORD_MAX] = c;
        s->len++;
    }
}

/* What a backslash stands for in JSON, and in JSON within JSON. Returns how many bytes it has. */
static size_t take_escape(struct scan *s, struct rf_slice rest)
{
    unsigned value = 0;
    if (rest.len >= 2 && rest.ptr[1] == '/') {
        take_char(s, '/');
        return 2;
    }
    if (rest.len >= 6 && rest.ptr[1] == 'u' && hex_digits(rf_slice_of(rest.ptr + 2, 4)) == 4) {
        for (size_t i = 2; i < 6; i++)
            value = value * 16 +
                    (unsigned)(rest.ptr[i] <= '9' ? rest.ptr[i] - '0' : rest.ptr[i] - 'a' + 10);
        take_char(s, value > ' ' && value < 0x7f ? (char)value : ' ');
        return 6;
    }
    take_char(s, ' ');
    return rest.len >= 2 && rest.ptr[1] != '\0' && strchr("\"nrtbf", rest.ptr[1]) != NULL ? 2 : 1;
}

size_t rf_in_use_add(struct rf_in_use *u, struct rf_slice text)
{
    struct scan s = { .u = u };
    for (size_t i = 0; i < text.len;) {
        if (text.ptr[i] == '\\') {
            i += take_escape(&s, rf_slice_of(text.ptr + i, text.len - i));
        } else {
            take_char(&s, text.ptr[i++]);
        }
    }
    end_line(&s);
    return s.found;
}

static int read_all(const char *path, struct rf_buf *out, struct rf_err *err)
{
    if (strcmp(path, "-") != 0)
        return rf_file_read(path, out, err);
    char piece[16384];
    for (ssize_t n; (n = read(STDIN_FILENO, piece, sizeof(piece))) != 0;) {
        if (n < 0)
            return rf_fail(err, RFE_FAILED, "standard input cannot be read");
        rf_buf_add(out, piece, (size_t)n);
    }
    return out->rc < 0 ? rf_fail(err, RFE_TOO_LARGE, "more than %u bytes", RF_IN_USE_FILE_MAX) : 0;
}

int rf_in_use_load(struct rf_in_use *u, const char *path, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, RF_IN_USE_FILE_MAX);
    int rc = read_all(path, &text, err);
    if (rc == -RFE_NOT_FOUND)
        return rf_fail(err, RFE_USAGE, "--in-use %s: no such file", path);
    if (rc < 0)
        return rf_wrap(err, rc, "--in-use %s", path);
    if (text.len >= 2 &&
        (memcmp(text.ptr, "\xff\xfe", 2) == 0 || memcmp(text.ptr, "\xfe\xff", 2) == 0))
        return rf_fail(err, RFE_USAGE, "--in-use %s: it is UTF-16; save it as UTF-8", path);
    if (rf_in_use_add(u, rf_buf_slice(&text)) == 0)
        return rf_fail(err, RFE_USAGE,
                       "--in-use %s: it names no image; a list of digests or references is wanted",
                       path);
    if (rf_in_use_count(u) >= RF_IN_USE_NAMES_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "--in-use %s: more than %u names", path,
                       RF_IN_USE_NAMES_MAX);
    u->lists++;
    return 0;
}

bool rf_in_use_has_digest(const struct rf_in_use *u, const struct rf_digest *d)
{
    char text[RF_DIGEST_TEXT];
    if (rf_strings_find(&u->digests, rf_slice_str(rf_digest_text(d, text))) != RF_NO_ID)
        return true;
    return rf_strings_find(&u->ids, rf_slice_of(rf_digest_hex(d, text), ID_DIGITS)) != RF_NO_ID;
}

static bool has(const struct rf_in_use *u, const char *repository, const char *tag)
{
    RF_CLEANUP(rf_freep) char *name = rf_xasprintf("%s:%s", repository, tag);
    return rf_strings_find(&u->names, rf_slice_str(name)) != RF_NO_ID;
}

bool rf_in_use_has_name(const struct rf_in_use *u, const char *repository, const char *bundle_name,
                        const char *tag)
{
    if (tag[0] == '\0')
        return false;
    const char *bare = strncmp(bundle_name, "library/", 8) == 0 ? bundle_name + 8 : bundle_name;
    return has(u, repository, tag) || has(u, bundle_name, tag) || has(u, bare, tag);
}
