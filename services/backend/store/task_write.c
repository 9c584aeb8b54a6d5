/* services/backend/store/task_write.c — every change of a task, each one statement. */
#include <string.h>

#include "common/base/clock.h"
#include "common/events/event_types.h"
#include "services/backend/store/idempotency_store.h"
#include "services/backend/store/task_row.h"
#include "services/backend/store/task_store.h"

/* Parameters 1 to 15 are the same in all statements (add_common):
 *   1 owner  2 task  3 now  4 version  5 event type  6 data  7, 8 event ids  9 traceparent
 *   10 type of the update  11 key  12 item  13 hash  14 status  15 body of the reply
 * 16 to 37 are the columns of the task in those that write it (task_row_add), and 38 to 55 those of
 * its series where that changes too (series_row_add). Each statement has a CTE `changed` with the
 * seq, empty when nothing changed; these hang on it. */
#define EVENTS_AND_REPLY                                                                            \
    "events AS ("                                                                                   \
    "  INSERT INTO outbox (id, topic, type, subject, owner_id, seq, occurred_at, traceparent,"      \
    "    data)"                                                                                     \
    "  SELECT e.id, e.topic, e.type, $2::text, $1, changed.seq, $3, $9, $6 FROM changed, (VALUES"   \
    "    ($7::uuid, '" TOPIC_TASK_EVENTS "', $5),"                                                  \
    "    ($8::uuid, '" TOPIC_TASK_UPDATES "', $10)) AS e (id, topic, type)), "                      \
    "kept AS ("                                                                                     \
    "  INSERT INTO idempotency (owner_id, key, item, request_hash, status, task_id, version, body," \
    "    created_at)"                                                                               \
    "  SELECT $1, $11::text, $12::smallint, $13::bytea, $14::smallint, $2, $4::bigint, $15, $3"     \
    "  FROM changed WHERE $11 IS NOT NULL) "

#define TASK_VALUES                                                                                \
    "$16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, "   \
    "$34, $35, $36, $37"

#define SERIES_SAVED                                                                               \
    "series_saved AS ("                                                                            \
    "  INSERT INTO series (owner_id, id, version, revision, last_occurrence, newest_id,"           \
    "    recurrence, anchor, missed, time_zone, start, start_from, title, description, priority,"  \
    "    tags, offsets, created_at, stopped_at)"                                                   \
    "  SELECT $1, $38::uuid, $39, $40::bigint, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50,"  \
    "    $51, $52, $53, $54, $55 FROM changed"                                                     \
    "  ON CONFLICT (owner_id, id) DO UPDATE SET version = excluded.version,"                       \
    "    revision = excluded.revision, last_occurrence = excluded.last_occurrence,"                \
    "    newest_id = excluded.newest_id, recurrence = excluded.recurrence,"                        \
    "    anchor = excluded.anchor, missed = excluded.missed, time_zone = excluded.time_zone,"      \
    "    start = excluded.start, start_from = excluded.start_from, title = excluded.title,"        \
    "    description = excluded.description, priority = excluded.priority, tags = excluded.tags,"  \
    "    offsets = excluded.offsets, stopped_at = excluded.stopped_at), "

/* Why nothing was added is asked only then, and of the row as it is once it is locked: a deletion that
 * this statement has waited for is not in its snapshot. */
#define ADD(tasks_max, also)                                                                       \
    "WITH known AS ("                                                                              \
    "  SELECT " IDEMPOTENCY_COLUMNS " FROM idempotency i"                                          \
    "  WHERE i.owner_id = $1::uuid AND i.key = $11::text AND i.item = $12::smallint), "            \
    "drawn AS ("                                                                                   \
    "  UPDATE account SET seq = seq + 1, task_count = task_count + 1"                              \
    "  WHERE id = $1 AND task_count < " tasks_max "::integer AND NOT EXISTS (SELECT FROM known)"   \
    "  RETURNING seq), "                                                                           \
    "changed AS ("                                                                                 \
    "  INSERT INTO task (owner_id, id, version, seq, created_at, " TASK_WRITTEN_COLUMNS ")"        \
    "  SELECT $1, $2::uuid, $4::bigint, drawn.seq, $3::timestamptz, " TASK_VALUES                  \
    "  FROM drawn RETURNING seq), " also EVENTS_AND_REPLY                                          \
    "SELECT (SELECT seq FROM changed), CASE WHEN (SELECT seq FROM changed) IS NULL"                \
    "    THEN EXISTS (SELECT FROM account WHERE id = $1 FOR KEY SHARE) END, known.* "              \
    "FROM (SELECT) AS one LEFT JOIN known ON true"

