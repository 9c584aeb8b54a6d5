#include "tests/unit/support/server_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/net/http_query.h"

static void echo(void *context, struct http_request *req)
{
    struct server_fixture *f = context;
    size_t n_bytes;
    const char *body = http_body(req, &n_bytes);

    f->n_handled++;
    assert_int_equal(body[n_bytes], '\0');
    http_reply(req, 200, "application/octet-stream", body, n_bytes);
}

static void wait_for_test(void *context, struct http_request *req)
{
    struct server_fixture *f = context;

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

/* Read two parameters as more than text. */
static void read_query(void *context, struct http_request *req)
{
    struct uuid id = {"-"};
    int64_t limit = 50;
    struct buf out = {0};
    struct err err = {0};
    bool is_required = strcmp(http_param(req, "id"), "required") == 0;

    (void)context;
    if (!http_query_uuid(req, "id", is_required, &id, &err) ||
        !http_query_number(req, "limit", 1, 200, &limit, &err)) {
        http_reply_err(req, &err, NULL);
        return;
    }
    buf_format(&out, "id=%s limit=%lld.", id.text, (long long)limit);
    http_reply_json(req, 200, &out);
    buf_clear(&out);
}

static void upgrade(void *context, struct http_request *req)
{
    struct server_fixture *f = context;

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
    {HTTP_GET, "/query/{id}", read_query},
    {HTTP_GET, "/upgrade", upgrade},
};

static bool guard(void *context, struct http_request *req)
{
    struct server_fixture *f = context;
    struct err err;

    if (!f->is_guarded || http_header(req, "token"))
        return true;
    err_set(&err, ERR_UNAUTHENTICATED, "no token");
    http_reply_err(req, &err, NULL);
    return false;
}

static void start(struct server_fixture *f)
{
    struct err err = {0};
    struct http_server_config config = {
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

    assert_true(http_proxies_read("127.0.0.0/8,::1", "proxies", &config.proxies, &err));
    f->server = http_server_new(&config, &err);
    if (!f->server)
        fail_msg("%s", err.text);
    f->port = http_server_port(f->server);
}

int server_fixture_set_up(void **state)
{
    struct server_fixture *f = MEM_NEW(struct server_fixture);

    f->loop = loop_new();
    f->metrics = metrics_new();
    log_init(&f->log, "test", LOG_ERROR);
    f->limits = (struct http_limits){.connections_max = 64,
                                     .head_limit_ms = 120000,
                                     .body_limit_ms = 120000,
                                     .idle_limit_ms = 120000,
                                     .head_max_bytes = 2048,
                                     .body_max_bytes = 4096};
    start(f);
    *state = f;
    return 0;
}

void server_fixture_restart(struct server_fixture *f)
{
    http_server_free(f->server);
    start(f);
}

int server_fixture_tear_down(void **state)
{
    struct server_fixture *f = *state;

    http_server_free(f->server);
    net_turn(f->loop, 3);
    metrics_free(f->metrics);
    loop_free(f->loop);
    mem_free(f);
    return 0;
}

void expect_answer(struct server_fixture *f, const char *head, int status, const char *text)
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

static const char *metrics_text(struct server_fixture *f, struct buf *out)
{
    buf_reset(out);
    metrics_write(f->metrics, out);
    return buf_text(out);
}

void expect_metric(struct server_fixture *f, const char *line)
{
    struct buf out = {0};

    if (!strstr(metrics_text(f, &out), line))
        fail_msg("no \"%s\" in\n%s", line, buf_text(&out));
    buf_clear(&out);
}

bool has_no_connections(void *arg)
{
    struct buf out = {0};
    bool has_none = strstr(metrics_text(arg, &out), "http_connections{port=\"public\"} 0\n");

    buf_clear(&out);
    return has_none;
}

bool is_one_waiting(void *arg)
{
    return ((struct server_fixture *)arg)->n_waiting == 1;
}
