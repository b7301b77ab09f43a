/* SPDX-License-Identifier: Apache-2.0 */
#include "manifests/platform.h"

#include "base/mem.h"
#include "base/text.h"

#include <sys/utsname.h>

#define TEXT_MAX 255
#define FEATURES_MAX 64

/* The normalised strings of a platform, without copying any of them. */
struct view {
    const char *os, *architecture, *variant, *os_version;
};

static const char *or_empty(const char *s)
{
    return s != NULL ? s : "";
}

static bool one_of(const char *s, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(s, list[i]) == 0)
            return true;
    }
    return false;
}
#define ONE_OF(s, ...)                                \
    one_of((s), (const char *const[]){ __VA_ARGS__ }, \
           RF_ARRAY_LEN(((const char *const[]){ __VA_ARGS__ })))

static const char *arm_variant(const char *variant)
{
    if (ONE_OF(variant, "", "7"))
        return "v7";
    if (strcmp(variant, "5") == 0)
        return "v5";
    if (strcmp(variant, "6") == 0)
        return "v6";
    if (strcmp(variant, "8") == 0)
        return "v8";
    return variant;
}

static struct view view_of(const struct rf_platform *p)
{
    struct view v = { .os = or_empty(p->os),
                      .architecture = or_empty(p->architecture),
                      .variant = or_empty(p->variant),
                      .os_version = or_empty(p->os_version) };
    if (strcmp(v.os, "macos") == 0)
        v.os = "darwin";
    if (strcmp(v.architecture, "i386") == 0) {
        v.architecture = "386";
        v.variant = "";
    } else if (ONE_OF(v.architecture, "x86_64", "x86-64", "amd64")) {
        v.architecture = "amd64";
        if (strcmp(v.variant, "v1") == 0)
            v.variant = "";
    } else if (ONE_OF(v.architecture, "aarch64", "arm64")) {
        v.architecture = "arm64";
        if (ONE_OF(v.variant, "8", "v8"))
            v.variant = "";
    } else if (strcmp(v.architecture, "armhf") == 0) {
        v.architecture = "arm";
        v.variant = "v7";
    } else if (strcmp(v.architecture, "armel") == 0) {
        v.architecture = "arm";
        v.variant = "v6";
    } else if (strcmp(v.architecture, "arm") == 0) {
        v.variant = arm_variant(v.variant);
    }
    return v;
}

/* Sets all four texts; the old ones are freed only after the new ones were copied. */
static void set_texts(struct rf_platform *p, const struct view *v)
{
    char *os = rf_xstrdup(v->os), *architecture = rf_xstrdup(v->architecture);
    char *variant = rf_xstrdup(v->variant), *os_version = rf_xstrdup(v->os_version);
    free(p->os);
    free(p->architecture);
    free(p->variant);
    free(p->os_version);
    p->os = os;
    p->architecture = architecture;
    p->variant = variant;
    p->os_version = os_version;
}

static void normalise(struct rf_platform *p)
{
    struct view v = view_of(p);
    set_texts(p, &v);
}

/* ---- this machine ---- */

static const char *local_architecture(void)
{
#if defined(__x86_64__)
    return "amd64";
#elif defined(__i386__)
    return "386";
#elif defined(__aarch64__)
    return "arm64";
#elif defined(__arm__)
    return "arm";
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
    return "ppc64le";
#elif defined(__powerpc64__)
    return "ppc64";
#elif defined(__s390x__)
    return "s390x";
#elif defined(__riscv) && __riscv_xlen == 64
    return "riscv64";
#elif defined(__loongarch64)
    return "loong64";
#elif defined(__mips64) && defined(__MIPSEL__)
    return "mips64le";
#else
    return "";
#endif
}

static const char *local_variant(const char *machine)
{
    (void)machine;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("popcnt") ||
        !__builtin_cpu_supports("ssse3"))
        return "";
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2") ||
        !__builtin_cpu_supports("fma"))
        return "v2";
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512cd") || !__builtin_cpu_supports("avx512dq") ||
        !__builtin_cpu_supports("avx512vl"))
        return "v3";
    return "v4";
#elif defined(__arm__)
    if (strncmp(machine, "armv5", 5) == 0)
        return "v5";
    if (strncmp(machine, "armv6", 5) == 0)
        return "v6";
    return "v7";
#else
    return "";
#endif
}

void rf_platform_local(struct rf_platform *out)
{
    struct utsname u;
    memset(&u, 0, sizeof(u));
    if (uname(&u) != 0)
        u.machine[0] = u.sysname[0] = '\0';
    for (char *c = u.sysname; *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    }
    struct view v = { .os = u.sysname,
                      .architecture = local_architecture(),
                      .variant = local_variant(u.machine),
                      .os_version = "" };
    *out = (struct rf_platform)RF_PLATFORM_INIT;
    set_texts(out, &v);
    normalise(out);
}

