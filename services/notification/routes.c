#include "services/notification/routes.h"

#include "common/events/event_types.h"
#include "common/projection/projection.h"
#include "services/notification/handlers/reminder_check.h"
#include "services/notification/handlers/reminder_list.h"

const struct event_handler event_handlers[] = {
    {TOPIC_TASK_EVENTS, EVENT_TASK_CREATED, projection_keep_task},
    {TOPIC_TASK_EVENTS, EVENT_TASK_UPDATED, projection_keep_task},
    {TOPIC_TASK_EVENTS, EVENT_TASK_COMPLETED, projection_keep_task},
    {TOPIC_TASK_EVENTS, EVENT_TASK_SKIPPED, projection_keep_task},
    {TOPIC_TASK_EVENTS, EVENT_TASK_REOPENED, projection_keep_task},
    {TOPIC_TASK_EVENTS, EVENT_TASK_DELETED, projection_keep_task},
    {TOPIC_TASK_EVENTS, EVENT_TASK_RESTORED, projection_keep_task},
    {TOPIC_TASK_EVENTS, EVENT_TASK_PURGED, projection_purge_task},
    {TOPIC_USER_EVENTS, EVENT_USER_REGISTERED, projection_keep_user},
    {TOPIC_USER_EVENTS, EVENT_USER_UPDATED, projection_keep_user},
    {TOPIC_USER_EVENTS, EVENT_USER_DELETED, projection_forget_user},
};
const size_t event_handlers_n = sizeof event_handlers / sizeof event_handlers[0];

const struct route app_routes[] = {
    {HTTP_POST, "/reminder-check", reminder_check_start},
    {HTTP_GET, "/internal/reminders", reminder_list_start},
};
const size_t app_routes_n = sizeof app_routes / sizeof app_routes[0];
