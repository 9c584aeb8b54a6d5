#include "services/recurring-task/routes.h"

#include "common/events/event_types.h"
#include "common/projection/projection.h"
#include "services/recurring-task/app.h"
#include "services/recurring-task/handlers/preview.h"

/* the cron binding recurrence-sweep */
static void sweep_recurrences(void *context, struct http_request *req)
{
    due_work_answer_cron(((struct app *)context)->decider, req);
}

const struct route app_routes[] = {
    {HTTP_POST, "/recurrence-sweep", sweep_recurrences},
    {HTTP_POST, "/internal/preview", preview_start},
};
const size_t app_routes_n = sizeof app_routes / sizeof app_routes[0];

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
