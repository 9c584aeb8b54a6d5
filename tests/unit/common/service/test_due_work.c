#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/net/loop.h"
#include "common/service/due_work.h"
#include "tests/unit/support/net_peer.h"

enum { POLL_MS = 30, LONG_MS = 600000 };

/* The table that the work is in: instants; a step takes what is due, one a time. */
struct world {
    struct loop *loop;
    struct metrics *metrics;
    struct log log;
    struct due_work *work;
    struct due_work_config config;
    int64_t due_at[8]; /* 0: nothing */
    int64_t done_at[8];
    int n_done, n_steps;
    int64_t last_now_ms;
    bool is_slow; /* a step waits until the test ends it */
    bool is_open; /* such a step is under way */
    bool hides_next, is_taken_elsewhere;
    struct err err; /* that a step ends with */
    bool is_drained;
    int wanted; /* for net_turn_until */
};

static int64_t moved_clock; /* the service's wall clock, where the test moved it */

static int64_t now_ms(void)
{
    return moved_clock != 0 ? moved_clock : clock_now_ms();
}

static int64_t next_due(const struct world *w)
{
    int64_t next_at = 0;

    for (int i = 0; i < 8; i++)
        if (w->due_at[i] != 0 && (next_at == 0 || w->due_at[i] < next_at))
            next_at = w->due_at[i];
    return w->hides_next ? 0 : next_at;
}

static void end_step(struct world *w)
{
    bool is_failed = err_is_set(&w->err);
    int n_taken = 0;

    for (int i = 0; i < 8 && n_taken == 0 && !is_failed && !w->is_taken_elsewhere; i++)
        if (w->due_at[i] != 0 && w->due_at[i] <= w->last_now_ms) {
            w->due_at[i] = 0;
            w->done_at[w->n_done++] = w->last_now_ms;
            n_taken++;
        }
    w->is_open = false;
    due_work_done(w->work, n_taken > 0, next_due(w), is_failed ? &w->err : NULL);
}

static void step(void *arg, int64_t at)
{
    struct world *w = arg;

    assert_false(w->is_open);
    w->n_steps++;
    w->last_now_ms = at;
    w->is_open = true;
    if (!w->is_slow)
        end_step(w);
}

static int set_up(void **state)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    moved_clock = 0;
    w.loop = loop_new();
    w.metrics = metrics_new();
    log_init(&w.log, "test", LOG_ERROR);
    w.config = (struct due_work_config){.name = "test_work",
                                        .loop = w.loop,
                                        .metrics = w.metrics,
                                        .log = &w.log,
                                        .poll_ms = LONG_MS,
                                        .now_ms = now_ms,
                                        .step = step,
                                        .arg = &w};
    w.work = due_work_new(&w.config);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    due_work_free(w->work);
    metrics_free(w->metrics);
    loop_free(w->loop);
    return 0;
}

static void poll_often(struct world *w)
{
    due_work_free(w->work);
    w->config.poll_ms = POLL_MS;
    w->work = due_work_new(&w->config);
}

static bool has_stepped(void *arg)
{
    struct world *w = arg;

    return w->n_steps >= w->wanted;
}

static bool has_done(void *arg)
{
    struct world *w = arg;

    return w->n_done >= w->wanted;
}

static bool is_drained(void *arg)
{
    return ((struct world *)arg)->is_drained;
}

static void turn_until_stepped(struct world *w, int wanted)
{
    w->wanted = wanted;
    net_turn_until(w->loop, has_stepped, w);
}

static void turn_until_done(struct world *w, int wanted)
{
    w->wanted = wanted;
    net_turn_until(w->loop, has_done, w);
}

static void on_drained(void *arg)
{
    assert_false(((struct world *)arg)->is_drained);
    ((struct world *)arg)->is_drained = true;
}

