/* common/pg/outbox.h — events that commit with the change that causes them.
 *
 * Table (each service's migration has it, as written here):
 *     CREATE TABLE outbox (
 *         position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
 *         id uuid NOT NULL UNIQUE, topic text NOT NULL, type text NOT NULL, subject text NOT NULL,
 *         owner_id uuid NOT NULL, seq bigint NOT NULL, occurred_at timestamptz NOT NULL,
 *         traceparent text NOT NULL, data text NOT NULL);
 * A service's own CTE inserts with:  INSERT INTO outbox (id, topic, type, subject, owner_id, seq,
 * occurred_at, traceparent, data). `position` is drawn under the lock of the owner's row, so an
 * owner's events are in order of (owner, seq). The relay (common/dapr/relay.h) publishes and
 * deletes; the statements it uses are here, to be put into the pool's list. */
#ifndef COMMON_PG_OUTBOX_H
#define COMMON_PG_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/pg/pg.h"

struct outbox_row {
    int64_t position;
    const char *id, *topic, *type, *subject, *owner_id, *traceparent, *data;
    int64_t seq;
    int64_t occurred_at;
};

/** $1 limit, $2 uuid[] owners that are left out because they have rows in flight: take the lock of
 *  this schema's relay if it is free or ours already, and return the oldest rows by position, as
 *  many as begin within 4 MiB of data. */
extern const struct pg_statement OUTBOX_CLAIM;
extern const struct pg_statement OUTBOX_DELETE; /* $1 bigint[]: what was acknowledged */
extern const struct pg_statement OUTBOX_INSERT; /* one row of its own, for dead letters */

/** Return whether the claim's connection holds the lock; without it there are no rows. */
bool outbox_is_leader(const struct pg_rows *rows);

/** Read the rows of OUTBOX_CLAIM into the arena; texts are borrowed from `rows`, so that what is only
 *  passed on is not copied. */
struct outbox_row *outbox_read_rows(const struct pg_rows *rows, struct arena *arena,
                                    size_t *n_rows);

/** Fill the parameters of OUTBOX_INSERT. */
void outbox_add_params(struct pg_params *params, const struct outbox_row *row);

#endif
