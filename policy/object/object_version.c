/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/object/object_version.h"

#include "base/columns.h"
#include "base/mem.h"

/* Packagers may say where the sources come from. */
#ifndef RF_VCS_COMMIT
#define RF_VCS_COMMIT "unknown"
#endif
#ifndef RF_VCS_DATE
#define RF_VCS_DATE "unknown"
#endif
#ifndef RF_VCS_STATE
#define RF_VCS_STATE "unknown"
#endif

#if defined(__clang__)
#define TEXT_OF(n) #n
#define TEXT(n) TEXT_OF(n)
#define COMPILER \
    "clang " TEXT(__clang_major__) "." TEXT(__clang_minor__) "." TEXT(__clang_patchlevel__)
#else
#define COMPILER "gcc " __VERSION__
#endif

#if defined(__x86_64__)
#define PLATFORM "linux/amd64"
#elif defined(__aarch64__)
#define PLATFORM "linux/arm64"
#elif defined(__arm__)
#define PLATFORM "linux/arm"
#elif defined(__i386__)
#define PLATFORM "linux/386"
#elif defined(__riscv)
#define PLATFORM "linux/riscv64"
#elif defined(__powerpc64__)
#define PLATFORM "linux/ppc64le"
#elif defined(__s390x__)
#define PLATFORM "linux/s390x"
#else
#define PLATFORM "linux/unknown"
#endif

const struct rf_version_info *rf_version_info(void)
{
    static const struct rf_version_info info = {
        .compiler = COMPILER,
        .language = "C17",
        .platform = PLATFORM,
        .commit = RF_VCS_COMMIT,
        .date = RF_VCS_DATE,
        .ref = RF_VCS_COMMIT,
        .state = RF_VCS_STATE,
        .tag = "v" RF_VERSION,
    };
    return &info;
}

static int pretty(const struct rf_call *call, const struct rf_value *self, struct rf_buf *out,
                  struct rf_err *err)
{
    const struct rf_version_info *v = self->object;
    const char *const rows[][2] = {
        { "VCSTag", v->tag },     { "VCSRef", v->ref },          { "VCSCommit", v->commit },
        { "VCSState", v->state }, { "VCSDate", v->date },        { "Platform", v->platform },
        { "GoVer", v->language }, { "GoCompiler", v->compiler },
    };
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    (void)call, (void)err;
    rf_buf_init(&text, 0);
    for (size_t i = 0; i < RF_ARRAY_LEN(rows); i++)
        rf_buf_addf(&text, "%s:\t%s\n", rows[i][0], rows[i][1]);
    rf_columns(rf_buf_slice(&text), out);
    return 0;
}

#define ROW(go, json, field)                                                      \
    {                                                                             \
        go, json, 0, rf_get_string, offsetof(struct rf_version_info, field), NULL \
    }
static const struct rf_field fields[] = {
    ROW("GoVer", "goVersion", language),   ROW("GoCompiler", "goCompiler", compiler),
    ROW("Platform", "platform", platform), ROW("VCSCommit", "vcsCommit", commit),
    ROW("VCSDate", "vcsDate", date),       ROW("VCSRef", "vcsRef", ref),
    ROW("VCSState", "vcsState", state),    ROW("VCSTag", "vcsTag", tag),
};
const struct rf_type rf_type_version = {
    .name = "version.Info", .kind = RF_VALUE_OBJECT, RF_FIELDS(fields), .pretty = pretty
};
