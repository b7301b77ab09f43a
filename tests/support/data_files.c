/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/data_files.h"

#include <dirent.h>
#include <stdlib.h>

#include "base/mem.h"

#define FIELDS_MAX 32

char *test_data_path(const char *name)
{
    const char *root = getenv("RF_TEST_DATA");
    return rf_xasprintf("%s/%s", root != NULL ? root : "tests/data", name);
}

char *test_read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return NULL;
    struct rf_buf b;
    char chunk[65536];
    size_t n;
    rf_buf_init(&b, 0);
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        rf_buf_add(&b, chunk, n);
    (void)fclose(f);
    return rf_buf_take(&b, len);
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

static char *unescape(const char *s, size_t n)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    for (size_t i = 0; i < n; i++) {
        if (s[i] != '\\' || i + 1 == n) {
            rf_buf_add_char(&b, s[i]);
            continue;
        }
        char c = s[++i];
        if (c == 't')
            rf_buf_add_char(&b, '\t');
        else if (c == 'n')
            rf_buf_add_char(&b, '\n');
        else if (c == 'x' && i + 2 < n && hex_digit(s[i + 1]) >= 0 && hex_digit(s[i + 2]) >= 0) {
            rf_buf_add_char(&b, (char)(hex_digit(s[i + 1]) * 16 + hex_digit(s[i + 2])));
            i += 2;
        } else if (c != 'e')
            rf_buf_add_char(&b, c);
    }
    return rf_buf_take(&b, NULL);
}

static char **split_row(const char *line, size_t n)
{
    char **fields = rf_xcalloc(FIELDS_MAX + 1, sizeof(*fields));
    size_t count = 0;
    for (size_t start = 0; start <= n && count < FIELDS_MAX;) {
        const char *tab = memchr(line + start, '\t', n - start);
        size_t end = tab != NULL ? (size_t)(tab - line) : n;
        bool none = end - start == 1 && line[start] == '-';
        fields[count++] = none ? NULL : unescape(line + start, end - start);
        start = end + 1;
    }
    return fields;
}

struct test_table test_table_load(const char *name)
{
    struct test_table t = { 0 };
    size_t len = 0, cap = 0;
    RF_CLEANUP(rf_freep) char *path = test_data_path(name);
    RF_CLEANUP(rf_freep) char *text = test_read_file(path, &len);
    for (char *p = text; p != NULL && *p != '\0';) {
        size_t n = strcspn(p, "\n");
        if (n > 0 && p[0] != '#') {
            t.rows = rf_grow(t.rows, t.n, &cap, sizeof(*t.rows));
            t.rows[t.n++] = split_row(p, n);
        }
        p += n + (p[n] == '\n');
    }
    return t;
}

static int by_name(const void *a, const void *b)
{
    const struct test_case_file *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static void split_case(char *text, size_t len, struct test_case_file *c)
{
    char *gap = memmem(text, len, "\n\n", 2);
    c->head = text;
    c->body = gap != NULL ? gap + 2 : text;
    c->body_len = len - (size_t)(c->body - text);
    if (gap != NULL)
        gap[1] = '\0';
    else
        c->head = rf_xstrdup("");
}

struct test_case_list test_cases_load(const char *folder, const char *extension)
{
    struct test_case_list out = { 0 };
    size_t cap = 0;
    RF_CLEANUP(rf_freep) char *path = test_data_path(folder);
    DIR *d = opendir(path);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        size_t n = strlen(e->d_name), x = strlen(extension);
        if (n <= x || strcmp(e->d_name + n - x, extension) != 0)
            continue;
        size_t len = 0;
        RF_CLEANUP(rf_freep) char *file = rf_xasprintf("%s/%s", path, e->d_name);
        char *text = test_read_file(file, &len);
        if (text == NULL)
            continue;
        out.list = rf_grow(out.list, out.n, &cap, sizeof(*out.list));
        out.list[out.n] = (struct test_case_file){ .name = rf_xstrndup(e->d_name, n - x) };
        split_case(text, len, &out.list[out.n++]);
    }
    if (d != NULL)
        closedir(d);
    if (out.n > 0)
        qsort(out.list, out.n, sizeof(*out.list), by_name);
    return out;
}

char *test_case_value(const struct test_case_file *c, const char *key)
{
    size_t k = strlen(key);
    for (const char *p = c->head; *p != '\0';) {
        size_t n = strcspn(p, "\n");
        if (n > k + 1 && strncmp(p, key, k) == 0 && p[k] == ':' && p[k + 1] == ' ')
            return rf_xstrndup(p + k + 2, n - k - 2);
        p += n + (p[n] == '\n');
    }
    return NULL;
}

int test_error_code(const char *name)
{
    for (int code = RFE_BASE + 1; name != NULL && code < RFE_END; code++) {
        if (strcmp(rf_error_name(code), name) == 0)
            return code;
    }
    return 0;
}
