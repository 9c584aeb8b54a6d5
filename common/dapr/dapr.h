/* common/dapr/dapr.h — the client of our own sidecar, over HTTP. Source: Dapr HTTP API reference. */
#ifndef COMMON_DAPR_DAPR_H
#define COMMON_DAPR_DAPR_H

#include <stddef.h>

#include "common/base/buf.h"
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

/** A call to the sidecar, for the files of this folder: what is not needed is zero. */
struct dapr_request {
    enum http_method method;
    const char *path; /* begins with /v1.0 */
    const char *content_type, *traceparent;
    const void *body;
    size_t n_bytes;
    int limit_ms;
};

/** Send one; borrow all until return. A status of 400 and above becomes an err: 5xx and 429
 *  ERR_UNAVAILABLE, 401 and 403 ERR_FORBIDDEN, 404 ERR_NOT_FOUND, 409 ERR_CONFLICT, else
 *  ERR_INTERNAL; `answer` is set then too. `done` runs once, never before returning. */
void dapr_send(struct dapr *dapr, const struct dapr_request *request, http_answered_fn *done,
               void *arg);
void dapr_send_plain(struct dapr *dapr, const struct dapr_request *request, dapr_done_fn *done,
                     void *arg);

/** Append one segment of a path, percent-encoded (RFC 3986 §2.1). */
void dapr_add_escaped(struct buf *buf, const char *segment);

#endif
