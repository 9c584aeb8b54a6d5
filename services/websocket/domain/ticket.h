/* services/websocket/domain/ticket.h — the signed ticket that opens one socket, as backend issues
 * it. That it is used once is the state store's affair. */
#ifndef SERVICES_WEBSOCKET_DOMAIN_TICKET_H
#define SERVICES_WEBSOCKET_DOMAIN_TICKET_H

#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/uuid.h"

struct jwt_keys;

enum { TICKET_LIFE_MAX_S = 60 }; /* backend gives 30 */

struct ticket {
    struct uuid id;
    struct uuid user_id;
    int64_t seq; /* the user's newest when it was issued */
};

/** Verify `text` at `now_ms`. Fail with ERR_UNAUTHENTICATED, with ERR_UNAVAILABLE while there are no
 *  keys. `arena` is for what is needed meanwhile. */
MUST_CHECK bool ticket_read(const struct jwt_keys *keys, const char *text, int64_t now_ms,
                            struct arena *arena, struct ticket *ticket, struct err *err);

#endif
