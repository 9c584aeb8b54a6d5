/* services/notification/store/ledger_events.h — the events of deliveries, in the statement that changes
 * them: each is published only if that statement did change its delivery. */
#ifndef SERVICES_NOTIFICATION_STORE_LEDGER_EVENTS_H
#define SERVICES_NOTIFICATION_STORE_LEDGER_EVENTS_H

#include "common/events/notification.h"
#include "common/pg/pg.h"

/* A statement with events has them as its first parameters: $1 ids, $2 deliveries' ids, $3 topics,
 * $4 types, $5 data (arrays), $6 traceparent, $7 when, $8 the owners it is about. It begins WITH
 * LEDGER_OWNERS, whose rows it must have read before it touches anything else: whoever changes what
 * belongs to an owner holds him first, so that nobody waits in a circle. That goes for one whose account
 * is deleted, too; of him nothing is told any more. It has a part `done (id, owner_id, task_id)`,
 * what it did change, and ends with LEDGER_EVENTS. */
#define LEDGER_OWNERS                                                                              \
    "owner AS MATERIALIZED (SELECT id, seq, deleted_at FROM app_user"                              \
    " WHERE id = ANY ($8::uuid[]) ORDER BY id FOR UPDATE)"
#define LEDGER_EVENTS                                                                              \
    ", event AS (SELECT e.id, e.topic, e.type, e.data, d.owner_id,"                                \
    "  coalesce(d.task_id, d.owner_id)::text AS subject,"                                          \
    "  owner.seq + row_number() OVER (PARTITION BY d.owner_id ORDER BY e.position) AS seq"         \
    "  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[])"                    \
    "   WITH ORDINALITY AS e (id, delivery_id, topic, type, data, position)"                       \
    "  JOIN done d ON d.id = e.delivery_id"                                                        \
    "  JOIN owner ON owner.id = d.owner_id AND owner.deleted_at IS NULL)"                          \
    ", drawn AS (UPDATE app_user u SET seq = e.seq"                                                \
    "  FROM (SELECT owner_id, max(seq) AS seq FROM event GROUP BY owner_id) e"                     \
    "  WHERE u.id = e.owner_id)"                                                                   \
    ", told AS (INSERT INTO outbox"                                                                \
    "  (id, topic, type, subject, owner_id, seq, occurred_at, traceparent, data)"                  \
    "  SELECT id, topic, type, subject, owner_id, seq, $7::timestamptz, $6, data"                  \
    "  FROM event ORDER BY owner_id, seq)"                                                         \
    " SELECT id FROM done"

/** Texts of one parameter, an array; a column of them stands for many rows. */
struct column {
    const char **items;
    size_t n_items, n_max;
    struct arena *arena;
};
void column_init(struct column *column, struct arena *arena);
void column_add(struct column *column, const char *text); /* borrowed; NULL is NULL */
void column_add_int(struct column *column, int64_t value);
void column_add_time(struct column *column, int64_t at); /* 0 is NULL */
void column_add_bool(struct column *column, bool value);
void column_param(const struct column *column, struct pg_params *params);

struct ledger_events {
    struct column ids, deliveries, topics, types, data, owners;
    struct arena *arena;
    int64_t now_ms;
    const char *traceparent;
};

/** Begin without events, at an instant and in a trace; both, and the arena, are borrowed. */
void ledger_events_init(struct ledger_events *events, struct arena *arena, int64_t now_ms,
                        const char *traceparent);
/** Name an owner the statement is about; the same as the last one is left out. */
void ledger_events_add_owner(struct ledger_events *events, const struct uuid *owner_id);
void ledger_events_add(struct ledger_events *events, const char *topic, const char *type,
                       const struct notification *notification);
/** Add $1 to $8. */
void ledger_events_params(const struct ledger_events *events, struct pg_params *params);

#endif
