/* tests/unit/common/base/test_flow.c */
#include "common/base/flow.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A flow that writes down what happened, step by step, and frees itself in finish. */
struct traced {
    struct flow flow;
    char *trace; /* borrowed: outlives the flow */
};

static void note(struct flow *flow, const char *what)
{
    strcat(((struct traced *)flow)->trace, what);
}

static enum flow_next go_on(struct flow *flow)
{
    note(flow, "n");
    arena_new(&flow->arena, 100);
    return FLOW_NEXT;
}

static enum flow_next hold(struct flow *flow)
{
    note(flow, "w");
    return FLOW_WAIT;
}

static enum flow_next stop(struct flow *flow)
{
    note(flow, "s");
    return FLOW_STOP;
}

static enum flow_next fail_not_found(struct flow *flow)
{
    note(flow, "f");
    err_set(&flow->err, ERR_NOT_FOUND, "task: none");
    return flow_fail(flow);
}

static void finish(struct flow *flow)
{
    char end[40];

    snprintf(end, sizeof end, " %s at %u", err_code_name(flow->err.code), flow_step_number(flow));
    note(flow, end);
    flow_clear(flow);
    free(flow);
}

static struct flow *start(const struct flow_plan *plan, char *trace, const char *traceparent)
{
    struct traced *t = malloc(sizeof *t); /* not zeroed: flow_start must init all */

    memset(t, 0xA5, sizeof *t);
    t->trace = trace;
    flow_start(&t->flow, plan, traceparent);
    return &t->flow;
}

static void test_steps_run_in_order_to_finish(void **state)
{
    static const struct flow_plan plan = {"p", {go_on, go_on, go_on}, finish};
    char trace[100] = "";

    (void)state;
    start(&plan, trace, NULL);
    assert_string_equal(trace, "nnn none at 3");
}

static void test_a_waiting_step_goes_on_when_resumed(void **state)
{
    static const struct flow_plan plan = {"p", {go_on, hold, go_on, hold}, finish};
    char trace[100] = "";
    struct flow *flow = start(&plan, trace, NULL);

    (void)state;
    assert_string_equal(trace, "nw");
    assert_true(flow->is_waiting);
    flow_resume(flow, NULL);
    assert_string_equal(trace, "nwnw");
    flow_resume(flow, &(struct err){.code = ERR_NONE});
    assert_string_equal(trace, "nwnw none at 4");
}

static void test_an_error_leads_straight_to_finish(void **state)
{
    static const struct flow_plan plan = {"p", {hold, go_on}, finish};
    char trace[100] = "";

    (void)state;
    flow_resume(start(&plan, trace, NULL), &(struct err){.code = ERR_TIMEOUT});
    assert_string_equal(trace, "w timeout at 1");
}

static void test_an_error_that_the_callback_left_in_the_flow_counts(void **state)
{
    static const struct flow_plan plan = {"p", {hold, go_on}, finish};
    char trace[200] = "";
    struct flow *flow = start(&plan, trace, NULL);

    (void)state;
    err_set(&flow->err, ERR_CONFLICT, "x");
    flow_resume(flow, &flow->err);
    flow = start(&plan, trace, NULL);
    err_set(&flow->err, ERR_CONFLICT, "x");
    flow_resume(flow, NULL);
    assert_string_equal(trace, "w conflict at 1w conflict at 1");
}

static void test_a_failing_or_stopping_step_is_the_last(void **state)
{
    static const struct flow_plan failing = {"p", {go_on, fail_not_found, go_on}, finish};
    static const struct flow_plan stopping = {"p", {stop, go_on}, finish};
    char trace[100] = "";

    (void)state;
    start(&failing, trace, NULL);
    start(&stopping, trace, NULL);
    assert_string_equal(trace, "nf not_found at 2s none at 1");
}

static void test_eight_steps_are_possible(void **state)
{
    static const struct flow_plan plan = {
        "p", {go_on, go_on, go_on, go_on, go_on, go_on, go_on, hold}, finish};
    char trace[100] = "";

    (void)state;
    flow_resume(start(&plan, trace, NULL), NULL);
    assert_string_equal(trace, "nnnnnnnw none at 8");
}

