#include "services/notification/store/sending_store.h"

#include <string.h>

#include "services/notification/store/schedule_store.h"

/* How a claim works. One pass over the index of what waits: for each row its owner is looked up, its
 * task is locked, then the row itself, passing over what another replica holds, what is about to be
 * scheduled anew, and a task that is being changed. A lock shows the task as it is at the moment of
 * the claim: a reminder that was moved, or a task that was completed, in a commit before this one is
 * not sent. Nothing here waits for a lock, so nobody waits in a circle.
 * How many rows there will be the planner cannot know, and takes a tenth of all that wait. So tables
 * are looked into by what it cannot turn into joins of whole tables: laterals with OFFSET 0, and an
 * array of ids. What the update changes is in no index, so it writes no index anew. */
const struct pg_statement SENDING_CLAIM = {
    "sending_claim",
    "WITH wanted AS MATERIALIZED (SELECT channel, room, busy::uuid[] AS busy"
    "  FROM unnest($1::smallint[], $2::int[], $5::text[]) AS w (channel, room, busy))"
    ", due AS MATERIALIZED (SELECT d.* FROM wanted w CROSS JOIN LATERAL (SELECT d.id, d.owner_id,"
    "   d.kind, d.task_id, d.reminder_id, d.generation, d.channel, d.channel_id,"
    "   coalesce(t.title, d.title) AS title, d.remind_at, d.held_until, d.digest_until, t.due_at,"
    "   t.time_zone AS task_zone, u.time_zone, u.email, u.name, u.reminder_settings, u.channels"
    "  FROM delivery d CROSS JOIN LATERAL (SELECT u.time_zone, u.email, u.name,"
    "    u.reminder_settings, u.channels FROM app_user u WHERE u.id = d.owner_id"
    "    AND u.spread_after IS NULL AND u.deleted_at IS NULL OFFSET 0) u"
    "  LEFT JOIN LATERAL (SELECT t.id, t.title, t.due_at, t.time_zone FROM task t"
    "    WHERE t.owner_id = d.owner_id AND t.id = d.task_id"
    "    AND NOT t.unscheduled AND t.status = 0 AND t.deleted_at IS NULL"
    "    AND t.reminders @> jsonb_build_array("
    "     jsonb_build_object('id', d.reminder_id, 'generation', d.generation))"
    "    OFFSET 0 FOR SHARE OF t SKIP LOCKED) t ON true"
    "  WHERE d.is_open AND d.state IN (0, 2) AND d.channel = w.channel"
    "   AND d.next_try_at <= $3::timestamptz AND d.owner_id <> ALL (w.busy)"
    "   AND (d.kind = 1 OR t.id IS NOT NULL)"
    "  ORDER BY d.next_try_at LIMIT w.room FOR UPDATE OF d SKIP LOCKED) d)"
    ", claimed AS (UPDATE delivery d SET state = 1, claimed_by = $4::uuid,"
    "   attempts = d.attempts + 1"
    "  WHERE d.id = ANY (ARRAY (SELECT id FROM due)) AND d.state IN (0, 2)"
    "  RETURNING d.id, d.attempts)"
    ", opened AS (INSERT INTO attempt (delivery_id, number, began_at, instance)"
    "  SELECT id, attempts, $3::timestamptz, $4::uuid FROM claimed)"
    " SELECT n.at, c.* FROM (SELECT min(l.at) AS at FROM wanted w CROSS JOIN LATERAL ("
    "   SELECT d.next_try_at AS at FROM delivery d WHERE d.is_open AND d.state IN (0, 2)"
    "   AND d.channel = w.channel AND d.next_try_at > $3::timestamptz"
    "   ORDER BY d.next_try_at LIMIT 1) l) n"
    " LEFT JOIN (SELECT due.id, due.owner_id, due.kind, due.task_id, due.reminder_id,"
    "   due.generation, due.channel, due.channel_id, due.title, due.remind_at, due.held_until,"
    "   claimed.attempts, due.due_at, due.task_zone, due.digest_until,"
    "   due.time_zone, due.email, due.name, due.reminder_settings,"
    "   (SELECT a ->> 'sealed' FROM jsonb_array_elements(due.channels) a"
    "    WHERE a ->> 'id' = due.channel_id::text),"
    "   CASE WHEN due.kind = 1 THEN (SELECT jsonb_agg(t)::text FROM (SELECT t.id, t.title,"
    "    t.due_at FROM task t WHERE t.owner_id = due.owner_id AND t.status = 0"
    "    AND t.deleted_at IS NULL AND t.due_at IS NOT NULL AND t.due_at < due.digest_until"
    "    ORDER BY t.due_at LIMIT 50) t) END"
    "  FROM claimed JOIN due ON due.id = claimed.id) c ON true",
};

