/* SPDX-License-Identifier: Apache-2.0 */
#include "manifests/media_type.h"

#include "base/mem.h"

static const struct {
    const char *name;
    enum rf_media_kind kind;
} known_kinds[] = {
    { RF_MT_OCI_INDEX, RF_KIND_INDEX },         { RF_MT_OCI_MANIFEST, RF_KIND_IMAGE },
    { RF_MT_DOCKER_LIST, RF_KIND_INDEX },       { RF_MT_DOCKER_MANIFEST, RF_KIND_IMAGE },
    { RF_MT_OCI_ARTIFACT, RF_KIND_LEGACY },     { RF_MT_DOCKER_V1, RF_KIND_LEGACY },
    { RF_MT_DOCKER_V1_SIGNED, RF_KIND_LEGACY },
};

enum rf_media_kind rf_media_kind(const char *media_type)
{
    if (media_type == NULL)
        return RF_KIND_OTHER;
    for (size_t i = 0; i < RF_ARRAY_LEN(known_kinds); i++) {
        if (strcmp(media_type, known_kinds[i].name) == 0)
            return known_kinds[i].kind;
    }
    return RF_KIND_OTHER;
}

bool rf_media_is_docker(const char *media_type)
{
    return media_type != NULL &&
           rf_slice_starts(rf_slice_str(media_type), "application/vnd.docker.");
}

bool rf_media_is_config(const char *media_type)
{
    return media_type != NULL && (strcmp(media_type, RF_MT_OCI_CONFIG) == 0 ||
                                  strcmp(media_type, RF_MT_DOCKER_CONFIG) == 0);
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 6838, section 4.2, "restricted-name". */
static bool restricted_name(const char *p, size_t n)
{
    if (n == 0 || n > 127 || !is_alnum(p[0]))
        return false;
    for (size_t i = 1; i < n; i++) {
        if (!is_alnum(p[i]) && (p[i] == '\0' || strchr("!#$&-^_.+", p[i]) == NULL))
            return false;
    }
    return true;
}

bool rf_media_valid(struct rf_slice s)
{
    if (s.len == 0 || s.len > 255)
        return false;
    const char *slash = memchr(s.ptr, '/', s.len);
    if (slash == NULL)
        return false;
    size_t head = (size_t)(slash - s.ptr);
    return restricted_name(s.ptr, head) && restricted_name(slash + 1, s.len - head - 1);
}

const char *rf_media_base(const char *content_type, char out[256])
{
    out[0] = '\0';
    if (content_type == NULL)
        return out;
    const char *p = content_type + strspn(content_type, " \t");
    size_t n = strcspn(p, ";");
    while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
        n--;
    /* Too long to be a media type: what is handed out must not be a valid type by being cut. */
    if (n > 255) {
        out[0] = '?';
        out[1] = '\0';
        return out;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] - 'A' + 'a' : p[i]);
    out[n] = '\0';
    return out;
}