static void test_it_is_idle_until_started(void **state)
{
    struct world *w = *state;

    net_turn(w->loop, 5);
    assert_int_equal(w->n_steps, 0);
    due_work_start(w->work);
    assert_int_equal(w->n_steps, 0); /* not before returning */
    turn_until_stepped(w, 1);
}

static void test_a_wake_begins_one_step_however_often_it_is_called(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 10; i++)
        due_work_wake(w->work);
    net_turn(w->loop, 5);
    assert_int_equal(w->n_steps, 1);
}

static void test_what_is_left_is_done_at_once(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 4; i++)
        w->due_at[i] = clock_now_ms() - 1000 + i;
    due_work_start(w->work);
    net_turn(w->loop, 10);
    assert_int_equal(w->n_done, 4);
    assert_int_equal(w->n_steps, 5); /* the last found nothing */
}

static void test_the_next_instant_is_met_and_never_early(void **state)
{
    struct world *w = *state;
    int64_t due_at = clock_now_ms() + 80;

    w->due_at[0] = due_at;
    due_work_start(w->work);
    turn_until_done(w, 1);
    assert_true(w->done_at[0] >= due_at);
    assert_true(w->n_steps <= 6);
}

static void test_a_sooner_instant_that_a_wake_told_of_is_met(void **state)
{
    struct world *w = *state;

    w->due_at[0] = clock_now_ms() + LONG_MS;
    due_work_start(w->work);
    turn_until_stepped(w, 1);
    w->due_at[1] = clock_now_ms() + 40;
    due_work_wake(w->work);
    turn_until_done(w, 1);
    assert_true(w->due_at[0] != 0);
}

static void test_it_polls_for_what_nobody_told_of(void **state)
{
    struct world *w = *state;

    poll_often(w);
    w->hides_next = true;
    due_work_start(w->work);
    turn_until_stepped(w, 2);
    w->due_at[0] = clock_now_ms();
    turn_until_done(w, 1);
}

static void test_a_clock_stepped_forward_is_noticed_at_the_next_poll(void **state)
{
    struct world *w = *state;

    poll_often(w);
    moved_clock = clock_now_ms();
    w->due_at[0] = moved_clock + LONG_MS;
    due_work_start(w->work);
    turn_until_stepped(w, 2);
    assert_int_equal(w->n_done, 0);
    moved_clock += LONG_MS;
    turn_until_done(w, 1);
    assert_int_equal(w->done_at[0], moved_clock);
}

static void test_a_clock_stepped_back_makes_nothing_early_and_stops_nothing(void **state)
{
    struct world *w = *state;

    poll_often(w);
    moved_clock = clock_now_ms();
    w->due_at[0] = moved_clock + 5;
    due_work_start(w->work);
    turn_until_stepped(w, 1);
    moved_clock -= 3600 * 1000;
    turn_until_stepped(w, w->n_steps + 3);
    assert_int_equal(w->n_done, 0);
    moved_clock += 3600 * 1000 + 5;
    turn_until_done(w, 1);
}

static void test_a_clock_that_stands_still_is_not_asked_in_a_circle(void **state)
{
    struct world *w = *state;
    int64_t began_ms = clock_monotonic_ms();

    moved_clock = clock_now_ms();
    w->due_at[0] = moved_clock + 5;
    w->due_at[1] = moved_clock;
    w->is_taken_elsewhere = true; /* due, and still there after the step */
    due_work_start(w->work);
    net_turn(w->loop, 100);
    assert_true(w->n_steps <= 1 + (clock_monotonic_ms() - began_ms) / 5);
    w->is_taken_elsewhere = false;
    turn_until_done(w, 1); /* the other one let go */
}

static void test_a_step_slower_than_the_schedule_is_not_begun_twice(void **state)
{
    struct world *w = *state;
    int64_t ended_ms;

    poll_often(w);
    w->is_slow = true;
    due_work_start(w->work);
    turn_until_stepped(w, 1);
    for (int i = 0; i < 20; i++) {
        due_work_wake(w->work);
        net_turn(w->loop, 2); /* step() fails the test when one is under way */
    }
    assert_int_equal(w->n_steps, 1);
    ended_ms = clock_monotonic_ms();
    end_step(w);
    turn_until_stepped(w, 2);
    end_step(w);
    net_turn(w->loop, 2); /* one for all the wakes, unless a poll has come meanwhile */
    assert_true(w->n_steps == 2 || clock_monotonic_ms() - ended_ms >= POLL_MS);
}

