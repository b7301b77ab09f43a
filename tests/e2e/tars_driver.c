/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image export and import for tests/e2e/tars.py.
 *
 *     tars_driver [--host FLAG]... export [--compress] OUT REF NAME [REF NAME]...     OUT "-" is stdout; NAME "-" is REF
 *     tars_driver [--host FLAG]... import FILE REF [NAME]                             prints the digest
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "regclient/client.h"
#include "regclient/image_export.h"
#include "regclient/image_import.h"

struct args {
    int argc;
    char **argv;
};

static char *next(struct args *a)
{
    if (a->argc == 0)
        return NULL;
    a->argc--;
    return *a->argv++;
}

static int open_place(struct rf_client *client, const char *text, unsigned flags,
                      struct rf_ref *ref, struct rf_place **place, const char **repo,
                      struct rf_err *err)
{
    int rc = rf_ref_parse(text, ref, err);
    return rc < 0 ? rc : rf_client_place(client, ref, flags, place, repo, err);
}

static int add_image(struct rf_client *client, const char *ref_text, const char *name_text,
                     struct rf_ref refs[2], struct rf_export_image *image, struct rf_err *err)
{
    int rc = open_place(client, ref_text, 0, &refs[0], &image->place, &image->repo, err);
    if (rc == 0)
        rc = rf_ref_parse(strcmp(name_text, "-") == 0 ? ref_text : name_text, &refs[1], err);
    image->tag = refs[0].tag;
    image->digest = rf_digest_is_set(&refs[0].digest) ? &refs[0].digest : NULL;
    image->name = &refs[1];
    return rc;
}

static int write_out(const struct rf_export_image *images, size_t n,
                     const struct rf_export_options *opts, const char *path, struct rf_err *err)
{
    RF_CLEANUP(rf_sink_freep) struct rf_sink *out = NULL;
    int rc = 0;
    if (strcmp(path, "-") == 0)
        out = rf_sink_fd(STDOUT_FILENO);
    else
        rc = rf_file_sink(path, 0644, true, &out, err);
    if (rc == 0)
        rc = rf_image_export(images, n, opts, out, NULL, err);
    return rc < 0 ? rc : rf_sink_commit(out, err);
}

static int run_export(struct rf_client *client, struct args a, struct rf_err *err)
{
    struct rf_export_options opts = { 0 };
    const char *out = next(&a);
    if (out != NULL && strcmp(out, "--compress") == 0) {
        opts.compress = true;
        out = next(&a);
    }
    size_t n = (size_t)a.argc / 2;
    if (out == NULL || n == 0)
        return rf_fail(err, RFE_USAGE, "export [--compress] OUT REF NAME [REF NAME]...");
    struct rf_ref *refs = rf_xcalloc(2 * n, sizeof(*refs));
    struct rf_export_image *images = rf_xcalloc(n, sizeof(*images));
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = add_image(client, a.argv[2 * i], a.argv[2 * i + 1], &refs[2 * i], &images[i], err);
    if (rc == 0)
        rc = write_out(images, n, &opts, out, err);
    for (size_t i = 0; i < 2 * n; i++)
        rf_ref_release(&refs[i]);
    free(images);
    free(refs);
    return rc;
}

static int run_import(struct rf_client *client, struct args a, struct rf_err *err)
{
    RF_CLEANUP(rf_ref_release) struct rf_ref ref = RF_REF_INIT;
    struct rf_import_target to = { 0 };
    struct rf_import_result result = { 0 };
    const char *file = next(&a), *text = next(&a);
    struct rf_import_options opts = { .name = next(&a) };
    if (text == NULL)
        return rf_fail(err, RFE_USAGE, "import FILE REF [NAME]");
    int rc = open_place(client, text, RF_CLIENT_WRITE, &ref, &to.place, &to.repo, err);
    if (rc < 0)
        return rc;
    to.tag = ref.tag;
    to.digest = rf_digest_is_set(&ref.digest) ? &ref.digest : NULL;
    rc = rf_image_import(file, &to, &opts, &result, err);
    char digest[RF_DIGEST_TEXT];
    if (rc == 0)
        printf("%s\n", rf_digest_text(&result.digest, digest));
    return rc;
}

static int run(struct args a, struct rf_err *err)
{
    RF_CLEANUP(rf_hosts_freep) struct rf_hosts *hosts = rf_hosts_new();
    RF_CLEANUP(rf_client_freep) struct rf_client *client = NULL;
    const char *word = next(&a);
    int rc = 0;
    while (rc == 0 && word != NULL && strcmp(word, "--host") == 0) {
        const char *flag = next(&a);
        rc = rf_hosts_add_flag(hosts, flag != NULL ? flag : "", err);
        word = next(&a);
    }
    if (rc == 0)
        rc = rf_client_new(RF_STEAL(hosts), NULL, &client, err);
    if (rc < 0)
        return rc;
    if (word != NULL && strcmp(word, "export") == 0)
        return run_export(client, a, err);
    if (word != NULL && strcmp(word, "import") == 0)
        return run_import(client, a, err);
    return rf_fail(err, RFE_USAGE, "export or import");
}

int main(int argc, char **argv)
{
    struct rf_err err = RF_ERR_INIT;
    int rc = run((struct args){ argc - 1, argv + 1 }, &err);
    if (rc < 0)
        fprintf(stderr, "tars_driver: %s\n", err.msg);
    return rc < 0 ? rf_error_exit_status(rc) : 0;
}
