#include "services/backend/handlers/notification_event.h"

#include <string.h>

#include "common/base/mem.h"
#include "services/backend/app.h"
#include "services/backend/handlers/notification_handlers.h"

void notification_event_start(struct notification_event *n, void *context,
                              struct delivery *delivery, const struct flow_plan *plan)
{
    n->app = context;
    n->delivery = delivery;
    n->event = delivery_event(delivery);
    flow_start(&n->flow, plan, n->event->traceparent);
}

enum flow_next notification_event_read(struct flow *flow)
{
    struct notification_event *n = (struct notification_event *)flow;
    const struct json_reading reading = {
        .fields = notification_fields,
        .n_fields = notification_n_fields,
        .unknown = JSON_IGNORE_UNKNOWN, /* what a newer notification adds */
    };
    struct notification *sent = &n->notification;

    *sent = (struct notification){.kind = -1, .channel = -1};
    if (!json_read(n->event->data, strlen(n->event->data), &reading, &flow->arena, sent,
                   &flow->err))
        return flow_fail(flow);
    if (!uuid_read(n->event->owner_id, &n->owner_id)) {
        err_add_field(&flow->err, "ownerid", "is not a UUID");
        return flow_fail(flow);
    }
    if (sent->kind == NOTIFICATION_REMINDER &&
        (sent->task_id.text[0] == '\0' || sent->reminder_id.text[0] == '\0' ||
         sent->generation == 0)) {
        err_add_field(&flow->err, "task_id",
                      "is required of a reminder, as are its id and generation");
        return flow_fail(flow);
    }
    if (sent->sent_at == 0)
        sent->sent_at = n->event->time;
    return FLOW_NEXT;
}

void notification_event_finish(struct flow *flow)
{
    struct notification_event *n = (struct notification_event *)flow;

    delivery_finish(n->delivery, &flow->err);
    flow_clear(flow);
    mem_free(n);
}

bool notification_event_is_moot(const struct err *err)
{
    return err->code == ERR_NOT_FOUND || err->code == ERR_UNAUTHENTICATED ||
           (err->code == ERR_CONFLICT && err->slug != PG_UNIQUE_VIOLATION);
}

void notification_echo_start(void *context, struct delivery *delivery)
{
    (void)context;
    delivery_finish(delivery, NULL);
}
