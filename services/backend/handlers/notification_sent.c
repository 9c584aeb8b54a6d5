/* notification.sent: the reminder is marked on its task, and what went to the app is shown there. Both
 * happen once by their own key, however often and in whatever order the events come: the reminder's
 * generation, and the delivery's id. */
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/handlers/notification_event.h"
#include "services/backend/handlers/notification_handlers.h"
#include "services/backend/handlers/task_apply.h"
#include "services/backend/store/notification_store.h"

struct notification_sent {
    struct notification_event n; /* first member */
    struct task_reminded reminded;
    struct task_apply apply;
    struct app_notification shown;
    bool has_changed;
};
static flow_step_fn mark_task, show_in_app;
static store_done_fn on_task_marked, on_shown;
static const struct flow_plan notification_sent_plan = {
    .name = "notification_sent",
    .steps = {notification_event_read, mark_task, show_in_app},
    .finish = notification_event_finish,
};

void notification_sent_start(void *context, struct delivery *delivery)
{
    struct notification_sent *s = MEM_NEW(struct notification_sent);

    notification_event_start(&s->n, context, delivery, &notification_sent_plan);
}

static enum flow_next mark_task(struct flow *flow)
{
    struct notification_sent *s = (struct notification_sent *)flow;
    const struct notification *sent = &s->n.notification;

    if (sent->kind != NOTIFICATION_REMINDER)
        return FLOW_NEXT;
    s->reminded = (struct task_reminded){.reminder_id = sent->reminder_id,
                                         .generation = sent->generation,
                                         .sent_at = sent->sent_at,
                                         .channel = sent->channel};
    s->apply = (struct task_apply){
        .app = s->n.app,
        .arena = &flow->arena,
        .job = {.op = TASK_REMIND,
                .owner_id = s->n.owner_id,
                .id = sent->task_id,
                .reminded = &s->reminded,
                .traceparent = flow->traceparent},
        .done = on_task_marked,
        .arg = s,
    };
    return task_apply_start(&s->apply, &flow->err) ? FLOW_WAIT : flow_fail(flow);
}

static void on_task_marked(void *arg, const struct err *err)
{
    struct notification_sent *s = arg;

    flow_resume(&s->n.flow, err != NULL && notification_event_is_moot(err) ? NULL : err);
}

/* What is so old that the list has forgotten it does not come back when the topic is replayed. */
static enum flow_next show_in_app(struct flow *flow)
{
    struct notification_sent *s = (struct notification_sent *)flow;
    const struct app *app = s->n.app;
    const struct store_call call = {app->service.pool, &flow->arena, on_shown, s};
    const int64_t now_ms = clock_now_ms();
    const int64_t age_max_ms = (int64_t)app->config->notification_days * 86400000;
    const struct notification_change change = {s->n.owner_id, flow->traceparent, now_ms};

    if (s->n.notification.channel != CHANNEL_APP || s->n.notification.sent_at < now_ms - age_max_ms)
        return FLOW_NEXT;
    s->shown = app_notification_make(&s->n.notification);
    notification_store_add(&call, &change, &s->shown, &s->has_changed);
    return FLOW_WAIT;
}

static void on_shown(void *arg, const struct err *err)
{
    struct notification_sent *s = arg;

    if (err == NULL && s->has_changed)
        service_wake_relay(&s->n.app->service);
    flow_resume(&s->n.flow, err);
}
