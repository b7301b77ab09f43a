/* SPDX-License-Identifier: Apache-2.0 */
/* What the bases have of images that cannot be had now: it stands. */
#include "export/plan_private.h"

#include "base/mem.h"
#include "export/build.h"

void rf_holes_release(struct rf_holes *h)
{
    free(h->list);
}

void rf_holes_add(struct rf_holes *h, const struct rf_build_hole *hole)
{
    h->list = rf_grow(h->list, h->n, &h->cap, sizeof(*h->list));
    h->list[h->n++] = *hole;
}

void rf_refusals_release(struct rf_refusals *r)
{
    free(r->list);
}

void rf_refusals_add(struct rf_refusals *r, const struct rf_build_refused *one)
{
    r->list = rf_grow(r->list, r->n, &r->cap, sizeof(*r->list));
    r->list[r->n++] = *one;
}

void rf_holding_init(struct rf_holding *h, struct rf_plan *p)
{
    h->p = p;
    h->had = p->snapshot->desired.n;
    h->rule = 0;
    rf_strings_init(&h->seen);
}

void rf_holding_release(struct rf_holding *h)
{
    rf_strings_release(&h->seen);
}

static bool seen_before(struct rf_holding *h, const char *what, const char *repository,
                        const char *detail)
{
    RF_CLEANUP(rf_freep) char *key = rf_xasprintf("%s %s %s", what, repository, detail);
    size_t before = h->seen.len;
    return rf_strings_add(&h->seen, rf_slice_str(key)) < before;
}

static void hold(struct rf_holding *h, const struct rf_snapshot *base, const struct rf_image *line)
{
    struct rf_desired had = h->p->snapshot->desired;
    const char *repository = rf_desired_str(&base->desired, line->repository);
    const char *tag = rf_desired_str(&base->desired, line->tag);
    char text[RF_DIGEST_TEXT];
    had.n = h->had;
    if (rf_desired_find(&had, repository, tag, &line->digest) == NULL &&
        !seen_before(h, "line", repository,
                     tag[0] != '\0' ? tag : rf_digest_text(&line->digest, text))) {
        rf_snapshot_copy_line(h->p->snapshot, base, line, RF_IMAGE_HELD);
        h->p->snapshot->desired.images[h->p->snapshot->desired.n - 1].rule = h->rule;
    }
}

bool rf_hold_line(struct rf_holding *h, const char *repository, const char *tag,
                  const struct rf_digest *digest)
{
    const struct rf_snapshot *base;
    const struct rf_image *line =
        rf_bases_line(h->p->bases, h->p->n_bases, repository, tag, digest, &base);
    if (line != NULL)
        hold(h, base, line);
    return line != NULL;
}

/* The first line of the repository, or where it would stand. */
static size_t first_of(const struct rf_desired *d, const char *repository)
{
    size_t lo = 0, hi = d->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (strcmp(rf_desired_str(d, d->images[mid].repository), repository) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/*
 * What the bases have of a repository: all of it when it could not be listed. Else what may refer to an image that is a hole and so was not asked for:
 * untagged lines and digest tags. Without this they would count as removed.
 */
void rf_hold_repository(struct rf_holding *h, const char *repository, bool all)
{
    if (seen_before(h, all ? "all" : "extras", repository, ""))
        return;
    for (size_t b = 0; b < h->p->n_bases; b++) {
        const struct rf_desired *d = &h->p->bases[b]->desired;
        if (h->p->bases[b]->stock) /* others may have brought a part of it */
            continue;
        for (size_t i = first_of(d, repository);
             i < d->n && strcmp(rf_desired_str(d, d->images[i].repository), repository) == 0; i++) {
            const char *tag = rf_desired_str(d, d->images[i].tag);
            struct rf_digest of;
            if (all || tag[0] == '\0' || rf_digest_tag_parse(tag, &of))
                hold(h, h->p->bases[b], &d->images[i]);
        }
    }
}

/* What refers to a line that is a hole, as this mention of it would have asked. */
void rf_hold_extras(struct rf_holding *h, const struct rf_selection *s, size_t mention)
{
    const struct rf_pick *pick = &s->picks[mention];
    const struct rf_export_item *it = &s->req->items[pick->item];
    const char *repository = rf_desired_str(&s->wanted, s->wanted.images[mention].repository);
    if (pick->referrers || pick->digest_tags)
        rf_hold_repository(h, repository, false);
    if (pick->referrers && it->referrers_to != NULL)
        rf_hold_repository(h, it->referrers_to, false);
}

static bool comes_from(const struct rf_desired *d, const struct rf_image *im, const char *source)
{
    const char *have = rf_desired_str(d, im->source);
    size_t n = strlen(source);
    return strncmp(have, source, n) == 0 && (have[n] == '\0' || have[n] == ':' || have[n] == '@');
}

void rf_hold_moved(struct rf_holding *h, const char *source, bool extras)
{
    for (size_t b = 0; b < h->p->n_bases; b++) {
        const struct rf_desired *d = &h->p->bases[b]->desired;
        for (size_t i = 0; i < d->n && !h->p->bases[b]->stock; i++) {
            if (!comes_from(d, &d->images[i], source))
                continue;
            hold(h, h->p->bases[b], &d->images[i]);
            if (extras)
                rf_hold_repository(h, rf_desired_str(d, d->images[i].repository), false);
        }
    }
}

/*
 * The line comes from the registry, or from the folder of a tree, by an item with this prefix. What a site's paths make of names tells nothing of the prefix:
 * then any line of the registry.
 */
static bool is_of_registry(const struct rf_desired *d, const struct rf_image *im,
                           const struct rf_export_item *it, const char *unlisted)
{
    const char *source = rf_desired_str(d, im->source);
    const char *repository = rf_desired_str(d, im->repository);
    size_t n = strlen(unlisted), m = strlen(it->repository);
    /* a folder may have been a repository itself */
    bool below = source[0] != '\0' && strncmp(source, unlisted, n) == 0 &&
                 (source[n] == '/' || (it->source.path != NULL && strchr(":@", source[n]) != NULL));
    return below && (m == 0 || (it->paths != NULL && !rf_path_map_is_empty(it->paths)) ||
                     (strncmp(repository, it->repository, m) == 0 && repository[m] == '/'));
}

/* What the bases have of a registry that could not be listed: each of its repositories is a hole. */
void rf_hold_registry(struct rf_holding *h, const struct rf_export_item *it,
                      const struct rf_build_hole *hole, struct rf_holes *holes)
{
    for (size_t b = 0; b < h->p->n_bases; b++) {
        const struct rf_desired *d = &h->p->bases[b]->desired;
        for (size_t i = 0; i < d->n && !h->p->bases[b]->stock; i++) {
            struct rf_build_hole one = *hole;
            one.repository = rf_desired_str(d, d->images[i].repository);
            if (!is_of_registry(d, &d->images[i], it, hole->source) ||
                seen_before(h, hole->source, one.repository, ""))
                continue;
            rf_holes_add(holes, &one);
            rf_hold_repository(h, one.repository, true);
        }
    }
}
