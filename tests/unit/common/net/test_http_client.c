#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/net/http_client.h"
#include "common/net/http_server.h"
#include "common/net/loop.h"
#include "tests/unit/support/net_peer.h"

struct fixture {
    struct loop *loop;
    struct http_server *server;
    struct http_client *client;
    struct http_request *waiting[8];
    size_t n_waiting;
    int silent_fd, silent_port; /* listens, never accepts */
    char url[128];
};

struct outcome {
    int n_calls, status;
    enum err_code code;
    struct buf body;
    char content_type[64];
    struct http_client *again; /* send the same once more from within the callback */
    const struct http_call *call;
};

/* Say what arrived. */
static void mirror(void *context, struct http_request *req)
{
    struct buf out = {0};
    size_t n_bytes;
    const char *body = http_body(req, &n_bytes), *header = http_header(req, "x-one");
    const char *type = http_header(req, "content-type");

    (void)context;
    buf_format(&out, "method=%d x-one=%s type=%s expect=%s accept=%s body=", (int)http_method(req),
               header ? header : "-", type ? type : "-", http_header(req, "expect") ? "yes" : "-",
               http_header(req, "accept") ? "yes" : "-");
    buf_add(&out, body, n_bytes);
    http_reply(req, 200, "text/x-mirror", out.bytes, out.n_bytes);
    buf_clear(&out);
}

static void keep(void *context, struct http_request *req)
{
    struct fixture *f = context;

    f->waiting[f->n_waiting++] = req;
}

static void large(void *context, struct http_request *req)
{
    char bytes[5000] = {0};

    (void)context;
    http_reply(req, 200, NULL, bytes, sizeof(bytes));
}

static void redirect(void *context, struct http_request *req)
{
    (void)context;
    http_add_header(req, "Location", "/mirror");
    http_reply_empty(req, 302);
}

static const struct route routes[] = {
    {HTTP_GET, "/mirror", mirror},    {HTTP_POST, "/mirror", mirror},
    {HTTP_PUT, "/mirror", mirror},    {HTTP_PATCH, "/mirror", mirror},
    {HTTP_DELETE, "/mirror", mirror}, {HTTP_GET, "/keep", keep},
    {HTTP_GET, "/large", large},      {HTTP_GET, "/redirect", redirect},
};

static int listen_silently(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t n_address = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 16), 0);
    getsockname(fd, (struct sockaddr *)&address, &n_address);
    *port = ntohs(address.sin_port);
    return fd;
}

static int set_up(void **state)
{
    struct fixture *f = MEM_NEW(struct fixture);
    struct http_server_config config = {.name = "peer",
                                        .address = "127.0.0.1",
                                        .limits = {64, 5000, 5000, 5000, 16384, 4194304},
                                        .routes = routes,
                                        .n_routes = sizeof(routes) / sizeof(*routes),
                                        .context = f};
    struct err err;

    f->loop = loop_new();
    config.loop = f->loop;
    f->server = http_server_new(&config, &err);
    assert_non_null(f->server);
    f->client = http_client_new(f->loop, 4);
    f->silent_fd = listen_silently(&f->silent_port);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    http_client_free(f->client);
    http_server_free(f->server);
    net_turn(f->loop, 3);
    loop_free(f->loop);
    close(f->silent_fd);
    mem_free(f);
    return 0;
}

static void note(void *arg, const struct http_answer *answer, const struct err *err)
{
    struct outcome *outcome = arg;

    outcome->n_calls++;
    outcome->code = err ? err->code : ERR_NONE;
    assert_true(!answer != !err);
    if (answer) {
        outcome->status = answer->status;
        buf_reset(&outcome->body);
        buf_add(&outcome->body, answer->body, answer->n_bytes);
        assert_int_equal(answer->body[answer->n_bytes], '\0');
        snprintf(outcome->content_type, sizeof(outcome->content_type), "%s", answer->content_type);
    }
    if (outcome->again && outcome->n_calls < 5)
        http_client_send(outcome->again, outcome->call, note, outcome);
}

static bool is_done(void *arg)
{
    const struct outcome *outcome = arg;

    return outcome->n_calls >= (outcome->again ? 5 : 1);
}

static const char *url_of(struct fixture *f, int port, const char *path)
{
    snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%d%s", port, path);
    return f->url;
}

static void send_and_wait(struct fixture *f, const struct http_call *call, struct outcome *outcome)
{
    int n_before = outcome->n_calls;

    http_client_send(f->client, call, note, outcome);
    assert_int_equal(outcome->n_calls, n_before);
    net_turn_until(f->loop, is_done, outcome);
}