static enum flow_next resume_itself(struct flow *flow)
{
    flow_resume(flow, NULL); /* our mistake: the step has not returned */
    return FLOW_WAIT;
}

static enum flow_next forget_to_fail(struct flow *flow)
{
    err_set(&flow->err, ERR_INVALID, "x");
    return FLOW_NEXT;
}

static enum flow_next fail_without_reason(struct flow *flow)
{
    return flow_fail(flow);
}

static bool aborts(flow_step_fn *step)
{
    const struct flow_plan plan = {"p", {step, go_on}, finish};
    char trace[100] = "";
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        close(STDERR_FILENO);
        start(&plan, trace, NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_mistakes_in_steps_are_asserted(void **state)
{
    (void)state;
    assert_false(aborts(go_on));
    assert_true(aborts(resume_itself));
    assert_true(aborts(forget_to_fail));
    assert_true(aborts(fail_without_reason));
}

static const struct {
    const char *parent;
    const char *child; /* without the span id; NULL: a new trace */
} traces[] = {
    {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
     "00-0af7651916cd43dd8448eb211c80319c-01"},
    {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
     "00-0af7651916cd43dd8448eb211c80319c-00"},
    {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff",
     "00-0af7651916cd43dd8448eb211c80319c-01"},
    {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-fe",
     "00-0af7651916cd43dd8448eb211c80319c-00"},
    {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
     "00-0af7651916cd43dd8448eb211c80319c-01"},
    {"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
     "00-0af7651916cd43dd8448eb211c80319c-01"},
    {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x", NULL},
    {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", NULL},
    {"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL},
    {"00-00000000000000000000000000000000-0000000000000000-00", NULL}, /* Dapr's "untraced" */
    {"00-00000000000000000000000000000000-b7ad6b7169203331-01", NULL},
    {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", NULL},
    {"00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01", NULL},
    {"00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01", NULL},
    {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01", NULL},
    {"00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL},
    {"0g-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL},
    {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", NULL},
    {"00-0af7651916cd43dd8448eb211c80319c", NULL},
    {"", NULL},
    {NULL, NULL},
};

static void finish_traceparent(struct flow *flow)
{
    char trace_id[33];

    flow_trace_id(flow, trace_id);
    assert_int_equal(strlen(flow->traceparent), 55);
    assert_memory_equal(trace_id, flow->traceparent + 3, 32);
    note(flow, flow->traceparent);
    flow_clear(flow);
    free(flow);
}

static void test_a_trace_goes_on_as_a_child_or_begins_anew(void **state)
{
    static const struct flow_plan plan = {"p", {stop}, finish_traceparent};

    (void)state;
    for (size_t i = 0; i < sizeof traces / sizeof traces[0]; i++) {
        char trace[100] = "", child[40] = "";
        const char *own = trace + 1; /* behind the step's "s" */

        start(&plan, trace, traces[i].parent);
        assert_int_equal(strspn(own + 36, "0123456789abcdef"), 16);
        assert_memory_not_equal(own + 36, "0000000000000000", 16);
        memcpy(child, own, 36);
        strcpy(child + 36, own + 53);
        if (traces[i].child != NULL) {
            assert_string_equal(child, traces[i].child);
            assert_memory_not_equal(own + 36, traces[i].parent + 36, 16);
            continue;
        }
        assert_memory_equal(own, "00-", 3);
        assert_string_equal(own + 52, "-00");
        assert_int_equal(strspn(own + 3, "0123456789abcdef"), 32);
        assert_memory_not_equal(own + 3, "0af7651916cd43dd", 16);
        assert_memory_not_equal(own + 3, "0000000000000000", 16);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_run_in_order_to_finish),
        cmocka_unit_test(test_a_waiting_step_goes_on_when_resumed),
        cmocka_unit_test(test_an_error_leads_straight_to_finish),
        cmocka_unit_test(test_an_error_that_the_callback_left_in_the_flow_counts),
        cmocka_unit_test(test_a_failing_or_stopping_step_is_the_last),
        cmocka_unit_test(test_eight_steps_are_possible),
        cmocka_unit_test(test_mistakes_in_steps_are_asserted),
        cmocka_unit_test(test_a_trace_goes_on_as_a_child_or_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
