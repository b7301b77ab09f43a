/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of bundles: made from parts in any order, with their contents, and the two golden ones of tests/data/bundle. */
#ifndef RF_TESTS_LAYOUT_HELPER_BUNDLE_H
#define RF_TESTS_LAYOUT_HELPER_BUNDLE_H

#include "layout/bundle_file.h"

struct made_content {
    struct rf_digest digest;
    char *bytes;
    size_t len;
};

struct made {
    struct rf_bundle b;
    struct made_content *contents;
    size_t n_contents, cap_contents;
};
/* *m must not move until made_release. Site, chain, sequence 1 and tool are set, all else is empty. */
void made_init(struct made *m);
void made_release(struct made *m);
/* Keeps the bytes as a content of the bundle. Returns their digest. */
struct rf_digest made_content(struct made *m, uint8_t algo, const char *text);
/* A line; size is that of the content. Returns it; valid until the next. */
struct rf_image *made_image(struct made *m, const char *repository, const char *tag,
                            const struct rf_digest *digest, const char *media_type,
                            enum rf_image_status status, const char *source);
/* A blob for these repositories (names separated by blanks); `from` likewise makes it assumed, NULL carries it. Returns it; valid until the next. */
struct rf_bundle_blob *made_blob(struct made *m, enum rf_blob_kind kind,
                                 const struct rf_digest *digest, const char *media_type,
                                 const char *repositories, const char *from);
void made_hole(struct made *m, const char *repository, const char *tag, const char *source,
               const char *reason);
/* The number of a repository in the table, added when new. */
uint32_t made_repository(struct made *m, const char *name);

/* tests/data/bundle/full.tar and next.tar as structs, their parts in another order than the sorted one. Not sealed. */
void made_full(struct made *m);
void made_next(struct made *m);

/* Seals, which must succeed. */
void made_seal(struct made *m);
/* The sealed bundle as a file. */
void made_tar(const struct made *m, struct rf_buf *out);
void made_write(const struct made *m, const char *path);

char *bundle_json_of(const struct rf_bundle *b); /* the caller frees */
/* Reads a document, which is released again unless `out` is given. Returns its code. */
int bundle_read_text(struct rf_slice text, struct rf_bundle *out, struct rf_err *err);
/* A file of tests/data/bundle; fails when it is absent. The caller frees. */
char *golden(const char *name, size_t *len);
char *golden_json(const char *name, size_t *len); /* NAME.json of it */
/* Shows where two texts differ. */
void expect_text(const char *got, const char *want, const char *what);
/* Two sealed (or read) bundles must be the same. */
void expect_same_document(const struct rf_bundle *a, const struct rf_bundle *b);

#define FULL_ID "34b07dbb248251a09895e45f30fff5ae4e04d0335ff6abe97a16fd839a795e1a"
#define NEXT_ID "7a6b07c2bdaf55fb5afdcce140e5e405f158b98e53486da160821a4d30ad52cd"

/* Sanitizers make everything several times slower and count memory otherwise. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#endif
