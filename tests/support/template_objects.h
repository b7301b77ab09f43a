/* SPDX-License-Identifier: Apache-2.0 */
/* Mocked objects for templates: what the commands hand to --format, over small structures of the tests. */
#ifndef RF_TESTS_TEMPLATE_OBJECTS_H
#define RF_TESTS_TEMPLATE_OBJECTS_H

#include "base/value.h"

/* The object of this name ("index", "image", "tags"...); false when there is none. Read-only, may be shared. */
bool test_template_object(const char *name, struct rf_value *out);
/* A function of the caller's own, for tests of registering: greet NAME, fail TEXT, user, deep N. */
extern const struct rf_func test_template_funcs[];
extern const size_t test_template_n_funcs;

#endif
