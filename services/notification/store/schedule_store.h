/* services/notification/store/schedule_store.h — tasks that the ledger does not follow yet. */
#ifndef SERVICES_NOTIFICATION_STORE_SCHEDULE_STORE_H
#define SERVICES_NOTIFICATION_STORE_SCHEDULE_STORE_H

#include "services/notification/domain/schedule.h"
#include "services/notification/store/ledger_events.h"

/* tasks that SCHEDULE_READ reads: its LIMIT, a number that the planner knows */
enum { SCHEDULE_READ_MAX = 100 };

extern const struct pg_statement SCHEDULE_READ, SCHEDULE_APPLY;

/** Return the settings in a JSON object, the initial ones of NULL or of what cannot be read. */
struct reminder_settings schedule_read_settings(const char *json, struct arena *arena);

/** A task, its owner's settings, and what the ledger has of it. */
struct unscheduled {
    struct uuid owner_id, task_id;
    int64_t mark;
    const char *title;                      /* "" of a purged one */
    const char *zone_name, *user_zone_name; /* NULL: none */
    struct schedule_job job;                /* without zones, now_ms, age_max_ms, keep_ms */
};

/** Read the columns of SCHEDULE_READ into the arena. A row whose JSON cannot be
 *  read has no reminders. */
struct unscheduled *schedule_read_rows(const struct pg_rows *rows, struct arena *arena,
                                       size_t *n_tasks);

/** The parameters of SCHEDULE_APPLY: those of the events, then tasks and changes. A task that was
 *  marked again meanwhile stays unscheduled, and nothing of it is changed; a row whose state is not
 *  what it was any more stays as it is. Its rows are the changed deliveries. */
struct schedule_columns {
    struct column owners, tasks, marks;
    struct column row_ids, row_owners, row_tasks, titles, was, states, reminders, generations,
        channels, channel_ids, remind_at, next_try_at, held_until;
};
void schedule_columns_init(struct schedule_columns *columns, struct arena *arena);
void schedule_columns_add_task(struct schedule_columns *columns, const struct unscheduled *task);
void schedule_columns_add_change(struct schedule_columns *columns, const struct unscheduled *task,
                                 const struct schedule_change *change);
void schedule_columns_params(const struct schedule_columns *columns, struct pg_params *params);

#endif
