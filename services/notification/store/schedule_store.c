#include "services/notification/store/schedule_store.h"

#include <string.h>

/* The words of enums come as the C side reads them. */
#define DELIVERY_JSON                                                                              \
    "jsonb_build_object('id', d.id, 'reminder_id', d.reminder_id, 'generation', d.generation,"     \
    " 'channel', ('{email,push,app,webhook}'::text[])[d.channel + 1],"                             \
    " 'channel_id', d.channel_id, 'state',"                                                        \
    " ('{scheduled,claimed,retrying,sent,failed,cancelled,expired}'::text[])[d.state + 1],"        \
    " 'attempts', d.attempts, 'remind_at', d.remind_at, 'next_try_at', d.next_try_at,"             \
    " 'held_until', d.held_until)"

/* Of the deliveries only those that wait, or are of what the task has now. */
const struct pg_statement SCHEDULE_READ = {
    "schedule_read",
    "SELECT t.owner_id, t.id, t.mark, coalesce(t.title, ''), t.time_zone, u.time_zone,"
    " t.status = 0 AND t.deleted_at IS NULL AND t.purged_at IS NULL,"
    " t.version > t.scheduled_version, t.due_at, t.reminders::text,"
    " u.reminder_settings, u.channels::text,"
    " (SELECT jsonb_agg(" DELIVERY_JSON ")::text FROM delivery d"
    "  WHERE d.owner_id = t.owner_id AND d.task_id = t.id AND d.kind = 0"
    "  AND (d.state IN (0, 2) OR t.reminders @> jsonb_build_array("
    "   jsonb_build_object('id', d.reminder_id, 'generation', d.generation))))"
    " FROM task t JOIN app_user u ON u.id = t.owner_id"
    " WHERE t.unscheduled AND u.deleted_at IS NULL ORDER BY t.owner_id, t.id LIMIT 100",
};

static bool read_list(const char *text, struct arena *arena, struct json_texts *list)
{
    struct err err = {0};

    *list = (struct json_texts){0};
    return text == NULL || json_read_array(text, strlen(text), 10000, arena, list, &err);
}

static bool read_object(const char *text, const struct json_field *fields, size_t n_fields,
                        struct arena *arena, void *target)
{
    const struct json_reading reading = {
        .fields = fields,
        .n_fields = n_fields,
        .unknown = JSON_IGNORE_UNKNOWN,
    };
    struct err err = {0};

    return json_read(text, strlen(text), &reading, arena, target, &err);
}

struct reminder_settings schedule_read_settings(const char *json, struct arena *arena)
{
    struct reminder_settings settings = reminder_settings_initial;

    if (json != NULL &&
        !read_object(json, reminder_settings_fields, reminder_settings_n_fields, arena, &settings))
        settings = reminder_settings_initial;
    return settings;
}

static void read_user(const struct pg_rows *rows, int row, struct arena *arena,
                      struct schedule_user *user)
{
    struct channel_address *addresses;
    struct json_texts list;

    user->settings = schedule_read_settings(pg_copy_text(rows, row, 10, arena), arena);
    if (!read_list(pg_copy_text(rows, row, 11, arena), arena, &list))
        return;
    addresses = ARENA_NEW_ARRAY(arena, list.n_items + 1, struct channel_address);
    for (size_t i = 0; i < list.n_items; i++)
        if (read_object(list.items[i], channel_address_fields, channel_address_n_fields, arena,
                        &addresses[user->n_addresses]))
            user->n_addresses++;
    user->addresses = addresses;
}

static void read_deliveries(const char *text, struct arena *arena, struct schedule_job *job)
{
    struct delivery_row *deliveries;
    struct json_texts list;

    if (!read_list(text, arena, &list))
        return;
    deliveries = ARENA_NEW_ARRAY(arena, list.n_items + 1, struct delivery_row);
    for (size_t i = 0; i < list.n_items; i++)
        if (read_object(list.items[i], delivery_row_fields, delivery_row_n_fields, arena,
                        &deliveries[job->n_rows]))
            job->n_rows++;
    job->rows = deliveries;
}

static void read_task(const struct pg_rows *rows, int row, struct arena *arena,
                      struct unscheduled *task)
{
    struct schedule_task *of = &task->job.task;
    struct reminder *reminders = NULL;
    struct json_texts list;
    struct err err = {0};

    task->owner_id = (struct uuid){""};
    (void)uuid_read(pg_text(rows, row, 0), &task->owner_id);
    (void)uuid_read(pg_text(rows, row, 1), &task->task_id);
    task->mark = pg_int(rows, row, 2);
    task->title = pg_copy_text(rows, row, 3, arena);
    task->zone_name = pg_copy_text(rows, row, 4, arena);
    task->user_zone_name = pg_copy_text(rows, row, 5, arena);
    of->is_open = pg_bool(rows, row, 6);
    of->is_new = pg_bool(rows, row, 7);
    of->due_at = pg_time(rows, row, 8);
    if (read_list(pg_copy_text(rows, row, 9, arena), arena, &list) &&
        reminders_read(&list, arena, &reminders, &err)) {
        of->reminders = reminders;
        of->n_reminders = list.n_items;
    }
    read_user(rows, row, arena, &task->job.user);
    read_deliveries(pg_copy_text(rows, row, 12, arena), arena, &task->job);
}

