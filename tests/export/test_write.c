/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles written: the same bytes each way, resumed, laid out again, never overwritten. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "export/bases.h"
#include "export/partial.h"
#include "export/write.h"
#include "tests/export/helper_export.h"

Suite *rf_write_suite(void);

static const struct run plain = { 0 };

/* A text of n bytes that begins with `name`. */
static char *long_text(const char *name, size_t n)
{
    char *text = rf_xmalloc(n + 1);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)('a' + (i * 7 + (size_t)name[i % strlen(name)]) % 26);
    memcpy(text, name, strlen(name));
    text[n] = '\0';
    return text;
}

/* An image with one layer of n bytes. Returns the layer; the caller frees. */
static char *source_large(const char *folder, const char *tag, size_t n)
{
    char *layer = long_text(tag, n);
    source_image(folder, tag, tag, layer);
    return layer;
}

static char *only_bundle(const char *folder)
{
    char *names = names_in(folder);
    ck_assert_msg(strlen(names) > 5 && strcmp(names + strlen(names) - 5, ".tar ") == 0, "%s: %s",
                  folder, names);
    names[strlen(names) - 1] = '\0';
    ck_assert_msg(strchr(names, ' ') == NULL, "%s: %s", folder, names);
    char *path = rf_path_join(folder, names);
    free(names);
    return path;
}

/* ---- the same bytes ---- */

static char *streamed(const struct run *r, const char *args, const char *path)
{
    struct asked a;
    struct rf_export_state *state = NULL;
    struct rf_plan *plan = NULL;
    struct rf_err err = RF_ERR_INIT;
    uint64_t size = 0;
    asked_init(&a, r, args);
    expect_ok(rf_export_state_open(a.req.state_dir, a.req.site, 0, &state, &err), err);
    expect_ok(rf_plan_make(&a.req, state, &plan, &err), err);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    ck_assert_int_ge(fd, 0);
    expect_ok(rf_write_stream(&a.req, state, plan, fd, &size, &err), err);
    close(fd);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq((uint64_t)st.st_size, size);
    rf_plan_free(plan);
    rf_export_state_free(state);
    asked_release(&a);
    return rf_xstrdup(path);
}

static void make_sources(void)
{
    static const char *const archs[] = { "amd64", "arm64" };
    source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    source_index("multi", "1", "m", archs, 2);
    free(source_large("big", "1", 3000000));
}
#define SOURCES "ocidir://app ocidir://multi ocidir://big"

START_TEST(any_parallelism_gives_the_same_bytes)
{
    struct run one = { .parallel = 1, .state = "s1", .out = "o1" },
               many = { .parallel = 8, .state = "s2", .out = "o2" };
    make_sources();
    char *a = exported(&one, SOURCES), *b = exported(&many, SOURCES);
    ck_assert_str_eq(strrchr(a, '/'), strrchr(b, '/'));
    expect_same_files(a, b);
    free(a);
    free(b);
}
END_TEST

START_TEST(order_of_arguments_gives_the_same_bytes)
{
    struct run one = { .state = "s1", .out = "o1" }, two = { .state = "s2", .out = "o2" };
    make_sources();
    char *a = exported(&one, SOURCES),
         *b = exported(&two, "ocidir://big ocidir://multi ocidir://app");
    expect_same_files(a, b);
    free(a);
    free(b);
}
END_TEST

START_TEST(streaming_gives_the_same_bytes)
{
    struct run other = { .state = "s2" };
    make_sources();
    char *file = exported(&plain, SOURCES), *stream = streamed(&other, SOURCES, "stream.tar");
    expect_same_files(file, stream);
    expect_whole(stream);
    free(file);
    free(stream);
}
END_TEST