static void test_each_method_arrives_with_header_and_body_as_given(void **state)
{
    static const enum http_method methods[] = {HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_PATCH,
                                               HTTP_DELETE};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
        struct outcome outcome = {0};
        char want[200];
        bool has_body = methods[i] != HTTP_GET;
        struct http_call call = {.method = methods[i],
                                 .url = url_of(f, http_server_port(f->server), "/mirror"),
                                 .headers = {"X-One: 1", "Content-Type: a/b"},
                                 .body = has_body ? "hello" : NULL,
                                 .n_body_bytes = has_body ? 5 : 0,
                                 .limit_ms = 120000};

        send_and_wait(f, &call, &outcome);
        snprintf(want, sizeof(want), "method=%d x-one=1 type=a/b expect=- accept=- body=%s",
                 (int)methods[i], has_body ? "hello" : "");
        assert_int_equal(outcome.status, 200);
        assert_string_equal(buf_text(&outcome.body), want);
        assert_string_equal(outcome.content_type, "text/x-mirror");
        buf_clear(&outcome.body);
    }
}

static void test_a_call_leaves_nothing_behind_for_the_next_on_the_same_handle(void **state)
{
    struct fixture *f = *state;
    struct outcome outcome = {0};
    struct http_call call = {.method = HTTP_POST,
                             .url = url_of(f, http_server_port(f->server), "/mirror"),
                             .headers = {"X-One: 1"},
                             .body = "hello",
                             .n_body_bytes = 5,
                             .limit_ms = 120000};

    send_and_wait(f, &call, &outcome);
    call = (struct http_call){.method = HTTP_GET, .url = f->url, .limit_ms = 120000};
    outcome.n_calls = 0;
    send_and_wait(f, &call, &outcome);
    assert_string_equal(buf_text(&outcome.body), "method=1 x-one=- type=- expect=- accept=- body=");
    call = (struct http_call){.method = HTTP_POST, .url = f->url, .limit_ms = 120000};
    outcome.n_calls = 0;
    send_and_wait(f, &call, &outcome);
    assert_string_equal(buf_text(&outcome.body), "method=2 x-one=- type=- expect=- accept=- body=");
    buf_clear(&outcome.body);
}

static void test_a_body_of_megabytes_is_sent_without_asking(void **state)
{
    enum { N_BYTES = 3000000 };
    struct fixture *f = *state;
    struct outcome outcome = {0};
    char *body = mem_new(N_BYTES);
    struct http_call call = {.method = HTTP_POST,
                             .url = url_of(f, http_server_port(f->server), "/mirror"),
                             .body = body,
                             .n_body_bytes = N_BYTES,
                             .limit_ms = 120000,
                             .reply_max_bytes = N_BYTES + 1000};

    send_and_wait(f, &call, &outcome);
    assert_int_equal(outcome.status, 200);
    assert_true(outcome.body.n_bytes > N_BYTES);
    assert_non_null(strstr(buf_text(&outcome.body), "expect=- "));
    buf_clear(&outcome.body);
    mem_free(body);
}

static void test_any_status_is_an_answer_and_redirects_are_not_followed(void **state)
{
    struct fixture *f = *state;
    struct outcome outcome = {0};
    struct http_call call = {.method = HTTP_GET, .limit_ms = 120000};

    call.url = url_of(f, http_server_port(f->server), "/nothing");
    send_and_wait(f, &call, &outcome);
    assert_int_equal(outcome.status, 404);
    outcome.n_calls = 0;
    call.url = url_of(f, http_server_port(f->server), "/redirect");
    send_and_wait(f, &call, &outcome);
    assert_int_equal(outcome.status, 302);
    buf_clear(&outcome.body);
}

static void test_an_answer_over_the_limit_is_too_large(void **state)
{
    struct fixture *f = *state;
    struct outcome outcome = {0};
    struct http_call call = {.method = HTTP_GET,
                             .url = url_of(f, http_server_port(f->server), "/large"),
                             .limit_ms = 120000,
                             .reply_max_bytes = 4999};

    send_and_wait(f, &call, &outcome);
    assert_int_equal(outcome.code, ERR_TOO_LARGE);
    call.reply_max_bytes = 5000;
    outcome.n_calls = 0;
    send_and_wait(f, &call, &outcome);
    assert_int_equal(outcome.code, ERR_NONE);
    assert_int_equal(outcome.body.n_bytes, 5000);
    buf_clear(&outcome.body);
}

static void test_a_refused_connection_is_unavailable(void **state)
{
    struct fixture *f = *state;
    struct outcome outcome = {0};
    struct http_call call = {.method = HTTP_GET, .limit_ms = 120000};

    close(f->silent_fd);
    f->silent_fd = -1;
    call.url = url_of(f, f->silent_port, "/");
    send_and_wait(f, &call, &outcome);
    assert_int_equal(outcome.code, ERR_UNAVAILABLE);
}

static void test_other_schemes_and_bad_addresses_are_our_mistake(void **state)
{
    static const char *const urls[] = {"file:///etc/passwd", "ftp://127.0.0.1/", "http://", ""};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        struct outcome outcome = {0};
        struct http_call call = {.method = HTTP_GET, .url = urls[i], .limit_ms = 120000};

        send_and_wait(f, &call, &outcome);
        assert_int_equal(outcome.code, ERR_INTERNAL);
    }
}

