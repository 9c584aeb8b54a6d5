#include <arpa/inet.h>
#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/net/http_internal.h"
#include "common/net/loop.h"
#include "common/net/problem.h"

/* How a connection lives. evhttp asks for a bufferevent (http_connection_open), then makes its own
 * connection around it, which we get to know in the same turn of the loop (adopt). From then on
 * evhttp's close callback tells the end.
 *
 * A callback on the input buffer judges new bytes before evhttp's read callback runs. Refused bytes
 * replace evhttp's callbacks by ours: the refusal is written, the socket shut for writing, and what
 * still comes is thrown away until the client closes, since closing at once would reset the
 * connection and could take the answer with it. Bytes that are refused behind a request that evhttp
 * has whole wait: that one is answered, with Connection: close. */

enum { LINGER_MS = 2000, REFUSING_MAX = 64 };

static const struct http_refusal TOO_MANY_CONNECTIONS = {
    503, "too_many_connections", "this server has as many connections as it takes"};
static const struct http_refusal HEAD_TOO_SLOW = {408, "request_timeout",
                                                  "the request head took too long"};
static const struct http_refusal BODY_TOO_SLOW = {408, "request_timeout",
                                                  "the request body took too long"};

struct http_connection *http_connection_of(struct http_request *request)
{
    return (struct http_connection *)((char *)request - offsetof(struct http_connection, request));
}

/* What a drain waits for. */
static bool is_running(enum http_connection_state state)
{
    return (state >= HTTP_CONNECTION_HEAD && state <= HTTP_CONNECTION_REPLIED) ||
           state == HTTP_CONNECTION_UPGRADED;
}

static int limit_of_state(const struct http_limits *limits, enum http_connection_state state)
{
    switch (state) {
    case HTTP_CONNECTION_IDLE:
    case HTTP_CONNECTION_REPLIED:
        return limits->idle_limit_ms;
    case HTTP_CONNECTION_HEAD:
        return limits->head_limit_ms;
    case HTTP_CONNECTION_BODY:
        return limits->body_limit_ms;
    case HTTP_CONNECTION_REFUSED:
    case HTTP_CONNECTION_LINGERS:
        return LINGER_MS;
    case HTTP_CONNECTION_HANDLED:
    case HTTP_CONNECTION_UPGRADED:
    case HTTP_CONNECTION_CLOSED:
        break;
    }
    return 0;
}

void http_connection_set_state(struct http_connection *connection, enum http_connection_state state)
{
    struct http_server *server = connection->server;
    enum http_connection_state old = connection->state;
    int limit_ms;

    connection->state = state;
    if (!server || old == state)
        return;
    limit_ms = limit_of_state(&server->limits, state);
    connection->deadline_ms = limit_ms > 0 ? clock_monotonic_ms() + limit_ms : 0;
    connection->n_unwritten = SIZE_MAX;
    if (is_running(old) != is_running(state)) {
        if (is_running(state))
            server->n_running++;
        else if (--server->n_running == 0)
            http_server_check_drain(server);
    }
}

/* Called by evhttp from within evhttp_connection_free, whoever began it. */
static void on_closed(struct evhttp_connection *evcon, void *arg)
{
    struct http_connection *connection = arg;
    struct http_server *server = connection->server;

    (void)evcon;
    TAILQ_REMOVE(&server->connections, connection, link);
    server->n_connections--;
    http_stats_set_connections(server->stats, server->n_connections);
    server->by_fd[connection->fd] = NULL;
    connection->evcon = NULL;
    connection->bufferevent = NULL;
    if (server->is_closing && is_running(connection->state))
        server->n_running--;
    if (server->is_closing)
        connection->server = NULL;
    if (connection->state == HTTP_CONNECTION_HANDLED ||
        connection->state == HTTP_CONNECTION_UPGRADED) {
        if (connection->server)
            TAILQ_INSERT_TAIL(&server->orphans, connection, link);
        return; /* its holder releases it */
    }
    http_connection_set_state(connection, HTTP_CONNECTION_CLOSED);
    mem_free(connection);
}

void http_connection_release(struct http_connection *connection)
{
    assert(!connection->evcon);
    if (connection->server)
        TAILQ_REMOVE(&connection->server->orphans, connection, link);
    http_connection_set_state(connection, HTTP_CONNECTION_CLOSED);
    mem_free(connection);
}

/* May be called by evhttp with another argument than ours (its deferred read): uses none. */
static void on_thrown_away(struct bufferevent *bufferevent, void *arg)
{
    struct evbuffer *input = bufferevent_get_input(bufferevent);

    (void)arg;
    evbuffer_drain(input, evbuffer_get_length(input));
}

