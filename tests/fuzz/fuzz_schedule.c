/* SPDX-License-Identifier: Apache-2.0 */
/* A line as a schedule, the next as a version, the third as a range of versions. */
#include <stdlib.h>

#include "base/mem.h"
#include "policy/schedule.h"
#include "policy/semver.h"
#include "policy/yaml_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run_schedule(const char *text)
{
    RF_CLEANUP(rf_schedule_freep) struct rf_schedule *s = NULL;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_schedule_parse(text, 1, &s, &err);
    RF_CHECK(rc == 0 || (rc == -RFE_CONFIG && err.msg[0] != '\0'));
    RF_CHECK(rc < 0 || text[0] == '\0' || rf_schedule_check(text, NULL) == 0);
    time_t at = 1774656000, next = 0; /* a day before clocks change in Europe */
    for (int i = 0; rc == 0 && i < 3 && rf_schedule_next(s, at, &next); i++) {
        RF_CHECK(next > at);
        at = next;
    }
}

static void run_versions(const char *version, char *range)
{
    struct rf_semver v, zero;
    RF_CLEANUP(rf_semver_ranges_freep) struct rf_semver_ranges *r = NULL;
    RF_CHECK(rf_semver_parse(rf_slice_str("0"), &zero));
    (void)rf_yaml_needs_quotes(version);
    if (!rf_semver_parse(rf_slice_str(version), &v))
        return;
    RF_CHECK(rf_semver_compare(&v, &v) == 0);
    int c = rf_semver_compare(&v, &zero), back = rf_semver_compare(&zero, &v);
    RF_CHECK((c > 0) == (back < 0) && (c == 0) == (back == 0));
    if (rf_semver_ranges_new(&range, 1, &r, NULL) == 0)
        (void)rf_semver_ranges_match(r, &v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    RF_CLEANUP(rf_freep) char *text = rf_xstrndup((const char *)data, size);
    char empty[] = "";
    char *version = strchr(text, '\n');
    char *range = version != NULL ? strchr(version + 1, '\n') : NULL;
    if (version != NULL)
        *version++ = '\0';
    if (range != NULL)
        *range++ = '\0';
    run_schedule(text);
    run_versions(version != NULL ? version : empty, range != NULL ? range : empty);
    return 0;
}
