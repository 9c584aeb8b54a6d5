/* services/notification/channels/payload.h — what programs get: the JSON of pushes and webhooks. */
#ifndef SERVICES_NOTIFICATION_CHANNELS_PAYLOAD_H
#define SERVICES_NOTIFICATION_CHANNELS_PAYLOAD_H

#include "common/base/buf.h"
#include "services/notification/channels/channel.h"

enum {
    CHANNEL_REPLY_MAX = 65536, /* bytes of an answer: nothing in it is used */
    PAYLOAD_TASKS_MAX = 50,    /* of a digest */
};

/** {"type", "timestamp", "data"}; `type` is "reminder" or "digest". */
void payload_write_webhook(const struct outgoing *outgoing, const char *public_url,
                           struct buf *out);

/** {"id", "kind", "title", "body", "url", "task_id", …} for the browser's service worker, of at most
 *  PUSH_PLAIN_MAX bytes. `body` is what it shows below the title. */
void payload_write_push(const struct outgoing *outgoing, const char *public_url, const char *body,
                        struct buf *out);

/** Append where the app shows it: the task, or all of them. */
void payload_write_url(const struct outgoing *outgoing, const char *public_url, struct buf *out);

#endif
