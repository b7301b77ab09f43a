/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of layouts: a folder to work in, small images, hand-made tar files. */
#ifndef RF_TESTS_LAYOUT_HELPER_LAYOUT_H
#define RF_TESTS_LAYOUT_HELPER_LAYOUT_H

#include "layout/place.h"

/* For checked fixtures: makes an empty folder and enters it; leaves and removes it with all that is inside. */
void work_setup(void);
void work_teardown(void);

void write_file(const char *path, struct rf_slice bytes);
void write_text(const char *path, const char *text);
bool file_is(const char *path, const char *text);
/* The whole file; the caller frees. */
char *file_text(const char *path);
bool is_there(const char *path); /* also a link that leads nowhere */
/* A text of all names, kinds, sizes and contents below `path`, to compare before and after; the caller frees. */
char *picture(const char *path);

struct rf_digest digest_of(const char *text);
/* blobs/<algo>/<hex> below `folder`; the caller frees. */
char *blob_path(const char *folder, const struct rf_digest *d);

/* A document that must parse. The caller frees. */
struct rf_manifest *parse_manifest(const char *text);
/* An image manifest of a config and up to 8 layers (texts, NULL ends). extra: more members, ",\"subject\":{...}", or "". */
struct rf_manifest *make_image(const char *config, const char *const *layers, const char *extra);
/* An index of these (NULL ends). */
struct rf_manifest *make_index(const struct rf_manifest *const *children, const char *extra);
/* A descriptor of m as JSON; the caller frees. */
char *descriptor_json(const struct rf_manifest *m);
/* Puts config and layers, then the manifest; all must succeed. */
void put_text_blob(struct rf_place *p, const char *repo, const char *text);
void put_image(struct rf_place *p, const char *repo, const char *tag, const char *config,
               const char *const *layers, struct rf_manifest **out);

/* A place must have this code and text in its error. `rc` is evaluated once. */
#define expect_error(rc, want, err, text)                                                        \
    do {                                                                                         \
        int rc_ = (rc);                                                                          \
        ck_assert_msg(rc_ == -(want), "code %s: %s", rf_error_name(rc_), (err).msg);             \
        ck_assert_msg(strstr((err).msg, (text)) != NULL, "no \"%s\" in: %s", (text), (err).msg); \
    } while (0)
#define expect_ok(rc, err)                                                \
    do {                                                                  \
        int rc_ = (rc);                                                   \
        ck_assert_msg(rc_ == 0, "%s: %s", rf_error_name(rc_), (err).msg); \
    } while (0)

/* ---- tar by hand, so that it can be wrong in any way ---- */

struct tar_entry {
    const char *name;
    char type; /* '0' file, '5' folder, '2' link, ... */
    const char *link;
    const char *data;
    uint64_t size;          /* of data; written as the size field */
    const char *size_field; /* 12 bytes instead of it, or NULL */
    bool bad_sum;
};
void tar_add(struct rf_buf *tar, const struct tar_entry *e);
void tar_file(struct rf_buf *tar, const char *name, const char *text);
void tar_end(struct rf_buf *tar);

#endif
