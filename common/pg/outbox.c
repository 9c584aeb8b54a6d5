#include "common/pg/outbox.h"

#include <string.h>

/* The lock is the session's and counts how often it was taken; taking it again with every claim
 * makes a claim on a new connection as safe as on the first. It names the schema, because advisory
 * locks are the whole database's. The one row that is always there says whether we lead. A claim ends
 * with the row that takes it past 4 MiB: octet_length reads no row's data, it is in its header. */
const struct pg_statement OUTBOX_CLAIM = {
    "outbox_claim",
    "WITH lead AS MATERIALIZED ("
    "  SELECT pg_try_advisory_lock(hashtextextended('outbox.' || current_schema(), 0)) AS is_ours"
    ") SELECT lead.is_ours, o.position, o.id, o.topic, o.type, o.subject, o.owner_id, o.seq,"
    " o.occurred_at, o.traceparent, o.data"
    " FROM lead LEFT JOIN LATERAL ("
    "  SELECT * FROM ("
    "    SELECT *, sum(octet_length(data)) OVER (ORDER BY position ROWS UNBOUNDED PRECEDING)"
    "      - octet_length(data) AS bytes_before FROM ("
    "      SELECT * FROM outbox"
    "      WHERE lead.is_ours AND owner_id NOT IN (SELECT unnest($2::uuid[]))"
    "      ORDER BY position LIMIT $1::int) AS oldest"
    "  ) AS summed WHERE bytes_before < 4194304"
    ") o ON true ORDER BY o.position",
};

/* What a crash of the server brings back is published once more under the same id, so that this
 * commit need not wait for the disk. */
const struct pg_statement OUTBOX_DELETE = {
    "outbox_delete",
    "WITH relaxed AS MATERIALIZED ("
    "  SELECT set_config('synchronous_commit', 'off', true) AS is_set"
    ") DELETE FROM outbox USING relaxed"
    " WHERE position = ANY ($1::bigint[]) AND relaxed.is_set IS NOT NULL",
};

const struct pg_statement OUTBOX_INSERT = {
    "outbox_insert",
    "INSERT INTO outbox (id, topic, type, subject, owner_id, seq, occurred_at, traceparent, data)"
    " VALUES ($1::uuid, $2, $3, $4, $5::uuid, $6::bigint, $7::timestamptz, $8, $9)",
};

bool outbox_is_leader(const struct pg_rows *rows)
{
    return pg_bool(rows, 0, 0);
}

struct outbox_row *outbox_read_rows(const struct pg_rows *rows, struct arena *arena, size_t *n_rows)
{
    int n = pg_n_rows(rows);
    struct outbox_row *read = arena_new_array(arena, (size_t)n, sizeof(*read));

    *n_rows = 0;
    for (int i = 0; i < n; i++) {
        if (pg_is_null(rows, i, 1)) /* the row that only says whether we lead */
            continue;
        read[(*n_rows)++] = (struct outbox_row){
            .position = pg_int(rows, i, 1),
            .id = pg_text(rows, i, 2),
            .topic = pg_text(rows, i, 3),
            .type = pg_text(rows, i, 4),
            .subject = pg_text(rows, i, 5),
            .owner_id = pg_text(rows, i, 6),
            .seq = pg_int(rows, i, 7),
            .occurred_at = pg_time(rows, i, 8),
            .traceparent = pg_text(rows, i, 9),
            .data = pg_text(rows, i, 10),
        };
    }
    return read;
}

void outbox_add_params(struct pg_params *params, const struct outbox_row *row)
{
    pg_add_text(params, row->id);
    pg_add_text(params, row->topic);
    pg_add_text(params, row->type);
    pg_add_text(params, row->subject);
    pg_add_text(params, row->owner_id);
    pg_add_int(params, row->seq);
    pg_add_time(params, row->occurred_at);
    pg_add_text(params, row->traceparent);
    pg_add_text(params, row->data);
}
