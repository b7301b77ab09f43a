/* SPDX-License-Identifier: Apache-2.0 */
/* The map of old tags that a rollback goes by. What is read and written again is the same text from then on, its tags in order. */
#include "import/tag_map.h"
#include "tests/fuzz/fuzz_reread.h"

static void check(const struct rf_tag_map *m)
{
    for (size_t i = 0; i < m->n; i++)
        RF_CHECK(m->tags[i].repository[0] != '\0' && m->tags[i].tag[0] != '\0' &&
                 strchr(m->tags[i].tag, ':') == NULL);
    for (size_t i = 1; i < m->n; i++) {
        int c = strcmp(m->tags[i - 1].repository, m->tags[i].repository);
        RF_CHECK(c < 0 || (c == 0 && strcmp(m->tags[i - 1].tag, m->tags[i].tag) < 0));
    }
}

static int load(struct rf_slice text, struct rf_buf *out)
{
    struct rf_tag_map m;
    rf_tag_map_init(&m);
    int rc = rf_tag_map_parse(&m, text, NULL);
    RF_CHECK(rc == 0 || rc == -RFE_INVALID || rc == -RFE_TOO_LARGE || rc == -RFE_UNSUPPORTED);
    if (rc == 0) {
        check(&m);
        rf_tag_map_write(&m, out);
        RF_CHECK(out->rc == 0);
    }
    rf_tag_map_release(&m);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_reread(data, size, load);
    return 0;
}
