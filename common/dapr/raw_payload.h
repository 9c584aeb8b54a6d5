/* common/dapr/raw_payload.h — what a subscription with `rawPayload` delivers: the bytes as the broker
 * has them, JSON or not, in base64 inside an envelope that daprd makes anew at every delivery.
 * Without it daprd cannot hand over what it cannot parse: on dead-letters that would be lost (Redis)
 * or would block its partition (Kafka). Source: components-contrib pubsub/envelope.go, FromRawPayload. */
#ifndef COMMON_DAPR_RAW_PAYLOAD_H
#define COMMON_DAPR_RAW_PAYLOAD_H

#include <stddef.h>

#include "common/base/arena.h"

/** Return the bytes inside such an envelope, in `arena`, a NUL behind them, and their number in
 *  `n_payload`; NULL when `body` is not one. */
const char *raw_payload_open(const char *body, size_t n_bytes, struct arena *arena,
                             size_t *n_payload);

#endif