/* ---- parsing ---- */

static bool part_valid(struct rf_slice s)
{
    if (s.len == 0 || s.len > TEXT_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-'))
            return false;
    }
    return true;
}

static char *lower_dup(struct rf_slice s)
{
    char *out = rf_xstrndup(s.ptr != NULL ? s.ptr : "", s.len);
    for (char *c = out; *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    }
    return out;
}

/* Architectures that may stand alone; any other single word is an operating system. */
static bool known_architecture(const char *s)
{
    return ONE_OF(s, "386", "amd64", "i386", "x86_64", "x86-64", "arm", "armhf", "armel", "arm64",
                  "aarch64", "mips", "mips64", "mips64le", "ppc", "ppc64", "ppc64le", "loong64",
                  "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64", "wasm");
}

static struct rf_slice trim(struct rf_slice s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

static bool os_version_valid(struct rf_slice s)
{
    if (s.len == 0 || s.len > TEXT_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr("._-+", c) != NULL)))
            return false;
    }
    return true;
}

/* ",osver=10.0.17763" and its like behind the slashes. */
static int parse_options(const char *text, const char *options, struct rf_platform *p,
                         struct rf_err *err)
{
    while (*options != '\0') {
        size_t n = strcspn(options, ",");
        struct rf_slice item = rf_slice_of(options, n);
        options += n + (options[n] == ',');
        const char *eq = memchr(item.ptr, '=', item.len);
        if (eq == NULL)
            return rf_fail(err, RFE_INVALID, "failed to parse platform %s: option without a value",
                           text);
        struct rf_slice key = trim(rf_slice_of(item.ptr, (size_t)(eq - item.ptr)));
        struct rf_slice value = trim(rf_slice_of(eq + 1, item.len - (size_t)(eq - item.ptr) - 1));
        RF_CLEANUP(rf_freep) char *name = lower_dup(key);
        if (!ONE_OF(name, "osver", "osversion"))
            return rf_fail(err, RFE_INVALID,
                           "failed to parse platform %s: unsupported platform arg type, %s", text,
                           name);
        if (!os_version_valid(value))
            return rf_fail(err, RFE_INVALID, "failed to parse platform %s: invalid OS version",
                           text);
        free(p->os_version);
        p->os_version = rf_xstrndup(value.ptr, value.len);
    }
    return 0;
}

/* Splits at "/" into at most three lower-cased parts; returns their number. */
static int split_parts(const char *text, size_t len, char *parts[3], struct rf_err *err)
{
    int n = 0;
    const char *p = text;
    for (;;) {
        const char *end = memchr(p, '/', len - (size_t)(p - text));
        size_t part_len = end != NULL ? (size_t)(end - p) : len - (size_t)(p - text);
        struct rf_slice part = rf_slice_of(p, part_len);
        if (n == 3)
            return rf_fail(err, RFE_INVALID, "failed to parse platform %s: more than three parts",
                           text);
        if (!part_valid(part)) {
            RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(part, TEXT_MAX);
            return rf_fail(err, RFE_INVALID,
                           "failed to parse platform %s: invalid component \"%s\"", text, shown);
        }
        parts[n++] = lower_dup(part);
        if (end == NULL)
            return n;
        p = end + 1;
    }
}

/* What a text left open comes from this machine, but only where nothing but an OS was named: the
 * variant of an explicit architecture is never guessed, or one policy would select differently on two machines. */
static void fill_from_local(struct rf_platform *p, int n_parts)
{
    RF_CLEANUP(rf_platform_release) struct rf_platform local = RF_PLATFORM_INIT;
    rf_platform_local(&local);
    struct view v = view_of(p);
    if (v.os[0] == '\0' || strcmp(v.os, "local") == 0)
        v.os = local.os;
    if (n_parts < 2 && v.architecture[0] == '\0' && strcmp(v.os, local.os) == 0) {
        v.architecture = local.architecture;
        v.variant = local.variant;
    }
    set_texts(p, &v);
}

