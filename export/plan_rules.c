/* SPDX-License-Identifier: Apache-2.0 */
/* Which rule decided on a line: of what was selected, and of what no longer is (export/plan_private.h). */
#include "export/plan_private.h"

#include "base/mem.h"
#include "base/text.h"

#define RULES_SHOWN 240 /* of a step's filters */

/* ---- who ---- */

static const char *item_name(const struct rf_export_item *it, char out[32])
{
    if (it->step == NULL)
        return "command line";
    (void)snprintf(out, 32, "sync[%u]", it->step->number);
    return out;
}

static uint32_t item_line(const struct rf_export_item *it)
{
    return it->step != NULL ? it->step->line : 0;
}

/* ---- how ---- */

static void add_list(struct rf_buf *out, const char *word, const struct rf_yaml_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        rf_buf_addf(out, " %s %s", word, list->items[i]);
}

/* "tags: semverRange >=1.2 allow v.*"; cut when it is long. */
static void add_rules(struct rf_buf *out, const char *what, const struct rf_name_rules *rules)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    if (rf_name_rules_is_empty(rules))
        return;
    rf_buf_addf(&text, "%s:", what);
    add_list(&text, "semverRange", &rules->semver);
    add_list(&text, "allow", &rules->allow);
    add_list(&text, "deny", &rules->deny);
    if (out->len > 0)
        rf_buf_add_str(out, "; ");
    rf_text_safe(out, rf_buf_slice(&text), RULES_SHOWN);
}

/* The set of the step that takes the tag. */
static void add_tag_rules(struct rf_buf *out, const struct rf_step *step, const char *tag)
{
    char name[32];
    bool first = !rf_name_rules_is_empty(&step->tags);
    if (rf_name_filter_is_empty(step->tag_names) && step->n_tag_sets == 0)
        return;
    int which = rf_name_filter_which(step->tag_names, tag, NULL);
    if (which < 0)
        return;
    if (first && which == 0) {
        add_rules(out, "tags", &step->tags);
    } else if ((size_t)which - first < step->n_tag_sets) {
        size_t set = (size_t)which - first;
        (void)snprintf(name, sizeof(name), "tagSets[%zu]", set);
        if (rf_name_rules_is_empty(&step->tag_sets[set]))
            rf_buf_addf(out, "%s%s: every tag", out->len > 0 ? "; " : "", name);
        add_rules(out, name, &step->tag_sets[set]);
    }
}

static void describe(struct rf_buf *out, const struct rf_selection *s, size_t i)
{
    const struct rf_pick *pick = &s->picks[i];
    const struct rf_export_item *it = &s->req->items[pick->item];
    const struct rf_step *step = it->step;
    const char *tag = rf_desired_str(&s->wanted, pick->source_tag);
    const char *plain = NULL;
    bool unlisted = pick->where == RF_NO_ID; /* none of its tags is known */
    if (pick->extra)
        plain = tag[0] == '\0' ? "referrer" : "digest tag";
    else if (!it->whole_repository)
        plain = "named";
    if (plain == NULL && step != NULL && it->registry != NULL && !pick->listless)
        add_rules(out, "repos", &step->repos);
    if (plain == NULL && step != NULL && !unlisted)
        add_tag_rules(out, step, tag);
    if (out->len == 0 && (plain != NULL || !unlisted))
        rf_buf_add_str(out, plain != NULL ? plain : "every tag");
}

/* What line i is called: its tag, or else its digest. */
static const char *line_name(const struct rf_selection *s, uint32_t i, char out[RF_DIGEST_TEXT])
{
    const struct rf_image *im = &s->wanted.images[i];
    const char *tag = rf_desired_str(&s->wanted, im->tag);
    return tag[0] != '\0' ? tag : rf_digest_text(&im->digest, out);
}

uint32_t rf_plan_rule_of(struct rf_plan *p, const struct rf_selection *s, size_t i)
{
    const struct rf_pick *pick = &s->picks[i];
    const struct rf_export_item *it = &s->req->items[pick->item];
    RF_CLEANUP(rf_buf_release) struct rf_buf how;
    char by[32], name[RF_DIGEST_TEXT];
    rf_buf_init(&how, 0);
    describe(&how, s, i);
    struct rf_rule rule = { .by = item_name(it, by),
                            .line = item_line(it),
                            .how = how.len > 0 ? how.ptr : NULL };
    uint32_t of = pick->of != RF_NO_ID ? rf_pick_line(s->picks, pick->of) : RF_NO_ID;
    if (of != RF_NO_ID) {
        rule.of_repository = rf_desired_str(&s->wanted, s->wanted.images[of].repository);
        rule.of_name = line_name(s, of, name);
    }
    if (pick->verdict != RF_NO_ID)
        rule.verdict = rf_desired_str(&s->wanted, pick->verdict);
    return rf_rules_add(&p->rules, &rule);
}

