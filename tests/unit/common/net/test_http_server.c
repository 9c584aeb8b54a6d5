#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/support/server_fixture.h"

static void test_paths_and_methods_without_a_row_get_404_405_and_allow(void **state)
{
    struct server_fixture *f = *state;

    expect_answer(f, "GET /nothing", 404, "\"code\":\"not_found\"");
    expect_answer(f, "GET /things", 404, NULL);
    expect_answer(f, "GET /things/", 404, NULL);
    expect_answer(f, "GET /", 404, NULL);
    expect_answer(f, "DELETE /things/1", 405, "Allow: GET, OPTIONS, HEAD\r\n");
    expect_answer(f, "OPTIONS /echo", 204, "Allow: GET, POST, PUT, PATCH, DELETE, OPTIONS, HEAD");
    expect_answer(f, "OPTIONS *", 204, "Allow: GET, POST");
    expect_answer(f, "OPTIONS /nothing", 404, NULL);
}

static void test_a_handler_reads_path_parameters_query_header_and_address(void **state)
{
    struct server_fixture *f = *state;

    expect_answer(f, "GET /things/a%20b%2Fc?a=x+y%2B%C3%A4&b", 200,
                  "method=1 path=/things/a%20b%2Fc route=/things/{id} id=a b/c step=- none=- "
                  "a=x y+\xc3\xa4 from=127.0.0.1 x=-");
    expect_answer(f, "GET /th%69ngs/1/steps/2", 200, "id=1 step=2");
    expect_answer(f,
                  "GET /things/1 HTTP/1.1\r\nX-Note: hello\r\nX-Forwarded-For: 1.1.1.1\r\n"
                  "X-Forwarded-For: 8.8.8.8, 9.9.9.9,\t2001:db8::1\r\nX:",
                  200, "from=2001:db8::1 x=hello");
    expect_answer(f, "GET /things/1 HTTP/1.1\r\nX-Forwarded-For: me\r\nX:", 200, "from=127.0.0.1");
}

static void test_bad_escapes_are_named(void **state)
{
    struct server_fixture *f = *state;

    expect_answer(f, "GET /things/%zz", 400, "\"field\":\"path\"");
    expect_answer(f, "GET /things/%4", 400, "segment 2 has a % that");
    expect_answer(f, "GET /things/%00", 400, "holds a NUL");
    expect_answer(f, "GET /things/%ff", 400, "is not valid UTF-8");
    expect_answer(f, "GET /things/1?a=%", 400, "\"field\":\"a\"");
    expect_answer(f, "GET /things/1?a=%e4", 400, "is not valid UTF-8");
    expect_answer(f, "GET /things/1?%00=1", 400, "\"field\":\"query\"");
    expect_answer(f, "GET /things/1?c=1", 400, "\"field\":\"c\"");
    expect_answer(f, "GET /things/1?a=1&a=2", 400, "stands twice");
    expect_answer(f, "GET /things/1?c=1&d=2", 400, "\"trace_id\":\"0123456789abcdef");
}

static void test_a_query_of_many_parameters_is_refused(void **state)
{
    struct buf head = {0};

    buf_add_text(&head, "GET /things/1?b");
    for (int i = 0; i < 100; i++)
        buf_format(&head, "&b%d=1", i);
    expect_answer(*state, buf_text(&head), 400, "more than 64 parameters");
    buf_clear(&head);
}

