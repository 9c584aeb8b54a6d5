/* common/net/http_internal.h — what the files of the server share; for http_*.c alone. */
#ifndef COMMON_NET_HTTP_INTERNAL_H
#define COMMON_NET_HTTP_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/base/arena.h"
#include "common/net/http_filter.h"
#include "common/net/http_server.h"
#include "common/net/http_stats.h"
#include "common/net/router.h"

struct bufferevent;
struct evbuffer_cb_entry;
struct evconnlistener;
struct evhttp_bound_socket;
struct evhttp;
struct evhttp_connection;
struct evhttp_request;
struct event;
struct loop_timer;
struct sockaddr;

enum { HTTP_ADDRESS_SIZE = 48, HTTP_METHODS_COUNT = 7 };

enum http_connection_state {
    HTTP_CONNECTION_IDLE,     /* between requests */
    HTTP_CONNECTION_HEAD,     /* part of a head is there */
    HTTP_CONNECTION_BODY,     /* part of a body is there */
    HTTP_CONNECTION_HANDLED,  /* a handler has the request; reading is off */
    HTTP_CONNECTION_REPLIED,  /* the reply is being written */
    HTTP_CONNECTION_REFUSED,  /* a refusal is being written; what comes is thrown away */
    HTTP_CONNECTION_LINGERS,  /* refused and shut; waiting for the client to close */
    HTTP_CONNECTION_UPGRADED, /* somebody else speaks on it */
    HTTP_CONNECTION_CLOSED,
};

struct http_query_pair {
    const char *name;     /* decoded; what was sent when that is impossible */
    const char *bad_name; /* what is wrong with it; NULL: nothing */
    const char *raw_value;
    size_t n_raw_value;
};

struct http_request {
    struct evhttp_request *ev; /* NULL: no request is being handled */
    enum http_method method;
    const struct route *route; /* NULL: none matched */
    const char *params[HTTP_PARAMS_MAX];
    struct arena arena;
    const char *body; /* NULL: not asked for yet */
    size_t n_body_bytes;
    struct http_query_pair *pairs;
    size_t n_pairs;
    bool is_query_read;
    int64_t began_us;
};

struct http_connection {
    TAILQ_ENTRY(http_connection) link;
    struct http_server *server; /* NULL: freed before the handler replied */
    struct bufferevent *bufferevent;
    struct evbuffer_cb_entry *input_callback;
    struct evhttp_connection *evcon; /* NULL: not adopted yet, or closed */
    int fd;
    enum http_connection_state state;
    int64_t deadline_ms; /* monotonic; 0: none */
    size_t n_unwritten;  /* of the reply, when the deadline was last put off */
    unsigned n_handled;  /* requests given to handlers */
    struct http_filter filter;
    struct http_request request;
    char peer[HTTP_ADDRESS_SIZE];
};
TAILQ_HEAD(http_connections, http_connection);

struct http_server {
    const char *name;
    struct http_limits limits;
    struct http_proxies proxies;
    bool (*guard)(void *context, struct http_request *req);
    void *context;
    struct loop *loop;
    const struct log *log;
    struct evhttp *evhttp;
    struct evconnlistener *listener; /* owned by evhttp; NULL once a drain has closed it */
    struct evhttp_bound_socket *bound;
    int port;
    struct router *router;
    struct http_stats *stats;
    struct http_connections connections;
    struct http_connections orphans; /* closed under a handler that has not replied */
    size_t n_connections, n_running;
    struct http_connection **by_fd;
    size_t n_by_fd;
    struct event *adopt_event; /* runs before anything happens on a new connection */
    struct loop_timer *sweep_timer, *drain_timer, *accept_timer;
    int sweep_ms;
    bool is_idle, is_draining, is_closing;
    void (*drained)(void *arg);
    void *drained_arg;
};

/* http_connection.c */

/** Make the bufferevent for a connection that evhttp is about to make; adopted later. */
struct bufferevent *http_connection_open(struct http_server *server);
/** Get to know evhttp's connection. May free `connection`. */
void http_connection_adopt(struct http_connection *connection);
void http_connection_set_state(struct http_connection *connection,
                               enum http_connection_state state);
/** Act on a deadline that has passed. May free `connection`. */
void http_connection_check(struct http_connection *connection, int64_t now_ms);
/** The holder of a closed connection is done with it: free the memory. */
void http_connection_release(struct http_connection *connection);
struct http_connection *http_connection_of(struct http_request *request);

/* http_request.c */

/** Take a whole request from evhttp: find its route and run guard and handler. */
void http_request_handle(struct http_connection *connection, struct evhttp_request *ev);

/* http_server.c */

/** A connection's share of the running ones has changed: a drain may have ended. */
void http_server_check_drain(struct http_server *server);

#endif
