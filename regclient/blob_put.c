/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/blob_put.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static int check_want(const struct rf_blob_put *put, struct rf_err *err)
{
    char want[RF_DIGEST_TEXT], have[RF_DIGEST_TEXT];
    if (put->want == NULL || rf_digest_eq(put->want, &put->digest))
        return 0;
    return rf_fail(err, RFE_DIGEST_MISMATCH, "digest mismatch, expected %s, received %s",
                   rf_digest_text(put->want, want), rf_digest_text(&put->digest, have));
}

/* `src` gives put->size bytes of put->digest. */
static int store(struct rf_blob_put *put, struct rf_source *src, struct rf_err *err)
{
    struct rf_err ignored;
    int rc = check_want(put, err);
    if (rc < 0)
        return rc;
    if (put->ask && rf_place_probe_blob(put->place, put->repo, &put->digest, put->size,
                                        RF_PROBE_HEAD, &ignored) == 0)
        return 0;
    return rf_place_put_blob(put->place, put->repo, &put->digest, put->size, src, err);
}

static uint8_t algo_of(const struct rf_blob_put *put)
{
    return put->want != NULL ? put->want->algo : RF_DIGEST_SHA256;
}

int rf_blob_put_fd(struct rf_blob_put *put, int fd, struct rf_err *err)
{
    struct stat st;
    off_t at = lseek(fd, 0, SEEK_CUR);
    if (at < 0 || fstat(fd, &st) < 0)
        return rf_fail_errno(err, errno, "a file to be stored");
    put->size = st.st_size > at ? (uint64_t)(st.st_size - at) : 0;
    RF_CLEANUP(rf_source_freep)
    struct rf_source *src = rf_source_fd(fd, (uint64_t)at, put->size);
    if (put->want != NULL) {
        put->digest = *put->want;
        return store(put, src, err);
    }
    RF_CLEANUP(rf_sink_freep)
    struct rf_sink *measure = rf_sink_measure(algo_of(put), &put->digest, NULL);
    int rc = rf_stream_copy(src, measure, NULL, err);
    if (rc == 0)
        rc = rf_sink_commit(measure, err);
    if (rc == 0)
        rc = rf_source_seek(src, 0, err);
    return rc < 0 ? rc : store(put, src, err);
}

int rf_blob_put_spool(struct rf_blob_put *put, struct rf_spool *spool, struct rf_err *err)
{
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_spool_source(spool);
    put->digest = *rf_spool_digest(spool);
    put->size = rf_spool_size(spool);
    return store(put, src, err);
}

int rf_blob_put_bytes(struct rf_blob_put *put, struct rf_slice bytes, struct rf_err *err)
{
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_mem(bytes);
    rf_digest_of(algo_of(put), bytes, &put->digest);
    put->size = bytes.len;
    return store(put, src, err);
}
