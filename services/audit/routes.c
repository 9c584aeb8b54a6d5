#include "services/audit/routes.h"

#include "common/events/event_types.h"
#include "services/audit/handlers/dead_letter_keep.h"
#include "services/audit/handlers/event_append.h"
#include "services/audit/handlers/history_list.h"
#include "services/audit/handlers/owner_erase.h"

const struct route app_routes[] = {
    {HTTP_GET, "/internal/history", history_list_start},
};
const size_t app_routes_n = sizeof(app_routes) / sizeof(app_routes[0]);

/* every topic but task-updates, and every type, known or not */
const struct event_handler event_handlers[] = {
    {TOPIC_TASK_EVENTS, NULL, event_append_start},
    {TOPIC_USER_EVENTS, EVENT_USER_DELETED, owner_erase_start},
    {TOPIC_USER_EVENTS, NULL, event_append_start},
    {TOPIC_RECURRENCES, NULL, event_append_start},
    {TOPIC_REMINDERS, NULL, event_append_start},
    {TOPIC_NOTIFICATIONS, NULL, event_append_start},
    {TOPIC_CHAT_EVENTS, NULL, event_append_start},
    {TOPIC_DEAD_LETTERS, NULL, dead_letter_keep_start},
};
const size_t event_handlers_n = sizeof(event_handlers) / sizeof(event_handlers[0]);