START_TEST(again_gives_the_same_bytes)
{
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    make_sources();
    char *full = exported(&plain, SOURCES);
    source_image("app", "1", "cfg3", "base three");
    char *second = exported(&plain, SOURCES);
    char id[16];
    memcpy(id, strstr(full, "000001-") + 7, 12);
    id[12] = '\0';
    expect_ok(run_again(&plain, id, "anew", &r, &err), err);
    expect_same_files(full, r.path);
    rf_export_result_release(&r);
    memcpy(id, strstr(second, "000002-") + 7, 12);
    expect_ok(run_again(&plain, id, "anew2", &r, &err), err);
    expect_same_files(second, r.path);
    rf_export_result_release(&r);
    char *names = names_in("anew2");
    ck_assert_ptr_null(strstr(names, "partial"));
    free(names);
    free(full);
    free(second);
}
END_TEST

START_TEST(again_of_what_is_gone_fails)
{
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg1", "base one");
    char *full = exported(&plain, "ocidir://app");
    char id[16];
    memcpy(id, strstr(full, "000001-") + 7, 12);
    id[12] = '\0';
    source_lose("app", "one");
    ck_assert_int_lt(run_again(&plain, id, "anew", &r, &err), 0);
    ck_assert_msg(strstr(err.msg, "cannot be written anew") != NULL, "%s", err.msg);
    rf_export_result_release(&r);
    expect_error(run_again(&plain, "0123456789", "anew", &r, &err), RFE_NOT_FOUND, err,
                 "0123456789");
    rf_export_result_release(&r);
    free(full);
}
END_TEST

START_TEST(two_layouts_of_one_name_are_written_from_their_own_places)
{
    source_image("a/app", "1", "cfg1", "base one");
    source_image("b/app", "1", "cfg2", "base two");
    char *path = exported(&plain, "ocidir://a/app=x ocidir://b/app=y");
    char *told = story_of_file(path);
    ck_assert_str_eq(told, "new x:1\nnew y:1\n");
    free(told);
    free(path);
}
END_TEST

/* ---- going on ---- */

/* Runs until so many bytes are written; what is left must be a partial file and a journal. */
static void stopped(const char *args, uint64_t bytes)
{
    struct run run = { .stop_at = bytes, .parallel = 1 };
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    int rc = run_create(&run, args, &r, &err);
    ck_assert_msg(rc == -RFE_CANCELLED, "%d %s", rc, err.msg);
    rf_export_result_release(&r);
    char *names = names_in("out");
    ck_assert_msg(strstr(names, ".partial") != NULL && strstr(names, ".journal") != NULL, "%s",
                  names);
    free(names);
}

static char *path_with(const char *folder, const char *end)
{
    char *names = names_in(folder), *rest = names, *word, *path = NULL;
    while ((word = strsep(&rest, " ")) != NULL)
        if (strlen(word) > strlen(end) && strcmp(word + strlen(word) - strlen(end), end) == 0)
            path = rf_path_join(folder, word);
    free(names);
    ck_assert_msg(path != NULL, "nothing in %s ends with %s", folder, end);
    return path;
}

/* Twelve images with a layer of 1 MB each. */
static void make_many(void)
{
    for (int i = 0; i < 12; i++) {
        char tag[16];
        (void)snprintf(tag, sizeof(tag), "v%d", i);
        free(source_large("many", tag, 1000000));
    }
}

/* Runs with the same arguments once more; returns how many bytes came from the source. */
static uint64_t go_on(const struct run *r, const char *args, bool resumed)
{
    struct asked a;
    struct rf_export_result result = RF_EXPORT_RESULT_INIT;
    struct rf_err err = RF_ERR_INIT;
    asked_init(&a, r, args);
    expect_ok(rf_export_create(&a.req, "out", &result, &err), err);
    ck_assert_int_eq(result.resumed, resumed);
    uint64_t bytes = a.bytes;
    rf_export_result_release(&result);
    asked_release(&a);
    return bytes;
}

START_TEST(a_stopped_run_goes_on)
{
    struct run other = { .state = "s2", .out = "o2" };
    make_many();
    char *undisturbed = exported(&other, "ocidir://many");
    stopped("ocidir://many", 5000000);
    source_image("many", "v0", "other", "moved"); /* tags as resolved then */
    (void)go_on(&plain, "ocidir://many", true);
    char *path = only_bundle("out");
    expect_same_files(path, undisturbed);
    char *pending = names_in("state/pending");
    ck_assert_str_eq(pending, "request ");
    free(pending);
    free(path);
    free(undisturbed);
}
END_TEST

