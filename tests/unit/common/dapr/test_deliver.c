/* tests/unit/common/dapr/test_deliver.c — delivered events: who gets them, what the sidecar is told. */
#include "common/dapr/deliver.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/dapr/dead_letters.h"
#include "common/events/dead_letter.h"
#include "common/net/http_client.h"
#include "common/net/loop.h"
#include "tests/unit/support/fake_sidecar.h"

#define ID "01997a2e-5f00-7c3a-9d52-6a1f0e4b7c11"
#define OWNER "01997a2d-1c40-7b1e-8a77-90c2d4e6f801"
#define NIL "00000000-0000-0000-0000-000000000000"
#define TRACE "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
#define EVENT_OF(owner, source, type)                                                              \
    "{\"data\":{\"n\":1},\"id\":\"" ID "\",\"ownerid\":\"" owner "\",\"seq\":\"3\","               \
    "\"source\":\"" source "\",\"specversion\":\"1.0\",\"subject\":\"task-1\","                    \
    "\"time\":\"2026-11-21T09:46:00.123Z\",\"traceparent\":\"" TRACE "\",\"type\":\"" type "\"}"
#define EVENT(source, type) EVENT_OF(OWNER, source, type)

#define SUCCESS "{\"status\":\"SUCCESS\"}"
#define RETRY "{\"status\":\"RETRY\"}"

struct world {
    struct loop *loop;
    struct metrics *metrics;
    struct log log;
    struct fake_sidecar *sidecar;
    struct dapr *dapr;
    struct deliver *deliver;
    struct http_server *server;
    struct http_client *client;
    bool is_answered;
    int status;
    char answer[256];
    char handled_by[32], handled_type[64];
    enum err_code outcome;     /* what the handler ends with */
    struct delivery *kept;     /* by a handler that ends later */
    struct loop_timer *ending; /* ends it */
};

static void handle(struct world *w, struct delivery *delivery, const char *by)
{
    struct err err = {0};

    snprintf(w->handled_by, sizeof w->handled_by, "%s", by);
    snprintf(w->handled_type, sizeof w->handled_type, "%s", delivery_event(delivery)->type);
    if (w->outcome != ERR_NONE)
        err_set(&err, w->outcome, "the handler says so");
    delivery_finish(delivery, &err);
}

static void handle_created(void *context, struct delivery *delivery)
{
    handle(context, delivery, "created");
}

static void handle_rest(void *context, struct delivery *delivery)
{
    handle(context, delivery, "rest");
}

static void end_late(void *arg)
{
    struct world *w = arg;

    handle(w, w->kept, "late");
}

static void handle_late(void *context, struct delivery *delivery)
{
    struct world *w = context;
    size_t n_bytes;

    w->kept = delivery;
    assert_string_equal(delivery_topic(delivery), "slow");
    assert_string_equal(delivery_event(delivery)->data, "{\"n\":1}");
    assert_non_null(delivery_arena(delivery));
    assert_string_equal(delivery_body(delivery, &n_bytes), EVENT("/todo/x", "t"));
    loop_timer_start(w->ending, 1);
}

static const struct event_handler handlers[] = {
    {"task-events", "created", handle_created}, {"open", NULL, handle_rest},
    {"open", "created", handle_created},        {"slow", "t", handle_late},
    {"dead-letters", NULL, handle_rest},
};

static void take_event(void *context, struct http_request *req)
{
    struct world *w = context;

    deliver_handle(w->deliver, req);
}

static const struct route routes[] = {{HTTP_POST, "/events/{topic}", take_event}};

static struct http_server *open_server(struct world *w)
{
    struct err err = {0};
    struct http_server *server =
        http_server_new(&(struct http_server_config){.name = "dapr",
                                                     .address = "127.0.0.1",
                                                     .limits = {.connections_max = 8,
                                                                .head_limit_ms = 120000,
                                                                .body_limit_ms = 120000,
                                                                .idle_limit_ms = 120000,
                                                                .head_max_bytes = 16384,
                                                                .body_max_bytes = 1048576},
                                                     .routes = routes,
                                                     .n_routes = 1,
                                                     .context = w,
                                                     .loop = w->loop,
                                                     .metrics = w->metrics,
                                                     .log = &w->log},
                        &err);

