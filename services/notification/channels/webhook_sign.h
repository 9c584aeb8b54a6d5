/* services/notification/channels/webhook_sign.h — the signature of Standard Webhooks, version v1. */
#ifndef SERVICES_NOTIFICATION_CHANNELS_WEBHOOK_SIGN_H
#define SERVICES_NOTIFICATION_CHANNELS_WEBHOOK_SIGN_H

#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/buf.h"

/** Return "v1,<base64>" in the arena: HMAC-SHA256 of "<id>.<seconds>.<body>" by `secret`, which is
 *  "whsec_" and base64 of 24 to 64 bytes; NULL when it is not. */
const char *webhook_sign(const char *secret, const char *id, int64_t at_s, const struct buf *body,
                         struct arena *arena);

#endif
