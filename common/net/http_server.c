#include "common/net/http_server.h"

#include <assert.h>
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/net/http_internal.h"
#include "common/net/loop.h"

enum { BACKLOG = 1024, SWEEP_MAX_MS = 500, SWEEP_MIN_MS = 5, SWEEP_IDLE_MS = 1000 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* One coarse timer for all deadlines: no request pays for a timer of its own. */
static void on_sweep(void *arg)
{
    struct http_server *server = arg;
    struct http_connection *connection, *next;
    int64_t now_ms = clock_monotonic_ms();

    for (connection = TAILQ_FIRST(&server->connections); connection; connection = next) {
        next = TAILQ_NEXT(connection, link);
        if (connection->evcon)
            http_connection_check(connection, now_ms);
    }
    if (server->listener)
        evconnlistener_enable(server->listener); /* after on_accept_failed */
    server->is_idle = TAILQ_EMPTY(&server->connections);
    loop_timer_start(server->sweep_timer, server->is_idle ? SWEEP_IDLE_MS : server->sweep_ms);
}

static void on_adopt(evutil_socket_t fd, short what, void *arg)
{
    struct http_server *server = arg;
    struct http_connection *connection, *next;

    (void)fd;
    (void)what;
    /* new ones are at the front */
    for (connection = TAILQ_FIRST(&server->connections); connection && connection->fd < 0;
         connection = next) {
        next = TAILQ_NEXT(connection, link);
        http_connection_adopt(connection);
    }
    if (server->is_idle) {
        server->is_idle = false;
        loop_timer_start(server->sweep_timer, server->sweep_ms);
    }
}

static struct bufferevent *on_bufferevent_wanted(struct event_base *base, void *arg)
{
    struct http_server *server = arg;

    (void)base;
    event_active(server->adopt_event, EV_TIMEOUT, 0);
    return http_connection_open(server);
}

static void on_request(struct evhttp_request *ev, void *arg)
{
    struct http_server *server = arg;
    struct evhttp_connection *evcon = evhttp_request_get_connection(ev);
    int fd = (int)bufferevent_getfd(evhttp_connection_get_bufferevent(evcon));

    assert(fd >= 0 && (size_t)fd < server->n_by_fd && server->by_fd[fd]);
    http_request_handle(server->by_fd[fd], ev);
}

/* Out of descriptors or memory: the connection stays in the backlog, so trying at once would spin.
 * The next sweep listens again. */
static void on_accept_failed(struct evconnlistener *listener, void *arg)
{
    (void)arg; /* evhttp's */
    evconnlistener_disable(listener);
}

static bool bind_listener(struct http_server *server, const struct http_server_config *config,
                          struct err *err)
{
    const unsigned flags =
        LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE | LEV_OPT_DISABLED;
    struct sockaddr_storage address = {0};
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&address;
    socklen_t n_address = sizeof(*ipv4);

