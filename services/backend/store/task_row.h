/* services/backend/store/task_row.h — the columns of a task and of a series: how they are read, and
 * written as parameters. */
#ifndef SERVICES_BACKEND_STORE_TASK_ROW_H
#define SERVICES_BACKEND_STORE_TASK_ROW_H

#include "common/events/task.h"
#include "common/pg/pg.h"
#include "services/backend/domain/series.h"

#define TASK_COLUMNS                                                                               \
    "t.id, t.title, t.description, t.status, t.priority, t.tags, t.due_at, t.time_zone, "          \
    "t.recurrence, t.anchor, t.missed, t.series_id, t.series_version, t.occurrence, "              \
    "t.series_start, t.series_from, t.scheduled_at, t.reminders, t.reminder_sent, "                \
    "t.version, t.created_at, t.updated_at, t.completed_at, t.deleted_at"
enum { TASK_N_COLUMNS = 24 };

/** Read TASK_COLUMNS, which begin at column `first`, of an owner's task; texts into the arena. */
void task_row_read(const struct pg_rows *rows, int row, int first, const struct uuid *owner_id,
                   struct arena *arena, struct task *task);

/* What task_row_add adds, in this order: the task's own columns but id and version. */
#define TASK_WRITTEN_COLUMNS                                                                       \
    "title, description, status, priority, tags, tag_keys, due_at, time_zone, recurrence, "        \
    "anchor, missed, series_id, series_version, occurrence, series_start, series_from, "           \
    "scheduled_at, reminders, reminder_sent, completed_at, deleted_at, updated_at"
enum { TASK_N_WRITTEN_COLUMNS = 22 };
void task_row_add(struct pg_params *params, const struct task *task);

#define SERIES_COLUMNS                                                                             \
    "s.id, s.version, s.revision, s.last_occurrence, s.newest_id, s.recurrence, s.anchor, "        \
    "s.missed, s.time_zone, s.start, s.start_from, s.title, s.description, s.priority, s.tags, "   \
    "s.offsets, s.created_at, s.stopped_at"
enum { SERIES_N_COLUMNS = 18 };

/** Read SERIES_COLUMNS, which begin at column `first`: all null is series_none. */
void series_row_read(const struct pg_rows *rows, int row, int first, struct arena *arena,
                     struct series *series);

/** Add what SERIES_COLUMNS read, in their order. */
void series_row_add(struct pg_params *params, const struct series *series);

#endif