static void test_the_limit_ends_a_call_that_gets_no_answer(void **state)
{
    struct fixture *f = *state;
    struct outcome outcome = {0};
    int64_t began = clock_monotonic_ms();
    struct http_call call = {
        .method = HTTP_GET, .url = url_of(f, f->silent_port, "/"), .limit_ms = 30};

    send_and_wait(f, &call, &outcome);
    assert_int_equal(outcome.code, ERR_TIMEOUT);
    assert_true(clock_monotonic_ms() - began >= 29);
}

static void test_the_limit_also_ends_calls_that_wait_for_a_connection(void **state)
{
    struct fixture *f = *state;
    struct outcome outcomes[8] = {0};
    struct http_call call = {
        .method = HTTP_GET, .url = url_of(f, f->silent_port, "/"), .limit_ms = 40};

    for (int i = 0; i < 8; i++) /* twice as many as there may be connections */
        http_client_send(f->client, &call, note, &outcomes[i]);
    for (int i = 0; i < 8; i++) {
        net_turn_until(f->loop, is_done, &outcomes[i]);
        assert_int_equal(outcomes[i].code, ERR_TIMEOUT);
    }
}

static void test_connections_are_kept_and_capped(void **state)
{
    struct fixture *f = *state;
    struct outcome outcomes[6] = {0};
    struct http_call call = {.method = HTTP_GET,
                             .url = url_of(f, http_server_port(f->server), "/keep"),
                             .limit_ms = 120000};

    for (int i = 0; i < 6; i++)
        http_client_send(f->client, &call, note, &outcomes[i]);
    while (f->n_waiting < 4)
        net_turn(f->loop, 1);
    net_turn(f->loop, 10);
    assert_int_equal(f->n_waiting, 4);
    for (size_t i = 0; i < 6; i++) {
        while (f->n_waiting <= i)
            net_turn(f->loop, 1);
        http_reply_empty(f->waiting[i], 204);
    }
    for (int i = 0; i < 6; i++) {
        net_turn_until(f->loop, is_done, &outcomes[i]);
        assert_int_equal(outcomes[i].status, 204);
        buf_clear(&outcomes[i].body);
    }
}

static void test_a_callback_may_send_again(void **state)
{
    struct fixture *f = *state;
    struct http_call call = {.method = HTTP_GET,
                             .url = url_of(f, http_server_port(f->server), "/mirror"),
                             .limit_ms = 120000};
    struct outcome outcome = {.again = f->client, .call = &call};

    send_and_wait(f, &call, &outcome);
    assert_int_equal(outcome.n_calls, 5);
    assert_int_equal(outcome.status, 200);
    buf_clear(&outcome.body);
}

static void test_ending_the_client_ends_every_call_once(void **state)
{
    struct fixture *f = *state;
    struct outcome outcomes[6] = {0};
    struct http_call call = {
        .method = HTTP_GET, .url = url_of(f, f->silent_port, "/"), .limit_ms = 120000};

    for (int i = 0; i < 6; i++)
        http_client_send(f->client, &call, note, &outcomes[i]);
    net_turn(f->loop, 5);
    http_client_free(f->client);
    f->client = NULL;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(outcomes[i].n_calls, 1);
        assert_int_equal(outcomes[i].code, ERR_UNAVAILABLE);
    }
}

static void test_a_server_that_closed_the_kept_connection_is_reached_anew(void **state)
{
    struct fixture *f = *state;
    struct outcome outcome = {0};
    struct err err;
    int port = http_server_port(f->server);
    struct http_call call = {
        .method = HTTP_POST, .url = url_of(f, port, "/mirror"), .limit_ms = 120000};
    const struct http_server_config config = {.name = "peer",
                                              .address = "127.0.0.1",
                                              .port = port,
                                              .limits = {64, 5000, 5000, 5000, 16384, 4194304},
                                              .routes = routes,
                                              .n_routes = sizeof(routes) / sizeof(*routes),
                                              .context = f,
                                              .loop = f->loop};

    send_and_wait(f, &call, &outcome);
    http_server_free(f->server);
    f->server = http_server_new(&config, &err);
    assert_non_null(f->server);
    outcome.n_calls = 0;
    send_and_wait(f, &call, &outcome);
    assert_int_equal(outcome.code, ERR_NONE);
    buf_clear(&outcome.body);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_method_arrives_with_header_and_body_as_given),
        TEST(test_a_call_leaves_nothing_behind_for_the_next_on_the_same_handle),
        TEST(test_a_body_of_megabytes_is_sent_without_asking),
        TEST(test_any_status_is_an_answer_and_redirects_are_not_followed),
        TEST(test_an_answer_over_the_limit_is_too_large),
        TEST(test_a_refused_connection_is_unavailable),
        TEST(test_other_schemes_and_bad_addresses_are_our_mistake),
        TEST(test_the_limit_ends_a_call_that_gets_no_answer),
        TEST(test_the_limit_also_ends_calls_that_wait_for_a_connection),
        TEST(test_connections_are_kept_and_capped),
        TEST(test_a_callback_may_send_again),
        TEST(test_ending_the_client_ends_every_call_once),
        TEST(test_a_server_that_closed_the_kept_connection_is_reached_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
