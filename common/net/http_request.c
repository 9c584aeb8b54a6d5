#include <arpa/inet.h>
#include <assert.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/clock.h"
#include "common/net/http_internal.h"
#include "common/net/percent.h"
#include "common/net/problem.h"

enum { QUERY_PAIRS_MAX = 64, ALLOW_SIZE = 64 };

static enum http_method method_of(enum evhttp_cmd_type type)
{
    switch (type) {
    case EVHTTP_REQ_POST:
        return HTTP_POST;
    case EVHTTP_REQ_PUT:
        return HTTP_PUT;
    case EVHTTP_REQ_PATCH:
        return HTTP_PATCH;
    case EVHTTP_REQ_DELETE:
        return HTTP_DELETE;
    case EVHTTP_REQ_OPTIONS:
        return HTTP_OPTIONS;
    case EVHTTP_REQ_HEAD:
        return HTTP_HEAD;
    case EVHTTP_REQ_GET:
    case EVHTTP_REQ_TRACE:   /* these two */
    case EVHTTP_REQ_CONNECT: /* the filter refused */
        break;
    }
    return HTTP_GET;
}

/* Cut the path at its slashes and decode each part in place. Return how many there are, 0 when the
 * path has none or too many, and leave err alone then. */
static size_t split_path(char *path, const char **segments, struct err *err)
{
    size_t n_segments = 0;
    bool has_escape = strchr(path, '%') != NULL;

    if (*path != '/')
        return 0;
    for (char *at = path + 1, *end; at; at = end) {
        const char *wrong;

        if (n_segments == ROUTER_SEGMENTS_MAX)
            return 0;
        end = strchr(at, '/');
        if (end)
            *end++ = '\0';
        if (has_escape && (wrong = percent_decode(at, strlen(at), PERCENT_PATH, at))) {
            err_add_field(err, "path", "segment %zu %s", n_segments + 1, wrong);
            return 0;
        }
        segments[n_segments++] = at;
    }
    return n_segments;
}

static void add_allow(struct http_request *req, unsigned methods)
{
    char allow[ALLOW_SIZE] = "";
    size_t n = 0;

    if (methods & HTTP_GET)
        methods |= HTTP_HEAD;
    methods |= HTTP_OPTIONS;
    for (unsigned bit = HTTP_GET; bit <= HTTP_HEAD; bit <<= 1)
        if (methods & bit)
            n += (size_t)snprintf(allow + n, sizeof(allow) - n, "%s%s", n ? ", " : "",
                                  http_method_name((enum http_method)bit));
    http_add_header(req, "Allow", allow);
}

/* Answer what no row of the table handles. */
static void reply_unrouted(struct http_request *req, unsigned methods, bool is_star)
{
    struct err err;

    if (is_star || (methods && req->method == HTTP_OPTIONS)) {
        add_allow(req, is_star ? ~0u : methods);
        http_reply_empty(req, 204);
    } else if (methods) {
        add_allow(req, methods);
        err_set(&err, ERR_METHOD, "this path does not know %s", http_method_name(req->method));
        http_reply_err(req, &err, NULL);
    } else {
        err_set(&err, ERR_NOT_FOUND, "there is nothing at this path");
        http_reply_err(req, &err, NULL);
    }
}

void http_request_handle(struct http_connection *connection, struct evhttp_request *ev)
{
    struct http_server *server = connection->server;
    struct http_request *req = &connection->request;
    const char *segments[ROUTER_SEGMENTS_MAX];
    struct router_match match = {0};
    struct err err = {0};
    char *path;
    size_t n_segments;

    connection->n_handled++;
    http_connection_set_state(connection, HTTP_CONNECTION_HANDLED);
    *req = (struct http_request){.ev = ev, .began_us = clock_monotonic_us()};
    req->method = method_of(evhttp_request_get_command(ev));
    arena_init(&req->arena);
    path = arena_copy_text(&req->arena, http_path(req));
    n_segments = split_path(path, segments, &err);
    if (err_is_set(&err)) {
        http_reply_err(req, &err, NULL);
        return;
    }
    router_find(server->router, req->method, segments, n_segments, &match);
    req->route = match.route;
    if (!match.route) {
        reply_unrouted(req, match.methods, strcmp(http_path(req), "*") == 0);
        return;
    }
    for (size_t i = 0; i < match.n_params; i++)
        req->params[i] = segments[match.params[i]];
    if (!server->guard || server->guard(server->context, req))
        match.route->handler(server->context, req);
}

