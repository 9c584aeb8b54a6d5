#include "services/backend/store/task_row.h"

#include <string.h>

#include "services/backend/domain/task_text.h"

static struct uuid read_uuid(const struct pg_rows *rows, int row, int column)
{
    struct uuid id = {""};

    if (!pg_is_null(rows, row, column))
        memcpy(id.text, pg_text(rows, row, column), UUID_TEXT_SIZE);
    return id;
}

/* An enum whose NULL is -1. */
static int read_choice(const struct pg_rows *rows, int row, int column)
{
    return pg_is_null(rows, row, column) ? -1 : (int)pg_int(rows, row, column);
}

static void add_choice(struct pg_params *params, int choice)
{
    if (choice < 0)
        pg_add_text(params, NULL);
    else
        pg_add_int(params, choice);
}

static void add_uuid(struct pg_params *params, const struct uuid *id)
{
    pg_add_text(params, id->text[0] == '\0' ? NULL : id->text);
}

/* A number from 1; 0 is none. */
static void add_number(struct pg_params *params, int64_t number)
{
    if (number == 0)
        pg_add_text(params, NULL);
    else
        pg_add_int(params, number);
}

void task_row_read(const struct pg_rows *rows, int row, int first, const struct uuid *owner_id,
                   struct arena *arena, struct task *task)
{
    int column = first;

    *task = task_none;
    task->owner_id = *owner_id;
    task->id = read_uuid(rows, row, column++);
    task->title = pg_copy_text(rows, row, column++, arena);
    task->description = pg_copy_text(rows, row, column++, arena);
    task->status = (int)pg_int(rows, row, column++);
    task->priority = (int)pg_int(rows, row, column++);
    task->tags.items = pg_texts(rows, row, column++, arena, &task->tags.n_items);
    task->due_at = pg_time(rows, row, column++);
    task->time_zone = pg_copy_text(rows, row, column++, arena);
    task->recurrence = pg_copy_text(rows, row, column++, arena);
    task->anchor = read_choice(rows, row, column++);
    task->missed = read_choice(rows, row, column++);
    task->series_id = read_uuid(rows, row, column++);
    task->series_version = pg_int(rows, row, column++);
    task->occurrence = pg_int(rows, row, column++);
    task->series_start = pg_copy_text(rows, row, column++, arena);
    task->series_from = pg_int(rows, row, column++);
    task->scheduled_at = pg_time(rows, row, column++);
    task->reminders.items = pg_texts(rows, row, column++, arena, &task->reminders.n_items);
    task->reminder_sent = pg_bool(rows, row, column++);
    task->version = pg_int(rows, row, column++);
    task->created_at = pg_time(rows, row, column++);
    task->updated_at = pg_time(rows, row, column++);
    task->completed_at = pg_time(rows, row, column++);
    task->deleted_at = pg_time(rows, row, column);
}

void task_row_add(struct pg_params *params, const struct task *task)
{
    struct json_texts keys = task_text_fold_all(&task->tags, params->arena);

    pg_add_text(params, task->title);
    pg_add_text(params, task->description);
    pg_add_int(params, task->status);
    pg_add_int(params, task->priority);
    pg_add_texts(params, task->tags.items, task->tags.n_items);
    pg_add_texts(params, keys.items, keys.n_items);
    pg_add_time(params, task->due_at);
    pg_add_text(params, task->time_zone);
    pg_add_text(params, task->recurrence);
    add_choice(params, task->anchor);
    add_choice(params, task->missed);
    add_uuid(params, &task->series_id);
    add_number(params, task->series_version);
    add_number(params, task->occurrence);
    pg_add_text(params, task->series_start);
    add_number(params, task->series_from);
    pg_add_time(params, task->scheduled_at);
    pg_add_texts(params, task->reminders.items, task->reminders.n_items);
    pg_add_bool(params, task->reminder_sent);
    pg_add_time(params, task->completed_at);
    pg_add_time(params, task->deleted_at);
    pg_add_time(params, task->updated_at);
}

void series_row_read(const struct pg_rows *rows, int row, int first, struct arena *arena,
                     struct series *series)
{
    int column = first;

    *series = series_none;
    if (pg_is_null(rows, row, first))
        return;
    series->id = read_uuid(rows, row, column++);
    series->version = pg_int(rows, row, column++);
    series->revision = pg_int(rows, row, column++);
    series->last_occurrence = pg_int(rows, row, column++);
    series->newest_id = read_uuid(rows, row, column++);
    series->recurrence = pg_copy_text(rows, row, column++, arena);
    series->anchor = (int)pg_int(rows, row, column++);
    series->missed = (int)pg_int(rows, row, column++);
    series->time_zone = pg_copy_text(rows, row, column++, arena);
    series->start = pg_copy_text(rows, row, column++, arena);
    series->from = pg_int(rows, row, column++);
    series->title = pg_copy_text(rows, row, column++, arena);
    series->description = pg_copy_text(rows, row, column++, arena);
    series->priority = (int)pg_int(rows, row, column++);
    series->tags.items = pg_texts(rows, row, column++, arena, &series->tags.n_items);
    series->offsets.items = pg_texts(rows, row, column++, arena, &series->offsets.n_items);
    series->created_at = pg_time(rows, row, column++);
    series->stopped_at = pg_time(rows, row, column);
}

void series_row_add(struct pg_params *params, const struct series *series)
{
    pg_add_text(params, series->id.text);
    pg_add_int(params, series->version);
    pg_add_int(params, series->revision);
    pg_add_int(params, series->last_occurrence);
    pg_add_text(params, series->newest_id.text);
    pg_add_text(params, series->recurrence);
    pg_add_int(params, series->anchor);
    pg_add_int(params, series->missed);
    pg_add_text(params, series->time_zone);
    pg_add_text(params, series->start);
    pg_add_int(params, series->from);
    pg_add_text(params, series->title);
    pg_add_text(params, series->description);
    pg_add_int(params, series->priority);
    pg_add_texts(params, series->tags.items, series->tags.n_items);
    pg_add_texts(params, series->offsets.items, series->offsets.n_items);
    pg_add_time(params, series->created_at);
    pg_add_time(params, series->stopped_at);
}
