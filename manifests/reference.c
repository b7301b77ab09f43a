/* SPDX-License-Identifier: Apache-2.0 */
#include "manifests/reference.h"

#include "base/mem.h"
#include "base/text.h"

#include <arpa/inet.h>

#define PATH_TEXT_MAX 4095
#define REF_TEXT_MAX 8192
#define HUB "docker.io"

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_lower(c) || is_upper(c) || is_digit(c);
}

/* ---- the grammar ---- */

bool rf_tag_valid(struct rf_slice tag)
{
    if (tag.len == 0 || tag.len > RF_TAG_MAX || !(is_alnum(tag.ptr[0]) || tag.ptr[0] == '_'))
        return false;
    for (size_t i = 1; i < tag.len; i++) {
        char c = tag.ptr[i];
        if (!(is_alnum(c) || c == '.' || c == '_' || c == '-'))
            return false;
    }
    return true;
}

/* One component: [a-z0-9]+ joined by ".", "_", "__" or any number of dashes. */
static bool component_valid(const char *p, size_t n)
{
    size_t i = 0;
    while (i < n) {
        size_t start = i;
        while (i < n && (is_lower(p[i]) || is_digit(p[i])))
            i++;
        if (i == start)
            return false; /* empty, or starts with a separator */
        if (i == n)
            return true;
        size_t sep = i;
        while (i < n && p[i] == p[sep])
            i++;
        size_t len = i - sep;
        if (!(p[sep] == '-' || (p[sep] == '.' && len == 1) || (p[sep] == '_' && len <= 2)))
            return false;
    }
    return false; /* empty, or ends with a separator */
}

bool rf_repository_valid(struct rf_slice repository)
{
    if (repository.len == 0 || repository.len > RF_REPOSITORY_MAX)
        return false;
    size_t start = 0;
    for (size_t i = 0; i <= repository.len; i++) {
        if (i < repository.len && repository.ptr[i] != '/')
            continue;
        if (!component_valid(repository.ptr + start, i - start))
            return false;
        start = i + 1;
    }
    return true;
}

static bool port_valid(struct rf_slice s)
{
    uint64_t port = 0;
    return s.len > 0 && s.len <= 5 && rf_parse_u64(s, 65535, &port, NULL) == 0 && port > 0;
}

/* Letters, digits and dashes in labels joined by dots; one dot may end the name. */
static bool host_valid(struct rf_slice s)
{
    size_t label = 0;
    if (s.len == 0 || !is_alnum(s.ptr[0]))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '.') {
            if (label == 0 || s.ptr[i - 1] == '-')
                return false;
            label = 0;
            continue;
        }
        if (!(is_alnum(c) || c == '-') || (c == '-' && label == 0) || ++label > 63)
            return false;
    }
    return s.ptr[s.len - 1] != '-';
}

static bool ipv6_valid(struct rf_slice s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (s.len == 0 || s.len >= sizeof(text) || memchr(s.ptr, '\0', s.len) != NULL)
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

bool rf_registry_valid(struct rf_slice registry)
{
    if (registry.len == 0 || registry.len > RF_REGISTRY_MAX)
        return false;
    struct rf_slice rest;
    if (registry.ptr[0] == '[') {
        const char *end = memchr(registry.ptr, ']', registry.len);
        if (end == NULL)
            return false;
        size_t n = (size_t)(end - registry.ptr);
        if (!ipv6_valid(rf_slice_of(registry.ptr + 1, n - 1)))
            return false;
        rest = rf_slice_of(end + 1, registry.len - n - 1);
    } else {
        const char *colon = memchr(registry.ptr, ':', registry.len);
        size_t n = colon != NULL ? (size_t)(colon - registry.ptr) : registry.len;
        if (!host_valid(rf_slice_of(registry.ptr, n)))
            return false;
        rest = rf_slice_of(registry.ptr + n, registry.len - n);
    }
    return rest.len == 0 ||
           (rest.ptr[0] == ':' && port_valid(rf_slice_of(rest.ptr + 1, rest.len - 1)));
}

static bool path_valid(struct rf_slice s)
{
    if (s.len == 0 || s.len > PATH_TEXT_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!is_alnum(c) && (c == '\0' || strchr("/_-.~+ ", c) == NULL))
            return false;
    }
    return true;
}

/* ---- parsing ---- */

/* The pieces of a text before they are copied. */
struct pieces {
    struct rf_slice registry, name, tag, digest;
    bool has_tag, has_digest;
};

static int invalid(const char *text, const char *why, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(text), 300);
    return rf_fail(err, RFE_INVALID, "invalid reference \"%s\"%s%s", shown,
                   why[0] != '\0' ? ", " : "", why);
}

static bool is_hub_alias(struct rf_slice registry)
{
    static const char *const aliases[] = { HUB, "index.docker.io", "registry-1.docker.io" };
    for (size_t i = 0; i < RF_ARRAY_LEN(aliases); i++) {
        if (registry.len == strlen(aliases[i]) &&
            strncasecmp(registry.ptr, aliases[i], registry.len) == 0)
            return true;
    }
    return false;
}