enum http_method http_method(const struct http_request *req)
{
    return req->method;
}

const char *http_path(const struct http_request *req)
{
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req->ev));

    return path ? path : "";
}

const char *http_route_path(const struct http_request *req)
{
    return req->route ? req->route->path : "";
}

const char *http_param(const struct http_request *req, const char *name)
{
    int index = req->route ? router_param_index(req->route, name) : -1;

    return index < 0 ? NULL : req->params[index];
}

const char *http_header(const struct http_request *req, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(req->ev), name);
}

const char *http_body(const struct http_request *req, size_t *n_bytes)
{
    struct http_request *mutable_req = (struct http_request *)req;
    struct evbuffer *input = evhttp_request_get_input_buffer(req->ev);

    if (!req->body) {
        mutable_req->n_body_bytes = evbuffer_get_length(input);
        mutable_req->body = "";
        if (req->n_body_bytes > 0) {
            evbuffer_add(input, "", 1); /* the NUL */
            mutable_req->body = (const char *)evbuffer_pullup(input, -1);
        }
    }
    *n_bytes = req->n_body_bytes;
    return req->body;
}

/* The last address of the last X-Forwarded-For: what the proxy beside us added itself. */
static const char *forwarded_for(const struct http_request *req)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(req->ev);
    const struct evkeyval *header;
    const char *last = NULL, *comma;
    struct in6_addr any;

    TAILQ_FOREACH(header, headers, next)
    {
        if (strcasecmp(header->key, "X-Forwarded-For") == 0)
            last = header->value;
    }
    if (!last)
        return NULL;
    comma = strrchr(last, ',');
    if (comma)
        last = comma + 1 + strspn(comma + 1, " \t");
    if (inet_pton(AF_INET, last, &any) != 1 && inet_pton(AF_INET6, last, &any) != 1)
        return NULL;
    return last;
}

const char *http_client_address(const struct http_request *req)
{
    const struct http_connection *connection = http_connection_of((struct http_request *)req);
    const struct http_server *server = connection->server;
    const char *forwarded = NULL;

    if (server && http_proxies_has(&server->proxies, connection->peer))
        forwarded = forwarded_for(req);
    return forwarded ? forwarded : connection->peer;
}

static void read_pair(struct http_request *req, const char *text, size_t n_text)
{
    struct http_query_pair *pair = &req->pairs[req->n_pairs++];
    const char *equals = memchr(text, '=', n_text);
    size_t n_name = equals ? (size_t)(equals - text) : n_text;
    char *name = arena_copy_bytes(&req->arena, text, n_name);

    pair->bad_name = percent_decode(text, n_name, PERCENT_FORM, name);
    pair->name = pair->bad_name ? arena_copy_bytes(&req->arena, text, n_name) : name;
    pair->raw_value = equals ? equals + 1 : "";
    pair->n_raw_value = equals ? n_text - n_name - 1 : 0;
}

static void read_query(struct http_request *req)
{
    const char *at = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req->ev));

    req->is_query_read = true;
    if (!at || !*at)
        return;
    req->pairs = ARENA_NEW_ARRAY(&req->arena, QUERY_PAIRS_MAX + 1, struct http_query_pair);
    while (req->n_pairs <= QUERY_PAIRS_MAX) {
        size_t n_text = strcspn(at, "&");

        if (n_text > 0)
            read_pair(req, at, n_text);
        if (!at[n_text])
            break;
        at += n_text + 1;
    }
}

const char *http_query(struct http_request *req, const char *name, struct err *err)
{
    if (!req->is_query_read)
        read_query(req);
    for (size_t i = 0; i < req->n_pairs; i++) {
        const struct http_query_pair *pair = &req->pairs[i];
        const char *wrong;
        char *value;

        if (pair->bad_name || strcmp(pair->name, name) != 0)
            continue;
        value = arena_new(&req->arena, pair->n_raw_value + 1);
        wrong = percent_decode(pair->raw_value, pair->n_raw_value, PERCENT_FORM, value);
        if (!wrong)
            return value;
        err_add_field(err, name, "%s", wrong);
        return NULL;
    }
    return NULL;
}

static bool check_pair(const struct http_request *req, size_t at, const char *const *names,
                       struct err *err)
{
    const struct http_query_pair *pair = &req->pairs[at];

