#include "services/backend/store/task_row.h"

#include <string.h>

void task_row_read(const struct pg_rows *rows, int row, int first, const struct uuid *owner_id,
                   struct arena *arena, struct task *task)
{
    int column = first;

    *task = task_none;
    task->owner_id = *owner_id;
    memcpy(task->id.text, pg_text(rows, row, column++), UUID_TEXT_SIZE);
    task->title = pg_copy_text(rows, row, column++, arena);
    task->description = pg_copy_text(rows, row, column++, arena);
    task->status = (int)pg_int(rows, row, column++);
    task->priority = (int)pg_int(rows, row, column++);
    task->tags.items = pg_texts(rows, row, column++, arena, &task->tags.n_items);
    task->due_at = pg_time(rows, row, column++);
    task->time_zone = pg_copy_text(rows, row, column++, arena);
    task->version = pg_int(rows, row, column++);
    task->created_at = pg_time(rows, row, column++);
    task->updated_at = pg_time(rows, row, column++);
    task->completed_at = pg_time(rows, row, column++);
    task->deleted_at = pg_time(rows, row, column);
}
