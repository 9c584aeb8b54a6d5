/* tests/unit/common/dapr/test_dapr.c — calls to the sidecar: paths, tokens, bodies, what answers mean. */
#include "common/dapr/dapr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/dapr/invoke.h"
#include "common/dapr/publish.h"
#include "common/dapr/state.h"
#include "common/net/loop.h"
#include "tests/unit/support/fake_sidecar.h"

#define TOKEN "0123456789abcdef"
#define OWNER "01997a2d-1c40-7b1e-8a77-90c2d4e6f801"
#define TRACE "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
enum { LIMIT_MS = 120000 };

static const struct dapr_topic task_events = {"pubsub", "task-events", LIMIT_MS};

/** What every test has, and what the last call brought. */
struct world {
    struct loop *loop;
    struct metrics *metrics;
    struct fake_sidecar *sidecar;
    struct dapr *dapr;
    bool is_done, is_returned;
    struct err err;
    char text[256];
    int status;
    bool has_failed[2000];
    size_t n_events;
};

static int open_world(void **state)
{
    struct world *w = MEM_NEW(struct world);

    w->loop = loop_new();
    w->metrics = metrics_new();
    w->sidecar = fake_sidecar_new(w->loop);
    w->dapr = dapr_new(&(struct dapr_config){.port = fake_sidecar_port(w->sidecar),
                                             .api_token = TOKEN,
                                             .app_id = "backend",
                                             .loop = w->loop,
                                             .metrics = w->metrics});
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    dapr_free(w->dapr);
    fake_sidecar_free(w->sidecar);
    metrics_free(w->metrics);
    loop_free(w->loop);
    mem_free(w);
    return 0;
}

static void take_err(struct world *w, const struct err *err)
{
    assert_true(w->is_returned); /* never before the call has returned */
    assert_false(w->is_done);    /* once */
    w->err = err != NULL ? *err : (struct err){0};
    w->is_done = true;
}

static void on_done(void *arg, const struct err *err)
{
    take_err(arg, err);
}

static void on_state(void *arg, const char *json, const struct err *err)
{
    struct world *w = arg;

    snprintf(w->text, sizeof w->text, "%s", json != NULL ? json : "none");
    take_err(w, err);
}

static void on_answer(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct world *w = arg;

    assert_true((answer == NULL) == (err != NULL));
    w->status = answer != NULL ? answer->status : 0;
    snprintf(w->text, sizeof w->text, "%s", answer != NULL ? answer->body : "none");
    take_err(w, err);
}

static void on_bulk(void *arg, const bool *has_failed, size_t n_events, const struct err *err)
{
    struct world *w = arg;

    w->n_events = n_events;
    memcpy(w->has_failed, has_failed, n_events);
    take_err(w, err);
}

static void wait(struct world *w)
{
    w->is_returned = true;
    fake_run_until(w->loop, &w->is_done);
    w->is_done = w->is_returned = false;
}

static struct event make_event(void)
{
    return (struct event){.id = "01997a2e-5f00-7c3a-9d52-6a1f0e4b7c11",
                          .source = "/todo/backend",
                          .type = "todo.task.created.v1",
                          .subject = "s",
                          .owner_id = OWNER,
                          .traceparent = TRACE,
                          .data = "{}",
                          .time = 1795254360123,
                          .seq = 7};
}

static void test_an_event_is_posted_with_its_owner_as_partition_key(void **state)
{
    struct world *w = *state;
    struct event event = make_event();
    const struct fake_call *call;

    dapr_publish_event(w->dapr, &task_events, &event, on_done, w);
    wait(w);
    assert_int_equal(w->err.code, ERR_NONE);
    call = fake_sidecar_call(w->sidecar, 0);
    assert_string_equal(call->method, "POST");
    assert_string_equal(call->path,
                        "/v1.0/publish/pubsub/task-events?metadata.partitionKey=" OWNER);
    assert_string_equal(call->token, TOKEN);
    assert_string_equal(call->content_type, "application/cloudevents+json");
    assert_string_equal(call->traceparent, TRACE);
    assert_non_null(strstr(call->body, "\"seq\":\"7\""));
}

