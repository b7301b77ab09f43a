/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the small files that travel beside bundles have in common (docs/companion-files.md): a JSON object laid out in lines like bundle.json, one
 * member or one element of an array per line, read a line at a time, every byte hostile until it has passed here.
 *
 *     request      what a destination lacks for a bundle          layout/repair_request.h
 *     inventory    what a destination has                         layout/inventory.h
 *     receipt      what became of a bundle                        layout/receipt.h
 */
#ifndef RF_LAYOUT_COMPANION_H
#define RF_LAYOUT_COMPANION_H

#include "layout/bundle.h"

#define RF_COMPANION_MAX (256u << 20)
#define RF_COMPANION_LINE_MAX (1u << 20)
#define RF_COMPANION_UNKNOWN_MAX 64u /* members that a reader does not know */
#define RF_COMPANION_NAME_MAX 1024u  /* of a destination */

enum rf_companion_kind { RF_COMPANION_REQUEST, RF_COMPANION_INVENTORY, RF_COMPANION_RECEIPT };
/* "request", "inventory", "receipt" */
const char *rf_companion_kind_name(enum rf_companion_kind kind);

/* ---- reading ---- */

/* What `read` does not read goes to a field as one of these. */
enum rf_companion_value {
    RF_COMPANION_READ,   /* `read` does it; of the version: nobody */
    RF_COMPANION_SITE,   /* char[RF_SITE_MAX + 1] */
    RF_COMPANION_CHAIN,  /* char[RF_CHAIN_HEX + 1] */
    RF_COMPANION_DIGEST, /* struct rf_digest */
    RF_COMPANION_NUMBER, /* uint64_t */
    RF_COMPANION_TIME,   /* char *, the document's */
    RF_COMPANION_NAME,   /* char *, the document's; at most RF_COMPANION_NAME_MAX bytes */
    RF_COMPANION_TOOL    /* char *, the document's; at most RF_BUNDLE_TOOL_MAX bytes */
};

/* A member of a document: all are there, in their order; others may stand between and are passed over. The first one is the version, which is checked. */
struct rf_companion_member {
    const char *key;
    bool list; /* an array, of which `read` gets each element */
    int (*read)(void *ctx, const json_t *v, struct rf_err *err);
    enum rf_companion_value value;
    size_t offset; /* of its field in what ctx points to */
};
/* The row of such a field of `type`. */
#define RF_COMPANION_FIELD(name, kind, type, field)                     \
    {                                                                   \
        .key = (name), .value = (kind), .offset = offsetof(type, field) \
    }
/* -RFE_INVALID for everything that is wrong, -RFE_UNSUPPORTED for another version. Messages name path and line. -RFE_NOT_FOUND. */
RF_MUST_USE int rf_companion_load(const char *path, enum rf_companion_kind kind,
                                  const struct rf_companion_member *members, size_t n, void *ctx,
                                  struct rf_err *err);
/* Which of the three the file says it is, by its first member. -RFE_INVALID when none; -RFE_NOT_FOUND. */
RF_MUST_USE int rf_companion_detect(const char *path, enum rf_companion_kind *out,
                                    struct rf_err *err);
/* Values of members, for `read`. Texts are UTF-8 without NUL and at most `max` bytes; *out is the caller's, an earlier one freed. */
RF_MUST_USE int rf_companion_text(const json_t *v, size_t max, char **out, struct rf_err *err);
RF_MUST_USE int rf_companion_digest(const json_t *v, struct rf_digest *out, struct rf_err *err);

/* What names an image: repository, tag or "", digest. */
struct rf_companion_image {
    uint32_t repository, tag; /* in the strings given */
    struct rf_digest digest;
};
RF_MUST_USE int rf_companion_image_read(const json_t *obj, struct rf_strings *strings,
                                        struct rf_companion_image *out, struct rf_err *err);
/* By repository, tag, digest. */
int rf_companion_image_cmp(const struct rf_strings *strings, const struct rf_companion_image *a,
                           const struct rf_companion_image *b);

/* ---- writing: the same bytes for the same content ---- */

/*
 * rf_companion_begin(out, kind); then rf_companion_key(out, "site") followed by one value in one line, or rf_companion_list(out, "images"), for each element
 * rf_companion_element(out) followed by it, and rf_companion_list_end(out); at last rf_companion_end(out).
 */
void rf_companion_begin(struct rf_buf *out, enum rf_companion_kind kind);
void rf_companion_key(struct rf_buf *out, const char *key);
void rf_companion_list(struct rf_buf *out, const char *key);
void rf_companion_element(struct rf_buf *out);
void rf_companion_list_end(struct rf_buf *out);
/* -RFE_TOO_LARGE when a limit is passed. */
RF_MUST_USE int rf_companion_end(struct rf_buf *out, enum rf_companion_kind kind,
                                 struct rf_err *err);
/* "key": "text", the whole member or a part of an object. */
void rf_companion_add_text(struct rf_buf *out, const char *key, const char *text);
void rf_companion_add_digest(struct rf_buf *out, const char *key, const struct rf_digest *d);
/* {"repository":...,"tag":...,"digest":... without the closing bracket */
void rf_companion_add_image(struct rf_buf *out, const struct rf_strings *strings,
                            const struct rf_companion_image *im);
/* To a file, replaced as a whole; "-" is standard output. */
RF_MUST_USE int rf_companion_save(const char *path, struct rf_slice text, struct rf_err *err);

#endif
