/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests per registry: what a run has sent, and what the next one of the same plan will send. Logins and repetitions are not counted: they come as they
 * come.
 *
 *     rf_requests_planned(&r, plan, req->client)        of a plan: what create will send
 *     rf_requests_sent(&r, req->client)                 of a run
 */
#ifndef RF_EXPORT_REQUESTS_H
#define RF_EXPORT_REQUESTS_H

#include "export/plan.h"
#include "export/pulls.h"

struct rf_registry_requests {
    char *registry;
    uint64_t calls[RF_REQ_COUNT]; /* those of RF_REQ_MANIFEST_GET count against a limit */
    uint64_t spent;               /* of a plan: what planning itself has sent that counts */
    struct rf_remote_limit limit; /* as the registry said last */
    int64_t min;                  /* ratelimit.min of its steps */
};
struct rf_requests {
    struct rf_registry_requests *list; /* by name */
    size_t n, cap;
};
void rf_requests_release(struct rf_requests *r);
void rf_requests_sent(struct rf_requests *r, struct rf_client *client);
void rf_requests_planned(struct rf_requests *r, const struct rf_plan *plan,
                         struct rf_client *client);
uint64_t rf_registry_requests_sum(const struct rf_registry_requests *r);
/* What is planned fits into what is left, and leaves ratelimit.min. -RFE_REFUSED. */
RF_MUST_USE int rf_requests_check(const struct rf_requests *r, struct rf_err *err);

/* "requests  docker.io: 14 (manifest head 10, ...)" and what counts, a line each; as the value of a JSON field. Appended. */
void rf_requests_text(const struct rf_requests *r, struct rf_buf *out);
void rf_requests_json(const struct rf_requests *r, bool planned, struct rf_buf *out);

#endif