static void on_refusal_written(struct bufferevent *bufferevent, void *arg)
{
    struct http_connection *connection = arg;

    (void)bufferevent;
    if (connection->state != HTTP_CONNECTION_REFUSED)
        return;
    http_connection_set_state(connection, HTTP_CONNECTION_LINGERS);
    shutdown(connection->fd, SHUT_WR);
}

static void on_refused_gone(struct bufferevent *bufferevent, short what, void *arg)
{
    struct http_connection *connection = arg;

    (void)bufferevent;
    (void)what;
    evhttp_connection_free(connection->evcon);
}

static void stop_filter(struct http_connection *connection)
{
    if (connection->input_callback)
        evbuffer_remove_cb_entry(bufferevent_get_input(connection->bufferevent),
                                 connection->input_callback);
    connection->input_callback = NULL;
}

static void write_refusal(struct http_connection *connection, const struct http_refusal *refusal)
{
    struct evbuffer *output = bufferevent_get_output(connection->bufferevent);
    const struct http_limits *limits = &connection->server->limits;
    struct err err;
    struct buf body;

    buf_init(&body);
    if (refusal->status == 413)
        err_set_slug(&err, ERR_TOO_LARGE, refusal->code, "%s; at most %d bytes", refusal->detail,
                     limits->body_max_bytes);
    else
        err_set_slug(&err, ERR_INVALID, refusal->code, "%s", refusal->detail);
    problem_write(&err, refusal->status, NULL, &body);
    evbuffer_add_printf(output,
                        "HTTP/1.1 %d %s\r\nContent-Type: " PROBLEM_CONTENT_TYPE
                        "\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                        refusal->status, http_status_phrase(refusal->status), body.n_bytes);
    evbuffer_add(output, body.bytes, body.n_bytes);
    buf_clear(&body);
}

/* Only while no handler has a request of this connection and evhttp has none whole. */
static void refuse(struct http_connection *connection, const struct http_refusal *refusal)
{
    struct bufferevent *bufferevent = connection->bufferevent;

    http_stats_count_refused(connection->server->stats, refusal->status);
    stop_filter(connection);
    http_connection_set_state(connection, HTTP_CONNECTION_REFUSED);
    bufferevent_setcb(bufferevent, on_thrown_away, on_refusal_written, on_refused_gone, connection);
    write_refusal(connection, refusal);
    bufferevent_enable(bufferevent, EV_READ | EV_WRITE);
}

/* Let the filter see what was added behind `at`. */
static void feed_filter(struct http_connection *connection, struct evbuffer *input, size_t at,
                        size_t n_bytes)
{
    struct evbuffer_ptr from;
    struct evbuffer_iovec pieces[4];
    int n_pieces;

    while (n_bytes > 0 && evbuffer_ptr_set(input, &from, at, EVBUFFER_PTR_SET) == 0) {
        n_pieces = evbuffer_peek(input, (ev_ssize_t)n_bytes, &from, pieces, 4);
        for (int i = 0; i < n_pieces && i < 4 && n_bytes > 0; i++) {
            size_t n = pieces[i].iov_len < n_bytes ? pieces[i].iov_len : n_bytes;

            if (!http_filter_feed(&connection->filter, pieces[i].iov_base, n))
                return;
            at += n;
            n_bytes -= n;
        }
    }
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    struct http_connection *connection = arg;
    const struct http_limits *limits = &connection->server->limits;

    if (info->n_added == 0 || connection->filter.refusal)
        return;
    feed_filter(connection, input, info->orig_size, info->n_added);
    if (connection->state > HTTP_CONNECTION_BODY) {
        /* Sent ahead while a reply is being written: no more than one request's worth waits. */
        if (evbuffer_get_length(input) >
            (size_t)limits->head_max_bytes + (size_t)limits->body_max_bytes)
            bufferevent_disable(connection->bufferevent, EV_READ);
        return;
    }
    if (connection->filter.n_whole != connection->n_handled)
        return; /* evhttp takes the whole one right after this */
    if (connection->filter.refusal)
        refuse(connection, connection->filter.refusal);
    else if (http_filter_phase(&connection->filter) == HTTP_FILTER_HEAD)
        http_connection_set_state(connection, HTTP_CONNECTION_HEAD);
    else if (http_filter_phase(&connection->filter) == HTTP_FILTER_BODY)
        http_connection_set_state(connection, HTTP_CONNECTION_BODY);
}

struct bufferevent *http_connection_open(struct http_server *server)
{
    struct http_connection *connection = MEM_NEW(struct http_connection);
    struct bufferevent *bufferevent = bufferevent_socket_new(loop_base(server->loop), -1, 0);

    assert(bufferevent);
    bufferevent_incref(bufferevent); /* until it is adopted */
    connection->server = server;
    connection->bufferevent = bufferevent;
    connection->fd = -1;
    http_filter_init(&connection->filter, &server->limits);
    TAILQ_INSERT_HEAD(&server->connections, connection, link);
    server->n_connections++;
    return bufferevent;
}

static void remember_fd(struct http_server *server, int fd, struct http_connection *connection)
{
    size_t n_by_fd = server->n_by_fd ? server->n_by_fd : 64;

    while (n_by_fd <= (size_t)fd)
        n_by_fd *= 2;
    if (n_by_fd > server->n_by_fd) {
        server->by_fd = mem_resize(server->by_fd, n_by_fd, sizeof(struct http_connection *));
        memset(server->by_fd + server->n_by_fd, 0,
               (n_by_fd - server->n_by_fd) * sizeof(struct http_connection *));
        server->n_by_fd = n_by_fd;
    }
    server->by_fd[fd] = connection;
}

void http_connection_adopt(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    struct bufferevent *bufferevent = connection->bufferevent;
    void *evcon = NULL;
    char *peer;
    ev_uint16_t peer_port;
    int one = 1;

    bufferevent_getcb(bufferevent, NULL, NULL, NULL, &evcon);
    bufferevent_decref(bufferevent);
    if (!evcon) { /* evhttp could not make its connection: the bufferevent is gone with it */
        TAILQ_REMOVE(&server->connections, connection, link);
        server->n_connections--;
        mem_free(connection);
        return;
    }
    connection->evcon = evcon;
    connection->fd = (int)bufferevent_getfd(bufferevent);
    remember_fd(server, connection->fd, connection);
    http_stats_set_connections(server->stats, server->n_connections);
    evhttp_connection_set_closecb(evcon, on_closed, connection);
    evhttp_connection_get_peer(evcon, &peer, &peer_port);
    snprintf(connection->peer, sizeof(connection->peer), "%s", peer);
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    connection->deadline_ms = clock_monotonic_ms() + server->limits.idle_limit_ms;
    if (server->n_connections > (size_t)server->limits.connections_max + REFUSING_MAX)
        evhttp_connection_free(evcon);
    else if (server->n_connections > (size_t)server->limits.connections_max)
        refuse(connection, &TOO_MANY_CONNECTIONS);
    else
        connection->input_callback =
            evbuffer_add_cb(bufferevent_get_input(bufferevent), on_input, connection);
}

void http_connection_check(struct http_connection *connection, int64_t now_ms)
{
    size_t n_unwritten;

    if (connection->deadline_ms == 0 || now_ms < connection->deadline_ms)
        return;
    if (connection->state == HTTP_CONNECTION_HEAD) {
        refuse(connection, &HEAD_TOO_SLOW);
    } else if (connection->state == HTTP_CONNECTION_BODY) {
        refuse(connection, &BODY_TOO_SLOW);
    } else {
        n_unwritten = evbuffer_get_length(bufferevent_get_output(connection->bufferevent));
        if (connection->state == HTTP_CONNECTION_REPLIED && n_unwritten < connection->n_unwritten) {
            connection->n_unwritten = n_unwritten;
            connection->deadline_ms = now_ms + connection->server->limits.idle_limit_ms;
        } else {
            evhttp_connection_free(connection->evcon);
        }
    }
}

struct http_upgraded *http_upgrade(struct http_request *req, const char *head)
{
    struct http_connection *connection = http_connection_of(req);
    struct bufferevent *bufferevent = connection->bufferevent;

    if (!connection->evcon) {
        http_reply_empty(req, 400); /* gives the request back; nobody reads it */
        return NULL;
    }
    http_stats_count(connection->server->stats, req->route, req->method, 101,
                     clock_monotonic_us() - req->began_us);
    stop_filter(connection);
    http_connection_set_state(connection, HTTP_CONNECTION_UPGRADED);
    /* evhttp keeps its request object until the end; what it holds is needed no more */
    evhttp_clear_headers(evhttp_request_get_input_headers(req->ev));
    req->ev = NULL;
    arena_clear(&req->arena);
    bufferevent_setcb(bufferevent, NULL, NULL, NULL, NULL);
    bufferevent_set_timeouts(bufferevent, NULL, NULL);
    bufferevent_write(bufferevent, head, strlen(head));
    bufferevent_enable(bufferevent, EV_READ | EV_WRITE);
    return (struct http_upgraded *)connection;
}

struct bufferevent *http_upgraded_bufferevent(struct http_upgraded *upgraded)
{
    return ((struct http_connection *)upgraded)->bufferevent;
}

void http_upgraded_free(struct http_upgraded *upgraded)
{
    struct http_connection *connection = (struct http_connection *)upgraded;

    if (!connection)
        return;
    if (connection->evcon) {
        http_connection_set_state(connection, HTTP_CONNECTION_CLOSED);
        evhttp_connection_free(connection->evcon); /* frees ours too, by on_closed */
    } else {
        http_connection_release(connection);
    }
}