    ipv4->sin_family = AF_INET;
    ipv4->sin_port = htons((uint16_t)config->port);
    if (evutil_inet_pton(AF_INET, config->address, &ipv4->sin_addr) != 1) {
        n_address = sizeof(*ipv6);
        ipv6->sin6_family = AF_INET6;
        ipv6->sin6_port = htons((uint16_t)config->port);
        if (evutil_inet_pton(AF_INET6, config->address, &ipv6->sin6_addr) != 1)
            return err_set(err, ERR_INTERNAL, "%s port: %s is not a numeric address", config->name,
                           config->address);
    }
    server->listener = evconnlistener_new_bind(loop_base(config->loop), NULL, NULL, flags, BACKLOG,
                                               (struct sockaddr *)&address, (int)n_address);
    if (!server->listener)
        return err_set(err, ERR_INTERNAL, "%s port: cannot listen on %s port %d: %s", config->name,
                       config->address, config->port, strerror(errno));
    n_address = sizeof(address);
    getsockname(evconnlistener_get_fd(server->listener), (struct sockaddr *)&address, &n_address);
    server->port = ntohs(address.ss_family == AF_INET ? ipv4->sin_port : ipv6->sin6_port);
    return true;
}

static void open_evhttp(struct http_server *server)
{
    server->evhttp = evhttp_new(loop_base(server->loop));
    assert(server->evhttp);
    evhttp_set_allowed_methods(server->evhttp, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                                   EVHTTP_REQ_PATCH | EVHTTP_REQ_DELETE |
                                                   EVHTTP_REQ_OPTIONS | EVHTTP_REQ_HEAD);
    evhttp_set_default_content_type(server->evhttp, NULL);
    evhttp_set_max_headers_size(server->evhttp, server->limits.head_max_bytes);
    evhttp_set_max_body_size(server->evhttp, server->limits.body_max_bytes);
    evhttp_set_bevcb(server->evhttp, on_bufferevent_wanted, server);
    evhttp_set_gencb(server->evhttp, on_request, server);
    server->bound = evhttp_bind_listener(server->evhttp, server->listener);
    evconnlistener_set_error_cb(server->listener, on_accept_failed);
    evconnlistener_enable(server->listener);
}

static void on_drained(void *arg)
{
    struct http_server *server = arg;
    void (*drained)(void *) = server->drained;

    if (server->n_running > 0)
        return; /* came with the last turn of accepting */
    server->drained = NULL;
    if (drained)
        drained(server->drained_arg);
}

/* Who comes from now on is refused at once and can try another replica. */
static void on_last_accepted(void *arg)
{
    struct http_server *server = arg;

    evhttp_del_accept_socket(server->evhttp, server->bound);
    server->listener = NULL;
    http_server_check_drain(server);
}

struct http_server *http_server_new(const struct http_server_config *config, struct err *err)
{
    struct http_server *server = MEM_NEW(struct http_server);
    const struct http_limits *limits = &config->limits;

    if (!bind_listener(server, config, err)) {
        mem_free(server);
        return NULL;
    }
    server->name = config->name;
    server->limits = *limits;
    server->proxies = config->proxies;
    server->guard = config->guard;
    server->context = config->context;
    server->loop = config->loop;
    server->log = config->log;
    TAILQ_INIT(&server->connections);
    TAILQ_INIT(&server->orphans);
    server->router = router_new(config->routes, config->n_routes);
    server->stats = http_stats_new(config->metrics, config->name, config->routes, config->n_routes);
    server->adopt_event = evtimer_new(loop_base(server->loop), on_adopt, server);
    assert(server->adopt_event);
    server->sweep_timer = loop_timer_new(server->loop, on_sweep, server);
    server->drain_timer = loop_timer_new(server->loop, on_drained, server);
    server->accept_timer = loop_timer_new(server->loop, on_last_accepted, server);
    server->sweep_ms =
        least(least(limits->head_limit_ms, limits->body_limit_ms), limits->idle_limit_ms) / 4;
    server->sweep_ms = least(server->sweep_ms, SWEEP_MAX_MS);
    if (server->sweep_ms < SWEEP_MIN_MS)
        server->sweep_ms = SWEEP_MIN_MS;
    server->is_idle = true;
    loop_timer_start(server->sweep_timer, SWEEP_IDLE_MS);
    open_evhttp(server);
    return server;
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_check_drain(struct http_server *server)
{
    if (!server->listener && server->drained && server->n_running == 0)
        loop_timer_start(server->drain_timer, 0);
}

void http_server_drain(struct http_server *server, void (*done)(void *arg), void *arg)
{
    server->is_draining = true;
    server->drained = done;
    server->drained_arg = arg;
    /* Sockets are looked at before timers: who waits in the backlog is accepted, not reset. */
    loop_timer_start(server->accept_timer, 0);
}

void http_server_free(struct http_server *server)
{
    struct http_connection *connection;

    if (!server)
        return;
    server->is_closing = true;
    for (connection = TAILQ_FIRST(&server->connections); connection;
         connection = TAILQ_NEXT(connection, link))
        if (connection->state == HTTP_CONNECTION_HANDLED)
            /* its handler still has the request: it stays valid until the reply */
            evhttp_request_own(connection->request.ev);
    evhttp_free(server->evhttp);
    while ((connection = TAILQ_FIRST(&server->orphans))) {
        TAILQ_REMOVE(&server->orphans, connection, link);
        connection->server = NULL;
    }
    loop_timer_free(server->sweep_timer);
    loop_timer_free(server->drain_timer);
    loop_timer_free(server->accept_timer);
    event_free(server->adopt_event);
    router_free(server->router);
    http_stats_free(server->stats);
    mem_free(server->by_fd);
    mem_free(server);
}