static void test_a_failed_step_is_tried_again_after_half_a_second_or_more(void **state)
{
    struct world *w = *state;
    int64_t began_ms = clock_monotonic_ms();

    w->due_at[0] = clock_now_ms();
    err_set(&w->err, ERR_UNAVAILABLE, "the database is away");
    due_work_start(w->work);
    turn_until_stepped(w, 1);
    err_clear(&w->err);
    for (int i = 0; i < 20; i++) {
        due_work_wake(w->work); /* wakes do not make it a circle */
        net_turn(w->loop, 2);
    }
    assert_true(w->n_steps == 1 || clock_monotonic_ms() - began_ms >= 490);
    turn_until_done(w, 1);
    assert_true(clock_monotonic_ms() - began_ms >= 490);
}

static void test_steps_that_go_on_failing_are_tried_ever_less_often(void **state)
{
    struct world *w = *state;
    int64_t began_ms = clock_monotonic_ms();

    err_set(&w->err, ERR_INTERNAL, "the table is gone");
    due_work_start(w->work);
    turn_until_stepped(w, 4);
    assert_true(clock_monotonic_ms() - began_ms >= 500 + 1000 + 2000 - 20);
}

static void test_metrics_count_steps_and_failures(void **state)
{
    struct world *w = *state;
    struct buf text;

    due_work_start(w->work);
    turn_until_stepped(w, 1);
    err_set(&w->err, ERR_INTERNAL, "no");
    due_work_wake(w->work);
    turn_until_stepped(w, 2);
    buf_init(&text);
    metrics_write(w->metrics, &text);
    assert_non_null(strstr(buf_text(&text), "due_work_steps_total{work=\"test_work\"} 2\n"));
    assert_non_null(strstr(buf_text(&text), "due_work_failed_total{work=\"test_work\"} 1\n"));
    buf_clear(&text);
}

static void test_a_drain_waits_for_the_step_and_begins_no_other(void **state)
{
    struct world *w = *state;

    w->is_slow = true;
    due_work_start(w->work);
    turn_until_stepped(w, 1);
    w->due_at[0] = w->due_at[1] = clock_now_ms() - 1000;
    due_work_drain(w->work, on_drained, w);
    due_work_wake(w->work);
    net_turn(w->loop, 5);
    assert_false(w->is_drained);
    end_step(w); /* has more */
    assert_false(w->is_drained);
    net_turn_until(w->loop, is_drained, w);
    due_work_wake(w->work);
    net_turn(w->loop, 5);
    assert_int_equal(w->n_steps, 1);
}

static void test_a_drain_does_not_wait_for_the_next_poll(void **state)
{
    struct world *w = *state;

    w->is_slow = true;
    due_work_start(w->work);
    turn_until_stepped(w, 1);
    due_work_drain(w->work, on_drained, w);
    end_step(w); /* has nothing more for a minute */
    net_turn_until(w->loop, is_drained, w);
}

static void test_a_drain_of_idle_work_ends_in_the_next_turn(void **state)
{
    struct world *w = *state;

    due_work_start(w->work);
    due_work_drain(w->work, on_drained, w);
    assert_false(w->is_drained);
    net_turn_until(w->loop, is_drained, w);
    assert_int_equal(w->n_steps, 0);
}

static void test_freed_while_draining_it_calls_nobody(void **state)
{
    struct world *w = *state;

    due_work_drain(w->work, on_drained, w);
    due_work_free(w->work);
    w->work = NULL;
    net_turn(w->loop, 5);
    assert_false(w->is_drained);
}

