/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/bundle_report.h"

#include "base/mem.h"
#include "base/text.h"

void rf_bundle_count_images(const struct rf_bundle *b, uint64_t by_status[RF_IMAGE_HELD + 1])
{
    memset(by_status, 0, (RF_IMAGE_HELD + 1) * sizeof(*by_status));
    for (size_t i = 0; i < b->desired.n; i++)
        by_status[b->desired.images[i].status]++;
}

void rf_bundle_image_text(const struct rf_desired *d, const struct rf_image *im, struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT];
    rf_buf_addf(out, "%-9s ", rf_image_status_name(im->status));
    rf_image_name(d, im, out);
    if (rf_desired_str(d, im->tag)[0] != '\0')
        rf_buf_addf(out, " %s", rf_digest_text(&im->digest, text));
    if (im->n_children > 0)
        rf_buf_addf(out, " (%u platform%s chosen)", im->n_children, rf_text_s(im->n_children));
}

void rf_bundle_bases_text(const struct rf_bundle *b, struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT];
    for (size_t i = 0; i < b->n_bases; i++)
        rf_buf_addf(out, "base      snapshot %s\n", rf_digest_text(&b->bases[i], text));
}

void rf_bundle_images_text(const struct rf_bundle *b, struct rf_buf *out)
{
    uint64_t n[RF_IMAGE_HELD + 1];
    rf_bundle_count_images(b, n);
    rf_buf_add_str(out, "images    ");
    for (int s = RF_IMAGE_NEW; s <= RF_IMAGE_HELD; s++)
        rf_buf_addf(out, "%llu %s, ", (unsigned long long)n[s],
                    rf_image_status_name((enum rf_image_status)s));
    rf_buf_addf(out, "%zu hole%s", b->n_holes, rf_text_s(b->n_holes));
}

void rf_bundle_bases_json(const struct rf_bundle *b, struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT];
    if (rf_bundle_is_repair(b))
        rf_buf_addf(out, ",\"repairs\":\"%s\"", rf_digest_text(&b->repairs, text));
    rf_buf_add_str(out, ",\"bases\":[");
    for (size_t i = 0; i < b->n_bases; i++)
        rf_buf_addf(out, "%s\"%s\"", i > 0 ? "," : "", rf_digest_text(&b->bases[i], text));
    rf_buf_add_char(out, ']');
}
