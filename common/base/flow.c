#include "common/base/flow.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "common/base/clock.h"

/* W3C Trace Context §3.2: version "-" trace id "-" parent id "-" flags */
enum {
    TRACE_ID_AT = 3,
    TRACE_ID_LENGTH = 32,
    SPAN_ID_AT = 36,
    SPAN_ID_LENGTH = 16,
    FLAGS_AT = 53,
    TRACEPARENT_LENGTH = 55,
};

/* Return whether `length` lower case hexadecimal digits stand at `at` and not all of them are 0. */
static bool is_id_at(const char *text, size_t at, size_t length)
{
    return strspn(text + at, "0123456789abcdef") >= length && strspn(text + at, "0") < length;
}

/* A later version may carry more after a further hyphen (§3.2.4); "ff" is never one. */
static bool is_version_of(const char *text, size_t length)
{
    if (strspn(text, "0123456789abcdef") < 2 || memcmp(text, "ff", 2) == 0)
        return false;
    return length == TRACEPARENT_LENGTH ||
           (memcmp(text, "00", 2) != 0 && text[TRACEPARENT_LENGTH] == '-');
}

static bool is_traceparent(const char *text)
{
    size_t length = strnlen(text, TRACEPARENT_LENGTH + 1);

    return length >= TRACEPARENT_LENGTH && is_version_of(text, length) &&
           text[TRACE_ID_AT - 1] == '-' && is_id_at(text, TRACE_ID_AT, TRACE_ID_LENGTH) &&
           text[SPAN_ID_AT - 1] == '-' && is_id_at(text, SPAN_ID_AT, SPAN_ID_LENGTH) &&
           text[FLAGS_AT - 1] == '-' && strspn(text + FLAGS_AT, "0123456789abcdef") >= 2;
}

enum { TRACE_BYTES = TRACE_ID_LENGTH / 2, SPAN_BYTES = SPAN_ID_LENGTH / 2 };

/* Draw both ids at once: asking the kernel is most of what a trace costs. */
static void draw_ids(char trace_id[TRACE_ID_LENGTH], char span_id[SPAN_ID_LENGTH])
{
    unsigned char bytes[TRACE_BYTES + SPAN_BYTES];
    char hex[2 * sizeof(bytes) + 1];

    do {
        randombytes_buf(bytes, sizeof bytes);
    } while (sodium_is_zero(bytes, TRACE_BYTES) || /* all zero means "none" */
             sodium_is_zero(bytes + TRACE_BYTES, SPAN_BYTES));
    sodium_bin2hex(hex, sizeof hex, bytes, sizeof bytes);
    memcpy(trace_id, hex, TRACE_ID_LENGTH);
    memcpy(span_id, hex + TRACE_ID_LENGTH, SPAN_ID_LENGTH);
}

/* Of the flags only "sampled" is passed on; a trace that begins here leaves that to the sidecar. */
static void make_trace(char own[FLOW_TRACEPARENT_SIZE], const char *parent)
{
    static const char form[] = "00-00000000000000000000000000000000-0000000000000000-00";

    _Static_assert(sizeof form == FLOW_TRACEPARENT_SIZE, "the form is a whole traceparent");
    memcpy(own, form, sizeof form);
    draw_ids(own + TRACE_ID_AT, own + SPAN_ID_AT);
    if (parent == NULL || !is_traceparent(parent))
        return;
    memcpy(own + TRACE_ID_AT, parent + TRACE_ID_AT, TRACE_ID_LENGTH);
    if (strchr("13579bdf", parent[FLAGS_AT + 1]) != NULL)
        own[FLAGS_AT + 1] = '1';
}

/* finish frees the flow, so nothing may touch it afterwards. */
static void run(struct flow *flow)
{
    for (;;) {
        enum flow_next next = flow->plan->steps[flow->step](flow);

        if (next == FLOW_WAIT) {
            assert(!err_is_set(&flow->err));
            flow->is_waiting = true;
            return;
        }
        if (next == FLOW_STOP)
            break;
        assert(next == FLOW_NEXT && !err_is_set(&flow->err)); /* else it meant flow_fail */
        if (flow->plan->steps[flow->step + 1] == NULL)
            break;
        flow->step++;
    }
    flow->plan->finish(flow);
}

void flow_start(struct flow *flow, const struct flow_plan *plan, const char *traceparent)
{
    assert(plan->steps[0] != NULL && plan->finish != NULL);
    assert(plan->steps[FLOW_STEPS_MAX] == NULL);
    flow->plan = plan;
    arena_init(&flow->arena);
    err_clear(&flow->err);
    make_trace(flow->traceparent, traceparent);
    flow->began_us = clock_monotonic_us();
    flow->step = 0;
    flow->is_waiting = false;
    run(flow);
}

void flow_resume(struct flow *flow, const struct err *err)
{
    assert(flow->is_waiting); /* the step has returned, and nobody resumed it before */
    flow->is_waiting = false;
    if (err_is_set(err) && err != &flow->err)
        flow->err = *err;
    if (err_is_set(&flow->err) || flow->plan->steps[flow->step + 1] == NULL) {
        flow->plan->finish(flow);
        return;
    }
    flow->step++;
    run(flow);
}

enum flow_next flow_fail(struct flow *flow)
{
    assert(err_is_set(&flow->err));
    (void)flow;
    return FLOW_STOP;
}

void flow_clear(struct flow *flow)
{
    arena_clear(&flow->arena);
}

void flow_trace_id(const struct flow *flow, char text[33])
{
    memcpy(text, flow->traceparent + TRACE_ID_AT, TRACE_ID_LENGTH);
    text[TRACE_ID_LENGTH] = '\0';
}

unsigned flow_step_number(const struct flow *flow)
{
    return flow->step + 1;
}
