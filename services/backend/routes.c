#include "services/backend/routes.h"

#include "common/events/event_types.h"
#include "services/backend/handlers/account_handlers.h"
#include "services/backend/handlers/notification_handlers.h"
#include "services/backend/handlers/occurrence_make.h"
#include "services/backend/handlers/reach_handlers.h"
#include "services/backend/handlers/task_handlers.h"

const struct route routes[] = {
    /* accounts and sessions */
    {HTTP_POST, "/api/v1/register", account_register_start},
    {HTTP_GET, "/api/v1/account", account_read_start},
    {HTTP_PATCH, "/api/v1/account", account_update_start},
    {HTTP_POST, "/api/v1/account/password", password_change_start},
    {HTTP_POST, "/api/v1/account/delete", account_delete_start},
    {HTTP_GET, "/api/v1/account/export", account_export_start},
    {HTTP_POST, "/api/v1/session", session_create_start},
    {HTTP_DELETE, "/api/v1/session", session_end_start},
    {HTTP_POST, "/api/v1/session/refresh", session_refresh_start},
    {HTTP_GET, "/api/v1/sessions", session_list_start},
    {HTTP_DELETE, "/api/v1/sessions", session_revoke_all_start},
    {HTTP_DELETE, "/api/v1/sessions/{id}", session_revoke_start},
    {HTTP_GET, "/api/v1/tokens", api_token_list_start},
    {HTTP_POST, "/api/v1/tokens", api_token_create_start},
    {HTTP_DELETE, "/api/v1/tokens/{id}", api_token_revoke_start},
    {HTTP_POST, "/api/v1/ws/ticket", ws_ticket_start},

    /* how a user is told */
    {HTTP_GET, "/api/v1/reminder-settings", reminder_settings_get_start},
    {HTTP_PATCH, "/api/v1/reminder-settings", reminder_settings_update_start},
    {HTTP_GET, "/api/v1/channels", channel_list_start},
    {HTTP_POST, "/api/v1/channels", channel_add_start},
    {HTTP_DELETE, "/api/v1/channels/{id}", channel_drop_start},
    {HTTP_GET, "/api/v1/push-key", push_key_start},
    {HTTP_GET, "/api/v1/notifications", notification_list_start},
    {HTTP_POST, "/api/v1/notifications/read", notification_read_all_start},
    {HTTP_POST, "/api/v1/notifications/{id}/read", notification_read_start},
    {HTTP_GET, "/api/v1/reminders", reminder_list_start},
    {HTTP_GET, "/api/v1/actions/{token}", action_show_start},
    {HTTP_POST, "/api/v1/actions/{token}", action_do_start},

    /* tasks */
    {HTTP_GET, "/api/v1/tasks", task_list_start},
    {HTTP_POST, "/api/v1/tasks", task_create_start},
    {HTTP_POST, "/api/v1/tasks/batch", task_batch_start},
    {HTTP_GET, "/api/v1/tasks/{id}", task_get_start},
    {HTTP_PATCH, "/api/v1/tasks/{id}", task_update_start},
    {HTTP_DELETE, "/api/v1/tasks/{id}", task_delete_start},
    {HTTP_POST, "/api/v1/tasks/{id}/complete", task_complete_start},
    {HTTP_POST, "/api/v1/tasks/{id}/reopen", task_reopen_start},
    {HTTP_POST, "/api/v1/tasks/{id}/restore", task_restore_start},
    {HTTP_POST, "/api/v1/tasks/{id}/skip", task_skip_start},
    {HTTP_POST, "/api/v1/tasks/{id}/reminders/{reminder_id}/snooze", task_snooze_start},
    {HTTP_GET, "/api/v1/series/{id}", series_get_start},
    {HTTP_GET, "/api/v1/series/{id}/occurrences", series_occurrences_start},
    {HTTP_POST, "/api/v1/series/{id}/stop", series_stop_start},
    {HTTP_POST, "/api/v1/recurrence/preview", recurrence_preview_start},
    {HTTP_GET, "/api/v1/tasks/{id}/history", task_history_start},
    {HTTP_GET, "/api/v1/history", history_start},
    {HTTP_GET, "/api/v1/sync", task_sync_start},

    /* the API's description */
    {HTTP_GET, "/api/docs", docs_page_start},
    {HTTP_GET, "/api/v1/openapi.yaml", docs_yaml_start},
    {HTTP_GET, "/api/v1/openapi.json", docs_json_start},
    {HTTP_GET, "/", docs_redirect_start},
    {HTTP_GET, "/tasks/{id}", docs_redirect_start},
};
const size_t routes_n = sizeof(routes) / sizeof(routes[0]);

const struct event_handler event_handlers[] = {
    {TOPIC_RECURRENCES, EVENT_TASK_RECURRENCE_DUE, occurrence_make_start},
    {TOPIC_NOTIFICATIONS, EVENT_NOTIFICATION_SENT, notification_sent_start},
    {TOPIC_NOTIFICATIONS, EVENT_NOTIFICATION_FAILED, notification_failed_start},
    {TOPIC_NOTIFICATIONS, EVENT_NOTIFICATION_SHOWN, notification_echo_start},
    {TOPIC_NOTIFICATIONS, EVENT_NOTIFICATION_READ, notification_echo_start},
};
const size_t event_handlers_n = sizeof(event_handlers) / sizeof(event_handlers[0]);