    assert_non_null(server);
    return server;
}

static int open_world(void **state)
{
    struct world *w = MEM_NEW(struct world);

    w->loop = loop_new();
    w->metrics = metrics_new();
    log_init(&w->log, "test", LOG_DEBUG);
    w->log.fd = open("/dev/null", O_WRONLY);
    w->sidecar = fake_sidecar_new(w->loop);
    w->dapr = dapr_new(&(struct dapr_config){.port = fake_sidecar_port(w->sidecar),
                                             .api_token = "token",
                                             .app_id = "backend",
                                             .loop = w->loop});
    w->deliver =
        deliver_new(&(struct deliver_config){.handlers = handlers,
                                             .n_handlers = sizeof handlers / sizeof handlers[0],
                                             .context = w,
                                             .dapr = w->dapr,
                                             .pubsub = "pubsub",
                                             .metrics = w->metrics,
                                             .log = &w->log});
    w->server = open_server(w);
    w->client = http_client_new(w->loop, 4);
    w->ending = loop_timer_new(w->loop, end_late, w);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    loop_timer_free(w->ending);
    http_client_free(w->client);
    dapr_free(w->dapr);
    http_server_free(w->server);
    deliver_free(w->deliver);
    fake_sidecar_free(w->sidecar);
    metrics_free(w->metrics);
    loop_free(w->loop);
    close(w->log.fd);
    mem_free(w);
    return 0;
}

static void on_answered(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct world *w = arg;

    assert_null(err);
    w->status = answer->status;
    snprintf(w->answer, sizeof w->answer, "%s", answer->body);
    w->is_answered = true;
}

static void deliver_bytes(struct world *w, const char *topic, const void *bytes, size_t n_bytes)
{
    char url[128];

    snprintf(url, sizeof url, "http://127.0.0.1:%d/events/%s", http_server_port(w->server), topic);
    w->is_answered = false;
    http_client_send(w->client,
                     &(struct http_call){.method = HTTP_POST,
                                         .url = url,
                                         .headers = {"content-type: application/cloudevents+json"},
                                         .body = bytes,
                                         .n_body_bytes = n_bytes,
                                         .limit_ms = 120000},
                     on_answered, w);
    fake_run_until(w->loop, &w->is_answered);
    assert_int_equal(w->status, 200);
}

static void deliver_text(struct world *w, const char *topic, const char *text)
{
    deliver_bytes(w, topic, text, strlen(text));
}

/** Read the dead letter that was published at `index`; texts live in `arena`. */
static struct dead_letter read_letter(struct world *w, size_t index, struct arena *arena,
                                      struct event *event)
{
    const struct fake_call *call = fake_sidecar_call(w->sidecar, index);
    struct dead_letter letter;
    struct err err = {0};
    bool ok;

    assert_ptr_equal(strstr(call->path, "/v1.0/publish/pubsub/dead-letters?"), call->path);
    ok = event_read(call->body, call->n_bytes, arena, event, &err) &&
         dead_letter_read(event->data, strlen(event->data), arena, &letter, &err);
    if (!ok)
        fail_msg("%s", err.text);
    assert_string_equal(event->source, "/todo/backend");
    assert_string_equal(event->type, "todo.dead-letter.v1");
    assert_string_equal(letter.consumer, "backend");
    return letter;
}

static void test_an_event_goes_to_the_handler_of_its_topic_and_type(void **state)
{
    struct world *w = *state;

    deliver_text(w, "task-events", EVENT("/todo/x", "created"));
    assert_string_equal(w->answer, SUCCESS);
    assert_string_equal(w->handled_by, "created");
    deliver_text(w, "open", EVENT("/todo/x", "created"));
    assert_string_equal(w->handled_by, "created");
    deliver_text(w, "open", EVENT("/todo/x", "unheard-of"));
    assert_string_equal(w->handled_by, "rest");
    assert_string_equal(w->handled_type, "unheard-of");
    assert_int_equal(fake_sidecar_n_calls(w->sidecar), 0);
}

static void test_a_handler_may_end_later(void **state)
{
    struct world *w = *state;

    deliver_text(w, "slow", EVENT("/todo/x", "t"));
    assert_string_equal(w->handled_by, "late");
    assert_string_equal(w->answer, SUCCESS);
}

