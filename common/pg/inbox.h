/* common/pg/inbox.h — the ids of the events a service has handled, kept with their effect.
 *
 * Table (each service's migration has it, as written here):
 *     CREATE TABLE inbox (event_id uuid PRIMARY KEY, handled_at timestamptz NOT NULL DEFAULT now());
 *     CREATE INDEX inbox_handled_at ON inbox (handled_at);
 * A handler's own CTE begins with:
 *     WITH fresh AS (INSERT INTO inbox (event_id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING 1)
 * and makes every effect depend on `fresh`. Ids older than the retention are purged by
 * inbox_purge_start; the retention is longer than any broker keeps or replays an event. */
#ifndef COMMON_PG_INBOX_H
#define COMMON_PG_INBOX_H

#include "common/pg/pg.h"

extern const struct pg_statement INBOX_PURGE; /* $1 days: deletes up to 1,000 */

struct inbox_purge;
/** Purge every hour what is older than `days`. */
struct inbox_purge *inbox_purge_start(struct loop *loop, struct pg_pool *pool, int days);
void inbox_purge_free(struct inbox_purge *purge); /* NULL is fine */

#endif
