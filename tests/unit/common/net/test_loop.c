#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/net/loop.h"
#include "tests/unit/support/net_peer.h"

struct record {
    struct loop *loop;
    char text[256];
    int n_calls;
    struct loop_timer *timer;
};

static int set_up(void **state)
{
    static struct record record;

    memset(&record, 0, sizeof(record));
    record.loop = loop_new();
    *state = &record;
    return 0;
}

static int tear_down(void **state)
{
    struct record *record = *state;

    loop_timer_free(record->timer);
    loop_free(record->loop);
    return 0;
}

static void write_a(void *arg)
{
    strcat(((struct record *)arg)->text, "a");
}

static void write_b(void *arg)
{
    strcat(((struct record *)arg)->text, "b");
}

static void write_and_defer(void *arg)
{
    strcat(((struct record *)arg)->text, "(");
    loop_defer(((struct record *)arg)->loop, write_b, arg);
    strcat(((struct record *)arg)->text, ")");
}

static void test_deferred_calls_run_in_order_and_not_before_returning(void **state)
{
    struct record *r = *state;

    loop_defer(r->loop, write_a, r);
    loop_defer(r->loop, write_and_defer, r);
    loop_defer(r->loop, write_a, r);
    assert_string_equal(r->text, "");
    net_turn(r->loop, 3);
    assert_string_equal(r->text, "a()ab");
}

static void count(void *arg)
{
    ((struct record *)arg)->n_calls++;
}

static void test_many_deferred_calls_all_run_once(void **state)
{
    struct record *r = *state;

    for (int i = 0; i < 1000; i++)
        loop_defer(r->loop, count, r);
    net_turn(r->loop, 1);
    assert_int_equal(r->n_calls, 1000);
    net_turn(r->loop, 2);
    assert_int_equal(r->n_calls, 1000);
}

static void defer_myself(void *arg)
{
    struct record *r = arg;

    r->n_calls++;
    loop_defer(r->loop, defer_myself, r);
}

static bool has_a(void *arg)
{
    return strcmp(((struct record *)arg)->text, "a") == 0;
}

static void test_a_call_that_defers_itself_for_ever_does_not_starve_timers(void **state)
{
    struct record *r = *state;

    r->timer = loop_timer_new(r->loop, write_a, r);
    loop_timer_start(r->timer, 5);
    loop_defer(r->loop, defer_myself, r);
    net_turn_until(r->loop, has_a, r);
    assert_true(r->n_calls > 1);
}

static void test_a_timer_runs_once_not_early_and_can_be_started_again(void **state)
{
    struct record *r = *state;
    int64_t began = clock_monotonic_ms();

    r->timer = loop_timer_new(r->loop, write_a, r);
    loop_timer_start(r->timer, 1);
    loop_timer_start(r->timer, 20);
    net_turn_until(r->loop, has_a, r);
    assert_true(clock_monotonic_ms() - began >= 19);
    net_turn(r->loop, 3);
    assert_string_equal(r->text, "a");
    r->text[0] = '\0';
    loop_timer_start(r->timer, 0);
    assert_string_equal(r->text, "");
    net_turn_until(r->loop, has_a, r);
}

static void test_a_stopped_timer_stays_silent(void **state)
{
    struct record *r = *state;

    r->timer = loop_timer_new(r->loop, write_a, r);
    loop_timer_start(r->timer, 0);
    loop_timer_stop(r->timer);
    net_turn(r->loop, 3);
    assert_string_equal(r->text, "");
}

static void stop_after_term(void *arg)
{
    struct record *r = arg;

    r->n_calls++;
    loop_stop(r->loop);
}

static void raise_term(void *arg)
{
    (void)arg;
    raise(SIGTERM);
}

static void test_sigterm_calls_on_term(void **state)
{
    struct record *r = *state;

    loop_defer(r->loop, raise_term, r);
    loop_run(r->loop, stop_after_term, r);
    assert_int_equal(r->n_calls, 1);
}

static void raise_int_again(void *arg)
{
    count(arg);
    raise(SIGINT);
}

static void test_a_second_signal_stops_at_once(void **state)
{
    struct record *r = *state;

    loop_defer(r->loop, raise_term, r);
    loop_run(r->loop, raise_int_again, r); /* which never stops it */
    assert_int_equal(r->n_calls, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_deferred_calls_run_in_order_and_not_before_returning),
        TEST(test_many_deferred_calls_all_run_once),
        TEST(test_a_call_that_defers_itself_for_ever_does_not_starve_timers),
        TEST(test_a_timer_runs_once_not_early_and_can_be_started_again),
        TEST(test_a_stopped_timer_stays_silent),
        TEST(test_sigterm_calls_on_term),
        TEST(test_a_second_signal_stops_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