static const struct json_field task_line_fields[] = {
    JSON_UUID(struct sending_task, id, "id", JSON_REQUIRED),
    JSON_TEXT(struct sending_task, title, "title", JSON_REQUIRED, 0, 10000),
    JSON_TIME(struct sending_task, due_at, "due_at", JSON_REQUIRED),
};

static void read_tasks(const char *text, struct arena *arena, struct claim *claim)
{
    const struct json_reading reading = {
        .fields = task_line_fields,
        .n_fields = sizeof task_line_fields / sizeof task_line_fields[0],
    };
    struct json_texts list = {0};
    struct sending_task *tasks;
    struct err err = {0};

    if (text == NULL || !json_read_array(text, strlen(text), 50, arena, &list, &err))
        return;
    tasks = ARENA_NEW_ARRAY(arena, list.n_items + 1, struct sending_task);
    for (size_t i = 0; i < list.n_items; i++)
        if (json_read(list.items[i], strlen(list.items[i]), &reading, arena, &tasks[claim->n_tasks],
                      &err))
            claim->n_tasks++;
    claim->tasks = tasks;
}

int64_t sending_read_next(const struct pg_rows *rows)
{
    return pg_time(rows, 0, 0);
}

int sending_count_rows(const struct pg_rows *rows)
{
    return pg_is_null(rows, 0, 1) ? 0 : pg_n_rows(rows);
}

static struct uuid read_id(const struct pg_rows *rows, int row, int column)
{
    const char *text = pg_text(rows, row, column);
    struct uuid id = {""};

    if (strcmp(text, DELIVERY_NO_ADDRESS) != 0)
        (void)uuid_read(text, &id);
    return id;
}

void sending_read_claim(const struct pg_rows *rows, int row, struct arena *arena,
                        struct claim *claim)
{
    const char *settings = pg_copy_text(rows, row, 19, arena);

    *claim = (struct claim){
        .owner_id = read_id(rows, row, 2),
        .notification =
            {
                .id = read_id(rows, row, 1),
                .kind = (int)pg_int(rows, row, 3),
                .task_id = read_id(rows, row, 4),
                .reminder_id = read_id(rows, row, 5),
                .generation = pg_int(rows, row, 6),
                .channel = (int)pg_int(rows, row, 7),
                .channel_id = read_id(rows, row, 8),
                .title = pg_copy_text(rows, row, 9, arena),
                .remind_at = pg_time(rows, row, 10),
                .attempts = pg_int(rows, row, 12),
            },
        .held_until = pg_time(rows, row, 11),
        .due_at = pg_time(rows, row, 13),
        .task_zone = pg_copy_text(rows, row, 14, arena),
        .user_zone = pg_copy_text(rows, row, 16, arena),
        .email = pg_copy_text(rows, row, 17, arena),
        .name = pg_copy_text(rows, row, 18, arena),
        .settings = schedule_read_settings(settings, arena),
        .sealed = pg_copy_text(rows, row, 20, arena),
    };
    read_tasks(pg_copy_text(rows, row, 21, arena), arena, claim);
}

const struct pg_statement SENDING_RELEASE = {
    "sending_release",
    "WITH claim AS MATERIALIZED (SELECT d.id, d.owner_id FROM attempt a"
    "  JOIN delivery d ON d.id = a.delivery_id AND d.claimed_by = $1::uuid AND d.state = 1"
    "  WHERE a.instance = $1::uuid AND a.ended_at IS NULL AND a.delivery_id <> ALL ($2::uuid[]))"
    ", owner AS MATERIALIZED (SELECT id FROM app_user"
    "  WHERE id IN (SELECT owner_id FROM claim) ORDER BY id FOR UPDATE)"
    ", freed AS (UPDATE delivery d SET claimed_by = NULL, attempts = d.attempts - 1,"
    "   state = CASE WHEN d.attempts > 1 THEN 2 ELSE 0 END"
    "  FROM claim, (SELECT count(*) FROM owner) held"
    "  WHERE d.id = claim.id AND d.claimed_by = $1::uuid AND d.state = 1"
    "  RETURNING d.id, d.owner_id, d.task_id, d.attempts + 1 AS number)"
    ", undone AS (DELETE FROM attempt a USING freed"
    "  WHERE a.delivery_id = freed.id AND a.number = freed.number)"
    " UPDATE task t SET mark = t.mark + 1, unscheduled = true"
    " FROM (SELECT DISTINCT owner_id, task_id FROM freed) f"
    " WHERE t.owner_id = f.owner_id AND t.id = f.task_id",
};

