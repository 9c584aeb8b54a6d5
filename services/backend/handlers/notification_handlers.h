/* services/backend/handlers/notification_handlers.h — the starts of the flows that the events of
 * notification begin, for routes.c. */
#ifndef SERVICES_BACKEND_HANDLERS_NOTIFICATION_HANDLERS_H
#define SERVICES_BACKEND_HANDLERS_NOTIFICATION_HANDLERS_H

#include "common/dapr/deliver.h"

/** What was sent is noted on its task, and shown in the app. */
event_handler_fn notification_sent_start;

/** An address that is no more is removed. */
event_handler_fn notification_failed_start;

/** Our own facts, which are for the trail. */
event_handler_fn notification_echo_start;

#endif