    if (pair->bad_name)
        return err_add_field(err, "query", "the name of parameter %zu %s", at + 1, pair->bad_name);
    for (size_t i = 0; i < at; i++)
        if (strcmp(req->pairs[i].name, pair->name) == 0)
            return err_add_field(err, pair->name, "stands twice");
    for (; *names; names++)
        if (strcmp(*names, pair->name) == 0)
            return true;
    return err_add_field(err, pair->name, "is not a parameter of this path");
}

bool http_check_query(struct http_request *req, const char *const *names, struct err *err)
{
    bool is_fine = true;

    if (!req->is_query_read)
        read_query(req);
    if (req->n_pairs > QUERY_PAIRS_MAX)
        return err_add_field(err, "query", "has more than %d parameters", QUERY_PAIRS_MAX);
    for (size_t i = 0; i < req->n_pairs; i++)
        is_fine = check_pair(req, i, names, err) && is_fine;
    return is_fine;
}

void http_add_header(struct http_request *req, const char *name, const char *value)
{
    assert(!strpbrk(name, "\r\n:") && !strpbrk(value, "\r\n"));
    evhttp_add_header(evhttp_request_get_output_headers(req->ev), name, value);
}

/* Called once the reply has left, before evhttp decides whether to keep the connection. */
static void on_reply_written(struct evhttp_request *ev, void *arg)
{
    struct http_connection *connection = arg;
    enum http_filter_phase phase = http_filter_phase(&connection->filter);
    bool has_whole = connection->filter.n_whole != connection->n_handled;

    /* refused bytes wait behind this request: evhttp must not read them */
    if (connection->filter.refusal && !has_whole)
        evhttp_add_header(evhttp_request_get_output_headers(ev), "Connection", "close");
    http_connection_set_state(connection, has_whole || phase == HTTP_FILTER_BETWEEN
                                              ? HTTP_CONNECTION_IDLE
                                          : phase == HTTP_FILTER_HEAD ? HTTP_CONNECTION_HEAD
                                                                      : HTTP_CONNECTION_BODY);
}

/* The connection went away while the handler worked. */
static void drop_reply(struct http_connection *connection, struct evhttp_request *ev)
{
    arena_clear(&connection->request.arena);
    connection->request.ev = NULL;
    evhttp_request_free(ev);
    http_connection_release(connection);
}

void http_reply(struct http_request *req, int status, const char *content_type, const void *body,
                size_t n_bytes)
{
    struct http_connection *connection = http_connection_of(req);
    struct http_server *server = connection->server;
    struct evhttp_request *ev = req->ev;
    char length[24];

    assert(ev); /* replied twice */
    if (server)
        http_stats_count(server->stats, req->route, req->method, status,
                         clock_monotonic_us() - req->began_us);
    if (!server || !connection->evcon) {
        drop_reply(connection, ev);
        return;
    }
    if (content_type)
        http_add_header(req, "Content-Type", content_type);
    if (server->is_draining ||
        (connection->filter.refusal && connection->filter.n_whole == connection->n_handled))
        http_add_header(req, "Connection", "close");
    if (status == 204 || status == 304) {
        assert(n_bytes == 0); /* evhttp would write a body all the same */
    } else if (req->method == HTTP_HEAD) {
        snprintf(length, sizeof(length), "%zu", n_bytes);
        http_add_header(req, "Content-Length", length);
    } else if (n_bytes > 0) {
        evbuffer_add(evhttp_request_get_output_buffer(ev), body, n_bytes);
    }
    req->ev = NULL;
    arena_clear(&req->arena);
    evhttp_request_set_on_complete_cb(ev, on_reply_written, connection);
    http_connection_set_state(connection, HTTP_CONNECTION_REPLIED);
    evhttp_send_reply(ev, status, http_status_phrase(status), NULL);
}

void http_reply_json(struct http_request *req, int status, const struct buf *body)
{
    http_reply(req, status, "application/json", buf_text(body), body->n_bytes);
}

void http_reply_empty(struct http_request *req, int status)
{
    http_reply(req, status, NULL, NULL, 0);
}

void http_reply_err(struct http_request *req, const struct err *err, const char *trace_id)
{
    int status = err_http_status(err->code);
    struct buf body;

    buf_init(&body);
    problem_write(err, status, trace_id, &body);
    http_reply(req, status, PROBLEM_CONTENT_TYPE, body.bytes, body.n_bytes);
    buf_clear(&body);
}
