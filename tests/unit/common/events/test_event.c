/* tests/unit/common/events/test_event.c — CloudEvents: what is written, what is refused. */
#include "common/events/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ID "01997a2e-5f00-7c3a-9d52-6a1f0e4b7c11"
#define OWNER "01997a2d-1c40-7b1e-8a77-90c2d4e6f801"
#define TRACE "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

/* an event as members, to be changed one at a time */
#define HEAD "\"specversion\":\"1.0\",\"id\":\"" ID "\",\"source\":\"/todo/backend\""
#define MIDDLE ",\"type\":\"todo.task.created.v1\",\"subject\":\"s\""
#define TAIL ",\"time\":\"2026-11-21T09:46:00.123Z\",\"ownerid\":\"" OWNER "\""

static struct arena arena;

static int open_arena(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

static bool read_text(const char *text, struct event *event, struct err *err)
{
    *event = (struct event){0};
    *err = (struct err){0};
    return event_read(text, strlen(text), &arena, event, err);
}

static void assert_refused(const char *text, const char *field)
{
    struct event event;
    struct err err;

    assert_false(read_text(text, &event, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_true(err.n_fields > 0);
    assert_string_equal(err.fields[0].field, field);
}

static void test_an_event_is_written_with_traceid_beside_traceparent(void **state)
{
    const struct event event = {.id = ID,
                                .source = "/todo/backend",
                                .type = "todo.task.created.v1",
                                .subject = "s",
                                .owner_id = OWNER,
                                .traceparent = TRACE,
                                .data = "{\"a\":1}",
                                .time = 1795254360123,
                                .seq = INT64_MAX};
    struct buf out;

    (void)state;
    buf_init(&out);
    event_write(&event, &out);
    assert_string_equal(
        buf_text(&out),
        "{" HEAD MIDDLE ",\"time\":\"2026-11-21T09:46:00.123Z\",\"datacontenttype\":"
        "\"application/json\",\"ownerid\":\"" OWNER "\",\"seq\":\"9223372036854775807\","
        "\"traceparent\":\"" TRACE "\",\"traceid\":\"" TRACE "\",\"data\":{\"a\":1}}");
    buf_clear(&out);
}

static void test_an_event_without_seq_and_trace_has_neither_attribute(void **state)
{
    const struct event event = {.id = ID,
                                .source = "s",
                                .type = "t",
                                .subject = "s",
                                .owner_id = OWNER,
                                .data = "{}",
                                .traceparent = "",
                                .time = 1};
    struct buf out;

    (void)state;
    buf_init(&out);
    event_write(&event, &out);
    assert_null(strstr(buf_text(&out), "seq"));
    assert_null(strstr(buf_text(&out), "trace"));
    buf_clear(&out);
}

static void test_what_dapr_adds_is_ignored(void **state)
{
    struct event event;
    struct err err;

    (void)state;
    assert_true(read_text("{" HEAD MIDDLE TAIL ",\"seq\":\"12\",\"topic\":\"task-events\","
                          "\"pubsubname\":\"pubsub\",\"tracestate\":\"\",\"traceid\":\"" TRACE
                          "\",\"traceparent\":\"" TRACE "\",\"data\":{\"b\":[1, 2],\"a\":null}}",
                          &event, &err));
    assert_string_equal(event.id, ID);
    assert_string_equal(event.source, "/todo/backend");
    assert_string_equal(event.type, "todo.task.created.v1");
    assert_string_equal(event.subject, "s");
    assert_string_equal(event.owner_id, OWNER);
    assert_string_equal(event.traceparent, TRACE);
    assert_string_equal(event.data, "{\"b\":[1,2],\"a\":null}");
    assert_int_equal(event.time, 1795254360123);
    assert_int_equal(event.seq, 12);
}

static void test_seq_and_trace_may_be_missing(void **state)
{
    struct event event;
    struct err err;

    (void)state;
    assert_true(read_text("{" HEAD MIDDLE TAIL ",\"data\":{}}", &event, &err));
    assert_int_equal(event.seq, 0);
    assert_null(event.traceparent);
}

static void test_each_required_attribute_is_named_when_it_is_missing(void **state)
{
    (void)state;
    assert_refused("{\"id\":\"" ID "\",\"source\":\"x\"" MIDDLE TAIL ",\"data\":{}}",
                   "specversion");
    assert_refused("{\"specversion\":\"1.0\",\"source\":\"x\"" MIDDLE TAIL ",\"data\":{}}", "id");
    assert_refused("{\"specversion\":\"1.0\",\"id\":\"" ID "\"" MIDDLE TAIL ",\"data\":{}}",
                   "source");
    assert_refused("{" HEAD ",\"subject\":\"s\"" TAIL ",\"data\":{}}", "type");
    assert_refused("{" HEAD ",\"type\":\"t\"" TAIL ",\"data\":{}}", "subject");
    assert_refused("{" HEAD MIDDLE ",\"ownerid\":\"" OWNER "\",\"data\":{}}", "time");
    assert_refused("{" HEAD MIDDLE ",\"time\":\"2026-11-21T09:46:00Z\",\"data\":{}}", "ownerid");
    assert_refused("{" HEAD MIDDLE TAIL "}", "data");
}

static void test_each_malformed_attribute_is_named(void **state)
{
    (void)state;
    assert_refused("{\"specversion\":\"0.3\",\"id\":\"" ID "\",\"source\":\"x\"" MIDDLE TAIL
                   ",\"data\":{}}",
                   "specversion");
    assert_refused(
        "{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"x\"" MIDDLE TAIL ",\"data\":{}}", "id");
    assert_refused("{" HEAD MIDDLE ",\"time\":\"yesterday\",\"ownerid\":\"" OWNER "\",\"data\":{}}",
                   "time");
    assert_refused("{" HEAD MIDDLE ",\"time\":\"2026-11-21T09:46:00Z\",\"ownerid\":\"me\","
                   "\"data\":{}}",
                   "ownerid");
    assert_refused("{" HEAD MIDDLE TAIL ",\"data\":[]}", "data");
    assert_refused("{" HEAD MIDDLE TAIL ",\"data\":\"{}\"}", "data");
    assert_refused("{" HEAD MIDDLE TAIL ",\"datacontenttype\":\"text/xml\",\"data\":{}}",
                   "datacontenttype");
}

static void test_seq_is_a_decimal_text_within_64_bits(void **state)
{
    static const char *const bad[] = {"\"0\"",
                                      "\"-1\"",
                                      "\"+1\"",
                                      "\"01\"",
                                      "\"1e3\"",
                                      "\"\"",
                                      "\" 1\"",
                                      "\"9223372036854775808\"",
                                      "\"99999999999999999999\"",
                                      "12"};
    char text[800];
    struct event event;
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, "{" HEAD MIDDLE TAIL ",\"seq\":%s,\"data\":{}}", bad[i]);
        assert_refused(text, "seq");
    }
    assert_true(read_text("{" HEAD MIDDLE TAIL ",\"seq\":\"9223372036854775807\",\"data\":{}}",
                          &event, &err));
    assert_true(event.seq == INT64_MAX);
}

static void test_bytes_that_are_no_json_are_refused(void **state)
{
    static const char *const bad[] = {"", "null", "[]", "{", "\xff\xfe", "{} {}", "5"};
    struct event event;
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(read_text(bad[i], &event, &err));
        assert_int_equal(err.code, ERR_INVALID);
        assert_true(err.text[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_event_is_written_with_traceid_beside_traceparent),
        cmocka_unit_test(test_an_event_without_seq_and_trace_has_neither_attribute),
        cmocka_unit_test(test_what_dapr_adds_is_ignored),
        cmocka_unit_test(test_seq_and_trace_may_be_missing),
        cmocka_unit_test(test_each_required_attribute_is_named_when_it_is_missing),
        cmocka_unit_test(test_each_malformed_attribute_is_named),
        cmocka_unit_test(test_seq_is_a_decimal_text_within_64_bits),
        cmocka_unit_test(test_bytes_that_are_no_json_are_refused),
    };

    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