static void test_the_statuses_of_the_sidecar_become_codes(void **state)
{
    static const struct {
        int status;
        enum err_code code;
    } rows[] = {
        {200, ERR_NONE},        {204, ERR_NONE},        {400, ERR_INTERNAL},
        {401, ERR_FORBIDDEN},   {403, ERR_FORBIDDEN},   {404, ERR_NOT_FOUND},
        {409, ERR_CONFLICT},    {413, ERR_INTERNAL},    {429, ERR_UNAVAILABLE},
        {500, ERR_UNAVAILABLE}, {503, ERR_UNAVAILABLE},
    };
    struct world *w = *state;
    struct event event = make_event();

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fake_sidecar_answer(w->sidecar, rows[i].status, "application/json",
                            "{\"errorCode\":\"ERR_X\",\"message\":\"it is so\",\"details\":[]}");
        dapr_publish_event(w->dapr, &task_events, &event, on_done, w);
        wait(w);
        assert_int_equal(w->err.code, rows[i].code);
        if (rows[i].code != ERR_NONE)
            assert_non_null(strstr(w->err.text, "ERR_X it is so"));
    }
}

static void test_an_answer_that_does_not_come_is_a_timeout(void **state)
{
    struct world *w = *state;

    fake_sidecar_answer(w->sidecar, 0, NULL, NULL);
    dapr_check_outbound(w->dapr, 100, on_done, w);
    wait(w);
    assert_int_equal(w->err.code, ERR_TIMEOUT);
    assert_string_equal(fake_sidecar_call(w->sidecar, 0)->path, "/v1.0/healthz/outbound");
}

static void test_running_calls_end_when_the_client_is_freed(void **state)
{
    struct world *w = *state;

    dapr_check_outbound(w->dapr, LIMIT_MS, on_done, w);
    w->is_returned = true;
    dapr_free(w->dapr);
    w->dapr = NULL;
    assert_true(w->is_done);
    assert_int_equal(w->err.code, ERR_UNAVAILABLE);
}

static void test_a_bulk_is_one_array_of_cloud_events(void **state)
{
    struct world *w = *state;
    struct event events[2] = {make_event(), make_event()};
    const struct fake_call *call;

    dapr_publish_bulk(w->dapr, &task_events, events, 2, on_bulk, w);
    wait(w);
    assert_int_equal(w->err.code, ERR_NONE);
    assert_int_equal(w->n_events, 2);
    assert_false(w->has_failed[0] || w->has_failed[1]);
    call = fake_sidecar_call(w->sidecar, 0);
    assert_string_equal(call->path, "/v1.0/publish/bulk/pubsub/task-events");
    assert_string_equal(call->content_type, "application/json");
    assert_ptr_equal(strstr(call->body, "[{\"entryId\":\"0\",\"event\":{\"specversion\":"),
                     call->body);
    assert_non_null(strstr(call->body, "\"contentType\":\"application/cloudevents+json\","
                                       "\"metadata\":{\"partitionKey\":\"" OWNER "\"}},"
                                       "{\"entryId\":\"1\""));
    assert_int_equal(call->body[call->n_bytes - 1], ']');
}

static void test_failed_entries_of_a_bulk_are_marked_alone(void **state)
{
    struct world *w = *state;
    struct event events[3] = {make_event(), make_event(), make_event()};

    fake_sidecar_answer(w->sidecar, 500, "application/json",
                        "{\"failedEntries\":[{\"entryId\":\"1\",\"error\":\"no\"}],"
                        "\"errorCode\":\"ERR_PUBSUB_PUBLISH_MESSAGE\"}");
    dapr_publish_bulk(w->dapr, &task_events, events, 3, on_bulk, w);
    wait(w);
    assert_int_equal(w->err.code, ERR_NONE);
    assert_false(w->has_failed[0]);
    assert_true(w->has_failed[1]);
    assert_false(w->has_failed[2]);
}

