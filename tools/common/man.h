/* SPDX-License-Identifier: Apache-2.0 */
/* The manual page of a program: its table of commands and options, and the prose of its page in docs/. */
#ifndef RF_TOOLS_COMMON_MAN_H
#define RF_TOOLS_COMMON_MAN_H

#include "tools/common/options.h"

/*
 * Appends the page in man(7) macros. `prose` is the Markdown of docs/PROGRAM.md: what stands before "## Commands" becomes sections. `date` is printed
 * in the footer.
 */
void rf_man_page(const struct rf_program *program, struct rf_slice prose, const char *date,
                 struct rf_buf *out);

/* ---- for man*.c ---- */

enum rf_man_style {
    RF_MAN_TEXT = 0,
    RF_MAN_CODE = 1u << 0, /* hyphens are minus signs: what is typed can be copied from the page */
};
/* Text without macros: what would steer the formatter is escaped. */
void rf_man_text(struct rf_slice text, unsigned style, struct rf_buf *out);
/* Begins a paragraph; behind a heading there is nothing to begin. */
void rf_man_paragraph(struct rf_buf *out);
/* Whole lines as they are, in a block that is not filled. */
void rf_man_block(struct rf_slice lines, struct rf_buf *out);
/* A paragraph of Markdown: `code`, **bold**, *emphasis*, [links](...). Ends the line. */
void rf_man_inline(struct rf_slice text, struct rf_buf *out);
/* Paragraphs, lists, tables, fenced code; headings become sections. */
void rf_man_prose(struct rf_slice markdown, struct rf_buf *out);

#endif
