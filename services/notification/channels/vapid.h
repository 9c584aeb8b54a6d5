/* services/notification/channels/vapid.h — who we are toward push services (RFC 8292): a token signed
 * with our key, one for each of their origins, used again until it runs out. */
#ifndef SERVICES_NOTIFICATION_CHANNELS_VAPID_H
#define SERVICES_NOTIFICATION_CHANNELS_VAPID_H

#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"

struct address_url;
struct secret;
struct vapid;

enum { VAPID_LIFE_S = 12 * 3600, VAPID_RENEW_S = 3600 };

/** `subject` is our contact: "mailto:…" or "https:…"; borrowed. */
struct vapid *vapid_new(const char *subject);
void vapid_free(struct vapid *vapid); /* NULL is fine */

/** Take the pairs "private" and "public", base64url of 32 and 65 bytes. On failure the old key stays. */
MUST_CHECK bool vapid_set(struct vapid *vapid, const struct secret *secret, struct err *err);

/** Return the value of the header Authorization for a push service, in the arena: valid for at least
 *  VAPID_RENEW_S more. ERR_UNAVAILABLE as long as there is no key. */
MUST_CHECK bool vapid_authorize(struct vapid *vapid, const struct address_url *url, int64_t now_ms,
                                struct arena *arena, const char **value, struct err *err);

#endif