struct unscheduled *schedule_read_rows(const struct pg_rows *rows, struct arena *arena,
                                       size_t *n_tasks)
{
    int n_rows = pg_n_rows(rows);
    struct unscheduled *tasks = ARENA_NEW_ARRAY(arena, (size_t)n_rows + 1, struct unscheduled);

    for (int row = 0; row < n_rows; row++)
        read_task(rows, row, arena, &tasks[row]);
    *n_tasks = (size_t)n_rows;
    return tasks;
}

/* A delivery that was added while its task was being purged is what the purge did not see: it loses
 * its title here. No row is in both updates. */
const struct pg_statement SCHEDULE_APPLY = {
    "schedule_apply",
    "WITH " LEDGER_OWNERS
    ", fit AS (UPDATE task t SET unscheduled = false, scheduled_version = t.version"
    "  FROM unnest($9::uuid[], $10::uuid[], $11::bigint[]) AS j (owner_id, task_id, mark)"
    "  JOIN owner ON owner.id = j.owner_id AND owner.deleted_at IS NULL"
    "  WHERE t.owner_id = j.owner_id AND t.id = j.task_id AND t.mark = j.mark AND t.unscheduled"
    "  RETURNING t.owner_id, t.id, t.purged_at)"
    ", change AS MATERIALIZED (SELECT c.* FROM unnest($12::uuid[], $13::uuid[], $14::uuid[],"
    "   $15::text[], $16::smallint[], $17::smallint[], $18::uuid[], $19::bigint[],"
    "   $20::smallint[], $21::uuid[], $22::timestamptz[], $23::timestamptz[], $24::timestamptz[])"
    "  AS c (id, owner_id, task_id, title, was, state, reminder_id, generation, channel,"
    "   channel_id, remind_at, next_try_at, held_until)"
    "  JOIN fit ON fit.owner_id = c.owner_id AND fit.id = c.task_id)"
    ", added AS (INSERT INTO delivery (id, owner_id, kind, task_id, reminder_id, generation,"
    "   channel, channel_id, title, state, remind_at, next_try_at, held_until)"
    "  SELECT id, owner_id, 0, task_id, reminder_id, generation, channel, channel_id, title, state,"
    "   remind_at, next_try_at, held_until FROM change WHERE was < 0"
    "  ON CONFLICT DO NOTHING RETURNING id, owner_id, task_id)"
    ", moved AS (UPDATE delivery d SET state = c.state, remind_at = c.remind_at,"
    "   next_try_at = c.next_try_at, held_until = c.held_until,"
    "   reason = CASE WHEN c.state = 5 THEN d.reason END,"
    "   title = CASE WHEN c.title = '' THEN '' ELSE d.title END"
    "  FROM change c WHERE c.was >= 0 AND d.id = c.id AND d.state = c.was"
    "  RETURNING d.id, d.owner_id, d.task_id)"
    ", unnamed AS (UPDATE delivery d SET title = '' FROM fit"
    "  WHERE fit.purged_at IS NOT NULL AND d.owner_id = fit.owner_id AND d.task_id = fit.id"
    "   AND d.kind = 0 AND d.id <> ALL (ARRAY (SELECT id FROM change)))"
    ", done AS (SELECT * FROM added UNION ALL SELECT * FROM moved)" LEDGER_EVENTS,
};

void schedule_columns_init(struct schedule_columns *columns, struct arena *arena)
{
    struct column *const all[] = {
        &columns->owners,      &columns->tasks,     &columns->marks,       &columns->row_ids,
        &columns->row_owners,  &columns->row_tasks, &columns->titles,      &columns->was,
        &columns->states,      &columns->reminders, &columns->generations, &columns->channels,
        &columns->channel_ids, &columns->remind_at, &columns->next_try_at, &columns->held_until,
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        column_init(all[i], arena);
}

void schedule_columns_add_task(struct schedule_columns *columns, const struct unscheduled *task)
{
    column_add(&columns->owners, task->owner_id.text);
    column_add(&columns->tasks, task->task_id.text);
    column_add_int(&columns->marks, task->mark);
}

void schedule_columns_add_change(struct schedule_columns *columns, const struct unscheduled *task,
                                 const struct schedule_change *change)
{
    const struct delivery_row *row = &change->row;

    column_add(&columns->row_ids, row->id.text);
    column_add(&columns->row_owners, task->owner_id.text);
    column_add(&columns->row_tasks, task->task_id.text);
    column_add(&columns->titles, task->title);
    column_add_int(&columns->was, change->was);
    column_add_int(&columns->states, row->state);
    column_add(&columns->reminders, row->reminder_id.text);
    column_add_int(&columns->generations, row->generation);
    column_add_int(&columns->channels, row->channel);
    column_add(&columns->channel_ids, row->channel_id.text);
    column_add_time(&columns->remind_at, row->remind_at);
    column_add_time(&columns->next_try_at, row->next_try_at);
    column_add_time(&columns->held_until, row->held_until);
}

void schedule_columns_params(const struct schedule_columns *columns, struct pg_params *params)
{
    const struct column *const all[] = {
        &columns->owners,      &columns->tasks,     &columns->marks,       &columns->row_ids,
        &columns->row_owners,  &columns->row_tasks, &columns->titles,      &columns->was,
        &columns->states,      &columns->reminders, &columns->generations, &columns->channels,
        &columns->channel_ids, &columns->remind_at, &columns->next_try_at, &columns->held_until,
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        column_param(all[i], params);
}