/* A task whose delivery waits again is looked at once more: it may have changed during the claim. An
 * attempt whose delivery went with its account goes too. A title that went with its task does not
 * come back. */
const struct pg_statement SENDING_CLOSE = {
    "sending_close",
    "WITH " LEDGER_OWNERS
    ", closing AS MATERIALIZED (SELECT * FROM unnest($9::uuid[], $10::int[], $11::boolean[],"
    "   $12::text[], $13::text[], $14::smallint[], $15::timestamptz[], $16::timestamptz[],"
    "   $17::timestamptz[], $18::text[])"
    "  AS c (id, number, is_begun, outcome, reason, state, ended_at, next_try_at, held_until,"
    "   title))"
    ", done AS (UPDATE delivery d SET state = c.state, claimed_by = NULL,"
    "   attempts = d.attempts - (NOT c.is_begun)::int,"
    "   title = CASE WHEN d.title = '' THEN '' ELSE c.title END,"
    "   reason = CASE WHEN c.is_begun OR c.reason IS NOT NULL THEN c.reason ELSE d.reason END,"
    "   next_try_at = coalesce(c.next_try_at, d.next_try_at),"
    "   held_until = coalesce(c.held_until, d.held_until),"
    "   sent_at = CASE WHEN c.state = 3 THEN c.ended_at END"
    "  FROM closing c, (SELECT count(*) FROM owner) held"
    "  WHERE d.id = c.id AND d.state = 1 AND d.claimed_by = $19::uuid AND d.attempts = c.number"
    "  RETURNING d.id, d.owner_id, d.task_id, d.state)"
    ", closed AS (UPDATE attempt a SET ended_at = c.ended_at, outcome = c.outcome,"
    "   reason = c.reason FROM closing c JOIN done ON done.id = c.id"
    "  WHERE a.delivery_id = c.id AND a.number = c.number AND c.is_begun)"
    ", undone AS (DELETE FROM attempt a USING closing c JOIN done ON done.id = c.id"
    "  WHERE a.delivery_id = c.id AND a.number = c.number AND NOT c.is_begun)"
    ", lost AS (DELETE FROM attempt a USING closing c WHERE a.delivery_id = c.id"
    "   AND NOT EXISTS (SELECT FROM delivery d WHERE d.id = c.id))"
    ", marked AS (UPDATE task t SET mark = t.mark + 1, unscheduled = true"
    "  FROM (SELECT DISTINCT owner_id, task_id FROM done WHERE state IN (0, 2)) w"
    "  WHERE t.owner_id = w.owner_id AND t.id = w.task_id)" LEDGER_EVENTS,
};

void sending_columns_init(struct sending_columns *columns, struct arena *arena)
{
    struct column *const all[] = {
        &columns->ids,        &columns->numbers, &columns->begun,    &columns->outcomes,
        &columns->reasons,    &columns->states,  &columns->ended_at, &columns->next_try_at,
        &columns->held_until, &columns->titles,
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        column_init(all[i], arena);
}

void sending_columns_add(struct sending_columns *columns, const struct claim *claim,
                         const struct closing *closing)
{
    column_add(&columns->ids, claim->notification.id.text);
    column_add_int(&columns->numbers, claim->notification.attempts);
    column_add_bool(&columns->begun, closing->is_begun);
    column_add(&columns->outcomes, closing->outcome);
    column_add(&columns->reasons, closing->reason);
    column_add_int(&columns->states, closing->state);
    column_add_time(&columns->ended_at, closing->ended_at);
    column_add_time(&columns->next_try_at, closing->next_try_at);
    column_add_time(&columns->held_until, closing->held_until);
    column_add(&columns->titles, claim->notification.title);
}

void sending_columns_params(const struct sending_columns *columns, struct pg_params *params)
{
    const struct column *const all[] = {
        &columns->ids,        &columns->numbers, &columns->begun,    &columns->outcomes,
        &columns->reasons,    &columns->states,  &columns->ended_at, &columns->next_try_at,
        &columns->held_until, &columns->titles,
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        column_param(all[i], params);
}