/* A first part before "/" is a host when it could not be a repository, or is localhost. */
static bool looks_like_host(struct rf_slice s)
{
    if (s.len == 0)
        return false;
    if (s.ptr[0] == '[' || rf_slice_is(s, "localhost"))
        return true;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '.' || s.ptr[i] == ':' || is_upper(s.ptr[i]))
            return true;
    }
    return false;
}

/* Cuts "@digest" and ":tag" off the end of `rest`. */
static void cut_tail(struct rf_slice rest, struct pieces *out)
{
    const char *at = memchr(rest.ptr, '@', rest.len);
    if (at != NULL) {
        size_t n = (size_t)(at - rest.ptr);
        out->has_digest = true;
        out->digest = rf_slice_of(at + 1, rest.len - n - 1);
        rest.len = n;
    }
    const char *colon = memchr(rest.ptr, ':', rest.len);
    if (colon != NULL) {
        size_t n = (size_t)(colon - rest.ptr);
        out->has_tag = true;
        out->tag = rf_slice_of(colon + 1, rest.len - n - 1);
        rest.len = n;
    }
    out->name = rest;
}

/* The name would be right in lower case: worth saying, it is the most common slip. */
static bool only_case_is_wrong(struct rf_slice name)
{
    if (name.len == 0 || name.len > RF_REPOSITORY_MAX)
        return false;
    char lower[RF_REPOSITORY_MAX];
    for (size_t i = 0; i < name.len; i++)
        lower[i] = (char)(is_upper(name.ptr[i]) ? name.ptr[i] - 'A' + 'a' : name.ptr[i]);
    return rf_repository_valid(rf_slice_of(lower, name.len));
}

static int check_tail(const char *text, const struct pieces *p, struct rf_digest *digest,
                      struct rf_err *err)
{
    if (p->has_tag && !rf_tag_valid(p->tag))
        return invalid(text, "the tag is not valid", err);
    if (!p->has_digest)
        return 0;
    struct rf_err cause = RF_ERR_INIT;
    if (rf_digest_parse(p->digest, digest, &cause) < 0)
        return invalid(text, "the digest is not sha256 or sha512 in lower-case hex", err);
    return 0;
}

static int parse_registry_ref(const char *text, bool default_tag, struct rf_ref *out,
                              struct rf_err *err)
{
    struct pieces p = { 0 };
    struct rf_slice rest = rf_slice_str(text);
    const char *slash = strchr(text, '/');
    if (slash != NULL && looks_like_host(rf_slice_of(text, (size_t)(slash - text)))) {
        p.registry = rf_slice_of(text, (size_t)(slash - text));
        if (!rf_registry_valid(p.registry))
            return invalid(text, "the registry host is not valid", err);
        rest = rf_slice_str(slash + 1);
    }
    cut_tail(rest, &p);
    /* The cap is on the whole repository name, including a library/ that we put before it. */
    bool hub = p.registry.len == 0 || is_hub_alias(p.registry);
    bool official = hub && memchr(p.name.ptr, '/', p.name.len) == NULL;
    if (!rf_repository_valid(p.name) || (official && p.name.len + 8 > RF_REPOSITORY_MAX))
        return invalid(text, only_case_is_wrong(p.name) ? "repo must be lowercase" : "", err);
    struct rf_digest digest = { 0 };
    int rc = check_tail(text, &p, &digest, err);
    if (rc < 0)
        return rc;
    *out =
        (struct rf_ref){ .scheme = RF_SCHEME_REGISTRY, .text = rf_xstrdup(text), .digest = digest };
    out->registry = hub ? rf_xstrdup(HUB) : rf_xstrndup(p.registry.ptr, p.registry.len);
    out->repository =
        rf_xasprintf("%s%.*s", official ? "library/" : "", (int)p.name.len, p.name.ptr);
    if (p.has_tag)
        out->tag = rf_xstrndup(p.tag.ptr, p.tag.len);
    else if (default_tag && !p.has_digest)
        out->tag = rf_xstrdup("latest");
    return 0;
}

/*
 * A file holds images of many repositories: FILE[:REPOSITORY][:TAG]. A path has no colon, so the first one ends it; what
 * is behind is a tag unless it holds a slash or a further colon.
 */
static struct rf_slice cut_repository(struct pieces *p)
{
    struct rf_slice repository = { 0 };
    if (!p->has_tag)
        return repository;
    const char *colon = memrchr(p->tag.ptr, ':', p->tag.len);
    if (colon != NULL) {
        repository = rf_slice_of(p->tag.ptr, (size_t)(colon - p->tag.ptr));
        p->tag = rf_slice_of(colon + 1, p->tag.len - repository.len - 1);
    } else if (memchr(p->tag.ptr, '/', p->tag.len) != NULL) {
        repository = p->tag;
        p->has_tag = false;
    }
    return repository;
}

