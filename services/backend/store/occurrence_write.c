/* services/backend/store/occurrence_write.c — the next occurrence of a series, in one statement. */
#include "common/events/event_types.h"
#include "services/backend/store/series_store.h"
#include "services/backend/store/task_row.h"

/* 1 owner  2 series  3 its revision as it was read  4 event  5 now  6 traceparent
 * 7 new task  8 its data  9 skipped task  10 its version as it will be  11 its data
 * 12 to 15 ids of the events  16 to 37 the columns of the new task (task_row_add)
 * 38 newest task  39 its version as it was read  40 how many tasks there may be
 *
 * The owner's row is locked first, as by every change, then series and newest task, which may be
 * skipped or in the trash, are read as they are by then. Only when both are as they were, and there is
 * room, does the event count as handled; all else hangs on that. The one that is skipped takes the
 * first seq, and its events go first. */
const struct pg_statement OCCURRENCE_ADD = {
    "occurrence_add",
    "WITH owner AS ("
    "  SELECT seq, task_count FROM account WHERE id = $1::uuid FOR NO KEY UPDATE), "
    "held AS ("
    "  SELECT s.revision FROM series s JOIN owner ON true"
    "  WHERE s.owner_id = $1 AND s.id = $2::uuid FOR NO KEY UPDATE OF s), "
    "previous AS ("
    "  SELECT t.version FROM task t JOIN owner ON true"
    "  WHERE t.owner_id = $1 AND t.id = $38::uuid FOR NO KEY UPDATE OF t), "
    "ready AS ("
    "  SELECT owner.task_count < $40::bigint AS has_room"
    "  FROM owner JOIN held ON true LEFT JOIN previous ON true"
    "  WHERE held.revision = $3::bigint"
    "    AND ($38 IS NULL OR previous.version = $39::bigint)), "
    "fresh AS ("
    "  INSERT INTO inbox (event_id) SELECT $4::uuid FROM ready WHERE has_room"
    "  ON CONFLICT DO NOTHING RETURNING 1), "
    "drawn AS ("
    "  UPDATE account SET task_count = task_count + 1,"
    "    seq = account.seq + CASE WHEN $9::uuid IS NULL THEN 1 ELSE 2 END"
    "  FROM fresh WHERE account.id = $1 RETURNING account.seq), "
    "skipped AS ("
    "  UPDATE task SET version = $10::bigint, seq = drawn.seq - 1, status = 2, completed_at = $5,"
    "    updated_at = $5"
    "  FROM drawn WHERE task.owner_id = $1 AND task.id = $9), "
    "made AS ("
    "  INSERT INTO task (owner_id, id, version, seq, created_at, " TASK_WRITTEN_COLUMNS ")"
    "  SELECT $1, $7::uuid, 1, drawn.seq, $5::timestamptz, $16, $17, $18, $19, $20, $21, $22, $23,"
    "    $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37 FROM drawn), "
    "counted AS ("
    "  UPDATE series SET revision = revision + 1, last_occurrence = last_occurrence + 1,"
    "    newest_id = $7"
    "  FROM drawn WHERE series.owner_id = $1 AND series.id = $2), "
    "events AS ("
    "  INSERT INTO outbox (id, topic, type, subject, owner_id, seq, occurred_at, traceparent, data)"
    "  SELECT e.id, e.topic, e.type, e.subject, $1, drawn.seq - e.back, $5, $6, e.data"
    "  FROM drawn, (VALUES"
    "    ($12::uuid, '" TOPIC_TASK_EVENTS "', '" EVENT_TASK_SKIPPED "', $9::text, 1, $11),"
    "    ($13, '" TOPIC_TASK_UPDATES "', '" EVENT_UPDATE_TASK "', $9::text, 1, $11),"
    "    ($14, '" TOPIC_TASK_EVENTS "', '" EVENT_TASK_CREATED "', $7::text, 0, $8::text),"
    "    ($15, '" TOPIC_TASK_UPDATES "', '" EVENT_UPDATE_TASK "', $7::text, 0, $8)"
    "  ) AS e (id, topic, type, subject, back, data)"
    "  WHERE e.data IS NOT NULL ORDER BY e.back DESC) "
    "SELECT EXISTS (SELECT FROM drawn), EXISTS (SELECT FROM ready WHERE NOT has_room)",
};

/* A write on its way. */
struct occurrence_writing {
    struct store_call call;
    enum occurrence_written *written;
};

static void add_new_id(struct pg_params *params, int64_t now_ms)
{
    pg_add_text(params, arena_copy_text(params->arena, uuid_new(now_ms).text));
}

static void add_task_version(struct pg_params *params, const struct task *task)
{
    pg_add_text(params, task == NULL ? NULL : task->id.text);
    if (task == NULL)
        pg_add_text(params, NULL);
    else
        pg_add_int(params, task->version);
}

static void add_params(struct pg_params *params, const struct occurrence_write *write)
{
    const struct task *task = write->task;
    const struct task *skipped = write->skipped;

    pg_add_text(params, task->owner_id.text);
    pg_add_text(params, write->series->id.text);
    pg_add_int(params, write->series->revision - 1);
    pg_add_text(params, write->event_id);
    pg_add_time(params, write->now_ms);
    pg_add_text(params, write->traceparent);
    pg_add_text(params, task->id.text);
    pg_add_text(params, write->data);
    add_task_version(params, skipped);
    pg_add_text(params, skipped == NULL ? NULL : write->skipped_data);
    for (int i = 0; i < 4; i++)
        add_new_id(params, write->now_ms);
    task_row_add(params, task);
    add_task_version(params, write->newest);
    pg_add_int(params, write->room);
}

static pg_done_fn on_written;

void series_store_add(const struct store_call *call, const struct occurrence_write *write,
                      enum occurrence_written *written)
{
    struct occurrence_writing *writing = ARENA_NEW(call->arena, struct occurrence_writing);
    struct pg_params params;

    *writing = (struct occurrence_writing){*call, written};
    pg_params_init(&params, call->arena);
    add_params(&params, write);
    pg_query(call->pool, &OCCURRENCE_ADD, &params, on_written, writing);
}

static void on_written(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct occurrence_writing *writing = arg;

    *writing->written = OCCURRENCE_MOVED;
    if (err == NULL && pg_bool(rows, 0, 0))
        *writing->written = OCCURRENCE_MADE;
    else if (err == NULL && pg_bool(rows, 0, 1))
        *writing->written = OCCURRENCE_NO_ROOM;
    writing->call.done(writing->call.arg, err);
}
