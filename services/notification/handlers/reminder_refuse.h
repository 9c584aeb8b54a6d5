/* services/notification/handlers/reminder_refuse.h — reminders, while none are made. */
#ifndef SERVICES_NOTIFICATION_HANDLERS_REMINDER_REFUSE_H
#define SERVICES_NOTIFICATION_HANDLERS_REMINDER_REFUSE_H

#include "common/dapr/deliver.h"

event_handler_fn reminder_refuse_start;

#endif
