/* services/notification/channels/handover.h — one message on its way, and what the channels share: for the
 * files of this folder. */
#ifndef SERVICES_NOTIFICATION_CHANNELS_HANDOVER_H
#define SERVICES_NOTIFICATION_CHANNELS_HANDOVER_H

#include <sys/queue.h>

#include "common/base/arena.h"
#include "common/json/json_field.h"
#include "common/net/public_address.h"
#include "services/notification/channels/channel.h"
#include "services/notification/channels/channels.h"
#include "services/notification/channels/mail_lanes.h"
#include "services/notification/channels/verdict.h"

struct http_client;
struct loop_timer;

/** One message, from channel_send until its `done`. */
struct handover {
    TAILQ_ENTRY(handover) link;
    struct channels
        *channels; /* NULL: ended, as the channels were; only the sidecar's answer is due */
    int channel;
    channel_sent_fn *done;
    void *arg;
    struct arena arena;
    struct verdict verdict;
    bool is_judged;           /* the verdict is told in the next turn */
    bool is_told;             /* the verdict was told; what is left keeps its room */
    bool is_out;              /* a call to the sidecar runs, which ends by itself */
    struct mail_lane *lane;   /* of mail: taken by it; else NULL */
    struct loop_timer *timer; /* of mail: before it asks the sidecar again; else NULL */
};
TAILQ_HEAD(handovers, handover);

struct channels {
    struct channels_parts parts;
    struct address_policy policy;
    struct http_client *client; /* to users' addresses alone */
    struct seal_keys *channel_keys;
    struct jwt_keys *link_keys;
    struct vapid *vapid;
    struct mail_lanes mail_lanes;
    struct loop_timer *at_once; /* runs while a handover is judged */
    struct handovers running;
    int n_running[N_CHANNELS];
};

/* each begins one, and sees to it that it ends */
void mail_send(struct handover *handover, const struct outgoing *outgoing);
void push_send(struct handover *handover, const struct outgoing *outgoing);
void webhook_send(struct handover *handover, const struct outgoing *outgoing);

/** Tell the verdict, and go on taking room until handover_end. */
void handover_tell(struct handover *handover, struct verdict verdict);
/** Tell the verdict unless it was, and free it: from callbacks, never from within channel_send. */
void handover_end(struct handover *handover, struct verdict verdict);
/** The same in the next turn: from within channel_send. `reason` is static or in the arena. */
void handover_end_later(struct handover *handover, enum send_outcome outcome, const char *reason);
/** End it later by what `err` says of our own means: a key that is missing is for now. */
void handover_fail_later(struct handover *handover, const struct err *err);

/** Unseal an address and read it by `fields`. When it cannot be, the handover is ended. */
MUST_CHECK bool handover_open_address(struct handover *handover, const struct outgoing *outgoing,
                                      const struct json_field *fields, size_t n_fields,
                                      void *address);
/** Judge a user's URL by the settings of today. When it is not allowed, the handover is ended. */
MUST_CHECK bool handover_check_url(struct handover *handover, const char *url);

#endif
