/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over files and folders given as arguments: the corpus is a test in every build, without libFuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t inputs;

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0) {
        perror(path);
        return 1;
    }
    long size = ftell(f);
    (void)rewind(f);
    /* Exactly as large as the input, so that a sanitizer sees a read behind it. */
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    int failed = data == NULL || fread(data, 1, (size_t)size, f) != (size_t)size;
    (void)fclose(f);
    if (!failed)
        (void)LLVMFuzzerTestOneInput(data, (size_t)size);
    else
        perror(path);
    free(data);
    inputs++;
    return failed;
}

static int run_path(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        perror(path);
        return 1;
    }
    if (!S_ISDIR(st.st_mode))
        return run_file(path);
    struct dirent **names = NULL;
    int n = scandir(path, &names, NULL, alphasort), failed = n < 0;
    for (int i = 0; i < n; i++) {
        char inner[4096];
        int len = snprintf(inner, sizeof(inner), "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.')
            failed |= len >= (int)sizeof(inner) || run_path(inner);
        free(names[i]);
    }
    free(names);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= run_path(argv[i]);
    printf("%zu inputs\n", inputs);
    return failed || inputs == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
