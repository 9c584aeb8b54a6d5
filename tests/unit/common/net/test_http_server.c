#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/net/http_server.h"
#include "common/net/loop.h"
#include "tests/unit/support/framing.h"
#include "tests/unit/support/net_peer.h"

enum { WAITING_MAX = 512, LARGE_BYTES = 8 * 1024 * 1024 };

struct fixture {
    struct loop *loop;
    struct metrics *metrics;
    struct log log;
    struct http_server *server;
    struct http_limits limits;
    int port;
    struct http_request *waiting[WAITING_MAX]; /* requests whose handler waits */
    size_t n_waiting;
    struct http_upgraded *upgraded;
    bool is_drained, is_guarded;
    unsigned n_handled;
};

static void echo(void *context, struct http_request *req)
{
    struct fixture *f = context;
    size_t n_bytes;
    const char *body = http_body(req, &n_bytes);

    f->n_handled++;
    assert_int_equal(body[n_bytes], '\0');
    http_reply(req, 200, "application/octet-stream", body, n_bytes);
}

static void wait_for_test(void *context, struct http_request *req)
{
    struct fixture *f = context;

    assert_true(f->n_waiting < WAITING_MAX);
    f->waiting[f->n_waiting++] = req;
}

static void large(void *context, struct http_request *req)
{
    char *bytes = mem_new(LARGE_BYTES);

    (void)context;
    memset(bytes, 'x', LARGE_BYTES);
    http_reply(req, 200, "text/plain", bytes, LARGE_BYTES);
    mem_free(bytes);
}

/* Say everything that a handler can read. */
static void describe(void *context, struct http_request *req)
{
    static const char *const names[] = {"a", "b", NULL};
    struct buf out = {0};
    struct err err = {0};
    const char *a = http_query(req, "a", &err);

    (void)context;
    if (err_is_set(&err) || !http_check_query(req, names, &err)) {
        http_reply_err(req, &err, "0123456789abcdef0123456789abcdef");
        return;
    }
    buf_format(&out, "method=%d path=%s route=%s id=%s step=%s none=%s a=%s from=%s x=%s",
               (int)http_method(req), http_path(req), http_route_path(req), http_param(req, "id"),
               http_param(req, "step") ? http_param(req, "step") : "-",
               http_param(req, "none") ? "?" : "-", a ? a : "-", http_client_address(req),
               http_header(req, "x-note") ? http_header(req, "x-note") : "-");
    http_add_header(req, "ETag", "\"1\"");
    http_reply_json(req, 200, &out);
    buf_clear(&out);
}