static void test_freed_during_a_step_it_takes_the_end_of_the_step(void **state)
{
    struct world *w = *state;

    w->is_slow = true;
    due_work_start(w->work);
    turn_until_stepped(w, 1);
    due_work_free(w->work);
    err_set(&w->err, ERR_UNAVAILABLE, "the pool was closed");
    end_step(w);
    w->work = NULL;
    net_turn(w->loop, 5);
    assert_int_equal(w->n_steps, 1);
}

static void free_and_end(void *arg, int64_t at)
{
    struct world *w = arg;

    (void)at;
    w->n_steps++;
    due_work_free(w->work);
    due_work_done(w->work, true, 0, NULL);
    w->work = NULL;
}

static void test_a_step_may_free_it(void **state)
{
    struct world *w = *state;

    due_work_free(w->work);
    w->config.step = free_and_end;
    w->work = due_work_new(&w->config);
    due_work_start(w->work);
    turn_until_stepped(w, 1);
    net_turn(w->loop, 5);
    assert_int_equal(w->n_steps, 1);
}

static void answer_cron(void *context, struct http_request *req)
{
    due_work_answer_cron(((struct world *)context)->work, req);
}

static void test_the_cron_is_answered_at_once_and_begins_a_step(void **state)
{
    static const struct route routes[] = {{HTTP_POST, "/test-work", answer_cron}};
    struct world *w = *state;
    struct http_server_config config = {.name = "dapr", .address = "127.0.0.1"};
    struct http_server *server;
    struct net_peer peer;
    struct err err = {0};

    config.limits = (struct http_limits){16, LONG_MS, LONG_MS, LONG_MS, 16384, 1024};
    config.routes = routes, config.n_routes = 1, config.context = w;
    config.loop = w->loop, config.metrics = w->metrics, config.log = &w->log;
    server = http_server_new(&config, &err);
    assert_non_null(server);
    w->is_slow = true;
    for (int i = 0; i < 2; i++) { /* the second while the first one's step is under way */
        net_peer_open(&peer, w->loop, http_server_port(server));
        net_peer_send_text(&peer, "POST /test-work HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"
                                  "Connection: close\r\n\r\n");
        net_peer_await_close(&peer);
        assert_int_equal(net_peer_status(&peer), 200);
        net_peer_close(&peer);
        turn_until_stepped(w, 1);
    }
    assert_int_equal(w->n_steps, 1);
    end_step(w);
    turn_until_stepped(w, 2);
    end_step(w);
    http_server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_it_is_idle_until_started),
        TEST(test_a_wake_begins_one_step_however_often_it_is_called),
        TEST(test_what_is_left_is_done_at_once),
        TEST(test_the_next_instant_is_met_and_never_early),
        TEST(test_a_sooner_instant_that_a_wake_told_of_is_met),
        TEST(test_it_polls_for_what_nobody_told_of),
        TEST(test_a_clock_stepped_forward_is_noticed_at_the_next_poll),
        TEST(test_a_clock_stepped_back_makes_nothing_early_and_stops_nothing),
        TEST(test_a_clock_that_stands_still_is_not_asked_in_a_circle),
        TEST(test_a_step_slower_than_the_schedule_is_not_begun_twice),
        TEST(test_a_failed_step_is_tried_again_after_half_a_second_or_more),
        TEST(test_steps_that_go_on_failing_are_tried_ever_less_often),
        TEST(test_metrics_count_steps_and_failures),
        TEST(test_a_drain_waits_for_the_step_and_begins_no_other),
        TEST(test_a_drain_does_not_wait_for_the_next_poll),
        TEST(test_a_drain_of_idle_work_ends_in_the_next_turn),
        TEST(test_freed_while_draining_it_calls_nobody),
        TEST(test_freed_during_a_step_it_takes_the_end_of_the_step),
        TEST(test_a_step_may_free_it),
        TEST(test_the_cron_is_answered_at_once_and_begins_a_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
