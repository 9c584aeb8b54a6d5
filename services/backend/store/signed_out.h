/* services/backend/store/signed_out.h — the update that closes a user's sockets. It draws no seq: no
 * browser has anything to fetch. */
#ifndef SERVICES_BACKEND_STORE_SIGNED_OUT_H
#define SERVICES_BACKEND_STORE_SIGNED_OUT_H

#include <stdint.h>

#include "common/base/uuid.h"
#include "common/events/event_types.h"
#include "common/pg/pg.h"

struct signed_out {
    const char *traceparent;
    int64_t now_ms;
};

/* $1 to $3 are the update's: id, time, traceparent; `owner` names a row of id and seq. */
#define SIGNED_OUT_ROW(owner)                                                                       \
    "INSERT INTO outbox (id, topic, type, subject, owner_id, seq, occurred_at, traceparent, data) " \
    "SELECT $1::uuid, '" TOPIC_TASK_UPDATES "', '" EVENT_UPDATE_SIGNED_OUT "', " owner              \
    ".id::text, " owner ".id, " owner ".seq, $2::timestamptz, $3, '{\"id\":\"' || " owner           \
    ".id || '\"}' FROM " owner

static inline void signed_out_add_params(struct pg_params *params, const struct signed_out *update)
{
    pg_add_text(params, arena_copy_text(params->arena, uuid_new(update->now_ms).text));
    pg_add_time(params, update->now_ms);
    pg_add_text(params, update->traceparent);
}

#endif