const struct pg_statement TASK_ADD = {"task_add", ADD("$38", "")};
const struct pg_statement TASK_ADD_SERIES = {"task_add_series", ADD("$56", SERIES_SAVED)};

/* The owner's row is locked before anything changes, and read then: seq is the newest. The task is
 * compared then as well, so a write that comes late draws no seq. */
#define OWNER_LOCKED                                                                               \
    "WITH owner AS ("                                                                              \
    "  SELECT seq + 1 AS seq FROM account WHERE id = $1::uuid FOR NO KEY UPDATE), "

#define TASK_CHANGED(from)                                                                         \
    "changed AS ("                                                                                 \
    "  UPDATE task SET version = $4::bigint, seq = " from ".seq,"                                  \
    "    (" TASK_WRITTEN_COLUMNS ") = ROW(" TASK_VALUES ")"                                        \
    "  FROM " from "  WHERE task.owner_id = $1 AND task.id = $2::uuid AND task.version = $4 - 1"   \
    "  RETURNING task.seq), "                                                                      \
    "drawn AS (UPDATE account SET seq = changed.seq FROM changed WHERE account.id = $1), "

const struct pg_statement TASK_SAVE = {
    "task_save",
    OWNER_LOCKED TASK_CHANGED("owner") EVENTS_AND_REPLY "SELECT seq FROM changed",
};

/* The series is held too, and must be the one that was read; the first revision begins it. */
const struct pg_statement TASK_SAVE_SERIES = {
    "task_save_series",
    OWNER_LOCKED "held AS ("
                 "  SELECT s.revision FROM series s JOIN owner ON true"
                 "  WHERE s.owner_id = $1 AND s.id = $38 FOR NO KEY UPDATE OF s), "
                 "ready AS MATERIALIZED ("
                 "  SELECT owner.seq FROM owner LEFT JOIN held ON true"
                 "  WHERE coalesce(held.revision, 0) = $40 - 1), " TASK_CHANGED("ready")
                     SERIES_SAVED EVENTS_AND_REPLY "SELECT seq FROM changed",
};

/* With its newest occurrence a series ends, with its last task it goes. Another transaction may have
 * made an occurrence that this one's snapshot does not show: the row of the series, read once it is
 * locked, tells of it. Or it may have purged a task that the snapshot still shows: locking a row, which
 * waits for nobody while the owner's is held, passes by what is gone. */
const struct pg_statement TASK_PURGE_ONE = {
    "task_purge_one",
    OWNER_LOCKED
    "changed AS ("
    "  DELETE FROM task USING owner"
    "  WHERE task.owner_id = $1 AND task.id = $2::uuid AND task.version = $4::bigint - 1"
    "  RETURNING owner.seq, task.series_id, task.occurrence), "
    "held AS ("
    "  SELECT s.id, s.last_occurrence = changed.occurrence AS is_newest,"
    "    s.stopped_at IS NOT NULL AS is_stopped"
    "  FROM changed JOIN series s ON s.owner_id = $1 AND s.id = changed.series_id FOR UPDATE OF s), "
    "rest AS ("
    "  SELECT held.*, EXISTS (SELECT FROM task t WHERE t.owner_id = $1"
    "    AND t.series_id = held.id AND t.id <> $2 FOR KEY SHARE) AS is_there FROM held), "
    "series_ended AS ("
    "  UPDATE series SET version = version + 1, revision = revision + 1, stopped_at = $3"
    "  FROM rest WHERE rest.is_there AND rest.is_newest AND NOT rest.is_stopped"
    "    AND series.owner_id = $1 AND series.id = rest.id), "
    "series_gone AS ("
    "  DELETE FROM series USING rest WHERE NOT rest.is_there"
    "    AND (rest.is_newest OR rest.is_stopped)"
    "    AND series.owner_id = $1 AND series.id = rest.id), "
    "drawn AS ("
    "  UPDATE account SET seq = changed.seq, task_count = task_count - 1"
    "  FROM changed WHERE account.id = $1), "
    "tombstone AS ("
    "  INSERT INTO task_tombstone (owner_id, id, seq, purged_at)"
    "  SELECT $1, $2, changed.seq, $3::timestamptz FROM changed), " EVENTS_AND_REPLY
    "SELECT seq FROM changed",
};

