/* services/notification/channels/channels.h — the channels of a process: what they share, and its keys. */
#ifndef SERVICES_NOTIFICATION_CHANNELS_CHANNELS_H
#define SERVICES_NOTIFICATION_CHANNELS_CHANNELS_H

#include "common/base/err.h"

struct channels;
struct config;
struct dapr;
struct loop;
struct secret;
struct zone_cache;

/** All borrowed for the life of the channels. */
struct channels_parts {
    struct loop *loop;
    struct dapr *dapr;
    struct zone_cache *zones;
    const struct config *config;
    void (*on_back)(void *arg); /* a channel that was away has room again; NULL: nobody asks */
    void *arg;
};

/** ERR_INVALID names the setting that is wrong. */
struct channels *channels_new(const struct channels_parts *parts, struct err *err);
/** End what is under way: each `done` that did not run yet does before return,
 *  mostly with SEND_AGAIN. NULL is fine. */
void channels_free(struct channels *channels);

/** Take a secret: "channel-keys" opens addresses (common/seal/sealed.h), "link-keys" signs links in
 *  mails (common/jwt/jwt_keys.h), "push-key" is ours toward push services: {"private", "public"}, the
 *  base64url of a P-256 key. On failure the old ones stay. As long as one is missing, what needs it
 *  ends in SEND_AGAIN. */
MUST_CHECK bool channels_set_channel_keys(struct channels *channels, const struct secret *secret,
                                          struct err *err);
MUST_CHECK bool channels_set_link_keys(struct channels *channels, const struct secret *secret,
                                       struct err *err);
MUST_CHECK bool channels_set_push_key(struct channels *channels, const struct secret *secret,
                                      struct err *err);

#endif
