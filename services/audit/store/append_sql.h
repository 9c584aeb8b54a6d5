/* services/audit/store/append_sql.h — the beginning of every statement that appends: one entry, once.
 *
 * `head` locks the owner's head and computes what the next one will be; it is empty when the account
 * was deleted since the payload was sealed (or the other way round): then nothing happens at all.
 * `fresh` is empty when the event was appended before. The lock comes first, so that the same event
 * delivered twice at once waits here and not in the inbox. */
#ifndef SERVICES_AUDIT_STORE_APPEND_SQL_H
#define SERVICES_AUDIT_STORE_APPEND_SQL_H

#include "common/pg/pg.h"
#include "services/audit/domain/entry.h"

/* $1 inbox id, $2 owner, $3 event, $4 topic, $5 type, $6 source, $7 subject, $8 seq, $9 occurred_at,
 * $10 recorded_at, $11 payload, $12 digest. `guard` is a condition on the head. */
#define APPEND_ENTRY(guard, set)                                                                   \
    "WITH head AS MATERIALIZED ("                                                                  \
    " SELECT number + 1 AS number, sha256('todo/audit/link/1'::bytea || hash"                      \
    "  || int8send(number + 1) || $12::bytea) AS hash"                                             \
    " FROM chain_head WHERE owner_id = $2::uuid AND " guard " FOR UPDATE),"                        \
    "fresh AS ("                                                                                   \
    " INSERT INTO inbox (event_id) SELECT $1::uuid FROM head ON CONFLICT DO NOTHING"               \
    " RETURNING event_id),"                                                                        \
    "moved AS ("                                                                                   \
    " UPDATE chain_head c SET number = head.number, hash = head.hash" set " FROM head, fresh"      \
    " WHERE c.owner_id = $2::uuid RETURNING c.number),"                                            \
    "added AS ("                                                                                   \
    " INSERT INTO entry (owner_id, number, event_id, topic, type, source, subject, seq,"           \
    "  occurred_at, recorded_at, payload, digest, hash)"                                           \
    " SELECT $2::uuid, head.number, $3::uuid, $4, $5, $6, $7, $8::bigint, $9::bigint,"             \
    "  $10::bigint, $11::bytea, $12::bytea, head.hash FROM head, fresh)"

/* A payload is there exactly while the account is. */
#define APPEND_WHILE_SEALED "(erased_at IS NULL) = ($11::bytea IS NOT NULL)"

/* One row: whether the guard held, and the new entry's number (NULL: it was appended before). */
#define APPEND_RESULT " SELECT EXISTS (SELECT FROM head), (SELECT number FROM moved)"

struct append {
    const struct uuid *inbox_id; /* borrowed; what makes the event the same one */
    struct entry *entry;         /* borrowed; gets its number */
    bool is_new;                 /* set by the store: it was not there before */
};

void append_add_params(struct pg_params *params, const struct append *append);

/** Read the row of APPEND_RESULT. ERR_UNAVAILABLE when the guard did not hold: seal again. */
MUST_CHECK bool append_read_result(const struct pg_rows *rows, struct append *append,
                                   struct err *err);

#endif
