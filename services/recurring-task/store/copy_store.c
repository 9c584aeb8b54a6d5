#include "services/recurring-task/store/copy_store.h"

/* Not fresh: the inbox has the event, and nothing below happens. */
#define FRESH                                                                                      \
    "WITH fresh AS (INSERT INTO inbox (event_id) VALUES ($1::uuid) ON CONFLICT DO NOTHING"         \
    " RETURNING 1)"

/* The owner's row, made where there is none, and held: the update that changes nothing waits for
 * whoever holds it, and returns what that one left. */
#define OWNER                                                                                      \
    ", owner AS (INSERT INTO app_user (id) SELECT $2::uuid FROM fresh"                             \
    " ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING deleted_at)"

const struct pg_statement COPY_SAVE_TASK = {
    "copy_save_task",
    FRESH OWNER
    " INSERT INTO task AS t (owner_id, id, version, status, due_at, time_zone, deleted_at)"
    " SELECT $2::uuid, $3::uuid, $4::bigint, $5::smallint, $6::timestamptz, $7, $8::timestamptz"
    " FROM owner WHERE deleted_at IS NULL"
    " ON CONFLICT (owner_id, id) DO UPDATE SET version = excluded.version,"
    " status = excluded.status, due_at = excluded.due_at, time_zone = excluded.time_zone,"
    " deleted_at = excluded.deleted_at WHERE t.version < excluded.version AND t.purged_at IS NULL",
};

static void add_task(struct pg_params *params, const struct task *task)
{
    pg_add_int(params, task->status);
    pg_add_time(params, task->due_at);
    pg_add_text(params, task->time_zone);
    pg_add_time(params, task->deleted_at);
}

const struct pg_statement COPY_PURGE_TASK = {
    "copy_purge_task",
    FRESH OWNER
    " INSERT INTO task AS t (owner_id, id, version, purged_at)"
    " SELECT $2::uuid, $3::uuid, 0, $4::timestamptz FROM owner WHERE deleted_at IS NULL"
    " ON CONFLICT (owner_id, id) DO UPDATE SET version = 0, status = NULL, due_at = NULL,"
    " time_zone = NULL, deleted_at = NULL, purged_at = excluded.purged_at"
    " WHERE t.purged_at IS NULL",
};

const struct pg_statement COPY_SAVE_USER = {
    "copy_save_user",
    FRESH " INSERT INTO app_user AS u (id, version, time_zone)"
          " SELECT $2::uuid, $3::bigint, $4 FROM fresh"
          " ON CONFLICT (id) DO UPDATE SET version = excluded.version,"
          " time_zone = excluded.time_zone"
          " WHERE u.version < excluded.version AND u.deleted_at IS NULL",
};

static void add_user(struct pg_params *params, const struct user *user)
{
    pg_add_text(params, user->time_zone);
}

const struct pg_statement COPY_BURY_USER = {
    "copy_bury_user",
    "INSERT INTO app_user AS u (id, version, deleted_at)"
    " VALUES ($1::uuid, $2::bigint, $3::timestamptz)"
    " ON CONFLICT (id) DO UPDATE SET version = excluded.version, time_zone = NULL,"
    " deleted_at = excluded.deleted_at WHERE u.deleted_at IS NULL",
};

/* In the order of the ids, so that two deliveries of one event wait for each other and no more. */
const struct pg_statement COPY_FORGET_USER = {
    "copy_forget_user",
    "WITH part AS MATERIALIZED ("
    " SELECT id FROM task WHERE owner_id = $2::uuid ORDER BY id LIMIT 1000 FOR UPDATE),"
    "gone AS (DELETE FROM task USING part WHERE task.owner_id = $2::uuid AND task.id = part.id),"
    "handled AS (INSERT INTO inbox (event_id)"
    " SELECT $1::uuid WHERE NOT EXISTS (SELECT FROM part) ON CONFLICT DO NOTHING)"
    "SELECT count(*) FROM part",
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
