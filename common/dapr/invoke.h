/* common/dapr/invoke.h — call another service, or an output binding, through the sidecar.
 * Source: Dapr HTTP API, "Service invocation", "Bindings". Dapr may repeat a call: writes need a key. */
#ifndef COMMON_DAPR_INVOKE_H
#define COMMON_DAPR_INVOKE_H

#include "common/dapr/dapr.h"

/** GET `path` ("/internal/history?owner_id=…") of `app_id`. A problem+json answer of the peer
 *  comes as `answer` with its status and err NULL; err is set when the peer was not reached. */
void dapr_invoke_get(struct dapr *dapr, const char *app_id, const char *path,
                     const char *traceparent, int limit_ms, http_answered_fn *done, void *arg);

/** Invoke `operation` of an output binding. */
void dapr_invoke_binding(struct dapr *dapr, const char *binding, const char *operation,
                         const char *data_json, const char *metadata_json, int limit_ms,
                         dapr_done_fn *done, void *arg);

#endif
