/* services/backend/store/task_row.h — the columns of a task, and how they are read. */
#ifndef SERVICES_BACKEND_STORE_TASK_ROW_H
#define SERVICES_BACKEND_STORE_TASK_ROW_H

#include "common/events/task.h"
#include "common/pg/pg.h"

#define TASK_COLUMNS                                                                               \
    "t.id, t.title, t.description, t.status, t.priority, t.tags, t.due_at, t.time_zone, "          \
    "t.version, t.created_at, t.updated_at, t.completed_at, t.deleted_at"
enum { TASK_N_COLUMNS = 13 };

/** Read TASK_COLUMNS, which begin at column `first`, of an owner's task; texts into the arena. */
void task_row_read(const struct pg_rows *rows, int row, int first, const struct uuid *owner_id,
                   struct arena *arena, struct task *task);

#endif
