#include "services/recurring-task/store/copy_store.h"

#include "services/recurring-task/domain/decision.h"

/* Not fresh: the inbox has the event, and nothing below happens. */
#define FRESH                                                                                      \
    "WITH fresh AS (INSERT INTO inbox (event_id) VALUES ($1::uuid) ON CONFLICT DO NOTHING"         \
    " RETURNING 1)"

/* The owner's row, made where there is none, and held: the update that changes nothing waits for
 * whoever holds it, and returns what that one left. */
#define OWNER                                                                                      \
    ", owner AS (INSERT INTO app_user (id) SELECT $2::uuid FROM fresh"                             \
    " ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING deleted_at)"

/* What the task is like goes by its version; what it tells of its series by three rules of its own:
 * the definition by the series' version, the newest occurrence by its number and then the task's
 * version, and that it ended is a fact. A series of which something is told that counts is to be
 * decided at once, and what was being decided about it holds no more.
 *
 * Backend drops what it is told to be due while the newest occurrence is open and in the trash. So that
 * one was there, and that it came back, each has it said again, whichever is told first: what was not
 * dropped is there already, or on its way here. */
const struct pg_statement COPY_SAVE_TASK = {
    "copy_save_task",
    FRESH OWNER
    ", saved AS ("
    " INSERT INTO task AS t (owner_id, id, version, status)"
    " SELECT $2::uuid, $3::uuid, $4::bigint, $5::smallint FROM owner WHERE deleted_at IS NULL"
    " ON CONFLICT (owner_id, id) DO UPDATE SET version = excluded.version, status = excluded.status"
    " WHERE t.version < excluded.version AND t.purged_at IS NULL)"
    " INSERT INTO series AS s (owner_id, id, version, told_by_occurrence, told_by_version,"
    " rule, anchor, missed, time_zone, start, start_occurrence,"
    " occurrence, task_id, task_version, scheduled_at, is_trashed, lead, ended_at, decide_at)"
    " SELECT $2::uuid, $6::uuid, $7::bigint, $8::bigint, $4::bigint,"
    " $9, $10::smallint, $11::smallint, $12, $13, $14::bigint,"
    " $8::bigint, $3::uuid, $4::bigint, $15::timestamptz, $16::boolean, $17,"
    " $18::timestamptz, '-infinity' FROM owner WHERE deleted_at IS NULL AND $6 IS NOT NULL"
    " ON CONFLICT (owner_id, id) DO UPDATE SET"
    " (version, told_by_occurrence, told_by_version, rule, anchor, missed, time_zone, start,"
    "  start_occurrence) = (SELECT * FROM (VALUES"
    "  (excluded.version, excluded.told_by_occurrence, excluded.told_by_version, excluded.rule,"
    "   excluded.anchor, excluded.missed, excluded.time_zone, excluded.start,"
    "   excluded.start_occurrence),"
    "  (s.version, s.told_by_occurrence, s.told_by_version, s.rule, s.anchor, s.missed,"
    "   s.time_zone, s.start, s.start_occurrence)) AS told (version, by_occurrence, by_version)"
    "  ORDER BY told.version DESC, by_occurrence, by_version LIMIT 1),"
    " (occurrence, task_id, task_version, scheduled_at, is_trashed, lead) = (SELECT * FROM (VALUES"
    "  (excluded.occurrence, excluded.task_id, excluded.task_version, excluded.scheduled_at,"
    "   excluded.is_trashed, excluded.lead),"
    "  (s.occurrence, s.task_id, s.task_version, s.scheduled_at, s.is_trashed, s.lead))"
    "  AS told (number, id, version) ORDER BY number DESC, told.version DESC LIMIT 1),"
    " ended_at = CASE WHEN excluded.occurrence > s.occurrence THEN excluded.ended_at"
    "  WHEN excluded.occurrence < s.occurrence OR excluded.version < s.version THEN s.ended_at"
    "  WHEN excluded.version > s.version THEN excluded.ended_at"
    "  ELSE least(excluded.ended_at, s.ended_at) END,"
    " emitted_occurrence = CASE WHEN excluded.occurrence = s.occurrence AND"
    "  CASE WHEN excluded.is_trashed THEN excluded.ended_at IS NULL"
    "  ELSE s.is_trashed AND excluded.task_version > s.task_version END"
    "  THEN NULL ELSE s.emitted_occurrence END,"
    " decide_at = '-infinity', claimed_until = NULL, revision = s.revision + 1"
    " WHERE excluded.occurrence >= s.occurrence OR excluded.version > s.version"
    " OR (excluded.version = s.version AND (excluded.told_by_occurrence, excluded.told_by_version)"
    "  < (s.told_by_occurrence, s.told_by_version))",
};

