#include "services/recurring-task/store/series_store.h"

#include <inttypes.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/events/event_types.h"
#include "common/json/json_field.h"

/* Without the owner's row, and without waiting: whoever holds a series is about to change it. A claim
 * that reaches further than any can is left over from before the clock was set back. A claim that a
 * crash of the server forgets is made once more, so that its commit need not wait for the disk. The
 * one row that is always there has what is asked beside the claim. */
const struct pg_statement SERIES_CLAIM = {
    "series_claim",
    "WITH relaxed AS MATERIALIZED ("
    "  SELECT set_config('synchronous_commit', 'off', true) AS is_set), "
    "due AS MATERIALIZED ("
    "  SELECT owner_id, id FROM series WHERE decide_at <= $1::timestamptz AND"
    "  (claimed_until IS NULL OR claimed_until <= $1 OR claimed_until > $3::timestamptz)"
    "  ORDER BY decide_at LIMIT $4::int FOR NO KEY UPDATE SKIP LOCKED), "
    "claimed AS ("
    "  UPDATE series s SET claimed_until = $2::timestamptz FROM due, relaxed"
    "  WHERE s.owner_id = due.owner_id AND s.id = due.id AND relaxed.is_set IS NOT NULL"
    "  RETURNING s.*) "
    "SELECT (SELECT min(decide_at) FROM series WHERE decide_at > $1),"
    " (SELECT count(*) FROM series WHERE fault IS NOT NULL),"
    " c.owner_id, c.id, c.revision, c.version, c.rule, c.anchor, c.missed, c.time_zone, c.start,"
    " c.start_occurrence, c.occurrence, c.task_id, c.scheduled_at, c.ended_at,"
    " c.is_trashed OR t.purged_at IS NOT NULL, c.lead, c.emitted_version, c.emitted_occurrence"
    " FROM (VALUES (1)) AS always (one) LEFT JOIN claimed c ON true"
    " LEFT JOIN task t ON t.owner_id = c.owner_id AND t.id = c.task_id",
};

void series_store_claim(struct pg_pool *pool, int64_t now_ms, struct arena *arena, pg_done_fn *done,
                        void *arg)
{
    struct pg_params params;

    pg_params_init(&params, arena);
    pg_add_time(&params, now_ms);
    pg_add_time(&params, now_ms + SERIES_LEASE_MS);
    pg_add_time(&params, now_ms + (int64_t)2 * SERIES_LEASE_MS);
    pg_add_int(&params, SERIES_CLAIM_MAX);
    pg_query(pool, &SERIES_CLAIM, &params, done, arg);
}

static void copy_uuid(const struct pg_rows *rows, int row, int column, struct uuid *uuid)
{
    uuid_read(pg_text(rows, row, column), uuid);
}

/* The columns of series in SERIES_CLAIM, from `c` on. */
static void read_series(const struct pg_rows *rows, int row, struct arena *arena,
                        struct series *series)
{
    int c = 2;

    copy_uuid(rows, row, c++, &series->owner_id);
    copy_uuid(rows, row, c++, &series->id);
    series->revision = pg_int(rows, row, c++);
    series->version = pg_int(rows, row, c++);
    series->rule = pg_copy_text(rows, row, c++, arena);
    series->anchor = pg_is_null(rows, row, c) ? -1 : (int)pg_int(rows, row, c);
    c++;
    series->missed = pg_is_null(rows, row, c) ? -1 : (int)pg_int(rows, row, c);
    c++;
    series->time_zone = pg_copy_text(rows, row, c++, arena);
    series->start = pg_copy_text(rows, row, c++, arena);
    series->start_occurrence = pg_int(rows, row, c++);
    series->occurrence = pg_int(rows, row, c++);
    copy_uuid(rows, row, c++, &series->task_id);
    series->scheduled_at = pg_time(rows, row, c++);
    series->ended_at = pg_time(rows, row, c++);
    series->is_away = pg_bool(rows, row, c++);
    series->lead = pg_copy_text(rows, row, c++, arena);
    series->emitted_version = pg_int(rows, row, c++);
    series->emitted_occurrence = pg_int(rows, row, c++);
}

void series_store_read_claim(const struct pg_rows *rows, struct arena *arena,
                             struct series_claim *claim)
{
    int n = pg_n_rows(rows);

    *claim = (struct series_claim){
        .series = arena_new_array(arena, (size_t)n, sizeof(*claim->series)),
        .next_at = pg_time(rows, 0, 0),
        .n_faulty = pg_int(rows, 0, 1),
    };
    for (int i = 0; i < n; i++)
        if (!pg_is_null(rows, i, 3)) /* not the row that is there without any */
            read_series(rows, i, arena, &claim->series[claim->n_series++]);
}

