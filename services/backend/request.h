/* services/backend/request.h — what every signed-in request of the public API shares: who asks, and
 * how it ends. A handler's struct begins with it; its plan begins with request_authenticate and its
 * finish ends with request_end. */
#ifndef SERVICES_BACKEND_REQUEST_H
#define SERVICES_BACKEND_REQUEST_H

#include "common/base/flow.h"
#include "common/base/uuid.h"
#include "common/net/http_server.h"

struct app;

/** What a personal API token may be allowed; a signed-in session has them all. */
enum scope {
    SCOPE_TASKS_READ = 1,    /* "tasks:read": tasks, sync, history, WebSocket tickets */
    SCOPE_TASKS_WRITE = 2,   /* "tasks:write" */
    SCOPE_ACCOUNT_READ = 4,  /* "account:read": profile and export */
    SCOPE_ACCOUNT_WRITE = 8, /* "account:write": profile */
    SCOPE_SESSION = 16,      /* no token has it: password, sessions, tokens, deletion */
};

struct principal {
    struct uuid user_id;
    struct uuid session_id; /* "" for a personal API token */
    unsigned scopes;
};

struct request {
    struct flow flow; /* first member */
    struct app *app;  /* borrowed */
    struct http_request *req; /* taken; the reply gives it back */
    struct principal who;
    unsigned scope; /* what this request needs: set before request_start */
};

/** Start the flow of `request` (allocated by the handler, zeroed) with the trace of `req`. */
void request_start(struct request *request, struct app *app, struct http_request *req,
                   unsigned scope, const struct flow_plan *plan);

/** The first step: read the bearer token (JWT: at once; personal API token: by a query, cached for
 *  no time at all), fill `who`, hold its scopes against `scope`. ERR_UNAUTHENTICATED (with a
 *  WWW-Authenticate header, RFC 6750 §3) or ERR_FORBIDDEN naming the scope. */
enum flow_next request_authenticate(struct flow *flow);

/** The end of every finish: reply problem+json when flow.err is set (else the handler has replied),
 *  log one line, clear the flow and free `request`. */
void request_end(struct request *request);

#endif
