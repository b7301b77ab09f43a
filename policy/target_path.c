/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/target_path.h"

#include "base/mem.h"
#include "base/text.h"

void rf_target_release(struct rf_target *t)
{
    free(t->repository);
    free(t->tag);
    *t = (struct rf_target){ 0 };
}

/* The last part of a path, without slashes at its end; "." and ".." are no names. */
static struct rf_slice last_folder(const char *path)
{
    size_t end = strlen(path);
    while (end > 0 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    return rf_slice_of(path + start, end - start);
}

/* Name of a layout or tar as a repository. */
static int name_of_path(const struct rf_ref *r, char **out, struct rf_err *err)
{
    struct rf_slice name = last_folder(r->path);
    if (r->scheme == RF_SCHEME_OCIFILE && name.len > 4 &&
        memcmp(name.ptr + name.len - 4, ".tar", 4) == 0)
        name.len -= 4;
    if (!rf_repository_valid(name)) {
        RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(name, 128);
        return rf_fail(err, RFE_INVALID, "%s: \"%s\" cannot be the name of a repository", r->text,
                       shown);
    }
    *out = rf_xstrndup(name.ptr, name.len);
    return 0;
}

static int target_of(const struct rf_ref *r, struct rf_target *out, struct rf_err *err)
{
    char *repository = NULL;
    if (r->repository != NULL) {
        repository = rf_xstrdup(r->repository);
    } else {
        int rc = name_of_path(r, &repository, err);
        if (rc < 0)
            return rc;
    }
    *out = (struct rf_target){ .repository = repository, .tag = rf_xstrdup(r->tag) };
    return 0;
}

int rf_target_of_text(const char *target, struct rf_target *out, struct rf_err *err)
{
    RF_CLEANUP(rf_ref_release) struct rf_ref r = RF_REF_INIT;
    int rc = rf_ref_parse_repo(target, &r, err);
    if (rc < 0)
        return rc;
    if (rf_digest_is_set(&r.digest))
        return rf_fail(err, RFE_INVALID, "%s: a target is named by a tag, not by a digest", r.text);
    if (r.scheme == RF_SCHEME_OCIFILE)
        return rf_fail(err, RFE_INVALID, "%s: a tar cannot be a target", r.text);
    return target_of(&r, out, err);
}

int rf_target_of_registry(const char *target, struct rf_target *out, struct rf_err *err)
{
    if (rf_slice_starts(rf_slice_str(target), "ocidir://")) {
        RF_CLEANUP(rf_ref_release) struct rf_ref r = RF_REF_INIT;
        int rc = rf_ref_parse_repo(target, &r, err);
        if (rc < 0)
            return rc;
        if (r.tag != NULL || rf_digest_is_set(&r.digest))
            return rf_fail(err, RFE_INVALID,
                           "%s: a tag or digest has no place in a step of type registry", r.text);
        *out = (struct rf_target){ .repository = rf_xstrdup("") };
        return 0;
    }
    size_t n = strcspn(target, "/");
    RF_CLEANUP(rf_freep) char *host = rf_xstrndup(target, n);
    RF_CLEANUP(rf_freep) char *name = NULL;
    int rc = rf_ref_parse_registry(host, &name, err);
    if (rc < 0)
        return rc;
    const char *prefix = target[n] == '/' ? target + n + 1 : "";
    if (prefix[0] != '\0' && !rf_repository_valid(rf_slice_str(prefix))) {
        RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(target), 300);
        return rf_fail(err, RFE_INVALID, "invalid target \"%s\", HOST or HOST/PATH is wanted",
                       shown);
    }
    *out = (struct rf_target){ .repository = rf_xstrdup(prefix) };
    return 0;
}

int rf_target_of_source(const struct rf_ref *source, struct rf_target *out, struct rf_err *err)
{
    int rc = target_of(source, out, err);
    return rc < 0 ? rf_hint(err, rc, "name it yourself: SOURCE=PATH[:TAG], or `target` in a step")
                  : 0;
}

int rf_target_join(const char *prefix, const char *repository, char **out, struct rf_err *err)
{
    RF_CLEANUP(rf_freep)
    char *path = rf_xasprintf("%s%s%s", prefix, prefix[0] != '\0' ? "/" : "", repository);
    if (!rf_repository_valid(rf_slice_str(path))) {
        RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(path), 300);
        return rf_fail(err, RFE_INVALID, "\"%s\" is not the name of a repository", shown);
    }
    *out = RF_STEAL(path);
    return 0;
}

/* PATH[:TAG]: no registry, so a first part with a dot or a port is a part of the path like any other. */
static int parse_path(const char *text, struct rf_target *out, struct rf_err *err)
{
    const char *colon = strchr(text, ':');
    size_t n = colon != NULL ? (size_t)(colon - text) : strlen(text);
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(text), 300);
    if (!rf_repository_valid(rf_slice_of(text, n)))
        return rf_fail(err, RFE_USAGE,
                       "invalid path \"%s\", PATH[:TAG] in lower case and without a registry is "
                       "wanted",
                       shown);
    if (colon != NULL && !rf_tag_valid(rf_slice_str(colon + 1)))
        return rf_fail(err, RFE_USAGE, "invalid tag in \"%s\"", shown);
    *out = (struct rf_target){ .repository = rf_xstrndup(text, n),
                               .tag = colon != NULL ? rf_xstrdup(colon + 1) : NULL };
    return 0;
}

int rf_target_parse_arg(const char *arg, struct rf_ref *source, struct rf_target *out,
                        struct rf_err *err)
{
    /* No reference and no path in one holds "=". */
    const char *eq = strchr(arg, '=');
    RF_CLEANUP(rf_freep)
    char *text = rf_xstrndup(arg, eq != NULL ? (size_t)(eq - arg) : strlen(arg));
    RF_CLEANUP(rf_ref_release) struct rf_ref r = RF_REF_INIT;
    struct rf_target t = { 0 };
    struct rf_err cause = RF_ERR_INIT;
    int rc = rf_ref_parse(text, &r, &cause);
    if (rc == 0 && eq == NULL)
        rc = rf_target_of_source(&r, &t, &cause);
    if (rc < 0 && eq == NULL)
        return rf_fail(err, RFE_USAGE, "%s", cause.msg);
    if (rc < 0)
        return rf_fail(err, RFE_USAGE, "%s: %s", arg, cause.msg);
    if (eq != NULL) {
        rc = parse_path(eq + 1, &t, err);
        if (rc < 0)
            return rf_wrap(err, rc, "%s", arg);
        if (t.tag == NULL)
            t.tag = rf_xstrdup(r.tag);
    }
    *source = r;
    r = (struct rf_ref)RF_REF_INIT;
    *out = t;
    return 0;
}
