#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/support/server_fixture.h"

static void open_upgraded(struct server_fixture *f, struct net_peer *peer, const char *ahead)
{
    net_peer_open(peer, f->loop, f->port);
    net_peer_send_text(peer, "GET /upgrade HTTP/1.1\r\nHost: a\r\n\r\n");
    net_peer_send_text(peer, ahead);
    net_peer_await_text(peer, "Upgrade: test\r\n\r\n");
    assert_non_null(f->upgraded);
}

static void test_an_upgraded_connection_speaks_both_ways_without_http(void **state)
{
    struct server_fixture *f = *state;
    struct net_peer peer;
    struct bufferevent *bufferevent;
    char bytes[16];

    open_upgraded(f, &peer, "not \0 http");
    bufferevent = http_upgraded_bufferevent(f->upgraded);
    net_peer_send_text(&peer, "\n\nat all");
    while (evbuffer_get_length(bufferevent_get_input(bufferevent)) < 12)
        net_turn(f->loop, 1);
    assert_int_equal(bufferevent_read(bufferevent, bytes, sizeof(bytes)), 12);
    assert_memory_equal(bytes, "not \n\nat all", 12);
    bufferevent_write(bufferevent, "hello back", 10);
    net_peer_await_text(&peer, "hello back");
    expect_metric(f, "status=\"101\"} 1");
    expect_metric(f, "http_connections{port=\"public\"} 1");
    http_upgraded_free(f->upgraded);
    net_peer_await_close(&peer);
    expect_metric(f, "http_connections{port=\"public\"} 0");
    net_peer_close(&peer);
}

static void test_an_upgraded_connection_may_outlive_the_server(void **state)
{
    struct server_fixture *f = *state;
    struct net_peer peer;

    open_upgraded(f, &peer, "");
    http_server_free(f->server);
    f->server = NULL;
    assert_null(http_upgraded_bufferevent(f->upgraded));
    http_upgraded_free(f->upgraded);
    net_peer_close(&peer);
}

static void test_an_upgraded_connection_counts_toward_the_cap(void **state)
{
    struct server_fixture *f = *state;
    struct net_peer peer, extra;

    f->limits.connections_max = 1;
    server_fixture_restart(f);
    open_upgraded(f, &peer, "");
    net_peer_open(&extra, f->loop, f->port);
    net_peer_await_close(&extra);
    assert_int_equal(net_peer_status(&extra), 503);
    http_upgraded_free(f->upgraded);
    net_peer_close(&extra);
    net_peer_close(&peer);
}

static void note_drained(void *arg)
{
    *(bool *)arg = true;
}

static void test_a_drain_waits_for_upgraded_connections(void **state)
{
    struct server_fixture *f = *state;
    struct net_peer peer;

    open_upgraded(f, &peer, "");
    http_server_drain(f->server, note_drained, &f->is_drained);
    net_turn(f->loop, 5);
    assert_false(f->is_drained);
    http_upgraded_free(f->upgraded);
    net_turn(f->loop, 2);
    assert_true(f->is_drained);
    net_peer_close(&peer);
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, server_fixture_set_up, server_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_upgraded_connection_speaks_both_ways_without_http),
        TEST(test_an_upgraded_connection_may_outlive_the_server),
        TEST(test_an_upgraded_connection_counts_toward_the_cap),
        TEST(test_a_drain_waits_for_upgraded_connections),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