/* Owners first, in the order of their ids, as whoever saves a task does: two of these wait for each
 * other and no more. Having the owner's row, nobody changes his series; one that had been changed
 * before is compared again, and its decision dropped. A deleted account's series are about to go. */
const struct pg_statement SERIES_SETTLE = {
    "series_settle",
    "WITH wanted AS MATERIALIZED ("
    "  SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::text[],"
    "    $6::bigint[], $7::uuid[], $8::text[], $9::text[]) AS w (owner_id, id, revision, decide_at,"
    "    fault, occurrence, event_id, subject, data)), "
    "owner AS MATERIALIZED ("
    "  SELECT id FROM app_user WHERE id IN (SELECT owner_id FROM wanted) AND deleted_at IS NULL"
    "  ORDER BY id FOR NO KEY UPDATE), "
    "settled AS ("
    "  UPDATE series s SET decide_at = w.decide_at, fault = w.fault, claimed_until = NULL,"
    "    revision = s.revision + 1,"
    "    emitted_version = CASE WHEN w.occurrence IS NULL THEN s.emitted_version ELSE s.version END,"
    "    emitted_occurrence = coalesce(w.occurrence, s.emitted_occurrence)"
    "  FROM owner JOIN wanted w ON w.owner_id = owner.id"
    "  WHERE s.owner_id = w.owner_id AND s.id = w.id AND s.revision = w.revision"
    "  RETURNING s.owner_id, w.event_id, w.subject, w.data), "
    "numbered AS ("
    "  SELECT *, row_number() OVER (PARTITION BY owner_id ORDER BY event_id) AS number"
    "  FROM settled WHERE event_id IS NOT NULL), "
    "drawn AS ("
    "  UPDATE app_user u SET seq = u.seq + counted.n"
    "  FROM (SELECT owner_id, count(*) AS n FROM numbered GROUP BY owner_id) AS counted"
    "  WHERE u.id = counted.owner_id RETURNING u.id, u.seq - counted.n AS seq), "
    "said AS ("
    "  INSERT INTO outbox (id, topic, type, subject, owner_id, seq, occurred_at, traceparent, data)"
    "  SELECT n.event_id, '" TOPIC_RECURRENCES "', '" EVENT_TASK_RECURRENCE_DUE "', n.subject,"
    "    n.owner_id, drawn.seq + n.number, $10::timestamptz, $11, n.data"
    "  FROM numbered n JOIN drawn ON drawn.id = n.owner_id ORDER BY n.owner_id, n.number"
    "  RETURNING 1) "
    "SELECT count(*) FROM said",
};

/* The cells of one series among the arrays that the statement takes, in their order. */
enum { OWNER, ID, REVISION, DECIDE_AT, FAULT, OCCURRENCE, EVENT_ID, SUBJECT, DATA, N_CELLS };

static void fill_event(const char *cells[N_CELLS], const struct recurrence_due *due, int64_t now_ms,
                       struct arena *arena)
{
    cells[OCCURRENCE] = arena_format(arena, "%" PRId64, due->occurrence);
    cells[EVENT_ID] = arena_copy_text(arena, uuid_new(now_ms).text);
    cells[SUBJECT] = due->previous_id.text;
    cells[DATA] = json_object_text(recurrence_due_fields, recurrence_due_n_fields, due, arena);
}

static void fill_cells(const char *cells[N_CELLS], const struct series_settled *settled,
                       int64_t now_ms, struct arena *arena)
{
    const struct decision *decision = &settled->decision;

    cells[OWNER] = settled->series->owner_id.text;
    cells[ID] = settled->series->id.text;
    cells[REVISION] = arena_format(arena, "%" PRId64, settled->series->revision);
    if (decision->decide_at != 0) {
        char *at = arena_new(arena, CLOCK_TEXT_MAX);

        clock_write(decision->decide_at, at);
        cells[DECIDE_AT] = at;
    }
    cells[FAULT] = settled->fault;
    if (decision->is_due)
        fill_event(cells, &decision->due, now_ms, arena);
}

void series_store_settle(struct pg_pool *pool, const struct series_settling *settling,
                         struct arena *arena, pg_done_fn *done, void *arg)
{
    size_t n = settling->n_settled;
    struct pg_params params;

    pg_params_init(&params, arena);
    const char *(*cells)[N_CELLS] = arena_new_array(arena, n, sizeof *cells);
    const char **column = arena_new_array(arena, n, sizeof *column);

    for (size_t i = 0; i < n; i++)
        fill_cells(cells[i], &settling->settled[i], settling->now_ms, arena);
    for (int c = 0; c < N_CELLS; c++) {
        for (size_t i = 0; i < n; i++)
            column[i] = cells[i][c];
        pg_add_texts(&params, column, n);
    }
    pg_add_time(&params, settling->now_ms);
    pg_add_text(&params, settling->traceparent);
    pg_query(pool, &SERIES_SETTLE, &params, done, arg);
}
