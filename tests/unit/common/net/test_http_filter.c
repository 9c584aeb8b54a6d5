#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/net/http_filter.h"
#include "common/net/http_server.h"
#include "tests/unit/support/framing.h"

static const struct http_limits limits = {.head_max_bytes = 2048, .body_max_bytes = 4096};

static int verdict(const struct http_filter *filter)
{
    return filter->refusal ? filter->refusal->status : 200;
}

static void feed_in_pieces(void *arg, const struct framing_case *row)
{
    size_t piece = *(size_t *)arg;
    struct http_filter filter;
    bool goes_on = true;

    http_filter_init(&filter, &limits);
    for (size_t at = 0; at < row->bytes.n_bytes && goes_on; at += piece) {
        size_t left = row->bytes.n_bytes - at;

        goes_on = http_filter_feed(&filter, row->bytes.bytes + at, left < piece ? left : piece);
    }
    if (verdict(&filter) != row->status)
        fail_msg("%s (pieces of %zu): %d instead of %d", row->name, piece, verdict(&filter),
                 row->status);
    if (row->status == 200) {
        assert_int_equal(filter.n_whole, 1);
        assert_int_equal(http_filter_phase(&filter), HTTP_FILTER_BETWEEN);
    }
}

static void test_every_row_of_the_table_is_judged_as_written(void **state)
{
    size_t whole = SIZE_MAX / 2;

    (void)state;
    framing_for_each(feed_in_pieces, &whole);
}

static void test_the_verdict_does_not_depend_on_how_bytes_arrive(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= 7; piece++)
        framing_for_each(feed_in_pieces, &piece);
}

/* Put a good request before each row: what one request leaves behind must not touch the next. */
static void feed_behind_another(void *arg, const struct framing_case *row)
{
    static const char first[] = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    struct http_filter filter;

    (void)arg;
    http_filter_init(&filter, &limits);
    assert_true(http_filter_feed(&filter, first, sizeof(first) - 1));
    assert_int_equal(filter.n_whole, 1);
    http_filter_feed(&filter, row->bytes.bytes, row->bytes.n_bytes);
    if (verdict(&filter) != row->status)
        fail_msg("%s: %d instead of %d", row->name, verdict(&filter), row->status);
    assert_int_equal(filter.n_whole, row->status == 200 ? 2 : 1);
}

static void test_a_request_leaves_nothing_behind_for_the_next(void **state)
{
    (void)state;
    framing_for_each(feed_behind_another, NULL);
}

static void test_the_phase_follows_the_request(void **state)
{
    static const char rest[] = "UT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n";
    struct http_filter filter;

    (void)state;
    http_filter_init(&filter, &limits);
    assert_int_equal(http_filter_phase(&filter), HTTP_FILTER_BETWEEN);
    assert_true(http_filter_feed(&filter, "P", 1));
    assert_int_equal(http_filter_phase(&filter), HTTP_FILTER_HEAD);
    assert_true(http_filter_feed(&filter, rest, sizeof(rest) - 1));
    assert_int_equal(http_filter_phase(&filter), HTTP_FILTER_BODY);
    assert_true(http_filter_feed(&filter, "ab", 2));
    assert_int_equal(http_filter_phase(&filter), HTTP_FILTER_BETWEEN);
}

static void test_a_refused_connection_stays_refused(void **state)
{
    static const char good[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    struct http_filter filter;

    (void)state;
    http_filter_init(&filter, &limits);
    assert_false(http_filter_feed(&filter, "\n", 1));
    assert_false(http_filter_feed(&filter, good, sizeof(good) - 1));
    assert_int_equal(filter.n_whole, 0);
    assert_string_equal(filter.refusal->code, "malformed_request");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_of_the_table_is_judged_as_written),
        cmocka_unit_test(test_the_verdict_does_not_depend_on_how_bytes_arrive),
        cmocka_unit_test(test_a_request_leaves_nothing_behind_for_the_next),
        cmocka_unit_test(test_the_phase_follows_the_request),
        cmocka_unit_test(test_a_refused_connection_stays_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
