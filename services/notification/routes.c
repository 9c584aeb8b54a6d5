#include "services/notification/routes.h"

#include "common/events/event_types.h"
#include "common/projection/projection.h"
#include "services/notification/handlers/reminder_refuse.h"

const struct event_handler event_handlers[] = {
    {TOPIC_TASK_EVENTS, EVENT_TASK_CREATED, projection_keep_task},
    {TOPIC_TASK_EVENTS, EVENT_TASK_UPDATED, projection_keep_task},
    {TOPIC_TASK_EVENTS, EVENT_TASK_COMPLETED, projection_keep_task},
    {TOPIC_TASK_EVENTS, EVENT_TASK_REOPENED, projection_keep_task},
    {TOPIC_TASK_EVENTS, EVENT_TASK_DELETED, projection_keep_task},
    {TOPIC_TASK_EVENTS, EVENT_TASK_RESTORED, projection_keep_task},
    {TOPIC_TASK_EVENTS, EVENT_TASK_PURGED, projection_purge_task},
    {TOPIC_USER_EVENTS, EVENT_USER_REGISTERED, projection_keep_user},
    {TOPIC_USER_EVENTS, EVENT_USER_UPDATED, projection_keep_user},
    {TOPIC_USER_EVENTS, EVENT_USER_DELETED, projection_forget_user},
    {TOPIC_REMINDERS, NULL, reminder_refuse_start},
};
const size_t event_handlers_n = sizeof event_handlers / sizeof event_handlers[0];
