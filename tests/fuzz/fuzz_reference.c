/* SPDX-License-Identifier: Apache-2.0 */
/* References, registry names, platforms, far-side paths: whatever is accepted must print and parse back to itself. */
#include "manifests/reference.h"

#include "base/mem.h"
#include "manifests/platform.h"
#include "policy/target_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ref(const char *text)
{
    RF_CLEANUP(rf_ref_release) struct rf_ref a = RF_REF_INIT, b = RF_REF_INIT;
    struct rf_err err = RF_ERR_INIT;
    if (rf_ref_parse(text, &a, &err) < 0)
        return;
    RF_CLEANUP(rf_freep) char *name = rf_ref_common_name(&a);
    RF_CLEANUP(rf_freep) char *location = rf_ref_location(&a);
    RF_CHECK(rf_ref_parse(name, &b, &err) == 0);
    RF_CLEANUP(rf_freep) char *again = rf_ref_common_name(&b);
    RF_CHECK(strcmp(name, again) == 0);
    RF_CHECK(strncmp(name, location, strlen(location)) == 0);
    if (a.scheme == RF_SCHEME_REGISTRY) {
        RF_CHECK(rf_registry_valid(rf_slice_str(a.registry)));
        RF_CHECK(rf_repository_valid(rf_slice_str(a.repository)));
        RF_CHECK(strstr(a.repository, "..") == NULL && strlen(a.repository) <= RF_REPOSITORY_MAX);
    }
    RF_CHECK(a.tag == NULL || rf_tag_valid(rf_slice_str(a.tag)));
    RF_CLEANUP(rf_target_release) struct rf_target t = { 0 };
    if (rf_target_of_source(&a, &t, &err) == 0)
        RF_CHECK(rf_repository_valid(rf_slice_str(t.repository)));
}

static void check_others(const char *text)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_freep) char *registry = NULL;
    if (rf_ref_parse_registry(text, &registry, &err) == 0)
        RF_CHECK(rf_registry_valid(rf_slice_str(registry)));
    RF_CLEANUP(rf_platform_release) struct rf_platform p = RF_PLATFORM_INIT;
    RF_CLEANUP(rf_platform_release) struct rf_platform q = RF_PLATFORM_INIT;
    if (rf_platform_parse(text, &p, &err) == 0) {
        RF_CLEANUP(rf_freep) char *printed = rf_platform_text(&p);
        RF_CHECK(rf_platform_match(&p, &p));
        if (strchr(printed, '/') != NULL) {
            RF_CHECK(rf_platform_parse(printed, &q, &err) == 0);
            RF_CHECK(strcmp(p.architecture, q.architecture) == 0);
        }
    }
    RF_CLEANUP(rf_ref_release) struct rf_ref source = RF_REF_INIT;
    RF_CLEANUP(rf_target_release) struct rf_target t = { 0 }, u = { 0 };
    if (rf_target_parse_arg(text, &source, &t, &err) == 0)
        RF_CHECK(rf_repository_valid(rf_slice_str(t.repository)) && source.text != NULL);
    if (rf_target_of_registry(text, &u, &err) == 0)
        RF_CHECK(u.repository[0] == '\0' || rf_repository_valid(rf_slice_str(u.repository)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    RF_CLEANUP(rf_freep) char *text = rf_xstrndup((const char *)data, size);
    check_ref(text);
    check_others(text);
    (void)rf_tag_valid(rf_slice_of(data, size));
    (void)rf_repository_valid(rf_slice_of(data, size));
    (void)rf_registry_valid(rf_slice_of(data, size));
    return 0;
}
