/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program as a server: its file's jobs by their schedules (policy/server.h), and pages for those who watch: /metrics, /healthz, /status.
 *
 *     const struct rf_serving serving = { .name = "regbot", .config = "regbot.yml", .listen = ":9090", .ops = &ops, .ctx = &mine };
 *     rc = rf_serving_run(&serving, &failures, err);
 */
#ifndef RF_SERVE_SERVING_H
#define RF_SERVE_SERVING_H

#include "policy/server.h"
#include "serve/openmetrics.h"

/* A session is what a file became: plan->ctx. */
struct rf_serving_ops {
    /* Fills all of the plan. -code: the file cannot be used, and nothing is left of it. */
    int (*load)(void *ctx, bool again, struct rf_server_plan *plan, struct rf_err *err);
    /* A session takes the place of another: over with what is known so far. Nobody looks at either meanwhile. NULL: they share it. */
    void (*take_over)(void *session, void *old);
    /* The pages; while they are made the session is not freed. */
    void (*metrics)(const struct rf_metrics_program *p, void *session, struct rf_buf *out);
    void (*status)(const struct rf_metrics_program *p, void *session, struct rf_buf *out);
};

struct rf_serving {
    const char *name;   /* of the program */
    const char *config; /* the file; "-" cannot be read again */
    const char *listen; /* address of the pages; NULL: none */
    bool abort_on_error;
    const struct rf_serving_ops *ops;
    void *ctx;
};
/* For the main thread, until told to stop. As rf_server_run: `failures` gets those of jobs. */
RF_MUST_USE int rf_serving_run(const struct rf_serving *serving, struct rf_buf *failures,
                               struct rf_err *err);

#endif
