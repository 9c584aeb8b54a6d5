/* common/base/flow.h — one request = one struct + one list of steps, read downwards.
 *
 * A flow runs its steps in order. A step returns FLOW_NEXT, FLOW_WAIT (someone will call
 * flow_resume) or FLOW_STOP (go to finish). After flow_resume with an error it goes straight to
 * finish, which runs once, whatever happened: it replies, logs one line and frees. */
#ifndef COMMON_BASE_FLOW_H
#define COMMON_BASE_FLOW_H

#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"

enum flow_next { FLOW_NEXT, FLOW_WAIT, FLOW_STOP };
enum { FLOW_STEPS_MAX = 8, FLOW_TRACEPARENT_SIZE = 56 };

struct flow;
typedef enum flow_next flow_step_fn(struct flow *flow);
typedef void flow_finish_fn(struct flow *flow);

struct flow_plan {
    const char *name;
    flow_step_fn *steps[FLOW_STEPS_MAX + 1]; /* NULL ends */
    flow_finish_fn *finish;
};

/** Embedded as the first member of a request's struct. */
struct flow {
    const struct flow_plan *plan;
    struct arena arena;
    struct err err;
    char traceparent[FLOW_TRACEPARENT_SIZE]; /* W3C Trace Context, ours as a child; never empty */
    int64_t began_us;                        /* monotonic */
    unsigned step;                           /* index of the step that runs or waits */
    bool is_waiting;
};

/** Start: init arena and trace (a child span of `traceparent`, or a new trace when NULL or
 *  malformed) and run steps until one waits. The flow may have finished and been freed on return. */
void flow_start(struct flow *flow, const struct flow_plan *plan, const char *traceparent);

/** Go on after FLOW_WAIT. With `err` (borrowed) set: copy it and go to finish. Never call it from
 *  within the step that is about to return FLOW_WAIT. */
void flow_resume(struct flow *flow, const struct err *err);

/** Fail the running step: `return flow_fail(flow)` after err was filled; returns FLOW_STOP. */
enum flow_next flow_fail(struct flow *flow);

/** Release what flow_start made (the arena). Call it last in finish, before freeing the struct. */
void flow_clear(struct flow *flow);

/** Return the 32 hexadecimal digits of the trace id into `text`. */
void flow_trace_id(const struct flow *flow, char text[33]);

/** Return the name of the step counting from 1: for the log line of finish. */
unsigned flow_step_number(const struct flow *flow);

#endif