int rf_platform_parse(const char *text, struct rf_platform *out, struct rf_err *err)
{
    if (text == NULL || text[0] == '\0' || strlen(text) > 4 * (size_t)TEXT_MAX)
        return rf_fail(err, RFE_INVALID, "failed to parse platform: it is empty or too long");
    RF_CLEANUP(rf_platform_release) struct rf_platform p = RF_PLATFORM_INIT;
    size_t len = strcspn(text, ",");
    char *parts[3] = { NULL, NULL, NULL };
    int n = split_parts(text, len, parts, err);
    if (n == 1 && known_architecture(parts[0])) {
        p.architecture = parts[0];
    } else {
        p.os = parts[0];
        p.architecture = parts[1];
        p.variant = parts[2];
    }
    if (n < 0)
        return n;
    if (text[len] == ',') {
        int rc = parse_options(text, text + len + 1, &p, err);
        if (rc < 0)
            return rc;
    }
    fill_from_local(&p, n);
    normalise(&p);
    *out = p;
    p = (struct rf_platform)RF_PLATFORM_INIT;
    return 0;
}

static int json_text(const json_t *obj, const char *key, const char *path, char **out,
                     struct rf_err *err)
{
    const char *s = NULL;
    int rc = rf_json_string(obj, key, path, RF_JSON_OPTIONAL, &s, err);
    if (rc < 0)
        return rc;
    if (s != NULL && strlen(s) > TEXT_MAX)
        return rf_fail(err, RFE_INVALID, "%s%s%s: longer than %d bytes", path,
                       path[0] != '\0' ? "." : "", key, TEXT_MAX);
    *out = rf_xstrdup(s != NULL ? s : "");
    return 0;
}

static int json_features(const json_t *obj, const char *path, struct rf_platform *p,
                         struct rf_err *err)
{
    const json_t *list = NULL;
    int rc = rf_json_array(obj, "os.features", path, RF_JSON_OPTIONAL, FEATURES_MAX, &list, err);
    if (rc < 0 || list == NULL)
        return rc;
    size_t n = json_array_size(list);
    p->os_features = rf_xcalloc(n + 1, sizeof(*p->os_features));
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(list, i);
        const char *s = json_string_value(item);
        if (s == NULL || json_string_length(item) != strlen(s) || strlen(s) > TEXT_MAX)
            return rf_fail(err, RFE_INVALID, "%s%sos.features[%zu]: not a short string", path,
                           path[0] != '\0' ? "." : "", i);
        p->os_features[p->n_os_features++] = rf_xstrdup(s);
    }
    return 0;
}

int rf_platform_from_json(const json_t *obj, const char *path, struct rf_platform *out,
                          struct rf_err *err)
{
    if (!json_is_object(obj))
        return rf_fail(err, RFE_INVALID, "%s: not an object", path[0] != '\0' ? path : "platform");
    RF_CLEANUP(rf_platform_release) struct rf_platform p = RF_PLATFORM_INIT;
    const struct {
        const char *key;
        char **out;
    } texts[] = { { "os", &p.os },
                  { "architecture", &p.architecture },
                  { "variant", &p.variant },
                  { "os.version", &p.os_version } };
    for (size_t i = 0; i < RF_ARRAY_LEN(texts); i++) {
        int rc = json_text(obj, texts[i].key, path, texts[i].out, err);
        if (rc < 0)
            return rc;
    }
    int rc = json_features(obj, path, &p, err);
    if (rc < 0)
        return rc;
    *out = p;
    p = (struct rf_platform)RF_PLATFORM_INIT;
    return 0;
}

/* ---- life ---- */

void rf_platform_release(struct rf_platform *p)
{
    if (p == NULL)
        return;
    free(p->os);
    free(p->architecture);
    free(p->variant);
    free(p->os_version);
    for (size_t i = 0; i < p->n_os_features; i++)
        free(p->os_features[i]);
    free(p->os_features);
    *p = (struct rf_platform)RF_PLATFORM_INIT;
}

void rf_platform_copy(const struct rf_platform *from, struct rf_platform *to)
{
    *to = (struct rf_platform)RF_PLATFORM_INIT;
    struct view v = { .os = or_empty(from->os),
                      .architecture = or_empty(from->architecture),
                      .variant = or_empty(from->variant),
                      .os_version = or_empty(from->os_version) };
    set_texts(to, &v);
    if (from->n_os_features == 0)
        return;
    to->os_features = rf_xcalloc(from->n_os_features, sizeof(*to->os_features));
    for (size_t i = 0; i < from->n_os_features; i++)
        to->os_features[to->n_os_features++] = rf_xstrdup(from->os_features[i]);
}

char *rf_platform_text(const struct rf_platform *p)
{
    struct view v = view_of(p);
    if (v.os[0] == '\0')
        return rf_xstrdup("unknown");
    return rf_xasprintf("%s%s%s%s%s", v.os, v.architecture[0] != '\0' ? "/" : "", v.architecture,
                        v.variant[0] != '\0' ? "/" : "", v.variant);
}

/* ---- comparing ---- */