START_TEST(finished_members_are_not_fetched_again)
{
    make_many();
    stopped("ocidir://many", 6000000);
    /* what is at its place already is lost at the source: the run would fail without it */
    char *partial = path_with("out", ".partial"), *journal = path_with("out", ".journal");
    char *claims = file_text(journal);
    size_t whole = 0;
    for (int i = 0; i < 12; i++) {
        char tag[16], text[RF_DIGEST_TEXT];
        (void)snprintf(tag, sizeof(tag), "v%d", i);
        char *layer = long_text(tag, 1000000);
        struct rf_digest d = digest_of(layer);
        char *line = rf_xasprintf("%s 1000000\n", rf_digest_text(&d, text));
        if (strstr(claims, line) != NULL) {
            source_lose("many", layer);
            whole++;
        }
        free(line);
        free(layer);
    }
    ck_assert_uint_ge(whole, 3);
    (void)go_on(&plain, "ocidir://many", true);
    char *path = only_bundle("out");
    expect_whole(path);
    free(path);
    free(claims);
    free(journal);
    free(partial);
}
END_TEST

START_TEST(wrong_bytes_at_their_place_are_not_believed)
{
    struct run other = { .state = "s2", .out = "o2" };
    make_many();
    char *undisturbed = exported(&other, "ocidir://many");
    stopped("ocidir://many", 6000000);
    char *partial = path_with("out", ".partial"), *journal = path_with("out", ".journal");
    struct stat st;
    ck_assert_int_eq(stat(partial, &st), 0);
    int fd = open(partial, O_WRONLY | O_CLOEXEC);
    for (off_t at = 100000; at < st.st_size; at += 100000)
        ck_assert_int_eq(pwrite(fd, "#", 1, at), 1);
    close(fd);
    /* and a line of its own: half of a blob that was never begun */
    char *claims = file_text(journal), *more;
    char *last = long_text("v11", 1000000), text[RF_DIGEST_TEXT];
    struct rf_digest d = digest_of(last);
    more = rf_xasprintf("%s%s 500000\nsha256:zz 12\n\nrubbish\n", claims, rf_digest_text(&d, text));
    write_text(journal, more);
    (void)go_on(&plain, "ocidir://many", true);
    char *path = only_bundle("out");
    expect_same_files(path, undisturbed);
    free(path);
    free(last);
    free(more);
    free(claims);
    free(journal);
    free(partial);
    free(undisturbed);
}
END_TEST

START_TEST(a_spoiled_journal_claims_nothing)
{
    make_many();
    stopped("ocidir://many", 3000000);
    char *journal = path_with("out", ".journal");
    char *rubbish = long_text("bundle sha256:", 20000);
    if (_i == 0)
        write_text(journal, rubbish);
    else if (_i == 1)
        write_text(journal, "");
    else
        ck_assert_int_eq(unlink(journal), 0);
    (void)go_on(&plain, "ocidir://many", true);
    char *path = only_bundle("out");
    expect_whole(path);
    free(path);
    free(rubbish);
    free(journal);
}
END_TEST

START_TEST(another_plan_takes_the_partial_file_along)
{
    struct run replan = { .replan = true };
    make_many();
    stopped("ocidir://many", 3000000);
    source_image("many", "v0", "other", "moved");
    if (_i == 0)
        (void)go_on(&replan, "ocidir://many", false);
    else
        (void)go_on(&plain, "ocidir://many:v1", false); /* other arguments */
    char *path = only_bundle("out");
    expect_whole(path);
    free(path);
}
END_TEST

