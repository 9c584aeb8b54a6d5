/* services/backend/handlers/notification_event.h — an event of notification as its flows read it. */
#ifndef SERVICES_BACKEND_HANDLERS_NOTIFICATION_EVENT_H
#define SERVICES_BACKEND_HANDLERS_NOTIFICATION_EVENT_H

#include "common/base/flow.h"
#include "common/dapr/deliver.h"
#include "common/events/notification.h"

struct app;

/** First member of their flows. */
struct notification_event {
    struct flow flow;
    struct app *app;           /* borrowed */
    struct delivery *delivery; /* taken; delivery_finish gives it back */
    const struct event *event; /* of the delivery */
    struct uuid owner_id;
    struct notification notification;
};

/** Start the flow of `n` (allocated by the handler, zeroed). */
void notification_event_start(struct notification_event *n, void *context,
                              struct delivery *delivery, const struct flow_plan *plan);

/** The first step: read the data. */
flow_step_fn notification_event_read;

/** The end: answer the sidecar, free. */
flow_finish_fn notification_event_finish;

/** Return whether `err` says that whom it is about is gone or has moved on: then all is done. */
bool notification_event_is_moot(const struct err *err);

#endif