static void upgrade(void *context, struct http_request *req)
{
    struct fixture *f = context;

    f->upgraded = http_upgrade(req, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: test\r\n\r\n");
}

static void empty(void *context, struct http_request *req)
{
    (void)context;
    http_reply_empty(req, 204);
}

static const struct route routes[] = {
    {HTTP_GET, "/echo", echo},
    {HTTP_POST, "/echo", echo},
    {HTTP_PUT, "/echo", echo},
    {HTTP_PATCH, "/echo", echo},
    {HTTP_DELETE, "/echo", echo},
    {HTTP_GET, "/wait", wait_for_test},
    {HTTP_POST, "/wait", wait_for_test},
    {HTTP_GET, "/large", large},
    {HTTP_GET, "/empty", empty},
    {HTTP_GET, "/things/{id}", describe},
    {HTTP_GET, "/things/{id}/steps/{step}", describe},
    {HTTP_GET, "/upgrade", upgrade},
};

static bool guard(void *context, struct http_request *req)
{
    struct fixture *f = context;
    struct err err;

    if (!f->is_guarded || http_header(req, "token"))
        return true;
    err_set(&err, ERR_UNAUTHENTICATED, "no token");
    http_reply_err(req, &err, NULL);
    return false;
}

static void start(struct fixture *f)
{
    struct err err = {0};
    const struct http_server_config config = {
        .name = "public",
        .address = "127.0.0.1",
        .limits = f->limits,
        .routes = routes,
        .n_routes = sizeof(routes) / sizeof(*routes),
        .guard = guard,
        .context = f,
        .loop = f->loop,
        .metrics = f->metrics,
        .log = &f->log,
    };

    f->server = http_server_new(&config, &err);
    if (!f->server)
        fail_msg("%s", err.text);
    f->port = http_server_port(f->server);
}

static int set_up(void **state)
{
    struct fixture *f = MEM_NEW(struct fixture);

    f->loop = loop_new();
    f->metrics = metrics_new();
    log_init(&f->log, "test", LOG_ERROR);
    f->limits = (struct http_limits){.connections_max = 64,
                                     .head_limit_ms = 5000,
                                     .body_limit_ms = 5000,
                                     .idle_limit_ms = 5000,
                                     .head_max_bytes = 2048,
                                     .body_max_bytes = 4096};
    start(f);
    *state = f;
    return 0;
}

static void restart(struct fixture *f)
{
    http_server_free(f->server);
    start(f);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    http_server_free(f->server);
    net_turn(f->loop, 3);
    metrics_free(f->metrics);
    loop_free(f->loop);
    mem_free(f);
    return 0;
}

/* Send one request on a connection of its own, with Connection: close; expect `status` and, unless
 * NULL, `text` in the answer. */
static void expect_answer(struct fixture *f, const char *head, int status, const char *text)
{
    struct net_peer peer;
    struct buf request = {0};

    net_peer_open(&peer, f->loop, f->port);
    buf_format(&request, "%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", head);
    net_peer_send(&peer, request.bytes, request.n_bytes);
    net_peer_await_close(&peer);
    if (net_peer_status(&peer) != status || (text && !strstr(buf_text(&peer.received), text)))
        fail_msg("%s: %s", head, buf_text(&peer.received));
    buf_clear(&request);
    net_peer_close(&peer);
}

static const char *metrics_text(struct fixture *f, struct buf *out)
{
    buf_reset(out);
    metrics_write(f->metrics, out);
    return buf_text(out);
}

static void expect_metric(struct fixture *f, const char *line)
{
    struct buf out = {0};

    if (!strstr(metrics_text(f, &out), line))
        fail_msg("no \"%s\" in\n%s", line, buf_text(&out));
    buf_clear(&out);
}

static bool has_no_connections(void *arg)
{
    struct buf out = {0};
    bool has_none = strstr(metrics_text(arg, &out), "http_connections{port=\"public\"} 0\n");

    buf_clear(&out);
    return has_none;
}

static bool is_one_waiting(void *arg)
{
    return ((struct fixture *)arg)->n_waiting == 1;
}

/* ---- framing */

static void send_row(void *arg, const struct framing_case *row)
{
    struct fixture *f = arg;
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
    struct net_peer peer;

    net_peer_open(&peer, f->loop, f->port);
    net_peer_send_text(&peer, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                              "Content-Length: 5000\r\n\r\n");
    net_peer_await_close(&peer);
    assert_int_equal(net_peer_status(&peer), 413);
    net_peer_close(&peer);
}

/* ---- limits */

static void test_a_head_that_takes_too_long_is_refused_with_408(void **state)
{
    struct fixture *f = *state;
    struct net_peer peer;

    f->limits.head_limit_ms = 20;
    restart(f);
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
    struct fixture *f = *state;
    struct trickle trickle;

    f->limits.body_limit_ms = 40;
    restart(f);
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
    struct fixture *f = *state;
    struct net_peer fresh, used;

    f->limits.idle_limit_ms = 20;
    restart(f);
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
    struct fixture *f = *state;
    struct net_peer peer;

    f->limits.idle_limit_ms = 20;
    restart(f);
    net_peer_open_deaf(&peer, f->loop, f->port);
    net_peer_send_text(&peer, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_answer(f, "GET /empty", 204, NULL);
    net_turn_until(f->loop, has_no_connections, f);
    net_peer_close(&peer);
}

static void test_connections_over_the_cap_get_503_and_free_ones_work_again(void **state)
{
    struct fixture *f = *state;
    struct net_peer peers[4], extra;

    f->limits.connections_max = 4;
    restart(f);
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
    net_turn(f->loop, 5);
    expect_answer(f, "GET /empty", 204, NULL);
    for (int i = 1; i < 4; i++)
        net_peer_close(&peers[i]);
}

static void test_far_over_the_cap_connections_are_closed_at_once(void **state)
{
    enum { N_PEERS = 4 + 64 + 20 };
    struct fixture *f = *state;
    struct net_peer peers[N_PEERS];

    f->limits.connections_max = 4;
    restart(f);
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
    struct fixture *f = *state;
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

/* ---- routing and reading */

static void test_paths_and_methods_without_a_row_get_404_405_and_allow(void **state)
{
    struct fixture *f = *state;

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
    struct fixture *f = *state;

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
    struct fixture *f = *state;

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
    struct fixture *f = *state;
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
    struct fixture *f = *state;

    f->is_guarded = true;
    expect_answer(f, "GET /echo", 401, "no token");
    assert_int_equal(f->n_handled, 0);
    expect_answer(f, "GET /echo HTTP/1.1\r\nToken: x\r\nX:", 200, NULL);
    assert_int_equal(f->n_handled, 1);
}

static void test_replies_are_counted_by_route_method_and_status(void **state)
{
    struct fixture *f = *state;

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

/* ---- clients that go away, drain, end */

static void test_clients_that_go_away_while_their_handler_waits_harm_nobody(void **state)
{
    struct fixture *f = *state;

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
    net_turn(f->loop, 5);
    expect_metric(f, "http_connections{port=\"public\"} 0");
    expect_answer(f, "GET /empty", 204, NULL);
}

static void test_a_handler_may_reply_after_the_server_is_gone(void **state)
{
    struct fixture *f = *state;
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

static void test_a_drain_waits_for_running_requests_and_takes_no_new_connections(void **state)
{
    struct fixture *f = *state;
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
    net_turn(f->loop, 2);
    assert_true(f->is_drained);
    net_peer_close(&idle);
    net_peer_close(&busy);
}

static void test_a_drain_of_an_idle_server_ends_at_once_but_not_before_returning(void **state)
{
    struct fixture *f = *state;

    http_server_drain(f->server, note_drained, &f->is_drained);
    assert_false(f->is_drained);
    net_turn(f->loop, 1);
    assert_true(f->is_drained);
}

static void open_upgraded(struct fixture *f, struct net_peer *peer, const char *ahead)
{
    net_peer_open(peer, f->loop, f->port);
    net_peer_send_text(peer, "GET /upgrade HTTP/1.1\r\nHost: a\r\n\r\n");
    net_peer_send_text(peer, ahead);
    net_peer_await_text(peer, "Upgrade: test\r\n\r\n");
    assert_non_null(f->upgraded);
}

static void test_a_server_that_is_freed_while_it_drains_tells_nobody(void **state)
{
    struct fixture *f = *state;

    http_server_drain(f->server, note_drained, &f->is_drained);
    http_server_free(f->server);
    f->server = NULL;
    net_turn(f->loop, 3);
    assert_false(f->is_drained);
}

static void test_a_drain_waits_for_upgraded_connections(void **state)
{
    struct fixture *f = *state;
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

static void test_a_taken_port_is_named(void **state)
{
    struct fixture *f = *state;
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

/* ---- upgrades */

static void test_an_upgraded_connection_speaks_both_ways_without_http(void **state)
{
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
    struct net_peer peer, extra;

    f->limits.connections_max = 1;
    restart(f);
    open_upgraded(f, &peer, "");
    net_peer_open(&extra, f->loop, f->port);
    net_peer_await_close(&extra);
    assert_int_equal(net_peer_status(&extra), 503);
    http_upgraded_free(f->upgraded);
    net_peer_close(&extra);
    net_peer_close(&peer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
        TEST(test_a_head_that_takes_too_long_is_refused_with_408),
        TEST(test_a_body_that_trickles_past_the_total_limit_is_refused_with_408),
        TEST(test_an_idle_connection_is_closed_without_a_word),
        TEST(test_a_client_that_does_not_read_its_reply_is_closed),
        TEST(test_connections_over_the_cap_get_503_and_free_ones_work_again),
        TEST(test_far_over_the_cap_connections_are_closed_at_once),
        TEST(test_out_of_descriptors_it_accepts_again_later),
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
        TEST(test_a_server_that_is_freed_while_it_drains_tells_nobody),
        TEST(test_a_drain_waits_for_upgraded_connections),
        TEST(test_a_taken_port_is_named),
        TEST(test_an_upgraded_connection_speaks_both_ways_without_http),
        TEST(test_an_upgraded_connection_may_outlive_the_server),
        TEST(test_an_upgraded_connection_counts_toward_the_cap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