static void test_all_of_a_bulk_has_failed_when_the_answer_does_not_say_which(void **state)
{
    static const char *const bodies[] = {
        "",
        "{}",
        "{\"failedEntries\":[]}",
        "{\"failedEntries\":[{\"entryId\":\"2\"}]}",
        "{\"failedEntries\":[{\"entryId\":\"x\"}]}",
        "{\"failedEntries\":[{\"entryId\":\"0\"},{}]}",
        "{\"failedEntries\":[{\"entryId\":\"99999999999999999999\"}]}"};
    struct world *w = *state;
    struct event events[2] = {make_event(), make_event()};

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        fake_sidecar_answer(w->sidecar, 500, "application/json", bodies[i]);
        dapr_publish_bulk(w->dapr, &task_events, events, 2, on_bulk, w);
        wait(w);
        assert_int_equal(w->err.code, ERR_UNAVAILABLE);
        assert_true(w->has_failed[0] && w->has_failed[1]);
    }
}

/** Send 600 events of 10 KB: more than one body may hold. */
static void send_large_bulk(struct world *w)
{
    enum { N_EVENTS = 600, N_BYTES = 10000 };
    struct event *events = mem_new_array(N_EVENTS, sizeof *events);
    char *data = mem_new(N_BYTES + 1);

    memset(data, 'x', N_BYTES);
    memcpy(data, "{\"a\":\"", 6);
    memcpy(data + N_BYTES - 2, "\"}", 2);
    for (size_t i = 0; i < N_EVENTS; i++) {
        events[i] = make_event();
        events[i].data = data;
    }
    dapr_publish_bulk(w->dapr, &task_events, events, N_EVENTS, on_bulk, w);
    mem_free(events);
    mem_free(data);
    wait(w);
}

static void test_a_large_bulk_goes_in_parts_below_the_sidecars_limit(void **state)
{
    struct world *w = *state;
    size_t n_calls;

    send_large_bulk(w);
    n_calls = fake_sidecar_n_calls(w->sidecar);
    assert_int_equal(n_calls, 4);
    for (size_t i = 0; i < n_calls; i++)
        assert_true(fake_sidecar_call(w->sidecar, i)->n_bytes < 4 * 1024 * 1024);
    assert_int_equal(w->err.code, ERR_NONE);
    assert_int_equal(w->n_events, 600);
    assert_null(memchr(w->has_failed, true, 600));
}

static void test_a_lost_part_fails_itself_and_what_follows(void **state)
{
    struct world *w = *state;

    fake_sidecar_answer(w->sidecar, 204, NULL, NULL);
    fake_sidecar_answer(w->sidecar, 503, NULL, NULL);
    send_large_bulk(w);
    assert_int_equal(fake_sidecar_n_calls(w->sidecar), 2);
    assert_int_equal(w->err.code, ERR_NONE); /* the first part is with the broker */
    assert_false(w->has_failed[0]);
    assert_true(w->has_failed[300]);
    assert_true(w->has_failed[599]);
}

static void test_adding_state_asks_for_the_first_write(void **state)
{
    struct world *w = *state;

    dapr_state_add(w->dapr, &(struct dapr_entry){"state", "jti \"1\"", LIMIT_MS}, "{\"a\":1}", 30,
                   on_done, w);
    wait(w);
    assert_int_equal(w->err.code, ERR_NONE);
    assert_string_equal(fake_sidecar_call(w->sidecar, 0)->path, "/v1.0/state/state");
    assert_string_equal(
        fake_sidecar_call(w->sidecar, 0)->body,
        "[{\"key\":\"jti \\\"1\\\"\",\"value\":{\"a\":1},\"metadata\":"
        "{\"ttlInSeconds\":\"30\"},\"options\":{\"concurrency\":\"first-write\"}}]");
}

