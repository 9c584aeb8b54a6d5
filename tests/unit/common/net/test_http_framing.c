#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "tests/unit/support/framing.h"
#include "tests/unit/support/server_fixture.h"

static void send_row(void *arg, const struct framing_case *row)
{
    struct server_fixture *f = arg;
    struct net_peer peer;
    unsigned n_before = f->n_handled;
    const char *text;

    net_peer_open(&peer, f->loop, f->port);
    net_peer_send(&peer, row->bytes.bytes, row->bytes.n_bytes);
    if (row->status == 200) {
        net_peer_await_text(&peer, " 200 OK\r\n");
    } else {
        net_peer_await_close(&peer);
        text = buf_text(&peer.received);
        if (net_peer_status(&peer) != row->status || !strstr(text, "application/problem+json") ||
            !strstr(text, "Connection: close") || peer.was_reset)
            fail_msg("%s: \"%s\" instead of %d", row->name, text, row->status);
        assert_int_equal(f->n_handled, n_before);
    }
    net_peer_close(&peer);
}

static void test_every_malformed_request_is_refused_on_a_real_socket(void **state)
{
    framing_for_each(send_row, *state);
}

static void test_good_requests_in_one_piece_are_answered_in_order(void **state)
{
    struct server_fixture *f = *state;
    struct net_peer peer;

    net_peer_open(&peer, f->loop, f->port);
    for (int i = 0; i < 20; i++)
        net_peer_send_text(&peer, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                                  "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"
                                  "\r\n\r\n1\r\nd\r\n0\r\n\r\n");
    net_peer_send_text(&peer, "GET /things/last HTTP/1.1\r\nHost: a\r\n\r\n");
    net_peer_await_text(&peer, "id=last");
    assert_int_equal(f->n_handled, 40);
    net_peer_close(&peer);
}

static void
test_a_bad_request_behind_good_ones_ends_the_connection_after_their_answers(void **state)
{
    struct server_fixture *f = *state;
    struct net_peer peer;

    net_peer_open(&peer, f->loop, f->port);
    net_peer_send_text(&peer, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                              "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ndef"
                              "POST /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    net_peer_await_close(&peer);
    assert_non_null(strstr(buf_text(&peer.received), "abc"));
    assert_non_null(strstr(buf_text(&peer.received), "def"));
    assert_int_equal(f->n_handled, 2);
    net_peer_close(&peer);
}

static void test_bad_bytes_that_come_while_a_handler_waits_never_reach_one(void **state)
{
    struct server_fixture *f = *state;
    struct net_peer peer;

    net_peer_open(&peer, f->loop, f->port);
    net_peer_send_text(&peer, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    net_turn_until(f->loop, is_one_waiting, f);
    net_peer_send_text(&peer, "GET /echo HTTP/1.1\r\nHost : a\r\n\r\n");
    net_turn(f->loop, 3);
    http_reply_empty(f->waiting[0], 204);
    net_peer_await_close(&peer);
    assert_int_equal(net_peer_status(&peer), 204);
    assert_int_equal(f->n_handled, 0);
    net_peer_close(&peer);
}

static void test_bad_bytes_that_come_before_a_long_reply_is_written_are_not_read(void **state)
{
    struct server_fixture *f = *state;
    struct net_peer peer;

    net_peer_open_deaf(&peer, f->loop, f->port);
    net_peer_send_text(&peer, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    net_turn(f->loop, 5);
    net_peer_send_text(&peer, "GET /echo HTTP/1.1\r\nHost : a\r\n\r\n");
    net_turn(f->loop, 5);
    net_peer_listen(&peer);
    net_peer_await_close(&peer);
    assert_int_equal(net_peer_status(&peer), 200);
    assert_true(peer.received.n_bytes > LARGE_BYTES);
    assert_int_equal(f->n_handled, 0);
    net_peer_close(&peer);
}

static void test_a_client_that_sends_ahead_for_ever_is_not_read_for_ever(void **state)
{
    struct server_fixture *f = *state;
    struct net_peer peer;
    struct buf ahead = {0};

    for (int i = 0; i < 2000; i++)
        buf_add_text(&ahead, "GET /empty HTTP/1.1\r\nHost: a\r\n\r\n");
    net_peer_open_deaf(&peer, f->loop, f->port);
    net_peer_send_text(&peer, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    net_peer_send(&peer, ahead.bytes, ahead.n_bytes);
    net_turn(f->loop, 20);
    net_peer_listen(&peer);
    net_peer_send_text(&peer, "GET /things/last HTTP/1.1\r\nHost: a\r\n\r\n");
    net_peer_await_text(&peer, "id=last"); /* and yet all are answered */
    net_peer_close(&peer);
    buf_clear(&ahead);
}

static void test_a_large_body_is_refused_before_it_is_read_and_the_answer_arrives(void **state)
{
    struct server_fixture *f = *state;
    char *body = mem_new(1 << 20);
    struct net_peer peer;

    net_peer_open(&peer, f->loop, f->port);
    net_peer_send_text(&peer, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10485760\r\n\r\n");
    for (int i = 0; i < 10; i++)
        net_peer_send(&peer, body, 1 << 20);
    net_peer_await_close(&peer);
    assert_int_equal(net_peer_status(&peer), 413);
    assert_false(peer.was_reset);
    net_peer_close(&peer);
    mem_free(body);
}

static void test_expect_continue_is_answered_before_the_body_comes(void **state)
{
    struct server_fixture *f = *state;
    struct net_peer peer;

    net_peer_open(&peer, f->loop, f->port);
    net_peer_send_text(&peer, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                              "Content-Length: 5\r\n\r\n");
    net_peer_await_text(&peer, "100 Continue\r\n\r\n");
    net_peer_send_text(&peer, "hello");
    net_peer_await_text(&peer, "hello");
    net_peer_send_text(&peer, "GET /empty HTTP/1.1\r\nHost: a\r\n\r\n");
    net_peer_await_text(&peer, "204 No Content");
    net_peer_close(&peer);
}

static void test_a_large_body_that_expects_a_continue_is_refused_without_one(void **state)
{
    struct server_fixture *f = *state;
    struct net_peer peer;

    net_peer_open(&peer, f->loop, f->port);
    net_peer_send_text(&peer, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                              "Content-Length: 5000\r\n\r\n");
    net_peer_await_close(&peer);
    assert_int_equal(net_peer_status(&peer), 413);
    net_peer_close(&peer);
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, server_fixture_set_up, server_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_malformed_request_is_refused_on_a_real_socket),
        TEST(test_good_requests_in_one_piece_are_answered_in_order),
        TEST(test_a_bad_request_behind_good_ones_ends_the_connection_after_their_answers),
        TEST(test_bad_bytes_that_come_while_a_handler_waits_never_reach_one),
        TEST(test_bad_bytes_that_come_before_a_long_reply_is_written_are_not_read),
        TEST(test_a_client_that_sends_ahead_for_ever_is_not_read_for_ever),
        TEST(test_a_large_body_is_refused_before_it_is_read_and_the_answer_arrives),
        TEST(test_expect_continue_is_answered_before_the_body_comes),
        TEST(test_a_large_body_that_expects_a_continue_is_refused_without_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