START_TEST(a_foreign_finished_bundle_stays)
{
    make_many();
    char *first = exported(&plain, "ocidir://many:v1");
    stopped("ocidir://many", 3000000);
    struct run replan = { .replan = true };
    source_image("many", "v0", "other", "moved");
    (void)go_on(&replan, "ocidir://many", false);
    ck_assert(is_there(first));
    char *names = names_in("out");
    ck_assert_ptr_null(strstr(names, ".partial"));
    ck_assert_ptr_null(strstr(names, ".journal"));
    free(names);
    free(first);
}
END_TEST

START_TEST(stopped_behind_the_last_step_says_it_again)
{
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg1", "base one");
    expect_ok(run_create(&plain, "ocidir://app", &r, &err), err);
    /* as if killed here: the end was never told */
    close(r.told);
    r.told = -1;
    char *path = rf_xstrdup(r.path);
    rf_export_result_release(&r);
    expect_ok(run_create(&plain, "ocidir://app", &r, &err), err);
    ck_assert_str_eq(r.path, path);
    rf_export_result_release(&r);
    char *only = only_bundle("out");
    ck_assert_str_eq(only, path);
    free(only);
    /* told now: the next is a new one */
    char *next = exported(&plain, "ocidir://app");
    ck_assert_ptr_nonnull(strstr(next, "-000002-"));
    free(next);
    free(path);
}
END_TEST

START_TEST(killed_between_name_and_history)
{
    struct run other = { .state = "s2", .out = "o2" };
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    make_many();
    char *undisturbed = exported(&other, "ocidir://many");
    stopped("ocidir://many", 3000000);
    /* the bundle is whole under its name, its journal is still there, nothing is recorded */
    char *partial = path_with("out", ".partial");
    char *final = rf_xstrndup(partial, strlen(partial) - strlen(".partial"));
    ck_assert_int_eq(unlink(partial), 0);
    struct rf_buf bytes;
    rf_buf_init(&bytes, 0);
    ck_assert_int_eq(rf_file_read(undisturbed, &bytes, NULL), 0);
    write_file(final, rf_buf_slice(&bytes));
    rf_buf_release(&bytes);
    expect_ok(run_create(&plain, "ocidir://many", &r, &err), err);
    ck_assert_str_eq(r.path, final);
    rf_export_result_release(&r);
    char *only = only_bundle("out");
    char *history = file_text("state/history.json");
    ck_assert_ptr_nonnull(strstr(history, strrchr(final, '/') + 1));
    free(history);
    free(only);
    free(final);
    free(partial);
    free(undisturbed);
}
END_TEST

START_TEST(a_damaged_file_of_the_final_name_is_not_overwritten)
{
    struct run other = { .state = "s2" };
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg1", "base one");
    char *path = exported(&plain, "ocidir://app");
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert_int_eq(pwrite(fd, "#", 1, 30000), 1);
    close(fd);
    char *before = picture("out");
    int rc = run_create(&other, "ocidir://app", &r, &err);
    expect_error(rc, RFE_DAMAGED, err, "never overwritten");
    rf_export_result_release(&r);
    char *after = picture("out");
    ck_assert_str_eq(before, after);
    ck_assert(!is_there("s2/history.json"));
    free(before);
    free(after);
    free(path);
}
END_TEST

START_TEST(another_state_records_the_file_that_is_there)
{
    struct run other = { .state = "s2" };
    source_image("app", "1", "cfg1", "base one");
    char *a = exported(&plain, "ocidir://app");
    struct stat before, after;
    ck_assert_int_eq(stat(a, &before), 0);
    char *b = exported(&other, "ocidir://app");
    ck_assert_str_eq(a, b);
    ck_assert_int_eq(stat(a, &after), 0);
    ck_assert_int_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    ck_assert_uint_eq(before.st_ino, after.st_ino);
    free(a);
    free(b);
}
END_TEST

/* ---- failures while writing ---- */