static bool features_equal(const struct rf_platform *a, const struct rf_platform *b)
{
    if (a->n_os_features != b->n_os_features)
        return false;
    for (size_t i = 0; i < a->n_os_features; i++) {
        if (strcmp(a->os_features[i], b->os_features[i]) != 0)
            return false;
    }
    return true;
}

/* Windows: the first three numbers of a version of four or more decide (build, not revision). */
static struct rf_slice windows_build(const char *version)
{
    const char *p = version;
    for (int dots = 0; (p = strchr(p, '.')) != NULL; p++) {
        if (++dots == 3)
            return rf_slice_of(version, (size_t)(p - version));
    }
    return rf_slice_str(version);
}

static bool same_windows_build(const char *a, const char *b)
{
    return rf_slice_eq(windows_build(a), windows_build(b));
}

bool rf_platform_match(const struct rf_platform *a, const struct rf_platform *b)
{
    struct view x = view_of(a), y = view_of(b);
    if (strcmp(x.os, y.os) != 0 || strcmp(x.architecture, y.architecture) != 0 ||
        strcmp(x.variant, y.variant) != 0)
        return false;
    if (ONE_OF(x.os, "linux", "freebsd"))
        return true;
    if (strcmp(x.os, "windows") == 0)
        return same_windows_build(x.os_version, y.os_version);
    return strcmp(x.os_version, y.os_version) == 0 && features_equal(a, b);
}

/* "v7" is 7, "7" is 7, anything else is 0. */
static unsigned variant_number(const char *variant)
{
    const char *p = variant[0] == 'v' ? variant + 1 : variant;
    uint64_t n = 0;
    if (rf_parse_u64(rf_slice_str(p), 1000, &n, NULL) < 0)
        return 0;
    return (unsigned)n;
}

static bool variant_compatible(const char *host, const char *image)
{
    unsigned h = variant_number(host), i = variant_number(image);
    return h >= i || (host[0] == '\0' && i == 1);
}

bool rf_platform_compatible(const struct rf_platform *host, const struct rf_platform *image)
{
    struct view h = view_of(host), i = view_of(image);
    if (strcmp(h.architecture, i.architecture) != 0 || !variant_compatible(h.variant, i.variant))
        return false;
    bool same_os = strcmp(h.os, i.os) == 0;
    if (ONE_OF(h.os, "linux", "freebsd"))
        return same_os;
    /* Both run Linux images in a virtual machine of their own. */
    if (ONE_OF(h.os, "windows", "darwin") && strcmp(i.os, "linux") == 0)
        return true;
    if (!same_os)
        return false;
    if (strcmp(h.os, "darwin") == 0)
        return true;
    if (strcmp(h.os, "windows") == 0)
        return h.os_version[0] == '\0' || same_windows_build(h.os_version, i.os_version);
    return strcmp(h.os_version, i.os_version) == 0 && features_equal(host, image);
}

/* Compares dotted numbers part by part: <0, 0, >0. A part that is no number is lower than one that is. */
static int version_compare(const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0') {
        size_t na = strcspn(a, "."), nb = strcspn(b, ".");
        uint64_t x = 0, y = 0;
        bool ok_a = rf_parse_u64(rf_slice_of(a, na), UINT64_MAX, &x, NULL) == 0;
        bool ok_b = rf_parse_u64(rf_slice_of(b, nb), UINT64_MAX, &y, NULL) == 0;
        if (!ok_a && !ok_b)
            return 0;
        if (ok_a != ok_b)
            return ok_a ? 1 : -1;
        if (x != y)
            return x > y ? 1 : -1;
        a += na + (a[na] == '.');
        b += nb + (b[nb] == '.');
    }
    return (*a != '\0') - (*b != '\0');
}

/* 1: a is what the host has and b is not; -1: the other way round; 0: no difference. */
static int prefer_equal(const char *host, const char *a, const char *b)
{
    if (strcmp(a, b) == 0)
        return 0;
    if (strcmp(a, host) == 0)
        return 1;
    return strcmp(b, host) == 0 ? -1 : 0;
}

bool rf_platform_better(const struct rf_platform *host, const struct rf_platform *a,
                        const struct rf_platform *b)
{
    struct view h = view_of(host), x = view_of(a), y = view_of(b);
    int d = prefer_equal(h.os, x.os, y.os);
    if (d == 0)
        d = prefer_equal(h.architecture, x.architecture, y.architecture);
    if (d == 0)
        d = prefer_equal(h.variant, x.variant, y.variant);
    if (d == 0)
        d = (int)variant_number(x.variant) - (int)variant_number(y.variant);
    if (d == 0)
        d = prefer_equal(h.os_version, x.os_version, y.os_version);
    if (d == 0)
        d = version_compare(x.os_version, y.os_version);
    return d > 0;
}