/* A write on its way. */
struct task_writing {
    struct store_call call;
    struct task_outcome *outcome;
    enum task_op op;
};

static void add_new_id(struct pg_params *params, int64_t now_ms)
{
    pg_add_text(params, arena_copy_text(params->arena, uuid_new(now_ms).text));
}

static void add_common(struct pg_params *params, const struct task_write *write)
{
    const struct task *task = write->task;
    const struct idempotency *key = write->key;

    pg_add_text(params, task->owner_id.text);
    pg_add_text(params, task->id.text);
    pg_add_time(params, write->now_ms);
    pg_add_int(params, task->version);
    pg_add_text(params, task_op_event(write->op));
    pg_add_text(params, write->data);
    add_new_id(params, write->now_ms);
    add_new_id(params, write->now_ms);
    pg_add_text(params, write->traceparent);
    pg_add_text(params, write->op == TASK_PURGE ? EVENT_UPDATE_TASK_PURGED : EVENT_UPDATE_TASK);
    pg_add_text(params, key->key);
    pg_add_int(params, key->item);
    pg_add_bytes(params, key->hash, sizeof key->hash);
    pg_add_int(params, write->status);
    pg_add_text(params, write->op == TASK_PURGE ? NULL : write->data);
}

static pg_done_fn on_written;

static const struct pg_statement *choose(const struct task_write *write)
{
    const bool has_series = write->series != NULL;

    if (write->op == TASK_PURGE)
        return &TASK_PURGE_ONE;
    if (write->op == TASK_CREATE)
        return has_series ? &TASK_ADD_SERIES : &TASK_ADD;
    return has_series ? &TASK_SAVE_SERIES : &TASK_SAVE;
}

void task_store_write(const struct store_call *call, const struct task_write *write,
                      struct task_outcome *outcome)
{
    struct task_writing *writing = ARENA_NEW(call->arena, struct task_writing);
    struct pg_params params;

    *writing = (struct task_writing){.call = *call, .outcome = outcome, .op = write->op};
    *outcome = (struct task_outcome){0};
    pg_params_init(&params, call->arena);
    add_common(&params, write);
    if (write->op != TASK_PURGE)
        task_row_add(&params, write->task);
    if (write->op != TASK_PURGE && write->series != NULL)
        series_row_add(&params, write->series);
    if (write->op == TASK_CREATE)
        pg_add_int(&params, write->tasks_max);
    pg_query(call->pool, choose(write), &params, on_written, writing);
}

/* The second of two requests with the same key breaks on its kept reply, and all of it with that. */
static bool is_lost_race(const struct err *err)
{
    return err->code == ERR_CONFLICT &&
           strcmp(pg_err_constraint(err), IDEMPOTENCY_PRIMARY_KEY) == 0;
}

static enum task_written why_not_added(const struct pg_rows *rows, struct task_writing *writing)
{
    idempotency_row_read(rows, 0, 2, writing->call.arena, &writing->outcome->reply);
    if (writing->outcome->reply.is_there)
        return TASK_KNOWN;
    return pg_bool(rows, 0, 1) ? TASK_TOO_MANY : TASK_NO_OWNER;
}

static void on_written(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct task_writing *writing = arg;
    struct task_outcome *outcome = writing->outcome;

    if (err != NULL && is_lost_race(err)) {
        outcome->written = TASK_MOVED;
        err = NULL;
    } else if (err == NULL) {
        bool has_changed = pg_n_rows(rows) > 0 && !pg_is_null(rows, 0, 0);

        outcome->written = has_changed                  ? TASK_WRITTEN
                           : writing->op == TASK_CREATE ? why_not_added(rows, writing)
                                                        : TASK_MOVED;
    }
    writing->call.done(writing->call.arg, err);
}
