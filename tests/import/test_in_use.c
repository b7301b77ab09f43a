/* SPDX-License-Identifier: Apache-2.0 */
#include "import/in_use.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define DIGEST "sha256:340d6132c83c70278344d127a37371ea04ba76e36b14c203ace233f97e264951"

static const struct {
    const char *text;
    size_t found;
    const char *names; /* repository:tag that it has, with blanks between them */
    bool digest;
} rows[] = {
    { "registry.plant:5000/team/app:1.0", 1, "team/app:1.0", false },
    { "registry.plant/team/app", 1, "team/app:latest", false },
    { "localhost/app:1", 1, "app:1", false },
    { "team/app:1 lib:2\n\"x/y:3\",", 3, "team/app:1 lib:2 x/y:3", false },
    { "docker-pullable://reg.far/team/app@" DIGEST, 1, "", true },
    { "containerd://" DIGEST, 1, "", true },
    { "{\"imageID\":\"" DIGEST "\"}", 1, "", true },
    { "reg.far/team/app:1@" DIGEST, 1, "team/app:1", true },
    { "NAME IMAGE\n", 0, "", false },
    { "", 0, "", false },
    { "sha256:12", 1, "sha256:12", false },
    { "no image is in use here", 0, "", false },
    { "registry.plant\\/team\\/app:1", 1, "team/app:1", false },
    { "{\\\"image\\\":\\\"team/app:1\\\"}", 1, "team/app:1", false },
    { "team\\u002fapp:1\\u0022lib:2", 2, "team/app:1 lib:2", false },
    { "  # team/app:1\nlib:2 # and tool:3\n", 2, "lib:2 tool:3", false },
    { "# team/app:1 " DIGEST, 0, "", false },
    { "\xef\xbb\xbfteam/app:1\r\n", 1, "team/app:1", false },
    { "REPOSITORY   TAG   IMAGE ID\nteam/app   1   0123456789ab\nlib   2   <none>", 3,
      "team/app:1 lib:2", false },
    { "IMAGE TAG\nteam/app", 1, "team/app:latest", false },
    { "340d6132c83c", 1, "", true },
    { "340d6132c83c70278344d127a37371ea04ba76e36b14c203ace233f97e264951", 1, "", true },
    { "sha256:340d6132c83c", 1, "", true },
    { "340d6132c83", 0, "", false },
    { "340d6132c83d", 1, "", false },
    { "1700000000000000", 0, "", false },
    { "connect to localhost:8080 or 10.0.0.1:6443 refused", 0, "localhost:8080", false },
    { "\\", 0, "", false },
    { "team/app:1\\", 1, "team/app:1", false },
    { "team/app:1\\u00", 1, "team/app:1", false },
};

START_TEST(row)
{
    struct rf_in_use u;
    struct rf_digest d;
    rf_in_use_init(&u);
    ck_assert_int_eq(rf_digest_parse(rf_slice_str(DIGEST), &d, NULL), 0);
    size_t found = rf_in_use_add(&u, rf_slice_str(rows[_i].text));
    ck_assert_msg(found == rows[_i].found, "%s: %zu", rows[_i].text, found);
    ck_assert_msg(rf_in_use_has_digest(&u, &d) == rows[_i].digest, "%s", rows[_i].text);
    for (const char *p = rows[_i].names; *p != '\0';) {
        size_t n = strcspn(p, " "), colon = strcspn(p, ":");
        RF_CLEANUP(rf_freep) char *repository = rf_xstrndup(p, colon);
        RF_CLEANUP(rf_freep) char *tag = rf_xstrndup(p + colon + 1, n - colon - 1);
        ck_assert_msg(rf_in_use_has_name(&u, repository, repository, tag), "%s", rows[_i].text);
        ck_assert_msg(!rf_in_use_has_name(&u, repository, repository, "other"), "%s",
                      rows[_i].text);
        p += n + (p[n] == ' ');
    }
    rf_in_use_release(&u);
}
END_TEST

/* The site's registry has a prefix, its nodes know the image by another name, or without "library/". */
START_TEST(names_of_a_site)
{
    struct rf_in_use u;
    rf_in_use_init(&u);
    ck_assert_uint_eq(rf_in_use_add(&u, rf_slice_str("mirror.far/team/app:1 nginx:1.27 "
                                                     "reg.plant/mirror/tool:3")),
                      3);
    ck_assert(rf_in_use_has_name(&u, "mirror/team/app", "team/app", "1"));
    ck_assert(rf_in_use_has_name(&u, "mirror/library/nginx", "library/nginx", "1.27"));
    ck_assert(rf_in_use_has_name(&u, "mirror/tool", "tool", "3"));
    ck_assert(!rf_in_use_has_name(&u, "mirror/app", "app", "1"));
    ck_assert(!rf_in_use_has_name(&u, "mirror/team/app", "team/app", ""));
    rf_in_use_release(&u);
}
END_TEST

START_TEST(files)
{
    struct rf_in_use u;
    struct rf_err err = RF_ERR_INIT;
    char folder[] = "/tmp/rf-in-use-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    RF_CLEANUP(rf_freep) char *path = rf_path_join(folder, "list");
    rf_in_use_init(&u);
    ck_assert_int_lt(rf_in_use_load(&u, path, &err), 0);
    ck_assert_int_eq(rf_file_write(path, rf_slice_str("nothing\n"), 0600, &err), 0);
    ck_assert_int_eq(rf_in_use_load(&u, path, &err), -RFE_USAGE);
    ck_assert_ptr_nonnull(strstr(err.msg, path));
    ck_assert_int_eq(rf_file_write(path,
                                   rf_slice_of("\xff\xfe"
                                               "a\0:\0001\0",
                                               8),
                                   0600, &err),
                     0);
    ck_assert_int_eq(rf_in_use_load(&u, path, &err), -RFE_USAGE);
    ck_assert_int_eq(rf_file_write(path, rf_slice_str("team/app:1\n"), 0600, &err), 0);
    ck_assert_int_eq(rf_in_use_load(&u, path, &err), 0);
    ck_assert(rf_in_use_has_name(&u, "team/app", "team/app", "1"));
    rf_in_use_release(&u);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* Words without end, of a single kind, and with every byte. */
START_TEST(hostile)
{
    struct rf_in_use u;
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 1u << 20);
    rf_in_use_init(&u);
    for (int i = 0; i < 100000; i++)
        rf_buf_add_str(&text, i % 2 == 0 ? "a" : "/");
    rf_buf_add_str(&text, " team/app:1 ");
    for (int i = 0; i < 256; i++)
        rf_buf_add_char(&text, (char)i);
    rf_buf_add_str(&text, " team/app:2");
    ck_assert_uint_eq(rf_in_use_add(&u, rf_buf_slice(&text)), 2);
    ck_assert(rf_in_use_has_name(&u, "team/app", "team/app", "1"));
    ck_assert(rf_in_use_has_name(&u, "team/app", "team/app", "2"));
    rf_in_use_release(&u);
}
END_TEST

Suite *rf_in_use_suite(void);
Suite *rf_in_use_suite(void)
{
    Suite *s = suite_create("in_use");
    TCase *t = tcase_create("all");
    tcase_add_loop_test(t, row, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_test(t, names_of_a_site);
    tcase_add_test(t, files);
    tcase_add_test(t, hostile);
    suite_add_tcase(s, t);
    return s;
}
