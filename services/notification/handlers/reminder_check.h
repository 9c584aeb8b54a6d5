/* services/notification/handlers/reminder_check.h — the cron binding fired: POST /reminder-check. */
#ifndef SERVICES_NOTIFICATION_HANDLERS_REMINDER_CHECK_H
#define SERVICES_NOTIFICATION_HANDLERS_REMINDER_CHECK_H

#include "common/net/http_server.h"

http_handler_fn reminder_check_start;

#endif