static void test_head_is_get_without_the_body(void **state)
{
    struct server_fixture *f = *state;
    struct net_peer peer;

    net_peer_open(&peer, f->loop, f->port);
    net_peer_send_text(&peer, "HEAD /things/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    net_peer_await_close(&peer);
    assert_int_equal(net_peer_status(&peer), 200);
    assert_non_null(strstr(buf_text(&peer.received), "Content-Length: 8"));
    assert_null(strstr(buf_text(&peer.received), "method="));
    net_peer_close(&peer);
}

static void test_the_guard_stands_before_every_handler(void **state)
{
    struct server_fixture *f = *state;

    f->is_guarded = true;
    expect_answer(f, "GET /echo", 401, "no token");
    assert_int_equal(f->n_handled, 0);
    expect_answer(f, "GET /echo HTTP/1.1\r\nToken: x\r\nX:", 200, NULL);
    assert_int_equal(f->n_handled, 1);
}

static void test_replies_are_counted_by_route_method_and_status(void **state)
{
    struct server_fixture *f = *state;

    expect_answer(f, "GET /things/1", 200, NULL);
    expect_answer(f, "GET /things/2", 200, NULL);
    expect_answer(f, "HEAD /nothing", 404, NULL);
    expect_metric(f, "http_requests_total{port=\"public\",route=\"/things/{id}\",method=\"GET\","
                     "status=\"200\"} 2");
    expect_metric(f, "http_requests_total{port=\"public\",route=\"unmatched\",method=\"HEAD\","
                     "status=\"404\"} 1");
    expect_metric(f, "http_request_seconds_count{port=\"public\",route=\"/things/{id}\","
                     "method=\"GET\"} 2");
    expect_metric(f, "http_connections{port=\"public\"} 0");
}

static void test_clients_that_go_away_while_their_handler_waits_harm_nobody(void **state)
{
    struct server_fixture *f = *state;

    for (int round = 0; round < 300; round++) {
        struct net_peer peer;
        bool has_body = round % 3 == 0;

        net_peer_open(&peer, f->loop, f->port);
        net_peer_send_text(&peer, has_body ? "POST /wait HTTP/1.1\r\nHost: a\r\nExpect: "
                                             "100-continue\r\nContent-Length: 1\r\n\r\nx"
                                           : "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
        net_turn_until(f->loop, is_one_waiting, f);
        if (round % 2)
            net_peer_reset(&peer);
        else
            net_peer_close(&peer);
        net_turn(f->loop, round % 5);
        http_reply(f->waiting[0], 200, "text/plain", "late", 4);
        f->n_waiting = 0;
        net_turn(f->loop, round % 4);
    }
    net_turn_until(f->loop, has_no_connections, f);
    expect_answer(f, "GET /empty", 204, NULL);
}

static void test_a_handler_may_reply_after_the_server_is_gone(void **state)
{
    struct server_fixture *f = *state;
    struct net_peer peers[3];

    for (int i = 0; i < 3; i++) {
        net_peer_open(&peers[i], f->loop, f->port);
        net_peer_send_text(&peers[i], "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    while (f->n_waiting < 3)
        net_turn(f->loop, 1);
    http_server_free(f->server);
    f->server = NULL;
    for (int i = 0; i < 3; i++)
        http_reply(f->waiting[i], 200, "text/plain", "late", 4);
    for (int i = 0; i < 3; i++) {
        net_peer_await_close(&peers[i]);
        net_peer_close(&peers[i]);
    }
}

static void note_drained(void *arg)
{
    *(bool *)arg = true;
}

static bool is_drained(void *arg)
{
    return ((struct server_fixture *)arg)->is_drained;
}

static void test_a_drain_waits_for_running_requests_and_takes_no_new_connections(void **state)
{
    struct server_fixture *f = *state;
    struct net_peer idle, busy;

    net_peer_open(&idle, f->loop, f->port);
    net_peer_open(&busy, f->loop, f->port);
    net_peer_send_text(&idle, "GET /empty HTTP/1.1\r\nHost: a\r\n\r\n");
    net_peer_await_text(&idle, "204");
    net_peer_send_text(&busy, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    net_turn_until(f->loop, is_one_waiting, f);
    http_server_drain(f->server, note_drained, &f->is_drained);
    net_turn(f->loop, 3);
    assert_false(f->is_drained);
    http_reply_empty(f->waiting[0], 204);
    assert_false(f->is_drained);
    net_peer_await_close(&busy);
    assert_non_null(strstr(buf_text(&busy.received), "Connection: close"));
    net_turn_until(f->loop, is_drained, f);
    net_peer_close(&idle);
    net_peer_close(&busy);
}

static void test_a_drain_of_an_idle_server_ends_at_once_but_not_before_returning(void **state)
{
    struct server_fixture *f = *state;

    http_server_drain(f->server, note_drained, &f->is_drained);
    assert_false(f->is_drained);
    net_turn_until(f->loop, is_drained, f);
}

static void test_a_drain_answers_who_waits_in_the_backlog(void **state)
{
    struct server_fixture *f = *state;
    struct net_peer early;

    net_peer_open(&early, f->loop, f->port);
    net_peer_send_text(&early, "GET /empty HTTP/1.1\r\nHost: a\r\n\r\n");
    http_server_drain(f->server, note_drained, &f->is_drained);
    net_peer_await_close(&early);
    assert_non_null(strstr(buf_text(&early.received), "204"));
    net_turn_until(f->loop, is_drained, f);
    net_peer_close(&early);
}

static void test_a_server_that_is_freed_while_it_drains_tells_nobody(void **state)
{
    struct server_fixture *f = *state;

    http_server_drain(f->server, note_drained, &f->is_drained);
    http_server_free(f->server);
    f->server = NULL;
    net_turn(f->loop, 3);
    assert_false(f->is_drained);
}

static void test_a_taken_port_is_named(void **state)
{
    struct server_fixture *f = *state;
    struct err err = {0};
    struct http_server_config config = {.name = "public",
                                        .address = "127.0.0.1",
                                        .port = f->port,
                                        .limits = f->limits,
                                        .loop = f->loop};
    char port[16];

    assert_null(http_server_new(&config, &err));
    snprintf(port, sizeof(port), "port %d", f->port);
    assert_non_null(strstr(err.text, port));
    assert_non_null(strstr(err.text, "Address already in use"));
    config.address = "localhost";
    assert_null(http_server_new(&config, &err));
    assert_non_null(strstr(err.text, "not a numeric address"));
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, server_fixture_set_up, server_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_paths_and_methods_without_a_row_get_404_405_and_allow),
        TEST(test_a_handler_reads_path_parameters_query_header_and_address),
        TEST(test_bad_escapes_are_named),
        TEST(test_a_query_of_many_parameters_is_refused),
        TEST(test_head_is_get_without_the_body),
        TEST(test_the_guard_stands_before_every_handler),
        TEST(test_replies_are_counted_by_route_method_and_status),
        TEST(test_clients_that_go_away_while_their_handler_waits_harm_nobody),
        TEST(test_a_handler_may_reply_after_the_server_is_gone),
        TEST(test_a_drain_waits_for_running_requests_and_takes_no_new_connections),
        TEST(test_a_drain_of_an_idle_server_ends_at_once_but_not_before_returning),
        TEST(test_a_drain_answers_who_waits_in_the_backlog),
        TEST(test_a_server_that_is_freed_while_it_drains_tells_nobody),
        TEST(test_a_taken_port_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