uint32_t rf_plan_rule_held(struct rf_plan *p, const struct rf_selection *s, size_t i)
{
    const struct rf_pick *pick = &s->picks[i];
    const struct rf_export_item *it = &s->req->items[pick->item];
    const struct rf_image *im = &s->wanted.images[i];
    char by[32], digest[RF_DIGEST_TEXT];
    const char *tag = rf_desired_str(&s->wanted, im->tag);
    bool named = tag[0] != '\0' || rf_digest_is_set(&im->digest);
    const struct rf_rule rule = { .by = item_name(it, by),
                                  .line = item_line(it),
                                  .how = pick->refused ? "stays for the refused image"
                                                       : "stays for the hole",
                                  .of_repository = rf_desired_str(&s->wanted, im->repository),
                                  .of_name = !named ? NULL
                                             : tag[0] != '\0'
                                                 ? tag
                                                 : rf_digest_text(&im->digest, digest) };
    return rf_rules_add(&p->rules, &rule);
}

/* ---- what was decided earlier ---- */

uint32_t rf_plan_rule_request(struct rf_plan *p, const char *file, bool asked)
{
    RF_CLEANUP(rf_freep) char *by = rf_xasprintf("request %s", file);
    return rf_rules_add(
        &p->rules, &(struct rf_rule){ .by = by, .how = asked ? "asked for" : "not asked for" });
}

void rf_plan_rules_again(struct rf_plan *p)
{
    struct rf_bundle *b = p->bundle;
    struct rf_desired *d = &b->desired;
    uint32_t carried =
        rf_rules_add(&p->rules, &(struct rf_rule){ .by = "--again", .how = "carried again" });
    uint32_t as_was =
        rf_rules_add(&p->rules, &(struct rf_rule){ .by = "--again", .how = "as recorded" });
    for (size_t i = 0; i < d->n; i++) {
        struct rf_image *im = &d->images[i];
        const struct rf_image *line =
            rf_desired_find(&p->snapshot->desired, rf_desired_str(d, im->repository),
                            rf_desired_str(d, im->tag), &im->digest);
        im->rule = im->status != RF_IMAGE_REMOVED && line != NULL && rf_image_travels(line)
                       ? carried
                       : as_was;
    }
    for (size_t i = 0; i < b->n_holes; i++)
        b->holes[i].rule = as_was;
    p->asked = rf_bundle_is_repair(b) ? carried : 0;
}

/* ---- what is not wanted any more ---- */

struct leaving {
    struct rf_plan *p;
    const struct rf_selection *s;
    uint32_t *item_of; /* per location: the item that takes its tags; RF_NO_ID: none does */
};

/* Where the tags of each location go. */
static uint32_t *items_by_location(const struct rf_selection *s)
{
    uint32_t *item_of = rf_xcalloc(s->locations.n + 1, sizeof(*item_of));
    for (size_t i = 0; i < s->locations.n; i++)
        item_of[i] = RF_NO_ID;
    for (size_t i = s->req->n_items; i-- > 0;) {
        const struct rf_export_item *it = &s->req->items[i];
        uint32_t where = it->registry == NULL && it->whole_repository
                             ? rf_locations_known(&s->locations, &it->source)
                             : RF_NO_ID;
        if (where != RF_NO_ID)
            item_of[where] = (uint32_t)i;
    }
    for (size_t i = s->wanted.n; i-- > 0;) {
        const struct rf_pick *pick = &s->picks[i];
        if (pick->where != RF_NO_ID && s->req->items[pick->item].registry != NULL && !pick->extra)
            item_of[pick->where] = pick->item;
    }
    return item_of;
}

/* "NAME:TAG" or "NAME@DIGEST": the length of NAME, and the tag or "". */
static size_t cut_source(const char *source, const char **tag)
{
    const char *at = strchr(source, '@');
    const char *slash = strrchr(source, '/');
    const char *colon = strrchr(slash != NULL ? slash : source, ':');
    *tag = at == NULL && colon != NULL ? colon + 1 : "";
    return at != NULL      ? (size_t)(at - source)
           : colon != NULL ? (size_t)(colon - source)
                           : strlen(source);
}

static int compare_tag(const void *key, const void *element)
{
    return strcmp(key, *(char *const *)element);
}

