#include "services/backend/store/task_purge.h"

#include "common/base/uuid.h"
#include "common/events/event_types.h"
#include "services/backend/domain/action_link.h"

/* A purge on its way. */
struct task_purging {
    struct store_call call;
    int64_t *n_purged;
};

static void run(const struct store_call *call, const struct pg_statement *statement,
                const struct pg_params *params, int64_t *n_purged);

/* Owners whose row another transaction holds are left for the next round, and take no place in this
 * one: so it waits for no one while it holds many rows. Who holds the owner's row is alone with his
 * tasks; one restored before that is compared again by the DELETE. Of the series see TASK_PURGE_ONE. */
const struct pg_statement TASK_PURGE_TRASH = {
    "task_purge_trash",
    "WITH due AS MATERIALIZED ("
    "  SELECT t.owner_id, t.id, owner.seq FROM task t JOIN account owner ON owner.id = t.owner_id"
    "  WHERE t.deleted_at < $1::timestamptz ORDER BY t.deleted_at LIMIT $2::integer"
    "  FOR NO KEY UPDATE OF owner SKIP LOCKED), "
    "gone AS ("
    "  DELETE FROM task USING due"
    "  WHERE task.owner_id = due.owner_id AND task.id = due.id AND task.deleted_at < $1"
    "  RETURNING task.owner_id, task.id, task.series_id, task.occurrence, due.seq), "
    "held AS ("
    "  SELECT s.owner_id, s.id, s.last_occurrence = g.occurrence AS is_newest,"
    "    s.stopped_at IS NOT NULL AS is_stopped"
    "  FROM (SELECT owner_id, series_id, max(occurrence) AS occurrence FROM gone"
    "    GROUP BY owner_id, series_id) AS g"
    "  JOIN series s ON s.owner_id = g.owner_id AND s.id = g.series_id FOR UPDATE OF s), "
    "rest AS ("
    "  SELECT held.*, EXISTS (SELECT FROM task t WHERE t.owner_id = held.owner_id"
    "    AND t.series_id = held.id AND t.id NOT IN (SELECT id FROM gone) FOR KEY SHARE) AS is_there"
    "  FROM held), "
    "series_ended AS ("
    "  UPDATE series SET version = version + 1, revision = revision + 1,"
    "    stopped_at = $3::timestamptz"
    "  FROM rest WHERE rest.is_there AND rest.is_newest AND NOT rest.is_stopped"
    "    AND series.owner_id = rest.owner_id AND series.id = rest.id), "
    "series_gone AS ("
    "  DELETE FROM series USING rest WHERE NOT rest.is_there"
    "    AND (rest.is_newest OR rest.is_stopped)"
    "    AND series.owner_id = rest.owner_id AND series.id = rest.id), "
    "numbered AS ("
    "  SELECT owner_id, id, row_number() OVER (ORDER BY owner_id, id) AS number,"
    "    seq + row_number() OVER (PARTITION BY owner_id ORDER BY id) AS seq FROM gone), "
    "drawn AS ("
    "  UPDATE account SET seq = newest.seq, task_count = task_count - newest.count"
    "  FROM (SELECT owner_id, max(seq) AS seq, count(*) FROM numbered GROUP BY owner_id) AS newest"
    "  WHERE account.id = newest.owner_id), "
    "tombstone AS ("
    "  INSERT INTO task_tombstone (owner_id, id, seq, purged_at)"
    "  SELECT owner_id, id, seq, $3::timestamptz FROM numbered), "
    "events AS ("
    "  INSERT INTO outbox (id, topic, type, subject, owner_id, seq, occurred_at, traceparent, data)"
    "  SELECT ($5::uuid[])[2 * n.number - e.turn], e.topic, e.type, n.id::text, n.owner_id, n.seq,"
    "    $3, $4, '{\"id\":\"' || n.id || '\"}' FROM numbered n,"
    "    (VALUES (1, '" TOPIC_TASK_EVENTS "', '" EVENT_TASK_PURGED "'),"
    "      (0, '" TOPIC_TASK_UPDATES "', '" EVENT_UPDATE_TASK_PURGED "')) AS e (turn, topic, type)"
    "  ORDER BY n.number, e.turn DESC) "
    "SELECT count(*) FROM numbered",
};

