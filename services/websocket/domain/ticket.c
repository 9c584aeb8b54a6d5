#include "services/websocket/domain/ticket.h"

#include "common/jwt/jwt_keys.h"

static bool refuse(struct err *err)
{
    return err_set(err, ERR_UNAUTHENTICATED, "the ticket is not valid");
}

bool ticket_read(const struct jwt_keys *keys, const char *text, int64_t now_ms, struct arena *arena,
                 struct ticket *ticket, struct err *err)
{
    struct jwt_claims claims = {.audience = JWT_AUDIENCE_WS};

    if (!text || !*text)
        return err_set(err, ERR_UNAUTHENTICATED, "the query parameter ticket is missing");
    if (!jwt_verify(keys, text, now_ms, arena, &claims, err))
        return false;
    /* longer than used ones are remembered */
    if (claims.expires_at_s - now_ms / 1000 > TICKET_LIFE_MAX_S)
        return refuse(err);
    if (!claims.id || !uuid_read(claims.id, &ticket->id) ||
        !uuid_read(claims.subject, &ticket->user_id) || claims.seq < 0)
        return refuse(err);
    ticket->seq = claims.seq;
    return true;
}
