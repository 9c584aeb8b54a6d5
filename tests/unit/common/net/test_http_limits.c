#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "common/base/metrics.h"
#include "tests/unit/support/server_fixture.h"

static void test_a_head_that_takes_too_long_is_refused_with_408(void **state)
{
    struct server_fixture *f = *state;
    struct net_peer peer;

    f->limits.head_limit_ms = 20;
    server_fixture_restart(f);
    net_peer_open(&peer, f->loop, f->port);
    net_peer_send_text(&peer, "GET /echo HTTP/1.1\r\n");
    net_peer_await_close(&peer);
    assert_int_equal(net_peer_status(&peer), 408);
    expect_metric(f, "http_requests_total{port=\"public\",route=\"refused\",method=\"\","
                     "status=\"408\"} 1");
    net_peer_close(&peer);
}

struct trickle {
    struct net_peer peer;
    struct loop_timer *timer;
};

static void send_one_byte(void *arg)
{
    struct trickle *trickle = arg;

    if (trickle->peer.received.n_bytes > 0)
        return;
    net_peer_send_text(&trickle->peer, "x");
    loop_timer_start(trickle->timer, 5);
}

static void test_a_body_that_trickles_past_the_total_limit_is_refused_with_408(void **state)
{
    struct server_fixture *f = *state;
    struct trickle trickle;

    f->limits.body_limit_ms = 40;
    server_fixture_restart(f);
    net_peer_open(&trickle.peer, f->loop, f->port);
    net_peer_send_text(&trickle.peer,
                       "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n");
    trickle.timer = loop_timer_new(f->loop, send_one_byte, &trickle);
    send_one_byte(&trickle);
    net_peer_await_close(&trickle.peer);
    assert_int_equal(net_peer_status(&trickle.peer), 408);
    assert_int_equal(f->n_handled, 0);
    loop_timer_free(trickle.timer);
    net_peer_close(&trickle.peer);
}

static void test_an_idle_connection_is_closed_without_a_word(void **state)
{
    struct server_fixture *f = *state;
    struct net_peer fresh, used;

    f->limits.idle_limit_ms = 1000; /* a request must come in before it */
    server_fixture_restart(f);
    net_peer_open(&fresh, f->loop, f->port);
    net_peer_open(&used, f->loop, f->port);
    net_peer_send_text(&used, "GET /empty HTTP/1.1\r\nHost: a\r\n\r\n");
    net_peer_await_close(&fresh);
    net_peer_await_close(&used);
    assert_int_equal(fresh.received.n_bytes, 0);
    assert_int_equal(net_peer_status(&used), 204);
    net_peer_close(&fresh);
    net_peer_close(&used);
}

static void test_a_client_that_does_not_read_its_reply_is_closed(void **state)
{
    struct server_fixture *f = *state;
    struct net_peer peer;

    f->limits.idle_limit_ms = 1000; /* a request must come in before it */
    server_fixture_restart(f);
    net_peer_open_deaf(&peer, f->loop, f->port);
    net_peer_send_text(&peer, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_answer(f, "GET /empty", 204, NULL);
    net_turn_until(f->loop, has_no_connections, f);
    net_peer_close(&peer);
}

static bool has_room(void *arg)
{
    struct buf out = {0};
    bool is_found = false;

    metrics_write(((struct server_fixture *)arg)->metrics, &out);
    is_found = strstr(buf_text(&out), "http_connections{port=\"public\"} 3\n") != NULL;
    buf_clear(&out);
    return is_found;
}

static void test_connections_over_the_cap_get_503_and_free_ones_work_again(void **state)
{
    struct server_fixture *f = *state;
    struct net_peer peers[4], extra;

    f->limits.connections_max = 4;
    server_fixture_restart(f);
    for (int i = 0; i < 4; i++) {
        net_peer_open(&peers[i], f->loop, f->port);
        net_peer_send_text(&peers[i], "GET /empty HTTP/1.1\r\nHost: a\r\n\r\n");
        net_peer_await_text(&peers[i], "204");
    }
    net_peer_open(&extra, f->loop, f->port);
    net_peer_send_text(&extra, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    net_peer_await_close(&extra);
    assert_int_equal(net_peer_status(&extra), 503);
    assert_non_null(strstr(buf_text(&extra.received), "too_many_connections"));
    assert_false(extra.was_reset);
    net_peer_close(&extra);
    net_peer_close(&peers[0]);
    net_turn_until(f->loop, has_room, f);
    expect_answer(f, "GET /empty", 204, NULL);
    for (int i = 1; i < 4; i++)
        net_peer_close(&peers[i]);
}

static void test_far_over_the_cap_connections_are_closed_at_once(void **state)
{
    enum { N_PEERS = 4 + 64 + 20 };
    struct server_fixture *f = *state;
    struct net_peer peers[N_PEERS];

    f->limits.connections_max = 4;
    server_fixture_restart(f);
    for (int i = 0; i < N_PEERS; i++)
        net_peer_open(&peers[i], f->loop, f->port);
    net_peer_await_close(&peers[N_PEERS - 1]);
    assert_int_equal(peers[N_PEERS - 1].received.n_bytes, 0);
    assert_false(peers[0].is_closed);
    for (int i = 0; i < N_PEERS; i++)
        net_peer_close(&peers[i]);
}

static void test_out_of_descriptors_it_accepts_again_later(void **state)
{
    struct server_fixture *f = *state;
    struct rlimit old, tight;
    struct net_peer peer;

    net_peer_open(&peer, f->loop, f->port);
    getrlimit(RLIMIT_NOFILE, &old);
    tight = old;
    tight.rlim_cur = (rlim_t)peer.fd + 1;
    setrlimit(RLIMIT_NOFILE, &tight);
    net_turn(f->loop, 5);
    setrlimit(RLIMIT_NOFILE, &old);
    net_peer_send_text(&peer, "GET /empty HTTP/1.1\r\nHost: a\r\n\r\n");
    net_peer_await_text(&peer, "204");
    net_peer_close(&peer);
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, server_fixture_set_up, server_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_head_that_takes_too_long_is_refused_with_408),
        TEST(test_a_body_that_trickles_past_the_total_limit_is_refused_with_408),
        TEST(test_an_idle_connection_is_closed_without_a_word),
        TEST(test_a_client_that_does_not_read_its_reply_is_closed),
        TEST(test_connections_over_the_cap_get_503_and_free_ones_work_again),
        TEST(test_far_over_the_cap_connections_are_closed_at_once),
        TEST(test_out_of_descriptors_it_accepts_again_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