START_TEST(a_spoiled_layer_makes_its_image_a_hole)
{
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    make_many();
    source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    source_spoil("app", "two");
    expect_ok(run_create(&plain, "ocidir://many ocidir://app", &r, &err), err);
    char *told = story(r.plan->bundle);
    ck_assert_msg(strstr(told, "hole app:2\n") != NULL, "%s", told);
    ck_assert_msg(strstr(told, "new app:1\n") != NULL, "%s", told);
    ck_assert_msg(strstr(told, "new many:v9\n") != NULL, "%s", told);
    ck_assert_str_eq(travel_of(r.plan->bundle, "two"), "absent");
    ck_assert_str_eq(travel_of(r.plan->bundle, "base"), "carried");
    free(told);
    rf_export_result_release(&r);
    char *path = only_bundle("out");
    expect_whole(path);
    /* the record gives the same bytes, written in one go */
    char id[16];
    memcpy(id, strstr(path, "000001-") + 7, 12);
    id[12] = '\0';
    expect_ok(run_again(&plain, id, "anew", &r, &err), err);
    expect_same_files(path, r.path);
    rf_export_result_release(&r);
    free(path);
}
END_TEST

START_TEST(a_failed_layer_shared_by_images_takes_them_all)
{
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    source_image("lib", "1", "cfg3", "three");
    source_spoil("app", "base");
    expect_ok(run_create(&plain, "ocidir://app ocidir://lib", &r, &err), err);
    char *told = story(r.plan->bundle);
    ck_assert_str_eq(told, "new lib:1\nhole app:1\nhole app:2\n");
    free(told);
    rf_export_result_release(&r);
    char *path = only_bundle("out");
    expect_whole(path);
    free(path);
}
END_TEST

START_TEST(a_hole_of_writing_holds_the_old_line)
{
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    free(exported(&plain, "ocidir://app"));
    source_image("app", "1", "cfg3", "base three");
    source_image("app", "2", "cfg4", "base four");
    source_spoil("app", "three");
    expect_ok(run_create(&plain, "ocidir://app", &r, &err), err);
    char *told = story(r.plan->bundle);
    ck_assert_str_eq(told, "held app:1\nchanged app:2\nhole app:1\n");
    free(told);
    expect_whole(r.path);
    rf_export_result_release(&r);
    /* the next run tries it again */
    source_restore("app", "three");
    expect_ok(run_create(&plain, "ocidir://app", &r, &err), err);
    told = story(r.plan->bundle);
    ck_assert_str_eq(told, "changed app:1\nunchanged app:2\n");
    free(told);
    rf_export_result_release(&r);
}
END_TEST

START_TEST(nothing_left_to_carry_fails_and_stays_pending)
{
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg1", "base one");
    source_spoil("app", "one");
    int rc = run_create(&plain, "ocidir://app", &r, &err);
    expect_error(rc, RFE_FAILED, err, "nothing that was to be carried could be had");
    rf_export_result_release(&r);
    ck_assert(!is_there("state/history.json"));
    source_restore("app", "one");
    ck_assert_uint_gt(go_on(&plain, "ocidir://app", true), 0);
    char *path = only_bundle("out");
    char *told = story_of_file(path);
    ck_assert_str_eq(told, "new app:1\n");
    free(told);
    free(path);
}
END_TEST

