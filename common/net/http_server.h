/* common/net/http_server.h — an HTTP/1.1 server on evhttp: one per port, with limits of its own.
 *
 * Before evhttp sees a byte, a filter refuses malformed framing (RFC 9112 §6, §7: duplicate or
 * signed Content-Length, both lengths, bad chunk sizes, bare LF, NUL, folding, space before the
 * colon, no Host or two) with 400 and a close; caps connections (503); and holds total deadlines
 * for head and body (408). */
#ifndef COMMON_NET_HTTP_SERVER_H
#define COMMON_NET_HTTP_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/net/http_proxies.h"

struct bufferevent;
struct http_request;
struct http_server;
struct log;
struct loop;
struct metrics;

enum http_method {
    HTTP_GET = 1,
    HTTP_POST = 2,
    HTTP_PUT = 4,
    HTTP_PATCH = 8,
    HTTP_DELETE = 16,
    HTTP_OPTIONS = 32,
    HTTP_HEAD = 64, /* routed as GET, the body is left out */
};

enum { HTTP_PARAMS_MAX = 4 };

/** All limits are settings. */
struct http_limits {
    int connections_max;
    int head_limit_ms, body_limit_ms, idle_limit_ms;
    int head_max_bytes, body_max_bytes;
};

/** Handle one request; `context` is the server's. It must end in exactly one http_reply…, now or
 *  later. The request stays valid until then, even when the client goes away meanwhile. */
typedef void http_handler_fn(void *context, struct http_request *req);

/** One row of a routes table. `{name}` matches one segment: "/tasks/{id}". */
struct route {
    enum http_method method;
    const char *path;
    http_handler_fn *handler;
};

struct http_server_config {
    const char *name;    /* "public", "dapr": the label `port` of its metrics */
    const char *address; /* numeric */
    int port;            /* 0: any free one */
    struct http_limits limits;
    struct http_proxies proxies; /* whose X-Forwarded-For is believed */
    const struct route *routes;
    size_t n_routes;
    /** Run before every routed handler (tokens of Dapr, request log); NULL: none. Return false
     *  after replying itself to end the request there. */
    bool (*guard)(void *context, struct http_request *req);
    void *context; /* borrowed */
    struct loop *loop;
    struct metrics *metrics;
    const struct log *log;
};

/** Bind and listen; ERR_INTERNAL names address, port and why not. */
struct http_server *http_server_new(const struct http_server_config *config, struct err *err);
int http_server_port(const struct http_server *server);

/** Accept who waits in the backlog, then close the listening socket; tell kept-alive clients to
 *  close; call `done`, never before returning, once no request is running and every upgraded
 *  connection has been freed. */
void http_server_drain(struct http_server *server, void (*done)(void *arg), void *arg);
void http_server_free(struct http_server *server); /* ends what is left */

/* What a handler reads: borrowed, valid until the reply. */
enum http_method http_method(const struct http_request *req);
const char *http_path(const struct http_request *req);                     /* without the query */
const char *http_route_path(const struct http_request *req);               /* "/tasks/{id}" */
const char *http_param(const struct http_request *req, const char *name);  /* decoded; NULL: none */
const char *http_header(const struct http_request *req, const char *name); /* NULL: none */
const char *http_body(const struct http_request *req,
                      size_t *n_bytes); /* never NULL; a NUL follows */
const char *http_client_address(
    const struct http_request *req); /* peer, or X-Forwarded-For's last where a proxy is the peer */

/** Return the decoded value of a query parameter, NULL when absent. ERR_INVALID for a bad escape,
 *  a NUL or invalid UTF-8 in it (then NULL too). The text lives as long as the request. */
const char *http_query(struct http_request *req, const char *name, struct err *err);

/** Fail with a field entry for every query parameter that is not in `names` (NULL-terminated) or
 *  stands twice. */
MUST_CHECK bool http_check_query(struct http_request *req, const char *const *names,
                                 struct err *err);

/** Add a header to the reply; values with CR, LF or NUL are an assertion. */
void http_add_header(struct http_request *req, const char *name, const char *value);

/** Reply, and give the request back. `body` is borrowed (copied). A vanished client is fine. */
void http_reply(struct http_request *req, int status, const char *content_type, const void *body,
                size_t n_bytes);
void http_reply_json(struct http_request *req, int status, const struct buf *body);
void http_reply_empty(struct http_request *req, int status);

/** Reply with problem+json of `err` (RFC 9457): type, title, status, detail, code, trace_id (may be
 *  NULL) and errors[] of {field, message}. */
void http_reply_err(struct http_request *req, const struct err *err, const char *trace_id);

/** Leave HTTP (101): write `head` (a whole response head) and hand over the connection's
 *  bufferevent, with no callbacks and nothing of evhttp left on it but its memory, which
 *  http_upgraded_free releases. Bytes already read stay in its input buffer. The connection counts
 *  toward connections_max until then. NULL when the client is already gone. */
struct http_upgraded;
struct http_upgraded *http_upgrade(struct http_request *req, const char *head);
struct bufferevent *http_upgraded_bufferevent(struct http_upgraded *upgraded);
void http_upgraded_free(struct http_upgraded *upgraded); /* closes the socket */

#endif
