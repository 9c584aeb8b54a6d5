/* services/backend/handlers/reach_handlers.h — the starts of the flows of how a user is told, and of
 * what he was told, for routes.c. */
#ifndef SERVICES_BACKEND_HANDLERS_REACH_HANDLERS_H
#define SERVICES_BACKEND_HANDLERS_REACH_HANDLERS_H

#include "common/net/http_server.h"

http_handler_fn reminder_settings_get_start, reminder_settings_update_start;
http_handler_fn channel_list_start, channel_add_start, channel_drop_start;
http_handler_fn push_key_start;
http_handler_fn notification_list_start, notification_read_start, notification_read_all_start;
http_handler_fn reminder_list_start;
http_handler_fn action_show_start, action_do_start;

#endif
