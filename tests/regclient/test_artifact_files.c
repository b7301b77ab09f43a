/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/artifact_files.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "layout/out_folder.h"
#include "regclient/artifact_save.h"
#include "regclient/blob_put.h"
#include "regclient/layer_list.h"
#include "tests/regclient/helper_home.h"
#include "tests/regclient/helper_tar.h"

static const struct {
    const char *path;
    bool folder, strip;
    const char *title;
} titles[] = {
    { "a/b.txt", false, false, "a/b.txt" },
    { "a/b.txt", false, true, "b.txt" },
    { "b.txt", false, true, "b.txt" },
    { "a/b", true, false, "a/b/" },
    { "a/b/", true, false, "a/b/" },
    { "a/b/", true, true, "b/" },
    { "a/b", true, true, "b/" },
    { "b", true, true, "b/" },
};

START_TEST(title_of)
{
    RF_CLEANUP(rf_freep)
    char *title = rf_artifact_file_title(titles[_i].path, titles[_i].folder, titles[_i].strip);
    ck_assert_str_eq(title, titles[_i].title);
}
END_TEST

static const struct {
    const char *title, *mark;
    bool strip;
    const char *path; /* NULL: refused */
    bool unpack;
} paths[] = {
    { "a/b", NULL, false, "a/b", false },
    { "a/b", NULL, true, "b", false },
    { "../../a", NULL, false, "a", false },
    { "/a//b/./c", NULL, false, "a/b/c", false },
    { "a/b/", NULL, false, "a/b", true },
    { "a/b/", NULL, true, "", true },
    { "a.tgz", "true", false, "a.tgz", true },
    { "a.tgz", "no", false, "a.tgz", false },
    { "/", NULL, false, "", true },
    { "..", NULL, false, NULL, false },
    { "a\tb", NULL, false, NULL, false },
    { "a\nb/", NULL, false, NULL, false },
};

START_TEST(path_of)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = { .annotations = json_object() };
    RF_CLEANUP(rf_freep) char *path = NULL;
    struct rf_err err = RF_ERR_INIT;
    bool unpack = false;
    json_object_set_new(d.annotations, RF_ANNOTATION_TITLE, json_string(paths[_i].title));
    if (paths[_i].mark != NULL)
        json_object_set_new(d.annotations, RF_ANNOTATION_UNPACK, json_string(paths[_i].mark));
    int rc = rf_artifact_path(&d, paths[_i].strip, &path, &unpack, &err);
    if (paths[_i].path == NULL) {
        ck_assert_int_eq(rc, -RFE_INVALID);
        return;
    }
    ck_assert_msg(rc == 0, "%s", err.msg);
    ck_assert_str_eq(path, paths[_i].path);
    ck_assert(unpack == paths[_i].unpack);
}
END_TEST

/* A folder there and back again. */
START_TEST(folder)
{
    RF_CLEANUP(rf_place_freep) struct rf_place *p = tars_layout("l");
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor again = RF_DESCRIPTOR_INIT;
    RF_CLEANUP(rf_closep) int root = -1;
    struct rf_err err = RF_ERR_INIT;
    size_t left_out = 0;
    const struct rf_artifact_file file = { .path = "in", .media_type = "a/b", .title = true };
    home_write("in/x/y", "content", 0644);
    ck_assert_msg(rf_artifact_file_put(p, "", &file, &d, &err) == 0, "%s", err.msg);
    ck_assert_str_eq(rf_descriptor_annotation(&d, RF_ANNOTATION_TITLE), "in/");
    ck_assert_int_eq(rf_artifact_file_put(p, "", &file, &again, &err), 0);
    ck_assert(rf_digest_eq(&d.digest, &again.digest));
    ck_assert_int_eq(mkdir("out", 0755), 0);
    ck_assert_int_eq(rf_out_folder_open("out", &root, &err), 0);
    ck_assert_msg(rf_artifact_save(p, "", &d, root, false, &left_out, &err) == 0, "%s", err.msg);
    RF_CLEANUP(rf_freep) char *text = home_read("out/in/x/y");
    ck_assert_str_eq(text, "content");
    ck_assert_uint_eq(left_out, 0);
}
END_TEST

START_TEST(wanted_digest)
{
    RF_CLEANUP(rf_place_freep) struct rf_place *p = tars_layout("l");
    struct rf_digest right = tars_digest("text"), wrong = tars_digest("other");
    struct rf_err err = RF_ERR_INIT;
    home_write("file", "text", 0644);
    struct rf_blob_put put = { .place = p, .repo = "", .want = &wrong };
    RF_CLEANUP(rf_closep) int fd = open("file", O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(rf_blob_put_fd(&put, fd, &err), -RFE_DIGEST_MISMATCH);
    ck_assert_int_eq(rf_blob_put_bytes(&put, rf_slice_str("text"), &err), -RFE_DIGEST_MISMATCH);
    ck_assert_int_eq(rf_place_probe_blob(p, "", &right, 4, RF_PROBE_HEAD, &err), -RFE_NOT_FOUND);
    put.want = &right;
    ck_assert_msg(rf_blob_put_fd(&put, fd, &err) == 0, "%s", err.msg);
    ck_assert_uint_eq(put.size, 4);
    ck_assert_int_eq(rf_place_probe_blob(p, "", &right, 4, RF_PROBE_HEAD, &err), 0);
}
END_TEST

/* Whatever a layer is compressed with, and a list without end is cut off. */
START_TEST(listed)
{
    RF_CLEANUP(rf_place_freep) struct rf_place *p = tars_layout("l");
    RF_CLEANUP(rf_buf_release) struct rf_buf tar, packed, list, small;
    struct rf_err err = RF_ERR_INIT;
    const struct rf_layer_list_options how = { .no_times = true };
    rf_buf_init(&tar, 0);
    rf_buf_init(&packed, 0);
    rf_buf_init(&list, 0);
    rf_buf_init(&small, 100);
    tars_file(&tar, "etc/motd", "hello\n");
    tars_link(&tar, "etc/link", "motd");
    tars_end(&tar);
    tars_save(&tar, tars_packings[_i]);
    tars_read("t.tar", &packed);
    struct rf_blob_put put = { .place = p, .repo = "" };
    ck_assert_int_eq(rf_blob_put_bytes(&put, rf_buf_slice(&packed), &err), 0);
    int rc = rf_layer_list(p, "", &put.digest, put.size, &how, &list, &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
    ck_assert_ptr_nonnull(strstr(list.ptr, " etc/motd                                 "
                                           "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d0"
                                           "8286a2e846f6be03\n"));
    ck_assert_ptr_nonnull(strstr(list.ptr, " etc/link "));
    ck_assert_int_eq(rf_layer_list(p, "", &put.digest, put.size, &how, &small, &err),
                     -RFE_TOO_LARGE);
}
END_TEST

Suite *rf_artifact_files_suite(void);
Suite *rf_artifact_files_suite(void)
{
    Suite *s = suite_create("artifact_files");
    TCase *t = tcase_create("artifact_files");
    tcase_add_checked_fixture(t, home_setup, home_teardown);
    tcase_add_loop_test(t, title_of, 0, (int)RF_ARRAY_LEN(titles));
    tcase_add_loop_test(t, path_of, 0, (int)RF_ARRAY_LEN(paths));
    tcase_add_test(t, folder);
    tcase_add_test(t, wanted_digest);
    tcase_add_loop_test(t, listed, 0, TARS_PACKINGS);
    suite_add_tcase(s, t);
    return s;
}
