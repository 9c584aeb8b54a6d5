/* services/websocket/handlers/handlers.h — what the routes and events start. */
#ifndef SERVICES_WEBSOCKET_HANDLERS_HANDLERS_H
#define SERVICES_WEBSOCKET_HANDLERS_HANDLERS_H

#include "common/dapr/deliver.h"
#include "common/net/http_server.h"

http_handler_fn socket_open_start; /* socket_open.c */

/* update_send.c */
event_handler_fn update_send_task;
event_handler_fn update_send_purged;
event_handler_fn update_send_notification;
event_handler_fn update_close_user;
event_handler_fn update_sign_out;
event_handler_fn update_heed_probe;
event_handler_fn update_ignore;

#endif