static void test_a_lost_first_write_is_a_conflict_and_no_outage(void **state)
{
    struct world *w = *state;

    fake_sidecar_answer(w->sidecar, 500, "application/json",
                        "{\"errorCode\":\"ERR_STATE_SAVE\",\"message\":\"failed saving state in "
                        "state store state: no item was updated\"}");
    dapr_state_add(w->dapr, &(struct dapr_entry){"state", "k", LIMIT_MS}, "1", 30, on_done, w);
    wait(w);
    assert_int_equal(w->err.code, ERR_CONFLICT);
    fake_sidecar_answer(w->sidecar, 500, "application/json", "{\"errorCode\":\"ERR_STATE_SAVE\"}");
    dapr_state_add(w->dapr, &(struct dapr_entry){"state", "k", LIMIT_MS}, "1", 30, on_done, w);
    wait(w);
    assert_int_equal(w->err.code, ERR_UNAVAILABLE);
}

static void test_state_is_got_by_an_escaped_key_or_is_none(void **state)
{
    struct world *w = *state;

    fake_sidecar_answer(w->sidecar, 200, "application/json", "{\"a\":1}");
    dapr_state_get(w->dapr, &(struct dapr_entry){"state", "a/b c?", LIMIT_MS}, on_state, w);
    wait(w);
    assert_string_equal(w->text, "{\"a\":1}");
    assert_string_equal(fake_sidecar_call(w->sidecar, 0)->path, "/v1.0/state/state/a%2Fb%20c%3F");
    dapr_state_get(w->dapr, &(struct dapr_entry){"state", "k", LIMIT_MS}, on_state, w);
    wait(w);
    assert_int_equal(w->err.code, ERR_NONE);
    assert_string_equal(w->text, "none");
    dapr_state_delete(w->dapr, &(struct dapr_entry){"state", "k", LIMIT_MS}, on_done, w);
    wait(w);
    assert_string_equal(fake_sidecar_call(w->sidecar, 2)->method, "DELETE");
}

static void test_a_problem_of_the_invoked_service_is_its_answer(void **state)
{
    struct world *w = *state;

    fake_sidecar_answer(w->sidecar, 404, "application/problem+json", "{\"code\":\"not_found\"}");
    dapr_invoke_get(
        w->dapr,
        &(struct dapr_invocation){"audit", "/internal/history?owner_id=1", NULL, TRACE, LIMIT_MS},
        on_answer, w);
    wait(w);
    assert_int_equal(w->err.code, ERR_NONE);
    assert_int_equal(w->status, 404);
    assert_string_equal(w->text, "{\"code\":\"not_found\"}");
    assert_string_equal(fake_sidecar_call(w->sidecar, 0)->path,
                        "/v1.0/invoke/audit/method/internal/history?owner_id=1");
    assert_string_equal(fake_sidecar_call(w->sidecar, 0)->traceparent, TRACE);
}

static void test_a_posted_body_reaches_the_invoked_service(void **state)
{
    struct world *w = *state;

    fake_sidecar_answer(w->sidecar, 200, "application/json", "{}");
    dapr_invoke_post(w->dapr,
                     &(struct dapr_invocation){"recurring-task", "/internal/preview",
                                               "{\"count\":1}", TRACE, LIMIT_MS},
                     on_answer, w);
    wait(w);
    assert_int_equal(w->err.code, ERR_NONE);
    assert_string_equal(fake_sidecar_call(w->sidecar, 0)->method, "POST");
    assert_string_equal(fake_sidecar_call(w->sidecar, 0)->path,
                        "/v1.0/invoke/recurring-task/method/internal/preview");
    assert_string_equal(fake_sidecar_call(w->sidecar, 0)->body, "{\"count\":1}");
    assert_string_equal(fake_sidecar_call(w->sidecar, 0)->content_type, "application/json");
}

