/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What repositories of the destination have, as far as pruning must know it: their tags, the manifests that are looked at and what these name, and which of them are
 * needed by what stays. Everything is found by hash; requests go out many at a time, and what they brought is entered in order of asking, so that
 * the same destination gives the same lists.
 *
 *     view = rf_prune_views_at(&views, repo);  view->open = true;  rf_prune_view_doc(view, &digest);
 *     rf_prune_views_tags(&views, ...)             lists the tags of open views
 *     rf_prune_views_read(&views, ...)             reads the documents entered, and whatever they name
 *     rf_prune_view_need(view, doc, false)         it stays, and so does all that it needs
 */
#ifndef RF_IMPORT_PRUNE_VIEW_H
#define RF_IMPORT_PRUNE_VIEW_H

#include "import/prune_read.h"

struct rf_prune_doc {
    struct rf_digest digest;
    struct rf_digest config;  /* of an image */
    struct rf_digest subject; /* not set: none */
    uint32_t subject_doc;     /* RF_NO_ID: none */
    uint32_t *below;          /* of an index: its manifests, as documents */
    uint32_t n_below;
    bool read, absent; /* absent: it is not there */
    bool needed, back; /* back: needed by a rollback alone */
    bool listed;       /* an image of its own that stays in its layout with or without a tag */
    bool unnamed;      /* a layout lists it without a tag now */
    uint64_t size;
    uint8_t used, mark; /* for whoever goes through the documents */
};

struct rf_prune_tag {
    char *name;
    struct rf_digest subject;  /* a digest tag: what it speaks of */
    uint32_t doc;              /* what it points to; RF_NO_ID: not asked yet */
    uint32_t item;             /* the item that lets it go; RF_NO_ID: none */
    bool wanted, gone, rooted; /* wanted: to be asked; gone: it is not there any more */
};

struct rf_prune_view {
    char *repo;
    bool open; /* something may go from it: it has to be known whole */
    struct rf_prune_doc *docs;
    size_t n, cap, n_read; /* n_read: so many from the beginning are read */
    struct rf_idmap by_digest;
    struct rf_prune_tag *tags;
    size_t n_tags, cap_tags;
    struct rf_idmap by_name;
    bool emptied; /* for whoever writes to it */
};

struct rf_prune_views {
    struct rf_strings repos;
    struct rf_prune_view **list; /* by number of repos */
    size_t n, cap;
};
void rf_prune_views_init(struct rf_prune_views *v);
void rf_prune_views_release(struct rf_prune_views *v);
/* Made when absent. Borrowed until release. */
struct rf_prune_view *rf_prune_views_at(struct rf_prune_views *v, const char *repo);
/* NULL when absent. */
struct rf_prune_view *rf_prune_views_find(const struct rf_prune_views *v, const char *repo);

/* The number of the document, entered unread when it is new. */
uint32_t rf_prune_view_doc(struct rf_prune_view *v, const struct rf_digest *d);
/* NULL when it was never entered. */
struct rf_prune_doc *rf_prune_view_find(const struct rf_prune_view *v, const struct rf_digest *d);
/* The tag, entered when it is new. */
struct rf_prune_tag *rf_prune_view_tag(struct rf_prune_view *v, const char *name);

/* Lists the tags of open views. A repository that is not there has none. */
RF_MUST_USE int rf_prune_views_tags(struct rf_prune_views *v, const struct rf_prune_reader *r,
                                    unsigned threads, struct rf_err *err);
/* Asks for the tags of open views that are wanted and were not asked for, and enters what they point to. *asked: how many. */
RF_MUST_USE int rf_prune_views_ask(struct rf_prune_views *v, struct rf_prune_reader *r,
                                   unsigned threads, size_t *asked, struct rf_err *err);
/* Reads all documents of open views that are not read yet, and those that they name. Fails when one cannot be told; not there is an answer. */
RF_MUST_USE int rf_prune_views_read(struct rf_prune_views *v, struct rf_prune_reader *r,
                                    unsigned threads, struct rf_err *err);
/* Marks the document and all it needs: what is below an index, what a referrer belongs to. Also of documents that are read later. */
void rf_prune_view_need(struct rf_prune_view *v, uint32_t doc, bool back);

#endif