static const char *why_tag_left(const struct rf_location *l, const struct rf_export_item *it,
                                const char *tag)
{
    if (!l->listed)
        return "nothing was found there";
    if (l->n_tags == 0 || bsearch(tag, l->tags, l->n_tags, sizeof(*l->tags), compare_tag) == NULL)
        return "the tag is gone at its source";
    if (it->step != NULL && rf_name_filter_match(it->step->tag_names, tag, NULL) == 0)
        return "the tag is not taken any more";
    if (it->step != NULL && it->step->s.media_types.n > 0)
        return "its kind is not taken, or it has another name on the far side now";
    return "it has another name on the far side now";
}

/* The item that takes repositories of the registry that the source is in. */
static const struct rf_export_item *item_of_registry(const struct rf_selection *s,
                                                     const char *source)
{
    for (size_t i = 0; i < s->req->n_items; i++) {
        const char *registry = s->req->items[i].registry;
        if (registry == NULL)
            continue;
        size_t n = strlen(registry);
        if (strncmp(source, registry, n) == 0 && source[n] == '/')
            return &s->req->items[i];
    }
    return NULL;
}

static uint32_t rule_of_leaving(const struct leaving *l, const struct rf_image *im)
{
    const struct rf_desired *d = &l->p->bundle->desired;
    const struct rf_locations *locations = &l->s->locations;
    const char *source = rf_desired_str(d, im->source), *far = rf_desired_str(d, im->tag), *tag;
    size_t n = cut_source(source, &tag);
    uint32_t name = rf_strings_find(&locations->names, rf_slice_of(source, n));
    uint32_t where = name != RF_NO_ID ? locations->name_where[name] : RF_NO_ID;
    uint32_t item = where != RF_NO_ID ? l->item_of[where] : RF_NO_ID;
    struct rf_digest of;
    struct rf_rule rule = { .how = "nothing wants it any more" };
    const struct rf_export_item *it = NULL;
    char by[32];
    if (far[0] == '\0' || rf_digest_tag_parse(far, &of)) {
        rule.how = "it goes with no image that is wanted, and is not named itself";
    } else if (item != RF_NO_ID) {
        it = &l->s->req->items[item];
        rule.how = why_tag_left(&locations->list[where], it, tag);
    } else if ((it = item_of_registry(l->s, source)) != NULL) {
        rule.how = "its repository is gone at its source, or not taken any more";
    }
    if (it != NULL) {
        rule.by = item_name(it, by);
        rule.line = item_line(it);
    }
    return rf_rules_add(&l->p->rules, &rule);
}

/* ---- what the retain rules say of it ---- */

/* Candidates and lines are in the same order, and their strings in one table. */
static int compare_candidate(const struct rf_desired *d, const struct rf_candidate *c,
                             const struct rf_image *im)
{
    int order = strcmp(rf_desired_str(d, c->repository), rf_desired_str(d, im->repository));
    if (order == 0)
        order = strcmp(rf_desired_str(d, c->tag), rf_desired_str(d, im->tag));
    return order != 0 ? order : rf_digest_cmp(&c->digest, &im->digest);
}

static void add_retain(struct rf_plan *p, struct rf_image *im, const struct rf_candidate *c)
{
    struct rf_rule rule;
    if (!rf_rules_get(&p->rules, im->rule, &rule))
        return;
    RF_CLEANUP(rf_freep)
    char *verdict = c != NULL
                        ? rf_xasprintf("let go by %s", rf_desired_str(&p->bundle->desired, c->rule))
                        : rf_xstrdup("the retain rules keep it");
    rule.verdict = verdict;
    im->rule = rf_rules_add(&p->rules, &rule);
}

void rf_plan_rules_removed(struct rf_plan *p, const struct rf_selection *s)
{
    struct leaving l = { .p = p, .s = s, .item_of = items_by_location(s) };
    struct rf_desired *d = &p->bundle->desired;
    const struct rf_bundle_retain *r = &p->bundle->retain;
    for (size_t i = 0, k = 0; i < d->n; i++) {
        struct rf_image *im = &d->images[i];
        if (im->status != RF_IMAGE_REMOVED)
            continue;
        im->rule = rule_of_leaving(&l, im);
        while (k < r->n && compare_candidate(d, &r->candidates[k], im) < 0)
            k++;
        bool hit = k < r->n && compare_candidate(d, &r->candidates[k], im) == 0;
        if (r->set)
            add_retain(p, im, hit ? &r->candidates[k] : NULL);
    }
    free(l.item_of);
}
