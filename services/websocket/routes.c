#include "services/websocket/routes.h"

#include "common/events/event_types.h"
#include "services/websocket/handlers/handlers.h"

const struct route routes[] = {
    {HTTP_GET, "/ws", socket_open_start},
};
const size_t routes_n = sizeof routes / sizeof routes[0];

const struct event_handler event_handlers[] = {
    {TOPIC_TASK_UPDATES, EVENT_UPDATE_TASK, update_send_task},
    {TOPIC_TASK_UPDATES, EVENT_UPDATE_TASK_PURGED, update_send_purged},
    {TOPIC_TASK_UPDATES, EVENT_UPDATE_NOTIFICATION, update_send_notification},
    {TOPIC_TASK_UPDATES, EVENT_UPDATE_USER_DELETED, update_close_user},
    {TOPIC_TASK_UPDATES, EVENT_UPDATE_SIGNED_OUT, update_sign_out},
    {TOPIC_TASK_UPDATES, EVENT_UPDATE_PROBE, update_heed_probe},
    {TOPIC_TASK_UPDATES, NULL, update_ignore}, /* of a newer backend */
};
const size_t event_handlers_n = sizeof event_handlers / sizeof event_handlers[0];
