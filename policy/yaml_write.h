/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML in the spelling of goccy/go-yaml, which upstream's tools print with: two blanks for a level, lists not indented under their key, texts in
 * double quotes where they could be read as something else, texts of several lines as blocks.
 *
 *     rf_yaml_write_open(&w, "ratelimit"); rf_yaml_write_int(&w, "min", 5); rf_yaml_write_close(&w);
 *     if (rf_yaml_write_list(&w, "sync", n)) for (...) { rf_yaml_write_item(&w); ...; rf_yaml_write_close(&w); }
 */
#ifndef RF_POLICY_YAML_WRITE_H
#define RF_POLICY_YAML_WRITE_H

#include "base/buf.h"

struct rf_yaml_writer {
    struct rf_buf *out;
    unsigned indent;
    bool item; /* the next key begins an element of a list */
};

/* The value of a key. text NULL is "". */
void rf_yaml_write_text(struct rf_yaml_writer *w, const char *key, const char *text);
void rf_yaml_write_int(struct rf_yaml_writer *w, const char *key, int64_t value);
void rf_yaml_write_bool(struct rf_yaml_writer *w, const char *key, bool value);
void rf_yaml_write_null(struct rf_yaml_writer *w, const char *key);
void rf_yaml_write_double(struct rf_yaml_writer *w, const char *key, double value);
void rf_yaml_write_duration(struct rf_yaml_writer *w, const char *key, uint64_t nanoseconds);
void rf_yaml_write_texts(struct rf_yaml_writer *w, const char *key, char *const *texts, size_t n);

/* A map below the key, up to its close. It must not stay empty; an empty one is written by the next. */
void rf_yaml_write_open(struct rf_yaml_writer *w, const char *key);
void rf_yaml_write_empty_map(struct rf_yaml_writer *w, const char *key);
/* A list of n maps below the key: each between item and close. False when n is 0 and nothing is to follow. */
bool rf_yaml_write_list(struct rf_yaml_writer *w, const char *key, size_t n);
void rf_yaml_write_item(struct rf_yaml_writer *w);
void rf_yaml_write_close(struct rf_yaml_writer *w);

/* Whether the text must be quoted. */
bool rf_yaml_needs_quotes(const char *text);

#endif
