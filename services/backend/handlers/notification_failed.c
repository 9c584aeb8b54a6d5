/* notification.failed: a push subscription or webhook that is no more is removed, and the user's event
 * says so. Other failures are told in the list of reminders, which notification has. */
#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/domain/account_channels.h"
#include "services/backend/handlers/account_change.h"
#include "services/backend/handlers/notification_event.h"
#include "services/backend/handlers/notification_handlers.h"

struct notification_failed {
    struct notification_event n; /* first member */
    struct account_change change;
};
static flow_step_fn drop_channel;
static account_change_fn apply_drop;
static store_done_fn on_dropped;
static const struct flow_plan notification_failed_plan = {
    .name = "notification_failed",
    .steps = {notification_event_read, drop_channel},
    .finish = notification_event_finish,
};

void notification_failed_start(void *context, struct delivery *delivery)
{
    struct notification_failed *f = MEM_NEW(struct notification_failed);

    notification_event_start(&f->n, context, delivery, &notification_failed_plan);
}

static enum flow_next drop_channel(struct flow *flow)
{
    struct notification_failed *f = (struct notification_failed *)flow;

    if (!f->n.notification.is_gone || f->n.notification.channel_id.text[0] == '\0')
        return FLOW_NEXT;
    f->change = (struct account_change){
        .app = f->n.app,
        .arena = &flow->arena,
        .owner_id = f->n.owner_id,
        .traceparent = flow->traceparent,
        .change = apply_drop,
        .done = on_dropped,
        .arg = f,
    };
    account_change_start(&f->change);
    return FLOW_WAIT;
}

/* It may be gone already: nothing to do then. */
static bool apply_drop(struct account_change *change, struct err *err)
{
    struct notification_failed *f = change->arg;

    (void)err;
    change->drop = &f->n.notification.channel_id;
    return account_drop_channel(&change->account, change->drop, change->now_ms);
}

static void on_dropped(void *arg, const struct err *err)
{
    struct notification_failed *f = arg;

    flow_resume(&f->n.flow, err != NULL && notification_event_is_moot(err) ? NULL : err);
}
