/* tests/unit/common/dapr/test_raw_payload.c — bytes inside the sidecar's envelope. */
#include "common/dapr/raw_payload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ENVELOPE(type, content_type, payload)                                                      \
    "{\"data_base64\":\"" payload "\",\"datacontenttype\":\"" content_type "\",\"id\":\"1\","      \
    "\"pubsubname\":\"pubsub\",\"source\":\"Dapr\",\"specversion\":\"1.0\","                       \
    "\"topic\":\"dead-letters\",\"type\":\"" type "\"}"
#define RAW(payload) ENVELOPE("com.dapr.event.sent", "application/octet-stream", payload)

static const char *open_text(const char *body, struct arena *arena, size_t *n)
{
    *n = 0;
    return raw_payload_open(body, strlen(body), arena, n);
}

static void test_the_payload_is_taken_out(void **state)
{
    struct arena arena;
    const char *payload;
    size_t n;

    (void)state;
    arena_init(&arena);
    payload = open_text(RAW("eyJhIjoxfQ=="), &arena, &n);
    assert_non_null(payload);
    assert_int_equal(n, 7);
    assert_string_equal(payload, "{\"a\":1}");
    payload = open_text(RAW("AP8="), &arena, &n);
    assert_int_equal(n, 2);
    assert_memory_equal(payload, "\0\xff", 3);
    assert_non_null(open_text(RAW(""), &arena, &n));
    assert_int_equal(n, 0);
    arena_clear(&arena);
}

static void test_what_is_no_raw_envelope_is_left_alone(void **state)
{
    static const char *const bodies[] = {
        "",
        "not json \"data_base64\"",
        "{\"type\":\"com.dapr.event.sent\",\"datacontenttype\":\"application/octet-stream\"}",
        ENVELOPE("todo.task.created.v1", "application/octet-stream", "AP8="),
        ENVELOPE("com.dapr.event.sent", "application/json", "AP8="),
        RAW("AP8"),
        RAW("****"),
    };
    struct arena arena;
    size_t n;

    (void)state;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        assert_null(open_text(bodies[i], &arena, &n));
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_payload_is_taken_out),
        cmocka_unit_test(test_what_is_no_raw_envelope_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
