/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/import/helper_policy.h"

#include "base/mem.h"

const char no_root[] = "function accept(image)\n"
                       "  for _, one in ipairs(image.images) do\n"
                       "    if (one.config.config or {}).User == 'root' then\n"
                       "      return false, 'runs as root'\n"
                       "    end\n"
                       "  end\n"
                       "  return true\n"
                       "end\n";

struct rf_verdicts *policy_of(const char *script)
{
    struct rf_verdicts *v = NULL;
    struct rf_err err = RF_ERR_INIT;
    char text[8192];
    (void)snprintf(text, sizeof(text), "%s", script);
    char place[] = "ferry.yml";
    struct rf_policy_section section = { .text = text, .place = place };
    expect_ok(rf_verdicts_open(&section, &v, &err), err);
    return v;
}

typedef int (*one_bundle)(const struct rf_import_request *, const char *, struct rf_import_result *,
                          struct rf_err *);

static void run_with(one_bundle f, struct applied *a, const char *script, const char *path,
                     const struct how *how)
{
    static struct rf_import_request req; /* the result looks at it */
    memset(a, 0, sizeof(*a));
    request_of(&req, &far, how);
    req.policy = script != NULL ? policy_of(script) : NULL;
    rf_import_result_init(&a->result);
    a->rc = f(&req, path, &a->result, &a->err);
    rf_verdicts_freep(&req.policy);
}

void apply_with(struct applied *a, const char *script, const char *path, const struct how *how)
{
    run_with(rf_import_apply, a, script, path, how);
}

void plan_with(struct applied *a, const char *script, const char *path, const struct how *how)
{
    run_with(rf_import_plan, a, script, path, how);
}

const char *refusal_of(const struct applied *a, const char *repository, const char *tag)
{
    const struct rf_desired *d = &a->result.run.doc->desired;
    for (size_t i = 0; i < d->n; i++) {
        if (strcmp(rf_desired_str(d, d->images[i].repository), repository) != 0 ||
            strcmp(rf_desired_str(d, d->images[i].tag), tag) != 0)
            continue;
        ck_assert_int_eq(a->result.run.by_policy[i], a->result.run.refused[i] != NULL);
        return a->result.run.refused[i];
    }
    ck_abort_msg("there is no %s:%s", repository, tag);
    return NULL;
}

char *config_of(const char *user)
{
    return rf_xasprintf(
        "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"User\":\"%s\"}}", user);
}
