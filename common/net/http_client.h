/* common/net/http_client.h — requests over libcurl's multi-socket interface, never blocking. */
#ifndef COMMON_NET_HTTP_CLIENT_H
#define COMMON_NET_HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/net/http_server.h"

struct address_policy;
struct http_client;

enum { HTTP_CLIENT_HEADERS_MAX = 8 };

struct http_call {
    enum http_method method;
    const char *url;
    const char *headers[HTTP_CLIENT_HEADERS_MAX + 1]; /* "name: value", NULL ends */
    const void *body;                                 /* NULL: none */
    size_t n_body_bytes;
    int limit_ms;           /* of the whole call */
    size_t reply_max_bytes; /* beyond it the call fails with ERR_TOO_LARGE; 0: 1 MiB */
};

struct http_answer {
    int status;
    const char *body; /* a NUL follows; borrowed until return */
    size_t n_bytes;
    const char *content_type; /* "" when none */
    int64_t retry_after_ms;   /* what Retry-After asks to wait, from now; 0 when nothing */
};

/** Receive the outcome: `err` is set (ERR_TIMEOUT, ERR_UNAVAILABLE, ERR_TOO_LARGE; ERR_FORBIDDEN for
 *  an address that the policy of a guarded client does not allow) when no whole answer came; else `answer` is, whatever its status. */
typedef void http_answered_fn(void *arg, const struct http_answer *answer, const struct err *err);

struct http_client *http_client_new(struct loop *loop, int connections_max);
/** Make it one for addresses that users gave, before its first call: it connects to addresses alone
 *  that `policy` allows (common/net/public_address.h; borrowed for the client's life), whatever the
 *  name service says at that moment. Its connections are its own, so none goes elsewhere. */
void http_client_guard(struct http_client *client, const struct address_policy *policy);
/** End what is running: each `done` is called with ERR_UNAVAILABLE before return. */
void http_client_free(struct http_client *client);

/** Send. Borrow all of `call` until return. Call `done` once, never before returning. Redirects are
 *  not followed, proxies not used; connections are kept; http and https alone. */
void http_client_send(struct http_client *client, const struct http_call *call,
                      http_answered_fn *done, void *arg);

#endif
