/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/config_site.h"

#include "base/mem.h"

/* The site's keys take the place of the file's, one by one. */
static void join_bundle(struct rf_bundle_options *b, struct rf_bundle_options *more)
{
    char **const to[] = { &b->out, &b->sparse }, **const from[] = { &more->out, &more->sparse };
    for (size_t i = 0; i < RF_ARRAY_LEN(to); i++) {
        if (*from[i] == NULL)
            continue;
        free(*to[i]);
        *to[i] = RF_STEAL(*from[i]);
    }
    if (more->strict != RF_TRI_UNSET)
        b->strict = more->strict;
    rf_bundle_options_release(more);
}

/* The other sites go; of this one, what is in the steps now. */
static void leave_alone(struct rf_sites *sites, size_t at)
{
    for (size_t i = 0; i < sites->n; i++)
        if (i != at)
            rf_site_release(&sites->list[i]);
    struct rf_site *site = &sites->list[0];
    if (at > 0) {
        *site = sites->list[at];
        sites->list[at] = (struct rf_site){ 0 };
    }
    sites->n = 1;
    rf_yaml_list_release(&site->sources);
    rf_yaml_list_release(&site->platforms);
    rf_tag_filter_freep(&site->filter);
    site->referrers = site->digest_tags = RF_TRI_UNSET;
}

int rf_policy_config_take_site(struct rf_policy_config *c, const char *name,
                               const struct rf_site **out, struct rf_err *err)
{
    const struct rf_site *found = NULL;
    if (out != NULL)
        *out = NULL;
    int rc = rf_sites_find(&c->sites, name, &found, err);
    if (rc < 0 || found == NULL)
        return rc;
    struct rf_site *site = &c->sites.list[found - c->sites.list];
    rc = rf_site_apply(site, c->steps, &c->n_steps, err);
    if (rc < 0)
        return rc;
    rc = rf_retain_join(&c->retain, &site->retain, site->name, err);
    if (rc < 0)
        return rf_wrap(err, rc, "%s: site %s", c->name, site->name);
    join_bundle(&c->bundle, &site->bundle);
    leave_alone(&c->sites, (size_t)(site - c->sites.list));
    if (out != NULL)
        *out = &c->sites.list[0];
    return 0;
}