static void add_word(struct pg_params *params, int word)
{
    if (word < 0)
        pg_add_text(params, NULL);
    else
        pg_add_int(params, word);
}

/* When it was completed or skipped; of a skipped one that is when it was last changed, if nothing
 * better is said. */
static int64_t ended_at(const struct task *task)
{
    if (task->status == TASK_OPEN)
        return 0;
    return task->completed_at != 0 ? task->completed_at : task->updated_at;
}

static void add_task(struct pg_params *params, const struct task *task)
{
    bool has_series = task->series_id.text[0] != '\0';

    pg_add_int(params, task->status);
    pg_add_text(params, has_series ? task->series_id.text : NULL);
    pg_add_int(params, task->series_version);
    pg_add_int(params, task->occurrence);
    pg_add_text(params, task->recurrence);
    add_word(params, task->anchor);
    add_word(params, task->missed);
    pg_add_text(params, task->time_zone);
    pg_add_text(params, task->series_start);
    pg_add_int(params, task->series_from);
    pg_add_time(params, task->scheduled_at);
    pg_add_bool(params, task->deleted_at != 0);
    pg_add_text(params, has_series ? decision_lead(task, params->arena) : NULL);
    pg_add_time(params, ended_at(task));
}

/* Its series finds the tombstone when it is decided next: an open occurrence that was purged ends it. */
const struct pg_statement COPY_PURGE_TASK = {
    "copy_purge_task",
    FRESH OWNER " INSERT INTO task AS t (owner_id, id, version, purged_at)"
                " SELECT $2::uuid, $3::uuid, 0, $4::timestamptz FROM owner WHERE deleted_at IS NULL"
                " ON CONFLICT (owner_id, id) DO UPDATE SET version = 0, status = NULL,"
                " purged_at = excluded.purged_at WHERE t.purged_at IS NULL",
};

const struct pg_statement COPY_SAVE_USER = {
    "copy_save_user",
    FRESH " INSERT INTO app_user AS u (id, version) SELECT $2::uuid, $3::bigint FROM fresh"
          " ON CONFLICT (id) DO UPDATE SET version = excluded.version"
          " WHERE u.version < excluded.version AND u.deleted_at IS NULL",
};

/* A series has a zone of its own. */
static void add_user(struct pg_params *params, const struct user *user)
{
    (void)params;
    (void)user;
}

const struct pg_statement COPY_BURY_USER = {
    "copy_bury_user",
    "INSERT INTO app_user AS u (id, version, deleted_at)"
    " VALUES ($1::uuid, $2::bigint, $3::timestamptz)"
    " ON CONFLICT (id) DO UPDATE SET version = excluded.version, deleted_at = excluded.deleted_at"
    " WHERE u.deleted_at IS NULL",
};

/* In the order of the ids, so that two deliveries of one event wait for each other and no more. */
const struct pg_statement COPY_FORGET_USER = {
    "copy_forget_user",
    "WITH part AS MATERIALIZED ("
    " SELECT id FROM task WHERE owner_id = $2::uuid ORDER BY id LIMIT 1000 FOR UPDATE),"
    "series_part AS MATERIALIZED ("
    " SELECT id FROM series WHERE owner_id = $2::uuid ORDER BY id LIMIT 1000 FOR UPDATE),"
    "gone AS (DELETE FROM task USING part WHERE task.owner_id = $2::uuid AND task.id = part.id),"
    "series_gone AS (DELETE FROM series USING series_part"
    " WHERE series.owner_id = $2::uuid AND series.id = series_part.id),"
    "handled AS (INSERT INTO inbox (event_id) SELECT $1::uuid WHERE NOT EXISTS (SELECT FROM part)"
    " AND NOT EXISTS (SELECT FROM series_part) ON CONFLICT DO NOTHING)"
    "SELECT (SELECT count(*) FROM part) + (SELECT count(*) FROM series_part)",
};

const struct projection_store copy_store = {
    .save_task = &COPY_SAVE_TASK,
    .add_task = add_task,
    .purge_task = &COPY_PURGE_TASK,
    .save_user = &COPY_SAVE_USER,
    .add_user = add_user,
    .bury_user = &COPY_BURY_USER,
    .forget_user = &COPY_FORGET_USER,
};
