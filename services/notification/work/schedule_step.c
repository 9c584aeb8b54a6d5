/* A step of reminder_schedule: some tasks that the ledger does not follow are compared with it, and the
 * difference is applied at once, with its events. */
#include <string.h>

#include "common/base/flow.h"
#include "common/base/mem.h"
#include "common/events/event_types.h"
#include "services/notification/store/schedule_store.h"
#include "services/notification/work/work.h"

enum { CHANGES_MAX = 1000 };

struct schedule {
    struct flow flow; /* first member */
    struct work *work;
    int64_t now_ms;
    struct unscheduled *tasks;
    size_t n_tasks, n_changes;
    struct ledger_events events;
    struct schedule_columns columns;
    bool has_more;
};
static flow_step_fn read_tasks, compare_tasks, apply_changes;
static flow_finish_fn finish_step;
static const struct flow_plan schedule_plan = {
    .name = "reminder_schedule",
    .steps = {read_tasks, compare_tasks, apply_changes},
    .finish = finish_step,
};

void schedule_step(void *arg, int64_t now_ms)
{
    struct schedule *s = MEM_NEW(struct schedule);

    s->work = arg;
    s->now_ms = now_ms;
    flow_start(&s->flow, &schedule_plan, NULL);
}

static void on_tasks_read(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct schedule *s = arg;

    if (err == NULL)
        s->tasks = schedule_read_rows(rows, &s->flow.arena, &s->n_tasks);
    flow_resume(&s->flow, err);
}

static enum flow_next read_tasks(struct flow *flow)
{
    struct schedule *s = (struct schedule *)flow;
    struct pg_params params;

    pg_params_init(&params, &flow->arena);
    pg_query(s->work->service->pool, &SCHEDULE_READ, &params, on_tasks_read, s);
    return FLOW_WAIT;
}

static void tell(struct schedule *s, const struct unscheduled *task,
                 const struct schedule_change *change)
{
    const struct delivery_row *row = &change->row;
    struct notification notification = {
        .id = row->id,
        .kind = NOTIFICATION_REMINDER,
        .task_id = task->task_id,
        .reminder_id = row->reminder_id,
        .generation = row->generation,
        .channel = row->channel,
        .channel_id = row->channel_id,
        .title = task->title,
        .remind_at = row->remind_at,
        .attempts = row->attempts,
    };

    if (strcmp(notification.channel_id.text, DELIVERY_NO_ADDRESS) == 0)
        notification.channel_id = (struct uuid){""};
    if (row->state == DELIVERY_SCHEDULED)
        ledger_events_add(&s->events, TOPIC_REMINDERS, EVENT_REMINDER_SCHEDULED, &notification);
    else if (row->state == DELIVERY_CANCELLED)
        ledger_events_add(&s->events, TOPIC_REMINDERS, EVENT_REMINDER_CANCELLED, &notification);
}

static void compare_task(struct schedule *s, struct unscheduled *task)
{
    struct schedule_job *job = &task->job;
    struct schedule_change *changes;
    size_t n_changes;

    job->now_ms = s->now_ms;
    job->age_max_ms = (int64_t)s->work->config->reminder_age_max_s * 1000;
    job->keep_ms = work_keep_ms(s->work);
    job->user.zone = work_zone(s->work, task->user_zone_name, s->now_ms);
    job->task.zone = work_zone(s->work, task->zone_name, s->now_ms);
    if (job->task.zone == NULL)
        job->task.zone = job->user.zone;
    changes = schedule_compare(job, &s->flow.arena, &n_changes);
    ledger_events_add_owner(&s->events, &task->owner_id);
    schedule_columns_add_task(&s->columns, task);
    for (size_t i = 0; i < n_changes; i++) {
        if (changes[i].was < 0)
            changes[i].row.id = uuid_new(s->now_ms);
        schedule_columns_add_change(&s->columns, task, &changes[i]);
        tell(s, task, &changes[i]);
    }
    s->n_changes += n_changes;
}

static enum flow_next compare_tasks(struct flow *flow)
{
    struct schedule *s = (struct schedule *)flow;
    size_t n_compared = 0;

    if (s->n_tasks == 0)
        return FLOW_STOP;
    ledger_events_init(&s->events, &flow->arena, s->now_ms, flow->traceparent);
    schedule_columns_init(&s->columns, &flow->arena);
    while (n_compared < s->n_tasks && s->n_changes < CHANGES_MAX)
        compare_task(s, &s->tasks[n_compared++]);
    s->has_more = n_compared < s->n_tasks || s->n_tasks == SCHEDULE_READ_MAX;
    return FLOW_NEXT;
}

static void on_applied(void *arg, const struct pg_rows *rows, const struct err *err)
{
    struct schedule *s = arg;

    (void)rows;
    flow_resume(&s->flow, err);
}

static enum flow_next apply_changes(struct flow *flow)
{
    struct schedule *s = (struct schedule *)flow;
    struct pg_params params;

    pg_params_init(&params, &flow->arena);
    ledger_events_params(&s->events, &params);
    schedule_columns_params(&s->columns, &params);
    pg_query(s->work->service->pool, &SCHEDULE_APPLY, &params, on_applied, s);
    return FLOW_WAIT;
}

static void finish_step(struct flow *flow)
{
    struct schedule *s = (struct schedule *)flow;
    struct work *work = s->work;

    if (s->n_tasks > 0) {
        due_work_wake(work->send);
        service_wake_relay(work->service);
    }
    due_work_done(work->schedule, s->has_more, 0, &flow->err);
    flow_clear(flow);
    mem_free(s);
}