static int parse_path_ref(const char *text, const char *rest, enum rf_scheme scheme,
                          struct rf_ref *out, struct rf_err *err)
{
    struct pieces p = { 0 };
    struct rf_slice repository = { 0 };
    cut_tail(rf_slice_str(rest), &p);
    if (scheme == RF_SCHEME_OCIFILE)
        repository = cut_repository(&p);
    if (!path_valid(p.name))
        return invalid(text, "a path holds only letters, digits, spaces and / _ - . ~ +", err);
    if (repository.ptr != NULL && !rf_repository_valid(repository))
        return invalid(text, "what stands behind the file is not REPOSITORY[:TAG]", err);
    struct rf_digest digest = { 0 };
    int rc = check_tail(text, &p, &digest, err);
    if (rc < 0)
        return rc;
    *out = (struct rf_ref){ .scheme = scheme, .text = rf_xstrdup(text), .digest = digest };
    out->path = rf_xstrndup(p.name.ptr, p.name.len);
    if (repository.ptr != NULL)
        out->repository = rf_xstrndup(repository.ptr, repository.len);
    if (p.has_tag)
        out->tag = rf_xstrndup(p.tag.ptr, p.tag.len);
    return 0;
}

static int parse_any(const char *text, bool default_tag, struct rf_ref *out, struct rf_err *err)
{
    if (text == NULL || text[0] == '\0')
        return rf_fail(err, RFE_INVALID, "invalid reference \"\", it is empty");
    if (strlen(text) > REF_TEXT_MAX)
        return invalid(text, "it is too long", err);
    struct rf_slice s = rf_slice_str(text);
    if (rf_slice_starts(s, "ocidir://"))
        return parse_path_ref(text, text + 9, RF_SCHEME_OCIDIR, out, err);
    if (rf_slice_starts(s, "ocifile://"))
        return parse_path_ref(text, text + 10, RF_SCHEME_OCIFILE, out, err);
    if (strstr(text, "://") != NULL)
        return invalid(text, "known schemes are ocidir:// and ocifile://, a registry has none",
                       err);
    return parse_registry_ref(text, default_tag, out, err);
}

int rf_ref_parse(const char *text, struct rf_ref *out, struct rf_err *err)
{
    return parse_any(text, true, out, err);
}

int rf_ref_parse_repo(const char *text, struct rf_ref *out, struct rf_err *err)
{
    return parse_any(text, false, out, err);
}

int rf_ref_parse_registry(const char *text, char **out, struct rf_err *err)
{
    struct rf_slice s = rf_slice_str(text);
    if (!rf_registry_valid(s)) {
        RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(s, 300);
        bool path = s.len > 0 && memchr(s.ptr, '/', s.len) != NULL;
        return rf_fail(err, RFE_INVALID, "invalid registry \"%s\"%s", shown,
                       path ? ", a host[:port] without a path is wanted" : "");
    }
    *out = is_hub_alias(s) ? rf_xstrdup(HUB) : rf_xstrndup(s.ptr, s.len);
    return 0;
}

/* ---- life ---- */

void rf_ref_release(struct rf_ref *r)
{
    if (r == NULL)
        return;
    free(r->text);
    free(r->registry);
    free(r->repository);
    free(r->path);
    free(r->tag);
    *r = (struct rf_ref)RF_REF_INIT;
}

void rf_ref_copy(const struct rf_ref *from, struct rf_ref *to)
{
    *to = (struct rf_ref){
        .scheme = from->scheme,
        .text = rf_xstrdup(from->text),
        .registry = rf_xstrdup(from->registry),
        .repository = rf_xstrdup(from->repository),
        .path = rf_xstrdup(from->path),
        .tag = rf_xstrdup(from->tag),
        .digest = from->digest,
    };
}

void rf_ref_set_tag(struct rf_ref *r, const char *tag)
{
    if (tag != NULL && !rf_tag_valid(rf_slice_str(tag)))
        RF_BUG("rf_ref_set_tag: the caller did not check the tag");
    char *copy = rf_xstrdup(tag);
    free(r->tag);
    r->tag = copy;
    free(r->text);
    r->text = rf_ref_common_name(r);
}

void rf_ref_set_digest(struct rf_ref *r, const struct rf_digest *digest)
{
    r->digest = digest != NULL ? *digest : (struct rf_digest){ 0 };
    free(r->text);
    r->text = rf_ref_common_name(r);
}

char *rf_ref_common_name(const struct rf_ref *r)
{
    char digest[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_freep) char *location = rf_ref_location(r);
    return rf_xasprintf("%s%s%s%s%s", location, r->tag != NULL ? ":" : "",
                        r->tag != NULL ? r->tag : "", rf_digest_is_set(&r->digest) ? "@" : "",
                        rf_digest_text(&r->digest, digest));
}

char *rf_ref_location(const struct rf_ref *r)
{
    switch (r->scheme) {
    case RF_SCHEME_OCIDIR:
        return rf_xasprintf("ocidir://%s", r->path != NULL ? r->path : "");
    case RF_SCHEME_OCIFILE:
        return rf_xasprintf("ocifile://%s%s%s", r->path != NULL ? r->path : "",
                            r->repository != NULL ? ":" : "",
                            r->repository != NULL ? r->repository : "");
    case RF_SCHEME_REGISTRY:
        break;
    }
    return rf_xasprintf("%s/%s", r->registry != NULL ? r->registry : "",
                        r->repository != NULL ? r->repository : "");
}
