/* common/dapr/invoke.h — call another service, or an output binding, through the sidecar.
 * Source: Dapr HTTP API, "Service invocation", "Bindings". Dapr may repeat a call: writes need a key. */
#ifndef COMMON_DAPR_INVOKE_H
#define COMMON_DAPR_INVOKE_H

#include "common/dapr/dapr.h"

/** A call of another service. */
struct dapr_invocation {
    const char *app_id;
    const char *path;      /* "/internal/history?owner_id=…" */
    const char *body_json; /* of a POST */
    const char *traceparent;
    int limit_ms;
};

/** Send it. A problem+json answer of the peer comes as `answer` with its status and err NULL; err is
 *  set when the peer was not reached. Borrow all until return; `done` runs once, never before. */
void dapr_invoke_get(struct dapr *dapr, const struct dapr_invocation *invocation,
                     http_answered_fn *done, void *arg);
void dapr_invoke_post(struct dapr *dapr, const struct dapr_invocation *invocation,
                      http_answered_fn *done, void *arg);

/** Hold the header in which our sidecar names who calls (it has checked, by access control over mTLS)
 *  against `app_id`. ERR_FORBIDDEN when it is another, or none. */
MUST_CHECK bool dapr_check_caller(const struct http_request *req, const char *app_id,
                                  struct err *err);

/** What an output binding is to do. */
struct dapr_binding_call {
    const char *binding, *operation;
    const char *data_json;
    const char *metadata_json; /* an object; NULL: none */
    const char *traceparent;
    int limit_ms;
};

/** Have it done; borrow all until return. `done` runs once, never before returning; beside `err` it gets
 *  the answer, when the sidecar gave one: its message says what went wrong behind the binding. */
void dapr_invoke_binding(struct dapr *dapr, const struct dapr_binding_call *call,
                         http_answered_fn *done, void *arg);

#endif
