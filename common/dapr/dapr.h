/* common/dapr/dapr.h — the client of our own sidecar, over HTTP. Source: Dapr HTTP API reference. */
#ifndef COMMON_DAPR_DAPR_H
#define COMMON_DAPR_DAPR_H

#include "common/base/err.h"
#include "common/net/http_client.h"

struct dapr;
struct loop;
struct metrics;

struct dapr_config {
    int port;              /* of the sidecar on 127.0.0.1 */
    const char *api_token; /* sent as dapr-api-token; borrowed for the life of the client */
    const char *app_id; /* of this service: "backend"; the source of events is "/todo/<app_id>" */
    struct loop *loop;
    struct metrics *metrics; /* may be NULL */
};

struct dapr *dapr_new(const struct dapr_config *config);
void dapr_free(struct dapr *dapr); /* running calls get ERR_UNAVAILABLE first */
const char *dapr_app_id(const struct dapr *dapr);

/** Receive whether the call worked. */
typedef void dapr_done_fn(void *arg, const struct err *err);

/** Ask /v1.0/healthz/outbound: NULL err when the sidecar's components are up. */
void dapr_check_outbound(struct dapr *dapr, int limit_ms, dapr_done_fn *done, void *arg);

/** Send any call to the sidecar: `path` begins with /v1.0. For the files of this folder. A status
 *  of 400 and above becomes an err: 5xx and 429 ERR_UNAVAILABLE, 401/403 ERR_FORBIDDEN, 404
 *  ERR_NOT_FOUND, 409 ERR_CONFLICT, else ERR_INTERNAL; `answer` is set then too. */
void dapr_send(struct dapr *dapr, enum http_method method, const char *path,
               const char *content_type, const char *traceparent, const void *body, size_t n_bytes,
               int limit_ms, http_answered_fn *done, void *arg);

#endif
