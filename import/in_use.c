/* SPDX-License-Identifier: Apache-2.0 */
#include "import/in_use.h"

#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "manifests/reference.h"

void rf_in_use_init(struct rf_in_use *u)
{
    rf_strings_init(&u->digests);
    rf_strings_init(&u->names);
}

void rf_in_use_release(struct rf_in_use *u)
{
    rf_strings_release(&u->digests);
    rf_strings_release(&u->names);
}

static bool is_apart(char c)
{
    return (unsigned char)c <= ' ' || strchr("\"'`,;()[]{}<>|=", c) != NULL;
}

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

static bool add_word(struct rf_in_use *u, struct rf_slice word)
{
    struct rf_digest d;
    char text[RF_DIGEST_TEXT];
    if (word.len > 1024)
        return false;
    bool digest = find_digest(word, &d);
    if (digest)
        (void)rf_strings_add(&u->digests, rf_slice_str(rf_digest_text(&d, text)));
    word = without_registry(without_scheme(word));
    const char *at = memchr(word.ptr, '@', word.len);
    if (at != NULL)
        word.len = (size_t)(at - word.ptr);
    const char *colon = memrchr(word.ptr, ':', word.len);
    struct rf_slice repository =
        rf_slice_of(word.ptr, colon != NULL ? (size_t)(colon - word.ptr) : word.len);
    struct rf_slice tag = colon != NULL ? rf_slice_of(colon + 1, word.len - repository.len - 1)
                                        : rf_slice_str("latest");
    if (!rf_repository_valid(repository) || !rf_tag_valid(tag))
        return digest;
    RF_CLEANUP(rf_freep)
    char *name =
        rf_xasprintf("%.*s:%.*s", (int)repository.len, repository.ptr, (int)tag.len, tag.ptr);
    (void)rf_strings_add(&u->names, rf_slice_str(name));
    /* a single word without tag, as in a sentence, is no sign of a list */
    return digest || colon != NULL || memchr(word.ptr, '/', word.len) != NULL;
}

size_t rf_in_use_add(struct rf_in_use *u, struct rf_slice text)
{
    size_t found = 0;
    for (size_t i = 0, end; i < text.len; i = end + 1) {
        for (end = i; end < text.len && !is_apart(text.ptr[end]);)
            end++;
        if (end > i)
            found += add_word(u, rf_slice_of(text.ptr + i, end - i));
    }
    return found;
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
    if (rc < 0)
        return rf_wrap(err, rc, "--in-use %s", path);
    if (rf_in_use_add(u, rf_buf_slice(&text)) == 0)
        return rf_fail(err, RFE_USAGE,
                       "--in-use %s: it names no image; a list of digests or references is wanted",
                       path);
    return 0;
}

bool rf_in_use_has_digest(const struct rf_in_use *u, const struct rf_digest *d)
{
    char text[RF_DIGEST_TEXT];
    return rf_strings_find(&u->digests, rf_slice_str(rf_digest_text(d, text))) != RF_NO_ID;
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
