/* services/backend/domain/channel.h — where a user is told: push subscriptions and webhooks. Where a
 * message goes is sealed at once; what is kept in clear is the host, so that the user knows which is
 * which. Source: Push API §8 (PushSubscription), RFC 8291 §2, §3.2; Standard Webhooks. */
#ifndef SERVICES_BACKEND_DOMAIN_CHANNEL_H
#define SERVICES_BACKEND_DOMAIN_CHANNEL_H

#include "common/base/buf.h"
#include "common/events/reminder_settings.h"

enum {
    CHANNEL_DIGEST_SIZE = 32,
    CHANNEL_URL_MAX = 2000,
    CHANNEL_HOST_MAX = 253,
    CHANNEL_SECRET_BYTES = 24,
    CHANNEL_SECRET_SIZE = 39, /* "whsec_", 32 characters of base64 and a NUL */
};

struct channel {
    struct channel_address address;
    const char *host;
    unsigned char
        digest[CHANNEL_DIGEST_SIZE]; /* of kind and URL: the same address is known again */
};
extern const struct json_field channel_fields[]; /* as it is shown */
extern const size_t channel_n_fields;

/** What is asked for. The browser's PushSubscription, or a webhook's URL. */
struct channel_order {
    int which; /* of the words "push", "webhook" */
    const char *name;
    const char *endpoint; /* push */
    const char *keys;     /* push: an object */
    const char *p256dh, *auth;
    const char *url; /* webhook */
    /* filled in by channel_order_check */
    int channel;
};
extern const struct json_field channel_order_fields[];
extern const size_t channel_order_n_fields;

/** Check that what the kind needs is there and well-formed, and nothing else; fill the rest of the
 *  order. The URL itself is judged elsewhere: common/net/public_address.h. */
MUST_CHECK bool channel_order_check(struct channel_order *order, struct arena *arena,
                                    struct err *err);

/** Return its URL, and the name of the member that has it. */
const char *channel_order_url(const struct channel_order *order);
const char *channel_order_url_field(const struct channel_order *order);

/** Write a webhook's secret of CHANNEL_SECRET_BYTES random bytes. */
void channel_write_secret(const unsigned char *bytes, char text[CHANNEL_SECRET_SIZE]);

/** Write what is to be sealed: {"endpoint","p256dh","auth"} or {"url","secret"}. */
void channel_write_address(const struct channel_order *order, const char *secret, struct buf *out);

/** Make the channel of a checked order whose URL was found good, and has this host; texts are shared. */
struct channel channel_make(const struct channel_order *order, const char *host, const char *sealed,
                            struct uuid id, int64_t now_ms);

#endif