START_TEST(a_failure_in_a_stream_ends_the_run)
{
    struct asked a;
    struct rf_export_state *state = NULL;
    struct rf_plan *plan = NULL;
    struct rf_err err = RF_ERR_INIT;
    uint64_t size = 0;
    source_image("app", "1", "cfg1", "base one");
    asked_init(&a, &plain, "ocidir://app");
    expect_ok(rf_export_state_open(a.req.state_dir, a.req.site, 0, &state, &err), err);
    expect_ok(rf_plan_make(&a.req, state, &plan, &err), err);
    source_spoil("app", "one");
    int fd = open("stream.tar", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    ck_assert_int_lt(rf_write_stream(&a.req, state, plan, fd, &size, &err), 0);
    close(fd);
    rf_plan_free(plan);
    rf_export_state_free(state);
    asked_release(&a);
}
END_TEST

START_TEST(another_source_has_the_blob)
{
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg1", "base one");
    source_image("lib", "1", "cfg2", "base two");
    source_spoil("app", "base");
    expect_ok(run_create(&plain, "ocidir://app ocidir://lib", &r, &err), err);
    char *told = story(r.plan->bundle);
    ck_assert_str_eq(told, "new app:1\nnew lib:1\n");
    free(told);
    expect_whole(r.path);
    rf_export_result_release(&r);
}
END_TEST

/* ---- the folder ---- */

START_TEST(one_writer_at_a_time)
{
    struct asked a;
    struct rf_export_state *state = NULL;
    struct rf_plan *plan = NULL;
    struct rf_partial *first = NULL, *second = NULL;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg1", "base one");
    asked_init(&a, &plain, "ocidir://app");
    expect_ok(rf_export_state_open(a.req.state_dir, a.req.site, 0, &state, &err), err);
    expect_ok(rf_plan_make(&a.req, state, &plan, &err), err);
    expect_ok(rf_partial_open("out", plan->bundle, &first, &err), err);
    expect_error(rf_partial_open("out", plan->bundle, &second, &err), RFE_BUSY, err, ".partial");
    char *final = rf_partial_final_path("out", plan->bundle);
    expect_ok(rf_partial_discard(final, &err), err); /* not under its writer's feet */
    ck_assert(is_there(first->path));
    rf_partial_freep(&first);
    expect_ok(rf_partial_open("out", plan->bundle, &second, &err), err);
    rf_partial_freep(&second);
    expect_ok(rf_partial_discard(final, &err), err);
    char *names = names_in("out");
    ck_assert_str_eq(names, "");
    free(names);
    free(final);
    rf_plan_free(plan);
    rf_export_state_free(state);
    asked_release(&a);
}
END_TEST

Suite *rf_write_suite(void)
{
    Suite *s = suite_create("write");
    TCase *same = tcase_create("same"), *on = tcase_create("on"), *fail = tcase_create("fail"),
          *folder = tcase_create("folder");
    TCase *all[] = { same, on, fail, folder };
    for (size_t i = 0; i < RF_ARRAY_LEN(all); i++) {
        tcase_add_checked_fixture(all[i], work_setup, work_teardown);
        tcase_set_timeout(all[i], 60);
        suite_add_tcase(s, all[i]);
    }
    tcase_add_test(same, any_parallelism_gives_the_same_bytes);
    tcase_add_test(same, order_of_arguments_gives_the_same_bytes);
    tcase_add_test(same, streaming_gives_the_same_bytes);
    tcase_add_test(same, again_gives_the_same_bytes);
    tcase_add_test(same, again_of_what_is_gone_fails);
    tcase_add_test(same, two_layouts_of_one_name_are_written_from_their_own_places);
    tcase_add_test(on, a_stopped_run_goes_on);
    tcase_add_test(on, finished_members_are_not_fetched_again);
    tcase_add_test(on, wrong_bytes_at_their_place_are_not_believed);
    tcase_add_loop_test(on, a_spoiled_journal_claims_nothing, 0, 3);
    tcase_add_loop_test(on, another_plan_takes_the_partial_file_along, 0, 2);
    tcase_add_test(on, a_foreign_finished_bundle_stays);
    tcase_add_test(on, stopped_behind_the_last_step_says_it_again);
    tcase_add_test(on, killed_between_name_and_history);
    tcase_add_test(on, a_damaged_file_of_the_final_name_is_not_overwritten);
    tcase_add_test(on, another_state_records_the_file_that_is_there);
    tcase_add_test(fail, a_spoiled_layer_makes_its_image_a_hole);
    tcase_add_test(fail, a_failed_layer_shared_by_images_takes_them_all);
    tcase_add_test(fail, a_hole_of_writing_holds_the_old_line);
    tcase_add_test(fail, nothing_left_to_carry_fails_and_stays_pending);
    tcase_add_test(fail, a_failure_in_a_stream_ends_the_run);
    tcase_add_test(fail, another_source_has_the_blob);
    tcase_add_test(folder, one_writer_at_a_time);
    return s;
}
