#include "services/notification/store/copy_store.h"

#include "common/json/json_out.h"

/* Not fresh: the inbox has the event, and nothing below happens. */
#define FRESH                                                                                      \
    "WITH fresh AS (INSERT INTO inbox (event_id) VALUES ($1::uuid) ON CONFLICT DO NOTHING"         \
    " RETURNING 1)"

/* The owner's row, made where there is none, and held: the update that changes nothing waits for
 * whoever holds it, and returns what that one left. */
#define OWNER                                                                                      \
    ", owner AS (INSERT INTO app_user (id) SELECT $2::uuid FROM fresh"                             \
    " ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING version, deleted_at)"

/* A task that has or had reminders is scheduled anew, but not before its owner is known: saving him
 * sees to all his tasks. */
const struct pg_statement COPY_SAVE_TASK = {
    "copy_save_task",
    FRESH OWNER
    " INSERT INTO task AS t (owner_id, id, version, status, due_at, time_zone, deleted_at, title,"
    " reminders, mark, unscheduled)"
    " SELECT $2::uuid, $3::uuid, $4::bigint, $5::smallint, $6::timestamptz, $7, $8::timestamptz,"
    " $9, $10::jsonb, 1, owner.version > 0 AND $10::jsonb IS NOT NULL"
    " FROM owner WHERE deleted_at IS NULL"
    " ON CONFLICT (owner_id, id) DO UPDATE SET version = excluded.version,"
    " status = excluded.status, due_at = excluded.due_at, time_zone = excluded.time_zone,"
    " deleted_at = excluded.deleted_at, title = excluded.title,"
    " reminders = excluded.reminders, mark = t.mark + 1,"
    " unscheduled = t.unscheduled OR excluded.unscheduled OR t.scheduled_version > 0"
    " WHERE t.version < excluded.version AND t.purged_at IS NULL",
};

/** As an array, NULL when there are none. */
static const char *join_objects(const struct json_texts *objects, struct arena *arena)
{
    struct json_out json;
    struct buf text;
    char *copy;

    if (objects->n_items == 0)
        return NULL;
    buf_init(&text);
    json_out_init(&json, &text);
    json_open_array(&json, NULL);
    for (size_t i = 0; i < objects->n_items; i++)
        json_raw(&json, NULL, objects->items[i]);
    json_close_array(&json);
    copy = arena_copy_bytes(arena, text.bytes, text.n_bytes);
    buf_clear(&text);
    return copy;
}

static void add_task(struct pg_params *params, const struct task *task)
{
    pg_add_int(params, task->status);
    pg_add_time(params, task->due_at);
    pg_add_text(params, task->time_zone);
    pg_add_time(params, task->deleted_at);
    pg_add_text(params, task->title);
    pg_add_text(params, join_objects(&task->reminders, params->arena));
}

const struct pg_statement COPY_PURGE_TASK = {
    "copy_purge_task",
    FRESH OWNER
    ", unnamed AS (UPDATE delivery SET title = '' FROM fresh"
    "  WHERE owner_id = $2::uuid AND task_id = $3::uuid)"
    " INSERT INTO task AS t (owner_id, id, version, purged_at)"
    " SELECT $2::uuid, $3::uuid, 0, $4::timestamptz FROM owner WHERE deleted_at IS NULL"
    " ON CONFLICT (owner_id, id) DO UPDATE SET version = 0, status = NULL, due_at = NULL,"
    " time_zone = NULL, deleted_at = NULL, title = NULL, purged_at = excluded.purged_at,"
    " reminders = NULL, mark = t.mark + 1,"
    " unscheduled = t.scheduled_version > 0"
    " WHERE t.purged_at IS NULL",
};

/* What his tasks' reminders depend on is spread over them, from the first id on. */
const struct pg_statement COPY_SAVE_USER = {
    "copy_save_user",
    FRESH
    " INSERT INTO app_user AS u (id, version, time_zone, email, name, reminder_settings, channels,"
    " spread_after)"
    " SELECT $2::uuid, $3::bigint, $4, $5, $6, $7, $8::jsonb,"
    " '00000000-0000-0000-0000-000000000000' FROM fresh"
    " ON CONFLICT (id) DO UPDATE SET version = excluded.version,"
    " time_zone = excluded.time_zone, email = excluded.email, name = excluded.name,"
    " reminder_settings = excluded.reminder_settings, channels = excluded.channels,"
    " spread_after = CASE WHEN u.version > 0 AND u.time_zone = excluded.time_zone"
    "  AND u.reminder_settings IS NOT DISTINCT FROM excluded.reminder_settings"
    "  AND u.channels = excluded.channels THEN u.spread_after ELSE excluded.spread_after END"
    " WHERE u.version < excluded.version AND u.deleted_at IS NULL",
};

static void add_user(struct pg_params *params, const struct user *user)
{
    const char *channels = join_objects(&user->channels, params->arena);

    pg_add_text(params, user->time_zone);
    pg_add_text(params, user->email);
    pg_add_text(params, user->name);
    pg_add_text(params, user->reminder_settings);
    pg_add_text(params, channels != NULL ? channels : "[]");
}

const struct pg_statement COPY_BURY_USER = {
    "copy_bury_user",
    "INSERT INTO app_user AS u (id, version, deleted_at)"
    " VALUES ($1::uuid, $2::bigint, $3::timestamptz)"
    " ON CONFLICT (id) DO UPDATE SET version = excluded.version, time_zone = NULL, email = NULL,"
    " name = NULL, reminder_settings = NULL, channels = '[]', spread_after = NULL,"
    " digest_next_at = NULL, deleted_at = excluded.deleted_at WHERE u.deleted_at IS NULL",
};

/* First what was planned for him, then his tasks, in the order of the ids, so that two deliveries of
 * one event wait for each other and no more. */
const struct pg_statement COPY_FORGET_USER = {
    "copy_forget_user",
    "WITH owner AS MATERIALIZED (SELECT id FROM app_user WHERE id = $2::uuid FOR UPDATE),"
    "told AS MATERIALIZED ("
    " SELECT d.id FROM owner JOIN delivery d ON d.owner_id = owner.id ORDER BY d.id LIMIT 1000"
    " FOR UPDATE OF d),"
    "untried AS (DELETE FROM attempt USING told WHERE attempt.delivery_id = told.id),"
    "untold AS (DELETE FROM delivery USING told WHERE delivery.id = told.id),"
    "part AS MATERIALIZED ("
    " SELECT t.id FROM owner JOIN task t ON t.owner_id = owner.id"
    " WHERE NOT EXISTS (SELECT FROM told) ORDER BY t.id LIMIT 1000 FOR UPDATE OF t),"
    "gone AS (DELETE FROM task USING part WHERE task.owner_id = $2::uuid AND task.id = part.id),"
    "handled AS (INSERT INTO inbox (event_id) SELECT $1::uuid"
    " WHERE NOT EXISTS (SELECT FROM part) AND NOT EXISTS (SELECT FROM told)"
    " ON CONFLICT DO NOTHING)"
    "SELECT (SELECT count(*) FROM part) + (SELECT count(*) FROM told)",
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
