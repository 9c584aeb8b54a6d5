/* common/projection/projection_flow.h — what the four flows of this folder share. */
#ifndef COMMON_PROJECTION_PROJECTION_FLOW_H
#define COMMON_PROJECTION_PROJECTION_FLOW_H

#include "common/base/flow.h"
#include "common/events/event.h"
#include "common/projection/projection.h"

struct projection_flow {
    struct flow flow;                 /* first member */
    const struct projection_app *app; /* borrowed, as the next */
    const struct projection_store *store;
    struct pg_pool *pool;
    struct delivery *delivery; /* taken; delivery_finish gives it back */
    const struct event *event; /* of the delivery */
    struct task task;
    struct uuid purged_id;
    struct user user;
};

void projection_flow_start(const struct flow_plan *plan, const struct projection_app *app,
                           struct delivery *delivery);

/** The step that reads the event's user, who must be its owner. */
enum flow_next projection_flow_read_user(struct flow *flow);

/** Fail the step unless `id`, which the data names `field`, is what the event's `attribute` says. */
bool projection_flow_check_id(struct projection_flow *p, const char *field, const struct uuid *id,
                              const char *attribute);

/** The end of all four: answer the sidecar, free. */
void projection_flow_finish(struct flow *flow);

/** Run a statement and go on with the next step: `return projection_flow_run(…)`. */
enum flow_next projection_flow_run(struct projection_flow *p, const struct pg_statement *statement,
                                   const struct pg_params *params);

#endif
