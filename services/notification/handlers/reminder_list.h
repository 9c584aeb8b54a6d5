/* services/notification/handlers/reminder_list.h — GET /internal/reminders. */
#ifndef SERVICES_NOTIFICATION_HANDLERS_REMINDER_LIST_H
#define SERVICES_NOTIFICATION_HANDLERS_REMINDER_LIST_H

#include "common/net/http_server.h"

http_handler_fn reminder_list_start;

#endif