static void test_a_refusal_of_the_sidecar_is_an_error(void **state)
{
    struct world *w = *state;

    fake_sidecar_answer(w->sidecar, 403, "application/json",
                        "{\"errorCode\":\"ERR_DIRECT_INVOKE\"}");
    dapr_invoke_get(w->dapr,
                    &(struct dapr_invocation){"audit", "/internal/history", NULL, NULL, LIMIT_MS},
                    on_answer, w);
    wait(w);
    assert_int_equal(w->err.code, ERR_FORBIDDEN);
}

static void test_a_binding_gets_operation_data_and_metadata(void **state)
{
    struct world *w = *state;

    dapr_invoke_binding(w->dapr,
                        &(struct dapr_binding_call){"smtp", "create", "\"hello\"",
                                                    "{\"emailTo\":\"a@b.c\"}", NULL, LIMIT_MS},
                        on_answer, w);
    wait(w);
    assert_int_equal(w->err.code, ERR_NONE);
    assert_string_equal(
        fake_sidecar_call(w->sidecar, 0)->body,
        "{\"operation\":\"create\",\"data\":\"hello\",\"metadata\":{\"emailTo\":\"a@b.c\"}}");
    assert_string_equal(fake_sidecar_call(w->sidecar, 0)->path, "/v1.0/bindings/smtp");
}

static void test_calls_are_counted_by_api_and_outcome(void **state)
{
    struct world *w = *state;
    struct buf text;

    dapr_state_delete(w->dapr, &(struct dapr_entry){"state", "k", LIMIT_MS}, on_done, w);
    wait(w);
    fake_sidecar_answer(w->sidecar, 500, NULL, NULL);
    dapr_state_delete(w->dapr, &(struct dapr_entry){"state", "k", LIMIT_MS}, on_done, w);
    wait(w);
    buf_init(&text);
    metrics_write(w->metrics, &text);
    assert_non_null(
        strstr(buf_text(&text), "dapr_calls_total{api=\"state\",outcome=\"worked\"} 1\n"));
    assert_non_null(
        strstr(buf_text(&text), "dapr_calls_total{api=\"state\",outcome=\"failed\"} 1\n"));
    assert_non_null(strstr(buf_text(&text), "dapr_call_seconds_count{api=\"state\"} 2\n"));
    buf_clear(&text);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_an_event_is_posted_with_its_owner_as_partition_key),
        WORLD_TEST(test_the_statuses_of_the_sidecar_become_codes),
        WORLD_TEST(test_an_answer_that_does_not_come_is_a_timeout),
        WORLD_TEST(test_running_calls_end_when_the_client_is_freed),
        WORLD_TEST(test_a_bulk_is_one_array_of_cloud_events),
        WORLD_TEST(test_failed_entries_of_a_bulk_are_marked_alone),
        WORLD_TEST(test_all_of_a_bulk_has_failed_when_the_answer_does_not_say_which),
        WORLD_TEST(test_a_large_bulk_goes_in_parts_below_the_sidecars_limit),
        WORLD_TEST(test_a_lost_part_fails_itself_and_what_follows),
        WORLD_TEST(test_adding_state_asks_for_the_first_write),
        WORLD_TEST(test_a_lost_first_write_is_a_conflict_and_no_outage),
        WORLD_TEST(test_state_is_got_by_an_escaped_key_or_is_none),
        WORLD_TEST(test_a_problem_of_the_invoked_service_is_its_answer),
        WORLD_TEST(test_a_posted_body_reaches_the_invoked_service),
        WORLD_TEST(test_a_refusal_of_the_sidecar_is_an_error),
        WORLD_TEST(test_a_binding_gets_operation_data_and_metadata),
        WORLD_TEST(test_calls_are_counted_by_api_and_outcome),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
