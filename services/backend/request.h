/* services/backend/request.h — what every signed-in request of the public API shares: who asks, and
 * how it ends. A handler's struct begins with it; its plan begins with request_authenticate and its
 * finish ends with request_end. */
#ifndef SERVICES_BACKEND_REQUEST_H
#define SERVICES_BACKEND_REQUEST_H

#include "common/base/flow.h"
#include "common/json/json_field.h"
#include "common/net/http_server.h"
#include "services/backend/domain/principal.h"

struct app;
struct buf;

struct request {
    struct flow flow;         /* first member */
    struct app *app;          /* borrowed */
    struct http_request *req; /* taken; the reply gives it back */
    struct principal who;
    unsigned scope; /* what this request needs: set before request_start */
    bool has_token; /* a 401 is about the bearer token that came with it */
};

/** Start the flow of `request` (allocated by the handler, zeroed) with the trace of `req`. */
void request_start(struct request *request, struct app *app, struct http_request *req,
                   unsigned scope, const struct flow_plan *plan);

/** The first step: read the bearer token (JWT: mostly at once, its session is looked up again every
 *  SESSION_CHECK_MS; personal API token: by a query, cached for no time at all), fill `who`, hold
 *  its scopes against `scope` and the user's rate against the limit. ERR_UNAUTHENTICATED,
 *  ERR_FORBIDDEN naming the scope (with WWW-Authenticate, RFC 6750 §3), or ERR_RATE. */
enum flow_next request_authenticate(struct flow *flow);

/** Read the body, which must be application/json, as one object into `target`; texts go into the
 *  flow's arena. What is wrong goes into flow.err: `if (!request_read_json(...)) return
 *  flow_fail(flow);`. `present` may be NULL. */
MUST_CHECK bool request_read_json(struct request *request, const struct json_reading *reading,
                                  void *target, uint64_t *present);

/** Say in Retry-After when to come again, and set `err` to ERR_RATE. */
void request_say_when(struct http_request *req, int64_t wait_ms, struct err *err);

/** Reply, which gives `req` back. `body` is borrowed until return. */
void request_reply_json(struct request *request, int status, const struct buf *body);
void request_reply_empty(struct request *request, int status); /* 204 */

/** Leave of an error what a client may know: what went wrong inside is for the log alone. */
void request_hide_inner(struct err *err);

/** The end of every finish: reply problem+json when flow.err is set (else the handler has replied),
 *  a 401 with WWW-Authenticate; log one line, clear the flow and free `request`. */
void request_end(struct request *request);

#endif