static void test_what_fails_for_now_is_asked_for_again(void **state)
{
    static const enum err_code codes[] = {ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_RATE};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        w->outcome = codes[i];
        deliver_text(w, "task-events", EVENT("/todo/x", "created"));
        assert_string_equal(w->answer, RETRY);
    }
    assert_int_equal(fake_sidecar_n_calls(w->sidecar), 0);
}

static void test_what_the_handler_refuses_becomes_a_dead_letter_unchanged(void **state)
{
    struct world *w = *state;
    struct arena arena;
    struct event event;
    struct dead_letter letter;

    arena_init(&arena);
    w->outcome = ERR_INVALID;
    deliver_text(w, "task-events", EVENT("/todo/x", "created"));
    assert_string_equal(w->answer, SUCCESS);
    letter = read_letter(w, 0, &arena, &event);
    assert_string_equal(letter.topic, "task-events");
    assert_string_equal(letter.reason, "the handler says so");
    assert_string_equal(letter.event, EVENT("/todo/x", "created"));
    assert_string_equal(event.owner_id, OWNER);
    assert_string_equal(event.subject, "task-1");
    assert_string_equal(event.traceparent, TRACE);
    assert_int_equal(event.seq, 0);
    arena_clear(&arena);
}

static void test_the_same_event_twice_makes_one_letter(void **state)
{
    struct world *w = *state;
    struct arena arena;
    struct event first, again, other;

    arena_init(&arena);
    deliver_text(w, "task-events", EVENT("/todo/x", "odd"));
    deliver_text(w, "task-events", EVENT("/todo/x", "odd"));
    deliver_text(w, "task-events", EVENT("/todo/x", "even"));
    read_letter(w, 0, &arena, &first);
    read_letter(w, 1, &arena, &again);
    read_letter(w, 2, &arena, &other);
    assert_string_equal(first.id, again.id);
    assert_string_not_equal(first.id, other.id);
    assert_int_equal(first.id[14], '8'); /* the version of a UUID that is made of what one likes */
    arena_clear(&arena);
}

static void test_an_unknown_type_and_an_unknown_topic_are_dead_letters_that_say_so(void **state)
{
    struct world *w = *state;
    struct arena arena;
    struct event event;

    arena_init(&arena);
    deliver_text(w, "task-events", EVENT("/todo/x", "odd"));
    assert_string_equal(read_letter(w, 0, &arena, &event).reason,
                        "type: odd is not known on task-events");
    deliver_text(w, "nowhere", EVENT("/todo/x", "odd"));
    assert_string_equal(w->answer, SUCCESS);
    assert_string_equal(read_letter(w, 1, &arena, &event).topic, "nowhere");
    arena_clear(&arena);
}

static void test_a_malformed_event_is_kept_with_what_can_be_read_of_it(void **state)
{
    struct world *w = *state;
    struct arena arena;
    struct event event;
    struct dead_letter letter;

    arena_init(&arena);
    deliver_text(w, "task-events", "{\"ownerid\":\"" OWNER "\",\"id\":7}");
    letter = read_letter(w, 0, &arena, &event);
    assert_string_equal(letter.event, "{\"ownerid\":\"" OWNER "\",\"id\":7}");
    assert_string_equal(event.owner_id, OWNER);
    deliver_text(w, "task-events", "{\"ownerid\":{\"a\":[]},\"subject\":\"\\u0041\"}");
    letter = read_letter(w, 1, &arena, &event);
    assert_string_equal(event.owner_id, NIL);
    assert_string_equal(event.subject, NIL);
    arena_clear(&arena);
}

static void test_bytes_that_are_no_json_travel_in_base64(void **state)
{
    struct world *w = *state;
    struct arena arena;
    struct event event;

    arena_init(&arena);
    deliver_bytes(w, "task-events", "\xff\0\xfe", 3);
    assert_string_equal(w->answer, SUCCESS);
    assert_string_equal(read_letter(w, 0, &arena, &event).event_b64, "/wD+");
    assert_string_equal(event.owner_id, NIL);
    deliver_bytes(w, "task-events", "", 0);
    assert_string_equal(read_letter(w, 1, &arena, &event).event_b64, "");
    deliver_text(w, "task-events", "{\"\x7f\":1}\r\n"); /* JSON all the same */
    assert_string_equal(read_letter(w, 2, &arena, &event).event, "{\"\x7f\":1}\r\n");
    arena_clear(&arena);
}

