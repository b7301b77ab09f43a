/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/man.h"

#include <check.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/support/data_files.h"
#include "tests/tools/helper_program.h"

static const char *inlined(const char *markdown)
{
    struct rf_buf out;
    rf_buf_init(&out, 0);
    rf_man_inline(rf_slice_str(markdown), &out);
    return keep(rf_buf_take(&out, NULL));
}

static const char *prose(const char *markdown)
{
    struct rf_buf out;
    rf_buf_init(&out, 0);
    rf_man_prose(rf_slice_str(markdown), &out);
    return keep(rf_buf_take(&out, NULL));
}

/* Compares with tests/data/tools/man.1; RF_UPDATE_GOLDEN=1 rewrites it. */
START_TEST(page)
{
    const char *path = keep(test_data_path("tools/man.1"));
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf have;
    size_t len;
    rf_buf_init(&have, 0);
    rf_man_page(
        &sample,
        rf_slice_str("# sample\n\nWhat it is.\n\n## More\n\nOf it.\n\n## Commands\n\nnot this\n"),
        "2026-01-02", &have);
    if (getenv("RF_UPDATE_GOLDEN") != NULL)
        ck_assert_msg(rf_file_write(path, rf_buf_slice(&have), 0644, &err) == 0, "%s", err.msg);
    const char *want = keep(test_read_file(path, &len));
    ck_assert_msg(want != NULL, "no %s", path);
    ck_assert_msg(strcmp(want, have.ptr) == 0, "man.1 differs:\n%s", have.ptr);
    ck_assert_ptr_null(strstr(have.ptr, "secret\\-knob"));
    ck_assert_ptr_null(strstr(have.ptr, "unseen"));
    ck_assert_ptr_null(strstr(have.ptr, "not this"));
}
END_TEST

/* What would steer the formatter, and what it would print as something else. */
START_TEST(text)
{
    static const struct {
        const char *markdown, *want;
    } rows[] = {
        { "plain", "plain\n" },
        { ".TH is no macro here", "\\&.TH is no macro here\n" },
        { "'so neither", "\\&\\(aqso neither\n" },
        { "a\n.b", "a\n\\&.b\n" },
        { "back\\slash", "back\\eslash\n" },
        { "\"quoted\" ~ ^", "\\(dqquoted\\(dq \\(ti \\(ha\n" },
        { "use `--out DIR`!", "use \\fB\\-\\-out DIR\\fR!\n" },
        { "`\\|` and \\|", "\\fB\\e|\\fR and |\n" },
        { "**all** *of* it", "\\fBall\\fR \\fIof\\fR it\n" },
        { "2 * 3 * 4", "2 * 3 * 4\n" },
        { "open ` and **", "open \\(ga and **\n" },
        { "[a page](page.md), [out](https://x.example/a-b)",
          "a page, out <https://x.example/a\\-b>\n" },
        { "[not a link] (x)", "[not a link] (x)\n" },
        { "&lt;tag&gt; &amp; &x", "<tag> & &x\n" },
        { "\xe2\x80\x94 dash", "\\[u2014] dash\n" },
        { "and so on\xe2\x80\xa6", "and so on...\n" },
        { "\xe2\x80\xa6 as before", "\\&... as before\n" },
        { "", "\n" },
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(rows); i++) {
        const char *have = inlined(rows[i].markdown);
        ck_assert_msg(strcmp(have, rows[i].want) == 0, "%s: %s", rows[i].markdown, have);
    }
}
END_TEST

START_TEST(blocks)
{
    static const struct {
        const char *markdown, *want;
    } rows[] = {
        { "one\ntwo\n\nthree\n", ".PP\none\ntwo\n.PP\nthree\n" },
        { "## A `title`\ntext", ".SH \"A TITLE\"\ntext\n" },
        { "### deeper\n\ntext", ".SS \"deeper\"\ntext\n" },
        { "* a\n  b\n* c\n", ".IP \\(bu 2\na\nb\n.IP \\(bu 2\nc\n" },
        { "12. x\n", ".IP 12. 4\nx\n" },
        { "```sh\na -b\n\n.c\n```\nd", ".PP\n.RS 4\n.nf\na \\-b\n\\&\n\\&.c\n.fi\n.RE\n.PP\nd\n" },
        { "```\nnever closed", ".PP\n.RS 4\n.nf\nnever closed\n.fi\n.RE\n" },
        { "    a\n    b\n", ".PP\n.RS 4\n.nf\na\nb\n.fi\n.RE\n" },
        { "| h | i |\n|---|---|\n| `a\\|b` | c |\n|| d |\n",
          ".TP\n\\fBa\\e|b\\fR\nc\n.TP\n\\&\nd\n" },
        { "|", ".TP\n\\&\n" },
        { "<!-- a -->\nb", ".PP\nb\n" },
        { "\n\n\n", "" },
        { "", "" },
        { "*", ".PP\n*\n" },
        { "* ", ".IP \\(bu 2\n\n" },
        { "#", ".SH \"\"\n" },
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(rows); i++) {
        const char *have = prose(rows[i].markdown);
        ck_assert_msg(strcmp(have, rows[i].want) == 0, "%s:\n%s", rows[i].markdown, have);
    }
}
END_TEST

Suite *rf_man_suite(void);
Suite *rf_man_suite(void)
{
    Suite *s = suite_create("man");
    TCase *t = tcase_create("man");
    suite_add_tcase(s, t);
    tcase_add_test(t, page);
    tcase_add_test(t, text);
    tcase_add_test(t, blocks);
    return s;
}
