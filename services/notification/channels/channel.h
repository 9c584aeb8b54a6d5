/* services/notification/channels/channel.h — hand one message to one channel: a mail binding, a push
 * service, a webhook. (In the app is no channel of ours: notification.sent is what backend shows.) */
#ifndef SERVICES_NOTIFICATION_CHANNELS_CHANNEL_H
#define SERVICES_NOTIFICATION_CHANNELS_CHANNEL_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/events/notification.h"

struct channels; /* what all of them need: channels.h */

/** A line of a digest. */
struct outgoing_task {
    struct uuid id;
    const char *title;
    int64_t due_at;
};

/** What is to be said, and to whom. Borrowed until channel_send returns. */
struct outgoing {
    struct notification
        notification; /* id is the stable id of all attempts; attempts counts this one */
    struct uuid owner_id;
    const char *email, *name; /* the user's */
    const char *time_zone;    /* the task's, else the user's: times are shown in it */
    const char *sealed;       /* address of a push subscription or webhook; NULL for mail */
    int64_t due_at;           /* the task's; 0: none */
    int64_t late_ms;          /* how late it is, when it is worth saying; else 0 */
    const struct outgoing_task *tasks; /* of a digest */
    size_t n_tasks;
    const char *traceparent;
};

enum send_outcome {
    SEND_DONE,  /* the channel accepted it */
    SEND_AGAIN, /* not now: refused for a while, unreachable, or nobody knows */
    SEND_NEVER, /* it will never accept this one: no use in trying again */
    SEND_GONE,  /* the address is no more */
};

/** Receive the outcome, once, never before channel_send returned. `reason` is for the user, without an
 *  address or a secret, NULL when done; `wait_ms` is what the channel asked to wait (Retry-After), 0
 *  when it did not. */
typedef void channel_sent_fn(void *arg, enum send_outcome outcome, const char *reason,
                             int64_t wait_ms);

/** Send by the channel of `outgoing->notification.channel`, within the channel's limit. */
void channel_send(struct channels *channels, const struct outgoing *outgoing, channel_sent_fn *done,
                  void *arg);

/** How many more may be under way at once: of mail as many as there are lanes (mail_lanes.h). */
int channel_room(const struct channels *channels, int channel);

/** Whether what it goes through is known to be away: nothing is to be sent until that is back. */
bool channel_is_away(const struct channels *channels, int channel);

#endif