static void test_a_huge_event_is_cut_and_the_letter_says_so(void **state)
{
    enum { N_BYTES = 600000 };
    struct world *w = *state;
    char *bytes = mem_new(N_BYTES);
    struct arena arena;
    struct event event;
    struct dead_letter letter;

    arena_init(&arena);
    memset(bytes, 'x', N_BYTES);
    deliver_bytes(w, "task-events", bytes, N_BYTES);
    letter = read_letter(w, 0, &arena, &event);
    assert_non_null(strstr(letter.reason, "(the first 262144 of 600000 bytes)"));
    assert_int_equal(strlen(letter.event_b64), (DEAD_LETTER_ORIGINAL_MAX + 2) / 3 * 4);
    arena_clear(&arena);
    mem_free(bytes);
}

static void test_a_letter_that_cannot_be_written_is_tried_again(void **state)
{
    struct world *w = *state;

    fake_sidecar_answer(w->sidecar, 500, NULL, NULL);
    deliver_text(w, "task-events", EVENT("/todo/x", "odd"));
    assert_string_equal(w->answer, RETRY);
}

static void test_the_letter_about_ones_own_letter_is_nobodys_and_the_last(void **state)
{
    struct world *w = *state;

    w->outcome = ERR_INVALID;
    deliver_text(w, "dead-letters", EVENT_OF(NIL, "/todo/backend", "todo.dead-letter.v1"));
    assert_string_equal(w->answer, RETRY);
    assert_int_equal(fake_sidecar_n_calls(w->sidecar), 0);
    deliver_text(w, "dead-letters", EVENT("/todo/backend", "todo.dead-letter.v1"));
    assert_string_equal(w->answer, SUCCESS);
    assert_int_equal(fake_sidecar_n_calls(w->sidecar), 1);
    assert_non_null(strstr(fake_sidecar_call(w->sidecar, 0)->body, "\"ownerid\":\"" NIL "\""));
    deliver_text(w, "dead-letters", EVENT_OF(NIL, "/todo/audit", "todo.dead-letter.v1"));
    assert_string_equal(w->answer, SUCCESS);
    assert_int_equal(fake_sidecar_n_calls(w->sidecar), 2);
}

static void test_outcomes_are_counted_by_topic(void **state)
{
    struct world *w = *state;
    struct buf text;

    deliver_text(w, "task-events", EVENT("/todo/x", "created"));
    deliver_text(w, "task-events", EVENT("/todo/x", "odd"));
    deliver_text(w, "nowhere", EVENT("/todo/x", "odd"));
    buf_init(&text);
    metrics_write(w->metrics, &text);
    assert_non_null(strstr(buf_text(&text),
                           "events_delivered_total{topic=\"task-events\",outcome=\"done\"} 1\n"));
    assert_non_null(
        strstr(buf_text(&text),
               "events_delivered_total{topic=\"task-events\",outcome=\"dead_letter\"} 1\n"));
    assert_null(strstr(buf_text(&text), "nowhere"));
    buf_clear(&text);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_an_event_goes_to_the_handler_of_its_topic_and_type),
        WORLD_TEST(test_a_handler_may_end_later),
        WORLD_TEST(test_what_fails_for_now_is_asked_for_again),
        WORLD_TEST(test_what_the_handler_refuses_becomes_a_dead_letter_unchanged),
        WORLD_TEST(test_the_same_event_twice_makes_one_letter),
        WORLD_TEST(test_an_unknown_type_and_an_unknown_topic_are_dead_letters_that_say_so),
        WORLD_TEST(test_a_malformed_event_is_kept_with_what_can_be_read_of_it),
        WORLD_TEST(test_bytes_that_are_no_json_travel_in_base64),
        WORLD_TEST(test_a_huge_event_is_cut_and_the_letter_says_so),
        WORLD_TEST(test_a_letter_that_cannot_be_written_is_tried_again),
        WORLD_TEST(test_the_letter_about_ones_own_letter_is_nobodys_and_the_last),
        WORLD_TEST(test_outcomes_are_counted_by_topic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