void task_purge_trash(const struct store_call *call, int64_t before, int64_t now_ms,
                      const char *traceparent, int64_t *n_purged)
{
    const char *ids[2 * TASK_PURGE_STEP];
    struct pg_params params;

    for (size_t i = 0; i < 2 * TASK_PURGE_STEP; i++)
        ids[i] = arena_copy_text(call->arena, uuid_new(now_ms).text);
    pg_params_init(&params, call->arena);
    pg_add_time(&params, before);
    pg_add_int(&params, TASK_PURGE_STEP);
    pg_add_time(&params, now_ms);
    pg_add_text(&params, traceparent);
    pg_add_texts(&params, ids, 2 * TASK_PURGE_STEP);
    run(call, &TASK_PURGE_TRASH, &params, n_purged);
}

/* The floor rises with what goes, so whoever was away for longer is told to begin anew. */
const struct pg_statement TASK_PURGE_TOMBSTONES = {
    "task_purge_tombstones",
    "WITH old AS MATERIALIZED ("
    "  SELECT s.owner_id, s.seq FROM task_tombstone s JOIN account owner ON owner.id = s.owner_id"
    "  WHERE s.purged_at < $1::timestamptz ORDER BY s.purged_at LIMIT $2::integer"
    "  FOR NO KEY UPDATE OF owner SKIP LOCKED), "
    "gone AS ("
    "  DELETE FROM task_tombstone s USING old WHERE s.owner_id = old.owner_id AND s.seq = old.seq"
    "  RETURNING s.owner_id, s.seq), "
    "raised AS ("
    "  UPDATE account SET sync_floor = greatest(sync_floor, newest.seq)"
    "  FROM (SELECT owner_id, max(seq) AS seq FROM gone GROUP BY owner_id) AS newest"
    "  WHERE account.id = newest.owner_id) "
    "SELECT count(*) FROM gone",
};

void task_purge_tombstones(const struct store_call *call, int64_t before, int64_t *n_purged)
{
    struct pg_params params;

    pg_params_init(&params, call->arena);
    pg_add_time(&params, before);
    pg_add_int(&params, TASK_PURGE_STEP);
    run(call, &TASK_PURGE_TOMBSTONES, &params, n_purged);
}

const struct pg_statement TASK_PURGE_REPLIES = {
    "task_purge_replies",
    "WITH gone AS ("
    "  DELETE FROM idempotency WHERE (owner_id, key, item) IN ("
    "    SELECT owner_id, key, item FROM idempotency WHERE created_at < $1::timestamptz"
    "    AND (created_at < $3::timestamptz OR key NOT LIKE '" ACTION_KEY_PREFIX "%')"
    "    ORDER BY created_at LIMIT $2::integer FOR UPDATE SKIP LOCKED)"
    "  RETURNING 1) "
    "SELECT count(*) FROM gone",
};

void task_purge_replies(const struct store_call *call, int64_t before, int64_t links_before,
                        int64_t *n_purged)
{
    struct pg_params params;

    pg_params_init(&params, call->arena);
    pg_add_time(&params, before);
    pg_add_int(&params, TASK_PURGE_STEP);
    pg_add_time(&params, links_before);
    run(call, &TASK_PURGE_REPLIES, &params, n_purged);
}

static pg_done_fn on_purged;

static void run(const struct store_call *call, const struct pg_statement *statement,
                const struct pg_params *params, int64_t *n_purged)
{
    struct task_purging *purging = ARENA_NEW(call->arena, struct task_purging);

    *purging = (struct task_purging){*call, n_purged};
    pg_query(call->pool, statement, params, on_purged, purging);
}

static void on_purged(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct task_purging *purging = arg;

    *purging->n_purged = err == NULL ? pg_int(rows, 0, 0) : 0;
    purging->call.done(purging->call.arg, err);
}
